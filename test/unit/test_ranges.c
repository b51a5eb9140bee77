/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of where the first sessions will lie is where they come to lie. */
#include "gateway_fixture.h"

#define FIRST 20000u
#define PAGE 4096u

static struct gate g;
static struct forge f;
static struct minato_range ranges[MINATO_RANGES_MAX];
static uint32_t count;

static struct minato_config config_for(uint32_t first)
{
	struct minato_config c = gate_config(MINATO_LINK_IP);

	c.sessions_max = c.mappings_max = FIRST / 2 * 3;
	c.sessions_first = first;
	return c;
}

static bool is_ahead(size_t page)
{
	for (uint32_t i = 0; i < count; i++)
		if ((page + 1) * PAGE > ranges[i].at &&
		    page * PAGE < ranges[i].at + ranges[i].bytes)
			return true;
	return false;
}

/* Some of it may be poisoned: it is looked at as bytes. */
__attribute__((no_sanitize("address"))) static bool is_empty(const uint64_t *page)
{
	uint64_t all = 0;

	for (size_t i = 0; i < PAGE / sizeof(*page); i++)
		all |= page[i];
	return all == 0;
}

/* Pages of the memory with something in them: within the ranges, or beside them. */
static void count_pages(uint32_t pages[2])
{
	pages[0] = pages[1] = 0;
	for (size_t page = 0; page < g.h.size / PAGE; page++)
		if (!is_empty((const uint64_t *)(const void *)((const char *)g.m + page * PAGE)))
			pages[is_ahead(page)]++;
}

/* Each by a mapping of its own. */
static void send_out(uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		gate_clear(&g);
		forge_udp(&f, false, 100);
		gate_ends(&f, i % 2 ? "10.0.0.2" : "10.0.0.3", "203.0.113.9");
		forge_put16(f.header, (uint16_t)(1024 + i / 2));
		gate_send(&g, 0, &f, NULL);
		gate_drain(&g, 1);
	}
	gate_clear(&g);
}

static void the_first_lie_where_it_says(void **state)
{
	const struct minato_config c = config_for(FIRST);
	uint32_t half[2], whole[2], lines;
	size_t bytes = 0;

	(void)state;
	count = minato_sessions_ranges(&c, ranges);
	assert_in_range(count, 1, MINATO_RANGES_MAX);
	for (uint32_t i = 0; i < count; i++) {
		assert_true(ranges[i].bytes > 0);
		assert_true(ranges[i].at + ranges[i].bytes <= minato_size(&c));
		bytes += ranges[i].bytes;
	}
	/* A session and a mapping of 64 bytes, and what tuples take: no multiple of that. */
	assert_in_range(bytes / FIRST, 200, 500);
	gate_with(&g, &c);
	lines = host_table(g.m)->hash[0].lines;
	send_out(0, FIRST / 2);
	count_pages(half);
	send_out(FIRST / 2, FIRST);
	count_pages(whole);
	assert_int_equal(host_nat(g.m)->sessions4.used, FIRST);
	assert_int_equal(host_table(g.m)->hash[0].lines, lines); /* it has not grown */
	/* Ports choose where the rest goes, which is soon everywhere. */
	assert_in_range(whole[0] - half[0], 0, 24);
	assert_in_range(whole[1] - half[1], FIRST / 2 * 128 / PAGE, bytes / PAGE);
	gate_end(&g);
}

static void nothing_is_said_of_what_was_not_asked(void **state)
{
	struct minato_config c = config_for(0);

	(void)state;
	assert_int_equal(minato_sessions_ranges(&c, ranges), 0);
	c.sessions_first = 1;
	assert_true(minato_sessions_ranges(&c, ranges) > 0);
	c.link[0].mtu = 1; /* a wrong config */
	assert_int_equal(minato_sessions_ranges(&c, ranges), 0);
	c = config_for(1);
	c.link_count = UINT32_MAX;
	assert_int_equal(minato_sessions_ranges(&c, ranges), 0);
	c = small_config(MINATO_LINK_IP, 1);
	c.sessions_first = 1; /* no gateway */
	assert_int_equal(minato_sessions_ranges(&c, ranges), 0);
}

/* Room for the tuples of so many, and no more than for those of the first second without it. */
static void the_table_has_room_for_them(void **state)
{
	const uint32_t firsts[] = { 0, 200000 };
	uint32_t lines[2];

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		struct minato_config c = config_for(firsts[i]);

		c.sessions_max = c.mappings_max = 400000;
		gate_with(&g, &c);
		lines[i] = host_table(g.m)->hash[0].lines;
		gate_end(&g);
	}
	assert_in_range(lines[0] * 22, 1 << 18, 1 << 19);
	assert_in_range(lines[1] * 22, 200000 * 4, 200000 * 4 * 3 / 2);
}

/* No more than there may be. */
static void it_is_bounded_by_sessions_and_mappings(void **state)
{
	struct minato_config c = config_for(UINT32_MAX), all = config_for(FIRST / 2 * 3);
	struct minato_range of_all[MINATO_RANGES_MAX];

	(void)state;
	count = minato_sessions_ranges(&c, ranges);
	assert_int_equal(minato_sessions_ranges(&all, of_all), count);
	assert_memory_equal(ranges, of_all, count * sizeof(ranges[0]));
	c.mappings_max = all.mappings_max = 10;
	all.sessions_first = 10;
	count = minato_sessions_ranges(&c, ranges);
	assert_int_equal(minato_sessions_ranges(&all, of_all), count);
	assert_memory_equal(ranges, of_all, count * sizeof(ranges[0]));
	for (uint32_t i = 0; i < count; i++)
		assert_true(ranges[i].at + ranges[i].bytes <= minato_size(&c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_lie_where_it_says),
		cmocka_unit_test(nothing_is_said_of_what_was_not_asked),
		cmocka_unit_test(the_table_has_room_for_them),
		cmocka_unit_test(it_is_bounded_by_sessions_and_mappings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
