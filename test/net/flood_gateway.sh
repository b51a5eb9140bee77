#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A gateway that is flooded with SYNs from everywhere to its forwards: whoever is really there is
# served, sessions that are open go on, the inside gets out, and memory stays what it was.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
has_tools hping3 || { skip "a flooded gateway" "hping3 is not installed"; finish; }
gateway_world

{
	gateway_links
	cat <<'X'
capacity 65536 sessions
capacity 65536 mappings
forward tcp http to 10.0.0.2
forward tcp smtp to 10.0.0.3
X
} >"$T/gateway.conf"
gateway_up || { ok "the gateway runs" false; finish; }
OUT=198.51.100.1
serves web 80 "web A"
serves far 80 "far"
head -c 4000000 /dev/zero >"$T/www-web-80/large"
is "before the flood" "$(gets far http://$OUT/)" "web A"
resident() { awk '/^VmRSS/ { print $2 }' "/proc/$(gateway_worker)/status"; }
BEFORE=$(resident)

# One that is under way all the time.
within_bg far slow.out curl -s --limit-rate 300k -o "$T/large" --max-time 60 "http://$OUT/large"
SLOW=$BG
# From where the packets of the world come in; ends by itself. Not as fast as a core can: what then
# is lost before we see it says nothing about what we keep. This fills the places of half-open calls
# every two seconds.
within_bg wan flood1.log timeout 100 hping3 -q -S -p 80 -i u200 --rand-source $OUT
FLOODS=("$BG")
within_bg wan flood2.log timeout 100 hping3 -q -S -p 25 -i u200 --rand-source $OUT
FLOODS+=("$BG")
victims() { ask nat counters gateway | awk '/opening_victim/ { print $2 }'; }
full() { [ "$(victims)" -gt 0 ] 2>/dev/null; }
ok "the places are full" until_true 30 full

GOOD=0
for ((i = 0; i < 10; i++)); do
	[ "$(gets far http://$OUT/ --max-time 20)" = "web A" ] && ((GOOD++))
done
is "clients of a flooded forward are served, all of them" "$GOOD" 10
is "the inside gets out" "$(gets desk http://203.0.113.9/ --max-time 20)" "far"
wait "$SLOW"
ok "the floods went on all that time" kill -0 "${FLOODS[@]}"
kill "${FLOODS[@]}"
is "what was open went on" "$(stat -c %s "$T/large")" 4000000
ok "calls that nobody answers make way" [ "$(victims)" -gt 100 ]
AFTER=$(resident)
ok "memory stays within what was configured" [ "$AFTER" -lt $((BEFORE + 65536)) ]
finish
