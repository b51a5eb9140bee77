#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The classic picture again, by an ordinary user in a user namespace of its own: no right of root's
# is needed. (Without root all net tests run so, and this one has nothing to add.)
if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP all tests run as an ordinary user here"
	exit 0
fi
T=$(mktemp -d /tmp/minato-user.XXXXXX)
trap 'rm -rf "$T"' EXIT
cp "${MINATO:?}" "$T/minato"
cp "$(dirname "$0")"/*.bash "$(dirname "$0")/gateway.sh" "$T"
chmod -R a+rX "$T"
setpriv --reuid=65534 --regid=65534 --clear-groups env -u XDG_RUNTIME_DIR HOME=/nonexistent \
	TMPDIR=/tmp MINATO="$T/minato" NET_INSIDE= bash "$T/gateway.sh" "$@"
