#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Hops: what the guest sends with few of them ends where it would for anybody.
#
#   guest -- gateway -- host -- r1 (the peer) -- r2 -- far
#            hop 1              hop 2            hop 3  hop 4
. "$(dirname "$0")/lib.bash"
world_up

unshare --net --kill-child -- sleep 3600 &
R2=$! && STARTED+=("$R2")
unshare --net --kill-child -- sleep 3600 &
FAR=$! && STARTED+=("$FAR")
own_netns() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
until_true 5 own_netns "$R2"
until_true 5 own_netns "$FAR"
in_r2() { nsenter --net="/proc/$R2/ns/net" "$@"; }
in_far() { nsenter --net="/proc/$FAR/ns/net" "$@"; }
R1=$PEER4 R1_6=$PEER6
R2_4=10.98.0.2 FAR4=10.97.0.2 R2_6=fd98::2 FAR6=fd97::2

# wire A IN_A B_PID: a veth between two of them
in_peer ip link add d1 type veth peer name u2 netns "$R2"
in_r2 ip link add d2 type veth peer name u3 netns "$FAR"
for where in in_peer in_r2 in_far; do
	$where sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
		net.ipv6.conf.default.accept_dad=0 net.ipv4.icmp_ratemask=0 net.ipv6.icmp.ratelimit=0
	$where ip link set lo up
done
link() { # WHERE DEVICE ADDRESS4 ADDRESS6
	$1 sysctl -qw "net.ipv6.conf.$2.accept_dad=0"
	$1 ip addr add "$3/24" dev "$2"
	$1 ip addr add "$4/64" dev "$2" nodad
	$1 ip link set "$2" up
}
link in_peer d1 10.98.0.1 fd98::1
link in_r2 u2 $R2_4 $R2_6
link in_r2 d2 10.97.0.1 fd97::1
link in_far u3 $FAR4 $FAR6
in_peer ip route add 10.97.0.0/24 via $R2_4
in_peer ip -6 route add fd97::/64 via $R2_6
in_r2 ip route add default via 10.98.0.1
in_r2 ip -6 route add default via fd98::1
in_far ip route add default via 10.97.0.1
in_far ip -6 route add default via fd97::1
# the gateway's address is preferred by none
in_peer ip -6 addr change $GW6/64 dev p0 nodad preferred_lft 0
bg web.log in_far socat TCP6-LISTEN:80,ipv6only=0,fork,reuseaddr EXEC:cat
reachable() { ping -c 1 -W 1 $FAR4 && ping -c 1 -W 1 $FAR6; }
until_true 10 reachable
# ping sockets, which traceroute -I needs outside
[ "$NET_REAL_ROOT" = 0 ] || sysctl -qw net.ipv4.ping_group_range="0 65534"
run_guest g --root -- sleep 600
user_guest() { in_guest u -- "$@"; }
run_guest u -- sleep 600

# The addresses of the hops, in order, on one line.
hops() { awk '$1 ~ /^[0-9]+$/ { printf "%s%s", sep, $2; sep = " " }'; }
trace() { in_guest g -- traceroute -n -q 1 -w 2 -m 8 "$@"; }
WAY4="10.0.2.2 $R1 $R2_4 $FAR4" WAY6="fd00::2 $R1_6 $R2_6 $FAR6"
is "traceroute" "$(trace $FAR4 | hops)" "$WAY4"
is "traceroute, IPv6" "$(trace $FAR6 | hops)" "$WAY6"
is "traceroute -I" "$(trace -I $FAR4 | hops)" "$WAY4"
is "traceroute -I, IPv6" "$(trace -I $FAR6 | hops)" "$WAY6"
is "traceroute -T" "$(trace -T $FAR4 | hops)" "$WAY4"
is "traceroute -T, IPv6" "$(trace -T $FAR6 | hops)" "$WAY6"
is "traceroute -T to a closed port" "$(trace -T -p 81 $FAR4 | hops)" "$WAY4"
is "three probes a hop, many at once" \
	"$(in_guest g -- traceroute -n -w 2 -m 8 $FAR4 | grep -c '\*')" 0
is "traceroute without root" "$(user_guest traceroute -n -q 1 -w 2 -m 8 $FAR4 | hops)" "$WAY4"
# One probe at a time: they share a socket in the guest, where the error that the last one met would be
# the result of sending the next.
is "traceroute -I without root" "$(user_guest traceroute -I -N 1 -n -q 1 -w 2 -m 8 $FAR4 | hops)" "$WAY4"
has "tracepath" "$(user_guest tracepath -n -m 8 $FAR4 | tr '\n' ' ')" \
	"1:? +10.0.2.2 .* 2: +$R1 .* 3: +$R2_4 .* 4: +$FAR4 .*reached"
has "tracepath, IPv6" "$(user_guest tracepath -n -m 8 $FAR6 | tr '\n' ' ')" \
	"1:? +fd00::2 .* 2: +$R1_6 .* 3: +$R2_6 .* 4: +$FAR6 .*reached"
if command -v mtr >/dev/null; then
	is "mtr" "$(in_guest g -- mtr -n -r -c 1 $FAR4 | awk '/\|--/ { printf "%s%s", sep, $2; sep = " " }')" "$WAY4"
else
	skip "mtr" "it is not installed"
fi
has "ping with two hops left" "$(in_guest g -- ping -n -c 1 -W 2 -t 2 $FAR4)" \
	"From $R1 icmp_seq=1 Time to live exceeded"
has "ping with one" "$(in_guest g -- ping -n -c 1 -W 2 -t 1 $FAR4)" \
	"From 10.0.2.2 icmp_seq=1 Time to live exceeded"
has "and IPv6" "$(in_guest g -- ping -n -c 1 -W 2 -t 2 $FAR6)" \
	"From $R1_6 icmp_seq=1 Time exceeded: Hop limit"
has "the gateway needs no hop" "$(in_guest g -- ping -n -c 1 -W 2 -t 1 10.0.2.2)" " 0% packet loss"

# Codes and their senders.
in_r2 ip route add prohibit 198.18.0.0/24
in_r2 ip route add unreachable 198.18.1.0/24
in_peer ip route add 198.18.0.0/16 via $R2_4
has "a router's prohibition" "$(trace -f 5 198.18.0.9)" " $R2_4 +[0-9.]+ ms !X"
has "a router's unreachable host" "$(trace -f 5 198.18.1.9)" " $R2_4 +[0-9.]+ ms !H"
has "the same of a connection" "$(trace -T -f 5 198.18.0.9)" " $R2_4 +[0-9.]+ ms !X"
finish
