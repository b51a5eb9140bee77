/* SPDX-License-Identifier: BSD-2-Clause */
/* minato stop: ends a running guest, gently first. */
#include "cmd/cmd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define MS_PER_S 1000
#define TIME_DEFAULT_S 10
#define TIME_MAX_S 86400
/* How long a killed guest may take to be gone. */
#define KILLED_MS 3000

struct stop_options {
	long time_s;
	const char *signal;
};

#define AT(field) offsetof(struct stop_options, field)

static const struct cmd_option options[] = {
	{ CMD_NUMBER, 't', "time", "SECONDS", AT(time_s), 0, TIME_MAX_S,
	  "How long the command may take to end before it is killed; 10 by default." },
	{ CMD_TEXT, 's', "signal", "NAME", AT(signal), 0, 0,
	  "The signal to begin with; TERM by default." },
};

/* Asks the guest's minato to send the signal. */
static int ask(const char *name, int signo, struct drive_error *error)
{
	struct cmd_client client;
	json_t *reply = NULL;
	int result = cmd_client_open(&client, name, error);

	if (result < 0)
		return result;
	result = cmd_client_send(&client,
				 json_pack("{s:s,s:i}", "request", "stop", "signal", signo), error);
	if (result == 0)
		reply = cmd_client_next(&client, error);
	cmd_client_close(&client);
	if (!reply)
		return -EPROTO;
	json_decref(reply);
	return 0;
}

/* A descriptor of the process that runs the guest, before anything is asked of it. */
static int open_process(const char *name, struct drive_error *error)
{
	struct cmd_client client;
	int result = cmd_client_open(&client, name, error);
	int pidfd;

	if (result < 0)
		return result;
	if (cmd_client_is_inside(&client, error)) {
		cmd_client_close(&client);
		return -EPERM;
	}
	pidfd = pidfd_open(client.pid, 0);
	if (pidfd < 0)
		drive_fail(error, errno, "cannot watch pid %d: %s", (int)client.pid,
			   strerror(errno));
	cmd_client_close(&client);
	return pidfd < 0 ? -ESRCH : pidfd;
}

static bool ended(int pidfd, long ms)
{
	struct pollfd wait = { .fd = pidfd, .events = POLLIN };

	return poll(&wait, 1, (int)ms) > 0;
}

/*
 * Kills the guest by its minato; where that does not answer, kills it itself: then the guest dies
 * too.
 */
static int kill_guest(const char *name, int pidfd)
{
	struct drive_error error;

	if (ask(name, SIGKILL, &error) == 0 && ended(pidfd, KILLED_MS))
		return CMD_OK;
	pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	if (ended(pidfd, KILLED_MS))
		return CMD_OK;
	cmd_say("%s does not end", name);
	return CMD_FAILED;
}

static int stop(const char *name, int signo, long time_s)
{
	struct drive_error error;
	char hint[256];
	int pidfd = open_process(name, &error);
	int code = CMD_OK;

	if (pidfd == -ENOENT) {
		cmd_say("no guest or gateway is called %s%s", name,
			cmd_names_hint(hint, sizeof(hint), name));
		return CMD_REFUSED;
	}
	if (pidfd < 0) {
		cmd_say("%s", error.text);
		return CMD_FAILED;
	}
	if (ask(name, signo, &error) < 0 || !ended(pidfd, time_s * MS_PER_S))
		code = kill_guest(name, pidfd);
	close(pidfd);
	return code;
}

static int run(int argc, char **argv)
{
	struct stop_options chosen = { .time_s = TIME_DEFAULT_S, .signal = "TERM" };
	struct cmd_operands operands;
	int code = cmd_parse(&cmd_stop, argv, &chosen, &operands);
	int signo;

	(void)argc;
	if (code != CMD_GO_ON)
		return code;
	signo = cmd_signal_number(chosen.signal);
	if (signo < 0)
		return cmd_usage(&cmd_stop, "--signal: there is no signal %s", chosen.signal);
	if (!operands.count)
		return cmd_usage(&cmd_stop, "which guest? 'minato ps' lists them");
	code = CMD_OK;
	for (int i = 0; i < operands.count; i++) {
		int one = stop(operands.words[i], signo, chosen.time_s);

		code = one ? one : code;
	}
	return code;
}

const struct cmd_command cmd_stop = {
	.name = "stop",
	.args = "NAME...",
	.summary = "End a running guest: TERM, then KILL.",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.operand = CMD_OPERAND_GUEST,
	.run = run,
};
