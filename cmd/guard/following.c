/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules of a guest whose words mean something else than before, while they stand: lan, when the
 * host's addresses change; other guests, which start, publish and end. What a rule has in the table
 * is compared with what it should have: what is the same stays, with its hits and rates; flows that
 * stand are asked about by nobody.
 */
#include "cmd/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "minato/guard.h"

/* An entry as a row of the table has it. */
struct key {
	uint64_t user;
	struct minato_addr local, remote;
	uint16_t first, last;
	uint8_t local_prefix, remote_prefix, scope, face, proto;
	uint8_t zero[3];
};

struct wanted {
	struct key key;
	struct minato_entry entry;
};

struct following {
	struct cmd_worker *worker;
	/* Whether a word of a rule means something else now. */
	bool (*is_about)(const struct following *f, const struct conf_item *item);
	bool *concerned;     /* by the ids of places: such a word is in the rule */
	struct wanted *list; /* by key, once all are there */
	size_t count, room;
};

static int compare(const void *a, const void *b)
{
	return memcmp(&((const struct wanted *)a)->key, &((const struct wanted *)b)->key,
		      sizeof(struct key));
}

static struct key key_of_entry(const struct minato_entry *entry)
{
	return (struct key){
		.user = entry->user,
		.local = entry->local,
		.remote = entry->remote,
		.first = entry->first,
		.last = entry->last,
		.local_prefix = entry->local_prefix,
		.remote_prefix = entry->remote_prefix,
		.scope = entry->scope,
		.face = entry->face,
		.proto = entry->proto,
	};
}

static struct key key_of_row(const struct minato_row *row)
{
	return (struct key){
		.user = row->user,
		.local = row->local.addr,
		.remote = row->remote.addr,
		.first = row->first,
		.last = row->last,
		.local_prefix = row->local_prefix,
		.remote_prefix = row->remote_prefix,
		.scope = row->scope,
		.face = row->face,
		.proto = row->proto,
	};
}

static bool has_word(const struct following *f, const struct conf_rule *rule)
{
	struct conf_item item;
	uint32_t at = 0;

	while (conf_item_next(rule, &at, &item)) {
		if ((item.sort == CONF_ITEM_TO_WORD || item.sort == CONF_ITEM_FROM_WORD) &&
		    f->is_about(f, &item))
			return true;
	}
	return false;
}

/* 1: some are; 0: none is. */
static int find_concerned(struct following *f)
{
	const struct cmd_ruling *ruling = &f->worker->harbour->ruling;
	int any = 0;

	f->concerned = calloc((size_t)ruling->last_id + 1, sizeof(f->concerned[0]));
	if (!f->concerned)
		return -ENOMEM;
	for (size_t i = 0; i < ruling->conf.count; i++) {
		const struct cmd_place *place = &ruling->places[i];

		if (!cmd_ruled_is_rule(ruling, i) || place->id > ruling->last_id)
			continue;
		f->concerned[place->id] = has_word(f, &ruling->conf.list[i]->rule);
		any |= f->concerned[place->id];
	}
	return any;
}

static int gather(void *user, size_t index, struct minato_entry *entry)
{
	struct following *f = user;
	const struct cmd_ruling *ruling = &f->worker->harbour->ruling;

	if (index >= ruling->conf.count || !f->concerned[ruling->places[index].id])
		return 0;
	if (f->count == f->room) {
		size_t room = f->room ? 2 * f->room : 64;
		struct wanted *list = realloc(f->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		f->list = list;
		f->room = room;
	}
	cmd_ruling_complete(f->worker->harbour, index, entry);
	f->list[f->count++] = (struct wanted){ key_of_entry(entry), *entry };
	return 0;
}

/* Whether the row is of a rule that is concerned, and means nothing any more. */
static bool is_stale(void *user, const struct minato_row *row)
{
	const struct following *f = user;
	const struct wanted one = { .key = key_of_row(row) };
	uint32_t id = (uint32_t)row->user;

	return row->user >> 32 == CMD_WORD_RULE >> 32 &&
	       id <= f->worker->harbour->ruling.last_id && f->concerned[id] &&
	       !(f->count && bsearch(&one, f->list, f->count, sizeof(one), compare));
}

/* 0, or negative errno: some rules do not mean what they say. */
static int renew(struct following *f)
{
	const struct cmd_harbour *harbour = f->worker->harbour;
	struct conf_prefix lan[CMD_LAN_MAX];
	struct conf_zones zones;
	uint64_t handle;
	bool sound;
	int result = find_concerned(f);

	if (result <= 0)
		goto out;
	cmd_ruling_zones(&harbour->ruling, &harbour->programs, harbour->name, &zones, lan);
	zones.doors = cmd_fellowship_doors;
	zones.doors_user = f->worker;
	result = conf_policy(&harbour->ruling.conf, &zones, gather, f);
	if (result == 0 && f->count)
		qsort(f->list, f->count, sizeof(f->list[0]), compare);
	sound = result == 0;
	if (sound)
		cmd_ruled_clear(f->worker->host, is_stale, f);
	/* What one of them lacks is no reason for those behind it. */
	for (size_t i = 0; sound && i < f->count; i++) {
		int one = minato_entry_add(f->worker->host, &f->list[i].entry, &handle);

		/* Or it stands already. */
		if (one < 0 && one != -EADDRINUSE)
			result = one;
	}
out:
	free(f->concerned);
	free(f->list);
	return result;
}

static bool is_lan(const struct following *f, const struct conf_item *item)
{
	(void)f;
	/* Whence is told by a face, which each caller has when he comes. */
	return item->sort == CONF_ITEM_TO_WORD &&
	       (!strcmp(item->word, "lan") || !strcmp(item->word, "wan"));
}

void cmd_following_lan(struct cmd_worker *worker, const struct cmd_message *message)
{
	struct cmd_ruling *ruling = &worker->harbour->ruling;
	struct following f = { .worker = worker, .is_about = is_lan };
	size_t count = message->near.count < CMD_LAN_MAX ? message->near.count : CMD_LAN_MAX;

	/* As at its beginning, mostly. */
	if (count == ruling->lan_count &&
	    !memcmp(ruling->lan, message->near.list, count * sizeof(ruling->lan[0])))
		return;
	ruling->lan_count = count;
	memcpy(ruling->lan, message->near.list, count * sizeof(ruling->lan[0]));
	relay_lan(worker->relay, ruling->lan, count);
	if (renew(&f) < 0)
		cmd_say("lan has changed, and the table has no room for what rules mean now: some "
			"of them do not hold everywhere");
	cmd_ruling_foresee(worker, message->number);
}

static bool is_fellow(const struct following *f, const struct conf_item *item)
{
	return cmd_fellows_number(&f->worker->harbour->ruling.fellows, item->word) != 0;
}

void cmd_following_fellows(struct cmd_worker *worker)
{
	struct following f = { .worker = worker, .is_about = is_fellow };

	if (worker->harbour->ruling.fellows.count && renew(&f) < 0)
		cmd_say("other guests have changed, and the table has no room for what rules mean "
			"now: some of them do not hold everywhere");
}
