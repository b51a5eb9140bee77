/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * minato.conf: whatever is read is sound, its canonical form reads back to the same statements,
 * and whatever is wrong has its place in the text. What is right a host value takes, and every test
 * gets a verdict.
 */
#include "expect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"

static struct conf_report report, second;

/* The length of a line, or -1 where the text has no such line. */
static long line_length(const char *text, size_t size, uint32_t line)
{
	const char *at = text;
	const char *end = text + size;

	for (uint32_t i = 1; i < line; i++) {
		at = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
		if (!at)
			return -1;
		at++;
	}
	for (long i = 0;; i++) {
		if (at + i == end || at[i] == '\n')
			return i;
	}
}

static void check_report(const char *text, size_t size)
{
	uint32_t before = 0;
	size_t errors = 0;

	expect(report.count <= CONF_FAULTS_MAX);
	expect(report.count <= report.errors + report.warnings);
	for (size_t i = 0; i < report.count; i++) {
		const struct conf_fault *fault = &report.fault[i];
		long length = line_length(text, size, fault->line);

		expect(fault->what[0] && fault->line >= before);
		expect(length >= 0 && fault->column + fault->length <= (size_t)length);
		expect(!fault->other || line_length(text, size, fault->other) > 0);
		expect(fault->candidate_count <= CONF_CANDIDATES_MAX);
		before = fault->line;
		errors += fault->severity == CONF_ERROR;
	}
	expect((errors > 0) == (report.errors > 0));
}

static void check_forward(const struct conf_forward *f)
{
	expect(f->run_count >= 1 && f->run_count <= CONF_RUNS_MAX);
	expect(f->server_count <= CONF_SERVERS_MAX && f->source_count <= CONF_SOURCES_MAX);
	expect((f->to == CONF_TO_SOCKET) == (f->server_count == 0));
	for (uint32_t i = 0; i < f->run_count; i++)
		expect(f->run[i].first >= 1 && f->run[i].first <= f->run[i].last);
	for (uint32_t i = 0; i < f->server_count && f->run_count == 1 && !f->many_to_one; i++)
		expect(f->server[i].at.port + (f->run[0].last - f->run[0].first) <= 65535);
}

static void check_rule(const struct conf_rule *rule)
{
	struct conf_item item;
	uint32_t at = 0;

	expect(rule->tail_size <= CONF_TAIL_MAX && rule->verb <= CONF_LIMIT);
	expect((rule->verb == CONF_LIMIT) == (rule->rate_count > 0));
	while (conf_item_next(rule, &at, &item)) {
		if (item.sort == CONF_ITEM_PORTS || item.sort == CONF_ITEM_TYPES)
			expect(item.run.first <= item.run.last);
		else
			expect(!item.word || item.word[0]);
	}
	expect(at == rule->tail_size);
}

#define ENTRIES_MAX 100000u

struct counting {
	const struct conf *conf;
	size_t count, index;
	uint64_t order;
};

/* A host value takes each of them. */
static int check_entry(void *user, size_t index, struct minato_entry *entry)
{
	struct counting *counting = user;

	expect(index >= counting->index && index <= counting->conf->count);
	expect(entry->kind == MINATO_KIND_GUARD && entry->order >= counting->order);
	expect(entry->order > 0 && entry->first <= entry->last);
	expect(entry->local_prefix <= 128 && entry->remote_prefix <= 128);
	expect((entry->rate_count > 0) == (entry->rate_verdict != MINATO_PASS));
	counting->index = index;
	counting->order = entry->order;
	return ++counting->count < ENTRIES_MAX ? 0 : -ENOSPC;
}

static uint16_t program_of(void *user, const char *word)
{
	(void)user;
	return word[0] ? 1 : 2;
}

/* As a gateway's, and as a guest's. */
static void check_policy(const struct conf *conf)
{
	const struct conf_prefix lan[2] = { { minato_addr4(10, 0, 0, 0), 104 },
					    { minato_addr4(127, 0, 0, 0), 104 } };
	struct conf_zones zones = { .lan = lan, .lan_count = 2, .program = program_of };

	for (int guest = 0; guest < 2; guest++) {
		struct counting counting = { .conf = conf };
		int result;

		zones.guest = guest;
		result = conf_policy(conf, &zones, check_entry, &counting);
		expect(result == 0 || (result == -ENOSPC && counting.count == ENTRIES_MAX));
	}
}

static void check_statement(const struct conf *conf, const struct conf_statement *s)
{
	static struct minato_entry entries[CONF_ENTRIES_MAX];
	struct conf_statement again;
	char form[CONF_TEXT_SIZE];

	expect(conf_print(form, sizeof(form), s) < sizeof(form));
	expect(conf_statement_read(&again, form, &second) == 0);
	expect(second.count == 0 && conf_same(s, &again));
	again.line = s->line;
	memcpy(again.mark, s->mark, sizeof(s->mark));
	expect(memcmp(s, &again, conf_size(s)) == 0);
	conf_copy(&again, s);
	expect(memcmp(s, &again, conf_size(s)) == 0);
	expect(conf_entries(conf, s, 1, entries) <= CONF_ENTRIES_MAX);
	if (s->kind == CONF_KIND_FORWARD)
		check_forward(&s->forward);
	if (s->kind == CONF_KIND_RULE)
		check_rule(&s->rule);
}

#define TESTS_MAX 4	/* each is a month of virtual time */
#define TRIAL_ONE_IN 16 /* inputs */
#define GUESTS_MAX 32	/* statements of a guest whose tests are run */

static uint32_t sum_of(const uint8_t *data, size_t size)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum += data[i];
	return sum;
}

static size_t verdict_count;

static void take_verdict(void *user, const struct conf_verdict *verdict)
{
	const struct conf *conf = user;

	expect(verdict->index < conf->count);
	expect(conf->list[verdict->index]->kind == CONF_KIND_TEST);
	expect(verdict->got[0]);
	verdict_count++;
}

static void check_trial(struct conf *conf)
{
	size_t culprit;
	size_t tests = 0;

	for (size_t i = 0; i < conf->count; i++)
		tests += conf->list[i]->kind == CONF_KIND_TEST;
	if (tests > TESTS_MAX)
		return;
	verdict_count = 0;
	expect(conf_try(conf, take_verdict, conf, &culprit) == 0);
	expect(verdict_count == tests);
}

/* The same text as the rules of a guest. */
static void check_guest(const char *text, size_t size)
{
	const struct conf_prefix lan[1] = { { minato_addr4(10, 0, 0, 0), 104 } };
	const struct conf_zones zones = {
		.guest = true,
		.name = "g",
		.outside = 1,
		.lan_face = 0xf0,
		.wan_face = 0xf1,
		.lan = lan,
		.lan_count = 1,
		.program = program_of,
	};
	struct conf conf;
	size_t culprit;
	size_t tests = 0;
	int result = conf_read_guest(&conf, text, size, "g", &report);

	expect(result == 0 || result == -EINVAL);
	expect((result == 0) == (report.errors == 0));
	check_report(text, size);
	for (size_t i = 0; i < conf.count; i++) {
		check_statement(&conf, conf.list[i]);
		tests += conf.list[i]->kind == CONF_KIND_TEST;
	}
	if (result == 0 && tests && conf.count < GUESTS_MAX) {
		verdict_count = 0;
		result = conf_try_guest(&conf, &zones, take_verdict, &conf, &culprit);
		expect(result == 0 || result == -ENOSPC);
		expect(result < 0 || verdict_count == tests);
	}
	conf_free(&conf);
}

#define PIECES 8u

/* Each include is of a further piece of the text, with what it includes itself. */
static int find_piece(void *user, struct conf_sources *sources, size_t of, const char *word,
		      char what[CONF_WHAT_SIZE])
{
	const size_t whole = sources->list[0].size;
	struct conf_source *next = &sources->list[sources->count];

	(void)user;
	expect(of < sources->count && *word);
	snprintf(what, CONF_WHAT_SIZE, "that is all");
	if (sources->count == PIECES)
		return -EINVAL;
	*next = (struct conf_source){
		.path = sources->list[0].path,
		.text = sources->list[0].text + whole * sources->count / PIECES,
		.size = whole / PIECES,
	};
	sources->count++;
	return 0;
}

/* Every fault is at a place of its own file. */
static void check_sources(char *text, size_t size)
{
	char name[] = "piece";
	struct conf_sources sources = { .count = 1, .find = find_piece };
	struct conf conf;
	int result;

	sources.list[0] = (struct conf_source){ .path = name, .text = text, .size = size };
	result = conf_read_sources(&conf, &sources, &second);
	expect(result == 0 || result == -EINVAL);
	for (size_t i = 0; i < second.count; i++) {
		const struct conf_fault *fault = &second.fault[i];
		const struct conf_source *of = &sources.list[CONF_LINE_FILE(fault->line)];
		long length;

		expect(CONF_LINE_FILE(fault->line) < sources.count);
		length = line_length(of->text, of->size, CONF_LINE_NUMBER(fault->line));
		expect(length >= 0 && fault->column + fault->length <= (size_t)length);
		expect(CONF_LINE_FILE(fault->other) < sources.count);
	}
	for (size_t i = 0; i < conf.count; i++)
		expect(CONF_LINE_FILE(conf.list[i]->line) < (conf.files ? conf.files->count : 1));
	conf_free(&conf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_diff diff;
	struct conf conf;
	char *text = malloc(size + 1);
	int result;

	expect(text != NULL);
	memcpy(text, data, size);
	text[size] = 0;
	result = conf_read(&conf, text, size, &report);
	expect(result == 0 || result == -EINVAL);
	expect((result == 0) == (report.errors == 0));
	check_report(text, size);
	for (size_t i = 0; i < conf.count; i++)
		check_statement(&conf, conf.list[i]);
	if (result == 0)
		check_policy(&conf);
	/* A host value takes some milliseconds under a sanitizer. */
	if (result == 0 && sum_of(data, size) % TRIAL_ONE_IN == 0)
		check_trial(&conf);
	expect(conf_diff_make(&diff, &conf, &conf) == 0);
	expect(diff.add_count == 0 && diff.remove_count == 0);
	conf_diff_free(&diff);
	if (strlen(text) == size)
		(void)conf_find(&conf, text, &second);
	conf_free(&conf);
	check_guest(text, size);
	check_sources(text, size);
	free(text);
	return 0;
}
