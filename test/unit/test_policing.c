/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules in a host value: in their order, with what stays left alone, all of them or none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "cmd/gateway/gateway.h"
#include "minato/guard.h"

#define MANY 600u      /* rules: more than change in one step */
#define SLICED 20000u  /* and so many that it takes long */
#define ENTRIES 40100u /* what the value has room for */

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

static int apply(void)
{
	return gateway_apply(&applied, &wanted, &error);
}

/* What becomes of a new flow from outside to this port: by the rules, not by what is open. */
static enum minato_verdict verdict_of(uint16_t port)
{
	static uint16_t asked; /* each is a flow of its own */
	const struct minato_question question = {
		.scope = CONF_SCOPE_OUTSIDE,
		.face = 1,
		.proto = MINATO_TCP,
		.course = MINATO_COURSE_IN,
		.remote = { minato_addr4(203, 0, 113, 9), (uint16_t)(40000 + asked++ % 1000) },
		.local = { minato_addr4(198, 51, 100, 1), port },
	};
	struct minato_fate fate;

	minato_judge(applied.host, &question, &fate);
	return fate.kind == MINATO_KIND_GUARD ? fate.verdict : MINATO_PASS;
}

static uint64_t handle_of(size_t statement)
{
	for (size_t i = 0; i < applied.ruled_count; i++) {
		if (applied.ruled[i].statement == statement)
			return applied.ruled[i].handle;
	}
	return 0;
}

static void first_match(void **state)
{
	(void)state;
	say("drop tcp 5");
	say("block tcp 1-9");
	assert_int_equal(apply(), 0);
	assert_int_equal(verdict_of(5), MINATO_DROP);
	assert_int_equal(verdict_of(6), MINATO_REFUSE);
	assert_int_equal(verdict_of(10), MINATO_PASS);
	/* What is built in stands behind, and is told apart. */
	assert_int_equal(verdict_of(445), MINATO_REFUSE);
	assert_int_equal(gateway_rule_of(&applied, handle_of(2)), 2);
	assert_int_equal(gateway_rule_of(&applied, handle_of(4)), 4);
	assert_int_equal(gateway_rule_of(&applied, 12345), -ENOENT);
	begin(OUTSIDE);
	say("block tcp 1-9");
	say("drop tcp 5");
	assert_int_equal(apply(), 0);
	assert_int_equal(verdict_of(5), MINATO_REFUSE);
	begin(OUTSIDE);
	say("allow tcp 445");
	assert_int_equal(apply(), 0);
	assert_int_equal(verdict_of(5), MINATO_PASS);
	assert_int_equal(verdict_of(445), MINATO_PASS);
}

/* What stands at both ends is not touched, and keeps its counts with its handle. */
static void neighbours_stay(void **state)
{
	uint64_t one, two;

	(void)state;
	say("block tcp 1");
	say("block tcp 2");
	assert_int_equal(apply(), 0);
	one = handle_of(2);
	two = handle_of(3);
	begin(OUTSIDE);
	say("block tcp 1");
	say("allow tcp 2");
	say("block tcp 2");
	assert_int_equal(apply(), 0);
	assert_int_equal(handle_of(2), one);
	assert_int_equal(handle_of(4), two);
	assert_int_equal(verdict_of(2), MINATO_PASS);
	begin(OUTSIDE);
	say("block tcp 2");
	assert_int_equal(apply(), 0);
	assert_int_equal(handle_of(2), two);
	assert_int_equal(verdict_of(1), MINATO_PASS);
	assert_int_equal(verdict_of(2), MINATO_REFUSE);
}

static uint64_t hits_of(uint64_t handle)
{
	struct minato_row row;
	uint64_t cursor = 0;

	while (minato_row(applied.host, &cursor, &row)) {
		if (row.handle == handle)
			return row.hits;
	}
	fail();
	return 0;
}

/* Changes at two places, and at the limit's own: it has its hits, and gives no second allowance. */
static void all_that_stand_in_both_stay(void **state)
{
	uint64_t limit;

	(void)state;
	say("block udp 1");
	say("limit tcp 80 to 1 per minute per source");
	say("block udp 2");
	assert_int_equal(apply(), 0);
	limit = handle_of(3);
	assert_int_equal(verdict_of(80), MINATO_PASS);
	assert_int_equal(verdict_of(80), MINATO_REFUSE);
	begin(OUTSIDE);
	say("block udp 53");
	say("block udp 1");
	say("limit tcp 80 to 1 per minute per source");
	say("block udp 2");
	say("block udp 54");
	assert_int_equal(apply(), 0);
	assert_int_equal(handle_of(4), limit);
	assert_int_equal(hits_of(limit), 2);
	assert_int_equal(verdict_of(80), MINATO_REFUSE);
	/* Both neighbours go, and it moves to the front. */
	begin(OUTSIDE);
	say("limit tcp 80 to 1 per minute per source");
	say("block udp 54");
	say("block tcp 80");
	say("block udp 53");
	assert_int_equal(apply(), 0);
	assert_int_equal(handle_of(2), limit);
	assert_int_equal(hits_of(limit), 3);
	assert_int_equal(verdict_of(80), MINATO_REFUSE);
	/* Behind another that decides. */
	begin(OUTSIDE);
	say("drop tcp 80");
	say("limit tcp 80 to 1 per minute per source");
	assert_int_equal(apply(), 0);
	assert_int_equal(verdict_of(80), MINATO_DROP);
	assert_int_equal(handle_of(3), limit);
	assert_int_equal(hits_of(limit), 4);
}

/* One that says the same stands before it from now on, by a name of its own. */
static void names_tell_alike_ones_apart(void **state)
{
	uint64_t mine, other;

	(void)state;
	say("block tcp 80");
	assert_int_equal(apply(), 0);
	mine = handle_of(2);
	assert_int_equal(verdict_of(80), MINATO_REFUSE);
	begin(OUTSIDE);
	say("block tcp 80 named zz");
	say("block tcp 80");
	assert_int_equal(apply(), 0);
	assert_int_equal(handle_of(3), mine);
	assert_int_equal(hits_of(mine), 1);
	other = handle_of(2);
	assert_int_equal(hits_of(other), 0);
	assert_int_equal(verdict_of(80), MINATO_REFUSE);
	assert_int_equal(hits_of(other), 1);
	/* It goes, and the other one stays what it was; a new name is no new rule. */
	begin(OUTSIDE);
	say("block tcp 80 named yy");
	assert_int_equal(apply(), 0);
	assert_true(handle_of(2) == mine || handle_of(2) == other);
	begin(OUTSIDE);
	say("block tcp 80 named yy");
	say("block tcp 80");
	assert_int_equal(apply(), 0);
	assert_int_not_equal(handle_of(2), handle_of(3));
}

/* Of rules that are alike each is one of the old ones, and no more. */
static void alike_ones(void **state)
{
	uint64_t one, two;

	(void)state;
	say("limit tcp 80 to 1 per minute");
	say("block udp 1");
	say("limit tcp 80 to 1 per minute");
	assert_int_equal(apply(), 0);
	one = handle_of(2);
	two = handle_of(4);
	begin(OUTSIDE);
	say("limit tcp 80 to 1 per minute");
	say("limit tcp 80 to 1 per minute");
	say("limit tcp 80 to 1 per minute");
	assert_int_equal(apply(), 0);
	assert_int_equal(handle_of(2), one);
	assert_int_equal(handle_of(3), two);
	assert_int_not_equal(handle_of(4), two);
	begin(OUTSIDE);
	assert_int_equal(apply(), 0);
	assert_int_equal(verdict_of(80), MINATO_PASS);
}

/* Orders between two neighbours run out: then all are given anew. */
static void orders_run_out(void **state)
{
	char text[64];

	(void)state;
	for (unsigned count = 1; count <= 90; count++) {
		begin(OUTSIDE);
		say("drop tcp 1");
		/* The newest stands right behind the first. */
		for (unsigned i = count; i > 0; i--) {
			snprintf(text, sizeof(text), "%s tcp 500-%u", i % 2 ? "block" : "drop",
				 500 + i);
			say(text);
		}
		assert_int_equal(apply(), 0);
		assert_int_equal(verdict_of(500), count % 2 ? MINATO_REFUSE : MINATO_DROP);
		assert_int_equal(verdict_of(1), MINATO_DROP);
		assert_int_equal(verdict_of(445), MINATO_REFUSE);
	}
}

static void all_or_nothing(void **state)
{
	char text[64];

	(void)state;
	say("drop tcp 5");
	say("block tcp 1-9");
	assert_int_equal(apply(), 0);
	begin(OUTSIDE);
	say("block tcp 5");
	for (unsigned i = 0; i < ENTRIES; i++) {
		snprintf(text, sizeof(text), "drop tcp %u", 1000 + i);
		say(text);
	}
	assert_int_equal(apply(), -ENOSPC);
	assert_non_null(strstr(error.text, "no room for more"));
	assert_int_equal(verdict_of(5), MINATO_DROP);
	assert_int_equal(verdict_of(6), MINATO_REFUSE);
	assert_int_equal(verdict_of(1000), MINATO_PASS);
	assert_int_equal(applied.rules.conf.count, 4);
}

static uint16_t from_port, to_port; /* who looks while a change is under way sees these */
static enum minato_verdict expected;
static unsigned looks;
static bool torn;

static void look(void *user)
{
	(void)user;
	looks++;
	for (uint16_t port = from_port; port < to_port; port++)
		torn |= verdict_of(port) != expected;
}

static void say_many(const char *verb, unsigned count)
{
	char text[64];

	begin(OUTSIDE);
	say("limit tcp 80 to 1 per minute per source");
	for (unsigned i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%s tcp %u", verb, 1000 + i);
		say(text);
	}
}

/*
 * Of more rules than change in one step all are new but one. Whoever looks meanwhile sees all of
 * the old ones, until all new ones are in force; who fails has changed nothing.
 */
static void many_at_once(void **state)
{
	uint64_t limit;

	(void)state;
	say_many("drop", MANY);
	assert_int_equal(apply(), 0);
	limit = handle_of(2);
	assert_int_equal(verdict_of(80), MINATO_PASS);
	for (unsigned turn = 0; turn < 3; turn++) {
		struct gateway_policing policing;
		size_t culprit;

		say_many(turn % 2 ? "drop" : "block", MANY);
		expected = turn % 2 ? MINATO_REFUSE : MINATO_DROP;
		from_port = 1000;
		to_port = 1000 + MANY;
		looks = 0;
		torn = false;
		/* Half of it, and taken back. */
		assert_int_equal(gateway_police_begin(&policing, &applied, &wanted, &culprit), 0);
		assert_true(policing.whole);
		look(NULL);
		gateway_police_end(&policing, &applied);
		look(NULL);
		assert_int_equal(gateway_police_begin(&policing, &applied, &wanted, &culprit), 0);
		look(NULL);
		gateway_police_turn(&policing, &applied);
		expected = turn % 2 ? MINATO_DROP : MINATO_REFUSE;
		look(NULL);
		gateway_police_end(&policing, &applied);
		look(NULL);
		assert_int_equal(looks, 5);
		assert_false(torn);
		assert_int_equal(handle_of(2), limit);
		assert_int_equal(verdict_of(80), MINATO_REFUSE);
		assert_int_equal(hits_of(limit), 2 + turn);
	}
}

static int64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int64_t slice_began, longest; /* of what is done between two looks */

static void end_slice(void *user)
{
	int64_t slice = cpu_ns() - slice_began;

	(void)user;
	looks++;
	longest = slice > longest ? slice : longest;
	slice_began = cpu_ns();
}

/* Long work is done in slices, of which none is a large part of the whole. */
static void in_slices(void **state)
{
	int64_t least = INT64_MAX; /* parts of a thousand, of a quiet turn */

	(void)state;
	say_many("drop", SLICED);
	assert_int_equal(apply(), 0);
	for (unsigned turn = 0; turn < 4; turn++) {
		int64_t begun;

		say_many(turn % 2 ? "drop" : "block", SLICED);
		looks = 0;
		longest = 0;
		gateway_breath_begin(end_slice, NULL);
		begun = slice_began = cpu_ns();
		assert_int_equal(apply(), 0);
		end_slice(NULL);
		gateway_breath_end();
		assert_true(looks > 10);
		assert_int_equal(verdict_of(1000), turn % 2 ? MINATO_DROP : MINATO_REFUSE);
		assert_int_equal(verdict_of(999 + SLICED), turn % 2 ? MINATO_DROP : MINATO_REFUSE);
		if (longest * 1000 / (cpu_ns() - begun) < least)
			least = longest * 1000 / (cpu_ns() - begun);
	}
	assert_in_range(least, 0, 200);
}

/* A prefix that stands in two lines of a set. */
static void twice_in_a_set(void **state)
{
	(void)state;
	say("set bad 203.0.113.0/24, 192.0.2.0/24");
	say("set bad 203.0.113.0/24");
	say("drop tcp 7 from bad");
	assert_int_equal(apply(), 0);
	assert_int_equal(verdict_of(7), MINATO_DROP);
	begin(OUTSIDE);
	assert_int_equal(apply(), 0);
	assert_int_equal(verdict_of(7), MINATO_PASS);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fresh, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(first_match),    TEST(neighbours_stay), TEST(orders_run_out),
		TEST(all_or_nothing), TEST(twice_in_a_set),  TEST(all_that_stand_in_both_stay),
		TEST(alike_ones),     TEST(many_at_once),    TEST(in_slices),
		TEST(names_tell_alike_ones_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
