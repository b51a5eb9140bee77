/* SPDX-License-Identifier: BSD-2-Clause */
/* The programs that rules name, and which of them a process runs: by files, not by names. */
#include "cmd/cmd.h"
#include "minato/guard.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the program of that name is, as a login would find it. */
static int find_path(char path[CMD_PROGRAM_WORD], const char *name)
{
	static const char *const folders[] = {
		"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
	};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		int len = snprintf(path, CMD_PROGRAM_WORD, "%s/%s", folders[i], name);

		if (len < (int)CMD_PROGRAM_WORD && access(path, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

bool cmd_programs_missing(const char *path, char *out, size_t size)
{
	struct stat about;

	if (path[0] != '/')
		return false;
	if (stat(path, &about) < 0 && (errno == ENOENT || errno == ENOTDIR))
		(void)snprintf(out, size,
			       "there is no file %s here now: the rule matches nothing until there "
			       "is a program",
			       path);
	else if (stat(path, &about) == 0 && (!S_ISREG(about.st_mode) || !(about.st_mode & 0111)))
		(void)snprintf(out, size,
			       "%s is %s: the rule matches nothing until it is a program", path,
			       S_ISDIR(about.st_mode) ? "a directory" : "no program");
	else
		return false;
	return true;
}

static bool same_file(const char *a, const char *b)
{
	struct stat x;
	struct stat y;

	return strcmp(a, b) == 0 || (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
				     x.st_ino == y.st_ino);
}

int cmd_programs_add(struct cmd_programs *programs, const char *word)
{
	struct cmd_program_word *one = &programs->list[programs->count];

	if (cmd_programs_number(programs, word) != MINATO_PROGRAM_NONE)
		return 0;
	if (programs->count == CMD_PROGRAMS_MAX)
		return -ENOSPC;
	if (strlen(word) >= CMD_PROGRAM_WORD)
		return -ENAMETOOLONG;
	(void)snprintf(one->word, sizeof(one->word), "%s", word);
	(void)snprintf(one->path, sizeof(one->path), "%s", word);
	if (word[0] != '/' && find_path(one->path, word) < 0)
		return -ENOENT;
	one->number = (uint16_t)(programs->count + 1);
	for (size_t i = 0; i < programs->count; i++) {
		if (same_file(programs->list[i].path, one->path))
			one->number = programs->list[i].number;
	}
	programs->count++;
	return 0;
}

void cmd_programs_note(struct cmd_programs *programs, const char *word, uint16_t number)
{
	struct cmd_program_word *one = &programs->list[programs->count];

	if (programs->count == CMD_PROGRAMS_MAX ||
	    cmd_programs_number(programs, word) != MINATO_PROGRAM_NONE)
		return;
	*one = (struct cmd_program_word){ .number = number };
	(void)snprintf(one->word, sizeof(one->word), "%s", word);
	programs->count++;
}

uint16_t cmd_programs_number(const struct cmd_programs *programs, const char *word)
{
	for (size_t i = 0; i < programs->count; i++) {
		if (strcmp(programs->list[i].word, word) == 0)
			return programs->list[i].number;
	}
	return MINATO_PROGRAM_NONE;
}

static bool all_run(const struct kernel_program *list, size_t count, const char *path)
{
	for (size_t i = 0; i < count; i++) {
		if (!kernel_program_is(&list[i], path))
			return false;
	}
	return count > 0;
}

uint16_t cmd_programs_of(const struct cmd_programs *programs, const struct kernel_program *list,
			 size_t count)
{
	for (size_t i = 0; i < programs->count; i++) {
		if (all_run(list, count, programs->list[i].path))
			return programs->list[i].number;
	}
	return MINATO_PROGRAM_NONE;
}
