/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong with statements, in words for who wrote them. */
#include "cmd/gateway/gateway.h"

#include <stdarg.h>
#include <string.h>

struct writer {
	char *out;
	size_t size, used;
};

static void put(struct writer *writer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void put(struct writer *writer, const char *format, ...)
{
	va_list list;
	int took;

	va_start(list, format);
	took = vsnprintf(writer->out + writer->used, writer->size - writer->used, format, list);
	va_end(list);
	if (took > 0)
		writer->used += (size_t)took;
	if (writer->used >= writer->size)
		writer->used = writer->size - 1;
}

/* The beginning of the line of that number, and its length; NULL: there is none. */
static const char *find_line(const char *text, uint32_t number, size_t *length)
{
	while (text && --number > 0) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	if (text)
		*length = strcspn(text, "\n");
	return text;
}

/* A tab above stands as one below, so that the caret is where it should be. */
static void put_caret(struct writer *writer, const char *line, size_t length,
		      const struct conf_fault *fault)
{
	put(writer, "\n  %.*s\n  ", (int)length, line);
	for (uint32_t i = 0; i < fault->column && i < length; i++)
		put(writer, "%c", line[i] == '\t' ? '\t' : ' ');
	put(writer, "^");
	for (uint32_t i = 1; i < fault->length && fault->column + i < length; i++)
		put(writer, "~");
}

/* The word that was meant, perhaps. */
static void put_guess(struct writer *writer, const char *line, size_t length,
		      const struct conf_fault *fault)
{
	char word[64];
	struct cmd_guess guess = { .word = word };

	if (!line || fault->column >= length || !fault->length)
		return;
	snprintf(word, sizeof(word), "%.*s", (int)fault->length, line + fault->column);
	for (uint32_t i = 0; i < fault->candidate_count; i++)
		cmd_guess_try(&guess, fault->candidate[i]);
	if (guess.best)
		put(writer, "; did you mean %.*s?", (int)strcspn(guess.best, " "), guess.best);
}

static void put_fault(struct writer *writer, const struct conf_fault *fault, const char *path,
		      const char *text)
{
	size_t length = 0;
	const char *line = text ? find_line(text, fault->line, &length) : NULL;

	if (writer->used)
		put(writer, "\n");
	if (path && *path)
		put(writer, "%s:%u:%u: ", path, fault->line, fault->column + 1);
	else if (!path && fault->line)
		put(writer, "line %u: ", fault->line);
	put(writer, "%s%s", fault->severity == CONF_WARNING ? "warning: " : "", fault->what);
	put_guess(writer, line, length, fault);
	if (fault->other && path && *path)
		put(writer, " (line %u)", fault->other);
	if (line)
		put_caret(writer, line, length, fault);
}

void gateway_fault_text(const struct conf_report *report, const char *path, const char *text,
			char *out, size_t size)
{
	struct writer writer = { out, size, 0 };

	out[0] = 0;
	for (size_t i = 0; i < report->count; i++)
		put_fault(&writer, &report->fault[i], path, text);
	if (report->errors + report->warnings > report->count)
		put(&writer, "\nand %zu more", report->errors + report->warnings - report->count);
}
