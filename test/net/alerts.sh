#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What is told of scans, and how: a command with its arguments and environment and no shell, syslog
# by the socket /dev/log, lines of JSON in a file, which is moved away and whose disk is full; all of
# it at a bounded rate. And who is framed by forged packets is told of, and never shut out.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
. "$(dirname "$0")/libscan.bash"
gateway_world
OUT=198.51.100.1

# A /dev of our own with a log in it, and a small disk. Nothing of the machine's own /dev stands below
# a directory that is removed at the end: no bind mounts, only nodes in a tmpfs, and that not in $T.
[ "$NET_REAL_ROOT" = 1 ] || { skip "alerts" "nodes of devices cannot be made here"; finish; }
mount -t tmpfs none /mnt && mkdir -p /mnt/dev/net /mnt/dev/shm /mnt/dev/pts /mnt/small &&
	mount -t tmpfs -o size=8k none /mnt/small ||
	{ skip "alerts" "no tmpfs can be mounted here"; finish; }
node() { mknod -m 666 "/mnt/dev/$1" c "$2" "$3"; }
node null 1 3 && node zero 1 5 && node full 1 7 && node random 1 8 && node urandom 1 9 &&
	node tty 5 0 && node net/tun 10 200 && ln -s /proc/self/fd /mnt/dev/fd &&
	mount --bind /mnt/dev /dev || { skip "alerts" "no /dev of our own can be made"; finish; }
SMALL=/mnt/small
cat >"$T/logger.py" <<'X'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("/dev/log")
print("listens", flush=True)
while True:
    print(s.recv(4096).decode(errors="replace").rstrip("\0\n"), flush=True)
X
bg syslog.log python3 "$T/logger.py"
LOGGER=$BG
until_true 5 grep -q listens "$T/syslog.log"

# It takes longer than a scan, so that others come meanwhile.
cat >"$T/told; touch $(basename "$T").pwned" <<'X'
#!/bin/bash
here=$(dirname "$0")
{ printf '%s\n' "$#" "$@"; echo "in: $(cat | wc -c)"; } >>"$here/told.args"
env >"$here/told.env"
echo x >>"$here/told.count"
sleep 0.5
X
COMMAND=$T/told
mv "$T"/told\;* "$COMMAND" && chmod +x "$COMMAND"
config() {
	gateway_links
	for port in 80 8080 8081 8082 8083 8084; do echo "forward tcp $port to 10.0.0.2"; done
	echo 'scans answer block for 1h'
	echo 'alert syslog'
	echo "alert command $COMMAND"
	echo "alert file $1"
}
config "$T/alerts" >"$T/gateway.conf"
WITNESS='$(touch /tmp/never)' gateway_up || { ok "the gateway runs" false; finish; }
for port in 80 8080 8081 8082 8083 8084; do serves web $port "web $port"; done
scan_with ask gateway "$T/gateway.log"

# forge COUNT SOURCE-BASE PORT...: SYNs of COUNT addresses behind far, without being them.
cat >"$T/forge.py" <<'X'
import socket, struct, sys, time
def csum(b):
    if len(b) % 2: b += b"\0"
    s = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    while s >> 16: s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
dst = socket.inet_aton(sys.argv[3])
count, base = int(sys.argv[1]), sys.argv[2]
for n in range(count):
    net, last = base.rsplit(".", 1)
    src = socket.inet_aton("%s.%d" % (net, int(last) + n))
    for port in map(int, sys.argv[4:]):
        t = struct.pack("!HHIIBBHHHBBH", 40000 + n, port, 77 + n * 1000 + port, 0, 0x60, 2, 1024, 0, 0, 2, 4, 1460)
        c = csum(src + dst + struct.pack("!BBH", 0, 6, len(t)) + t)
        t = t[:16] + struct.pack("!H", c) + t[18:]
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(t), 0, 0, 60, 6, 0) + src + dst
        s.sendto(ip + t, (sys.argv[3], 0))
        time.sleep(0.0008)
X
forge() { within far python3 "$T/forge.py" "$1" "$2" $OUT "${@:3}"; }

# --- one scan ---------------------------------------------------------------------

# From there on all on the way know each other.
is "before" "$(gets far http://$OUT/)" "web 80"
forge 1 203.0.113.77 1 2 3 4 5 6 7 8
ok "the command is run" until_true 5 test -s "$T/told.env"
args=$(head -n 9 "$T/told.args" | tr '\n' '|')
# It is told at the fourth port at the earliest, and what is listed begins at the second.
has "... with seven arguments and no input" "$args" \
	'^7\|gateway\|203\.0\.113\.77\|syn\|nmap\|[3-8]\|[0-9]+\|unverified\|in: 0\|$'
is "... and the environment of who started minato, as it is" \
	"$(grep ^WITNESS= "$T/told.env")" 'WITNESS=$(touch /tmp/never)'
is "no shell has seen any of it" "$(ls -d /tmp/never "$T"/*pwned 2>/dev/null)" ""
ok "syslog: a line arrives" until_true 5 grep -Eq \
	'^<28>.*minato\[[0-9]+\]: gateway: scan from 203\.0\.113\.77: syn' "$T/syslog.log"
is "... of one line" "$(grep -c 203.0.113.77 "$T/syslog.log")" 1
line_is() { python3 -c '
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
print(any(r["source"] == sys.argv[2] and r["name"] == "gateway" for r in rows), len(rows))' "$1" "$2"; }
is "the file: a line of JSON" "$(line_is "$T/alerts" 203.0.113.77)" "True 1"

# --- nobody listens ------------------------------------------------------------------

kill "$LOGGER"
wait "$LOGGER" 2>/dev/null
unheard() { [ "$(grep -c 'alerts do not reach syslog .*: Connection refused$' "$T/gateway.log")" = "$1" ]; }
sleep 1
forge 1 203.0.113.72 1 2 3 4 5 6 7 8
ok "where nobody listens that is said" until_true 5 unheard 1
forge 1 203.0.113.73 1 2 3 4 5 6 7 8
ok "... while the others are told" until_true 5 grep -q '203\.0\.113\.73' "$T/alerts"
ok "... once" unheard 1
rm /dev/log
bg syslog.log python3 "$T/logger.py"
until_true 5 grep -q listens "$T/syslog.log"
forge 1 203.0.113.74 1 2 3 4 5 6 7 8
ok "until somebody does" until_true 5 grep -q '203\.0\.113\.74: syn' "$T/syslog.log"

# --- nobody reads ---------------------------------------------------------------------

# A log that stands still takes some ten lines.
LOGGER=$BG
kill -STOP "$LOGGER"
forge 20 203.0.113.20 1 2 3 4 5 6 7 8
ok "a log that stands still is said" until_true 10 grep -q \
	'alerts do not reach syslog until who listens at /dev/log reads it$' "$T/gateway.log"
ok "... and holds nothing up" timeout 5 env XDG_RUNTIME_DIR="$T/run" "$M" scans -n gateway
kill -CONT "$LOGGER"
missing() { grep -c 'more were not told of; minato scans lists them' "$T/syslog.log"; }
ok "... and is told how many it missed" until_true 10 eval '[ "$(missing)" -ge 1 ]'

# --- many -------------------------------------------------------------------------

before=$(wc -l <"$T/told.count")
MISSING=$(missing)
forge 150 203.0.113.80 11 12 13 14 15 16 17
sleep 1
told=$(wc -l <"$T/alerts")
ok "150 scans are a line of the file each: $told lines" test "$told" -ge 150
ok "... in syslog at a bounded rate" test "$(grep -c 'scan from' "$T/syslog.log")" -le 75
runs=$(($(wc -l <"$T/told.count") - before))
ok "... which says of how many it has none" until_true 15 eval '[ "$(missing)" -gt "$MISSING" ]'
ok "... and the command runs one at a time: $runs" test "$runs" -ge 1 -a "$runs" -le 12

# --- who is framed ----------------------------------------------------------------

# Decoys, the zombie of an idle scan, a flood: far2 is alleged to have done all of it.
forge 1 203.0.113.10 $(seq 100 160)
ok "who is framed is told of" until_true 5 listed_kind 203.0.113.10 syn
is "... but for nothing that he has done" "$(scan_rows | scan_field 203.0.113.10 verified)" false
is "... and is served" "$(gets far2 http://$OUT/)" "web 80"
if command -v nmap >/dev/null; then
	within far nmap -n -Pn --max-retries 0 -sS -p 200-240 -D 203.0.113.10,ME $OUT >"$T/nmap.log" 2>&1
	is "a decoy of nmap's is served" "$(gets far2 http://$OUT:8080/)" "web 8080"
	within far timeout 60 nmap -n -Pn --max-retries 0 -sI 203.0.113.10:9 -p 300-310 $OUT \
		>"$T/nmap.log" 2>&1
	is "so is the zombie of an idle scan" "$(gets far2 http://$OUT:8081/)" "web 8081"
else
	skip "decoys and an idle scan by nmap" "nmap is not installed"
fi
# A flood in his name of what is open: his kernel answers what he did not ask for by RST.
for _ in 1 2 3; do forge 1 203.0.113.10 80 8080 8081 8082 8083 8084 80 8080 8081 8082; done
is "who is alleged to flood what is open is served" "$(gets far2 http://$OUT/)" "web 80"
is "nobody is blocked" "$(scan_rows -a | python3 -c '
import json, sys
print(sum(row["blocks"] for row in json.load(sys.stdin)["scans"]))')" 0

# --- an office behind one address, one of which asks what is there ------------------

cat >"$T/hold.py" <<'X'
import socket, sys
s = socket.create_connection((sys.argv[1], 80), 5)
s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
s.recv(4096)
print("up", flush=True)
for line in sys.stdin:
    s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    print("answer", len(s.recv(4096)) > 0, flush=True)
X
mkfifo "$T/say"
within_bg far hold.log sh -c "exec python3 '$T/hold.py' $OUT <'$T/say'"
exec 7<>"$T/say"
until_true 5 grep -q up "$T/hold.log"
# What nmap -sV asks, of ports that are open, and those before it that are not.
within far python3 -c "
import socket, sys
for port in (30001, 30002, 30003, 30004, 30005, 80, 8080, 8081, 8082, 8083, 8084):
    try:
        s = socket.create_connection(('$OUT', port), 2)
        s.sendall(b'GET /nice%20ports%2C/Tri%6Eity.txt%2ebak HTTP/1.0\r\n\r\n')
        s.recv(100)
    except OSError: pass
"
blocked() { [ "$(scan_rows -a | scan_field 203.0.113.9 blocks)" = 1 ]; }
ok "by what only its owner can have done an address is blocked" until_true 5 blocked
is "... with all who share it" "$(gets far http://$OUT/ --max-time 2 | grep -c web)" 0
echo >&7
ok "... but what they had begun goes on" until_true 5 grep -q "answer True" "$T/hold.log"
is "... and nobody else is" "$(gets far2 http://$OUT/)" "web 80"
ok "forgotten is let in" ask scans --forget 203.0.113.9
is "... all of them" "$(gets far http://$OUT/)" "web 80"

# --- the file ----------------------------------------------------------------------

mv "$T/alerts" "$T/alerts.1"
sleep 3 # a few more may be told of
ok "reload" ask gateway reload
forge 1 203.0.113.66 21 22 23 24 25 26 27 28
there() { [ "$(line_is "$T/alerts" 203.0.113.66 2>/dev/null)" = "True 1" ]; }
ok "a file that was moved away is made anew by a reload" until_true 5 there
config "$SMALL/alerts" >"$T/gateway.conf"
ok "another file, by a reload" ask gateway reload
dd if=/dev/zero of="$SMALL/fill" bs=1k count=64 2>/dev/null
forge 3 203.0.113.67 31 32 33 34 35 36 37 38
sleep 1
is "a full disk stops nothing" "$(gets far2 http://$OUT/)" "web 80"
rm "$SMALL/fill"
sleep 2
forge 1 203.0.113.71 41 42 43 44 45 46 47 48
whole() { [[ "$(line_is "$SMALL/alerts" 203.0.113.71 2>/dev/null)" = True* ]]; }
ok "... and then its lines are whole again" until_true 5 whole

gateway_down
finish
