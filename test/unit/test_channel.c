/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages between keeper and worker: whole ones, descriptors, and what is no message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"

static int ends[2];
static struct cmd_message came;
static int fds[CMD_CHANNEL_FDS_MAX];
static size_t count;

static int setup(void **state)
{
	(void)state;
	count = 99;
	return cmd_channel_pair(ends);
}

static int teardown(void **state)
{
	(void)state;
	if (ends[0] >= 0)
		close(ends[0]);
	close(ends[1]);
	return 0;
}

static int receive(void)
{
	return cmd_channel_receive(ends[1], &came, fds, &count);
}

/* What a worker sends may be any byte. */
static void a_byte_is_true_false_or_neither(void **state)
{
	struct cmd_message message = { .kind = CMD_ASK_REMEMBER };

	(void)state;
	assert_true(cmd_channel_is_bool(&message.answer.known));
	message.answer.known = true;
	assert_true(cmd_channel_is_bool(&message.answer.known));
	memset(&message.answer.known, 120, sizeof(message.answer.known));
	assert_false(cmd_channel_is_bool(&message.answer.known));
}

static void a_message_comes_as_it_was_sent(void **state)
{
	struct cmd_message message = { .kind = CMD_ASK_SIGNAL, .number = 15 };

	(void)state;
	assert_int_equal(cmd_channel_send(ends[0], &message, NULL, 0), 0);
	assert_int_equal(receive(), 1);
	assert_int_equal(count, 0);
	assert_memory_equal(&came, &message, sizeof(message));
}

static void same_file(int a, int b)
{
	struct stat one, two;

	assert_int_equal(fstat(a, &one), 0);
	assert_int_equal(fstat(b, &two), 0);
	assert_int_equal(one.st_ino, two.st_ino);
}

static void descriptors_come_along(void **state)
{
	const struct cmd_message message = { .kind = CMD_TELL_BEGIN };
	int many[CMD_CHANNEL_FDS_MAX];

	(void)state;
	for (size_t i = 0; i < CMD_CHANNEL_FDS_MAX; i++)
		many[i] = ends[i % 2];
	assert_int_equal(cmd_channel_send(ends[0], &message, many, CMD_CHANNEL_FDS_MAX), 0);
	assert_int_equal(receive(), 1);
	assert_int_equal(count, CMD_CHANNEL_FDS_MAX);
	for (size_t i = 0; i < count; i++) {
		same_file(fds[i], many[i]);
		assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
	}
	cmd_channel_drop(fds, count);
	assert_int_equal(fcntl(fds[0], F_GETFD), -1);
	assert_int_equal(cmd_channel_send(ends[0], &message, many, CMD_CHANNEL_FDS_MAX + 1),
			 -EINVAL);
}

static void the_kind_can_be_seen_before(void **state)
{
	const struct cmd_message message = { .kind = CMD_TELL_CLIENT };
	uint32_t kind = 0;

	(void)state;
	assert_int_equal(cmd_channel_peek(ends[1], &kind), -EAGAIN);
	assert_int_equal(cmd_channel_send(ends[0], &message, &ends[0], 1), 0);
	assert_int_equal(cmd_channel_peek(ends[1], &kind), 0);
	assert_int_equal(kind, CMD_TELL_CLIENT);
	assert_int_equal(receive(), 1);
	assert_int_equal(count, 1);
	cmd_channel_drop(fds, count);
}

static void what_is_cut_is_no_message(void **state)
{
	(void)state;
	assert_int_equal(send(ends[0], &came, sizeof(came) - 1, 0), sizeof(came) - 1);
	assert_int_equal(receive(), -EPROTO);
	assert_int_equal(count, 0);
}

static void what_is_too_long_is_no_message(void **state)
{
	static char bytes[sizeof(struct cmd_message) + 1];

	(void)state;
	assert_int_equal(send(ends[0], bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_int_equal(receive(), -EPROTO);
}

static void the_end_is_no_error(void **state)
{
	uint32_t kind;

	(void)state;
	close(ends[0]);
	ends[0] = -1;
	assert_int_equal(cmd_channel_peek(ends[1], &kind), -EPROTO);
	assert_int_equal(receive(), 0);
	assert_int_equal(cmd_channel_send(ends[1], &came, NULL, 0), -EPIPE);
}

static void who_does_not_read_is_not_waited_for(void **state)
{
	int sent = 0;

	(void)state;
	while (sent < 100000 && cmd_channel_send(ends[0], &came, NULL, 0) == 0)
		sent++;
	assert_in_range(sent, 16, 99999);
	assert_int_equal(cmd_channel_send(ends[0], &came, NULL, 0), -EAGAIN);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_message_comes_as_it_was_sent),	   CASE(descriptors_come_along),
		CASE(a_byte_is_true_false_or_neither),
		CASE(the_kind_can_be_seen_before),	   CASE(what_is_cut_is_no_message),
		CASE(what_is_too_long_is_no_message),	   CASE(the_end_is_no_error),
		CASE(who_does_not_read_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
