/* SPDX-License-Identifier: BSD-2-Clause */
/* Clients of published UDP ports: their true ends, and answers from the address they wrote to. */
#include "relay_fixture.h"

#include "minato/guard.h"

static void publish(const char *text)
{
	struct drive_error error = { "" };

	assert_int_equal(relay_publish_add(&w.list, text, &error), 0);
	assert_int_equal(relay_publish_open(&w.list, true, true, &error), 0);
	assert_int_equal(relay_publish_start(w.relay, &w.list, &error), 0);
}

static uint64_t guest_server(uint16_t port)
{
	uint64_t s = guest_socket(MINATO_UDP);
	struct minato_endpoint local = { .port = port };

	assert_int_equal(minato_bind(w.guest, s, &local), 0);
	return s;
}

static int64_t guest_gets(uint64_t s, void *data, size_t len, struct minato_datagram *from)
{
	int64_t got = -EAGAIN;

	UNTIL((got = minato_recv_datagram(w.guest, s, from, data, len, 0)) != -EAGAIN);
	return got;
}

/* Answers to where it came from. */
static void guest_answers(uint64_t s, const struct minato_datagram *from, const char *text)
{
	struct minato_datagram to = { .remote = from->remote, .local = from->local };

	assert_int_equal(minato_send_datagram(w.guest, s, &to, text, strlen(text)), strlen(text));
}

static void comes_as(const char *from, const char *to, const char *seen)
{
	struct minato_addr want = addr(seen);
	struct minato_datagram came;
	uint64_t s;
	char data[64];
	int fd;

	publish("5300:53/udp");
	s = guest_server(53);
	/* Connected: only what comes from the address it wrote to is heard. */
	fd = host_connect(SOCK_DGRAM, from, to, 5300);
	host_says(fd, "question");
	assert_int_equal(guest_gets(s, data, sizeof(data), &came), 8);
	assert_memory_equal(data, "question", 8);
	assert_true(minato_addr_equal(&came.remote.addr, &want));
	assert_int_equal(came.remote.port, port_of(fd));
	guest_answers(s, &came, "answer");
	host_hears(fd, "answer");
	host_says(fd, "again");
	assert_int_equal(guest_gets(s, data, sizeof(data), &came), 5);
	assert_int_equal(count_of(RELAY_COUNT_UDP_IN), 1);
	close(fd);
}

static void true_address_ipv4(void **state)
{
	NEED_NETNS();
	comes_as("192.0.2.1", "192.0.2.1", "192.0.2.1");
}

static void true_address_ipv6(void **state)
{
	NEED_NETNS();
	comes_as("2001:db8::1", "2001:db8::1", "2001:db8::1");
}

static void loopback_comes_as_gateway(void **state)
{
	NEED_NETNS();
	comes_as("127.0.0.1", "127.0.0.1", "10.0.2.2");
}

static void loopback_comes_as_gateway_ipv6(void **state)
{
	NEED_NETNS();
	comes_as("::1", "::1", "fd00::2");
}

static void answers_leave_from_the_address_written_to(void **state)
{
	NEED_NETNS();
	/* By the route the answer would leave from 192.0.2.1. */
	comes_as("192.0.2.1", "127.0.0.77", "192.0.2.1");
}

static void twins_are_told_apart(void **state)
{
	struct minato_datagram one;
	struct minato_datagram two;
	struct sockaddr_storage name = { 0 };
	struct minato_endpoint e;
	uint64_t s;
	socklen_t len;
	char data[8];
	int a;
	int b;

	NEED_NETNS();
	publish("5300:53/udp");
	s = guest_server(53);
	a = host_connect(SOCK_DGRAM, "127.0.0.1", "127.0.0.1", 5300);
	b = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	e = end("127.0.0.2", port_of(a));
	len = drive_endpoint_to(&name, &e);
	assert_int_equal(bind(b, (struct sockaddr *)&name, len), 0);
	e = end("127.0.0.1", 5300);
	len = drive_endpoint_to(&name, &e);
	assert_int_equal(connect(b, (struct sockaddr *)&name, len), 0);
	host_says(a, "a");
	assert_int_equal(guest_gets(s, data, sizeof(data), &one), 1);
	host_says(b, "b");
	assert_int_equal(guest_gets(s, data, sizeof(data), &two), 1);
	assert_int_equal(one.remote.port, port_of(a));
	assert_int_not_equal(two.remote.port, one.remote.port);
	guest_answers(s, &two, "to b");
	guest_answers(s, &one, "to a");
	host_hears(a, "to a");
	host_hears(b, "to b");
	/* Both are known from now on. */
	host_says(b, "b");
	guest_gets(s, data, sizeof(data), &two);
	host_says(a, "a");
	guest_gets(s, data, sizeof(data), &one);
	assert_int_equal(one.remote.port, port_of(a));
	assert_int_equal(count_of(RELAY_COUNT_UDP_IN), 2);
	close(a);
	close(b);
}

static void one_client_at_two_ports(void **state)
{
	struct minato_datagram one;
	struct minato_datagram two;
	struct sockaddr_storage name = { 0 };
	struct minato_endpoint from;
	struct minato_endpoint e;
	uint64_t s;
	socklen_t len;
	char data[8];
	int fd;

	NEED_NETNS();
	publish("5300:53,5301:53/udp");
	s = guest_server(53);
	fd = host_socket(SOCK_DGRAM, "192.0.2.1", 0);
	e = end("192.0.2.1", 5300);
	len = drive_endpoint_to(&name, &e);
	assert_int_equal(sendto(fd, "1", 1, 0, (struct sockaddr *)&name, len), 1);
	guest_gets(s, data, sizeof(data), &one);
	e = end("192.0.2.1", 5301);
	len = drive_endpoint_to(&name, &e);
	assert_int_equal(sendto(fd, "2", 1, 0, (struct sockaddr *)&name, len), 1);
	guest_gets(s, data, sizeof(data), &two);
	assert_int_not_equal(one.remote.port, two.remote.port);
	guest_answers(s, &two, "two");
	len = sizeof(name);
	UNTIL(recvfrom(fd, data, sizeof(data), MSG_DONTWAIT, (struct sockaddr *)&name, &len) == 3);
	drive_endpoint_from(&from, (struct sockaddr *)&name);
	assert_int_equal(from.port, 5301);
	close(fd);
}

static void boundaries_are_kept(void **state)
{
	static const size_t sizes[] = { 5, 100, 100, 100, 40, 0, 700, 1400, 1400, 3, 3, 9, 1472 };
	size_t count = sizeof(sizes) / sizeof(sizes[0]);
	struct minato_datagram came;
	static uint8_t data[65536];
	size_t index = 0;
	uint64_t s;
	int fd;

	NEED_NETNS();
	publish("5300:53/udp");
	s = guest_server(53);
	fd = host_connect(SOCK_DGRAM, "192.0.2.1", "192.0.2.1", 5300);
	for (size_t i = 0; i < count; i++) {
		memset(data, (int)i, sizes[i]);
		assert_int_equal(send(fd, data, sizes[i], 0), sizes[i]);
	}
	while (index < count) {
		size_t len = (size_t)guest_gets(s, data, sizeof(data), &came);
		size_t at = 0;

		do {
			size_t one = came.gso_size && came.gso_size < len - at ? came.gso_size :
										 len - at;

			assert_true(index < count);
			assert_int_equal(one, sizes[index]);
			for (size_t k = 0; k < one; k++)
				assert_int_equal(data[at + k], index);
			at += one;
			index++;
		} while (at < len);
	}
	for (size_t i = 0; i < count; i++) {
		struct minato_datagram to = { .remote = came.remote, .local = came.local };

		memset(data, (int)i, sizes[i]);
		assert_int_equal(minato_send_datagram(w.guest, s, &to, data, sizes[i]), sizes[i]);
	}
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(host_recv(fd, data, sizeof(data)), sizes[i]);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(data[k], i);
	}
	close(fd);
}

static void idle_ones_end_after_five_minutes(void **state)
{
	int fd;

	NEED_NETNS();
	publish("5300:53/udp");
	guest_server(53);
	fd = host_connect(SOCK_DGRAM, "192.0.2.1", "192.0.2.1", 5300);
	host_says(fd, "x");
	UNTIL(w.relay->visitors.count == 1);
	turns(3);
	w.skew_ns += INT64_C(299000000000);
	turns(2);
	assert_int_equal(w.relay->visitors.count, 1);
	w.skew_ns += INT64_C(2000000000);
	UNTIL(w.relay->lanes.count == 0);
	close(fd);
}

static void a_client_that_went_is_told_to_the_guest(void **state)
{
	struct minato_datagram came;
	uint32_t icmp;
	uint64_t s;
	char data[8];
	int fd;

	NEED_NETNS();
	publish("5300:53/udp");
	s = guest_server(53);
	fd = host_connect(SOCK_DGRAM, "192.0.2.1", "192.0.2.1", 5300);
	host_says(fd, "x");
	guest_gets(s, data, sizeof(data), &came);
	close(fd);
	icmp = w.icmp_count;
	guest_answers(s, &came, "too late");
	UNTIL(w.icmp_count == icmp + 1);
}

static void a_closed_guest_port_stays_quiet(void **state)
{
	struct minato_datagram came;
	uint64_t s;
	char data[8];
	int fd;

	NEED_NETNS();
	publish("5300:53/udp");
	fd = host_connect(SOCK_DGRAM, "192.0.2.1", "192.0.2.1", 5300);
	host_says(fd, "x");
	turns(5);
	s = guest_server(53);
	/* The refusal of the first does not swallow the next. */
	host_says(fd, "y");
	turns(3);
	host_says(fd, "z");
	assert_int_equal(guest_gets(s, data, sizeof(data), &came), 1);
	close(fd);
}

/* A rule that comes later is about new clients alone, and each counts once. */
static void who_is_there_is_asked_about_no_more(void **state)
{
	struct minato_entry rule = rule_inward();
	struct minato_datagram came;
	uint64_t handle;
	uint64_t s;
	char data[64];
	int fd;
	int other;

	NEED_NETNS();
	rule.order = 2;
	rule.rate_count = 1;
	rule.rate_span_s = 86400;
	rule.rate_verdict = MINATO_DROP;
	assert_int_equal(minato_entry_add(w.host, &rule, &handle), 0);
	publish("5300:53/udp");
	s = guest_server(53);
	fd = host_connect(SOCK_DGRAM, "192.0.2.1", "192.0.2.1", 5300);
	for (int i = 0; i < 3; i++) {
		host_says(fd, "again");
		assert_int_equal(guest_gets(s, data, sizeof(data), &came), 5);
	}
	rule.rate_count = 0;
	rule.rate_span_s = 0;
	rule.rate_verdict = MINATO_PASS;
	rule.verdict = MINATO_DROP;
	rule.order = 1;
	assert_int_equal(minato_entry_add(w.host, &rule, &handle), 0);
	other = host_connect(SOCK_DGRAM, "192.0.2.1", "192.0.2.1", 5300);
	host_says(other, "new");
	host_says(fd, "known");
	assert_int_equal(guest_gets(s, data, sizeof(data), &came), 5);
	assert_memory_equal(data, "known", 5);
	assert_int_equal(count_of(RELAY_COUNT_UDP_IN), 1);
	close(fd);
	close(other);
}

static uint16_t speaker;

static uint16_t who_speaks(void *user, enum minato_proto proto,
			   const struct minato_endpoint *caller,
			   const struct minato_endpoint *local)
{
	(void)user;
	(void)caller;
	(void)local;
	assert_int_equal(proto, MINATO_UDP);
	return speaker;
}

static int begin_named(void **state)
{
	fixture_caller = who_speaks;
	return begin(state);
}

static int finish_named(void **state)
{
	fixture_caller = NULL;
	return finish(state);
}

/* A guest's port that becomes another program's is judged anew, whatever stood. */
static void a_port_that_changes_hands(void **state)
{
	struct minato_entry rule = rule_inward();
	struct minato_datagram came;
	uint64_t handle;
	uint64_t s;
	char data[64];
	int fd;

	NEED_NETNS();
	rule.program = 7;
	assert_int_equal(minato_entry_add(w.host, &rule, &handle), 0);
	rule.program = MINATO_PROGRAM_NONE;
	rule.verdict = MINATO_DROP;
	rule.order = 2;
	assert_int_equal(minato_entry_add(w.host, &rule, &handle), 0);
	publish("5300:53/udp");
	s = guest_server(53);
	fd = host_connect(SOCK_DGRAM, "127.0.0.1", "127.0.0.1", 5300);
	speaker = 7;
	host_says(fd, "one");
	assert_int_equal(guest_gets(s, data, sizeof(data), &came), 3);
	speaker = MINATO_PROGRAM_NONE;
	host_says(fd, "two");
	turns(10);
	assert_int_equal(minato_recv_datagram(w.guest, s, &came, data, sizeof(data), 0), -EAGAIN);
	speaker = 7;
	host_says(fd, "three");
	assert_int_equal(guest_gets(s, data, sizeof(data), &came), 5);
	assert_int_equal(count_of(RELAY_COUNT_UDP_IN), 2);
	close(fd);
}

/* Whom nobody can tell any more goes nowhere, whatever there is for him. */
static void whose_socket_is_gone(void **state)
{
	struct minato_datagram came;
	uint64_t s;
	char data[64];
	int fd;

	NEED_NETNS();
	publish("5300:53/udp");
	s = guest_server(53);
	fd = host_connect(SOCK_DGRAM, "127.0.0.1", "127.0.0.1", 5300);
	speaker = RELAY_CALLER_GONE;
	host_says(fd, "one");
	turns(10);
	assert_int_equal(minato_recv_datagram(w.guest, s, &came, data, sizeof(data), 0), -EAGAIN);
	speaker = MINATO_PROGRAM_NONE;
	host_says(fd, "three");
	assert_int_equal(guest_gets(s, data, sizeof(data), &came), 5);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(true_address_ipv4),
		CASE(true_address_ipv6),
		CASE(loopback_comes_as_gateway),
		CASE(loopback_comes_as_gateway_ipv6),
		CASE(answers_leave_from_the_address_written_to),
		CASE(twins_are_told_apart),
		CASE(one_client_at_two_ports),
		CASE(boundaries_are_kept),
		CASE(idle_ones_end_after_five_minutes),
		CASE(a_client_that_went_is_told_to_the_guest),
		CASE(a_closed_guest_port_stays_quiet),
		CASE(who_is_there_is_asked_about_no_more),
		cmocka_unit_test_setup_teardown(a_port_that_changes_hands, begin_named,
						finish_named),
		cmocka_unit_test_setup_teardown(whose_socket_is_gone, begin_named, finish_named),
	};

	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
