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
is "exec: options after the name are the command's" "$(into osaka echo -e A)" "$(sh -c '/bin/echo -e A')"
finish
