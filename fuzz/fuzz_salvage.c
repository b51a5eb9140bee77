/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Salvage and adoption of flows: the input flips bytes of a dead gateway's memory, anywhere from
 * its head to its last session, and cuts it off. Whatever is read must be a flow that could be;
 * what is adopted must go on just as it says, and leave nothing behind when it ends.
 *
 *	input	size of what is left (3 bytes), then (place (3 bytes), xor (1 byte))*
 */
#include "expect.h"

#include <stdlib.h>
#include <string.h>

#include "nat/nat.h"

#define SESSIONS 40u

static const struct nat_limits limits = { .sessions_max = SESSIONS,
					  .mappings_max = SESSIONS,
					  .hosts_max = SESSIONS,
					  .pools_max = 1,
					  .forwards_max = 8,
					  .outside_scope = 1 };
static const struct hash_key key = { { 1, 2 } };
static const struct minato_time now = { 5000 * NS_PER_S };

struct gateway {
	char *memory;
	struct port_table *t;
	struct nat *n;
};

static struct gateway make(void)
{
	const struct port_limits ports = { (uint32_t)nat_tuples(&limits), 64, 16, 0, 0 };
	const struct minato_addr public = minato_addr4(198, 51, 100, 1);
	const size_t nat_size = nat_bytes(&limits);
	const struct minato_entry web = { .kind = MINATO_KIND_FORWARD,
					  .scope = 1,
					  .face = MINATO_FACE_ANY,
					  .proto = MINATO_TCP,
					  .first = 80,
					  .last = 89,
					  .translate = true,
					  .target = { minato_addr4(10, 0, 0, 2), 8080 } };
	struct gateway g = { .memory = aligned_alloc(64, nat_size + port_bytes(&ports)) };
	int64_t entry;

	expect(g.memory != NULL);
	memset(g.memory, 0, nat_size + port_bytes(&ports));
	g.t = port_init(g.memory + nat_size, &ports, &key);
	g.n = nat_init(g.memory, &limits, g.t, &key, now);
	expect(nat_pool_add(g.n, 1, &public, 0, 0) == 0);
	entry = port_add(g.t, &web, NULL);
	expect(entry >= 0 && nat_forward_add(g.n, (uint32_t)entry, NAT_NONE, &web) == 0);
	return g;
}

static enum nat_verdict packet(const struct gateway *g, uint8_t scope, uint8_t proto,
			       const struct minato_endpoint *src, const struct minato_endpoint *dst,
			       struct nat_way *way)
{
	const struct port_key k = { .local = dst->addr,
				    .remote = src->addr,
				    .local_port = dst->port,
				    .remote_port = src->port,
				    .scope = scope,
				    .proto = proto };
	struct port_probe probe = { .key = &k };
	const struct nat_packet p = {
		.inside = scope != 1,
		.whose = nat_pool_has(g->n, UINT32_MAX, &dst->addr) ? NAT_OUTSIDE : NAT_OTHERS,
		.tcp_flags = proto == MINATO_TCP ? NAT_SYN : 0,
		.opens = true,
	};

	port_seek(g->t, &probe, 1);
	return nat_packet(g->n, &probe, &p, way);
}

static struct minato_endpoint end4(uint8_t a, uint8_t d, uint16_t port)
{
	return (struct minato_endpoint){ minato_addr4(a, 0, 0, d), port };
}

/* Some of each kind. */
static void fill(const struct gateway *g)
{
	const struct minato_endpoint server = end4(203, 9, 53), stranger = end4(192, 5, 999);
	struct minato_endpoint at,
		six[2] = { { { { 0x20, 1, [15] = 7 } }, 5000 }, { { { 0x20, 1, [15] = 9 } }, 53 } };
	struct nat_way way;

	for (uint16_t i = 0; i < 10; i++) {
		const struct minato_endpoint host =
			end4(10, (uint8_t)(3 + i % 3), (uint16_t)(2000 + i));
		packet(g, 0, i % 2 ? MINATO_UDP : MINATO_TCP, &host, &server, &way);
		at = way.src;
		packet(g, 1, i % 2 ? MINATO_UDP : MINATO_TCP, &stranger, &at, &way);
	}
	const struct minato_endpoint other = end4(10, 77, 4000);
	const struct minato_endpoint query = end4(10, 77, 7), host7 = end4(203, 9, 7);
	const struct minato_endpoint web = { minato_addr4(198, 51, 100, 1), 81 };
	packet(g, 0, MINATO_UDP, &other, &at, &way);
	packet(g, 0, MINATO_ICMP, &query, &host7, &way);
	packet(g, 1, MINATO_TCP, &stranger, &web, &way);
	packet(g, 0, MINATO_TCP, &other, &web, &way);
	packet(g, 0, MINATO_UDP, &six[0], &six[1], &way);
}

static bool same(const struct minato_endpoint *a, const struct minato_endpoint *b)
{
	return a->port == b->port && minato_addr_equal(&a->addr, &b->addr);
}

/* It could be, whatever it was. */
static void judge(const struct minato_session *s)
{
	const bool four = minato_addr_is4(&s->source.addr);

	expect(s->proto == MINATO_TCP || s->proto == MINATO_UDP || s->proto == MINATO_ICMP);
	expect(s->state <= MINATO_NAT_RESET && s->from < 16 && s->to < 16);
	expect(s->from != 1 || s->to != 1);
	expect(minato_addr_is4(&s->destination.addr) == four);
	expect(minato_addr_is4(&s->back_source.addr) == four);
	expect(minato_addr_is4(&s->back_destination.addr) == four);
	expect(!addr_is_multicast(&s->back_source.addr) && !minato_addr_is_any(&s->source.addr));
	expect(four ||
	       (same(&s->source, &s->back_destination) && same(&s->destination, &s->back_source)));
}

static void carry_on(const struct gateway *g, const struct minato_session *s)
{
	struct nat_way way;

	if (nat_session_adopt(g->n, s) != 0)
		return;
	expect(packet(g, s->from, s->proto, &s->source, &s->destination, &way) == NAT_PASS);
	expect(same(&way.src, &s->back_destination) && same(&way.dst, &s->back_source));
	expect(way.scope == s->to);
	expect(packet(g, s->to, s->proto, &s->back_source, &s->back_destination, &way) == NAT_PASS);
	expect(same(&way.src, &s->destination) || same(&way.src, &s->back_destination));
}

static void empty(const struct gateway *g)
{
	struct minato_session s;
	uint64_t cursor = 0;

	while (nat_session_next(g->n, &cursor, &s))
		nat_session_end(g->n, s.handle);
	expect(g->n->sessions4.used + g->n->sessions6.used == 0);
	expect(g->n->mappings.used == 0 && g->n->hosts.used == 0);
	expect(port_tuple_count(g->t) == 1); /* the pool */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct gateway old, new;
	static char *spoilt;
	const size_t all = core_sessions6(&limits) + SESSIONS * sizeof(struct nat_session6);
	struct minato_session s;
	uint64_t cursor = 0;
	size_t left = all, count = 0;

	if (old.n == NULL) {
		old = make();
		fill(&old);
		new = make();
		spoilt = malloc(all);
		expect(spoilt != NULL && old.n->sessions4.used + old.n->sessions6.used >= 20);
	}
	memcpy(spoilt, old.memory, all);
	if (size >= 3) {
		left = ((size_t)data[0] << 16 | (size_t)data[1] << 8 | data[2]) % (2 * all);
		left = left < all ? left : all;
		data += 3;
		size -= 3;
	}
	for (; size >= 4; data += 4, size -= 4) {
		const size_t at = (size_t)data[0] << 16 | (size_t)data[1] << 8 | data[2];
		spoilt[at % all] ^= (char)data[3];
	}
	while (nat_session_salvage(spoilt, left, &limits, &cursor, &s)) {
		judge(&s);
		carry_on(&new, &s);
		expect(++count <= 2 * SESSIONS);
	}
	empty(&new);
	return 0;
}
