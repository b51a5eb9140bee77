#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Outward: programs in the guest fetch from nginx in the peer namespace.
. "$(dirname "$0")/lib.bash"
world_up

dd if=/dev/urandom of="$T/www/big" bs=1M count=1024 status=none
head -c 3000 /dev/urandom >"$T/www/small"
chmod -R a+rX "$T/www"
sum=$(sha256sum <"$T/www/big")
cat >"$T/nginx.conf" <<X
daemon off; master_process off; pid $T/nginx.pid; error_log $T/nginx.err;
user root; worker_rlimit_nofile 8192;
events { worker_connections 4096; }
http { access_log $T/access.log; keepalive_timeout 60; keepalive_requests 10000;
client_body_temp_path $T/body; client_max_body_size 2g;
server { listen $PEER4:80 backlog=2048; listen [$PEER6]:80 backlog=2048; root $T/www; } }
X
bg nginx.log in_peer nginx -e "$T/nginx.err" -c "$T/nginx.conf"
until_true 5 listening 80 peer
run_guest web -- sleep 600

ok "curl over IPv4" in_guest web -- curl -sSf -m 10 -o /dev/null "http://$PEER4/small"
ok "curl over IPv6" in_guest web -- curl -sSf -m 10 -g -o /dev/null "http://[$PEER6]/small"
is "the server sees the host's address" "$(tail -n 2 "$T/access.log" | cut -d' ' -f1 | sort -u | tr '\n' ' ')" "$HOST4 $HOST6 "

connects=$(in_guest web -- curl -sSf -m 10 -o /dev/null -o /dev/null -o /dev/null \
	-w '%{num_connects}\n' "http://$PEER4/small" "http://$PEER4/small" "http://$PEER4/small" | paste -sd' ')
is "HTTP/1.1 keeps one connection alive" "$connects" "1 0 0"

thousand() {
	local urls
	urls=$(seq 1000 | sed "s|.*|url=http://$PEER4/small\noutput=/dev/null|")
	printf '%s\n' "$urls" >"$T/user/urls"
	chmod a+r "$T/user/urls"
	local done_ok
	done_ok=$(in_guest web -- curl -sS -m 120 --parallel --parallel-immediate --parallel-max 300 \
		-w '%{http_code}\n' -K "$T/user/urls" | grep -c '^200$')
	equal "$done_ok" 1000
}
ok "1,000 parallel requests" thousand

whole() { equal "$(in_guest web -- wget -q -T 60 -O - "http://$PEER4/big" | sha256sum)" "$sum"; }
ok "wget of 1 GB is whole" whole
whole6() { equal "$(in_guest web -- curl -sSf -m 300 -g "http://[$PEER6]/big" | sha256sum)" "$sum"; }
ok "1 GB over IPv6 is whole" whole6

# Upwards: to a listener that hashes what it gets.
bg up.sum in_peer bash -c "socat -u TCP-LISTEN:9000 - | sha256sum >$T/up.sha"
until_true 5 listening 9000 peer
up() {
	in_guest web -- socat -u "OPEN:$T/www/big" "TCP:$PEER4:9000" && until_true 20 test -s "$T/up.sha" &&
		equal "$(cat "$T/up.sha")" "$sum"
}
ok "1 GB upwards is whole" up

rm -f "$T/www/big"
finish
