/* SPDX-License-Identifier: BSD-2-Clause */
/* Filters in their one form. */
#include "filter_fixture.h"

static void assert_form(const char *text, const char *wanted)
{
	char form[FILTER_TEXT_MAX];
	char again[FILTER_TEXT_MAX];

	filter_print(form, sizeof(form), read_filter(text));
	if (strcmp(form, wanted) != 0)
		fail_msg("'%s' became '%s'", text, form);
	filter_print(again, sizeof(again), read_filter(form));
	assert_string_equal(again, form);
}

static void every_predicate_has_a_form(void **state)
{
	(void)state;
	assert_form("", "");
	assert_form("sport=:ssh", "sport = :22");
	assert_form("dport neq 80", "dport != :80");
	assert_form("sport :*", "sport >= :0");
	assert_form("src *", "src *");
	assert_form("dst :http", "dst *:80");
	assert_form("src 10/8:80", "src 10.0.0.0/8:80");
	assert_form("src ::1", "src [::1]");
	assert_form("src [::1]:80", "src [::1]:80");
	assert_form("dst fd00::/8", "dst [fd00::/8]");
	assert_form("dst [fd00::]/8:80", "dst [fd00::/8]:80");
	assert_form("src inet:*", "src inet:0.0.0.0/0");
	assert_form("src inet6:*:1", "src [::/0]:1");
	assert_form("src [::ffff:1.2.3.4]", "src [::ffff:1.2.3.4]");
	assert_form("dev eth0", "dev 7");
	assert_form("fwmark 1", "fwmark 0x1/0xffffffff");
	assert_form("cgroup /a\\ b", "cgroup 4711");
	assert_form("autobound", "autobound");
}

static void parentheses_stand_where_they_matter(void **state)
{
	(void)state;
	assert_form("((sport 1)|(sport 2))", "sport = :1 or sport = :2");
	assert_form("(sport 1|sport 2) sport 3", "( sport = :1 or sport = :2 ) and sport = :3");
	assert_form("sport 1|(sport 2 sport 3)", "sport = :1 or sport = :2 and sport = :3");
	assert_form("!(sport 1)", "not sport = :1");
	assert_form("!(sport 1 sport 2)", "not ( sport = :1 and sport = :2 )");
	assert_form("!(sport 1 sport 2)|sport 3",
		    "not ( sport = :1 and sport = :2 ) or sport = :3");
	assert_form("src != web", "not ( src 10.0.0.1 or src [fd00::1] )");
}

static void states_have_a_form(void **state)
{
	(void)state;
	assert_form("state LISTEN state estab sport 1",
		    "state established state listening sport = :1");
	assert_form("exclude listening", "exclude listening ");
	assert_form("state all", "state all ");
	assert_form("state closed exclude all", "exclude all ");
}

static void what_does_not_fit_is_counted(void **state)
{
	char form[8];

	(void)state;
	assert_int_equal(filter_print(form, sizeof(form), read_filter("sport 80")), 11);
	assert_string_equal(form, "sport =");
	assert_int_equal(filter_print(NULL, 0, read_filter("sport 80")), 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_predicate_has_a_form),
		cmocka_unit_test(parentheses_stand_where_they_matter),
		cmocka_unit_test(states_have_a_form),
		cmocka_unit_test(what_does_not_fit_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
