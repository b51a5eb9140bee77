/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of sub-commands. */
#include "cmd/conf.h"
#include "cmd/gateway/gateway.h"
#include "cmd/guard/scans.h"
#include "cmd/nat/nat.h"
#include "cmd/reserve.h"
#include "cmd/see/audit.h"
#include "cmd/see/entropy.h"
#include "cmd/see/metrics.h"
#include "cmd/see/who.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SAY_MAX 4096
#define NS_PER_S INT64_C(1000000000)

const struct cmd_command *const cmd_commands[] = {
	/* guests */
	&cmd_run,
	&cmd_attach,
	&cmd_exec,
	&cmd_stop,
	&cmd_ask,
	&cmd_ps,
	/* gateways */
	&cmd_gateway,
	&cmd_forward,
	&cmd_rule,
	&cmd_why,
	&cmd_why_not,
	&cmd_check,
	&cmd_dmz,
	&cmd_nat,
	/* seeing ports */
	&cmd_ss,
	&cmd_who,
	&cmd_audit,
	&cmd_scans,
	&cmd_services,
	&cmd_metrics,
	&cmd_reserve,
	&cmd_entropy,
	/* itself */
	&cmd_help,
	&cmd_completion,
	&cmd_version,
};

const size_t cmd_command_count = sizeof(cmd_commands) / sizeof(cmd_commands[0]);

static int voice = STDERR_FILENO;
static bool dated;

/* syscalls: write clock_gettime */
void cmd_say(const char *format, ...)
{
	/* In one piece; cut where it is endless. */
	char text[SAY_MAX] = "";
	struct timespec now;
	size_t size;
	va_list args;

	if (dated && voice == STDERR_FILENO && clock_gettime(CLOCK_REALTIME, &now) == 0)
		cmd_moment(now.tv_sec * NS_PER_S, false, text, sizeof(text));
	size = strlen(text);
	if (size)
		text[size++] = ' ';
	size += (size_t)snprintf(text + size, sizeof(text) - size, "minato: ");
	va_start(args, format);
	vsnprintf(text + size, sizeof(text) - size - 1, format, args);
	va_end(args);
	size = strlen(text);
	text[size++] = '\n';
	(void)!write(voice, text, size);
}

void cmd_say_dated(void)
{
	dated = true;
}

void cmd_say_to(int fd)
{
	voice = fd;
}

const struct cmd_command *cmd_find(const char *name)
{
	for (size_t i = 0; i < cmd_command_count; i++) {
		if (!strcmp(cmd_commands[i]->name, name))
			return cmd_commands[i];
	}
	return NULL;
}

void cmd_print_commands(FILE *out)
{
	fputs("Usage: minato COMMAND [options] [arguments]\n\n"
	      "Gives any command its own 65,536 TCP and UDP ports, without root.\n\n"
	      "Commands:\n",
	      out);
	for (size_t i = 0; i < cmd_command_count; i++)
		fprintf(out, "  %-11s %s\n", cmd_commands[i]->name, cmd_commands[i]->summary);
	fputs("\n'minato help COMMAND' says more; so do the manual pages.\n", out);
}
