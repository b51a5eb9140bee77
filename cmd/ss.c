/* SPDX-License-Identifier: BSD-2-Clause */
/* minato ss: the ports and connections of the running guests, in the columns of ss. */
#include "cmd/ss.h"
#include "cmd/services.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

struct ss_options {
	bool tcp, udp, all, listening, numeric, resolve, only4, only6;
	bool no_header, oneline, processes, extended, json, netstat, wide;
	const char *guest, *filter;
};

#define AT(field) offsetof(struct ss_options, field)

static const struct cmd_option options[] = {
	{ CMD_FLAG, 't', "tcp", NULL, AT(tcp), 0, 0, "TCP only." },
	{ CMD_FLAG, 'u', "udp", NULL, AT(udp), 0, 0, "UDP only." },
	{ CMD_FLAG, 'l', "listening", NULL, AT(listening), 0, 0,
	  "Only what waits for others: published ports, listening programs, guards, the uplink." },
	{ CMD_FLAG, 'a', "all", NULL, AT(all), 0, 0, "Both what waits and what is connected." },
	{ CMD_FLAG, 'n', "numeric", NULL, AT(numeric), 0, 0, "Ports as numbers." },
	{ CMD_FLAG, 'r', "resolve", NULL, AT(resolve), 0, 0, "Names of hosts." },
	{ CMD_FLAG, '4', "ipv4", NULL, AT(only4), 0, 0, "IPv4 only." },
	{ CMD_FLAG, '6', "ipv6", NULL, AT(only6), 0, 0, "IPv6 only." },
	{ CMD_FLAG, 'p', "processes", NULL, AT(processes), 0, 0,
	  "Which program of the guest holds the socket." },
	{ CMD_FLAG, 'e', "extended", NULL, AT(extended), 0, 0,
	  "Age, bytes, the outside port, uid and inode." },
	{ CMD_FLAG, 'H', "no-header", NULL, AT(no_header), 0, 0, "No heading." },
	{ CMD_FLAG, 'O', "oneline", NULL, AT(oneline), 0, 0, "Each row on one line." },
	{ CMD_TEXT, 'F', "filter", "FILE", AT(filter), 0, 0,
	  "Read a filter from the file too; - is standard input." },
	{ CMD_TEXT, 0, "in", "GUEST", AT(guest), 0, 0, "Of this guest only." },
	{ CMD_FLAG, 0, "netstat", NULL, AT(netstat), 0, 0,
	  "As netstat prints them; with -e the user and inode." },
	{ CMD_FLAG, 'W', "wide", NULL, AT(wide), 0, 0, "With --netstat: no address is cut." },
	{ CMD_FLAG, 0, "json", NULL, AT(json), 0, 0, "JSON; minato-ss(1) says which members." },
};

struct listing {
	const struct ss_options *chosen;
	struct view_filter filter;
	struct view_row *rows;
	size_t count, room;
};

static bool append(struct listing *listing, const struct view_row *row)
{
	if (!view_filter_match(&listing->filter, row))
		return true;
	if (listing->count == listing->room) {
		size_t room = listing->room ? listing->room * 2 : 256;
		struct view_row *rows = realloc(listing->rows, room * sizeof(*rows));

		if (!rows)
			return false;
		listing->rows = rows;
		listing->room = room;
	}
	listing->rows[listing->count++] = *row;
	return true;
}

/* ---- rows of the guest's table ---- */

/* Words that may stand in "what"; anything else a newer minato says is left as it is. */
static const char *what_word(const char *what)
{
	static const char *const known[] = { "uplink", "guard", "published", "reach",
					     "dns",    "out",	"in" };

	for (size_t i = 0; what && i < sizeof(known) / sizeof(known[0]); i++) {
		if (!strcmp(known[i], what))
			return known[i];
	}
	return NULL;
}

static void add_about(struct view_row *row, const json_t *message)
{
	const char *what = what_word(json_string_value(json_object_get(message, "what")));
	struct minato_endpoint far;

	if (what)
		row->kind = what;
	view_message_end_read(&row->outside, json_object_get(message, "near"));
	/* A UDP flow need not have one destination; the latest is better than none. */
	if (!row->listening && !row->peer.first &&
	    view_message_end_read(&far, json_object_get(message, "far")) == 0)
		row->peer = view_end_of(&far);
}

static int take_rows(struct listing *listing, const json_t *list, const char *guest)
{
	struct minato_row row;
	struct view_row view;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *message = json_array_get(list, i);

		if (view_message_row_read(&row, message) < 0)
			return -EPROTO;
		view_row_from(&view, &row, guest, drive_now());
		add_about(&view, message);
		if (!append(listing, &view))
			return -ENOMEM;
	}
	return 0;
}

static int read_table(struct listing *listing, const char *guest, struct drive_error *error)
{
	struct cmd_client client;
	bool done = false;
	int result = cmd_client_open(&client, guest, error);

	if (result < 0)
		return result;
	result = cmd_client_send(&client, json_pack("{s:s}", "request", "rows"), error);
	while (!result && !done) {
		json_t *reply = cmd_client_next(&client, error);

		if (!reply) {
			result = -EPROTO;
			break;
		}
		done = json_is_true(json_object_get(reply, "done"));
		result = take_rows(listing, json_object_get(reply, "rows"), guest);
		if (result)
			drive_fail(error, -result, "cannot read the rows: %s", strerror(-result));
		json_decref(reply);
	}
	cmd_client_close(&client);
	return result;
}

/* ---- the guest's own kernel ---- */

/* What its programs listen on; what they are connected to is in the table already. */
static bool add_listeners(struct listing *listing, const struct cmd_sockets *sockets,
			  const char *guest)
{
	for (size_t i = 0; i < sockets->count; i++) {
		const struct kernel_socket *socket = &sockets->list[i];
		struct view_row row = { .proto = socket->proto, .kind = "guest", .age_ms = -1 };

		if (socket->remote.port)
			continue;
		if (socket->proto == MINATO_TCP && socket->state != MINATO_LISTEN)
			continue;
		snprintf(row.guest, sizeof(row.guest), "%s", guest);
		row.listening = true;
		row.state = view_state_word(socket->proto, socket->state);
		row.local = view_end_of(&socket->local);
		row.peer = view_end_of(&socket->remote);
		row.recv_queue = socket->recv_queue;
		row.send_queue = socket->send_queue;
		row.uid = socket->uid;
		row.inode = socket->inode;
		if (!append(listing, &row))
			return false;
	}
	return true;
}

static void find_sockets(struct view_row *rows, size_t count, const struct cmd_sockets *sockets)
{
	for (size_t i = 0; i < count; i++) {
		const struct kernel_socket *socket;

		if (rows[i].listening || rows[i].inode)
			continue;
		socket = cmd_sockets_find(sockets, &rows[i]);
		if (socket) {
			rows[i].uid = socket->uid;
			rows[i].inode = socket->inode;
		}
	}
}

static size_t count_owners(const struct kernel_owners *owners, uint32_t inode)
{
	const struct kernel_owner *owner = NULL;
	size_t count = 0;

	while ((owner = kernel_owners_next(owners, inode, owner)) != NULL)
		count++;
	return count;
}

/* The row's list is freed with the listing. */
static void set_owners(struct view_row *row, const struct kernel_owners *owners)
{
	const struct kernel_owner *owner = NULL;
	size_t count = count_owners(owners, row->inode);
	struct view_owner *list = count ? calloc(count, sizeof(*list)) : NULL;

	if (!list)
		return;
	for (size_t i = 0; i < count; i++) {
		owner = kernel_owners_next(owners, row->inode, owner);
		list[i] = (struct view_owner){ .pid = owner->process->pid, .fd = owner->fd };
		snprintf(list[i].program, sizeof(list[i].program), "%s", owner->process->program);
	}
	row->owners = list;
	row->owner_count = count;
}

static void find_owners(struct view_row *rows, size_t count)
{
	struct kernel_owners *owners;

	if (kernel_owners_read(&owners) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		set_owners(&rows[i], owners);
	kernel_owners_free(owners);
}

static int read_kernel(struct listing *listing, const char *name, size_t first,
		       struct drive_error *error)
{
	const struct ss_options *chosen = listing->chosen;
	struct kernel_query query = { 0 };
	struct cmd_sockets sockets;
	struct cmd_guest guest;
	int result = cmd_guest_ask(&guest, name, error);
	pid_t init = result < 0 ? 0 : guest.view.init;

	cmd_guest_free(&guest);
	if (result < 0)
		return result;
	query.process = init;
	if (cmd_sockets_read(&sockets, &query) < 0)
		return 0;
	if (!add_listeners(listing, &sockets, name))
		result = drive_fail(error, ENOMEM, "out of memory");
	if (chosen->processes || chosen->extended || chosen->json || chosen->netstat)
		find_sockets(listing->rows + first, listing->count - first, &sockets);
	if (chosen->processes || chosen->json)
		find_owners(listing->rows + first, listing->count - first);
	cmd_sockets_free(&sockets);
	return result;
}

static int read_guest(struct listing *listing, const char *name, struct drive_error *error)
{
	size_t first = listing->count;
	int result = read_table(listing, name, error);

	return result < 0 ? result : read_kernel(listing, name, first, error);
}

/* ---- output ---- */

static const char *user_name(void *user, uint32_t uid)
{
	const struct passwd *entry = getpwuid(uid);

	(void)user;
	return entry ? entry->pw_name : NULL;
}

static int print(const struct listing *listing)
{
	const struct ss_options *chosen = listing->chosen;
	const struct view *view = chosen->json	  ? &view_json :
				  chosen->netstat ? &view_netstat :
						    &view_text;
	struct minato_services *services = NULL;
	struct cmd_resolver *resolver = chosen->resolve ? cmd_resolver_open() : NULL;
	struct view_look look = cmd_look(stdout);
	int result;

	if (!chosen->numeric && !chosen->json)
		services = cmd_naming_open(NULL, NULL);
	look.header = !chosen->no_header;
	look.oneline = chosen->oneline;
	look.processes = chosen->processes;
	look.extended = chosen->extended;
	look.wide = chosen->wide;
	look.title = chosen->all       ? "servers and established" :
		     chosen->listening ? "only servers" :
					 "w/o servers";
	look.user = chosen->numeric ? NULL : user_name;
	look.services = services;
	if (resolver) {
		cmd_resolver_learn(resolver, listing->rows, listing->count);
		look.host = cmd_resolver_name;
		look.host_user = resolver;
	}
	result = view_rows(view, stdout, listing->rows, listing->count, &look);
	cmd_resolver_close(resolver);
	free(services);
	if (result < 0)
		cmd_say("cannot write the list: %s", strerror(-result));
	return result < 0 ? CMD_FAILED : CMD_OK;
}

static int read_one(struct listing *listing)
{
	const char *name = listing->chosen->guest;
	struct drive_error error;
	char hint[256];
	int result = read_guest(listing, name, &error);

	if (result == -ENOENT)
		cmd_say("no guest is called %s%s", name, cmd_names_hint(hint, sizeof(hint), name));
	else if (result < 0)
		cmd_say("%s: %s", name, error.text);
	return result < 0 ? CMD_REFUSED : CMD_OK;
}

/* A guest that ends meanwhile is no failure; what is wrong with one is said. */
static int read_every(struct listing *listing)
{
	struct drive_error error;
	struct cmd_names names;

	if (cmd_names_read(&names, &error) < 0) {
		cmd_say("%s", error.text);
		return CMD_FAILED;
	}
	for (size_t i = 0; i < names.count; i++) {
		int result = read_guest(listing, names.list[i], &error);

		if (result < 0 && result != -ENOENT)
			cmd_say("%s: %s", names.list[i], error.text);
	}
	cmd_names_free(&names);
	return CMD_OK;
}

static int list(struct listing *listing)
{
	int code = listing->chosen->guest ? read_one(listing) : read_every(listing);

	if (code == CMD_OK) {
		if (listing->count)
			qsort(listing->rows, listing->count, sizeof(*listing->rows),
			      view_row_compare);
		code = print(listing);
	}
	for (size_t i = 0; i < listing->count; i++)
		free((void *)(uintptr_t)listing->rows[i].owners);
	free(listing->rows);
	return code;
}

static int run(int argc, char **argv)
{
	static struct filter_program program;
	struct ss_options chosen = { 0 };
	struct listing listing = { .chosen = &chosen };
	struct cmd_operands operands;
	int code = cmd_parse(&cmd_ss, argv, &chosen, &operands);

	(void)argc;
	if (code != CMD_GO_ON)
		return code;
	listing.filter = (struct view_filter){
		.tcp = chosen.tcp,
		.udp = chosen.udp,
		.all = chosen.all,
		.listening = chosen.listening,
		.only4 = chosen.only4,
		.only6 = chosen.only6,
		.program = &program,
	};
	if (chosen.json && chosen.netstat)
		return cmd_usage(&cmd_ss, "--json and --netstat exclude each other");
	code = cmd_filter_read(&program, &listing.filter, operands.words, chosen.filter);
	return code == CMD_GO_ON ? list(&listing) : code;
}

const struct cmd_command cmd_ss = {
	.name = "ss",
	.args = "[state S] [filter]",
	.summary = "List ports and connections of the running guests, as ss does.",
	.about = "Seen from the guest: local is the guest's side. By default what is connected; -l "
		 "what waits for others, -a both. Filters are those of ss(8): state established '( "
		 "dport = :https or sport = :ssh )' dst 10.0.0.0/8; minato-ss(1) has all of them.",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.run = run,
};
