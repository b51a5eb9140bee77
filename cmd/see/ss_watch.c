/* SPDX-License-Identifier: BSD-2-Clause */
/* minato ss --watch: the same listing, taken again each turn. */
#include "cmd/see/ss.h"

#include <string.h>

struct turns {
	struct cmd_ss *ss;
	struct cmd_ss_print *print; /* keeps names of hosts and services from turn to turn */
};

static int take_turn(void *user, struct watch *watch)
{
	struct turns *turns = user;
	struct cmd_ss *ss = turns->ss;
	struct cmd_names names;
	int code;

	cmd_ss_print_to(turns->print, watch);
	cmd_ss_begin(ss, &names);
	code = cmd_ss_list(ss, &names);
	(void)cmd_ss_print_flush(turns->print);
	cmd_ss_end(ss, &names);
	return code;
}

int cmd_ss_watch(struct cmd_ss *ss, const char *title)
{
	struct turns turns = { ss, cmd_ss_print_open(ss, ss->chosen->host) };
	struct cmd_watch plan = { .title = title, .list = take_turn, .user = &turns };
	int code;

	if (!turns.print) {
		cmd_say("out of memory");
		return CMD_FAILED;
	}
	plan.every_ms = cmd_watch_every(ss->chosen->watch);
	plan.look = *cmd_ss_print_look(turns.print);
	code = cmd_watch(&plan);
	cmd_ss_print_drop(turns.print);
	return code;
}
