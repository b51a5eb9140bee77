/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets of verify: built, read again, spoilt in each place; errors and what they quote; words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "verify/verify.h"

static struct verify_packet made(uint8_t proto)
{
	struct verify_packet p = {
		.src = { 0x0a000002, 5000 },
		.dst = { VERIFY_X, 53 },
		.proto = proto,
		.ttl = 64,
		.id = 7,
		.len = 5,
	};

	memcpy(p.data, "hello", 5);
	if (proto == VERIFY_TCP)
		p.flags = VERIFY_SYN;
	if (proto == VERIFY_ICMP) {
		p.type = 8;
		p.dst.port = p.src.port;
		p.word = 5000u << 16;
	}
	return p;
}

static void known_bytes(void **state)
{
	/* Computed by hand from RFC 791 and RFC 768. */
	static const uint8_t wanted[] = {
		0x45, 0,   0, 29,  0, 7,    0,	  0, 64, 17, 0, 0, 10, 0,   0,
		2,    203, 0, 113, 9, 0x13, 0x88, 0, 53, 0,  9, 0, 0,  'h',
	};
	struct verify_packet p = made(VERIFY_UDP);
	uint8_t bytes[VERIFY_BYTES_MAX];

	(void)state;
	p.len = 1;
	assert_int_equal(verify_build(&p, bytes), sizeof(wanted));
	assert_memory_equal(bytes, wanted, 10);
	assert_memory_equal(bytes + 12, wanted + 12, 14);
	/* 4500+001d+0007+0000+4011+0a00+0002+cb00+7109 = 1cb40: cb41, inverted 34be. */
	assert_int_equal(bytes[10] << 8 | bytes[11], 0x34be);
	/* Pseudo header 0a00+0002+cb00+7109+0011+0009, header 1388+0035+0009, data 6800. */
	assert_int_equal(bytes[26] << 8 | bytes[27], 0x3e13);
}

static void there_and_back(void **state)
{
	static const uint8_t protos[] = { VERIFY_UDP, VERIFY_TCP, VERIFY_ICMP, VERIFY_DCCP };

	(void)state;
	for (size_t i = 0; i < sizeof(protos); i++) {
		struct verify_packet p = made(protos[i]), got;
		uint8_t bytes[VERIFY_BYTES_MAX];
		size_t len = verify_build(&p, bytes);

		assert_null(verify_read(bytes, len, &got));
		assert_int_equal(got.src.addr, p.src.addr);
		assert_int_equal(got.dst.addr, p.dst.addr);
		assert_int_equal(got.len, 5);
		assert_memory_equal(got.data, "hello", 5);
		assert_int_equal(got.id, 7);
		if (protos[i] != VERIFY_DCCP) {
			assert_int_equal(got.src.port, 5000);
			assert_int_equal(got.dst.port, p.dst.port);
		}
	}
}

/* Each bit that is wrong anywhere is seen, but in what no checksum covers: link padding. */
static void each_bit_counts(void **state)
{
	static const uint8_t protos[] = { VERIFY_UDP, VERIFY_TCP, VERIFY_ICMP };

	(void)state;
	for (size_t i = 0; i < sizeof(protos); i++) {
		struct verify_packet p = made(protos[i]), got;
		uint8_t bytes[VERIFY_BYTES_MAX];
		size_t len = verify_build(&p, bytes);

		for (size_t bit = 0; bit < len * 8; bit++) {
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (!verify_read(bytes, len, &got))
				fail_msg("protocol %u, bit %zu", protos[i], bit);
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		for (size_t cut = 0; cut < len; cut++)
			assert_non_null(verify_read(bytes, cut, &got));
	}
}

static void errors_quote(void **state)
{
	struct verify_packet p = made(VERIFY_TCP), error, quoted;

	(void)state;
	p.seq = 77;
	verify_error_about(&error, VERIFY_ROUTER, 11, 0, &p);
	assert_true(verify_is_error(&error));
	assert_int_equal(error.dst.addr, p.src.addr);
	assert_null(verify_read_quoted(&error, &quoted));
	assert_int_equal(quoted.src.port, 5000);
	assert_int_equal(quoted.seq, 77);
	/* 8 bytes behind the IP header are enough, 7 are not. */
	error.len = 28;
	assert_null(verify_read_quoted(&error, &quoted));
	assert_int_equal(quoted.seq, 77);
	error.len = 27;
	assert_non_null(verify_read_quoted(&error, &quoted));
	/* Its transport checksum is not looked at, its IP checksum is. */
	verify_error_about(&error, VERIFY_ROUTER, 11, 0, &p);
	error.data[36] ^= 1;
	assert_null(verify_read_quoted(&error, &quoted));
	error.data[8] ^= 1;
	assert_non_null(verify_read_quoted(&error, &quoted));
}

static void in_words(void **state)
{
	struct verify_packet p = made(VERIFY_UDP), error;
	char text[VERIFY_TEXT_SIZE];

	(void)state;
	assert_string_equal(verify_text(text, &p),
			    "udp 10.0.0.2:5000 > 203.0.113.9:53, 5 bytes, id 7, ttl 64");
	verify_error_about(&error, VERIFY_ROUTER, 3, 4, &p);
	error.word = 1280;
	assert_string_equal(verify_text(text, &error),
			    "icmp 192.0.2.77 > 10.0.0.2, unreachable 3 code 4, mtu 1280, about "
			    "10.0.0.2:5000 > 203.0.113.9:53, ttl 60");
	p = made(VERIFY_TCP);
	p.flags |= VERIFY_ACK;
	p.ack = 3;
	assert_string_equal(
		verify_text(text, &p),
		"tcp 10.0.0.2:5000 > 203.0.113.9:53 syn ack, seq 0, ack 3, 5 bytes, id 7, "
		"ttl 64");
	p = made(VERIFY_DCCP);
	p.mf = true;
	assert_string_equal(verify_text(text, &p), "protocol 33 10.0.0.2:5000 > 203.0.113.9:53, 5 "
						   "bytes, id 7, more, ttl 64");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_bytes),	   cmocka_unit_test(there_and_back),
		cmocka_unit_test(each_bit_counts), cmocka_unit_test(errors_quote),
		cmocka_unit_test(in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
