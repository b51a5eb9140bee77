/* SPDX-License-Identifier: BSD-2-Clause */
/* Operands of filters, each by itself. */
#include "filter_fixture.h"

static struct filter_operands host_of(const char *word)
{
	struct filter_operands operands = { .count = 1 };
	struct filter_error error = { 0 };

	operands.nodes[0] = (struct filter_node){ .op = FILTER_HOST, .peer = true };
	if (filter_operand_host(&operands, word, &there, &error))
		fail_msg("'%s': %s", word, error.what);
	return operands;
}

static void assert_host(const char *word, uint8_t family, const char *addr, unsigned prefix,
			int port)
{
	struct filter_operands operands = host_of(word);
	const struct filter_node *node = &operands.nodes[0];
	struct minato_addr wanted;

	assert_int_equal(operands.count, 1);
	assert_int_equal(node->family, family);
	if (family) {
		assert_int_equal(minato_addr_parse(addr, &wanted), 0);
		assert_memory_equal(&node->addr, &wanted, sizeof(wanted));
		assert_int_equal(node->prefix, prefix);
	}
	assert_int_equal(node->ported ? node->port : -1, port);
}

static void hosts_are_written_in_many_ways(void **state)
{
	(void)state;
	assert_host("*", 0, NULL, 0, -1);
	assert_host(":", 0, NULL, 0, -1);
	assert_host("*:*", 0, NULL, 0, -1);
	assert_host(":80", 0, NULL, 0, 80);
	assert_host("*:ssh", 0, NULL, 0, 22);
	assert_host(":0x50", 0, NULL, 0, 80);
	assert_host("1.2.3.4", 4, "1.2.3.4", 128, -1);
	assert_host("1.2.3.4:", 4, "1.2.3.4", 128, -1);
	assert_host("1.2.3.4:*", 4, "1.2.3.4", 128, -1);
	assert_host("1.2.3.4/24:80", 4, "1.2.3.4", 96 + 24, 80);
	assert_host("127/8", 4, "127.0.0.0", 96 + 8, -1);
	assert_host("10.1/16:ssh", 4, "10.1.0.0", 96 + 16, 22);
	assert_host("inet:1.2.3.4", 4, "1.2.3.4", 128, -1);
	assert_host("fd00::1", 6, "fd00::1", 128, -1);
	assert_host("fd00::/8", 6, "fd00::", 8, -1);
	assert_host("::", 6, "::", 128, -1);
	assert_host("[fd00::1]:80", 6, "fd00::1", 128, 80);
	assert_host("[fd00::/8]:80", 6, "fd00::", 8, 80);
	assert_host("[fd00::]/8:80", 6, "fd00::", 8, 80);
	assert_host("inet6:[fd00::1]:*", 6, "fd00::1", 128, -1);
	assert_host("inet6:*:80", 6, "::", 0, 80);
	assert_host("inet:*", 4, "0.0.0.0", 96, -1);
	assert_host("inet6:web:80", 6, "fd00::1", 128, 80);
}

static void a_name_is_all_its_addresses(void **state)
{
	struct filter_operands operands = host_of("web:ssh");

	(void)state;
	assert_int_equal(operands.count, 2);
	for (size_t i = 0; i < operands.count; i++) {
		assert_int_equal(operands.nodes[i].op, FILTER_HOST);
		assert_true(operands.nodes[i].peer);
		assert_true(operands.nodes[i].ported);
		assert_int_equal(operands.nodes[i].port, 22);
	}
	assert_int_equal(operands.nodes[0].family, 4);
	assert_int_equal(operands.nodes[1].family, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_are_written_in_many_ways),
		cmocka_unit_test(a_name_is_all_its_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
