/* SPDX-License-Identifier: BSD-2-Clause */
/* Everything that listens, from where it can be reached, when it was used, and what to do. */
#include "cmd/see/audit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/see/services.h"
#include "cmd/see/who.h"

#define TIME_WAIT_MS 60000 /* Linux has no other */
#define UNUSED_LONG_MS (24 * 3600 * INT64_C(1000))

/* How many connections the listener has, and whether some have just ended. */
static void count_use(struct cmd_exposure *one, const struct cmd_holders *holders)
{
	size_t i = cmd_holders_first(holders, one->holder->port, one->holder->proto);

	for (; i < holders->count; i++) {
		const struct cmd_holder *other = &holders->list[i];

		if (other->port != one->holder->port || other->proto != one->holder->proto)
			break;
		if (strcmp(other->guest, one->holder->guest) != 0)
			continue;
		if (other->hold == CMD_HOLD_CONNECTION)
			one->connections += other->count;
		/* It began when the connection ended. */
		if (other->hold == CMD_HOLD_TIME_WAIT && one->unused_ms < 0)
			one->unused_ms = TIME_WAIT_MS - (int64_t)other->timer_ms;
	}
	if (one->connections)
		one->unused_ms = 0;
}

static const struct cmd_holder *find_behind(const struct cmd_holder *forward,
					    const struct cmd_holders *holders)
{
	size_t i = cmd_holders_first(holders, forward->guest_port, forward->proto);

	for (; i < holders->count; i++) {
		const struct cmd_holder *one = &holders->list[i];

		if (one->port != forward->guest_port || one->proto != forward->proto)
			break;
		if (one->hold == CMD_HOLD_LISTENER && !strcmp(one->guest, forward->published))
			return one;
	}
	return NULL;
}

/* ---- what minato itself knows of its forwards ---- */

static void take_use(struct cmd_exposures *all, const char *guest, const json_t *row)
{
	const char *spec = json_string_value(json_object_get(row, "spec"));
	const json_t *used = json_object_get(row, "used_ms");

	for (size_t i = 0; spec && i < all->count; i++) {
		struct cmd_exposure *one = &all->list[i];

		if (strcmp(one->holder->published, guest) != 0 || strcmp(one->holder->spec, spec))
			continue;
		one->unused_ms = json_is_integer(used) ? json_integer_value(used) : -2;
		one->connections = (uint32_t)json_integer_value(json_object_get(row, "flows"));
	}
}

/* Asks each guest that publishes something, once: rows of one guest need not follow each other. */
static void ask_guests(struct cmd_exposures *all)
{
	struct cmd_names names;

	if (cmd_names_read(&names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.count; i++) {
		json_t *rows = json_array();

		if (cmd_forward_rows(names.list[i], rows, NULL) == 0) {
			for (size_t k = 0; k < json_array_size(rows); k++)
				take_use(all, names.list[i], json_array_get(rows, k));
		}
		json_decref(rows);
	}
	cmd_names_free(&names);
}

/* ---- the list ---- */

static void fill(struct cmd_exposure *one, const struct cmd_holders *holders,
		 const struct cmd_ground *ground)
{
	const struct cmd_holder *holder = one->holder;

	one->scope = cmd_scope_of(ground, holder);
	one->unused_ms = -1;
	count_use(one, holders);
	if (*holder->published) {
		snprintf(one->who, sizeof(one->who), "guest:%.50s", holder->published);
		one->behind = find_behind(holder, holders);
	} else {
		snprintf(one->who, sizeof(one->who), "%s", holder->process.program);
	}
}

int cmd_exposures_find(struct cmd_exposures *all, struct drive_error *error)
{
	const struct cmd_holders_query query = {
		.first = 1, .last = UINT16_MAX, .host = true, .guests = true
	};
	struct cmd_ground ground;
	int result = cmd_ground_read(&ground, error);

	*all = (struct cmd_exposures){ 0 };
	if (result == 0)
		result = cmd_holders_find(&all->holders, &query, error);
	if (result < 0)
		return result;
	all->list = calloc(all->holders.count + 1, sizeof(*all->list));
	if (!all->list)
		return drive_fail(error, ENOMEM, "out of memory");
	for (size_t i = 0; i < all->holders.count; i++) {
		if (all->holders.list[i].hold != CMD_HOLD_LISTENER)
			continue;
		all->list[all->count].holder = &all->holders.list[i];
		fill(&all->list[all->count++], &all->holders, &ground);
	}
	ask_guests(all);
	return 0;
}

void cmd_exposures_free(struct cmd_exposures *all)
{
	cmd_holders_free(&all->holders);
	free(all->list);
	*all = (struct cmd_exposures){ 0 };
}

/* ---- runs ---- */

static const char *risk_of(const struct cmd_exposure *one)
{
	const struct cmd_holder *holder = one->holder;

	return cmd_known_risk(holder->proto,
			      *holder->published ? holder->guest_port : holder->port);
}

/* Whether all but the port is the same. */
static bool is_alike(const struct cmd_exposure *a, const struct cmd_exposure *b)
{
	const struct cmd_holder *x = a->holder;
	const struct cmd_holder *y = b->holder;

	if (strcmp(x->published, y->published) != 0 || strcmp(x->spec, y->spec) != 0 ||
	    strcmp(x->guest, y->guest) != 0 || x->proto != y->proto ||
	    !minato_addr_equal(&x->local.addr, &y->local.addr) || x->v6only != y->v6only ||
	    x->interface != y->interface || x->process.pid != y->process.pid)
		return false;
	if (!a->behind != !b->behind ||
	    (a->behind && strcmp(a->behind->process.program, b->behind->process.program) != 0))
		return false;
	return a->scope == b->scope && a->expected == b->expected && a->closed == b->closed &&
	       risk_of(a) == risk_of(b) && minato_port_kind(x->port) == minato_port_kind(y->port);
}

void cmd_exposures_join(struct cmd_exposures *all)
{
	for (size_t i = 0; i < all->count; i++) {
		struct cmd_exposure *one = &all->list[i];

		one->last = one->holder->port;
		if (one->joined || !*one->holder->published || !*one->holder->spec)
			continue;
		for (size_t k = i + 1; k < all->count; k++) {
			struct cmd_exposure *next = &all->list[k];

			if (next->holder->port > one->last + 1)
				break;
			if (next->holder->port == one->last + 1 && is_alike(one, next)) {
				next->joined = true;
				one->last++;
			}
		}
	}
}

/* ---- what to do ---- */

/* "80", or of a run "80-89". */
static const char *ports_text(char *out, size_t size, uint16_t first,
			      const struct cmd_exposure *one)
{
	int more = one->last > one->holder->port ? one->last - one->holder->port : 0;

	if (more)
		snprintf(out, size, "%d-%d", first, first + more);
	else
		snprintf(out, size, "%u", first);
	return out;
}

static const char *advise_forward(const struct cmd_exposure *one, char *out, size_t size)
{
	const struct cmd_holder *holder = one->holder;
	char outside[16];
	char inside[16];
	char age[VIEW_WORD_SIZE];

	ports_text(outside, sizeof(outside), holder->port, one);
	ports_text(inside, sizeof(inside), holder->guest_port, one);
	if (!one->behind)
		snprintf(out, size,
			 "nothing listens on port %s of the guest: callers are let in and reset",
			 inside);
	else if (one->unused_ms > UNUSED_LONG_MS)
		snprintf(out, size, "not used for %s: is it still wanted?",
			 view_age_word(age, sizeof(age), one->unused_ms));
	else if (one->scope > CMD_SCOPE_LOOPBACK)
		snprintf(out, size, "if only this host uses it: -p 127.0.0.1:%s:%s%s", outside,
			 inside, holder->proto == MINATO_UDP ? "/udp" : "");
	return out;
}

const char *cmd_exposure_advice(const struct cmd_exposure *one, char *out, size_t size)
{
	const struct cmd_holder *holder = one->holder;
	const char *risk = risk_of(one);

	out[0] = '\0';
	if (one->scope <= CMD_SCOPE_LOOPBACK)
		return out;
	if (risk)
		snprintf(out, size, "%s", risk);
	else if (*holder->published)
		return advise_forward(one, out, size);
	else
		snprintf(out, size, "if only this host uses it, let it listen on 127.0.0.1");
	return out;
}

const char *cmd_exposure_ports(const struct cmd_exposure *one, char *out, size_t size)
{
	char ports[16];

	snprintf(out, size, "%s/%s", ports_text(ports, sizeof(ports), one->holder->port, one),
		 view_proto_word(one->holder->proto));
	return out;
}

const char *cmd_exposure_holder(const struct cmd_exposure *one, char *out, size_t size)
{
	const struct cmd_holder *holder = one->holder;
	char ports[16];

	if (one->last <= holder->port)
		return cmd_holder_name(out, size, holder);
	snprintf(out, size, "minato (pid %d) for ports %s of guest %s", (int)holder->process.pid,
		 ports_text(ports, sizeof(ports), holder->guest_port, one), holder->published);
	return out;
}
