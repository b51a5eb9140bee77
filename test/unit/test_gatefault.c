/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong is told as a text, with its place where it has one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "cmd/gateway/gateway.h"

static const char file[] = "inside tap in0 10.0.0.1/24\n"
			   "outside tap out0 198.51.100.1/24\n"
			   "forwrad tcp 80 to 10.0.0.2 # A\n"
			   "forward tcp 99999 to 10.0.0.2\n";
static struct conf_report report;
static char out[4096];

static void read_file(void)
{
	struct conf conf = { .list = NULL };

	assert_int_equal(conf_read(&conf, file, strlen(file), &report), -EINVAL);
}

static void of_a_file(void **state)
{
	const char *first;

	(void)state;
	read_file();
	gateway_fault_text(&report, "a.conf", file, out, sizeof(out));
	first = strstr(out, "a.conf:3:1: error: ");
	assert_ptr_equal(first, out);
	assert_non_null(strstr(first,
			       "did you mean 'forward'?\n    forwrad tcp 80 to 10.0.0.2 # A\n"
			       "    ^~~~~~~\na.conf:4:13: error: "));
	assert_int_not_equal(out[strlen(out) - 1], '\n');
}

/* The speaker is named by who shows it. */
static void of_a_statement(void **state)
{
	static struct conf_statement one;

	(void)state;
	assert_int_equal(conf_statement_read(&one, "forward tcp 80 to", &report), -EINVAL);
	gateway_fault_text(&report, "", "forward tcp 80 to", out, sizeof(out));
	assert_non_null(strstr(out, "\n    forward tcp 80 to\n                     ^"));
	assert_int_not_equal(strncmp(out, "minato: ", 8), 0);
}

static void of_a_list_without_a_text(void **state)
{
	const char *second;

	(void)state;
	read_file();
	gateway_fault_lines(&report, NULL, out, sizeof(out));
	assert_int_equal(strncmp(out, "line 3: ", 8), 0);
	second = strstr(out, "\nline 4: ");
	assert_non_null(second);
	assert_null(strchr(second + 1, '\n'));
	report.fault[0].line = 0;
	gateway_fault_lines(&report, NULL, out, sizeof(out));
	assert_int_not_equal(strncmp(out, "line", 4), 0);
}

/* A live statement is in the way of a new file: it is shown there, with who is in its way. */
static void of_a_file_beside_what_is_live(void **state)
{
	static const char text[] = "inside tap in0 10.0.0.1/24\n"
				   "outside tap out0 198.51.100.1/24\n"
				   "forward tcp 9001 to 10.0.0.2\n";
	static struct conf_statement live;
	struct conf_report ignored;
	struct conf conf = { .list = NULL };

	(void)state;
	assert_int_equal(conf_read(&conf, text, strlen(text), &report), 0);
	assert_int_equal(conf_statement_read(&live, "forward tcp 9001 to 10.0.0.3", &ignored), 0);
	assert_int_equal(conf_add(&conf, &live), 0);
	conf.list[3]->line = 0;
	report = (struct conf_report){ .count = 0 };
	assert_int_equal(gateway_rules_judge(&conf, &report), -EINVAL);
	gateway_fault_settle(&report, &conf, true);
	gateway_fault_text(&report, "a.conf", text, out, sizeof(out));
	assert_string_equal(out, "a.conf:3:9: error: tcp port 9001 is forwarded already, by "
				 "'forward tcp 9001 to 10.0.0.3' (live)\n"
				 "    forward tcp 9001 to 10.0.0.2\n"
				 "            ^~~~~~~~");
	/* And a live one is told of the file's. */
	report = (struct conf_report){ .count = 0 };
	assert_int_equal(gateway_rules_judge(&conf, &report), -EINVAL);
	gateway_fault_settle(&report, &conf, false);
	gateway_fault_lines(&report, NULL, out, sizeof(out));
	assert_string_equal(out, "tcp port 9001 is forwarded already, by "
				 "'forward tcp 9001 to 10.0.0.2' (line 3)");
	conf_free(&conf);
}

/* No line of the file is wrong alone: the live statement is named, with what takes it back. */
static void of_what_is_live_alone(void **state)
{
	static const char text[] = "inside tap in0 10.0.0.1/24\n"
				   "outside tap out0 198.51.100.1/24\n";
	static const struct {
		const char *live, *says;
	} faults[] = {
		{ "forward tcp 9700 on 198.51.100.7 to 10.0.0.2:22",
		  "a.conf: error: no outside link and no pool has the address 198.51.100.7, in "
		  "what was said live: 'minato forward rm tcp 9700 on 198.51.100.7 to 10.0.0.2:22' "
		  "takes it back" },
		{ "dmz 10.0.0.9 on 198.51.100.7",
		  "a.conf: error: no outside link and no pool has the address 198.51.100.7, in the "
		  "live 'dmz 10.0.0.9 on 198.51.100.7': 'minato dmz file' takes it back" },
		{ "block tcp 22 from no-such-zone before =26820ec2b23fc503",
		  "'minato rule rm block tcp 22 from no-such-zone' takes it back" },
		/* Half a command would be worse than none. */
		{ "forward tcp 9701, 9703, 9705, 9707, 9709, 9711, 9713, 9715, 9717, 9719, "
		  "9721, 9723, 9725, 9727 on 198.51.100.7 to 10.0.0.2",
		  "in the live 'forward tcp 9701, 9703, 9705, 9707, 9709, 9711, 9713, 9715,...'" },
		{ "block tcp 22 from no-such-zone",
		  "'minato rule rm block tcp 22 from no-such-zone' takes it back" },
	};
	static struct conf_statement live;
	struct conf_report ignored;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct conf conf = { .list = NULL };

		assert_int_equal(conf_read(&conf, text, strlen(text), &report), 0);
		assert_int_equal(conf_statement_read(&live, faults[i].live, &ignored), 0);
		assert_int_equal(conf_add(&conf, &live), 0);
		conf.list[2]->line = 0;
		report = (struct conf_report){ .count = 0 };
		assert_int_equal(gateway_rules_judge(&conf, &report), -EINVAL);
		gateway_fault_settle(&report, &conf, true);
		gateway_fault_text(&report, "a.conf", text, out, sizeof(out));
		if (i < 2)
			assert_string_equal(out, faults[i].says);
		assert_non_null(strstr(out, faults[i].says));
		conf_free(&conf);
	}
}

/* What is refused is not told of what stands already, and a warning is called one. */
static void warnings_stand_alone(void **state)
{
	(void)state;
	report = (struct conf_report){ .count = 2, .errors = 1, .warnings = 1 };
	report.fault[0].severity = CONF_WARNING;
	(void)strcpy(report.fault[0].what, "hardly meant");
	report.fault[1].severity = CONF_ERROR;
	(void)strcpy(report.fault[1].what, "wrong");
	gateway_fault_lines(&report, NULL, out, sizeof(out));
	assert_string_equal(out, "wrong");
	report.count = 1;
	gateway_fault_lines(&report, NULL, out, sizeof(out));
	assert_string_equal(out, "warning: hardly meant");
}

static void more_than_there_is_room_for(void **state)
{
	char few[40];

	(void)state;
	read_file();
	gateway_fault_text(&report, "a.conf", file, out, sizeof(out));
	memset(few, 'x', sizeof(few));
	gateway_fault_text(&report, "a.conf", file, few, sizeof(few));
	assert_int_equal(strlen(few), sizeof(few) - 1);
	assert_int_equal(strncmp(few, out, sizeof(few) - 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_a_file),
		cmocka_unit_test(of_a_statement),
		cmocka_unit_test(of_a_list_without_a_text),
		cmocka_unit_test(of_a_file_beside_what_is_live),
		cmocka_unit_test(of_what_is_live_alone),
		cmocka_unit_test(warnings_stand_alone),
		cmocka_unit_test(more_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
