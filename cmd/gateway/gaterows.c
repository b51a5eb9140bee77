/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows of the table as a gateway tells them: of a forward beside what the table has its servers and
 * how they serve, or the UNIX socket that it leads to. And forwards as ports of a guest.
 */
#include "cmd/gateway/gateway.h"

#include <stdlib.h>

static int compare(const void *one, const void *two)
{
	const struct gateway_place *a = one;
	const struct gateway_place *b = two;

	return a->entry < b->entry ? -1 : a->entry > b->entry;
}

/* One walk serves a whole listing. Without memory rows are as the table has them. */
static void find_places(struct gateway_worker *worker)
{
	const struct gateway_applied *applied = &worker->applied;
	size_t count = 0;

	for (size_t i = 0; i < applied->rules.conf.count; i++) {
		if (applied->rules.conf.list[i]->kind == CONF_KIND_FORWARD)
			count += applied->held[i].count;
	}
	free(worker->places);
	worker->places = calloc(count + 1, sizeof(worker->places[0]));
	worker->place_count = 0;
	for (size_t i = 0; worker->places && i < applied->rules.conf.count; i++) {
		if (applied->rules.conf.list[i]->kind != CONF_KIND_FORWARD)
			continue;
		for (size_t k = 0; k < applied->held[i].count; k++)
			worker->places[worker->place_count++] =
				(struct gateway_place){ applied->held[i].entries[k], i };
	}
	if (worker->place_count)
		qsort(worker->places, worker->place_count, sizeof(worker->places[0]), compare);
}

/* The forward of the entry; NULL: it stands no more, or what is in force has changed since. */
static const struct conf_statement *statement_of(const struct gateway_worker *worker,
						 uint64_t entry)
{
	const struct gateway_applied *applied = &worker->applied;
	const struct gateway_place key = { entry, 0 };
	const struct gateway_place *found =
		worker->place_count ? bsearch(&key, worker->places, worker->place_count,
					      sizeof(worker->places[0]), compare) :
				      NULL;
	const struct gateway_held *held;

	if (!found || found->statement >= applied->rules.conf.count ||
	    applied->rules.conf.list[found->statement]->kind != CONF_KIND_FORWARD)
		return NULL;
	held = &applied->held[found->statement];
	for (size_t i = 0; i < held->count; i++) {
		if (held->entries[i] == entry)
			return applied->rules.conf.list[found->statement];
	}
	return NULL;
}

json_t *gateway_servers(const struct gateway_worker *worker, const struct conf_statement *one)
{
	const struct conf_forward *forward = &one->forward;
	json_t *list = json_array();

	for (uint32_t i = 0; i < forward->server_count; i++) {
		const char *state = "open";

		if (conf_drains_has(&worker->applied.drains, one, i))
			state = "drains";
		else if (forward->check_s && gateway_health_down(&worker->health, forward, i))
			state = "down";
		json_array_append_new(list,
				      json_pack("{s:o,s:i,s:s}", "at",
						view_message_end(&forward->server[i].at), "weight",
						(int)forward->server[i].weight, "state", state));
	}
	return list;
}

static json_t *enrich(const struct gateway_worker *worker, json_t *object)
{
	const json_t *handle = json_object_get(object, "handle");
	const struct conf_statement *one =
		statement_of(worker, (uint64_t)json_integer_value(handle));

	if (!one)
		return object;
	if (one->forward.to == CONF_TO_SERVERS)
		json_object_set_new(object, "servers", gateway_servers(worker, one));
	if (one->forward.to == CONF_TO_SOCKET)
		json_object_set_new(object, "path", json_string(one->forward.path));
	if (one->forward.proxy)
		json_object_set_new(object, "proxy", json_integer(one->forward.proxy));
	if (one->forward.many_to_one)
		json_object_set_new(object, "many_to_one", json_true());
	return object;
}

json_t *gateway_row(void *user, uint64_t *cursor)
{
	struct gateway_worker *worker = user;

	if (*cursor == 0)
		find_places(worker);
	return enrich(worker, cmd_answers_of(&worker->base).row(&worker->base, cursor));
}

json_t *gateway_row_tcp(void *user, uint64_t *cursor)
{
	struct gateway_worker *worker = user;

	if (*cursor == 0)
		find_places(worker);
	return enrich(worker, cmd_answers_of(&worker->base).row_tcp(&worker->base, cursor));
}

/* ---- forwards as published ports ---- */

#define PUBLISHED_MAX 64

static json_t *ends_of(const struct minato_addr *addr, uint16_t first, uint16_t last)
{
	const struct minato_endpoint end = { *addr, first };
	json_t *object = view_message_end(&end);

	json_object_set_new(object, "last", json_integer(last));
	return object;
}

/* Where it leads; of several servers, to the first. The ports that it has there. */
static struct minato_endpoint target_of(const struct gateway_worker *worker,
					const struct minato_row *row, uint16_t *extent)
{
	struct minato_endpoint target = row->target;
	struct minato_server server;
	struct minato_entry entry;

	*extent = 0;
	if (minato_entry_get(worker->base.host, row->handle, &entry) < 0)
		return target;
	/* Opened as it is. */
	if (minato_addr_is_any(&target.addr) && entry.translate && !entry.group)
		target = (struct minato_endpoint){ row->local.addr, row->first };
	if (entry.group && minato_group_get(worker->base.host, entry.group, &server, 1) > 0) {
		target = server.at;
		target.port = target.port ? target.port : row->first;
	}
	if (target.port && !entry.many_to_one)
		*extent = (uint16_t)(row->last - row->first);
	return target;
}

/*
 * A forward as a guest's published port is told: at an address outside, not at the host's, and with
 * whom it leads to, which a guest's need not say.
 */
static void add_published(json_t *list, const struct gateway_worker *worker,
			  const struct minato_row *row, uint8_t proto)
{
	const struct gateway_applied *applied = &worker->applied;
	uint16_t extent;
	struct minato_endpoint target = target_of(worker, row, &extent);
	struct minato_addr at = row->local.addr;
	const struct conf_statement *one = statement_of(worker, row->handle);
	json_t *item;

	if (minato_addr_is_any(&at) && applied->pool_count)
		at = applied->pool[0].addr;
	item = json_pack("{s:i,s:s,s:o,s:o,s:b,s:i}", "proto", (int)proto, "spec", "forward",
			 "host", ends_of(&at, row->first, row->last), "guest",
			 ends_of(&target.addr, target.port, (uint16_t)(target.port + extent)),
			 "behind", 1, "others", one ? (int)one->forward.server_count - 1 : 0);
	if (one && one->forward.to == CONF_TO_SOCKET) {
		json_object_set_new(item, "path", json_string(one->forward.path));
		json_object_set_new(item, "others", json_integer(0));
	}
	json_array_append_new(list, item);
}

json_t *gateway_published(struct gateway_worker *worker)
{
	json_t *list = json_array();
	struct minato_row row;
	uint64_t cursor = 0;

	find_places(worker);
	while (json_array_size(list) < PUBLISHED_MAX &&
	       minato_row(worker->base.host, &cursor, &row)) {
		if (row.kind == MINATO_KIND_MAPPING || row.kind == MINATO_KIND_SESSION)
			break;
		if (row.kind != MINATO_KIND_FORWARD)
			continue;
		if (row.proto != MINATO_UDP)
			add_published(list, worker, &row, MINATO_TCP);
		if (row.proto != MINATO_TCP)
			add_published(list, worker, &row, MINATO_UDP);
	}
	return list;
}
