/* SPDX-License-Identifier: BSD-2-Clause */
/* What statements are in a host value. */
#include "conf_fixture.h"

#include "minato/gateway.h"

static struct minato_entry entries[CONF_ENTRIES_MAX];

static size_t entries_of(const char *text)
{
	struct conf_statement s = said(text);

	conf_free(&conf);
	return conf_entries(&conf, &s, 4711, entries);
}

static void forwards(void **state)
{
	const struct minato_entry *e = entries;

	(void)state;
	assert_int_equal(entries_of("forward tcp 80 to 10.0.0.2"), 1);
	assert_int_equal(e->kind, MINATO_KIND_FORWARD);
	assert_int_equal(e->scope, CONF_SCOPE_OUTSIDE);
	assert_int_equal(e->face, MINATO_FACE_ANY);
	assert_int_equal(e->proto, MINATO_TCP);
	assert_addr(&e->local, "0.0.0.0");
	assert_int_equal(e->local_prefix, 96);
	assert_int_equal(e->remote_prefix, 0);
	assert_int_equal(e->first, 80);
	assert_int_equal(e->last, 80);
	assert_addr(&e->target.addr, "10.0.0.2");
	assert_int_equal(e->target.port, 80);
	assert_int_equal(e->user, 4711);
	assert_true(e->translate);
	assert_false(e->many_to_one);

	assert_int_equal(
		entries_of("forward tcp,udp 5000-5999 on 198.51.100.2 to 10.0.0.3:6000 at most "
			   "5 connections at most 2 per source"),
		1);
	assert_int_equal(e->proto, 0);
	assert_addr(&e->local, "198.51.100.2");
	assert_int_equal(e->local_prefix, 128);
	assert_int_equal(e->target.port, 6000);
	assert_int_equal(e->flows_max, 5);
	assert_int_equal(e->source_flows_max, 2);

	assert_int_equal(entries_of("forward udp 5000-5999 all to 10.0.0.3:6000"), 1);
	assert_true(e->many_to_one);
	assert_int_equal(e->target.port, 6000);
	assert_int_equal(e->proto, MINATO_UDP);
}

static void runs_and_sources(void **state)
{
	(void)state;
	assert_int_equal(
		entries_of("forward tcp 80, 90-99 to 10.0.0.2 from 192.0.2.0/24, 203.0.113.7"), 4);
	assert_int_equal(entries[0].first, 80);
	assert_int_equal(entries[0].remote_prefix, 96 + 24);
	assert_int_equal(entries[1].remote_prefix, 128);
	assert_addr(&entries[1].remote, "203.0.113.7");
	assert_int_equal(entries[2].first, 90);
	assert_int_equal(entries[2].target.port, 90);
	assert_int_equal(entries[3].last, 99);
}

static void opened(void **state)
{
	const struct minato_addr none = { { 0 } };

	(void)state;
	assert_int_equal(entries_of("forward tcp 80 to 2001:db8::2 from 2001:db8:9::/48"), 1);
	assert_addr(&entries[0].local, "2001:db8::2");
	assert_int_equal(entries[0].local_prefix, 128);
	assert_int_equal(entries[0].remote_prefix, 48);
	assert_true(minato_addr_equal(&entries[0].target.addr, &none));
	assert_int_equal(entries[0].target.port, 0);
	assert_true(entries[0].translate);
}

static void ending_here(void **state)
{
	struct conf_statement s = said("forward tcp 80 to 10.0.0.2 proxy v2");
	struct minato_server servers[CONF_SERVERS_MAX];

	(void)state;
	assert_true(conf_ends_here(&s.forward));
	assert_int_equal(conf_servers(&s, servers), 0);
	assert_int_equal(entries_of("forward tcp 80 to unix:/run/app"), 1);
	assert_false(entries[0].translate);
	assert_int_equal(entries_of("forward tcp 80 to 10.0.0.2 proxy v1"), 1);
	assert_false(entries[0].translate);
	assert_addr(&entries[0].target.addr, "10.0.0.2");
	s = said("forward tcp 80 to 10.0.0.2");
	assert_false(conf_ends_here(&s.forward));
}

static void servers(void **state)
{
	struct minato_server list[CONF_SERVERS_MAX];
	struct conf_statement s =
		said("forward tcp 80 to 10.0.0.2, 10.0.0.3:81 weight 5, 10.0.0.4 drain");

	(void)state;
	assert_int_equal(conf_servers(&s, list), 3);
	assert_int_equal(list[0].weight, 1);
	assert_int_equal(list[0].at.port, 0);
	assert_int_equal(list[1].weight, 5);
	assert_int_equal(list[1].at.port, 81);
	assert_int_equal(list[2].weight, 0);
	assert_false(list[2].down);
	assert_int_equal(conf_entries(&conf, &s, 0, entries), 1);
	assert_int_equal(entries[0].target.port, 0);
	s = said("forward tcp 80 to 10.0.0.2");
	assert_int_equal(conf_servers(&s, list), 0);
	s = said("forward tcp 80 to 10.0.0.2 drain");
	assert_int_equal(conf_servers(&s, list), 1);
	s = said("forward tcp 80 to 10.0.0.2 check every 5s");
	assert_int_equal(conf_servers(&s, list), 1);
}

static void dmz(void **state)
{
	(void)state;
	assert_int_equal(entries_of("dmz 10.0.0.9 at most 7 connections"), 1);
	assert_int_equal(entries[0].kind, MINATO_KIND_DMZ);
	assert_int_equal(entries[0].proto, 0);
	assert_int_equal(entries[0].first, 0);
	assert_int_equal(entries[0].last, 65535);
	assert_addr(&entries[0].target.addr, "10.0.0.9");
	assert_true(entries[0].translate);
	assert_int_equal(entries[0].flows_max, 7);
	assert_int_equal(entries_of("dmz 10.0.0.9 from 192.0.2.0/24, 203.0.113.0/24 except tcp 22"),
			 4);
	assert_int_equal(entries[1].remote_prefix, 96 + 24);
	assert_int_equal(entries[2].kind, MINATO_KIND_GUARD);
	assert_int_equal(entries[2].verdict, MINATO_REFUSE);
	assert_int_equal(entries[2].proto, MINATO_TCP);
	assert_int_equal(entries[2].first, 22);
	assert_int_equal(entries[2].last, 22);
	assert_int_equal(entries[3].kind, MINATO_KIND_RESERVED);
	assert_int_equal(entries[3].first, 22);
}

static void others(void **state)
{
	(void)state;
	no_fault(LINKS
		 "inside eth2 10.2.0.1/24\ninside eth3 10.3.0.1/24\nnever translate 10.0.0.0/8\n"
		 "reserve tcp 22, 8000-8099\n");
	assert_int_equal(conf_entries(&conf, conf.list[4], 1, entries), 3);
	assert_int_equal(entries[0].kind, MINATO_KIND_ROUTE);
	assert_int_equal(entries[0].scope, 0);
	assert_int_equal(entries[1].scope, 2);
	assert_int_equal(entries[2].scope, 3);
	assert_int_equal(entries[2].local_prefix, 96 + 8);
	assert_int_equal(conf_entries(&conf, conf.list[5], 1, entries), 2);
	assert_int_equal(entries[1].kind, MINATO_KIND_RESERVED);
	assert_int_equal(entries[1].scope, MINATO_SCOPE_ANY);
	assert_int_equal(entries[1].last, 8099);
	assert_int_equal(conf_entries(&conf, conf.list[0], 1, entries), 0);
}

/* Over the host's sockets no packet is handed on. */
static void host_outside(void **state)
{
	(void)state;
	no_fault("inside tap lan0 10.0.0.1/24\noutside host\nforward tcp 80 to 10.0.0.2\n");
	assert_int_equal(conf_entries(&conf, conf.list[2], 1, entries), 1);
	assert_false(entries[0].translate);
}

static void settings(void **state)
{
	struct minato_nat nat, usual;

	(void)state;
	minato_nat_init(&usual);
	no_fault(LINKS);
	conf_nat_apply(&nat, &conf);
	assert_memory_equal(&nat, &usual, sizeof(nat));
	no_fault(LINKS
		 "nat udp filtering endpoint\nnat filtering address-and-port\nnat hairpin off\n"
		 "nat timeout udp 10m\n"
		 "nat at most 3 new ports per second per host\n"
		 "nat at most 9 new ports at once per host\n"
		 "capacity 5000 sessions\n");
	conf_nat_apply(&nat, &conf);
	/* What is said of one protocol holds, though it stands before. */
	assert_int_equal(nat.tcp_filtering, MINATO_FILTER_ADDRESS_PORT);
	assert_int_equal(nat.udp_filtering, MINATO_FILTER_ENDPOINT);
	assert_false(nat.hairpin);
	assert_int_equal(nat.udp_s, 600);
	assert_int_equal(nat.host_burst, 9);
	assert_int_equal(conf_capacity(&conf, CONF_SESSIONS), 5000);
	assert_int_equal(conf_capacity(&conf, CONF_MAPPINGS), 0);
}

static void planned(void **state)
{
	struct minato_config config = { .entries_max = 10,
					.routes_max = 20,
					.pool_addresses_max = 30,
					.sessions_max = 40,
					.mappings_max = 50 };

	(void)state;
	no_fault(LINKS "pool 198.51.100.16/28\nroute 10.1.0.0/16 via 10.0.0.5\n"
		       "forward tcp 80, 443 to 10.0.0.2 from 192.0.2.0/24, 203.0.113.0/24\n"
		       "dmz 10.0.0.9 except tcp 22\ncapacity 5000 sessions\ncapacity 77 hosts\n");
	conf_plan(&config, &conf);
	assert_int_equal(config.entries_max,
			 10 + 4 + 3 + 2); /* built in: 137-139 and 445 */
	assert_int_equal(config.routes_max, 20 + 1 + 3);
	assert_int_equal(config.pool_addresses_max, 30 + 16 + 1);
	assert_int_equal(config.sessions_max, 5000);
	assert_int_equal(config.mappings_max, 50);
	assert_int_equal(config.inside_hosts_max, 77);
}

/* Each setting changes one field (filtering both), and no two the same one. */
static void every_field(void **state)
{
	uint8_t seen[sizeof(struct minato_nat)] = { 0 };

	(void)state;
	for (int key = 0; key < CONF_NAT_KEY_COUNT; key++) {
		struct minato_nat nat[2];
		const uint8_t *bytes = (const uint8_t *)nat;
		unsigned changed = 0;

		if (key == CONF_NAT_FILTERING)
			continue;
		memset(nat, 0, sizeof(nat));
		conf_nat_set(&nat[1], &(struct conf_nat){ (enum conf_nat_key)key, 1 });
		for (size_t i = 0; i < sizeof(nat[0]); i++) {
			if (bytes[i] == bytes[sizeof(nat[0]) + i])
				continue;
			assert_false(seen[i]);
			seen[i] = 1;
			changed++;
		}
		assert_int_equal(changed, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forwards), cmocka_unit_test(runs_and_sources),
		cmocka_unit_test(opened),   cmocka_unit_test(ending_here),
		cmocka_unit_test(servers),  cmocka_unit_test(dmz),
		cmocka_unit_test(others),   cmocka_unit_test(host_outside),
		cmocka_unit_test(settings), cmocka_unit_test(every_field),
		cmocka_unit_test(planned),
	};

	return cmocka_run_group_tests(tests, NULL, end_conf);
}
