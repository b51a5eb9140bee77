/* SPDX-License-Identifier: BSD-2-Clause */
/* The listing on standard output, as its rows come. */
#include "cmd/see/services.h"
#include "cmd/see/ss.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

/* Where names of hosts are wanted, as many rows wait, so that their names are asked for at once. */
#define HELD_MAX 512

struct held {
	struct view_row rows[HELD_MAX];
	struct cmd_details details[HELD_MAX];
	size_t count;
};

struct cmd_ss_print {
	const struct view *view;
	struct view_look look;
	struct view_stream *stream; /* NULL until there is a row, or the end */
	struct minato_services *services;
	struct cmd_resolver *resolver;
	struct held *held;   /* NULL: rows are printed at once */
	struct watch *watch; /* rows go there instead; or NULL */
};

static int put_row(struct cmd_ss_print *print, const struct view_row *row)
{
	if (print->watch) {
		watch_row(print->watch, row);
		return 0;
	}
	if (!print->stream)
		print->stream = print->view->open(stdout, &print->look);
	return print->stream ? print->view->row(print->stream, row) : -ENOMEM;
}

/* ---- held rows ---- */

/* What the row borrows is the maker's, which uses it again: copied. */
static void keep(struct cmd_details *kept, struct view_row *row)
{
	if (row->memory) {
		kept->memory = *row->memory;
		row->memory = &kept->memory;
	}
	if (row->tcp) {
		kept->tcp = *row->tcp;
		row->tcp = &kept->tcp;
	}
	if (row->own_tcp) {
		kept->own_tcp = *row->own_tcp;
		row->own_tcp = &kept->own_tcp;
	}
	if (row->interface_name) {
		snprintf(kept->interface, sizeof(kept->interface), "%s", row->interface_name);
		row->interface_name = kept->interface;
	}
	if (row->owner_count)
		memcpy(kept->owners, row->owners, row->owner_count * sizeof(kept->owners[0]));
	row->owners = kept->owners;
}

static int print_held(struct cmd_ss_print *print)
{
	struct held *held = print->held;
	int result = 0;

	cmd_resolver_learn(print->resolver, held->rows, held->count);
	for (size_t i = 0; i < held->count && !result; i++)
		result = put_row(print, &held->rows[i]);
	held->count = 0;
	return result;
}

int cmd_ss_print_row(struct cmd_ss_print *print, const struct view_row *row)
{
	struct held *held = print->held;

	if (!held)
		return put_row(print, row);
	held->rows[held->count] = *row;
	keep(&held->details[held->count], &held->rows[held->count]);
	return ++held->count < HELD_MAX ? 0 : print_held(print);
}

static int take(struct cmd_ss *ss, const struct view_row *row)
{
	return cmd_ss_print_row(ss->user, row);
}

/* ---- the whole ---- */

static const char *user_name(void *user, uint32_t uid)
{
	const struct passwd *entry = getpwuid(uid);

	(void)user;
	return entry ? entry->pw_name : NULL;
}

static bool one_bit(uint32_t bits)
{
	return bits && !(bits & (bits - 1));
}

static void set_look(struct cmd_ss_print *print, const struct cmd_ss *ss, bool host_only)
{
	const struct filter_program *program = ss->filter.program;
	const struct ss_options *chosen = ss->chosen;
	struct view_look *look = &print->look;

	*look = cmd_look(stdout);
	look->header = !chosen->no_header;
	look->oneline = chosen->oneline;
	look->processes = chosen->processes;
	look->extended = chosen->extended;
	look->timers = chosen->timers ||
		       (chosen->extended && !chosen->netstat); /* as each has it */
	look->memory = chosen->memory;
	look->tcp = chosen->info;
	look->numeric = chosen->numeric;
	look->one_state = program && program->stated && one_bit(program->states);
	look->one_protocol = chosen->tcp != chosen->udp;
	look->host_only = host_only;
	look->wide = chosen->wide;
	look->title = chosen->all	? "servers and established" :
		      chosen->listening ? "only servers" :
					  "w/o servers";
	look->user = chosen->numeric ? NULL : user_name;
	look->services = print->services;
	if (print->resolver) {
		look->host = cmd_resolver_name;
		look->host_user = print->resolver;
	}
}

struct cmd_ss_print *cmd_ss_print_open(struct cmd_ss *ss, bool host_only)
{
	const struct ss_options *chosen = ss->chosen;
	struct cmd_ss_print *print = calloc(1, sizeof(*print));

	if (!print)
		return NULL;
	if (!chosen->numeric && !chosen->json)
		print->services = cmd_naming_open(NULL, NULL);
	if (chosen->resolve)
		print->resolver = cmd_resolver_open();
	if (print->resolver)
		print->held = calloc(1, sizeof(*print->held));
	set_look(print, ss, host_only);
	print->view = chosen->json ? &view_json : chosen->netstat ? &view_netstat : &view_text;
	if (print->resolver && !print->held) {
		cmd_ss_print_drop(print);
		return NULL;
	}
	ss->take = take;
	ss->user = print;
	return print;
}

const struct view_look *cmd_ss_print_look(const struct cmd_ss_print *print)
{
	return &print->look;
}

void cmd_ss_print_to(struct cmd_ss_print *print, struct watch *watch)
{
	print->watch = watch;
}

int cmd_ss_print_flush(struct cmd_ss_print *print)
{
	return print->held ? print_held(print) : 0;
}

void cmd_ss_print_drop(struct cmd_ss_print *print)
{
	cmd_resolver_close(print->resolver);
	free(print->services);
	free(print->held);
	free(print);
}

int cmd_ss_print_close(struct cmd_ss_print *print)
{
	int result = cmd_ss_print_flush(print);
	int closed = -ENOMEM;

	if (!print->stream)
		print->stream = print->view->open(stdout, &print->look);
	if (print->stream)
		closed = print->view->close(print->stream);
	cmd_ss_print_drop(print);
	return result ? result : closed;
}
