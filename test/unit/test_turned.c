/* SPDX-License-Identifier: BSD-2-Clause */
/* Callers beyond what their source may have: when they hear of it, and what they hold meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/relay.h"

#define AT_ONCE 16u
#define SECOND INT64_C(1000000000)

static struct relay relay;

static int begin(void **state)
{
	(void)state;
	memset(&relay, 0, sizeof(relay));
	relay.now.ns = 10 * SECOND;
	return 0;
}

static int end(void **state)
{
	(void)state;
	turned_free(&relay);
	return 0;
}

static int turn_one_away(void)
{
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	turned_add(&relay, fd);
	return fd;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void few_hear_of_it_at_once(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 5 * AT_ONCE; i++) {
		assert_false(is_open(turn_one_away()));
		relay.now.ns += SECOND / AT_ONCE + 1;
	}
	assert_int_equal(turned_turn(&relay).ns, MINATO_NEVER.ns);
}

static void many_hear_of_it_a_second_later(void **state)
{
	int fd[3];
	int buffer = 0;
	socklen_t len = sizeof(buffer);

	(void)state;
	for (uint32_t i = 0; i < AT_ONCE; i++)
		assert_false(is_open(turn_one_away()));
	for (int i = 0; i < 3; i++) {
		fd[i] = turn_one_away();
		assert_true(is_open(fd[i]));
		relay.now.ns += 10;
	}
	/* They hold hardly any memory. */
	assert_int_equal(getsockopt(fd[0], SOL_SOCKET, SO_RCVBUF, &buffer, &len), 0);
	assert_true(buffer < 4096);
	assert_int_equal(turned_turn(&relay).ns, 11 * SECOND);
	relay.now.ns = 11 * SECOND + 10;
	assert_int_equal(turned_turn(&relay).ns, 11 * SECOND + 20);
	assert_false(is_open(fd[0]));
	assert_false(is_open(fd[1]));
	assert_true(is_open(fd[2]));
	relay.now.ns += SECOND;
	assert_int_equal(turned_turn(&relay).ns, MINATO_NEVER.ns);
	assert_false(is_open(fd[2]));
	/* And it is over. */
	relay.now.ns += SECOND;
	assert_false(is_open(turn_one_away()));
}

static void descriptors_come_back_when_they_are_wanted(void **state)
{
	int fd[2];

	(void)state;
	assert_false(turned_yield(&relay));
	for (uint32_t i = 0; i < AT_ONCE; i++)
		(void)turn_one_away();
	fd[0] = turn_one_away();
	fd[1] = turn_one_away();
	assert_true(turned_yield(&relay));
	assert_false(is_open(fd[0]));
	assert_true(is_open(fd[1]));
	assert_true(turned_yield(&relay));
	assert_false(turned_yield(&relay));
}

static void there_is_room_for_so_many(void **state)
{
	const struct rlimit many = { TURNED_MAX + 100, TURNED_MAX + 100 };
	int first;

	(void)state;
	if (setrlimit(RLIMIT_NOFILE, &many) < 0)
		skip();
	for (uint32_t i = 0; i < AT_ONCE; i++)
		(void)turn_one_away();
	first = turn_one_away();
	for (uint32_t i = 1; i < TURNED_MAX; i++)
		(void)turn_one_away();
	assert_true(is_open(first));
	(void)turn_one_away();
	assert_int_equal(relay.turned.count, TURNED_MAX);
	assert_int_equal(relay.turned.first, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(few_hear_of_it_at_once, begin, end),
		cmocka_unit_test_setup_teardown(many_hear_of_it_a_second_later, begin, end),
		cmocka_unit_test_setup_teardown(descriptors_come_back_when_they_are_wanted, begin,
						end),
		cmocka_unit_test_setup_teardown(there_is_room_for_so_many, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
