#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The requirements of the NAT RFCs: at least 85 of 97 are met, what should be met is, the table is as
# it was, the manual says what is found, also of nftables.
. "$(dirname "$0")/lib.bash"

verify() { timeout 300 "$M" nat verify "$@"; }
asked() { python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$@"; }

text=$(verify 2>"$T/said")
is "the bar is held, and what should be met is" $? 0
is "... with nothing to complain of" "$(cat "$T/said")" ""
# Ports and other figures are not the table's: they change with the chooser.
printf '%s\n' "$text" | python3 -c '
import re, sys
for line in sys.stdin:
    words = line.rstrip("\n").split(None, 1)
    print(*words[:1], *(re.sub(r"[0-9][0-9,.]*", "#", rest) for rest in words[1:]))
' >"$T/table"
[ -z "${NAT_TABLE:-}" ] || cp "$T/table" "$NAT_TABLE"
ok "the table is as it was (test/net/nat_verify.table)" diff "$MINATO_SOURCE/test/net/nat_verify.table" "$T/table"

verify --json >"$T/ours.json" 2>/dev/null
ok "the JSON is as its schema says" \
	python3 "$MINATO_SOURCE/test/net/schema.py" "$MINATO_SOURCE/doc/nat-verify.schema.json" "$T/ours.json"
is "97 requirements were run" "$(asked "$T/ours.json" 'd["run"], len([r for r in d["rows"] if not r["settles"]])')" "(97, 97)"
is "at least 85 are met" "$(asked "$T/ours.json" 'd["met"] >= 85')" True
is "the settled contradictions are" "$(asked "$T/ours.json" '[r["id"] for r in d["rows"] if r["settles"] and r["result"] == "met"]')" \
	"['S1', 'S2', 'S3', 'S4']"
is "each deviation has a reason" "$(asked "$T/ours.json" '[r["id"] for r in d["rows"] if not r["why"]]')" "[]"

is "one row alone" "$(verify -H --row 4787-r9a | cut -c 1-23)" "4787-R9a    met       B"
verify --row 4787-R9 --packets >"$T/one" 2>"$T/packets"
has "... with its packets" "$(cat "$T/packets")" 'inside  -> udp 10\.0\.0\.2:5000 > 198\.51\.100\.1:[0-9]+, 6 bytes'
is "the list has all" "$(verify --list | wc -l)" 102
verify --row 4787-R99 2>"$T/said"
is "a row that is not there is refused" $? 2
has "... with the nearest" "$(cat "$T/said")" "did you mean 4787-R9\?"

# Both columns. Each row has a namespace of its own, made by us or by a user namespace.
verify --against nftables --json >"$T/both.json" 2>"$T/said"
if [ "$(asked "$T/both.json" '"nftables_met" in d')" = True ]; then
	ok "the JSON with both columns is as its schema says" \
		python3 "$MINATO_SOURCE/test/net/schema.py" "$MINATO_SOURCE/doc/nat-verify.schema.json" "$T/both.json"
	is "the same run shows rows that nftables does not meet" \
		"$(asked "$T/both.json" 'len([r for r in d["rows"] if r["result"] == "met" and r["nftables"]["result"] == "deviates"]) > 25')" True
	is "... and none that it could not run" \
		"$(asked "$T/both.json" '[r["id"] for r in d["rows"] if "its process ended" in r["nftables"]["why"]]')" "[]"
else
	skip "the column of nftables" "$(cat "$T/said")"
fi
# The column is that of the kernel which the manual names; time is real, so a busy machine gets a
# second chance.
told() { "$MINATO_SOURCE/tools/nat-table" "$MINATO_SOURCE/man/minato-nat.1" "$1"; }
again() { verify --against nftables --json >"$T/both.json" 2>/dev/null; told "$T/both.json"; }
ok "the manual's column of minato is what is found" told "$T/ours.json"
kernel=$(sed -n 's/^finds, on Linux \([0-9.]*\) with.*/\1/p' "$MINATO_SOURCE/man/minato-nat.1")
case $(uname -r) in
"$kernel"[.-]*) ok "... and that of nftables" eval 'told "$T/both.json" || again' ;;
*) skip "... and that of nftables" "the manual has Linux $kernel, this is $(uname -r)" ;;
esac

# Without nft or rights it is said, and the rest is there.
has "an ordinary user has the column too" \
	"$(as_user "$M" nat verify --against nftables --row 4787-R9 2>&1)" 'nftables: A:5000 > 198\.51\.100\.1|no (network namespace|tun device)'
denied=$(as_user unshare --user --map-root-user --net bash -c '
	echo 0 >/proc/sys/user/max_user_namespaces
	echo 0 >/proc/sys/user/max_net_namespaces
	exec "$1" nat verify --against nftables --row 4787-R9' - "$M" 2>&1)
is "without rights the exit code is that of minato's column" $? 0
has "... it is said what is missing" "$denied" 'without the column of nftables: no network namespace may be made'
has "... and minato's is there" "$denied" '^4787-R9 +met'
mkdir "$T/bare"
missing=$(PATH=$T/bare "$M" nat verify --against nftables --row 4787-R9 2>&1)
has "nft is looked for where it is installed, whatever the PATH" "$missing" 'nftables: A:5000|there is no nft'
verify --outside 127.0.0.1,127.0.0.2 --list 2>/dev/null
is "what does not go together is refused" $? 2
finish
