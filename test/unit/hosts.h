/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Host values for tests: made in memory of their own, joined by a wire that
 * carries every frame at once, under a clock that the test turns.
 *
 *      a 10.0.0.1, fd00::1  --- link 0 --- link 0 ---  b 10.0.0.2, fd00::2
 */
#ifndef TEST_UNIT_HOSTS_H
#define TEST_UNIT_HOSTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/check.h"
#include "minato/minato.h"

#define SECOND INT64_C(1000000000)
#define MILLI INT64_C(1000000)
#define FRAME_MAX 70000u

struct host {
	struct minato *m;
	size_t size;
};

struct pair {
	struct host a, b;
	struct minato_time now;
	uint64_t frames; /* carried so far */
	uint32_t largest;
	/* What happens to frames from a to b and back; NULL: they arrive. */
	bool (*filter)(void *user, bool from_a, uint8_t *frame, uint32_t *len);
	void *user;
};

static inline struct minato_addr addr(const char *text)
{
	struct minato_addr a;

	assert_int_equal(minato_addr_parse(text, &a), 0);
	return a;
}

static inline struct minato_endpoint end(const char *text, uint16_t port)
{
	return (struct minato_endpoint){ addr(text), port };
}

static inline struct minato_config small_config(enum minato_link_type type, uint8_t tail)
{
	struct minato_config c;

	minato_config_init(&c);
	c.seed[0] = 0x5eed;
	c.seed[1] = tail;
	c.sockets_max = 2048;
	c.time_wait_max = 64;
	c.entries_max = 64;
	c.neighbours_max = 16;
	c.chunks_large = 64;
	c.chunks_small = 1024;
	c.active_max = 256;
	c.calls_max = 32;
	c.link_count = 1;
	c.link[0].type = type;
	c.link[0].mtu = 1500;
	if (type == MINATO_LINK_ETHERNET) {
		c.link[0].mac[0] = 2;
		c.link[0].mac[5] = tail;
	}
	return c;
}

static inline struct host host_new(const struct minato_config *c, struct minato_time now)
{
	struct host h = { .size = minato_size(c) };
	void *memory;

	assert_true(h.size > 0);
	memory = mmap(NULL, h.size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(memory != MAP_FAILED);
	assert_int_equal(minato_create(memory, h.size, c, now, &h.m), 0);
	return h;
}

static inline void host_end(struct host *h)
{
	/* The memory may be mapped again: nothing poisoned may stay behind. */
	unpoison(h->m, h->size);
	munmap(h->m, h->size);
	h->m = NULL;
}

static inline struct pair pair_with(const struct minato_config *a, const struct minato_config *b)
{
	struct pair p = { .now = { 10 * SECOND } };
	struct minato_addr ours;

	p.a = host_new(a, p.now);
	p.b = host_new(b, p.now);
	ours = addr("10.0.0.1");
	assert_int_equal(minato_address_add(p.a.m, 0, &ours, 24), 0);
	ours = addr("fd00::1");
	assert_int_equal(minato_address_add(p.a.m, 0, &ours, 64), 0);
	ours = addr("10.0.0.2");
	assert_int_equal(minato_address_add(p.b.m, 0, &ours, 24), 0);
	ours = addr("fd00::2");
	assert_int_equal(minato_address_add(p.b.m, 0, &ours, 64), 0);
	return p;
}

static inline struct pair pair_new(enum minato_link_type type)
{
	const struct minato_config a = small_config(type, 1);
	const struct minato_config b = small_config(type, 2);

	return pair_with(&a, &b);
}

static inline void pair_end(struct pair *p)
{
	host_end(&p->a);
	host_end(&p->b);
}

static inline uint32_t flat(const struct minato_frame_out *f, uint8_t *out)
{
	uint32_t len = 0;

	for (uint32_t i = 0; i < f->extent_count; i++) {
		assert_true(len + f->extents[i].len <= FRAME_MAX);
		if (f->extents[i].len > 0)
			memcpy(out + len, f->extents[i].base, f->extents[i].len);
		len += (uint32_t)f->extents[i].len;
	}
	assert_int_equal(len, f->len);
	return len;
}

/* One batch of frames from one to the other. Returns how many there were. */
static inline size_t carry(struct pair *p, bool from_a)
{
	static uint8_t bytes[FRAME_MAX];
	struct minato *from = from_a ? p->a.m : p->b.m;
	struct minato *to = from_a ? p->b.m : p->a.m;
	struct minato_frame_out out[32];
	const size_t count = minato_output(from, p->now, out, 32);

	for (size_t i = 0; i < count; i++) {
		uint32_t len = flat(&out[i], bytes);
		uint8_t *copy = malloc(len);
		struct minato_frame in = {
			.data = copy,
			.len = len,
			.chunk = MINATO_CHUNK_NONE,
			.gso_size = out[i].gso_size,
			.gso = out[i].gso,
			.csum_trusted = out[i].csum_start != 0,
			.csum_partial = out[i].csum_start != 0,
		};
		assert_non_null(copy);
		memcpy(copy, bytes, len);
		p->frames++;
		if (len > p->largest)
			p->largest = len;
		if (!p->filter || p->filter(p->user, from_a, copy, &in.len))
			minato_input(to, p->now, &in, 1);
		free(copy);
	}
	return count;
}

/* Until neither has anything to say now. */
static inline void settle(struct pair *p)
{
	for (int i = 0; i < 100000; i++)
		if (carry(p, true) + carry(p, false) == 0)
			return;
	fail_msg("two hosts talk without end");
}

/* Lets time pass, stopping where something is due. */
static inline void pass(struct pair *p, int64_t ns)
{
	const int64_t end_ns = p->now.ns + ns;

	settle(p);
	while (p->now.ns < end_ns) {
		int64_t next = minato_deadline(p->a.m).ns;
		const int64_t other = minato_deadline(p->b.m).ns;
		if (other < next)
			next = other;
		if (next <= p->now.ns)
			next = p->now.ns + 1;
		p->now.ns = next < end_ns ? next : end_ns;
		minato_advance(p->a.m, p->now);
		minato_advance(p->b.m, p->now);
		settle(p);
	}
}

static inline uint64_t counter(const struct minato *m, const char *name)
{
	for (uint32_t i = 0; i < minato_counter_count(); i++)
		if (strcmp(minato_counter_name(i), name) == 0)
			return minato_counter(m, i);
	fail_msg("no counter %s", name);
	return 0;
}

static inline uint32_t ready(struct minato *m, uint64_t s)
{
	const int mask = minato_ready(m, s, NULL);

	assert_true(mask >= 0);
	return (uint32_t)mask;
}

static inline uint64_t open_socket(struct minato *m, enum minato_proto proto)
{
	uint64_t s;

	assert_int_equal(minato_socket(m, proto, 0, &s), 0);
	return s;
}

static inline uint64_t open_bound(struct minato *m, enum minato_proto proto, const char *text,
				  uint16_t port)
{
	const uint64_t s = open_socket(m, proto);
	const struct minato_endpoint local = end(text, port);

	assert_int_equal(minato_bind(m, s, &local), 0);
	return s;
}

static inline uint64_t open_listener(struct minato *m, const char *text, uint16_t port,
				     uint32_t backlog)
{
	const uint64_t s = open_bound(m, MINATO_TCP, text, port);

	assert_int_equal(minato_listen(m, s, backlog), 0);
	return s;
}

/* A connection from a to b's listener; *server is the accepted end. */
static inline uint64_t join(struct pair *p, uint64_t listener, const char *text, uint16_t port,
			    uint64_t *server)
{
	const uint64_t client = open_socket(p->a.m, MINATO_TCP);
	const struct minato_endpoint peer = end(text, port);

	assert_int_equal(minato_connect(p->a.m, client, &peer), -115);
	pass(p, 10 * MILLI);
	assert_int_equal(minato_accept(p->b.m, listener, server, NULL), 0);
	return client;
}

#endif
