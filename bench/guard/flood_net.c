/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients that ask a server while somebody floods it, or what lies before it. The flood and the
 * clients share processor 0, all else has 1. What clients get is held against what they get while
 * the flooder makes the same frames and sends none, so that both leave them as much of the
 * processor.
 *
 *	flood_KIND_goodput		bytes that clients got, of those without a flood
 *	flood_KIND_connect		median of the time to connect, in the same way
 *	flood_KIND_newcomer_connect	the same of newcomers, each from an address of its own
 *	flood_KIND_newcomer_served	of the newcomers, the share that was answered
 *	flood_KIND_sent_mpps		what was sent
 *	flood_memory_mb			what the server holds afterwards
 *
 * In `syn` the flood's SYNs look as no newcomer's do, in `syn_alike` as those of newcomers, in
 * `syn_amid` they also come from the same networks.
 *
 * These are of the library's listener; flood_FACE_KIND_.. of the other faces (flood.h). Each with
 * _linux: the kernel in its place, with its SYN cookies and nftables, in turn.
 */
#include "flood.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[FLOODS] = { "none", "syn",      "ack",	  "rst",       "udp",
					   "icmp", "fragment", "connect", "syn_alike", "syn_amid" };

/* The one that is measured. */
static const struct flood_face *face;

static void tell_one(const char *suffix, int kind, const char *what, double value, const char *unit)
{
	char name[96];

	snprintf(name, sizeof(name), "%s_%s_%s%s", face->plan.name, kinds[kind], what, suffix);
	figure(name, value, unit);
}

static void tell(const char *suffix, int kind, const struct yard_share *share)
{
	tell_one(suffix, kind, "goodput", share->goodput, "ratio");
	tell_one(suffix, kind, "connect", share->connect, "ratio");
	if (face->plan.strangers) {
		tell_one(suffix, kind, "newcomer_connect", share->newcomer_connect, "ratio");
		tell_one(suffix, kind, "newcomer_served", share->newcomer_served, "ratio");
	}
	tell_one(suffix, kind, "sent_mpps", share->mpps, "Mpps");
	if (share->served < 1)
		say("%s %s%s: %.3f of the requests failed", face->plan.name, kinds[kind], suffix,
		    1 - share->served);
}

static void attack(int kind, volatile uint64_t *sent)
{
	if (kind == FLOOD_CONNECT)
		flood_connect(&face->aim, sent);
	flood_send((enum flood)kind, &face->aim, sent);
}

static bool is_asked(const char *name, const char *part)
{
	const char *all = getenv(name);
	const size_t len = strlen(part);

	if (!all || !*all)
		return true;
	for (const char *at = all; (at = strstr(at, part)) != NULL; at++)
		if ((at == all || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	return false;
}

bool flood_asked(const char *part)
{
	return is_asked("BENCH_FLOODS", part);
}

static bool asked(int kind)
{
	const bool needs_strangers = kind == FLOOD_CONNECT || kind == FLOOD_SYN_ALIKE ||
				     kind == FLOOD_SYN_AMID;

	return flood_asked(kinds[kind]) && (!needs_strangers || face->aim.strangers);
}

int flood_net(void)
{
	int result = 0;

	for (unsigned i = 0; i < flood_face_count; i++) {
		struct yard_plan plan = flood_faces[i].plan;

		face = &flood_faces[i];
		if (!is_asked("BENCH_FACES", face->name))
			continue;
		plan.attack = attack;
		plan.asked = asked;
		plan.tell = tell;
		if (yard_measure(&plan, (double)chosen("BENCH_SECONDS", 2)) != 0)
			result = -1;
	}
	return result;
}
