#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What a port is for, and who holds it: textbook ports, files of other systems, guests, proposals.
. "$(dirname "$0")/lib.bash"
world_up
S() { as_user "$M" services "$@"; }
first() { S "$@" --json | python3 -c 'import json, sys
one = json.load(sys.stdin)["services"][0]
print(one["port"], one["name"])'; }
member() { # member NAME ARGS...: of the first object
	local name=$1
	shift
	S "$@" --json | python3 -c 'import json, sys
print(json.dumps(json.load(sys.stdin)["services"][0][sys.argv[1]]))' "$name"
}

# --- every port a textbook lists, by number and by name ---------------------------
: >"$T/empty"
textbook="20:ftp-data 21:ftp 22:ssh 23:telnet 25:smtp 53:domain 67:bootps 68:bootpc 80:http 110:pop3
	119:nntp 123:ntp 137:netbios-ns 138:netbios-dgm 139:netbios-ssn 143:imap 443:https
	445:microsoft-ds 587:submission"
numbers() {
	for pair in $textbook; do
		equal "$(first "${pair%:*}" --services "$T/empty")" "${pair%:*} ${pair#*:}" || return
	done
}
names() {
	for pair in $textbook; do
		equal "$(first "${pair#*:}" --services "$T/empty")" "${pair%:*} ${pair#*:}" || return
	done
}
ok "textbook ports have their names" numbers
ok "textbook names have their ports" names
is "24 is for any private mail system" "$(member description 24)" '"any private mail system"'
is "names in capitals" "$(first HTTPS)" "443 https"
is "aliases too" "$(first www-http/tcp)" "80 http"

# --- searching ----------------------------------------------------------------------
has "a range is a list" "$(S 20-25)" "^22/tcp,udp,sctp +ssh"
has "a prefix" "$(S telne)" "^23/tcp,udp +telnet"
has "words of the description" "$(S world wide web)" "^80/tcp,udp"
has "a slip of the finger" "$(S htpp 2>&1)" "did you mean http\?"
has "one that begins another name" "$(S smpt 2>&1)" "did you mean smtp\?"
is "a beginning is no slip" "$(S http- 2>&1 >/dev/null)$(S ssh- 2>&1 >/dev/null)" ""
S htpp 2>/dev/null
is "and it is exit code 1" "$?" 1
is "with an empty list in JSON" "$(S htpp --json 2>/dev/null | python3 -c 'import json, sys
print(json.load(sys.stdin)["services"])')" "[]"
S 70000 2>/dev/null
is "no port at all is exit code 2" "$?" 2
is "UDP alone" "$(S 53 -u --json | grep -c '"protocol"')" 1
has "browsers refuse 6000" "$(member browser_refused 6000)" true
has "telnet is risky" "$(S 23)" "risk .*clear"
for form in "80" "" "20-25" "-t http" "zz-top"; do
	# shellcheck disable=SC2086
	S $form --json >"$T/json" 2>/dev/null
	[ -s "$T/json" ] && ok "JSON of '$form' is JSON" python3 -m json.tool "$T/json" /dev/null
done

# --- files ----------------------------------------------------------------------------
printf '\xef\xbb\xbfmy-thing           4711/tcp    my-alias   #Mine\r\nwebx 80/tcp\r\n' >"$T/windows"
is "a file of Windows goes first" "$(first 80/tcp --services "$T/windows")" "80 webx"
is "with its aliases" "$(first my-alias --services "$T/windows")" "4711 my-thing"
{
	cat "$T/windows"
	echo "nonsense"
	echo "80/tcp http"
} >"$T/half"
is "lines that are none are counted" "$(S 80 --services "$T/half" 2>&1 >/dev/null)" \
	"minato: $T/half: 2 lines were not understood; expected 'NAME PORT/PROTOCOL'"
is "where there are some" "$(S 80 --services "$T/windows" 2>&1 >/dev/null)" ""
has "a file that is not there" "$(S 80 --services "$T/none" 2>&1)" "cannot read .*none: No such file"
S --export >"$T/exported"
is "an export is a services file" "$(first 443 --services "$T/exported")" "443 https"
ok "of as many lines as pairs" test "$(grep -c / "$T/exported")" -gt 11600
has "which says how old it is" "$(head -n 1 "$T/exported")" "IANA list of 20[0-9]{2}-[0-9]{2}-[0-9]{2}"

# --- who holds it ---------------------------------------------------------------------
has "nobody holds it" "$(S 8080)" "held +by nobody"
bg listener.log as_user socat TCP-LISTEN:8080,bind=127.0.0.1,fork,reuseaddr EXEC:cat
until_true 5 listening 8080
has "a program of this host" "$(S 8080)" "held +socat \(pid [0-9]+, user [^)]*\) listens on( +|$)"
has "ss has the name of it" "$(as_user "$M" ss -lt)" "127\.0\.0\.1:http-alt"
run_guest web -p 8090:80 -- socat TCP-LISTEN:80,fork,reuseaddr EXEC:cat
inside() { S 80 | tr -s '\n ' ' ' | grep -q 'guest web: socat (pid [0-9]*, user [^)]*) listens on [^ ]*:80 '; }
ok "a program of a guest" until_true 5 inside
has "a published port" "$(S 8090 | tr -s '\n ' ' ')" "for port 80 of guest web listens on"
is "its guest in JSON" "$(S 8090/tcp --json | grep -o '"published_for":"web","guest_port":80' | sort -u)" \
	'"published_for":"web","guest_port":80'

# --- this host's rules ----------------------------------------------------------------
is "80 is privileged" "$(member privileged 80)" true
echo 80 >/proc/sys/net/ipv4/ip_unprivileged_port_start
is "until the kernel says otherwise" "$(member privileged 80)" false
is "32768 is ephemeral" "$(member ephemeral_here 32768)" true
echo "1024 30000" >/proc/sys/net/ipv4/ip_local_port_range
is "until the kernel says otherwise" "$(member ephemeral_here 32768)" false
echo "32768 60999" >/proc/sys/net/ipv4/ip_local_port_range

# --- proposals ------------------------------------------------------------------------
port=$(S --suggest my-app)
is "a name has one port" "$(S --suggest my-app)" "$port"
is "it has no name" "$(member name "$port")" null
echo "$port" >/proc/sys/net/ipv4/ip_local_reserved_ports
other=$(S --suggest my-app)
ok "a reserved one is passed over" test "$other" != "$port"
echo >/proc/sys/net/ipv4/ip_local_reserved_ports
bg taken.log as_user socat "UDP-RECVFROM:$port,fork" EXEC:cat
taken() { ss -Hlun | grep -q ":$port "; }
until_true 5 taken
is "one that is held, too" "$(S --suggest my-app)" "$other"
has "a name that is none" "$(S --suggest my_app 2>&1)" "at character 3"
S --suggest my_app 2>/dev/null
is "and it is exit code 2" "$?" 2
has "a name that is taken" "$(S --suggest http 2>&1)" "http is a service already, at 80/tcp"
finish
