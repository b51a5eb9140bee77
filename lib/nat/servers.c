/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Servers behind one forward: weighted rendezvous hashing. Each server draws a
 * keyed number u of (0, 1] for the client and has the score weight / -log2(u);
 * the greatest one has it. So each gets its share, and who comes or goes moves
 * that share alone.
 */
#include "nat/nat.h"

#include <errno.h>
#include <string.h>

#define FRACTION 16u /* bits of a logarithm behind its point */

uint32_t servers_find(const struct nat *n, uint64_t handle)
{
	const uint32_t group = (uint32_t)handle - 1;

	if (group >= NAT_GROUPS_MAX ||
	    (group_at(n, group)->generation & 1) == 0 ||
	    group_at(n, group)->generation != handle >> 32)
		return NAT_NONE;
	return group;
}

static bool valid(const struct minato_server *servers, uint32_t count)
{
	if (count == 0 || count > MINATO_SERVERS_MAX)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const struct minato_addr *a = &servers[i].at.addr;
		if (servers[i].weight > UINT16_MAX || minato_addr_is_any(a) ||
		    addr_is_multicast(a) ||
		    minato_addr_is4(a) != minato_addr_is4(&servers[0].at.addr))
			return false;
	}
	return true;
}

static uint32_t unused_group(const struct nat *n)
{
	for (uint32_t i = 0; i < NAT_GROUPS_MAX; i++)
		if ((group_at(n, i)->generation & 1) == 0)
			return i;
	return NAT_NONE;
}

int nat_group_set(struct nat *n, uint64_t *group,
		  const struct minato_server *servers, uint32_t count,
		  bool sticky)
{
	uint32_t index;
	struct nat_group *g;

	if (!valid(servers, count))
		return -EINVAL;
	index = *group != 0 ? servers_find(n, *group) : unused_group(n);
	if (index == NAT_NONE)
		return *group != 0 ? -EBADF : -ENOSPC;
	g = group_at(n, index);
	/* Its forwards are of one family. */
	if (*group != 0 && g->refs > 0 &&
	    minato_addr_is4(&g->server[0].at.addr) !=
		    minato_addr_is4(&servers[0].at.addr))
		return -EINVAL;
	if (*group == 0) {
		g->generation++;
		g->refs = 0;
	}
	g->count = count;
	g->sticky = sticky;
	memcpy(g->server, servers, count * sizeof(*servers));
	*group = (uint64_t)g->generation << 32 | (index + 1);
	return 0;
}

int nat_group_get(const struct nat *n, uint64_t group,
		  struct minato_server *servers, uint32_t max)
{
	const uint32_t index = servers_find(n, group);
	const struct nat_group *g;

	if (index == NAT_NONE)
		return -EBADF;
	g = group_at(n, index);
	memcpy(servers, g->server,
	       (g->count < max ? g->count : max) * sizeof(*servers));
	return (int)g->count;
}

int nat_group_remove(struct nat *n, uint64_t group)
{
	const uint32_t index = servers_find(n, group);

	if (index == NAT_NONE)
		return -EBADF;
	if (group_at(n, index)->refs > 0)
		return -EBUSY;
	group_at(n, index)->generation++;
	return 0;
}

/* -log2(u / 2^32) with FRACTION bits, u in 1..2^32: 0 and up; one digit of it
   for each squaring. */
static uint32_t minus_log2(uint64_t u)
{
	const uint32_t high = 63 - (uint32_t)__builtin_clzll(u);
	uint64_t x = u << (31 - (high < 31 ? high : 31));
	uint32_t log = high << FRACTION;

	if (high > 31)
		return 0;
	for (uint32_t bit = FRACTION; bit-- > 0;) { /* x in [2^31, 2^32) */
		x = x * x >> 31;
		if (x >> 32 == 0)
			continue;
		x >>= 1;
		log |= UINT32_C(1) << bit;
	}
	return (UINT32_C(32) << FRACTION) - log;
}

static uint32_t draw(const struct nat *n, const struct nat_group *g,
		     const struct minato_endpoint *client,
		     const struct minato_endpoint *server)
{
	uint8_t words[36];
	const uint16_t ports[2] = { g->sticky ? 0 : client->port,
				    server->port };

	memcpy(words, client->addr.bytes, 16);
	memcpy(words + 16, server->addr.bytes, 16);
	memcpy(words + 32, ports, 4);
	return minus_log2((hash_table(&n->key, words, sizeof(words)) >> 32) +
			  1);
}

const struct minato_server *servers_choose(const struct nat *n, uint32_t group,
					   const struct minato_endpoint *client)
{
	const struct nat_group *g = group_at(n, group);
	const struct minato_server *best = NULL;
	uint64_t best_log = 0;

	for (uint32_t i = 0; i < g->count; i++) {
		const struct minato_server *s = &g->server[i];
		uint64_t log;
		if (s->down || s->weight == 0)
			continue;
		log = draw(n, g, client, &s->at) + UINT64_C(1);
		/* weight / log > best's weight / best's log */
		if (best != NULL && s->weight * best_log <= best->weight * log)
			continue;
		best = s;
		best_log = log;
	}
	return best;
}
