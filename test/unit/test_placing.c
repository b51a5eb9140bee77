/* SPDX-License-Identifier: BSD-2-Clause */
/* Where rules stand that are said while the gateway runs, among themselves and those of a file. */
#include <errno.h>

#include "cmd/gateway/gateway.h"
#include "conf_fixture.h"

static struct gateway_rules file, live, merged;
static char fault[256];

static void read_rules(const char *text)
{
	assert_int_equal(read_file(text), 0);
	gateway_rules_free(&file);
	gateway_rules_free(&live);
	for (size_t i = 0; i < conf.count; i++)
		assert_int_equal(gateway_rules_add(&file, conf.list[i], 0), 0);
}

static int place(const char *text)
{
	struct conf_statement one = said(text);

	one.line = 0;
	return gateway_place(&live, &file, &one, 0, fault, sizeof(fault));
}

/* The ports of the rules in force, in their order. */
static void in_force(const char *wanted)
{
	static struct conf_report ignored;
	char got[128] = "";

	assert_int_equal(gateway_rules_merge(&merged, &file, &live, 1000, &ignored), 0);
	for (size_t i = 0; i < merged.conf.count; i++) {
		struct conf_item item;

		if (merged.conf.list[i]->kind != CONF_KIND_RULE)
			continue;
		assert_true(conf_item_find(&merged.conf.list[i]->rule, CONF_ITEM_PORTS, &item));
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%u ", item.run.first);
	}
	gateway_rules_free(&merged);
	assert_string_equal(got, wanted);
}

#define RULES "block tcp 1\nblock tcp 2 named two\n"

static void places(void **state)
{
	(void)state;
	read_rules(LINKS RULES);
	assert_int_equal(place("block tcp 11"), 0);
	assert_int_equal(place("block tcp 12"), 0);
	in_force("11 12 1 2 ");
	assert_int_equal(place("block tcp 13 first"), 0);
	assert_int_equal(place("block tcp 14 last"), 0);
	in_force("13 11 12 1 2 14 ");
	assert_int_equal(place("block tcp 15 before two"), 0);
	assert_int_equal(place("block tcp 16 before 3"), 0);
	in_force("13 11 12 16 1 15 2 14 ");
	assert_int_equal(place("block tcp 17 before 99"), -ENOENT);
	assert_non_null(strstr(fault, "no rule is in line 99"));
	assert_int_equal(place("block tcp 17 before three"), -ENOENT);
	assert_non_null(strstr(fault, "no rule is called three"));
	in_force("13 11 12 16 1 15 2 14 ");
}

/* Before a live one, which stands before one of the file. */
static void before_live(void **state)
{
	(void)state;
	read_rules(LINKS RULES);
	assert_int_equal(place("block tcp 21 before two named mine"), 0);
	assert_int_equal(place("block tcp 22 before mine"), 0);
	in_force("1 22 21 2 ");
}

/* Lines move, and what a rule stood before may be gone. */
static void edited(void **state)
{
	struct gateway_rules kept;

	(void)state;
	read_rules(LINKS RULES);
	assert_int_equal(place("block tcp 31 before 4"), 0);
	assert_int_equal(place("block tcp 32 before 3"), 0);
	in_force("32 1 31 2 ");
	kept = live;
	live = (struct gateway_rules){ .until_s = NULL };
	read_rules(LINKS "block tcp 5\nblock tcp 1\nblock tcp 6\n");
	live = kept;
	in_force("31 5 32 1 6 ");
	kept = live;
	live = (struct gateway_rules){ .until_s = NULL };
	read_rules(LINKS);
	live = kept;
	in_force("31 32 ");
}

/* Another file, to which what is live is brought. */
static void read_again(const char *text)
{
	struct gateway_rules old = file;
	struct gateway_rules kept = live;

	file = live = (struct gateway_rules){ .until_s = NULL };
	read_rules(text);
	live = kept;
	assert_int_equal(gateway_places_keep(&live, &old, &file, fault, sizeof(fault)), 0);
	gateway_rules_free(&old);
}

/* What a rule stands before leaves the file: its place is between the same neighbours. */
static void kept_places(void **state)
{
	(void)state;
	read_rules(LINKS "block tcp 1\nblock tcp 2 named two\nblock tcp 3\n");
	assert_int_equal(place("allow tcp 32 before 5"), 0);
	assert_int_equal(place("allow tcp 31 before two"), 0);
	in_force("1 31 2 32 3 ");
	read_again(LINKS "block tcp 1\nblock tcp 3\n");
	in_force("1 31 32 3 ");
	assert_string_equal(fault, "'allow tcp 31' stood before 'block tcp 2 named two', which the "
				   "file has no more: it is before 'block tcp 3' now");
	/* It is there once more, which is nothing to it. */
	read_again(LINKS "block tcp 1\nblock tcp 2 named two\nblock tcp 3\n");
	in_force("1 2 31 32 3 ");
	assert_string_equal(fault, "");
	/* The line says something else now. */
	read_again(LINKS "block tcp 1\nblock tcp 2 named two\nblock tcp 3-4\n");
	in_force("1 2 31 32 3 ");
	read_again(LINKS "block tcp 1\n");
	in_force("1 31 32 ");
	assert_non_null(strstr(fault, "'allow tcp 32' stood before 'block tcp 3-4', which the file "
				      "has no more: it is behind all rules now"));
	read_again(LINKS "block tcp 6\nblock tcp 1\n");
	in_force("6 1 31 32 ");
}

/* Nobody knows what was there: nothing is open by that. */
static void lost_places(void **state)
{
	struct gateway_rules kept;
	bool gone;

	(void)state;
	read_rules(LINKS "block tcp 1\nblock tcp 2 named two\n");
	assert_int_equal(place("allow tcp 31 before two"), 0);
	assert_int_equal(place("limit tcp 32 to 1 per day before two"), 0);
	assert_int_equal(place("drop tcp 33 before two"), 0);
	kept = live;
	live = (struct gateway_rules){ .until_s = NULL };
	read_rules(LINKS "block tcp 1\nblock tcp 3\n");
	live = kept;
	in_force("33 1 3 31 32 ");
	(void)gateway_place_in(&file, live.conf.list[0], &gone);
	assert_true(gone);
}

static int end(void **state)
{
	gateway_rules_free(&file);
	gateway_rules_free(&live);
	return end_conf(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),
		cmocka_unit_test(before_live),
		cmocka_unit_test(edited),
		cmocka_unit_test(kept_places),
		cmocka_unit_test(lost_places),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
