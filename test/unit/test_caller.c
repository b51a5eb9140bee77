/* SPDX-License-Identifier: BSD-2-Clause */
/* Callers of published TCP ports: seen by the guest as who they are, refused as it refuses. */
#include "relay_fixture.h"

#include "minato/guard.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include "minato/scan.h"

static void publish(const char *text)
{
	struct drive_error error = { "" };

	assert_int_equal(relay_publish_add(&w.list, text, &error), 0);
	assert_int_equal(relay_publish_open(&w.list, true, true, &error), 0);
	assert_int_equal(relay_publish_start(w.relay, &w.list, &error), 0);
}

static uint64_t accepted(uint64_t listener, struct minato_endpoint *peer)
{
	uint64_t s = 0;

	UNTIL(minato_accept(w.guest, listener, &s, peer) == 0);
	return s;
}

static void comes_as(const char *from, const char *to, const char *seen)
{
	struct minato_endpoint peer;
	struct minato_addr want = addr(seen);
	uint64_t listener;
	uint64_t s;
	int fd;

	publish("8080:80");
	listener = guest_listen(80);
	fd = host_connect(SOCK_STREAM, from, to, 8080);
	s = accepted(listener, &peer);
	assert_true(minato_addr_equal(&peer.addr, &want));
	assert_int_equal(peer.port, port_of(fd));
	host_says(fd, "question");
	guest_hears(s, "question");
	guest_says(s, "answer");
	host_hears(fd, "answer");
	assert_int_equal(count_of(RELAY_COUNT_TCP_IN), 1);
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

/* The outcome at a caller: 0 for the end of the stream, or an errno. */
static int told(int fd)
{
	char byte;
	ssize_t got = host_recv(fd, &byte, 1);

	assert_true(got <= 0);
	return (int)-got;
}

static void closed_port_resets(void **state)
{
	int fd;

	NEED_NETNS();
	publish("8080:80");
	fd = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 8080);
	assert_int_equal(told(fd), ECONNRESET);
	assert_int_equal(count_of(RELAY_COUNT_TCP_IN_REFUSED), 1);
	UNTIL(w.relay->lanes.count == 0);
	close(fd);
}

static void closed_port_resets_ipv6(void **state)
{
	int fd;

	NEED_NETNS();
	publish("8080:80");
	fd = host_connect(SOCK_STREAM, "::1", "::1", 8080);
	assert_int_equal(told(fd), ECONNRESET);
	close(fd);
}

static void other_ports_stay_closed(void **state)
{
	int fd;
	int error = 0;
	socklen_t len = sizeof(error);

	NEED_NETNS();
	publish("8080:80");
	guest_listen(80);
	fd = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 80);
	UNTIL(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error);
	assert_int_equal(error, ECONNREFUSED);
	close(fd);
}

static void a_run_keeps_its_offset(void **state)
{
	struct minato_endpoint peer;
	uint64_t listener;
	int fd;

	NEED_NETNS();
	publish("8000-8009:9000");
	listener = guest_listen(9007);
	fd = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 8007);
	accepted(listener, &peer);
	assert_int_equal(peer.port, port_of(fd));
	close(fd);
}

static void one_address_only(void **state)
{
	uint64_t listener;
	int fd;

	NEED_NETNS();
	publish("192.0.2.1:8080:80");
	listener = guest_listen(80);
	fd = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 8080);
	accepted(listener, NULL);
	close(fd);
}

/* Two callers on loopback with one port of their own, from two addresses. */
static void taken_port_gets_another(void **state)
{
	struct minato_endpoint one;
	struct minato_endpoint two;
	struct sockaddr_storage name = { 0 };
	struct minato_endpoint e;
	uint64_t listener;
	socklen_t len;
	int a;
	int b;

	NEED_NETNS();
	publish("8080:80");
	listener = guest_listen(80);
	a = host_connect(SOCK_STREAM, "127.0.0.1", "127.0.0.1", 8080);
	accepted(listener, &one);
	b = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	e = end("127.0.0.2", port_of(a));
	len = drive_endpoint_to(&name, &e);
	assert_int_equal(bind(b, (struct sockaddr *)&name, len), 0);
	e = end("127.0.0.1", 8080);
	len = drive_endpoint_to(&name, &e);
	connect(b, (struct sockaddr *)&name, len);
	accepted(listener, &two);
	assert_int_equal(one.port, port_of(a));
	assert_int_not_equal(two.port, one.port);
	assert_true(minato_addr_equal(&one.addr, &two.addr));
	close(a);
	close(b);
}

/* From one port of its own to two guest ports: nothing is taken there. */
static void one_caller_at_two_ports_keeps_its_own(void **state)
{
	struct minato_endpoint one;
	struct minato_endpoint two;
	struct sockaddr_storage name = { 0 };
	struct minato_endpoint e;
	const int on = 1;
	uint64_t listener80;
	uint64_t listener81;
	socklen_t len;
	int a;
	int b;

	NEED_NETNS();
	publish("8080:80,8081:81");
	listener80 = guest_listen(80);
	listener81 = guest_listen(81);
	a = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 8080);
	accepted(listener80, &one);
	b = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	setsockopt(a, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(b, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	e = end("192.0.2.1", port_of(a));
	len = drive_endpoint_to(&name, &e);
	assert_int_equal(bind(b, (struct sockaddr *)&name, len), 0);
	e = end("192.0.2.1", 8081);
	len = drive_endpoint_to(&name, &e);
	connect(b, (struct sockaddr *)&name, len);
	accepted(listener81, &two);
	assert_int_equal(one.port, port_of(a));
	assert_int_equal(two.port, port_of(a));
	close(a);
	close(b);
}

static struct relay_caller taken;

static bool take(void *user, const struct relay_caller *caller)
{
	taken = *caller;
	return *(bool *)user;
}

/* Who goes on with a caller has his descriptor; what he does not take is the relay's. */
static void somebody_else_may_go_on(void **state)
{
	struct relay_standing standing;
	uint64_t cursor = 0;
	uint64_t listener;
	bool takes = true;
	int fd;

	NEED_NETNS();
	w.relay->config.take = take;
	w.relay->config.take_user = &takes;
	taken.fd = -1;
	publish("8080:80");
	listener = guest_listen(80);
	fd = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 8080);
	UNTIL(taken.fd >= 0);
	assert_int_equal(taken.client.port, port_of(fd));
	assert_int_equal(taken.asked.port, 8080);
	assert_true(taken.entry != 0 && taken.word != 0);
	assert_int_equal(send(taken.fd, "his", 3, 0), 3);
	host_hears(fd, "his");
	assert_true(relay_forward_next(w.relay, &cursor, &standing));
	assert_int_equal(standing.flows, 0);
	close(taken.fd); /* lingers for no time */
	UNTIL(recv(fd, &(char){ 0 }, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET);
	close(fd);
	takes = false;
	fd = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 8080);
	host_says(fd, "question");
	guest_hears(accepted(listener, NULL), "question");
	close(fd);
}

static void accepted_sockets_reset_if_cut(void **state)
{
	struct linger linger = { 0 };
	socklen_t len = sizeof(linger);
	int nodelay = 0;
	int fd;

	NEED_NETNS();
	publish("8080:80");
	guest_listen(80);
	fd = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 8080);
	UNTIL(w.relay->lanes.count == 1);
	assert_int_equal(getsockopt(w.relay->lanes.blocks[0][0].fd, SOL_SOCKET, SO_LINGER, &linger,
				    &len),
			 0);
	assert_true(linger.l_onoff);
	assert_int_equal(linger.l_linger, 0);
	len = sizeof(nodelay);
	assert_int_equal(getsockopt(w.relay->lanes.blocks[0][0].fd, IPPROTO_TCP, TCP_NODELAY,
				    &nodelay, &len),
			 0);
	assert_int_equal(nodelay, 1);
	close(fd);
}

static void caller_that_gives_up_is_forgotten(void **state)
{
	const struct linger reset = { .l_onoff = 1 };
	uint64_t listener;
	int fd;

	NEED_NETNS();
	publish("8080:80");
	listener = guest_listen(80);
	fd = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 8080);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	turns(20);
	assert_int_equal(w.relay->lanes.count, 0);
	assert_true(listener != 0);
}

/* Whether they have connected, here or there: the one who looks is a scan. */
static void a_scan_by(void **state, bool before_the_guest_answers)
{
	const struct linger reset = { .l_onoff = 1 };
	struct minato_scan row;
	uint64_t cursor = 0;

	NEED_NETNS();
	publish("8080-8089:80");
	for (uint16_t i = 0; i < 10; i++)
		guest_listen((uint16_t)(80 + i));
	for (uint16_t i = 0; i < 10; i++) {
		int fd = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", (uint16_t)(8080 + i));

		if (!before_the_guest_answers)
			turns(10);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
	}
	turns(20);
	assert_int_equal(w.relay->lanes.count, 0);
	assert_true(minato_scan_row(w.host, &cursor, &row));
	/* That each was complete speaks for him, until he does it often. */
	assert_true(row.recognised || !before_the_guest_answers);
	assert_true(row.kinds & 1u << MINATO_SCAN_CONNECT);
}

static void who_resets_before_the_guest_answers_has_scanned(void **state)
{
	a_scan_by(state, true);
}

static void who_resets_without_a_byte_has_scanned(void **state)
{
	a_scan_by(state, false);
}

/* Of many at once those that have gone cost the guest nothing; the one among them is served. */
static void a_burst_of_resets_is_let_go(void **state)
{
	const struct linger reset = { .l_onoff = 1 };
	struct minato_endpoint peer;
	uint64_t listener;
	int fds[41];

	NEED_NETNS();
	publish("8080:80");
	listener = guest_listen(80);
	for (int i = 0; i < 41; i++)
		fds[i] = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 8080);
	for (int i = 0; i < 41; i++) {
		setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		if (i != 30)
			close(fds[i]);
	}
	UNTIL(count_of(RELAY_COUNT_TCP_IN) + count_of(RELAY_COUNT_TCP_IN_GONE) == 41);
	assert_int_equal(count_of(RELAY_COUNT_TCP_IN_GONE), 32);
	do
		accepted(listener, &peer);
	while (peer.port != port_of(fds[30]));
	close(fds[30]);
}

static int seconds_of_silence(void)
{
	const int fd = w.relay->forwards->doors[0].fd;
	int seconds = -1;
	socklen_t len = sizeof(seconds);

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, &len), 0);
	return seconds;
}

/* In a flood of connections only those that speak are taken, for a while. */
static void in_a_flood_of_connections_speakers_are_taken(void **state)
{
	const struct linger reset = { .l_onoff = 1 };
	uint64_t listener, s;
	int fds[60];
	int fd;

	NEED_NETNS();
	publish("8080:80");
	listener = guest_listen(80);
	assert_int_equal(seconds_of_silence(), 0);
	for (int i = 0; i < 60; i++)
		fds[i] = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 8080);
	for (int i = 0; i < 60; i++) {
		setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fds[i]);
	}
	UNTIL(seconds_of_silence() > 0);
	assert_int_equal(w.relay->speaking, 1);
	UNTIL(w.relay->lanes.count == 0);
	while (minato_accept(w.guest, listener, &s, NULL) == 0)
		minato_close(w.guest, s);
	fd = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 8080);
	turns(20);
	assert_int_equal(w.relay->lanes.count, 0);
	host_says(fd, "question");
	s = accepted(listener, NULL);
	guest_hears(s, "question");
	UNTIL(seconds_of_silence() == 0);
	assert_int_equal(w.relay->speaking, 0);
	close(fd);
}

static void caller_that_sends_and_ends_is_heard(void **state)
{
	uint64_t listener;
	uint64_t s;
	char byte;
	int fd;

	NEED_NETNS();
	publish("8080:80");
	listener = guest_listen(80);
	fd = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 8080);
	UNTIL(send(fd, "all of it", 9, MSG_NOSIGNAL) == 9);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	s = accepted(listener, NULL);
	guest_hears(s, "all of it");
	assert_int_equal(guest_recv(s, &byte, 1), 0);
	guest_says(s, "thanks");
	minato_close(w.guest, s);
	host_hears(fd, "thanks");
	assert_int_equal(told(fd), 0);
	close(fd);
}

static void a_guest_that_speaks_first_is_heard(void **state)
{
	uint64_t listener;
	uint64_t s;
	int fd;

	NEED_NETNS();
	publish("8080:80");
	listener = guest_listen(80);
	fd = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 8080);
	s = accepted(listener, NULL);
	guest_says(s, "banner");
	host_hears(fd, "banner");
	close(fd);
}

static void a_hundred_callers(void **state)
{
	enum { COUNT = 100 };
	int fd[COUNT];
	uint64_t listener;

	NEED_NETNS();
	publish("8080:80");
	listener = guest_listen(80);
	for (int i = 0; i < COUNT; i++)
		fd[i] = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 8080);
	for (int i = 0; i < COUNT; i++) {
		uint64_t s = accepted(listener, NULL);

		guest_says(s, "x");
		minato_close(w.guest, s);
	}
	for (int i = 0; i < COUNT; i++) {
		host_hears(fd[i], "x");
		assert_int_equal(told(fd[i]), 0);
		close(fd[i]);
	}
	UNTIL(w.relay->lanes.count == 0);
}

/* One source more than it may have, while others come and go. */
static void a_source_has_no_more_than_its_bound(void **state)
{
	int own[4];
	int other;
	uint64_t listener, s[4];
	struct minato_endpoint peer;

	NEED_NETNS();
	publish("8080:80 at most 3 per source");
	listener = guest_listen(80);
	for (int i = 0; i < 3; i++) {
		own[i] = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 8080);
		s[i] = accepted(listener, &peer);
	}
	own[3] = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 8080);
	UNTIL(count_of(RELAY_COUNT_TCP_IN_BOUND) == 1);
	assert_int_equal(told(own[3]), ECONNRESET);
	close(own[3]);
	other = host_connect(SOCK_STREAM, "127.0.0.1", "127.0.0.1", 8080);
	s[3] = accepted(listener, NULL);
	guest_says(s[3], "hello");
	host_hears(other, "hello");
	/* One that ends makes room for one. */
	minato_close(w.guest, s[0]);
	close(own[0]);
	UNTIL(w.relay->lanes.count == 3);
	own[0] = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 8080);
	s[0] = accepted(listener, NULL);
	guest_says(s[0], "again");
	host_hears(own[0], "again");
	assert_int_equal(count_of(RELAY_COUNT_TCP_IN_BOUND), 1);
	for (int i = 0; i < 3; i++)
		close(own[i]);
	close(other);
}

/* Of IPv6 a /64 is one; and each port has a bound of its own. */
static void a_network_of_ipv6_is_one_source(void **state)
{
	static struct relay_forward forwards[2];
	const struct minato_addr near = addr("2001:db8::3:3"), far = addr("2001:db8:0:1::3");
	struct lane *lanes[2];

	NEED_NETNS();
	for (int i = 0; i < 2; i++)
		forwards[i] = (struct relay_forward){ .relay = w.relay, .spec.per_source = 2 };
	for (int i = 0; i < 2; i++) {
		assert_true(rank_admits(&forwards[0], &near));
		lanes[i] = lane_new(w.relay, LANE_IN);
		lanes[i]->dial.addr = addr(i ? "2001:db8::1:2" : "2001:db8::1");
		lanes[i]->forward = &forwards[0];
		rank_join(lanes[i]);
	}
	assert_false(rank_admits(&forwards[0], &near));
	assert_true(rank_admits(&forwards[0], &far));
	assert_true(rank_admits(&forwards[1], &near));
	/* But it is the same one if it was taken back and published again. */
	forwards[0].gone = true;
	assert_false(rank_admits(&forwards[1], &near));
	forwards[1].spec.first = 81;
	assert_true(rank_admits(&forwards[1], &near));
	for (int i = 0; i < 2; i++) {
		lanes[i]->forward = NULL;
		lane_free(lanes[i]);
	}
	assert_true(rank_admits(&forwards[0], &near));
}

static void without_descriptors_callers_are_turned_away(void **state)
{
	struct rlimit limit;
	struct rlimit small;
	int fd;
	int used;

	NEED_NETNS();
	publish("8080:80");
	guest_listen(80);
	fd = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 8080);
	used = dup(0);
	close(used);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	small = limit;
	small.rlim_cur = (rlim_t)used;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
	/* The loop has its descriptors already. */
	for (int i = 0; i < 20 && !count_of(RELAY_COUNT_NO_DESCRIPTOR); i++)
		turn();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(count_of(RELAY_COUNT_NO_DESCRIPTOR), 1);
	assert_int_equal(told(fd), ECONNRESET);
	close(fd);
}

/* Descriptors from now on: those in use, and so many more. Returns what it was. */
static struct rlimit leave_descriptors(unsigned more)
{
	struct rlimit before, small;
	int used = dup(0);

	close(used);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	small = before;
	small.rlim_cur = (rlim_t)used + more;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
	return before;
}

/* Whoever holds all descriptors gives way to somebody else, and to none of his own. */
static void without_descriptors_who_holds_most_gives_way(void **state)
{
	struct rlimit before;
	struct minato_endpoint peer;
	int hostile[20];
	int honest;
	int reset = 0;
	uint64_t listener;
	uint64_t s;

	NEED_NETNS();
	publish("8080:80");
	listener = guest_listen(80);
	for (int i = 0; i < 20; i++)
		hostile[i] = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 8080);
	honest = host_connect(SOCK_STREAM, "127.0.0.1", "127.0.0.1", 8080);
	before = leave_descriptors(8);
	for (int i = 0; i < 100; i++) {
		turn();
		while (minato_accept(w.guest, listener, &s, &peer) == 0)
			guest_says(s, "hello");
	}
	host_hears(honest, "hello");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(count_of(RELAY_COUNT_GAVE_WAY), 1);
	assert_int_equal(count_of(RELAY_COUNT_NO_DESCRIPTOR), 12);
	for (int i = 0; i < 20; i++) {
		char byte;
		/* Those that stand have the greeting to read. */
		reset += recv(hostile[i], &byte, 1, MSG_DONTWAIT) < 0;
		close(hostile[i]);
	}
	assert_int_equal(reset, 13);
	close(honest);
}

static void entries_are_listed(void **state)
{
	struct minato_row row;
	struct relay_about about;
	uint64_t cursor = 0;
	int found = 0;

	NEED_NETNS();
	publish("8080:80");
	while (minato_row(w.host, &cursor, &row)) {
		if (!relay_about(w.relay, row.user, &about) || about.what != RELAY_WHAT_PUBLISHED)
			continue;
		assert_int_equal(row.kind, MINATO_KIND_FORWARD);
		assert_int_equal(row.first, 8080);
		assert_int_equal(row.target.port, 80);
		found++;
	}
	assert_int_equal(found, 2);
}

static uint16_t is_guest_7(void *user, enum minato_proto proto,
			   const struct minato_endpoint *caller,
			   const struct minato_endpoint *local)
{
	const struct minato_addr one = addr("127.0.0.1");

	(void)user;
	assert_int_equal(proto, MINATO_TCP);
	assert_int_equal(local->port, 8000);
	return minato_addr_equal(&caller->addr, &one) ? 7 : MINATO_PROGRAM_NONE;
}

static int begin_named(void **state)
{
	fixture_caller = is_guest_7;
	return begin(state);
}

static int finish_named(void **state)
{
	fixture_caller = NULL;
	return finish(state);
}

/* A rule for one guest, whoever else comes from this host. */
static void by_name(void **state)
{
	struct minato_entry rule = rule_inward();
	struct drive_error error = { "" };
	uint64_t handle;
	uint64_t s;
	int fd;

	NEED_NETNS();
	rule.program = 7;
	assert_int_equal(minato_entry_add(w.host, &rule, &handle), 0);
	rule.program = MINATO_PROGRAM_NONE;
	rule.verdict = MINATO_REFUSE;
	rule.order = 2;
	assert_int_equal(minato_entry_add(w.host, &rule, &handle), 0);
	assert_int_equal(relay_publish_add(&w.list, "8000:80", &error), 0);
	assert_int_equal(relay_publish_open(&w.list, true, true, &error), 0);
	assert_int_equal(relay_publish_start(w.relay, &w.list, &error), 0);
	s = guest_listen(80);
	fd = host_connect(SOCK_STREAM, "127.0.0.2", "127.0.0.1", 8000);
	UNTIL(count_of(RELAY_COUNT_TCP_IN_REFUSED) == 1);
	close(fd);
	fd = host_connect(SOCK_STREAM, "127.0.0.1", "127.0.0.1", 8000);
	UNTIL(guest_ready(s) & MINATO_READABLE);
	assert_int_equal(count_of(RELAY_COUNT_TCP_IN_REFUSED), 1);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(true_address_ipv4),
		CASE(true_address_ipv6),
		CASE(loopback_comes_as_gateway),
		CASE(loopback_comes_as_gateway_ipv6),
		CASE(closed_port_resets),
		CASE(closed_port_resets_ipv6),
		CASE(other_ports_stay_closed),
		CASE(a_run_keeps_its_offset),
		CASE(one_address_only),
		CASE(taken_port_gets_another),
		CASE(one_caller_at_two_ports_keeps_its_own),
		CASE(somebody_else_may_go_on),
		CASE(accepted_sockets_reset_if_cut),
		CASE(caller_that_gives_up_is_forgotten),
		CASE(who_resets_before_the_guest_answers_has_scanned),
		CASE(who_resets_without_a_byte_has_scanned),
		CASE(a_burst_of_resets_is_let_go),
		CASE(in_a_flood_of_connections_speakers_are_taken),
		CASE(caller_that_sends_and_ends_is_heard),
		CASE(a_guest_that_speaks_first_is_heard),
		CASE(a_hundred_callers),
		CASE(a_source_has_no_more_than_its_bound),
		CASE(a_network_of_ipv6_is_one_source),
		CASE(without_descriptors_callers_are_turned_away),
		CASE(without_descriptors_who_holds_most_gives_way),
		CASE(entries_are_listed),
		cmocka_unit_test_setup_teardown(by_name, begin_named, finish_named),
	};

	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
