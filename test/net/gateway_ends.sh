#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Forwards that end at the gateway: to a UNIX socket of the host, with the PROXY protocol to a server
# inside; and servers that are probed, drained, and chosen by weight.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
has_tools socat nginx curl python3 || { skip "forwards that end here" "$MISSING is not installed"; finish; }
gateway_world
make_ns guests
OUT=198.51.100.1

{
	gateway_links
	echo "inside tap in1 10.1.0.1/24 in namespace pid ${NS[guests]} named guests"
	cat <<X
forward tcp 9000 to unix:$T/app.sock
forward tcp 9001 to unix:$T/app.sock proxy v1
forward tcp 9002 to unix:$T/none.sock
forward tcp 9003 to unix:$T/app.sock at most 2 connections
forward tcp 8081 to 10.0.0.2:81 proxy v1
forward tcp 8082 to 10.0.0.2:82 proxy v2
forward tcp 8083 to 10.0.0.2:83 proxy v1
forward tcp 8084 to 10.0.0.2:84, 10.0.0.3:84 check every 1s
forward tcp 8085 to 10.0.0.2:85, 10.0.0.3:85 proxy v1 check every 1s
forward tcp 8086 to 10.0.0.2:84 at most 1 connections
forward tcp 8087, 8089 all to 10.0.0.2:84 at most 1 connections
forward tcp 9004, 9006 to unix:$T/app.sock at most 1 connections
X
} >"$T/gateway.conf"

# A server at a UNIX socket that sends back what it gets, and ends when its client does.
cat >"$T/echo.py" <<'X'
import os, socket, sys, threading
path = sys.argv[1]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(64)
def serve(peer):
    while True:
        data = peer.recv(65536)
        if not data:
            break
        peer.sendall(data)
    peer.shutdown(socket.SHUT_WR)
    peer.close()
while True:
    peer, _ = listener.accept()
    threading.Thread(target=serve, args=(peer,), daemon=True).start()
X
bg_more echo.log python3 "$T/echo.py" "$T/app.sock"
until_true 5 test -S "$T/app.sock"
gateway_up || { ok "the gateway runs" false; finish; }

# --- a UNIX socket -----------------------------------------------------------------------

# says PORT TEXT
says() { printf '%s' "$2" | within far timeout 10 socat -t 5 - "TCP:$OUT:$1" 2>/dev/null; }
is "to a UNIX socket and back" "$(says 9000 harbour)" harbour
has "with the PROXY protocol it hears of its client" "$(says 9001 harbour | tr '\r\n' '..')" \
	'^PROXY TCP4 203\.0\.113\.9 198\.51\.100\.1 [0-9]+ 9001\.\.harbour$'
head -c 30000000 /dev/urandom >"$T/large"
within far timeout 30 socat -t 10 - "TCP:$OUT:9000" <"$T/large" >"$T/large.got"
ok "30 MB there and back are the same" cmp -s "$T/large" "$T/large.got"
# hits PORT: how many connections the list counts.
hits() {
	ask forward list --json | python3 -c 'import json, sys
print([f["hits"] for f in json.load(sys.stdin)["forwards"] if f["text"].startswith("tcp " + sys.argv[1] + " ")
       or f["text"].startswith("forward tcp " + sys.argv[1] + " ")])' "$1"
}
is "each connection to a socket is counted once" "$(hits 9000) $(hits 9001)" "[2] [1]"
is "where no socket is the client is refused" "$(gets far "http://$OUT:9002/")" "curl 7"
has "which is said" "$(cat "$T/gateway.log")" "cannot connect to $T/none.sock: No such file or directory"

# --- bounds ---------------------------------------------------------------------------------

held=()
for i in 1 2; do
	within_bg far "held$i.log" socat -u "TCP:$OUT:9003" STDOUT
	held+=("$BG")
done
sleep 0.5
is "one more than its bound is refused" "$(gets far "http://$OUT:9003/")" "curl 7"
said=$(ask why tcp 203.0.113.9 to $OUT:9003)
has "why: it names the bound, and its line" "$said" \
	'^refused by line [0-9]+: forward tcp 9003 .*: its cap of 2 connections at once is reached$'
said=$(ask why-not tcp 203.0.113.9 to $OUT:9003)
has "why-not: so does it" "$said" 'its cap of 2 connections at once is reached$'
ok "why-not: and no rule" fails matches "$said" 'minato (rule|forward) add'
has "why: where nobody took the last call" "$(ask why tcp 203.0.113.9 to $OUT:9002)" \
	'the last call to it was refused: No such file'
has "why: to a UNIX socket" "$(ask why tcp 203.0.113.9 to $OUT:9000)" "it reaches the socket $T/app.sock$"
kill "${held[@]}"
wait "${held[@]}" 2>/dev/null
again() { [ "$(says 9003 again)" = again ]; }
ok "and taken when one has gone" until_true 5 again

# --- the PROXY protocol to a server inside ------------------------------------------------------

proxied_nginx web 81 82 85
is "version 1: nginx knows its client" "$(gets far "http://$OUT:8081/")" "203.0.113.9 198.51.100.1 8081 10.0.0.1"
is "version 2" "$(gets far "http://$OUT:8082/")" "203.0.113.9 198.51.100.1 8082 10.0.0.1"
within far curl -s --max-time 20 -o "$T/large.got" "http://$OUT:8082/large"
ok "30 MB through it are the same" cmp -s "$T/large" "$T/large.got"
is "a closed server refuses" "$(gets far "http://$OUT:8083/")" "curl 7"
# One of them in ten seconds is told of.
names_it() {
	gets far "http://$OUT:8083/"
	grep -q 'cannot connect to 10\.0\.0\.2 port 83: Connection refused' "$T/gateway.log"
}
ok "which is said, with the server" until_true 12 names_it

# --- from inside ------------------------------------------------------------------------------

until_true 10 within guests ip link show in1
within guests ip addr add 10.1.0.2/24 dev in1
within guests ip link set in1 up
within guests ip route replace default via 10.1.0.1
# said_from NAME PORT TEXT
said_from() { printf '%s' "$3" | within "$1" timeout 10 socat -t 5 - "TCP:$OUT:$2" 2>/dev/null; }
is "from inside, by the public address: to a UNIX socket" "$(said_from desk 9000 harbour)" harbour
is "from another inside too" "$(said_from guests 9000 harbour)" harbour
has "it hears of its client inside" "$(said_from desk 9001 harbour | tr '\r\n' '..')" \
	'^PROXY TCP4 10\.0\.0\.7 198\.51\.100\.1 [0-9]+ 9001\.\.harbour$'
is "from inside: the PROXY protocol" "$(gets desk "http://$OUT:8081/")" "10.0.0.7 198.51.100.1 8081 10.0.0.1"
is "from the server's own host" "$(gets web "http://$OUT:8082/")" "10.0.0.2 198.51.100.1 8082 10.0.0.1"
is "from another inside" "$(gets guests "http://$OUT:8082/")" "10.1.0.2 198.51.100.1 8082 10.0.0.1"
within guests curl -s --max-time 20 -o "$T/large.got" "http://$OUT:8082/large"
ok "30 MB between insides are the same" cmp -s "$T/large" "$T/large.got"
is "from inside: a closed server refuses" "$(gets desk "http://$OUT:8083/")" "curl 7"
has "why: from inside" "$(ask why tcp 10.1.0.2 to $OUT:9000)" "^passes: .*; it reaches the socket $T/app.sock$"
ask rule add block tcp 9000 from guests >/dev/null
is "from inside: a rule is asked" "$(gets guests "http://$OUT:9000/")" "curl 7"
is "of whom it is about" "$(said_from desk 9000 harbour)" harbour
ask nat set hairpin off >/dev/null
is "with hairpin off nobody inside" "$(gets desk "http://$OUT:9000/" --connect-timeout 2)" "curl 28"
is "and everybody outside" "$(says 9000 harbour)" harbour
ask nat set hairpin on >/dev/null

# --- servers that are probed ------------------------------------------------------------------

serves web 84 "web"
WEB=$BG
serves mail 84 "mail"
MAIL=$BG
# answers WANTED: whether 40 clients together get these answers, each sort once.
answers() {
	local i text=""
	for i in $(seq 40); do text+="$(gets far "http://$OUT:8084/") "; done
	[ "$(echo "$text" | tr ' ' '\n' | sort -u | xargs)" = "$1" ]
}
ok "both servers get clients" until_true 15 answers "mail web"
kill "$MAIL"
wait "$MAIL" 2>/dev/null
ok "one that does not answer gets none" until_true 15 answers "web"
has "which is said" "$(cat "$T/gateway.log")" 'server 10\.0\.0\.3 port 84 does not answer'
said=$(ask why tcp 203.0.113.9 to $OUT:8084)
has "why: which server is down, since when" "$said" '10\.0\.0\.3 port 84 is down, since [0-9]+ s'
has "why: and where the call goes" "$said" '^passes: line [0-9]+: .*this call goes to 10\.0\.0\.2 port 84, one of 1 .*; it reaches 10\.0\.0\.2 port 84$'
within_bg far one.log socat -u "TCP:$OUT:8086" STDOUT
ONE=$BG
capped() { ask why tcp 203.0.113.9 to $OUT:8086 | grep -q '^dropped by line [0-9]*: .*: its cap of 1 connections at once is reached$'; }
ok "why: the cap of one that is translated" until_true 5 capped
kill "$ONE"
wait "$ONE" 2>/dev/null
within_bg far one.log socat -u "TCP:$OUT:8087" STDOUT
ONE=$BG
capped() { ask why tcp 203.0.113.9 to $OUT:8089 | grep -q 'its cap of 1 connections at once is reached$'; }
ok "a cap is of all ports of its forward" until_true 5 capped
is "no packet gets by it at the other one" "$(gets far "http://$OUT:8089/" --connect-timeout 2)" "curl 28"
kill "$ONE"
wait "$ONE" 2>/dev/null
within_bg far one.log socat -u "TCP:$OUT:9004" STDOUT
ONE=$BG
capped() { ask why tcp 203.0.113.9 to $OUT:9006 | grep -q 'its cap of 1 connections at once is reached$'; }
ok "of one that ends here too" until_true 5 capped
is "which is refused there" "$(gets far "http://$OUT:9006/")" "curl 7"
kill "$ONE"
wait "$ONE" 2>/dev/null
ask nat set at most 1 udp ports per host >/dev/null
printf x | within web socat -u - UDP:203.0.113.9:99,sourceport=7002
said=$(ask why udp 10.0.0.2:7003 to 203.0.113.9:99)
has "why: the cap of an inside host" "$said" '^refused by live: nat at most 1 udp ports per host: the inside host has its 1 ports'
said=$(ask why-not udp 10.0.0.2:7003 to 203.0.113.9:99)
ok "why-not: no rule is suggested for it" fails matches "$said" 'minato rule add'
serves mail 84 "mail"
MAIL=$BG
ok "until it answers again" until_true 15 answers "mail web"
has "which is said too" "$(cat "$T/gateway.log")" 'server 10\.0\.0\.3 port 84 answers again'
steady() { [ "$(gets far "http://$OUT:8085/")" = "203.0.113.9 198.51.100.1 8085 10.0.0.1" ]; }
ok "so for those that end here: the other server alone" until_true 10 steady
all_steady() { local i; for i in $(seq 20); do steady || return 1; done; }
ok "every time" all_steady

# --- changed while it runs ------------------------------------------------------------------------

ok "one more, live" ask forward add gateway tcp 9010 to "unix:$T/app.sock"
is "it serves" "$(says 9010 live)" live
ok "and away with it" ask forward rm gateway tcp 9010 to "unix:$T/app.sock"
# An unasked SYN is left without a word for six seconds (RFC 5382 REQ-4).
is "nothing is there any more" "$(gets far "http://$OUT:9010/" --connect-timeout 2)" "curl 28"

gateway_down
finish
