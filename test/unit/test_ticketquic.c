/* SPDX-License-Identifier: BSD-2-Clause */
/* QUIC on its way out: no byte of a hello goes on before it is whole and names what it may. */
#include "inspect_fixture.h"
#include "permit_fixture.h"
#include "quic_fixture.h"

#define PORT 443

static struct bytes message, frames, datagram;
static struct initial initial;
static int far;
static uint64_t socket_of;

static int begin_quic(void **state)
{
	int result = begin_closed(state);

	if (have_netns) {
		pin_host("udp.example");
		far = host_socket(SOCK_DGRAM, "192.0.2.1", PORT);
		socket_of = guest_socket(MINATO_UDP);
	}
	initial = (struct initial){ QUICKEYS_V1, "server-1", 0, 1, NULL, 0 };
	return result;
}

static int finish_quic(void **state)
{
	if (have_netns)
		close(far);
	return finish_closed(state);
}

/* A datagram with these bytes of the message. */
static void guest_says_part(size_t offset, size_t len)
{
	const struct minato_datagram about = { .remote = end("192.0.2.1", PORT) };

	frames.len = datagram.len = 0;
	put_crypto(&frames, offset, message.at, len);
	while (frames.len < 60)
		put8(&frames, 0);
	put_initial(&datagram, &initial, &frames);
	initial.number++;
	assert_int_equal(minato_send_datagram(w.guest, socket_of, &about, datagram.at,
					      datagram.len),
			 datagram.len);
	turns(4);
}

static void guest_says_short(void)
{
	const struct minato_datagram about = { .remote = end("192.0.2.1", PORT) };
	const uint8_t bytes[40] = { 0x41 };

	assert_int_equal(minato_send_datagram(w.guest, socket_of, &about, bytes, sizeof(bytes)),
			 sizeof(bytes));
	turns(4);
}

/* How many datagrams have come to the server since it was asked last. */
static unsigned heard(void)
{
	uint8_t data[2048];
	unsigned count = 0;

	turns(4);
	while (recv(far, data, sizeof(data), MSG_DONTWAIT) >= 0)
		count++;
	return count;
}

static void a_name_that_led_there(void **state)
{
	(void)state;
	NEED_NETNS();
	named_message(&message, "udp.example");
	guest_says_part(0, message.len);
	assert_int_equal(heard(), 1);
	guest_says_short();
	assert_int_equal(heard(), 1);
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 0);
}

static void another_name(void **state)
{
	(void)state;
	NEED_NETNS();
	named_message(&message, "evil.example");
	guest_says_part(0, message.len);
	assert_int_equal(heard(), 0);
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 1);
	assert_string_equal(told.said, "evil.example");
	assert_int_equal(w.icmp_count, 1);
}

/* In pieces: all or none of them. */
static void pieces_wait_for_the_whole(void **state)
{
	(void)state;
	NEED_NETNS();
	named_message(&message, "udp.example");
	guest_says_part(30, message.len - 30);
	guest_says_part(10, 20);
	assert_int_equal(heard(), 0);
	guest_says_part(0, 10);
	assert_int_equal(heard(), 3);
	/* One is lost on the way, and comes again. */
	guest_says_part(10, 20);
	assert_int_equal(heard(), 1);
	guest_says_short();
	assert_int_equal(heard(), 1);
}

static void pieces_of_another_name(void **state)
{
	(void)state;
	NEED_NETNS();
	named_message(&message, "evil.example");
	guest_says_part(0, 30);
	assert_int_equal(heard(), 0);
	guest_says_part(30, message.len - 30);
	assert_int_equal(heard(), 0);
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 1);
	/* Again, as a client does that has no answer: the server must not have the rest by now. */
	guest_says_part(30, message.len - 30);
	guest_says_part(30, message.len - 30);
	assert_int_equal(heard(), 0);
	guest_says_part(0, 30);
	assert_int_equal(heard(), 0);
}

/* Something broken between them makes nothing forgotten that went on. */
static void broken_between_the_pieces(void **state)
{
	const struct minato_datagram about = { .remote = end("192.0.2.1", PORT) };
	static const uint8_t cut[] = { 0xc0, 0, 0, 0, 1, 99 };

	(void)state;
	NEED_NETNS();
	named_message(&message, "evil.example");
	guest_says_part(0, 30);
	assert_int_equal(minato_send_datagram(w.guest, socket_of, &about, cut, sizeof(cut)),
			 sizeof(cut));
	turns(4);
	guest_says_part(30, message.len - 30);
	assert_int_equal(heard(), 0);
}

/* The port of a connection that is let out begins another one. */
static void a_second_connection_of_the_port(void **state)
{
	(void)state;
	NEED_NETNS();
	named_message(&message, "udp.example");
	guest_says_part(0, message.len);
	guest_says_short();
	assert_int_equal(heard(), 2);
	named_message(&message, "evil.example");
	initial.id = "server-2";
	guest_says_part(0, 30);
	guest_says_short();
	assert_int_equal(heard(), 1); /* of the first */
	guest_says_part(30, message.len - 30);
	assert_int_equal(heard(), 0);
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 1);
}

static void after_a_retry_with_another_name(void **state)
{
	(void)state;
	NEED_NETNS();
	named_message(&message, "udp.example");
	guest_says_part(0, message.len);
	assert_int_equal(heard(), 1);
	named_message(&message, "evil.example");
	initial.id = "retry-id";
	initial.token = "token";
	guest_says_part(0, message.len);
	assert_int_equal(heard(), 0);
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 1);
}

/*
 * After a datagram as only an answered client sends them, though nobody has answered: the hello
 * that follows a HelloRetryRequest, with the server's id.
 */
static void a_second_hello_behind_a_feint(void **state)
{
	const struct minato_datagram about = { .remote = end("192.0.2.1", PORT) };
	struct quickeys keys;

	(void)state;
	NEED_NETNS();
	named_message(&message, "udp.example");
	guest_says_part(0, message.len);
	guest_says_short();
	assert_int_equal(heard(), 2);
	quickeys_make(&keys, (const uint8_t *)"server-1", 8, QUICKEYS_V1);
	initial.id = "chosen";
	named_message(&message, "evil.example");
	frames.len = datagram.len = 0;
	put_crypto(&frames, 0, message.at, message.len);
	put_initial_with(&datagram, &initial, &keys, &frames);
	assert_int_equal(minato_send_datagram(w.guest, socket_of, &about, datagram.at,
					      datagram.len),
			 datagram.len);
	turns(4);
	assert_int_equal(heard(), 0);
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 1);
}

/*
 * The server gets one half of each, since the guest sees to it that the other halves are lost on
 * their way: none of these may follow another of the same id, from whichever port it comes.
 */
static void halves_of_two_hellos(void **state)
{
	(void)state;
	NEED_NETNS();
	named_message(&message, "udp.example");
	guest_says_part(0, 30);
	guest_says_part(30, message.len - 30);
	assert_int_equal(heard(), 2);
	guest_says_short();
	assert_int_equal(heard(), 1);
	guest_says_part(0, 30);
	guest_says_part(30, message.len - 30);
	assert_int_equal(heard(), 0);
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 1);
	assert_int_equal(minato_close(w.guest, socket_of), 0);
	socket_of = guest_socket(MINATO_UDP);
	guest_says_part(0, 30);
	guest_says_part(30, message.len - 30);
	assert_int_equal(heard(), 0);
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 2);
	/* Another connection is free to, and this one after a while. */
	initial.id = "server-2";
	guest_says_part(0, message.len);
	assert_int_equal(heard(), 1);
	guest_says_short();
	assert_int_equal(heard(), 1);
	w.skew_ns += INT64_C(121000000000);
	turns(2);
	pin_host("udp.example");
	guest_says_part(0, message.len);
	assert_int_equal(heard(), 1);
}

static void version_two(void **state)
{
	(void)state;
	NEED_NETNS();
	initial.version = QUICKEYS_V2;
	named_message(&message, "evil.example");
	guest_says_part(0, message.len);
	assert_int_equal(heard(), 0);
	named_message(&message, "udp.example");
	initial.id = "server-2";
	guest_says_part(0, message.len);
	assert_int_equal(heard(), 1);
}

static void what_is_kept_is_bounded(void **state)
{
	(void)state;
	NEED_NETNS();
	named_message(&message, "udp.example");
	for (unsigned i = 0; i < 3 * INSPECT_QUIC_HELD_MAX; i++)
		guest_says_part(20 + i % 3, 10);
	assert_true(told.count[RELAY_ATTEMPT_REFUSED] >= 1);
	assert_int_equal(heard(), 0);
}

#define CASE_QUIC(f) cmocka_unit_test_setup_teardown(f, begin_quic, finish_quic)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE_QUIC(a_name_that_led_there),
		CASE_QUIC(another_name),
		CASE_QUIC(pieces_wait_for_the_whole),
		CASE_QUIC(pieces_of_another_name),
		CASE_QUIC(broken_between_the_pieces),
		CASE_QUIC(a_second_connection_of_the_port),
		CASE_QUIC(after_a_retry_with_another_name),
		CASE_QUIC(a_second_hello_behind_a_feint),
		CASE_QUIC(halves_of_two_hellos),
		CASE_QUIC(version_two),
		CASE_QUIC(what_is_kept_is_bounded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
