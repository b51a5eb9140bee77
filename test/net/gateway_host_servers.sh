#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Forwards over the host's own sockets, to several servers: chosen by client and weight, probed,
# drained; with bounds, with a term, with the PROXY protocol.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
world_up
make_ns lan
bridge_up lan
join web 10.0.0.2/24 10.0.0.1 lan
join mail 10.0.0.3/24 10.0.0.1 lan
NS[peer]=$PEER_PID
in_peer ip addr add 192.0.2.77/24 dev p0
cat >"$T/gateway.conf" <<X
inside tap in0 10.0.0.1/24 in namespace pid ${NS[lan]}
outside host
forward tcp 8084 to 10.0.0.2:84, 10.0.0.3:84 check every 1s
forward tcp 8085 to 10.0.0.2:84 weight 9, 10.0.0.3:84 weight 1
forward udp 8086 to 10.0.0.2:86, 10.0.0.3:86
forward udp 8087 to 10.0.0.2:86, 10.0.0.3:86 sticky
forward tcp 8088 to 10.0.0.2:88 at most 2 connections
forward tcp 8089 to 10.0.0.2:88 at most 1 per source
forward udp 8090 to 10.0.0.2:86 at most 2 flows
forward tcp 8091-8093 all to 10.0.0.2:84
forward tcp 8094 to 10.0.0.2:81 proxy v1
forward tcp 8095 to 10.0.0.2:81 proxy v2
forward tcp 8096 to 10.0.0.2:83 proxy v1
forward tcp 8097 to 10.0.0.2:88, 10.0.0.3:88
forward tcp 8098, 8100 all to 10.0.0.2:88 from 192.0.2.77, $PEER4 at most 3 connections at most 2 per source
forward udp 8101, 8103 all to 10.0.0.2:86 at most 2 flows
test tcp from 203.0.113.9 to 192.0.2.1:8093 reaches 10.0.0.2:84
state $T/gateway.state
X
bg_more gateway.log env XDG_RUNTIME_DIR="$T/run" "$M" gateway "$T/gateway.conf"
KEEPER=$BG
until_true 15 gateway_is_decided
ok "the gateway runs" gateway_is_up
within lan ip link set in0 master br0 up
at() { gets peer "http://$HOST4:$1/" --max-time 4; }

# --- servers: chosen, probed, drained -------------------------------------------------------

serves web 84 "web"
serves mail 84 "mail"
MAIL=$BG
# answers PORT WANTED: 40 clients together get these answers, each sort once.
answers() {
	local i text=""
	for i in $(seq 40); do text+="$(at "$1") "; done
	[ "$(echo "$text" | tr ' ' '\n' | sort -u | xargs)" = "$2" ]
}
ok "both servers get clients" until_true 15 answers 8084 "mail web"
has "the source address is kept" "$(cat "$T/nginx-mail-84.access")" "^${PEER4//./\\.} "
kill "$MAIL"
wait "$MAIL" 2>/dev/null
ok "one that does not answer gets none" until_true 15 answers 8084 "web"
has "which is said" "$(cat "$T/gateway.log")" 'server 10\.0\.0\.3 port 84 does not answer'
said=$(ask why tcp 203.0.113.9 to $HOST4:8084)
has "why: which server is down, since when" "$said" '10\.0\.0\.3 port 84 is down, since [0-9]+ s'
has "why: and where the call goes" "$said" '^passes: line 3: .*this call goes to 10\.0\.0\.2 port 84, one of 1 .*; it reaches 10\.0\.0\.2 port 84$'
serves mail 84 "mail"
ok "until it answers again" until_true 15 answers 8084 "mail web"
weighed() {
	local i web=0
	for i in $(seq 60); do [ "$(at 8085)" = web ] && web=$((web + 1)); done
	echo "$web"
}
web=$(weighed)
ok "weights: of ten nine ($web of 60)" test "$web" -ge 42 -a "$web" -lt 60
is "all to one" "$(at 8091) $(at 8093)" "web web"

within_bg web udp.log socat UDP4-LISTEN:86,fork,reuseaddr SYSTEM:'while read -r line; do echo "web $line"; done'
within_bg mail udp.log socat UDP4-LISTEN:86,fork,reuseaddr SYSTEM:'while read -r line; do echo "mail $line"; done'
until_true 5 ns_hears web 86
until_true 5 ns_hears mail 86
cat >"$T/grams.py" <<'X'
# grams.py HOST PORT SOCKETS TIMES: each socket says so often; who answered each, in a line.
import socket, sys
host, port, sockets, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
own = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(sockets)]
for s in own:
    s.connect((host, port))
    s.settimeout(2)
heard = [[] for _ in own]
for turn in range(times):
    for i, s in enumerate(own):
        try:
            s.send(b"%d\n" % i)
            heard[i].append(s.recv(100).split()[0].decode())
        except OSError:
            heard[i].append("none")
    if len(sys.argv) > 5:
        print("turn", flush=True)
        sys.stdin.readline()
for one in heard:
    print(*one)
X
grams() { within peer python3 "$T/grams.py" "$HOST4" "$@"; }
said=$(grams 8086 16 3)
is "datagrams: both servers get clients" "$(tr ' ' '\n' <<<"$said" | sort -u | xargs)" "mail web"
is "each client stays at its own" "$(awk '$1 != $2 || $2 != $3' <<<"$said")" ""
is "sticky: one address, one server" "$(grams 8087 8 1 | sort -u | wc -l)" 1

# Flows live on while their server drains; new ones go elsewhere.
cat >"$T/capitals.py" <<'X'
import socket, sys, threading
l = socket.socket()
l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
l.bind(("0.0.0.0", 88))
l.listen(99)
def serve(c):
    c.sendall(sys.argv[1].encode())
    while data := c.recv(100):
        c.sendall(data.upper())
    c.close()
while True:
    threading.Thread(target=serve, args=(l.accept()[0],), daemon=True).start()
X
within_bg web capitals.log python3 "$T/capitals.py" W
within_bg mail capitals.log python3 "$T/capitals.py" M
until_true 5 ns_listens web 88
until_true 5 ns_listens mail 88
cat >"$T/holds.py" <<'X'
# holds.py HOST PORT COUNT [BIND]: connections, and who greets each; then at a line what is said
# comes back.
import socket, sys
own = []
for _ in range(int(sys.argv[3])):
    s = socket.socket()
    s.settimeout(3)
    if len(sys.argv) > 4:
        s.bind((sys.argv[4], 0))
    try:
        s.connect((sys.argv[1], int(sys.argv[2])))
        greeting = s.recv(1).decode()
    except OSError:
        greeting = ""
    own.append(s)
    print(greeting or "-", end="", flush=True)
print(flush=True)
sys.stdin.readline()
alive = 0
for s in own:
    try:
        s.send(b"go on")
        alive += s.recv(100) == b"GO ON"
    except OSError:
        pass
print(alive, flush=True)
sys.stdin.readline()
X
# hold NAME PORT COUNT [BIND]: in the background, told by a pipe; its output is $T/NAME.held
hold() {
	mkfifo "$T/$1.fifo"
	nsenter --net="/proc/$PEER_PID/ns/net" python3 "$T/holds.py" "$HOST4" "${@:2}" <"$T/$1.fifo" >"$T/$1.held" 2>&1 &
	STARTED+=("$!")
	exec {fd}>"$T/$1.fifo"
	HELD[$1]=$fd
	until_true 20 has_line "$1" 1
}
declare -A HELD=()
lists() { ask forward list | grep -q "$1"; }
has_line() { [ "$(wc -l <"$T/$1.held")" -ge "$2" ]; }
tell_held() { echo >&"${HELD[$1]}"; until_true 5 has_line "$1" "${2:-1}"; }
hold many 8097 12
has "connections go to both" "$(cat "$T/many.held")" 'W.*M|M.*W'
at_mail=$(tr -cd M <"$T/many.held" | wc -c)
ok "a server drains" ask forward drain 10.0.0.3:88
ok "how much is left there" lists "drain 10.0.0.3:88   ($at_mail flows\? left)"
hold later 8097 12
is "new ones go to the other" "$(head -1 "$T/later.held")" "WWWWWWWWWWWW"
tell_held many 2
is "what was open goes on" "$(sed -n 2p "$T/many.held")" 12
tell_held many 2
ok "until none is left" until_true 5 lists 'drain 10.0.0.3:88   (0 flows left)'
ok "both drain" ask forward drain 10.0.0.2:88
is "then nobody is let in" "$(gets peer "http://$HOST4:8097/" --max-time 3 | grep -c '^curl')" 1
has "why: it tells" "$(ask why tcp 203.0.113.9 to $HOST4:8097)" '^refused by line 14: .*all of its servers are down or drain'
ask forward undrain 10.0.0.2:88
ask forward undrain 10.0.0.3:88

# --- bounds ------------------------------------------------------------------------------------

hold two 8088 3
is "at most 2 connections: the third is refused" "$(head -1 "$T/two.held")" "WW-"
has "why: the bound" "$(ask why tcp 203.0.113.9 to $HOST4:8088)" '^refused by line 7: .*its cap of 2 connections at once is reached'
tell_held two 2
tell_held two 2
hold again 8088 2
is "two more when they are over" "$(head -1 "$T/again.held")" "WW"
hold source 8089 2
is "at most 1 per source" "$(head -1 "$T/source.held")" "W-"
hold other 8089 1 192.0.2.77
is "another source may" "$(head -1 "$T/other.held")" "W"
has "why: the source's" "$(ask why tcp $PEER4 to $HOST4:8089)" 'its cap of 1 connections at once of one source is reached'
has "why: and not another's" "$(ask why tcp 203.0.113.5 to $HOST4:8089)" '^passes'
is "datagrams: at most 2 flows" "$(grams 8090 4 2 | xargs)" "web web web web none none none none"
hold first 8098 1
hold second 8100 2
is "of several ports: the source's 2 in all" "$(head -1 "$T/first.held") $(head -1 "$T/second.held")" "W W-"
hold third 8098 2 192.0.2.77
is "of several ports and sources: 3 in all" "$(head -1 "$T/third.held")" "W-"
has "why: at the other port too" "$(ask why tcp 192.0.2.77 to $HOST4:8100)" 'its cap of 3 connections at once is reached'
tell_held first 2
tell_held first 2
hold fourth 8100 2 192.0.2.77
is "and one more when one is over" "$(head -1 "$T/fourth.held")" "W-"
within_bg peer grams.log python3 "$T/grams.py" "$HOST4" 8101 2 1
wait "$BG"
is "datagrams: at most 2 flows at both ports" "$(grams 8103 2 1 | xargs)" "none none"

# --- for a time ----------------------------------------------------------------------------------

ok "a forward for 4 seconds" ask forward add tcp 8200 to 10.0.0.2:84, 10.0.0.3:84 for 4s
has "it serves" "$(at 8200)" 'web|mail'
is_gone() { [ "$(at 8200)" = "curl 7" ]; }
ok "and ends by itself" until_true 15 is_gone
ok "its port is free" fails matches "$(ss -Hltn)" ':8200 '

# --- other servers, at the same port -------------------------------------------------------------

hold kept 8097 4
greeted=$(head -1 "$T/kept.held")
sed 's/^forward tcp 8097 .*/forward tcp 8097 to 10.0.0.2:88 proxy v1/' "$T/gateway.conf" >"$T/other.conf"
cp "$T/other.conf" "$T/gateway.conf"
ok "reload: other servers, and PROXY" ask gateway reload gateway
hold fresh 8097 1
has "new connections go by it" "$(head -1 "$T/fresh.held")" '^W$'
tell_held fresh 2
is "which hears of its client" "$(sed -n 2p "$T/fresh.held")" 0
tell_held kept 2
is "those that stood ($greeted) go on" "$(sed -n 2p "$T/kept.held")" 4
ok "several for one port, by their sources" ask forward add tcp 8097 to 10.0.0.3:84 from 192.0.2.77
is "one source" "$(gets peer "http://$HOST4:8097/" --interface 192.0.2.77 --max-time 3)" mail
ok "... away with it" ask forward rm tcp 8097 to 10.0.0.3:84 from 192.0.2.77
hold still 8097 1
is "the other is served still" "$(head -1 "$T/still.held")" W

# --- the PROXY protocol --------------------------------------------------------------------------

head -c 30000000 /dev/urandom >"$T/large"
chmod 644 "$T/large"
proxied_nginx web 81
is "version 1: nginx knows its client" "$(at 8094)" "$PEER4 $HOST4 8094 10.0.0.1"
is "version 2" "$(at 8095)" "$PEER4 $HOST4 8095 10.0.0.1"
within peer curl -s --max-time 20 -o "$T/large.got" "http://$HOST4:8095/large"
ok "30 MB through it are the same" cmp -s "$T/large" "$T/large.got"
has "a closed server refuses" "$(at 8096)" "^curl (7|56)$"
has "why: how the server hears of its client" "$(ask why tcp 203.0.113.9 to $HOST4:8094)" 'hears of its client by PROXY v1'

# kill -9 of the worker: servers, bounds and PROXY stand again.
worker=$(gateway_worker)
kill -9 "$worker"
serves_again() { [ "$(gateway_worker)" != "$worker" ] && [ "$(at 8094)" = "$PEER4 $HOST4 8094 10.0.0.1" ] && answers 8084 "mail web"; }
ok "kill -9 of the worker: it serves again" until_true 20 serves_again
gateway_down
is "no report of a sanitizer" "$(grep -c 'AddressSanitizer\|runtime error' "$T/gateway.log")" 0
finish
