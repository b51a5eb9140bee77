/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scans carried over from a host value that nobody runs any more, so that who
 * was shut out stays so. Its memory is believed in nothing: each case is a
 * copy, whose every number is looked at, and where cases lie is what our own
 * memory of the same measures says.
 *
 * What stands in hashes is under the other one's secret. Of ports these are
 * counts, which go on. Of verified contacts they are what a block was for: here
 * all count as known, so that the next block wants as many anew. Where they
 * did not suffice yet, evidence begins anew.
 */
#include "stack/stack.h"

#include <stddef.h>

/* Of 48 bits of a hash: see scancase.c. */
#define ZEROS_MAX 49u

static bool is_link_scope(const struct minato *m, uint8_t scope)
{
	for (uint32_t i = 0; i < m->link_count; i++)
		if (m->link[i].config.scope == scope)
			return true;
	return false;
}

/* A byte that is neither may not be read as what it is declared to be. */
static bool is_set(const struct scan_case *k, size_t at)
{
	return ((const uint8_t *)k)[at] == 1;
}

static bool source_sound(const struct minato *m, const struct scan_case *k)
{
	return is_link_scope(m, k->scope) && k->level < SCAN_LEVELS &&
	       (k->level == 0 || !minato_addr_is4(&k->source)) &&
	       !minato_addr_is_any(&k->source) &&
	       !addr_is_multicast(&k->source) &&
	       !addr_is_broadcast4(&k->source) && !addr_is_loopback(&k->source);
}

static bool counts_sound(const struct scan_case *k)
{
	for (uint32_t i = 0; i < sizeof(k->zeros); i++)
		if (k->zeros[i] > ZEROS_MAX)
			return false;
	return k->kinds < 1u << MINATO_SCAN_KIND_COUNT &&
	       k->tool < MINATO_SCAN_TOOL_COUNT && k->score <= SCAN_TOP &&
	       k->volume < 16 && k->proven <= SCAN_PROVEN_TOP &&
	       k->port_count <= MINATO_SCAN_PORTS &&
	       (k->port_count == 0 || k->first <= k->last);
}

static bool is_sound(const struct minato *m, const struct scan_case *k)
{
	return k->key != 0 &&
	       is_set(k, offsetof(struct scan_case, recognised)) &&
	       source_sound(m, k) && counts_sound(k) && k->began_ns >= 0 &&
	       k->began_ns <= k->latest_ns && k->latest_ns <= m->now.ns;
}

/* What is told of it. */
static void take_story(struct scan_case *k, const struct scan_case *old)
{
	k->began_ns = old->began_ns;
	k->latest_ns = old->latest_ns;
	k->kinds = old->kinds;
	k->told_kinds = old->told_kinds;
	k->told = old->told;
	k->closed = old->closed;
	k->half = old->half;
	k->impossible = old->impossible;
	k->shared = old->shared;
	k->empty = old->empty;
	k->verified = old->verified;
	k->contacts = old->contacts;
	k->up = old->up;
	k->listed = old->listed;
	k->targets = old->targets;
	k->near_count = old->near_count;
	k->first = old->first;
	k->last = old->last;
	k->previous = old->previous;
	k->source_port = old->source_port;
	k->tool = old->tool;
	k->port_count = old->port_count;
	k->target = old->target;
	memcpy(k->near, old->near, sizeof(k->near));
	memcpy(k->ports, old->ports, sizeof(k->ports));
	memcpy(k->zeros, old->zeros, sizeof(k->zeros));
	memcpy(k->tried, old->tried, sizeof(k->tried));
}

/* What is done about it: for no longer than the policy shuts out anybody. */
static void take_verdict(struct minato *m, struct scan_case *k,
			 const struct scan_case *old)
{
	struct scan *s = host_scan(m);
	const int64_t latest = m->now.ns + s->policy.block_max_s * NS_PER_S;

	k->score = old->score;
	k->volume = old->volume;
	k->recognised = true;
	s->recognised++;
	if (!is_set(old, offsetof(struct scan_case, blockable)) || k->level > 0)
		return;
	k->blockable = true;
	k->blocks = old->blocks;
	k->owner = old->owner;
	k->others = old->others;
	if (old->proven >= SCAN_PROVEN) {
		k->proven = old->proven;
		k->vouched_count = SCAN_VOUCHED;
		k->vouched_rest = UINT64_MAX;
	}
	if (s->policy.answer != MINATO_SCAN_ANSWER_BLOCK ||
	    old->blocked_ns <= m->now.ns)
		return;
	k->blocked_ns = old->blocked_ns < latest ? old->blocked_ns : latest;
	s->blocked++;
}

uint32_t scanheir_take(struct minato *m, const void *memory)
{
	const char *cases =
		(const char *)memory + (ptrdiff_t)host_scan(m)->cases_at;
	uint32_t count = 0;

	for (uint32_t i = 0; i < SCAN_CASES; i++) {
		struct scan_case old, *k;
		struct scan_source place = { 0 };
		uint64_t key;

		memcpy(&old, cases + i * sizeof(old), sizeof(old));
		if (!is_sound(m, &old))
			continue;
		const struct scan_contact from = { .source = old.source,
						   .scope = old.scope };
		key = scan_key(host_scan(m), old.scope, old.level, &old.source);
		if (scancase_find(host_scan(m), key) != NULL)
			continue;
		place.score = old.score & SCAN_TOP;
		k = scancase_open(host_scan(m), &from, key, old.level, &place,
				  m->now);
		if (k == NULL)
			continue;
		take_story(k, &old);
		take_verdict(m, k, &old);
		count++;
	}
	return count;
}
