/* SPDX-License-Identifier: BSD-2-Clause */
/* Who may bind what: the policy of a host value at its verbs. */
#include <errno.h>

#include "hosts.h"

static void act(struct minato *m, uint32_t uid)
{
	const struct minato_owner owner = { .uid = uid, .pid = 7 };

	assert_int_equal(minato_act_as(m, &owner), 0);
}

static int try_bind(struct minato *m, enum minato_proto proto, const char *text, uint16_t port)
{
	const struct minato_endpoint local = end(text, port);
	const uint64_t s = open_socket(m, proto);
	const int result = minato_bind(m, s, &local);

	assert_int_equal(minato_close(m, s), 0);
	return result;
}

static void test_privileged(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);

	(void)state;
	act(p.a.m, 1000);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 1), -EACCES);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 1023), -EACCES);
	assert_int_equal(try_bind(p.a.m, MINATO_UDP, "10.0.0.1", 53), -EACCES);
	assert_int_equal(counter(p.a.m, "binds_denied"), 3);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 1024), 0);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 65535), 0);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 0), 0);
	assert_int_equal(try_bind(p.a.m, MINATO_ICMP, "::", 77), 0);
	act(p.a.m, 0);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 80), 0);
	act(p.a.m, MINATO_UID_NONE);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 80), -EACCES);
	assert_int_equal(minato_act_as(p.a.m, NULL), 0);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 80), 0);
	pair_end(&p);
}

static void test_settings(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	struct minato_policy policy;

	(void)state;
	minato_policy_get(p.a.m, &policy);
	assert_int_equal(policy.privileged_below, 1024);
	assert_int_equal(policy.uid, 0);
	policy = (struct minato_policy){ 81, 1000 };
	assert_int_equal(minato_policy_set(p.a.m, &policy), 0);
	act(p.a.m, 1001);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 80), -EACCES);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 81), 0);
	act(p.a.m, 1000);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 80), 0);
	act(p.a.m, 0);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 80), -EACCES);
	policy.privileged_below = 65536;
	assert_int_equal(minato_policy_set(p.a.m, &policy), 0);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 65535), -EACCES);
	policy.privileged_below = 65537;
	assert_int_equal(minato_policy_set(p.a.m, &policy), -EINVAL);
	policy.privileged_below = 0;
	assert_int_equal(minato_policy_set(p.a.m, &policy), 0);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 1), 0);
	/* An owner that nobody knows is nobody. */
	policy = (struct minato_policy){ 1024, MINATO_UID_NONE };
	assert_int_equal(minato_policy_set(p.a.m, &policy), 0);
	act(p.a.m, MINATO_UID_NONE);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 80), -EACCES);
	pair_end(&p);
}

static void test_exceptions(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	struct minato_entry e = { .kind = MINATO_KIND_RIGHT, .verdict = MINATO_PASS, .uid = 1000,
				  .scope = MINATO_SCOPE_ANY, .face = MINATO_FACE_ANY,
				  .proto = MINATO_TCP, .first = 80, .last = 89 };
	uint64_t handle;

	(void)state;
	assert_int_equal(minato_entry_add(p.a.m, &e, &handle), 0);
	act(p.a.m, 1000);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 80), 0);
	assert_int_equal(try_bind(p.a.m, MINATO_UDP, "::", 80), -EACCES);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 90), -EACCES);
	assert_int_equal(minato_entry_remove(p.a.m, handle), 0);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 80), -EACCES);
	e.verdict = MINATO_REFUSE;
	e.uid = MINATO_UID_NONE;
	e.first = 9000;
	e.last = 9009;
	assert_int_equal(minato_entry_add(p.a.m, &e, NULL), 0);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "10.0.0.1", 9005), -EACCES);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "10.0.0.1", 9010), 0);
	act(p.a.m, 0);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "10.0.0.1", 9005), 0);
	pair_end(&p);
}

/* A port of somebody else's address is none of this host's. */
static void test_transparent(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const char *const names[] = { "192.0.2.1", "10.0.0.1", "0.0.0.0" };

	(void)state;
	act(p.a.m, 1000);
	for (int i = 0; i < 3; i++) {
		const uint64_t s = open_socket(p.a.m, MINATO_UDP);
		const struct minato_endpoint local = end(names[i], 80);
		assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_TRANSPARENT, 1), 0);
		assert_int_equal(minato_bind(p.a.m, s, &local), i == 0 ? 0 : -EACCES);
	}
	pair_end(&p);
}

static bool right_row(struct minato *m, struct minato_row *out)
{
	uint64_t cursor = 0;

	while (minato_row(m, &cursor, out))
		if (out->kind == MINATO_KIND_RIGHT)
			return true;
	return false;
}

static void test_visible(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	struct minato_policy policy = { 0 };
	const struct minato_entry e = { .kind = MINATO_KIND_RIGHT, .verdict = MINATO_PASS,
					.uid = 1000, .face = MINATO_FACE_ANY, .first = 80,
					.last = 89 };
	struct minato_row row;

	(void)state;
	assert_true(right_row(p.a.m, &row));
	assert_int_equal(row.handle, 0);
	assert_int_equal(row.verdict, MINATO_REFUSE);
	assert_int_equal(row.first, 1);
	assert_int_equal(row.last, 1023);
	assert_int_equal(row.uid, MINATO_UID_NONE);
	assert_int_equal(minato_policy_set(p.a.m, &policy), 0);
	assert_false(right_row(p.a.m, &row));
	act(p.a.m, 0);
	assert_int_equal(minato_entry_add(p.a.m, &e, NULL), 0);
	assert_true(right_row(p.a.m, &row));
	assert_int_equal(row.verdict, MINATO_PASS);
	assert_int_equal(row.uid, 1000);
	assert_int_equal(row.owner.uid, 0);
	assert_string_equal(minato_kind_name(row.kind), "right");
	pair_end(&p);
}

/* What stands is not asked again: not by listen, and not when a port is chosen late. */
static void test_bind_alone_is_asked(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const struct minato_endpoint peer = end("10.0.0.2", 80);
	uint64_t s;

	(void)state;
	s = open_bound(p.a.m, MINATO_TCP, "::", 80);
	act(p.a.m, 1000);
	assert_int_equal(minato_listen(p.a.m, s, 5), 0);
	assert_int_equal(minato_listen(p.a.m, open_bound(p.a.m, MINATO_TCP, "::", 0), 5), 0);
	assert_int_equal(minato_connect(p.a.m, open_socket(p.a.m, MINATO_TCP), &peer),
			 -EINPROGRESS);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_privileged),  cmocka_unit_test(test_settings),
		cmocka_unit_test(test_exceptions),  cmocka_unit_test(test_transparent),
		cmocka_unit_test(test_visible),	    cmocka_unit_test(test_bind_alone_is_asked),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
