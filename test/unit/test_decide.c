/* SPDX-License-Identifier: BSD-2-Clause */
/* Flows that nothing lets out, held until somebody has decided. */
#include "permit_fixture.h"

static struct {
	bool hold;
	unsigned count;
	uint64_t call;
	enum minato_proto proto;
	struct minato_endpoint guest, to;
	char name[256], reason[64];
	bool stray;
} question;

static bool hear_question(void *user, const struct relay_asking *asking)
{
	(void)user;
	assert_non_null(asking->reason);
	question.proto = asking->proto;
	question.count++;
	question.call = asking->call;
	question.guest = asking->guest;
	question.to = asking->to;
	question.stray = asking->stray;
	copy_text(question.reason, sizeof(question.reason), asking->reason);
	copy_text(question.name, sizeof(question.name), asking->name);
	return question.hold;
}

static int begin_asking(void **state)
{
	memset(&question, 0, sizeof(question));
	question.hold = true;
	fixture_ask = hear_question;
	return begin_closed(state);
}

static int finish_asking(void **state)
{
	fixture_ask = NULL;
	return finish_closed(state);
}

static uint64_t held_call(const char *text, uint16_t port)
{
	struct minato_addr wanted = addr(text);
	uint64_t s = guest_connect(text, port);

	UNTIL(question.count == 1);
	turns(3);
	assert_int_equal(guest_ready(s) & (MINATO_CONNECTED | MINATO_ERROR), 0);
	assert_true(minato_addr_equal(&question.to.addr, &wanted));
	assert_int_equal(question.to.port, port);
	assert_true(question.guest.port > 0);
	return s;
}

static void yes_is_dialled(void **state)
{
	int listener, far;
	uint64_t s;

	NEED_NETNS();
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 0);
	s = held_call("192.0.2.1", port_of(listener));
	assert_string_equal(question.name, "");
	relay_decide(w.relay, question.call, NULL, NULL, NULL);
	far = host_accept(listener);
	UNTIL(guest_ready(s) & MINATO_CONNECTED);
	guest_says(s, "anything");
	host_hears(far, "anything");
	assert_int_equal(told.count[RELAY_ATTEMPT_BEGUN], 1);
	/* Of this flow alone: the next is asked about again. */
	guest_connect("192.0.2.1", port_of(listener));
	UNTIL(question.count == 2);
	close(far);
	close(listener);
}

static void no_is_refused(void **state)
{
	uint64_t s;

	NEED_NETNS();
	s = held_call("192.0.2.1", 9);
	relay_decide(w.relay, question.call, NULL, "because", NULL);
	UNTIL(guest_ready(s) & MINATO_ERROR);
	assert_int_equal(minato_error(w.guest, s), ECONNREFUSED);
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 1);
	assert_string_equal(told.reason, "because");
	assert_int_equal(count_of(RELAY_COUNT_DENIED), 1);
	/* Decided once. */
	relay_decide(w.relay, question.call, NULL, NULL, NULL);
	turns(3);
	assert_int_equal(count_of(RELAY_COUNT_TCP_OUT), 0);
}

static void who_does_not_hold_refuses(void **state)
{
	uint64_t s;

	NEED_NETNS();
	question.hold = false;
	s = guest_connect("192.0.2.1", 9);
	UNTIL(guest_ready(s) & MINATO_ERROR);
	assert_int_equal(minato_error(w.guest, s), ECONNREFUSED);
	assert_int_equal(question.count, 1);
	assert_string_equal(told.reason, "not allowed");
}

static void a_call_that_was_given_up(void **state)
{
	uint64_t s;

	NEED_NETNS();
	s = held_call("192.0.2.1", 9);
	minato_abort(w.guest, s);
	turns(5);
	/* Its SYN went without a word after it; but it is over once it was decided. */
	relay_decide(w.relay, question.call, NULL, "because", NULL);
	relay_decide(w.relay, question.call, NULL, NULL, NULL);
	relay_decide(w.relay, question.call + 1, NULL, NULL, NULL);
	turns(3);
	assert_int_equal(told.count[RELAY_ATTEMPT_BEGUN], 0);
}

/* Every name may be asked for; a yes to one is a yes to what names it. */
static void by_a_name(void **state)
{
	struct minato_endpoint to;
	int listener, far;
	uint64_t s;

	NEED_NETNS();
	pin_host("any.where");
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 80);
	s = held_call("192.0.2.1", 80);
	assert_string_equal(question.name, "any.where");
	to = question.to;
	assert_null(permit_named(w.relay, MINATO_TCP, &to, "any.where"));
	relay_decide(w.relay, question.call, "any.where", NULL, NULL);
	far = host_accept(listener);
	UNTIL(guest_ready(s) & MINATO_CONNECTED);
	assert_non_null(permit_named(w.relay, MINATO_TCP, &to, "any.where"));
	assert_null(permit_named(w.relay, MINATO_UDP, &to, "any.where"));
	to.port = 81;
	assert_null(permit_named(w.relay, MINATO_TCP, &to, "any.where"));
	guest_says(s, "GET / HTTP/1.1\r\nHost: any.where\r\n\r\n");
	host_hears(far, "GET / HTTP/1.1\r\nHost: any.where\r\n\r\n");
	guest_says(s, "GET / HTTP/1.1\r\nHost: else.where\r\n\r\n");
	UNTIL(question.count == 2);
	assert_string_equal(question.name, "else.where");
	assert_true(question.stray);
	assert_string_equal(question.reason, "HTTP for a name that did not lead there");
	turns(5);
	assert_int_equal(guest_ready(s) & MINATO_ERROR, 0);
	relay_decide(w.relay, question.call, NULL, "because", NULL);
	UNTIL(guest_ready(s) & MINATO_ERROR);
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 1);
	close(far);
	close(listener);
}

/* Two names lead there, as at a server of many; then a rule refuses what is there. */
static void by_a_name_beside_another(void **state)
{
	const struct minato_addr there = addr("192.0.2.1");
	const struct minato_entry rule = { .kind = MINATO_KIND_GUARD,
					   .verdict = MINATO_REFUSE,
					   .proto = MINATO_TCP,
					   .first = 80,
					   .last = 80,
					   .local = there,
					   .local_prefix = 128,
					   .scope = MINATO_SCOPE_ANY,
					   .face = MINATO_FACE_ANY,
					   .course = MINATO_COURSE_OUT,
					   .uid = MINATO_UID_NONE,
					   .order = 1 };
	uint64_t s, handle;
	int listener, far;

	NEED_NETNS();
	pin_host("one.where");
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 80);
	s = held_call("192.0.2.1", 80);
	relay_decide(w.relay, question.call, "one.where", NULL, NULL);
	far = host_accept(listener);
	UNTIL(guest_ready(s) & MINATO_CONNECTED);
	pin_host("two.where");
	guest_says(s, "GET / HTTP/1.1\r\nHost: two.where\r\n\r\n");
	UNTIL(question.count == 2);
	assert_string_equal(question.name, "two.where");
	assert_false(question.stray);
	assert_string_equal(question.reason, "HTTP for a name that is not allowed");
	relay_decide(w.relay, question.call, "two.where", NULL, NULL);
	host_hears(far, "GET / HTTP/1.1\r\nHost: two.where\r\n\r\n");
	assert_int_equal(minato_entry_add(w.host, &rule, &handle), 0);
	guest_says(s, "GET / HTTP/1.1\r\nHost: three.where\r\n\r\n");
	UNTIL(guest_ready(s) & MINATO_ERROR);
	assert_int_equal(question.count, 2);
	close(far);
	close(listener);
}

/* What was known of the name is forgotten meanwhile: the user was shown where it led. */
static void by_a_name_that_is_forgotten(void **state)
{
	struct minato_endpoint to;
	int listener, far;
	uint64_t s;

	NEED_NETNS();
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 80);
	s = held_call("192.0.2.1", 80);
	to = question.to;
	relay_decide(w.relay, question.call, "any.where", NULL, NULL);
	far = host_accept(listener);
	UNTIL(guest_ready(s) & MINATO_CONNECTED);
	assert_non_null(permit_named(w.relay, MINATO_TCP, &to, "any.where"));
	close(far);
	close(listener);
}

/* ---- datagrams ---- */

static uint64_t guest_writes(uint64_t s, const char *text, uint16_t port, const char *word)
{
	const struct minato_datagram about = { .remote = end(text, port) };

	assert_int_equal(minato_send_datagram(w.guest, s, &about, word, strlen(word)),
			 strlen(word));
	return s;
}

static void nobody_hears(int fd)
{
	uint8_t byte;

	turns(5);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
}

static void a_datagram_hears(int fd, const char *word)
{
	char got[64];
	ssize_t len = -1;

	UNTIL((len = recv(fd, got, sizeof(got), MSG_DONTWAIT)) >= 0);
	assert_int_equal(len, strlen(word));
	assert_memory_equal(got, word, strlen(word));
}

static void datagrams_wait_for_yes(void **state)
{
	const struct relay_program dig = { .pid = 5, .holders = 1, .path = "/usr/bin/dig" };
	int far, other;
	uint64_t s;

	NEED_NETNS();
	pin_host("udp.example");
	far = host_socket(SOCK_DGRAM, "192.0.2.1", 9001);
	other = host_socket(SOCK_DGRAM, "192.0.2.1", 9000);
	s = guest_writes(guest_socket(MINATO_UDP), "192.0.2.1", 9001, "one");
	UNTIL(question.count == 1);
	assert_int_equal(question.proto, MINATO_UDP);
	assert_int_equal(question.to.port, 9001);
	assert_string_equal(question.name, "udp.example");
	guest_writes(s, "192.0.2.1", 9001, "");
	guest_writes(s, "192.0.2.1", 9001, "two");
	nobody_hears(far);
	/* They are one question, and what is allowed does not wait behind it. */
	guest_writes(s, "192.0.2.1", 9000, "beside");
	a_datagram_hears(other, "beside");
	assert_int_equal(question.count, 1);
	relay_decide(w.relay, question.call, NULL, NULL, &dig);
	a_datagram_hears(far, "one");
	a_datagram_hears(far, "");
	a_datagram_hears(far, "two");
	assert_int_equal(told.count[RELAY_ATTEMPT_BEGUN], 2);
	assert_string_equal(told.program, "/usr/bin/dig");
	guest_writes(s, "192.0.2.1", 9001, "three");
	a_datagram_hears(far, "three");
	/* Of this end alone: another asks anew. */
	guest_writes(guest_socket(MINATO_UDP), "192.0.2.1", 9001, "four");
	UNTIL(question.count == 2);
	nobody_hears(far);
	close(far);
	close(other);
}

static void no_to_datagrams_is_an_error_once(void **state)
{
	struct minato_endpoint to = end("192.0.2.1", 9001);
	uint64_t s;
	int far;

	NEED_NETNS();
	far = host_socket(SOCK_DGRAM, "192.0.2.1", 9001);
	s = guest_socket(MINATO_UDP);
	assert_int_equal(minato_connect(w.guest, s, &to), 0);
	assert_int_equal(minato_send(w.guest, s, "one", 3, 0), 3);
	UNTIL(question.count == 1);
	assert_int_equal(guest_ready(s) & MINATO_ERROR, 0);
	relay_decide(w.relay, question.call, NULL, "because", NULL);
	UNTIL(guest_ready(s) & MINATO_ERROR);
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 1);
	assert_string_equal(told.reason, "because");
	assert_int_equal(told.last.proto, MINATO_UDP);
	/* Decided once; and the next is asked about anew. */
	relay_decide(w.relay, question.call, NULL, NULL, NULL);
	nobody_hears(far);
	(void)minato_error(w.guest, s);
	assert_int_equal(minato_send(w.guest, s, "", 0, 0), 0);
	UNTIL(question.count == 2);
	nobody_hears(far);
	/* An empty one hears it too. */
	relay_decide(w.relay, question.call, NULL, "because", NULL);
	UNTIL(guest_ready(s) & MINATO_ERROR);
	close(far);
}

static void datagrams_that_nobody_is_asked_about(void **state)
{
	struct minato_endpoint to = end("192.0.2.1", 9001);
	uint64_t s;

	NEED_NETNS();
	question.hold = false;
	s = guest_socket(MINATO_UDP);
	assert_int_equal(minato_connect(w.guest, s, &to), 0);
	assert_int_equal(minato_send(w.guest, s, "one", 3, 0), 3);
	UNTIL(guest_ready(s) & MINATO_ERROR);
	assert_int_equal(question.count, 1);
	assert_string_equal(told.reason, "not allowed");
}

/* As many places wait as there is room for; of one place as much as is kept. */
static void what_waits_is_bounded(void **state)
{
	uint64_t s = 0;
	int far;

	NEED_NETNS();
	far = host_socket(SOCK_DGRAM, "192.0.2.1", 9001);
	s = guest_socket(MINATO_UDP);
	for (uint16_t i = 0; i < WAITINGS_MAX + 3; i++) {
		guest_writes(s, "192.0.2.1", (uint16_t)(9100 + i), "word");
		turns(2);
	}
	UNTIL(told.count[RELAY_ATTEMPT_REFUSED] == 3);
	assert_int_equal(question.count, WAITINGS_MAX);
	relay_decide(w.relay, question.call, NULL, "because", NULL);
	for (unsigned i = 0; i < 20; i++)
		guest_writes(s, "192.0.2.1", 9001, "word");
	UNTIL(question.count == WAITINGS_MAX + 1);
	turns(5);
	relay_decide(w.relay, question.call, NULL, NULL, NULL);
	for (unsigned i = 0; i < 8; i++)
		a_datagram_hears(far, "word");
	nobody_hears(far);
	close(far);
}

static void who_waits_may_end(void **state)
{
	uint64_t s;

	NEED_NETNS();
	s = guest_writes(guest_socket(MINATO_UDP), "192.0.2.1", 9001, "one");
	UNTIL(question.count == 1);
	minato_close(w.guest, s);
	w.skew_ns += INT64_C(1000000000000);
	turns(5);
	relay_decide(w.relay, question.call, NULL, NULL, NULL);
	turns(3);
	assert_int_equal(told.count[RELAY_ATTEMPT_BEGUN], 0);
}

static void grants_are_bounded(void **state)
{
	struct minato_endpoint to = end("192.0.2.1", 0);
	struct permit_way way;

	NEED_NETNS();
	for (unsigned i = 1; i <= PERMIT_GRANTS_MAX; i++) {
		to.port = (uint16_t)i;
		assert_true(permit_grant(w.relay, MINATO_TCP, &to, NULL, &way));
	}
	to.port++;
	assert_false(permit_grant(w.relay, MINATO_TCP, &to, NULL, &way));
	to.port--;
	assert_true(permit_grant(w.relay, MINATO_TCP, &to, NULL, &way));
}

#define CASE_ASKING(f) cmocka_unit_test_setup_teardown(f, begin_asking, finish_asking)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE_ASKING(yes_is_dialled),
		CASE_ASKING(no_is_refused),
		CASE_ASKING(who_does_not_hold_refuses),
		CASE_ASKING(a_call_that_was_given_up),
		CASE_ASKING(by_a_name),
		CASE_ASKING(by_a_name_beside_another),
		CASE_ASKING(by_a_name_that_is_forgotten),
		CASE_ASKING(datagrams_wait_for_yes),
		CASE_ASKING(no_to_datagrams_is_an_error_once),
		CASE_ASKING(datagrams_that_nobody_is_asked_about),
		CASE_ASKING(what_waits_is_bounded),
		CASE_ASKING(who_waits_may_end),
		CASE_ASKING(grants_are_bounded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
