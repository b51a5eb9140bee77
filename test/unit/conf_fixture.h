/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements and files in the language of minato.conf, read, refused and printed. */
#ifndef TEST_CONF_FIXTURE_H
#define TEST_CONF_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf.h"

static struct conf_report report;

/* The statement, which must be right. */
static inline struct conf_statement said(const char *text)
{
	struct conf_statement s;

	if (conf_statement_read(&s, text, &report) != 0)
		fail_msg("\"%s\": %s", text, report.fault[0].what);
	assert_int_equal(report.count, 0);
	return s;
}

/* It is right and its canonical form is this, which reads back to the same. */
static inline void canonical(const char *text, const char *form)
{
	struct conf_statement s = said(text);
	struct conf_statement again;
	char out[CONF_TEXT_SIZE];

	assert_int_equal(conf_print(out, sizeof(out), &s), strlen(form));
	assert_string_equal(out, form);
	again = said(out);
	memset(s.mark, 0, sizeof(s.mark));
	memset(again.mark, 0, sizeof(again.mark));
	assert_memory_equal(&s, &again, sizeof(s));
}

static inline void same_form(const char *text)
{
	canonical(text, text);
}

/* Where the words stand last in the text. */
static inline const char *last_of(const char *text, const char *words)
{
	const char *at = NULL;

	for (; *text; text++)
		at = strncmp(text, words, strlen(words)) == 0 ? text : at;
	return at;
}

/* It is refused at these words, with this in what is said. */
static inline void refused(const char *text, const char *where, const char *says)
{
	struct conf_statement s;
	const char *at = last_of(text, where);
	const struct conf_fault *fault = &report.fault[0];

	if (conf_statement_read(&s, text, &report) == 0)
		fail_msg("\"%s\" is accepted", text);
	assert_int_equal(report.count, 1);
	assert_int_equal(report.errors, 1);
	if (!strstr(fault->what, says))
		fail_msg("\"%s\": \"%s\" does not say \"%s\"", text, fault->what, says);
	assert_non_null(at);
	if (fault->column != (size_t)(at - text) || fault->length != strlen(where))
		fail_msg("\"%s\": at %u+%u, not at \"%s\"", text, fault->column, fault->length,
			 where);
}

/* Refused where the line ends. */
static inline void cut_short(const char *text, const char *says)
{
	struct conf_statement s;
	const struct conf_fault *fault = &report.fault[0];

	assert_int_not_equal(conf_statement_read(&s, text, &report), 0);
	if (!strstr(fault->what, says))
		fail_msg("\"%s\": \"%s\" does not say \"%s\"", text, fault->what, says);
	assert_int_equal(fault->column, strlen(text));
	assert_int_equal(fault->length, 0);
}

/* Whether the fault has the word among those that may stand there. */
static inline bool may_stand(const struct conf_fault *fault, const char *word)
{
	for (uint32_t i = 0; i < fault->candidate_count; i++) {
		if (!strncmp(fault->candidate[i], word, strcspn(fault->candidate[i], " ")) &&
		    strlen(word) == strcspn(fault->candidate[i], " "))
			return true;
	}
	return false;
}

static inline struct minato_addr address(const char *text)
{
	struct minato_addr addr;

	assert_int_equal(minato_addr_parse(text, &addr), 0);
	return addr;
}

static inline void assert_addr(const struct minato_addr *addr, const char *text)
{
	char form[64];

	minato_addr_format(addr, form, sizeof(form));
	assert_string_equal(form, text);
}

/* ---- files ---- */

/* A gateway that is right, before the lines of a test. */
#define LINKS                                                                                      \
	"inside eth1 10.0.0.1/24\n"                                                                \
	"outside eth0 198.51.100.1/24 via 198.51.100.254\n"
#define LINKS_LINES 2

static struct conf conf;

static inline int read_file(const char *text)
{
	conf_free(&conf);
	return conf_read(&conf, text, strlen(text), &report);
}

static inline int end_conf(void **state)
{
	(void)state;
	conf_free(&conf);
	return 0;
}

/* The only fault, in this line, about these words of it. */
static inline void one_fault(const char *text, enum conf_severity severity, uint32_t line,
			     const char *where, const char *says)
{
	const struct conf_fault *fault = &report.fault[0];
	const char *at = text;

	assert_int_equal(read_file(text) == 0, severity == CONF_WARNING);
	if (report.count != 1)
		fail_msg("%zu faults: %s; %s", report.count, fault->what, report.fault[1].what);
	assert_int_equal(fault->severity, severity);
	if (!strstr(fault->what, says))
		fail_msg("\"%s\" does not say \"%s\"", fault->what, says);
	assert_int_equal(fault->line, line);
	for (uint32_t i = 1; i < line; i++)
		at = strchr(at, '\n') + 1;
	if (strncmp(at + fault->column, where, strlen(where)) != 0 ||
	    fault->length != strlen(where))
		fail_msg("at \"%.*s\", not at \"%s\"", (int)fault->length, at + fault->column,
			 where);
}

static inline void no_fault(const char *text)
{
	if (read_file(text) != 0 || report.count)
		fail_msg("line %u: %s", report.fault[0].line, report.fault[0].what);
}

#endif
