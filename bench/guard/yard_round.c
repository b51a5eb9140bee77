/* SPDX-License-Identifier: BSD-2-Clause */
/* Rounds of attacks, each held against what clients get before and after it without one. */
#include "yard.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define KINDS_MAX 16
#define ROUNDS_MAX 101

static const char *const suffix[YARD_PEERS] = { "", "_linux" };

struct yard_round {
	struct yard_share share[KINDS_MAX];
	double memory_mb; /* of whoever is measured, afterwards; 0: not known */
};

static double ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

static struct yard_share share_of(const struct yard_result *r, const struct yard_result *idle)
{
	return (struct yard_share){
		.goodput = ratio(r->bytes, idle->bytes),
		.connect = ratio(r->connect_us, idle->connect_us),
		.served = r->asked > 0 ? 1 - r->failed / r->asked : 0,
		.newcomer_connect = ratio(r->newcomer_us, idle->newcomer_us),
		.newcomer_served = r->newcomers > 0 ? 1 - r->refused / r->newcomers : 0,
		.mpps = r->mpps,
	};
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of the field that is so far in each of them; the least and the most, where they are wanted. */
static double middle_of(const struct yard_share *all, size_t rounds, size_t field, double span[2])
{
	double values[ROUNDS_MAX];

	for (size_t i = 0; i < rounds; i++)
		memcpy(&values[i], (const char *)&all[i] + field, sizeof(values[i]));
	qsort(values, rounds, sizeof(values[0]), by_value);
	if (span) {
		span[0] = values[0];
		span[1] = values[rounds - 1];
	}
	return rounds % 2 ? values[rounds / 2] : (values[rounds / 2 - 1] + values[rounds / 2]) / 2;
}

static void tell(const struct yard_plan *plan, enum yard_peer peer, int kind,
		 const struct yard_share *all, size_t rounds)
{
#define MIDDLE(field) middle_of(all, rounds, offsetof(struct yard_share, field), NULL)
	const struct yard_share share = {
		.goodput = MIDDLE(goodput),
		.connect = MIDDLE(connect),
		.served = MIDDLE(served),
		.newcomer_connect = MIDDLE(newcomer_connect),
		.newcomer_served = MIDDLE(newcomer_served),
		.mpps = MIDDLE(mpps),
	};
	double span[2];

	plan->tell(suffix[peer], kind, &share);
	(void)middle_of(all, rounds, offsetof(struct yard_share, goodput), span);
	if (rounds > 1)
		say("%zu rounds, goodput %.2f to %.2f", rounds, span[0], span[1]);
}

static bool wanted(const struct yard_plan *plan, int kind)
{
	return !plan->asked || plan->asked(kind);
}

/* What clients get without an attack; false where that is nothing. */
static bool rest(const struct yard *yard, double span, struct yard_result *idle)
{
	const struct yard_plan *plan = yard->plan;

	*idle = yard_run(yard, 0, span);
	if (idle->bytes > 0)
		return true;
	say("%s%s: no client was served", plan->name, suffix[yard->peer]);
	return false;
}

static void tell_rest(const struct yard *yard, double span, const struct yard_result *idle)
{
	const struct yard_plan *plan = yard->plan;

	say("%s%s without an attack: %.0f MB/s, %.0f us to connect, newcomers %.0f us", plan->name,
	    suffix[yard->peer], idle->bytes / span / 1e6, idle->connect_us,
	    plan->strangers ? idle->newcomer_us : 0);
}

/*
 * An attack, held against what was without it just before and is just after: machines have slow
 * phases of seconds. A kernel's table may be full by then of what the attack has left.
 */
static void one_attack(const struct yard *yard, int kind, double span, struct yard_result *idle,
		       struct yard_share *out)
{
	const struct yard_result attacked = yard_run(yard, kind, span);
	struct yard_result after;

	if (!rest(yard, span, &after))
		after = *idle;
	idle->bytes = (idle->bytes + after.bytes) / 2;
	idle->connect_us = (idle->connect_us + after.connect_us) / 2;
	idle->newcomer_us = (idle->newcomer_us + after.newcomer_us) / 2;
	*out = share_of(&attacked, idle);
	*idle = after;
}

/*
 * Nothing of a round is left in the next one: what was tracked, or learned. In a round there is, so
 * each begins with another attack.
 */
static bool one_round(const struct yard_plan *plan, enum yard_peer peer, double span, int first,
		      struct yard_round *out)
{
	struct yard_result idle;
	struct yard yard;
	bool well = yard_lay(&yard, plan, peer);

	if (well && yard.middle > 0)
		yard_put_first(yard.middle);
	if (well)
		yard_run(&yard, 0, 0.3); /* neighbours, windows */
	well = well && rest(&yard, span, &idle);
	if (well)
		tell_rest(&yard, span, &idle);
	for (int i = 0; well && i < plan->kinds - 1; i++) {
		const int kind = 1 + (first + i) % (plan->kinds - 1);

		if (wanted(plan, kind))
			one_attack(&yard, kind, span, &idle, &out->share[kind]);
	}
	/* Of a kernel that hands packets on nobody says what it holds. */
	if (yard.middle > 0)
		out->memory_mb = yard_memory_mb(yard.middle);
	else if (!(plan->places & 1u << YARD_MIDDLE))
		out->memory_mb = yard_memory_mb(yard.server);
	yard_clear(&yard);
	return well;
}

static bool measure(const struct yard_plan *plan, enum yard_peer peer, double span)
{
	static struct yard_round round;
	static struct yard_share share[KINDS_MAX][ROUNDS_MAX];
	const long asked = chosen("BENCH_ROUNDS", 3);
	const size_t rounds = asked < 1 ? 1 : asked > ROUNDS_MAX ? ROUNDS_MAX : (size_t)asked;
	char name[64];

	round.memory_mb = 0;
	for (size_t i = 0; i < rounds; i++) {
		if (!one_round(plan, peer, span, (int)i * 3, &round))
			return false;
		for (int kind = 1; kind < plan->kinds; kind++)
			share[kind][i] = round.share[kind];
	}
	for (int kind = 1; kind < plan->kinds; kind++)
		if (wanted(plan, kind))
			tell(plan, peer, kind, share[kind], rounds);
	snprintf(name, sizeof(name), "%s_memory_mb%s", plan->name, suffix[peer]);
	if (round.memory_mb > 0)
		figure(name, round.memory_mb, "MB");
	return true;
}

static bool measure_all(const struct yard_plan *plan, double span)
{
	bool well = true;

	for (int peer = 0; peer < YARD_PEERS; peer++)
		well = measure(plan, (enum yard_peer)peer, span) && well;
	return well;
}

int yard_measure(const struct yard_plan *plan, double span)
{
	int status = -1;
	pid_t child;

	if (geteuid() != 0) {
		say("what is between namespaces needs root");
		return -1;
	}
	child = fork();
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		(void)setsid();
		yard_put_first(getpid());
		_exit(measure_all(plan, span) ? 0 : 1);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 0 : -1;
}
