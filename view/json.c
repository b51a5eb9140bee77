/* SPDX-License-Identifier: BSD-2-Clause */
/* The view for programs: one JSON document, written row by row. */
#include "view/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Writes {"v":1,"NAME":[ ... ]}; the members come between the two. */
static void open_document(FILE *out, const char *name)
{
	fprintf(out, "{\"v\":%d,\"%s\":[", VIEW_JSON_VERSION, name);
}

static void close_document(FILE *out)
{
	fputs("\n]}\n", out);
}

/* Takes over the reference. */
static int put(FILE *out, json_t *object, bool first)
{
	int result = 0;

	if (!object)
		return -ENOMEM;
	fputs(first ? "\n" : ",\n", out);
	if (json_dumpf(object, out, JSON_COMPACT))
		result = -EIO;
	json_decref(object);
	return result;
}

/* null where it is any. */
static json_t *end_of(const struct view_end *end)
{
	bool any_port = !end->first && (!end->last || end->last == UINT16_MAX);
	bool is4 = minato_addr_is4(&end->addr);
	char address[64];
	json_t *object;

	minato_addr_format(&end->addr, address, sizeof(address));
	object = json_pack("{s:o,s:o}", "address",
			   view_end_is_any(end) ? json_null() : json_string(address), "port",
			   any_port ? json_null() : json_integer(end->first));
	if (!any_port && end->last > end->first)
		json_object_set_new(object, "port_last", json_integer(end->last));
	if (end->prefix < 128 && !minato_addr_is_any(&end->addr))
		json_object_set_new(object, "prefix", json_integer(end->prefix - (is4 ? 96 : 0)));
	return object;
}

/* How many bytes a letter takes; 0: none begins here (RFC 3629 4). */
static size_t letter_bytes(const unsigned char *s)
{
	/* What the second byte is at least and at most, so that no letter has two forms. */
	const unsigned char low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
	const unsigned char high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
	size_t len;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4 || s[1] < low || s[1] > high)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	for (size_t i = 2; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

json_t *view_json_string(const char *text)
{
	json_t *string = json_string(text);
	char *safe = string ? NULL : strdup(text);

	if (!safe)
		return string;
	for (size_t i = 0; safe[i];) {
		const size_t len = letter_bytes((const unsigned char *)safe + i);

		if (len == 0)
			safe[i] = '?';
		i += len ? len : 1;
	}
	string = json_string(safe);
	free(safe);
	return string;
}

static json_t *owners_of(const struct view_row *row)
{
	json_t *list = json_array();

	for (size_t i = 0; i < row->owner_count; i++) {
		const struct view_owner *owner = &row->owners[i];

		json_array_append_new(list, json_pack("{s:o,s:i,s:i}", "name",
						      view_json_string(owner->program), "pid",
						      owner->pid, "fd", owner->fd));
	}
	return list;
}

static json_t *maker_of(const struct minato_owner *maker)
{
	json_t *object = json_pack("{s:o,s:I,s:o}", "program", view_json_string(maker->program),
				   "pid", (json_int_t)maker->pid, "guest",
				   view_json_string(maker->guest));

	if (maker->uid != MINATO_UID_NONE)
		json_object_set_new(object, "uid", json_integer(maker->uid));
	if (maker->started_s)
		json_object_set_new(object, "started", json_integer(maker->started_s));
	return object;
}

static json_t *outside_of(const struct minato_endpoint *outside)
{
	struct view_end end = view_end_of(outside);

	return end_of(&end);
}

static json_t *row_of(const struct view_row *row)
{
	json_t *object = json_pack("{s:s,s:s,s:s,s:s,s:b,s:I,s:I,s:o,s:o,s:I,s:I,s:I}", "guest",
				   row->guest, "netid", view_proto_word(row->proto), "kind",
				   row->kind, "state", row->state, "listening", row->listening,
				   "recv_q", (json_int_t)row->recv_queue, "send_q",
				   (json_int_t)row->send_queue, "local", end_of(&row->local),
				   "peer", end_of(&row->peer), "bytes_in",
				   (json_int_t)row->bytes_in, "bytes_out",
				   (json_int_t)row->bytes_out, "hits", (json_int_t)row->hits);

	json_object_set_new(object, "age_ms",
			    row->age_ms < 0 ? json_null() : json_integer(row->age_ms));
	if (row->inode) {
		json_object_set_new(object, "uid", json_integer(row->uid));
		json_object_set_new(object, "inode", json_integer(row->inode));
	}
	if (row->from.prefix)
		json_object_set_new(object, "from", end_of(&row->from));
	if (row->path)
		json_object_set_new(object, "path", view_json_string(row->path));
	if (row->proxy)
		json_object_set_new(object, "proxy", json_integer(row->proxy));
	if (row->serves)
		json_object_set_new(object, "serves", json_string(row->serves));
	if (row->outside.port)
		json_object_set_new(object, "outside", outside_of(&row->outside));
	if (row->wall)
		json_object_set_new(object, "wall", json_string(row->wall));
	if (row->inode || row->cookie)
		view_json_socket(object, row);
	if (row->own_tcp)
		json_object_set_new(object, "minato_tcp", view_json_tcp(row->own_tcp));
	json_object_set_new(object, "process", owners_of(row));
	if (row->maker.pid)
		json_object_set_new(object, "owner", maker_of(&row->maker));
	return object;
}

struct view_stream {
	FILE *out;
	bool begun;
	int result;
};

static struct view_stream *open_rows(FILE *out, const struct view_look *look)
{
	struct view_stream *stream = calloc(1, sizeof(*stream));

	(void)look;
	if (stream) {
		stream->out = out;
		open_document(out, "rows");
	}
	return stream;
}

static int put_row(struct view_stream *stream, const struct view_row *row)
{
	if (!stream->result)
		stream->result = put(stream->out, row_of(row), !stream->begun);
	stream->begun = true;
	return stream->result;
}

static int close_rows(struct view_stream *stream)
{
	int result = stream->result;

	close_document(stream->out);
	if (!result && ferror(stream->out))
		result = -EIO;
	free(stream);
	return result;
}

static json_t *port_of(const struct view_port *port)
{
	json_t *object = json_pack("{s:s,s:o,s:o}", "netid", view_proto_word(port->proto), "host",
				   end_of(&port->host), "guest", end_of(&port->guest));

	if (port->others)
		json_object_set_new(object, "others", json_integer(port->others));
	if (*port->path)
		json_object_set_new(object, "path", view_json_string(port->path));
	return object;
}

static void set_address(json_t *list, bool has, const struct minato_addr *addr)
{
	char text[VIEW_WORD_SIZE];

	if (!has)
		return;
	minato_addr_format(addr, text, sizeof(text));
	json_array_append_new(list, json_string(text));
}

static json_t *guest_of(const struct view_guest *guest)
{
	json_t *addresses = json_array();
	json_t *ports = json_array();

	set_address(addresses, guest->has4, &guest->addr4);
	set_address(addresses, guest->has6, &guest->addr6);
	for (size_t i = 0; i < guest->port_count; i++)
		json_array_append_new(ports, port_of(&guest->ports[i]));
	return json_pack(
		"{s:s,s:i,s:o,s:i,s:I,s:I,s:o,s:o,s:o,s:o,s:o}", "name", guest->name, "pid",
		guest->pid, "worker", guest->worker ? json_integer(guest->worker) : json_null(),
		"init", guest->init, "uid", (json_int_t)guest->uid, "started",
		(json_int_t)guest->started_s, "uptime_ms",
		guest->up_ms < 0 ? json_null() : json_integer(guest->up_ms), "addresses", addresses,
		"ports", ports, "command", view_json_string(guest->command), "wall",
		json_pack("{s:b,s:b,s:b,s:I}", "in", guest->wall_in, "out", guest->wall_out, "shut",
			  guest->shut, "rules", (json_int_t)guest->rules));
}

static int print_guests(FILE *out, const struct view_guest *guests, size_t count,
			const struct view_look *look)
{
	int result = 0;

	(void)look;
	open_document(out, "guests");
	for (size_t i = 0; i < count && !result; i++)
		result = put(out, guest_of(&guests[i]), i == 0);
	close_document(out);
	return result ? result : ferror(out) ? -EIO : 0;
}

const struct view view_json = { "json", open_rows, put_row, close_rows, print_guests };

int view_rows(const struct view *view, FILE *out, const struct view_row *rows, size_t count,
	      const struct view_look *look)
{
	struct view_stream *stream = view->open(out, look);
	int result = 0;
	int closed;

	if (!stream)
		return -ENOMEM;
	for (size_t i = 0; i < count && !result; i++)
		result = view->row(stream, &rows[i]);
	closed = view->close(stream);
	return result ? result : closed;
}
