/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs that rules name: numbers of words, and of what processes run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/cmd.h"
#include "minato/guard.h"

#include <errno.h>
#include <sys/stat.h>

static struct cmd_programs programs;

static int begin(void **state)
{
	(void)state;
	programs = (struct cmd_programs){ .count = 0 };
	return 0;
}

static struct kernel_program runs(const char *path)
{
	struct kernel_program program = { .pid = 2 };
	struct stat file;

	assert_int_equal(stat(path, &file), 0);
	program.device = file.st_dev;
	program.inode = file.st_ino;
	return program;
}

static void words_have_numbers(void **state)
{
	(void)state;
	assert_int_equal(cmd_programs_add(&programs, "/bin/sh"), 0);
	assert_int_equal(cmd_programs_add(&programs, "/not/there/yet"), 0);
	assert_int_equal(cmd_programs_add(&programs, "cat"), 0);
	assert_int_equal(cmd_programs_add(&programs, "cat"), 0);
	assert_int_equal(programs.count, 3);
	assert_int_equal(cmd_programs_number(&programs, "/bin/sh"), 1);
	assert_int_equal(cmd_programs_number(&programs, "/not/there/yet"), 2);
	assert_int_equal(cmd_programs_number(&programs, "cat"), 3);
	assert_int_equal(cmd_programs_number(&programs, "dog"), MINATO_PROGRAM_NONE);
	/* A rule about the one is a rule about the other. */
	assert_int_equal(cmd_programs_add(&programs, "sh"), 0);
	assert_int_equal(cmd_programs_number(&programs, "sh"), 1);
}

static void words_that_are_none(void **state)
{
	char word[CMD_PROGRAM_WORD + 1];

	(void)state;
	assert_int_equal(cmd_programs_add(&programs, "nosuchthing"), -ENOENT);
	memset(word, 'a', sizeof(word));
	word[0] = '/';
	word[CMD_PROGRAM_WORD] = 0;
	assert_int_equal(cmd_programs_add(&programs, word), -ENAMETOOLONG);
	assert_int_equal(programs.count, 0);
	for (unsigned i = 0; i < CMD_PROGRAMS_MAX; i++) {
		(void)snprintf(word, sizeof(word), "/x/%u", i);
		assert_int_equal(cmd_programs_add(&programs, word), 0);
	}
	assert_int_equal(cmd_programs_add(&programs, "/x/y"), -ENOSPC);
	assert_int_equal(cmd_programs_add(&programs, "/x/0"), 0);
}

static void by_the_file_that_is_run(void **state)
{
	struct kernel_program list[2];

	(void)state;
	assert_int_equal(cmd_programs_add(&programs, "/not/there/yet"), 0);
	assert_int_equal(cmd_programs_add(&programs, "cat"), 0);
	list[0] = list[1] = runs("/bin/cat");
	assert_int_equal(cmd_programs_of(&programs, list, 2), 2);
	assert_int_equal(cmd_programs_of(&programs, list, 0), MINATO_PROGRAM_NONE);
	/* All who hold the socket, not the first alone. */
	list[1] = runs("/bin/sh");
	assert_int_equal(cmd_programs_of(&programs, list, 1), 2);
	assert_int_equal(cmd_programs_of(&programs, list, 2), MINATO_PROGRAM_NONE);
	/* Neither a name, nor a file that is no more. */
	list[0].inode++;
	(void)snprintf(list[0].path, sizeof(list[0].path), "/bin/cat");
	assert_int_equal(cmd_programs_of(&programs, list, 1), MINATO_PROGRAM_NONE);
	list[0] = runs("/bin/cat");
	list[0].deleted = true;
	assert_int_equal(cmd_programs_of(&programs, list, 1), MINATO_PROGRAM_NONE);
	list[0] = (struct kernel_program){ .pid = 2 };
	assert_int_equal(cmd_programs_of(&programs, list, 1), MINATO_PROGRAM_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(words_have_numbers, begin),
		cmocka_unit_test_setup(words_that_are_none, begin),
		cmocka_unit_test_setup(by_the_file_that_is_run, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
