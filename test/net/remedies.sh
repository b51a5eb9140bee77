#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What forbids a guest is named, with what to do about it. Each system that forbids something is
# made for the case, in namespaces of its own; nothing of the machine is touched.
. "$(dirname "$0")/lib.bash"
world_up

# without NAME...: runs a command whose system calls of these names fail with EPERM, as under a
# container's filter or a security module.
cat >"$T/without.py" <<'X'
import ctypes, errno, os, platform, struct, sys
numbers = {
    "x86_64": {"clone3": 435, "unshare": 272, "mount": 165, "sethostname": 170},
    "aarch64": {"clone3": 435, "unshare": 97, "mount": 40, "sethostname": 161},
}[platform.machine()]
end = sys.argv.index("--")
calls = [numbers[name] for name in sys.argv[1:end]]
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7fff0000, 0x00050000 | errno.EPERM
program = struct.pack("HBBI", LOAD, 0, 0, 0)  # the number of the call
for i, number in enumerate(calls):
    program += struct.pack("HBBI", EQUAL, len(calls) - i, 0, number)
program += struct.pack("HBBI", RETURN, 0, 0, ALLOW)
program += struct.pack("HBBI", RETURN, 0, 0, ERRNO)
buffer = ctypes.create_string_buffer(program, len(program))
filter = struct.pack("HxxxxxxQ", len(calls) + 3, ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # no new privileges
assert libc.prctl(22, 2, ctypes.c_char_p(filter), 0, 0) == 0
os.execvp(sys.argv[end + 1], sys.argv[end + 1:])
X
chmod a+r "$T/without.py"
without() { as_user python3 "$T/without.py" "$@" 2>&1; }
# setting FILE VALUE COMMAND...: with a kernel that has this setting of /proc/sys/kernel.
setting() {
	unshare --mount -- bash -c '
		mount -t tmpfs none /proc/sys/kernel && echo "$2" >"/proc/sys/kernel/$1" && shift 2 && "$@"' \
		setting "$@"
}

text=$(without clone3 -- "$M" run -- echo started)
code=$?
is "no user namespaces: 125" "$code" 125
has "no user namespaces, no known reason: what may forbid them" "$text" "user namespaces.*container.*seccomp"
has "and what to do in docker" "$text" "--security-opt seccomp=unconfined"
is "nothing was started" "$(printf '%s' "$text" | grep -c started)" 0

export -f as_user
export NET_REAL_ROOT T M
text=$(setting unprivileged_userns_clone 0 bash -c 'as_user python3 "$T/without.py" clone3 -- "$M" run -- echo started' 2>&1)
has "user namespaces for root only, as in old Debian: the setting" "$text" "sysctl kernel.unprivileged_userns_clone=1"
text=$(setting apparmor_restrict_unprivileged_userns 1 \
	bash -c 'as_user python3 "$T/without.py" clone3 -- "$M" run -- echo started' 2>&1)
has "restricted by AppArmor: the profile" "$text" "AppArmor.*profile.*userns,"
has "or the setting" "$text" "sysctl kernel.apparmor_restrict_unprivileged_userns=0"
# Ubuntu 24.04 lets the namespace come and takes its rights away.
text=$(setting apparmor_restrict_unprivileged_userns 1 \
	bash -c 'as_user python3 "$T/without.py" mount -- "$M" run -- echo started' 2>&1)
has "a namespace without rights, as in Ubuntu 24.04: the same" "$text" "sysctl kernel.apparmor_restrict_unprivileged_userns=0"
is "nothing was started there" "$(printf '%s' "$text" | grep -c started)" 0

text=$(as_user unshare --user --map-root-user -- sh -c \
	'echo 0 >/proc/sys/user/max_user_namespaces && exec "$1" run -- echo started' sh "$M" 2>&1)
has "user namespaces switched off: the setting" "$text" "sysctl user.max_user_namespaces=15000"

# no_tun MODE: another /dev/net; with a MODE the device is there, with that mode.
no_tun() {
	unshare --mount -- bash -c '
		mount -t tmpfs -o mode=755 none /dev/net
		if [ "$1" ]; then mknod -m "$1" /dev/net/tun c 10 200; fi
		as_user "$M" run -- echo started' no_tun "$1" 2>&1
}
text=$(no_tun "")
has "no tun device: the module, or the container's option" "$text" "/dev/net/tun.*(modprobe tun|--device /dev/net/tun)"
is "no tun device: nothing was started" "$(printf '%s' "$text" | grep -c started)" 0
if [ "$NET_REAL_ROOT" = 1 ]; then
	has "a tun device for root only: its mode" "$(no_tun 600)" "chmod 0666 /dev/net/tun"
else
	skip "a tun device for root only" "only root makes device nodes"
fi

has "a host with a route says nothing of it" "$(as_user "$M" run -- echo started 2>&1)" "^started$"
ip route del default
ip -6 route del default
text=$(as_user "$M" run -- echo started 2>&1)
has "no route: it is said" "$text" "no default route.*ip route"
has "but the command runs" "$text" "^started"
is "--quiet says nothing of it" "$(as_user "$M" run --quiet -- echo started 2>&1)" started
cat >"$T/connect.py" <<'X'
import errno, socket, sys
try:
    socket.create_connection((sys.argv[1], 80), 5)
    print("open")
except OSError as e:
    print(errno.errorcode[e.errno])
X
chmod a+r "$T/connect.py"
has "a connect without a route fails at once, as on the host" \
	"$(as_user "$M" run --quiet -- python3 "$T/connect.py" 198.51.100.1)" "^(ENETUNREACH|EHOSTUNREACH)$"
finish
