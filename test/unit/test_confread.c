/* SPDX-License-Identifier: BSD-2-Clause */
/* Files and command lines in the language of minato.conf: what is returned and what is said. */
#include "conf_fixture.h"

#include <unistd.h>

#include "cmd/conf.h"

static char said_text[4096];
static int keep;
static FILE *spoken;

static void listen_in(void)
{
	spoken = tmpfile();
	assert_non_null(spoken);
	keep = dup(STDERR_FILENO);
	dup2(fileno(spoken), STDERR_FILENO);
}

static void heard(void)
{
	fflush(stderr);
	dup2(keep, STDERR_FILENO);
	close(keep);
	rewind(spoken);
	said_text[fread(said_text, 1, sizeof(said_text) - 1, spoken)] = 0;
	fclose(spoken);
}

static int read_text(const char *text)
{
	char path[] = "/tmp/minato-confread-XXXXXX";
	int fd = mkstemp(path);
	struct cmd_text file;
	int code;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	conf_free(&conf);
	listen_in();
	code = cmd_conf_read(&conf, &file, path, &report);
	heard();
	free(file.bytes);
	unlink(path);
	return code;
}

static void files(void **state)
{
	struct cmd_text file;

	(void)state;
	assert_int_equal(read_text(LINKS "dmz 10.0.0.9\n"), CMD_GO_ON);
	assert_int_equal(conf.count, 3);
	assert_string_equal(said_text, "");
	assert_int_equal(read_text(LINKS "dmz 10.0.0.999\n"), CMD_REFUSED);
	assert_non_null(strstr(said_text, ":3:5: error: this is no address"));
	assert_int_equal(conf.count, 0);
	listen_in();
	assert_int_equal(cmd_conf_read(&conf, &file, "/nonexistent/minato.conf", &report),
			 CMD_USAGE);
	heard();
	assert_non_null(strstr(said_text, "cannot read /nonexistent/minato.conf"));
}

static void statements(void **state)
{
	char words[4][16] = { "tcp", "http", "to", "10.0.0.2" };
	char *list[5] = { words[0], words[1], words[2], words[3], NULL };
	struct conf_statement s;

	(void)state;
	assert_int_equal(cmd_conf_statement(&s, "forward", list), CMD_GO_ON);
	assert_int_equal(s.forward.run[0].first, 80);
	strcpy(words[2], "too");
	listen_in();
	assert_int_equal(cmd_conf_statement(&s, "forward", list), CMD_USAGE);
	heard();
	assert_string_equal(said_text,
			    "minato: this word does not fit here: expected on, all or to; did you "
			    "mean 'to'?\n    forward tcp http too 10.0.0.2\n"
			    "                     ^~~\n");
}

static void endless(void **state)
{
	static char word[CONF_LINE_MAX * 2];
	char *list[4] = { word, word, word, NULL };
	struct conf_statement s;

	(void)state;
	memset(word, 'x', sizeof(word) - 1);
	listen_in();
	assert_int_equal(cmd_conf_statement(&s, "forward", list), CMD_USAGE);
	heard();
	assert_non_null(strstr(said_text, "the longest has 2048"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files),
		cmocka_unit_test(statements),
		cmocka_unit_test(endless),
	};

	return cmocka_run_group_tests(tests, NULL, end_conf);
}
