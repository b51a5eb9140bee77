/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clients of a running guest's control socket: answers other commands of the same user, a line
 * of JSON for a line of JSON, without ever waiting for one of them.
 */
#include "cmd/see/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define NS_PER_MS 1000000
/* Rows in one line of the reply: some 500 bytes each at most, so a line has room for all. */
#define ROWS_PER_LINE 64
#define ROWS_PER_LINE_TCP 20 /* with some 1,500 bytes more */

enum listing {
	LIST_NOTHING,
	LIST_ROWS,
	LIST_ROWS_TCP,
	LIST_FORWARDS,
	LIST_RESERVED,
	LIST_SCANS,
	LIST_FURTHER,
};

struct client {
	struct cmd_control *control;
	int fd; /* -1: free */
	/*
	 * Holds a descriptor's place while free: traffic may take every other descriptor there is,
	 * and whoever wants to see or stop that must still be answered.
	 */
	int spare;
	int64_t watch;
	struct minato_time heard;
	size_t in_used;
	size_t out_used, out_sent;
	uint64_t cursor; /* of the listing under way */
	uint32_t listed;
	enum listing listing;
	const char *further;	   /* the name of LIST_FURTHER */
	struct cmd_census *census; /* under way, or NULL */
	uint64_t number;	   /* of the client, of all there were */
	struct minato_owner who;
	json_t *waiting;  /* its order, while another is under way */
	uint64_t ordered; /* waits in this order */
	enum cmd_client_right right; /* CMD_CLIENT_ORDERS until its order is given */
	bool owed;	  /* the reply to its order comes later */
	bool deaf;	  /* end after what is to be said */
	char *in, *out;
};

struct cmd_control {
	struct drive_loop *loop;
	struct cmd_answers answers;
	int held; /* what the spare descriptors are copies of */
	struct client *expecting;
	uint64_t last_number, last_order;
	struct client clients[CMD_CLIENTS_MAX];
};

/* syscalls: fcntl */
static int hold_place(const struct cmd_control *control)
{
	return fcntl(control->held, F_DUPFD_CLOEXEC, 0);
}

/* syscalls: close */
static void end_client(struct client *client)
{
	if (client->fd < 0)
		return;
	drive_loop_remove(client->control->loop, client->watch);
	close(client->fd);
	client->spare = hold_place(client->control);
	free(client->in);
	free(client->out);
	client->in = client->out = NULL;
	json_decref(client->waiting);
	client->waiting = NULL;
	free(client->census);
	client->census = NULL;
	client->fd = -1;
}

/* Takes over the reference. A line that does not fit ends the client: none is longer by design. */
static void say(struct client *client, json_t *object)
{
	size_t room = CMD_LINE_MAX - client->out_used;
	size_t size = 0;

	if (object && json_object_set_new(object, "v", json_integer(VIEW_JSON_VERSION)) == 0)
		size = json_dumpb(object, client->out + client->out_used, room, JSON_COMPACT);
	json_decref(object);
	if (!size || size >= room) {
		client->deaf = true;
		return;
	}
	client->out_used += size;
	client->out[client->out_used++] = '\n';
}

static void say_error(struct client *client, const char *text)
{
	say(client, json_pack("{s:o,s:b}", "error", view_json_string(text), "done", 1));
	client->deaf = true;
}

static void say_done(struct client *client, json_t *object)
{
	if (object)
		json_object_set_new(object, "done", json_true());
	say(client, object);
}

static void answer_stop(struct client *client, const json_t *request)
{
	json_int_t signo = json_integer_value(json_object_get(request, "signal"));
	const struct cmd_answers *answers = &client->control->answers;
	int result;

	if (signo < 1 || signo >= NSIG) {
		say_error(client, "stop needs \"signal\", a number from 1 on");
		return;
	}
	result = answers->signal(answers->user, (int)signo);
	if (result < 0)
		say_error(client, strerror(-result));
	else
		say_done(client, json_object());
}

/* A handle's 64 bits come as a number with a sign. */
static void answer_cut(struct client *client, const json_t *request)
{
	const json_t *handle = json_object_get(request, "handle");
	const struct cmd_answers *answers = &client->control->answers;
	int result;

	if (!json_is_integer(handle)) {
		say_error(client, "cut needs \"handle\", the number of a row");
		return;
	}
	result = answers->cut(answers->user, (uint64_t)json_integer_value(handle));
	if (result == -ENOENT)
		say_error(client, "it has ended by itself meanwhile");
	else if (result < 0)
		say_error(client, strerror(-result));
	else
		say_done(client, json_object());
}

static void answer_forget(struct client *client, const json_t *request)
{
	const json_t *number = json_object_get(request, "number");
	const struct cmd_answers *answers = &client->control->answers;

	if (!json_is_integer(number))
		say_error(client, "scan-forget needs \"number\", that of a scan");
	else if (answers->scan_forget(answers->user, (uint64_t)json_integer_value(number)) < 0)
		say_error(client, "it is forgotten already");
	else
		say_done(client, json_object());
}

/* Of a gateway. */
static bool is_further_order(const char *name)
{
	return !strcmp(name, "change") || !strcmp(name, "reload");
}

static int give_order(struct client *client, const json_t *request, struct drive_error *error)
{
	const struct cmd_answers *answers = &client->control->answers;
	const char *name = json_string_value(json_object_get(request, "request"));

	if (name && is_further_order(name))
		return answers->further->order(answers->user, client->number, request, error);
	if (name && !strcmp(name, "forward-add"))
		return answers->add(answers->user, client->number, request, error);
	return answers->remove(answers->user, client->number, request, error);
}

/* An order to change what is forwarded, now or when the one under way is done. */
static void answer_order(struct client *client, json_t *request)
{
	struct drive_error error = { "" };
	int result = give_order(client, request, &error);

	if (result == -EAGAIN) {
		if (!client->waiting)
			client->ordered = ++client->control->last_order;
		json_incref(request);
		json_decref(client->waiting);
		client->waiting = request;
		return;
	}
	json_decref(client->waiting);
	client->waiting = NULL;
	if (result < 0)
		say_error(client, error.text);
	else
		client->owed = true;
}

static const char *const listings[] = {
	[LIST_ROWS] = "rows",
	[LIST_ROWS_TCP] = "rows", /* with "tcp":true */
	[LIST_FORWARDS] = "forwards",
	[LIST_RESERVED] = "reserved",
	[LIST_SCANS] = "scans",
};

static bool begin_further(struct client *client, const char *name)
{
	const struct cmd_further *further = client->control->answers.further;

	client->further = further ? further->listing(name) : NULL;
	if (!client->further)
		return false;
	client->listing = LIST_FURTHER;
	client->cursor = 0;
	client->listed = 0;
	return true;
}

/* Whether the request is one for a listing. */
static bool begin_listing(struct client *client, const char *name, const json_t *request)
{
	bool tcp = json_is_true(json_object_get(request, "tcp"));

	for (enum listing i = LIST_ROWS; i <= LIST_SCANS; i++) {
		if (strcmp(name, listings[i]))
			continue;
		client->listing = i == LIST_ROWS && tcp ? LIST_ROWS_TCP : i;
		client->cursor = 0;
		client->listed = 0;
		return true;
	}
	return begin_further(client, name);
}

static void answer_reserve(struct client *client, const json_t *request, bool add)
{
	const struct cmd_answers *answers = &client->control->answers;
	struct drive_error error = { "" };

	if (answers->reserve(answers->user, request, add, &error) < 0)
		say_error(client, error.text);
	else
		say_done(client, json_object());
}

bool cmd_control_is_order(const char *request)
{
	return !strcmp(request, "forward-add") || !strcmp(request, "reserve-add") ||
	       !strcmp(request, "reserve-rm") || is_further_order(request);
}

/* Whether the keeper has seen it come: once. */
static bool may_order(struct client *client)
{
	bool may = client->right == CMD_CLIENT_ORDERS;

	if (may)
		client->right = CMD_CLIENT_ASKS;
	return may;
}

/* What only a gateway knows. */
static void answer_further(struct client *client, const char *name, json_t *request)
{
	const struct cmd_answers *answers = &client->control->answers;
	json_t *reply = NULL;

	if (answers->further && is_further_order(name)) {
		answer_order(client, request);
		return;
	}
	if (answers->further)
		reply = answers->further->ask(answers->user, name, request);
	if (reply)
		say_done(client, reply);
	else
		say_error(client, "unknown request");
}

static void answer(struct client *client, json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "request"));
	const struct cmd_answers *answers = &client->control->answers;

	if (json_integer_value(json_object_get(request, "v")) != VIEW_JSON_VERSION) {
		say_error(client, "this minato speaks version 1 (\"v\":1)");
	} else if (!name) {
		say_error(client, "\"request\" is missing");
	} else if (!strcmp(name, "info")) {
		say_done(client, answers->info(answers->user));
	} else if (begin_listing(client, name, request)) {
		return;
	} else if (!strcmp(name, "metrics")) {
		client->census = calloc(1, sizeof(*client->census));
		if (!client->census)
			say_error(client, "out of memory");
	} else if (client->right == CMD_CLIENT_INSIDE) {
		say_error(client, CMD_INSIDE_TEXT);
	} else if (cmd_control_is_order(name) && !may_order(client)) {
		say_error(client, "an order must be the first request of its connection, and the "
				  "only one, and be there within 5 seconds");
	} else if (!strcmp(name, "reserve-add") || !strcmp(name, "reserve-rm")) {
		answer_reserve(client, request, !strcmp(name, "reserve-add"));
	} else if (!strcmp(name, "forward-add") || !strcmp(name, "forward-rm")) {
		answer_order(client, request);
	} else if (!strcmp(name, "cut")) {
		answer_cut(client, request);
	} else if (!strcmp(name, "scan-forget")) {
		answer_forget(client, request);
	} else if (!strcmp(name, "stop")) {
		answer_stop(client, request);
	} else {
		answer_further(client, name, request);
	}
}

static json_t *next_item(struct client *client)
{
	const struct cmd_answers *answers = &client->control->answers;

	switch (client->listing) {
	case LIST_ROWS:
		return answers->row(answers->user, &client->cursor);
	case LIST_ROWS_TCP:
		return answers->row_tcp(answers->user, &client->cursor);
	case LIST_FORWARDS:
		return answers->forward(answers->user, &client->cursor);
	case LIST_RESERVED:
		return answers->reserved(answers->user, &client->cursor);
	case LIST_SCANS:
		return answers->scan(answers->user, &client->cursor);
	case LIST_FURTHER:
		return answers->further->item(answers->user, client->further, &client->cursor);
	case LIST_NOTHING:
		break;
	}
	return NULL;
}

/* One line of rows, or the line that ends the listing. */
static void say_rows(struct client *client)
{
	bool long_rows = client->listing == LIST_ROWS_TCP || client->listing == LIST_SCANS;
	size_t room = long_rows ? ROWS_PER_LINE_TCP : ROWS_PER_LINE;
	json_t *rows = json_array();
	json_t *row = NULL;

	while (rows && json_array_size(rows) < room) {
		row = next_item(client);
		if (!row || json_array_append_new(rows, row))
			break;
	}
	client->listed += (uint32_t)json_array_size(rows);
	if (json_array_size(rows)) {
		say(client, json_pack("{s:o}",
				      client->listing == LIST_FURTHER ? client->further :
									listings[client->listing],
				      rows));
	} else {
		json_decref(rows);
		say_done(client, json_pack("{s:i}", "count", (int)client->listed));
		client->listing = LIST_NOTHING;
	}
}

/* Counts some of the table; the reply when all is counted. */
static void go_on_counting(struct client *client)
{
	const struct cmd_answers *answers = &client->control->answers;

	client->heard = drive_loop_now(client->control->loop);
	if (!answers->census(answers->user, client->census))
		return;
	say_done(client, answers->metrics(answers->user, client->census));
	free(client->census);
	client->census = NULL;
}

/* The line that is complete at the head of what was heard, as text without its newline. */
static char *next_line(struct client *client, size_t *length)
{
	char *newline = memchr(client->in, '\n', client->in_used);

	if (!newline)
		return NULL;
	*length = (size_t)(newline - client->in);
	return client->in;
}

static void take_line(struct client *client, size_t length)
{
	json_t *request = json_loadb(client->in, length, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(request))
		answer(client, request);
	else
		say_error(client, "no JSON object in this line");
	json_decref(request);
	client->in_used -= length + 1;
	memmove(client->in, client->in + length + 1, client->in_used);
}

/* Writes what waits; false when the client is gone. */
/* syscalls: sendto */
static bool flush(struct client *client)
{
	while (client->out_sent < client->out_used) {
		ssize_t sent = send(client->fd, client->out + client->out_sent,
				    client->out_used - client->out_sent, MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EAGAIN || errno == EINTR;
		client->out_sent += (size_t)sent;
		client->heard = drive_loop_now(client->control->loop);
	}
	client->out_sent = client->out_used = 0;
	return true;
}

/* One request at a time, the next when all of the last answer is written. */
static void serve(struct client *client)
{
	size_t length;

	while (flush(client)) {
		if (client->out_used) {
			drive_loop_modify(client->control->loop, client->watch, EPOLLOUT);
			return;
		}
		if (client->deaf)
			break;
		if (client->listing || client->census) {
			/* Some rows in each turn of the loop: traffic goes on in between. */
			if (client->census)
				go_on_counting(client);
			else
				say_rows(client);
			drive_loop_modify(client->control->loop, client->watch, EPOLLOUT);
			return;
		}
		if (client->waiting || client->owed) {
			drive_loop_modify(client->control->loop, client->watch, 0);
			return;
		}
		if (next_line(client, &length)) {
			take_line(client, length);
		} else if (client->in_used == CMD_LINE_MAX) {
			say_error(client, "the line is too long");
		} else {
			drive_loop_modify(client->control->loop, client->watch, EPOLLIN);
			return;
		}
	}
	end_client(client);
}

/* syscalls: recvfrom */
static void client_ready(void *user, uint32_t events)
{
	struct client *client = user;
	size_t room = CMD_LINE_MAX - client->in_used;
	ssize_t got;

	if (events & EPOLLOUT) {
		serve(client);
		return;
	}
	got = recv(client->fd, client->in + client->in_used, room, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		end_client(client);
		return;
	}
	client->in_used += (size_t)got;
	client->heard = drive_loop_now(client->control->loop);
	serve(client);
}

static struct client *free_place(struct cmd_control *control)
{
	for (size_t i = 0; i < CMD_CLIENTS_MAX; i++) {
		if (control->clients[i].fd < 0)
			return &control->clients[i];
	}
	return NULL;
}

static struct client *most_silent(struct cmd_control *control)
{
	struct client *victim = &control->clients[0];

	for (size_t i = 1; i < CMD_CLIENTS_MAX; i++) {
		if (control->clients[i].heard.ns < victim->heard.ns)
			victim = &control->clients[i];
	}
	return victim;
}

/*
 * Room for a descriptor that is about to come: that of a free place, or of the most silent client,
 * which makes way.
 */
void cmd_control_expect(struct cmd_control *control)
{
	struct client *client = free_place(control);

	if (!client) {
		client = most_silent(control);
		end_client(client);
	}
	if (client->spare >= 0)
		close(client->spare);
	client->spare = -1;
	control->expecting = client;
}

void cmd_control_admit(struct cmd_control *control, int fd, const struct minato_owner *who,
		       enum cmd_client_right right)
{
	struct client *client = control->expecting;

	control->expecting = NULL;
	if (fd < 0) {
		client->spare = hold_place(control);
		return;
	}
	*client = (struct client){ .control = control, .fd = fd, .spare = -1, .who = *who };
	client->right = right;
	client->number = ++control->last_number;
	client->in = malloc(CMD_LINE_MAX);
	client->out = malloc(CMD_LINE_MAX);
	client->heard = drive_loop_now(control->loop);
	client->watch = drive_loop_add(control->loop, fd, EPOLLIN, client_ready, client);
	if (!client->in || !client->out || client->watch < 0)
		end_client(client);
}

const struct minato_owner *cmd_control_client(const struct cmd_control *control, uint64_t client)
{
	for (size_t i = 0; i < CMD_CLIENTS_MAX; i++) {
		if (control->clients[i].fd >= 0 && control->clients[i].number == client)
			return &control->clients[i].who;
	}
	return NULL;
}

/* Ends who was silent too long, but not who waits for us; the next deadline. */
static struct minato_time sweep(void *user, struct minato_time now)
{
	struct cmd_control *control = user;
	struct minato_time earliest = MINATO_NEVER;

	for (size_t i = 0; i < CMD_CLIENTS_MAX; i++) {
		struct client *client = &control->clients[i];
		int64_t end = client->heard.ns + (int64_t)CMD_IDLE_MS * NS_PER_MS;

		if (client->fd < 0 || client->waiting || client->owed)
			continue;
		if (end <= now.ns)
			end_client(client);
		else if (end < earliest.ns)
			earliest.ns = end;
	}
	return earliest;
}

/* unsealed: epoll_create1 */
int cmd_control_open(struct cmd_control **out, struct drive_loop *loop,
		     const struct cmd_answers *answers)
{
	struct cmd_control *control = calloc(1, sizeof(*control));
	int result;

	if (!control)
		return -ENOMEM;
	control->loop = loop;
	control->answers = *answers;
	control->held = epoll_create1(EPOLL_CLOEXEC); /* any descriptor will do */
	for (size_t i = 0; i < CMD_CLIENTS_MAX; i++) {
		control->clients[i].control = control;
		control->clients[i].fd = -1;
		control->clients[i].spare = hold_place(control);
	}
	result = drive_loop_hook(loop, sweep, control);
	if (result < 0) {
		cmd_control_close(control);
		return result;
	}
	*out = control;
	return 0;
}

void cmd_control_reply(struct cmd_control *control, uint64_t number, json_t *reply)
{
	for (size_t i = 0; i < CMD_CLIENTS_MAX; i++) {
		struct client *client = &control->clients[i];

		if (client->fd < 0 || client->number != number || !client->owed)
			continue;
		client->owed = false;
		client->heard = drive_loop_now(control->loop);
		say_done(client, reply);
		serve(client);
		return;
	}
	json_decref(reply);
}

static struct client *first_waiting(struct cmd_control *control)
{
	struct client *first = NULL;

	for (size_t i = 0; i < CMD_CLIENTS_MAX; i++) {
		struct client *client = &control->clients[i];

		if (client->fd >= 0 && client->waiting &&
		    (!first || client->ordered < first->ordered))
			first = client;
	}
	return first;
}

void cmd_control_resume(struct cmd_control *control)
{
	struct client *client;

	while ((client = first_waiting(control)) != NULL) {
		client->heard = drive_loop_now(control->loop);
		answer_order(client, client->waiting);
		if (client->waiting)
			return;
		serve(client);
	}
}

void cmd_control_close(struct cmd_control *control)
{
	if (!control)
		return;
	for (size_t i = 0; i < CMD_CLIENTS_MAX; i++) {
		end_client(&control->clients[i]);
		if (control->clients[i].spare >= 0)
			close(control->clients[i].spare);
	}
	if (control->held >= 0)
		close(control->held);
	free(control);
}
