/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a call would be handed on, said beforehand: each time it is then handed over, and what
 * was said has to be what becomes of it.
 */
#include "gateway_fixture.h"
#include "minato/guard.h"

static struct gate g;
static struct forge f;
static uint16_t port = 1000;

#define FAR "203.0.113.5"
#define PUBLIC "198.51.100.1"

static uint32_t sessions(void)
{
	struct minato_session s;
	uint64_t cursor = 0;
	uint32_t count = 0;

	while (minato_session_next(g.m, &cursor, &s))
		count++;
	return count;
}

static void make(const char *src, const char *dst, uint16_t dst_port)
{
	forge_tcp(&f, strchr(src, ':') != NULL, "\x02\x04\x05\xb4", 4, 0);
	forge_put16(f.header, ++port);
	forge_put16(f.header + 2, dst_port);
	f.header[13] = 0x02;
	gate_ends(&f, src, dst);
}

/* What is made; it is asked twice, as nothing is to change by that. */
static bool comes_by(uint32_t link)
{
	const uint32_t before = sessions();
	struct minato_frame frame = { .chunk = MINATO_CHUNK_NONE, .link = link };
	bool would, on = false;

	f.ip_link = g.m->link[link].config.type == MINATO_LINK_IP;
	gate_mac(f.dst_mac, link, 1);
	gate_mac(f.src_mac, link, 2);
	forge_frame(&f);
	frame.data = f.frame;
	frame.len = f.len;
	would = minato_would_call(g.m, &frame);
	assert_int_equal(minato_would_call(g.m, &frame), would);
	assert_int_equal(sessions(), before);
	gate_input(&g, link, f.frame, f.len, NULL);
	gate_drain(&g, 32);
	for (uint32_t i = 0; i < g.count; i++)
		on |= g.caught[i].link != 1;
	gate_clear(&g);
	if (link == 1)
		assert_int_equal(on, would);
	return would;
}

static bool calls(const char *src, const char *dst, uint16_t dst_port)
{
	make(src, dst, dst_port);
	return comes_by(1);
}

static uint64_t add(struct minato_entry e)
{
	uint64_t handle;

	assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
	return handle;
}

static struct minato_entry forward(uint16_t at)
{
	return (struct minato_entry){ .kind = MINATO_KIND_FORWARD,
				      .translate = true,
				      .face = MINATO_FACE_ANY,
				      .scope = 1,
				      .proto = MINATO_TCP,
				      .first = at,
				      .last = at,
				      .target = { addr("10.0.0.2"), 8080 } };
}

static struct minato_entry rule(uint64_t order, enum minato_verdict verdict)
{
	return (struct minato_entry){ .kind = MINATO_KIND_GUARD,
				      .verdict = verdict,
				      .scope = MINATO_SCOPE_ANY,
				      .face = MINATO_FACE_ANY,
				      .course = MINATO_COURSE_IN,
				      .proto = MINATO_TCP,
				      .first = 80,
				      .last = 80,
				      .uid = MINATO_UID_NONE,
				      .order = order };
}

static void what_stands_there_decides(void **state)
{
	uint64_t handle;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	assert_false(calls(FAR, PUBLIC, 80));
	handle = add(forward(80));
	assert_true(calls(FAR, PUBLIC, 80));
	assert_false(calls(FAR, PUBLIC, 81));
	assert_false(calls(FAR, "198.51.100.77", 80));
	assert_false(calls(FAR, "10.0.0.2", 8080));
	assert_int_equal(minato_entry_drain(g.m, handle, true), 0);
	assert_false(calls(FAR, PUBLIC, 80));
	assert_int_equal(minato_entry_drain(g.m, handle, false), 0);
	assert_true(calls(FAR, PUBLIC, 80));
	assert_int_equal(minato_entry_remove(g.m, handle), 0);
	assert_false(calls(FAR, PUBLIC, 80));
	gate_end(&g);
}

static void rules_decide(void **state)
{
	struct minato_entry e = rule(2, MINATO_DROP);
	uint64_t handle;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	(void)add(forward(80));
	handle = add(e);
	assert_false(calls(FAR, PUBLIC, 80));
	e = rule(1, MINATO_PASS);
	e.remote = addr(FAR);
	e.remote_prefix = 128;
	(void)add(e);
	assert_true(calls(FAR, PUBLIC, 80));
	assert_false(calls("203.0.113.6", PUBLIC, 80));
	assert_int_equal(minato_entry_remove(g.m, handle), 0);
	assert_true(calls("203.0.113.6", PUBLIC, 80));
	gate_end(&g);
}

static void bounds_decide(void **state)
{
	struct minato_server server = { .at = { addr("10.0.0.2"), 80 }, .weight = 1, .down = true };
	struct minato_entry e = forward(80);
	uint64_t group = 0;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	e.flows_max = 3;
	e.source_flows_max = 2;
	(void)add(e);
	assert_true(calls(FAR, PUBLIC, 80));
	assert_true(calls(FAR, PUBLIC, 80));
	assert_false(calls(FAR, PUBLIC, 80));
	assert_true(calls("203.0.113.6", PUBLIC, 80));
	/* Of the flows that have not begun yet one makes way. */
	assert_true(calls("203.0.113.7", PUBLIC, 80));
	/* Nobody is there to take it. */
	assert_int_equal(minato_group_set(g.m, &group, &server, 1, false), 0);
	e = forward(90);
	e.group = group;
	(void)add(e);
	assert_false(calls(FAR, PUBLIC, 90));
	server.down = false;
	assert_int_equal(minato_group_set(g.m, &group, &server, 1, false), 0);
	assert_true(calls(FAR, PUBLIC, 90));
	gate_end(&g);
}

/* A mapping lets in whom its filter does (RFC 5382 REQ-3). */
static void mappings_decide(void **state)
{
	struct minato_nat nat;
	uint16_t mapped;

	(void)state;
	for (int strict = 0; strict < 2; strict++) {
		gate_new(&g, MINATO_LINK_ETHERNET);
		minato_nat_init(&nat);
		nat.tcp_filtering = strict ? MINATO_FILTER_ADDRESS_PORT : MINATO_FILTER_ENDPOINT;
		assert_int_equal(minato_nat_set(g.m, &nat), 0);
		make("10.0.0.2", FAR, 80);
		gate_send(&g, 0, &f, NULL);
		mapped = gate_one(&g, 1)->packet.src_port;
		gate_clear(&g);
		assert_int_equal(calls("203.0.113.77", PUBLIC, mapped), !strict);
		assert_false(calls("203.0.113.77", PUBLIC, (uint16_t)(mapped + 1)));
		gate_end(&g);
	}
}

/* IPv6 is not translated: who is behind is opened, or not (RFC 6092 REC-49). */
static void openings_decide(void **state)
{
	struct minato_entry e = forward(90);
	struct minato_nat nat;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	(void)add(forward(80));
	assert_false(calls("2001:db8:9::9", "fd00::2", 80));
	e.local = addr("fd00::2");
	e.local_prefix = 128;
	e.target = (struct minato_endpoint){ { { 0 } }, 0 };
	(void)add(e);
	assert_true(calls("2001:db8:9::9", "fd00::2", 90));
	assert_false(calls("2001:db8:9::9", "fd00::3", 90));
	minato_nat_init(&nat);
	nat.inbound_opens_ipv6 = true;
	assert_int_equal(minato_nat_set(g.m, &nat), 0);
	assert_true(calls("2001:db8:9::9", "fd00::2", 91));
	gate_end(&g);
}

static void who_lies_is_not_let_in(void **state)
{
	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	(void)add(forward(80));
	assert_false(calls("10.0.0.9", PUBLIC, 80));
	assert_false(calls("127.0.0.1", PUBLIC, 80));
	assert_false(calls("224.0.0.1", PUBLIC, 80));
	assert_false(calls(PUBLIC, PUBLIC, 80));
	assert_false(calls("fd00::7", "fd00::2", 80));
	/* By another link it is no call from outside. */
	make("10.0.0.9", PUBLIC, 80);
	assert_false(comes_by(0));
	gate_end(&g);
}

static void only_whole_calls(void **state)
{
	static const uint8_t others[] = { 0x00, 0x01, 0x04, 0x10, 0x12, 0x06, 0x14 };

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	(void)add(forward(80));
	for (uint32_t i = 0; i < sizeof(others); i++) {
		make(FAR, PUBLIC, 80);
		f.header[13] = others[i];
		assert_false(comes_by(1));
	}
	/* With what ECN asks for (RFC 3168 6.1.1) it is one. */
	make(FAR, PUBLIC, 80);
	f.header[13] = 0xc2;
	assert_true(comes_by(1));
	gate_end(&g);
}

/* Cut anywhere, or with a byte that is another: never what is not handed on. */
static void spoilt_ones(void **state)
{
	struct minato_frame frame = { .chunk = MINATO_CHUNK_NONE, .link = 1 };
	uint8_t *copy;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	(void)add(forward(80));
	assert_true(calls(FAR, PUBLIC, 80));
	for (uint32_t len = 0; len < f.len; len++) {
		copy = malloc(len + (len == 0));
		assert_non_null(copy);
		memcpy(copy, f.frame, len);
		frame.data = copy;
		frame.len = len;
		assert_false(minato_would_call(g.m, &frame));
		free(copy);
	}
	frame.data = f.frame;
	frame.len = f.len;
	/* The checksums are of the addresses too; the hop limit is in its header's. */
	for (uint32_t at = f.ip_at; at < f.len; at++) {
		f.frame[at] ^= 0x40;
		assert_false(minato_would_call(g.m, &frame));
		f.frame[at] ^= 0x40;
	}
	assert_true(minato_would_call(g.m, &frame));
	f.dst_mac[5] ^= 1;
	f.frame[5] ^= 1;
	assert_false(minato_would_call(g.m, &frame));
	gate_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stands_there_decides),
		cmocka_unit_test(rules_decide),
		cmocka_unit_test(bounds_decide),
		cmocka_unit_test(mappings_decide),
		cmocka_unit_test(openings_decide),
		cmocka_unit_test(who_lies_is_not_let_in),
		cmocka_unit_test(only_whole_calls),
		cmocka_unit_test(spoilt_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
