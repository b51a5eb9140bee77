/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's echoes: there and back whole, identifiers apart, refused by what is true. */
#include "relay_fixture.h"

#include <fcntl.h>

static uint32_t notices;

static void hear(void *user, const char *text)
{
	(void)user;
	assert_non_null(strstr(text, "ping_group_range"));
	notices++;
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

static int group_begin(void **state)
{
	char map[32];

	snprintf(map, sizeof(map), "0 %u 1", (unsigned)getegid());
	enter_netns(state);
	/* So that the group has a number here, which the range can name. */
	return have_netns && put("/proc/self/setgroups", "deny") && put("/proc/self/gid_map", map) ?
		       0 :
		       (have_netns = false);
}

static int begin_ping(void **state)
{
	int result = begin(state);

	notices = 0;
	if (have_netns)
		w.relay->config.notice = hear;
	return result;
}

static void allow(void)
{
	assert_true(put("/proc/sys/net/ipv4/ping_group_range", "0 0"));
}

#define PING_CASE(f) cmocka_unit_test_setup_teardown(f, begin_ping, finish)

static uint64_t guest_echo(const char *from, uint16_t id)
{
	uint64_t s = guest_socket(MINATO_ICMP);
	struct minato_endpoint local = end(from, id);

	assert_int_equal(minato_bind(w.guest, s, &local), 0);
	return s;
}

static bool is4(const char *to)
{
	return !strchr(to, ':');
}

static void guest_pings(uint64_t s, const char *to, uint16_t seq, const void *data, size_t len)
{
	struct minato_datagram d = { .remote = end(to, 0) };
	uint8_t bytes[2000] = { is4(to) ? 8 : 128, 0, 0, 0, 0, 0, (uint8_t)(seq >> 8),
				(uint8_t)seq };

	memcpy(bytes + 8, data, len);
	assert_int_equal(minato_send_datagram(w.guest, s, &d, bytes, len + 8), len + 8);
}

static void guest_hears_reply(uint64_t s, const char *from, uint16_t seq, const void *data,
			      size_t len)
{
	uint8_t bytes[2000];
	struct minato_datagram d = { 0 };
	struct minato_addr far = addr(from);
	int64_t got = -EAGAIN;

	UNTIL((got = minato_recv_datagram(w.guest, s, &d, bytes, sizeof(bytes), 0)) != -EAGAIN);
	assert_int_equal(got, len + 8);
	assert_int_equal(bytes[0], is4(from) ? 0 : 129);
	assert_int_equal(bytes[6] << 8 | bytes[7], seq);
	assert_memory_equal(bytes + 8, data, len);
	assert_true(minato_addr_equal(&d.remote.addr, &far));
	assert_int_equal(d.ttl, 63); /* the host's 64, and a hop */
}

/* ---- where ping sockets are forbidden: before any case that allows them ---- */

static void forbidden_is_said_once(void **state)
{
	uint64_t s;

	NEED_NETNS();
	if (relay_can_ping())
		skip();
	s = guest_echo("10.0.2.100", 7);
	guest_pings(s, "192.0.2.1", 1, "x", 1);
	UNTIL(w.icmp_count == 1);
	assert_int_equal(w.icmp_type, 3);
	assert_int_equal(w.icmp_code, 13);
	guest_pings(s, "192.0.2.1", 2, "x", 1);
	UNTIL(w.icmp_count == 2);
	s = guest_echo("fd00::64", 7);
	guest_pings(s, "2001:db8::1", 1, "x", 1);
	UNTIL(w.icmp_count == 3);
	assert_int_equal(w.icmp_type, 1);
	assert_int_equal(w.icmp_code, 1);
	assert_int_equal(notices, 1);
	assert_int_equal(count_of(RELAY_COUNT_ECHO_FORBIDDEN), 3);
	assert_int_equal(count_of(RELAY_COUNT_ECHO_OUT), 0);
}

/* ---- where they are allowed ---- */

static void there_and_back(const char *guest, const char *far)
{
	static uint8_t data[1400];
	uint64_t s = guest_echo(guest, 7);

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	guest_pings(s, far, 1, data, sizeof(data));
	guest_hears_reply(s, far, 1, data, sizeof(data));
	guest_pings(s, far, 0xfffe, data, 0);
	guest_hears_reply(s, far, 0xfffe, data, 0);
	assert_int_equal(count_of(RELAY_COUNT_ECHO_OUT), 1);
	assert_int_equal(notices, 0);
}

static void there_and_back_ipv4(void **state)
{
	NEED_NETNS();
	allow();
	there_and_back("10.0.2.100", "192.0.2.1");
}

static void there_and_back_ipv6(void **state)
{
	NEED_NETNS();
	there_and_back("fd00::64", "2001:db8::1");
}

static void identifiers_are_told_apart(void **state)
{
	uint64_t s[3];

	NEED_NETNS();
	for (uint16_t i = 0; i < 3; i++) {
		s[i] = guest_echo("10.0.2.100", (uint16_t)(7 + i));
		guest_pings(s[i], "192.0.2.1", i, &i, 2);
	}
	for (uint16_t i = 0; i < 3; i++)
		guest_hears_reply(s[i], "192.0.2.1", i, &i, 2);
	assert_int_equal(count_of(RELAY_COUNT_ECHO_OUT), 3);
}

/* 64:ff9b::7f00:1 is the host's loopback in another dress. */
static void inner_side_stays_closed(void **state)
{
	uint64_t s;

	NEED_NETNS();
	s = guest_echo("fd00::64", 7);
	guest_pings(s, "64:ff9b::7f00:1", 1, "x", 1);
	UNTIL(w.icmp_count == 1);
	assert_int_equal(w.icmp_type, 1);
	assert_int_equal(w.icmp_code, 1);
	assert_int_equal(count_of(RELAY_COUNT_REFUSED_INNER), 1);
	/* Nor later, by an identifier that has a flow. */
	guest_pings(s, "2001:db8::1", 2, "y", 1);
	guest_hears_reply(s, "2001:db8::1", 2, "y", 1);
	guest_pings(s, "64:ff9b::7f00:1", 3, "x", 1);
	UNTIL(w.icmp_count == 2);
	assert_int_equal(count_of(RELAY_COUNT_REFUSED_INNER), 2);
}

static void no_route_is_said(void **state)
{
	uint64_t s;

	NEED_NETNS();
	s = guest_echo("10.0.2.100", 7);
	guest_pings(s, "198.51.100.1", 1, "x", 1);
	UNTIL(w.icmp_count == 1);
	assert_int_equal(w.icmp_type, 3);
	assert_int_equal(w.icmp_code, 0);
	assert_int_equal(count_of(RELAY_COUNT_ECHO_ERRORS), 1);
}

static void idle_ones_expire(void **state)
{
	uint64_t s;

	NEED_NETNS();
	s = guest_echo("10.0.2.100", 7);
	guest_pings(s, "192.0.2.1", 1, "x", 1);
	guest_hears_reply(s, "192.0.2.1", 1, "x", 1);
	w.skew_ns += INT64_C(59000000000);
	turns(2);
	assert_int_equal(count_of(RELAY_COUNT_ECHO_EXPIRED), 0);
	w.skew_ns += INT64_C(2000000000);
	UNTIL(count_of(RELAY_COUNT_ECHO_EXPIRED) == 1);
	assert_int_equal(w.relay->lanes.count, 0);
}

static void many_identifiers_are_bounded(void **state)
{
	NEED_NETNS();
	for (uint32_t i = 1; i <= 1100; i++) {
		uint64_t s = guest_echo("10.0.2.100", (uint16_t)i);

		guest_pings(s, "192.0.2.1", 1, "x", 1);
		guest_hears_reply(s, "192.0.2.1", 1, "x", 1);
		minato_close(w.guest, s);
	}
	/* As many as descriptors allow, 1,024 at most. */
	assert_in_range(w.relay->lanes.count, 1, 1024);
	assert_int_equal(w.relay->lanes.count + count_of(RELAY_COUNT_ECHO_EVICTED), 1100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PING_CASE(forbidden_is_said_once),
		PING_CASE(there_and_back_ipv4),
		PING_CASE(there_and_back_ipv6),
		PING_CASE(identifiers_are_told_apart),
		PING_CASE(inner_side_stays_closed),
		PING_CASE(no_route_is_said),
		PING_CASE(idle_ones_expire),
		PING_CASE(many_identifiers_are_bounded),
	};

	return cmocka_run_group_tests_name("ping", tests, group_begin, NULL);
}
