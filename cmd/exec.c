/* SPDX-License-Identifier: BSD-2-Clause */
/* minato exec: one more command in a running guest. */
#include "cmd/cmd.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

struct exec_options {
	struct cmd_many env;
	const char *workdir;
};

#define AT(field) offsetof(struct exec_options, field)

static const struct cmd_option options[] = {
	{ CMD_MANY, 'e', "env", "NAME=VALUE", AT(env), 0, 0,
	  "Set a variable of the command's environment. Can be repeated." },
	{ CMD_TEXT, 'w', "workdir", "DIR", AT(workdir), 0, 0,
	  "Working directory of the command; by default the current one." },
};

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

static void child_changed(void *user)
{
	struct visit *visit = user;
	int status;

	if (visit->child <= 0 ||
	    waitpid(visit->child, &status, WNOHANG | WUNTRACED) != visit->child)
		return;
	if (WIFSTOPPED(status))
		cmd_passing_stopped(&visit->passing);
	else
		drive_loop_stop(visit->loop, drive_status_code(status));
}

static void child_ended(void *user, uint32_t events)
{
	(void)events;
	child_changed(user);
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

static int start(struct visit *visit, char *const *argv, char *const *envp)
{
	struct drive_error error;

	visit->child = drive_enter_start(argv, envp, &visit->pidfd, &error);
	if (visit->child >= 0)
		return wait_for(visit);
	cmd_say("%s: %s", argv[0], error.text);
	if (visit->child == -ENOENT || visit->child == -EACCES || visit->child == -ENOEXEC)
		return drive_exec_code(visit->child);
	return CMD_FAILED;
}

static int enter(const struct view_guest *guest, const char *workdir, char *const *argv,
		 char *const *envp)
{
	struct visit visit = {
		.passing = {
			.pass = pass, .child = child_changed, .user = &visit, .terminal = -1,
		},
	};
	struct drive_error error;
	int result = drive_loop_new(&visit.loop);
	int code = CMD_FAILED;

	if (!result)
		result = cmd_passing_begin(&visit.passing, visit.loop);
	if (result < 0) {
		cmd_say("cannot make the loop: %s", strerror(-result));
		goto out_loop;
	}
	if (drive_enter(guest->init, workdir, guest->shut, &error) < 0)
		cmd_say("%s", error.text);
	else
		code = start(&visit, argv, envp);
out_loop:
	cmd_passing_end(&visit.passing, code);
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

static int complain_of_memory(void)
{
	cmd_say("the environment: %s", strerror(ENOMEM));
	return CMD_FAILED;
}

static int run(int argc, char **argv)
{
	struct exec_options chosen = { 0 };
	struct cmd_operands operands;
	struct drive_error error;
	struct cmd_guest guest;
	char **words, **envp;
	int code = cmd_parse(&cmd_exec, argv, &chosen, &operands);
	int result;

	(void)argc;
	if (code != CMD_GO_ON)
		return code;
	words = operands.words + 1;
	if (operands.count > 1 && !strcmp(*words, "--"))
		words++;
	if (!operands.count || !*words)
		return cmd_usage(&cmd_exec, "which guest, and what to run there?");
	if (cmd_environment_check(&chosen.env, &error) < 0)
		return cmd_usage(&cmd_exec, "--env %s", error.text);
	/* What the caller has open is a way out of the guest: a socket of the host, say. */
	if (close_range(STDERR_FILENO + 1, ~0U, 0) < 0) {
		cmd_say("the descriptors of the caller cannot be closed: %s", strerror(errno));
		return CMD_FAILED;
	}
	result = cmd_guest_ask(&guest, operands.words[0], &error);
	if (result < 0)
		return no_guest(operands.words[0], &error, result);
	/* The number of its first process would mean another one here, or none. */
	if (guest.outside) {
		cmd_say("%s: " CMD_INSIDE_TEXT, operands.words[0]);
		cmd_guest_free(&guest);
		return CMD_FAILED;
	}
	envp = cmd_environment_make(&chosen.env, operands.words[0]);
	if (envp)
		code = enter(&guest.view, chosen.workdir, words, envp);
	else
		code = complain_of_memory();
	free(envp);
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
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.passes = true,
	.run = run,
};
