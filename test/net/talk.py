# SPDX-License-Identifier: BSD-2-Clause
"""Both ends of a connection that stays, with bytes whose order is known.

talk.py serve ADDRESS PORT
talk.py call ADDRESS PORT [LOCAL-PORT] < orders

Orders, a line each, and what is printed when it is done: "down N", "up N": N
bytes that way, "good" or "bad"; "slow N SECONDS": down, so that it takes so
long; "reset": ends by RST; "close" (or end of the orders): by FIN.
"""

import socket
import struct
import sys
import threading
import time

BLOCK = bytes((i * 7 + (i >> 8)) & 255 for i in range(1 << 20))


def send_all(s, count, seconds=0):
    sent = 0
    begun = time.monotonic()
    while sent < count:
        at = sent % len(BLOCK)
        piece = BLOCK[at:at + min(count - sent, len(BLOCK) - at, 65536 if seconds else 1 << 20)]
        s.sendall(piece)
        sent += len(piece)
        ahead = seconds * sent / count - (time.monotonic() - begun) if seconds else 0
        if ahead > 0:
            time.sleep(ahead)


def take_all(s, count):
    got = 0
    good = True
    while got < count:
        at = got % len(BLOCK)
        piece = s.recv(min(count - got, len(BLOCK) - at))
        if not piece:
            return 'ended'
        good = good and piece == BLOCK[at:at + len(piece)]
        got += len(piece)
    return 'good' if good else 'bad'


def line_of(s):
    line = b''
    while not line.endswith(b'\n'):
        byte = s.recv(1)
        if not byte:
            return ''
        line += byte
    return line.decode()


def serve_one(s):
    try:
        while True:
            words = line_of(s).split()
            if not words:
                break
            if words[0] == 'up':
                s.sendall((take_all(s, int(words[1])) + '\n').encode())
            else:
                send_all(s, int(words[1]), float(words[2]) if len(words) > 2 else 0)
    except OSError:
        pass
    s.close()


def serve(address, port):
    listener = socket.create_server((address, port), backlog=64,
                                    family=socket.AF_INET6 if ':' in address else socket.AF_INET)
    while True:
        threading.Thread(target=serve_one, args=(listener.accept()[0],), daemon=True).start()


def obey(s, line):
    words = line.split()
    if words[0] == 'reset':
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        return None
    if words[0] == 'close':
        return None
    s.sendall(line.encode())
    if words[0] == 'up':
        send_all(s, int(words[1]))
        return line_of(s).strip()
    return take_all(s, int(words[1]))


def call(address, port, local):
    s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET)
    if local:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(('', local))
    s.settimeout(20)
    s.connect((address, port))
    for line in sys.stdin:
        said = obey(s, line)
        if said is None:
            break
        print(said, flush=True)
    s.close()
    print('closed', flush=True)


if sys.argv[1] == 'serve':
    serve(sys.argv[2], int(sys.argv[3]))
else:
    call(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 0)
