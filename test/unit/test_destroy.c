/* SPDX-License-Identifier: BSD-2-Clause */
/* Ending a connection of the kernel's, in a namespace of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <cap-ng.h>
#include <errno.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "kernel/kernel.h"
#include "netns_fixture.h"

#define PORT 7001

static struct kernel_socket seen;

static int keep(void *user, const struct kernel_socket *socket)
{
	(void)user;
	if (socket->remote.port != PORT)
		return 0;
	seen = *socket;
	return 1;
}

static void raise_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	DEMAND(ioctl(fd, SIOCSIFFLAGS, &request) == 0);
	close(fd);
}

static int connect_to_us(int *listener, int *other)
{
	struct sockaddr_in name = {
		.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	DEMAND(setsockopt(*listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0);
	DEMAND(bind(*listener, (struct sockaddr *)&name, sizeof(name)) == 0);
	DEMAND(listen(*listener, 1) == 0);
	DEMAND(connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
	*other = accept(*listener, NULL, NULL);
	DEMAND(*other >= 0);
	return fd;
}

static void end_it(void)
{
	const struct kernel_query query = { .tcp = true };
	struct drive_error error = { "" };
	int listener, other, fd, result;
	char byte;

	raise_loopback();
	fd = connect_to_us(&listener, &other);
	DEMAND(kernel_sockets(&query, keep, NULL) == 1);
	result = kernel_destroy(&seen, 0, &error);
	/* A kernel built without it says so. */
	if (result == -EOPNOTSUPP) {
		DEMAND(strstr(error.text, "CONFIG_INET_DIAG_DESTROY"));
		_exit(NO_NAMESPACE);
	}
	DEMAND(result == 0);
	DEMAND(recv(fd, &byte, 1, 0) < 0 && errno == ECONNABORTED);
	DEMAND(recv(other, &byte, 1, 0) < 0 && errno == ECONNRESET);
	DEMAND(kernel_destroy(&seen, 0, &error) == -ENOENT);
	DEMAND(error.text[0]);
}

/* Who has no right in the namespace is told what is missing, and nothing happens. */
static void refused(void)
{
	const struct kernel_query query = { .tcp = true };
	struct drive_error error = { "" };
	int listener, other;
	char byte;
	int fd;

	raise_loopback();
	fd = connect_to_us(&listener, &other);
	DEMAND(kernel_sockets(&query, keep, NULL) == 1);
	capng_clear(CAPNG_SELECT_BOTH);
	DEMAND(capng_apply(CAPNG_SELECT_CAPS) == 0);
	DEMAND(kernel_destroy(&seen, 0, &error) == -EPERM);
	DEMAND(strstr(error.text, "CAP_NET_ADMIN"));
	DEMAND(recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
}

NETNS_CASE(both_ends_are_told, end_it)
NETNS_CASE(without_the_right_it_is_refused, refused)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_are_told),
		cmocka_unit_test(without_the_right_it_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
