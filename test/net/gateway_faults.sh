#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A gateway in trouble: killed processes, floods from both sides, a flapping link. What is stated in
# minato-gateway(1) is what happens; above all, a download through it goes on.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
gateway_world
OUT=198.51.100.1

config() {
	gateway_links
	echo "forward tcp http to 10.0.0.2"
	cat
}
config >"$T/gateway.conf" <<'X'
forward udp 7000 to 10.0.0.2 at most 100 connections
nat at most 1000 udp ports per host
nat at most 2000 tcp ports per host
capacity 20000 sessions
capacity 20000 mappings
X
gateway_up || { ok "the gateway runs" false; finish; }
has_its_memory() { gateway_has_memory 16 || ! memory_is_plenty; }
ok "with a capacity its memory is there at the start" has_its_memory
serves web 80 "web A"
serves far 80 "far"
# 200 MB that are the same nowhere, at both ends.
head -c 200000000 /dev/urandom >"$T/www-far-80/large"
ln "$T/www-far-80/large" "$T/www-web-80/large"
SUM=$(sha256sum <"$T/www-far-80/large")

# downloads NAME HOST URL: begins one there, slowly enough to be caught in the middle.
downloads() {
	rm -f "$T/$1.got"
	within_bg "$2" "$1.log" curl -s --limit-rate 40M --max-time 60 -o "$T/$1.got" "$3"
	eval "DOWNLOAD_$1=$BG"
	until_true 10 has_some "$1"
}
has_some() { [ "$(stat -c %s "$T/$1.got" 2>/dev/null || echo 0)" -gt 20000000 ]; }
# arrives NAME: it has ended with what was sent.
arrives() {
	local pid
	eval "pid=\$DOWNLOAD_$1"
	wait "$pid" || { echo "curl $?"; return 1; }
	[ "$(sha256sum <"$T/$1.got")" = "$SUM" ]
}

# --- kill -9 of the worker ------------------------------------------------------------

downloads out desk http://203.0.113.9/large
downloads in far http://$OUT/large
worker=$(gateway_worker)
kill -9 "$worker"
replaced() { [ -n "$(gateway_worker)" ] && [ "$(gateway_worker)" != "$worker" ]; }
ok "kill -9 of the worker: another one takes its place" until_true 5 replaced
ok "a download outward goes on" arrives out
ok "a download from a forwarded port goes on" arrives in
has "which is said, with the sessions" "$(cat "$T/gateway.log")" 'killed by signal 9; restarted: [1-9][0-9]* sessions go on'
hits() {
	ask forward list --json | python3 -c 'import json, sys
print(sum(f["hits"] for f in json.load(sys.stdin)["forwards"]))'
}
is "counts of connections begin at zero with it: what goes on is none that began" "$(hits)" "0"
is "forwards are there" "$(gets far http://$OUT/)" "web A"
is "... and what comes then counts once" "$(hits)" "1"

# How long nothing passes: echoes every 5 ms, and the longest gap between two answers.
within_bg desk gap.log ping -D -i 0.005 -w 3 203.0.113.9
PING=$BG
sleep 1
worker=$(gateway_worker)
kill -9 "$worker"
wait "$PING"
gap=$(sed -n 's/^\[\([0-9.]*\)\] .*bytes from.*/\1/p' "$T/gap.log" |
	awk 'NR > 1 && ($1 - last) * 1000 > most { most = ($1 - last) * 1000 } { last = $1 } END { printf "%d", most }')
echo "# the gap when the worker is killed: $gap ms"
ok "nothing passes for less than a second" test "$gap" -lt 1000 -a "$gap" -gt 0

# --- three in a row ---------------------------------------------------------------------

# Five within ten seconds would be the gateway's end, and there were two.
sleep 10
downloads out desk http://203.0.113.9/large
for i in 1 2 3; do
	worker=$(gateway_worker)
	kill -9 "$worker"
	until_true 5 replaced
	sleep 0.3
done
ok "three in a row: it goes on all the same" arrives out

# --- memory that makes no sense -----------------------------------------------------------

# Five deaths within ten seconds are the end of a gateway: these are others.
sleep 10
# What a dying worker wrote may be anything: here noise over all of it.
cat >"$T/damage.py" <<'X'
import os, random, sys
pid = int(sys.argv[1])
for line in open("/proc/%d/maps" % pid):
    if "minato-memory" in line:
        first, last = (int(x, 16) for x in line.split()[0].split("-"))
        break
else:
    sys.exit("no memory")
random.seed(int(sys.argv[2]))
with open("/proc/%d/mem" % pid, "r+b", buffering=0) as memory:
    for _ in range(20000):
        at = random.randrange(first + 4096, min(last, first + (64 << 20)))
        memory.seek(at)
        memory.write(bytes(random.randrange(256) for _ in range(8)))
X
downloads out desk http://203.0.113.9/large
worker=$(gateway_worker)
kill -STOP "$worker"
if python3 "$T/damage.py" "$worker" 1 2>"$T/damage.log"; then
	kill -9 "$worker"
	ok "noise in the memory: another one takes its place" until_true 10 replaced
	is "and works" "$(gets far http://$OUT/)" "web A"
	is "outward too" "$(gets desk http://203.0.113.9/)" "far"
else
	kill -CONT "$worker"
	skip "noise in the memory" "$(tail -n 1 "$T/damage.log")"
fi
kill "$DOWNLOAD_out" 2>/dev/null
wait "$DOWNLOAD_out" 2>/dev/null

# --- an inside host that opens 100,000 mappings ----------------------------------------------

cat >"$T/many.py" <<'X'
import socket, sys, errno
sent = 0
sockets = []
for port in range(100000):
    try:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("0.0.0.0", 1024 + port % 64000))
        s.sendto(b"x", (sys.argv[1], 9 + port // 64000))
        s.close()
        sent += 1
    except OSError as e:
        pass
print(sent)
X
downloads out web http://203.0.113.9/large
echo "# sent $(within desk python3 "$T/many.py" 203.0.113.9)"
mappings=$(ask nat list mappings -H | grep -c ' 10\.0\.0\.7:')
echo "# it has $mappings mappings"
ok "a greedy host has no more than its share" test "$mappings" -le 1100 -a "$mappings" -gt 0
is "others get ports" "$(gets mail http://203.0.113.9/)" "far"
ok "and their download goes on" arrives out
has "what was refused is counted" "$(ask metrics --print --in gateway)" 'nat_host_mappings|host_mappings'

# --- floods from outside ---------------------------------------------------------------------

# flood.py ADDRESS udp|syn COUNT: from many source addresses and ports, by a packet socket.
cat >"$T/flood.py" <<'X'
import os, random, socket, struct, sys
def csum(b):
    if len(b) % 2:
        b += b"\0"
    s = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff
to, what, count, port = socket.inet_aton(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
random.seed(7)
for n in range(count):
    source = socket.inet_aton("203.0.113.%d" % random.randrange(20, 250))
    sport = random.randrange(1024, 65535)
    dport = port or random.randrange(1, 65535)
    if what == "udp":
        body = struct.pack("!HHHH", sport, dport, 12, 0) + b"flud"
        proto = 17
    else:
        body = struct.pack("!HHIIBBHHH", sport, dport, random.getrandbits(32), 0, 0x50, 2, 8192, 0, 0)
        pseudo = source + to + struct.pack("!BBH", 0, 6, len(body))
        body = body[:16] + struct.pack("!H", csum(pseudo + body)) + body[18:]
        proto = 6
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), n & 0xffff, 0, 64, proto, 0) + source + to
    head = head[:10] + struct.pack("!H", csum(head)) + head[12:]
    try:
        s.sendto(head + body, (sys.argv[1], 0))
    except OSError:
        pass
X
memory_of() { awk '/^(RssShmem|RssAnon)/ {sum += $2} END {print sum}' "/proc/$(gateway_worker)/status"; }
downloads out desk http://203.0.113.9/large
before=$(memory_of)
within far python3 "$T/flood.py" $OUT udp 60000 0
within far python3 "$T/flood.py" $OUT syn 60000 0
within far python3 "$T/flood.py" $OUT udp 20000 7000
within far python3 "$T/flood.py" $OUT syn 40000 80
after=$(memory_of)
echo "# memory of the worker: $before kB before, $after kB after"
ok "floods: memory is bounded" test $((after - before)) -lt 100000
ok "the download goes on" arrives out
udp=$(ask nat list sessions -H | grep -c '^udp .*:7000 ')
ok "a forward has no more flows than it may ($udp)" test "$udp" -le 100
is "an inside host goes out as before" "$(gets mail http://203.0.113.9/)" "far"

# --- a flapping link ----------------------------------------------------------------------------

downloads out desk http://203.0.113.9/large
for i in 1 2 3; do
	within wan ip link set out0 down
	sleep 0.3
	within wan ip link set out0 up
	sleep 0.3
done
within wan ip addr replace 2001:db8:e::2/64 dev out0 nodad
within wan ip -6 route replace 2001:db8:a::/64 via 2001:db8:e::1
ok "a flapping link: the download goes on" arrives out
within wan ip link set out0 down
is "while it is down: nothing" "$(gets desk http://203.0.113.9/ --max-time 1)" "curl 28"
within wan ip link set out0 up
is "when it is back: all" "$(gets desk http://203.0.113.9/)" "far"

# --- a changed outside address -----------------------------------------------------------------

ask nat end inside 10.0.0.7
within desk python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 5555)); s.sendto(b'x', ('203.0.113.9', 9))"
has "a mapping on the old address" "$(ask nat list mappings)" '10\.0\.0\.7:5555 +198\.51\.100\.1:'
# Connections that say nothing, until one hears of its end: "reset after N s", by the second.
cat >"$T/waits.py" <<'X'
import socket, sys, time
if sys.argv[1] == "serve":
    listener = socket.create_server(("", int(sys.argv[2])))
    s, _ = listener.accept()
else:
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    s.settimeout(30)
print("stands", flush=True)
try:
    s.recv(1)
    print("ended", flush=True)
except ConnectionResetError:
    print("reset", flush=True)
except TimeoutError:
    print("nothing", flush=True)
X
waits() { # waits NAME WORD...: sets a log of that name
	within_bg "$1" "waits-$1.log" python3 "$T/waits.py" "${@:2}"
}
stands() { grep -q stands "$T/waits-$1.log"; }
is_reset() { grep -q reset "$T/waits-$1.log"; }
one_waits() { # one outward, one inward by the forward of port $1, at the public address $2
	waits web serve "$3"
	until_true 5 ns_listens web "$3"
	waits desk 203.0.113.9 80
	waits far2 "$2" "$1"
	until_true 5 stands desk
	until_true 5 stands web
}
ask forward add tcp 7100 to 10.0.0.2:7100
ask forward add tcp 7101 to 10.0.0.2:7101
one_waits 7100 198.51.100.1 7100
sed -i 's/198.51.100.1\/24/198.51.100.2\/24/' "$T/gateway.conf"
ask gateway reload
ok "another outside address: an idle connection outward is reset" until_true 5 is_reset desk
ok "and at the server of a forward" until_true 5 is_reset web
has "which is said" "$(cat "$T/gateway.log")" 'an outside address is gone: [0-9]+ flows by it have ended'
is "another outside address: mappings of the old one have ended" "$(ask nat list mappings -H | grep -c '198\.51\.100\.1:')" 0
is "new ones are of the new one" "$(gets desk http://203.0.113.9/ && tail -n 1 "$T/nginx-far-80.access" | cut -d' ' -f1)" "far198.51.100.2"

one_waits 7101 198.51.100.2 7101
sed -i 's/198.51.100.2\/24/198.51.100.3\/24/' "$T/gateway.conf"
sed -i 's/capacity 20000 sessions/capacity 21000 sessions/' "$T/gateway.conf"
ask gateway reload
ok "the same where another process takes over: outward" until_true 8 is_reset desk
ok "and inward" until_true 8 is_reset web

# --- the keeper, and a service manager that keeps the memory --------------------------------------

gateway_down
config >"$T/gateway.conf" </dev/null
cat >"$T/manager.py" <<'X'
# A service manager as far as this test goes: keeps descriptors, starts the service anew when it
# dies, once; writes down what it hears.
import array, os, signal, socket, subprocess, sys, time
log, words = sys.argv[1], sys.argv[2:]
path = "\0minato-test-%d" % os.getpid()
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(path)
s.settimeout(0.1)
store = {}
def start():
    env = dict(os.environ, NOTIFY_SOCKET="@" + path[1:], WATCHDOG_USEC="2000000")
    fds = list(store.items())
    def prepare():
        for i, (name, fd) in enumerate(fds):
            os.dup2(fd, 3 + i)
        os.environ["LISTEN_PID"] = str(os.getpid())
    code = "import os,sys\nos.environ['LISTEN_PID']=str(os.getpid())\nos.execvp(sys.argv[1], sys.argv[1:])"
    env["LISTEN_FDS"] = str(len(fds))
    env["LISTEN_FDNAMES"] = ":".join(name for name, _ in fds)
    if fds:
        for i, (name, fd) in enumerate(fds):
            os.dup2(fd, 200 + i)
        keep = {3 + i: 200 + i for i in range(len(fds))}
        def prepare():
            for to, of in keep.items():
                os.dup2(of, to)
        return subprocess.Popen([sys.executable, "-c", code] + words, env=env, close_fds=False, preexec_fn=prepare)
    env.pop("LISTEN_FDS")
    return subprocess.Popen([sys.executable, "-c", code] + words, env=env)
child = start()
open(log + ".pid", "w").write(str(child.pid))
restarts = 0
with open(log, "a", buffering=1) as out:
    while True:
        try:
            text, anc, _, _ = s.recvmsg(4096, socket.CMSG_SPACE(64))
            fields = dict(x.split("=", 1) for x in text.decode().strip().split("\n"))
            out.write(" ".join(text.decode().split("\n")) + "\n")
            for level, kind, data in anc:
                fd = array.array("i", data)[0]
                if fields.get("FDSTORE") == "1":
                    store[fields.get("FDNAME", "stored")] = fd
            if fields.get("FDSTOREREMOVE") == "1":
                store.pop(fields.get("FDNAME"), None)
        except socket.timeout:
            pass
        if child.poll() is not None:
            if restarts or child.returncode == 0:
                sys.exit(0)
            restarts += 1
            child = start()
            open(log + ".pid", "w").write(str(child.pid))
X
# Links that outlive the keeper: taps made beforehand.
within lan ip tuntap add in0 mode tap vnet_hdr
within wan ip tuntap add out0 mode tap vnet_hdr
bg_more manager.out env XDG_RUNTIME_DIR="$T/run" python3 "$T/manager.py" "$T/manager.log" "$M" gateway "$T/gateway.conf"
MANAGER=$BG
until_true 15 gateway_is_up
attach_taps
ok "READY=1" until_true 5 grep -q '^READY=1' "$T/manager.log"
ok "the memory is given to the store" grep -q '^FDSTORE=1 FDNAME=minato-memory' "$T/manager.log"
ok "the watchdog is fed" until_true 5 grep -q '^WATCHDOG=1' "$T/manager.log"
KEEPER=$(cat "$T/manager.log.pid")
downloads out desk http://203.0.113.9/large
kill -9 "$KEEPER"
again() { [ "$(cat "$T/manager.log.pid")" != "$KEEPER" ] && gateway_is_up; }
ok "kill -9 of the keeper: it is started anew" until_true 10 again
ok "the download goes on" arrives out
has "which is said" "$(cat "$T/manager.out")" '^minato: [1-9][0-9]* sessions go on'
ask stop gateway
wait "$MANAGER"
has "STOPPING=1" "$(cat "$T/manager.log")" '^STOPPING=1'
is "no report of a sanitizer" "$(cat "$T/gateway.log" "$T/manager.out" | grep -c 'AddressSanitizer\|runtime error')" 0
finish
