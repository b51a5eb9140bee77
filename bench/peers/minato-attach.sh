# minato attach to the same ready-made guest that pasta and slirp4netns get, so that the start figures are
# of the same work. Only those are measured: all that moves traffic is as with peers/minato.sh.
# MINATO: the program; MINATO_OPTS: further options of run and attach.
A_g2h=10.0.2.2   # with --host-loopback the gateway's address leads to the host's loopback
P_START_ONLY=yes
# The account that runs it may not be able to read the clone
cp "${MINATO:-$HERE/../build/minato}" "$RUN/minato" && chmod 755 "$RUN/minato" || exit 1
p_start() {
  # shellcheck disable=SC2086
  tool_run "$RUN/minato" attach -q --name "bench$$" --host-loopback -p "$P_IN_IPERF,$P_IN_NB/both" ${MINATO_OPTS:-} \
    "$GUEST_PID"
}
