/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets made at random by the builders and read by the parser: what comes
 * out is what went in; cut off anywhere, they are refused; with any one bit
 * turned that a checksum covers, they are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"
#include "dice.h"
#include "wire/wire.h"

#define ROUNDS 3000
#define ROUNDS_CUT 60
#define ROUNDS_TURNED 40

enum sort { SEGMENT, DATAGRAM, ECHO, SOLICITATION };

static const uint8_t our_mac[6] = { 2, 0, 0, 0, 0, 1 };

static struct dice dice;
static struct ip_build ip;
static struct tcp_segment segment;
static struct nd nd;
static uint8_t link_addr[6];
static uint16_t ports[2];
static uint8_t payload[1500];
static uint32_t payload_len;
static bool bare;
static uint8_t frame[2000];
static uint32_t frame_len, ip_at, transport_at, transport_len;
static struct packet p;

static uint16_t some_port(void)
{
	return (uint16_t)(1 + dice_below(&dice, 65535));
}

/* An address that may be a source, and is no group. */
static struct minato_addr some_addr(bool is6)
{
	struct minato_addr a;

	if (!is6)
		return minato_addr4((uint8_t)(128 + dice_below(&dice, 96)),
				    (uint8_t)dice_roll(&dice),
				    (uint8_t)dice_roll(&dice),
				    (uint8_t)dice_roll(&dice));
	dice_fill(&dice, a.bytes, 16);
	a.bytes[0] = (uint8_t)(0x20 | (a.bytes[0] & 0x1f));
	return a;
}

static void choose_options(struct tcp_options *o, bool syn)
{
	*o = (struct tcp_options){ 0 };
	o->has_timestamp = dice_below(&dice, 2);
	if (o->has_timestamp) {
		o->tsval = (uint32_t)dice_roll(&dice);
		o->tsecr = (uint32_t)dice_roll(&dice);
	}
	if (!syn) {
		uint32_t most = o->has_timestamp ? 4 : 5;
		o->sack_count = (uint8_t)dice_below(&dice, most);
		dice_fill(&dice, o->sack, o->sack_count * 8u);
		return;
	}
	o->mss = (uint16_t)dice_below(&dice, 65536);
	o->sack_permitted = dice_below(&dice, 2);
	o->has_wscale = dice_below(&dice, 2);
	if (o->has_wscale)
		o->wscale = (uint8_t)dice_below(&dice, 15);
}

static uint32_t make_segment(uint8_t *out)
{
	segment = (struct tcp_segment){
		.src_port = ports[0],
		.dst_port = ports[1],
		.seq = { (uint32_t)dice_roll(&dice) },
		.ack = { (uint32_t)dice_roll(&dice) },
		.flags = (uint8_t)dice_roll(&dice),
		.window = (uint16_t)dice_roll(&dice),
		.urgent = (uint16_t)dice_roll(&dice),
	};
	choose_options(&segment.options, (segment.flags & TCP_SYN) != 0);
	return tcp_build(&segment, out);
}

static uint32_t make_echo(uint8_t *out)
{
	out[0] = ip.is6 ? ICMP6_ECHO : ICMP4_ECHO;
	out[1] = 0;
	out[2] = out[3] = 0;
	ports[1] = ports[0];
	out[4] = (uint8_t)(ports[0] >> 8);
	out[5] = (uint8_t)ports[0];
	out[6] = out[7] = 0x5a;
	return 8;
}

static uint32_t make_solicitation(uint8_t *out)
{
	dice_fill(&dice, link_addr, 6);
	nd = (struct nd){ .type = ICMP6_NEIGHBOUR_SOLICITATION,
			  .target = some_addr(true),
			  .link_addr = link_addr };
	payload_len = 0;
	ip.hop_limit = 255;
	return nd_build(&nd, &ip.src, &ip.dst, out);
}

static uint8_t proto_of(enum sort sort)
{
	switch (sort) {
	case SEGMENT:
		return IP_PROTO_TCP;
	case DATAGRAM:
		return IP_PROTO_UDP;
	case ECHO:
	case SOLICITATION:
		break;
	}
	return ip.is6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP;
}

static uint32_t make_transport(enum sort sort, uint8_t *out)
{
	switch (sort) {
	case SEGMENT:
		return make_segment(out);
	case DATAGRAM:
		udp_build(out, ports[0], ports[1], 8 + payload_len);
		return 8;
	case ECHO:
		return make_echo(out);
	case SOLICITATION:
		return make_solicitation(out);
	}
	return 0;
}

static void finish(enum sort sort, uint8_t *transport)
{
	const uint32_t at = sort == SEGMENT ? 16 : sort == DATAGRAM ? 6 : 2;
	struct sum sum = { 0 };

	transport[at] = transport[at + 1] = 0;
	if (ip.proto != IP_PROTO_ICMP)
		sum_pseudo(&sum, &ip.src, &ip.dst, ip.proto, transport_len);
	sum_add(&sum, transport, transport_len);
	sum_put(&sum, transport + at);
	if (sort == DATAGRAM && transport[at] == 0 && transport[at + 1] == 0)
		transport[at] = transport[at + 1] = 0xff;
}

static void make(enum sort sort, bool is6, uint32_t payload_max)
{
	uint8_t transport[sizeof(payload) + 100];
	uint32_t header_len;

	bare = dice_below(&dice, 2);
	payload_len = dice_below(&dice, payload_max + 1);
	dice_fill(&dice, payload, payload_len);
	ports[0] = some_port();
	ports[1] = some_port();
	ip = (struct ip_build){
		.is6 = is6,
		.src = some_addr(is6),
		.dst = some_addr(is6),
		.hop_limit = (uint8_t)dice_roll(&dice),
		.traffic_class = (uint8_t)dice_roll(&dice),
		.id = (uint16_t)dice_roll(&dice),
		.dont_fragment = is6 || dice_below(&dice, 2),
		.flow_label = (uint32_t)dice_roll(&dice) & 0xfffff,
	};
	ip.proto = proto_of(sort);
	header_len = make_transport(sort, transport);
	memcpy(transport + header_len, payload, payload_len);
	transport_len = header_len + payload_len;
	ip.payload_len = transport_len;
	finish(sort, transport);

	ip_at = bare ? 0 : 14;
	if (!bare)
		ethernet_build(frame, our_mac, (const uint8_t[6]){ 2 }, is6);
	transport_at = ip_at + ip_build(&ip, frame + ip_at);
	memcpy(frame + transport_at, transport, transport_len);
	frame_len = transport_at + transport_len;
}

/* Parses `len` bytes of the frame in memory of exactly that size. */
static enum drop parse(uint8_t **exact, uint32_t len)
{
	struct minato_frame in = { .len = len };

	*exact = malloc(len ? len : 1);
	memcpy(*exact, frame, len);
	in.data = *exact;
	return packet_parse(&in, bare ? MINATO_LINK_IP : MINATO_LINK_ETHERNET,
			    our_mac, &p);
}

static void check_options(void)
{
	const struct tcp_options *a = &segment.options, *b = &p.tcp.options;

	assert_int_equal(a->mss, b->mss);
	assert_int_equal(a->has_wscale, b->has_wscale);
	assert_int_equal(a->wscale, b->wscale);
	assert_int_equal(a->sack_permitted, b->sack_permitted);
	assert_int_equal(a->has_timestamp, b->has_timestamp);
	assert_int_equal(a->tsval, b->tsval);
	assert_int_equal(a->tsecr, b->tsecr);
	assert_int_equal(a->sack_count, b->sack_count);
	assert_memory_equal(a->sack, b->sack, a->sack_count * 8u);
}

static void check_segment(void)
{
	assert_int_equal(p.type, PACKET_TCP);
	assert_int_equal(p.tcp.src_port, ports[0]);
	assert_int_equal(p.tcp.dst_port, ports[1]);
	assert_int_equal(p.tcp.seq.v, segment.seq.v);
	assert_int_equal(p.tcp.ack.v, segment.ack.v);
	assert_int_equal(p.tcp.flags, segment.flags);
	assert_int_equal(p.tcp.window, segment.window);
	assert_int_equal(p.tcp.urgent, segment.urgent);
	check_options();
}

static void check_ip(void)
{
	assert_int_equal(p.is6, ip.is6);
	assert_true(minato_addr_equal(&p.src, &ip.src));
	assert_true(minato_addr_equal(&p.dst, &ip.dst));
	assert_int_equal(p.hop_limit, ip.hop_limit);
	assert_int_equal(p.traffic_class, ip.traffic_class);
	assert_int_equal(p.ip_proto, ip.proto);
	assert_int_equal(p.dont_fragment, ip.dont_fragment);
	assert_int_equal(p.ip_len, frame_len - ip_at);
}

static void check_solicitation(void)
{
	struct nd back;

	assert_true(nd_parse(&p, &back));
	assert_true(minato_addr_equal(&back.target, &nd.target));
	assert_memory_equal(back.link_addr, link_addr, 6);
}

static void check_packet(enum sort sort)
{
	check_ip();
	if (sort == SOLICITATION) {
		check_solicitation();
		return;
	}
	assert_int_equal(p.src_port, ports[0]);
	assert_int_equal(p.dst_port, ports[1]);
	assert_int_equal(p.payload_len, payload_len);
	assert_memory_equal(p.payload, payload, payload_len);
	if (sort == SEGMENT)
		check_segment();
}

static void comes_back(enum sort sort, bool is6)
{
	uint8_t *exact;

	dice = (struct dice){ 100 + (uint64_t)sort * 2 + is6 };
	for (int round = 0; round < ROUNDS; round++) {
		make(sort, is6, round % 4 ? 100 : 1400);
		assert_int_equal(parse(&exact, frame_len), DROP_NONE);
		check_packet(sort);
		free(exact);
	}
}

static void is_refused_when_cut(enum sort sort, bool is6)
{
	uint8_t *exact;

	dice = (struct dice){ 200 + (uint64_t)sort * 2 + is6 };
	for (int round = 0; round < ROUNDS_CUT; round++) {
		make(sort, is6, 200);
		for (uint32_t len = 0; len < frame_len; len++) {
			assert_int_equal(parse(&exact, len), DROP_TRUNCATED);
			free(exact);
		}
	}
}

static void assert_turned_is_refused(uint32_t byte)
{
	uint8_t *exact;

	for (int bit = 0; bit < 8; bit++) {
		frame[byte] ^= (uint8_t)(1 << bit);
		if (parse(&exact, frame_len) == DROP_NONE)
			fail_msg("bit %d of byte %u of %u was not missed", bit,
				 byte, frame_len);
		free(exact);
		frame[byte] ^= (uint8_t)(1 << bit);
	}
}

/* A checksum of one bit would be turned to 0, which says "unchecked". */
static bool may_vanish(void)
{
	uint32_t csum = (uint32_t)frame[transport_at + 6] << 8 |
			frame[transport_at + 7];

	return ip.proto == IP_PROTO_UDP && (csum & (csum - 1)) == 0;
}

static void is_refused_when_turned(enum sort sort, bool is6)
{
	/* IPv6 covers its addresses by the transport's sum, no more. */
	const uint32_t first = is6 ? 8 : 0;

	dice = (struct dice){ 300 + (uint64_t)sort * 2 + is6 };
	for (int round = 0; round < ROUNDS_TURNED; round++) {
		make(sort, is6, 150);
		if (may_vanish())
			continue;
		for (uint32_t byte = ip_at + first; byte < frame_len; byte++)
			assert_turned_is_refused(byte);
	}
}

#define CASES(name, sort, is6)                                                 \
	static void name##_come_back(void **state)                             \
	{                                                                      \
		(void)state;                                                   \
		comes_back(sort, is6);                                         \
	}                                                                      \
	static void name##_cut_off_are_refused(void **state)                   \
	{                                                                      \
		(void)state;                                                   \
		is_refused_when_cut(sort, is6);                                \
	}                                                                      \
	static void name##_with_a_bit_turned_are_refused(void **state)         \
	{                                                                      \
		(void)state;                                                   \
		is_refused_when_turned(sort, is6);                             \
	}

CASES(tcp4_segments, SEGMENT, false)
CASES(tcp6_segments, SEGMENT, true)
CASES(udp4_datagrams, DATAGRAM, false)
CASES(udp6_datagrams, DATAGRAM, true)
CASES(icmp4_echoes, ECHO, false)
CASES(icmp6_echoes, ECHO, true)
CASES(nd_solicitations, SOLICITATION, true)

#define TESTS(name)                                                            \
	cmocka_unit_test(name##_come_back),                                    \
		cmocka_unit_test(name##_cut_off_are_refused),                  \
		cmocka_unit_test(name##_with_a_bit_turned_are_refused)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTS(tcp4_segments),  TESTS(tcp6_segments),
		TESTS(udp4_datagrams), TESTS(udp6_datagrams),
		TESTS(icmp4_echoes),   TESTS(icmp6_echoes),
		TESTS(nd_solicitations),
	};
	return cmocka_run_group_tests_name("roundtrip", tests, NULL, NULL);
}
