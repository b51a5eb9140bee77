/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagram sockets: between two hosts, connected, as associations, in runs. */
#include <errno.h>

#include "hosts.h"

#define LINKS MINATO_LINK_ETHERNET

static int64_t send_to(struct minato *m, uint64_t s, const char *text, uint16_t port,
		       const char *words)
{
	const struct minato_datagram to = { .remote = end(text, port) };

	return minato_send_datagram(m, s, &to, words, strlen(words));
}

static void one_datagram(const char *from, const char *to)
{
	struct pair p = pair_new(LINKS);
	const uint64_t a = open_bound(p.a.m, MINATO_UDP, from, 1000);
	const uint64_t b = open_bound(p.b.m, MINATO_UDP, "::", 53);
	struct minato_datagram got;
	const struct minato_addr want_from = addr(from), want_to = addr(to);
	char data[100];

	assert_int_equal(send_to(p.a.m, a, to, 53, "hello"), 5);
	settle(&p);
	assert_int_equal(minato_ready(p.b.m, b, NULL), MINATO_READABLE | MINATO_WRITABLE);
	assert_int_equal(minato_recv_datagram(p.b.m, b, &got, data, sizeof(data), 0), 5);
	assert_memory_equal(data, "hello", 5);
	assert_true(minato_addr_equal(&got.remote.addr, &want_from));
	assert_int_equal(got.remote.port, 1000);
	assert_true(minato_addr_equal(&got.local.addr, &want_to));
	assert_int_equal(got.local.port, 53);
	assert_int_equal(got.ttl, 64);
	assert_int_equal(got.len, 5);
	assert_int_equal(minato_recv_datagram(p.b.m, b, &got, data, sizeof(data), 0), -EAGAIN);
	pair_end(&p);
}

static void test_v4(void **state)
{
	(void)state;
	one_datagram("10.0.0.1", "10.0.0.2");
}

static void test_v6(void **state)
{
	(void)state;
	one_datagram("fd00::1", "fd00::2");
}

static void test_empty(void **state)
{
	struct pair p = pair_new(LINKS);
	const uint64_t a = open_socket(p.a.m, MINATO_UDP);
	const uint64_t b = open_bound(p.b.m, MINATO_UDP, "::", 53);
	struct minato_extent x;
	struct minato_datagram got = { .len = 7 };

	(void)state;
	assert_int_equal(send_to(p.a.m, a, "10.0.0.2", 53, ""), 0);
	settle(&p);
	assert_int_equal(minato_borrow(p.b.m, b, &x, 1, &got), 1);
	assert_int_equal(got.len, 0);
	assert_int_equal(minato_release(p.b.m, b, 0), 0);
	assert_int_equal(minato_borrow(p.b.m, b, &x, 1, &got), -EAGAIN);
	pair_end(&p);
}

static void test_peek_and_cut(void **state)
{
	struct pair p = pair_new(LINKS);
	const uint64_t a = open_socket(p.a.m, MINATO_UDP);
	const uint64_t b = open_bound(p.b.m, MINATO_UDP, "::", 53);
	char data[4];

	(void)state;
	send_to(p.a.m, a, "10.0.0.2", 53, "abcdef");
	send_to(p.a.m, a, "10.0.0.2", 53, "next");
	settle(&p);
	assert_int_equal(minato_recv(p.b.m, b, data, 4, MINATO_MSG_PEEK), 4);
	assert_int_equal(minato_recv(p.b.m, b, data, 4, 0), 4);
	assert_memory_equal(data, "abcd", 4);
	/* The rest of the first is gone. */
	assert_int_equal(minato_recv(p.b.m, b, data, 4, 0), 4);
	assert_memory_equal(data, "next", 4);
	pair_end(&p);
}

static void test_connected(void **state)
{
	struct pair p = pair_new(LINKS);
	const uint64_t a = open_socket(p.a.m, MINATO_UDP);
	const uint64_t b = open_bound(p.b.m, MINATO_UDP, "10.0.0.2", 53);
	const uint64_t other = open_bound(p.b.m, MINATO_UDP, "10.0.0.2", 54);
	const struct minato_endpoint peer = end("10.0.0.2", 53);
	struct minato_endpoint mine, seen;
	char data[10];

	(void)state;
	assert_int_equal(minato_peer(p.a.m, a, &seen), -ENOTCONN);
	assert_int_equal(minato_connect(p.a.m, a, &peer), 0);
	assert_int_equal(minato_local(p.a.m, a, &mine), 0);
	assert_int_not_equal(mine.port, 0);
	assert_int_equal(minato_peer(p.a.m, a, &seen), 0);
	assert_int_equal(seen.port, 53);
	assert_int_equal(minato_send(p.a.m, a, "hi", 2, 0), 2);
	settle(&p);
	assert_int_equal(minato_recv(p.b.m, b, data, 10, 0), 2);
	/* Only its peer is heard: another's datagram meets a closed port. */
	assert_int_equal(send_to(p.b.m, other, "10.0.0.1", mine.port, "no"), 2);
	assert_int_equal(send_to(p.b.m, b, "10.0.0.1", mine.port, "yes"), 3);
	settle(&p);
	assert_int_equal(minato_recv(p.a.m, a, data, 10, 0), 3);
	assert_int_equal(minato_recv(p.a.m, a, data, 10, 0), -EAGAIN);
	assert_int_equal(counter(p.a.m, "drop_closed"), 1);
	pair_end(&p);
}

/* A closed port is told to a connected socket, once. */
static void refused(const char *text)
{
	struct pair p = pair_new(LINKS);
	const uint64_t a = open_socket(p.a.m, MINATO_UDP);
	const struct minato_endpoint peer = end(text, 9);
	struct minato_event event;

	assert_int_equal(minato_connect(p.a.m, a, &peer), 0);
	while (minato_event(p.a.m, &event))
		;
	assert_int_equal(minato_send(p.a.m, a, "x", 1, 0), 1);
	settle(&p);
	assert_true(minato_event(p.a.m, &event));
	assert_true(event.ready & MINATO_ERROR);
	assert_int_equal(minato_error(p.a.m, a), ECONNREFUSED);
	assert_int_equal(minato_error(p.a.m, a), 0);
	assert_int_equal(counter(p.b.m, "icmp_errors_sent"), 1);
	pair_end(&p);
}

static void test_refused_v4(void **state)
{
	(void)state;
	refused("10.0.0.2");
}

static void test_refused_v6(void **state)
{
	(void)state;
	refused("fd00::2");
}

static void test_errors(void **state)
{
	struct pair p = pair_new(LINKS);
	const uint64_t a = open_socket(p.a.m, MINATO_UDP);
	const uint64_t b = open_bound(p.a.m, MINATO_UDP, "10.0.0.1", 7);
	struct minato_datagram to = { .remote = end("10.0.0.2", 53) };
	static char big[2000];

	(void)state;
	assert_int_equal(minato_send(p.a.m, a, "x", 1, 0), -EDESTADDRREQ);
	assert_int_equal(send_to(p.a.m, a, "10.0.0.2", 0, "x"), -EINVAL);
	assert_int_equal(send_to(p.a.m, a, "224.0.0.1", 5, "x"), -EACCES);
	assert_int_equal(send_to(p.a.m, a, "255.255.255.255", 5, "x"), -EACCES);
	assert_int_equal(send_to(p.a.m, a, "8.8.8.8", 5, "x"), -ENETUNREACH);
	assert_int_equal(send_to(p.a.m, b, "fd00::2", 5, "x"), -EAFNOSUPPORT);
	assert_int_equal(minato_send_datagram(p.a.m, a, &to, big, 1472), 1472);
	to.dont_fragment = true;
	assert_int_equal(minato_send_datagram(p.a.m, a, &to, big, 1472), 1472);
	assert_int_equal(minato_send_datagram(p.a.m, a, &to, big, 1473), -EMSGSIZE);
	to.dont_fragment = false;
	to.local = end("1.2.3.4", 5);
	assert_int_equal(minato_send_datagram(p.a.m, a, &to, "x", 1), -EADDRNOTAVAIL);
	assert_int_equal(minato_send_datagram(p.a.m, 99, &to, "x", 1), -EBADF);
	assert_int_equal(minato_recv(p.a.m, a, big, 10, 0), -EAGAIN);
	pair_end(&p);
}

static void test_transparent_source(void **state)
{
	struct pair p = pair_new(LINKS);
	const uint64_t a = open_socket(p.a.m, MINATO_UDP);
	const uint64_t b = open_bound(p.b.m, MINATO_UDP, "::", 53);
	const struct minato_datagram to = {
		.remote = end("10.0.0.2", 53),
		.local = end("1.2.3.4", 5),
		.ttl = 3,
		.traffic_class = 0xb8,
	};
	struct minato_datagram got;
	const struct minato_addr want = addr("1.2.3.4");
	char data[10];

	(void)state;
	assert_int_equal(minato_set(p.a.m, a, MINATO_OPT_TRANSPARENT, 1), 0);
	assert_int_equal(minato_send_datagram(p.a.m, a, &to, "x", 1), 1);
	settle(&p);
	assert_int_equal(minato_recv_datagram(p.b.m, b, &got, data, 10, 0), 1);
	assert_true(minato_addr_equal(&got.remote.addr, &want));
	assert_int_equal(got.remote.port, 5);
	assert_int_equal(got.ttl, 3);
	assert_int_equal(got.traffic_class, 0xb8);
	pair_end(&p);
}

/* A run towards a link that takes it whole, and one that does not. */
static void run(uint32_t offloads, uint32_t frames, const char *text)
{
	struct minato_config ca = small_config(LINKS, 1);
	const struct minato_config cb = small_config(LINKS, 2);
	static char data[2500], got[3000];
	struct minato_datagram to = { .remote = end(text, 53), .gso_size = 1000 };
	struct minato_datagram from;
	struct pair p;
	uint64_t a, b;
	size_t total = 0;

	ca.link[0].offloads = offloads;
	p = pair_with(&ca, &cb);
	a = open_socket(p.a.m, MINATO_UDP);
	b = open_bound(p.b.m, MINATO_UDP, "::", 53);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7);
	/* The neighbours know each other first. */
	send_to(p.a.m, a, text, 53, "x");
	settle(&p);
	minato_recv(p.b.m, b, got, sizeof(got), 0);
	p.frames = 0;
	assert_int_equal(minato_send_datagram(p.a.m, a, &to, data, sizeof(data)), 2500);
	settle(&p);
	assert_int_equal(p.frames, frames);
	while (total < sizeof(data)) {
		const int64_t n = minato_recv_datagram(p.b.m, b, &from, got + total,
						       sizeof(got) - total, 0);
		assert_true(n > 0);
		if (frames == 1) {
			assert_int_equal(n, 2500);
			assert_int_equal(from.gso_size, 1000);
		} else {
			assert_int_equal(n, total < 2000 ? 1000 : 500);
		}
		total += (size_t)n;
	}
	assert_memory_equal(got, data, sizeof(data));
	assert_int_equal(counter(p.b.m, "drop_udp_checksum"), 0);
	pair_end(&p);
}

static void test_run_whole(void **state)
{
	(void)state;
	run(MINATO_OFFLOAD_CSUM | MINATO_OFFLOAD_USO4, 1, "10.0.0.2");
	run(MINATO_OFFLOAD_CSUM | MINATO_OFFLOAD_USO6, 1, "fd00::2");
}

static void test_run_cut(void **state)
{
	(void)state;
	run(0, 3, "10.0.0.2");
	run(0, 3, "fd00::2");
	run(MINATO_OFFLOAD_CSUM, 3, "10.0.0.2");
}

static void test_receive_bound(void **state)
{
	struct pair p = pair_new(LINKS);
	const uint64_t a = open_socket(p.a.m, MINATO_UDP);
	const uint64_t b = open_bound(p.b.m, MINATO_UDP, "::", 53);
	char data[10];
	int read = 0;

	(void)state;
	assert_int_equal(minato_set(p.b.m, b, MINATO_OPT_RCVBUF, 8192), 0);
	/* The neighbours know each other first. */
	send_to(p.a.m, a, "10.0.0.2", 53, "x");
	settle(&p);
	minato_recv(p.b.m, b, data, 10, 0);
	for (int i = 0; i < 20; i++)
		send_to(p.a.m, a, "10.0.0.2", 53, "x");
	settle(&p);
	while (minato_recv(p.b.m, b, data, 10, 0) > 0)
		read++;
	assert_int_equal(read, 4);
	assert_int_equal(counter(p.b.m, "drop_queue"), 16);
	pair_end(&p);
}

static void test_send_bound(void **state)
{
	struct pair p = pair_new(LINKS);
	const uint64_t a = open_socket(p.a.m, MINATO_UDP);
	const uint64_t b = open_bound(p.b.m, MINATO_UDP, "::", 53);
	struct minato_event event;
	int64_t sent;

	(void)state;
	(void)b;
	minato_set(p.a.m, a, MINATO_OPT_SNDBUF, 16384);
	do
		sent = send_to(p.a.m, a, "10.0.0.2", 53, "x");
	while (sent == 1);
	assert_int_equal(sent, -EAGAIN);
	assert_false(ready(p.a.m, a) & MINATO_WRITABLE);
	settle(&p);
	assert_true(minato_event(p.a.m, &event));
	assert_true(event.ready & MINATO_WRITABLE);
	assert_int_equal(send_to(p.a.m, a, "10.0.0.2", 53, "x"), 1);
	pair_end(&p);
}

static void test_reserve(void **state)
{
	struct pair p = pair_new(LINKS);
	const uint64_t a = open_socket(p.a.m, MINATO_UDP);
	const uint64_t b = open_bound(p.b.m, MINATO_UDP, "::", 53);
	const struct minato_datagram to = { .remote = end("10.0.0.2", 53) };
	struct minato_extent x[4];
	char data[10];

	(void)state;
	assert_int_equal(minato_reserve(p.a.m, a, 1000, x, 4), 1);
	assert_int_equal(x[0].len, 1000);
	assert_int_equal(minato_reserve(p.a.m, a, 1000, x, 4), -EBUSY);
	memcpy(x[0].base, "hey", 3);
	assert_int_equal(minato_commit_datagram(p.a.m, a, 1001, &to), -EINVAL);
	assert_int_equal(minato_commit_datagram(p.a.m, a, 3, &to), 0);
	settle(&p);
	assert_int_equal(minato_recv(p.b.m, b, data, 10, 0), 3);
	assert_memory_equal(data, "hey", 3);
	pair_end(&p);
}

/* What was sent before close goes out. */
static void test_close_flushes(void **state)
{
	struct pair p = pair_new(LINKS);
	const uint64_t a = open_socket(p.a.m, MINATO_UDP);
	const uint64_t b = open_bound(p.b.m, MINATO_UDP, "::", 53);
	char data[10];

	(void)state;
	send_to(p.a.m, a, "10.0.0.2", 53, "last");
	assert_int_equal(minato_close(p.a.m, a), 0);
	assert_int_equal(minato_close(p.a.m, a), -EBADF);
	settle(&p);
	assert_int_equal(minato_recv(p.b.m, b, data, 10, 0), 4);
	pair_end(&p);
}

static void test_port_zero(void **state)
{
	struct pair p = pair_new(LINKS);
	const uint64_t a = open_bound(p.a.m, MINATO_UDP, "10.0.0.1", 0);
	struct minato_endpoint local;

	(void)state;
	assert_int_equal(minato_local(p.a.m, a, &local), 0);
	assert_true(local.port >= 1024);
	pair_end(&p);
}

/* Of a frame with IPv4 and no options: one of the ports, and no checksum. */
static bool without_port(void *user, bool from_a, uint8_t *frame, uint32_t *len)
{
	const uint32_t at = 34 + *(const uint32_t *)user;

	(void)len;
	if (!from_a || frame[12] != 8 || frame[13] != 0 || frame[23] != 17)
		return true;
	frame[at] = frame[at + 1] = 0;
	frame[40] = frame[41] = 0;
	return true;
}

/* RFC 768: who sends from port 0 is heard, and wants no answer. */
static void test_source_port_zero(void **state)
{
	struct pair p = pair_new(LINKS);
	const uint64_t a = open_bound(p.a.m, MINATO_UDP, "10.0.0.1", 1000);
	const uint64_t b = open_bound(p.b.m, MINATO_UDP, "::", 53);
	struct minato_datagram got;
	uint32_t source = 0;
	char data[10];

	(void)state;
	p.filter = without_port;
	p.user = &source;
	send_to(p.a.m, a, "10.0.0.2", 53, "one");
	settle(&p);
	assert_int_equal(minato_recv_datagram(p.b.m, b, &got, data, 10, 0), 3);
	assert_int_equal(got.remote.port, 0);
	assert_int_equal(got.local.port, 53);
	assert_int_equal(minato_send_datagram(p.b.m, b, &(struct minato_datagram){
						      .remote = got.remote }, "x", 1), -EINVAL);
	/* To a closed port: refused as any. */
	send_to(p.a.m, a, "10.0.0.2", 54, "two");
	settle(&p);
	assert_int_equal(counter(p.b.m, "drop_closed"), 1);
	assert_int_equal(counter(p.b.m, "drop_udp_port_zero"), 0);
	pair_end(&p);
}

static void test_destination_port_zero(void **state)
{
	struct pair p = pair_new(LINKS);
	const uint64_t a = open_bound(p.a.m, MINATO_UDP, "10.0.0.1", 1000);
	const uint64_t b = open_bound(p.b.m, MINATO_UDP, "::", 53);
	uint32_t destination = 2;
	char data[10];

	(void)state;
	p.filter = without_port;
	p.user = &destination;
	send_to(p.a.m, a, "10.0.0.2", 53, "one");
	settle(&p);
	assert_int_equal(minato_recv(p.b.m, b, data, 10, 0), -EAGAIN);
	assert_int_equal(counter(p.b.m, "drop_udp_port_zero"), 1);
	pair_end(&p);
}

/* A flow whose guest sent from port 0 lives, and nothing goes back to it. */
static void test_association_of_port_zero(void **state)
{
	struct pair p = pair_new(LINKS);
	const struct minato_entry uplink = { .kind = MINATO_KIND_UPLINK,
					     .face = MINATO_FACE_ANY };
	const uint64_t a = open_bound(p.a.m, MINATO_UDP, "10.0.0.1", 1000);
	struct minato_event e;
	uint32_t source = 0;
	char data[10];

	(void)state;
	p.filter = without_port;
	p.user = &source;
	assert_int_equal(minato_entry_add(p.b.m, &uplink, NULL), 0);
	send_to(p.a.m, a, "10.0.0.2", 53, "one");
	settle(&p);
	assert_true(minato_event(p.b.m, &e));
	assert_int_equal(minato_answer(p.b.m, e.socket), 0);
	assert_int_equal(minato_recv(p.b.m, e.socket, data, 10, 0), 3);
	assert_int_equal(minato_send(p.b.m, e.socket, "x", 1, 0), -EINVAL);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4),
		cmocka_unit_test(test_v6),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_peek_and_cut),
		cmocka_unit_test(test_connected),
		cmocka_unit_test(test_refused_v4),
		cmocka_unit_test(test_refused_v6),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_transparent_source),
		cmocka_unit_test(test_run_whole),
		cmocka_unit_test(test_run_cut),
		cmocka_unit_test(test_receive_bound),
		cmocka_unit_test(test_send_bound),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_close_flushes),
		cmocka_unit_test(test_port_zero),
		cmocka_unit_test(test_source_port_zero),
		cmocka_unit_test(test_destination_port_zero),
		cmocka_unit_test(test_association_of_port_zero),
	};

	return cmocka_run_group_tests_name("udp", tests, NULL, NULL);
}
