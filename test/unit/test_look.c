/* SPDX-License-Identifier: BSD-2-Clause */
/* What a terminal can show, tried on a pseudo-terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/cmd.h"

static int master = -1;
static FILE *terminal;

static int setup(void **state)
{
	struct winsize size = { .ws_row = 24, .ws_col = 132 };

	(void)state;
	master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0 || grantpt(master) || unlockpt(master))
		return -1;
	/* Not to become our controlling terminal, which would end us with it. */
	terminal = fdopen(open(ptsname(master), O_RDWR | O_NOCTTY), "r+");
	if (!terminal || ioctl(master, TIOCSWINSZ, &size))
		return -1;
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	unsetenv("COLUMNS");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fclose(terminal);
	close(master);
	return 0;
}

static void a_terminal_tells_its_width(void **state)
{
	(void)state;
	assert_int_equal(cmd_look(terminal).width, 132);
}

static void columns_help_where_it_does_not(void **state)
{
	struct winsize none = { 0 };

	(void)state;
	ioctl(master, TIOCSWINSZ, &none);
	assert_int_equal(cmd_look(terminal).width, 80);
	setenv("COLUMNS", "100", 1);
	assert_int_equal(cmd_look(terminal).width, 100);
	setenv("COLUMNS", "-3", 1);
	assert_int_equal(cmd_look(terminal).width, 80);
}

static void a_terminal_has_colours(void **state)
{
	(void)state;
	assert_true(cmd_look(terminal).colour);
}

static void no_color_is_obeyed(void **state)
{
	(void)state;
	setenv("NO_COLOR", "1", 1);
	assert_false(cmd_look(terminal).colour);
	setenv("NO_COLOR", "", 1);
	assert_true(cmd_look(terminal).colour);
}

static void a_dumb_terminal_has_none(void **state)
{
	(void)state;
	setenv("TERM", "dumb", 1);
	assert_false(cmd_look(terminal).colour);
	unsetenv("TERM");
	assert_false(cmd_look(terminal).colour);
}

static void a_file_is_neither_folded_nor_coloured(void **state)
{
	FILE *file = tmpfile();
	struct view_look look = cmd_look(file);

	(void)state;
	fclose(file);
	assert_int_equal(look.width, 0);
	assert_false(look.colour);
	assert_true(look.header);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_terminal_tells_its_width), CASE(columns_help_where_it_does_not),
		CASE(a_terminal_has_colours),	  CASE(no_color_is_obeyed),
		CASE(a_dumb_terminal_has_none),	  CASE(a_file_is_neither_folded_nor_coloured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
