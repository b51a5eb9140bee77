/* SPDX-License-Identifier: BSD-2-Clause */
/* To whom a packet belongs: martians, others' addresses, guards, strays. */
#include <errno.h>

#include "hosts.h"
#include "minato/guard.h"
#include "wire/wire.h"

struct shot {
	const char *src, *dst;
	uint8_t proto;
	uint16_t port;
	uint8_t flags;
	bool to_all; /* as a link-layer broadcast */
	uint8_t hops; /* 0: 64 */
	uint8_t icmp; /* type */
	bool port_zero; /* for port 0 means 80 */
};

static struct host guest_link(bool any)
{
	struct minato_config c = small_config(MINATO_LINK_ETHERNET, 1);
	struct minato_addr a = addr("10.0.2.2");
	struct host h;

	c.link[0].any_destination = any;
	c.link[0].proxy = any;
	h = host_new(&c, (struct minato_time){ SECOND });
	assert_int_equal(minato_address_add(h.m, 0, &a, 24), 0);
	a = addr("fd00::2");
	assert_int_equal(minato_address_add(h.m, 0, &a, 64), 0);
	return h;
}

static uint32_t transport(const struct shot *s, uint8_t *out)
{
	const struct tcp_segment t = {
		.src_port = 40000, .dst_port = s->port, .flags = s->flags, .window = 1000,
		.seq = { 77 }, .ack = { 88 },
	};

	if (s->proto == IP_PROTO_TCP)
		return tcp_build(&t, out);
	memset(out, 0, 8);
	out[0] = s->icmp;
	if (s->proto == IP_PROTO_UDP)
		udp_build(out, 40000, s->port, 8);
	return 8;
}

static void shoot(struct host *h, const struct shot *s)
{
	const uint8_t us[6] = { 2, 0, 0, 0, 0, 1 }, guest[6] = { 2, 9 };
	const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
	uint8_t frame[200], bytes[60];
	struct ip_build ip = {
		.src = addr(s->src), .dst = addr(s->dst), .proto = s->proto,
		.hop_limit = s->hops ? s->hops : 64,
		.payload_len = transport(s, bytes),
	};
	struct minato_frame f = { .data = frame, .chunk = MINATO_CHUNK_NONE,
				  .csum_trusted = true };
	uint32_t at = 14;

	ip.is6 = !minato_addr_is4(&ip.dst);
	ethernet_build(frame, s->to_all ? all : us, guest, ip.is6);
	at += ip_build(&ip, frame + at);
	memcpy(frame + at, bytes, ip.payload_len);
	f.len = at + ip.payload_len;
	minato_input(h->m, (struct minato_time){ SECOND }, &f, 1);
}

static size_t answers(struct host *h)
{
	struct minato_frame_out f[8];

	return minato_output(h->m, (struct minato_time){ SECOND }, f, 8);
}

static void expect(bool any, struct shot s, const char *reason, size_t answer)
{
	struct host h = guest_link(any);

	if (s.proto == 0)
		s.proto = IP_PROTO_TCP;
	if (s.port == 0 && !s.port_zero)
		s.port = 80;
	if (s.proto == IP_PROTO_TCP && s.flags == 0)
		s.flags = TCP_SYN;
	shoot(&h, &s);
	if (counter(h.m, reason) != 1)
		fail_msg("%s -> %s: not %s", s.src, s.dst, reason);
	assert_int_equal(answers(&h), answer);
	host_end(&h);
}

static void test_not_ours(void **state)
{
	(void)state;
	expect(false, (struct shot){ .src = "10.0.2.9", .dst = "10.0.2.3" }, "drop_not_ours", 0);
	expect(false, (struct shot){ .src = "fd00::9", .dst = "fd00::3" }, "drop_not_ours", 0);
	expect(true, (struct shot){ .src = "10.0.2.9", .dst = "198.51.100.1" }, "drop_closed", 1);
	/* They go no further, which is said by who takes the call, or here. */
	expect(true, (struct shot){ .src = "fe80::9", .dst = "fe80::77" }, "drop_closed", 1);
	expect(true, (struct shot){ .src = "10.0.2.9", .dst = "169.254.1.1", .hops = 1 },
	       "drop_closed", 1);
	expect(false, (struct shot){ .src = "10.0.2.9", .dst = "169.254.1.1" }, "drop_not_ours", 0);
}

/* What would have to go on ends here when its hops are used up (RFC 1812 5.3.1). */
static void test_hop_limit(void **state)
{
	const struct shot syn = { .src = "10.0.2.9", .dst = "198.51.100.1", .hops = 1 };
	struct shot s = syn;

	(void)state;
	expect(true, s, "drop_hop_limit", 1);
	expect(true, s, "icmp_errors_sent", 1);
	s.flags = TCP_ACK;
	expect(true, s, "drop_hop_limit", 1);
	s.proto = IP_PROTO_UDP;
	expect(true, s, "drop_hop_limit", 1);
	s.proto = IP_PROTO_ICMP;
	s.icmp = ICMP4_ECHO;
	expect(true, s, "drop_hop_limit", 1);
	/* No error about an error. */
	s.icmp = ICMP4_TIME_EXCEEDED;
	expect(true, s, "drop_hop_limit", 0);
	s = (struct shot){ .src = "fd00::9", .dst = "2001:db8::1", .hops = 1 };
	expect(true, s, "drop_hop_limit", 1);
	s.hops = 2;
	expect(true, s, "drop_closed", 1);
	/* To us it need not go on. */
	s = (struct shot){ .src = "10.0.2.9", .dst = "10.0.2.2", .hops = 1 };
	expect(true, s, "drop_closed", 1);
}

/* The gateway itself says so, and quotes what came. */
static void test_hop_limit_answer(void **state)
{
	const struct shot s = { .src = "10.0.2.9", .dst = "198.51.100.1", .hops = 1, .port = 33434,
				.proto = IP_PROTO_UDP };
	const struct minato_addr us = addr("10.0.2.2"), far = addr(s.dst);
	struct host h = guest_link(true);
	struct minato_frame_out f;
	const uint8_t *ip;

	(void)state;
	shoot(&h, &s);
	assert_int_equal(minato_output(h.m, (struct minato_time){ SECOND }, &f, 1), 1);
	ip = (const uint8_t *)f.extents[0].base + 14;
	assert_memory_equal(ip + 12, us.bytes + 12, 4);
	assert_int_equal(ip[20], ICMP4_TIME_EXCEEDED);
	assert_int_equal(ip[21], 0);
	ip += 28; /* so short a quotation stands with the headers */
	assert_int_equal(ip[8], 1);
	assert_memory_equal(ip + 16, far.bytes + 12, 4);
	host_end(&h);
}

/* MUST-57, MUST-63, RFC 1122 3.2.1.3. */
static void test_martians(void **state)
{
	static const char *const sources4[] = { "10.0.2.2", "10.0.2.255" };
	static const char *const bad4[] = { "127.0.0.1", "0.0.0.0", "127.255.255.255" };

	(void)state;
	for (size_t i = 0; i < 2; i++)
		expect(true, (struct shot){ .src = sources4[i], .dst = "10.0.2.2" },
		       "drop_ip_source", 0);
	for (size_t i = 0; i < 3; i++)
		expect(true, (struct shot){ .src = "10.0.2.9", .dst = bad4[i] },
		       "drop_ip_destination", 0);
	expect(true, (struct shot){ .src = "fd00::9", .dst = "::1" }, "drop_ip_destination", 0);
	expect(true, (struct shot){ .src = "fd00::9", .dst = "::" }, "drop_ip_destination", 0);
	expect(true, (struct shot){ .src = "10.0.2.9", .dst = "224.0.0.1" }, "drop_multicast", 0);
	expect(true, (struct shot){ .src = "fd00::9", .dst = "ff02::1" }, "drop_multicast", 0);
	expect(true, (struct shot){ .src = "10.0.2.9", .dst = "255.255.255.255" },
	       "drop_broadcast", 0);
	expect(true, (struct shot){ .src = "10.0.2.9", .dst = "10.0.2.255" }, "drop_broadcast", 0);
}

/* The IPv4-mapped forms on the IPv6 wire are refused outright. */
static void test_mapped_on_the_wire(void **state)
{
	struct host h = guest_link(true);
	const uint8_t us[6] = { 2, 0, 0, 0, 0, 1 }, guest[6] = { 2, 9 };
	uint8_t frame[200] = { 0 };
	const struct minato_frame f = { .data = frame, .len = 14 + 40 + 20,
					.chunk = MINATO_CHUNK_NONE, .csum_trusted = true };
	const struct minato_addr src = addr("fd00::9"), dst = addr("127.0.0.1");

	(void)state;
	ethernet_build(frame, us, guest, true);
	frame[14] = 0x60;
	frame[19] = 20;
	frame[20] = 6;
	frame[21] = 64;
	memcpy(frame + 22, src.bytes, 16);
	memcpy(frame + 38, dst.bytes, 16);
	frame[54 + 12] = 0x50;
	frame[54 + 13] = TCP_SYN;
	minato_input(h.m, (struct minato_time){ SECOND }, &f, 1);
	assert_int_equal(counter(h.m, "drop_ip_destination"), 1);
	assert_int_equal(answers(&h), 0);
	host_end(&h);
}

static void test_link_broadcast(void **state)
{
	(void)state;
	expect(true, (struct shot){ .src = "10.0.2.9", .dst = "10.0.2.2", .to_all = true },
	       "drop_broadcast", 0);
}

static void test_closed(void **state)
{
	(void)state;
	expect(false, (struct shot){ .src = "10.0.2.9", .dst = "10.0.2.2" }, "drop_closed", 1);
	expect(false, (struct shot){ .src = "10.0.2.9", .dst = "10.0.2.2", .flags = TCP_RST },
	       "drop_closed", 0);
	expect(false, (struct shot){ .src = "10.0.2.9", .dst = "10.0.2.2", .proto = IP_PROTO_UDP },
	       "drop_closed", 1);
}

/* Reserved (RFC 6335 6): not even refused, but counted. */
static void test_port_zero(void **state)
{
	struct shot s = { .src = "10.0.2.9", .dst = "10.0.2.2", .port_zero = true };

	(void)state;
	expect(false, s, "drop_tcp_port_zero", 0);
	s.flags = TCP_ACK;
	expect(false, s, "drop_tcp_port_zero", 0);
	s.proto = IP_PROTO_UDP;
	expect(false, s, "drop_udp_port_zero", 0);
}

static void test_unknown_protocol(void **state)
{
	(void)state;
	expect(true, (struct shot){ .src = "10.0.2.9", .dst = "10.0.2.2", .proto = 132 },
	       "drop_ip_protocol", 1);
}

static void guarded(enum minato_verdict verdict, uint8_t proto, size_t answer)
{
	struct host h = guest_link(true);
	const struct minato_entry e = { .kind = MINATO_KIND_GUARD, .verdict = verdict,
					.face = MINATO_FACE_ANY, .first = 25, .last = 25 };
	const struct minato_entry up = { .kind = MINATO_KIND_UPLINK, .face = MINATO_FACE_ANY,
					 .last = 65535 };
	const struct shot s = { .src = "10.0.2.9", .dst = "198.51.100.1", .proto = proto,
				.port = 25, .flags = TCP_SYN };
	struct minato_event event;
	uint64_t handle;

	assert_int_equal(minato_entry_add(h.m, &up, &handle), 0);
	assert_int_equal(minato_entry_add(h.m, &e, &handle), 0);
	shoot(&h, &s);
	assert_int_equal(counter(h.m, "drop_guard"), verdict == MINATO_PASS ? 0 : 1);
	assert_int_equal(answers(&h), answer);
	assert_int_equal(minato_event(h.m, &event), verdict == MINATO_PASS);
	host_end(&h);
}

static void test_guard(void **state)
{
	(void)state;
	guarded(MINATO_REFUSE, IP_PROTO_TCP, 1);
	guarded(MINATO_REFUSE, IP_PROTO_UDP, 1);
	guarded(MINATO_DROP, IP_PROTO_TCP, 0);
	guarded(MINATO_DROP, IP_PROTO_UDP, 0);
	guarded(MINATO_PASS, IP_PROTO_TCP, 0);
}

/* What a wall with `log` refuses is an event, though it is dropped before any look-up. */
static void told_of(bool any, bool log, struct shot s, const char *reason, int events)
{
	struct host h = guest_link(any);
	struct minato_entry wall = { .kind = MINATO_KIND_GUARD, .verdict = MINATO_REFUSE,
				     .face = MINATO_FACE_ANY, .last = 65535, .user = 77,
				     .local = addr(s.dst), .local_prefix = 120, .log = log };
	struct minato_rule_event e;
	uint64_t handle;

	assert_int_equal(minato_entry_add(h.m, &wall, &handle), 0);
	assert_int_equal(minato_entry_get(h.m, handle, &wall), 0);
	assert_int_equal(wall.log, log);
	s.port = 80;
	shoot(&h, &s);
	assert_int_equal(counter(h.m, reason), 1);
	for (int i = 0; i < events; i++) {
		const struct minato_addr to = addr(s.dst);
		assert_true(minato_rule_event(h.m, &e));
		assert_int_equal(e.user, 77);
		assert_int_equal(e.verdict, MINATO_REFUSE);
		assert_true(minato_addr_equal(&e.question.local.addr, &to));
		assert_int_equal(e.question.local.port, 80);
	}
	assert_false(minato_rule_event(h.m, &e));
	host_end(&h);
}

static void test_walls_tell(void **state)
{
	const struct shot group = { .src = "10.0.2.9", .dst = "224.0.0.251",
				    .proto = IP_PROTO_UDP };
	struct shot s = group;

	(void)state;
	told_of(true, true, s, "drop_multicast", 1);
	told_of(true, false, s, "drop_multicast", 0);
	told_of(false, true, s, "drop_multicast", 0);
	s.dst = "127.0.0.1";
	told_of(true, true, s, "drop_ip_destination", 1);
	s.dst = "10.0.2.255";
	told_of(true, true, s, "drop_broadcast", 1);
	s.dst = "198.51.100.1";
	told_of(true, true, s, "drop_guard", 1);
	s.dst = "10.0.2.2";
	s.proto = IP_PROTO_TCP;
	s.flags = TCP_SYN;
	told_of(false, true, s, "drop_guard", 1);
	s.dst = "224.0.0.251";
	told_of(true, true, s, "drop_multicast", 1);
	s.flags = TCP_ACK; /* of no new flow */
	told_of(true, true, s, "drop_multicast", 0);
}

/* The listener's own strays (RFC 9293 3.10.7.2). */
static void stray(uint8_t flags, const char *reason, size_t answer)
{
	struct host h = guest_link(false);
	const struct shot s = { .src = "10.0.2.9", .dst = "10.0.2.2", .proto = IP_PROTO_TCP,
				.port = 80, .flags = flags };

	open_listener(h.m, "::", 80, 5);
	shoot(&h, &s);
	assert_int_equal(counter(h.m, reason), 1);
	assert_int_equal(answers(&h), answer);
	host_end(&h);
}

static void test_strays(void **state)
{
	(void)state;
	stray(TCP_ACK, "drop_closed", 1);
	stray(TCP_SYN | TCP_ACK, "drop_closed", 1);
	stray(TCP_RST, "drop_closed", 0);
	stray(TCP_FIN, "drop_tcp_flags", 0);
	stray(TCP_SYN | TCP_FIN, "drop_tcp_flags", 0);
}

/* The first of a batch may create what the second belongs to. */
static void test_compare_at_delivery(void **state)
{
	struct host h = guest_link(true);
	const struct minato_entry up = { .kind = MINATO_KIND_UPLINK, .face = MINATO_FACE_ANY,
					 .last = 65535 };
	uint8_t bytes[2][64];
	struct minato_frame f[2];
	struct minato_event e;
	const uint8_t us[6] = { 2, 0, 0, 0, 0, 1 }, guest[6] = { 2, 9 };
	uint64_t handle;

	(void)state;
	assert_int_equal(minato_entry_add(h.m, &up, &handle), 0);
	for (int i = 0; i < 2; i++) {
		const struct ip_build ip = { .src = addr("10.0.2.9"), .dst = addr("198.51.100.1"),
					     .proto = IP_PROTO_UDP, .hop_limit = 64,
					     .payload_len = 8 };
		ethernet_build(bytes[i], us, guest, false);
		ip_build(&ip, bytes[i] + 14);
		udp_build(bytes[i] + 34, 40000, 53, 8);
		f[i] = (struct minato_frame){ .data = bytes[i], .len = 42,
					      .chunk = MINATO_CHUNK_NONE, .csum_trusted = true };
	}
	minato_input(h.m, (struct minato_time){ SECOND }, f, 2);
	assert_true(minato_event(h.m, &e));
	assert_false(minato_event(h.m, &e));
	assert_int_equal(counter(h.m, "calls"), 1);
	assert_int_equal(counter(h.m, "delivered"), 2);
	host_end(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_hop_limit),
		cmocka_unit_test(test_hop_limit_answer),
		cmocka_unit_test(test_martians),
		cmocka_unit_test(test_mapped_on_the_wire),
		cmocka_unit_test(test_link_broadcast),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_port_zero),
		cmocka_unit_test(test_unknown_protocol),
		cmocka_unit_test(test_guard),
		cmocka_unit_test(test_walls_tell),
		cmocka_unit_test(test_strays),
		cmocka_unit_test(test_compare_at_delivery),
	};

	return cmocka_run_group_tests_name("deliver", tests, NULL, NULL);
}
