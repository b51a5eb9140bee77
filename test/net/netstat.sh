#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# ss --netstat beside netstat: the same rows, letter by letter.
. "$(dirname "$0")/lib.bash"
world_up
cp "$MINATO_SOURCE/test/net/sockets.py" "$T/sockets.py"
ip addr add fd00:1234:5678:9abc:def0:1234:5678:9abc/64 dev lo nodad
bg sockets.log python3 "$T/sockets.py" 600 h0
bg long.log socat TCP6-LISTEN:12206,bind=[fd00:1234:5678:9abc:def0:1234:5678:9abc] STDIO
until_true 10 grep -q up "$T/sockets.log"
until_true 10 listening 12206

# A row of TIME-WAIT is the kernel's, and may end between the two.
rows() { sed 1,2d | grep -v TIME_WAIT | sort; }
ours() { "$M" ss --host -t -u --netstat "$@" 2>&1; }
theirs() { netstat -t -u "$@" 2>/dev/null; }
same() { is "netstat -tu $*" "$(ours "$@" | rows)" "$(theirs "$@" | rows)"; }

if command -v netstat >/dev/null; then
	ok "there is something to compare" [ "$(theirs -a -n | rows | wc -l)" -ge 18 ]
	for flags in -n "-n -a" "-n -l" "-n -a -W" "-n -a -p" "-n -a -e" "-n -l -p -e -W" \
		"-n -a -4" "-n -a -6"; do
		# shellcheck disable=SC2086
		same $flags
	done
	order() { sed 1,2d | sed -E 's/^(tcp|udp).*/\1/' | uniq | tr '\n' ' '; }
	is "TCP comes first" "$(ours -n -a | order)" "$(theirs -n -a | order)"
	# What is left of a timer differs from moment to moment; which one it is does not.
	is "timers" "$(ours -n -a -o | rows | sed -E 's/\([0-9.]+/(/')" \
		"$(theirs -n -a -o | rows | sed -E 's/\([0-9.]+/(/')"
	is "users have names" "$(ours -a -e | sed 1,2d | awk '{print $(NF - 1)}' | sort -u)" \
		"$(theirs -a -e --numeric-ports --numeric-hosts | sed 1,2d |
			awk '{print $(NF - 1)}' | sort -u)"
	for flags in -n "-n -a" "-n -l" "-n -a -p" "-n -a -e" "-n -a -e -p" "-n -a -o" \
		"-n -e -p -o"; do
		# shellcheck disable=SC2086
		is "the heading of netstat $flags" "$(ours $flags | head -n 2)" \
			"$(theirs $flags | head -n 2)"
	done
else
	skip "rows beside netstat's" "net-tools is not installed"
fi
has "what rests is listed too" "$(ours -n)" "TIME_WAIT"
has "a long address is cut before its port" "$(ours -n -l)" " fd00:1234:5678:9a:12206 :::\*"
is "-H leaves the heading out" "$(ours -n -l -H | grep -c Proto)" 0
"$M" ss --netstat --json >/dev/null 2>&1
is "not with --json" $? 2
finish
