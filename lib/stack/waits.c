/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TIME-WAIT in 32 bytes: a ring in order of entry, since all wait the same 60
 * seconds (2 MSL, MSL 30 s). The addresses stay where they are, in the tuple,
 * which now names a slot of the ring.
 *
 *      head                          tail
 *       v                             v
 *   [ . | w | w | dead | w | w | w  | . ]     slot = position % capacity
 *
 * A record that ends before its time is only marked dead; the head passes over
 * it. When the ring is full the oldest ends early, counted.
 */
#include "stack/stack.h"

static struct waiting *record_at(const struct minato *m, uint64_t position)
{
	return (struct waiting *)host_at(m, m->waits) +
	       position % m->time_wait_max;
}

static uint32_t slot_of(const struct minato *m, const struct waiting *w)
{
	return (uint32_t)(w - (const struct waiting *)host_at(m, m->waits));
}

static void end_record(struct minato *m, struct waiting *w)
{
	if (w->tuple == STACK_NONE)
		return;
	port_tuple_remove(host_table(m), w->tuple);
	actors_leave(m, slot_of(m, w), 0);
	w->tuple = STACK_NONE;
	m->waits_live--;
}

/* Takes over a reference to whose connection it was. */
static void append(struct minato *m, const struct waiting *w, uint16_t actor)
{
	struct port_tuple_ref ref;

	if (m->waits_tail - m->waits_head == m->time_wait_max) {
		struct waiting *oldest = record_at(m, m->waits_head++);
		if (oldest->tuple != STACK_NONE)
			host_count(m, COUNTER_TIME_WAIT_VICTIM);
		end_record(m, oldest);
	}
	port_tuple_get(host_table(m), w->tuple, &ref);
	ref.owner = (uint32_t)(m->waits_tail % m->time_wait_max);
	ref.class = TUPLE_TIME_WAIT;
	ref.yields = w->tcp.timestamps;
	port_tuple_assign(host_table(m), w->tuple, ref);
	*record_at(m, m->waits_tail++) = *w;
	actors_leave(m, ref.owner, actor);
	m->waits_live++;
}

void waits_enter(struct minato *m, uint32_t index)
{
	struct socket *s = socket_at(m, index);
	struct waiting w = {
		.tuple = s->tuple,
		.until_ns = time_after(m->now, STACK_TIME_WAIT_NS).ns,
	};

	tcp_to_time_wait(&s->body.tcp, &w.tcp);
	s->tuple = STACK_NONE;
	append(m, &w, actors_keep(m, actors_of(m, index)));
	slots_give(m, index);
}

/* 2 MSL begin anew (RFC 9293 3.10.7.4): to the tail, so that order holds. */
static void restart(struct minato *m, struct waiting *w)
{
	struct waiting again = *w;
	const uint16_t actor = actors_keep(m, actors_was(m, slot_of(m, w)));

	again.until_ns = time_after(m->now, STACK_TIME_WAIT_NS).ns;
	actors_leave(m, slot_of(m, w), 0);
	w->tuple = STACK_NONE;
	m->waits_live--;
	append(m, &again, actor);
}

enum drop waits_arrive(struct minato *m, uint32_t at, const struct arrival *a,
		       bool *reopened)
{
	struct waiting *w = record_at(m, at);
	const struct tcp_env e = host_env(m);
	struct tcp_segment reply;

	check(w->tuple != STACK_NONE);
	switch (tcp_time_wait_arrive(&w->tcp, &e, &a->packet.tcp,
				     a->packet.payload_len, &reply)) {
	case TCP_TW_DROP:
		return DROP_TCP_SEQUENCE;
	case TCP_TW_ACK:
		icmp_out_segment(m, &a->key, &reply);
		if (a->packet.tcp.flags & TCP_FIN)
			restart(m, w);
		return DROP_NONE;
	case TCP_TW_REOPEN:
		host_count(m, COUNTER_TIME_WAIT_REUSED);
		m->reopen = (struct reopening){ true, w->tcp.snd_nxt };
		end_record(m, w);
		*reopened = true;
		return DROP_NONE;
	case TCP_TW_END:
		end_record(m, w);
		return DROP_NONE;
	}
	return DROP_NONE;
}

void waits_expire(struct minato *m)
{
	while (m->waits_head < m->waits_tail) {
		struct waiting *w = record_at(m, m->waits_head);
		if (w->tuple != STACK_NONE && w->until_ns > m->now.ns)
			return;
		end_record(m, w);
		m->waits_head++;
	}
}

struct minato_time waits_deadline(const struct minato *m)
{
	if (m->waits_head == m->waits_tail)
		return MINATO_NEVER;
	return (struct minato_time){ record_at(m, m->waits_head)->until_ns };
}

bool waits_reuse(struct minato *m, const struct port_key *key,
		 struct seq *above)
{
	struct port_tuple_ref ref;
	struct waiting *w;

	if (!port_tuple_find(host_table(m), key, &ref, NULL) ||
	    ref.class != TUPLE_TIME_WAIT)
		return false;
	w = record_at(m, ref.owner);
	/* RFC 6191: timestamps tell old from new, and where both are of one
	   millisecond, the number above the last one does. */
	if (!w->tcp.timestamps)
		return false;
	*above = w->tcp.snd_nxt;
	host_count(m, COUNTER_TIME_WAIT_REUSED);
	end_record(m, w);
	return true;
}

bool waits_next(const struct minato *m, uint64_t *position, struct waiting *out)
{
	if (*position < m->waits_head)
		*position = m->waits_head;
	for (; *position < m->waits_tail; ++*position)
		if (record_at(m, *position)->tuple != STACK_NONE) {
			*out = *record_at(m, *position);
			return true;
		}
	return false;
}
