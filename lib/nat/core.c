/* SPDX-License-Identifier: BSD-2-Clause */
/* The state of the gateway as a whole: how it lies in memory, time, options. */
#include "nat/nat.h"

#include <errno.h>
#include <string.h>

struct nat {
	struct nat_limits limits;
	int64_t table; /* from here */
	struct minato_time now;
	struct minato_nat options;
	uint64_t counters[NAT_COUNTER_COUNT];
};

void minato_nat_init(struct minato_nat *nat)
{
	*nat = (struct minato_nat){
		.tcp_filtering = MINATO_FILTER_ENDPOINT,
		.udp_filtering = MINATO_FILTER_ENDPOINT,
		.hairpin = true,
		.overflow = true,
		.port_class = true,
		.mark_unreachable = true,
		.icmp_to_inside = true,
		.icmp_to_outside = true,
		.udp_s = 300,
		.tcp_established_s = 7440,
		.tcp_opening_s = 240,
		.tcp_closing_s = 240,
		.tcp_reset_s = 240,
		.icmp_s = 60,
		.unsolicited_syn_s = 6,
		.rest_s = 120,
		.rests_max = 65536,
	};
}

size_t nat_bytes(const struct nat_limits *limits)
{
	(void)limits;
	return (sizeof(struct nat) + 63) & ~(size_t)63;
}

uint64_t nat_tuples(const struct nat_limits *limits)
{
	return 2 * (uint64_t)limits->sessions_max +
	       2 * (uint64_t)limits->mappings_max + limits->hosts_max +
	       NAT_SOURCES_MAX;
}

struct nat *nat_init(void *memory, const struct nat_limits *limits,
		     struct port_table *table, const struct hash_key *key,
		     struct minato_time now)
{
	struct nat *n = memory;

	(void)key;
	*n = (struct nat){
		.limits = *limits,
		.table = (char *)table - (char *)n,
		.now = now,
	};
	minato_nat_init(&n->options);
	return n;
}

void nat_advance(struct nat *n, struct minato_time now)
{
	if (now.ns > n->now.ns)
		n->now = now;
}

struct minato_time nat_deadline(const struct nat *n)
{
	(void)n;
	return MINATO_NEVER;
}

uint64_t nat_counter(const struct nat *n, enum nat_counter counter)
{
	return n->counters[counter];
}

const char *nat_counter_name(enum nat_counter counter)
{
	static const char *const names[NAT_COUNTER_COUNT] = {
#define X(name, text) [NAT_COUNT_##name] = text,
		NAT_COUNTERS(X)
#undef X
	};

	check((uint32_t)counter < NAT_COUNTER_COUNT);
	return names[counter];
}

const struct minato_nat *nat_get(const struct nat *n)
{
	return &n->options;
}

/* --- not here yet -------------------------------------------------------- */

enum nat_verdict nat_packet(struct nat *n, const struct port_probe *probe,
			    const struct nat_packet *p, struct nat_way *out)
{
	(void)probe;
	(void)p;
	(void)out;
	n->counters[NAT_COUNT_NO_SESSION]++;
	return p->whose == NAT_OTHERS ? NAT_DROP : NAT_HOST;
}

void nat_seek(const struct nat *n, const struct port_probe *probes,
	      size_t count)
{
	(void)n;
	(void)probes;
	(void)count;
}

enum nat_verdict nat_error(struct nat *n, const struct port_key *inner,
			   bool inside, struct nat_way *out)
{
	(void)inner;
	(void)inside;
	(void)out;
	n->counters[NAT_COUNT_NO_MAPPING]++;
	return NAT_HOST;
}

bool nat_syn_met(const struct nat *n, const struct port_key *key)
{
	(void)n;
	(void)key;
	return false;
}

int nat_set(struct nat *n, const struct minato_nat *nat)
{
	(void)n;
	(void)nat;
	return -EOPNOTSUPP;
}

int nat_inside_add(struct nat *n, uint8_t scope,
		   const struct minato_addr *prefix, uint8_t len)
{
	(void)n;
	(void)scope;
	(void)prefix;
	(void)len;
	return 0;
}

int nat_inside_remove(struct nat *n, uint8_t scope,
		      const struct minato_addr *prefix, uint8_t len)
{
	(void)n;
	(void)scope;
	(void)prefix;
	(void)len;
	return 0;
}

uint8_t nat_inside_scope(const struct nat *n, const struct minato_addr *a)
{
	(void)a;
	return n->limits.inside_scope;
}

int nat_pool_add(struct nat *n, uint32_t link, const struct minato_addr *addr,
		 uint16_t low, uint16_t high)
{
	(void)n;
	(void)link;
	(void)addr;
	(void)low;
	(void)high;
	return -EOPNOTSUPP;
}

int nat_pool_remove(struct nat *n, uint32_t link,
		    const struct minato_addr *addr)
{
	(void)n;
	(void)link;
	(void)addr;
	return -ENOENT;
}

bool nat_pool_has(const struct nat *n, uint32_t link,
		  const struct minato_addr *addr)
{
	(void)n;
	(void)link;
	(void)addr;
	return false;
}

int nat_forward_add(struct nat *n, uint32_t entry,
		    const struct minato_entry *what)
{
	(void)n;
	(void)entry;
	(void)what;
	return -EOPNOTSUPP;
}

void nat_forward_remove(struct nat *n, uint32_t entry)
{
	(void)n;
	(void)entry;
}

void nat_forward_get(const struct nat *n, uint32_t entry,
		     struct minato_entry *out)
{
	(void)n;
	(void)entry;
	(void)out;
}

uint32_t nat_forward_taken(const struct nat *n, const struct minato_entry *what)
{
	(void)n;
	(void)what;
	return POOL_NONE;
}

int nat_group_set(struct nat *n, uint64_t *group,
		  const struct minato_server *servers, uint32_t count,
		  bool sticky)
{
	(void)n;
	(void)group;
	(void)servers;
	(void)count;
	(void)sticky;
	return -EOPNOTSUPP;
}

int nat_group_get(const struct nat *n, uint64_t group,
		  struct minato_server *servers, uint32_t max)
{
	(void)n;
	(void)group;
	(void)servers;
	(void)max;
	return -EBADF;
}

int nat_group_remove(struct nat *n, uint64_t group)
{
	(void)n;
	(void)group;
	return -EBADF;
}

bool nat_session_next(const struct nat *n, uint64_t *cursor,
		      struct minato_session *out)
{
	(void)n;
	(void)cursor;
	(void)out;
	return false;
}

bool nat_mapping_next(const struct nat *n, uint64_t *cursor,
		      struct minato_mapping *out)
{
	(void)n;
	(void)cursor;
	(void)out;
	return false;
}

int nat_mapping_find(const struct nat *n, uint8_t proto,
		     const struct minato_endpoint *outside,
		     struct minato_mapping *out)
{
	(void)n;
	(void)proto;
	(void)outside;
	(void)out;
	return -ENOENT;
}

uint64_t nat_session_handle(const struct nat *n, uint32_t session)
{
	(void)n;
	(void)session;
	return 0;
}

uint64_t nat_mapping_handle(const struct nat *n, uint32_t mapping)
{
	(void)n;
	(void)mapping;
	return 0;
}

int nat_session_end(struct nat *n, uint64_t handle)
{
	(void)n;
	(void)handle;
	return -EBADF;
}

int nat_mapping_end(struct nat *n, uint64_t handle)
{
	(void)n;
	(void)handle;
	return -EBADF;
}

int nat_inside_end(struct nat *n, const struct minato_addr *inside)
{
	(void)n;
	(void)inside;
	return -ENOENT;
}

int nat_session_adopt(struct nat *n, const struct minato_session *s)
{
	(void)n;
	(void)s;
	return -EOPNOTSUPP;
}

bool nat_session_salvage(const void *memory, size_t size,
			 const struct nat_limits *limits, uint64_t *cursor,
			 struct minato_session *out)
{
	(void)memory;
	(void)size;
	(void)limits;
	(void)cursor;
	(void)out;
	return false;
}

bool nat_news(struct nat *n, struct minato_nat_news *out)
{
	(void)n;
	(void)out;
	return false;
}
