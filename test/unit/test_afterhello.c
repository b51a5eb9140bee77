/* SPDX-License-Identifier: BSD-2-Clause */
/* What follows a ClientHello: another one is weighed too, and nothing else is taken for one. */
#include "inspect_fixture.h"

#define KEYS "\x14\x03\x03\0\1\1" /* a change of keys, which in TLS 1.3 is none */

static struct account a;
static struct bytes stream;

static void put_named(const char *name, size_t piece)
{
	struct bytes message;

	named_message(&message, name);
	put_records(&stream, &message, piece);
}

/* One that announces early data. */
static void put_early(const char *name)
{
	struct bytes extensions = { .len = 0 };
	struct bytes message = { .len = 0 };

	put_server_name(&extensions, name, strlen(name));
	put_extension(&extensions, 42, NULL, 0);
	put_message(&message, &extensions);
	put_records(&stream, &message, 16384);
}

static void put_record(unsigned type, const void *bytes, size_t len)
{
	put8(&stream, type);
	put16(&stream, 0x0303);
	put16(&stream, len);
	put(&stream, bytes, len);
}

static int begin(void **state)
{
	(void)state;
	stream.len = 0;
	return 0;
}

static void the_answer_to_a_retry_is_weighed(void **state)
{
	static const size_t pieces[] = { 1, 2, 15, 16, 20, 16384 };

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		for (unsigned keys = 0; keys < 2; keys++) {
			stream.len = 0;
			put_named("a.example", 16384);
			if (keys)
				put(&stream, KEYS, 6);
			put_named("b.example", pieces[i]);
			put_record(23, "sealed", 6);
			run_all_ways(stream.at, stream.len, &a);
			assert_string_equal(a.names, "a.example|b.example|");
			assert_int_equal(a.passed, stream.len);
			assert_int_equal(a.last, INSPECT_PASS);
		}
	}
}

static void behind_early_data(void **state)
{
	(void)state;
	put_early("a.example");
	put_record(23, "early data", 10);
	put(&stream, KEYS, 6);
	put_record(23, "more of it", 10);
	put_named("b.example", 50);
	put_record(23, "sealed", 6);
	/* The second announces none: what is sealed now is so by its own keys. */
	put_named("c.example", 50);
	run_all_ways(stream.at, stream.len, &a);
	assert_string_equal(a.names, "a.example|b.example|");
	assert_int_equal(a.passed, stream.len);
}

static void behind_records_without_bytes_and_alerts(void **state)
{
	(void)state;
	put_named("a.example", 16384);
	put_record(22, "", 0);
	put_record(21, "\1\0", 2);
	put_named("b.example", 16384);
	run_all_ways(stream.at, stream.len, &a);
	assert_string_equal(a.names, "a.example|b.example|");
}

static void a_third_one(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		put_named("a.example", 16384);
	run_all_ways(stream.at, stream.len, &a);
	assert_string_equal(a.names, "a.example|a.example|a.example|");
}

/* TLS 1.2: the exchange of keys, and its shorter form, whose end is sealed and may begin with 1. */
static void what_only_looks_like_one(void **state)
{
	uint8_t sealed[40] = { 1, 7, 0, 0, 9, 9 };

	(void)state;
	put_named("a.example", 16384);
	put_record(22, "\x10\0\0\x21 the key of the client, 33 bytes", 37);
	put(&stream, KEYS, 6);
	put_named("b.example", 16384);
	run_all_ways(stream.at, stream.len, &a);
	assert_string_equal(a.names, "a.example|");
	assert_int_equal(a.passed, stream.len);
	stream.len = 0;
	put_named("a.example", 16384);
	put(&stream, KEYS, 6);
	put_record(22, sealed, sizeof(sealed));
	put_record(23, "sealed", 6);
	run_all_ways(stream.at, stream.len, &a);
	assert_string_equal(a.names, "a.example|");
	assert_int_equal(a.passed, stream.len);
	assert_int_equal(a.last, INSPECT_PASS);
}

static void a_second_that_is_broken(void **state)
{
	uint8_t cut[60] = { 1, 0, 0, 56, 3, 3 };

	(void)state;
	put_named("a.example", 16384);
	put_record(22, cut, sizeof(cut));
	run_all_ways(stream.at, stream.len, &a);
	assert_int_equal(a.last, INSPECT_MALFORMED);
	assert_string_equal(a.names, "a.example|");
}

static void it_ends_some_time(void **state)
{
	static struct inspect_stream s;
	struct inspect_wish wish;
	size_t pass;

	(void)state;
	put_early("a.example");
	memset(&s, 0, sizeof(s));
	assert_int_equal(inspect_stream(&s, stream.at, stream.len, &pass, &wish), INSPECT_WISH);
	assert_true(wish.early);
	stream.len = 0;
	put_record(23, "early", 5);
	for (unsigned i = 0; i < INSPECT_RECORDS_MAX; i++) {
		assert_int_equal(inspect_stream(&s, stream.at, stream.len, &pass, &wish),
				 INSPECT_PASS);
		assert_int_equal(pass, stream.len);
		assert_false(inspect_stream_over(&s));
	}
	assert_int_equal(inspect_stream(&s, stream.at, stream.len, &pass, &wish), INSPECT_PASS);
	assert_true(inspect_stream_over(&s));
}

static void what_is_no_tls_any_more(void **state)
{
	(void)state;
	put_named("a.example", 16384);
	put(&stream, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
	run_all_ways(stream.at, stream.len, &a);
	assert_string_equal(a.names, "a.example|");
	assert_int_equal(a.passed, stream.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_answer_to_a_retry_is_weighed, begin),
		cmocka_unit_test_setup(behind_early_data, begin),
		cmocka_unit_test_setup(behind_records_without_bytes_and_alerts, begin),
		cmocka_unit_test_setup(a_third_one, begin),
		cmocka_unit_test_setup(what_only_looks_like_one, begin),
		cmocka_unit_test_setup(a_second_that_is_broken, begin),
		cmocka_unit_test_setup(it_ends_some_time, begin),
		cmocka_unit_test_setup(what_is_no_tls_any_more, begin),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
