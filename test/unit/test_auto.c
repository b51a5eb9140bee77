/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * -p auto. The guest's kernel is a network namespace of its own whose only use is to hold sockets:
 * what listens there is what the relay is to publish.
 */
#include "relay_fixture.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/wait.h>

static struct drive_listeners listeners;
static struct drive_error error;
static int guest_netns = -1;
static int own_netns = -1;
static uint32_t asked, asked_again, closed;
static bool withhold; /* the answer comes later */
static struct relay_spec withheld;

static void answer(const struct relay_spec *spec)
{
	struct relay_publish list = { 0 };
	char text[RELAY_SPEC_TEXT];

	relay_spec_text(spec, text, sizeof(text));
	assert_int_equal(relay_publish_add(&list, text, &error), 0);
	if (relay_publish_open(&list, true, true, &error) == 0)
		relay_auto_opened(w.relay, &list);
	else
		relay_auto_opened(w.relay, NULL);
	relay_publish_free(&list);
}

static int port_open(void *user, const struct relay_spec *spec, bool again)
{
	(void)user;
	asked++;
	asked_again += again;
	withheld = *spec;
	if (!withhold)
		answer(spec);
	return 0;
}

static void port_closed(void *user, const struct relay_spec *spec)
{
	(void)user;
	(void)spec;
	closed++;
}

static int make(void **state)
{
	enter_netns(state);
	if (!have_netns)
		return 0;
	own_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	guest_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return setns(own_netns, CLONE_NEWNET);
}

/* A socket of the guest's kernel. */
static int guest_has(int type, const char *text, uint16_t port)
{
	struct minato_endpoint local = end(text, port);
	struct sockaddr_storage name = { 0 };
	socklen_t len = drive_endpoint_to(&name, &local);
	const int only = 1;
	int fd;

	assert_int_equal(setns(guest_netns, CLONE_NEWNET), 0);
	fd = socket(name.ss_family, type | SOCK_CLOEXEC, 0);
	/* Addresses that only the real guest has. */
	if (name.ss_family == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &only, sizeof(only));
	else if (!minato_addr_is_any(&local.addr))
		setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &only, sizeof(only));
	assert_int_equal(bind(fd, (struct sockaddr *)&name, len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 10), 0);
	assert_int_equal(setns(own_netns, CLONE_NEWNET), 0);
	return fd;
}

static int begin_auto(void **state)
{
	begin(state);
	if (!have_netns)
		return 0;
	asked = asked_again = closed = 0;
	withhold = false;
	w.relay->config.port_open = port_open;
	w.relay->config.port_closed = port_closed;
	assert_int_equal(drive_listeners_open(-1, guest_netns, &listeners), 0);
	assert_int_equal(relay_auto_listeners(w.relay, &listeners), 0);
	return 0;
}

static void publish(const char *text)
{
	struct relay_publish list = { 0 };

	assert_int_equal(relay_publish_add(&list, text, &error), 0);
	assert_int_equal(relay_publish_open(&list, true, true, &error), 0);
	assert_int_equal(relay_publish_start(w.relay, &list, &error), 0);
	relay_publish_free(&list);
}

static int call_errno(const char *to, uint16_t port)
{
	struct minato_endpoint peer = end(to, port);
	struct sockaddr_storage name = { 0 };
	socklen_t len = drive_endpoint_to(&name, &peer);
	int fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result = connect(fd, (struct sockaddr *)&name, len) < 0 ? errno : 0;

	close(fd);
	return result;
}

static bool stands(uint16_t port)
{
	struct relay_standing one;
	uint64_t cursor = 0;

	while (relay_forward_next(w.relay, &cursor, &one))
		if (one.automatic && one.spec.first == port)
			return true;
	return false;
}

/* Longer than between two looks. */
static void wait_a_look(void)
{
	int64_t until = drive_now().ns + 120000000;

	while (drive_now().ns < until)
		turn();
}

static void comes_and_goes(void **state)
{
	int fd;

	NEED_NETNS();
	publish("auto");
	wait_a_look();
	assert_int_equal(call_errno("127.0.0.1", 8080), ECONNREFUSED);
	fd = guest_has(SOCK_STREAM, "::", 8080);
	UNTIL(stands(8080));
	assert_int_equal(call_errno("127.0.0.1", 8080), 0);
	assert_int_equal(call_errno("::1", 8080), 0);
	close(fd);
	UNTIL(!stands(8080));
	assert_int_equal(call_errno("127.0.0.1", 8080), ECONNREFUSED);
	assert_int_equal(closed, 1);
	fd = guest_has(SOCK_STREAM, "::", 8080);
	UNTIL(stands(8080));
	close(fd);
}

/* What was carried is not forgotten with the port by which it came. */
static void what_was_carried_is_kept(void **state)
{
	struct relay_carried carried;
	int fd;

	NEED_NETNS();
	publish("auto");
	relay_forward_carried(w.relay, &carried);
	assert_int_equal(carried.forwards_ever, 0);
	fd = guest_has(SOCK_STREAM, "::", 8080);
	UNTIL(stands(8080));
	for (struct relay_forward *f = w.relay->forwards; f; f = f->next)
		f->bytes_in = f->automatic ? 5 : 100;
	relay_forward_carried(w.relay, &carried);
	assert_int_equal(carried.bytes_in, 5);
	close(fd);
	UNTIL(!stands(8080));
	relay_forward_carried(w.relay, &carried);
	assert_int_equal(carried.bytes_in, 5);
	assert_int_equal(carried.bytes_out, 0);
	assert_int_equal(carried.forwards_ever, 1);
}

static void latency(void **state)
{
	int64_t begin_ns;
	int fd;
	int other;

	NEED_NETNS();
	publish("auto");
	wait_a_look();
	begin_ns = drive_now().ns;
	fd = guest_has(SOCK_STREAM, "0.0.0.0", 8080);
	UNTIL(stands(8080));
	assert_true(drive_now().ns - begin_ns < 150000000);
	/* It looks more often for a while. */
	begin_ns = drive_now().ns;
	other = guest_has(SOCK_STREAM, "0.0.0.0", 8081);
	UNTIL(stands(8081));
	assert_true(drive_now().ns - begin_ns < 100000000);
	close(fd);
	close(other);
}

static void families_as_the_guest_has_them(void **state)
{
	int four;
	int six;

	NEED_NETNS();
	publish("auto");
	four = guest_has(SOCK_STREAM, "0.0.0.0", 8080);
	UNTIL(stands(8080));
	assert_int_equal(call_errno("127.0.0.1", 8080), 0);
	assert_int_equal(call_errno("::1", 8080), ECONNREFUSED);
	six = guest_has(SOCK_STREAM, "fd00::64", 8080);
	UNTIL(call_errno("::1", 8080) == 0);
	assert_int_equal(call_errno("127.0.0.1", 8080), 0);
	close(four);
	UNTIL(call_errno("127.0.0.1", 8080) == ECONNREFUSED);
	assert_int_equal(call_errno("::1", 8080), 0);
	close(six);
}

static void loopback_stays_inside(void **state)
{
	int fds[3];

	NEED_NETNS();
	publish("auto/both");
	fds[0] = guest_has(SOCK_STREAM, "127.0.0.1", 8080);
	fds[1] = guest_has(SOCK_STREAM, "::1", 8081);
	fds[2] = guest_has(SOCK_STREAM, "172.17.0.1", 8082); /* not where a forward leads */
	wait_a_look();
	assert_int_equal(asked, 0);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

static void left_out(void **state)
{
	int a;
	int b;

	NEED_NETNS();
	publish("auto,~8080-8081");
	a = guest_has(SOCK_STREAM, "0.0.0.0", 8080);
	b = guest_has(SOCK_STREAM, "0.0.0.0", 8082);
	UNTIL(stands(8082));
	wait_a_look();
	assert_int_equal(asked, 1);
	close(a);
	close(b);
}

static void each_port_has_the_bound(void **state)
{
	int fd;

	NEED_NETNS();
	publish("auto at most 3 per source");
	fd = guest_has(SOCK_STREAM, "0.0.0.0", 8080);
	UNTIL(stands(8080));
	assert_int_equal(withheld.per_source, 3);
	close(fd);
}

static void udp_services_only(void **state)
{
	int service;
	int client;
	int tcp;

	NEED_NETNS();
	publish("auto/udp");
	service = guest_has(SOCK_DGRAM, "0.0.0.0", 5353);
	client = guest_has(SOCK_DGRAM, "0.0.0.0", 0);
	tcp = guest_has(SOCK_STREAM, "0.0.0.0", 8080);
	UNTIL(stands(5353));
	wait_a_look();
	assert_int_equal(asked, 1);
	close(service);
	UNTIL(!stands(5353));
	close(client);
	close(tcp);
}

static void named_ports_go_before(void **state)
{
	int a;
	int b;
	int c;

	NEED_NETNS();
	publish("8080:80,auto");
	a = guest_has(SOCK_STREAM, "0.0.0.0", 80);   /* published as 8080 */
	b = guest_has(SOCK_STREAM, "0.0.0.0", 8080); /* that host port leads elsewhere */
	c = guest_has(SOCK_STREAM, "0.0.0.0", 8081);
	UNTIL(stands(8081));
	wait_a_look();
	assert_int_equal(asked, 1);
	close(a);
	close(b);
	close(c);
}

/* Under the relay before this one it stood, and the forward was named while it did. */
static void named_later_does_not_take_away(void **state)
{
	const struct relay_spec spec = { .protocols = RELAY_TCP, .guest = 8080 };
	int fd;

	NEED_NETNS();
	publish("auto,8082:8080");
	relay_auto_stood(w.relay, &spec);
	fd = guest_has(SOCK_STREAM, "0.0.0.0", 8080);
	UNTIL(stands(8080));
	/* For a port that is opened anew it was there before. */
	close(fd);
	UNTIL(!stands(8080));
	fd = guest_has(SOCK_STREAM, "0.0.0.0", 8080);
	wait_a_look();
	assert_false(stands(8080));
	close(fd);
}

static void taken_is_asked_for_again(void **state)
{
	int holder;
	int fd;

	NEED_NETNS();
	publish("auto");
	holder = host_socket(SOCK_STREAM, "127.0.0.1", 8080);
	fd = guest_has(SOCK_STREAM, "0.0.0.0", 8080);
	UNTIL(asked == 1);
	wait_a_look();
	assert_int_equal(asked, 1);
	assert_false(stands(8080));
	close(holder);
	UNTIL(stands(8080));
	/* As one that was refused, so that nothing is said twice. */
	assert_int_equal(asked_again, asked - 1);
	close(fd);
}

static void closed_before_the_answer(void **state)
{
	int fd;

	NEED_NETNS();
	publish("auto");
	withhold = true;
	fd = guest_has(SOCK_STREAM, "0.0.0.0", 8080);
	UNTIL(asked == 1);
	close(fd);
	wait_a_look();
	answer(&withheld);
	turns(5);
	assert_false(stands(8080));
	assert_int_equal(closed, 1);
	assert_int_equal(call_errno("127.0.0.1", 8080), ECONNREFUSED);
}

static void ends_with_its_forward(void **state)
{
	struct relay_publish list = { 0 };
	int fd;

	NEED_NETNS();
	publish("auto");
	fd = guest_has(SOCK_STREAM, "0.0.0.0", 8080);
	UNTIL(stands(8080));
	assert_int_equal(relay_publish_add(&list, "auto", &error), 0);
	assert_int_equal(relay_forward_remove(
				 w.relay, (uint32_t)relay_forward_find(w.relay, &list.specs[0])),
			 0);
	relay_publish_free(&list);
	UNTIL(!stands(8080));
	assert_int_equal(call_errno("127.0.0.1", 8080), ECONNREFUSED);
	close(fd);
}

#define AUTO(f) cmocka_unit_test_setup_teardown(f, begin_auto, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		AUTO(comes_and_goes),
		AUTO(what_was_carried_is_kept),
		AUTO(latency),
		AUTO(families_as_the_guest_has_them),
		AUTO(loopback_stays_inside),
		AUTO(left_out),
		AUTO(each_port_has_the_bound),
		AUTO(udp_services_only),
		AUTO(named_ports_go_before),
		AUTO(named_later_does_not_take_away),
		AUTO(taken_is_asked_for_again),
		AUTO(closed_before_the_answer),
		AUTO(ends_with_its_forward),
	};

	return cmocka_run_group_tests(tests, make, NULL);
}
