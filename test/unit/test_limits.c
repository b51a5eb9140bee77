/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits of answers: bounded, fair, and silent about what others were answered. */
#include "hosts.h"
#include "stack/stack.h"

static struct host fresh(void)
{
	const struct minato_config c = small_config(MINATO_LINK_IP, 1);

	return host_new(&c, (struct minato_time){ SECOND });
}

static uint32_t ask(struct host *h, enum limit_kind kind, const struct minato_addr *who,
		    uint32_t times)
{
	uint32_t got = 0;

	for (uint32_t i = 0; i < times; i++)
		got += limits_allow(h->m, kind, who);
	return got;
}

/* Into a window that is all new. */
static void next_window(struct host *h)
{
	h->m->now.ns += 2 * SECOND;
}

static struct minato_addr stranger(uint32_t n)
{
	return minato_addr4(20, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n);
}

/* One that asks without end spends what is its own, between half and all. */
static void each_source_has_its_own(void **state)
{
	struct host h = fresh();
	const struct minato_addr greedy = addr("198.51.100.1"), other = addr("198.51.100.2");

	(void)state;
	for (int i = 0; i < 50; i++) {
		assert_in_range(ask(&h, LIMIT_ICMP, &greedy, 100000), 50, 100);
		assert_int_equal(ask(&h, LIMIT_ICMP, &other, 40), 40);
		assert_in_range(ask(&h, LIMIT_RST, &greedy, 100000), 500, 1000);
		assert_int_equal(ask(&h, LIMIT_TOO_BIG, &greedy, 20), 20);
		next_window(&h);
	}
	host_end(&h);
}

/* Who holds a /64 is one source. */
static void a_network_is_one_source(void **state)
{
	struct host h = fresh();
	uint32_t got = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		struct minato_addr a = addr("2001:db8::1");

		a.bytes[15] = (uint8_t)i;
		a.bytes[14] = (uint8_t)(i >> 8);
		got += ask(&h, LIMIT_ICMP, &a, 10);
	}
	assert_in_range(got, 50, 100);
	host_end(&h);
}

/* However many sources ask: fewer than twice the bound of all. */
static void all_together_are_bounded(void **state)
{
	struct host h = fresh();
	uint32_t got = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000000; i++) {
		const struct minato_addr who = stranger(i * 7919);

		got += ask(&h, LIMIT_ICMP, &who, 1);
	}
	assert_in_range(got, 2000, 8000);
	host_end(&h);
}

/* A count that can be read to the last one would be an oracle. */
static void no_bound_is_exact(void **state)
{
	struct host h = fresh();
	const struct minato_addr who = addr("198.51.100.1");
	uint32_t seen[128] = { 0 }, different = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		seen[ask(&h, LIMIT_ICMP, &who, 200)]++;
		next_window(&h);
	}
	for (uint32_t i = 0; i < 128; i++)
		different += seen[i] != 0;
	assert_true(different > 25);
	host_end(&h);
}

/*
 * The attack: somebody sends, in the name of a server, `spoofed` packets of
 * which all meet closed ports, or none does (so that they ask for no answer);
 * then he asks in his own name as often as tells most, and counts. With
 * `crowd` others he first brings the bound of all to its edge.
 */
static uint32_t measure(struct host *h, bool closed, uint32_t spoofed, uint32_t crowd)
{
	const struct minato_addr server = addr("203.0.113.53"), own = addr("198.51.100.1");

	next_window(h);
	for (uint32_t i = 0; i < crowd; i++) {
		const struct minato_addr who = stranger(i);

		ask(h, LIMIT_ICMP, &who, 1);
	}
	if (closed)
		ask(h, LIMIT_ICMP, &server, spoofed);
	return ask(h, LIMIT_ICMP, &own, 200);
}

/* How often the best threshold between the two tells right, of 1. */
static double advantage(uint32_t spoofed, uint32_t crowd)
{
	enum { ROUNDS = 1500 };
	struct host h = fresh();
	uint32_t seen[2][256] = { { 0 } };
	uint32_t below[2] = { 0 };
	double best = 0;

	for (int i = 0; i < 2 * ROUNDS; i++)
		seen[i & 1][measure(&h, i & 1, spoofed, crowd)]++;
	for (uint32_t at = 0; at < 256; at++) {
		double right;

		below[0] += seen[0][at];
		below[1] += seen[1][at];
		right = 0.5 + ((double)below[1] - (double)below[0]) / (2 * ROUNDS);
		best = right > best ? right : best;
		best = 1 - right > best ? 1 - right : best;
	}
	host_end(&h);
	return best;
}

/* Chance alone gives some 0.52 with so many rounds. */
static void nobody_can_tell(void **state)
{
	static const uint32_t crowds[] = { 0, 2000, 3000, 4000, 10000 };

	(void)state;
	for (size_t i = 0; i < sizeof(crowds) / sizeof(crowds[0]); i++) {
		const double best = advantage(50, crowds[i]);

		if (best > 0.56)
			fail_msg("with a crowd of %u: right with %.3f", crowds[i], best);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_source_has_its_own),
		cmocka_unit_test(a_network_is_one_source),
		cmocka_unit_test(all_together_are_bounded),
		cmocka_unit_test(no_bound_is_exact),
		cmocka_unit_test(nobody_can_tell),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
