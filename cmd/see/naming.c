/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of ports on this host: its services file, before the registry. */
#include "cmd/see/services.h"

#include <errno.h>
#include <stdlib.h>

#define HOST_FILE "/etc/services"
#define FILE_MAX (16u << 20)

static struct minato_services *make(const struct cmd_text *text, struct drive_error *error)
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
	struct minato_services *services;
	struct cmd_text text;
	int result = cmd_text_read(&text, path ? path : HOST_FILE, FILE_MAX, error);

	/* A host whose file is missing or broken has the registry alone. */
	if (path && result < 0)
		return NULL;
	services = make(&text, error);
	free(text.bytes);
	return services;
}
