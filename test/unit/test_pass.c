/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets between two insides: handed on as they are, or why not. */
#include "gateway_fixture.h"
#include "minato/guard.h"
#include "minato/scan.h"

static struct gate g;
static struct forge f;

static void a_datagram_goes_on(enum minato_link_type type, bool is6)
{
	const struct caught *c;
	uint8_t mac[6];

	gate_new(&g, type);
	for (int how = 0; how < 3; how++) {
		g.copied = how == 1;
		g.small = how == 2;
		gate_clear(&g);
		forge_udp(&f, is6, 100);
		memset(f.payload, 0xab, 100);
		gate_ends(&f, is6 ? "fd00::2" : "10.0.0.2", is6 ? "fd02::2" : "10.0.2.2");
		f.fragment = 0x4000;
		f.id = 77;
		gate_send(&g, 0, &f, NULL);
		c = gate_one(&g, 2);
		assert_int_equal(c->len, f.len);
		assert_int_equal(c->packet.hop_limit, 63);
		assert_memory_equal(c->packet.payload, f.payload, 100);
		assert_int_equal(c->packet.src_port, 5353);
		assert_addr(&c->packet.src, is6 ? "fd00::2" : "10.0.0.2");
		if (type == MINATO_LINK_ETHERNET) {
			gate_mac(mac, 2, 2);
			assert_memory_equal(c->bytes, mac, 6);
			gate_mac(mac, 2, 1);
			assert_memory_equal(c->bytes + 6, mac, 6);
		}
		/* But for hop limit and header checksum not a byte is another. */
		assert_memory_equal(c->bytes + f.transport_at, f.frame + f.transport_at,
				    f.len - f.transport_at);
		assert_spent(&g);
	}
	assert_int_equal(counter(g.m, "passed"), 3);
	assert_int_equal(counter(g.m, "passed_routed"), 3);
	gate_end(&g);
}

static void datagrams_between_insides(void **state)
{
	(void)state;
	a_datagram_goes_on(MINATO_LINK_ETHERNET, false);
	a_datagram_goes_on(MINATO_LINK_ETHERNET, true);
	a_datagram_goes_on(MINATO_LINK_IP, false);
	a_datagram_goes_on(MINATO_LINK_IP, true);
}

/* From a link with another header than the one that it leaves by. */
static void headers_of_other_links(void **state)
{
	struct minato_config c = gate_config(MINATO_LINK_IP);

	(void)state;
	c.link[2].type = MINATO_LINK_ETHERNET;
	gate_with(&g, &c);
	for (int how = 0; how < 3; how++) {
		g.copied = how == 1;
		g.small = how == 2;
		for (uint32_t from = 0; from <= 2; from += 2) {
			gate_clear(&g);
			forge_udp(&f, false, 200);
			memset(f.payload, 0x5a, 200);
			gate_ends(&f, from ? "10.0.2.2" : "10.0.0.2",
				  from ? "10.0.0.2" : "10.0.2.2");
			gate_send(&g, from, &f, NULL);
			assert_memory_equal(gate_one(&g, 2 - from)->packet.payload, f.payload, 200);
		}
		assert_spent(&g);
	}
	gate_end(&g);
}

/* A router looks at no transport checksum; what is for itself it verifies. */
static void a_wrong_checksum_is_handed_on_as_it_is(void **state)
{
	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	forge_udp(&f, false, 50);
	gate_ends(&f, "10.0.0.2", "10.0.2.2");
	f.wrong_checksum = true;
	gate_send(&g, 0, &f, NULL);
	gate_drain(&g, 32);
	assert_int_equal(g.count, 1);
	assert_int_equal(g.caught[0].drop, DROP_UDP_CHECKSUM);
	assert_memory_equal(g.caught[0].bytes + f.transport_at, f.frame + f.transport_at, 58);
	gate_clear(&g);
	forge_udp(&f, false, 50);
	gate_ends(&f, "10.0.0.2", "10.0.0.1");
	f.wrong_checksum = true;
	gate_send(&g, 0, &f, NULL);
	gate_drain(&g, 32);
	assert_int_equal(g.count, 0);
	assert_int_equal(counter(g.m, "drop_udp_checksum"), 1);
	gate_end(&g);
}

/* A link whose hosts do not ask for each other, or may not. */
static void neighbours_of_one_link_by_us(void **state)
{
	const struct caught *c;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	forge_udp(&f, true, 50);
	gate_ends(&f, "fd00::3", "fd00::2");
	gate_send(&g, 0, &f, NULL);
	c = gate_one(&g, 0);
	assert_addr(&c->packet.src, "fd00::3");
	assert_addr(&c->packet.dst, "fd00::2");
	assert_int_equal(c->packet.hop_limit, 63);
	assert_int_equal(counter(g.m, "passed_routed"), 1);
	gate_end(&g);
}

static void refused(const char *src, const char *dst, uint32_t link, const char *why)
{
	const uint64_t before = counter(g.m, why);

	gate_clear(&g);
	forge_udp(&f, strchr(dst, ':') != NULL, 20);
	gate_ends(&f, src, dst);
	gate_send(&g, link, &f, NULL);
	gate_drain(&g, 32);
	assert_int_equal(g.count, 0);
	assert_int_equal(counter(g.m, why), before + 1);
}

/* RFC 2827: what says that it comes from elsewhere. */
static void sources_are_where_they_are(void **state)
{
	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	refused("10.0.2.2", "10.0.2.3", 0, "drop_spoofed");
	refused("203.0.113.5", "10.0.2.2", 0, "drop_spoofed");
	refused("198.51.100.7", "10.0.2.2", 0, "drop_spoofed");
	refused("fd02::2", "fd02::3", 0, "drop_spoofed");
	refused("10.0.0.1", "10.0.2.2", 0, "drop_ip_source");
	refused("10.0.0.255", "10.0.2.2", 0, "drop_ip_source");
	refused("0.0.0.0", "10.0.2.2", 0, "drop_ip_source");
	refused("127.0.0.1", "10.0.2.2", 0, "drop_ip_source");
	refused("198.51.100.1", "198.51.100.1", 1, "drop_ip_source");
	refused("10.0.0.2", "10.0.2.255", 2, "drop_spoofed");
	refused("10.0.0.2", "224.0.0.5", 0, "drop_multicast");
	refused("10.0.0.2", "10.0.0.255", 0, "drop_broadcast");
	refused("fe80::2", "fd02::2", 0, "drop_not_ours");
	refused("fd00::2", "fe80::77", 0, "drop_not_ours");
	/* From outside nobody sees what we have inside. */
	refused("203.0.113.5", "10.0.0.1", 1, "drop_not_ours");
	refused("203.0.113.5", "10.0.0.2", 1, "drop_not_ours");
	/* Nor does anybody there speak in the name of who is inside. */
	refused("10.0.0.2", "198.51.100.1", 1, "drop_spoofed");
	refused("10.0.0.1", "198.51.100.1", 1, "drop_spoofed");
	refused("10.0.0.255", "198.51.100.1", 1, "drop_spoofed");
	refused("10.0.2.9", "198.51.100.1", 1, "drop_spoofed");
	refused("fd00::2", "fd02::2", 1, "drop_spoofed");
	gate_end(&g);
}

static const struct caught *error_about(const char *src, const char *dst, uint32_t link)
{
	gate_clear(&g);
	gate_ends(&f, src, dst);
	gate_send(&g, link, &f, NULL);
	return gate_one(&g, link);
}

static void the_last_hop_is_ours(void **state)
{
	const struct caught *c;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	forge_udp(&f, false, 20);
	f.ttl = 1;
	c = error_about("10.0.0.2", "10.0.2.2", 0);
	assert_int_equal(c->packet.icmp_type, 11);
	assert_int_equal(c->packet.traffic_class, 0xc0); /* RFC 1812 4.3.2.5 */
	assert_addr(&c->packet.src, "10.0.0.1");
	assert_memory_equal(c->packet.payload, f.frame + 14, 28);
	forge_udp(&f, true, 20);
	f.ttl = 1;
	c = error_about("fd00::2", "fd02::2", 0);
	assert_int_equal(c->packet.icmp_type, 3);
	assert_addr(&c->packet.src, "fd00::1");
	/* To the outside too, and nothing is made for it. */
	forge_udp(&f, false, 20);
	f.ttl = 1;
	c = error_about("10.0.0.2", "203.0.113.5", 0);
	assert_int_equal(c->packet.icmp_type, 11);
	assert_addr(&c->packet.src, "10.0.0.1");
	assert_int_equal(counter(g.m, "nat_mappings_made"), 0);
	assert_int_equal(counter(g.m, "drop_hop_limit"), 3);
	gate_end(&g);
}

static void what_does_not_fit_is_said(void **state)
{
	struct minato_config c = gate_config(MINATO_LINK_ETHERNET);
	const struct caught *out;

	(void)state;
	c.link[2].mtu = 1400;
	gate_with(&g, &c);
	forge_udp(&f, false, 1401 - 28);
	f.fragment = 0x4000;
	out = error_about("10.0.0.2", "10.0.2.2", 0);
	assert_int_equal(out->packet.icmp_type, 3);
	assert_int_equal(out->packet.icmp_code, 4);
	assert_int_equal(out->packet.transport[6] << 8 | out->packet.transport[7], 1400);
	forge_udp(&f, true, 1401 - 48);
	out = error_about("fd00::2", "fd02::2", 0);
	assert_int_equal(out->packet.icmp_type, 2);
	assert_int_equal(out->packet.transport[6] << 8 | out->packet.transport[7], 1400);
	assert_int_equal(counter(g.m, "drop_too_big"), 2);
	assert_int_equal(counter(g.m, "passed"), 0);
	gate_end(&g);
}

/* Anybody can make a scanner of an address: its path is to be known to it all the same. */
static void what_does_not_fit_is_said_to_scanners(void **state)
{
	struct minato_config c = gate_config(MINATO_LINK_ETHERNET);
	struct minato_scan_policy policy;
	struct minato_scan row;
	const struct minato_addr framed = addr("fd00::2");

	(void)state;
	c.link[2].mtu = 1400;
	gate_with(&g, &c);
	minato_scan_policy_init(&policy);
	policy.answer = MINATO_SCAN_ANSWER_SILENCE;
	assert_int_equal(minato_scan_set(g.m, &policy), 0);
	for (uint32_t port = 1; port <= 8; port++) {
		forge_udp(&f, true, 20);
		gate_ends(&f, "fd00::2", "fd00::1");
		f.header[2] = 0;
		f.header[3] = (uint8_t)port;
		gate_send(&g, 0, &f, NULL);
	}
	assert_true(minato_scan_find(g.m, g.m->link[0].config.scope, &framed, &row));
	assert_true(counter(g.m, "limited_scan") > 0);
	gate_drain(&g, 32);
	gate_clear(&g);
	forge_udp(&f, true, 1401 - 48);
	assert_int_equal(error_about("fd00::2", "fd02::2", 0)->packet.icmp_type, 2);
	gate_end(&g);
}

/* RFC 4787 REQ-13 a, RFC 791 3.2: in order, each as long as fits. */
static void what_may_be_cut_is_cut(void **state)
{
	struct minato_config c = gate_config(MINATO_LINK_ETHERNET);
	static uint8_t whole[2000];
	uint32_t at = 0;

	(void)state;
	c.link[2].mtu = 576;
	gate_with(&g, &c);
	forge_udp(&f, false, 1400);
	for (uint32_t i = 0; i < 1400; i++)
		f.payload[i] = (uint8_t)(i * 7);
	gate_ends(&f, "10.0.0.2", "10.0.2.2");
	/* A copied option and one that is not. */
	memcpy(f.extra, "\x94\x04\0\0\x07\x04\x04\0", 8);
	f.extra_len = 8;
	gate_send(&g, 0, &f, NULL);
	gate_drain(&g, 1);
	assert_int_equal(g.count, 3);
	for (uint32_t i = 0; i < 3; i++) {
		const struct packet *p = &g.caught[i].packet;
		const uint32_t header_len = i == 0 ? 28 : 24;
		assert_int_equal(g.caught[i].drop, DROP_NONE);
		assert_int_equal(p->type, PACKET_FRAGMENT);
		assert_true(p->ip_len <= 576);
		assert_int_equal((p->ip[0] & 15) * 4, header_len);
		assert_int_equal(p->ip[20], 0x94);
		assert_int_equal(p->fragment_offset, at);
		assert_int_equal(p->more_fragments, i < 2);
		assert_int_equal(p->fragment_id, g.caught[0].packet.fragment_id);
		assert_int_equal(p->hop_limit, 63);
		memcpy(whole + at, p->payload, p->payload_len);
		at += p->payload_len;
	}
	assert_int_equal(at, 1408);
	assert_memory_equal(whole, f.frame + f.transport_at, 1408);
	assert_int_equal(counter(g.m, "pass_cut"), 1);
	assert_spent(&g);
	gate_end(&g);
}

/* --- fragments that arrive ---------------------------------------------------------------- */

/* Sends bytes [offset, offset + len) of the forged datagram. */
static void send_fragment(uint32_t offset, uint32_t len, bool more)
{
	static struct forge part;

	forge_start(&part, f.is6, 17);
	memcpy(part.src, f.src, 16);
	memcpy(part.dst, f.dst, 16);
	part.id = 4711;
	part.no_checksum = true;
	part.proto = 0;
	if (f.is6) {
		part.next = 44;
		part.extra_len = 8;
		memset(part.extra, 0, 8);
		part.extra[0] = 17;
		forge_put16(part.extra + 2, offset | (more ? 1 : 0));
		forge_put32(part.extra + 4, 4711);
	} else {
		part.fragment = (uint16_t)(offset / 8 | (more ? 0x2000 : 0));
	}
	part.payload_len = len;
	memcpy(part.payload, f.frame + f.transport_at + offset, len);
	gate_send(&g, 0, &part, NULL);
}

static void fragments_go_on_as_they_came(void **state)
{
	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		gate_new(&g, MINATO_LINK_ETHERNET);
		forge_udp(&f, is6, 2000);
		gate_ends(&f, is6 ? "fd00::2" : "10.0.0.2", is6 ? "fd02::2" : "10.0.2.2");
		forge_frame(&f);
		send_fragment(1208, 800, false);
		send_fragment(0, 1208, true);
		gate_drain(&g, 32);
		assert_int_equal(g.count, 2);
		for (uint32_t i = 0; i < 2; i++) {
			const struct packet *p = &g.caught[i].packet;
			assert_int_equal(g.caught[i].drop, DROP_NONE);
			assert_int_equal(p->type, PACKET_FRAGMENT);
			assert_int_equal(p->fragment_offset, i == 0 ? 1208 : 0);
			assert_int_equal(p->hop_limit, 63);
			assert_int_equal(p->fragment_id, 4711);
		}
		assert_int_equal(counter(g.m, "reassembled"), 0);
		assert_spent(&g);
		gate_end(&g);
	}
}

/* Longer than the next link takes: each is cut once more (RFC 791 2.3). */
static void fragments_that_do_not_fit(void **state)
{
	struct minato_config c = gate_config(MINATO_LINK_ETHERNET);
	uint8_t whole[2100];
	uint32_t have = 0, last = 0;

	(void)state;
	c.link[2].mtu = 600;
	gate_with(&g, &c);
	forge_udp(&f, false, 2000);
	for (uint32_t i = 0; i < 2000; i++)
		f.payload[i] = (uint8_t)(i * 3);
	gate_ends(&f, "10.0.0.2", "10.0.2.2");
	forge_frame(&f);
	send_fragment(1208, 800, false);
	send_fragment(0, 1208, true);
	gate_drain(&g, 32);
	assert_int_equal(g.count, 5);
	for (uint32_t i = 0; i < 5; i++) {
		const struct packet *p = &g.caught[i].packet;
		assert_int_equal(g.caught[i].drop, DROP_NONE);
		assert_true(p->ip_len <= 600);
		assert_int_equal(p->fragment_id, 4711);
		memcpy(whole + p->fragment_offset, p->payload, p->payload_len);
		have += p->payload_len;
		if (!p->more_fragments)
			last += p->fragment_offset + p->payload_len;
	}
	assert_int_equal(have, 2008);
	assert_int_equal(last, 2008);
	assert_memory_equal(whole, f.frame + f.transport_at, 2008);
	assert_spent(&g);
	gate_end(&g);
	/* IPv6 is not cut on its way. */
	gate_with(&g, &c);
	forge_udp(&f, true, 2000);
	gate_ends(&f, "fd00::2", "fd02::2");
	forge_frame(&f);
	send_fragment(0, 1208, true);
	assert_int_equal(gate_one(&g, 0)->packet.icmp_type, 2);
	gate_end(&g);
}

/* --- runs ---------------------------------------------------------------------------------- */

static void send_run(uint32_t payload, uint16_t size, bool is6)
{
	const struct minato_frame like = { .gso = is6 ? MINATO_GSO_TCP6 : MINATO_GSO_TCP4,
					   .gso_size = size,
					   .csum_partial = true };
	uint32_t sum;

	forge_tcp(&f, is6, "\x01\x01\x01\x01", 4, payload);
	for (uint32_t i = 0; i < payload; i++)
		f.payload[i] = (uint8_t)(i * 11);
	gate_ends(&f, is6 ? "fd00::2" : "10.0.0.2", is6 ? "fd02::2" : "10.0.2.2");
	f.fragment = 0x4000;
	sum = forge_sum(f.src, is6 ? 16 : 4, 0);
	sum = forge_sum(f.dst, is6 ? 16 : 4, sum) + 6 + f.header_len + payload;
	f.no_checksum = true;
	forge_put16(f.header + 16, forge_sum(NULL, 0, sum));
	gate_send(&g, 0, &f, &like);
}

static void a_run_is_whole_where_the_link_takes_it(void **state)
{
	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		struct minato_config c = gate_config(MINATO_LINK_ETHERNET);
		const struct caught *out;
		c.link[2].offloads = MINATO_OFFLOAD_CSUM | MINATO_OFFLOAD_TSO4 |
				     MINATO_OFFLOAD_TSO6;
		gate_with(&g, &c);
		send_run(60000, 1400, is6);
		out = gate_one(&g, 2);
		assert_int_equal(out->gso_size, 1400);
		assert_int_equal(out->gso, is6 ? MINATO_GSO_TCP6 : MINATO_GSO_TCP4);
		assert_int_equal(out->len, f.len);
		assert_int_equal(out->csum_start, f.transport_at);
		assert_int_equal(out->csum_offset, 16);
		assert_int_equal(out->header_len, f.transport_at + 24);
		assert_memory_equal(out->bytes + f.transport_at, f.frame + f.transport_at,
				    f.len - f.transport_at);
		assert_int_equal(counter(g.m, "pass_copied"), 0);
		assert_spent(&g);
		gate_end(&g);
	}
}

static void a_run_is_cut_where_the_link_takes_none(void **state)
{
	static uint8_t whole[60000];

	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		uint32_t at = 0;
		gate_new(&g, MINATO_LINK_ETHERNET);
		send_run(60000, 1400, is6);
		gate_drain(&g, 7);
		assert_int_equal(g.count, 43);
		for (uint32_t i = 0; i < g.count; i++) {
			const struct packet *p = &g.caught[i].packet;
			assert_int_equal(g.caught[i].drop, DROP_NONE);
			assert_int_equal(p->tcp.seq.v, 0x01020304 + at);
			assert_int_equal(p->hop_limit, 63);
			assert_int_equal(p->payload_len, i < 42 ? 1400 : 1200);
			assert_int_equal((p->tcp.flags & 8) != 0, i == 42);
			memcpy(whole + at, p->payload, p->payload_len);
			at += p->payload_len;
		}
		assert_memory_equal(whole, f.payload, 60000);
		assert_spent(&g);
		gate_end(&g);
	}
}

static void a_run_that_is_none_is_dropped(void **state)
{
	const struct minato_frame like = { .gso = MINATO_GSO_TCP4,
					   .gso_size = 500,
					   .csum_partial = true };

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	forge_udp(&f, false, 1200);
	gate_ends(&f, "10.0.0.2", "10.0.2.2");
	gate_send(&g, 0, &f, &like);
	gate_drain(&g, 32);
	assert_int_equal(g.count, 0);
	assert_int_equal(counter(g.m, "drop_gso"), 1);
	send_run(3000, 2, false);
	gate_drain(&g, 32);
	assert_int_equal(g.count, 0);
	assert_int_equal(counter(g.m, "drop_gso"), 2);
	gate_end(&g);
}

static void a_partial_checksum_is_completed(void **state)
{
	const struct minato_frame like = { .csum_partial = true };

	(void)state;
	for (int takes = 0; takes < 2; takes++) {
		struct minato_config c = gate_config(MINATO_LINK_ETHERNET);
		const struct caught *out;
		uint32_t sum;
		c.link[2].offloads = takes ? MINATO_OFFLOAD_CSUM : 0;
		gate_with(&g, &c);
		forge_udp(&f, false, 101);
		gate_ends(&f, "10.0.0.2", "10.0.2.2");
		sum = forge_sum(f.src, 4, 0);
		sum = forge_sum(f.dst, 4, sum) + 17 + 109;
		f.no_checksum = true;
		forge_put16(f.header + 6, forge_sum(NULL, 0, sum));
		gate_send(&g, 0, &f, &like);
		out = gate_one(&g, 2);
		if (takes) {
			assert_int_equal(out->csum_start, f.transport_at);
			assert_int_equal(out->csum_offset, 6);
			assert_memory_equal(out->bytes + f.transport_at, f.frame + f.transport_at,
					    109);
		} else {
			assert_int_equal(out->csum_start, 0);
			assert_int_equal(packet_verify(&out->packet), DROP_NONE);
		}
		gate_end(&g);
	}
}

/* Whoever tries a port that a rule guards does not see by the family that one does. */
static void a_rule_refuses_alike(void **state)
{
	const struct minato_entry e = { .kind = MINATO_KIND_GUARD,
					.verdict = MINATO_REFUSE,
					.scope = 1,
					.face = MINATO_FACE_ANY,
					.course = MINATO_COURSE_IN,
					.proto = MINATO_TCP,
					.last = 65535,
					.uid = MINATO_UID_NONE,
					.order = 1 };

	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		const struct caught *c;
		uint64_t handle;

		gate_new(&g, MINATO_LINK_ETHERNET);
		assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
		forge_tcp(&f, is6, NULL, 0, 0);
		f.header[13] = TCP_SYN;
		gate_ends(&f, is6 ? "2001:db8:1::fe" : "198.51.100.7",
			  is6 ? "fd00::2" : "198.51.100.1");
		gate_clear(&g);
		gate_send(&g, 1, &f, NULL);
		c = gate_one(&g, 1);
		assert_int_equal(c->packet.type, PACKET_TCP);
		assert_int_equal(c->packet.tcp.flags, TCP_RST | TCP_ACK);
		assert_addr(&c->packet.src, is6 ? "fd00::2" : "198.51.100.1");
		assert_int_equal(counter(g.m, "rst_sent"), 1);
		gate_end(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagrams_between_insides),
		cmocka_unit_test(headers_of_other_links),
		cmocka_unit_test(a_wrong_checksum_is_handed_on_as_it_is),
		cmocka_unit_test(neighbours_of_one_link_by_us),
		cmocka_unit_test(sources_are_where_they_are),
		cmocka_unit_test(the_last_hop_is_ours),
		cmocka_unit_test(what_does_not_fit_is_said),
		cmocka_unit_test(what_does_not_fit_is_said_to_scanners),
		cmocka_unit_test(what_may_be_cut_is_cut),
		cmocka_unit_test(fragments_go_on_as_they_came),
		cmocka_unit_test(fragments_that_do_not_fit),
		cmocka_unit_test(a_run_is_whole_where_the_link_takes_it),
		cmocka_unit_test(a_run_is_cut_where_the_link_takes_none),
		cmocka_unit_test(a_run_that_is_none_is_dropped),
		cmocka_unit_test(a_partial_checksum_is_completed),
		cmocka_unit_test(a_rule_refuses_alike),
	};

	return cmocka_run_group_tests_name("pass", tests, NULL, NULL);
}
