/* SPDX-License-Identifier: BSD-2-Clause */
/* From where, and where to: next hops, MACs, what is remembered of them. */
#include "gateway_fixture.h"

static struct gate g;
static struct forge f;

static void send_to(const char *dst, uint8_t mark)
{
	forge_udp(&f, false, 30);
	f.payload[0] = mark;
	gate_ends(&f, "10.0.0.2", dst);
	gate_send(&g, 0, &f, NULL);
}

static void a_packet_waits_for_its_mac(void **state)
{
	uint8_t reply[42] = { 0 };

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	for (uint8_t i = 0; i < 20; i++)
		send_to("10.0.2.9", i);
	gate_drain(&g, 32);
	assert_int_equal(g.count, 1);
	assert_int_equal(g.caught[0].packet.type, PACKET_ARP);
	assert_int_equal(g.caught[0].link, 2);
	assert_int_equal(counter(g.m, "drop_neighbour"), 4);
	gate_clear(&g);
	gate_mac(reply, 2, 1);
	gate_mac(reply + 6, 2, 9);
	memcpy(reply + 12, "\x08\x06\0\1\x08\0\6\4\0\2", 10);
	gate_mac(reply + 22, 2, 9);
	memcpy(reply + 28, "\x0a\0\2\x09", 4);
	gate_mac(reply + 32, 2, 1);
	memcpy(reply + 38, "\x0a\0\2\1", 4);
	gate_input(&g, 2, reply, 42, NULL);
	gate_drain(&g, 32);
	assert_int_equal(g.count, 16);
	for (uint8_t i = 0; i < 16; i++) {
		assert_int_equal(g.caught[i].drop, DROP_NONE);
		assert_int_equal(g.caught[i].packet.payload[0], i);
		assert_memory_equal(g.caught[i].bytes, reply + 6, 6);
	}
	assert_spent(&g);
	gate_end(&g);
}

static void what_waits_in_vain_is_dropped(void **state)
{
	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	send_to("10.0.2.9", 1);
	send_to("10.0.2.9", 2);
	for (int i = 0; i < 8; i++) {
		gate_drain(&g, 32);
		g.now.ns += SECOND;
		minato_advance(g.m, g.now);
	}
	assert_int_equal(counter(g.m, "drop_neighbour"), 2);
	assert_int_equal(counter(g.m, "neighbour_failed"), 1);
	assert_spent(&g);
	gate_end(&g);
}

static void a_next_hop_by_route(void **state)
{
	uint8_t mac[6];

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	gate_route(&g, "10.9.0.0", 16, "10.0.2.254", 2);
	send_to("10.9.8.7", 1);
	gate_mac(mac, 2, 2);
	assert_memory_equal(gate_one(&g, 2)->bytes, mac, 6);
	/* And from there: a source behind a router of that link. */
	gate_clear(&g);
	forge_udp(&f, false, 30);
	gate_ends(&f, "10.9.8.7", "10.0.0.2");
	gate_send(&g, 2, &f, NULL);
	assert_int_equal(gate_one(&g, 0)->packet.hop_limit, 63);
	gate_end(&g);
}

/* What was found once is looked for again when it may be another. */
static void another_mac_is_heeded_at_once(void **state)
{
	uint8_t mac[6];
	const struct minato_addr a = addr("10.0.2.2");

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	send_to("10.0.2.2", 1);
	gate_drain(&g, 32);
	gate_clear(&g);
	gate_mac(mac, 2, 0x77);
	assert_int_equal(minato_neighbour_add(g.m, 2, &a, mac), 0);
	send_to("10.0.2.2", 1);
	assert_memory_equal(gate_one(&g, 2)->bytes, mac, 6);
	gate_end(&g);
}

/* RFC 6864 4.3: to one destination no value twice in a round, and none that tells the next. */
static void identifications_go_round(void **state)
{
	static bool used[65536];
	const struct minato_addr src = addr("198.51.100.1");
	const struct minato_addr dst = addr("203.0.113.5");
	uint32_t neighbours = 0;
	uint16_t last = 0;

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	memset(used, 0, sizeof(used));
	for (uint32_t i = 0; i < 65536; i++) {
		const uint16_t id = pass_id(g.m, &src, &dst, 1);
		assert_false(used[id]);
		used[id] = true;
		neighbours += (uint16_t)(id - last) == 1;
		last = id;
	}
	assert_true(neighbours < 300);
	gate_end(&g);
}

/* A run takes as many as it has packets, one after the other. */
static void a_run_takes_its_share(void **state)
{
	const struct minato_addr src = addr("198.51.100.1");
	const struct minato_addr dst = addr("203.0.113.5");
	uint16_t first, second;

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	first = pass_id(g.m, &src, &dst, 40);
	second = pass_id(g.m, &src, &dst, 40);
	assert_int_equal((uint16_t)(second - first), 40);
	gate_end(&g);
}

/* What was found of a sender holds no longer than its address and route. */
static void a_sender_is_looked_for_again(void **state)
{
	struct packet p = { .link = 0, .src = addr("10.0.0.2") };
	const struct minato_addr ours = addr("10.0.0.1");
	const struct minato_addr now_ours = addr("10.0.0.2");

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	assert_int_equal(pass_from(g.m, &p), DROP_NONE);
	p.link = 2;
	assert_int_equal(pass_from(g.m, &p), DROP_SPOOFED);
	p.link = 0;
	assert_int_equal(pass_from(g.m, &p), DROP_NONE);
	assert_int_equal(minato_address_add(g.m, 0, &now_ours, 24), 0);
	assert_int_equal(pass_from(g.m, &p), DROP_IP_SOURCE);
	assert_int_equal(minato_address_remove(g.m, 0, &now_ours), 0);
	assert_int_equal(minato_address_remove(g.m, 0, &ours), 0);
	assert_int_equal(pass_from(g.m, &p), DROP_SPOOFED);
	gate_end(&g);
}

static struct pass_target target(uint32_t link, const char *to)
{
	const struct minato_addr a = addr(to);
	struct pass_target t;

	pass_target(g.m, link, &a, &t);
	return t;
}

/* Whose a destination is holds no longer than the addresses, pools and routes that say so. */
static void a_destination_is_looked_for_again(void **state)
{
	const struct minato_addr pool = addr("198.51.100.33");
	const struct minato_addr more = addr("10.0.2.77");

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	assert_int_equal(target(1, "198.51.100.33").whose, NAT_OTHERS);
	assert_int_equal(minato_pool_add(g.m, 1, &pool, 0, 0), 0);
	assert_int_equal(target(1, "198.51.100.33").whose, NAT_OUTSIDE);
	assert_int_equal(minato_pool_remove(g.m, 1, &pool), 0);
	assert_int_equal(target(1, "198.51.100.33").whose, NAT_OTHERS);

	assert_int_equal(target(0, "10.0.2.77").whose, NAT_OTHERS);
	assert_true(target(0, "10.0.2.77").between);
	assert_int_equal(minato_address_add(g.m, 2, &more, 24), 0);
	assert_int_equal(target(0, "10.0.2.77").whose, NAT_OURS);
	assert_int_equal(minato_address_remove(g.m, 2, &more), 0);
	assert_int_equal(target(0, "10.0.2.77").whose, NAT_OTHERS);

	assert_false(target(0, "10.9.8.7").between);
	gate_route(&g, "10.9.0.0", 16, "10.0.2.254", 2);
	assert_true(target(0, "10.9.8.7").between);
	assert_int_equal(target(0, "10.9.8.7").scope, 2);
	gate_end(&g);
}

/* By another link the same address may be another's; a broadcast is one of its link. */
static void a_destination_is_of_its_link(void **state)
{
	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(target(0, "198.51.100.1").whose, NAT_OUTSIDE);
		assert_int_equal(target(0, "10.0.0.1").whose, NAT_OURS);
		assert_int_equal(target(1, "10.0.0.1").whose, NAT_OTHERS);
		assert_true(target(0, "10.0.0.255").broadcast);
		assert_false(target(2, "10.0.0.255").broadcast);
		assert_false(target(1, "10.0.2.2").between); /* comes from outside */
		assert_true(target(0, "10.0.2.2").between);
	}
	gate_end(&g);
}

/* A next hop is used for a second; then its neighbour hears that it is. */
static void a_next_hop_is_asked_for_now_and_then(void **state)
{
	const struct minato_addr to = addr("10.0.2.2");
	struct path path;
	uint32_t neighbour;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	assert_int_equal(pass_way(g.m, 2, &to, &path, &neighbour), PASS_REACHED);
	neighbour_find(g.m, 2, &to)->used = false;
	assert_int_equal(pass_way(g.m, 2, &to, &path, &neighbour), PASS_REACHED);
	assert_false(neighbour_find(g.m, 2, &to)->used);
	g.now.ns += SECOND;
	minato_advance(g.m, g.now);
	assert_int_equal(pass_way(g.m, 2, &to, &path, &neighbour), PASS_REACHED);
	assert_true(neighbour_find(g.m, 2, &to)->used);
	gate_end(&g);
}

/* We answer for a pool's address, and nobody else's. */
static void a_pool_answers_arp(void **state)
{
	const struct minato_addr pool = addr("198.51.100.33");
	uint8_t ask[42] = { 0 };

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	assert_int_equal(minato_pool_add(g.m, 1, &pool, 0, 0), 0);
	for (uint8_t last = 33; last < 35; last++) {
		gate_clear(&g);
		memset(ask, 0xff, 6);
		gate_mac(ask + 6, 1, 2);
		memcpy(ask + 12, "\x08\x06\0\1\x08\0\6\4\0\1", 10);
		gate_mac(ask + 22, 1, 2);
		memcpy(ask + 28, "\xc6\x33\x64\xfe", 4);
		memcpy(ask + 38, "\xc6\x33\x64", 3);
		ask[41] = last;
		gate_input(&g, 1, ask, 42, NULL);
		gate_drain(&g, 32);
		assert_int_equal(g.count, last == 33);
	}
	gate_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_waits_for_its_mac),
		cmocka_unit_test(what_waits_in_vain_is_dropped),
		cmocka_unit_test(a_next_hop_by_route),
		cmocka_unit_test(another_mac_is_heeded_at_once),
		cmocka_unit_test(identifications_go_round),
		cmocka_unit_test(a_run_takes_its_share),
		cmocka_unit_test(a_sender_is_looked_for_again),
		cmocka_unit_test(a_destination_is_looked_for_again),
		cmocka_unit_test(a_destination_is_of_its_link),
		cmocka_unit_test(a_next_hop_is_asked_for_now_and_then),
		cmocka_unit_test(a_pool_answers_arp),
	};

	return cmocka_run_group_tests_name("pass_way", tests, NULL, NULL);
}
