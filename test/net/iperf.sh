#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# iperf3 through the guest's ports, each way: it must run, whole, at a sane rate.
. "$(dirname "$0")/lib.bash"
world_up
bg server.log in_peer iperf3 -s -p 6001
until_true 5 listening 6001 peer
run_guest g -p 7001/both -- iperf3 -s -p 7001
run_guest client -- sleep 600

# rate ARGS...: Mbit/s as received (both directions added for --bidir).
rate_of() {
	python3 -c '
import json, sys
end = json.load(sys.stdin)["end"]
sums = [end[k]["bits_per_second"] for k in end if k.startswith("sum_received") or k == "sum"]
print(int(min(sums) / 1e6))'
}
above() { # above MBIT NAME COMMAND...
	local least=$1 got
	shift
	got=$("$@" | rate_of) || return 1
	echo "$got Mbit/s"
	[ "${got:-0}" -ge "$least" ]
}
out() { in_guest client -- iperf3 -J -t 1 -p 6001 -c "$@"; }
into() { in_peer iperf3 -J -t 1 -p 7001 -c "$@"; }
ok "one stream out" above 20 out $PEER4
ok "one stream back" above 20 out $PEER4 -R
ok "eight streams out" above 20 out $PEER4 -P 8
ok "eight streams back" above 20 out $PEER4 -P 8 -R
ok "both directions at once" above 5 out $PEER4 --bidir
ok "one stream over IPv6" above 20 out $PEER6
ok "UDP out" above 4 out $PEER4 -u -b 5M
ok "UDP back" above 4 out $PEER4 -u -b 5M -R
until_true 5 into $HOST4 >/dev/null
ok "one stream into a published port" above 20 into $HOST4
ok "one stream back from a published port" above 20 into $HOST4 -R
ok "eight streams into a published port" above 20 into $HOST4 -P 8
ok "published, both directions at once" above 5 into $HOST4 --bidir
ok "published, IPv6" above 20 into $HOST6
ok "published UDP in" above 4 into $HOST4 -u -b 5M
ok "published UDP back" above 4 into $HOST4 -u -b 5M -R
finish
