/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and literals: what is one, and what is not. */
#include "inspect_fixture.h"

static bool name(const char *text, char *out)
{
	return hostname_read((const uint8_t *)text, strlen(text), out);
}

static void names_in_lower_case(void **state)
{
	char out[INSPECT_NAME_MAX + 1];

	(void)state;
	assert_true(name("API.Example.COM", out));
	assert_string_equal(out, "api.example.com");
	assert_true(name("localhost", out));
	assert_true(name("_x.a-b.xn--bcher-kva.example", out));
	assert_true(name("1.2.3.4.example", out));
	assert_true(name("3com", out));
}

static void what_is_no_name(void **state)
{
	static const char *const bad[] = { "",	    ".",       "a.",	     ".a",     "a..b",
					   "a b",   "a/b",     "a\xc3\xa9",  "a:80",   "*.a",
					   "[::1]", "1.2.3.4", "4294967295", "0x7f.1", "a.0x" };
	char out[INSPECT_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(name(bad[i], out));
	assert_false(hostname_read((const uint8_t *)"a\0b", 3, out));
}

static void lengths_of_names(void **state)
{
	char text[300], out[INSPECT_NAME_MAX + 1];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[63] = text[127] = text[191] = '.';
	assert_true(hostname_read((const uint8_t *)text, 253, out));
	assert_int_equal(strlen(out), 253);
	assert_false(hostname_read((const uint8_t *)text, 254, out));
	text[63] = 'a';
	assert_false(hostname_read((const uint8_t *)text, 64, out));
	assert_true(hostname_read((const uint8_t *)text, 63, out));
}

static void literals_of_ipv4(void **state)
{
	static const char *const bad[] = { "1.2.3",    "1.2.3.4.",  "1.2.3.256",
					   "01.2.3.4", "1.2.3.4 ",  ".1.2.3",
					   "1..2.3",   "0x1.2.3.4", "1.2.3.1000" };
	char out[INSPECT_NAME_MAX + 1];

	(void)state;
	assert_true(hostname_literal4((const uint8_t *)"255.0.10.1", 10, out));
	assert_string_equal(out, "255.0.10.1");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(hostname_literal4((const uint8_t *)bad[i], strlen(bad[i]), out));
}

static void literals_of_ipv6(void **state)
{
	static const char *const good[] = { "::",
					    "::1",
					    "1::",
					    "2001:DB8::1",
					    "1:2:3:4:5:6:7:8",
					    "1:2:3:4:5:6:7::",
					    "::2:3:4:5:6:7:8",
					    "::ffff:1.2.3.4",
					    "1:2:3:4:5:6:1.2.3.4" };
	static const char *const bad[] = { "",
					   ":",
					   ":1",
					   "1:",
					   ":::",
					   "1::2::3",
					   "12345::",
					   "1:2:3:4:5:6:7",
					   "1:2:3:4:5:6:7:8:9",
					   "1:2:3:4:5:6:7:8::",
					   "fe80::1%eth0",
					   "::1.2.3",
					   "1.2.3.4",
					   "1:2:3:4:5:6:7:1.2.3.4",
					   "g::" };
	char out[INSPECT_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(hostname_literal6((const uint8_t *)good[i], strlen(good[i]), out));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(hostname_literal6((const uint8_t *)bad[i], strlen(bad[i]), out));
	assert_true(hostname_literal6((const uint8_t *)"2001:DB8::A", 11, out));
	assert_string_equal(out, "2001:db8::a");
}

static const char *authority(const char *text, struct inspect_wish *wish)
{
	memset(wish, 0, sizeof(*wish));
	return hostname_authority((const uint8_t *)text, strlen(text), wish);
}

static void authorities(void **state)
{
	struct inspect_wish wish;

	(void)state;
	assert_null(authority("Example.com:8080", &wish));
	assert_true(wish.named && !wish.literal);
	assert_string_equal(wish.name, "example.com");
	assert_int_equal(wish.port, 8080);
	assert_null(authority("example.com.", &wish));
	assert_string_equal(wish.name, "example.com");
	assert_int_equal(wish.port, 0);
	assert_null(authority("example.com:", &wish));
	assert_null(authority("10.0.0.1:65535", &wish));
	assert_true(wish.named && wish.literal);
	assert_null(authority("[2001:db8::1]:443", &wish));
	assert_true(wish.named && wish.literal);
	assert_string_equal(wish.name, "2001:db8::1");
	assert_int_equal(wish.port, 443);
	assert_null(authority("", &wish));
	assert_false(wish.named);
}

static void broken_authorities(void **state)
{
	static const char *const bad[] = { "user@example.com",
					   "example.com:0",
					   "example.com:65536",
					   "example.com:80:80",
					   "example.com:8a",
					   "a:000080",
					   "[::1",
					   "[::1]80",
					   "[a]",
					   "::1",
					   "example.com..",
					   ":80",
					   "0x7f.0.0.1",
					   "127.1",
					   "a b",
					   "a,b",
					   "a%2eb" };
	struct inspect_wish wish;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(authority(bad[i], &wish));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_in_lower_case), cmocka_unit_test(what_is_no_name),
		cmocka_unit_test(lengths_of_names),    cmocka_unit_test(literals_of_ipv4),
		cmocka_unit_test(literals_of_ipv6),    cmocka_unit_test(authorities),
		cmocka_unit_test(broken_authorities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
