/* SPDX-License-Identifier: BSD-2-Clause */
/* minato run: a command in a network of its own. */
#include "cmd/cmd.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run_options {
	struct cmd_network network;
	struct cmd_many hosts, env;
	const char *hostname, *workdir;
	bool root, map_subids;
};

#define AT(field) offsetof(struct run_options, field)

static const struct cmd_option options[] = {
	{ CMD_FLAG, 0, "root", NULL, AT(root), 0, 0, "Be root (uid 0) inside the guest." },
	{ CMD_FLAG, 0, "map-subids", NULL, AT(map_subids), 0, 0,
	  "Be root inside, with your subordinate ids (/etc/subuid, /etc/subgid) as the users and "
	  "groups from 1 on, for programs that change user." },
	{ CMD_TEXT, 0, "hostname", "NAME", AT(hostname), 0, 0, "Host name inside the guest." },
	{ CMD_MANY, 0, "hosts", "NAME=ADDR", AT(hosts), 0, 0,
	  "Name an address in the guest's /etc/hosts, before all that is there; ADDR may be the "
	  "word gateway. Can be repeated." },
	{ CMD_MANY, 'e', "env", "NAME=VALUE", AT(env), 0, 0,
	  "Set a variable of the command's environment. Can be repeated." },
	{ CMD_TEXT, 'w', "workdir", "DIR", AT(workdir), 0, 0,
	  "Working directory of the command; by default the current one." },
};

static int complain(const struct drive_error *error, int code)
{
	cmd_say("%s", error->text);
	return code;
}

/* ---- what was asked for ---- */

/* RFC 1123 2.1, and as much as the kernel keeps. */
static bool hostname_ok(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= HOST_NAME_MAX && isalnum((unsigned char)name[0]) &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "0123456789.-_") == len;
}

/* The user's shell, as login(1) would start it. */
static char *user_shell(void)
{
	char *shell = getenv("SHELL");
	const struct passwd *user;

	if (shell && *shell)
		return shell;
	user = getpwuid(getuid());
	if (user && user->pw_shell && *user->pw_shell)
		return user->pw_shell;
	return NULL;
}

static void plan_command(struct drive_plan *plan, struct cmd_operands *operands)
{
	static char fallback[] = "/bin/sh";
	static char *shell[2];

	plan->argv = operands->words;
	if (operands->count)
		return;
	shell[0] = user_shell();
	if (!shell[0])
		shell[0] = fallback;
	plan->argv = shell;
}

/* What the command finds there; the lines of /etc/hosts must live as long as the plan. */
static int plan_surroundings(struct drive_plan *guest, const struct run_options *chosen,
			     struct cmd_hosts *hosts)
{
	struct drive_error error;

	if (chosen->hostname && !hostname_ok(chosen->hostname))
		return cmd_usage(&cmd_run,
				 "--hostname \"%s\": a host name has 1 to %d letters, digits, '.', "
				 "'-' and '_', and begins with a letter or digit",
				 chosen->hostname, HOST_NAME_MAX);
	for (size_t i = 0; i < chosen->hosts.count; i++) {
		if (cmd_hosts_add(hosts, chosen->hosts.text[i], &guest->subnet, &error) < 0)
			return cmd_usage(&cmd_run, "--hosts %s", error.text);
	}
	if (cmd_environment_check(&chosen->env, &error) < 0)
		return cmd_usage(&cmd_run, "--env %s", error.text);
	guest->root = chosen->root || chosen->map_subids;
	guest->subids = chosen->map_subids;
	guest->hostname = chosen->hostname;
	guest->workdir = chosen->workdir;
	guest->names = hosts->list;
	guest->name_count = hosts->count;
	guest->name_gateway = chosen->network.host_loopback;
	return CMD_GO_ON;
}

static int plan(struct cmd_harbour *harbour, const struct run_options *chosen,
		struct cmd_operands *operands, struct cmd_hosts *hosts)
{
	int code;

	if (chosen->network.detach && !operands->count)
		return cmd_usage(&cmd_run, "--detach needs a command: a shell in the background "
					   "has nothing to read");
	plan_command(&harbour->plan, operands);
	code = cmd_network_plan(harbour, &chosen->network, &cmd_run);
	return code == CMD_GO_ON ? plan_surroundings(&harbour->plan, chosen, hosts) : code;
}

/* ---- running ---- */

static int open_and_run(struct cmd_harbour *harbour, const struct run_options *chosen)
{
	char **envp = cmd_environment_make(&chosen->env, harbour->name);
	struct drive_error error;
	int result;

	harbour->plan.envp = envp;
	result = envp ? cmd_harbour_open(harbour, &error) :
			drive_fail(&error, ENOMEM, "the environment: %s", strerror(ENOMEM));
	free(envp);
	harbour->plan.envp = NULL;
	if (result < 0)
		return complain(&error, CMD_FAILED);
	cmd_network_warn(harbour, &chosen->network);
	result = cmd_harbour_go(harbour, &error);
	if (result == 0)
		return cmd_network_serve(harbour, &chosen->network);
	cmd_say("%s: %s", harbour->plan.argv[0], error.text);
	return drive_exec_code(result);
}

static int run(int argc, char **argv)
{
	struct run_options chosen = { .network = CMD_NETWORK_DEFAULTS };
	struct cmd_harbour harbour = {
		.listener = -1,
		.guest = { .init = -1, .pidfd = -1, .control = -1, .tap = -1 },
		.netns = -1,
		.passing.terminal = -1,
	};
	struct cmd_hosts hosts = { 0 };
	struct cmd_operands operands;
	int code = cmd_parse(&cmd_run, argv, &chosen, &operands);

	(void)argc;
	if (code != CMD_GO_ON)
		return code;
	code = plan(&harbour, &chosen, &operands, &hosts);
	if (code == CMD_GO_ON)
		code = cmd_network_begin(&harbour, &chosen.network);
	if (code == CMD_GO_ON)
		code = cmd_network_take(&harbour, &chosen.network, harbour.plan.argv[0]);
	if (code != CMD_GO_ON) {
		cmd_network_forget(&harbour);
		cmd_hosts_free(&hosts);
		return code;
	}
	if (!chosen.network.quiet)
		cmd_network_tell_route(&harbour.plan.subnet);
	if (!chosen.network.quiet && !chosen.network.cidr.count)
		cmd_network_tell_subnet(&harbour.plan.subnet);
	code = open_and_run(&harbour, &chosen);
	cmd_harbour_close(&harbour);
	cmd_hosts_free(&hosts);
	return code;
}

const struct cmd_command cmd_run = {
	.name = "run",
	.args = "[--] [COMMAND...]",
	.summary = "Run a command in a network of its own.",
	.about = "Without a command: your shell. It runs as you, with its own 65,536 TCP and UDP "
		 "ports; its exit code is that of minato. Ends with 1 when a port or the name is "
		 "taken, 125 when minato fails, 126 or 127 when the command cannot be executed.",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.shared = &cmd_network_options,
	.shared_offset = AT(network),
	.operand = CMD_OPERAND_PROGRAM,
	.passes = true,
	.run = run,
};
