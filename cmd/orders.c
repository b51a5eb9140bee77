/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Forwards added and removed while the guest runs, on the worker's side. One order is under way at
 * a time: the next command waits, so that each finds what the one before has left.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int send_spec(struct cmd_worker *worker, enum cmd_message_kind kind,
		     const struct relay_spec *spec, int flags)
{
	struct cmd_message message = { .kind = kind, .number = flags };

	if (spec->sort == RELAY_REACH)
		message.number |= CMD_SPEC_REACH;
	relay_spec_text(spec, message.text.text, sizeof(message.text.text));
	return cmd_channel_send(worker->channel, &message, NULL, 0);
}

/* ---- giving up ---- */

static void owe(struct cmd_orders *orders, const struct relay_spec *spec)
{
	struct relay_spec *owed =
		realloc(orders->owed, (orders->owed_count + 1) * sizeof(orders->owed[0]));

	if (!owed)
		return;
	orders->owed = owed;
	owed[orders->owed_count++] = *spec;
}

void cmd_orders_release(struct cmd_worker *worker, const struct relay_spec *spec)
{
	if (worker->orders.owed_count > 0 || send_spec(worker, CMD_ASK_RELEASE, spec, 0) < 0)
		owe(&worker->orders, spec);
}

void cmd_orders_pay(struct cmd_worker *worker)
{
	struct cmd_orders *orders = &worker->orders;
	const struct cmd_message fence = { .kind = CMD_ASK_RELEASED };
	size_t paid = 0;

	if (orders->owed_count == 0 && !orders->unfenced)
		return;
	while (paid < orders->owed_count &&
	       send_spec(worker, CMD_ASK_RELEASE, &orders->owed[paid], 0) == 0)
		paid++;
	orders->owed_count -= paid;
	for (size_t i = 0; i < orders->owed_count; i++)
		orders->owed[i] = orders->owed[i + paid];
	if (orders->unfenced && orders->owed_count == 0)
		orders->unfenced = cmd_channel_send(worker->channel, &fence, NULL, 0) < 0;
}

/* ---- an order to bind ---- */

static int begin(struct cmd_worker *worker, struct relay_publish *list, int flags)
{
	struct cmd_orders *orders = &worker->orders;
	const struct cmd_message bind = { .kind = CMD_ASK_BIND, .number = flags };
	int result = 0;

	/* In this order, or a port given up just now would be in its own way. */
	cmd_orders_pay(worker);
	if (orders->owed_count > 0)
		return -EAGAIN;
	for (size_t i = 0; i < list->spec_count && result == 0; i++)
		result = send_spec(worker, CMD_ASK_SPEC, &list->specs[i],
				   i == 0 ? CMD_SPEC_FIRST : 0);
	if (result == 0)
		result = cmd_channel_send(worker->channel, &bind, NULL, 0);
	if (result < 0)
		return result;
	orders->list = *list;
	memset(list, 0, sizeof(*list));
	orders->automatic = flags & CMD_BIND_AUTO;
	orders->busy = true;
	return 0;
}

static json_t *texts_of(const struct relay_publish *list)
{
	json_t *texts = json_array();
	char text[RELAY_SPEC_TEXT];

	for (size_t i = 0; i < list->spec_count; i++)
		json_array_append_new(
			texts, json_string(relay_spec_text(&list->specs[i], text, sizeof(text))));
	return texts;
}

static json_t *refusal(const struct relay_failure *failure)
{
	return json_pack("{s:{s:i,s:i,s:i,s:i,s:i,s:i}}", "refused", "errno", failure->errnum,
			 "spec", (int)failure->spec, "port", (int)failure->port, "proto",
			 (int)failure->protocol, "needed", (int)failure->needed, "allowed",
			 (int)failure->allowed);
}

static void end(struct cmd_worker *worker, json_t *reply)
{
	struct cmd_orders *orders = &worker->orders;

	uint64_t client = orders->client;

	relay_publish_free(&orders->list);
	orders->busy = false;
	orders->client = 0;
	if (reply)
		cmd_control_reply(worker->control, client, reply);
	cmd_control_resume(worker->control);
}

static void fail(struct cmd_worker *worker, const struct relay_failure *failure)
{
	if (worker->orders.automatic)
		relay_auto_opened(worker->relay, NULL);
	end(worker, worker->orders.client ? refusal(failure) : NULL);
}

/* What the keeper has bound is not to stand. */
static void give_up(struct cmd_worker *worker, const struct relay_failure *failure)
{
	const struct cmd_message drop = { .kind = CMD_ASK_DROP };

	(void)cmd_channel_send(worker->channel, &drop, NULL, 0);
	fail(worker, failure);
}

/* The entries are of who asked for them, if that client is still there. */
static int start(struct cmd_worker *worker)
{
	struct cmd_orders *orders = &worker->orders;
	const struct minato_owner *who = cmd_control_client(worker->control, orders->client);
	int result;

	if (who)
		(void)minato_act_as(worker->host, who);
	result = relay_publish_start(worker->relay, &orders->list, NULL);
	cmd_worker_act(worker);
	return result;
}

/* All that was asked for is here. */
static void complete(struct cmd_worker *worker)
{
	struct cmd_orders *orders = &worker->orders;
	const struct cmd_message keep = { .kind = CMD_ASK_KEEP };
	struct relay_failure failure = { 0 };
	int result;

	if (orders->automatic) {
		(void)cmd_channel_send(worker->channel, &keep, NULL, 0);
		relay_auto_opened(worker->relay, &orders->list);
		end(worker, NULL);
		return;
	}
	result = start(worker);
	if (result == 0)
		result = cmd_channel_send(worker->channel, &keep, NULL, 0);
	if (result < 0) {
		failure.errnum = -result;
		give_up(worker, &failure);
		return;
	}
	end(worker, json_pack("{s:o}", "added", texts_of(&orders->list)));
}

void cmd_orders_bound(struct cmd_worker *worker, const struct cmd_message *message, const int *fds,
		      size_t count)
{
	struct cmd_orders *orders = &worker->orders;
	const struct cmd_message more = { .kind = CMD_ASK_MORE };

	if (!orders->busy || orders->reply) {
		cmd_channel_drop(fds, count);
		return;
	}
	if (message->number < 0) {
		cmd_channel_drop(fds, count);
		fail(worker, &message->bound.failure);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (relay_publish_adopt(&orders->list, &message->bound.doors[i], fds[i]) < 0)
			cmd_channel_drop(&fds[i], 1);
	}
	/* Those for which we have no descriptor left the kernel has closed on the way. */
	if (count < message->bound.count) {
		const struct relay_failure failure = {
			.errnum = EMFILE,
			.spec = message->bound.doors[count].spec,
			.port = message->bound.doors[count].port,
			.protocol = message->bound.doors[count].protocol,
		};

		give_up(worker, &failure);
		return;
	}
	if (count > 0 && orders->list.socket_count < message->bound.total)
		(void)cmd_channel_send(worker->channel, &more, NULL, 0);
	else
		complete(worker);
}

/* ---- from the relay: -p auto ---- */

int cmd_orders_port_open(void *user, const struct relay_spec *spec, bool again)
{
	struct cmd_worker *worker = user;
	struct relay_publish list = { 0 };
	char text[RELAY_SPEC_TEXT];
	int result;

	if (worker->orders.busy)
		return -EAGAIN;
	result = relay_publish_add(&list, relay_spec_text(spec, text, sizeof(text)), NULL);
	if (result == 0)
		result = begin(worker, &list, CMD_BIND_AUTO | (again ? CMD_BIND_AGAIN : 0));
	relay_publish_free(&list);
	return result;
}

void cmd_orders_port_closed(void *user, const struct relay_spec *spec)
{
	cmd_orders_release(user, spec);
}

/* ---- from the control socket ---- */

static int read_list(struct relay_publish *list, const json_t *texts, bool reach,
		     struct drive_error *error)
{
	int result = 0;

	for (size_t i = 0; i < json_array_size(texts) && result == 0; i++) {
		const char *text = json_string_value(json_array_get(texts, i));

		if (!text)
			return drive_fail(error, EINVAL, "a spec is a text");
		result = reach ? relay_reach_add(list, text, error) :
				 relay_publish_add(list, text, error);
	}
	return result;
}

static int read_request(struct relay_publish *list, const json_t *request,
			struct drive_error *error)
{
	int result = read_list(list, json_object_get(request, "specs"), false, error);

	if (result == 0)
		result = read_list(list, json_object_get(request, "reach"), true, error);
	if (result == 0 && list->spec_count == 0)
		result = drive_fail(error, EINVAL, "no spec was given");
	if (result == 0 && list->spec_count > CMD_SPECS_MAX)
		result = drive_fail(error, E2BIG, "more than %d specs at once", CMD_SPECS_MAX);
	return result;
}

int cmd_orders_add(void *user, uint64_t client, const json_t *request, struct drive_error *error)
{
	struct cmd_worker *worker = user;
	struct relay_publish list = { 0 };
	int result = 0;

	if (worker->orders.busy)
		return -EAGAIN;
	result = read_request(&list, request, error);
	if (result == 0) {
		result = begin(worker, &list, 0);
		if (result < 0)
			(void)drive_fail(error, EBUSY, "busy: try again");
	}
	if (result == 0)
		worker->orders.client = client;
	relay_publish_free(&list);
	return result == -EAGAIN ? -EBUSY : result;
}

void cmd_orders_released(struct cmd_worker *worker)
{
	json_t *reply = worker->orders.reply;

	worker->orders.reply = NULL;
	if (reply)
		end(worker, reply);
}

int cmd_orders_remove(void *user, uint64_t client, const json_t *request, struct drive_error *error)
{
	const struct cmd_message fence = { .kind = CMD_ASK_RELEASED };
	struct cmd_worker *worker = user;
	struct relay_publish list = { 0 };
	char text[RELAY_SPEC_TEXT];
	int result = 0;

	if (worker->orders.busy)
		return -EAGAIN;
	result = read_request(&list, request, error);
	/* Not begun where the keeper could not be told. */
	if (result == 0 && worker->orders.owed_count > 0)
		result = drive_fail(error, EBUSY, "busy: try again");
	for (size_t i = 0; i < list.spec_count && result == 0; i++) {
		if (relay_forward_find(worker->relay, &list.specs[i]) < 0)
			result = drive_fail(error, ENOENT, "nothing is forwarded as %s",
					    relay_spec_text(&list.specs[i], text, sizeof(text)));
	}
	for (size_t i = 0; i < list.spec_count && result == 0; i++) {
		int64_t id = relay_forward_find(worker->relay, &list.specs[i]);

		relay_forward_remove(worker->relay, (uint32_t)id);
		cmd_orders_release(worker, &list.specs[i]);
	}
	if (result == 0) {
		worker->orders.busy = true;
		worker->orders.automatic = false;
		worker->orders.client = client;
		worker->orders.reply = json_pack("{s:o}", "removed", texts_of(&list));
		worker->orders.unfenced = worker->orders.owed_count > 0 ||
					  cmd_channel_send(worker->channel, &fence, NULL, 0) < 0;
	}
	relay_publish_free(&list);
	return result;
}

static const char *sort_word(const struct relay_standing *one)
{
	if (one->automatic)
		return "opened";
	switch (one->spec.sort) {
	case RELAY_PORTS:
		return "published";
	case RELAY_ALL:
		return "all";
	case RELAY_AUTO:
		return "auto";
	case RELAY_REACH:
		return "reach";
	}
	return "?";
}

/* Milliseconds since the last flow; 0 while one lives, null where there was none. */
static json_t *unused(const struct relay_standing *one, struct minato_time now)
{
	if (!one->used.ns)
		return json_null();
	return json_integer(one->flows ? 0 : (now.ns - one->used.ns) / 1000000);
}

json_t *cmd_wall_word(enum relay_screened screened)
{
	switch (screened) {
	case RELAY_UNSCREENED:
		break;
	case RELAY_SCREENED:
		return json_string("kernel");
	case RELAY_SCREEN_DEVICES:
		return json_string("devices");
	case RELAY_SCREEN_LATE:
		return json_string("late");
	}
	return json_null();
}

json_t *cmd_orders_row(void *user, uint64_t *cursor)
{
	struct cmd_worker *worker = user;
	const struct minato_time now = drive_loop_now(worker->loop);
	struct relay_standing one;
	char text[RELAY_SPEC_TEXT];

	if (*cursor == 0)
		relay_forward_count(worker->relay);
	if (!relay_forward_next(worker->relay, cursor, &one))
		return NULL;
	return json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o}", "spec",
			 relay_spec_text(&one.spec, text, sizeof(text)), "kind", sort_word(&one),
			 "sockets", (json_int_t)one.socket_count, "flows", (json_int_t)one.flows,
			 "flows_ever", (json_int_t)one.flows_ever, "hits", (json_int_t)one.hits,
			 "bytes_in", (json_int_t)one.bytes_in, "bytes_out",
			 (json_int_t)one.bytes_out, "age_ms",
			 (json_int_t)((now.ns - one.since.ns) / 1000000), "used_ms",
			 unused(&one, now), "wall", cmd_wall_word(one.screened));
}
