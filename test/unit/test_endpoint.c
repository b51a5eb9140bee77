/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's datagrams: one port outside, boundaries kept, errors handed back. */
#include "relay_fixture.h"

static uint64_t guest_bound(const char *from, uint16_t port)
{
	uint64_t s = guest_socket(MINATO_UDP);
	struct minato_endpoint local = end(from, port);

	assert_int_equal(minato_bind(w.guest, s, &local), 0);
	return s;
}

static void guest_sends(uint64_t s, const char *to, uint16_t port, const void *data, size_t len)
{
	struct minato_datagram d = { .remote = end(to, port) };

	assert_int_equal(minato_send_datagram(w.guest, s, &d, data, len), len);
}

/* What came, from whom. */
static ssize_t host_gets(int fd, void *data, size_t len, struct minato_endpoint *from)
{
	struct sockaddr_storage name = { 0 };
	socklen_t name_len = sizeof(name);
	ssize_t got = -1;

	UNTIL((got = recvfrom(fd, data, len, MSG_DONTWAIT, (struct sockaddr *)&name, &name_len)) >=
	      0);
	drive_endpoint_from(from, (struct sockaddr *)&name);
	return got;
}

static void host_sends(int fd, const struct minato_endpoint *to, const void *data, size_t len)
{
	struct sockaddr_storage name = { 0 };
	socklen_t name_len = drive_endpoint_to(&name, to);

	assert_int_equal(sendto(fd, data, len, 0, (struct sockaddr *)&name, name_len), len);
}

static int64_t guest_gets(uint64_t s, void *data, size_t len, struct minato_datagram *from)
{
	int64_t got = -EAGAIN;

	UNTIL((got = minato_recv_datagram(w.guest, s, from, data, len, 0)) != -EAGAIN);
	return got;
}

static void there_and_back(const char *guest, const char *far)
{
	int fd = host_socket(SOCK_DGRAM, far, 0);
	uint64_t s = guest_bound(guest, 5000);
	struct minato_endpoint outside;
	struct minato_endpoint want = end(far, port_of(fd));
	struct minato_datagram from;
	char data[64];

	guest_sends(s, far, port_of(fd), "question", 8);
	assert_int_equal(host_gets(fd, data, sizeof(data), &outside), 8);
	assert_memory_equal(data, "question", 8);
	host_sends(fd, &outside, "reply", 5);
	assert_int_equal(guest_gets(s, data, sizeof(data), &from), 5);
	assert_memory_equal(data, "reply", 5);
	assert_int_equal(from.remote.port, want.port);
	assert_true(minato_addr_equal(&from.remote.addr, &want.addr));
	close(fd);
}

static void there_and_back_ipv4(void **state)
{
	NEED_NETNS();
	there_and_back("10.0.2.100", "192.0.2.1");
}

static void there_and_back_ipv6(void **state)
{
	NEED_NETNS();
	there_and_back("fd00::64", "2001:db8::1");
}

static void one_port_towards_everyone(void **state)
{
	struct minato_endpoint a;
	struct minato_endpoint b;
	uint64_t s;
	char data[8];
	int one;
	int two;

	NEED_NETNS();
	one = host_socket(SOCK_DGRAM, "192.0.2.1", 0);
	two = host_socket(SOCK_DGRAM, "192.0.2.1", 0);
	s = guest_bound("10.0.2.100", 5000);
	guest_sends(s, "192.0.2.1", port_of(one), "1", 1);
	guest_sends(s, "192.0.2.1", port_of(two), "2", 1);
	assert_int_equal(host_gets(one, data, sizeof(data), &a), 1);
	assert_int_equal(host_gets(two, data, sizeof(data), &b), 1);
	assert_int_equal(a.port, b.port);
	assert_int_equal(count_of(RELAY_COUNT_UDP_OUT), 1);
	close(one);
	close(two);
}

static void anybody_may_answer(void **state)
{
	struct minato_endpoint outside;
	struct minato_datagram from;
	uint64_t s;
	char data[8];
	int one;
	int two;

	NEED_NETNS();
	one = host_socket(SOCK_DGRAM, "192.0.2.1", 0);
	two = host_socket(SOCK_DGRAM, "192.0.2.1", 0);
	s = guest_bound("10.0.2.100", 5000);
	guest_sends(s, "192.0.2.1", port_of(one), "1", 1);
	host_gets(one, data, sizeof(data), &outside);
	host_sends(two, &outside, "2", 1);
	assert_int_equal(guest_gets(s, data, sizeof(data), &from), 1);
	assert_int_equal(from.remote.port, port_of(two));
	close(one);
	close(two);
}

/* Equal ones of two senders make no run. */
static void senders_are_told_apart(void **state)
{
	struct minato_endpoint outside;
	struct minato_datagram from;
	uint64_t s;
	char data[8];
	int fd[2];

	NEED_NETNS();
	fd[0] = host_socket(SOCK_DGRAM, "192.0.2.1", 0);
	fd[1] = host_socket(SOCK_DGRAM, "192.0.2.1", 0);
	s = guest_bound("10.0.2.100", 5000);
	guest_sends(s, "192.0.2.1", port_of(fd[0]), "x", 1);
	host_gets(fd[0], data, sizeof(data), &outside);
	for (int i = 0; i < 10; i++)
		host_sends(fd[i % 2], &outside, i % 2 ? "b" : "a", 1);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(guest_gets(s, data, sizeof(data), &from), 1);
		assert_int_equal(data[0], i % 2 ? 'b' : 'a');
		assert_int_equal(from.remote.port, port_of(fd[i % 2]));
	}
	close(fd[0]);
	close(fd[1]);
}

static void boundaries_are_kept_outwards(void **state)
{
	static const size_t sizes[] = { 1, 100, 100, 100, 40, 0, 700, 1400, 1400, 3, 3, 9, 1472 };
	struct minato_endpoint outside;
	uint64_t s;
	char data[2000];
	int fd;

	NEED_NETNS();
	fd = host_socket(SOCK_DGRAM, "192.0.2.1", 0);
	s = guest_bound("10.0.2.100", 5000);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(data, (int)i, sizes[i]);
		guest_sends(s, "192.0.2.1", port_of(fd), data, sizes[i]);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(host_gets(fd, data, sizeof(data), &outside), sizes[i]);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(data[k], i);
	}
	close(fd);
}

static void boundaries_are_kept_inwards(void **state)
{
	static const size_t sizes[] = { 5, 100, 100, 100, 40, 0, 700, 1400, 1400, 3, 3, 9, 1472 };
	struct minato_endpoint outside;
	struct minato_datagram from;
	size_t index = 0;
	size_t count = sizeof(sizes) / sizeof(sizes[0]);
	uint64_t s;
	static uint8_t data[65536];
	int fd;

	NEED_NETNS();
	fd = host_socket(SOCK_DGRAM, "192.0.2.1", 0);
	s = guest_bound("10.0.2.100", 5000);
	guest_sends(s, "192.0.2.1", port_of(fd), "x", 1);
	host_gets(fd, data, sizeof(data), &outside);
	for (size_t i = 0; i < count; i++) {
		memset(data, (int)i, sizes[i]);
		host_sends(fd, &outside, data, sizes[i]);
	}
	while (index < count) {
		size_t len = (size_t)guest_gets(s, data, sizeof(data), &from);
		size_t at = 0;

		/* A run of the link comes as one, with the size of each. */
		do {
			size_t one = from.gso_size && from.gso_size < len - at ? from.gso_size :
										 len - at;

			assert_true(index < count);
			assert_int_equal(one, sizes[index]);
			for (size_t k = 0; k < one; k++)
				assert_int_equal(data[at + k], index);
			at += one;
			index++;
		} while (at < len);
	}
	close(fd);
}

static void a_run_goes_out_whole(void **state)
{
	struct minato_datagram d;
	struct minato_endpoint outside;
	uint64_t s;
	static uint8_t data[40 * 1000 + 10];
	int fd;

	NEED_NETNS();
	fd = host_socket(SOCK_DGRAM, "192.0.2.1", 0);
	s = guest_bound("10.0.2.100", 5000);
	d = (struct minato_datagram){ .remote = end("192.0.2.1", port_of(fd)), .gso_size = 1000 };
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i / 1000);
	assert_int_equal(minato_send_datagram(w.guest, s, &d, data, sizeof(data)), sizeof(data));
	for (int i = 0; i < 41; i++) {
		assert_int_equal(host_gets(fd, data, sizeof(data), &outside), i < 40 ? 1000 : 10);
		assert_int_equal(data[0], i);
	}
	close(fd);
}

static void a_run_of_very_many_goes_out_whole(void **state)
{
	struct minato_datagram d;
	struct minato_endpoint outside;
	uint64_t s;
	static uint8_t data[200 * 10];
	int fd;

	NEED_NETNS();
	fd = host_socket(SOCK_DGRAM, "192.0.2.1", 0);
	s = guest_bound("10.0.2.100", 5000);
	d = (struct minato_datagram){ .remote = end("192.0.2.1", port_of(fd)), .gso_size = 10 };
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i / 10);
	assert_int_equal(minato_send_datagram(w.guest, s, &d, data, sizeof(data)), sizeof(data));
	for (int i = 0; i < 200; i++) {
		assert_int_equal(host_gets(fd, data, sizeof(data), &outside), 10);
		assert_int_equal(data[0], (uint8_t)i);
	}
	close(fd);
}

static int error_of(uint64_t s)
{
	UNTIL(guest_ready(s) & MINATO_ERROR);
	return minato_error(w.guest, s);
}

static uint64_t guest_connected(const char *to, uint16_t port)
{
	uint64_t s = guest_socket(MINATO_UDP);
	struct minato_endpoint peer = end(to, port);

	assert_int_equal(minato_connect(w.guest, s, &peer), 0);
	return s;
}

static void port_unreachable_comes_back(void **state)
{
	uint64_t s;

	NEED_NETNS();
	s = guest_connected("192.0.2.1", 9);
	guest_says(s, "anybody?");
	assert_int_equal(error_of(s), ECONNREFUSED);
	assert_int_equal(count_of(RELAY_COUNT_UDP_ERRORS), 1);
}

static void port_unreachable_comes_back_ipv6(void **state)
{
	uint64_t s;

	NEED_NETNS();
	s = guest_connected("2001:db8::1", 9);
	guest_says(s, "anybody?");
	assert_int_equal(error_of(s), ECONNREFUSED);
}

static void net_unreachable_comes_back(void **state)
{
	uint32_t icmp;
	uint64_t s;

	NEED_NETNS();
	icmp = w.icmp_count;
	s = guest_connected("198.51.100.1", 9);
	guest_says(s, "anybody?");
	UNTIL(w.icmp_count == icmp + 1);
}

static void gateway_refuses(void **state)
{
	uint64_t s;

	NEED_NETNS();
	s = guest_connected("10.0.2.2", 9);
	guest_says(s, "anybody?");
	assert_int_equal(error_of(s), ECONNREFUSED);
	assert_int_equal(w.relay->lanes.count, 0);
}

static void an_association_does_not_open_the_inside(void **state)
{
	struct minato_endpoint outside;
	uint64_t s;
	char data[8];
	int fd;
	int inner;
	uint32_t icmp;

	NEED_NETNS();
	fd = host_socket(SOCK_DGRAM, "192.0.2.1", 0);
	inner = host_socket(SOCK_DGRAM, "127.0.0.1", 0);
	s = guest_bound("10.0.2.100", 5000);
	guest_sends(s, "192.0.2.1", port_of(fd), "x", 1);
	host_gets(fd, data, sizeof(data), &outside);
	icmp = w.icmp_count;
	guest_sends(s, "10.0.2.2", port_of(inner), "y", 1);
	UNTIL(count_of(RELAY_COUNT_REFUSED_INNER) == 1);
	turns(3);
	assert_int_equal(recv(inner, data, sizeof(data), MSG_DONTWAIT), -1);
	assert_int_equal(w.icmp_count, icmp + 1);
	close(fd);
	close(inner);
}

static void loopback_does_not_come_in(void **state)
{
	struct minato_endpoint outside;
	struct minato_datagram from;
	uint64_t s;
	char data[8];
	int fd;
	int inner;

	NEED_NETNS();
	fd = host_socket(SOCK_DGRAM, "192.0.2.1", 0);
	inner = host_socket(SOCK_DGRAM, "127.0.0.1", 0);
	s = guest_bound("10.0.2.100", 5000);
	guest_sends(s, "192.0.2.1", port_of(fd), "x", 1);
	host_gets(fd, data, sizeof(data), &outside);
	outside.addr = addr("127.0.0.1");
	host_sends(inner, &outside, "z", 1);
	turns(5);
	assert_int_equal(minato_recv_datagram(w.guest, s, &from, data, sizeof(data), 0), -EAGAIN);
	close(fd);
	close(inner);
}

static void open_loopback_answers_as_gateway(void **state)
{
	struct minato_endpoint outside;
	struct minato_datagram from;
	struct minato_endpoint want;
	uint64_t s;
	char data[8];
	int fd;

	NEED_NETNS();
	fd = host_socket(SOCK_DGRAM, "127.0.0.1", 0);
	want = end("10.0.2.2", port_of(fd));
	s = guest_bound("10.0.2.100", 5000);
	guest_sends(s, "10.0.2.2", port_of(fd), "x", 1);
	assert_int_equal(host_gets(fd, data, sizeof(data), &outside), 1);
	host_sends(fd, &outside, "z", 1);
	assert_int_equal(guest_gets(s, data, sizeof(data), &from), 1);
	assert_true(minato_addr_equal(&from.remote.addr, &want.addr));
	assert_int_equal(from.remote.port, want.port);
	close(fd);
}

static void idle_ones_end_after_five_minutes(void **state)
{
	uint64_t s;

	NEED_NETNS();
	s = guest_bound("10.0.2.100", 5000);
	guest_sends(s, "192.0.2.1", 9999, "x", 1);
	UNTIL(w.relay->endpoints.count == 1);
	turns(3);
	w.skew_ns += INT64_C(299000000000);
	turns(2);
	assert_int_equal(w.relay->endpoints.count, 1);
	w.skew_ns += INT64_C(2000000000);
	UNTIL(w.relay->lanes.count == 0);
	assert_int_equal(count_of(RELAY_COUNT_UDP_EXPIRED), 1);
}

static void the_oldest_gives_way(void **state)
{
	uint64_t s;

	NEED_NETNS();
	for (uint16_t i = 0; i < 3; i++) {
		s = guest_bound("10.0.2.100", (uint16_t)(5000 + i));
		guest_sends(s, "192.0.2.1", 9999, "x", 1);
		UNTIL(w.relay->endpoints.count == i + 1u);
	}
	assert_int_equal(w.relay->endpoints.oldest->guest.port, 5000);
	guest_sends(s, "192.0.2.1", 9999, "x", 1);
	turns(3);
	assert_true(endpoint_evict(w.relay));
	assert_int_equal(w.relay->endpoints.count, 2);
	assert_int_equal(w.relay->endpoints.oldest->guest.port, 5001);
	assert_int_equal(count_of(RELAY_COUNT_UDP_EVICTED), 1);
}

static void the_oldest_gives_way_at_the_bound(void **state)
{
	uint64_t s;

	NEED_NETNS();
	w.relay->lanes.max = 3;
	for (uint16_t i = 0; i < 4; i++) {
		s = guest_bound("10.0.2.100", (uint16_t)(5000 + i));
		guest_sends(s, "192.0.2.1", 9999, "x", 1);
		UNTIL(count_of(RELAY_COUNT_UDP_OUT) == i + 1u);
		turns(3);
	}
	assert_int_equal(w.relay->lanes.count, 3);
	assert_int_equal(w.relay->endpoints.oldest->guest.port, 5001);
	assert_int_equal(count_of(RELAY_COUNT_UDP_EVICTED), 1);
}

static void an_evicted_endpoint_starts_anew(void **state)
{
	struct minato_endpoint outside;
	uint64_t s;
	char data[8];
	int fd;

	NEED_NETNS();
	fd = host_socket(SOCK_DGRAM, "192.0.2.1", 0);
	s = guest_bound("10.0.2.100", 5000);
	guest_sends(s, "192.0.2.1", port_of(fd), "1", 1);
	host_gets(fd, data, sizeof(data), &outside);
	assert_true(endpoint_evict(w.relay));
	guest_sends(s, "192.0.2.1", port_of(fd), "2", 1);
	assert_int_equal(host_gets(fd, data, sizeof(data), &outside), 1);
	assert_int_equal(data[0], '2');
	close(fd);
}

static void a_flood_is_not_torn(void **state)
{
	struct minato_endpoint outside;
	uint64_t s;
	uint32_t data;
	uint32_t next = 0;
	int fd;
	ssize_t got;

	NEED_NETNS();
	fd = host_socket(SOCK_DGRAM, "192.0.2.1", 0);
	s = guest_bound("10.0.2.100", 5000);
	for (uint32_t i = 0; i < 2000; i++) {
		guest_sends(s, "192.0.2.1", port_of(fd), &i, sizeof(i));
		if (i % 50)
			continue;
		turn();
		while ((got = recv(fd, &data, sizeof(data), MSG_DONTWAIT)) >= 0) {
			assert_int_equal(got, sizeof(data));
			assert_int_equal(data, next);
			next++;
		}
	}
	while (next < 2000) {
		assert_int_equal(host_gets(fd, &data, sizeof(data), &outside), sizeof(data));
		assert_int_equal(data, next);
		next++;
	}
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(there_and_back_ipv4),
		CASE(there_and_back_ipv6),
		CASE(one_port_towards_everyone),
		CASE(anybody_may_answer),
		CASE(senders_are_told_apart),
		CASE(boundaries_are_kept_outwards),
		CASE(boundaries_are_kept_inwards),
		CASE(a_run_goes_out_whole),
		CASE(a_run_of_very_many_goes_out_whole),
		CASE(port_unreachable_comes_back),
		CASE(port_unreachable_comes_back_ipv6),
		CASE(net_unreachable_comes_back),
		CASE(gateway_refuses),
		CASE(an_association_does_not_open_the_inside),
		CASE(loopback_does_not_come_in),
		CASE_OPEN(open_loopback_answers_as_gateway),
		CASE(idle_ones_end_after_five_minutes),
		CASE(the_oldest_gives_way),
		CASE(the_oldest_gives_way_at_the_bound),
		CASE(an_evicted_endpoint_starts_anew),
		CASE(a_flood_is_not_torn),
	};

	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
