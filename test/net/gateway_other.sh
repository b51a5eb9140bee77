#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Protocols without ports through a gateway: tunnels of GRE and IP in IP with real traffic inside,
# ESP, UDP-Lite by the kernel's sockets; what a dmz host gets; IPv6; what the commands say of them.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
has_tools python3 ping curl nginx || skip_all "$MISSING is not here"
[ -c /dev/net/tun ] || skip_all "no tun device"
gateway_world
OUT=198.51.100.1
play() { within "$1" python3 "$(dirname "$0")/greplay.py" "${@:2}"; }
plays() { # plays NAME LOG WORD...: in the background, until it is up
	within_bg "$1" "$2" python3 "$(dirname "$0")/greplay.py" "${@:3}"
	until_true 5 grep -q up "$T/$2"
}
{
	gateway_links
	echo "nat timeout other 3m"
	echo "block out everything to 203.0.113.10"
	echo "test gre from inside 10.0.0.7 to 203.0.113.9 leaves from $OUT"
	echo "test gre from inside 10.0.0.7 to 203.0.113.10 is closed by line 5"
	echo "test dccp from inside 10.0.0.7 to 203.0.113.9 is closed"
	echo "test esp from 2001:db8:f::9 to 2001:db8:a::7 is closed"
	echo "allow out 6in4, protocol 99 from 10.0.0.7"
	echo "drop out ospf, protocol 99 log"
	echo "test ospf from inside 10.0.0.7 to 203.0.113.9 is dropped by line 11"
	echo "test 99 from inside 10.0.0.7 to 203.0.113.9 passes by line 10"
	echo "test 99 from inside 10.0.0.8 to 203.0.113.9 is dropped by line 11"
	echo "test gre from 203.0.113.9 to $OUT is closed"
} >"$T/gateway.conf"
ok "test lines know them" ask check "$T/gateway.conf"
gateway_up || { fail "a gateway"; finish; }

# --- outward -----------------------------------------------------------------------------

tunnel_of() { # tunnel_of PROTOCOL DEVICE NET
	plays desk "$2-desk.log" tunnel "$1" 10.0.0.7 203.0.113.9 "$2"
	plays far "$2-far.log" tunnel "$1" 203.0.113.9 "$OUT" "$2"
	within desk ip addr add "$3.1/30" dev "$2"
	within desk ip link set "$2" up mtu 1400
	within far ip addr add "$3.2/30" dev "$2"
	within far ip link set "$2" up mtu 1400
}
tunnel_of 47 gre1 192.168.77
tunnel_of 4 ipip1 192.168.78
serves far 80 "far"
ok "a tunnel of GRE from inside" within desk ping -c 3 -i 0.2 -W 2 192.168.77.2
is "what goes by it" "$(gets desk http://192.168.77.2/)" "far"
ok "and back" within far ping -c 2 -i 0.2 -W 2 192.168.77.1
ok "one of IP in IP beside it" within desk ping -c 2 -i 0.2 -W 2 192.168.78.2
head -c 3000000 /dev/urandom >"$T/www-far-80/large"
within desk curl -s -m 30 -o "$T/got" http://192.168.77.2/large
ok "a download by the tunnel is whole" cmp "$T/www-far-80/large" "$T/got"

plays far esp.log echo 50
plays far six.log echo 41
plays far sctp.log echo 132
is "ESP goes out by the gateway's address" "$(play desk send 50 203.0.113.9 hello)" "to hello $OUT"
is "so does another host's 41" "$(play web send 41 203.0.113.9 hello)" "to hello $OUT"
is "and SCTP" "$(play web send 132 203.0.113.9 hello)" "to hello $OUT"
is "of one remote one host has a protocol: the next one is told" \
	"$(play mail send 50 203.0.113.9 "hello, you")" "No route to host"
why=$(ask why esp 10.0.0.3 to 203.0.113.9)
is "... and why says so" "$?" 1
ok "... and who has it" matches "$why" '^refused: another inside host has that protocol there'
ok "... another is free" matches "$(ask why 77 10.0.0.3 to 203.0.113.9)" '^passes: '
is "in pieces" "$(play desk send 50 203.0.113.9 "$(printf '%03000d' 7)")" "3003 bytes"
is "what a rule shuts, with all else, is refused" "$(play desk send 50 203.0.113.10 "hello, you")" \
	"No route to host"
plays far lite.log lite-echo 5000
is "UDP-Lite, whose sum is over the addresses" "$(play desk lite-send 203.0.113.9 5000 lite)" \
	"lite $OUT"

# --- inward ------------------------------------------------------------------------------

is "from outside they are closed" "$(play far2 send 47 $OUT "hello, you")" "Protocol not available"
listed=$(ask nat list sessions)
ok "the flows are listed by name" matches "$listed" '^gre  *out  *open  *10\.0\.0\.7  *203\.0\.113\.9 '
ok "and the others" matches "$listed" '^esp .*10\.0\.0\.7'
sessions=$(ask nat list sessions --json)
ok "in JSON by number" matches "$sessions" '"proto": *47'
why=$(ask why gre 203.0.113.10 to $OUT)
is "why: nobody gets it" "$?" 1
ok "and it says so" matches "$why" 'no dmz host gets it'
why=$(ask why gre 10.0.0.7 to 203.0.113.10)
ok "why: the rule" matches "$why" 'refused by line 5: block out everything'
ok "why: it goes out" ask why 99 10.0.0.7 to 203.0.113.9

plays dmz dmz47.log echo 47
plays dmz dmz50.log echo 50
ok "a dmz host" ask dmz 10.0.0.9
is "gets what comes from outside" "$(play far2 send 47 $OUT hello)" "to hello 203.0.113.10"
is "but not what another host has begun" "$(play far send 50 $OUT more)" "nothing"
why=$(ask why gre 203.0.113.10 to $OUT)
ok "why says so" matches "$why" 'passes: .*it reaches 10\.0\.0\.9$'
listed=$(ask nat list sessions)
ok "it is listed as its" matches "$listed" '^gre  *forward .*203\.0\.113\.10  *198\.51\.100\.1  *10\.0\.0\.9'

# --- hairpin: from inside to the outside address -----------------------------------------

is "another inside host reaches the dmz host by the outside address" \
	"$(play web send 47 $OUT hello)" "to hello $OUT"
is "one has a protocol towards it: the next one is told" "$(play mail send 47 $OUT "hello, you")" \
	"No route to host"
why=$(ask why gre 10.0.0.3 to $OUT)
is "... and why says so" "$?" 1
ok "... and that another has it" matches "$why" '^refused.* another inside host has that protocol there'
is "another protocol is free" "$(play mail send 50 $OUT hello)" "to hello $OUT"
why=$(ask why gre 10.0.0.2 to $OUT)
is "why: it passes" "$?" 0
ok "and where it comes to" matches "$why" 'it reaches 10\.0\.0\.9$|a flow that'
listed=$(ask nat list sessions)
ok "it is listed as a hairpin" matches "$listed" \
	'^gre  *hairpin .*10\.0\.0\.2  *198\.51\.100\.1  *10\.0\.0\.9'

shown=$(ask ss -a)
ok "ss shows it by the protocol's number, and by addresses" matches "$shown" \
	'^47 .* 10\.0\.0\.7:\* .*203\.0\.113\.9:\*'

# --- rules of the policy -----------------------------------------------------------------

plays dmz dmz97.log echo 97
ok "a rule that is said live" ask rule add block 97 from 203.0.113.10
is "says nothing of protocols, but of ports" "$(play far2 send 97 $OUT hello)" "to hello 203.0.113.10"
ok "by its name it does" ask rule add block etherip from 203.0.113.9 named no-etherip
is "and refuses" "$(play far send 97 $OUT "hello, you")" "No route to host"
why=$(ask why etherip 203.0.113.9 to $OUT)
is "why says so" "$?" 1
ok "and by what" matches "$why" 'refused by .*block etherip from 203\.0\.113\.9'
why=$(ask why-not etherip 203.0.113.9 to $OUT)
ok "why-not has the rule that would help" matches "$why" \
	"^minato rule add allow etherip from 203\.0\.113\.9 to $OUT first$"
ok "hits are counted" matches "$(ask rule --json | tr -d ' \n')" '"text":"blocketheripfrom203.0.113.9[^}]*"hits":[1-9]'
ok "it goes again" ask rule rm no-etherip
is "and lets them in" "$(play far send 97 $OUT hello)" "to hello 203.0.113.9"
is "what is dropped with log" "$(play desk send 89 203.0.113.9 hello)" "nothing"
ok "is said" until_true 5 grep -q 'rule: ospf from 10.0.0.7 to 203.0.113.9: dropped by line 11' \
	"$T/gateway.log"

# --- a worker dies -----------------------------------------------------------------------

kill -9 "$(gateway_worker)"
until_true 10 gateway_is_up
ok "tunnels outlive a worker" until_true 10 within far ping -c 1 -W 1 192.168.77.1

# --- IPv6 --------------------------------------------------------------------------------

is "IPv6 from outside is closed" "$(play far send 47 2001:db8:a::7 "hello, you")" "Permission denied"
plays far g6.log echo 47
is "from inside it is routed" "$(play desk send 47 2001:db8:f::9 hello)" \
	"to hello 2001:db8:a::7"
gateway_down
finish
