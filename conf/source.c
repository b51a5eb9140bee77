/* SPDX-License-Identifier: BSD-2-Clause */
/* The files that a conf is made of, by the numbers that lines have. */
#include "conf/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct conf_files *conf_files_hold(struct conf_files *files)
{
	if (files)
		files->refs++;
	return files;
}

void conf_files_drop(struct conf_files *files)
{
	if (!files || --files->refs)
		return;
	for (size_t i = 0; i < files->count; i++)
		free(files->path[i]);
	free(files);
}

int conf_files_add(struct conf_files **files, const char *path)
{
	char *copy;

	if (!*files) {
		*files = calloc(1, sizeof(**files));
		if (!*files)
			return -ENOMEM;
		(*files)->refs = 1;
	}
	if ((*files)->count == CONF_FILES_MAX)
		return -ENOSPC;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	(*files)->path[(*files)->count++] = copy;
	return 0;
}

const char *conf_file_of(const struct conf *conf, uint32_t line)
{
	uint32_t number = CONF_LINE_FILE(line);

	if (!conf || !conf->files || line >= CONF_LINE_LIVE || !number ||
	    number >= conf->files->count)
		return NULL;
	return conf->files->path[number];
}

const char *conf_where(char out[CONF_WHERE_SIZE], const struct conf *conf, uint32_t line)
{
	const char *path = conf_file_of(conf, line);

	if (!line || line >= CONF_LINE_LIVE)
		(void)snprintf(out, CONF_WHERE_SIZE, "live");
	else
		(void)snprintf(out, CONF_WHERE_SIZE, "line %u%s%.255s", CONF_LINE_NUMBER(line),
			       path ? " of " : "", path ? path : "");
	return out;
}
