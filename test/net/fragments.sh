#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Datagrams above the MTU, both ways and whole; paths that are narrower further on.
. "$(dirname "$0")/lib.bash"
world_up

gid=$(as_user id -g)
[ "$NET_REAL_ROOT" = 1 ] || gid=$(id -g)
echo "$gid $gid" >/proc/sys/net/ipv4/ping_group_range

# Behind the peer, which routes: a network of MTU 1300.
FAR4=10.98.0.10 FAR6=fd98::10 OTHER4=10.98.0.11 OTHER6=fd98::11
in_peer unshare --net --kill-child -- sleep 3600 &
STARTED+=("$!")
FAR_PID=
far_up() {
	local p
	for p in $(pgrep -x sleep); do
		case $(readlink "/proc/$p/ns/net") in
		"$(readlink /proc/self/ns/net)" | "$(readlink "/proc/$PEER_PID/ns/net")") ;;
		*) FAR_PID=$p && return 0 ;;
		esac
	done
	return 1
}
until_true 5 far_up
in_far() { nsenter --net="/proc/$FAR_PID/ns/net" "$@"; }
in_peer ip link add r0 mtu 1300 type veth peer name f0 mtu 1300 netns "$FAR_PID"
in_peer sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
	net.ipv6.conf.r0.accept_dad=0
in_peer ip addr add 10.98.0.1/24 dev r0
in_peer ip addr add fd98::1/64 dev r0 nodad
in_peer ip link set r0 up
in_far ip link set lo up
in_far ip addr add $FAR4/24 dev f0
in_far ip addr add $OTHER4/24 dev f0
in_far ip addr add 10.98.0.13/24 dev f0
in_far ip addr add $FAR6/64 dev f0 nodad
in_far ip addr add fd98::13/64 dev f0 nodad
in_far ip addr add $OTHER6/64 dev f0 nodad
in_far ip link set f0 up
in_far ip route add default via 10.98.0.1
in_far ip -6 route add default via fd98::1

# Answers with what it got, from the address that it was written to.
cat >"$T/echo.py" <<'X'
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
s.bind(("::", int(sys.argv[1])))
print("up", flush=True)
while True:
    data, control, _, peer = s.recvmsg(65536, 256)
    s.sendmsg([data], control[:1], 0, peer)
X
# sizes ADDRESS PORT SIZE...: each comes back as it was.
cat >"$T/sizes.py" <<'X'
import socket, sys
f = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(f, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
s.settimeout(2)
s.connect((sys.argv[1], int(sys.argv[2])))
for n in map(int, sys.argv[3:]):
    d = bytes((i * 7 + i // 251) % 251 for i in range(n))
    for _ in range(3):  # a path's first may get lost to learn its MTU
        try:
            s.send(d)
            got = s.recv(65536)
            break
        except (TimeoutError, OSError) as e:
            got = repr(e)
    assert got == d, (n, got[:60])
print("whole")
X
# pmtu ADDRESS PORT: sends with "don't fragment" until told, and says what.
cat >"$T/pmtu.py" <<'X'
import socket, sys, time
six = ":" in sys.argv[1]
level, discover, mtu, header = (41, 23, 24, 48) if six else (0, 10, 14, 28)
s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(level, discover, 2)
s.settimeout(2)
s.connect((sys.argv[1], int(sys.argv[2])))
size = 1500 - header
for _ in range(20):
    try:
        s.send(b"x" * size)
        s.settimeout(0.2)
        s.recv(65536)
        print("came back")
        break
    except OSError as e:
        if e.errno == 90:
            break
    time.sleep(0.05)
now = s.getsockopt(level, mtu)
s.settimeout(2)
for _ in range(2):  # the error of the first may still be pending
    try:
        s.send(b"y" * (now - header))
    except OSError:
        pass
print(now, len(s.recv(65536)) + header)
X
# cut ADDRESS PORT: without "don't fragment" routers cut it, and nobody is told.
cat >"$T/cut.py" <<'X'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(0, 10, 0)
s.settimeout(2)
s.connect((sys.argv[1], int(sys.argv[2])))
s.send(b"x" * 1472)
print(len(s.recv(65536)), s.getsockopt(0, 14))
X
chmod a+r "$T"/*.py
bg echo.log in_peer python3 "$T/echo.py" 5000
bg far.log in_far python3 "$T/echo.py" 5000
run_guest g --mtu 1500 -p 5002/udp -- python3 "$T/echo.py" 5002
until_true 5 grep -q up "$T/echo.log"
until_true 5 grep -q up "$T/far.log"
until_true 5 grep -q up "$T/guest-g.log"

SIZES="1452 1453 1472 1473 2952 2953 9000 60000 65507"
# shellcheck disable=SC2086
{
	is "large ones leave and come back over IPv4" \
		"$(in_guest g -- python3 "$T/sizes.py" $PEER4 5000 $SIZES)" whole
	is "large ones leave and come back over IPv6" \
		"$(in_guest g -- python3 "$T/sizes.py" $PEER6 5000 $SIZES)" whole
	is "a published port takes and answers large ones over IPv4" \
		"$(in_peer python3 "$T/sizes.py" $HOST4 5002 $SIZES)" whole
	is "a published port takes and answers large ones over IPv6" \
		"$(in_peer python3 "$T/sizes.py" $HOST6 5002 $SIZES)" whole
}
gateway4=$(in_guest g -- ip route show default | awk '{ print $3 }')
gateway6=$(in_guest g -- ip -6 route show default | awk '{ print $3; exit }')
ok "the gateway answers a long ping" in_guest g -- ping -c 2 -i 0.2 -W 2 -s 60000 "$gateway4"
ok "the gateway answers a long ping over IPv6" \
	in_guest g -- ping -c 2 -i 0.2 -W 2 -s 60000 "$gateway6"

ok "a long ping goes out and comes back" in_guest g -- ping -c 2 -i 0.2 -W 2 -s 60000 $PEER4
ok "and over IPv6" in_guest g -- ping -c 2 -i 0.2 -W 2 -s 60000 $PEER6
ok "the longest too" in_guest g -- ping -c 1 -W 2 -s 65507 $PEER4
has "a ping that must not be cut hears of a narrower path" \
	"$(in_guest g -- ping -c 3 -i 0.2 -W 1 -M do -s 1472 10.98.0.13 2>&1)" "mtu ?= ?1300"
has "and over IPv6" \
	"$(in_guest g -- ping -c 3 -i 0.2 -W 1 -M do -s 1452 fd98::13 2>&1)" "mtu ?= ?1300"

is "a narrower path is told to who forbids fragments" \
	"$(in_guest g -- python3 "$T/pmtu.py" $FAR4 5000)" "1300 1300"
is "and over IPv6" "$(in_guest g -- python3 "$T/pmtu.py" $FAR6 5000)" "1300 1300"
# shellcheck disable=SC2086
is "large ones go through the narrow path" \
	"$(in_guest g -- python3 "$T/sizes.py" $FAR4 5000 1200 1472 9000 60000)" whole
# shellcheck disable=SC2086
is "and over IPv6" "$(in_guest g -- python3 "$T/sizes.py" $FAR6 5000 1200 1452 9000 60000)" whole

# What the host has learned already, its kernel does not ask a router about again.
python3 "$T/pmtu.py" $OTHER4 5000 >"$T/host.log" 2>&1
python3 "$T/pmtu.py" $OTHER6 5000 >>"$T/host.log" 2>&1
is "the host knows the narrow paths" "$(tr '\n' ' ' <"$T/host.log")" "1300 1300 1300 1300 "
is "and tells them to the guest" "$(in_guest g -- python3 "$T/pmtu.py" $OTHER4 5000)" "1300 1300"
is "and over IPv6" "$(in_guest g -- python3 "$T/pmtu.py" $OTHER6 5000)" "1300 1300"

in_far ip addr add 10.98.0.12/24 dev f0
is "what may be cut is cut by routers" \
	"$(in_guest g -- python3 "$T/cut.py" 10.98.0.12 5000)" "1472 1500"

finish
