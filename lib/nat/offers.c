/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows that somebody else may carry: told in a ring, as they become such, and
 * as they are such no more. Who carries one is not asked: what comes by us all
 * the same is offered now and then.
 */
#include "nat/nat.h"

#include <errno.h>

static struct minato_carry *offer_at(struct nat *n, uint32_t place)
{
	return &n->offers.ring[place % NAT_OFFERS_MAX];
}

static bool push(struct nat *n, const struct minato_carry *what, uint32_t room)
{
	if (n->offers.head - n->offers.tail >= room)
		return false;
	*offer_at(n, n->offers.head++) = *what;
	return true;
}

/* Half of the ring is for ends: without an offer nothing is amiss. */
void nat_offer(struct nat *n, const struct minato_carry *what)
{
	const uint32_t session = (uint32_t)what->session - 1;

	if (push(n, what, NAT_OFFERS_MAX / 2))
		session_at(n, session)->carry |= NAT_IS_OFFERED;
}

void offers_end(struct nat *n, uint32_t session)
{
	const struct minato_carry end = {
		.kind = MINATO_CARRY_END,
		.session = nat_session_handle(n, session),
	};

	session_at(n, session)->carry = 0;
	if (!push(n, &end, NAT_OFFERS_MAX))
		n->offers.look = true;
}

void nat_offers_look(struct nat *n)
{
	n->offers.look = true;
}

bool nat_offer_next(struct nat *n, struct minato_carry *out)
{
	if (n->offers.look) {
		n->offers.look = false;
		*out = (struct minato_carry){ .kind = MINATO_CARRY_LOOK };
		return true;
	}
	if (n->offers.head == n->offers.tail)
		return false;
	*out = *offer_at(n, n->offers.tail++);
	return true;
}

void nat_offer_follow(struct nat *n, uint64_t session)
{
	struct nat_session *s;

	if (!nat_session_is(n, session))
		return;
	s = session_at(n, (uint32_t)session - 1);
	if ((s->carry & NAT_IS_OFFERED) != 0)
		s->carry |= NAT_IS_FOLLOWED;
}

/* What passed elsewhere counts and refreshes as if it had passed here. */
static void refresh(struct nat *n, struct nat_session *s, bool outward,
		    int64_t last_ns)
{
	const uint32_t last =
		(uint32_t)((last_ns < n->now.ns ? last_ns : n->now.ns) /
			   NS_PER_MS);

	if (outward)
		session_hold(n, s);
	if ((outward || n->options.inbound_refresh) &&
	    (int32_t)(last - s->last) > 0)
		s->last = last;
}

bool nat_offer_seen(struct nat *n, const struct minato_carry *what,
		    int64_t last_ns, uint64_t frames, struct nat_way *out)
{
	const uint32_t session = (uint32_t)what->session - 1;
	struct nat_session *s;
	bool outward;

	if (!nat_session_is(n, what->session))
		return false;
	s = session_at(n, session);
	outward = (s->flags &
		   (what->side == 0 ? NAT_A_INSIDE : NAT_B_INSIDE)) != 0;
	n->counters[outward ? NAT_COUNT_PASSED_OUT : NAT_COUNT_PASSED_IN] +=
		frames;
	if ((s->tcp & NAT_TCP_STATE) != MINATO_NAT_OPEN)
		return false;
	if (frames > 0)
		refresh(n, s, outward, last_ns);
	if (!n->options.carry || session_over(n, s))
		return false;
	s->carry |= NAT_IS_OFFERED;
	nat_way_of(n, session, what->side, out);
	return true;
}
