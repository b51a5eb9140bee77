/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of grader and responder: there and back, what is none, and the keyed hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "verify/verify.h"

static void there_and_back(void **state)
{
	struct verify_message m = {
		.kind = VERIFY_SEND,
		.full = true,
		.other = true,
		.port = 65535,
		.cookie = 0x123456789abcdef0,
		.seen = { 0xcb007109, 40000 },
	};
	struct verify_message got;
	uint8_t bytes[VERIFY_MESSAGE];

	(void)state;
	memset(m.nonce, 0x5a, sizeof(m.nonce));
	verify_message_write(&m, bytes);
	assert_true(verify_message_read(bytes, sizeof(bytes), &got));
	assert_int_equal(got.kind, VERIFY_SEND);
	assert_true(got.full && got.other);
	assert_int_equal(got.port, 65535);
	assert_true(got.cookie == m.cookie);
	assert_int_equal(got.seen.addr, 0xcb007109);
	assert_int_equal(got.seen.port, 40000);
	assert_memory_equal(got.nonce, m.nonce, sizeof(m.nonce));
}

static void none(void **state)
{
	struct verify_message m = { .kind = VERIFY_GREET }, got;
	uint8_t bytes[VERIFY_MESSAGE];

	(void)state;
	verify_message_write(&m, bytes);
	assert_false(verify_message_read(bytes, sizeof(bytes) - 1, &got));
	for (int i = 0; i < 5; i++) {
		bytes[i] ^= 1;
		assert_false(verify_message_read(bytes, sizeof(bytes), &got));
		bytes[i] ^= 1;
	}
	for (unsigned kind = 0; kind < 256; kind++) {
		bytes[5] = (uint8_t)kind;
		assert_int_equal(verify_message_read(bytes, sizeof(bytes), &got),
				 kind == 1 || kind == 2 || kind == 129 || kind == 130);
	}
}

/* The vector of the paper, appendix A. */
static void siphash(void **state)
{
	const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	uint8_t bytes[15];

	(void)state;
	for (uint8_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i;
	assert_true(verify_keyed(key, bytes, sizeof(bytes)) == 0xa129ca6149be45e5);
	assert_true(verify_keyed(key, bytes, 0) == 0x726fdb47dd0e0e31);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(none),
		cmocka_unit_test(siphash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
