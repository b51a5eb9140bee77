#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A gateway whose links are changed in its file while it runs: a tap of its own inside, an interface
# that is there outside. A download goes on through all of it.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
gateway_world

make_ns box
within wan ip link add out0 type veth peer name eth0 netns "${NS[box]}"
within wan ip addr add 198.51.100.254/24 dev out0
within wan ip link set out0 up
within box ip link set eth0 up

# config INSIDE OUTSIDE: more words of each.
config() {
	cat >"$T/gateway.conf" <<-C
		inside tap in0 10.0.0.1/24 in namespace pid ${NS[lan]} $1
		outside eth0 198.51.100.1/24 via 198.51.100.254 in namespace pid ${NS[box]} $2
		state $T/gateway.state
	C
}
config "" ""
bg_more gateway.log env XDG_RUNTIME_DIR="$T/run" "$M" gateway "$T/gateway.conf"
KEEPER=$BG
until_true 15 gateway_is_decided
gateway_is_up || { cat "$T/gateway.log"; ok "the gateway runs" false; finish; }
within lan ip link set in0 master br0 up
serves far 80 "far"
head -c 40000000 /dev/urandom >"$T/www-far-80/large"

mtu_of() { within "$1" ip -o link show "$2" | grep -o 'mtu [0-9]*' | cut -c 5-; }
said_mtu() { # MTU: what desk is told by who sends more
	within desk ip route flush cache
	within desk ping -c 1 -W 2 -M "do" -s 1450 203.0.113.9 >/dev/null 2>&1
	within desk ip route get 203.0.113.9 | grep -q "mtu $1"
}
full_passes() {
	within desk ip route flush cache
	within desk ping -c 1 -W 2 -M "do" -s 1472 203.0.113.9 >/dev/null
}
# changes WHAT INSIDE OUTSIDE: a reload takes it.
changes() {
	config "$2" "$3"
	SAID=$(ask gateway reload 2>&1)
	is "$1: it is taken" "$? $SAID" "0 minato: links, routes or capacities have changed: another process takes the sessions over"
	ok "$1: who is new gets through" until_true 5 within desk curl -sf -m 2 -o /dev/null http://203.0.113.9/
}
within_bg desk curl.log curl -s -m 100 --limit-rate 3M -o "$T/got" http://203.0.113.9/large
download=$BG
sleep 0.5

changes "a tap of a smaller MTU" "mtu 1400" ""
is "... has it" "$(mtu_of lan in0)" 1400
changes "of the usual one again" "" ""
is "... has it" "$(mtu_of lan in0)" 1500
changes "an interface of a smaller MTU" "" "mtu 1400"
ok "... who sends more is told" until_true 5 said_mtu 1400
is "... the interface itself stays" "$(mtu_of box eth0)" 1500
changes "of its own one again" "" ""
ok "... full packets pass" until_true 5 full_passes
config "mtu 65535" "mtu 1400"
said=$(ask gateway reload 2>&1)
is "more than a tap takes is refused" $? 1
has "... which is said" "$said" "setting the MTU of in0 to 65535: Invalid argument; nothing was changed"
is "... and is so" "$(mtu_of lan in0)" 1500
changes "its kernel kept silent" "" "take"
changes "both of another MTU" "mtu 1450" "take mtu 1440"
changes "and heard again" "" ""

# --- what a link took when the last process ended ----------------------------------------

within wan ip link set out0 mtu 1300
within box ip link set eth0 mtu 1300
ok "a smaller one is followed" until_true 5 grep -q 'eth0 .*packets of 1300 bytes' "$T/gateway.log"
changes "another address inside" "" "
inside tap in9 10.9.0.1/24 in namespace pid ${NS[lan]}"
ok "... the next process knows it" until_true 5 said_mtu 1300
within wan ip link set out0 mtu 1500
within box ip link set eth0 mtu 1500
ok "and what it follows itself" until_true 5 grep -q 'packets of 1500 bytes, not of 1300' "$T/gateway.log"

config "" ""
sed -i 's/inside tap in0/inside in0/' "$T/gateway.conf"
said=$(ask gateway reload 2>&1)
is "a tap of the gateway's does not become an interface" $? 1
has "... and what to do" "$said" "in0 is a tap that this gateway serves.*stop the gateway"

ok "the download has gone on" wait "$download"
ok "and is whole" cmp "$T/www-far-80/large" "$T/got"
gateway_down
is "no report of a sanitizer" "$(grep -c 'AddressSanitizer\|runtime error' "$T/gateway.log")" 0
finish
