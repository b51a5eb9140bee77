#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Rules of namespaces that another program made: who may come in by published ports, where programs
# there may go, a change while they run and a worker that dies, tests that are not met.
. "$(dirname "$0")/lib.bash"
world_up
WAN=203.0.113.9
in_peer ip addr add $WAN/24 dev p0
ip route add $WAN/32 via $PEER4
printf 'hello from the peer\n' >"$T/www/index.html"
for port in 80 81; do
	bg "peer$port.log" in_peer python3 -m http.server --bind 0.0.0.0 -d "$T/www" $port
	until_true 10 listening $port peer
done

attach() { as_user "$M" attach "$@"; }
sandbox() { # a process in namespaces of its own; sets BOX
	rm -f "$T/user/box"
	bg box.log as_user unshare --user --map-root-user --net -- \
		sh -c 'echo $$ >"$HOME/box"; exec sleep 1000'
	until_true 5 test -s "$T/user/box" || echo "# no sandbox"
	BOX=$(<"$T/user/box")
}
in_box() { as_user nsenter --target "$BOX" --user --net --preserve-credentials "$@"; }
begin() { # NAME ATTACH-ARGS...
	local name=$1
	shift
	bg "attach-$name.log" attach --name "$name" "$@"
	HELD=$BG
	until_true 10 guest_up "$name" || cat "$T/attach-$name.log"
}
get() { # SOURCE PORT: what a client from there gets
	local text
	text=$(in_peer curl -sS -m 3 --interface "$1" "http://$HOST4:$2/" 2>/dev/null) &&
		echo "$text" || echo "curl $?"
}
refused() { was_refused "$(get "$1" "$2")"; }
out() { in_box curl -sS -m 5 "http://$1/" 2>/dev/null || echo "curl $?"; }
# The same by another program.
fetch() {
	in_box python3 -c 'import sys, urllib.request
try: print(urllib.request.urlopen("http://" + sys.argv[1] + "/", timeout=5).read().decode().strip())
except OSError as e: print(type(e.reason if hasattr(e, "reason") else e).__name__)' "$1"
}

sandbox
cat >"$T/rules" <<X
allow tcp 8001 from lan
block tcp 8001
allow program curl out tcp 80 to $PEER4
block out everything
test tcp from $PEER4 to self:8001 passes by line 2
test tcp from $WAN to self:8001 is closed by line 3
test program curl tcp from guest to $PEER4:80 passes
test tcp from guest to $PEER4:80 is closed by line 5
X
chmod a+r "$T/rules"
begin held -p 8001:8001,8002:8001 --rule 'block tcp 8002 from wan named far' --rules "$T/rules" "$BOX"
bg inside.log in_box python3 -m http.server --bind 0.0.0.0 -d "$T/www" 8001
in_box_listens() { in_box ss -Hltn | grep -q ":$1 "; }
until_true 10 in_box_listens 8001

is "in: for lan, from lan" "$(get $PEER4 8001)" "hello from the peer"
ok "in: for lan, not from wan" refused $WAN 8001
is "in: another port, from lan" "$(get $PEER4 8002)" "hello from the peer"
ok "in: another port, not from wan" refused $WAN 8002
is "out: the program that may, where it may" "$(out $PEER4:80)" "hello from the peer"
is "out: elsewhere it may not" "$(out $PEER4:81)" "curl 7"
is "out: another program may not" "$(fetch $PEER4:80)" "ConnectionRefusedError"
has "ps tells of it" "$(as_user "$M" ps)" '^held .* in,out '
has "why tells of it" "$(as_user "$M" why -n held tcp $WAN to $HOST4:8001)" '^refused by line 3: block tcp 8001$'
has "... outward" "$(as_user "$M" why -n held tcp guest to $PEER4:81)" '^refused by line 5: block out everything$'
has "... of pings" "$(as_user "$M" why -n held ping guest to $PEER4)" '^refused by line 5: block out everything$'

# --- a change, and a worker that dies -----------------------------------------------------

ok "a rule while it runs" as_user "$M" rule add -n held block tcp 8002 from $PEER4 first
ok "... holds" refused $PEER4 8002
ok "... about that port alone" equal "$(get $PEER4 8001)" "hello from the peer"
ok "a program that no rule named" as_user "$M" rule add -n held allow program python3 out tcp 80 to $PEER4 first
is "... may" "$(fetch $PEER4:80)" "hello from the peer"
is "... there alone" "$(fetch $PEER4:81)" "ConnectionRefusedError"
ok "... until that is taken back" as_user "$M" rule rm -n held allow program python3 out tcp 80 to $PEER4
is "... and then not" "$(fetch $PEER4:80)" "ConnectionRefusedError"
has "one that is nowhere is said" \
	"$(as_user "$M" rule add -n held allow program no-such-thing out tcp 80 2>&1)" 'no program is called so here'
ok "one of the start is taken out" as_user "$M" rule rm -n held far
is "... and wan comes in" "$(get $WAN 8002)" "hello from the peer"
worker() { as_user "$M" ps --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["guests"][0]["worker"])'; }
before=$(worker)
kill -9 "$before"
other() { local now; now=$(worker 2>/dev/null) && [ -n "$now" ] && [ "$now" != "$before" ]; }
ok "a worker that is killed is replaced" until_true 10 other
ok "... with the rule that was added" refused $PEER4 8002
is "... without the one that was taken out" "$(get $WAN 8002)" "hello from the peer"
ok "... and those of the start" refused $WAN 8001
is "... of programs too" "$(fetch $PEER4:80)" "ConnectionRefusedError"
is "... which may still" "$(out $PEER4:80)" "hello from the peer"
as_user "$M" stop held
wait "$HELD"

# --- what is wrong is said before anything is changed ----------------------------------------

links() { in_box sh -c 'ls /proc/sys/net/ipv4/conf | tr "\n" " "'; }
sed -i '/^test/d' "$T/rules"
echo "test tcp from $WAN to self:8001 passes" >>"$T/rules"
said=$(attach -p 8001:8001 --rules "$T/rules" "$BOX" 2>&1)
is "a test that is not met" $? 2
has "... is said" "$said" 'rules:5: .*test not met:.* it is closed by line 2'
said=$(attach --rule 'block ssh form lan' "$BOX" 2>&1)
is "a wrong word" $? 2
has "... with its place and what was meant" "$said" "did you mean 'from'"
is "nothing was made in the namespace" "$(links)" "all default lo "
kill "$BOX"

finish
