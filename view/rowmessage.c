/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows as members of a message: what a running guest answers and another command reads. */
#include "view/view.h"

#include <errno.h>
#include <string.h>

json_t *view_message_end(const struct minato_endpoint *end)
{
	char address[64];

	minato_addr_format(&end->addr, address, sizeof(address));
	return json_pack("{s:s,s:i}", "address", address, "port", end->port);
}

int view_message_end_read(struct minato_endpoint *end, const json_t *message)
{
	const char *address = json_string_value(json_object_get(message, "address"));
	json_int_t port = json_integer_value(json_object_get(message, "port"));

	if (!address || port < 0 || port > UINT16_MAX)
		return -EINVAL;
	end->port = (uint16_t)port;
	return minato_addr_parse(address, &end->addr);
}

/* NULL where nothing is known. A name that is not UTF-8 is left out. */
static json_t *owner_of(const struct minato_owner *owner)
{
	json_t *message = NULL;

	if (owner->pid || owner->uid != MINATO_UID_NONE || owner->program[0] || owner->guest[0])
		message = json_pack("{s:I,s:I,s:I}", "uid", (json_int_t)owner->uid, "pid",
				    (json_int_t)owner->pid, "started",
				    (json_int_t)owner->started_s);
	if (message) {
		json_object_set_new(message, "program", json_string(owner->program));
		json_object_set_new(message, "guest", json_string(owner->guest));
	}
	return message;
}

json_t *view_message_row(const struct minato_row *row)
{
	json_t *owner = owner_of(&row->owner);
	json_t *message = json_pack(
		"{s:I,s:s,s:i,s:i,s:i,s:o,s:o,s:o,s:i,s:i,s:i,s:i,s:I,s:I,s:I,s:I,s:I,s:I}",
		"handle", (json_int_t)row->handle, "kind", minato_kind_name(row->kind), "verdict",
		(int)row->verdict, "proto", row->proto, "state", (int)row->state, "local",
		view_message_end(&row->local), "remote", view_message_end(&row->remote), "target",
		view_message_end(&row->target), "local_prefix", row->local_prefix, "remote_prefix",
		row->remote_prefix, "first", row->first, "last", row->last, "recv_queue",
		(json_int_t)row->recv_queue, "send_queue", (json_int_t)row->send_queue, "hits",
		(json_int_t)row->hits, "bytes_in", (json_int_t)row->bytes_in, "bytes_out",
		(json_int_t)row->bytes_out, "since_ns", (json_int_t)row->since.ns);

	if (owner)
		json_object_set_new(message, "owner", owner);
	if (row->kind == MINATO_KIND_SESSION) {
		json_object_set_new(message, "via", view_message_end(&row->via));
		json_object_set_new(message, "scope", json_integer(row->scope));
	}
	return message;
}

/* What only sessions have. */
static int read_session(struct minato_row *row, const json_t *message)
{
	json_int_t scope = json_integer_value(json_object_get(message, "scope"));

	if (row->kind != MINATO_KIND_SESSION)
		return 0;
	if (scope < 0 || scope > UINT8_MAX)
		return -EINVAL;
	row->scope = (uint8_t)scope;
	return view_message_end_read(&row->via, json_object_get(message, "via"));
}

static int read_kind(struct minato_row *row, const json_t *message)
{
	const char *kind = json_string_value(json_object_get(message, "kind"));

	for (int i = 0; kind && i < MINATO_KIND_COUNT; i++) {
		if (!strcmp(kind, minato_kind_name((enum minato_kind)i))) {
			row->kind = (enum minato_kind)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* A number member within 0..max; *bad is set when it is another thing. */
static uint64_t number(const json_t *message, const char *name, uint64_t max, bool *bad)
{
	const json_t *member = json_object_get(message, name);
	json_int_t value = json_integer_value(member);

	if (!json_is_integer(member) || value < 0 || (uint64_t)value > max) {
		*bad = true;
		return 0;
	}
	return (uint64_t)value;
}

static void read_numbers(struct minato_row *row, const json_t *message, bool *bad)
{
	row->verdict = (enum minato_verdict)number(message, "verdict", MINATO_DROP, bad);
	row->proto = (uint8_t)number(message, "proto", UINT8_MAX, bad);
	row->state = (enum minato_state)number(message, "state", MINATO_CLOSING, bad);
	row->local_prefix = (uint8_t)number(message, "local_prefix", 128, bad);
	row->remote_prefix = (uint8_t)number(message, "remote_prefix", 128, bad);
	row->first = (uint16_t)number(message, "first", UINT16_MAX, bad);
	row->last = (uint16_t)number(message, "last", UINT16_MAX, bad);
	row->recv_queue = (uint32_t)number(message, "recv_queue", UINT32_MAX, bad);
	row->send_queue = (uint32_t)number(message, "send_queue", UINT32_MAX, bad);
	row->hits = number(message, "hits", INT64_MAX, bad);
	row->bytes_in = number(message, "bytes_in", INT64_MAX, bad);
	row->bytes_out = number(message, "bytes_out", INT64_MAX, bad);
	row->since.ns = (int64_t)number(message, "since_ns", INT64_MAX, bad);
}

static void read_name(char *out, size_t size, const json_t *message, const char *name)
{
	const char *text = json_string_value(json_object_get(message, name));

	(void)snprintf(out, size, "%s", text ? text : "");
}

static void read_owner(struct minato_owner *owner, const json_t *message, bool *bad)
{
	*owner = (struct minato_owner){ .uid = MINATO_UID_NONE };
	if (!message)
		return;
	owner->uid = (uint32_t)number(message, "uid", UINT32_MAX, bad);
	owner->pid = (uint32_t)number(message, "pid", UINT32_MAX, bad);
	owner->started_s = (int64_t)number(message, "started", INT64_MAX, bad);
	read_name(owner->program, sizeof(owner->program), message, "program");
	read_name(owner->guest, sizeof(owner->guest), message, "guest");
}

int view_message_row_read(struct minato_row *row, const json_t *message)
{
	bool bad = false;

	*row = (struct minato_row){ 0 };
	if (read_kind(row, message))
		return -EINVAL;
	/* 64 bits, of which the first may be set: JSON's numbers have a sign. */
	row->handle = (uint64_t)json_integer_value(json_object_get(message, "handle"));
	read_numbers(row, message, &bad);
	read_owner(&row->owner, json_object_get(message, "owner"), &bad);
	if (bad)
		return -EINVAL;
	if (view_message_end_read(&row->local, json_object_get(message, "local")) ||
	    view_message_end_read(&row->remote, json_object_get(message, "remote")) ||
	    view_message_end_read(&row->target, json_object_get(message, "target")))
		return -EINVAL;
	row->ranged = row->kind != MINATO_KIND_SOCKET;
	return read_session(row, message);
}
