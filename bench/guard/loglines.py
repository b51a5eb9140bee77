#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The lines that `iptables -j LOG` writes in front of a default of DROP.

loglines.py FILE.pcap ADDRESS[,ADDRESS] PORT[-PORT][,PORT[-PORT]]

Of the IPv4 packets in a capture of Ethernet frames that are for an ADDRESS, all
that an ordinary set of rules would not let in before that: not TCP to one of
the open ports with SYN or of a connection that such a SYN began.
"""

import socket
import struct
import sys
import time

FLAGS = ((0x20, 'URG'), (0x10, 'ACK'), (0x08, 'PSH'), (0x04, 'RST'), (0x02, 'SYN'), (0x01, 'FIN'))


def frames(path):
    with open(path, 'rb') as file:
        head = file.read(24)
        order = '<' if head[:4] in (b'\xd4\xc3\xb2\xa1', b'\x4d\x3c\xb2\xa1') else '>'
        while True:
            record = file.read(16)
            if len(record) < 16:
                return
            seconds, _, size, _ = struct.unpack(order + 'IIII', record)
            yield seconds, file.read(size)


def transport(proto, data, fragment):
    """Its part of the line, and (source, destination port, flags) of TCP."""
    if fragment or len(data) < 8:
        return f'PROTO={proto} ' if proto not in (6, 17, 1) else \
            f"PROTO={ {6: 'TCP', 17: 'UDP', 1: 'ICMP'}[proto]} INCOMPLETE [{len(data)} bytes] ", None
    src, dst = struct.unpack('>HH', data[:4])
    if proto == 17:
        size = struct.unpack('>H', data[4:6])[0]
        return f'PROTO=UDP SPT={src} DPT={dst} LEN={size} ', None
    if proto == 6 and len(data) >= 20:
        window, = struct.unpack('>H', data[14:16])
        flags = ''.join(name + ' ' for bit, name in FLAGS if data[13] & bit)
        options = data[20:(data[12] >> 4) * 4]
        text = f'OPT ({options.hex().upper()}) ' if options else ''
        return (f'PROTO=TCP SPT={src} DPT={dst} WINDOW={window} RES=0x00 {flags}URGP=0 {text}',
                (src, dst, data[13]))
    if proto == 1:
        return f'PROTO=ICMP TYPE={data[0]} CODE={data[1]} ID=1 SEQ=1 ', None
    return f'PROTO={proto} ', None


def main():
    path, addresses, ports = sys.argv[1:4]
    addresses = addresses.split(',')
    ranges = [[int(end) for end in part.split('-')] for part in ports.split(',')]
    ports = {port for part in ranges for port in range(part[0], part[-1] + 1)}
    known = set()
    for seconds, frame in frames(path):
        address = socket.inet_ntoa(frame[30:34])
        if frame[12:14] != b'\x08\x00' or address not in addresses:
            continue
        ip = frame[14:]
        head = (ip[0] & 15) * 4
        size, number, part = struct.unpack('>HHH', ip[2:8])
        source = socket.inet_ntoa(ip[12:16])
        text, tcp = transport(ip[9], ip[head:size], part & 0x3fff)
        if tcp and tcp[1] in ports:
            if tcp[2] & 0x17 == 0x02:
                known.add((source, tcp[0], tcp[1]))
            if (source, tcp[0], tcp[1]) in known:
                continue
        when = time.strftime('%b %e %H:%M:%S', time.localtime(seconds))
        print(f'{when} gateway kernel: [1.0] DROP IN=eth0 OUT= '
              f"MAC={':'.join(f'{b:02x}' for b in frame[:14])} SRC={source} DST={address} "
              f'LEN={size} TOS=0x00 PREC=0x00 TTL={ip[8]} ID={number} '
              f"{'DF ' if part & 0x4000 else ''}{'MF ' if part & 0x2000 else ''}{text}")


main()
