#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Forwards over the host's own sockets whose server is a UNIX socket of this host: bytes both ways,
# each half's end, resets, PROXY, bounds, a server that does not read, changes, a worker that dies.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
has_tools socat python3 || { skip "forwards to a UNIX socket" "$MISSING is not installed"; finish; }
world_up
make_ns lan
bridge_up lan
join web 10.0.0.2/24 10.0.0.1 lan
NS[peer]=$PEER_PID
in_peer ip addr add 192.0.2.77/24 dev p0
cat >"$T/gateway.conf" <<X
inside tap in0 10.0.0.1/24 in namespace pid ${NS[lan]}
outside host
forward tcp 9000, 9010-9011 to unix:$T/app.sock
forward tcp 9001 to unix:$T/app.sock proxy v1
forward tcp 9002 to unix:$T/none.sock
forward tcp 9003, 9005 to unix:$T/app.sock at most 2 connections
forward tcp 9004 to unix:$T/app.sock at most 1 per source
forward tcp 9006 to unix:$T/slow.sock
forward tcp 9007 to unix:$T/app.sock from 192.0.2.77
forward tcp 9007 to 10.0.0.2:84
forward tcp 9008 to unix:$T/app.sock proxy v2
block tcp 9011 from 192.0.2.77
test tcp from 203.0.113.9 to 192.0.2.1:9000 reaches unix:$T/app.sock
state $T/gateway.state
X
cat >"$T/echo.py" <<'X'
# A server at a UNIX socket that sends back what it gets, and ends when its client does.
import socket, sys, threading
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(64)
def serve(peer):
    try:
        while data := peer.recv(65536):
            peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
    except OSError as e:
        print(type(e).__name__, flush=True)
    peer.close()
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
X
cat >"$T/slow.py" <<'X'
# Reads nothing until a line comes, then all; tells how much that was.
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(4)
peer, _ = listener.accept()
sys.stdin.readline()
size = 0
while data := peer.recv(65536):
    size += len(data)
peer.sendall(b"%d" % size)
peer.close()
X
bg_more echo.log python3 "$T/echo.py" "$T/app.sock"
until_true 5 test -S "$T/app.sock"
bg_more gateway.log env XDG_RUNTIME_DIR="$T/run" "$M" gateway "$T/gateway.conf"
KEEPER=$BG
until_true 15 gateway_is_decided
ok "the gateway runs" gateway_is_up
within lan ip link set in0 master br0 up

# --- bytes ----------------------------------------------------------------------------------

# says PORT TEXT [OPTION]
says() { printf '%s' "$2" | within peer timeout 10 socat -t 5 - "TCP:$HOST4:$1${3:-}" 2>/dev/null; }
is "to a UNIX socket and back, each half ended by itself" "$(says 9000 harbour)" harbour
is "at each of its ports" "$(says 9010 one) $(says 9011 two)" "one two"
has "with the PROXY protocol it hears of its client" "$(says 9001 harbour | tr '\r\n' '..')" \
	"^PROXY TCP4 ${PEER4//./\\.} ${HOST4//./\\.} [0-9]+ 9001\.\.harbour$"
is "version 2" "$(says 9008 harbour | head -c 16 | od -An -tx1 | tr -d ' \n')" \
	0d0a0d0a000d0a515549540a2111000c
head -c 30000000 /dev/urandom >"$T/large"
within peer timeout 60 socat -t 20 - "TCP:$HOST4:9000" <"$T/large" >"$T/large.got"
ok "30 MB there and back are the same" cmp -s "$T/large" "$T/large.got"
cat >"$T/ends.py" <<'X'
# How a connection ends that says a word: reset, closed, answered, or open still after 5 s.
import socket, sys
try:
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
    s.sendall(b"word")
    print("answered" if s.recv(10) else "closed")
except (ConnectionResetError, BrokenPipeError):
    print("reset")
except TimeoutError:
    print("open")
X
how_ends() { within peer python3 "$T/ends.py" "$HOST4" "$1"; }
is "where no socket is the client is reset" "$(how_ends 9002)" reset
has "which is said" "$(cat "$T/gateway.log")" "cannot connect to $T/none.sock: No such file or directory"
has "why: to a UNIX socket" "$(ask why tcp 203.0.113.9 to "$HOST4:9000")" "it reaches the socket $T/app.sock$"
has "why: where nobody took the last call" "$(ask why tcp 203.0.113.9 to "$HOST4:9002")" \
	'the last call to it was refused: No such file'
is "one source to a UNIX socket, the others inside" "$(says 9007 mine ,bind=192.0.2.77)" mine
has "... the others inside" "$(ask why tcp "$PEER4" to "$HOST4:9007")" 'reaches 10\.0\.0\.2 port 84$'
is "a rule is asked" "$(says 9011 blocked ,bind=192.0.2.77)" ""

# --- a server that does not read ---------------------------------------------------------------

mkfifo "$T/slow.fifo"
python3 "$T/slow.py" "$T/slow.sock" <"$T/slow.fifo" >"$T/slow.log" 2>&1 &
STARTED+=("$!")
exec {slow}>"$T/slow.fifo"
until_true 5 test -S "$T/slow.sock"
head -c 60000000 /dev/zero >"$T/zeros"
before=$(ps -o rss= -p "$(gateway_worker)")
within_bg peer slow.sent bash -c "timeout 60 socat -t 30 - TCP:$HOST4:9006 <$T/zeros"
SENDER=$BG
ticks() { awk '{ print $14 + $15 }' "/proc/$(gateway_worker)/stat"; }
sleep 2
spent=$(ticks)
sleep 1
spent=$(($(ticks) - spent))
after=$(ps -o rss= -p "$(gateway_worker)")
ok "nothing piles up for it ($((after - before)) KB)" test $((after - before)) -lt 8000
ok "and the worker rests meanwhile ($spent ticks)" test "$spent" -lt 20
is "others are served" "$(says 9000 meanwhile)" meanwhile
echo >&"$slow"
wait "$SENDER"
is "then it gets all of it" "$(tr -cd 0-9 <"$T/slow.sent")" 60000000

# --- ends ----------------------------------------------------------------------------------------

cat >"$T/reset.py" <<'X'
import socket, struct, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(b"x" * 1000)
s.recv(10)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()
X
for _ in 1 2 3; do within peer python3 "$T/reset.py" "$HOST4" 9003; done
again() { [ "$(says 9003 again)" = again ]; }
ok "who resets leaves no place taken" until_true 5 again

# --- bounds ---------------------------------------------------------------------------------------

held=()
for port in 9003 9005; do
	within_bg peer held.log socat -u "TCP:$HOST4:$port" STDOUT
	held+=("$BG")
done
reached() { ask why tcp 203.0.113.9 to "$HOST4:9003" | grep -q 'its cap of 2 connections at once is reached$'; }
ok "why: the bound, of both ports" until_true 5 reached
is "one more than its bound is reset" "$(how_ends 9005)" reset
kill "${held[@]}"
wait "${held[@]}" 2>/dev/null
ok "and taken when one has gone" until_true 5 again
# The last one from there may have to be seen to end first.
holds() {
	within_bg peer held.log socat -u "TCP:$HOST4:9004" STDOUT
	HELD=$BG
	sleep 0.3
	kill -0 "$HELD"
}
until_true 5 holds
source_full() { [ -z "$(says 9004 more)" ]; }
ok "at most 1 per source" until_true 5 source_full
is "another source may" "$(says 9004 other ,bind=192.0.2.77)" other
kill "$HELD"

# --- who says nothing --------------------------------------------------------------------------

# The three that were held ended without a word, which is noted as at any port.
empty() {
	[ "$(ask scans -a --json -n gateway | python3 -c 'import json, sys
print(sum(r["evidence"]["empty"] for r in json.load(sys.stdin)["scans"] if r["source"] == "'"$PEER4"'"))')" -ge 3 ]
}
ok "calls without a word are noted" until_true 5 empty

# --- changes --------------------------------------------------------------------------------------

cat >"$T/lasts.py" <<'X'
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.settimeout(5)
for line in sys.stdin:
    try:
        s.sendall(b"still")
        print(s.recv(5).decode() or "end", flush=True)
    except OSError as e:
        print(type(e).__name__, flush=True)
X
mkfifo "$T/lasts.fifo"
nsenter --net="/proc/$PEER_PID/ns/net" python3 "$T/lasts.py" "$HOST4" 9020 <"$T/lasts.fifo" >"$T/lasts.log" 2>&1 &
LASTS=$!
STARTED+=("$LASTS")
ok "one more, live" ask forward add gateway tcp 9020 to "unix:$T/app.sock"
exec {lasts}>"$T/lasts.fifo"
lines() { [ "$(wc -l <"$T/lasts.log")" -ge "$1" ]; }
echo >&"$lasts"
until_true 5 lines 1
is "it serves" "$(cat "$T/lasts.log")" still
ok "and away with it" ask forward rm gateway tcp 9020 to "unix:$T/app.sock"
is "its port is closed" "$(gets peer "http://$HOST4:9020/" --max-time 3)" "curl 7"
echo >&"$lasts"
until_true 5 lines 2
is "what was open goes on" "$(tail -1 "$T/lasts.log")" still

# --- a worker that dies ----------------------------------------------------------------------------

worker=$(gateway_worker)
kill -9 "$worker"
serves_again() { [ "$(gateway_worker)" != "$worker" ] && [ "$(says 9000 back)" = back ]; }
ok "kill -9 of the worker: it serves again" until_true 20 serves_again
echo >&"$lasts"
until_true 5 lines 3
is "what was open is reset" "$(tail -1 "$T/lasts.log")" ConnectionResetError
exec {lasts}>&- {slow}>&-
gateway_down
is "no report of a sanitizer" "$(grep -c 'Sanitizer\|runtime error' "$T/gateway.log")" 0
finish
