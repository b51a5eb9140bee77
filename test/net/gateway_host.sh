#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A gateway whose outside is the host's own sockets: inside hosts go out as this host, without any
# right over its network.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
world_up
make_ns lan
bridge_up lan
join desk 10.0.0.7/24 10.0.0.1 lan
join web 10.0.0.2/24 10.0.0.1 lan
NS[peer]=$PEER_PID
serves peer 80 "far"
cat >"$T/gateway.conf" <<X
inside tap in0 10.0.0.1/24 in namespace pid ${NS[lan]}
outside host
state $T/gateway.state
X
bg_more gateway.log env XDG_RUNTIME_DIR="$T/run" "$M" gateway "$T/gateway.conf"
KEEPER=$BG
until_true 15 gateway_is_decided
ok "the gateway runs" gateway_is_up
within lan ip link set in0 master br0 up
is "outward: a connection" "$(gets desk http://$PEER4/)" "far"
has "from the host's own address" "$(cat "$T/nginx-peer-80.access")" "^${HOST4//./\\.} "
is "from another inside host" "$(gets web http://$PEER4/)" "far"
is "inside hosts reach each other without it" "$(within web ping -c 1 -W 2 10.0.0.7 >/dev/null && echo yes)" yes
is "a closed port is told" "$(gets desk http://$PEER4:81/)" "curl 7"
is "the host's loopback is closed" "$(gets desk http://10.0.0.1/ --max-time 3 | grep -c curl)" 1
within_bg desk hold.log bash -c "exec 3<>/dev/tcp/$PEER4/80; sleep 30"
flow_shown() { ask ss -n --in gateway | grep -q "10\.0\.0\.7:.*$PEER4:80"; }
ok "ss shows the flow" until_true 5 flow_shown
said=$(ask forward add tcp 8080 to 10.0.0.2 2>&1)
ok "forwards are not served there yet, which is said" matches "$said" 'not do this yet'
gateway_down
is "no report of a sanitizer" "$(grep -c 'AddressSanitizer\|runtime error' "$T/gateway.log")" 0
finish
