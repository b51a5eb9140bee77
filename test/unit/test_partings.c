/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose connections went with an outside address: inside ends are noted, and asked twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "cmd/gateway/gateway.h"

#define SECOND INT64_C(1000000000)

static struct gateway_links links;
static struct gateway_applied applied;
static size_t memory_size;

static void say(struct gateway_rules *rules, const char *text)
{
	static struct conf_statement one;
	static struct conf_report report;

	if (conf_statement_read(&one, text, &report) != 0)
		fail_msg("\"%s\": %s", text, report.fault[0].what);
	assert_int_equal(gateway_rules_add(rules, &one, 0), 0);
}

/* With this address outside. */
static void apply(const char *outside)
{
	struct gateway_rules wanted = { .until_s = NULL };
	struct drive_error error;
	char text[80];

	say(&wanted, "inside tap in0 10.0.0.1/24");
	(void)snprintf(text, sizeof(text), "outside tap out0 %s/24 via 198.51.100.254", outside);
	say(&wanted, text);
	say(&wanted, "forward tcp 80 to 10.0.0.2");
	if (!applied.host) {
		struct minato_config config;
		void *memory;

		links = (struct gateway_links){ .count = 2 };
		for (size_t i = 0; i < 2; i++) {
			links.list[i].said = wanted.conf.list[i]->link;
			links.list[i].mtu = 1500;
			links.list[i].mac[5] = (uint8_t)i;
		}
		gateway_config(&config, &wanted.conf, &links);
		config.sessions_max = config.mappings_max = 1000;
		memory_size = minato_size(&config);
		memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		assert_true(memory != MAP_FAILED);
		applied = (struct gateway_applied){ .links = &links, .flows_max = 500 };
		assert_int_equal(minato_create(memory, memory_size, &config,
					       (struct minato_time){ SECOND }, &applied.host),
				 0);
	}
	if (gateway_apply(&applied, &wanted, &error) != 0)
		fail_msg("%s", error.text);
	gateway_rules_free(&wanted);
}

static int clean(void **state)
{
	void *host = applied.host;

	(void)state;
	gateway_applied_free(&applied);
	applied.host = NULL;
	return munmap(host, memory_size);
}

static struct minato_endpoint end(const char *text, uint16_t port)
{
	struct minato_endpoint at = { .port = port };

	assert_int_equal(minato_addr_parse(text, &at.addr), 0);
	return at;
}

/* An outward one, and one of the forward's. */
static void begin_two(uint8_t proto, uint8_t state)
{
	struct minato_session s = {
		.proto = proto,
		.state = state,
		.from = 0,
		.to = 1,
		.source = end("10.0.0.9", 1000),
		.destination = end("192.0.2.9", 443),
		.back_source = end("192.0.2.9", 443),
		.back_destination = end("198.51.100.1", 5000),
		.since = { SECOND },
		.until = { 200 * SECOND },
	};

	assert_int_equal(minato_session_adopt(applied.host, &s), 0);
	s.from = 1;
	s.to = 0;
	s.forward = true;
	s.source = end("192.0.2.8", 2000);
	s.destination = end("198.51.100.1", 80);
	s.back_source = end("10.0.0.2", 80);
	s.back_destination = end("192.0.2.8", 2000);
	assert_int_equal(minato_session_adopt(applied.host, &s), 0);
}

static size_t sessions(void)
{
	struct minato_session s;
	uint64_t cursor = 0;
	size_t count = 0;

	while (minato_session_next(applied.host, &cursor, &s))
		count++;
	return count;
}

static bool noted(const char *near, uint16_t port, const char *far, uint16_t far_port)
{
	const struct minato_endpoint n = end(near, port);
	const struct minato_endpoint f = end(far, far_port);

	for (size_t i = 0; i < applied.partings.count; i++) {
		const struct gateway_parting *one = &applied.partings.list[i];

		if (one->scope == 0 && one->near.port == n.port && one->far.port == f.port &&
		    minato_addr_equal(&one->near.addr, &n.addr) &&
		    minato_addr_equal(&one->far.addr, &f.addr))
			return true;
	}
	return false;
}

static void the_ends_of_an_address_that_is_gone(void **state)
{
	(void)state;
	apply("198.51.100.1");
	begin_two(MINATO_TCP, MINATO_NAT_OPEN);
	assert_int_equal(sessions(), 2);
	apply("198.51.100.1");
	assert_int_equal(sessions(), 2);
	assert_int_equal(applied.partings.count, 0);
	apply("198.51.100.2");
	assert_int_equal(sessions(), 0);
	assert_int_equal(applied.partings.count, 2);
	assert_true(noted("10.0.0.9", 1000, "192.0.2.9", 443));
	assert_true(noted("10.0.0.2", 80, "192.0.2.8", 2000));
}

static void datagrams_and_calls_are_not_asked(void **state)
{
	(void)state;
	apply("198.51.100.1");
	begin_two(MINATO_TCP, MINATO_NAT_OPENING);
	apply("198.51.100.2");
	assert_int_equal(sessions(), 0);
	assert_int_equal(applied.partings.count, 0);
	assert_int_equal(applied.partings.ended, 2);
}

static void each_is_asked_twice_with_a_pause(void **state)
{
	struct minato_time now = { SECOND };
	struct minato_time next;

	(void)state;
	apply("198.51.100.1");
	begin_two(MINATO_TCP, MINATO_NAT_OPEN);
	apply("198.51.100.2");
	next = gateway_partings_turn(&applied.partings, applied.host, now);
	assert_int_equal(next.ns, 2 * SECOND);
	assert_int_equal(applied.partings.ended, 0);
	assert_int_equal(gateway_partings_turn(&applied.partings, applied.host, now).ns,
			 2 * SECOND);
	now = next;
	next = gateway_partings_turn(&applied.partings, applied.host, now);
	assert_int_equal(next.ns, MINATO_NEVER.ns);
	assert_int_equal(applied.partings.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_ends_of_an_address_that_is_gone, clean),
		cmocka_unit_test_teardown(datagrams_and_calls_are_not_asked, clean),
		cmocka_unit_test_teardown(each_is_asked_twice_with_a_pause, clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
