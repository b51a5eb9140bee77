/* SPDX-License-Identifier: BSD-2-Clause */
/* The requests of one connection, one after another, in any pieces. */
#include "inspect_fixture.h"

static struct account a;

static void run(const char *text)
{
	run_all_ways(text, strlen(text), &a);
}

#define TO(host) "GET / HTTP/1.1\r\nHost: " host "\r\n\r\n"
#define POST(host, fields, body) "POST / HTTP/1.1\r\nHost: " host "\r\n" fields "\r\n\r\n" body

static void each_request_is_a_wish(void **state)
{
	(void)state;
	run(TO("a") TO("b") "\r\n" TO("c"));
	assert_string_equal(a.names, "a|b|c|");
	assert_int_equal(a.last, INSPECT_WISH);
	assert_int_equal(a.passed, 3 * strlen(TO("a")) + 2);
}

static void bodies_of_a_length(void **state)
{
	(void)state;
	run(POST("a", "Content-Length: 27", TO("x")) TO("b") POST("c", "Content-Length: 0", "")
		    TO("d"));
	assert_string_equal(a.names, "a|b|c|d|");
	/* One byte less, and the body ends before its last line end, which a next reader skips. */
	run(POST("a", "Content-Length: 25", TO("x")) "GET / HTTP/1.0\r\n\r\n");
	assert_int_equal(a.wishes, 2);
	run(POST("a", "Content-Length: 24", TO("x")) TO("b"));
	assert_int_equal(a.last, INSPECT_MALFORMED);
}

static void bodies_in_chunks(void **state)
{
	(void)state;
	run(POST("a", "Transfer-Encoding: chunked",
		 "1b\r\n" TO("x") "\r\n3;ext=\"1\"\r\nabc\r\n000\r\nTrailer: y\r\n\r\n") TO("b"));
	assert_string_equal(a.names, "a|b|");
	assert_int_equal(a.last, INSPECT_WISH);
}

static void refused(const char *text, const char *names)
{
	run(text);
	assert_string_equal(a.names, names);
	if (a.last != INSPECT_MALFORMED)
		fail_msg("not refused: %s", text);
	assert_non_null(a.fault);
}

#define CHUNKED(body) POST("a", "Transfer-Encoding: chunked", body)

static void chunks_that_may_not_be(void **state)
{
	(void)state;
	refused(CHUNKED("3\r\nabcd\r\n0\r\n\r\n"), "a|");
	refused(CHUNKED("3\r\nabc\n0\r\n\r\n"), "a|");
	refused(CHUNKED("3\nabc\r\n0\r\n\r\n"), "a|");
	refused(CHUNKED("0x3\r\nabc\r\n0\r\n\r\n"), "a|");
	refused(CHUNKED("+3\r\nabc\r\n0\r\n\r\n"), "a|");
	refused(CHUNKED(" 3\r\nabc\r\n0\r\n\r\n"), "a|");
	refused(CHUNKED("3 \r\nabc\r\n0\r\n\r\n"), "a|");
	refused(CHUNKED("\r\nabc\r\n0\r\n\r\n"), "a|");
	refused(CHUNKED("1000000000000000\r\nabc"), "a|");
	refused(CHUNKED("3;a\rb\r\nabc\r\n0\r\n\r\n"), "a|");
	refused(CHUNKED("0\r\nHost: b\r\n\r\n"), "a|");
	refused(CHUNKED("0\r\nx\r\n\r\n"), "a|");
	refused(CHUNKED("0\r\n\r\nSMUGGLED / HTTP/1.1\r\nX: y\r\n\r\n"), "a|");
}

static void what_follows_must_be_a_request(void **state)
{
	(void)state;
	refused(TO("a") "\x16\x03\x01 ", "a|");
	refused(TO("a") "hello\r\n", "a|");
	/* And once refused, for ever. */
	refused(TO("a") "hello\r\n" TO("b"), "a|");
}

static void a_long_line_of_a_chunk(void **state)
{
	char text[3000] = CHUNKED("3;");
	size_t len = strlen(text);

	(void)state;
	memset(text + len, 'a', 1500);
	refused(text, "a|");
}

#define UPGRADE "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"

#define AGREES "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"

static void says(size_t wishes, const char *text)
{
	memset(said, 0, sizeof(said));
	said[0] = (struct said){ wishes, text, strlen(text) };
}

static int server_is_silent(void **state)
{
	(void)state;
	memset(said, 0, sizeof(said));
	return 0;
}

static void after_the_servers_101_text_is_read_on(void **state)
{
	(void)state;
	says(1, AGREES);
	run(UPGRADE "\x81\x85" TO("x"));
	assert_string_equal(a.names, "a|");
	assert_int_equal(a.last, INSPECT_PASS);
	run(UPGRADE TO("b") TO("c"));
	assert_string_equal(a.names, "a|b|c|");
	run(UPGRADE TO("b") "\x82\x85" TO("x"));
	assert_string_equal(a.names, "a|b|");
	assert_int_equal(a.last, INSPECT_PASS);
	refused(UPGRADE "GET / HTTP/1.1\r\nHost: b\r\nHost: c\r\n\r\n", "a|");
	refused(UPGRADE "\r\n\r\n\r\n\r\n\r\n" TO("b"), "a|");
	run(UPGRADE "plain text\n" TO("x"));
	assert_string_equal(a.names, "a|");
	assert_int_equal(a.last, INSPECT_PASS);
	says(1, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" AGREES);
	run(UPGRADE "\x81\x85" TO("x"));
	assert_int_equal(a.last, INSPECT_PASS);
}

/* The server may have refused, and read requests as before. */
static void without_a_101_nothing_changes(void **state)
{
	static const char *const answers[] = {
		"",
		"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n" AGREES,
		"HTTP/1.1 426 Upgrade Required\r\n\r\n" AGREES,
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" AGREES,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n",
		"HTTP/1.1 1010 x\r\n\r\n",
		"HTTP/1.1 101x\r\n\r\n",
		"HTTP/2.0 101 x\r\n\r\n",
		"HTTP/1.1 101 x\n\n",
		"101\r\n\r\n",
		"\r\n" AGREES,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		says(1, answers[i]);
		refused(UPGRADE "\x81\x85" TO("x"), "a|");
		refused(UPGRADE "plain text\n" TO("x"), "a|");
		refused(UPGRADE "\r\n\r\n\r\n\r\n\r\n" TO("b"), "a|");
		run(UPGRADE TO("b") TO("c"));
		assert_string_equal(a.names, "a|b|c|");
	}
}

/* A 101 that may be the answer to something else, or none at all. */
static void only_a_first_request_changes_anything(void **state)
{
	(void)state;
	says(2, AGREES);
	refused(TO("a") UPGRADE "\x81\x85", "a|a|");
	says(0, AGREES);
	refused(UPGRADE "\x81\x85", "a|");
	says(0, "x");
	said[1] = (struct said){ 1, AGREES, strlen(AGREES) };
	refused(UPGRADE "\x81\x85", "a|");
}

static void after_connect(void **state)
{
	(void)state;
	says(1, "HTTP/1.1 200 OK\r\n\r\n");
	refused("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n\x16\x03\x01" TO("x"), "a|");
	run("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n" TO("b"));
	assert_string_equal(a.names, "a|b|");
}

/* h2c (RFC 7540 3.2): its names nobody can see. */
static void after_a_101_to_http2(void **state)
{
	(void)state;
	says(1, AGREES);
	run(UPGRADE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" TO("x"));
	assert_int_equal(a.wishes, 2);
	assert_int_equal(a.wish.sort, INSPECT_HTTP2);
}

static void after_the_preface_of_http2(void **state)
{
	(void)state;
	run("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" TO("x"));
	assert_int_equal(a.wishes, 1);
	assert_int_equal(a.wish.sort, INSPECT_HTTP2);
	assert_int_equal(a.last, INSPECT_PASS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_request_is_a_wish),
		cmocka_unit_test(bodies_of_a_length),
		cmocka_unit_test(bodies_in_chunks),
		cmocka_unit_test(chunks_that_may_not_be),
		cmocka_unit_test(what_follows_must_be_a_request),
		cmocka_unit_test(a_long_line_of_a_chunk),
		cmocka_unit_test_teardown(after_the_servers_101_text_is_read_on, server_is_silent),
		cmocka_unit_test_teardown(without_a_101_nothing_changes, server_is_silent),
		cmocka_unit_test_teardown(only_a_first_request_changes_anything, server_is_silent),
		cmocka_unit_test_teardown(after_connect, server_is_silent),
		cmocka_unit_test_teardown(after_a_101_to_http2, server_is_silent),
		cmocka_unit_test(after_the_preface_of_http2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
