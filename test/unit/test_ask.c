/* SPDX-License-Identifier: BSD-2-Clause */
/* minato ask, at a terminal of the test's, with a guest and a user that the test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cmd.h"

#define PATIENCE_MS 10000

static char base[] = "/tmp/minato-ask-XXXXXX";
static int listener, guest, terminal;
static pid_t asker;
static char screen[8192];
static size_t shown, looked_at;
static bool elsewhere;	 /* who asks how a question ended is told that somebody answered it */
static char heard[4096]; /* what the guest was sent and has not read */

/* ---- the command ---- */

static _Noreturn void be_asker(int slave, const char *name)
{
	static char word[] = "ask";
	char *argv[] = { word, NULL, NULL };
	char copy[64];
	int code;

	(void)snprintf(copy, sizeof(copy), "%s", name ? name : "");
	argv[1] = name ? copy : NULL;
	(void)dup2(slave, STDIN_FILENO);
	(void)dup2(slave, STDOUT_FILENO);
	(void)dup2(slave, STDERR_FILENO);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	close(terminal);
	if (listener >= 0)
		close(listener);
	code = cmd_ask.run(name ? 2 : 1, argv);
	(void)fflush(stdout);
	_exit(code);
}

/* At a terminal that does not echo. */
static void start(const char *name)
{
	struct termios modes;
	int slave;

	terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(terminal >= 0);
	assert_int_equal(grantpt(terminal), 0);
	assert_int_equal(unlockpt(terminal), 0);
	slave = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(slave >= 0);
	assert_int_equal(tcgetattr(slave, &modes), 0);
	modes.c_lflag &= ~(tcflag_t)ECHO;
	modes.c_oflag &= ~(tcflag_t)OPOST;
	assert_int_equal(tcsetattr(slave, TCSANOW, &modes), 0);
	shown = looked_at = 0;
	asker = fork();
	assert_true(asker >= 0);
	if (asker == 0)
		be_asker(slave, name);
	close(slave);
}

/* How it ended, when it did. */
static int ended(void)
{
	int status = 0;

	for (int i = 0; i < PATIENCE_MS / 10; i++) {
		if (waitpid(asker, &status, WNOHANG) == asker) {
			asker = 0;
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		}
		usleep(10000);
	}
	fail_msg("it does not end");
	return -1;
}

static int begin(void **state)
{
	char name[DRIVE_NAME_SIZE] = "web";

	(void)state;
	memcpy(base + sizeof(base) - 7, "XXXXXX", 6);
	if (!mkdtemp(base) || setenv("XDG_RUNTIME_DIR", base, 1) < 0)
		return -1;
	guest = -1;
	asker = 0;
	terminal = -1;
	heard[0] = 0;
	elsewhere = false;
	listener = drive_runtime_listen(name, true, NULL);
	return listener < 0;
}

static int end(void **state)
{
	char path[128];

	(void)state;
	if (asker > 0) {
		kill(asker, SIGKILL);
		(void)waitpid(asker, NULL, 0);
	}
	if (guest >= 0)
		close(guest);
	if (listener >= 0)
		close(listener);
	if (terminal >= 0)
		close(terminal);
	drive_runtime_remove("web");
	(void)snprintf(path, sizeof(path), "%s/minato", base);
	(void)rmdir(path);
	return rmdir(base);
}

/* ---- the user ---- */

static void types(const char *text)
{
	assert_int_equal(write(terminal, text, strlen(text)), strlen(text));
}

static void look_at_screen(int ms)
{
	struct pollfd ready = { .fd = terminal, .events = POLLIN };
	ssize_t got;

	if (poll(&ready, 1, ms) <= 0)
		return;
	got = read(terminal, screen + shown, sizeof(screen) - 1 - shown);
	shown += got > 0 ? (size_t)got : 0;
	screen[shown] = 0;
}

/* ---- the guest ---- */

/* The next request, or NULL for now. */
static json_t *request(int ms)
{
	struct pollfd ready = { .events = POLLIN };
	size_t used = strlen(heard);
	json_t *message;
	char *newline;
	ssize_t got;

	if (guest < 0) {
		ready.fd = listener;
		if (poll(&ready, 1, ms) <= 0)
			return NULL;
		guest = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		assert_true(guest >= 0);
	}
	ready.fd = guest;
	newline = strchr(heard, '\n');
	if (!newline && poll(&ready, 1, ms) > 0) {
		got = recv(guest, heard + used, sizeof(heard) - 1 - used, 0);
		heard[used + (got > 0 ? (size_t)got : 0)] = 0;
		newline = strchr(heard, '\n');
	}
	if (!newline)
		return NULL;
	*newline = 0;
	message = json_loads(heard, 0, NULL);
	memmove(heard, newline + 1, strlen(newline + 1) + 1);
	assert_non_null(message);
	return message;
}

static void say(json_t *reply)
{
	char *text;

	json_object_set_new(reply, "v", json_integer(VIEW_JSON_VERSION));
	text = json_dumps(reply, JSON_COMPACT);
	json_decref(reply);
	assert_int_equal(send(guest, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	assert_int_equal(send(guest, "\n", 1, MSG_NOSIGNAL), 1);
	free(text);
}

static json_t *question(int number, bool always, enum minato_proto proto)
{
	return json_pack("{s:i,s:i,s:s,s:s,s:b}", "number", number, "proto", (int)proto, "program",
			 "/usr/bin/curl (pid 7)", "place", "a.example:443", "always", always);
}

/* Lists these (a list of them, or NULL) to whoever asks, until there is an answer. */
static json_t *serve(json_t *rows, int ms)
{
	for (; ms > 0; ms -= 20) {
		json_t *message = request(20);
		const char *name = json_string_value(json_object_get(message, "request"));

		look_at_screen(0);
		if (!message)
			continue;
		assert_int_equal(json_integer_value(json_object_get(message, "v")),
				 VIEW_JSON_VERSION);
		if (strcmp(name, "answer") == 0)
			return message;
		if (strcmp(name, "ended") == 0) {
			assert_true(json_integer_value(json_object_get(message, "number")) > 0);
			say(json_pack("{s:b}", "answered", elsewhere));
			json_decref(message);
			continue;
		}
		assert_string_equal(name, "questions");
		if (rows)
			say(json_pack("{s:O}", "questions", rows));
		say(json_pack("{s:b}", "done", 1));
		json_decref(message);
	}
	return NULL;
}

/* Until that is on the screen, behind what was waited for before. */
static void until(json_t *rows, const char *text)
{
	char *at = NULL;

	for (int i = 0; i < PATIENCE_MS / 20 && !at; i++) {
		if (guest >= 0 || asker > 0)
			assert_null(serve(rows, 20));
		look_at_screen(0);
		screen[shown] = 0;
		at = strstr(screen + looked_at, text);
	}
	if (!at)
		fail_msg("not on the screen: \"%s\" but \"%s\"", text, screen + looked_at);
	else
		looked_at = (size_t)(at - screen) + strlen(text);
}

/* The answer that comes; that is what it is told. */
static void answered_so(json_t *rows, int number, const char *word, json_t *told)
{
	json_t *message = serve(rows, PATIENCE_MS);

	assert_non_null(message);
	assert_int_equal(json_integer_value(json_object_get(message, "number")), number);
	assert_string_equal(json_string_value(json_object_get(message, "reply")), word);
	json_decref(message);
	say(told);
}

static void answered(json_t *rows, int number, const char *word, bool late)
{
	answered_so(rows, number, word, late ? json_pack("{s:b}", "late", 1) : json_object());
}

#define ASKS "/usr/bin/curl (pid 7) wants a.example:443 tcp: [o]nce, [a]lways, [n]o? "

static void leave(void)
{
	close(guest);
	guest = -1;
	close(listener);
	listener = -1;
	drive_runtime_remove("web");
}

/* ---- cases ---- */

static void each_word_is_an_answer(void **state)
{
	static const char *const words[][2] = {
		{ "o\n", "once" },     { "once\n", "once" }, { "a\n", "always" },
		{ "alw\r\n", "always" }, { "n\n", "no" },      { "no\n", "no" },
	};

	(void)state;
	start("web");
	for (int i = 0; i < 6; i++) {
		json_t *rows = json_pack("[o]", question(3 + i, true, MINATO_TCP));

		until(rows, ASKS);
		types(words[i][0]);
		answered(rows, 3 + i, words[i][1], false);
		json_decref(rows);
	}
	leave();
	until(NULL, "the guest has ended\n");
	assert_int_equal(ended(), CMD_OK);
}

static void what_is_no_answer_is_asked_again(void **state)
{
	json_t *rows = json_pack("[o]", question(1, true, MINATO_TCP));

	(void)state;
	start("web");
	until(rows, ASKS);
	types("\n");
	until(rows, ASKS);
	types("yes\n");
	until(rows, ASKS);
	types("noo\n");
	until(rows, ASKS);
	types("O\n");
	until(rows, ASKS);
	types("n\n");
	answered(rows, 1, "no", false);
	json_decref(rows);
}

/* Of a program that is not known for sure. */
static void always_where_it_may_not_be(void **state)
{
	json_t *rows = json_pack("[o]", question(1, false, MINATO_UDP));

	(void)state;
	start("web");
	until(rows, "wants a.example:443 udp: [o]nce, [n]o? ");
	types("always\n");
	until(rows, "wants a.example:443 udp: [o]nce, [n]o? ");
	types("once\n");
	answered(rows, 1, "once", false);
	json_decref(rows);
}

/* Keys that were pressed before it was there answer nothing. */
static void keys_of_before(void **state)
{
	json_t *rows = json_pack("[o]", question(1, true, MINATO_TCP));

	(void)state;
	start("web");
	assert_null(serve(NULL, 600));
	types("once\n");
	assert_null(serve(NULL, 1000));
	until(rows, ASKS);
	assert_null(serve(rows, 1000));
	types("n\n");
	answered(rows, 1, "no", false);
	json_decref(rows);
}

/* Lines that stand behind the answer to another question are none to this one. */
static void lines_of_before_the_next(void **state)
{
	json_t *first =
		json_pack("[o,o]", question(1, true, MINATO_TCP), question(2, true, MINATO_TCP));
	json_t *second = json_pack("[o]", question(2, true, MINATO_TCP));

	(void)state;
	start("web");
	until(first, ASKS);
	types("n\na\n");
	answered(first, 1, "no", false);
	until(second, ASKS);
	assert_null(serve(second, 1000));
	types("o\n");
	answered(second, 2, "once", false);
	json_decref(first);
	json_decref(second);
}

/* Return alone makes no answer of what was typed before it was there. */
static void half_a_line_of_before(void **state)
{
	json_t *rows = json_pack("[o]", question(1, true, MINATO_TCP));

	(void)state;
	start("web");
	assert_null(serve(NULL, 600));
	types("o");
	assert_null(serve(NULL, 600));
	until(rows, ASKS);
	types("\n");
	until(rows, ASKS);
	types("n\n");
	answered(rows, 1, "no", false);
	json_decref(rows);
}

/* Nor of what was typed for another, which has gone. */
static void half_a_line_for_another(void **state)
{
	json_t *first = json_pack("[o]", question(1, true, MINATO_TCP));
	json_t *second = json_pack("[o]", question(2, true, MINATO_TCP));

	(void)state;
	start("web");
	until(first, ASKS);
	types("o");
	assert_null(serve(first, 600));
	until(second, ASKS);
	types("\n");
	until(second, ASKS);
	types("n\n");
	answered(second, 2, "no", false);
	json_decref(first);
	json_decref(second);
}

/* No piece of a long line is an answer, nor is a line that Return has not ended. */
static void a_line_without_end(void **state)
{
	json_t *rows = json_pack("[o]", question(1, true, MINATO_TCP));
	char line[300];

	(void)state;
	start("web");
	until(rows, ASKS);
	for (size_t x = 60; x < 66; x++) {
		memset(line, 'x', x);
		strcpy(line + x, "a\n");
		types(line);
		until(rows, ASKS);
		assert_null(serve(rows, 300));
	}
	memset(line, 'x', 256);
	strcpy(line + 256, "a\n");
	types(line);
	until(rows, ASKS);
	types("a\004"); /* what was typed is handed on, without a Return */
	assert_null(serve(rows, 600));
	types("bc\n");
	until(rows, ASKS);
	types("n\n");
	answered(rows, 1, "no", false);
	json_decref(rows);
}

static void one_that_is_over_meanwhile(void **state)
{
	json_t *first =
		json_pack("[o,o]", question(1, true, MINATO_TCP), question(2, false, MINATO_TCP));
	json_t *second = json_pack("[o]", question(2, false, MINATO_TCP));

	(void)state;
	start("web");
	until(first, ASKS);
	until(second, "too late: it was refused, or its program has gone\n");
	until(second, "[o]nce, [n]o? ");
	types("o\n");
	answered(second, 2, "once", true);
	until(NULL, "too late: it was refused\n");
	json_decref(first);
	json_decref(second);
}

/* By another who looks at the same guest, before he is heard here or while he answers. */
static void one_that_somebody_else_answers(void **state)
{
	json_t *first =
		json_pack("[o,o]", question(1, true, MINATO_TCP), question(2, true, MINATO_TCP));
	json_t *second = json_pack("[o]", question(2, true, MINATO_TCP));

	(void)state;
	start("web");
	until(first, ASKS);
	elsewhere = true;
	until(second, "\nit was answered elsewhere\n");
	until(second, ASKS);
	types("o\n");
	answered_so(second, 2, "once", json_pack("{s:b,s:b}", "late", 1, "answered", 1));
	until(NULL, "it was answered elsewhere\n");
	assert_null(strstr(screen, "too late"));
	json_decref(first);
	json_decref(second);
}

/* Of a worker that knows no such request. */
static void how_it_ended_is_not_known(void **state)
{
	json_t *rows = json_pack("[o]", question(1, true, MINATO_TCP));
	json_t *message = NULL;

	(void)state;
	start("web");
	until(rows, ASKS);
	for (int i = 0; i < PATIENCE_MS / 20 && !message; i++) {
		message = request(20);
		if (message &&
		    strcmp(json_string_value(json_object_get(message, "request")), "ended") != 0) {
			json_decref(message);
			message = NULL;
			say(json_pack("{s:b}", "done", 1));
		}
	}
	assert_non_null(message);
	json_decref(message);
	say(json_pack("{s:s}", "error", "unknown request"));
	until(NULL, "too late: it was refused, or its program has gone\n");
	until(rows, ASKS);
	json_decref(rows);
}

static void always_that_has_no_room(void **state)
{
	json_t *rows = json_pack("[o]", question(1, true, MINATO_TCP));

	(void)state;
	start("web");
	until(rows, ASKS);
	types("a\n");
	answered_so(rows, 1, "always", json_pack("{s:b}", "once", 1));
	until(NULL, "no further answer can be remembered: this was once\n");
	json_decref(rows);
}

static void rows_that_are_none_are_passed_over(void **state)
{
	json_t *rows = json_pack("[{},i,{s:i},{s:i,s:s},o]", 5, "number", 4, "number", 6, "program",
				 "x", question(9, true, MINATO_TCP));

	(void)state;
	start("web");
	until(rows, ASKS);
	types("n\n");
	answered(rows, 9, "no", false);
	json_decref(rows);
}

/* Whatever a guest's worker says, it is text of one line. */
static void no_orders_for_the_terminal(void **state)
{
	json_t *odd = question(3, true, MINATO_TCP);
	json_t *rows = json_pack("[o]", odd);

	(void)state;
	json_object_set_new(odd, "program", json_string("/x\033[2J\n/usr/bin/curl (pid 7)"));
	json_object_set_new(odd, "place", json_string("a\r.example:443"));
	start("web");
	until(rows, "/x?[2J?/usr/bin/curl (pid 7) wants a?.example:443 tcp: ");
	types("n\n");
	answered(rows, 3, "no", false);
	json_decref(rows);
}

static void the_user_leaves(void **state)
{
	json_t *rows = json_pack("[o]", question(1, true, MINATO_TCP));

	(void)state;
	start("web");
	until(rows, ASKS);
	types("\004"); /* the end of what is typed */
	assert_null(serve(rows, 500));
	assert_int_equal(ended(), CMD_OK);
	json_decref(rows);
}

/* Something that knows no questions, as a gateway, says so; it has not ended. */
static void it_is_not_asked_there(void **state)
{
	json_t *message;

	(void)state;
	start("web");
	message = request(PATIENCE_MS);
	assert_non_null(message);
	json_decref(message);
	say(json_pack("{s:s}", "error", "unknown request"));
	assert_int_equal(ended(), CMD_FAILED);
	look_at_screen(100);
	assert_non_null(strstr(screen, "unknown request"));
	assert_null(strstr(screen, "has ended"));
}

static void nobody_of_that_name(void **state)
{
	(void)state;
	start("wbe");
	assert_int_equal(ended(), CMD_REFUSED);
	look_at_screen(100);
	assert_string_equal(screen, "minato: no guest is called wbe; did you mean web?\n");
}

static void without_a_name(void **state)
{
	(void)state;
	start(NULL);
	assert_int_equal(ended(), CMD_USAGE);
	look_at_screen(100);
	assert_non_null(strstr(screen, "which guest? 'minato ps' lists them"));
}

static void without_a_terminal(void **state)
{
	static char word[] = "ask", name[] = "web";
	char *argv[] = { word, name, NULL };
	int status = 0;
	pid_t child;

	(void)state;
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int null = open("/dev/null", O_RDWR);

		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDERR_FILENO);
		_exit(cmd_ask.run(2, argv));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), CMD_REFUSED);
}

#define ASKED(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ASKED(each_word_is_an_answer),
		ASKED(what_is_no_answer_is_asked_again),
		ASKED(always_where_it_may_not_be),
		ASKED(keys_of_before),
		ASKED(lines_of_before_the_next),
		ASKED(half_a_line_of_before),
		ASKED(half_a_line_for_another),
		ASKED(a_line_without_end),
		ASKED(one_that_is_over_meanwhile),
		ASKED(one_that_somebody_else_answers),
		ASKED(how_it_ended_is_not_known),
		ASKED(always_that_has_no_room),
		ASKED(rows_that_are_none_are_passed_over),
		ASKED(no_orders_for_the_terminal),
		ASKED(the_user_leaves),
		ASKED(it_is_not_asked_there),
		ASKED(nobody_of_that_name),
		ASKED(without_a_name),
		ASKED(without_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
