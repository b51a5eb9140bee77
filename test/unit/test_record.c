/* SPDX-License-Identifier: BSD-2-Clause */
/* A series of a source: one port at a time, given back. */
#include "unit/measure_sources.h"

static void ports_become_symbols_and_are_given_back(void **state)
{
	static struct fake fake;
	struct measure_source source = fake_source(&fake, FAKE_COUNTER);
	uint16_t symbol[100];

	(void)state;
	assert_int_equal(measure_record(&source, 5000, 5009, symbol, 100), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(symbol[i], i % 10);
	assert_int_equal(fake.free_count, 10);
}

static int refuse(void *user, uint32_t destination, uint64_t *lease, uint16_t *port)
{
	(void)user;
	(void)destination;
	*lease = 0;
	*port = 80;
	return -EADDRNOTAVAIL;
}

static int stray(void *user, uint32_t destination, uint64_t *lease, uint16_t *port)
{
	(void)refuse(user, destination, lease, port);
	return 0;
}

static void give_nothing(void *user, uint64_t lease)
{
	(void)user;
	(void)lease;
}

static void failures_are_handed_on(void **state)
{
	static struct fake fake;
	struct measure_source source = fake_source(&fake, FAKE_COUNTER);
	uint16_t symbol[10];

	(void)state;
	source.take = refuse;
	assert_int_equal(measure_record(&source, 5000, 5009, symbol, 10), -EADDRNOTAVAIL);
	source.take = stray;
	source.give = give_nothing;
	assert_int_equal(measure_record(&source, 5000, 5009, symbol, 10), -ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ports_become_symbols_and_are_given_back),
		CASE(failures_are_handed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
