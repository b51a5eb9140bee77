#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# ss over the host's own kernel: column by column what iproute2's ss says of the same sockets; what
# is closed by -K; what an ordinary user sees.
. "$(dirname "$0")/lib.bash"
world_up
cat >"$T/sockets.py" <<'END'
import socket, time
keep = []
def tcp(family, address, port, only=None):
    s = socket.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if only is not None:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
    s.bind((address, port))
    s.listen(5)
    return s
def joined(listener, family, address, port):
    c = socket.socket(family)
    c.connect((address, port))
    keep.extend([c, listener.accept()[0]])
    return keep[-2], keep[-1]
four = tcp(socket.AF_INET, '127.0.0.1', 7001)
dual = tcp(socket.AF_INET6, '::', 7002, 0)
six = tcp(socket.AF_INET6, '::1', 7003, 1)
c, a = joined(four, socket.AF_INET, '127.0.0.1', 7001)
c.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
c.send(b'x' * 5000); a.send(b'y' * 100); c.recv(50)
d, e = joined(dual, socket.AF_INET, '127.0.0.1', 7002)
e.shutdown(socket.SHUT_WR)
joined(six, socket.AF_INET6, '::1', 7003)
h, i = joined(four, socket.AF_INET, '127.0.0.1', 7001)
h.close(); i.close()
def udp(family, address, port):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind((address, port))
    keep.append(s)
    return s
udp(socket.AF_INET, '0.0.0.0', 7005)
udp(socket.AF_INET6, '::', 7006)
udp(socket.AF_INET, '127.0.0.1', 7007).connect(('127.0.0.1', 7005))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'lo\0')
s.bind(('127.0.0.1', 7008))
keep.append(s)
time.sleep(0.3)
print('ready', flush=True)
time.sleep(600)
END
bg sockets.log python3 "$T/sockets.py"
until_true 10 grep -q ready "$T/sockets.log"

# Fields between single spaces, without what changes from one moment to the next (of the counts:
# those of the whole machine, and the asking program's own), and without the empty line that ss
# prints below a connection of which TCP knows nothing any more.
fields() {
	sed -E 's/[[:space:]]+/ /g; s/^ //; s/ $//; s/ last(snd|rcv|ack):[0-9]+//g
		s/^(TCP|Total): [0-9]+/\1:/; s/(closed|orphaned) [0-9]+/\1/g
		s/\((timewait|keepalive|on),[^,]*/(\1/; /^$/d; /^nl /d'
}
# What other programs open and close between the two shows in one of them, so it may take some turns.
same() { # OPTIONS...: ss and minato ss --host say the same
	ss "$@" 2>/dev/null | fields >"$T/theirs"
	"$M" ss --host "$@" | fields >"$T/ours"
	[ -s "$T/theirs" ] && diff "$T/theirs" "$T/ours"
}
if [ -z "$(ss -H -tan 'sport = :7001')" ]; then
	skip "as iproute2 has it" "ss cannot ask this kernel"
	finish
fi
for options in "-H -tan" "-H -tuna" "-H -n" "-H -ln" "-H -tun" "-tan" "-H -tunaop" "-H -tunaoep" \
	"-H -tane" "-H -tanem" "-H -tani" "-H -taneimO" "-H -tan6" "-H -una4" "-H -tlnp" "-s"; do
	# shellcheck disable=SC2086
	ok "as iproute2 has it: ss $options" until_true 3 same $options
done
ok "the same with a state" same -H -tn state time-wait
ok "the same with a filter" same -H -tna sport = :7001
is "a single socket is found" "$("$M" ss --host -Htln sport = :7003 | wc -l)" 1
has "ports have names" "$("$M" ss --host -Htl sport = :7001)" "127\.0\.0\.1:[a-z]"
ok "JSON has the same rows" equal "$("$M" ss --host -tuna --json | grep -c '"kind":"host"')" \
	"$(ss -H -tuna | wc -l)"
has "JSON has what was asked for" "$("$M" ss --host -tna -oim --json)" '"memory":.*"tcp":\{.*"snd_cwnd":[1-9]'

# Without guests, and as somebody who may not look into others.
is "an ordinary user sees the sockets" "$(as_user "$M" ss -H -tan | wc -l)" "$(ss -H -tan | wc -l)"
if [ "$NET_REAL_ROOT" = 1 ]; then
	is "but not whose they are" "$(as_user "$M" ss -H -tlnp | grep -c users:)" 0
fi
has "what ss has and we have not is said" "$("$M" ss -x 2>&1)" "Unix sockets"
"$M" ss --tipc >/dev/null 2>&1
is "as a mistake of the command line" $? 2

# -K
"$M" ss -K >/dev/null 2>"$T/refused"
is "-K without a filter does nothing" "$?" 2
if [ "$NET_REAL_ROOT" = 1 ]; then
	has "-K as an ordinary user says what is missing" \
		"$(as_user "$M" ss -K sport = :7003 2>&1)" "not closed: .*CAP_NET_ADMIN"
	has "but not for each of many" "$(as_user "$M" ss -K state all 2>&1)" \
		"^minato: [0-9]+ more were not closed"
	is "and closes nothing" "$(ss -H -tn sport = :7003 | wc -l)" 1
fi
closed=$("$M" ss -KHtn sport = :7003 2>"$T/why")
if grep -q INET_DIAG_DESTROY "$T/why"; then
	skip "-K closes a connection of the host" "a kernel without INET_DIAG_DESTROY"
else
	has "-K shows what it closed" "$closed" "\[::1\]:7003"
	is "-K closes a connection of the host" "$(ss -H -tn sport = :7003 | wc -l)" 0
fi
"$M" ss -KHtn sport = :7003 >/dev/null 2>&1
is "-K of nothing fails" $? 1

# Guests.
bg far.log in_peer socat TCP-LISTEN:7100,fork,reuseaddr EXEC:cat
until_true 5 listening 7100 peer
run_guest web -p 8080:80 -- sleep 600
bg conn.log as_user "$M" exec web -- socat TCP:$PEER4:7100 EXEC:'sleep 600'
conn() { as_user "$M" ss -Htn --in web | grep -q "$PEER4:7100"; }
ok "a guest's connection is listed" until_true 5 conn
both=$(as_user "$M" ss -tln)
has "host and guest stand in one list" "$both" "127\.0\.0\.1:7001 .*host +-"
has "with the guest's name" "$both" ":8080 .*published +web"
is "--host leaves guests out" "$(as_user "$M" ss --host -tn | grep -c web)" 0
has "-i: the guest's kernel is asked" "$(as_user "$M" ss -HtniO --in web)" "cwnd:.* rcv_space:"
has "and minato's own stack" "$(as_user "$M" ss -HtniO --in web)" "minato:\(cubic .*cwnd:.*\)"
has "-e: its socket too" "$(as_user "$M" ss -HtneO --in web)" "ino:[1-9][0-9]* sk:"
has "-m: and its memory" "$(as_user "$M" ss -HtnmO --in web)" "skmem:\(r"
bg inner.log as_user "$M" exec web -- socat TCP-LISTEN:7200,fork EXEC:cat
inner() { as_user "$M" ss -Hltn --in web | grep -q ":7200 .*guest"; }
ok "what a program of the guest waits for is listed" until_true 5 inner
bg inner2.log as_user "$M" exec web -- socat TCP:127.0.0.1:7200 EXEC:'sleep 600'
both_ends() { [ "$(as_user "$M" ss -Htn --in web | grep -c "127\.0\.0\.1:.*guest")" = 2 ]; }
ok "and what it has with another one, both ends" until_true 5 both_ends
is "nothing is listed twice" "$(as_user "$M" ss -Htn --in web | grep -c "$PEER4:7100")" 1
has "-s counts it" "$(as_user "$M" ss -s)" "Guest: web"
# Two programs, a connection to the outside, both ends of one within, and what is published.
counts=$(as_user "$M" ss -s --in web)
listed=$(as_user "$M" ss -Htan --in web | grep -cvE 'REFUSE|DROP|PASS')
has "-s of a guest: as many as are listed" "$counts" "^TCP: +$listed \(estab 3, closed 0, timewait 0\)"
has "-K shows what it closed of a guest" \
	"$(as_user "$M" ss -KHtn --in web dst $PEER4)" "$PEER4:7100"
gone() { ! conn; }
ok "and it is gone" until_true 5 gone
far_gone() { [ -z "$(in_peer ss -Htn state established sport = :7100)" ]; }
ok "at the other end too" until_true 5 far_gone
if [ "$NET_REAL_ROOT" = 1 ] && ! grep -q INET_DIAG_DESTROY "$T/why"; then
	as_user "$M" ss -KHtn --in web sport = :7200 >/dev/null 2>&1
	no_ends() { ! both_ends; }
	ok "what a guest has with itself is closed by its kernel" until_true 5 no_ends
fi
has "a published port is not closed" "$(as_user "$M" ss -Kl --in web 2>&1)" "minato forward rm"
is "a full disk: one sentence, and it is the list that could not be written" \
	"$("$M" ss --json -a 2>&1 >/dev/full)" "minato: cannot write the list: Input/output error"
finish
