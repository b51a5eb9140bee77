/* SPDX-License-Identifier: BSD-2-Clause */
/* A mapping's tuple holds its port against binds and choices, and a quiet one counts nowhere. */
#include "unit/port_fixture.h"

#include <errno.h>

static struct port_key at(const char *local, uint16_t port)
{
	return (struct port_key){
		.local = addr(local),
		.remote = addr(strchr(local, ':') ? "::" : "0.0.0.0"),
		.local_port = port,
		.proto = MINATO_UDP,
	};
}

static int64_t map(const char *local, uint16_t port)
{
	const struct port_key key = at(local, port);

	return port_tuple_insert(t, &key, (struct port_tuple_ref){ .owner = 7, .class = 9 });
}

static int64_t bind_to(const char *local, uint16_t port, bool reuse)
{
	const struct port_claim claim = {
		.proto = MINATO_UDP, .local = addr(local), .port = port, .reuse_addr = reuse
	};

	return port_bind(t, &claim, NULL);
}

static bool vacant(const char *local, uint16_t port)
{
	const struct port_choice choice = { .proto = MINATO_UDP, .local = addr(local) };

	return port_vacant(t, &choice, port);
}

static void a_bind_is_refused(void **state)
{
	(void)state;
	assert_true(map("198.51.100.1", 5000) >= 0);
	assert_true(map("198.51.100.2", 5000) >= 0);
	assert_int_equal(bind_to("198.51.100.1", 5000, false), -EADDRINUSE);
	assert_int_equal(bind_to("198.51.100.1", 5000, true), -EADDRINUSE);
	assert_int_equal(bind_to("0.0.0.0", 5000, true), -EADDRINUSE);
	assert_int_equal(bind_to("::", 5000, true), -EADDRINUSE);
	assert_true(bind_to("198.51.100.3", 5000, false) >= 0);
	assert_true(bind_to("198.51.100.1", 5001, false) >= 0);
}

static void a_mapping_of_ipv6_too(void **state)
{
	(void)state;
	assert_true(map("2001:db8::1", 5000) >= 0);
	assert_int_equal(bind_to("2001:db8::1", 5000, false), -EADDRINUSE);
	assert_int_equal(bind_to("::", 5000, false), -EADDRINUSE);
	assert_true(bind_to("0.0.0.0", 5000, false) >= 0);
}

static void no_choice_takes_it(void **state)
{
	const struct minato_endpoint remote = { addr("203.0.113.1"), 53 };
	struct port_choice choice = { .proto = MINATO_UDP,
				      .local = addr("198.51.100.1"),
				      .low = 5000,
				      .high = 5003,
				      .remote = &remote };
	struct port_key key = at("198.51.100.1", 5000);
	int64_t tuple[4];

	(void)state;
	for (uint16_t i = 0; i < 4; i++) {
		key.local_port = 5000 + i;
		tuple[i] = map("198.51.100.1", key.local_port);
	}
	/* Held at another address too, so that choices look there last. */
	map("198.51.100.2", 5002);
	assert_int_equal(port_choose(t, &choice), 0);
	choice.remote = NULL;
	assert_int_equal(port_choose(t, &choice), 0);
	port_tuple_remove(t, (uint32_t)tuple[2]);
	assert_int_equal(port_choose(t, &choice), 5002);
	choice.remote = &remote;
	assert_int_equal(port_choose(t, &choice), 5002);
}

static void vacant_is_what_nothing_holds(void **state)
{
	struct port_key key = at("198.51.100.1", 6001);
	const struct minato_entry range = { .kind = MINATO_KIND_FORWARD,
					    .face = MINATO_FACE_ANY,
					    .local = addr("198.51.100.1"),
					    .local_prefix = 128,
					    .first = 7000,
					    .last = 7009 };
	uint64_t releases;
	int64_t tuple;

	(void)state;
	assert_true(vacant("198.51.100.1", 6000));
	bind_to("198.51.100.1", 6000, false);
	assert_false(vacant("198.51.100.1", 6000));
	assert_true(vacant("198.51.100.2", 6000));
	key.remote = addr("203.0.113.1");
	key.remote_port = 53;
	tuple = port_tuple_insert(t, &key, (struct port_tuple_ref){ .owner = 1 });
	assert_false(vacant("198.51.100.1", 6001));
	assert_true(vacant("198.51.100.2", 6001));
	releases = port_releases(t);
	port_tuple_remove(t, (uint32_t)tuple);
	assert_true(port_releases(t) != releases);
	assert_true(vacant("198.51.100.1", 6001));
	map("198.51.100.1", 6002);
	assert_false(vacant("198.51.100.1", 6002));
	assert_true(vacant("198.51.100.2", 6002));
	assert_true(port_add(t, &range, NULL) >= 0);
	assert_false(vacant("198.51.100.1", 7005));
	assert_true(vacant("198.51.100.2", 7005));
	assert_true(vacant("198.51.100.1", 7010));
}

static void a_quiet_tuple_counts_nowhere(void **state)
{
	struct port_key key = at("198.51.100.1", 6001);
	struct port_tuple_ref ref;

	(void)state;
	key.remote = addr("203.0.113.1");
	key.remote_port = 53;
	assert_true(port_tuple_insert(
			    t, &key,
			    (struct port_tuple_ref){ .owner = 5, .class = 8, .quiet = true }) >= 0);
	assert_true(port_tuple_find(t, &key, &ref, NULL));
	assert_true(ref.quiet && ref.owner == 5 && ref.class == 8);
	assert_true(vacant("198.51.100.1", 6001));
	assert_true(bind_to("198.51.100.1", 6001, false) >= 0);
}

/* Beside some that are not quiet, with growth and removal, by their keys alone. */
static void quiet_ones_come_and_go(void **state)
{
	struct port_tuple_ref ref;
	uint32_t index = 7;

	(void)state;
	for (uint16_t i = 1; i < 3000; i++) {
		struct port_key key = key_of(UDP, "198.51.100.1", 6001, "203.0.113.1", i);
		ref = (struct port_tuple_ref){ .owner = i, .quiet = i % 4 != 0 };
		assert_true(port_tuple_insert(t, &key, ref) >= 0);
	}
	assert_true(bucket_sound(t));
	for (uint16_t i = 1; i < 3000; i++) {
		struct port_key key = key_of(UDP, "198.51.100.1", 6001, "203.0.113.1", i);
		assert_true(port_tuple_find(t, &key, &ref, &index));
		assert_int_equal(ref.owner, i);
		assert_int_equal(index == POOL_NONE, i % 4 != 0);
		ref.owner = i + 1u;
		assert_int_equal(i % 4 == 0 || port_tuple_reassign(t, &key, ref), true);
	}
	for (uint16_t i = 1; i < 3000; i++) {
		struct port_key key = key_of(UDP, "198.51.100.1", 6001, "203.0.113.1", i);
		assert_true(port_tuple_find(t, &key, &ref, NULL));
		assert_int_equal(ref.owner, i % 4 == 0 ? i : i + 1);
		assert_true(port_tuple_erase(t, &key));
		assert_false(port_tuple_erase(t, &key));
		assert_false(port_tuple_reassign(t, &key, ref));
	}
	assert_int_equal(port_tuple_count(t), 0);
	assert_true(bucket_sound(t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_bind_is_refused),
		CASE(a_mapping_of_ipv6_too),
		CASE(no_choice_takes_it),
		CASE(vacant_is_what_nothing_holds),
		CASE(a_quiet_tuple_counts_nowhere),
		CASE(quiet_ones_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
