#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# nmap -T0 and -T1, which wait five minutes and 15 seconds between two probes: the real tool runs by
# a clock that is 1000 or 100 times as fast (quickclock.c), its packets are captured, and the library
# sees them with the time between them that nmap believes in (test/model/scan_replay.c).
. "$(dirname "$0")/lib.bash"
B=$(dirname "$MINATO")
REPLAY=$B/test/model/scan_replay
CLOCK=$B/test/net/quickclock.so
for tool in nmap dumpcap; do
	command -v $tool >/dev/null || { skip "slow scans" "$tool is not installed"; finish; }
done
[ -x "$REPLAY" ] && [ -e "$CLOCK" ] ||
	{ skip "slow scans" "scan_replay or quickclock.so was not built"; finish; }

#   nmap: va 10.9.0.1 --- vb 10.9.0.2: a host with nothing on it, whose kernel answers
unshare --net --kill-child -- sleep 600 &
HOLDER=$!
STARTED+=("$HOLDER")
there() {
	TARGET=$(pgrep -P "$HOLDER" -x sleep) || TARGET=$HOLDER
	[ "$(readlink "/proc/$TARGET/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}
until_true 5 there
ip link set lo up
ip link add name va type veth peer name vb netns "$TARGET"
ip addr add 10.9.0.1/24 dev va
ip link set va up
at_target() { nsenter --net="/proc/$TARGET/ns/net" "$@"; }
at_target ip addr add 10.9.0.2/24 dev vb
at_target ip link set vb up
at_target sysctl -qw net.ipv4.icmp_ratelimit=0
until_true 5 ping -c 1 -W 1 10.9.0.2 >/dev/null 2>&1

# replays FACTOR NMAP-OPTION...: what is said of such a scan
replays() {
	local factor=$1
	shift
	rm -f "$T/slow.pcap"
	bg dump.log dumpcap -q -P -i va -w "$T/slow.pcap" -f "src 10.9.0.1 and ip"
	until_true 5 grep -q File: "$T/dump.log"
	sleep 0.3
	QUICKCLOCK=$factor LD_PRELOAD=$CLOCK nmap -n -Pn "$@" 10.9.0.2 >"$T/nmap.log" 2>&1
	sleep 0.3
	kill "$BG"
	wait "$BG" 2>/dev/null
	# By a host that has been there for an hour: it knows whom it has asked.
	"$REPLAY" "$T/slow.pcap" "$factor" 3600 2>&1
}
# slow NAME KIND GAP FACTOR NMAP-OPTION...: recognised, of this kind, with such a gap between probes
slow() {
	local name=$1 kind=$2 gap=$3 said
	shift 3
	said=$(replays "$@")
	has "$name: recognised" "$said" \
		"^recognised 10\.9\.0\.1 packets [2-7] of [0-9]+ seconds [0-9]+ kinds .*$kind.* tool"
	has "... and nmap did wait: $said" "$(sed 's/.*packets \([0-9]*\) of [0-9]* seconds \([0-9]*\).*/\1 \2/' \
		<<<"$said" | awk -v gap="$gap" '{ print ($2 >= ($1 - 1) * gap * .95) ? "so long" : "less" }')" \
		'so long'
}
# Of a segment that no stack sends two are enough.
slow "-T0 -sS" syn 300 1000 -T0 -sS -p 1-10
slow "-T0 -sX" xmas 300 1000 -T0 -sX -p 1-10
slow "-T0 -sU" udp 300 1000 -T0 -sU -p 1-10
slow "-T0 -sT" connect 300 1000 -T0 -sT -p 1-10
slow "-T1 -sS" syn 15 100 -T1 -sS -p 1-10
slow "-T1 -sA" ack/window 15 100 -T1 -sA -p 1-10
# From a server's port to where one calls from: what may be an answer to nobody.
slow "-T1 -g 80 -sA" ack/window 15 100 -T1 -g 80 -sA -p 2000-2010
slow "-T1 -g 53 -sU" udp 15 100 -T1 -g 53 -sU -p 2000-2010
has "three ports are none" "$(replays 1000 -T0 -sS -p 1-3)" '^none 10\.9\.0\.1 packets 3 of 3 seconds [0-9]+$'
finish
