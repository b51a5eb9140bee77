/* SPDX-License-Identifier: BSD-2-Clause */
/* A text in pieces is the same text at the other end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cmd/gateway/gateway.h"

static char text[GATEWAY_ORDER_MAX + 1];
static struct gateway_parcel parcel;

static void travel(size_t length)
{
	struct cmd_message message;
	int fds[CMD_CHANNEL_FDS_MAX];
	size_t count;
	int ends[2];

	for (size_t i = 0; i < length; i++)
		text[i] = (char)('a' + i % 26);
	text[length] = 0;
	parcel.used = 0;
	parcel.text[0] = 0;
	assert_int_equal(cmd_channel_pair(ends), 0);
	assert_int_equal(gateway_parcel_send(ends[0], GATEWAY_ASK_PIECE, text), 0);
	close(ends[0]);
	while (cmd_channel_receive(ends[1], &message, fds, &count) == 1) {
		assert_int_equal(message.kind, GATEWAY_ASK_PIECE);
		assert_int_equal(gateway_parcel_take(&parcel, &message), 0);
	}
	close(ends[1]);
	assert_string_equal(parcel.text, text);
	assert_int_equal(parcel.used, length);
}

static void lengths(void **state)
{
	const size_t room = sizeof(((struct cmd_message *)0)->text.text);
	const size_t some[] = { 0, 1, room - 2, room - 1, room, 2 * room, GATEWAY_ORDER_MAX - 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
		travel(some[i]);
}

/* Whoever sends more, or a piece without an end, is not believed. */
static void too_much(void **state)
{
	struct cmd_message message = { .kind = GATEWAY_ASK_PIECE };
	int result = 0;
	size_t pieces = 0;

	(void)state;
	parcel.used = 0;
	memset(message.text.text, 'x', sizeof(message.text.text));
	for (; result == 0; pieces++)
		result = gateway_parcel_take(&parcel, &message);
	assert_int_equal(result, -E2BIG);
	assert_true(parcel.used < GATEWAY_ORDER_MAX);
	assert_int_equal(pieces, GATEWAY_ORDER_MAX / sizeof(message.text.text));
}

/* No line is cut: what finds no room is counted. */
static void notes_are_of_whole_lines(void **state)
{
	char note[128] = "";

	(void)state;
	for (int i = 0; i < 4; i++)
		gateway_note_line(note, sizeof(note), "warning: number %d of several", i);
	assert_string_equal(note, "warning: number 0 of several\nwarning: number 1 of several\n"
				  "warning: number 2 of several\n... and 1 more");
	for (int i = 0; i < 99999; i++)
		gateway_note_line(note, sizeof(note), "warning: another");
	assert_string_equal(strrchr(note, '\n') + 1, "... and 100000 more");
	note[0] = 0;
	gateway_note_line(note, 40, "warning: a line that is too long by itself");
	assert_string_equal(note, "... and 1 more");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths),
		cmocka_unit_test(too_much),
		cmocka_unit_test(notes_are_of_whole_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
