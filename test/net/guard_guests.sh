#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Guests by name in rules: who calls a published port, and where a guest goes. Three guests and a
# program of this host that tries the same; TCP and UDP, both families; guests that start, publish
# and end meanwhile; a port that changes hands; and a guest that says it is another one.
. "$(dirname "$0")/lib.bash"
world_up

SERVE='import socket, sys, threading
def tcp(port, six):
    s = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    def serve(c):
        try:
            while True:
                d = c.recv(100)
                if not d: break
                c.sendall(sys.argv[1].encode() + b" " + d)
        except OSError: pass
        c.close()
    while True:
        c, _ = s.accept()
        threading.Thread(target=serve, args=(c,), daemon=True).start()
def udp(port):
    u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    u.bind(("::", port))
    while True:
        d, a = u.recvfrom(100)
        u.sendto(sys.argv[1].encode() + b" " + d, a)
threading.Thread(target=udp, args=(80,), daemon=True).start()
tcp(80, True)
'
once() { # PROTO ADDRESS PORT, in the network of where it is called
	python3 -c 'import socket, sys
proto, address, port = sys.argv[1:]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM)
s.settimeout(1)
try:
    s.connect((address, int(port)))
    s.sendall(b"hello")
    print(s.recv(100).decode() or "nothing")
except OSError: print("nothing")' "$@"
}
export -f once
from() { # GUEST PROTO ADDRESS PORT: what that guest gets there
	in_guest "$1" -- bash -c 'once "$@"' - "${@:2}"
}
now() { equal "$("${@:2}")" "$1"; }
worker_of() {
	as_user "$M" ps --json | python3 -c 'import json, sys
for g in json.load(sys.stdin)["guests"]:
    if g["name"] == sys.argv[1]: print(g["worker"])' "$1"
}
other_worker() { [ "$(worker_of "$1")" != "$2" ] && guest_up "$1"; }
stop() { as_user "$M" stop "$1" && until_true 10 fails guest_up "$1"; }

# --- in ---------------------------------------------------------------------------

run_guest other --host-loopback -- sleep 1000
run_guest db -p 8081:80/both --rule 'allow tcp,udp 8081 from web' \
	--rule 'block tcp,udp 8081' -- python3 -c "$SERVE" db
has "a name that nobody has yet is told of" "$(cat "$T/guest-db.log")" \
	'no guest called web runs now'
has "... with a caret" "$(cat "$T/guest-db.log")" '^ *\^~~'
run_guest web --host-loopback -- sleep 1000
until_true 10 now 'db hello' from web tcp $HOST4 8081
for proto in tcp udp; do
	is "$proto: the guest that is named" "$(from web $proto $HOST4 8081)" 'db hello'
	is "$proto: by the loopback" "$(from web $proto 10.0.2.2 8081)" 'db hello'
	is "$proto: by IPv6" "$(from web $proto $HOST6 8081)" 'db hello'
	is "$proto: another guest" "$(from other $proto $HOST4 8081)" nothing
	is "$proto: ... by the loopback" "$(from other $proto 10.0.2.2 8081)" nothing
	is "$proto: a program of this host" "$(once $proto $HOST4 8081)" nothing
	is "$proto: ... by the loopback" "$(once $proto 127.0.0.1 8081)" nothing
	is "$proto: ... by IPv6" "$(once $proto ::1 8081)" nothing
	is "$proto: another host" "$(in_peer bash -c 'once "$@"' - $proto $HOST4 8081)" nothing
done
as_user "$M" why -n db tcp web to 127.0.0.1:8081 >"$T/why" 2>&1
has "why: by the guest's name" "$(cat "$T/why")" 'caller +guest web$'
has "... the rule" "$(cat "$T/why")" 'line 1: allow tcp,udp 8081 from web: passes'
as_user "$M" why -n db tcp other to 127.0.0.1:8081 >"$T/why" 2>&1
has "why: of one that no rule names" "$(cat "$T/why")" 'caller +guest other, whom no rule names'
has "... is refused" "$(cat "$T/why")" 'refused by line 2: block tcp,udp 8081'

# A socket that is open, by its port.
HOLD='import socket, sys, time
s = socket.create_connection((sys.argv[1], 8081))
s.sendall(b"hold")
print(s.recv(100).decode(), flush=True)
time.sleep(1000)
'
bg hold.log as_user "$M" exec web -- python3 -c "$HOLD" $HOST4
until_true 10 grep -q 'db hold' "$T/hold.log"
PORT=$(ss -Htn "dport = :8081 and dst = $HOST4" | awk '{ n = split($4, a, ":"); print a[n]; exit }')
has "why: whose socket has these ends" "$(as_user "$M" why -n db tcp "$HOST4:$PORT" to "$HOST4:8081" 2>&1)" \
	'caller +guest web$'
has "... and whose has not" "$(as_user "$M" why -n db tcp "$HOST4:1" to "$HOST4:8081" 2>&1)" \
	'caller +this host, and no guest that rules name'

# A UDP port that changes hands: a program of this host speaks from the port that web had.
TAKE='import socket, sys
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind((sys.argv[1], int(sys.argv[2])))
u.settimeout(1)
u.sendto(b"mine", (sys.argv[1], 8081))
try: print(u.recv(100).decode())
except OSError: print("nothing")
'
KEEP='import socket, sys
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.connect((sys.argv[1], 8081))
u.send(b"keep")
print(u.recv(100).decode(), flush=True)
sys.stdin.read()
'
mkfifo "$T/keep"
ports() { ss -Hnua | sed -n 's/.* 0\.0\.0\.0:\([0-9]*\) .*/\1/p' | sort -u; }
ports >"$T/ports"
(as_user "$M" exec web -- python3 -c "$KEEP" $HOST4 <"$T/keep" >"$T/keep.log" 2>&1) &
exec 8>"$T/keep"
until_true 10 grep -q 'db keep' "$T/keep.log"
OWN=$(ports | comm -13 "$T/ports" -)
ok "a UDP port of a guest is its own" fails equal "$(python3 -c "$TAKE" $HOST4 "$OWN" 2>&1 | tail -n 1)" 'db mine'
kill -9 "$(worker_of web)"
until_true 10 other_worker web 0
is "... and nobody's when it is let go" "$(until_true 5 python3 -c "$TAKE" $HOST4 "$OWN"
	python3 -c "$TAKE" $HOST4 "$OWN")" nothing
exec 8>&-

ok "a worker that is new says who it is" until_true 10 now 'db hello' from web tcp $HOST4 8081
kill -9 "$(worker_of db)"
ok "... and one knows who calls" until_true 10 now 'db hello' from web tcp $HOST4 8081
is "... and who does not" "$(once tcp $HOST4 8081)" nothing

# A guest that takes the other's place: the rule is about the name.
stop web
is "none is there: nobody is meant" "$(from other tcp $HOST4 8081)" nothing
# Programs of a guest may write where control sockets are, and give anything.
FORGE='import array, os, socket, sys
path = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.bind(path)
s.listen(10)
print("forged", flush=True)
while True:
    c, _ = s.accept()
    c.recv(1000)
    m = os.memfd_create("minato-roll", os.MFD_ALLOW_SEALING)
    os.ftruncate(m, 1 << 21)
    c.sendmsg([b"{}\n"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [m]))])
    print("given", flush=True)
'
SOCK=$(find "$T/user/run" -type s -name other.sock)
bg forge.log as_user "$M" exec other -- python3 -c "$FORGE" "${SOCK%other.sock}web.sock"
until_true 10 grep -q forged "$T/forge.log"
is "who is in a guest is no other guest" "$(from other tcp $HOST4 8081)" nothing
ok "... and is not asked" fails grep -q given "$T/forge.log"
kill $BG 2>/dev/null
rm -f "${SOCK%other.sock}web.sock"
run_guest web --host-loopback -- sleep 1000
ok "one that starts is known" until_true 10 now 'db hello' from web tcp $HOST4 8081
stop web
bg first.log as_user "$M" run --name web -- bash -c "once tcp $HOST4 8081"
until_true 10 grep -q . "$T/first.log"
is "... from its first call" "$(grep -v minato "$T/first.log")" 'db hello'

# --- while it runs -------------------------------------------------------------------

ok "a rule about another guest is added" as_user "$M" rule add -n db allow tcp 8081 from other first
# On a machine that is busy the other's answer may come after the reply.
ok "... and holds" until_true 10 now 'db hello' from other tcp $HOST4 8081
has "one that does not run is told of" \
	"$(as_user "$M" rule add -n db allow tcp 8081 from nobody first 2>&1)" 'no guest called nobody runs'
ok "... and is taken back" as_user "$M" rule rm -n db allow tcp 8081 from nobody
# What is shut to one that nobody knows is shut to whoever could be it.
ok "one that is not known is refused" as_user "$M" rule add -n db allow tcp 8081 last
ok "..." as_user "$M" rule rm -n db block tcp,udp 8081
ok "... by name" as_user "$M" rule add -n db block tcp 8081 from ghost first
is "... so a program of its user is not it" \
	"$(as_user bash -c "once tcp $HOST4 8081")" nothing
is "... but one of another user" "$(once tcp $HOST4 8081)" 'db hello'
is "... and a guest that is known by its own name" "$(from other tcp $HOST4 8081)" 'db hello'
has "... which why says" "$(as_user "$M" why -n db tcp $HOST4:40000 to $HOST4:8081 2>&1)" 'perhaps guest ghost'
ok "... and it is taken back" as_user "$M" rule rm -n db block tcp 8081 from ghost
stop db

# --- out ----------------------------------------------------------------------------

run_guest db -p 8081:80/both -p 8083:80 -- python3 -c "$SERVE" db
run_guest web2 -p 8082:80 -- python3 -c "$SERVE" web2
run_guest app --host-loopback --rule 'allow out tcp,udp 8081-8090 to db' --rule 'block out everything' \
	-- sleep 1000
is "out: to the guest that is named" "$(from app tcp $HOST4 8081)" 'db hello'
is "out: by UDP" "$(from app udp $HOST4 8081)" 'db hello'
is "out: by IPv6" "$(from app tcp $HOST6 8081)" 'db hello'
is "out: by the loopback" "$(from app tcp 10.0.2.2 8081)" 'db hello'
is "out: to another guest" "$(from app tcp $HOST4 8082)" nothing
is "out: to this port of another host" "$(from app tcp $PEER4 8081)" nothing
has "why: whose port it is" "$(as_user "$M" why -n app tcp guest to $HOST4:8081 2>&1)" \
	'guest db has published that port'
ok "a port that is published later" as_user "$M" forward add db 8085:80
is "... is the guest's" "$(from app tcp $HOST4 8085)" 'db hello'
ok "... until it is not" as_user "$M" forward rm db 8085
bg taker.log python3 -m http.server 8085 --bind $HOST4
until_true 10 listening 8085
is "... and somebody else has it" "$(from app tcp $HOST4 8085)" nothing
ip addr add 10.77.0.1/24 dev h0
ok "an address that comes is the guest's too" until_true 5 now 'db hello' from app tcp 10.77.0.1 8081
stop db
bg taker2.log python3 -m http.server 8081 --bind $HOST4
until_true 10 listening 8081
ok "the guest has ended, and its port is another's" now nothing from app tcp $HOST4 8081

# --- with a filter at the socket -------------------------------------------------------

# Where the kernel keeps out whom the rules refuse, it lets come who may be a guest of this host.
if [ "$NET_REAL_ROOT" = 1 ]; then
	kill $BG
	mkdir -m 700 "$T/root"
	as_root() { env XDG_RUNTIME_DIR="$T/root" "$@"; }
	root_has() { as_root "$M" ps | grep -q "^$1 "; }
	root_runs() { # NAME ARGS...
		bg "root-$1.log" as_root "$M" run --name "$@"
		until_true 10 root_has "$1"
	}
	root_runs web --host-loopback -- sleep 1000
	root_runs db -p 8086:80/both --rule 'allow tcp,udp 8086 from web' \
		--rule 'block tcp,udp 8086' -- python3 -c "$SERVE" db
	from_root() { as_root "$M" exec web -- bash -c 'once "$@"' - "$@"; }
	ok "filter: the guest that is named" until_true 10 now 'db hello' from_root tcp $HOST4 8086
	is "filter: by UDP" "$(from_root udp $HOST4 8086)" 'db hello'
	is "filter: by IPv6" "$(from_root tcp $HOST6 8086)" 'db hello'
	is "filter: a program of this host" "$(once tcp $HOST4 8086)" nothing
	is "filter: ... by UDP" "$(once udp 127.0.0.1 8086)" nothing
	is "filter: another user's guest" "$(from web2 tcp $HOST4 8086)" nothing
	has "filter: it is one" "$(as_root "$M" forward list db)" ' 8086:80/both .*kernel'
	is "filter: another host finds nobody" "$(in_peer curl -sS -m 2 "http://$HOST4:8086/" 2>&1 |
		grep -o 'timed out')" 'timed out'
	as_root "$M" stop db
	as_root "$M" stop web
fi

# --- what is wrong is said ------------------------------------------------------------

said() { as_user "$M" run --rule "$@" -- true 2>&1; }
has "a set that is called as a guest is" \
	"$(said 'set web2 192.0.2.1' --rule 'allow tcp 80 from web2' --rule 'block tcp 80')" \
	'a guest that runs is called web2 too'
has "... under a caret" "$(said 'set web2 192.0.2.1')" '^ *\^~~'
has "a guest that is called as a zone is" "$(as_user "$M" run --name lan -- true 2>&1)" \
	'lan is a zone of rules'
has "out comes from itself" "$(said 'block out tcp 80 from web2')" 'comes from it alone'
has "in goes to itself" "$(said 'block tcp 80 to web2')" 'for an address of ours'
has "a gateway has no guests" "$(printf 'inside tap t0 10.0.0.1/24\noutside host\nallow tcp 80 from web2\n' |
	as_user "$M" check - 2>&1)" 'no zone, set or link is called web2'
finish
