#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A flood of calls that look as those of newcomers do, through a gateway: nothing tells them apart
# but that newcomers are there. Each is asked, and who answers connects at once.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
has_tools python3 || { skip "a flood of calls that look alike" "python3 is not installed"; finish; }
gateway_world
OUT=198.51.100.1

make_ns box
within lan ip link add in0 type veth peer name eth1 netns "${NS[box]}"
within lan ip link set in0 master br0 up
within wan ip link add out0 type veth peer name eth0 netns "${NS[box]}"
within wan ip addr add 198.51.100.254/24 dev out0
within wan ip link set out0 up
within box ip link set eth0 up
within box ip link set eth1 up
within wan ip route add blackhole default
for ((i = 0; i < 80; i++)); do
	within far ip addr add "203.0.113.$((20 + i))/24" dev eth0
done
cat >"$T/gateway.conf" <<X
inside eth1 10.0.0.1/24 in namespace pid ${NS[box]}
outside eth0 $OUT/24 via 198.51.100.254 in namespace pid ${NS[box]}
forward tcp http to 10.0.0.2
forward tcp 81 to 10.0.0.2 from 203.0.113.99
state $T/gateway.state
X
bg_more gateway.log env XDG_RUNTIME_DIR="$T/run" "$M" gateway "$T/gateway.conf"
KEEPER=$BG
until_true 15 gateway_is_decided
gateway_is_up || { cat "$T/gateway.log"; ok "the gateway runs" false; finish; }
serves web 80 "web A"

# Hears how a newcomer calls, and calls so from everywhere, at that port, until it is ended.
cat >"$T/alike.py" <<'X'
import random, socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(("out0", 3))
s.settimeout(20)
heard = b""
while heard[12:14] != b"\x08\x00" or heard[23] != 6 or heard[47] != 2:
    heard = s.recv(2048)
s.close()
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.bind(("out0", 0))
f = bytearray(heard)
for at, size in (24, 2), (26, 4), (34, 2), (38, 4), (50, 2):
    f[at:at + size] = bytes(size)
struct.pack_into("!H", f, 36, int(sys.argv[1]))
def words(b):
    return sum(struct.unpack("!%dH" % (len(b) // 2), b))
def folded(n):
    n = (n & 0xffff) + (n >> 16)
    return ~((n & 0xffff) + (n >> 16)) & 0xffff
ip, tcp = words(f[14:34]), words(f[26:]) + 6 + len(f) - 34
while True:
    source, low, port, seq = 0x1400 | random.getrandbits(8), *struct.unpack("!3H", random.randbytes(6))
    struct.pack_into("!2H", f, 26, source, low)
    struct.pack_into("!H", f, 34, port)
    struct.pack_into("!H", f, 40, seq)
    struct.pack_into("!H", f, 24, folded(ip + source + low))
    struct.pack_into("!H", f, 50, folded(tcp + source + low + port + seq))
    s.send(f)
X
counted() { env XDG_RUNTIME_DIR="$T/run" "$M" nat counters | awk -v n="$1" '$1 == n { print $2 }'; }
segments() { within web cat /proc/net/snmp | awk '/^Tcp: [0-9]/ { print $11 }'; }
# flooded PORT: until it is one.
flooded() {
	within_bg wan alike.log timeout 60 python3 "$T/alike.py" "$1"
	FLOOD=$BG
	sleep 0.5
	gets far http://$OUT/ >"$T/heard"
	BEFORE=$(came)
	until_true 10 is_flooded
}
came() { echo $(($(counted link_eth0_in_asked) + $(counted link_eth0_in_shed))); }
is_flooded() { [ $(($(came) - BEFORE)) -gt 20000 ]; }

ok "before: as many calls come as are made" flooded 80
ASKED=$(counted link_eth0_in_asked)
CAME=$(segments)
FROM=${EPOCHREALTIME/./}
GOOD=0
SOON=0
for ((i = 0; i < 40; i++)); do
	read -r SAID TOOK < <(gets far http://$OUT/ --interface "203.0.113.$((20 + i))" --max-time 20 \
		-w ' %{time_connect}\n' | tr -d '\n' | sed 's/web A/webA/')
	[ "$SAID" = webA ] && ((GOOD++))
	awk -v t="$TOOK" 'BEGIN { exit !(t > 0 && t < 0.5) }' && ((SOON++))
done
MS=$(((${EPOCHREALTIME/./} - FROM) / 1000))
CAME=$(($(segments) - CAME))
ASKED=$(($(counted link_eth0_in_asked) - ASKED))
ANSWERED=$(counted link_eth0_in_answered)
echo "# in $MS ms $ASKED callers were asked, $ANSWERED answered; $SOON of 40 newcomers did not have to call twice"
is "each newcomer is served" "$GOOD" 40
# All of them where there is time to ask everybody; that is not so on a busy machine.
ok "and some at their first call" [ "$SOON" -ge 8 ]
ok "because they answered" [ "$ANSWERED" -ge 8 ]
ok "while the server heard of few others" [ "$CAME" -lt $((40 * 20 + MS / 4)) ]
ok "the flood went on all that time" kill -0 "$FLOOD"
kill "$FLOOD"
wait "$FLOOD" 2>/dev/null

# A port that is open to one alone tells nobody that it is there.
ok "a flood at a port that is not for them" flooded 81
sleep 0.3
ASKED=$(counted link_eth0_in_asked)
sleep 1
is "nobody is asked" "$(counted link_eth0_in_asked)" "$ASKED"
is "who is there is served meanwhile" "$(gets far http://$OUT/ --interface 203.0.113.70 --max-time 20)" \
	"web A"
kill "$FLOOD"
wait "$FLOOD" 2>/dev/null
gateway_down
finish
