/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs of gateway.h, passed on to nat with handles and errors. */
#include "stack/stack.h"

#include <errno.h>

int minato_nat_set(struct minato *m, const struct minato_nat *nat)
{
	return host_nat(m) != NULL ? nat_set(host_nat(m), nat) : -EOPNOTSUPP;
}

int minato_nat_get(const struct minato *m, struct minato_nat *out)
{
	if (host_nat(m) == NULL)
		return -EOPNOTSUPP;
	*out = *nat_get(host_nat(m));
	return 0;
}

uint8_t minato_inside_scope(const struct minato *m,
			    const struct minato_addr *addr)
{
	if (host_nat(m) != NULL)
		return nat_inside_scope(host_nat(m), addr);
	return m->link_count > 0 ? m->link[0].config.scope : 0;
}

int minato_inside_join(struct minato *m, uint8_t scope, enum minato_proto proto,
		       const struct minato_endpoint *inside)
{
	if (host_nat(m) == NULL)
		return 0;
	return nat_inside_join(host_nat(m), scope, (uint8_t)proto, inside);
}

int minato_inside_leave(struct minato *m, uint8_t scope,
			enum minato_proto proto,
			const struct minato_addr *inside)
{
	return host_nat(m) != NULL &&
			       nat_inside_leave(host_nat(m), scope,
						(uint8_t)proto, inside) ?
		       0 :
		       -EBADF;
}

int minato_pool_add(struct minato *m, uint32_t link,
		    const struct minato_addr *addr, uint16_t low, uint16_t high)
{
	if (host_nat(m) == NULL)
		return -EOPNOTSUPP;
	if (link >= m->link_count ||
	    m->link[link].config.role != MINATO_ROLE_OUTSIDE)
		return -EINVAL;
	pass_forget(m);
	return nat_pool_add(host_nat(m), link, addr, low, high);
}

int minato_pool_remove(struct minato *m, uint32_t link,
		       const struct minato_addr *addr)
{
	if (host_nat(m) == NULL)
		return -EOPNOTSUPP;
	pass_forget(m);
	return nat_pool_remove(host_nat(m), link, addr);
}

int minato_group_set(struct minato *m, uint64_t *group,
		     const struct minato_server *servers, uint32_t count,
		     bool sticky)
{
	if (host_nat(m) == NULL)
		return -EOPNOTSUPP;
	return nat_group_set(host_nat(m), group, servers, count, sticky);
}

int minato_group_get(struct minato *m, uint64_t group,
		     struct minato_server *servers, uint32_t max)
{
	if (host_nat(m) == NULL)
		return -EOPNOTSUPP;
	return nat_group_get(host_nat(m), group, servers, max);
}

int minato_group_remove(struct minato *m, uint64_t group)
{
	if (host_nat(m) == NULL)
		return -EOPNOTSUPP;
	return nat_group_remove(host_nat(m), group);
}

bool minato_session_next(struct minato *m, uint64_t *cursor,
			 struct minato_session *out)
{
	if (host_nat(m) == NULL ||
	    !nat_session_next(host_nat(m), cursor, out))
		return false;
	if (out->entry != 0)
		out->entry = entries_handle(m, (uint32_t)out->entry - 1);
	return true;
}

bool minato_mapping_next(struct minato *m, uint64_t *cursor,
			 struct minato_mapping *out)
{
	return host_nat(m) != NULL &&
	       nat_mapping_next(host_nat(m), cursor, out);
}

int minato_mapping_find(struct minato *m, enum minato_proto proto,
			const struct minato_endpoint *outside,
			struct minato_mapping *out)
{
	if (host_nat(m) == NULL)
		return -EOPNOTSUPP;
	return nat_mapping_find(host_nat(m), (uint8_t)proto, outside, out);
}

int minato_session_end(struct minato *m, uint64_t handle)
{
	if (host_nat(m) == NULL)
		return -EOPNOTSUPP;
	return nat_session_end(host_nat(m), handle);
}

int minato_mapping_end(struct minato *m, uint64_t handle)
{
	if (host_nat(m) == NULL)
		return -EOPNOTSUPP;
	return nat_mapping_end(host_nat(m), handle);
}

int minato_inside_end(struct minato *m, const struct minato_addr *inside)
{
	if (host_nat(m) == NULL)
		return -EOPNOTSUPP;
	return nat_inside_end(host_nat(m), inside);
}

int minato_session_adopt(struct minato *m, const struct minato_session *s)
{
	if (host_nat(m) == NULL)
		return -EOPNOTSUPP;
	return nat_session_adopt(host_nat(m), s);
}

bool minato_nat_news(struct minato *m, struct minato_nat_news *out)
{
	return host_nat(m) != NULL && nat_news(host_nat(m), out);
}
