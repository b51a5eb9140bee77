/* SPDX-License-Identifier: BSD-2-Clause */
/* Into the background: what the caller gets to know, and what it keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cmd.h"

static char output[1024]; /* what the caller printed, on either stream */
static char log_path[64];

/* What the process in the background does; its exit code. */
typedef int background(struct cmd_detach *detach);

static _Noreturn void call(background *work, const char *log)
{
	struct cmd_detach detach = { .awaited = false };
	int code = cmd_detach_begin(&detach, log);

	fflush(stdout);
	_exit(code == CMD_GO_ON ? work(&detach) : code);
}

/*
 * Calls as a command does; the exit code that the shell sees. Reads until nobody holds the caller's
 * streams.
 */
static int run(background *work, const char *log)
{
	size_t used = 0;
	int status = 0;
	ssize_t got;
	int out[2];
	pid_t child;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		call(work, log);
	}
	close(out[1]);
	while ((got = read(out[0], output + used, sizeof(output) - 1 - used)) > 0)
		used += (size_t)got;
	output[used] = '\0';
	close(out[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int be_ready(struct cmd_detach *detach)
{
	char name[DRIVE_NAME_SIZE] = "web";

	return cmd_detach_ready(detach, name) == 0 ? 0 : 1;
}

static void the_caller_gets_the_name(void **state)
{
	(void)state;
	assert_int_equal(run(be_ready, NULL), CMD_OK);
	assert_string_equal(output, "web\n");
}

static int go_wrong(struct cmd_detach *detach)
{
	(void)detach;
	cmd_say("no such port");
	return 42;
}

static void a_failure_is_the_caller_s(void **state)
{
	(void)state;
	assert_int_equal(run(go_wrong, NULL), 42);
	assert_string_equal(output, "minato: no such port\n");
}

static int be_killed(struct cmd_detach *detach)
{
	(void)detach;
	raise(SIGKILL);
	return 0;
}

static void a_death_is_told(void **state)
{
	(void)state;
	assert_int_equal(run(be_killed, NULL), 128 + SIGKILL);
	assert_non_null(strstr(output, "killed by signal 9"));
}

/* Prints on the streams that a command would have, before and after. */
static int print(struct cmd_detach *detach)
{
	char byte;

	if (read(STDIN_FILENO, &byte, 1) != 0)
		return 1;
	printf("out\n");
	fflush(stdout);
	fprintf(stderr, "err\n");
	cmd_say("to the caller");
	if (be_ready(detach) != 0)
		return 1;
	cmd_say("later");
	return 0;
}

static const char *read_log(void)
{
	static char text[256];
	struct timespec moment = { .tv_nsec = 10000000 };
	ssize_t got = 0;

	/* The process in the background goes on writing when the caller has ended. */
	for (int i = 0; i < 500; i++) {
		int fd = open(log_path, O_RDONLY | O_CLOEXEC);

		got = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[got > 0 ? got : 0] = '\0';
		if (strstr(text, "later"))
			break;
		(void)nanosleep(&moment, NULL);
	}
	return text;
}

static void what_is_printed_is_in_the_log(void **state)
{
	static const char printed[] = "before\nout\nerr\n";
	const char *log;
	int fd;

	(void)state;
	snprintf(log_path, sizeof(log_path), "/tmp/minato-detach.XXXXXX");
	fd = mkstemp(log_path);
	assert_int_equal(write(fd, "before\n", 7), 7);
	close(fd);
	assert_int_equal(run(print, log_path), CMD_OK);
	assert_string_equal(output, "minato: to the caller\nweb\n");
	log = read_log();
	assert_int_equal(strncmp(log, printed, sizeof(printed) - 1), 0);
	log += sizeof(printed) - 1;
	/* What minato says is dated there: 2026-11-26T12:30:18Z. */
	assert_true(strlen(log) > 21);
	assert_string_equal(log + 19, "Z minato: later\n");
	(void)unlink(log_path);
}

static void without_a_log_it_is_lost(void **state)
{
	(void)state;
	assert_int_equal(run(print, NULL), CMD_OK);
	assert_string_equal(output, "minato: to the caller\nweb\n");
}

static void a_log_that_cannot_be_is_refused(void **state)
{
	(void)state;
	assert_int_equal(run(be_ready, "/no/such/directory/log"), CMD_REFUSED);
	assert_non_null(strstr(output, "--log /no/such/directory/log: No such file"));
}

static int lead_a_session(struct cmd_detach *detach)
{
	if (getsid(0) != getpid())
		return 1;
	return be_ready(detach);
}

static void it_has_a_session_of_its_own(void **state)
{
	(void)state;
	assert_int_equal(run(lead_a_session, NULL), CMD_OK);
}

static int go_ahead[2];

/* Is ready after the caller has gone. */
static int be_late(struct cmd_detach *detach)
{
	char name[DRIVE_NAME_SIZE] = "web";
	char byte;
	int result;

	(void)!read(go_ahead[0], &byte, 1);
	result = cmd_detach_ready(detach, name);
	byte = (char)(result == -EPIPE);
	(void)!write(go_ahead[0], &byte, 1);
	return 0;
}

static void a_caller_that_has_gone_is_noticed(void **state)
{
	struct timespec moment = { .tv_nsec = 50000000 };
	char noticed = 0;
	pid_t child;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, go_ahead), 0);
	child = fork();
	if (child == 0)
		call(be_late, NULL);
	(void)nanosleep(&moment, NULL);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(write(go_ahead[1], "", 1), 1);
	close(go_ahead[0]);
	assert_int_equal(read(go_ahead[1], &noticed, 1), 1);
	assert_int_equal(noticed, 1);
	close(go_ahead[1]);
}

static void whoever_did_not_detach_is_ready_by_itself(void **state)
{
	struct cmd_detach detach = { .awaited = false };

	(void)state;
	assert_int_equal(be_ready(&detach), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_caller_gets_the_name),
		cmocka_unit_test(a_failure_is_the_caller_s),
		cmocka_unit_test(a_death_is_told),
		cmocka_unit_test(what_is_printed_is_in_the_log),
		cmocka_unit_test(without_a_log_it_is_lost),
		cmocka_unit_test(a_log_that_cannot_be_is_refused),
		cmocka_unit_test(it_has_a_session_of_its_own),
		cmocka_unit_test(a_caller_that_has_gone_is_noticed),
		cmocka_unit_test(whoever_did_not_detach_is_ready_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
