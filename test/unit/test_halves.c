/* SPDX-License-Identifier: BSD-2-Clause */
/* Half-open calls of listeners, and cookies above their bound. */
#include <errno.h>

#include "hosts.h"
#include "stack/stack.h"

/* A host whose listeners keep so many; b answers, a calls. */
static struct pair pair_keeping(uint32_t half_open_max)
{
	const struct minato_config ca = small_config(MINATO_LINK_ETHERNET, 1);
	struct minato_config cb = small_config(MINATO_LINK_ETHERNET, 2);

	cb.half_open_max = half_open_max;
	return pair_with(&ca, &cb);
}

/* b's TCP does not reach a, or a's ACKs (with SYN unset) do not reach b. */
struct losses {
	bool from_b, acks;
};

static bool lose(void *user, bool from_a, uint8_t *frame, uint32_t *len)
{
	const struct losses *l = user;
	const bool tcp = frame[12] == 8 && frame[13] == 0;

	(void)len;
	if (!tcp)
		return true;
	return from_a ? !l->acks || (frame[14 + 20 + 13] & TCP_SYN) : !l->from_b;
}

static uint64_t dial(struct pair *p, uint16_t port)
{
	const uint64_t c = open_socket(p->a.m, MINATO_TCP);
	const struct minato_endpoint peer = end("10.0.0.2", port);

	assert_int_equal(minato_set(p->a.m, c, MINATO_OPT_ECN, MINATO_ECN_ASK), 0);
	assert_int_equal(minato_connect(p->a.m, c, &peer), -EINPROGRESS);
	pass(p, 5 * MILLI);
	return c;
}

static uint32_t rows_in(struct minato *m, enum minato_state state)
{
	struct minato_row row;
	uint64_t cursor = 0;
	uint32_t count = 0;

	while (minato_row(m, &cursor, &row))
		count += row.kind == MINATO_KIND_SOCKET && row.state == state;
	return count;
}

/* No slot of a socket, as long as nobody has answered. */
static void a_call_takes_48_bytes(void **state)
{
	struct losses losses = { .from_b = true };
	struct pair p = pair_keeping(8);

	(void)state;
	assert_true(sizeof(struct half) <= 48);
	open_listener(p.b.m, "::", 80, 50);
	p.filter = lose;
	p.user = &losses;
	for (int i = 0; i < 8; i++)
		dial(&p, 80);
	assert_int_equal(p.b.m->halves.pool.used, 8);
	assert_int_equal(p.b.m->sockets.used, 1);
	assert_int_equal(rows_in(p.b.m, MINATO_SYN_RECEIVED), 8);
	assert_int_equal(counter(p.b.m, "cookies_sent"), 0);
	/* Repeated, and given up after 63 s. */
	for (int i = 0; i < 8; i++)
		minato_abort(p.a.m, slots_handle(p.a.m, (uint32_t)i));
	pass(&p, 62 * SECOND);
	assert_int_equal(rows_in(p.b.m, MINATO_SYN_RECEIVED), 8);
	pass(&p, 2 * SECOND);
	assert_int_equal(rows_in(p.b.m, MINATO_SYN_RECEIVED), 0);
	assert_int_equal(p.b.m->halves.pool.used, 0);
	pair_end(&p);
}

static void a_lost_syn_ack_is_repeated(void **state)
{
	struct losses losses = { .from_b = true };
	struct pair p = pair_keeping(8);
	const uint64_t l = open_listener(p.b.m, "::", 80, 50);
	struct minato_info info;
	uint64_t s;

	(void)state;
	p.filter = lose;
	p.user = &losses;
	dial(&p, 80);
	losses.from_b = false;
	pass(&p, 1100 * MILLI);
	assert_int_equal(minato_accept(p.b.m, l, &s, NULL), 0);
	assert_int_equal(minato_info(p.b.m, s, &info), 0);
	assert_int_equal(info.state, MINATO_ESTABLISHED);
	assert_int_equal(p.b.m->halves.pool.used, 0);
	pair_end(&p);
}

static void talk(struct pair *p, uint64_t client, uint64_t server)
{
	char data[8] = "";

	assert_int_equal(minato_send(p->a.m, client, "hello", 5, 0), 5);
	pass(p, 300 * MILLI);
	assert_int_equal(minato_recv(p->b.m, server, data, 8, 0), 5);
	assert_int_equal(minato_send(p->b.m, server, "there", 5, 0), 5);
	pass(p, 300 * MILLI);
	assert_int_equal(minato_recv(p->a.m, client, data, 8, 0), 5);
	assert_memory_equal(data, "there", 5);
}

/* A flood of others' SYNs fills what is kept: whoever is there is served. */
static void above_the_bound_nothing_is_kept(void **state)
{
	struct losses losses = { .from_b = true };
	struct pair p = pair_keeping(2);
	const uint64_t l = open_listener(p.b.m, "::", 80, 50);
	struct minato_info by_cookie, as_any;
	uint64_t c, s;

	(void)state;
	p.filter = lose;
	p.user = &losses;
	for (int i = 0; i < 20; i++)
		dial(&p, 80);
	assert_int_equal(p.b.m->halves.pool.used, 2);
	assert_int_equal(counter(p.b.m, "cookies_sent"), 18);
	assert_int_equal(port_tuple_count(host_table(p.b.m)), 2);
	losses.from_b = false;
	for (int i = 0; i < 20; i++)
		minato_abort(p.a.m, slots_handle(p.a.m, (uint32_t)i));
	settle(&p);
	c = dial(&p, 80);
	assert_int_equal(counter(p.b.m, "cookies_taken"), 1);
	assert_int_equal(minato_accept(p.b.m, l, &s, NULL), 0);
	assert_int_equal(minato_info(p.b.m, s, &by_cookie), 0);
	talk(&p, c, s);
	/* The same as one that was kept. */
	pass(&p, 70 * SECOND);
	dial(&p, 80);
	assert_int_equal(counter(p.b.m, "cookies_taken"), 1);
	assert_int_equal(minato_accept(p.b.m, l, &s, NULL), 0);
	assert_int_equal(minato_info(p.b.m, s, &as_any), 0);
	assert_int_equal(by_cookie.snd_mss, as_any.snd_mss);
	assert_int_equal(by_cookie.snd_wscale, as_any.snd_wscale);
	assert_int_equal(by_cookie.rcv_wscale, as_any.rcv_wscale);
	assert_int_equal(by_cookie.sack, as_any.sack);
	assert_int_equal(by_cookie.timestamps, as_any.timestamps);
	assert_true(by_cookie.ecn && as_any.ecn);
	pair_end(&p);
}

/* The ACK was lost: the first data bring the number once more. */
static void data_complete_a_call_by_cookie(void **state)
{
	struct losses losses = { .from_b = true };
	struct pair p = pair_keeping(1);
	const uint64_t l = open_listener(p.b.m, "::", 80, 50);
	uint64_t c, s;
	char data;

	(void)state;
	p.filter = lose;
	p.user = &losses;
	dial(&p, 80);
	losses = (struct losses){ .acks = true };
	c = dial(&p, 80);
	assert_int_equal(minato_accept(p.b.m, l, &s, NULL), -EAGAIN);
	assert_true(ready(p.a.m, c) & MINATO_CONNECTED);
	losses.acks = false;
	assert_int_equal(minato_send(p.a.m, c, "x", 1, 0), 1);
	settle(&p);
	assert_int_equal(minato_accept(p.b.m, l, &s, NULL), 0);
	assert_int_equal(minato_recv(p.b.m, s, &data, 1, 0), 1);
	talk(&p, c, s);
	pair_end(&p);
}

/* Keeps the first segment of a's with data. */
struct copy {
	uint8_t bytes[256];
	uint32_t len;
};

static bool keep_a_copy(void *user, bool from_a, uint8_t *frame, uint32_t *len)
{
	struct copy *copy = user;
	const bool tcp = frame[12] == 8 && frame[13] == 0;
	const uint32_t headers = 14 + 20 + (tcp ? frame[14 + 20 + 12] / 16u * 4 : 0);

	if (from_a && tcp && copy->len == 0 && *len > headers && *len <= sizeof(copy->bytes) &&
	    !(frame[14 + 20 + 13] & TCP_SYN)) {
		memcpy(copy->bytes, frame, *len);
		copy->len = *len;
	}
	return true;
}

/* What answered a cookie comes again, late, when its connection is over. */
static void a_late_copy_opens_nothing(void **state)
{
	struct losses losses = { .from_b = true };
	struct copy copy = { .len = 0 };
	struct pair p = pair_keeping(1);
	const uint64_t l = open_listener(p.b.m, "::", 80, 50);
	uint64_t c, s;
	char data[8];

	(void)state;
	p.filter = lose;
	p.user = &losses;
	dial(&p, 80);
	p.filter = keep_a_copy;
	p.user = &copy;
	c = dial(&p, 80);
	assert_int_equal(counter(p.b.m, "cookies_taken"), 1);
	assert_int_equal(minato_accept(p.b.m, l, &s, NULL), 0);
	talk(&p, c, s);
	assert_true(copy.len > 0);
	minato_close(p.a.m, c);
	pass(&p, 300 * MILLI);
	assert_int_equal(minato_recv(p.b.m, s, data, sizeof(data), 0), 0);
	minato_close(p.b.m, s);
	pass(&p, 300 * MILLI);
	minato_input(p.b.m, p.b.m->now,
		     &(struct minato_frame){ .data = copy.bytes,
					     .len = copy.len,
					     .chunk = MINATO_CHUNK_NONE },
		     1);
	settle(&p);
	assert_int_equal(counter(p.b.m, "cookies_taken"), 1);
	pair_end(&p);
}

/* An ACK that nobody asked for: a hash, a RST, and no state. */
static void a_wrong_ack_is_refused(void **state)
{
	struct losses losses = { .from_b = true };
	struct pair p = pair_keeping(1);
	uint64_t taken;

	(void)state;
	open_listener(p.b.m, "::", 80, 50);
	p.filter = lose;
	p.user = &losses;
	dial(&p, 80);
	dial(&p, 80);
	assert_int_equal(counter(p.b.m, "cookies_sent"), 1);
	taken = p.b.m->sockets.used;
	losses.from_b = false;
	assert_int_equal(minato_challenge(p.a.m, 0,
					  &(struct minato_endpoint){ addr("10.0.0.1"), 9 },
					  &(struct minato_endpoint){ addr("10.0.0.2"), 80 }),
			 0);
	settle(&p);
	for (uint32_t i = 0; i < 50; i++) {
		const struct port_key key = { .local = addr("10.0.0.1"),
					      .remote = addr("10.0.0.2"),
					      .local_port = (uint16_t)(1000 + i),
					      .remote_port = 80,
					      .face = MINATO_FACE_ANY,
					      .proto = MINATO_TCP };
		const struct tcp_segment ack = { .seq = { i },
						 .ack = { i * 999 },
						 .flags = TCP_ACK };

		icmp_out_segment(p.a.m, &key, &ack);
		settle(&p);
	}
	assert_int_equal(counter(p.b.m, "cookies_failed"), 50);
	assert_int_equal(counter(p.b.m, "cookies_taken"), 0);
	assert_true(counter(p.b.m, "rst_sent") >= 50);
	assert_int_equal(p.b.m->sockets.used, taken);
	/* Once no cookie can be out, none is looked for. */
	pass(&p, 200 * SECOND);
	settle(&p);
	assert_true(time_reached(p.b.m->now, p.b.m->halves.cookies_until));
	pair_end(&p);
}

/* A call that comes while the accept queue is full waits, also by cookie. */
static void a_full_queue_takes_no_cookie(void **state)
{
	struct losses losses = { .from_b = true };
	struct pair p = pair_keeping(1);
	const uint64_t l = open_listener(p.b.m, "::", 80, 1);
	uint64_t s;

	(void)state;
	p.filter = lose;
	p.user = &losses;
	dial(&p, 80);
	losses = (struct losses){ .acks = true };
	dial(&p, 80);
	dial(&p, 80);
	losses.acks = false;
	/* Both speak: one finds room. */
	assert_int_equal(minato_send(p.a.m, slots_handle(p.a.m, 1), "x", 1, 0), 1);
	assert_int_equal(minato_send(p.a.m, slots_handle(p.a.m, 2), "x", 1, 0), 1);
	settle(&p);
	assert_int_equal(counter(p.b.m, "cookies_taken"), 1);
	assert_true(counter(p.b.m, "drop_backlog") >= 1);
	assert_int_equal(minato_accept(p.b.m, l, &s, NULL), 0);
	assert_int_equal(minato_accept(p.b.m, l, &s, NULL), -EAGAIN);
	pass(&p, 5 * SECOND);
	assert_int_equal(minato_accept(p.b.m, l, &s, NULL), 0);
	pair_end(&p);
}

/* A closed listener takes its calls with it, and tells them. */
static void calls_end_with_their_listener(void **state)
{
	struct losses losses = { .acks = true };
	struct pair p = pair_keeping(4);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	const uint64_t other = open_listener(p.b.m, "::", 81, 5);
	uint64_t c, kept;

	(void)state;
	p.filter = lose;
	p.user = &losses;
	c = dial(&p, 80);
	kept = dial(&p, 81);
	assert_int_equal(p.b.m->halves.pool.used, 2);
	assert_int_equal(minato_close(p.b.m, l), 0);
	settle(&p);
	assert_int_equal(p.b.m->halves.pool.used, 1);
	assert_int_equal(minato_error(p.a.m, c), ECONNRESET);
	assert_int_equal(minato_error(p.a.m, kept), 0);
	assert_int_equal(minato_close(p.b.m, other), 0);
	settle(&p);
	assert_int_equal(port_tuple_count(host_table(p.b.m)), 0);
	pair_end(&p);
}

/* The peer takes it back. */
static void a_reset_ends_it(void **state)
{
	struct losses losses = { .acks = true };
	struct pair p = pair_keeping(4);
	uint64_t c;

	(void)state;
	open_listener(p.b.m, "::", 80, 5);
	p.filter = lose;
	p.user = &losses;
	c = dial(&p, 80);
	assert_int_equal(p.b.m->halves.pool.used, 1);
	losses.acks = false;
	assert_int_equal(minato_abort(p.a.m, c), 0);
	settle(&p);
	assert_int_equal(p.b.m->halves.pool.used, 0);
	pair_end(&p);
}

/* --- a flood, and who is served in it ------------------------------------------------------- */

enum kind { SYNS, ACKS, RSTS, DATAGRAMS, KINDS };

/* One packet of somebody who is not there, to the listener or beside it. */
static void spoof(struct pair *p, enum kind kind, uint32_t n)
{
	uint8_t bytes[100] = { 0 };
	const uint32_t r = n * 2654435761u;
	struct tcp_segment t = { .src_port = (uint16_t)(1024 + n % 60000),
				 .dst_port = 80,
				 .seq = { r },
				 .flags = kind == SYNS ? TCP_SYN :
					  kind == ACKS ? TCP_ACK :
							 TCP_RST,
				 .window = 64240 };
	struct ip_build ip = { .src = minato_addr4(20, (uint8_t)(r >> 24), (uint8_t)(r >> 16),
						   (uint8_t)(r >> 8)),
			       .dst = addr("10.0.0.2"),
			       .proto = kind == DATAGRAMS ? IP_PROTO_UDP : IP_PROTO_TCP,
			       .hop_limit = 64 };
	struct minato_frame in = { .data = bytes,
				   .chunk = MINATO_CHUNK_NONE,
				   .csum_trusted = true };
	uint8_t built[60];
	uint32_t len = 8;

	if (kind == ACKS)
		t.ack.v = ~r;
	if (kind == DATAGRAMS)
		udp_build(built, t.src_port, 53, 8);
	else
		len = tcp_build(&t, built);
	ip.payload_len = len;
	in.len = ip_build(&ip, bytes) + len;
	memcpy(bytes + in.len - len, built, len);
	minato_input(p->b.m, p->now, &in, 1);
	/* As a driver would: what is owed goes out, to nowhere. */
	if (n % 16 == 0)
		settle(p);
}

/* Clients that come one after another, each among so many packets of the flood. */
static uint32_t served(enum kind kind, uint32_t clients, uint32_t packets)
{
	const struct minato_config ca = small_config(MINATO_LINK_IP, 1);
	const struct minato_config cb = small_config(MINATO_LINK_IP, 2);
	const struct minato_addr any = addr("0.0.0.0"), via = addr("10.0.0.1");
	struct pair p = pair_with(&ca, &cb);
	const uint64_t l = open_listener(p.b.m, "::", 80, 50);
	uint32_t sockets, good = 0;

	assert_int_equal(minato_route_add(p.b.m, &any, 0, &via, 0), 0);
	for (uint32_t i = 0; i < clients; i++) {
		const uint64_t c = open_socket(p.a.m, MINATO_TCP);
		const struct minato_endpoint to = end("10.0.0.2", 80);
		uint64_t s;

		for (uint32_t n = 0; n < packets / 2; n++)
			spoof(&p, kind, i * packets + n);
		assert_int_equal(minato_connect(p.a.m, c, &to), -EINPROGRESS);
		for (uint32_t n = packets / 2; n < packets; n++)
			spoof(&p, kind, i * packets + n);
		pass(&p, 10 * MILLI);
		sockets = p.b.m->sockets.used;
		if (minato_accept(p.b.m, l, &s, NULL) == 0) {
			talk(&p, c, s);
			minato_abort(p.b.m, s);
			good++;
		}
		minato_abort(p.a.m, c);
		settle(&p);
		/* The listener, and who is there. */
		assert_true(sockets <= 2);
		assert_true(p.b.m->halves.pool.used <= cb.calls_max);
		assert_true(p.b.m->control.count == 0);
		assert_int_equal(p.b.m->payload.small.used + p.b.m->payload.large.used, 0);
	}
	pair_end(&p);
	return good;
}

/* A thousand packets of the flood to each client: every one of them is served at once. */
static void clients_are_served_in_a_flood(void **state)
{
	(void)state;
	for (int kind = 0; kind < KINDS; kind++)
		assert_int_equal(served((enum kind)kind, 25, 1000), 25);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_takes_48_bytes),
		cmocka_unit_test(a_lost_syn_ack_is_repeated),
		cmocka_unit_test(above_the_bound_nothing_is_kept),
		cmocka_unit_test(data_complete_a_call_by_cookie),
		cmocka_unit_test(a_late_copy_opens_nothing),
		cmocka_unit_test(a_wrong_ack_is_refused),
		cmocka_unit_test(a_full_queue_takes_no_cookie),
		cmocka_unit_test(calls_end_with_their_listener),
		cmocka_unit_test(a_reset_ends_it),
		cmocka_unit_test(clients_are_served_in_a_flood),
	};

	return cmocka_run_group_tests_name("halves", tests, NULL, NULL);
}
