/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens by default when a promise of the library itself is broken. */
#include "base/check.h"

/* Weak: a program that wants a message or a core file defines its own. */
__attribute__((weak)) void minato_panic(const char *file, int line,
					const char *what)
{
	(void)file;
	(void)line;
	(void)what;
	__builtin_trap();
}
