/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two hosts talk through a gateway over wires that lose, repeat and reorder:
 *
 *	a 10.0.0.2 --wire-- 10.0.0.1 gateway 198.51.100.1 --wire-- 198.51.100.254 b
 *	                                                        b is 203.0.113.5 too
 *
 * What arrives is what was sent, a stream and datagrams longer than the wire takes; b never hears
 * of 10.0.0.2; and in the end the gateway holds nothing.
 */
#include "gateway_fixture.h"

#include "dice.h"

#define WAY_MAX 512u
#define STREAM 200000u
#define LONG 4000u

enum node { A, GATE, B, NODES };

struct flying {
	int64_t at_ns;
	enum node to;
	uint32_t link, len;
	struct minato_frame like;
	uint8_t *bytes;
};
struct world {
	struct minato *m[NODES];
	struct host host[NODES];
	struct minato_time now;
	struct dice dice;
	uint32_t loss, repeat, reorder; /* of 1,000 */
	struct flying way[WAY_MAX];
	uint32_t count;
};

static struct world w;
static struct gate g;

static void fly(enum node to, uint32_t link, const struct minato_frame_out *f)
{
	uint32_t copies = 1;

	if (dice_below(&w.dice, 1000) < w.loss)
		return;
	if (dice_below(&w.dice, 1000) < w.repeat)
		copies = 2;
	for (uint32_t i = 0; i < copies; i++) {
		struct flying *x = &w.way[w.count];
		if (w.count == WAY_MAX)
			return;
		w.count++;
		*x = (struct flying){
			.at_ns = w.now.ns + MILLI,
			.to = to,
			.link = link,
			.len = f->len,
			.like = { .gso = f->gso,
				  .gso_size = f->gso_size,
				  .csum_trusted = f->csum_start != 0,
				  .csum_partial = f->csum_start != 0 },
			.bytes = malloc(f->len),
		};
		assert_non_null(x->bytes);
		flat(f, x->bytes);
		if (dice_below(&w.dice, 1000) < w.reorder)
			x->at_ns += (int64_t)dice_below(&w.dice, 5) * MILLI;
	}
}

/* Nothing of the inside may be seen out there. */
static void look(const struct minato_frame_out *f)
{
	const uint8_t *ip = (const uint8_t *)f->extents[0].base + 14;

	if (ip[0] >> 4 == 4 && ip[-2] == 8 && ip[-1] == 0) {
		assert_memory_not_equal(ip + 12, "\x0a\0\0", 3);
		assert_int_equal(forge_sum(ip, (ip[0] & 15) * 4u, 0), 0xffff);
	}
}

static void collect(enum node from)
{
	struct minato_frame_out out[32];
	size_t count;

	do {
		count = minato_output(w.m[from], w.now, out, 32);
		for (size_t i = 0; i < count; i++) {
			if (from != GATE)
				fly(GATE, from == A ? 0 : 1, &out[i]);
			else if (out[i].link == 0)
				fly(A, 0, &out[i]);
			else if (out[i].link == 1) {
				look(&out[i]);
				fly(B, 0, &out[i]);
			}
		}
	} while (count == 32);
}

static void deliver(void)
{
	for (uint32_t i = 0; i < w.count;) {
		struct flying x = w.way[i];
		struct minato_extent where;
		if (x.at_ns > w.now.ns) {
			i++;
			continue;
		}
		w.way[i] = w.way[--w.count];
		x.like.chunk = minato_lease(w.m[x.to], &where);
		if (x.like.chunk != MINATO_CHUNK_NONE) {
			memcpy(where.base, x.bytes, x.len);
			x.like.data = where.base;
			x.like.len = x.len;
			x.like.link = x.link;
			minato_input(w.m[x.to], w.now, &x.like, 1);
		}
		free(x.bytes);
	}
}

static void turn(void)
{
	for (int n = 0; n < NODES; n++)
		collect((enum node)n);
	w.now.ns += MILLI;
	deliver();
	for (int n = 0; n < NODES; n++)
		minato_advance(w.m[n], w.now);
}

static struct minato_config end_config(uint8_t tail)
{
	struct minato_config c = small_config(MINATO_LINK_ETHERNET, tail);

	c.chunks_large = 256;
	/* Super-segments come from there, and are cut here. */
	c.link[0].offloads = MINATO_OFFLOAD_CSUM | MINATO_OFFLOAD_TSO4;
	return c;
}

static void add(struct minato *m, const char *text, uint32_t prefix)
{
	const struct minato_addr a = addr(text);

	assert_int_equal(minato_address_add(m, 0, &a, prefix), 0);
}

static void begin(uint64_t seed, uint32_t trouble)
{
	struct minato_config a = end_config(7), b = end_config(8);
	struct minato_config c = gate_config(MINATO_LINK_ETHERNET);
	const struct minato_addr any = minato_addr4(0, 0, 0, 0);
	const struct minato_addr by = addr("10.0.0.1");
	const uint8_t b_mac[6] = { 2, 0, 0, 0, 0, 8 };
	const uint8_t a_mac[6] = { 2, 0, 0, 0, 0, 7 };
	const struct minato_addr a_addr = addr("10.0.0.2");
	const struct minato_addr b_addr = addr("198.51.100.254");

	memset(&w, 0, sizeof(w));
	w.now.ns = 10 * SECOND;
	w.dice.state = seed;
	w.loss = trouble;
	w.repeat = trouble;
	w.reorder = 5 * trouble;
	c.link[1].mtu = 1300;
	gate_with(&g, &c);
	w.m[GATE] = g.m;
	assert_int_equal(minato_neighbour_add(g.m, 0, &a_addr, a_mac), 0);
	assert_int_equal(minato_neighbour_add(g.m, 1, &b_addr, b_mac), 0);
	w.host[A] = host_new(&a, w.now);
	w.host[B] = host_new(&b, w.now);
	w.m[A] = w.host[A].m;
	w.m[B] = w.host[B].m;
	add(w.m[A], "10.0.0.2", 24);
	assert_int_equal(minato_route_add(w.m[A], &any, 0, &by, 0), 0);
	add(w.m[B], "198.51.100.254", 24);
	add(w.m[B], "203.0.113.5", 32);
}

static void end_world(void)
{
	/* What was to be put together is given up. */
	w.loss = 0;
	for (uint32_t i = 0; i < 70000 / 20; i++) {
		turn();
		w.now.ns += 20 * MILLI;
	}
	minato_output(g.m, w.now, NULL, 0);
	assert_int_equal(g.m->payload.large.used, 0);
	assert_int_equal(g.m->payload.small.used, 0);
	for (uint32_t i = 0; i < w.count; i++)
		free(w.way[i].bytes);
	host_end(&w.host[A]);
	host_end(&w.host[B]);
	gate_end(&g);
}

static uint8_t byte_at(uint32_t i)
{
	return (uint8_t)(i * 31 + (i >> 8));
}

/* A stream from one to the other, once their connection stands. */
static void stream(struct minato *from, uint64_t out, struct minato *to, uint64_t in)
{
	static uint8_t bytes[8192];
	uint32_t sent = 0, got = 0;

	for (uint32_t turns = 0; got < STREAM; turns++) {
		int64_t n;
		assert_true(turns < 200000);
		for (uint32_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = byte_at(sent + i);
		n = sent < STREAM ? minato_send(from, out, bytes,
						STREAM - sent < sizeof(bytes) ? STREAM - sent :
										sizeof(bytes),
						0) :
				    0;
		if (n > 0)
			sent += (uint32_t)n;
		while ((n = minato_recv(to, in, bytes, sizeof(bytes), 0)) > 0)
			for (uint32_t i = 0; i < (uint32_t)n; i++, got++)
				assert_int_equal(bytes[i], byte_at(got));
		turn();
	}
	assert_int_equal(got, STREAM);
}

static void a_stream_there_and_back(uint64_t seed, uint32_t trouble)
{
	const struct minato_endpoint to = end("203.0.113.5", 80);
	uint64_t listener, client, server = 0;
	struct minato_endpoint peer;

	begin(seed, trouble);
	listener = open_listener(w.m[B], "0.0.0.0", 80, 8);
	client = open_socket(w.m[A], MINATO_TCP);
	assert_int_equal(minato_connect(w.m[A], client, &to), -115);
	for (uint32_t i = 0; minato_accept(w.m[B], listener, &server, &peer) != 0; i++) {
		assert_true(i < 100000);
		turn();
	}
	assert_addr(&peer.addr, "198.51.100.1");
	stream(w.m[A], client, w.m[B], server);
	stream(w.m[B], server, w.m[A], client);
	assert_true(counter(g.m, "passed") > 2 * STREAM / 65536);
	end_world();
}

static void streams(void **state)
{
	(void)state;
	a_stream_there_and_back(1, 0);
	for (uint64_t seed = 2; seed < 6; seed++)
		a_stream_there_and_back(seed, 20);
}

/* Each is four fragments on its way out, and five back; a lost one is sent again by nobody. */
static void long_datagrams(void **state)
{
	static uint8_t bytes[LONG], got[LONG + 1];

	(void)state;
	for (uint64_t seed = 1; seed < 5; seed++) {
		const struct minato_datagram to = { .remote = end("203.0.113.5", 7) };
		uint32_t came = 0, answered = 0;
		uint64_t a, b;
		begin(seed, seed == 1 ? 0 : 20);
		a = open_socket(w.m[A], MINATO_UDP);
		b = open_bound(w.m[B], MINATO_UDP, "203.0.113.5", 7);
		for (uint32_t i = 0; i < 100; i++) {
			struct minato_datagram from = { 0 };
			for (uint32_t k = 0; k < LONG; k++)
				bytes[k] = (uint8_t)(k * 7 + i);
			assert_int_equal(minato_send_datagram(w.m[A], a, &to, bytes, LONG), LONG);
			for (int t = 0; t < 12; t++)
				turn();
			while (minato_recv_datagram(w.m[B], b, &from, got, sizeof(got), 0) ==
			       LONG) {
				const struct minato_datagram back = { .remote = from.remote };
				assert_addr(&from.remote.addr, "198.51.100.1");
				assert_int_equal(minato_send_datagram(w.m[B], b, &back, got, LONG),
						 LONG);
				came++;
			}
			for (int t = 0; t < 12; t++)
				turn();
			while (minato_recv(w.m[A], a, got, sizeof(got), 0) == LONG) {
				for (uint32_t k = 0; k < LONG; k++)
					assert_int_equal((uint8_t)(got[k] - got[0]),
							 (uint8_t)(k * 7));
				answered++;
			}
		}
		assert_true(seed == 1 ? answered == 100 : answered > 30);
		assert_true(came >= answered / 2);
		end_world();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams),
		cmocka_unit_test(long_datagrams),
	};

	return cmocka_run_group_tests_name("through", tests, NULL, NULL);
}
