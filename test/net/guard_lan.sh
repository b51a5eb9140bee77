#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# lan is what the host's links are now: an address comes and goes while a guest runs, and the verdict
# of new flows with it, in and out, of TCP and UDP; what stands goes on. With a filter at the socket
# (root, where it may be) and without.
. "$(dirname "$0")/lib.bash"
world_up
NEW=10.88.0.9
in_peer ip addr add $NEW/32 dev p0
ip route add $NEW/32 via $PEER4
in_peer ip addr add 203.0.113.9/32 dev p0
ip route add 203.0.113.9/32 via $PEER4

SERVE='import socket, sys, threading
def tcp():
    s = socket.create_server(("0.0.0.0", 80))
    def serve(c):
        while True:
            d = c.recv(100)
            if not d: break
            c.sendall(d)
        c.close()
    while True:
        c, _ = s.accept()
        threading.Thread(target=serve, args=(c,), daemon=True).start()
def udp():
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.bind((sys.argv[1], 80))
    while True:
        d, a = u.recvfrom(100)
        u.sendto(d, a)
threading.Thread(target=udp, daemon=True).start()
tcp()
'
bg peer.log nsenter --net="/proc/$PEER_PID/ns/net" python3 -c "$SERVE" $NEW
until_true 10 listening 80 peer

# A client that says one word whenever its FIFO gets one, and writes down what comes back.
SPEAK='import socket, sys
proto, source, address, port, fifo = sys.argv[1:]
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM)
s.settimeout(2)
if source != "any": s.bind((source, 0))
s.connect((address, int(port)))
while True:
    word = open(fifo).read().strip()
    try:
        s.sendall(word.encode())
        got = s.recv(100).decode() or "end"
    except OSError as e:
        got = "silence"
    print(got, flush=True)
'
once() { # PROTO SOURCE ADDRESS PORT, in the network of where it is called
	python3 -c 'import socket, sys
proto, source, address, port = sys.argv[1:]
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM)
s.settimeout(1)
try:
    if source != "any": s.bind((source, 0))
    s.connect((address, int(port)))
    s.sendall(b"echo")
    print(s.recv(100).decode() or "nothing")
except OSError: print("nothing")' "$@"
}
# The function itself, inside of namespaces.
export -f once
comes() { in_peer bash -c 'once "$@"' - "$1" "$2" $HOST4 8081; }
goes() { in_guest "$NAME" -- bash -c 'once "$@"' - "$1" any "$2" 80; }
say() { # FIFO WORD: what the long client of that FIFO got
	local before
	before=$(wc -l <"$T/$1.log")
	echo "$2" >"$T/$1"
	until_true 5 longer "$T/$1.log" "$before"
	tail -n 1 "$T/$1.log"
}
longer() { [ "$(wc -l <"$1")" -gt "$2" ]; }
begin_long() { # FIFO COMMAND...: a long client
	mkfifo -m 666 "$T/$1"
	: >"$T/$1.log"
	bg "$1.log" "${@:2}" "$T/$1"
}
now() { equal "$("${@:2}")" "$1"; }

mkdir -m 700 "$T/root"
served() { "$1" "$M" ps | grep -q "^$NAME " && now echo once tcp any 127.0.0.1 8081; }
as_root() { env XDG_RUNTIME_DIR="$T/root" "$@"; }
each() { # AS NAME
	local as=$1
	NAME=$2
	in_guest() { "$as" "$M" exec "$@"; }
	bg "guest-$NAME.log" "$as" "$M" run --name "$NAME" -p 8081:80/both \
		--rule 'allow tcp 8081 from lan' --rule 'block tcp 8081' \
		--rule 'allow udp 8081 from lan' --rule 'block udp 8081' \
		--rule 'block out to lan' -- python3 -c "$SERVE" 0.0.0.0
	until_true 15 served "$as" || cat "$T/guest-$NAME.log" >&2

	is "$NAME: tcp from what is on no link" "$(comes tcp $NEW)" nothing
	is "$NAME: udp" "$(comes udp $NEW)" nothing
	is "$NAME: out to it" "$(goes tcp $NEW)" echo
	is "$NAME: out to lan as it was" "$(goes tcp $PEER4)" nothing
	begin_long "$NAME-out" "$as" "$M" exec "$NAME" -- python3 -c "$SPEAK" tcp any $NEW 80
	is "$NAME: a flow goes out" "$(say "$NAME-out" one)" one
	begin_long "$NAME-dgrams" "$as" "$M" exec "$NAME" -- python3 -c "$SPEAK" udp any $NEW 80
	is "$NAME: datagrams too" "$(say "$NAME-dgrams" one)" one

	ip addr add 10.88.0.2/24 dev h0
	ok "$NAME: it comes to be lan: tcp is let in" until_true 5 now echo comes tcp $NEW
	ok "$NAME: udp" until_true 5 now echo comes udp $NEW
	ok "$NAME: nothing new goes out to it" until_true 5 now nothing goes tcp $NEW
	is "$NAME: nor datagrams" "$(goes udp $NEW)" nothing
	is "$NAME: what goes out already goes on" "$(say "$NAME-out" two)" two
	is "$NAME: wan is still shut out" "$(comes tcp 203.0.113.9)" nothing
	has "$NAME: why says so" "$("$as" "$M" why -n "$NAME" tcp guest to $NEW:80 2>&1)" \
		'refused by line 5: block out everything to lan'
	begin_long "$NAME-in" nsenter --net="/proc/$PEER_PID/ns/net" \
		python3 -c "$SPEAK" tcp $NEW $HOST4 8081
	is "$NAME: a flow comes in" "$(say "$NAME-in" one)" one
	begin_long "$NAME-visit" nsenter --net="/proc/$PEER_PID/ns/net" \
		python3 -c "$SPEAK" udp $NEW $HOST4 8081
	is "$NAME: datagrams come in" "$(say "$NAME-visit" one)" one

	ip addr del 10.88.0.2/24 dev h0
	ok "$NAME: it is lan no more: tcp is refused" until_true 5 now nothing comes tcp $NEW
	is "$NAME: udp" "$(comes udp $NEW)" nothing
	ok "$NAME: it may be gone to" until_true 5 now echo goes tcp $NEW
	is "$NAME: what came in goes on" "$(say "$NAME-in" two)" two
	is "$NAME: its datagrams too" "$(say "$NAME-visit" two)" two
	is "$NAME: hits stay" "$("$as" "$M" rule list -n "$NAME" --json |
		python3 -c 'import json, sys
print([r["hits"] > 0 for r in json.load(sys.stdin)["rules"] if "out everything" in r["text"]])')" \
		"[True]"

	# A worker that is new knows lan as it is.
	ip addr add 10.88.0.2/24 dev h0
	until_true 5 now echo comes tcp $NEW
	kill -9 "$("$as" "$M" ps --json | python3 -c 'import json, sys
print(*[g["worker"] for g in json.load(sys.stdin)["guests"]])')"
	ok "$NAME: a new worker knows" until_true 10 now echo comes tcp $NEW
	ip addr del 10.88.0.2/24 dev h0
	ok "$NAME: and follows" until_true 5 now nothing comes tcp $NEW
	"$as" "$M" stop "$NAME"
	until_true 10 fails listening 8081
}
each as_user plain
[ "$NET_REAL_ROOT" = 1 ] && each as_root filter
finish
