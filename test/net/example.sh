#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The two examples: over memory, and over a tap to curl.
. "$(dirname "$0")/lib.bash"
B=$(dirname "$MINATO")/example
ok "a thousand clients on one port, over memory" "$B/example-server"
ok "a client, over memory" "$B/example-client"
if ip tuntap add dev mx0 mode tap 2>/dev/null; then
	ip addr add 10.77.0.2/24 dev mx0
	ip link set mx0 up
	bg server.log "$B/example-server" --tap mx0 10.77.0.1
	until_true 5 grep -q http "$T/server.log"
	is "curl over a tap" "$(curl -sS -m 5 http://10.77.0.1/)" "hello from a minato port"
	many() { for _ in {1..50}; do curl -sSf -m 5 -o /dev/null http://10.77.0.1/ || return 1; done; }
	ok "fifty times" many
	has "accept names the client" "$(cat "$T/server.log")" '^client 10.77.0.2 port [0-9]+$'
	fails curl -sS -m 2 http://10.77.0.1:81/ 2>"$T/closed"
	has "a closed port refuses" "$(curl -sS -m 2 http://10.77.0.1:81/ 2>&1)" "refused|Couldn't connect"
	ip tuntap add dev mx1 mode tap
	ip addr add 10.78.0.2/24 dev mx1
	ip link set mx1 up
	mkdir -p "$T/www"
	echo "a page of the kernel's side" >"$T/www/index.html"
	bg http.log python3 -m http.server --bind 10.78.0.2 --directory "$T/www" 8000
	until_true 5 listening 8000
	has "the client fetches over a tap" \
		"$("$B/example-client" --tap mx1 10.78.0.1 10.78.0.2 8000)" "a page of the kernel's side"
else
	skip "over a tap" "no tap device can be made here"
fi
finish
