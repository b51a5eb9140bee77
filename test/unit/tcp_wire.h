/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two connections and a bad wire between them, in virtual time, from a seed.
 *
 *	end[0] --- delay, rate, loss, reordering, duplication ---> end[1]
 *	       <--------------------------------------------------
 */
#ifndef TEST_UNIT_TCP_WIRE_H
#define TEST_UNIT_TCP_WIRE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tcp/engine.h"

#define WIRE_FLIGHT 8192

struct wire_segment {
	int64_t at;
	uint64_t order;
	int to;
	struct tcp_segment s;
	uint16_t gso_size;
	uint32_t len;
	uint8_t *data;
};

struct wire_end {
	struct tcp_shared shared;
	struct payload payload;
	void *shared_memory, *payload_memory;
	struct tcp c;
	uint64_t sent, got, total; /* bytes the application wrote, read, wants to write */
	bool closed, ended, no_read;
	int error;
	uint32_t segments, retransmitted;
	uint32_t bytes_lost;
};

struct wire_plan {
	uint64_t seed;
	int64_t delay_ns;
	int64_t ns_per_byte;
	uint32_t queue_bytes;	  /* bottleneck buffer, 0 = endless */
	uint32_t loss, dup, late; /* per 1000 */
	uint32_t gso_max;
	uint32_t mtu;
	uint32_t active_max, large;
	bool no_sack, no_ts, newreno;
};

struct wire {
	struct wire_plan plan;
	struct wire_end end[2];
	struct wire_segment flight[WIRE_FLIGHT]; /* a heap by (at, order) */
	uint32_t count;
	uint64_t order;
	int64_t now;
	int64_t busy_until[2];
	uint64_t random;
	uint32_t lost;
};

static inline uint32_t wire_random(struct wire *w, uint32_t below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (uint32_t)((w->random >> 20) % below);
}

static inline struct tcp_env wire_env(struct wire *w, int i)
{
	return (struct tcp_env){ &w->end[i].shared, &w->end[i].payload, { w->now }, false };
}

static inline void *wire_aligned(void *memory)
{
	return (void *)(((uintptr_t)memory + 63) & ~(uintptr_t)63);
}

static inline void wire_end_open(struct wire *w, int i)
{
	struct wire_end *x = &w->end[i];
	const struct hash_key secret = { { w->plan.seed, (uint64_t)i } };
	const uint32_t active = w->plan.active_max;
	const uint32_t large = w->plan.large;

	/* From the zero page, so that capacity costs nothing. */
	x->shared_memory = calloc(1, tcp_shared_bytes(active) + 64);
	x->payload_memory = calloc(1, payload_bytes(large, 2 * large) + 64);
	tcp_shared_init(&x->shared, wire_aligned(x->shared_memory), active, &secret);
	payload_init(&x->payload, wire_aligned(x->payload_memory), large, 2 * large);
	tcp_init(&x->c);
}

static inline bool wire_before(const struct wire_segment *a, const struct wire_segment *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static inline void wire_push(struct wire *w, const struct wire_segment *s)
{
	uint32_t i = w->count++;

	assert_true(w->count < WIRE_FLIGHT);
	while (i > 0 && wire_before(s, &w->flight[(i - 1) / 2])) {
		w->flight[i] = w->flight[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	w->flight[i] = *s;
}

static inline struct wire_segment wire_pop(struct wire *w)
{
	const struct wire_segment top = w->flight[0];
	const struct wire_segment last = w->flight[--w->count];
	uint32_t i = 0;

	for (;;) {
		uint32_t child = 2 * i + 1;
		if (child >= w->count)
			break;
		if (child + 1 < w->count && wire_before(&w->flight[child + 1], &w->flight[child]))
			child++;
		if (!wire_before(&w->flight[child], &last))
			break;
		w->flight[i] = w->flight[child];
		i = child;
	}
	w->flight[i] = last;
	return top;
}

static inline uint8_t wire_byte(int from, uint64_t at)
{
	return (uint8_t)(at * 31 + (at >> 9) + (uint64_t)from * 101);
}

/* One packet on its way, or lost. */
static inline void wire_carry(struct wire *w, int from, const struct tcp_emit *m, uint32_t offset,
			      uint32_t len, bool last)
{
	struct wire_segment s = { .to = 1 - from, .s = m->segment, .len = len };
	const int64_t busy = w->busy_until[from] > w->now ? w->busy_until[from] : w->now;
	const int64_t waiting = busy - w->now;
	const bool full = w->plan.queue_bytes != 0 && w->plan.ns_per_byte != 0 &&
			  waiting / w->plan.ns_per_byte > w->plan.queue_bytes;

	s.s.seq = seq_add(s.s.seq, offset);
	if (!last)
		s.s.flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (full || wire_random(w, 1000) < w->plan.loss) {
		w->lost++;
		return;
	}
	w->busy_until[from] = busy + w->plan.ns_per_byte * (int64_t)(len + 60);
	s.at = w->busy_until[from] + w->plan.delay_ns;
	if (wire_random(w, 1000) < w->plan.late)
		s.at += (int64_t)wire_random(w, (uint32_t)(w->plan.delay_ns / 2 + 1));
	s.order = w->order++;
	if (len > 0) {
		s.data = malloc(len);
		queue_copy(&w->end[from].payload, m->queue, m->offset + offset, s.data, len);
	}
	wire_push(w, &s);
	if (wire_random(w, 1000) < w->plan.dup) {
		struct wire_segment again = s;
		again.at += 1000;
		again.order = w->order++;
		if (len > 0) {
			again.data = malloc(len);
			memcpy(again.data, s.data, len);
		}
		wire_push(w, &again);
	}
}

static inline void wire_output(struct wire *w, int from)
{
	struct tcp_env e = wire_env(w, from);
	struct wire_end *x = &w->end[from];
	struct tcp_emit m;
	uint32_t rounds = 0;

	while (tcp_next(&e, &x->c, &m)) {
		const uint32_t unit = m.gso_size != 0 ? m.gso_size : m.len;
		uint32_t at = 0;

		assert_true(++rounds < 10000);
		assert_true(m.len + 40 <= w->plan.mtu || m.gso_size != 0);
		assert_true(m.gso_size == 0 || m.len <= w->plan.gso_max);
		do {
			const uint32_t part = m.len - at < unit ? m.len - at : unit;
			wire_carry(w, from, &m, at, part, at + part == m.len);
			x->segments++;
			at += part;
		} while (at < m.len);
	}
	board_audit(&e, &x->c);
}

/* The applications: write all, read all, close when both is done. */
static inline void wire_application(struct wire *w, int i)
{
	struct tcp_env e = wire_env(w, i);
	struct wire_end *x = &w->end[i];
	static uint8_t data[1 << 16];
	int64_t n = -EAGAIN;
	uint32_t k;

	while (x->sent < x->total && tcp_state(&x->c) != MINATO_SYN_SENT &&
	       tcp_state(&x->c) != MINATO_SYN_RECEIVED) {
		uint32_t len = 1 + wire_random(w, sizeof(data));
		if (len > x->total - x->sent)
			len = (uint32_t)(x->total - x->sent);
		for (k = 0; k < len; k++)
			data[k] = wire_byte(i, x->sent + k);
		n = tcp_write(&e, &x->c, data, len, 0);
		if (n <= 0)
			break;
		x->sent += (uint64_t)n;
	}
	while (!x->no_read && (n = tcp_read(&e, &x->c, data, sizeof(data), 0)) > 0) {
		for (k = 0; k < (uint32_t)n; k++)
			assert_int_equal(data[k], wire_byte(1 - i, x->got + k));
		x->got += (uint64_t)n;
	}
	if (x->no_read)
		return;
	if (n == 0)
		x->ended = true;
	else if (n != -EAGAIN && n != -ENOTCONN)
		x->error = (int)n;
	if (!x->closed && x->sent == x->total && tcp_state(&x->c) != MINATO_SYN_SENT &&
	    tcp_state(&x->c) != MINATO_SYN_RECEIVED)
		x->closed = tcp_shutdown_write(&e, &x->c);
}

static inline void wire_deliver(struct wire *w)
{
	const struct wire_segment s = wire_pop(w);
	struct tcp_env e;
	struct wire_end *x = &w->end[s.to];
	const struct tcp_payload p = { .data = s.data, .len = s.len, .chunk = MINATO_CHUNK_NONE };

	w->now = s.at > w->now ? s.at : w->now;
	e = wire_env(w, s.to);
	if (tcp_state(&x->c) == MINATO_CLOSED && !tcp_dead(&x->c))
		;
	else if (s.to == 1 && tcp_state(&x->c) == MINATO_CLOSED && !x->ended &&
		 (s.s.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		const struct tcp_setup setup = { .mtu = w->plan.mtu,
						 .gso_max = w->plan.gso_max,
						 .tuple_hash = w->plan.seed * 77 };
		struct tcp listener = x->c;
		tcp_init(&x->c);
		tcp_passive(&e, &x->c, &listener, &setup, &s.s, false);
	} else {
		(void)tcp_arrive(&e, &x->c, &s.s, &p);
	}
	board_audit(&e, &x->c);
	free(s.data);
}

/* One event: the next segment or timer. False when nothing will happen. */
static inline bool wire_step(struct wire *w)
{
	int64_t next = INT64_MAX;
	int i, who = -1;

	for (i = 0; i < 2; i++) {
		struct tcp_env e = wire_env(w, i);
		const int64_t at = tcp_deadline(&e, &w->end[i].c).ns;
		if (at < next) {
			next = at;
			who = i;
		}
	}
	if (w->count > 0 && w->flight[0].at <= next) {
		wire_deliver(w);
	} else if (who >= 0) {
		struct tcp_env e;
		w->now = next > w->now ? next : w->now;
		e = wire_env(w, who);
		tcp_expire(&e, &w->end[who].c);
	} else {
		return false;
	}
	for (i = 0; i < 2; i++) {
		wire_application(w, i);
		wire_output(w, i);
	}
	return true;
}

static inline struct wire *wire_open(const struct wire_plan *plan)
{
	struct wire *w = calloc(1, sizeof(*w));
	int i;

	w->plan = *plan;
	if (w->plan.mtu == 0)
		w->plan.mtu = 1500;
	if (w->plan.active_max == 0)
		w->plan.active_max = 4;
	if (w->plan.large == 0)
		w->plan.large = 256;
	w->random = plan->seed * 0x9e3779b97f4a7c15u + 1;
	w->now = 1000 * NS_PER_S;
	for (i = 0; i < 2; i++) {
		wire_end_open(w, i);
		w->end[i].c.no_sack = plan->no_sack;
		w->end[i].c.no_ts = plan->no_ts;
		w->end[i].c.newreno = plan->newreno;
	}
	return w;
}

static inline void wire_connect(struct wire *w)
{
	struct tcp_env e = wire_env(w, 0);
	const struct tcp_setup setup = { .mtu = w->plan.mtu,
					 .gso_max = w->plan.gso_max,
					 .tuple_hash = w->plan.seed };

	tcp_connect(&e, &w->end[0].c, &setup);
	wire_output(w, 0);
}

static inline bool wire_done(const struct wire *w)
{
	return w->end[0].ended && w->end[1].ended &&
	       w->end[0].got == w->end[1].total && w->end[1].got == w->end[0].total;
}

/* Runs until both have read all, or `seconds` have passed. */
static inline void wire_run(struct wire *w, int64_t seconds)
{
	const int64_t until = w->now + seconds * NS_PER_S;

	while (!wire_done(w) && w->now < until)
		if (!wire_step(w))
			break;
}

static inline void wire_close(struct wire *w)
{
	int i;

	while (w->count > 0)
		free(wire_pop(w).data);
	for (i = 0; i < 2; i++) {
		struct tcp_env e = wire_env(w, i);
		struct wire_end *x = &w->end[i];
		tcp_destroy(&e, &x->c);
		assert_int_equal(x->shared.active.used, 0);
		assert_int_equal(x->shared.records.used, 0);
		assert_int_equal(x->shared.holes.used, 0);
		assert_int_equal(x->payload.large.used, 0);
		assert_int_equal(x->payload.small.used, 0);
		assert_int_equal(x->payload.extents.used, 0);
		free(x->shared_memory);
		free(x->payload_memory);
	}
	free(w);
}

#endif
