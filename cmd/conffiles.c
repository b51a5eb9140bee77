/* SPDX-License-Identifier: BSD-2-Clause */
/* A file of statements and those that it includes, found and read. */
#include "cmd/conf.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int fail(char what[CONF_WHAT_SIZE], const char *path, const char *why)
{
	(void)snprintf(what, CONF_WHAT_SIZE, "cannot include %.160s: %s", path, why);
	return -EINVAL;
}

/* One that is read already: by itself, through others, or twice. */
static int refuse_again(const struct cmd_conf_files *files, size_t found, size_t of,
			char what[CONF_WHAT_SIZE])
{
	const struct conf_sources *sources = &files->sources;
	uint32_t from = sources->list[found].from;

	for (size_t at = of; at != found; at = CONF_LINE_FILE(sources->list[at].from)) {
		if (at)
			continue;
		(void)snprintf(what, CONF_WHAT_SIZE,
			       "%.80s is included already, by line %u of %.80s",
			       sources->list[found].path, CONF_LINE_NUMBER(from),
			       sources->list[CONF_LINE_FILE(from)].path);
		return -EINVAL;
	}
	(void)snprintf(what, CONF_WHAT_SIZE, "%.160s includes itself by this",
		       sources->list[found].path);
	return -EINVAL;
}

/* Takes the text over. */
static int append(struct cmd_conf_files *files, const char *path, struct cmd_text *text,
		  const struct stat *about)
{
	struct conf_sources *sources = &files->sources;
	struct conf_source *mine = &sources->list[sources->count];

	*mine = (struct conf_source){ strdup(path), text->bytes, text->size, 0 };
	*text = (struct cmd_text){ .bytes = NULL };
	if (!mine->path) {
		free(mine->text);
		return -ENOMEM;
	}
	files->at[sources->count].device = about ? about->st_dev : 0;
	files->at[sources->count].inode = about ? about->st_ino : 0;
	files->size += mine->size;
	sources->count++;
	return 0;
}

static int add(struct cmd_conf_files *files, size_t of, const char *path, char what[CONF_WHAT_SIZE])
{
	struct cmd_text text = { .bytes = NULL };
	struct drive_error error;
	struct stat about;
	int result;

	if (stat(path, &about) < 0)
		return fail(what, path, strerror(errno));
	if (!S_ISREG(about.st_mode))
		return fail(what, path,
			    S_ISDIR(about.st_mode) ? "it is a folder (of all in it: /*.conf)" :
						     "it is no plain file");
	for (size_t i = 0; i < files->sources.count; i++) {
		if (files->at[i].device == about.st_dev && files->at[i].inode == about.st_ino)
			return refuse_again(files, i, of, what);
	}
	if (files->sources.count == CONF_FILES_MAX) {
		(void)snprintf(what, CONF_WHAT_SIZE, "more than %u files", CONF_FILES_MAX);
		return -EINVAL;
	}
	result = cmd_text_read(&text, path, CONF_SIZE_MAX - files->size, &error);
	if (result == -EFBIG) {
		(void)snprintf(what, CONF_WHAT_SIZE,
			       "with %.160s the files have more than %u bytes", path,
			       CONF_SIZE_MAX);
		return -EINVAL;
	}
	if (result < 0)
		return fail(what, path, strerror(-result));
	return append(files, path, &text, &about);
}

/* Files are meant beside the one that says so. */
static int path_of(char *out, size_t size, const char *base, const char *word)
{
	const char *slash = *word == '/' ? NULL : strrchr(base, '/');
	int used = snprintf(out, size, "%.*s%s", slash ? (int)(slash - base) + 1 : 0, base, word);

	return used > 0 && (size_t)used < size ? 0 : -EINVAL;
}

/* A folder that is not there has nothing in it. */
static int unreadable(const char *path, int errnum)
{
	(void)path;
	return errnum != ENOENT;
}

/* In the order of their names; there may be none. */
static int add_matching(struct cmd_conf_files *files, size_t of, const char *pattern,
			char what[CONF_WHAT_SIZE])
{
	glob_t found = { .gl_pathc = 0 };
	int got = glob(pattern, 0, unreadable, &found);
	int result = 0;

	if (got != 0 && got != GLOB_NOMATCH)
		result = fail(what, pattern,
			      got == GLOB_NOSPACE ? strerror(ENOMEM) : "the folder cannot be read");
	for (size_t i = 0; i < found.gl_pathc && result == 0; i++)
		result = add(files, of, found.gl_pathv[i], what);
	globfree(&found);
	return result;
}

static int find(void *user, struct conf_sources *sources, size_t of, const char *word,
		char what[CONF_WHAT_SIZE])
{
	struct cmd_conf_files *files = user;
	char path[PATH_MAX];

	if (path_of(path, sizeof(path), sources->list[of].path, word) < 0)
		return fail(what, word, "its path is too long");
	return strpbrk(word, "*?[") ? add_matching(files, of, path, what) :
				      add(files, of, path, what);
}

int cmd_conf_open(struct cmd_conf_files *files, const char *path, struct drive_error *error)
{
	struct cmd_text text;
	int result = cmd_text_read(&text, path, CONF_SIZE_MAX, error);

	if (result < 0) {
		*files = (struct cmd_conf_files){ .size = 0 };
		return result;
	}
	return cmd_conf_open_text(files, path, &text, error);
}

int cmd_conf_open_text(struct cmd_conf_files *files, const char *path, struct cmd_text *text,
		       struct drive_error *error)
{
	bool there = path && strcmp(path, "-") != 0;
	struct stat about;
	int result;

	*files = (struct cmd_conf_files){ .size = 0 };
	files->sources.find = find;
	files->sources.user = files;
	result = append(files, path ? path : "", text,
			there && stat(path, &about) == 0 ? &about : NULL);
	return result < 0 ? drive_fail(error, -result, "%s", strerror(-result)) : 0;
}

void cmd_conf_close(struct cmd_conf_files *files)
{
	for (size_t i = 0; i < files->sources.count; i++) {
		free(files->sources.list[i].path);
		free(files->sources.list[i].text);
	}
	files->sources.count = 0;
}
