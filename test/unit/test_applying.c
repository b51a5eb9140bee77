/* SPDX-License-Identifier: BSD-2-Clause */
/* A list of statements comes into a host value as a whole, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cmd/gateway/gateway.h"

#define ENTRIES 40 /* what the value has room for */

static struct gateway_links links;
static struct gateway_applied applied;
static struct gateway_rules wanted;
static struct drive_error error;
static void *memory;
static size_t memory_size;

static void say(const char *text)
{
	static struct conf_statement one;
	static struct conf_report report;

	assert_int_equal(conf_statement_read(&one, text, &report), 0);
	one.line = (uint32_t)wanted.conf.count + 1;
	assert_int_equal(gateway_rules_add(&wanted, &one, 0), 0);
}

/* A list that begins with the links. */
static void begin(const char *outside)
{
	gateway_rules_free(&wanted);
	say("inside tap in0 10.0.0.1/24");
	say(outside);
}

#define OUTSIDE "outside tap out0 198.51.100.1/24 via 198.51.100.254"

static int fresh(void **state)
{
	struct minato_config config;
	size_t size;

	(void)state;
	begin(OUTSIDE);
	links = (struct gateway_links){ .count = 2 };
	for (size_t i = 0; i < 2; i++) {
		links.list[i].said = wanted.conf.list[i]->link;
		links.list[i].mtu = 1500;
		links.list[i].mac[5] = (uint8_t)i;
	}
	gateway_config(&config, &wanted.conf, &links);
	config.entries_max = ENTRIES;
	config.sessions_max = config.mappings_max = 1000;
	size = minato_size(&config);
	assert_true(size > 0);
	memory_size = size;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(memory != MAP_FAILED);
	assert_int_equal(
		minato_create(memory, size, &config, (struct minato_time){ 1 }, &applied.host), 0);
	applied.links = &links;
	applied.flows_max = 500;
	return 0;
}

static int clean(void **state)
{
	(void)state;
	gateway_applied_free(&applied);
	applied = (struct gateway_applied){ .host = NULL };
	gateway_rules_free(&wanted);
	(void)munmap(memory, memory_size);
	return 0;
}

/* The ports that are forwarded, and to where, in the order of the table. */
static const char *forwards(void)
{
	static char all[4096];
	struct minato_row row;
	uint64_t cursor = 0;

	all[0] = 0;
	while (minato_row(applied.host, &cursor, &row)) {
		char addr[64];

		if (row.kind != MINATO_KIND_FORWARD && row.kind != MINATO_KIND_DMZ)
			continue;
		minato_addr_format(&row.target.addr, addr, sizeof(addr));
		(void)snprintf(all + strlen(all), sizeof(all) - strlen(all), "%u>%s ", row.first,
			       addr);
	}
	return all;
}

static void a_list_comes_in(void **state)
{
	(void)state;
	say("forward tcp 80 to 10.0.0.2");
	say("forward tcp 25 to 10.0.0.3");
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	assert_string_equal(forwards(), "80>10.0.0.2 25>10.0.0.3 ");
	assert_int_equal(applied.pool_count, 1);
	/* Once more is no change. */
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	assert_string_equal(forwards(), "80>10.0.0.2 25>10.0.0.3 ");
}

/* A mapping of an inside host at this outside port, as a flow that is carried over makes it. */
static void map_one(uint8_t host, uint16_t port)
{
	const struct minato_session flow = {
		.proto = MINATO_UDP,
		.state = MINATO_NAT_OPEN,
		.from = CONF_SCOPE_INSIDE,
		.to = CONF_SCOPE_OUTSIDE,
		.source = { minato_addr4(10, 0, 0, host), 777 },
		.destination = { minato_addr4(203, 0, 113, 9), 53 },
		.back_source = { minato_addr4(203, 0, 113, 9), 53 },
		.back_destination = { minato_addr4(198, 51, 100, 1), port },
		.since = { 1 },
		.until = { INT64_C(1000000000) },
	};

	assert_int_equal(minato_session_adopt(applied.host, &flow), 0);
}

/* Ports of living mappings are theirs; the range stands at once all the same. */
static void a_range_stands_beside_mappings(void **state)
{
	(void)state;
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	map_one(3, 5001);
	map_one(4, 5999);
	map_one(5, 6000);
	say("forward udp 5000-5999 to 10.0.0.2");
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	assert_non_null(strstr(error.text, "forward udp 5000-5999 to 10.0.0.2: 2 of 1000 ports are "
					   "still held by mappings of 10.0.0."));
	assert_non_null(strstr(error.text, "10.0.0.3"));
	assert_non_null(strstr(error.text, "10.0.0.4"));
	assert_string_equal(forwards(), "5000>10.0.0.2 ");
	/* It is said once, and of no other protocol. */
	say("forward tcp 5000-5999 to 10.0.0.2");
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	assert_string_equal(error.text, "");
}

static void a_held_port_has_a_holder(void **state)
{
	(void)state;
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	map_one(3, 5001);
	say("forward udp 5001 to 10.0.0.2");
	assert_int_equal(gateway_apply(&applied, &wanted, &error), -EADDRINUSE);
	assert_non_null(strstr(error.text,
			       "line 3: forward udp 5001 to 10.0.0.2: udp port 5001 of "
			       "198.51.100.1 is held by a mapping of 10.0.0.3 port 777"));
	assert_non_null(strstr(error.text, "'minato nat end mapping "));
	assert_string_equal(forwards(), "");
}

/* The place that a statement leaves is free for the one that comes. */
static void a_port_changes_hands(void **state)
{
	(void)state;
	say("forward tcp 80 to 10.0.0.2");
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	begin(OUTSIDE);
	say("forward tcp 80 to 10.0.0.9");
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	assert_string_equal(forwards(), "80>10.0.0.9 ");
}

/* The last one finds no room: the first ones are taken back, and what was there is there again. */
static void what_does_not_fit_changes_nothing(void **state)
{
	char text[64];
	struct minato_nat before;
	struct minato_nat after;

	(void)state;
	say("forward tcp 80 to 10.0.0.2");
	say("dmz 10.0.0.9");
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	assert_int_equal(minato_nat_get(applied.host, &before), 0);
	begin("outside tap out0 198.51.100.7/24 via 198.51.100.254");
	say("nat hairpin off");
	for (int i = 0; i < 2 * ENTRIES; i++) {
		snprintf(text, sizeof(text), "forward udp %d to 10.0.0.3", 1000 + i);
		say(text);
	}
	assert_int_equal(gateway_apply(&applied, &wanted, &error), -ENOSPC);
	assert_non_null(strstr(error.text, "line "));
	assert_non_null(strstr(error.text, "the table has no room"));
	assert_string_equal(forwards(), "80>10.0.0.2 0>10.0.0.9 ");
	assert_int_equal(minato_nat_get(applied.host, &after), 0);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(applied.pool_count, 1);
	assert_int_equal(applied.pool[0].addr.bytes[15], 1);
	assert_int_equal(applied.rules.conf.count, 4);
	/* And it can be changed as before. */
	begin(OUTSIDE);
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	assert_string_equal(forwards(), "");
}

static void what_is_not_served_is_refused(void **state)
{
	(void)state;
	say("listen systemd");
	assert_int_equal(gateway_apply(&applied, &wanted, &error), -EOPNOTSUPP);
	assert_string_equal(forwards(), "");
	/* Where the host's sockets are the outside, what they cannot do is. */
	begin(OUTSIDE);
	links.host = true;
	say("dmz 10.0.0.9");
	assert_int_equal(gateway_apply(&applied, &wanted, &error), -EOPNOTSUPP);
	begin(OUTSIDE);
	say("listen systemd");
	say("forward tcp 80 to 10.0.0.2");
	say("forward tcp 81 to unix:/run/app");
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	links.host = false;
}

/* Its entry holds calls for ends.c, which knows the forward by the word, and keeps its bounds. */
static void what_ends_here_has_a_word(void **state)
{
	const struct conf_statement *one;
	struct gateway_held *held;
	struct minato_entry entry;

	(void)state;
	say("forward tcp 80 to 10.0.0.2");
	say("forward tcp 81 to 10.0.0.2 proxy v2 at most 5 connections");
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	assert_int_equal(minato_entry_get(applied.host, applied.held[2].entries[0], &entry), 0);
	assert_true(entry.translate && entry.user == 0);
	assert_int_equal(minato_entry_get(applied.host, applied.held[3].entries[0], &entry), 0);
	assert_false(entry.translate);
	assert_int_equal(entry.flows_max, 5);
	one = gateway_forward_of(&applied, entry.user, &held);
	assert_non_null(one);
	assert_int_equal(one->forward.proxy, 2);
	assert_ptr_equal(held, &applied.held[3]);
	assert_null(gateway_forward_of(&applied, entry.user + 1, &held));
	assert_null(gateway_forward_of(&applied, 0, &held));
}

static uint32_t weight(size_t index, uint32_t server)
{
	struct minato_server servers[4];

	assert_true(minato_group_get(applied.host, applied.held[index].group, servers, 4) >
		    (int)server);
	return servers[server].weight;
}

static void a_server_drains_and_comes_back(void **state)
{
	uint64_t before[2];

	(void)state;
	say("forward tcp 80 to 10.0.0.2, 10.0.0.3 weight 7");
	say("forward tcp 81 to 10.0.0.3");
	say("dmz 10.0.0.3 except 99");
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	/* What a dmz leaves out is an entry, and no forward. */
	assert_int_equal(applied.held[4].count, 3);
	assert_int_equal(minato_entry_drain(applied.host, applied.held[4].entries[0], true), 0);
	assert_int_equal(minato_entry_drain(applied.host, applied.held[4].entries[1], true),
			 -EINVAL);
	assert_int_equal(minato_entry_drain(applied.host, 12345, true), -EBADF);
	before[0] = applied.held[2].entries[0];
	before[1] = applied.held[3].entries[0];
	assert_int_equal(weight(2, 1), 7);
	say("drain 10.0.0.3");
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	/* The entries stay, with all that they count. */
	assert_true(applied.held[2].entries[0] == before[0]);
	assert_true(applied.held[3].entries[0] == before[1]);
	assert_int_equal(weight(2, 0), 1);
	assert_int_equal(weight(2, 1), 0);
	assert_int_equal(applied.drains.count, 1);
	gateway_rules_remove(&wanted, 5);
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	assert_int_equal(weight(2, 1), 7);
	assert_int_equal(applied.drains.count, 0);
}

static void an_address_goes_and_comes(void **state)
{
	struct minato_addr old = minato_addr4(198, 51, 100, 1);

	(void)state;
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	begin("outside tap out0 198.51.100.2/24 via 198.51.100.254");
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	assert_int_equal(applied.pool_count, 1);
	assert_int_equal(applied.pool[0].addr.bytes[15], 2);
	assert_int_equal(minato_address_remove(applied.host, 1, &old), -EADDRNOTAVAIL);
}

static void a_pool_takes_the_place_of_the_links_own(void **state)
{
	(void)state;
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	say("pool 198.51.100.8/30 ports 2000-2999");
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	assert_int_equal(applied.pool_count, 4);
	assert_int_equal(applied.pool[3].addr.bytes[15], 11);
	assert_int_equal(applied.pool[3].low, 2000);
	begin(OUTSIDE);
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	assert_int_equal(applied.pool_count, 1);
	assert_int_equal(applied.pool[0].addr.bytes[15], 1);
}

/* Of a forward that says no bound, strangers get half of the sessions. */
static void every_forward_has_a_bound(void **state)
{
	struct minato_entry entry;

	(void)state;
	say("forward tcp 80 to 10.0.0.2");
	say("forward tcp 81 to 10.0.0.2 at most 7 connections");
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	assert_int_equal(minato_entry_get(applied.host, applied.held[2].entries[0], &entry), 0);
	assert_int_equal(entry.flows_max, 500);
	assert_int_equal(minato_entry_get(applied.host, applied.held[3].entries[0], &entry), 0);
	assert_int_equal(entry.flows_max, 7);
}

/* What a sentence says of bounds is said once, of all its ports and sources. */
static void bounds_are_of_the_sentence(void **state)
{
	struct minato_entry entry;

	(void)state;
	say("forward tcp 80,443 to 10.0.0.2 from 192.0.2.0/24, 198.51.100.0/24 at most 7 "
	    "connections");
	say("dmz 10.0.0.9 from 192.0.2.0/24, 198.51.100.0/24 except tcp 22");
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	assert_int_equal(applied.held[2].count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(minato_entry_get(applied.host, applied.held[2].entries[i], &entry),
				 0);
		assert_int_equal(entry.flows_max, 7);
		assert_int_equal(entry.bounds_of, i ? applied.held[2].entries[0] : 0);
	}
	assert_int_equal(minato_entry_get(applied.host, applied.held[3].entries[1], &entry), 0);
	assert_int_equal(entry.kind, MINATO_KIND_DMZ);
	assert_int_equal(entry.flows_max, 500);
	assert_int_equal(entry.bounds_of, applied.held[3].entries[0]);
}

static struct conf *conf_of(const char *outside, const char *more)
{
	begin(outside);
	if (more)
		say(more);
	return &wanted.conf;
}

static bool renews(const char *outside, const char *more)
{
	return gateway_apply_renews(&applied.rules.conf, conf_of(outside, more));
}

static void what_takes_another_value(void **state)
{
	(void)state;
	assert_int_equal(gateway_apply(&applied, &wanted, &error), 0);
	assert_false(renews(OUTSIDE, NULL));
	assert_false(renews(OUTSIDE, "forward tcp 80 to 10.0.0.2"));
	assert_false(renews("outside tap out0 198.51.100.2/24 via 198.51.100.254", NULL));
	assert_true(renews("outside tap out0 198.51.100.1/24 via 198.51.100.253", NULL));
	assert_true(renews("outside tap out1 198.51.100.1/24 via 198.51.100.254", NULL));
	assert_true(renews("outside tap out0 198.51.100.1/24 via 198.51.100.254 mtu 1400", NULL));
	assert_true(renews(OUTSIDE, "inside tap in1 10.1.0.1/24"));
	assert_true(renews(OUTSIDE, "route 10.9.0.0/16 via 10.0.0.7"));
	assert_true(renews(OUTSIDE, "capacity 5000 sessions"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, clean)
		CASE(a_list_comes_in),
		CASE(a_range_stands_beside_mappings),
		CASE(a_held_port_has_a_holder),
		CASE(a_port_changes_hands),
		CASE(what_does_not_fit_changes_nothing),
		CASE(what_is_not_served_is_refused),
		CASE(what_ends_here_has_a_word),
		CASE(a_server_drains_and_comes_back),
		CASE(an_address_goes_and_comes),
		CASE(a_pool_takes_the_place_of_the_links_own),
		CASE(every_forward_has_a_bound),
		CASE(bounds_are_of_the_sentence),
		CASE(what_takes_another_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
