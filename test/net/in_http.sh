#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Inward: nginx in the guest on its port 80, published as a host port.
. "$(dirname "$0")/lib.bash"
world_up

mkdir -p "$T/user/www" "$T/user/tmp"
dd if=/dev/urandom of="$T/user/www/big" bs=1M count=1024 status=none
echo "hello from port 80" >"$T/user/www/index.html"
chmod -R a+rwX "$T/user"
chmod 700 "$T/user/run"
sum=$(sha256sum <"$T/user/www/big")
cat >"$T/user/nginx.conf" <<X
daemon off; master_process off; pid $T/user/nginx.pid; error_log $T/user/nginx.err;
worker_rlimit_nofile 8192;
events { worker_connections 4096; }
http { access_log $T/user/access.log;
log_format addr '\$remote_addr \$remote_port';
client_body_temp_path $T/user/tmp; proxy_temp_path $T/user/tmp; fastcgi_temp_path $T/user/tmp;
uwsgi_temp_path $T/user/tmp; scgi_temp_path $T/user/tmp;
server { listen 80 backlog=2048; listen [::]:80 backlog=2048; root $T/user/www;
  location = /who { access_log off; return 200 "\$remote_addr \$remote_port\n"; } } }
X
run_guest srv -p 8080:80,8081 -- nginx -e "$T/user/nginx.err" -c "$T/user/nginx.conf"
until_true 10 curl -sf -m 2 -o /dev/null http://127.0.0.1:8080/

is "from the host's loopback" "$(curl -sSf -m 5 http://127.0.0.1:8080/)" "hello from port 80"
is "from the host's loopback, IPv6" "$(curl -sSf -m 5 -g 'http://[::1]:8080/')" "hello from port 80"
is "from another machine" "$(in_peer curl -sSf -m 5 http://$HOST4:8080/)" "hello from port 80"
is "from another machine, IPv6" "$(in_peer curl -sSf -m 5 -g "http://[$HOST6]:8080/")" "hello from port 80"

is "the server sees the client's address and port" \
	"$(in_peer curl -sSf -m 5 --local-port 45001 http://$HOST4:8080/who)" "$PEER4 45001"
is "the server sees the client's address and port, IPv6" \
	"$(in_peer curl -sSf -m 5 -g --local-port 45002 "http://[$HOST6]:8080/who")" "$PEER6 45002"
is "a client on the host's loopback appears as the gateway, with its own port" \
	"$(curl -sSf -m 5 --local-port 45003 http://127.0.0.1:8080/who)" "10.0.2.2 45003"
is "a client on the host's address keeps it" \
	"$(curl -sSf -m 5 --local-port 45004 http://$HOST4:8080/who)" "$HOST4 45004"

# 8081 is published, nobody listens behind it: the caller is reset at once.
closed() {
	local start=$EPOCHREALTIME code
	in_peer curl -sS -m 5 -o /dev/null http://$HOST4:8081/
	code=$?
	# 7 could not connect, 56 reset while receiving, 52 nothing came
	[ $code = 7 ] || [ $code = 56 ] || { echo "curl says $code"; return 1; }
	awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { exit !(b - a < 1) }'
}
ok "a closed guest port resets the caller at once" closed

thousand() {
	seq 1000 | sed "s|.*|url=http://$HOST4:8080/\noutput=/dev/null|" >"$T/urls"
	equal "$(in_peer curl -sS -m 120 --parallel --parallel-immediate --parallel-max 300 \
		-w '%{http_code}\n' -K "$T/urls" | grep -c '^200$')" 1000
}
ok "1,000 parallel requests" thousand

whole() { equal "$(in_peer wget -q -T 60 -O - http://$HOST4:8080/big | sha256sum)" "$sum"; }
ok "wget of 1 GB out of the guest is whole" whole
whole6() { equal "$(in_peer curl -sSf -m 300 -g "http://[$HOST6]:8080/big" | sha256sum)" "$sum"; }
ok "1 GB over IPv6 is whole" whole6

finish
