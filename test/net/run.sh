#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# minato run as a program among programs: exit codes, signals, identity, names,
# refusals, and that nothing stays behind.
. "$(dirname "$0")/lib.bash"

pid_of() { # of the minato that runs this guest
	as_user "$M" ps --json | python3 -c "import json, sys
print([g['pid'] for g in json.load(sys.stdin)['guests'] if g['name'] == '$1'][0])"
}

# A host without any network first: only the loopback, and that is down.
run() { as_user "$M" run "$@"; }
code() { "$@" >/dev/null 2>&1; echo $?; }
is "runs on a host without any network" "$(code run -- true)" 0
world_up
is "exit code 0" "$(code run -- true)" 0
is "exit code passes through" "$(code run -- sh -c 'exit 42')" 42
is "a signal's death is 128+n" "$(code run -- sh -c 'kill -9 $$')" 137
is "a command that is not there: 127" "$(code run -- /no/such/program)" 127
is "a command that cannot be run: 126" "$(code run -- /etc/passwd)" 126
is "an unknown option: 2" "$(code run --no-such-option -- true)" 2
has "an unknown option is named, with the nearest" "$(run --hostnme x -- true 2>&1)" "hostnme.*"
is "runs as the caller" "$(run -- id -u)" "$(as_user id -u)"
is "--root: root inside" "$(run --root -- id -u)" 0
is "--hostname" "$(run --hostname harbour -- hostname)" harbour
is "a --hostname that is none: 2" "$(code run --hostname a/b -- true)" 2
is "a --cidr that meets what is reserved: 2" "$(code run --cidr 255.255.255.0/24 -- true)" 2
is "a --cidr twice for one family: 2" "$(code run --cidr 10.1.0.0/24 --cidr 10.2.0.0/24 -- true)" 2
is "standard input passes" "$(echo hello | run -- cat)" hello
has "the guest's address" "$(run -- ip -4 -o addr show dev tap0)" "10\.0\.2\.100/24"
has "the guest's address, IPv6" "$(run -- ip -6 -o addr show dev tap0)" "fd00::"
has "MTU 1500" "$(run -- ip link show dev tap0)" "mtu 1500"
has "--mtu" "$(run --mtu 9000 -- ip link show dev tap0)" "mtu 9000"
has "bursts find room on the way out" "$(run -- ip link show dev tap0)" "qlen 10000"
has "--cidr" "$(run --cidr 10.44.0.0/24 -- ip -4 -o addr show dev tap0)" "10\.44\.0\.100/24"
is "--ipv4-only" "$(run --ipv4-only -- ip -6 -o route show default)" ""
is "--ipv6-only" "$(run --ipv6-only -- ip -4 -o route show default)" ""
has "ports below 1024 are the guest's to bind" \
	"$(run -- python3 -c 'import socket; s = socket.socket(); s.bind(("", 80)); print("bound", s.getsockname()[1])')" "bound 80"
ip addr add 10.0.2.7/24 dev lo
has "the next subnet where the host has the first" "$(run -- ip -4 -o addr show dev tap0)" "10\.0\.3\.100/24"
ip addr del 10.0.2.7/24 dev lo
has "the gateway answers a ping" "$(run -- ping -c 1 -W 2 10.0.2.2)" " 0% packet loss"
has "the gateway answers a ping, IPv6" "$(run -- ping -c 1 -W 2 fd00::2)" " 0% packet loss"

# Signals.
bg term.log as_user "$M" run --name sig -- sh -c 'trap "echo got TERM; exit 5" TERM; echo up; while :; do sleep 0.1; done'
pid=$BG
until_true 5 grep -q up "$T/term.log"
as_user "$M" stop sig --time 5 >/dev/null
wait "$pid"
is "minato stop: the command may end by itself" "$?" 5
has "it saw the signal" "$(cat "$T/term.log")" "got TERM"
# (Not INT: a shell starts background work with INT ignored.)
bg usr1.log as_user "$M" run --name usr1 -- sh -c 'trap "exit 9" USR1; echo up; while :; do sleep 0.1; done'
shell=$BG
until_true 5 grep -q up "$T/usr1.log"
kill -USR1 "$(pid_of usr1)"
wait "$shell"
is "a signal passes through" "$?" 9

# Nothing stays behind.
no_process() { ! pgrep -f "$1" >/dev/null; }
run_guest dies -- sleep 54321
kill -9 "$(pid_of dies)"
ok "kill -9 of minato ends the guest" until_true 5 no_process "sleep 54321"
is "its socket file is swept by the next command" "$(as_user "$M" ps | grep -c dies)" 0
ok "and is gone" fails sh -c "ls '$T'/user/run/minato/ 2>/dev/null | grep dies"
run_guest dies2 -- sleep 54322
victim=$GUEST
kill -9 "$(pgrep -x -f 'sleep 54322')"
wait "$victim"
is "kill -9 of the command is its exit code" "$?" 137
before=$(find "$T/user" | sort)
run -p 9999 -- true
is "no file stays" "$(find "$T/user" | sort)" "$before"
ok "no process stays" no_process "$M run"

# A terminal that hangs up tells the leader of its session alone.
cat >"$T/hup.py" <<'X'
import os, pty, sys, time
pid, master = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
time.sleep(1)
os.close(master)
os.waitpid(pid, 0)
X
chmod a+r "$T/hup.py"
ok "a closed terminal ends it" timeout 10 bash -c "$(declare -f as_user)
	T='$T' NET_REAL_ROOT=$NET_REAL_ROOT; as_user python3 '$T/hup.py' '$M' run -- sleep 54323"
ok "and its guest" until_true 5 no_process "sleep 54323"

# Nobody there to read what is said.
(trap - EXIT; as_user "$M" run --name unheard -- sleep 54324 2>&1 | sleep 1) &
STARTED+=($!)
until_true 10 guest_up unheard
sleep 1.2
first=$(pgrep -P "$(pgrep -fo "$M run --name unheard")" -x minato | head -n 1)
kill -9 "$first"
replaced() { [ "$(pgrep -P "$(pgrep -fo "$M run --name unheard")" -x minato | head -n 1)" != "$first" ]; }
ok "that a message finds no reader does not end it" until_true 5 replaced
sleep 0.3
ok "nor the guest" guest_up unheard
as_user "$M" stop unheard

# Names.
run_guest twice -- sleep 600
has "a taken name is refused, with its holder" "$(run --name twice -- true 2>&1)" "twice.*[0-9]+"
is "a taken name: exit 1" "$(code run --name twice -- true)" 1
has "a bad name is refused" "$(run --name 'a/b' -- true 2>&1)" "a/b"

# Ports.
bg holder.log as_user socat TCP-LISTEN:8085,fork,reuseaddr EXEC:cat
until_true 5 listening 8085
text=$(run -p 8085:80 -- echo started 2>&1)
has "a taken port: the holder is named" "$text" "8085.*socat|socat.*8085"
has "and its pid" "$text" "$(pgrep -x socat | head -n 1)"
has "and the next free port" "$text" "8086"
is "before anything starts" "$(printf '%s' "$text" | grep -c started)" 0
is "with exit code 1" "$(code run -p 8085:80 -- true)" 1
if [ "$NET_REAL_ROOT" = 1 ]; then
	text=$(run -p 80 -- true 2>&1)
	has "a port below 1024 without the right: the exact remedy" "$text" "net.ipv4.ip_unprivileged_port_start=80"
else
	skip "a port below 1024 without the right" "the caller owns its network namespace"
fi
has "a port that is none" "$(run -p 70000 -- true 2>&1)" "70000"
is "a port that is none: exit 2 or 1" "$(code run -p 70000 -- true | sed 's/[12]/bad/')" bad
has "rubbish in -p points at it" "$(run -p 80:x -- true 2>&1)" "x"
is "lists and suffixes" "$(code run -p 8090,8091:81/both -p 127.0.0.1:8092:82/udp -- true)" 0
finish
