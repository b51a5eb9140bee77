/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory when it is scarce. A quarter of the chunks is kept for what arrives:
 * if programs could fill all of it with what they write, two hosts that write
 * to each other would have no room to take what the other says, for ever. A
 * socket whose write was cut short for that reason is starved, and hears of it
 * (an event) when a good part is free again.
 */
#include "stack/stack.h"

static uint64_t usable(const struct pool *p, uint32_t chunk_bytes)
{
	const uint32_t bound = p->capacity - p->capacity / 4;

	return p->used < bound ? (uint64_t)(bound - p->used) * chunk_bytes : 0;
}

uint64_t budget_left(const struct minato *m)
{
	return usable(&m->payload.small, MINATO_CHUNK_SMALL) +
	       usable(&m->payload.large, MINATO_CHUNK_LARGE);
}

void budget_starve(struct minato *m, uint32_t index)
{
	struct socket *s = socket_at(m, index);

	if (s->flags & SOCKET_STARVED)
		return;
	s->flags |= SOCKET_STARVED;
	m->starved++;
}

void budget_forget(struct minato *m, uint32_t index)
{
	struct socket *s = socket_at(m, index);

	if (!(s->flags & SOCKET_STARVED))
		return;
	s->flags &= ~SOCKET_STARVED;
	check(m->starved > 0);
	m->starved--;
}

static bool is_plenty(const struct minato *m)
{
	const struct pool *small = &m->payload.small;

	return small->used <= small->capacity / 2 && budget_left(m) > 0;
}

/* Walks all sockets, which only happens after memory was short. */
void budget_relieve(struct minato *m)
{
	if (m->starved == 0 || !is_plenty(m))
		return;
	for (uint32_t i = 0; i < m->sockets.fresh && m->starved > 0; i++) {
		if (!slots_live(m, i) ||
		    !(socket_at(m, i)->flags & SOCKET_STARVED))
			continue;
		budget_forget(m, i);
		events_raise(m, i);
	}
}
