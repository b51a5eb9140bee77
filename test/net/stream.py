#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""stream.py hear PORT SECONDS | stream.py say ADDRESS PORT SECONDS

Datagrams every half a millisecond, each with the instant at which it was sent; who hears them writes
how many came and for how many milliseconds the slowest was under way: "14000 1.2".
"""
import socket
import struct
import sys
import time

GAP_NS = 500_000


def hear(port, seconds):
    ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    ear.bind(("0.0.0.0", port))
    ear.settimeout(0.5)
    count, longest = 0, 0
    end = time.monotonic_ns() + int(seconds * 1e9)
    while time.monotonic_ns() < end:
        try:
            data = ear.recv(64)
        except TimeoutError:
            continue
        count += 1
        longest = max(longest, time.monotonic_ns() - struct.unpack("q", data)[0])
    print(count, round(longest / 1e6, 1), flush=True)


def say(address, port, seconds):
    mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    mouth.connect((address, port))
    begin = time.monotonic_ns()
    end = begin + int(seconds * 1e9)
    at = begin
    while at < end:
        ahead = at - time.monotonic_ns()
        if ahead > 0:
            time.sleep(ahead / 1e9)
        try:
            mouth.send(struct.pack("q", time.monotonic_ns()))
        except OSError:
            pass
        at += GAP_NS


if sys.argv[1] == "hear":
    hear(int(sys.argv[2]), float(sys.argv[3]))
else:
    say(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
