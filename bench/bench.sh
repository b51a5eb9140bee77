#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# bench.sh - side by side figures for port layers (see README.md)
# usage: bench.sh [-o OUTDIR] [-r ROUNDS] [-s SETS] PEER...
#   SETS: comma list of: tput tputlo bidir wan rr crr udp v6 idle start prof (default: all but prof)
#   PATHS (environment): of the paths a peer has, those to measure (default: g2h g2p h2g p2g)
set -u
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
OUT=./bench-out ROUNDS=3 SETS=tput,tputlo,bidir,wan,rr,crr,udp,v6,idle,start
while getopts o:r:s: o; do
  case $o in o) OUT=$OPTARG ;; r) ROUNDS=$OPTARG ;; s) SETS=$OPTARG ;; *) exit 2 ;; esac
done
shift $((OPTIND - 1))
[[ $# -gt 0 ]] || { sed -n 3,5p "$0"; exit 2; }
[[ $EUID -eq 0 ]] || { echo "needs root (makes network namespaces); the tools under test run as BENCH_USER" >&2; exit 1; }

: "${BENCH_USER:=nobody}" "${LOCK:=/tmp/bench.lock}" "${CC_ALGO:=cubic}"
: "${PATHS:=g2h g2p h2g p2g}"
: "${TPUT8_LO:=yes}" "${DUR:=5}" "${DUR_LO:=3}" "${DUR_RR:=2}" "${DUR_UDP:=2}" "${DUR_SEARCH:=0.3}" "${DUR_WAN:=8}" "${WAN_MS:=50}" "${WAN_LOSS:=0.1}" "${WAN_PEERS:=kernel-veth-nft minato}" "${NIDLE:=10000}" "${NSTART:=3}"
NB=$HERE/nb
make -s -C "$HERE" all >/dev/null || exit 1
mkdir -p "$OUT"
RES=$OUT/results.tsv
TAG=mb$$
NS_HOST=$TAG-host NS_PEER=$TAG-peer NS_BEHIND=$TAG-behind
RUN=$(mktemp -d "${TMPDIR:-/tmp}/bench.XXXXXX")
chmod 755 "$RUN"
BENCH_UID=$(id -u "$BENCH_USER") BENCH_GID=$(id -g "$BENCH_USER")

# addresses of the test bed
HOST4=10.99.0.2 GW4=10.99.0.1 PEER4=10.99.0.10
HOST6=fd99::2 GW6=fd99::1 PEER6=fd99::10
FAR_HOST4=10.98.0.2 FAR_PEER4=10.98.0.10     # the ends of a long wire between host and peer
NEAR_GUEST4=10.97.0.1 NEAR_BEHIND4=10.97.0.9 # and of one between the guest and a machine behind it
# services: host and peer namespace at 60xx, guest at 70xx
P_OUT_IPERF=6001 P_OUT_NB=6002 P_IN_IPERF=7001 P_IN_NB=7002

declare -a PIDS=()          # what this script started and must end
GUEST_PID= GUEST_NS= TOOL_PID=

nsrun() { nsenter --net="$1" "${@:2}"; }
in_host() { nsrun "/run/netns/$NS_HOST" "$@"; }
in_peer() { nsrun "/run/netns/$NS_PEER" "$@"; }
in_guest() { nsrun "$GUEST_NS" "$@"; }
say() { echo "$*" >&2; }

# ---- cgroup for the tool: CPU time and memory of all its processes ----
CG_CPU= CG_MEM= CG_V2=
cg_up() {
  if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
    CG_V2=1 CG_CPU=/sys/fs/cgroup/$TAG CG_MEM=$CG_CPU
  else
    CG_CPU=/sys/fs/cgroup/cpuacct/$TAG CG_MEM=/sys/fs/cgroup/memory/$TAG
  fi
  mkdir -p "$CG_CPU" "$CG_MEM"
}
cg_down() { sleep 0.1; rmdir "$CG_CPU" 2>/dev/null; [[ "$CG_MEM" = "$CG_CPU" ]] || rmdir "$CG_MEM" 2>/dev/null; }
# user and system CPU microseconds of the tool
cg_cpu() {
  if [[ $CG_V2 ]]; then
    awk '/^user_usec/{u=$2} /^system_usec/{s=$2} END{print u, s}' "$CG_CPU/cpu.stat"
  else
    echo "$(($(<"$CG_CPU/cpuacct.usage_user") / 1000)) $(($(<"$CG_CPU/cpuacct.usage_sys") / 1000))"
  fi
}
# RSS and PSS kB summed over the tool's processes, number of processes
tool_rss() {
  local p
  for p in $(sort -u "$CG_CPU/cgroup.procs"); do
    awk '/^VmRSS/{r=$2} /^Pss:/{s=$2} END{print r+0, s+0}' "/proc/$p/status" "/proc/$p/smaps_rollup" 2>/dev/null
  done | awk '{r+=$1; s+=$2; n++} END{print r+0, s+0, n+0}'
}
# busy and stolen CPU of the whole machine, in 1/100 s
sys_cpu() { awk -v t="$("$NB" now)" -v n="$(nproc)" '/^cpu /{printf "%d %d\n", n*t/1e7-$5-$6, $9; exit}' /proc/stat; }

# ---- starting and ending ----
# bg NS LOG CMD...: as root, in the namespace
bg() {
  local ns=$1 log=$2
  shift 2
  ( exec nsenter --net="$ns" "$@" ) >"$RUN/$log" 2>&1 </dev/null &
  PIDS+=($!)
  BG_PID=$!
}
# tool_run CMD...: in the host namespace, as BENCH_USER, in the cgroup
tool_run() {
  (
    echo "$BASHPID" >"$CG_CPU/cgroup.procs"
    [[ "$CG_MEM" = "$CG_CPU" ]] || echo "$BASHPID" >"$CG_MEM/cgroup.procs"
    ulimit -n 1048576 2>/dev/null || ulimit -n "$(ulimit -Hn)"
    cd "$RUN/user" || exit 1
    exec nsenter --net="/run/netns/$NS_HOST" setpriv --reuid="$BENCH_UID" --regid="$BENCH_GID" --clear-groups \
      env HOME="$RUN/user" XDG_RUNTIME_DIR="$RUN/user" USER="$BENCH_USER" LOGNAME="$BENCH_USER" "$@"
  ) >"$RUN/tool.log" 2>&1 </dev/null &
  TOOL_PID=$!
  PIDS+=($!)
}
kill_all() {
  local p
  for p in "${PIDS[@]}"; do kill "$p" 2>/dev/null; done
  [[ -d $CG_CPU ]] && for p in $(<"$CG_CPU/cgroup.procs"); do kill "$p" 2>/dev/null; done
  sleep 0.2
  for p in "${PIDS[@]}"; do kill -9 "$p" 2>/dev/null; done
  [[ -d $CG_CPU ]] && for p in $(<"$CG_CPU/cgroup.procs"); do kill -9 "$p" 2>/dev/null; done
  for p in "${PIDS[@]}"; do wait "$p" 2>/dev/null; done
  PIDS=()
  GUEST_PID= TOOL_PID=
}

tune_ns() { # in the current net namespace
  echo "1024 65535" >/proc/sys/net/ipv4/ip_local_port_range
  echo 4096 >/proc/sys/net/core/somaxconn
  echo 8192 >/proc/sys/net/ipv4/tcp_max_syn_backlog
  echo 0 >/proc/sys/net/ipv4/tcp_syncookies
  echo "4096 131072 6291456" >/proc/sys/net/ipv4/tcp_rmem # the kernel's defaults: new namespaces inherit
  echo "4096 16384 4194304" >/proc/sys/net/ipv4/tcp_wmem   # these from the machine's own settings
  echo "$1" >/proc/sys/net/ipv4/tcp_congestion_control
}
export -f tune_ns
topo_up() {
  # other namespaces may only choose from the machine's list of allowed algorithms
  local allowed=/proc/sys/net/ipv4/tcp_allowed_congestion_control
  grep -qw "$CC_ALGO" $allowed || echo "$(<$allowed) $CC_ALGO" >$allowed
  ip netns add "$NS_HOST"
  ip netns add "$NS_PEER"
  local n
  for n in "$NS_HOST" "$NS_PEER"; do
    nsrun "/run/netns/$n" bash -c "tune_ns $CC_ALGO; ip link set lo up; echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad"
  done
  in_host ip link add h0 type veth peer name p0 netns "$NS_PEER"
  in_host bash -c "echo 0 >/proc/sys/net/ipv6/conf/h0/accept_dad; ip addr add $HOST4/24 dev h0; ip addr add $HOST6/64 dev h0 nodad; ip link set h0 up"
  in_peer bash -c "echo 0 >/proc/sys/net/ipv6/conf/p0/accept_dad; ip addr add $PEER4/24 dev p0; ip addr add $GW4/24 dev p0; ip addr add $GW6/64 dev p0 nodad; ip addr add $PEER6/64 dev p0 nodad; ip link set p0 up"
  in_host bash -c "ip route add default via $GW4; ip -6 route add default via $GW6"
  mkdir -p "$RUN/user"
  chown "$BENCH_UID:$BENCH_GID" "$RUN/user"
}
topo_down() {
  ip netns del "$NS_HOST" 2>/dev/null
  ip netns del "$NS_PEER" 2>/dev/null
  ip netns del "$NS_BEHIND" 2>/dev/null
}
cleanup() {
  declare -F p_stop >/dev/null && p_stop
  kill_all
  topo_down
  cg_down
  rm -rf "$RUN"
}
trap 'cleanup' EXIT
trap 'exit 130' INT TERM

# A guest: a process of BENCH_USER in its own user and network namespace.
guest_new() {
  ( exec nsenter --net="/run/netns/$NS_HOST" setpriv --reuid="$BENCH_UID" --regid="$BENCH_GID" --clear-groups \
      unshare -Urn sleep 3600 ) >/dev/null 2>&1 </dev/null &
  GUEST_PID=$!
  PIDS+=($!)
  GUEST_NS=/proc/$GUEST_PID/ns/net
  local i
  for i in {1..200}; do
    [[ "$(readlink "$GUEST_NS")" != "$(in_host readlink /proc/self/ns/net)" && "$(readlink "$GUEST_NS")" != "$(readlink /proc/self/ns/net)" ]] && break
    sleep 0.01
  done
  guest_tune
}
guest_tune() { in_guest bash -c "tune_ns $CC_ALGO; ip link set lo up; echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad"; }

# ---- measuring ----
emit() { printf '%s\t%s\t%s\t%s\t%s\n' "$ROUND" "$PEER" "$1" "$2" "$3" >>"$RES"; }
kv() { sed -n "s/.*\b$2=\([^ ]*\).*/\1/p" <<<"$1"; }
# timed CMD...: in the namespace of the path at hand (WHERE), under the lock; sets T_OUT, T_USR, T_SYS (tool, us), T_BUSY, T_STEAL (1/100 s)
timed() {
  local c0 c1 s0 s1 a b c d
  exec 9>"$LOCK"
  flock -w 300 9 || say "lock not got in 300 s"
  c0=$(cg_cpu) s0=$(sys_cpu)
  T_OUT=$(timeout 20 "${WHERE[@]}" "$@" 2>&1 9>&-)
  c1=$(cg_cpu) s1=$(sys_cpu)
  flock -u 9
  exec 9>&-
  read -r a b <<<"$c0"; read -r c d <<<"$c1"; T_USR=$((c - a)) T_SYS=$((d - b))
  read -r a b <<<"$s0"; read -r c d <<<"$s1"; T_BUSY=$((c - a)) T_STEAL=$((d - b))
}
# failed PATH NAME FIGURE...: a measurement that gave nothing has no figure, but is not silent either
failed() {
  local path=$1 name=$2 k
  shift 2
  say "  $PEER $path $name failed: $(tail -1 <<<"${T_OUT:-no answer in 20 s}")"
  for k in "$@"; do emit "$path" "$name.$k" fail; done
}
# tput PATH NAME DUR ADDR PORT iperf-args...
tput() {
  local path=$1 name=$2 dur=$3 addr=$4 port=$5 r
  shift 5
  timed iperf3 -c "$addr" -p "$port" -t "$dur" -f m "$@"
  r=$(awk '/receiver/ && (!sum || /SUM/) { if (/SUM/) sum=1; for (i=1;i<=NF;i++) if ($i=="Mbits/sec") v=$(i-1) } END{print v+0}' <<<"$T_OUT")
  if [[ "$r" = 0 ]]; then failed "$path" "$name" mbps; return; fi
  emit "$path" "$name.mbps" "$r"
  awk -v r="$r" -v d="$dur" -v u=$T_USR -v s=$T_SYS -v b=$T_BUSY 'BEGIN{g=r*d/8000; printf "%.4f %.4f %.4f %.3f\n", u/1e6/g, s/1e6/g, b/100/g, (u+s)/1e6/d}' |
    { read -r u s b c; emit "$path" "$name.tool_usr_s_per_GB" "$u"; emit "$path" "$name.tool_sys_s_per_GB" "$s"
      emit "$path" "$name.all_busy_s_per_GB" "$b"; emit "$path" "$name.tool_cpu" "$c"; }
}
# bidir PATH DUR ADDR PORT: one connection that is full in both directions; `out` leaves the client
bidir() {
  local path=$1 dur=$2 out in
  timed iperf3 -c "$3" -p "$4" -t "$dur" -f m --bidir
  read -r out in <<<"$(awk '/receiver/ { for (i = 1; i <= NF; i++) if ($i == "Mbits/sec") v[/TX-C/ ? 1 : 2] = $(i-1) }
    END { print v[1]+0, v[2]+0 }' <<<"$T_OUT")"
  if [[ "$out" = 0 && "$in" = 0 ]]; then failed "$path" bidir mbps; return; fi
  emit "$path" bidir.out_mbps "$out"; emit "$path" bidir.in_mbps "$in"
  awk -v a="$out" -v b="$in" 'BEGIN{ s=a+b; print s, (a < b ? a : b) / s }' |
    { read -r s l; emit "$path" bidir.mbps "$s"; emit "$path" bidir.lesser_share "$l"; }
}
# ---- a long wire: the same delay, and the same losses for each peer ----
wire_up() { # NETNS IF ADDR NETNS IF ADDR
  local i
  "$HERE/link" "$1" "$2" "$4" "$5" -d "$WAN_MS" -l "$WAN_LOSS" -s "$ROUND" >"$RUN/link.out" 2>&1 &
  WIRE_PID=$!
  PIDS+=($!)
  for i in {1..100}; do grep -q ready "$RUN/link.out" 2>/dev/null && break; sleep 0.02; done
  nsrun "$1" bash -c "ip addr add $3/24 dev $2; ip link set $2 up"
  nsrun "$4" bash -c "ip addr add $6/24 dev $5; ip link set $5 up"
}
# after the last FIN has gone, or the service would wait for it
wire_down() { sleep 1; kill "$WIRE_PID" 2>/dev/null; wait "$WIRE_PID" 2>/dev/null; }
# wan_far: the wire is between host and peer; wan_near: between the tool's guest and a machine behind it
measure_wan() {
  WHERE=(nsenter --net="$GUEST_NS")
  wire_up "/run/netns/$NS_HOST" f0 $FAR_HOST4 "/run/netns/$NS_PEER" f1 $FAR_PEER4
  tput wan_far tcp8 "$DUR_WAN" $FAR_PEER4 $P_OUT_IPERF -P 8
  tput wan_far tcp8R "$DUR_WAN" $FAR_PEER4 $P_OUT_IPERF -P 8 -R
  wire_down
  ip netns add "$NS_BEHIND"
  nsrun "/run/netns/$NS_BEHIND" bash -c "tune_ns $CC_ALGO; ip link set lo up"
  wire_up "$GUEST_NS" n1 $NEAR_GUEST4 "/run/netns/$NS_BEHIND" n0 $NEAR_BEHIND4
  in_guest bash -c "echo 1 >/proc/sys/net/ipv4/ip_forward"
  nsrun "/run/netns/$NS_BEHIND" ip route add default via $NEAR_GUEST4
  WHERE=(nsenter --net="/run/netns/$NS_BEHIND")
  tput wan_near tcp8 "$DUR_WAN" "$A_g2p" $P_OUT_IPERF -P 8
  tput wan_near tcp8R "$DUR_WAN" "$A_g2p" $P_OUT_IPERF -P 8 -R
  wire_down
  ip netns del "$NS_BEHIND"
}
# lat PATH NAME nb-args...
lat() {
  local path=$1 name=$2 k
  shift 2
  timed "$NB" "$@"
  if [[ "$T_OUT" != *rate=* ]]; then failed "$path" "$name" rate p50 p99; return; fi
  [[ "$T_OUT" != *first_error=* ]] || say "  $PEER $path $name: $(kv "$T_OUT" errors) failed, first $(kv "$T_OUT" first_error)"
  for k in rate p50 p99 errors; do emit "$path" "$name.$k" "$(kv "$T_OUT" $k)"; done
  awk -v n="$(kv "$T_OUT" n)" -v t=$((T_USR + T_SYS)) 'BEGIN{if (n>0) printf "%.2f\n", t/n}' | { read -r x; emit "$path" "$name.tool_us_per_op" "${x:-0}"; }
}
udp() {
  local path=$1 name=$2 k
  shift 2
  timed "$NB" "$@"
  if [[ "$T_OUT" != *pps=* ]]; then failed "$path" "$name" pps; return; fi
  for k in pps mbps loss; do emit "$path" "$name.$k" "$(kv "$T_OUT" $k)"; done
}
has() { [[ ",$SETS," == *",$1,"* ]]; }

# paths: who sends, address, port offset
#   g2h guest -> service on the host's loopback     g2p guest -> service in the peer namespace
#   h2g host's loopback -> forwarded -> guest       p2g peer namespace -> host's port -> guest
path_vars() {
  case $1 in
    g2h) N=$GUEST_NS A=$A_g2h PI=$P_OUT_IPERF PN=$P_OUT_NB ;;
    g2p) N=$GUEST_NS A=$A_g2p PI=$P_OUT_IPERF PN=$P_OUT_NB ;;
    h2g) N=/run/netns/$NS_HOST A=$A_h2g PI=$((P_IN_IPERF + IN_OFF)) PN=$((P_IN_NB + IN_OFF)) ;;
    p2g) N=/run/netns/$NS_PEER A=$A_p2g PI=$((P_IN_IPERF + IN_OFF)) PN=$((P_IN_NB + IN_OFF)) ;;
  esac
  WHERE=(nsenter --net="$N")
}
measure_path() {
  local path=$1 d
  path_vars "$path"
  case $path in g2p | p2g) d=$DUR ;; *) d=$DUR_LO ;; esac
  if { has tput && [[ $path = g2p || $path = p2g ]]; } || { has tputlo && [[ $path = g2h || $path = h2g ]]; }; then
    tput "$path" tcp1 "$d" "$A" $PI -P 1
    tput "$path" tcp1R "$d" "$A" $PI -P 1 -R
    if [[ $path = g2p || $path = p2g || $TPUT8_LO = yes ]]; then
      tput "$path" tcp8 "$d" "$A" $PI -P 8
      tput "$path" tcp8R "$d" "$A" $PI -P 8 -R
    fi
  fi
  has bidir && [[ $path = g2p || $path = p2g ]] && bidir "$path" "$d" "$A" $PI
  has rr && lat "$path" rr1 rr -a "$A" -p $PN -t "$DUR_RR"
  if has crr; then
    lat "$path" crr1 crr -a "$A" -p $PN -c 1 -t "$DUR_RR"
    lat "$path" crr16 crr -a "$A" -p $PN -c 16 -t "$DUR_RR"
  fi
  if has v6 && [[ $path = g2p && ${A_g2p6:-} ]]; then
    tput g2p6 tcp1 "$DUR_LO" "$A_g2p6" $P_OUT_IPERF -P 1
    tput g2p6 tcp1R "$DUR_LO" "$A_g2p6" $P_OUT_IPERF -P 1 -R
  fi
  if has udp && [[ $P_UDP = yes && ( $path = g2p || $path = p2g ) ]]; then
    lat "$path" udprr udprr -a "$A" -p $PN -t "$DUR_RR"
    udp "$path" udp64max udp -a "$A" -p $PN -s 64 -t "$DUR_UDP"
    udp "$path" udp1400max udp -a "$A" -p $PN -s 1400 -t "$DUR_UDP"
    udp "$path" udp64 udpsearch -a "$A" -p $PN -s 64 -t "$DUR_SEARCH"
    udp "$path" udp1400 udpsearch -a "$A" -p $PN -s 1400 -t "$DUR_SEARCH"
    [[ $path = g2p ]] || return
    udp "$path" udp64R udpsearch -a "$A" -p $PN -s 64 -t "$DUR_SEARCH" -R
    udp "$path" udp1400R udpsearch -a "$A" -p $PN -s 1400 -t "$DUR_SEARCH" -R
  fi
}
measure_idle() {
  local path=$1 i r0 p0 n0 r1 p1 n1 m0 m1 up k0 k1 f c0 c1 n=${P_NIDLE:-$NIDLE}
  path_vars "$path"
  # what the first connections of a tool make it touch is no part of each
  "${WHERE[@]}" "$NB" idle -a "$A" -p $PN -n 50 -t 0.1 -T 5 >/dev/null 2>&1
  sleep 0.2
  read -r r0 p0 n0 <<<"$(tool_rss)"
  m0=$(cat "$CG_MEM/memory.usage_in_bytes" "$CG_MEM/memory.current" 2>/dev/null | head -1)
  : >"$RUN/idle.out"
  exec 9>"$LOCK"; flock 9
  ( ulimit -n 200000; exec "${WHERE[@]}" "$NB" idle -a "$A" -p $PN -n "$n" -t 60 -T 30 ) >"$RUN/idle.out" 2>&1 9>&- &
  PIDS+=($!)
  local ip=$!
  for i in {1..350}; do grep -q -e ready -e error "$RUN/idle.out" && break; sleep 0.1; done
  f=$(<"$RUN/idle.out") up=$(kv "$f" up)
  sleep 0.3
  c0=$(cg_cpu); sleep 1; c1=$(cg_cpu)
  read -r r1 p1 n1 <<<"$(tool_rss)"
  m1=$(cat "$CG_MEM/memory.usage_in_bytes" "$CG_MEM/memory.current" 2>/dev/null | head -1)
  flock -u 9; exec 9>&-
  lat "$path" idle_rr1 rr -a "$A" -p $PN -t 1
  kill $ip 2>/dev/null; wait $ip 2>/dev/null
  emit "$path" idle.up "${up:-0}"
  emit "$path" idle.setup_s "$(kv "$f" secs)"
  if [[ ${up:-0} -gt 0 ]]; then
    emit "$path" idle.rss_B_per_conn $(((r1 - r0) * 1024 / up))
    emit "$path" idle.pss_B_per_conn $(((p1 - p0) * 1024 / up))
    [[ $m0 ]] && emit "$path" idle.cgmem_B_per_conn $(((m1 - m0) / up))
    emit "$path" idle.rss_MB "$(awk -v r=$r1 'BEGIN{printf "%.1f", r/1024}')"
    awk -v a="$c0" -v b="$c1" 'BEGIN{split(a,x);split(b,y);printf "%.3f\n",(y[1]+y[2]-x[1]-x[2])/1e6}' | { read -r x; emit "$path" idle.tool_cpu "$x"; }
  fi
  sleep 1
}
# What the tool does during a transfer: system calls per MB, their mix, where its CPU time goes.
measure_prof() {
  local path=$1 dir pids f r n ip
  path_vars "$path"
  for dir in "" -R; do
    f=$OUT/prof-$PEER-$path${dir:+$dir}.txt
    exec 9>"$LOCK"; flock -w 300 9
    ( exec timeout 20 "${WHERE[@]}" iperf3 -c "$A" -p "$PI" -t 5 -i 1 -f m -P ${PROF_STREAMS:-1} $dir ) >"$RUN/prof.out" 2>&1 9>&- &
    ip=$!
    sleep 1
    pids=$(sort -u "$CG_CPU/cgroup.procs" | paste -sd, -)
    { echo "# $PEER $path ${dir:-up}"
      perf stat -x ' ' -e raw_syscalls:sys_enter,context-switches,task-clock -p "$pids" sleep 1 2>&1 9>&-
      perf record -q -F 999 -g -o "$RUN/perf.data" -p "$pids" sleep 1 >/dev/null 2>&1 9>&-
      timeout -s INT 1 strace -c -f -o "$RUN/strace.out" $(for n in ${pids//,/ }; do echo "-p $n"; done) >/dev/null 2>&1 9>&-
      head -14 "$RUN/strace.out"
      perf report -i "$RUN/perf.data" --no-children -g none --stdio 2>/dev/null | grep -v '^#' | grep -v '^$' | head -25
    } >"$f" 2>&1
    wait $ip
    flock -u 9; exec 9>&-
    cat "$RUN/prof.out" >>"$f"
    r=$(awk -v sum="${PROF_STREAMS:-1}" '/ 1.00-2.00 / && (sum == 1 || /SUM/) { for (i=1;i<=NF;i++) if ($i=="Mbits/sec") v=$(i-1) } END{print v+0}' "$RUN/prof.out")
    n=$(awk '/raw_syscalls/{print $1}' "$f")
    awk -v r="$r" -v n="${n:-0}" 'BEGIN{ if (r > 0) printf "%.1f\n", n / (r / 8) }' | { read -r x; emit "$path" "prof${dir:+R}.syscalls_per_MB" "${x:-0}"; }
  done
}
services_up() {
  bg "/run/netns/$NS_HOST" s1 iperf3 -s -p $P_OUT_IPERF
  bg "/run/netns/$NS_HOST" s2 "$NB" serve -p $P_OUT_NB
  bg "/run/netns/$NS_PEER" s3 iperf3 -s -p $P_OUT_IPERF
  bg "/run/netns/$NS_PEER" s4 "$NB" serve -p $P_OUT_NB
}
guest_services_up() {
  bg "$GUEST_NS" s5 iperf3 -s -p $P_IN_IPERF
  bg "$GUEST_NS" s6 "$NB" serve -p $P_IN_NB
}
load_peer() {
  unset -f p_start p_stop p_guest p_first
  P_KIND=guest P_PATHS="g2h g2p h2g p2g" P_UDP=yes P_NIDLE= P_IDLE_PATHS="p2g g2p" P_START_PATH=g2p IN_OFF=0 P_START_ONLY=
  A_g2h= A_g2p=$PEER4 A_g2p6=$PEER6 A_h2g=127.0.0.1 A_p2g=$HOST4
  # shellcheck disable=SC1090
  source "$HERE/peers/$1.sh" || exit 1
  local p wanted=
  for p in $P_PATHS; do [[ " $PATHS " != *" $p "* ]] || wanted+="$p "; done
  P_PATHS=${wanted% }
}
make_guest() {
  if declare -F p_guest >/dev/null; then p_guest
  elif [[ $P_KIND = guest ]]; then guest_new
  else GUEST_NS=/run/netns/$NS_HOST; fi
}
wait_path() { local path=$1; path_vars "$path"; T_FIRST=$("${WHERE[@]}" "$NB" first -a "$A" -p $PN -T 10 -0 "$2"); }
one_peer() {
  PEER=$1
  local p t0 r
  load_peer "$PEER"
  cg_up
  topo_up
  ulimit -n 200000 2>/dev/null || ulimit -n "$(ulimit -Hn)"
  services_up
  make_guest
  [[ $P_KIND = selfguest ]] || guest_services_up
  sleep 0.2
  t0=$("$NB" now)
  p_start
  wait_path "${P_PATHS%% *}" "$t0"
  if [[ "$T_FIRST" != ms=* ]]; then
    say "$PEER did not come up: $T_FIRST"; sed 's/^/    /' "$RUN/tool.log" >&2; emit - up fail
  else
    sleep 0.5
    read -r r p n <<<"$(tool_rss)"
    emit start rss_kB "$r"; emit start pss_kB "$p"; emit start procs "$n"
    for p in $P_PATHS; do say "[$ROUND] $PEER $p"; measure_path "$p"; done
    if has wan && [[ " $WAN_PEERS " == *" $PEER "* ]]; then say "[$ROUND] $PEER wan"; measure_wan; fi
    if has prof; then for p in $P_PATHS; do [[ $p = h2g ]] || measure_prof "$p"; done; fi
    if has idle; then for p in $P_IDLE_PATHS; do [[ " $P_PATHS " == *" $p "* ]] && measure_idle "$p"; done; fi
    cp "$RUN/tool.log" "$OUT/$PEER.log" 2>/dev/null
  fi
  declare -F p_stop >/dev/null && p_stop
  kill_all
  topo_down
  cg_down
}
# Start-up: command start to first answered byte on one path, fresh guest each time.
start_peer() {
  PEER=$1
  local i t0
  load_peer "$PEER"
  cg_up
  for ((i = 0; i < NSTART; i++)); do
    topo_up
    services_up
    if [[ $P_KIND != selfguest ]]; then make_guest; guest_services_up; fi
    sleep 0.2
    cp "$NB" "$RUN/nb" && chmod 755 "$RUN/nb"
    exec 9>"$LOCK"; flock 9
    if declare -F p_first >/dev/null; then
      path_vars "$P_START_PATH"
      p_first 9>&-
    else
      t0=$("$NB" now)
      [[ $P_KIND = selfguest ]] && make_guest
      p_start 9>&-
      wait_path "$P_START_PATH" "$t0" 9>&-
    fi
    flock -u 9; exec 9>&-
    emit start "first_byte_ms.$P_START_PATH" "$(kv "$T_FIRST" ms)"
    declare -F p_stop >/dev/null && p_stop
    kill_all
    topo_down
  done
  cg_down
}

for ((ROUND = 1; ROUND <= ROUNDS; ROUND++)); do
  for p in "$@"; do
    load_peer "$p"
    if [[ "$SETS" != start && ! $P_START_ONLY ]]; then one_peer "$p"; fi
    has start && start_peer "$p"
  done
done
say "results: $RES; summary: $HERE/summary.sh $RES"
