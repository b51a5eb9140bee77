#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A published port that one address fills with connections, until minato has no descriptor left:
# others are served all the same, and the guest gets out.
. "$(dirname "$0")/lib.bash"
world_up
OTHER4=${PEER4%.*}.77
in_peer ip addr add "$OTHER4/24" dev p0

# Answers each line with "served", and never ends a connection by itself.
cat >"$T/server.py" <<'X'
import resource, selectors, socket, sys
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
s = selectors.DefaultSelector()
l = socket.create_server(("0.0.0.0", int(sys.argv[1])), backlog=512)
s.register(l, selectors.EVENT_READ)
while True:
    for key, _ in s.select():
        c = key.fileobj
        if c is l:
            s.register(l.accept()[0], selectors.EVENT_READ)
            continue
        try:
            data = c.recv(100)
            if data:
                c.sendall(b"served")
        except OSError:
            data = b""
        if not data:
            s.unregister(c)
            c.close()
X
# holder.py FROM ADDRESS PORT COUNT: as many connections, kept; "full" when all were tried.
cat >"$T/holder.py" <<'X'
import resource, socket, sys, time
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
held = []
for i in range(int(sys.argv[4])):
    try:
        held.append(socket.create_connection((sys.argv[2], int(sys.argv[3])), 5, (sys.argv[1], 0)))
    except OSError:
        pass
print("full", flush=True)
time.sleep(600)
X
cat >"$T/asker.py" <<'X'
import socket, sys
try:
    s = socket.create_connection((sys.argv[2], int(sys.argv[3])), 5, (sys.argv[1], 0))
    s.sendall(b"please\n")
    print(s.recv(100).decode())
except OSError as e:
    print(e)
X
chmod a+r "$T"/*.py

bg guest-port.log as_user prlimit --nofile=400:400 "$M" run --name port -p 8080:80 -- sleep 600
until_true 10 guest_up port || { cat "$T/guest-port.log"; ok "the guest runs" false; finish; }
bg server.log in_guest port -- python3 "$T/server.py" 80
guest_listening() { in_guest port -- ss -Hltn | grep -q ':80 '; }
until_true 5 guest_listening
is "before it" "$(in_peer python3 "$T/asker.py" "$OTHER4" $HOST4 8080)" served
bg holder.log in_peer python3 "$T/holder.py" $PEER4 $HOST4 8080 800
full() { grep -q full "$T/holder.log"; }
ok "one address opens more connections than there are descriptors" until_true 60 full

GOOD=0
for ((i = 0; i < 20; i++)); do
	[ "$(in_peer python3 "$T/asker.py" "$OTHER4" $HOST4 8080)" = served ] && ((GOOD++))
done
is "another address is served, each time" "$GOOD" 20

bg far.log in_peer python3 "$T/server.py" 7000
until_true 5 listening 7000 peer
is "and the guest gets out" "$(in_guest port -- python3 "$T/asker.py" 0.0.0.0 $PEER4 7000)" served
finish
