#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The guest pings: where the host allows ping sockets, and where it does not.
. "$(dirname "$0")/lib.bash"
NET_NO_PING=1
world_up

RANGE=/proc/sys/net/ipv4/ping_group_range
gid=$(as_user id -g)
[ "$NET_REAL_ROOT" = 1 ] || gid=$(id -g)
allow() { echo "$gid $gid" >"$RANGE"; }

# A new network allows it to nobody.
run_guest f -- sleep 600
out=$(in_guest f -- ping -c 2 -i 0.2 -W 2 $PEER4)
has "forbidden: the guest hears that" "$out" "From 10\.0\.2\.2 icmp_seq=2 Packet filtered"
out=$(in_guest f -- ping -c 1 -W 2 $PEER6)
has "and IPv6" "$out" "From fd00::2 icmp_seq=1 Destination unreachable: Administratively prohibited"
is "and the user once, with the remedy" "$(grep -c 'sysctl -w net.ipv4.ping_group_range' "$T/guest-f.log")" 1
ok "the gateway answers all the same" in_guest f -- ping -c 1 -W 2 10.0.2.2
is "with -v the user hears at once" \
	"$(as_user "$M" run -v -- true 2>&1 | grep -c ping_group_range)" 1
is "with --quiet never" \
	"$(as_user "$M" run -q -- ping -c 1 -W 2 $PEER4 2>&1 | grep -c ping_group_range)" 0
allow
ok "allowed while it runs" in_guest f -- ping -c 1 -W 2 $PEER4
is "with -v nothing then" "$(as_user "$M" run -v -- true 2>&1 | grep -c ping_group_range)" 0

run_guest g -- sleep 600
guest_ping() { in_guest g -- ping -W 3 "$@"; }

ok "IPv4" guest_ping -c 1 $PEER4
ok "IPv6" guest_ping -c 1 $PEER6
has "sequence numbers and hops are the far side's" "$(guest_ping -c 3 -i 0.1 $PEER4)" "icmp_seq=3 ttl=63 "
has "and IPv6" "$(guest_ping -c 3 -i 0.1 $PEER6)" "icmp_seq=3 ttl=63 "
in_peer sysctl -qw net.ipv4.ip_default_ttl=200
has "the hops of the reply are its own, less one" "$(guest_ping -c 1 $PEER4)" "ttl=199 "
in_peer sysctl -qw net.ipv4.ip_default_ttl=64
for size in 0 1 56 57 1000 1472 1473 8000 60000; do
	ok "$size bytes come back whole" guest_ping -c 1 -s $size -p 5aa5 $PEER4
done
for size in 0 1452 1453 60000; do
	ok "$size bytes come back whole, IPv6" guest_ping -c 1 -s $size -p 5aa5 $PEER6
done
none_lost() { # COUNT TARGET...: as many pings at once
	local p pids=()
	for p in "${@:2}"; do
		guest_ping -c "$1" -i 0.05 "$p" >"$T/ping.$p.${#pids[@]}" &
		pids+=($!)
	done
	for p in "${pids[@]}"; do wait "$p" || return 1; done
	! grep -H "packet loss" "$T"/ping.* | grep -v " 0% packet loss"
}
ok "several at once" none_lost 10 $PEER4 $PEER4 $GW4 $PEER6 $GW6 $HOST4
ok "identifier 0 is one like any other" guest_ping -c 1 -e 0 $PEER4
ok "the host's own address" guest_ping -c 1 $HOST4
ok "the gateway answers by itself" guest_ping -c 1 10.0.2.2
ok "the DNS address answers by itself" guest_ping -c 1 10.0.2.3
ok "the gateway, IPv6" guest_ping -c 1 fd00::2
has "ss shows the flow" "$(as_user "$M" ss -H -n -a --in g)" "^icmp .*10\.0\.2\.100"
is "an address on the link where nobody is" \
	"$(guest_ping -c 1 10.0.2.77 | grep -c 'Destination Host Unreachable')" 1
in_peer ip route add unreachable 192.0.2.0/24
in_peer sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
has "an error names the router that sent it" "$(guest_ping -c 1 192.0.2.9)" \
	"From 10\.99\.0\.(1|10) icmp_seq=1 Destination Host Unreachable"
in_peer ip -6 route add unreachable 2001:db8:1::/64
has "and IPv6" "$(guest_ping -c 1 2001:db8:1::9)" "From $PEER6|From $GW6"
is "no pings of groups" "$(guest_ping -c 1 -t 5 224.0.0.1 | grep -c 'bytes from')" 0

finish
