/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers by the places where flows cross the rules. */
#include "minato/guard.h"
#include "unit/port_fixture.h"

/* For each pair of lengths from 105 to 128 a rule of ports 100 to 199, but for the longest. */
static void add_nests(void)
{
	struct minato_entry e = { .kind = MINATO_KIND_GUARD,
				  .verdict = MINATO_DROP,
				  .scope = MINATO_SCOPE_ANY,
				  .face = MINATO_FACE_ANY,
				  .proto = TCP,
				  .local = addr("10.0.0.1"),
				  .remote = addr("10.9.0.1"),
				  .first = 100,
				  .last = 199,
				  .order = 1000 };

	for (uint8_t l = 105; l <= 128; l++) {
		for (uint8_t r = 105; r <= 128; r++) {
			e.local_prefix = l;
			e.remote_prefix = r;
			e.order += 1;
			if (l == 128 && r == 128)
				e.last = 149;
			assert_true(port_add(t, &e, NULL) >= 0);
		}
	}
}

static uint64_t order_of(const char *local, const char *remote, uint16_t port)
{
	const struct port_key key = key_of(TCP, local, port, remote, 9);
	struct minato_entry got;
	struct port_fate fate;

	port_lookup(t, &key, (struct minato_time){ 1 }, true, &fate);
	if (fate.rule == POOL_NONE)
		return 0;
	port_get(t, port_rule_entry(t, fate.rule), &got);
	return got.order;
}

static void the_like_is_asked_about_once(void **state)
{
	(void)state;
	add_nests();
	assert_int_equal(order_of("10.0.0.1", "10.9.0.1", 120), 1001);
	assert_int_equal(t->rules.crossed, 0);
	/* Of the same classes, and between the same edges. */
	assert_int_equal(order_of("10.0.0.1", "10.9.0.1", 100), 1001);
	assert_int_equal(order_of("10.0.0.1", "10.9.0.1", 149), 1001);
	assert_int_equal(t->rules.crossed, 2);
	/* Behind an edge; in another class. */
	assert_int_equal(order_of("10.0.0.1", "10.9.0.1", 150), 1001);
	assert_int_equal(order_of("10.0.0.1", "10.9.0.1", 99), 0);
	assert_int_equal(order_of("10.0.0.1", "10.9.0.1", 200), 0);
	assert_int_equal(order_of("10.0.0.2", "10.9.0.1", 120), 1001);
	assert_int_equal(t->rules.crossed, 2);
	assert_int_equal(order_of("10.0.0.1", "10.9.0.1", 65535), 0);
	assert_int_equal(order_of("10.0.0.1", "10.9.0.1", 1), 0);
	assert_int_equal(t->rules.crossed, 4);
}

static void few_pairs_are_not_noted(void **state)
{
	(void)state;
	add_nests();
	for (int i = 0; i < 3; i++)
		assert_int_equal(order_of("172.16.0.1", "10.9.0.1", 120), 0);
	assert_int_equal(t->rules.crossed, 0);
}

static void a_change_makes_all_void(void **state)
{
	struct minato_entry first = { .kind = MINATO_KIND_GUARD,
				      .verdict = MINATO_PASS,
				      .scope = MINATO_SCOPE_ANY,
				      .face = MINATO_FACE_ANY,
				      .proto = TCP,
				      .order = 1 };
	int64_t added;

	(void)state;
	add_nests();
	assert_int_equal(order_of("10.0.0.1", "10.9.0.1", 120), 1001);
	added = port_add(t, &first, NULL);
	assert_int_equal(order_of("10.0.0.1", "10.9.0.1", 120), 1);
	port_remove(t, (uint32_t)added);
	assert_int_equal(order_of("10.0.0.1", "10.9.0.1", 120), 1001);
	assert_int_equal(t->rules.crossed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_like_is_asked_about_once),
		CASE(few_pairs_are_not_noted),
		CASE(a_change_makes_all_void),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
