/* SPDX-License-Identifier: BSD-2-Clause */
/* How faults are shown: with and without colour, of a command line, and as JSON. */
#include "conf_fixture.h"

#include "cmd/conf.h"

static char said_text[65536];

static void say(const char *name, const char *text, bool colour)
{
	struct cmd_conf_text shown = { name, text, strlen(text), NULL };
	FILE *out = fmemopen(said_text, sizeof(said_text), "w");

	assert_non_null(out);
	cmd_conf_say(out, &shown, &report, colour);
	fclose(out);
}

static void lines(void **state)
{
	struct cmd_conf_text text = { "x", "one\n\nthree", 10, NULL };
	size_t length;

	(void)state;
	assert_memory_equal(cmd_conf_line(&text, 1, &length), "one", 3);
	assert_int_equal(length, 3);
	cmd_conf_line(&text, 2, &length);
	assert_int_equal(length, 0);
	assert_memory_equal(cmd_conf_line(&text, 3, &length), "three", 5);
	assert_int_equal(length, 5);
	cmd_conf_line(&text, 4, &length);
	assert_int_equal(length, 0);
	cmd_conf_line(&text, 4000000000u, &length);
	assert_int_equal(length, 0);
}

static void plain(void **state)
{
	static const char text[] = "dmz 10.0.0.9\ndnz 10.0.0.9\n";

	(void)state;
	read_file(text);
	say("a.conf", text, false);
	assert_string_equal(
		said_text,
		"a.conf:2:1: error: this word does not fit here: expected inside, outside, "
		"route, pool, forward, dmz, drain, never, nat, capacity, listen, reserve, state, "
		"test, allow, block, reject, drop, limit, zone, set, scans, alert or include; did "
		"you mean "
		"'dmz'?\n"
		"    dnz 10.0.0.9\n"
		"    ^~~\n");
}

/* Of a list of who, the one that nobody is called; before others that are reported later. */
static void one_of_a_list(void **state)
{
	static const char text[] = LINKS
		"block ssh from lan, elan, lna, 10.0.0.2\nblock http from 0.0.0.0/0, wam\n";

	(void)state;
	assert_true(read_file(text) < 0);
	say("a.conf", text, false);
	assert_non_null(strstr(said_text,
			       "a.conf:3:21: error: no zone, set or link is called elan; there "
			       "are lan, wan, self; did you mean 'lan'?\n"
			       "    block ssh from lan, elan, lna, 10.0.0.2\n"
			       "                        ^~~~\n"));
	assert_non_null(strstr(said_text, "    block ssh from lan, elan, lna, 10.0.0.2\n"
					  "                              ^~~\n"));
	assert_non_null(strstr(said_text, "a.conf:4:28: error: no zone, set or link is called wam; "
					  "there are lan, wan, self; did you mean 'wan'?\n"));
}

static void coloured(void **state)
{
	static const char text[] = "dmz 10.0.0.x\n";
	static const char warned[] = LINKS "forward tcp 80 to 10.7.0.2\n";

	(void)state;
	read_file(text);
	say("a.conf", text, true);
	assert_non_null(strstr(said_text, "\033[1ma.conf:1:5:\033[0m \033[1;31merror:\033[0m "));
	assert_non_null(strstr(said_text, "\033[1;32m^~~~~~~~\033[0m\n"));
	read_file(warned);
	say("a.conf", warned, true);
	assert_non_null(strstr(said_text, "\033[1;35mwarning:"));
}

static void of_a_command(void **state)
{
	struct conf_statement s;

	(void)state;
	assert_int_not_equal(conf_statement_read(&s, "dmz 10.0.0", &report), 0);
	say(NULL, "dmz 10.0.0", false);
	assert_string_equal(said_text,
			    "minato: this is no address: 10.0.0.2 or 2001:db8::2 (names are "
			    "not looked up)\n    dmz 10.0.0\n        ^~~~~~\n");
}

static void more(void **state)
{
	static char text[70 * 2 + 1];

	(void)state;
	for (int i = 0; i < 70; i++)
		memcpy(text + i * 2L, "x\n", 2);
	read_file(text);
	say("a.conf", text, false);
	assert_non_null(strstr(said_text, "a.conf: and 6 more\n"));
}

static void json(void **state)
{
	static const char text[] = LINKS "nat hairpin on\nnat hairpin off\nnat hairpn on\n";
	struct cmd_conf_text shown = { "a", text, strlen(text), NULL };
	json_t *faults;
	json_t *one;

	(void)state;
	read_file(text);
	faults = cmd_conf_faults(&shown, &report);
	assert_int_equal(json_array_size(faults), 2);
	one = json_array_get(faults, 0);
	assert_string_equal(json_string_value(json_object_get(one, "severity")), "error");
	assert_int_equal(json_integer_value(json_object_get(one, "line")), 4);
	assert_int_equal(json_integer_value(json_object_get(one, "column")), 5);
	assert_int_equal(json_integer_value(json_object_get(one, "length")), 7);
	assert_int_equal(json_integer_value(json_object_get(one, "other_line")), 3);
	assert_true(json_is_null(json_object_get(one, "meant")));
	one = json_array_get(faults, 1);
	assert_string_equal(json_string_value(json_object_get(one, "meant")), "hairpin");
	assert_true(json_is_null(json_object_get(one, "other_line")));
	json_decref(faults);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),	 cmocka_unit_test(plain),
		cmocka_unit_test(one_of_a_list), cmocka_unit_test(coloured),
		cmocka_unit_test(of_a_command),	 cmocka_unit_test(more),
		cmocka_unit_test(json),
	};

	return cmocka_run_group_tests(tests, NULL, end_conf);
}
