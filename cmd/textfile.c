/* SPDX-License-Identifier: BSD-2-Clause */
/* A file that the command line names, read whole. */
#include "cmd/cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIECE (1u << 15)

static int read_stream(struct cmd_text *text, FILE *file, size_t max)
{
	size_t got = 1;

	while (got) {
		char *bytes = realloc(text->bytes, text->size + PIECE + 1);

		if (!bytes)
			return -ENOMEM;
		text->bytes = bytes;
		got = fread(bytes + text->size, 1, PIECE, file);
		text->size += got;
		if (text->size > max)
			return -EFBIG;
	}
	text->bytes[text->size] = 0;
	/* What can be opened need not be readable: a directory. */
	return ferror(file) ? -errno : 0;
}

int cmd_text_read(struct cmd_text *text, const char *path, size_t max, struct drive_error *error)
{
	FILE *file = !strcmp(path, "-") ? stdin : fopen(path, "re");
	int result = file ? 0 : -errno;

	*text = (struct cmd_text){ 0 };
	if (file)
		result = read_stream(text, file, max);
	if (file && file != stdin)
		fclose(file);
	if (result == 0)
		return 0;
	free(text->bytes);
	*text = (struct cmd_text){ 0 };
	if (result == -EFBIG)
		return drive_fail(error, EFBIG, "%s is longer than %zu bytes", path, max);
	return drive_fail(error, -result, "cannot read %s: %s", path, strerror(-result));
}
