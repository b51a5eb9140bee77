#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Seeing a guest: ss, ps, exec, stop, and who may ask.
. "$(dirname "$0")/lib.bash"
world_up
bg far.log in_peer socat TCP-LISTEN:7000,fork,reuseaddr EXEC:cat
until_true 5 listening 7000 peer
run_guest one -p 8080:80,8053:53/udp -- sleep 600
run_guest two -p 8081:81 -- sleep 600
bg conn.log as_user "$M" exec one -- socat TCP:$PEER4:7000 EXEC:'sleep 600'
conn() { as_user "$M" ss -n -t | grep -q "$PEER4:7000"; }
ok "ss shows the connection" until_true 5 conn
has "ss: state and addresses" "$(as_user "$M" ss -n -t)" "ESTAB.*10\.0\.2\.100:[0-9]+.*$PEER4:7000|ESTAB.*$PEER4:7000.*10\.0\.2\.100:[0-9]+"
has "ss has the columns people know" "$(as_user "$M" ss -n | head -n 1)" "Netid +State +Recv-Q +Send-Q +Local Address:Port +Peer Address:Port"
is "ss -H has no header" "$(as_user "$M" ss -H -n -t | grep -c Netid)" 0
has "ss -l shows the published port" "$(as_user "$M" ss -l -n)" "8080|:80 "
has "also that of TCP" "$(as_user "$M" ss -l -n -t --in two)" \
	"LISTEN.*:8081 +10\.0\.2\.[0-9]+:81 +published"
is "ss -l leaves the guest's rules out" \
	"$(as_user "$M" ss -H -l -n | grep -Ec 'guard|uplink')" 0
ok "and has them with -e" sh -c "$(declare -f as_user); NET_REAL_ROOT=$NET_REAL_ROOT T='$T' M='$M'; as_user '$M' ss -H -l -n -e | grep -q uplink"
is "--in names one guest" "$(as_user "$M" ss -H -n -t --in two | grep -c 7000)" 0
guest_rows() { as_user "$M" ss -H -n "$@" | wc -l; }
is "a filter chooses rows of guests" "$(guest_rows --in one "dst $PEER4:7000")" 1
is "by their state too" "$(guest_rows --in one state established "dport = :7000")" 1
is "and leaves the others out" "$(guest_rows --in one "dst $PEER4 dport != :7000")" 0
is "state words take the place of -l" "$(guest_rows --in one state listening 'sport = :53')" 2
is "a filter that is wrong is a matter of usage" "$(as_user "$M" ss 'dst 1.2.3' 2>/dev/null; echo $?)" 2
ok "ss --json is JSON" sh -c "$(declare -f as_user); NET_REAL_ROOT=$NET_REAL_ROOT T='$T' M='$M'; as_user '$M' ss -a --json | python3 -m json.tool"
has "ps lists the guests" "$(as_user "$M" ps)" "^one .*8080"
ok "ps --json is JSON" sh -c "$(declare -f as_user); NET_REAL_ROOT=$NET_REAL_ROOT T='$T' M='$M'; as_user '$M' ps --json | python3 -m json.tool"
is "exec enters the guest" "$(in_guest one -- hostname -I 2>/dev/null | tr ' ' '\n' | grep -c '^10.0.2.100$')" 1
in_guest one -- sh -c 'exit 33'
is "exec passes the exit code" "$?" 33
is "exec runs as the caller" "$(in_guest one -- id -u)" "$(as_user id -u)"
has "exec into a guest that is not there" "$(in_guest nobody -- true 2>&1)" "nobody"
in_guest nobody -- true 2>/dev/null
is "and fails" "$([ $? -ne 0 ] && echo failed)" failed

# Who may ask: the socket is the user's own.
sock=$(find "$T/user/run" -type s | head -n 1)
is "the socket is for its owner alone" "$(stat -c %a "$sock")" 600
is "its directory too" "$(stat -c %a "$(dirname "$sock")")" 700
if [ "$NET_REAL_ROOT" = 1 ]; then
	is "another user sees nothing" "$(setpriv --reuid=65533 --regid=65533 --clear-groups env XDG_RUNTIME_DIR="$T/user/run" "$M" ps 2>/dev/null | grep -c one)" 0
fi
# Rubbish and half-open clients harm nothing.
rubbish() {
	for i in {1..5}; do
		head -c 100000 /dev/urandom | timeout 3 socat -u - "UNIX-CONNECT:$sock"
		printf '{"request":' | timeout 1 socat -u - "UNIX-CONNECT:$sock"
	done
	bg hang.log as_user socat -u EXEC:'sleep 60' "UNIX-CONNECT:$sock"
	as_user "$M" ps | grep -q '^one '
}
ok "rubbish on the control socket harms nothing" rubbish
as_user "$M" stop two >/dev/null
gone() { ! guest_up two; }
ok "stop ends a guest" until_true 10 gone
as_user "$M" stop two 2>/dev/null
is "stop of what is not there fails" "$([ $? -ne 0 ] && echo failed)" failed
as_user "$M" ss -n 'bogus filter words' >/dev/null 2>&1
is "ss refuses what it does not know" "$([ $? -ne 0 ] && echo refused)" refused
finish
