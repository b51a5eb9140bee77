#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Two processes: the sandbox as seen from outside, the death of the worker and
# of the keeper, and clients of the control socket that mean harm.
. "$(dirname "$0")/lib.bash"

member() { # member NAME GUEST: of ps --json
	as_user "$M" ps --json | python3 -c "import json, sys
print([g['$1'] for g in json.load(sys.stdin)['guests'] if g['name'] == '$2'][0])"
}
keeper_of() { member pid "$1"; }
worker_of() { member worker "$1"; }
status_of() { awk -v n="$2:" '$1 == n { print $2 }' "/proc/$1/status"; }
no_process() { ! pgrep -f "$1" >/dev/null; }
replaced_or_over() { ! kill -0 "$1" 2>/dev/null || other_worker "$2" "$3"; } # PID NAME WORKER
other_worker() { # other_worker GUEST PID: it has another one
	local now
	now=$(worker_of "$1" 2>/dev/null) && [ "$now" != "$2" ]
}
# Talks until the connection ends; says how: "eof", or the name of the error.
cat >"$T/talk.py" <<'X'
import errno, os, socket, sys, time
mode, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
if mode.startswith('serve'):
    l = socket.create_server((host, port), family=socket.AF_INET)
    mode = mode[6:]
    s, _ = l.accept()
else:
    mode = mode[5:]
    for _ in range(100):
        try:
            s = socket.create_connection((host, port), 20)
            break
        except OSError:
            time.sleep(0.05)
s.settimeout(20)
print('up', flush=True)
try:
    if mode == 'send':
        while True:
            s.send(bytes(65536))
    total = 0
    while True:
        got = s.recv(65536)
        if not got:
            print('eof', flush=True)
            break
        total += len(got)
        if total == len(got) and mode == 'read':
            print('data', flush=True)
except OSError as e:
    print(errno.errorcode.get(e.errno, 'timeout'), flush=True)
X
chmod a+r "$T/talk.py"
last() { tail -n 1 "$T/$1"; }
said() { grep -q "$2" "$T/$1"; }

world_up

# The sandbox of a running guest, from outside.
run_guest box -p 8070:80 -- sleep 600
worker=$(worker_of box)
keeper=$(keeper_of box)
is "the worker is a child of the keeper" "$(ps -o ppid= -p "$worker" | tr -d ' ')" "$keeper"
for set in CapInh CapPrm CapEff CapBnd CapAmb; do
	is "no capability: $set" "$(status_of "$worker" $set)" 0000000000000000
done
is "no new privileges" "$(status_of "$worker" NoNewPrivs)" 1
is "system calls are filtered" "$(status_of "$worker" Seccomp)" 2
is "its root is empty" "$(find "/proc/$worker/root/" -mindepth 1 2>&1 | grep -v 'Permission denied' | wc -l)" 0
for ns in user mnt pid ipc uts; do
	ok "a namespace of its own: $ns" fails equal \
		"$(readlink "/proc/$worker/ns/$ns")" "$(readlink "/proc/$keeper/ns/$ns")"
done
is "its network is the host's" "$(readlink "/proc/$worker/ns/net")" "$(readlink "/proc/$keeper/ns/net")"
is "no core file" "$(awk '/core file/ { print $5, $6 }' "/proc/$worker/limits")" "0 0"
strange() { # descriptors that are neither streams, tap, sockets, epoll, nor the load to go by
	find "/proc/$worker/fd" -type l -printf '%l\n' |
		grep -Ev '^(socket:|pipe:|anon_inode:\[eventpoll\]|/dev/net/tun|/null|/loadavg)'
}
is "no descriptor but what it needs" "$(strange)" ""
has "-v says that the sandbox is on" "$(as_user "$M" run -v -- true 2>&1)" "in a sandbox"

# kill -9 of the worker.
(cd "$T/www" && echo hello >index.html)
in_guest box -- sh -c "cd '$T/www' && exec python3 -m http.server 80" >/dev/null 2>&1 &
STARTED+=($!)
get() { curl -s -m 5 "http://127.0.0.1:8070/index.html"; }
answers() { [ "$(get)" = hello ]; }
ok "a published port answers" until_true 10 answers
kill -9 "$worker"
is "a caller of the moment is answered by the next worker" "$(get)" hello
ok "it is said" until_true 5 grep -q "killed by signal 9; restarted, open connections were reset" \
	"$T/guest-box.log"
ok "there is another worker" other_worker box "$worker"
is "in a sandbox too" "$(status_of "$(worker_of box)" Seccomp)" 2
is "the guest has its way out" "$(in_guest box -- ping -c 1 -W 2 10.0.2.2 | grep -c ' 0% packet loss')" 1
kill -9 "$(worker_of box)"
is "a command that asks just then is answered" "$(as_user "$M" ps | grep -c '^box ')" 1
as_user "$M" stop box >/dev/null

# What the guest's program printed, where minato's own line may follow on the same line.
guest_saw() { grep -Eo '^(E[A-Z]+|eof|timeout)' "$1"; }
# Transfers that are cut: both directions, both ways, both ends.
cut_one() { # cut_one NAME GUEST-MODE OUTSIDE-MODE in|out
	local guest=cut-$1
	if [ "$4" = out ]; then
		bg "$1.outside" in_peer python3 "$T/talk.py" "serve-$3" $PEER4 7777
		until_true 5 listening 7777 peer
		run_guest "$guest" -- python3 "$T/talk.py" "call-$2" $PEER4 7777
	else
		run_guest "$guest" -p 7778 -- python3 "$T/talk.py" "serve-$2" 0.0.0.0 7778
		until_true 5 listening 7778
		bg "$1.outside" in_peer python3 "$T/talk.py" "call-$3" $HOST4 7778
	fi
	until_true 5 said "$1.outside" up
	until_true 5 said "guest-$guest.log" up
	[ "$2$3" = idleidle ] || sleep 0.3
	kill -9 "$(worker_of "$guest")"
	until_true 8 said "$1.outside" 'E\|eof\|timeout'
	until_true 8 said "guest-$guest.log" '^E\|^eof\|^timeout'
	is "$1: the far side sees a reset" "$(last "$1.outside" | sed 's/EPIPE/ECONNRESET/')" ECONNRESET
	is "$1: the guest sees a reset" \
		"$(guest_saw "$T/guest-$guest.log" | sed 's/EPIPE/ECONNRESET/')" ECONNRESET
	as_user "$M" stop "$guest" >/dev/null 2>&1
	for p in $(in_peer pgrep -f "$T/talk.py"); do kill "$p" 2>/dev/null; done
}
cut_one upload send read out
cut_one download read send out
cut_one idle idle idle out
cut_one published-download send read in
cut_one published-upload read send in
cut_one published-idle idle idle in

# Too many deaths.
bg many.log as_user "$M" run --name many -- sleep 54324
many=$BG
until_true 10 guest_up many
# On a machine where a new one takes seconds, five do not die within ten.
for i in {1..15}; do
	victim=$(until_true 5 worker_of many && worker_of many) || break
	kill -9 "$victim"
	until_true 5 replaced_or_over "$many" many "$victim"
done
if kill -0 "$many" 2>/dev/null; then
	skip "five deaths within ten seconds: 125" "the machine is too slow for five deaths in ten seconds"
	as_user "$M" stop many
else
	wait "$many"
	is "five deaths within ten seconds: 125" "$?" 125
	has "and why" "$(cat "$T/many.log")" "5 have died within 10 seconds"
	ok "and nothing is left" until_true 5 no_process "sleep 54324"
fi

# The keeper.
run_guest kept -p 8071:80 -- sleep 54325
kill -9 "$(keeper_of kept)"
ok "kill -9 of the keeper ends all" until_true 5 no_process "name kept|sleep 54325"
is "its socket file is swept by the next command" "$(as_user "$M" ps | grep -c kept)" 0
run_guest last -- sleep 54326
guest=$GUEST
kill -STOP "$(worker_of last)"
pkill -9 -x -f "sleep 54326"
ok "a worker that hangs at the end is not waited for for ever" timeout 15 tail --pid="$guest" -f /dev/null

# Clients that mean harm.
run_guest host -- sleep 600
cat >"$T/harm.py" <<'X'
import socket, sys, time
path = sys.argv[1]
def join():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    while True:
        try:
            s.connect(path)
            return s
        except BlockingIOError:  # the backlog is full for a moment
            time.sleep(0.01)
deaf = [join() for _ in range(4)]
for s in deaf:  # ask, never read
    s.setblocking(False)
    try:
        while True:
            s.send(b'{"v":1,"request":"rows"}\n' * 100)
    except OSError:
        pass
slow = join()
garbage = join(); garbage.send(bytes(range(256)) * 16 + b'\n')
long = join()
try:
    long.sendall(b'x' * 200000)
except OSError:
    pass
cut = join(); cut.send(b'{"v":1,"requ'); cut.close()
deep = join()
try:
    deep.sendall(b'[' * 60000 + b'\n')
except OSError:
    pass
slow.send(b'{"v":1,')
time.sleep(0.2)
slow.send(b'"request"')
many = [join() for _ in range(100)]
for m in many[::7]:
    try:
        m.send(b'{"v":1,"request":"info"}\n')
    except OSError:  # others have taken its place
        pass
print('done', flush=True)
time.sleep(8)
X
chmod a+r "$T/harm.py"
bg harm.log as_user python3 "$T/harm.py" "$T/user/run/minato/host.sock"
ok "a hundred clients, deaf, slow, cut, endless" until_true 10 said harm.log done
is "others are answered meanwhile" "$(as_user "$M" ps | grep -c '^host ')" 1
as_user "$M" ps >"$T/one" &
first=$!
as_user "$M" ss --in host >"$T/two"
wait "$first"
is "two commands at once" "$?/$(grep -c '^host ' "$T/one")" 0/1
is "and the worker is the same" "$(grep -c 'killed by' "$T/guest-host.log")" 0
# A keeper that may have no descriptor more. The limit is below all that it has: nothing it could
# give up helps.
host=$(keeper_of host)
ticks() { awk '{ print $14 + $15 }' "/proc/$host/stat"; }
as_user prlimit --pid "$host" --nofile=3:
as_user "$M" ps >"$T/patient" 2>&1 &
patient=$!
sleep 0.2
before=$(ticks)
sleep 1
ok "a keeper without descriptors does not spin" test "$(($(ticks) - before))" -lt 20
as_user prlimit --pid "$host" --nofile=1024:
wait "$patient"
is "who asked is answered once there are some" "$(grep -c '^host ' "$T/patient")" 1
is "it is said once" "$(grep -c 'must wait: Too many open files' "$T/guest-host.log")" 1

if [ "$NET_REAL_ROOT" = 1 ]; then
	is "root is answered" "$(XDG_RUNTIME_DIR=$T/user/run "$M" ps 2>&1 | grep -c '^host ')" 0
	ok "root is answered on the socket itself" python3 - "$T/user/run/minato/host.sock" <<-'X'
		import socket, sys
		s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1])
		s.send(b'{"v":1,"request":"info"}\n')
		sys.exit(0 if b'"name":"host"' in s.recv(65536) else 1)
	X
	chmod 755 "$T/user" "$T/user/run" "$T/user/run/minato"
	chmod 666 "$T/user/run/minato/host.sock"
	ok "another user is not, even if the file let it" setpriv --reuid=65533 --regid=65533 \
		--clear-groups /usr/bin/python3 - "$T/user/run/minato/host.sock" <<-'X'
		import socket, sys
		s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1])
		try:
		    s.send(b'{"v":1,"request":"stop","signal":9}\n')
		    sys.exit(1 if s.recv(100) else 0)
		except OSError:
		    sys.exit(0)
	X
	chmod 700 "$T/user/run" "$T/user/run/minato"
	ok "the guest lives" guest_up host
else
	skip "root and other users" "there is one user here"
fi
finish
