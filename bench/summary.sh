#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# summary.sh RESULTS.tsv... : medians with (min-max) as Markdown; one table per path and metric group.
# Base peers for the ratio columns: BASE1 (default kernel-veth-nft), BASE2 (default pasta).
set -u
: "${BASE1:=kernel-veth-nft}" "${BASE2:=pasta}"
cat "$@" | awk -F'\t' -v b1="$BASE1" -v b2="$BASE2" '
function num(x) { return x == "fail" || x == "" ? 0 : x + 0 }
function fmt(x) { return x >= 1000 ? sprintf("%.0f", x) : x >= 10 ? sprintf("%.1f", x) : sprintf("%.2f", x) }
{ k = $3 SUBSEP $4 SUBSEP $2; if (!(k in n)) { if (!(($3 SUBSEP $4) in seen)) { seen[$3 SUBSEP $4] = 1; order[++no] = $3 SUBSEP $4 }
  if (!($2 in ps)) { ps[$2] = 1; porder[++np] = $2 } }
  v[k, ++n[k]] = num($5) }
function med(k,   i, j, t, a, c) { c = n[k]; for (i = 1; i <= c; i++) a[i] = v[k, i]
  for (i = 2; i <= c; i++) for (j = i; j > 1 && a[j-1] > a[j]; j--) { t = a[j]; a[j] = a[j-1]; a[j-1] = t }
  lo = a[1]; hi = a[c]; return c % 2 ? a[(c+1)/2] : (a[c/2] + a[c/2+1]) / 2 }
END {
  for (i = 1; i <= no; i++) {
    split(order[i], o, SUBSEP)
    printf "\n%s %s\n\n| peer | median | min-max | x %s | x %s | n |\n|---|---|---|---|---|---|\n", o[1], o[2], b1, b2
    m1 = (order[i] SUBSEP b1) in n ? med(order[i] SUBSEP b1) : 0
    m2 = (order[i] SUBSEP b2) in n ? med(order[i] SUBSEP b2) : 0
    for (p = 1; p <= np; p++) { k = order[i] SUBSEP porder[p]; if (!(k in n)) continue
      m = med(k); printf "| %s | %s | %s-%s | %s | %s | %d |\n", porder[p], fmt(m), fmt(lo), fmt(hi), m1 ? sprintf("%.2f", m/m1) : "-", m2 ? sprintf("%.2f", m/m2) : "-", n[k] }
  } }'
