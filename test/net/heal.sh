#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The host's network comes, goes and changes, the host sleeps, its resolvers change: a running guest
# has what the host has, without being started again.
. "$(dirname "$0")/lib.bash"
world_up

cat >"$T/connect.py" <<'X'
import errno, socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 5).close()
    print("open")
except socket.timeout:
    print("silence")
except OSError as e:
    print(errno.errorcode[e.errno])
X
# Serves 40 MB at 10 MB/s; tells each datagram's sender its address and port.
cat >"$T/serve.py" <<'X'
import socket, threading, time
def datagrams():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("0.0.0.0", 7701))
    while True:
        _, peer = s.recvfrom(100)
        s.sendto(("%s %d" % peer).encode(), peer)
def serve(c):
    try:
        for i in range(400):
            c.sendall(bytes([i % 251]) * 100000)
            time.sleep(0.01)
    except OSError:
        pass
    c.close()
threading.Thread(target=datagrams, daemon=True).start()
l = socket.socket()
l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
l.bind(("0.0.0.0", 7700))
l.listen()
while True:
    threading.Thread(target=serve, args=(l.accept()[0],), daemon=True).start()
X
cat >"$T/ask.py" <<'X'
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 7702))
s.settimeout(1)
for line in sys.stdin:
    said = "silence"
    for _ in range(5):
        try:
            s.sendto(b"?", (sys.argv[1], 7701))
            said = s.recv(100).decode()
            break
        except socket.timeout:
            pass
        except OSError:
            time.sleep(0.2)
    print(said, flush=True)
X
chmod a+r "$T"/*.py
bg serve.log in_peer python3 "$T/serve.py"
until_true 5 listening 7700 peer
whole=$(python3 -c "import hashlib,sys; h=hashlib.sha256(); [h.update(bytes([i%251])*100000) for i in range(400)]; print(h.hexdigest())")

down() { ip link set h0 down; }
up() { # down takes the routes along, and the IPv6 addresses
	ip link set h0 up
	ip addr replace $HOST6/64 dev h0 nodad
	ip route replace default via $GW4
	ip -6 route replace default via $GW6
}
try() { in_guest g -- python3 "$T/connect.py" "$@"; }
is_now() { [ "$(try "$1" "$2")" = "$3" ]; }

# 1. It starts while there is nothing.
down
run_guest g -q -p 8080:80,127.0.0.1:8081:80 -p $HOST4:8082:80 -- python3 -m http.server -d "$T/www" 80
has "without a network a connect fails at once" "$(try $PEER4 7700)" '^(ENETUNREACH|EHOSTUNREACH)$'
up
ok "the network comes: the same guest reaches out" until_true 10 is_now $PEER4 7700 open
ok "over IPv6 too" until_true 10 is_now $PEER6 7700 ECONNREFUSED
ok "and is reached" until_true 5 in_peer curl -sf -m 2 -o /dev/null http://$HOST4:8080/

# 2. It goes for a while, in the middle of something.
fetch() { in_guest g -- sh -c "socat -u -T 30 TCP:$PEER4:7700 - | sha256sum" >"$T/$1" & FETCH=$!; }
fetch a.sum
sleep 1
down
sleep 2
has "while it is away a connect fails" "$(try $PEER4 7700)" '^(ENETUNREACH|EHOSTUNREACH)$'
up
wait $FETCH
is "what was under way goes on and arrives whole" "$(cut -d ' ' -f 1 "$T/a.sum")" "$whole"

# 3. Another address.
mkfifo "$T/ask"
bg ask.log in_guest g -- sh -c "exec python3 '$T/ask.py' $PEER4 <'$T/ask'"
exec 8>"$T/ask"
asked() { # answers so far, the last one
	local lines
	lines=$(wc -l <"$T/ask.log")
	echo >&8
	until_true 8 test_lines $((lines + 1))
	tail -n 1 "$T/ask.log"
}
test_lines() { [ "$(wc -l <"$T/ask.log")" -ge "$1" ]; }
has "datagrams leave from the host's address" "$(asked)" "^$HOST4 [0-9]+$"
ip addr del $HOST4/24 dev h0
ip addr add 10.99.0.22/24 dev h0
up
has "the host has another address: the same socket's datagrams leave from that" "$(asked)" "^10.99.0.22 [0-9]+$"
ok "connections too" until_true 5 is_now $PEER4 7700 open
ok "a port published at every address is at the new one" in_peer curl -sf -m 3 -o /dev/null http://10.99.0.22:8080/
ok "one published at the old address is not" fails in_peer curl -sf -m 1 -o /dev/null http://10.99.0.22:8082/
ip addr add $HOST4/24 dev h0
ok "and comes back with its address" until_true 5 in_peer curl -sf -m 1 -o /dev/null http://$HOST4:8082/
exec 8>&-

# 4. Sleep: nothing of ours runs for a while, as when the host is suspended.
ours=$(pgrep -f "^$M run .*--name g " | tr '\n' ' ')
fetch b.sum
sleep 1
# shellcheck disable=SC2086
kill -STOP $ours
sleep 3
# shellcheck disable=SC2086
kill -CONT $ours
wait $FETCH
is "after a sleep what was under way goes on and arrives whole" "$(cut -d ' ' -f 1 "$T/b.sum")" "$whole"
is "and new connections are made" "$(try $PEER4 7700)" open

# 5. The host's resolvers, in each way in which files change. Two servers give different answers.
for i in 1 2; do
	addr=$([ $i = 1 ] && echo $PEER4 || echo $GW4)
	bg dns$i.log in_peer dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --no-hosts --port=53 \
		--listen-address=$addr --bind-interfaces --address=/harbour.test/192.0.2.$i --pid-file=
done
mkdir "$T/etc"
cp -a /etc/. "$T/etc/" 2>/dev/null
chmod 755 "$T/etc"
rm -f "$T/etc/resolv.conf"
echo "nameserver $PEER4" >"$T/etc/resolv.conf"
mount --bind "$T/etc" /etc
run_guest r -q -- sleep 600
answer() { in_guest r -- dig +short +time=1 +tries=1 harbour.test A; }
# The right one, and from the guest's own resolver.
answers() { [ "$(answer)" = "$1" ] && in_guest r -- grep -q '^nameserver 10.0.2.3' /etc/resolv.conf; }
ok "a first answer" until_true 5 answers 192.0.2.1
echo "nameserver $GW4" >/etc/resolv.conf
ok "written anew" until_true 5 answers 192.0.2.2
echo "nameserver $PEER4" >/etc/resolv.new
mv /etc/resolv.new /etc/resolv.conf
ok "renamed over, as NetworkManager does it" until_true 5 answers 192.0.2.1
mkdir /etc/resolved
echo "nameserver $GW4" >/etc/resolved/stub
ln -s resolved/stub /etc/resolv.link
mv -T /etc/resolv.link /etc/resolv.conf
ok "become a link, as with systemd-resolved" until_true 5 answers 192.0.2.2
echo "nameserver $PEER4" >/etc/resolved/new
mv /etc/resolved/new /etc/resolved/stub
ok "renamed over behind the link" until_true 5 answers 192.0.2.1
rm /etc/resolv.conf
sleep 0.5
echo "nameserver $GW4" >/etc/resolv.conf
ok "gone and come back" until_true 5 answers 192.0.2.2
umount /etc
finish
