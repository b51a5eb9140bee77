/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows from outside, and to a forward from wherever, whose caller has shown no
 * more than that packets with his address come: calls of which no more has come
 * than SYNs, whatever the server has said to them, and datagrams that were not
 * followed by others after an answer. They have at most a quarter of the
 * sessions. A flood, from wherever it seems to come, takes no more than that,
 * so that sessions that are open keep their place and others find one. When it
 * is full the oldest ones make way; of the eight oldest, the one whose source
 * has most of them (RFC 5382 REQ-5 gives a call four minutes while there is
 * room, RFC 4787 REQ-5 datagrams two). At a forward's own bound it is one of
 * those that count there, of the 64 oldest of all.
 *
 *	head: oldest                       tail
 *	[ .. | half-open | open | half-open | .. ]
 *
 * What the caller has answered, or has ended, is passed over when it comes to
 * the head.
 */
#include "nat/nat.h"

#define LOOK 8u
#define SEARCH 64u

static struct nat_opening *opening_at(const struct nat *n, uint64_t position)
{
	return (struct nat_opening *)((char *)(uintptr_t)n + n->openings) +
	       position % n->opening.capacity;
}

uint32_t opening_capacity(const struct nat_limits *limits)
{
	const uint32_t share = limits->sessions_max / 4;

	return share == 0 ? 1 : share < 65536 ? share : 65536;
}

static bool is_half_open(const struct nat *n, const struct nat_opening *o)
{
	const struct nat_session *s;

	if (o->session == NAT_NONE || !session_live(n, o->session))
		return false;
	s = session_at(n, o->session);
	return (uint16_t)s->generation == o->generation &&
	       !(s->tcp & NAT_TCP_ACK_A);
}

static void take_out(struct nat *n, struct nat_opening *o)
{
	if (o->session != NAT_NONE)
		n->opening.of_source[o->source]--;
	o->session = NAT_NONE;
}

/* What is at the head and not half-open any more leaves. */
static void pass_over(struct nat *n)
{
	struct nat_openings *all = &n->opening;

	while (all->head < all->tail &&
	       !is_half_open(n, opening_at(n, all->head))) {
		take_out(n, opening_at(n, all->head));
		all->head++;
	}
}

/* Its place goes to the one at the head, so that none is left empty. */
static void end(struct nat *n, struct nat_opening *o)
{
	struct nat_opening *head = opening_at(n, n->opening.head++);
	const uint32_t session = o->session;

	take_out(n, o);
	*o = *head;
	nat_count(n, NAT_COUNT_OPENING_VICTIM);
	session_lapse(n, session);
}

/* Whether its end makes room below the forward's bound: what is over, or of a
   forward as it was before, is not counted there. */
static bool counts_for(const struct nat *n, const struct nat_session *s,
		       uint32_t forward)
{
	return forward == NAT_NONE ||
	       ((s->flags & NAT_IS_CURRENT) != 0 &&
		forwards_bounds(n, s->other) == forwards_bounds(n, forward) &&
		!tcpstate_over(s));
}

/* Who makes way, of those from this position on; NULL: nobody. */
static struct nat_opening *victim_of(const struct nat *n, uint64_t from,
				     uint32_t forward)
{
	const struct nat_openings *all = &n->opening;
	const uint32_t most = forward == NAT_NONE ? LOOK : SEARCH;
	struct nat_opening *victim = NULL;
	uint32_t seen = 0;

	for (uint64_t at = from; at < all->tail && seen < most; at++) {
		struct nat_opening *o = opening_at(n, at);

		seen++;
		if (!is_half_open(n, o) ||
		    !counts_for(n, session_at(n, o->session), forward))
			continue;
		if (victim == NULL ||
		    all->of_source[o->source] > all->of_source[victim->source])
			victim = o;
	}
	return victim;
}

bool opening_evict(struct nat *n, uint32_t forward)
{
	struct nat_opening *victim;

	pass_over(n);
	victim = victim_of(n, n->opening.head, forward);
	if (victim == NULL)
		return false;
	end(n, victim);
	return true;
}

bool opening_yields(const struct nat *n, uint32_t forward)
{
	uint64_t from = n->opening.head;

	while (from < n->opening.tail && !is_half_open(n, opening_at(n, from)))
		from++;
	return victim_of(n, from, forward) != NULL;
}

/* An IPv4 address, or a /64. */
static uint8_t source_of(const struct nat *n, const struct minato_addr *a)
{
	const bool is4 = minato_addr_is4(a);

	return (uint8_t)hash_table(&n->key, is4 ? a->bytes + 8 : a->bytes, 8);
}

void opening_note(struct nat *n, uint32_t session,
		  const struct minato_addr *source)
{
	struct nat_openings *all = &n->opening;
	struct nat_opening *o;

	pass_over(n);
	/* The one at the head is half-open: there is a victim. */
	if (all->tail - all->head == all->capacity)
		check(opening_evict(n, NAT_NONE));
	o = opening_at(n, all->tail++);
	*o = (struct nat_opening){
		.session = session,
		.generation = (uint16_t)session_at(n, session)->generation,
		.source = source_of(n, source),
	};
	all->of_source[o->source]++;
}
