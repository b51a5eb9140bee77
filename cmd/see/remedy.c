/* SPDX-License-Identifier: BSD-2-Clause */
/* Since when a program runs that holds a port, and what makes it go. */
#include "cmd/see/who.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/see/services.h"

#define DAY_S 86400
#define MS_PER_S 1000

const char *cmd_since_text(char *out, size_t size, int64_t started_s, int64_t now_s)
{
	const time_t started = (time_t)started_s;
	char age[VIEW_WORD_SIZE];
	char when[64];
	struct tm day;

	out[0] = '\0';
	if (started_s <= 0 || started_s > now_s || !localtime_r(&started, &day))
		return out;
	if (!strftime(when, sizeof(when), now_s - started_s < DAY_S ? "%H:%M:%S" : "%F %H:%M",
		      &day))
		return out;
	view_age_word(age, sizeof(age), (now_s - started_s) * MS_PER_S);
	snprintf(out, size, "running since %s (%s)", when, age);
	return out;
}

/* The tool that ends a container: its group is "docker:0123456789ab". NULL: it is none. */
static const char *container_tool(const char *group, const char **id)
{
	static const struct {
		const char *word, *tool;
	} known[] = {
		{ "docker:", "docker stop" },
		{ "podman:", "podman stop" },
		{ "lxc:", "lxc-stop -n" },
		{ "machine:", "machinectl terminate" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t length = strlen(known[i].word);

		if (strncmp(group, known[i].word, length) != 0)
			continue;
		*id = group + length;
		return known[i].tool;
	}
	return NULL;
}

static bool is_service(const char *group)
{
	static const char end[] = ".service";
	size_t length = strlen(group);

	return length > sizeof(end) && strcmp(group + length - (sizeof(end) - 1), end) == 0;
}

/* All that have the socket open: it lives as long as one of them does. */
static void kill_all(char *out, size_t size, const char *sudo, const struct cmd_holder *holder)
{
	uint32_t count = holder->processes < CMD_HOLDER_PIDS ? holder->processes : CMD_HOLDER_PIDS;
	size_t used = (size_t)snprintf(out, size, "%skill %d", sudo, (int)holder->process.pid);

	for (uint32_t i = 0; i < count && used < size; i++) {
		if (holder->pids[i] != holder->process.pid)
			used += (size_t)snprintf(out + used, size - used, " %d",
						 (int)holder->pids[i]);
	}
}

static void end_program(char *out, size_t size, const struct cmd_holder *holder)
{
	const struct kernel_process *process = &holder->process;
	const char *sudo = getuid() && process->uid != getuid() ? "sudo " : "";
	const char *id = "";
	const char *tool = container_tool(process->group, &id);

	if (!process->pid && geteuid() == 0)
		snprintf(out, size,
			 "it runs outside of this container, or is the kernel's own, as NFS is");
	else if (!process->pid)
		snprintf(out, size, "'sudo minato who %u/%s' says more", holder->port,
			 view_proto_word(holder->proto));
	else if (tool)
		snprintf(out, size, "%s%s %s", sudo, tool, id);
	else if (is_service(process->group) && !*holder->guest)
		snprintf(out, size, "%ssystemctl stop %s", getuid() ? "sudo " : "", process->group);
	else if (process->pid == 1 && !strcmp(process->program, "systemd"))
		snprintf(out, size,
			 "%ssystemctl stop UNIT, the one that 'systemctl list-sockets' shows",
			 getuid() ? "sudo " : "");
	else
		kill_all(out, size, sudo, holder);
}

static void end_forward(char *out, size_t size, const struct cmd_holder *holder)
{
	if (holder->hold == CMD_HOLD_CONNECTION)
		snprintf(out, size, "minato ss -K --in %s sport = :%u", holder->published,
			 holder->guest_port);
	else if (*holder->spec)
		snprintf(out, size, "minato forward rm %s %s", holder->published, holder->spec);
	else
		snprintf(out, size, "minato stop %s", holder->published);
}

/* A connection in TIME-WAIT, or one whose program has closed it. */
static void await(char *out, size_t size, const struct cmd_holder *holder)
{
	uint32_t seconds = (holder->timer_ms + MS_PER_S - 1) / MS_PER_S;

	if (seconds)
		snprintf(out, size, "wait %u s, or let the server set SO_REUSEADDR", seconds);
	else
		snprintf(out, size, "wait: it ends by itself");
}

const char *cmd_remedy_text(char *out, size_t size, const struct cmd_holder *holder)
{
	if (*holder->published)
		end_forward(out, size, holder);
	else if (!holder->inode)
		await(out, size, holder);
	else
		end_program(out, size, holder);
	return out;
}

json_t *cmd_held_json(const struct cmd_holder *holder)
{
	json_t *held = cmd_holder_json(holder);
	char remedy[CMD_HOLDER_TEXT];

	cmd_remedy_text(remedy, sizeof(remedy), holder);
	json_object_set_new(held, "wait_ms", json_integer(holder->timer_ms));
	json_object_set_new(held, "forward",
			    *holder->spec ? json_string(holder->spec) : json_null());
	json_object_set_new(held, "remedy", json_string(remedy));
	return held;
}
