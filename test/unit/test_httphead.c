/* SPDX-License-Identifier: BSD-2-Clause */
/* The head of a request: whom it names, and everything by which two readers could differ. */
#include "inspect_fixture.h"

static struct inspect_wish wish;
static struct httphead head;

static enum inspect_verdict read_text(const char *text)
{
	size_t len = strlen(text);
	uint8_t *copy = malloc(len ? len : 1);
	enum inspect_verdict verdict;

	assert_non_null(copy);
	memcpy(copy, text, len);
	verdict = httphead_read(copy, len, &head, &wish);
	free(copy);
	if (verdict == INSPECT_MALFORMED)
		assert_non_null(wish.fault);
	return verdict;
}

#define GET "GET / HTTP/1.1\r\n"
#define HOST "Host: a.example\r\n"

static void a_usual_request(void **state)
{
	static const char text[] = "GET /x?y=1 HTTP/1.1\r\nhOST:\t Api.Example.com:8080 \r\n"
				   "User-Agent: curl\r\nAccept: */*\r\n\r\n";

	(void)state;
	assert_int_equal(read_text(text), INSPECT_WISH);
	assert_true(wish.named && !wish.literal && !wish.connects && !wish.upgrades);
	assert_string_equal(wish.name, "api.example.com");
	assert_int_equal(wish.port, 8080);
	assert_int_equal(head.len, sizeof(text) - 1);
	assert_int_equal(head.length, 0);
	assert_false(head.chunked);
}

static void waits_for_the_empty_line(void **state)
{
	static const char text[] = "\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++)
		assert_int_equal(httphead_read((const uint8_t *)text, len, &head, &wish),
				 INSPECT_MORE);
	assert_int_equal(read_text(text), INSPECT_WISH);
	assert_int_equal(head.length, 5);
}

static void bodies(void **state)
{
	(void)state;
	assert_int_equal(read_text(GET HOST "Transfer-Encoding: Chunked\r\n\r\n"), INSPECT_WISH);
	assert_true(head.chunked);
	assert_int_equal(read_text(GET HOST "Content-Length: 999999999999999999\r\n\r\n"),
			 INSPECT_WISH);
	assert_int_equal(head.length, 999999999999999999);
}

static void refused(const char *text)
{
	if (read_text(text) != INSPECT_MALFORMED)
		fail_msg("not refused: %s", text);
}

static void hosts_that_may_not_be(void **state)
{
	(void)state;
	refused(GET "\r\n");
	refused(GET HOST HOST "\r\n");
	refused(GET HOST "Host: b.example\r\n\r\n");
	refused(GET "Host : a.example\r\n\r\n");
	refused(GET " Host: a.example\r\n\r\n");
	refused(GET "Host: a.example\r\n b.example\r\n\r\n");
	refused(GET "Host: user@a.example\r\n\r\n");
	refused(GET "Host: a.example:99999\r\n\r\n");
	refused(GET "Host: a.example, b.example\r\n\r\n");
	refused(GET "Host: a.example\rHost: b.example\r\n\r\n");
	refused(GET "Host: a.example\nHost: b.example\r\n\r\n");
	refused(GET "Host: a.example\r\n\n");
	refused(GET HOST "X: a\rb\r\n\r\n");
	refused(GET HOST "X: a\x01\r\n\r\n");
	refused(GET HOST "X: a\x7f\r\n\r\n");
	refused(GET HOST ": a\r\n\r\n");
	refused(GET HOST "no colon\r\n\r\n");
	refused(GET HOST "H\xf6st: a\r\n\r\n");
}

static void a_nul_anywhere(void **state)
{
	static const char text[] = GET "Host: a.example\r\nX: y\r\n\r\n";

	(void)state;
	for (size_t at = 0; at < sizeof(text) - 1; at++) {
		uint8_t copy[sizeof(text) - 1];

		memcpy(copy, text, sizeof(copy));
		copy[at] = '\0';
		assert_int_not_equal(httphead_read(copy, sizeof(copy), &head, &wish), INSPECT_WISH);
	}
}

/* Smuggling: a body that ends elsewhere for the next reader. */
static void bodies_of_two_lengths(void **state)
{
	(void)state;
	refused(GET HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n");
	refused(GET HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n");
	refused(GET HOST "Content-Length: 5, 5\r\n\r\n");
	refused(GET HOST "Content-Length: +5\r\n\r\n");
	refused(GET HOST "Content-Length: -5\r\n\r\n");
	refused(GET HOST "Content-Length: 0x5\r\n\r\n");
	refused(GET HOST "Content-Length: 5 5\r\n\r\n");
	refused(GET HOST "Content-Length:\r\n\r\n");
	refused(GET HOST "Content-Length: 9999999999999999999\r\n\r\n");
	refused(GET HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n");
	refused(GET HOST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n");
	refused(GET HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n");
	refused(GET HOST "Transfer-Encoding: gzip, chunked\r\n\r\n");
	refused(GET HOST "Transfer-Encoding: identity\r\n\r\n");
	refused(GET HOST "Transfer-Encoding: xchunked\r\n\r\n");
	refused(GET HOST "Transfer-Encoding: chunked, chunked\r\n\r\n");
	refused(GET HOST "Transfer-Encoding:\x0b chunked\r\n\r\n");
	refused(GET HOST "Transfer-Encoding : chunked\r\n\r\n");
	refused("GET / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
}

static void request_lines_that_may_not_be(void **state)
{
	(void)state;
	refused("GET /a b HTTP/1.1\r\n" HOST "\r\n");
	refused("GET  / HTTP/1.1\r\n" HOST "\r\n");
	refused("GET /  HTTP/1.1\r\n" HOST "\r\n");
	refused("GET / HTTP/1.1 \r\n" HOST "\r\n");
	refused("GET\t/ HTTP/1.1\r\n" HOST "\r\n");
	refused("GET\x1c/ HTTP/1.1\r\n" HOST "\r\n");
	refused("\xa0GET / HTTP/1.1\r\n" HOST "\r\n");
	refused("GET / HTTP/2.0\r\n" HOST "\r\n");
	refused("GET / http/1.1\r\n" HOST "\r\n");
	refused("GET / HTTP/1.11\r\n" HOST "\r\n");
	refused("GET / HTTP/1.1\n" HOST "\r\n");
	refused(" GET / HTTP/1.1\r\n" HOST "\r\n");
	refused("GET example HTTP/1.1\r\n" HOST "\r\n");
	refused("GET HTTP/1.1\r\n" HOST "\r\n");
	refused("GET /\x80 HTTP/1.1\r\n" HOST "\r\n");
	refused("\nGET / HTTP/1.1\r\n" HOST "\r\n");
	refused("\rGET / HTTP/1.1\r\n" HOST "\r\n");
}

static void absolute_targets(void **state)
{
	(void)state;
	assert_int_equal(read_text("GET http://A.example/x HTTP/1.1\r\n" HOST "\r\n"),
			 INSPECT_WISH);
	assert_string_equal(wish.name, "a.example");
	assert_int_equal(read_text("GET http://a.example:80?q HTTP/1.1\r\n" HOST "\r\n"),
			 INSPECT_WISH);
	assert_int_equal(wish.port, 80);
	assert_int_equal(read_text("GET http://a.example HTTP/1.0\r\n\r\n"), INSPECT_WISH);
	assert_string_equal(wish.name, "a.example");
	refused("GET http://b.example/ HTTP/1.1\r\n" HOST "\r\n");
	refused("GET http://a.example/ HTTP/1.1\r\nHost:\r\n\r\n");
	refused("GET http://a.example:81/ HTTP/1.1\r\nHost: a.example:80\r\n\r\n");
	refused("GET http://a.example@b.example/ HTTP/1.1\r\n" HOST "\r\n");
	refused("GET http://a.example\\@b.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n");
	/* A reader ends the host at \\ or #, another takes what is before the @ for a user. */
	refused("GET http://a.example\\@b.example/ HTTP/1.1\r\n" HOST "\r\n");
	refused("GET http://a.example#@b.example/ HTTP/1.1\r\n" HOST "\r\n");
	refused("GET http:///a.example HTTP/1.1\r\n" HOST "\r\n");
	refused("GET http:a.example HTTP/1.1\r\n" HOST "\r\n");
	refused("GET //b.example HTTP/1.1\r\nHost: \r\n b\r\n\r\n");
}

static void who_need_not_name(void **state)
{
	(void)state;
	assert_int_equal(read_text("GET / HTTP/1.0\r\n\r\n"), INSPECT_WISH);
	assert_false(wish.named);
	assert_int_equal(read_text(GET "Host:\r\n\r\n"), INSPECT_WISH);
	assert_false(wish.named);
	assert_int_equal(read_text("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), INSPECT_WISH);
	assert_string_equal(wish.name, "a.example");
	assert_int_equal(read_text(GET "Host: [::1]:80\r\n\r\n"), INSPECT_WISH);
	assert_true(wish.named && wish.literal);
}

static void other_protocols_over_it(void **state)
{
	(void)state;
	assert_int_equal(read_text("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"),
			 INSPECT_WISH);
	assert_true(wish.connects);
	assert_int_equal(wish.port, 443);
	refused("CONNECT a.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n");
	refused("CONNECT a.example HTTP/1.1\r\n" HOST "\r\n");
	refused("CONNECT a.example:443 HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\n");
	assert_int_equal(read_text(GET HOST "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
			 INSPECT_WISH);
	assert_true(wish.upgrades && !wish.connects);
}

static void preface_of_http2(void **state)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

	(void)state;
	for (size_t len = 0; len < sizeof(preface) - 1; len++)
		assert_int_equal(httphead_read((const uint8_t *)preface, len, &head, &wish),
				 INSPECT_MORE);
	assert_int_equal(read_text(preface), INSPECT_WISH);
	assert_int_equal(wish.sort, INSPECT_HTTP2);
	assert_int_equal(head.len, 24);
	refused("PRI * HTTP/2.0\r\nHost: a.example\r\n\r\n");
	refused("PRI / HTTP/1.1\r\n" HOST "\r\n");
}

static void what_is_not_http(void **state)
{
	static const char *const others[] = {
		"SSH-2.0-OpenSSH_9.2\r\n",
		"EHLO example\r\n",
		"*1\r\n$4\r\nPING\r\n",
		"\x16\x03\x01",
		"get key\r\n",
		"GET /\r\n",
		"OPTIONS rtsp://x RTSP/1.0\r\n",
		"{\"a\":1}\n",
		"\r\n\r\nHI\r\n",
		"\r\n\r\n\r\n\r\nHI\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (read_text(others[i]) != INSPECT_OTHER)
			fail_msg("taken for HTTP: %s", others[i]);
	/* Servers pass over any number of line ends: no limit may be a way round. */
	refused("\r\n\r\n\r\n\r\n\r\n");
	refused("\r\n\r\n\r\n\r\n\r\nHI\r\n");
}

static void heads_have_an_end(void **state)
{
	static uint8_t text[INSPECT_WINDOW + 10];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(httphead_read(text, INSPECT_WINDOW - 1, &head, &wish), INSPECT_MORE);
	assert_int_equal(httphead_read(text, INSPECT_WINDOW, &head, &wish), INSPECT_OTHER);
	memcpy(text, GET HOST, sizeof(GET HOST) - 1);
	assert_int_equal(httphead_read(text, INSPECT_WINDOW - 1, &head, &wish), INSPECT_MORE);
	assert_int_equal(httphead_read(text, sizeof(text), &head, &wish), INSPECT_MALFORMED);
}

static void trailers(void **state)
{
	size_t pass;

	(void)state;
	assert_int_equal(httphead_trailer((const uint8_t *)"\r\nGET", 5, &pass, &wish),
			 INSPECT_PASS);
	assert_int_equal(pass, 2);
	assert_int_equal(httphead_trailer((const uint8_t *)"A: b\r\n\r\n", 8, &pass, &wish),
			 INSPECT_PASS);
	assert_int_equal(pass, 8);
	assert_int_equal(httphead_trailer((const uint8_t *)"A: b\r\n\r", 7, &pass, &wish),
			 INSPECT_MORE);
	assert_int_equal(httphead_trailer((const uint8_t *)"Host: b\r\n\r\n", 11, &pass, &wish),
			 INSPECT_MALFORMED);
	assert_int_equal(httphead_trailer((const uint8_t *)"A\r\n\r\n", 5, &pass, &wish),
			 INSPECT_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_usual_request),
		cmocka_unit_test(waits_for_the_empty_line),
		cmocka_unit_test(bodies),
		cmocka_unit_test(hosts_that_may_not_be),
		cmocka_unit_test(a_nul_anywhere),
		cmocka_unit_test(bodies_of_two_lengths),
		cmocka_unit_test(request_lines_that_may_not_be),
		cmocka_unit_test(absolute_targets),
		cmocka_unit_test(who_need_not_name),
		cmocka_unit_test(other_protocols_over_it),
		cmocka_unit_test(preface_of_http2),
		cmocka_unit_test(what_is_not_http),
		cmocka_unit_test(heads_have_an_end),
		cmocka_unit_test(trailers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
