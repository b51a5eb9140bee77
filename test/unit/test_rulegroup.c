/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules that differ in ports alone: one, a list, trees, and back to nothing. */
#include "minato/guard.h"
#include "unit/port_fixture.h"

static uint32_t entries[400], of_source[1000];

static void put(uint32_t i)
{
	const struct minato_entry e = { .kind = MINATO_KIND_GUARD,
					.verdict = MINATO_DROP,
					.scope = MINATO_SCOPE_ANY,
					.face = MINATO_FACE_ANY,
					.proto = TCP,
					.first = (uint16_t)(10 * i + 1),
					.last = (uint16_t)(10 * i + 1 + i % 3),
					.order = 1 + i };
	const int64_t added = port_add(t, &e, NULL);

	assert_true(added >= 0);
	entries[i] = (uint32_t)added;
}

static uint32_t rule_on(uint16_t port)
{
	const struct port_key key = key_of(TCP, "10.0.0.1", port, "10.0.0.2", 9);
	struct port_fate fate;

	port_lookup(t, &key, (struct minato_time){ 1 }, true, &fate);
	return port_rule_entry(t, fate.rule);
}

/* Those from `first` on stand, the others do not. */
static void require_from(uint32_t first, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const uint16_t port = (uint16_t)(10 * i + 1);
		assert_int_equal(rule_on(port), i < first ? POOL_NONE : entries[i]);
		assert_int_equal(rule_on((uint16_t)(port + i % 3)),
				 i < first ? POOL_NONE : entries[i]);
		assert_int_equal(rule_on((uint16_t)(port + i % 3 + 1)), POOL_NONE);
	}
}

static void grow_and_shrink(uint32_t most)
{
	for (uint32_t i = 0; i < most; i++) {
		put(i);
		require_from(0, i + 1);
	}
	for (uint32_t i = 0; i < most; i++) {
		port_remove(t, entries[i]);
		require_from(i + 1, most);
	}
	assert_int_equal(t->rules.groups + t->rules.lines.used + t->rules.blocks.used, 0);
}

static void one_then_a_list(void **state)
{
	(void)state;
	grow_and_shrink(1);
	grow_and_shrink(16);
	assert_int_equal(t->rules.blocks.peak, 0);
	assert_int_equal(t->rules.lines.peak, 4);
}

static void seventeen_are_trees(void **state)
{
	(void)state;
	grow_and_shrink(60);
	assert_true(t->rules.blocks.peak > 0);
	assert_int_equal(t->rules.maps_fresh, 1);
	grow_and_shrink(30);
	assert_int_equal(t->rules.maps_fresh, 1); /* it was given back */
}

/* More groups of that size than maps. */
static void without_a_map_they_go_by_their_trees(void **state)
{
	static const char *const sources[] = { "10.9.0.0", "10.9.1.0", "10.9.2.0",
					       "10.9.3.0", "10.9.4.0", "10.9.5.0" };
	struct minato_entry e = { .kind = MINATO_KIND_GUARD,
				  .verdict = MINATO_DROP,
				  .scope = MINATO_SCOPE_ANY,
				  .face = MINATO_FACE_ANY,
				  .remote_prefix = 120,
				  .proto = TCP };
	struct port_fate fate;

	(void)state;
	for (uint32_t s = 0; s < 6; s++) {
		e.remote = addr(sources[s]);
		for (uint16_t i = 0; i < 40; i++) {
			e.order = 1 + s * 100 + i;
			e.first = e.last = (uint16_t)(i * 7 + s + 1);
			assert_true(port_add(t, &e, NULL) >= 0);
		}
	}
	assert_int_equal(t->rules.maps_fresh, 0);
	for (uint32_t s = 0; s < 6; s++) {
		for (uint16_t port = 0; port < 300; port++) {
			struct port_key key = key_of(TCP, "10.0.0.1", port, sources[s], 9);
			port_lookup(t, &key, (struct minato_time){ 1 }, true, &fate);
			assert_int_equal(fate.kind == MINATO_KIND_GUARD,
					 port > s && (port - s) % 7 == 1 && (port - s) / 7 < 40);
		}
	}
	/* Who is asked first has one. */
	assert_true(t->rules.maps_fresh == t->rules.maps_max && t->rules.maps_max < 6);
}

/* The first rules of a table's room, about one source each. */
#define SOURCES 900u

static struct minato_addr source(uint32_t i)
{
	return minato_addr4(10, 7, (uint8_t)(i / 200), (uint8_t)(i % 200));
}

static void put_source(uint32_t i)
{
	const struct minato_entry e = { .kind = MINATO_KIND_GUARD,
					.verdict = MINATO_DROP,
					.scope = MINATO_SCOPE_ANY,
					.face = MINATO_FACE_ANY,
					.remote = source(i),
					.remote_prefix = 128,
					.last = UINT16_MAX,
					.order = 1 + i };
	const int64_t added = port_add(t, &e, NULL);

	assert_true(added >= 0);
	of_source[i] = (uint32_t)added;
}

/* Those that leave one remainder stand if that is said; the others do. */
static void require_sources(uint32_t remainder, bool stand)
{
	for (uint32_t i = 0; i < SOURCES; i++) {
		struct port_key key = key_of(TCP, "10.0.0.1", 80, "10.0.0.2", 9);
		struct port_fate fate;

		key.remote = source(i);
		port_lookup(t, &key, (struct minato_time){ 1 }, true, &fate);
		assert_int_equal(port_rule_entry(t, fate.rule),
				 i % 3 == remainder && !stand ? POOL_NONE : of_source[i]);
	}
}

/* Many have the same home; whoever comes later is astray, and is found when it is empty. */
static void who_leaves_home_leaves_the_others_where_they_are(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < SOURCES; i++)
		put_source(i);
	assert_true(t->rules.strays.used > 10);
	assert_int_equal(t->rules.groups, 2 * SOURCES); /* TCP and UDP */
	for (uint32_t remainder = 0; remainder < 3; remainder++) {
		for (uint32_t i = remainder; i < SOURCES; i += 3)
			port_remove(t, of_source[i]);
		require_sources(remainder, false);
		for (uint32_t i = remainder; i < SOURCES; i += 3)
			put_source(i);
		require_sources(remainder, true);
	}
	for (uint32_t i = 0; i < SOURCES; i++)
		port_remove(t, of_source[i]);
	assert_int_equal(t->rules.groups + t->rules.strays.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(who_leaves_home_leaves_the_others_where_they_are),
		CASE(one_then_a_list),
		CASE(seventeen_are_trees),
		CASE(without_a_map_they_go_by_their_trees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
