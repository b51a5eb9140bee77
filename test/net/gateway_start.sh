#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What a gateway stands on when it starts or reads its file again: a full disk, an empty file, ports
# that are in use, another gateway on the same interface, a process that hangs.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
gateway_world
OUT=198.51.100.1
URL=http://$OUT

mkdir "$T/small"
mount -t tmpfs -o size=128k none "$T/small"
config() {
	gateway_links | sed "s|^state .*|state $T/small/state|"
	echo "forward tcp http to 10.0.0.2"
	cat
}
fill() { dd if=/dev/zero of="$T/small/fill" bs=4k conv=notrunc oflag=append status=none 2>/dev/null; true; }
config >"$T/gateway.conf" <<<"dmz 10.0.0.9"
gateway_up || { ok "the gateway runs" false; finish; }
serves web 80 "web A"
serves web 8080 "second"
serves mail 5300 "mail"
serves dmz 7000 "dmz"
serves far 80 "far"

# --- a full disk at the start ------------------------------------------------------------

is "before: the dmz gets the rest" "$(gets far $URL:7000/)" "dmz"
ask forward add tcp 9500 to 10.0.0.2:8080
ask dmz off
ask rule add block everything from 203.0.113.10
is "a stranger is blocked" "$(gets far2 $URL/ --max-time 2 | grep -c curl)" 1
fill
gateway_down
fill
: >"$T/gateway.log"
gateway_up
has "started on a full disk: it is said" "$(cat "$T/gateway.log")" 'the disk is full; what was said before stands'
is "not that it was killed" "$(grep -c 'was not stopped' "$T/gateway.log")" 0
is "the forward stands" "$(gets far $URL:9500/)" "second"
is "the dmz is off" "$(gets far $URL:7000/ --max-time 2 | grep -c curl)" 1
is "and the stranger blocked" "$(gets far2 $URL/ --max-time 2 | grep -c curl)" 1
said=$(ask forward add tcp 9501 to 10.0.0.2:8080 2>&1)
is "a change is refused" "$?" 1
has "and why" "$said" 'the disk is full; nothing was changed \(--volatile'
rm "$T/small/fill"
ok "with room again it is taken, without a restart" ask forward add tcp 9502 to 10.0.0.2:8080
fill
kill -9 "$KEEPER"
wait "$KEEPER" 2>/dev/null
# At once: its worker still has the tap, and lets it go when it sees that it is alone.
gateway_up
is "after a kill it is there" "$(gets far $URL:9502/)" "second"
is "what was refused is not" "$(gets far $URL:9501/ --max-time 2 | grep -c curl)" 1
# What is over ends on a full disk too.
rm "$T/small/fill"
ask forward add tcp 9503 to 10.0.0.2:8080 for 8s
is "a forward for a while" "$(gets far $URL:9503/)" "second"
fill
closed() { [ "$(gets far $URL:9503/ --max-time 1 | grep -c curl)" = 1 ]; }
ok "ends on a full disk" until_true 20 closed
rm "$T/small/fill"

# --- an empty file -----------------------------------------------------------------------

cp "$T/gateway.conf" "$T/right.conf"
for text in "" "# nothing"; do
	printf '%s\n' "$text" >"$T/gateway.conf"
	said=$(ask gateway reload 2>&1)
	is "reload of an empty file is refused ('$text')" "$?" 1
	has "with its place" "$said" 'gateway\.conf:1:1: error: nothing is said here'
	is "the old one stays" "$(gets far $URL/)" "web A"
	ask check "$T/gateway.conf" >/dev/null 2>&1
	is "check finds it wrong" "$?" 1
	ask gateway -c "$T/gateway.conf" >/dev/null 2>&1
	is "and gateway -c" "$?" 1
done
cp "$T/right.conf" "$T/gateway.conf"

# --- a live statement in the file's way -----------------------------------------------------

ask forward add tcp 9600 to 10.0.0.2:8080
echo "forward tcp 9600 to 10.0.0.3:25" >>"$T/gateway.conf"
line=$(wc -l <"$T/gateway.conf")
said=$(ask gateway reload 2>&1)
is "reload beside a live forward of the port: refused" "$?" 1
has "at the file's line" "$said" "gateway\.conf:$line:9: error: tcp port 9600 is forwarded already"
has "by whom" "$said" "by 'forward tcp 9600 to 10\.0\.0\.2:8080' \(live\)"
has "with a caret" "$said" '^ +\^~'
cp "$T/right.conf" "$T/gateway.conf"
said=$(ask forward add tcp 80 to 10.0.0.3 2>&1)
has "a live one is told of the file's" "$said" "tcp port 80 is forwarded already, by 'forward tcp 80 to 10\.0\.0\.2' \(line [0-9]+\)"
is "a line of no file is named nowhere" "$(
	ask forward add tcp 6000-6099 to 10.0.0.2 2>&1
	ask forward add tcp 6050-6149 to 10.0.0.3 2>&1 | grep -c '21474'
)" 0
is "and what was warned of once is not again" "$(ask forward add tcp 6200 to 10.0.0.3 2>&1)" ""

# --- ports that are in use --------------------------------------------------------------

cat >"$T/many.py" <<'X'
import socket, sys
s = [socket.create_connection(("203.0.113.9", 80), 5) for _ in range(300)]
print("up", flush=True)
sys.stdin.read()
X
mkfifo "$T/hold"
within_bg desk many.log sh -c "exec python3 '$T/many.py' <'$T/hold'"
exec 8<>"$T/hold"
ok "300 connections outward" until_true 20 grep -q up "$T/many.log"
is "a range is opened all the same" "$(ask forward add tcp 10000-60000 to 10.0.0.3 >"$T/said" 2>&1; echo $?)" 0
has "how many ports are held, and by whom" "$(cat "$T/said")" \
	'forward tcp 10000-60000 to 10\.0\.0\.3: [0-9]+ of 50001 ports are still held by mappings of 10\.0\.0\.7'
held=$(ask nat list mappings 2>/dev/null | grep -o '198\.51\.100\.1:[1-5][0-9]\{4\}' | head -n 1 | cut -d: -f2)
said=$(ask forward add tcp "$held" to 10.0.0.3:5300 2>&1)
is "one held port is refused" "$?" 1
has "with whose it is, and what frees it" "$said" \
	"tcp port $held of 198\.51\.100\.1 is held by a mapping of 10\.0\.0\.7 port [0-9]+.*minato nat end mapping [0-9a-f]+"
handle=$(printf '%s' "$said" | grep -o 'end mapping [0-9a-f]*' | cut -d' ' -f3)
ok "which it does" ask nat end mapping "$handle"
has "... once" "$(ask nat end mapping "$handle" 2>&1)" 'there is no such mapping any more'
has "an inside host that has nothing" "$(ask nat end inside 10.0.0.99 2>&1)" \
	'no inside host of that address has a flow or a mapping'
ok "then it is forwarded" ask forward add tcp "$held" to 10.0.0.3:5300
is "and reached" "$(gets far $URL:$held/)" "mail"
# The worker's successor finds them as they were.
worker=$(gateway_worker)
kill -9 "$worker"
replaced() { [ -n "$(gateway_worker)" ] && [ "$(gateway_worker)" != "$worker" ]; }
until_true 10 replaced
has "after the death of the process for the traffic they live on" "$(
	until_true 10 grep -q 'restarted' "$T/gateway.log"
	grep restarted "$T/gateway.log")" 'restarted: (29[0-9]|[3-9][0-9][0-9]) sessions go on'
exec 8>&-
ask forward rm tcp 10000-60000 to 10.0.0.3
echo "forward udp,tcp 20000-29999 to 10.0.0.3" >>"$T/gateway.conf"
ok "reload with a range" ask gateway reload
cp "$T/right.conf" "$T/gateway.conf"

# --- servers of which nothing is known yet -----------------------------------------------------

ok "a forward with a server that is not there" \
	ask forward add tcp 9800 to 10.0.0.2:8080, 10.0.0.77:8080 check every 1m
served() {
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		[ "$(gets far $URL:9800/ --max-time 2)" = second ] || { echo "client $i failed"; return 1; }
	done
}
ok "no client is sent there" served
worker=$(gateway_worker)
kill -9 "$worker"
until_true 10 replaced
until_true 10 gateway_is_up
ok "nor after the death of the process for the traffic" served
has "it is said once the time for an answer is over" "$(
	until_true 10 grep -q '10.0.0.77 port 8080 does not answer' "$T/gateway.log"
	cat "$T/gateway.log")" '10\.0\.0\.77 port 8080 does not answer'

# --- a process that hangs -----------------------------------------------------------------

until_true 10 gateway_is_up
worker=$(gateway_worker)
kill -STOP "$worker"
said=$(ask forward add tcp 9700 to 10.0.0.2 2>&1)
has "a gateway that hangs is no gateway that is not there" "$said" 'gateway does not answer'
said=$(ask forward add gateway tcp 9700 to 10.0.0.2 2>&1)
has "by its name too" "$said" 'gateway does not answer|^$'
ok "it is noticed" until_true 40 replaced
has "and said" "$(cat "$T/gateway.log")" 'does not answer: it is replaced'
until_true 10 gateway_is_up
ok "a change goes through then" ask forward add gateway tcp 9701 to 10.0.0.2:8080
is "and stands" "$(gets far $URL:9701/)" "second"
gateway_down

# --- two on one interface ------------------------------------------------------------------

within lan ip link add two0 type veth peer name eth1 netns $$
ip link set eth1 up
within wan ip link add two1 type veth peer name eth0 netns $$
ip link set eth0 up
for name in one two; do
	cat >"$T/$name.conf" <<-X
		inside eth1 10.9.0.1/24
		outside eth0 198.51.100.7/24 via 198.51.100.254
		state $T/$name.state
	X
done
ask gateway -d "$T/one.conf" >/dev/null
said=$(ask gateway -d "$T/two.conf" 2>&1)
is "a second gateway on the interfaces is refused" "$?" 1
has "and whose they are" "$said" "eth1 is gateway one's already"
ask stop one
ok "when that one has ended it starts" ask gateway -d "$T/two.conf"
ask stop two

# --- words and exit codes ---------------------------------------------------------------------

# refused NAME CODE PATTERN COMMAND...
refused() {
	local said
	said=$(ask "${@:4}" 2>&1)
	is "$1: exit code" "$?" "$2"
	has "$1: what is said" "$said" "$3"
}
refused "a file that is not there" 1 'cannot read .*nowhere\.conf' gateway "$T/nowhere.conf"
sed 's/eth1/eth7/' "$T/one.conf" >"$T/seven.conf"
refused "an interface that is not there" 1 'eth7' gateway "$T/seven.conf"
refused "gateway stop" 2 "did you mean 'minato stop NAME'" gateway stop
refused "gateway status" 2 "did you mean 'minato ps'" gateway status
refused "forward delete" 2 "did you mean 'rm'" forward delete tcp 80
ask gateway -d "$T/one.conf" >/dev/null
refused "nat show of another" 1 'no gateway is called nope' nat show nope
refused "a forward of another" 1 'no gateway is called nope' forward add nope tcp 80 to 10.9.0.2
refused "a broadcast address" 1 '10\.9\.0\.255 is the broadcast address' forward add tcp 80 to 10.9.0.255
ask stop one
bg_more respond.log "$M" nat verify --respond 127.0.0.1
until_true 5 sh -c "ss -Hlun | grep -q 127.0.0.1:4787"
kill "$BG"
wait "$BG"
is "a responder ends by a signal as it should" "$?" 0

# --- a state file where /var/lib is somebody else's -------------------------------------------

if [ "$NET_REAL_ROOT" = 1 ]; then
	mkdir -p "$T/home/run"
	chown -R 65534:65534 "$T/home"
	chmod 700 "$T/home/run"
	cat >"$T/own.conf" <<-X
		inside tap i0 10.0.0.1/24
		outside tap o0 198.51.100.1/24
	X
	chmod 644 "$T/own.conf"
	said=$(setpriv --reuid=65534 --regid=65534 --clear-groups env -u XDG_STATE_HOME HOME="$T/home" \
		XDG_RUNTIME_DIR="$T/home/run" unshare -Urn bash -c "
		'$M' gateway -d '$T/own.conf' && '$M' forward add tcp 81 to 10.0.0.2 && '$M' forward list -H; '$M' stop own" 2>&1)
	has "root of a user namespace keeps its state at home" "$said" 'live .* forward tcp 81 to 10\.0\.0\.2'
	ok "there" test -s "$T/home/.local/state/minato/own.state"
else
	skip "root of a user namespace keeps its state at home" "this is one"
fi
umount "$T/small"
is "no report of a sanitizer" "$(grep -c 'AddressSanitizer\|runtime error' "$T/gateway.log")" 0
finish
