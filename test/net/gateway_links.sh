#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A gateway on interfaces that are there: one of this namespace, one of another, while the kernel
# beside it neither answers nor resets; and two insides.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
gateway_world
OUT=198.51.100.1

# lan's bridge and wan's router are joined to us by veths instead of taps.
within lan ip link add in0 type veth peer name eth1 netns $$
within lan ip link set in0 master br0 up
ip link set eth1 up
make_ns box
within wan ip link add out0 type veth peer name eth0 netns "${NS[box]}"
within wan ip addr add 198.51.100.254/24 dev out0
within wan ip link set out0 up
within box ip link set eth0 up
# A second inside, of its own.
make_ns guestlan
join_direct() {
	within guestlan ip link add eth0 type veth peer name eth2 netns $$
	within guestlan ip addr add 10.1.0.2/24 dev eth0
	within guestlan ip link set eth0 up
	within guestlan ip route add default via 10.1.0.1
	ip link set eth2 up
}
join_direct
cat >"$T/gateway.conf" <<X
inside eth1 10.0.0.1/24
inside eth2 10.1.0.1/24
outside eth0 198.51.100.1/24 via 198.51.100.254 in namespace pid ${NS[box]}
forward tcp http to 10.0.0.2
state $T/gateway.state
X
# Somebody had these addresses before us, at another MAC.
within wan ip neigh replace 198.51.100.1 lladdr 02:00:00:00:00:77 dev out0 nud reachable
within guestlan ip neigh replace 10.1.0.1 lladdr 02:00:00:00:00:77 dev eth0 nud reachable
sleep 1.2 # a kernel believes nobody who comes sooner behind another
bg_more gateway.log env XDG_RUNTIME_DIR="$T/run" "$M" gateway "$T/gateway.conf"
KEEPER=$BG
until_true 15 gateway_is_decided
ok "a gateway on interfaces, of two namespaces" gateway_is_up
[ "$FAILED" = 0 ] || { cat "$T/gateway.log"; finish; }

knows() { within "$1" ip neigh show to "$2" | grep -q lladdr &&
	! within "$1" ip neigh show to "$2" | grep -q 02:00:00:00:00:77; }
ok "the outside is told whose MAC it is now" until_true 3 knows wan 198.51.100.1
ok "so is an inside" until_true 3 knows guestlan 10.1.0.1

serves web 80 "web A"
serves far 80 "far"
is "inward" "$(gets far http://$OUT/)" "web A"
is "outward" "$(gets desk http://203.0.113.9/)" "far"
is "outward from the second inside" "$(gets guestlan http://203.0.113.9/)" "far"
is "hairpin from the second inside" "$(gets guestlan http://$OUT/)" "web A"
ok "ping" within desk ping -c 2 -i 0.2 -W 2 203.0.113.9
is "many connections at once: none is reset by the kernel beside it" "$(within desk bash -c '
for i in $(seq 50); do curl -s -m 5 http://203.0.113.9/ & done; wait')" "$(printf 'far%.0s' $(seq 50))"
head -c 50000000 /dev/urandom >"$T/www-far-80/large"
within desk curl -s -m 30 -o "$T/got" http://203.0.113.9/large
ok "a large download" cmp "$T/www-far-80/large" "$T/got"
counted=$(env XDG_RUNTIME_DIR="$T/run" "$M" nat counters)
ok "each link is counted" matches "$counted" '^link_eth0_frames_in  *[1-9]'
ok "and what the stack did" matches "$counted" '^nat_sessions_made  *[1-9]'

# --- how much an interface takes ---------------------------------------------------------

narrow() { # narrow BYTES: the link outside
	within wan ip link set out0 mtu "$1"
	within box ip link set eth0 mtu "$1"
}
within_bg desk narrow.log curl -s -m 60 --limit-rate 20M -o "$T/got" http://203.0.113.9/large
download=$BG
sleep 0.5
narrow 1300
ok "a link that takes less: it is said" until_true 5 grep -q 'eth0 .*packets of 1300 bytes' "$T/gateway.log"
ok "a download goes on meanwhile" wait "$download"
ok "and is whole" cmp "$T/www-far-80/large" "$T/got"
within desk ping -c 1 -W 2 -M "do" -s 1400 203.0.113.9 >/dev/null 2>&1
has "who sends more is told" "$(within desk ip route get 203.0.113.9)" 'mtu 1300'
narrow 1500
ok "and takes more again" until_true 5 grep -q 'packets of 1500 bytes, not of 1300' "$T/gateway.log"
within desk ip route flush cache
ok "full packets pass" within desk ping -c 1 -W 2 -M "do" -s 1472 203.0.113.9

# --- the interface goes down, and is back -----------------------------------------------

within box ip link set eth0 down
is "a link that is down: nothing passes" "$(gets desk http://203.0.113.9/ --max-time 1)" "curl 28"
ok "which is said" until_true 5 grep -q 'the link eth0 .* is down' "$T/gateway.log"
within box ip link set eth0 up
ok "when it is up again all passes" until_true 5 within desk curl -sf -m 1 http://203.0.113.9/
ok "which is said too, once the link has rested" until_true 15 grep -q 'the link eth0 .* is up again' "$T/gateway.log"

# --- what would end in a quarrel --------------------------------------------------------

gateway_down
ip addr add 10.0.0.1/24 dev eth1
said=$(timeout 10 env XDG_RUNTIME_DIR="$T/run" "$M" gateway "$T/gateway.conf" 2>&1)
is "an address that the kernel has is refused" $? 1
has "and why" "$said" '10\.0\.0\.1'

# --- a kernel that has our addresses, and would reset what it does not know -------------

# Neighbours remember the MAC address that was ours.
forget() {
	for i in wan desk web; do within $i ip neigh flush all; done
}
forget
within box ip addr add $OUT/24 dev eth0
within box ip route add default via 198.51.100.254
is "the kernel alone refuses" "$(gets far http://$OUT/ --max-time 2)" "curl 7"
forget
sed -i -E 's/^(inside eth1|outside).*/& take/' "$T/gateway.conf"
bg_more taken.log env XDG_RUNTIME_DIR="$T/run" "$M" gateway "$T/gateway.conf"
KEEPER=$BG
until_true 15 gateway_is_decided
ok "taken, the interfaces serve" gateway_is_up
is "taken: inward, no reset beside it" "$(gets far http://$OUT/)" "web A"
is "taken: outward, no reset beside it" "$(gets desk http://203.0.113.9/)" "far"
is "taken: many at once" "$(within desk bash -c '
for i in $(seq 50); do curl -s -m 5 http://203.0.113.9/ & done; wait')" "$(printf 'far%.0s' $(seq 50))"
gateway_down
is "afterwards the kernel answers again" "$(gets far http://$OUT/ --max-time 2)" "curl 7"
sed -i 's/ take$//' "$T/gateway.conf"
within box ip addr del $OUT/24 dev eth0

ip addr del 10.0.0.1/24 dev eth1
sed -i 's/inside eth1/inside eth9/' "$T/gateway.conf"
said=$(timeout 10 env XDG_RUNTIME_DIR="$T/run" "$M" gateway "$T/gateway.conf" 2>&1)
has "an interface that is not there" "$said" 'eth9'

is "no report of a sanitizer" "$(grep -c 'AddressSanitizer\|runtime error' "$T/gateway.log")" 0
finish
