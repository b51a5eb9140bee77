/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flow that is handed on, as somebody else would have to do it: told once it
 * has shown that it lasts, and looked at anew for as long as it is carried.
 */
#include "stack/stack.h"

#include <string.h>

/* The way as it is now; false: it is none that another can go. */
static bool find_way(struct minato *m, const struct nat_way *way,
		     struct minato_carry *out)
{
	struct path path;
	uint32_t neighbour;

	if (pass_way(m, way->scope, &way->dst.addr, &path, &neighbour) !=
		    PASS_REACHED ||
	    m->link[path.link].config.type != MINATO_LINK_ETHERNET ||
	    path.link == out->from)
		return false;
	out->to = path.link;
	memcpy(out->mac, path.mac, sizeof(out->mac));
	out->new_source = way->src;
	out->new_destination = way->dst;
	return true;
}

void pass_offer(struct minato *m, const struct packet *p,
		const struct nat_way *way)
{
	struct minato_carry offer = {
		.kind = MINATO_CARRY_OFFER,
		.session = nat_session_handle(host_nat(m), way->session),
		.side = way->side,
		.from = p->link,
		.proto = MINATO_TCP,
		.next = seq_add(p->tcp.seq, p->payload_len).v,
		.source = { p->src, p->src_port },
		.destination = { p->dst, p->dst_port },
	};

	if (m->link[p->link].config.type == MINATO_LINK_ETHERNET &&
	    find_way(m, way, &offer))
		nat_offer(host_nat(m), &offer);
}

/* Whether such packets may come by that link, now as they might then. */
static bool may_come(struct minato *m, const struct minato_carry *what)
{
	const struct packet p = { .link = what->from,
				  .is6 = !minato_addr_is4(&what->source.addr),
				  .src = what->source.addr };

	return pass_from(m, &p) == DROP_NONE;
}

bool minato_carry_seen(struct minato *m, const struct minato_carry *what,
		       struct minato_time last, uint64_t frames)
{
	struct minato_carry now = *what;
	struct nat_way way;

	return host_nat(m) != NULL &&
	       nat_offer_seen(host_nat(m), what, last.ns, frames, &way) &&
	       may_come(m, what) && find_way(m, &way, &now) &&
	       now.to == what->to && memcmp(now.mac, what->mac, 6) == 0;
}

void minato_carry_follow(struct minato *m, const struct minato_carry *what)
{
	if (host_nat(m) != NULL)
		nat_offer_follow(host_nat(m), what->session);
}

bool minato_carry_next(struct minato *m, struct minato_carry *out)
{
	struct passing *g;

	if (host_nat(m) == NULL)
		return false;
	g = host_passing(m);
	if (g->offered != g->generation) {
		g->offered = g->generation;
		nat_offers_look(host_nat(m));
	}
	return nat_offer_next(host_nat(m), out);
}
