#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Rules of a guest, with real clients: published ports for lan alone, for one address, dropped,
# limited; where the guest may go; and what is wrong is said before anything starts.
. "$(dirname "$0")/lib.bash"
world_up
# Beside the private network of this world, one that is not: a client from there is of wan.
WAN=203.0.113.9
in_peer ip addr add $WAN/24 dev p0
in_peer ip addr add 198.51.100.7/32 dev p0
in_peer ip addr add 2001:db8::9/64 dev p0 nodad
ip route add 198.51.100.7/32 via $PEER4 2>/dev/null
ip -6 route add 2001:db8::/64 via $PEER6 2>/dev/null

mkdir -p "$T/user/www"
echo "the guest" >"$T/user/www/index.html"
chmod -R a+rX "$T/user/www"
for port in 80 81; do
	mkdir -p "$T/out$port"
	echo "peer $port" >"$T/out$port/index.html"
	bg "peer-$port.log" nsenter --net="/proc/$PEER_PID/ns/net" \
		python3 -m http.server -d "$T/out$port" $port
	until_true 10 listening $port peer
done
in_guest_serve='import http.server, socketserver, threading, os, sys
os.chdir(sys.argv[1])
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *a): pass
for port in map(int, sys.argv[2:]):
    s = http.server.ThreadingHTTPServer(("0.0.0.0", port), Quiet)
    threading.Thread(target=s.serve_forever).start()
'
run_guest srv -p 8080:80,8081:80,8082:80,8083:80,4450:80 \
	--rule 'allow tcp 8081 from lan' --rule 'block tcp 8081' \
	--rule "allow tcp 8082 from $WAN log" --rule 'drop tcp 8082' \
	--rule 'limit tcp 8083 to 2 per day per source' \
	--rule "block out tcp 81" --rule 'block out to 198.51.100.7' \
	-- python3 -c "$in_guest_serve" "$T/user/www" 80
until_true 10 curl -sf -m 2 -o /dev/null http://127.0.0.1:8080/

wall() { # NAME: what ps knows of it
	as_user "$M" ps --json | python3 -c 'import json, sys
print(*[sorted(g["wall"].items()) for g in json.load(sys.stdin)["guests"] if g["name"] == sys.argv[1]])' "$1"
}
is "ps tells of a wall both ways" "$(wall srv)" "[('in', True), ('out', True), ('rules', 7), ('shut', False)]"
has "... in a column" "$(as_user "$M" ps)" '^srv .* in,out '
get() { # SOURCE PORT: what a client from there gets
	local text
	text=$(in_peer curl -sS -m 3 --interface "$1" "http://$HOST4:$2/" 2>/dev/null) &&
		echo "$text" || echo "curl $?"
}
refused() { was_refused "$(get "$1" "$2")"; }

# --- in ---------------------------------------------------------------------------

is "no rule: from lan" "$(get $PEER4 8080)" "the guest"
is "no rule: from wan" "$(get $WAN 8080)" "the guest"
is "for lan: from lan" "$(get $PEER4 8081)" "the guest"
is "for lan: from the host's loopback" "$(curl -sS -m 3 http://127.0.0.1:8081/)" "the guest"
ok "for lan: nobody of wan" refused $WAN 8081
is "for one address: it" "$(get $WAN 8082)" "the guest"
ok "for one address: no other" fails equal "$(get $PEER4 8082)" "the guest"
get $WAN 8083 >/dev/null
get $WAN 8083 >/dev/null
ok "limit: one more is refused" refused $WAN 8083
is "... of each source for itself" "$(get $PEER4 8083)" "the guest"

# --- out ----------------------------------------------------------------------------

out() { in_guest srv -- curl -sS -m 3 "http://$1/" 2>/dev/null || echo "curl $?"; }
is "out: what no rule is about" "$(out $PEER4:80)" "peer 80"
is "out: a port that is blocked, at once" "$(out $PEER4:81)" "curl 7"
is "out: an address that is blocked" "$(out 198.51.100.7:80)" "curl 7"
kill "$GUEST"
wait "$GUEST" 2>/dev/null

# --- nowhere but there ----------------------------------------------------------------

run_guest box --rule "allow out tcp 80 to $PEER4" --rule 'block out everything' \
	-- sleep 1000
out() { in_guest box -- curl -sS -m 3 "http://$1/" 2>/dev/null || echo "curl $?"; }
is "a sandbox: where it may go" "$(out $PEER4:80)" "peer 80"
is "a sandbox: no other port" "$(out $PEER4:81)" "curl 7"
is "a sandbox: no other address" "$(out 198.51.100.7:80)" "curl 7"
kill "$GUEST"
wait "$GUEST" 2>/dev/null

# What is let through to the resolver waits here, where no nameserver is; else it is refused at once.
asks() { # GUEST
	! in_guest "$1" -- dig +time=1 +tries=1 @10.0.2.3 example.com 2>&1 |
		grep -Eq 'refused|unreachable|permitted'
}
ok "a sandbox: names can be asked for" asks box
has "... which is told" "$(as_user "$M" why -n box udp guest to 10.0.2.3:53 2>&1)" 'built in: the resolver'
ok "a sandbox: what was allowed is so no longer" \
	as_user "$M" rule rm -n box allow out tcp 80 to $PEER4
ok "... nor is there anything to ask for" fails asks box
ok "... and again" as_user "$M" rule add -n box allow out tcp 80 to $PEER4 first
ok "... names too" asks box

# What a rule refuses is in the audit, as all else that goes out.
mkdir -p "$T/audit"
chmod 777 "$T/audit"
as_user "$M" run --rule 'block out tcp 81' --rule 'limit tcp 9 to 1 per day' \
	--audit "$T/audit/file" -- curl -s -m 3 "http://$PEER4:81/" 2>"$T/audit.err"
has "a rule's refusal is in the audit" "$(cat "$T/audit/file")" \
	'"event":"refused".*"destination":"'"$PEER4"'","port":81,.*"reason":"rule in line 1: block out tcp 81"'
has "... and told" "$(cat "$T/audit.err")" 'refused: .*rule in line 1: block out tcp 81'
hasnt() { ! grep -q "$2" <<<"$1"; }
ok "... once" hasnt "$(cat "$T/audit.err")" '^minato: rule:'

# Whose it is, is sought once, of UDP as of TCP.
sought() { # NAME
	printf '{"v":1,"request":"info"}\n' |
		as_user socat -t 3 - "UNIX-CONNECT:$(find "$T/user/run" -type s -name "$1.sock")" |
		python3 -c 'import json, sys
print(json.loads(sys.stdin.readline())["counters"].get("programs_sought", 0))'
}
# What no network namespace holds.
vsock='import socket
try: socket.socket(40, 1); print("made")
except OSError as e: print(e.errno)'
run_guest closed --allow 192.0.2.1 -- sleep 1000
is "a closed guest has no way past its network" "$(in_guest closed -- python3 -c "$vsock")" 97
is "... nor has what it was made for" "$(as_user "$M" run -q --allow 192.0.2.1 -- python3 -c "$vsock")" 97
is "... an open one has what its host has" "$(as_user "$M" run -q -- python3 -c "$vsock")" "$(as_user python3 -c "$vsock")"
as_user "$M" stop closed

run_guest seen --allow 192.0.2.1 --audit "$T/audit/seen" -- sleep 1000
in_guest seen -- python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b"x", (sys.argv[1], 81))
time.sleep(0.5)' $PEER4
ok "a datagram that is refused is in the audit" until_true 5 \
	grep -q '"event":"refused".*"proto":"udp".*"program":"[^"]*python' "$T/audit/seen"
is "... and whose it is was sought once" "$(sought seen)" 1
in_guest seen -- python3 -c 'import socket, sys
s = socket.socket()
s.settimeout(3)
s.connect_ex((sys.argv[1], 81))' $PEER4
ok "a connection, too" until_true 5 \
	grep -q '"event":"refused".*"proto":"tcp".*"program":"[^"]*python' "$T/audit/seen"
is "... once more" "$(sought seen)" 2
kill "$GUEST"
wait "$GUEST" 2>/dev/null

# A rule is about the port that callers come to.
warned() { as_user "$M" run "$@" -- true 2>&1; }
has "a rule about the guest's port" "$(warned -p 18080:80 --rule 'block tcp 80')" \
	'line 1 is about port 80 of the host, which is not published: host port 18080 leads to'
has "... in the midst of a run" "$(warned -p 18000-18010:80 --rule 'block tcp 85')" 'host port 18005 leads'
has "... of the other protocol" "$(warned -p 18080:80 --rule 'block udp 18080')" 'is not published$'
ok "a rule about a published one" hasnt "$(warned -p 18080:80 --rule 'block tcp 18080 from wan')" 'published'
ok "a rule about what goes out" hasnt "$(warned --rule 'block out tcp 80')" 'published'

run_guest lone --rule 'block out to lan' -- sleep 1000
is "ps tells of a wall outward" "$(wall lone)" "[('in', False), ('out', True), ('rules', 1), ('shut', False)]"
ok "... a rule less" as_user "$M" rule rm -n lone block out to lan
is "... and none" "$(wall lone)" "[('in', False), ('out', False), ('rules', 0), ('shut', False)]"
ok "... and again" as_user "$M" rule add -n lone block out to lan
out() { in_guest lone -- curl -sS -m 3 "http://$1/" 2>/dev/null || echo "curl $?"; }
is "block out to lan: not there" "$(out $PEER4:80)" "curl 7"
is "block out to lan: elsewhere" "$(out 198.51.100.7:80)" "peer 80"
ok "a program, of a guest that began with none" as_user "$M" rule add -n lone allow program curl out tcp 80 to $PEER4 first
is "... may" "$(out $PEER4:80)" "peer 80"
ok "... and others not" fails in_guest lone -- python3 -c 'import socket, sys
socket.create_connection((sys.argv[1], 80), 3)' $PEER4
why() { as_user "$M" why -n lone tcp guest to "$@"; }
said=$(why $PEER4:80)
is "... why: it does not pass" $? 1
has "... but for curl, by its rule" "$said" 'rule +live: allow program curl out tcp 80 .*: of program curl: passes$'
has "... and not for others, by theirs" "$said" 'rule +.*: block out everything to lan: of any other program: refused$'
has "... and that is the answer" "$said" '^asks for the program: curl passes, any other is refused$'
said=$(why $PEER4:80 --json | tr -d ' \n')
has "... in JSON" "$said" '"passes":false'
ok "... no step that asks and is not found" fails grep -q '"found":false,"kind":"closed","verdict":"asks' <<<"$said"
said=$(as_user "$M" why-not -n lone tcp guest to $PEER4:80)
is "... why-not does not say that it passes" $? 1
has "... but what lets all of them" "$said" "^minato rule add -n lone allow out tcp 80 to $PEER4 first$"
has "... elsewhere no program matters" "$(why $PEER4:81)" '^refused by .*: block out everything to lan$'
ok "a program that is refused" as_user "$M" rule add -n lone block program curl out tcp 80 to 198.51.100.7
is "... is" "$(out 198.51.100.7:80)" "curl 7"
said=$(why 198.51.100.7:80)
is "... why: it does not pass" $? 1
has "... though others do" "$said" '^asks for the program: curl is refused, any other passes$'
has "... of whom no rule is" "$said" 'rule +no rule is about any other program: passes$'
ok "two rules that refuse" as_user "$M" rule add -n lone block out to 198.51.100.7
has "... come to one thing" "$(why 198.51.100.7:80)" '^refused by live: block out everything to 198.51.100.7: of any other program$'
ok "two rules that let pass" as_user "$M" rule add -n lone allow out tcp 88 to 203.0.113.8
ok "... the second" as_user "$M" rule add -n lone allow program curl out to 203.0.113.8 first
said=$(why 203.0.113.8:88)
is "... do so for all" $? 0
has "a name needs a start that shuts all else" \
	"$(as_user "$M" rule add -n lone allow out tcp 80 to api.example.com 2>&1)" 'says nothing unless all else is shut'
kill "$GUEST"
wait "$GUEST" 2>/dev/null

# --- NetBIOS and SMB -------------------------------------------------------------------

wall_of() { # SPEC: who keeps the refused out there
	as_user "$M" forward list smb --json | python3 -c 'import json, sys
print(*[row["wall"] for row in json.load(sys.stdin)["forwards"] if row["spec"].startswith(sys.argv[1])])' "$1"
}

printf 'allow tcp 4451 from lan\nblock tcp 4451 # nobody else\n' >"$T/rules"
chmod a+r "$T/rules"
sysctl -qw net.ipv4.ip_unprivileged_port_start=100
run_guest smb -p 445:80,4451:80,4452:445,4453:445 --rule 'allow tcp 4453' --rules "$T/rules" -- python3 -c "$in_guest_serve" "$T/user/www" 80 445
until_true 10 curl -sf -m 2 -o /dev/null http://127.0.0.1:4451/
ok "445 is published: that it is shut is said" grep -q "445.*shut to everyone but lan" \
	"$T/guest-smb.log"
is "445: from lan" "$(get $PEER4 445)" "the guest"
ok "445: not from wan" refused $WAN 445
ok "rules of a file" refused $WAN 4451
has "445 under another number: that it is shut is said" "$(cat "$T/guest-smb.log")" \
	"host port 4452 leads to port 445 of the guest .*shut to everyone but lan; --rule 'allow tcp 4452'"
is "... from lan" "$(get $PEER4 4452)" "the guest"
ok "... not from wan" refused $WAN 4452
is "... the list says so as for 445" "$(wall_of 4452:445) $(wall_of 4453:445)" \
	"$(wall_of 445:80) None"
has "... why says so" "$(as_user "$M" why --name smb tcp $WAN to $HOST4:4452)" 'refused by built in: it leads to port 445'
said=$(as_user "$M" why-not --name smb tcp $WAN to $HOST4:4452)
has "... and why-not what lets it pass" "$said" "^minato rule add -n smb allow tcp 4452 from $WAN to $HOST4 first$"
is "... a rule opens it" "$(get $WAN 4453)" "the guest"
ok "... which needs no word" fails grep -q "port 4453" "$T/guest-smb.log"
said=$(as_user "$M" forward add smb 4454:445 2>&1)
has "... published live: it is said" "$said" "4454 leads to port 445 .*minato rule add -n smb allow tcp 4454"
is "... from lan" "$(get $PEER4 4454)" "the guest"
ok "... not from wan" refused $WAN 4454
is "... the list says so too" "$(wall_of 4454:445)" "$(wall_of 4452:445)"
as_user "$M" rule add --name smb allow tcp 4454 >/dev/null 2>&1
is "... until a rule says more" "$(get $WAN 4454)" "the guest"
kill "$GUEST"
wait "$GUEST" 2>/dev/null

# --- what is wrong ---------------------------------------------------------------------

said=$(as_user "$M" run --rule 'block ssh form lan' -- true 2>&1)
is "a wrong word" $? 2
has "... with its place and what was meant" "$said" "did you mean 'from'"
said=$(as_user "$M" run --rule 'forward tcp 80 to 10.0.0.1' -- true 2>&1)
is "what is no rule" $? 2
said=$(as_user "$M" run --rule 'allow ssh from lan' -- true 2>&1)
is "a rule that changes nothing is no obstacle" $? 0
has "... but is said" "$said" 'warning: this changes nothing'
said=$(as_user "$M" run --rule 'allow out to api.example.com' -- true 2>&1)
is "a name alone shuts nothing else" $? 2
has "... which is said" "$said" "'block out everything' must be the last"
said=$(as_user "$M" run --rule 'allow out to api.example.com' --rule 'block out everything for 1h' -- true 2>&1)
is "what shuts the rest for a time" $? 2
has "... is shown, and that it has no end" "$said" 'has no end before the guest'
has "... under a caret" "$said" '^ +\^~+$'
cat >"$T/rules" <<X
allow out tcp https to api.example.com
block out everything
allow ssh from lan
block ssh
test tcp from guest to api.example.com:https passes by line 1
test tcp from guest to $PEER4:80 is closed by line 2
test ping from guest to $PEER4 is closed
test tcp from $PEER4 to self:ssh passes
test tcp from $WAN to self:ssh is closed by line 4
X
ok "tests in a file of rules that are met" as_user "$M" run --rules "$T/rules" -- true
said=$(as_user "$M" check --guest "$T/rules" 2>&1)
is "... are so for minato check" $? 0
has "... which counts them" "$said" 'right: 9 statements, 5 tests met$'
echo "test tcp from $WAN to self:ssh passes" >>"$T/rules"
said=$(as_user "$M" run --rules "$T/rules" -- echo started 2>&1)
is "one that is not met: nothing is started" $? 2
has "... and it is said what becomes of it" "$said" "rules:10: .*test not met:.* it is closed by line 4"
ok "... and nothing has run" hasnt "$said" '^started'
said=$(as_user "$M" check --guest "$T/rules" 2>&1)
is "... nor is it met for minato check" $? 1
said=$(as_user "$M" run --rule 'allow out to api.example.com' --rule 'test tcp from guest to api.example.com:80 passes' -- true 2>&1)
is "what does not hold by itself is refused, tests or not" $? 2
mkdir -p "$T/rules.d"
printf '%s\n' "# closed" "block tcp 8095 log" "block out tcp 81 named shut" >"$T/rules.d/shut.conf"
printf '%s\n' "allow tcp 8096" "include rules.d/*.conf" \
	"test tcp from guest to $PEER4:81 is closed by shut" >"$T/rules"
chmod -R a+rX "$T/rules.d" "$T/rules"
run_guest inc -p 8095:80,8096:80 --rules "$T/rules" -- python3 -c "$in_guest_serve" "$T/user/www" 80
until_true 10 curl -sf -m 2 -o /dev/null http://127.0.0.1:8096/
ok "rules in a file that is included" refused $PEER4 8095
has "... why names that file" "$(as_user "$M" why -n inc tcp $WAN to $HOST4:8095)" 'by line 2 of shut\.conf: block tcp 8095 log$'
has "... so does the list" "$(as_user "$M" rule -n inc list)" '^line 3 of shut\.conf .* block out tcp 81 named shut$'
has "... and the log" "$(cat "$T/guest-inc.log")" 'by line 2 of .*/rules\.d/shut\.conf: block tcp 8095 log'
echo "blok tcp 1" >>"$T/rules.d/shut.conf"
said=$(as_user "$M" run --rules "$T/rules" -- echo started 2>&1)
is "... what is wrong there: nothing is started" $? 2
has "... and is shown there" "$said" 'rules\.d/shut\.conf:4:1: '
has "... by minato check too" "$(as_user "$M" check --guest "$T/rules" 2>&1)" 'rules\.d/shut\.conf:4:1: '
said=$(as_user "$M" run --rules /nowhere/rules -- true 2>&1)
is "a file that is not there" $? 2

finish
