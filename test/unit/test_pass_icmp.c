/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP errors about what was handed on (RFC 5508): whom they reach, and with what inside. */
#include "gateway_fixture.h"

static struct gate g;
static struct forge f, error;

#define SERVER "203.0.113.5"
#define ROUTER "203.0.113.99"

/* Opens a flow by what is forged, and keeps what left in `left`. */
static uint8_t left[2000];
static uint32_t left_len;

static void open_flow(const char *src, const char *dst)
{
	const struct caught *c;

	gate_clear(&g);
	gate_ends(&f, src, dst);
	gate_send(&g, 0, &f, NULL);
	c = gate_one(&g, 1);
	left_len = c->packet.ip_len;
	memcpy(left, c->packet.ip, left_len);
}

/* An error about those bytes, as `len` of them are quoted, and more behind them. */
static void send_error(uint32_t link, const char *from, const char *to, const uint8_t *about,
		       uint32_t len, uint8_t type, uint8_t code, uint32_t word)
{
	const bool is6 = strchr(to, ':') != NULL;

	gate_clear(&g);
	forge_icmp(&error, is6, type, code, word, len);
	memcpy(error.payload, about, len);
	gate_ends(&error, from, to);
	gate_send(&g, link, &error, NULL);
}

static void forge_of(int which)
{
	if (which == 0)
		forge_udp(&f, false, 40);
	else if (which == 1)
		forge_tcp(&f, false, NULL, 0, 0);
	else
		forge_icmp(&f, false, 8, 0, 0x43210001, 40);
	if (which == 1)
		f.header[13] = 0x02;
	f.ttl = 3;
	f.fragment = 0x4000;
}

/* REQ-4: from outside to who sent the packet, with the packet as he sent it. */
static void from_outside_to_the_sender(void **state)
{
	(void)state;
	for (int which = 0; which < 3; which++) {
		const uint32_t lens[3] = { 28, 36, 40 };
		gate_new(&g, MINATO_LINK_ETHERNET);
		forge_of(which);
		open_flow("10.0.0.2", SERVER);
		for (uint32_t i = 0; i < 3; i++) {
			const struct caught *c;
			left[8] = 1; /* it has gone on since, and so its checksum */
			forge_put16(left + 10, 0);
			forge_put16(left + 10, forge_sum(left, 20, 0) ^ 0xffff);
			send_error(1, ROUTER, "198.51.100.1", left, lens[i], 11, 0, 0);
			c = gate_one(&g, 0);
			assert_addr(&c->packet.src, ROUTER);
			assert_addr(&c->packet.dst, "10.0.0.2");
			assert_int_equal(c->packet.icmp_type, 11);
			assert_int_equal(c->packet.hop_limit, 63);
			/* Addresses, ports and what sums them up are as sent. */
			assert_memory_equal(c->packet.payload + 12, f.frame + f.ip_at + 12, 8);
			assert_int_equal(forge_sum(c->packet.payload, 20, 0), 0xffff);
			assert_int_equal(c->packet.payload[8], 1);
			assert_memory_equal(c->packet.payload + 20, f.frame + f.transport_at,
					    which == 1 && lens[i] == 36 ? 16 : lens[i] - 20);
		}
		gate_end(&g);
	}
}

static void type_code_and_word_stay(void **state)
{
	const struct caught *c;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	forge_of(0);
	open_flow("10.0.0.2", SERVER);
	send_error(1, ROUTER, "198.51.100.1", left, 60, 3, 4, 1280);
	c = gate_one(&g, 0);
	assert_int_equal(c->packet.icmp_type, 3);
	assert_int_equal(c->packet.icmp_code, 4);
	assert_int_equal(c->packet.transport[6] << 8 | c->packet.transport[7], 1280);
	gate_end(&g);
}

/* REQ-3 d, RFC 4884: what stands behind the packet is not looked at. */
static void padding_and_extensions_stay(void **state)
{
	uint8_t about[160] = { 0 };
	const struct caught *c;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	forge_of(0);
	open_flow("10.0.0.2", SERVER);
	memcpy(about, left, left_len);
	memcpy(about + 128, "\x20\0\x55\x55\0\x08\1\1\0\0\0\1extended", 20);
	send_error(1, ROUTER, "198.51.100.1", about, 148, 11, 0, 32u << 16);
	c = gate_one(&g, 0);
	assert_int_equal(c->packet.payload_len, 148);
	assert_memory_equal(c->packet.payload + 128, about + 128, 20);
	assert_int_equal(c->packet.transport[5], 32);
	gate_end(&g);
}

static void nothing_comes_of(const char *why)
{
	const uint64_t before = counter(g.m, why);

	gate_input(&g, 1, error.frame, error.len, NULL);
	gate_drain(&g, 32);
	assert_int_equal(g.count, 0);
	assert_int_equal(counter(g.m, why), before + 1);
}

static void damaged_errors_go_nowhere(void **state)
{
	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	forge_of(0);
	open_flow("10.0.0.2", SERVER);
	send_error(1, ROUTER, "198.51.100.1", left, 40, 11, 0, 0);
	gate_one(&g, 0);
	gate_clear(&g);
	error.frame[error.transport_at + 3] ^= 1;
	nothing_comes_of("drop_icmp_checksum");
	/* The header inside (REQ-3 a), under a right checksum. */
	left[10] ^= 1;
	send_error(1, ROUTER, "198.51.100.1", left, 40, 11, 0, 0);
	gate_drain(&g, 32);
	assert_int_equal(g.count, 0);
	assert_int_equal(counter(g.m, "drop_ip_checksum"), 1);
	left[10] ^= 1;
	/* The checksum of its transport nobody verifies (REQ-3 c). */
	left[26] ^= 1;
	send_error(1, ROUTER, "198.51.100.1", left, 40, 11, 0, 0);
	gate_one(&g, 0);
	left[26] ^= 1;
	/* About nothing of ours (REQ-4); too short; a redirect; source quench. */
	left[21] ^= 0x40;
	send_error(1, ROUTER, "198.51.100.1", left, 40, 11, 0, 0);
	gate_drain(&g, 32);
	assert_int_equal(g.count, 0);
	left[21] ^= 0x40;
	send_error(1, ROUTER, "198.51.100.1", left, 27, 11, 0, 0);
	gate_drain(&g, 32);
	assert_int_equal(g.count, 0);
	assert_int_equal(counter(g.m, "drop_icmp_header"), 1);
	send_error(1, ROUTER, "198.51.100.1", left, 40, 5, 0, 0);
	send_error(1, ROUTER, "198.51.100.1", left, 40, 4, 0, 0);
	gate_drain(&g, 32);
	assert_int_equal(g.count, 0);
	assert_int_equal(counter(g.m, "drop_icmp_type"), 2);
	gate_end(&g);
}

/* An answer to the flow that left, as it reaches the inside: kept in `left`. */
static void answer_flow(void)
{
	static struct forge answer;
	const struct caught *c;

	forge_udp(&answer, false, 40);
	forge_put16(answer.header, (uint32_t)left[22] << 8 | left[23]);
	forge_put16(answer.header + 2, (uint32_t)left[20] << 8 | left[21]);
	memcpy(answer.src, left + 16, 4);
	memcpy(answer.dst, left + 12, 4);
	gate_clear(&g);
	gate_send(&g, 1, &answer, NULL);
	c = gate_one(&g, 0);
	memcpy(left + 100, answer.frame + answer.ip_at, 68);
	left_len = c->packet.ip_len;
	memcpy(left, c->packet.ip, left_len);
}

/* REQ-5: from inside, in our name, about the packet as the outside sent it. */
static void from_inside_to_the_outside(void **state)
{
	static const char *const by[2] = { "10.0.0.2", "10.0.0.9" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		const struct caught *c;
		gate_new(&g, MINATO_LINK_ETHERNET);
		forge_of(0);
		open_flow("10.0.0.2", SERVER);
		answer_flow();
		send_error(0, by[i], SERVER, left, 48, 3, 3, 0);
		c = gate_one(&g, 1);
		assert_addr(&c->packet.src, "198.51.100.1");
		assert_addr(&c->packet.dst, SERVER);
		assert_int_equal(c->packet.icmp_code, 3);
		assert_memory_equal(c->packet.payload + 12, left + 112, 16);
		assert_memory_equal(c->packet.payload + 28, left + 128, 20);
		/* About no flow: it stays inside. */
		left[16 + 3] ^= 1;
		forge_put16(left + 10, 0);
		forge_put16(left + 10, forge_sum(left, 20, 0) ^ 0xffff);
		send_error(0, by[i], SERVER, left, 48, 3, 3, 0);
		gate_drain(&g, 32);
		assert_int_equal(g.count, 0);
		gate_end(&g);
	}
}

/* REQ-7: b refuses what a sent it by our outside address. */
static void of_a_hairpin(void **state)
{
	const struct caught *c;
	uint8_t at_b[68];
	uint16_t b;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	forge_of(0);
	open_flow("10.0.0.3", SERVER);
	b = (uint16_t)(left[20] << 8 | left[21]);
	gate_clear(&g);
	forge_of(0);
	forge_put16(f.header + 2, b);
	gate_ends(&f, "10.0.0.2", "198.51.100.1");
	gate_send(&g, 0, &f, NULL);
	c = gate_one(&g, 0);
	assert_addr(&c->packet.dst, "10.0.0.3");
	memcpy(at_b, c->packet.ip, 68);
	send_error(0, "10.0.0.3", "198.51.100.1", at_b, 48, 3, 3, 0);
	c = gate_one(&g, 0);
	assert_addr(&c->packet.src, "198.51.100.1");
	assert_addr(&c->packet.dst, "10.0.0.2");
	assert_memory_equal(c->packet.payload + 12, f.frame + f.ip_at + 12, 16);
	gate_end(&g);
}

static void over_ipv6_as_they_are(void **state)
{
	const struct caught *c;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	forge_udp(&f, true, 40);
	open_flow("fd00::2", "2001:db8:9::9");
	send_error(1, "2001:db8:7::7", "fd00::2", left, 60, 2, 0, 1280);
	c = gate_one(&g, 0);
	assert_addr(&c->packet.src, "2001:db8:7::7");
	assert_memory_equal(c->packet.payload, left, 60);
	/* About no flow: nobody inside hears of it. */
	left[41] ^= 1;
	send_error(1, "2001:db8:7::7", "fd00::2", left, 60, 2, 0, 1280);
	gate_drain(&g, 32);
	assert_int_equal(g.count, 0);
	gate_end(&g);
}

/* RFC 4787 REQ-12, RFC 5382 REQ-10: no error ends a flow. */
static void no_error_ends_a_flow(void **state)
{
	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	forge_of(0);
	open_flow("10.0.0.2", SERVER);
	for (uint8_t code = 0; code < 16; code++) {
		send_error(1, SERVER, "198.51.100.1", left, 40, 3, code, 0);
		gate_drain(&g, 32);
		assert_int_equal(g.count, 1);
	}
	answer_flow();
	gate_end(&g);
}

/* REQ-9: by policy we say nothing to one side. */
static void errors_of_our_own_by_policy(void **state)
{
	struct minato_nat nat;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	minato_nat_init(&nat);
	for (int to_inside = 0; to_inside < 2; to_inside++) {
		nat.icmp_to_inside = to_inside;
		assert_int_equal(minato_nat_set(g.m, &nat), 0);
		gate_clear(&g);
		forge_of(0);
		f.ttl = 1;
		gate_ends(&f, "10.0.0.2", SERVER);
		gate_send(&g, 0, &f, NULL);
		gate_drain(&g, 32);
		assert_int_equal(g.count, to_inside);
	}
	gate_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_outside_to_the_sender),
		cmocka_unit_test(type_code_and_word_stay),
		cmocka_unit_test(padding_and_extensions_stay),
		cmocka_unit_test(damaged_errors_go_nowhere),
		cmocka_unit_test(from_inside_to_the_outside),
		cmocka_unit_test(of_a_hairpin),
		cmocka_unit_test(over_ipv6_as_they_are),
		cmocka_unit_test(no_error_ends_a_flow),
		cmocka_unit_test(errors_of_our_own_by_policy),
	};

	return cmocka_run_group_tests_name("pass_icmp", tests, NULL, NULL);
}
