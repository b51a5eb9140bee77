/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in force, of what a file says and what was said while a gateway ran; and until when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "cmd/gateway/gateway.h"

static struct gateway_rules file, said, out;
static struct conf_report report;

static int fresh(void **state)
{
	(void)state;
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	tzset();
	return 0;
}

static int clean(void **state)
{
	(void)state;
	gateway_rules_free(&file);
	gateway_rules_free(&said);
	gateway_rules_free(&out);
	return 0;
}

static void add(struct gateway_rules *rules, const char *text, int64_t until_s)
{
	static struct conf_statement one;

	assert_int_equal(conf_statement_read(&one, text, &report), 0);
	one.line = (uint32_t)rules->conf.count + 1;
	assert_int_equal(gateway_rules_add(rules, &one, until_s), 0);
}

static void begin_file(void)
{
	add(&file, "inside tap in0 10.0.0.1/24", 0);
	add(&file, "outside tap out0 198.51.100.1/24", 0);
	add(&file, "forward tcp 80 to 10.0.0.2", 0);
}

/* All but the links, with a bar behind each. */
static const char *texts(const struct gateway_rules *rules)
{
	static char all[4096];
	static char text[CONF_TEXT_SIZE];

	all[0] = 0;
	for (size_t i = 0; i < rules->conf.count; i++) {
		(void)conf_print(text, sizeof(text), rules->conf.list[i]);
		if (rules->conf.list[i]->kind != CONF_KIND_LINK)
			(void)snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s|", text);
	}
	return all;
}

static int merge(int64_t now_s)
{
	gateway_rules_free(&out);
	return gateway_rules_merge(&out, &file, &said, now_s, &report);
}

static void what_was_said_stands_beside_the_file(void **state)
{
	(void)state;
	begin_file();
	add(&said, "forward tcp 25 to 10.0.0.3", 0);
	assert_int_equal(merge(1000), 0);
	assert_string_equal(texts(&out), "forward tcp 80 to 10.0.0.2|forward tcp 25 to 10.0.0.3|");
}

static void it_cannot_contradict_the_file(void **state)
{
	(void)state;
	begin_file();
	add(&said, "forward tcp 80 to 10.0.0.3", 0);
	assert_int_equal(merge(1000), -EINVAL);
	assert_int_equal(report.errors, 1);
}

static void another_dmz_goes_before_the_files(void **state)
{
	(void)state;
	begin_file();
	add(&file, "dmz 10.0.0.8", 0);
	add(&said, "dmz 10.0.0.9", 2000);
	assert_int_equal(merge(1000), 0);
	assert_string_equal(texts(&out), "forward tcp 80 to 10.0.0.2|dmz 10.0.0.9|");
	/* When its time is over the file's is there again. */
	assert_int_equal(merge(2000), 0);
	assert_string_equal(texts(&out), "forward tcp 80 to 10.0.0.2|dmz 10.0.0.8|");
}

static void dmz_off_is_none(void **state)
{
	(void)state;
	begin_file();
	add(&file, "dmz 10.0.0.8", 0);
	said.dmz_off = true;
	assert_int_equal(merge(1000), 0);
	assert_string_equal(texts(&out), "forward tcp 80 to 10.0.0.2|");
}

static void a_setting_goes_before_the_files(void **state)
{
	(void)state;
	begin_file();
	add(&file, "nat hairpin on", 0);
	add(&file, "nat timeout udp 10m", 0);
	add(&said, "nat hairpin off", 0);
	assert_int_equal(merge(1000), 0);
	assert_string_equal(texts(&out),
			    "forward tcp 80 to 10.0.0.2|nat timeout udp 10m|nat hairpin off|");
}

static void what_is_over_is_left_out(void **state)
{
	(void)state;
	begin_file();
	add(&file, "forward tcp 90 to 10.0.0.2", 1500);
	add(&said, "forward tcp 91 to 10.0.0.2", 1600);
	assert_int_equal(merge(1499), 0);
	assert_int_equal(gateway_rules_next(&out, 1499), 1500);
	assert_int_equal(merge(1500), 0);
	assert_string_equal(texts(&out), "forward tcp 80 to 10.0.0.2|forward tcp 91 to 10.0.0.2|");
	assert_int_equal(gateway_rules_next(&out, 1500), 1600);
	assert_int_equal(merge(1600), 0);
	assert_int_equal(gateway_rules_next(&out, 1600), 0);
}

static void removal_keeps_instants_beside_their_statements(void **state)
{
	(void)state;
	add(&said, "forward tcp 1 to 10.0.0.2", 11);
	add(&said, "forward tcp 2 to 10.0.0.2", 12);
	add(&said, "forward tcp 3 to 10.0.0.2", 13);
	gateway_rules_remove(&said, 1);
	assert_string_equal(texts(&said), "forward tcp 1 to 10.0.0.2|forward tcp 3 to 10.0.0.2|");
	assert_int_equal(said.until_s[1], 13);
	assert_int_equal(said.conf.list[1]->line, 3);
}

/* ---- from keeper to worker ---- */

static void a_list_travels(void **state)
{
	static struct gateway_rules got;
	int fd = memfd_create("test", MFD_CLOEXEC);
	char text[64];

	(void)state;
	begin_file();
	/* Several times what is read at once. */
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "forward udp %d to 10.0.0.2:7000", 1000 + i);
		add(&file, text, i % 3 ? 0 : 5000 + i);
	}
	assert_int_equal(gateway_rules_write(&file, fd), 0);
	assert_int_equal(gateway_rules_load(&got, fd), 0);
	assert_int_equal(got.conf.count, file.conf.count);
	for (size_t i = 0; i < got.conf.count; i++) {
		assert_true(conf_same(got.conf.list[i], file.conf.list[i]));
		assert_int_equal(got.conf.list[i]->line, file.conf.list[i]->line);
		assert_int_equal(got.until_s[i], file.until_s[i]);
	}
	gateway_rules_free(&got);
	close(fd);
}

static void nonsense_is_refused(void **state)
{
	const char *const wrong[] = {
		"forward tcp 80 to 10.0.0.2\n",
		"0 forward tcp 80 to 10.0.0.2\n",
		"0 1 forward tcp 80 too 10.0.0.2\n",
		"0 1 forward tcp 80 to 10.0.0.2",
	};
	static struct gateway_rules got;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		int fd = memfd_create("test", MFD_CLOEXEC);

		assert_int_equal(write(fd, wrong[i], strlen(wrong[i])), strlen(wrong[i]));
		assert_int_equal(gateway_rules_load(&got, fd), -EPROTO);
		assert_int_equal(got.conf.count, 0);
		close(fd);
	}
}

/* ---- terms ---- */

static int64_t end_of(const char *text, int64_t since_s)
{
	static struct conf_statement one;

	assert_int_equal(conf_statement_read(&one, text, &report), 0);
	return gateway_term_end(gateway_term_of(&one), since_s);
}

/* 2026-11-26 17:00:00 UTC. */
#define FIVE 1795712400

static void terms(void **state)
{
	(void)state;
	assert_int_equal(end_of("dmz 10.0.0.9", FIVE), 0);
	assert_int_equal(end_of("dmz 10.0.0.9 for 2h", FIVE), FIVE + 7200);
	assert_int_equal(end_of("dmz 10.0.0.9 until 18:00", FIVE), FIVE + 3600);
	/* That time of today is over; and now is not later than now. */
	assert_int_equal(end_of("dmz 10.0.0.9 until 16:59", FIVE), FIVE + 86400 - 60);
	assert_int_equal(end_of("dmz 10.0.0.9 until 17:00", FIVE), FIVE + 86400);
	assert_int_equal(end_of("dmz 10.0.0.9 until 2026-11-27 17:00", FIVE), FIVE + 86400);
}

/* The night on which clocks go forward at 2 has no half past two. */
static void terms_in_local_time(void **state)
{
	const int64_t spring = 1774738800; /* 2026-03-28 23:00 UTC, midnight there */

	(void)state;
	assert_int_equal(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), 0);
	tzset();
	assert_int_equal(end_of("dmz 10.0.0.9 until 18:00", FIVE), FIVE + 86400);
	assert_int_equal(end_of("dmz 10.0.0.9 until 04:00", spring), spring + 3 * 3600);
	assert_true(end_of("dmz 10.0.0.9 until 02:30", spring) > spring);
}

/* ---- from one file to the next ---- */

static void move_file(void)
{
	gateway_rules_free(&out);
	out = file;
	file = (struct gateway_rules){ .until_s = NULL };
}

static void an_unchanged_line_keeps_its_end(void **state)
{
	char note[512] = "";

	(void)state;
	add(&file, "forward tcp 80 to 10.0.0.2 for 2h", 5000);
	add(&file, "forward tcp 81 to 10.0.0.2 until 02:30", 900);
	add(&file, "forward tcp 82 to 10.0.0.2", 0);
	add(&file, "block tcp 22 for 1h", 800);
	move_file();
	/* Written anew an hour later, with a comment more: in another order. */
	add(&file, "block tcp 22 for 1h", 4400);
	add(&file, "forward tcp 81 to 10.0.0.2 until 02:30", 90000);
	add(&file, "forward tcp 80 to 10.0.0.2 for 2h", 8600);
	add(&file, "forward tcp 82 to 10.0.0.2", 0);
	assert_int_equal(gateway_terms_keep(&file, &out, 1000, note, sizeof(note)), 0);
	assert_int_equal(file.until_s[0], 800);
	assert_int_equal(file.until_s[1], 900);
	assert_int_equal(file.until_s[2], 5000);
	assert_int_equal(file.until_s[3], 0);
	assert_string_equal(
		note, "line 1: 'block tcp 22' is over since 1970-01-01 00:13:20\n"
		      "line 2: 'forward tcp 81 to 10.0.0.2' is over since 1970-01-01 00:15:00");
}

static void a_line_with_another_term_begins_anew(void **state)
{
	char note[512] = "before";

	(void)state;
	add(&file, "forward tcp 80 to 10.0.0.2 for 2h", 900);
	add(&file, "forward tcp 81 to 10.0.0.2 until 02:30", 900);
	add(&file, "forward tcp 82 to 10.0.0.2 for 2h", 900);
	add(&file, "forward tcp 83 to 10.0.0.2", 0);
	move_file();
	add(&file, "forward tcp 80 to 10.0.0.2 for 3h", 8600);
	add(&file, "forward tcp 81 to 10.0.0.2 until 02:31", 90000);
	add(&file, "forward tcp 82 to 10.0.0.3 for 2h", 8600);
	add(&file, "forward tcp 83 to 10.0.0.2 for 2h", 8600);
	assert_int_equal(gateway_terms_keep(&file, &out, 1000, note, sizeof(note)), 0);
	assert_int_equal(file.until_s[0], 8600);
	assert_int_equal(file.until_s[1], 90000);
	assert_int_equal(file.until_s[2], 8600);
	assert_int_equal(file.until_s[3], 8600);
	assert_string_equal(note, "before");
	/* And that is what the next file is measured by, with what it is copied to. */
	gateway_rules_free(&said);
	assert_int_equal(gateway_rules_copy(&said, &file), 0);
	gateway_rules_free(&file);
	add(&file, "forward tcp 80 to 10.0.0.2 for 3h", 99999);
	assert_int_equal(gateway_terms_keep(&file, &said, 1000, note, sizeof(note)), 0);
	assert_int_equal(file.until_s[0], 8600);
}

static void many_are_over(void **state)
{
	char note[1024] = "";
	char text[64];

	(void)state;
	for (int i = 1; i < 9; i++) {
		(void)snprintf(text, sizeof(text), "forward tcp %d to 10.0.0.2 for 1s", i);
		add(&file, text, 1000);
	}
	assert_int_equal(gateway_terms_keep(&file, &said, 1000, note, sizeof(note)), 0);
	assert_non_null(strstr(note, "line 3: "));
	assert_null(strstr(note, "line 4: "));
	assert_non_null(strstr(note, "\nand 5 more are over"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, clean)
		CASE(what_was_said_stands_beside_the_file),
		CASE(it_cannot_contradict_the_file),
		CASE(another_dmz_goes_before_the_files),
		CASE(dmz_off_is_none),
		CASE(a_setting_goes_before_the_files),
		CASE(what_is_over_is_left_out),
		CASE(removal_keeps_instants_beside_their_statements),
		CASE(a_list_travels),
		CASE(nonsense_is_refused),
		CASE(terms),
		CASE(an_unchanged_line_keeps_its_end),
		CASE(a_line_with_another_term_begins_anew),
		CASE(many_are_over),
		CASE(terms_in_local_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
