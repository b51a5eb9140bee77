#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# An independent judge of a NAT's behaviour (RFC 5780): coturn's natdiscovery, for mapping, filtering
# in each mode, hairpin and lifetime. And the same of TCP, by connections.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
has_tools turnserver turnutils_natdiscovery || {
	echo "1..0 # SKIP $MISSING (coturn) is not installed"
	exit 0
}
gateway_world
{
	gateway_links
	echo "nat timeout udp-short 5s"
} >"$T/gateway.conf"
gateway_up || { ok "the gateway runs" false; finish; }
within far ip addr add 203.0.113.11/24 dev eth0
# stun PORT: a server at two addresses and two ports.
stun() {
	within_bg far "turn-$1.log" turnserver -n -S --no-tls --no-dtls --no-cli -L 203.0.113.9 \
		-L 203.0.113.11 -p "$1" --alt-listening-port $(($1 + 1)) --log-file stdout \
		--pidfile "$T/turn-$1.pid" --db "$T/turn-$1.db"
	until_true 10 ns_hears far "$1"
}
stun 3478
stun 500
discover() { within desk timeout 40 turnutils_natdiscovery "$@" 203.0.113.9 2>&1; }

has "mapping is endpoint-independent" "$(discover -m)" 'NAT with Endpoint Independent Mapping'
has "filtering is endpoint-independent" "$(discover -f)" 'NAT with Endpoint Independent Filtering'
has "hairpin" "$(discover -H)" 'successful hairpinning'
ask nat set filtering address
has "filtering by address" "$(discover -f)" 'NAT with Address Dependent Filtering'
has "mapping stays as it was" "$(discover -m)" 'NAT with Endpoint Independent Mapping'
ask nat set filtering address-and-port
has "filtering by address and port" "$(discover -f)" 'NAT with Address and Port Dependent Filtering'
has "mapping stays as it was" "$(discover -m)" 'NAT with Endpoint Independent Mapping'
ask nat set filtering endpoint
ask nat set hairpin off
ok "hairpin off: none" fails matches "$(discover -H)" 'successful hairpinning'
ask nat set hairpin on
# An answer is sent to the mapping after 8 s: longer than one lives towards well-known ports here.
said=$(discover -t -T 8 -p 500)
has "lifetime: a mapping that is over" "$said" 'RFC 5780 response 1'
has "gets nothing any more" "$said" 'STUN receive timeout'
has "lifetime: one that is not does" "$(discover -t -T 8)" 'RFC 5780 response 2'

# --- TCP ------------------------------------------------------------------------

cat >"$T/seen.py" <<'X'
# Tells each caller how it is seen; and calls back where it is asked to.
import socket, sys, threading
l = socket.create_server((sys.argv[1], 7001))
def serve(c, peer):
    c.sendall(("%s %d\n" % peer).encode())
    word = c.recv(100).decode().split()
    if word[:1] == ["call"]:
        s = socket.socket()
        s.settimeout(3)
        s.bind((word[1], int(word[2])))
        try:
            s.connect(peer)
            c.sendall(b"through\n")
        except OSError:
            c.sendall(b"closed\n")
    c.close()
while True:
    threading.Thread(target=serve, args=l.accept(), daemon=True).start()
X
cat >"$T/caller.py" <<'X'
# From one local port: to two servers, listening there too; prints how each saw it, and whether a
# call back came through: from the server itself, and from its other address.
import socket, sys
def bound(port=0):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(("10.0.0.7", port))
    return s
a = bound()
port = a.getsockname()[1]
b, l = bound(port), bound(port)
l.listen(9)
a.connect(("203.0.113.9", 7001))
b.connect(("203.0.113.10", 7001))
seen = [s.makefile().readline().strip() for s in (a, b)]
print("same" if seen[0] == seen[1] else seen)
for s, host in ((a, sys.argv[1]),):
    s.sendall(("call %s 0\n" % host).encode())
    print(s.makefile().readline().strip())
X
within_bg far seen.log python3 "$T/seen.py" 203.0.113.9
within_bg far2 seen2.log python3 "$T/seen.py" 203.0.113.10
until_true 5 ns_listens far 7001
until_true 5 ns_listens far2 7001
is "TCP: mapping is endpoint-independent, filtering too" "$(within desk python3 "$T/caller.py" 203.0.113.11)" "same
through"
ask nat set filtering address
is "TCP: filtering by address: the server may" "$(within desk python3 "$T/caller.py" 203.0.113.9)" "same
through"
is "TCP: its other address may not" "$(within desk python3 "$T/caller.py" 203.0.113.11)" "same
closed"
ask nat set filtering address-and-port
is "TCP: filtering by address and port: not the server's other ports" "$(within desk python3 "$T/caller.py" 203.0.113.9)" "same
closed"
gateway_down
is "no report of a sanitizer" "$(grep -c 'AddressSanitizer\|runtime error' "$T/gateway.log")" 0
finish
