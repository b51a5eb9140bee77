/* SPDX-License-Identifier: BSD-2-Clause */
/* Our own addresses, and the way to those of others. */
#include "stack/stack.h"

#include <errno.h>
#include <string.h>

static struct route *routes_of(const struct minato *m)
{
	return host_at(m, m->routes);
}

/* A length as users say it (IPv4: 0..32) in 128ths; above 128 if wrong. */
static uint32_t length_of_128(const struct minato_addr *a, uint32_t len)
{
	if (!minato_addr_is4(a))
		return len;
	return len > 32 ? 129 : 96 + len;
}

static const struct address *find_address(const struct minato *m, uint8_t scope,
					  const struct minato_addr *a)
{
	for (uint32_t i = 0; i < m->address_count; i++)
		if (m->address[i].scope == scope &&
		    minato_addr_equal(&m->address[i].addr, a))
			return &m->address[i];
	return NULL;
}

/* What nat must know: who is behind an inside link. */
static void inside_add(struct minato *m, uint32_t link,
		       const struct minato_addr *prefix, uint32_t len)
{
	pass_forget(m);
	if (pass_is_inside(m, link) && !addr_is_link_local(prefix))
		nat_inside_add(host_nat(m), m->link[link].config.scope, prefix,
			       (uint8_t)len);
}

static void inside_remove(struct minato *m, uint32_t link,
			  const struct minato_addr *prefix, uint32_t len)
{
	pass_forget(m);
	if (pass_is_inside(m, link) && !addr_is_link_local(prefix))
		nat_inside_remove(host_nat(m), m->link[link].config.scope,
				  prefix, (uint8_t)len);
}

int minato_address_add(struct minato *m, uint32_t link,
		       const struct minato_addr *addr, uint32_t prefix_len)
{
	const uint32_t prefix = length_of_128(addr, prefix_len);

	if (link >= m->link_count || prefix > 128 || addr_is_multicast(addr) ||
	    addr_is_broadcast4(addr) || minato_addr_is_any(addr))
		return -EINVAL;
	if (find_address(m, m->link[link].config.scope, addr) != NULL)
		return -EEXIST;
	if (m->address_count == STACK_ADDRESSES_MAX)
		return -ENOSPC;
	m->address[m->address_count++] = (struct address){
		.addr = *addr,
		.prefix = (uint8_t)prefix,
		.link = (uint8_t)link,
		.scope = m->link[link].config.scope,
	};
	inside_add(m, link, addr, prefix);
	return 0;
}

int minato_address_remove(struct minato *m, uint32_t link,
			  const struct minato_addr *addr)
{
	const struct address *a;
	uint32_t at;

	if (link >= m->link_count)
		return -EINVAL;
	a = find_address(m, m->link[link].config.scope, addr);
	if (a == NULL || a->link != link)
		return -EADDRNOTAVAIL;
	inside_remove(m, link, addr, a->prefix);
	at = (uint32_t)(a - m->address);
	m->address_count--;
	memmove(&m->address[at], &m->address[at + 1],
		(m->address_count - at) * sizeof(m->address[0]));
	return 0;
}

int minato_route_add(struct minato *m, const struct minato_addr *prefix,
		     uint32_t prefix_len, const struct minato_addr *gateway,
		     uint32_t link)
{
	const uint32_t len = length_of_128(prefix, prefix_len);
	struct route r;

	if (link >= m->link_count || len > 128)
		return -EINVAL;
	if (gateway != NULL &&
	    (minato_addr_is_any(gateway) || addr_is_multicast(gateway) ||
	     minato_addr_is4(gateway) != minato_addr_is4(prefix)))
		return -EINVAL;
	r = (struct route){
		.prefix = *prefix,
		.len = (uint8_t)len,
		.link = (uint8_t)link,
		.scope = m->link[link].config.scope,
		.has_gateway = gateway != NULL,
	};
	if (gateway != NULL)
		r.gateway = *gateway;
	for (uint32_t i = 0; i < m->route_count; i++)
		if (memcmp(&routes_of(m)[i], &r, sizeof(r)) == 0)
			return -EEXIST;
	if (m->route_count == m->routes_max)
		return -ENOSPC;
	routes_of(m)[m->route_count++] = r;
	inside_add(m, link, prefix, len);
	return 0;
}

bool route_is_ours(const struct minato *m, uint8_t scope,
		   const struct minato_addr *a)
{
	return find_address(m, scope, a) != NULL;
}

bool route_is_ours_on(const struct minato *m, uint32_t link,
		      const struct minato_addr *a)
{
	const struct address *found =
		find_address(m, m->link[link].config.scope, a);

	return found != NULL && found->link == link;
}

/* All host bits set; not where there is no room for one (RFC 3021). */
static bool is_subnet_broadcast(const struct address *ours,
				const struct minato_addr *a)
{
	uint32_t bits, host;
	const uint8_t *v4 = addr_v4(a);

	if (!minato_addr_is4(&ours->addr) || ours->prefix >= 127 ||
	    !addr_in_prefix(a, &ours->addr, ours->prefix))
		return false;
	bits = (uint32_t)v4[0] << 24 | (uint32_t)v4[1] << 16 |
	       (uint32_t)v4[2] << 8 | v4[3];
	host = ours->prefix == 96 ? UINT32_MAX :
				    (1u << (128 - ours->prefix)) - 1;
	return (bits & host) == host;
}

bool route_is_broadcast(const struct minato *m, uint32_t link,
			const struct minato_addr *a)
{
	if (!minato_addr_is4(a))
		return false;
	if (addr_is_broadcast4(a))
		return true;
	for (uint32_t i = 0; i < m->address_count; i++)
		if (m->address[i].link == link &&
		    is_subnet_broadcast(&m->address[i], a))
			return true;
	return false;
}

bool route_on_link(const struct minato *m, uint32_t link,
		   const struct minato_addr *a)
{
	for (uint32_t i = 0; i < m->address_count; i++)
		if (m->address[i].link == link &&
		    addr_in_prefix(a, &m->address[i].addr,
				   m->address[i].prefix) &&
		    minato_addr_is4(&m->address[i].addr) == minato_addr_is4(a))
			return true;
	return false;
}

/* The best so far of a longest-prefix search. */
struct search {
	uint8_t scope;
	uint32_t link; /* or STACK_LINK_ANY */
	int best;      /* length, -1 = nothing yet */
	struct next_hop *out;
};

static bool search_takes(const struct search *s, uint8_t scope, uint8_t link,
			 uint8_t len)
{
	return s->scope == scope && (int)len > s->best &&
	       (s->link == STACK_LINK_ANY || s->link == link);
}

static bool same_family_prefix(const struct minato_addr *to,
			       const struct minato_addr *prefix, uint8_t len)
{
	return minato_addr_is4(to) == minato_addr_is4(prefix) &&
	       addr_in_prefix(to, prefix, len);
}

static int search(const struct minato *m, struct search s,
		  const struct minato_addr *to)
{
	struct next_hop *out = s.out;

	for (uint32_t i = 0; i < m->address_count; i++) {
		const struct address *a = &m->address[i];
		if (search_takes(&s, a->scope, a->link, a->prefix) &&
		    same_family_prefix(to, &a->addr, a->prefix)) {
			s.best = a->prefix;
			*out = (struct next_hop){ a->link, *to };
		}
	}
	for (uint32_t i = 0; i < m->route_count; i++) {
		const struct route *r = &routes_of(m)[i];
		if (search_takes(&s, r->scope, r->link, r->len) &&
		    same_family_prefix(to, &r->prefix, r->len)) {
			s.best = r->len;
			*out = (struct next_hop){ r->link, r->has_gateway ?
								   r->gateway :
								   *to };
		}
	}
	return s.best;
}

int route_longest(const struct minato *m, uint8_t scope,
		  const struct minato_addr *to, struct next_hop *out)
{
	const struct search s = { scope, STACK_LINK_ANY, -1, out };
	const int best = search(m, s, to);

	return best >= 0 && minato_addr_is4(to) ? best - 96 : best;
}

bool route_find(const struct minato *m, uint8_t scope, uint32_t link,
		const struct minato_addr *to, struct next_hop *out)
{
	const struct search s = { scope, link, -1, out };
	const int best = search(m, s, to);

	/* An answer to a packet goes where it came from, if need be. */
	if (best < 0 && link != STACK_LINK_ANY && link < m->link_count) {
		*out = (struct next_hop){ link, *to };
		return m->link[link].config.type == MINATO_LINK_IP;
	}
	return best >= 0;
}

/* Leading bits that two addresses share. */
static uint32_t common_bits(const struct minato_addr *a,
			    const struct minato_addr *b)
{
	for (uint32_t i = 0; i < 16; i++) {
		const uint8_t differing = a->bytes[i] ^ b->bytes[i];
		if (differing != 0)
			return i * 8 + (uint32_t)__builtin_clz(differing) - 24;
	}
	return 128;
}

/*
 * RFC 6724 5, as far as it applies to addresses without lifetimes: same
 * scope first (rule 2), then the outgoing link (5), then the longest match (8).
 */
static uint32_t source_score(const struct address *a, uint32_t link,
			     const struct minato_addr *to)
{
	uint32_t score = common_bits(&a->addr, to);

	if (a->link == link)
		score += 1000;
	if (addr_is_link_local(&a->addr) == addr_is_link_local(to))
		score += 10000;
	return score;
}

bool route_source(const struct minato *m, uint8_t scope,
		  const struct minato_addr *to, struct minato_addr *out)
{
	struct next_hop hop = { STACK_LINK_ANY, *to };
	uint32_t best = 0;
	bool found = false;

	route_find(m, scope, STACK_LINK_ANY, to, &hop);
	for (uint32_t i = 0; i < m->address_count; i++) {
		const struct address *a = &m->address[i];
		uint32_t score;
		if (a->scope != scope ||
		    minato_addr_is4(&a->addr) != minato_addr_is4(to))
			continue;
		score = source_score(a, hop.link, to);
		if (!found || score > best) {
			best = score;
			*out = a->addr;
			found = true;
		}
	}
	return found;
}
