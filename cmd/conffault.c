/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong with a text in the language of minato.conf: the place, a caret, what was meant. */
#include "cmd/conf.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "minato/services.h"

#define SHOWN_MAX 96u  /* columns of a line that are repeated */
#define BEFORE_MAX 64u /* columns of it before the caret */
#define POINTS 3u      /* in the place of what is left out */
#define WORD_SIZE 64u

/* The file of a line, of several; NULL: there is but one text. */
static const struct conf_source *source_of(const struct cmd_conf_text *text, uint32_t line)
{
	uint32_t number = line < CONF_LINE_LIVE ? CONF_LINE_FILE(line) : 0;

	if (!text->sources || !number || number >= text->sources->count)
		return NULL;
	return &text->sources->list[number];
}

const char *cmd_conf_name(const struct cmd_conf_text *text, uint32_t line)
{
	const struct conf_source *source = source_of(text, line);

	return source ? source->path : text->name;
}

const char *cmd_conf_line(const struct cmd_conf_text *text, uint32_t line, size_t *length)
{
	const struct conf_source *source = source_of(text, line);
	const char *at = source ? source->text : text->bytes;
	const char *end = at + (source ? source->size : text->size);
	const char *newline;

	line = text->sources ? CONF_LINE_NUMBER(line) : line;

	for (uint32_t i = 1; i < line && at < end; i++) {
		newline = memchr(at, '\n', (size_t)(end - at));
		at = newline ? newline + 1 : end;
	}
	newline = memchr(at, '\n', (size_t)(end - at));
	*length = (size_t)((newline ? newline : end) - at);
	/* Of a text made on other systems, as it is read. */
	if (*length && at[*length - 1] == '\r')
		--*length;
	return at;
}

/* ---- which word ---- */

static bool is_of_name(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("._-", c));
}

/* Of a list of names the one that is meant. */
static struct conf_fault narrowed(const struct cmd_conf_text *text, const struct conf_fault *fault)
{
	struct conf_fault one = *fault;
	const size_t size = strlen(fault->word);
	size_t length;
	const char *line = cmd_conf_line(text, fault->line, &length);
	const size_t end = fault->column + fault->length;

	for (size_t at = fault->column; size && end <= length && at + size <= end; at++) {
		if (strncasecmp(line + at, fault->word, size) != 0 ||
		    (at > fault->column && is_of_name(line[at - 1])) ||
		    (at + size < end && is_of_name(line[at + size])))
			continue;
		one.column = (uint32_t)at;
		one.length = (uint32_t)size;
		break;
	}
	return one;
}

/* ---- what was meant ---- */

struct guess {
	char word[WORD_SIZE]; /* as written */
	char words[CONF_CANDIDATES_MAX][WORD_SIZE];
	struct cmd_guess best;
};

static void guess(struct guess *guess, const struct cmd_conf_text *text,
		  const struct conf_fault *fault)
{
	size_t length;
	const char *line = cmd_conf_line(text, fault->line, &length);
	size_t size = fault->length;

	*guess = (struct guess){ .best = { .word = guess->word } };
	if (size == 0 || size >= WORD_SIZE || fault->column + size > length)
		return;
	memcpy(guess->word, line + fault->column, size);
	for (uint32_t i = 0; i < fault->candidate_count; i++) {
		size_t n = strcspn(fault->candidate[i], " ");

		snprintf(guess->words[i], WORD_SIZE, "%.*s", (int)n, fault->candidate[i]);
		cmd_guess_try(&guess->best, guess->words[i]);
	}
	for (uint32_t i = 0; fault->service && i < minato_service_count(); i++)
		cmd_guess_try(&guess->best, minato_service_at(i).name);
}

/* ---- text ---- */

static const char *paint(bool colour, const char *sgr)
{
	return colour ? sgr : "";
}

/*
 * Shows at most SHOWN_MAX columns of the line, with points for what is left out. Returns how many
 * it leaves out in front.
 */
static size_t show_line(FILE *out, const char *line, size_t length, size_t column)
{
	size_t from = length > SHOWN_MAX && column > BEFORE_MAX ? column - BEFORE_MAX : 0;
	size_t end = length - from > SHOWN_MAX ? from + SHOWN_MAX : length;

	fputs("    ", out);
	for (size_t i = from; i < end; i++) {
		unsigned char c = (unsigned char)line[i];

		if ((from && i < from + POINTS) || (end < length && i >= end - POINTS))
			c = '.';
		putc(c == '\t' ? ' ' : c < ' ' || c > '~' ? '?' : c, out);
	}
	putc('\n', out);
	return from;
}

static void show_caret(FILE *out, size_t column, size_t length, bool colour)
{
	fprintf(out, "    %*s%s^", (int)column, "", paint(colour, "\033[1;32m"));
	for (size_t i = 1; i < length && column + i < SHOWN_MAX; i++)
		putc('~', out);
	fprintf(out, "%s\n", paint(colour, "\033[0m"));
}

static void say_place(FILE *out, const struct cmd_conf_text *text, const struct conf_fault *fault,
		      bool colour)
{
	bool error = fault->severity == CONF_ERROR;

	if (!text->name) {
		fputs("minato: ", out);
		return;
	}
	fprintf(out, "%s%s:", paint(colour, "\033[1m"), cmd_conf_name(text, fault->line));
	if (fault->line)
		fprintf(out, "%u:%u:", CONF_LINE_NUMBER(fault->line), fault->column + 1);
	fprintf(out, "%s %s%s:%s ", paint(colour, "\033[0m"),
		paint(colour, error ? "\033[1;31m" : "\033[1;35m"), error ? "error" : "warning",
		paint(colour, "\033[0m"));
}

static void say_fault(FILE *out, const struct cmd_conf_text *text, const struct conf_fault *fault,
		      bool colour)
{
	struct guess meant;
	size_t length;
	const char *line = cmd_conf_line(text, fault->line, &length);

	guess(&meant, text, fault);
	say_place(out, text, fault, colour);
	fputs(fault->what, out);
	if (meant.best.best)
		fprintf(out, "; did you mean '%s'?", meant.best.best);
	putc('\n', out);
	/* It is about what stands in no line. */
	if (!fault->line && text->name)
		return;
	show_caret(out, fault->column - show_line(out, line, length, fault->column), fault->length,
		   colour);
	if (!fault->other || !text->name)
		return;
	fprintf(out, "%s%s:%u:%s the other line\n", paint(colour, "\033[1m"),
		cmd_conf_name(text, fault->other), CONF_LINE_NUMBER(fault->other),
		paint(colour, "\033[0m"));
	line = cmd_conf_line(text, fault->other, &length);
	show_line(out, line, length, 0);
}

void cmd_conf_say(FILE *out, const struct cmd_conf_text *text, const struct conf_report *report,
		  bool colour)
{
	size_t more = report->errors + report->warnings - report->count;

	for (size_t i = 0; i < report->count; i++) {
		const struct conf_fault fault = narrowed(text, &report->fault[i]);

		say_fault(out, text, &fault, colour);
	}
	if (more > 0)
		fprintf(out, "%s: and %zu more\n", text->name ? text->name : "minato", more);
}

/* ---- JSON ---- */

static json_t *fault_object(const struct cmd_conf_text *text, const struct conf_fault *fault)
{
	struct guess meant;
	json_t *object;

	guess(&meant, text, fault);
	object = json_pack("{s:s,s:i,s:i,s:i,s:o,s:s?,s:o}", "severity",
			   fault->severity == CONF_ERROR ? "error" : "warning", "line",
			   (int)CONF_LINE_NUMBER(fault->line), "column", (int)fault->column + 1,
			   "length", (int)fault->length, "what", view_json_string(fault->what),
			   "meant", meant.best.best, "other_line",
			   fault->other ? json_integer(CONF_LINE_NUMBER(fault->other)) :
					  json_null());
	if (text->name)
		json_object_set_new(object, "file",
				    view_json_string(cmd_conf_name(text, fault->line)));
	if (text->name && fault->other)
		json_object_set_new(object, "other_file",
				    view_json_string(cmd_conf_name(text, fault->other)));
	return object;
}

json_t *cmd_conf_faults(const struct cmd_conf_text *text, const struct conf_report *report)
{
	json_t *faults = json_array();

	for (size_t i = 0; i < report->count; i++) {
		const struct conf_fault fault = narrowed(text, &report->fault[i]);

		json_array_append_new(faults, fault_object(text, &fault));
	}
	return faults;
}

void cmd_conf_missed(FILE *out, const char *file, const struct conf_statement *test,
		     const struct conf_verdict *verdict, bool colour)
{
	char text[CONF_TEXT_SIZE];

	conf_print(text, sizeof(text), test);
	fprintf(out, "%s%s:%u:%s %stest not met:%s it %s\n    %s\n", colour ? "\033[1m" : "", file,
		CONF_LINE_NUMBER(test->line), colour ? "\033[0m" : "", colour ? "\033[1;31m" : "",
		colour ? "\033[0m" : "", verdict->got, text);
}
