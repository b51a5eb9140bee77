#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What cannot be reached looks in the guest as it looks to the host itself.
. "$(dirname "$0")/lib.bash"
world_up

# connect ADDRESS PORT: prints the name of the error, or "open".
cat >"$T/connect.py" <<'X'
import errno, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM)
s.settimeout(float(sys.argv[3]) if len(sys.argv) > 3 else 5)
try:
    s.connect((sys.argv[1], int(sys.argv[2])))
    print("open")
except socket.timeout:
    print("silence")
except OSError as e:
    print(errno.errorcode[e.errno])
X
# udp ADDRESS PORT: sends one datagram, prints the error that comes back.
cat >"$T/udp.py" <<'X'
import errno, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.settimeout(3)
s.connect((sys.argv[1], int(sys.argv[2])))
s.send(b"x")
try:
    s.recv(10)
    print("answer")
except socket.timeout:
    print("silence")
except OSError as e:
    print(errno.errorcode[e.errno])
X
chmod a+r "$T"/*.py
# 203.0.113.0/24 is unreachable by route, 198.51.100.0/24 swallows everything.
in_peer ip route add unreachable 203.0.113.0/24
in_peer ip -6 route add unreachable 2001:db8:1::/64
in_peer ip route add blackhole 198.51.100.0/24
in_peer sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip route add unreachable 192.0.2.0/24
bg services.log in_peer socat TCP-LISTEN:7777,fork,reuseaddr EXEC:cat
bg local.log socat TCP4-LISTEN:7788,fork,reuseaddr,bind=127.0.0.1 EXEC:cat
bg local6.log socat TCP6-LISTEN:7788,fork,reuseaddr,bind=::1,ipv6only EXEC:cat
bg lan.log socat TCP4-LISTEN:7799,fork,reuseaddr,bind=$HOST4 EXEC:cat
until_true 5 listening 7777 peer
until_true 5 listening 7788
until_true 5 listening 7799

run_guest g -- sleep 600
try() { in_guest g -- python3 "$T/connect.py" "$@"; }
try_udp() { in_guest g -- python3 "$T/udp.py" "$@"; }

is "open" "$(try $PEER4 7777)" open
is "open, IPv6 refused where nothing listens" "$(try $PEER6 7777)" ECONNREFUSED
is "refused stays refused" "$(try $PEER4 7778)" ECONNREFUSED
is "host unreachable by a router" "$(try 203.0.113.5 80)" EHOSTUNREACH
has "unreachable by a router, IPv6" "$(try 2001:db8:1::5 80)" '^(EHOSTUNREACH|ENETUNREACH|EACCES)$'
has "unreachable by the host's own route" "$(try 192.0.2.7 80)" '^(EHOSTUNREACH|ENETUNREACH)$'
is "silence stays silence" "$(try 198.51.100.7 80 2)" silence
is "the host's LAN address is reachable" "$(try $HOST4 7799)" open
is "UDP to a closed port: refused" "$(try_udp $PEER4 9)" ECONNREFUSED
is "UDP to a closed port, IPv6: refused" "$(try_udp $PEER6 9)" ECONNREFUSED
has "the gateway has no open port" "$(try 10.0.2.2 7788)" '^ECONNREFUSED$'
has "the gateway has no open port, IPv6" "$(try fd00::2 7788)" '^ECONNREFUSED$'

run_guest hl --host-loopback -- sleep 600
try_hl() { in_guest hl -- python3 "$T/connect.py" "$@"; }
is "--host-loopback opens it at the gateway's address" "$(try_hl 10.0.2.2 7788)" open
is "--host-loopback, IPv6" "$(try_hl fd00::2 7788)" open
is "--host-loopback: refused stays refused" "$(try_hl 10.0.2.2 7787)" ECONNREFUSED

# A connection in use: the far side's reset and end come through.
cat >"$T/far.py" <<'X'
import socket, struct, sys
l = socket.socket()
l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
l.bind(("0.0.0.0", 7800))
l.listen()
print("up", flush=True)
while True:
    c, _ = l.accept()
    what = c.recv(1)
    if what == b"r":      # reset
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif what == b"h":    # half-close, then say what came
        c.shutdown(socket.SHUT_WR)
        n = 0
        while True:
            d = c.recv(65536)
            if not d:
                break
            n += len(d)
        print("got", n, flush=True)
    elif what == b"e":    # echo until the end
        while True:
            d = c.recv(65536)
            if not d:
                break
            c.sendall(d)
    elif what == b"w":    # wait for what the guest does
        try:
            d = c.recv(1)
            print("end" if not d else "data", flush=True)
        except ConnectionResetError:
            print("reset", flush=True)
    elif what == b"s":    # never reads
        import time
        keep = c
        time.sleep(4)
        total = 0
        c.settimeout(5)
        while True:
            d = c.recv(1 << 20)
            if not d:
                break
            total += len(d)
        print("late", total, flush=True)
    c.close()
X
bg far.log in_peer python3 "$T/far.py"
until_true 5 listening 7800 peer
cat >"$T/near.py" <<'X'
import errno, socket, struct, sys, time
s = socket.create_connection((sys.argv[1], 7800), 5)
what = sys.argv[2]
s.settimeout(10)
try:
    if what == "reset":
        s.send(b"r")
        s.recv(1)
        print("end")
    elif what == "half":
        s.send(b"h")
        assert s.recv(1) == b""
        for i in range(50):
            s.send(b"x" * 1000)
        s.shutdown(socket.SHUT_WR)
        print("sent")
    elif what == "echo-half":
        s.send(b"e")
        s.sendall(b"y" * 100000)
        s.shutdown(socket.SHUT_WR)
        n = 0
        while True:
            d = s.recv(65536)
            if not d:
                break
            n += len(d)
        print(n)
    elif what == "abort":
        s.send(b"w")
        time.sleep(0.2)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
        print("aborted")
    elif what == "close":
        s.send(b"w")
        time.sleep(0.2)
        s.close()
        print("closed")
    elif what == "push-back":
        s.send(b"s")
        s.setblocking(False)
        total, quiet = 0, time.time()
        while time.time() - quiet < 1:
            try:
                total += s.send(b"z" * 65536)
                quiet = time.time()
            except BlockingIOError:
                time.sleep(0.01)
        print("bounded" if total < 64 << 20 else "unbounded", flush=True)
        s.settimeout(10)
        s.close()
except OSError as e:
    print(errno.errorcode[e.errno])
X
near() { in_guest g -- python3 "$T/near.py" $PEER4 "$1"; }
is "the far side's reset comes through" "$(near reset)" ECONNRESET
is "half-close by the far side" "$(near half)" sent
ok "what was sent after it arrived" until_true 5 grep -q "got 50000" "$T/far.log"
is "half-close by the guest" "$(near echo-half)" 100000
bg hash.log in_peer socat TCP-LISTEN:7801,fork,reuseaddr EXEC:sha256sum
until_true 5 listening 7801 peer
is "half-close by socat: the answer comes after the end of the question" \
	"$(in_guest g -- sh -c "head -c 3000000 /dev/zero | socat -t 10 - TCP:$PEER4:7801")" \
	"$(head -c 3000000 /dev/zero | sha256sum)"
is "the guest's reset" "$(near abort)" aborted
ok "comes through as a reset" until_true 5 grep -q "^reset" "$T/far.log"
is "the guest's close" "$(near close)" closed
ok "comes through as an end" until_true 5 grep -q "^end" "$T/far.log"
is "a far side that does not read pushes back" "$(near push-back)" bounded
ok "and nothing of it is lost" until_true 15 grep -q "^late" "$T/far.log"
finish
