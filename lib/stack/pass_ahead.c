/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a call from outside would be handed on, asked before it is: for an
 * owner that has more of them than it can hand on, and lets each caller prove
 * first that it is there. Nobody shall learn from that of a port that is shut.
 */
#include "stack/stack.h"

#include "minato/gateway.h"
#include "minato/guard.h"

/* As pass_arrive looks at a packet from outside, before the table is asked. */
static bool may_come(struct minato *m, const struct arrival *a,
		     enum nat_whose *whose)
{
	const struct packet *p = &a->packet;
	struct pass_target to;
	uint32_t link;

	if (!pass_opens(p) || pass_verify(a) != DROP_NONE)
		return false;
	pass_target(m, p->link, &p->dst, &to);
	if (pass_check_to(p, to.broadcast) != DROP_NONE ||
	    pass_origin(m, p, &link) != MINATO_ORIGIN_GOOD ||
	    pass_is_insides(m, p, &link))
		return false;
	if (to.whose == NAT_OTHERS &&
	    (!p->is6 || p->hop_limit <= 1 || pass_is_link_local(p)))
		return false;
	*whose = (enum nat_whose)to.whose;
	return !scan_is_blocked(host_scan(m), a->key.scope, &p->src, m->now);
}

bool minato_would_call(struct minato *m, const struct minato_frame *frame)
{
	struct minato_frame believed = *frame;
	struct port_probe probe;
	struct arrival a = { .frame = frame };
	const struct minato_link_config *c;
	enum nat_whose whose;
	uint32_t entry;
	bool behind;

	if (host_nat(m) == NULL || frame->link >= m->link_count)
		return false;
	c = &m->link[frame->link].config;
	if (c->role != MINATO_ROLE_OUTSIDE)
		return false;
	/* Verified only where all else is well. */
	believed.csum_trusted = true;
	a.verdict = packet_parse(&believed, c->type, c->mac, &a.packet);
	return a.packet.type == PACKET_TCP && input_key(m, &a, &probe) &&
	       may_come(m, &a, &whose) &&
	       port_would_begin(host_table(m), &a.key, m->now, &entry,
				&behind) &&
	       nat_would_begin(host_nat(m), &a.key, entry, behind, whose);
}
