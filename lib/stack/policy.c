/* SPDX-License-Identifier: BSD-2-Clause */
/* Who may bind what: entries of kind RIGHT, and below them a rule for all. */
#include "stack/stack.h"

#include <errno.h>

#define PORTS 65536u

int minato_policy_set(struct minato *m, const struct minato_policy *policy)
{
	if (policy->privileged_below > PORTS)
		return -EINVAL;
	m->policy = *policy;
	return 0;
}

void minato_policy_get(const struct minato *m, struct minato_policy *out)
{
	*out = m->policy;
}

/* The embedding program's own, and those of the host value's owner. */
static bool may_all(const struct minato *m)
{
	return !m->actors.acting || (m->actors.uid != MINATO_UID_NONE &&
				     m->actors.uid == m->policy.uid);
}

int policy_bind(struct minato *m, const struct socket *s,
		const struct minato_endpoint *local)
{
	const struct port_claim claim = {
		.scope = s->scope,
		.proto = s->proto,
		.local = local->addr,
		.port = local->port,
		.v6_only = (s->flags & SOCKET_V6ONLY) != 0,
		.uid = m->actors.uid,
	};

	/* A wish is the host's to grant; an identifier is no port. */
	if (local->port == 0 || s->proto == MINATO_ICMP || may_all(m))
		return 0;
	/* Of somebody else's address they are not this host's ports. */
	if (!minato_addr_is_any(&local->addr) &&
	    !route_is_ours(m, s->scope, &local->addr))
		return 0;
	if (port_right(host_table(m), &claim, m->now,
		       local->port >= m->policy.privileged_below))
		return 0;
	host_count(m, COUNTER_BINDS_DENIED);
	return -EACCES;
}
