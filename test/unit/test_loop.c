/* SPDX-License-Identifier: BSD-2-Clause */
/* The event loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "drive/drive.h"

#define MS INT64_C(1000000)

static const struct minato_time past = { 0 };

struct seen {
	struct drive_loop *loop;
	int fd;
	int calls;
	uint32_t events;
	int64_t other; /* a watch to remove */
	int64_t id;
	struct minato_time want; /* of a hook */
	int order;
	int *turn;
};

static int set_up(void **state)
{
	struct drive_loop *loop;

	if (drive_loop_new(&loop) != 0)
		return -1;
	*state = loop;
	return 0;
}

static int tear_down(void **state)
{
	drive_loop_free(*state);
	return 0;
}

static int signalled(void)
{
	return eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
}

static void note(void *user, uint32_t events)
{
	struct seen *seen = user;

	seen->calls++;
	seen->events = events;
}

static void note_and_read(void *user, uint32_t events)
{
	struct seen *seen = user;
	uint64_t value;

	note(user, events);
	assert_int_equal(read(seen->fd, &value, sizeof(value)), sizeof(value));
}

static void level_triggered_calls_until_read(void **state)
{
	struct seen seen = { .fd = signalled() };

	assert_true(drive_loop_add(*state, seen.fd, EPOLLIN, note, &seen) > 0);
	assert_int_equal(drive_loop_turn(*state, past), 1);
	assert_int_equal(drive_loop_turn(*state, past), 1);
	assert_int_equal(seen.calls, 2);
	assert_int_equal(seen.events, EPOLLIN);
	close(seen.fd);
}

static void edge_triggered_calls_once(void **state)
{
	struct seen seen = { .fd = signalled() };

	assert_true(drive_loop_add(*state, seen.fd, EPOLLIN | EPOLLET, note, &seen) > 0);
	assert_int_equal(drive_loop_turn(*state, past), 1);
	assert_int_equal(drive_loop_turn(*state, past), 0);
	close(seen.fd);
}

static void nothing_ready_calls_nobody(void **state)
{
	struct seen seen = { .fd = eventfd(0, EFD_CLOEXEC) };

	assert_true(drive_loop_add(*state, seen.fd, EPOLLIN, note, &seen) > 0);
	assert_int_equal(drive_loop_turn(*state, past), 0);
	close(seen.fd);
}

static void a_descriptor_is_watched_once(void **state)
{
	struct seen seen = { .fd = signalled() };

	assert_true(drive_loop_add(*state, seen.fd, EPOLLIN, note, &seen) > 0);
	assert_int_equal(drive_loop_add(*state, seen.fd, EPOLLIN, note, &seen), -EEXIST);
	close(seen.fd);
}

static void a_closed_descriptor_cannot_be_watched(void **state)
{
	assert_int_equal(drive_loop_add(*state, -1, EPOLLIN, note, NULL), -EBADF);
}

static void modify_changes_the_events(void **state)
{
	struct seen seen = { .fd = signalled() };
	int64_t id = drive_loop_add(*state, seen.fd, 0, note, &seen);

	assert_int_equal(drive_loop_turn(*state, past), 0);
	assert_int_equal(drive_loop_modify(*state, id, EPOLLOUT), 0);
	assert_int_equal(drive_loop_turn(*state, past), 1);
	assert_int_equal(seen.events, EPOLLOUT);
	close(seen.fd);
}

static void an_old_id_is_nothing(void **state)
{
	struct seen seen = { .fd = signalled() };
	int64_t id = drive_loop_add(*state, seen.fd, EPOLLIN, note, &seen);
	int64_t next;

	drive_loop_remove(*state, id);
	assert_int_equal(drive_loop_modify(*state, id, EPOLLIN), -ENOENT);
	next = drive_loop_add(*state, seen.fd, EPOLLIN, note, &seen);
	assert_true(next > 0);
	assert_int_not_equal(next, id);
	drive_loop_remove(*state, id);
	assert_int_equal(drive_loop_modify(*state, id, EPOLLIN), -ENOENT);
	assert_int_equal(drive_loop_turn(*state, past), 1);
	close(seen.fd);
}

static void invented_ids_are_nothing(void **state)
{
	drive_loop_remove(*state, 0);
	drive_loop_remove(*state, -1);
	drive_loop_remove(*state, INT64_MAX);
	assert_int_equal(drive_loop_modify(*state, 12345, EPOLLIN), -ENOENT);
}

static void remove_other(void *user, uint32_t events)
{
	struct seen *seen = user;

	note(user, events);
	drive_loop_remove(seen->loop, seen->other);
}

static void removing_drops_what_waits_in_the_batch(void **state)
{
	struct seen one = { .fd = signalled(), .loop = *state };
	struct seen two = { .fd = signalled(), .loop = *state };

	two.other = drive_loop_add(*state, one.fd, EPOLLIN, remove_other, &one);
	one.other = drive_loop_add(*state, two.fd, EPOLLIN, remove_other, &two);
	assert_int_equal(drive_loop_turn(*state, past), 1);
	assert_int_equal(one.calls + two.calls, 1);
	close(one.fd);
	close(two.fd);
}

static void replace_other(void *user, uint32_t events)
{
	struct seen *seen = user;
	int fd = signalled();

	note(user, events);
	drive_loop_remove(seen->loop, seen->other);
	/* The new watch takes the slot of the removed one, whose event is still in the batch. */
	seen->id = drive_loop_add(seen->loop, fd, EPOLLIN, note_and_read, user);
	seen->fd = fd;
}

static void a_new_watch_does_not_inherit_an_event(void **state)
{
	struct seen one = { .fd = signalled(), .loop = *state };
	struct seen two = { .fd = signalled(), .loop = *state };
	int fds[2] = { one.fd, two.fd };

	two.other = drive_loop_add(*state, one.fd, EPOLLIN, replace_other, &one);
	one.other = drive_loop_add(*state, two.fd, EPOLLIN, replace_other, &two);
	assert_int_equal(drive_loop_turn(*state, past), 1);
	assert_int_equal(one.calls + two.calls, 1);
	close(fds[0]);
	close(fds[1]);
	close(one.calls ? one.fd : two.fd);
}

static void remove_self(void *user, uint32_t events)
{
	struct seen *seen = user;

	note(user, events);
	drive_loop_remove(seen->loop, seen->id);
	close(seen->fd);
}

static void a_callback_may_remove_itself(void **state)
{
	struct seen seen = { .fd = signalled(), .loop = *state };

	seen.id = drive_loop_add(*state, seen.fd, EPOLLIN, remove_self, &seen);
	assert_int_equal(drive_loop_turn(*state, past), 1);
	assert_int_equal(drive_loop_turn(*state, past), 0);
}

static void removing_after_close_is_well(void **state)
{
	struct seen seen = { .fd = signalled() };
	int64_t id = drive_loop_add(*state, seen.fd, EPOLLIN, note, &seen);

	close(seen.fd);
	drive_loop_remove(*state, id);
	assert_int_equal(drive_loop_turn(*state, past), 0);
}

static void add_many(void *user, uint32_t events)
{
	struct seen *seen = user;

	note_and_read(user, events);
	for (int i = 0; i < 200; i++)
		assert_true(drive_loop_add(seen->loop, eventfd(0, EFD_CLOEXEC), EPOLLIN, note,
					   seen) > 0);
}

static void the_table_may_grow_inside_a_callback(void **state)
{
	struct seen seen = { .fd = signalled(), .loop = *state };
	struct seen last = { .fd = signalled() };
	int first = last.fd + 1;

	assert_true(drive_loop_add(*state, seen.fd, EPOLLIN, add_many, &seen) > 0);
	assert_true(drive_loop_add(*state, last.fd, EPOLLIN, note, &last) > 0);
	assert_int_equal(drive_loop_turn(*state, past), 2);
	assert_int_equal(last.calls, 1);
	for (int i = 0; i < 200; i++)
		close(first + i);
	close(seen.fd);
	close(last.fd);
}

static struct minato_time hook(void *user, struct minato_time now)
{
	struct seen *seen = user;

	(void)now;
	seen->calls++;
	if (seen->turn)
		seen->order = (*seen->turn)++;
	return seen->want;
}

static void hooks_run_in_order_before_the_wait(void **state)
{
	int turn = 1;
	struct seen one = { .want = past, .turn = &turn };
	struct seen two = { .want = past, .turn = &turn };

	assert_int_equal(drive_loop_hook(*state, hook, &one), 0);
	assert_int_equal(drive_loop_hook(*state, hook, &two), 0);
	assert_int_equal(drive_loop_turn(*state, MINATO_NEVER), 0);
	assert_int_equal(one.order, 1);
	assert_int_equal(two.order, 2);
}

static void hooks_are_bounded(void **state)
{
	struct seen seen = { .want = past };

	for (int i = 0; i < 8; i++)
		assert_int_equal(drive_loop_hook(*state, hook, &seen), 0);
	assert_int_equal(drive_loop_hook(*state, hook, &seen), -ENOSPC);
}

static void the_earliest_deadline_ends_the_wait(void **state)
{
	struct minato_time start = drive_now();
	struct seen late = { .want = { start.ns + 60000 * MS } };
	struct seen soon = { .want = { start.ns + 20 * MS } };
	int64_t waited;

	drive_loop_hook(*state, hook, &late);
	drive_loop_hook(*state, hook, &soon);
	assert_int_equal(drive_loop_turn(*state, MINATO_NEVER), 0);
	waited = drive_now().ns - start.ns;
	assert_true(waited >= 20 * MS);
	assert_true(waited < 10000 * MS);
}

static void a_wait_is_no_shorter_than_its_deadline(void **state)
{
	for (int i = 1; i <= 20; i++) {
		struct minato_time until = { drive_now().ns + i * 100000 };

		drive_loop_turn(*state, until);
		assert_true(drive_now().ns >= until.ns);
	}
}

static void the_time_of_the_batch_is_after_the_wait(void **state)
{
	struct minato_time until = { drive_now().ns + 2 * MS };

	drive_loop_turn(*state, until);
	assert_true(drive_loop_now(*state).ns >= until.ns);
	assert_true(drive_loop_now(*state).ns <= drive_now().ns);
}

static void stop(void *user, uint32_t events)
{
	struct seen *seen = user;

	note(user, events);
	drive_loop_stop(seen->loop, 42);
}

static void run_returns_what_stop_says(void **state)
{
	struct seen seen = { .fd = signalled(), .loop = *state };

	drive_loop_add(*state, seen.fd, EPOLLIN, stop, &seen);
	assert_int_equal(drive_loop_run(*state), 42);
	assert_int_equal(seen.calls, 1);
	close(seen.fd);
}

static void stop_before_run_is_kept(void **state)
{
	drive_loop_stop(*state, 7);
	assert_int_equal(drive_loop_run(*state), 7);
}

static void hooks_rest_once_stopped(void **state)
{
	struct seen hooked = { .want = MINATO_NEVER };
	struct seen seen = { .fd = signalled(), .loop = *state };

	drive_loop_hook(*state, hook, &hooked);
	drive_loop_add(*state, seen.fd, EPOLLIN, stop, &seen);
	drive_loop_run(*state);
	assert_int_equal(hooked.calls, 1);
	close(seen.fd);
}

static void arrived(void *user, const struct signalfd_siginfo *signal)
{
	struct seen *seen = user;

	seen->calls++;
	seen->order = (int)signal->ssi_signo;
	seen->events = drive_signal_was_sent(signal);
}

static void signals_come_through_the_loop(void **state)
{
	struct seen seen = { 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	assert_int_equal(drive_loop_signals(*state, &set, arrived, &seen), 0);
	assert_int_equal(drive_loop_signals(*state, &set, arrived, &seen), -EBUSY);
	kill(getpid(), SIGUSR1);
	assert_int_equal(drive_loop_turn(*state, past), 1);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.order, SIGUSR1);
	assert_true(seen.events);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void closing_drops_what_waits_in_the_batch(void **state)
{
	struct seen seen = { .fd = signalled() };
	struct seen next = { .fd = signalled() };
	int64_t id = drive_loop_add(*state, seen.fd, EPOLLIN, note, &seen);

	drive_loop_close(*state, id);
	assert_int_equal(close(seen.fd), -1);
	drive_loop_close(*state, id);
	assert_int_not_equal(drive_loop_add(*state, next.fd, EPOLLIN, note, &next), id);
	assert_int_equal(drive_loop_turn(*state, past), 1);
	assert_int_equal(seen.calls, 0);
	assert_int_equal(next.calls, 1);
	close(next.fd);
}

static void many_watches_keep_their_callbacks(void **state)
{
	enum { COUNT = 1500 };
	static struct seen seen[COUNT];
	static int64_t ids[COUNT];

	for (int i = 0; i < COUNT; i++) {
		seen[i] = (struct seen){ .fd = eventfd(i % 2 == 0, EFD_NONBLOCK | EFD_CLOEXEC) };
		if (seen[i].fd < 0)
			skip(); /* no more descriptors here */
		ids[i] = drive_loop_add(*state, seen[i].fd, EPOLLIN, i % 3 ? note : note_and_read,
					&seen[i]);
		assert_true(ids[i] > 0);
	}
	for (int called = 1; called > 0;)
		called = drive_loop_turn(*state, past) && seen[COUNT - 2].calls < 3;
	for (int i = 0; i < COUNT; i++) {
		if (i % 2)
			assert_int_equal(seen[i].calls, 0);
		else if (i % 3 == 0)
			assert_int_equal(seen[i].calls, 1);
		else
			assert_true(seen[i].calls > 0);
		drive_loop_close(*state, ids[i]);
	}
}

/* ---- looking instead of sleeping ---- */

static bool has_processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 1;
}

static struct minato_time in_ms(int64_t ms)
{
	return (struct minato_time){ drive_now().ns + ms * MS };
}

/* Expected things come at once, often enough for the loop to believe it. */
static void come_at_once(struct drive_loop *loop)
{
	struct seen seen = { .fd = signalled() };
	int64_t id = drive_loop_add(loop, seen.fd, EPOLLIN, note, &seen);

	for (int i = 0; i < 100; i++) {
		drive_loop_expect(loop);
		assert_int_equal(drive_loop_turn(loop, in_ms(100)), 1);
	}
	drive_loop_remove(loop, id);
	close(seen.fd);
}

static void quick_answers_are_looked_for(void **state)
{
	uint64_t before;

	if (!has_processors())
		skip();
	come_at_once(*state);
	/* Another program may have had the processor meanwhile: then it abstains for 10 ms. */
	for (int i = 0; i < 100 && drive_loop_looks(*state) < 10; i++) {
		assert_int_equal(drive_loop_turn(*state, in_ms(10)), 0);
		come_at_once(*state);
	}
	/* Nothing is expected: */
	before = drive_loop_looks(*state);
	assert_true(before >= 10);
	assert_int_equal(drive_loop_turn(*state, in_ms(1)), 0);
	assert_int_equal(drive_loop_looks(*state), before);
}

static void in_a_crowd_it_sleeps(void **state)
{
	static const char crowd[] = "0.20 0.18 0.12 99999/99999 7\n";
	int fd = memfd_create("loadavg", MFD_CLOEXEC);
	uint64_t before;

	assert_int_equal(write(fd, crowd, sizeof(crowd) - 1), sizeof(crowd) - 1);
	drive_loop_crowd(*state, fd);
	for (int i = 0; i < 8; i++) {
		come_at_once(*state);
		assert_int_equal(drive_loop_turn(*state, in_ms(2)), 0);
	}
	before = drive_loop_looks(*state);
	come_at_once(*state);
	assert_int_equal(drive_loop_looks(*state), before);
}

static void slow_answers_are_slept_for(void **state)
{
	for (int i = 0; i < 4; i++) {
		drive_loop_expect(*state);
		assert_int_equal(drive_loop_turn(*state, in_ms(1)), 0);
	}
	assert_int_equal(drive_loop_looks(*state), 0);
}

static void looking_ends_at_the_deadline(void **state)
{
	struct minato_time latest;

	come_at_once(*state);
	drive_loop_expect(*state);
	latest = (struct minato_time){ drive_now().ns + 1000 };
	assert_int_equal(drive_loop_turn(*state, latest), 0);
	assert_true(drive_loop_now(*state).ns >= latest.ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(level_triggered_calls_until_read),
		CASE(edge_triggered_calls_once),
		CASE(nothing_ready_calls_nobody),
		CASE(a_descriptor_is_watched_once),
		CASE(a_closed_descriptor_cannot_be_watched),
		CASE(modify_changes_the_events),
		CASE(an_old_id_is_nothing),
		CASE(invented_ids_are_nothing),
		CASE(removing_drops_what_waits_in_the_batch),
		CASE(a_new_watch_does_not_inherit_an_event),
		CASE(a_callback_may_remove_itself),
		CASE(removing_after_close_is_well),
		CASE(the_table_may_grow_inside_a_callback),
		CASE(hooks_run_in_order_before_the_wait),
		CASE(hooks_are_bounded),
		CASE(the_earliest_deadline_ends_the_wait),
		CASE(a_wait_is_no_shorter_than_its_deadline),
		CASE(the_time_of_the_batch_is_after_the_wait),
		CASE(run_returns_what_stop_says),
		CASE(stop_before_run_is_kept),
		CASE(hooks_rest_once_stopped),
		CASE(signals_come_through_the_loop),
		CASE(closing_drops_what_waits_in_the_batch),
		CASE(many_watches_keep_their_callbacks),
		CASE(quick_answers_are_looked_for),
		CASE(in_a_crowd_it_sleeps),
		CASE(slow_answers_are_slept_for),
		CASE(looking_ends_at_the_deadline),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
