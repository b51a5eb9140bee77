/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What paths are known to take less than their first link does (RFC 1191, RFC
 * 8201): learned from errors about packets of ours, for ten minutes. The place
 * is small and fixed; the oldest knowledge gives way.
 */
#include "stack/stack.h"

#include <errno.h>

#define AGE_NS (600 * NS_PER_S) /* RFC 1191 6.3, RFC 8201 5.3 */

static bool is_known(const struct minato *m, const struct narrow *n,
		     uint8_t scope, const struct minato_addr *to)
{
	return n->mtu != 0 && n->scope == scope &&
	       !time_reached(m->now, n->until) &&
	       minato_addr_equal(&n->addr, to);
}

uint32_t pmtu_of(const struct minato *m, uint32_t link,
		 const struct minato_addr *to)
{
	const struct minato_link_config *c = &m->link[link].config;
	uint32_t mtu = c->mtu;

	if (time_reached(m->now, m->narrow_until))
		return mtu;
	for (uint32_t i = 0; i < STACK_NARROW_MAX; i++)
		if (is_known(m, &m->narrow[i], c->scope, to) &&
		    m->narrow[i].mtu < mtu)
			mtu = m->narrow[i].mtu;
	return mtu;
}

void pmtu_learn(struct minato *m, uint32_t link, const struct minato_addr *to,
		uint32_t mtu)
{
	const uint8_t scope = m->link[link].config.scope;
	struct narrow *n = &m->narrow[0];

	/* Never a wider one by an error: that is for time to bring. */
	if (mtu >= pmtu_of(m, link, to))
		return;
	for (uint32_t i = 0; i < STACK_NARROW_MAX; i++) {
		if (is_known(m, &m->narrow[i], scope, to)) {
			n = &m->narrow[i];
			break;
		}
		if (m->narrow[i].until.ns < n->until.ns)
			n = &m->narrow[i];
	}
	*n = (struct narrow){ .addr = *to,
			      .scope = scope,
			      .mtu = (uint16_t)mtu,
			      .until = time_after(m->now, AGE_NS) };
	m->narrow_until = n->until;
	host_count(m, COUNTER_PMTU_LEARNED);
}

int minato_path_mtu(struct minato *m, uint64_t socket,
		    const struct minato_addr *to)
{
	uint32_t index;
	const struct socket *s = slots_find(m, socket, &index);
	struct next_hop hop;

	if (s == NULL)
		return -EBADF;
	if (!route_find(m, s->scope, STACK_LINK_ANY, to, &hop))
		return -ENETUNREACH;
	return (int)pmtu_of(m, hop.link, to);
}

/* A connection that leaves by the link. */
static void narrow_one(struct minato *m, uint32_t index, uint32_t link)
{
	struct socket *s = socket_at(m, index);
	struct tcp_env e = host_env(m);
	struct port_key key;
	struct next_hop hop;

	if (s->proto != MINATO_TCP || s->tuple == STACK_NONE ||
	    (s->flags & (SOCKET_LISTENER | SOCKET_HELD)) != 0)
		return;
	port_tuple_key(host_table(m), s->tuple, &key);
	if (!route_find(m, s->scope, STACK_LINK_ANY, &key.remote, &hop) ||
	    hop.link != link)
		return;
	tcp_narrow(&e, &s->body.tcp, m->link[link].config.mtu);
	flow_settle(m, index);
}

int minato_link_mtu(struct minato *m, uint32_t link, uint32_t mtu)
{
	if (link >= m->link_count || mtu < STACK_MTU_MIN || mtu > UINT16_MAX)
		return -EINVAL;
	m->link[link].config.mtu = mtu;
	pass_forget(m);
	for (uint32_t i = 0; i < m->sockets.fresh; i++)
		if (slots_live(m, i))
			narrow_one(m, i, link);
	return 0;
}
