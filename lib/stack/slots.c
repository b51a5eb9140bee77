/* SPDX-License-Identifier: BSD-2-Clause */
/* Slots of sockets: taken, given back, named by handles that can go stale. */
#include "stack/stack.h"

#include <errno.h>
#include <string.h>

/* Bit 63 marks the handles of general entries. */
#define GENERATION_MASK 0x7fffffffu

static uint32_t *generation_of(const struct minato *m, uint32_t index)
{
	return (uint32_t *)host_at(m, m->generations) + index;
}

bool slots_live(const struct minato *m, uint32_t index)
{
	return index < m->sockets_max && (*generation_of(m, index) & 1) != 0;
}

uint32_t slots_index(const struct minato *m, const struct socket *s)
{
	const char *base = pool_at(&m->sockets, 0);

	return (uint32_t)((size_t)((const char *)s - base) /
			  sizeof(struct socket));
}

uint32_t slots_take(struct minato *m, enum minato_proto proto, uint8_t scope)
{
	const uint32_t index = pool_take(&m->sockets);
	struct socket *s;

	if (index == POOL_NONE)
		return STACK_NONE;
	++*generation_of(m, index);
	check(slots_live(m, index));
	s = socket_at(m, index);
	*s = (struct socket){
		.tuple = STACK_NONE,
		.claim = STACK_NONE,
		.other = STACK_NONE,
		.waits_on = STACK_NONE,
		.since = stack_since(m->now),
		.proto = (uint8_t)proto,
		.scope = scope,
		.ip_id = (uint16_t)random_next(&m->random),
	};
	if (proto == MINATO_TCP)
		tcp_init(&s->body.tcp);
	else
		udp_init(&s->body.datagrams);
	actors_own(m, index, actors_keep(m, m->actors.current));
	return index;
}

static void leave_lists(struct minato *m, uint32_t index)
{
	struct socket *s = socket_at(m, index);

	if (s->flags & SOCKET_OUTPUT) {
		struct neighbour *n =
			s->waits_on == STACK_NONE ?
				NULL :
				pool_at(&m->neighbours, s->waits_on);
		list_remove(m, n ? &n->waiting : &m->dirty, LIST_OUTPUT, index);
	}
	if (s->flags & SOCKET_EVENT)
		list_remove(m, &m->events, LIST_EVENT, index);
	if ((s->flags & SOCKET_CALL) && (s->flags & SOCKET_HELD))
		calls_count_held(m, s, false);
	if (s->flags & SOCKET_CALL)
		list_remove(m,
			    s->flags & SOCKET_HELD ? &m->held : &m->half_open,
			    LIST_CALL, index);
	if (s->flags & SOCKET_ACCEPT) {
		struct socket *parent = socket_at(m, s->other);
		list_remove(m, &slots_detail(m, parent)->accepts, LIST_CALL,
			    index);
		share_wait(m, index, false);
	}
	s->flags &=
		~(SOCKET_OUTPUT | SOCKET_EVENT | SOCKET_CALL | SOCKET_ACCEPT);
}

void slots_give(struct minato *m, uint32_t index)
{
	struct socket *s = socket_at(m, index);
	struct tcp_env e = host_env(m);

	check(slots_live(m, index));
	budget_forget(m, index);
	leave_lists(m, index);
	wheel_cancel(&m->wheel, index);
	slots_drop_tuple(m, s);
	slots_drop_claim(m, s);
	slots_drop_detail(m, s);
	if (s->proto == MINATO_TCP)
		tcp_destroy(&e, &s->body.tcp);
	else
		udp_clear(m, &s->body.datagrams);
	actors_own(m, index, 0);
	++*generation_of(m, index);
	pool_give(&m->sockets, index);
}

uint64_t slots_handle(const struct minato *m, uint32_t index)
{
	const uint32_t generation = *generation_of(m, index) & GENERATION_MASK;

	return (uint64_t)generation << 32 | (index + 1);
}

struct socket *slots_find(const struct minato *m, uint64_t handle,
			  uint32_t *index)
{
	const uint32_t number = (uint32_t)handle - 1;
	struct socket *s;

	if (!slots_live(m, number) || slots_handle(m, number) != handle)
		return NULL;
	s = socket_at(m, number);
	if (!(s->flags & SOCKET_OWNED))
		return NULL;
	*index = number;
	return s;
}

struct detail *slots_detail(const struct minato *m, const struct socket *s)
{
	check(s->flags & (SOCKET_LISTENER | SOCKET_LATE));
	return pool_at(&m->details, s->other);
}

bool slots_add_detail(struct minato *m, struct socket *s)
{
	const uint32_t index = pool_take(&m->details);
	struct detail *d;

	check(s->other == STACK_NONE);
	if (index == POOL_NONE)
		return false;
	d = pool_at(&m->details, index);
	*d = (struct detail){ 0 };
	list_init(&d->accepts);
	s->other = index;
	return true;
}

void slots_drop_detail(struct minato *m, struct socket *s)
{
	if (!(s->flags & (SOCKET_LISTENER | SOCKET_LATE)))
		return;
	check(slots_detail(m, s)->accepts.count == 0);
	pool_give(&m->details, s->other);
	s->other = STACK_NONE;
	s->flags &= ~(SOCKET_LISTENER | SOCKET_LATE);
}

int slots_add_tuple(struct minato *m, uint32_t index,
		    const struct port_key *key)
{
	struct socket *s = socket_at(m, index);
	const struct port_tuple_ref ref = {
		.owner = index,
		.class = TUPLE_SOCKET,
		.exclusive = !(s->flags & SOCKET_REUSEADDR),
	};
	const int64_t tuple = port_tuple_insert(host_table(m), key, ref);

	check(s->tuple == STACK_NONE);
	if (tuple < 0)
		return (int)tuple;
	s->tuple = (uint32_t)tuple;
	return 0;
}

void slots_take_tuple(struct minato *m, uint32_t index, uint32_t tuple)
{
	struct socket *s = socket_at(m, index);
	struct port_tuple_ref ref;

	check(s->tuple == STACK_NONE);
	port_tuple_get(host_table(m), tuple, &ref);
	ref.owner = index;
	ref.class = TUPLE_SOCKET;
	ref.exclusive = !(s->flags & SOCKET_REUSEADDR);
	port_tuple_assign(host_table(m), tuple, ref);
	s->tuple = tuple;
}

static bool claim_chosen(const struct minato *m, const struct socket *s)
{
	struct port_claim held;

	return s->claim != STACK_NONE &&
	       port_entry_claim(host_table(m), s->claim, &held) && held.chosen;
}

/* A datagram socket keeps its claim from one peer to the next. */
static bool tuple_chosen(const struct minato *m, const struct socket *s)
{
	return (s->flags & SOCKET_CHOSEN) ||
	       (s->proto == MINATO_TCP && claim_chosen(m, s));
}

void slots_drop_tuple(struct minato *m, struct socket *s)
{
	const bool over = s->proto == MINATO_TCP && tcp_over(&s->body.tcp);

	struct port_key key;

	share_leave(m, slots_index(m, s));
	if (s->tuple == STACK_NONE)
		return;
	slots_key(m, s, &key);
	port_recall_note(host_table(m), &key, m->now);
	if (!over && tuple_chosen(m, s))
		port_tuple_rest(host_table(m), s->tuple,
				time_after(m->now, STACK_REST_NS));
	else
		port_tuple_remove(host_table(m), s->tuple);
	s->tuple = STACK_NONE;
	s->flags &= ~SOCKET_CHOSEN;
}

void slots_drop_claim(struct minato *m, struct socket *s)
{
	const struct datagrams *d = &s->body.datagrams;
	struct port_claim held;

	if (s->claim == STACK_NONE)
		return;
	if (s->proto == MINATO_UDP && d->bytes_out > 0 &&
	    port_entry_claim(host_table(m), s->claim, &held))
		port_recall_note_port(host_table(m), held.port, m->now);
	/* Nothing proves that datagrams are over, if there were any. */
	if (s->proto != MINATO_TCP && claim_chosen(m, s) &&
	    (d->bytes_in > 0 || d->bytes_out > 0))
		port_claim_rest(host_table(m), s->claim,
				time_after(m->now, STACK_REST_NS));
	else
		port_remove(host_table(m), s->claim);
	s->claim = STACK_NONE;
}

void slots_key(const struct minato *m, const struct socket *s,
	       struct port_key *out)
{
	check(s->tuple != STACK_NONE);
	port_tuple_key(host_table(m), s->tuple, out);
}
