/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who holds how much of what connections take: a fair share for each source.
 *
 * Whoever opens connections and leaves them, sends a request byte by byte, or
 * lets what he asked for lie behind a closed window, breaks no rule; he only
 * holds what others want. So as long as there is enough nobody is asked to
 * leave. When there is not, the source that holds most gives way, and only to
 * one that holds less:
 *
 *	an accept queue is full		of its eight oldest, the one whose
 *					source has most waiting
 *	slots of sockets are nearly all	the connection that was silent longest,
 *	in use				of the source with most of them
 *	active blocks are nearly all	the same, of those that have one
 *	in use
 *	too much is queued for those	the same, of the source for which most
 *	who do not take it		is queued (RFC 6429)
 *
 * A source is an IPv4 address, or the /64 of an IPv6 one. It has a place, by a
 * hash with a secret, and a count by another hash beside: who shares either
 * with somebody who has more is not taken for him. Places are leaves of two
 * trees whose inner nodes say which of two has more, so that the largest of all
 * is known at once. Work is bounded: 12 nodes for a connection that comes or
 * goes, SHARE_LOOK connections when one must go.
 *
 *	place -> its connections, the oldest first -> share_link of a socket
 *
 * How much more the other must hold is drawn anew each time, between as much
 * and twice as much: whoever watches when others give way learns no count.
 * Nothing here happens for a packet whose sender may not be who he says: a SYN
 * moves nobody, the ACK that proves its number does.
 */
#include "stack/stack.h"

#include <errno.h>
#include <string.h>

#define LOOK 16u
/* Below it a source is never asked to leave for another. */
#define AT_LEAST 8u
/* How long slots count as wanted after one gave way. */
#define WANTED_NS (10 * NS_PER_S)
#define REFUSED_NS (5 * NS_PER_S) /* who gave way for memory */
/* Bytes that a connection with something queued holds beside its bytes: the
   rest of a chunk. */
#define OVERHEAD MINATO_CHUNK_SMALL

static struct share *share_of(const struct minato *m)
{
	return host_at(m, m->share);
}

static struct share_link *link_of(const struct minato *m, uint32_t index)
{
	return (struct share_link *)host_at(m, m->share_links) + index;
}

struct position {
	uint32_t place, beside;
};

static struct position position_of(const struct minato *m,
				   const struct minato_addr *a)
{
	const bool is4 = minato_addr_is4(a);
	const uint64_t hash = hash_table(&m->limit_key,
					 is4 ? a->bytes + 8 : a->bytes, 8);

	return (struct position){ (uint32_t)hash % SHARE_PLACES,
				  (uint32_t)(hash >> 32) % SHARE_PLACES };
}

static uint32_t count_of(const struct minato *m, struct position at)
{
	const struct share *h = share_of(m);
	const uint32_t count = h->place[at.place].count;
	const uint32_t beside = h->beside[at.beside].count;

	return count < beside ? count : beside;
}

/* --- which place has most ------------------------------------------------ */

/* The largest below a node; the leaves are the places themselves. */
static uint32_t most_below(const uint16_t *tree, uint32_t node)
{
	return node < SHARE_PLACES ? tree[node] : node - SHARE_PLACES;
}

static uint64_t weight(const struct share *h, enum share_tree tree,
		       uint32_t place)
{
	return tree == SHARE_COUNT ? h->place[place].count :
				     h->place[place].pinned;
}

static void update(struct share *h, enum share_tree which, uint32_t place)
{
	uint16_t *tree = h->most[which];

	for (uint32_t i = (SHARE_PLACES + place) / 2; i >= 1; i /= 2) {
		const uint32_t a = most_below(tree, 2 * i);
		const uint32_t b = most_below(tree, 2 * i + 1);
		tree[i] =
			(uint16_t)(weight(h, which, a) >= weight(h, which, b) ?
					   a :
					   b);
	}
}

/* Does who holds `most` give way to one that holds `has`? */
static bool gives_way(struct minato *m, uint32_t most, uint32_t has)
{
	const uint64_t fair = (uint64_t)has + 1;

	return most > fair + random_below(&m->random, (uint32_t)fair + 1);
}

/* --- coming and going ---------------------------------------------------- */

/* Indices are kept plus one: zero memory is empty lists. */
static void append(struct minato *m, struct share_place *p, uint32_t index)
{
	struct share_link *l = link_of(m, index);

	l->next = 0;
	l->prev = p->tail;
	if (p->tail == 0)
		p->head = index + 1;
	else
		link_of(m, p->tail - 1)->next = index + 1;
	p->tail = index + 1;
}

static void unlink_one(struct minato *m, struct share_place *p, uint32_t index)
{
	const struct share_link l = *link_of(m, index);

	if (l.prev == 0)
		p->head = l.next;
	else
		link_of(m, l.prev - 1)->next = l.next;
	if (l.next == 0)
		p->tail = l.prev;
	else
		link_of(m, l.next - 1)->prev = l.prev;
}

void share_enter(struct minato *m, uint32_t index,
		 const struct minato_addr *source)
{
	struct share *h = share_of(m);
	const struct position at = position_of(m, source);

	check(link_of(m, index)->place == 0);
	*link_of(m, index) = (struct share_link){
		.place = (uint16_t)(at.place + 1),
		.beside = (uint16_t)at.beside,
	};
	append(m, &h->place[at.place], index);
	h->place[at.place].count++;
	h->beside[at.beside].count++;
	update(h, SHARE_COUNT, at.place);
}

static void set_pinned(struct minato *m, struct share_link *l, uint32_t bytes)
{
	struct share *h = share_of(m);

	h->pinned += bytes;
	h->pinned -= l->pinned;
	h->place[l->place - 1].pinned += bytes;
	h->place[l->place - 1].pinned -= l->pinned;
	l->pinned = bytes;
	update(h, SHARE_PINNED, l->place - 1);
}

void share_leave(struct minato *m, uint32_t index)
{
	struct share *h = share_of(m);
	struct share_link *l = link_of(m, index);
	struct share_place *p;

	if (l->place == 0)
		return;
	if (l->pinned != 0)
		set_pinned(m, l, 0);
	p = &h->place[l->place - 1];
	unlink_one(m, p, index);
	check(p->count > 0 && h->beside[l->beside].count > 0);
	p->count--;
	h->beside[l->beside].count--;
	update(h, SHARE_COUNT, l->place - 1);
	l->place = 0;
}

void share_wait(struct minato *m, uint32_t index, bool comes)
{
	const uint32_t place = link_of(m, index)->place;
	struct share_place *p;

	if (place == 0)
		return;
	p = &share_of(m)->place[place - 1];
	check(comes || p->waiting > 0);
	p->waiting += comes ? 1 : UINT32_MAX;
}

void share_weigh(struct minato *m, uint32_t index)
{
	struct share_link *l = link_of(m, index);
	struct tcp_env e = host_env(m);
	uint32_t bytes;

	if (l->place == 0)
		return;
	bytes = tcp_pinned(&e, &socket_at(m, index)->body.tcp);
	if (bytes > 0)
		bytes += OVERHEAD;
	if (bytes != l->pinned)
		set_pinned(m, l, bytes);
}

/* --- giving way ---------------------------------------------------------- */

/* RST, and its owner hears why. */
static void evict(struct minato *m, uint32_t index, enum counter why)
{
	struct socket *s = socket_at(m, index);
	struct tcp_env e = host_env(m);

	host_count(m, why);
	share_leave(m, index);
	tcp_evict(&e, &s->body.tcp, ECONNABORTED);
	flow_settle(m, index);
}

/* May this one be asked to leave? One that waits for its owner's first word
   has a bound of its own, and one that is over goes by itself. */
static bool may_leave(const struct minato *m, uint32_t index)
{
	const struct socket *s = socket_at(m, index);

	if (s->flags & (SOCKET_HELD | SOCKET_CALL | SOCKET_ACCEPT))
		return false;
	return tcp_state(&s->body.tcp) != MINATO_CLOSED;
}

enum sought {
	SOUGHT_ANY,
	SOUGHT_BUSY,   /* one that has an active block */
	SOUGHT_PINNED, /* that has something queued for who does not take it */
};

static bool is_sought(const struct minato *m, uint32_t index,
		      const struct tcp_env *e, enum sought sought)
{
	if (!may_leave(m, index))
		return false;
	if (sought == SOUGHT_BUSY)
		return tcp_is_busy(e, &socket_at(m, index)->body.tcp);
	return sought == SOUGHT_ANY || link_of(m, index)->pinned != 0;
}

/*
 * Of the first connections of a place, the one that was silent longest; those
 * looked at go to the end, so that another time others are.
 */
static uint32_t silent_longest(struct minato *m, uint32_t place,
			       enum sought sought)
{
	struct share_place *p = &share_of(m)->place[place];
	const struct tcp_env e = host_env(m);
	uint32_t victim = STACK_NONE, longest = 0;

	for (uint32_t i = 0; i < LOOK && i < p->count; i++) {
		const uint32_t index = p->head - 1;
		const uint32_t silent_ms =
			tcp_silent_ms(&e, &socket_at(m, index)->body.tcp);

		unlink_one(m, p, index);
		append(m, p, index);
		if (!is_sought(m, index, &e, sought))
			continue;
		if (victim == STACK_NONE || silent_ms > longest) {
			victim = index;
			longest = silent_ms;
		}
	}
	return victim;
}

static bool slots_are_few(const struct minato *m)
{
	return m->sockets.used >= m->sockets_max - m->sockets_max / 16;
}

/*
 * A source of which one gave way would have back at once what it gave: it gets
 * nothing new for a while, if it was for memory; of the last slots none while
 * they are wanted, if it has as much as half of what the largest has.
 */
bool share_allows(const struct minato *m, const struct minato_addr *source)
{
	const struct share *h = share_of(m);
	const struct position at = position_of(m, source);
	const uint32_t most = h->place[h->most[SHARE_COUNT][1]].count;
	const uint32_t count = count_of(m, at);

	if (h->source_max != 0 && count >= h->source_max)
		return false;
	if (!time_reached(m->now, h->place[at.place].refused_until) &&
	    !time_reached(m->now, h->beside[at.beside].refused_until))
		return false;
	return !slots_are_few(m) || time_reached(m->now, h->slots_until) ||
	       count < AT_LEAST || count < most / 2;
}

void share_make_room(struct minato *m, const struct minato_addr *source)
{
	struct share *h = share_of(m);
	uint32_t place, victim;

	if (!slots_are_few(m))
		return;
	place = h->most[SHARE_COUNT][1];
	if (h->place[place].count <= AT_LEAST ||
	    !gives_way(m, h->place[place].count,
		       count_of(m, position_of(m, source))))
		return;
	h->slots_until = time_after(m->now, WANTED_NS);
	victim = silent_longest(m, place, SOUGHT_ANY);
	if (victim != STACK_NONE)
		evict(m, victim, COUNTER_SOURCE_VICTIM);
}

/* Of its source; one whose handshake ends with this segment has no place. */
static uint32_t count_beside(const struct minato *m, uint32_t index)
{
	const struct share_link *l = link_of(m, index);
	const struct socket *s = socket_at(m, index);
	struct port_key key;

	if (l->place != 0)
		return count_of(m, (struct position){ l->place - 1u,
						      l->beside });
	if (s->tuple == STACK_NONE)
		return 0;
	slots_key(m, s, &key);
	return count_of(m, position_of(m, &key.remote));
}

/*
 * The last blocks are for those who hold few connections, while they want any:
 * who holds most keeps the blocks that he has, and gets no more.
 */
bool share_lends_few(struct minato *m, uint32_t index)
{
	const struct tcp_env e = host_env(m);
	struct share *h = share_of(m);
	const uint32_t place = h->most[SHARE_COUNT][1];
	const uint32_t most = h->place[place].count;
	uint32_t has, victim;

	if (tcp_is_busy(&e, &socket_at(m, index)->body.tcp))
		return true;
	has = count_beside(m, index);
	if (has >= AT_LEAST && has >= most / 2)
		return time_reached(m->now, h->blocks_until);
	h->blocks_until = time_after(m->now, WANTED_NS);
	if (m->tcp.active.used - m->tcp.rest_count <
		    m->tcp.active.capacity ||
	    most <= AT_LEAST || !gives_way(m, most, has))
		return true;
	victim = silent_longest(m, place, SOUGHT_BUSY);
	if (victim != STACK_NONE)
		evict(m, victim, COUNTER_SOURCE_VICTIM);
	return true;
}

/* Others want the memory, or the blocks of those that send. */
static bool is_short(struct minato *m)
{
	const struct tcp_env e = host_env(m);

	return m->starved > 0 || tcp_memory_low(&e) || host_blocks_few(m);
}

static bool is_too_much(struct minato *m)
{
	const struct share *h = share_of(m);

	return h->pinned > h->pinned_max ||
	       (h->pinned > h->pinned_spare && is_short(m));
}

static void refuse_for_now(struct minato *m, uint32_t place, uint32_t beside)
{
	const struct minato_time until = time_after(m->now, REFUSED_NS);

	share_of(m)->place[place].refused_until = until;
	share_of(m)->beside[beside].refused_until = until;
}

void share_relieve(struct minato *m)
{
	for (uint32_t i = 0; i < LOOK && is_too_much(m); i++) {
		const uint32_t place = share_of(m)->most[SHARE_PINNED][1];
		const uint32_t victim = silent_longest(m, place, SOUGHT_PINNED);
		if (victim == STACK_NONE)
			return;
		refuse_for_now(m, place, link_of(m, victim)->beside);
		evict(m, victim, COUNTER_PINNED_VICTIM);
	}
}

/* --- accept queues ------------------------------------------------------- */

/* How many of its source wait for the same; 0: it has no place. */
static uint32_t waiting_with(const struct minato *m, uint32_t index)
{
	const uint32_t place = link_of(m, index)->place;

	return place == 0 ? 0 : share_of(m)->place[place - 1].waiting;
}

bool share_displaces(struct minato *m, const struct list *accepts,
		     const struct minato_addr *source, uint32_t *victim)
{
	const struct share *h = share_of(m);
	uint32_t at = accepts->head, most = 0;

	for (uint32_t i = 0; i < CALLS_LOOK && at != STACK_NONE; i++) {
		if (waiting_with(m, at) > most) {
			most = waiting_with(m, at);
			*victim = at;
		}
		at = socket_at(m, at)->link[LIST_CALL].next;
	}
	return gives_way(m, most,
			 h->place[position_of(m, source).place].waiting);
}

/* --- making -------------------------------------------------------------- */

size_t share_bytes(void)
{
	return sizeof(struct share);
}

void share_init(struct minato *m, const struct minato_config *c)
{
	struct share *h = share_of(m);
	const uint64_t payload =
		(uint64_t)c->chunks_large * MINATO_CHUNK_LARGE +
		(uint64_t)c->chunks_small * MINATO_CHUNK_SMALL;

	h->source_max = c->source_connections_max;
	h->pinned_max = c->pinned_kb_max == 0 ?
				UINT64_MAX :
				(uint64_t)c->pinned_kb_max * 1024;
	h->pinned_spare = payload / 8;
}
