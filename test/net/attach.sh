#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# minato attach: a network for namespaces that other programs made, and what is
# left of it in them afterwards; minato run and attach in the background.
. "$(dirname "$0")/lib.bash"

world_up
code() { "$@" >/dev/null 2>&1; echo $?; }
attach() { as_user "$M" attach "$@"; }
stop() { as_user "$M" stop "$@"; }
pid_of() { # the minato that serves this guest
	as_user "$M" ps --json | python3 -c "import json, sys
print([g['pid'] for g in json.load(sys.stdin)['guests'] if g['name'] == '$1'][0])"
}
# sandbox UNSHARE-OPTIONS: a process in namespaces of its own; sets BOX.
sandbox() {
	rm -f "$T/user/box"
	bg box.log as_user unshare "$@" -- sh -c 'echo $$ >"$HOME/box"; exec sleep 1000'
	until_true 5 test -s "$T/user/box" || echo "# no sandbox: $*"
	BOX=$(<"$T/user/box")
}
end_sandbox() { kill "$BOX"; }
# in_box COMMAND...: with the namespaces of BOX that are its own.
in_box() {
	local which=(--user --net)
	[ "$(readlink "/proc/$BOX/ns/mnt")" = "$(readlink /proc/self/ns/mnt)" ] || which+=(--mount)
	as_user nsenter --target "$BOX" "${which[@]}" --preserve-credentials "$@"
}
links() { in_box sh -c 'ls /proc/sys/net/ipv4/conf | tr "\n" " "'; }
# begin NAME ATTACH-ARGS...: attached to BOX when it returns; sets HELD.
begin() {
	local name=$1
	shift
	bg "attach-$name.log" attach --name "$name" "$@"
	HELD=$BG
	until_true 10 guest_up "$name" || cat "$T/attach-$name.log"
}
no_process() { ! pgrep -f "$1" >/dev/null; }

printf 'hello from the peer\n' >"$T/www/index.html"
bg peer80.log in_peer python3 -m http.server --bind 0.0.0.0 -d "$T/www" 80
bg peer806.log in_peer python3 -m http.server --bind :: -d "$T/www" 8080
until_true 10 listening 80 peer && until_true 10 listening 8080 peer

# --- a sandbox of unshare, without mounts of its own -----------------------------

sandbox --user --map-root-user --net
settings() { in_box sh -c 'cd /proc/sys/net/ipv4; cat ip_unprivileged_port_start ping_group_range ip_forward'; }
before=$(settings)
begin one -p 8001:8001 "$BOX"
is "a sandbox reaches the outside" "$(in_box curl -s -m 5 http://$PEER4/)" "hello from the peer"
is "and by IPv6" "$(in_box curl -s -m 5 "http://[$PEER6]:8080/")" "hello from the peer"
has "it is told which name server to set" "$(cat "$T/attach-one.log")" "nameserver 10\.0\.2\.3"
is "settings of the namespace are as before" "$(settings)" "$before"
bg inside.log in_box python3 -m http.server --bind 0.0.0.0 -d "$T/www" 8001
in_box_listens() { in_box ss -Hltn | grep -q ":$1 "; }
until_true 10 in_box_listens 8001
is "its server is reached by a published port" \
	"$(in_peer curl -s -m 5 http://$HOST4:8001/)" "hello from the peer"
has "and sees the true client" "$(cat "$T/inside.log")" "^$PEER4 "
has "ps lists it" "$(as_user "$M" ps)" "^one .*10\.0\.2\.100.* attach $BOX"
has "ss lists its server" "$(as_user "$M" ss -ln --in one)" ":8001"
is "exec enters it" "$(in_guest one -- readlink /proc/self/ns/net)" "$(readlink "/proc/$BOX/ns/net")"
has "a second one is refused, with the first's name" "$(attach "$BOX" 2>&1)" "guest one serves .* already.*minato stop one"
is "with exit code 1" "$(code attach "$BOX")" 1
is "by another interface, too" "$(code attach --ifname tap1 "$BOX")" 1
is "stop ends the attachment" "$(code stop one)" 0
wait "$HELD"
is "which is no failure" "$?" 0
ok "and not the target" kill -0 "$BOX"
is "the interface is gone" "$(links)" "all default lo "
is "the port is free" "$(code in_peer curl -s -m 5 http://$HOST4:8001/)" 7

begin two "$BOX"
kill -TERM "$(pid_of two)"
wait "$HELD"
is "TERM ends it" "$?" 0
begin two "$BOX"
kill -USR1 "$(pid_of two)"
ok "USR1 does not" guest_up two
kill -9 "$(pid_of two)"
gone() { [ "$(links)" = "all default lo " ]; }
ok "kill -9 leaves the target without the interface" until_true 5 gone
ok "and otherwise as it was" kill -0 "$BOX"
ok "no process of ours stays" until_true 5 no_process "$M attach"
begin four "$BOX"
kill -9 "$(as_user "$M" ps --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["guests"][0]["worker"])' 2>/dev/null || pgrep -n -P "$(pid_of four)" -x minato)"
again() { [ "$(in_box curl -s -m 5 http://$PEER4/)" = "hello from the peer" ]; }
ok "kill -9 of the worker: another takes over" until_true 10 again
has "and it is said" "$(cat "$T/attach-four.log")" "killed by signal 9; restarted"
stop four
# Ctrl-C reaches us alone: there is no command beside us.
is "Ctrl-C ends it" "$(
	python3 - <<END
import os, pty, time
pid, fd = pty.fork()
if pid == 0:
    os.execlp("bash", "bash", "-c", """$(declare -f as_user)
        T=$T NET_REAL_ROOT=$NET_REAL_ROOT; as_user $M attach --name five $BOX; echo code \$?""")
while not os.path.exists("$T/user/run/minato/five.sock"): time.sleep(0.05)
time.sleep(0.5)
os.write(fd, b"\x03")
out = b""
while True:
    try:
        some = os.read(fd, 1000)
    except OSError:
        break
    if not some: break
    out += some
print(out.decode().split()[-1])
END
)" 0
is "and cleans up" "$(links)" "all default lo "
begin three "$BOX"
is "and it can be attached again" "$(in_box curl -s -m 5 http://$PEER4/)" "hello from the peer"
end_sandbox
wait "$HELD"
is "the end of the target is the end, with 0" "$?" 0

# --- one with mounts of its own: the resolver -------------------------------------

mkdir "$T/etc"
cp -a /etc/. "$T/etc/" 2>/dev/null
rm -f "$T/etc/resolv.conf"
printf 'search peer.example\nnameserver 192.0.2.1\n' >"$T/etc/resolv.conf"
mount --bind "$T/etc" /etc
sandbox --user --map-root-user --net --mount
begin res "$BOX"
resolv() { in_box cat /etc/resolv.conf | tr '\n' '|'; }
is "its resolver is set" "$(resolv)" "nameserver 10.0.2.3|search peer.example|"
is "the host's is not" "$(tr '\n' '|' </etc/resolv.conf)" "search peer.example|nameserver 192.0.2.1|"
printf 'nameserver 192.0.2.2\n' >/etc/resolv.new
mv /etc/resolv.new /etc/resolv.conf
kept() { [ "$(resolv)" = "nameserver 10.0.2.3|search peer.example|" ]; }
ok "it stays when the host renames over it" until_true 5 kept
stop res
is "and is gone afterwards" "$(resolv)" "nameserver 192.0.2.2|"
begin res "$BOX"
has "set again" "$(resolv)" "nameserver 10\.0\.2\.3"
kill -9 "$(pid_of res)"
undone() { [ "$(resolv)" = "nameserver 192.0.2.2|" ]; }
ok "after kill -9, too" until_true 5 undone
begin res --no-resolv "$BOX"
is "--no-resolv leaves it alone" "$(resolv)" "nameserver 192.0.2.2|"
stop res
end_sandbox

# --- bubblewrap ---------------------------------------------------------------------

bwrap_child() { BOX=$(pgrep -x -f "sleep 1001"); }
if command -v bwrap >/dev/null && as_user bwrap --ro-bind / / --unshare-net true 2>/dev/null; then
	bg bwrap.log as_user bwrap --ro-bind / / --proc /proc --dev /dev --unshare-all sleep 1001
	until_true 5 bwrap_child
	begin bw "$BOX"
	is "bubblewrap's sandbox reaches the outside" \
		"$(in_guest bw -- curl -s -m 5 http://$PEER4/)" "hello from the peer"
	has "and has its resolver" "$(in_guest bw -- cat /etc/resolv.conf)" "nameserver 10\.0\.2\.3"
	kill "$BOX"
	wait "$HELD"
	is "its end is the end" "$?" 0
else
	skip "bubblewrap's sandbox" "no bwrap that works"
fi

# --- a path -------------------------------------------------------------------------

if [ "$NET_REAL_ROOT" = 1 ]; then
	mkdir -p /run/netns
	mount -t tmpfs none /run/netns
	ip netns add blue
	bg path.log "$M" attach --name blue /run/netns/blue
	held=$BG
	up() { "$M" ps | grep -q "^blue "; }
	until_true 10 up
	is "a namespace of ip netns reaches the outside" \
		"$(ip netns exec blue curl -s -m 5 http://$PEER4/)" "hello from the peer"
	has "what to set is said" "$(cat "$T/path.log")" "/etc/netns/blue/resolv.conf.*nameserver 10\.0\.2\.3"
	has "exec enters it" "$("$M" exec blue -- ip -4 -o addr show dev tap0)" "10\.0\.2\.100/24"
	has "another user may not attach" "$(attach /run/netns/blue 2>&1)" "belongs to root: attach as that user"
	has "nor to a process of root's" "$(attach "$held" 2>&1)" "not yours \(it belongs to root\)"
	ip netns del blue
	wait "$held"
	is "it ends when the path goes" "$?" 0
	ip netns add red
	bg red.log "$M" attach --name red /run/netns/red
	held=$BG
	up() { "$M" ps | grep -q "^red "; }
	until_true 10 up
	umount -l /run/netns/red
	wait "$held"
	is "it ends when the path is unmounted" "$?" 0
else
	skip "namespaces of ip netns" "needs root"
fi

# --- a guest of ours --------------------------------------------------------------------

run_guest ours -- sleep 1003
has "a guest of minato run is served already" \
	"$(attach "$(pgrep -x -f "sleep 1003")" 2>&1)" "guest ours serves .* already"
stop ours

# --- what is refused ------------------------------------------------------------------

sandbox --user --map-root-user --net
is "the host's own network: 1" "$(code attach $$)" 1
has "and it is said" "$(as_user sh -c "exec $M attach \$\$" 2>&1)" "host's own network"
has "no such process" "$(attach 99999999 2>&1)" "no process 99999999"
has "no such path" "$(attach /run/no-such-thing 2>&1)" "No such file"
has "no namespace" "$(attach /etc/passwd 2>&1)" "not a network namespace.*ip netns"
is "no target: 2" "$(code attach)" 2
is "two targets: 2" "$(code attach 1 2)" 2
is "a name no interface can have: 2" "$(code attach --ifname a/b "$BOX")" 2
without_tun() { unshare --mount sh -c 'mount -t tmpfs none /dev/net && exec "$@"' sh "$@"; }
has "no tun device" "$(without_tun bash -c "$(declare -f as_user attach)
	T=$T M=$M NET_REAL_ROOT=$NET_REAL_ROOT; attach $BOX" 2>&1)" "/dev/net/tun: No such file.*modprobe tun"
in_box ip tuntap add name tap0 mode tap
has "an interface of that name" "$(attach "$BOX" 2>&1)" "interface tap0 already.*--ifname"
begin named --ifname net1 "$BOX"
is "another name serves" "$(in_box curl -s -m 5 --interface net1 http://$PEER4/)" "hello from the peer"
stop named
begin bare --no-config "$BOX"
is "--no-config takes a tap that waits" "$(in_box ip -o addr show tap0)" ""
has "and says what to set" "$(cat "$T/attach-bare.log")" "tap0: address 10\.0\.2\.100/24, default route by 10\.0\.2\.2"
in_box sh -c 'ip link set tap0 up; ip addr add 10.0.2.100/24 dev tap0; ip route add default via 10.0.2.2'
is "once configured it carries" "$(in_box curl -s -m 5 http://$PEER4/)" "hello from the peer"
stop bare
in_box ip link del tap0

# --- in the background --------------------------------------------------------------

has "attach -d prints the name when all is there" "$(attach -d --name back "$BOX")" "^back$"
is "at once" "$(in_box curl -s -m 5 --interface tap0 http://$PEER4/)" "hello from the peer"
stop back
is "attach -d to nowhere: 1" "$(code attach -d 99999999)" 1
has "with its error" "$(attach -d 99999999 2>&1)" "no process"
end_sandbox

cat >"$T/server.py" <<'END'
import os, socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("", 80))
s.listen(64)
print("serving", flush=True)
print("and complaining", file=sys.stderr, flush=True)
while True:
    c, _ = s.accept()
    c.sendall(os.getcwd().encode() + b" " + str(os.getsid(0) == os.getsid(os.getppid())).encode())
    c.close()
END
name=$(cd "$T" && as_user "$M" run -d --name web --log "$T/user/web.log" -p 8002:80 -- python3 "$T/server.py")
is "run -d prints the name" "$name" web
ask() { in_peer timeout 5 python3 -c "import socket
s = socket.create_connection(('$HOST4', 8002)); print(s.recv(99).decode())"; }
ok "what it runs is reached" until_true 10 ask
has "its directory is the caller's" "$(ask)" "^$T "
has "what it prints is in the log" "$(cat "$T/user/web.log")" "serving"
has "and what it complains of" "$(cat "$T/user/web.log")" "complaining"
is "it has no terminal and a session of its own" \
	"$(ps -o sid= -p "$(pid_of web)" | tr -d ' ')" "$(pid_of web)"
is "a name that is taken: 1" "$(code as_user "$M" run -d --name web -- sleep 1)" 1
has "and it is said" "$(as_user "$M" run -d --name web -- sleep 1 2>&1)" "web runs already"
is "a port that is taken: 1" "$(code as_user "$M" run -d -p 8002:80 -- sleep 1)" 1
is "stop ends it" "$(code stop web)" 0
has "and the log has the exit status" "$(cat "$T/user/web.log")" "minato: web has ended with 143"
is "a command that is not there: 127" "$(code as_user "$M" run -d -- /no/such/program)" 127
has "and it is said" "$(as_user "$M" run -d -- /no/such/program 2>&1)" "/no/such/program"
is "no command: 2" "$(code as_user "$M" run -d)" 2
is "--log alone: 2" "$(code as_user "$M" run --log x -- true)" 2

# No race: the port is there as soon as the caller is told, round after round.
rounds() {
	local i
	for i in 1 2 3 4 5; do
		as_user "$M" run -q -d --name "race$i" -p "810$i:81" -- sleep 1000 || return 1
		ss -Hltn | grep -q ":810$i " || return 1
		as_user "$M" exec "race$i" -- ip -4 -o addr show dev tap0 | grep -q 10.0 || return 1
		stop "race$i" || return 1
	done
}
ok "what is published listens when run -d returns" rounds

# A caller's pipe is not held open; its terminal's end is not ours.
ok "the output of run -d ends" timeout 10 bash -c \
	"$(declare -f as_user); T=$T NET_REAL_ROOT=$NET_REAL_ROOT; x=\$(as_user '$M' run -d --name piped -- sleep 1000 2>&1)"
stop piped
python3 - <<END
import os, pty, time
pid, fd = pty.fork()
if pid == 0:
    os.execlp("bash", "bash", "-c", """$(declare -f as_user)
        T=$T NET_REAL_ROOT=$NET_REAL_ROOT; as_user $M run -d --name hung -- sleep 1002""")
while True:
    try:
        if not os.read(fd, 100): break
    except OSError:
        break
os.close(fd)
os.waitpid(pid, 0)
END
sleep 0.2
ok "a terminal that goes does not end it" guest_up hung
stop hung

# A helper that is killed cannot undo what it did: that is said.
bg target-slain.log as_user unshare --user --map-root-user --net --mount sleep 1003
until_true 5 pgrep -f 'sleep 1003'
sleep 0.3
SLAIN=$(pgrep -fx 'sleep 1003')
bg slain.log as_user "$M" attach --name slain "$SLAIN"
ATTACHED=$BG
until_true 10 guest_up slain
kill -9 "$(pgrep -x minato-attach)"
wait "$ATTACHED"
is "a helper that is killed is a failure: 125" $? 125
has "which is said, with the remedy" "$(cat "$T/slain.log")" "helper .*died.*umount /etc/resolv.conf"
kill "$SLAIN"

# --ready-fd
exec 7<> <(:)
mkfifo "$T/ready" && chmod 666 "$T/ready"
as_user "$M" run --name ready --ready-fd 9 -- sh -c 'sleep 1000' 9>"$T/ready" &
STARTED+=($!)
is "--ready-fd says 1, and ends" "$(timeout 10 cat "$T/ready")" 1
ok "and then it is there" guest_up ready
stop ready
is "a descriptor that is not open: 2" "$(code as_user "$M" run --ready-fd 99 -- true)" 2

finish
