/* SPDX-License-Identifier: BSD-2-Clause */
/* What must be true after every step of a world, and when it ends. */
#include "sim/sim.h"
#include "stack/stack.h"

/* Longest silence of a conversation whose ends are both alive, in calm. */
#define STUCK_NS (400 * SIM_S)

static void check_list(struct sim *s, uint32_t node, const struct list *l, enum socket_list which,
		       uint32_t flag, const char *name)
{
	const struct minato *m = s->node[node].m;
	uint32_t count = 0;

	for (uint32_t i = l->head; i != STACK_NONE; i = socket_at(m, i)->link[which].next) {
		/* A socket that stood twice would make the walk too long. */
		if (++count > l->count || !slots_live(m, i) || !(socket_at(m, i)->flags & flag)) {
			sim_fail(s, "node %u: the list %s is broken", node, name);
			return;
		}
	}
	if (count != l->count)
		sim_fail(s, "node %u: the list %s counts %u of %u", node, name, count, l->count);
}

static void check_counters(struct sim *s, uint32_t node)
{
	const struct minato *m = s->node[node].m;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < DROP_COUNT; i++)
		sum += m->counters[COUNTER_COUNT + i];
	/* Each frame counts once; a neighbour's lost message counts beside. */
	sum -= m->counters[COUNTER_COUNT + DROP_NEIGHBOUR];
	if (sum != m->counters[COUNTER_RX_FRAMES])
		sim_fail(s, "node %u: %llu frames came, %llu are accounted for", node,
			 (unsigned long long)m->counters[COUNTER_RX_FRAMES],
			 (unsigned long long)sum);
}

/* What is kept of half-open calls stands in one list each, in its order. */
static void check_halves(struct sim *s, uint32_t node)
{
	const struct minato *m = s->node[node].m;
	uint32_t count = 0;

	for (uint32_t i = 0; i < HALF_STAGES; i++) {
		int64_t due = 0;
		for (uint32_t at = m->halves.stage[i].head;
		     at != STACK_NONE && count <= m->halves.pool.used; count++) {
			const struct half *h = pool_at(&m->halves.pool, at);
			if (h->tries != i || h->due_ns < due)
				sim_fail(s, "node %u: a half-open call out of its order", node);
			if (!slots_live(m, h->listener) ||
			    !(socket_at(m, h->listener)->flags & SOCKET_LISTENER))
				sim_fail(s, "node %u: a half-open call of no listener", node);
			due = h->due_ns;
			at = h->next;
		}
	}
	if (count != m->halves.pool.used)
		sim_fail(s, "node %u: %u half-open calls in lists, %u are kept", node, count,
			 m->halves.pool.used);
}

static void check_bounds(struct sim *s, uint32_t node)
{
	const struct minato *m = s->node[node].m;

	if (m->held.count + m->half_open.count > m->calls_max)
		sim_fail(s, "node %u: more calls than allowed", node);
	if (m->control.count > STACK_CONTROL_MAX)
		sim_fail(s, "node %u: more control messages than allowed", node);
}

/* Called when every node has put out all that was due. */
void judge_step(struct sim *s)
{
	for (uint32_t i = 0; i < s->nodes && !s->failed; i++) {
		struct minato *m = s->node[i].m;
		const struct minato_time clock = sim_clock(s, i);
		check_list(s, i, &m->events, LIST_EVENT, SOCKET_EVENT, "events");
		check_list(s, i, &m->dirty, LIST_OUTPUT, SOCKET_OUTPUT, "dirty");
		check_list(s, i, &m->held, LIST_CALL, SOCKET_HELD, "held");
		check_list(s, i, &m->half_open, LIST_CALL, SOCKET_CALL, "half-open");
		check_halves(s, i);
		check_counters(s, i);
		check_bounds(s, i);
		if (m->dirty.count > 0 || m->control.count > 0)
			sim_fail(s, "node %u: output stopped with work undone", i);
		if (minato_deadline(m).ns <= clock.ns)
			sim_fail(s, "node %u: deadline %lld at %lld, with nothing to do", i,
				 (long long)minato_deadline(m).ns, (long long)clock.ns);
	}
}

static bool alive(const struct end *e)
{
	return e->state == END_CONNECTING || e->state == END_OPEN;
}

void judge_stuck(struct sim *s)
{
	for (uint32_t i = 0; i < s->flows && !s->failed; i++) {
		const struct flow *f = &s->flow[i];
		int64_t last = f->end[0].progress_at;
		if (!alive(&f->end[0]) || !alive(&f->end[1]))
			continue;
		if (f->end[1].progress_at > last)
			last = f->end[1].progress_at;
		if (last < s->storm_end)
			last = s->storm_end;
		if (s->now - last > STUCK_NS)
			sim_fail(s, "conversation %u is stuck: %llu/%llu and %llu/%llu received",
				 f->id, (unsigned long long)f->end[1].received,
				 (unsigned long long)f->end[0].sent,
				 (unsigned long long)f->end[0].received,
				 (unsigned long long)f->end[1].sent);
	}
}

/* A conversation that ended in peace on both sides lost nothing. */
void judge_flows(struct sim *s)
{
	for (uint32_t i = 0; i < s->flows && !s->failed; i++) {
		const struct flow *f = &s->flow[i];
		for (int side = 0; side < 2; side++) {
			const struct end *from = &f->end[side], *to = &f->end[!side];
			if (to->received > from->sent)
				sim_fail(s, "conversation %u: %llu received, %llu sent", f->id,
					 (unsigned long long)to->received,
					 (unsigned long long)from->sent);
			if (from->state == END_CLOSED && to->state == END_CLOSED && to->eof &&
			    to->received != from->sent)
				sim_fail(s, "conversation %u: the end came after %llu of %llu",
					 f->id, (unsigned long long)to->received,
					 (unsigned long long)from->sent);
		}
	}
}

static void check_returned(struct sim *s, uint32_t node, const struct pool *p, const char *name)
{
	if (p->used > 0)
		sim_fail(s, "node %u: %u %s never came back", node, p->used, name);
}

/* All is closed and TIME-WAIT is over: nothing may be held any more. */
void judge_end(struct sim *s)
{
	for (uint32_t i = 0; i < s->nodes && !s->failed; i++) {
		const struct minato *m = s->node[i].m;
		check_returned(s, i, &m->sockets, "sockets");
		check_returned(s, i, &m->details, "details");
		check_returned(s, i, &m->messages, "messages");
		check_returned(s, i, &m->payload.large, "large chunks");
		check_returned(s, i, &m->payload.small, "small chunks");
		check_returned(s, i, &m->payload.extents, "extents");
		check_returned(s, i, &m->tcp.active, "active blocks");
		check_returned(s, i, &m->tcp.records, "records");
		check_returned(s, i, &m->tcp.extras, "extra blocks");
		check_returned(s, i, &m->tcp.holes, "holes");
		if (port_tuple_count(host_table(m)) > 0)
			sim_fail(s, "node %u: %u tuples never came back", i,
				 port_tuple_count(host_table(m)));
	}
}
