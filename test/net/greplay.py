#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Protocols without ports, where a kernel has no device for them.

greplay.py tunnel PROTOCOL LOCAL REMOTE DEVICE   a tunnel of GRE (47) or IP in IP (4) of its own
greplay.py send PROTOCOL TO TEXT [--many N]      packets of the protocol, and the first answer
greplay.py echo PROTOCOL                         answers each packet with what it says, and who asked
greplay.py lite-echo PORT / lite-send TO PORT TEXT   UDP-Lite by the kernel's own sockets
"""

import fcntl
import os
import select
import socket
import struct
import sys


def family(address):
    return socket.AF_INET6 if ':' in address else socket.AF_INET


def raw(protocol, six=False):
    return socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW, protocol)


def payload(packet, six):
    """A raw socket of IPv4 tells the header too."""
    return packet if six else packet[(packet[0] & 15) * 4:]


def tunnel(protocol, local, remote, device):
    tun = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(tun, 0x400454ca, struct.pack('16sH22x', device.encode(), 0x1001))
    header = struct.pack('!HH', 0, 0x0800) if protocol == 47 else b''
    sock = raw(protocol)
    sock.bind((local, 0))
    print('up', flush=True)
    while True:
        ready, _, _ = select.select([tun, sock], [], [])
        if tun in ready:
            sock.sendto(header + os.read(tun, 2000), (remote, 0))
        if sock in ready:
            packet, (source, *_) = sock.recvfrom(2000)
            inner = payload(packet, False)[len(header):]
            if source == remote and inner[:1] and inner[0] >> 4 == 4:
                os.write(tun, inner)


def send(protocol, to, text, many=1):
    six = family(to) == socket.AF_INET6
    sock = raw(protocol, six)
    sock.settimeout(1)
    if six:
        sock.setsockopt(socket.IPPROTO_IPV6, 25, 1)  # IPV6_RECVERR
    else:
        sock.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
    for _ in range(many):
        sock.sendto(text.encode(), (to, 0))
    try:
        while True:
            packet, (source, *_) = sock.recvfrom(70000)
            if source == to:
                got = payload(packet, six)
                print(got.decode() if len(got) < 200 else f'{len(got)} bytes')
                return
    except OSError as error:
        print('nothing' if isinstance(error, TimeoutError) else os.strerror(error.errno))


def echo(protocol):
    socks = [raw(protocol), raw(protocol, True)]
    print('up', flush=True)
    while True:
        ready, _, _ = select.select(socks, [], [])
        for sock in ready:
            packet, (source, *_) = sock.recvfrom(70000)
            got = payload(packet, sock is socks[1])
            if not got.startswith(b'to '):
                said = got if len(got) > 100 else got + b' ' + source.encode()
                sock.sendto(b'to ' + said, (source, 0))


def lite(port=None):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 136)
    if port is not None:
        sock.bind(('0.0.0.0', port))
    sock.settimeout(None if port is not None else 2)
    return sock


def lite_echo(port):
    sock = lite(port)
    print('up', flush=True)
    while True:
        text, source = sock.recvfrom(2000)
        sock.sendto(text + b' ' + source[0].encode(), source)


def lite_send(to, port, text):
    sock = lite()
    sock.sendto(text.encode(), (to, port))
    try:
        print(sock.recv(2000).decode())
    except OSError:
        print('nothing')


def main(words):
    if words[0] == 'tunnel':
        tunnel(int(words[1]), *words[2:5])
    elif words[0] == 'send':
        send(int(words[1]), words[2], words[3], int(words[5]) if len(words) > 5 else 1)
    elif words[0] == 'echo':
        echo(int(words[1]))
    elif words[0] == 'lite-echo':
        lite_echo(int(words[1]))
    else:
        lite_send(words[1], int(words[2]), words[3])


main(sys.argv[1:])
