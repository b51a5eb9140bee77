/* SPDX-License-Identifier: BSD-2-Clause */
/* Connections and memory, fair to each source: who gives way, and who never. */
#include <errno.h>

#include "hosts.h"

#include "base/hash.h"
#include "dice.h"
#include "stack/stack.h"

#define HOSTILE "10.0.0.1"
#define HONEST "10.0.0.3"

/* a is the world: many sources. b serves. */
static struct pair pair_serving(const struct minato_config *cb)
{
	const struct minato_config ca = small_config(MINATO_LINK_IP, 1);
	struct pair p = pair_with(&ca, cb);
	const char *const more[] = { HONEST, "10.0.0.4", "10.0.0.5" };

	for (size_t i = 0; i < 3; i++) {
		const struct minato_addr ours = addr(more[i]);
		assert_int_equal(minato_address_add(p.a.m, 0, &ours, 24), 0);
	}
	return p;
}

static struct pair pair_default(void)
{
	const struct minato_config cb = small_config(MINATO_LINK_IP, 2);

	return pair_serving(&cb);
}

static uint64_t dial(struct pair *p, const char *from)
{
	const uint64_t c = open_bound(p->a.m, MINATO_TCP, from, 0);
	const struct minato_endpoint peer = end("10.0.0.2", 80);

	assert_int_equal(minato_connect(p->a.m, c, &peer), -EINPROGRESS);
	pass(p, 2 * MILLI);
	return c;
}

static bool is_open(struct minato *m, uint64_t s)
{
	struct minato_info info;

	assert_int_equal(minato_info(m, s, &info), 0);
	return info.state == MINATO_ESTABLISHED;
}

static uint32_t count_open(struct minato *m, const uint64_t *s, uint32_t count)
{
	uint32_t open = 0;

	for (uint32_t i = 0; i < count; i++)
		open += is_open(m, s[i]);
	return open;
}

/* --- accept queues --- */

static void a_full_queue_has_room_for_another_source(void **state)
{
	struct pair p = pair_default();
	const uint64_t l = open_listener(p.b.m, "::", 80, 8);
	uint64_t hostile[8], honest, s;
	struct minato_endpoint peer;
	bool served = false;

	(void)state;
	for (int i = 0; i < 8; i++)
		hostile[i] = dial(&p, HOSTILE);
	assert_int_equal(count_open(p.a.m, hostile, 8), 8);
	honest = dial(&p, HONEST);
	assert_true(is_open(p.a.m, honest));
	assert_int_equal(count_open(p.a.m, hostile, 8), 7);
	assert_int_equal(counter(p.b.m, "backlog_victim"), 1);
	while (minato_accept(p.b.m, l, &s, &peer) == 0) {
		const struct minato_addr who = addr(HONEST);
		served |= minato_addr_equal(&peer.addr, &who);
	}
	assert_true(served);
	pair_end(&p);
}

static void a_source_alone_has_all_of_the_queue(void **state)
{
	struct pair p = pair_default();
	uint64_t c[9];

	(void)state;
	open_listener(p.b.m, "::", 80, 8);
	for (int i = 0; i < 9; i++)
		c[i] = dial(&p, HOSTILE);
	assert_int_equal(count_open(p.a.m, c, 9), 8);
	assert_int_equal(counter(p.b.m, "backlog_victim"), 0);
	assert_int_equal(counter(p.b.m, "drop_backlog"), 1);
	pair_end(&p);
}

/* Three sources end with about as much each, and none with nothing. */
static void a_full_queue_becomes_even(void **state)
{
	struct pair p = pair_default();
	const uint64_t l = open_listener(p.b.m, "::", 80, 24);
	uint32_t of[3] = { 0 };
	const char *const from[3] = { HOSTILE, HONEST, "10.0.0.4" };
	struct minato_endpoint peer;
	uint64_t s;

	(void)state;
	for (int i = 0; i < 24; i++)
		dial(&p, HOSTILE);
	for (int i = 0; i < 24; i++) {
		dial(&p, HONEST);
		dial(&p, from[2]);
	}
	while (minato_accept(p.b.m, l, &s, &peer) == 0)
		for (int i = 0; i < 3; i++) {
			const struct minato_addr who = addr(from[i]);
			of[i] += minato_addr_equal(&peer.addr, &who);
		}
	assert_int_equal(of[0] + of[1] + of[2], 24);
	for (int i = 0; i < 3; i++)
		assert_in_range(of[i], 4, 16);
	pair_end(&p);
}

/* The last ACK of the handshake does not get through. */
static bool only_syns(void *user, bool from_a, uint8_t *frame, uint32_t *len)
{
	(void)user;
	(void)len;
	return !from_a || (frame[20 + 13] & TCP_SYN);
}

static void a_syn_moves_nobody(void **state)
{
	struct pair p = pair_default();
	uint64_t hostile[8];

	(void)state;
	open_listener(p.b.m, "::", 80, 8);
	for (int i = 0; i < 8; i++)
		hostile[i] = dial(&p, HOSTILE);
	p.filter = only_syns;
	for (int i = 0; i < 20; i++)
		dial(&p, HONEST);
	assert_int_equal(count_open(p.a.m, hostile, 8), 8);
	assert_int_equal(counter(p.b.m, "backlog_victim"), 0);
	pair_end(&p);
}

/* --- slots --- */

/* b's program: takes all that come, closes what is over. */
struct program {
	uint64_t listener, held[256];
	uint32_t count;
	uint32_t aborted;
};

static void serve(struct pair *p, struct program *g)
{
	struct minato_event e;
	uint64_t s;

	while (minato_event(p->b.m, &e)) {
		if (e.socket == g->listener || !(e.ready & MINATO_ERROR))
			continue;
		g->aborted += minato_error(p->b.m, e.socket) == ECONNABORTED;
		assert_int_equal(minato_close(p->b.m, e.socket), 0);
		for (uint32_t i = 0; i < g->count; i++)
			if (g->held[i] == e.socket)
				g->held[i] = g->held[--g->count];
	}
	while (minato_accept(p->b.m, g->listener, &s, NULL) == 0) {
		assert_true(g->count < 256);
		g->held[g->count++] = s;
	}
}

static uint32_t held_by(struct pair *p, const struct program *g, const char *text)
{
	const struct minato_addr who = addr(text);
	struct minato_endpoint peer;
	uint32_t count = 0;

	for (uint32_t i = 0; i < g->count; i++)
		if (minato_peer(p->b.m, g->held[i], &peer) == 0)
			count += minato_addr_equal(&peer.addr, &who);
	return count;
}

static void whoever_holds_all_slots_gives_way(void **state)
{
	struct minato_config cb = small_config(MINATO_LINK_IP, 2);
	struct program g = { 0 };
	uint64_t honest[12];
	struct pair p;

	(void)state;
	cb.sockets_max = 64;
	p = pair_serving(&cb);
	g.listener = open_listener(p.b.m, "::", 80, 64);
	for (int i = 0; i < 100; i++) {
		dial(&p, HOSTILE);
		serve(&p, &g);
	}
	/* Alone it may have all; nobody is reset for one of his own. */
	assert_int_equal(g.aborted, 0);
	assert_true(g.count > 58);
	/* Who comes is served, however fast the other one asks again. */
	for (int i = 0; i < 12; i++) {
		honest[i] = dial(&p, HONEST);
		assert_int_equal(minato_send(p.a.m, honest[i], "x", 1, 0), 1);
		serve(&p, &g);
		for (int n = 0; n < 5; n++)
			dial(&p, HOSTILE);
		serve(&p, &g);
	}
	pass(&p, 1200 * MILLI); /* the first may have to ask twice */
	serve(&p, &g);
	assert_int_equal(held_by(&p, &g, HONEST), 12);
	assert_int_equal(count_open(p.a.m, honest, 12), 12);
	assert_true(held_by(&p, &g, HOSTILE) >= 20);
	assert_true(counter(p.b.m, "source_victim") >= 9);
	pair_end(&p);
}

static void the_silent_go_before_those_who_speak(void **state)
{
	struct minato_config cb = small_config(MINATO_LINK_IP, 2);
	struct program g = { 0 };
	uint64_t c[60];
	struct pair p;

	(void)state;
	cb.sockets_max = 64;
	p = pair_serving(&cb);
	g.listener = open_listener(p.b.m, "::", 80, 64);
	for (int i = 0; i < 60; i++) {
		c[i] = dial(&p, HOSTILE);
		serve(&p, &g);
	}
	/* Every second one says something now and then. */
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 60; i += 2)
			if (is_open(p.a.m, c[i]))
				assert_int_equal(minato_send(p.a.m, c[i], "x", 1, 0), 1);
		pass(&p, SECOND);
		dial(&p, HONEST);
		serve(&p, &g);
	}
	assert_true(g.aborted >= 18);
	for (int i = 0; i < 60; i += 2)
		assert_true(is_open(p.a.m, c[i]));
	pair_end(&p);
}

static void a_source_may_have_a_bound(void **state)
{
	struct minato_config cb = small_config(MINATO_LINK_IP, 2);
	struct program g = { 0 };
	uint64_t c[8];
	struct pair p;

	(void)state;
	cb.source_connections_max = 5;
	p = pair_serving(&cb);
	g.listener = open_listener(p.b.m, "::", 80, 64);
	for (int i = 0; i < 8; i++) {
		c[i] = dial(&p, HOSTILE);
		serve(&p, &g);
	}
	assert_int_equal(count_open(p.a.m, c, 8), 5);
	assert_int_equal(counter(p.b.m, "drop_source"), 3);
	assert_true(is_open(p.a.m, dial(&p, HONEST)));
	/* One that ends makes room for the next. */
	minato_abort(p.a.m, c[0]);
	pass(&p, 10 * MILLI);
	serve(&p, &g);
	assert_true(is_open(p.a.m, dial(&p, HOSTILE)));
	pair_end(&p);
}

static uint32_t place_of(const struct minato *m, const struct minato_addr *a)
{
	return (uint32_t)hash_table(&m->limit_key, a->bytes + 8, 8) % SHARE_PLACES;
}

/* Places are fewer than sources: one who has nothing is not held for another. */
static void who_shares_a_place_is_not_the_other(void **state)
{
	struct minato_config cb = small_config(MINATO_LINK_IP, 2);
	const struct minato_addr net = addr("10.0.0.0"), hostile = addr(HOSTILE);
	struct program g = { 0 };
	struct minato_addr other;
	uint64_t c[3];
	char text[64];
	struct pair p;

	(void)state;
	cb.source_connections_max = 2;
	p = pair_serving(&cb);
	assert_int_equal(minato_route_add(p.b.m, &net, 8, NULL, 0), 0);
	for (uint32_t i = 0; i < 1u << 20; i++) {
		other = minato_addr4(10, (uint8_t)(1 + (i >> 16)), (uint8_t)(i >> 8), (uint8_t)i);
		if (place_of(p.b.m, &other) == place_of(p.b.m, &hostile))
			break;
	}
	assert_int_equal(place_of(p.b.m, &other), place_of(p.b.m, &hostile));
	assert_int_equal(minato_address_add(p.a.m, 0, &other, 8), 0);
	g.listener = open_listener(p.b.m, "::", 80, 64);
	for (int i = 0; i < 3; i++) {
		c[i] = dial(&p, HOSTILE);
		serve(&p, &g);
	}
	assert_int_equal(count_open(p.a.m, c, 3), 2);
	minato_addr_format(&other, text, sizeof(text));
	assert_true(is_open(p.a.m, dial(&p, text)));
	assert_true(is_open(p.a.m, dial(&p, text)));
	assert_false(is_open(p.a.m, dial(&p, text)));
	pair_end(&p);
}

static void a_slash_64_is_one_source(void **state)
{
	struct minato_config cb = small_config(MINATO_LINK_IP, 2);
	const char *const from[4] = { "fd00::1", "fd00::aaaa", "fd00::1:2:3:4", "fd00:0:0:1::1" };
	const struct minato_endpoint peer = end("fd00::2", 80);
	uint64_t c[4];
	struct pair p;

	(void)state;
	cb.source_connections_max = 2;
	p = pair_serving(&cb);
	for (int i = 0; i < 4; i++) {
		const struct minato_addr ours = addr(from[i]);
		const struct minato_addr net = addr("fd00::");
		if (i > 0)
			assert_int_equal(minato_address_add(p.a.m, 0, &ours, 64), 0);
		if (i == 0)
			assert_int_equal(minato_route_add(p.b.m, &net, 32, NULL, 0), 0);
	}
	open_listener(p.b.m, "::", 80, 64);
	for (int i = 0; i < 4; i++) {
		c[i] = open_bound(p.a.m, MINATO_TCP, from[i], 0);
		assert_int_equal(minato_connect(p.a.m, c[i], &peer), -EINPROGRESS);
		pass(&p, 2 * MILLI);
	}
	assert_true(is_open(p.a.m, c[0]) && is_open(p.a.m, c[1]));
	assert_false(is_open(p.a.m, c[2]));
	assert_true(is_open(p.a.m, c[3]));
	pair_end(&p);
}

/* --- blocks of those that move --- */

/* What begins with an x is lost, and sent again in vain. */
static bool no_x(void *user, bool from_a, uint8_t *frame, uint32_t *len)
{
	const uint32_t headers = 20u + (frame[32] >> 4) * 4u;

	(void)user;
	return !from_a || *len <= headers || frame[headers] != 'x';
}

/* A byte behind a hole, for ever. */
static void leave_hole(struct pair *p, struct program *g)
{
	const uint64_t c = dial(p, HOSTILE);

	serve(p, g);
	assert_int_equal(minato_set(p->a.m, c, MINATO_OPT_NODELAY, 1), 0);
	assert_int_equal(minato_send(p->a.m, c, "x", 1, 0), 1);
	pass(p, MILLI);
	assert_int_equal(minato_send(p->a.m, c, "y", 1, 0), 1);
	pass(p, MILLI);
}

/* One question, heard; how long that takes. */
static int64_t question(struct pair *p, struct program *g)
{
	const int64_t since = p->now.ns;
	const uint64_t c = dial(p, HONEST);
	char byte = 0;

	serve(p, g);
	assert_int_equal(minato_send(p->a.m, c, "q", 1, 0), 1);
	while (minato_recv(p->b.m, g->held[g->count - 1], &byte, 1, 0) != 1) {
		pass(p, MILLI);
		assert_true(p->now.ns - since < 3 * SECOND);
	}
	assert_int_equal(byte, 'q');
	minato_abort(p->a.m, c);
	pass(p, MILLI);
	serve(p, g);
	return p->now.ns - since;
}

static void whoever_holds_all_blocks_gives_way(void **state)
{
	struct minato_config cb = small_config(MINATO_LINK_IP, 2);
	struct program g = { 0 };
	struct pair p;

	(void)state;
	cb.active_max = 32;
	cb.sockets_max = 1000;
	p = pair_serving(&cb);
	p.filter = no_x;
	g.listener = open_listener(p.b.m, "::", 80, 64);
	for (int i = 0; i < 60; i++)
		leave_hole(&p, &g);
	/* Alone he may have them all. */
	assert_int_equal(p.b.m->tcp.active.used, 32);
	assert_int_equal(g.aborted, 0);
	for (int i = 0; i < 20; i++) {
		assert_true(question(&p, &g) < 100 * MILLI);
		leave_hole(&p, &g);
	}
	/* No more of his go than are wanted. */
	assert_in_range(g.aborted, 1, 8);
	assert_true(held_by(&p, &g, HOSTILE) >= 60);
	pair_end(&p);
}

static void a_source_alone_keeps_its_blocks(void **state)
{
	struct minato_config cb = small_config(MINATO_LINK_IP, 2);
	struct program g = { 0 };
	struct pair p;

	(void)state;
	cb.active_max = 32;
	cb.sockets_max = 1000;
	p = pair_serving(&cb);
	p.filter = no_x;
	g.listener = open_listener(p.b.m, "::", 80, 64);
	for (int i = 0; i < 120; i++)
		leave_hole(&p, &g);
	assert_int_equal(g.aborted, 0);
	assert_int_equal(counter(p.b.m, "source_victim"), 0);
	pair_end(&p);
}

/* --- memory for those who do not take it --- */

static uint64_t in_use(const struct minato *m)
{
	return (uint64_t)m->payload.large.used * MINATO_CHUNK_LARGE +
	       (uint64_t)m->payload.small.used * MINATO_CHUNK_SMALL;
}

/* A client that asks and never reads; the server writes what it may. */
static void ask(struct pair *p, struct program *g, const char *from)
{
	static char page[100000];
	uint64_t c;

	pass(p, 6 * SECOND); /* a source of which one was reset waits */
	c = dial(p, from);
	assert_int_equal(minato_set(p->a.m, c, MINATO_OPT_RCVBUF, 4096), 0);
	serve(p, g);
	for (uint32_t i = 0; i < g->count; i++)
		while (minato_send(p->b.m, g->held[i], page, sizeof(page), 0) > 0)
			;
	pass(p, 300 * MILLI);
	serve(p, g);
}

static void closed_windows_hold_no_more_than_their_bound(void **state)
{
	struct minato_config cb = small_config(MINATO_LINK_IP, 2);
	struct program g = { 0 };
	struct pair p;

	(void)state;
	cb.chunks_large = 256;
	cb.chunks_small = 4096;
	cb.pinned_kb_max = 2048;
	p = pair_serving(&cb);
	g.listener = open_listener(p.b.m, "::", 80, 64);
	for (int i = 0; i < 40; i++) {
		ask(&p, &g, HOSTILE);
		assert_true(in_use(p.b.m) < (2048 + 1024) * 1024);
	}
	assert_true(counter(p.b.m, "pinned_victim") >= 20);
	assert_true(g.aborted >= 20);
	pair_end(&p);
}

/* Of two with closed windows the one with more gives way. */
static void who_pins_most_gives_way(void **state)
{
	struct minato_config cb = small_config(MINATO_LINK_IP, 2);
	struct program g = { 0 };
	struct pair p;

	(void)state;
	cb.chunks_large = 256;
	cb.chunks_small = 4096;
	cb.pinned_kb_max = 2048;
	p = pair_serving(&cb);
	g.listener = open_listener(p.b.m, "::", 80, 64);
	ask(&p, &g, HONEST);
	for (int i = 0; i < 30; i++)
		ask(&p, &g, HOSTILE);
	assert_int_equal(held_by(&p, &g, HONEST), 1);
	pair_end(&p);
}

/* Without a bound of its own: as soon as others want the memory. */
static void closed_windows_make_way_when_memory_is_short(void **state)
{
	static char page[200000];
	struct pair p = pair_default();
	struct program g = { .listener = open_listener(p.b.m, "::", 80, 64) };
	uint64_t c, sent = 0, read = 0;
	int64_t n;

	(void)state;
	for (int i = 0; i < 40; i++)
		ask(&p, &g, HOSTILE);
	c = dial(&p, HONEST);
	serve(&p, &g);
	for (int i = 0; i < 500 && read < sizeof(page); i++) {
		const uint64_t s = g.held[g.count - 1];
		n = minato_send(p.b.m, s, page, sizeof(page) - sent, 0);
		sent += n > 0 ? (uint64_t)n : 0;
		pass(&p, 2 * MILLI);
		n = minato_recv(p.a.m, c, page, sizeof(page), 0);
		read += n > 0 ? (uint64_t)n : 0;
	}
	assert_int_equal(read, sizeof(page));
	assert_int_equal(held_by(&p, &g, HONEST), 1);
	assert_true(counter(p.b.m, "pinned_victim") > 0);
	pair_end(&p);
}

/* An RTO that is long, or a window that was closed for a moment, is no crime
   while there is enough. */
static void a_closed_window_may_stay_while_there_is_room(void **state)
{
	struct pair p = pair_default();
	struct program g = { .listener = open_listener(p.b.m, "::", 80, 64) };

	(void)state;
	ask(&p, &g, HOSTILE);
	pass(&p, 3600 * SECOND);
	serve(&p, &g);
	assert_int_equal(g.count, 1);
	assert_true(is_open(p.b.m, g.held[0]));
	assert_int_equal(counter(p.b.m, "pinned_victim"), 0);
	pair_end(&p);
}

/* --- the trees --- */

static const struct share *share_in(const struct minato *m)
{
	return (const void *)((const char *)m + m->share);
}

static void audit(const struct minato *m)
{
	const struct share *h = share_in(m);
	uint32_t most = 0;
	uint64_t pinned = 0, all = 0;

	for (uint32_t i = 0; i < SHARE_PLACES; i++) {
		if (h->place[i].count > most)
			most = h->place[i].count;
		if (h->place[i].pinned > pinned)
			pinned = h->place[i].pinned;
		all += h->place[i].pinned;
	}
	assert_int_equal(h->place[h->most[SHARE_COUNT][1]].count, most);
	assert_int_equal(h->place[h->most[SHARE_PINNED][1]].pinned, pinned);
	assert_int_equal(h->pinned, all);
}

static void the_largest_is_known(void **state)
{
	struct minato_config cb = small_config(MINATO_LINK_IP, 2);
	struct host h = host_new(&cb, (struct minato_time){ SECOND });
	bool in[512] = { false };
	struct dice d = { 7 };

	(void)state;
	for (uint32_t i = 0; i < 512; i++)
		(void)slots_take(h.m, MINATO_TCP, 0);
	for (uint32_t n = 0; n < 20000; n++) {
		const uint32_t i = dice_below(&d, 512);
		const struct minato_addr who =
			minato_addr4(10, 0, 0, (uint8_t)dice_below(&d, 1 + n / 400));
		if (in[i])
			share_leave(h.m, i);
		else
			share_enter(h.m, i, &who);
		in[i] = !in[i];
		if (n % 16 == 0)
			audit(h.m);
	}
	for (uint32_t i = 0; i < 512; i++)
		share_leave(h.m, i);
	audit(h.m);
	assert_int_equal(share_in(h.m)->place[share_in(h.m)->most[SHARE_COUNT][1]].count, 0);
	host_end(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_queue_has_room_for_another_source),
		cmocka_unit_test(a_source_alone_has_all_of_the_queue),
		cmocka_unit_test(a_full_queue_becomes_even),
		cmocka_unit_test(a_syn_moves_nobody),
		cmocka_unit_test(whoever_holds_all_slots_gives_way),
		cmocka_unit_test(the_silent_go_before_those_who_speak),
		cmocka_unit_test(a_source_may_have_a_bound),
		cmocka_unit_test(who_shares_a_place_is_not_the_other),
		cmocka_unit_test(a_slash_64_is_one_source),
		cmocka_unit_test(whoever_holds_all_blocks_gives_way),
		cmocka_unit_test(a_source_alone_keeps_its_blocks),
		cmocka_unit_test(closed_windows_hold_no_more_than_their_bound),
		cmocka_unit_test(who_pins_most_gives_way),
		cmocka_unit_test(closed_windows_make_way_when_memory_is_short),
		cmocka_unit_test(a_closed_window_may_stay_while_there_is_room),
		cmocka_unit_test(the_largest_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
