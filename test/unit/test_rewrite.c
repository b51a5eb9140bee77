/* SPDX-License-Identifier: BSD-2-Clause */
/* Other ends in place: the same as made anew, and back again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"
#include "dice.h"
#include "forge.h"

#define ROUNDS 1000000u
#define PAYLOAD_MAX 70u

static struct forge f;
static struct dice dice = { 2026 };

/* What is forged once with these ends and once with those. */
struct shape {
	bool is6, partial;
	uint8_t proto, ttl;
	uint16_t id, fragment;
	uint16_t src_port, dst_port;
	uint8_t src[16], dst[16];
	uint8_t icmp_type;
	uint8_t wrong; /* added to its checksum */
	bool no_checksum;
	uint32_t options_len; /* of IPv4, or extension headers of IPv6 */
	uint32_t payload_len;
	uint64_t content; /* seed of the payload */
};

static struct shape random_shape(void)
{
	static const uint8_t protos[] = { 6, 17, 1 };
	struct shape s = {
		.is6 = dice_below(&dice, 3) == 0,
		.proto = protos[dice_below(&dice, 3)],
		.ttl = (uint8_t)dice_below(&dice, 256),
		.id = (uint16_t)dice_roll(&dice),
		.src_port = (uint16_t)(dice_roll(&dice) | 1),
		.dst_port = (uint16_t)(dice_roll(&dice) | 1),
		.payload_len = dice_below(&dice, PAYLOAD_MAX),
		.content = dice_roll(&dice),
	};

	if (s.proto == 1)
		s.icmp_type = s.is6 ? 128 : 8;
	s.options_len = dice_below(&dice, 4) ? 0 : 8;
	s.no_checksum = s.proto == 17 && !s.is6 && dice_below(&dice, 8) == 0;
	/* Few bits set and few clear: the corners of the arithmetic. */
	for (uint32_t i = 0; i < 16; i++) {
		s.src[i] = dice_below(&dice, 3) ? (uint8_t)dice_roll(&dice) : 0xff;
		s.dst[i] = dice_below(&dice, 3) ? (uint8_t)dice_roll(&dice) : 0;
	}
	s.src[0] = s.is6 ? 0x20 : 10;
	s.dst[0] = s.is6 ? 0xfd : 192;
	return s;
}

/* The same packet between other ends. */
static struct shape elsewhere(const struct shape *from)
{
	const struct shape other = random_shape();
	struct shape s = *from;

	if (dice_below(&dice, 8) != 0) {
		memcpy(s.src + 1, other.src + 1, 15);
		s.src_port = other.src_port;
	}
	if (dice_below(&dice, 8) != 0) {
		memcpy(s.dst + 1, other.dst + 1, 15);
		s.dst_port = other.dst_port;
	}
	s.ttl = other.ttl;
	if (!s.is6)
		s.id = other.id;
	return s;
}

static void write_transport(const struct shape *s)
{
	struct dice content = { s->content };

	switch (s->proto) {
	case 6:
		forge_tcp(&f, s->is6, NULL, 0, s->payload_len);
		break;
	case 17:
		forge_udp(&f, s->is6, s->payload_len);
		break;
	default:
		forge_icmp(&f, s->is6, s->icmp_type, 0, (uint32_t)s->src_port << 16 | 77,
			   s->payload_len);
	}
	if (s->proto != 1) {
		forge_put16(f.header, s->src_port);
		forge_put16(f.header + 2, s->dst_port);
	}
	dice_fill(&content, f.payload, s->payload_len);
}

static void extend(const struct shape *s)
{
	if (s->options_len == 0)
		return;
	f.extra_len = s->options_len;
	if (!s->is6) {
		memcpy(f.extra, "\x94\x04\0\0\x01\x01\x01\0", 8);
		return;
	}
	/* A destination header with padding alone. */
	memcpy(f.extra, "\0\0\x01\x04\0\0\0\0", 8);
	f.extra[0] = f.next;
	f.next = 60;
}

/* The field says the pseudo header's sum, as the driver of a link leaves it. */
static void make_partial(const struct shape *s)
{
	const uint32_t addr_len = s->is6 ? 16 : 4;
	uint32_t sum = forge_sum(f.src, addr_len, 0);

	sum = forge_sum(f.dst, addr_len, sum) + s->proto + f.header_len + f.payload_len;
	forge_put16(f.frame + f.transport_at + (s->proto == 6 ? 16 : 6), forge_sum(NULL, 0, sum));
}

static void make(const struct shape *s)
{
	write_transport(s);
	f.ttl = s->ttl;
	f.id = s->id;
	f.fragment = s->fragment;
	memcpy(f.src, s->src, 16);
	memcpy(f.dst, s->dst, 16);
	f.no_checksum = s->no_checksum;
	f.trusted = true;
	extend(s);
	forge_frame(&f);
	if (s->partial)
		make_partial(s);
	if (s->wrong != 0) {
		uint8_t *field = f.frame + f.transport_at +
				 (s->proto == 6	 ? 16 :
				  s->proto == 17 ? 6 :
						   2);
		const uint32_t sum = (uint32_t)field[0] << 8 | field[1];
		forge_put16(field, (sum + s->wrong) % 0xffff);
	}
}

static struct rewrite to_shape(const struct shape *s)
{
	struct rewrite to = {
		.src_port = s->src_port,
		.dst_port = s->dst_port,
		.hop_limit = s->ttl,
		.new_id = !s->is6,
		.id = s->id,
	};

	if (s->is6) {
		memcpy(to.src.bytes, s->src, 16);
		memcpy(to.dst.bytes, s->dst, 16);
	} else {
		to.src = addr_from4(s->src);
		to.dst = addr_from4(s->dst);
	}
	return to;
}

/* Parses `bytes` (a copy of the forged frame) and rewrites them. */
static void rewrite(uint8_t *bytes, uint32_t len, const struct shape *to, bool partial)
{
	const struct minato_frame frame = { .data = bytes, .len = len, .csum_trusted = true };
	const struct rewrite r = to_shape(to);
	struct packet p;
	const enum drop drop = packet_parse(&frame, MINATO_LINK_ETHERNET, forge_mac, &p);

	assert_int_equal(drop, DROP_NONE);
	rewrite_packet(bytes + (p.ip - bytes), &p, partial, &r);
}

/* There and back: what lies there equals what is made for those ends. */
static void compare(const struct shape *a, const struct shape *b)
{
	uint8_t bytes[512], first[512];
	uint32_t len;

	make(a);
	len = f.len;
	assert_true(len <= sizeof(bytes));
	memcpy(first, f.frame, len);
	memcpy(bytes, f.frame, len);
	rewrite(bytes, len, b, a->partial);
	make(b);
	assert_int_equal(f.len, len);
	assert_memory_equal(bytes, f.frame, len);
	rewrite(bytes, len, a, a->partial);
	assert_memory_equal(bytes, first, len);
}

static void a_rewritten_packet_is_as_made_anew(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct shape a = random_shape();
		struct shape b = elsewhere(&a);
		compare(&a, &b);
	}
}

static void a_partial_checksum_stays_one(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS / 10; i++) {
		struct shape a = random_shape();
		struct shape b;
		if (a.proto == 1 || a.no_checksum || a.options_len != 0)
			continue;
		a.partial = true;
		b = elsewhere(&a);
		compare(&a, &b);
	}
}

/* Nothing that was damaged on its way looks sound behind us. */
static void a_wrong_checksum_stays_wrong(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS / 10; i++) {
		struct shape a = random_shape();
		struct shape b;
		uint8_t bytes[512];
		struct packet p;
		struct minato_frame frame = { .data = bytes, .csum_trusted = true };
		if (a.no_checksum)
			continue;
		a.wrong = (uint8_t)(1 + dice_below(&dice, 127));
		b = elsewhere(&a);
		make(&a);
		frame.len = f.len;
		memcpy(bytes, f.frame, f.len);
		if (a.proto == 17 && bytes[f.transport_at + 6] == 0 &&
		    bytes[f.transport_at + 7] == 0)
			continue; /* by chance it says that there is none */
		rewrite(bytes, f.len, &b, false);
		assert_int_equal(packet_parse(&frame, MINATO_LINK_ETHERNET, forge_mac, &p),
				 DROP_NONE);
		assert_int_not_equal(packet_verify(&p), DROP_NONE);
	}
}

/* Cut into two, rewritten, put together: as if it had been whole. */
static void fragments_of_a_rewritten_packet_fit(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS / 10; i++) {
		struct shape a = random_shape();
		struct shape b = elsewhere(&a);
		uint8_t whole[512], bytes[512];
		uint32_t at, transport_len;
		if (a.is6 || a.options_len != 0)
			continue;
		make(&a);
		at = f.transport_at;
		transport_len = f.len - at;
		if (transport_len <= 24)
			continue;
		memcpy(whole, f.frame, f.len);
		/* The first has 24 bytes; behind it lies the rest. */
		for (int part = 0; part < 2; part++) {
			const uint32_t skip = part ? 24 : 0;
			const uint32_t len = part ? transport_len - 24 : 24;
			make(&a);
			f.frame[f.ip_at + 6] = part ? 0 : 0x20;
			f.frame[f.ip_at + 7] = part ? 3 : 0;
			forge_put16(f.frame + f.ip_at + 2, 20 + len);
			forge_put16(f.frame + f.ip_at + 10, 0);
			forge_put16(f.frame + f.ip_at + 10,
				    forge_sum(f.frame + f.ip_at, 20, 0) ^ 0xffff);
			memmove(f.frame + at, f.frame + at + skip, len);
			memcpy(bytes, f.frame, at + len);
			rewrite(bytes, at + len, &b, false);
			assert_int_equal(forge_sum(bytes + f.ip_at, 20, 0), 0xffff);
			assert_memory_equal(bytes + f.ip_at + 12, b.src, 4);
			assert_memory_equal(bytes + f.ip_at + 16, b.dst, 4);
			memcpy(whole + at + skip, bytes + at, len);
		}
		make(&b);
		assert_memory_equal(whole + at, f.frame + at, transport_len);
	}
}

/* --- inside an error ---------------------------------------------------------------------- */

static struct forge outer;

/* An error about the forged packet, of which `quoted` bytes are there. */
static void make_error(const struct shape *s, uint32_t quoted)
{
	make(s);
	forge_icmp(&outer, s->is6, s->is6 ? 1 : 3, s->is6 ? 4 : 3, 0, quoted);
	memcpy(outer.payload, f.frame + f.ip_at, quoted);
	assert_int_equal(forge_parse(&outer), DROP_NONE);
}

static void what_an_error_quotes_is_restored(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS / 10; i++) {
		struct shape a = random_shape();
		struct shape b = elsewhere(&a);
		struct rewrite to;
		struct packet inner;
		uint32_t least, quoted, at;
		uint8_t *icmp;

		b.ttl = a.ttl;
		b.id = a.id;
		to = to_shape(&b);
		make(&a);
		least = f.transport_at - f.ip_at + 8;
		quoted = least + dice_below(&dice, f.len - f.ip_at - least + 1);
		/* Half a checksum cannot be corrected, and is left. */
		if (a.proto == 6 && quoted == least + 9)
			continue;
		make_error(&a, quoted);
		assert_true(packet_parse_embedded(&outer.packet, &inner));
		assert_true(rewrite_embedded_holds(&inner));
		at = outer.transport_at;
		icmp = outer.exact + at;
		rewrite_embedded(icmp, &outer.packet, &inner, &to);
		assert_int_equal(packet_verify(&outer.packet), DROP_NONE);
		make(&b);
		assert_memory_equal(icmp + 8, f.frame + f.ip_at, quoted);
		assert_int_equal(icmp[0], a.is6 ? 1 : 3);
		to = to_shape(&a);
		assert_true(packet_parse_embedded(&outer.packet, &inner));
		rewrite_embedded(icmp, &outer.packet, &inner, &to);
		assert_memory_equal(icmp, outer.frame + at, outer.len - at);
	}
}

static void a_damaged_quote_is_seen(void **state)
{
	struct shape a = random_shape();
	struct packet inner;

	(void)state;
	a.is6 = false;
	a.proto = 17;
	a.options_len = 8;
	make_error(&a, 20 + 8 + 8);
	outer.payload[8] ^= 1; /* its time to live */
	assert_int_equal(forge_parse(&outer), DROP_NONE);
	assert_true(packet_parse_embedded(&outer.packet, &inner));
	assert_false(rewrite_embedded_holds(&inner));
	outer.payload[8] ^= 1;
	outer.payload[21] ^= 1; /* within its options */
	assert_int_equal(forge_parse(&outer), DROP_NONE);
	assert_true(packet_parse_embedded(&outer.packet, &inner) == false ||
		    !rewrite_embedded_holds(&inner));
}

static int done(void **state)
{
	(void)state;
	free(f.exact);
	free(outer.exact);
	f.exact = NULL;
	outer.exact = NULL;
	return 0;
}

/* Sums that come out as 0 are sent as all ones: RFC 3828 3.1. */
static void a_checksum_of_udp_lite_is_never_zero(void **state)
{
	const struct rewrite to = { .src = minato_addr4(203, 0, 113, 9),
				    .dst = minato_addr4(198, 51, 100, 1),
				    .hop_limit = 63 };
	uint32_t ones = 0;

	(void)state;
	for (uint32_t word = 0; word < 65536; word++) {
		uint8_t ip[32] = { 0x45, 0,   0,  32,  [8] = 64, 136,  0, 0,	10, 0, 0,
				   2,	 198, 51, 100, 1,	 0x10, 0, 0x20, 0,  0, 12 };
		struct packet p = { .type = PACKET_OTHER,
				    .ip = ip,
				    .transport = ip + 20,
				    .payload = ip + 20,
				    .payload_len = 12,
				    .ip_proto = 136 };
		uint32_t sum = 0x0a00 + 2 + 0xc633 + 0x6401 + 136 + 12 + 0x1000 + 0x2000 + 12;

		ip[28] = (uint8_t)(word >> 8);
		ip[29] = (uint8_t)word;
		sum += word;
		while (sum > 0xffff)
			sum = (sum & 0xffff) + (sum >> 16);
		sum = sum == 0xffff ? 0xffff : 0xffff - sum;
		ip[26] = (uint8_t)(sum >> 8);
		ip[27] = (uint8_t)sum;
		rewrite_packet(ip, &p, false, &to);
		assert_true(ip[26] != 0 || ip[27] != 0);
		ones += ip[26] == 0xff && ip[27] == 0xff;
	}
	assert_in_range(ones, 1, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rewritten_packet_is_as_made_anew),
		cmocka_unit_test(a_partial_checksum_stays_one),
		cmocka_unit_test(a_wrong_checksum_stays_wrong),
		cmocka_unit_test(fragments_of_a_rewritten_packet_fit),
		cmocka_unit_test(what_an_error_quotes_is_restored),
		cmocka_unit_test(a_damaged_quote_is_seen),
		cmocka_unit_test(a_checksum_of_udp_lite_is_never_zero),
	};

	return cmocka_run_group_tests_name("rewrite", tests, NULL, done);
}
