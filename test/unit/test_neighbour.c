/* SPDX-License-Identifier: BSD-2-Clause */
/* The states of a neighbour, and what the cache does when it is full. */
#include <errno.h>

#include "hosts.h"
#include "stack/stack.h"

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 };
static const uint8_t other[6] = { 2, 0, 0, 0, 0, 8 };

static struct host one_link(uint32_t neighbours)
{
	struct minato_config c = small_config(MINATO_LINK_ETHERNET, 1);
	const struct minato_addr a = addr("10.0.0.1");
	struct host h;

	c.neighbours_max = neighbours;
	h = host_new(&c, (struct minato_time){ SECOND });
	assert_int_equal(minato_address_add(h.m, 0, &a, 16), 0);
	return h;
}

static enum neighbour_answer resolve(struct minato *m, const struct minato_addr *a)
{
	uint8_t got[6];
	uint32_t index;

	return neighbour_resolve(m, 0, a, got, &index);
}

static void later(struct minato *m, int64_t ns)
{
	struct minato_frame_out f[4];

	/* What is asked meanwhile is not answered. */
	for (int i = 0; i < 20; i++) {
		minato_advance(m, (struct minato_time){ m->now.ns + ns / 20 });
		minato_output(m, m->now, f, 4);
	}
}

static void test_reachable_then_stale(void **state)
{
	struct host h = one_link(16);
	const struct minato_addr a = addr("10.0.0.9");
	struct neighbour *n;

	(void)state;
	assert_int_equal(resolve(h.m, &a), NEIGHBOUR_WAIT);
	neighbour_heard(h.m, 0, &a, mac, NEWS_REPLY);
	n = neighbour_find(h.m, 0, &a);
	assert_int_equal(n->state, NEIGHBOUR_REACHABLE);
	assert_int_equal(resolve(h.m, &a), NEIGHBOUR_READY);
	later(h.m, 46 * SECOND);
	assert_int_equal(n->state, NEIGHBOUR_STALE);
	/* Stale serves; after 5 s of use it is asked, unicast. */
	assert_int_equal(resolve(h.m, &a), NEIGHBOUR_READY);
	assert_int_equal(n->state, NEIGHBOUR_DELAY);
	minato_advance(h.m, (struct minato_time){ h.m->now.ns + 5 * SECOND + MILLI });
	assert_int_equal(n->state, NEIGHBOUR_PROBE);
	assert_int_equal(resolve(h.m, &a), NEIGHBOUR_READY);
	neighbour_heard(h.m, 0, &a, mac, NEWS_REPLY);
	assert_int_equal(n->state, NEIGHBOUR_REACHABLE);
	host_end(&h);
}

static void test_probe_unanswered(void **state)
{
	struct host h = one_link(16);
	const struct minato_addr a = addr("10.0.0.9");

	(void)state;
	neighbour_heard(h.m, 0, &a, mac, NEWS_REQUEST);
	assert_int_equal(resolve(h.m, &a), NEIGHBOUR_READY);
	minato_advance(h.m, (struct minato_time){ h.m->now.ns + 5 * SECOND + MILLI });
	for (int i = 0; i < 3; i++)
		minato_advance(h.m, (struct minato_time){ h.m->now.ns + SECOND + MILLI });
	assert_int_equal(resolve(h.m, &a), NEIGHBOUR_NONE);
	/* It is asked anew a second later. */
	minato_advance(h.m, (struct minato_time){ h.m->now.ns + SECOND + MILLI });
	assert_int_equal(resolve(h.m, &a), NEIGHBOUR_WAIT);
	host_end(&h);
}

/* A packet teaches only what nobody knows better. */
static void test_packet_teaches_the_unknown(void **state)
{
	struct host h = one_link(16);
	const struct minato_addr a = addr("10.0.0.9");

	(void)state;
	neighbour_heard(h.m, 0, &a, mac, NEWS_PACKET);
	assert_memory_equal(neighbour_find(h.m, 0, &a)->mac, mac, 6);
	neighbour_heard(h.m, 0, &a, other, NEWS_PACKET);
	assert_memory_equal(neighbour_find(h.m, 0, &a)->mac, mac, 6);
	neighbour_heard(h.m, 0, &a, other, NEWS_OTHER);
	assert_memory_equal(neighbour_find(h.m, 0, &a)->mac, other, 6);
	host_end(&h);
}

static void test_implausible(void **state)
{
	struct host h = one_link(16);
	const char *const bad[] = { "0.0.0.0", "224.0.0.1", "10.0.255.255", "11.0.0.1",
				    "10.0.0.1" };
	const uint8_t group[6] = { 3 }, zero[6] = { 0 };
	const struct minato_addr good = addr("10.0.0.9");

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		const struct minato_addr a = addr(bad[i]);
		neighbour_heard(h.m, 0, &a, mac, NEWS_REQUEST);
		assert_null(neighbour_find(h.m, 0, &a));
	}
	neighbour_heard(h.m, 0, &good, group, NEWS_REQUEST);
	neighbour_heard(h.m, 0, &good, zero, NEWS_REQUEST);
	assert_null(neighbour_find(h.m, 0, &good));
	host_end(&h);
}

static void test_full_takes_the_unused(void **state)
{
	struct host h = one_link(4);
	struct minato_addr a[6];

	(void)state;
	for (uint8_t i = 0; i < 6; i++) {
		a[i] = minato_addr4(10, 0, 1, i);
		neighbour_heard(h.m, 0, &a[i], mac, NEWS_REQUEST);
		assert_non_null(neighbour_find(h.m, 0, &a[i]));
	}
	assert_int_equal(h.m->neighbours.used, 4);
	host_end(&h);
}

static void test_full_spares_the_known(void **state)
{
	struct host h = one_link(4);
	struct minato_addr a;

	(void)state;
	for (uint8_t i = 0; i < 4; i++) {
		a = minato_addr4(10, 0, 1, i);
		assert_int_equal(minato_neighbour_add(h.m, 0, &a, mac), 0);
	}
	a = addr("10.0.2.1");
	assert_int_equal(minato_neighbour_add(h.m, 0, &a, mac), -ENOSPC);
	assert_int_equal(resolve(h.m, &a), NEIGHBOUR_NONE);
	assert_int_equal(counter(h.m, "neighbour_full"), 2);
	host_end(&h);
}

static void test_add_refuses(void **state)
{
	struct host h = one_link(4);
	const uint8_t group[6] = { 1 };
	const struct minato_addr good = addr("10.0.0.9"), any = addr("0.0.0.0");

	(void)state;
	assert_int_equal(minato_neighbour_add(h.m, 3, &good, mac), -EINVAL);
	assert_int_equal(minato_neighbour_add(h.m, 0, &any, mac), -EINVAL);
	assert_int_equal(minato_neighbour_add(h.m, 0, &good, group), -EINVAL);
	host_end(&h);
}

/* A known neighbour that fails is asked again, and stays known. */
static void test_known_survives_failure(void **state)
{
	struct host h = one_link(4);
	const struct minato_addr a = addr("10.0.0.9");

	(void)state;
	assert_int_equal(minato_neighbour_add(h.m, 0, &a, NULL), 0);
	assert_int_equal(resolve(h.m, &a), NEIGHBOUR_WAIT);
	for (int i = 0; i < 5; i++)
		minato_advance(h.m, (struct minato_time){ h.m->now.ns + SECOND + MILLI });
	assert_true(neighbour_speaks(h.m, 0, &a));
	assert_int_equal(resolve(h.m, &a), NEIGHBOUR_WAIT);
	host_end(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reachable_then_stale),
		cmocka_unit_test(test_probe_unanswered),
		cmocka_unit_test(test_packet_teaches_the_unknown),
		cmocka_unit_test(test_implausible),
		cmocka_unit_test(test_full_takes_the_unused),
		cmocka_unit_test(test_full_spares_the_known),
		cmocka_unit_test(test_add_refuses),
		cmocka_unit_test(test_known_survives_failure),
	};

	return cmocka_run_group_tests_name("neighbour", tests, NULL, NULL);
}
