/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A gateway for tests: frames go in byte by byte (forge.h), and what comes out
 * is kept and parsed without trust.
 *
 *	10.0.0.1/24, fd00::1  link 0 --+         +-- link 1  198.51.100.1/24,
 *	      inside, scope 0          | gateway |     2001:db8:1::1, outside
 *	10.0.2.1/24, fd02::1  link 2 --+         +--  routes to all by .254, ::fe
 *	      inside, scope 2
 *
 * MACs end in the number of the link and 1 for ours, 2 for everybody else's.
 */
#ifndef TEST_UNIT_GATEWAY_FIXTURE_H
#define TEST_UNIT_GATEWAY_FIXTURE_H

#include "hosts.h"

#include "forge.h"
#include "minato/gateway.h"
#include "stack/stack.h"

#define CAUGHT_MAX 300u

struct caught {
	uint32_t link, len;
	uint16_t gso_size, csum_start, csum_offset, header_len;
	enum minato_gso gso;
	uint8_t *bytes; /* exactly len of them */
	enum drop drop; /* of the parser, which believes no checksum */
	struct packet packet;
};
struct gate {
	struct host h;
	struct minato *m;
	struct minato_time now;
	bool copied; /* frames come in no chunk */
	bool small;  /* or in a small one */
	uint32_t count;
	struct caught caught[CAUGHT_MAX];
};

static inline void gate_mac(uint8_t mac[6], uint32_t link, uint8_t tail)
{
	memset(mac, 0, 6);
	mac[0] = 2;
	mac[4] = (uint8_t)(link + 1);
	mac[5] = tail;
}

static inline struct minato_config gate_config(enum minato_link_type type)
{
	struct minato_config c = small_config(type, 1);

	c.sessions_max = 4096;
	c.routes_max = 16;
	c.neighbours_max = 256;
	c.link_count = 3;
	for (uint32_t i = 0; i < 3; i++) {
		c.link[i] = (struct minato_link_config){ .type = type, .mtu = 1500 };
		gate_mac(c.link[i].mac, i, 1);
		c.link[i].scope = (uint8_t)i;
		c.link[i].role = i == 1 ? MINATO_ROLE_OUTSIDE : MINATO_ROLE_INSIDE;
	}
	return c;
}

static inline void gate_address(struct gate *g, uint32_t link, const char *text, uint32_t prefix)
{
	const struct minato_addr a = addr(text);

	assert_int_equal(minato_address_add(g->m, link, &a, prefix), 0);
}

static inline void gate_route(struct gate *g, const char *prefix, uint32_t len, const char *by,
			      uint32_t link)
{
	const struct minato_addr p = addr(prefix);
	const struct minato_addr gateway = addr(by);

	assert_int_equal(minato_route_add(g->m, &p, len, &gateway, link), 0);
}

static inline void gate_neighbour(struct gate *g, uint32_t link, const char *text)
{
	const struct minato_addr a = addr(text);
	uint8_t mac[6];

	if (g->m->link[link].config.type != MINATO_LINK_ETHERNET)
		return;
	gate_mac(mac, link, 2);
	assert_int_equal(minato_neighbour_add(g->m, link, &a, mac), 0);
}

static inline void gate_with(struct gate *g, const struct minato_config *c)
{
	static const char *const known[3][8] = {
		{ "10.0.0.2", "10.0.0.3", "10.0.0.9", "fd00::2", "fd00::3" },
		{ "198.51.100.254", "2001:db8:1::fe", "198.51.100.7" },
		{ "10.0.2.2", "fd02::2", "10.0.2.254" },
	};

	struct minato_addr pool;

	memset(g, 0, sizeof(*g));
	g->now.ns = 10 * SECOND;
	g->h = host_new(c, g->now);
	g->m = g->h.m;
	gate_address(g, 0, "10.0.0.1", 24);
	gate_address(g, 0, "fd00::1", 64);
	gate_address(g, 1, "198.51.100.1", 24);
	gate_address(g, 1, "2001:db8:1::1", 64);
	gate_address(g, 2, "10.0.2.1", 24);
	gate_address(g, 2, "fd02::1", 64);
	gate_route(g, "0.0.0.0", 0, "198.51.100.254", 1);
	gate_route(g, "::", 0, "2001:db8:1::fe", 1);
	pool = addr("198.51.100.1");
	assert_int_equal(minato_pool_add(g->m, 1, &pool, 0, 0), 0);
	for (uint32_t i = 0; i < 3; i++)
		for (uint32_t j = 0; known[i][j] != NULL; j++)
			gate_neighbour(g, i, known[i][j]);
}

static inline void gate_new(struct gate *g, enum minato_link_type type)
{
	const struct minato_config c = gate_config(type);

	gate_with(g, &c);
}

/* Forgets what came out so far. */
static inline void gate_clear(struct gate *g)
{
	for (uint32_t i = 0; i < g->count; i++)
		free(g->caught[i].bytes);
	g->count = 0;
}

static inline void gate_end(struct gate *g)
{
	gate_clear(g);
	host_end(&g->h);
}

static inline void gate_keep(struct gate *g, const struct minato_frame_out *f)
{
	struct caught *c = &g->caught[g->count++];
	struct minato_frame in;

	assert_true(g->count <= CAUGHT_MAX);
	*c = (struct caught){
		.link = f->link,
		.len = f->len,
		.gso_size = f->gso_size,
		.gso = f->gso,
		.csum_start = f->csum_start,
		.csum_offset = f->csum_offset,
		.header_len = f->header_len,
		.bytes = malloc(f->len),
	};
	assert_non_null(c->bytes);
	assert_true(f->extents[0].len >= f->header_len);
	assert_int_equal(flat(f, c->bytes), f->len);
	in = (struct minato_frame){
		.data = c->bytes,
		.len = c->len,
		.chunk = MINATO_CHUNK_NONE,
		.link = c->link,
		.gso_size = f->gso_size,
		.csum_partial = f->csum_start != 0,
	};
	c->drop = packet_parse(&in, g->m->link[c->link].config.type, NULL, &c->packet);
}

/* All that is due, up to `max` frames a call. */
static inline void gate_drain(struct gate *g, size_t max)
{
	struct minato_frame_out out[64];
	size_t count;

	do {
		count = minato_output(g->m, g->now, out, max);
		for (size_t i = 0; i < count; i++)
			gate_keep(g, &out[i]);
	} while (count > 0);
}

/* Bytes of a frame, in what the gate says they come in. */
static inline void gate_input(struct gate *g, uint32_t link, const uint8_t *bytes, uint32_t len,
			      const struct minato_frame *like)
{
	struct minato_frame in = like ? *like : (struct minato_frame){ 0 };
	struct minato_extent where;
	uint8_t *copy = NULL;

	in.link = link;
	in.len = len;
	in.chunk = MINATO_CHUNK_NONE;
	if (g->copied) {
		copy = malloc(len);
		assert_non_null(copy);
		where.base = copy;
	} else {
		in.chunk = g->small ? minato_lease_small(g->m, &where) : minato_lease(g->m, &where);
		assert_int_not_equal(in.chunk, MINATO_CHUNK_NONE);
		assert_true(len <= where.len);
	}
	memcpy(where.base, bytes, len);
	in.data = where.base;
	minato_input(g->m, g->now, &in, 1);
	free(copy);
}

/* A forged frame by this link, from its everybody to us. */
static inline void gate_send(struct gate *g, uint32_t link, struct forge *f,
			     const struct minato_frame *like)
{
	f->ip_link = g->m->link[link].config.type == MINATO_LINK_IP;
	gate_mac(f->dst_mac, link, 1);
	gate_mac(f->src_mac, link, 2);
	forge_frame(f);
	gate_input(g, link, f->frame, f->len, like);
}

static inline void gate_ends(struct forge *f, const char *src, const char *dst)
{
	const struct minato_addr s = addr(src);
	const struct minato_addr d = addr(dst);

	memcpy(f->src, f->is6 ? s.bytes : s.bytes + 12, f->is6 ? 16 : 4);
	memcpy(f->dst, f->is6 ? d.bytes : d.bytes + 12, f->is6 ? 16 : 4);
}

/* The only frame that came out, sound, by this link. */
static inline const struct caught *gate_one(struct gate *g, uint32_t link)
{
	gate_drain(g, 32);
	assert_int_equal(g->count, 1);
	assert_int_equal(g->caught[0].link, link);
	assert_int_equal(g->caught[0].drop, DROP_NONE);
	return &g->caught[0];
}

static inline void assert_addr(const struct minato_addr *a, const char *text)
{
	char is[64];

	minato_addr_format(a, is, sizeof(is));
	assert_string_equal(is, text);
}

/* No chunk is held any more once what was shown is spent. */
static inline void assert_spent(struct gate *g)
{
	gate_drain(g, 32);
	assert_int_equal(g->m->payload.large.used, 0);
	assert_int_equal(g->m->payload.small.used, 0);
}

#endif
