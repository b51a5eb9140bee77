/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes a host value in the caller's memory, and moves its time. */
#include "stack/stack.h"

#include <errno.h>
#include <string.h>

/* What an idle connection costs: 192 bytes, a tuple and a wheel link. */
_Static_assert(sizeof(struct tcp) <= 128, "body of a socket");
_Static_assert(sizeof(struct datagrams) <= 128, "body of a socket");
_Static_assert(offsetof(struct socket, body) <= 64, "head of a socket");
_Static_assert(sizeof(struct socket) <= 192, "slot of a socket");
_Static_assert(sizeof(struct waiting) == 32, "record of TIME-WAIT");
_Static_assert(sizeof(struct wheel_link) == 16, "timer of a socket");
_Static_assert(sizeof(struct share_link) == 16, "place of a socket");

#define LIMIT_SOCKETS (1u << 24)
#define LIMIT_CHUNKS_LARGE (1u << 20)
#define LIMIT_CHUNKS_SMALL (1u << 24)
#define LIMIT_POOLS 4096u
#define LIMIT_SCOPE (PORT_SCOPES - 1)
#define MTU_MAX 65535u

/* Messages without payload need no chunk; they have a bound all the same. */
#define MESSAGES_EXTRA (STACK_CONTROL_MAX + 1024u)

void minato_config_init(struct minato_config *config)
{
	*config = (struct minato_config){
		.sockets_max = 65536,
		.time_wait_max = 65536,
		.entries_max = 4096,
		.neighbours_max = 1024,
		.routes_max = 64,
		.chunks_large = 768,
		.chunks_small = 8192,
		.active_max = 16384,
		.calls_max = 4096,
		.reassemblies_max = 64,
		.owners_max = 1024,
		.leases_max = 65536,
		.scan_sources_max = 65536,
		.inside_hosts_max = 65536,
		.pool_addresses_max = 64,
	};
}

static void set_default(uint32_t *value, uint32_t standard)
{
	if (*value == 0)
		*value = standard;
}

/* Zero takes the default. */
static struct minato_config complete(const struct minato_config *given)
{
	struct minato_config c = *given;
	struct minato_config standard;

	minato_config_init(&standard);
	set_default(&c.sockets_max, standard.sockets_max);
	set_default(&c.time_wait_max, standard.time_wait_max);
	set_default(&c.entries_max, standard.entries_max);
	set_default(&c.neighbours_max, standard.neighbours_max);
	set_default(&c.routes_max, standard.routes_max);
	set_default(&c.chunks_large, standard.chunks_large);
	set_default(&c.chunks_small, standard.chunks_small);
	set_default(&c.active_max, standard.active_max);
	set_default(&c.calls_max, standard.calls_max);
	set_default(&c.half_open_max, c.calls_max);
	set_default(&c.owners_max, standard.owners_max);
	set_default(&c.leases_max, standard.leases_max);
	set_default(&c.scan_sources_max, standard.scan_sources_max);
	set_default(&c.mappings_max, c.sessions_max);
	if (c.sessions_first > c.sessions_max)
		c.sessions_first = c.sessions_max;
	if (c.sessions_first > c.mappings_max)
		c.sessions_first = c.mappings_max;
	set_default(&c.inside_hosts_max, standard.inside_hosts_max);
	set_default(&c.pool_addresses_max, standard.pool_addresses_max);
	/* Each holds a large chunk, and frames that arrive want some too. */
	if (c.reassemblies_max == 0)
		c.reassemblies_max = standard.reassemblies_max;
	if (c.reassemblies_max > c.chunks_large / 4)
		c.reassemblies_max = c.chunks_large / 4 + 1;
	return c;
}

static bool link_valid(const struct minato_link_config *l)
{
	const uint32_t all = MINATO_OFFLOAD_CSUM | MINATO_OFFLOAD_TSO4 |
			     MINATO_OFFLOAD_TSO6 | MINATO_OFFLOAD_USO4 |
			     MINATO_OFFLOAD_USO6;
	const uint32_t super = all & ~MINATO_OFFLOAD_CSUM;

	if (l->type != MINATO_LINK_ETHERNET && l->type != MINATO_LINK_IP)
		return false;
	if (l->mtu < STACK_MTU_MIN || l->mtu > MTU_MAX ||
	    l->scope > LIMIT_SCOPE)
		return false;
	if (l->type == MINATO_LINK_ETHERNET && (l->mac[0] & 1) != 0)
		return false;
	if ((l->offloads & ~all) != 0)
		return false;
	return !(l->offloads & super) || (l->offloads & MINATO_OFFLOAD_CSUM);
}

/* The first link of that role, or NULL. */
static const struct minato_link_config *
of_role(const struct minato_config *c, enum minato_role role)
{
	for (uint32_t i = 0; i < c->link_count; i++)
		if (c->link[i].role == role)
			return &c->link[i];
	return NULL;
}

static struct nat_limits nat_limits(const struct minato_config *c)
{
	const struct minato_link_config *inside =
		of_role(c, MINATO_ROLE_INSIDE);
	const struct minato_link_config *outside =
		of_role(c, MINATO_ROLE_OUTSIDE);

	return (struct nat_limits){
		.sessions_max = c->sessions_max,
		.mappings_max = c->mappings_max,
		.hosts_max = c->inside_hosts_max,
		.pools_max = c->pool_addresses_max,
		.forwards_max = c->entries_max,
		.inside_scope = inside != NULL ? inside->scope : 0,
		.outside_scope = outside != NULL ? outside->scope : 1,
	};
}

static uint64_t tuples_of_nat(const struct minato_config *c)
{
	const struct nat_limits limits = nat_limits(c);

	return c->sessions_max > 0 ? nat_tuples(&limits) : 0;
}

/* What packets are handed on between must be told apart. */
static bool roles_valid(const struct minato_config *c)
{
	const uint8_t outside = nat_limits(c).outside_scope;

	for (uint32_t i = 0; i < c->link_count; i++) {
		const struct minato_link_config *l = &c->link[i];
		if ((uint32_t)l->role > MINATO_ROLE_OUTSIDE)
			return false;
		if (l->role == MINATO_ROLE_HOST)
			continue;
		if (c->sessions_max == 0)
			return false;
		if ((l->role == MINATO_ROLE_OUTSIDE) != (l->scope == outside))
			return false;
	}
	return true;
}

static bool gateway_valid(const struct minato_config *c)
{
	return roles_valid(c) && c->sessions_max <= LIMIT_SOCKETS &&
	       c->mappings_max <= LIMIT_SOCKETS &&
	       c->inside_hosts_max <= LIMIT_SOCKETS &&
	       c->pool_addresses_max <= LIMIT_POOLS &&
	       c->sockets_max + 2 * (uint64_t)c->time_wait_max +
			       c->leases_max + tuples_of_nat(c) <=
		       PORT_TUPLES_MAX;
}

static bool config_valid(const struct minato_config *c)
{
	if (c->link_count > MINATO_LINKS_MAX)
		return false;
	for (uint32_t i = 0; i < c->link_count; i++)
		if (!link_valid(&c->link[i]))
			return false;
	return gateway_valid(c) && c->sockets_max <= LIMIT_SOCKETS &&
	       c->time_wait_max <= LIMIT_SOCKETS &&
	       c->entries_max <= LIMIT_SOCKETS &&
	       c->active_max <= LIMIT_SOCKETS &&
	       c->leases_max <= LIMIT_SOCKETS &&
	       c->scan_sources_max <= SCAN_SOURCES_MAX &&
	       (uint32_t)c->chooser < MINATO_CHOOSER_COUNT &&
	       c->calls_max <= LIMIT_SOCKETS &&
	       c->half_open_max <= LIMIT_SOCKETS &&
	       c->neighbours_max <= 1u << 20 &&
	       c->owners_max <= UINT16_MAX && c->routes_max <= 4096 &&
	       c->chunks_large <= LIMIT_CHUNKS_LARGE &&
	       c->chunks_small <= LIMIT_CHUNKS_SMALL;
}

/* Where everything lies, in bytes from the host value. */
struct layout {
	size_t table, generations, routes, buckets, waits, frames;
	size_t sockets, details, messages, neighbours;
	size_t links, payload, tcp, gather, reassemblies, leases;
	size_t halves, half_live, share, share_links;
	size_t actors, actor_of, actor_was;
	size_t lease_generations;
	size_t nat, passing; /* 0: none */
	size_t scan;
	size_t size;
	struct port_limits limits;
	uint32_t bucket_count, message_count;
};

static size_t place(struct layout *l, size_t bytes)
{
	const size_t at = l->size;

	l->size += (bytes + 63) & ~(size_t)63;
	return at;
}

/* Where there may be more, a gateway has room for those of its first second at
   full speed: 6 MB, of which memory is what was touched. */
#define FIRST_MAX (1u << 18)
#define TUPLES_EACH 4u /* a session's two, and those of its mapping */

static uint32_t tuples_first(const struct minato_config *c)
{
	const uint64_t half = tuples_of_nat(c) / 2;
	const uint64_t said = (uint64_t)c->sessions_first * TUPLES_EACH;
	const uint64_t first = half < FIRST_MAX ? half : FIRST_MAX;

	return (uint32_t)(said > first ? said : first);
}

static struct layout lay_out(const struct minato_config *c)
{
	const struct nat_limits nats = nat_limits(c);
	struct layout l = { 0 };

	l.limits.rests_max = c->time_wait_max;
	l.limits.tuples_max = c->sockets_max + c->time_wait_max +
			      c->leases_max + l.limits.rests_max +
			      (uint32_t)tuples_of_nat(c);
	/* Half-open calls that find no tuple are answered by cookies. */
	l.limits.tuples_max += PORT_TUPLES_MAX - l.limits.tuples_max <
					       c->half_open_max ?
				       PORT_TUPLES_MAX - l.limits.tuples_max :
				       c->half_open_max;
	l.limits.tuples_first = tuples_first(c);
	l.limits.entries_max = c->sockets_max + c->entries_max +
			       c->leases_max + l.limits.rests_max;
	l.limits.rules_max = c->entries_max < PORT_RULES_MAX ?
				     c->entries_max :
				     PORT_RULES_MAX;
	l.message_count = c->chunks_large + c->chunks_small + MESSAGES_EXTRA;
	for (l.bucket_count = 16; l.bucket_count < c->neighbours_max;)
		l.bucket_count *= 2;
	place(&l, sizeof(struct minato));
	l.routes = place(&l, c->routes_max * sizeof(struct route));
	l.buckets = place(&l, l.bucket_count * sizeof(uint32_t));
	l.frames = place(&l, STACK_OUTPUT_MAX * sizeof(struct slot));
	l.gather = place(&l, UINT16_MAX);
	l.neighbours = place(&l, pool_bytes(sizeof(struct neighbour),
					    c->neighbours_max));
	l.generations = place(&l, c->sockets_max * sizeof(uint32_t));
	l.lease_generations = place(&l, c->leases_max * sizeof(uint32_t));
	l.links = place(&l, (c->sockets_max + (size_t)c->neighbours_max) *
				    sizeof(struct wheel_link));
	l.sockets =
		place(&l, pool_bytes(sizeof(struct socket), c->sockets_max));
	l.details =
		place(&l, pool_bytes(sizeof(struct detail), c->sockets_max));
	l.messages =
		place(&l, pool_bytes(sizeof(struct message), l.message_count));
	l.share = place(&l, share_bytes());
	l.share_links =
		place(&l, c->sockets_max * sizeof(struct share_link));
	l.waits = place(&l, c->time_wait_max * sizeof(struct waiting));
	l.actors = place(&l, pool_bytes(sizeof(struct actor), c->owners_max));
	l.actor_of = place(&l, c->sockets_max * sizeof(uint16_t));
	l.actor_was = place(&l, c->time_wait_max * sizeof(uint16_t));
	if (c->sessions_max > 0) {
		l.nat = place(&l, nat_bytes(&nats));
		l.passing = place(&l, sizeof(struct passing));
	}
	l.table = place(&l, port_bytes(&l.limits));
	l.scan = place(&l, scan_bytes(c->scan_sources_max));
	l.tcp = place(&l, tcp_shared_bytes(c->active_max));
	l.reassemblies = place(&l, pool_bytes(sizeof(struct reassembly),
					      c->reassemblies_max));
	l.leases = place(&l, pool_bytes(sizeof(struct lease), c->leases_max));
	l.halves = place(&l, pool_bytes(sizeof(struct half), c->half_open_max));
	l.half_live = place(&l, ((size_t)c->half_open_max + 63) / 64 * 8);
	l.payload = place(&l, payload_bytes(c->chunks_large, c->chunks_small));
	return l;
}

size_t minato_size(const struct minato_config *config)
{
	const struct minato_config c = complete(config);

	return config_valid(&c) ? lay_out(&c).size : 0;
}

uint32_t minato_sessions_ranges(const struct minato_config *config,
				struct minato_range *out)
{
	const struct minato_config c = complete(config);
	const uint32_t count = PORT_FIRST_PARTS + NAT_FIRST_PARTS;
	struct nat_limits nats;
	struct layout l;

	if (!config_valid(&c) || c.sessions_max == 0 || c.sessions_first == 0)
		return 0;
	nats = nat_limits(&c);
	l = lay_out(&c);
	port_first(&l.limits, out);
	nat_first(&nats, c.sessions_first, out + PORT_FIRST_PARTS);
	for (uint32_t i = 0; i < count; i++)
		out[i].at += i < PORT_FIRST_PARTS ? l.table : l.nat;
	return count;
}

_Static_assert(PORT_FIRST_PARTS + NAT_FIRST_PARTS <= MINATO_RANGES_MAX,
	       "all have room");

bool minato_session_salvage(const void *memory, size_t size,
			    const struct minato_config *config,
			    uint64_t *cursor, struct minato_session *out)
{
	const struct minato_config c = complete(config);
	struct nat_limits limits;
	struct layout l;

	if (!config_valid(&c))
		return false;
	limits = nat_limits(&c);
	l = lay_out(&c);
	if (l.nat == 0 || size <= l.nat)
		return false;
	return nat_session_salvage((const char *)memory + l.nat, size - l.nat,
				   &limits, cursor, out);
}

uint32_t minato_scan_inherit(struct minato *m, const void *memory, size_t size,
			     const struct minato_config *config)
{
	const struct minato_config c = complete(config);
	const size_t ours = scan_bytes(host_scan(m)->lines * SCAN_LANES);
	struct layout l;

	if (!config_valid(&c) || scan_bytes(c.scan_sources_max) != ours)
		return 0;
	l = lay_out(&c);
	if (size < l.scan || size - l.scan < ours)
		return 0;
	return scanheir_take(m, (const char *)memory + l.scan);
}

/* One secret of the seed for each use. */
static struct hash_key derive(const struct minato_config *c, uint64_t label)
{
	const struct hash_key seed = { { c->seed[0], c->seed[1] } };
	const uint64_t first[2] = { label, 1 };
	const uint64_t second[2] = { label, 2 };

	return (struct hash_key){ { hash_strong(&seed, first, sizeof(first)),
				    hash_strong(&seed, second,
						sizeof(second)) } };
}

static void init_pools(struct minato *m, char *base, const struct layout *l,
		       const struct minato_config *c)
{
	pool_init(&m->sockets, base + l->sockets, sizeof(struct socket),
		  c->sockets_max);
	pool_init(&m->details, base + l->details, sizeof(struct detail),
		  c->sockets_max);
	pool_init(&m->messages, base + l->messages, sizeof(struct message),
		  l->message_count);
	pool_init(&m->neighbours, base + l->neighbours,
		  sizeof(struct neighbour), c->neighbours_max);
	pool_init(&m->actors.pool, base + l->actors, sizeof(struct actor),
		  c->owners_max);
	pool_init(&m->leases, base + l->leases, sizeof(struct lease),
		  c->leases_max);
	payload_init(&m->payload, base + l->payload, c->chunks_large,
		     c->chunks_small);
	fragment_in_init(m, base + l->reassemblies, c->reassemblies_max);
	halves_init(m, base + l->halves, c->half_open_max);
	wheel_init(&m->wheel, (struct wheel_link *)(void *)(base + l->links),
		   m->now);
	memset(base + l->buckets, 0xff, l->bucket_count * sizeof(uint32_t));
}

static void init_secrets(struct minato *m, char *base, const struct layout *l,
			 const struct minato_config *c)
{
	const struct hash_key table_key = derive(c, 1);
	const struct hash_key tcp_key = derive(c, 2);
	const struct hash_key random_key = derive(c, 3);
	const struct hash_key verdict_key = derive(c, 9);

	m->tuple_key = derive(c, 4);
	m->neighbour_key = derive(c, 5);
	m->fragment_key = derive(c, 6);
	m->limit_key = derive(c, 10);
	random_init(&m->random, &random_key, 0);
	hash_secret_init(&m->verdict_secret, &verdict_key);
	port_set_chooser(port_init(base + l->table, &l->limits, &table_key),
			 c->chooser);
	port_recall_begin(host_table(m), m->now);
	if (m->nat != 0) {
		const struct hash_key nat_key = derive(c, 7);
		const struct hash_key pass_key = derive(c, 8);
		const struct nat_limits limits = nat_limits(c);
		nat_init(base + l->nat, &limits, host_table(m), &nat_key,
			 m->now);
		pass_init(m, &pass_key);
	}
	const struct hash_key scan_key = derive(c, 9);
	scan_init(base + l->scan, c->scan_sources_max, &scan_key);
	tcp_shared_init(&m->tcp, base + l->tcp, c->active_max, &tcp_key);
	tcp_init(&m->defaults);
}

static void init_lists(struct minato *m)
{
	list_init(&m->dirty);
	list_init(&m->events);
	list_init(&m->held);
	list_init(&m->half_open);
	messages_init(&m->control);
	queue_init(&m->spent);
	queue_init(&m->splitting.data);
	queue_init(&m->fragmenting.data);
}

/* fe80::/64 with the EUI-64 of the MAC (RFC 4291 2.5.1). */
static struct minato_addr link_local_of(const uint8_t mac[6])
{
	return (struct minato_addr){ { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2,
				       mac[1], mac[2], 0xff, 0xfe, mac[3],
				       mac[4], mac[5] } };
}

static void init_links(struct minato *m, const struct minato_config *c)
{
	m->link_count = c->link_count;
	for (uint32_t i = 0; i < c->link_count; i++) {
		struct link *link = &m->link[i];
		link->config = c->link[i];
		link->advertising.next = MINATO_NEVER;
		if (link->config.type != MINATO_LINK_ETHERNET)
			continue;
		link->link_local = link_local_of(link->config.mac);
		minato_address_add(m, i, &link->link_local, 64);
	}
}

int minato_create(void *memory, size_t size, const struct minato_config *config,
		  struct minato_time now, struct minato **out)
{
	const struct minato_config c = complete(config);
	struct minato *m = memory;
	char *base = memory;
	struct layout l;

	/* A deadline before the wheel's first tick would never be behind. */
	if (!config_valid(&c) || (uintptr_t)memory % 64 != 0 || now.ns < 0)
		return -EINVAL;
	l = lay_out(&c);
	if (size < l.size)
		return -ENOMEM;
	*m = (struct minato){
		.now = now,
		.sockets_max = c.sockets_max,
		.calls_max = c.calls_max,
		.routes_max = c.routes_max,
		.neighbours_max = c.neighbours_max,
		.time_wait_max = c.time_wait_max,
		.table = (int64_t)l.table,
		.nat = (int64_t)l.nat,
		.passing = (int64_t)l.passing,
		.scan = (int64_t)l.scan,
		.generations = (int64_t)l.generations,
		.half_live = (int64_t)l.half_live,
		.routes = (int64_t)l.routes,
		.buckets = (int64_t)l.buckets,
		.waits = (int64_t)l.waits,
		.actor_of = (int64_t)l.actor_of,
		.actor_was = (int64_t)l.actor_was,
		.frames = (int64_t)l.frames,
		.links = (int64_t)l.links,
		.share = (int64_t)l.share,
		.share_links = (int64_t)l.share_links,
		.gather = (int64_t)l.gather,
		.lease_generations = (int64_t)l.lease_generations,
		.bucket_mask = l.bucket_count - 1,
		.actors = { .uid = MINATO_UID_NONE },
		.policy = { .privileged_below = MINATO_PORT_USER_FIRST },
	};
	init_pools(m, base, &l, &c);
	share_init(m, &c);
	init_secrets(m, base, &l, &c);
	init_lists(m);
	init_links(m, &c);
	*out = m;
	return 0;
}

static void expire_one(struct minato *m, uint32_t index)
{
	if (index >= m->sockets_max)
		neighbour_expire(m, index - m->sockets_max);
	else if (socket_at(m, index)->proto == MINATO_TCP)
		flow_expire(m, index);
	else
		calls_expire(m, index);
}

void host_advance(struct minato *m, struct minato_time now)
{
	if (now.ns > m->now.ns)
		m->now = now;
	for (uint32_t i = wheel_expire(&m->wheel, m->now); i != WHEEL_NONE;
	     i = wheel_expire(&m->wheel, m->now))
		expire_one(m, i);
	waits_expire(m);
	halves_expire(m);
	port_rest_expire(host_table(m), m->now);
	if (host_nat(m) != NULL) {
		nat_advance(host_nat(m), m->now);
		evidence_silent(m);
		pass_syn_expire(m);
	}
	fragment_in_expire(m);
	share_relieve(m);
	budget_relieve(m);
}

struct minato_time host_deadline(const struct minato *m)
{
	struct minato_time at;

	if (host_nat(m) != NULL && host_passing(m)->waiting > 0)
		return m->now;
	if (m->control.count > 0 || m->dirty.count > 0 ||
	    m->splitting.next < m->splitting.count || m->fragmenting.active)
		return m->now;
	at = time_min(wheel_next(&m->wheel), waits_deadline(m));
	at = time_min(at, halves_deadline(m));
	at = time_min(at, fragment_in_deadline(m));
	if (host_nat(m) != NULL) {
		at = time_min(at, nat_deadline(host_nat(m)));
		at = time_min(at, pass_syn_deadline(m));
	}
	return at.ns < m->now.ns ? m->now : at;
}
