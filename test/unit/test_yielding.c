/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside hosts when sessions, mappings or ports are used up: who has most gives way. */
#include "nat_fixture.h"

#define ALL 4096u /* sessions of the fixture */
#define WITH(setup, function) cmocka_unit_test_setup_teardown(function, setup, fixture_teardown)
#define FEW(function) WITH(few_ports, function)

static enum nat_verdict begin(const char *host, uint16_t port, uint32_t i)
{
	const struct minato_endpoint far = {
		minato_addr4(20, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i), 53
	};

	return out(UDP, end(host, port), far, 0);
}

static void one_host_fills_all(void)
{
	for (uint32_t i = 0; i < 2 * ALL; i++)
		begin("10.0.0.66", (uint16_t)(1024 + i), i);
	assert_int_equal(counted(NAT_COUNT_SESSIONS) - n->ends, ALL);
}

/* Memory may be short for other reasons, also where no flow ever was. */
static void where_nobody_has_any_nobody_gives_way(void **state)
{
	struct nat_flow f = { .proto = UDP, .a = end("10.0.0.7", 1024) };

	(void)state;
	assert_false(yielding_room(n, &f, false));
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), 0);
}

/* Another host begins what it wants, at the cost of the one that has all. */
static void the_largest_gives_way(void **state)
{
	(void)state;
	one_host_fills_all();
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(begin("10.0.0.7", (uint16_t)(1024 + i), i), NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), 1000);
	assert_int_equal(
		host_record(n,
			    host_find(n, 0,
				      &(struct minato_addr){
					      .bytes = { [10] = 0xff, [11] = 0xff, 10, 0, 0, 7 } }))
			->sessions,
		1000);
}

/* But no more than is fair, and it gets nothing back from those who have less. */
static void only_to_a_fair_share(void **state)
{
	uint32_t passed = 0;

	(void)state;
	one_host_fills_all();
	for (uint32_t i = 0; i < ALL; i++)
		passed += begin("10.0.0.7", (uint16_t)(1024 + i), i) == NAT_PASS;
	assert_in_range(passed, ALL / 3, ALL / 2 + ALL / 16);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_not_equal(begin("10.0.0.66", (uint16_t)(9000 + i), i), NAT_PASS);
}

/* What had an answer stays while there is what had none. */
static void the_unanswered_go_first(void **state)
{
	const struct minato_endpoint host = end("10.0.0.66", 500), far = end("203.0.113.1", 53);

	struct minato_endpoint mapped;

	(void)state;
	for (uint32_t i = 0; i < ALL - 1; i++)
		begin("10.0.0.66", (uint16_t)(1024 + i), i);
	/* The newest of all, where it is looked for who goes. */
	assert_int_equal(out(UDP, host, far, 0), NAT_PASS);
	mapped = way.src;
	assert_int_equal(in(UDP, far, mapped, 0), NAT_PASS);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(begin("10.0.0.7", (uint16_t)(1024 + i), i), NAT_PASS);
	assert_int_equal(in(UDP, far, mapped, 0), NAT_PASS);
}

/* Who has few is never asked; who is alone with all is refused. */
static void nobody_gives_way_to_himself(void **state)
{
	(void)state;
	one_host_fills_all();
	assert_int_not_equal(begin("10.0.0.66", 1, 1), NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), 0);
}

/* One address, and room for so many. */
static int open_with(uint32_t sessions, uint32_t mappings, uint32_t hosts)
{
	const struct nat_limits limits = { .sessions_max = sessions,
					   .mappings_max = mappings,
					   .hosts_max = hosts,
					   .pools_max = 8,
					   .forwards_max = 64,
					   .inside_scope = 0,
					   .outside_scope = 1 };
	const struct minato_addr public = addr(PUBLIC);

	fixture_open(&limits);
	return nat_pool_add(n, 1, &public, 0, 0);
}

static int few_hosts(void **state)
{
	(void)state;
	return open_with(1000, 1000, 16);
}

static const char *host_number(uint32_t number)
{
	static char text[20];

	snprintf(text, sizeof(text), "10.0.1.%u", number);
	return text;
}

/* Where no host more is known, no flow's end lets one in. */
static void nobody_ends_for_whom_there_is_no_room(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 15; i++)
		assert_int_equal(begin(host_number(i), 1024, 1), NAT_PASS);
	for (uint32_t i = 0; i < 985; i++)
		assert_int_equal(begin("10.0.0.66", (uint16_t)(1024 + i), 1), NAT_PASS);
	for (uint32_t i = 100; i < 200; i++)
		assert_int_not_equal(begin(host_number(i), 1024, 1), NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), 0);
	assert_int_equal(n->ends, 0);
	/* Who is known finds it. */
	assert_int_equal(begin(host_number(3), 1025, 1), NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), 1);
}

static const struct nat_host *known(const char *host)
{
	const struct minato_addr a = addr(host);
	const uint32_t found = host_find(n, 0, &a);

	assert_int_not_equal(found, NAT_NONE);
	return host_record(n, found);
}

/* --- who had most ----------------------------------------------------------- */

static int thousand_flows(void **state)
{
	(void)state;
	return open_with(1000, 2000, 64);
}

static int thousand_mappings(void **state)
{
	(void)state;
	return open_with(2000, 1000, 64);
}

static int end_host(const char *text)
{
	const struct minato_addr host = addr(text);

	return nat_inside_end(n, &host);
}

/* Of a thousand of what is short one host had 600, and has one by now; another has 400 and grows no
   more. */
static void who_has_most_now_gives_way(void **state)
{
	uint32_t passed = 0;

	(void)state;
	for (uint32_t i = 0; i < 600; i++)
		assert_int_equal(begin("10.0.0.5", (uint16_t)(1024 + i), 1), NAT_PASS);
	for (uint32_t i = 0; i < 400; i++)
		assert_int_equal(begin("10.0.0.66", (uint16_t)(1024 + i), 1), NAT_PASS);
	assert_int_equal(end_host("10.0.0.5"), 600);
	assert_int_equal(begin("10.0.0.5", 1024, 1), NAT_PASS);
	for (uint32_t i = 0; i < 599; i++)
		assert_int_equal(begin(host_number(i / 60), (uint16_t)(1024 + i % 60), 1),
				 NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), 0);
	for (uint32_t i = 0; i < 100; i++)
		passed += begin("10.0.0.7", (uint16_t)(1024 + i), 1) == NAT_PASS;
	assert_in_range(passed, 80, 100);
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), passed);
	assert_int_equal(known("10.0.0.66")->sessions, 400 - passed);
}

/* --- mappings ------------------------------------------------------------- */

static int few_mappings(void **state)
{
	(void)state;
	return open_with(4000, 300, 16);
}

/* Who has most flows has few of what is short, and is not asked for it. */
static void who_has_most_mappings_gives_way(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(begin("10.0.0.5", 1024, i), NAT_PASS);
	for (uint32_t i = 0; i < 299; i++)
		assert_int_equal(begin("10.0.0.66", (uint16_t)(1024 + i), 1), NAT_PASS);
	for (uint32_t i = 0; i < 50; i++)
		assert_int_equal(begin("10.0.0.7", (uint16_t)(1024 + i), 1), NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), 50);
	assert_int_equal(known("10.0.0.5")->sessions, 1000);
	assert_int_equal(known("10.0.0.66")->mapped, 249);
}

static int few_of_both(void **state)
{
	(void)state;
	return open_with(400, 200, 16);
}

/* One of many flows would leave no mapping; who has a mapping wants no other. */
static void what_is_wanted_gives_way_where_both_are_short(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 210; i++)
		assert_int_equal(begin("10.0.0.5", (uint16_t)(1024 + i % 10), i), NAT_PASS);
	for (uint32_t i = 0; i < 190; i++)
		assert_int_equal(begin("10.0.0.66", (uint16_t)(1024 + i), 1), NAT_PASS);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(begin("10.0.0.7", (uint16_t)(1024 + i), 1), NAT_PASS);
	assert_int_equal(n->ends, 20);
	assert_int_equal(known("10.0.0.5")->sessions, 210);
	assert_int_equal(known("10.0.0.66")->mapped, 170);
	for (uint32_t i = 2; i < 12; i++)
		assert_int_equal(begin("10.0.0.7", 1024, i), NAT_PASS);
	assert_int_equal(n->ends, 30);
	assert_int_equal(known("10.0.0.5")->sessions, 200);
	assert_int_equal(n->mappings.used, 200);
}

static enum nat_verdict begin6(const char *host, uint16_t port, uint32_t i)
{
	return out(UDP, end(host, port), end("2001:db8:f::1", (uint16_t)(53 + i)), 0);
}

/* As many_flows_hide_nothing, of what is not translated. */
static void many_flows_hide_nothing_of_ipv6(void **state)
{
	uint32_t passed = 0;

	(void)state;
	for (uint32_t i = 0; i < 300; i++)
		for (uint32_t flow = 0; flow < (i < 200 ? 1 : 10); flow++)
			assert_int_equal(begin6("2001:db8::66", (uint16_t)(1024 + i), flow),
					 NAT_PASS);
	for (uint32_t i = 0; i < 50; i++)
		passed += begin6("2001:db8::7", (uint16_t)(1024 + i), 1) == NAT_PASS;
	assert_in_range(passed, 40, 50);
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), passed);
}

/* --- ports ---------------------------------------------------------------- */

static int few_ports(void **state)
{
	const struct minato_addr public = addr(PUBLIC);

	assert_int_equal(fixture_setup(state), 0);
	assert_int_equal(nat_pool_remove(n, 1, &public), 0);
	return nat_pool_add(n, 1, &public, 2000, 2999);
}

/* Ports are shared in the same way, and serve the next one at once. */
static void ports_are_shared(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2000; i++)
		begin("10.0.0.66", (uint16_t)(1024 + i), 1);
	for (uint32_t i = 0; i < 300; i++)
		assert_int_equal(begin("10.0.0.7", (uint16_t)(1024 + i), 1), NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), 300);
}

static enum nat_verdict call(const char *host, uint16_t port)
{
	return out(TCP, end(host, port), end("20.0.0.1", 80), NAT_SYN);
}

static void set_overflow(bool on)
{
	struct minato_nat options = *nat_get(n);

	options.overflow = on;
	assert_int_equal(nat_set(n, &options), 0);
}

static void who_has_most_now_gives_way_his_ports(void **state)
{
	set_overflow(false);
	who_has_most_now_gives_way(state);
}

static uint32_t count_of(const char *host, uint8_t proto)
{
	const struct minato_addr a = addr(host);
	const uint32_t found = host_find(n, 0, &a);

	return found == NAT_NONE ? 0 : host_record(n, found)->count[port_slot(proto)];
}

/* All ports of UDP and of TCP; the flows of TCP are newer. */
static void fill_both(void)
{
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(begin("10.0.0.66", (uint16_t)(1024 + i), 1), NAT_PASS);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(call("10.0.0.66", (uint16_t)(1024 + i)), NAT_PASS);
}

/* Flows of another protocol free no port, whatever is newest; with overflow as without. */
static void the_short_protocol_gives_way(void **state)
{
	(void)state;
	set_overflow(false);
	fill_both();
	for (uint32_t i = 0; i < 200; i++)
		assert_int_equal(begin("10.0.0.7", (uint16_t)(1024 + i), 1), NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), 200);
	assert_int_equal(counted(NAT_COUNT_NO_PORT), 0);
	set_overflow(true);
	for (uint32_t i = 200; i < 300; i++)
		assert_int_equal(begin("10.0.0.7", (uint16_t)(1024 + i), 1), NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), 300);
	assert_int_equal(counted(NAT_COUNT_OVERFLOWS), 0);
	assert_int_equal(count_of("10.0.0.66", TCP), 1000);
	assert_int_equal(count_of("10.0.0.66", UDP), 700);
	assert_int_equal(count_of("10.0.0.7", UDP), 300);
}

/* Where none of its mappings would go for one flow, none is ended for nothing. */
static void what_does_not_help_stays(void **state)
{
	(void)state;
	set_overflow(false);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(call("10.0.0.66", (uint16_t)(1024 + i)), NAT_PASS);
	for (uint32_t i = 0; i < 60; i++)
		assert_int_equal(begin("10.0.0.8", (uint16_t)(1024 + i), 1), NAT_PASS);
	for (uint32_t i = 0; i < 940; i++)
		assert_int_equal(begin(i % 2 ? "10.0.0.9" : "10.0.0.10", (uint16_t)(1024 + i), 1),
				 NAT_PASS);
	/* Who has most of all has no mapping of UDP. */
	for (uint32_t i = 60; i < 600; i++)
		begin("10.0.0.8", (uint16_t)(1024 + i), 1);
	assert_int_equal(count_of("10.0.0.66", TCP), 1000);
	assert_in_range(count_of("10.0.0.8", UDP), 200, 400);
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), count_of("10.0.0.8", UDP) - 60);
	assert_int_equal(n->ends, counted(NAT_COUNT_HOST_VICTIM));
}

/* Newest mappings of many flows each hide the others for a while, not for good. */
static void many_flows_hide_nothing(void **state)
{
	uint32_t passed = 0;

	(void)state;
	set_overflow(false);
	for (uint32_t i = 0; i < 1000; i++)
		for (uint32_t flow = 0; flow < (i < 800 ? 1 : 10); flow++)
			assert_int_equal(begin("10.0.0.66", (uint16_t)(1024 + i), flow), NAT_PASS);
	for (uint32_t i = 0; i < 100; i++)
		passed += begin("10.0.0.7", (uint16_t)(1024 + i), 1) == NAT_PASS;
	assert_in_range(passed, 80, 100);
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), passed);
}

/* Hosts of two addresses: whose ports are another address's is not asked. */
static void the_short_address_gives_way(void **state)
{
	const struct minato_addr second = addr("198.51.100.2");
	char host[2][16] = { "", "" }, asks[16] = "", text[16];
	uint32_t made = 0;

	(void)state;
	assert_int_equal(nat_pool_add(n, 1, &second, 2000, 2899), 0);
	for (int i = 1; i < 100 && !*asks; i++) {
		snprintf(text, sizeof(text), "10.0.1.%d", i);
		assert_int_equal(begin(text, 1024, 1), NAT_PASS);
		if (!*host[way.src.addr.bytes[15] - 1])
			strcpy(host[way.src.addr.bytes[15] - 1], text);
		else if (way.src.addr.bytes[15] == 2)
			strcpy(asks, text);
		else
			assert_int_equal(end_host(text), 1);
	}
	set_overflow(false);
	while (begin(host[0], (uint16_t)(1025 + made), 1) == NAT_PASS)
		made++;
	for (made = 0; begin(host[1], (uint16_t)(1025 + made), 1) == NAT_PASS;)
		made++;
	for (uint32_t i = 1; i < 100; i++) {
		assert_int_equal(begin(asks, (uint16_t)(1024 + i), 1), NAT_PASS);
		assert_int_equal(way.src.addr.bytes[15], 2);
	}
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), 99);
	assert_int_equal(count_of(host[1], UDP), made + 1 - 99);
	assert_true(count_of(host[0], UDP) >= 999);
}

/* --- bounds of the host that asks ------------------------------------------- */

static struct minato_nat bounded(uint32_t rate, uint32_t sessions)
{
	struct minato_nat options = *nat_get(n);

	options.host_rate = rate;
	options.host_sessions = sessions;
	options.overflow = false;
	return options;
}

/* A mapping of the rate for each flow that begins, though somebody has to give way to it. */
static void asks_at_its_rate(void)
{
	struct minato_nat options = bounded(10, 0);

	assert_int_equal(nat_set(n, &options), 0);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(begin("10.0.0.7", (uint16_t)(1024 + i), 1), NAT_PASS);
	assert_int_not_equal(begin("10.0.0.7", 1034, 1), NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_HOST_RATE), 1);
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), 10);
	assert_int_equal(counted(NAT_COUNT_MAPPINGS), n->mappings.used + 10);
}

/* Nobody gives way to who has as many flows as he may. */
static void asks_at_its_bound(void)
{
	struct minato_nat options = bounded(0, 10);

	assert_int_equal(nat_set(n, &options), 0);
	assert_int_not_equal(begin("10.0.0.7", 1034, 1), NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_HOST_SESSIONS), 1);
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), 10);
}

static void a_flow_costs_its_host_once(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(begin("10.0.0.66", (uint16_t)(1024 + i), 1), NAT_PASS);
	asks_at_its_rate();
	asks_at_its_bound();
}

static void is_called_by(uint32_t i)
{
	const struct minato_endpoint far = { minato_addr4(30, 0, (uint8_t)(i >> 8), (uint8_t)i),
					     5000 };

	assert_int_equal(in(TCP, far, end(PUBLIC, 80), NAT_SYN), NAT_PASS);
}

/* What makes way to who calls the forward from outside does so to who calls it from inside. */
static void a_call_from_inside_finds_room(void **state)
{
	const struct minato_entry e = forward_entry(TCP, 80, 80, "10.0.0.2", 80);

	(void)state;
	assert_true(add_entry(&e) >= 0);
	for (uint32_t i = 0; i < 250; i++)
		is_called_by(i);
	for (uint32_t i = 0; i < 750; i++)
		assert_int_equal(begin("10.0.0.66", (uint16_t)(1024 + i), 1), NAT_PASS);
	assert_int_equal(out(TCP, end("10.0.0.7", 1024), end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_OPENING_VICTIM), 1);
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(where_nobody_has_any_nobody_gives_way),
		CASE(the_largest_gives_way),
		CASE(only_to_a_fair_share),
		CASE(the_unanswered_go_first),
		CASE(nobody_gives_way_to_himself),
		WITH(few_hosts, nobody_ends_for_whom_there_is_no_room),
		WITH(thousand_flows, who_has_most_now_gives_way),
		WITH(thousand_mappings, who_has_most_now_gives_way),
		WITH(few_mappings, who_has_most_mappings_gives_way),
		WITH(few_of_both, what_is_wanted_gives_way_where_both_are_short),
		WITH(few_mappings, many_flows_hide_nothing_of_ipv6),
		WITH(thousand_flows, a_flow_costs_its_host_once),
		WITH(thousand_mappings, a_flow_costs_its_host_once),
		FEW(a_flow_costs_its_host_once),
		WITH(thousand_flows, a_call_from_inside_finds_room),
		FEW(who_has_most_now_gives_way_his_ports),
		FEW(ports_are_shared),
		FEW(the_short_protocol_gives_way),
		FEW(what_does_not_help_stays),
		FEW(many_flows_hide_nothing),
		FEW(the_short_address_gives_way),
	};

	return cmocka_run_group_tests_name("yielding", tests, NULL, NULL);
}
