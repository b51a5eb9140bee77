#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Reserved ports: kept in a file, held in every guest, taken by nobody's choice.
. "$(dirname "$0")/lib.bash"
world_up
if [ "$NET_REAL_ROOT" != 1 ]; then
	skip "reserved ports of an ordinary user" "there is one user here, root of the namespace"
	finish
fi
reserve() { as_user "$M" reserve "$@"; }
file=$T/user/.config/minato/reserved
listed() { reserve list -H "$@" | tr -s ' ' | sed 's/ [0-9-]* [0-9:]* */ /; s/ - *$//; s/ *$//' | tr '\n' ';'; }

is "nothing is reserved" "$(reserve list -H)" ""
ok "add" reserve add 8080/tcp 9000-9099 --note "staging web"
is "list shows what and why" "$(listed)" "8080 tcp user staging web;9000-9099 tcp,udp user staging web;"
has "the file says it" "$(cat "$file")" '^8080/tcp since=[0-9T:Z-]+ staging web$'
has "twice is refused: by what" "$(reserve add 9050/udp 7000 2>&1)" "9050/udp is reserved already by 9000-9099 \(user: staging web\); nothing was changed"
is "and of several none is added" "$(reserve list -H | grep -c ^7000)" 0
has "a part is not removed" "$(reserve rm 9050 2>&1)" "9050 is reserved by 9000-9099"
reserve add 80x 2>/dev/null
is "what is no range: 2" "$?" 2
ok "JSON" sh -c "$(declare -f as_user reserve); NET_REAL_ROOT=1 T='$T' M='$M'; reserve --json | python3 -c '
import json, sys
d = json.load(sys.stdin)
r = d[\"reserved\"][0]
assert d[\"v\"] == 1 and r[\"first\"] == 8080 and r[\"protocols\"] == [\"tcp\"] and r[\"origin\"] == \"user\"
assert r[\"since\"] > 1700000000 and r[\"note\"] == \"staging web\" and r[\"guest\"] is None'"

has "metrics count them" "$(as_user "$M" metrics --print)" '^minato_host_reserved_ports\{origin="user"\} 101$'

# The kernel's own are reserved too.
if sysctl -qw net.ipv4.ip_local_reserved_ports=6000-6002,6010 2>/dev/null; then
	has "the kernel's own are there" "$(listed)" "6000-6002 tcp,udp kernel;6010 tcp,udp kernel;"
	has "and are the kernel's to remove" "$(reserve rm 6010 2>&1)" "sysctl net.ipv4.ip_local_reserved_ports"
else
	skip "the kernel's own" "ip_local_reserved_ports cannot be set here"
	skip "the kernel's own" "ip_local_reserved_ports cannot be set here"
fi
has "what the kernel may still choose is said" "$(reserve add 40000 2>&1)" "kernel itself may still choose port 40000"

# Guests: at their start, and at once.
run_guest one -p auto -- sleep 600
run_guest two -- sleep 600
inside() { listed --in "$1"; }
has "a guest begins with it" "$(inside one)" "9000-9099 tcp,udp user"
ok "what is added later holds at once" reserve add 7000-7001/udp
has "in one" "$(inside one)" "7000-7001 udp user"
has "and in the other" "$(inside two)" "7000-7001 udp user"
has "as an entry of its table" "$(as_user "$M" ss -aH --json --in two | grep '"kind":"reserved"' | grep '"port":7000')" '"port_last":7001'
ok "--in reserves in one guest" reserve add --in two 5555 --note mine
has "where it is" "$(inside two)" "5555 tcp,udp guest two mine"
is "and the other has it not" "$(inside one | grep -c 5555)" 0
has "list says whose it is" "$(listed)" "5555 tcp,udp guest two mine"
has "--in of none" "$(reserve add --in tow 1 2>&1)" "did you mean two"

# Another worker has them too.
member() { # member NAME GUEST: of ps --json
	as_user "$M" ps --json | python3 -c "import json, sys
print([g['$1'] for g in json.load(sys.stdin)['guests'] if g['name'] == '$2'][0])"
}
before=$(inside two)
old=$(member worker two)
kill -9 "$old"
other() { [ "$(member worker two)" != "$old" ]; }
until_true 5 other
is "another worker has them all" "$(inside two)" "$before"

# What chooses ports.
bg www.log in_guest one -- python3 -m http.server 8080
ok "-p auto leaves it alone, and says so" until_true 10 grep -q "opened port 8080, but host port 8080 is reserved (8080/tcp, user: staging web)" "$T/guest-one.log"
is "it is not open" "$(ss -Hltn | grep -c ':8080 ')" 0
bg www2.log in_guest one -- python3 -m http.server 8082
ok "another port is" until_true 10 listening 8082
ok "rm" reserve rm 8080
ok "then it is published" until_true 10 listening 8080
run_guest named -p 9000:80 -- sleep 600
ok "who names one has it" listening 9000
as_user "$M" stop named >/dev/null
run_guest all -p 'all,~1-8990,~9101-65535' -- sleep 600
is "-p all leaves them out" "$(ss -Hltn | grep -Eoc ':90[0-9][0-9] ')" 0
ok "and nothing else" listening 9100
as_user "$M" stop all >/dev/null
bg holder.log socat TCP-LISTEN:8998,fork,reuseaddr EXEC:cat
bg holder2.log socat TCP-LISTEN:8999,fork,reuseaddr EXEC:cat
until_true 5 listening 8999
has "the nearest free ports are none of them" "$(as_user "$M" run -p 8999 -- true 2>&1)" "nearest free ones are 8997, 8996"

has "who says who keeps it" "$(as_user "$M" who 9005/tcp 2>&1 | tr -s ' \n' ' ')" "Reserved by the user .*staging web.*minato reserve rm 9000-9099"

# All or nothing.
silent=$(member worker two)
kill -STOP "$silent"
has "a guest that does not answer: nothing is changed" "$(reserve add 4444 2>&1)" "guest two: .*does not answer; nothing was changed"
kill -CONT "$silent"
is "not in the file" "$(grep -c ^4444 "$file")" 0
is "not in the other guest" "$(inside one | grep -c 4444)" 0
chmod 500 "$(dirname "$file")"
reserve add 4445 2>"$T/said"
is "a file that cannot be written: 125" "$?" 125
has "why" "$(cat "$T/said")" "Permission denied; nothing was changed"
is "no guest has it" "$(inside one | grep -c 4445)" 0
chmod 700 "$(dirname "$file")"

# Wrong lines.
echo "http is no number" >>"$file"
has "a wrong line is said, with its number" "$(as_user "$M" run -- true 2>&1)" "minato/reserved:$(wc -l <"$file"): 'http' is no port.*passed over"
as_user "$M" run -q -- true 2>/dev/null
is "and breaks no start" "$?" 0
ok "nor a change" reserve add 4446
has "which leaves it as it is" "$(cat "$file")" "^http is no number$"

# Many at once: each has its say.
at_once() {
	local i
	local -a pids=()
	for i in {1..10}; do
		reserve add "30$i" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || return 1; done
	[ "$(reserve list -H | grep -c '^30[0-9]* ')" = 10 ]
}
ok "ten changes at once" at_once

# As root: for the whole system.
mkdir -p /etc/minato && mount -t tmpfs none /etc/minato
ok "root reserves for the system" "$M" reserve add 2222 --note ssh2
has "which others see" "$(listed)" "2222 tcp,udp system ssh2"
has "and do not change" "$(reserve rm 2222 2>&1)" "root changes /etc/minato/reserved"
umount /etc/minato
has "a guest that there is not, in the words of every command" \
	"$(as_user "$M" reserve list --in nosuch 2>&1)" "no guest is called nosuch"
finish
