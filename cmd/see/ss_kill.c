/* SPDX-License-Identifier: BSD-2-Clause */
/* Ending connections: of guests through their minato, of the host by its kernel. */
#include "cmd/see/ss.h"

#include <errno.h>
#include <string.h>

static int cut_flow(const struct view_row *row, struct drive_error *error)
{
	struct cmd_client client;
	json_t *reply = NULL;
	int result = cmd_client_open(&client, row->guest, error);

	if (result < 0)
		return result;
	result = cmd_client_send(
		&client,
		json_pack("{s:s,s:I}", "request", "cut", "handle", (json_int_t)row->handle), error);
	if (result == 0)
		reply = cmd_client_next(&client, error);
	if (result == 0 && !reply)
		result = -EPROTO;
	json_decref(reply);
	cmd_client_close(&client);
	return result;
}

/* By the kernel of that process's namespace; 0: by this host's. */
static int destroy_socket(const struct view_row *row, pid_t process, struct drive_error *error)
{
	const struct kernel_socket socket = {
		.proto = row->proto,
		.is6 = row->is6,
		.local = { row->local.addr, row->local.first },
		.remote = { row->peer.addr, row->peer.first },
		.interface = row->interface,
		.cookie = row->cookie,
	};

	if (!row->cookie)
		return drive_fail(error, ENOTSUP, "the kernel did not say which socket it is");
	return kernel_destroy(&socket, process, error);
}

static int destroy_inside(const struct view_row *row, struct drive_error *error)
{
	struct cmd_guest guest;
	int result = cmd_guest_ask(&guest, row->guest, error);

	if (result == 0)
		result = destroy_socket(row, guest.view.init, error);
	cmd_guest_free(&guest);
	return result;
}

static int end_it(const struct view_row *row, struct drive_error *error)
{
	if (!*row->guest)
		return destroy_socket(row, 0, error);
	if (!row->handle)
		return destroy_inside(row, error);
	if (!strcmp(row->kind, "published") || !strcmp(row->kind, "reach"))
		return drive_fail(error, ENOTSUP, "it is a forward: minato forward rm ends it");
	if (row->listening)
		return drive_fail(error, ENOTSUP, "it is minato's own: minato stop %s ends it",
				  row->guest);
	return cut_flow(row, error);
}

/* As many reasons are said; the rest is counted. */
#define REASONS_MAX 8

static void say_kept(const struct view_row *row, const char *why)
{
	char address[2][VIEW_WORD_SIZE];
	char port[2][VIEW_WORD_SIZE];

	cmd_say("not closed: %s %s %s:%s -> %s:%s%s%s: %s", view_proto_word(row->proto), row->state,
		view_address_word(address[0], sizeof(address[0]), &row->local),
		view_port_word(port[0], sizeof(port[0]), &row->local, row->proto, NULL),
		view_address_word(address[1], sizeof(address[1]), &row->peer),
		view_port_word(port[1], sizeof(port[1]), &row->peer, row->proto, NULL),
		*row->guest ? " of " : "", row->guest, why);
}

int cmd_ss_kill(struct cmd_ss *ss, const struct view_row *row)
{
	struct cmd_ss_kill *kill = ss->user;
	struct drive_error error = { "" };

	if (end_it(row, &error) < 0) {
		if (kill->kept++ < REASONS_MAX)
			say_kept(row, error.text);
		return 0;
	}
	kill->closed++;
	return cmd_ss_print_row(kill->print, row);
}

void cmd_ss_kill_end(const struct cmd_ss_kill *kill)
{
	if (!kill->closed && !kill->kept)
		cmd_say("no such connection");
	if (kill->kept > REASONS_MAX)
		cmd_say("%zu more were not closed", kill->kept - REASONS_MAX);
}
