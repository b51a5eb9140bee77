/* SPDX-License-Identifier: BSD-2-Clause */
/* What waits for others in a network namespace, seen from outside of it. */
#include "relay_fixture.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/wait.h>

static struct drive_listeners listeners = { .fd = -1 };
static struct drive_listener found[64];

static int end_it(void **state)
{
	(void)state;
	if (listeners.fd >= 0)
		close(listeners.fd);
	return 0;
}

static const struct drive_listener *seen(uint8_t protocol, uint16_t port)
{
	int count = drive_listeners_read(&listeners, protocol, found, 64);

	assert_true(count >= 0);
	for (int i = 0; i < count; i++)
		if (found[i].port == port)
			return &found[i];
	return NULL;
}

static void the_range(void **state)
{
	NEED_NETNS();
	assert_int_equal(listeners.first, 32768);
	assert_int_equal(listeners.last, 60999);
}

static void tcp_listens_and_goes(void **state)
{
	const struct drive_listener *one;
	struct minato_addr loopback = addr("127.0.0.1");
	int fd;

	NEED_NETNS();
	assert_null(seen(IPPROTO_TCP, 80));
	fd = host_socket(SOCK_STREAM, "127.0.0.1", 80);
	one = seen(IPPROTO_TCP, 80);
	assert_non_null(one);
	assert_true(minato_addr_equal(&one->addr, &loopback));
	assert_false(one->dual);
	assert_null(seen(IPPROTO_UDP, 80));
	close(fd);
	assert_null(seen(IPPROTO_TCP, 80));
}

static void bound_is_not_listening(void **state)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(81) };
	int fd;

	NEED_NETNS();
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_null(seen(IPPROTO_TCP, 81));
	listen(fd, 1);
	assert_non_null(seen(IPPROTO_TCP, 81));
	shutdown(fd, SHUT_RD);
	assert_null(seen(IPPROTO_TCP, 81));
	close(fd);
}

static void dual_and_not(void **state)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6, .sin6_port = htons(82) };
	const int on = 1;
	int fd;

	NEED_NETNS();
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	listen(fd, 1);
	assert_true(seen(IPPROTO_TCP, 82)->dual);
	close(fd);
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	listen(fd, 1);
	assert_false(seen(IPPROTO_TCP, 82)->dual);
	close(fd);
}

static void udp_without_a_peer(void **state)
{
	int fd;
	int joined;

	NEED_NETNS();
	fd = host_socket(SOCK_DGRAM, "192.0.2.1", 53);
	assert_non_null(seen(IPPROTO_UDP, 53));
	joined = host_connect(SOCK_DGRAM, "192.0.2.1", "192.0.2.1", 53);
	assert_null(seen(IPPROTO_UDP, port_of(joined)));
	close(joined);
	close(fd);
}

/* What from_outside looks at: done before this program moves into a namespace of its own. */
static int outside_open = -1;
static int outside_count[2];
static uint16_t outside_port;

static _Noreturn void listen_elsewhere(int end)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(99) };
	char byte;
	int fd;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		_exit(1);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 || listen(fd, 1) < 0)
		_exit(1);
	(void)!write(end, "x", 1);
	(void)!read(end, &byte, 1);
	_exit(0);
}

static int open_ns(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void look_from_outside(void)
{
	struct drive_listeners other;
	int userns;
	int netns;
	int ends[2];
	char byte;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		return;
	child = fork();
	if (child == 0) {
		close(ends[0]);
		listen_elsewhere(ends[1]);
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) == 1) {
		userns = open_ns(child, "user");
		netns = open_ns(child, "net");
		outside_open = drive_listeners_open(userns, netns, &other);
		close(userns);
		close(netns);
	}
	if (outside_open == 0) {
		outside_count[0] = drive_listeners_read(&other, IPPROTO_TCP, found, 64);
		outside_port = found[0].port;
	}
	close(ends[0]);
	waitpid(child, NULL, 0);
	if (outside_open == 0) {
		outside_count[1] = drive_listeners_read(&other, IPPROTO_TCP, found, 64);
		close(other.fd);
	}
}

/* A namespace that is not ours, by its descriptors alone. */
static void from_outside(void **state)
{
	NEED_NETNS();
	assert_int_equal(outside_open, 0);
	assert_int_equal(outside_count[0], 1);
	assert_int_equal(outside_port, 99);
	assert_int_equal(outside_count[1], 0);
}

static void no_more_than_there_is_room_for(void **state)
{
	int a;
	int b;

	NEED_NETNS();
	a = host_socket(SOCK_STREAM, "127.0.0.1", 90);
	b = host_socket(SOCK_STREAM, "127.0.0.1", 91);
	assert_int_equal(drive_listeners_read(&listeners, IPPROTO_TCP, found, 1), 1);
	close(a);
	close(b);
}

static int make(void **state)
{
	look_from_outside();
	enter_netns(state);
	if (have_netns) {
		int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

		assert_int_equal(drive_listeners_open(-1, netns, &listeners), 0);
		close(netns);
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_range),
		cmocka_unit_test(tcp_listens_and_goes),
		cmocka_unit_test(bound_is_not_listening),
		cmocka_unit_test(dual_and_not),
		cmocka_unit_test(udp_without_a_peer),
		cmocka_unit_test(from_outside),
		cmocka_unit_test(no_more_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, make, end_it);
}
