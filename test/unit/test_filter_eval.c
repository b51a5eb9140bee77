/* SPDX-License-Identifier: BSD-2-Clause */
/* What filters say of rows. */
#include "filter_fixture.h"

static bool says(const char *text, const struct view_row *row)
{
	return filter_match(read_filter(text), row);
}

static void addresses_are_compared_by_their_prefix(void **state)
{
	struct view_row row = row_at("10.1.2.3", 22, "fd00::5", 40000);

	(void)state;
	assert_true(says("src 10.1.2.3", &row));
	assert_false(says("src 10.1.2.4", &row));
	assert_true(says("src 10.0.0.0/8", &row));
	assert_true(says("src 10/8", &row));
	assert_true(says("src 10.1.2.2/31", &row));
	assert_false(says("src 10.1.2.4/31", &row));
	assert_false(says("src 11.0.0.0/8", &row));
	assert_true(says("src 11.0.0.0/7", &row));
	assert_true(says("dst [fd00::/9]", &row));
	assert_false(says("dst fe00::/9", &row));
	assert_true(says("src 0.0.0.0/0", &row));
	assert_false(says("dst 0.0.0.0/0", &row));
	assert_true(says("dst [::]/0", &row));
	assert_false(says("src [::]/0", &row));
	assert_true(says("src * dst *", &row));
	assert_true(says("src != 10.1.2.4", &row));
}

static void families_are_those_of_sockets(void **state)
{
	struct view_row row = row_at("10.1.2.3", 22, "10.1.2.4", 40000);

	(void)state;
	assert_true(says("src inet:*", &row));
	assert_false(says("src inet6:*", &row));
	assert_false(says("src [::ffff:10.1.2.3]", &row));
	row.is6 = true;
	assert_false(says("src inet:*", &row));
	assert_false(says("src inet:10.1.2.3", &row));
	assert_true(says("src inet6:*", &row));
	assert_true(says("src [::ffff:10.1.2.3]", &row));
	assert_true(says("src 10.1.2.3", &row));
}

static void wildcards_are_no_networks(void **state)
{
	struct view_row row = row_at("0.0.0.0", 22, "0.0.0.0", 0);

	(void)state;
	assert_false(says("src 127.0.0.1", &row));
	assert_true(says("src 0.0.0.0", &row));
	assert_true(says("src 0.0.0.0/8", &row));
	row.local = end_at("::", 22);
	assert_false(says("src [::1]", &row));
	assert_true(says("src [::]", &row));
	/* A row of a network stands for its addresses. */
	row.local = end_at("10.0.0.0", 0);
	row.local.prefix = 96 + 8;
	assert_true(says("src 10.1.2.3", &row));
	assert_false(says("src 11.1.2.3", &row));
}

static void ports_are_compared(void **state)
{
	struct view_row row = row_at("10.1.2.3", 22, "10.1.2.4", 80);

	(void)state;
	assert_true(says("sport = :22 and dport :http", &row));
	assert_true(says("src :22", &row));
	assert_false(says("src :23", &row));
	assert_true(says("sport != :21", &row));
	assert_false(says("sport neq 22", &row));
	assert_true(says("sport > :21", &row));
	assert_false(says("sport gt :22", &row));
	assert_true(says("sport ge :22", &row));
	assert_false(says("sport >= :23", &row));
	assert_true(says("sport < :23", &row));
	assert_false(says("sport lt :22", &row));
	assert_true(says("sport <= :22", &row));
	assert_false(says("sport leq :21", &row));
	assert_true(says("sport *", &row));
	assert_true(says("src 10.1.2.3:ssh", &row));
	assert_false(says("src 10.1.2.3:http", &row));
}

static void a_row_of_several_ports_is_meant_by_each(void **state)
{
	struct view_row row = row_at("10.1.2.3", 8000, "10.1.2.4", 80);

	(void)state;
	row.local.last = 8009;
	assert_true(says("sport 8005", &row));
	assert_false(says("sport 8010", &row));
	assert_false(says("sport != 8005", &row));
	assert_true(says("sport > 8008", &row));
	assert_false(says("sport > 8009", &row));
	assert_true(says("sport < 8001", &row));
	/* Any port is none of them. */
	row.local.first = 0;
	row.local.last = UINT16_MAX;
	assert_false(says("sport 8005", &row));
	assert_false(says("sport > 8005", &row));
	assert_true(says("sport = 0", &row));
}

static void the_rest_is_compared(void **state)
{
	struct view_row row = row_at("10.1.2.3", 22, "10.1.2.4", 80);

	(void)state;
	row.interface = 7;
	row.mark = 0x13;
	row.cgroup = 4711;
	assert_true(says("dev eth0", &row));
	assert_false(says("dev != 7", &row));
	assert_false(says("dev = 8", &row));
	assert_true(says("fwmark 19", &row));
	assert_true(says("fwmark = 0x3/0xf", &row));
	assert_false(says("fwmark 0x3", &row));
	assert_true(says("fwmark ne 0x4/0xf", &row));
	assert_true(says("cgroup /a\\ b", &row));
	assert_false(says("cgroup 4712", &row));
	assert_false(says("autobound", &row));
	row.autobound = true;
	assert_true(says("autobound", &row));
}

/* 22 is true, 1 is false. */
static void operators_bind_as_the_manual_says(void **state)
{
	struct view_row row = row_at("10.1.2.3", 22, "10.1.2.4", 80);
	static const struct {
		const char *text;
		bool says;
	} cases[] = {
		{ "sport 22 or sport 22 and sport 1", true },
		{ "sport 22 | sport 22 sport 1", true },
		{ "( sport 22 or sport 22 ) and sport 1", false },
		{ "(sport 22||sport 22)&&sport 1", false },
		{ "sport 1 and sport 1 or sport 22", true },
		{ "sport 1 & ( sport 1 or sport 22 )", false },
		{ "not sport 1 and sport 1", false },
		{ "not ( sport 1 and sport 1 )", true },
		{ "!sport 22", false },
		{ "! ! sport 22", true },
		{ "not not not sport 22", false },
		{ "not sport 22 or sport 22", true },
		{ "not ( sport 22 or sport 22 )", false },
		{ "not ( not ( sport 22 ) or sport 1 ) sport 22", true },
		{ "sport=22 dport=80", true },
		{ "sport=22 dport=81", false },
		{ "dst web or sport 22", true },
		{ "src != web and sport 1", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (says(cases[i].text, &row) != cases[i].says)
			fail_msg("%s", cases[i].text);
	}
}

static void each_address_of_a_name_counts(void **state)
{
	struct view_row row = row_at("10.0.0.1", 22, "10.1.2.4", 80);

	(void)state;
	assert_true(says("src web", &row));
	assert_true(says("src web:22", &row));
	assert_false(says("src web:23", &row));
	assert_false(says("src != web", &row));
	assert_false(says("src inet6:web", &row));
	row.local = end_at("fd00::1", 22);
	assert_true(says("src web", &row));
	assert_false(says("src inet:web", &row));
}

static void states_have_bits(void **state)
{
	struct view_row row = row_at("10.0.0.1", 22, "10.1.2.4", 80);

	(void)state;
	assert_int_equal(filter_state_bit(&row), 1u << MINATO_ESTABLISHED);
	row.state = "UNCONN";
	assert_int_equal(filter_state_bit(&row), 1u << MINATO_CLOSED);
	row.state = "TIME-WAIT";
	assert_int_equal(filter_state_bit(&row), 1u << MINATO_TIME_WAIT);
	row.state = "REFUSE";
	assert_int_equal(filter_state_bit(&row), FILTER_STATE_NONE);
}

static void states_are_those_of_words_or_of_flags(void **state)
{
	struct view_filter filter = { 0 };
	uint32_t usual = filter_states(&filter);

	(void)state;
	assert_true(usual & (1u << MINATO_ESTABLISHED) && usual & (1u << MINATO_CLOSE_WAIT));
	assert_false(usual & (1u << MINATO_LISTEN));
	assert_false(usual & (1u << MINATO_TIME_WAIT));
	filter.listening = true;
	assert_true(filter_states(&filter) & (1u << MINATO_LISTEN));
	assert_true(filter_states(&filter) & (1u << MINATO_CLOSED));
	assert_false(filter_states(&filter) & (1u << MINATO_ESTABLISHED));
	filter.all = true;
	assert_true(filter_states(&filter) & (1u << MINATO_TIME_WAIT));
	filter.program = read_filter("sport 22");
	assert_true(filter_states(&filter) & (1u << MINATO_TIME_WAIT));
	filter.program = read_filter("state time-wait");
	assert_int_equal(filter_states(&filter), 1u << MINATO_TIME_WAIT);
}

static void a_program_knows_what_it_asks(void **state)
{
	(void)state;
	assert_true(filter_asks(read_filter("sport 22 or not autobound"), FILTER_AUTOBOUND));
	assert_false(filter_asks(read_filter("sport 22 or dev 1"), FILTER_AUTOBOUND));
	assert_false(filter_asks(read_filter(""), FILTER_PORT));
	assert_false(filter_asks(NULL, FILTER_PORT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_compared_by_their_prefix),
		cmocka_unit_test(families_are_those_of_sockets),
		cmocka_unit_test(wildcards_are_no_networks),
		cmocka_unit_test(ports_are_compared),
		cmocka_unit_test(a_row_of_several_ports_is_meant_by_each),
		cmocka_unit_test(the_rest_is_compared),
		cmocka_unit_test(operators_bind_as_the_manual_says),
		cmocka_unit_test(each_address_of_a_name_counts),
		cmocka_unit_test(states_have_bits),
		cmocka_unit_test(states_are_those_of_words_or_of_flags),
		cmocka_unit_test(a_program_knows_what_it_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
