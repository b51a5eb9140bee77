#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# minato who: every reason for which a port cannot be had, and what frees it.
. "$(dirname "$0")/lib.bash"
world_up

who() { as_user "$M" who "$@" 2>&1; }
code() { # what COMMAND... exits with
	"$@" >/dev/null 2>&1
	echo $?
}
taken() { who "$@" | grep -q ': taken'; }
not_taken() { ! taken "$@"; }

# --- a free one ----------------------------------------------------------------

is "a free port: one line" "$(who 2000/tcp)" "2000/tcp (cisco-sccp, user port): free"
is "exit code 0" "$(code who 2000/tcp)" 0
is "both protocols by default" "$(who 2000 | wc -l)" 2
is "-u: one" "$(who -u 2000 | wc -l)" 1
has "by name" "$(who http-alt/tcp)" "^8080/tcp \(http-alt, user port\): free$"

# --- a program ------------------------------------------------------------------

bg holder.log as_user socat TCP-LISTEN:2001,fork,reuseaddr EXEC:cat
HOLDER=$BG
until_true 5 listening 2001
text=$(who 2001/tcp)
has "a listener: its program, address, and since when" "$text" \
	"held by +socat \(pid [0-9]+, user .*\) listens on .*:2001; running since [0-9:]{8} "
pid=$(printf '%s' "$text" | sed -n 's/.*(pid \([0-9]*\),.*/\1/p')
has "what frees it" "$text" "to free +kill $pid$"
has "and what is free nearby" "$text" "free near +2002, 2000, 2003, 1999, 2004$"
is "exit code 1" "$(code who 2001/tcp)" 1
is "125 where the answer cannot be written: 1 is one" \
	"$(as_user "$M" who 2001/tcp 2>/dev/null >/dev/full; echo $?)" 125
is "the other protocol is free" "$(code who 2001/udp)" 0

# A client holds its own port; what it has left behind closes for a while.
bg client.log as_user socat - TCP:127.0.0.1:2001,sourceport=2010,reuseaddr
sleep 0.2
bg client.log as_user socat EXEC:'sleep 600' TCP:127.0.0.1:2001,sourceport=2011,reuseaddr
until_true 5 taken 2011/tcp
has "a connection's own port" "$(who 2011/tcp)" "socat \(pid [0-9]+, user .*\) has 1 connection"
closing() { who 2010/tcp | grep -q ': closing'; }
ok "TIME-WAIT: only for who does not say SO_REUSEADDR" until_true 5 closing
has "how long still, and what to do" "$(who 2010/tcp)" "to free +wait [0-9]+ s, or let the server"
is "exit code 0: it can be bound" "$(code who 2010/tcp)" 0

# --- the kernel's rules ----------------------------------------------------------

sysctl -qw net.ipv4.ip_local_port_range="30000 40000"
sysctl -qw net.ipv4.ip_local_reserved_ports="30100-30199"
has "a port that connections are given" "$(who 30200/tcp)" \
	"ip_local_port_range is 30000-40000.*ip_local_reserved_ports=30200"
has "one that is kept back" "$(who 30150/tcp)" "Reserved by the kernel \(.*, 30100-30199\): no automatic choice takes it"
if [ "$NET_REAL_ROOT" = 1 ]; then
	has "one for root" "$(who 25/tcp)" "^25/tcp \(smtp, system port\): not permitted"
	has "and how everybody may" "$(who 25/tcp)" "sudo sysctl net.ipv4.ip_unprivileged_port_start=25"
	is "exit code 1" "$(code who 25/tcp)" 1
	has "one for root that somebody holds is taken" \
		"$(python3 -c "
import socket, subprocess, sys
s = socket.create_server(('127.0.0.1', 25))
print(subprocess.run(sys.argv[1:], capture_output=True, text=True).stdout)" \
		setpriv --reuid=65534 --clear-groups "$M" who 25/tcp)" \
		"taken"
else
	skip "ports for root" "needs root"
fi

as_user "$M" reserve add 2020-2023/tcp --note "staging" >/dev/null
has "one that the user has reserved" "$(who 2021/tcp)" "Reserved by the user \(2020-2023/tcp, staging\).*To end that: minato reserve rm 2020-2023/tcp"
is "which is free to who asks for it" "$(code who 2021/tcp)" 0
bg other.log as_user socat TCP-LISTEN:2019 STDOUT
until_true 5 listening 2019
has "and is not proposed" "$(who 2019/tcp)" "free near +2018, 2017, 2016, 2015, 2024"

# --- NAT of the kernel --------------------------------------------------------------

if command -v nft >/dev/null && [ "$(id -u)" = 0 ] &&
	nft add table ip portal 2>/dev/null &&
	nft add chain ip portal way '{ type nat hook prerouting priority -100 ; }' 2>/dev/null &&
	nft add rule ip portal way tcp dport '{ 2030, 2040-2049 }' dnat to 10.99.0.10:80 2>/dev/null
then
	has "a rule of NAT that takes it" "$("$M" who 2045/tcp)" \
		"NAT sends what arrives for it elsewhere \(nftables, table ip portal, chain way\)"
	has "in a set of ports" "$("$M" who 2030/tcp)" "chain way"
	is "not its neighbour" "$("$M" who 2050/tcp | wc -l)" 1
	nft add rule ip portal way dnat to tcp dport map '{ 2051 : 10.99.0.10 }'
	has "in a map" "$("$M" who 2051/tcp)" "chain way"
	is "nor of a map" "$("$M" who 2050/tcp | wc -l)" 1
	nft delete table ip portal
else
	skip "a rule of NAT" "needs nft and the right to use it"
fi

# --- guests ---------------------------------------------------------------------------

run_guest web -p 2060:80,2070-2079:8070 -- python3 -m http.server 80
until_true 10 taken 80/tcp --in web
text=$(who 2060/tcp)
has "a forward: whose, and where to" "$text" "minato \(pid [0-9]+\) for port 80 of guest web"
has "what removes it" "$text" "to free +minato forward rm web 2060:80/tcp$"
has "a run is removed whole" "$(who 2075/tcp)" "to free +minato forward rm web 2070-2079:8070-8079/tcp$"
has "the guest's own port, in the same answer" "$(who 80/tcp)" "guest web: python3 \(pid [0-9]+"
is "--in: only there" "$(who 80/tcp --in web | head -n 1)" "80/tcp (http, system port): taken"
is "--in: what is free there" "$(code who 81/tcp --in web)" 0
remedy=$(who 2060/tcp | sed -n 's/.*to free *minato //p')
bg caller.log socat EXEC:'sleep 600' TCP:127.0.0.1:2060
called() { who 2060/tcp | grep -q 'has 1 connection'; }
ok "a connection to it" until_true 5 called
cut=$(who 2060/tcp | sed -n 's/.*to free *minato \(ss .*\)/\1/p')
is "how it is cut" "$cut" "ss -K --in web sport = :80"
# The words are those of a shell.
# shellcheck disable=SC2086
ok "which cuts it" as_user "$M" $cut
# shellcheck disable=SC2086
ok "the remedy does what it says" as_user "$M" $remedy
ok "and the port is free" until_true 5 not_taken 2060/tcp

# --- as JSON -----------------------------------------------------------------------------

as_user "$M" who --json 2001/tcp >"$T/who.json"
is "JSON has it all" "$(python3 -c "
import json, sys
p = json.load(open(sys.argv[1]))['ports'][0]
h = p['holders'][0]
print(p['port'], p['protocol'], p['verdict'], h['hold'], h['process']['program'], h['process']['pid'] == int(sys.argv[2]),
      h['remedy'], p['nearest_free'][0])" "$T/who.json" "$pid")" \
	"2001 tcp taken listener socat True kill $pid 2002"

# --- the same words elsewhere --------------------------------------------------------------

has "run: the same words" "$(as_user "$M" run -p 2001:80 -- true 2>&1)" \
	"host port 2001/tcp is taken by socat \(pid $pid, user .*to free it: kill $pid; the nearest free"
has "another guest's forward" "$(as_user "$M" run -p 2075:80 -- true 2>&1)" \
	"taken by minato .* for port 8075 of guest web.*to free it: minato forward rm web 2070-2079"

# --- wrong words -------------------------------------------------------------------------------

for word in 0 65536 80/icmp nosuchservice 80x '' -1; do
	is "'$word' is refused" "$(code as_user "$M" who -- "$word")" 2
done
has "no guest of that name" "$(who 80 --in wbe)" "no guest is called wbe.*did you mean web"
as_user "$M" stop web
kill "$HOLDER"
finish
