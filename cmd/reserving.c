/* SPDX-License-Identifier: BSD-2-Clause */
/* Reserved ports in a running guest: in its keeper's list and its worker's table. */
#include "cmd/reserve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- messages ---- */

static bool is_sound(const struct drive_reservation *r)
{
	return r->first >= 1 && r->first <= r->last && r->protocols >= 1 &&
	       r->protocols <= DRIVE_RESERVED_BOTH && (unsigned)r->origin < DRIVE_ORIGIN_COUNT &&
	       memchr(r->note, 0, sizeof(r->note));
}

json_t *cmd_reservation_message(const struct drive_reservation *r)
{
	return json_pack("{s:i,s:i,s:i,s:s,s:I,s:o}", "first", r->first, "last", r->last,
			 "protocols", r->protocols, "origin", drive_origin_word(r->origin), "since",
			 (json_int_t)r->since_s, "note", view_json_string(r->note));
}

int cmd_reservation_read(struct drive_reservation *out, const json_t *message)
{
	json_int_t first = json_integer_value(json_object_get(message, "first"));
	json_int_t last = json_integer_value(json_object_get(message, "last"));
	json_int_t protocols = json_integer_value(json_object_get(message, "protocols"));
	const char *origin = json_string_value(json_object_get(message, "origin"));
	const char *note = json_string_value(json_object_get(message, "note"));

	if (first < 1 || first > last || last > UINT16_MAX || protocols < 1 ||
	    protocols > DRIVE_RESERVED_BOTH || !origin)
		return -EPROTO;
	*out = (struct drive_reservation){
		.first = (uint16_t)first,
		.last = (uint16_t)last,
		.protocols = (uint8_t)protocols,
		.since_s = json_integer_value(json_object_get(message, "since")),
	};
	while (out->origin < DRIVE_ORIGIN_COUNT && strcmp(drive_origin_word(out->origin), origin))
		out->origin++;
	snprintf(out->note, sizeof(out->note), "%s", note ? note : "");
	for (char *at = out->note; *at; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	}
	return is_sound(out) ? 0 : -EPROTO;
}

/* ---- the list, of keeper and worker alike ---- */

static bool is_listed(const struct drive_reserved *reserved, const struct drive_reservation *one,
		      size_t *place)
{
	for (*place = 0; *place < reserved->count; ++*place) {
		const struct drive_reservation *r = &reserved->list[*place];

		if (r->origin == one->origin && drive_reservation_same(r, one))
			return true;
	}
	return false;
}

/* What is there already, or is not, is done. */
static int change(struct drive_reserved *reserved, const struct drive_reservation *one, bool add)
{
	size_t place;
	bool listed = is_listed(reserved, one, &place);

	if (add && !listed)
		return reserved->count < CMD_RESERVED_MAX ? drive_reserved_add(reserved, one) :
							    -ENOSPC;
	if (!add && listed) {
		reserved->count--;
		memmove(&reserved->list[place], &reserved->list[place + 1],
			(reserved->count - place) * sizeof(reserved->list[0]));
	}
	return 0;
}

/* ---- the keeper ---- */

static void say_wrong(void *user, const char *text)
{
	const bool *quiet = user;

	if (!*quiet)
		cmd_say("%s; the line is passed over", text);
}

void cmd_reserving_begin(struct cmd_harbour *harbour, bool quiet)
{
	drive_reserved_read(&harbour->reserved, say_wrong, &quiet);
	if (harbour->reserved.count <= CMD_RESERVED_MAX)
		return;
	cmd_say("more than %d ports or ranges are reserved: the rest is not kept free here",
		CMD_RESERVED_MAX);
	harbour->reserved.count = CMD_RESERVED_MAX;
}

int cmd_reserving_take(struct cmd_harbour *harbour, const struct cmd_message *message)
{
	int64_t since_ns = drive_now().ns - harbour->admitted.ns;

	if (!is_sound(&message->reservation))
		return -EPROTO;
	if (!harbour->admitted.ns || since_ns >= CMD_ORDER_MS * INT64_C(1000000))
		return -EPERM;
	return change(&harbour->reserved, &message->reservation, message->kind == CMD_ASK_RESERVE);
}

bool cmd_reserving_refuses(const struct cmd_harbour *harbour, const struct relay_spec *spec,
			   bool again)
{
	uint8_t protocol = spec->protocols == RELAY_TCP ? MINATO_TCP : MINATO_UDP;
	const struct drive_reservation *r =
		drive_reserved_find(&harbour->reserved, spec->first, protocol);
	char text[DRIVE_RESERVATION_TEXT];

	if (!r)
		return false;
	if (!again && !harbour->quiet)
		cmd_say("the guest opened port %u, but host port %u is reserved (%s, %s%s%s): it "
			"is published only by name, -p %u, or after 'minato reserve rm'",
			spec->guest, spec->first, drive_reservation_text(text, r),
			drive_origin_word(r->origin), *r->note ? ": " : "", r->note, spec->first);
	return true;
}

/* ---- the worker ---- */

static int add_entry(struct cmd_worker *worker, const struct drive_reservation *r)
{
	const struct minato_entry entry = {
		.kind = MINATO_KIND_RESERVED,
		.scope = MINATO_SCOPE_ANY,
		.face = MINATO_FACE_ANY,
		.proto = r->protocols == DRIVE_RESERVED_TCP ? MINATO_TCP :
			 r->protocols == DRIVE_RESERVED_UDP ? MINATO_UDP :
							      0,
		.first = r->first,
		.last = r->last,
	};
	int result = minato_entry_add(worker->host, &entry,
				      &worker->reserved.entries[worker->reserved.count]);

	if (result == 0)
		worker->reserved.count++;
	/* Reserved by another, too. */
	return result == -EADDRINUSE ? 0 : result;
}

int cmd_reserving_apply(struct cmd_worker *worker)
{
	const struct drive_reserved *wanted = &worker->harbour->reserved;
	int result = 0;

	if (!worker->reserved.entries)
		worker->reserved.entries = calloc(CMD_RESERVED_MAX, sizeof(uint64_t));
	if (!worker->reserved.entries)
		return -ENOMEM;
	while (worker->reserved.count > 0)
		minato_entry_remove(worker->host,
				    worker->reserved.entries[--worker->reserved.count]);
	for (size_t i = 0; i < wanted->count && result == 0; i++)
		result = add_entry(worker, &wanted->list[i]);
	return result;
}

int cmd_reserving_order(void *user, const json_t *request, bool add, struct drive_error *error)
{
	struct cmd_worker *worker = user;
	struct drive_reserved *reserved = &worker->harbour->reserved;
	struct cmd_message message = { .kind = add ? CMD_ASK_RESERVE : CMD_ASK_UNRESERVE };
	int result =
		cmd_reservation_read(&message.reservation, json_object_get(request, "reservation"));

	if (result < 0)
		return drive_fail(error, EINVAL, "\"reservation\" makes no sense");
	result = change(reserved, &message.reservation, add);
	if (result == -ENOSPC)
		return drive_fail(error, ENOSPC, "%d ports or ranges are reserved there already",
				  CMD_RESERVED_MAX);
	if (result == 0)
		result = cmd_reserving_apply(worker);
	if (result == 0)
		result = cmd_channel_send(worker->channel, &message, NULL, 0);
	if (result == 0)
		return 0;
	/* As it was. */
	(void)change(reserved, &message.reservation, !add);
	(void)cmd_reserving_apply(worker);
	return drive_fail(error, -result, "it cannot be noted now: %s", strerror(-result));
}

json_t *cmd_reserving_row(void *user, uint64_t *cursor)
{
	const struct cmd_worker *worker = user;

	if (*cursor >= worker->harbour->reserved.count)
		return NULL;
	return cmd_reservation_message(&worker->harbour->reserved.list[(*cursor)++]);
}
