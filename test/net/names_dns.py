#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A DNS server for test/net/names.sh: honest names, and such as attack.

names_dns.py ADDRESS LOG

Answers on port 53 over UDP and TCP, and writes each question to LOG: the
transport, the name as it came, and the type.
"""

import ipaddress
import socket
import struct
import sys
import threading

A, CNAME, TXT, AAAA, HTTPS = 1, 5, 16, 28, 65
GOOD4, OTHER4 = '198.51.100.10', '198.51.100.11'
GOOD6, OTHER6 = '2001:db8:1::10', '2001:db8:1::11'

# What stands in the additional section, for whoever takes it for an answer.
EXTRA = {'extra.example': [('evil.example', A, OTHER4),
                           ('extra.example', A, OTHER4)]}

ZONE = {
    'api.example': [(A, GOOD4), (AAAA, GOOD6)],
    'other.example': [(A, OTHER4), (AAAA, OTHER6)],
    'evil.example': [(A, OTHER4), (AAAA, OTHER6)],
    'www.sub.example': [(A, GOOD4), (AAAA, GOOD6)],
    'a.b.sub.example': [(A, GOOD4)],
    'sub.example': [(A, GOOD4)],
    'four.example': [(A, GOOD4)],
    'alias.example': [(CNAME, 'edge.cdn.other'), ('edge.cdn.other', A, '198.51.100.13')],
    # An answer that would pin what was not asked for.
    'stray.example': [(A, GOOD4), ('api.example', A, OTHER4),
                      ('evil.example', A, OTHER4)],
    'extra.example': [(A, GOOD4)],
    'loop.example': [(CNAME, 'loop2.example'),
                     ('loop2.example', CNAME, 'loop.example')],
    'rebind.example': [(A, a) for a in (
        '10.99.0.10', '127.0.0.1', '10.0.2.2', '10.0.2.3', '169.254.169.254',
        '192.168.1.1', '0.0.0.0', '255.255.255.255', '224.0.0.1',
        '100.64.0.1')] + [(AAAA, a) for a in (
            '::1', '::', 'fd99::10', 'fe80::1', '::ffff:127.0.0.1',
            '::ffff:198.51.100.11', '64:ff9b::7f00:1', '2002:7f00:1::1',
            'ff02::1', '::7f00:1', '64:ff9b:1::7f00:1',
            '64:ff9b::a63:a', '2001:0:a63:a::1', '::ffff:0:7f00:1',
            'fec0::1')],
    'mixed.example': [(A, '10.99.0.10'), (A, GOOD4)],
    'private.example': [(A, '10.99.0.10')],
    # The host itself, what is at its link, and what becomes so while the guest runs.
    'near.example': [(A, '198.51.100.200'), (A, '203.0.113.77'),
                     (AAAA, '2001:db8:99::2'), (AAAA, '2001:db8:99::77')],
    'later.example': [(A, '198.51.100.201')],
    'short.example': [(A, GOOD4)],
    'many.example': [(A, '198.51.100.%d' % n) for n in range(50, 90)],
    'txt.example': [(TXT, 'secret')],
    'six.example': [(AAAA, GOOD6)],
    'late.example': [(A, GOOD4)],
}
# Does not exist when it is asked for the first time, by each type.
ABSENT = {('late.example', A), ('late.example', AAAA)}


def chain(name, count, end):
    """As many CNAMEs, one after the other, and what is at their end."""
    owners = ['%d.%s' % (i, name) for i in range(count)]
    links = [(CNAME, owners[0])]
    links += [(a, CNAME, b) for a, b in zip(owners, owners[1:])]
    return links + [(owners[-1], A, end)]


ZONE['eight.example'] = chain('eight.example', 8, GOOD4)
ZONE['twenty.example'] = chain('twenty.example', 20, GOOD4)


def pack_name(name):
    out = b''
    for label in name.split('.'):
        out += bytes([len(label)]) + label.encode()
    return out + b'\0'


def record(owner, kind, value, ttl=1):
    if kind == A:
        data = ipaddress.IPv4Address(value).packed
    elif kind == AAAA:
        data = ipaddress.IPv6Address(value).packed
    elif kind == CNAME:
        data = pack_name(value)
    else:
        data = bytes([len(value)]) + value.encode()
    return pack_name(owner) + struct.pack('!HHIH', kind, 1, ttl, len(data)) + data


def answer(query, log, how):
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]])
        at += 1 + query[at]
    kind, = struct.unpack('!H', query[at + 1:at + 3])
    name = b'.'.join(labels).decode('latin-1')
    more = query[at + 5:]
    log.write('%s %s %d %s\n' % (how, name, kind, more.hex() or '-'))
    log.flush()
    zone = ZONE.get(name.lower())
    if (name.lower(), kind) in ABSENT:
        ABSENT.remove((name.lower(), kind))
        zone = None
    out = []
    for entry in zone or []:
        owner, what, value = entry if len(entry) == 3 else (name, *entry)
        if what in (kind, CNAME):
            ttl = 0 if owner.lower() == 'short.example' else 1
            out.append(record(owner, what, value, ttl))
    if kind == HTTPS and zone:
        # SvcPriority 1, target ".", ipv4hint.
        data = b'\0\1\0' + struct.pack('!HH', 4, 4) + \
            ipaddress.IPv4Address(OTHER4).packed
        out.append(pack_name(name) +
                   struct.pack('!HHIH', HTTPS, 1, 60, len(data)) + data)
    extra = [record(*entry) for entry in EXTRA.get(name.lower(), [])]
    head = struct.pack('!HHHHHH', struct.unpack('!H', query[:2])[0],
                       0x8180 | (0 if zone else 3), 1, len(out), 0, len(extra))
    reply = head + query[12:at + 5] + b''.join(out + extra)
    if how == 'udp' and len(reply) > 512:
        reply = head[:2] + struct.pack('!HHHHH', 0x8380, 1, 0, 0, 0) + \
            query[12:at + 5]
    return reply


def serve_tcp(listener, log):
    while True:
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(5)
            try:
                while True:
                    size = peer.recv(2, socket.MSG_WAITALL)
                    if len(size) < 2:
                        break
                    query = peer.recv(struct.unpack('!H', size)[0],
                                      socket.MSG_WAITALL)
                    reply = answer(query, log, 'tcp')
                    peer.sendall(struct.pack('!H', len(reply)) + reply)
            except OSError:
                pass


def main():
    address, path = sys.argv[1:]
    with open(path, 'a', encoding='latin-1') as log:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, 53))
        listener.listen()
        threading.Thread(target=serve_tcp, args=(listener, log),
                         daemon=True).start()
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((address, 53))
        log.write('up\n')
        log.flush()
        while True:
            query, peer = sock.recvfrom(4096)
            sock.sendto(answer(query, log, 'udp'), peer)


main()
