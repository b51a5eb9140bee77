#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What a gateway measures, over HTTP: valid names, its sessions and mappings, and what it dropped.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
has_tools python3 curl nginx || { skip "a gateway's metrics" "$MISSING is not installed"; finish; }
"$M" --version | grep -q "metrics: *libmicrohttpd" ||
	{ skip "a gateway's metrics" "no libmicrohttpd"; finish; }
gateway_world
{ gateway_links; echo "forward tcp 80 to 10.0.0.2"; } >"$T/gateway.conf"

refused="$(ask gateway --metrics 127.0.0.1:x "$T/gateway.conf" 2>&1)"
is "a wrong port ends it" "$?" 2
has "and is named" "$refused" '--metrics: '
ok "a gateway with --metrics" gateway_up --metrics 127.0.0.1:9111
[ "$FAILED" = 0 ] || finish
serves web 80 "inside"
serves far 80 "outside"

page() { curl -s -m 10 http://127.0.0.1:9111/metrics "$@"; }
# What was gathered holds for 200 ms.
value() { sleep 0.25; page | sed -n "s/^minato_$1{guest=\"gateway\"${2:-}} //p"; }
ok "the page is OpenMetrics" sh -c \
	"curl -s http://127.0.0.1:9111/metrics | python3 '$(dirname "$0")/openmetrics.py'"
page -H 'Accept: text/plain' >"$T/classic"
ok "and the older form, for who asks" python3 "$(dirname "$0")/openmetrics.py" --classic <"$T/classic"
if has_tools promtool; then
	is "which promtool takes" "$(promtool check metrics <"$T/classic" 2>&1 | grep -v 'should' )" ""
else
	skip "promtool" "is not installed"
fi
is "it is up" "$(value guest_up)" 1
is "no mapping yet" "$(value nat_mappings ',proto="tcp"')" 0

talk_on() { # a connection that stays
	within_bg desk stay.log python3 -c "
import socket, time
s = socket.create_connection(('203.0.113.9', 80), 5)
print('up', flush=True)
time.sleep(600)"
	until_true 5 grep -q up "$T/stay.log"
}
ok "a connection out" talk_on
is "is a mapping" "$(value nat_mappings ',proto="tcp"')" 1
is "and a session" "$(value connections ',proto="tcp",state="established"')" 1
within desk ping -c 1 -W 2 203.0.113.9 >/dev/null
is "a ping is one, too" "$(value nat_mappings ',proto="icmp"')" 1
is "nothing was closed to anybody" "$(value stack_events_total ',event="nat_closed"')" 0
within far curl -s -m 2 http://198.51.100.1:81/ >/dev/null
ok "what is closed is counted" test "$(value stack_events_total ',event="nat_closed"')" -gt 0
ok "among what NAT dropped" test "$(value drops_total ',reason="nat"')" -gt 0
has "floods and scans have their counters" "$(page)" 'event="cookies_sent"'
has "scans" "$(page)" 'event="scan_blocked"'

exporter() { pgrep -P "$KEEPER" | while read -r p; do
	ss -Hltnp | grep 9111 | grep -q "pid=$p," && echo "$p"
done; }
old=$(exporter | head -n 1)
kill -9 "$old"
answers() { [ "$(value guest_up)" = 1 ]; }
ok "its process is killed: another serves" until_true 5 answers
is "the gateway said so" "$(grep -c 'the process for the metrics .*restarted' "$T/gateway.log")" 1
gateway_down
is "the end of the gateway ends it" "$(curl -s -o /dev/null -m 2 http://127.0.0.1:9111/metrics; echo $?)" 7
is "no report of a sanitizer" "$(grep -c 'AddressSanitizer\|runtime error' "$T/gateway.log")" 0
finish
