/* SPDX-License-Identifier: BSD-2-Clause */
/* Catches a failed check() of the library; for one source file per program. */
#ifndef TEST_CATCH_H
#define TEST_CATCH_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>

#include "minato/minato.h"

static jmp_buf catch_here;
static bool catch_armed;

/* Takes the place of the library's weak one. */
void minato_panic(const char *file, int line, const char *what)
{
	(void)file;
	(void)line;
	(void)what;
	if (!catch_armed)
		abort();
	catch_armed = false;
	longjmp(catch_here, 1);
}

/* Fails unless the statement breaks a check(). */
#define assert_check_fails(statement)                                          \
	do {                                                                   \
		catch_armed = true;                                            \
		if (setjmp(catch_here) == 0) {                                 \
			statement;                                             \
			catch_armed = false;                                   \
			fail_msg("no check failed: %s", #statement);           \
		}                                                              \
	} while (0)

#endif
