#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Datagrams both ways, and the resolver at its own address.
. "$(dirname "$0")/lib.bash"
world_up

cat >"$T/dnsmasq.conf" <<X
port=53
no-resolv
no-hosts
bind-interfaces
listen-address=$PEER4,$PEER6
address=/example.test/192.0.2.80
address=/example.test/2001:db8::80
txt-record=big.test,$(printf 'x%.0s' {1..240}),$(printf 'y%.0s' {1..240}),$(printf 'z%.0s' {1..240})
pid-file=
user=root
X
bg dns.log in_peer dnsmasq -d -C "$T/dnsmasq.conf"
cat >"$T/dnsmasq2.conf" <<X
port=53
no-resolv
no-hosts
bind-interfaces
listen-address=$GW4
address=/example.test/192.0.2.81
pid-file=
user=root
X
bg dns2.log in_peer dnsmasq -d -C "$T/dnsmasq2.conf"
until_true 5 listening 53 peer
resolver_is $PEER4

# Says what it got and from whom, and answers as many bytes.
cat >"$T/echo.py" <<'X'
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(("::", int(sys.argv[1])))
print("up", flush=True)
while True:
    data, peer = s.recvfrom(65536)
    s.sendto(data if data != b"who" else ("%s %d" % peer[:2]).encode(), peer)
X
# ask ADDRESS PORT [LOCALPORT]: what the echo saw as our address and port.
cat >"$T/ask.py" <<'X'
import socket, sys
f = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(f, socket.SOCK_DGRAM)
s.settimeout(3)
if len(sys.argv) > 3:
    s.bind(("", int(sys.argv[3])))
s.connect((sys.argv[1], int(sys.argv[2])))
s.send(b"who")
print(s.recv(100).decode().replace("::ffff:", ""))
X
# Datagrams of every size, in order of size, each answered with itself.
cat >"$T/sizes.py" <<'X'
import socket, sys
f = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(f, socket.SOCK_DGRAM)
s.settimeout(3)
s.connect((sys.argv[1], int(sys.argv[2])))
for n in [0, 1, 2, 63, 64, 65, 511, 512, 1000, 1399, 1400, 1452]:
    d = bytes(i * 7 % 251 for i in range(n))
    s.send(d)
    assert s.recv(65536) == d, n
# a burst keeps its boundaries
for k in range(40):
    s.send(bytes([k]) * (100 + k % 3))
got = sorted(s.recv(65536) for k in range(40))
assert got == sorted(bytes([k]) * (100 + k % 3) for k in range(40))
print("whole")
X
# One datagram from port 0 (RFC 768: no answer is wanted), by a raw socket.
cat >"$T/zero.py" <<'X'
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
s.sendto(struct.pack("!HHHH", 0, int(sys.argv[2]), 12, 0) + b"zero", (sys.argv[1], 0))
X
cat >"$T/hear.py" <<'X'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", int(sys.argv[1])))
print("up", flush=True)
data, peer = s.recvfrom(100)
s.sendto(b"answer", peer)
print(data.decode(), peer[1] != 0, flush=True)
X
chmod a+r "$T"/*.py
bg echo.log in_peer python3 "$T/echo.py" 5000
bg echo2.log in_peer python3 "$T/echo.py" 5001
run_guest g -- sleep 600
until_true 5 grep -q up "$T/echo.log"

ok "dig over UDP" equal "$(in_guest g -- dig +short +time=3 @10.0.2.3 example.test A)" 192.0.2.80
ok "dig over TCP" equal "$(in_guest g -- dig +short +tcp +time=3 @10.0.2.3 example.test A)" 192.0.2.80
ok "dig by the guest's own resolver file" equal "$(in_guest g -- dig +short +time=3 example.test A)" 192.0.2.80
ok "dig over UDP, IPv6 address" equal "$(in_guest g -- dig +short +time=3 @fd00::3 example.test AAAA)" 2001:db8::80
has "a long answer: truncated over UDP, whole over TCP" \
	"$(in_guest g -- dig +noedns +short +time=3 @10.0.2.3 big.test TXT)" 'z{240}'
has "the program's own resolver" "$(in_guest g -- getent ahostsv4 example.test)" '192.0.2.80'
resolver_is $GW4
changed() { equal "$(in_guest g -- dig +short +time=2 +tries=1 @10.0.2.3 example.test A)" 192.0.2.81; }
ok "a changed resolver file is followed" until_true 6 changed
in_peer ip route add blackhole 198.51.100.0/24
in_peer sysctl -qw net.ipv4.ip_forward=1
resolver_is 198.51.100.53 $GW4
passed_over() { equal "$(in_guest g -- dig +short "$@" +time=15 +tries=1 @10.0.2.3 example.test A)" 192.0.2.81; }
sleep 1.1 # the file is looked at once a second
ok "a silent nameserver is passed over" passed_over
ok "a silent nameserver is passed over, TCP" passed_over +tcp
printf '# nothing\n' >"$T/resolv.conf"
servfail() { in_guest g -- dig +time=2 +tries=1 @10.0.2.3 example.test A | grep -q SERVFAIL; }
ok "no resolver: SERVFAIL" until_true 6 servfail
resolver_is $PEER4

is "datagrams come back whole" "$(in_guest g -- python3 "$T/sizes.py" $PEER4 5000)" whole
is "datagrams come back whole, IPv6" "$(in_guest g -- python3 "$T/sizes.py" $PEER6 5000)" whole
one=$(in_guest g -- python3 "$T/ask.py" $PEER4 5000 4444)
two=$(in_guest g -- python3 "$T/ask.py" $PEER4 5001 4444)
is "the outside port is the same towards everyone" "$one" "$two"
has "and it is the host's address" "$one" "^$HOST4 [0-9]+$"

bg hear.log in_peer python3 "$T/hear.py" 5002
until_true 5 grep -q up "$T/hear.log"
init=$(as_user "$M" ps --json | python3 -c 'import json,sys
print([g["init"] for g in json.load(sys.stdin)["guests"] if g["name"] == "g"][0])')
nsenter --net="/proc/$init/ns/net" python3 "$T/zero.py" $PEER4 5002
ok "a datagram from port 0 goes out, from a port of the host's" until_true 5 grep -q "zero True" "$T/hear.log"
is "and what comes back for it harms nothing" "$(in_guest g -- python3 "$T/sizes.py" $PEER4 5000)" whole

run_guest u -p 6000/udp -- python3 "$T/echo.py" 6000
until_true 5 python3 "$T/ask.py" 127.0.0.1 6000
is "published UDP: the server sees the client" \
	"$(in_peer python3 "$T/ask.py" $HOST4 6000 45100)" "$PEER4 45100"
is "published UDP, IPv6" "$(in_peer python3 "$T/ask.py" $HOST6 6000 45101)" "$PEER6 45101"
is "published UDP from the host's loopback: the gateway, own port" \
	"$(python3 "$T/ask.py" 127.0.0.1 6000 45102)" "10.0.2.2 45102"
is "published datagrams come back whole" "$(in_peer python3 "$T/sizes.py" $HOST4 6000)" whole
is "published datagrams come back whole, IPv6" "$(in_peer python3 "$T/sizes.py" $HOST6 6000)" whole
finish
