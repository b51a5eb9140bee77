#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# minato run --ask: what nothing lets out, the user is asked about on another terminal. The user is
# played by ask.py.
. "$(dirname "$0")/lib.bash"
world_up
here=$(dirname "$0")

for n in 10 11 13 14; do in_peer ip addr add 198.51.100.$n/32 dev lo; done
cp "$here/names_dns.py" "$T/dns.py"
cp "$here"/{ask,ptyplay}.py "$T"
chmod a+r "$T"/*.py
bg dns.log in_peer python3 "$T/dns.py" $PEER4 "$T/questions"
until_true 5 grep -q up "$T/questions"
resolver_is $PEER4
echo served >"$T/www/file"
cat >"$T/nginx.conf" <<X
daemon off; master_process off; pid $T/nginx.pid; error_log $T/nginx.err;
user root;
events { worker_connections 512; }
http { access_log off; client_body_temp_path $T/body;
server { listen 80; listen 8080; root $T/www; } }
X
chmod -R a+rX "$T/www"
bg nginx.log in_peer nginx -e "$T/nginx.err" -c "$T/nginx.conf"
until_true 5 listening 80 peer
cat >"$T/word.py" <<'X'
import socket, threading
def serve(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("198.51.100.10", port))
    while True:
        data, peer = s.recvfrom(2000)
        s.sendto(b"word", peer)
for port in (5000, 5001):
    threading.Thread(target=serve, args=(port,), daemon=True).start()
print("up", flush=True)
threading.Event().wait()
X
chmod a+r "$T/word.py"
bg word.log in_peer python3 "$T/word.py"
until_true 5 grep -q up "$T/word.log"
cp "$(command -v curl)" "$T/curl2"
chmod 755 "$T/curl2"

run_guest g --ask --audit "$T/user/audit" --allow alias.example:80 -- sleep 900
run_guest h --audit "$T/user/audit-h" --allow alias.example:80 -- sleep 900
run_guest p --audit "$T/user/audit-p" --rule 'allow program curl out tcp 80' \
	--rule 'allow program /usr/bin/env out udp 5000' --rule 'block out everything' -- sleep 900
cd "$T" || exit 1
as_user python3 "$T/ask.py" "$M" "$T/guest-g.log" "$T/curl2" "$T/user/audit" $PEER4
