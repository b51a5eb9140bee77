/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules between two insides: guests (link 2, 10.0.2.0/24) and lan (link 0, 10.0.0.0/24). What they
 * refuse does not arrive, whatever it looks like; answers to what the other side began do.
 */
#include "gateway_fixture.h"
#include "minato/guard.h"

#define LAN "10.0.0.2"
#define GUEST "10.0.2.2"
#define LAN6 "fd00::2"
#define GUEST6 "fd02::2"
#define SYN 0x02u
#define ACK 0x10u
#define RST 0x04u
#define FIN 0x01u

static struct gate g;
static struct forge f;

/* From guests, to what of theirs. */
static uint64_t rule(uint64_t order, enum minato_verdict verdict, uint8_t proto, uint16_t first,
		     uint16_t last)
{
	const struct minato_entry e = { .kind = MINATO_KIND_GUARD,
					.verdict = verdict,
					.scope = 2,
					.face = 2,
					.course = MINATO_COURSE_IN,
					.proto = proto,
					.first = first,
					.last = last,
					.uid = MINATO_UID_NONE,
					.order = order };
	uint64_t handle;

	assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
	return handle;
}

static void block_everything(void)
{
	rule(100, MINATO_REFUSE, 0, 0, 65535);
	rule(101, MINATO_REFUSE, MINATO_ICMP, 0, 65535);
	rule(102, MINATO_REFUSE, MINATO_PROTO_OTHER, 0, 65535);
}

/* What came of a forged packet: the link that something left by, or -1. */
static int sent(uint32_t link)
{
	gate_clear(&g);
	gate_send(&g, link, &f, NULL);
	gate_drain(&g, 32);
	assert_true(g.count <= 1);
	return g.count == 0 ? -1 : (int)g.caught[0].link;
}

static int tcp(bool guest, bool is6, uint16_t from, uint16_t to, uint8_t flags)
{
	forge_tcp(&f, is6, NULL, 0, 0);
	forge_put16(f.header, from);
	forge_put16(f.header + 2, to);
	f.header[13] = flags;
	if (is6)
		gate_ends(&f, guest ? GUEST6 : LAN6, guest ? LAN6 : GUEST6);
	else
		gate_ends(&f, guest ? GUEST : LAN, guest ? LAN : GUEST);
	return sent(guest ? 2 : 0);
}

static int udp(bool guest, uint16_t from, uint16_t to)
{
	forge_udp(&f, false, 20);
	forge_put16(f.header, from);
	forge_put16(f.header + 2, to);
	gate_ends(&f, guest ? GUEST : LAN, guest ? LAN : GUEST);
	return sent(guest ? 2 : 0);
}

static uint64_t sessions(void)
{
	struct minato_session s;
	uint64_t cursor = 0, count = 0;

	while (minato_session_next(g.m, &cursor, &s))
		count++;
	return count;
}

/* `block tcp 445 from guests to lan` */
static void what_is_blocked_does_not_arrive(void **state)
{
	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	assert_int_equal(tcp(true, false, 40000, 445, SYN), 0);
	rule(1, MINATO_REFUSE, MINATO_TCP, 445, 445);
	for (int is6 = 0; is6 < 2; is6++) {
		assert_int_equal(tcp(true, is6, 40001, 445, SYN), 2); /* its RST */
		assert_int_equal(g.caught[0].packet.tcp.flags & RST, RST);
		assert_int_equal(tcp(true, is6, 40001, 446, SYN), 0);
		assert_int_equal(tcp(false, is6, 40001, 445, SYN), 2); /* lan may */
	}
	assert_int_equal(counter(g.m, "nat_guard"), 2);
	/* A flow is asked about once: what was there goes on, both ways. */
	assert_int_equal(tcp(false, false, 445, 40000, SYN | ACK), 2);
	assert_int_equal(tcp(true, false, 40000, 445, ACK), 0);
	assert_spent(&g);
	gate_end(&g);
}

/* Both must let it pass: what goes out of the one, and what comes in to the other. */
static void both_courses_judge(void **state)
{
	static const uint8_t course[] = { MINATO_COURSE_OUT, MINATO_COURSE_IN };

	(void)state;
	for (int blocks = 0; blocks < 2; blocks++) {
		gate_new(&g, MINATO_LINK_ETHERNET);
		for (int i = 0; i < 2; i++) {
			const struct minato_entry e = {
				.kind = MINATO_KIND_GUARD,
				.verdict = i == blocks ? MINATO_DROP : MINATO_PASS,
				.scope = MINATO_SCOPE_ANY,
				.face = MINATO_FACE_ANY,
				.course = course[i],
				.last = 65535,
				.uid = MINATO_UID_NONE,
				.order = 1,
			};
			uint64_t handle;
			assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
		}
		assert_int_equal(tcp(true, false, 40000, 445, SYN), -1);
		assert_int_equal(udp(true, 40000, 445), -1);
		assert_int_equal(counter(g.m, "nat_guard"), 2);
		assert_int_equal(sessions(), 0);
		gate_end(&g);
	}
}

/* Nothing but what answers: no probe, no fragment, no other protocol. */
static void closed_is_closed(void **state)
{
	static const uint8_t odd[] = { ACK, FIN, 0, FIN | ACK, FIN | 0x28, SYN | ACK, RST };

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	block_everything();
	for (size_t i = 0; i < sizeof(odd); i++) {
		const int link = tcp(true, false, 40000, 22, odd[i]);
		assert_int_not_equal(link, 0);
	}
	assert_int_not_equal(udp(true, 5000, 53), 0);
	forge_icmp(&f, false, 8, 0, 0x00070001, 8); /* an echo request */
	gate_ends(&f, GUEST, LAN);
	assert_int_not_equal(sent(2), 0);
	forge_icmp(&f, false, 13, 0, 0x00070001, 12); /* a timestamp */
	gate_ends(&f, GUEST, LAN);
	assert_int_not_equal(sent(2), 0);
	forge_start(&f, false, 47); /* GRE */
	f.payload_len = 20;
	gate_ends(&f, GUEST, LAN);
	assert_int_not_equal(sent(2), 0);
	assert_int_equal(sessions(), 0);
	/* The other way there is no rule. */
	gate_ends(&f, LAN, GUEST);
	assert_int_equal(sent(0), 2);
	assert_spent(&g);
	gate_end(&g);
}

static void answers_pass(void **state)
{
	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	block_everything();
	for (int is6 = 0; is6 < 2; is6++) {
		assert_int_equal(tcp(false, is6, 40000, 22, SYN), 2);
		assert_int_equal(tcp(true, is6, 22, 40000, SYN | ACK), 0);
		assert_int_equal(tcp(false, is6, 40000, 22, ACK), 2);
		assert_int_not_equal(tcp(true, is6, 22, 40001, SYN | ACK), 0);
	}
	assert_int_not_equal(udp(true, 53, 5000), 0);
	assert_int_equal(udp(false, 5000, 53), 2);
	assert_int_equal(udp(true, 53, 5000), 0);
	assert_int_not_equal(udp(true, 54, 5000), 0);
	forge_icmp(&f, false, 8, 0, 0x00070001, 8);
	gate_ends(&f, LAN, GUEST);
	assert_int_equal(sent(0), 2);
	forge_icmp(&f, false, 0, 0, 0x00070001, 8);
	gate_ends(&f, GUEST, LAN);
	assert_int_equal(sent(2), 0);
	/* Until its time is over. */
	g.now.ns += 400 * SECOND;
	assert_int_not_equal(udp(true, 53, 5000), 0);
	assert_spent(&g);
	gate_end(&g);
}

/* An error about a flow of lan's passes; about none, or another, it is as the rule says. */
static void errors_about_what_was_begun(void **state)
{
	static struct forge inner;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	block_everything();
	assert_int_equal(udp(false, 5000, 53), 2);
	for (int other = 0; other < 2; other++) {
		forge_udp(&inner, false, 20);
		forge_put16(inner.header, other ? 5001 : 5000);
		forge_put16(inner.header + 2, 53);
		gate_ends(&inner, LAN, GUEST);
		inner.ip_link = true;
		forge_frame(&inner);
		forge_icmp(&f, false, 3, 3, 0, inner.len);
		memcpy(f.payload, inner.frame, inner.len);
		gate_ends(&f, GUEST, LAN);
		assert_int_equal(sent(2) == 0, !other);
	}
	gate_end(&g);
}

static int gre(bool guest)
{
	forge_start(&f, false, 47);
	f.payload_len = 20;
	gate_ends(&f, guest ? GUEST : LAN, guest ? LAN : GUEST);
	return sent(guest ? 2 : 0);
}

/* They quote no ports. */
static void errors_about_other_protocols(void **state)
{
	static struct forge inner;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	block_everything();
	assert_int_not_equal(gre(true), 0);
	assert_int_equal(gre(false), 2);
	for (int other = 0; other < 2; other++) {
		forge_start(&inner, false, other ? 50 : 47);
		inner.payload_len = 20;
		gate_ends(&inner, LAN, GUEST);
		inner.ip_link = true;
		forge_frame(&inner);
		forge_icmp(&f, false, 3, 2, 0, inner.len);
		memcpy(f.payload, inner.frame, inner.len);
		gate_ends(&f, GUEST, LAN);
		assert_int_equal(sent(2) == 0, !other);
	}
	gate_end(&g);
}

/* What is of one link alone is nobody's on another (RFC 4291 2.5.6). */
static void link_local_sources_stay(void **state)
{
	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	for (int local = 0; local < 2; local++) {
		const char *src = local ? "fe80::77" : GUEST6;

		forge_icmp(&f, true, 128, 0, 7, 20);
		gate_ends(&f, src, LAN6);
		assert_int_equal(sent(2) == 0, !local);
		forge_start(&f, true, 47);
		f.payload_len = 20;
		gate_ends(&f, src, LAN6);
		assert_int_equal(sent(2) == 0, !local);
		forge_udp(&f, true, 20);
		gate_ends(&f, src, LAN6);
		assert_int_equal(sent(2) == 0, !local);
	}
	gate_end(&g);
}

static void scan_from_guest(void)
{
	struct minato_scan_policy policy;
	struct scan_contact contact = { .source = addr(GUEST),
					.target = addr("10.0.2.1"),
					.scope = 2,
					.proto = MINATO_TCP,
					.sign = SCAN_REFUSED };

	minato_scan_get(g.m, &policy);
	policy.answer = MINATO_SCAN_ANSWER_BLOCK;
	assert_int_equal(minato_scan_set(g.m, &policy), 0);
	for (contact.port = 1; contact.port < 9; contact.port++)
		scan_note(host_scan(g.m), &contact, g.now);
}

/* Who is shut out begins nothing to another inside either; what stands goes on. */
static void who_is_shut_out_begins_nothing(void **state)
{
	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	assert_int_equal(gre(true), 0);
	assert_int_equal(udp(true, 5000, 53), 0);
	scan_from_guest();
	assert_int_equal(gre(true), 0);
	assert_int_equal(udp(true, 5000, 53), 0);
	assert_int_equal(udp(true, 5001, 53), -1);
	forge_start(&f, false, 50);
	f.payload_len = 20;
	gate_ends(&f, GUEST, LAN);
	assert_int_equal(sent(2), -1);
	gate_end(&g);
}

static uint32_t scans(void)
{
	struct minato_scan scan;
	uint64_t cursor = 0;
	uint32_t count = 0;

	while (minato_scan_row(g.m, &cursor, &scan))
		count++;
	return count;
}

/* A guest that goes through the ports of the lan is seen, be it refused or left without an answer;
   what it may do is nobody's business, and neither are answers. */
static void tries_at_another_inside_are_noticed(void **state)
{
	static const enum minato_verdict verdicts[] = { MINATO_REFUSE, MINATO_DROP };
	const struct minato_addr guest = addr(GUEST);
	struct minato_scan scan;

	(void)state;
	for (int i = 0; i < 2; i++) {
		gate_new(&g, MINATO_LINK_ETHERNET);
		rule(1, verdicts[i], MINATO_TCP, 1, 1023);
		for (uint16_t port = 2000; port < 2030; port++)
			assert_int_equal(tcp(true, false, 40000, port, SYN), 0);
		assert_int_equal(tcp(false, false, 41000, 22, SYN), 2);
		assert_int_equal(tcp(true, false, 22, 41000, SYN | ACK), 0);
		assert_int_equal(scans(), 0);
		for (uint16_t port = 1; port < 20; port++)
			(void)tcp(true, false, 40000, port, SYN);
		assert_int_equal(scans(), 1);
		assert_true(minato_scan_find(g.m, 2, &guest, &scan));
		assert_true(scan.recognised);
		assert_int_equal(scan.closed, 19);
		gate_end(&g);
	}
}

/* Only the first fragment has the port. */
static void fragments_hide_no_port(void **state)
{
	static struct forge part;

	(void)state;
	for (int to = 0; to < 2; to++) {
		gate_new(&g, MINATO_LINK_ETHERNET);
		rule(1, MINATO_DROP, MINATO_UDP, 53, 53);
		forge_udp(&f, false, 2000);
		gate_ends(&f, GUEST, LAN);
		forge_put16(f.header + 2, to ? 54 : 53);
		forge_frame(&f);
		for (uint32_t at = 2; at-- > 0;) {
			const uint32_t len = at == 0 ? 1208 : 800;
			forge_start(&part, false, 17);
			memcpy(part.src, f.src, 4);
			memcpy(part.dst, f.dst, 4);
			part.id = 4711;
			part.no_checksum = true;
			part.proto = 0;
			part.fragment = at == 0 ? 0x2000 : 1208 / 8;
			part.payload_len = len;
			memcpy(part.payload, f.frame + f.transport_at + at * 1208, len);
			gate_send(&g, 2, &part, NULL);
		}
		gate_drain(&g, 32);
		assert_int_equal(g.count, to ? 2 : 0);
		for (uint32_t i = 0; i < g.count; i++)
			assert_int_equal(g.caught[i].link, 0);
		assert_int_equal(counter(g.m, "reassembled"), 1);
		gate_end(&g);
	}
}

/* Beyond the memory for flows it is judged packet by packet, and passes. */
static void who_has_no_room_is_a_router(void **state)
{
	struct minato_config c = gate_config(MINATO_LINK_ETHERNET);

	(void)state;
	c.sessions_max = 2;
	gate_with(&g, &c);
	rule(1, MINATO_REFUSE, MINATO_TCP, 445, 445);
	for (uint16_t port = 1; port <= 5; port++) {
		assert_int_equal(tcp(true, false, 40000, port, SYN), 0);
		assert_int_equal(tcp(true, false, 40000, 445, SYN), 2);
	}
	assert_int_equal(sessions(), 2);
	assert_spent(&g);
	gate_end(&g);
}

/* What a host has begun counts for it, and ends with it. */
static void a_hosts_flows_end_with_it(void **state)
{
	const struct minato_addr guest = addr(GUEST), lan = addr(LAN);
	struct minato_nat options;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	minato_nat_get(g.m, &options);
	options.host_sessions = 3;
	assert_int_equal(minato_nat_set(g.m, &options), 0);
	for (uint16_t port = 1; port <= 5; port++)
		assert_int_equal(udp(true, 5000, port), 0);
	assert_int_equal(sessions(), 3);
	assert_int_equal(minato_inside_end(g.m, &guest), 3);
	assert_int_equal(sessions(), 0);
	assert_int_equal(udp(true, 5000, 53), 0);
	assert_int_equal(minato_inside_end(g.m, &lan), 1);
	gate_end(&g);
}

/* Who opens nothing spends nothing of a limit. */
static void a_limit_counts_flows(void **state)
{
	struct minato_entry e = { .kind = MINATO_KIND_GUARD,
				  .verdict = MINATO_PASS,
				  .scope = 2,
				  .face = MINATO_FACE_ANY,
				  .course = MINATO_COURSE_IN,
				  .proto = MINATO_TCP,
				  .first = 22,
				  .last = 22,
				  .uid = MINATO_UID_NONE,
				  .order = 1,
				  .rate_count = 2,
				  .rate_span_s = 3600,
				  .rate_each = true,
				  .rate_verdict = MINATO_DROP };
	uint64_t handle;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
	for (int i = 0; i < 9; i++)
		assert_int_equal(tcp(true, false, (uint16_t)(50000 + i), 22, ACK), 0);
	assert_int_equal(tcp(true, false, 40000, 22, SYN), 0);
	assert_int_equal(tcp(true, false, 40000, 22, ACK), 0);
	assert_int_equal(tcp(true, false, 40001, 22, SYN), 0);
	assert_int_equal(tcp(true, false, 40002, 22, SYN), -1);
	gate_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_blocked_does_not_arrive),
		cmocka_unit_test(both_courses_judge),
		cmocka_unit_test(closed_is_closed),
		cmocka_unit_test(answers_pass),
		cmocka_unit_test(errors_about_what_was_begun),
		cmocka_unit_test(errors_about_other_protocols),
		cmocka_unit_test(link_local_sources_stay),
		cmocka_unit_test(who_is_shut_out_begins_nothing),
		cmocka_unit_test(tries_at_another_inside_are_noticed),
		cmocka_unit_test(fragments_hide_no_port),
		cmocka_unit_test(who_has_no_room_is_a_router),
		cmocka_unit_test(a_hosts_flows_end_with_it),
		cmocka_unit_test(a_limit_counts_flows),
	};

	return cmocka_run_group_tests_name("pass_inner", tests, NULL, NULL);
}
