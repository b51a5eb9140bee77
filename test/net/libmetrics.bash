# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# The part of metrics.sh that needs HTTP.

run_guest web --metrics 127.0.0.1:9100 -p auto -- sleep 600
member() { # member NAME GUEST: of ps --json
	as_user "$M" ps --json | python3 -c "import json, sys
print([g['$1'] for g in json.load(sys.stdin)['guests'] if g['name'] == '$2'][0])"
}
web=$(member pid web)
get() { curl -s -m 10 "$@"; }
page() { get "http://127.0.0.1:9100/metrics" "$@"; }
header() { page -o /dev/null -D - "$@" | tr -d '\r' | sed -n 's/^Content-Type: //p'; }
ok "the page is OpenMetrics" sh -c "curl -s http://127.0.0.1:9100/metrics | python3 '$check'"
is "and is said to be" "$(header)" "application/openmetrics-text; version=1.0.0; charset=utf-8"
is "who asks gets the older form" "$(header -H 'Accept: text/plain')" "text/plain; version=0.0.4; charset=utf-8"
ok "which it is" sh -c "curl -s -H 'Accept: text/plain' http://127.0.0.1:9100/metrics | python3 '$check' --classic"
is "it is of that guest alone" "$(page | grep '^minato_guest_up')" 'minato_guest_up{guest="web"} 1'
code() { get -o /dev/null -w '%{http_code}' "$@"; }
is "HEAD has no body" "$(get -I http://127.0.0.1:9100/metrics | head -n 1 | tr -d '\r')" "HTTP/1.1 200 OK"
is "another path: 404" "$(code http://127.0.0.1:9100/)" 404
has "with a hint" "$(get http://127.0.0.1:9100/metric)" "/metrics"
is "POST: 405" "$(code -d x=y http://127.0.0.1:9100/metrics)" 405
has "which says what may be" "$(get -i -d x=y http://127.0.0.1:9100/metrics)" "Allow: GET, HEAD"
answered() { [ "$(code http://127.0.0.1:9100/metrics)" = 200 ]; }

# Collectors that mean harm.
cat >"$T/harm.py" <<'X'
import socket, sys, time
at = (sys.argv[1], int(sys.argv[2]))
def join():
    s = socket.create_connection(at, 5)
    s.settimeout(1)
    return s
slow = [join() for _ in range(20)]
for s in slow:
    s.send(b'GET /metr')
deaf = [join() for _ in range(10)]
for s in deaf:
    s.send(b'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n' * 20)
for rubbish in (b'\0' * 1000, b'GET\r\n\r\n', b'GET /metrics HTTP/9.9\r\n\r\n', bytes(range(256)),
                b'GET /' + b'a' * 100000 + b' HTTP/1.1\r\n\r\n',
                b'GET /metrics HTTP/1.1\r\nContent-Length: -5\r\n\r\n',
                b'GET /metrics HTTP/1.1\r\n' + b'X: y\r\n' * 10000 + b'\r\n'):
    s = join()
    try:
        s.sendall(rubbish)
        s.recv(1000)
    except OSError:
        pass
print('done', flush=True)
time.sleep(5)
X
chmod a+r "$T/harm.py"
exporter_of() { # exporter_of KEEPER: its child with a filter, and the host's files
	local p
	for p in $(pgrep -P "$1"); do
		[ "$(readlink "/proc/$p/ns/mnt")" = "$(readlink "/proc/$1/ns/mnt")" ] &&
			grep -q '^Seccomp:.*2' "/proc/$p/status" && echo "$p" && return 0
	done
	return 1
}
first=$(exporter_of "$web")
bg harm.log python3 "$T/harm.py" 127.0.0.1 9100
harmed() { grep -q done "$T/harm.log"; }
ok "slow, deaf and garbled ones are borne" until_true 10 harmed
ok "others are answered meanwhile" answered
many() {
	local i
	local -a pids=()
	for i in {1..30}; do
		curl -sS -m 10 http://127.0.0.1:9100/metrics -o "$T/many.$i" &
		pids+=($!)
	done
	wait "${pids[@]}"
	[ "$(cat "$T"/many.* | grep -c '^# EOF$')" = 30 ]
}
ok "thirty at once" many
is "it is the same process" "$(exporter_of "$web")" "$first"

# Who serves.
is "it is a child of the keeper" "$(ps -o ppid= -p "$first" | tr -d ' ')" "$web"
is "no new privileges" "$(awk '$1 == "NoNewPrivs:" { print $2 }' "/proc/$first/status")" 1
is "no capability" "$(awk '$1 == "CapEff:" { print $2 }' "/proc/$first/status")" 0000000000000000
is "it can start no program" "$(awk '$1 == "Seccomp:" { print $2 }' "/proc/$first/status")" 2
kill -9 "$first"
ok "killed, it is answered by another" until_true 5 answered
ok "and that is said" until_true 5 grep -q "metrics was killed by signal 9; restarted" "$T/guest-web.log"
kill -9 "$(member worker web)"
is "the death of the worker passes unseen" "$(page | grep '^minato_guest_up')" 'minato_guest_up{guest="web"} 1'
has "the port is taken: by whom" "$(as_user "$M" run --metrics 127.0.0.1:9100 -- true 2>&1)" \
	"--metrics: host port 9100/tcp of 127.0.0.1 is taken by minato \(pid [0-9]+.*nearest free ones are"
as_user "$M" run --metrics :9100 -- true 2>/dev/null
is "and nothing is run" "$?" 1
has "what is no place" "$(as_user "$M" run --metrics there -- true 2>&1)" "such as 127\.0\.0\.1:9100"
kill "$web"
gone() { ! listening 9100; }
ok "with the guest it ends" until_true 5 gone
run_guest six --metrics '[::1]:9106' -- sleep 600
is "IPv6" "$(code 'http://[::1]:9106/metrics')" 200
kill -9 "$(member pid six)"
gone6() { ! listening 9106; }
ok "with the keeper too, however that ends" until_true 5 gone6

# The command of its own.
bg all.log as_user "$M" metrics 127.0.0.1:9101
until_true 5 listening 9101
is "all guests are there" "$(get http://127.0.0.1:9101/metrics | grep -c '^minato_guest_up.* 1$')" 2
stopped=$(member worker two)
kill -STOP "$stopped"
ups() { get http://127.0.0.1:9101/metrics | grep '^minato_guest_up' | tr '\n' ' '; }
down() { ups | grep -q '"one"} 1 .*"two"} 0'; }
ok "one that does not answer is down, the others are not" until_true 8 down
kill -CONT "$stopped"
all=$(pgrep -f "metrics 127.0.0.1:9101" | tail -n 1)
kill -INT "$all"
wait "$BG"
is "interrupted, it ends well" "$?" 0

# In the background, attached, and given up.
name=$(as_user "$M" run -d --metrics :9102 --name back -- sleep 600)
is "-d prints the name" "$name" back
is "and the metrics are there at once" "$(code http://127.0.0.1:9102/metrics)" 200
as_user "$M" stop back >/dev/null
bg owner.log as_user unshare --user --map-root-user --net sleep 600
owner=$BG
ready() { [ "$(readlink "/proc/$(pgrep -P "$owner" -x sleep || echo "$owner")/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
until_true 5 ready
owner=$(pgrep -P "$owner" -x sleep || echo "$owner")
bg attach.log as_user "$M" attach --name held --metrics :9103 "$owner"
until_true 10 guest_up held
is "attach has them too" "$(get http://127.0.0.1:9103/metrics | grep '^minato_guest_up')" 'minato_guest_up{guest="held"} 1'
keeper=$(member pid held)
for _ in 1 2 3 4 5 6; do
	victim=$(until_true 5 exporter_of "$keeper" && exporter_of "$keeper") || break
	kill -9 "$victim"
	until_true 5 fails [ -d "/proc/$victim" ]
done
ok "six deaths in a row: there are none from now on" until_true 5 grep -q "none from now on" "$T/attach.log"
gone3() { ! listening 9103; }
ok "the port is free" until_true 5 gone3
ok "and the attachment lives" guest_up held
