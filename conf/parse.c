/* SPDX-License-Identifier: BSD-2-Clause */
/* A file's text, line by line; and one statement alone. */
#include "conf/reader.h"
#include "conf/rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the list ---- */

/* Lists stand last in their structs, and are kept as long as they are. */
size_t conf_size(const struct conf_statement *s)
{
	static const size_t sizes[CONF_KIND_COUNT] = {
		[CONF_KIND_LINK] = sizeof(s->link),
		[CONF_KIND_ROUTE] = sizeof(s->route),
		[CONF_KIND_POOL] = sizeof(s->pool),
		[CONF_KIND_DMZ] = sizeof(s->dmz),
		[CONF_KIND_DRAIN] = sizeof(s->drain),
		[CONF_KIND_NEVER] = sizeof(s->never),
		[CONF_KIND_NAT] = sizeof(s->nat),
		[CONF_KIND_CAPACITY] = sizeof(s->capacity),
		[CONF_KIND_RESERVE] = sizeof(s->reserve),
		[CONF_KIND_STATE] = sizeof(s->state),
		[CONF_KIND_TEST] = sizeof(s->test),
		[CONF_KIND_SCANS] = sizeof(s->scans),
		[CONF_KIND_ALERT] = sizeof(s->alert),
	};
	size_t size = offsetof(struct conf_statement, link) + sizes[s->kind];

	if (s->kind == CONF_KIND_FORWARD)
		size += offsetof(struct conf_forward, server) +
			s->forward.server_count * sizeof(s->forward.server[0]);
	if (s->kind == CONF_KIND_RULE)
		size += offsetof(struct conf_rule, tail) + s->rule.tail_size;
	if (s->kind == CONF_KIND_ZONE || s->kind == CONF_KIND_SET)
		size += offsetof(struct conf_set, prefix) + s->set.count * sizeof(s->set.prefix[0]);
	return size;
}

void conf_copy(struct conf_statement *out, const struct conf_statement *s)
{
	memset(out, 0, sizeof(*out));
	memcpy(out, s, conf_size(s));
}

void conf_free(struct conf *conf)
{
	for (size_t i = 0; i < conf->count; i++)
		free(conf->list[i]);
	free(conf->list);
	conf_files_drop(conf->files);
	*conf = (struct conf){ 0 };
}

int conf_add(struct conf *conf, const struct conf_statement *statement)
{
	struct conf_statement *mine;

	if (conf->count == CONF_STATEMENTS_MAX)
		return -ENOSPC;
	if (conf->count == conf->room) {
		size_t room = conf->room ? conf->room * 2 : 16;
		struct conf_statement **list = realloc(conf->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		conf->list = list;
		conf->room = room;
	}
	mine = malloc(conf_size(statement));
	if (!mine)
		return -ENOMEM;
	memcpy(mine, statement, conf_size(statement));
	conf->list[conf->count++] = mine;
	return 0;
}

void conf_remove(struct conf *conf, size_t index)
{
	free(conf->list[index]);
	memmove(&conf->list[index], &conf->list[index + 1],
		(conf->count - index - 1) * sizeof(conf->list[0]));
	conf->count--;
}

/* ---- lines ---- */

/* The bytes of a line, with a zero behind them. */
struct line {
	char bytes[CONF_LINE_MAX + 1];
	struct reader reader;
};

/* What is being read. */
struct parsing {
	struct conf *out;
	struct conf_sources *sources;
	bool guest; /* it is rules of one */
	struct conf_report *report;
};

static int read_source(struct parsing *p, size_t number);

/* Those that the line means are read where it stands. */
static int include(struct parsing *p, struct line *line, const struct conf_statement *statement)
{
	struct reader *r = &line->reader;
	size_t first = p->sources->count;
	char what[CONF_WHAT_SIZE] = "";
	int result = p->sources->find(p->sources->user, p->sources, CONF_LINE_FILE(r->number),
				      statement->state, what);

	if (result == -EINVAL)
		reader_fail(r, r->word[1], "%s", what);
	if (result < 0)
		return result == -EINVAL ? 0 : result;
	for (size_t i = first, last = p->sources->count; i < last && result == 0; i++) {
		p->sources->list[i].from = r->number;
		result = read_source(p, i);
	}
	return result;
}

static int read_line(struct parsing *p, struct line *line, const char *text, size_t length)
{
	struct reader *r = &line->reader;
	struct conf_statement statement;
	int result;

	/* Of a text made on other systems. */
	if (length > 0 && text[length - 1] == '\r')
		length--;
	r->failed = false;
	if (length > CONF_LINE_MAX) {
		reader_fail(r, (struct reader_word){ 0, 0 },
			    "this line has %zu bytes; the longest has %u", length, CONF_LINE_MAX);
		return 0;
	}
	memcpy(line->bytes, text, length);
	line->bytes[length] = 0;
	if (reader_begin(r, line->bytes, length) < 0 || reader_ended(r))
		return 0;
	if (sentence_read(r, &statement) < 0)
		return 0;
	if (statement.kind == CONF_KIND_COUNT)
		return include(p, line, &statement);
	result = conf_add(p->out, &statement);
	if (result == -ENOSPC)
		reader_fail(r, r->word[0], "more than %u statements: what follows was not read",
			    CONF_STATEMENTS_MAX);
	return result;
}

/* -ENOSPC: it has said that no more is read. */
static int read_source(struct parsing *p, size_t number)
{
	const char *text = p->sources->list[number].text;
	size_t size = p->sources->list[number].size;
	struct line *line = calloc(1, sizeof(*line));
	int result = line ? 0 : -ENOMEM;
	size_t at = 0;

	if (line) {
		line->reader.report = p->report;
		line->reader.of_file = true;
		line->reader.of_guest = p->guest;
		line->reader.includes = p->sources->find != NULL;
		line->reader.number = (uint32_t)number << 25;
	}
	while (result == 0 && at < size) {
		const char *end = memchr(text + at, '\n', size - at);
		size_t length = end ? (size_t)(end - text) - at : size - at;

		if (CONF_LINE_NUMBER(line->reader.number) < CONF_LINES_MAX)
			line->reader.number++;
		result = read_line(p, line, text + at, length);
		at += length + 1;
	}
	free(line);
	return result;
}

static int judge_guest(const struct conf *conf, const char *guest, struct conf_report *report)
{
	int result = clash_judge(conf, report);

	return result < 0 ? result : conf_rules_judge(conf, guest, report);
}

/* With `guest` its rules, else a gateway's file. */
static int read_all(struct conf *out, struct conf_sources *sources, const char *guest,
		    struct conf_report *report)
{
	struct parsing p = {
		.out = out,
		.sources = sources,
		.guest = guest != NULL,
		.report = report,
	};
	bool whole;
	int result;

	*out = (struct conf){ .closed = sources->closed, .behind_count = sources->behind_count };
	memcpy(out->behind, sources->behind, sizeof(out->behind));
	report->count = report->errors = report->warnings = 0;
	if (sources->list[0].size > CONF_SIZE_MAX) {
		struct conf_fault *fault =
			reader_report(report, CONF_ERROR, 1, (struct conf_mark){ 0, 0 });

		snprintf(fault->what, sizeof(fault->what),
			 "the file has %zu bytes; the longest has %u", sources->list[0].size,
			 CONF_SIZE_MAX);
		return -EINVAL;
	}
	result = read_source(&p, 0);
	result = result == -ENOSPC ? 0 : result;
	/* By their numbers, which is not the order of reading; one alone needs no name. */
	for (size_t i = 0; i < sources->count && sources->count > 1 && result == 0; i++)
		result = conf_files_add(&out->files, sources->list[i].path);
	whole = report->errors == 0;
	if (result == 0 && !guest)
		result = conf_judge(out, report);
	else if (result == 0)
		result = report->errors ? -EINVAL : judge_guest(out, guest, report);
	if (whole && (result == 0 || result == -EINVAL))
		result = testjudge_credits(out, report);
	if (result < 0)
		conf_free(out);
	return result;
}

int conf_read_sources(struct conf *out, struct conf_sources *sources, struct conf_report *report)
{
	return read_all(out, sources, NULL, report);
}

static int read_one(struct conf *out, const char *text, size_t size, const char *guest,
		    struct conf_report *report)
{
	char name[] = "";
	struct conf_sources sources = { .count = 1 };

	sources.list[0].path = name;
	sources.list[0].text = (char *)(uintptr_t)text;
	sources.list[0].size = size;
	return read_all(out, &sources, guest, report);
}

int conf_read(struct conf *out, const char *text, size_t size, struct conf_report *report)
{
	return read_one(out, text, size, NULL, report);
}

int conf_read_guest(struct conf *out, const char *text, size_t size, const char *guest,
		    struct conf_report *report)
{
	return read_one(out, text, size, guest, report);
}

int conf_read_guest_sources(struct conf *out, struct conf_sources *sources, const char *guest,
			    struct conf_report *report)
{
	return read_all(out, sources, guest, report);
}

/* ---- one alone ---- */

int parse_alone(struct conf_statement *out, const char *text, bool partial,
		struct conf_report *report)
{
	struct line line;
	struct reader *r = &line.reader;
	size_t length = strlen(text);

	r->report = report;
	r->number = 1;
	r->failed = false;
	r->of_file = false;
	r->of_guest = false;
	r->includes = false;
	r->partial = partial;
	report->count = report->errors = report->warnings = 0;
	if (length > CONF_LINE_MAX)
		return reader_fail(r, (struct reader_word){ 0, 0 },
				   "this statement has %zu bytes; the longest has %u", length,
				   CONF_LINE_MAX);
	memcpy(line.bytes, text, length + 1);
	if (reader_begin(r, line.bytes, length) < 0)
		return -EINVAL;
	return sentence_read(r, out);
}

int conf_statement_read(struct conf_statement *out, const char *text, struct conf_report *report)
{
	return parse_alone(out, text, false, report);
}
