/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cache of neighbours' MACs, for ARP and neighbour discovery alike.
 *
 *   (none) -> INCOMPLETE -> REACHABLE -> STALE -> DELAY -> PROBE
 *                 |             ^-----------------+--------/ |
 *                 +-> FAILED -> (none)  <--------------------+
 *
 * The states are those of RFC 4861 7.3.2. While a MAC is missing, sockets wait
 * in the neighbour's own list (nothing of theirs is built yet) and messages in
 * a short queue. When the cache is full, the hand of a clock goes round and
 * takes the first that nobody used or waits for since it last passed.
 */
#include "stack/stack.h"

#include <errno.h>
#include <string.h>

#define REACHABLE_NS (30 * NS_PER_S)
#define DELAY_NS (5 * NS_PER_S)
#define RETRANSMIT_NS NS_PER_S
#define FAILED_NS NS_PER_S
#define PROBES_MAX 3

static struct neighbour *at(const struct minato *m, uint32_t index)
{
	return pool_at(&m->neighbours, index);
}

static uint32_t index_of(const struct minato *m, const struct neighbour *n)
{
	const char *base = pool_at(&m->neighbours, 0);

	return (uint32_t)((size_t)((const char *)n - base) / sizeof(*n));
}

static uint32_t *bucket_of(const struct minato *m, uint32_t link,
			   const struct minato_addr *addr)
{
	uint8_t bytes[17];
	uint64_t hash;

	memcpy(bytes, addr->bytes, 16);
	bytes[16] = (uint8_t)link;
	hash = hash_table(&m->neighbour_key, bytes, sizeof(bytes));
	return (uint32_t *)host_at(m, m->buckets) + (hash & m->bucket_mask);
}

struct neighbour *neighbour_find(const struct minato *m, uint32_t link,
				 const struct minato_addr *addr)
{
	uint32_t i = *bucket_of(m, link, addr);

	for (; i != STACK_NONE; i = at(m, i)->next)
		if (at(m, i)->link == link &&
		    minato_addr_equal(&at(m, i)->addr, addr))
			return at(m, i);
	return NULL;
}

static void set_state(struct minato *m, struct neighbour *n,
		      enum neighbour_state state, int64_t ns)
{
	n->state = (uint8_t)state;
	n->probes = 0;
	n->deadline = ns < 0 ? MINATO_NEVER : time_after(m->now, ns);
	wheel_arm(&m->wheel, m->sockets_max + index_of(m, n), n->deadline);
}

/* Whoever waited goes on: with the MAC, or to hear that there is none. */
static void wake_waiting(struct minato *m, struct neighbour *n)
{
	while (n->waiting.head != STACK_NONE) {
		const uint32_t index = n->waiting.head;
		list_remove(m, &n->waiting, LIST_OUTPUT, index);
		socket_at(m, index)->waits_on = STACK_NONE;
		list_append(m, &m->dirty, LIST_OUTPUT, index);
	}
}

static void send_held(struct minato *m, struct neighbour *n)
{
	for (uint32_t i = messages_pop(m, &n->held); i != STACK_NONE;
	     i = messages_pop(m, &n->held))
		message_control(m, i);
}

static void forget(struct minato *m, struct neighbour *n)
{
	const uint32_t index = index_of(m, n);
	uint32_t *link = bucket_of(m, n->link, &n->addr);

	wake_waiting(m, n);
	messages_clear(m, &n->held);
	pass_resolved(m, index, NULL);
	wheel_cancel(&m->wheel, m->sockets_max + index);
	while (*link != index)
		link = &at(m, *link)->next;
	*link = n->next;
	pool_give(&m->neighbours, index);
}

static bool may_evict(struct neighbour *n)
{
	if (n->permanent || n->known || n->waiting.count > 0 || n->used) {
		n->used = false;
		return false;
	}
	return true;
}

/* Only called when every slot is in use, so all are readable. */
static bool evict(struct minato *m)
{
	for (uint32_t tries = 0; tries < 2 * m->neighbours_max; tries++) {
		struct neighbour *n = at(m, m->neighbour_hand);
		m->neighbour_hand = (m->neighbour_hand + 1) % m->neighbours_max;
		if (may_evict(n)) {
			forget(m, n);
			return true;
		}
	}
	return false;
}

static struct neighbour *create(struct minato *m, uint32_t link,
				const struct minato_addr *addr)
{
	uint32_t *bucket = bucket_of(m, link, addr);
	struct neighbour *n;
	uint32_t index;

	if (m->neighbours.used == m->neighbours_max && !evict(m)) {
		host_count(m, COUNTER_NEIGHBOUR_FULL);
		return NULL;
	}
	index = pool_take(&m->neighbours);
	check(index != POOL_NONE);
	n = at(m, index);
	*n = (struct neighbour){
		.next = *bucket,
		.addr = *addr,
		.link = (uint8_t)link,
		.state = NEIGHBOUR_INCOMPLETE,
		.used = true,
		.deadline = MINATO_NEVER,
	};
	list_init(&n->waiting);
	messages_init(&n->held);
	*bucket = index;
	return n;
}

/* 0.5 to 1.5 times the base, so that hosts do not ask in step (RFC 4861). */
static int64_t reachable_ns(struct minato *m)
{
	return REACHABLE_NS / 2 +
	       (int64_t)random_below(&m->random, 30000) * NS_PER_MS;
}

static void ask(struct minato *m, struct neighbour *n)
{
	n->probes++;
	n->deadline = time_after(m->now, RETRANSMIT_NS);
	wheel_arm(&m->wheel, m->sockets_max + index_of(m, n), n->deadline);
	discovery_ask(m, n->link, &n->addr,
		      n->state == NEIGHBOUR_PROBE ? n->mac : NULL);
}

static void touch(struct minato *m, struct neighbour *n)
{
	n->used = true;
	if (n->state == NEIGHBOUR_REACHABLE &&
	    time_reached(m->now, n->deadline))
		set_state(m, n, NEIGHBOUR_STALE, -1);
	if (n->state == NEIGHBOUR_STALE)
		set_state(m, n, NEIGHBOUR_DELAY, DELAY_NS);
}

enum neighbour_answer neighbour_resolve(struct minato *m, uint32_t link,
					const struct minato_addr *addr,
					uint8_t mac[6], uint32_t *index)
{
	struct neighbour *n = neighbour_find(m, link, addr);

	if (n == NULL) {
		n = create(m, link, addr);
		if (n == NULL)
			return NEIGHBOUR_NONE;
	}
	touch(m, n);
	*index = index_of(m, n);
	switch ((enum neighbour_state)n->state) {
	case NEIGHBOUR_INCOMPLETE:
		if (n->probes == 0)
			ask(m, n);
		return NEIGHBOUR_WAIT;
	case NEIGHBOUR_FAILED:
		return NEIGHBOUR_NONE;
	case NEIGHBOUR_REACHABLE:
	case NEIGHBOUR_STALE:
	case NEIGHBOUR_DELAY:
	case NEIGHBOUR_PROBE:
		break;
	}
	memcpy(mac, n->mac, 6);
	return NEIGHBOUR_READY;
}

void neighbour_park(struct minato *m, uint32_t neighbour, uint32_t socket)
{
	struct socket *s = socket_at(m, socket);

	check((s->flags & SOCKET_OUTPUT) && s->waits_on == STACK_NONE);
	list_remove(m, &m->dirty, LIST_OUTPUT, socket);
	s->waits_on = neighbour;
	list_append(m, &at(m, neighbour)->waiting, LIST_OUTPUT, socket);
}

void neighbour_hold(struct minato *m, uint32_t neighbour, uint32_t message)
{
	struct neighbour *n = at(m, neighbour);

	if (n->held.count >= STACK_NEIGHBOUR_MESSAGES) {
		host_drop(m, DROP_NEIGHBOUR);
		message_give(m, messages_pop(m, &n->held));
	}
	messages_append(m, &n->held, message);
}

static void set_mac(struct minato *m, struct neighbour *n, const uint8_t mac[6],
		    enum neighbour_state state)
{
	memmove(n->mac, mac, 6);
	set_state(m, n, state,
		  state == NEIGHBOUR_REACHABLE ? reachable_ns(m) : -1);
	wake_waiting(m, n);
	send_held(m, n);
	pass_resolved(m, index_of(m, n), n->mac);
}

static bool has_mac(const struct neighbour *n)
{
	return n->state != NEIGHBOUR_INCOMPLETE && n->state != NEIGHBOUR_FAILED;
}

/* A MAC and address that a neighbour can have. */
static bool plausible(const struct minato *m, uint32_t link,
		      const struct minato_addr *addr, const uint8_t mac[6])
{
	static const uint8_t zero[6];

	return (mac[0] & 1) == 0 && memcmp(mac, zero, 6) != 0 &&
	       !minato_addr_is_any(addr) && !addr_is_multicast(addr) &&
	       !route_is_broadcast(m, link, addr);
}

static void refresh(struct minato *m, struct neighbour *n, const uint8_t mac[6],
		    enum neighbour_news news)
{
	const bool same = has_mac(n) && memcmp(n->mac, mac, 6) == 0;

	if (n->permanent || (news == NEWS_PACKET && has_mac(n)))
		return;
	if (news == NEWS_REPLY)
		set_mac(m, n, mac, NEIGHBOUR_REACHABLE);
	else if (!same)
		set_mac(m, n, mac, NEIGHBOUR_STALE);
}

void neighbour_heard(struct minato *m, uint32_t link,
		     const struct minato_addr *addr, const uint8_t mac[6],
		     enum neighbour_news news)
{
	struct neighbour *n;

	if (!plausible(m, link, addr, mac))
		return;
	if (route_is_ours_on(m, link, addr)) {
		host_count(m, COUNTER_ADDRESS_CONFLICT);
		return;
	}
	n = neighbour_find(m, link, addr);
	if (n == NULL && (news == NEWS_REQUEST || news == NEWS_PACKET) &&
	    route_on_link(m, link, addr))
		n = create(m, link, addr);
	if (n != NULL)
		refresh(m, n, mac, news);
}

void neighbour_advertised(struct minato *m, uint32_t link, const struct nd *nd)
{
	struct neighbour *n = neighbour_find(m, link, &nd->target);
	bool same;

	if (n == NULL || n->permanent || n->state == NEIGHBOUR_FAILED)
		return;
	if (nd->link_addr != NULL && (nd->link_addr[0] & 1) != 0)
		return;
	if (n->state == NEIGHBOUR_INCOMPLETE) {
		if (nd->link_addr != NULL)
			set_mac(m, n, nd->link_addr,
				nd->solicited ? NEIGHBOUR_REACHABLE :
						NEIGHBOUR_STALE);
		return;
	}
	same = nd->link_addr == NULL || memcmp(n->mac, nd->link_addr, 6) == 0;
	if (!same && !nd->override) {
		/* RFC 4861 7.2.5 I a: doubt what is known, change nothing. */
		if (n->state == NEIGHBOUR_REACHABLE)
			set_state(m, n, NEIGHBOUR_STALE, -1);
		return;
	}
	if (!same || nd->solicited)
		set_mac(m, n, nd->link_addr ? nd->link_addr : n->mac,
			nd->solicited ? NEIGHBOUR_REACHABLE : NEIGHBOUR_STALE);
}

bool neighbour_speaks(const struct minato *m, uint32_t link,
		      const struct minato_addr *addr)
{
	const struct neighbour *n = neighbour_find(m, link, addr);

	return n != NULL && (n->known || has_mac(n));
}

static void fail(struct minato *m, struct neighbour *n)
{
	host_count(m, COUNTER_NEIGHBOUR_FAILED);
	for (uint32_t i = n->held.count; i > 0; i--)
		host_drop(m, DROP_NEIGHBOUR);
	messages_clear(m, &n->held);
	pass_resolved(m, index_of(m, n), NULL);
	set_state(m, n, NEIGHBOUR_FAILED, FAILED_NS);
	wake_waiting(m, n);
}

void neighbour_expire(struct minato *m, uint32_t index)
{
	struct neighbour *n = at(m, index);

	if (!time_reached(m->now, n->deadline)) {
		wheel_arm(&m->wheel, m->sockets_max + index, n->deadline);
		return;
	}
	switch ((enum neighbour_state)n->state) {
	case NEIGHBOUR_INCOMPLETE:
	case NEIGHBOUR_PROBE:
		if (n->probes < PROBES_MAX)
			ask(m, n);
		else
			fail(m, n);
		break;
	case NEIGHBOUR_REACHABLE:
		set_state(m, n, NEIGHBOUR_STALE, -1);
		break;
	case NEIGHBOUR_STALE:
		break;
	case NEIGHBOUR_DELAY:
		set_state(m, n, NEIGHBOUR_PROBE, -1);
		ask(m, n);
		break;
	case NEIGHBOUR_FAILED:
		if (n->known)
			set_state(m, n, NEIGHBOUR_INCOMPLETE, -1);
		else
			forget(m, n);
		break;
	}
}

int minato_neighbour_add(struct minato *m, uint32_t link,
			 const struct minato_addr *addr, const uint8_t *mac)
{
	struct neighbour *n;

	if (link >= m->link_count || minato_addr_is_any(addr) ||
	    addr_is_multicast(addr) ||
	    m->link[link].config.type != MINATO_LINK_ETHERNET ||
	    (mac != NULL && (mac[0] & 1) != 0))
		return -EINVAL;
	n = neighbour_find(m, link, addr);
	if (n == NULL)
		n = create(m, link, addr);
	if (n == NULL)
		return -ENOSPC;
	n->known = true;
	if (mac != NULL) {
		set_mac(m, n, mac, NEIGHBOUR_REACHABLE);
		n->permanent = true;
		n->deadline = MINATO_NEVER;
		wheel_cancel(&m->wheel, m->sockets_max + index_of(m, n));
	}
	return 0;
}
