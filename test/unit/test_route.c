/* SPDX-License-Identifier: BSD-2-Clause */
/* Our addresses, prefixes, broadcast, the longest match, the choice of source. */
#include <errno.h>

#include "hosts.h"
#include "stack/stack.h"

static struct host two_links(void)
{
	struct minato_config c = small_config(MINATO_LINK_ETHERNET, 1);
	struct host h;
	struct minato_addr a;

	c.link_count = 3;
	c.link[1] = c.link[0];
	c.link[1].mac[5] = 2;
	c.link[2] = c.link[0];
	c.link[2].mac[5] = 3;
	c.link[2].scope = 1;
	h = host_new(&c, (struct minato_time){ SECOND });
	a = addr("10.0.0.1");
	assert_int_equal(minato_address_add(h.m, 0, &a, 24), 0);
	a = addr("10.1.0.1");
	assert_int_equal(minato_address_add(h.m, 1, &a, 16), 0);
	a = addr("fd00::1");
	assert_int_equal(minato_address_add(h.m, 0, &a, 64), 0);
	a = addr("10.0.0.1");
	assert_int_equal(minato_address_add(h.m, 2, &a, 24), 0);
	return h;
}

static void expect_hop(const struct host *h, uint8_t scope, const char *to, uint32_t link,
		       const char *via)
{
	const struct minato_addr a = addr(to), want = addr(via);
	struct next_hop hop;

	assert_true(route_find(h->m, scope, STACK_LINK_ANY, &a, &hop));
	assert_int_equal(hop.link, link);
	assert_true(minato_addr_equal(&hop.addr, &want));
}

static void test_on_link(void **state)
{
	struct host h = two_links();
	const struct minato_addr far = addr("8.8.8.8");
	struct next_hop hop;

	(void)state;
	expect_hop(&h, 0, "10.0.0.77", 0, "10.0.0.77");
	expect_hop(&h, 0, "10.1.200.3", 1, "10.1.200.3");
	expect_hop(&h, 0, "fd00::5", 0, "fd00::5");
	expect_hop(&h, 1, "10.0.0.77", 2, "10.0.0.77");
	assert_false(route_find(h.m, 0, STACK_LINK_ANY, &far, &hop));
	host_end(&h);
}

static void test_gateway(void **state)
{
	struct host h = two_links();
	const struct minato_addr any = addr("0.0.0.0"), gateway = addr("10.0.0.254");
	const struct minato_addr net = addr("10.9.0.0"), other = addr("10.1.0.254");

	(void)state;
	assert_int_equal(minato_route_add(h.m, &any, 0, &gateway, 0), 0);
	assert_int_equal(minato_route_add(h.m, &net, 16, &other, 1), 0);
	expect_hop(&h, 0, "8.8.8.8", 0, "10.0.0.254");
	expect_hop(&h, 0, "10.9.1.1", 1, "10.1.0.254");
	expect_hop(&h, 0, "10.1.1.1", 1, "10.1.1.1");
	host_end(&h);
}

static void test_bad_routes(void **state)
{
	struct host h = two_links();
	const struct minato_addr net = addr("10.9.0.0"), v6 = addr("fd00::9");

	(void)state;
	assert_int_equal(minato_route_add(h.m, &net, 33, NULL, 0), -EINVAL);
	assert_int_equal(minato_route_add(h.m, &net, 16, NULL, 9), -EINVAL);
	assert_int_equal(minato_route_add(h.m, &net, 16, &v6, 0), -EINVAL);
	assert_int_equal(minato_route_add(h.m, &v6, 129, NULL, 0), -EINVAL);
	assert_int_equal(minato_route_add(h.m, &net, 16, NULL, 0), 0);
	assert_int_equal(minato_route_add(h.m, &net, 16, NULL, 0), -EEXIST);
	host_end(&h);
}

static void test_routes_are_bounded(void **state)
{
	struct minato_config c = small_config(MINATO_LINK_ETHERNET, 1);
	struct host h;

	(void)state;
	c.routes_max = 3;
	h = host_new(&c, (struct minato_time){ SECOND });
	for (uint8_t i = 0; i < 4; i++) {
		const struct minato_addr net = minato_addr4(10, i, 0, 0);
		assert_int_equal(minato_route_add(h.m, &net, 16, NULL, 0), i < 3 ? 0 : -ENOSPC);
	}
	host_end(&h);
}

static void test_addresses(void **state)
{
	struct host h = two_links();
	struct minato_addr a = addr("10.0.0.1");

	(void)state;
	assert_int_equal(minato_address_add(h.m, 0, &a, 24), -EEXIST);
	assert_int_equal(minato_address_add(h.m, 9, &a, 24), -EINVAL);
	assert_int_equal(minato_address_add(h.m, 0, &a, 33), -EINVAL);
	assert_true(route_is_ours(h.m, 0, &a));
	assert_true(route_is_ours_on(h.m, 0, &a));
	assert_false(route_is_ours_on(h.m, 1, &a));
	assert_int_equal(minato_address_remove(h.m, 1, &a), -EADDRNOTAVAIL);
	assert_int_equal(minato_address_remove(h.m, 0, &a), 0);
	assert_false(route_is_ours(h.m, 0, &a));
	assert_true(route_is_ours(h.m, 1, &a));
	a = addr("224.0.0.1");
	assert_int_equal(minato_address_add(h.m, 0, &a, 24), -EINVAL);
	a = addr("255.255.255.255");
	assert_int_equal(minato_address_add(h.m, 0, &a, 24), -EINVAL);
	a = addr("::");
	assert_int_equal(minato_address_add(h.m, 0, &a, 64), -EINVAL);
	host_end(&h);
}

static void test_addresses_are_bounded(void **state)
{
	struct host h = two_links();
	int error = 0;

	(void)state;
	for (uint8_t i = 0; i < 100 && error == 0; i++) {
		const struct minato_addr a = minato_addr4(10, 2, 0, i + 1);
		error = minato_address_add(h.m, 0, &a, 24);
	}
	assert_int_equal(error, -ENOSPC);
	host_end(&h);
}

static void test_broadcast(void **state)
{
	struct host h = two_links();
	const struct minato_addr yes[] = { addr("10.0.0.255"), addr("255.255.255.255") };
	const struct minato_addr no[] = { addr("10.0.0.254"), addr("10.1.0.255"),
					  addr("fd00::ff") };

	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_true(route_is_broadcast(h.m, 0, &yes[i]));
	for (size_t i = 0; i < 3; i++)
		assert_false(route_is_broadcast(h.m, 0, &no[i]));
	host_end(&h);
}

/* RFC 3021: a /31 has two hosts and no broadcast. */
static void test_no_broadcast_on_31(void **state)
{
	struct minato_config c = small_config(MINATO_LINK_ETHERNET, 1);
	struct host h = host_new(&c, (struct minato_time){ SECOND });
	struct minato_addr a = addr("10.0.0.0");

	(void)state;
	assert_int_equal(minato_address_add(h.m, 0, &a, 31), 0);
	a = addr("10.0.0.1");
	assert_false(route_is_broadcast(h.m, 0, &a));
	host_end(&h);
}

static void expect_source(const struct host *h, const char *to, const char *want)
{
	const struct minato_addr a = addr(to), expected = addr(want);
	struct minato_addr got;

	assert_true(route_source(h->m, 0, &a, &got));
	assert_true(minato_addr_equal(&got, &expected));
}

static void test_source(void **state)
{
	struct host h = two_links();
	const struct minato_addr any = addr("0.0.0.0"), gateway = addr("10.1.0.254");

	(void)state;
	expect_source(&h, "10.0.0.9", "10.0.0.1");
	expect_source(&h, "10.1.0.9", "10.1.0.1");
	assert_int_equal(minato_route_add(h.m, &any, 0, &gateway, 1), 0);
	expect_source(&h, "8.8.8.8", "10.1.0.1");
	expect_source(&h, "fd00::9", "fd00::1");
	/* Link-local to link-local. */
	expect_source(&h, "fe80::9", "fe80::ff:fe00:1");
	host_end(&h);
}

static void test_no_source_of_that_family(void **state)
{
	struct minato_config c = small_config(MINATO_LINK_IP, 1);
	struct host h = host_new(&c, (struct minato_time){ SECOND });
	const struct minato_addr ours = addr("10.0.0.1"), v6 = addr("fd00::1");
	struct minato_addr got;

	(void)state;
	minato_address_add(h.m, 0, &ours, 24);
	assert_false(route_source(h.m, 0, &v6, &got));
	host_end(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on_link),
		cmocka_unit_test(test_gateway),
		cmocka_unit_test(test_bad_routes),
		cmocka_unit_test(test_routes_are_bounded),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_addresses_are_bounded),
		cmocka_unit_test(test_broadcast),
		cmocka_unit_test(test_no_broadcast_on_31),
		cmocka_unit_test(test_source),
		cmocka_unit_test(test_no_source_of_that_family),
	};

	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
