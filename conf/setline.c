/* SPDX-License-Identifier: BSD-2-Clause */
/* zone, set, scans, alert: what rules name, and what is done about those who try doors. */
#include "conf/reader.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#define SPAN_MAX (365u * 86400u)

const char *const setline_answers[4] = { "nothing", "slower", "silence", "block" };
const char *const setline_alerts[3] = { "syslog", "command", "file" };

/* ---- zone and set ---- */

bool setline_is_zone(const char *word)
{
	return !strcasecmp(word, "lan") || !strcasecmp(word, "wan") || !strcasecmp(word, "self");
}

static int read_set_name(struct reader *r, struct conf_set *set)
{
	if (value_name(r, set->name) < 0)
		return -EINVAL;
	if (!isalpha((unsigned char)set->name[0]))
		return reader_fail(r, reader_last(r), "this name must begin with a letter");
	if (setline_is_zone(set->name) || !strcasecmp(set->name, "anyone") ||
	    !strcasecmp(set->name, "anywhere") || strchr(set->name, '.'))
		return reader_fail(
			r, reader_last(r),
			strchr(set->name, '.') ?
				"no point here: names with one are looked up in the DNS" :
				"this word has a meaning already");
	return 0;
}

static int read_member(struct reader *r, struct conf_set *set)
{
	if (set->count == CONF_SET_MAX)
		return reader_fail(r, reader_here(r),
				   "more than %u prefixes in one line: say the set again for more, "
				   "or put them into a file",
				   CONF_SET_MAX);
	if (value_prefix(r, false, &set->prefix[set->count]) < 0)
		return -EINVAL;
	for (uint32_t i = 0; i < set->count; i++) {
		if (!memcmp(&set->prefix[i], &set->prefix[set->count], sizeof(set->prefix[0])))
			return reader_fail(r, reader_last(r), "this prefix stands here twice");
	}
	set->count++;
	return 0;
}

static int read_members(struct reader *r, struct conf_statement *out)
{
	uint32_t first = r->next;

	do {
		if (read_member(r, &out->set) < 0)
			return -EINVAL;
	} while (reader_takes(r, ","));
	reader_mark(r, out, CONF_PART_TARGET, first);
	return 0;
}

int setline_read_zone(struct reader *r, struct conf_statement *out)
{
	if (read_set_name(r, &out->set) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_SUBJECT, 1);
	return read_members(r, out);
}

int setline_read(struct reader *r, struct conf_statement *out)
{
	if (read_set_name(r, &out->set) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_SUBJECT, 1);
	if (!reader_takes(r, "from"))
		return read_members(r, out);
	if (value_path(r, out->set.path) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_TARGET, r->next - 1);
	return 0;
}

/* ---- the lines of a set's file ---- */

/* One prefix; false: the line is none. */
static bool read_file_line(const char *line, size_t length, struct conf_prefix *out)
{
	static struct conf_report ignored;
	static struct reader r;
	char text[READER_WORD_SIZE];

	if (length >= sizeof(text))
		return false;
	memcpy(text, line, length);
	text[length] = 0;
	ignored.count = ignored.errors = ignored.warnings = 0;
	r.report = &ignored;
	r.number = 1;
	return reader_begin(&r, text, length) == 0 && !reader_ended(&r) &&
	       value_prefix(&r, false, out) == 0 && reader_ended(&r);
}

static size_t cut_comment(const char *line, size_t length)
{
	const char *hash = memchr(line, '#', length);
	const char *semicolon = memchr(line, ';', length);

	if (hash)
		length = (size_t)(hash - line);
	if (semicolon && (size_t)(semicolon - line) < length)
		length = (size_t)(semicolon - line);
	while (length > 0 && strchr(" \t\r", line[length - 1]))
		length--;
	return length;
}

static int add_member(struct conf *conf, struct conf_statement *into, const struct conf_prefix *one)
{
	int result = 0;

	if (into->set.count == CONF_SET_MAX) {
		result = conf_add(conf, into);
		into->set.count = 0;
		memset(into->set.prefix, 0, sizeof(into->set.prefix));
	}
	into->set.prefix[into->set.count++] = *one;
	return result;
}

int conf_set_lines(struct conf *conf, const struct conf_statement *named, const char *text,
		   size_t size, uint32_t *wrong)
{
	struct conf_statement into = { .kind = CONF_KIND_SET, .line = named->line };
	struct conf_prefix one;
	uint32_t number = 0;
	int result = 0;

	*wrong = 0;
	memcpy(into.set.name, named->set.name, sizeof(into.set.name));
	into.set.of_file = true;
	for (size_t at = 0; at < size && result == 0;) {
		const char *end = memchr(text + at, '\n', size - at);
		size_t length = end ? (size_t)(end - text) - at : size - at;
		size_t used = cut_comment(text + at, length);

		number++;
		if (used && !read_file_line(text + at, used, &one)) {
			*wrong = number;
			return -EINVAL;
		}
		if (used)
			result = add_member(conf, &into, &one);
		at += length + 1;
	}
	if (result == 0 && into.set.count)
		result = conf_add(conf, &into);
	return result;
}

/* ---- scans and alert ---- */

int setline_read_scans(struct reader *r, struct conf_statement *out)
{
	struct conf_scans *scans = &out->scans;
	uint32_t first = r->next;
	int which;

	if (reader_demand(r, "answer") < 0)
		return -EINVAL;
	which = reader_phrase(r, setline_answers, 4);
	if (which < 0)
		return which;
	scans->answer = (enum conf_answer)which;
	reader_mark(r, out, CONF_PART_SUBJECT, first);
	if (!reader_takes(r, "for"))
		return 0;
	if (scans->answer == CONF_ANSWER_NOTHING)
		return reader_fail(r, reader_last(r), "nothing has no time");
	if (value_span(r, 1, SPAN_MAX, &scans->seconds) < 0)
		return -EINVAL;
	if (!reader_takes(r, "growing"))
		return 0;
	if (reader_demand(r, "to") < 0 || value_span(r, 1, SPAN_MAX, &scans->grown_s) < 0)
		return -EINVAL;
	if (scans->grown_s <= scans->seconds)
		return reader_fail(r, reader_last(r), "it grows to more than it begins with");
	return 0;
}

int setline_read_alert(struct reader *r, struct conf_statement *out)
{
	uint32_t first = r->next;
	int which = reader_phrase(r, setline_alerts, 3);

	if (which < 0)
		return which;
	out->alert.sort = (enum conf_alert_sort)which;
	if (out->alert.sort != CONF_ALERT_SYSLOG && value_path(r, out->alert.path) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_SUBJECT, first);
	return 0;
}
