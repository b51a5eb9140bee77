#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# --capture: what tshark, which we did not write, makes of it.
. "$(dirname "$0")/lib.bash"
world_up
export HOME=$T # tshark's preferences are not ours
file=$T/user/cap.pcapng
run() { as_user "$M" run -q "$@"; }
code() { "$@" >/dev/null 2>&1; echo $?; }
dissect() { tshark -n -r "$file" "$@" 2>&1 | grep -v '^Running as user "root"'; }
checked=(-o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE)

# Not at random: a dissector may take that for anything.
seq 1000000 | head -c 3000000 >"$T/www/data"
chmod 644 "$T/www/data"
bg server.log in_peer socat TCP-LISTEN:47000,fork,reuseaddr OPEN:"$T/www/data",rdonly
bg sink.log in_peer socat -u TCP-LISTEN:47001,fork,reuseaddr OPEN:/dev/null
bg echo.log in_peer socat UDP-LISTEN:47002,fork EXEC:cat
until_true 5 listening 47000 peer
until_true 5 listening 47001 peer

cat >"$T/fetch.sh" <<X
socat -u TCP:$PEER4:47000 - | sha256sum
socat -u OPEN:$T/www/data,rdonly TCP:$PEER4:47001
echo hello | socat -t 1 - UDP:$PEER4:47002
ping -c 2 -i 0.2 10.0.2.2
ping -c 1 fd00::2
X
text=$(run --capture "$file" -- sh "$T/fetch.sh")
sum=$(sha256sum <"$T/www/data")
has "the guest's own view" "$text" "$sum"
is "mode 0600" "$(stat -c %a "$file")" 600
is "tshark reads it without complaint" "$(dissect -q)" ""
is "nothing is malformed" "$(dissect -Y '_ws.malformed || _ws.expert.severity == "Error"')" ""
is "no checksum is wrong" \
	"$(dissect "${checked[@]}" -Y 'ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 || icmp.checksum.status == 0 || icmpv6.checksum.status == 0' | wc -l)" 0
ok "and they were looked at" test "$(dissect "${checked[@]}" -Y 'tcp.checksum.status == 1' | wc -l)" -gt 20
is "the echo requests and replies" "$(dissect -Y 'icmp && ip.addr == 10.0.2.2' | wc -l)" 4
is "IPv6 too" "$(dissect -Y 'icmpv6.type == 128 || icmpv6.type == 129' | wc -l)" 2
is "the datagram and its echo" "$(dissect -Y 'udp.port == 47002 && data' | wc -l)" 2
is "what the guest sends is outbound" \
	"$(dissect -Y 'ip.src == 10.0.2.100' -T fields -e frame.packet_flags_direction | sort -u)" 0x00000002
is "what it gets is inbound" \
	"$(dissect -Y 'ip.dst == 10.0.2.100' -T fields -e frame.packet_flags_direction | sort -u)" 0x00000001
ok "super-segments are whole" test "$(dissect -Y 'frame.len > 9000' | wc -l)" -gt 5
# The first conversation is the download: its server's side is the data.
is "a download reassembles to what was sent" \
	"$(dissect -q -z follow,tcp,raw,0 | sed -n 's/^\t//p' | xxd -r -p | sha256sum)" "$sum"
is "an upload too" \
	"$(dissect -q -z follow,tcp,raw,1 | sed -n 's/^\([0-9a-f]*\)$/\1/p' | xxd -r -p | sha256sum)" "$sum"
has "times have nanoseconds" "$(capinfos "$file" 2>&1)" "nanoseconds \(9\)"
has "interface and number of packets" "$(capinfos "$file" 2>&1)" "Name = tap0"
packets=$(dissect | wc -l)
has "the statistics agree" "$(capinfos "$file" 2>&1)" "Number of packets = $packets"
is "times go forward" "$(dissect -T fields -e frame.time_epoch | sort -c -n 2>&1)" ""

# Bounds.
text=$(as_user "$M" run --capture "$file" --capture-size 100k -- sh -c "socat -u TCP:$PEER4:47000 - | sha256sum" 2>&1)
is "the size is said, once" "$(printf '%s\n' "$text" | grep -c 'has its 100k bytes')" 1
has "and the guest goes on" "$text" "$sum"
ok "the file is no larger" test "$(stat -c %s "$file")" -le 102400
ok "and can be read" tshark -n -r "$file" -q
run --capture "$file" --capture-snap 54 -- sh -c "socat -u TCP:$PEER4:47000 - >$T/user/out"
is "--capture-snap" "$(dissect -T fields -e frame.cap_len | sort -n | tail -n 1)" 54
if [ "$NET_REAL_ROOT" = 1 ]; then
	mkdir "$T/small"
	mount -t tmpfs -o size=64k,mode=777 none "$T/small"
	text=$(as_user "$M" run -q --capture "$T/small/cap" -- sh -c "socat -u TCP:$PEER4:47000 - | sha256sum" 2>&1)
	is "a full disk is said, once" "$(printf '%s\n' "$text" | grep -c 'No space left')" 1
	has "and the guest goes on" "$text" "$sum"
	umount "$T/small"
fi
cat >"$T/limit.sh" <<X
ulimit -f 20
exec "$M" run -q --capture "$file" -- sh -c 'socat -u TCP:$PEER4:47000 - | sha256sum'
X
has "so does it beyond ulimit -f" "$(as_user bash "$T/limit.sh" 2>&1)" "$sum"

# A worker that dies leaves the file whole, and the next goes on in it.
bg killed.log as_user "$M" run --name hit --capture "$file" -- sh -c \
	'ping -c 1 10.0.2.2; echo up; while [ ! -e '"$T"'/user/go ]; do sleep 0.1; done; ping -c 1 -W 5 10.0.2.2; echo end'
guest=$BG
until_true 10 grep -q up "$T/killed.log"
sleep 0.5
# As if it had been in the middle of a block of 4,000 bytes.
{ printf '\006\0\0\0\240\017\0\0'; head -c 2000 /dev/zero; } >>"$file"
keeper=$(as_user "$M" ps --json | python3 -c 'import json, sys
g = json.load(sys.stdin)["guests"][0]; print(g["pid"], g["init"])')
for child in $(cat "/proc/${keeper% *}/task/${keeper% *}/children"); do
	[ "$child" = "${keeper#* }" ] || kill -9 "$child"
done
touch "$T/user/go"
wait "$guest"
is "a block that was cut is gone" "$(dissect -q)" ""
is "the capture goes on with the next worker" "$(dissect -Y 'icmp.type == 0' | wc -l)" 2

# A FIFO, live.
mkfifo -m 666 "$T/user/fifo"
chmod 755 "$T/user"
chmod 666 "$T/user/fifo"
timeout 60 tshark -n -l -r "$T/user/fifo" -Y icmp >"$T/live.log" 2>"$T/live.err" &
reader=$!
until_true 20 run --capture "$T/user/fifo" -- ping -c 2 -i 0.2 10.0.2.2
wait "$reader"
is "a FIFO that is read" "$(wc -l <"$T/live.log")" 4

# Refusals.
ln -s cap.pcapng "$T/user/link"
has "a symbolic link is refused" "$(run --capture "$T/user/link" -- true 2>&1)" "symbolic link"
is "with exit code 125" "$(code run --capture "$T/user/link" -- true)" 125
has "standard output is refused" "$(run --capture - -- true 2>&1)" "standard output is the command's"
has "a directory that is not there" "$(run --capture /no/such/file -- true 2>&1)" "/no/such/file"
has "a size that is none" "$(run --capture "$file" --capture-size 1x -- true 2>&1)" "capture-size 1x"
has "a size of no capture" "$(run --capture-size 1M -- true 2>&1)" "capture-size goes with --capture"
is "a snap of no capture: 2" "$(code run --capture-snap 96 -- true)" 2
is "a size that is none: 2" "$(code run --capture "$file" --capture-size 1x -- true)" 2
finish
