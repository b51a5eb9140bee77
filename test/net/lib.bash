# SPDX-License-Identifier: BSD-2-Clause
# What every net test sources first: a world of its own, and TAP.
#
#   guest ns --(minato)-- "host" ns (this shell) --veth, MTU 1500-- "peer" ns
#                          lo, h0 10.99.0.2       p0 10.99.0.10, fd99::10
#                              fd99::2            and the gateway .1, ::1
#
# The script is started again inside new namespaces, so that nothing of it can
# reach or outlive the machine's own. As root the program under test runs as an
# unprivileged account (as_user); without root everything runs in a user
# namespace, and as_user is the caller.
set -u

if [ "${NET_INSIDE:-}" != 1 ]; then
	export NET_INSIDE=1
	if [ "$(id -u)" = 0 ]; then
		# The pid namespace ends whatever a test leaves running.
		exec unshare --net --mount --pid --fork --kill-child --mount-proc -- bash "$0" "$@"
	fi
	exec unshare --user --map-root-user --net --mount --pid --fork --kill-child --mount-proc \
		-- bash "$0" "$@"
fi

# shellcheck disable=SC2034
HOST4=10.99.0.2 PEER4=10.99.0.10 GW4=10.99.0.1
HOST6=fd99::2 PEER6=fd99::10 GW6=fd99::1
NET_REAL_ROOT=$(awk '{print ($2 == 0 && $3 > 1) ? 1 : 0; exit}' /proc/self/uid_map)
T=$(mktemp -d "${TMPDIR:-/tmp}/minato-net.XXXXXX")
chmod 755 "$T"
mkdir -p "$T/user/run" "$T/www"
chmod 700 "$T/user/run"
cp "${MINATO:?MINATO names the program under test}" "$T/minato"
chmod 755 "$T/minato"
M=$T/minato
PEER_PID=
CASES=0 FAILED=0
declare -a STARTED=()

# --- TAP ---------------------------------------------------------------------

# ok NAME COMMAND...: a case that passes when the command does.
ok() {
	local name=$1
	shift
	CASES=$((CASES + 1))
	if "$@" >"$T/case.log" 2>&1; then
		echo "ok $CASES - $name"
	else
		echo "not ok $CASES - $name"
		FAILED=$((FAILED + 1))
		tail -n 15 "$T/case.log" | sed 's/^/# /'
	fi
}
# is NAME GOT WANTED
is() {
	local name=$1 got=$2 wanted=$3
	ok "$name" equal "$got" "$wanted"
}
equal() {
	[ "$1" = "$2" ] && return 0
	echo "got    '$1'"
	echo "wanted '$2'"
	return 1
}
# has NAME TEXT PATTERN: an extended regular expression is found in the text.
has() { ok "$1" matches "$2" "$3"; }
matches() {
	printf '%s\n' "$1" | grep -Eq -- "$2" || {
		echo "no match for: $2"
		printf '%s\n' "$1"
		return 1
	}
}
fails() { ! "$@"; }
# was_refused WORDS: "curl N" of a call that is refused (7), or closed or reset when the kernel has
# accepted it, before an answer (52, 56) or while curl still sends (55).
was_refused() { matches "$1" '^curl (7|52|55|56)$'; }
skip() {
	CASES=$((CASES + 1))
	echo "ok $CASES - $1 # SKIP $2"
}
finish() {
	echo "1..$CASES"
	[ "$FAILED" = 0 ]
	exit
}

# --- the world -----------------------------------------------------------------

as_user() {
	if [ "$NET_REAL_ROOT" = 1 ]; then
		setpriv --reuid=65534 --regid=65534 --clear-groups \
			env HOME="$T/user" XDG_RUNTIME_DIR="$T/user/run" USER=nobody SHELL=/bin/sh "$@"
	else
		env HOME="$T/user" XDG_RUNTIME_DIR="$T/user/run" "$@"
	fi
}
in_peer() { nsenter --net="/proc/$PEER_PID/ns/net" "$@"; }
# bg LOG COMMAND...: in the background; ended by the end of the test. Sets BG.
bg() {
	local log=$1
	shift
	"$@" >"$T/$log" 2>&1 </dev/null &
	BG=$!
	STARTED+=("$BG")
}
# until_true SECONDS COMMAND...: waits for a condition, without a fixed sleep.
until_true() {
	local end=$((SECONDS + $1))
	shift
	while ! "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.02
	done
}
listening() { # listening PORT [peer]: something listens on TCP there
	if [ "${2:-}" = peer ]; then in_peer ss -Hltn; else ss -Hltn; fi | grep -Eq "[:.]$1 "
}
# run_guest NAME ARGS... : `minato run --name NAME ARGS...` in the background;
# returns when it is there.
run_guest() {
	local name=$1
	shift
	bg "guest-$name.log" as_user "$M" run --name "$name" "$@"
	GUEST=$BG
	until_true 10 guest_up "$name" || { cat "$T/guest-$name.log"; return 1; }
}
guest_up() { as_user "$M" ps 2>/dev/null | grep -q "^$1 "; }
in_guest() { as_user "$M" exec "$@"; } # NAME -- COMMAND...

world_up() {
	ip link set lo up
	unshare --net --kill-child -- sleep 3600 &
	local unshare_pid=$!
	STARTED+=("$unshare_pid")
	until_true 5 other_netns "$unshare_pid"
	ip link add h0 type veth peer name p0 netns "$PEER_PID"
	sysctl -qw net.ipv6.conf.h0.accept_dad=0
	# In a user namespace of one group what was allowed cannot be forbidden again.
	[ -n "${NET_NO_PING:-}" ] || sysctl -qw net.ipv4.ping_group_range="0 0" 2>/dev/null
	ip addr add $HOST4/24 dev h0
	ip addr add $HOST6/64 dev h0 nodad
	ip link set h0 up
	in_peer ip link set lo up
	in_peer sysctl -qw net.ipv6.conf.p0.accept_dad=0
	in_peer ip link set p0 up
	in_peer ip addr add $PEER4/24 dev p0
	in_peer ip addr add $GW4/24 dev p0
	in_peer ip addr add $PEER6/64 dev p0 nodad
	# the gateway's is not what programs there speak from
	in_peer ip addr add $GW6/64 dev p0 nodad preferred_lft 0
	in_peer ip link set p0 up
	ip route add default via $GW4
	ip -6 route add default via $GW6
	chown 65534:65534 "$T/user" "$T/user/run" 2>/dev/null
	return 0
}
other_netns() {
	PEER_PID=$(pgrep -P "$1" -x sleep) || PEER_PID=$1
	[ "$(readlink "/proc/$PEER_PID/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}
# A resolver file of the world's own, without touching the machine's.
resolver_is() {
	printf 'nameserver %s\n' "$@" >"$T/resolv.conf"
	chmod 644 "$T/resolv.conf"
	mountpoint -q /etc/resolv.conf || mount --bind "$T/resolv.conf" "$(readlink -f /etc/resolv.conf)"
}
world_down() {
	local p
	for p in "${STARTED[@]}"; do kill "$p" 2>/dev/null; done
	rm -rf "$T"
}
trap world_down EXIT
