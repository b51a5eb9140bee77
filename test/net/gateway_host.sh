#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A gateway whose outside is the host's own sockets: inside hosts go out as this host, without any
# right over its network.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
world_up
make_ns lan
bridge_up lan
join desk 10.0.0.7/24 10.0.0.1 lan
join web 10.0.0.2/24 10.0.0.1 lan
NS[peer]=$PEER_PID
serves peer 80 "far"
cat >"$T/gateway.conf" <<X
inside tap in0 10.0.0.1/24 in namespace pid ${NS[lan]}
outside host
forward tcp 8000 to 10.0.0.2:80
state $T/gateway.state
X
resolver_is $PEER4
host_listens() { ss -Hltn | grep -q ":$1 "; }
is_free() { ! host_listens "$1" && ! ss -Hltna | grep -q "LISTEN.*:$1 "; }
bg_more gateway.log env XDG_RUNTIME_DIR="$T/run" "$M" gateway "$T/gateway.conf"
KEEPER=$BG
until_true 15 gateway_is_decided
ok "the gateway runs" gateway_is_up
within lan ip link set in0 master br0 up
is "outward: a connection" "$(gets desk http://$PEER4/)" "far"
has "from the host's own address" "$(cat "$T/nginx-peer-80.access")" "^${HOST4//./\\.} "
is "from another inside host" "$(gets web http://$PEER4/)" "far"
is "inside hosts reach each other without it" "$(within web ping -c 1 -W 2 10.0.0.7 >/dev/null && echo yes)" yes
is "a closed port is told" "$(gets desk http://$PEER4:81/)" "curl 7"
is "the host's loopback is closed" "$(gets desk http://10.0.0.1/ --max-time 3 | grep -c curl)" 1
within_bg desk hold.log bash -c "exec 3<>/dev/tcp/$PEER4/80; sleep 30"
flow_shown() { ask ss -n --in gateway | grep -q "10\.0\.0\.7:.*$PEER4:80"; }
ok "ss shows the flow" until_true 5 flow_shown
# --- names: the gateway's own address is a resolver, by the host's nameservers ---------------

if has_tools dnsmasq dig; then
	within_bg peer dns.log dnsmasq -d -u root -p 53 --no-resolv --no-hosts --listen-address=$PEER4 \
		--bind-interfaces --address=/example.test/192.0.2.7
	until_true 5 ns_hears peer 53
	resolves() { [ "$(within "$1" dig +short +time=2 "${@:2}" @10.0.0.1 example.test)" = 192.0.2.7 ]; }
	ok "a name, asked of the gateway" until_true 5 resolves desk
	ok "by TCP" resolves desk +tcp
	ok "of another host" resolves web
	is "at no other port" "$(gets desk http://10.0.0.1:54/ --max-time 3 | grep -c curl)" 1
	ok "why: which it tells" ask why udp 10.0.0.7 to 10.0.0.1:53
	ok "a rule about it" ask rule add block out udp 53 from 10.0.0.7 named nonames
	ok "holds" fails resolves desk +tries=1
	ok "... for that host alone" resolves web
	ok "... and away with it" ask rule rm nonames
	# Another nameserver of the host's, while it runs.
	printf 'nameserver 192.0.2.1\n' >"$T/resolv.conf"
	sleep 1.2
	resolves desk +tries=1
	ok "no nameserver answers" fails resolves desk +tries=1
	printf 'nameserver %s\n' "$PEER4" >"$T/resolv.conf"
	ok "one does again" until_true 8 resolves desk +tries=1
else
	skip "names" "$MISSING is not installed"
fi

# --- forwards: host sockets, bound by the keeper ------------------------------------------

serves web 80 "web"
at() { gets peer "http://$HOST4:$1/"; }
is "a forward of the file" "$(at 8000)" "web"
has "the source address is kept" "$(cat "$T/nginx-web-80.access")" "^${PEER4//./\\.} "
ok "one more, live" ask forward add tcp 8080 to 10.0.0.2:80
is "it serves" "$(at 8080)" "web"
ok "a run, with its offset" ask forward add tcp 8100-8103 to 10.0.0.2:77
is "the fourth of it" "$(at 8103)" "web"
has "the third is closed, as it is there" "$(at 8102)" "^curl (7|56)$"
has "why: by the host's sockets" "$(ask why tcp 203.0.113.9 to 192.0.2.1:8000)" '^passes: line 3: forward tcp 8000'
ok "a rule about them" ask rule add block tcp 8000 from 203.0.113.9 named walled
has "why: which it tells" "$(ask why tcp 203.0.113.9 to 192.0.2.1:8000)" '^refused by live: block tcp 8000'
has "... and that the host's kernel answers first" \
	"$(ask why tcp 203.0.113.9 to 192.0.2.1:8000)" \
	"the host's kernel accepts the call before a rule is asked; then it is reset"
ok "... where a port is bound alone" fails matches "$(ask why tcp 203.0.113.9 to 192.0.2.1:8001)" 'accepts the call'
has "why: outward" "$(ask why tcp 10.0.0.2 to 203.0.113.9:80)" '^passes: '
ok "... away with it" ask rule rm walled
# One's own lan, refused by one's own rule, is no scanner; who tries the gateway itself is.
tries() { # ADDRESS PORT...
	within desk python3 -c 'import socket, sys
for port in sys.argv[2:]:
    s = socket.socket()
    s.settimeout(0.3)
    try: s.connect((sys.argv[1], int(port)))
    except OSError: pass
    s.close()' "$@"
}
scanned() { ask scans --json | grep -q '"10\.0\.0\.7"'; }
ok "a rule about what goes out" ask rule add block out tcp 1-30 from 10.0.0.7 named kept
tries $PEER4 {1..20}
tries $PEER4 {2000..2019}
ok "who tries outside what is refused is no scan" fails scanned
tries 10.0.0.1 {1000..1019}
ok "... who tries the gateway is" until_true 5 scanned
ok "... and is forgotten" ask scans --forget 10.0.0.7
ok "... away with it" ask rule rm kept
pings() { within "$1" ping -c 1 -W 2 "$2" >/dev/null 2>&1; }
ok "a ping to the gateway is answered" pings desk 10.0.0.1
ok "why: which it tells" ask why ping 10.0.0.7 to 10.0.0.1
ok "a rule about that" ask rule add block ping from lan named still
ok "... holds" fails pings desk 10.0.0.1
has "why: it tells" "$(ask why icmp echo-request 10.0.0.7 to 10.0.0.1)" '^refused by live: block icmp echo-request from lan'
ok "... and is about nobody else" pings desk 10.0.0.2
said=$(ask why-not ping 10.0.0.7 to 10.0.0.1)
has "why-not: the smallest change" "$said" '^minato rule add allow ping from 10\.0\.0\.7 to 10\.0\.0\.1 first$'
ok "... away with it" ask rule rm still
ok "... and it is answered again" pings desk 10.0.0.1
has "what the host's kernel has is said" "$(ask rule add block ping from wan 2>&1)" "never match.*the host's kernel"
has "why: so is it" "$(ask why ping 203.0.113.9 to $HOST4)" "^the host's kernel has it"
ok "... away with it" ask rule rm block ping from wan
ok "one for a source alone" ask forward add tcp 8090 to 10.0.0.2:80 from 192.0.2.0/24
has "which another is not" "$(at 8090)" "^curl (7|56)$"
within_bg web echo.log socat UDP4-RECVFROM:99,fork EXEC:cat
until_true 5 ns_hears web 99
ok "a datagram's" ask forward add udp 9900 to 10.0.0.2:99
is "there and back" "$(echo ping | within peer socat -t 3 - UDP:"$HOST4":9900)" ping
said=$(ask forward add tcp 8081 to fd00::2 2>&1)
ok "what is not served here is said" matches "$said" "no inside host's own is opened; name its IPv4 address"
is "... which changed nothing" "$(ask forward list | grep -c 8081)" 0
printf '%s\n' "inside tap in0 10.0.0.1/24" "outside host" "dmz 10.0.0.9" >"$T/over.conf"
said=$(env XDG_RUNTIME_DIR="$T/run" "$M" gateway -n over "$T/over.conf" 2>&1)
is "... nothing of a file that asks for it is started" $? 1
has "... a dmz, with its place" "$said" 'over\.conf:3:5: error: .*there is no dmz'
printf '%s\n' "inside tap in9 10.9.0.1/24" "outside host" "forward tcp 8999 on 203.0.113.99 to 10.9.0.2" >"$T/over.conf"
said=$(env XDG_RUNTIME_DIR="$T/run" "$M" gateway -n over "$T/over.conf" 2>&1)
is "... an address that this host has not" $? 1
has "... which is said" "$said" 'host port 8999/tcp of 203\.0\.113\.99: this host does not have that address'

# A port that somebody has is refused, and nothing changes.
bg_more holder.log socat TCP4-LISTEN:8200 -
until_true 5 host_listens 8200
said=$(ask forward add tcp 8199-8200 to 10.0.0.2:80 2>&1)
ok "a port of another program's: refused" matches "$said" 'host port 8200/tcp of 0\.0\.0\.0 is taken by socat \(pid [0-9]+'
has "... with what frees it" "$said" 'to free it: kill [0-9]+; the nearest free ones? (is|are) .*; nothing was changed'
ok "and its neighbour is not held" until_true 5 is_free 8199

# Forwards whose ports are in part another's: the narrower one goes first, as everywhere.
serves web 8401 "the run's"
ok "a port" ask forward add tcp 8401 to 10.0.0.2:80 named one
ok "a run over it, in two protocols" ask forward add tcp,udp 8400-8402 to 10.0.0.2 named run
ok "for one source, in one of them" ask forward add udp 8402 to 10.0.0.2:99 from 203.0.113.9 named narrow
ok "at one address" ask forward add tcp 8402 on $HOST4 to 10.0.0.2:80 named here
is "the port has its own server" "$(at 8401)" web
is "the address too" "$(at 8402)" web
ok "the port goes" ask forward rm one
is "its callers are the run's" "$(at 8401)" "the run's"
ok "the run goes" ask forward rm run
is "the address keeps its port" "$(at 8402)" web
is "nobody is at the others" "$(at 8401)" "curl 7"
said=$(ask forward add tcp 8402 to 10.0.0.2 2>&1)
has "what is wider, later, is told whose the port is" "$said" \
	"host port 8402/tcp of .* '(forward tcp,udp 8400|forward tcp 8402 on $HOST4)"
ok "away with them" ask forward rm here
ok "... both" ask forward rm narrow
ok "... and the ports are free" until_true 5 is_free 8402

# A flow lives through changes, and through the forward's end.
within_bg peer flow.log bash -c "exec 3<>/dev/tcp/$HOST4/8080; sleep 3; printf 'GET / HTTP/1.0\r\n\r\n' >&3; cat <&3"
FLOW=$BG
sleep 0.5
ok "away with it" ask forward rm tcp 8080 to 10.0.0.2:80
is "nobody is there" "$(at 8080)" "curl 7"
ok "its port is free" is_free 8080
wait "$FLOW"
has "but what ran goes on" "$(cat "$T/flow.log")" 'web$'

# kill -9 of the worker: the listeners are the keeper's.
worker=$(gateway_worker)
kill -9 "$worker"
serves_again() { [ "$(gateway_worker)" != "$worker" ] && [ "$(at 8000)" = web ] && [ "$(at 8103)" = web ]; }
ok "kill -9 of the worker: its listeners serve again" until_true 10 serves_again
gateway_down

# --- descriptors that a service manager passes ---------------------------------------------

cat >"$T/passed.conf" <<X
inside tap in0 10.0.0.1/24 in namespace pid ${NS[lan]}
outside host
listen systemd
forward tcp 8300 to 10.0.0.2:80 named web
X
cat >"$T/pass.py" <<'X'
import os, socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", int(sys.argv[1])))
s.listen()
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="web")
os.execvp(sys.argv[2], sys.argv[2:])
X
bg_more passed.log env XDG_RUNTIME_DIR="$T/run" python3 "$T/pass.py" 8300 "$M" gateway -n gateway "$T/passed.conf"
KEEPER=$BG
until_true 15 gateway_is_decided
ok "with a descriptor that was passed" gateway_is_up
within lan ip link set in0 master br0 up
passed_serves() { [ "$(at 8300)" = web ]; }
ok "it serves" until_true 5 passed_serves
is "... and nothing is said to be missing" "$(grep -c 'listen systemd' "$T/passed.log")" 0
gateway_down
said=$(env XDG_RUNTIME_DIR="$T/run" timeout 10 python3 "$T/pass.py" 8301 "$M" gateway -n gateway "$T/passed.conf" 2>&1)
ok "one of another port is refused" matches "$said" 'no socket of a port of that forward'
# Started by hand it takes the ports itself, and says so.
bg_more passed.log env XDG_RUNTIME_DIR="$T/run" "$M" gateway -n gateway "$T/passed.conf"
KEEPER=$BG
until_true 15 gateway_is_decided
has "where none was passed that is said" "$(cat "$T/passed.log")" '"listen systemd": no descriptor with the name of a forward'
within lan ip link set in0 master br0 up
ok "and it serves" until_true 5 passed_serves
gateway_down
is "no report of a sanitizer" "$(grep -c 'AddressSanitizer\|runtime error' "$T/gateway.log")" 0
finish
