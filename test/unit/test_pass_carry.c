/* SPDX-License-Identifier: BSD-2-Clause */
/* What is told of a flow that somebody else may carry, and how long that holds. */
#include "gateway_fixture.h"

#define SERVER "203.0.113.5"
#define FIN 0x01
#define SYN 0x02
#define ACK 0x10

static struct gate g;
static struct forge f;
static uint32_t sequence; /* of the next segments, of 10 bytes each */

static void segment(uint32_t link, const char *src, uint16_t port, const char *dst, uint16_t to,
		    uint8_t flags)
{
	gate_clear(&g);
	forge_tcp(&f, strchr(src, ':') != NULL, NULL, 0, 10);
	forge_put16(f.header, port);
	forge_put16(f.header + 2, to);
	forge_put16(f.header + 4, (uint16_t)(sequence >> 16));
	forge_put16(f.header + 6, (uint16_t)sequence);
	f.header[13] = flags;
	gate_ends(&f, src, dst);
	gate_send(&g, link, &f, NULL);
	gate_drain(&g, 32);
}

static struct minato_carry next(void)
{
	struct minato_carry what = { .kind = MINATO_CARRY_LOOK };

	do
		assert_true(minato_carry_next(g.m, &what));
	while (what.kind == MINATO_CARRY_LOOK);
	return what;
}

static void hear_all(void)
{
	struct minato_carry what;

	while (minato_carry_next(g.m, &what))
		;
}

/* Opens a connection outward from port 4000; its public port. */
static uint16_t open_flow(const char *src, const char *dst)
{
	uint16_t port;

	segment(0, src, 4000, dst, 80, SYN);
	assert_int_equal(g.count, 1);
	port = g.caught[0].packet.src_port;
	segment(1, dst, 80, strchr(src, ':') ? src : "198.51.100.1", port, SYN | ACK);
	assert_int_equal(g.count, 1);
	hear_all();
	return port;
}

static void outward(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		segment(0, "10.0.0.2", 4000, SERVER, 80, ACK);
}

static bool seen(const struct minato_carry *what)
{
	return minato_carry_seen(g.m, what, g.now, 1);
}

static void each_direction_is_told_with_all_it_takes(void **state)
{
	struct minato_carry what;
	uint16_t port;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	port = open_flow("10.0.0.2", SERVER);
	outward(NAT_OFFER_EVERY);
	what = next();
	assert_int_equal(what.kind, MINATO_CARRY_OFFER);
	assert_int_equal(what.proto, MINATO_TCP);
	assert_int_equal(what.from, 0);
	assert_int_equal(what.to, 1);
	assert_addr(&what.source.addr, "10.0.0.2");
	assert_int_equal(what.source.port, 4000);
	assert_addr(&what.destination.addr, SERVER);
	assert_int_equal(what.destination.port, 80);
	assert_addr(&what.new_source.addr, "198.51.100.1");
	assert_int_equal(what.new_source.port, port);
	assert_addr(&what.new_destination.addr, SERVER);
	assert_memory_equal(what.mac, "\x02\0\0\0\x02\x02", 6);
	assert_true(seen(&what));

	for (uint32_t i = 0; i < NAT_OFFER_EVERY; i++)
		segment(1, SERVER, 80, "198.51.100.1", port, ACK);
	what = next();
	assert_int_equal(what.from, 1);
	assert_int_equal(what.to, 0);
	assert_int_equal(what.side, 1);
	assert_addr(&what.new_destination.addr, "10.0.0.2");
	assert_int_equal(what.new_destination.port, 4000);
	assert_memory_equal(what.mac, "\x02\0\0\0\x01\x02", 6);
	assert_true(seen(&what));
	segment(0, "10.0.0.2", 4000, SERVER, 80, FIN | ACK);
	assert_int_equal(next().kind, MINATO_CARRY_END);
	assert_false(seen(&what));
	gate_end(&g);
}

static void between_insides_too(void **state)
{
	struct minato_carry what;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	segment(0, "10.0.0.2", 4000, "10.0.2.2", 80, SYN);
	assert_int_equal(g.count, 1);
	segment(2, "10.0.2.2", 80, "10.0.0.2", 4000, SYN | ACK);
	hear_all();
	for (uint32_t i = 0; i < NAT_OFFER_EVERY; i++)
		segment(0, "10.0.0.2", 4000, "10.0.2.2", 80, ACK);
	what = next();
	assert_int_equal(what.kind, MINATO_CARRY_OFFER);
	assert_int_equal(what.from, 0);
	assert_int_equal(what.to, 2);
	assert_addr(&what.new_source.addr, "10.0.0.2");
	assert_int_equal(what.new_source.port, 4000);
	assert_addr(&what.new_destination.addr, "10.0.2.2");
	assert_true(seen(&what));
	for (uint32_t i = 0; i < NAT_OFFER_EVERY; i++)
		segment(2, "10.0.2.2", 80, "10.0.0.2", 4000, ACK);
	what = next();
	assert_int_equal(what.from, 2);
	assert_int_equal(what.to, 0);
	assert_true(seen(&what));
	segment(0, "10.0.0.2", 4000, "10.0.2.2", 80, FIN | ACK);
	assert_int_equal(next().kind, MINATO_CARRY_END);
	assert_false(seen(&what));
	gate_end(&g);
}

static void who_follows_hears_how_far_it_is(void **state)
{
	struct minato_carry what;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	open_flow("10.0.0.2", SERVER);
	sequence = UINT32_MAX - 3;
	outward(NAT_OFFER_EVERY);
	what = next();
	assert_int_equal(what.next, 6);
	outward(1);
	hear_all();
	minato_carry_follow(g.m, &what);
	for (sequence = 6; sequence < 100; sequence += 10) {
		outward(1);
		what = next();
		assert_int_equal(what.kind, MINATO_CARRY_OFFER);
		assert_int_equal(what.side, 0);
		assert_int_equal(what.next, sequence + 10);
	}
	sequence = 0;
	gate_end(&g);
}

static void ipv6_keeps_its_ends(void **state)
{
	struct minato_carry what;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	open_flow("fd00::2", "2001:db8:f::5");
	for (uint32_t i = 0; i < NAT_OFFER_EVERY; i++)
		segment(0, "fd00::2", 4000, "2001:db8:f::5", 80, ACK);
	what = next();
	assert_addr(&what.new_source.addr, "fd00::2");
	assert_addr(&what.new_destination.addr, "2001:db8:f::5");
	gate_end(&g);
}

static void another_way_ends_it(void **state)
{
	const struct minato_addr gateway = addr("198.51.100.254");
	struct minato_carry what;
	struct minato_carry look = { .kind = MINATO_CARRY_END };

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	open_flow("10.0.0.2", SERVER);
	outward(NAT_OFFER_EVERY);
	what = next();
	hear_all();
	assert_false(minato_carry_next(g.m, &look));
	/* The router has another MAC address now. */
	assert_int_equal(minato_neighbour_add(g.m, 1, &gateway, (const uint8_t *)"\x02\1\2\3\4\5"),
			 0);
	assert_true(minato_carry_next(g.m, &look));
	assert_int_equal(look.kind, MINATO_CARRY_LOOK);
	assert_false(seen(&what));
	hear_all();
	outward(NAT_OFFER_EVERY);
	what = next();
	assert_memory_equal(what.mac, "\x02\1\2\3\4\5", 6);
	assert_true(seen(&what));
	gate_end(&g);
}

/* Who sends from an address that is not of its link any more is not believed. */
static void an_address_that_moves_ends_it(void **state)
{
	const struct minato_addr old = addr("10.0.0.1");
	struct minato_carry what;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	open_flow("10.0.0.2", SERVER);
	outward(NAT_OFFER_EVERY);
	what = next();
	assert_true(seen(&what));
	assert_int_equal(minato_address_remove(g.m, 0, &old), 0);
	assert_false(seen(&what));
	gate_end(&g);
}

static void a_link_without_macs_is_not_told(void **state)
{
	struct minato_carry what;

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	open_flow("10.0.0.2", SERVER);
	outward(2 * NAT_OFFER_EVERY);
	assert_false(minato_carry_next(g.m, &what));
	gate_end(&g);
}

static void a_host_value_without_nat_has_none(void **state)
{
	struct minato_carry what = { .session = 1 };
	struct host h;
	const struct minato_config c = small_config(MINATO_LINK_ETHERNET, 1);

	(void)state;
	h = host_new(&c, (struct minato_time){ SECOND });
	assert_false(minato_carry_next(h.m, &what));
	assert_false(minato_carry_seen(h.m, &what, (struct minato_time){ SECOND }, 1));
	minato_carry_follow(h.m, &what);
	host_end(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_direction_is_told_with_all_it_takes),
		cmocka_unit_test(between_insides_too),
		cmocka_unit_test(who_follows_hears_how_far_it_is),
		cmocka_unit_test(ipv6_keeps_its_ends),
		cmocka_unit_test(another_way_ends_it),
		cmocka_unit_test(an_address_that_moves_ends_it),
		cmocka_unit_test(a_link_without_macs_is_not_told),
		cmocka_unit_test(a_host_value_without_nat_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
