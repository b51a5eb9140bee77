/* SPDX-License-Identifier: BSD-2-Clause */
/* The lists of a kernel's sockets in /proc: their lines, and what a query takes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/kernel.h"

/* /proc writes addresses as words of the machine; these lines are of a little-endian one. */
/* clang-format off */
#define LISTENING \
	"   0: 00000000:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000  1000 " \
	"       0 4711 1 0000000000000000 100 0 0 10 0"
#define CONNECTED \
	"   1: 6402000A:9C40 22D8B85D:01BB 01 00000024:00000007 01:00000032 00000003  1000 " \
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

static struct kernel_socket parsed(const char *line, uint8_t proto)
{
	struct kernel_socket socket;

	assert_int_equal(kernel_line_read(&socket, line, proto), 0);
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
	struct kernel_socket socket = parsed(LISTENING, MINATO_TCP);

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
	struct kernel_socket socket = parsed(CONNECTED, MINATO_TCP);

	(void)state;
	assert_int_equal(socket.state, MINATO_ESTABLISHED);
	assert_end(&socket.local, "10.0.2.100", 40000);
	assert_end(&socket.remote, "93.184.216.34", 443);
	assert_int_equal(socket.send_queue, 0x24);
	assert_int_equal(socket.recv_queue, 7);
	assert_int_equal(socket.timer, KERNEL_TIMER_ON);
	assert_int_equal(socket.timer_ms, 500);
	assert_int_equal(socket.retransmits, 3);
	assert_false(socket.is6);
}

static void addresses_of_both_families(void **state)
{
	struct kernel_socket socket = parsed(CONNECTED6, MINATO_TCP);

	(void)state;
	assert_int_equal(socket.state, MINATO_SYN_SENT);
	assert_end(&socket.local, "fd00::64", 40000);
	assert_end(&socket.remote, "2001:db8::1", 80);
	assert_true(socket.is6);
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
	struct kernel_socket socket;

	(void)state;
	assert_int_equal(kernel_line_read(&socket, HEADING, MINATO_TCP), -EINVAL);
	assert_int_equal(kernel_line_read(&socket, "", MINATO_TCP), -EINVAL);
	assert_int_equal(kernel_line_read(&socket, "   0: 0000:1F90 00000000:0000 0A", MINATO_TCP),
			 -EINVAL);
	assert_int_equal(kernel_line_read(&socket,
					  "   0: 000000:1F90 00000000:0000 0A 00000000:00000003 "
					  "00:00000000 00000000 1 0 1",
					  MINATO_TCP),
			 -EINVAL);
	/* Something behind an address, and ends of two families. */
	assert_int_equal(kernel_line_read(&socket,
					  "   0: 0100007F]7:1F90 00000000:0000 0A "
					  "00000000:00000000 00:00000000 00000000 1 0 1",
					  MINATO_TCP),
			 -EINVAL);
	assert_int_equal(kernel_line_read(&socket,
					  "   0: 00000000000000000000000001000000:1F90 "
					  "00000000:0000 0A 00000000:00000000 00:00000000 "
					  "00000000 1 0 1",
					  MINATO_TCP),
			 -EINVAL);
}

/* ---- a real kernel ---- */

struct count {
	uint16_t port;
	int seen, others;
};

static int count_it(void *user, const struct kernel_socket *socket)
{
	struct count *count = user;

	if (socket->local.port == count->port)
		count->seen++;
	else
		count->others++;
	return 0;
}

static void a_query_takes_what_it_asks_for(void **state)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	socklen_t length = sizeof(name);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct kernel_query query = { .tcp = true, .only4 = true };
	struct count count = { 0 };

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&name, length), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &length), 0);
	count.port = query.port = ntohs(name.sin_port);
	query.states = KERNEL_STATE(MINATO_LISTEN);
	assert_int_equal(kernel_list(&query, count_it, &count), 0);
	assert_int_equal(count.seen, 1);
	assert_int_equal(count.others, 0);
	query.states = KERNEL_STATE(MINATO_ESTABLISHED);
	assert_int_equal(kernel_list(&query, count_it, &count), 0);
	query.states = 0;
	query.only4 = false;
	query.only6 = true;
	assert_int_equal(kernel_list(&query, count_it, &count), 0);
	query.only6 = query.tcp = false;
	query.udp = true;
	assert_int_equal(kernel_list(&query, count_it, &count), 0);
	assert_int_equal(count.seen, 1);
	close(fd);
}

static void no_process_has_no_sockets(void **state)
{
	struct kernel_query query = { .process = 999999999 };
	struct count count = { 0 };

	(void)state;
	assert_int_equal(kernel_list(&query, count_it, &count), 0);
	assert_int_equal(count.seen + count.others, 0);
	assert_int_equal(kernel_sockets(&query, count_it, &count), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listening_socket),
		cmocka_unit_test(a_connected_socket),
		cmocka_unit_test(addresses_of_both_families),
		cmocka_unit_test(a_half_open_socket_counts_as_received),
		cmocka_unit_test(other_lines_are_refused),
		cmocka_unit_test(a_query_takes_what_it_asks_for),
		cmocka_unit_test(no_process_has_no_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
