#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Calls from everywhere at full speed, to a host behind a gateway on an interface, while nobody else
# is served: it hears of next to none of them, and who is really there is served.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
has_tools hping3 || { skip "a flood of calls" "hping3 is not installed"; finish; }
gateway_world
OUT=198.51.100.1

make_ns box
within lan ip link add in0 type veth peer name eth1 netns "${NS[box]}"
within lan ip link set in0 master br0 up
within wan ip link add out0 type veth peer name eth0 netns "${NS[box]}"
within wan ip addr add 198.51.100.254/24 dev out0
within wan ip link set out0 up
within box ip link set eth0 up
within box ip link set eth1 up
# What is answered to nobody is not refused either, so that half-open calls stay what they are.
within wan ip route add blackhole default
# Newcomers, each of an address of its own.
for ((i = 0; i < 200; i++)); do
	within far ip addr add "203.0.113.$((20 + i))/24" dev eth0
done
cat >"$T/gateway.conf" <<X
inside eth1 10.0.0.1/24 in namespace pid ${NS[box]}
outside eth0 $OUT/24 via 198.51.100.254 in namespace pid ${NS[box]}
forward tcp http to 10.0.0.2
state $T/gateway.state
X
bg_more gateway.log env XDG_RUNTIME_DIR="$T/run" "$M" gateway "$T/gateway.conf"
KEEPER=$BG
until_true 15 gateway_is_decided
gateway_is_up || { cat "$T/gateway.log"; ok "the gateway runs" false; finish; }
serves web 80 "web A"
is "before the flood" "$(gets far http://$OUT/)" "web A"

segments() { within web cat /proc/net/snmp | awk '/^Tcp: [0-9]/ { print $11 }'; }
counted() { env XDG_RUNTIME_DIR="$T/run" "$M" nat counters | awk -v n="$1" '$1 == n { print $2 }'; }
within_bg wan flood.log timeout 60 hping3 -q -S -p 80 --flood --rand-source $OUT
FLOOD=$BG
sleep 2
CAME=$(segments)
SHED=$(counted link_eth0_in_shed)
ASKED=$(counted link_eth0_in_asked)
FROM=${EPOCHREALTIME/./}
sleep 3
CAME=$(($(segments) - CAME))
SHED=$(($(counted link_eth0_in_shed) - SHED))
ASKED=$(($(counted link_eth0_in_asked) - ASKED))
MS=$(((${EPOCHREALTIME/./} - FROM) / 1000))
echo "# in $MS ms $CAME calls were handed on, $ASKED were asked for a proof, $SHED were given up"
ok "it is a flood" [ $((CAME + ASKED + SHED)) -gt $((10 * MS)) ]
ok "of its calls next to none are handed on" [ "$CAME" -lt $((MS / 10 + (ASKED + SHED) / 100)) ]
ok "but some are asked: there may be newcomers among them" [ "$ASKED" -gt $((MS / 4)) ]
GOOD=0
for ((i = 0; i < 10; i++)); do
	[ "$(gets far http://$OUT/ --interface "203.0.113.$((20 + i))" --max-time 20)" = "web A" ] &&
		((GOOD++))
done
is "who comes then is served, each time" "$GOOD" 10
ok "the flood went on all that time" kill -0 "$FLOOD"
kill "$FLOOD"
# What was given up then is nothing to what comes later.
sleep 0.2
SHED=$(counted link_eth0_in_shed)
is "many at once are none" "$(within far bash -c '
for i in $(seq 40 219); do curl -s -m 5 --interface 203.0.113.$i http://198.51.100.1/ & done; wait')" \
	"$(printf 'web A%.0s' $(seq 180))"
is "and none of them is given up" "$(counted link_eth0_in_shed)" "$SHED"
gateway_down
finish
