/* SPDX-License-Identifier: BSD-2-Clause */
/* minato gateway: one address shared by many hosts, as its configuration says. */
#include "cmd/gateway/gateway.h"
#include "cmd/see/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct gateway_options {
	const char *name, *log, *metrics;
	long ready_fd;
	bool check, detach, quiet;
};

#define AT(field) offsetof(struct gateway_options, field)

static const struct cmd_option options[] = {
	{ CMD_FLAG, 'c', "check", NULL, AT(check), 0, 0,
	  "Only look whether the configuration is right, as 'minato check' does without its test "
	  "lines." },
	{ CMD_TEXT, 'n', "name", "NAME", AT(name), 0, 0,
	  "Name of the gateway; by default that of the file, without .conf." },
	{ CMD_FLAG, 'd', "detach", NULL, AT(detach), 0, 0,
	  "Go to the background when all is ready. Prints the name." },
	{ CMD_TEXT, 0, "log", "FILE", AT(log), 0, 0,
	  "With --detach: append what is printed to this file; otherwise it is lost." },
	{ CMD_TEXT, 0, "metrics", "ADDR:PORT", AT(metrics), 0, 0,
	  "Serve the gateway's metrics at http://ADDR:PORT/metrics, as OpenMetrics. Without ADDR: "
	  "of 127.0.0.1." },
	{ CMD_NUMBER, 0, "ready-fd", "FD", AT(ready_fd), 3, INT_MAX,
	  "Write \"1\" to this descriptor, and close it, when all is ready." },
	{ CMD_FLAG, 'q', "quiet", NULL, AT(quiet), 0, 0, "Say nothing but errors." },
};

#define FILE_DEFAULT "/etc/minato/minato.conf"

static struct gateway_keeper keeper;

static int complain(const struct drive_error *error, int code)
{
	if (error->text[0])
		cmd_say("%s", error->text);
	return code;
}

/* ---- reload ---- */

/* The gateway of that name, or the one that runs. */
static int reload(const struct cmd_operands *operands)
{
	char name[DRIVE_NAME_SIZE];
	struct drive_error error;
	json_t *reply;
	int code;

	if (operands->count > 2)
		return cmd_usage(&cmd_gateway, "reload '%s': one word too many",
				 operands->words[2]);
	code = gateway_choose(name, operands->count > 1 ? operands->words[1] : NULL);
	if (code != CMD_OK)
		return code;
	reply = gateway_ask(name, json_pack("{s:s}", "request", "reload"), &error);
	return gateway_report(name, reply, &error);
}

/* ---- a gateway ---- */

/* "home" for /etc/minato/home.conf; "gateway" for what makes no name. */
static void make_name(char name[DRIVE_NAME_SIZE], const char *path)
{
	const char *last = strrchr(path, '/');
	size_t length;

	last = last ? last + 1 : path;
	length = strlen(last);
	if (length > 5 && !strcmp(last + length - 5, ".conf"))
		length -= 5;
	(void)snprintf(name, DRIVE_NAME_SIZE, "%.*s", (int)length, last);
	if (length >= DRIVE_NAME_SIZE || !drive_runtime_name_ok(name))
		(void)snprintf(name, DRIVE_NAME_SIZE, "gateway");
}

/* What the file says, or is not there, is no failure of ours. */
static int code_of(int result)
{
	switch (-result) {
	case EINVAL:
	case ENOENT:
	case ENODEV:
	case EEXIST:
	case EBUSY:
	case EADDRINUSE:
	case EADDRNOTAVAIL:
	case EOPNOTSUPP:
		return CMD_REFUSED;
	default:
		return CMD_FAILED;
	}
}

/* The file is read before anything is taken; its warnings are said. */
static int read_file(const char *path)
{
	static char fault[GATEWAY_ORDER_MAX];
	int result = gateway_file_read(&keeper.file, path, fault, sizeof(fault));

	if (fault[0])
		cmd_say("%s", fault);
	return result < 0 ? code_of(result) : CMD_GO_ON;
}

static int take_name(const struct gateway_options *chosen)
{
	struct cmd_harbour *harbour = &keeper.harbour;
	struct drive_error error;

	harbour->listener = drive_runtime_listen(harbour->name, false, &error);
	if (harbour->listener >= 0)
		return CMD_GO_ON;
	if (harbour->listener == -EADDRINUSE)
		cmd_say("a guest or gateway called %s is running already%s", harbour->name,
			chosen->name ? "" : ": choose another name by --name");
	else
		cmd_say("%s", error.text);
	return harbour->listener == -EADDRINUSE ? CMD_REFUSED : CMD_FAILED;
}

/* As slirp4netns does it. */
static void write_ready(long fd)
{
	if (fd < 0)
		return;
	(void)!write((int)fd, "1", 1);
	close((int)fd);
}

static int serve(const struct gateway_options *chosen)
{
	struct drive_error error = { "" };
	int code;
	int result = gateway_keeper_open(&keeper, &error);

	if (result < 0)
		return complain(&error, code_of(result));
	write_ready(chosen->ready_fd);
	if (cmd_detach_ready(&keeper.harbour.detach, keeper.harbour.name) < 0)
		return CMD_FAILED;
	code = gateway_keeper_run(&keeper);
	if (chosen->detach && !chosen->quiet)
		cmd_say("%s has ended with %d", keeper.harbour.name, code);
	return code;
}

static int start(const struct gateway_options *chosen, const char *path)
{
	static char words[][12] = { "minato", "gateway" };
	static char *argv[] = { words[0], words[1], NULL, NULL };
	static char place[PATH_MAX];
	struct cmd_harbour *harbour = &keeper.harbour;
	int code = read_file(path);

	if (code != CMD_GO_ON || chosen->check)
		return code == CMD_GO_ON ? CMD_OK : code;
	/* It is read again when we may have moved. */
	keeper.path = realpath(path, place) ? place : path;
	argv[2] = (char *)(uintptr_t)keeper.path;
	harbour->plan.argv = argv;
	harbour->quiet = chosen->quiet;
	if (chosen->name)
		(void)snprintf(harbour->name, sizeof(harbour->name), "%s", chosen->name);
	else
		make_name(harbour->name, path);
	if (chosen->detach) {
		code = cmd_detach_begin(&harbour->detach, chosen->log);
		if (code != CMD_GO_ON)
			return code;
	}
	code = take_name(chosen);
	if (code != CMD_GO_ON)
		return code;
	/* Its process is made now, while there is little that it could take along. */
	if (chosen->metrics)
		code = cmd_exporter_take(&harbour->exporter, harbour->name);
	if (code == CMD_GO_ON) {
		code = serve(chosen);
		gateway_keeper_close(&keeper);
	}
	drive_runtime_remove(harbour->name);
	close(harbour->listener);
	return code;
}

/* What other programs have here. */
static bool is_verb(const char *word)
{
	static const char *const verbs[] = { "stop", "status", "list", "ps" };

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (!strcmp(word, verbs[i]))
			return access(word, F_OK) < 0;
	}
	return false;
}

static int run(int argc, char **argv)
{
	struct gateway_options chosen = { .ready_fd = -1 };
	struct cmd_operands operands;
	struct drive_error error;
	int code = cmd_parse(&cmd_gateway, argv, &chosen, &operands);

	(void)argc;
	if (code != CMD_GO_ON)
		return code;
	if (chosen.name && !drive_runtime_name_ok(chosen.name))
		return cmd_usage(&cmd_gateway, "--name \"%s\": letters, digits, '.', '_' and '-'",
				 chosen.name);
	if (operands.count > 0 && !strcmp(operands.words[0], "reload"))
		return reload(&operands);
	if (operands.count > 1)
		return cmd_usage(&cmd_gateway, "'%s': one word too many", operands.words[1]);
	if (chosen.log && !chosen.detach)
		return cmd_usage(&cmd_gateway,
				 "--log is for what runs in the background: --detach");
	if (chosen.metrics &&
	    cmd_listen_parse(&keeper.harbour.exporter.at, chosen.metrics, &error) < 0)
		return cmd_usage(&cmd_gateway, "--metrics: %s", error.text);
	if (chosen.ready_fd >= 0 && fcntl((int)chosen.ready_fd, F_SETFD, FD_CLOEXEC) < 0)
		return cmd_usage(&cmd_gateway, "--ready-fd %ld: %s", chosen.ready_fd,
				 strerror(errno));
	if (operands.count > 0 && is_verb(operands.words[0]))
		return cmd_usage(&cmd_gateway, "there is no file %s; did you mean 'minato %s'?",
				 operands.words[0],
				 strcmp(operands.words[0], "stop") ? "ps" : "stop NAME");
	return start(&chosen, operands.count ? operands.words[0] : FILE_DEFAULT);
}

const struct cmd_command cmd_gateway = {
	.name = "gateway",
	.args = "[FILE] | reload [NAME]",
	.summary = "Share an address among hosts: port forwarding and NAT.",
	.about = "FILE is as minato.conf(5) says, " FILE_DEFAULT " by default. It runs until it is "
		 "stopped; SIGHUP or 'minato gateway reload' lets it read FILE again. What is "
		 "changed meanwhile (minato forward, dmz, nat) outlives it in its state file.",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.run = run,
};
