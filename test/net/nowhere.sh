#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Destinations that lead nowhere, whatever is allowed: an error at once, a line, the audit.
. "$(dirname "$0")/lib.bash"
world_up

# try tcp|udp ADDRESS PORT: the error's name and the whole seconds that it took.
# try raw ADDRESS PORT: UDP by a frame of its own.
cat >"$T/try.py" <<'X'
import errno, socket, struct, sys, time
proto, where, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
start = time.monotonic()
def report(what):
    print(what, int(time.monotonic() - start), flush=True)
    sys.exit()
def checksum(b):
    s = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    s = (s >> 16) + (s & 0xffff)
    return ~((s >> 16) + s) & 0xffff
if proto == "raw":
    mac = bytes.fromhex(open("/sys/class/net/tap0/address").read().replace(":", ""))
    gateway = [l.split()[3] for l in open("/proc/net/arp") if l.startswith("10.0.2.2 ")][0]
    udp = struct.pack("!HHHH", 5555, port, 12, 0) + b"who?"
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0,
                     socket.inet_aton("10.0.2.100"), socket.inet_aton(where))
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind(("tap0", 0))
    s.send(bytes.fromhex(gateway.replace(":", "")) + mac + b"\x08\0" + ip + udp)
    report("sent")
kind = socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM
end = socket.getaddrinfo(where, port)[0]
s = socket.socket(end[0], kind)
s.settimeout(4)
try:
    if len(sys.argv) > 4:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    s.connect(end[4])
    if proto == "udp":
        s.send(b"who")
        s.recv(100)
    report("connected")
except TimeoutError:
    report("TIMEOUT")
except OSError as e:
    report(errno.errorcode[e.errno])
X
chmod a+r "$T/try.py"
run_guest g --audit "$T/user/audit" --allow api.example --allow 198.51.100.1 -- sleep 900
said=$T/guest-g.log
g() { in_guest g -- "$@"; }
try() { g python3 "$T/try.py" "$@" 2>&1; }
told() { grep -c -- "refused: .*$1" "$said"; }
# audited PROTO ADDRESS PORT: verdict and program of its line.
audited() {
	python3 - "$T/user/audit" "$@" <<'X'
import json, os, sys
for line in open(sys.argv[1]):
    a = json.loads(line)
    end = a["event"], a.get("proto"), a.get("destination"), str(a.get("port"))
    if end == ("refused", *sys.argv[2:5]):
        print(a["verdict"], os.path.basename(a.get("program", "-"))[:6])
        break
X
}

# --- link-local ------------------------------------------------------------------

is "IPv4 link-local, as clouds' metadata: an error at once" "$(try tcp 169.254.169.254 80)" "EHOSTUNREACH 0"
is "... a line" "$(told '169.254.169.254:80 (a link-local')" 1
is "... the audit, with its program" "$(audited tcp 169.254.169.254 80)" "refused python"
is "UDP there" "$(try udp 169.254.1.1 53)" "EHOSTUNREACH 0"
is "... the audit" "$(audited udp 169.254.1.1 53)" "refused python"
is "IPv6 link-local" "$(try tcp fe80::77%tap0 80)" "EHOSTUNREACH 0"
has "... the audit" "$(audited tcp fe80::77 80)" refused
is "... UDP" "$(try udp fe80::77%tap0 53)" "EACCES 0"
is "... by a translator" "$(try tcp 64:ff9b::169.254.169.254 80)" "ECONNREFUSED 0"

# --- the gateway and the resolver's address ----------------------------------------

is "the gateway" "$(try tcp 10.0.2.2 80)" "ECONNREFUSED 0"
is "... a line that says what would open it" "$(told '10.0.2.2:80 (the gateway.*--reach')" 1
is "... the audit, with its program" "$(audited tcp 10.0.2.2 80)" "refused python"
is "... UDP" "$(try udp 10.0.2.2 99)" "ECONNREFUSED 0"
is "... the audit" "$(audited udp 10.0.2.2 99)" "refused python"
is "... IPv6" "$(try tcp fd00::2 80)" "ECONNREFUSED 0"
is "... the audit" "$(audited tcp fd00::2 80)" "refused python"
is "the resolver's, another port" "$(try tcp 10.0.2.3 80)" "ECONNREFUSED 0"
is "... the audit" "$(audited tcp 10.0.2.3 80)" "refused python"
is "nobody on the guest's link" "$(try tcp 10.0.2.77 80)" "EHOSTUNREACH 0"
is "... the audit" "$(audited tcp 10.0.2.77 80)" "refused python"

# --- others ------------------------------------------------------------------------

is "this network" "$(try tcp 0.1.2.3 80)" "ECONNREFUSED 0"
is "... the audit" "$(audited tcp 0.1.2.3 80)" "refused python"
is "reserved" "$(try tcp 240.0.0.1 80)" "ECONNREFUSED 0"
is "... the audit" "$(audited tcp 240.0.0.1 80)" "refused python"
# No error may be sent about these (RFC 1122 3.2.2).
is "a group: no error" "$(try udp 224.0.0.251 5353)" "TIMEOUT 4"
is "... but the audit" "$(audited udp 224.0.0.251 5353)" "refused python"
is "... and a line" "$(told '224.0.0.251:5353/udp (groups')" 1
try udp ff02::fb%tap0 5353 >/dev/null
has "... IPv6" "$(audited udp ff02::fb 5353)" refused
try udp 255.255.255.255 67 b >/dev/null
is "a broadcast" "$(audited udp 255.255.255.255 67)" "refused python"
try udp 10.0.2.255 67 b >/dev/null
is "... of the subnet" "$(audited udp 10.0.2.255 67)" "refused python"

# By frames of its own, as root of the guest can make them.
run_guest w --root --audit "$T/user/frames" --allow api.example -- sh -c "python3 $T/try.py udp 10.0.2.2 99
	for to in 127.0.0.1 0.0.0.0; do python3 $T/try.py raw \$to 9; done; sleep 900"
framed() { grep -q "\"event\":\"refused\".*\"destination\":\"$1\",\"port\":9," "$T/user/frames"; }
ok "loopback by a frame: the audit" until_true 5 framed 127.0.0.1
ok "... no address at all" until_true 5 framed 0.0.0.0
has "... the line" "$(cat "$T/guest-w.log")" "refused: .*127.0.0.1:9/udp \(the host's own side"

# --- what is open at the gateway is told too -----------------------------------------

cat >"$T/echo.py" <<'X'
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 7007))
print("up", flush=True)
while True:
    data, who = s.recvfrom(100)
    s.sendto(b"word", who)
X
bg echo.log python3 "$T/echo.py"
until_true 5 grep -q up "$T/echo.log"
run_guest r --audit "$T/user/reached" --allow api.example --reach 7007/udp -- sleep 900
is "UDP that --reach has opened" "$(in_guest r -- python3 "$T/try.py" udp 10.0.2.2 7007)" "connected 0"
ok "... begins in the audit" grep -q '"event":"begun","proto":"udp".*"destination":"10.0.2.2","port":7007' "$T/user/reached"
as_user "$M" stop r
ended() { grep -q '"event":"ended".*"destination":"10.0.2.2","port":7007.*"bytes_in":4,"bytes_out":3' "$T/user/reached"; }
ok "... and ends there" until_true 5 ended

# --- what can never be allowed is said -------------------------------------------------

never() { # ARGUMENT PATTERN
	local text
	text=$(as_user "$M" run --allow "$1" -- true 2>&1)
	is "--allow $1" $? 2
	has "... says why" "$text" "$2"
}
never 0.0.0.0 'all of IPv4 is 0\.0\.0\.0/0'
never 127.0.0.1:80 '--reach PORT'
never '[::1]:80' '--reach PORT'
never '[::]' 'all of IPv6 is'
never 224.0.0.251:5353/udp 'groups are not carried'
never '[ff02::fb]:5353/udp' 'groups are not carried'
never 255.255.255.255:67/udp 'broadcasts are not carried'
never 169.254.169.254 'link-local'
never 169.254.0.0/16 'link-local'
never '[fe80::1]:80' 'link-local'
never '[64:ff9b::a9fe:a9fe]:80' 'link-local'
never 10.0.2.100:80 "guest's own network"
never 10.0.2.2:80 "guest's own network, .*--reach"
never '[fd00::64]:80' "guest's own network"
for all in 0.0.0.0/0 '[::]/0' 10.0.0.0/8 192.168.0.0/16 224.0.0.0/3 240.0.0.1; do
	ok "--allow $all may be said" as_user "$M" run --allow "$all" -- true
done

# --- without --allow ------------------------------------------------------------------

run_guest o -- sleep 900
is "an open guest: link-local" "$(in_guest o -- python3 "$T/try.py" tcp 169.254.169.254 80)" "EHOSTUNREACH 0"
is "... the gateway" "$(in_guest o -- python3 "$T/try.py" tcp 10.0.2.2 80)" "ECONNREFUSED 0"
is "... and says nothing" "$(grep -c refused "$T/guest-o.log")" 0
finish
