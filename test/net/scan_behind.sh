#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Scans of what a gateway hands on: ports whose host refuses them, a host that answers nothing, and
# addresses of a routed prefix. Clients of a server that is down are none.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
. "$(dirname "$0")/libscan.bash"
gateway_world
has_tools nmap || { skip "all" "nmap is not installed"; finish; }

{
	gateway_links
	echo 'forward tcp 3000-3100 to 10.0.0.2'
	echo 'forward udp 3000-3100 to 10.0.0.2'
	echo 'dmz 10.0.0.9'
	# Calls that nobody answers give way at once, instead of after four minutes.
	echo 'capacity 512 sessions'
} >"$T/gateway.conf"
gateway_up || { ok "the gateway runs" false; finish; }
# Who has no way back answers nobody.
within dmz ip route del default
OUT=198.51.100.1
scan_with ask gateway "$T/gateway.log"
SOURCE=203.0.113.9
nmap_scan() { within far nmap -n -Pn --max-retries 0 --max-rtt-timeout 200ms "$@" $OUT; }

scans "SYN, refused behind" syn nmap "syn" nmap_scan -sS -p 3000-3040
scans "connect, refused behind" connect unknown "connect" nmap_scan -sT -p 3000-3040
scans "UDP, refused behind" udp unknown "udp" nmap_scan -sU -p 3000-3040
is "six ports of a silent host" "$(nmap_scan -sS -p 4001-4006 >/dev/null 2>&1
	scan_rows | scan_field $SOURCE kinds)" ""
ask scans --forget $SOURCE >/dev/null 2>&1
scans "SYN to who is silent" syn nmap "syn" nmap_scan -sS -p 4001-4400
# What is left of the scan before gives way now.
scans "connect to who is silent" connect "unknown|nmap" "connect" nmap_scan -sT -p 4001-4400
scans "UDP to who is silent" udp unknown "udp" nmap_scan -sU -p 4001-4400

# --- IPv6 -------------------------------------------------------------------------

SOURCE=2001:db8:f::
PREFIX=$(for i in {1..24}; do echo "2001:db8:a::$i"; done)
nmap6() { within far nmap -6 -n --max-retries 0 --max-rtt-timeout 200ms "$@"; }
scans "pings of a prefix" sweep unknown "sweep" nmap6 -sn -PE $PREFIX
scans "a port of a prefix" sweep nmap "sweep" nmap6 -Pn -sS -p 443 $PREFIX
scans "ports of an address" syn nmap "syn" nmap6 -Pn -sS -p 400-440 2001:db8:a::2

# --- who is none ------------------------------------------------------------------

within far2 ping -n -c 30 -i 0.05 -W 1 $OUT >/dev/null
within far2 traceroute -n -w 0.2 -q 1 -m 30 $OUT >/dev/null 2>&1
for _ in {1..3}; do
	for port in 80 443 993 587 465; do
		within far2 timeout 0.2 bash -c "exec 3<>/dev/tcp/$OUT/$port" 2>/dev/null
	done
done
# So many others' calls that theirs give way.
nmap_scan -sS -p 5001-5400 >/dev/null 2>&1
has "their calls were seen to fail" "$(ask scans -a -H)" '^gateway +203\.0\.113\.10 +suspected '
is "... and are no scan" "$(scan_rows | scan_field 203.0.113.10 kinds)" ""
gateway_down
finish
