/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of the audit: in their order, with whose flow each is about once that is known. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/cmd.h"

static struct cmd_harbour harbour;
static struct cmd_worker worker;
static int written, keeper;

static int begin(void **state)
{
	int ends[2], channel[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	assert_int_equal(cmd_channel_pair(channel), 0);
	harbour = (struct cmd_harbour){ .seeking = true };
	worker = (struct cmd_worker){ .harbour = &harbour, .channel = channel[0] };
	worker.attempts = (struct cmd_attempts){ .audit = ends[1], .worker = &worker };
	written = ends[0];
	keeper = channel[1];
	return 0;
}

static int end(void **state)
{
	(void)state;
	close(worker.attempts.audit);
	close(worker.channel);
	close(written);
	close(keeper);
	return 0;
}

static void line(enum relay_attempt_sort sort, const char *text)
{
	struct relay_attempt attempt = {
		.sort = sort, .proto = MINATO_TCP, .guest = { .port = 1000 }, .to = { .port = 80 }
	};

	cmd_attempting_line(&worker.attempts, &attempt, strdup(text));
}

/* The keeper says so of the oldest inquiry that it has not answered. */
static void answered(int count, const char *path)
{
	struct cmd_message message;
	int fds[CMD_CHANNEL_FDS_MAX];
	size_t none;

	assert_int_equal(cmd_channel_receive(keeper, &message, fds, &none), 1);
	assert_int_equal(message.kind, CMD_ASK_PROGRAM);
	assert_int_equal(message.inquiry.flow.local.port, 1000);
	assert_int_equal(message.inquiry.flow.remote.port, 80);
	assert_false(message.inquiry.all);
	message.holding = (struct cmd_holding){ .number = message.inquiry.number, .count = count };
	message.holding.list[0].pid = 7;
	(void)snprintf(message.holding.list[0].path, KERNEL_PROGRAM_PATH, "%s", path);
	cmd_witness_told(&worker, &message);
}

static void written_is(const char *wanted)
{
	char text[8192] = "";
	ssize_t got = read(written, text, sizeof(text) - 1);

	assert_string_equal(got > 0 ? text : "", wanted);
}

static void whose_it_is(void **state)
{
	(void)state;
	line(RELAY_ATTEMPT_BEGUN, "{\"a\":1}");
	written_is("");
	answered(1, "/bin/a");
	written_is("{\"a\":1,\"program\":\"/bin/a\",\"pid\":7}\n");
	line(RELAY_ATTEMPT_REFUSED, "{\"a\":2}");
	answered(3, "/bin/\"\n\xff");
	written_is("{\"a\":2,\"program\":\"/bin/\\\"\\n?\",\"pid\":7,\"holders\":3}\n");
	line(RELAY_ATTEMPT_REFUSED, "{\"a\":3}");
	answered(0, "");
	written_is("{\"a\":3}\n");
}

static void in_their_order(void **state)
{
	(void)state;
	line(RELAY_ATTEMPT_BEGUN, "{\"a\":1}");
	line(RELAY_ATTEMPT_ENDED, "{\"a\":2}");
	line(RELAY_ATTEMPT_NAME, "{\"a\":3}");
	line(RELAY_ATTEMPT_BEGUN, "{\"a\":4}");
	written_is("");
	answered(1, "/b");
	written_is("{\"a\":1,\"program\":\"/b\",\"pid\":7}\n{\"a\":2}\n{\"a\":3}\n");
	answered(-2, "");
	written_is("{\"a\":4}\n");
	line(RELAY_ATTEMPT_ENDED, "{\"a\":5}");
	written_is("{\"a\":5}\n");
}

static void known_without_asking(void **state)
{
	struct cmd_holding holding = { .count = 1, .list = { { .pid = 9, .path = "/c" } } };

	(void)state;
	worker.asked.deciding = &holding;
	line(RELAY_ATTEMPT_REFUSED, "{\"a\":1}");
	written_is("{\"a\":1,\"program\":\"/c\",\"pid\":9}\n");
	/* A process whose path cannot be read has a name still. */
	holding.list[0].path[0] = 0;
	(void)snprintf(holding.list[0].command, sizeof(holding.list[0].command), "cc");
	line(RELAY_ATTEMPT_REFUSED, "{\"a\":2}");
	written_is("{\"a\":2,\"program\":\"[cc]\",\"pid\":9}\n");
}

/* The keeper answers nothing: the oldest lines go on without, and all of them at the end. */
static void no_more_than_there_is_room_for(void **state)
{
	char text[32], wanted[8192] = "";

	(void)state;
	for (unsigned i = 0; i < CMD_ATTEMPTS_WAITING + 10; i++) {
		(void)snprintf(text, sizeof(text), "{\"a\":%u}", i);
		line(RELAY_ATTEMPT_BEGUN, text);
		assert_true(worker.attempts.waiting <= CMD_ATTEMPTS_WAITING);
	}
	cmd_attempts_end(&worker.attempts);
	for (unsigned i = 0; i < CMD_ATTEMPTS_WAITING + 10; i++)
		(void)snprintf(wanted + strlen(wanted), 32, "{\"a\":%u}\n", i);
	written_is(wanted);
	/* What comes late finds nothing to be added to. */
	answered(1, "/late");
	written_is("");
}

static void without_programs(void **state)
{
	(void)state;
	harbour.seeking = false;
	line(RELAY_ATTEMPT_BEGUN, "{\"a\":1}");
	written_is("{\"a\":1}\n");
	worker.attempts.worker = NULL;
	line(RELAY_ATTEMPT_BEGUN, "{\"a\":2}");
	written_is("{\"a\":2}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whose_it_is, begin, end),
		cmocka_unit_test_setup_teardown(in_their_order, begin, end),
		cmocka_unit_test_setup_teardown(known_without_asking, begin, end),
		cmocka_unit_test_setup_teardown(no_more_than_there_is_room_for, begin, end),
		cmocka_unit_test_setup_teardown(without_programs, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
