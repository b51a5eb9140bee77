/* SPDX-License-Identifier: BSD-2-Clause */
/* The first bytes of a connection, whatever they turn out to be. */
#include "inspect_fixture.h"

static struct account a;

static void tls_and_then_anything(void **state)
{
	struct bytes message, stream = { .len = 0 };

	(void)state;
	named_message(&message, "a.example");
	put_records(&stream, &message, 20);
	put(&stream, "\x17\x03\x03GET / HTTP/1.1\r\nHost: x\r\n\r\n", 30);
	/* A ServerHello. */
	said[0] = (struct said){ 1, "\x16\3\3\0\x2c\2\0\0\x28\3\3random", 17 };
	run_all_ways(stream.at, stream.len, &a);
	memset(said, 0, sizeof(said));
	assert_string_equal(a.names, "a.example|");
	assert_int_equal(a.last, INSPECT_PASS);
	assert_int_equal(a.passed, stream.len);
}

static void http(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

	(void)state;
	run_all_ways(text, sizeof(text) - 1, &a);
	assert_string_equal(a.names, "a.example|");
	assert_int_equal(a.wish.sort, INSPECT_HTTP);
}

static void nobody_can_tell(void **state)
{
	struct inspect_stream stream = { 0 };
	struct inspect_wish wish;
	size_t pass;

	(void)state;
	assert_int_equal(inspect_stream(&stream, (const uint8_t *)"SSH-2.0", 7, &pass, &wish),
			 INSPECT_MORE);
	assert_int_equal(pass, 0);
	assert_false(inspect_stream_over(&stream));
	assert_int_equal(inspect_stream(&stream, (const uint8_t *)"SSH-2.0\r\n", 9, &pass, &wish),
			 INSPECT_OTHER);
	assert_int_equal(pass, 9);
	assert_true(inspect_stream_over(&stream));
	assert_int_equal(inspect_stream(&stream, (const uint8_t *)"GET / HTTP/1.1\r\n", 16, &pass,
					&wish),
			 INSPECT_PASS);
	assert_int_equal(pass, 16);
}

static void broken_for_ever(void **state)
{
	struct inspect_stream stream = { 0 };
	struct inspect_wish wish;
	size_t pass;

	(void)state;
	assert_int_equal(inspect_stream(&stream, (const uint8_t *)"\x16\x03\x01\0\0", 5, &pass,
					&wish),
			 INSPECT_MALFORMED);
	assert_non_null(wish.fault);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(inspect_stream(&stream, (const uint8_t *)"GET / HTTP/1.1\r\n", 16,
						&pass, &wish),
				 INSPECT_MALFORMED);
		assert_int_equal(pass, 0);
		assert_non_null(wish.fault);
	}
}

static void nothing_yet(void **state)
{
	struct inspect_stream stream = { 0 };
	struct inspect_wish wish;
	size_t pass;

	(void)state;
	assert_int_equal(inspect_stream(&stream, NULL, 0, &pass, &wish), INSPECT_MORE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tls_and_then_anything), cmocka_unit_test(http),
		cmocka_unit_test(nobody_can_tell),	 cmocka_unit_test(broken_for_ever),
		cmocka_unit_test(nothing_yet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
