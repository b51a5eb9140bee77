#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The classic picture again, or the test that AS_USER names, by an ordinary user in a user namespace
# of its own: no right of root's is needed. (Without root all net tests run so, and this one has
# nothing to add.)
if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP all tests run as an ordinary user here"
	exit 0
fi
T=$(mktemp -d /tmp/minato-user.XXXXXX)
trap 'rm -rf "$T"' EXIT
cp "${MINATO:?}" "$T/minato"
TEST=${AS_USER:-gateway}.sh
cp "$(dirname "$0")"/*.bash "$(dirname "$0")/$TEST" "$T"
chmod -R a+rX "$T"
setpriv --reuid=65534 --regid=65534 --clear-groups env -u XDG_RUNTIME_DIR HOME=/nonexistent \
	TMPDIR=/tmp MINATO="$T/minato" NET_INSIDE= bash "$T/$TEST" "$@"
