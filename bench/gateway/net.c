/* SPDX-License-Identifier: BSD-2-Clause */
/* minato and nftables in turn between the same namespaces, and what comes of it. */
#include "bench.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS_MAX 64
#define SESSIONS 200000u

enum measure { PPS, TCP, P50, P99, PPS_IN, TCP_IN, SETUP, FILL, MEASURES };

static const struct {
	const char *name, *unit;
} told[MEASURES] = {
	{ "pps64", "packets/s" },  { "tcp_gbps", "Gbit/s" },	      { "rtt_p50", "us" },
	{ "rtt_p99", "us" },	   { "pps64_dnat", "packets/s" },     { "tcp_dnat_gbps", "Gbit/s" },
	{ "setup", "sessions/s" }, { "setup_success_9999", "share" },
};
static const char *const peers[PEERS] = { "nft", "minato" };

static double results[PEERS][MEASURES][ROUNDS_MAX];
static int counts[PEERS][MEASURES];

static void keep(enum peer peer, enum measure measure, double value)
{
	results[peer][measure][counts[peer][measure]++] = value;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* -1: nothing was measured. */
static double median(enum peer peer, enum measure measure)
{
	double *of = results[peer][measure];
	const int count = counts[peer][measure];

	if (count == 0)
		return -1;
	qsort(of, (size_t)count, sizeof(of[0]), compare);
	return count % 2 ? of[count / 2] : (of[count / 2 - 1] + of[count / 2]) / 2;
}

static double mean(enum peer peer, enum measure measure)
{
	double total = 0;

	for (int i = 0; i < counts[peer][measure]; i++)
		total += results[peer][measure][i];
	return counts[peer][measure] ? total / counts[peer][measure] : -1;
}

/* Whether the word is in what the environment has for this name, or that is nothing. */
static bool asked(const char *name, const char *part)
{
	const char *only = getenv(name);

	return !only || !*only || strstr(only, part);
}

/* One field for each kind of pool, so that none finds what another left. */
static bool run_part(enum peer peer, int pool, bool forwards,
		     void (*part)(enum peer, const struct field *))
{
	struct field field;
	bool ran = field_lay(&field) && field_start(&field, peer, pool, forwards);

	if (ran)
		part(peer, &field);
	field_clear(&field);
	return ran;
}

static void flows(enum peer peer, const struct field *field)
{
	double p50, p99;

	if (asked("BENCH_PARTS", "pps")) {
		keep(peer, PPS, load_pps(field, false));
		keep(peer, PPS_IN, load_pps(field, true));
	}
	if (asked("BENCH_PARTS", "tcp")) {
		keep(peer, TCP, load_tcp(field, false));
		keep(peer, TCP_IN, load_tcp(field, true));
	}
	if (asked("BENCH_PARTS", "rtt") && load_rtt(field, &p50, &p99)) {
		keep(peer, P50, p50);
		keep(peer, P99, p99);
	}
}

static void setup(enum peer peer, const struct field *field)
{
	keep(peer, SETUP, load_setup(field, SESSIONS));
}

static void fill(enum peer peer, const struct field *field)
{
	const double share = load_fill(field);

	if (share < 0)
		say("%s did not come to 99.99 %% of its ports", peers[peer]);
	keep(peer, FILL, share < 0 ? 0 : share);
}

static bool run_round(enum peer peer)
{
	return ((!asked("BENCH_PARTS", "pps") && !asked("BENCH_PARTS", "tcp") &&
		 !asked("BENCH_PARTS", "rtt")) ||
		run_part(peer, 1, true, flows)) &&
	       (!asked("BENCH_PARTS", "setup") || run_part(peer, FIELD_POOL_MAX, false, setup)) &&
	       (!asked("BENCH_PARTS", "fill") || run_part(peer, 1, false, fill));
}

static void ratio(const char *name, enum measure measure)
{
	const double ours = median(MINATO, measure), theirs = median(NFT, measure);

	if (ours >= 0 && theirs > 0)
		figure(name, ours / theirs, "ratio");
}

static void report(void)
{
	for (int m = 0; m < MEASURES; m++) {
		for (int p = PEERS - 1; p >= 0; p--) {
			char name[64];

			snprintf(name, sizeof(name), "%s_%s", told[m].name, peers[p]);
			if (m != FILL && counts[p][m] > 0)
				figure(name, median((enum peer)p, (enum measure)m), told[m].unit);
		}
	}
	ratio("pps64_vs_nft", PPS);
	ratio("tcp_gbps_vs_nft", TCP);
	ratio("added_p99_vs_nft", P99);
	ratio("pps64_dnat_vs_nft", PPS_IN);
	ratio("tcp_dnat_gbps_vs_nft", TCP_IN);
	ratio("setup_vs_nft", SETUP);
	if (counts[MINATO][FILL] > 0)
		figure("setup_success_9999_minato", mean(MINATO, FILL), "share");
	if (counts[NFT][FILL] > 0)
		figure("setup_success_9999_nft", mean(NFT, FILL), "share");
}

int bench_net(void)
{
	const long rounds = chosen("BENCH_ROUNDS", 5);

	if (geteuid() != 0) {
		say("net: needs root, to make network namespaces");
		return -1;
	}
	say("net: who sends is on processor 0, who receives on 1, minato on %s; nftables runs on "
	    "that of who sends. %ld rounds in turn, medians; 64 bytes of payload; TCP: %s; %s",
	    getenv("BENCH_CORE") ? getenv("BENCH_CORE") : "either", rounds,
	    field_control(),
	    "setup: 200,000 sessions of 196 hosts, 8 public addresses");
	for (long i = 0; i < rounds && i < ROUNDS_MAX; i++) {
		for (int p = 0; p < PEERS; p++) {
			const enum peer peer = (enum peer)((p + i) % PEERS);

			if (asked("BENCH_PEERS", peers[peer]) && !run_round(peer))
				return -1;
		}
	}
	report();
	return 0;
}
