/* SPDX-License-Identifier: BSD-2-Clause */
/* From where a listener can be reached. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "cmd/see/audit.h"

static struct minato_addr addr(const char *text)
{
	struct minato_addr out;

	assert_int_equal(minato_addr_parse(text, &out), 0);
	return out;
}

static enum cmd_scope of(const char *text)
{
	const struct minato_addr a = addr(text);

	return cmd_scope_of_address(&a);
}

static void addresses(void **state)
{
	static const char *const near[] = {
		"10.0.0.1",    "10.255.255.255", "172.16.0.1", "172.31.255.1", "192.168.1.1",
		"169.254.1.1", "100.64.0.1",	 "fd00::1",    "fc00::1",      "fe80::1",
	};
	static const char *const far[] = {
		"8.8.8.8", "172.15.0.1", "172.32.0.1", "192.167.1.1", "192.169.1.1",
		"11.0.0.1", "100.63.0.1", "100.128.0.1", "2001:db8::1", "fec0::1",
	};

	(void)state;
	assert_int_equal(of("127.0.0.1"), CMD_SCOPE_LOOPBACK);
	assert_int_equal(of("127.9.9.9"), CMD_SCOPE_LOOPBACK);
	assert_int_equal(of("::1"), CMD_SCOPE_LOOPBACK);
	for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++)
		assert_int_equal(of(near[i]), CMD_SCOPE_LAN);
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
		assert_int_equal(of(far[i]), CMD_SCOPE_EVERYONE);
}

static struct cmd_ground ground;

static void own(const char *text, bool loopback, unsigned interface)
{
	ground.list[ground.count++] = (struct drive_hostaddr){
		.addr = addr(text), .loopback = loopback, .interface = interface
	};
}

static enum cmd_scope at(const char *local, bool v6only, uint32_t interface)
{
	const struct cmd_holder holder = { .local.addr = addr(local),
					   .v6only = v6only,
					   .interface = interface };

	return cmd_scope_of(&ground, &holder);
}

static void a_wildcard_is_as_wide_as_the_host(void **state)
{
	(void)state;
	ground.count = 0;
	own("127.0.0.1", true, 1);
	own("::1", true, 1);
	assert_int_equal(at("0.0.0.0", false, 0), CMD_SCOPE_LOOPBACK);
	assert_int_equal(at("::", false, 0), CMD_SCOPE_LOOPBACK);
	own("192.168.1.2", false, 2);
	assert_int_equal(at("0.0.0.0", false, 0), CMD_SCOPE_LAN);
	assert_int_equal(at("::", false, 0), CMD_SCOPE_LAN);
	assert_int_equal(at("::", true, 0), CMD_SCOPE_LOOPBACK);
	own("2001:db8::2", false, 3);
	assert_int_equal(at("0.0.0.0", false, 0), CMD_SCOPE_LAN);
	assert_int_equal(at("::", false, 0), CMD_SCOPE_EVERYONE);
	assert_int_equal(at("::", true, 0), CMD_SCOPE_EVERYONE);
	assert_int_equal(at("::", false, 2), CMD_SCOPE_LAN);
	assert_int_equal(at("127.0.0.1", false, 0), CMD_SCOPE_LOOPBACK);
	assert_int_equal(at("192.168.1.2", false, 0), CMD_SCOPE_LAN);
}

static void in_a_guest(void **state)
{
	struct cmd_holder holder = { .guest = "web" };

	(void)state;
	assert_int_equal(cmd_scope_of(&ground, &holder), CMD_SCOPE_GUEST);
}

static void words(void **state)
{
	(void)state;
	assert_int_equal(cmd_scope_read("lan"), CMD_SCOPE_LAN);
	assert_string_equal(cmd_scope_word(CMD_SCOPE_EVERYONE), "everyone");
	assert_int_equal(cmd_scope_read("LAN"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(a_wildcard_is_as_wide_as_the_host),
		cmocka_unit_test(in_a_guest),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests_name("scope", tests, NULL, NULL);
}
