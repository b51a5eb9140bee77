/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of a guest: those of minato's table, of which the guest's own kernel may know more, and
 * what that kernel has beside them.
 */
#include "cmd/see/ss.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct item {
	struct view_row row;
	struct view_tcp *tcp;		    /* of minato's own end; NULL: not known */
	char *path;			    /* that the row's is */
	const struct kernel_socket *socket; /* of the guest's kernel, or NULL */
};

struct gathering {
	const struct cmd_ss *ss;
	const char *guest;
	struct item *list;
	size_t count, room;
};

static struct item *append(struct gathering *gathering)
{
	if (gathering->count == gathering->room) {
		size_t room = gathering->room ? gathering->room * 2 : 256;
		struct item *list = realloc(gathering->list, room * sizeof(*list));

		if (!list)
			return NULL;
		gathering->list = list;
		gathering->room = room;
	}
	gathering->list[gathering->count] = (struct item){ .tcp = NULL };
	return &gathering->list[gathering->count++];
}

static void forget(struct gathering *gathering)
{
	for (size_t i = 0; i < gathering->count; i++) {
		free(gathering->list[i].tcp);
		free(gathering->list[i].path);
	}
	free(gathering->list);
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

/* Likewise. */
static const char *wall_word(const char *wall)
{
	static const char *const known[] = { "kernel", "devices", "late" };

	for (size_t i = 0; wall && i < sizeof(known) / sizeof(known[0]); i++) {
		if (!strcmp(known[i], wall))
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
	row->wall = wall_word(json_string_value(json_object_get(message, "wall")));
	view_message_end_read(&row->outside, json_object_get(message, "near"));
	/* A UDP flow need not have one destination; the latest is better than none. */
	if (!row->listening && !row->peer.first &&
	    view_message_end_read(&far, json_object_get(message, "far")) == 0)
		row->peer = view_end_of(&far);
}

static void add_tcp(struct item *item, const json_t *message)
{
	struct view_tcp tcp;

	if (view_json_tcp_read(&tcp, json_object_get(message, "tcp")) < 0)
		return;
	item->tcp = malloc(sizeof(tcp));
	if (item->tcp)
		*item->tcp = tcp;
}

/* ---- forwards of a gateway ---- */

/* Only what can be printed as it is. */
static const char *path_of(const json_t *message)
{
	const char *path = json_string_value(json_object_get(message, "path"));

	for (const char *at = path; at && *at; at++) {
		if (*at <= ' ' || *at > '~')
			return NULL;
	}
	return path;
}

static void set_serves(struct view_row *row, const json_t *message)
{
	const char *state = json_string_value(json_object_get(message, "state"));

	if (state && !strcmp(state, "drains"))
		row->serves = "drains";
	if (state && !strcmp(state, "down"))
		row->serves = "down";
}

/* One of its servers; without a port it keeps that which was asked for. */
static void set_server(struct view_row *row, const json_t *message, bool many_to_one)
{
	uint16_t extent = many_to_one ? 0 : (uint16_t)(row->local.last - row->local.first);
	struct minato_endpoint at;

	if (view_message_end_read(&at, json_object_get(message, "at")) < 0)
		return;
	row->peer = view_end_of(&at);
	if (!at.port) {
		row->peer.first = row->local.first;
		row->peer.last = row->local.last;
	} else {
		row->peer.last = (uint16_t)(at.port + extent);
	}
	set_serves(row, message);
}

/* The forward of one protocol to one server, as many rows as there are of them. */
static int spread(struct gathering *gathering, const struct view_row *whole, const json_t *message)
{
	static const uint8_t protos[] = { MINATO_TCP, MINATO_UDP };
	const json_t *servers = json_object_get(message, "servers");
	const char *path = path_of(message);
	size_t count = json_array_size(servers);
	size_t rows = (whole->proto ? 1 : 2) * (count ? count : 1);

	for (size_t i = 0; i < rows; i++) {
		struct item *item = append(gathering);

		if (!item)
			return -ENOMEM;
		item->row = *whole;
		add_about(&item->row, message);
		if (!whole->proto)
			item->row.proto = protos[i % 2];
		item->row.state = item->row.proto == MINATO_UDP ? "UNCONN" : "LISTEN";
		if (count)
			set_server(&item->row, json_array_get(servers, whole->proto ? i : i / 2),
				   json_is_true(json_object_get(message, "many_to_one")));
		item->path = path ? strdup(path) : NULL;
		item->row.path = item->path;
		item->row.proxy = (uint8_t)json_integer_value(json_object_get(message, "proxy"));
	}
	return 0;
}

static int take_rows(struct gathering *gathering, const json_t *list)
{
	struct view_row whole;
	struct minato_row row;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *message = json_array_get(list, i);
		struct item *item;

		if (view_message_row_read(&row, message) < 0)
			return -EPROTO;
		view_row_from(&whole, &row, gathering->guest, drive_now());
		if (row.kind == MINATO_KIND_FORWARD) {
			if (spread(gathering, &whole, message) < 0)
				return -ENOMEM;
			continue;
		}
		item = append(gathering);
		if (!item)
			return -ENOMEM;
		item->row = whole;
		add_about(&item->row, message);
		add_tcp(item, message);
	}
	return 0;
}

static int read_table(struct gathering *gathering, struct drive_error *error)
{
	struct cmd_client client;
	bool done = false;
	int result = cmd_client_open(&client, gathering->guest, error);

	if (result < 0)
		return result;
	result = cmd_client_send(&client,
				 json_pack("{s:s,s:b}", "request", "rows", "tcp",
					   (int)gathering->ss->chosen->info),
				 error);
	while (!result && !done) {
		json_t *reply = cmd_client_next(&client, error);

		if (!reply) {
			result = -EPROTO;
			break;
		}
		done = json_is_true(json_object_get(reply, "done"));
		result = take_rows(gathering, json_object_get(reply, "rows"));
		if (result)
			drive_fail(error, -result, "cannot read the rows: %s", strerror(-result));
		json_decref(reply);
	}
	cmd_client_close(&client);
	return result;
}

/* ---- the guest's own kernel ---- */

static int add_socket(struct gathering *gathering, const struct kernel_socket *socket)
{
	struct item *item = append(gathering);

	if (!item)
		return -ENOMEM;
	cmd_ss_make(&item->row, socket);
	item->socket = socket;
	item->row.kind = "guest";
	snprintf(item->row.guest, sizeof(item->row.guest), "%s", gathering->guest);
	return 0;
}

/*
 * Finds the sockets of the table's flows, and adds those that belong to none: what programs wait
 * for, and what they have with each other. Entries and services are minato's, not of a socket.
 */
static int join(struct gathering *gathering, const struct cmd_sockets *sockets)
{
	bool *taken = calloc(sockets->count + 1, sizeof(*taken));
	int result = taken ? 0 : -ENOMEM;

	for (size_t i = 0; taken && i < gathering->count; i++) {
		struct item *item = &gathering->list[i];

		if (!item->row.listening)
			item->socket = cmd_sockets_find(sockets, &item->row);
		if (item->socket)
			taken[item->socket - sockets->list] = item->socket->remote.port != 0;
	}
	for (size_t i = 0; i < sockets->count && !result; i++) {
		if (!taken[i] && !sockets->list[i].bound)
			result = add_socket(gathering, &sockets->list[i]);
	}
	free(taken);
	return result;
}

static int read_kernel(struct gathering *gathering, struct cmd_sockets *sockets,
		       struct drive_error *error)
{
	struct kernel_query query;
	struct cmd_guest guest;
	int result = cmd_guest_ask(&guest, gathering->guest, error);

	if (result < 0)
		return result;
	query = cmd_ss_query(gathering->ss, guest.view.init);
	cmd_guest_free(&guest);
	/* Without, there is what the table has. */
	if (cmd_sockets_read(sockets, &query) < 0)
		return 0;
	return join(gathering, sockets) < 0 ? drive_fail(error, ENOMEM, "out of memory") : 0;
}

/* ---- in order ---- */

static int compare(const void *a, const void *b)
{
	const struct item *x = a;
	const struct item *y = b;

	return view_row_compare(&x->row, &y->row);
}

static int give(struct cmd_ss *ss, const struct gathering *gathering)
{
	static struct cmd_details details;
	int result = 0;

	for (size_t i = 0; i < gathering->count && !result; i++) {
		const struct item *item = &gathering->list[i];
		struct view_row row = item->row;

		row.own_tcp = item->tcp;
		if (item->socket)
			cmd_ss_describe(ss, &row, &details, item->socket);
		result = cmd_ss_row(ss, &row);
	}
	return result;
}

int cmd_ss_guest(struct cmd_ss *ss, const char *name, struct drive_error *error)
{
	struct gathering gathering = { .ss = ss, .guest = name };
	struct cmd_sockets sockets = { 0 };
	int result = read_table(&gathering, error);

	if (result == 0)
		result = read_kernel(&gathering, &sockets, error);
	if (result == 0 && gathering.count)
		qsort(gathering.list, gathering.count, sizeof(*gathering.list), compare);
	if (result == 0)
		result = give(ss, &gathering);
	cmd_sockets_free(&sockets);
	forget(&gathering);
	return result;
}
