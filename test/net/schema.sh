#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What ss --json prints is what its schema describes: of host and guest, with
# every flag that adds members.
. "$(dirname "$0")/lib.bash"
world_up
cp "$MINATO_SOURCE/test/net/sockets.py" "$T/sockets.py"
bg far.log in_peer socat TCP-LISTEN:7000,fork,reuseaddr EXEC:cat
bg sockets.log python3 "$T/sockets.py" 600 h0
until_true 10 grep -q up "$T/sockets.log"
until_true 5 listening 7000 peer
run_guest web -p 8080-8083:80-83,8053:53/udp -- sleep 600
bg conn.log as_user "$M" exec web -- socat TCP:$PEER4:7000 EXEC:'sleep 600'
conn() { as_user "$M" ss -n -t --in web | grep -q "$PEER4:7000"; }
ok "a guest has a connection" until_true 5 conn

SCHEMA=$MINATO_SOURCE/doc/ss.schema.json
listing() { # listing NAME ARGS...
	local name=$1
	shift
	as_user "$M" ss --json "$@" >"$T/$name.json"
}
fits() { python3 "$MINATO_SOURCE/test/net/schema.py" "$SCHEMA" "$@"; }

listing default
listing all -a
listing more -a -e -i -m -o -p
listing guest -a -e -i -m -o -p --in web
listing none -a sport = :1
"$M" ss --host --json -a -i -m >"$T/root.json"
for name in default all more guest none root; do
	ok "the schema describes it: $name" fits "$T/$name.json"
done
has "there are rows of host and guest" "$(python3 -c "
import json
rows = json.load(open('$T/more.json'))['rows']
print(sorted({row['kind'] for row in rows}))
print(sorted({name for row in rows for name in row}))")" "host.*out.*published"
has "also with what a kernel knows" "$(cat "$T/root.json")" '"tcp":\{.*"memory":\{|"memory":\{.*"tcp":\{'

# The check itself finds what is wrong.
sed 's/"netid"/"newtid"/' "$T/all.json" >"$T/wrong.json"
ok "a member that is not described is a fault" fails fits "$T/wrong.json"
sed 's/"recv_q":[0-9]*/"recv_q":"x"/' "$T/all.json" >"$T/wrong.json"
ok "a value of another type is a fault" fails fits "$T/wrong.json"
is "the manual names the schema" "$(grep -c 'ss\.schema\.json' "$MINATO_SOURCE/man/minato-ss.1")" 2
finish
