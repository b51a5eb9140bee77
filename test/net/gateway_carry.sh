#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Flows that the kernel carries for a gateway (nat carry): what they carry is right, all that is
# decided stays the gateway's, and nothing is carried any more when it should not be.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
has_tools python3 jq nft ethtool || { skip "carried flows" "$MISSING is not installed"; finish; }
[ "$NET_REAL_ROOT" = 1 ] || { skip "carried flows" "that needs rights over the whole system"; finish; }
gateway_world
HERE=$(realpath "$(dirname "$0")")
OUT=198.51.100.1

within lan ip link add in0 type veth peer name eth1 netns $$
within lan ip link set in0 master br0 up
within wan ip link add out0 type veth peer name eth0 netns $$
within wan sysctl -qw net.ipv6.conf.out0.accept_dad=0
within wan ip addr add 198.51.100.254/24 dev out0
within wan ip addr add 2001:db8:e::2/64 dev out0 nodad
within wan ip link set out0 up
within wan ip -6 route replace 2001:db8:a::/64 via 2001:db8:e::1
ip link set eth0 up
ip link set eth1 up
# Nobody believes a checksum that was left to others: the last link of each way fills it in.
within wan ethtool -K p-far tx off >/dev/null
within lan ethtool -K p-desk tx off >/dev/null
within lan ethtool -K p-web tx off >/dev/null

# A second inside, of one host.
make_ns guests
within guests ip link add eth0 type veth peer name eth2 netns $$
within guests ip addr add 10.1.0.2/24 dev eth0
within guests ip link set eth0 up
within guests ip route add default via 10.1.0.1
ip link set eth2 up
within guests ethtool -K eth0 tx off >/dev/null

configure() { # configure WORDS-OF-THE-LINKS LINE...
	cat >"$T/gateway.conf" <<X
inside eth1 10.0.0.1/24, 2001:db8:a::1/64 $1
inside eth2 10.1.0.1/24 $1
outside eth0 198.51.100.1/24, 2001:db8:e::1/64 via 198.51.100.254, 2001:db8:e::2 $1
forward tcp 7000 to 10.0.0.2
state $T/gateway.state
X
	[ $# -lt 2 ] || printf '%s\n' "${@:2}" >>"$T/gateway.conf"
}
start() {
	bg_more gateway.log env XDG_RUNTIME_DIR="$T/run" "$M" gateway "$T/gateway.conf"
	KEEPER=$BG
	until_true 15 gateway_is_decided
	gateway_is_up
}
configure ""
ok "a gateway on two interfaces" start
[ "$FAILED" = 0 ] || { cat "$T/gateway.log"; finish; }
if grep -q 'does not carry\|carries nothing' "$T/gateway.log"; then
	skip "carried flows" "$(tail -n 1 "$T/gateway.log")"
	finish
fi

within_bg far talk-far.log python3 "$HERE/talk.py" serve 203.0.113.9 7000
within_bg far talk-far6.log python3 "$HERE/talk.py" serve 2001:db8:f::9 7000
within_bg web talk-web.log python3 "$HERE/talk.py" serve 10.0.0.2 7000
until_true 5 ns_listens far 7000
until_true 5 ns_listens web 7000

carried() { ask nat show --json | jq ".carried.$1"; }
carries() { [ "$(carried now)" = "$1" ]; }
none_carried() { until_true 5 carries 0; }
# talks NAME ADDRESS [LOCAL-PORT]: a connection from there, that tell gives orders to.
talks() {
	rm -f "$T/orders" "$T/said"
	mkfifo "$T/orders"
	within_bg "$1" said bash -c "exec python3 '$HERE/talk.py' call $2 7000 ${3:-} <'$T/orders'"
	exec 8>"$T/orders"
	echo 0 >"$T/heard"
}
says() { [ "$(wc -l <"$T/said")" -gt "$(cat "$T/heard")" ]; }
answer() { # the next one
	local line
	line=$(($(cat "$T/heard") + 1))
	until_true 60 says
	echo "$line" >"$T/heard"
	sed -n "${line}p" "$T/said"
}
tell() { echo "$*" >&8; }
told() { tell "$@"; answer; }
hang_up() { told close >/dev/null; exec 8>&-; }
# errors NAME: segments that came there with a wrong checksum.
errors() { within "$1" nstat -asz TcpInCsumErrors TcpInErrs | awk '/^Tcp/ {n += $2} END {print n + 0}'; }

# --- what they carry ---------------------------------------------------------------------

talks desk 203.0.113.9
is "a download" "$(told down 40000000)" good
ok "both its directions are carried" until_true 5 carries 2
before=$(carried bytes)
is "and an upload, on the same connection" "$(told up 40000000)" good
after=$(carried bytes)
ok "carried, for the most part ($before, $after)" test $((after - before)) -gt 20000000
is "a session says so" "$(ask nat list sessions --json | jq '[.sessions[] | select(.carried)] | length')" 1
has "nat show says how many" "$(ask nat show)" '^# directions .*: 2$'
is "no checksum was wrong at the server" "$(errors far)" 0
is "nor at the client" "$(errors desk)" 0

within far nft -f - <<'X'
table ip look {
	counter right { }
	counter wrong { }
	chain in {
		type filter hook prerouting priority -300
		tcp dport 7000 ip ttl 62 counter name right
		tcp dport 7000 ip ttl != 62 counter name wrong
	}
}
X
is "some more" "$(told up 5000000)" good
seen() { within far nft -j list counter ip look "$1" | jq '[.nftables[].counter.packets // empty] | add'; }
ok "each packet was one hop older at the far end" test "$(seen right)" -gt 0
is "and none another number of hops" "$(seen wrong)" 0
hang_up
ok "behind a FIN nothing is carried" none_carried

talks desk 203.0.113.9
is "a second connection" "$(told down 20000000)" good
ok "is carried" until_true 5 carries 2
told reset >/dev/null
exec 8>&-
ok "behind a RST nothing is carried" none_carried

within desk ethtool -K eth0 tso off gso off tx off >/dev/null
within far ethtool -K eth0 tso off gso off tx off >/dev/null
talks desk 203.0.113.9
is "single segments with whole checksums: down" "$(told down 5000000)" good
is "and up" "$(told up 5000000)" good
ok "are carried too" carries 2
is "no checksum was wrong at the server then" "$(errors far)" 0
is "nor at the client then" "$(errors desk)" 0
hang_up
within desk ethtool -K eth0 tso on gso on tx on >/dev/null
within far ethtool -K eth0 tso on gso on tx on >/dev/null
none_carried

talks far $OUT
is "into a forward: up" "$(told up 20000000)" good
is "and down" "$(told down 20000000)" good
ok "is carried" carries 2
is "no checksum was wrong behind it" "$(errors web)" 0
hang_up
none_carried

talks desk 2001:db8:f::9
is "IPv6, which is routed: down" "$(told down 20000000)" good
is "IPv6: up" "$(told up 20000000)" good
ok "IPv6 is carried" carries 2
hang_up
none_carried

talks guests 10.0.0.2
is "between two insides: down" "$(told down 20000000)" good
is "between two insides: up" "$(told up 20000000)" good
ok "what goes between insides is carried" until_true 5 carries 2
is "no checksum was wrong there" "$(errors web)" 0
hang_up
ok "and not behind a FIN" none_carried
talks guests $OUT
is "by the public address to another inside: down" "$(told down 20000000)" good
is "by the public address to another inside: up" "$(told up 20000000)" good
ok "that is carried too" until_true 5 carries 2
is "no checksum was wrong there" "$(errors web)" 0
hang_up
none_carried
talks desk $OUT
is "by the public address to the same inside" "$(told down 5000000)" good
is "that is not: it leaves by the interface by which it came" "$(carried now)" 0
hang_up

# --- who decides -------------------------------------------------------------------------

talks desk 203.0.113.9
is "a connection whose session is ended" "$(told down 20000000)" good
ok "carried at first" until_true 5 carries 2
ask nat end inside 10.0.0.7 >/dev/null
is "is carried no longer as soon as that is told" "$(carried now)" 0
tell down 1000
sleep 1
is "and nothing of it passes" "$(grep -c good "$T/said")" 1
has "its client hears of that" "$(cat "$T/said")" 'Connection ?Reset'
kill "$BG" 2>/dev/null
exec 8>&-

talks desk 203.0.113.9
is "while nat carry is switched off" "$(told down 20000000)" good
ok "it is carried before" until_true 5 carries 2
ask nat set carry off >/dev/null
is "not afterwards" "$(carried now)" 0
is "but it goes on" "$(told down 5000000)" good
is "by us" "$(carried now)" 0
ask nat set carry on >/dev/null
is "and after it is on again" "$(told down 20000000)" good
ok "it is carried again" until_true 5 carries 2

tell slow 20000000 3
worker=$(gateway_worker)
begun=$(carried begun)
kill -9 "$worker"
replaced() { [ -n "$(gateway_worker)" ] && [ "$(gateway_worker)" != "$worker" ]; }
ok "the worker is killed under a download: another takes its place" until_true 5 replaced
is "and the download is whole" "$(answer)" good
is "the flow lives on" "$(told down 20000000)" good
ok "and the new one has it carried, too" until_true 5 carries 2

tell slow 20000000 3
echo "forward tcp 7001 to 10.0.0.2:7000" >>"$T/gateway.conf"
kill -HUP "$KEEPER"
ok "a reload under a download" until_true 5 bash -c "env XDG_RUNTIME_DIR=$T/run $M forward list | grep -q 7001"
is "which is whole" "$(answer)" good
is "the flow is carried on" "$(told down 20000000)" good
ok "as before" until_true 5 carries 2
hang_up
none_carried

# --- ways that change -------------------------------------------------------------------

talks desk 203.0.113.9
is "a connection whose router is to change" "$(told down 20000000)" good
ok "carried" until_true 5 carries 2
begun=$(carried begun)
# As routers do: else we learn of it from who asks for us, or when we look after 30 s.
within wan sysctl -qw net.ipv4.conf.out0.arp_notify=1
tell slow 20000000 3
within wan ip link set out0 address 02:00:00:00:77:77
within wan ip route replace 2001:db8:a::/64 via 2001:db8:e::1
is "another MAC address of the router, under a download" "$(answer)" good
is "which goes on" "$(told up 5000000)" good
has_begun() { [ "$(carried begun)" -gt "$begun" ]; }
ok "is carried by another way" until_true 5 has_begun
tell slow 20000000 4
ip link set eth0 down
sleep 0.5
ip link set eth0 up
is "a link that was down for a while, under a download" "$(answer)" good
is "the connection goes on" "$(told up 20000000)" good
ok "and is carried" until_true 5 carries 2
tell slow 20000000 3
ip link set eth0 mtu 1350
within wan ip link set out0 mtu 1350
is "a link that takes less from now on, under a download" "$(answer)" good
is "what goes up fits it" "$(told up 20000000)" good
ok "and is carried" until_true 5 carries 2
ip link set eth0 mtu 1500
within wan ip link set out0 mtu 1500
hang_up
none_carried
# They forget what they heard with the route alone.
within desk ip route del default
within desk ip route add default via 10.0.0.1
within far ip route del default
within far ip route add default via 203.0.113.1

# The same ends again: the new connection finds nothing of the old one.
for _ in 1 2 3; do
	talks desk 203.0.113.9 40000
	is "a connection of the same ends again" "$(told down 5000000)" good
	told reset >/dev/null
	exec 8>&-
done
none_carried

# --- a smaller link ----------------------------------------------------------------------

gateway_down
ip link set eth0 mtu 1400
within wan ip link set out0 mtu 1400
start
talks desk 203.0.113.9
is "a link of 1400 bytes: up" "$(told up 20000000)" good
is "and down over it" "$(told down 20000000)" good
ok "is carried" until_true 5 carries 2
has "the sender has heard of it (fragmentation needed)" \
	"$(within desk ip route get 203.0.113.9)" 'mtu 1400'
hang_up
gateway_down
ip link set eth0 mtu 1500
within wan ip link set out0 mtu 1500
for i in desk far wan; do within $i ip route flush cache; done

# --- interfaces that are taken -----------------------------------------------------------

for i in wan desk web; do within $i ip neigh flush all; done
ip addr add 10.0.0.1/24 dev eth1
ip addr add $OUT/24 dev eth0
configure take
start
talks desk 203.0.113.9
is "taken from a kernel that has our address" "$(told down 20000000)" good
is "and up" "$(told up 20000000)" good
ok "it is carried" until_true 5 carries 2
hang_up
none_carried
gateway_down

rm "$T/gateway.state" # which says what was said above
configure take "nat carry off"
start
talks desk 203.0.113.9
is "switched off in the file" "$(told down 20000000)" good
is "nothing is carried" "$(carried begun)" 0
hang_up
gateway_down

is "no report of a sanitizer" "$(grep -c 'AddressSanitizer\|runtime error' "$T/gateway.log")" 0
finish
