/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong with an argument, the argument, and a caret under the place. */
#include "relay/permit.h"

#include <ctype.h>
#include <string.h>

#define SHOWN_MAX 72u  /* columns of the argument that are repeated */
#define BEFORE_MAX 40u /* columns of it before the caret */

int relay_caret(struct drive_error *error, int errnum, const char *text, size_t column, size_t len,
		const char *what)
{
	size_t from = column > BEFORE_MAX ? column - BEFORE_MAX : 0;
	char shown[SHOWN_MAX + 1];
	char mark[SHOWN_MAX + 1];
	size_t i;

	for (i = 0; i < SHOWN_MAX && text[from + i]; i++)
		shown[i] = isprint((unsigned char)text[from + i]) ? text[from + i] : '?';
	shown[i] = '\0';
	column -= from;
	memset(mark, ' ', column);
	mark[column] = '^';
	for (i = 1; i < len && column + i < SHOWN_MAX; i++)
		mark[column + i] = '~';
	mark[column + i] = '\0';
	return drive_fail(error, errnum, "%s\n  %s\n  %s", what, shown, mark);
}
