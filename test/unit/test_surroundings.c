/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of hosts and environments, as they are given on the command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"

static struct cmd_hosts hosts;
static struct drive_error error;

static int add(const char *text)
{
	static struct drive_subnet subnet;

	(void)drive_subnet_parse(&subnet, "10.77.0.0/24", NULL);
	(void)drive_subnet_parse(&subnet, "fd77::/64", NULL);
	return cmd_hosts_add(&hosts, text, &subnet, &error);
}

static int end(void **state)
{
	(void)state;
	cmd_hosts_free(&hosts);
	return 0;
}

static const char *addr_of(size_t i)
{
	static char text[64];

	(void)minato_addr_format(&hosts.list[i].addr, text, sizeof(text));
	return text;
}

static void names_and_addresses(void **state)
{
	(void)state;
	assert_int_equal(add("db=192.0.2.7"), 0);
	assert_int_equal(add("db=2001:db8::7"), 0);
	assert_int_equal(add("A-1.Example.org=198.51.100.1"), 0);
	assert_int_equal(hosts.count, 3);
	assert_string_equal(hosts.list[0].name, "db");
	assert_string_equal(addr_of(0), "192.0.2.7");
	assert_string_equal(hosts.list[1].name, "db");
	assert_string_equal(addr_of(1), "2001:db8::7");
	assert_string_equal(hosts.list[2].name, "A-1.Example.org");
}

static void gateway_is_a_word(void **state)
{
	(void)state;
	assert_int_equal(add("outside=gateway"), 0);
	assert_int_equal(hosts.count, 2);
	assert_string_equal(addr_of(0), "10.77.0.2");
	assert_string_equal(addr_of(1), "fd77::2");
}

static void longest_names(void **state)
{
	char text[300];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[63] = text[127] = text[191] = '.';
	strcpy(text + 253, "=192.0.2.7");
	assert_int_equal(add(text), 0);
	assert_int_equal(strlen(hosts.list[0].name), 253);
	text[253] = 'a';
	strcpy(text + 254, "=192.0.2.7");
	assert_int_equal(add(text), -EINVAL);
	memset(text, 'a', 64);
	strcpy(text + 64, "=192.0.2.7");
	assert_int_equal(add(text), -EINVAL);
}

static void what_is_no_name(void **state)
{
	static const char *const wrong[] = {
		"=192.0.2.7",	    "-a=192.0.2.7",  "a-=192.0.2.7",   "a..b=192.0.2.7",
		".a=192.0.2.7",	    "a.=192.0.2.7",  "a-.b=192.0.2.7", "a.-b=192.0.2.7",
		"a_b=192.0.2.7",    "a b=192.0.2.7", "a\nb=192.0.2.7", "1.2.3.4=192.0.2.7",
		"\xc3\xa4=1.2.3.4", "a#b=192.0.2.7", "a/b=192.0.2.7",  "10=192.0.2.7",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(add(wrong[i]), -EINVAL);
		assert_non_null(strstr(error.text, "no host name"));
	}
}

static void what_is_no_address(void **state)
{
	static const char *const wrong[] = {
		"a=",	   "a=b",	 "a=192.0.2", "a=192.0.2.7/24", "a=fe80::1%eth0",
		"a=[::1]", "a=1.2.3.4 b"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(add(wrong[i]), -EINVAL);
		assert_non_null(strstr(error.text, "no address"));
	}
	assert_int_equal(add("a"), -EINVAL);
	assert_non_null(strstr(error.text, "NAME=ADDRESS"));
}

static const char *value_of(char *const *all, const char *name)
{
	const char *found = NULL;
	size_t length = strlen(name);

	for (; *all; all++) {
		if (strncmp(*all, name, length) || (*all)[length] != '=')
			continue;
		assert_null(found); /* once only */
		found = *all + length + 1;
	}
	return found;
}

static void environment_is_ours_and_more(void **state)
{
	static struct cmd_many settings = { 4, { "A=1", "KEPT=new", "A=2=3", "EMPTY=" } };
	char **all;

	(void)state;
	setenv("KEPT", "old", 1);
	setenv("KEPT_TOO", "old", 1);
	setenv("MINATO_NAME", "around", 1);
	assert_int_equal(cmd_environment_check(&settings, &error), 0);
	all = cmd_environment_make(&settings, "web");
	assert_non_null(all);
	assert_string_equal(value_of(all, "A"), "2=3");
	assert_string_equal(value_of(all, "KEPT"), "new");
	assert_string_equal(value_of(all, "KEPT_TOO"), "old");
	assert_string_equal(value_of(all, "EMPTY"), "");
	assert_string_equal(value_of(all, "MINATO_NAME"), "web");
	assert_string_equal(value_of(environ, "KEPT"), "old");
	free(all);
}

static void settings_have_a_name_and_a_value(void **state)
{
	static struct cmd_many nameless = { 1, { "=x" } };
	static struct cmd_many valueless = { 1, { "HOME" } };

	(void)state;
	assert_int_equal(cmd_environment_check(&nameless, &error), -EINVAL);
	assert_int_equal(cmd_environment_check(&valueless, &error), -EINVAL);
	assert_non_null(strstr(error.text, "HOME"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(names_and_addresses, end),
		cmocka_unit_test_teardown(gateway_is_a_word, end),
		cmocka_unit_test_teardown(longest_names, end),
		cmocka_unit_test_teardown(what_is_no_name, end),
		cmocka_unit_test_teardown(what_is_no_address, end),
		cmocka_unit_test(environment_is_ours_and_more),
		cmocka_unit_test(settings_have_a_name_and_a_value),
	};

	return cmocka_run_group_tests_name("surroundings", tests, NULL, NULL);
}
