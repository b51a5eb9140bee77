/* SPDX-License-Identifier: BSD-2-Clause */
/* A gateway alone, without frames: packets are keys, and time is given. */
#ifndef UNIT_NAT_FIXTURE_H
#define UNIT_NAT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "nat/nat.h"

#define TCP MINATO_TCP
#define UDP MINATO_UDP
#define ICMP MINATO_ICMP
#define PUBLIC "198.51.100.1"

static const struct hash_key nat_fixture_key = { { 0x6d696e61746f, 0x6e6174 } };
static char *fixture_memory;
static size_t fixture_size;
static struct port_table *t;
static struct nat *n;
static struct minato_time fixture_now;

static inline void fixture_open(const struct nat_limits *limits)
{
	const struct port_limits ports = { (uint32_t)nat_tuples(limits) + 4096, 4096, 64, 1024, 0 };
	const size_t nat_size = nat_bytes(limits);

	fixture_size = nat_size + port_bytes(&ports);
	fixture_memory = mmap(NULL, fixture_size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(fixture_memory != MAP_FAILED);
	fixture_now = (struct minato_time){ 1000 * NS_PER_S };
	t = port_init(fixture_memory + nat_size, &ports, &nat_fixture_key);
	n = nat_init(fixture_memory, limits, t, &nat_fixture_key, fixture_now);
}

static inline void fixture_close(void)
{
	unpoison(fixture_memory, fixture_size);
	munmap(fixture_memory, fixture_size);
}

static inline struct minato_addr addr(const char *text)
{
	struct minato_addr a;

	assert_int_equal(minato_addr_parse(text, &a), 0);
	return a;
}

static inline int fixture_setup(void **state)
{
	const struct nat_limits limits = { .sessions_max = 4096,
					   .mappings_max = 4096,
					   .hosts_max = 256,
					   .pools_max = 8,
					   .forwards_max = 64,
					   .inside_scope = 0,
					   .outside_scope = 1 };
	const struct minato_addr public = addr(PUBLIC);

	(void)state;
	fixture_open(&limits);
	assert_int_equal(nat_pool_add(n, 1, &public, 0, 0), 0);
	return 0;
}

static inline int fixture_teardown(void **state)
{
	(void)state;
	fixture_close();
	return 0;
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

static inline void pass_ms(int64_t ms)
{
	fixture_now.ns += ms * NS_PER_MS;
	nat_advance(n, fixture_now);
}

static inline struct minato_endpoint end(const char *text, uint16_t port)
{
	return (struct minato_endpoint){ addr(text), port };
}

static inline bool same_end(struct minato_endpoint a, struct minato_endpoint b)
{
	return a.port == b.port && minato_addr_equal(&a.addr, &b.addr);
}

/* What the last packet left as. */
static struct nat_way way;

/* A packet from an end to another; the rest of it is in `p`. */
static inline enum nat_verdict packet_of(struct nat_packet p, uint8_t proto,
					 struct minato_endpoint src, struct minato_endpoint dst)
{
	const struct port_key key = { .local = dst.addr,
				      .remote = src.addr,
				      .local_port = dst.port,
				      .remote_port = src.port,
				      .scope = p.inside ? 0 : 1,
				      .face = p.inside ? 0 : 1,
				      .proto = proto };
	struct port_probe probe = { .key = &key };

	p.whose = nat_pool_has(n, UINT32_MAX, &dst.addr) ? NAT_OUTSIDE : NAT_OTHERS;
	p.opens = proto != TCP || (p.tcp_flags & (NAT_SYN | NAT_ACK)) == NAT_SYN;
	port_seek(t, &probe, 1);
	nat_seek(n, &probe, 1);
	memset(&way, 0, sizeof(way));
	return nat_packet(n, &probe, &p, &way);
}

/* Everybody's first number is 0, and what is acknowledged a SYN of that. */
static inline enum nat_verdict packet(bool inside, uint8_t proto, struct minato_endpoint src,
				      struct minato_endpoint dst, uint8_t flags)
{
	const struct nat_packet p = { .inside = inside, .tcp_flags = flags, .ack = 1 };

	return packet_of(p, proto, src, dst);
}

static inline enum nat_verdict out(uint8_t proto, struct minato_endpoint src,
				   struct minato_endpoint dst, uint8_t flags)
{
	return packet(true, proto, src, dst, flags);
}

static inline enum nat_verdict in(uint8_t proto, struct minato_endpoint src,
				  struct minato_endpoint dst, uint8_t flags)
{
	return packet(false, proto, src, dst, flags);
}

/* A first datagram outward; where it appears. */
static inline struct minato_endpoint map_udp(const char *host, uint16_t port, const char *to,
					     uint16_t to_port)
{
	assert_int_equal(out(UDP, end(host, port), end(to, to_port), 0), NAT_PASS);
	return way.src;
}

/* port_add and nat_forward_add; `bounds`: the entry whose bounds are its. */
static inline int64_t add_bounded(const struct minato_entry *e, uint32_t bounds)
{
	const int64_t entry = port_add(t, e, NULL);
	int kept;

	if (entry < 0)
		return entry;
	kept = nat_forward_add(n, (uint32_t)entry, bounds, e);
	if (kept >= 0)
		return entry;
	port_remove(t, (uint32_t)entry);
	return kept;
}

static inline int64_t add_entry(const struct minato_entry *e)
{
	return add_bounded(e, NAT_NONE);
}

static inline void remove_entry(int64_t entry)
{
	nat_forward_remove(n, (uint32_t)entry);
	port_remove(t, (uint32_t)entry);
}

static inline struct minato_entry forward_entry(uint8_t proto, uint16_t first, uint16_t last,
						const char *to, uint16_t port)
{
	return (struct minato_entry){ .kind = MINATO_KIND_FORWARD,
				      .scope = 1,
				      .face = MINATO_FACE_ANY,
				      .proto = proto,
				      .first = first,
				      .last = last,
				      .target = end(to, port),
				      .translate = true };
}

static inline uint64_t counted(enum nat_counter counter)
{
	return nat_counter(n, counter);
}

/* No tuple of ours is left, no slot, no port taken. */
static inline void assert_empty(void)
{
	static const uint8_t protos[] = { TCP, UDP, ICMP };

	assert_int_equal(n->sessions4.used + n->sessions6.used, 0);
	assert_int_equal(n->mappings.used, 0);
	assert_int_equal(n->hosts.used, 0);
	assert_int_equal(n->sources, 0);
	assert_int_equal(port_tuple_count(t), n->pool_count);
	for (uint32_t i = 0; i < n->pool_count * 3; i++)
		assert_int_equal(outside_ports(n, n->pool_live[i / 3], protos[i % 3])->free.total +
						 n->resting +
						 outside_ports(n, n->pool_live[i / 3],
							       protos[i % 3])
							 ->shut_count >=
					 65536,
				 1);
}

#endif
