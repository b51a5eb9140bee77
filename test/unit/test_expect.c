/* SPDX-License-Identifier: BSD-2-Clause */
/* The file that says what is meant to listen, and what it is held against. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "cmd/see/audit.h"

static struct cmd_expectation all;
static struct drive_error error;

static int read_text(const char *text)
{
	memset(&error, 0, sizeof(error));
	return cmd_expectation_read(&all, text, strlen(text), NULL, &error);
}

static int clean(void **state)
{
	(void)state;
	cmd_expectation_free(&all);
	return 0;
}

static bool meets(uint16_t port, uint8_t proto, const char *who, enum cmd_scope scope)
{
	const struct cmd_holder holder = { .port = port, .proto = proto };

	return cmd_expectation_meets(&all, &holder, who, scope);
}

static void lines_are_read(void **state)
{
	(void)state;
	assert_int_equal(read_text("# all\n\n22/tcp\tsshd  lan # the admin's\r\n"
				   "https/tcp everyone nginx\n"
				   "  8000-8009/udp   guest:web\n"
				   "netbios-ssn/tcp loopback"),
			 0);
	assert_int_equal(all.count, 4);
	assert_int_equal(all.list[0].first, 22);
	assert_int_equal(all.list[0].line, 3);
	assert_string_equal(all.list[0].program, "sshd");
	assert_int_equal(all.list[0].scope, CMD_SCOPE_LAN);
	assert_int_equal(all.list[1].first, 443);
	assert_string_equal(all.list[1].program, "nginx");
	assert_int_equal(all.list[2].last, 8009);
	assert_int_equal(all.list[2].proto, MINATO_UDP);
	assert_int_equal(all.list[2].scope, CMD_SCOPE_EVERYONE);
	assert_int_equal(all.list[3].first, 139);
}

static void what_listens_is_held_against_it(void **state)
{
	(void)state;
	assert_int_equal(read_text("22/tcp sshd lan\n80-89/tcp\n"), 0);
	assert_true(meets(22, MINATO_TCP, "sshd", CMD_SCOPE_LAN));
	assert_true(meets(22, MINATO_TCP, "sshd", CMD_SCOPE_LOOPBACK));
	assert_false(meets(22, MINATO_TCP, "sshd", CMD_SCOPE_EVERYONE));
	assert_false(meets(22, MINATO_TCP, "nc", CMD_SCOPE_LAN));
	assert_false(meets(22, MINATO_UDP, "sshd", CMD_SCOPE_LAN));
	/* A program that the caller may not see is not held against him. */
	assert_true(meets(22, MINATO_TCP, "", CMD_SCOPE_LAN));
	assert_false(all.list[1].met);
	assert_true(meets(89, MINATO_TCP, "any", CMD_SCOPE_EVERYONE));
	assert_true(all.list[1].met);
	assert_false(meets(90, MINATO_TCP, "any", CMD_SCOPE_LAN));
	assert_false(meets(79, MINATO_TCP, "any", CMD_SCOPE_LAN));
}

static void wrong_lines_are_shown(void **state)
{
	static const struct {
		const char *text, *says;
	} wrong[] = {
		{ "22", "line 1: a port with its protocol is wanted, such as 22/tcp\n  22\n  ^" },
		{ "22/tcp\n23/sctp", "line 2: the protocol is tcp or udp\n  23/sctp\n     ^" },
		{ "0/tcp", "line 1: this is no port" },
		{ "65536/tcp", "line 1: this is no port" },
		{ "99999999999999999999/tcp", "line 1: this is no port" },
		{ "nosuch/tcp", "line 1: this is no port and no service of that protocol" },
		{ "/tcp", "line 1: this is no port" },
		{ "90-80/tcp", "line 1: the range is reversed\n  90-80/tcp\n  ^" },
		{ "22/tcp a b", "line 1: a line names one program" },
		{ "22/tcp a lan b", "one word too many\n  22/tcp a lan b\n               ^" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(read_text(wrong[i].text), -EINVAL);
		if (!strstr(error.text, wrong[i].says))
			fail_msg("\"%s\" does not say \"%s\"", error.text, wrong[i].says);
		cmd_expectation_free(&all);
	}
}

#define CASE(f) cmocka_unit_test_teardown(f, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(lines_are_read),
		CASE(what_listens_is_held_against_it),
		CASE(wrong_lines_are_shown),
	};

	return cmocka_run_group_tests_name("expect", tests, NULL, NULL);
}
