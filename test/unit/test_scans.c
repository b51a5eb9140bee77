/* SPDX-License-Identifier: BSD-2-Clause */
/* minato scans --forget, with a guest that the test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/guard/scans.h"

static char base[] = "/tmp/minato-scans-XXXXXX";

/* ---- the guest: four scans, and what it is told to forget ---- */

static void say(int client, json_t *reply)
{
	char *text;

	json_object_set_new(reply, "v", json_integer(VIEW_JSON_VERSION));
	text = json_dumps(reply, JSON_COMPACT);
	json_decref(reply);
	(void)!send(client, text, strlen(text), MSG_NOSIGNAL);
	(void)!send(client, "\n", 1, MSG_NOSIGNAL);
	free(text);
}

static void answer(int client, const json_t *message, int told)
{
	const char *name = json_string_value(json_object_get(message, "request"));
	char number[32];
	int len;

	if (name && strcmp(name, "scans") == 0) {
		say(client,
		    json_pack("{s:[{s:s,s:i,s:i},{s:s,s:i,s:i},{s:s,s:i,s:i},{s:s,s:i,s:i}]}",
			      "scans", "source", "203.0.113.7", "prefix", 32, "number", 1, "source",
			      "fd00::", "prefix", 64, "number", 2, "source",
			      "2001:db8:1:40::", "prefix", 58, "number", 3, "source",
			      "203.0.113.70", "prefix", 32, "number", 4));
		say(client, json_pack("{s:b}", "done", 1));
	} else {
		len = snprintf(number, sizeof(number), "%d ",
			       (int)json_integer_value(json_object_get(message, "number")));
		(void)!write(told, number, (size_t)len);
		say(client, json_pack("{s:b}", "done", 1));
	}
}

static _Noreturn void be_guest(int listener, int told)
{
	for (;;) {
		int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		char line[1024] = "";
		ssize_t got = client < 0 ? -1 : recv(client, line, sizeof(line) - 1, 0);
		json_t *message = got > 0 ? json_loads(line, 0, NULL) : NULL;

		if (message)
			answer(client, message, told);
		json_decref(message);
		if (client >= 0)
			close(client);
	}
}

/* ---- the user ---- */

/* What the guest is told to forget; *said is what is printed, `code` how it ends. */
static const char *forgets(const char *address, int code, char said[256])
{
	static char heard[64];
	static char scans[] = "scans", option[] = "--forget";
	char name[DRIVE_NAME_SIZE] = "web", word[64];
	char *argv[] = { scans, option, word, NULL };
	int listener = drive_runtime_listen(name, true, NULL);
	int told[2], out[2];
	int screen = dup(STDOUT_FILENO);
	int complaints = dup(STDERR_FILENO);
	pid_t guest;
	ssize_t got;

	assert_true(listener >= 0);
	assert_int_equal(pipe(told), 0);
	assert_int_equal(pipe(out), 0);
	(void)snprintf(word, sizeof(word), "%s", address);
	guest = fork();
	assert_true(guest >= 0);
	if (guest == 0)
		be_guest(listener, told[1]);
	close(told[1]);
	(void)fflush(stdout);
	(void)dup2(out[1], STDOUT_FILENO);
	(void)dup2(out[1], STDERR_FILENO);
	close(out[1]);
	got = cmd_scans.run(3, argv);
	(void)fflush(stdout);
	(void)dup2(screen, STDOUT_FILENO);
	(void)dup2(complaints, STDERR_FILENO);
	close(screen);
	close(complaints);
	kill(guest, SIGKILL);
	(void)waitpid(guest, NULL, 0);
	assert_int_equal(got, code);
	got = read(told[0], heard, sizeof(heard) - 1);
	heard[got > 0 ? got : 0] = 0;
	got = read(out[0], said, 255);
	said[got > 0 ? got : 0] = 0;
	close(told[0]);
	close(out[0]);
	close(listener);
	drive_runtime_remove("web");
	return heard;
}

static void the_address_that_is_listed(void **state)
{
	char said[256];

	(void)state;
	assert_string_equal(forgets("203.0.113.7", CMD_OK, said), "1 ");
	assert_string_equal(said, "");
	assert_string_equal(forgets("203.0.113.7/32", CMD_OK, said), "1 ");
	assert_string_equal(forgets("203.0.113.8", CMD_REFUSED, said), "");
	assert_string_equal(said, "minato: no scan from 203.0.113.8 is known\n");
	assert_string_equal(forgets("203.0.113.0/24", CMD_REFUSED, said), "");
}

/* However it is written. */
static void the_prefix_that_is_listed(void **state)
{
	char said[256];

	(void)state;
	assert_string_equal(forgets("fd00::/64", CMD_OK, said), "2 ");
	assert_string_equal(said, "");
	assert_string_equal(forgets("FD00:0:0:0::/64", CMD_OK, said), "2 ");
	assert_string_equal(forgets("fd00::/48", CMD_REFUSED, said), "");
	assert_string_equal(forgets("2001:db8:1:40::/58", CMD_OK, said), "3 ");
}

static void an_address_within_it(void **state)
{
	char said[256];

	(void)state;
	assert_string_equal(forgets("fd00::99", CMD_OK, said), "2 ");
	assert_string_equal(said, "web: fd00::/64 is forgotten, in which that address is\n");
	assert_string_equal(forgets("fd00:0:0:1::99", CMD_REFUSED, said), "");
	/* Where the prefix ends within a byte. */
	assert_string_equal(forgets("2001:db8:1:7f::1", CMD_OK, said), "3 ");
	assert_string_equal(forgets("2001:db8:1:80::1", CMD_REFUSED, said), "");
	assert_string_equal(forgets("2001:db8:1:3f::1", CMD_REFUSED, said), "");
}

static void what_is_no_address(void **state)
{
	static const char *const words[] = { "foo",	   "",		 "203.0.113.7/33",
					     "fd00::/",	   "fd00::/129", "fd00::/-1",
					     "fd00::/64x", "fd00::/ 64" };
	char said[256];

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_string_equal(forgets(words[i], CMD_USAGE, said), "");
		assert_non_null(strstr(said, "that is no address"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_address_that_is_listed),
		cmocka_unit_test(the_prefix_that_is_listed),
		cmocka_unit_test(an_address_within_it),
		cmocka_unit_test(what_is_no_address),
	};
	char path[128];
	int failed;

	if (!mkdtemp(base) || setenv("XDG_RUNTIME_DIR", base, 1) < 0)
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)snprintf(path, sizeof(path), "%s/minato", base);
	(void)rmdir(path);
	(void)rmdir(base);
	return failed;
}
