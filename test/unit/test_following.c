/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of a guest whose words mean something else than when they were entered. */
#include "relay_fixture.h"

#include "cmd/cmd.h"
#include "cmd/conf.h"
#include "minato/guard.h"

static struct cmd_harbour harbour;
static struct cmd_worker worker;

/* The rules in the table of the fixture, as a worker begins. */
static void enter(const struct cmd_many *rules)
{
	harbour = (struct cmd_harbour){ .name = "g", .quiet = true };
	assert_int_equal(cmd_ruling_plan(&harbour, rules, NULL, "g"), CMD_GO_ON);
	worker = (struct cmd_worker){ .harbour = &harbour, .host = w.host, .relay = w.relay };
	assert_int_equal(cmd_ruling_enter(&worker, SIZE_MAX), 0);
	/* What comes in leads somewhere. */
	assert_int_equal(relay_publish_add(&w.list, "8080:80", NULL), 0);
	assert_int_equal(relay_publish_open(&w.list, true, true, NULL), 0);
	assert_int_equal(relay_publish_start(w.relay, &w.list, NULL), 0);
}

static void leave(void)
{
	cmd_ruling_free(&harbour.ruling);
}

static void lan_is(const char *one, uint8_t length)
{
	struct cmd_message message = { .kind = CMD_TELL_LAN };

	message.near.list[0] = (struct relay_prefix){ addr("127.0.0.0"), 104 };
	message.near.count = 1;
	if (one)
		message.near.list[message.near.count++] =
			(struct relay_prefix){ addr(one), length };
	cmd_following_lan(&worker, &message);
}

static enum minato_verdict out_to(const char *where)
{
	const struct minato_question question = {
		.scope = CMD_SCOPE_INSIDE,
		.proto = MINATO_TCP,
		.course = MINATO_COURSE_OUT,
		.remote = end("10.0.2.100", 40000),
		.local = end(where, 80),
	};
	struct minato_fate fate;

	minato_judge(w.host, &question, &fate);
	return fate.verdict;
}

static enum minato_verdict in_from(const char *whence)
{
	const struct minato_endpoint from = end(whence, 40000);
	const struct minato_endpoint to = end("192.0.2.1", 8080);
	struct minato_fate fate;

	minato_arrive(w.host, CMD_SCOPE_OUTSIDE, relay_face(w.relay, &from.addr), MINATO_TCP, &from,
		      &to, &fate);
	return fate.kind == MINATO_KIND_FORWARD ? MINATO_PASS : fate.verdict;
}

static uint64_t hits_at(const char *where)
{
	const struct minato_addr local = addr(where);
	struct minato_row row;
	uint64_t cursor = 0;

	while (minato_row(w.host, &cursor, &row)) {
		if (row.kind == MINATO_KIND_GUARD && minato_addr_equal(&row.local.addr, &local))
			return row.hits;
	}
	return UINT64_MAX;
}

static void out_follows(void **state)
{
	const struct cmd_many rules = {
		.count = 3,
		.text = { "block out tcp 80 to lan", "block out tcp 80 to 198.51.100.0/24",
			  "drop out tcp 80 to wan" },
	};

	NEED_NETNS();
	enter(&rules);
	lan_is("10.88.0.0", 120);
	assert_int_equal(out_to("10.88.0.9"), MINATO_REFUSE);
	assert_int_equal(out_to("10.89.0.9"), MINATO_DROP);
	assert_int_equal(out_to("198.51.100.1"), MINATO_REFUSE);
	lan_is("10.89.0.0", 120);
	assert_int_equal(out_to("10.88.0.9"), MINATO_DROP);
	assert_int_equal(out_to("10.89.0.9"), MINATO_REFUSE);
	assert_int_equal(out_to("198.51.100.1"), MINATO_REFUSE);
	lan_is(NULL, 0);
	assert_int_equal(out_to("10.89.0.9"), MINATO_DROP);
	leave();
}

static void what_is_the_same_stays(void **state)
{
	const struct cmd_many rules = {
		.count = 3,
		.text = { "block out tcp 80 to lan", "block out tcp 80 to 198.51.100.0/24",
			  "limit tcp 8080 to 1 per day" },
	};

	NEED_NETNS();
	enter(&rules);
	lan_is("10.88.0.0", 120);
	assert_int_equal(out_to("127.0.0.1"), MINATO_REFUSE);
	assert_int_equal(out_to("10.88.0.9"), MINATO_REFUSE);
	assert_int_equal(out_to("198.51.100.1"), MINATO_REFUSE);
	assert_int_equal(in_from("203.0.113.1"), MINATO_PASS);
	lan_is("10.89.0.0", 120);
	assert_int_equal(hits_at("127.0.0.0"), 1);
	assert_int_equal(hits_at("198.51.100.0"), 1);
	assert_int_equal(hits_at("10.88.0.0"), UINT64_MAX);
	assert_int_equal(hits_at("10.89.0.0"), 0);
	/* Its rate too. */
	assert_int_equal(in_from("203.0.113.1"), MINATO_REFUSE);
	leave();
}

static void in_follows(void **state)
{
	const struct cmd_many rules = {
		.count = 2,
		.text = { "allow tcp 8080 from lan", "block tcp 8080" },
	};

	NEED_NETNS();
	enter(&rules);
	lan_is("10.88.0.0", 120);
	assert_int_equal(in_from("10.88.0.9"), MINATO_PASS);
	assert_int_equal(in_from("10.89.0.9"), MINATO_REFUSE);
	lan_is("10.89.0.0", 120);
	assert_int_equal(in_from("10.88.0.9"), MINATO_REFUSE);
	assert_int_equal(in_from("10.89.0.9"), MINATO_PASS);
	leave();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(out_follows),
		CASE(what_is_the_same_stays),
		CASE(in_follows),
	};

	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
