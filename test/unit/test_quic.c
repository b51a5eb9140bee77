/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams of a client of QUIC: whom it wants, in any order of frames, packets and datagrams. */
#include "inspect_fixture.h"
#include "quic_fixture.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static struct inspect_quic quic;
static struct inspect_wish wish;
static struct bytes message, frames, datagram;
static struct initial initial;

static int begin(void **state)
{
	(void)state;
	memset(&quic, 0, sizeof(quic));
	named_message(&message, "Api.example.com");
	frames.len = datagram.len = 0;
	initial = (struct initial){ QUICKEYS_V1, "server-1", 0, 1, NULL, 0 };
	return 0;
}

/* Asks about a copy of the very size, so that a step beyond is seen. */
static enum inspect_verdict ask(void)
{
	uint8_t *copy = malloc(datagram.len ? datagram.len : 1);
	enum inspect_verdict verdict;

	assert_non_null(copy);
	memcpy(copy, datagram.at, datagram.len);
	verdict = inspect_quic(&quic, copy, datagram.len, &wish);
	free(copy);
	assert_true((wish.fault != NULL) == (verdict == INSPECT_MALFORMED));
	return verdict;
}

/* One datagram of one Initial with these bytes of the message. */
static enum inspect_verdict ask_part(size_t offset, size_t len)
{
	frames.len = datagram.len = 0;
	put_crypto(&frames, offset, message.at, len);
	while (frames.len < 60)
		put8(&frames, 0);
	put_initial(&datagram, &initial, &frames);
	initial.number++;
	return ask();
}

static enum inspect_verdict ask_frames(void)
{
	datagram.len = 0;
	while (frames.len < 60)
		put8(&frames, 0);
	put_initial(&datagram, &initial, &frames);
	initial.number++;
	return ask();
}

static void a_name(void **state)
{
	(void)state;
	initial.token = "token";
	assert_int_equal(ask_part(0, message.len), INSPECT_WISH);
	assert_int_equal(wish.sort, INSPECT_QUIC);
	assert_string_equal(wish.name, "api.example.com");
	begin(NULL);
	initial.version = QUICKEYS_V2;
	assert_int_equal(ask_part(0, message.len), INSPECT_WISH);
	assert_string_equal(wish.name, "api.example.com");
}

static void frames_in_any_order(void **state)
{
	(void)state;
	for (size_t at = message.len; at-- > 0;) {
		put8(&frames, 1);
		put_crypto(&frames, at, message.at, 1);
		put8(&frames, 0);
	}
	assert_int_equal(ask_frames(), INSPECT_WISH);
	assert_string_equal(wish.name, "api.example.com");
}

static void datagrams_in_any_order(void **state)
{
	(void)state;
	assert_int_equal(ask_part(50, message.len - 50), INSPECT_MORE);
	assert_int_equal(ask_part(0, 3), INSPECT_MORE);
	/* Again, and overlapping. */
	assert_int_equal(ask_part(0, 20), INSPECT_MORE);
	assert_int_equal(ask_part(10, 39), INSPECT_MORE);
	assert_int_equal(ask_part(40, 20), INSPECT_WISH);
	assert_string_equal(wish.name, "api.example.com");
	/* What was weighed may come again, but not otherwise. */
	assert_int_equal(ask_part(0, message.len), INSPECT_PASS);
	message.at[message.len - 1] ^= 1;
	assert_int_equal(ask_part(0, message.len), INSPECT_MALFORMED);
}

static void one_part_in_two_ways(void **state)
{
	(void)state;
	assert_int_equal(ask_part(0, 60), INSPECT_MORE);
	message.at[59] ^= 1;
	assert_int_equal(ask_part(50, message.len - 50), INSPECT_MALFORMED);
}

static void coalesced_packets(void **state)
{
	static const uint8_t sealed[40];
	struct bytes early = { .len = 0 };

	(void)state;
	put_crypto(&frames, 0, message.at, 60);
	put_initial(&datagram, &initial, &frames);
	initial.number++;
	frames.len = 0;
	put_crypto(&frames, 60, message.at, message.len - 60);
	put_initial(&datagram, &initial, &frames);
	initial.bits = 1;
	put_long_header(&datagram, &initial, sizeof(sealed));
	put8(&datagram, 0);
	put(&datagram, sealed, sizeof(sealed));
	put(&datagram, "\0\0\0\0", 4);
	assert_int_equal(ask(), INSPECT_WISH);

	/* 0-RTT that overtakes the Initial, and a 1-RTT packet. */
	begin(NULL);
	initial.bits = 1;
	put_long_header(&early, &initial, sizeof(sealed));
	put8(&early, 0);
	put(&early, sealed, sizeof(sealed));
	assert_int_equal(inspect_quic(&quic, early.at, early.len, &wish), INSPECT_PASS);
	assert_int_equal(inspect_quic(&quic, (const uint8_t *)"\x40hello", 6, &wish), INSPECT_PASS);
	assert_true(inspect_quic_initial(early.at, early.len));
	assert_false(inspect_quic_initial((const uint8_t *)"\x40hello", 6));
	assert_false(inspect_quic_initial(NULL, 0));
}

static void packets_that_do_not_go_together(void **state)
{
	(void)state;
	put_crypto(&frames, 0, message.at, message.len);
	put_initial(&datagram, &initial, &frames);
	initial.id = "server-2";
	put_initial(&datagram, &initial, &frames);
	assert_int_equal(ask(), INSPECT_MALFORMED);

	begin(NULL);
	put_crypto(&frames, 0, message.at, message.len);
	put_initial(&datagram, &initial, &frames);
	initial.version = 5;
	put_initial(&datagram, &initial, &frames);
	assert_int_equal(ask(), INSPECT_MALFORMED);
}

static void unknown_versions(void **state)
{
	(void)state;
	initial.version = 0xff00001d;
	assert_int_equal(ask_part(0, message.len), INSPECT_OTHER);
	initial.version = 0;
	assert_int_equal(ask_part(0, message.len), INSPECT_OTHER);
	datagram.len = 3;
	assert_int_equal(ask(), INSPECT_OTHER);
}

static void other_frames(void **state)
{
	static const uint8_t ack[] = { 2, 5, 0, 1, 0, 0, 0, 3, 5, 0, 0, 0, 1, 2, 3 };
	static const uint8_t closing[] = { 0x1c, 1, 6, 2, 'n', 'o' };

	(void)state;
	put(&frames, ack, sizeof(ack));
	put(&frames, closing, sizeof(closing));
	put_crypto(&frames, 0, message.at, message.len);
	assert_int_equal(ask_frames(), INSPECT_WISH);

	begin(NULL);
	put8(&frames, 8); /* STREAM */
	assert_int_equal(ask_frames(), INSPECT_MALFORMED);
	begin(NULL);
	put_crypto(&frames, 0, message.at, message.len);
	while (frames.len < 60)
		put8(&frames, 0);
	put8(&frames, 6);
	put8(&frames, 0);
	put8(&frames, 9);
	assert_int_equal(ask_frames(), INSPECT_MALFORMED);
	begin(NULL);
	put(&frames, "\2\0\0\x3f", 4);
	for (unsigned i = 0; i < 100; i++)
		put8(&frames, 0x3f);
	assert_int_equal(ask_frames(), INSPECT_MALFORMED);
}

static void hellos_that_are_none(void **state)
{
	(void)state;
	message.at[0] = 2;
	assert_int_equal(ask_part(0, 3), INSPECT_MALFORMED);
	begin(NULL);
	message.at[1] = 1;
	assert_int_equal(ask_part(0, 4), INSPECT_MALFORMED);
	begin(NULL);
	put8(&frames, 6);
	put_number(&frames, INSPECT_QUIC_HELLO_MAX - 1);
	put8(&frames, 2);
	put16(&frames, 0);
	assert_int_equal(ask_frames(), INSPECT_MALFORMED);
	begin(NULL);
	named_message(&message, "10.0.0.1");
	assert_int_equal(ask_part(0, message.len), INSPECT_MALFORMED);
	/* Two of them at once: a server that asks for another reads the second too. */
	begin(NULL);
	put(&message, message.at, message.len);
	assert_int_equal(ask_part(0, message.len), INSPECT_MALFORMED);
}

static void a_hello_must_be_whole_soon(void **state)
{
	(void)state;
	for (unsigned i = 0; i < INSPECT_QUIC_HELD_MAX; i++)
		assert_int_equal(ask_part(i, 1), INSPECT_MORE);
	assert_int_equal(ask_part(0, 1), INSPECT_MALFORMED);
	assert_false(quic.begun);
}

/* After HelloRetryRequest, in the same stream: it could name another. */
static void the_second_hello_is_weighed_too(void **state)
{
	struct bytes second;

	(void)state;
	assert_int_equal(ask_part(0, message.len), INSPECT_WISH);
	named_message(&second, "other.example");
	put(&message, second.at, second.len);
	assert_int_equal(ask_part(message.len - second.len, 20), INSPECT_MORE);
	assert_int_equal(ask_part(message.len - 30, 30), INSPECT_MORE);
	assert_int_equal(ask_part(message.len - second.len, second.len), INSPECT_WISH);
	assert_string_equal(wish.name, "other.example");
}

/* A server's answer changes the id, but not the keys (RFC 9001 5.2). */
static void later_packets_by_the_first_keys(void **state)
{
	struct quickeys keys;

	(void)state;
	assert_int_equal(ask_part(0, message.len), INSPECT_WISH);
	quickeys_make(&keys, (const uint8_t *)"server-1", 8, QUICKEYS_V1);
	initial.id = "chosen";
	frames.len = datagram.len = 0;
	put(&frames, "\2\0\0\0\0", 5);
	while (frames.len < 60)
		put8(&frames, 0);
	put_initial_with(&datagram, &initial, &keys, &frames);
	assert_int_equal(ask(), INSPECT_PASS);
	/* Without the state nobody can open it: what is in it may be a hello. */
	memset(&quic, 0, sizeof(quic));
	assert_int_equal(ask(), INSPECT_MALFORMED);
	assert_false(quic.begun);
}

/* RFC 9368 2.3: the server goes on in another version, by keys of the same first id. */
static void a_version_that_the_server_chose(void **state)
{
	struct bytes second;
	struct quickeys keys;

	(void)state;
	for (unsigned evil = 0; evil < 2; evil++) {
		begin(NULL);
		assert_int_equal(ask_part(0, message.len), INSPECT_WISH);
		quickeys_make(&keys, (const uint8_t *)"server-1", 8, QUICKEYS_V2);
		initial.id = "chosen";
		initial.version = QUICKEYS_V2;
		frames.len = datagram.len = 0;
		named_message(&second, "other.example");
		put(&message, second.at, second.len);
		if (evil)
			put_crypto(&frames, message.len - second.len, message.at, second.len);
		else
			put(&frames, "\2\0\0\0\0", 5);
		while (frames.len < 60)
			put8(&frames, 0);
		put_initial_with(&datagram, &initial, &keys, &frames);
		assert_int_equal(ask(), evil ? INSPECT_WISH : INSPECT_PASS);
		if (evil)
			assert_string_equal(wish.name, "other.example");
	}
	/* What had been sent before by the first version comes again. */
	begin(NULL);
	assert_int_equal(ask_part(0, message.len), INSPECT_WISH);
	initial.version = QUICKEYS_V2;
	assert_int_equal(ask_part(0, message.len), INSPECT_PASS);
	initial.version = QUICKEYS_V1;
	assert_int_equal(ask_part(0, message.len), INSPECT_PASS);
}

static void another_connection_of_the_flow(void **state)
{
	(void)state;
	assert_int_equal(ask_part(0, message.len), INSPECT_WISH);
	named_message(&message, "other.example");
	initial = (struct initial){ QUICKEYS_V1, "retried", 1, 1, "token", 0 };
	assert_int_equal(ask_part(0, 30), INSPECT_MORE);
	assert_int_equal(ask_part(30, message.len - 30), INSPECT_WISH);
	assert_string_equal(wish.name, "other.example");
}

/* Else the datagrams kept back would go on by the name of the other. */
static void not_within_the_hello_of_the_first(void **state)
{
	(void)state;
	assert_int_equal(ask_part(0, 30), INSPECT_MORE);
	initial.id = "server-2";
	assert_int_equal(ask_part(0, message.len), INSPECT_MALFORMED);
	assert_false(quic.begun);
}

static void cut_anywhere(void **state)
{
	struct bytes whole;

	(void)state;
	ask_part(0, message.len);
	whole = datagram;
	for (size_t len = 0; len < whole.len; len++) {
		memset(&quic, 0, sizeof(quic));
		datagram.len = len;
		assert_int_not_equal(ask(), INSPECT_WISH);
		assert_int_not_equal(ask(), INSPECT_MORE);
	}
}

#define CLIENT "/usr/bin/gtlsclient"

static void run_client(unsigned port)
{
	char text[8];

	snprintf(text, sizeof(text), "%u", port);
	if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
		_exit(1);
	execl(CLIENT, CLIENT, "-q", "127.0.0.1", text, "https://real.example.com/", (char *)NULL);
	_exit(127);
}

/* ngtcp2's client, if it is there, to a port where nobody answers. */
static void a_real_client(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t at_len = sizeof(at);
	struct timeval patience = { 20, 0 };
	enum inspect_verdict verdict = INSPECT_MORE;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	pid_t child;

	(void)state;
	if (access(CLIENT, X_OK)) {
		close(fd);
		skip();
	}
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &at_len), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		run_client(ntohs(at.sin_port));
	while (verdict == INSPECT_MORE) {
		ssize_t len = recv(fd, datagram.at, sizeof(datagram.at), 0);

		assert_true(len > 0);
		datagram.len = (size_t)len;
		verdict = ask();
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(fd);
	assert_int_equal(verdict, INSPECT_WISH);
	/* What it says where it was given an address. */
	assert_string_equal(wish.name, "localhost");
	assert_non_null(strstr(wish.alpn, "h3"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_name, begin),
		cmocka_unit_test_setup(frames_in_any_order, begin),
		cmocka_unit_test_setup(datagrams_in_any_order, begin),
		cmocka_unit_test_setup(one_part_in_two_ways, begin),
		cmocka_unit_test_setup(coalesced_packets, begin),
		cmocka_unit_test_setup(packets_that_do_not_go_together, begin),
		cmocka_unit_test_setup(unknown_versions, begin),
		cmocka_unit_test_setup(other_frames, begin),
		cmocka_unit_test_setup(hellos_that_are_none, begin),
		cmocka_unit_test_setup(a_hello_must_be_whole_soon, begin),
		cmocka_unit_test_setup(the_second_hello_is_weighed_too, begin),
		cmocka_unit_test_setup(later_packets_by_the_first_keys, begin),
		cmocka_unit_test_setup(a_version_that_the_server_chose, begin),
		cmocka_unit_test_setup(another_connection_of_the_flow, begin),
		cmocka_unit_test_setup(not_within_the_hello_of_the_first, begin),
		cmocka_unit_test_setup(cut_anywhere, begin),
		cmocka_unit_test_setup(a_real_client, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
