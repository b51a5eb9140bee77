/* SPDX-License-Identifier: BSD-2-Clause */
/* The pool of lanes, their words, the ring of work and the lists by age. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "relay/relay.h"

static struct relay r;

static int fresh(void **state)
{
	(void)state;
	memset(&r, 0, sizeof(r));
	r.lanes.max = 1000;
	r.now.ns = 100000000;
	return drive_loop_new(&r.config.loop);
}

static int clean(void **state)
{
	(void)state;
	lane_pool_free(&r.lanes);
	drive_loop_free(r.config.loop);
	return 0;
}

static struct lane *new_lane(void)
{
	struct lane *f = lane_new(&r, LANE_OUT);

	assert_non_null(f);
	return f;
}

static void new_is_clean(void **state)
{
	struct lane *f = new_lane();

	(void)state;
	f->bytes_in = 7;
	f->guest_reset = true;
	lane_free(f);
	f = new_lane();
	assert_int_equal(f->bytes_in, 0);
	assert_false(f->guest_reset);
	assert_int_equal(f->fd, -1);
	assert_int_equal(f->since, 1);
	assert_int_equal(f->kind, LANE_OUT);
	lane_free(f);
}

static void word_leads_back(void **state)
{
	struct lane *a = new_lane();
	struct lane *b = new_lane();

	(void)state;
	assert_ptr_equal(lane_of(&r, lane_word(a)), a);
	assert_ptr_equal(lane_of(&r, lane_word(b)), b);
	assert_int_equal(lane_word(a) >> 56, RELAY_WORD);
	lane_free(a);
	lane_free(b);
}

static void stale_word_leads_nowhere(void **state)
{
	struct lane *f = new_lane();
	uint64_t word = lane_word(f);

	(void)state;
	lane_free(f);
	assert_null(lane_of(&r, word));
	assert_ptr_equal(new_lane(), f);
	assert_null(lane_of(&r, word));
	lane_free(f);
}

static void strange_words_lead_nowhere(void **state)
{
	struct lane *f = new_lane();

	(void)state;
	assert_null(lane_of(&r, 0));
	assert_null(lane_of(&r, UINT64_MAX));
	assert_null(lane_of(&r, lane_word(f) + 1));
	assert_null(lane_of(&r, lane_word(f) ^ (uint64_t)1 << 40));
	assert_null(lane_of(&r, relay_word(WORD_UPLINK, 0)));
	lane_free(f);
}

static void no_more_than_max(void **state)
{
	struct lane *all[100];

	(void)state;
	r.lanes.max = 100;
	for (int i = 0; i < 100; i++)
		all[i] = new_lane();
	assert_null(lane_new(&r, LANE_OUT));
	assert_int_equal(r.counters[RELAY_COUNT_NO_FLOW], 1);
	lane_free(all[50]);
	assert_ptr_equal(lane_new(&r, LANE_IN), all[50]);
	for (int i = 0; i < 100; i++)
		lane_free(all[i]);
	assert_int_equal(r.lanes.count, 0);
}

static void lanes_never_move(void **state)
{
	struct lane *first = new_lane();
	struct lane *all[500];

	(void)state;
	for (int i = 0; i < 500; i++)
		all[i] = new_lane();
	assert_ptr_equal(lane_of(&r, lane_word(first)), first);
	for (int i = 0; i < 500; i++)
		for (int k = i + 1; k < 500; k += 50)
			assert_ptr_not_equal(all[i], all[k]);
	for (int i = 0; i < 500; i++)
		lane_free(all[i]);
	lane_free(first);
}

static void ring_is_in_order_and_once(void **state)
{
	struct lane *a = new_lane();
	struct lane *b = new_lane();

	(void)state;
	lane_busy(a);
	lane_busy(b);
	lane_busy(a);
	assert_ptr_equal(lane_next_busy(&r), a);
	lane_busy(a);
	assert_ptr_equal(lane_next_busy(&r), b);
	assert_ptr_equal(lane_next_busy(&r), a);
	assert_null(lane_next_busy(&r));
	lane_free(a);
	lane_free(b);
}

static void freed_in_the_ring_is_not_reused_before(void **state)
{
	struct lane *a = new_lane();
	struct lane *b;

	(void)state;
	lane_busy(a);
	lane_free(a);
	b = new_lane();
	assert_ptr_not_equal(a, b);
	assert_ptr_equal(lane_next_busy(&r), a);
	assert_int_equal(a->kind, LANE_FREE);
	assert_ptr_equal(new_lane(), a);
	lane_free(a);
	lane_free(b);
}

static void list_is_by_age(void **state)
{
	struct lane *a = new_lane();
	struct lane *b = new_lane();
	struct lane *c = new_lane();

	(void)state;
	lane_touch(a, &r.endpoints);
	r.now.ns++;
	lane_touch(b, &r.endpoints);
	lane_touch(c, &r.endpoints);
	assert_ptr_equal(r.endpoints.oldest, a);
	r.now.ns++;
	lane_touch(a, &r.endpoints);
	assert_ptr_equal(r.endpoints.oldest, b);
	assert_ptr_equal(r.endpoints.newest, a);
	assert_int_equal(a->used_ns, 100000002);
	assert_int_equal(r.endpoints.count, 3);
	lane_free(c);
	assert_int_equal(r.endpoints.count, 2);
	assert_ptr_equal(lane_newer(b), a);
	lane_free(b);
	lane_free(a);
	assert_null(r.endpoints.oldest);
	assert_null(r.endpoints.newest);
}

static void list_changes_leave_the_old_one(void **state)
{
	struct lane *a = new_lane();

	(void)state;
	lane_touch(a, &r.idlers);
	lane_touch(a, &r.endpoints);
	assert_int_equal(r.idlers.count, 0);
	assert_null(r.idlers.oldest);
	assert_int_equal(r.endpoints.count, 1);
	lane_unlist(a);
	lane_unlist(a);
	assert_int_equal(r.endpoints.count, 0);
	lane_free(a);
}

static void free_closes_and_forgets_the_watch(void **state)
{
	int pair[2];
	struct lane *f = new_lane();
	char byte;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	f->fd = pair[0];
	assert_int_equal(lane_watch(f, true), 0);
	assert_int_equal(write(pair[1], "x", 1), 1);
	lane_free(f);
	assert_true(drive_loop_turn(r.config.loop, (struct minato_time){ 0 }) >= 0);
	assert_null(lane_next_busy(&r));
	assert_int_equal(read(pair[1], &byte, 1), -1); /* ECONNRESET or EPIPE: it is closed */
	close(pair[1]);
}

static void readiness_is_noted(void **state)
{
	int pair[2];
	struct lane *f = new_lane();

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	f->fd = pair[0];
	assert_int_equal(lane_watch(f, true), 0);
	assert_true(drive_loop_turn(r.config.loop, (struct minato_time){ 0 }) >= 0);
	assert_ptr_equal(lane_next_busy(&r), f);
	assert_true(f->host_writable);
	assert_false(f->host_readable);
	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_true(drive_loop_turn(r.config.loop, (struct minato_time){ 0 }) >= 0);
	assert_true(f->host_readable);
	assert_false(f->host_hung_up);
	close(pair[1]);
	assert_true(drive_loop_turn(r.config.loop, (struct minato_time){ 0 }) >= 0);
	assert_true(f->host_hung_up);
	lane_free(f);
}

static void room_is_told_of_once_it_was_missing(void **state)
{
	int pair[2];
	struct lane *f = new_lane();

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	f->fd = pair[0];
	assert_int_equal(lane_watch(f, false), 0);
	assert_true(drive_loop_turn(r.config.loop, (struct minato_time){ 0 }) >= 0);
	assert_null(lane_next_busy(&r));
	lane_await_room(f);
	assert_true(drive_loop_turn(r.config.loop, (struct minato_time){ 0 }) >= 0);
	assert_ptr_equal(lane_next_busy(&r), f);
	assert_true(f->host_writable);
	lane_free(f);
	close(pair[1]);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(new_is_clean),
		CASE(word_leads_back),
		CASE(stale_word_leads_nowhere),
		CASE(strange_words_lead_nowhere),
		CASE(no_more_than_max),
		CASE(lanes_never_move),
		CASE(ring_is_in_order_and_once),
		CASE(freed_in_the_ring_is_not_reused_before),
		CASE(list_is_by_age),
		CASE(list_changes_leave_the_old_one),
		CASE(free_closes_and_forgets_the_watch),
		CASE(readiness_is_noted),
		CASE(room_is_told_of_once_it_was_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
