/* SPDX-License-Identifier: BSD-2-Clause */
/* What a flow says first; nothing goes on before it is known whether it may. */
#include "permit_fixture.h"

/* A connection to a pinned address that the far side has accepted. */
static uint64_t go(int listener, int *far)
{
	return join(listener, "192.0.2.1", far);
}

static void say(uint64_t s, const char *text)
{
	assert_int_equal(minato_send(w.guest, s, text, strlen(text), 0), strlen(text));
}

static void far_hears(int far, const char *text)
{
	char data[4096];
	size_t len = 0;
	ssize_t got;

	UNTIL((got = recv(far, data + len, sizeof(data) - len, MSG_DONTWAIT),
	       len += got > 0 ? (size_t)got : 0, len >= strlen(text)));
	assert_int_equal(len, strlen(text));
	assert_memory_equal(data, text, len);
}

static void far_hears_nothing(int far)
{
	char data[16];

	turns(5);
	assert_int_equal(recv(far, data, sizeof(data), MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

/* Both sides are reset, and the far one has heard nothing more. */
static void is_reset(uint64_t s, int far)
{
	char data[64];
	ssize_t got = -1;

	UNTIL(guest_ready(s) & MINATO_ERROR);
	assert_int_equal(minato_error(w.guest, s), ECONNRESET);
	UNTIL((got = recv(far, data, sizeof(data), MSG_DONTWAIT)) >= 0 || errno != EAGAIN);
	assert_int_equal(got, -1);
	assert_int_equal(errno, ECONNRESET);
	close(far);
}

static void a_request_goes_when_it_is_whole(void **state)
{
	int listener;
	int far;
	uint64_t s;

	NEED_NETNS();
	pin_host("api.example");
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 80);
	s = go(listener, &far);
	assert_int_equal(told.count[RELAY_ATTEMPT_BEGUN], 1);
	assert_string_equal(told.rule, "api.example:443,80,7,9000");
	say(s, "POST / HTTP/1.1\r\nHost: api.exa");
	far_hears_nothing(far);
	say(s, "mple\r\nContent-Length: 4\r\n\r\nab");
	far_hears(far, "POST / HTTP/1.1\r\nHost: api.example\r\nContent-Length: 4\r\n\r\nab");
	say(s, "cd");
	far_hears(far, "cd");
	say(s, "GET /2 HTTP/1.1\r\nHost: API.example:80\r\n\r\n");
	far_hears(far, "GET /2 HTTP/1.1\r\nHost: API.example:80\r\n\r\n");
	say(s, "GET /3 HTTP/1.1\r\nHost: evil.example\r\n\r\n");
	is_reset(s, far);
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 1);
	assert_int_equal(told.count[RELAY_ATTEMPT_ENDED], 1);
	assert_int_equal(told.last.bytes_out, 59 + 2 + 41);
	assert_int_equal(count_of(RELAY_COUNT_DENIED_WORD), 1);
	close(listener);
}

/* The end of the flow is told after it. */
static void it_is_refused(uint16_t port, const char *text)
{
	int listener = host_socket(SOCK_STREAM, "192.0.2.1", port);
	uint32_t before = told.count[RELAY_ATTEMPT_REFUSED];
	int far;
	uint64_t s = go(listener, &far);

	say(s, text);
	UNTIL(told.count[RELAY_ATTEMPT_REFUSED] == before + 1);
	is_reset(s, far);
	minato_close(w.guest, s);
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], before + 1);
	close(listener);
}

static void what_names_another_is_reset(void **state)
{
	NEED_NETNS();
	pin_host("api.example");
	it_is_refused(80, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
	it_is_refused(80, "GET / HTTP/1.1\r\nHost: x.sub.example\r\n\r\n");
	it_is_refused(80, "GET / HTTP/1.0\r\n\r\n");
	it_is_refused(80, "CONNECT api.example:22 HTTP/1.1\r\nHost: api.example:22\r\n\r\n");
	it_is_refused(80, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	it_is_refused(443, "SSH-2.0-x\r\n");
	it_is_refused(9000, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
}

static void where_nothing_is_expected_the_pin_decides(void **state)
{
	int listener;
	int far;
	uint64_t s;

	NEED_NETNS();
	pin_host("api.example");
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 9000);
	s = go(listener, &far);
	assert_int_equal(send(far, "hello", 5, MSG_NOSIGNAL), 5);
	UNTIL(guest_ready(s) & MINATO_READABLE);
	/* A word without an end is not kept. */
	say(s, "WHO");
	far_hears(far, "WHO");
	say(s, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
	far_hears(far, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
	close(far);
	close(listener);
}

/* Servers of HTTP pass over what leads, so that nothing that leads may end the looking. */
static void what_leads_hides_no_request(void **state)
{
	static const char *const leads[] = { "\r\n", "\n", "\r\n\r\n\r\n\r\n\r\n\r\n", "\r\r\n\n" };
	int listener;
	int far;
	uint64_t s;

	NEED_NETNS();
	pin_host("api.example");
	it_is_refused(80, "\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 9000);
	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
		uint32_t before = told.count[RELAY_ATTEMPT_REFUSED];

		s = go(listener, &far);
		/* On such a port they may be all that its client says. */
		say(s, leads[i]);
		far_hears(far, leads[i]);
		say(s, leads[i]);
		far_hears(far, leads[i]);
		say(s, "PROP");
		far_hears_nothing(far);
		say(s, "FIND / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
		is_reset(s, far);
		minato_close(w.guest, s);
		assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], before + 1);
	}
	s = go(listener, &far);
	say(s, " ");
	far_hears_nothing(far);
	say(s, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
	is_reset(s, far);
	close(listener);
}

/* What strict servers refuse and others take for a request, on a port where none is expected. */
static void what_only_some_servers_take_for_one(void **state)
{
	static const char blanks[] = "\t\v\f\r\x1c\x1d\x1e\x1f\x85\xa0";
	static const char *const others[] = {
		"OPTIONS rtsp://api.example/ RTSP/1.0\r\n",
		"CONNECT {\"url\":\"nats://api.example\"}\r\n",
		"GET some-key\r\n",
		"GET \r\n",
	};
	char text[64], longer[20000];
	int listener;
	int far;
	uint64_t s;

	NEED_NETNS();
	pin_host("api.example");
	for (const char *blank = blanks; *blank; blank++) {
		snprintf(text, sizeof(text), "GET%c/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
			 *blank);
		it_is_refused(9000, text);
		snprintf(text, sizeof(text), " %cGET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
			 *blank);
		it_is_refused(9000, text);
	}
	it_is_refused(9000, "GET /x\r\nHost: evil.example\r\n\r\n");
	it_is_refused(9000, "GET  http://evil.example/ \r\n\r\n");
	memset(longer, 'x', sizeof(longer));
	memcpy(longer, "GET /", 5);
	strcpy(longer + sizeof(longer) - 40, " HTTP/1.1\r\nHost: evil.example\r\n\r\n");
	it_is_refused(9000, longer);

	listener = host_socket(SOCK_STREAM, "192.0.2.1", 9000);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		s = go(listener, &far);
		say(s, others[i]);
		far_hears(far, others[i]);
		minato_abort(w.guest, s);
		UNTIL(recv(far, text, sizeof(text), MSG_DONTWAIT) < 0 && errno == ECONNRESET);
		close(far);
	}
	/* In two pieces. */
	s = go(listener, &far);
	say(s, "GET\t");
	far_hears_nothing(far);
	say(s, "/\tHTTP/1.1\r\nHost: evil.example\r\n\r\n");
	is_reset(s, far);
	close(listener);
}

#define UPGRADE "GET / HTTP/1.1\r\nHost: api.example\r\nUpgrade: websocket\r\n\r\n"

static void far_says(int far, uint64_t s, const char *text)
{
	char data[256];
	size_t len = 0;
	int64_t got;

	assert_int_equal(send(far, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	UNTIL((got = minato_recv(w.guest, s, data, sizeof(data), 0),
	       len += got > 0 ? (size_t)got : 0, len == strlen(text)));
}

static void another_protocol_once_the_server_agrees(void **state)
{
	int listener;
	int far;
	uint64_t s;

	NEED_NETNS();
	pin_host("api.example");
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 80);
	s = go(listener, &far);
	say(s, UPGRADE);
	far_hears(far, UPGRADE);
	far_says(far, s, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
	say(s, "\x81\x85word");
	far_hears(far, "\x81\x85word");
	say(s, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
	far_hears(far, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
	minato_abort(w.guest, s);
	UNTIL(told.count[RELAY_ATTEMPT_ENDED] == 1);
	close(far);
	/* It does not. */
	s = go(listener, &far);
	say(s, UPGRADE);
	far_hears(far, UPGRADE);
	far_says(far, s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	say(s, "\x81\x85word");
	is_reset(s, far);
	minato_close(w.guest, s);
	/* Nor has it yet. */
	s = go(listener, &far);
	say(s, UPGRADE);
	far_hears(far, UPGRADE);
	say(s, "\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
	is_reset(s, far);
	close(listener);
}

static void say_urgent(uint64_t s, const char *text)
{
	assert_int_equal(minato_send(w.guest, s, text, strlen(text), MINATO_MSG_OOB), strlen(text));
}

/* All that the far side hears until it is reset. */
static void far_hears_until_reset(int far, char *text, size_t size)
{
	size_t len = 0;
	ssize_t got = 0;

	UNTIL((got = recv(far, text + len, size - 1 - len, MSG_DONTWAIT),
	       len += got > 0 ? (size_t)got : 0, got < 0 && errno == ECONNRESET));
	text[len] = '\0';
	close(far);
}

/*
 * The urgent byte goes on as any other, so it is looked at in its place: left out, these chunks
 * would be others, and the second request would be within one.
 */
static void an_urgent_byte_hides_no_request(void **state)
{
	static const char second[] = "GET /evil HTTP/1.1\r\nHost: evil.example\r\n\r\n";
	char evil[0x400 - 16 + 3];
	char heard[4096];
	int listener;
	int far;
	uint64_t s;

	NEED_NETNS();
	pin_host("api.example");
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 80);
	s = go(listener, &far);
	say_urgent(s, "POST / HTTP/1.1\r\nHost: api.example\r\n"
		      "Transfer-Encoding: chunked\r\n\r\n1");
	say(s, "6\r\nAAAAAA\r\n400\r\nBBBBBBBBB\r\n0\r\n\r\n");
	memset(evil, 'x', sizeof(evil));
	memcpy(evil, second, strlen(second));
	memcpy(evil + sizeof(evil) - 3, "\r\n", 3);
	say(s, evil);
	far_hears_until_reset(far, heard, sizeof(heard));
	assert_null(strstr(heard, "evil"));
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 1);
	close(listener);
}

static void an_urgent_byte_does_not_stop_it(void **state)
{
	int listener;
	int far;
	uint64_t s;

	NEED_NETNS();
	pin_host("api.example");
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 80);
	s = go(listener, &far);
	say_urgent(s, "G");
	far_hears_nothing(far);
	say_urgent(s, "ET / HTTP/1.1\r\nHost: api.exa");
	far_hears_nothing(far);
	say_urgent(s, "mple\r\n\r\n");
	far_hears(far, "GET / HTTP/1.1\r\nHost: api.example\r\n\r\n");
	say_urgent(s, "GET / HTTP/1.1\r\nHost: e");
	far_hears_nothing(far);
	say(s, "vil.example\r\n\r\n");
	is_reset(s, far);
	close(listener);
}

static void half_a_request_and_the_end_is_reset(void **state)
{
	int listener;
	int far;
	uint64_t s;

	NEED_NETNS();
	pin_host("api.example");
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 80);
	s = go(listener, &far);
	say(s, "GET / HT");
	far_hears_nothing(far);
	minato_shutdown(w.guest, s, MINATO_SHUT_WR);
	is_reset(s, far);
	close(listener);
}

static void an_end_without_a_word_is_an_end(void **state)
{
	char data[4];
	int listener;
	int far;
	uint64_t s;

	NEED_NETNS();
	pin_host("api.example");
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 80);
	s = go(listener, &far);
	minato_shutdown(w.guest, s, MINATO_SHUT_WR);
	UNTIL(recv(far, data, sizeof(data), MSG_DONTWAIT) == 0);
	close(far);
	close(listener);
}

static void raw_is_not_looked_at(void **state)
{
	int listener;
	int far;
	uint64_t s;

	NEED_NETNS();
	pin_host("raw.example");
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 80);
	s = go(listener, &far);
	say(s, "anything");
	far_hears(far, "anything");
	close(far);
	close(listener);
}

static void nowhere_else_by_tcp(void **state)
{
	uint64_t s;

	NEED_NETNS();
	s = guest_connect("192.0.2.1", 80);
	UNTIL(guest_ready(s) & MINATO_ERROR);
	assert_int_equal(minato_error(w.guest, s), ECONNREFUSED);
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 1);
	assert_int_equal(told.last.flow, 0);
	assert_string_equal(told.reason, "not allowed");
	assert_int_equal(count_of(RELAY_COUNT_DENIED), 1);
}

static void a_flow_keeps_its_pin(void **state)
{
	const struct minato_endpoint to = end("192.0.2.1", 9000);
	struct permit_way way;
	int listener;
	int far;
	uint64_t s;

	NEED_NETNS();
	pin_host("api.example");
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 9000);
	s = go(listener, &far);
	w.skew_ns += INT64_C(600000000000);
	turns(3);
	assert_true(permit_judge(w.relay, MINATO_TCP, &to, &way));
	minato_abort(w.guest, s);
	UNTIL(told.count[RELAY_ATTEMPT_ENDED] == 1);
	assert_false(permit_judge(w.relay, MINATO_TCP, &to, &way));
	close(far);
	close(listener);
}

/* ---- datagrams ---- */

static uint64_t send_to(const char *text, uint16_t port, const char *what)
{
	uint64_t s = guest_socket(MINATO_UDP);
	struct minato_endpoint peer = end(text, port);

	assert_int_equal(minato_connect(w.guest, s, &peer), 0);
	assert_int_equal(minato_send(w.guest, s, what, strlen(what), 0), strlen(what));
	return s;
}

static void datagrams_go_to_pins_and_come_from_there(void **state)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	char data[16];
	uint64_t s;
	int far;
	int stranger;

	NEED_NETNS();
	pin_host("udp.example");
	far = host_socket(SOCK_DGRAM, "192.0.2.1", 9000);
	stranger = host_socket(SOCK_DGRAM, "192.0.2.1", 9001);
	s = send_to("192.0.2.1", 9000, "who");
	UNTIL(recvfrom(far, data, sizeof(data), MSG_DONTWAIT, (struct sockaddr *)&from, &len) == 3);
	assert_int_equal(told.count[RELAY_ATTEMPT_BEGUN], 1);
	/* Nobody else may answer. */
	assert_int_equal(sendto(stranger, "evil", 4, 0, (struct sockaddr *)&from, len), 4);
	turns(3);
	assert_int_equal(sendto(far, "word", 4, 0, (struct sockaddr *)&from, len), 4);
	UNTIL(minato_recv(w.guest, s, data, sizeof(data), 0) == 4);
	assert_memory_equal(data, "word", 4);
	close(far);
	close(stranger);
}

static void datagrams_elsewhere_are_answered_by_an_error(void **state)
{
	NEED_NETNS();
	pin_host("udp.example");
	send_to("192.0.2.1", 9001, "who");
	UNTIL(w.icmp_count == 1);
	assert_int_equal(w.icmp_type, 3);
	assert_int_equal(w.icmp_code, 13);
	assert_string_equal(told.reason, "this port is not allowed");
	assert_string_equal(told.name, "udp.example");
}

/* Also from an endpoint that has gone to an allowed one before. */
static void each_destination_is_asked_for(void **state)
{
	struct minato_endpoint other = end("192.0.2.1", 9001);
	struct minato_datagram to = { .remote = other };
	struct minato_endpoint good = end("192.0.2.1", 9000);
	char data[16];
	uint64_t s;
	int far;
	int evil;

	NEED_NETNS();
	pin_host("udp.example");
	far = host_socket(SOCK_DGRAM, "192.0.2.1", 9000);
	evil = host_socket(SOCK_DGRAM, "192.0.2.1", 9001);
	s = guest_socket(MINATO_UDP);
	to.remote = good;
	assert_int_equal(minato_send_datagram(w.guest, s, &to, "a", 1), 1);
	UNTIL(recv(far, data, sizeof(data), MSG_DONTWAIT) == 1);
	to.remote = other;
	assert_int_equal(minato_send_datagram(w.guest, s, &to, "b", 1), 1);
	UNTIL(told.count[RELAY_ATTEMPT_REFUSED] == 1);
	turns(3);
	assert_int_equal(recv(evil, data, sizeof(data), MSG_DONTWAIT), -1);
	close(far);
	close(evil);
}

static void what_is_no_quic_does_not_go_where_it_is_expected(void **state)
{
	char data[16];
	int far;

	NEED_NETNS();
	pin_host("udp.example");
	far = host_socket(SOCK_DGRAM, "192.0.2.1", 443);
	send_to("192.0.2.1", 443, "who");
	UNTIL(w.icmp_count == 1);
	assert_int_equal(w.icmp_code, 13);
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 1);
	assert_string_equal(told.reason, "no QUIC that can be looked into");
	send_to("192.0.2.1", 443, "");
	UNTIL(w.icmp_count == 2);
	assert_int_equal(w.icmp_code, 13);
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 2);
	assert_string_equal(told.reason, "no QUIC that can be looked into");
	turns(3);
	assert_int_equal(recv(far, data, sizeof(data), MSG_DONTWAIT), -1);
	close(far);
}

static int begin_audited(void **state)
{
	(void)state;
	memset(&told, 0, sizeof(told));
	fixture_allows = NULL;
	fixture_attempt = hear_attempt;
	return begin_with(false, NULL);
}

static void without_allow_all_goes_and_is_told(void **state)
{
	int listener;
	int far;
	uint64_t s;

	NEED_NETNS();
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 80);
	s = go(listener, &far);
	say(s, "anything");
	far_hears(far, "anything");
	assert_int_equal(told.count[RELAY_ATTEMPT_BEGUN], 1);
	assert_string_equal(told.rule, "");
	minato_abort(w.guest, s);
	UNTIL(told.count[RELAY_ATTEMPT_ENDED] == 1);
	assert_int_equal(told.last.bytes_out, 8);
	close(far);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE_CLOSED(a_request_goes_when_it_is_whole),
		CASE_CLOSED(what_names_another_is_reset),
		CASE_CLOSED(where_nothing_is_expected_the_pin_decides),
		CASE_CLOSED(what_leads_hides_no_request),
		CASE_CLOSED(what_only_some_servers_take_for_one),
		CASE_CLOSED(another_protocol_once_the_server_agrees),
		CASE_CLOSED(an_urgent_byte_hides_no_request),
		CASE_CLOSED(an_urgent_byte_does_not_stop_it),
		CASE_CLOSED(half_a_request_and_the_end_is_reset),
		CASE_CLOSED(an_end_without_a_word_is_an_end),
		CASE_CLOSED(raw_is_not_looked_at),
		CASE_CLOSED(nowhere_else_by_tcp),
		CASE_CLOSED(a_flow_keeps_its_pin),
		CASE_CLOSED(datagrams_go_to_pins_and_come_from_there),
		CASE_CLOSED(datagrams_elsewhere_are_answered_by_an_error),
		CASE_CLOSED(each_destination_is_asked_for),
		CASE_CLOSED(what_is_no_quic_does_not_go_where_it_is_expected),
		cmocka_unit_test_setup_teardown(without_allow_all_goes_and_is_told, begin_audited,
						finish),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
