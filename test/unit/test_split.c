/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The splitter. What it makes of a super-segment is put together again and
 * must be the very bytes, in packets that parse with checksums and all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "catch.h"
#include "dice.h"
#include "forge.h"

#define EXTENTS_MAX 64

/* A super-segment in pieces of memory of its own, and its packets. */
struct run {
	struct minato_frame_out frame;
	struct minato_extent extents[EXTENTS_MAX];
	uint32_t link_len;
	uint8_t header[128];
	struct minato_extent out[EXTENTS_MAX + 1];
	uint8_t bytes[FORGE_MAX]; /* of one packet */
	uint32_t len;
	struct packet packet;
};

static struct forge f;
static struct run r;

/* Takes the forged frame as a run; pieces of payload of up to `piece`. */
static void prepare(uint16_t gso_size, uint32_t piece)
{
	uint32_t header_len;
	uint32_t count = 1;

	forge_frame(&f);
	header_len = f.transport_at + f.header_len;
	r.link_len = f.ip_at;
	r.extents[0] = (struct minato_extent){ f.frame, header_len };
	for (uint32_t at = header_len; at < f.len; at += piece) {
		uint32_t part = f.len - at < piece ? f.len - at : piece;
		assert_true(count < EXTENTS_MAX);
		r.extents[count++] =
			(struct minato_extent){ f.frame + at, part };
	}
	r.frame = (struct minato_frame_out){
		.extents = r.extents,
		.extent_count = count,
		.len = f.len,
		.gso_size = gso_size,
		.gso = gso_size == 0 ? MINATO_GSO_NONE :
		       f.proto == 17 ? MINATO_GSO_UDP :
		       f.is6	     ? MINATO_GSO_TCP6 :
				       MINATO_GSO_TCP4,
		.header_len = (uint16_t)header_len,
		.csum_start = (uint16_t)f.transport_at,
		.csum_offset = f.proto == 17 ? 6 : 16,
	};
}

static void gather(uint32_t count)
{
	r.len = 0;
	for (uint32_t i = 0; i < count; i++) {
		memcpy(r.bytes + r.len, r.out[i].base, r.out[i].len);
		r.len += (uint32_t)r.out[i].len;
	}
}

/* Makes packet `index`; false beyond the last. It must parse. */
static bool take(uint32_t index)
{
	struct minato_frame in = { .data = r.bytes };
	uint32_t count = split_packet(&r.frame, index, r.link_len, r.header,
				      r.out, EXTENTS_MAX + 1);

	if (count == 0)
		return false;
	assert_ptr_equal(r.out[0].base, r.header);
	gather(count);
	in.len = r.len;
	assert_int_equal(packet_parse(&in,
				      f.ip_link ? MINATO_LINK_IP :
						  MINATO_LINK_ETHERNET,
				      forge_mac, &r.packet),
			 DROP_NONE);
	return true;
}

static void fill_payload(uint32_t len)
{
	struct dice dice = { len };
	dice_fill(&dice, f.payload, len);
}

/* All packets together are the payload, in packets of the size. */
static uint32_t take_all(uint16_t gso_size)
{
	uint32_t index = 0;
	uint32_t seen = 0;

	for (; take(index); index++) {
		uint32_t left = f.payload_len - seen;
		assert_int_equal(r.packet.payload_len,
				 left < gso_size ? left : gso_size);
		assert_memory_equal(r.packet.payload, f.payload + seen,
				    r.packet.payload_len);
		seen += r.packet.payload_len;
	}
	assert_int_equal(seen, f.payload_len);
	assert_int_equal(index, split_count(&r.frame));
	return index;
}

static void segments_carry_all_bytes(void **state)
{
	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		forge_tcp(&f, is6, "\1\1\x08\x0a\0\0\0\7\0\0\0\x09", 12, 60000);
		fill_payload(60000);
		prepare(1448, 20000);
		assert_int_equal(take_all(1448), 42);
	}
}

static void datagrams_carry_all_bytes(void **state)
{
	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		forge_udp(&f, is6, 10000);
		fill_payload(10000);
		prepare(1200, 3333);
		assert_int_equal(take_all(1200), 9);
	}
}

static void bare_packets_carry_all_bytes(void **state)
{
	(void)state;
	forge_tcp(&f, true, NULL, 0, 5000);
	f.ip_link = true;
	fill_payload(5000);
	prepare(1000, 700);
	assert_int_equal(take_all(1000), 5);
}

static void odd_pieces_carry_all_bytes(void **state)
{
	struct dice dice = { 15 };
	(void)state;
	for (int round = 0; round < 300; round++) {
		uint32_t len = 1 + dice_below(&dice, 20000);
		uint16_t size = (uint16_t)(1 + dice_below(&dice, 2000));
		if (len / size > 500)
			continue;
		if (round % 2)
			forge_tcp(&f, round % 3 == 0, NULL, 0, len);
		else
			forge_udp(&f, round % 3 == 0, len);
		fill_payload(len);
		prepare(size, len / 40 + 1 + dice_below(&dice, 900));
		take_all(size);
	}
}

static void sequence_numbers_go_on(void **state)
{
	(void)state;
	forge_tcp(&f, false, NULL, 0, 3000);
	forge_put32(f.header + 4, 0xfffffc00); /* and wrap */
	prepare(1000, 3000);
	for (uint32_t i = 0; take(i); i++) {
		assert_int_equal(r.packet.tcp.seq.v, 0xfffffc00u + i * 1000);
		assert_int_equal(r.packet.tcp.ack.v, 0x05060708);
		assert_int_equal(r.packet.tcp.window, 500);
	}
}

static void fin_and_psh_are_on_the_last(void **state)
{
	(void)state;
	forge_tcp(&f, false, NULL, 0, 3000);
	f.header[13] = TCP_FIN | TCP_PSH | TCP_ACK;
	prepare(1000, 3000);
	take(0);
	assert_int_equal(r.packet.tcp.flags, TCP_ACK);
	take(1);
	assert_int_equal(r.packet.tcp.flags, TCP_ACK);
	take(2);
	assert_int_equal(r.packet.tcp.flags, TCP_FIN | TCP_PSH | TCP_ACK);
}

static void cwr_is_on_the_first(void **state)
{
	(void)state;
	forge_tcp(&f, false, NULL, 0, 3000);
	f.header[13] = TCP_CWR | TCP_ECE | TCP_ACK;
	prepare(1000, 3000);
	take(0);
	assert_int_equal(r.packet.tcp.flags, TCP_CWR | TCP_ECE | TCP_ACK);
	take(1);
	assert_int_equal(r.packet.tcp.flags, TCP_ECE | TCP_ACK);
	take(2);
	assert_int_equal(r.packet.tcp.flags, TCP_ECE | TCP_ACK);
}

static void options_are_on_every_segment(void **state)
{
	(void)state;
	forge_tcp(&f, true, "\1\1\x08\x0a\0\0\0\7\0\0\0\x09", 12, 3000);
	prepare(1000, 3000);
	for (uint32_t i = 0; take(i); i++)
		assert_int_equal(r.packet.tcp.options.tsval, 7);
}

static void ipv4_identification_counts_up(void **state)
{
	(void)state;
	forge_tcp(&f, false, NULL, 0, 3000);
	f.id = 0xfffe;
	prepare(1000, 3000);
	for (uint32_t i = 0; take(i); i++)
		assert_int_equal(r.packet.ip[4] << 8 | r.packet.ip[5],
				 (0xfffe + i) & 0xffff);
}

static void the_template_is_left_alone(void **state)
{
	uint8_t before[128];
	(void)state;
	forge_tcp(&f, false, NULL, 0, 3000);
	prepare(1000, 3000);
	memcpy(before, f.frame, 54);
	for (uint32_t i = 0; take(i);)
		i++;
	assert_memory_equal(f.frame, before, 54);
}

static void payload_is_described_where_it_lies(void **state)
{
	(void)state;
	forge_tcp(&f, false, NULL, 0, 3000);
	prepare(1000, 1500);
	assert_int_equal(split_packet(&r.frame, 1, 14, r.header, r.out, 4), 3);
	assert_ptr_equal(r.out[1].base, f.frame + 54 + 1000);
	assert_int_equal(r.out[1].len, 500);
	assert_ptr_equal(r.out[2].base, f.frame + 54 + 1500);
	assert_int_equal(r.out[2].len, 500);
}

static void payload_behind_the_header_is_found(void **state)
{
	(void)state;
	forge_udp(&f, false, 3000);
	fill_payload(3000);
	prepare(1000, 3000);
	/* header and the first 1700 bytes in one extent */
	r.extents[0].len += 1700;
	r.extents[1].base = (uint8_t *)r.extents[1].base + 1700;
	r.extents[1].len -= 1700;
	take_all(1000);
}

static void an_exact_multiple_has_no_empty_tail(void **state)
{
	(void)state;
	forge_tcp(&f, false, NULL, 0, 3000);
	prepare(1000, 3000);
	assert_int_equal(split_count(&r.frame), 3);
	assert_false(take(3));
	assert_false(take(UINT32_MAX));
}

static void one_byte_more_is_a_packet_more(void **state)
{
	(void)state;
	forge_tcp(&f, false, NULL, 0, 3001);
	fill_payload(3001);
	prepare(1000, 3001);
	assert_int_equal(take_all(1000), 4);
}

static void a_frame_that_is_no_run_is_one_packet(void **state)
{
	(void)state;
	forge_tcp(&f, false, NULL, 0, 500);
	fill_payload(500);
	prepare(0, 500);
	r.frame.csum_start = 0; /* complete already */
	assert_int_equal(split_count(&r.frame), 1);
	assert_true(take(0));
	assert_int_equal(r.len, f.len);
	assert_memory_equal(r.bytes, f.frame, f.len);
	assert_false(take(1));
}

static void a_run_of_one_is_one_packet(void **state)
{
	(void)state;
	forge_tcp(&f, false, NULL, 0, 0);
	f.header[13] = TCP_FIN | TCP_ACK | TCP_CWR;
	prepare(1000, 1000);
	assert_int_equal(split_count(&r.frame), 1);
	assert_true(take(0));
	assert_int_equal(r.packet.tcp.flags, TCP_FIN | TCP_ACK | TCP_CWR);
}

static void too_few_extents_are_caught(void **state)
{
	(void)state;
	forge_tcp(&f, false, NULL, 0, 3000);
	prepare(1000, 1500);
	assert_check_fails(
		split_packet(&r.frame, 1, 14, r.header, r.out, 2));
}

/* --- partial checksums ---------------------------------------------------- */

/* Leaves the sum of the pseudo header in the field, as an offload has it. */
static void make_partial(void)
{
	uint32_t addr_len = f.is6 ? 16 : 4;
	uint32_t len = f.len - f.transport_at;
	uint32_t sum = forge_sum(f.src, addr_len, 0);

	sum = forge_sum(f.dst, addr_len, sum);
	sum = forge_sum((const uint8_t[]){ 0, f.proto }, 2, sum + len);
	forge_put16(f.frame + r.frame.csum_start + r.frame.csum_offset, sum);
}

static void a_partial_checksum_is_completed(void **state)
{
	struct dice dice = { 16 };
	(void)state;
	for (int round = 0; round < 500; round++) {
		uint32_t len = dice_below(&dice, 3000);
		if (round % 2)
			forge_tcp(&f, round % 4 < 2, NULL, 0, len);
		else
			forge_udp(&f, round % 4 < 2, len);
		fill_payload(len);
		prepare(0, 77 + len / 2);
		make_partial();
		split_complete(&r.frame);
		assert_int_equal(forge_parse_as_is(&f, f.len), DROP_NONE);
	}
}

static void the_splitter_completes_a_single_packet(void **state)
{
	(void)state;
	forge_udp(&f, true, 999);
	fill_payload(999);
	prepare(0, 500);
	make_partial();
	assert_true(take(0));
	assert_memory_equal(r.packet.payload, f.payload, 999);
}

/* RFC 768: all ones, for 0 says that there is none. */
static void a_udp_checksum_is_never_zero(void **state)
{
	int zeros = 0;
	(void)state;
	forge_udp(&f, false, 2);
	for (uint32_t word = 0; word < 65536; word++) {
		uint8_t *field;
		forge_put16(f.payload, word);
		prepare(0, 2);
		field = f.frame + r.frame.csum_start + 6;
		make_partial();
		assert_true(take(0));
		assert_true(r.packet.transport[6] != 0 ||
			    r.packet.transport[7] != 0);
		split_complete(&r.frame);
		assert_true(field[0] != 0 || field[1] != 0);
		zeros += field[0] == 0xff && field[1] == 0xff;
	}
	assert_int_equal(zeros, 1);
}

static void a_run_of_datagrams_has_no_zero_checksum(void **state)
{
	(void)state;
	forge_udp(&f, true, 4);
	for (uint32_t word = 0; word < 65536; word++) {
		forge_put16(f.payload, word);
		prepare(2, 4);
		assert_true(take(0));
		assert_true(r.packet.transport[6] != 0 ||
			    r.packet.transport[7] != 0);
	}
}

static void a_complete_checksum_is_left_alone(void **state)
{
	uint8_t before[64];
	(void)state;
	forge_tcp(&f, false, NULL, 0, 10);
	prepare(0, 10);
	r.frame.csum_start = 0;
	memcpy(before, f.frame, 64);
	split_complete(&r.frame);
	assert_memory_equal(f.frame, before, 64);
}

static void a_field_outside_the_header_is_caught(void **state)
{
	(void)state;
	forge_tcp(&f, false, NULL, 0, 10);
	prepare(0, 10);
	r.frame.csum_offset = 19;
	assert_check_fails(split_complete(&r.frame));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_carry_all_bytes),
		cmocka_unit_test(datagrams_carry_all_bytes),
		cmocka_unit_test(bare_packets_carry_all_bytes),
		cmocka_unit_test(odd_pieces_carry_all_bytes),
		cmocka_unit_test(sequence_numbers_go_on),
		cmocka_unit_test(fin_and_psh_are_on_the_last),
		cmocka_unit_test(cwr_is_on_the_first),
		cmocka_unit_test(options_are_on_every_segment),
		cmocka_unit_test(ipv4_identification_counts_up),
		cmocka_unit_test(the_template_is_left_alone),
		cmocka_unit_test(payload_is_described_where_it_lies),
		cmocka_unit_test(payload_behind_the_header_is_found),
		cmocka_unit_test(an_exact_multiple_has_no_empty_tail),
		cmocka_unit_test(one_byte_more_is_a_packet_more),
		cmocka_unit_test(a_frame_that_is_no_run_is_one_packet),
		cmocka_unit_test(a_run_of_one_is_one_packet),
		cmocka_unit_test(too_few_extents_are_caught),
		cmocka_unit_test(a_partial_checksum_is_completed),
		cmocka_unit_test(the_splitter_completes_a_single_packet),
		cmocka_unit_test(a_udp_checksum_is_never_zero),
		cmocka_unit_test(a_run_of_datagrams_has_no_zero_checksum),
		cmocka_unit_test(a_complete_checksum_is_left_alone),
		cmocka_unit_test(a_field_outside_the_header_is_caught),
	};
	return cmocka_run_group_tests_name("split", tests, NULL, NULL);
}
