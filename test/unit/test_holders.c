/* SPDX-License-Identifier: BSD-2-Clause */
/* Who holds a port, found among this test's own sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/see/holders.h"

static int open_socket(int type, uint16_t *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(*port) };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, type, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static int dial(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void find(struct cmd_holders *holders, uint16_t port)
{
	struct cmd_holders_query query = { .first = port, .last = port, .host = true };
	struct drive_error error;

	assert_int_equal(cmd_holders_find(holders, &query, &error), 0);
}

static void a_listener_and_its_connections(void **state)
{
	struct cmd_holders holders;
	char text[256], name[200], expected[256];
	uint16_t port = 0;
	int listener = open_socket(SOCK_STREAM, &port);
	int ends[2] = { dial(port), dial(port) };

	(void)state;
	find(&holders, port);
	assert_int_equal(holders.count, 2);
	assert_int_equal(holders.list[0].hold, CMD_HOLD_LISTENER);
	assert_int_equal(holders.list[0].proto, MINATO_TCP);
	assert_int_equal(holders.list[0].port, port);
	assert_int_equal(holders.list[0].process.pid, getpid());
	assert_int_equal(holders.list[0].uid, getuid());
	assert_string_equal(holders.list[0].guest, "");
	snprintf(expected, sizeof(expected), "%s listens on 127.0.0.1:%u",
		 cmd_holder_name(name, sizeof(name), &holders.list[0]), port);
	assert_string_equal(cmd_holder_text(text, sizeof(text), &holders.list[0]), expected);
	/* Not accepted yet, so no program has them. */
	assert_int_equal(holders.list[1].hold, CMD_HOLD_CONNECTION);
	assert_int_equal(holders.list[1].count, 2);
	assert_int_equal(cmd_holders_first(&holders, port, MINATO_TCP), 0);
	assert_int_equal(cmd_holders_first(&holders, port, MINATO_UDP), 2);
	cmd_holders_free(&holders);
	close(ends[0]);
	close(ends[1]);
	close(listener);
	find(&holders, port);
	for (size_t i = 0; i < holders.count; i++)
		assert_true(holders.list[i].hold != CMD_HOLD_LISTENER);
	cmd_holders_free(&holders);
}

/* Two descriptors of one process are one holder; what it has forked is another, and younger. */
static void all_who_have_it_open(void **state)
{
	struct cmd_holders holders;
	uint16_t port = 0;
	int fd = open_socket(SOCK_STREAM, &port);
	int copy = dup(fd);
	int ends[2];
	pid_t child;
	char byte;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[1]);
		_exit((int)read(ends[0], &byte, 1));
	}
	find(&holders, port);
	assert_int_equal(holders.count, 1);
	assert_int_equal(holders.list[0].processes, 2);
	assert_int_equal(holders.list[0].process.pid, getpid());
	assert_int_equal(holders.list[0].pids[0] + holders.list[0].pids[1], getpid() + child);
	cmd_holders_free(&holders);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(copy);
	close(fd);
}

static int share_port(uint16_t *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(*port) };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int on = 1;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

/* SO_REUSEPORT: two sockets, of two programs, at one port; the second might be a thief. */
static void all_who_share_it(void **state)
{
	struct cmd_holders holders;
	uint16_t port = 0;
	int fd = share_port(&port);
	int ends[2];
	pid_t child;
	char byte;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(fd);
		(void)share_port(&port);
		(void)!write(ends[1], "x", 1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ends[0], &byte, 1), 1);
	find(&holders, port);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(holders.count, 1);
	assert_int_equal(holders.list[0].count, 2);
	assert_int_equal(holders.list[0].processes, 2);
	assert_int_equal(holders.list[0].pids[0] + holders.list[0].pids[1], getpid() + child);
	cmd_holders_free(&holders);
	close(ends[0]);
	close(ends[1]);
	close(fd);
}

static void addresses_as_ss_has_them(void **state)
{
	struct cmd_holder holder = { .port = 80, .proto = MINATO_TCP };
	char text[80];

	(void)state;
	assert_string_equal(cmd_holder_address(text, sizeof(text), &holder), "*");
	holder.v6only = true;
	assert_string_equal(cmd_holder_address(text, sizeof(text), &holder), "[::]");
	holder.interface = if_nametoindex("lo");
	assert_string_equal(cmd_holder_address(text, sizeof(text), &holder), "[::]%lo");
	assert_int_equal(minato_addr_parse("fe80::1", &holder.local.addr), 0);
	assert_string_equal(cmd_holder_address(text, sizeof(text), &holder), "[fe80::1]%lo");
	/* Of a guest that number is another interface. */
	snprintf(holder.guest, sizeof(holder.guest), "web");
	assert_string_equal(cmd_holder_address(text, sizeof(text), &holder), "[fe80::1]");
}

static void time_wait_is_nobodys(void **state)
{
	struct cmd_holders holders;
	char text[256];
	uint16_t port = 0;
	int listener = open_socket(SOCK_STREAM, &port);
	int far = dial(port);
	int near = accept(listener, NULL, NULL);

	(void)state;
	assert_true(near >= 0);
	close(near);
	assert_int_equal(read(far, text, 1), 0);
	close(far);
	close(listener);
	find(&holders, port);
	assert_int_equal(holders.count, 1);
	assert_int_equal(holders.list[0].hold, CMD_HOLD_TIME_WAIT);
	assert_int_equal(holders.list[0].process.pid, 0);
	cmd_holder_text(text, sizeof(text), &holders.list[0]);
	assert_non_null(strstr(text, "1 in TIME-WAIT"));
	cmd_holders_free(&holders);
}

static void protocols_are_two_worlds(void **state)
{
	struct cmd_holders_query query = { .tcp = true, .host = true };
	struct cmd_holders holders;
	struct drive_error error;
	uint16_t port = 0;
	int fd = open_socket(SOCK_DGRAM, &port);

	(void)state;
	query.first = query.last = port;
	assert_int_equal(cmd_holders_find(&holders, &query, &error), 0);
	assert_int_equal(holders.count, 0);
	cmd_holders_free(&holders);
	find(&holders, port);
	assert_int_equal(holders.count, 1);
	assert_int_equal(holders.list[0].proto, MINATO_UDP);
	assert_int_equal(holders.list[0].hold, CMD_HOLD_LISTENER);
	cmd_holders_free(&holders);
	close(fd);
}

static void a_range_is_in_order(void **state)
{
	struct cmd_holders_query query = { .first = 1, .last = 65535, .host = true };
	struct cmd_holders holders;
	struct drive_error error;
	uint16_t ports[3] = { 0, 0, 0 };
	int fds[3];
	size_t seen = 0;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		fds[i] = open_socket(SOCK_STREAM, &ports[i]);
	query.waiting = true;
	assert_int_equal(cmd_holders_find(&holders, &query, &error), 0);
	for (size_t i = 0; i < holders.count; i++) {
		assert_true(i == 0 || holders.list[i - 1].port <= holders.list[i].port);
		assert_true(holders.list[i].hold <= CMD_HOLD_BOUND);
		for (size_t k = 0; k < 3; k++)
			seen += holders.list[i].port == ports[k];
	}
	assert_int_equal(seen, 3);
	cmd_holders_free(&holders);
	for (size_t i = 0; i < 3; i++)
		close(fds[i]);
}

static int no_guests(void **state)
{
	static char directory[] = "/tmp/test-holders-XXXXXX";

	(void)state;
	if (!mkdtemp(directory))
		return -1;
	*state = directory;
	return setenv("XDG_RUNTIME_DIR", directory, 1);
}

static int tidy(void **state)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/minato", (const char *)*state);
	rmdir(path);
	rmdir(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listener_and_its_connections),
		cmocka_unit_test(all_who_have_it_open),
		cmocka_unit_test(all_who_share_it),
		cmocka_unit_test(addresses_as_ss_has_them),
		cmocka_unit_test(time_wait_is_nobodys),
		cmocka_unit_test(protocols_are_two_worlds),
		cmocka_unit_test(a_range_is_in_order),
	};

	return cmocka_run_group_tests(tests, no_guests, tidy);
}
