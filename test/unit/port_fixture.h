/* SPDX-License-Identifier: BSD-2-Clause */
/* A port table in fresh memory, and short words for keys and entries. */
#ifndef TEST_UNIT_PORT_FIXTURE_H
#define TEST_UNIT_PORT_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/check.h"
#include "port/port.h"

#define TCP MINATO_TCP
#define UDP MINATO_UDP
#define ICMP MINATO_ICMP

static const struct hash_key fixture_key = { { 0x6d696e61746f, 0x706f7274 } };
static struct port_table *t;
static size_t fixture_size;

static inline void *fixture_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}

static inline void fixture_open(uint32_t tuples_max, uint32_t entries_max,
				const struct hash_key *key)
{
	const struct port_limits limits = { tuples_max, entries_max, 64, entries_max, 0 };

	fixture_size = port_bytes(&limits);
	t = port_init(fixture_memory(fixture_size), &limits, key);
}

static inline void fixture_close(void)
{
	unpoison(t, fixture_size);
	munmap(t, fixture_size);
	t = NULL;
}

static inline int fixture_setup(void **state)
{
	(void)state;
	fixture_open(4096, 1024, &fixture_key);
	return 0;
}

static inline int fixture_teardown(void **state)
{
	(void)state;
	fixture_close();
	return 0;
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

static inline struct minato_addr addr(const char *text)
{
	struct minato_addr a;

	assert_int_equal(minato_addr_parse(text, &a), 0);
	return a;
}

static inline struct port_key key_of(uint8_t proto, const char *local, uint16_t local_port,
				     const char *remote, uint16_t remote_port)
{
	return (struct port_key){
		.local = addr(local),
		.remote = addr(remote),
		.local_port = local_port,
		.remote_port = remote_port,
		.proto = proto,
	};
}

static inline int64_t insert(struct port_key key, uint32_t owner)
{
	return port_tuple_insert(t, &key, (struct port_tuple_ref){ .owner = owner });
}

static inline struct port_claim claim_of(uint8_t proto, const char *local, uint16_t port)
{
	return (struct port_claim){
		.proto = proto,
		.local = addr(local),
		.port = port,
		.uid = 1000,
	};
}

static inline int64_t bind_claim(struct port_claim claim)
{
	return port_bind(t, &claim, NULL);
}

/* Binds and accepts; the owner is the port. */
static inline uint32_t listen_on(uint8_t proto, const char *local, uint16_t port)
{
	struct port_claim claim = claim_of(proto, local, port);
	int64_t entry;

	claim.owner = port;
	entry = bind_claim(claim);
	assert_true(entry >= 0);
	assert_int_equal(port_accepting(t, (uint32_t)entry, true), 0);
	return (uint32_t)entry;
}

/* An entry for TCP of scope 0 with every address, every face and these ports. */
static inline struct minato_entry entry_of(enum minato_kind kind, uint16_t first, uint16_t last)
{
	return (struct minato_entry){
		.kind = kind,
		.verdict = kind == MINATO_KIND_GUARD ? MINATO_DROP : MINATO_PASS,
		.face = MINATO_FACE_ANY,
		.proto = TCP,
		.first = first,
		.last = last,
	};
}

static inline struct minato_entry at_local(struct minato_entry e, const char *local,
					   uint8_t prefix_len)
{
	e.local = addr(local);
	e.local_prefix = prefix_len;
	return e;
}

static inline struct minato_entry from_remote(struct minato_entry e, const char *remote,
					      uint8_t prefix_len)
{
	e.remote = addr(remote);
	e.remote_prefix = prefix_len;
	return e;
}

static inline int64_t add(struct minato_entry e)
{
	return port_add(t, &e, NULL);
}

static inline uint32_t added(struct minato_entry e)
{
	int64_t entry = add(e);

	assert_true(entry >= 0);
	return (uint32_t)entry;
}

static inline struct port_fate look_up_at(struct port_key key, int64_t now_ns)
{
	struct port_fate fate;

	port_lookup(t, &key, (struct minato_time){ now_ns }, true, &fate);
	return fate;
}

static inline struct port_fate look_up(struct port_key key)
{
	return look_up_at(key, 0);
}

#endif
