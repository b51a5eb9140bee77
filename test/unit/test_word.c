/* SPDX-License-Identifier: BSD-2-Clause */
/* Words between a helper and its maker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drive/drive.h"

static int ends[2];

static int start(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int end(void **state)
{
	(void)state;
	close(ends[0]);
	close(ends[1]);
	return 0;
}

static void a_word_arrives_with_its_descriptor(void **state)
{
	struct drive_word said = { .result = -ENOENT, .vnet = true, .text = { "why" } };
	struct drive_word heard;
	int pipe_of[2];
	char byte;
	int fd;

	(void)state;
	assert_int_equal(pipe(pipe_of), 0);
	assert_int_equal(drive_word_say(ends[0], &said, pipe_of[1]), 0);
	assert_int_equal(drive_word_hear(ends[1], &heard, &fd), 0);
	assert_int_equal(heard.result, -ENOENT);
	assert_true(heard.vnet);
	assert_false(heard.has6);
	assert_string_equal(heard.text.text, "why");
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(read(pipe_of[0], &byte, 1), 1);
	close(fd);
	close(pipe_of[0]);
	close(pipe_of[1]);
}

static void a_word_can_come_alone(void **state)
{
	struct drive_word said = { .result = 1 };
	struct drive_word heard;
	int fd = 7;

	(void)state;
	assert_int_equal(drive_word_say(ends[0], &said, -1), 0);
	assert_int_equal(drive_word_hear(ends[1], &heard, &fd), 0);
	assert_int_equal(heard.result, 1);
	assert_int_equal(fd, -1);
}

static void an_end_is_no_word(void **state)
{
	struct drive_word word;
	int fd;

	(void)state;
	assert_int_equal(send(ends[0], "short", 5, 0), 5);
	assert_int_equal(drive_word_hear(ends[1], &word, &fd), -EPIPE);
	shutdown(ends[0], SHUT_RDWR);
	assert_int_equal(drive_word_hear(ends[1], &word, &fd), -EPIPE);
	assert_true(drive_word_say(ends[1], &word, -1) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_word_arrives_with_its_descriptor, start, end),
		cmocka_unit_test_setup_teardown(a_word_can_come_alone, start, end),
		cmocka_unit_test_setup_teardown(an_end_is_no_word, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
