/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of ports on this host: its services file, before the registry. */
#include "cmd/services.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HOST_FILE "/etc/services"
#define FILE_MAX (16u << 20)

struct text {
	char *bytes;
	size_t size;
};

static int read_stream(FILE *file, struct text *text)
{
	size_t room = 1u << 15;
	size_t got = 1;

	while (got) {
		char *bytes = text->size + room > FILE_MAX ?
				      NULL :
				      realloc(text->bytes, text->size + room);

		if (!bytes)
			return text->size + room > FILE_MAX ? -EFBIG : -ENOMEM;
		text->bytes = bytes;
		got = fread(bytes + text->size, 1, room, file);
		text->size += got;
	}
	return ferror(file) ? -EIO : 0;
}

static int read_file(const char *path, struct text *text)
{
	FILE *file = fopen(path, "re");
	int result;

	if (!file)
		return -errno;
	result = read_stream(file, text);
	fclose(file);
	return result;
}

static struct minato_services *make(const struct text *text, struct drive_error *error)
{
	size_t size = minato_services_size(text->bytes, text->size);
	void *memory = size ? malloc(size) : NULL;
	struct minato_services *services = NULL;

	if (!memory ||
	    minato_services_create(memory, size, text->bytes, text->size, &services) < 0) {
		drive_fail(error, ENOMEM, "no memory for the names of ports");
		free(memory);
		return NULL;
	}
	return services;
}

struct minato_services *cmd_naming_open(const char *path, struct drive_error *error)
{
	struct minato_services *services = NULL;
	struct text text = { NULL, 0 };
	int result = read_file(path ? path : HOST_FILE, &text);

	if (path && result < 0) {
		drive_fail(error, -result, "cannot read %s: %s", path, strerror(-result));
	} else {
		/* A host whose file is missing or broken has the registry alone. */
		if (result < 0)
			text.size = 0;
		services = make(&text, error);
	}
	free(text.bytes);
	return services;
}
