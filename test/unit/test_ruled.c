/* SPDX-License-Identifier: BSD-2-Clause */
/* The keeper's side of rules that come and go while a guest runs, with a worker of the test. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/cmd.h"
#include "cmd/conf.h"

static struct cmd_harbour harbour;
static int worker; /* its end of the channel */

static int begin(void **state)
{
	const struct cmd_many rules = {
		.count = 2,
		.text = { "block tcp 81 from 192.0.2.0/24", "drop udp 82" },
	};
	int ends[2];

	(void)state;
	assert_int_equal(cmd_channel_pair(ends), 0);
	worker = ends[1];
	harbour = (struct cmd_harbour){
		.name = "g",
		.quiet = true,
		.hand = { .channel = ends[0], .ready = true },
		.admitted = drive_now(),
	};
	assert_int_equal(cmd_ruling_plan(&harbour, &rules, NULL, "g"), CMD_GO_ON);
	return 0;
}

static int end(void **state)
{
	(void)state;
	cmd_ruling_free(&harbour.ruling);
	close(harbour.hand.channel);
	close(worker);
	return 0;
}

/* What the keeper said last. */
static struct cmd_message heard(uint32_t kind)
{
	struct cmd_message message;
	int fds[CMD_CHANNEL_FDS_MAX];
	size_t count;

	assert_int_equal(cmd_channel_receive(worker, &message, fds, &count), 1);
	assert_int_equal(message.kind, kind);
	return message;
}

static bool is_silent(void)
{
	uint32_t kind;

	return cmd_channel_peek(worker, &kind) == -EAGAIN;
}

static void want(enum cmd_rule_verb verb, const char *text, int64_t until_s)
{
	struct cmd_message message = { .kind = CMD_ASK_RULE_WANTED, .number = (int)verb };

	message.rule.until_s = until_s;
	(void)snprintf(message.rule.text, sizeof(message.rule.text), "%s", text);
	cmd_ruled_wanted(&harbour, &message);
}

static void done(int number)
{
	const struct cmd_message message = { .kind = CMD_ASK_RULE_DONE, .number = number };

	cmd_ruled_done(&harbour, &message);
}

/* A change that is tried and stands; where the rule is. */
static struct cmd_rule_change change(enum cmd_rule_verb verb, const char *text, int64_t until_s)
{
	struct cmd_message message;

	want(verb, text, until_s);
	message = heard(CMD_TELL_RULE);
	assert_int_equal(message.number, verb);
	done(0);
	assert_int_equal(heard(CMD_TELL_RULED).number, 0);
	return message.rule;
}

static void refused(enum cmd_rule_verb verb, const char *text, int64_t until_s, const char *why)
{
	size_t before = harbour.ruling.conf.count;
	struct cmd_message message;

	want(verb, text, until_s);
	message = heard(CMD_TELL_RULED);
	assert_true(message.number < 0);
	if (!strstr(message.ruled.text, why))
		fail_msg("\"%s\" does not say \"%s\"", message.ruled.text, why);
	assert_int_equal(harbour.ruling.conf.count, before);
	assert_true(is_silent());
}

/* The sequence, as ports; orders grow with it. */
static void sequence_is(const char *wanted)
{
	static char got[8 * CONF_TEXT_SIZE];
	uint64_t order = 0;
	char text[CONF_TEXT_SIZE];
	size_t used = 0;

	for (size_t i = 0; i < harbour.ruling.conf.count; i++) {
		(void)conf_print(text, sizeof(text), harbour.ruling.conf.list[i]);
		used += (size_t)snprintf(got + used, sizeof(got) - used, "%s%s", i ? "; " : "",
					 text);
		assert_true(harbour.ruling.places[i].order > order);
		order = harbour.ruling.places[i].order;
	}
	assert_string_equal(got, wanted);
}

#define FILE_RULES "block tcp 81 from 192.0.2.0/24; drop udp 82"

static void places(void **state)
{
	(void)state;
	change(CMD_RULE_ADD, "block tcp 1 named one", 0);
	sequence_is("block tcp 1 named one; " FILE_RULES);
	/* Behind what was added earlier. */
	change(CMD_RULE_ADD, "block tcp 2", 0);
	sequence_is("block tcp 1 named one; block tcp 2; " FILE_RULES);
	change(CMD_RULE_ADD, "block tcp 3 first", 0);
	change(CMD_RULE_ADD, "block tcp 4 last", 0);
	change(CMD_RULE_ADD, "block tcp 5 before one", 0);
	change(CMD_RULE_ADD, "block tcp 6 before 2", 0);
	sequence_is("block tcp 3; block tcp 5; block tcp 1 named one; block tcp 2; "
		    "block tcp 81 from 192.0.2.0/24; block tcp 6; drop udp 82; block tcp 4");
	change(CMD_RULE_REMOVE, "one", 0);
	change(CMD_RULE_REMOVE, "drop udp 82", 0);
	sequence_is("block tcp 3; block tcp 5; block tcp 2; block tcp 81 from 192.0.2.0/24; "
		    "block tcp 6; block tcp 4");
}

/* Between two neighbours there is room for 32 halvings; then it is said. */
static void no_room(void **state)
{
	(void)state;
	for (int i = 0; i < 32; i++) {
		char text[64];

		snprintf(text, sizeof(text), "block tcp %d before 2", 1000 + i);
		change(CMD_RULE_ADD, text, 0);
	}
	refused(CMD_RULE_ADD, "block tcp 2000 before 2", 0, "no room left");
	/* Elsewhere there is. */
	change(CMD_RULE_ADD, "block tcp 2000 first", 0);
}

static void what_cannot_be(void **state)
{
	(void)state;
	refused(CMD_RULE_ADD, "block ssh form lan", 0, "nothing was changed");
	refused(CMD_RULE_ADD, "forward tcp 80 to 10.0.0.1", 0, "rules alone");
	refused(CMD_RULE_ADD, "allow out to api.example.com", 0, "this guest began open");
	refused(CMD_RULE_ADD, "block tcp 1 before nobody", 0, "no rule is called nobody");
	refused(CMD_RULE_ADD, "block tcp 1", 1, "over already");
	refused(CMD_RULE_ADD, "allow program no-such-one out tcp 1", 0, "no program is called so");
	refused(CMD_RULE_REMOVE, "block tcp 7", 0, "no rule says so");
	harbour.admitted.ns = 0;
	refused(CMD_RULE_ADD, "block tcp 1", 0, "nobody has ordered that");
	sequence_is(FILE_RULES);
}

/* What a worker could not enter, or did not live to, does not stand. */
static void taken_back(void **state)
{
	struct cmd_message message;

	(void)state;
	want(CMD_RULE_ADD, "block tcp 1", 0);
	(void)heard(CMD_TELL_RULE);
	/* One at a time. */
	want(CMD_RULE_ADD, "block tcp 2", 0);
	assert_true(is_silent());
	done(-ENOSPC);
	message = heard(CMD_TELL_RULED);
	assert_int_equal(message.number, -ENOSPC);
	assert_non_null(strstr(message.ruled.text, "no room"));
	sequence_is(FILE_RULES);
	want(CMD_RULE_ADD, "block tcp 1", 0);
	(void)heard(CMD_TELL_RULE);
	cmd_ruled_forget(&harbour);
	sequence_is(FILE_RULES);
	/* A removal that was under way has not been. */
	want(CMD_RULE_REMOVE, "drop udp 82", 0);
	(void)heard(CMD_TELL_RULE);
	cmd_ruled_forget(&harbour);
	sequence_is(FILE_RULES);
	/* What nobody asked for is passed over. */
	done(0);
	assert_true(is_silent());
}

static void terms(void **state)
{
	struct minato_time now = { 5000 };
	struct cmd_rule_change one;
	struct cmd_message message;

	(void)state;
	assert_int_equal(cmd_ruled_turn(&harbour, now).ns, MINATO_NEVER.ns);
	one = change(CMD_RULE_ADD, "block tcp 1 for 1h", 0);
	assert_in_range(one.place.until_s, time(NULL) + 3590, time(NULL) + 3600);
	change(CMD_RULE_ADD, "block tcp 2", time(NULL) + 1000);
	/* The clock may be set: it is looked at every ten seconds. */
	assert_in_range(cmd_ruled_turn(&harbour, now).ns, now.ns + 1,
			now.ns + INT64_C(10000000000));
	assert_true(is_silent());
	for (size_t i = 0; i < harbour.ruling.conf.count; i++) {
		if (harbour.ruling.places[i].id == one.place.id)
			harbour.ruling.places[i].until_s = time(NULL) - 1;
	}
	(void)cmd_ruled_turn(&harbour, now);
	message = heard(CMD_TELL_RULE);
	assert_int_equal(message.number, CMD_RULE_END);
	assert_int_equal(message.rule.place.id, one.place.id);
	sequence_is("block tcp 2; " FILE_RULES);
}

/* What was said of the last that was added. */
static void noted(const char *text, const char *wanted)
{
	struct cmd_message message;

	want(CMD_RULE_ADD, text, 0);
	(void)heard(CMD_TELL_RULE);
	done(0);
	message = heard(CMD_TELL_RULED);
	assert_int_equal(message.number, 0);
	assert_string_equal(message.ruled.text, wanted);
}

#define NOTHING                                                                                    \
	"warning: this changes nothing: all may go out, and no rule behind this one refuses any "  \
	"of it, as 'block out everything' would"
#define NO_GUEST(verb)                                                                             \
	"warning: no guest called nosuchguest runs now, and no zone or set is called so: " verb    \
	" until such a guest starts"

/* All that is wrong with the new one, and nothing of others that were said before. */
static void warnings(void **state)
{
	(void)state;
	noted("allow out tcp 80 to 1.1.1.1", NOTHING);
	noted("block tcp 7100 from nosuchguest",
	      NO_GUEST("programs of yours on this host, which could be it, are refused"));
	noted("block udp 7100", "");
	noted("allow out tcp 81 to nosuchguest", NOTHING "\n" NO_GUEST("nobody is meant"));
	noted("block udp 7100 from 192.0.2.1",
	      "warning: this can never match: the other line comes first and decides all of it; "
	      "the other line is 'block udp 7100' (live)");
	for (size_t i = 0; i < harbour.ruling.conf.count; i++)
		assert_true(harbour.ruling.conf.list[i]->line < 3);
	/* With --allow all else is shut. */
	harbour.closed = true;
	noted("allow out tcp 82 to 1.1.1.1", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(places, begin, end),
		cmocka_unit_test_setup_teardown(no_room, begin, end),
		cmocka_unit_test_setup_teardown(what_cannot_be, begin, end),
		cmocka_unit_test_setup_teardown(taken_back, begin, end),
		cmocka_unit_test_setup_teardown(terms, begin, end),
		cmocka_unit_test_setup_teardown(warnings, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
