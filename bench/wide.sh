#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# wide.sh PATH "metric metric ..." RESULTS.tsv... : one row per peer, one column per metric.
# Cells: median (min-max), and with RATIO="peer peer ..." the ratios of medians to those peers. A
# measurement that failed counts as 0; where all did, the cell says so.
set -u
path=$1 metrics=$2
shift 2
cat "$@" | awk -F'\t' -v path="$path" -v ms="$metrics" -v base="${RATIO:-}" '
function fmt(x) { return x >= 1000 ? sprintf("%.0f", x) : x >= 10 ? sprintf("%.1f", x) : sprintf("%.2f", x) }
$3 == path { k = $4 SUBSEP $2; if (!($2 in ps)) { ps[$2] = 1; po[++np] = $2 } if ($5 == "fail") bad[k]++; v[k, ++n[k]] = $5 == "fail" ? 0 : $5 + 0 }
function med(k,   i, j, t, a, c) { c = n[k]; for (i = 1; i <= c; i++) a[i] = v[k, i]
  for (i = 2; i <= c; i++) for (j = i; j > 1 && a[j-1] > a[j]; j--) { t = a[j]; a[j] = a[j-1]; a[j-1] = t }
  lo = a[1]; hi = a[c]; return c % 2 ? a[(c+1)/2] : (a[c/2] + a[c/2+1]) / 2 }
END { nm = split(ms, m, " "); h = "| peer |"; r = "|---|"
  for (i = 1; i <= nm; i++) { h = h " " m[i] " |"; r = r "---|" }
  print h; print r
  for (p = 1; p <= np; p++) { l = "| " po[p] " |"
    for (i = 1; i <= nm; i++) { k = m[i] SUBSEP po[p]
      if (!(k in n)) { l = l " - |"; continue }
      x = med(k); if (x == 0 && hi == 0 && bad[k]) { l = l " failed |"; continue }
      c = fmt(x); if (n[k] > 1) c = c " (" fmt(lo) "-" fmt(hi) ")"
      nb = split(base, bs, " "); r = ""
      for (j = 1; j <= nb; j++) { y = ((m[i] SUBSEP bs[j]) in n) ? med(m[i] SUBSEP bs[j]) : 0
        r = r (j > 1 ? "/" : " x") (y ? sprintf("%.2f", x / y) : "-") }
      c = c r
      l = l " " c " |" }
    print l } }'
