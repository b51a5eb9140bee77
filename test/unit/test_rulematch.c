/* SPDX-License-Identifier: BSD-2-Clause */
/* Which rule of the policy decides about a new flow. */
#include "minato/guard.h"
#include "unit/port_fixture.h"

static const struct minato_time now = { 1000 };

/* A rule about everything, of this order. */
static struct minato_entry rule(uint64_t order, enum minato_verdict verdict)
{
	return (struct minato_entry){ .kind = MINATO_KIND_GUARD,
				      .verdict = verdict,
				      .scope = MINATO_SCOPE_ANY,
				      .face = MINATO_FACE_ANY,
				      .order = order };
}

static uint32_t put(const struct minato_entry *e)
{
	const int64_t added = port_add(t, e, NULL);

	assert_true(added >= 0);
	return (uint32_t)added;
}

static struct port_fate ask_at(const struct port_key *key, int64_t ns)
{
	struct port_fate fate;

	port_lookup(t, key, (struct minato_time){ ns }, true, &fate);
	return fate;
}

static struct port_fate ask(const struct port_key *key)
{
	return ask_at(key, now.ns);
}

static struct port_key https(void)
{
	struct port_key key = key_of(TCP, "192.0.2.1", 443, "10.0.0.7", 5000);

	key.course = MINATO_COURSE_OUT;
	return key;
}

static void the_lowest_order_decides_not_the_most_specific(void **state)
{
	struct minato_entry narrow = rule(20, MINATO_DROP), wide = rule(10, MINATO_REFUSE);
	const struct port_key key = https();
	struct port_fate fate;
	uint32_t first;

	(void)state;
	narrow.proto = TCP;
	narrow.first = narrow.last = 443;
	narrow.remote = addr("10.0.0.7");
	narrow.remote_prefix = 128;
	put(&narrow);
	fate = ask(&key);
	assert_int_equal(fate.kind, MINATO_KIND_GUARD);
	assert_int_equal(fate.verdict, MINATO_DROP);
	first = put(&wide);
	fate = ask(&key);
	assert_int_equal(fate.verdict, MINATO_REFUSE);
	assert_int_equal(port_rule_entry(t, fate.rule), first);
	assert_int_equal(port_entry_hits(t, first), 1);
	port_remove(t, first);
	assert_int_equal(ask(&key).verdict, MINATO_DROP);
}

static void what_passes_needs_an_entry_still(void **state)
{
	const struct minato_entry pass = rule(1, MINATO_PASS);
	struct minato_entry uplink = { .kind = MINATO_KIND_UPLINK, .face = MINATO_FACE_ANY };
	const struct port_key key = https();
	struct port_fate fate;

	(void)state;
	uplink.scope = key.scope;
	put(&pass);
	assert_int_equal(ask(&key).kind, MINATO_KIND_CLOSED);
	put(&uplink);
	fate = ask(&key);
	assert_int_equal(fate.kind, MINATO_KIND_UPLINK);
	assert_int_not_equal(fate.rule, POOL_NONE);
}

static void guards_without_order_come_before_rules(void **state)
{
	struct minato_entry own = rule(0, MINATO_REFUSE);
	const struct minato_entry pass = rule(1, MINATO_PASS);
	const struct port_key key = https();

	(void)state;
	put(&pass);
	put(&own);
	assert_int_equal(ask(&key).kind, MINATO_KIND_GUARD);
	assert_int_equal(ask(&key).rule, POOL_NONE);
}

static void rules_are_for_new_flows(void **state)
{
	const struct minato_entry drop = rule(1, MINATO_DROP);
	const struct port_tuple_ref ref = { .owner = 5 };
	const struct port_key key = https();
	struct port_fate fate;

	(void)state;
	put(&drop);
	port_lookup(t, &key, now, false, &fate);
	assert_int_equal(fate.kind, MINATO_KIND_CLOSED);
	assert_true(port_tuple_insert(t, &key, ref) >= 0);
	assert_true(ask(&key).exact);
}

static void a_course_is_one_way(void **state)
{
	struct minato_entry out = rule(1, MINATO_DROP);
	struct port_key key = https();

	(void)state;
	out.course = MINATO_COURSE_OUT;
	put(&out);
	assert_int_equal(ask(&key).kind, MINATO_KIND_GUARD);
	key.course = MINATO_COURSE_IN;
	assert_int_equal(ask(&key).kind, MINATO_KIND_CLOSED);
	key.course = MINATO_COURSE_ANY; /* is IN */
	assert_int_equal(ask(&key).kind, MINATO_KIND_CLOSED);
}

static void a_program_is_asked_for_only_where_it_decides(void **state)
{
	struct minato_entry sure = rule(1, MINATO_DROP), curl = rule(2, MINATO_PASS);
	const struct minato_entry rest = rule(3, MINATO_REFUSE);
	struct port_key key = https();

	(void)state;
	sure.proto = UDP;
	curl.program = 7;
	put(&sure);
	put(&curl);
	put(&rest);
	key.program = MINATO_PROGRAM_NONE;
	assert_int_equal(ask(&key).verdict, MINATO_REFUSE);
	key.program = 7;
	assert_int_equal(ask(&key).kind, MINATO_KIND_CLOSED);
	key.program = 8;
	assert_int_equal(ask(&key).kind, MINATO_KIND_GUARD);
	key.program = MINATO_PROGRAM_UNKNOWN;
	assert_true(ask(&key).asks);
	key.proto = UDP; /* a rule before it decides */
	assert_false(ask(&key).asks);
	assert_int_equal(ask(&key).verdict, MINATO_DROP);
}

static void ports_of_icmp_are_types(void **state)
{
	struct minato_entry ping = rule(1, MINATO_DROP);
	struct port_key key = key_of(ICMP, "192.0.2.1", 8, "10.0.0.7", 8);

	(void)state;
	ping.proto = ICMP;
	ping.first = ping.last = 8;
	put(&ping);
	key.icmp_type = 8;
	assert_int_equal(ask(&key).kind, MINATO_KIND_GUARD);
	key.icmp_type = 13; /* the identifier is still 8 */
	assert_int_equal(ask(&key).kind, MINATO_KIND_CLOSED);
}

static void what_is_over_matches_no_more(void **state)
{
	struct minato_entry drop = rule(1, MINATO_DROP);
	const struct minato_entry refuse = rule(2, MINATO_REFUSE);
	const struct port_key key = https();
	struct minato_entry got;
	uint32_t over;

	(void)state;
	drop.until_ns = 2000;
	over = put(&drop);
	put(&refuse);
	assert_int_equal(ask_at(&key, 1999).verdict, MINATO_DROP);
	assert_int_equal(ask_at(&key, 2000).verdict, MINATO_REFUSE);
	port_get(t, over, &got); /* it is there until it is removed */
	assert_int_equal(got.order, 1);
	port_remove(t, over);
}

static void one_flow_is_one_event(void **state)
{
	struct minato_entry drop = rule(1, MINATO_DROP);
	struct port_key key = https();
	struct port_rule_event event;
	uint32_t entry;

	(void)state;
	drop.log = true;
	entry = put(&drop);
	ask(&key);
	ask(&key); /* as a gateway asks, and then its host */
	assert_true(port_rule_event(t, &event));
	assert_int_equal(event.entry, entry);
	assert_int_equal(event.generation, port_entry_generation(t, entry));
	assert_int_equal(event.verdict, MINATO_DROP);
	assert_int_equal(event.key.local_port, 443);
	assert_false(port_rule_event(t, &event));
}

static void events_that_nobody_takes_are_counted(void **state)
{
	struct minato_entry drop = rule(1, MINATO_DROP);
	struct port_key key = https();
	struct port_rule_event event;
	uint32_t taken = 0;

	(void)state;
	drop.log = true;
	put(&drop);
	for (uint16_t i = 0; i < RULE_EVENTS + 10; i++) {
		key.remote_port = (uint16_t)(1000 + i);
		ask(&key);
	}
	assert_int_equal(port_rule_events_lost(t), 10);
	while (port_rule_event(t, &event)) /* the first ones */
		assert_int_equal(event.key.remote_port, 1000 + taken++);
	assert_int_equal(taken, RULE_EVENTS);
}

static void steps_do_not_grow_with_rules(void **state)
{
	struct minato_entry e = rule(1000, MINATO_DROP);
	struct port_key key = https();

	(void)state;
	/* A thousand ranges, one in the other, of one group. */
	e.proto = TCP;
	for (uint16_t i = 0; i < 1000; i++) {
		e.first = (uint16_t)(1 + i);
		e.last = (uint16_t)(65000 - i);
		e.order = 1000u + i * 7u % 1000u;
		put(&e);
	}
	assert_int_equal(t->rules.groups, 1);
	assert_true(t->rules.blocks.used <= 17);
	for (uint32_t port = 1; port < 65536; port += 97) {
		uint64_t best = UINT64_MAX;
		struct minato_entry got;
		struct port_fate fate;
		key.local_port = (uint16_t)port;
		for (uint32_t i = 0; i < 1000; i++) {
			if (port >= 1 + i && port <= 65000 - i && 1000 + i * 7 % 1000 < best)
				best = 1000 + i * 7 % 1000;
		}
		fate = ask(&key);
		assert_int_equal(fate.rule == POOL_NONE, best == UINT64_MAX);
		if (fate.rule == POOL_NONE)
			continue;
		port_get(t, port_rule_entry(t, fate.rule), &got);
		assert_int_equal(got.order, best);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_lowest_order_decides_not_the_most_specific),
		CASE(what_passes_needs_an_entry_still),
		CASE(guards_without_order_come_before_rules),
		CASE(rules_are_for_new_flows),
		CASE(a_course_is_one_way),
		CASE(a_program_is_asked_for_only_where_it_decides),
		CASE(ports_of_icmp_are_types),
		CASE(what_is_over_matches_no_more),
		CASE(one_flow_is_one_event),
		CASE(events_that_nobody_takes_are_counted),
		CASE(steps_do_not_grow_with_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
