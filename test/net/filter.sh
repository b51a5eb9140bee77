#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The filters of ss: the same words to ss and to minato ss mean the same rows.
. "$(dirname "$0")/lib.bash"
world_up

cp "$MINATO_SOURCE/test/net/sockets.py" "$T/sockets.py"
bg sockets.log python3 "$T/sockets.py" 600 h0
until_true 10 grep -q up "$T/sockets.log"

# Protocol, state and both ends; ss leaves out what is the same in all rows, so
# both protocols are asked for, and states that are one are filled in.
rows() { sed -E 's/ +/ /g; s/ $//' | sort; }
of_ss() { ss -H -n -t -u "$@" 2>"$T/ss.err" | rows; }
of_minato() { "$M" ss --host -H -n -t -u "$@" 2>"$T/minato.err" | rows; }

same() { # same NAME ARGS...
	local name=$1
	shift
	is "$name" "$(of_minato "$@")" "$(of_ss "$@")"
}
# There is something to compare: both lists are neither empty nor everything.
ok "there are sockets of every kind" [ "$(of_ss -a | wc -l)" -ge 20 ]

same "no filter"
same "-l" -l
same "-a" -a
same "-4 -a" -4 -a
same "-6 -a" -6 -a
same "-t alone" -t -a
while read -r filter; do
	case $filter in
	state* | exclude*)
		# Each word is an argument, as a shell makes them; in place of -a.
		# shellcheck disable=SC2086
		same "words: $filter" $filter ;;
	*)
		same "-a '$filter'" -a "$filter" ;;
	esac
done <<'FILTERS'
state established
state listening
state all
state connected
state synchronized
state bucket
state big
state time-wait
state closed
state close-wait state fin-wait-2
exclude listening
exclude established exclude closed
exclude connected
state all exclude big
state established src 127.0.0.1
sport = :80
sport = :http
sport http
sport eq 80
dport == :2202
sport != :80
sport ne :80
sport neq :80
sport > :2202
sport gt :2202
sport < :2202
sport lt :2202
sport >= :2202
sport ge :2202
sport geq :2202
sport <= :2202
sport le :2202
sport leq :2202
dport > :0
dport = :0
src 127.0.0.1
src = 127.0.0.1
src 127.0.0.1:80
src 127.0.0.1:http
src 127.0.0.0/8
src 127/8
src 127.0.0.2/31
src 0.0.0.0
src 0.0.0.0/0
src :80
src *:80
src = *
dst *
dst [::1]
dst [::1]:2203
src [::]
src [::/0]
src [::1/128]
src [::ffff:127.0.0.1]
src inet:127.0.0.1
src inet:*
src inet6:*
dst 127.0.0.1 or dst [::1]
sport = :80 or dport = :80
sport = :80 | dport = :80
sport = :80 || dport = :80
sport = :2202 and src 127.0.0.2
sport = :2202 & src 127.0.0.2
sport = :2202 && src 127.0.0.2
sport = :2202 src 127.0.0.2
not sport = :80
! sport = :80
not ( sport = :80 or dport = :80 )
( sport = :80 or sport = :2202 ) and src 127.0.0.1
( sport = :80 ) or ( sport = :2203 and src [::1] )
not src 127.0.0.0/8 not src [::1]
dev h0
dev lo
dev != h0
autobound
FILTERS

if [ "$NET_REAL_ROOT" = 1 ]; then
	for filter in "fwmark 0x13" "fwmark = 0x3/0xf" "fwmark != 19" "fwmark 0x10/0x10"; do
		# shellcheck disable=SC2086
		same "$filter" -a $filter
	done
	is "a mark selects one" "$(of_minato -a fwmark 0x13 | wc -l)" 1
else
	skip "fwmark" "marks need CAP_NET_ADMIN of the machine"
fi
mount=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/mounts)
if [ -n "$mount" ]; then
	same "cgroup $mount" -a cgroup "$mount"
	is "a path within the tree" "$(of_minato -a cgroup /)" "$(of_minato -a cgroup "$mount")"
	is "a cgroup that is not there" "$(of_minato -a cgroup /nosuch; tail -n 1 "$T/minato.err")" \
		"         ^^^^^^^"
else
	skip "cgroup" "no cgroup2 is mounted"
fi
# "autobound" asks the kernel who chose the port.
is "a port that was chosen is not autobound" "$(of_minato -a 'sport = :40001 autobound')" ""
is "and is, if it is not" "$(of_minato -a 'sport = :40001 not autobound' | wc -l)" 1
printf '# ours\nsport = :80\n  or dport = :80\n' >"$T/filter"
is "-F reads a file" "$(of_minato -F "$T/filter")" "$(of_ss -F "$T/filter")"

# Where minato keeps to the manual: "and" binds closer than "or".
is "and before or" "$(of_minato -a 'sport = :80 or sport = :2202 and src 127.0.0.2')" \
	"$(of_ss -a '( sport = :80 ) or ( sport = :2202 and src 127.0.0.2 )')"

# Names that the registry or the resolver knows.
same "a name of this host" -a src localhost
printf 'nameserver 203.0.113.1\noptions timeout:5 attempts:3\n' >"$T/resolv.conf"
mount --bind "$T/resolv.conf" "$(readlink -f /etc/resolv.conf)"
begun=$SECONDS
"$M" ss --host -H -t -u -a -r >"$T/resolved" 2>&1
ok "a dead name server holds -r up for seconds only" [ $((SECONDS - begun)) -le 8 ]
has "and names that are known are there" "$(cat "$T/resolved")" "localhost:"
begun=$SECONDS
"$M" ss --host dst host.example 2>/dev/null
is "a name that nobody knows is an error" $? 2
ok "found out within a bounded time" [ $((SECONDS - begun)) -le 9 ]

# What the manual shows is understood; a guest or a watch is not there.
examples=0
while read -r line; do
	examples=$((examples + 1))
	ok "the manual's example: $line" sh -c "'$M' ss --host -H $line"
done < <(sed -n 's/^\.Dl \$ minato ss //p' "$MINATO_SOURCE/man/minato-ss.1" |
	grep -Ev -- '--in|--watch|--host')
ok "there are some" [ "$examples" -ge 4 ]

# Mistakes are pointed at.
says() { "$M" ss "$@" 2>&1; }
is "a mistake is marked" "$(says 'state established sport = :htpp' | tail -n 2)" \
	"  state established sport = :htpp
                            ^^^^^"
has "and what was meant is said" "$(says dprot = :80)" "did you mean 'dport'"
says sport >/dev/null
is "its exit code is that of usage" $? 2
finish
