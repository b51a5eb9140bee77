#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# gateway.sh [MINATO]: the classic picture of example/gateway.conf, in network namespaces of its own.
# Needs no root, iproute2, python3 and curl; leaves nothing behind.
set -eu
if [ "${GATEWAY_INSIDE:-}" != 1 ]; then
	export GATEWAY_INSIDE=1
	map=$([ "$(id -u)" = 0 ] || echo --user --map-root-user)
	# shellcheck disable=SC2086
	exec unshare $map --net --mount --pid --fork --kill-child --mount-proc -- bash "$0" "$@"
fi
here=$(dirname "$0")
minato=${1:-$here/../build/minato}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export XDG_RUNTIME_DIR=$dir XDG_STATE_HOME=$dir STATE_DIRECTORY=$dir

# host NAME: a network namespace; in_host NAME COMMAND... runs there.
declare -A pid
host() {
	unshare --net sleep 600 &
	pid[$1]=$!
	until [ "$(readlink "/proc/${pid[$1]}/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
	in_host "$1" ip link set lo up
}
in_host() { nsenter --net="/proc/${pid[$1]}/ns/net" "${@:2}"; }
# server NAME PORT: answers every caller with its name and the caller's address.
server() {
	in_host "$1" python3 -c '
import socket, sys
l = socket.create_server(("", int(sys.argv[2])))
while True:
    c, peer = l.accept()
    text = "%s, which saw you come from %s\n" % (sys.argv[1], peer[0])
    c.recv(1000)
    c.sendall(("HTTP/1.0 200 OK\r\n\r\n" + text).encode())
    c.close()' "$1" "$2" &
	until in_host "$1" ss -Hltn | grep -q ":$2 "; do sleep 0.02; done
}

"$minato" check "$here/gateway.conf" || exit 1

# The taps are made here: minato takes them, and bridges have them from the beginning.
ip link set lo up
for side in in out; do
	ip tuntap add ${side}0 mode tap vnet_hdr
	ip link add br-$side type bridge
	ip link set ${side}0 master br-$side up
	ip link set br-$side up
done
number=2
for name in web mail dmz; do
	host $name
	ip link add p-$name type veth peer name eth0 netns "${pid[$name]}"
	ip link set p-$name master br-in up
	[ $name = dmz ] && number=9
	in_host $name ip addr add 10.0.0.$number/24 dev eth0
	in_host $name ip link set eth0 up
	in_host $name ip route add default via 10.0.0.1
	number=$((number + 1))
done
host client
ip link add p-client type veth peer name eth0 netns "${pid[client]}"
ip link set p-client master br-out up
in_host client ip addr add 198.51.100.254/24 dev eth0
in_host client ip addr add 203.0.113.9/24 dev lo
in_host client ip link set eth0 up
server web 80
server web 8080
server mail 25
server dmz 8443
in_host client python3 -m http.server --bind 203.0.113.9 80 >"$dir/client.log" 2>&1 &
until in_host client ss -Hltn | grep -q ":80 "; do sleep 0.02; done

"$minato" gateway --detach --quiet "$here/gateway.conf" >/dev/null

try() { # PORT
	printf '%-36s ' "from outside, 198.51.100.1 port $1:"
	in_host client curl -s -m 2 --http0.9 --interface 203.0.113.9 "http://198.51.100.1:$1/" || echo "nothing"
}
try 80
try 25
try 8443
try 8080
printf '%-36s ' "from inside, the same address:"
in_host dmz curl -s -m 2 http://198.51.100.1/
printf '%-36s ' "from inside, a server far away:"
in_host web curl -s -m 2 -o /dev/null http://203.0.113.9/ && awk 'END { print "it saw " $1 }' "$dir/client.log"
"$minato" forward add tcp 8080 to 10.0.0.2 for 2h
try 8080
"$minato" forward list
"$minato" stop gateway
