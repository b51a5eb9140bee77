/* SPDX-License-Identifier: BSD-2-Clause */
/* Files on a disk that include others: found beside each other, in order, each once. */
#include "conf_fixture.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/conf.h"

static char folder[] = "/tmp/minato-conffiles-XXXXXX";
static struct cmd_conf_files files;
static struct drive_error error;

static const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int make_folder(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(mkdir(path_of("d"), 0700), 0);
	return 0;
}

static int clear(void **state)
{
	char command[300];

	(void)state;
	conf_free(&conf);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static int read_main(const char *text)
{
	int result;

	conf_free(&conf);
	put("main", text);
	assert_int_equal(cmd_conf_open(&files, path_of("main"), &error), 0);
	result = conf_read_sources(&conf, &files.sources, &report);
	return result;
}

static void says(const char *what)
{
	if (!report.count || !strstr(report.fault[0].what, what))
		fail_msg("\"%s\" does not say \"%s\"", report.count ? report.fault[0].what : "",
			 what);
	cmd_conf_close(&files);
}

static void all_of_a_folder_by_name(void **state)
{
	(void)state;
	put("d/b.conf", "forward tcp 81 to 10.0.0.2\n");
	put("d/a.conf", "forward tcp 80 to 10.0.0.2\ninclude c.inc\n");
	put("d/c.inc", "forward tcp 82 to 10.0.0.2\n");
	put("d/other", "nonsense\n");
	assert_int_equal(read_main(LINKS "include d/*.conf\ninclude none/*.conf\n"), 0);
	assert_int_equal(conf.count, 5);
	assert_int_equal(conf.list[2]->forward.run[0].first, 80);
	/* Beside the file that says so, not beside the first. */
	assert_int_equal(conf.list[3]->forward.run[0].first, 82);
	assert_int_equal(conf.list[4]->forward.run[0].first, 81);
	assert_non_null(strstr(conf_file_of(&conf, conf.list[3]->line), "/d/c.inc"));
	cmd_conf_close(&files);
}

static void loops_are_refused(void **state)
{
	(void)state;
	assert_int_equal(read_main(LINKS "include main\n"), -EINVAL);
	says("main includes itself by this");
	put("one", "include two\n");
	put("two", "include ./one\n");
	assert_int_equal(read_main(LINKS "include one\n"), -EINVAL);
	assert_int_equal(CONF_LINE_FILE(report.fault[0].line), 2);
	says("/one includes itself by this");
	put("two", "");
	assert_int_equal(read_main(LINKS "include one\ninclude two\n"), -EINVAL);
	assert_int_equal(report.fault[0].line, 4);
	says("/two is included already, by line 1 of ");
}

static void what_cannot_be_read(void **state)
{
	(void)state;
	assert_int_equal(read_main(LINKS "include nosuch\n"), -EINVAL);
	says("/nosuch: No such file");
	assert_int_equal(read_main(LINKS "include d\n"), -EINVAL);
	says("it is a folder");
	assert_int_equal(read_main(LINKS "include /dev/zero\n"), -EINVAL);
	says("it is no plain file");
	assert_int_equal(cmd_conf_open(&files, path_of("nosuch"), &error), -ENOENT);
	cmd_conf_close(&files);
}

static void too_much_of_it(void **state)
{
	char name[32];

	(void)state;
	put("half", "\n");
	assert_int_equal(truncate(path_of("half"), CONF_SIZE_MAX / 2), 0);
	put("rest", "\n");
	assert_int_equal(truncate(path_of("rest"), CONF_SIZE_MAX / 2), 0);
	assert_int_equal(read_main(LINKS "include rest\ninclude half\n"), -EINVAL);
	for (size_t i = 0; i < report.count; i++) {
		if (report.fault[i].line == 4)
			assert_non_null(strstr(report.fault[i].what, "the files have more than"));
	}
	cmd_conf_close(&files);
	for (unsigned i = 0; i < CONF_FILES_MAX; i++) {
		snprintf(name, sizeof(name), "d/many%u.m", i);
		put(name, "");
	}
	assert_int_equal(read_main(LINKS "include d/*.m\n"), -EINVAL);
	says("more than 64 files");
}

static void a_caret_in_the_right_file(void **state)
{
	struct cmd_conf_text text = { "main", NULL, 0, &files.sources };
	char *out = NULL;
	size_t size;
	FILE *file = open_memstream(&out, &size);

	(void)state;
	put("wrong", "\ndmz 10.0.0.900\n");
	assert_int_equal(read_main(LINKS "include wrong\n"), -EINVAL);
	text.bytes = files.sources.list[0].text;
	text.size = files.sources.list[0].size;
	cmd_conf_say(file, &text, &report, false);
	fclose(file);
	assert_non_null(strstr(out, "/wrong:2:5: error: "));
	assert_non_null(strstr(out, "\n    dmz 10.0.0.900\n        ^~~~~~~~~~\n"));
	free(out);
	cmd_conf_close(&files);
}

/* Rules of a guest include others, beside the file or, said on the command line, from here. */
static void rules_of_a_guest_too(void **state)
{
	struct cmd_text text = { .bytes = strdup("include rules/*.conf\nblock tcp 82\n") };

	(void)state;
	conf_free(&conf);
	text.size = strlen(text.bytes);
	put("d/ssh.rules", "allow tcp 22 from lan\n");
	put("d/more.rules", "block tcp 22\n");
	put("guest", "include d/ssh.rules\ninclude d/more.rules\nblock tcp 80\n");
	assert_int_equal(cmd_conf_open(&files, path_of("guest"), &error), 0);
	if (conf_read_guest_sources(&conf, &files.sources, "web", &report) != 0)
		fail_msg("%s", report.fault[0].what);
	assert_int_equal(conf.count, 3);
	assert_non_null(strstr(conf_file_of(&conf, conf.list[1]->line), "/d/more.rules"));
	assert_int_equal(CONF_LINE_NUMBER(conf.list[1]->line), 1);
	assert_null(conf_file_of(&conf, conf.list[2]->line));
	cmd_conf_close(&files);
	conf_free(&conf);
	assert_int_equal(cmd_conf_open_text(&files, NULL, &text, &error), 0);
	assert_int_equal(conf_read_guest_sources(&conf, &files.sources, "web", &report), 0);
	assert_int_equal(conf.count, 1);
	cmd_conf_close(&files);
	/* What is wrong there is. */
	put("d/more.rules", "blok tcp 1\n");
	conf_free(&conf);
	assert_int_equal(cmd_conf_open(&files, path_of("guest"), &error), 0);
	assert_int_equal(conf_read_guest_sources(&conf, &files.sources, "web", &report), -EINVAL);
	cmd_conf_close(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_a_folder_by_name),   cmocka_unit_test(loops_are_refused),
		cmocka_unit_test(what_cannot_be_read),	     cmocka_unit_test(too_much_of_it),
		cmocka_unit_test(a_caret_in_the_right_file), cmocka_unit_test(rules_of_a_guest_too),
	};

	return cmocka_run_group_tests(tests, make_folder, clear);
}
