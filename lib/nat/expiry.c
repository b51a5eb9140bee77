/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When sessions end: a hierarchical wheel of milliseconds whose links are in
 * the sessions. A packet only notes its time; where a session stands in the
 * wheel it is looked at, and stands anew if it was refreshed meanwhile. What
 * is due is one list, taken over slot by slot as a whole and worked off in
 * parts, so that ten million that end together hold nobody up.
 */
#include "nat/nat.h"

#define SLOTS 64u
#define HEAD 0x80000000u /* in timer_prev: the number of the slot follows */
#define DUE (NAT_WHEEL_LEVELS * SLOTS)
#define UNARMED NAT_UNARMED
#define AHEAD 16u
#define SPAN_BITS (6 * NAT_WHEEL_LEVELS)

static uint64_t now_ms(const struct nat *n)
{
	return (uint64_t)(n->now.ns / NS_PER_MS);
}

void expiry_init(struct nat *n)
{
	n->wheel.at = now_ms(n);
	n->wheel.due = NAT_NONE;
	n->wheel.begun_ns = INT64_MIN; /* none */
	n->rearmed = NAT_NONE;
	for (uint32_t i = 0; i < DUE; i++)
		n->wheel.slot[i] = NAT_NONE;
}

static uint32_t *head_of(struct nat *n, uint32_t slot)
{
	return slot == DUE ? &n->wheel.due : &n->wheel.slot[slot];
}

static void link_in(struct nat *n, uint32_t session, uint32_t slot)
{
	struct nat_session *s = session_at(n, session);
	uint32_t *head = head_of(n, slot);

	s->timer_next = *head;
	s->timer_prev = HEAD | slot;
	if (*head != NAT_NONE)
		session_at(n, *head)->timer_prev = session;
	*head = session;
	if (slot != DUE)
		n->wheel.occupied[slot / SLOTS] |= UINT64_C(1) << slot % SLOTS;
}

void expiry_cancel(struct nat *n, uint32_t session)
{
	struct nat_session *s = session_at(n, session);
	const uint32_t slot = s->timer_prev & ~HEAD;

	if (s->timer_prev == UNARMED)
		return;
	if (s->timer_next != NAT_NONE)
		session_at(n, s->timer_next)->timer_prev = s->timer_prev;
	if ((s->timer_prev & HEAD) == 0) {
		session_at(n, s->timer_prev)->timer_next = s->timer_next;
	} else {
		*head_of(n, slot) = s->timer_next;
		if (s->timer_next == NAT_NONE && slot != DUE)
			n->wheel.occupied[slot / SLOTS] &=
				~(UINT64_C(1) << slot % SLOTS);
	}
	s->timer_prev = UNARMED;
}

/* The instant behind which it is over, of this turn of the 32 bits. */
static uint64_t end_of(const struct nat *n, const struct nat_session *s)
{
	const uint32_t idle = n->now_ms - s->last;

	return now_ms(n) - idle + session_timeout(n, s) + 1;
}

/* Where what ends at this tick stands. */
static uint32_t slot_of(const struct nat *n, uint64_t tick)
{
	const uint64_t at = n->wheel.at;
	uint64_t differ = tick ^ at;
	uint32_t level;

	if (tick <= at)
		return DUE;
	if (differ >> SPAN_BITS != 0) { /* over the wheel's own turn */
		tick = at | ((UINT64_C(1) << SPAN_BITS) - 1);
		differ = tick ^ at;
		if (differ == 0)
			return DUE;
	}
	level = (63 - (uint32_t)__builtin_clzll(differ)) / 6;
	return level * SLOTS + (uint32_t)(tick >> 6 * level & (SLOTS - 1));
}

static void place(struct nat *n, uint32_t session, uint64_t tick)
{
	link_in(n, session, slot_of(n, tick));
}

void expiry_arm(struct nat *n, uint32_t session)
{
	expiry_cancel(n, session);
	place(n, session, end_of(n, session_at(n, session)));
}

void expiry_begin(struct nat *n, uint32_t session)
{
	const uint32_t timeout = session_timeout(n, session_at(n, session));
	struct nat_wheel *w = &n->wheel;

	/* Those of a batch mostly stand together. */
	if (w->begun_ns != n->now.ns || w->begun_at != w->at ||
	    w->begun_timeout != timeout) {
		w->begun_ns = n->now.ns;
		w->begun_at = w->at;
		w->begun_timeout = timeout;
		w->begun_slot = slot_of(n, now_ms(n) + timeout + 1);
	}
	link_in(n, session, w->begun_slot);
}

/* The next slot with anything, and when its time begins. False: none. */
static bool next_slot(const struct nat *n, uint32_t *slot, uint64_t *tick)
{
	for (uint32_t level = 0; level < NAT_WHEEL_LEVELS; level++) {
		const uint64_t at = n->wheel.at >> 6 * level;
		const uint32_t here = (uint32_t)(at & (SLOTS - 1));
		/* Behind `here`; 63 has none of its level. */
		const uint64_t later = n->wheel.occupied[level] &
				       ~(UINT64_MAX >> (SLOTS - 1 - here));
		if (later == 0)
			continue;
		*slot = (uint32_t)__builtin_ctzll(later);
		*tick = ((at & ~(uint64_t)(SLOTS - 1)) | *slot) << 6 * level;
		*slot += level * SLOTS;
		return true;
	}
	return false;
}

/* All of a slot becomes due, at once. */
static void take_over(struct nat *n, uint32_t slot)
{
	const uint32_t first = n->wheel.slot[slot];

	check(n->wheel.due == NAT_NONE && first != NAT_NONE);
	n->wheel.due = first;
	session_at(n, first)->timer_prev = HEAD | DUE;
	n->wheel.slot[slot] = NAT_NONE;
	n->wheel.occupied[slot / SLOTS] &= ~(UINT64_C(1) << slot % SLOTS);
}

/* The next one that is due, or NAT_NONE; the wheel turns as far as `now`. */
static uint32_t next_due(struct nat *n)
{
	uint64_t tick;
	uint32_t slot;

	while (n->wheel.due == NAT_NONE) {
		if (!next_slot(n, &slot, &tick) || tick > now_ms(n)) {
			n->wheel.at = now_ms(n);
			return NAT_NONE;
		}
		n->wheel.at = tick;
		take_over(n, slot);
	}
	return n->wheel.due;
}

/* The tuples of those that come next, which their ends will want, are as far
   away from each other as can be: fetched together. */
static void fetch_due(const struct nat *n)
{
	struct port_probe probes[2 * AHEAD];
	struct port_key keys[2 * AHEAD];
	uint32_t session = n->wheel.due;
	size_t count = 0;

	for (; session != NAT_NONE && count < 2 * AHEAD; count += 2) {
		const struct nat_session *s = session_at(n, session);
		for (uint32_t side = 0; side < 2; side++) {
			session_key(s, side, &keys[count + side]);
			probes[count + side].key = &keys[count + side];
		}
		session = s->timer_next;
	}
	port_seek(nat_table(n), probes, count);
}

static void look_at(struct nat *n, uint32_t session)
{
	expiry_cancel(n, session);
	if (session_over(n, session_at(n, session))) {
		nat_count(n, NAT_COUNT_EXPIRED);
		session_lapse(n, session);
	} else {
		place(n, session, end_of(n, session_at(n, session)));
	}
}

void expiry_rearm(struct nat *n)
{
	n->rearmed = 0;
}

/* A part of them, from where it stands; those of IPv6 follow. */
static void rearm(struct nat *n)
{
	for (uint32_t i = 0; i < NAT_WORK_MAX && n->rearmed != NAT_NONE; i++) {
		const uint32_t session = n->rearmed;
		const bool six = (session & NAT_SIX) != 0;
		const uint32_t fresh = six ? n->sessions6.fresh :
					     n->sessions4.fresh;

		if ((session & ~NAT_SIX) >= fresh) {
			n->rearmed = six ? NAT_NONE : NAT_SIX;
			continue;
		}
		n->rearmed++;
		if (session_live(n, session) &&
		    session_at(n, session)->timer_prev != UNARMED)
			expiry_arm(n, session);
	}
}

void expiry_run(struct nat *n)
{
	if (n->rearmed != NAT_NONE)
		rearm(n);
	for (uint32_t i = 0; i < NAT_WORK_MAX; i++) {
		const uint32_t session = next_due(n);
		if (session == NAT_NONE)
			return;
		if (i % AHEAD == 0)
			fetch_due(n);
		look_at(n, session);
	}
}

struct minato_time expiry_next(const struct nat *n)
{
	uint64_t tick;
	uint32_t slot;

	if (n->wheel.due != NAT_NONE || n->rearmed != NAT_NONE)
		return n->now;
	if (!next_slot(n, &slot, &tick))
		return MINATO_NEVER;
	return (struct minato_time){ (int64_t)tick * NS_PER_MS };
}
