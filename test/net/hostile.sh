#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A guest that means harm, or simply a lot: everything has a bound, and nobody else pays for it.
. "$(dirname "$0")/lib.bash"
world_up
in_peer ip route add blackhole 198.51.100.0/24
in_peer sysctl -qw net.ipv4.ip_forward=1

# The far side: holds whatever comes, says a byte for a byte.
cat >"$T/holder.py" <<'X'
import resource, select, socket, sys
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("0.0.0.0", int(sys.argv[1])))
listener.listen(4096)
listener.setblocking(False)
poll, held = select.epoll(), {}
poll.register(listener, select.EPOLLIN)
while True:
    for fd, _ in poll.poll():
        if fd != listener.fileno():
            try:
                data = held[fd].recv(100)
                if data:
                    held[fd].send(data)
                    continue
            except OSError:
                pass
            poll.unregister(fd)
            held.pop(fd).close()
            continue
        try:
            while True:
                c, _ = listener.accept()
                c.setblocking(False)
                held[c.fileno()] = c
                poll.register(c, select.EPOLLIN)
        except OSError:
            pass
X
# In the guest: many HOST PORT COUNT: opens so many connections, asks each for a byte, says how many
# answered and how the others failed, and keeps them until its input ends.
cat >"$T/many.py" <<'X'
import collections, errno, resource, select, socket, sys
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
held, failed, pending, poll = [], collections.Counter(), {}, select.epoll()
opened = 0
while opened < count or pending:
    while opened < count and len(pending) < 200:
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex((host, port))
        pending[s.fileno()] = s
        poll.register(s, select.EPOLLOUT)
        opened += 1
    ready = poll.poll(20)
    if not ready:
        failed["silence"] += len(pending)
        break
    for fd, _ in ready:
        s = pending.pop(fd)
        poll.unregister(fd)
        e = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if e:
            failed[errno.errorcode[e]] += 1
            s.close()
        else:
            held.append(s)
answered = 0
for s in held:
    s.setblocking(True)
    s.settimeout(10)
    try:
        s.send(b"?")
        answered += s.recv(1) == b"?"
    except OSError as e:
        failed[errno.errorcode.get(e.errno, "silence")] += 1
print("answered", answered, dict(failed), flush=True)
sys.stdin.read()
X
# In the guest, as its root: frames that nobody honest sends, straight to the link.
cat >"$T/storm.py" <<'X'
import random, socket, struct, sys
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)
link.bind(("tap0", 0))
mac = bytes.fromhex("026d6e740002") + bytes.fromhex("026d6e740064")
random.seed(7)
def total(data):
    if len(data) % 2:
        data += b"\0"
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff
def segment(source, port, flags, options=b""):
    src, dst = socket.inet_aton("10.0.2.100"), socket.inet_aton("198.51.100.7")
    options += b"\0" * (-len(options) % 4)
    tcp = struct.pack("!HHIIBBHHH", source, port, random.getrandbits(32), 0,
                      (5 + len(options) // 4) << 4, flags, 65535, 0, 0) + options
    check = total(src + dst + struct.pack("!HH", 6, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack("!H", check) + tcp[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, src, dst)
    return mac + b"\x08\x00" + ip[:10] + struct.pack("!H", total(ip)) + ip[12:] + tcp
def put(frame):
    try:
        link.send(frame)
    except OSError:
        pass
what = sys.argv[1]
if what == "half-open":
    for i in range(64000):
        put(segment(1024 + i % 64000, 80 + i // 64000, 2))
elif what == "options":
    for i in range(20000):
        put(segment(random.randrange(65536), random.randrange(65536), random.randrange(256),
                    random.randbytes(random.randrange(41))))
elif what == "noise":
    for i in range(20000):
        put(mac + random.choice([b"\x08\x00", b"\x86\xdd", b"\x08\x06", random.randbytes(2)]) +
            random.choice([b"", b"\x45", b"\x60", b"\x46\0\0\x40"]) +
            random.randbytes(random.randrange(1500)))
print("sent", flush=True)
X
chmod a+r "$T"/*.py
hard=$(ulimit -Hn)
[ "$hard" = unlimited ] && hard=1048576
bg holder.log in_peer python3 "$T/holder.py" 7700
bg holder2.log in_peer python3 "$T/holder.py" 7702
until_true 5 listening 7700 peer
until_true 5 listening 7702 peer

# All of ours: the processes of this guest that are not in it.
ours() { pgrep -f "^$M run .*--name $1 "; }
ours_kb() {
	local p sum=0
	for p in $(ours "$1"); do
		sum=$((sum + $(awk '/^Pss:/ {print $2}' "/proc/$p/smaps_rollup" 2>/dev/null || echo 0)))
	done
	echo $sum
}
one_more() { [ "$(ask few)" = "answered 1 {}" ]; }
ask() { # a connection of a guest that others share, from its start to its end
	in_guest "$1" -- timeout 10 python3 "$T/many.py" $PEER4 7700 1 </dev/null
}
storm() { in_guest bad -- timeout 60 python3 "$T/storm.py" "$1"; }

run_guest bad --root -- sleep 600
is "half-open connections to a silent host, 64,000 of them" "$(storm half-open)" sent
is "the guest's other connections go on beside them" "$(ask bad)" "answered 1 {}"
is "every option, every flag, at random" "$(storm options)" sent
is "frames of noise" "$(storm noise)" sent
is "and the guest's connections go on" "$(ask bad)" "answered 1 {}"
ok "memory stays within bounds (300 MB, sanitizer's included)" test "$(ours_kb bad)" -lt 300000
has "what was dropped is counted" "$(as_user "$M" ps)" "^bad "
as_user "$M" stop bad >/dev/null

# Ten thousand at rest beside one at work.
# many NAME LOG PORT COUNT: in the guest; they are kept until the descriptor 8 is closed.
many() {
	mkfifo "$T/$2.hold"
	bg "$2" in_guest "$1" -- sh -c "exec python3 '$T/many.py' $PEER4 $3 $4 <'$T/$2.hold'"
}
if [ "$hard" -ge 12000 ]; then
	head -c 100000000 /dev/zero >"$T/www/zeros"
	bg www.log in_peer python3 -m http.server -d "$T/www" 7701
	until_true 5 listening 7701 peer
	run_guest idle -- sleep 600
	before=$(ours_kb idle)
	many idle many.log 7700 10000
	exec 8>"$T/many.log.hold"
	ok "10,000 connections at rest" until_true 60 grep -q "answered 10000 {}" "$T/many.log"
	speed=$(in_guest idle -- curl -s -o /dev/null -w '%{size_download} %{speed_download}' "http://$PEER4:7701/zeros")
	is "beside them 100 MB arrive whole" "${speed% *}" 100000000
	echo "# at ${speed#* } bytes per second; $((($(ours_kb idle) - before) * 1024 / 10000)) bytes of ours for each at rest"
	ok "at more than 20 MB/s, under a sanitizer" test "$(printf '%.0f' "${speed#* }")" -gt 20000000
	exec 8>&-
	as_user "$M" stop idle >/dev/null
else
	skip "10,000 connections at rest" "the hard limit of open files is $hard"
fi

# A limit that cannot be raised.
limit=$((hard < 20000 ? hard : 20000))
most=$((limit - 40)) # what else is open: less than that
counted() { # how many of both were answered
	cat "$T/few1.log" "$T/few2.log" | awk '$1 == "answered" {sum += $2; logs++} END {print logs == 2 ? sum : "?"}'
}
both_done() { [ "$(counted)" != "?" ]; }
bg guest-few.log prlimit --nofile=$limit:$limit bash -c \
	"$(declare -f as_user); NET_REAL_ROOT=$NET_REAL_ROOT T='$T'; as_user '$M' run --name few -- sleep 600"
until_true 10 guest_up few
many few few1.log 7700 $((limit / 2 + 200))
many few few2.log 7702 $((limit / 2 + 200))
exec 8>"$T/few1.log.hold" 7>"$T/few2.log.hold"
ok "$((limit + 400)) connections with $limit descriptors come to an end" until_true 120 both_done
ok "as many as there are descriptors are answered: $(counted)" \
	test "$(counted)" -ge $most -a "$(counted)" -le $limit
has "the others are refused, none is left in silence" "$(cat "$T"/few?.log)" "\{'E[A-Z]+': [0-9]+\}"
is "none in silence" "$(grep -c silence "$T"/few1.log "$T"/few2.log | awk -F: '{s += $2} END {print s}')" 0
cat "$T"/few?.log | sed 's/^/# /'
has "minato ps still answers" "$(as_user "$M" ps)" "^few "
ok "minato ss still answers" test "$(as_user "$M" ss -Htn --in few | wc -l)" -ge $most
exec 8>&- 7>&-
ok "once they are gone there is room again" until_true 20 one_more
ok "minato stop still works" as_user "$M" stop few
finish
