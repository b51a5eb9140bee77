#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Published ports for lan alone: what a caller of wan finds, where the kernel may be given a filter
# (root), and where it may not: then the port is bound at the devices of lan.
#
#   this host                          the peer
#     h0 10.99.0.2, fd99::2  ---------  p0 10.99.0.1, fd99::1, and 203.0.113.9, 2001:db8::9
#     w0 198.18.5.2          ---------  v0 198.18.5.9
. "$(dirname "$0")/lib.bash"
world_up
WAN=203.0.113.9
WAN6=2001:db8::9
in_peer ip addr add $WAN/24 dev p0
in_peer ip addr add $WAN6/64 dev p0 nodad
ip -6 route add 2001:db8::/64 via $PEER6 2>/dev/null
ip link add w0 type veth peer name v0 netns "$PEER_PID"
sysctl -qw net.ipv6.conf.w0.accept_dad=0
ip addr add 198.18.5.2/24 dev w0
ip addr add 2001:db8:5::2/64 dev w0 nodad
ip link set w0 up
in_peer ip addr add 198.18.5.9/24 dev v0
in_peer ip addr add 2001:db8:5::9/64 dev v0 nodad
in_peer ip link set v0 up

mkdir -p "$T/user/www"
echo "the guest" >"$T/user/www/index.html"
chmod -R a+rX "$T/user/www"
RULES=(--rule 'allow tcp 8081 from lan' --rule 'block tcp 8081'
	--rule 'allow udp 8081 from lan' --rule 'drop udp 8081'
	--rule "drop tcp 8082 from $WAN" --rule 'block tcp 8083 from wan log')
PORTS=8080-8083:80,8081:80/udp
SERVE='import http.server, socket, sys, threading
class Six(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    def log_message(self, *a): pass
class Quiet(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *a): super().__init__(*a, directory=sys.argv[1])
    def log_message(self, *a): pass
u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
u.bind(("::", 80))
def echo():
    while True:
        d, a = u.recvfrom(100)
        u.sendto(d, a)
threading.Thread(target=echo, daemon=True).start()
Six(("::", 80), Quiet).serve_forever()
'
get() { # SOURCE ADDRESS PORT
	local text
	text=$(in_peer curl -g -sS -m 2 --interface "$1" "http://$2:$3/" 2>/dev/null) &&
		echo "$text" || echo "curl $?"
}
silent() { equal "$(get "$1" "$2" "$3")" "curl 28"; }
# How many calls the host's kernel has accepted since the last look at it.
accepted() { nstat 2>/dev/null | awk '$1 == "TcpPassiveOpens" { n = $2 } END { print n + 0 }'; }
datagram() { # SOURCE ADDRESS: what comes back of one
	in_peer python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 0))
s.settimeout(1)
s.sendto(b"echo", (sys.argv[2], 8081))
try: print(s.recv(100).decode())
except OSError: print("silence")' "$1" "$2"
}
wall() { # AS NAME PORT/PROTO: the column of forward list
	"$1" "$M" forward list "$2" | awk -v "what=$3" 'index($2, what) == 1 { print $NF }'
}
worker_of() {
	"$M" ps --json | python3 -c 'import json, sys
for g in json.load(sys.stdin)["guests"]:
    if g["name"] == sys.argv[1]: print(g["worker"])' "$1"
}
other_worker() { local w; w=$(worker_of first) && [ -n "$w" ] && [ "$w" != "$1" ]; }
as_root() { "$@"; }
begin() { # AS NAME
	bg "guest-$2.log" "$1" "$M" run --name "$2" -p "8080:80,8081:80,8082:80,8083:80,8445:445" \
		-p 8081:80/udp "${RULES[@]}" -- python3 -c "$SERVE" "$T/user/www"
	GUEST=$BG
	until_true 15 curl -sf -m 2 -o /dev/null http://127.0.0.1:8080/ || cat "$T/guest-$2.log"
}

# --- the kernel has a filter ------------------------------------------------------------

if [ "$NET_REAL_ROOT" = 1 ]; then
	begin as_root first
	is "the wall of a port for lan is the kernel" "$(wall as_root first 8081:80)" "kernel
kernel"
	has "... so ss says" "$("$M" ss -ltne --in first)" ':8081 .* wall:kernel'
	ok "... and not of others" fails matches "$("$M" ss -ltne --in first)" ':8080 .* wall:'
	has "... and ps says that there is one" "$("$M" ps)" '^first .* in +[0-9]'
	is "... of one that nothing is said of, none" "$(wall as_root first 8080:80)" "-"
	is "... of a rule with log, we" "$(wall as_root first 8083:80)" "late"
	is "... of one that leads to SMB, the kernel" "$(wall as_root first 8445:445)" "kernel"
	is "from lan" "$(get $PEER4 $HOST4 8081)" "the guest"
	is "from lan, IPv6" "$(get $PEER6 "[$HOST6]" 8081)" "the guest"
	is "from the host itself" "$(curl -sS -m 3 http://127.0.0.1:8081/)" "the guest"
	accepted >/dev/null
	ok "from wan: no answer" silent $WAN $HOST4 8081
	ok "... nor by IPv6" silent $WAN6 "[$HOST6]" 8081
	ok "... nor at the other device" silent 198.18.5.9 198.18.5.2 8081
	ok "a rule about one address: it has no answer" silent $WAN $HOST4 8082
	ok "what leads to SMB: no answer" silent $WAN $HOST4 8445
	is "... and none of them was accepted" "$(accepted)" 0
	is "... all others have" "$(get 198.18.5.9 198.18.5.2 8082)" "the guest"
	is "datagrams: from lan" "$(datagram $PEER4 $HOST4)" echo
	is "datagrams: from wan" "$(datagram $WAN $HOST4)" silence
	ok "a rule with log sees whom it refuses" fails equal "$(get $WAN $HOST4 8083)" "the guest"
	ok "... and says so" until_true 3 grep -q "rule: tcp from $WAN .*refused" \
		"$T/guest-first.log"
	worker=$(worker_of first)
	kill -9 "$worker"
	until_true 10 other_worker "$worker"
	until_true 10 curl -sf -m 2 -o /dev/null http://127.0.0.1:8081/
	ok "the next worker: the same" silent $WAN $HOST4 8081
	"$M" stop first
	wait "$GUEST" 2>/dev/null
else
	skip "a filter of the kernel" "it needs root"
fi

# --- it may have none -------------------------------------------------------------------

begin as_user second
case $(wall as_user second 8081:80 | head -1) in
kernel)
	ok "unprivileged, with a filter: from wan no answer" silent $WAN $HOST4 8081
	skip "bound at devices" "this kernel lets anybody attach a filter"
	;;
devices)
	is "unprivileged: from lan" "$(get $PEER4 $HOST4 8081)" "the guest"
	is "... IPv6" "$(get $PEER6 "[$HOST6]" 8081)" "the guest"
	is "... from the host itself" "$(curl -sS -m 3 http://127.0.0.1:8081/)" "the guest"
	accepted >/dev/null
	is "by a device that is not of lan: closed" "$(get 198.18.5.9 198.18.5.2 8081)" "curl 7"
	is "... also IPv6" "$(get 2001:db8:5::9 '[2001:db8:5::2]' 8081)" "curl 7"
	is "... nor what leads to SMB" "$(get 198.18.5.9 198.18.5.2 8445)" "curl 7"
	is "... which is listed" "$(wall as_user second 8445:445)" "devices"
	is "... and none of them was accepted" "$(accepted)" 0
	ok "a foreign source by a device of lan: reset" \
		was_refused "$(get $WAN $HOST4 8081)"
	is "what is not for lan alone is open everywhere" \
		"$(get 198.18.5.9 198.18.5.2 8080)" "the guest"
	is "datagrams: from lan" "$(datagram $PEER4 $HOST4)" echo
	is "datagrams: from wan" "$(datagram $WAN $HOST4)" silence
	is "datagrams: by another device" "$(datagram 198.18.5.9 198.18.5.2)" silence
	has "what is accepted first is said" "$(cat "$T/guest-second.log")" \
		"host port 8082: .*first, then reset"
	is "... and listed" "$(wall as_user second 8082:80)" "late"

	# The devices are those of the start, whatever is said later.
	has "why of a port at devices says which" \
		"$(as_user "$M" why -n second tcp $PEER4 to $HOST4:8081 2>&1)" \
		'at the devices that were of lan when it was published'
	said=$(as_user "$M" why-not -n second tcp 198.18.5.9 to 198.18.5.2:8081 2>&1)
	has "why-not of who comes by another: the rule" "$said" \
		"^minato rule add -n second allow tcp 8081 from 198\.18\.5\.9 to 198\.18\.5\.2 first$"
	has "... and what else it takes" "$said" \
		"and with it: by any other device it is closed: 'minato forward rm second 8081:80/tcp'"
	said=$(as_user "$M" why-not -n second --for 20s tcp 198.18.5.9 to 198.18.5.2:8081 2>&1)
	is "... with --for it fails" $? 1
	has "... says that it is closed still" "$said" "closed: the rules let it pass, but .*devices"
	has "... and leaves nothing behind" "$said" "taken back"
	has "a rule that lets others in says that they find it closed" \
		"$(as_user "$M" rule add -n second allow tcp 8081 from 198.18.5.9 first 2>&1)" \
		"host port 8081 stays closed by devices .*'minato forward rm second 8081:80/tcp'"
	is "... as it is" "$(get 198.18.5.9 198.18.5.2 8081)" "curl 7"
	quietly() { "$@" >/dev/null; }
	ok "... and why does not say that it passes" \
		fails quietly as_user "$M" why -n second tcp 198.18.5.9 to 198.18.5.2:8081
	has "... and why tells" \
		"$(as_user "$M" why -n second tcp 198.18.5.9 to 198.18.5.2:8081 2>&1)" \
		"by any other device it is closed: 'minato forward rm second 8081:80/tcp'"
	as_user "$M" forward rm second 8081:80
	ok "... and what it says helps" as_user "$M" forward add second 8081:80
	is "... who is let in is there" "$(get 198.18.5.9 198.18.5.2 8081)" "the guest"

	# A guest of this host comes by the device whose address it calls.
	run_guest web -- sleep 1000
	run_guest db -p 8090:80 --rule 'allow tcp 8090 from web' --rule 'block tcp 8090' \
		-- python3 -c "$SERVE" "$T/user/www"
	is "a port for a guest by its name is not bound at devices" \
		"$(wall as_user db 8090:80)" "late"
	by_web() { as_user "$M" exec web -- curl -sS -m 3 "http://$1:8090/" 2>&1; }
	until_true 10 equal "$(by_web $HOST4)" "the guest"
	is "... the guest calls lan's address" "$(by_web $HOST4)" "the guest"
	is "... and the host's other one" "$(by_web 198.18.5.2)" "the guest"
	ok "... others are refused" fails equal "$(get 198.18.5.9 198.18.5.2 8090)" "the guest"
	;;
*) ok "a port for lan has a wall" false ;;
esac
finish
