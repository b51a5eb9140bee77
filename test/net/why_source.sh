#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What minato why says of a source that cannot be, held against the counter that rises when such a
# packet comes.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
gateway_world
OUT=198.51.100.1
{
	gateway_links
	echo "route 10.9.0.0/16 via 10.0.0.9"
	echo "forward udp 7000 to 10.0.0.2"
	echo "allow everything"
} >"$T/gateway.conf"
gateway_up || { ok "the gateway runs" false; finish; }

# Datagrams with any source, to the gateway's MAC: more than other packets that count alike.
cat >"$T/forge.py" <<'P'
import socket, struct, sys
device, mac, source, to = sys.argv[1:5]
def total(data):
    value = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while value >> 16:
        value = (value & 0xffff) + (value >> 16)
    return ~value & 0xffff
head = bytearray(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 32, 1, 0, 64, 17, 0,
                             socket.inet_aton(source), socket.inet_aton(to)))
head[10:12] = struct.pack("!H", total(bytes(head)))
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((device, 0))
for _ in range(20):
    s.send(bytes.fromhex(mac.replace(":", "")) + s.getsockname()[4] + b"\x08\x00" + bytes(head) +
           struct.pack("!HHHH", 5353, 7000, 12, 0) + b"said")
P
mac_of() { # NAMESPACE ADDRESS
	within "$1" ping -c 1 -W 2 "$2" >/dev/null 2>&1
	within "$1" ip neigh show to "$2" | sed -n 's/.*lladdr \([0-9a-f:]*\).*/\1/p'
}
INSIDE=$(mac_of desk 10.0.0.1)
OUTSIDE=$(mac_of wan $OUT)
counter() { ask nat counters | awk -v c="$1" '$1 == c { print $2 }'; }
rises() { [ "$(counter "$1")" -ge "$2" ]; }
# impossible LINK SOURCE TO WORDS COUNTER
impossible() {
	local before said
	said=$(ask why udp "$2" to "$3:7000" by "$1")
	is "$2 by $1 is dropped" $? 1
	has "... and why" "$said" "^dropped: $4"
	is "... and no rule is told of" "$(grep -c '^  rule' <<<"$said")" 0
	has "... and what counts it" "$said" "\\($5\\)\$"
	before=$(counter "$5")
	case $1 in
	in0) within desk python3 "$T/forge.py" eth0 "$INSIDE" "$2" "$3" ;;
	out0) within wan python3 "$T/forge.py" out0 "$OUTSIDE" "$2" "$3" ;;
	esac
	ok "... which the packets are" until_true 3 rises "$5" $((${before:-0} + 20))
}
FAR=203.0.113.9
impossible in0 127.0.0.1 $FAR "martian source by in0: 127.0.0.1 is no host's address" drop_ip_source
impossible out0 127.0.0.1 $OUT "martian source by out0: 127.0.0.1 is no host's address" drop_ip_source
impossible in0 10.0.0.1 $FAR "martian source by in0: 10.0.0.1 is the gateway's own" drop_ip_source
impossible out0 $OUT $OUT "martian source by out0: $OUT is the gateway's own" drop_ip_source
impossible in0 10.0.0.255 $FAR "martian source by in0: 10.0.0.255 is a broadcast there" drop_ip_source
impossible in0 192.0.2.7 $FAR "spoofed source by in0: 192.0.2.7 is not behind it" drop_spoofed
impossible out0 10.0.0.2 $OUT "spoofed source by out0: 10.0.0.2 is of the inside in0, and does not" drop_spoofed
impossible out0 10.9.1.2 $OUT "spoofed source by out0: 10.9.1.2 is of the inside in0" drop_spoofed

# --- what can be -------------------------------------------------------------------------

ok "an inside host's" ask why udp 10.0.0.2 to $FAR:53
has "one that a route leads to comes by that link" "$(ask why udp 10.9.1.2 to $FAR:53)" 'from inside$'
ok "... and may" ask why udp 10.9.1.2 to $FAR:53
ok "one from outside" ask why udp $FAR to $OUT:7000
has "without the link: by the outside" "$(ask why udp 127.0.0.1 to $OUT:7000)" '^dropped: martian source by out0'
has "why-not: no rule helps" "$(ask why-not udp 127.0.0.1 to $OUT:7000)" 'no rule would let it pass$'
for none in 0.0.0.0 224.0.0.5; do
	has "$none as whence it comes is no question" "$(ask why udp $none to $OUT:7000 2>&1)" \
		'this is not an address of one host'
done
said=$(ask why udp 127.0.0.1 to $OUT:7000 by eth9 2>&1)
has "a link that is none" "$said" 'no link of the gateway has that name'
has "JSON has the counter" "$(ask why --json udp 127.0.0.1 to $OUT:7000)" '"counter": "drop_ip_source"'
gateway_down
is "no report of a sanitizer" "$(grep -c 'AddressSanitizer\|runtime error' "$T/gateway.log")" 0
finish
