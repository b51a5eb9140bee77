#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# minato entropy as an ordinary user: the default passes, a counter does not, the kernel beside it.
. "$(dirname "$0")/lib.bash"

entropy() { as_user env LANG=C "$M" entropy -s 1 -n 30000 "$@"; }
# asked FILE EXPRESSION: what the certificate says, with d for the whole of it.
asked() { python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$@"; }

text=$(entropy 2>"$T/said")
is "the default meets the certificate" $? 0
has "... and says so" "$text" '^permutation: meets the certificate$'
is "... with nothing to complain of" "$(cat "$T/said")" ""
has "a plot of successive ports" "$text" '^  \+-{60}\+$'
has "every estimator has a line" "$text" 'LZ78Y predictor +[0-9.]+ +[0-9.]+ +[0-9.]+$'
has "a port that never came again has no distance" "$text" '64,512 ports +- +- +-$'
has "all ports are obtained" "$text" 'obtained for one destination: 64512 of 64512'
is "no plot where none is wanted" "$(entropy --no-plot | grep -c -- '+---')" 0

entropy -a hash --json >"$T/hash.json" 2>"$T/said"
is "a counter behind a hash does not" $? 1
has "... and the lines that failed are said" "$(cat "$T/said")" '^minato: hash: game: [0-9.]+, which should be at most'
is "... its next port is foretold" "$(asked "$T/hash.json" 'd["chooser"]["game"]["hits"] > 29900')" True
is "... by the last plus 1" "$(asked "$T/hash.json" 'd["chooser"]["game"]["best"]')" "the last plus 1"
is "... and it tells how often others are picked" \
	"$(asked "$T/hash.json" 'd["leakage"][3]["p"] < 1e-9')" True
entropy -a double-hash --json >"$T/double.json" 2>/dev/null
is "neither does a table of counters" $? 1
is "... whose bars are members of the JSON" \
	"$(asked "$T/double.json" '[b["name"] for b in d["bars"]]')" \
	"['entropy', 'game', 'runs', 'even', 'leakage', 'tracking', 'fill']"

undocumented() { # FILE: members at the top that the manual does not name
	python3 - "$1" "$MINATO_SOURCE/man/minato-entropy.1" <<'X'
import json, re, sys
page = open(sys.argv[2]).read()
words = set(re.findall(r'[a-z_0-9]+', ' '.join(re.findall(r'^\.(?:It )?Va (.*)', page, re.M))))
def members(value):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from members(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from members(inner)
print(*sorted(set(members(json.load(open(sys.argv[1])))) - words))
X
}
is "every member of the JSON is in the manual" "$(undocumented "$T/double.json")" ""

# Few descriptors, so that it is over at once.
kernel() { (ulimit -n 1100 && entropy -n 10000 --kernel --no-plot --json); }
kernel >"$T/kernel.json" 2>"$T/said"
code=$?
if [ $code = 125 ]; then
	skip "the kernel beside it" "$(cat "$T/said")"
else
	is "the kernel beside it: as many picks each" \
		"$(asked "$T/kernel.json" 'd["beside"]["kernel"]["picks"] == d["beside"]["minato"]["picks"]')" True
	is "... in a namespace of its own" "$(asked "$T/kernel.json" 'd["beside"]["own_namespace"]')" True
	is "... whose next port is easier to tell" \
		"$(asked "$T/kernel.json" 'd["beside"]["kernel"]["game"]["ratio"] > d["beside"]["minato"]["game"]["ratio"]')" True
	is "... and its members are in the manual" "$(undocumented "$T/kernel.json")" ""
	is "... within the descriptors there are" \
		"$(asked "$T/kernel.json" 'd["beside"]["kernel_cost"]["ports"]')" 1036
fi

# Where no namespace may be made, each socket's own range.
as_user unshare --user --map-root-user --net bash -c '
	ip link set lo up
	echo 0 >/proc/sys/user/max_user_namespaces
	echo 0 >/proc/sys/user/max_net_namespaces
	# All that is chosen from: whatever else takes one would be missed where all are taken.
	echo 32768 33803 >/proc/sys/net/ipv4/ip_local_port_range
	ulimit -n 1100
	exec "$1" entropy -s 1 -n 10000 --kernel --json' - "$M" >"$T/shared.json" 2>"$T/said"
if [ $? = 125 ]; then
	has "without a namespace it is said what is missing" "$(cat "$T/said")" 'Linux 6\.3'
else
	is "without a namespace of its own the kernel is asked all the same" \
		"$(asked "$T/shared.json" 'd["beside"]["own_namespace"], d["beside"]["kernel"]["picks"]')" \
		"(False, 10000)"
fi

has "a name that is nearly one" "$(entropy -a permutatoin 2>&1)" 'did you mean permutation\?'
entropy -a nonsense 2>/dev/null
is "... is refused" $? 2
finish
