/* SPDX-License-Identifier: BSD-2-Clause */
/* The programs of a world: who calls whom, who accepts, who thinks about it. */
#include <errno.h>
#include <string.h>

#include "sim/sim.h"

#define PORT_FIRST 80
#define IDLE_NS (60 * SIM_S)

static struct minato *host(struct sim *s, uint32_t node)
{
	return s->node[node].m;
}

/* --- opening ---------------------------------------------------------------------- */

static void open_listener(struct sim *s, uint32_t node, uint32_t i)
{
	static const uint32_t backlogs[SIM_LISTENERS] = { 64, 16, 1 };
	struct node *n = &s->node[node];
	const struct minato_endpoint local = { .port = (uint16_t)(PORT_FIRST + i) };

	if (minato_socket(n->m, MINATO_TCP, 0, &n->listener[i]) != 0 ||
	    minato_set(n->m, n->listener[i], MINATO_OPT_REUSEADDR, 1) != 0 ||
	    minato_bind(n->m, n->listener[i], &local) != 0 ||
	    minato_set(n->m, n->listener[i], MINATO_OPT_HOLD, i == 1) != 0 ||
	    minato_listen(n->m, n->listener[i], backlogs[i]) != 0)
		sim_fail(s, "node %u: no listener", node);
	if (i == 0 && dice_chance(&s->dice, 200))
		minato_set(n->m, n->listener[i], MINATO_OPT_DEFER_ACCEPT, 3);
}

void player_open(struct sim *s)
{
	for (uint32_t i = 0; i < s->nodes; i++) {
		struct node *n = &s->node[i];
		const struct minato_endpoint local = { .port = 7000 };
		for (uint32_t k = 0; k < SIM_LISTENERS; k++)
			open_listener(s, i, k);
		if (minato_socket(n->m, MINATO_UDP, 0, &n->udp) != 0 ||
		    minato_bind(n->m, n->udp, &local) != 0 ||
		    minato_socket(n->m, MINATO_ICMP, 0, &n->icmp) != 0)
			sim_fail(s, "node %u: no datagram socket", i);
	}
	s->spawn_at = s->now;
	s->sweep_at = INT64_MAX;
}

/* Whom a new conversation is with. Returns the node that will answer. */
static uint32_t choose_peer(struct sim *s, uint32_t from, struct minato_endpoint *peer)
{
	uint32_t to = dice_below(&s->dice, s->nodes - 1);
	const bool is6 = dice_chance(&s->dice, 400);

	to += to >= from;
	peer->addr = is6 ? s->node[to].v6 : s->node[to].v4;
	peer->port = (uint16_t)(PORT_FIRST + dice_below(&s->dice, SIM_LISTENERS + 1));
	if (dice_chance(&s->dice, 500))
		peer->port = PORT_FIRST;
	if (s->outside && from != 0 && dice_chance(&s->dice, 400)) {
		minato_addr_parse(is6 ? "2001:db8::9" : "198.51.100.9", &peer->addr);
		to = 0;
	}
	return to;
}

static void set_options(struct sim *s, struct minato *m, uint64_t handle)
{
	if (dice_chance(&s->dice, 200))
		minato_set(m, handle, MINATO_OPT_RCVBUF, 2000 + dice_below(&s->dice, 60000));
	if (dice_chance(&s->dice, 200))
		minato_set(m, handle, MINATO_OPT_SNDBUF, 2000 + dice_below(&s->dice, 60000));
	if (dice_chance(&s->dice, 100))
		minato_set(m, handle, MINATO_OPT_TIMESTAMPS, 0);
	if (dice_chance(&s->dice, 100))
		minato_set(m, handle, MINATO_OPT_SACK, 0);
	if (dice_chance(&s->dice, 100))
		minato_set(m, handle, MINATO_OPT_WINDOW_SCALE, -1);
	if (dice_chance(&s->dice, 200))
		minato_set(m, handle, MINATO_OPT_CONGESTION, MINATO_NEWRENO);
	if (dice_chance(&s->dice, 200))
		minato_set(m, handle, MINATO_OPT_NODELAY, 1);
}

/* A published port: in the name of a client far away. */
static void pretend(struct sim *s, struct minato *m, uint64_t handle, bool is6)
{
	struct minato_endpoint client = { .port = (uint16_t)(1024 + dice_below(&s->dice, 60000)) };

	minato_addr_parse(is6 ? "2001:db8::77" : "198.51.100.77", &client.addr);
	minato_set(m, handle, MINATO_OPT_TRANSPARENT, 1);
	minato_bind(m, handle, &client);
}

static void spawn(struct sim *s)
{
	struct flow *f = &s->flow[s->flows];
	const uint32_t from = dice_below(&s->dice, s->nodes);
	struct minato *m = host(s, from);
	struct minato_endpoint peer;
	const uint32_t to = choose_peer(s, from, &peer);
	uint64_t handle;
	int error = minato_socket(m, MINATO_TCP, 0, &handle);

	if (error < 0) {
		if (error != -ENFILE || !s->scarce)
			sim_fail(s, "node %u: no socket: %d", from, error);
		return;
	}
	set_options(s, m, handle);
	minato_set(m, handle, MINATO_OPT_ECN, s->flows % 3);
	if (s->outside && from == 0 && dice_chance(&s->dice, 500))
		pretend(s, m, handle, !minato_addr_is4(&peer.addr));
	*f = (struct flow){ .id = 1000 + s->flows };
	f->end[0] = (struct end){
		.state = END_CONNECTING,
		.node = from,
		.handle = handle,
		.to_send = 4 + dice_size(&s->dice, s->size_max),
		.act_at = s->now + SIM_MS,
		.progress_at = s->now,
	};
	f->end[1].node = to;
	f->end[1].to_send = dice_size(&s->dice, s->size_max);
	s->flows++;
	error = minato_connect(m, handle, &peer);
	sim_trace(s, "%u: conversation %u with %u:%u: %d", from, f->id, to, peer.port, error);
	if (error == -EINPROGRESS)
		return;
	f->end[0].state = END_FAILED;
	minato_close(m, handle);
	if (!s->scarce)
		sim_fail(s, "node %u: connect says %d", from, error);
}

/* --- being called -------------------------------------------------------------------- */

static void adopt(struct sim *s, uint32_t node, uint64_t handle)
{
	for (uint32_t i = 0; i < SIM_STRAYS; i++) {
		if (s->stray[i].used)
			continue;
		s->stray[i] = (struct stray){
			.used = true, .node = node, .handle = handle, .since = s->now
		};
		return;
	}
	minato_abort(host(s, node), handle);
}

static void accept_all(struct sim *s, uint32_t node, uint64_t listener)
{
	uint64_t handle;

	while (minato_accept(host(s, node), listener, &handle, NULL) == 0)
		adopt(s, node, handle);
}

/* How many connections of cookies the node's host value has made. */
static uint64_t cookies_taken(struct sim *s, uint32_t node)
{
	uint32_t i = 0;

	while (i < minato_counter_count() && strcmp(minato_counter_name(i), "cookies_taken") != 0)
		i++;
	return minato_counter(host(s, node), i);
}

/*
 * Of a connection that began by a cookie and was reset nothing is kept: a copy of its first segment
 * that comes late opens it once more, as minato_listen says. Whoever listens cannot tell it from a
 * new one; here it can, by the number.
 */
static bool is_replayed(struct sim *s, const struct stray *y, const struct end *before)
{
	return (before->state == END_ABORTED || before->state == END_FAILED) &&
	       before->node == y->node && cookies_taken(s, y->node) > 1;
}

static void join(struct sim *s, struct stray *y)
{
	uint32_t id = 0;
	struct flow *f = NULL;

	for (int i = 0; i < 4; i++)
		id |= (uint32_t)y->head[i] << (8 * i);
	for (uint32_t i = 0; i < s->flows; i++)
		if (s->flow[i].id == id)
			f = &s->flow[i];
	if (f && is_replayed(s, y, &f->end[1])) {
		minato_abort(host(s, y->node), y->handle);
		y->used = false;
		return;
	}
	if (!f || f->end[1].state != END_UNUSED) {
		sim_fail(s, "node %u: conversation %u is not or is double", y->node, id);
		return;
	}
	f->end[1].state = END_OPEN;
	f->end[1].node = y->node;
	f->end[1].handle = y->handle;
	f->end[1].received = 4;
	f->end[1].act_at = s->now;
	f->end[1].progress_at = s->now;
	y->used = false;
}

/* Reads the number with which every conversation begins. */
static void read_head(struct sim *s, struct stray *y)
{
	int64_t got;

	while (y->used) {
		got = minato_recv(host(s, y->node), y->handle, y->head + y->have, 4 - y->have, 0);
		if (got == -EAGAIN)
			return;
		if (got <= 0) {
			minato_close(host(s, y->node), y->handle);
			y->used = false;
			return;
		}
		y->have += (uint32_t)got;
		if (y->have == 4)
			join(s, y);
	}
}

static void decide(struct sim *s, struct held *h)
{
	struct minato *m = host(s, h->node);
	const uint32_t choice = dice_below(&s->dice, 10);
	int64_t type = 0;
	int error;

	h->act_at = INT64_MAX;
	if (minato_get(m, h->handle, MINATO_OPT_TYPE, &type) != 0) {
		sim_fail(s, "node %u: a call that is gone", h->node);
		return;
	}
	if (choice < 7)
		error = minato_answer(m, h->handle);
	else if (choice == 7)
		error = minato_refuse(m, h->handle);
	else if (choice == 8)
		error = minato_reject(m, h->handle,
				      (enum minato_reason)dice_below(&s->dice, 5));
	else
		error = minato_ignore(m, h->handle);
	sim_trace(s, "%u: call decided %u: %d", h->node, choice, error);
	if (error == -EINVAL) {
		/* It ended before: victim, timeout, RST. */
		minato_close(m, h->handle);
		h->used = false;
	} else if (error != 0) {
		sim_fail(s, "node %u: a call says %d", h->node, error);
	} else if (choice < 7 && type == MINATO_UDP) {
		h->answered = true;
		chat_read(s, h->node, h->handle);
	} else {
		h->used = false;
		if (choice < 7)
			adopt(s, h->node, h->handle);
	}
}

static void consider(struct sim *s, uint32_t node, uint64_t handle)
{
	if (s->over) {
		minato_ignore(host(s, node), handle);
		return;
	}
	for (uint32_t i = 0; i < SIM_HELD; i++) {
		struct held *h = &s->held[i];
		if (h->used)
			continue;
		*h = (struct held){
			.used = true,
			.node = node,
			.handle = handle,
			.act_at = s->now + (dice_chance(&s->dice, 500) ?
						    0 :
						    dice_below(&s->dice, 3000) * SIM_MS),
		};
		return;
	}
	minato_ignore(host(s, node), handle);
}

/* --- events ------------------------------------------------------------------------------ */

static bool event_of_end(struct sim *s, uint32_t node, uint64_t handle)
{
	for (uint32_t i = 0; i < s->flows; i++)
		for (int side = 0; side < 2; side++) {
			struct end *e = &s->flow[i].end[side];
			if (e->node != node || e->handle != handle ||
			    (e->state != END_OPEN && e->state != END_CONNECTING))
				continue;
			if (e->act_at == INT64_MAX)
				e->act_at = s->now + (dice_chance(&s->dice, 700) ?
							      0 :
							      dice_below(&s->dice, 50) * SIM_MS);
			return true;
		}
	return false;
}

static bool event_of_others(struct sim *s, uint32_t node, const struct minato_event *event)
{
	struct node *n = &s->node[node];

	for (uint32_t i = 0; i < SIM_LISTENERS; i++)
		if (n->listener[i] == event->socket) {
			accept_all(s, node, event->socket);
			return true;
		}
	if (event->socket == n->udp || event->socket == n->icmp) {
		chat_read(s, node, event->socket);
		return true;
	}
	for (uint32_t i = 0; i < SIM_STRAYS; i++)
		if (s->stray[i].used && s->stray[i].node == node &&
		    s->stray[i].handle == event->socket) {
			read_head(s, &s->stray[i]);
			return true;
		}
	for (uint32_t i = 0; i < SIM_HELD; i++) {
		struct held *h = &s->held[i];
		if (!h->used || h->node != node || h->handle != event->socket)
			continue;
		if (h->answered)
			chat_read(s, node, h->handle);
		else if (!(event->ready & MINATO_CALL))
			h->act_at = s->now;
		return true;
	}
	return false;
}

static bool take_events(struct sim *s, uint32_t node)
{
	struct minato_event event;
	bool any = false;

	while (!s->failed && minato_event(host(s, node), &event)) {
		any = true;
		if (event_of_end(s, node, event.socket) || event_of_others(s, node, &event))
			continue;
		if (event.ready & MINATO_CALL)
			consider(s, node, event.socket);
		else
			sim_fail(s, "node %u: an event for a handle that nobody has", node);
	}
	return any;
}

/* --- acting --------------------------------------------------------------------------------- */

static bool alive(const struct end *e)
{
	return e->state == END_CONNECTING || e->state == END_OPEN;
}

/* A listener goes, and with it whoever it has not accepted; another comes. */
static void replace_listener(struct sim *s)
{
	const uint32_t node = dice_below(&s->dice, s->nodes);
	const uint32_t which = dice_below(&s->dice, SIM_LISTENERS);

	if (minato_close(host(s, node), s->node[node].listener[which]) != 0)
		sim_fail(s, "node %u: close of a listener", node);
	open_listener(s, node, which);
}

static bool act_ends(struct sim *s)
{
	bool any = false;

	for (uint32_t i = 0; i < s->flows && !s->failed; i++)
		for (int side = 0; side < 2; side++) {
			struct end *e = &s->flow[i].end[side];
			if (!alive(e) || e->act_at > s->now)
				continue;
			any = true;
			talk_act(s, &s->flow[i], side);
		}
	for (uint32_t i = 0; i < SIM_HELD && !s->failed; i++) {
		struct held *h = &s->held[i];
		if (!h->used || h->act_at > s->now)
			continue;
		any = true;
		decide(s, h);
	}
	return any;
}

/* Ends in calm whose partner is gone: their programs lose patience. */
static void sweep(struct sim *s)
{
	for (uint32_t i = 0; i < s->flows; i++)
		for (int side = 0; side < 2; side++) {
			struct flow *f = &s->flow[i];
			struct end *e = &f->end[side];
			if (!alive(e) || alive(&f->end[!side]) || s->now - e->progress_at < IDLE_NS)
				continue;
			/* The handshake has its own patience, and longer. */
			if (e->state == END_CONNECTING && s->now - e->progress_at < 5 * IDLE_NS)
				continue;
			e->state = END_ABORTED;
			minato_abort(host(s, e->node), e->handle);
		}
	for (uint32_t i = 0; i < SIM_STRAYS; i++) {
		struct stray *y = &s->stray[i];
		if (!y->used || s->now - y->since < 5 * IDLE_NS)
			continue;
		minato_abort(host(s, y->node), y->handle);
		y->used = false;
	}
	s->sweep_at = s->now + 10 * SIM_S;
}

bool player_act(struct sim *s)
{
	bool any = false;

	for (uint32_t i = 0; i < s->nodes; i++)
		any |= take_events(s, i);
	any |= act_ends(s);
	if (s->calm && s->sweep_at > s->now + 10 * SIM_S)
		s->sweep_at = s->now;
	if (s->sweep_at <= s->now)
		sweep(s);
	if (s->spawn_at > s->now)
		return any;
	if (!s->calm && s->flows < s->flows_max)
		spawn(s);
	if (!s->calm)
		chat_send(s, dice_below(&s->dice, s->nodes));
	if (!s->calm && !s->scarce && dice_chance(&s->dice, 20))
		replace_listener(s);
	if (dice_chance(&s->dice, 20))
		sim_move(s, dice_below(&s->dice, s->nodes));
	s->spawn_at = s->calm ? INT64_MAX :
				s->now + (1 + (int64_t)dice_below(&s->dice, s->pace_ms)) * SIM_MS;
	return true;
}

int64_t player_next(const struct sim *s)
{
	int64_t next = s->spawn_at < s->sweep_at ? s->spawn_at : s->sweep_at;

	for (uint32_t i = 0; i < s->flows; i++)
		for (int side = 0; side < 2; side++) {
			const struct end *e = &s->flow[i].end[side];
			if (alive(e) && e->act_at < next)
				next = e->act_at;
		}
	for (uint32_t i = 0; i < SIM_HELD; i++)
		if (s->held[i].used && s->held[i].act_at < next)
			next = s->held[i].act_at;
	return next;
}

bool player_done(const struct sim *s)
{
	for (uint32_t i = 0; i < s->flows; i++)
		if (alive(&s->flow[i].end[0]) || alive(&s->flow[i].end[1]))
			return false;
	for (uint32_t i = 0; i < SIM_STRAYS; i++)
		if (s->stray[i].used)
			return false;
	for (uint32_t i = 0; i < SIM_HELD; i++)
		if (s->held[i].used && !s->held[i].answered)
			return false;
	return true;
}

void player_close(struct sim *s)
{
	s->over = true;
	for (uint32_t i = 0; i < SIM_HELD; i++) {
		if (s->held[i].used)
			minato_close(host(s, s->held[i].node), s->held[i].handle);
		s->held[i].used = false;
	}
	for (uint32_t i = 0; i < s->nodes; i++) {
		struct node *n = &s->node[i];
		for (uint32_t k = 0; k < SIM_LISTENERS; k++)
			if (minato_close(n->m, n->listener[k]) != 0)
				sim_fail(s, "node %u: close of a listener", i);
		minato_close(n->m, n->udp);
		minato_close(n->m, n->icmp);
	}
}

const struct cast player_cast = { .act = player_act, .next = player_next };
