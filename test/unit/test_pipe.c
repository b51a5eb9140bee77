/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes, ends and resets of a relayed connection, both ways. */
#include "relay_fixture.h"

#include <poll.h>
#include <sys/ioctl.h>

static int listener;
static int far;
static uint64_t guest;

static int joined(void **state)
{
	begin(state);
	if (!have_netns)
		return 0;
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 0);
	guest = join(listener, "192.0.2.1", &far);
	return 0;
}

static int parted(void **state)
{
	if (have_netns) {
		close(listener);
		if (far >= 0)
			close(far);
	}
	return finish(state);
}

/* Closes the far side at once, with a reset. */
static void far_resets(void)
{
	const struct linger reset = { .l_onoff = 1 };

	setsockopt(far, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(far);
	far = -1;
}

static void guest_ends_first(void **state)
{
	char byte;

	NEED_NETNS();
	guest_says(guest, "last words");
	assert_int_equal(minato_shutdown(w.guest, guest, MINATO_SHUT_WR), 0);
	host_hears(far, "last words");
	assert_int_equal(host_recv(far, &byte, 1), 0);
	/* The other direction lives on. */
	host_says(far, "an answer");
	guest_hears(guest, "an answer");
	turns(5);
	host_says(far, "and more");
	guest_hears(guest, "and more");
	assert_int_equal(shutdown(far, SHUT_WR), 0);
	assert_int_equal(guest_recv(guest, &byte, 1), 0);
	UNTIL(w.relay->lanes.count == 0);
}

static void far_side_ends_first(void **state)
{
	char byte;

	NEED_NETNS();
	host_says(far, "last words");
	assert_int_equal(shutdown(far, SHUT_WR), 0);
	guest_hears(guest, "last words");
	assert_int_equal(guest_recv(guest, &byte, 1), 0);
	guest_says(guest, "an answer");
	host_hears(far, "an answer");
	assert_int_equal(minato_shutdown(w.guest, guest, MINATO_SHUT_WR), 0);
	assert_int_equal(host_recv(far, &byte, 1), 0);
	UNTIL(w.relay->lanes.count == 0);
}

static void both_end_well_without_reset(void **state)
{
	char byte;

	NEED_NETNS();
	guest_says(guest, "bye");
	host_says(far, "bye");
	assert_int_equal(minato_shutdown(w.guest, guest, MINATO_SHUT_WR), 0);
	assert_int_equal(shutdown(far, SHUT_WR), 0);
	UNTIL(w.relay->lanes.count == 0);
	host_hears(far, "bye");
	assert_int_equal(host_recv(far, &byte, 1), 0);
	guest_hears(guest, "bye");
	assert_int_equal(guest_recv(guest, &byte, 1), 0);
	assert_int_equal(w.rst_count, 0);
}

static void far_reset_is_a_reset(void **state)
{
	char byte;

	NEED_NETNS();
	far_resets();
	assert_int_equal(guest_recv(guest, &byte, 1), -ECONNRESET);
	UNTIL(w.relay->lanes.count == 0);
}

static void data_before_a_far_reset_arrives(void **state)
{
	char byte;

	NEED_NETNS();
	host_says(far, "before the end");
	UNTIL(guest_ready(guest) & MINATO_READABLE);
	far_resets();
	UNTIL(w.relay->lanes.count == 0);
	guest_hears(guest, "before the end");
	assert_int_equal(guest_recv(guest, &byte, 1), -ECONNRESET);
}

/* Also what the guest had not taken yet when the reset came. */
static void much_data_before_a_far_reset_arrives(void **state)
{
	static char data[1 << 17];
	size_t sent = 0;
	int64_t n;

	NEED_NETNS();
	while (sent < sizeof(data)) {
		ssize_t took = send(far, data + sent, sizeof(data) - sent, MSG_NOSIGNAL);

		sent += took > 0 ? (size_t)took : 0;
		turn();
	}
	UNTIL(w.relay->lanes.blocks[0][0].bytes_in == sent);
	far_resets();
	turns(10);
	while ((n = guest_recv(guest, data, sizeof(data))) > 0)
		sent -= (size_t)n;
	assert_int_equal(n, -ECONNRESET);
	assert_int_equal(sent, 0);
}

/* The guest has no room, and more is there: what the far side does is not found by reading. */
static bool is_stuck(void)
{
	const struct lane *f = w.relay->lanes.blocks[0];
	int waits = 0;

	return !((uint32_t)minato_ready(w.host, f->socket, NULL) & MINATO_WRITABLE) &&
	       ioctl(f->fd, FIONREAD, &waits) == 0 && waits > 0;
}

/* A send that fails takes the error with it; the end that is read then is none. */
static void reset_found_by_sending_is_no_end(void **state)
{
	static char data[1 << 18];
	int64_t n;
	int quiet = 0;

	NEED_NETNS();
	while (quiet < 10) {
		ssize_t took = send(far, data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL);

		quiet = took > 0 || !is_stuck() ? 0 : quiet + 1;
		turn();
	}
	far_resets();
	guest_says(guest, "are you there?");
	UNTIL(w.relay->lanes.blocks[0][0].host_failed);
	while ((n = guest_recv(guest, data, sizeof(data))) > 0)
		;
	assert_int_equal(n, -ECONNRESET);
	UNTIL(w.relay->lanes.count == 0);
}

static void data_and_a_reset_at_once_arrive_in_order(void **state)
{
	char byte;

	NEED_NETNS();
	host_says(far, "before the end");
	far_resets();
	turns(5);
	/* The kernel may have thrown the data away; a FIN there must never be. */
	assert_int_not_equal(minato_recv(w.guest, guest, &byte, 1, MINATO_MSG_PEEK), 0);
	UNTIL(w.relay->lanes.count == 0);
	assert_true(w.rst_count >= 1);
}

static void guest_reset_is_a_reset(void **state)
{
	char byte;

	NEED_NETNS();
	assert_int_equal(minato_abort(w.guest, guest), 0);
	assert_int_equal(host_recv(far, &byte, 1), -ECONNRESET);
	UNTIL(w.relay->lanes.count == 0);
}

static void guest_reset_while_far_side_does_not_read(void **state)
{
	static char block[1 << 20];
	int64_t sent = 0;

	NEED_NETNS();
	for (int i = 0; i < 200; i++) {
		int64_t now_sent = minato_send(w.guest, guest, block, sizeof(block), 0);

		sent += now_sent > 0 ? now_sent : 0;
		turn();
	}
	assert_true(sent > 100000);
	assert_int_equal(minato_abort(w.guest, guest), 0);
	UNTIL(w.relay->lanes.count == 0);
}

static void end_of_the_relay_is_a_reset(void **state)
{
	struct relay_config c;
	char byte;
	ssize_t got;

	NEED_NETNS();
	host_says(far, "unread");
	guest_says(guest, "half a tr");
	turns(5);
	c = w.relay->config;
	relay_free(w.relay);
	/* For the teardown. */
	assert_int_equal(relay_create(&w.relay, &c, NULL), 0);
	do {
		got = recv(far, &byte, 1, MSG_DONTWAIT);
	} while (got > 0);
	assert_int_equal(got, -1);
	assert_int_equal(errno, ECONNRESET);
}

/* All that the guest said before its own end is delivered, whatever the kernel still holds. */
static void end_of_the_relay_leaves_what_was_whole(void **state)
{
	static char data[1 << 16];
	const int small = 4096;
	struct relay_config c;
	size_t sent = 0;
	uint64_t s;
	char byte;
	int narrow;
	int fd;

	NEED_NETNS();
	narrow = host_socket(SOCK_STREAM, "192.0.2.1", 0);
	assert_int_equal(setsockopt(narrow, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	s = join(narrow, "192.0.2.1", &fd);
	while (sent < sizeof(data)) {
		int64_t n = minato_send(w.guest, s, data + sent, sizeof(data) - sent, 0);

		sent += n > 0 ? (size_t)n : 0;
		turn();
	}
	assert_int_equal(minato_shutdown(w.guest, s, MINATO_SHUT_WR), 0);
	UNTIL(w.relay->lanes.blocks[0][1].out_done);
	/* Most of it waits in the host's kernel now. */
	c = w.relay->config;
	relay_free(w.relay);
	assert_int_equal(relay_create(&w.relay, &c, NULL), 0);
	while (sent > 0) {
		ssize_t got = host_recv(fd, data, sizeof(data));

		assert_true(got > 0);
		sent -= (size_t)got;
	}
	assert_int_equal(host_recv(fd, &byte, 1), 0);
	close(fd);
	close(narrow);
}

static void guest_reset_after_its_end_is_a_reset(void **state)
{
	NEED_NETNS();
	assert_int_equal(minato_shutdown(w.guest, guest, MINATO_SHUT_WR), 0);
	UNTIL(w.relay->lanes.blocks[0][0].out_done);
	assert_int_equal(minato_abort(w.guest, guest), 0);
	UNTIL(w.relay->lanes.count == 0);
	UNTIL(send(far, "x", 1, MSG_NOSIGNAL) < 0);
	assert_true(errno == ECONNRESET || errno == EPIPE);
}

static uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at * 2654435761u >> 13);
}

static void check_pattern(const uint8_t *data, size_t len, uint64_t at)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != pattern(at + i))
			fail_msg("byte %llu differs", (unsigned long long)(at + i));
}

#define BULK (24u << 20)

static void bulk_out_is_whole(void **state)
{
	static uint8_t data[1 << 18];
	uint64_t sent = 0;
	uint64_t got = 0;

	NEED_NETNS();
	while (got < BULK) {
		size_t len = BULK - sent < sizeof(data) ? BULK - sent : sizeof(data);
		int64_t n;

		for (size_t i = 0; i < len; i++)
			data[i] = pattern(sent + i);
		n = len ? minato_send(w.guest, guest, data, len, 0) : 0;
		sent += n > 0 ? (uint64_t)n : 0;
		assert_true(drive_loop_turn(w.loop, drive_now()) >= 0);
		n = recv(far, data, sizeof(data), MSG_DONTWAIT);
		if (n > 0) {
			check_pattern(data, (size_t)n, got);
			got += (uint64_t)n;
		}
	}
	assert_int_equal(got, BULK);
}

static void bulk_in_is_whole(void **state)
{
	static uint8_t data[1 << 18];
	uint64_t sent = 0;
	uint64_t got = 0;

	NEED_NETNS();
	while (got < BULK) {
		size_t len = BULK - sent < sizeof(data) ? BULK - sent : sizeof(data);
		int64_t n;

		for (size_t i = 0; i < len; i++)
			data[i] = pattern(sent + i);
		n = len ? send(far, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
		sent += n > 0 ? (uint64_t)n : 0;
		assert_true(drive_loop_turn(w.loop, drive_now()) >= 0);
		n = minato_recv(w.guest, guest, data, sizeof(data), 0);
		if (n > 0) {
			check_pattern(data, (size_t)n, got);
			got += (uint64_t)n;
		}
	}
	assert_int_equal(got, BULK);
}

static void far_side_that_stops_stops_the_guest(void **state)
{
	static uint8_t data[1 << 18];
	uint64_t sent = 0;
	uint64_t before;
	uint64_t got = 0;
	struct minato_counts counts;

	NEED_NETNS();
	for (int i = 0; i < 600; i++) {
		int64_t n = minato_send(w.guest, guest, data, sizeof(data), 0);

		sent += n > 0 ? (uint64_t)n : 0;
		turn();
	}
	before = sent;
	turns(20);
	/* Nothing more is taken: the window is closed and both buffers are full. */
	assert_true(minato_send(w.guest, guest, data, sizeof(data), 0) <= 0);
	assert_int_equal(minato_counts(w.guest, guest, &counts), 0);
	assert_true(counts.unacked > 0);
	assert_true(sent < 64u << 20);
	/* And all of it comes when the far side reads again. */
	while (got < before) {
		ssize_t n = host_recv(far, data, sizeof(data));

		assert_true(n > 0);
		got += (uint64_t)n;
	}
}

static void guest_that_stops_stops_the_far_side(void **state)
{
	static uint8_t data[1 << 18];
	uint64_t sent = 0;
	uint64_t got = 0;
	int quiet = 0;

	NEED_NETNS();
	while (quiet < 20) {
		ssize_t n = send(far, data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL);

		quiet = n > 0 ? 0 : quiet + 1;
		sent += n > 0 ? (uint64_t)n : 0;
		assert_true(sent < 128u << 20);
		turn();
	}
	while (got < sent) {
		int64_t n = guest_recv(guest, data, sizeof(data));

		assert_true(n > 0);
		got += (uint64_t)n;
	}
	assert_int_equal(got, sent);
}

static void end_behind_a_full_window_arrives(void **state)
{
	static uint8_t data[1 << 18];
	uint64_t sent = 0;
	int64_t n;
	int quiet = 0;

	NEED_NETNS();
	while (quiet < 10) {
		ssize_t took = send(far, data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL);

		quiet = took > 0 ? 0 : quiet + 1;
		sent += took > 0 ? (uint64_t)took : 0;
		turn();
	}
	close(far);
	far = -1;
	turns(5);
	while ((n = guest_recv(guest, data, sizeof(data))) > 0)
		sent -= (uint64_t)n;
	assert_int_equal(n, 0);
	assert_int_equal(sent, 0);
}

static void a_lane_is_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct lane) <= 168);
}

static void two_share_the_turns(void **state)
{
	static uint8_t data[1 << 18];
	uint64_t second;
	int far2;
	uint64_t got[2] = { 0 };

	NEED_NETNS();
	second = join(listener, "192.0.2.1", &far2);
	for (int i = 0; i < 400; i++) {
		int64_t n;

		(void)!send(far, data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL);
		(void)!send(far2, data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL);
		assert_true(drive_loop_turn(w.loop, drive_now()) >= 0);
		n = minato_recv(w.guest, guest, data, sizeof(data), 0);
		got[0] += n > 0 ? (uint64_t)n : 0;
		n = minato_recv(w.guest, second, data, sizeof(data), 0);
		got[1] += n > 0 ? (uint64_t)n : 0;
	}
	assert_true(got[0] > 0 && got[1] > 0);
	assert_true(got[0] < got[1] * 4 && got[1] < got[0] * 4);
	close(far2);
}

#define JOINED(f) cmocka_unit_test_setup_teardown(f, joined, parted)

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOINED(guest_ends_first),
		JOINED(far_side_ends_first),
		JOINED(both_end_well_without_reset),
		JOINED(far_reset_is_a_reset),
		JOINED(data_before_a_far_reset_arrives),
		JOINED(much_data_before_a_far_reset_arrives),
		JOINED(reset_found_by_sending_is_no_end),
		JOINED(data_and_a_reset_at_once_arrive_in_order),
		JOINED(guest_reset_is_a_reset),
		JOINED(guest_reset_while_far_side_does_not_read),
		JOINED(end_of_the_relay_is_a_reset),
		JOINED(end_of_the_relay_leaves_what_was_whole),
		JOINED(guest_reset_after_its_end_is_a_reset),
		JOINED(bulk_out_is_whole),
		JOINED(bulk_in_is_whole),
		JOINED(far_side_that_stops_stops_the_guest),
		JOINED(guest_that_stops_stops_the_far_side),
		JOINED(end_behind_a_full_window_arrives),
		JOINED(two_share_the_turns),
		cmocka_unit_test(a_lane_is_small),
	};

	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
