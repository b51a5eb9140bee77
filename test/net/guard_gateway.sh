#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The policy of a gateway: who may come in and what may go out, with real clients; first match wins,
# what is built in, limits, changes while it runs, all or nothing, flows untouched.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
gateway_world
# A second inside, whose hosts lan does not trust.
make_ns guests
OUT=198.51.100.1
printf '# those who were noticed\n203.0.113.66\n198.18.0.0/15 ; tests\n' >"$T/bad"

config() {
	gateway_links
	cat <<X
inside tap in1 10.1.0.1/24 in namespace pid ${NS[guests]} named guests
forward tcp 80, 8080, 8081, 8082 to 10.0.0.2
forward tcp 2525 to 10.0.0.3:25
forward tcp 139, 445 to 10.0.0.2
forward tcp 4452 to 10.0.0.2:445
forward tcp 4453 to 10.0.0.2:445
allow tcp 4453
set bad from $T/bad
zone friend 203.0.113.9
block everything from bad
allow tcp 8080 from friend named friends
block tcp 8080 log
drop tcp 8081 from 203.0.113.9
limit tcp 2525 to 3 per day per source then drop
block ping from friend
block out tcp 7000
allow out tcp 9000 to 203.0.113.10
block out tcp 9000 named shut
allow tcp 8084 from guests to lan named printer
block tcp 8084, 8085, 445 from guests to lan
block out tcp 8083 from guests to lan
block ping from guests to lan
test tcp from 203.0.113.9 to $OUT:8080 reaches 10.0.0.2:8080
test tcp from 203.0.113.10 to $OUT:8080 is closed
test tcp from 203.0.113.66 to $OUT:80 is closed
test tcp from 203.0.113.9 to $OUT:8081 is dropped
test tcp from 203.0.113.9 to $OUT:445 is closed
test tcp from inside 10.0.0.7 to 203.0.113.9:9000 is closed by shut
test tcp from inside 10.0.0.7 to 203.0.113.10:9000 leaves from $OUT
X
}
config >"$T/gateway.conf"
said=$(ask check "$T/gateway.conf" 2>&1)
has "the configuration is right, and its tests are met" "$said" 'right: .*7 tests met'
has "that SMB is shut is said" "$said" "tcp ports 139, 445 .*are shut to everyone but lan; the rule 'allow tcp 139, 445' opens them"
has "... under another number too" "$said" "tcp port 4452 leads to port 445 .*the rule 'allow tcp 4452'"
guests_join() {
	until_true 10 within guests ip link show in1
	within guests ip addr add 10.1.0.2/24 dev in1
	within guests ip route replace default via 10.1.0.1
}
gateway_up || { ok "the gateway runs" false; finish; }
serves web 80 "web A"
serves web 8080 "friends"
serves web 8081 "hidden"
serves web 8082 "open"
serves web 445 "shares"
serves mail 25 "mail B"
for name in far far2; do
	serves $name 80 "$name"
	serves $name 7000 "$name"
	serves $name 9000 "$name"
done

# --- in ---------------------------------------------------------------------------

is "what no rule is about is as it is forwarded" "$(gets far http://$OUT/)" "web A"
is "allow: who is allowed" "$(gets far http://$OUT:8080/)" "friends"
is "block: anybody else, at once" "$(gets far2 http://$OUT:8080/)" "curl 7"
ok "log: it is said" grep -q "rule: tcp from 203.0.113.10 port [0-9]* to $OUT port 8080: refused by line [0-9]* on [a-z0-9]*: block tcp 8080 log" \
	"$T/gateway.log"
is "drop: no answer" "$(gets far http://$OUT:8081/ --max-time 2)" "curl 28"
is "... to whom it is about" "$(gets far2 http://$OUT:8081/)" "hidden"
is "SMB is shut to everyone but lan" "$(gets far http://$OUT:445/)" "curl 7"
is "... under another number" "$(gets far http://$OUT:4452/)" "curl 7"
has "... why says so, and what that leads to" "$(ask why tcp 203.0.113.9 to $OUT:4452)" \
	'^refused by built in: .*: port 4452 leads to port 445'
is "... unless a rule says more" "$(gets far http://$OUT:4453/)" "shares"
within far ip addr add 203.0.113.66/24 dev eth0
is "a set from a file" "$(gets far http://$OUT/ --interface 203.0.113.66)" "curl 7"
within far ip addr add 198.18.7.7/32 dev eth0
within wan ip route add 198.18.0.0/15 via 203.0.113.9
is "... its prefix too" "$(gets far http://$OUT/ --interface 198.18.7.7)" "curl 7"
for i in 1 2 3; do gets far http://$OUT:2525/ >/dev/null; done
is "limit: one more is dropped" "$(gets far http://$OUT:2525/ --max-time 2)" "curl 28"
is "... of each source for itself" "$(gets far2 http://$OUT:2525/)" "mail B"
pings() { within "$1" ping -c 1 -W 2 $OUT >/dev/null 2>&1; }
ok "ping: who may" pings far2
ok "ping: who may not" fails pings far

# --- out --------------------------------------------------------------------------

is "out: what no rule is about" "$(gets desk http://203.0.113.9/)" "far"
is "out: blocked, at once" "$(gets desk http://203.0.113.9:7000/)" "curl 7"
is "out: allowed before it is blocked" "$(gets desk http://203.0.113.10:9000/)" "far2"
is "out: and not to others" "$(gets desk http://203.0.113.9:9000/)" "curl 7"

# --- between two insides ------------------------------------------------------------

guests_join
for port in 8083 8085; do
	serves guests $port "a guest"
	serves web $port "shut"
done
serves web 8084 "printer"
is "between insides: what no rule is about" "$(gets guests http://10.0.0.2/)" "web A"
is "... what is allowed before it is blocked" "$(gets guests http://10.0.0.2:8084/)" "printer"
is "... what is blocked, at once" "$(gets guests http://10.0.0.2:8085/)" "curl 7"
is "... what may not go out" "$(gets guests http://10.0.0.2:8083/)" "curl 7"
is "... of guests alone" "$(gets desk http://10.1.0.2:8083/)" "a guest"
is "... SMB too" "$(gets guests http://10.0.0.2:445/)" "curl 7"
is "... and not the other way" "$(gets desk http://10.1.0.2:8085/)" "a guest"
has "... which is said" "$(ask why tcp 10.1.0.2 to 10.0.0.2:445)" '^refused by line [0-9]+: block tcp .* from guests to lan'
has "... of what goes out too" "$(ask why tcp 10.1.0.2 to 10.0.0.2:8083)" '^refused by line [0-9]+: block out tcp 8083'
is "... and what passes" "$(ask why tcp 10.1.0.2 to 10.0.0.2:8084 >/dev/null; echo $?)" 0
ok "ping between insides: who may" within desk ping -c 1 -W 2 10.1.0.2
ok "ping between insides: who may not" fails within guests ping -c 1 -W 1 10.0.0.2
ok "all of it is shut" ask rule add drop everything from guests to lan first
is "... an answer passes" "$(gets desk http://10.1.0.2:8085/)" "a guest"
is "... and begins nothing" "$(gets guests http://10.0.0.2/ --max-time 1)" "curl 28"
within guests python3 -c 'import socket
calls = [socket.socket() for _ in range(16)]
for n, call in enumerate(calls):
    call.setblocking(False)
    call.connect_ex(("10.0.0.2", 7001 + n))'
seen() { ask scans --json | grep -q '"source": *"10\.1\.0\.2"'; }
ok "... where who goes through its ports is noticed" until_true 5 seen
ok "... and forgotten" ask scans --forget 10.1.0.2
ok "rule rm of it" ask rule rm drop everything from guests to lan

# --- what is in force ---------------------------------------------------------------

list=$(ask rule list)
has "rule list: the line, the hits, the sentence" "$list" \
	'^line [0-9]+ +[1-9][0-9]* - +allow tcp 8080 from friend named friends$'
has "... and what is built in, last" "$(tail -n 1 <<<"$list")" \
	'^built in +[1-9][0-9]* .*block tcp,udp 137-139, 445 from wan$'
is "rule list --json" "$(ask rule list --json | python3 -c "
import json, sys
rules = json.load(sys.stdin)['rules']
one = [r for r in rules if r.get('name') == 'friends'][0]
print(one['verb'], one['hits'] > 0, rules[-1]['built_in'])")" "allow True True"

# --- while it runs ------------------------------------------------------------------

cat >"$T/hold.py" <<'X'
import socket, sys
s = socket.create_connection((sys.argv[1], 8082), 5)
print("up", flush=True)
for line in sys.stdin:
    s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    data = s.recv(4096)
    print("answer", len(data) > 0, flush=True)
X
mkfifo "$T/say"
within_bg far hold.log sh -c "exec python3 '$T/hold.py' $OUT <'$T/say'"
exec 7<>"$T/say"
ok "a flow is there" until_true 5 grep -q up "$T/hold.log"
is "rule add: nothing said where it works" "$(ask rule add block tcp 8082 named closed 2>&1)" ""
is "then it is closed" "$(gets far http://$OUT:8082/)" "curl 7"
echo >&7
ok "the flow that was there goes on" until_true 5 grep -q "answer True" "$T/hold.log"
is "before: a rule before it" "$(ask rule add allow tcp 8082 from 203.0.113.10 before closed 2>&1)" ""
is "... decides" "$(gets far2 http://$OUT:8082/)" "open"
is "... for whom it is about" "$(gets far http://$OUT:8082/)" "curl 7"
line=$(grep -n 'named friends' "$T/gateway.conf" | cut -d: -f1)
has "before a line of the file, which is then for nobody" \
	"$(ask rule add block tcp 8080 from 203.0.113.9 before "$line" 2>&1)" \
	"named friends' \(line $line\): this can never match"
is "... decides too" "$(gets far http://$OUT:8080/)" "curl 7"
ok "rule rm: by its sentence" ask rule rm block tcp 8080 from 203.0.113.9
is "... and it is as before" "$(gets far http://$OUT:8080/)" "friends"
# A line without a name is kept by a word of the gateway's own.
line=$(grep -En '^(allow|block|drop|limit)' "$T/gateway.conf" | grep -v named | head -n 1 | cut -d: -f1)
ask rule add drop tcp 8888 before "$line" >/dev/null 2>&1
has "before a line without a name" "$(ask rule list -H)" "drop tcp 8888 before $line"
has "... the log says nothing else" "$(grep "added: 'drop tcp 8888" "$T/gateway.log")" "drop tcp 8888'"
said=$(ask why tcp 203.0.113.9 to $OUT:8888)
has "... nor does why" "$said" "dropped by live: drop tcp 8888\$"
ask rule rm drop tcp 8888
has "what can never match is warned of" "$(ask rule add allow tcp 8082 last 2>&1)" \
	"warning: 'allow tcp 8082 last' \(live\): this can never match: .*; the other line is '.*' \(live\)"
ok "rule rm of it" ask rule rm allow tcp 8082
line=$(grep -n '^block everything from bad' "$T/gateway.conf" | cut -d: -f1)
has "... which line it is, where the new one decides" \
	"$(ask rule add block everything from bad, 192.0.2.9 first 2>&1)" \
	"warning: 'block everything from bad' \(line $line\): .*the other line is 'block everything from bad, 192\.0\.2\.9' \(live\)"
ask rule rm block everything from bad, 192.0.2.9
line=$(grep -n 'named friends' "$T/gateway.conf" | cut -d: -f1)
said=$(ask rule add forward tcp 99 to 10.0.0.2 2>&1)
is "what is no rule is refused" $? 2
has "... with a hint at what it is" "$said" "what 'minato forward' is for"
said=$(ask rule add blokc tcp 99 2>&1)
has "a wrong verb: the verbs of rules alone" "$said" \
	"begins with allow, block, drop, reject or limit; did you mean 'block'"
is "-n NAME: forward" "$(ask forward list -n gateway)" "$(ask forward list gateway)"
is "... dmz" "$(ask dmz -n gateway)" "no dmz"
is "... nat" "$(ask nat show -n gateway)" "$(ask nat show gateway)"
has "... of nobody" "$(ask forward list -n nosuch 2>&1)" 'no guest or gateway is called nosuch.*gateway'
has "... scans too" "$(ask scans -n nosuch 2>&1)" 'no guest or gateway is called nosuch.*gateway'
has "scans --forget: what is no address" "$(ask scans --forget foo 2>&1)" 'is no address'
said=$(ask rule add block tcp 8082 form far 2>&1)
is "a wrong word" $? 2
has "... is shown, with what was meant" "$said" "did you mean 'from'"
said=$(ask rule add block ssh from frend 2>&1)
is "an unknown zone changes nothing" $? 1
has "... and those that are there are named" "$said" 'lan, wan, self, bad, friend'
said=$(ask rule rm friends 2>&1)
has "a rule of the file is taken out there" "$said" "line $line of .*gateway\.conf"
ok "for a time" ask rule add block tcp 80 for 1s
is "... it holds" "$(gets far http://$OUT/)" "curl 7"
again() { equal "$(gets far http://$OUT/)" "web A"; }
ok "... and ends by itself" until_true 15 again


# What stands in both lists stays as it is, wherever the changes are.
limit_hits() { ask rule list | sed -nE 's/^line [0-9]+ +([0-9]+) .*limit tcp 2525 .*/\1/p'; }
count=$(limit_hits)
ok "a limit was asked" test "${count:-0}" -ge 4
ask rule add block udp 53 first
ask rule add block udp 54 last
is "... it has the hits that it had" "$(limit_hits)" "$count"
is "... and gives nothing once more" "$(gets far http://$OUT:2525/ --max-time 2)" "curl 28"
ask rule rm block udp 53
ask rule rm block udp 54

# --- reload, restart -----------------------------------------------------------------

config | sed 's/^block out tcp 7000/block out tcp 7001/' >"$T/gateway.conf"
ok "reload" ask gateway reload
is "what was taken out holds no more" "$(gets desk http://203.0.113.9:7000/)" "far"
is "what was added live still does" "$(gets far http://$OUT:8082/)" "curl 7"
echo >&7
twice() { [ "$(grep -c 'answer True' "$T/hold.log")" -ge 2 ]; }
ok "and the flow lives" until_true 5 twice
echo "block everything from nobody" >>"$T/gateway.conf"
ask gateway reload >/dev/null 2>&1
is "a wrong file changes nothing" "$(gets far http://$OUT:8080/)" "friends"
config | sed '/named shut/d; /by shut$/d' >"$T/gateway.conf"
ask rule add block out tcp 9000 to 203.0.113.11 before shut
is "what it stands before leaves the file: said" "$(ask gateway reload 2>&1 | grep -c "stood before .* named shut', which the file has no more")" 1
has "... and it stands where that stood" "$(ask rule list | grep -B 1 '9000 to 203.0.113.11')" \
	'allow out tcp 9000 to 203\.0\.113\.10'
ask rule rm block out tcp 9000 to 203.0.113.11
cp "$T/bad" "$T/bad.full"
: >"$T/bad"
config >"$T/gateway.conf"
has "a set that became empty: check says so" "$(ask check "$T/gateway.conf" 2>&1)" \
	'warning: .*the set bad is empty: nobody is refused by this name'
has "... and a reload" "$(ask gateway reload 2>&1)" 'warning: .*the set bad is empty'
cp "$T/bad.full" "$T/bad"
is "... nothing when it is not" "$(ask gateway reload 2>&1)" ""
echo "no prefix" >"$T/bad"
said=$(ask check "$T/gateway.conf" 2>&1)
has "a wrong line in it: where the set stands" "$said" 'gateway\.conf:[0-9]+:14: error: .*bad:1: '
has "... with a caret" "$said" '^ +\^~~~'
cp "$T/bad.full" "$T/bad"
echo "alert command /nonexist" >>"$T/gateway.conf"
said=$(ask check "$T/gateway.conf" 2>&1)
is "an alert that cannot be run: check" $? 1
has "... says where" "$said" 'gateway\.conf:[0-9]+:7: error: .*cannot be run: No such file'
said=$(ask gateway reload 2>&1)
is "... a reload too" $? 1
has "... says where" "$said" 'gateway\.conf:[0-9]+:7: '
config >"$T/gateway.conf"
ask rule add --volatile block tcp 8080 from 203.0.113.9
is "--volatile: it holds" "$(gets far http://$OUT:8080/)" "curl 7"
ask rule add block udp 55
ask rule rm --volatile block udp 55
before=$(ask rule list | sed -n 's/^live.* - *//p' | grep -v 'tcp 8080 from 203.0.113.9$')
gateway_down
gateway_up || ok "the gateway runs again" false
list=$(ask rule list | sed -n 's/^live.* - *//p')
is "live rules are there again, in their order" "$(grep -v 'udp 55' <<<"$list")" "$before"
has "what was taken out until the end is there again" "$list" '^block udp 55$'
ask rule rm block udp 55
is "... and hold" "$(gets far http://$OUT:8082/)" "curl 7"
is "... before the one they were put before" "$(gets far2 http://$OUT:8082/)" "open"
ok "rule rm: by name" ask rule rm closed
is "... and it is open" "$(gets far http://$OUT:8082/)" "open"

# --- why, why-not -------------------------------------------------------------------

# From a name that holds here the file's text is the same as in the list.
said=$(ask why tcp 203.0.113.10 to $OUT:8080)
is "why: a flow that a rule stops" $? 1
has "... which is named, with its line" "$said" '^  rule     line [0-9]+: block tcp 8080 log: refused$'
has "... and is the end" "$said" '^refused by line [0-9]+: block tcp 8080'
is "why: so it is" "$(gets far2 http://$OUT:8080/)" "curl 7"
said=$(ask why tcp 203.0.113.9 to $OUT:8080)
is "why: one that passes" $? 0
has "... by a rule and its forward" "$said" '^passes: line [0-9]+: forward tcp 80, 8080'
has "why: nothing there" "$(ask why tcp 203.0.113.9 to $OUT:4444)" '^closed: nothing stands'
has "why: what is built in" "$(ask why tcp 203.0.113.9 to $OUT:445)" '^refused by built in:'
has "why: from inside" "$(ask why tcp 10.0.0.7 to 203.0.113.9:9000)" 'block out tcp 9000 named shut: refused'
has "why: from inside, and nothing in the way" "$(ask why udp 10.0.0.7 to 203.0.113.9:domain)" '^passes: from inside'
has "why: a ping that is answered" "$(ask why ping 203.0.113.10 to $OUT)" '^passes: the gateway answers it$'
has "... and what it is" "$(ask why icmp 203.0.113.10 to $OUT)" "^ping from 203\.0\.113\.10 to $OUT, from outside$"
ok "a rule about pings" ask rule add drop ping from 203.0.113.10 named still
has "why: a ping that it stops" "$(ask why ping 203.0.113.10 to $OUT)" '^dropped by live: drop icmp echo-request'
said=$(ask why-not ping 203.0.113.10 to $OUT)
has "why-not: a ping" "$said" "^minato rule add allow ping from 203\.0\.113\.10 to $OUT first$"
ok "... away with it" ask rule rm still
has "why: a ping outward" "$(ask why ping 10.0.0.7 to 203.0.113.9)" '^passes: from inside.*it leaves from '"$OUT"
has "why: JSON" "$(ask why --json tcp 203.0.113.10 to $OUT:8080)" '"passes": false'
has "why: an arrow that the shell took" "$(ask why tcp 203.0.113.10 - 2>&1)" "say 'to' instead"
has "why: no flow" "$(ask why tcp nowhere to $OUT:8080 2>&1)" 'it is asked as'
said=$(ask why-not tcp 203.0.113.10 to $OUT:8080)
is "why-not: exit code" $? 1
has "... the smallest change" "$said" "^minato rule add allow tcp 8080 from 203\.0\.113\.10 to $OUT first$"
ok "why-not --for makes it" ask why-not --for 4s tcp 203.0.113.10 to $OUT:8080
has "... with its end, for why" "$(ask why tcp 203.0.113.10 to $OUT:8080)" \
	"^  rule +live: allow tcp 8080 from 203.0.113.10 to $OUT until 20[0-9-]+ [0-9:]+: passes$"
is "... it passes" "$(gets far2 http://$OUT:8080/)" "friends"
ok "... is known to" ask why tcp 203.0.113.10 to $OUT:8080
taken_back() { [ "$(gets far2 http://$OUT:8080/)" = "curl 7" ]; }
ok "... and is taken back by itself" until_true 10 taken_back
has "why-not: nothing there" "$(ask why-not tcp 203.0.113.9 to $OUT:4444)" '^minato forward add tcp 4444 to HOST'
has "why-not: what passes" "$(ask why-not tcp 203.0.113.9 to $OUT:80)" '^it passes$'
has "why: the arrow, where a shell leaves it" "$(ask why tcp 203.0.113.10 '->' $OUT:8080)" '^refused by line'
ok "lan is shut out of a forward" ask rule add block tcp 8082 from lan named hairpin first
has "why: hairpin" "$(ask why tcp 10.0.0.7 to $OUT:8082)" '^refused by live: block tcp 8082 from lan'
is "... so it is" "$(gets desk http://$OUT:8082/)" "curl 7"
ok "why-not: hairpin, by a rule of what comes in" ask why-not --for 3s tcp 10.0.0.7 to $OUT:8082
is "... it passes" "$(gets desk http://$OUT:8082/)" "open"
shut_again() { [ "$(gets desk http://$OUT:8082/)" = "curl 7" ]; }
ok "... for that time" until_true 10 shut_again
ok "... and no longer" ask rule rm hairpin
has "why: hairpin that passes" "$(ask why tcp 10.0.0.7 to $OUT:8082)" '^passes: .*it reaches 10\.0\.0\.2 port 8082'
is "... so it does" "$(gets desk http://$OUT:8082/)" "open"
has "why: to the gateway itself" "$(ask why tcp 10.0.0.7 to 10.0.0.1:22)" '^closed: nothing stands'
is "... so it is" "$(gets desk http://10.0.0.1:22/)" "curl 7"
said=$(ask why-not tcp 10.0.0.7 to 10.0.0.1:2300)
is "why-not: to the gateway itself" $? 1
ok "... no forward is proposed, which would not be met" fails grep -q 'forward add' <<<"$said"
has "... but why not" "$said" 'from which no forward leads an inside host on$'
is "... by an outside address it is" "$(ask why-not tcp 10.0.0.7 to $OUT:2300 | grep -c '^minato forward add tcp 2300 to HOST')" 1
has "why: the gateway of another inside" "$(ask why tcp 10.1.0.2 to 10.0.0.1:7000)" '^closed: nothing stands'
has "why: ... for pings, by a rule of what comes in" "$(ask why ping 10.1.0.2 to 10.0.0.1)" '^refused by line [0-9]+: block icmp echo-request from guests to lan$'
# Out of one inside, and in to the other.
ok "two rules that refuse" ask rule add block out tcp 8085 from guests named both
said=$(ask why-not tcp 10.1.0.2 to 10.0.0.2:8085)
has "why-not: the one" "$said" '^minato rule add allow out tcp 8085 from 10\.1\.0\.2 to 10\.0\.0\.2 first$'
has "... and the other" "$said" '^  and with it, since it is refused by line [0-9]+: block tcp 8084.* too:$'
has "... with what lets it pass" "$said" '^minato rule add allow tcp 8085 from 10\.1\.0\.2 to 10\.0\.0\.2 first$'
said=$(ask why-not --for 3s tcp 10.1.0.2 to 10.0.0.2:8085)
is "why-not --for: both are made" $? 0
has "... and it passes" "$said" '^passes: .*it reaches 10\.0\.0\.2 port 8085$'
ok "... so it does" ask why tcp 10.1.0.2 to 10.0.0.2:8085
ok "... until they are over" until_true 6 fails ask why tcp 10.1.0.2 to 10.0.0.2:8085
said=$(ask why-not tcp 10.1.0.2 to 10.0.0.2:8083)
is "why-not: one rule alone needs no other" "$(grep -c '^minato rule add' <<<"$said")" 1
ok "away with it" ask rule rm both
has "why: what is behind us, from outside" "$(ask why tcp 203.0.113.9 to 10.0.0.2:8082)" '^dropped: nothing here has'
has "why: an address that is nobody's" "$(ask why tcp 203.0.113.9 to 192.0.2.77:8082)" '^dropped: nothing here has'
has "why: outward, from where" "$(ask why tcp 10.0.0.7 to 203.0.113.9:9999)" "it leaves from $OUT"
line=$(grep -n '^allow out tcp 9000' "$T/gateway.conf" | cut -d: -f1)
ok "a rule before a line" ask rule add allow out udp 9001 before $line
has "... is listed with that line" "$(ask rule list)" "allow out udp 9001 before $line$"
ok "... and taken away as it is listed" ask rule rm allow out udp 9001 before $line
is "a wrong --for is an error, whatever passes" "$(ask why-not --for soon tcp 203.0.113.9 to $OUT:80 >/dev/null 2>&1; echo $?)" 2
is "why-not without words" "$(ask why-not >/dev/null 2>&1; echo $?)" 2
said=$(ask why-not --for 3s tcp 203.0.113.66 to $OUT:7777)
is "why-not --for: what is behind the rule is closed" $? 1
has "... it says what would open it" "$said" '^minato forward add tcp 7777 to HOST'
hasnt_rule() { ! ask rule list | grep -q "allow tcp 7777"; }
ok "... and the rule that is of no use is gone" hasnt_rule
has "... which is said" "$said" '^closed: nothing stands'

gateway_down
finish
