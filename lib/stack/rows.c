/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table as rows: general entries, then sockets (listeners with the claim
 * that they hold), then TIME-WAIT, then leases, then what the policy says to
 * everybody, then mappings and sessions of a gateway. The cursor is the phase
 * and where in it.
 */
#include "stack/stack.h"

#include "minato/gateway.h"

#define PHASE_SHIFT 60
#define PHASE_ENTRIES UINT64_C(0)
#define PHASE_SOCKETS UINT64_C(1)
#define PHASE_WAITS UINT64_C(2)
#define PHASE_LEASES UINT64_C(3)
#define PHASE_POLICY UINT64_C(4)
#define PHASE_MAPPINGS UINT64_C(5)
#define PHASE_SESSIONS UINT64_C(6)
#define PHASE_HALVES UINT64_C(7)
#define PLACE_MASK ((UINT64_C(1) << PHASE_SHIFT) - 1)

const char *minato_state_name(enum minato_state state)
{
	switch (state) {
	case MINATO_ESTABLISHED:
		return "ESTABLISHED";
	case MINATO_SYN_SENT:
		return "SYN-SENT";
	case MINATO_SYN_RECEIVED:
		return "SYN-RECEIVED";
	case MINATO_FIN_WAIT_1:
		return "FIN-WAIT-1";
	case MINATO_FIN_WAIT_2:
		return "FIN-WAIT-2";
	case MINATO_TIME_WAIT:
		return "TIME-WAIT";
	case MINATO_CLOSED:
		return "CLOSED";
	case MINATO_CLOSE_WAIT:
		return "CLOSE-WAIT";
	case MINATO_LAST_ACK:
		return "LAST-ACK";
	case MINATO_LISTEN:
		return "LISTEN";
	case MINATO_CLOSING:
		return "CLOSING";
	}
	return NULL;
}

/* --- general entries ---------------------------------------------------- */

static void row_of_entry(const struct minato *m, uint32_t entry,
			 struct minato_row *out)
{
	struct minato_entry e;

	port_get(host_table(m), entry, &e);
	*out = (struct minato_row){
		.handle = entries_handle(m, entry),
		.kind = e.kind,
		.verdict = e.verdict,
		.scope = e.scope,
		.face = e.face,
		.proto = e.proto,
		.ranged = e.first != e.last,
		.state = MINATO_CLOSED,
		.local = { e.local, e.first == e.last ? e.first : 0 },
		.remote = { e.remote, 0 },
		.target = e.target,
		.local_prefix = e.local_prefix,
		.remote_prefix = e.remote_prefix,
		.first = e.first,
		.last = e.last,
		.uid = e.uid,
		.hits = port_entry_hits(host_table(m), entry),
		.user = e.user,
		.since = stack_begun(port_entry_since(host_table(m), entry)),
	};
	actors_describe(m, entries_actor(m, entry), &out->owner);
}

static bool next_entry(const struct minato *m, uint64_t *place,
		       struct minato_row *out)
{
	struct port_claim claim;
	uint32_t entry = port_entry_next(host_table(m), (uint32_t)*place);

	while (entry != POOL_NONE &&
	       port_entry_claim(host_table(m), entry, &claim))
		entry = port_entry_next(host_table(m), entry + 1);
	if (entry == POOL_NONE)
		return false;
	row_of_entry(m, entry, out);
	*place = entry + 1;
	return true;
}

/* --- sockets ------------------------------------------------------------ */

static void row_of_stream(struct minato *m, const struct socket *s,
			  struct minato_row *out)
{
	const struct tcp_env e = host_env(m);
	struct minato_counts counts;

	if (s->flags & SOCKET_LISTENER) {
		const struct detail *d = slots_detail(m, s);
		out->state = MINATO_LISTEN;
		out->recv_queue = d->accepts.count;
		out->send_queue = d->backlog;
		return;
	}
	tcp_counts(&e, &s->body.tcp, &counts);
	out->state = tcp_state(&s->body.tcp);
	out->recv_queue = counts.readable;
	out->send_queue = counts.unacked;
	out->bytes_in = tcp_bytes_in(&s->body.tcp);
	out->bytes_out = tcp_bytes_out(&s->body.tcp);
}

static void row_of_datagrams(const struct socket *s, struct minato_row *out)
{
	const struct datagrams *d = &s->body.datagrams;

	out->state = s->tuple != STACK_NONE ? MINATO_ESTABLISHED :
					      MINATO_CLOSED;
	out->recv_queue = d->received.charge;
	out->send_queue = d->unsent.charge;
	out->bytes_in = d->bytes_in;
	out->bytes_out = d->bytes_out;
}

static uint8_t prefix_of(const struct minato_addr *a)
{
	if (!minato_addr_is_any(a))
		return 128;
	return minato_addr_is4(a) ? 96 : 0;
}

static void row_of_socket(struct minato *m, uint32_t index,
			  struct minato_row *out)
{
	const struct socket *s = socket_at(m, index);

	*out = (struct minato_row){
		.handle = slots_handle(m, index),
		.kind = MINATO_KIND_SOCKET,
		.scope = s->scope,
		.face = MINATO_FACE_ANY,
		.proto = s->proto,
		.user = s->user,
		.since = stack_begun(s->since),
	};
	actors_describe(m, actors_of(m, index), &out->owner);
	bind_local(m, s, &out->local);
	bind_peer(m, s, &out->remote);
	out->local_prefix = prefix_of(&out->local.addr);
	out->remote_prefix = prefix_of(&out->remote.addr);
	out->first = out->local.port;
	out->last = out->local.port;
	if (s->claim != STACK_NONE)
		out->hits = port_entry_hits(host_table(m), s->claim);
	if (s->proto == MINATO_TCP)
		row_of_stream(m, s, out);
	else
		row_of_datagrams(s, out);
}

static bool next_socket(struct minato *m, uint64_t *place,
			struct minato_row *out)
{
	/* Slots beyond `fresh` were never taken. */
	for (; *place < m->sockets.fresh; ++*place) {
		const uint32_t index = (uint32_t)*place;
		if (!slots_live(m, index))
			continue;
		row_of_socket(m, index, out);
		++*place;
		return true;
	}
	return false;
}

/* Of a connection that is no socket of ours any more, or not yet. */
static struct minato_row row_of_tuple(const struct minato *m, uint32_t tuple,
				      enum minato_state state)
{
	struct port_key key;

	port_tuple_key(host_table(m), tuple, &key);
	return (struct minato_row){
		.kind = MINATO_KIND_SOCKET,
		.scope = key.scope,
		.face = MINATO_FACE_ANY,
		.proto = MINATO_TCP,
		.state = state,
		.local = { key.local, key.local_port },
		.remote = { key.remote, key.remote_port },
		.local_prefix = 128,
		.remote_prefix = 128,
		.first = key.local_port,
		.last = key.local_port,
	};
}

/* --- TIME-WAIT ---------------------------------------------------------- */

static bool next_wait(const struct minato *m, uint64_t *place,
		      struct minato_row *out)
{
	struct waiting w;

	if (!waits_next(m, place, &w))
		return false;
	++*place;
	*out = row_of_tuple(m, w.tuple, MINATO_TIME_WAIT);
	out->since = (struct minato_time){ w.until_ns - STACK_TIME_WAIT_NS };
	actors_describe(
		m,
		actors_was(m, (uint32_t)((*place - 1) % m->time_wait_max)),
		&out->owner);
	return true;
}

/* --- half-open calls ------------------------------------------------------ */

static bool next_half(const struct minato *m, uint64_t *place,
		      struct minato_row *out)
{
	struct half h;

	if (!halves_next(m, place, &h))
		return false;
	++*place;
	*out = row_of_tuple(m, h.tuple, MINATO_SYN_RECEIVED);
	out->since = halves_since(&h);
	actors_describe(m, actors_of(m, h.listener), &out->owner);
	return true;
}

/* --- leases -------------------------------------------------------------- */

static bool next_lease(const struct minato *m, uint64_t *place,
		       struct minato_row *out)
{
	const uint32_t index = leases_next(m, (uint32_t)*place);
	struct port_key key;

	if (index == STACK_NONE)
		return false;
	*place = (uint64_t)index + 1;
	leases_key(m, index, &key);
	*out = (struct minato_row){
		.handle = leases_handle(m, index),
		.kind = MINATO_KIND_LEASE,
		.scope = key.scope,
		.face = MINATO_FACE_ANY,
		.proto = key.proto,
		.state = MINATO_CLOSED,
		.local = { key.local, key.local_port },
		.remote = { key.remote, key.remote_port },
		.local_prefix = prefix_of(&key.local),
		.remote_prefix = prefix_of(&key.remote),
		.first = key.local_port,
		.last = key.local_port,
		.since = stack_begun(lease_at(m, index)->since),
	};
	actors_describe(m, lease_at(m, index)->actor, &out->owner);
	return true;
}

/* --- the policy ----------------------------------------------------------- */

/* As if it were an entry that refuses. */
static bool policy_row(const struct minato *m, uint64_t *place,
		       struct minato_row *out)
{
	if (*place > 0 || m->policy.privileged_below <= 1)
		return false;
	++*place;
	*out = (struct minato_row){
		.kind = MINATO_KIND_RIGHT,
		.verdict = MINATO_REFUSE,
		.scope = MINATO_SCOPE_ANY,
		.face = MINATO_FACE_ANY,
		.ranged = true,
		.state = MINATO_CLOSED,
		.first = 1,
		.last = (uint16_t)(m->policy.privileged_below - 1),
		.uid = MINATO_UID_NONE,
	};
	actors_describe(m, 0, &out->owner);
	return true;
}

/* --- a gateway's flows ---------------------------------------------------- */

static bool next_mapping(struct minato *m, uint64_t *place,
			 struct minato_row *out)
{
	struct minato_mapping one;

	if (!minato_mapping_next(m, place, &one))
		return false;
	*out = (struct minato_row){
		.handle = one.handle,
		.kind = MINATO_KIND_MAPPING,
		.face = MINATO_FACE_ANY,
		.proto = one.proto,
		.state = MINATO_CLOSED,
		.local = one.outside,
		.target = one.inside,
		.local_prefix = 128,
		.first = one.outside.port,
		.last = one.outside.port,
		.since = one.since,
	};
	actors_describe(m, 0, &out->owner);
	return true;
}

static enum minato_state state_of(const struct minato_session *one)
{
	if (one->proto != MINATO_TCP)
		return MINATO_ESTABLISHED;
	switch ((enum minato_nat_state)one->state) {
	case MINATO_NAT_OPENING:
		return MINATO_SYN_SENT;
	case MINATO_NAT_OPEN:
		return MINATO_ESTABLISHED;
	case MINATO_NAT_CLOSING:
		return MINATO_CLOSING;
	case MINATO_NAT_RESET:
		return MINATO_TIME_WAIT;
	}
	return MINATO_CLOSED;
}

static bool next_session(struct minato *m, uint64_t *place,
			 struct minato_row *out)
{
	struct minato_session one;

	if (!minato_session_next(m, place, &one))
		return false;
	*out = (struct minato_row){
		.handle = one.handle,
		.kind = MINATO_KIND_SESSION,
		.scope = one.from,
		.face = MINATO_FACE_ANY,
		.proto = one.proto,
		.state = state_of(&one),
		.local = one.destination,
		.remote = one.source,
		.target = one.back_source,
		.via = one.back_destination,
		.local_prefix = 128,
		.remote_prefix = 128,
		.first = one.destination.port,
		.last = one.destination.port,
		.since = one.since,
	};
	actors_describe(m, 0, &out->owner);
	return true;
}

/* The phases behind the leases. */
static bool next_behind(struct minato *m, uint64_t phase, uint64_t *place,
			struct minato_row *out)
{
	if (phase == PHASE_POLICY)
		return policy_row(m, place, out);
	if (phase == PHASE_HALVES)
		return next_half(m, place, out);
	return phase == PHASE_MAPPINGS ? next_mapping(m, place, out) :
					 next_session(m, place, out);
}

bool minato_row(struct minato *m, uint64_t *cursor, struct minato_row *out)
{
	uint64_t phase = *cursor >> PHASE_SHIFT;
	uint64_t place = *cursor & PLACE_MASK;

	for (; phase <= PHASE_HALVES; phase++, place = 0) {
		bool found;
		if (phase == PHASE_ENTRIES)
			found = next_entry(m, &place, out);
		else if (phase == PHASE_SOCKETS)
			found = next_socket(m, &place, out);
		else if (phase == PHASE_WAITS)
			found = next_wait(m, &place, out);
		else if (phase == PHASE_LEASES)
			found = next_lease(m, &place, out);
		else
			found = next_behind(m, phase, &place, out);
		*cursor = phase << PHASE_SHIFT | place;
		if (found)
			return true;
	}
	return false;
}
