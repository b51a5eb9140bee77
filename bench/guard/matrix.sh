#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# matrix.sh: scans by real tools of a gateway's outside, and what is said of them: by minato, which
# carries the packets, and by psad, from the lines that `iptables -j LOG` would have written of the
# same packets, captured on the wire in front of the gateway: of all that opens nothing allowed
# and belongs to no connection. TCP ports 80, 25 and what is forwarded are allowed, so of scans of
# who is behind there is nothing for it to see, nor is it given IPv6. psad reads them with
# `psad -A -m`, its mode for a file of such lines; its verdict is the danger level, 1 to 5, of the source, - for none.
#
# MINATO names the program. Prints one row for each scan, and the sums. Needs root.
. "$(dirname "$0")/../../test/net/lib.bash"
. "$(dirname "$0")/../../test/net/libgateway.bash"
. "$(dirname "$0")/../../test/net/libscan.bash"
HERE=$(cd "$(dirname "$0")" && pwd)
gateway_world
OUT=198.51.100.1 SOURCE=203.0.113.9
MORE=$(echo 198.51.100.{2..7})
links() { gateway_links | sed "s|$OUT/24|$OUT/24, ${MORE// //24, }/24|"; }
{
	links
	echo 'forward tcp http to 10.0.0.2'
	echo 'forward tcp smtp to 10.0.0.3'
	echo 'forward tcp 4000-4100 to 10.0.0.2'
} >"$T/gateway.conf"
gateway_up || { echo "no gateway" >&2; exit 1; }
serves web 80 "web A"
serves mail 25 "mail B"
scan_with ask gateway "$T/gateway.log"
mac=$(within wan ip -o link show br0 | sed -n 's/.*link.ether \([0-9a-f:]*\).*/\1/p')
has_tools psad && PSAD=1 || PSAD=
if [ "$PSAD" ]; then
	# Directories of its own, in this mount namespace alone.
	for d in /var/log/psad /var/lib/psad /var/run/psad; do
		mkdir -p "$d" && mount -t tmpfs none "$d"
	done
	mkdir -p /var/log/psad/errs
fi

psad_of() { # FILE.pcap: the danger level of $SOURCE, or -
	[ "$PSAD" ] || { echo "no psad"; return; }
	python3 "$HERE/loglines.py" "$1" "$OUT,${MORE// /,}" "$ALLOWED" >"$T/lines"
	[ -s "$T/lines" ] || { echo "-"; return; }
	psad -A -m "$T/lines" >"$T/psad.out" 2>&1
	sed -n "s/^SRC:  $SOURCE, DL: \([0-9]\).*/\1/p" "$T/psad.out" | grep -m 1 '[1-5]' || echo "-"
}

FOUND=0 NAMED=0 SEEN=0 SCANS=0 WRONG=0 PSAD_WRONG=0 HONEST=0
# Ports that are open, or lead to who is behind: a filter lets them in, and says nothing of them.
ALLOWED=80,25,4000-4100
# row NAME KIND COMMAND...: KIND is the kind that it should be named; "" where it is no scan
row() {
	local name=$1 kind=$2 kinds level verdict
	shift 2
	within_bg wan dump.log dumpcap -P -i out0 -w "$T/trace.pcap" -f "${FILTER:-src $SOURCE and ip}"
	until_true 5 grep -q File: "$T/dump.log"
	"$@" >"$T/scan.log" 2>&1
	until_true 2 listed_kind "$SOURCE" "${kind:-nothing}"
	sleep 0.3
	kill "$BG" 2>/dev/null
	wait "$BG" 2>/dev/null
	kinds=$(scan_rows | scan_field $SOURCE kinds)
	level=$(psad_of "$T/trace.pcap")
	verdict=none
	[ -n "$kinds" ] && verdict=scan
	if [ "$kind" ]; then
		SCANS=$((SCANS + 1))
		[ -n "$kinds" ] && FOUND=$((FOUND + 1))
		[[ " $kinds " = *" $kind "* ]] && NAMED=$((NAMED + 1))
		[[ $level = [1-9]* ]] && SEEN=$((SEEN + 1))
	else
		HONEST=$((HONEST + 1))
		[ -n "$kinds" ] && WRONG=$((WRONG + 1))
		[[ $level = [1-9]* ]] && PSAD_WRONG=$((PSAD_WRONG + 1))
	fi
	printf '%-22s %-12s %-8s %-24s %s\n' "$name" "${kind:-honest}" "$verdict" "${kinds:--}" "$level"
	ask scans --forget $SOURCE >/dev/null 2>&1
}
nmap_scan() { within far nmap -n -Pn --max-retries 0 --max-rtt-timeout 200ms "$@" $OUT; }

printf '%-22s %-12s %-8s %-24s %s\n' "what" "is" "minato" "named" "psad's level"
row "nmap -sS" syn nmap_scan -sS -F
row "nmap -sT" connect nmap_scan -sT -F
row "nmap -sF" fin nmap_scan -sF -p 1-40
row "nmap -sN" null nmap_scan -sN -p 1-40
row "nmap -sX" xmas nmap_scan -sX -p 1-40
row "nmap -sM" maimon nmap_scan -sM -p 1-40
row "nmap -sA" ack/window nmap_scan -sA -p 1-40
row "nmap -sW" ack/window nmap_scan -sW -p 1-40
row "nmap -sU" udp nmap_scan -sU -p 1-40
row "nmap -sO" ip-protocol nmap_scan -sO -p 2-5,7-16,40-60
row "nmap -sV" version nmap_scan -sV --version-light -p 20-60,80
row "nmap -O" os nmap_scan -O -p 20-60,80
row "nmap -f" fragment nmap_scan -f -sS -p 1-40
row "nmap -D" decoy nmap_scan -sS -p 1-40 -D 203.0.113.77,203.0.113.78,ME
row "nmap, 5 ports only" syn nmap_scan -sS -p 21,23,139,3389,5900
row "nmap, 1 port a second" syn nmap_scan --scan-delay 1s -sS -p 1-6
row "nmap -sS --mtu 16" fragment nmap_scan --mtu 16 -sS -p 1-40
row "nmap SYN with FIN" os nmap_scan --scanflags SYNFIN -sS -p 1-40
row "nmap -g 53 -sU" udp nmap_scan -g 53 -sU -p 2000-2040
row "nmap, many addresses" sweep within far nmap -n -Pn --max-retries 0 -sS -p 22 $OUT $MORE
row "nmap, refused behind" syn nmap_scan -sS -p 4000-4040
has_tools masscan && row "masscan" syn within far masscan $OUT -p 1-200 --rate 500 --wait 0 \
	-e eth0 --router-mac "${mac//:/-}" --source-ip $SOURCE --source-port 40001
has_tools masscan && row "masscan --banners" syn within far masscan $OUT -p 1-100 --banners \
	--rate 500 --wait 1 -e eth0 --router-mac "${mac//:/-}" --source-ip $SOURCE --source-port 40001
has_tools hping3 && row "hping3 -S" syn within far hping3 -S -p ++1 -c 40 -i u20000 $OUT
# Of IPv6, which psad is not given here.
row6() {
	local SOURCE=2001:db8:f:: FILTER=ip6
	row "$@"
}
nmap6() { within far nmap -6 -n --max-retries 0 --max-rtt-timeout 200ms "$@"; }
PREFIX=$(echo 2001:db8:a::{1..24})
row6 "nmap -6 -sS" syn nmap6 -Pn -sS -p 1-40 2001:db8:e::1
row6 "nmap -6 -sU" udp nmap6 -Pn -sU -p 1-40 2001:db8:e::1
row6 "nmap -6, a prefix" sweep nmap6 -Pn -sS -p 443 $PREFIX
row6 "nmap -6 -sn -PE" sweep nmap6 -sn -PE $PREFIX
browse() { for _ in {1..30}; do gets far http://$OUT/ --max-time 3; done; }
miss() { for port in 443 8080 3000; do gets far http://$OUT:$port/ --max-time 1; done; browse; }
repeat() { for _ in {1..25}; do gets far http://$OUT:8443/ --max-time 0.3; done; }
late() {
	within far python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('$SOURCE', 53))
for i in range(60): s.sendto(b'12' + bytes([129, 128]) + bytes(56), ('$OUT', 33000 + 7 * i))"
}
poll() {
	local round port
	for round in {1..5}; do
		for port in 25 80 81 82 83; do
			within far timeout 0.3 bash -c "exec 3<>/dev/tcp/$OUT/$port" 2>/dev/null
		done
	done
}
row "30 pages" "" browse
row "3 misses, 30 pages" "" miss
row "one port, 25 times" "" repeat
row "60 late DNS answers" "" late
row "a monitor: 5 ports" "" poll
gateway_down

# All that nobody has is handed on to a host that answers nothing: it has no way back. Calls that
# nobody answers give way at once, instead of after four minutes.
{
	links
	echo 'dmz 10.0.0.9'
	echo 'capacity 512 sessions'
} >"$T/gateway.conf"
gateway_up || { echo "no gateway" >&2; exit 1; }
within dmz ip route del default
ALLOWED=0-65535
row "nmap -sS, dropped" syn nmap_scan -sS -p 4001-4400
row "nmap -sU, dropped" udp nmap_scan -sU -p 4001-4400
echo
echo "scans: $SCANS; minato recognised $FOUND and named $NAMED as they are; psad raised a level for $SEEN"
echo "honest: $HONEST; minato named $WRONG a scan; psad raised a level for $PSAD_WRONG"
gateway_down
