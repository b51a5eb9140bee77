#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Rules of a guest that come and go while it runs, and why a flow of a guest passes or not: what
# `minato why` says is what curl finds.
. "$(dirname "$0")/lib.bash"
world_up
WAN=203.0.113.9
in_peer ip addr add $WAN/24 dev p0
ip route add 203.0.113.0/24 via $PEER4 2>/dev/null
in_peer ip addr add 198.51.100.7/32 dev p0
ip route add 198.51.100.7/32 via $PEER4 2>/dev/null
mkdir -p "$T/user/www" "$T/out"
echo "the guest" >"$T/user/www/index.html"
echo "the peer" >"$T/out/index.html"
chmod -R a+rX "$T/user/www"
bg peer.log nsenter --net="/proc/$PEER_PID/ns/net" python3 -m http.server -d "$T/out" 80
until_true 10 listening 80 peer

get() { # SOURCE PORT
	local text
	text=$(in_peer curl -sS -m 2 --interface "$1" "http://$HOST4:$2/" 2>/dev/null) &&
		echo "$text" || echo "curl $?"
}
out() { in_guest "$1" -- curl -sS -m 2 "http://$2/" 2>/dev/null || echo "curl $?"; }
rule() { as_user "$M" rule "$@" 2>&1; }
why() { as_user "$M" why "$@" 2>&1; }
why_not() { as_user "$M" why-not "$@" 2>&1; }
member() {
	as_user "$M" ps --json | python3 -c "import json, sys
print([g['$1'] for g in json.load(sys.stdin)['guests'] if g['name'] == '$2'][0])"
}
other_worker() { local w; w=$(member worker live 2>/dev/null) && [ "$w" != "$1" ]; }

printf '%s\n' "block tcp 8081 from $WAN # line 1" 'block out to 198.51.100.7' \
	'allow tcp 8082 from lan for 1h' 'block tcp 8082' >"$T/rules"
chmod a+r "$T/rules"
run_guest live -p 8080:80,8081:80,8082:80,8083:9999 --rules "$T/rules" -- \
	python3 -m http.server -d "$T/user/www" 80
until_true 10 curl -sf -m 2 -o /dev/null http://127.0.0.1:8080/

# --- why: in -----------------------------------------------------------------------------

said=$(why tcp $PEER4 to $HOST4:8081)
is "why: what passes" $? 0
has "... the host's kernel comes first" "$said" "kernel .*bound at this host"
has "... and what it leads to" "$said" "entry +forward"
has "... and what is not seen is said" "$said" "packet filter"
said=$(why tcp $WAN to $HOST4:8081)
is "why: what a rule refuses" $? 1
has "... with its line" "$said" "refused by line 1: block tcp 8081 from $WAN"
has "... and how the caller finds it" "$said" "the host's kernel (drops it|accepts the call)"
said=$(why tcp $WAN to $HOST4:8999)
is "why: a port that is not published" $? 1
has "... is none of this guest" "$said" "not this guest"
has "why --json" "$(why --json tcp $WAN to $HOST4:8081 | tr -d ' \n')" '"passes":false'

# --- why: out ----------------------------------------------------------------------------

said=$(why tcp guest to $PEER4:80)
is "why: out" $? 0
has "... it goes out" "$said" "passes: it goes out"
is "... as curl finds" "$(out live $PEER4:80)" "the peer"
said=$(why tcp guest to 198.51.100.7:80)
is "why: out, where a rule refuses" $? 1
has "... with its line" "$said" "refused by line 2: block out everything to 198.51.100.7"
is "... as curl finds" "$(out live 198.51.100.7:80)" "curl 7"
said=$(why tcp guest to 127.0.0.1:80)
is "why: this host's loopback" $? 1
has "... is closed, whatever rules say" "$said" "refused by built in: this host's inner side"
said=$(why tcp guest to 10.0.2.77:80)
has "why: nobody on the guest's link" "$said" "nobody has that address"

# --- rules come and go -------------------------------------------------------------------

has "rule list: lines, ends and what is built in" "$(rule list)" \
	"line 3 +[0-9]+ 20[0-9-]+ [0-9:]+ allow tcp 8082 from lan"
has "... hits" "$(rule list)" "line 2 +[1-9][0-9]* +- +block out everything to 198.51.100.7"
rule add 'block udp 9 named quoted' >/dev/null
is "rule add: the sentence in one word of the shell's" $? 0
has "... stands" "$(rule list)" "block udp 9 named quoted"
rule rm quoted
has "rule add: a path where no program is" \
	"$(rule add 'allow program /usr/bin/crul-minato out tcp 80 named slip' 2>&1)" \
	"there is no file /usr/bin/crul-minato here now"
rule rm slip
has "rule rm of a line, as the list shows it" "$(rule rm line 3 2>&1)" "named by its name or its sentence"
is "before: from wan" "$(get $WAN 8080)" "the guest"
said=$(rule add block tcp 8080 from $WAN)
is "rule add" $? 0
ok "... it holds" fails equal "$(get $WAN 8080)" "the guest"
is "... for nobody else" "$(get $PEER4 8080)" "the guest"
has "... and is listed first, as live" "$(rule list -H | head -1)" "live .*block tcp 8080 from $WAN"
has "... and why tells it" "$(why tcp $WAN to $HOST4:8080)" "refused by live: block tcp 8080"
rule add block out tcp 80 to $PEER4 named door >/dev/null
is "out: it holds" "$(out live $PEER4:80)" "curl 7"
rule rm door >/dev/null
is "rule rm, by its name" "$(out live $PEER4:80)" "the peer"
said=$(rule add block everything from $WAN before 1)
is "before a line" $? 0
has "... it stands there" "$(rule list -H | sed -n 2p)" "live .*block everything from $WAN"
said=$(rule rm block everything from $WAN)
is "rule rm, by what it says" $? 0
said=$(rule add block tcp 8080 from everywhere)
is "a word that is none" $? 1
has "... is said" "$said" "nothing was changed"
said=$(rule add allow out to api.example.com)
has "a name comes at the start" "$said" "says nothing unless all else is shut"
said=$(rule add forward tcp 80 to 10.0.0.1)
is "what is no rule" "$(rule list -H | wc -l)" 6
said=$(rule rm block tcp 9 from $WAN)
has "one that is not there" "$said" "no rule says so"

# --- established flows go on; the next worker has them ------------------------------------

in_guest live -- python3 -c 'import socket, time
s = socket.create_connection(("'$PEER4'", 80))
open("'"$T/user/www"'/ready", "w").close()
time.sleep(2)
s.sendall(b"GET / HTTP/1.0\r\n\r\n")
print(s.recv(12).decode())' >"$T/flow" 2>&1 &
FLOW=$!
chmod a+rwx "$T/user/www"
until_true 5 test -e "$T/user/www/ready"
rule add block out tcp 80 to $PEER4 >/dev/null
is "a new flow is refused" "$(out live $PEER4:80)" "curl 7"
wait $FLOW
has "one that stood goes on" "$(cat "$T/flow")" "HTTP/1.0 200"
worker=$(member worker live)
kill -9 "$worker"
until_true 10 other_worker "$worker"
until_true 10 curl -sf -m 2 -o /dev/null http://127.0.0.1:8080/
is "the next worker: a live rule out" "$(out live $PEER4:80)" "curl 7"
ok "... and in" fails equal "$(get $WAN 8080)" "the guest"
has "... is listed" "$(rule list)" "live .*block out tcp 80 to $PEER4"
rule rm block out tcp 80 to $PEER4 >/dev/null
is "... and can go" "$(out live $PEER4:80)" "the peer"

# --- for a time ---------------------------------------------------------------------------

said=$(why_not tcp guest to 198.51.100.7:80)
is "why-not" $? 1
has "... says the change" "$said" "minato rule add allow out tcp 80 to 198.51.100.7 first"
said=$(why_not --for 3s tcp guest to 198.51.100.7:80)
is "why-not --for" $? 0
is "... it goes out" "$(out live 198.51.100.7:80)" "the peer"
has "... with its end" "$(rule list -H | head -1)" "live +[0-9]+ 20[0-9-]+ [0-9:]+ allow out tcp 80"
has "... which why tells" "$(why tcp guest to 198.51.100.7:80)" \
	"^  rule +live: allow out tcp 80 to 198.51.100.7 until 20[0-9-]+ [0-9:]+: passes$"
has "... and why-not, though it passes" "$(why_not --for 10m tcp guest to 198.51.100.7:80)" \
	"^it passes for now, by live: allow out tcp 80 to 198.51.100.7 until 20[0-9-]+ [0-9:]+$"
ok "... and is taken back" until_true 10 equal "$(sleep 4; out live 198.51.100.7:80)" "curl 7"
has "... which is said" "$(cat "$T/guest-live.log")" "its time is over: allow out tcp 80"
said=$(why_not --for 3s tcp $WAN to $HOST4:8081)
is "in: why-not --for" "$(get $WAN 8081)" "the guest"
has "a port that is not published" "$(why_not tcp $WAN to $HOST4:8999)" \
	"minato forward add live 8999/tcp"
has "what passes" "$(why_not tcp $PEER4 to $HOST4:8082)" "it passes"
as_user "$M" stop live
wait "$GUEST" 2>/dev/null

# --- where names alone lead out -----------------------------------------------------------

run_guest box --allow "api.example.com" --allow "$PEER4:80" -- sleep 1000
has "--allow: a name" "$(why tcp guest to api.example.com:443)" "name +--allow api.example.com"
said=$(why tcp guest to www.example.com:443)
is "... another" $? 1
has "... a port of it that is not allowed" "$(why tcp guest to api.example.com:22)" \
	"no --allow is about that name and port"
has "... what would let it" "$(why_not tcp guest to www.example.com:443)" \
	"^minato rule add allow out tcp 443 to www.example.com first$"
has "... with the guest, if it had to be said" "$(why_not -n box tcp guest to www.example.com:443)" \
	"^minato rule add -n box allow out tcp 443 to www.example.com first$"
said=$(why_not ping guest to 198.51.100.7)
is "what no rule would let pass" $? 1
has "... is said" "$said" "pings are not allowed .*no rule would let it pass$"
ok "... and no rule is proposed" fails matches "$said" "minato rule add"
has "a guest's name as where it goes" "$(why tcp guest to box:80)" "box is a guest, which is reached at"
has "a caller who does not run" "$(why tcp nosuch to 127.0.0.1:80)" "no guest called nosuch runs now"
has "an address" "$(why tcp guest to $PEER4:80)" "allow +--allow $PEER4"
said=$(why tcp guest to 198.51.100.7:80)
is "an address that is not allowed" $? 1
is "... as curl finds" "$(out box 198.51.100.7:80)" "curl 7"
why_not --for 5m tcp guest to 198.51.100.7:80 >/dev/null
has "what lets a name out for a time" "$(rule add allow out tcp 443 to www.example.com. for 1h;
	why tcp guest to WWW.example.com.:443)" \
	"^  name +live: allow out tcp 443 to www.example.com until 20[0-9-]+ [0-9:]+: passes$"
is "why-not --for lets it out" "$(out box 198.51.100.7:80)" "the peer"
has "rule list: that all else is shut" "$(rule list)" "built in .*block out everything"
finish
