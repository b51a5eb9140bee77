#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Outbound by name: what --allow lets out, and the ways round it that do not work.
. "$(dirname "$0")/lib.bash"
world_up
here=$(dirname "$0")

# Addresses of the world, as far as a name may lead to them.
for n in 10 11 12 13; do in_peer ip addr add 198.51.100.$n/32 dev lo; done
in_peer ip -6 addr add 2001:db8:1::10/128 dev lo nodad
in_peer ip -6 addr add 2001:db8:1::11/128 dev lo nodad
# Public ones of the host, and a web server at all of them.
ip addr add 198.51.100.200/32 dev lo
ip addr add 203.0.113.2/24 dev h0
ip -6 addr add 2001:db8:99::2/64 dev h0 nodad
in_peer ip addr add 203.0.113.77/24 dev p0
in_peer ip -6 addr add 2001:db8:99::77/64 dev p0 nodad
mkdir "$T/inner"
echo secret >"$T/inner/file"
cp "$here/names_dns.py" "$T/dns.py"
chmod a+r "$T/dns.py"
bg dns.log in_peer python3 "$T/dns.py" $PEER4 "$T/questions"
until_true 5 grep -q up "$T/questions"
resolver_is $PEER4

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test \
	-addext 'subjectAltName=DNS:*.example,DNS:*.sub.example' \
	-keyout "$T/key.pem" -out "$T/cert.pem" 2>/dev/null
echo served >"$T/www/file"
head -c 300000 /dev/urandom >"$T/www/big"
chmod -R a+rX "$T/www" "$T/cert.pem"
cat >"$T/nginx.conf" <<X
daemon off; master_process off; pid $T/nginx.pid; error_log $T/nginx.err;
user root;
events { worker_connections 512; }
http { log_format names '\$server_addr \$server_port \$http_host \$request_uri'; access_log $T/access.log names;
client_body_temp_path $T/body; client_max_body_size 20m;
server { listen 80; listen [::]:80; listen 8080; listen 3000; root $T/www;
  location /put { proxy_pass http://127.0.0.1:81; } }
server { listen 127.0.0.1:81; location / { return 200 "taken"; } }
server { listen 443 ssl http2; listen [::]:443 ssl http2; listen 9443 ssl; root $T/www;
  ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:1m;
  ssl_certificate $T/cert.pem; ssl_certificate_key $T/key.pem; } }
X
bg nginx.log in_peer nginx -e "$T/nginx.err" -c "$T/nginx.conf"
until_true 5 listening 443 peer
bg inner.log python3 -m http.server -b :: -d "$T/inner" 80
until_true 5 listening 80
# Says a word of its own to whoever connects or writes.
cat >"$T/word.py" <<'X'
import socket, sys, threading
def tcp(port):
    s = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        c, _ = s.accept()
        c.sendall(b"word\n")
        threading.Thread(target=lambda: (c.recv(100), c.close())).start()
def udp(port, where="198.51.100.10"):
    if where[0] == "1":
        threading.Thread(target=udp, args=(port, "2001:db8:1::10"), daemon=True).start()
    s = socket.socket(socket.AF_INET if where[0] == "1" else socket.AF_INET6, socket.SOCK_DGRAM)
    s.bind((where, port))
    while True:
        data, peer = s.recvfrom(2000)
        s.sendto(b"word", peer)
for f, p in ((tcp, 2222), (tcp, 853), (udp, 443), (udp, 5000), (udp, 5001)):
    threading.Thread(target=f, args=(p,), daemon=True).start()
print("up", flush=True)
threading.Event().wait()
X
# raw NAME PORT TEXT...: the texts, with \r\n and \x, one after another; what comes back. The last byte
# of what follows -urgent- is urgent, and the next text comes right behind it.
cat >"$T/raw.py" <<'X'
import socket, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
flags = 0
try:
    for text in sys.argv[3:]:
        if text == "-end-":
            s.shutdown(socket.SHUT_WR)
            continue
        if text == "-urgent-":
            flags = socket.MSG_OOB
            continue
        s.sendall(text.encode().decode("unicode_escape").encode("latin-1"), flags)
        if not flags:
            time.sleep(0.05)
        flags = 0
    s.settimeout(2)
    while True:
        data = s.recv(65536)
        if not data:
            break
        sys.stdout.write(data.decode("latin-1"))
except ConnectionResetError:
    print("RESET")
except TimeoutError:
    print("SILENT")
X
# udp ADDRESS PORT [HEX]: what comes back, or the error.
cat >"$T/udp.py" <<'X'
import socket, sys
where = socket.getaddrinfo(sys.argv[1], int(sys.argv[2]), type=socket.SOCK_DGRAM)[0]
s = socket.socket(where[0], socket.SOCK_DGRAM)
s.settimeout(3)
s.connect(where[4])
try:
    s.send(bytes.fromhex(sys.argv[3]) if len(sys.argv) > 3 else b"who")
    print(s.recv(100).decode("latin-1"))
except OSError as e:
    print(type(e).__name__, e.errno)
X
chmod a+r "$T"/*.py
bg word.log in_peer python3 "$T/word.py"
until_true 5 grep -q up "$T/word.log"

run_guest g --audit "$T/user/audit" --allow api.example:443,80,22,587,2222,8000,8080,3000,8443,9443 --allow extra.example:80 --allow '*.sub.example:80' \
	--allow near.example:80 --allow later.example:80 --allow alias.example:80 --allow stray.example:80 --allow loop.example --allow rebind.example:1-65535/both \
	--allow mixed.example:80 --allow private.example:80 --allow many.example:80 --allow short.example:80 \
	--allow txt.example --allow unasked.example:443 --allow api.example:443,5000,8443,8888/udp --allow 198.51.100.12/32:22 \
	--allow six.example:80 --allow late.example:80 --allow eight.example:80 --allow twenty.example:80 \
	--allow four.example:80/raw --hosts other.test=198.51.100.10 -- sleep 900
said=$T/guest-g.log
g() { in_guest g -- "$@"; }
get() { g curl -ksS -m 8 "$@" 2>&1; }
raw() { g python3 "$T/raw.py" "$@" 2>&1; }
udp() { g python3 "$T/udp.py" "$@" 2>&1; }
asked() { grep -c -- "$1" "$T/questions"; }
GOOD=198.51.100.10 OTHER=198.51.100.11
# pinned NAME: its address by a lookup, so that it may be dialled.
pinned() { g getent ahosts "$1" >/dev/null; }

# --- what is allowed -----------------------------------------------------------

is "https by an allowed name" "$(get https://api.example/file)" served
is "http by an allowed name" "$(get http://api.example/file)" served
is "... over IPv6" "$(get -6 http://api.example/file)" served
is "... over IPv4" "$(get -4 https://api.example/file)" served
is "HTTP/2 in TLS" "$(get --http2 -w '%{http_version}' -o /dev/null https://api.example/file)" 2
is "HTTP/1.1 in TLS on a port of its own" "$(get https://api.example:9443/file)" served
is "another port, where HTTP names the host too" "$(get http://api.example:3000/file)" served
is "a protocol without names: the pin decides" "$(raw api.example 2222 'hello\n' -end-)" word
is "... where the server speaks first" "$(raw api.example 2222 -end-)" word
is "a name below a star" "$(get http://www.sub.example/file)" served
is "... two labels below" "$(get http://a.b.sub.example/file)" served
is "a CNAME within the answer" "$(get http://alias.example/file)" served
is "eight of them, one after the other" "$(get http://eight.example/file)" served
has "twenty are too many" "$(get http://twenty.example/file)" 'Could not resolve'
is "a name of IPv6 alone" "$(get http://six.example/file)" served
has "a name that does not exist" "$(get http://late.example/file)" 'Could not resolve'
is "... and does a moment later" "$(get http://late.example/file)" served
is "UDP to an allowed port" "$(udp api.example 5000)" word
is "letters in any case" "$(get http://API.Example/file)" served
is "a large body out and in" "$(get -o /dev/null -w '%{http_code} %{size_upload}' -T "$T/www/big" http://api.example/put)" "200 300000"
is "... in chunks" "$(g sh -c "curl -sS -m 8 -o /dev/null -w '%{http_code}' -H 'Transfer-Encoding: chunked' -T - http://api.example/put <$T/www/big")" 200
connects=$(get -o /dev/null -o /dev/null -w '%{num_connects} ' http://api.example/file http://api.example/file)
is "a connection is used again" "$connects" "1 0 "
has "openssl by name" "$(g sh -c 'echo | timeout 8 openssl s_client -connect api.example:443 -servername api.example 2>&1')" 'CN ?= ?test'

# --- names ---------------------------------------------------------------------

dig() { g dig +time=3 +tries=1 "$@" 2>&1; }
before=$(asked evil)
has "a name that is not allowed: NXDOMAIN at once" "$(dig evil.example)" 'status: NXDOMAIN'
has "... which says why" "$(dig evil.example)" 'EDE: 17'
has "... over TCP" "$(dig +tcp evil.example)" 'status: NXDOMAIN'
has "... by IPv6" "$(dig @fd00::3 evil.example)" 'status: NXDOMAIN'
is "... and nobody was asked" "$(asked evil)" "$before"
has "what stands above an allowed name exists" "$(dig example NS)" 'status: NOERROR'
has "... the domain of a star is not what it matches" "$(dig sub.example A)" 'ANSWER: 0'
is "a program is told at once that there is no such name" "$(get http://evil.example/ | grep -c 'Could not resolve host')" 1
fast() { local t=$SECONDS; g getent hosts evil.example; [ $((SECONDS - t)) -lt 3 ]; }
ok "... without waiting" fast
has "TCP is answered, many questions of one stream" "$(dig +tcp +keepopen api.example A api.example AAAA evil.example)" '2001:db8:1::10'
is "more than a datagram holds" "$(dig +short many.example A | wc -l)" 40
is "... without EDNS" "$(dig +short +noedns many.example A | wc -l)" 40
for type in HTTPS SVCB ANY TXT MX SRV NS CNAME PTR NULL; do
	has "type $type of an allowed name has no data" "$(dig api.example $type)" 'status: NOERROR.*|ANSWER: 0'
	is "... and is not asked on, $type" "$(dig +short api.example $type)" ""
done
is "nothing but addresses was asked for" "$(grep -Ev '^up|^(udp|tcp) [a-z.0-9]+ (1|28) ' "$T/questions" | head -3)" ""
dig +subnet=203.0.113.0/24 +cookie=0123456789abcdef +nsid ApI.eXample >/dev/null
is "letters' case, options and bits do not go on" "$(grep -Ev '^up' "$T/questions" | awk '$2 != tolower($2) || ($4 != "-" && $4 !~ /^000029[0-9a-f][0-9a-f][0-9a-f][0-9a-f]000000000000$/)')" ""
dig +padding=512 api.example >/dev/null
is "... nor padding, which could carry as much" "$(awk 'length($4) > 22' "$T/questions")" ""
has "another class" "$(dig -c CH api.example TXT)" 'status: REFUSED'
has "another opcode" "$(dig +opcode=NOTIFY api.example)" 'status: NOTIMP'
cat >"$T/two.py" <<'X'
import socket, struct
def name(n): return b"".join(bytes([len(l)]) + l for l in n.split(b".")) + b"\0"
q = name(b"api.example") + struct.pack("!HH", 1, 1)
two = struct.pack("!HHHHHH", 7, 0x100, 2, 0, 0, 0) + q + name(b"evil.example") + struct.pack("!HH", 1, 1)
# Questions that carry records, and a name that only looks allowed.
dot = struct.pack("!HHHHHH", 8, 0x100, 1, 0, 0, 0) + b"\x0bapi.example\0" + struct.pack("!HH", 1, 1)
pointer = struct.pack("!HHHHHH", 9, 0x100, 1, 0, 0, 0) + b"\xc0\x0c" + struct.pack("!HH", 1, 1)
for data in (two, dot, pointer):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(3)
    s.sendto(data, ("10.0.2.3", 53))
    print(s.recv(4096)[3] & 15, end=" ")
X
chmod a+r "$T/two.py"
is "two questions, a dot in a label, a pointer: no" "$(g python3 "$T/two.py")" "1 3 1 "

# --- answers -------------------------------------------------------------------

is "rebinding: no address of a private network" "$(dig +short rebind.example A)$(dig +short rebind.example AAAA)" ""
is "... none of this host or its links, though it is public" "$(dig +short near.example A)$(dig +short near.example AAAA)" ""
has "... nor is it reached" "$(get http://near.example/file)" 'not resolve|Failed'
is "... as addresses change" "$(dig +short later.example A)" 198.51.100.201
ip addr add 198.51.100.201/32 dev lo
led_there() { [ -n "$(dig +short later.example A)" ]; }
ok "... it comes no more" until_true 5 fails led_there
has "... nor does what had led there" "$(get --resolve later.example:80:198.51.100.201 http://later.example/file)" 'Failed to connect'
ip addr del 198.51.100.201/32 dev lo
ok "... until it is gone" until_true 5 led_there
exec 77</etc/passwd
is "a descriptor of who runs a command there stays outside" "$(g sh -c 'test -e /proc/self/fd/77 && echo open')" ""
exec 77<&-
is "... of a mixed answer the rest stays" "$(dig +short mixed.example A)" $GOOD
is "a stray record pins nothing" "$(dig +short stray.example A)" $GOOD
is "a record of the additional section pins nothing" "$(dig +short extra.example A)" $GOOD
is "an answer for no time is good for long enough" "$(get http://short.example/file)" served
pinned alias.example
has "the far end of a CNAME is no name that was asked for" "$(raw alias.example 80 "GET /x1 HTTP/1.1\r\nHost: edge.cdn.other\r\n\r\n")" RESET
has "a circle of CNAMEs" "$(dig loop.example A)" 'SERVFAIL'
for to in $PEER4 $OTHER; do
	has "... and leads nowhere: $to" "$(get "http://$to/")" 'Failed to connect'
done

# --- destinations that no answer pinned ------------------------------------------

refused_at_once() { # refused_at_once ARGS...: curl fails to connect, within 2 s
	local t=$SECONDS out
	out=$(get "$@")
	[ $((SECONDS - t)) -lt 3 ] && matches "$out" 'Failed to connect|Could not'
}
ok "an address that nobody asked for" refused_at_once http://$OTHER/file
ok "... over IPv6" refused_at_once -g 'http://[2001:db8:1::11]/file'
ok "a pinned address on another port" refused_at_once http://$GOOD:853/
ok "the host's own addresses" refused_at_once http://$HOST4/
ok "the gateway's" refused_at_once http://10.0.2.2/
ok "loopback in IPv6" refused_at_once -g 'http://[::ffff:127.0.0.1]/'
is "--resolve with a forged address" "$(get --resolve api.example:80:$OTHER http://api.example/file | grep -c 'Failed to connect')" 1
is "another resolver over UDP" "$(dig +short @$PEER4 evil.example | grep -cE '^198')" 0
is "another resolver over TCP" "$(dig +short +tcp @$PEER4 evil.example | grep -cE '^198')" 0
has "DNS over TLS" "$(raw $OTHER 853 x)" 'refused'
ok "DNS over HTTPS by address" refused_at_once "https://$OTHER/dns-query"
has "UDP elsewhere: an error" "$(udp $OTHER 5001)" 'Error (113|111|1|13)'
has "UDP to a pinned address on another port" "$(udp api.example 5001)" 'Error (113|111|1|13)'
has "QUIC that cannot be seen through: an error, so that TCP follows" "$(udp api.example 443 c000000001)" 'Error (113|111|1|13)'
has "echoes" "$(g ping -c 1 -W 2 $GOOD)" '100% packet loss'
is "a prefix needs no name" "$(raw 198.51.100.12 22 -end- | grep -c refused)" 1
in_peer true; bg word22.log in_peer socat TCP-LISTEN:22,bind=198.51.100.12,fork,reuseaddr SYSTEM:'echo word'
until_true 5 listening 22 peer
bg ssh.log in_peer socat TCP-LISTEN:22,bind=198.51.100.10,fork,reuseaddr SYSTEM:'echo SSH-2.0-server; sleep 2'
ssh_listens() { in_peer ss -Hltn 'src 198.51.100.10:22' | grep -q .; }
until_true 5 ssh_listens
has "ssh to an allowed name" "$(raw api.example 22 'SSH-2.0-client\r\n')" '^SSH-2.0-server'
is "... where somebody listens" "$(raw 198.51.100.12 22 -end-)" word

# --- what is said there ----------------------------------------------------------

pinned api.example
is "TLS for another name is reset" "$(get --connect-to evil.example:443:api.example:443 https://evil.example/file | grep -cE 'reset|SSL_ERROR_SYSCALL')" 1
is "TLS without a name is reset" "$(get --connect-to 198.51.100.10:443:api.example:443 https://198.51.100.10/file | grep -cE 'reset|SSL_ERROR_SYSCALL')" 1
is "TLS on a pinned address for an allowed name that did not lead there" "$(get --connect-to unasked.example:443:api.example:443 https://unasked.example/file | grep -cE 'reset|SSL_ERROR_SYSCALL')" 1
R='\r\n'
has "HTTP for another host" "$(raw api.example 80 "GET /x1 HTTP/1.1${R}Host: evil.example$R$R")" RESET
has "... in pieces" "$(raw api.example 80 'GET /x1 HT' "TP/1.1${R}Ho" "st: ev" "il.example$R$R")" RESET
has "HTTP without a host" "$(raw api.example 80 "GET /x1 HTTP/1.0$R$R")" RESET
has "an absolute target for another" "$(raw api.example 80 "GET http://evil.example/x1 HTTP/1.1${R}Host: api.example$R$R")" RESET
has "two hosts" "$(raw api.example 80 "GET /x1 HTTP/1.1${R}Host: api.example${R}Host: evil.example$R$R")" RESET
has "a folded host" "$(raw api.example 80 "GET /x1 HTTP/1.1${R}Host: api.example$R evil.example$R$R")" RESET
has "a blank before the colon" "$(raw api.example 80 "GET /x1 HTTP/1.1${R}Host: api.example${R}Host : evil.example$R$R")" RESET
has "a tunnel" "$(raw api.example 80 "CONNECT evil.example:443 HTTP/1.1${R}Host: evil.example$R$R")" RESET
has "a second request for another host" "$(raw api.example 80 "GET /file HTTP/1.1${R}Host: api.example$R$R" "GET /x1 HTTP/1.1${R}Host: evil.example$R$R")" RESET
has "... in one segment: the first is served, the second not" "$(raw api.example 80 "GET /file HTTP/1.1${R}Host: api.example$R${R}GET /x1 HTTP/1.1${R}Host: evil.example$R$R")" 'RESET|served'
has "... behind a body that is longer than it says" "$(raw api.example 80 "POST /put HTTP/1.1${R}Host: api.example${R}Content-Length: 3$R${R}abcGET /x1 HTTP/1.1${R}Host: evil.example$R$R")" 'RESET|taken'
has "both lengths" "$(raw api.example 80 "POST /put HTTP/1.1${R}Host: api.example${R}Content-Length: 4${R}Transfer-Encoding: chunked$R${R}0$R${R}GET /x1 HTTP/1.1${R}Host: evil.example$R$R")" RESET
has "two lengths" "$(raw api.example 80 "POST /put HTTP/1.1${R}Host: api.example${R}Content-Length: 4${R}Content-Length: 9$R${R}abcd")" RESET
has "a strange coding" "$(raw api.example 80 "POST /put HTTP/1.1${R}Host: api.example${R}Transfer-Encoding: xchunked$R${R}0$R$R")" RESET
has "a request behind chunks" "$(raw api.example 80 "POST /put HTTP/1.1${R}Host: api.example${R}Transfer-Encoding: chunked$R${R}3${R}abc${R}0$R${R}GET /x1 HTTP/1.1${R}Host: evil.example$R$R")" 'RESET|taken'
# Without the urgent byte the second request would be within a chunk of 0x400 bytes.
for i in 1 2 3 4 5; do has "... which an urgent byte makes others" "$(raw api.example 80 -urgent- "POST /put HTTP/1.1${R}Host: api.example${R}Transfer-Encoding: chunked$R${R}1" "6${R}AAAAAA${R}400${R}BBBBBBBBB${R}0$R${R}GET /x1 HTTP/1.1${R}Host: evil.example$R$R$(printf x%.0s {1..968})$R")" 'RESET|taken'; done
is "a request with an urgent byte in its head" "$(raw api.example 80 -urgent- "GET /file HT" "TP/1.0${R}Host: api.example$R$R" | tail -n 1)" served
has "... for another host" "$(raw api.example 80 "GET /x1 HTTP/1.1${R}Ho" -urgent- "st: ev" "il.example$R$R")" RESET
has "bare line feeds" "$(raw api.example 80 "GET /x1 HTTP/1.1\nHost: evil.example\n\n")" RESET
has "HTTP/2 without TLS" "$(raw api.example 80 "PRI * HTTP/2.0$R${R}SM$R$R")" RESET
has "neither TLS nor HTTP where they are expected" "$(raw api.example 443 'SSH-2.0-x\r\n')" RESET
has "half a request and the end" "$(raw api.example 80 'GET /x1 HT' -end-)" RESET
has "HTTP for another host on a port of no kind" "$(raw api.example 3000 "GET /x1 HTTP/1.1${R}Host: evil.example$R$R")" RESET
U="GET /file HTTP/1.1${R}Host: api.example${R}Upgrade: foo${R}Connection: upgrade$R$R"
# nginx passes over any number of line ends, and upgrades nothing.
has "behind Upgrade, to which the server did not agree" "$(raw api.example 80 "$U" "$R$R$R$R$R$R" "GET /x1 HTTP/1.1${R}Host: evil.example$R$R")" RESET
has "... all at once" "$(raw api.example 80 "$U$R$R$R$R$R${R}GET /x1 HTTP/1.1${R}Host: evil.example$R$R")" RESET
has "... another protocol" "$(raw api.example 80 "$U" '\x81\x85')" RESET
has "many line ends before a first request" "$(raw api.example 80 "$R$R$R$R$R${R}GET /x1 HTTP/1.1${R}Host: evil.example$R$R")" RESET
for lead in "$R" '\n' "$R$R$R$R$R$R" ' '; do
	has "a lead before a request on a port of no kind" "$(raw api.example 3000 "$lead" "GET /x1 HTTP/1.1${R}Host: evil.example$R$R")" 'RESET'
	has "... in one segment" "$(raw api.example 3000 "${lead}GET /x1 HTTP/1.1${R}Host: evil.example$R$R")" 'RESET'
done
has "... before one that may be" "$(raw api.example 3000 "$R$R$R$R$R$R" "GET /file HTTP/1.1${R}Host: api.example${R}Connection: close$R$R")" served
cat >"$T/agree.py" <<'X'
import socket, sys
s = socket.create_server(("198.51.100.10", 8000))
print("up", flush=True)
while True:
    c, _ = s.accept()
    got = b""
    while not got.endswith(b"\r\n\r\n"):
        got += c.recv(1000)
    c.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\nConnection: upgrade\r\n\r\n")
    c.sendall(b"heard " + c.recv(100).hex().encode())
    c.close()
X
bg agree.log in_peer python3 "$T/agree.py"
until_true 5 grep -q up "$T/agree.log"
has "another protocol, to which the server agreed" "$(raw api.example 8000 "$U" '\x81\x85')" 'heard 8185'
has "/raw looks at nothing" "$(raw four.example 80 "GET /file HTTP/1.1${R}Host: whatever.example${R}Connection: close$R$R")" served
is "no such request came anywhere" "$(grep -cE '/x1|evil' "$T/access.log")" 0

# --- TLS in other clothes ------------------------------------------------------------------

# tls HOW SNI: what comes of a handshake with api.example:443 that names SNI.
cat >"$T/tls.py" <<'X'
import socket, ssl, sys
how, name = sys.argv[1:]
context = ssl._create_unverified_context()
def hello(name):
    out = ssl.MemoryBIO()
    session = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()
first = hello("api.example" if how == "again" else name)
pieces = [first]
if how == "bytes":
    pieces = [first[i:i + 1] for i in range(len(first))]
if how == "records":
    pieces = [first[:3] + b"\0\1" + first[i:i + 1] for i in range(5, len(first))]
s = socket.create_connection(("api.example", 443), 5)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
s.settimeout(5)
try:
    for piece in pieces:
        s.sendall(piece)
    answer = s.recv(65536)
    if how == "again":  # as after a HelloRetryRequest
        s.sendall(b"\x14\x03\x03\0\1\1" + hello(name))
        s.settimeout(2)
        while answer:
            answer = s.recv(65536)
    print("ANSWERED" if answer[:1] == b"\x16" else "CLOSED")
except ConnectionResetError:
    print("RESET")
X
chmod a+r "$T/tls.py"
tls() { g timeout 20 python3 "$T/tls.py" "$@" 2>&1; }
is "a hello byte by byte" "$(tls bytes api.example)" ANSWERED
is "... for another name" "$(tls bytes evil.example)" RESET
is "a hello in records of one byte" "$(tls records api.example)" ANSWERED
is "... for another name" "$(tls records evil.example)" RESET
is "a second hello, for another name" "$(tls again evil.example)" RESET
# A server that asks for another hello, and what it reads in it.
mkfifo "$T/again.in"
bg again.log in_peer sh -c "exec openssl s_server -accept 198.51.100.10:8443 -groups P-521 -cert $T/cert.pem -key $T/key.pem \
	-servername evil.example -cert2 $T/cert.pem -key2 $T/key.pem <>$T/again.in"
until_true 5 listening 8443 peer
cat >"$T/retry.py" <<'X'
import socket, ssl, sys
how = sys.argv[1]
def hello(name, curve=None):
    context = ssl._create_unverified_context()
    if curve:
        context.set_ecdh_curve(curve)
    out = ssl.MemoryBIO()
    session = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()
second = bytearray(hello("api.example" if how == "same" else "evil.example", "secp521r1"))
if how == "version":
    second[10] = 5
if how == "long":  # of more bytes than fit into two of its length's three
    body = second[9:]
    at = 35 + body[34]
    suites = body[at + 2:at + 2 + int.from_bytes(body[at:at + 2], "big")]
    rest = body[at + 2 + len(suites):]
    suites += b"\x0a\x0a" * ((65500 - len(suites)) // 2)
    body = body[:at] + len(suites).to_bytes(2, "big") + suites + rest
    message = b"\1" + len(body).to_bytes(3, "big") + bytes(body)
    second = b"".join(b"\x16\3\3" + len(message[i:i + 16000]).to_bytes(2, "big") + message[i:i + 16000]
                      for i in range(0, len(message), 16000))
s = socket.create_connection(("api.example", 8443), 5)
s.settimeout(5)
try:
    s.sendall(hello("api.example"))
    if how != "early":
        s.recv(65536)
    s.sendall((b"\x14\3\3\0\1\1" if how == "keys" else b"") + second)
    got = 0
    while got < 500:
        data = s.recv(65536)
        if not data:
            break
        got += len(data)
    print("ANSWERED" if got >= 500 else "CLOSED")
except ConnectionResetError:
    print("RESET")
X
chmod a+r "$T/retry.py"
is "a second hello that the server asked for" "$(g timeout 20 python3 "$T/retry.py" same 2>&1)" ANSWERED
for how in plain keys early version long; do
	is "... for another name: $how" "$(g timeout 20 python3 "$T/retry.py" $how 2>&1)" RESET
done
is "... of which the server has heard nothing" "$(grep -c 'evil.example' "$T/again.log")" 0
client() { g sh -c 'echo | timeout 8 openssl s_client "$@" 2>&1' sh "$@"; }
has "a name in capitals" "$(client -connect api.example:443 -servername API.EXAMPLE)" 'CN ?= ?test'
has "a name with a final dot, which may not be said so" "$(client -connect api.example:443 -servername api.example.)" 'errno=104|reset by peer'
has "a name outside ASCII" "$(client -connect api.example:443 -servername 'bücher.example')" 'errno=104|reset by peer'
for version in 1_2 1_3; do
	g sh -c "sleep 1 | timeout 8 openssl s_client -tls$version -connect api.example:443 -servername api.example -sess_out $T/user/session" >/dev/null 2>&1
	has "a session that goes on, TLS $version" "$(client -tls$version -connect api.example:443 -servername api.example -sess_in "$T/user/session")" '^Reused'
	has "... under another name" "$(client -tls$version -connect api.example:443 -servername evil.example -sess_in "$T/user/session")" 'errno=104|reset by peer'
done
cat >"$T/smtp.py" <<'X'
import socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
def serve(c):
    c.sendall(b"220 mail\r\n")
    while True:
        line = c.recv(1000)
        if line.startswith(b"STARTTLS"):
            break
        if not line:
            return
        c.sendall(b"250-mail\r\n250 STARTTLS\r\n")
    c.sendall(b"220 go\r\n")
    context.wrap_socket(c, server_side=True).recv(100)
s = socket.create_server(("198.51.100.10", 587))
print("up", flush=True)
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
X
bg smtp.log in_peer python3 "$T/smtp.py" "$T/cert.pem" "$T/key.pem"
until_true 5 grep -q up "$T/smtp.log"
has "STARTTLS: the pin decides" "$(client -starttls smtp -connect api.example:587 -servername api.example)" 'CN ?= ?test'
has "... whatever is named there, a limit that is documented" "$(client -starttls smtp -connect api.example:587 -servername evil.example)" 'CN ?= ?test'
has "... to no other address" "$(client -starttls smtp -connect $OTHER:587)" 'refused'
has "an absolute target for the host itself" "$(raw api.example 80 "GET http://api.example/file HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n")" served
is "no such request came anywhere" "$(grep -cE '/x1|evil' "$T/access.log")" 0

# --- QUIC, by a client and a server that know nothing of us ---------------------------------

if command -v gtlsclient >/dev/null && command -v gtlsserver >/dev/null; then
	bg quic.log in_peer gtlsserver -q -d "$T/www" 198.51.100.10 8443 "$T/key.pem" "$T/cert.pem"
	bg retry.log in_peer gtlsserver -q -V -d "$T/www" 198.51.100.10 8888 "$T/key.pem" "$T/cert.pem"
	heard() { in_peer ss -Hlun "sport = :$1" | grep -q .; }
	until_true 5 heard 8443
	until_true 5 heard 8888
	mkdir -p "$T/user/dl"
	chmod 777 "$T/user/dl"
	# quic HOST PORT [OPTION...]: the file that came, or nothing
	quic() {
		rm -f "$T/user/dl/file"
		g timeout "${LIMIT:-10}" gtlsclient -q --exit-on-all-streams-close --timeout=3s --handshake-timeout=3s \
			--download="$T/user/dl" "${@:3}" "$1" "$2" "https://$1/file" >/dev/null 2>&1
		cat "$T/user/dl/file" 2>/dev/null
	}
	is "QUIC for an allowed name" "$(quic api.example 8443)" served
	is "... with keys that change" "$(quic api.example 8443 --key-update=1ms)" served
	is "... with a Retry before" "$(quic api.example 8888)" served
	is "... in packets as small as may be" "$(quic api.example 8443 --max-udp-payload-size=1200)" served
	# A client whose first four are lost, one in a hundred, tries again after 15 seconds.
	is "... when a third of the packets are lost" \
		"$(LIMIT=40 quic api.example 8443 --tx-loss=0.3 --timeout=35s --handshake-timeout=35s)" served
	pinned api.example
	is "QUIC for another name" "$(quic other.test 8443)" ""
	is "... that names nobody" "$(quic $GOOD 8443)" ""
	is "... in a version that nobody knows" "$(quic api.example 8443 -v 0x1a2a3a4a)" ""
	is "... in a draft of version 2" "$(quic api.example 8443 -v 0x709a50c4)" ""
	has "the user hears what it named" "$(cat "$said")" 'refused: .*api.example:8443/udp \(QUIC for a name that did not lead there: other.test'
fi

# --- what is told ------------------------------------------------------------------

has "the user hears of a name, and who asks" "$(cat "$said")" '^minato: refused: curl -> the name evil.example \(not allowed; --allow evil.example would\)$'
has "... of an address" "$(cat "$said")" "^minato: refused: curl -> $OTHER:80 \\(not allowed; --allow $OTHER:80 would\\)"
has "... of a port of a name" "$(cat "$said")" '^minato: refused: curl -> [a-z.]+\.example:853 \(this port is not allowed; --allow '
has "... of what was said" "$(cat "$said")" "^minato: refused: [a-z.]+\.example:80 \\(HTTP for a name that did not lead there: evil.example\\)"
is "... once each" "$(grep -c 'dig -> the name evil.example' "$said")" 1
audit() { python3 -c '
import json, sys
rows = [json.loads(l) for l in open(sys.argv[1])]
print(sum(all(str(r.get(k)) == v for k, v in (a.split("=", 1) for a in sys.argv[2:])) for r in rows))' "$T/user/audit" "$@"; }
more() { [ "$(audit "$@")" -ge 1 ] || { audit; return 1; }; }
ok "every line of the audit is JSON" audit
ok "it has the refused name" more event=name name=evil.example verdict=refused
ok "... a flow that began, with its rule" more event=begun name=api.example port=443 proto=tcp "rule=api.example:443,80,22,587,2222,8000,8080,3000,8443,9443"
ok "... its end, with bytes" until_true 5 more event=ended name=api.example port=2222 bytes_in=5 bytes_out=6
ok "... what was refused" more event=refused destination=$OTHER port=80
ok "... what was said" more event=refused name=api.example said=evil.example "reason=HTTP for a name that did not lead there" port=80
ok "... the answer of a private address" more event=answer name=rebind.example destination=10.99.0.10
ok "... whose flow it was" more event=begun port=443 program=/usr/bin/curl
ok "... who tried" more event=refused destination=$OTHER port=80 program=/usr/bin/curl
ok "... datagrams" more event=begun proto=udp port=5000
mv "$T/user/audit" "$T/user/audit.1"
get http://evil2.example/ >/dev/null
ok "a file that was moved away is made anew" until_true 5 more event=name name=evil2.example

# --- the end, and what is no flow -----------------------------------------------------

cat >"$T/end.py" <<'X'
import socket, sys
kind, to = sys.argv[1:]
if kind == "udp":
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", (to, 5000))
elif kind == "tcp":
    s = socket.socket(); s.setblocking(False); s.connect_ex((to, 81))
else:
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 47)
    for _ in range(9): s.sendto(b"\0\0\x08\0" + bytes(40), (to, 0))
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IP, 4, b"\x83\x07\x04" + socket.inet_aton(to) + b"\0")
    s.sendto(b"x", ("10.0.2.2", 5000))
X
chmod a+r "$T/end.py"
ends() { # kind, more options
	local kind=$1
	shift
	as_user "$M" run --audit "$T/user/end-$kind" "$@" -- python3 "$T/end.py" "$kind" $OTHER 2>"$T/end.log"
	cat "$T/user/end-$kind"
}
has "a datagram right before the end is in the audit" "$(ends udp --allow api.example)" \
	"\"proto\":\"udp\".*\"destination\":\"$OTHER\",\"port\":5000,.*\"reason\":\"not allowed\""
has "who waits for an answer when the guest ends, too" "$(ends tcp --ask)" \
	"\"destination\":\"$OTHER\",\"port\":81,.*\"reason\":\"the guest ended before it was answered\""
rm "$T/user/end-udp"
has "... and a datagram that does" "$(ends udp --ask)" \
	"\"port\":5000,.*\"reason\":\"the guest ended before it was answered\""
said=$(ends raw --root --allow api.example)
is "a protocol that goes nowhere is noted once" "$(grep -c '"proto":"gre"' <<<"$said")" 1
has "... with its destination" "$said" "\"proto\":\"gre\",\"source\":\"10.0.2.100\",\"destination\":\"$OTHER\","
is "... and said once" "$(grep -c "refused: gre to $OTHER (" "$T/end.log")" 1
has "a datagram with a route of its own is noted" "$said" \
	'"proto":"udp",.*"reason":"its header says a route of its own"'

# --- the rest -----------------------------------------------------------------------

is "private addresses: --allow-private" "$(as_user "$M" run -q --allow private.example:80 --allow-private -- curl -sS -m 8 http://private.example/file 2>&1)" served
is "... or a prefix" "$(as_user "$M" run -q --allow private.example:80 --allow 10.99.0.0/24:80 -- curl -sS -m 8 http://private.example/file 2>&1)" served
is "a name of --hosts leads where it says" "$(as_user "$M" run -q --allow private.example:80 --hosts private.example=10.99.0.10 -- curl -sS -m 8 http://private.example/file 2>&1)" served
is "... for its own --allow alone" "$(as_user "$M" run -q --allow api.example:80 --hosts private.example=10.99.0.10 -- curl -sS -m 8 http://private.example/file 2>&1 | grep -c 'Failed to connect')" 1
is "the host's loopback stays closed to names" "$(as_user "$M" run -q --allow rebind.example:all --allow-private -- dig +short rebind.example A 2>&1 | grep -cE '^(127|0|255|224|10\.0\.2)')" 0
is "without --allow nothing is closed" "$(as_user "$M" run -q --audit "$T/user/open" -- curl -sS -m 8 http://$OTHER/file)" served
has "... and --audit notes it" "$(cat "$T/user/open")" '"event":"ended".*"destination":"198.51.100.11","port":80.*"verdict":"allowed".*"bytes_in":[1-9]'
has "a fault has its place" "$(as_user "$M" run --allow 'exa mple.com' -- true 2>&1)" '^     \^$'
has "--allow-private alone" "$(as_user "$M" run --allow-private -- true 2>&1)" 'goes with --allow'
has "a file that cannot be" "$(as_user "$M" run --audit /nonexistent/x -- true 2>&1)" '^minato: --audit: /nonexistent/x: No such file'
mkdir "$T/small"
mount -t tmpfs -o size=4k,mode=777 none "$T/small"
full() {
	as_user "$M" run --audit "$T/small/a" --allow api.example -- sh -c \
		'for i in $(seq 60); do getent hosts n$i.evil.example; done; curl -sS -m 8 http://api.example/file' >"$T/full.log" 2>&1
	matches "$(cat "$T/full.log")" '^minato: --audit: .*No space left' && matches "$(cat "$T/full.log")" '^served'
}
ok "a full disk costs lines, and no traffic" full
umount "$T/small"

# --- rules and names: one sequence, the first that matches decides -----------------------

kill "$GUEST"
wait "$GUEST" 2>/dev/null
cat >"$T/user/ordered" <<'X'
allow out tcp 80 to api.example log
block out to 198.51.100.0/24
allow out tcp 80 to alias.example
allow out tcp 80 to four.example
allow out tcp 2222 to 10.99.0.0/24
block out everything
X
run_guest o --audit "$T/user/audit-o" --rules "$T/user/ordered" --allow other.example:80 --allow private.example:80 -- sleep 900
said=$T/guest-o.log
g() { in_guest o -- "$@"; }
is "a name before a rule that shuts its address" "$(get -4 http://api.example/file)" served
has "... which is said" "$(cat "$said")" '^minato: rule: tcp .* port 80: allowed by line 1: allow out tcp 80 to api.example log$'
has "... and counted" "$(as_user "$M" rule list -n o)" '^line 1 +1 '
has "... and told by why" "$(as_user "$M" why -n o tcp guest to $GOOD:80)" \
	'^  rule +line 1: allow out tcp 80 to api.example log: the name api.example led there: passes$'
has "... its port alone" "$(get http://$GOOD:8080/)" 'Failed to connect'
ok "... which nobody else gets to" refused_at_once http://$OTHER/file
has "a name behind that rule" "$(get http://alias.example/file)" 'Failed to connect'
pinned four.example
has "... even at an address that one before it led to" "$(raw api.example 80 "GET /x2 HTTP/1.1${R}Host: four.example$R$R")" RESET
pinned other.example
has "--allow stands behind the rules" "$(get -4 http://other.example/file)" 'Failed to connect'
is "... where none of them matches it lets out" "$(get -6 http://other.example/file)" served
is "a rule about a prefix asks for no name" "$(raw $PEER4 2222 -end-)" word
ok "... and the end of the sequence shuts the rest" refused_at_once http://$PEER4/file
has "... which tells the user" "$(cat "$said")" "refused: curl -> $PEER4:80 "
is "no such request came anywhere" "$(grep -c '/x2' "$T/access.log")" 0
# A name that is said while it runs, at its place.
rule() { as_user "$M" rule "$@" 2>&1; }
ok "live: a name before that rule" rule add -n o allow out tcp 80 to other.example first
is "... is reached where it was shut" "$(get -4 http://other.example/file)" served
has "... its first bytes are looked at" "$(raw other.example 80 "GET /x3 HTTP/1.1${R}Host: four.example$R$R")" RESET
has "... its port alone" "$(get -4 http://other.example:8080/)" 'Failed to connect'
has "... which why tells" "$(as_user "$M" why -n o tcp guest to other.example:80)" '^  name +live: allow out tcp 80 to other.example: passes$'
has "... and what no rule lets out" "$(as_user "$M" why -n o tcp guest to evil.example:80)" '^refused: no --allow is about that name and port$'
ok "... taken out" rule rm -n o allow out tcp 80 to other.example
has "... it is shut again" "$(get -4 http://other.example/file)" 'Failed to connect'
ok "... and said again" rule add -n o allow out tcp 80 to other.example for 1h first
is "... it is open" "$(get -4 http://other.example/file)" served
kill -9 "$(as_user "$M" ps --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["guests"][0]["worker"])')"
open_again() { [ "$(get -4 http://other.example/file)" = served ]; }
ok "... for the next worker too" until_true 15 open_again
has "a name is not blocked" "$(rule add -n o block out to other.example)" 'allowed, not blocked'
has "nor are there programs beside names" "$(rule add -n o allow program curl out tcp 80)" 'do not go together'
kill "$GUEST"
wait "$GUEST" 2>/dev/null
is "the rule first: the name does not get there" "$(as_user "$M" run -q --rule "block out to $GOOD" --allow api.example:80 -- curl -4sS -m 8 http://api.example/file 2>&1 | grep -c 'Failed to connect')" 1
is "--allow, and 'block out everything' behind it" "$(as_user "$M" run -q --rule 'allow out tcp 8080' --rule 'block out everything' --allow api.example:80 -- sh -c "curl -4sS -m 8 http://api.example/file; curl -sS -m 8 http://$OTHER:8080/file; curl -sS -m 8 http://$OTHER/file" 2>&1 | tr '\n' ' ' | cut -d: -f1)" "served served curl"

# What shuts the rest may do so in silence, be logged and have a name.
cat >"$T/user/silent" <<'X'
allow out tcp 80 to api.example.
limit out tcp 80 to 198.51.100.10 to 1 per day
drop out everything log named shut
X
run_guest s --rules "$T/user/silent" -- sleep 900
said=$T/guest-s.log
g() { in_guest s -- "$@"; }
is "a name with a final dot in a rule is the same" "$(get -4 http://api.example/file)" served
pinned api.example
has "what a limit behind a name does not count, it does not let out" "$(raw api.example 80 "GET /x4 HTTP/1.1${R}Host: four.example$R$R")" RESET
is "what is dropped hears nothing" "$(g curl -sS -m 2 http://$OTHER/file 2>&1 | grep -c 'timed out')" 1
is "... by UDP" "$(g timeout 5 python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1); s.connect(("198.51.100.11", 5000))
try: s.send(b"x"); s.send(b"x"); s.recv(9)
except OSError as e: print(type(e).__name__)')" TimeoutError
is "... nor a ping" "$(g ping -c 1 -W 1 $OTHER 2>&1 | grep -ciE 'prohibit|filtered|unreach')" 0
has "... which is logged" "$(cat "$said")" "^minato: rule: tcp from .* to $OTHER port 80: dropped by line 3: drop out everything log named shut$"
has "... pings too" "$(cat "$said")" "^minato: rule: icmp type 8 from .* to $OTHER: dropped by line 3: "
has "... listed, and counted" "$(as_user "$M" rule list -n s)" '^line 3 +[1-9][0-9]* .*drop out everything log named shut$'
has "... told by why" "$(as_user "$M" why -n s tcp guest to $OTHER:80)" '^dropped by line 3: drop out everything log named shut: not allowed$'
has "... and stands" "$(as_user "$M" rule rm -n s drop out everything log named shut 2>&1)" 'stands as long as the guest'
kill "$GUEST"
wait "$GUEST" 2>/dev/null

# --- attach -----------------------------------------------------------------------

unshare --net --kill-child -- sleep 600 &
target=$!
STARTED+=("$target")
until_true 5 sh -c "[ \$(readlink /proc/$target/ns/net) != \$(readlink /proc/self/ns/net) ]"
if [ "$NET_REAL_ROOT" = 1 ]; then
	bg attach.log "$M" attach --name at --allow api.example:80 "$target"
	until_true 10 "$M" ps
	at() { nsenter --net=/proc/$target/ns/net "$@"; }
	until_true 5 at ip addr show tap0
	ok "attach: refused" fails at curl -sS -m 5 http://$OTHER/file
	at dig +short +time=3 @10.0.2.3 api.example A >/dev/null
	is "attach: by name" "$(at curl -sS -m 5 --resolve api.example:80:$GOOD http://api.example/file 2>&1)" served
	has "attach: another host" "$(at curl -sS -m 5 -H 'Host: evil.example' http://$GOOD/file 2>&1)" 'reset'
fi
finish
