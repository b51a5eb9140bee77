#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Scans of a gateway's outside by the tools that people scan with: each is recognised, named in the
# log and in the listing. What has one look has one name (an ACK scan and a window scan); who did
# nothing of the kind is not listed.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
. "$(dirname "$0")/libscan.bash"
gateway_world

{
	gateway_links
	echo 'forward tcp http to 10.0.0.2'
	echo 'forward tcp smtp to 10.0.0.3'
	echo 'scans answer slower'
	echo "alert file $T/alerts"
} >"$T/gateway.conf"
gateway_up || { ok "the gateway runs" false; finish; }
serves web 80 "web A"
serves mail 25 "mail B"
OUT=198.51.100.1
scan_with ask gateway "$T/gateway.log"
SOURCE=203.0.113.9

# --- nmap -------------------------------------------------------------------------

if has_tools nmap; then
	nmap_scan() { within far nmap -n -Pn --max-retries 0 --max-rtt-timeout 200ms "$@" $OUT; }
	scans "SYN" syn nmap "syn" nmap_scan -sS -F
	scans "connect" connect unknown "connect" nmap_scan -sT -F
	scans "FIN" fin nmap "fin" nmap_scan -sF -p 1-40
	scans "NULL" null nmap "null" nmap_scan -sN -p 1-40
	scans "Xmas" xmas nmap "xmas" nmap_scan -sX -p 1-40
	scans "Maimon" maimon nmap "maimon" nmap_scan -sM -p 1-40
	scans "ACK" ack/window nmap "ack/window" nmap_scan -sA -p 1-40
	scans "window" ack/window nmap "ack/window" nmap_scan -sW -p 1-40
	scans "UDP" udp unknown "udp" nmap_scan -sU -p 1-40
	# A server's port as its own covers nobody whom we have not asked.
	scans "UDP from port 53" udp unknown "udp" nmap_scan -g 53 -sU -p 2000-2040
	scans "versions of two open ports" version "nmap|unknown" "version" nmap_scan -sV -p 25,80
	scans "IP protocols" ip-protocol unknown "ip-protocol" nmap_scan -sO -p 2-5,7-16,40-60
	scans "versions" version "nmap|unknown" "version" nmap_scan -sV --version-light -p 20-60,80
	scans "operating system" os nmap "os" nmap_scan -O -p 20-60,80
	scans "operating system by two ports" os nmap "os" nmap_scan -O -p 80,81
	scans "SCTP INIT" sctp unknown "sctp" nmap_scan -sY -p 1-40
	scans "SCTP COOKIE-ECHO" sctp unknown "sctp" nmap_scan -sZ -p 1-40
	scans "fragments" fragment "nmap|unknown" "fragment" nmap_scan -f -sS -p 1-40
	scans "-T5" syn nmap "syn" nmap_scan -T5 -sS -p 1-100
	scans "-T4" syn nmap "syn" nmap_scan -T4 -sS -p 1-100
	scans "-T2" syn nmap "syn" nmap_scan -T2 -sS -p 1-8
	scans "a probe a second" syn nmap "syn" nmap_scan --scan-delay 1s -sS -p 1-6

	# All of them look like the sender; nobody is shut out for it.
	nmap_scan -sS -p 1-40 -D 203.0.113.77,203.0.113.78,ME >"$T/scan.log" 2>&1
	ok "decoys: recognised as one sender's" until_true 10 listed_kind 203.0.113.77 decoy
	ok "... and the sender itself" until_true 10 listed_kind 203.0.113.9 decoy
	is "... none is verified" "$(scan_rows | scan_field 203.0.113.77 verified)" false
	has "... named in the log" "$(cat "$T/gateway.log")" "scan from 203\.0\.113\.7[78]: .*decoy"
	for source in 203.0.113.77 203.0.113.78 203.0.113.9; do ask scans --forget $source; done

	nmap_scan -sS -r -p 100-160 >"$T/scan.log" 2>&1
	is "order: sequential" "$(scan_rows | scan_field $SOURCE pattern)" sequential
	ask scans --forget $SOURCE
	nmap_scan -sS -p 20000-20300 >"$T/scan.log" 2>&1
	is "order: random" "$(scan_rows | scan_field $SOURCE pattern)" random
	ports=$(scan_rows | scan_field $SOURCE ports_tried)
	# Counted in 512 bits (scancase.c): one in six errs by more than 3.5 %, one in 10,000 by 14 %.
	ok "how many ports: about 301, $ports" test "$ports" -ge 259 -a "$ports" -le 343
	ask scans --forget $SOURCE
	nmap_scan -sS --top-ports 200 >"$T/scan.log" 2>&1
	is "order: those used most" "$(scan_rows | scan_field $SOURCE pattern)" top-list
	ask scans --forget $SOURCE
else
	skip "nmap's scans" "nmap is not installed"
fi

# --- others -----------------------------------------------------------------------

if has_tools masscan; then
	mac=$(within wan ip -o link show br0 | sed -n "s/.*link.ether \([0-9a-f:]*\).*/\1/p")
	scans "masscan" syn masscan "by masscan" within far masscan $OUT -p 1-200 --rate 500 --wait 0 \
		-e eth0 --router-mac "${mac//:/-}" --source-ip $SOURCE --source-port 40001
else
	skip "masscan" "masscan is not installed"
fi
if has_tools zmap; then
	echo "$OUT/32" >"$T/allow"
	: >"$T/block"
	zmap_some() {
		for port in 21 23 139 3389 5900 8081; do
			within far zmap -p $port -w "$T/allow" -b "$T/block" -i eth0 -G "$mac" -S $SOURCE \
				-r 10 -c 1 -o /dev/null || return 1
		done
	}
	mac=$(within wan ip -o link show br0 | sed -n "s/.*link.ether \([0-9a-f:]*\).*/\1/p")
	scans "zmap" syn zmap "by zmap" zmap_some
else
	skip "zmap" "zmap is not installed"
fi
if has_tools hping3; then
	scans "hping3" syn hping "by hping" within far hping3 -S -p ++1 -c 40 -i u20000 $OUT
else
	skip "hping3" "hping3 is not installed"
fi

# --- who is none ------------------------------------------------------------------

for _ in {1..20}; do gets far http://$OUT/ >/dev/null; done
gets desk http://203.0.113.9/ >/dev/null
for port in 443 8080 3000; do gets far2 http://$OUT:$port/ --max-time 1 >/dev/null; done
for _ in {1..5}; do gets far2 http://$OUT/ >/dev/null; done
is "clients, and one that missed three times, are none" "$(scan_rows | python3 -c '
import json, sys
print(len(json.load(sys.stdin)["scans"]))')" 0
has "the listing as text" "$(ask scans -a -H)" '^gateway +203\.0\.113\.10 +suspected '
is "of a name that is none" "$(ask scans -n nobody >/dev/null 2>&1; echo $?)" 1
is "alerts are lines of JSON" "$(python3 -c '
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
print(len(rows) > 10 and all(row["name"] == "gateway" and row["kinds"] for row in rows))
' "$T/alerts")" True
gateway_down

# --- who is blocked -----------------------------------------------------------------

# The monitor's first three are closed; nmap is verified by what it asks, and so is every time.
{
	gateway_links
	echo 'forward tcp 3001-3020 to 10.0.0.2'
	echo 'scans answer block for 1h'
} >"$T/gateway.conf"
cat >"$T/serve.py" <<'X'
import select, socket, threading
listening = [socket.create_server(("", port)) for port in range(3004, 3021)]
def serve(caller):
    with caller:
        if caller.recv(1000):
            caller.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nhi\n")
while True:
    for one in select.select(listening, [], [])[0]:
        threading.Thread(target=serve, args=(one.accept()[0],), daemon=True).start()
X
cat >"$T/poll.py" <<'X'
import socket
for port in list(range(3001, 3021)) * 3:
    try:
        with socket.create_connection(("198.51.100.1", port), 2) as s:
            s.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert s.recv(1000)
    except ConnectionRefusedError:
        pass
X
if gateway_up; then
	within_bg web poll.log python3 "$T/serve.py"
	sleep 1
	ok "a monitor's polls are answered" within far2 python3 "$T/poll.py"
	is "... and are no scan" "$(scan_rows | scan_field 203.0.113.10 kinds)" ""
	is "... nor verified" "$(scan_rows -a | scan_field 203.0.113.10 verified | grep -v false)" ""
	ok "... as why says" ask why tcp 203.0.113.10 to $OUT:3010
	if has_tools nmap; then
		blocked() { [ "$(scan_rows | scan_field $SOURCE blocks)" = 1 ]; }
		for n in 1 2 3; do
			within far nmap -n -Pn -sV -p 3004-3008,5000-5005 $OUT >"$T/scan.log" 2>&1
			ok "versions of five ports are verified: $n" until_true 5 blocked
			[ $n = 3 ] || ask scans --forget $SOURCE
		done
		said=$(ask why tcp $SOURCE to $OUT:3010)
		is "why knows who is blocked" $? 1
		has "... until when" "$said" 'dropped: blocked as a scanner until 20.* \([0-9]+ s left\): see minato scans'
		said=$(ask why-not tcp $SOURCE to $OUT:3010)
		has "... and why-not what forgets it" "$said" "minato scans --forget $SOURCE"
		ok "... which it has not done" blocked
		echo 'capacity 5000 sessions' >>"$T/gateway.conf"
		ok "the file is read again, and another process takes over" ask gateway reload gateway
		ok "... which knows who is blocked" blocked
		said=$(ask why tcp $SOURCE to $OUT:3010)
		has "... and until when" "$said" 'dropped: blocked as a scanner until 20.*'
		worker=$(gateway_worker)
		kill -9 "$worker"
		another() { [ "$(gateway_worker)" != "$worker" ] && blocked; }
		ok "... and so it is where a process for the traffic is killed" until_true 5 another
		ask scans --forget $SOURCE
		ok "... and which lets him pass" ask why tcp $SOURCE to $OUT:3010
	else
		skip "who is blocked" "nmap is not installed"
	fi
	gateway_down
else
	ok "the gateway that blocks runs" false
fi
finish
