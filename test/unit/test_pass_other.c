/* SPDX-License-Identifier: BSD-2-Clause */
/* What has no ports that a gateway knows: GRE, ESP, SCTP, IP in IP, in frames. */
#include "gateway_fixture.h"

#include <errno.h>

#include "minato/guard.h"

#define GRE 47
#define ESP 50
#define AH 51
#define IPIP 4
#define SIX_IN_FOUR 41
#define UDP_LITE 136
#define OSPF 89
#define PIM 103

#define HOST "10.0.0.2"
#define NEIGHBOUR "10.0.0.3"
#define PUBLIC "198.51.100.1"
#define SERVER "203.0.113.5"
#define HOST6 "fd00::2"
#define SERVER6 "2001:db8:9::5"

static struct gate g;
static struct forge f;

static void forge_other(bool is6, uint8_t proto, uint32_t len)
{
	forge_start(&f, is6, proto);
	for (uint32_t i = 0; i < len; i++)
		f.payload[i] = (uint8_t)(i * 7 + 1);
	f.payload_len = len;
}

/* What came of it: the link that something left by, or -1. */
static int sent(uint32_t link, const char *src, const char *dst)
{
	gate_clear(&g);
	gate_ends(&f, src, dst);
	gate_send(&g, link, &f, NULL);
	gate_drain(&g, 32);
	assert_true(g.count <= 1);
	return g.count == 0 ? -1 : (int)g.caught[0].link;
}

static int other(uint32_t link, uint8_t proto, const char *src, const char *dst)
{
	forge_other(strchr(src, ':') != NULL, proto, 60);
	return sent(link, src, dst);
}

static void left_as(const char *src, const char *dst, uint8_t proto)
{
	const struct packet *p = &g.caught[0].packet;

	assert_int_equal(g.count, 1);
	assert_int_equal(g.caught[0].drop, DROP_NONE);
	assert_int_equal(p->ip_proto, proto);
	assert_addr(&p->src, src);
	assert_addr(&p->dst, dst);
	assert_int_equal(p->payload_len, f.payload_len);
	assert_memory_equal(p->payload, f.payload, f.payload_len);
}

static bool is_error(const char *to, uint8_t type, uint8_t code)
{
	const struct packet *p = &g.caught[0].packet;

	assert_int_equal(g.caught[0].drop, DROP_NONE);
	assert_addr(&p->dst, to);
	return (p->type == PACKET_ICMP4 || p->type == PACKET_ICMP6) && p->icmp_type == type &&
	       p->icmp_code == code;
}

static void out_and_back(void **state)
{
	static const uint8_t protos[] = { GRE, ESP, IPIP, SIX_IN_FOUR, 132, 255 };

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	for (size_t i = 0; i < sizeof(protos); i++) {
		assert_int_equal(other(1, protos[i], SERVER, PUBLIC), 1);
		assert_true(is_error(SERVER, 3, 2)); /* ours, and nobody's */
		assert_int_equal(other(0, protos[i], HOST, SERVER), 1);
		left_as(PUBLIC, SERVER, protos[i]);
		assert_int_equal(g.caught[0].packet.hop_limit, 63);
		assert_int_equal(other(1, protos[i], SERVER, PUBLIC), 0);
		left_as(SERVER, HOST, protos[i]);
		/* A neighbour's would come back to the first one: it is told so. */
		assert_int_equal(other(0, protos[i], NEIGHBOUR, SERVER), 0);
		assert_true(is_error(NEIGHBOUR, 3, 1));
		/* From another one outside nothing was begun. */
		assert_int_equal(other(1, protos[i], "203.0.113.6", HOST), -1);
	}
	assert_spent(&g);
	gate_end(&g);
}

/* A packet that is shorter than any transport header goes on as well. */
static void small_ones(void **state)
{
	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	for (uint32_t len = 0; len < 10; len++) {
		forge_other(false, UDP_LITE, len);
		assert_int_equal(sent(0, HOST, SERVER), 1);
		assert_int_equal(g.caught[0].packet.payload_len, len);
	}
	gate_end(&g);
}

/* Its sum is over the addresses too. */
static void sums_follow(void **state)
{
	const struct packet *p = &g.caught[0].packet;
	uint32_t sum;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	forge_other(false, UDP_LITE, 64);
	gate_ends(&f, HOST, SERVER);
	forge_put16(f.payload + 6, 0);
	sum = forge_sum(f.dst, 4, forge_sum(f.src, 4, UDP_LITE + 64));
	forge_put16(f.payload + 6, forge_sum(f.payload, 64, sum) ^ 0xffff);
	assert_int_equal(sent(0, HOST, SERVER), 1);
	sum = forge_sum(p->ip + 12, 8, UDP_LITE + 64);
	assert_int_equal(forge_sum(p->payload, 64, sum), 0xffff);
	gate_end(&g);
}

static void what_stays(void **state)
{
	static const uint8_t links_own[] = { 0, 1, 2, 58, 59, PIM, 112 };

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	for (size_t i = 0; i < sizeof(links_own); i++)
		assert_int_equal(other(0, links_own[i], HOST, SERVER), -1);
	/* Nor to another inside; messages of ICMP do. */
	for (size_t i = 0; i < sizeof(links_own); i++)
		assert_int_equal(other(0, links_own[i], HOST, "10.0.2.2") == 2, links_own[i] == 1);
	assert_int_equal(other(0, AH, HOST, SERVER), 0);
	assert_true(is_error(HOST, 3, 13));
	/* Nothing of it is anybody's whose address is his own. */
	assert_int_equal(other(0, OSPF, "192.0.2.66", SERVER), -1);
	assert_int_equal(other(1, GRE, HOST, PUBLIC), -1);
	forge_other(false, GRE, 30);
	f.ttl = 1;
	assert_int_equal(sent(0, HOST, SERVER), 0);
	assert_true(is_error(HOST, 11, 0));
	gate_end(&g);
}

static void add_dmz(const char *host, const char *from)
{
	const struct minato_entry e = { .kind = MINATO_KIND_DMZ,
					.scope = 1,
					.face = MINATO_FACE_ANY,
					.uid = MINATO_UID_NONE,
					.last = 65535,
					.remote = addr(from ? from : "::"),
					.remote_prefix = from ? 128 : 0,
					.target = { addr(host), 0 },
					.translate = true };
	uint64_t handle;

	assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
}

static void the_dmz_host_gets_them(void **state)
{
	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	add_dmz("10.0.0.9", SERVER);
	assert_int_equal(other(0, ESP, HOST, SERVER), 1);
	assert_int_equal(other(1, GRE, SERVER, PUBLIC), 0);
	left_as(SERVER, "10.0.0.9", GRE);
	assert_int_equal(other(1, 33, SERVER, PUBLIC), 0);
	assert_addr(&g.caught[0].packet.dst, "10.0.0.9");
	assert_int_equal(other(1, ESP, SERVER, PUBLIC), 0);
	left_as(SERVER, HOST, ESP);
	assert_int_equal(other(0, GRE, "10.0.0.9", SERVER), 1);
	left_as(PUBLIC, SERVER, GRE);
	/* Whom the dmz is not for. */
	assert_int_equal(other(1, GRE, "203.0.113.6", PUBLIC), 1);
	assert_true(is_error("203.0.113.6", 3, 2));
	gate_end(&g);
}

/* Of one protocol, or of all that have no ports (0). */
static uint64_t rule(uint64_t order, enum minato_verdict verdict, uint8_t course, uint8_t number)
{
	const struct minato_entry e = { .kind = MINATO_KIND_GUARD,
					.verdict = verdict,
					.scope = MINATO_SCOPE_ANY,
					.face = MINATO_FACE_ANY,
					.course = course,
					.proto = MINATO_PROTO_OTHER,
					.first = number,
					.last = number ? number : UINT16_MAX,
					.uid = MINATO_UID_NONE,
					.order = order };
	uint64_t handle;

	assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
	return handle;
}

static void rules_know_them_by_number(void **state)
{
	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	rule(1, MINATO_PASS, MINATO_COURSE_OUT, GRE);
	assert_int_equal(other(0, 132, HOST, SERVER), 1);
	rule(2, MINATO_REFUSE, MINATO_COURSE_OUT, 0);
	/* What is begun goes on. */
	assert_int_equal(other(0, 132, HOST, SERVER), 1);
	assert_int_equal(other(0, GRE, HOST, SERVER), 1);
	assert_int_equal(other(0, ESP, HOST, SERVER), 0);
	assert_true(is_error(HOST, 3, 13));
	/* Between insides too. */
	assert_int_equal(other(0, ESP, HOST, "10.0.2.2"), 0);
	assert_true(is_error(HOST, 3, 13));
	assert_int_equal(other(0, GRE, HOST, "10.0.2.2"), 2);
	add_dmz("10.0.0.9", NULL);
	assert_int_equal(other(1, ESP, SERVER, PUBLIC), 0);
	rule(3, MINATO_DROP, MINATO_COURSE_IN, IPIP);
	assert_int_equal(other(1, IPIP, SERVER, PUBLIC), -1);
	assert_int_equal(other(1, SIX_IN_FOUR, SERVER, PUBLIC), 0);
	assert_spent(&g);
	gate_end(&g);
}

/* What has ports says nothing of what has none, nor the other way round. */
static void rules_of_ports_are_not_about_them(void **state)
{
	struct minato_entry e = { .kind = MINATO_KIND_GUARD,
				  .verdict = MINATO_DROP,
				  .scope = MINATO_SCOPE_ANY,
				  .face = MINATO_FACE_ANY,
				  .course = MINATO_COURSE_OUT,
				  .last = UINT16_MAX,
				  .uid = MINATO_UID_NONE,
				  .order = 1 };
	uint64_t handle;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
	e.proto = MINATO_ICMP;
	assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
	assert_int_equal(other(0, GRE, HOST, SERVER), 1);
	/* Only a rule of the policy may be of them, and of what is a number. */
	e.proto = MINATO_PROTO_OTHER;
	e.last = 300;
	assert_int_equal(minato_entry_add(g.m, &e, &handle), -EINVAL);
	e = (struct minato_entry){ .kind = MINATO_KIND_GUARD,
				   .verdict = MINATO_DROP,
				   .proto = MINATO_PROTO_OTHER,
				   .first = GRE,
				   .last = GRE,
				   .uid = MINATO_UID_NONE };
	assert_int_equal(minato_entry_add(g.m, &e, &handle), -EINVAL);
	gate_end(&g);
}

static void from_inside_to_the_outside_address(void **state)
{
	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	assert_int_equal(other(0, GRE, HOST, PUBLIC), 0);
	assert_true(is_error(HOST, 3, 2));
	add_dmz("10.0.0.9", NULL);
	assert_int_equal(other(0, GRE, HOST, PUBLIC), 0);
	left_as(PUBLIC, "10.0.0.9", GRE);
	assert_int_equal(other(0, GRE, "10.0.0.9", PUBLIC), 0);
	left_as(PUBLIC, HOST, GRE);
	/* From the other inside; and who is the dmz host himself. */
	assert_int_equal(other(2, ESP, "10.0.2.2", PUBLIC), 0);
	left_as(PUBLIC, "10.0.0.9", ESP);
	assert_int_equal(other(0, ESP, "10.0.0.9", PUBLIC), 2);
	left_as(PUBLIC, "10.0.2.2", ESP);
	assert_int_equal(other(0, 132, "10.0.0.9", PUBLIC), 0);
	assert_true(is_error("10.0.0.9", 3, 2));
	/* It is another's; and what comes in is asked about. */
	assert_int_equal(other(0, GRE, NEIGHBOUR, PUBLIC), 0);
	assert_true(is_error(NEIGHBOUR, 3, 1));
	rule(1, MINATO_REFUSE, MINATO_COURSE_OUT, 0);
	assert_int_equal(other(0, IPIP, HOST, PUBLIC), 0);
	left_as(PUBLIC, "10.0.0.9", IPIP);
	rule(2, MINATO_REFUSE, MINATO_COURSE_IN, 0);
	assert_int_equal(other(0, 132, HOST, PUBLIC), 0);
	assert_true(is_error(HOST, 3, 13));
	assert_spent(&g);
	gate_end(&g);
}

/* Step by step: a flow, a rule, and what stands behind all ports. */
static void why_they_pass_or_not(void **state)
{
	struct minato_question q = { .face = 1,
				     .scope = 1,
				     .proto = MINATO_PROTO_OTHER,
				     .course = MINATO_COURSE_IN,
				     .remote = { addr(SERVER), GRE },
				     .local = { addr(PUBLIC), GRE } };
	struct minato_prospect prospect;
	struct minato_step steps[8];
	size_t count;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	count = minato_explain(g.m, &q, steps, 8);
	assert_int_equal(count, 4);
	assert_int_equal(steps[3].step, MINATO_STEP_ENTRY);
	assert_false(steps[3].found);
	add_dmz("10.0.0.9", NULL);
	count = minato_explain(g.m, &q, steps, 8);
	assert_int_equal(steps[count - 1].kind, MINATO_KIND_DMZ);
	assert_int_equal(minato_foresee(g.m, &q, &prospect), 0);
	assert_int_equal(prospect.hindrance, MINATO_HINDERED_NOT);
	assert_addr(&prospect.target.addr, "10.0.0.9");
	rule(1, MINATO_DROP, MINATO_COURSE_IN, GRE);
	count = minato_explain(g.m, &q, steps, 8);
	assert_int_equal(count, 3);
	assert_int_equal(steps[2].step, MINATO_STEP_RULE);
	assert_int_equal(steps[2].verdict, MINATO_DROP);
	assert_int_equal(other(0, GRE, HOST, SERVER), 1);
	count = minato_explain(g.m, &q, steps, 8);
	assert_int_equal(count, 1);
	assert_int_equal(steps[0].kind, MINATO_KIND_SESSION);
	/* Its number is both ports. */
	q.local.port = 0;
	assert_int_equal(minato_explain(g.m, &q, steps, 8), 0);
	assert_int_equal(minato_foresee(g.m, &q, &prospect), -EINVAL);
	q = (struct minato_question){ .proto = MINATO_PROTO_OTHER,
				      .course = MINATO_COURSE_OUT,
				      .remote = { addr(HOST), ESP },
				      .local = { addr(SERVER), ESP } };
	assert_int_equal(minato_foresee(g.m, &q, &prospect), 0);
	assert_int_equal(prospect.hindrance, MINATO_HINDERED_NOT);
	gate_end(&g);
}

static uint32_t sessions(void)
{
	struct minato_session s;
	uint64_t cursor = 0;
	uint32_t count = 0;

	while (minato_session_next(g.m, &cursor, &s))
		count++;
	return count;
}

/* `block gre from` the one: the other begins, and is answered. */
static void answers_pass_between_insides(void **state)
{
	const struct minato_entry e = { .kind = MINATO_KIND_GUARD,
					.verdict = MINATO_DROP,
					.scope = 2,
					.face = MINATO_FACE_ANY,
					.course = MINATO_COURSE_IN,
					.proto = MINATO_PROTO_OTHER,
					.first = GRE,
					.last = GRE,
					.uid = MINATO_UID_NONE,
					.order = 1 };
	uint64_t handle;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
	assert_int_equal(other(2, GRE, "10.0.2.2", HOST), -1);
	assert_int_equal(other(2, ESP, "10.0.2.2", HOST), 0);
	assert_int_equal(other(0, GRE, HOST, "10.0.2.2"), 2);
	left_as(HOST, "10.0.2.2", GRE);
	assert_int_equal(other(2, GRE, "10.0.2.2", HOST), 0);
	left_as("10.0.2.2", HOST, GRE);
	assert_int_equal(other(2, GRE, "10.0.2.2", NEIGHBOUR), -1);
	assert_int_equal(sessions(), 2);
	assert_int_equal(other(0, GRE, HOST6, "fd02::2"), 2);
	assert_int_equal(other(2, GRE, "fd02::2", HOST6), 0);
	assert_int_equal(sessions(), 3);
	assert_spent(&g);
	gate_end(&g);
}

static void send_error(uint32_t link, const char *src, const char *dst, const uint8_t *about)
{
	static struct forge error;

	gate_clear(&g);
	forge_icmp(&error, false, 3, 4, 1400, 48);
	memcpy(error.payload, about, 48);
	gate_ends(&error, src, dst);
	gate_send(&g, link, &error, NULL);
	gate_drain(&g, 32);
}

/* RFC 5508 REQ-4, REQ-5: a tunnel learns what its path takes. */
static void errors_about_them(void **state)
{
	uint8_t left[80];

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	assert_int_equal(other(0, GRE, HOST, SERVER), 1);
	memcpy(left, g.caught[0].packet.ip, sizeof(left));
	send_error(1, "203.0.113.99", PUBLIC, left);
	assert_int_equal(g.count, 1);
	assert_int_equal(g.caught[0].link, 0);
	assert_true(is_error(HOST, 3, 4));
	assert_memory_equal(g.caught[0].packet.payload + 12, f.frame + f.ip_at + 12, 36);
	assert_int_equal(forge_sum(g.caught[0].packet.payload, 20, 0), 0xffff);
	assert_int_equal(other(1, GRE, SERVER, PUBLIC), 0);
	memcpy(left, g.caught[0].packet.ip, sizeof(left));
	send_error(0, HOST, SERVER, left);
	assert_int_equal(g.count, 1);
	assert_int_equal(g.caught[0].link, 1);
	assert_true(is_error(SERVER, 3, 4));
	assert_addr(&g.caught[0].packet.src, PUBLIC);
	assert_memory_equal(g.caught[0].packet.payload + 12, f.frame + f.ip_at + 12, 36);
	/* About one that nobody sent. */
	left[9] = ESP;
	send_error(1, "203.0.113.99", PUBLIC, left);
	assert_int_equal(g.count, 0);
	gate_end(&g);
}

/* Pieces tell their flow like any other packet, once they are one. */
static void in_pieces(void **state)
{
	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	for (int piece = 0; piece < 2; piece++) {
		forge_other(false, GRE, piece == 0 ? 800 : 160);
		f.id = 77;
		f.fragment = (uint16_t)(piece == 0 ? 0x2000 : 100);
		gate_clear(&g);
		gate_ends(&f, HOST, SERVER);
		gate_send(&g, 0, &f, NULL);
		gate_drain(&g, 32);
		assert_int_equal(g.count, piece == 0 ? 0 : 2);
	}
	for (int piece = 0; piece < 2; piece++) {
		const struct packet *p = &g.caught[piece].packet;
		assert_int_equal(p->type, PACKET_FRAGMENT);
		assert_int_equal(p->payload_len, piece == 0 ? 800 : 160);
		assert_addr(&p->src, PUBLIC);
	}
	assert_int_equal(other(1, GRE, SERVER, PUBLIC), 0);
	assert_spent(&g);
	gate_end(&g);
}

static void ipv6_is_routed_behind_a_guard(void **state)
{
	static const uint8_t protos[] = { GRE, ESP, AH, 33, 132, 139 };
	struct minato_nat options;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	for (size_t i = 0; i < sizeof(protos); i++) {
		assert_int_equal(other(1, protos[i], SERVER6, HOST6), 1);
		assert_true(is_error(SERVER6, 1, 1));
		assert_int_equal(other(0, protos[i], HOST6, SERVER6), 1);
		left_as(HOST6, SERVER6, protos[i]);
		assert_int_equal(other(1, protos[i], SERVER6, HOST6), 0);
		left_as(SERVER6, HOST6, protos[i]);
	}
	assert_int_equal(other(0, GRE, HOST6, "fe80::9"), -1);
	/* RFC 6092 3.2.4, where it is wished. */
	assert_int_equal(minato_nat_get(g.m, &options), 0);
	options.inbound_ipsec = true;
	assert_int_equal(minato_nat_set(g.m, &options), 0);
	assert_int_equal(other(1, ESP, "2001:db8:9::6", HOST6), 0);
	left_as("2001:db8:9::6", HOST6, ESP);
	assert_int_equal(other(1, GRE, "2001:db8:9::6", HOST6), 1);
	options.inbound_ipsec = false;
	options.inbound_opens_ipv6 = true;
	assert_int_equal(minato_nat_set(g.m, &options), 0);
	assert_int_equal(other(1, GRE, "2001:db8:9::7", HOST6), 0);
	assert_int_equal(other(0, GRE, HOST6, "2001:db8:9::7"), 1);
	gate_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(out_and_back),
		cmocka_unit_test(small_ones),
		cmocka_unit_test(sums_follow),
		cmocka_unit_test(what_stays),
		cmocka_unit_test(the_dmz_host_gets_them),
		cmocka_unit_test(rules_know_them_by_number),
		cmocka_unit_test(rules_of_ports_are_not_about_them),
		cmocka_unit_test(from_inside_to_the_outside_address),
		cmocka_unit_test(answers_pass_between_insides),
		cmocka_unit_test(why_they_pass_or_not),
		cmocka_unit_test(errors_about_them),
		cmocka_unit_test(in_pieces),
		cmocka_unit_test(ipv6_is_routed_behind_a_guard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
