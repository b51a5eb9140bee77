/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Outside addresses, and the choice of a port at one of them. What is free is
 * a counted bitmap per address and protocol: what no mapping has, what does not
 * rest, and what nobody else held when it was last looked at. That last is
 * asked of the port table about the port chosen, each time, so a choice is
 * right whatever sockets and forwards do; what they hold is put aside until the
 * table gives something back.
 *
 * The order is a keyed permutation, walked once and then in another order:
 * nobody without the key knows the next port, and one that was freed is late.
 * Three used ones in a row: uniform among the free, so that it takes as long
 * at 99.99 % as empty.
 */
#include "nat/nat.h"

#include <errno.h>
#include <string.h>

#include "base/bits.h"

#define LOW 1024u
#define HIGH 65535u
#define STEPS 3u
#define DRAWS 16u /* for a port of the right parity, or towards a destination */

struct nat_ports *outside_ports(const struct nat *n, uint32_t pool,
				uint8_t proto)
{
	struct nat_ports *ports =
		(struct nat_ports *)((char *)(uintptr_t)n + n->ports);
	struct nat_ports *p = &ports[pool * PORT_PROTOS + port_slot(proto)];

	if (!p->opened) {
		p->opened = true;
		bitmap_init(&p->free);
	}
	return p;
}

/* To 0.0.0.4 nobody sends. */
static struct port_key pool_key(const struct nat *n,
				const struct minato_addr *addr)
{
	return (struct port_key){
		.local = minato_addr4(0, 0, 0, 4),
		.remote = *addr,
		.scope = n->limits.outside_scope,
		.face = MINATO_FACE_ANY,
		.proto = MINATO_TCP,
	};
}

uint32_t outside_find(const struct nat *n, const struct minato_addr *addr)
{
	const struct port_key key = pool_key(n, addr);
	struct port_tuple_ref ref;

	return port_tuple_find(nat_table(n), &key, &ref, NULL) ? ref.owner :
								 NAT_NONE;
}

/* --- pools --------------------------------------------------------------- */

static uint32_t unused_pool(const struct nat *n)
{
	for (uint32_t i = 0; i < n->limits.pools_max; i++)
		if (!pool_record(n, i)->live)
			return i;
	return NAT_NONE;
}

int nat_pool_add(struct nat *n, uint32_t link, const struct minato_addr *addr,
		 uint16_t low, uint16_t high)
{
	const bool standard = low == 0 && high == 0;
	const struct port_key key = pool_key(n, addr);
	struct port_tuple_ref ref = { .class = NAT_CLASS_POOL, .quiet = true };

	if (!minato_addr_is4(addr) || minato_addr_is_any(addr) ||
	    addr_is_multicast(addr) || addr_is_broadcast4(addr) ||
	    (!standard && (low == 0 || low > high)))
		return -EINVAL;
	if (outside_find(n, addr) != NAT_NONE)
		return -EEXIST;
	ref.owner = unused_pool(n);
	if (ref.owner == NAT_NONE ||
	    port_tuple_insert(nat_table(n), &key, ref) < 0)
		return -ENOSPC;
	*pool_record(n, ref.owner) = (struct nat_pool){
		.live = true,
		.link = link,
		.addr = *addr,
		.low = standard ? LOW : low,
		.high = standard ? HIGH : high,
		.classed = standard,
	};
	n->pool_live[n->pool_count++] = (uint16_t)ref.owner;
	return 0;
}

/* Its mappings end, and flows that have none; then its ports are forgotten,
   those at rest too. */
static uint32_t empty_pool(struct nat *n, uint32_t pool)
{
	static const uint8_t protos[] = { MINATO_TCP, MINATO_UDP, MINATO_ICMP };
	uint32_t ended = 0;

	for (uint32_t i = 0; i < n->mappings.fresh; i++) {
		const struct nat_mapping *m = mapping_at(n, i);
		if ((m->generation & 1) != 0 && m->pool == pool &&
		    (m->flags & NAT_MAPPING_SAME) == 0)
			ended += mapping_end(n, i);
	}
	ended += others_end(n, &pool_record(n, pool)->addr);
	for (uint32_t i = 0; i < PORT_PROTOS; i++) {
		struct nat_ports *p = outside_ports(n, pool, protos[i]);
		for (uint16_t at = p->rest_head; at != 0; at = p->rest_next[at])
			n->resting--;
		memset(p->shut, 0, sizeof(p->shut));
		p->opened = false;
		p->shut_count = 0;
		p->rest_head = 0;
		p->rest_tail = 0;
		p->walk.size = 0;
	}
	return ended;
}

static void unpair_hosts(struct nat *n, uint32_t pool)
{
	for (uint32_t i = 0; i < n->hosts.fresh; i++)
		if (host_record(n, i)->live &&
		    host_record(n, i)->pool == pool + 1)
			host_record(n, i)->pool = 0;
}

int nat_pool_remove(struct nat *n, uint32_t link,
		    const struct minato_addr *addr)
{
	const struct port_key key = pool_key(n, addr);
	const uint32_t pool = outside_find(n, addr);
	uint32_t ended, place = 0;

	if (pool == NAT_NONE || pool_record(n, pool)->link != link)
		return -ENOENT;
	ended = empty_pool(n, pool);
	unpair_hosts(n, pool);
	while (n->pool_live[place] != pool)
		place++;
	n->pool_count--;
	memmove(&n->pool_live[place], &n->pool_live[place + 1],
		(n->pool_count - place) * sizeof(n->pool_live[0]));
	nat_untuple(n, &key);
	pool_record(n, pool)->live = false;
	return (int)(ended < INT32_MAX ? ended : INT32_MAX);
}

bool nat_pool_has(const struct nat *n, uint32_t link,
		  const struct minato_addr *addr)
{
	const uint32_t pool = outside_find(n, addr);

	return pool != NAT_NONE &&
	       (link == UINT32_MAX || pool_record(n, pool)->link == link);
}

uint32_t outside_pool_of(const struct nat *n, const struct minato_addr *host)
{
	const uint64_t hash = hash_table(&n->key, host->bytes, 16);

	if (n->pool_count == 0)
		return NAT_NONE;
	return n->pool_live[(uint32_t)(hash % n->pool_count)];
}

/* --- rests --------------------------------------------------------------- */

static void end_rest(struct nat *n, struct nat_ports *p)
{
	const uint16_t port = p->rest_head;

	p->rest_head = p->rest_next[port];
	if (p->rest_head == 0)
		p->rest_tail = 0;
	n->resting--;
	bitmap_give(&p->free, port);
}

static void end_old_rests(struct nat *n, struct nat_ports *p)
{
	while (p->rest_head != 0 &&
	       (int32_t)(n->now_ms - p->rest_until[p->rest_head]) >= 0)
		end_rest(n, p);
}

static void begin_rest(struct nat *n, struct nat_ports *p, uint16_t port)
{
	p->rest_next[port] = 0;
	p->rest_until[port] = n->now_ms + n->options.rest_s * 1000 + 1;
	if (p->rest_tail != 0)
		p->rest_next[p->rest_tail] = port;
	else
		p->rest_head = port;
	p->rest_tail = port;
	n->resting++;
}

void outside_give(struct nat *n, uint32_t pool, uint8_t proto, uint16_t port,
		  bool rests)
{
	struct nat_ports *p = outside_ports(n, pool, proto);

	end_old_rests(n, p);
	if (!rests || n->options.rest_s == 0 || n->options.rests_max == 0) {
		bitmap_give(&p->free, port);
		return;
	}
	begin_rest(n, p, port);
	/* Too many: the oldest of this address and protocol. */
	if (n->resting > n->options.rests_max)
		end_rest(n, p);
}

/* A port at rest, asked for by number (adoption), is no longer. */
static void end_rest_of(struct nat *n, struct nat_ports *p, uint16_t port)
{
	uint16_t before = 0;

	for (uint16_t at = p->rest_head; at != 0; at = p->rest_next[at]) {
		if (at != port) {
			before = at;
			continue;
		}
		if (before == 0) {
			end_rest(n, p);
			return;
		}
		p->rest_next[before] = p->rest_next[at];
		if (p->rest_tail == at)
			p->rest_tail = before;
		n->resting--;
		bitmap_give(&p->free, at);
		return;
	}
}

void outside_take(struct nat *n, uint32_t pool, uint8_t proto, uint16_t port)
{
	struct nat_ports *p = outside_ports(n, pool, proto);
	const uint64_t bit = UINT64_C(1) << (port & 63);

	if (p->shut[port >> 6] & bit) {
		p->shut[port >> 6] &= ~bit;
		p->shut_count--;
		bitmap_give(&p->free, port);
	} else if (!bitmap_free(&p->free, port)) {
		end_rest_of(n, p, port);
	}
	bitmap_take(&p->free, port);
}

/* --- what others hold ---------------------------------------------------- */

static void shut(struct nat_ports *p, uint16_t port)
{
	bitmap_take(&p->free, port);
	p->shut[port >> 6] |= UINT64_C(1) << (port & 63);
	p->shut_count++;
}

/* The port table gave something back: ask again. */
static void reopen(struct nat *n, struct nat_ports *p)
{
	const uint64_t releases = port_releases(nat_table(n));

	if (p->releases == releases)
		return;
	p->releases = releases;
	for (uint32_t w = 0; p->shut_count > 0 && w < 1024; w++) {
		for (; p->shut[w] != 0; p->shut[w] &= p->shut[w] - 1) {
			const uint32_t bit =
				(uint32_t)__builtin_ctzll(p->shut[w]);
			bitmap_give(&p->free, (uint16_t)(w * 64 + bit));
			p->shut_count--;
		}
	}
}

bool outside_unheld(const struct nat *n, uint8_t proto,
		    const struct minato_endpoint *outside)
{
	const struct port_choice choice = {
		.scope = n->limits.outside_scope,
		.proto = proto,
		.local = outside->addr,
	};
	const uint32_t pool = outside_find(n, &outside->addr);

	if (pool == NAT_NONE || outside->port == 0)
		return false;
	return port_unheld(nat_table(n), &choice, outside->port);
}

/* --- choosing ------------------------------------------------------------ */

struct search {
	struct nat *n;
	struct nat_ports *ports;
	struct port_choice choice; /* as the port table is asked */
	uint16_t low, high;
	int parity; /* 0, 1; -1: whichever */
};

static bool fits(const struct search *s, uint16_t port)
{
	return s->parity < 0 || (port & 1) == s->parity;
}

/* What the walk has at a place. Who foresees a choice has asked already. */
static uint16_t step(struct nat_ports *p, uint16_t low, uint32_t place)
{
	struct nat_step *kept = &p->ahead[place % NAT_AHEAD];

	if (kept->place != place + 1)
		*kept = (struct nat_step){
			.port = (uint16_t)(low + permute(&p->walk, place)),
			.place = place + 1,
		};
	return kept->port;
}

static uint16_t walk(const struct search *s)
{
	struct nat_ports *p = s->ports;
	const uint32_t size = (uint32_t)s->high - s->low + 1;

	for (uint32_t i = 0; i < STEPS; i++) {
		uint16_t port;
		if (p->walk.size != size || p->place == size) {
			const struct hash_key key = {
				{ random_next(&s->n->random),
				  random_next(&s->n->random) }
			};
			permute_init(&p->walk, &key, size);
			memset(p->ahead, 0, sizeof(p->ahead));
			p->place = 0;
		}
		port = step(p, s->low, p->place++);
		if (bitmap_free(&p->free, port) && fits(s, port))
			return port;
	}
	return 0;
}

uint16_t outside_peek(const struct nat *n, uint32_t pool, uint8_t proto,
		      uint16_t inside_port)
{
	const struct nat_pool *record = pool_record(n, pool);
	const uint32_t size = (uint32_t)record->high - record->low + 1;
	struct nat_ports *p = outside_ports(n, pool, proto);

	if (p->walk.size != size || n->options.parity ||
	    (inside_port < LOW && record->classed && n->options.port_class))
		return 0;
	if (p->peeked_for != n->firsts.batch) {
		p->peeked_for = n->firsts.batch;
		p->peeked = p->place;
	}
	for (uint32_t i = 0; i < STEPS && p->peeked < size; i++) {
		const uint16_t port = step(p, record->low, p->peeked++);
		if (bitmap_free(&p->free, port))
			return port;
	}
	return 0;
}

/* The free port of the parity at or behind a random place. */
static uint16_t scan(const struct search *s, uint32_t count)
{
	const struct bitmap *b = &s->ports->free;
	const uint64_t lane = s->parity == 1 ? UINT64_C(0xaaaaaaaaaaaaaaaa) :
					       UINT64_C(0x5555555555555555);
	const uint16_t from =
		bitmap_select(b, s->low, random_below(&s->n->random, count));
	const uint32_t words = (uint32_t)(s->high >> 6) - (s->low >> 6) + 1;

	for (uint32_t i = 0; i <= words; i++) {
		const uint32_t w = (s->low >> 6) +
				   ((from >> 6) - (s->low >> 6) + i) % words;
		uint64_t left = b->word[w] & lane;
		for (; left != 0; left &= left - 1) {
			const uint32_t port =
				w * 64 + (uint32_t)__builtin_ctzll(left);
			if (port >= s->low && port <= s->high &&
			    (i > 0 || port >= from))
				return (uint16_t)port;
		}
	}
	return 0;
}

static uint16_t draw(const struct search *s)
{
	const struct bitmap *b = &s->ports->free;
	const uint32_t count = bitmap_count(b, s->low, s->high);

	if (count == 0)
		return 0;
	if (s->parity >= 0)
		return scan(s, count);
	return bitmap_select(b, s->low, random_below(&s->n->random, count));
}

static uint16_t choose_free(const struct search *s)
{
	const uint32_t size = (uint32_t)s->high - s->low + 1;

	for (;;) {
		uint16_t port = size >= LOW && size < PORT_NUMBERS ? walk(s) :
								     0;
		if (port == 0)
			port = draw(s);
		if (port == 0 || port_vacant(nat_table(s->n), &s->choice, port))
			return port;
		shut(s->ports, port);
	}
}

static uint16_t choose_in(struct search *s, uint16_t low, uint16_t high)
{
	s->low = low;
	s->high = high;
	return choose_free(s);
}

/* In its own class while there is one. */
static uint16_t choose_classed(struct search *s, const struct nat_pool *pool,
			       uint16_t inside_port)
{
	uint16_t port = 0;

	if (pool->classed && s->n->options.port_class && inside_port < LOW)
		port = choose_in(s, 1, LOW - 1);
	return port != 0 ? port : choose_in(s, pool->low, pool->high);
}

uint16_t outside_choose(struct nat *n, uint32_t pool, uint8_t proto,
			uint16_t inside_port, const struct port_probe *sought)
{
	const struct nat_pool *record = pool_record(n, pool);
	struct search s = {
		.n = n,
		.ports = outside_ports(n, pool, proto),
		.choice = { .scope = n->limits.outside_scope,
			    .proto = proto,
			    .local = record->addr,
			    .mapping = sought },
		.parity = n->options.parity && proto == MINATO_UDP ?
				  inside_port & 1 :
				  -1,
	};
	uint16_t port;

	end_old_rests(n, s.ports);
	reopen(n, s.ports);
	port = choose_classed(&s, record, inside_port);
	if (port == 0 && s.parity >= 0) {
		s.parity = -1;
		port = choose_classed(&s, record, inside_port);
	}
	/* Under pressure the oldest rest ends before its time. */
	while (port == 0 && s.ports->rest_head != 0) {
		end_rest(n, s.ports);
		port = choose_classed(&s, record, inside_port);
	}
	return port;
}

bool outside_serves(const struct nat *n, uint32_t pool, uint8_t proto,
		    uint16_t port, uint16_t inside_port)
{
	const struct nat_pool *p = pool_record(n, pool);
	const struct port_choice choice = { .scope = n->limits.outside_scope,
					    .proto = proto,
					    .local = p->addr };

	if ((port < p->low || port > p->high) &&
	    (port >= LOW || inside_port >= LOW || !p->classed ||
	     !n->options.port_class))
		return false;
	return p->live && !port_ranged(nat_table(n), &choice, port);
}

/* --- when it is full ----------------------------------------------------- */

/* A mapping's port, without a flow of anybody towards `remote`. */
static uint32_t sharable(const struct nat *n, const struct port_key *key)
{
	const struct minato_endpoint outside = { key->local, key->local_port };
	struct port_tuple_ref ref;

	if (port_tuple_find(nat_table(n), key, &ref, NULL))
		return NAT_NONE;
	return mapping_of_outside(n, key->proto, &outside);
}

/* That not one is left stays true until a session ends or a mapping is made:
   who asks again and again for a destination that is full costs no search. */
static uint64_t changes(const struct nat *n)
{
	return n->ends + n->counters[NAT_COUNT_MAPPINGS];
}

static bool known_full(const struct nat *n, const struct port_key *key)
{
	return n->full_at == changes(n) && n->full.proto == key->proto &&
	       n->full.remote_port == key->remote_port &&
	       minato_addr_equal(&n->full.local, &key->local) &&
	       minato_addr_equal(&n->full.remote, &key->remote);
}

static uint16_t search_shared(struct nat *n, const struct nat_pool *p,
			      struct port_key *key, uint32_t *mapping)
{
	const uint32_t size = (uint32_t)p->high - p->low + 1;
	const uint32_t from = random_below(&n->random, size);

	for (uint32_t i = 0; i < size + DRAWS; i++) {
		const uint32_t place = i < DRAWS ?
					       random_below(&n->random, size) :
					       (from + i) % size;
		key->local_port = (uint16_t)(p->low + place);
		if (key->proto == MINATO_ICMP)
			key->remote_port = key->local_port;
		*mapping = sharable(n, key);
		if (*mapping != NAT_NONE)
			return key->local_port;
	}
	return 0;
}

uint16_t outside_share(struct nat *n, uint32_t pool, uint8_t proto,
		       const struct minato_endpoint *remote, uint32_t *mapping)
{
	const struct nat_pool *p = pool_record(n, pool);
	struct port_key key = {
		.local = p->addr,
		.remote = remote->addr,
		.remote_port = proto == MINATO_ICMP ? 0 : remote->port,
		.scope = n->limits.outside_scope,
		.face = MINATO_FACE_ANY,
		.proto = proto,
	};
	const struct port_key asked = key;
	uint16_t port;

	if (known_full(n, &asked))
		return 0;
	port = search_shared(n, p, &key, mapping);
	if (port == 0) {
		n->full = asked;
		n->full_at = changes(n);
	}
	return port;
}
