/* SPDX-License-Identifier: BSD-2-Clause */
/* What a server answers, in any pieces: whether it changes the protocol, or wants another hello. */
#include "inspect_fixture.h"

static enum inspect_answer hear_in(enum inspect_where where, const void *data, size_t len,
				   size_t step)
{
	struct inspect_stream stream = { .where = where, .answer = INSPECT_AWAITED };
	const uint8_t *at = data;

	for (size_t i = 0; i < len; i += step) {
		enum inspect_answer before = stream.answer;
		size_t here = len - i < step ? len - i : step;

		bool news = inspect_heard(&stream, at + i, here);

		assert_int_equal(news, stream.answer != before);
	}
	return stream.answer;
}

static enum inspect_answer hear_all_ways(enum inspect_where where, const void *data, size_t len)
{
	enum inspect_answer whole = hear_in(where, data, len, len ? len : 1);

	assert_int_equal(hear_in(where, data, len, 1), whole);
	assert_int_equal(hear_in(where, data, len, 7), whole);
	return whole;
}

static enum inspect_answer http(const char *text)
{
	return hear_all_ways(INSPECT_AT_HEAD, text, strlen(text));
}

static void the_first_final_answer_counts(void **state)
{
	(void)state;
	assert_int_equal(http("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
			 INSPECT_AGREED);
	assert_int_equal(http("HTTP/1.1 101\r\n\r\n"), INSPECT_AGREED);
	assert_int_equal(http("HTTP/1.0 103 x\r\nLink: a\r\n\r\nHTTP/1.1 101 x\r\n\r\nany"),
			 INSPECT_AGREED);
	assert_int_equal(http("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 x\r\n\r\n"), INSPECT_GOES_ON);
	assert_int_equal(http("HTTP/1.1 426 x\r\n\r\n"), INSPECT_GOES_ON);
	assert_int_equal(http("HTTP/1.1 101 x\r\nUpgrade: x\r\n"), INSPECT_AWAITED);
	assert_int_equal(http("HTTP/1.1 100 x\r\n\r\n"), INSPECT_AWAITED);
	assert_int_equal(http(""), INSPECT_AWAITED);
}

static void what_is_no_answer(void **state)
{
	static const char *const texts[] = {
		"HTTP/2.1 101 x\r\n\r\n",  "http/1.1 101 x\r\n\r\n", "HTTP/1.1 1010 x\r\n\r\n",
		"HTTP/1.1 10\r\n\r\n",	   "HTTP/1.1  101 x\r\n",    "HTTP/1.1 101 x\n\n",
		"HTTP/1.1 101 x\r\rX\r\n", "\r\nHTTP/1.1 101 x\r\n", "HTTP/1.1 101 x\r\na: b\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (http(texts[i]) != INSPECT_STRANGE)
			fail_msg("an answer: %s", texts[i]);
	}
}

static void put_server_hello(struct bytes *b, bool retry, size_t piece)
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
}

static enum inspect_answer tls(const struct bytes *b)
{
	return hear_all_ways(INSPECT_AT_RECORD, b->at, b->len);
}

static void a_server_hello_or_a_retry(void **state)
{
	static const size_t pieces[] = { 1, 5, 43, 16384 };

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct bytes b = { .len = 0 };

		/* A warning about the name, and an empty record. */
		put(&b, "\x15\3\3\0\2\1\x70\x16\3\3\0\0", 12);
		put_server_hello(&b, false, pieces[i]);
		assert_int_equal(tls(&b), INSPECT_GOES_ON);
		b.len = 0;
		put_server_hello(&b, true, pieces[i]);
		put(&b, "\x14\3\3\0\1\1", 6);
		assert_int_equal(tls(&b), INSPECT_RETRIES);
		/* An answer to the second hello stands behind it. */
		put_server_hello(&b, false, pieces[i]);
		assert_int_equal(tls(&b), INSPECT_GOES_ON);
	}
}

static void what_is_no_tls(void **state)
{
	struct bytes b = { .len = 0 };

	(void)state;
	put(&b, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
	assert_int_equal(tls(&b), INSPECT_STRANGE);
	b.len = 0;
	put(&b, "\x16\3\3\0\4\x0b\0\0\1", 9);
	assert_int_equal(tls(&b), INSPECT_STRANGE);
	b.len = 0;
	put(&b, "\x16\3\3\0\4\2\0\0\1", 9);
	assert_int_equal(tls(&b), INSPECT_STRANGE);
	b.len = 0;
	put(&b, "\x17\3\3\0\4", 5);
	assert_int_equal(tls(&b), INSPECT_STRANGE);
}

static void who_speaks_first_answers_nothing(void **state)
{
	struct inspect_stream stream = { 0 };

	(void)state;
	assert_false(inspect_heard(&stream, NULL, 0));
	assert_int_equal(stream.answer, INSPECT_UNASKED);
	assert_true(inspect_heard(&stream, (const uint8_t *)"220 mail\r\n", 10));
	assert_int_equal(stream.answer, INSPECT_STRANGE);
	assert_false(inspect_heard(&stream, (const uint8_t *)"HTTP/1.1 101 x\r\n\r\n", 18));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_final_answer_counts),
		cmocka_unit_test(what_is_no_answer),
		cmocka_unit_test(a_server_hello_or_a_retry),
		cmocka_unit_test(what_is_no_tls),
		cmocka_unit_test(who_speaks_first_answers_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
