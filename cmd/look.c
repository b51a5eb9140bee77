/* SPDX-License-Identifier: BSD-2-Clause */
/* What the output can show: its width and whether it has colours. */
#include "cmd/cmd.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_USUAL 80

static size_t width_of(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;

	if (!ioctl(fd, TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	if (columns && atoi(columns) > 0)
		return (size_t)atoi(columns);
	return WIDTH_USUAL;
}

struct view_look cmd_look(FILE *out)
{
	struct view_look look = { .header = true };
	const char *no_colour = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");

	if (!isatty(fileno(out)))
		return look;
	look.width = width_of(fileno(out));
	look.colour = !(no_colour && *no_colour) && terminal && strcmp(terminal, "dumb") != 0;
	return look;
}
