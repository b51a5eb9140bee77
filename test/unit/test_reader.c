/* SPDX-License-Identifier: BSD-2-Clause */
/* A line as words: what parts them, what does not belong there, and what is said of it. */
#include "conf_fixture.h"

#include "conf/reader.h"

static struct reader r;

static void begin(const char *line)
{
	memset(&report, 0, sizeof(report));
	r.report = &report;
	r.number = 1;
	r.partial = false;
	assert_int_equal(reader_begin(&r, line, strlen(line)), 0);
}

static void words_and_commas(void **state)
{
	char word[READER_WORD_SIZE];

	(void)state;
	begin(" \tforward  tcp,udp a#b\t# the rest, ignored");
	assert_int_equal(r.count, 5);
	assert_string_equal(reader_copy(&r, r.word[0], word), "forward");
	assert_string_equal(reader_copy(&r, r.word[1], word), "tcp");
	assert_string_equal(reader_copy(&r, r.word[2], word), ",");
	assert_string_equal(reader_copy(&r, r.word[3], word), "udp");
	assert_string_equal(reader_copy(&r, r.word[4], word), "a#b");
	begin("# nothing");
	assert_true(reader_ended(&r));
	begin("");
	assert_true(reader_ended(&r));
}

static void any_case_of_letters(void **state)
{
	(void)state;
	begin("Forward TCP");
	assert_true(reader_takes(&r, "forward"));
	assert_false(reader_takes(&r, "tc"));
	assert_false(reader_takes(&r, "tcpx"));
	assert_true(reader_sees(&r, 0, "tcp"));
	assert_true(reader_takes(&r, "tcp"));
	assert_true(reader_ended(&r));
	assert_false(reader_takes(&r, "tcp"));
}

static void strange_bytes(void **state)
{
	static const char line[] = "dmz 10.0\x01.0.9";
	static const char zero[] = "dmz\0 10.0.0.9";

	(void)state;
	begin("dmz 10.0.0.9 # g\xc3\xbcltig");
	memset(&report, 0, sizeof(report));
	assert_int_not_equal(reader_begin(&r, line, sizeof(line) - 1), 0);
	assert_int_equal(report.fault[0].column, 8);
	assert_int_equal(report.fault[0].length, 1);
	memset(&report, 0, sizeof(report));
	assert_int_not_equal(reader_begin(&r, zero, sizeof(zero) - 1), 0);
	assert_int_equal(report.fault[0].column, 3);
}

static void one_error_of_a_line(void **state)
{
	(void)state;
	begin("a b");
	reader_fail(&r, r.word[0], "first %d", 1);
	reader_fail(&r, r.word[1], "second");
	assert_int_equal(report.errors, 1);
	assert_int_equal(report.count, 1);
	assert_string_equal(report.fault[0].what, "first 1");
}

static void expected_words(void **state)
{
	static const char *const words[] = { "on", "all", "to" };

	(void)state;
	begin("x");
	assert_true(reader_expected(&r, words, 3) < 0);
	assert_string_equal(report.fault[0].what,
			    "this word does not fit here: expected on, all or to");
	assert_int_equal(report.fault[0].candidate_count, 3);
	begin("x ,");
	r.next = 1;
	reader_expected(&r, words, 1);
	assert_string_equal(report.fault[0].what, "no comma may stand here: expected on");
	begin("xyz ");
	r.next = 1;
	reader_expected(&r, words, 2);
	assert_string_equal(report.fault[0].what, "the line ends too early: expected on or all");
	assert_int_equal(report.fault[0].column, 3);
}

/* More words than there is room for: none is cut. */
static void many_words(void **state)
{
	const char *words[CONF_CANDIDATES_MAX];

	(void)state;
	for (size_t i = 0; i < CONF_CANDIDATES_MAX; i++)
		words[i] = "a-word-of-sixteen another";
	begin("x");
	reader_expected(&r, words, CONF_CANDIDATES_MAX);
	assert_true(strlen(report.fault[0].what) < CONF_WHAT_SIZE);
	assert_string_equal(strrchr(report.fault[0].what, ','), ", a-word-of-sixteen ...");
}

static void phrases(void **state)
{
	static const char *const list[] = { "udp", "udp filtering", "timeout udp", "timeout icmp" };

	(void)state;
	begin("udp filtering");
	assert_int_equal(reader_phrase(&r, list, 4), 1);
	assert_true(reader_ended(&r));
	begin("udp x");
	assert_int_equal(reader_phrase(&r, list, 4), 0);
	assert_int_equal(r.next, 1);
	begin("timeout tcp");
	assert_true(reader_phrase(&r, list, 4) < 0);
	assert_string_equal(report.fault[0].what,
			    "this word does not fit here: expected udp or icmp");
	assert_int_equal(report.fault[0].column, 8);
	assert_true(may_stand(&report.fault[0], "icmp"));
	begin("tcp");
	reader_phrase(&r, list, 4);
	assert_string_equal(report.fault[0].what,
			    "this word does not fit here: expected udp or timeout");
}

/* The report is sorted by line, bounded, and full of warnings it still takes errors. */
static void reports(void **state)
{
	struct conf_mark where = { 0, 0 };

	(void)state;
	memset(&report, 0, sizeof(report));
	reader_report(&report, CONF_WARNING, 7, where);
	reader_report(&report, CONF_ERROR, 3, where);
	reader_report(&report, CONF_ERROR, 7, where);
	assert_int_equal(report.fault[0].line, 3);
	assert_int_equal(report.fault[1].severity, CONF_WARNING);
	assert_int_equal(report.fault[2].severity, CONF_ERROR);

	memset(&report, 0, sizeof(report));
	for (uint32_t i = 0; i < CONF_FAULTS_MAX + 5; i++)
		reader_report(&report, CONF_WARNING, i + 1, where);
	assert_int_equal(report.count, CONF_FAULTS_MAX);
	assert_int_equal(report.warnings, CONF_FAULTS_MAX + 5);
	reader_report(&report, CONF_ERROR, 2, where);
	assert_int_equal(report.count, CONF_FAULTS_MAX);
	assert_int_equal(report.fault[2].severity, CONF_ERROR);
	assert_int_equal(report.fault[2].line, 2);
	for (uint32_t i = 0; i < CONF_FAULTS_MAX + 5; i++)
		reader_report(&report, CONF_ERROR, 9, where);
	assert_int_equal(report.count, CONF_FAULTS_MAX);
	for (uint32_t i = 0; i < CONF_FAULTS_MAX; i++)
		assert_int_equal(report.fault[i].severity, CONF_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_and_commas), cmocka_unit_test(any_case_of_letters),
		cmocka_unit_test(strange_bytes),    cmocka_unit_test(one_error_of_a_line),
		cmocka_unit_test(expected_words),   cmocka_unit_test(phrases),
		cmocka_unit_test(many_words),	    cmocka_unit_test(reports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
