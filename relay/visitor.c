/* SPDX-License-Identifier: BSD-2-Clause */
/* Clients of published UDP ports: each speaks to the guest from its own address and port. */
#include "relay/relay.h"

#include <errno.h>
#include <stdlib.h>

#include "minato/gateway.h"
#include "minato/guard.h"

#define SHARE 512u /* datagrams or runs in a direction per turn */
#define VISITORS_MAX 16384u
#define TWINS_MAX 16u

static bool same_end(const struct minato_endpoint *a, const struct minato_endpoint *b)
{
	return a->port == b->port && minato_addr_equal(&a->addr, &b->addr);
}

/*
 * The lane of this client, found by the table: the tuple that it would have is some lane's. Two
 * clients may want the same tuple (both on the host's loopback, or one that came by two ports):
 * then the first has it and leads to the others, which speak from other ports.
 */
static struct lane *find(struct relay_published *door, const struct minato_endpoint *client,
			 const struct minato_endpoint *seen, const struct minato_endpoint *guest,
			 struct lane **first)
{
	struct relay *relay = door->forward->relay;
	/* The lane alone is looked for: nothing begins here. */
	const struct minato_question question = {
		.scope = target_scope(relay, &guest->addr),
		.face = MINATO_FACE_ANY,
		.proto = MINATO_UDP,
		.course = MINATO_COURSE_NONE,
		.remote = *guest,
		.local = *seen,
	};
	struct minato_fate fate;
	struct lane *f;

	*first = NULL;
	minato_judge(relay->host, &question, &fate);
	if (fate.kind != MINATO_KIND_SOCKET)
		return NULL;
	f = lane_of(relay, fate.user);
	if (!f || f->kind != LANE_VISITOR)
		return NULL;
	*first = f;
	for (uint32_t i = 0; f && i < TWINS_MAX; i++) {
		if (f->kind == LANE_VISITOR && f->door == door && same_end(&f->dial, client))
			return f;
		f = f->visit->twin ? lane_of(relay, f->visit->twin) : NULL;
	}
	return NULL;
}

static void follow(struct lane *first, struct lane *f)
{
	f->visit->twin = first->visit->twin;
	first->visit->twin = lane_word(f);
}

static struct lane *begin(struct relay_published *door, const struct gram *gram,
			  const struct minato_fate *fate)
{
	const struct minato_endpoint asked = { .addr = gram->to, .port = door->port };
	struct relay *relay = door->forward->relay;
	struct lane *f;

	f = lane_new(relay, LANE_VISITOR);
	if (!f)
		return NULL;
	f->visit = calloc(1, sizeof(*f->visit));
	if (!f->visit) {
		lane_free(f);
		return NULL;
	}
	f->state = LANE_OPEN;
	f->door = door;
	forward_join(f, door->forward);
	f->dial = gram->from;
	if (!forward_lead(f, fate, &asked)) {
		lane_free(f);
		return NULL;
	}
	target_caller(&relay->config, &f->dial, &f->guest.addr, &f->far);
	if (relay->visitors.count >= VISITORS_MAX) {
		relay_count(relay, RELAY_COUNT_UDP_EVICTED);
		gram_end(relay->visitors.oldest);
	}
	if (caller_connect(relay, MINATO_UDP, &f->far, &f->guest, &f->socket) < 0) {
		lane_free(f);
		return NULL;
	}
	minato_set_user(relay->host, f->socket, lane_word(f));
	minato_owner_copy(relay->host, f->socket, f->entry);
	relay_count(relay, RELAY_COUNT_UDP_IN);
	return f;
}

/* Where datagrams of flows that stand are led: no rule is asked. False: nowhere. */
static bool leads(struct relay_published *door, const struct minato_endpoint *client,
		  const struct minato_endpoint *local, struct minato_fate *fate)
{
	struct relay *relay = door->forward->relay;
	const struct minato_question question = {
		.scope = relay->config.outside,
		.face = MINATO_FACE_ANY,
		.proto = MINATO_UDP,
		.course = MINATO_COURSE_NONE,
		.remote = *client,
		.local = *local,
	};

	minato_judge(relay->host, &question, fate);
	return fate->kind == MINATO_KIND_FORWARD;
}

/*
 * As `find`, wherever the entry leads: a client's datagrams go where they went when it began,
 * whatever became of servers since. *first is that of where it goes now.
 */
static struct lane *find_led(struct relay_published *door, const struct minato_endpoint *client,
			     const struct minato_endpoint *local, const struct minato_fate *fate,
			     struct lane **first)
{
	const struct minato_led led = { *client, *local, fate->target, 0 };
	struct relay *relay = door->forward->relay;
	struct minato_endpoint targets[MINATO_SERVERS_MAX];
	int count = minato_forward_targets(relay->host, fate->handle, &led, targets);
	struct minato_endpoint seen;
	struct lane *f = NULL;

	*first = NULL;
	for (int i = 0; i < count && !f; i++) {
		struct lane *at_tuple;

		target_caller(&relay->config, client, &targets[i].addr, &seen);
		f = find(door, client, &seen, &targets[i], &at_tuple);
		if (i == 0)
			*first = at_tuple;
	}
	return f;
}

static uint16_t caller_of(const struct relay_published *door, const struct gram *gram)
{
	const struct minato_endpoint local = { .addr = gram->to, .port = door->port };

	return zone_caller(&door->forward->relay->config, MINATO_UDP, &gram->from, &local);
}

/* The lane for a datagram that arrived; NULL: the table has no place for it. */
static struct lane *lane_for(struct relay_published *door, const struct gram *gram)
{
	struct relay *relay = door->forward->relay;
	struct minato_endpoint local = { .addr = gram->to, .port = door->port };
	struct minato_fate fate;
	struct minato_question question = {
		.scope = relay->config.outside,
		.face = zone_face(&relay->config, &gram->from.addr),
		.proto = MINATO_UDP,
		.course = MINATO_COURSE_IN,
		.remote = gram->from,
		.local = local,
	};
	struct lane *first = NULL;
	struct lane *f = NULL;

	if (leads(door, &gram->from, &local, &fate))
		f = find_led(door, &gram->from, &local, &fate, &first);
	/* A guest's port may have become somebody else's since. */
	if (f && (!f->visit->caller || f->visit->caller == caller_of(door, gram)))
		return f;
	if (f)
		gram_end(f);
	question.program = caller_of(door, gram);
	if (question.program == RELAY_CALLER_GONE)
		return NULL;
	minato_judge(relay->host, &question, &fate);
	if (fate.kind != MINATO_KIND_FORWARD ||
	    zone_shuts(question.face, &door->forward->spec, &fate))
		return NULL;
	/* The one that was ended may have been the first. */
	if (f)
		(void)find_led(door, &gram->from, &local, &fate, &first);
	f = begin(door, gram, &fate);
	if (f)
		f->visit->caller = question.program;
	/* The oldest may have given way: that could have been the first of this tuple. */
	if (f && first && first->kind == LANE_VISITOR && first != f)
		follow(first, f);
	return f;
}

static void deliver(struct relay_published *door, const struct gram *gram, struct lane **last)
{
	struct lane *f = *last;

	/* Most datagrams follow one of the same client. */
	if (!f || !same_end(&f->dial, &gram->from)) {
		gram_flush(door->forward->relay);
		f = lane_for(door, gram);
		*last = f;
	}
	if (!f) {
		relay_count(door->forward->relay, RELAY_COUNT_UDP_LOST);
		return;
	}
	f->visit->here = (struct minato_endpoint){ .addr = gram->to, .port = door->port };
	f->scope_id = gram->scope_id;
	gram_give(f, &f->far, gram);
	lane_touch(f, &door->forward->relay->visitors);
}

/* ICMP errors about the guest's answers go to the guest. */
static void take_faults(struct relay_published *door)
{
	struct gram_fault fault;
	struct lane *f;

	while (gram_next_fault(door->fd, &fault)) {
		struct gram gram = { .from = fault.to };
		struct minato_endpoint local;
		struct minato_fate fate;
		struct lane *first;

		if (!fault.errnum)
			continue;
		/* Any address of the door serves to find the entry: its family decides. */
		local = (struct minato_endpoint){ .addr = publish_addr(door), .port = door->port };
		if (door->dual && minato_addr_is4(&fault.to.addr))
			local.addr = minato_addr4(0, 0, 0, 0);
		if (!leads(door, &gram.from, &local, &fate))
			continue;
		f = find_led(door, &gram.from, &local, &fate, &first);
		if (f)
			gram_report(f, &f->far, &fault);
	}
}

void visitor_arrive(struct relay_published *door)
{
	struct gram grams[GRAM_BATCH];
	struct lane *last = NULL;
	uint32_t errors = 0;
	uint32_t taken = 0;

	take_faults(door);
	while (door->readable && taken < SHARE) {
		int count = gram_recv(door->forward->relay, door->fd, grams);

		if (count < 0) {
			door->readable = count != -EAGAIN && errors++ < 4;
			continue;
		}
		for (int i = 0; i < count; i++)
			deliver(door, &grams[i], &last);
		door->readable = count == (int)GRAM_BATCH;
		taken += (uint32_t)count;
	}
	gram_flush(door->forward->relay);
}

/* To the client it is for, out of the socket that is published. */
static void carry(struct lane *f, const struct minato_datagram *sent, struct minato_extent *extents,
		  size_t count)
{
	struct minato_datagram about = *sent;
	const struct gram_way way = {
		.fd = f->door->fd,
		.dual = f->door->dual,
		.scope_id = f->scope_id,
		.to = f->dial,
		.from = f->visit->here.addr,
		.discover = &f->door->discover,
		.ttl = gram_ttl(about.ttl),
		.traffic_class = about.traffic_class,
		.dont_fragment = about.dont_fragment,
	};

	about.local = f->far;
	gram_put(f, &way, &about, extents, count);
}

void visitor_work(struct lane *f)
{
	turn_out(f, SHARE, carry);
	gram_flush(f->relay);
	if (f->guest_reset)
		minato_outcome(f->relay->host, f->entry, MINATO_UDP, &f->dial, &f->guest,
			       MINATO_OUTCOME_CLOSED);
	f->guest_reset = false;
	lane_touch(f, &f->relay->visitors);
}
