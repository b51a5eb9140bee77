/* SPDX-License-Identifier: BSD-2-Clause */
/* minato exec: one more command in a running guest. */
#include "cmd/cmd.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

struct visit {
	struct drive_loop *loop;
	struct cmd_passing passing;
	pid_t child;
	int pidfd;
};

static void pass(void *user, int signo)
{
	const struct visit *visit = user;

	if (visit->child > 0)
		kill(visit->child, signo);
}

static void child_ended(void *user, uint32_t events)
{
	struct visit *visit = user;
	int status;

	(void)events;
	if (waitpid(visit->child, &status, WNOHANG) == visit->child)
		drive_loop_stop(visit->loop, drive_status_code(status));
}

static int wait_for(struct visit *visit)
{
	int64_t watch = drive_loop_add(visit->loop, visit->pidfd, EPOLLIN, child_ended, visit);
	int result = watch < 0 ? (int)watch : drive_loop_run(visit->loop);

	close(visit->pidfd);
	if (result >= 0)
		return result;
	cmd_say("cannot wait for the command: %s", strerror(-result));
	return CMD_FAILED;
}

static int enter(pid_t init, char *const *argv)
{
	struct visit visit = { .passing = { .pass = pass, .user = &visit, .terminal = -1 } };
	struct drive_error error;
	int result = drive_loop_new(&visit.loop);
	int code = CMD_FAILED;

	if (!result)
		result = cmd_passing_begin(&visit.passing, visit.loop);
	if (result < 0) {
		cmd_say("cannot make the loop: %s", strerror(-result));
		goto out_loop;
	}
	visit.child = drive_enter(init, argv, &visit.pidfd, &error);
	if (visit.child < 0) {
		cmd_say("%s: %s", argv[0], error.text);
		if (visit.child == -ENOENT || visit.child == -EACCES || visit.child == -ENOEXEC)
			code = drive_exec_code(visit.child);
		goto out_loop;
	}
	code = wait_for(&visit);
out_loop:
	cmd_passing_end(&visit.passing);
	if (visit.loop)
		drive_loop_free(visit.loop);
	return code;
}

static int no_guest(const char *name, const struct drive_error *error, int result)
{
	char hint[256];

	if (result == -ENOENT)
		cmd_say("no guest is called %s%s", name, cmd_names_hint(hint, sizeof(hint), name));
	else
		cmd_say("%s", error->text);
	return CMD_FAILED;
}

static int run(int argc, char **argv)
{
	struct cmd_operands operands;
	struct drive_error error;
	struct cmd_guest guest;
	char **words;
	int code = cmd_parse(&cmd_exec, argv, NULL, &operands);
	int result;

	(void)argc;
	if (code != CMD_GO_ON)
		return code;
	words = operands.words + 1;
	if (operands.count > 1 && !strcmp(*words, "--"))
		words++;
	if (!operands.count || !*words)
		return cmd_usage(&cmd_exec, "which guest, and what to run there?");
	result = cmd_guest_ask(&guest, operands.words[0], &error);
	if (result < 0)
		return no_guest(operands.words[0], &error, result);
	code = enter(guest.view.init, words);
	cmd_guest_free(&guest);
	/*
	 * This process is inside the guest by now, where what runs at a usual exit (a sanitizer's
	 * thread, say) may be impossible.
	 */
	fflush(NULL);
	_exit(code);
}

const struct cmd_command cmd_exec = {
	.name = "exec",
	.args = "NAME [--] COMMAND...",
	.summary = "Run one more command in a running guest.",
	.about =
		"It runs as the guest's user, in the current directory where the guest has it. Its "
		"exit code is that of minato; 125 when minato fails, 126 or 127 when the command "
		"cannot be executed.",
	.operand = CMD_OPERAND_GUEST,
	.passes = true,
	.run = run,
};
