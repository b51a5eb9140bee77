/* SPDX-License-Identifier: BSD-2-Clause */
/* The lists of a kernel's sockets: their lines, and which socket belongs to a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/cmd.h"

/* /proc writes addresses as words of the machine; these lines are of a little-endian one. */
/* clang-format off */
#define LISTENING \
	"   0: 00000000:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000  1000 " \
	"       0 4711 1 0000000000000000 100 0 0 10 0"
#define CONNECTED \
	"   1: 6402000A:9C40 22D8B85D:01BB 01 00000024:00000007 00:00000000 00000000  1000 " \
	"       0 4712 1 0000000000000000 20 4 30 10 -1"
#define CONNECTED6 \
	"   2: 000000FD000000000000000064000000:9C40 B80D0120000000000000000001000000:0050 " \
	"02 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 20 4 30 10 -1"
#define MAPPED \
	"   3: 0000000000000000FFFF00006402000A:0050 0000000000000000FFFF0000090200C0:C350 " \
	"01 00000000:00000000 00:00000000 00000000     0        0 4714 1 0 20 4 30 10 -1"
/* clang-format on */
#define HEADING "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid"

static struct minato_addr addr(const char *text)
{
	struct minato_addr a;

	assert_int_equal(minato_addr_parse(text, &a), 0);
	return a;
}

static struct cmd_socket parsed(const char *line, uint8_t proto)
{
	struct cmd_socket socket;

	assert_int_equal(cmd_socket_parse(&socket, line, proto), 0);
	return socket;
}

static void assert_end(const struct minato_endpoint *end, const char *text, uint16_t port)
{
	struct minato_addr wanted = addr(text);

	assert_true(minato_addr_equal(&end->addr, &wanted));
	assert_int_equal(end->port, port);
}

static void a_listening_socket(void **state)
{
	struct cmd_socket socket = parsed(LISTENING, MINATO_TCP);

	(void)state;
	assert_int_equal(socket.state, MINATO_LISTEN);
	assert_end(&socket.local, "0.0.0.0", 8080);
	assert_int_equal(socket.remote.port, 0);
	assert_int_equal(socket.uid, 1000);
	assert_int_equal(socket.inode, 4711);
	assert_int_equal(socket.recv_queue, 3);
}

static void a_connected_socket(void **state)
{
	struct cmd_socket socket = parsed(CONNECTED, MINATO_TCP);

	(void)state;
	assert_int_equal(socket.state, MINATO_ESTABLISHED);
	assert_end(&socket.local, "10.0.2.100", 40000);
	assert_end(&socket.remote, "93.184.216.34", 443);
	assert_int_equal(socket.send_queue, 0x24);
	assert_int_equal(socket.recv_queue, 7);
}

static void addresses_of_both_families(void **state)
{
	struct cmd_socket socket = parsed(CONNECTED6, MINATO_TCP);

	(void)state;
	assert_int_equal(socket.state, MINATO_SYN_SENT);
	assert_end(&socket.local, "fd00::64", 40000);
	assert_end(&socket.remote, "2001:db8::1", 80);
	socket = parsed(MAPPED, MINATO_TCP);
	assert_end(&socket.local, "10.0.2.100", 80);
	assert_end(&socket.remote, "192.0.2.9", 50000);
}

static void a_half_open_socket_counts_as_received(void **state)
{
	char line[256];

	(void)state;
	snprintf(line, sizeof(line), "%s", CONNECTED);
	memcpy(strstr(line, " 01 "), " 0C ", 4);
	assert_int_equal(parsed(line, MINATO_TCP).state, MINATO_SYN_RECEIVED);
}

static void other_lines_are_refused(void **state)
{
	struct cmd_socket socket;

	(void)state;
	assert_int_equal(cmd_socket_parse(&socket, HEADING, MINATO_TCP), -EINVAL);
	assert_int_equal(cmd_socket_parse(&socket, "", MINATO_TCP), -EINVAL);
	assert_int_equal(cmd_socket_parse(&socket, "   0: 0000:1F90 00000000:0000 0A", MINATO_TCP),
			 -EINVAL);
	assert_int_equal(cmd_socket_parse(&socket,
					  "   0: 000000:1F90 00000000:0000 0A 00000000:00000003 "
					  "00:00000000 00000000 1 0 1",
					  MINATO_TCP),
			 -EINVAL);
}

/* ---- finding ---- */

static struct cmd_sockets sockets;

/* As cmd_sockets_read leaves them: by port, connected ones first, wildcards last. */
static struct cmd_socket list[] = {
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
	const struct cmd_socket *socket = cmd_sockets_find(&sockets, row);

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

/* ---- a real kernel ---- */

static void our_own_listener_and_its_owner_are_found(void **state)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	socklen_t length = sizeof(name);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	const struct cmd_socket *socket;
	struct cmd_sockets own;
	struct view_row row;

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&name, length), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &length), 0);
	assert_int_equal(cmd_sockets_read(&own, getpid()), 0);
	row = wanted(MINATO_TCP, "127.0.0.1", ntohs(name.sin_port), "0.0.0.0", 0);
	row.listening = true;
	socket = cmd_sockets_find(&own, &row);
	assert_non_null(socket);
	assert_int_equal(socket->state, MINATO_LISTEN);
	assert_int_equal(socket->uid, getuid());
	row.inode = socket->inode;
	cmd_owners_find(&row, 1, getpid());
	assert_int_equal(row.owner_count, 1);
	assert_int_equal(row.owners[0].pid, getpid());
	assert_int_equal(row.owners[0].fd, fd);
	assert_string_equal(row.owners[0].program, program_invocation_short_name);
	cmd_sockets_free(&own);
	close(fd);
}

static void no_process_has_no_sockets(void **state)
{
	struct cmd_sockets none;

	(void)state;
	assert_int_equal(cmd_sockets_read(&none, 999999999), 0);
	assert_int_equal(none.count, 0);
	cmd_sockets_free(&none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listening_socket),
		cmocka_unit_test(a_connected_socket),
		cmocka_unit_test(addresses_of_both_families),
		cmocka_unit_test(a_half_open_socket_counts_as_received),
		cmocka_unit_test(other_lines_are_refused),
		cmocka_unit_test(a_flow_has_the_socket_of_its_four_values),
		cmocka_unit_test(another_peer_has_none),
		cmocka_unit_test(a_udp_socket_serves_all_peers),
		cmocka_unit_test(a_wildcard_of_ipv6_serves_ipv4_too),
		cmocka_unit_test(a_wildcard_of_ipv4_does_not_serve_ipv6),
		cmocka_unit_test(protocols_are_apart),
		cmocka_unit_test(our_own_listener_and_its_owner_are_found),
		cmocka_unit_test(no_process_has_no_sockets),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
