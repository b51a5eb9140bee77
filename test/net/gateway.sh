#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The classic picture: one public address; web server A has its port 80, mail server B its port 25,
# a dmz host gets the rest, and nothing else can be reached.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/libgateway.bash"
gateway_world

{
	gateway_links
	cat <<'X'
forward tcp http to 10.0.0.2     # A
forward tcp smtp to 10.0.0.3     # B
dmz 10.0.0.9
test tcp from 203.0.113.9:40000 to 198.51.100.1:http reaches 10.0.0.2:http
test tcp from 203.0.113.9:40000 to 198.51.100.1:smtp reaches 10.0.0.3:smtp
test tcp from 203.0.113.9:40000 to 198.51.100.1:8443 reaches 10.0.0.9:8443
X
} >"$T/gateway.conf"
ok "the configuration is right" ask gateway --check "$T/gateway.conf"
gateway_up || { ok "the gateway runs" false; finish; }

serves web 80 "web A"
serves web 8080 "hidden"
serves mail 25 "mail B"
serves mail 80 "hidden"
serves dmz 8443 "dmz"
serves dmz 80 "hidden"
serves desk 80 "hidden"
serves far 80 "far"
OUT=198.51.100.1

# --- from outside ---------------------------------------------------------------

is "port 80 is server A's" "$(gets far http://$OUT/)" "web A"
is "port 25 is server B's" "$(within far python3 -c "
import socket
s = socket.create_connection(('$OUT', 25), 5)
s.sendall(b'GET / HTTP/1.0\r\n\r\n')
text = b''
while True:
    some = s.recv(4096)
    if not some:
        break
    text += some
print(text.decode().split('\r\n\r\n')[1])")" "mail B"
is "the dmz host gets the rest" "$(gets far http://$OUT:8443/)" "dmz"
is "nobody listens there: refused, by the dmz host" "$(gets far http://$OUT:8444/)" "curl 7"
# Each connection is at the server as it was sent: by its source address.
has "the source address is kept" "$(cat "$T/nginx-web-80.access")" '^203\.0\.113\.9 '
has "also at the dmz host" "$(cat "$T/nginx-dmz-8443.access")" '^203\.0\.113\.9 '
is "no inside address is reached by itself" "$(gets far http://10.0.0.2/ --max-time 2 | grep -c curl)" 1
within wan ip route add 10.0.0.0/24 via $OUT
is "nor by a route to it" "$(gets far http://10.0.0.7/ --max-time 2 | grep -c curl)" 1
within wan ip route del 10.0.0.0/24

# --- from inside ----------------------------------------------------------------

is "outward: a connection" "$(gets desk http://203.0.113.9/)" "far"
has "it comes from the public address" "$(tail -n 1 "$T/nginx-far-80.access")" "^198\.51\.100\.1 "
ok "ping" within desk ping -c 2 -W 2 -i 0.2 203.0.113.9
is "hairpin: A by the public address, from inside" "$(gets desk http://$OUT/)" "web A"
is "hairpin: from A itself" "$(gets web http://$OUT/)" "web A"
has "hairpin: with the public address as its source" "$(tail -n 2 "$T/nginx-web-80.access")" '^198\.51\.100\.1 '
ok "the gateway answers pings from inside" within desk ping -c 1 -W 2 10.0.0.1
ok "and from outside" within far ping -c 1 -W 2 $OUT

# --- traceroute -----------------------------------------------------------------

if has_tools traceroute; then
	hops=$(within desk traceroute -n -w 2 -q 1 203.0.113.9)
	has "traceroute: the gateway is the first hop" "$hops" '^ 1 +10\.0\.0\.1 '
	has "traceroute: the router behind it the second" "$hops" '^ 2 +198\.51\.100\.254 '
	has "traceroute: and it arrives" "$hops" '^ 3 +203\.0\.113\.9 '
	hops=$(within desk traceroute -n -w 2 -q 1 -I 203.0.113.9)
	has "traceroute by echo arrives" "$hops" '^ 3 +203\.0\.113\.9 '
else
	skip "traceroute" "traceroute is not installed"
fi

# --- DNS ------------------------------------------------------------------------

if has_tools dnsmasq dig; then
	within_bg far dns.log dnsmasq -d -u root -p 53 --no-resolv --no-hosts --listen-address=203.0.113.9 \
		--bind-interfaces --address=/example.test/192.0.2.7
	until_true 5 ns_hears far 53
	is "DNS by UDP" "$(within desk dig +short +time=2 @203.0.113.9 example.test)" 192.0.2.7
	is "DNS by TCP" "$(within desk dig +short +tcp +time=2 @203.0.113.9 example.test)" 192.0.2.7
	is "DNS from another host at once" "$(within web dig +short +time=2 @203.0.113.9 example.test)" 192.0.2.7
else
	skip "DNS" "$MISSING is not installed"
fi

# --- ICMP errors ----------------------------------------------------------------

cat >"$T/unreachable.py" <<'X'
import errno, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(3)
s.connect((sys.argv[1], int(sys.argv[2])))
s.send(b"x")
try:
    s.recv(10)
except OSError as e:
    print(errno.errorcode.get(e.errno, "silence"))
X
is "a closed port far away is told to who asked" "$(within desk python3 "$T/unreachable.py" 203.0.113.9 9)" ECONNREFUSED
within wan ip link set br0 mtu 1300
big=$(within desk ping -c 2 -i 0.2 -W 2 -M do -s 1400 203.0.113.9 2>&1)
has "a path that is narrower is said, with its size" "$big" '(Frag needed|[Mm]essage too long).*1300'
ok "what fits passes" within desk ping -c 2 -i 0.2 -W 2 -M do -s 1200 203.0.113.9
within wan ip link set br0 mtu 1500
within desk ip route flush cache
ok "packets in fragments pass" within desk ping -c 2 -i 0.2 -W 2 -s 4000 203.0.113.9

# --- IPv6: routed, with a guard in front ------------------------------------------

is "IPv6 outward" "$(gets desk 'http://[2001:db8:f::9]/')" "far"
has "as itself: not translated" "$(tail -n 1 "$T/nginx-far-80.access")" '^2001:db8:a::7 '
ok "IPv6 ping" within desk ping -6 -c 1 -W 2 2001:db8:f::9
is "IPv6 inward is closed" "$(gets far 'http://[2001:db8:a::2]/' --max-time 2 | grep -c curl)" 1
ok "an opening is made" ask forward add tcp http to 2001:db8:a::2
is "IPv6 inward where it was opened" "$(gets far 'http://[2001:db8:a::2]/')" "web A"
has "as itself there" "$(tail -n 1 "$T/nginx-web-80.access")" '^2001:db8:f::9 '
is "and only there" "$(gets far 'http://[2001:db8:a::3]/' --max-time 2 | grep -c curl)" 1

# --- large transfers, both ways ---------------------------------------------------

if has_tools iperf3; then
	within_bg far iperf.log iperf3 -s
	until_true 5 ns_listens far 5201
	ok "iperf3 outward" within desk iperf3 -c 203.0.113.9 -t 1
	# The server is not ready for the next at once.
	ok "iperf3 inward" until_true 10 within desk iperf3 -c 203.0.113.9 -t 1 -R
	ok "iperf3 by UDP" until_true 10 within desk iperf3 -c 203.0.113.9 -t 1 -u -b 50M
else
	skip "iperf3" "it is not installed"
fi

# --- FTP, passive ------------------------------------------------------------------

if has_tools vsftpd curl; then
	mkdir -p "$T/ftp/empty"
	head -c 100000 /dev/urandom >"$T/ftp/file"
	chmod 755 "$T/ftp"
	cat >"$T/vsftpd.conf" <<X
listen=YES
anonymous_enable=YES
no_anon_password=YES
anon_root=$T/ftp
secure_chroot_dir=$T/ftp/empty
run_as_launching_user=YES
seccomp_sandbox=NO
background=NO
X
	within_bg far ftp.log vsftpd "$T/vsftpd.conf"
	until_true 5 ns_listens far 21
	within desk curl -s --max-time 10 ftp://203.0.113.9/file -o "$T/got"
	ok "FTP in passive mode" cmp "$T/ftp/file" "$T/got"
else
	skip "FTP" "$MISSING is not installed"
fi

# --- what is seen -------------------------------------------------------------------

has "ss shows mappings" "$(ask ss -aHn --in gateway)" 'mapping'
has "ss shows sessions, from inside" "$(ask ss -an --in gateway)" '10\.0\.0\.2:80 +203\.0\.113\.9:[0-9]+ +session'
has "nat list mappings" "$(ask nat list mappings)" '^udp .*10\.0\.0\.7:.* 198\.51\.100\.1:'
has "nat list sessions" "$(ask nat list sessions)" '^tcp +forward .*203\.0\.113\.9:'
has "ps names it" "$(ask ps)" '^gateway '
has "ps: where its forwards lead" "$(ask ps)" '198\.51\.100\.1:80->10\.0\.0\.2:80/tcp, 198\.51\.100\.1:25->10\.0\.0\.3:25/tcp'
if has_tools jq; then
	is "nat list: every number is one that a double holds" \
		"$( (ask nat list sessions --json; ask nat list mappings --json; ask forward list --json) |
			jq -n '[inputs | .. | numbers | fabs | select(. > 9007199254740991)] | length')" 0
else
	skip "nat list: every number is one that a double holds" "$MISSING is not installed"
fi
within far python3 -c '
import socket, struct
# A SYN by hand: the answer to it meets nobody, and is reset. So of an address that is not there.
def sum16(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
source, to = socket.inet_aton("203.0.113.77"), socket.inet_aton("198.51.100.1")
head = struct.pack("!HHIIBBHHH", 7777, 80, 1, 0, 5 << 4, 2, 1024, 0, 0)
check = sum16(source + to + struct.pack("!BBH", 0, 6, len(head)) + head)
head = head[:16] + struct.pack("!H", check) + head[18:]
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 1, 0, 64, 6, 0, source, to)
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
raw.sendto(ip + head, ("198.51.100.1", 0))
'
half() { ask nat list sessions | grep -q '^tcp *forward *half-open *203\.0\.113\.77:7777 '; }
ok "nat list sessions: a call whose caller has not answered is half-open" until_true 5 half
has "forward list" "$(ask forward list)" '^line [0-9]+ +[1-9][0-9]* - +forward tcp 80 to 10\.0\.0\.2'

ask forward add tcp,udp 900-903 to 10.0.0.3:1900
ask forward add tcp 700-709, 715 all to 10.0.0.3:7777 from 203.0.113.0/24
ask forward add tcp 810 to 10.0.0.2:8080, 10.0.0.3:8080 drain
ask forward add tcp 830-831 to unix:/run/x.sock proxy v2
ask dmz 10.0.0.9
said=$(ask ss -lnH --in gateway)
has "ss: a range of both protocols is two rows, for tcp" "$said" '^tcp +LISTEN .* 0\.0\.0\.0:900-903 +10\.0\.0\.3:1900-1903 +published'
has "and for udp" "$said" '^udp +UNCONN .* 0\.0\.0\.0:900-903 +10\.0\.0\.3:1900-1903 +published'
has "many to one lead to one port" "$said" ' 0\.0\.0\.0:700-709 +10\.0\.0\.3:7777 +published +gateway +from:203\.0\.113\.0/24'
has "each of them" "$said" ' 0\.0\.0\.0:715 +10\.0\.0\.3:7777 +published'
has "of several servers each is a row" "$said" ' 0\.0\.0\.0:810 +10\.0\.0\.2:8080 +published +gateway *$'
has "which says who drains" "$said" ' 0\.0\.0\.0:810 +10\.0\.0\.3:8080 +published +gateway +drains'
has "a UNIX socket" "$said" ' 0\.0\.0\.0:830-831 .* published +gateway +to:unix:/run/x\.sock proxy:v2'
has "the dmz host" "$said" ' LISTEN .* 0\.0\.0\.0:\* +10\.0\.0\.9:\* +dmz'
has "what is opened of IPv6 leads to itself" "$said" '\[2001:db8:a::2\]:80 +\[2001:db8:a::2\]:80 +published'
is "a filter by server" "$(ask ss -lnH --in gateway dst 10.0.0.3:7777 | grep -c published)" 2
has "its JSON" "$(ask ss -ln --json --in gateway | tr -d ' \n')" '"from":\{"address":"203\.0\.113\.0","port":null,"prefix":24\}'
ok "it stops" gateway_down
is "with 0" "$(grep -c 'AddressSanitizer\|runtime error' "$T/gateway.log")" 0
finish
