#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The host's loopback is refused, with frames that really carry such
# destinations: written on the guest's tap by a raw socket.
. "$(dirname "$0")/lib.bash"
world_up
cat >"$T/raw.py" <<'X'
import ipaddress, select, socket, struct, sys, time
dst, port = sys.argv[1], int(sys.argv[2])
mac = None
def gateway_mac():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.sendto(b"x", ("10.0.2.2", 9))
    for i in range(100):
        for line in open("/proc/net/arp"):
            f = line.split()
            if f[0] == "10.0.2.2" and f[3] != "00:00:00:00:00:00":
                return bytes.fromhex(f[3].replace(":", ""))
        time.sleep(0.02)
    sys.exit("no MAC of the gateway")
def csum(data):
    if len(data) % 2:
        data += b"\0"
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff
v6 = ":" in dst
me = "fd00::64" if v6 else "10.0.2.100"
if v6:
    out = [l for l in open("/proc/net/if_inet6") if l.split()[5] == "tap0" and not l.startswith("fe80")]
    me = str(ipaddress.IPv6Address(bytes.fromhex(out[0].split()[0])))
src = ipaddress.ip_address(me).packed
to = ipaddress.ip_address(dst).packed
def segment(sport, proto):
    pseudo = src + to + (struct.pack("!IHBB", 20 if proto == 6 else 9, 0, 0, proto) if v6 else
                         struct.pack("!BBH", 0, proto, 20 if proto == 6 else 9))
    if proto == 6:
        t = struct.pack("!HHIIBBHHH", sport, port, 1000, 0, 0x50, 2, 65535, 0, 0)
        return t[:16] + struct.pack("!H", csum(pseudo + t)) + t[18:]
    t = struct.pack("!HHHH", sport, port, 9, 0) + b"x"
    return t[:6] + struct.pack("!H", csum(pseudo + t)) + t[8:]
def packet(payload, proto):
    if v6:
        return struct.pack("!IHBB", 6 << 28, len(payload), proto, 64) + src + to + payload
    h = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0x4000, 64, proto, 0) + src + to
    return h[:10] + struct.pack("!H", csum(h)) + h[12:] + payload
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
raw.bind(("tap0", 0))
local = raw.getsockname()[4]
gw = gateway_mac()
proto = 17 if len(sys.argv) > 3 else 6
eth = gw + local + struct.pack("!H", 0x86dd if v6 else 0x0800)
raw.send(eth + packet(segment(44444, proto), proto))
end = time.time() + 1.0
answer = "silence"
while time.time() < end:
    r, _, _ = select.select([raw], [], [], 0.1)
    if not r:
        continue
    f = raw.recv(65536)
    if f[6:12] == local:
        continue
    ip = f[14:]
    t = ip[40:] if v6 and f[12:14] == b"\x86\xdd" else ip[(ip[0] & 15) * 4:] if f[12:14] == b"\x08\x00" else b""
    p = ip[6] if f[12:14] == b"\x86\xdd" else ip[9] if t else 0
    if p == 6 and t[2:4] == struct.pack("!H", 44444):
        answer = "RST" if t[13] & 4 else "SYN-ACK" if t[13] & 2 else "TCP"
        break
    # errors about this packet, not about the probe for the gateway's MAC
    if p == 1 and t[0] == 3 and t[24:28] == to:
        answer = "ICMP"
        break
    if p == 58 and t[0] == 1 and t[32:48] == to:
        answer = "ICMP"
        break
    if p == 17 and t[2:4] == struct.pack("!H", 44444):
        answer = "ANSWER"
        break
print(answer)
X
chmod a+r "$T/raw.py"
bg l4.log socat TCP4-LISTEN:7788,fork,reuseaddr,bind=127.0.0.1 EXEC:cat
bg l6.log socat TCP6-LISTEN:7788,fork,reuseaddr,bind=::1,ipv6only EXEC:cat
bg lu.log socat UDP4-RECVFROM:7788,fork,bind=127.0.0.1 EXEC:cat
bg lp.log in_peer socat TCP-LISTEN:7788,fork,reuseaddr EXEC:cat
until_true 5 listening 7788
until_true 5 listening 7788 peer
run_guest r --root -- sleep 600
raw() { in_guest r -- python3 "$T/raw.py" "$@"; }
refused() { has "$1" "$2" '^(RST|ICMP|silence)$'; }
is "the probe itself: an open port answers" "$(raw $PEER4 7788)" SYN-ACK
is "the probe itself: an open port answers, IPv6" "$(raw $PEER6 7788 2>&1)" "$(in_peer ss -Hltn | grep -q '\[::\]:7788\|\*:7788' && echo SYN-ACK || echo RST)"
refused "127.0.0.1" "$(raw 127.0.0.1 7788)"
refused "127.255.255.254" "$(raw 127.255.255.254 7788)"
refused "0.0.0.0" "$(raw 0.0.0.0 7788)"
refused "255.255.255.255" "$(raw 255.255.255.255 7788)"
refused "the subnet's broadcast" "$(raw 10.0.2.255 7788)"
refused "::1" "$(raw ::1 7788)"
refused "::" "$(raw :: 7788)"
refused "::ffff:127.0.0.1" "$(raw ::ffff:127.0.0.1 7788)"
refused "::ffff:0.0.0.0" "$(raw ::ffff:0.0.0.0 7788)"
refused "::ffff:10.99.0.10 in an IPv6 packet" "$(raw ::ffff:10.99.0.10 7788)"
refused "224.0.0.1" "$(raw 224.0.0.1 7788)"
refused "UDP to 127.0.0.1" "$(raw 127.0.0.1 7788 udp)"
refused "UDP to 255.255.255.255" "$(raw 255.255.255.255 7788 udp)"
finish
