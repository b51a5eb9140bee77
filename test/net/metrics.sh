#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Metrics: as text, over HTTP, of a guest and of all; who serves, who dies, and
# collectors that mean harm.
. "$(dirname "$0")/lib.bash"
check=$(dirname "$0")/openmetrics.py
world_up

has "--print without a guest" "$(as_user "$M" metrics --print)" '^minato_build_info\{version="[0-9.]+"\} 1$'
strict() { as_user "$M" metrics --print "$@" | python3 "$check" "$@"; }
ok "and it is OpenMetrics" strict
run_guest one -p 8080:80 -- sleep 600
run_guest two -- sleep 600
ok "with guests too" strict
ok "and in the older form" strict --classic
value() { # value SAMPLE: of a guest's metrics
	as_user "$M" metrics --print | awk -v n="$1" '$1 == n { print $2 }'
}
has "the host is there" "$(as_user "$M" metrics --print)" '^minato_host_ephemeral_ports [0-9]+$'
is "each guest is up" "$(value 'minato_guest_up{guest="one"}')$(value 'minato_guest_up{guest="two"}')" 11
is "a published port is in use" "$(value 'minato_ports_in_use{guest="one",proto="tcp",kind="system"}')" 1
is "--in shows one guest" "$(as_user "$M" metrics --print --in one | grep -c 'guest="two"')" 0
has "--in of none names those that run" "$(as_user "$M" metrics --print --in ome 2>&1)" "did you mean one"
if command -v promtool >/dev/null; then
	ok "promtool accepts them" sh -c "'$T/minato' metrics --print --classic | promtool check metrics"
else
	skip "promtool accepts them" "Debian's prometheus is not installed"
fi

# Traffic is counted where it belongs.
bg www.log in_guest one -- python3 -m http.server --directory "$T/www" 80
head -c 100000 /dev/urandom >"$T/www/big"
served() { [ "$(curl -s -m 5 http://127.0.0.1:8080/big | wc -c)" = 100000 ]; }
ok "a published port serves" until_true 10 served
more_than() { [ "$(value "$1")" -gt "$2" ]; }
ok "its bytes are counted by the rule" more_than 'minato_forward_bytes_total{guest="one",rule="8080:80/tcp",dir="out"}' 99999
ok "and on the link" more_than 'minato_link_bytes_total{guest="one",dir="out"}' 99999
is "not at another guest" "$(value 'minato_forward_rules{guest="two"}')" 0
bg conn.log in_guest one -- socat TCP:127.0.0.1:80 EXEC:'sleep 600'
bg far.log in_peer socat TCP-LISTEN:7000,fork,reuseaddr EXEC:cat
until_true 5 listening 7000 peer
bg out.log in_guest one -- socat TCP:$PEER4:7000 EXEC:'sleep 600'
established() { [ "$(value 'minato_connections{guest="one",proto="tcp",state="established"}')" = 1 ]; }
ok "a connection is counted by its state" until_true 5 established

if as_user "$M" --version | grep -q "metrics: *libmicrohttpd"; then
	. "$(dirname "$0")/libmetrics.bash"
else
	has "without libmicrohttpd it says so" "$(as_user "$M" metrics :9100 2>&1)" "libmicrohttpd"
	skip "over HTTP" "no libmicrohttpd"
fi
finish
