#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# demo.sh: the main job on real traffic. A guest serves a page on its port 80,
# published as a port of this host; this host fetches it; the guest fetches a
# page from a server outside; minato ss shows it all, and minato who whose port
# it is; then a gateway shares one address among servers. Ends by itself: 0, or
# another code with a word why.
#
# MINATO: the program, build/minato by default.

set -u
cd "$(dirname "$0")/.." || exit 1
program=${MINATO:-build/minato}
guest=demo
account=
holders=()
page='hello from port 80 of a guest'
outside_page='hello from outside the guest'

say() { printf '\n== %s\n' "$*"; }
give_up()
{
	printf '\ndemo failed: %s\n' "$*" >&2
	exit 1
}
# Prints a command as one would type it, then runs it.
show()
{
	printf '$ %s\n' "$(printf '%s ' "$@" | sed "s|$here/minato|minato|; s/ $//")"
	"${as[@]}" "$@"
}
clean_up()
{
	[ ${#holders[@]} -eq 0 ] || kill "${holders[@]}" 2>/dev/null
	[ -z "${here:-}" ] || rm -rf "$here"
}

# Who runs things: words to put before a command.
set_account()
{
	account=$1
	as=(env "XDG_RUNTIME_DIR=$here/run" "no_proxy=*" "NO_PROXY=*")
	if [ -n "$account" ]; then
		as=(setpriv "--reuid=$uid" "--regid=$gid" --clear-groups "${as[@]}" "HOME=$here")
		chown "$uid:$gid" "$here/run"
	fi
}

# A directory that every account can read and run programs from: the clone may
# be neither.
make_place()
{
	local top
	for top in "${TMPDIR:-/tmp}" /tmp /var/tmp /dev/shm; do
		here=$(mktemp -d "$top/minato-demo-XXXXXX" 2>/dev/null) || continue
		chmod 755 "$here"
		mkdir -p "$here/page" "$here/outside"
		mkdir -m 700 "$here/run"
		install -m 755 "$program" "$here/minato"
		set_account "$account"
		if "${as[@]}" "$here/minato" help >/dev/null 2>&1; then
			return 0
		fi
		rm -rf "$here"
	done
	here=
	give_up 'no directory from which a program can be run (tried /tmp, /var/tmp, /dev/shm)'
}

# Root is for those who need it: the guest runs as somebody else.
choose_account()
{
	[ "$(id -u)" = 0 ] || return 0
	account=nobody
	if [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ]; then
		account=$SUDO_USER
	fi
	uid=$(id -u "$account" 2>/dev/null) ||
		give_up "there is no account '$account' to run the guest as"
	gid=$(id -g "$account")
	say "running as root: the guest is run as '$account' (uid $uid)"
}

# The device is open to everybody where a distribution set it up.
open_tun()
{
	"${as[@]}" test -r /dev/net/tun -a -w /dev/net/tun && return 0
	if [ "$(id -u)" != 0 ]; then
		give_up '/dev/net/tun cannot be opened. As root: modprobe tun; chmod 0666 /dev/net/tun'
	fi
	if [ ! -c /dev/net/tun ]; then
		say '/dev/net/tun is missing: making it, as distributions ship it'
		modprobe tun 2>/dev/null
		mkdir -p /dev/net
		[ -c /dev/net/tun ] || mknod /dev/net/tun c 10 200
	else
		say "/dev/net/tun is closed to '$account': opening it (0666), as distributions ship it"
	fi
	chmod 0666 /dev/net/tun ||
		give_up '/dev/net/tun cannot be opened, not even by root'
}

# Where accounts may make no user namespaces, root still can.
check_namespaces()
{
	local why
	why=$("${as[@]}" "$here/minato" run -q -- true 2>&1) && return 0
	[ -n "$account" ] || give_up "$why"
	say "'$account' cannot run a guest here:"
	echo "$why"
	say 'going on as root'
	chown 0:0 "$here/run"
	set_account ""
	why=$("$here/minato" run -q -- true 2>&1) || give_up "$why"
}

find_python()
{
	local one
	for one in python3 /usr/bin/python3; do
		if "${as[@]}" "$one" -c pass 2>/dev/null; then
			python=$one
			return 0
		fi
	done
	give_up 'python3 is needed for the servers of this demo'
}

# The first address of this host that is not a loopback's; none on a host
# without a network: then the gateway's address leads to the loopback.
choose_outside()
{
	address=$(ip -o -4 addr show up scope global 2>/dev/null |
		awk '{ sub("/.*", "", $4); print $4; exit }')
	options=()
	if ! ip -o link show up dev lo 2>/dev/null | grep -q .; then
		ip link set lo up 2>/dev/null || give_up "this host's loopback is down"
		say "this host's loopback was down: it is up now"
	fi
	if [ -z "$address" ]; then
		say 'this host has no address but loopback: opened for this guest by --host-loopback'
		options=(--host-loopback)
	fi
}

# Serves a directory at a free port of this host; sets $outside_port.
serve_outside()
{
	echo "$outside_page" >"$here/outside/index.html"
	: >"$here/outside.log"
	chmod -R a+rX "$here/page" "$here/outside"
	"${as[@]}" "$python" -u -m http.server --directory "$here/outside" \
		--bind "${address:-127.0.0.1}" 0 >"$here/outside.log" 2>&1 &
	holders+=($!)
	for _ in {1..100}; do
		outside_port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$here/outside.log")
		[ -z "$outside_port" ] || return 0
		sleep 0.1
	done
	cat "$here/outside.log" >&2
	give_up 'the server outside did not start'
}

# Starts the guest at the first port from 8080 on that is free.
start_guest()
{
	echo "$page" >"$here/page/index.html"
	for port in {8080..8099}; do
		: >"$here/guest.log"
		"${as[@]}" "$here/minato" run -v --name "$guest" -p "$port:80" \
			"${options[@]}" -- "$python" -u -m http.server \
			--directory "$here/page" 80 >"$here/guest.log" 2>&1 &
		minato=$!
		for _ in {1..100}; do
			grep -q 'Serving HTTP' "$here/guest.log" && break 2
			kill -0 "$minato" 2>/dev/null || break
			sleep 0.1
		done
		if kill -0 "$minato" 2>/dev/null; then
			holders+=("$minato")
			give_up "the guest does not serve: $(cat "$here/guest.log")"
		fi
		wait "$minato"
		[ $? = 1 ] || give_up "$(cat "$here/guest.log")"
	done
	holders+=("$minato")
	printf '$ minato run -v --name %s -p %s:80 %s-- python3 -m http.server 80\n' "$guest" \
		"$port" "${options[*]:+${options[*]} }"
	grep '^minato:' "$here/guest.log"
}

# The fetching program, as words; in the guest and outside it.
choose_fetch()
{
	if command -v curl >/dev/null; then
		fetch=(curl -sS -m 10)
		return
	fi
	fetch=("$python" -c 'import sys, urllib.request as u
sys.stdout.buffer.write(u.urlopen(sys.argv[1], timeout=10).read())')
}

# Runs the words, shows what they print, and compares.
expect()
{
	local wanted=$1 got
	shift
	printf '$ %s\n' "$(printf '%s ' "$@" | sed "s|$here/minato|minato|; s/ $//")"
	got=$("${as[@]}" "$@" 2>&1)
	printf '%s\n' "$got"
	[ "$got" = "$wanted" ] || give_up "expected: $wanted"
}

[ -x "$program" ] || give_up "$program is not there; run make"
trap clean_up EXIT
trap 'exit 1' INT TERM HUP
choose_account
make_place
open_tun
check_namespaces
find_python
choose_fetch
choose_outside
serve_outside

say 'a guest with a server on its port 80, which is a port of this host'
start_guest

say 'this host fetches the page of the guest'
expect "$page" "${fetch[@]}" "http://${address:-127.0.0.1}:$port/"
echo "the guest's server saw as its client: $(sed -n 's/^\([0-9.]*\) - - .*GET.*/\1/p' \
	"$here/guest.log" | head -n 1)"

say 'the guest fetches a page from a server outside'
target=$address
if [ -z "$target" ]; then
	target=$("${as[@]}" "$here/minato" exec "$guest" -- ip -4 route show default |
		awk '{ print $3; exit }')
fi
expect "$outside_page" "$here/minato" exec "$guest" -- "${fetch[@]}" \
	"http://$target:$outside_port/"

say 'what runs, and who talks to whom (two connections are held open)'
exec 3<>"/dev/tcp/${address:-127.0.0.1}/$port" || give_up 'the published port does not answer'
"${as[@]}" "$here/minato" exec "$guest" -- "$python" -c 'import socket, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
time.sleep(30)' "$target" "$outside_port" &
holders+=($!)
for _ in {1..50}; do
	"${as[@]}" "$here/minato" ss -Hnt --in "$guest" | grep -q ":$outside_port" && break
	sleep 0.1
done
show "$here/minato" ps || give_up 'minato ps failed'
echo
show "$here/minato" ss -anp --in "$guest" || give_up 'minato ss failed'
"${as[@]}" "$here/minato" ss -Han --in "$guest" | grep -q ":$port .*:80 " ||
	give_up 'minato ss does not show the published port'
exec 3>&-

say 'who holds the published port of this host, and what frees it'
show "$here/minato" who "$port/tcp"
[ $? = 1 ] || give_up 'minato who does not find the published port taken'

say 'the end'
show "$here/minato" stop "$guest" || give_up 'minato stop failed'
wait "$minato" 2>/dev/null
[ -z "$("${as[@]}" "$here/minato" ps -H)" ] || give_up 'the guest is still there'

say 'one public address for several servers: the gateway of example/gateway.conf'
map=$([ "$(id -u)" = 0 ] || echo --user --map-root-user)
# shellcheck disable=SC2086
if unshare $map --net -- ip link add type bridge 2>/dev/null; then
	example/gateway.sh "$here/minato" | tee "$here/gateway.log"
	grep -q 'port 80: .*web, which saw you come from 203.0.113.9' "$here/gateway.log" ||
		give_up 'the gateway does not lead to the web server'
else
	echo 'not shown: there are no bridges for us in this kernel'
fi
say 'demo: all went well'
