/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong with statements, as a text that can travel. */
#include "cmd/gateway/gateway.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/conf.h"

static bool has_errors(const struct conf_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		if (report->fault[i].severity == CONF_ERROR)
			return true;
	}
	return false;
}

/*
 * Without a text that it is about: by line alone, where there is one. What is wrong is not mixed
 * with warnings about what stands already.
 */
static void say_lines(FILE *out, const struct conf_report *report, const struct conf *conf)
{
	char where[CONF_WHERE_SIZE];
	enum conf_severity wanted = has_errors(report) ? CONF_ERROR : CONF_WARNING;

	for (size_t i = 0; i < report->count; i++) {
		const struct conf_fault *fault = &report->fault[i];

		if (fault->severity != wanted)
			continue;
		if (wanted == CONF_WARNING)
			fprintf(out, "warning: ");
		if (fault->line)
			fprintf(out, "%s: ", conf_where(where, conf, fault->line));
		fprintf(out, "%s\n", fault->what);
	}
}

/* Whoever shows it says who speaks, and ends the line. */
static void trim(char *out)
{
	static const char speaker[] = "minato: ";
	size_t length = strlen(out);

	if (!strncmp(out, speaker, sizeof(speaker) - 1)) {
		length -= sizeof(speaker) - 1;
		memmove(out, out + sizeof(speaker) - 1, length + 1);
	}
	if (length && out[length - 1] == '\n')
		out[length - 1] = 0;
}

/* With `about` by its text, else by line. */
static void write_faults(const struct conf_report *report, const struct cmd_conf_text *about,
			 const struct conf *conf, char *out, size_t size)
{
	char *all = NULL;
	size_t length = 0;
	FILE *file = open_memstream(&all, &length);

	out[0] = 0;
	if (!file)
		return;
	if (about)
		cmd_conf_say(file, about, report, false);
	else
		say_lines(file, report, conf);
	if (fclose(file) == 0)
		(void)snprintf(out, size, "%s", all);
	free(all);
	trim(out);
}

void gateway_fault_text(const struct conf_report *report, const char *path, const char *text,
			char *out, size_t size)
{
	const struct cmd_conf_text about = {
		.name = *path ? path : NULL,
		.bytes = text,
		.size = strlen(text),
	};

	write_faults(report, &about, NULL, out, size);
}

void gateway_fault_sources(const struct conf_report *report, const struct conf_sources *sources,
			   char *out, size_t size)
{
	const struct cmd_conf_text about = {
		.name = sources->list[0].path,
		.bytes = sources->list[0].text,
		.size = sources->list[0].size,
		.sources = sources,
	};

	write_faults(report, &about, NULL, out, size);
}

void gateway_fault_lines(const struct conf_report *report, const struct conf *conf, char *out,
			 size_t size)
{
	write_faults(report, NULL, conf, out, size);
}

/* The statement in a line; NULL: none. */
static const struct conf_statement *statement_in(const struct conf *conf, uint32_t line)
{
	size_t index = line >= CONF_LINE_LIVE ? line - CONF_LINE_LIVE : 0;

	while (line < CONF_LINE_LIVE && index < conf->count && conf->list[index]->line != line)
		index++;
	return line && index < conf->count ? conf->list[index] : NULL;
}

static void print_sentence(char out[GATEWAY_FAULT_SIZE], const struct conf *conf, uint32_t line)
{
	const struct conf_statement *one = statement_in(conf, line);

	out[0] = 0;
	if (one)
		(void)cmd_rule_print(out, GATEWAY_FAULT_SIZE, one);
}

void gateway_fault_sentence(const struct conf *conf, const struct conf_fault *fault,
			    char out[GATEWAY_FAULT_SIZE])
{
	print_sentence(out, conf, fault->line);
}

void gateway_fault_words(const struct conf *conf, const struct conf_fault *fault,
			 char out[GATEWAY_FAULT_SIZE])
{
	char mine[GATEWAY_FAULT_SIZE], other[GATEWAY_FAULT_SIZE];
	char line[CONF_WHERE_SIZE], other_line[CONF_WHERE_SIZE];
	int used;

	print_sentence(mine, conf, fault->line);
	print_sentence(other, conf, fault->other);
	used = snprintf(out, GATEWAY_FAULT_SIZE, "'%.160s' (%.80s): %s", mine,
			conf_where(line, conf, fault->line), fault->what);
	if (fault->other && used > 0 && (size_t)used < GATEWAY_FAULT_SIZE)
		(void)snprintf(out + used, GATEWAY_FAULT_SIZE - (size_t)used,
			       "; the other line is '%.160s' (%.80s)", other,
			       conf_where(other_line, conf, fault->other));
}

/* "tcp port 80 is forwarded already, by 'forward tcp 80 to 10.0.0.2' (line 3)". */
static void name_other(struct conf_fault *fault, const struct conf *conf, uint32_t line)
{
	char other[GATEWAY_FAULT_SIZE], place[CONF_WHERE_SIZE];
	size_t used = strlen(fault->what);

	print_sentence(other, conf, line);
	if (other[0])
		(void)snprintf(fault->what + used, sizeof(fault->what) - used,
			       ", by '%.120s' (%.80s)",
			       other, conf_where(place, conf, line));
}

/* What takes a live statement back, in front of what it says. */
static const char *undo_of(enum conf_kind kind)
{
	return kind == CONF_KIND_FORWARD ? "minato forward rm " :
	       kind == CONF_KIND_DRAIN	 ? "minato forward undrain " :
	       kind == CONF_KIND_NAT	 ? "minato nat unset " :
	       kind == CONF_KIND_RULE	 ? "minato rule rm " :
					   "minato dmz file";
}

/*
 * No line of the file is wrong: what was said live cannot stand with it any more.
 * "..., in what was said live: 'minato forward rm tcp 80 on 192.0.2.7 to 10.0.0.2' takes it back"
 */
static void blame_live(struct conf_fault *fault, const struct conf *conf, uint32_t line)
{
	const struct conf_statement *one = statement_in(conf, line);
	size_t used = strlen(fault->what);
	char *end = fault->what + used;
	char text[GATEWAY_FAULT_SIZE];
	static struct conf_statement said;
	const char *words = text;
	int size;

	if (!one)
		return;
	/* Where a rule stands is in a word of ours. */
	conf_copy(&said, one);
	if (one->kind == CONF_KIND_RULE)
		conf_item_place(&said.rule, NULL);
	(void)conf_print(text, sizeof(text), &said);
	/* The verb is in the command; a setting of nat is taken back without its value. */
	if (one->kind == CONF_KIND_NAT)
		words = conf_nat_key_words(one->nat.key);
	else if (one->kind != CONF_KIND_RULE)
		words += strcspn(text, " ") + 1;
	if (one->kind == CONF_KIND_DMZ)
		size = snprintf(end, sizeof(fault->what) - used,
				", in the live '%.120s': '%s' takes it back", text,
				undo_of(one->kind));
	else
		size = snprintf(end, sizeof(fault->what) - used,
				", in what was said live: '%s%s' takes it back", undo_of(one->kind),
				words);
	/* A command is whole, or the statement's beginning tells which it is. */
	if (size < 0 || (size_t)size >= sizeof(fault->what) - used)
		(void)snprintf(end, sizeof(fault->what) - used, ", in the live '%.60s...'", text);
}

/* It is shown at the file's statement, which is who asked's to change. */
static void turn(struct conf_fault *fault, const struct conf *conf)
{
	const struct conf_statement *one = statement_in(conf, fault->other);
	uint32_t live = fault->line;

	fault->line = fault->other;
	fault->column = one ? one->mark[CONF_PART_SUBJECT].column : 0;
	fault->length = one ? one->mark[CONF_PART_SUBJECT].length : 0;
	name_other(fault, conf, live);
	fault->other = 0;
}

/* What is wrong is not mixed with warnings about what stands already. */
static void drop_warnings(struct conf_report *report)
{
	size_t kept = 0;

	for (size_t i = 0; i < report->count; i++) {
		if (report->fault[i].severity == CONF_ERROR)
			report->fault[kept++] = report->fault[i];
	}
	report->count = kept;
	report->warnings = 0;
}

void gateway_fault_settle(struct conf_report *report, const struct conf *conf, bool of_file)
{
	if (has_errors(report))
		drop_warnings(report);
	for (size_t i = 0; i < report->count; i++) {
		struct conf_fault *fault = &report->fault[i];

		if (of_file && fault->line >= CONF_LINE_LIVE && fault->other &&
		    fault->other < CONF_LINE_LIVE) {
			turn(fault, conf);
			continue;
		}
		if (fault->other && (!of_file || fault->other >= CONF_LINE_LIVE)) {
			name_other(fault, conf, fault->other);
			fault->other = 0;
		}
		if (fault->line < CONF_LINE_LIVE)
			continue;
		if (of_file)
			blame_live(fault, conf, fault->line);
		fault->line = fault->column = fault->length = 0;
	}
}

/* ---- what is not there ---- */

#define NEAR_MAX 4u

/* What of a list could be meant: the command that takes it away, or its line in the file. */
static size_t say_near(const struct gateway_keeper *keeper, const struct conf *conf,
		       const char *text, char *out, size_t size)
{
	static char words[CONF_TEXT_SIZE];
	size_t near[NEAR_MAX];
	size_t count = conf_find_near(conf, text, near, NEAR_MAX);
	size_t used = 0;

	out[0] = 0;
	for (size_t i = 0; i < count && i < NEAR_MAX && used < size; i++) {
		const struct conf_statement *one = conf->list[near[i]];
		const char *file = conf_file_of(conf, one->line);

		(void)cmd_rule_print(words, sizeof(words), one);
		if (one->line)
			used += (size_t)snprintf(out + used, size - used, "\n    line %u of %s: %s",
						 CONF_LINE_NUMBER(one->line),
						 file ? file : keeper->path, words);
		else
			used += (size_t)snprintf(out + used, size - used, "\n    %s%s",
						 undo_of(one->kind),
						 words + strcspn(words, " ") + 1);
	}
	if (count > NEAR_MAX && used < size)
		used += (size_t)snprintf(out + used, size - used, "\n    and %zu more",
					 count - NEAR_MAX);
	return used < size ? used : size - 1;
}

void gateway_fault_missing(const struct gateway_keeper *keeper, const char *text, char *out,
			   size_t size)
{
	static const char before[] = "; these have a part of it:";
	size_t used =
		(size_t)snprintf(out, size, "nothing stands as '%.*s'", (int)CONF_LINE_MAX, text);
	size_t room = size - used - sizeof(before);
	size_t found =
		say_near(keeper, &keeper->said.conf, text, out + used + sizeof(before) - 1, room);

	found += say_near(keeper, &keeper->file.conf, text, out + used + sizeof(before) - 1 + found,
			  room - found);
	if (found)
		memcpy(out + used, before, sizeof(before) - 1);
}
