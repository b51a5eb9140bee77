#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Very many rules take the place of as many others while packets flow: these do not wait, and meet
# the one policy or the other.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
gateway_world
OUT=198.51.100.1
RULES=40000

# The last rule of each decides about far.
rules() { # VERB: of them all
	awk -v v="$1" -v n=$RULES 'BEGIN {
		for (i = 0; i < n; i++)
			printf "%s tcp %d from 20.%d.%d.0/24\n", v, 1000 + i % 30000, int(i / 256) % 256, i % 256
	}'
	echo "$1 tcp 8080 from 203.0.113.9"
}
config() {
	gateway_links
	cat <<C
forward tcp 8080 to 10.0.0.2
forward udp 7000 to 10.0.0.2
include $T/many.conf
C
}
rules drop >"$T/many.conf"
config >"$T/gateway.conf"
gateway_up || { ok "the gateway runs" false; finish; }
is "the last of very many rules holds" "$(gets far http://$OUT:8080/ --max-time 1)" "curl 28"

# streams: datagrams go through while the file is read again; LONGEST milliseconds of one.
streams() {
	within_bg web hear.log python3 "$MINATO_SOURCE/test/net/stream.py" hear 7000 4
	local hears=$BG
	until_true 5 ns_hears web 7000
	within_bg far say.log python3 "$MINATO_SOURCE/test/net/stream.py" say $OUT 7000 3
	rules "$1" >"$T/many.conf"
	SAID=$(ask gateway reload 2>&1)
	RC=$?
	wait "$hears"
	read -r CAME LONGEST <"$T/hear.log"
}
best=100000
for verb in block drop block drop block; do
	streams $verb
	is "a reload takes them all: $verb" "$RC $SAID" "0 "
	case $verb in
	block) is "... and they hold" "$(gets far http://$OUT:8080/)" "curl 7" ;;
	drop) is "... and they hold" "$(gets far http://$OUT:8080/ --max-time 1)" "curl 28" ;;
	esac
	best=$(python3 -c "print(min($best, $LONGEST))")
done
# On a busy machine some of them wait for a processor; of five times one is quiet.
ok "no packet waits for them (at most $best ms)" python3 -c "exit($best > 80)"
ok "one rule more among them" ask rule add -n gateway drop tcp 99 from 1.2.3.4
gateway_down
finish
