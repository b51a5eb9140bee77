/* SPDX-License-Identifier: BSD-2-Clause */
/* A flow is tried with the rules alone that could decide about it: to the same end as with all. */
#include "conf_fixture.h"

#include "conf/reader.h"
#include "conf/trial.h"

#define LINES 60u

static uint64_t state_of_dice = 7;

static unsigned below(unsigned bound)
{
	state_of_dice = state_of_dice * UINT64_C(6364136223846793005) + 1;
	return (unsigned)(state_of_dice >> 33) % bound;
}

static const char *one_of(const char *const *words, unsigned count)
{
	return words[below(count)];
}

static void take(void *user, const struct conf_verdict *verdict)
{
	*(struct conf_verdict *)user = *verdict;
}

/* Some of them about this flow: its ends, networks of them, its port, and beside all of these. */
static size_t write_rules(char *text)
{
	static const char *const verbs[] = { "block", "drop", "allow", "limit" };
	static const char *const protocols[] = { "tcp 80", "tcp 22",	 "udp 80", "tcp 70-90",
						 "icmp",   "tcp 443,80", "tcp",	   "udp 53" };
	static const char *const sources[] = { "",
					       "from 203.0.113.9",
					       "from 203.0.113.0/24",
					       "from 203.0.112.0/24",
					       "from wan",
					       "from lan",
					       "from friends",
					       "from 10.0.0.7",
					       "from 0.0.0.0/0" };
	static const char *const targets[] = {
		"",	   "to 198.51.100.1", "to 198.51.100.0/24", "to 192.0.2.0/24",
		"to self", "to lan",	      "to friends"
	};
	size_t used = (size_t)sprintf(text, "%s",
				      "inside eth1 10.0.0.1/24\noutside eth0 198.51.100.1/24 "
				      "via 198.51.100.254\nset friends 203.0.113.9, 192.0.2.9\n"
				      "forward tcp 80 to 10.0.0.2\n"
				      "forward tcp 22 to 10.0.0.3\n");

	for (unsigned i = 0; i < LINES; i++) {
		unsigned verb = below(4);
		bool opens = verb > 1;

		used += (size_t)sprintf(text + used, "%s %s%s %s %s%s\n", verbs[verb],
					one_of(protocols, opens ? 2 : 8),
					verb == 3 ? " to 5 per minute" : "", one_of(sources, 9),
					opens ? "" : one_of(targets, 7),
					below(9) == 0 ? " log" : "");
	}
	return used;
}

static void the_end_is_the_same_as_with_all_rules(void **state)
{
	static const char *const sources[] = { "203.0.113.9", "203.0.113.77", "192.0.2.9" };
	static const char *const targets[] = { "198.51.100.1:80", "198.51.100.1:22",
					       "198.51.100.1:443", "198.51.100.1:85" };
	unsigned ends[3] = { 0 }, ruled = 0;

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		static char text[16384];
		static const char *const words[] = {
			[CONF_REACHES] = "reaches",
			[CONF_CLOSED] = "closed",
			[CONF_DROPPED] = "dropped",
		};
		const struct conf_statement *asked;
		struct conf_verdict verdict = { .met = true };
		struct conf_fate fate;
		size_t culprit, used = write_rules(text);
		char line[32] = "";

		(void)sprintf(text + used, "test tcp from %s to %s reaches 10.9.9.9:9\n",
			      one_of(sources, 3), one_of(targets, 4));
		if (read_file(text) != 0)
			fail_msg("line %u: %s\n%s", report.fault[0].line, report.fault[0].what,
				 text);
		assert_int_equal(conf_try(&conf, take, &verdict, &culprit), 0);
		asked = conf.list[conf.count - 1];
		assert_int_equal(asked->kind, CONF_KIND_TEST);
		assert_int_equal(conf_try_flow(&conf, &asked->test, &fate), 0);
		assert_true(fate.outcome == CONF_REACHES || fate.outcome == CONF_CLOSED ||
			    fate.outcome == CONF_DROPPED);
		ends[fate.outcome == CONF_REACHES ? 0 : fate.outcome == CONF_CLOSED ? 1 : 2]++;
		if (!strstr(verdict.got, words[fate.outcome]))
			fail_msg("%s: %s\n%s", words[fate.outcome], verdict.got, text);
		if (fate.outcome == CONF_REACHES || fate.rule >= conf.count)
			continue;
		(void)sprintf(line, "line %u", conf.list[fate.rule]->line);
		if (conf.list[fate.rule]->rule.verb != CONF_ALLOW && !strstr(verdict.got, line))
			fail_msg("%s: %s\n%s", line, verdict.got, text);
		ruled++;
	}
	for (unsigned i = 0; i < 3; i++)
		assert_true(ends[i] > 5);
	assert_true(ruled > 50);
}

static void rules_about_others_are_left_out(void **state)
{
	const struct conf_test flow = { .proto = MINATO_TCP,
					.source = { minato_addr4(203, 0, 113, 9), 0 },
					.destination = { minato_addr4(198, 51, 100, 1), 80 } };
	struct trial_few few;

	(void)state;
	assert_int_equal(read_file(LINKS "block tcp 80 from 203.0.113.8\n"
					 "block tcp 80 from 203.0.113.9\nblock tcp 81-90\n"
					 "block tcp 70-80 to 192.0.2.1\nblock from wan\n"),
			 0);
	assert_int_equal(trial_few_make(&few, &conf, &flow), 0);
	assert_int_equal(few.conf.count, 4);
	assert_int_equal(trial_few_place(&few, 0), 0);
	assert_int_equal(trial_few_place(&few, 1), 1);
	assert_int_equal(trial_few_place(&few, 2), 3);
	assert_int_equal(trial_few_place(&few, 3), 6);
	assert_int_equal(trial_few_place(&few, 4), conf.count);
	assert_true(trial_few_place(&few, SIZE_MAX) == SIZE_MAX);
	trial_few_free(&few);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_end_is_the_same_as_with_all_rules),
		cmocka_unit_test(rules_about_others_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
