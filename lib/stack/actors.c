/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owners of sockets and entries. A program makes many, so each owner is one
 * record, found by a keyed hash and counted by what refers to it; a socket has
 * 16 bits of it, beside its slot.
 */
#include "stack/stack.h"

#include <errno.h>
#include <string.h>

static struct actor *actor_at(const struct minato *m, uint16_t actor)
{
	check(actor != 0);
	return pool_at(&m->actors.pool, actor - 1u);
}

/* Up to its end and no further, so that equal names are equal bytes. */
static void copy_name(char *out, const char *name, size_t size)
{
	for (size_t i = 0; i + 1 < size && name[i] != '\0'; i++)
		out[i] = name[i];
}

static struct minato_owner normal(const struct minato_owner *owner)
{
	struct minato_owner n;

	memset(&n, 0, sizeof(n));
	n.uid = owner->uid;
	n.pid = owner->pid;
	n.started_s = owner->started_s;
	copy_name(n.program, owner->program, sizeof(n.program));
	copy_name(n.guest, owner->guest, sizeof(n.guest));
	return n;
}

static uint16_t *bucket_of(struct minato *m, const struct minato_owner *owner)
{
	const uint64_t hash =
		hash_strong(&m->tuple_key, owner, sizeof(*owner));

	return &m->actors.bucket[hash % ACTOR_BUCKETS];
}

static uint16_t put_on_record(struct minato *m, uint16_t *bucket,
			      const struct minato_owner *owner)
{
	const uint32_t slot = pool_take(&m->actors.pool);
	const uint16_t actor = (uint16_t)(slot + 1);

	if (slot == POOL_NONE) {
		host_count(m, COUNTER_OWNERS_FULL);
		return 0;
	}
	*actor_at(m, actor) = (struct actor){ 1, *bucket, *owner };
	*bucket = actor;
	return actor;
}

uint16_t actors_take(struct minato *m, const struct minato_owner *owner)
{
	struct minato_owner wanted;
	uint16_t *bucket;

	if (owner == NULL)
		return 0;
	wanted = normal(owner);
	bucket = bucket_of(m, &wanted);
	for (uint16_t a = *bucket; a != 0; a = actor_at(m, a)->next)
		if (memcmp(&actor_at(m, a)->owner, &wanted, sizeof(wanted)) ==
		    0)
			return actors_keep(m, a);
	return put_on_record(m, bucket, &wanted);
}

uint16_t actors_keep(struct minato *m, uint16_t actor)
{
	if (actor != 0)
		actor_at(m, actor)->references++;
	return actor;
}

void actors_drop(struct minato *m, uint16_t actor)
{
	uint16_t *place;

	if (actor == 0)
		return;
	check(actor_at(m, actor)->references > 0);
	if (--actor_at(m, actor)->references > 0)
		return;
	place = bucket_of(m, &actor_at(m, actor)->owner);
	while (*place != actor)
		place = &actor_at(m, *place)->next;
	*place = actor_at(m, actor)->next;
	pool_give(&m->actors.pool, actor - 1u);
}

void actors_describe(const struct minato *m, uint16_t actor,
		     struct minato_owner *out)
{
	*out = (struct minato_owner){ .uid = MINATO_UID_NONE };
	if (actor != 0)
		*out = actor_at(m, actor)->owner;
}

/* --- where the numbers stand ---------------------------------------------- */

static uint16_t *number(const struct minato *m, int64_t array, uint32_t at)
{
	return (uint16_t *)host_at(m, array) + at;
}

static void replace(struct minato *m, uint16_t *place, uint16_t actor)
{
	const uint16_t before = *place;

	/* What stays untouched costs no memory. */
	if (before != actor)
		*place = actor;
	actors_drop(m, before);
}

uint16_t actors_of(const struct minato *m, uint32_t index)
{
	return *number(m, m->actor_of, index);
}

uint16_t actors_was(const struct minato *m, uint32_t at)
{
	return *number(m, m->actor_was, at);
}

void actors_own(struct minato *m, uint32_t index, uint16_t actor)
{
	replace(m, number(m, m->actor_of, index), actor);
}

void actors_leave(struct minato *m, uint32_t at, uint16_t actor)
{
	replace(m, number(m, m->actor_was, at), actor);
}

/* --- the verbs ------------------------------------------------------------ */

int minato_act_as(struct minato *m, const struct minato_owner *owner)
{
	const uint16_t actor = actors_take(m, owner);

	actors_drop(m, m->actors.current);
	m->actors.current = actor;
	m->actors.acting = owner != NULL;
	m->actors.uid = owner != NULL ? owner->uid : MINATO_UID_NONE;
	return owner != NULL && actor == 0 ? -ENOSPC : 0;
}

/* Of a handle: the number of a socket, a lease or an entry. */
struct owned {
	enum { OWNED_SOCKET, OWNED_LEASE, OWNED_ENTRY } kind;
	uint32_t number;
};

static bool find(const struct minato *m, uint64_t handle, struct owned *out)
{
	out->kind = OWNED_SOCKET;
	if (slots_find(m, handle, &out->number) != NULL)
		return true;
	out->kind = OWNED_LEASE;
	if (leases_find(m, handle, &out->number))
		return true;
	out->kind = OWNED_ENTRY;
	return entries_find(m, handle, &out->number);
}

static uint16_t actor_of(const struct minato *m, const struct owned *o)
{
	switch (o->kind) {
	case OWNED_SOCKET:
		return actors_of(m, o->number);
	case OWNED_LEASE:
		return lease_at(m, o->number)->actor;
	case OWNED_ENTRY:
		break;
	}
	return entries_actor(m, o->number);
}

static void own(struct minato *m, const struct owned *o, uint16_t actor)
{
	switch (o->kind) {
	case OWNED_SOCKET:
		actors_own(m, o->number, actor);
		return;
	case OWNED_LEASE:
		actors_drop(m, lease_at(m, o->number)->actor);
		lease_at(m, o->number)->actor = actor;
		return;
	case OWNED_ENTRY:
		entries_own(m, o->number, actor);
	}
}

int minato_owner_get(struct minato *m, uint64_t handle,
		     struct minato_owner *out)
{
	struct owned owned;

	if (!find(m, handle, &owned))
		return -EBADF;
	actors_describe(m, actor_of(m, &owned), out);
	return 0;
}

int minato_owner_set(struct minato *m, uint64_t handle,
		     const struct minato_owner *owner)
{
	struct owned owned;
	uint16_t actor;

	if (!find(m, handle, &owned))
		return -EBADF;
	actor = actors_take(m, owner);
	if (owner != NULL && actor == 0)
		return -ENOSPC;
	own(m, &owned, actor);
	return 0;
}

int minato_owner_copy(struct minato *m, uint64_t to, uint64_t from)
{
	struct owned heir, owned;

	if (!find(m, to, &heir) || !find(m, from, &owned))
		return -EBADF;
	own(m, &heir, actors_keep(m, actor_of(m, &owned)));
	return 0;
}
