# SPDX-License-Identifier: BSD-2-Clause
# What the tests of scans source after lib.bash.

# scan_with ASK NAME LOG: how minato is asked, of whom, and where its lines go.
scan_with() {
	SCAN_ASK=$1 SCAN_NAME=$2 SCAN_LOG=$3
}
scan_rows() { $SCAN_ASK scans --json -n "$SCAN_NAME" "$@"; }
# scan_field SOURCE MEMBER: of the listing on standard input.
scan_field() {
	python3 -c '
import json, sys
for row in json.load(sys.stdin)["scans"]:
    if row["source"] == sys.argv[1]:
        value = row[sys.argv[2]]
        print(" ".join(value) if isinstance(value, list) else
              str(value).lower() if isinstance(value, bool) else value)
' "$1" "$2"
}
listed_kind() { scan_rows | scan_field "$1" kinds | tr ' ' '\n' | grep -qx -- "$2"; }
said_kind() { # since line $3 of the log
	tail -n "+$(($3 + 1))" "$SCAN_LOG" | grep -Eq "scan from $1(/[0-9]+)?: [a-z/ -]*$2"
}
# scans WORDS KIND TOOL LOGGED COMMAND...: the command's scan from $SOURCE is listed with this kind
# and tool (an expression), the kind is said in the log, and nobody's address is verified by what
# can be forged; then it is forgotten.
scans() {
	local name=$1 kind=$2 tool=$3 logged=$4 lines
	shift 4
	lines=$(wc -l <"$SCAN_LOG")
	"$@" >"$T/scan.log" 2>&1
	if until_true 5 listed_kind "$SOURCE" "$kind"; then
		ok "$name: listed as $kind" true
	else
		ok "$name: listed as $kind" equal "$(scan_rows -a | scan_field "$SOURCE" kinds)" "$kind"
		tail -n 5 "$T/scan.log" | sed 's/^/# /'
	fi
	has "$name: its tool" "$(scan_rows | scan_field "$SOURCE" tool)" "^($tool)\$"
	ok "$name: said in the log" until_true 5 said_kind "$SOURCE" ".*$logged" "$lines"
	$SCAN_ASK scans --forget "$SOURCE" >/dev/null 2>&1
}
