/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside hosts call a port of the public address that ends at ourselves: a held call, as from
   outside (RFC 5382 REQ-8), by rules as they are, and asked about once. */
#include "gateway_fixture.h"
#include "minato/guard.h"

#define SYN 0x02
#define RST 0x04
#define ACK 0x10
#define WORD 77u

static struct gate g;
static struct forge f;

static void segment(uint32_t link, const char *src, const char *dst, uint16_t to, uint8_t flags)
{
	gate_clear(&g);
	forge_tcp(&f, false, NULL, 0, 0);
	forge_put16(f.header, 4000);
	forge_put16(f.header + 2, to);
	forge_put16(f.header + 6, 100);
	f.header[13] = flags;
	gate_ends(&f, src, dst);
	gate_send(&g, link, &f, NULL);
	gate_drain(&g, 32);
}

/* What ends here, at TCP port 9000. */
static void begin(void)
{
	const struct minato_entry e = {
		.kind = MINATO_KIND_FORWARD,
		.scope = 1,
		.face = MINATO_FACE_ANY,
		.proto = MINATO_TCP,
		.first = 9000,
		.last = 9000,
		.local_prefix = 96,
		.local = addr("0.0.0.0"),
		.uid = MINATO_UID_NONE,
		.user = WORD,
	};
	uint64_t handle;

	gate_new(&g, MINATO_LINK_ETHERNET);
	assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
}

/* The call of the only event, or 0. */
static uint64_t call(void)
{
	struct minato_event e;
	uint64_t socket = 0;

	while (minato_event(g.m, &e)) {
		if (!(e.ready & MINATO_CALL))
			continue;
		assert_int_equal(e.user, WORD);
		socket = e.socket;
	}
	return socket;
}

static void is_answered(uint32_t link, const char *from)
{
	struct minato_endpoint peer, local;
	uint64_t socket;

	segment(link, from, "198.51.100.1", 9000, SYN);
	assert_int_equal(g.count, 0);
	socket = call();
	assert_int_not_equal(socket, 0);
	assert_int_equal(minato_peer(g.m, socket, &peer), 0);
	assert_addr(&peer.addr, from);
	assert_int_equal(minato_local(g.m, socket, &local), 0);
	assert_addr(&local.addr, "198.51.100.1");
	assert_int_equal(local.port, 9000);
	assert_int_equal(minato_answer(g.m, socket), 0);
	gate_drain(&g, 32);
	assert_int_equal(g.count, 1);
	assert_int_equal(g.caught[0].link, link);
	assert_int_equal(g.caught[0].packet.tcp.flags & (SYN | ACK), SYN | ACK);
	assert_addr(&g.caught[0].packet.src, "198.51.100.1");
	assert_addr(&g.caught[0].packet.dst, from);
}

static void from_each_inside(void **state)
{
	(void)state;
	begin();
	is_answered(0, "10.0.0.2");
	is_answered(2, "10.0.2.2");
	gate_end(&g);
}

static void not_at_other_ports_or_addresses(void **state)
{
	(void)state;
	begin();
	segment(0, "10.0.0.2", "198.51.100.1", 9001, SYN);
	assert_int_equal(g.caught[0].packet.tcp.flags & RST, RST);
	/* What we are called inside is no public address. */
	segment(0, "10.0.0.2", "10.0.0.1", 9000, SYN);
	assert_int_equal(g.caught[0].packet.tcp.flags & RST, RST);
	assert_int_equal(call(), 0);
	gate_end(&g);
}

static void not_where_hairpin_is_off(void **state)
{
	struct minato_nat nat;

	(void)state;
	begin();
	assert_int_equal(minato_nat_get(g.m, &nat), 0);
	nat.hairpin = false;
	assert_int_equal(minato_nat_set(g.m, &nat), 0);
	segment(0, "10.0.0.2", "198.51.100.1", 9000, SYN);
	assert_int_equal(g.count, 0);
	assert_int_equal(call(), 0);
	gate_end(&g);
}

/* Asked once: the first call takes what the limit has, and no more. */
static void by_rules_as_they_are(void **state)
{
	struct minato_entry limit = {
		.kind = MINATO_KIND_GUARD,
		.order = 1,
		.scope = MINATO_SCOPE_ANY,
		.face = MINATO_FACE_ANY,
		.proto = MINATO_TCP,
		.first = 9000,
		.last = 9000,
		.uid = MINATO_UID_NONE,
		.verdict = MINATO_PASS,
		.rate_count = 1,
		.rate_span_s = 60,
		.rate_verdict = MINATO_REFUSE,
		.course = MINATO_COURSE_IN,
	};
	uint64_t handle;

	(void)state;
	begin();
	assert_int_equal(minato_entry_add(g.m, &limit, &handle), 0);
	segment(0, "10.0.0.2", "198.51.100.1", 9000, SYN);
	assert_int_not_equal(call(), 0);
	segment(0, "10.0.0.3", "198.51.100.1", 9000, SYN);
	assert_int_equal(call(), 0);
	assert_int_equal(g.caught[0].packet.tcp.flags & RST, RST);
	gate_end(&g);
}

static uint64_t hits_of(enum minato_kind kind)
{
	struct minato_row row;
	uint64_t cursor = 0, hits = 0;

	while (minato_row(g.m, &cursor, &row))
		hits += row.kind == kind ? row.hits : 0;
	return hits;
}

/* Who calls is a hit of what takes the call, and of nothing that is only met on the way there. */
static void a_hit_of_who_takes_it(void **state)
{
	const struct minato_entry uplink = {
		.kind = MINATO_KIND_UPLINK,
		.scope = 1,
		.face = MINATO_FACE_ANY,
		.proto = MINATO_TCP,
		.first = 9001,
		.last = 9001,
		.local_prefix = 96,
		.local = addr("0.0.0.0"),
		.uid = MINATO_UID_NONE,
	};
	uint64_t handle;

	(void)state;
	begin();
	assert_int_equal(minato_entry_add(g.m, &uplink, &handle), 0);
	segment(0, "10.0.0.2", "198.51.100.1", 9000, SYN);
	assert_int_not_equal(call(), 0);
	assert_int_equal(hits_of(MINATO_KIND_FORWARD), 1);
	segment(0, "10.0.0.2", "198.51.100.1", 9001, SYN);
	assert_int_equal(g.caught[0].packet.tcp.flags & RST, RST);
	assert_int_equal(hits_of(MINATO_KIND_UPLINK), 0);
	gate_end(&g);
}

/* And of what refuses it, a wall or a rule: on each way in, back in, out, and to another inside. */
static void refused(uint64_t order)
{
	static const struct {
		uint32_t link;
		const char *from, *to;
	} calls[] = {
		{ 1, "203.0.113.9", "198.51.100.1" },
		{ 0, "10.0.0.2", "198.51.100.1" },
		{ 0, "10.0.0.2", "203.0.113.9" },
		{ 0, "10.0.0.2", "10.0.2.2" },
	};
	const struct minato_entry guard = {
		.kind = MINATO_KIND_GUARD,
		.order = order,
		.scope = MINATO_SCOPE_ANY,
		.face = MINATO_FACE_ANY,
		.proto = MINATO_TCP,
		.first = 9002,
		.last = 9002,
		.uid = MINATO_UID_NONE,
		.verdict = MINATO_REFUSE,
	};
	uint64_t handle;

	begin();
	assert_int_equal(minato_entry_add(g.m, &guard, &handle), 0);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		segment(calls[i].link, calls[i].from, calls[i].to, 9002, SYN);
		assert_int_equal(hits_of(MINATO_KIND_GUARD), i + 1);
		/* What opens nothing is no call. */
		segment(calls[i].link, calls[i].from, calls[i].to, 9002, ACK);
		assert_int_equal(hits_of(MINATO_KIND_GUARD), i + 1);
	}
	assert_int_equal(hits_of(MINATO_KIND_FORWARD), 0);
	gate_end(&g);
}

static void a_hit_of_who_refuses_it(void **state)
{
	(void)state;
	refused(0);
	refused(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_each_inside),
		cmocka_unit_test(not_at_other_ports_or_addresses),
		cmocka_unit_test(not_where_hairpin_is_off),
		cmocka_unit_test(by_rules_as_they_are),
		cmocka_unit_test(a_hit_of_who_takes_it),
		cmocka_unit_test(a_hit_of_who_refuses_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
