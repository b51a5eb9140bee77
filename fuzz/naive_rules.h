/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules of the policy and what is done about scans, set by the fuzzer's bytes; beside them a naive
 * evaluator, which goes through all rules in their order.
 */
#ifndef FUZZ_NAIVE_RULES_H
#define FUZZ_NAIVE_RULES_H

#include <stdlib.h>
#include <string.h>

#include "minato/guard.h"
#include "minato/minato.h"
#include "minato/scan.h"

#define NAIVE_RULES 12u

struct naive_rules {
	struct minato_entry rule[NAIVE_RULES]; /* by their orders */
	uint64_t handle[NAIVE_RULES];
	uint32_t count;
};

static inline void naive_must(bool what)
{
	if (!what)
		abort();
}

/* One of a few networks, those of the fuzzers' worlds among them. */
static inline void naive_prefix(uint8_t byte, struct minato_addr *addr, uint8_t *length)
{
	static const struct {
		const char *addr;
		uint8_t length;
	} known[] = {
		{ "::", 0 },
		{ "::", 0 },
		{ "10.0.0.0", 120 },
		{ "10.0.2.0", 120 },
		{ "10.0.2.3", 128 },
		{ "198.51.100.1", 128 },
		{ "203.0.113.0", 120 },
		{ "fd00::", 64 },
		{ "fd02::3", 128 },
		{ "2001:db8::", 32 },
	};
	const size_t at = byte % (sizeof(known) / sizeof(known[0]));

	naive_must(minato_addr_parse(known[at].addr, addr) == 0);
	*length = known[at].length;
}

static inline void naive_ports(uint8_t byte, struct minato_entry *e)
{
	static const uint16_t runs[][2] = { { 0, 65535 }, { 80, 80 },	   { 1024, 1027 },
					    { 53, 53 },	  { 1028, 65535 }, { 8, 8 } };

	e->first = runs[byte % 6][0];
	e->last = runs[byte % 6][1];
	if (e->proto == MINATO_ICMP && e->last != 8 && e->last != 65535)
		e->first = e->last = 128;
}

static inline struct minato_entry naive_entry(const uint8_t b[7])
{
	static const uint8_t protos[] = { 0, MINATO_TCP, MINATO_UDP, MINATO_ICMP };
	struct minato_entry e = {
		.kind = MINATO_KIND_GUARD,
		.verdict = (enum minato_verdict)(b[0] % 3),
		.course = b[0] & 16 ? MINATO_COURSE_OUT : MINATO_COURSE_IN,
		.log = (b[0] & 32) != 0,
		.scope = b[1] % 4 == 3 ? MINATO_SCOPE_ANY : b[1] % 4,
		.face = b[1] & 16 ? (uint8_t)(b[1] >> 5) % 3 : MINATO_FACE_ANY,
		.proto = protos[b[2] % 4],
		.uid = MINATO_UID_NONE,
		.order = 1u + b[6],
	};

	naive_ports(b[3], &e);
	naive_prefix(b[4], &e.local, &e.local_prefix);
	naive_prefix(b[5], &e.remote, &e.remote_prefix);
	if ((b[0] & 192) == 192) {
		e.verdict = MINATO_PASS;
		e.rate_count = 1;
		e.rate_span_s = 5;
		e.rate_each = b[2] & 16;
		e.rate_verdict = MINATO_DROP;
	}
	return e;
}

/* No two of one order: which of them is first nobody says. */
static inline void naive_add(struct naive_rules *n, struct minato *m, const uint8_t bytes[7])
{
	const struct minato_entry e = naive_entry(bytes);
	uint64_t handle;
	uint32_t at = 0;

	while (at < n->count && n->rule[at].order < e.order)
		at++;
	if (n->count == NAIVE_RULES || (at < n->count && n->rule[at].order == e.order) ||
	    minato_entry_add(m, &e, &handle) != 0)
		return;
	memmove(&n->rule[at + 1], &n->rule[at], (n->count - at) * sizeof(n->rule[0]));
	memmove(&n->handle[at + 1], &n->handle[at], (n->count - at) * sizeof(n->handle[0]));
	n->rule[at] = e;
	n->handle[at] = handle;
	n->count++;
}

static inline void naive_remove(struct naive_rules *n, struct minato *m, uint32_t which)
{
	if (n->count == 0)
		return;
	which %= n->count--;
	naive_must(minato_entry_remove(m, n->handle[which]) == 0);
	memmove(&n->rule[which], &n->rule[which + 1], (n->count - which) * sizeof(n->rule[0]));
	memmove(&n->handle[which], &n->handle[which + 1],
		(n->count - which) * sizeof(n->handle[0]));
}

static inline bool naive_in(const struct minato_addr *a, const struct minato_addr *prefix,
			    uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		if ((a->bytes[i / 8] ^ prefix->bytes[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

static inline bool naive_matches(const struct minato_entry *e, const struct minato_question *q)
{
	const bool ports = q->proto != MINATO_ICMP;
	const uint16_t at = ports ? q->local.port : q->icmp_type;

	return e->course == q->course && (e->scope == MINATO_SCOPE_ANY || e->scope == q->scope) &&
	       (e->face == MINATO_FACE_ANY || e->face == q->face) &&
	       (e->proto == 0 ? ports : e->proto == q->proto) && at >= e->first && at <= e->last &&
	       naive_in(&q->local.addr, &e->local, e->local_prefix) &&
	       naive_in(&q->remote.addr, &e->remote, e->remote_prefix);
}

/* The first that matches, or NULL. */
static inline const struct minato_entry *naive_rule(const struct naive_rules *n,
						    const struct minato_question *q)
{
	for (uint32_t i = 0; i < n->count; i++)
		if (naive_matches(&n->rule[i], q))
			return &n->rule[i];
	return NULL;
}

/* May a flow begin? One within a limit may. */
static inline bool naive_passes(const struct naive_rules *n, const struct minato_question *q)
{
	const struct minato_entry *e = naive_rule(n, q);

	return e == NULL || e->verdict == MINATO_PASS;
}

/* The table says the same to this question, but for limits, which it has counted. */
static inline void naive_compare(const struct naive_rules *n, struct minato *m,
				 const struct minato_question *q)
{
	const struct minato_entry *e = naive_rule(n, q);
	struct minato_fate fate;

	if (e != NULL && e->rate_count != 0)
		return;
	minato_judge(m, q, &fate);
	if (e == NULL || e->verdict == MINATO_PASS) {
		naive_must(fate.kind != MINATO_KIND_GUARD);
		return;
	}
	naive_must(fate.kind == MINATO_KIND_GUARD && fate.verdict == e->verdict);
	for (uint32_t i = 0; i < n->count; i++)
		naive_must(e != &n->rule[i] || fate.rule == n->handle[i]);
}

static inline void naive_question(const uint8_t b[6], struct minato_question *q)
{
	static const char *const hosts[] = { "10.0.0.2", "10.0.2.3", "198.51.100.1", "203.0.113.5",
					     "fd00::2",	 "fd02::3",  "2001:db8::9",  "192.0.2.1" };
	static const uint16_t ports[] = { 80, 1024, 1026, 53, 2000, 0, 443, 65535 };

	*q = (struct minato_question){
		.scope = b[0] % 3,
		.face = b[0] % 3,
		.proto = b[1] % 3 == 0 ? MINATO_TCP :
			 b[1] % 3 == 1 ? MINATO_UDP :
					 MINATO_ICMP,
		.course = b[1] & 16 ? MINATO_COURSE_OUT : MINATO_COURSE_IN,
		.icmp_type = b[1] & 32 ? 8 : 128,
		.program = MINATO_PROGRAM_NONE,
		.remote.port = 40000,
		.local.port = ports[b[4] % 8],
	};
	naive_must(minato_addr_parse(hosts[b[2] % 8], &q->remote.addr) == 0);
	naive_must(minato_addr_parse(hosts[b[3] % 8], &q->local.addr) == 0);
}

/* --- scans ------------------------------------------------------------------ */

static inline void naive_scans(struct minato *m, uint8_t byte)
{
	struct minato_scan_policy policy;

	minato_scan_get(m, &policy);
	policy.watch = byte % 8 != 0;
	policy.answer = (enum minato_scan_answer)(byte / 8 % MINATO_SCAN_ANSWER_COUNT);
	policy.slower_per_s = 1u + byte % 3;
	naive_must(minato_scan_set(m, &policy) == 0);
}

/* Nobody is shut out who has not shown that he is there. */
static inline void naive_check_scans(struct minato *m)
{
	struct minato_scan row;
	uint64_t cursor = 0;

	while (minato_scan_row(m, &cursor, &row)) {
		naive_must(row.blocked_until.ns == 0 || (row.blockable && row.recognised));
		naive_must(!row.blockable || row.verified > 0);
	}
}

#endif
