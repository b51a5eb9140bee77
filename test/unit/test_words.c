/* SPDX-License-Identifier: BSD-2-Clause */
/* Values as the words of a listing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "view/view.h"

static struct view_end end_of(const char *text, uint16_t port)
{
	struct minato_endpoint one = { .port = port };

	assert_int_equal(minato_addr_parse(text, &one.addr), 0);
	return view_end_of(&one);
}

static void assert_address(const char *text, uint8_t prefix, const char *expected)
{
	struct view_end end = end_of(text, 1);
	char word[VIEW_WORD_SIZE];

	end.prefix = prefix;
	assert_string_equal(view_address_word(word, sizeof(word), &end), expected);
}

static void addresses_look_as_in_ss(void **state)
{
	(void)state;
	assert_address("10.0.2.100", 128, "10.0.2.100");
	assert_address("fd00::64", 128, "[fd00::64]");
	assert_address("0.0.0.0", 128, "0.0.0.0");
	assert_address("::", 0, "*");
	assert_address("::", 128, "[::]");
}

static void networks_have_their_length(void **state)
{
	(void)state;
	assert_address("10.0.0.0", 104, "10.0.0.0/8");
	assert_address("127.0.0.0", 104, "127.0.0.0/8");
	assert_address("fd00::", 64, "fd00::/64");
	assert_address("0.0.0.0", 104, "0.0.0.0/8");
	assert_address("0.0.0.0", 96, "0.0.0.0");
}

static void assert_port(uint16_t first, uint16_t last, const char *expected)
{
	struct view_end end = { .first = first, .last = last };
	char word[VIEW_WORD_SIZE];

	assert_string_equal(view_port_word(word, sizeof(word), &end, MINATO_TCP, NULL), expected);
}

static void ports_are_single_runs_or_any(void **state)
{
	(void)state;
	assert_port(80, 80, "80");
	assert_port(8000, 8009, "8000-8009");
	assert_port(0, 0, "*");
	assert_port(0, 65535, "*");
	assert_port(65535, 65535, "65535");
}

static void assert_age(int64_t ms, const char *expected)
{
	char word[VIEW_WORD_SIZE];

	assert_string_equal(view_age_word(word, sizeof(word), ms), expected);
}

static void ages_have_two_units_at_most(void **state)
{
	(void)state;
	assert_age(-1, "-");
	assert_age(0, "0s");
	assert_age(59999, "59s");
	assert_age(60000, "1m00s");
	assert_age(3599000, "59m59s");
	assert_age(3600000, "1h00m");
	assert_age(86399000, "23h59m");
	assert_age(86400000, "1d00h");
	assert_age(INT64_MAX, "106751991167d07h");
}

static void owners_look_as_in_ss(void **state)
{
	const struct view_owner owners[] = { { "curl", 12, 3 }, { "sh", 11, 0 } };
	struct view_row row = { .owners = owners, .owner_count = 2 };
	char word[128];

	(void)state;
	assert_string_equal(view_owners_word(word, sizeof(word), &row),
			    "users:((\"curl\",pid=12,fd=3),(\"sh\",pid=11,fd=0))");
	row.owner_count = 0;
	assert_string_equal(view_owners_word(word, sizeof(word), &row), "");
}

static void an_entry_is_its_makers(void **state)
{
	struct view_row row = { .listening = true };
	char word[128];

	(void)state;
	row.maker = (struct minato_owner){ .pid = 77, .program = "minato" };
	assert_string_equal(view_owners_word(word, sizeof(word), &row),
			    "users:((\"minato\",pid=77))");
	row.listening = false;
	assert_string_equal(view_owners_word(word, sizeof(word), &row), "");
}

static void owners_are_cut_where_the_room_ends(void **state)
{
	const struct view_owner owner = { "curl", 12, 3 };
	struct view_row row = { .owners = &owner, .owner_count = 1 };
	char word[12];

	(void)state;
	assert_string_equal(view_owners_word(word, sizeof(word), &row), "users:((\"cu");
}

static void published_ports_stand_in_a_line(void **state)
{
	struct view_port ports[] = {
		{ MINATO_TCP, end_of("::", 8080), end_of("10.0.2.100", 80), "", false, 0, "" },
		{ MINATO_UDP, end_of("127.0.0.1", 53), end_of("10.0.2.100", 5353), "", false, 0,
		  "" },
		{ MINATO_TCP, end_of("fd12::1", 443), end_of("10.0.2.100", 443), "", false, 0, "" },
	};
	char word[256];

	(void)state;
	ports[0].host.last = 8089;
	ports[0].guest.last = 89;
	assert_string_equal(view_ports_word(word, sizeof(word), ports, 3),
			    "8080-8089->80-89/tcp, 127.0.0.1:53->5353/udp, "
			    "[fd12::1]:443->443/tcp");
	assert_string_equal(view_ports_word(word, sizeof(word), ports, 0), "");
}

/* A gateway has many hosts behind it: which one is said. */
static void forwards_of_a_gateway_say_where_they_lead(void **state)
{
	struct view_port ports[] = {
		{ MINATO_TCP, end_of("198.51.100.1", 80), end_of("10.0.0.2", 8080), "", true, 0,
		  "" },
		{ MINATO_TCP, end_of("198.51.100.1", 81), end_of("10.0.0.2", 81), "", true, 0, "" },
		{ MINATO_TCP, end_of("198.51.100.1", 82), end_of("0.0.0.0", 0), "", true, 0, "" },
		{ MINATO_TCP, end_of("fd00::2", 22), end_of("fd00::2", 22), "", true, 0, "" },
	};
	char word[256];

	(void)state;
	ports[1].others = 2;
	snprintf(ports[2].path, sizeof(ports[2].path), "/run/app.sock");
	assert_string_equal(view_ports_word(word, sizeof(word), ports, 4),
			    "198.51.100.1:80->10.0.0.2:8080/tcp, "
			    "198.51.100.1:81->10.0.0.2:81(+2)/tcp, "
			    "198.51.100.1:82->unix:/run/app.sock/tcp, [fd00::2]:22->22/tcp");
}

static void protocols_have_words(void **state)
{
	(void)state;
	assert_string_equal(view_proto_word(MINATO_TCP), "tcp");
	assert_string_equal(view_proto_word(MINATO_UDP), "udp");
	assert_string_equal(view_proto_word(MINATO_ICMP), "icmp");
	assert_string_equal(view_proto_word(0), "any");
	assert_string_equal(view_proto_word(MINATO_PROTO_OTHER), "other");
	assert_string_equal(view_proto_word(47), "47");
	assert_string_equal(view_proto_word(255), "255");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_look_as_in_ss),
		cmocka_unit_test(networks_have_their_length),
		cmocka_unit_test(ports_are_single_runs_or_any),
		cmocka_unit_test(ages_have_two_units_at_most),
		cmocka_unit_test(owners_look_as_in_ss),
		cmocka_unit_test(an_entry_is_its_makers),
		cmocka_unit_test(owners_are_cut_where_the_room_ends),
		cmocka_unit_test(published_ports_stand_in_a_line),
		cmocka_unit_test(forwards_of_a_gateway_say_where_they_lead),
		cmocka_unit_test(protocols_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
