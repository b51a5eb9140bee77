#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# minato audit: what it lists is what a neighbour finds who knocks on every port.
. "$(dirname "$0")/lib.bash"
world_up

audit() { as_user "$M" audit "$@" 2>&1; }
code() {
	"$@" >/dev/null 2>&1
	echo $?
}
# The ports that answer from outside, "80/tcp", by audit; -4: those of IPv4.
listed() {
	as_user "$M" audit --json | python3 -c "
import json, sys
for p in json.load(sys.stdin)['ports']:
    for port in range(p['first'], p['last'] + 1):
        print('%d/%s' % (port, p['protocol']))" | sort -u
}

# knock ADDRESS PROTOCOL: the ports that do not refuse. Silence is knocked on again.
cat >"$T/knock.py" <<'X'
import errno, selectors, socket, sys, time
address, proto = sys.argv[1:]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
kind = socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM

def knock(ports, patience):
    """Returns the ports that did not refuse."""
    left, poll = {}, selectors.DefaultSelector()
    answered = set()
    for port in ports:
        s = socket.socket(family, kind)
        s.setblocking(False)
        result = s.connect_ex((address, port))
        if proto == "udp":
            try:
                s.send(b"knock")
            except OSError:
                s.close()
                continue
        elif result not in (0, errno.EINPROGRESS):
            s.close()
            continue
        left[s] = port
        poll.register(s, selectors.EVENT_READ if proto == "udp" else selectors.EVENT_WRITE)
    end = time.monotonic() + patience
    while left and time.monotonic() < end:
        for key, _ in poll.select(0.05):
            s = key.fileobj
            if not s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                answered.add(left[s])
            poll.unregister(s)
            del left[s]
            s.close()
    silent = set(left.values())
    for s in left:
        s.close()
    return answered, silent

step, found, silent = 500, set(), set()
for first in range(1, 65536, step):
    a, b = knock(range(first, min(first + step, 65536)), 0.3)
    found |= a
    silent |= b
for _ in range(3):
    if silent:
        a, silent = knock(sorted(silent), 0.5)
        found |= a
# Of UDP silence means that somebody has it.
for port in sorted(found | (silent if proto == "udp" else set())):
    print("%d/%s" % (port, proto))
X
chmod a+r "$T/knock.py"
knock() { in_peer python3 "$T/knock.py" "$@"; }

# --- every sort of listener -----------------------------------------------------

cat >"$T/serve.py" <<'X'
import signal, socket, sys
kept = []
for word in sys.argv[1:]:
    proto, rest = word.split(",", 1)
    address, port = rest.rsplit(",", 1)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if address == "::" else 1)
    s.bind((address, int(port)))
    if proto == "tcp":
        s.listen(16)
    kept.append(s)
print("ready", flush=True)
signal.pause()
X
chmod a+r "$T/serve.py"
bg serve.log as_user python3 "$T/serve.py" tcp,0.0.0.0,2100 tcp,127.0.0.1,2101 tcp,::,2102 \
	tcp,::1,2103 tcp,$HOST4,2104 tcp,$HOST6,2105 udp,0.0.0.0,2110 udp,127.0.0.1,2111 \
	udp,::,2112 udp,$HOST4,2114
SERVER=$BG
until_true 5 grep -q ready "$T/serve.log"
run_guest web -p 2300-2309:8300-8309 -p 2200:80,127.0.0.1:2201:81 -p 2210:53/udp -- python3 "$T/serve.py" \
	tcp,0.0.0.0,80 tcp,0.0.0.0,82 udp,0.0.0.0,53 tcp,0.0.0.0,830{0..9}
until_true 5 grep -q ready "$T/guest-web.log"

has "a forward: whose, never used, and who is behind it" "$(audit)" \
	"^2200/tcp .* never .*minato \(pid [0-9]+\) for port 80 of guest web, python3 there"
sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
sysctl -qw net.ipv4.icmp_msgs_per_sec=1000000 net.ipv4.icmp_msgs_burst=1000000 2>/dev/null
{
	knock $HOST4 tcp
	knock $HOST6 tcp
	knock $HOST4 udp
	knock $HOST6 udp
} | sort -u >"$T/knocked"
listed >"$T/listed"
ok "knocked on every port: what answers is what is listed" diff "$T/knocked" "$T/listed"
is "and that is nineteen" "$(wc -l <"$T/listed")" 19

text=$(audit)
has "a range is one row" "$text" \
	"^2300-2309/tcp +- .*minato \(pid [0-9]+\) for ports 8300-8309 of guest web, python3 there"
has "with advice for all of it" "$text" "if only this host uses it: -p 127\.0\.0\.1:2300-2309:8300-8309"
is "and none beside it" "$(grep -Ec '^230[0-9]/' <<<"$text")" 0
has "a wildcard reaches as far as the host's addresses" "$text" "^2100/tcp .* lan +0\.0\.0\.0 "
is "what answers this host alone is left out" "$(printf '%s' "$text" | grep -c '^2101/')" 0
has "-a: not with --all" "$(audit -a)" "^2101/tcp .* loopback +127\.0\.0\.1 "
has "-a: the guest's own" "$(audit -a)" "^82/tcp .* guest .*in web: python3"
ip addr add 192.0.2.1/24 dev h0
has "with an address that everyone can reach" "$(audit)" "^2100/tcp .* everyone "
ip addr del 192.0.2.1/24 dev h0
bg client.log in_peer socat EXEC:'sleep 60' TCP:$HOST4:2200
in_use() { audit | grep -Eq '^2200/tcp .* now\([0-9]+\) '; }
ok "last use: now" until_true 5 in_use

# --- against a file ---------------------------------------------------------------

as_user "$M" audit --record >"$T/expected"
is "a range is recorded as one" "$(grep -c '^2300-2309/tcp' "$T/expected")" 1
is "what was recorded is expected: exit 0" "$(code as_user "$M" audit --expect "$T/expected")" 0
cat >"$T/odd.py" <<'X'
import ctypes, os, signal, socket
kept = []
for family, address in (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"):
    s = socket.socket(family)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((address, 2106))
    s.listen(1)
    kept.append(s)
ctypes.CDLL(None).prctl(15, b"\x1b[2J\n1-9/tcp", 0, 0, 0)  # PR_SET_NAME
print(os.getpid(), flush=True)
signal.pause()
X
chmod a+r "$T/odd.py"
bg odd.log as_user python3 "$T/odd.py"
until_true 5 grep -q . "$T/odd.log"
as_user "$M" audit --record >"$T/odd"
has "a program whose name is no word is left out" "$(cat -v "$T/odd")" "^2106/tcp.lan.# "
is "and adds no line" "$(grep -c '^1-9' "$T/odd")" 0
is "two listeners that nothing tells apart are one line" "$(grep -c '^2106' "$T/odd")" 1
kill "$(cat "$T/odd.log")"
closed() { ! listed | grep -q '^2106/'; }
until_true 5 closed
grep -v '^2100/' "$T/expected" >"$T/less"
text=$(audit --expect "$T/less")
has "what the file does not name is marked" "$text" "^2100/tcp .* NO "
is "alone" "$(printf '%s' "$text" | grep -c ' NO ')" 1
is "exit 1" "$(code as_user "$M" audit --expect "$T/less")" 1
sed 's/^2100.*/2100\/tcp other lan/' "$T/expected" >"$T/other"
is "another program is not expected" "$(code as_user "$M" audit --expect "$T/other")" 1
sed 's/^2100.*/2100\/tcp loopback/' "$T/expected" >"$T/narrow"
is "nor a wider scope" "$(code as_user "$M" audit --expect "$T/narrow")" 1
has "what does not listen is said" "$(echo '99/tcp x' | cat "$T/expected" - |
	as_user "$M" audit --expect -)" "expected, but does not listen: 99/tcp x"
echo '22/tcp sshd' >"$T/wrong"
echo '23/ip' >>"$T/wrong"
text=$(audit --expect "$T/wrong")
has "a wrong line: where and what" "$text" "wrong: line 2: the protocol is tcp or udp"
is "exit 2" "$(code as_user "$M" audit --expect "$T/wrong")" 2
is "no such file: exit 2" "$(code as_user "$M" audit --expect "$T/nothing")" 2
is "and a directory is none" "$(code as_user "$M" audit --expect "$T")" 2

if [ "$NET_REAL_ROOT" = 1 ]; then
	bg root.log python3 "$T/serve.py" tcp,0.0.0.0,2107
	until_true 5 grep -q ready "$T/root.log"
	text=$(echo '2107/tcp other' | cat "$T/expected" - | as_user "$M" audit --expect - 2>&1 >/dev/null)
	is "what may not be seen is said" "$text" \
		"minato: 1 program could not be seen; run as root to be sure"
	kill "$BG"
	gone() { ! listed | grep -q '^2107/'; }
	until_true 5 gone
	is "but nothing where all was seen" "$(audit --expect "$T/expected" | grep -c 'be sure')" 0
else
	skip "what may not be seen is said" "needs root"
fi

# --- closing ------------------------------------------------------------------------

grep -Ev '^(2200|2210|2104)/' "$T/expected" >"$T/less"
text=$(audit --expect "$T/less" --close)
has "ours is closed" "$text" "^closed: minato forward rm web 2200:80/tcp  # 2200/tcp"
has "UDP too" "$text" "^closed: minato forward rm web 2210:53/udp"
has "of others the command is told" "$text" "^kill [0-9]+  # 2104/tcp, python3 \(pid"
is "which is still there: exit 1" "$(code as_user "$M" audit --expect "$T/less")" 1
is "what was closed is gone" "$(listed | grep -Ec '^(2200|2210)/')" 0
ok "what was expected is not" fails grep -q '^closed.*2201' <<<"$text"
kill "$SERVER"
as_user "$M" stop web
finish
