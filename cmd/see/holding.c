/* SPDX-License-Identifier: BSD-2-Clause */
/* Holders of ports in words. */
#include "cmd/see/holders.h"

#include <net/if.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#define MS_PER_S 1000

const char *cmd_user_word(char *out, size_t size, uint32_t uid)
{
	struct passwd *found = NULL;
	struct passwd entry;
	char buffer[2048];

	if (getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found) == 0 && found)
		snprintf(out, size, "%s", entry.pw_name);
	else
		snprintf(out, size, "%u", uid);
	return out;
}

/* A program may call itself anything, also what a terminal would obey. */
static void disarm(char *text)
{
	for (; *text; text++) {
		if (*text < ' ' || *text > '~')
			*text = '?';
	}
}

static void name_program(char *out, size_t size, const struct cmd_holder *holder)
{
	const struct kernel_process *process = &holder->process;
	char user[64];
	char more[32] = "";

	cmd_user_word(user, sizeof(user), process->uid);
	if (holder->processes > 1)
		snprintf(more, sizeof(more), ", and %u more", holder->processes - 1);
	snprintf(out, size, "%s (pid %d, user %s%s%s%s)",
		 process->program[0] ? process->program : "a program", (int)process->pid, user,
		 process->group[0] ? ", " : "", process->group, more);
	disarm(out);
}

const char *cmd_holder_name(char *out, size_t size, const struct cmd_holder *holder)
{
	char user[64];

	if (*holder->published)
		snprintf(out, size, "minato (pid %d) for port %u of guest %s",
			 (int)holder->process.pid, holder->guest_port, holder->published);
	else if (holder->process.pid)
		name_program(out, size, holder);
	else if (holder->inode && geteuid() == 0)
		snprintf(out, size, "something of user %s that is not seen from here",
			 cmd_user_word(user, sizeof(user), holder->uid));
	else if (holder->inode)
		snprintf(out, size, "a program of user %s that you may not look into",
			 cmd_user_word(user, sizeof(user), holder->uid));
	else
		snprintf(out, size, "no program any more");
	return out;
}

const char *cmd_holder_address(char *out, size_t size, const struct cmd_holder *holder)
{
	const struct view_end local = view_end_of(&holder->local);
	char interface[IF_NAMESIZE];
	size_t used;

	if (holder->v6only && minato_addr_is_any(&holder->local.addr))
		snprintf(out, size, "[::]");
	else
		view_address_word(out, size, &local);
	used = strlen(out);
	/* Interfaces of a guest have other numbers. */
	if (holder->interface && !*holder->guest && if_indextoname(holder->interface, interface)) {
		snprintf(out + used, size - used, "%%%s", interface);
		disarm(out);
	}
	return out;
}

const char *cmd_holder_text(char *out, size_t size, const struct cmd_holder *holder)
{
	const char *guest = *holder->guest ? holder->guest : "";
	char where[VIEW_WORD_SIZE];
	char who[256];
	char in[VIEW_NAME_SIZE + 16] = "";

	if (*guest)
		snprintf(in, sizeof(in), "guest %s: ", guest);
	cmd_holder_name(who, sizeof(who), holder);
	cmd_holder_address(where, sizeof(where), holder);
	switch (holder->hold) {
	case CMD_HOLD_LISTENER:
		snprintf(out, size, "%s%s %s %s:%u", in, who,
			 holder->proto == MINATO_TCP ? "listens on" : "receives on", where,
			 holder->port);
		break;
	case CMD_HOLD_BOUND:
		snprintf(out, size, "%s%s is bound to %s:%u", in, who, where, holder->port);
		break;
	case CMD_HOLD_CONNECTION:
		snprintf(out, size, "%s%s has %u connection%s at %s:%u", in, who, holder->count,
			 holder->count == 1 ? "" : "s", where, holder->port);
		break;
	case CMD_HOLD_TIME_WAIT:
		snprintf(out, size, "%s%u in TIME-WAIT, for %u s at most", in, holder->count,
			 (holder->timer_ms + MS_PER_S - 1) / MS_PER_S);
		break;
	}
	return out;
}
