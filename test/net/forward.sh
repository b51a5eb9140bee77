#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Published ports of every sort: runs, all, auto; ports of the host that the
# guest may reach; and all of them changed while the guest runs.
. "$(dirname "$0")/lib.bash"
world_up

# A server for each port given: answers with its own port number.
cat >"$T/serve.py" <<'X'
import selectors, socket, sys
s = selectors.DefaultSelector()
for word in sys.argv[1:]:
    address, port = word.rsplit(":", 1)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    l = socket.socket(family, socket.SOCK_STREAM)
    l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        l.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address != "::")
    l.bind((address, int(port)))
    l.listen(64)
    s.register(l, selectors.EVENT_READ)
while True:
    for key, _ in s.select():
        c, _ = key.fileobj.accept()
        c.sendall(str(key.fileobj.getsockname()[1]).encode())
        c.close()
X
# ask ADDRESS PORT: what the server says, or the name of the error.
cat >"$T/ask.py" <<'X'
import errno, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM)
s.settimeout(5)
try:
    s.connect((sys.argv[1], int(sys.argv[2])))
    print(s.recv(100).decode())
except socket.timeout:
    print("silence")
except OSError as e:
    print(errno.errorcode[e.errno])
X
chmod a+r "$T"/*.py
ask() { python3 "$T/ask.py" "$@"; }
ask_peer() { in_peer python3 "$T/ask.py" "$@"; }
serve_in() { # GUEST ADDRESS:PORT...
	local guest=$1
	shift
	bg "serve-$guest.log" in_guest "$guest" -- python3 "$T/serve.py" "$@"
	until_true 5 guest_listening "$guest" "${1##*:}"
}
guest_listening() { in_guest "$1" -- ss -Hltn | grep -Eq "[:.]$2 "; }
equal_ask() { [ "$(ask_peer $HOST4 "$1")" = "$2" ]; }
rows() { as_user "$M" ss -Hlnt --in "$1" | grep -c published; }

# --- runs ---------------------------------------------------------------------

run_guest run -p 8000-8999:9000 -- sleep 600
serve_in run 0.0.0.0:9042 0.0.0.0:9999
is "a run keeps its offset" "$(ask_peer $HOST4 8042)" 9042
is "and its last port" "$(ask_peer $HOST4 8999)" 9999
is "a run of 1000 ports is one row for each family" "$(rows run)" 2
has "and one line of ps" "$(as_user "$M" ps)" '^run .* 8000-8999->9000-9999/tcp'
as_user "$M" forward add run 7000:9000
rows_of_port() { as_user "$M" ss -aHne --in run | tr -s ' \n' ' ' | grep -Eo "[0-9.*]+:$1 .*" | head -1; }
keeper=$(as_user "$M" ps --json | python3 -c 'import json,sys
print([g["pid"] for g in json.load(sys.stdin)["guests"] if g["name"] == "run"][0])')
has "a published port is of who ran the guest" "$(rows_of_port 8000-8999)" "owner:minato,pid=$keeper,"
adder=$(as_user "$M" ss -aHn --in run --json | python3 -c 'import json,sys
print([(r["owner"]["program"], r["owner"]["guest"], r["owner"]["pid"] != '"$keeper"')
       for r in json.load(sys.stdin)["rows"]
       if r["kind"] == "published" and r["local"]["port"] == 7000][0])')
is "and one that was added of who asked for it" "$adder" "('minato', 'run', True)"
as_user "$M" stop run

# --- all ----------------------------------------------------------------------

sysctl -qw net.ipv4.ip_local_port_range="3000 65535" net.ipv4.ip_local_reserved_ports=2500-2509
bg held.log socat TCP-LISTEN:2222,fork,reuseaddr EXEC:true
until_true 5 listening 2222
run_guest all -p all,~2600 -p 2700:80 -- sleep 600
serve_in all :::2345 :::80 :::2600
is "all: any free port leads to the same of the guest" "$(ask_peer $HOST4 2345)" 2345
is "all: by IPv6 too, from one socket" "$(ask_peer $HOST6 2345)" 2345
is "all: a port that is named goes first" "$(ask_peer $HOST4 2700)" 80
is "all: what is left out is not there" "$(ask_peer $HOST4 2600)" ECONNREFUSED
is "all: a port that another holds stays his" "$(ask $HOST4 2222)" ""
is "all: reserved ports are left alone" "$(ask_peer $HOST4 2505)" ECONNREFUSED
is "all: no port that the host calls from" "$(ask_peer $HOST4 3000)" ECONNREFUSED
is "all: a row for each family, and two for the named" "$(rows all)" 4
has "all: ps" "$(as_user "$M" ps)" '\*->\*/tcp'
as_user "$M" stop all

few() { (ulimit -n 1500 && as_user "$M" run "$@"); }
said=$(few -p all -- touch "$T/user/ran" 2>&1)
is "all without descriptors enough: refused" $? 1
has "with the number needed" "$said" 'needs [0-9]+ open files'
has "the number allowed" "$said" 'no more than 1500'
has "and the remedy" "$said" 'nofile [0-9]+'
ok "before anything was started" fails test -e "$T/user/ran"
sysctl -qw net.ipv4.ip_local_reserved_ports=""

# --- reach ----------------------------------------------------------------------

bg local.log python3 "$T/serve.py" 127.0.0.1:5432 ::1:5432 127.0.0.1:5433
until_true 5 listening 5433
run_guest reach --reach 5432 --reach 5433:15433 -- sleep 600
try() { in_guest reach -- python3 "$T/ask.py" "$@"; }
is "reach: the gateway's port is the host's" "$(try 10.0.2.2 5432)" 5432
is "reach: by IPv6" "$(try fd00::2 5432)" 5432
is "reach: by another number" "$(try 10.0.2.2 15433)" 5433
is "reach: not by its own then" "$(try 10.0.2.2 5433)" ECONNREFUSED
is "reach: nothing else of the loopback" "$(try 10.0.2.2 7)" ECONNREFUSED
has "reach: stands in the table" "$(as_user "$M" ss -aHn --in reach)" 'reach'
as_user "$M" stop reach
ok "reach: an address is refused" fails as_user "$M" run --reach 127.0.0.1:80:80 -- true

# --- auto -----------------------------------------------------------------------

run_guest auto -p 8080:80,auto,~2999 -- sleep 600
AUTO_LOG=$T/guest-auto.log
bg taken.log socat TCP-LISTEN:2111,fork,reuseaddr EXEC:true
until_true 5 listening 2111
serve_in auto 0.0.0.0:2110 127.0.0.1:2112 0.0.0.0:2111 :::2999 :::80
SERVER=$BG
ok "auto: what the guest opens appears outside" until_true 5 equal_ask 2110 2110
is "auto: in the guest's family only" "$(ask_peer $HOST6 2110)" ECONNREFUSED
is "auto: the guest's loopback stays inside" "$(ask_peer $HOST4 2112)" ECONNREFUSED
is "auto: what is left out is not there" "$(ask_peer $HOST4 2999)" ECONNREFUSED
is "auto: a named port stands beside it" "$(ask_peer $HOST4 8080)" 80
is "auto: and is not opened twice" "$(ask_peer $HOST4 80)" ECONNREFUSED
sleep 2.2
is "auto: a taken port is said once" "$(grep -c 'port 2111' "$AUTO_LOG")" 1
has "auto: with its holder" "$(cat "$AUTO_LOG")" '2111/tcp of 0.0.0.0 is taken by (socat \(pid|a program of user)'
has "auto: it is listed" "$(as_user "$M" forward list auto)" '^opened +0.0.0.0:2110/tcp'
pkill -P "$SERVER"
kill "$SERVER" 2>/dev/null
ok "auto: and goes when the guest closes it" until_true 5 equal_ask 2110 ECONNREFUSED

# How long it takes: the guest says when it listens, the outside asks all the time.
cat >"$T/clock.py" <<'X'
import socket, sys, time
l = socket.socket()
l.bind(("0.0.0.0", 2113))
time.sleep(1.5)  # so that minato looks as seldom as it ever does
print(time.clock_gettime(time.CLOCK_MONOTONIC), flush=True)
l.listen(9)
time.sleep(60)
X
cat >"$T/when.py" <<'X'
import socket, sys, time
while True:
    s = socket.socket()
    if s.connect_ex((sys.argv[1], 2113)) == 0:
        print(time.clock_gettime(time.CLOCK_MONOTONIC))
        break
    time.sleep(0.001)
X
chmod a+r "$T"/*.py
bg clock.log in_guest auto -- python3 "$T/clock.py"
there=$(timeout 20 python3 "$T/when.py" $HOST4)
listened=$(cat "$T/clock.log")
took=$(awk -v a="$listened" -v b="$there" 'BEGIN { printf "%d", (b - a) * 1000 }')
echo "# a port that the guest opens is there after $took ms"
ok "auto: it is there within 150 ms" test "$took" -le 150

# --- while it runs ---------------------------------------------------------------

serve_in auto 0.0.0.0:2122 0.0.0.0:2120 0.0.0.0:2121
F="as_user $M forward"
is "add: nothing said where it works" "$($F add auto 2220:2120 127.0.0.1:2221:2121 2>&1)" ""
is "add: it is there" "$(ask_peer $HOST4 2220)" 2120
is "add: at its address" "$(ask 127.0.0.1 2221)" 2121
is "add: there only" "$(ask_peer $HOST4 2221)" ECONNREFUSED
said=$($F add auto 2225:2120 2111:80 2226:2120 2>&1)
is "add: refused where one is taken" $? 1
has "add: with the holder" "$said" 'port 2111/tcp is taken by (socat \(pid|a program of user)'
has "add: and the next free port" "$said" 'to free it: .*the nearest free ones are 2112, 2110'
is "add: then nothing was changed" "$(ask_peer $HOST4 2225)$(ask_peer $HOST4 2226)" ECONNREFUSEDECONNREFUSED
said=$($F add auto 2230:1 2220:80 2>&1)
has "add: what stands is said" "$said" '2220:80/tcp is forwarded already'
is "add: twice in one command is refused" "$($F add auto 2231 2231 2>&1 | grep -c 'published twice')" 1
has "add: no such guest" "$($F add atuo 2231 2>&1)" 'did you mean auto'
$F add 2232:2120
is "add: the one guest needs no name" "$(ask_peer $HOST4 2232)" 2120

# An established connection outlives its port.
cat >"$T/talk.py" <<'X'
import socket, sys, time
s = socket.create_connection((sys.argv[1], 2240))
print(s.recv(10).decode(), flush=True)
sys.stdin.readline()
s.sendall(b"still")
print(s.recv(10).decode(), flush=True)
X
cat >"$T/echo.py" <<'X'
import socket
l = socket.socket()
l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
l.bind(("0.0.0.0", 2140))
l.listen(9)
while True:
    c, _ = l.accept()
    c.sendall(b"hello")
    c.sendall(c.recv(10))
    c.close()
X
chmod a+r "$T"/*.py
bg echo.log in_guest auto -- python3 "$T/echo.py"
until_true 5 guest_listening auto 2140
$F add auto 2240:2140
mkfifo "$T/say"
in_peer python3 "$T/talk.py" $HOST4 <"$T/say" >"$T/talk.log" 2>&1 &
exec 7>"$T/say"
until_true 5 grep -q hello "$T/talk.log"
has "list: its flow" "$($F list auto)" '^published +2240:2140/tcp +1 +1 '
is "rm" "$($F rm auto 2240 2>&1)" ""
is "rm: the port is closed" "$(ask_peer $HOST4 2240)" ECONNREFUSED
echo >&7
exec 7>&-
ok "rm: its connection goes on" until_true 5 grep -q still "$T/talk.log"
ok "rm: the port can be taken by another" python3 -c "import socket; socket.create_server(('', 2240))"
is "add: again" "$($F add auto 2240:2120 2>&1)$(ask_peer $HOST4 2240)" 2120
said=$($F rm auto 2240 9 2>&1)
is "rm: all or nothing" "$?$(ask_peer $HOST4 2240)" 12120
has "rm: says what is not there" "$said" 'nothing is forwarded as 9/tcp'
# When rm has ended the port is free, however many there were.
$F add auto 2500-2599:1
is "rm: the ports are free when it ends" "$($F rm auto 2500-2599:1 && python3 -c '
import socket
for port in range(2500, 2600):
    socket.create_server(("", port)).close()' 2>&1)" ""
$F add --reach 5432 auto
is "add: a reach" "$(in_guest auto -- python3 "$T/ask.py" 10.0.2.2 5432)" 5432
$F rm --reach 5432 auto
is "rm: a reach" "$(in_guest auto -- python3 "$T/ask.py" 10.0.2.2 5432)" ECONNREFUSED
is "list --json" "$($F list auto --json | python3 -c '
import json, sys
print(sorted(f["spec"] for f in json.load(sys.stdin)["forwards"] if f["kind"] == "published")[0])')" 127.0.0.1:2221:2121/tcp

# Many at once: each waits for the other, none is lost.
for i in $(seq 2300 2309); do $F add auto $i:2120 & done
wait $(jobs -p | tail -n 10)
is "ten commands at once" "$($F list auto | grep -c '23..:2120/tcp')" 10
sort_asks() { for i in $(seq 2300 2309); do ask_peer $HOST4 "$i"; done | sort -u; }
is "and all their ports" "$(sort_asks)" 2120

# What was added stands when the worker is replaced.
$F add auto 2400-2401:2120
worker=$(pgrep -P "$(as_user "$M" ps --json | python3 -c '
import json, sys
print(json.load(sys.stdin)["guests"][0]["pid"])')" -f minato | head -n 1)
kill -9 "$worker"
ok "a new worker has what was added" until_true 10 equal_ask 2400 2120
ok "and what the guest opened" until_true 10 equal_ask 2122 2122
ok "also where a forward leads to it that was named later" until_true 10 equal_ask 2120 2120
is "but not what was removed" "$(ask_peer $HOST4 9)" ECONNREFUSED
as_user "$M" stop auto

# --- no descriptors left --------------------------------------------------------

(
	trap - EXIT
	ulimit -n 128
	as_user "$M" run --name few -- sleep 600 >"$T/few.log" 2>&1
) &
STARTED+=($!)
until_true 10 guest_up few
until_refused() {
	local i
	for i in $(seq 3000 10 3200); do
		said=$(timeout 4 as_user "$M" forward add few "$i-$((i + 9))" 2>&1) || return 0
	done
	return 1
}
export -f as_user
export T NET_REAL_ROOT
timeout() { command timeout "$1" bash -c '"$@"' - "${@:2}"; }
ok "add: refused when the worker has no descriptors left" until_refused
has "and why" "$said" 'too many ports for this user.s limit of open files'
is "all that was added can be removed" "$(timeout 4 as_user "$M" forward rm few 3000-3009 2>&1)" ""
is "and that much be added again" "$(timeout 4 as_user "$M" forward add few 3000-3009 2>&1)" ""
as_user "$M" stop few

# --- a program inside of a guest gives no orders, to this guest or another -----------

run_guest held --rule 'block out tcp 81' -- sleep 60
run_guest free -- sleep 60
for asked in held free; do
	ok "from inside: $asked publishes nothing" \
		fails in_guest held -- "$M" forward add $asked --reach 5432
	ok "from inside: $asked is not stopped" fails in_guest held -- "$M" stop $asked
done
has "from inside: and why" "$(in_guest held -- "$M" forward add free 7779:80 2>&1)" \
	'not taken from inside of a guest'
has "from inside: questions are answered" "$(in_guest held -- "$M" ps 2>&1)" '^free '
is "outside the same is an order" "$(as_user "$M" forward add free 7779:80 2>&1)" ""
as_user "$M" stop free
as_user "$M" stop held

finish
