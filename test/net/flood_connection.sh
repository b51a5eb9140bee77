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

# A server that has room for 30, and nobody who may have more than 10 of them.
bg guest-small.log as_user "$M" run --name small -p '8081:80 at most 10 per source' -- sleep 600
until_true 10 guest_up small || { cat "$T/guest-small.log"; ok "a guest with a bound runs" false; finish; }
bg small.log in_guest small -- prlimit --nofile=40:40 python3 "$T/server.py" 80
small_listening() { in_guest small -- ss -Hltn | grep -q ':80 '; }
until_true 5 small_listening
bg small-holder.log in_peer python3 "$T/holder.py" $PEER4 $HOST4 8081 100
small_full() { grep -q full "$T/small-holder.log"; }
ok "one address wants more than the server has room for" until_true 60 small_full
is "it has what the bound says" "$(in_guest small -- ss -Htn state established "( sport = :80 and dst $PEER4 )" | wc -l)" 10
GOOD=0
for ((i = 0; i < 20; i++)); do
	[ "$(in_peer python3 "$T/asker.py" "$OTHER4" $HOST4 8081)" = served ] && ((GOOD++))
done
is "others find room" "$GOOD" 20
has "the list shows the bound" "$(as_user "$M" forward list small)" "8081:80/tcp at most 10 per source"
ok "another port, live" as_user "$M" forward add small '8082:80/tcp at most 1 per source'
is "it serves one" "$(in_peer python3 "$T/asker.py" "$OTHER4" $HOST4 8082)" served
ok "away with it" as_user "$M" forward rm small 8082
as_user "$M" run -p '80 at most 0 per source' -- true 2>"$T/wrong"
is "a bound of nothing is an error" $? 2
has "it says where" "$(cat "$T/wrong")" "this is not a number from 1 to 65535"
finish
