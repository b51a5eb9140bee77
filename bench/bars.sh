#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# bars.sh RESULTS.tsv : what minato is measured by, bar for bar, from the medians of one run.
# bars.sh -l RESULTS.tsv : the same as lines "name value unit", for programs.
#
# A ratio is to the kernel's own path of the same run (kernel-veth-nft), unless it says otherwise.
# Where pasta is the measure, its ratios to the kernel are those of January 2025; beside them stand
# the figures of the pasta that was measured in this run (Debian's may be older).
set -u
lines=0
[[ ${1:-} = -l ]] && { lines=1; shift; }
[[ $# -gt 0 ]] || { sed -n 3,4p "$0"; exit 2; }
cat "$@" | awk -F'\t' -v lines=$lines '
{ k = $2 SUBSEP $3 SUBSEP $4; v[k, ++n[k]] = $5 == "fail" ? 0 : $5 + 0 }
function med(peer, path, metric,   k, c, i, j, t, a) {
  k = peer SUBSEP path SUBSEP metric; c = n[k]
  for (i = 1; i <= c; i++) a[i] = v[k, i]
  for (i = 2; i <= c; i++) for (j = i; j > 1 && a[j-1] > a[j]; j--) { t = a[j]; a[j] = a[j-1]; a[j-1] = t }
  return c == 0 ? "" : c % 2 ? a[(c+1)/2] : (a[c/2] + a[c/2+1]) / 2
}
function sig(x) { return x == "" ? "-" : x >= 1000 ? sprintf("%.0f", x) : x >= 10 ? sprintf("%.1f", x) : sprintf("%.2f", x) }
function over(a, b) { return a == "" || b == "" || b == 0 ? "" : a / b }
# sense: ">" at least, "<" at most. base: whose median the figure is divided by; "": none
function row(name, text, path, metric, base, sense, bar, goal, unit, value, kernel, pasta,   ok, told) {
  if (value == "") return
  ok = sense == ">" ? value >= bar : value <= bar
  told = ok ? "yes" : "no"
  if (ok && goal != "" && (sense == ">" ? value >= goal : value <= goal)) told = "goal"
  if (lines) { printf "%s %.4g %s\n", name, value, unit; return }
  printf "| %s | %s %s%s | %s | %s | %s | %s |\n", text, sense == ">" ? "at least" : "at most", bar,
    goal == "" ? "" : ", goal " goal, sig(value), told, kernel, pasta
}
function ratio(name, text, path, metric, base, sense, bar, goal,   x) {
  x = med("minato", path, metric)
  row(name, text, path, metric, base, sense, bar, goal, "ratio", over(x, med(base, path, metric)),
    sig(med("kernel-veth-nft", path, metric)), sig(med("pasta", path, metric)))
}
function plain(name, text, path, metric, sense, bar, unit, scale) {
  row(name, text, path, metric, "", sense, bar, "", unit, over(med("minato", path, metric), scale), "-",
    sig(over(med("pasta", path, metric), scale)))
}
function cpu_of(peer, path, test,   u, s) {
  u = med(peer, path, test ".tool_usr_s_per_GB"); s = med(peer, path, test ".tool_sys_s_per_GB")
  return u == "" || s == "" ? "" : u + s
}
function cpu(name, text, path, test) {
  row(name, text, path, test, "", "<", 0.39, "", "s_per_GB", cpu_of("minato", path, test), "-", sig(cpu_of("pasta", path, test)))
}
function both(name, text, path,   solo, a) {
  solo = med("minato", path, "tcp1.mbps"); a = med("minato", path, "tcp1R.mbps")
  if (a > solo) solo = a
  row(name, text ", sum to the better solo", path, "", "", ">", 0.6, "", "ratio", over(med("minato", path, "bidir.mbps"), solo), "-", "-")
  plain(name "_lesser", text ", lesser share", path, "bidir.lesser_share", ">", 0.25, "share", 1)
}
END {
  K = "kernel-veth-nft"; P = "pasta"
  if (!lines) { print "| bar | asked | figure | reached | kernel | pasta here |"; print "|---|---|---|---|---|---|" }
  ratio("tcp1_out", "TCP, one stream, guest to outside", "g2p", "tcp1.mbps", K, ">", 0.6, 0.9)
  ratio("tcp1_in", "TCP, one stream, outside to guest", "g2p", "tcp1R.mbps", K, ">", 0.6, 0.9)
  ratio("tcp1_published_in", "TCP, one stream, published in", "p2g", "tcp1.mbps", K, ">", 0.6, 0.9)
  ratio("tcp1_published_back", "TCP, one stream, published back", "p2g", "tcp1R.mbps", K, ">", 0.6, 0.9)
  ratio("tcp1_v6_out", "TCP, one stream, IPv6, guest to outside", "g2p6", "tcp1.mbps", K, ">", 0.6, 0.9)
  ratio("tcp1_v6_in", "TCP, one stream, IPv6, outside to guest", "g2p6", "tcp1R.mbps", K, ">", 0.6, 0.9)
  ratio("tcp8_out", "TCP, eight streams, guest to outside", "g2p", "tcp8.mbps", K, ">", 0.5, 0.7)
  ratio("tcp8_in", "TCP, eight streams, outside to guest", "g2p", "tcp8R.mbps", K, ">", 0.5, 0.7)
  ratio("tcp8_published_in", "TCP, eight streams, published in", "p2g", "tcp8.mbps", K, ">", 0.5, 0.7)
  ratio("tcp8_published_back", "TCP, eight streams, published back", "p2g", "tcp8R.mbps", K, ">", 0.5, 0.7)
  both("bidir_out", "TCP both ways, from the guest", "g2p")
  both("bidir_published", "TCP both ways, published", "p2g")
  ratio("wan_far_out", "TCP, 100 ms and 0.1 % loss beyond the host, out", "wan_far", "tcp8.mbps", K, ">", 0.9, "")
  ratio("wan_far_in", "TCP, 100 ms and 0.1 % loss beyond the host, in", "wan_far", "tcp8R.mbps", K, ">", 0.9, "")
  ratio("wan_near_out", "TCP, 100 ms and 0.1 % loss behind the guest, out", "wan_near", "tcp8.mbps", K, ">", 0.9, "")
  ratio("wan_near_in", "TCP, 100 ms and 0.1 % loss behind the guest, in", "wan_near", "tcp8R.mbps", K, ">", 0.9, "")
  cpu("cpu_out", "CPU of the tool, out, s per 10^9 bytes", "g2p", "tcp1")
  cpu("cpu_in", "CPU of the tool, in, s per 10^9 bytes", "g2p", "tcp1R")
  cpu("cpu_published_in", "CPU of the tool, published in, s per 10^9 bytes", "p2g", "tcp1")
  cpu("cpu_published_back", "CPU of the tool, published back, s per 10^9 bytes", "p2g", "tcp1R")
  split("g2p p2g", paths, " "); split("out published", names, " "); split("from the guest:published", texts, ":")
  for (i = 1; i <= 2; i++) {
    p = paths[i]; a = names[i]; t = texts[i]
    ratio("rr_p50_" a, "request-response, p50, us, " t, p, "rr1.p50", K, "<", 1.36, 1.16)
    ratio("rr_p99_" a, "request-response, p99, us, " t, p, "rr1.p99", K, "<", 1.3, "")
    ratio("crr_" a, "connect-request-close, /s, " t, p, "crr1.rate", K, ">", 0.6, 0.9)
    ratio("crr16_" a, "connect-request-close, 16 at a time, /s, " t, p, "crr16.rate", K, ">", 0.7, 1.05)
  }
  ratio("udp64_out", "UDP, 64 bytes, at most 1 % lost, out, /s", "g2p", "udp64.pps", K, ">", 0.9, "")
  ratio("udp1400_out", "UDP, 1400 bytes, at most 1 % lost, out, /s", "g2p", "udp1400.pps", K, ">", 0.9, "")
  ratio("udp64_published", "UDP, 64 bytes, at most 1 % lost, published in, /s", "p2g", "udp64.pps", K, ">", 0.75, "")
  ratio("udp1400_published", "UDP, 1400 bytes, published in, /s, to pasta", "p2g", "udp1400.pps", P, ">", 1.3, "")
  ratio("flood64_out", "UDP flood, 64 bytes, out, received /s, to pasta", "g2p", "udp64max.pps", P, ">", 2, "")
  ratio("flood1400_out", "UDP flood, 1400 bytes, out, received /s, to pasta", "g2p", "udp1400max.pps", P, ">", 2, "")
  ratio("flood64_published", "UDP flood, 64 bytes, published in, received /s, to pasta", "p2g", "udp64max.pps", P, ">", 2, "")
  ratio("flood1400_published", "UDP flood, 1400 bytes, published in, received /s, to pasta", "p2g", "udp1400max.pps", P, ">", 2, "")
  ratio("start", "start to first byte, guest made by it, ms", "start", "first_byte_ms.g2p", K, "<", 1, "")
  attach = med("minato-attach", "start", "first_byte_ms.g2p")
  row("start_attach", "start to first byte, guest ready-made, ms", "", "", "", "<", 1, "", "ratio",
    over(attach, med(P, "start", "first_byte_ms.g2p")), sig(med(K, "start", "first_byte_ms.g2p")),
    sig(med(P, "start", "first_byte_ms.g2p")))
  plain("pss_idle", "PSS of all processes, idle, MB", "start", "pss_kB", "<", 8, "MB", 1000)
  plain("idle_out", "bytes of ours per idle connection, from the guest", "g2p", "idle.pss_B_per_conn", "<", 512, "B", 1)
  plain("idle_published", "bytes of ours per idle connection, published", "p2g", "idle.pss_B_per_conn", "<", 512, "B", 1)
}'
