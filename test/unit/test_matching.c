/* SPDX-License-Identifier: BSD-2-Clause */
/* Which socket of a guest's kernel belongs to a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/see/ss.h"

static struct minato_addr addr(const char *text)
{
	struct minato_addr a;

	assert_int_equal(minato_addr_parse(text, &a), 0);
	return a;
}

static struct cmd_sockets sockets;

/* As cmd_sockets_read leaves them: by port, connected ones first, wildcards last. */
static struct kernel_socket list[] = {
	{ .proto = MINATO_TCP, .inode = 1 }, { .proto = MINATO_TCP, .inode = 2 },
	{ .proto = MINATO_TCP, .inode = 3 }, { .proto = MINATO_UDP, .inode = 4 },
	{ .proto = MINATO_UDP, .inode = 5 },
};

static int setup(void **state)
{
	(void)state;
	list[0].local = (struct minato_endpoint){ addr("10.0.2.100"), 80 };
	list[0].remote = (struct minato_endpoint){ addr("192.0.2.9"), 50000 };
	list[1].local = (struct minato_endpoint){ addr("0.0.0.0"), 80 };
	list[2].local = (struct minato_endpoint){ addr("10.0.2.100"), 40000 };
	list[2].remote = (struct minato_endpoint){ addr("192.0.2.9"), 443 };
	list[3].local = (struct minato_endpoint){ addr("0.0.0.0"), 53 };
	list[4].local = (struct minato_endpoint){ addr("::"), 5353 };
	sockets = (struct cmd_sockets){ list, 5, 5 };
	return 0;
}

static struct view_row wanted(uint8_t proto, const char *local, uint16_t port, const char *peer,
			      uint16_t peer_port)
{
	return (struct view_row){
		.proto = proto,
		.local = { addr(local), 128, port, port },
		.peer = { addr(peer), 128, peer_port, peer_port },
	};
}

static uint32_t found(const struct view_row *row)
{
	const struct kernel_socket *socket = cmd_sockets_find(&sockets, row);

	return socket ? socket->inode : 0;
}

static void a_flow_has_the_socket_of_its_four_values(void **state)
{
	struct view_row row = wanted(MINATO_TCP, "10.0.2.100", 80, "192.0.2.9", 50000);

	(void)state;
	assert_int_equal(found(&row), 1);
	row = wanted(MINATO_TCP, "10.0.2.100", 40000, "192.0.2.9", 443);
	assert_int_equal(found(&row), 3);
}

static void another_peer_has_none(void **state)
{
	struct view_row row = wanted(MINATO_TCP, "10.0.2.100", 80, "192.0.2.9", 50001);

	(void)state;
	assert_int_equal(found(&row), 0);
	row = wanted(MINATO_TCP, "10.0.2.100", 80, "192.0.2.8", 50000);
	assert_int_equal(found(&row), 0);
	row = wanted(MINATO_TCP, "10.0.2.100", 81, "192.0.2.9", 50000);
	assert_int_equal(found(&row), 0);
}

static void a_udp_socket_serves_all_peers(void **state)
{
	struct view_row row = wanted(MINATO_UDP, "10.0.2.100", 53, "192.0.2.9", 1);

	(void)state;
	assert_int_equal(found(&row), 4);
}

static void a_wildcard_of_ipv6_serves_ipv4_too(void **state)
{
	struct view_row row = wanted(MINATO_UDP, "10.0.2.100", 5353, "192.0.2.9", 1);

	(void)state;
	assert_int_equal(found(&row), 5);
}

static void a_wildcard_of_ipv4_does_not_serve_ipv6(void **state)
{
	struct view_row row = wanted(MINATO_UDP, "fd00::64", 53, "2001:db8::1", 1);

	(void)state;
	assert_int_equal(found(&row), 0);
}

static void protocols_are_apart(void **state)
{
	struct view_row row = wanted(MINATO_UDP, "10.0.2.100", 80, "192.0.2.9", 50000);

	(void)state;
	assert_int_equal(found(&row), 0);
}

static void our_own_listener_is_found(void **state)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	socklen_t length = sizeof(name);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct kernel_query query = { .process = getpid() };
	const struct kernel_socket *socket;
	struct cmd_sockets own;
	struct view_row row;

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&name, length), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &length), 0);
	assert_int_equal(cmd_sockets_read(&own, &query), 0);
	row = wanted(MINATO_TCP, "127.0.0.1", ntohs(name.sin_port), "0.0.0.0", 0);
	row.listening = true;
	socket = cmd_sockets_find(&own, &row);
	assert_non_null(socket);
	assert_int_equal(socket->state, MINATO_LISTEN);
	assert_int_equal(socket->uid, getuid());
	cmd_sockets_free(&own);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_has_the_socket_of_its_four_values),
		cmocka_unit_test(another_peer_has_none),
		cmocka_unit_test(a_udp_socket_serves_all_peers),
		cmocka_unit_test(a_wildcard_of_ipv6_serves_ipv4_too),
		cmocka_unit_test(a_wildcard_of_ipv4_does_not_serve_ipv6),
		cmocka_unit_test(protocols_are_apart),
		cmocka_unit_test(our_own_listener_is_found),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
