/* SPDX-License-Identifier: BSD-2-Clause */
/* What a keeper does when a scan was recognised: lines of JSON, a command, bounds. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/guard/scans.h"

static char directory[] = "/tmp/minato-alerting.XXXXXX";
static struct cmd_harbour harbour;

static struct cmd_message message_of(uint8_t last)
{
	struct cmd_message message = { .kind = CMD_ASK_SCAN };

	message.scan = (struct minato_scan){
		.number = 1,
		.source = minato_addr4(203, 0, 113, last),
		.prefix = 128,
		.recognised = true,
		.kinds = 1u << MINATO_SCAN_SYN | 1u << MINATO_SCAN_OS,
		.tool = MINATO_SCAN_TOOL_NMAP,
		.pattern = MINATO_SCAN_PATTERN_RANDOM,
		.confidence = 996,
		.ports_tried = 1000,
		.first = 1,
		.last = 65389,
		.port_count = 2,
		.ports = { 80, 443 },
		.target = minato_addr4(198, 51, 100, 1),
	};
	return message;
}

static char *path_of(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static int setup(void **state)
{
	(void)state;
	memset(&harbour, 0, sizeof(harbour));
	harbour.quiet = true;
	(void)snprintf(harbour.name, sizeof(harbour.name), "edge");
	return drive_loop_new(&harbour.loop);
}

static int teardown(void **state)
{
	(void)state;
	cmd_alerting_clear(&harbour.alerting);
	drive_loop_free(harbour.loop);
	return 0;
}

/* Lines of the file, the first of them in `line`. */
static int lines_of(const char *name, char line[2048])
{
	FILE *file = fopen(path_of(name), "r");
	char other[2048];
	int count = 0;

	line[0] = 0;
	while (file && fgets(count ? other : line, 2048, file))
		count++;
	if (file)
		fclose(file);
	return count;
}

static void a_file_gets_lines_of_json(void **state)
{
	struct cmd_message message = message_of(7);
	struct drive_error error;
	char line[2048];
	json_t *object;

	(void)state;
	assert_int_equal(
		cmd_alerting_add(&harbour.alerting, CMD_ALERT_FILE, path_of("lines"), &error), 0);
	assert_int_equal(cmd_alerting_take(&harbour, &message), 0);
	message = message_of(8);
	assert_int_equal(cmd_alerting_take(&harbour, &message), 0);
	assert_int_equal(lines_of("lines", line), 2);
	object = json_loads(line, 0, NULL);
	assert_non_null(object);
	assert_string_equal(json_string_value(json_object_get(object, "source")), "203.0.113.7");
	assert_string_equal(json_string_value(json_object_get(object, "name")), "edge");
	assert_string_equal(json_string_value(json_object_get(object, "tool")), "nmap");
	assert_int_equal(json_array_size(json_object_get(object, "kinds")), 2);
	assert_int_equal(json_integer_value(json_object_get(object, "prefix")), 32);
	json_decref(object);
}

/* Nobody has to be told, as logrotate and its like do. */
static void a_file_that_is_moved_away_is_made_anew(void **state)
{
	struct cmd_message message = message_of(7);
	struct drive_error error;
	char away[128], line[2048];

	(void)state;
	assert_int_equal(
		cmd_alerting_add(&harbour.alerting, CMD_ALERT_FILE, path_of("here"), &error), 0);
	assert_int_equal(cmd_alerting_take(&harbour, &message), 0);
	(void)snprintf(away, sizeof(away), "%s", path_of("away"));
	assert_int_equal(rename(path_of("here"), away), 0);
	assert_int_equal(cmd_alerting_take(&harbour, &message), 0);
	assert_int_equal(lines_of("away", line), 1);
	assert_int_equal(lines_of("here", line), 1);
	assert_int_equal(unlink(path_of("here")), 0);
	assert_int_equal(cmd_alerting_take(&harbour, &message), 0);
	assert_int_equal(lines_of("here", line), 1);
	/* Where it cannot be made, the old one is better than none. */
	assert_int_equal(unlink(path_of("here")), 0);
	assert_int_equal(mkdir(path_of("here"), 0700), 0);
	assert_int_equal(cmd_alerting_take(&harbour, &message), 0);
	assert_int_equal(rmdir(path_of("here")), 0);
	assert_true(harbour.alerting.file > 0);
}

static void take_many(int count)
{
	for (int i = 0; i < count; i++) {
		const struct cmd_message message = message_of((uint8_t)i);

		assert_int_equal(cmd_alerting_take(&harbour, &message), 0);
	}
}

/* A line for each, as long as a disk is not what is aimed at. */
static void a_file_has_all_of_a_burst(void **state)
{
	struct drive_error error;
	char line[2048];

	(void)state;
	assert_int_equal(
		cmd_alerting_add(&harbour.alerting, CMD_ALERT_FILE, path_of("all"), &error), 0);
	take_many(1000);
	assert_int_equal(lines_of("all", line), 1000);
}

/* The last line of the file says that so many are missing. */
static int64_t missing_in(const char *name)
{
	FILE *file = fopen(path_of(name), "r");
	char line[2048] = "";
	int64_t count;
	json_t *object;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		;
	fclose(file);
	object = json_loads(line, 0, NULL);
	assert_non_null(object);
	count = json_integer_value(json_object_get(object, "left_out"));
	if (count)
		assert_string_equal(json_string_value(json_object_get(object, "name")), "edge");
	json_decref(object);
	return count;
}

/* Whoever scans does not write files or start programs as he likes. */
static void all_of_it_is_bounded(void **state)
{
	struct drive_error error;
	struct minato_time now = drive_loop_now(harbour.loop);
	char line[2048], text[512] = "";
	int said[2], count;

	(void)state;
	assert_int_equal(pipe2(said, O_NONBLOCK | O_CLOEXEC), 0);
	assert_int_equal(
		cmd_alerting_add(&harbour.alerting, CMD_ALERT_FILE, path_of("many"), &error), 0);
	assert_int_equal(cmd_alerting_turn(&harbour, now).ns, MINATO_NEVER.ns);
	take_many(6000);
	now = drive_loop_now(harbour.loop);
	count = lines_of("many", line);
	assert_in_range(count, 4096, 4106);
	assert_in_range(harbour.alerting.saying.left_out, 5930, 5940);
	/* How many they were is said too, where none comes that would be told. */
	assert_int_equal(missing_in("many"), 0);
	harbour.quiet = false;
	cmd_say_to(said[1]);
	assert_in_range(cmd_alerting_turn(&harbour, now).ns, now.ns + 1,
			now.ns + INT64_C(2000000000));
	assert_int_equal(lines_of("many", line), count);
	now.ns += INT64_C(2000000000);
	assert_int_equal(cmd_alerting_turn(&harbour, now).ns, MINATO_NEVER.ns);
	cmd_say_to(STDERR_FILENO);
	assert_int_equal(lines_of("many", line), count + 1);
	assert_in_range(missing_in("many"), 6000 - count, 6000 - count);
	assert_true(read(said[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, " more were not told of; minato scans lists them\n"));
	assert_int_equal(cmd_alerting_turn(&harbour, now).ns, MINATO_NEVER.ns);
	close(said[0]);
	close(said[1]);
}

static void a_worker_that_lies_is_none_of_ours(void **state)
{
	struct cmd_message message = message_of(7);

	(void)state;
	message.scan.kinds = 1u << MINATO_SCAN_KIND_COUNT;
	assert_int_equal(cmd_alerting_take(&harbour, &message), -EPROTO);
	message = message_of(7);
	message.scan.tool = (enum minato_scan_tool)77;
	assert_int_equal(cmd_alerting_take(&harbour, &message), -EPROTO);
	message = message_of(7);
	message.scan.port_count = MINATO_SCAN_PORTS + 1;
	assert_int_equal(cmd_alerting_take(&harbour, &message), -EPROTO);
}

static void a_command_gets_words_and_no_shell(void **state)
{
	const struct cmd_message message = message_of(7);
	struct drive_error error;
	char script[256], line[2048];
	FILE *file = fopen(path_of("tell"), "w");

	(void)state;
	assert_non_null(file);
	fprintf(file, "#!/bin/sh\nprintf '%%s|' \"$@\" >%s/told.new\nmv %s/told.new %s/told\n",
		directory, directory, directory);
	fclose(file);
	(void)snprintf(script, sizeof(script), "%s", path_of("tell"));
	assert_int_equal(chmod(script, 0700), 0);
	assert_int_equal(cmd_alerting_add(&harbour.alerting, CMD_ALERT_COMMAND, script, &error), 0);
	assert_int_equal(cmd_alerting_take(&harbour, &message), 0);
	assert_int_not_equal(harbour.alerting.pid, 0);
	for (int i = 0; i < 1000 && lines_of("told", line) == 0; i++)
		usleep(10000);
	assert_string_equal(line, "edge|203.0.113.7|syn os|nmap|1000|996|unverified|");
}

/* A scan in another's name hides nobody who comes while the command runs. */
static void who_comes_while_the_command_runs_waits(void **state)
{
	struct drive_error error;
	char script[256], line[2048];
	FILE *file = fopen(path_of("slow"), "w");

	(void)state;
	assert_non_null(file);
	fprintf(file,
		"#!/bin/sh\nwhile [ ! -e %s/go ]; do sleep 0.01; done\necho \"$2\" >>%s/each\n",
		directory, directory);
	fclose(file);
	(void)snprintf(script, sizeof(script), "%s", path_of("slow"));
	assert_int_equal(chmod(script, 0700), 0);
	assert_int_equal(cmd_alerting_add(&harbour.alerting, CMD_ALERT_COMMAND, script, &error), 0);
	for (uint8_t i = 0; i < 40; i++) {
		const struct cmd_message message = message_of(i);

		assert_int_equal(cmd_alerting_take(&harbour, &message), 0);
	}
	fclose(fopen(path_of("go"), "w"));
	while (harbour.alerting.pid)
		assert_true(drive_loop_turn(harbour.loop, MINATO_NEVER) >= 0);
	/* The first, and as many as have room; in their order. */
	assert_int_equal(lines_of("each", line), 1 + (int)CMD_ALERTS_WAITING);
	assert_string_equal(line, "203.0.113.0\n");
}

/* The disk is full in the middle of a line. */
static void no_part_of_a_line_is_left(void **state)
{
	struct rlimit limit, unlimited;
	struct cmd_message message = message_of(7);
	struct drive_error error;
	struct stat first, second;
	char line[2048];

	(void)state;
	assert_int_equal(
		cmd_alerting_add(&harbour.alerting, CMD_ALERT_FILE, path_of("full"), &error), 0);
	assert_int_equal(cmd_alerting_take(&harbour, &message), 0);
	assert_int_equal(stat(path_of("full"), &first), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
	limit = unlimited;
	limit.rlim_cur = (rlim_t)first.st_size + 100;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(cmd_alerting_take(&harbour, &message), 0);
	assert_true(harbour.alerting.unwritten);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
	assert_int_equal(stat(path_of("full"), &second), 0);
	assert_int_equal(second.st_size, first.st_size);
	assert_int_equal(cmd_alerting_take(&harbour, &message), 0);
	assert_false(harbour.alerting.unwritten);
	assert_int_equal(lines_of("full", line), 2);
}

static void what_cannot_be_told_is_refused(void **state)
{
	struct drive_error error;

	(void)state;
	assert_int_equal(cmd_alerting_add(&harbour.alerting, CMD_ALERT_COMMAND, "tell", &error),
			 -EINVAL);
	assert_int_equal(cmd_alerting_add(&harbour.alerting, CMD_ALERT_COMMAND, "/nowhere/tell",
					  &error),
			 -ENOENT);
	assert_int_equal(cmd_alerting_add(&harbour.alerting, CMD_ALERT_FILE, "/nowhere/lines",
					  &error),
			 -ENOENT);
}

static void a_line_says_it_all(void **state)
{
	struct cmd_message message = message_of(7);
	char text[CMD_SCAN_TEXT];

	(void)state;
	assert_string_equal(cmd_scan_text(text, &message.scan),
			    "scan from 203.0.113.7: syn os by nmap, 1000 ports of 198.51.100.1 "
			    "between 1 and 65389, order random, confidence 99.6 %, its address is "
			    "not verified");
	message.scan.first = message.scan.last = 443;
	message.scan.ports_tried = 1;
	message.scan.targets = 12;
	assert_non_null(strstr(cmd_scan_text(text, &message.scan),
			       ", port 443 of some 12 addresses, 198.51.100.1 the last, order "));
	message.scan.targets = MINATO_SCAN_TARGETS_MAX;
	assert_non_null(strstr(cmd_scan_text(text, &message.scan), " of more than 100 addresses"));
	message.scan.source = (struct minato_addr){ { 0x20, 1, 0xd, 0xb8 } };
	message.scan.prefix = 56;
	message.scan.kinds = 0;
	assert_string_equal(cmd_scan_source(text, &message.scan), "2001:db8::/56");
	assert_non_null(strstr(cmd_scan_text(text, &message.scan), "/56: unknown by nmap"));
	/* Of a /64 one address may be blocked, or all. */
	message.scan.prefix = 64;
	message.scan.blocked_until.ns = 1;
	assert_non_null(strstr(cmd_scan_text(text, &message.scan), "verified, blocked"));
	message.scan.blocked = message.scan.source;
	message.scan.blocked.bytes[15] = 5;
	assert_non_null(
		strstr(cmd_scan_text(text, &message.scan), "verified, 2001:db8::5 blocked"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_gets_lines_of_json),
		TEST(a_file_has_all_of_a_burst),
		TEST(all_of_it_is_bounded),
		TEST(a_worker_that_lies_is_none_of_ours),
		TEST(a_command_gets_words_and_no_shell),
		TEST(who_comes_while_the_command_runs_waits),
		TEST(no_part_of_a_line_is_left),
		TEST(what_cannot_be_told_is_refused),
		TEST(a_line_says_it_all),
		TEST(a_file_that_is_moved_away_is_made_anew),
	};
	char command[64];
	int failed;

	if (!mkdtemp(directory))
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) == 0 ? failed : 1;
}
