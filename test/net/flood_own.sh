#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A guest that floods everywhere, with SYNs, with datagrams, with segments of no connection and with
# fragments that never become whole: its own transfers go on, and so do its new connections to whom
# it knows; and when that is over everything is as before.
. "$(dirname "$0")/lib.bash"
world_up
# Where the flood goes ends at the peer.
in_peer ip route add blackhole 20.0.0.0/8 2>/dev/null
head -c 20000000 /dev/zero >"$T/www/big"
echo small >"$T/www/index.html"
bg www.log nsenter --net="/proc/$PEER_PID/ns/net" python3 -m http.server -d "$T/www" 80
until_true 10 listening 80 peer

FLOOD='import random, socket, struct, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("tap0", 0))
kind, until = sys.argv[1], time.time() + float(sys.argv[2])
mac = open("/sys/class/net/tap0/address").read().strip().replace(":", "")
def frame():
    d = bytes([20, random.randrange(1, 250), random.randrange(256), random.randrange(1, 250)])
    port = random.randrange(1024, 65535)
    tcp = kind in ("syn", "ack")
    if tcp:
        flags = 2 if kind == "syn" else 16
        body = struct.pack("!HHIIBBHHH", port, 80, random.randrange(1 << 32), 0, 0x50, flags, 60000, 0, 0)
        proto = 6
    else:
        body = struct.pack("!HHHH", port, 80, 12, 0) + b"abcd"
        proto = 17
    src = bytes([10, 0, 2, 100])
    def csum(b):
        n = sum(struct.unpack("!%dH" % (len(b) // 2), b))
        while n >> 16: n = (n & 0xffff) + (n >> 16)
        return ~n & 0xffff
    c = csum(src + d + struct.pack("!BBH", 0, proto, len(body)) + body)
    at = 16 if tcp else 6
    body = body[:at] + struct.pack("!H", c) + body[at + 2:]
    cut = 0x2000 if kind == "fragment" else 0x4000
    name = random.randrange(1 << 16)
    if kind == "fragment": body += b"more"
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), name, cut, 64, proto, 0) + src + d
    head = head[:10] + struct.pack("!H", csum(head)) + head[12:]
    return bytes.fromhex("026d6e740002" + mac + "0800") + head + body
frames = [frame() for _ in range(20000)]
sent = 0
while time.time() < until:
    for f in frames[sent % 20000:][:200]:
        try: s.send(f)
        except OSError: pass
        sent += 1
print(sent)
'
for a in 9 10; do
	in_peer ip addr add 203.0.113.$a/32 dev p0
	ip route add 203.0.113.$a/32 via $PEER4
done
run_guest own --root -- sleep 1000
is "before" "$(in_guest own -- curl -sS -m 5 http://$PEER4/)" small
counter() {
	printf '{"v":1,"request":"info"}\n' |
		as_user socat -t 3 - "UNIX-CONNECT:$(find "$T/user/run" -type s -name own.sock)" |
		python3 -c 'import json, sys
print(json.loads(sys.stdin.readline())["counters"].get(sys.argv[1], 0))' "$1"
}
several() { # new connections, one after another
	for _ in 1 2 3 4 5; do
		in_guest own -- curl -sS -m 3 http://$PEER4/ || return 1
	done
}
for kind in syn udp ack fragment; do
	bg flood-$kind.log as_user "$M" exec own -- python3 -c "$FLOOD" $kind 9
	FLOODER=$BG
	sleep 2
	dialled=$(($(counter relay_tcp_out) + $(counter relay_udp_out)))
	begun=$SECONDS
	is "$kind: a transfer" "$(in_guest own -- curl -sS -m 6 -o /dev/null -w '%{size_download}' http://$PEER4/big)" 20000000
	ok "$kind: new connections" several
	rate=$((($(counter relay_tcp_out) + $(counter relay_udp_out) - dialled) / (SECONDS - begun + 1)))
	ok "$kind: few of the others are dialled" test "$rate" -lt 2000
	# Whom it has not known, where nothing but strays are kept out.
	case $kind in
	ack | fragment)
		is "$kind: a stranger" "$(in_guest own -- curl -sS -m 3 http://203.0.113.9/)" small ;;
	esac
	wait "$FLOODER"
	ok "$kind: it was a flood" test "$(cat "$T/flood-$kind.log")" -gt 50000
done
# First contacts are as they were.
sleep 1
is "after: whom it has not known" "$(in_guest own -- curl -sS -m 3 http://203.0.113.10/)" small
finish
