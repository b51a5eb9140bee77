#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Published ports of every sort: runs, all, auto; ports of the host that the
# guest may reach; and all of them changed while the guest runs.
. "$(dirname "$0")/lib.bash"
world_up

# A server for each port given: answers with its own port number.
cat >"$T/serve.py" <<'X'
import selectors, socket, sys
s = selectors.DefaultSelector()
for word in sys.argv[1:]:
    address, port = word.rsplit(":", 1)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    l = socket.socket(family, socket.SOCK_STREAM)
    l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        l.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address != "::")
    l.bind((address, int(port)))
    l.listen(64)
    s.register(l, selectors.EVENT_READ)
while True:
    for key, _ in s.select():
        c, _ = key.fileobj.accept()
        c.sendall(str(key.fileobj.getsockname()[1]).encode())
        c.close()
X
# ask ADDRESS PORT: what the server says, or the name of the error.
cat >"$T/ask.py" <<'X'
import errno, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM)
s.settimeout(5)
try:
    s.connect((sys.argv[1], int(sys.argv[2])))
    print(s.recv(100).decode())
except socket.timeout:
    print("silence")
except OSError as e:
    print(errno.errorcode[e.errno])
X
chmod a+r "$T"/*.py
ask() { python3 "$T/ask.py" "$@"; }
ask_peer() { in_peer python3 "$T/ask.py" "$@"; }
serve_in() { # GUEST ADDRESS:PORT...
	local guest=$1
	shift
	bg "serve-$guest.log" in_guest "$guest" -- python3 "$T/serve.py" "$@"
	until_true 5 guest_listening "$guest" "${1##*:}"
}
guest_listening() { in_guest "$1" -- ss -Hltn | grep -Eq "[:.]$2 "; }
rows() { as_user "$M" ss -Hlnt --in "$1" | grep -c published; }

# --- runs ---------------------------------------------------------------------

run_guest run -p 8000-8999:9000 -- sleep 600
serve_in run 0.0.0.0:9042 0.0.0.0:9999
is "a run keeps its offset" "$(ask_peer $HOST4 8042)" 9042
is "and its last port" "$(ask_peer $HOST4 8999)" 9999
is "a run of 1000 ports is one row for each family" "$(rows run)" 2
has "and one line of ps" "$(as_user "$M" ps)" '^run .* 8000-8999->9000-9999/tcp'
as_user "$M" stop run

# --- all ----------------------------------------------------------------------

sysctl -qw net.ipv4.ip_local_port_range="3000 65535" net.ipv4.ip_local_reserved_ports=2500-2509
bg held.log socat TCP-LISTEN:2222,fork,reuseaddr EXEC:true
until_true 5 listening 2222
run_guest all -p all,~2600 -p 2700:80 -- sleep 600
serve_in all :::2345 :::80 :::2600
is "all: any free port leads to the same of the guest" "$(ask_peer $HOST4 2345)" 2345
is "all: by IPv6 too, from one socket" "$(ask_peer $HOST6 2345)" 2345
is "all: a port that is named goes first" "$(ask_peer $HOST4 2700)" 80
is "all: what is left out is not there" "$(ask_peer $HOST4 2600)" ECONNREFUSED
is "all: a port that another holds stays his" "$(ask $HOST4 2222)" ""
is "all: reserved ports are left alone" "$(ask_peer $HOST4 2505)" ECONNREFUSED
is "all: no port that the host calls from" "$(ask_peer $HOST4 3000)" ECONNREFUSED
is "all: a row for each family, and two for the named" "$(rows all)" 4
has "all: ps" "$(as_user "$M" ps)" '\*->\*/tcp'
as_user "$M" stop all

few() { (ulimit -n 1500 && as_user "$M" run "$@"); }
said=$(few -p all -- touch "$T/user/ran" 2>&1)
is "all without descriptors enough: refused" $? 1
has "with the number needed" "$said" 'needs [0-9]+ open files'
has "the number allowed" "$said" 'no more than 1500'
has "and the remedy" "$said" 'nofile [0-9]+'
ok "before anything was started" fails test -e "$T/user/ran"
sysctl -qw net.ipv4.ip_local_reserved_ports=""

# --- reach ----------------------------------------------------------------------

bg local.log python3 "$T/serve.py" 127.0.0.1:5432 ::1:5432 127.0.0.1:5433
until_true 5 listening 5433
run_guest reach --reach 5432 --reach 5433:15433 -- sleep 600
try() { in_guest reach -- python3 "$T/ask.py" "$@"; }
is "reach: the gateway's port is the host's" "$(try 10.0.2.2 5432)" 5432
is "reach: by IPv6" "$(try fd00::2 5432)" 5432
is "reach: by another number" "$(try 10.0.2.2 15433)" 5433
is "reach: not by its own then" "$(try 10.0.2.2 5433)" ECONNREFUSED
is "reach: nothing else of the loopback" "$(try 10.0.2.2 7)" ECONNREFUSED
has "reach: stands in the table" "$(as_user "$M" ss -aHn --in reach)" 'reach'
as_user "$M" stop reach
ok "reach: an address is refused" fails as_user "$M" run --reach 127.0.0.1:80:80 -- true

finish
