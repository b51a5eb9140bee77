#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What `minato check` says, word for word: NAME.conf is checked, and what it prints and the exit
# code are NAME.says. `golden.sh --write` writes those anew; look at the difference. The project's
# example is right, and has tests.
cd "$(dirname "$0")" || exit 1
says() { # what begins with guest is of --rules
	case $1 in
	guest*) "$MINATO" check --guest "$1" 2>&1 ;;
	*) "$MINATO" check "$1" 2>&1 ;;
	esac
	echo "exit $?"
}
set -- "$1" *.conf
if [ "$1" = --write ]; then
	for file in "${@:2}"; do says "$file" >"${file%.conf}.says"; done
	exit
fi
echo "1..$#"
count=0
for file in "${@:2}"; do
	count=$((count + 1))
	if difference=$(diff <(says "$file") "${file%.conf}.says"); then
		echo "ok $count - $file"
	else
		echo "not ok $count - $file"
		sed 's/^/# /' <<<"$difference"
	fi
done
example=../../example/gateway.conf
if said=$("$MINATO" check $example 2>&1) && grep -q 'right: [0-9]* statements, [1-9][0-9]* tests met$' <<<"$said"; then
	echo "ok $((count + 1)) - example/gateway.conf is right"
else
	echo "not ok $((count + 1)) - example/gateway.conf is right"
	sed 's/^/# /' <<<"$said"
fi
