/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools, and the choice of ports: none lost, none twice, none guessable, never "full" too early. */
#include "unit/nat_fixture.h"

#define S INT64_C(1000)

static const char *const host = "10.0.0.7", *const server = "203.0.113.9";

static void open_wide(uint32_t sessions)
{
	const struct nat_limits limits = { .sessions_max = sessions,
					   .mappings_max = sessions,
					   .hosts_max = 4096,
					   .pools_max = 8,
					   .forwards_max = 64,
					   .outside_scope = 1 };
	const struct minato_addr public = addr(PUBLIC);

	fixture_close();
	fixture_open(&limits);
	assert_int_equal(nat_pool_add(n, 1, &public, 0, 0), 0);
}

/* Endpoint i of as many hosts as it takes. */
static struct minato_endpoint inside(uint32_t i)
{
	char text[32];

	snprintf(text, sizeof(text), "10.1.%u.%u", i / 30000 / 250, 1 + i / 30000 % 250);
	return end(text, (uint16_t)(2000 + i % 30000));
}

static void every_port_once_and_then_towards_others(void **state)
{
	const struct minato_endpoint late = end("10.1.0.1", 1999);
	static bool seen[65536];
	uint32_t i;

	(void)state;
	open_wide(70000);
	memset(seen, 0, sizeof(seen));
	for (i = 0; i < 64512; i++) {
		assert_int_equal(out(UDP, inside(i), end(server, 53), 0), NAT_PASS);
		assert_true(way.src.port >= 1024 && !seen[way.src.port]);
		seen[way.src.port] = true;
	}
	/* 64,512 of 64,512 towards this destination: truly none is left. (Of a host that has no
	   more than others: to one with less they would make way, see test_yielding.) */
	assert_int_equal(out(UDP, late, end(server, 53), 0), NAT_UNREACHABLE);
	assert_int_equal(counted(NAT_COUNT_NO_PORT), 1);
	/* It stays so, and is not searched for, until a flow ends. */
	assert_int_equal(out(UDP, late, end(server, 53), 0), NAT_UNREACHABLE);
	nat_session_end(n, nat_session_handle(n, 5));
	assert_int_equal(out(UDP, late, end(server, 53), 0), NAT_PASS);
	nat_session_end(n, nat_session_handle(n, 5));
	assert_int_equal(out(UDP, inside(5), end(server, 53), 0), NAT_PASS);
	/* Towards another one somebody's port serves (RFC 7857 3). */
	assert_int_equal(out(UDP, late, end("192.0.2.5", 53), 0), NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_OVERFLOWS), 1);
	assert_int_equal(in(UDP, end("192.0.2.5", 53), way.src, 0), NAT_PASS);
	assert_true(same_end(way.dst, late));
	/* Nothing comes to it unasked: the port is its owner's. */
	assert_int_equal(out(UDP, late, end("192.0.2.5", 53), 0), NAT_PASS);
	assert_int_equal(in(UDP, end("192.0.2.6", 53), way.src, 0), NAT_PASS);
	assert_false(same_end(way.dst, late));
	pass_ms(301 * S);
	for (i = 0; i < 20; i++)
		nat_advance(n, fixture_now);
	assert_empty();
}

static void overflow_can_be_off(void **state)
{
	const struct minato_addr public = addr(PUBLIC);
	struct minato_nat options = *nat_get(n);

	(void)state;
	options.overflow = false;
	assert_int_equal(nat_set(n, &options), 0);
	nat_pool_remove(n, 1, &public);
	assert_int_equal(nat_pool_add(n, 1, &public, 4000, 4001), 0);
	map_udp(host, 1, server, 53);
	map_udp(host, 2, server, 53);
	assert_int_equal(out(UDP, end(host, 3), end("192.0.2.5", 53), 0), NAT_UNREACHABLE);
	/* Each protocol has its own (RFC 7857 5). */
	assert_int_equal(out(TCP, end(host, 3), end(server, 80), NAT_SYN), NAT_PASS);
}

static void freed_ports_rest(void **state)
{
	const struct minato_addr public = addr(PUBLIC);
	uint16_t first;

	(void)state;
	nat_pool_remove(n, 1, &public);
	assert_int_equal(nat_pool_add(n, 1, &public, 4000, 4001), 0);
	first = map_udp(host, 1, server, 53).port;
	pass_ms(301 * S);
	assert_int_equal(n->resting, 1);
	for (uint16_t i = 0; i < 10; i++) { /* the other one, each time */
		assert_int_equal(map_udp(host, (uint16_t)(10 + i), server, 53).port, 8001 - first);
		nat_mapping_end(n, nat_mapping_handle(n, 0));
		assert_int_equal(n->resting, 2);
		pass_ms(119 * S);
		assert_true(map_udp(host, (uint16_t)(30 + i), server, 53).port >= 4000);
		nat_mapping_end(n, nat_mapping_handle(n, 0));
		pass_ms(121 * S);
		first = map_udp(host, 50, server, 53).port;
		nat_mapping_end(n, nat_mapping_handle(n, 0));
	}
	/* Under pressure the oldest gives way. */
	map_udp(host, 60, server, 53);
	map_udp(host, 61, server, 53);
	assert_int_equal(n->resting, 0);
}

static void rests_have_a_bound(void **state)
{
	struct minato_nat options = *nat_get(n);

	(void)state;
	options.rests_max = 3;
	assert_int_equal(nat_set(n, &options), 0);
	for (uint16_t i = 0; i < 10; i++) {
		map_udp(host, (uint16_t)(1 + i), server, 53);
		nat_mapping_end(n, nat_mapping_handle(n, 0));
		assert_int_equal(n->resting, i < 3 ? i + 1 : 3);
	}
	assert_empty();
}

static void parity_and_class(void **state)
{
	struct minato_nat options = *nat_get(n);

	(void)state;
	assert_true(map_udp(host, 500, server, 53).port < 1024);
	assert_true(map_udp(host, 5000, server, 53).port >= 1024);
	options.port_class = false;
	options.parity = true;
	assert_int_equal(nat_set(n, &options), 0);
	for (uint16_t i = 1; i < 200; i++) {
		const uint16_t port = map_udp(host, (uint16_t)(600 + i), server, 53).port;
		assert_true(port >= 1024);
		assert_int_equal(port & 1, (600 + i) & 1);
	}
}

static bool at_address(struct minato_endpoint e, const char *text)
{
	return same_end(e, end(text, e.port));
}

static void hosts_are_paired(void **state)
{
	const struct minato_addr more = addr("198.51.100.77");
	uint32_t at_more = 0;
	char text[16];

	(void)state;
	assert_int_equal(nat_pool_add(n, 1, &more, 0, 0), 0);
	assert_int_equal(nat_pool_add(n, 1, &more, 0, 0), -EEXIST);
	for (uint16_t h = 1; h < 100; h++) {
		bool first;
		snprintf(text, sizeof(text), "10.0.1.%u", h);
		first = at_address(map_udp(text, 1, server, 53), "198.51.100.77");
		for (uint16_t port = 2; port < 6; port++)
			assert_int_equal(at_address(map_udp(text, port, server, 53),
						    "198.51.100.77"),
					 first);
		assert_int_equal(out(TCP, end(text, 1), end(server, 80), NAT_SYN), NAT_PASS);
		assert_int_equal(at_address(way.src, "198.51.100.77"), first);
		at_more += first;
	}
	assert_in_range(at_more, 30, 69);
	assert_int_equal(nat_pool_remove(n, 1, &more), at_more * 6);
	assert_true(at_address(map_udp(text, 1, server, 53), PUBLIC));
}

static void another_address_where_ones_own_is_full(void **state)
{
	struct minato_nat options = *nat_get(n);
	const struct minato_addr public = addr(PUBLIC), more = addr("198.51.100.77");

	(void)state;
	nat_pool_remove(n, 1, &public);
	assert_int_equal(nat_pool_add(n, 1, &public, 4000, 4001), 0);
	map_udp(host, 1, server, 53);
	map_udp(host, 2, server, 53);
	assert_int_equal(nat_pool_add(n, 1, &more, 5000, 5009), 0);
	assert_int_equal(out(UDP, end(host, 3), end(server, 53), 0), NAT_UNREACHABLE);
	options.other_address = true;
	assert_int_equal(nat_set(n, &options), 0);
	assert_true(at_address(map_udp(host, 3, server, 53), "198.51.100.77"));
	/* A host without any is not bound to the full one. */
	options.other_address = false;
	assert_int_equal(nat_set(n, &options), 0);
	for (uint16_t i = 0; i < 8; i++) {
		char text[16];
		snprintf(text, sizeof(text), "10.0.2.%u", i + 1);
		assert_true(at_address(map_udp(text, 3, server, 53), "198.51.100.77"));
	}
}

/* Whoever sees ports cannot say which one comes next; none comes twice in a round. */
static void ports_are_no_sequence(void **state)
{
	uint32_t near = 0, previous = 0;

	(void)state;
	for (uint16_t i = 0; i < 4000; i++) {
		const uint16_t port = map_udp(host, (uint16_t)(2000 + i), server, 53).port;
		const int32_t step = (int32_t)port - (int32_t)previous;
		near += step > -100 && step < 100;
		previous = port;
	}
	assert_true(near < 40); /* 12 are to be expected */
}

static void wrong_pools_are_refused(void **state)
{
	struct minato_addr a = addr("2001:db8::1");

	(void)state;
	assert_int_equal(nat_pool_add(n, 1, &a, 0, 0), -EINVAL);
	a = addr("198.51.100.9");
	assert_int_equal(nat_pool_add(n, 1, &a, 0, 5), -EINVAL);
	assert_int_equal(nat_pool_add(n, 1, &a, 9, 5), -EINVAL);
	assert_int_equal(nat_pool_remove(n, 1, &a), -ENOENT);
	for (uint8_t i = 0; i < 7; i++) {
		a = minato_addr4(198, 51, 100, (uint8_t)(10 + i));
		assert_int_equal(nat_pool_add(n, 1, &a, 1, 65535), 0);
	}
	a = addr("198.51.100.99");
	assert_int_equal(nat_pool_add(n, 1, &a, 0, 0), -ENOSPC);
	a = addr(PUBLIC);
	assert_int_equal(nat_pool_remove(n, 2, &a), -ENOENT); /* another link's */
}

/* Foreseeing takes nothing, passes over what is used, and follows the choices. */
static void the_next_ports_are_foreseen(void **state)
{
	uint16_t ahead[8];

	(void)state;
	assert_int_equal(outside_peek(n, 0, UDP, 5000), 0); /* before the first walk */
	map_udp("10.0.0.7", 4999, "203.0.113.9", 53);
	n->firsts.batch++;
	for (uint32_t i = 0; i < 8; i++)
		ahead[i] = outside_peek(n, 0, UDP, 5000);
	outside_take(n, 0, UDP, ahead[3]);
	for (uint16_t i = 0; i < 8; i++) {
		if (i == 3)
			continue;
		assert_int_equal(
			map_udp("10.0.0.7", (uint16_t)(5000 + i), "203.0.113.9", 53).port,
			ahead[i]);
	}
	assert_int_equal(outside_peek(n, 0, UDP, 53), 0); /* of another class */
	n->firsts.batch++; /* as nat_seek does: from where choices are by now */
	ahead[0] = outside_peek(n, 0, UDP, 5000);
	assert_int_equal(map_udp("10.0.0.7", 6000, "203.0.113.9", 53).port, ahead[0]);
}

/* Another range of as many ports: what was kept of the walk through the first is of no use. */
static void another_range_has_a_walk_of_its_own(void **state)
{
	const struct minato_addr public = addr(PUBLIC);

	(void)state;
	assert_int_equal(nat_pool_remove(n, 1, &public), 0);
	for (uint16_t low = 2000; low <= 12000; low = (uint16_t)(low + 5000)) {
		assert_int_equal(nat_pool_add(n, 1, &public, low, (uint16_t)(low + 1999)), 0);
		for (uint16_t i = 0; i < 20; i++) {
			const uint16_t port =
				map_udp("10.0.0.7", (uint16_t)(5000 + i), "203.0.113.9", 53).port;
			assert_in_range(port, low, low + 1999);
		}
		assert_int_equal(nat_pool_remove(n, 1, &public), 20);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_port_once_and_then_towards_others),
		CASE(overflow_can_be_off),
		CASE(freed_ports_rest),
		CASE(rests_have_a_bound),
		CASE(parity_and_class),
		CASE(hosts_are_paired),
		CASE(another_address_where_ones_own_is_full),
		CASE(ports_are_no_sequence),
		CASE(wrong_pools_are_refused),
		CASE(the_next_ports_are_foreseen),
		CASE(another_range_has_a_walk_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
