/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors with a sentence for the user. */
#include "drive/drive.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int drive_fail(struct drive_error *error, int errnum, const char *format, ...)
{
	if (error) {
		va_list list;

		va_start(list, format);
		(void)vsnprintf(error->text, sizeof(error->text), format, list);
		va_end(list);
	}
	return -errnum;
}

void drive_warn(struct drive_error *warning, const char *format, ...)
{
	size_t used = strlen(warning->text);
	va_list list;

	if (used > 0 && used + 2 < sizeof(warning->text)) {
		memcpy(warning->text + used, "; ", 3);
		used += 2;
	}
	va_start(list, format);
	(void)vsnprintf(warning->text + used, sizeof(warning->text) - used, format, list);
	va_end(list);
}
