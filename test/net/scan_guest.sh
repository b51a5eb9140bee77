#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Scans where there is no gateway: of published ports of a rootless guest, of which the host's kernel
# shows completed connections alone; out of a guest; and of a host value in another program.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libscan.bash"
world_up
has_tools() { for MISSING in "$@"; do command -v "$MISSING" >/dev/null 2>&1 || return 1; done; }
has_tools nmap || { skip "scans of guests" "nmap is not installed"; finish; }
ask() { as_user "$M" "$@"; }

run_guest g -p 8000-8030 -- python3 -m http.server 8000 || { ok "the guest runs" false; finish; }
scan_with ask g "$T/guest-g.log"

# --- published ports ---------------------------------------------------------------

until_true 10 in_peer curl -sf -o /dev/null http://$HOST4:8000/
SOURCE=$PEER4
lines=$(wc -l <"$T/guest-g.log")
in_peer nmap -n -Pn -sT -p 8000-8030 $HOST4 >"$T/scan.log" 2>&1
ok "a connect scan of published ports is recognised" until_true 10 listed_kind $PEER4 connect
is "... and verified: its connections were complete" "$(scan_rows | scan_field $PEER4 verified)" true
is "... though nobody is blocked who was not to be" "$(scan_rows | scan_field $PEER4 blocks)" 0
ok "... said where the guest was started" until_true 5 said_kind $PEER4 ".*connect" "$lines"
is "who scans is served as anybody" \
	"$(in_peer curl -s -o /dev/null -w '%{http_code}' http://$HOST4:8000/)" 200
ask scans --forget $PEER4
is "forgotten is forgotten" "$(scan_rows | scan_field $PEER4 kinds)" ""
for _ in {1..30}; do in_peer curl -sf -o /dev/null http://$HOST4:8000/; done
in_peer curl -s -o /dev/null http://$HOST4:8001/
in_peer curl -s -o /dev/null http://$HOST4:8002/
is "clients, and one that missed twice, are none" "$(scan_rows | scan_field $PEER4 kinds)" ""

# --- out of the guest --------------------------------------------------------------

guest4=$(ask ps --json | python3 -c 'import json, sys
print(json.load(sys.stdin)["guests"][0]["addresses"][0])')
in_guest g -- nmap -n -Pn -sT -p 1-40 $PEER4 >"$T/scan.log" 2>&1
ok "a guest that scans others is recognised" until_true 10 listed_kind "$guest4" connect ||
	tail -n 5 "$T/scan.log" | sed 's/^/# /'
ask stop g >/dev/null 2>&1

# --- the library -------------------------------------------------------------------

B=$(dirname "$MINATO")/example
if [ -x "$B/example-server" ] && ip tuntap add dev mx0 mode tap 2>/dev/null; then
	ip addr add 10.77.0.2/24 dev mx0
	ip link set mx0 up
	bg server.log "$B/example-server" --tap mx0 10.77.0.1
	until_true 5 grep -q http "$T/server.log"
	said() { grep -Eq "^scan from 10\.77\.0\.2 by $1: .*$2" "$T/server.log"; }
	nmap -n -Pn -sS -p 1-100 10.77.0.1 >"$T/scan.log" 2>&1
	ok "a SYN scan of the library's host" until_true 5 said nmap syn
	nmap -n -Pn --max-retries 0 -sX -p 200-240 10.77.0.1 >"$T/scan.log" 2>&1
	ok "an Xmas scan" until_true 5 said nmap xmas
	nmap -n -Pn --max-retries 0 -sU -p 1-20 10.77.0.1 >"$T/scan.log" 2>&1
	ok "a UDP scan" until_true 5 said nmap udp
	nmap -n -Pn --max-retries 0 -sV --version-light -p 80 10.77.0.1 >"$T/scan.log" 2>&1
	ok "versions are asked for" until_true 5 said nmap version
	is "and a client is served" "$(curl -sS -m 5 http://10.77.0.1/)" "hello from a minato port"
else
	skip "the library" "no tap device can be made here, or no example was built"
fi
finish
