#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Forged connections through a gateway that blocks scanners: whoever writes another's address into
# a SYN and into the first bytes behind it, which only ask what is there, gets nobody blocked. He
# has not seen what the server answered, and so cannot acknowledge it.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
. "$(dirname "$0")/libscan.bash"
gateway_world

{
	gateway_links
	echo 'forward tcp 22,80,443,1000-1100 to 10.0.0.2'
	echo 'scans answer block for 1m'
} >"$T/gateway.conf"
gateway_up || { ok "the gateway runs" false; finish; }
scan_with ask gateway "$T/gateway.log"

cat >"$T/serve.py" <<'E2'
import select, socket
listening = [socket.create_server(("", port)) for port in range(1000, 1012)]
held = []
while True:
    for one in select.select(listening, [], [])[0]:
        held.append(one.accept()[0])
        held[-1].sendall(b"hi\n")
E2
within_bg web serve.log python3 "$T/serve.py"

# forge.py ADDRESS: a call of each port, as if from there, and then tries of closed ports. What is
# acknowledged is drawn anew each time.
cat >"$T/forge.py" <<'E2'
import random, socket, struct, sys, time
HERE = socket.inet_aton("198.51.100.1")
THERE = socket.inet_aton(sys.argv[1])
OPTIONS = bytes([2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7])
out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
def total(data):
    data += b"\0" * (len(data) % 2)
    value = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while value >> 16:
        value = (value & 0xffff) + (value >> 16)
    return ~value & 0xffff
def send(source, port, seq, ack, flags, options=b"", payload=b""):
    tcp = struct.pack("!HHIIBBHHH", source, port, seq & 0xffffffff, ack,
                      (20 + len(options)) // 4 << 4, flags, 64240, 0, 0) + options + payload
    check = total(THERE + HERE + struct.pack("!BBH", 0, 6, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack("!H", check) + tcp[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), random.randrange(65536), 0x4000, 64,
                     6, 0, THERE, HERE)
    out.sendto(ip + tcp, ("198.51.100.1", 0))
for port in range(1000, 1011):
    source, seq = random.randrange(33000, 60000), random.randrange(2 ** 32)
    send(source, port, seq, 0, 0x02, OPTIONS)
    time.sleep(0.002)
    for i in range(3):
        send(source, port, seq + 1, random.randrange(2 ** 32), 0x18,
             payload=b"HELP\r\n")
    time.sleep(0.03)
for port in range(2000, 2010):
    send(random.randrange(33000, 60000), port, random.randrange(2 ** 32), 0, 0x02, OPTIONS)
E2

within far python3 "$T/forge.py" 203.0.113.77
ok "the alleged scanner is listed" until_true 5 listed_kind 203.0.113.77 connect
is "... and nothing about it is verified" "$(scan_rows | scan_field 203.0.113.77 verified)" false
is "... nor is it blocked" "$(scan_rows | scan_field 203.0.113.77 blocks)" 0
ok "... nor did it ask anything" fails listed_kind 203.0.113.77 version

# Who really asks is known by what it acknowledges.
within far python3 - <<'E2'
import socket
for port in range(1000, 1011):
    with socket.create_connection(("198.51.100.1", port), 5) as s:
        s.sendall(b"HELP\r\n")
        s.recv(9)
for port in range(1012, 1022):
    with socket.socket() as s:
        s.settimeout(5)
        s.connect_ex(("198.51.100.1", port))
E2
ok "who asks at each port himself is listed as such" until_true 5 listed_kind 203.0.113.9 version
is "... verified" "$(scan_rows | scan_field 203.0.113.9 verified)" true
finish
