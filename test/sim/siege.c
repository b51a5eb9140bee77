/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server under siege. Node 0 answers whoever asks, and waits for ever for whoever does not; node
 * 1, with a few addresses, begins more connections than the server has room for, and only holds
 * them; the others ask now and then, one question at a time:
 *
 *      at first nobody else is there -> how long an answer takes, at most
 *      then the siege                -> it takes no longer than that, and a lost SYN
 *
 * Those who hold on are of several habits, each within the rules of TCP: silence, a question byte
 * by byte (slow loris), an answer that is not taken behind a closed window, or in sips behind a
 * tiny one. What they are cut off they begin anew.
 */
#include <errno.h>
#include <string.h>

#include "sim/sim.h"
#include "stack/stack.h"

#define PORT 80
#define QUESTION 16u
#define SOURCES_MAX 3u
#define GRIPS_MAX 700u
#define PEACE_QUESTIONS 6u
#define SIEGE_NS (60 * SIM_S)
/* A SYN that found no room is sent again after so long (RFC 6298 2.1), and once. */
#define RETRY_NS (1 * SIM_S + 200 * SIM_MS)
#define AFTER_NS (400 * SIM_S)
#define LISTENER UINT64_MAX

enum habit { SILENT, LORIS, CLOSED, SIPS, HABITS };

/* A connection of the besieger's. */
struct grip {
	bool used, open;
	enum habit habit;
	uint64_t handle;
	uint32_t said;
	int64_t act_at;
};
/* Who wants something; one question at a time. */
struct guest {
	bool busy, told;
	uint64_t handle;
	uint32_t got, asked;
	int64_t since, act_at, usual_ns;
};

static struct {
	uint64_t listener;
	uint32_t answer; /* bytes of each */
	uint32_t sources;
	struct minato_addr source[SOURCES_MAX];
	uint32_t grips; /* wanted */
	struct grip grip[GRIPS_MAX];
	int64_t pace_ns; /* between two that are begun */
	int64_t grasp_at;
	int64_t begin_at;
	struct guest guest[SIM_NODES];
	uint32_t habits; /* a bit for each that there is */
	bool six;
	uint32_t late; /* questions that took a retry */
	uint32_t answered;
} siege;

static char page[4096];

static struct minato *host(struct sim *s, uint32_t node)
{
	return s->node[node].m;
}

/* --- the server: a connection's word is how much of its question came and its answer went  */

static void go_on(struct sim *s, uint64_t handle, uint64_t done)
{
	struct minato *m = host(s, 0);
	const uint64_t all = QUESTION + siege.answer;
	char question[QUESTION];
	int64_t n = 1;

	while (done < QUESTION && n > 0) {
		n = minato_recv(m, handle, question, QUESTION - done, 0);
		done += n > 0 ? (uint64_t)n : 0;
	}
	while (done >= QUESTION && done < all && n > 0) {
		const uint64_t left = all - done;
		n = minato_send(m, handle, page, left < sizeof(page) ? left : sizeof(page), 0);
		done += n > 0 ? (uint64_t)n : 0;
	}
	if ((n <= 0 && n != -EAGAIN) || done == all)
		minato_close(m, handle);
	else if (minato_set_user(m, handle, done) != 0)
		sim_fail(s, "the server has lost a connection");
}

static bool serve(struct sim *s)
{
	struct minato *m = host(s, 0);
	struct minato_event e;
	uint64_t handle;
	bool any = false;

	while (!s->failed && minato_event(m, &e)) {
		any = true;
		if (e.user == LISTENER) {
			while (minato_accept(m, siege.listener, &handle, NULL) == 0)
				go_on(s, handle, 0);
		} else if (e.ready & (MINATO_ERROR | MINATO_HANGUP)) {
			minato_close(m, e.socket);
		} else {
			go_on(s, e.socket, e.user);
		}
	}
	return any;
}

/* --- who asks -------------------------------------------------------------------------- */

static struct minato_endpoint server(const struct sim *s)
{
	return (struct minato_endpoint){ siege.six ? s->node[0].v6 : s->node[0].v4, PORT };
}

static void ask(struct sim *s, uint32_t node)
{
	const struct minato_endpoint to = server(s);
	struct guest *g = &siege.guest[node];

	if (minato_socket(host(s, node), MINATO_TCP, 0, &g->handle) != 0 ||
	    minato_connect(host(s, node), g->handle, &to) != -EINPROGRESS)
		sim_fail(s, "node %u cannot ask", node);
	g->busy = true;
	g->told = false;
	g->got = 0;
	g->since = s->now;
}

static void answered(struct sim *s, uint32_t node)
{
	struct guest *g = &siege.guest[node];
	const int64_t took = s->now - g->since;
	const bool peace = s->now < siege.begin_at;

	minato_close(host(s, node), g->handle);
	sim_trace(s, "%u: answered after %.3f ms", node, (double)took / 1e6);
	g->busy = false;
	g->asked++;
	g->act_at = s->now + (peace ? 100 : 100 + dice_below(&s->dice, 900)) * SIM_MS;
	if (peace && took > g->usual_ns)
		g->usual_ns = took;
	if (peace)
		return;
	siege.answered++;
	siege.late += took > 2 * g->usual_ns;
}

static void hear(struct sim *s, uint32_t node)
{
	struct guest *g = &siege.guest[node];
	struct minato *m = host(s, node);
	int64_t n;

	if (!g->told) {
		n = minato_send(m, g->handle, page, QUESTION, 0);
		if (n == -EAGAIN || n == -ENOTCONN)
			return;
		if (n != QUESTION) {
			sim_fail(s, "node %u was not heard: %d, after %u answers", node, (int)n,
				 g->asked);
			return;
		}
		g->told = true;
	}
	while ((n = minato_recv(m, g->handle, NULL, 1 << 20, MINATO_MSG_TRUNC)) > 0)
		g->got += (uint32_t)n;
	if (n == -EAGAIN)
		return;
	if (n != 0 || g->got != siege.answer)
		sim_fail(s, "node %u has %u of %u bytes, and then %d", node, g->got, siege.answer,
			 (int)n);
	else
		answered(s, node);
}

static bool act_guest(struct sim *s, uint32_t node)
{
	struct guest *g = &siege.guest[node];
	struct minato_event e;
	bool any = false;

	while (!s->failed && minato_event(host(s, node), &e)) {
		any = true;
		if (g->busy && e.socket == g->handle)
			hear(s, node);
	}
	if (g->busy || g->act_at > s->now || s->over)
		return any;
	ask(s, node);
	return true;
}

/* --- who holds on ---------------------------------------------------------------------- */

static void grasp(struct sim *s, struct grip *g)
{
	const struct minato_endpoint to = server(s);
	const struct minato_endpoint from = {
		siege.source[dice_below(&s->dice, siege.sources)], 0
	};
	struct minato *m = host(s, 1);

	do
		g->habit = (enum habit)dice_below(&s->dice, HABITS);
	while (!(siege.habits & 1u << g->habit));
	if (minato_socket(m, MINATO_TCP, 0, &g->handle) != 0)
		return;
	if (g->habit == SIPS) {
		minato_set(m, g->handle, MINATO_OPT_RCVBUF, 1 + dice_below(&s->dice, 4000));
		minato_set(m, g->handle, MINATO_OPT_WINDOW_CLAMP, 1 + dice_below(&s->dice, 1000));
	} else if (g->habit == CLOSED) {
		minato_set(m, g->handle, MINATO_OPT_RCVBUF, 1 + dice_below(&s->dice, 20000));
	}
	if (minato_bind(m, g->handle, &from) != 0 ||
	    minato_connect(m, g->handle, &to) != -EINPROGRESS) {
		minato_close(m, g->handle);
		return;
	}
	g->used = true;
	g->open = false;
	g->said = 0;
	g->act_at = INT64_MAX;
}

static void let_go(struct sim *s, struct grip *g)
{
	minato_abort(host(s, 1), g->handle);
	g->used = false;
	g->act_at = s->now + dice_below(&s->dice, 2000) * SIM_MS;
}

/* What its habit is, once it is open. */
static void squeeze(struct sim *s, struct grip *g)
{
	struct minato *m = host(s, 1);
	uint32_t more = 0;

	g->act_at = s->now + (500 + dice_below(&s->dice, 15000)) * SIM_MS;
	if (g->habit == LORIS && g->said < QUESTION - 1)
		more = 1;
	if (g->habit >= CLOSED)
		more = QUESTION - g->said;
	if (more > 0 && minato_send(m, g->handle, page, more, 0) == more)
		g->said += more;
	if (g->habit == SIPS)
		(void)minato_recv(m, g->handle, NULL, 1 + dice_below(&s->dice, 100),
				  MINATO_MSG_TRUNC);
	if (g->habit == SILENT)
		g->act_at = INT64_MAX;
}

static bool hear_grips(struct sim *s)
{
	struct minato_event e;
	bool any = false;

	while (minato_event(host(s, 1), &e)) {
		any = true;
		for (uint32_t i = 0; i < siege.grips; i++) {
			struct grip *g = &siege.grip[i];
			if (!g->used || g->handle != e.socket)
				continue;
			if (e.ready & (MINATO_ERROR | MINATO_HANGUP)) {
				let_go(s, g);
			} else if (!g->open) {
				g->open = true;
				g->act_at = s->now;
			}
			break;
		}
	}
	return any;
}

static bool act_besieger(struct sim *s)
{
	bool any = hear_grips(s);

	if (s->now < siege.begin_at || s->over)
		return any;
	for (uint32_t i = 0; i < siege.grips && !s->failed; i++) {
		struct grip *g = &siege.grip[i];
		if (g->used && g->open && g->act_at <= s->now) {
			squeeze(s, g);
			any = true;
		} else if (!g->used && g->act_at <= s->now && siege.grasp_at <= s->now) {
			siege.grasp_at = s->now + siege.pace_ns;
			grasp(s, g);
			any = true;
		}
	}
	return any;
}

/* --- the cast -------------------------------------------------------------------------- */

static bool siege_act(struct sim *s)
{
	bool any = serve(s);

	for (uint32_t i = 2; i < s->nodes; i++)
		any |= act_guest(s, i);
	return act_besieger(s) || any;
}

static int64_t besieger_next(const struct sim *s)
{
	int64_t next = INT64_MAX;

	if (s->now < siege.begin_at)
		return siege.begin_at;
	for (uint32_t i = 0; i < siege.grips; i++) {
		const struct grip *g = &siege.grip[i];
		int64_t at = g->act_at;
		if (g->used && !g->open)
			continue;
		if (!g->used && at < siege.grasp_at)
			at = siege.grasp_at;
		if (at < next)
			next = at;
	}
	return next;
}

static int64_t siege_next(const struct sim *s)
{
	int64_t next;

	if (s->over)
		return INT64_MAX;
	next = besieger_next(s);
	for (uint32_t i = 2; i < s->nodes; i++)
		if (!siege.guest[i].busy && siege.guest[i].act_at < next)
			next = siege.guest[i].act_at;
	return next;
}

/* What is queued for who does not take it, and what all payload takes. */
static void judge_memory(struct sim *s)
{
	const struct minato *m = host(s, 0);
	const struct minato_config *c = &s->node[0].config;
	const struct share *h = host_at(m, m->share);
	const uint64_t bound = (uint64_t)c->pinned_kb_max * 1024;

	if (m->sockets.used > c->sockets_max)
		sim_fail(s, "the server has %u connections", m->sockets.used);
	/* One more segment may be queued before the next look. */
	if (bound > 0 && h->pinned > bound + siege.answer + MINATO_CHUNK_LARGE)
		sim_fail(s, "%llu bytes are queued for who does not take them",
			 (unsigned long long)h->pinned);
	if (m->payload.large.used == m->payload.large.capacity &&
	    m->payload.small.used == m->payload.small.capacity)
		sim_fail(s, "the server has no memory left");
}

static void describe(struct sim *s)
{
	const struct minato *m = host(s, 0);
	const struct share *h = host_at(m, m->share);

	sim_trace(s,
		  "server: %u of %u slots, chunks %u/%u large %u/%u small, blocks %u/%u, "
		  "%llu of %llu pinned",
		  m->sockets.used, m->sockets_max, m->payload.large.used,
		  m->payload.large.capacity, m->payload.small.used, m->payload.small.capacity,
		  m->tcp.active.used, m->tcp.active.capacity, (unsigned long long)h->pinned,
		  (unsigned long long)h->pinned_spare);
	for (uint32_t i = 0; s->trace && i < minato_counter_count(); i++)
		if (minato_counter(m, i) > 0)
			sim_trace(s, "  %s %llu", minato_counter_name(i),
				  (unsigned long long)minato_counter(m, i));
}

static void siege_judge(struct sim *s)
{
	if (s->over)
		return;
	judge_memory(s);
	for (uint32_t i = 2; i < s->nodes; i++) {
		const struct guest *g = &siege.guest[i];
		if (siege.begin_at != INT64_MAX && g->busy &&
		    s->now - g->since > 2 * g->usual_ns + RETRY_NS)
			sim_fail(s, "node %u waits for %.3f s, %.3f is usual", i,
				 (double)(s->now - g->since) / 1e9, (double)g->usual_ns / 1e9);
	}
}

static const struct cast siege_cast = {
	.act = siege_act,
	.next = siege_next,
	.judge = siege_judge,
};

/* --- a world of a seed ----------------------------------------------------------------- */

static uint32_t one_of(struct dice *d, const uint32_t *values, uint32_t count)
{
	return values[dice_below(d, count)];
}

#define ONE_OF(d, ...)                                                                             \
	one_of((d), (const uint32_t[]){ __VA_ARGS__ },                                             \
	       sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static void choose_config(struct sim *s, uint32_t node)
{
	struct minato_config *c = &s->node[node].config;
	struct dice *d = &s->dice;

	minato_config_init(c);
	c->seed[0] = dice_next(d);
	c->seed[1] = dice_next(d);
	c->entries_max = 16;
	c->neighbours_max = 64;
	c->sockets_max = node == 1 ? GRIPS_MAX + 100 : 64;
	c->time_wait_max = 100;
	c->chunks_large = node == 1 ? 512 : 64;
	c->chunks_small = 4096;
	c->active_max = 1024;
	c->calls_max = 32;
	c->link_count = 1;
	c->link[0].type = MINATO_LINK_ETHERNET;
	c->link[0].mtu = 1500;
	c->link[0].mac[0] = 2;
	c->link[0].mac[5] = (uint8_t)(node + 1);
	if (node != 0)
		return;
	c->sockets_max = ONE_OF(d, 64, 100, 256);
	c->chunks_large = ONE_OF(d, 32, 64, 256);
	c->chunks_small = ONE_OF(d, 512, 1024, 4096);
	c->active_max = ONE_OF(d, 64, 256);
	c->half_open_max = ONE_OF(d, 0, 1, 16);
	c->pinned_kb_max = ONE_OF(d, 0, 0, 512, 2048);
	c->source_connections_max = ONE_OF(d, 0, 0, 20);
}

/* Of IPv6 a source is a /64: each node is in one of its own, and each source of the besieger's. */
static void add_source(struct sim *s, uint32_t node, uint32_t nth, struct minato_addr *out)
{
	const struct minato_addr everywhere = { { 0xfd } };

	*out = nth == 0 ? s->node[node].v4 :
			  minato_addr4(10, 0, 0, (uint8_t)(100 + node * 10 + nth));
	if (siege.six) {
		*out = everywhere;
		out->bytes[7] = (uint8_t)(node * 16 + nth + 1);
		out->bytes[15] = 1;
	}
	if (siege.six && nth == 0) {
		s->node[node].v6 = *out;
		if (minato_route_add(host(s, node), &everywhere, 8, NULL, 0) != 0)
			sim_fail(s, "node %u: no route", node);
	}
	if ((siege.six || nth > 0) &&
	    minato_address_add(host(s, node), 0, out, siege.six ? 64 : 24) != 0)
		sim_fail(s, "node %u: no address %u", node, nth);
}

static void open_server(struct sim *s)
{
	const struct minato_endpoint local = { .port = PORT };
	struct minato *m = host(s, 0);

	if (minato_socket(m, MINATO_TCP, 0, &siege.listener) != 0 ||
	    minato_bind(m, siege.listener, &local) != 0 ||
	    minato_set_user(m, siege.listener, LISTENER) != 0 ||
	    minato_listen(m, siege.listener, ONE_OF(&s->dice, 8, 32, 128)) != 0)
		sim_fail(s, "no listener");
}

static void make_siege(struct sim *s)
{
	struct dice *d = &s->dice;
	struct minato_addr unused;

	memset(&siege, 0, sizeof(siege));
	siege.six = dice_chance(d, 300);
	siege.answer = ONE_OF(d, 200, 5000, 60000, 200000);
	siege.sources = 1 + dice_below(d, SOURCES_MAX);
	siege.habits = 1 + dice_below(d, (1u << HABITS) - 1);
	siege.pace_ns = (int64_t)ONE_OF(d, 2, 10, 50) * SIM_MS;
	siege.begin_at = INT64_MAX;
	s->nodes = 3 + dice_below(d, SIM_NODES - 2);
	s->storm_end = INT64_MAX;
	s->cable.weather = (struct weather){
		.delay_ns = (int64_t)ONE_OF(d, 1, 5, 40) * SIM_MS,
	};
	for (uint32_t i = 0; i < s->nodes && !s->failed; i++) {
		choose_config(s, i);
		world_node(s, i);
		if (!s->failed)
			add_source(s, i, 0, i == 1 ? &siege.source[0] : &unused);
	}
	for (uint32_t i = 1; i < siege.sources && !s->failed; i++)
		add_source(s, 1, i, &siege.source[i]);
	siege.grips = 2 * s->node[0].config.sockets_max + 100;
	if (siege.grips > GRIPS_MAX)
		siege.grips = GRIPS_MAX;
	if (!s->failed)
		open_server(s);
	sim_trace(s, "siege %llu: %u slots, %u sources, habits %x, answers of %u",
		  (unsigned long long)s->seed, s->node[0].config.sockets_max, siege.sources,
		  siege.habits, siege.answer);
}

static bool all_have_asked(const struct sim *s)
{
	for (uint32_t i = 2; i < s->nodes; i++)
		if (siege.guest[i].asked < PEACE_QUESTIONS)
			return false;
	return true;
}

/* The besieger leaves all at once, and so do the guests. */
static void raise_siege(struct sim *s)
{
	s->over = true;
	for (uint32_t i = 0; i < siege.grips; i++)
		if (siege.grip[i].used)
			let_go(s, &siege.grip[i]);
	for (uint32_t i = 2; i < s->nodes; i++)
		if (siege.guest[i].busy)
			minato_abort(host(s, i), siege.guest[i].handle);
	minato_close(host(s, 0), siege.listener);
}

bool siege_run(struct sim *s, uint64_t seed, bool trace)
{
	world_begin(s, seed, trace, &siege_cast);
	make_siege(s);
	world_run(s, s->now + 60 * SIM_S, all_have_asked);
	if (!s->failed && !all_have_asked(s))
		sim_fail(s, "in peace nobody is answered");
	siege.begin_at = s->now + SIM_S;
	world_run(s, siege.begin_at + SIEGE_NS, NULL);
	describe(s);
	/* A SYN that comes while the last slots go is lost; seldom, and not for long. */
	if (!s->failed && siege.late > 2 + siege.answered / 10)
		sim_fail(s, "%u of %u answers were late", siege.late, siege.answered);
	sim_trace(s, "%u of %u answers were late", siege.late, siege.answered);
	if (!s->failed) {
		raise_siege(s);
		world_run(s, s->now + AFTER_NS, NULL);
	}
	if (!s->failed)
		judge_end(s);
	world_end(s);
	return !s->failed;
}
