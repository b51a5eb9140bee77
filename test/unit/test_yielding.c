/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside hosts when sessions, mappings or ports are used up: who has most gives way. */
#include "nat_fixture.h"

#define ALL 4096u /* sessions of the fixture */

static enum nat_verdict begin(const char *host, uint16_t port, uint32_t i)
{
	const struct minato_endpoint far = {
		minato_addr4(20, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i), 53
	};

	return out(UDP, end(host, port), far, 0);
}

static void one_host_fills_all(void)
{
	for (uint32_t i = 0; i < 2 * ALL; i++)
		begin("10.0.0.66", (uint16_t)(1024 + i), i);
	assert_int_equal(counted(NAT_COUNT_SESSIONS) - n->ends, ALL);
}

/* Another host begins what it wants, at the cost of the one that has all. */
static void the_largest_gives_way(void **state)
{
	(void)state;
	one_host_fills_all();
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(begin("10.0.0.7", (uint16_t)(1024 + i), i), NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), 1000);
	assert_int_equal(
		host_record(n,
			    host_find(n, 0,
				      &(struct minato_addr){
					      .bytes = { [10] = 0xff, [11] = 0xff, 10, 0, 0, 7 } }))
			->sessions,
		1000);
}

/* But no more than is fair, and it gets nothing back from those who have less. */
static void only_to_a_fair_share(void **state)
{
	uint32_t passed = 0;

	(void)state;
	one_host_fills_all();
	for (uint32_t i = 0; i < ALL; i++)
		passed += begin("10.0.0.7", (uint16_t)(1024 + i), i) == NAT_PASS;
	assert_in_range(passed, ALL / 3, ALL / 2 + ALL / 16);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_not_equal(begin("10.0.0.66", (uint16_t)(9000 + i), i), NAT_PASS);
}

/* What had an answer stays while there is what had none. */
static void the_unanswered_go_first(void **state)
{
	const struct minato_endpoint host = end("10.0.0.66", 500), far = end("203.0.113.1", 53);

	struct minato_endpoint mapped;

	(void)state;
	for (uint32_t i = 0; i < ALL - 1; i++)
		begin("10.0.0.66", (uint16_t)(1024 + i), i);
	/* The newest of all, where it is looked for who goes. */
	assert_int_equal(out(UDP, host, far, 0), NAT_PASS);
	mapped = way.src;
	assert_int_equal(in(UDP, far, mapped, 0), NAT_PASS);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(begin("10.0.0.7", (uint16_t)(1024 + i), i), NAT_PASS);
	assert_int_equal(in(UDP, far, mapped, 0), NAT_PASS);
}

/* Who has few is never asked; who is alone with all is refused. */
static void nobody_gives_way_to_himself(void **state)
{
	(void)state;
	one_host_fills_all();
	assert_int_not_equal(begin("10.0.0.66", 1, 1), NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), 0);
}

static int few_ports(void **state)
{
	const struct minato_addr public = addr(PUBLIC);

	assert_int_equal(fixture_setup(state), 0);
	assert_int_equal(nat_pool_remove(n, 1, &public), 0);
	return nat_pool_add(n, 1, &public, 2000, 2999);
}

/* Ports are shared in the same way, and serve the next one at once. */
static void ports_are_shared(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2000; i++)
		begin("10.0.0.66", (uint16_t)(1024 + i), 1);
	for (uint32_t i = 0; i < 300; i++)
		assert_int_equal(begin("10.0.0.7", (uint16_t)(1024 + i), 1), NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_largest_gives_way),
		CASE(only_to_a_fair_share),
		CASE(the_unanswered_go_first),
		CASE(nobody_gives_way_to_himself),
		cmocka_unit_test_setup_teardown(ports_are_shared, few_ports, fixture_teardown),
	};

	return cmocka_run_group_tests_name("yielding", tests, NULL, NULL);
}
