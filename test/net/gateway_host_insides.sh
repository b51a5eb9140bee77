#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A gateway with several insides whose outside is the host's own sockets: each goes out, each has
# the resolver, packets go between them, forwards lead to any of them.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
world_up
make_ns lan
bridge_up lan
join desk 10.0.0.7/24 10.0.0.1 lan fd00:a::7/64 fd00:a::1
join web 10.0.0.2/24 10.0.0.1 lan fd00:a::2/64 fd00:a::1
make_ns dark
bridge_up dark
join phone 10.1.0.7/24 10.1.0.1 dark fd00:b::7/64 fd00:b::1
join mail 10.1.0.3/24 10.1.0.1 dark fd00:b::3/64 fd00:b::1
# Behind a router of the second inside.
make_ns deep
within mail ip link add d1 type veth peer name eth0 netns "${NS[deep]}"
within mail sysctl -qw net.ipv4.ip_forward=1
within mail ip addr add 10.9.0.1/24 dev d1
within mail ip link set d1 up
within deep ip addr add 10.9.0.2/24 dev eth0
within deep ip link set eth0 up
within deep ip route add default via 10.9.0.1
NS[peer]=$PEER_PID
serves peer 80 "far"
cat >"$T/gateway.conf" <<X
inside tap in0 10.0.0.1/24, fd00:a::1/64 in namespace pid ${NS[lan]} named home
inside tap in1 10.1.0.1/24, fd00:b::1/64 in namespace pid ${NS[dark]} named guests
outside host
route 10.9.0.0/24 via 10.1.0.3
forward tcp 8000 to 10.0.0.2:80
forward tcp 8001 to 10.1.0.3:80
forward tcp 8002 to 10.0.0.2:84, 10.1.0.3:84 check every 1s
forward tcp 8003 to 10.1.0.3:81 proxy v1
forward tcp 8004 to 10.9.0.2:80
forward udp 8005 to 10.1.0.3:86
forward tcp,udp 8006-8007 all to 10.0.0.2:80
allow tcp 8006 from 203.0.113.9
block tcp 8006
drop udp 8006
limit tcp 8007 to 1 per day then drop
test tcp from inside 10.0.0.7 to 10.1.0.3:80 reaches 10.1.0.3:80
test tcp from inside 10.1.0.7 to 203.0.113.9:80 passes
test ping from inside 10.0.0.7 to 10.1.0.1 is closed
test ping from inside 10.1.0.7 to 10.1.0.1 is answered
test tcp from inside 10.1.0.7 to 10.0.0.1:22 is closed
state $T/gateway.state
X
resolver_is $PEER4
bg_more gateway.log env XDG_RUNTIME_DIR="$T/run" "$M" gateway "$T/gateway.conf"
KEEPER=$BG
until_true 15 gateway_is_decided
ok "the gateway runs" gateway_is_up
within lan ip link set in0 master br0 up
within dark ip link set in1 master br0 up
serves web 80 "web"
serves mail 80 "mail"
serves deep 80 "deep"
serves web 84 "web"
serves mail 84 "mail"
MAIL=$BG

# --- outward, from each ---------------------------------------------------------------------------

is "from the first inside" "$(gets desk http://$PEER4/)" "far"
is "from the second" "$(gets phone http://$PEER4/)" "far"
has "from the host's own address" "$(tail -1 "$T/nginx-peer-80.access")" "^${HOST4//./\\.} "
is "from behind a router there" "$(gets deep http://$PEER4/)" "far"
is "the gateway's other address is closed" "$(gets desk http://10.1.0.1/ --max-time 3 | grep -c '^curl')" 1
is "and its own" "$(gets phone http://10.1.0.1/ --max-time 3 | grep -c '^curl')" 1
is "the host's loopback is closed" "$(gets phone http://127.0.0.2/ --max-time 3 | grep -c '^curl')" 1
pings() { within "$1" ping -c 1 -W 2 "$2" >/dev/null 2>&1; }
ok "each inside pings its own gateway" pings desk 10.0.0.1
ok "the second too" pings phone 10.1.0.1
if has_tools dnsmasq dig; then
	within_bg peer dns.log dnsmasq -d -u root -p 53 --no-resolv --no-hosts --listen-address=$PEER4 \
		--bind-interfaces --address=/example.test/192.0.2.7
	until_true 5 ns_hears peer 53
	resolves() { [ "$(within "$1" dig +short +time=2 "${@:3}" "@$2" example.test)" = 192.0.2.7 ]; }
	ok "a name, asked of the gateway" until_true 5 resolves desk 10.0.0.1
	ok "of the other inside" resolves phone 10.1.0.1
	ok "by TCP" resolves phone 10.1.0.1 +tcp
	ok "by IPv6" resolves phone fd00:b::1
else
	skip "names" "$MISSING is not installed"
fi

# --- between insides --------------------------------------------------------------------------------

is "from one to the other" "$(gets desk http://10.1.0.3/)" "mail"
has "with its own address" "$(cat "$T/nginx-mail-80.access")" "^10\.0\.0\.7 "
is "and back" "$(gets phone http://10.0.0.2/)" "web"
is "by IPv6" "$(gets desk "http://[fd00:b::3]/")" "mail"
is "to a host behind a router" "$(gets desk http://10.9.0.2/)" "deep"
ok "a ping" pings desk 10.1.0.7
ok "in fragments" within desk ping -c 1 -W 2 -s 4000 10.1.0.7
is "a closed port is told" "$(gets desk http://10.1.0.7:81/)" "curl 7"
head -c 20000000 /dev/urandom >"$T/large"
chmod 644 "$T/large"
within_bg mail large.log socat -u "FILE:$T/large" TCP4-LISTEN:5001,reuseaddr
until_true 5 ns_listens mail 5001
within desk timeout 20 socat -u TCP:10.1.0.3:5001 "CREATE:$T/large.got"
ok "20 MB between them are the same" cmp -s "$T/large" "$T/large.got"
has "the flow is a session" "$(within_bg desk hold.log bash -c "exec 3<>/dev/tcp/10.1.0.3/80; sleep 8"; sleep 1; ask nat list sessions)" '10\.0\.0\.7.*10\.1\.0\.3'
ok "a rule between them" ask rule add block tcp from guests to home named apart
is "holds" "$(gets phone http://10.0.0.2/ --max-time 3 | grep -c '^curl')" 1
is "that way alone" "$(gets desk http://10.1.0.3/)" "mail"
has "why: it tells" "$(ask why tcp 10.1.0.7 to 10.0.0.2:80)" '^refused by live: block tcp from guests to home'
is "outside it changes nothing" "$(gets phone http://$PEER4/)" "far"
ok "... away with it" ask rule rm apart
is "and they reach each other again" "$(gets phone http://10.0.0.2/)" "web"
has "why: between them" "$(ask why tcp 10.0.0.7 to 10.1.0.3:80)" '^passes: .*10\.1\.0\.3 port 80'
# The gateway of the other inside.
ok "it answers no ping" fails pings desk 10.1.0.1
said=$(ask why ping 10.0.0.7 to 10.1.0.1)
is "why: nor does it say so" $? 1
has "... but who does not answer" "$said" '^refused: what the gateway is called on another inside answers nothing'
ok "... nor of the first, asked by the second" fails ask why ping 10.1.0.7 to 10.0.0.1
ok "... nor by IPv6" fails ask why ping fd00:a::7 to fd00:b::1
ok "why: its own does" ask why ping 10.1.0.7 to 10.1.0.1
has "a message that is no ping" "$(ask why icmp timestamp 10.0.0.7 to 10.0.0.1)" '^dropped: .*meets no rule'
# Back by the host's own address.
is "an inside host that calls the host's address, where a rule refuses" \
	"$(gets desk "http://$HOST4:8006/" | grep -c '^curl')" 1
said=$(ask why tcp 10.0.0.7 to $HOST4:8006)
is "why: it does not pass" $? 1
has "... by the rule of what comes in" "$said" '^refused by .*: block tcp 8006$'
has "... and how the caller finds it" "$said" 'the host.s kernel accepts the call before a rule is asked; then it is reset$'
has "... a datagram too" "$(ask why udp 10.0.0.7 to $HOST4:8006)" '^dropped by .*: drop udp 8006$'
is "where none does" "$(gets desk "http://$HOST4:8001/")" "mail"
has "... why: to whom" "$(ask why tcp 10.0.0.7 to $HOST4:8001)" '^passes: .*forward tcp 8001 .*it reaches 10\.1\.0\.3 port 80$'
has "... a port of the host's" "$(ask why tcp 10.0.0.7 to $HOST4:8999)" '^passes: uplink$'
has "... and of another's" "$(ask why tcp 10.0.0.7 to $PEER4:8006)" '^passes: uplink$'
is "a limit" "$(gets peer "http://$HOST4:8007/")" web
said=$(ask why tcp $PEER4 to $HOST4:8007 --json | tr -d ' \n')
has "... that is used up: what it comes to" "$said" '"becomes":\{"outcome":"dropped","line":[0-9]+,"text":"limittcp8007'
has "... and how the caller finds it" "$said" '"note":"thehost.skernelaccepts'
has "why: outward, of the second" "$(ask why tcp 10.1.0.7 to 203.0.113.9:80)" '^passes: '

# --- bounds of inside hosts ----------------------------------------------------------------------------

serves peer 90 "ninety"
holds() { # NAME COUNT: so many of its connections outward stand
	within_bg "$1" hold.log python3 -c 'import socket, sys, time
own = []
for _ in range(int(sys.argv[2])):
    s = socket.socket()
    s.settimeout(3)
    try:
        s.connect((sys.argv[1], 90))
        own.append(s)
    except OSError: pass
print(len(own), flush=True)
time.sleep(60)' $PEER4 "$2"
	HOLDER=$BG
	until_true 10 grep -q . "$T/hold.log"
	cat "$T/hold.log"
}
ok "a bound of each inside host, live" ask nat set at most 2 tcp ports per host
holds desk 3 >"$T/held"
is "two connections, not three" "$(cat "$T/held")" 2
is "another host of the inside may" "$(gets web http://$PEER4:90/)" "ninety"
is "one of the other inside too" "$(gets phone http://$PEER4:90/)" "ninety"
has "why: the bound" "$(ask why tcp 10.0.0.7 to $PEER4:90)" '^refused by live: nat at most 2 tcp ports per host: the inside host has its 2 ports'
is "between insides it is none of an outside's" "$(gets desk http://10.1.0.3/)" "mail"
kill "$HOLDER"
wait "$HOLDER" 2>/dev/null
again() { [ "$(gets desk http://$PEER4:90/)" = ninety ]; }
ok "when they are over there is room" until_true 5 again
ok "without it" ask nat unset tcp ports per host
ask nat set at most 1 udp ports per host
within_bg peer udp.log socat UDP4-RECVFROM:91,fork EXEC:cat
until_true 5 ns_hears peer 91
says_to() { echo "$1" | within "$2" socat -t 2 - "UDP:$PEER4:91,sourceport=$3" 2>/dev/null; }
is "datagrams: one port of a host's" "$(says_to one desk 7001)" one
is "not two" "$(says_to two desk 7002)" ""
is "the first goes on" "$(says_to more desk 7001)" more
ok "without that" ask nat unset udp ports per host
is "two without a bound" "$(says_to two desk 7002)" two

# --- forwards -----------------------------------------------------------------------------------------

at() { gets peer "http://$HOST4:$1/" --max-time 4; }
is "a forward to the first" "$(at 8000)" "web"
is "to the second" "$(at 8001)" "mail"
has "the source address is kept" "$(tail -1 "$T/nginx-mail-80.access")" "^${PEER4//./\\.} "
is "behind a router there" "$(at 8004)" "deep"
answers() {
	local i text=""
	for i in $(seq 30); do text+="$(at 8002) "; done
	[ "$(echo "$text" | tr ' ' '\n' | sort -u | xargs)" = "$1" ]
}
ok "servers of both" until_true 15 answers "mail web"
kill "$MAIL"
wait "$MAIL" 2>/dev/null
ok "that of the second is probed" until_true 15 answers "web"
within_bg mail proxied.log socat -T 5 TCP4-LISTEN:81,fork,reuseaddr SYSTEM:'read -r line; echo "HTTP/1.0 200 OK"; echo; echo "$line $SOCAT_PEERADDR"'
until_true 5 ns_listens mail 81
has "PROXY, from the gateway's address there" "$(at 8003)" "^PROXY TCP4 ${PEER4//./\\.} ${HOST4//./\\.} [0-9]+ 8003. 10\.1\.0\.1$"
within_bg mail echo.log socat UDP4-RECVFROM:86,fork EXEC:cat
until_true 5 ns_hears mail 86
is "a datagram's" "$(echo ping | within peer socat -t 3 - UDP:"$HOST4":8005)" ping

worker=$(gateway_worker)
kill -9 "$worker"
serves_again() { [ "$(gateway_worker)" != "$worker" ] && [ "$(at 8001)" = mail ] && [ "$(gets phone http://$PEER4/)" = far ]; }
ok "kill -9 of the worker: it goes on" until_true 15 serves_again
is "between them too" "$(gets phone http://10.0.0.2/)" "web"
gateway_down
is "no report of a sanitizer" "$(grep -c 'AddressSanitizer\|runtime error' "$T/gateway.log")" 0
finish
