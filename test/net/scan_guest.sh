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

run_guest g -p 8000-8030 -- python3 -m http.server -d "$T/user" 8000 || { ok "the guest runs" false; finish; }
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
ask scans --forget "$guest4"
gateway4=$(in_guest g -- ip -4 route show default | awk '{ print $3 }')
# As nmap -sU -g does, for which a guest's user has no right.
in_guest g -- python3 -c '
import socket, sys
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
probe.bind(("", 5353))
for port in range(2000, 2030):
    probe.sendto(b"", (sys.argv[1], port))' "$gateway4"
ok "from a server's port too, which nobody has asked" until_true 10 listed_kind "$guest4" udp
ask stop g >/dev/null 2>&1

# --- what is done about them, and who is told ------------------------------------------

cat >"$T/told" <<X
#!/bin/bash
printf '%s|' "\$@" >>"$T/alerts/args"
echo >>"$T/alerts/args"
X
chmod 755 "$T/told"
mkdir -p "$T/alerts"
chmod 777 "$T/alerts"
run_guest wary -p 8100-8130 --rule 'scans answer block for 1h' --rule "alert file $T/alerts/file" \
	--rule "alert command $T/told" -- python3 -m http.server -d "$T/user" 8100
until_true 10 in_peer curl -sf -o /dev/null http://$HOST4:8100/
scan_with ask wary "$T/guest-wary.log"
in_peer nmap -n -Pn -sT -p 8100-8130 $HOST4 >"$T/scan.log" 2>&1
blocked() { [ "$(scan_rows | scan_field $PEER4 blocks)" = 1 ]; }
ok "a guest's rules say what scans get: whoever scans is shut out" until_true 10 blocked
is "... of what is published" "$(in_peer curl -s -m 3 -o /dev/null -w '%{http_code}' http://$HOST4:8100/)" 000
said=$(ask why -n wary tcp $PEER4 to $HOST4:8100)
is "... which why knows" $? 1
has "... with until when" "$said" 'scan +blocked as a scanner until 20.* \([0-9]+ s left\): see minato'
has "... as what decides" "$said" 'dropped: blocked as a scanner until '
said=$(ask why-not -n wary --for 1m tcp $PEER4 to $HOST4:8100 2>&1)
has "... why-not says what ends that" "$said" "minato scans -n wary --forget $PEER4"
has "... and changes nothing" "$said" 'nothing is changed'
ok "... so that it holds" blocked
ok "... and another is told that he passes" ask why -n wary tcp 127.0.0.1 to 127.0.0.1:8100
is "... he alone" "$(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8100/)" 200
ok "... a command is told" until_true 5 grep -q "^wary|${PEER4//./\\.}|" "$T/alerts/args"
ok "... and a file" until_true 5 grep -Eq "\"source\": ?\"$PEER4\"" "$T/alerts/file"
ask scans --forget $PEER4
is "... until it is forgotten" \
	"$(in_peer curl -s -m 3 -o /dev/null -w '%{http_code}' http://$HOST4:8100/)" 200
ask stop wary >/dev/null 2>&1
said=$(ask run --rule 'alert command /nowhere/told' -- true 2>&1)
is "a command that is not there" $? 2
has "... is said with its place" "$said" '^--rule:1:.*cannot be run'
said=$(ask run --rule 'scans answer silence' --rule 'scans answer block' -- true 2>&1)
is "two answers are one too many" $? 2

# --- who is quicker than the guest answers ------------------------------------------------

# Nobody has spoken with these guests yet, so that they are asked for their link first.
for n in 1 2 3; do
	run_guest "cold$n" -p 8200-8240:8200 -- python3 -m http.server -d "$T/user" 8203
	sleep 1
	scan_with ask "cold$n" "$T/guest-cold$n.log"
	in_peer nmap -n -Pn -sT -p 8200-8240 $HOST4 >"$T/scan.log" 2>&1
	ok "the first to call a guest scans it: $n" until_true 10 listed_kind $PEER4 connect
	ask stop "cold$n" >/dev/null 2>&1
done

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
