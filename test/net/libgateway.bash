# SPDX-License-Identifier: BSD-2-Clause
# What the tests of gateways source after lib.bash: an inside and an outside.
#
#   web  10.0.0.2 --+                                              +-- far   203.0.113.9
#   mail 10.0.0.3 --+                                              |
#   dmz  10.0.0.9 --+-- lan: bridge -- in0 (gateway) out0 -- wan: router -- far2  203.0.113.10
#   desk 10.0.0.7 --+          10.0.0.1        198.51.100.1    198.51.100.254 |
#                                                                  +-- two addresses: STUN
#
# Each word is a network namespace; IPv6 beside it: fd00:a::/64 inside, 2001:db8:f::/64 outside, and
# 2001:db8:a::/64 as the routed prefix of the inside. The gateway runs in this shell's, which has no
# interface of its own but lo.

declare -A NS=()

# make_ns NAME: a namespace that lives as long as the test.
make_ns() {
	unshare --net --kill-child -- sleep 3600 &
	local holder=$!
	STARTED+=("$holder")
	until_true 5 ns_is_there "$holder"
	NS[$1]=$NS_PID
	within "$1" ip link set lo up
	# Errors are looked for one after the other, sooner than a kernel would tell them.
	within "$1" sysctl -qw net.ipv4.icmp_ratelimit=0 2>/dev/null
}
ns_is_there() {
	NS_PID=$(pgrep -P "$1" -x sleep) || NS_PID=$1
	[ "$(readlink "/proc/$NS_PID/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}
# within NAME COMMAND...
within() { nsenter --net="/proc/${NS[$1]}/ns/net" "${@:2}"; }
# within_bg NAME LOG COMMAND...: in the background; sets BG.
within_bg() { bg "$2" nsenter --net="/proc/${NS[$1]}/ns/net" "${@:3}"; }

# join NAME ADDRESS/LENGTH GATEWAY HUB [ADDRESS6/LENGTH GATEWAY6]: a host on the hub's bridge.
join() {
	make_ns "$1"
	within "$4" ip link add "p-$1" type veth peer name eth0 netns "${NS[$1]}"
	within "$4" ip link set "p-$1" master br0 up
	within "$1" sysctl -qw net.ipv6.conf.eth0.accept_dad=0
	within "$1" ip addr add "$2" dev eth0
	within "$1" ip link set eth0 up
	within "$1" ip route add default via "$3"
	[ $# -gt 4 ] || return 0
	within "$1" ip addr add "$5" dev eth0 nodad
	within "$1" ip -6 route add default via "$6"
}
# bridge_up NAME: a bridge br0 there.
bridge_up() {
	within "$1" ip link add br0 type bridge
	within "$1" sysctl -qw net.ipv6.conf.br0.accept_dad=0
	within "$1" ip link set br0 up
}

# gateway_world: all of the drawing but the gateway.
gateway_world() {
	ip link set lo up
	make_ns lan
	bridge_up lan
	make_ns wan
	bridge_up wan
	within wan sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	within wan ip addr add 203.0.113.1/24 dev br0
	within wan ip addr add 2001:db8:f::1/64 dev br0 nodad
	join web 10.0.0.2/24 10.0.0.1 lan 2001:db8:a::2/64 2001:db8:a::1
	join mail 10.0.0.3/24 10.0.0.1 lan 2001:db8:a::3/64 2001:db8:a::1
	join dmz 10.0.0.9/24 10.0.0.1 lan 2001:db8:a::9/64 2001:db8:a::1
	join desk 10.0.0.7/24 10.0.0.1 lan 2001:db8:a::7/64 2001:db8:a::1
	join far 203.0.113.9/24 203.0.113.1 wan 2001:db8:f::9/64 2001:db8:f::1
	join far2 203.0.113.10/24 203.0.113.1 wan
}

# The beginning of every configuration: the links.
gateway_links() {
	cat <<X
inside tap in0 10.0.0.1/24, 2001:db8:a::1/64 in namespace pid ${NS[lan]}
outside tap out0 198.51.100.1/24, 2001:db8:e::1/64 via 198.51.100.254, 2001:db8:e::2 in namespace pid ${NS[wan]}
state $T/gateway.state
X
}

# The taps come and go with the gateway: their other ends are set up when they are there.
attach_taps() {
	until_true 10 within lan ip link show in0
	until_true 10 within wan ip link show out0
	within lan ip link set in0 master br0 up
	within wan sysctl -qw net.ipv6.conf.out0.accept_dad=0
	within wan ip addr add 198.51.100.254/24 dev out0
	within wan ip addr add 2001:db8:e::2/64 dev out0 nodad
	within wan ip link set out0 up
	within wan ip -6 route replace 2001:db8:a::/64 via 2001:db8:e::1
}

# gateway_up [OPTION...]: runs the gateway of $T/gateway.conf; KEEPER is its process.
gateway_up() {
	bg_more gateway.log env XDG_RUNTIME_DIR="$T/run" "$M" gateway "$@" "$T/gateway.conf"
	KEEPER=$BG
	until_true 15 gateway_is_decided
	gateway_is_up || { cat "$T/gateway.log"; return 1; }
	attach_taps
}
gateway_is_decided() { gateway_is_up || ! kill -0 "$KEEPER"; }
gateway_is_up() { ask ps 2>/dev/null | grep -q "^gateway "; }
gateway_down() {
	ask stop gateway
	wait "$KEEPER" 2>/dev/null
}
# ask COMMAND...: minato as the user whose gateway it is.
ask() { env XDG_RUNTIME_DIR="$T/run" "$M" "$@"; }
gateway_worker() { pgrep -P "$KEEPER" | head -n 1; }
# gateway_has_memory MB: so much at least of the host value's memory is there.
gateway_has_memory() {
	local fd
	for fd in /proc/"$KEEPER"/fd/*; do
		[[ $(readlink "$fd") = *memfd:minato-memory* ]] || continue
		[ $(($(stat -L -c %b "$fd") / 2048)) -ge "$1" ] && return 0
	done
	return 1
}
# A gateway with a capacity takes memory at the start where there is plenty.
memory_is_plenty() { [ "$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)" -gt 2000000 ]; }
mkdir -p "$T/run"
chmod 700 "$T/run"

# serves NAME PORT TEXT: a web server there that answers with the text.
serves() {
	mkdir -p "$T/www-$1-$2"
	printf '%s' "$3" >"$T/www-$1-$2/index.html"
	cat >"$T/nginx-$1-$2.conf" <<X
daemon off;
master_process off;
user root;
pid $T/nginx-$1-$2.pid;
error_log $T/nginx-$1-$2.err;
events { worker_connections 512; }
http {
	access_log $T/nginx-$1-$2.access;
	client_body_temp_path $T/www-$1-$2/body;
	proxy_temp_path $T/www-$1-$2/proxy;
	fastcgi_temp_path $T/www-$1-$2/fastcgi;
	uwsgi_temp_path $T/www-$1-$2/uwsgi;
	scgi_temp_path $T/www-$1-$2/scgi;
	server { listen $2; listen [::]:$2; root $T/www-$1-$2; }
}
X
	within_bg "$1" "nginx-$1-$2.log" nginx -c "$T/nginx-$1-$2.conf" -e "$T/nginx-$1-$2.err"
	until_true 5 ns_listens "$1" "$2"
}
ns_listens() { within "$1" ss -Hltn | grep -Eq "[:.]$2 "; }
ns_hears() { within "$1" ss -Hlun | grep -Eq "[:.]$2 "; }
# gets NAME URL [CURL-OPTION...]: what curl there gets, or "curl N" with its exit code.
# Each from a port of its own: two flows of one client port to one port of a server, by two
# forwards, could not be told apart there, and the second is refused.
gets() {
	local text port
	port=$(($(cat "$T/last-port" 2>/dev/null || echo 20000) + 1))
	echo "$port" >"$T/last-port"
	text=$(within "$1" curl -s --max-time 5 --local-port "$port" "${@:3}" "$2") && printf '%s' "$text" ||
		echo "curl $?"
}
# has_tools WORD...: whether they are installed; else the first that is not, in MISSING.
has_tools() {
	for MISSING in "$@"; do command -v "$MISSING" >/dev/null 2>&1 || return 1; done
}
# As bg, but the log goes on.
bg_more() {
	local log=$1
	shift
	"$@" >>"$T/$log" 2>&1 </dev/null &
	BG=$!
	STARTED+=("$BG")
}

# proxied_nginx NAME PORT...: an nginx that believes the PROXY protocol at these ports, and says whom
# it sees; /large is the file $T/large.
proxied_nginx() {
	local port listens=
	for port in "${@:2}"; do listens+="listen $port proxy_protocol; "; done
	cat >"$T/nginx-proxy.conf" <<-X
		daemon off;
		master_process off;
		user root;
		pid $T/nginx-proxy.pid;
		error_log $T/nginx-proxy.err;
		events { worker_connections 512; }
		http {
			access_log off;
			client_body_temp_path $T/proxy-body;
			proxy_temp_path $T/proxy-proxy;
			fastcgi_temp_path $T/proxy-fastcgi;
			uwsgi_temp_path $T/proxy-uwsgi;
			scgi_temp_path $T/proxy-scgi;
			server {
				$listens
				location / { return 200 "\$proxy_protocol_addr \$proxy_protocol_server_addr \$proxy_protocol_server_port \$remote_addr"; }
				location /large { alias $T/large; }
			}
		}
	X
	within_bg "$1" nginx-proxy.log nginx -c "$T/nginx-proxy.conf" -e "$T/nginx-proxy.err"
	until_true 5 ns_listens "$1" "$2"
}
