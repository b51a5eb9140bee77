/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * New flows: children of listeners, and calls that an owner is asked about.
 *
 *    SYN -> held ----- answer ----> half-open -> its owner's
 *    SYN -> record or cookie (halves.c) -------> accept queue -> accepted
 *                                               (child of a listener)
 *
 * Held and half-open ones, and children that wait for data, are bounded
 * together by calls_max. When they are full, of the eight oldest held ones
 * that one gives way whose source has most; where none is held, the oldest
 * half-open one. Who gives way in an accept queue, share.c says.
 */
#include "stack/stack.h"

#include <errno.h>

#include "minato/guard.h"

static struct list *list_of(struct minato *m, const struct socket *s)
{
	return s->flags & SOCKET_HELD ? &m->held : &m->half_open;
}

void calls_count_held(struct minato *m, const struct socket *s, bool comes)
{
	uint32_t *count =
		&m->held_of[s->other >> CALLS_PLACE_SHIFT & (CALLS_PLACES - 1)];

	check(comes || *count > 0);
	*count += comes ? 1 : UINT32_MAX;
}

/* Where the source of a call is counted. */
static uint32_t place_of(const struct minato *m, const struct minato_addr *a)
{
	const bool is4 = minato_addr_is4(a);

	return (uint32_t)hash_table(&m->limit_key,
				    is4 ? a->bytes + 8 : a->bytes, 8) &
	       (CALLS_PLACES - 1);
}

static void enlist(struct minato *m, uint32_t index)
{
	struct socket *s = socket_at(m, index);

	if (s->flags & SOCKET_HELD)
		calls_count_held(m, s, true);
	list_append(m, list_of(m, s), LIST_CALL, index);
	s->flags |= SOCKET_CALL;
}

static void delist(struct minato *m, uint32_t index)
{
	struct socket *s = socket_at(m, index);

	if (s->flags & SOCKET_HELD)
		calls_count_held(m, s, false);
	list_remove(m, list_of(m, s), LIST_CALL, index);
	s->flags &= ~SOCKET_CALL;
}

void calls_ended(struct minato *m, uint32_t index)
{
	struct socket *s = socket_at(m, index);
	const bool known =
		(s->flags & SOCKET_OWNED) &&
		(!(s->flags & SOCKET_HELD) || (s->flags & SOCKET_ANNOUNCED));

	delist(m, index);
	if (s->flags & SOCKET_HELD)
		s->other = STACK_NONE;
	s->flags &= ~(SOCKET_HELD | SOCKET_ASKS);
	s->flags |= SOCKET_OPENED;
	/* Whoever was told of the call is told of its end. */
	if (known)
		events_raise(m, index);
	else
		slots_give(m, index);
}

/* Forgets a call without a word to the remote. */
static void silence(struct minato *m, uint32_t index)
{
	struct socket *s = socket_at(m, index);
	struct tcp_env e = host_env(m);

	slots_drop_tuple(m, s);
	wheel_cancel(&m->wheel, index);
	if (s->proto == MINATO_TCP) {
		tcp_abort(&e, &s->body.tcp);
		tcp_signals(&s->body.tcp);
	} else {
		messages_clear(m, &s->body.datagrams.received);
		s->body.datagrams.error = ECONNABORTED;
	}
	calls_ended(m, index);
}

/* Of the oldest held ones, the first of the source that has most. */
static uint32_t victim_of_held(const struct minato *m)
{
	uint32_t victim = m->held.head, at = victim, most = 0;

	for (uint32_t i = 0; i < CALLS_LOOK && at != STACK_NONE; i++) {
		const struct socket *s = socket_at(m, at);
		const uint32_t place = s->other >> CALLS_PLACE_SHIFT &
				       (CALLS_PLACES - 1);
		if (m->held_of[place] > most) {
			most = m->held_of[place];
			victim = at;
		}
		at = s->link[LIST_CALL].next;
	}
	return victim;
}

static void make_room(struct minato *m)
{
	if (m->held.count + m->half_open.count < m->calls_max)
		return;
	if (m->held.count > 0) {
		host_count(m, COUNTER_CALLS_VICTIM);
		silence(m, victim_of_held(m));
		return;
	}
	host_count(m, COUNTER_HALF_OPEN_VICTIM);
	silence(m, m->half_open.head);
}

/* `other` is what it is of one that is held, but for the place. */
static void begin_hold(struct minato *m, uint32_t index, uint64_t user,
		       bool asks)
{
	struct socket *s = socket_at(m, index);
	struct port_key key;

	slots_key(m, s, &key);
	s->other |= place_of(m, &key.remote) << CALLS_PLACE_SHIFT;
	s->flags |= SOCKET_OWNED | SOCKET_HELD | (asks ? SOCKET_ASKS : 0);
	s->user = user;
	enlist(m, index);
	wheel_arm(&m->wheel, index, calls_deadline(m, s));
	host_count(m, COUNTER_CALLS);
	events_raise(m, index);
}

/* The listener that the look-up found, or NULL. */
static struct socket *listener_of(const struct minato *m,
				  const struct port_fate *fate)
{
	return fate->kind == MINATO_KIND_SOCKET ? socket_at(m, fate->owner) :
						  NULL;
}

static bool is_full(const struct detail *d)
{
	return d->accepts.count >= d->backlog;
}

bool calls_backlog_full(struct minato *m, const struct socket *listener,
			const struct minato_addr *source)
{
	const struct detail *d = slots_detail(m, listener);
	uint32_t victim;

	return is_full(d) && !share_displaces(m, &d->accepts, source, &victim);
}

/* Whose the listener is, or the forward or uplink. */
static uint16_t actor_of(const struct minato *m, const struct port_fate *fate)
{
	return fate->kind == MINATO_KIND_SOCKET ?
		       actors_of(m, fate->owner) :
		       entries_actor(m, fate->entry);
}

/* A slot with the tuple of the arriving packet. */
static enum drop take_flow(struct minato *m, const struct port_key *key,
			   const struct port_fate *fate, uint32_t flags,
			   uint32_t *index)
{
	int error;

	make_room(m);
	*index = slots_take(m, key->proto, key->scope);
	if (*index == STACK_NONE)
		return DROP_SOCKETS;
	socket_at(m, *index)->flags = flags;
	actors_own(m, *index, actors_keep(m, actor_of(m, fate)));
	error = slots_add_tuple(m, *index, key);
	if (error == 0)
		return DROP_NONE;
	slots_give(m, *index);
	return DROP_SOCKETS;
}

void calls_bound(struct minato *m)
{
	if (m->held.count + m->half_open.count > m->calls_max)
		make_room(m);
}

enum drop calls_child(struct minato *m, const struct port_key *key,
		      uint32_t listener, uint32_t tuple, uint32_t *index)
{
	struct socket *s;

	*index = slots_take(m, MINATO_TCP, key->scope);
	if (*index == STACK_NONE)
		return DROP_SOCKETS;
	s = socket_at(m, *index);
	s->flags = SOCKET_CHILD |
		   (socket_at(m, listener)->flags & SOCKET_INHERITED);
	s->other = listener;
	actors_own(m, *index, actors_keep(m, actors_of(m, listener)));
	if (tuple != STACK_NONE) {
		slots_take_tuple(m, *index, tuple);
	} else if (slots_add_tuple(m, *index, key) != 0) {
		slots_give(m, *index);
		return DROP_SOCKETS;
	}
	enlist(m, *index);
	return DROP_NONE;
}

enum drop calls_syn(struct minato *m, const struct arrival *a,
		    const struct port_fate *fate)
{
	struct socket *listener = listener_of(m, fate);
	struct tcp_env e = host_env(m);
	struct tcp_setup setup;
	uint32_t index;
	struct socket *s;
	enum drop drop;

	if (listener != NULL && !(listener->flags & SOCKET_HOLD))
		return halves_syn(m, a, fate->owner);
	if (!share_allows(m, &a->key.remote))
		return DROP_SOURCE;
	if (!flow_setup(m, &a->key, &setup))
		return DROP_NO_ROUTE;
	drop = take_flow(m, &a->key, fate,
			 listener ? listener->flags & SOCKET_INHERITED :
				    SOCKET_TRANSPARENT,
			 &index);
	if (drop != DROP_NONE)
		return drop;
	deliver_learn(m, &a->packet);
	s = socket_at(m, index);
	if (m->reopen.valid) {
		setup.above = true;
		setup.isn_above = m->reopen.above;
	}
	tcp_passive(&e, &s->body.tcp,
		    listener ? &listener->body.tcp : &m->defaults, &setup,
		    &a->packet.tcp, true);
	flow_class(m, index, a->packet.traffic_class);
	s->other = a->packet.hop_limit | (uint32_t)a->packet.traffic_class << 8;
	begin_hold(m, index, listener ? listener->user : fate->user,
		   fate->asks);
	flow_settle(m, index);
	return DROP_NONE;
}

enum drop calls_datagram(struct minato *m, const struct arrival *a,
			 const struct port_fate *fate)
{
	struct port_key key = a->key;
	uint32_t flags = SOCKET_TRANSPARENT;
	uint32_t index;
	enum drop drop;

	/* An uplink's owner hears all that the remote endpoint sends, whoever
	   it is for; a forward's only what is for the published port. */
	if (fate->kind == MINATO_KIND_UPLINK) {
		key.local = (struct minato_addr){ { 0 } };
		key.local_port = 0;
		flags |= SOCKET_ASSOCIATION;
	}
	drop = take_flow(m, &key, fate, flags, &index);
	if (drop != DROP_NONE)
		return drop;
	deliver_learn(m, &a->packet);
	socket_at(m, index)->other = 0;
	socket_at(m, index)->body.datagrams.program = MINATO_PROGRAM_UNKNOWN;
	if (!fate->asks)
		verdicts_remember(m, index, &a->key);
	begin_hold(m, index, fate->user, fate->asks);
	return udp_arrive(m, index, a);
}

struct minato_time calls_deadline(struct minato *m, const struct socket *s)
{
	const struct minato_time begun = stack_begun(s->since);
	struct tcp_env e = host_env(m);
	int64_t seconds = 0;

	if (s->flags & SOCKET_HELD)
		return time_after(begun, STACK_CALL_NS);
	if (!(s->flags & SOCKET_DEFER))
		return MINATO_NEVER;
	tcp_get(&e, &s->body.tcp, MINATO_OPT_DEFER_ACCEPT, &seconds);
	return time_after(begun, seconds * NS_PER_S);
}

bool calls_expire(struct minato *m, uint32_t index)
{
	const uint32_t flags = socket_at(m, index)->flags;

	if (flags & SOCKET_HELD) {
		host_count(m, COUNTER_CALLS_TIMEOUT);
		silence(m, index);
		return false;
	}
	if (flags & SOCKET_DEFER)
		calls_admit(m, index);
	return true;
}

/* --- listeners ---------------------------------------------------------- */

void calls_complete(struct minato *m, uint32_t index)
{
	struct socket *s = socket_at(m, index);
	struct tcp_env e = host_env(m);
	struct port_key key;
	int64_t defer_s = 0;

	slots_key(m, s, &key);
	share_enter(m, index, &key.remote);
	if (!(s->flags & SOCKET_CHILD)) {
		share_make_room(m, &key.remote);
		delist(m, index);
		return;
	}
	tcp_get(&e, &s->body.tcp, MINATO_OPT_DEFER_ACCEPT, &defer_s);
	if (defer_s == 0) {
		calls_admit(m, index);
		return;
	}
	s->flags |= SOCKET_DEFER;
	wheel_arm(&m->wheel, index, calls_deadline(m, s));
}

void calls_admit(struct minato *m, uint32_t index)
{
	struct socket *s = socket_at(m, index);
	struct socket *listener = socket_at(m, s->other);

	delist(m, index);
	s->flags = (s->flags & ~SOCKET_DEFER) | SOCKET_ACCEPT;
	list_append(m, &slots_detail(m, listener)->accepts, LIST_CALL, index);
	share_wait(m, index, true);
	host_count(m, COUNTER_ACCEPTS);
	events_raise(m, s->other);
}

bool calls_full(const struct minato *m, const struct socket *s)
{
	if (!(s->flags & SOCKET_CHILD) || !(s->flags & SOCKET_CALL))
		return false;
	return tcp_state(&s->body.tcp) == MINATO_SYN_RECEIVED &&
	       is_full(slots_detail(m, socket_at(m, s->other)));
}

/* RST to one child, which belongs to nobody from now on. */
static void orphan(struct minato *m, uint32_t index)
{
	struct socket *s = socket_at(m, index);

	s->flags &= ~(SOCKET_CHILD | SOCKET_DEFER);
	s->other = STACK_NONE;
	flow_release(m, index, true);
}

/* Out of the accept queue; whose it is next, the caller says. */
static void leave_queue(struct minato *m, struct list *accepts, uint32_t index)
{
	list_remove(m, accepts, LIST_CALL, index);
	share_wait(m, index, false);
	socket_at(m, index)->flags &= ~SOCKET_ACCEPT;
}

bool calls_backlog_room(struct minato *m, const struct socket *listener,
			const struct minato_addr *source)
{
	struct detail *d = slots_detail(m, listener);
	uint32_t victim;

	if (!is_full(d))
		return true;
	if (!share_displaces(m, &d->accepts, source, &victim))
		return false;
	host_count(m, COUNTER_BACKLOG_VICTIM);
	leave_queue(m, &d->accepts, victim);
	orphan(m, victim);
	return true;
}

void calls_drop_children(struct minato *m, uint32_t listener)
{
	struct list *accepts =
		&slots_detail(m, socket_at(m, listener))->accepts;
	uint32_t next;

	while (accepts->head != STACK_NONE) {
		const uint32_t index = accepts->head;
		leave_queue(m, accepts, index);
		orphan(m, index);
	}
	for (uint32_t i = m->half_open.head; i != STACK_NONE; i = next) {
		const struct socket *s = socket_at(m, i);
		next = s->link[LIST_CALL].next;
		if (!(s->flags & SOCKET_CHILD) || s->other != listener)
			continue;
		delist(m, i);
		orphan(m, i);
	}
	halves_drop(m, listener);
}

int minato_accept(struct minato *m, uint64_t socket, uint64_t *out,
		  struct minato_endpoint *peer)
{
	uint32_t index;
	struct socket *s = slots_find(m, socket, &index);
	struct list *accepts;

	if (s == NULL)
		return -EBADF;
	if (!(s->flags & SOCKET_LISTENER))
		return -EINVAL;
	accepts = &slots_detail(m, s)->accepts;
	index = accepts->head;
	if (index == STACK_NONE)
		return -EAGAIN;
	leave_queue(m, accepts, index);
	s = socket_at(m, index);
	s->flags = (s->flags & ~SOCKET_CHILD) | SOCKET_OWNED;
	s->other = STACK_NONE;
	*out = slots_handle(m, index);
	if (peer != NULL)
		bind_peer(m, s, peer);
	events_raise(m, index);
	return 0;
}

/* --- what the owner says of a held call --------------------------------- */

static struct socket *find_call(const struct minato *m, uint64_t call,
				uint32_t *index, int *error)
{
	struct socket *s = slots_find(m, call, index);

	*error = s == NULL ? -EBADF : -EINVAL;
	return s != NULL && (s->flags & SOCKET_HELD) ? s : NULL;
}

int minato_answer(struct minato *m, uint64_t call)
{
	struct tcp_env e = host_env(m);
	uint32_t index;
	int error;
	struct socket *s = find_call(m, call, &index, &error);

	if (s == NULL)
		return error;
	if (s->flags & SOCKET_ASKS)
		return -EACCES;
	host_count(m, COUNTER_CALLS_ANSWERED);
	delist(m, index);
	s->flags &= ~SOCKET_HELD;
	s->other = STACK_NONE;
	if (s->proto == MINATO_TCP) {
		enlist(m, index);
		tcp_answer(&e, &s->body.tcp);
		flow_settle(m, index);
		return 0;
	}
	wheel_cancel(&m->wheel, index);
	if (s->body.datagrams.received.count > 0)
		events_raise(m, index);
	return 0;
}

/* The sequence number of the SYN that called. */
static struct seq syn_number(struct minato *m, const struct socket *s)
{
	struct tcp_env e = host_env(m);
	struct minato_info info;

	if (s->proto != MINATO_TCP)
		return (struct seq){ 0 };
	tcp_info(&e, &s->body.tcp, &info);
	return (struct seq){ info.irs };
}

/*
 * For an association the destination is the one that its first datagram was
 * for.
 */
void calls_about(struct minato *m, const struct socket *s,
		 struct icmp_about *out)
{
	const struct message *msg;
	uint32_t first;

	*out = (struct icmp_about){ .seq = syn_number(m, s) };
	slots_key(m, s, &out->key);
	if (s->proto == MINATO_TCP) {
		out->hop_limit = (uint8_t)s->other;
		out->traffic_class = (uint8_t)(s->other >> 8);
		return;
	}
	first = s->body.datagrams.received.head;
	if (first == STACK_NONE)
		return;
	msg = message_at(m, first);
	out->key.local = msg->local.addr;
	out->key.local_port = msg->local.port;
	out->hop_limit = msg->ttl;
	out->traffic_class = msg->traffic_class;
	out->len = msg->gso_size != 0 ? msg->gso_size : msg->data.bytes;
}

int minato_call_packet(struct minato *m, uint64_t call,
		       struct minato_datagram *out)
{
	struct icmp_about about;
	uint32_t index;
	int error;
	const struct socket *s = find_call(m, call, &index, &error);

	if (s == NULL)
		return error;
	calls_about(m, s, &about);
	*out = (struct minato_datagram){
		.remote = { about.key.remote, about.key.remote_port },
		.local = { about.key.local, about.key.local_port },
		.ttl = about.hop_limit,
		.traffic_class = about.traffic_class,
		.len = about.len,
	};
	return 0;
}

void calls_quote(const struct minato *m, const struct socket *s,
		 struct minato_trouble *trouble)
{
	const struct message *msg;
	struct minato_extent first;
	uint32_t head;

	if (s->proto == MINATO_TCP)
		return;
	head = s->body.datagrams.received.head;
	if (head == STACK_NONE || trouble->data != NULL)
		return;
	msg = message_at(m, head);
	if (msg->data.bytes == 0)
		return;
	queue_view(&m->payload, &msg->data, NULL, 0, msg->data.bytes, &first, 1,
		   NULL);
	trouble->data = first.base;
	trouble->len = first.len;
	if (msg->gso_size != 0 && msg->gso_size < first.len)
		trouble->len = msg->gso_size;
}

int minato_call_asks(struct minato *m, uint64_t call)
{
	uint32_t index;
	int error;
	const struct socket *s = find_call(m, call, &index, &error);

	return s == NULL ? error : (s->flags & SOCKET_ASKS) != 0;
}

int minato_call_program(struct minato *m, uint64_t call, uint16_t program)
{
	struct rule_verdict verdict;
	struct icmp_about about;
	uint32_t index;
	int error;
	struct socket *s = find_call(m, call, &index, &error);

	if (s == NULL)
		return error;
	if (program == MINATO_PROGRAM_UNKNOWN)
		return -EINVAL;
	calls_about(m, s, &about);
	verdicts_key(m, s, &about.key);
	about.key.program = program;
	port_rules_ask(host_table(m), &about.key, m->now, false, &verdict);
	if (verdict.verdict != MINATO_PASS)
		return (int)verdict.verdict;
	s->flags &= ~SOCKET_ASKS;
	if (s->flags & SOCKET_ASSOCIATION) {
		s->body.datagrams.program = program;
		verdicts_remember(m, index, &about.key);
	}
	return MINATO_PASS;
}

int minato_refuse(struct minato *m, uint64_t call)
{
	struct minato_trouble closed = { .reason = MINATO_REASON_PORT };
	struct tcp_segment rst = { .flags = TCP_RST | TCP_ACK };
	struct icmp_about about;
	uint32_t index;
	int error;
	struct socket *s = find_call(m, call, &index, &error);

	if (s == NULL)
		return error;
	host_count(m, COUNTER_CALLS_REFUSED);
	calls_about(m, s, &about);
	evidence_refused(m, s, &about.key);
	if (s->proto == MINATO_TCP) {
		/* As a closed port would (RFC 9293 3.10.7.1). */
		rst.ack = seq_add(about.seq, 1);
		icmp_out_refuse(m, &about.key, &rst);
	} else {
		calls_quote(m, s, &closed);
		icmp_out_about(m, &about, &closed);
	}
	slots_give(m, index);
	return 0;
}

int minato_reject(struct minato *m, uint64_t call, enum minato_reason reason)
{
	struct minato_trouble trouble = { .reason = reason };
	struct icmp_about about;
	uint32_t index;
	int error;
	struct socket *s = find_call(m, call, &index, &error);

	if (s == NULL)
		return error;
	if ((uint32_t)reason > MINATO_REASON_TIME_EXCEEDED)
		return -EINVAL;
	host_count(m, COUNTER_CALLS_REFUSED);
	calls_about(m, s, &about);
	calls_quote(m, s, &trouble);
	icmp_out_about(m, &about, &trouble);
	slots_give(m, index);
	return 0;
}

int minato_ignore(struct minato *m, uint64_t call)
{
	uint32_t index;
	int error;

	if (find_call(m, call, &index, &error) == NULL)
		return error;
	host_count(m, COUNTER_CALLS_IGNORED);
	slots_give(m, index);
	return 0;
}
