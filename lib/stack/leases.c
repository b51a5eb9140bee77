/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports lent to somebody outside: chosen and kept in the port table like those
 * of sockets, as a tuple or, for any destination, as an entry.
 */
#include "stack/stack.h"

#include <errno.h>
#include <string.h>

#define GENERATION_MASK 0x7fffffffu
#define MARK 0x80000000u /* no index of a socket or entry is that large */

const char *minato_chooser_name(enum minato_chooser chooser)
{
	static const char *const names[MINATO_CHOOSER_COUNT] = {
#define X(name, text, help) [MINATO_CHOOSER_##name] = text,
		MINATO_CHOOSERS(X)
#undef X
	};

	return (uint32_t)chooser < MINATO_CHOOSER_COUNT ? names[chooser] : NULL;
}

static bool same_text(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

int minato_chooser_by_name(const char *name)
{
	for (int i = 0; i < MINATO_CHOOSER_COUNT; i++) {
		const enum minato_chooser chooser = (enum minato_chooser)i;
		if (same_text(name, minato_chooser_name(chooser)))
			return i;
	}
	return -EINVAL;
}

/* --- names of leases ----------------------------------------------------- */

static uint32_t *generation_of(const struct minato *m, uint32_t index)
{
	return (uint32_t *)host_at(m, m->lease_generations) + index;
}

static bool lent(const struct minato *m, uint32_t index)
{
	return index < m->leases.fresh && (*generation_of(m, index) & 1) != 0;
}

uint64_t leases_handle(const struct minato *m, uint32_t index)
{
	const uint32_t generation = *generation_of(m, index) & GENERATION_MASK;

	return (uint64_t)generation << 32 | MARK | (index + 1);
}

bool leases_find(const struct minato *m, uint64_t lease, uint32_t *index)
{
	*index = ((uint32_t)lease & ~MARK) - 1;
	return lent(m, *index) && leases_handle(m, *index) == lease;
}

uint32_t leases_next(const struct minato *m, uint32_t from)
{
	for (; from < m->leases.fresh; from++) {
		if (lent(m, from))
			return from;
	}
	return STACK_NONE;
}

void leases_key(const struct minato *m, uint32_t index, struct port_key *out)
{
	const struct lease *lease = lease_at(m, index);
	struct port_claim claim;

	check(lent(m, index));
	if (!lease->entry) {
		port_tuple_key(host_table(m), lease->place, out);
		return;
	}
	check(port_entry_claim(host_table(m), lease->place, &claim));
	*out = (struct port_key){
		.local = claim.local,
		.local_port = claim.port,
		.scope = claim.scope,
		.face = MINATO_FACE_ANY,
		.proto = claim.proto,
	};
}

/* --- taking and giving --------------------------------------------------- */

static bool has_remote(const struct minato_wish *w)
{
	if (w->proto == MINATO_ICMP)
		return !minato_addr_is_any(&w->remote.addr);
	return w->remote.port != 0;
}

static bool valid(const struct minato_wish *w)
{
	if (w->scope >= PORT_SCOPES || w->low > w->high)
		return false;
	if (w->proto != MINATO_TCP && w->proto != MINATO_UDP &&
	    w->proto != MINATO_ICMP)
		return false;
	if (!has_remote(w))
		return true;
	return !minato_addr_is_any(&w->local) &&
	       !minato_addr_is_any(&w->remote.addr) &&
	       minato_addr_is4(&w->local) == minato_addr_is4(&w->remote.addr);
}

static int64_t hold_tuple(struct minato *m, const struct minato_wish *w,
			  uint16_t port, uint32_t index)
{
	const struct port_key key = {
		.local = w->local,
		.remote = w->remote.addr,
		.local_port = port,
		/* The identifier stands on both sides. */
		.remote_port = w->proto == MINATO_ICMP ? port : w->remote.port,
		.scope = w->scope,
		.face = MINATO_FACE_ANY,
		.proto = (uint8_t)w->proto,
	};
	const struct port_tuple_ref ref = {
		.owner = index,
		.class = TUPLE_LEASE,
		.exclusive = true,
	};

	return port_tuple_insert(host_table(m), &key, ref);
}

static int64_t hold_entry(struct minato *m, const struct minato_wish *w,
			  uint16_t port, uint32_t index)
{
	const struct port_claim claim = {
		.scope = w->scope,
		.proto = (uint8_t)w->proto,
		.local = w->local,
		.port = port,
		.lent = true,
		.owner = index,
	};

	return port_bind(host_table(m), &claim, NULL);
}

/* Chooses, and holds what was chosen. Returns its place or an error. */
static int64_t hold(struct minato *m, const struct minato_wish *w,
		    uint32_t index, uint16_t *port)
{
	const bool remote = has_remote(w);
	const struct port_choice choice = {
		.scope = w->scope,
		.proto = (uint8_t)w->proto,
		.local = w->local,
		.remote = remote ? &w->remote : NULL,
		.low = w->low,
		.high = w->high,
		.other_clock = true,
	};

	*port = host_choose_port(m, &choice);
	if (*port == 0)
		return -EADDRNOTAVAIL;
	return remote ? hold_tuple(m, w, *port, index) :
			hold_entry(m, w, *port, index);
}

int minato_port_take(struct minato *m, const struct minato_wish *wish,
		     uint64_t *lease, uint16_t *port)
{
	uint32_t index;
	int64_t place;

	if (!valid(wish))
		return -EINVAL;
	index = pool_take(&m->leases);
	if (index == POOL_NONE)
		return -ENFILE;
	place = hold(m, wish, index, port);
	if (place < 0) {
		pool_give(&m->leases, index);
		return (int)place;
	}
	++*generation_of(m, index);
	check(lent(m, index));
	lease_at(m, index)->place = (uint32_t)place;
	lease_at(m, index)->entry = !has_remote(wish);
	lease_at(m, index)->actor = actors_keep(m, m->actors.current);
	lease_at(m, index)->since = stack_since(m->now);
	*lease = leases_handle(m, index);
	return 0;
}

static void give_place(struct minato *m, const struct lease *lease,
		       bool proven_closed)
{
	struct port_table *t = host_table(m);
	const struct minato_time until = time_after(m->now, STACK_REST_NS);

	if (lease->entry && proven_closed)
		port_remove(t, lease->place);
	else if (lease->entry)
		port_claim_rest(t, lease->place, until);
	else if (proven_closed)
		port_tuple_remove(t, lease->place);
	else
		port_tuple_rest(t, lease->place, until);
}

int minato_port_give(struct minato *m, uint64_t lease, bool proven_closed)
{
	uint32_t index;

	if (!leases_find(m, lease, &index))
		return -EBADF;
	give_place(m, lease_at(m, index), proven_closed);
	actors_drop(m, lease_at(m, index)->actor);
	++*generation_of(m, index);
	pool_give(&m->leases, index);
	return 0;
}

uint32_t minato_ports_resting(const struct minato *m)
{
	return port_rest_count(host_table(m));
}
