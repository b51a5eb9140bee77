#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What a command finds inside besides the network: names, variables, its
# directory, and the users it may become.
. "$(dirname "$0")/lib.bash"
world_up
run() { as_user "$M" run -q "$@"; }
code() { "$@" >/dev/null 2>&1; echo $?; }

# Names of hosts.
is "--hosts names an address" "$(run --hosts db.test=192.0.2.7 -- getent ahostsv4 db.test | awk '{print $1; exit}')" 192.0.2.7
is "--hosts, IPv6" "$(run --hosts db.test=2001:db8::7 -- getent ahostsv6 db.test | awk '{print $1; exit}')" 2001:db8::7
is "a name may have several addresses" \
	"$(run --hosts db.test=192.0.2.7 --hosts db.test=192.0.2.8 -- getent ahostsv4 db.test | awk '{print $1}' | sort -u | tr '\n' ' ')" \
	"192.0.2.7 192.0.2.8 "
is "they come before the host's own lines" "$(run --hosts localhost=192.0.2.9 -- head -n 1 /etc/hosts)" "192.0.2.9 localhost"
is "which are there too" "$(run --hosts db.test=192.0.2.7 -- grep -c -w localhost /etc/hosts)" "$(grep -c -w localhost /etc/hosts)"
is "the host's file is as it was" "$(grep -c db.test /etc/hosts)" 0
is "the word gateway" "$(run --hosts outside.test=gateway -- getent ahostsv4 outside.test | awk '{print $1; exit}')" 10.0.2.2
is "--host-loopback names the gateway" "$(run --host-loopback -- getent ahostsv4 host.minato.internal | awk '{print $1; exit}')" 10.0.2.2
bg hello.log socat TCP4-LISTEN:8000,fork,reuseaddr,bind=$HOST4 EXEC:"echo hello"
until_true 5 listening 8000
is "a program reaches what was named" "$(run --hosts web.test=$HOST4 -- socat -u TCP4:web.test:8000 - 2>&1)" hello
has "a name that is none" "$(run --hosts a_b=192.0.2.7 -- true 2>&1)" '"a_b" is no host name'
has "an address that is none" "$(run --hosts ab=192.0.2 -- true 2>&1)" '"192.0.2" is no address'
is "either: exit 2" "$(code run --hosts a_b=192.0.2.7 -- true)$(code run --hosts ab -- true)" 22

# Variables.
is "variables are kept" "$(as_user env SOME=thing "$M" run -q -- sh -c 'echo $SOME')" thing
is "--env" "$(run --env A=1 -e 'B=two words' -- sh -c 'echo "$A $B"')" "1 two words"
is "--env with a PATH: the command is found by it" "$(run --env PATH=/usr/bin:/bin -- sh -c 'echo $PATH')" /usr/bin:/bin
is "--env with a PATH where the command is not" "$(code run --env PATH=/no/such -- sh -c true)" 127
is "MINATO_NAME is the guest's name" "$(run --name kobe -- sh -c 'echo $MINATO_NAME')" kobe
has "--env without a value" "$(run --env HOME -- true 2>&1)" '"HOME": NAME=VALUE'
is "--env without a value: exit 2" "$(code run --env HOME -- true)" 2

# The directory.
cd "$T/www" || exit 1
is "the directory is kept" "$(run -- pwd)" "$T/www"
mkdir -p "$T/shut/open"
chmod 777 "$T/shut/open"
cd "$T/shut/open" || exit 1
chmod 700 "$T/shut"
is "also where the way to it is shut" "$(run -- sh -c 'echo here >f; cat f')$(cat f)" herehere
cd "$T/www" || exit 1
is "--workdir" "$(run --workdir /usr/bin -- pwd)" /usr/bin
is "--workdir from here" "$(run --workdir .. -- pwd)" "$T"
has "a --workdir that is none" "$(run -w /no/such -- true 2>&1)" "/no/such"
is "a --workdir that is none: exit 125" "$(code run -w /no/such -- true)" 125

# The same for exec.
run_guest osaka -- sleep 600
into() { as_user "$M" exec "$@"; }
is "exec: --env and MINATO_NAME" "$(into -e A=1 osaka -- sh -c 'echo $A $MINATO_NAME')" "1 osaka"
is "exec: the directory is kept" "$(into osaka -- pwd)" "$T/www"
is "exec: --workdir" "$(into -w /usr/bin osaka pwd)" /usr/bin
is "exec: a --workdir that is none: exit 125" "$(code into -w /no/such osaka true)" 125
is "exec: --env without a value: exit 2" "$(code into -e A osaka true)" 2
# Nobody in there orders, or is led to a process that has another's number.
is "from inside: stop" "$(into osaka "$M" stop osaka 2>&1 | grep -c 'orders are not taken from inside')" 1
is "from inside: exec" "$(into osaka "$M" exec osaka true 2>&1 | grep -c 'orders are not taken from inside')" 1
run_guest shut --allow api.example -- sleep 600
has "from inside: who answers nobody there" "$(into osaka "$M" ps 2>&1)" \
	"shut: it answers nobody inside of a guest"
is "exec: options after the name are the command's" "$(into osaka echo -e A)" "$(sh -c '/bin/echo -e A')"

# Files are the same inside: a program of one guest takes the place of another's control socket, and
# says yes to whatever it is asked.
cat >"$T/impostor.py" <<'X'
import os, socket, sys
at = sys.argv[1] + "/osaka.sock"
os.rename(at, at + ".gone")
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.bind(at)
s.listen(8)
open(sys.argv[2], "w").close()
while True:
    c, _ = s.accept()
    try:
        if c.recv(65536):
            c.sendall(b'{"v":1,"ok":true}\n')
    except OSError:
        pass
    c.close()
X
files=$T/user/run/minato
run_guest nara -- python3 "$T/impostor.py" "$files" "$T/user/taken"
ok "a program inside of a guest takes another's socket" until_true 10 test -e "$T/user/taken"
has "it is told for what it is" "$(as_user "$M" stop osaka 2>&1)" "is no guest's: a program inside of a guest made it"
is "nothing is told to it: exit" "$(code as_user "$M" rule add -n osaka block out everything)" \
	"$(code as_user "$M" stop no-such-guest)"
ok "who it is in goes on" guest_up nara
as_user mv "$files/osaka.sock.gone" "$files/osaka.sock"
ok "the guest is there again" guest_up osaka
as_user "$M" stop nara

# Users. The machine's /etc is not touched: copies are mounted over it here.
is "without --map-subids: one user" "$(run --root -- cat /proc/self/uid_map | wc -l)" 1
if [ "$NET_REAL_ROOT" = 1 ]; then
	is "and setgroups denied" "$(run --root -- cat /proc/self/setgroups)" deny
	grep -v '^nobody:' /etc/passwd >"$T/passwd"
	echo "anna:x:65534:65534::$T/user:/bin/sh" >>"$T/passwd"
	grep -q '^_apt:' "$T/passwd" || echo "_apt:x:42:65534::/nonexistent:/bin/false" >>"$T/passwd"
	printf 'other:200000:65536\n' | tee "$T/subuid" >"$T/subgid"
	chmod 644 "$T/passwd" "$T/subuid" "$T/subgid"
	for file in passwd subuid subgid; do
		mount --bind "$T/$file" "/etc/$file" || skip "$file" "no /etc/$file to mount on"
	done

	has "no range: the file, the user and the remedy" "$(run --map-subids -- true 2>&1)" \
		"/etc/subuid has no range for anna.*usermod --add-subuids 265536-331071 --add-subgids 265536-331071 anna"
	is "no range: exit 125" "$(code run --map-subids -- true)" 125
	echo anna:300000:1000 >>"$T/subuid"
	has "no range of groups" "$(run --map-subids -- true 2>&1)" "/etc/subgid has no range for anna"
	echo anna:400000:1000 >>"$T/subgid"
	echo anna:500000:64536 >>"$T/subuid"
	echo 65534:600000:64536 >>"$T/subgid"

	is "--map-subids: root inside" "$(run --map-subids -- sh -c 'echo $(id -u) $(id -g)')" "0 0"
	is "the ranges one after the other" \
		"$(run --map-subids -- awk '{print $1, $2, $3}' /proc/self/uid_map | tr '\n' ,)" \
		"0 65534 1,1 300000 1000,1001 500000 64536,"
	is "setgroups allowed" "$(run --map-subids -- cat /proc/self/setgroups)" allow
	is "chown to another user" \
		"$(run --map-subids -- sh -c "touch $T/user/f; chown 42:43 $T/user/f; stat -c '%u %g' $T/user/f")" "42 43"
	is "outside it is a subordinate's" "$(stat -c '%u %g' "$T/user/f")" "300041 400042"
	is "becoming another user" \
		"$(run --map-subids -- setpriv --reuid=65536 --regid=1 --groups=2,3 -- sh -c 'echo $(id -u) $(id -G)')" "65536 1 2 3"
	is "becoming _apt, as apt does" \
		"$(run --map-subids -- setpriv --reuid=_apt --regid=65534 --clear-groups -- id -un)" _apt
	is "the calling user's files are root's" "$(run --map-subids -- stat -c %u "$T/user")" 0
	is "the exit code" "$(code run --map-subids -- sh -c 'exit 3')" 3
	run_guest subs --map-subids -- setpriv --reuid=7 --regid=8 --clear-groups -- sleep 600
	is "exec is root too" "$(into subs -- id -u)" 0
	as_user "$M" stop subs >/dev/null

	if command -v apt-get >/dev/null; then
		mkdir -p "$T/repo" "$T/user/apt/lists/partial" "$T/user/apt/cache/archives/partial"
		: >"$T/repo/Packages"
		echo "deb [trusted=yes] http://$HOST4:8001/ ./" >"$T/user/apt/list"
		chmod 755 "$T/user" "$T/repo"
		chown -R 65534:65534 "$T/user/apt"
		cat >"$T/repo.sh" <<'X'
read -r _ file _
while read -r line && [ "${line%?}" ]; do :; done
case $file in
*/Packages) printf 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n' ;;
*) printf 'HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n' ;;
esac
X
		bg repo.log socat TCP4-LISTEN:8001,fork,reuseaddr,bind=$HOST4 EXEC:"sh $T/repo.sh"
		until_true 5 listening 8001
		apt_update() {
			run "$@" -- apt-get -q -o Dir::State="$T/user/apt" -o Dir::Cache="$T/user/apt/cache" \
				-o Dir::Etc::sourcelist="$T/user/apt/list" -o Dir::Etc::sourceparts=/nonexistent \
				-o Dir::Etc::main=/nonexistent -o Dir::Etc::parts=/nonexistent \
				-o Dir::State::status=/dev/null -o APT::Sandbox::User=_apt -o Dir::Log="$T/user/apt" \
				-o Acquire::Languages=none -o Acquire::http::Proxy=DIRECT update 2>&1
		}
		text=$(apt_update --map-subids)
		is "apt-get update as _apt" "$?" 0
		has "has fetched something" "$text" "8001"
		is "and complains of nothing" "$(printf '%s\n' "$text" | grep -c '^[WE]:')" 0
		is "which it cannot with one user" "$(code apt_update --root)" 100
	else
		skip "apt-get update as _apt" "no apt here"
	fi

	helper=$(command -v newgidmap)
	cp "$helper" "$T/newgidmap"
	chmod 755 "$T/newgidmap"
	mount --bind "$T/newgidmap" "$helper"
	has "a helper without the right: the remedy" "$(run --map-subids -- true 2>&1)" "chmod u\\+s $helper"
	umount "$helper"
	helper=$(command -v newuidmap)
	chmod 644 "$T/newgidmap"
	mount --bind "$T/newgidmap" "$helper"
	has "no helper: the package" "$(run --map-subids -- true 2>&1)" "no newuidmap.*uidmap"
	umount "$helper"
	has "no_new_privs is named" "$(as_user setpriv --no-new-privs "$M" run --map-subids -- true 2>&1)" "no_new_privs"
	grep -v ^anna: "$T/passwd" >"$T/passwd.less"
	cat "$T/passwd.less" >"$T/passwd"
	has "a user without a name" "$(run --map-subids -- true 2>&1)" \
		"user 65534 has no name|no range for nobody" # which some name services make up
	umount /etc/passwd /etc/subuid /etc/subgid
	is "root has all users anyway" "$("$M" run -q --map-subids -- setpriv --reuid=42 --clear-groups id -u)" 42
else
	skip "--map-subids" "newuidmap needs another user than the one who owns all here"
fi
finish
