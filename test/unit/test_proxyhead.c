/* SPDX-License-Identifier: BSD-2-Clause */
/* Headers of the PROXY protocol, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "relay/relay.h"

static struct minato_endpoint end(const char *text, uint16_t port)
{
	struct minato_endpoint out = { .port = port };

	assert_int_equal(minato_addr_parse(text, &out.addr), 0);
	return out;
}

static void version1(void **state)
{
	const struct minato_endpoint client = end("203.0.113.9", 50898);
	const struct minato_endpoint asked = end("198.51.100.1", 80);
	const char *wanted = "PROXY TCP4 203.0.113.9 198.51.100.1 50898 80\r\n";
	uint8_t out[RELAY_PROXY_MAX];

	(void)state;
	assert_int_equal(relay_proxy_header(1, &client, &asked, out), strlen(wanted));
	assert_memory_equal(out, wanted, strlen(wanted));
}

/* The longest line there can be has its room. */
static void version1_longest(void **state)
{
	const struct minato_endpoint client =
		end("ffff:f1ff:f2ff:f3ff:f4ff:f5ff:f6ff:ffff", 65535);
	const char *wanted = "PROXY TCP6 ffff:f1ff:f2ff:f3ff:f4ff:f5ff:f6ff:ffff "
			     "ffff:f1ff:f2ff:f3ff:f4ff:f5ff:f6ff:ffff 65535 65535\r\n";
	uint8_t out[RELAY_PROXY_MAX];

	(void)state;
	assert_int_equal(relay_proxy_header(1, &client, &client, out), strlen(wanted));
	assert_memory_equal(out, wanted, strlen(wanted));
}

static void version2(void **state)
{
	const struct minato_endpoint client = end("203.0.113.9", 0xc6d2);
	const struct minato_endpoint asked = end("198.51.100.1", 80);
	static const uint8_t wanted[] = {
		0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11,
		0x00, 0x0c, 203,  0,	113,  9,    198,  51,	100,  1,    0xc6, 0xd2, 0x00, 0x50,
	};
	uint8_t out[RELAY_PROXY_MAX];

	(void)state;
	assert_int_equal(relay_proxy_header(2, &client, &asked, out), sizeof(wanted));
	assert_memory_equal(out, wanted, sizeof(wanted));
}

static void version2_of_ipv6(void **state)
{
	const struct minato_endpoint client = end("2001:db8::9", 1);
	const struct minato_endpoint asked = end("2001:db8::1", 65535);
	uint8_t out[RELAY_PROXY_MAX];

	(void)state;
	assert_int_equal(relay_proxy_header(2, &client, &asked, out), 16 + 36);
	assert_int_equal(out[13], 0x21);
	assert_int_equal(out[14] << 8 | out[15], 36);
	assert_memory_equal(out + 16, client.addr.bytes, 16);
	assert_memory_equal(out + 32, asked.addr.bytes, 16);
	assert_memory_equal(out + 48, "\0\1\377\377", 4);
}

static void no_version(void **state)
{
	const struct minato_endpoint client = end("203.0.113.9", 1);
	uint8_t out[RELAY_PROXY_MAX];

	(void)state;
	assert_int_equal(relay_proxy_header(0, &client, &client, out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version1),	    cmocka_unit_test(version1_longest),
		cmocka_unit_test(version2),	    cmocka_unit_test(version2_of_ipv6),
		cmocka_unit_test(no_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
