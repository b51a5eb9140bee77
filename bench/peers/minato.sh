# minato run, which makes the guest itself. MINATO: the program; MINATO_OPTS: further options of run.
# The start figure therefore holds the making of the guest, which pasta and slirp4netns find ready made:
# there the command in the guest is the one that asks for the first byte.
P_KIND=selfguest
A_g2h=10.0.2.2   # with --host-loopback the gateway's address leads to the host's loopback
# The account that runs it may not be able to read the clone
cp "${MINATO:-$HERE/../build/minato}" "$RUN/minato" && chmod 755 "$RUN/minato" || exit 1
minato_run() {
  # shellcheck disable=SC2086
  tool_run "$RUN/minato" run --name "bench$$" --host-loopback -p "$P_IN_IPERF,$P_IN_NB/both" ${MINATO_OPTS:-} -- "$@"
}
p_first() {
  minato_run "$RUN/nb" first -a "$A" -p $PN -T 10 -0 "$("$NB" now)"
  wait "$TOOL_PID"
  T_FIRST=$(<"$RUN/tool.log")
}
p_guest() {
  local i p
  minato_run sleep 3600
  GUEST_PID=
  for i in {1..1000}; do
    for p in $(<"$CG_CPU/cgroup.procs"); do
      [[ "$(cat "/proc/$p/comm" 2>/dev/null)" = sleep ]] && GUEST_PID=$p
    done
    [[ $GUEST_PID ]] && break
    kill -0 "$TOOL_PID" 2>/dev/null || break
    sleep 0.002
  done
  if [[ ! $GUEST_PID ]]; then
    say "minato made no guest:"; sed 's/^/    /' "$RUN/tool.log" >&2
    exit 1
  fi
  GUEST_NS=/proc/$GUEST_PID/ns/net
  # the guest's own program is not the tool
  echo "$GUEST_PID" >"$CG_CPU/../cgroup.procs"
  [[ "$CG_MEM" = "$CG_CPU" ]] || echo "$GUEST_PID" >"$CG_MEM/../cgroup.procs"
  guest_tune
  guest_services_up
}
p_start() { :; }
