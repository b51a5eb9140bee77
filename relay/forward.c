/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Forwards: what stands behind the entries of published ports. Each comes and goes by itself, and a
 * lane that came by one keeps it until it ends.
 */
#include "relay/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "minato/gateway.h"

#define BACKLOG 4096

static enum word_tag tag_of(const struct relay_forward *forward)
{
	return forward->spec.sort == RELAY_REACH ? WORD_REACH : WORD_PUBLISHED;
}

/* ---- entries ---- */

/* The forward entry of one family. */
static int add_entry(struct relay_forward *forward, bool four)
{
	const struct relay_spec *spec = &forward->spec;
	const struct drive_subnet *s = &forward->relay->config.subnet;
	struct minato_entry entry = {
		.kind = MINATO_KIND_FORWARD,
		.scope = forward->relay->config.outside,
		.face = MINATO_FACE_ANY,
		.first = spec->first,
		.last = spec->last,
		.target = { four ? s->guest4 : s->guest6, spec->guest },
		.user = relay_word(tag_of(forward), forward->id),
	};
	int result;

	/* Any port: so that whatever names ports goes before it. */
	if (spec->sort == RELAY_ALL) {
		entry.first = 0;
		entry.target.port = 0;
	}
	if (spec->protocols == RELAY_TCP)
		entry.proto = MINATO_TCP;
	else if (spec->protocols == RELAY_UDP)
		entry.proto = MINATO_UDP;
	if (spec->every || minato_addr_is_any(&spec->addr)) {
		entry.local = four ? minato_addr4(0, 0, 0, 0) : (struct minato_addr){ { 0 } };
		entry.local_prefix = four ? 96 : 0;
	} else {
		entry.local = spec->addr;
		entry.local_prefix = 128;
	}
	result = minato_entry_add(forward->relay->host, &entry,
				  &forward->entries[forward->entry_count]);
	if (result == 0)
		forward->entry_count++;
	return result;
}

static int add_entries(struct relay_forward *forward)
{
	const struct relay_spec *spec = &forward->spec;
	const struct drive_subnet *s = &forward->relay->config.subnet;
	bool four = spec->every || minato_addr_is4(&spec->addr);
	bool six = spec->every || !minato_addr_is4(&spec->addr);
	int result = 0;

	if (spec->sort == RELAY_REACH)
		return reach_add(forward->relay, forward);
	if (spec->sort == RELAY_AUTO || spec->bare)
		return 0;
	if (four && s->has4)
		result = add_entry(forward, true);
	if (result == 0 && six && s->has6)
		result = add_entry(forward, false);
	return result;
}

/* ---- accepting ---- */

/* Noted only: the work is done after the host value has been told the time. */
static void ready(void *user, uint32_t events)
{
	struct relay_published *door = user;
	struct relay *relay = door->forward->relay;

	(void)events;
	door->readable = true;
	if (door->busy)
		return;
	door->busy = true;
	door->busy_next = relay->busy_doors;
	relay->busy_doors = door;
}

/* syscalls: listen setsockopt */
static int start_door(struct relay_forward *forward, struct relay_published *door)
{
	const int on = 1;
	int64_t watch;

	door->forward = forward;
	if (door->protocol == MINATO_TCP) {
		/* For what lingers from before, which listen looks at again; and for the children,
		   so that the port can be bound again while they linger. */
		setsockopt(door->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		dial_options(door->fd); /* what is accepted inherits them */
		if (listen(door->fd, BACKLOG) < 0)
			return -errno;
	}
	watch = drive_loop_add(forward->relay->config.loop, door->fd, EPOLLIN, ready, door);
	if (watch < 0)
		return (int)watch;
	door->watch = watch;
	return 0;
}

static void forget_busy(struct relay *relay, const struct relay_forward *forward)
{
	struct relay_published **place = &relay->busy_doors;

	while (*place) {
		if ((*place)->forward == forward)
			*place = (*place)->busy_next;
		else
			place = &(*place)->busy_next;
	}
}

static void close_doors(struct relay_forward *forward)
{
	forget_busy(forward->relay, forward);
	for (size_t i = 0; i < forward->door_count; i++) {
		struct relay_published *door = &forward->doors[i];

		if (door->watch)
			drive_loop_remove(forward->relay->config.loop, door->watch);
		door->watch = 0;
		forward->relay->speaking -= door->speaking_until != 0;
		door->speaking_until = 0;
		publish_close(door);
	}
}

static void remove_entries(struct relay_forward *forward)
{
	while (forward->entry_count > 0)
		minato_entry_remove(forward->relay->host, forward->entries[--forward->entry_count]);
}

/* ---- coming ---- */

/* Takes the spec's sockets over from the list. NULL: no memory. */
static struct relay_forward *new_forward(struct relay *relay, struct relay_publish *list,
					 const struct relay_spec *spec)
{
	struct relay_forward *forward = calloc(1, sizeof(*forward));

	if (!forward)
		return NULL;
	forward->relay = relay;
	forward->spec = *spec;
	forward->id = ++relay->last_forward;
	forward->since_ns = relay->now.ns;
	forward->automatic = spec->automatic;
	if (spec->socket_count == 0)
		return forward;
	forward->doors = calloc(spec->socket_count, sizeof(forward->doors[0]));
	if (!forward->doors) {
		free(forward);
		return NULL;
	}
	forward->door_count = spec->socket_count;
	for (size_t i = 0; i < spec->socket_count; i++) {
		struct relay_published *from = &list->sockets[spec->socket_first + i];

		forward->doors[i] = *from;
		from->fd = -1;
	}
	return forward;
}

static void link_last(struct relay *relay, struct relay_forward *forward)
{
	struct relay_forward **place = &relay->forwards;

	while (*place)
		place = &(*place)->next;
	*place = forward;
}

static bool stands_in_the_way(const struct relay *relay, const struct relay_spec *spec)
{
	for (const struct relay_forward *f = relay->forwards; f; f = f->next) {
		if (!f->gone && relay_spec_meets(&f->spec, spec))
			return true;
	}
	return false;
}

static int start_spec(struct relay *relay, struct relay_publish *list,
		      const struct relay_spec *spec)
{
	struct relay_forward *forward;
	int result;

	if (stands_in_the_way(relay, spec))
		return -EEXIST;
	forward = new_forward(relay, list, spec);
	if (!forward)
		return -ENOMEM;
	link_last(relay, forward);
	result = add_entries(forward);
	for (size_t i = 0; result == 0 && i < forward->door_count; i++)
		result = start_door(forward, &forward->doors[i]);
	return result;
}

/* Removes what is younger than the id. */
static void take_back(struct relay *relay, uint32_t last)
{
	struct relay_forward *f = relay->forwards;

	while (f) {
		struct relay_forward *next = f->next;

		if (f->id > last && !f->gone)
			relay_forward_remove(relay, f->id);
		f = next;
	}
}

int relay_publish_start(struct relay *relay, struct relay_publish *list, struct drive_error *error)
{
	uint32_t last = relay->last_forward;
	int result = 0;

	for (size_t i = 0; result == 0 && i < list->spec_count; i++)
		result = start_spec(relay, list, &list->specs[i]);
	if (result < 0)
		take_back(relay, last);
	roll_doors(relay);
	for (size_t i = 0; i < list->socket_count; i++)
		publish_close(&list->sockets[i]);
	free(list->sockets);
	list->sockets = NULL;
	list->socket_count = 0;
	list->socket_room = 0;
	for (size_t i = 0; i < list->spec_count; i++)
		list->specs[i].socket_count = 0;
	if (result < 0)
		return drive_fail(error, -result, "cannot open the published ports: %s",
				  strerror(-result));
	return 0;
}

/* ---- going ---- */

static void free_forward(struct relay_forward *forward)
{
	struct relay_forward **place = &forward->relay->forwards;

	while (*place != forward)
		place = &(*place)->next;
	*place = forward->next;
	if (forward->automatic) {
		forward->relay->carried.bytes_in += forward->bytes_in;
		forward->relay->carried.bytes_out += forward->bytes_out;
	}
	free(forward->doors);
	free(forward);
}

static void end_visitors(struct relay_forward *forward)
{
	struct lane *f = forward->relay->visitors.oldest;

	while (f) {
		struct lane *next = lane_newer(f);

		if (f->forward == forward)
			gram_end(f);
		f = next;
	}
}

int64_t relay_forward_find(const struct relay *relay, const struct relay_spec *wanted)
{
	for (const struct relay_forward *f = relay->forwards; f; f = f->next) {
		if (!f->gone && relay_spec_names(wanted, &f->spec))
			return f->id;
	}
	return -ENOENT;
}

struct relay_forward *forward_of(const struct relay *relay, uint64_t value)
{
	for (struct relay_forward *f = relay->forwards; f; f = f->next) {
		if (f->id == value && !f->gone)
			return f;
	}
	return NULL;
}

int relay_forward_remove(struct relay *relay, uint32_t id)
{
	struct relay_forward *forward = forward_of(relay, id);

	if (!forward)
		return -ENOENT;
	/* Kept from being freed by its last lane. */
	forward->flows++;
	remove_entries(forward);
	close_doors(forward);
	end_visitors(forward);
	forward->gone = true;
	roll_doors(relay);
	if (forward->spec.sort == RELAY_REACH)
		reach_guard(relay);
	if (--forward->flows == 0)
		free_forward(forward);
	return 0;
}

void forward_join(struct lane *f, struct relay_forward *forward)
{
	f->forward = forward;
	forward->flows++;
	forward->flows_ever++;
	forward->used_ns = forward->relay->now.ns;
}

/* NULL: it comes by none. */
static uint32_t *place_of(struct lane *f)
{
	if (f->kind == LANE_VISITOR)
		return f->visit ? &f->visit->place : NULL;
	return f->kind == LANE_IN ? &f->place : NULL;
}

void forward_leave(struct lane *f)
{
	struct relay_forward *forward = f->forward;
	uint32_t *place = place_of(f);

	if (place && *place)
		(void)minato_forward_leave(f->relay->host, *place, &f->dial.addr);
	if (!forward)
		return;
	f->forward = NULL;
	forward->bytes_in += f->bytes_in;
	forward->bytes_out += f->bytes_out;
	forward->used_ns = forward->relay->now.ns;
	forward->flows--;
	if (forward->gone && forward->flows == 0)
		free_forward(forward);
}

bool forward_lead(struct lane *f, const struct minato_fate *met,
		  const struct minato_endpoint *asked)
{
	struct minato_led led = { .client = f->dial, .asked = *asked, .target = met->target };

	if (minato_forward_join(f->relay->host, met->handle, &led) < 0)
		return false;
	f->entry = met->handle;
	f->guest = led.target;
	*place_of(f) = led.place;
	return true;
}

void forward_free_all(struct relay *relay)
{
	while (relay->forwards) {
		remove_entries(relay->forwards);
		close_doors(relay->forwards);
		free_forward(relay->forwards);
	}
}

/* ---- listing ---- */

static void count_hits(struct relay *relay)
{
	struct relay_forward *forward;
	struct minato_row row;
	uint64_t cursor = 0;

	for (forward = relay->forwards; forward; forward = forward->next)
		forward->hits = 0;
	while (minato_row(relay->host, &cursor, &row)) {
		forward = row.kind == MINATO_KIND_FORWARD ?
				  forward_of(relay, row.user & UINT32_MAX) :
				  NULL;
		if (forward)
			forward->hits += row.hits;
	}
}

static void count_bytes(struct relay *relay)
{
	for (struct relay_forward *forward = relay->forwards; forward; forward = forward->next) {
		forward->live_in = 0;
		forward->live_out = 0;
	}
	for (uint32_t i = 0; i < relay->lanes.block_count * LANE_BLOCK; i++) {
		const struct lane *f = &relay->lanes.blocks[i / LANE_BLOCK][i % LANE_BLOCK];

		if (f->kind == LANE_FREE || !f->forward)
			continue;
		f->forward->live_in += f->bytes_in;
		f->forward->live_out += f->bytes_out;
	}
}

void relay_forward_count(struct relay *relay)
{
	count_hits(relay);
	count_bytes(relay);
}

void relay_forward_carried(struct relay *relay, struct relay_carried *out)
{
	count_bytes(relay);
	*out = relay->carried;
	for (const struct relay_forward *f = relay->forwards; f; f = f->next) {
		if (!f->automatic)
			continue;
		out->bytes_in += f->bytes_in + f->live_in;
		out->bytes_out += f->bytes_out + f->live_out;
	}
}

uint64_t relay_flows_to(const struct relay *relay, const struct minato_endpoint *guest)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < relay->lanes.block_count * LANE_BLOCK; i++) {
		const struct lane *f = &relay->lanes.blocks[i / LANE_BLOCK][i % LANE_BLOCK];

		count += (f->kind == LANE_IN || f->kind == LANE_VISITOR) &&
			 minato_addr_equal(&f->guest.addr, &guest->addr) &&
			 (!guest->port || f->guest.port == guest->port);
	}
	return count;
}

static enum relay_screened screened(const struct relay_forward *f)
{
	uint8_t worst = RELAY_UNSCREENED;

	for (size_t i = 0; i < f->door_count; i++)
		worst = f->doors[i].screened > worst ? f->doors[i].screened : worst;
	return worst;
}

enum relay_screened forward_screened(const struct relay *relay, uint64_t value)
{
	const struct relay_forward *f = forward_of(relay, value);

	return f ? screened(f) : RELAY_UNSCREENED;
}

bool relay_forward_next(const struct relay *relay, uint64_t *cursor, struct relay_standing *out)
{
	const struct relay_forward *f = relay->forwards;

	while (f && (f->gone || f->id <= *cursor))
		f = f->next;
	if (!f)
		return false;
	*cursor = f->id;
	*out = (struct relay_standing){
		.spec = f->spec,
		.id = f->id,
		.automatic = f->automatic,
		.screened = screened(f),
		.socket_count = f->door_count,
		.flows = f->flows,
		.flows_ever = f->flows_ever,
		.hits = f->hits,
		.bytes_in = f->bytes_in + f->live_in,
		.bytes_out = f->bytes_out + f->live_out,
		.since = { f->since_ns },
		.used = { f->used_ns },
	};
	return true;
}
