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

/* A ServerHello, or a HelloRetryRequest, in records of `piece` bytes; then what comes with it. */
static void put_answer(struct bytes *b, bool retry, size_t piece)
{
	static const uint8_t random[32] = {
		0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
		0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
		0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
	};
	struct bytes message = { .len = 0 };

	put(&message, "\2\0\0\50\3\3", 6);
	put(&message, random, sizeof(random));
	if (!retry)
		message.at[37] ^= 1;
	put(&message, "\0\x13\1\0\0\0", 6);
	put_records(b, &message, piece);
	put(b, KEYS, 6);
}

static struct bytes answers[4];

/* What the server says after so many hellos. */
static void answers_with(size_t wishes, bool retry, size_t piece)
{
	struct bytes *b = &answers[wishes];

	b->len = 0;
	put_answer(b, retry, piece);
	said[wishes] = (struct said){ wishes, b->at, b->len };
}

static int begin(void **state)
{
	(void)state;
	stream.len = 0;
	memset(said, 0, sizeof(said));
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
			answers_with(1, true, pieces[i]);
			answers_with(2, false, pieces[i]);
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
	answers_with(1, true, 16384);
	answers_with(2, false, 16384);
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
	answers_with(1, true, 16384);
	run_all_ways(stream.at, stream.len, &a);
	assert_string_equal(a.names, "a.example|b.example|");
}

static void a_third_one(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		put_named("a.example", 16384);
	answers_with(1, true, 16384);
	answers_with(2, true, 1);
	run_all_ways(stream.at, stream.len, &a);
	assert_string_equal(a.names, "a.example|a.example|a.example|");
}

/* TLS 1.2: the exchange of keys, and its shorter form, whose end is sealed and may begin with 1. */
static void what_only_looks_like_one(void **state)
{
	uint8_t sealed[40] = { 1, 7, 0, 0, 9, 9 };

	(void)state;
	answers_with(1, false, 16384);
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
	for (unsigned retry = 0; retry < 2; retry++) {
		begin(NULL);
		answers_with(1, retry, 16384);
		put_named("a.example", 16384);
		put_record(22, cut, sizeof(cut));
		run_all_ways(stream.at, stream.len, &a);
		assert_int_equal(a.last, INSPECT_MALFORMED);
		assert_string_equal(a.names, "a.example|");
	}
}

/* Of what was sent behind a hello no byte but those of the hello may pass. */
static void refused_behind_a_retry(size_t hello_len)
{
	run_all_ways(stream.at, stream.len, &a);
	assert_int_equal(a.last, INSPECT_MALFORMED);
	assert_int_equal(a.passed, hello_len);
	assert_string_equal(a.names, "a.example|");
}

static void a_second_that_a_laxer_server_takes(void **state)
{
	struct bytes message;
	size_t first;

	(void)state;
	put_named("a.example", 16384);
	first = stream.len;
	answers_with(1, true, 16384);
	/* Of a version that is none; in which nobody is to be read here. */
	named_message(&message, "b.example");
	message.at[5] = 5;
	put_records(&stream, &message, 16384);
	run_all_ways(stream.at, stream.len, &a);
	assert_string_equal(a.names, "a.example|b.example|");
	stream.len = first;
	message.at[4] = 4;
	put_records(&stream, &message, 16384);
	refused_behind_a_retry(first);
	/* Longer than is looked at, whatever record it comes in. */
	stream.len = first;
	put_record(22, "\1\1\0\0\3\3", 6);
	refused_behind_a_retry(first);
	stream.len = first;
	put_record(22, "\x10\0\0\1x", 5);
	refused_behind_a_retry(first);
	stream.len = first;
	put_record(23, "sealed", 6);
	refused_behind_a_retry(first);
	stream.len = first;
	put_record(24, "heartbeat", 9);
	refused_behind_a_retry(first);
	stream.len = first;
	put(&stream, "GET / HTTP/1.1\r\n", 16);
	refused_behind_a_retry(first);
}

/* A server that has not said yet what it wants may take as a hello what is none. */
static void nothing_goes_before_the_server_has_answered(void **state)
{
	size_t first;

	(void)state;
	put_named("a.example", 16384);
	first = stream.len;
	put_named("b.example", 16384);
	run_all_ways(stream.at, stream.len, &a);
	assert_int_equal(a.last, INSPECT_MORE);
	assert_int_equal(a.passed, first);
	stream.len = first;
	put_record(23, "sealed", 6);
	run_all_ways(stream.at, stream.len, &a);
	assert_int_equal(a.last, INSPECT_MORE);
	assert_int_equal(a.passed, first);
	while (stream.len < first + INSPECT_WINDOW)
		put8(&stream, 'x');
	refused_behind_a_retry(first);
}

/* The server speaks first, or of something else: what may follow is as after a retry. */
static void a_strange_server(void **state)
{
	size_t first;

	(void)state;
	put_named("a.example", 16384);
	first = stream.len;
	put_record(22, "\x10\0\0\1x", 5);
	said[0] = (struct said){ 0, "220 hello\r\n", 11 };
	refused_behind_a_retry(first);
	said[0] = (struct said){ 1, "HTTP/1.1 400 Bad Request\r\n", 26 };
	refused_behind_a_retry(first);
	said[0] = (struct said){ 1, "\x16\3\3\0\4\2\0\0\1", 9 };
	refused_behind_a_retry(first);
	said[0] = (struct said){ 1, "\x16\3\3\0\4\x0b\0\0\1", 9 };
	refused_behind_a_retry(first);
}

/* RFC 6066 3: a server may complain about the name, and go on. */
static void a_server_that_warns(void **state)
{
	(void)state;
	put_named("a.example", 16384);
	put_record(22, "\x10\0\0\1x", 5);
	answers[3].len = 0;
	put(&answers[3], "\x15\3\3\0\2\1\x70", 7);
	put_answer(&answers[3], false, 5);
	said[0] = (struct said){ 1, answers[3].at, answers[3].len };
	run_all_ways(stream.at, stream.len, &a);
	assert_int_equal(a.last, INSPECT_PASS);
	assert_int_equal(a.passed, stream.len);
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
	assert_int_equal(inspect_stream(&s, stream.at, stream.len, &pass, &wish),
			 INSPECT_MALFORMED);
	assert_int_equal(pass, 0);
}

static void what_is_no_tls_any_more(void **state)
{
	(void)state;
	put_named("a.example", 16384);
	put(&stream, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
	answers_with(1, false, 16384);
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
		cmocka_unit_test_setup(a_second_that_a_laxer_server_takes, begin),
		cmocka_unit_test_setup(nothing_goes_before_the_server_has_answered, begin),
		cmocka_unit_test_setup(a_strange_server, begin),
		cmocka_unit_test_setup(a_server_that_warns, begin),
		cmocka_unit_test_setup(it_ends_some_time, begin),
		cmocka_unit_test_setup(what_is_no_tls_any_more, begin),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
