#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The grader of other NATs, between namespaces: it finds of minato's gateway what it was told to be,
# and of Linux's masquerade what that is.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
gateway_world

within_bg far respond-far.log "$M" nat verify --respond 203.0.113.9
within_bg far2 respond-far2.log "$M" nat verify --respond 203.0.113.10
until_true 5 ns_hears far 4787
until_true 5 ns_hears far2 4787

grade() { within desk timeout 100 "$M" nat verify --outside 203.0.113.9,203.0.113.10 --json --ports 64 "$@" >"$T/grade.json"; }
# of EXPRESSION: what the grade says, with d for all of it.
of() { python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$T/grade.json" "$1"; }

# --- minato ---------------------------------------------------------------------

gateway_links >"$T/gateway.conf"
gateway_up || { ok "the gateway runs" false; finish; }
ok "minato's gateway is graded" grade
is "... translated, by the public address" "$(of 'd["translated"], d["mapped"].split(":")[0]')" "(True, '198.51.100.1')"
is "... mapping" "$(of 'd["mapping"]')" "endpoint-independent"
is "... filtering" "$(of 'd["filtering"]')" "endpoint-independent"
is "... hairpin, by the outside end" "$(of 'd["hairpin"]')" "yes"
is "... ports" "$(of 'd["got"], d["asked"], d["evicted"]')" "(64, 64, False)"
is "... few keep the inside's port" "$(of 'd["port_kept"] < 3')" "True"
is "... parity is chance" "$(of '12 < d["parity_kept"] < 52')" "True"
is "... one address" "$(of 'd["addresses"]')" "1"
is "... no predictor is told from chance" \
	"$(of 'd["predictable"], d["predicted_by"], d["guessed"] <= d["luck_reaches"]')" "(False, None, True)"
has "... in words" "$(within desk timeout 100 "$M" nat verify --outside 203.0.113.9,203.0.113.10 --ports 64)" \
	'^prediction +not told from chance: the best of [0-9]+ predictors guessed [0-9]+ of 64, luck reaches [0-9]+ \('
is "... fragments both ways" "$(of 'd["fragments_out"], d["fragments_in"]')" "(True, True)"
is "... no timer was looked for" "$(of 'd["udp_lived_s"]')" "None"

ok "filtering is made strict" ask nat set filtering address-and-port
ok "... and graded again" grade --for 12
is "... mapping as before" "$(of 'd["mapping"]')" "endpoint-independent"
is "... filtering" "$(of 'd["filtering"]')" "address-and-port-dependent"
is "... a mapping lives longer than it was waited for" "$(of 'd["udp_lived_s"] > 5.9, d["udp_over_s"]')" "(True, None)"
ok "filtering by address" ask nat set filtering address
ok "... and graded again" grade
is "... filtering" "$(of 'd["filtering"]')" "address-dependent"
gateway_down

# --- Linux ----------------------------------------------------------------------

if has_tools nft; then
	ip link add v-in type veth peer name v-lan netns "${NS[lan]}"
	ip link add v-out type veth peer name v-wan netns "${NS[wan]}"
	within lan ip link set v-lan master br0 up
	within wan ip addr add 198.51.100.254/24 dev v-wan
	within wan ip link set v-wan up
	ip addr add 10.0.0.1/24 dev v-in
	ip addr add 198.51.100.1/24 dev v-out
	ip link set v-in up
	ip link set v-out up
	ip route add default via 198.51.100.254
	sysctl -qw net.ipv4.ip_forward=1
	nft -f - <<'X'
table ip nat {
	chain post {
		type nat hook postrouting priority srcnat
		oifname v-out masquerade
	}
}
X
	sysctl -qw net.netfilter.nf_conntrack_udp_timeout=4
	within desk ip neigh flush all
	ok "nftables' masquerade is graded" grade --for 16
	is "... filtering" "$(of 'd["filtering"]')" "address-and-port-dependent"
	is "... hairpin" "$(of 'd["hairpin"]')" "no"
	is "... ports are kept" "$(of 'd["port_kept"] > 60')" "True"
	is "... which is what foretells them" "$(of 'd["predictable"], d["predicted_by"]')" "(True, 'the port inside')"
	is "... the timer of 4 s is found" "$(of '3 < d["udp_lived_s"] <= d["udp_over_s"] < 5.5')" "True"
else
	skip "nftables" "nft is not installed"
fi

# --- the responder --------------------------------------------------------------

# An answer is never longer than the question, and nothing is sent to another port without a cookie.
within desk python3 - >"$T/probe" <<'X'
import os, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
t = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
t.bind(("", 0))
s.settimeout(1)
t.settimeout(1)
def ask(kind, size, flags=0, port=0, cookie=bytes(8)):
    s.sendto((b"MNAT\1" + bytes([kind, flags, 0]) + port.to_bytes(2, "big") + bytes(6) +
              os.urandom(16) + cookie).ljust(size, b"\0"), ("203.0.113.9", 4787))
def heard(sock):
    try:
        return len(sock.recv(9000))
    except TimeoutError:
        return 0
ask(1, 64)
print("greeting", heard(s))
ask(1, 63)
print("short", heard(s))
ask(2, 64, 0, t.getsockname()[1])
print("no cookie", heard(s), heard(t))
ask(129, 64)
print("an answer", heard(s))
X
is "the responder answers a greeting with as much" "$(sed -n 's/^greeting //p' "$T/probe")" "64"
is "... and nothing that is shorter" "$(sed -n 's/^short //p' "$T/probe")" "0"
is "... sends nothing elsewhere without a cookie" "$(sed -n 's/^no cookie //p' "$T/probe")" "0 0"
is "... and answers no answers" "$(sed -n 's/^an answer //p' "$T/probe")" "0"

has "a responder that is not there is named" \
	"$(within desk timeout 20 "$M" nat verify --outside 203.0.113.9:9,203.0.113.10 2>&1)" '203\.0\.113\.9:9 does not answer'
"$M" nat verify --outside 203.0.113.9 2>/dev/null
is "one responder is not enough" $? 2
finish
