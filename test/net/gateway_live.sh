#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A gateway that is changed while it runs: all or nothing, flows untouched, there again after a
# restart; and what it says of files that are wrong.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
gateway_world

config() {
	gateway_links
	echo "forward tcp http to 10.0.0.2"
	cat
}
config >"$T/gateway.conf" </dev/null
gateway_up || { ok "the gateway runs" false; finish; }
serves web 80 "web A"
serves web 8080 "second"
serves mail 25 "mail B"
serves dmz 7000 "dmz"
OUT=198.51.100.1
URL=http://$OUT

# An established connection through all of this: what is said comes back in capitals.
cat >"$T/capitals.py" <<'X'
import socket, threading
l = socket.socket()
l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
l.bind(("0.0.0.0", 9000))
l.listen(9)
def serve(c):
    while data := c.recv(100):
        c.sendall(data.upper())
    c.close()
while True:
    threading.Thread(target=serve, args=(l.accept()[0],), daemon=True).start()
X
cat >"$T/talk.py" <<'X'
import socket, sys
s = socket.create_connection((sys.argv[1], 9000), 5)
print("up", flush=True)
for line in sys.stdin:
    s.sendall(line.encode())
    print(s.recv(100).decode().strip(), flush=True)
X
within_bg mail capitals.log python3 "$T/capitals.py"
until_true 5 ns_listens mail 9000

# --- add, rm ------------------------------------------------------------------------

is "before: closed" "$(gets far $URL:9000/ --max-time 2 | grep -c curl)" 1
said=$(ask forward add tcp 9998 to 10.9.9.9 2>&1)
ok "what leads nowhere is warned of" matches "$said" 'warning: .*10\.9\.9\.9 is on no inside link'
has "one that leads elsewhere is not meant" "$(ask forward rm tcp 9998 to 10.9.9.8 2>&1)" \
	"nothing stands as 'forward tcp 9998 to 10.9.9.8'; these have a part of it:"
ok "and can be taken back" ask forward rm tcp 9998 to 10.9.9.9
has "the log has that it came" "$(cat "$T/gateway.log")" "^minato: added: 'forward tcp 9998 to 10.9.9.9'$"
has "and that it was taken back" "$(cat "$T/gateway.log")" "^minato: taken back: 'forward tcp 9998 to 10.9.9.9'$"
is "forward add: nothing said where it works" "$(ask forward add tcp 9000 to 10.0.0.3 named talk 2>&1)" ""
trap '' PIPE
mkfifo "$T/say"
within_bg far talk.log sh -c "exec python3 '$T/talk.py' $OUT <'$T/say'"
exec 7<>"$T/say"
ok "the connection is there" until_true 5 grep -q up "$T/talk.log"
says() { # TEXT: it is answered by that connection
	echo "$1" >&7
	until_true 5 grep -q "$(printf '%s' "$1" | tr a-z A-Z)" "$T/talk.log"
}
ok "and answers" says one
has "list shows where each is from" "$(ask forward list)" '^live .*forward tcp 9000 to 10\.0\.0\.3 named talk'
is "forward rm, by name" "$(ask forward rm talk 2>&1)" ""
is "then it is closed" "$(gets far $URL:9000/ --max-time 2 | grep -c curl)" 1
ok "the connection by it goes on" says two
is "forward rm twice" "$(ask forward rm tcp 9000 2>&1; echo $?)" "minato: nothing stands as 'forward tcp 9000'
1"
said=$(ask forward rm tcp http 2>&1)
is "what the file says is taken out there" $? 1
has "which is said, with the line" "$said" "line [0-9]+ of .*gateway\.conf.*minato gateway reload"

# --- wrong words ----------------------------------------------------------------------

said=$(ask forward add tcp 9001 tp 10.0.0.3 2>&1)
is "a wrong statement" $? 2
has "has a caret under the word" "$said" '^ +\^~'
said=$(ask forward add tcp 80 to 10.0.0.3 2>&1)
is "a port that is forwarded already" $? 1
is "still leads where it did" "$(gets far $URL/)" "web A"
said=$(ask forward add nowhere tcp 9001 to 10.0.0.3 2>&1)
is "no such gateway" $? 1
has "which is said" "$said" "no gateway is called nowhere"

# --- several servers ---------------------------------------------------------------------

serves mail 8080 "third"
is "two servers" "$(ask forward add tcp 9010 to 10.0.0.2:8080, 10.0.0.3:8080 named both 2>&1)" ""
answers=$(for i in $(seq 40); do gets far $URL:9010/; echo; done | sort | uniq -c | tr -s ' ' | tr '\n' ';')
echo "# of 40 callers: $answers"
has "share the callers" "$answers" 'second.*third'
ask forward rm both
is "one that drains" "$(ask forward add tcp 9010 to 10.0.0.2:8080, 10.0.0.3:8080 drain 2>&1)" ""
is "gets no new ones" "$(for i in $(seq 20); do gets far $URL:9010/; echo; done | sort -u)" "second"

ask forward rm tcp 9010

# --- a server is taken out of service and comes back ------------------------------------

lists() { ask forward list | grep -qF "$1"; }
lists_not() { ! lists "$1"; }
ask forward add tcp 9000 to 10.0.0.3 named talk
ask forward add tcp 9010 to 10.0.0.2:8080, 10.0.0.3:8080 named both
mkfifo "$T/say2"
within_bg far talk2.log sh -c "exec python3 '$T/talk.py' $OUT <'$T/say2'"
exec 6<>"$T/say2"
ok "a connection to it" until_true 5 grep -q up "$T/talk2.log"
is "drain: nothing said where others are left" "$(ask forward drain 10.0.0.3:8080 2>&1)" ""
is "then all new ones go to the others" "$(for i in $(seq 20); do gets far $URL:9010/; echo; done | sort -u)" "second"
is "another port of the host is not meant" "$(ask forward list | grep 'tcp 9000 to' | grep -c drains)" 0
said=$(ask forward drain 10.0.0.3 2>&1)
has "what has no other server is warned of" "$said" 'no server is left for new connections'
is "and refuses at once" "$(gets far $URL:9000/ --max-time 2)" "curl 7"
has "which why says" "$(ask why tcp 203.0.113.9 to $OUT:9000)" '^refused by .*its only server drains'
echo two >&6
ok "but its connection lives" until_true 5 grep -q TWO "$T/talk2.log"
said=$(ask forward list)
has "the list tells which server drains" "$said" 'tcp 9010 .* named both   \(10\.0\.0\.3:8080 drains\)'
has "and how much is left there" "$said" '^live .* drain 10\.0\.0\.3   \(2 flows left\)'
has "so does its JSON" "$(ask forward list --json | tr -d ' \n')" '"at":\{[^}]*10\.0\.0\.3[^}]*\},"weight":1,"state":"drains"'
exec 6>&-
ok "one of them is left when the other has ended" until_true 10 lists 'drain 10.0.0.3   (1 flow left)'
is "undrain" "$(ask forward undrain 10.0.0.3 2>&1; ask forward undrain 10.0.0.3:8080 2>&1)" ""
answers=$(for i in $(seq 40); do gets far $URL:9010/; echo; done | sort | uniq -c | tr -s ' ' | tr '\n' ';')
has "it gets new ones again" "$answers" 'second.*third'
is "undrain twice" "$(ask forward undrain 10.0.0.3 2>&1; echo $?)" "minato: nothing stands as 'drain 10.0.0.3'
1"
has "one that no forward has is warned of" "$(ask forward drain 10.0.0.77 2>&1)" 'no forward and no dmz leads to 10\.0\.0\.77'
ask forward undrain 10.0.0.77
ask forward drain 10.0.0.3:8080 for 3s
has "for a time: until when is listed" "$(ask forward list)" '^live .* 20[0-9-]+ [0-9:]+ drain 10\.0\.0\.3:8080'
ok "and ends by itself" until_true 15 lists_not 'drain 10.0.0.3'
ask forward add tcp 9011 to 10.0.0.2:8080, 10.0.0.3:8080 proxy v1
ask forward drain 10.0.0.3:8080
is "what ends at the gateway drains too" "$(for i in $(seq 10); do gets far $URL:9011/ -o /dev/null -w '%{http_code}'; echo; done | sort -u | wc -l)" 1
ask forward undrain 10.0.0.3:8080
ask forward rm tcp 9011
ask forward rm both
ask forward rm talk

# --- many at once -----------------------------------------------------------------------

for i in $(seq 9100 9109); do ask forward add tcp "$i" to 10.0.0.2:8080 & done
wait $(jobs -p | tail -n 10)
is "ten commands at once" "$(ask forward list | grep -c 'tcp 91.. to 10.0.0.2:8080')" 10
is "each of them works" "$(for i in $(seq 9100 9109); do gets far $URL:$i/; done)" \
	"$(printf 'second%.0s' 1 2 3 4 5 6 7 8 9 10)"
for i in $(seq 9100 9109); do ask forward rm tcp "$i"; done

# More than the worker's libc sorts without asking how much memory there is.
worker=$(gateway_worker)
for i in $(seq 9600 9699); do ask forward add tcp "$i" to 10.0.0.2:8080; done
is "a hundred forwards" "$(ask forward list | grep -c 'tcp 96.. to 10.0.0.2:8080')" 100
is "and the same process" "$(gateway_worker)" "$worker"
is "the last one works" "$(gets far $URL:9699/)" "second"
for i in $(seq 9600 9699); do ask forward rm tcp "$i"; done

# --- terms ---------------------------------------------------------------------------------

ask forward add tcp 9200 to 10.0.0.2:8080 for 8s
is "for 8 s: it stands" "$(gets far $URL:9200/)" "second"
has "until when is listed" "$(ask forward list)" '^live +[0-9]+ 20[0-9-]+ [0-9:]+ .*tcp 9200'
gone() { ! ask forward list | grep -q "tcp $1 "; }
ok "and ends by itself" until_true 15 gone 9200
has "the log has until when" "$(cat "$T/gateway.log")" \
	"^minato: added: 'forward tcp 9200 to 10.0.0.2:8080', until 20[0-9-]+ [0-9:]+$"
has "and that it is over" "$(cat "$T/gateway.log")" "^minato: over: 'forward tcp 9200 to 10.0.0.2:8080'$"
is "then it is closed" "$(gets far $URL:9200/ --max-time 2 | grep -c curl)" 1
is "a time that is over" "$(ask forward add tcp 9201 to 10.0.0.2 until 2020-01-01 10:00 2>&1 | grep -c 'over already')" 1

# --- dmz and nat -----------------------------------------------------------------------------

is "no dmz at first" "$(ask dmz)" "no dmz"
ask dmz 10.0.0.9
is "dmz" "$(gets far $URL:7000/)" "dmz"
has "is shown" "$(ask dmz)" '^dmz 10\.0\.0\.9$'
ask dmz off
is "dmz off" "$(gets far $URL:7000/ --max-time 2 | grep -c curl)" 1
ask dmz 10.0.0.9
has "who: a forward is named" "$(ask who 80)" 'Gateway gateway takes it at its outside: forward tcp 80 to 10.0.0.2 .line [0-9]*'
is "who: of its protocol alone" "$(ask who 80/udp | grep -c 'takes it')" 0
has "nat show --json says whose" "$(ask nat show --json)" '"gateway": "gateway"'
has "a list of a gateway that is none" "$(ask forward list nosuch 2>&1)" 'no gateway is called nosuch'
has "one that is none is not stopped" "$(ask stop nosuch 2>&1)" 'no guest or gateway is called nosuch'
has "--log without --detach is refused" "$(ask gateway --log x "$T/gateway.conf" 2>&1)" 'in the background: --detach'
has "a --ready-fd that is not open" "$(ask gateway --ready-fd 77 "$T/gateway.conf" 2>&1)" 'ready-fd 77: Bad file'
has "nat show" "$(ask nat show)" '^nat udp filtering endpoint-independent$'
ask nat set filtering address
has "nat set: it is so, and marked" "$(ask nat show)" '^nat udp filtering address-dependent   \*$'
ask nat set timeout udp 10m
said=$(ask nat unset timeout udp 2>&1)
has "nat unset: back to what the file says" "$said" 'nat timeout udp: as if nothing was said of it$'
has "... as is shown" "$(ask nat show)" '^nat timeout udp 5m$'
said=$(ask nat unset gateway timeout udp 2>&1)
is "nat unset: where nothing was said" $? 1
has "... which it tells" "$said" 'nothing was said of .nat timeout udp.'
is "nat unset: what is no setting" "$(ask nat unset timeout nothing 2>/dev/null; echo $?)" 2
has "nat unset: the others stay" "$(ask nat show)" '^nat udp filtering address-dependent   \*$'
is "nat set: below what the RFC says" "$(ask nat set timeout udp 1s 2>&1 | grep -c .)" 3

# --- reload -------------------------------------------------------------------------------------

mkdir "$T/conf.d"
printf '%s\n' "forward tcp 8081 to 10.0.0.2:8080" "nat timeout icmp 90s" >"$T/conf.d/web.conf"
config <<<"include conf.d/*.conf" >"$T/gateway.conf"
is "reload of a file that includes another" "$(ask gateway reload 2>&1)" ""
is "what is in that one works" "$(gets far $URL:8081/)" "second"
has "and is listed with its file" "$(ask forward list)" '^line 1 of web\.conf +[0-9]+ - +forward tcp 8081'
ask nat set timeout icmp 2m
has "nat set goes before the file" "$(ask nat show)" '^nat timeout icmp 2m   \*$'
said=$(ask nat unset timeout icmp 2>&1)
has "nat unset: back to the file's, with its line" "$said" 'nat timeout icmp 1m30s, as in line 2 of .*/conf\.d/web\.conf$'
has "... as is shown" "$(ask nat show)" '^nat timeout icmp 1m30s   \*$'
said=$(ask forward rm tcp 8081 2>&1)
has "where it is to be taken out" "$said" 'line 1 of .*/conf\.d/web\.conf: take it out there'
echo "forward tcp 8081 tp 10.0.0.2:8080" >"$T/conf.d/web.conf"
said=$(ask gateway reload 2>&1)
has "a fault of it has its place" "$said" 'conf\.d/web\.conf:1:18: error: '
is "and changes nothing" "$(gets far $URL:8081/)" "second"
echo "include ../gateway.conf" >"$T/conf.d/web.conf"
has "check refuses a loop" "$(ask check "$T/gateway.conf" 2>&1)" 'web\.conf:1:9: error: .*gateway\.conf includes itself'
rm "$T/conf.d/web.conf"
config <<<"forward tcp 8080 to 10.0.0.2" >"$T/gateway.conf"
is "reload: nothing said where it works" "$(ask gateway reload 2>&1)" ""
is "reload: what is new" "$(gets far $URL:8080/)" "second"
ok "reload: the connection goes on" says three
config <<<"forward tcp 808o to 10.0.0.2" >"$T/gateway.conf"
said=$(ask gateway reload 2>&1)
is "reload: a broken file" $? 1
has "is told with line and column" "$said" 'gateway\.conf:5:13: '
has "and a caret" "$said" '^ +\^~~~'
has "in the log too" "$(cat "$T/gateway.log")" 'gateway\.conf:5:13: '
is "reload: what was stands" "$(gets far $URL:8080/)" "second"
config >"$T/gateway.conf" </dev/null
kill -HUP "$KEEPER"
ok "SIGHUP: what is gone is gone" until_true 5 gone 8080
ok "SIGHUP: the connection goes on" says four
has "what was said while it ran stands" "$(ask dmz)" '^dmz 10\.0\.0\.9$'
has_its_memory() { gateway_has_memory 40 || ! memory_is_plenty; }
ok "without a capacity memory comes as it is used" eval '! gateway_has_memory 40'
# What takes another host value: its sessions move.
config <<<"capacity 100000 sessions" >"$T/gateway.conf"
worker=$(gateway_worker)
has "another capacity: said to be more than a change" "$(ask gateway reload 2>&1)" 'another process takes the sessions over'
renewed() { [ -n "$(gateway_worker)" ] && [ "$(gateway_worker)" != "$worker" ] && gateway_is_up; }
ok "another capacity: another process" until_true 10 renewed
ok "another capacity: its memory is there before sessions are" until_true 1 has_its_memory
ok "another capacity: the connection goes on" says five
has "another capacity: what was said stands" "$(ask dmz)" '^dmz 10\.0\.0\.9$'
config <<<"inside tap in2 10.2.0.1/24" >"$T/gateway.conf"
worker=$(gateway_worker)
ask gateway reload 2>/dev/null
until_true 10 renewed
ok "another link: it is there" ip link show in2
ok "another link: the connection goes on" says six
config <<<"outside eth9 192.0.2.1/24" >"$T/gateway.conf"
worker=$(gateway_worker)
said=$(ask gateway reload 2>&1)
is "a link that cannot be had: refused" $? 1
has "and why" "$said" 'eth9.*nothing was changed'
is "all goes on as it was" "$(gets far $URL/)$(gateway_worker)" "web A$worker"
config >"$T/gateway.conf" </dev/null
ask gateway reload 2>/dev/null
until_true 10 renewed
ok "a link less: it is gone" fails ip link show in2
ok "a link less: the connection goes on" says seven

sed "s/198.51.100.1\/24/198.51.100.2\/24/" "$T/gateway.conf" >"$T/new.conf"
cp "$T/new.conf" "$T/gateway.conf"
ask gateway reload
is "another outside address: forwards are there" "$(gets far http://198.51.100.2/)" "web A"
is "and no more at the old one" "$(gets far $URL/ --max-time 2 | grep -c curl)" 1
exec 7>&-
config >"$T/gateway.conf" </dev/null
ask gateway reload
is "and back" "$(gets far $URL/)" "web A"

# --- a line that was not changed ----------------------------------------------------------------

config <<<"forward tcp 9400 to 10.0.0.2:8080 for 5s" >"$T/gateway.conf"
ask gateway reload
is "a term of the file: it is open" "$(gets far $URL:9400/)" "second"
until_true 10 gone 9400
is "the log has once that a line of the file is over" \
	"$(grep -c "^minato: over: 'forward tcp 9400 to 10.0.0.2:8080'$" "$T/gateway.log")" 1
printf '%s\n' "# a comment" "forward tcp 9400 to 10.0.0.2:8080 for 5s" | config >"$T/gateway.conf"
said=$(ask gateway reload 2>&1)
has "a comment more: what is over stays over, which is said" "$said" \
	"^minato: line [0-9]+: 'forward tcp 9400 to 10\.0\.0\.2:8080' is over since 20[0-9: -]+$"
ok "... and it is" gone 9400
config <<<"forward tcp 9400 to 10.0.0.2:8080 for 1h" >"$T/gateway.conf"
is "another term is a new one" "$(ask gateway reload 2>&1)$(gets far $URL:9400/)" "second"

# --- what a dmz leaves out, and forwards ----------------------------------------------------------

ask dmz file
config <<<"dmz 10.0.0.9 except 1-6999" >"$T/gateway.conf"
is "a dmz may leave out what a forward has" "$(ask gateway reload 2>&1)" ""
is "the forward goes before it" "$(gets far $URL/)" "web A"
is "the rest is the dmz's" "$(gets far $URL:7000/)" "dmz"
is "what is left out is shut" "$(gets far $URL:6000/)" "curl 7"
said=$(ask why tcp 203.0.113.9 to $OUT:6000)
has "why: by that line" "$said" "refused.*dmz 10\.0\.0\.9 except|dmz 10\.0\.0\.9 except.*refused"
is "one is added live" "$(ask forward add tcp 6000 to 10.0.0.2:8080 2>&1)" ""
is "... and is open" "$(gets far $URL:6000/)" "second"
ask forward rm tcp 6000
is "... and shut again" "$(gets far $URL:6000/)" "curl 7"
ask dmz 10.0.0.9

# --- a live forward that a new file cannot have ---------------------------------------------------

config </dev/null | sed 's|198.51.100.1/24,|198.51.100.1/24, 198.51.100.7/24,|' >"$T/gateway.conf"
ask gateway reload 2>/dev/null
until_true 10 ask forward add tcp 9700 on 198.51.100.7 to 10.0.0.2:8080 2>/dev/null
config >"$T/gateway.conf" </dev/null
said=$(ask gateway reload 2>&1)
is "a file without the address of a live forward" $? 1
take="forward rm tcp 9700 on 198.51.100.7 to 10.0.0.2:8080"
has "names it, and what takes it back" "$said" \
	"gateway\.conf: error: no outside .* has the address 198\.51\.100\.7, in .*'minato $take'"
# shellcheck disable=SC2086 # words
is "... which does" "$(ask $take 2>&1)" ""
ask gateway reload 2>/dev/null
is "then the file is taken" $? 0
until_true 10 test "$(gets far $URL/)" = "web A"

# --- a restart ------------------------------------------------------------------------------------

ask forward add tcp 9300 to 10.0.0.2:8080
ask forward add tcp 9301 to 10.0.0.2:8080 for 2s
ask forward add tcp 9302 to 10.0.0.2:8080 for 1h
kill -9 "$KEEPER"
wait "$KEEPER" 2>/dev/null
sleep 2
gateway_up
is "after kill -9 of the keeper: what was added" "$(gets far $URL:9300/)" "second"
has "what is lost is told" "$(cat "$T/gateway.log")" 'not stopped the last time: .*sessions of then are lost'
is "the dmz" "$(gets far $URL:7000/)" "dmz"
has "the settings of nat" "$(ask nat show)" '^nat udp filtering address-dependent   \*$'
has "terms go on" "$(ask forward list)" '20[0-9-]+ [0-9:]+ .*tcp 9302'
ok "and are over when they are over" gone 9301
gateway_down
wait "$KEEPER" 2>/dev/null
gateway_up
is "after a stop nothing is" "$(grep -c 'not stopped the last time' "$T/gateway.log")" 1
is "after a stop too" "$(gets far $URL:9300/)" "second"
config <<<"forward tcp 9300 to 10.0.0.9:7000" >"$T/gateway.conf"
gateway_down
gateway_up
is "the file goes before what was said" "$(gets far $URL:9300/)" "dmz"
has "which is told" "$(cat "$T/gateway.log")" "forward tcp 9300 .* is dropped"
gateway_down
config >"$T/gateway.conf" </dev/null

# --- the state file ------------------------------------------------------------------------------

echo "this is no database, whatever it is called, and no header of one" >"$T/gateway.state"
rm -f "$T"/gateway.state-*
gateway_up
is "a broken state file: the gateway starts" "$(gets far $URL/)" "web A"
has "says so" "$(cat "$T/gateway.log")" 'it is kept as .*broken-'
is "and keeps it" "$(cat "$T"/gateway.state.broken-*[0-9])" "this is no database, whatever it is called, and no header of one"
ask forward add tcp 9400 to 10.0.0.2:8080
is "and goes on with a new one" "$(gets far $URL:9400/)" "second"
gateway_down

mkdir "$T/small"
mount -t tmpfs -o size=128k none "$T/small"
sed -i "s|^state .*|state $T/small/state|" "$T/gateway.conf"
gateway_up
ask forward add tcp 9500 to 10.0.0.2:8080
dd if=/dev/zero of="$T/small/fill" bs=4k 2>/dev/null
refused=
# What is written comes to its place at once, so many small ones find room in the pages there are.
for i in $(seq 9601 9999); do
	said=$(ask forward add tcp "$i" to 10.0.0.2:8080 2>&1) || { refused=$i; break; }
done
ok "a full disk: the change is refused" test -n "$refused"
has "and why" "$said" 'disk is full.*nothing was changed'
is "it was undone" "$(gets far $URL:$refused/ --max-time 2 | grep -c curl)" 1
is "what was there before stands" "$(gets far $URL:9500/)" "second"
ask forward add --volatile tcp "$refused" to 10.0.0.2:8080
is "--volatile: changed all the same" "$(gets far $URL:$refused/)" "second"
rm "$T/small/fill"
ask forward add tcp 9599 to 10.0.0.2:8080
is "with room again it is as before" "$(gets far $URL:9599/)" "second"
gateway_down
gateway_up
is "what was written is there" "$(gets far $URL:9500/)$(gets far $URL:9599/)" "secondsecond"
is "what was not is not" "$(gets far $URL:$refused/ --max-time 2 | grep -c curl)" 1
gateway_down
umount "$T/small"
# In the background the log is read later: with the time.
config >"$T/gateway.conf" </dev/null
ask gateway -d --log "$T/dated.log" "$T/gateway.conf" >/dev/null
echo "forward tcp 808o to 10.0.0.2" >>"$T/gateway.conf"
ask gateway reload 2>/dev/null
has "--log: what is said has its time" "$(cat "$T/dated.log")" \
	"^$(date -u +%Y-%m-%d)T[0-9:]{8}Z minato: .*gateway\.conf:5:13"
ask stop gateway
config >"$T/gateway.conf" </dev/null
is "no report of a sanitizer" "$(grep -c 'AddressSanitizer\|runtime error' "$T/gateway.log")" 0
# --- a file without sides -----------------------------------------------------------------

: >"$T/empty.conf"
said=$(env XDG_RUNTIME_DIR="$T/run" timeout 10 "$M" gateway "$T/empty.conf" 2>&1)
code=$?
ok "an empty file is refused" matches "$said" 'has no inside link, as'
is "with an exit code" "$code" 1
finish
