/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets of tests: another parser takes them for what they are, and their checksums are right. */
#include "conf_fixture.h"

#include "wire/wire.h"

static uint8_t packet[CONF_PACKET_MAX];

static struct minato_endpoint end_at(const char *addr, uint16_t port)
{
	return (struct minato_endpoint){ address(addr), port };
}

static void goes_and_comes(enum minato_proto proto, const char *from, const char *to)
{
	struct minato_endpoint source = end_at(from, 40000);
	struct minato_endpoint destination = end_at(to, 80);
	struct minato_endpoint a, b;
	size_t length = conf_packet_make(packet, proto, &source, &destination);
	struct minato_frame frame = { .data = packet, .len = (uint32_t)length };
	struct packet parsed;

	assert_true(length > 0 && length <= CONF_PACKET_MAX);
	assert_int_equal(conf_packet_read(packet, length, &a, &b), CONF_PACKET_FLOW);
	assert_memory_equal(&a, &source, sizeof(a));
	assert_memory_equal(&b, &destination, sizeof(b));
	/* The library takes it, with all that it checks. */
	assert_int_equal(packet_parse(&frame, MINATO_LINK_IP, NULL, &parsed), DROP_NONE);
	assert_int_equal(parsed.type, proto == MINATO_TCP ? PACKET_TCP : PACKET_UDP);
	/* And notices a wrong bit. */
	packet[length - 1] ^= 1;
	assert_int_not_equal(packet_parse(&frame, MINATO_LINK_IP, NULL, &parsed), DROP_NONE);
}

static void both_families(void **state)
{
	(void)state;
	goes_and_comes(MINATO_TCP, "203.0.113.9", "198.51.100.1");
	goes_and_comes(MINATO_UDP, "203.0.113.9", "198.51.100.1");
	goes_and_comes(MINATO_TCP, "2001:db8::1", "2001:db8::2");
	goes_and_comes(MINATO_UDP, "2001:db8::1", "2001:db8::2");
}

/* Each type that has a name in the language, and one that has none. */
static void messages(void **state)
{
	static const struct {
		const char *from, *to;
		uint16_t type;
		enum conf_packet_sort sort;
	} cases[] = {
		{ "203.0.113.9", "198.51.100.1", 8, CONF_PACKET_FLOW },
		{ "203.0.113.9", "198.51.100.1", 13, CONF_PACKET_FLOW },
		{ "203.0.113.9", "198.51.100.1", 0, CONF_PACKET_REPLY },
		{ "203.0.113.9", "198.51.100.1", 3, CONF_PACKET_ERROR },
		{ "203.0.113.9", "198.51.100.1", 11, CONF_PACKET_OTHER },
		{ "2001:db8::1", "2001:db8::2", 128, CONF_PACKET_FLOW },
		{ "2001:db8::1", "2001:db8::2", 129, CONF_PACKET_REPLY },
		{ "2001:db8::1", "2001:db8::2", 1, CONF_PACKET_ERROR },
		{ "2001:db8::1", "2001:db8::2", 3, CONF_PACKET_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct minato_endpoint source = end_at(cases[i].from, 40000);
		struct minato_endpoint destination = end_at(cases[i].to, cases[i].type);
		struct minato_endpoint a, b;
		size_t length = conf_packet_make(packet, MINATO_ICMP, &source, &destination);
		struct minato_frame frame = { .data = packet, .len = (uint32_t)length };
		struct packet parsed;

		assert_int_equal(conf_packet_read(packet, length, &a, &b), cases[i].sort);
		assert_memory_equal(&a.addr, &source.addr, sizeof(a.addr));
		assert_memory_equal(&b.addr, &destination.addr, sizeof(b.addr));
		assert_int_equal(a.port | b.port, 0);
		if (cases[i].sort != CONF_PACKET_FLOW)
			continue;
		assert_int_equal(packet_parse(&frame, MINATO_LINK_IP, NULL, &parsed), DROP_NONE);
		assert_int_equal(parsed.icmp_type, cases[i].type);
		packet[length - 1] ^= 1;
		assert_int_not_equal(packet_parse(&frame, MINATO_LINK_IP, NULL, &parsed),
				     DROP_NONE);
	}
}

static void resets_and_errors(void **state)
{
	struct minato_endpoint source = end_at("203.0.113.9", 40000);
	struct minato_endpoint destination = end_at("198.51.100.1", 80);
	struct minato_endpoint a, b;
	size_t length = conf_packet_make(packet, MINATO_TCP, &source, &destination);

	(void)state;
	packet[20 + 13] = 0x14; /* RST, ACK */
	assert_int_equal(conf_packet_read(packet, length, &a, &b), CONF_PACKET_RESET);
	packet[9] = MINATO_ICMP;
	packet[20] = 3;
	assert_int_equal(conf_packet_read(packet, length, &a, &b), CONF_PACKET_ERROR);
	assert_addr(&b.addr, "198.51.100.1");
	packet[20] = 5; /* redirect */
	assert_int_equal(conf_packet_read(packet, length, &a, &b), CONF_PACKET_OTHER);
	source = end_at("2001:db8::1", 1);
	destination = end_at("2001:db8::2", 2);
	length = conf_packet_make(packet, MINATO_TCP, &source, &destination);
	packet[6] = 58;
	packet[40] = 1;
	assert_int_equal(conf_packet_read(packet, length, &a, &b), CONF_PACKET_ERROR);
	packet[40] = 2; /* too big */
	assert_int_equal(conf_packet_read(packet, length, &a, &b), CONF_PACKET_OTHER);
}

/* Of a protocol without ports the addresses alone are read. */
static void without_ports(void **state)
{
	static const char *const ends[2][2] = { { "203.0.113.9", "198.51.100.1" },
						{ "2001:db8::1", "2001:db8::2" } };

	(void)state;
	for (int family = 0; family < 2; family++) {
		struct minato_endpoint source = end_at(ends[family][0], 40000);
		struct minato_endpoint destination = end_at(ends[family][1], 47);
		struct minato_endpoint a, b;
		size_t length = conf_packet_make(packet, (enum minato_proto)MINATO_PROTO_OTHER,
						 &source, &destination);

		assert_int_equal(packet[family == 0 ? 9 : 6], 47);
		assert_int_equal(conf_packet_read(packet, length, &a, &b), CONF_PACKET_FLOW);
		assert_addr(&a.addr, ends[family][0]);
		assert_addr(&b.addr, ends[family][1]);
		assert_int_equal(a.port, 0);
		assert_int_equal(b.port, 0);
	}
}

/* No byte beyond the length is looked at. */
static void cut_anywhere(void **state)
{
	static const char *const ends[2][2] = { { "203.0.113.9", "198.51.100.1" },
						{ "2001:db8::1", "2001:db8::2" } };

	(void)state;
	for (int family = 0; family < 2; family++) {
		struct minato_endpoint source = end_at(ends[family][0], 40000);
		struct minato_endpoint destination = end_at(ends[family][1], 80);
		struct minato_endpoint a, b;
		size_t length = conf_packet_make(packet, MINATO_TCP, &source, &destination);

		for (size_t i = 0; i < length; i++) {
			uint8_t *copy = malloc(i ? i : 1);

			memcpy(copy, packet, i);
			assert_int_equal(conf_packet_read(copy, i, &a, &b), CONF_PACKET_OTHER);
			free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_families),     cmocka_unit_test(messages),
		cmocka_unit_test(resets_and_errors), cmocka_unit_test(without_ports),
		cmocka_unit_test(cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
