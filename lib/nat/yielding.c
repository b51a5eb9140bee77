/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which inside host gives way when sessions, mappings or ports are used up: the
 * one that has most, to one that has less. So whoever opens flows to all the
 * world shuts it to nobody beside him. How much more he must have is drawn anew
 * each time, between as much and twice as much, as for connections of our own
 * (stack/share.c).
 *
 * Who has most is not searched for: each host that has begun some flows more is
 * held against the one that had most until then. Where that one has become
 * smaller meanwhile, the next that grows takes its place. Who has most by then
 * may not grow any more; so whenever somebody asks, one of what is short is
 * drawn, and whose it is is held against him too. The more somebody has, the
 * sooner it is his.
 *
 * Of its newest flows one goes that has had no answer yet; where all have, the
 * one that was silent longest. The port of the former serves another at once.
 *
 * Only what helps gives way. Where sessions are used up, that is any. Where
 * mappings or ports are, a mapping whole, that nobody else uses and with few
 * flows, of who has most of those; for a port one of its protocol, at an
 * address and in a class that may serve who asks. So each address and protocol
 * has its own who has most. Where none of his newest is such, the next look
 * goes on behind the last one: who arranges his newest so that they cannot go
 * is not safe by that.
 */
#include "nat/nat.h"

#define LOOK 16u
#define FLOWS 8u /* of a mapping that gives way */
/* Below it no host is asked to give way to another. */
#define AT_LEAST 64u

void yielding_grew(struct nat *n, uint32_t host)
{
	const struct nat_host *h = host_record(n, host);
	const struct nat_host *most = host_record(n, n->largest);

	if (!most->live || h->sessions > most->sessions)
		n->largest = host;
}

void yielding_spread(struct nat *n, uint32_t host)
{
	const struct nat_host *most = host_record(n, n->broadest);

	if (!most->live || host_record(n, host)->mapped > most->mapped)
		n->broadest = host;
}

void yielding_widened(struct nat *n, uint32_t host, uint32_t pool,
		      uint8_t proto)
{
	const uint32_t slot = port_slot(proto);
	struct nat_ports *p = outside_ports(n, pool, proto);
	const struct nat_host *h = host_record(n, host);
	const struct nat_host *most = host_record(n, p->widest);

	if (!most->live || h->count[slot] > most->count[slot] ||
	    (!n->options.other_address && most->pool != pool + 1))
		p->widest = host;
}

static bool is_answered(const struct nat_session *s)
{
	if (s->proto == MINATO_TCP)
		return (s->tcp & NAT_TCP_STATE) != MINATO_NAT_OPENING;
	return (s->tcp & NAT_TCP_SYN_B) != 0;
}

/* Who might give way, as far as was looked: a session, or a mapping. */
struct search {
	uint32_t victim, longest, seen;
};

/* More than who asks has, by what is fair this time. */
static bool is_more(struct nat *n, uint32_t most, uint32_t own)
{
	const uint32_t fair = 1 + own;

	return most > AT_LEAST &&
	       most > fair + random_below(&n->random, fair + 1);
}

/* --- a flow --------------------------------------------------------------- */

/* From here on in a list. True: this one it is. */
static bool search_list(const struct nat *n, struct search *found, uint32_t at)
{
	for (; at != NAT_NONE && found->seen < LOOK; found->seen++) {
		const struct nat_session *s = session_at(n, at);
		const uint32_t silent = n->now_ms - s->last;
		if (found->victim == NAT_NONE || silent > found->longest ||
		    !is_answered(s)) {
			found->victim = at;
			found->longest = silent;
		}
		if (!is_answered(s))
			return true;
		at = s->next;
	}
	return false;
}

/* Of the newest of its mappings, each with its newest flow; of those without a
   mapping too. */
static uint32_t flow_of(const struct nat *n, const struct nat_host *h)
{
	struct search found = { .victim = NAT_NONE };
	bool done = search_list(n, &found, h->others);

	for (uint32_t i = 0; i < NAT_MAPPING_LISTS && !done; i++) {
		uint32_t m = h->mappings[i];
		found.seen = LOOK / 2;
		for (; m != NAT_NONE && !done && found.seen < LOOK;
		     m = mapping_at(n, m)->next)
			done = search_list(n, &found,
					   mapping_at(n, m)->sessions);
	}
	return found.victim;
}

static void end_flow(struct nat *n, uint32_t session)
{
	nat_count(n, NAT_COUNT_HOST_VICTIM);
	if (!is_answered(session_at(n, session)))
		session_at(n, session)->flags |= NAT_IS_UNHEARD;
	session_end(n, session);
}

/* --- a mapping ------------------------------------------------------------ */

/* What its end is to leave. */
struct want {
	uint32_t pool; /* NAT_NONE: of any */
	uint16_t inside_port;
	bool port; /* else any mapping does */
};

static bool helps(const struct nat *n, const struct nat_mapping *m,
		  const struct want *w)
{
	if (m->refs != 0 || m->count > FLOWS)
		return false;
	return !w->port || ((w->pool == NAT_NONE || m->pool == w->pool) &&
			    outside_serves(n, m->pool, m->proto,
					   m->outside_port, w->inside_port));
}

/* Silent for as long as the flow that was refreshed last. True: none of its
   flows has had an answer. */
static bool is_unanswered(const struct nat *n, const struct nat_mapping *m,
			  uint32_t *silent)
{
	bool unanswered = true;

	*silent = UINT32_MAX;
	for (uint32_t at = m->sessions; at != NAT_NONE;
	     at = session_at(n, at)->next) {
		const struct nat_session *s = session_at(n, at);
		if (n->now_ms - s->last < *silent)
			*silent = n->now_ms - s->last;
		unanswered &= !is_answered(s);
	}
	return unanswered;
}

/* From here on in a list; where it stopped. */
static uint32_t search_mappings(const struct nat *n, const struct want *w,
				struct search *found, uint32_t at)
{
	bool done = false;

	for (uint32_t i = 0; i < LOOK && at != NAT_NONE && !done; i++) {
		const struct nat_mapping *m = mapping_at(n, at);
		uint32_t silent;
		if (helps(n, m, w)) {
			done = is_unanswered(n, m, &silent);
			if (done || found->victim == NAT_NONE ||
			    silent > found->longest) {
				found->victim = at;
				found->longest = silent;
			}
		}
		at = m->next;
	}
	return at;
}

static void end_mapping(struct nat *n, uint32_t mapping)
{
	for (uint32_t at = mapping_at(n, mapping)->sessions; at != NAT_NONE;
	     at = session_at(n, at)->next) {
		nat_count(n, NAT_COUNT_HOST_VICTIM);
		if (!is_answered(session_at(n, at)))
			session_at(n, at)->flags |= NAT_IS_UNHEARD;
	}
	(void)mapping_end(n, mapping);
}

/* Ends the one of this list of a host that helps most. */
static bool yield_mapping(struct nat *n, uint32_t host, uint32_t list,
			  const struct want *w)
{
	struct nat_host *h = host_record(n, host);
	struct search found = { .victim = NAT_NONE };
	const uint32_t behind =
		search_mappings(n, w, &found, h->mappings[list]);

	if (found.victim == NAT_NONE) {
		const uint32_t from =
			h->look[list] != NAT_NONE ? h->look[list] : behind;
		h->look[list] = search_mappings(n, w, &found, from);
	}
	if (found.victim == NAT_NONE)
		return false;
	end_mapping(n, found.victim);
	return true;
}

/* --- what is short: one that is drawn ------------------------------------- */

static void draw_flow(struct nat *n)
{
	const uint32_t four = n->sessions4.fresh;
	const uint32_t all = four + n->sessions6.fresh;
	uint32_t host = NAT_NONE;
	uint32_t at;

	/* What is short may be something else than flows. */
	if (all == 0)
		return;
	at = random_below(&n->random, all);
	if (at >= four)
		at = (at - four) | NAT_SIX;
	if (session_live(n, at))
		host = session_host(n, session_at(n, at));
	if (host != NAT_NONE)
		yielding_grew(n, host);
}

static void draw_mapping(struct nat *n)
{
	const struct nat_mapping *m =
		mapping_at(n, random_below(&n->random, n->mappings.fresh));

	if ((m->generation & 1) != 0)
		yielding_spread(n, m->host);
}

/* Of this pool, or of any. */
static void draw_port(struct nat *n, uint32_t pool, uint8_t proto)
{
	const struct nat_pool *p;
	struct minato_endpoint at;
	uint32_t mapping;

	if (pool == NAT_NONE)
		pool = n->pool_live[random_below(&n->random, n->pool_count)];
	p = pool_record(n, pool);
	at.addr = p->addr;
	at.port = (uint16_t)(p->low +
			     random_below(&n->random, p->high - p->low + 1u));
	mapping = mapping_of_outside(n, proto, &at);
	if (mapping != NAT_NONE)
		yielding_widened(n, mapping_at(n, mapping)->host, pool, proto);
}

/* --- what is short -------------------------------------------------------- */

/* Whether it is a mapping that a flow fails for. */
static bool lacks_mapping(const struct nat *n, const struct nat_flow *f,
			  bool same)
{
	return n->mappings.used == n->mappings.capacity &&
	       f->proto != NAT_OTHER &&
	       mapping_of_inside(n, f->from, f->proto, &f->a, same) == NAT_NONE;
}

/* For a flow of this host, or NAT_NONE: of one that is not known yet. */
static bool yield_any_mapping(struct nat *n, uint32_t host)
{
	const struct want any = { .port = false };
	uint32_t own = 0, most;
	bool yielded = false;

	draw_mapping(n);
	if (host != NAT_NONE) {
		own = host_record(n, host)->mapped;
		yielding_spread(n, host);
	}
	most = n->broadest;
	if (!host_record(n, most)->live || host == most ||
	    !is_more(n, host_record(n, most)->mapped, own))
		return false;
	for (uint32_t i = 0; i < NAT_MAPPING_LISTS && !yielded; i++)
		yielded = yield_mapping(n, most, i, &any);
	return yielded;
}

static bool yield_flow(struct nat *n, uint32_t host)
{
	uint32_t own = 0, most, victim;

	draw_flow(n);
	if (host != NAT_NONE) {
		own = host_record(n, host)->sessions;
		yielding_grew(n, host);
	}
	most = n->largest;
	if (!host_record(n, most)->live || host == most ||
	    !is_more(n, host_record(n, most)->sessions, own))
		return false;
	victim = flow_of(n, host_record(n, most));
	if (victim == NAT_NONE)
		return false;
	end_flow(n, victim);
	return true;
}

bool yielding_room(struct nat *n, const struct nat_flow *f, bool same)
{
	const uint32_t host = host_find(n, f->from, &f->a.addr);

	if (host == NAT_NONE && n->hosts.used == n->hosts.capacity)
		return false; /* no flow's end makes room for one more host */
	return lacks_mapping(n, f, same) ? yield_any_mapping(n, host) :
					   yield_flow(n, host);
}

/* Who has most ports of a pool; of any, as far as is looked, which is enough
   where who has most has it at each. */
static uint32_t widest_of(const struct nat *n, const struct want *w,
			  uint32_t first, uint8_t proto)
{
	const uint32_t slot = port_slot(proto);
	uint32_t most = outside_ports(n, first, proto)->widest;

	for (uint32_t i = 0;
	     w->pool == NAT_NONE && i < n->pool_count && i < LOOK; i++) {
		const uint32_t other =
			outside_ports(n, n->pool_live[i], proto)->widest;
		const struct nat_host *h = host_record(n, other);
		if (h->live && (!host_record(n, most)->live ||
				h->count[slot] >
					host_record(n, most)->count[slot]))
			most = other;
	}
	return most;
}

bool yielding_port(struct nat *n, const struct nat_flow *f)
{
	const uint32_t slot = port_slot(f->proto);
	const uint32_t host = host_find(n, f->from, &f->a.addr);
	const struct nat_host *h = host == NAT_NONE ? NULL :
						      host_record(n, host);
	const bool paired = h != NULL && h->pool != 0;
	const uint32_t first = paired ? h->pool - 1 :
					outside_pool_of(n, &f->a.addr);
	const struct want want = {
		.pool = paired && !n->options.other_address ? first : NAT_NONE,
		.inside_port = f->a.port,
		.port = true,
	};
	uint32_t most;

	draw_port(n, want.pool, f->proto);
	if (paired)
		yielding_widened(n, host, first, f->proto);
	most = widest_of(n, &want, first, f->proto);
	if (!host_record(n, most)->live || host == most ||
	    !is_more(n, host_record(n, most)->count[slot],
		     h == NULL ? 0 : h->count[slot]))
		return false;
	return yield_mapping(n, most, slot, &want);
}
