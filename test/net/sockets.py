# SPDX-License-Identifier: BSD-2-Clause
"""Sockets of every kind to be listed: sockets.py SECONDS; says "up" when they are there."""
import socket, sys, time

kept = []


def listen(family, address, port, only6=True, backlog=8):
    s = socket.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only6)
    s.bind((address, port))
    s.listen(backlog)
    kept.append(s)
    return s


def connect(family, address, port, mark=0, source=None):
    s = socket.socket(family)
    if mark:
        try:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        except PermissionError:
            pass
    if source:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(source)
    s.connect((address, port))
    kept.append(s)
    return s


def datagram(family, address, port):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind((address, port))
    kept.append(s)
    return s


V4, V6 = socket.AF_INET, socket.AF_INET6
web = listen(V4, "127.0.0.1", 80)
listen(V4, "0.0.0.0", 2202)
listen(V6, "::1", 2203)
both = listen(V6, "::", 2204, only6=False)
listen(V6, "::", 2206)
listen(V4, "127.0.0.1", 40001)  # among the ports that a kernel chooses, but chosen here
connect(V4, "127.0.0.1", 80, mark=0x13)
connect(V4, "127.0.0.2", 2202, source=("127.0.0.3", 1022))
connect(V6, "::1", 2203)
connect(V4, "127.0.0.1", 2204)
connect(V6, "::1", 2204)
kept.append(web.accept()[0])
kept.append(both.accept()[0])
kept[-1].setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
# One that the peer has closed, and one that rests.
half = connect(V4, "127.0.0.1", 2202)
half.shutdown(socket.SHUT_WR)
first = listen(V4, "127.0.0.9", 2209)
gone = connect(V4, "127.0.0.9", 2209)
other = first.accept()[0]
gone.close()
other.close()
datagram(V4, "127.0.0.1", 53)
datagram(V6, "::", 2207)
u = socket.socket(V4, socket.SOCK_DGRAM)
u.connect(("127.0.0.1", 53))
kept.append(u)
if len(sys.argv) > 2:
    bound = listen(V4, "0.0.0.0", 2210)
    device = socket.socket(V4, socket.SOCK_DGRAM)
    try:
        device.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[2].encode())
    except PermissionError:
        pass
    device.bind(("0.0.0.0", 2211))
    kept.append(device)
print("up", flush=True)
time.sleep(float(sys.argv[1]))
