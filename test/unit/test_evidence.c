/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets turned into reports: what scanners send, byte by byte, and what honest hosts do. */
#include <errno.h>

#include "hosts.h"
#include "minato/scan.h"

#define SYN 0x02u
#define FIN 0x01u
#define RST 0x04u
#define PSH 0x08u
#define ACK 0x10u
#define URG 0x20u

/* One packet of IPv4 from 198.51.100.x to 10.0.0.2. */
struct sent {
	uint8_t source; /* x */
	uint8_t proto;
	uint16_t from, to;
	uint32_t seq;
	uint8_t flags;
	uint16_t window, urgent, id; /* window 0: 1024 */
	uint8_t options[40];
	uint32_t option_len;
	uint32_t payload;  /* bytes of 'C' */
	bool answers;	   /* as DNS does */
	uint16_t fragment; /* of the header */
	uint32_t cut;	   /* bytes behind the IP header; 0: all */
	uint8_t hops;	   /* 0: 64 */
};

#define SCTP 132u

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint32_t write_transport(const struct sent *s, uint8_t *t)
{
	uint32_t len = 8;

	put16(t, s->from);
	put16(t + 2, s->to);
	if (s->proto == MINATO_TCP) {
		put32(t + 4, s->seq);
		len = 20 + s->option_len;
		t[12] = (uint8_t)(len / 4 << 4);
		t[13] = s->flags;
		put16(t + 14, s->window != 0 ? s->window : 1024);
		put16(t + 18, s->urgent);
		memcpy(t + 20, s->options, s->option_len);
	} else {
		put16(t + 4, 8 + s->payload);
	}
	memset(t + len, 'C', s->payload);
	if (s->proto == SCTP)
		t[12] = s->flags;
	if (s->answers)
		t[len + 2] = 0x81;
	return len + s->payload;
}

static void put_sum(uint8_t *ip)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~sum);
}

static void give(struct pair *p, const struct sent *s)
{
	uint8_t bytes[1500] = { 0x45 };
	uint32_t len = write_transport(s, bytes + 20);
	struct minato_frame in = { .data = bytes,
				   .chunk = MINATO_CHUNK_NONE,
				   .csum_trusted = true };

	if (s->cut != 0)
		len = s->cut;
	put16(bytes + 2, 20 + len);
	put16(bytes + 4, s->id);
	put16(bytes + 6, s->fragment);
	bytes[8] = s->hops != 0 ? s->hops : 64;
	bytes[9] = s->proto;
	memcpy(bytes + 12, (uint8_t[]){ 198, 51, 100, s->source, 10, 0, 0, 2 }, 8);
	put_sum(bytes);
	in.len = 20 + len;
	minato_input(p->b.m, p->now, &in, 1);
	p->now.ns += MILLI;
}

static bool row_of(struct pair *p, uint8_t source, struct minato_scan *out)
{
	const struct minato_addr a = minato_addr4(198, 51, 100, source);
	uint64_t cursor = 0;

	while (minato_scan_row(p->b.m, &cursor, out))
		if (minato_addr_equal(&out->source, &a))
			return true;
	memset(out, 0, sizeof(*out));
	return false;
}

/* Eight ports of them; the kinds that are told, or 0 where it is no scan. */
static uint32_t kinds_of(struct sent s)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint16_t first = s.to != 0 ? s.to : 1;
	struct minato_scan row;

	s.source = 7;
	if (s.from == 0)
		s.from = 45678;
	for (uint16_t i = 0; i < 8; i++) {
		if (s.proto == MINATO_TCP || s.proto == MINATO_UDP || s.proto == SCTP)
			s.to = (uint16_t)(first + i * 10);
		give(&p, &s);
		if (s.proto >= 100 && s.proto != SCTP)
			s.proto++;
	}
	row_of(&p, 7, &row);
	pair_end(&p);
	return row.recognised ? row.kinds : 0;
}

#define KIND(name) (1u << MINATO_SCAN_##name)
#define SEGMENT(...) ((struct sent){ .proto = MINATO_TCP, __VA_ARGS__ })
#define MSS_1460 .options = { 2, 4, 5, 0xb4 }, .option_len = 4
#define ALL_OPTIONS                                                                                \
	.options = { 2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7 },             \
	.option_len = 20

static void segments_have_kinds(void **state)
{
	(void)state;
	assert_int_equal(kinds_of(SEGMENT(.flags = SYN, MSS_1460)), KIND(SYN));
	assert_int_equal(kinds_of(SEGMENT(.flags = SYN, .window = 64240, ALL_OPTIONS)),
			 KIND(CONNECT));
	assert_int_equal(kinds_of(SEGMENT(.flags = FIN)), KIND(FIN));
	assert_int_equal(kinds_of(SEGMENT(.flags = 0)), KIND(NULL));
	assert_int_equal(kinds_of(SEGMENT(.flags = FIN | PSH | URG)), KIND(XMAS));
	assert_int_equal(kinds_of(SEGMENT(.flags = FIN | ACK)), KIND(MAIMON));
	assert_int_equal(kinds_of(SEGMENT(.flags = ACK)), KIND(ACK));
	assert_int_equal(kinds_of(SEGMENT(.flags = SYN | FIN | PSH | URG)), KIND(OS));
	assert_int_equal(
		kinds_of(SEGMENT(.flags = SYN | 0xc0, .window = 3, .urgent = 0xf7f5, ALL_OPTIONS)),
		KIND(OS));
	assert_int_equal(kinds_of(SEGMENT(.flags = 0, .window = 128, ALL_OPTIONS)), KIND(OS));
}

/* Backscatter of others' floods, and answers. */
static void answers_are_no_scan(void **state)
{
	(void)state;
	assert_int_equal(kinds_of(SEGMENT(.flags = RST)), 0);
	assert_int_equal(kinds_of(SEGMENT(.flags = RST | ACK)), 0);
	assert_int_equal(kinds_of(SEGMENT(.flags = SYN | ACK, .from = 80)), 0);
	assert_int_equal(kinds_of(SEGMENT(.flags = SYN | ACK, .to = 40000)), 0);
}

/* From where nobody listens to where nobody calls from: whoever sends that asks for our RST. */
static void answers_that_cannot_be_any(void **state)
{
	(void)state;
	assert_int_equal(kinds_of(SEGMENT(.flags = SYN | ACK)), KIND(ACK));
}

static void other_protocols_and_pieces(void **state)
{
	(void)state;
	assert_int_equal(kinds_of((struct sent){ .proto = MINATO_UDP }), KIND(UDP));
	assert_int_equal(kinds_of((struct sent){ .proto = MINATO_UDP, .payload = 300 }), KIND(OS));
	assert_int_equal(kinds_of((struct sent){ .proto = 100 }), KIND(PROTOCOL));
	/* INIT and COOKIE-ECHO; of an association that stands, or cut short, it is one protocol. */
	assert_int_equal(kinds_of((struct sent){ .proto = SCTP, .flags = 1, .payload = 24 }),
			 KIND(SCTP));
	assert_int_equal(kinds_of((struct sent){ .proto = SCTP, .flags = 10, .payload = 8 }),
			 KIND(SCTP));
	assert_int_equal(kinds_of((struct sent){ .proto = SCTP, .flags = 0, .payload = 24 }), 0);
	assert_int_equal(
		kinds_of((struct sent){ .proto = SCTP, .flags = 1, .payload = 24, .cut = 12 }), 0);
	assert_int_equal(kinds_of(SEGMENT(.flags = SYN, .fragment = 0x2000, .cut = 8)),
			 KIND(FRAGMENT));
}

/* The last hop sees as many datagrams as traceroute sends at once. */
static void a_trace_is_no_scan(void **state)
{
	const struct sent s = { .proto = MINATO_UDP, .to = 33434, .payload = 32, .hops = 5 };
	struct sent other = s;

	(void)state;
	assert_int_equal(kinds_of(s), 0);
	other.hops = 0;
	assert_int_equal(kinds_of(other), KIND(UDP));
	other.hops = 5;
	other.to = 20000;
	assert_int_equal(kinds_of(other), KIND(UDP));
}

/* A resolver's answers that came too late, for ports that asked. */
static void late_answers_are_no_scan(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	struct sent s = { .source = 7, .proto = MINATO_UDP, .from = 53, .payload = 100 };
	struct minato_scan row;

	(void)state;
	s.answers = true;
	p.now.ns += 3600 * SECOND;
	for (uint16_t i = 0; i < 500; i++) {
		s.to = (uint16_t)(32768 + 7 * i);
		give(&p, &s);
	}
	assert_false(row_of(&p, 7, &row));
	/* It asks for services under the cover of one. */
	for (s.to = 100; s.to < 120; s.to++)
		give(&p, &s);
	assert_true(row_of(&p, 7, &row));
	assert_true(row.recognised);
	pair_end(&p);
}

#define ANY(protocol, port, ...)                                                                   \
	((struct sent){ .proto = (protocol), .from = (port), .to = 2000, __VA_ARGS__ })

/* The same of a host that has been there for so long. */
static uint32_t kinds_after(int64_t seconds, struct sent s)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	struct minato_scan row;

	p.now.ns += seconds * SECOND;
	s.source = 7;
	for (uint16_t i = 0; i < 8; i++) {
		give(&p, &s);
		s.to += 10;
	}
	row_of(&p, 7, &row);
	pair_end(&p);
	return row.recognised ? row.kinds : 0;
}

/* Under the cover of a server's port: nobody has asked there (nmap -g). */
static void a_servers_port_covers_nobody(void **state)
{
	(void)state;
	/* Nothing, or a question, is no answer. */
	assert_int_equal(kinds_after(0, ANY(MINATO_UDP, 53, .payload = 0)), KIND(UDP));
	assert_int_equal(kinds_after(0, ANY(MINATO_UDP, 53, .payload = 40)), KIND(UDP));
	assert_int_equal(kinds_after(3600, ANY(MINATO_UDP, 53, .payload = 40, .answers = true)), 0);
	/* Something may be one, of what was before we began. */
	assert_int_equal(kinds_after(60, ANY(MINATO_UDP, 123, .payload = 48)), 0);
	assert_int_equal(kinds_after(200, ANY(MINATO_UDP, 123, .payload = 48)), KIND(UDP));
	assert_int_equal(kinds_after(600, ANY(MINATO_TCP, 80, .flags = ACK)), 0);
	assert_int_equal(kinds_after(1000, ANY(MINATO_TCP, 80, .flags = ACK)), KIND(ACK));
}

/* Datagrams of a.b's socket to 198.51.100.7, and its port: what comes back late is no scan. */
static void whom_we_asked_may_be_late(void **state)
{
	const struct minato_endpoint server = end("198.51.100.7", 123);
	const struct minato_addr gateway = minato_addr4(10, 0, 0, 1);
	const struct minato_addr everybody = minato_addr4(0, 0, 0, 0);
	struct pair p = pair_new(MINATO_LINK_IP);
	struct sent s = { .source = 7, .proto = MINATO_UDP, .from = 123, .payload = 48 };
	struct minato_scan row;
	uint16_t asked[8];

	(void)state;
	p.now.ns += 3600 * SECOND;
	minato_advance(p.b.m, p.now);
	assert_int_equal(minato_route_add(p.b.m, &everybody, 0, &gateway, 0), 0);
	for (int i = 0; i < 8; i++) {
		struct minato_endpoint local;
		uint64_t socket;

		assert_int_equal(minato_socket(p.b.m, MINATO_UDP, 0, &socket), 0);
		assert_int_equal(minato_connect(p.b.m, socket, &server), 0);
		assert_int_equal(minato_local(p.b.m, socket, &local), 0);
		asked[i] = local.port;
		assert_int_equal(minato_close(p.b.m, socket), 0);
	}
	for (int i = 0; i < 8; i++) {
		s.to = asked[i];
		give(&p, &s);
	}
	assert_false(row_of(&p, 7, &row));
	/* Ten minutes later nobody waits for it any more. */
	p.now.ns += 660 * SECOND;
	for (int i = 0; i < 8; i++) {
		s.to = asked[i];
		give(&p, &s);
	}
	assert_true(row_of(&p, 7, &row));
	pair_end(&p);
}

static enum minato_scan_tool tool_of(struct sent s)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	struct minato_scan row;

	s.source = 7;
	s.from = 45678;
	for (uint16_t i = 0; i < 8; i++) {
		s.to = (uint16_t)(1 + i * 10);
		/* masscan's cookie is in its identification. */
		if (s.window == 1023)
			s.id = (uint16_t)(0x0002 ^ s.to ^ (s.seq & 0xffff));
		give(&p, &s);
	}
	assert_true(row_of(&p, 7, &row));
	pair_end(&p);
	return row.tool;
}

static void tools_are_known_by_their_habits(void **state)
{
	(void)state;
	assert_int_equal(tool_of(SEGMENT(.flags = SYN, MSS_1460)), MINATO_SCAN_TOOL_NMAP);
	assert_int_equal(tool_of(SEGMENT(.flags = FIN)), MINATO_SCAN_TOOL_NMAP);
	assert_int_equal(tool_of(SEGMENT(.flags = SYN, .window = 65535, .id = 54321)),
			 MINATO_SCAN_TOOL_ZMAP);
	assert_int_equal(tool_of(SEGMENT(.flags = SYN, .window = 512)), MINATO_SCAN_TOOL_HPING);
	assert_int_equal(tool_of(SEGMENT(.flags = SYN, .window = 1023, .seq = 0x12345678)),
			 MINATO_SCAN_TOOL_MASSCAN);
	assert_int_equal(tool_of(SEGMENT(.flags = SYN, .window = 64240, .id = 77, ALL_OPTIONS)),
			 MINATO_SCAN_TOOL_UNKNOWN);
}

/* --- connections --------------------------------------------------------------- */

static struct pair p;
static uint64_t listener[8];

static int setup(void **state)
{
	(void)state;
	p = pair_new(MINATO_LINK_IP);
	for (uint16_t i = 0; i < 8; i++)
		listener[i] = open_listener(p.b.m, "10.0.0.2", (uint16_t)(1000 + i), 8);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pair_end(&p);
	return 0;
}

static struct minato_scan row_of_a(void)
{
	const struct minato_addr a = addr("10.0.0.1");
	struct minato_scan row;
	uint64_t cursor = 0;

	while (minato_scan_row(p.b.m, &cursor, &row))
		if (minato_addr_equal(&row.source, &a))
			return row;
	return (struct minato_scan){ .number = 0 };
}

/* Completes a connection, sends so many bytes, and resets it or closes. */
static void visit_one(uint16_t number, uint32_t bytes, bool reset)
{
	uint64_t server;
	const uint64_t client =
		join(&p, listener[number], "10.0.0.2", (uint16_t)(1000 + number), &server);

	if (bytes > 0)
		assert_int_equal(minato_send(p.a.m, client, "abcdefgh", bytes, 0), bytes);
	pass(&p, 10 * MILLI);
	if (reset)
		minato_abort(p.a.m, client);
	else
		minato_close(p.a.m, client);
	pass(&p, 10 * MILLI);
	minato_close(p.b.m, server);
	pass(&p, 10 * MILLI);
}

static void visit_all(uint32_t bytes, bool reset)
{
	for (uint16_t i = 0; i < 8; i++)
		visit_one(i, bytes, reset);
}

static void empty_visits_with_resets_are_verified(void **state)
{
	(void)state;
	visit_all(0, true);
	assert_int_equal(row_of_a().empty, 8);
	assert_true((row_of_a().kinds & KIND(CONNECT)) != 0);
}

static void they_may_be_blocked_for(void **state)
{
	struct minato_scan_policy policy;
	struct minato_fate fate;
	const struct minato_endpoint from = end("10.0.0.1", 5000), to = end("10.0.0.2", 1000);
	uint64_t client;

	(void)state;
	minato_scan_get(p.b.m, &policy);
	policy.answer = MINATO_SCAN_ANSWER_BLOCK;
	assert_int_equal(minato_scan_set(p.b.m, &policy), 0);
	for (uint16_t port = 1; port < 9; port++) {
		client = open_socket(p.a.m, MINATO_TCP);
		minato_connect(p.a.m, client, &(struct minato_endpoint){ to.addr, port });
		settle(&p);
		minato_close(p.a.m, client);
	}
	assert_true(row_of_a().recognised);
	/* The SYNs alone do nothing to their sender. */
	minato_arrive(p.b.m, 0, 0, MINATO_TCP, &from, &to, &fate);
	assert_int_equal(fate.kind, MINATO_KIND_SOCKET);
	for (uint16_t i = 0; i < 8 && !row_of_a().blockable; i++)
		visit_one(i, 0, true);
	assert_true(row_of_a().blockable);
	minato_arrive(p.b.m, 0, 0, MINATO_TCP, &from, &to, &fate);
	assert_int_equal(fate.verdict, MINATO_DROP);
	client = open_socket(p.a.m, MINATO_TCP);
	minato_connect(p.a.m, client, &to);
	pass(&p, 10 * MILLI);
	assert_true(counter(p.b.m, "scan_blocked") >= 2);
	assert_int_equal(ready(p.a.m, client) & MINATO_CONNECTED, 0);
}

/* A browser's spare connections, a monitor's visits: closed in order. */
static void empty_visits_that_are_closed_are_none(void **state)
{
	(void)state;
	visit_all(0, false);
	assert_false(row_of_a().recognised);
	assert_false(row_of_a().blockable);
}

static void visits_with_something_to_say_are_none(void **state)
{
	(void)state;
	visit_all(8, true);
	assert_int_equal(row_of_a().number, 0);
}

/* As below a SYN scanner, and at an idle scan's zombie: who has not asked says so. */
static void half_handshakes_are_seen_and_prove_nothing(void **state)
{
	struct sent s = SEGMENT(.flags = SYN, MSS_1460, .source = 9, .from = 45678, .seq = 100);
	struct minato_addr any = minato_addr4(0, 0, 0, 0);
	struct minato_scan row;

	(void)state;
	minato_route_add(p.b.m, &any, 0, NULL, 0);
	for (uint16_t i = 0; i < 8; i++) {
		s.to = (uint16_t)(1000 + i);
		s.flags = SYN;
		s.seq = 100;
		give(&p, &s);
		s.flags = RST;
		s.seq = 101;
		give(&p, &s);
	}
	assert_true(row_of(&p, 9, &row));
	assert_true(row.recognised);
	assert_int_equal(row.half, 8);
	assert_int_equal(row.verified + row.empty, 0);
	assert_false(row.blockable);
}

static void questions_are_a_version_scan(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 8; i++) {
		uint64_t server;
		const uint64_t client =
			join(&p, listener[i], "10.0.0.2", (uint16_t)(1000 + i), &server);
		assert_int_equal(minato_send(p.a.m, client, "\r\n\r\n", 4, 0), 4);
		pass(&p, 10 * MILLI);
	}
	assert_true((row_of_a().kinds & KIND(VERSION)) != 0);
	assert_int_equal(row_of_a().verified, 8);
}

/* --- what owners say ------------------------------------------------------------ */

static void outcomes_of_published_ports_are_verified(void **state)
{
	const struct minato_entry forward = {
		.kind = MINATO_KIND_FORWARD,
		.scope = 1,
		.face = MINATO_FACE_ANY,
		.first = 8000,
		.last = 8100,
		.target = end("10.0.0.1", 8000),
	};
	const struct minato_endpoint caller = end("203.0.113.5", 4000);
	struct minato_scan row;
	uint64_t entry, number, cursor = 0;

	(void)state;
	assert_int_equal(minato_entry_add(p.b.m, &forward, &entry), 0);
	for (uint16_t i = 0; i < 6; i++) {
		const struct minato_endpoint to = end("10.0.0.1", (uint16_t)(8000 + i));
		minato_outcome(p.b.m, entry, MINATO_TCP, &caller, &to, MINATO_OUTCOME_CLOSED);
	}
	assert_true(minato_scan_row(p.b.m, &cursor, &row));
	assert_true(row.recognised);
	assert_true(row.blockable);
	assert_int_equal(row.scope, 1);
	assert_int_equal(row.verified, 6);
	number = row.number;
	assert_true(minato_scan_find(p.b.m, 1, &caller.addr, &row));
	assert_int_equal(row.number, number);
	assert_false(minato_scan_find(p.b.m, 0, &caller.addr, &row));
	assert_int_equal(minato_scan_forget(p.b.m, number), 0);
	assert_false(minato_scan_find(p.b.m, 1, &caller.addr, &row));
	assert_int_equal(minato_scan_forget(p.b.m, number), -EBADF);
	/* Datagrams have no handshake. */
	for (uint16_t i = 0; i < 6; i++) {
		const struct minato_endpoint to = end("10.0.0.1", (uint16_t)(8000 + i));
		minato_outcome(p.b.m, entry, MINATO_UDP, &caller, &to, MINATO_OUTCOME_CLOSED);
	}
	cursor = 0;
	assert_true(minato_scan_row(p.b.m, &cursor, &row));
	assert_true(row.recognised);
	assert_false(row.blockable);
}

static void policies_are_checked(void **state)
{
	struct minato_scan_policy policy;

	(void)state;
	minato_scan_policy_init(&policy);
	policy.slower_per_s = 0;
	assert_int_equal(minato_scan_set(p.b.m, &policy), -EINVAL);
	minato_scan_policy_init(&policy);
	policy.block_max_s = policy.block_s - 1;
	assert_int_equal(minato_scan_set(p.b.m, &policy), -EINVAL);
	minato_scan_policy_init(&policy);
	policy.answer = MINATO_SCAN_ANSWER_SILENCE;
	assert_int_equal(minato_scan_set(p.b.m, &policy), 0);
	minato_scan_get(p.b.m, &policy);
	assert_int_equal(policy.answer, MINATO_SCAN_ANSWER_SILENCE);
}

/* Eight are answered, and then it is known. */
static void a_known_scanner_is_answered_less(void **state)
{
	struct sent s = SEGMENT(.flags = SYN, MSS_1460, .source = 9, .from = 45678);

	(void)state;
	for (s.to = 1; s.to < 200; s.to++)
		give(&p, &s);
	assert_true(counter(p.b.m, "limited_scan") > 150);
	assert_true(counter(p.b.m, "rst_sent") < 40);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_have_kinds),
		cmocka_unit_test(answers_are_no_scan),
		cmocka_unit_test(answers_that_cannot_be_any),
		cmocka_unit_test(other_protocols_and_pieces),
		cmocka_unit_test(a_trace_is_no_scan),
		cmocka_unit_test(late_answers_are_no_scan),
		cmocka_unit_test(a_servers_port_covers_nobody),
		cmocka_unit_test(whom_we_asked_may_be_late),
		cmocka_unit_test(tools_are_known_by_their_habits),
		TEST(empty_visits_with_resets_are_verified),
		TEST(they_may_be_blocked_for),
		TEST(empty_visits_that_are_closed_are_none),
		TEST(visits_with_something_to_say_are_none),
		TEST(half_handshakes_are_seen_and_prove_nothing),
		TEST(questions_are_a_version_scan),
		TEST(outcomes_of_published_ports_are_verified),
		TEST(policies_are_checked),
		TEST(a_known_scanner_is_answered_less),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
