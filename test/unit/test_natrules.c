/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of NAT, as nft writes them, and the ports that they take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/see/who.h"

#define DPORT "{\"payload\":{\"protocol\":\"tcp\",\"field\":\"dport\"}}"
#define MATCH(op, right) "{\"match\":{\"op\":\"" op "\",\"left\":" DPORT ",\"right\":" right "}}"
#define L4(proto)                                                                                  \
	"{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"l4proto\"}},\"right\":\"" proto   \
	"\"}}"
#define DNAT "{\"dnat\":{\"addr\":\"10.0.0.1\"}}"
#define MAP(data) "{\"dnat\":{\"addr\":{\"map\":{\"key\":" DPORT ",\"data\":" data "}}}}"

/* Whether a rule of these expressions takes the port, in a chain of this name. */
static bool takes_in(const char *chain, const char *expressions, uint8_t proto, uint16_t port)
{
	char text[2048];
	char where[128];
	json_t *rules;
	bool taken;

	snprintf(text, sizeof(text),
		 "{\"nftables\":["
		 "{\"map\":{\"family\":\"ip\",\"name\":\"m\",\"table\":\"t\","
		 "\"elem\":[[90,\"10.0.0.9\"]]}},"
		 "{\"set\":{\"family\":\"ip\",\"name\":\"s\",\"table\":\"other\",\"elem\":[7]}},"
		 "{\"set\":{\"family\":\"ip\",\"name\":\"s\",\"table\":\"t\",\"elem\":"
		 "[{\"range\":[100,110]},{\"elem\":{\"val\":120,\"comment\":\"x\"}}]}},"
		 "{\"chain\":{\"family\":\"ip\",\"table\":\"t\",\"name\":\"way\",\"hook\":"
		 "\"prerouting\"}},"
		 "{\"chain\":{\"family\":\"ip\",\"table\":\"t\",\"name\":\"out\",\"hook\":"
		 "\"output\"}},"
		 "{\"rule\":{\"family\":\"ip\",\"table\":\"t\",\"chain\":\"%s\",\"expr\":[%s]}}]}",
		 chain, expressions);
	rules = json_loads(text, 0, NULL);
	assert_non_null(rules);
	taken = cmd_nat_rule(rules, where, sizeof(where), proto, port);
	if (taken)
		assert_non_null(strstr(where, "table ip t, chain "));
	json_decref(rules);
	return taken;
}

static bool takes(const char *expressions, uint8_t proto, uint16_t port)
{
	return takes_in("way", expressions, proto, port);
}

static void a_port_that_is_named(void **state)
{
	(void)state;
	assert_true(takes(MATCH("==", "80") "," DNAT, MINATO_TCP, 80));
	assert_false(takes(MATCH("==", "80") "," DNAT, MINATO_TCP, 81));
	assert_false(takes(MATCH("==", "80") "," DNAT, MINATO_UDP, 80));
	assert_false(takes(MATCH("==", "80"), MINATO_TCP, 80));
	assert_true(takes(MATCH("==", "{\"range\":[1,5]}") "," DNAT, MINATO_TCP, 5));
	assert_true(takes(MATCH("==", "{\"set\":[3,{\"range\":[7,9]}]}") "," DNAT, MINATO_TCP, 8));
	assert_false(takes(MATCH("!=", "22") "," DNAT, MINATO_TCP, 22));
	assert_true(takes(MATCH("!=", "22") "," DNAT, MINATO_TCP, 23));
}

static void a_set_with_a_name(void **state)
{
	(void)state;
	assert_true(takes(MATCH("==", "\"@s\"") "," DNAT, MINATO_TCP, 105));
	assert_true(takes(MATCH("==", "\"@s\"") "," DNAT, MINATO_TCP, 120));
	assert_false(takes(MATCH("==", "\"@s\"") "," DNAT, MINATO_TCP, 7));
	assert_false(takes(MATCH("==", "\"@none\"") "," DNAT, MINATO_TCP, 7));
}

static void a_map_of_ports(void **state)
{
	(void)state;
	assert_true(takes(MAP("{\"set\":[[80,\"10.0.0.1\"],[81,\"10.0.0.2\"]]}"), MINATO_TCP, 81));
	assert_false(takes(MAP("{\"set\":[[80,\"10.0.0.1\"]]}"), MINATO_TCP, 81));
	assert_false(takes(MAP("{\"set\":[[80,\"10.0.0.1\"]]}"), MINATO_UDP, 80));
	assert_true(takes(MAP("\"@m\""), MINATO_TCP, 90));
	assert_false(takes(MAP("\"@m\""), MINATO_TCP, 91));
}

static void without_a_port_every_one_is_taken(void **state)
{
	(void)state;
	assert_true(takes("{\"redirect\":null}", MINATO_TCP, 4000));
	assert_true(takes("{\"redirect\":null}", MINATO_UDP, 4000));
	assert_true(takes(L4("udp") ",{\"redirect\":{\"port\":53}}", MINATO_UDP, 4000));
	assert_false(takes(L4("udp") ",{\"redirect\":{\"port\":53}}", MINATO_TCP, 4000));
	assert_false(takes_in("out", "{\"redirect\":null}", MINATO_TCP, 4000));
	/* Of another address, or of what iptables alone knows. */
	assert_false(takes("{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"ip\","
			   "\"field\":\"daddr\"}},\"right\":\"10.0.0.9\"}}," DNAT,
			   MINATO_TCP, 80));
	assert_false(takes("{\"xt\":{\"type\":\"match\",\"name\":\"multiport\"}},"
			   "{\"xt\":{\"type\":\"target\",\"name\":\"DNAT\"}}",
			   MINATO_TCP, 80));
	assert_false(cmd_nat_rule(NULL, NULL, 0, MINATO_TCP, 80));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_that_is_named),
		cmocka_unit_test(a_set_with_a_name),
		cmocka_unit_test(a_map_of_ports),
		cmocka_unit_test(without_a_port_every_one_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
