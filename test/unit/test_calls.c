/* SPDX-License-Identifier: BSD-2-Clause */
/* New flows: backlog, children of listeners, held calls and their answers. */
#include <errno.h>

#include "hosts.h"
#include "stack/stack.h"

#define WORD UINT64_C(0xfeedface)

/* b is the way to everywhere; a's default route leads there. */
static struct pair outside(uint32_t calls_max)
{
	struct minato_config ca = small_config(MINATO_LINK_ETHERNET, 1);
	struct minato_config cb = small_config(MINATO_LINK_ETHERNET, 2);
	const struct minato_addr any4 = addr("0.0.0.0"), any6 = addr("::");
	const struct minato_addr via4 = addr("10.0.0.2"), via6 = addr("fd00::2");
	const struct minato_entry uplink = {
		.kind = MINATO_KIND_UPLINK,
		.face = MINATO_FACE_ANY,
		.last = 65535,
		.user = WORD,
	};
	struct pair p;
	uint64_t handle;

	cb.link[0].any_destination = true;
	cb.link[0].proxy = true;
	cb.calls_max = calls_max;
	p = pair_with(&ca, &cb);
	assert_int_equal(minato_route_add(p.a.m, &any4, 0, &via4, 0), 0);
	assert_int_equal(minato_route_add(p.a.m, &any6, 0, &via6, 0), 0);
	assert_int_equal(minato_entry_add(p.b.m, &uplink, &handle), 0);
	return p;
}

static uint64_t dial(struct pair *p, const char *to)
{
	const uint64_t c = open_socket(p->a.m, MINATO_TCP);
	const struct minato_endpoint peer = end(to, 80);

	assert_int_equal(minato_connect(p->a.m, c, &peer), -EINPROGRESS);
	pass(p, 5 * MILLI);
	return c;
}

static uint64_t next_call(struct minato *m)
{
	struct minato_event e;

	while (minato_event(m, &e))
		if (e.ready & MINATO_CALL)
			return e.socket;
	return 0;
}

static void answered(const char *to)
{
	struct pair p = outside(32);
	const uint64_t c = dial(&p, to);
	struct minato_event e;
	struct minato_endpoint local, peer;
	const struct minato_endpoint want = end(to, 80);
	char data[10];

	assert_true(minato_event(p.b.m, &e));
	assert_int_equal(e.ready, MINATO_CALL);
	assert_true(e.user == WORD);
	assert_false(minato_event(p.b.m, &(struct minato_event){ 0 }));
	assert_int_equal(minato_local(p.b.m, e.socket, &local), 0);
	assert_int_equal(minato_peer(p.b.m, e.socket, &peer), 0);
	assert_true(minato_addr_equal(&local.addr, &want.addr));
	assert_int_equal(local.port, 80);
	/* Nothing is answered while it is held, also not a repeated SYN. */
	pass(&p, 3 * SECOND);
	assert_int_equal(ready(p.a.m, c), 0);
	assert_false(minato_event(p.b.m, &e));
	assert_true(counter(p.b.m, "drop_duplicate_call") > 0);
	e.socket = p.b.m ? slots_handle(p.b.m, p.b.m->held.head) : 0;
	assert_int_equal(minato_answer(p.b.m, e.socket), 0);
	assert_int_equal(minato_answer(p.b.m, e.socket), -EINVAL);
	pass(&p, 5 * MILLI);
	assert_true(ready(p.a.m, c) & MINATO_CONNECTED);
	assert_true(ready(p.b.m, e.socket) & MINATO_CONNECTED);
	assert_int_equal(minato_send(p.a.m, c, "hi", 2, 0), 2);
	settle(&p);
	assert_int_equal(minato_recv(p.b.m, e.socket, data, 10, 0), 2);
	pair_end(&p);
}

static void test_answer(void **state)
{
	(void)state;
	answered("198.51.100.7");
	answered("2001:db8::7");
}

static void test_refuse(void **state)
{
	struct pair p = outside(32);
	const uint64_t c = dial(&p, "198.51.100.7");
	const uint64_t call = next_call(p.b.m);

	(void)state;
	assert_int_equal(minato_refuse(p.b.m, call), 0);
	assert_int_equal(minato_refuse(p.b.m, call), -EBADF);
	settle(&p);
	assert_int_equal(minato_error(p.a.m, c), ECONNREFUSED);
	assert_int_equal(p.b.m->sockets.used, 0);
	pair_end(&p);
}

static void rejected(const char *to, enum minato_reason reason, int hard)
{
	struct pair p = outside(32);
	const uint64_t c = dial(&p, to);

	assert_int_equal(minato_reject(p.b.m, next_call(p.b.m), reason), 0);
	settle(&p);
	assert_int_equal(counter(p.a.m, "icmp_errors_received"), 1);
	assert_int_equal(minato_error(p.a.m, c), hard);
	pair_end(&p);
}

static void test_reject(void **state)
{
	(void)state;
	rejected("198.51.100.7", MINATO_REASON_PROHIBITED, EHOSTUNREACH);
	rejected("198.51.100.7", MINATO_REASON_PORT, ECONNREFUSED);
	rejected("2001:db8::7", MINATO_REASON_PROHIBITED, EACCES);
	rejected("2001:db8::7", MINATO_REASON_PORT, ECONNREFUSED);
	/* Soft ones do not end a connection (MUST-56). */
	rejected("198.51.100.7", MINATO_REASON_NETWORK, 0);
	rejected("198.51.100.7", MINATO_REASON_HOST, 0);
	rejected("2001:db8::7", MINATO_REASON_HOST, 0);
}

static void test_ignore(void **state)
{
	struct pair p = outside(32);
	const uint64_t c = dial(&p, "198.51.100.7");
	const uint64_t frames = p.frames;

	(void)state;
	assert_int_equal(minato_ignore(p.b.m, next_call(p.b.m)), 0);
	settle(&p);
	assert_int_equal(p.frames, frames);
	assert_int_equal(ready(p.a.m, c), 0);
	/* The next SYN is a new call. */
	pass(&p, 2 * SECOND);
	assert_int_not_equal(next_call(p.b.m), 0);
	pair_end(&p);
}

static void test_close_refuses(void **state)
{
	struct pair p = outside(32);
	const uint64_t c = dial(&p, "198.51.100.7");

	(void)state;
	assert_int_equal(minato_close(p.b.m, next_call(p.b.m)), 0);
	settle(&p);
	assert_int_equal(minato_error(p.a.m, c), ECONNREFUSED);
	pair_end(&p);
}

/* Full: the oldest is ignored; its owner, who knew of it, is told. */
static void test_victim(void **state)
{
	struct pair p = outside(4);
	struct minato_event e;
	uint64_t first;

	(void)state;
	dial(&p, "198.51.100.1");
	first = next_call(p.b.m);
	for (int i = 0; i < 3; i++)
		dial(&p, "198.51.100.2");
	while (minato_event(p.b.m, &e))
		;
	dial(&p, "198.51.100.3");
	assert_int_equal(counter(p.b.m, "calls_victim"), 1);
	assert_true(minato_event(p.b.m, &e));
	assert_true(e.socket == first);
	assert_true(e.ready & MINATO_HANGUP);
	assert_false(e.ready & MINATO_CALL);
	assert_int_equal(minato_answer(p.b.m, first), -EINVAL);
	assert_int_equal(minato_close(p.b.m, first), 0);
	assert_int_equal(p.b.m->held.count, 4);
	pair_end(&p);
}

/* One of which nobody has heard yet goes without a trace. */
static void test_victim_unheard(void **state)
{
	struct pair p = outside(2);
	struct minato_event e;
	int calls = 0;

	(void)state;
	for (int i = 0; i < 5; i++)
		dial(&p, "198.51.100.2");
	while (minato_event(p.b.m, &e)) {
		assert_int_equal(e.ready, MINATO_CALL);
		calls++;
	}
	assert_int_equal(calls, 2);
	assert_int_equal(p.b.m->sockets.used, 2);
	pair_end(&p);
}

static void test_timeout(void **state)
{
	struct pair p = outside(32);
	struct minato_event e = { 0 };
	uint64_t c, call;

	(void)state;
	c = dial(&p, "198.51.100.7");
	call = next_call(p.b.m);
	minato_abort(p.a.m, c);
	settle(&p);
	while (minato_event(p.b.m, &e))
		;
	c = dial(&p, "198.51.100.8");
	call = next_call(p.b.m);
	assert_int_not_equal(call, 0);
	/* The caller gives up before or after; the call is over in 190 s. */
	pass(&p, 191 * SECOND);
	assert_false(ready(p.b.m, call) & MINATO_CALL);
	assert_true(ready(p.b.m, call) & MINATO_HANGUP);
	assert_int_equal(minato_close(p.b.m, call), 0);
	minato_close(p.a.m, c);
	pair_end(&p);
}

/* A reset by the caller ends the call. */
static void test_caller_gives_up(void **state)
{
	struct pair p = outside(32);
	const uint64_t c = dial(&p, "198.51.100.7");
	const uint64_t call = next_call(p.b.m);
	struct minato_event e;

	(void)state;
	assert_int_equal(minato_answer(p.b.m, call), 0);
	assert_int_equal(minato_abort(p.a.m, c), 0);
	pass(&p, 5 * MILLI);
	assert_true(minato_event(p.b.m, &e));
	assert_true(e.ready & MINATO_HANGUP);
	pair_end(&p);
}

static void test_hold_listener(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t c, call, s;

	(void)state;
	assert_int_equal(minato_set(p.b.m, l, MINATO_OPT_HOLD, 1), 0);
	assert_int_equal(minato_set_user(p.b.m, l, 99), 0);
	c = dial(&p, "10.0.0.2");
	call = next_call(p.b.m);
	assert_int_not_equal(call, 0);
	assert_int_equal(minato_get_user(p.b.m, call, &s), 0);
	assert_int_equal(s, 99);
	assert_int_equal(minato_accept(p.b.m, l, &s, NULL), -EAGAIN);
	assert_int_equal(minato_answer(p.b.m, call), 0);
	pass(&p, 5 * MILLI);
	assert_true(ready(p.a.m, c) & MINATO_CONNECTED);
	/* Its owner has it already: it is not accepted besides. */
	assert_int_equal(minato_accept(p.b.m, l, &s, NULL), -EAGAIN);
	pair_end(&p);
}

/* --- datagrams ---------------------------------------------------------------- */

static void say(struct pair *p, uint64_t s, const char *to, uint16_t port, const char *words)
{
	const struct minato_datagram d = { .remote = end(to, port) };

	assert_int_equal(minato_send_datagram(p->a.m, s, &d, words, strlen(words)), strlen(words));
	settle(p);
}

static void test_datagrams(void **state)
{
	struct pair p = outside(32);
	const uint64_t s = open_bound(p.a.m, MINATO_UDP, "::", 5000);
	struct minato_datagram d;
	struct minato_event e;
	struct minato_endpoint local;
	const struct minato_addr one = addr("198.51.100.1"), two = addr("198.51.100.2");
	char data[20];

	(void)state;
	say(&p, s, "198.51.100.1", 53, "first");
	say(&p, s, "198.51.100.2", 54, "second");
	assert_true(minato_event(p.b.m, &e));
	assert_int_equal(e.ready, MINATO_CALL);
	assert_true(e.user == WORD);
	assert_int_equal(minato_local(p.b.m, e.socket, &local), 0);
	assert_true(minato_addr_equal(&local.addr, &one));
	assert_int_equal(minato_recv(p.b.m, e.socket, data, 20, 0), -EAGAIN);
	assert_int_equal(minato_answer(p.b.m, e.socket), 0);
	assert_int_equal(minato_recv_datagram(p.b.m, e.socket, &d, data, 20, 0), 5);
	assert_true(minato_addr_equal(&d.local.addr, &one));
	assert_int_equal(d.local.port, 53);
	assert_int_equal(d.remote.port, 5000);
	assert_int_equal(minato_recv_datagram(p.b.m, e.socket, &d, data, 20, 0), 6);
	assert_true(minato_addr_equal(&d.local.addr, &two));
	/* And back, in the name of the one written to. */
	d.local = end("198.51.100.2", 54);
	assert_int_equal(minato_send_datagram(p.b.m, e.socket, &d, "reply", 5), 5);
	settle(&p);
	assert_int_equal(minato_recv_datagram(p.a.m, s, &d, data, 20, 0), 5);
	assert_true(minato_addr_equal(&d.remote.addr, &two));
	assert_int_equal(d.remote.port, 54);
	/* Without a source it is nobody's. */
	assert_int_equal(minato_send(p.b.m, e.socket, "x", 1, 0), -EINVAL);
	pair_end(&p);
}

static void test_datagrams_bounded(void **state)
{
	struct pair p = outside(32);
	const uint64_t s = open_bound(p.a.m, MINATO_UDP, "::", 5000);
	struct minato_event e;
	char data[20];
	int count = 0;

	(void)state;
	for (int i = 0; i < 30; i++)
		say(&p, s, "198.51.100.1", 53, "x");
	assert_int_equal(counter(p.b.m, "drop_queue"), 14);
	assert_true(minato_event(p.b.m, &e));
	minato_answer(p.b.m, e.socket);
	while (minato_recv(p.b.m, e.socket, data, 20, 0) == 1)
		count++;
	assert_int_equal(count, STACK_HELD_DATAGRAMS);
	pair_end(&p);
}

static void test_datagrams_refused(void **state)
{
	struct pair p = outside(32);
	const uint64_t s = open_socket(p.a.m, MINATO_UDP);
	const struct minato_endpoint peer = end("198.51.100.1", 53);

	(void)state;
	assert_int_equal(minato_connect(p.a.m, s, &peer), 0);
	assert_int_equal(minato_send(p.a.m, s, "x", 1, 0), 1);
	settle(&p);
	assert_int_equal(minato_refuse(p.b.m, next_call(p.b.m)), 0);
	settle(&p);
	assert_int_equal(minato_error(p.a.m, s), ECONNREFUSED);
	assert_int_equal(p.b.m->sockets.used, 0);
	pair_end(&p);
}

static void test_datagrams_time_out(void **state)
{
	struct pair p = outside(32);
	const uint64_t s = open_bound(p.a.m, MINATO_UDP, "::", 5000);
	uint64_t call;

	(void)state;
	say(&p, s, "198.51.100.1", 53, "x");
	call = next_call(p.b.m);
	pass(&p, 189 * SECOND);
	assert_int_equal(ready(p.b.m, call), MINATO_CALL);
	pass(&p, 2 * SECOND);
	assert_true(ready(p.b.m, call) & MINATO_HANGUP);
	assert_int_equal(counter(p.b.m, "calls_timeout"), 1);
	assert_int_equal(minato_close(p.b.m, call), 0);
	/* The endpoint may call again. */
	say(&p, s, "198.51.100.1", 53, "x");
	assert_int_not_equal(next_call(p.b.m), 0);
	pair_end(&p);
}

/* An ICMP error about what was carried on goes back to the sender. */
static void reported(const char *to, uint32_t mtu)
{
	struct pair p = outside(32);
	const uint64_t s = open_socket(p.a.m, MINATO_UDP);
	const struct minato_endpoint peer = end(to, 53);
	const struct minato_trouble trouble = { .reason = MINATO_REASON_PORT, .mtu = mtu };
	struct minato_datagram d;
	uint64_t call;
	char data[10];

	assert_int_equal(minato_connect(p.a.m, s, &peer), 0);
	assert_int_equal(minato_send(p.a.m, s, "x", 1, 0), 1);
	settle(&p);
	call = next_call(p.b.m);
	assert_int_equal(minato_answer(p.b.m, call), 0);
	assert_int_equal(minato_recv_datagram(p.b.m, call, &d, data, 10, 0), 1);
	assert_int_equal(minato_report(p.b.m, call, &d, &trouble), 0);
	settle(&p);
	assert_int_equal(counter(p.a.m, "icmp_errors_received"), 1);
	assert_int_equal(minato_error(p.a.m, s), mtu ? 0 : ECONNREFUSED);
	pair_end(&p);
}

static void test_report(void **state)
{
	(void)state;
	reported("198.51.100.1", 0);
	reported("2001:db8::1", 0);
	reported("198.51.100.1", 1300);
	reported("2001:db8::1", 1300);
}

/* What the owner of a call sees of its first packet, and an error about that alone. */
static void reported_held(enum minato_proto proto, const char *to)
{
	struct pair p = outside(32);
	const uint64_t s = open_socket(p.a.m, proto);
	const struct minato_endpoint peer = end(to, 53);
	const struct minato_trouble trouble = {
		.reason = MINATO_REASON_TIME_EXCEEDED,
		.offender = end(minato_addr_is4(&peer.addr) ? "203.0.113.1" : "2001:db8::99", 0)
				    .addr,
	};
	struct minato_datagram d;
	uint64_t call;
	int result;

	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_TTL, 5), 0);
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_TRAFFIC_CLASS, 0xb8), 0);
	result = minato_connect(p.a.m, s, &peer);
	assert_int_equal(result, proto == MINATO_TCP ? -EINPROGRESS : 0);
	if (proto == MINATO_UDP)
		assert_int_equal(minato_send(p.a.m, s, "x", 1, 0), 1);
	settle(&p);
	call = next_call(p.b.m);
	assert_int_equal(minato_call_packet(p.b.m, call, &d), 0);
	assert_int_equal(d.ttl, 5);
	assert_int_equal(d.traffic_class, 0xb8);
	assert_int_equal(d.local.port, 53);
	assert_true(minato_addr_equal(&d.local.addr, &peer.addr));
	assert_int_equal(minato_report(p.b.m, call, NULL, &trouble), 0);
	settle(&p);
	assert_int_equal(counter(p.a.m, "icmp_errors_received"), 1);
	assert_int_equal(minato_ready(p.b.m, call, NULL), MINATO_CALL);
	assert_int_equal(minato_answer(p.b.m, call), 0);
	assert_int_equal(minato_call_packet(p.b.m, call, &d), -EINVAL);
	assert_int_equal(minato_report(p.b.m, call, NULL, &trouble), -EINVAL);
	pair_end(&p);
}

static void test_report_held(void **state)
{
	(void)state;
	reported_held(MINATO_UDP, "198.51.100.1");
	reported_held(MINATO_UDP, "2001:db8::1");
	reported_held(MINATO_TCP, "198.51.100.1");
	reported_held(MINATO_TCP, "2001:db8::1");
}

/* --- listeners ------------------------------------------------------------------ */

static void test_backlog(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t l = open_listener(p.b.m, "::", 80, 2);
	uint64_t c[4], s;

	(void)state;
	for (int i = 0; i < 4; i++)
		c[i] = dial(&p, "10.0.0.2");
	assert_int_equal(counter(p.b.m, "drop_backlog"), 2);
	assert_true(ready(p.a.m, c[1]) & MINATO_CONNECTED);
	assert_false(ready(p.a.m, c[2]) & MINATO_CONNECTED);
	/* As soon as there is room the next attempt succeeds. */
	assert_int_equal(minato_accept(p.b.m, l, &s, NULL), 0);
	assert_int_equal(minato_accept(p.b.m, l, &s, NULL), 0);
	assert_int_equal(minato_accept(p.b.m, l, &s, NULL), -EAGAIN);
	pass(&p, 4 * SECOND);
	assert_true(ready(p.a.m, c[2]) & MINATO_CONNECTED);
	assert_int_equal(minato_accept(p.b.m, l, &s, NULL), 0);
	pair_end(&p);
}

static void test_listener_close_resets(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	const uint64_t c = dial(&p, "10.0.0.2");

	(void)state;
	assert_int_equal(minato_close(p.b.m, l), 0);
	settle(&p);
	assert_int_equal(minato_error(p.a.m, c), ECONNRESET);
	assert_int_equal(p.b.m->sockets.used, 0);
	assert_int_equal(p.b.m->details.used, 0);
	pair_end(&p);
}

static void test_options_inherited(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t s;
	int64_t value;

	(void)state;
	minato_set(p.b.m, l, MINATO_OPT_NODELAY, 1);
	minato_set(p.b.m, l, MINATO_OPT_KEEPIDLE, 77);
	minato_set(p.b.m, l, MINATO_OPT_REUSEADDR, 1);
	join(&p, l, "10.0.0.2", 80, &s);
	assert_int_equal(minato_get(p.b.m, s, MINATO_OPT_NODELAY, &value), 0);
	assert_int_equal(value, 1);
	assert_int_equal(minato_get(p.b.m, s, MINATO_OPT_KEEPIDLE, &value), 0);
	assert_int_equal(value, 77);
	assert_int_equal(minato_get(p.b.m, s, MINATO_OPT_REUSEADDR, &value), 0);
	assert_int_equal(value, 1);
	pair_end(&p);
}

static void test_defer_accept(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t c, s;

	(void)state;
	assert_int_equal(minato_set(p.b.m, l, MINATO_OPT_DEFER_ACCEPT, 5), 0);
	c = dial(&p, "10.0.0.2");
	assert_int_equal(minato_accept(p.b.m, l, &s, NULL), -EAGAIN);
	minato_send(p.a.m, c, "x", 1, 0);
	settle(&p);
	assert_int_equal(minato_accept(p.b.m, l, &s, NULL), 0);
	/* Without data, after that time. */
	dial(&p, "10.0.0.2");
	pass(&p, 6 * SECOND);
	assert_int_equal(minato_accept(p.b.m, l, &s, NULL), 0);
	pair_end(&p);
}

static void test_accept_tells_the_peer(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	const uint64_t c = dial(&p, "10.0.0.2");
	struct minato_endpoint peer, local;
	struct minato_event e;
	uint64_t s;

	(void)state;
	assert_true(minato_event(p.b.m, &e));
	assert_true(e.socket == l && e.ready == MINATO_READABLE);
	assert_int_equal(minato_accept(p.b.m, l, &s, &peer), 0);
	assert_int_equal(minato_local(p.a.m, c, &local), 0);
	assert_true(minato_addr_equal(&peer.addr, &local.addr));
	assert_int_equal(peer.port, local.port);
	assert_int_equal(minato_accept(p.b.m, s, &s, NULL), -EINVAL);
	assert_int_equal(minato_accept(p.b.m, 12345, &s, NULL), -EBADF);
	pair_end(&p);
}

/* Half-open ones of a listener are kept elsewhere, and take no call's place. */
static bool lose_from_b(void *user, bool from_a, uint8_t *frame, uint32_t *len)
{
	(void)user;
	(void)len;
	return from_a || frame[12] != 8 || frame[13] != 0;
}

static void test_half_open(void **state)
{
	struct minato_config ca = small_config(MINATO_LINK_ETHERNET, 1);
	struct minato_config cb = small_config(MINATO_LINK_ETHERNET, 2);
	struct pair p;

	(void)state;
	cb.calls_max = 3;
	p = pair_with(&ca, &cb);
	open_listener(p.b.m, "::", 80, 50);
	p.filter = lose_from_b;
	for (int i = 0; i < 5; i++)
		dial(&p, "10.0.0.2");
	assert_int_equal(p.b.m->half_open.count, 0);
	assert_int_equal(p.b.m->halves.pool.used, 3);
	assert_int_equal(counter(p.b.m, "cookies_sent"), 2);
	assert_int_equal(p.b.m->sockets.used, 1);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_reject),
		cmocka_unit_test(test_ignore),
		cmocka_unit_test(test_close_refuses),
		cmocka_unit_test(test_victim),
		cmocka_unit_test(test_victim_unheard),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_caller_gives_up),
		cmocka_unit_test(test_hold_listener),
		cmocka_unit_test(test_datagrams),
		cmocka_unit_test(test_datagrams_bounded),
		cmocka_unit_test(test_datagrams_refused),
		cmocka_unit_test(test_datagrams_time_out),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_report_held),
		cmocka_unit_test(test_backlog),
		cmocka_unit_test(test_listener_close_resets),
		cmocka_unit_test(test_options_inherited),
		cmocka_unit_test(test_defer_accept),
		cmocka_unit_test(test_accept_tells_the_peer),
		cmocka_unit_test(test_half_open),
	};

	return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}
