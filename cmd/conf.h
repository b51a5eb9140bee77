/* SPDX-License-Identifier: BSD-2-Clause */
/* minato.conf on the command line: read, and what is wrong with it said. */
#ifndef MINATO_CMD_CONF_H
#define MINATO_CMD_CONF_H

#include "cmd/cmd.h"
#include "conf/conf.h"

extern const struct cmd_command cmd_check;

/* ---- conffault.c: what is said of a report ---- */

/* Where a conf was read from. */
struct cmd_conf_text {
	const char *name; /* of the file; NULL: a statement of the command line */
	const char *bytes;
	size_t size;
	const struct conf_sources *sources; /* more files, by the number of a line's; or NULL */
};
/* The name of the file that a line is of. */
const char *cmd_conf_name(const struct cmd_conf_text *text, uint32_t line);
/* The words of the line, without its end; empty where there is no such line. Not zero-ended. */
const char *cmd_conf_line(const struct cmd_conf_text *text, uint32_t line, size_t *length);
/*
 * Each fault with its place, the line, a caret under the word and the word that was meant; and how
 * many more there are.
 */
void cmd_conf_say(FILE *out, const struct cmd_conf_text *text, const struct conf_report *report,
		  bool colour);
/* The same as an array of objects; minato-check(1) says which members. A new reference. */
json_t *cmd_conf_faults(const struct cmd_conf_text *text, const struct conf_report *report);
/* A test line that is not met, and what became of it instead. */
void cmd_conf_missed(FILE *out, const char *file, const struct conf_statement *test,
		     const struct conf_verdict *verdict, bool colour);

/* ---- conffiles.c: a file, and those that it includes ---- */

/* What cmd_conf_open fills in; each file is known by its place on a disk. */
struct cmd_conf_files {
	struct conf_sources sources; /* for conf_read_sources */
	struct {
		uint64_t device, inode; /* 0, 0: of none */
	} at[CONF_FILES_MAX];
	size_t size; /* of them all */
};
/* Reads the file. 0, or negative errno with a text. */
int cmd_conf_open(struct cmd_conf_files *files, const char *path, struct drive_error *error);
/* Begins with this text (taken over) in the place of the file's, or of none (NULL). */
int cmd_conf_open_text(struct cmd_conf_files *files, const char *path, struct cmd_text *text,
		       struct drive_error *error);
void cmd_conf_close(struct cmd_conf_files *files);

/* ---- setfiles.c ---- */

/*
 * Reads the files of `set NAME from PATH` and appends what they hold (conf_set_lines); adds to the
 * report what is wrong there, and which rules are about a set that is empty. 0, -EINVAL where
 * something is wrong, -ENOMEM.
 */
int cmd_sets_read(struct conf *conf, struct conf_report *report);

#endif
