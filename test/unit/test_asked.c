/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions of --ask, from the held flow to the answer, with a keeper and a user of the test. */
#include "permit_fixture.h"

#include <fcntl.h>

#include "cmd/cmd.h"

static struct cmd_harbour harbour;
static struct cmd_worker worker;
static int keeper; /* its end of the channel */
static int saying[2];
static bool held; /* what was said to the relay last */
static unsigned asked;

static bool take(void *user, const struct relay_asking *asking)
{
	(void)user;
	asked++;
	held = cmd_asked_take(&worker, asking);
	return held;
}

static void make_worker(void)
{
	int ends[2];

	assert_int_equal(cmd_channel_pair(ends), 0);
	harbour = (struct cmd_harbour){ .name = "web", .ask = true };
	worker = (struct cmd_worker){ .harbour = &harbour, .channel = ends[0] };
	worker.attempts = (struct cmd_attempts){ .audit = -1, .quiet = true };
	keeper = ends[1];
	assert_int_equal(pipe2(saying, O_NONBLOCK | O_CLOEXEC), 0);
	cmd_say_to(saying[1]);
}

static int begin_asked(void **state)
{
	make_worker();
	asked = 0;
	fixture_ask = take;
	begin_closed(state);
	if (!have_netns)
		return 0;
	worker.relay = w.relay;
	worker.host = w.host;
	worker.loop = w.loop;
	return 0;
}

static int finish_asked(void **state)
{
	finish_closed(state);
	fixture_ask = NULL;
	cmd_say_to(STDERR_FILENO);
	close(saying[0]);
	close(saying[1]);
	close(worker.channel);
	close(keeper);
	free(harbour.answers);
	return 0;
}

static const char *said(void)
{
	static char text[4096];
	ssize_t got = read(saying[0], text, sizeof(text) - 1);

	text[got > 0 ? got : 0] = 0;
	return text;
}

/* ---- the keeper ---- */

static const struct cmd_holding curl = {
	.count = 1,
	.same = true,
	.list = { { .pid = 7,
		    .path = "/usr/bin/curl",
		    .device = 1,
		    .inode = 100,
		    .changed_ns = 5000 } },
};

static struct cmd_message heard(uint32_t kind)
{
	struct cmd_message message;
	int fds[CMD_CHANNEL_FDS_MAX];
	size_t count;

	assert_int_equal(cmd_channel_receive(keeper, &message, fds, &count), 1);
	assert_int_equal(message.kind, kind);
	return message;
}

static bool keeper_hears_nothing(void)
{
	uint32_t kind;

	return cmd_channel_peek(keeper, &kind) == -EAGAIN;
}

/* It looks for the program of the flow that was asked about, and finds this. */
static void found(const struct cmd_holding *holding)
{
	struct cmd_message message = heard(CMD_ASK_PROGRAM);
	struct cmd_message answer = { .kind = CMD_TELL_PROGRAM };
	uint64_t number = message.inquiry.number;

	answer.holding = *holding;
	answer.holding.number = number;
	cmd_witness_told(&worker, &answer);
}

/* ---- the user ---- */

static json_t *next(uint64_t *cursor)
{
	return cmd_asked_further()->item(&worker, "questions", cursor);
}

/* The only question there is. */
static json_t *the_question(void)
{
	uint64_t cursor = 0;
	json_t *row = next(&cursor);
	json_t *more = next(&cursor);

	assert_non_null(row);
	assert_null(more);
	return row;
}

static unsigned questions(void)
{
	uint64_t cursor = 0;
	unsigned count = 0;
	json_t *row;

	for (; (row = next(&cursor)); count++)
		json_decref(row);
	return count;
}

static void text_is(const json_t *row, const char *key, const char *wanted)
{
	assert_string_equal(json_string_value(json_object_get(row, key)), wanted);
}

static int64_t number_in(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(row, key));
}

static json_t *say(json_t *message)
{
	json_t *reply = cmd_asked_further()->ask(&worker, "answer", message);

	json_decref(message);
	return reply;
}

static void reply(int64_t number, const char *word)
{
	json_t *said_back =
		say(json_pack("{s:I,s:s}", "number", (json_int_t)number, "reply", word));

	assert_non_null(said_back);
	assert_null(json_object_get(said_back, "late"));
	json_decref(said_back);
}

static struct minato_time later(int64_t ms)
{
	struct minato_time t = drive_loop_now(w.loop);

	t.ns += ms * INT64_C(1000000);
	return t;
}

/* ---- flows of a guest ---- */

static uint64_t call(const char *text, uint16_t port)
{
	unsigned before = asked;
	uint64_t s = guest_connect(text, port);

	UNTIL(asked > before);
	return s;
}

static bool is_waiting(uint64_t s)
{
	turns(3);
	return (guest_ready(s) & (MINATO_CONNECTED | MINATO_ERROR)) == 0;
}

static void refused(uint64_t s, const char *why)
{
	UNTIL(guest_ready(s) & MINATO_ERROR);
	assert_int_equal(minato_error(w.guest, s), ECONNREFUSED);
	assert_string_equal(told.reason, why);
}

static void once_is_dialled_and_asked_again(void **state)
{
	int listener, far;
	uint64_t s;
	json_t *row;

	NEED_NETNS();
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 9001);
	s = call("192.0.2.1", 9001);
	/* Until its program is known, it is no question. */
	assert_int_equal(questions(), 0);
	assert_true(is_waiting(s));
	found(&curl);
	row = the_question();
	text_is(row, "program", "/usr/bin/curl (pid 7)");
	text_is(row, "place", "192.0.2.1:9001");
	assert_int_equal(number_in(row, "proto"), MINATO_TCP);
	assert_int_equal(number_in(row, "flows"), 1);
	assert_true(json_is_true(json_object_get(row, "always")));
	assert_in_range(number_in(row, "left_ms"), CMD_QUESTION_MS - 5000, CMD_QUESTION_MS);
	assert_true(is_waiting(s));
	reply(number_in(row, "number"), "once");
	json_decref(row);
	far = host_accept(listener);
	UNTIL(guest_ready(s) & MINATO_CONNECTED);
	assert_int_equal(told.count[RELAY_ATTEMPT_BEGUN], 1);
	assert_string_equal(told.program, "/usr/bin/curl");
	assert_int_equal(told.pid, 7);
	assert_int_equal(questions(), 0);
	assert_true(keeper_hears_nothing());
	s = call("192.0.2.1", 9001);
	found(&curl);
	assert_true(is_waiting(s));
	assert_int_equal(questions(), 1);
	close(far);
	close(listener);
}

static void no_is_no(void **state)
{
	uint64_t s;
	json_t *row;

	NEED_NETNS();
	s = call("192.0.2.1", 9001);
	found(&curl);
	row = the_question();
	reply(number_in(row, "number"), "no");
	refused(s, "you said no");
	/* Decided: what comes now is late. */
	{
		json_t *answer = say(json_pack("{s:O,s:s}", "number",
					       json_object_get(row, "number"), "reply", "once"));

		assert_true(json_is_true(json_object_get(answer, "late")));
		json_decref(answer);
	}
	json_decref(row);
	assert_int_equal(told.count[RELAY_ATTEMPT_BEGUN], 0);
	/* Of this flow alone. */
	s = call("192.0.2.1", 9001);
	found(&curl);
	assert_true(is_waiting(s));
}

static void always_is_remembered(void **state)
{
	struct cmd_holding wget = curl;
	struct cmd_message message;
	int listener, far[2];
	uint64_t s;
	json_t *row;

	NEED_NETNS();
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 9001);
	s = call("192.0.2.1", 9001);
	found(&curl);
	row = the_question();
	reply(number_in(row, "number"), "always");
	json_decref(row);
	far[0] = host_accept(listener);
	message = heard(CMD_ASK_REMEMBER);
	assert_true(message.answer.known);
	assert_int_equal(message.answer.inode, 100);
	assert_int_equal(message.answer.changed_ns, 5000);
	assert_int_equal(message.answer.to.port, 9001);
	/* The same program to the same place. */
	s = call("192.0.2.1", 9001);
	found(&curl);
	far[1] = host_accept(listener);
	UNTIL(guest_ready(s) & MINATO_CONNECTED);
	assert_int_equal(questions(), 0);
	/* Another file by that name, another place, another protocol are asked about. */
	wget.list[0].inode = 101;
	call("192.0.2.1", 9001);
	found(&wget);
	assert_int_equal(questions(), 1);
	call("192.0.2.1", 9002);
	found(&curl);
	assert_int_equal(questions(), 2);
	/* Another that was given the number of one that was removed, or the same one rewritten. */
	wget = curl;
	wget.list[0].changed_ns++;
	call("192.0.2.1", 9001);
	found(&wget);
	assert_int_equal(questions(), 3);
	/* Who cannot be told apart has no answer of before. */
	wget = curl;
	wget.same = false;
	call("192.0.2.1", 9001);
	found(&wget);
	assert_int_equal(questions(), 4);
	assert_true(keeper_hears_nothing());
	close(far[0]);
	close(far[1]);
	close(listener);
}

/* Of several programs at one socket nobody knows which it was: always is once. */
static void always_of_nobody_known_is_once(void **state)
{
	struct cmd_holding many = curl;
	int listener, far;
	json_t *row;

	NEED_NETNS();
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 9001);
	many.count = 3;
	many.same = false;
	call("192.0.2.1", 9001);
	found(&many);
	row = the_question();
	assert_true(json_is_false(json_object_get(row, "always")));
	text_is(row, "program", "/usr/bin/curl (pid 7, and 2 more hold its socket)");
	reply(number_in(row, "number"), "always");
	json_decref(row);
	far = host_accept(listener);
	assert_true(keeper_hears_nothing());
	assert_int_equal(worker.asked.answer_count, 0);
	close(far);
	close(listener);
}

static void equal_flows_are_one_question(void **state)
{
	struct cmd_holding second = curl;
	uint64_t s[3];
	json_t *row;

	NEED_NETNS();
	second.list[0].pid = 8;
	s[0] = call("192.0.2.1", 9001);
	found(&curl);
	s[1] = call("192.0.2.1", 9001);
	found(&second);
	s[2] = call("192.0.2.1", 9002);
	found(&curl);
	assert_int_equal(questions(), 2);
	{
		uint64_t cursor = 0;
		json_t *other;

		row = next(&cursor);
		other = next(&cursor);
		assert_int_equal(number_in(row, "flows"), 2);
		assert_int_equal(number_in(other, "flows"), 1);
		json_decref(other);
	}
	reply(number_in(row, "number"), "no");
	json_decref(row);
	refused(s[0], "you said no");
	refused(s[1], "you said no");
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 2);
	/* Each is told with the process whose it is. */
	assert_int_equal(told.pid, 8);
	assert_true(is_waiting(s[2]));
}

/* ---- nobody answers ---- */

static void silence_is_no(void **state)
{
	struct minato_time due;
	uint64_t s;

	NEED_NETNS();
	assert_int_equal(cmd_asked_turn(&worker, later(0)).ns, MINATO_NEVER.ns);
	s = call("192.0.2.1", 9001);
	/* As long as the program is looked for, no time runs. */
	assert_int_equal(cmd_asked_turn(&worker, later(100000)).ns, MINATO_NEVER.ns);
	found(&curl);
	/* It is looked whether who waits is there still. */
	assert_true(cmd_asked_turn(&worker, later(0)).ns <= later(CMD_GONE_MS).ns);
	due = cmd_asked_turn(&worker, later(CMD_GONE_MS));
	assert_true(due.ns > later(CMD_QUESTION_MS - 5000).ns);
	due.ns--;
	assert_int_equal(cmd_asked_turn(&worker, due).ns, due.ns + 1);
	assert_true(is_waiting(s));
	due.ns++;
	assert_int_equal(cmd_asked_turn(&worker, due).ns, MINATO_NEVER.ns);
	refused(s, "nobody answered");
}

/* Its program has closed the socket, or has ended. */
static void who_waits_and_goes(void **state)
{
	const struct cmd_holding gone = { .count = -ENOENT };
	uint64_t s;

	NEED_NETNS();
	s = call("192.0.2.1", 9001);
	found(&curl);
	(void)cmd_asked_turn(&worker, later(CMD_GONE_MS));
	found(&curl);
	assert_true(is_waiting(s));
	assert_int_equal(questions(), 1);
	(void)cmd_asked_turn(&worker, later(2 * CMD_GONE_MS));
	found(&gone);
	refused(s, "its program had gone before it was answered");
	assert_int_equal(told.pid, 7);
	assert_int_equal(questions(), 0);
}

/* Who has seen it and gone has not said yes; who has not seen it may still come. */
static void who_looks_and_leaves(void **state)
{
	uint64_t seen, unseen;
	int64_t due;

	NEED_NETNS();
	seen = call("192.0.2.1", 9001);
	found(&curl);
	assert_int_equal(questions(), 1);
	due = cmd_asked_turn(&worker, later(0)).ns;
	assert_in_range(due, later(0).ns, later(CMD_ASKER_MS).ns);
	unseen = call("192.0.2.1", 9002);
	found(&curl);
	cmd_asked_turn(&worker, later(CMD_ASKER_MS + 1));
	refused(seen, "nobody answered");
	assert_true(is_waiting(unseen));
	assert_int_equal(questions(), 1);
}

static void it_is_told_once_and_not_to_who_looks(void **state)
{
	struct cmd_holding odd = curl;

	NEED_NETNS();
	strcpy(odd.list[0].path, "/tmp/\033[2J\n\xc3\xa4 x");
	call("192.0.2.1", 9001);
	assert_string_equal(said(), "");
	found(&odd);
	assert_string_equal(said(), "minato: /tmp/?[2J??? x (pid 7) wants 192.0.2.1:9001: 'minato "
				    "ask web' in another terminal answers, within 30 s\n");
	call("192.0.2.1", 9002);
	found(&curl);
	assert_string_equal(said(), "");
	worker.asked.told = false;
	assert_int_equal(questions(), 2);
	call("192.0.2.1", 9003);
	found(&curl);
	assert_string_equal(said(), "");
}

/* ---- how it reads ---- */

static void programs_in_words(void **state)
{
	struct cmd_holding one = curl;
	json_t *row;

	NEED_NETNS();
	one.list[0].deleted = true;
	call("192.0.2.1", 9001);
	found(&one);
	row = the_question();
	text_is(row, "program", "/usr/bin/curl, deleted, (pid 7)");
	reply(number_in(row, "number"), "no");
	json_decref(row);
	/* By the name it gave itself, where nothing better is known, and so that this is seen. */
	one = curl;
	one.list[0].path[0] = 0;
	strcpy(one.list[0].command, "/usr/bin/curl");
	call("192.0.2.1", 9001);
	found(&one);
	row = the_question();
	text_is(row, "program", "[/usr/bin/curl] (pid 7)");
	reply(number_in(row, "number"), "no");
	assert_string_equal(told.program, "[/usr/bin/curl]");
	json_decref(row);
	call("192.0.2.1", 9001);
	found(&(struct cmd_holding){ .count = -ENOENT });
	row = the_question();
	text_is(row, "program", "a program that cannot be told");
	assert_true(json_is_false(json_object_get(row, "always")));
	json_decref(row);
}

static void places_in_words(void **state)
{
	json_t *row;

	NEED_NETNS();
	call("2001:db8::1", 9001);
	found(&curl);
	row = the_question();
	text_is(row, "place", "[2001:db8::1]:9001");
	reply(number_in(row, "number"), "no");
	json_decref(row);
	pin_host("any.where");
	call("192.0.2.1", 9001);
	found(&curl);
	row = the_question();
	text_is(row, "place", "any.where:9001 (192.0.2.1)");
	reply(number_in(row, "number"), "always");
	json_decref(row);
	/* An answer about a name is none about its address. */
	assert_true(heard(CMD_ASK_REMEMBER).answer.named);
	assert_string_equal(worker.asked.answers[0].name, "any.where");
}

/* ---- bounds ---- */

/* A flow that is no call of the host value: what is decided of it goes nowhere. */
static bool take_other(uint32_t n, uint16_t port)
{
	const struct relay_asking asking = {
		.call = UINT64_C(1) << 60 | n,
		.proto = MINATO_TCP,
		.guest = end("10.0.2.100", 1000),
		.to = end("203.0.113.9", port),
		.reason = "not allowed",
	};

	return cmd_asked_take(&worker, &asking);
}

static void so_many_questions(void **state)
{
	uint64_t s;

	NEED_NETNS();
	for (uint32_t i = 0; i < CMD_QUESTIONS_MAX; i++) {
		assert_true(take_other(i, (uint16_t)(1000 + i)));
		found(&curl);
	}
	assert_int_equal(questions(), CMD_QUESTIONS_MAX);
	s = call("192.0.2.1", 9001);
	assert_false(held);
	refused(s, "not allowed");
	reply(1, "no");
	call("192.0.2.1", 9001);
	assert_true(held);
}

static void so_many_flows_of_one_question(void **state)
{
	uint64_t s;
	json_t *row;

	NEED_NETNS();
	s = call("192.0.2.1", 9001);
	found(&curl);
	for (uint32_t i = 1; i < CMD_QUESTION_FLOWS; i++) {
		struct relay_asking asking = {
			.call = UINT64_C(1) << 60 | i,
			.proto = MINATO_TCP,
			.to = end("192.0.2.1", 9001),
			.reason = "not allowed",
		};

		assert_true(cmd_asked_take(&worker, &asking));
		found(&curl);
	}
	row = the_question();
	assert_int_equal(number_in(row, "flows"), CMD_QUESTION_FLOWS);
	json_decref(row);
	assert_true(is_waiting(s));
	s = call("192.0.2.1", 9001);
	assert_true(held);
	found(&curl);
	refused(s, "too many questions are open");
	assert_int_equal(questions(), 1);
}

static void who_ends_asks_nothing(void **state)
{
	uint64_t s;

	NEED_NETNS();
	worker.ending = true;
	s = call("192.0.2.1", 9001);
	assert_false(held);
	refused(s, "not allowed");
	assert_true(keeper_hears_nothing());
}

/* ---- the guest's end ---- */

static void the_end_refuses_what_waits(void **state)
{
	uint64_t known, sought, unknown;

	NEED_NETNS();
	known = call("192.0.2.1", 9001);
	found(&curl);
	unknown = call("192.0.2.1", 9002);
	found(&(struct cmd_holding){ .count = -ENOENT });
	sought = call("192.0.2.1", 9003);
	assert_int_equal(questions(), 2);
	(void)said();
	cmd_asked_end(&worker);
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 3);
	refused(known, "the guest ended before it was answered");
	refused(sought, "the guest ended before it was answered");
	refused(unknown, "the guest ended before it was answered");
	assert_int_equal(questions(), 0);
	/* Nobody is told of a question that nobody can answer. */
	assert_string_equal(said(), "");
	/* What comes now waits for nobody. */
	call("192.0.2.1", 9004);
	assert_false(held);
}

/* While the last words are heard, no question is opened. */
static void who_is_found_at_the_end(void **state)
{
	uint64_t s;

	NEED_NETNS();
	s = call("192.0.2.1", 9001);
	worker.ending = true;
	found(&curl);
	refused(s, "the guest ended before it was answered");
	assert_int_equal(told.pid, 7);
	assert_int_equal(questions(), 0);
}

/* The relay has it no more, so it is told from here. */
static void what_was_taken_back_is_told(void **state)
{
	char line[1024] = "";
	int audit[2];

	NEED_NETNS();
	assert_int_equal(pipe2(audit, O_NONBLOCK | O_CLOEXEC), 0);
	worker.attempts = (struct cmd_attempts){ .audit = audit[1], .quiet = true, .guest = "web" };
	assert_true(take_other(1, 1000));
	found(&curl);
	cmd_asked_end(&worker);
	assert_true(read(audit[0], line, sizeof(line) - 1) > 0);
	assert_non_null(strstr(line, "\"destination\":\"203.0.113.9\",\"port\":1000,"));
	assert_non_null(strstr(line, "\"reason\":\"the guest ended before it was answered\""));
	close(audit[0]);
	close(audit[1]);
}

/* Its question has ended, and another stands in its place: the program found is not that one's. */
static void a_program_told_too_late(void **state)
{
	struct cmd_holding none = { .count = 0 };

	NEED_NETNS();
	assert_true(take_other(1, 1000));
	worker.asked.questions[0] = (struct cmd_question){ .number = 0 };
	found(&none);
	assert_int_equal(questions(), 0);
}

/* ---- without --ask, for the audit ---- */

static void without_ask_it_is_noted_whose_it_was(void **state)
{
	struct cmd_message message;
	struct cmd_message answer = { .kind = CMD_TELL_PROGRAM, .holding = curl };
	uint64_t s;

	NEED_NETNS();
	harbour.ask = false;
	s = call("192.0.2.1", 9001);
	message = heard(CMD_ASK_PROGRAM);
	assert_false(message.inquiry.all); /* nothing depends on the other holders */
	answer.holding.number = message.inquiry.number;
	cmd_witness_told(&worker, &answer);
	refused(s, "not allowed");
	assert_string_equal(told.program, "/usr/bin/curl");
	assert_int_equal(questions(), 0);
	assert_string_equal(said(), "");
}

static void a_rule_asks_all_holders(void **state)
{
	const struct relay_asking asking = { .call = UINT64_C(1) << 60,
					     .proto = MINATO_UDP,
					     .to = end("192.0.2.1", 53) };
	struct cmd_message message;

	NEED_NETNS();
	harbour.ask = false;
	cmd_asked_program(&worker, &asking);
	message = heard(CMD_ASK_PROGRAM);
	assert_true(message.inquiry.all);
	assert_int_equal(message.inquiry.flow.proto, MINATO_UDP);
	assert_int_equal(message.inquiry.flow.remote.port, 53);
	assert_int_equal(worker.asked.last, 0);
}

/* ---- the control socket ---- */

static void requests_that_are_none(void **state)
{
	static const char *const texts[] = {
		"{}",
		"{\"number\":1}",
		"{\"reply\":\"no\"}",
		"{\"number\":0,\"reply\":\"no\"}",
		"{\"number\":-1,\"reply\":\"no\"}",
		"{\"number\":\"1\",\"reply\":\"no\"}",
		"{\"number\":1.5,\"reply\":\"no\"}",
		"{\"number\":1,\"reply\":\"maybe\"}",
		"{\"number\":1,\"reply\":\"\"}",
		"{\"number\":1,\"reply\":\"No\"}",
		"{\"number\":1,\"reply\":[\"no\"]}",
		"{\"number\":1,\"reply\":null}",
	};
	const struct cmd_further *further = cmd_asked_further();

	NEED_NETNS();
	assert_true(take_other(1, 1000));
	found(&curl);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_null(say(json_loads(texts[i], 0, NULL)));
	assert_null(further->ask(&worker, "answers", NULL));
	assert_int_equal(questions(), 1);
	assert_null(further->listing("question"));
	assert_string_equal(further->listing("questions"), "questions");
	assert_string_equal(further->listing("statements"), "statements");
	{
		/* A number that no question has, or not yet. */
		json_t *late = say(json_pack("{s:i,s:s}", "number", 99, "reply", "once"));

		assert_true(json_is_true(json_object_get(late, "late")));
		json_decref(late);
		assert_true(take_other(2, 1001));
		late = say(json_pack("{s:i,s:s}", "number", 2, "reply", "once"));
		assert_true(json_is_true(json_object_get(late, "late")));
		json_decref(late);
		assert_int_equal(questions(), 1);
	}
}

static bool is_answered(int64_t number)
{
	json_t *message = json_pack("{s:I}", "number", (json_int_t)number);
	json_t *told_back = cmd_asked_further()->ask(&worker, "ended", message);
	bool answered = json_is_true(json_object_get(told_back, "answered"));
	json_t *late = say(json_pack("{s:I,s:s}", "number", (json_int_t)number, "reply", "no"));

	assert_non_null(told_back);
	assert_true(json_is_true(json_object_get(late, "late")));
	assert_true(json_is_true(json_object_get(late, "answered")) == answered);
	json_decref(late);
	json_decref(told_back);
	json_decref(message);
	return answered;
}

/* Who did not answer himself is told whether somebody has; of the latest ones. */
static void who_answered_is_known(void **state)
{
	json_t *none = json_pack("{s:i}", "number", 0);

	NEED_NETNS();
	assert_null(cmd_asked_further()->ask(&worker, "ended", none));
	json_decref(none);
	assert_true(take_other(1, 1000));
	found(&curl);
	(void)cmd_asked_turn(&worker, later(CMD_QUESTION_MS));
	assert_false(is_answered(1));
	for (uint32_t i = 0; i < CMD_ANSWERED_MAX + 1; i++) {
		assert_true(take_other(i, 1000));
		found(&curl);
		reply(2 + i, i % 2 ? "no" : "once");
		assert_true(is_answered(2 + i));
	}
	assert_false(is_answered(2));
	assert_true(is_answered(3));
	assert_false(is_answered(99));
}

/* By number, whichever place each has. */
static void the_oldest_comes_first(void **state)
{
	uint64_t cursor = 0;
	int64_t before = 0;
	json_t *row;

	NEED_NETNS();
	for (uint32_t i = 0; i < 4; i++) {
		assert_true(take_other(i, (uint16_t)(1000 + i)));
		found(&curl);
	}
	reply(2, "no");
	assert_true(take_other(9, 2000));
	found(&curl);
	assert_int_equal(worker.asked.questions[1].number, 5);
	for (int i = 0; i < 4; i++) {
		row = next(&cursor);
		assert_true(number_in(row, "number") > before);
		before = number_in(row, "number");
		json_decref(row);
	}
	assert_int_equal(before, 5);
	assert_null(next(&cursor));
}

/* ---- what outlives a worker ---- */

static struct cmd_scope_of scope(uint16_t port)
{
	struct cmd_scope_of one = {
		.proto = MINATO_TCP, .known = true, .inode = 100, .device = 1, .changed_ns = 5000
	};

	one.to = end("192.0.2.1", port);
	return one;
}

static void the_keeper_keeps_what_makes_sense(void **state)
{
	struct cmd_scope_of one = scope(9001);

	NEED_NETNS();
	one.known = false;
	cmd_asked_keep(&harbour, &one);
	one = scope(9001);
	one.proto = MINATO_ICMP;
	cmd_asked_keep(&harbour, &one);
	one = scope(9001);
	one.named = true;
	memset(one.name, 'a', sizeof(one.name)); /* without an end */
	cmd_asked_keep(&harbour, &one);
	assert_int_equal(harbour.answer_count, 0);
	one = scope(9001);
	harbour.ask = false;
	cmd_asked_keep(&harbour, &one);
	assert_int_equal(harbour.answer_count, 0);
	assert_null(harbour.answers);
	harbour.ask = true;
	for (uint32_t i = 0; i < CMD_ANSWERS_MAX + 3; i++) {
		one = scope((uint16_t)(9000 + i));
		cmd_asked_keep(&harbour, &one);
	}
	assert_int_equal(harbour.answer_count, CMD_ANSWERS_MAX);
	assert_int_equal(harbour.answers[CMD_ANSWERS_MAX - 1].to.port, 9000 + CMD_ANSWERS_MAX - 1);
}

static void the_next_worker_knows_them(void **state)
{
	const struct cmd_scope_of one = scope(9001);
	int listener, far;
	uint64_t s;

	NEED_NETNS();
	cmd_asked_begin(&worker);
	assert_int_equal(worker.asked.answer_count, 0);
	cmd_asked_keep(&harbour, &one);
	cmd_asked_begin(&worker);
	assert_int_equal(worker.asked.answer_count, 1);
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 9001);
	s = call("192.0.2.1", 9001);
	found(&curl);
	far = host_accept(listener);
	UNTIL(guest_ready(s) & MINATO_CONNECTED);
	close(far);
	close(listener);
}

/* A yes to what the last worker asked is none to what this one does. */
static void the_next_worker_has_numbers_of_its_own(void **state)
{
	uint64_t before;

	NEED_NETNS();
	cmd_asked_begin(&worker);
	assert_true(take_other(1, 1000));
	found(&curl);
	before = worker.asked.last;
	worker.asked = (struct cmd_asked){ .last = 0 };
	usleep(1000);
	cmd_asked_begin(&worker);
	assert_true(worker.asked.last > before);
	assert_true(take_other(2, 2000));
	found(&curl);
	assert_false(is_answered((int64_t)before));
	assert_int_equal(questions(), 1);
}

/* Beyond the bound "always" is "once", and the keeper is not told. */
static void so_many_answers(void **state)
{
	json_t *row, *said_back;

	NEED_NETNS();
	worker.asked.answer_count = CMD_ANSWERS_MAX;
	call("192.0.2.1", 9001);
	found(&curl);
	row = the_question();
	/* It is not offered any more; who was offered it before is told. */
	assert_true(json_is_false(json_object_get(row, "always")));
	said_back = say(json_pack("{s:I,s:s}", "number", (json_int_t)number_in(row, "number"),
				  "reply", "always"));
	assert_true(json_is_true(json_object_get(said_back, "once")));
	json_decref(said_back);
	json_decref(row);
	assert_int_equal(worker.asked.answer_count, CMD_ANSWERS_MAX);
	assert_true(keeper_hears_nothing());
	worker.asked.answer_count--;
	call("192.0.2.1", 9002);
	found(&curl);
	row = the_question();
	assert_true(json_is_true(json_object_get(row, "always")));
	said_back = say(json_pack("{s:I,s:s}", "number", (json_int_t)number_in(row, "number"),
				  "reply", "always"));
	assert_true(json_is_false(json_object_get(said_back, "once")));
	json_decref(said_back);
	json_decref(row);
	assert_int_equal(worker.asked.answer_count, CMD_ANSWERS_MAX);
}

#define CASE_ASKED(f) cmocka_unit_test_setup_teardown(f, begin_asked, finish_asked)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE_ASKED(once_is_dialled_and_asked_again),
		CASE_ASKED(no_is_no),
		CASE_ASKED(always_is_remembered),
		CASE_ASKED(always_of_nobody_known_is_once),
		CASE_ASKED(equal_flows_are_one_question),
		CASE_ASKED(silence_is_no),
		CASE_ASKED(who_waits_and_goes),
		CASE_ASKED(who_looks_and_leaves),
		CASE_ASKED(it_is_told_once_and_not_to_who_looks),
		CASE_ASKED(programs_in_words),
		CASE_ASKED(places_in_words),
		CASE_ASKED(so_many_questions),
		CASE_ASKED(so_many_flows_of_one_question),
		CASE_ASKED(who_ends_asks_nothing),
		CASE_ASKED(the_end_refuses_what_waits),
		CASE_ASKED(who_is_found_at_the_end),
		CASE_ASKED(what_was_taken_back_is_told),
		CASE_ASKED(a_program_told_too_late),
		CASE_ASKED(without_ask_it_is_noted_whose_it_was),
		CASE_ASKED(a_rule_asks_all_holders),
		CASE_ASKED(requests_that_are_none),
		CASE_ASKED(who_answered_is_known),
		CASE_ASKED(the_oldest_comes_first),
		CASE_ASKED(the_keeper_keeps_what_makes_sense),
		CASE_ASKED(the_next_worker_knows_them),
		CASE_ASKED(the_next_worker_has_numbers_of_its_own),
		CASE_ASKED(so_many_answers),
	};

	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
