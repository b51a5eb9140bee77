/* SPDX-License-Identifier: BSD-2-Clause */
/* A line as words, and what is said where one does not fit. */
#include "conf/reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- words ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_comma(const struct reader *r, struct reader_word word)
{
	return word.length == 1 && r->line[word.at] == ',';
}

int reader_begin(struct reader *r, const char *line, size_t length)
{
	size_t at = 0;

	r->line = line;
	r->count = r->next = 0;
	r->failed = false;
	while (at < length) {
		size_t from = at;

		if (is_blank(line[at])) {
			at++;
			continue;
		}
		if (line[at] == '#')
			break;
		if (line[at] == ',') {
			at++;
		} else {
			while (at < length && !is_blank(line[at]) && line[at] != ',') {
				if ((unsigned char)line[at] <= ' ' || (unsigned char)line[at] > '~')
					return reader_fail(
						r, (struct reader_word){ (uint16_t)at, 1 },
						"a byte that is no printable ASCII: only "
						"comments may have those");
				at++;
			}
		}
		r->word[r->count++] = (struct reader_word){ (uint16_t)from, (uint16_t)(at - from) };
	}
	return 0;
}

bool reader_ended(const struct reader *r)
{
	return r->next >= r->count;
}

struct reader_word reader_here(const struct reader *r)
{
	if (r->next < r->count)
		return r->word[r->next];
	if (r->count > 0) {
		struct reader_word last = r->word[r->count - 1];

		return (struct reader_word){ (uint16_t)(last.at + last.length), 0 };
	}
	return (struct reader_word){ 0, 0 };
}

struct reader_word reader_last(const struct reader *r)
{
	return r->next > 0 ? r->word[r->next - 1] : reader_here(r);
}

const char *reader_copy(const struct reader *r, struct reader_word word, char *out)
{
	size_t length = word.length < READER_WORD_SIZE ? word.length : READER_WORD_SIZE - 1;

	memcpy(out, r->line + word.at, length);
	out[length] = 0;
	return out;
}

bool reader_sees(const struct reader *r, uint32_t ahead, const char *word)
{
	struct reader_word here;

	if (r->next + ahead >= r->count)
		return false;
	here = r->word[r->next + ahead];
	return here.length == strlen(word) && !strncasecmp(r->line + here.at, word, here.length);
}

bool reader_takes(struct reader *r, const char *word)
{
	bool result = reader_sees(r, 0, word);

	r->next += result;
	return result;
}

void reader_mark(const struct reader *r, struct conf_statement *s, enum conf_part part,
		 uint32_t first)
{
	struct reader_word from = r->word[first];
	struct reader_word last = reader_last(r);

	s->mark[part].column = from.at;
	s->mark[part].length = (uint16_t)(last.at + last.length - from.at);
}

/* ---- what is wrong ---- */

/* An error is kept rather than a warning. */
static void make_room(struct conf_report *report)
{
	size_t at = report->count;

	while (at > 0 && report->fault[at - 1].severity == CONF_ERROR)
		at--;
	if (at == 0)
		return;
	memmove(&report->fault[at - 1], &report->fault[at],
		(report->count - at) * sizeof(report->fault[0]));
	report->count--;
}

static bool stands_behind(const struct conf_fault *fault, uint32_t line, uint32_t column)
{
	return fault->line > line || (fault->line == line && fault->column > column);
}

struct conf_fault *reader_report(struct conf_report *report, enum conf_severity severity,
				 uint32_t line, struct conf_mark where)
{
	struct conf_fault *fault = &report->spare;
	size_t at;

	if (severity == CONF_ERROR)
		report->errors++;
	else
		report->warnings++;
	if (report->count == CONF_FAULTS_MAX && severity == CONF_ERROR)
		make_room(report);
	at = report->count;
	if (report->count < CONF_FAULTS_MAX) {
		while (at > 0 && stands_behind(&report->fault[at - 1], line, where.column)) {
			report->fault[at] = report->fault[at - 1];
			at--;
		}
		report->count++;
		fault = &report->fault[at];
	}
	memset(fault, 0, sizeof(*fault));
	fault->severity = severity;
	fault->line = line;
	fault->column = where.column;
	fault->length = where.length;
	return fault;
}

int reader_fail(struct reader *r, struct reader_word where, const char *format, ...)
{
	struct conf_fault *fault;
	va_list args;

	if (r->failed)
		return -EINVAL;
	r->failed = true;
	fault = reader_report(r->report, CONF_ERROR, r->number,
			      (struct conf_mark){ where.at, where.length });
	va_start(args, format);
	vsnprintf(fault->what, sizeof(fault->what), format, args);
	va_end(args);
	return -EINVAL;
}

static size_t word_length(const char *word)
{
	return strcspn(word, " ");
}

/* "on, all or to"; what finds no room is left out as a whole. */
static void add_words(struct conf_fault *fault, const char *const *words, size_t count)
{
	static const char rest[] = " ...";
	size_t used = strlen(fault->what);

	for (size_t i = 0; i < count; i++) {
		const char *between = i == 0 ? "" : i + 1 < count ? ", " : " or ";
		size_t length = strlen(between) + word_length(words[i]);

		if (used + length + sizeof(rest) > sizeof(fault->what)) {
			memcpy(fault->what + used, rest, sizeof(rest));
			return;
		}
		snprintf(fault->what + used, sizeof(fault->what) - used, "%s%.*s", between,
			 (int)word_length(words[i]), words[i]);
		used += length;
	}
}

int reader_expected(struct reader *r, const char *const *words, size_t count)
{
	struct reader_word here = reader_here(r);
	struct conf_fault *fault;

	if (r->failed)
		return -EINVAL;
	r->failed = true;
	fault = reader_report(r->report, CONF_ERROR, r->number,
			      (struct conf_mark){ here.at, here.length });
	snprintf(fault->what, sizeof(fault->what), "%s: expected ",
		 reader_ended(r)   ? "the line ends too early" :
		 is_comma(r, here) ? "no comma may stand here" :
				     "this word does not fit here");
	add_words(fault, words, count);
	for (size_t i = 0; i < count && i < CONF_CANDIDATES_MAX; i++)
		fault->candidate[fault->candidate_count++] = words[i];
	return -EINVAL;
}

void reader_suggest(struct reader *r, const char *const *words, size_t count)
{
	struct conf_fault *fault = NULL;

	for (size_t i = 0; i < r->report->count; i++) {
		if (r->report->fault[i].line == r->number)
			fault = &r->report->fault[i];
	}
	for (size_t i = 0; fault && i < count && fault->candidate_count < CONF_CANDIDATES_MAX; i++)
		fault->candidate[fault->candidate_count++] = words[i];
}

int reader_demand(struct reader *r, const char *word)
{
	return reader_takes(r, word) ? 0 : reader_expected(r, &word, 1);
}

/* ---- phrases ---- */

/* How many words of the phrase stand here. */
static uint32_t matched(const struct reader *r, const char *phrase, bool *whole)
{
	uint32_t count = 0;
	char word[READER_WORD_SIZE];

	while (*phrase) {
		size_t length = word_length(phrase);

		memcpy(word, phrase, length);
		word[length] = 0;
		if (!reader_sees(r, count, word))
			break;
		count++;
		phrase += length + (phrase[length] == ' ');
	}
	*whole = !*phrase;
	return count;
}

static const char *word_of(const char *phrase, uint32_t index)
{
	for (; index > 0; index--)
		phrase += word_length(phrase) + 1;
	return phrase;
}

static bool is_listed(const char *const *words, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++) {
		if (word_length(words[i]) == word_length(word) &&
		    !strncmp(words[i], word, word_length(word)))
			return true;
	}
	return false;
}

int reader_phrase(struct reader *r, const char *const *phrases, size_t count)
{
	const char *words[CONF_CANDIDATES_MAX];
	size_t word_count = 0;
	uint32_t best_words = 0;
	uint32_t most = 0;
	int best = -1;
	bool whole;

	for (size_t i = 0; i < count; i++) {
		uint32_t n = matched(r, phrases[i], &whole);

		if (whole && n > best_words) {
			best = (int)i;
			best_words = n;
		}
		most = n > most ? n : most;
	}
	if (best >= 0) {
		r->next += best_words;
		return best;
	}
	for (size_t i = 0; i < count && word_count < CONF_CANDIDATES_MAX; i++) {
		const char *word;

		if (matched(r, phrases[i], &whole) < most)
			continue;
		word = word_of(phrases[i], most);
		if (!is_listed(words, word_count, word))
			words[word_count++] = word;
	}
	r->next += most;
	return reader_expected(r, words, word_count);
}
