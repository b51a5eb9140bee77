/* SPDX-License-Identifier: BSD-2-Clause */
/* General entries by handle, and arrivals without frames. */
#include <errno.h>

#include "hosts.h"

static struct minato_entry forward(uint16_t first, uint16_t last)
{
	return (struct minato_entry){
		.kind = MINATO_KIND_FORWARD,
		.scope = 1,
		.face = MINATO_FACE_ANY,
		.proto = MINATO_TCP,
		.first = first,
		.last = last,
		.target = { addr("10.0.0.100"), 8000 },
		.user = 77,
	};
}

static struct minato_fate ask(struct minato *m, uint8_t scope, enum minato_proto proto,
			      uint16_t port)
{
	const struct minato_endpoint remote = end("192.0.2.7", 40000);
	const struct minato_endpoint local = end("192.0.2.1", port);
	struct minato_fate fate;

	minato_arrive(m, scope, 9, proto, &remote, &local, &fate);
	return fate;
}

static void test_forward(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const struct minato_entry e = forward(80, 89);
	struct minato_fate fate;
	uint64_t handle;

	(void)state;
	assert_int_equal(minato_entry_add(p.a.m, &e, &handle), 0);
	fate = ask(p.a.m, 1, MINATO_TCP, 83);
	assert_int_equal(fate.kind, MINATO_KIND_FORWARD);
	assert_int_equal(fate.handle, handle);
	assert_int_equal(fate.user, 77);
	assert_int_equal(fate.target.port, 8003);
	assert_int_equal(ask(p.a.m, 1, MINATO_UDP, 83).kind, MINATO_KIND_CLOSED);
	assert_int_equal(ask(p.a.m, 0, MINATO_TCP, 83).kind, MINATO_KIND_CLOSED);
	assert_int_equal(ask(p.a.m, 1, MINATO_TCP, 90).kind, MINATO_KIND_CLOSED);
	assert_int_equal(counter(p.a.m, "arrivals"), 4);
	pair_end(&p);
}

static void test_same_key(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const struct minato_entry e = forward(80, 80);
	uint64_t first, second;

	(void)state;
	assert_int_equal(minato_entry_add(p.a.m, &e, &first), 0);
	assert_int_equal(minato_entry_add(p.a.m, &e, &second), -EADDRINUSE);
	assert_int_equal(first, second);
	pair_end(&p);
}

static void test_stale_handle(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	struct minato_entry e = forward(80, 80), got;
	uint64_t first, second;

	(void)state;
	assert_int_equal(minato_entry_add(p.a.m, &e, &first), 0);
	assert_int_equal(minato_entry_get(p.a.m, first, &got), 0);
	assert_int_equal(got.user, 77);
	assert_int_equal(minato_entry_remove(p.a.m, first), 0);
	assert_int_equal(minato_entry_remove(p.a.m, first), -EBADF);
	assert_int_equal(minato_entry_add(p.a.m, &e, &second), 0);
	assert_int_not_equal(first, second);
	assert_int_equal(minato_entry_get(p.a.m, first, &got), -EBADF);
	assert_int_equal(minato_entry_get(p.a.m, 0, &got), -EBADF);
	assert_int_equal(minato_entry_get(p.a.m, UINT64_MAX, &got), -EBADF);
	pair_end(&p);
}

/* A socket stands in the same table; its handle is the fate's. */
static void test_socket(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t s = open_bound(p.a.m, MINATO_UDP, "::", 53);
	struct minato_fate fate;

	(void)state;
	assert_int_equal(minato_set_user(p.a.m, s, 5), 0);
	fate = ask(p.a.m, 0, MINATO_UDP, 53);
	assert_int_equal(fate.kind, MINATO_KIND_SOCKET);
	assert_int_equal(fate.handle, s);
	assert_int_equal(fate.user, 5);
	assert_int_equal(minato_close(p.a.m, s), 0);
	assert_int_equal(ask(p.a.m, 0, MINATO_UDP, 53).kind, MINATO_KIND_CLOSED);
	pair_end(&p);
}

static void test_guard_first(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	struct minato_entry e = forward(80, 80);
	uint64_t handle;

	(void)state;
	assert_int_equal(minato_entry_add(p.a.m, &e, &handle), 0);
	e.kind = MINATO_KIND_GUARD;
	e.verdict = MINATO_DROP;
	e.face = 9;
	assert_int_equal(minato_entry_add(p.a.m, &e, &handle), 0);
	assert_int_equal(ask(p.a.m, 1, MINATO_TCP, 80).kind, MINATO_KIND_GUARD);
	assert_int_equal(ask(p.a.m, 1, MINATO_TCP, 80).verdict, MINATO_DROP);
	pair_end(&p);
}

static void test_until(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	struct minato_entry e = forward(80, 80);
	uint64_t handle;

	(void)state;
	e.until_ns = (uint64_t)(p.now.ns + SECOND);
	assert_int_equal(minato_entry_add(p.a.m, &e, &handle), 0);
	assert_int_equal(ask(p.a.m, 1, MINATO_TCP, 80).kind, MINATO_KIND_FORWARD);
	minato_advance(p.a.m, (struct minato_time){ p.now.ns + 2 * SECOND });
	assert_int_equal(ask(p.a.m, 1, MINATO_TCP, 80).kind, MINATO_KIND_CLOSED);
	pair_end(&p);
}

static void test_outcome(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const struct minato_endpoint remote = end("192.0.2.7", 1);

	(void)state;
	minato_outcome(p.a.m, 0, MINATO_TCP, &remote, &remote, MINATO_OUTCOME_OPEN);
	minato_outcome(p.a.m, 0, MINATO_TCP, &remote, &remote, MINATO_OUTCOME_CLOSED);
	minato_outcome(p.a.m, 0, MINATO_TCP, &remote, &remote, MINATO_OUTCOME_CLOSED);
	assert_int_equal(counter(p.a.m, "outcome_open"), 1);
	assert_int_equal(counter(p.a.m, "outcome_closed"), 2);
	pair_end(&p);
}

static void test_kind_names(void **state)
{
	(void)state;
	assert_string_equal(minato_kind_name(MINATO_KIND_UPLINK), "uplink");
	assert_string_equal(minato_kind_name(MINATO_KIND_CLOSED), "closed");
	assert_null(minato_kind_name(MINATO_KIND_COUNT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forward),
		cmocka_unit_test(test_same_key),
		cmocka_unit_test(test_stale_handle),
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_guard_first),
		cmocka_unit_test(test_until),
		cmocka_unit_test(test_outcome),
		cmocka_unit_test(test_kind_names),
	};

	return cmocka_run_group_tests_name("entries", tests, NULL, NULL);
}
