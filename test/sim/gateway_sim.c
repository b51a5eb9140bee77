/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Worlds with a gateway in them, of a seed each: two insides and an outside, a host on each, links
 * that lose, delay, reorder and repeat, rules by the dice, and calls from everybody to everybody.
 *
 *	lan 10.0.0.2 -- link 0 -- gateway -- link 1 -- far 203.0.113.5
 *	guest 10.0.2.2 -- link 2 --'   198.51.100.1: 80 to lan, 81 to guest
 *
 * A call is met in the end, when the wire is calm, if rules and forwards let it, and never if not;
 * nothing reaches an inside but what is of a session, or a reset; and when all is over no session
 * and no chunk is left. MINATO_SEED runs one world.
 */
#include <errno.h>

#include "unit/gateway_fixture.h"

#include "minato/guard.h"

#define WORLDS 30u
#define TICK (5 * MILLI)
#define STORM (20 * SECOND)
#define END (200 * SECOND)
#define CALLS 60u
#define WIRE 2048u
#define PORT_FIRST 80u
#define PORTS 3u
#define RST 0x04u

struct parcel {
	int64_t at; /* 0: free */
	uint32_t link, len;
	bool to_gateway;
	uint8_t bytes[1600];
};
struct call {
	uint32_t from, port;
	uint64_t socket;
	bool may;
};

static const char *const host_text[] = { "10.0.0.2", "203.0.113.5", "10.0.2.2" };
static struct gate g;
static struct host host[3];
static struct parcel wire[WIRE];
static struct call call[CALLS];
static bool blocked[3][2][PORTS]; /* from, course IN or OUT, port */
static uint32_t calls, loss;
static uint64_t seed, state;
static int64_t delay;

static uint32_t below(uint32_t bound)
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) >> 32) % bound;
}

static void require(bool what, const char *said)
{
	if (!what)
		fail_msg("seed %llu at %lld ms: %s", (unsigned long long)seed,
			 (long long)(g.now.ns / MILLI), said);
}

/* --- the world -------------------------------------------------------------------- */

static void forward(uint16_t port, const char *to)
{
	const struct minato_entry e = { .kind = MINATO_KIND_FORWARD,
					.translate = true,
					.face = MINATO_FACE_ANY,
					.scope = 1,
					.proto = MINATO_TCP,
					.first = port,
					.last = port,
					.target = end(to, port) };
	uint64_t handle;

	assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
}

static void add_rules(void)
{
	uint64_t order = 1, handle;

	for (uint8_t from = 0; from < 3; from++) {
		for (uint32_t i = 0; i < 2 * PORTS; i++) {
			const struct minato_entry e = {
				.kind = MINATO_KIND_GUARD,
				.verdict = below(2) ? MINATO_REFUSE : MINATO_DROP,
				.scope = from,
				.face = MINATO_FACE_ANY,
				.course = i < PORTS ? MINATO_COURSE_IN : MINATO_COURSE_OUT,
				.proto = MINATO_TCP,
				.first = (uint16_t)(PORT_FIRST + i % PORTS),
				.last = (uint16_t)(PORT_FIRST + i % PORTS),
				.uid = MINATO_UID_NONE,
				.order = order++,
			};
			blocked[from][i / PORTS][i % PORTS] = below(4) == 0;
			if (blocked[from][i / PORTS][i % PORTS])
				assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
		}
	}
}

static void make_host(uint32_t i)
{
	struct minato_config c = small_config(MINATO_LINK_IP, (uint8_t)(10 + i));
	const struct minato_addr us = addr(host_text[i]), any = minato_addr4(0, 0, 0, 0);
	const struct minato_addr router = addr(i == 0 ? "10.0.0.1" :
					       i == 1 ? "203.0.113.1" :
							"10.0.2.1");

	c.seed[0] = seed;
	host[i] = host_new(&c, g.now);
	assert_int_equal(minato_address_add(host[i].m, 0, &us, 24), 0);
	assert_int_equal(minato_route_add(host[i].m, &any, 0, &router, 0), 0);
	for (uint16_t port = PORT_FIRST; port < PORT_FIRST + PORTS; port++)
		open_listener(host[i].m, host_text[i], port, 64);
}

/* --- the wire ----------------------------------------------------------------------- */

static void put(uint32_t link, bool to_gateway, const struct minato_frame_out *f)
{
	const uint32_t copies = 1 + (below(1000) < loss / 4);

	if (below(1000) < loss)
		return;
	for (uint32_t n = 0; n < copies; n++) {
		struct parcel *p = wire;
		while (p < wire + WIRE && p->at != 0)
			p++;
		if (p == wire + WIRE)
			return;
		p->at = g.now.ns + 1 + (int64_t)below((uint32_t)(delay / 1000) + 1) * 1000;
		p->link = link;
		p->to_gateway = to_gateway;
		p->len = flat(f, p->bytes);
	}
}

static bool same(const struct minato_endpoint *a, const struct minato_addr *b, uint16_t port)
{
	return a->port == port && minato_addr_equal(&a->addr, b);
}

/* What leaves to an inside is of a session, whichever side began it; or ends what is none. */
static void check_inside(const struct minato_frame_out *f)
{
	static uint8_t bytes[FRAME_MAX];
	struct minato_frame in = { .data = bytes, .chunk = MINATO_CHUNK_NONE };
	struct minato_session s;
	struct packet p;
	uint64_t cursor = 0;

	in.len = flat(f, bytes);
	in.csum_partial = f->csum_start != 0;
	require(packet_parse(&in, MINATO_LINK_IP, NULL, &p) == DROP_NONE, "a packet that is sound");
	if (p.type != PACKET_TCP || (p.tcp.flags & RST))
		return;
	while (minato_session_next(g.m, &cursor, &s)) {
		if ((same(&s.back_destination, &p.src, p.src_port) &&
		     same(&s.back_source, &p.dst, p.dst_port)) ||
		    (same(&s.destination, &p.src, p.src_port) &&
		     same(&s.source, &p.dst, p.dst_port)))
			return;
	}
	require(false, "a packet to an inside is of no session");
}

static void collect(void)
{
	struct minato_frame_out out[32];
	size_t count;

	for (uint32_t i = 0; i < 3; i++) {
		while ((count = minato_output(host[i].m, g.now, out, 32)) > 0)
			for (size_t k = 0; k < count; k++)
				put(i, true, &out[k]);
	}
	while ((count = minato_output(g.m, g.now, out, 32)) > 0) {
		for (size_t k = 0; k < count; k++) {
			if (out[k].link != 1)
				check_inside(&out[k]);
			put(out[k].link, false, &out[k]);
		}
	}
}

static void deliver(void)
{
	for (struct parcel *p = wire; p < wire + WIRE; p++) {
		struct minato_frame in = { .data = p->bytes,
					   .len = p->len,
					   .chunk = MINATO_CHUNK_NONE,
					   .csum_trusted = true };
		if (p->at == 0 || p->at > g.now.ns)
			continue;
		p->at = 0;
		in.link = p->to_gateway ? p->link : 0;
		minato_input(p->to_gateway ? g.m : host[p->link].m, g.now, &in, 1);
	}
}

static void tick(int64_t ns)
{
	g.now.ns += ns;
	minato_advance(g.m, g.now);
	for (uint32_t i = 0; i < 3; i++)
		minato_advance(host[i].m, g.now);
	deliver();
	collect();
}

/* --- calls ------------------------------------------------------------------------------ */

/* To a host's own address, or (3) to the gateway's public one. */
static bool may(uint32_t from, uint32_t to, uint32_t port)
{
	const bool in = !blocked[from][0][port], out = !blocked[from][1][port];

	if (to == 3)
		return in && port < 2; /* a forward, or hairpin */
	if (from == 1)
		return false; /* nobody outside knows who is inside */
	return to == 1 ? out : in && out;
}

static void make_call(void)
{
	struct call *c = &call[calls];
	uint32_t to = below(4);
	struct minato_endpoint peer;

	c->from = below(3);
	c->port = below(PORTS);
	if (to == c->from)
		to = 3;
	/* A host is met by its own forward too: the source is the gateway's then. */
	c->may = may(c->from, to, c->port);
	peer = end(to == 3 ? "198.51.100.1" : host_text[to], (uint16_t)(PORT_FIRST + c->port));
	c->socket = open_socket(host[c->from].m, MINATO_TCP);
	assert_int_equal(minato_connect(host[c->from].m, c->socket, &peer), -EINPROGRESS);
	calls++;
}

static void check_calls(void)
{
	for (uint32_t i = 0; i < calls; i++) {
		const uint32_t mask = ready(host[call[i].from].m, call[i].socket);
		require(((mask & MINATO_CONNECTED) != 0) == call[i].may,
			call[i].may ? "a call that may is not met" : "a call that may not is met");
	}
}

static void run_world(void)
{
	const int64_t start = (g.now = (struct minato_time){ 10 * SECOND }).ns;

	state = seed;
	calls = 0;
	memset(wire, 0, sizeof(wire));
	gate_new(&g, MINATO_LINK_IP);
	for (uint32_t i = 0; i < 3; i++)
		make_host(i);
	forward(80, "10.0.0.2");
	forward(81, "10.0.2.2");
	add_rules();
	loss = (uint32_t[]){ 0, 20, 200 }[below(3)];
	delay = (int64_t[]){ 0, 3, 60 }[below(3)] * MILLI;
	while (g.now.ns < start + STORM) {
		if (calls < CALLS && below(50) == 0)
			make_call();
		tick(TICK);
	}
	loss = 0;
	delay = MILLI;
	while (g.now.ns < start + END)
		tick(4 * TICK);
	check_calls();
	for (uint32_t i = 0; i < calls; i++)
		minato_close(host[call[i].from].m, call[i].socket);
	/* Longer than any session lasts that nobody speaks by. */
	for (uint32_t i = 0; i < 4 * 3600; i++)
		tick(i < 600 ? 20 * MILLI : SECOND);
	gate_drain(&g, 32);
	minato_output(g.m, g.now, NULL, 0);
	{
		struct minato_session s;
		uint64_t cursor = 0;
		require(!minato_session_next(g.m, &cursor, &s), "a session is left");
	}
	require(g.m->payload.large.used == 0 && g.m->payload.small.used == 0, "a chunk is left");
	for (uint32_t i = 0; i < 3; i++)
		host_end(&host[i]);
	gate_end(&g);
}

static void worlds_with_a_gateway(void **unused)
{
	const char *one = getenv("MINATO_SEED");

	(void)unused;
	for (seed = 1; seed <= WORLDS; seed++) {
		if (one)
			seed = strtoull(one, NULL, 0);
		run_world();
		if (one)
			return;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(worlds_with_a_gateway) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("gateway_sim", tests, NULL, NULL);
}
