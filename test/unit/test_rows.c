/* SPDX-License-Identifier: BSD-2-Clause */
/* The walk over the table: entries, sockets, TIME-WAIT, each once. */
#include "hosts.h"

struct seen {
	uint32_t policies, entries, listeners, connected, waiting, datagrams, all;
	struct minato_row last_listener, last_connected, last_entry;
};

static struct seen walk(struct minato *m)
{
	struct seen seen = { 0 };
	struct minato_row r;
	uint64_t cursor = 0;

	while (minato_row(m, &cursor, &r)) {
		seen.all++;
		assert_true(seen.all < 10000);
		if (r.kind == MINATO_KIND_RIGHT) {
			seen.policies++;
		} else if (r.kind != MINATO_KIND_SOCKET) {
			seen.entries++;
			seen.last_entry = r;
		} else if (r.proto == MINATO_UDP) {
			seen.datagrams++;
		} else if (r.state == MINATO_LISTEN) {
			seen.listeners++;
			seen.last_listener = r;
		} else if (r.state == MINATO_TIME_WAIT) {
			seen.waiting++;
			assert_int_equal(r.handle, 0);
		} else {
			seen.connected++;
			seen.last_connected = r;
		}
	}
	/* After the last it stays at the end. */
	assert_false(minato_row(m, &cursor, &r));
	return seen;
}

static void test_all_kinds(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const struct minato_entry e = {
		.kind = MINATO_KIND_FORWARD, .scope = 1, .face = 3, .proto = MINATO_TCP,
		.first = 8000, .last = 8010, .target = end("10.0.0.9", 80), .user = 4,
	};
	const uint64_t l = open_listener(p.b.m, "::", 80, 7);
	uint64_t s, handle;
	const uint64_t c = join(&p, l, "10.0.0.2", 80, &s);
	struct seen seen;
	const struct minato_addr a = addr("10.0.0.1"), b = addr("10.0.0.2");
	char data[10];

	(void)state;
	assert_int_equal(minato_entry_add(p.b.m, &e, &handle), 0);
	open_bound(p.b.m, MINATO_UDP, "::", 53);
	minato_set_user(p.b.m, s, 9);
	minato_send(p.a.m, c, "12345", 5, 0);
	settle(&p);
	seen = walk(p.b.m);
	assert_int_equal(seen.all, 5);
	assert_int_equal(seen.policies, 1);
	assert_int_equal(seen.entries, 1);
	assert_int_equal(seen.datagrams, 1);
	assert_true(seen.last_entry.handle == handle);
	assert_true(seen.last_entry.ranged);
	assert_int_equal(seen.last_entry.first, 8000);
	assert_int_equal(seen.last_entry.target.port, 80);
	assert_int_equal(seen.last_entry.user, 4);
	assert_in_range(seen.last_entry.since.ns, 9 * SECOND, p.now.ns);
	assert_true(seen.last_listener.handle == l);
	assert_int_equal(seen.last_listener.local.port, 80);
	assert_int_equal(seen.last_listener.send_queue, 7);
	assert_true(seen.last_listener.hits > 0);
	assert_true(seen.last_connected.handle == s);
	assert_true(minato_addr_equal(&seen.last_connected.remote.addr, &a));
	assert_true(minato_addr_equal(&seen.last_connected.local.addr, &b));
	assert_int_equal(seen.last_connected.recv_queue, 5);
	assert_int_equal(seen.last_connected.bytes_in, 5);
	assert_int_equal(seen.last_connected.user, 9);
	assert_in_range(seen.last_connected.since.ns, 9 * SECOND, p.now.ns);
	minato_recv(p.b.m, s, data, 10, 0);
	minato_close(p.b.m, s);
	settle(&p);
	minato_close(p.a.m, c);
	pass(&p, 300 * MILLI);
	seen = walk(p.b.m);
	assert_int_equal(seen.waiting, 1);
	assert_int_equal(seen.connected, 0);
	pair_end(&p);
}

/* Rows that come and go meanwhile: none twice. */
static void test_none_twice(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	uint64_t s[64], seen[64];
	struct minato_row r;
	uint64_t cursor = 0;
	uint32_t count = 0;

	(void)state;
	for (int i = 0; i < 64; i++)
		s[i] = open_bound(p.a.m, MINATO_UDP, "::", (uint16_t)(1000 + i));
	for (int i = 0; minato_row(p.a.m, &cursor, &r); i++) {
		seen[count++] = r.handle;
		minato_close(p.a.m, s[(i * 7) % 64]);
		assert_true(count < 64);
	}
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < i; k++)
			assert_true(seen[i] != seen[k]);
	pair_end(&p);
}

static void test_state_names(void **state)
{
	(void)state;
	assert_string_equal(minato_state_name(MINATO_ESTABLISHED), "ESTABLISHED");
	assert_string_equal(minato_state_name(MINATO_CLOSING), "CLOSING");
	for (int i = MINATO_ESTABLISHED; i <= MINATO_CLOSING; i++)
		assert_non_null(minato_state_name((enum minato_state)i));
	assert_null(minato_state_name((enum minato_state)99));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_kinds),
		cmocka_unit_test(test_none_twice),
		cmocka_unit_test(test_state_names),
	};

	return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
