/* SPDX-License-Identifier: BSD-2-Clause */
/* Canonical form: statements made by dice are printed, read and are the same. */
#include "conf_fixture.h"
#include "dice.h"

static struct dice dice;

static uint32_t roll(uint32_t sides)
{
	return dice_below(&dice, sides);
}

/* ---- pieces of text by dice ---- */

static char text[CONF_LINE_MAX];
static size_t used;

__attribute__((format(printf, 1, 2))) static void add(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	used += (size_t)vsnprintf(text + used, sizeof(text) - used, format, args);
	va_end(args);
	assert_true(used < sizeof(text));
}

static void add_addr4(void)
{
	add("%u.%u.%u.%u", 1 + roll(126), roll(256), roll(256), roll(256));
}

static void add_span(void)
{
	static const char *const words[] = { "90s", "5m", "120m", "1d2h", "86399s" };

	add("%s", words[roll(5)]);
}

static void add_runs(void)
{
	uint32_t count = 1 + roll(3);
	uint32_t from = 1 + roll(1000);

	for (uint32_t i = 0; i < count; i++) {
		add("%s%u", i ? "," : " ", from);
		if (roll(2))
			add("-%u", from + 10);
		from += 20 + roll(10000);
	}
}

static void add_clauses(void)
{
	if (roll(2))
		add(" from 203.0.%u.0/24, 192.0.2.%u", roll(256), roll(256));
	if (roll(2))
		add(" at most %u per source", 1 + roll(100));
	if (roll(2))
		add(" at most %u connections", 1 + roll(100));
	switch (roll(4)) {
	case 0:
		add(" until %02u:%02u", roll(24), roll(60));
		break;
	case 1:
		add(" until %u-%02u-%02u %02u:00", 2026 + roll(100), 1 + roll(12), 1 + roll(28),
		    roll(24));
		break;
	case 2:
		add(" for ");
		add_span();
		break;
	default:
		break;
	}
	if (roll(2))
		add(" named n%u", roll(1000));
}

static void add_forward(void)
{
	static const char *const protocols[] = { "tcp", "udp", "tcp,udp", "udp , tcp" };
	bool all;

	add("forward %s", protocols[roll(4)]);
	add_runs();
	if (roll(2)) {
		add(" on ");
		add_addr4();
	}
	all = roll(2);
	add(all ? " all to " : " to ");
	for (uint32_t i = 1 + roll(3); i > 0; i--) {
		add_addr4();
		if (all)
			add(":%u", 1 + roll(60000));
		if (roll(2))
			add(" weight %u", 1 + roll(9));
		if (roll(4) == 0)
			add(" drain");
		add(i > 1 ? ", " : "");
	}
	if (roll(2))
		add(" sticky");
	add_clauses();
}

static void add_dmz(void)
{
	add("dmz ");
	add_addr4();
	if (roll(2))
		add(" except tcp %u, udp %u-%u, %u", 1 + roll(99), 100 + roll(99), 200 + roll(99),
		    300 + roll(9));
	add_clauses();
}

static void add_link(void)
{
	static const char *const spaces[] = { "blue", "pid 77", "/run/netns/x" };

	add(roll(2) ? "inside " : "outside ");
	add(roll(2) ? "tap e%u" : "e%u", roll(100));
	add(" 10.%u.0.1/24, fd00:%x::1/64", roll(256), roll(0xffff));
	if (roll(2))
		add(" mtu %u", 1280 + roll(8000));
	if (roll(2))
		add(" in namespace %s", spaces[roll(3)]);
}

static void add_test(void)
{
	add("test %s from %s", roll(2) ? "tcp" : "udp", roll(2) ? "inside " : "");
	add_addr4();
	if (roll(2))
		add(":%u", 1 + roll(65535));
	add(" to ");
	add_addr4();
	add(":%u %s", 1 + roll(65535), roll(2) ? "is closed" : "reaches 10.0.0.2:1 or 10.0.0.3:2");
}

static void by_dice(void **state)
{
	void (*const makers[])(void) = { add_forward, add_dmz, add_link, add_test };

	(void)state;
	dice.state = 20261126;
	for (int i = 0; i < 20000; i++) {
		struct conf_statement s, again;
		char form[CONF_TEXT_SIZE], second[CONF_TEXT_SIZE];

		used = 0;
		makers[roll(4)]();
		/* Some make no sense: a port with two runs. */
		if (conf_statement_read(&s, text, &report) != 0)
			continue;
		conf_print(form, sizeof(form), &s);
		again = said(form);
		assert_true(conf_same(&s, &again));
		memset(s.mark, 0, sizeof(s.mark));
		memset(again.mark, 0, sizeof(again.mark));
		assert_memory_equal(&s, &again, sizeof(s));
		conf_print(second, sizeof(second), &again);
		assert_string_equal(form, second);
	}
}

static void most_are_right(void **state)
{
	struct conf_statement s;
	int right = 0;

	(void)state;
	dice.state = 7;
	for (int i = 0; i < 1000; i++) {
		used = 0;
		add_forward();
		right += conf_statement_read(&s, text, &report) == 0;
	}
	assert_true(right > 500);
}

static void cut(void **state)
{
	struct conf_statement s = said("forward tcp 80 to 10.0.0.2");
	char form[12];

	(void)state;
	assert_int_equal(conf_print(form, sizeof(form), &s), 26);
	assert_string_equal(form, "forward tcp");
	assert_int_equal(conf_print(NULL, 0, &s), 26);
}

static void same(void **state)
{
	struct conf_statement a = said("dmz 10.0.0.9 named x");
	struct conf_statement b = said("  DMZ 10.0.0.9   named x # rest");
	struct conf_statement c = said("dmz 10.0.0.9 named y");
	struct conf_statement d = said("state /x");

	(void)state;
	b.line = 77;
	assert_true(conf_same(&a, &b));
	assert_false(conf_same(&a, &c));
	assert_false(conf_same(&a, &d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_dice),
		cmocka_unit_test(most_are_right),
		cmocka_unit_test(cut),
		cmocka_unit_test(same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
