/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams and runs of them by real sockets: how they leave, are collected, come, and fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <string.h>
#include <sys/uio.h>

#include "relay/relay.h"
#include "unit/netns_fixture.h"

static struct relay relay;
static struct lane lane;
static int ours, theirs; /* ours sends by gram.c; theirs is a socket like any other */
static struct gram_way way;
static uint8_t discover;
static uint8_t bytes[70000];
static struct gram grams[GRAM_BATCH];

static struct minato_endpoint end_of(int fd)
{
	struct sockaddr_storage name = { 0 };
	socklen_t length = sizeof(name);
	struct minato_endpoint end = { .port = 0 };

	DEMAND(getsockname(fd, (struct sockaddr *)&name, &length) == 0);
	DEMAND(drive_endpoint_from(&end, (struct sockaddr *)&name));
	return end;
}

static int bound_to(const struct minato_addr *addr, int fd)
{
	const struct minato_endpoint any_port = { *addr, 0 };
	struct sockaddr_storage name = { 0 };
	socklen_t length = drive_endpoint_to(&name, &any_port);

	DEMAND(fd >= 0);
	DEMAND(bind(fd, (struct sockaddr *)&name, length) == 0);
	return fd;
}

static void begin(void)
{
	const struct minato_addr loopback = minato_addr4(127, 0, 0, 1);
	struct drive_rtnl *rtnl;

	enter_netns();
	DEMAND(drive_rtnl_open(&rtnl) == 0);
	DEMAND(drive_rtnl_link_up(rtnl, 1, 0, NULL) == 0);
	drive_rtnl_close(rtnl);
	DEMAND(gram_room_new(&relay.room) == 0);
	ours = bound_to(&loopback, gram_socket(AF_INET, false));
	theirs = bound_to(&loopback, socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	lane = (struct lane){ .relay = &relay, .fd = ours, .kind = LANE_ENDPOINT };
	way = (struct gram_way){ .fd = ours, .to = end_of(theirs), .discover = &discover };
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 31 + i / 251);
}

/* The length of the next datagram that they have, which is what follows in `bytes`; -1: none. */
static ssize_t next_of_theirs(size_t at)
{
	static uint8_t got[70000];
	struct pollfd wait = { .fd = theirs, .events = POLLIN };
	ssize_t length;

	if (poll(&wait, 1, 200) <= 0)
		return -1;
	length = recv(theirs, got, sizeof(got), 0);
	DEMAND(length >= 0 && memcmp(got, bytes + at, (size_t)length) == 0);
	return length;
}

static void put(size_t at, size_t length)
{
	const struct minato_datagram about = { .len = (uint32_t)length };
	/* In two pieces, as it lies in chunks. */
	const struct minato_extent extents[] = { { bytes + at, (uint32_t)(length / 3) },
						 { bytes + at + length / 3,
						   (uint32_t)(length - length / 3) } };

	gram_put(&lane, &way, &about, extents, 2);
}

static void runs_body(void)
{
	struct iovec iov = { bytes, 350 };

	begin();
	DEMAND(gram_send(&way, &iov, 1, 100) == 0);
	for (size_t i = 0; i < 3; i++)
		DEMAND(next_of_theirs(i * 100) == 100);
	DEMAND(next_of_theirs(300) == 50);
	DEMAND(next_of_theirs(0) == -1);
}

static void collected_body(void)
{
	begin();
	for (size_t i = 0; i < 3; i++)
		put(i * 100, 100);
	DEMAND(next_of_theirs(0) == -1); /* nothing leaves before it must */
	put(300, 40);			 /* ends the run */
	put(340, 100);			 /* begins another, and lets the first one go */
	for (size_t i = 0; i < 3; i++)
		DEMAND(next_of_theirs(i * 100) == 100);
	DEMAND(next_of_theirs(300) == 40);
	DEMAND(next_of_theirs(0) == -1);
	put(440, 200); /* longer than its first */
	DEMAND(next_of_theirs(340) == 100);
	put(640, 0); /* an empty one is one too, and follows no other */
	DEMAND(next_of_theirs(440) == 200);
	put(640, 10);
	DEMAND(next_of_theirs(640) == 0);
	gram_flush(&relay);
	DEMAND(next_of_theirs(640) == 10);
	gram_flush(&relay);
	DEMAND(next_of_theirs(0) == -1);
	DEMAND(lane.bytes_out == 650);
}

/* What differs in where or how it goes is in no run with it. */
static void ways_body(void)
{
	begin();
	put(0, 100);
	way.ttl = 9;
	put(100, 100);
	DEMAND(next_of_theirs(0) == 100);
	way.traffic_class = 4;
	put(200, 100);
	DEMAND(next_of_theirs(100) == 100);
	way.from = minato_addr4(127, 0, 0, 7);
	put(300, 100);
	DEMAND(next_of_theirs(200) == 100);
	way.dont_fragment = true;
	put(400, 100);
	DEMAND(next_of_theirs(300) == 100);
	gram_flush(&relay);
	DEMAND(next_of_theirs(400) == 100);
}

/* Long ones do not wait; neither does what was collected before. */
static void whole_body(void)
{
	begin();
	put(0, 100);
	put(100, 9000);
	DEMAND(next_of_theirs(0) == 100);
	DEMAND(next_of_theirs(100) == 9000);
}

/* A path that takes no runs: one by one. */
static void one_by_one_body(void)
{
	struct minato_datagram about = { .len = 250, .gso_size = 100 };
	const struct minato_extent all = { bytes, 250 };

	begin();
	lane.no_segment = true;
	gram_put(&lane, &way, &about, &all, 1);
	DEMAND(next_of_theirs(0) == 100 && next_of_theirs(100) == 100);
	DEMAND(next_of_theirs(200) == 50 && next_of_theirs(0) == -1);
	/* More than the kernel takes at once is several runs. */
	lane.no_segment = false;
	about = (struct minato_datagram){ .len = 70 * 20, .gso_size = 20 };
	gram_put(&lane, &way, &about, &(struct minato_extent){ bytes, 70 * 20 }, 1);
	for (size_t i = 0; i < 70; i++)
		DEMAND(next_of_theirs(i * 20) == 20);
	DEMAND(next_of_theirs(0) == -1);
}

static int option_of(int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	DEMAND(getsockopt(ours, level, name, &value, &length) == 0);
	return value;
}

static void fragments_body(void)
{
	begin();
	way.dont_fragment = true;
	gram_discover(&way);
	DEMAND(option_of(IPPROTO_IP, IP_MTU_DISCOVER) == IP_PMTUDISC_DO);
	DEMAND(discover == GRAM_DISCOVER_WHOLE);
	way.dont_fragment = false;
	gram_discover(&way);
	DEMAND(option_of(IPPROTO_IP, IP_MTU_DISCOVER) == IP_PMTUDISC_DONT);
	/* What stands beside the descriptor is believed: no call for each datagram. */
	discover = GRAM_DISCOVER_WHOLE;
	way.dont_fragment = true;
	gram_discover(&way);
	DEMAND(option_of(IPPROTO_IP, IP_MTU_DISCOVER) == IP_PMTUDISC_DONT);
}

static void say(size_t at, size_t length, int tos)
{
	const struct minato_endpoint to = { minato_addr4(127, 0, 0, 1), end_of(ours).port };
	struct sockaddr_storage name = { 0 };
	socklen_t name_length = drive_endpoint_to(&name, &to);

	DEMAND(setsockopt(theirs, IPPROTO_IP, IP_TOS, &tos, sizeof(tos)) == 0);
	DEMAND(sendto(theirs, bytes + at, length, 0, (struct sockaddr *)&name, name_length) ==
	       (ssize_t)length);
}

static void received_body(void)
{
	const int on = 1;

	begin();
	DEMAND(setsockopt(ours, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) == 0);
	DEMAND(setsockopt(ours, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on)) == 0);
	DEMAND(gram_recv(&relay, ours, grams) == -EAGAIN);
	say(0, 70, 0);
	say(70, 30, 0x2a);
	say(100, 0, 0);
	DEMAND(gram_recv(&relay, ours, grams) == 3);
	DEMAND(grams[0].len == 70 && memcmp(grams[0].data, bytes, 70) == 0);
	DEMAND(grams[1].len == 30 && memcmp(grams[1].data, bytes + 70, 30) == 0);
	DEMAND(grams[2].len == 0);
	DEMAND(grams[0].traffic_class == 0 && grams[1].traffic_class == 0x2a);
	DEMAND(grams[0].ttl == 64 && grams[0].gso_size == 0);
	DEMAND(grams[0].from.port == end_of(theirs).port);
	DEMAND(minato_addr_equal(&grams[0].to, &way.to.addr));
	/* A batch is a batch; the rest is there the next time. */
	for (size_t i = 0; i < GRAM_BATCH + 3; i++)
		say(i, 5, 0);
	DEMAND(gram_recv(&relay, ours, grams) == (int)GRAM_BATCH);
	DEMAND(gram_recv(&relay, ours, grams) == 3);
	DEMAND(memcmp(grams[2].data, bytes + GRAM_BATCH + 2, 5) == 0);
}

/* Equal ones that came as one are told as such (UDP_GRO). */
static void run_received_body(void)
{
	const struct minato_addr loopback = minato_addr4(127, 0, 0, 1);
	int other;
	struct iovec iov = { bytes, 350 };
	int count;

	begin();
	other = bound_to(&loopback, gram_socket(AF_INET, false));
	way.to = end_of(other);
	DEMAND(gram_send(&way, &iov, 1, 100) == 0);
	count = gram_recv(&relay, other, grams);
	DEMAND(count == 1 || count == 4); /* a kernel without it */
	DEMAND(count == 4 || (grams[0].len == 350 && grams[0].gso_size == 100));
	DEMAND(memcmp(grams[0].data, bytes, grams[0].len) == 0);
}

static void faults_body(void)
{
	struct iovec iov = { bytes, 64 };
	struct minato_endpoint nobody;
	struct minato_trouble trouble;
	struct gram_fault fault;

	begin();
	DEMAND(!gram_next_fault(ours, &fault));
	nobody = end_of(theirs);
	close(theirs);
	DEMAND(gram_send(&way, &iov, 1, 0) == 0);
	for (int i = 0; i < 100 && !gram_next_fault(ours, &fault); i++)
		usleep(10000);
	DEMAND(fault.errnum == ECONNREFUSED);
	DEMAND(fault.type == ICMP_DEST_UNREACH && fault.code == 3);
	DEMAND(fault.to.port == nobody.port && minato_addr_equal(&fault.to.addr, &nobody.addr));
	DEMAND(fault.len == 64 && memcmp(fault.data, bytes, 64) == 0);
	DEMAND(minato_addr_equal(&fault.offender, &nobody.addr));
	DEMAND(!gram_next_fault(ours, &fault));
	/* What is to be told of it. */
	fault.errnum = 0;
	DEMAND(!gram_trouble(&relay, &fault, &trouble));
	fault.errnum = ECONNREFUSED;
	DEMAND(gram_trouble(&relay, &fault, &trouble));
	DEMAND(trouble.type == ICMP_DEST_UNREACH && trouble.code == 3 && trouble.len == 64);
	DEMAND(trouble.data == fault.data);
	/* An error that waits is about an earlier one: this one leaves all the same. */
	DEMAND(gram_send(&way, &iov, 1, 0) == 0);
	usleep(50000);
	DEMAND(gram_send(&way, &iov, 1, 0) == 0);
}

static void dual_body(void)
{
	const struct minato_addr any6 = { { 0 } };
	struct iovec iov = { bytes, 20 };

	begin();
	ours = bound_to(&any6, gram_socket(AF_INET6, true));
	way = (struct gram_way){
		.fd = ours, .dual = true, .to = end_of(theirs), .discover = &discover
	};
	way.ttl = 5;
	DEMAND(gram_send(&way, &iov, 1, 0) == 0);
	DEMAND(next_of_theirs(0) == 20);
	say(0, 33, 0); /* to a port of IPv6 that takes IPv4 too */
	DEMAND(gram_recv(&relay, ours, grams) == 1);
	DEMAND(minato_addr_is4(&grams[0].from.addr) && grams[0].len == 33);
}

#define BODY(name, body) CHILD_CASE(name, body)
BODY(a_run_leaves_by_one_call, runs_body)
BODY(equal_ones_are_collected, collected_body)
BODY(other_ways_are_other_runs, ways_body)
BODY(long_ones_do_not_wait, whole_body)
BODY(without_runs_one_by_one, one_by_one_body)
BODY(fragments_or_not_is_set_where_it_differs, fragments_body)
BODY(what_came_is_told, received_body)
BODY(a_run_that_came_is_told, run_received_body)
BODY(errors_of_the_network_are_read, faults_body)
BODY(a_socket_of_both_families, dual_body)

static void one_hop_is_behind_it(void **state)
{
	(void)state;
	assert_int_equal(gram_ttl(64), 63);
	assert_int_equal(gram_ttl(2), 1);
	assert_int_equal(gram_ttl(1), 1);
	assert_int_equal(gram_ttl(0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_leaves_by_one_call),
		cmocka_unit_test(equal_ones_are_collected),
		cmocka_unit_test(other_ways_are_other_runs),
		cmocka_unit_test(long_ones_do_not_wait),
		cmocka_unit_test(without_runs_one_by_one),
		cmocka_unit_test(fragments_or_not_is_set_where_it_differs),
		cmocka_unit_test(what_came_is_told),
		cmocka_unit_test(a_run_that_came_is_told),
		cmocka_unit_test(errors_of_the_network_are_read),
		cmocka_unit_test(a_socket_of_both_families),
		cmocka_unit_test(one_hop_is_behind_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
