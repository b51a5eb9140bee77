/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From where a packet may come that is to be handed on, whose its destination
 * is, and where it goes. All are remembered by address, until an address, a
 * pool, a route or a neighbour changes; a next hop for a second at most, since
 * neighbours want to be asked for now and then as long as they are used.
 */
#include "stack/stack.h"

#include <string.h>

#define WAY_NS NS_PER_S

void pass_init(struct minato *m, const struct hash_key *key)
{
	struct passing *g = host_passing(m);

	if (g == NULL)
		return;
	hash_secret_init(&g->secret, key);
	g->generation = 1;
}

void pass_forget(struct minato *m)
{
	struct passing *g = host_passing(m);

	/* Nothing is of generation 0: the memory is zero at first. */
	if (g != NULL && ++g->generation == 0)
		g->generation = 1;
}

static uint64_t hash_of(const struct passing *g, const struct minato_addr *a,
			uint64_t more)
{
	uint64_t word[2];

	memcpy(word, a->bytes, sizeof(word));
	word[0] += more;
	return hash_pair(&g->secret, word);
}

/* --- where from --- */

/* Nobody else has these (RFC 1122 3.2.1.3). */
static enum minato_origin martian_of(const struct minato *m,
				     const struct packet *p)
{
	const uint8_t scope = m->link[p->link].config.scope;

	if (minato_addr_is_any(&p->src) || addr_is_multicast(&p->src) ||
	    addr_is_loopback(&p->src))
		return MINATO_ORIGIN_NOBODYS;
	if (route_is_ours(m, scope, &p->src))
		return MINATO_ORIGIN_OURS;
	if (route_is_broadcast(m, p->link, &p->src))
		return MINATO_ORIGIN_BROADCAST;
	return MINATO_ORIGIN_GOOD;
}

/* RFC 2827: what is sent to it leaves by the link that it came by. */
static bool is_routed_back(const struct minato *m, const struct packet *p,
			   uint32_t *link)
{
	struct next_hop hop = { STACK_LINK_ANY, p->src };

	if (!route_find(m, m->link[p->link].config.scope, STACK_LINK_ANY,
			&p->src, &hop))
		return false;
	*link = hop.link;
	return hop.link == p->link;
}

/*
 * Whoever of the inside it says it is does not speak from there. Not by the way
 * alone: a net may have the same addresses on both sides (RFC 4787 REQ-7).
 */
bool pass_is_insides(const struct minato *m, const struct packet *p,
		     uint32_t *link)
{
	const struct minato_link_config *from = &m->link[p->link].config;
	struct next_hop hop = { STACK_LINK_ANY, p->src };
	int own;

	if (from->role == MINATO_ROLE_INSIDE)
		return false;
	own = route_longest(m, from->scope, &p->src, &hop);
	if (own < 0)
		own = 0; /* a default route to the inside tells nothing */
	for (uint32_t i = 0; i < m->link_count; i++) {
		const struct minato_link_config *c = &m->link[i].config;

		if (c->role != MINATO_ROLE_INSIDE ||
		    route_longest(m, c->scope, &p->src, &hop) <= own)
			continue;
		*link = i;
		return true;
	}
	return false;
}

enum minato_origin pass_origin(const struct minato *m, const struct packet *p,
			       uint32_t *link)
{
	const enum minato_origin martian = martian_of(m, p);

	if (martian != MINATO_ORIGIN_GOOD)
		return martian;
	/* Of a link, not of a net: it goes no further (RFC 4291 2.5.6). */
	if (p->is6 && addr_is_link_local(&p->src))
		return MINATO_ORIGIN_GOOD;
	if (pass_is_inside(m, p->link) && !is_routed_back(m, p, link))
		return MINATO_ORIGIN_ELSEWHERE;
	return MINATO_ORIGIN_GOOD;
}

enum drop pass_origin_drop(enum minato_origin origin)
{
	switch (origin) {
	case MINATO_ORIGIN_GOOD:
		return DROP_NONE;
	case MINATO_ORIGIN_NOBODYS:
	case MINATO_ORIGIN_OURS:
	case MINATO_ORIGIN_BROADCAST:
		return DROP_IP_SOURCE;
	case MINATO_ORIGIN_ELSEWHERE:
	case MINATO_ORIGIN_INSIDES:
		break;
	}
	return DROP_SPOOFED;
}

enum drop pass_from(struct minato *m, const struct packet *p)
{
	struct passing *g = host_passing(m);
	struct pass_source *s =
		&g->source[hash_of(g, &p->src, p->link) % PASS_SOURCES];
	uint32_t link = STACK_LINK_ANY;
	enum drop drop;

	if (s->generation == g->generation && s->link == p->link &&
	    same_addr(&s->addr, &p->src))
		return DROP_NONE;
	drop = pass_origin_drop(pass_origin(m, p, &link));
	if (drop == DROP_NONE)
		*s = (struct pass_source){ p->src, g->generation, p->link };
	return drop;
}

/* --- to whom --- */

void pass_target(struct minato *m, uint32_t link, const struct minato_addr *to,
		 struct pass_target *out)
{
	struct passing *g = host_passing(m);
	struct pass_target *t =
		&g->target[hash_of(g, to, link) % PASS_TARGETS];

	if (t->generation != g->generation || t->link != link ||
	    !same_addr(&t->addr, to)) {
		*t = (struct pass_target){
			.addr = *to,
			.generation = g->generation,
			.link = (uint8_t)link,
			.whose = (uint8_t)pass_whose(m, link, to),
			.broadcast = route_is_broadcast(m, link, to),
		};
		t->between = pass_leads_between(m, link, to, &t->scope);
	}
	*out = *t;
}

/* --- where to --- */

static enum pass_reach find_way(struct minato *m, uint8_t scope,
				const struct minato_addr *to, struct path *path,
				uint32_t *neighbour)
{
	struct next_hop hop = { STACK_LINK_ANY, *to };

	if (!route_find(m, scope, STACK_LINK_ANY, to, &hop))
		return PASS_NO_ROUTE;
	*path = (struct path){ .link = hop.link };
	if (m->link[hop.link].config.type == MINATO_LINK_IP)
		return PASS_REACHED;
	switch (neighbour_resolve(m, hop.link, &hop.addr, path->mac,
				  neighbour)) {
	case NEIGHBOUR_READY:
		return PASS_REACHED;
	case NEIGHBOUR_WAIT:
		return PASS_WAIT;
	case NEIGHBOUR_NONE:
		break;
	}
	return PASS_NO_NEIGHBOUR;
}

enum pass_reach pass_way(struct minato *m, uint8_t scope,
			 const struct minato_addr *to, struct path *path,
			 uint32_t *neighbour)
{
	struct passing *g = host_passing(m);
	struct pass_way *w = &g->way[hash_of(g, to, scope) % PASS_WAYS];
	enum pass_reach reach;

	if (w->generation == g->generation && w->scope == scope &&
	    m->now.ns < w->until_ns && same_addr(&w->to, to)) {
		path->link = w->link;
		path->dropped = false;
		memcpy(path->mac, w->mac, 6);
		return PASS_REACHED;
	}
	*path = (struct path){ 0 };
	reach = find_way(m, scope, to, path, neighbour);
	if (reach != PASS_REACHED)
		return reach;
	*w = (struct pass_way){
		.to = *to,
		.until_ns = m->now.ns + WAY_NS,
		.generation = g->generation,
		.scope = scope,
		.link = (uint8_t)path->link,
	};
	memcpy(w->mac, path->mac, 6);
	return PASS_REACHED;
}

/* --- identification --- */

/*
 * A counter for the pair of addresses, or for the few pairs that share it, goes
 * through a permutation of 16 bits that nobody outside knows: no value comes
 * twice to one destination within 65,536 datagrams.
 */
uint16_t pass_id(struct minato *m, const struct minato_addr *src,
		 const struct minato_addr *dst, uint32_t count)
{
	struct passing *g = host_passing(m);
	uint64_t word[2];
	uint64_t hash;
	uint16_t *next;
	uint32_t x;

	memcpy(&word[0], src->bytes + 8, 8);
	memcpy(&word[1], dst->bytes + 8, 8);
	hash = hash_pair(&g->secret, word);
	next = &g->ids[hash % PASS_IDS];
	x = *next;
	*next = (uint16_t)(x + count);
	/* Of a run the values follow one another: those of split_packet. */
	if (count > 1)
		return (uint16_t)(x + (hash >> 48));
	x ^= (uint32_t)(hash >> 16) & UINT16_MAX;
	x = x * ((uint32_t)g->secret.k[0] | 1) & UINT16_MAX;
	x ^= x >> 7;
	x = x * ((uint32_t)g->secret.k[1] | 1) & UINT16_MAX;
	x ^= x >> 9;
	return (uint16_t)(x + (uint32_t)(hash >> 32));
}
