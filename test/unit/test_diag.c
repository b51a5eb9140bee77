/* SPDX-License-Identifier: BSD-2-Clause */
/* A kernel's sockets by sock_diag: real ones on loopback, here and in a namespace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "kernel/kernel.h"
#include "netns_fixture.h"

struct found {
	struct kernel_socket socket;
	struct tcp_info info;
	char congestion[16];
	uint32_t inode; /* wanted */
	int times, all;
};

static int find_inode(void *user, const struct kernel_socket *socket)
{
	struct found *found = user;

	found->all++;
	if (socket->inode != found->inode)
		return 0;
	found->times++;
	found->socket = *socket;
	if (socket->info)
		found->info = *socket->info;
	if (socket->congestion)
		(void)snprintf(found->congestion, sizeof(found->congestion), "%s",
			       socket->congestion);
	return 0;
}

static uint32_t inode_of(int fd)
{
	struct stat status;

	DEMAND(fstat(fd, &status) == 0);
	return (uint32_t)status.st_ino;
}

static struct found find(const struct kernel_query *query, int fd)
{
	struct found found = { .inode = inode_of(fd) };

	DEMAND(kernel_sockets(query, find_inode, &found) == 0);
	return found;
}

static int bound(int family, int type, bool v6only)
{
	struct sockaddr_in6 name6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in name4 = { .sin_family = AF_INET };
	int fd = socket(family, type | SOCK_CLOEXEC, 0);
	const int only = v6only;

	if (family == AF_INET6) {
		DEMAND(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) == 0);
		DEMAND(bind(fd, (struct sockaddr *)&name6, sizeof(name6)) == 0);
	} else {
		name4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		DEMAND(bind(fd, (struct sockaddr *)&name4, sizeof(name4)) == 0);
	}
	if (type == SOCK_STREAM)
		DEMAND(listen(fd, 7) == 0);
	return fd;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);

	DEMAND(getsockname(fd, (struct sockaddr *)&name, &length) == 0);
	return ntohs(((struct sockaddr_in *)&name)->sin_port);
}

/* A connection to the listener over IPv4's loopback; the accepted end in *other. */
static int connected(int listener, int *other)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port_of(listener)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	DEMAND(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	*other = accept(listener, NULL, NULL);
	DEMAND(*other >= 0);
	return fd;
}

/* ---- bodies ---- */

static void listeners(void)
{
	const struct kernel_query query = { .states = KERNEL_STATE(MINATO_LISTEN) };
	const struct kernel_query tcp6 = { .tcp = true, .only6 = true };
	int four = bound(AF_INET, SOCK_STREAM, false);
	int six = bound(AF_INET6, SOCK_STREAM, true);
	int dual = bound(AF_INET6, SOCK_STREAM, false);
	struct found found = find(&query, four);

	DEMAND(found.times == 1 && found.socket.proto == MINATO_TCP);
	DEMAND(found.socket.state == MINATO_LISTEN && !found.socket.is6);
	DEMAND(found.socket.local.port == port_of(four));
	DEMAND(minato_addr_is4(&found.socket.local.addr));
	DEMAND(found.socket.local.addr.bytes[12] == 127);
	DEMAND(found.socket.remote.port == 0);
	DEMAND(found.socket.recv_queue == 0 && found.socket.send_queue == 7);
	DEMAND(found.socket.uid == geteuid() && found.socket.cookie != 0);
	DEMAND(!found.socket.info && !found.socket.has_memory);
	DEMAND(find(&tcp6, four).times == 0);
	found = find(&query, six);
	DEMAND(found.times == 1 && found.socket.is6 && found.socket.v6only);
	DEMAND(find(&tcp6, six).times == 1);
	found = find(&query, dual);
	DEMAND(found.times == 1 && found.socket.is6 && !found.socket.v6only);
	close(four);
	close(six);
	close(dual);
}

static void connections(void)
{
	const struct kernel_query query = { .states = KERNEL_STATE(MINATO_ESTABLISHED) };
	const struct kernel_query listening = { .states = KERNEL_STATE(MINATO_LISTEN) };
	int listener = bound(AF_INET6, SOCK_STREAM, false);
	const int one = 1;
	struct found found;
	int other;
	int fd = connected(listener, &other);

	DEMAND(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)) == 0);
	DEMAND(send(fd, "hello", 5, 0) == 5);
	DEMAND(shutdown(other, SHUT_WR) == 0);
	found = find(&(struct kernel_query){ .tcp = true, .info = true, .memory = true }, fd);
	DEMAND(found.times == 1 && found.socket.info && found.socket.has_memory);
	DEMAND(found.info.tcpi_snd_mss > 0 && found.info.tcpi_bytes_acked >= 5);
	DEMAND(found.congestion[0] != 0);
	DEMAND(found.socket.memory.send_max > 0 && found.socket.memory.receive_max > 0);
	DEMAND(found.socket.timer == KERNEL_TIMER_KEEPALIVE && found.socket.timer_ms > 1000000);
	DEMAND(found.socket.remote.port == port_of(listener));
	/* The accepted end is of IPv6 and speaks IPv4. */
	found = find(&(struct kernel_query){ .tcp = true }, other);
	DEMAND(found.times == 1 && found.socket.is6 && minato_addr_is4(&found.socket.local.addr));
	DEMAND(found.socket.recv_queue == 5 && found.socket.shut == 2);
	DEMAND(find(&listening, fd).times == 0);
	DEMAND(find(&query, listener).times == 0);
	close(fd);
	close(other);
	close(listener);
}

static void datagrams(void)
{
	const struct kernel_query udp = { .udp = true };
	const struct kernel_query tcp = { .tcp = true };
	int fd = bound(AF_INET, SOCK_DGRAM, false);
	struct kernel_query port = { .port = port_of(fd) };
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(9),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct found found = find(&udp, fd);

	DEMAND(found.times == 1 && found.socket.proto == MINATO_UDP);
	DEMAND(found.socket.state == MINATO_CLOSED && !found.socket.bound);
	DEMAND(find(&tcp, fd).times == 0);
	found = find(&port, fd);
	DEMAND(found.times == 1 && found.all == 1);
	port.port++;
	DEMAND(find(&port, fd).times == 0);
	DEMAND(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	found = find(&udp, fd);
	DEMAND(found.socket.state == MINATO_ESTABLISHED && found.socket.remote.port == 9);
	close(fd);
}

static int stop_at_once(void *user, const struct kernel_socket *socket)
{
	(void)socket;
	++*(int *)user;
	return 5;
}

static void ends_early(void)
{
	const struct kernel_query query = { 0 };
	int one = bound(AF_INET, SOCK_DGRAM, false);
	int two = bound(AF_INET, SOCK_DGRAM, false);
	int calls = 0;

	DEMAND(kernel_sockets(&query, stop_at_once, &calls) == 5);
	DEMAND(calls == 1);
	close(one);
	close(two);
}

/* What a child in its own namespace has open is seen from here, with our numbers of users. */
static void of_another_process(void)
{
	struct kernel_query query = { .tcp = true };
	struct found found = { 0 };
	uint32_t inode;
	int ends[2];
	pid_t child;

	DEMAND(pipe(ends) == 0);
	child = fork();
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		enter_netns();
		inode = inode_of(bound(AF_INET6, SOCK_STREAM, false));
		(void)!write(ends[1], &inode, sizeof(inode));
		pause();
	}
	close(ends[1]);
	if (read(ends[0], &found.inode, sizeof(found.inode)) != sizeof(found.inode))
		_exit(NO_NAMESPACE);
	DEMAND(kernel_sockets(&query, find_inode, &found) == 0);
	DEMAND(found.times == 0);
	query.process = child;
	DEMAND(kernel_sockets(&query, find_inode, &found) == 0);
	DEMAND(found.times == 1 && found.socket.state == MINATO_LISTEN);
	DEMAND(found.socket.uid == geteuid() || found.socket.uid == 65534);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void ids_are_translated(void)
{
	const struct kernel_ids ids = { true, 2, { { 0, 1000, 1 }, { 1, 100000, 10 } } };
	const struct kernel_ids same = { 0 };

	DEMAND(kernel_uid(&ids, 0) == 1000);
	DEMAND(kernel_uid(&ids, 1) == 100000 && kernel_uid(&ids, 10) == 100009);
	DEMAND(kernel_uid(&ids, 11) == 65534);
	DEMAND(kernel_uid(&same, 11) == 11);
}

/* Each socket is told of once, and who chose its port. */
static void who_chose_the_port(void)
{
	const struct kernel_query query = { .chosen = true };
	const struct sockaddr_in wanted = { .sin_family = AF_INET, .sin_port = htons(40001) };
	int automatic = bound(AF_INET, SOCK_STREAM, false);
	int chosen = socket(AF_INET, SOCK_STREAM, 0);
	struct found found;

	DEMAND(bind(chosen, (const struct sockaddr *)&wanted, sizeof(wanted)) == 0);
	DEMAND(listen(chosen, 1) == 0);
	found = find(&query, automatic);
	DEMAND(found.times == 1 && !found.socket.chosen);
	found = find(&query, chosen);
	DEMAND(found.times == 1 && found.socket.chosen);
	close(automatic);
	close(chosen);
}

CHILD_CASE(listeners_of_both_families, listeners)
CHILD_CASE(connections_with_all_that_is_known, connections)
CHILD_CASE(datagram_sockets_and_ports, datagrams)
CHILD_CASE(the_callback_can_end_it, ends_early)
CHILD_CASE(sockets_of_another_namespace, of_another_process)
CHILD_CASE(ports_that_were_chosen, who_chose_the_port)
CHILD_CASE(user_ids_are_translated, ids_are_translated)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listeners_of_both_families),
		cmocka_unit_test(connections_with_all_that_is_known),
		cmocka_unit_test(datagram_sockets_and_ports),
		cmocka_unit_test(the_callback_can_end_it),
		cmocka_unit_test(sockets_of_another_namespace),
		cmocka_unit_test(ports_that_were_chosen),
		cmocka_unit_test(user_ids_are_translated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
