/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's roll: its sockets' cookies and its doors, written by one and read by others. */
#include "relay_fixture.h"

#include <sched.h>
#include <sys/stat.h>

static struct relay_roll *roll;
static const struct relay_roll *seen;
static int memory;

static int make(void **state)
{
	(void)state;
	assert_int_equal(relay_roll_new(&memory, &roll), 0);
	assert_int_equal(relay_roll_open(memory, &seen), 0);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	relay_roll_close(roll);
	relay_roll_close(seen);
	close(memory);
	return 0;
}

static void cookies(void **state)
{
	(void)state;
	assert_false(relay_roll_has(seen, 7));
	assert_true(relay_roll_note(roll, 7));
	assert_true(relay_roll_note(roll, UINT64_MAX));
	assert_true(relay_roll_has(seen, 7));
	assert_true(relay_roll_has(seen, UINT64_MAX));
	assert_false(relay_roll_has(seen, 8));
	/* Somebody may still read what it sent. */
	relay_roll_strike(roll, 7);
	assert_true(relay_roll_has(seen, 7));
	assert_true(relay_roll_has(seen, UINT64_MAX));
	/* None is none. */
	assert_false(relay_roll_note(roll, 0));
	assert_false(relay_roll_has(seen, 0));
}

static void as_many_as_there_are_flows(void **state)
{
	uint64_t first_left_out = 0;

	(void)state;
	for (uint64_t i = 1; i <= 65536; i++) {
		if (!relay_roll_note(roll, i) && !first_left_out)
			first_left_out = i;
	}
	assert_int_equal(first_left_out, 0);
	for (uint64_t i = 1; i <= 65536; i++)
		assert_true(relay_roll_has(seen, i));
	/* One that is closed makes way, one that is open never does. */
	for (uint64_t i = 2; i <= 65536; i++)
		relay_roll_strike(roll, i);
	for (uint64_t i = 65537; i <= 500000; i++) {
		assert_true(relay_roll_note(roll, i));
		relay_roll_strike(roll, i);
	}
	assert_true(relay_roll_has(seen, 1));
	assert_true(relay_roll_has(seen, 500000));
	assert_true(relay_roll_has(seen, 490000));
	assert_false(relay_roll_has(seen, 2) && relay_roll_has(seen, 3) && relay_roll_has(seen, 4));
}

/* Those of which none was in another's way by a hash that everybody knows. */
static void nobody_chooses_the_places(void **state)
{
	uint32_t kept = 0;

	(void)state;
	for (uint64_t i = 1; kept < 2000; i++) {
		if ((uint32_t)(i * UINT64_C(0x9e3779b97f4a7c15) >> 32) % 16384u < 4) {
			assert_true(relay_roll_note(roll, i));
			kept++;
		}
	}
}

static void nobody_else_writes(void **state)
{
	struct stat about;

	(void)state;
	assert_true(relay_roll_is(memory));
	assert_int_equal(fstat(memory, &about), 0);
	assert_true(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0) == MAP_FAILED);
	assert_int_equal(write(memory, "x", 1), -1);
	assert_int_equal(ftruncate(memory, 0), -1);
	assert_int_equal(ftruncate(memory, about.st_size * 2), -1);
}

static void anything_else_is_none(void **state)
{
	const struct relay_roll *other;
	struct stat about;
	int fd = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)state;
	assert_int_equal(fstat(memory, &about), 0);
	assert_false(relay_roll_is(fd));
	assert_int_equal(ftruncate(fd, about.st_size), 0);
	/* It could be made shorter while it is read. */
	assert_false(relay_roll_is(fd));
	assert_int_equal(relay_roll_open(fd, &other), -EPROTO);
	close(fd);
	assert_false(relay_roll_is(-1));
}

/* The doors of somebody else's memory that are none would mean all ports. */
static void what_is_no_door_is_left_out(void **state)
{
	struct relay_roll_door doors[RELAY_ROLL_DOORS];
	const struct relay_roll_door list[] = {
		{ .protocol = 0, .first = 1, .last = 2 },
		{ .protocol = MINATO_TCP, .first = 2, .last = 1 },
		{ .protocol = MINATO_TCP, .first = 0, .last = 65535 },
		{ .protocol = MINATO_UDP, .first = 53, .last = 53 },
	};
	char *page = (char *)roll;

	(void)state;
	/* As it lies there: magic, noted, turn, count, doors. */
	memcpy(page + 24, list, sizeof(list));
	*(uint32_t *)(void *)(page + 20) = 4;
	assert_int_equal(relay_roll_doors(seen, doors), 1);
	assert_int_equal(doors[0].first, 53);
}

/* What is neither true nor false in somebody else's memory is one of both here. */
static void a_flag_is_a_flag(void **state)
{
	struct relay_roll_door doors[RELAY_ROLL_DOORS];
	const struct relay_roll_door door = { .protocol = MINATO_TCP, .first = 80, .last = 80 };
	char *page = (char *)roll;
	uint8_t byte;

	(void)state;
	memcpy(page + 24, &door, sizeof(door));
	page[24 + offsetof(struct relay_roll_door, dual)] = (char)0xff;
	*(uint32_t *)(void *)(page + 20) = 1;
	assert_int_equal(relay_roll_doors(seen, doors), 1);
	memcpy(&byte, &doors[0].dual, sizeof(byte));
	assert_int_equal(byte, 1);
}

/* ---- with a relay ---- */

static int begin_relay(void **state)
{
	make(state);
	fixture_roll = roll;
	return begin(state);
}

static int end_relay(void **state)
{
	finish(state);
	fixture_roll = NULL;
	return unmake(state);
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len), 0);
	return cookie;
}

/* The relay's own end of the one connection that there is, by its cookie: one of the next few. */
/*
 * The kernel gives cookies out in runs of 4,096 to each processor (main stays on one), and other
 * programs have of the same run.
 */
static uint64_t noted_since(uint64_t cookie)
{
	for (uint64_t i = cookie; i < cookie + 4096; i++) {
		if (relay_roll_has(seen, i))
			return i;
	}
	return 0;
}

static void calls_are_noted(void **state)
{
	uint64_t before, noted;
	uint64_t s;
	int listener;
	int fd;

	NEED_NETNS();
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 7000);
	before = cookie_of(listener);
	s = guest_connect("192.0.2.1", 7000);
	fd = host_accept(listener);
	UNTIL(guest_ready(s) & MINATO_CONNECTED);
	noted = noted_since(before);
	assert_int_not_equal(noted, 0);
	/* The far end is the host's, and no guest's. */
	assert_false(relay_roll_has(seen, cookie_of(fd)));
	minato_close(w.guest, s);
	close(fd);
	close(listener);
	assert_true(relay_roll_has(seen, noted));
}

static void datagrams_are_noted(void **state)
{
	struct minato_datagram to = { .remote = end("192.0.2.1", 7001) };
	uint64_t before;
	uint64_t s;
	int server;

	NEED_NETNS();
	server = host_socket(SOCK_DGRAM, "192.0.2.1", 7001);
	before = cookie_of(server);
	s = guest_socket(MINATO_UDP);
	assert_int_equal(minato_send_datagram(w.guest, s, &to, "x", 1), 1);
	UNTIL(noted_since(before));
	close(server);
}

static void doors_are_runs(void **state)
{
	struct relay_roll_door doors[RELAY_ROLL_DOORS];
	struct drive_error error = { "" };
	uint32_t turn = relay_roll_turn(seen);
	struct relay_spec spec;
	size_t count;

	NEED_NETNS();
	assert_int_equal(relay_roll_doors(seen, doors), 0);
	assert_int_equal(relay_publish_add(&w.list, "192.0.2.1:7100-7109", &error), 0);
	assert_int_equal(relay_publish_add(&w.list, "7110/udp", &error), 0);
	assert_int_equal(relay_publish_open(&w.list, true, true, &error), 0);
	spec = w.list.specs[0];
	assert_int_equal(relay_publish_start(w.relay, &w.list, &error), 0);
	assert_int_not_equal(relay_roll_turn(seen), turn);
	count = relay_roll_doors(seen, doors);
	assert_int_equal(count, 2);
	assert_int_equal(doors[0].first, 7100);
	assert_int_equal(doors[0].last, 7109);
	assert_int_equal(doors[0].protocol, MINATO_TCP);
	assert_int_equal(doors[1].first, 7110);
	assert_int_equal(doors[1].protocol, MINATO_UDP);
	assert_true(doors[1].dual);
	assert_true(minato_addr_is_any(&doors[1].addr));
	turn = relay_roll_turn(seen);
	assert_int_equal(
		relay_forward_remove(w.relay, (uint32_t)relay_forward_find(w.relay, &spec)), 0);
	assert_int_not_equal(relay_roll_turn(seen), turn);
	assert_int_equal(relay_roll_doors(seen, doors), 1);
}

static void stay_on_one_processor(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(cookies, make, unmake),
		cmocka_unit_test_setup_teardown(as_many_as_there_are_flows, make, unmake),
		cmocka_unit_test_setup_teardown(nobody_chooses_the_places, make, unmake),
		cmocka_unit_test_setup_teardown(nobody_else_writes, make, unmake),
		cmocka_unit_test_setup_teardown(what_is_no_door_is_left_out, make, unmake),
		cmocka_unit_test_setup_teardown(a_flag_is_a_flag, make, unmake),
		cmocka_unit_test_setup_teardown(anything_else_is_none, make, unmake),
		cmocka_unit_test_setup_teardown(calls_are_noted, begin_relay, end_relay),
		cmocka_unit_test_setup_teardown(datagrams_are_noted, begin_relay, end_relay),
		cmocka_unit_test_setup_teardown(doors_are_runs, begin_relay, end_relay),
	};

	stay_on_one_processor();
	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
