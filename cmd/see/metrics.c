/* SPDX-License-Identifier: BSD-2-Clause */
/* minato metrics: what all running guests and the host measure, for a collector or at once. */
#include "cmd/see/metrics.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct metrics_options {
	const char *in;
	bool print, classic;
};

#define AT(field) offsetof(struct metrics_options, field)

static const struct cmd_option options[] = {
	{ CMD_FLAG, 'p', "print", NULL, AT(print), 0, 0, "Print them once and end." },
	{ CMD_FLAG, 0, "classic", NULL, AT(classic), 0, 0,
	  "With --print: Prometheus's older text form, as for node_exporter's textfiles." },
	{ CMD_TEXT, 0, "in", "GUEST", AT(in), 0, 0,
	  "Of this guest alone, without those of the host." },
};

static int print(const struct metrics_options *chosen)
{
	struct drive_error error;
	size_t size;
	char *text;

	if (cmd_metrics_text(chosen->in, chosen->classic, &text, &size, &error) < 0) {
		cmd_say("%s", error.text);
		return CMD_FAILED;
	}
	if (fwrite(text, 1, size, stdout) != size || fflush(stdout)) {
		cmd_say("cannot write the metrics: %s", strerror(errno));
		free(text);
		return CMD_FAILED;
	}
	free(text);
	return CMD_OK;
}

static void stop(void *user, const struct signalfd_siginfo *signal)
{
	(void)signal;
	drive_loop_stop(user, 0);
}

static int make_loop(struct drive_loop **loop)
{
	sigset_t set;
	int result = drive_loop_new(loop);

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)signal(SIGPIPE, SIG_IGN);
	if (result == 0)
		result = drive_loop_signals(*loop, &set, stop, *loop);
	return result;
}

static int serve(const struct minato_endpoint *at, const char *guest)
{
	struct drive_loop *loop = NULL;
	struct drive_error error;
	int listener = cmd_listen_open(at, &error);
	int result;

	if (listener < 0) {
		cmd_say("%s", error.text);
		return CMD_REFUSED;
	}
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	result = make_loop(&loop);
	if (result < 0)
		drive_fail(&error, -result, "cannot make the loop: %s", strerror(-result));
	else
		result = cmd_exporter_serve(loop, listener, guest, &error);
	if (result < 0)
		cmd_say("%s", error.text);
	if (loop)
		drive_loop_free(loop);
	close(listener);
	return result < 0 ? CMD_FAILED : CMD_OK;
}

/* A guest that is not there would be down for ever. */
static int check_guest(const char *guest)
{
	struct cmd_client client;
	struct drive_error error;
	char hint[256];
	int result;

	if (!guest)
		return CMD_GO_ON;
	result = cmd_client_open(&client, guest, &error);
	if (result == 0) {
		cmd_client_close(&client);
		return CMD_GO_ON;
	}
	cmd_say("%s%s", error.text,
		result == -ENOENT ? cmd_names_hint(hint, sizeof(hint), guest) : "");
	return CMD_REFUSED;
}

static int run(int argc, char **argv)
{
	struct metrics_options chosen = { 0 };
	struct cmd_operands operands;
	struct drive_error error;
	struct minato_endpoint at;
	int code = cmd_parse(&cmd_metrics, argv, &chosen, &operands);

	(void)argc;
	if (code != CMD_GO_ON)
		return code;
	if (chosen.print && operands.count)
		return cmd_usage(&cmd_metrics, "--print prints; '%s' is one word too many",
				 operands.words[0]);
	if (!chosen.print && chosen.classic)
		return cmd_usage(&cmd_metrics, "--classic is for --print; a collector says itself "
					       "what it wants");
	if (!chosen.print && operands.count != 1)
		return cmd_usage(&cmd_metrics, "say where to serve, such as 127.0.0.1:9100, or "
					       "--print");
	if (!chosen.print && cmd_listen_parse(&at, operands.words[0], &error) < 0)
		return cmd_usage(&cmd_metrics, "%s", error.text);
	code = check_guest(chosen.in);
	if (code != CMD_GO_ON)
		return code;
	return chosen.print ? print(&chosen) : serve(&at, chosen.in);
}

const struct cmd_command cmd_metrics = {
	.name = "metrics",
	.args = "ADDR:PORT",
	.summary = "Serve what guests and host measure, as OpenMetrics.",
	.about = "At http://ADDR:PORT/metrics, for all running guests of this user, until it is "
		 "interrupted. Without ADDR: of 127.0.0.1.",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.run = run,
};
