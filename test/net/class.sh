#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Traffic class both ways, and what is sent to many: refused, counted, never answered.
. "$(dirname "$0")/lib.bash"
world_up

# Answers each datagram with the class that it came with, in that class.
cat >"$T/echo.py" <<'X2'
import socket, struct, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
s.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
s.bind(("::", int(sys.argv[1])))
print("up", flush=True)
while True:
    data, control, flags, peer = s.recvmsg(65536, 500)
    seen = 0
    for level, kind, value in control:
        if (level, kind) == (socket.IPPROTO_IP, socket.IP_TOS):
            seen = value[0]
        elif (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_TCLASS):
            seen = struct.unpack("i", value)[0]
    four = peer[0].startswith("::ffff:")
    how = (socket.IPPROTO_IP, socket.IP_TOS) if four else (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)
    s.sendmsg([b"%d %s" % (seen, data)], [how + (struct.pack("i", seen),)], 0, peer)
X2
# ask ADDRESS PORT: datagrams of many classes on one socket, some in a burst; says whether each
# came there in its class and came back in it.
cat >"$T/ask.py" <<'X2'
import socket, struct, sys
six = ":" in sys.argv[1]
s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(3)
if six:
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
    how = (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)
else:
    s.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    how = (socket.IPPROTO_IP, socket.IP_TOS)
s.connect((sys.argv[1], int(sys.argv[2])))
classes = [0, 0xb8, 0xb8, 0xb9, 0x02, 0x28, 0, 0, 0xe0, 0x01, 0x03, 0x10]
for n, c in enumerate(classes):
    s.sendmsg([b"%d" % n], [how + (struct.pack("i", c),)])
got = {}
for _ in classes:
    data, control, flags, peer = s.recvmsg(1000, 500)
    there, n = map(int, data.split())
    back = 0
    for level, kind, value in control:
        if (level, kind) == how:
            back = value[0]
    got[n] = (there, back)
wanted = {n: (c, c) for n, c in enumerate(classes)}
print("kept" if got == wanted else "sent %s got %s" % (wanted, got))
X2
# The classes of the TCP segments from the host to port 80, without the ECN bits: SYN, and the rest.
cat >"$T/sniff.py" <<'X2'
import select, socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind((sys.argv[1], 0))
print("up", flush=True)
end = time.time() + 20
while time.time() < end:
    if not select.select([s], [], [], 0.2)[0]:
        continue
    p = s.recv(2000)
    kind = p[12] << 8 | p[13]
    if kind == 0x0800 and p[23] == 6:
        tcp, tos = p[14 + (p[14] & 15) * 4:], p[15]
    elif kind == 0x86dd and p[20] == 6:
        tcp, tos = p[54:], (p[14] << 4 | p[15] >> 4) & 255
    else:
        continue
    if tcp[2] << 8 | tcp[3] == 80:
        print("syn" if tcp[13] & 2 else "data" if len(tcp) > (tcp[12] >> 4) * 4 else "ack",
              tos & 0xfc, tos & 3, flush=True)
X2
# connect ADDRESS CLASS LATER: a connection whose class changes
cat >"$T/connect.py" <<'X2'
import socket, sys, time
six = ":" in sys.argv[1]
s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM)
how = (socket.IPPROTO_IPV6, socket.IPV6_TCLASS) if six else (socket.IPPROTO_IP, socket.IP_TOS)
s.setsockopt(*how, int(sys.argv[2]))
s.connect((sys.argv[1], 80))
for part in sys.argv[2:]:
    s.setsockopt(*how, int(part))
    s.send(b"x")
    s.recv(1)
    time.sleep(0.1)
    s.send(b"y")
    s.recv(1)
X2
chmod a+r "$T"/*.py
bg echo.log in_peer python3 "$T/echo.py" 5000
bg web.log in_peer socat TCP6-LISTEN:80,ipv6only=0,fork,reuseaddr EXEC:cat
run_guest g -- sleep 600
run_guest p -p 6000/udp -- python3 "$T/echo.py" 6000
until_true 5 grep -q up "$T/echo.log"
until_true 5 listening 80 peer

is "UDP: DSCP and ECN of each datagram, both ways" \
	"$(in_guest g -- python3 "$T/ask.py" $PEER4 5000)" kept
is "and IPv6" "$(in_guest g -- python3 "$T/ask.py" $PEER6 5000)" kept
until_true 5 in_peer python3 "$T/ask.py" $HOST4 6000
is "published UDP" "$(in_peer python3 "$T/ask.py" $HOST4 6000)" kept
is "published UDP, IPv6" "$(in_peer python3 "$T/ask.py" $HOST6 6000)" kept

# classes_of ADDRESS CLASS...: what a connection in these classes, one after another, looks like
classes_of() {
	rm -f "$T/sniff.log"
	nsenter --net="/proc/$PEER_PID/ns/net" python3 "$T/sniff.py" p0 >"$T/sniff.log" &
	local sniffer=$!
	until_true 5 grep -q up "$T/sniff.log"
	in_guest g -- python3 "$T/connect.py" "$@"
	sleep 0.3
	kill "$sniffer"
	sort -u "$T/sniff.log" | grep -v up | tr '\n' ' '
}
has "TCP: the class of the SYN goes out" "$(classes_of $PEER4 184)" "data 184 .*syn 184 0"
has "and IPv6" "$(classes_of $PEER6 184)" "data 184 .*syn 184 0"
has "TCP: a class that changes" "$(classes_of $PEER4 16 40)" "data 16 .*data 40 .*syn 16 0"
has "and IPv6" "$(classes_of $PEER6 16 40)" "data 16 .*data 40 .*syn 16 0"
is "TCP: none where there is none" "$(classes_of $PEER4 0)" "ack 0 0 data 0 0 syn 0 0 "

# --- to many ------------------------------------------------------------------

counter() { # NAME
	sock=$(find "$T/user/run" -type s -name '*g*' | head -n 1)
	printf '{"v":1,"request":"info"}\n' | as_user socat -t 3 - "UNIX-CONNECT:$sock" |
		python3 -c "import json, sys; print(json.loads(sys.stdin.readline())['counters'].get('$1', 0))"
}
# to_many ADDRESS: one datagram, allowed to be a broadcast; says the error that comes of it, or none
cat >"$T/many.py" <<'X2'
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.settimeout(0.5)
try:
    s.connect((sys.argv[1], 9))
    s.send(b"x")
    s.recv(1)
except socket.timeout:
    print("silence")
except OSError as e:
    print(e.strerror)
X2
chmod a+r "$T/many.py"
to_many() { # NAME COUNTER ADDRESS
	local before after
	before=$(counter "$2")
	is "$1: silence" "$(in_guest g -- python3 "$T/many.py" "$3")" silence
	after=$(counter "$2")
	ok "$1: counted" [ "$after" -gt "$before" ]
}
to_many "a group" drop_multicast 239.1.2.3
to_many "a group of IPv6" drop_multicast ff0e::1234
to_many "limited broadcast" drop_broadcast 255.255.255.255
to_many "the guest's own broadcast" drop_broadcast 10.0.2.255
to_many "directed broadcast, to the host's network" relay_refused_broadcast 10.99.0.255
before=$(counter relay_refused_broadcast)
[ "$NET_REAL_ROOT" = 0 ] || sysctl -qw net.ipv4.ping_group_range="0 65534"
in_guest g -- ping -b -c 1 -W 1 10.99.0.255 >"$T/case.log" 2>&1
is "nor is a ping to many answered" "$(grep -c 'bytes from\|From' "$T/case.log")" 0
ok "but counted" [ "$(counter relay_refused_broadcast)" -gt "$before" ]
finish
