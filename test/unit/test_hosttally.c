/* SPDX-License-Identifier: BSD-2-Clause */
/* The sockets of the host's kernel, counted: each socket once, each port once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netns_fixture.h"

#include "cmd/see/metrics.h"

static int open_at(int type, uint16_t port)
{
	const struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port) };
	const int on = 1;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	DEMAND(bind(fd, (const struct sockaddr *)&name, sizeof(name)) == 0);
	DEMAND(type != SOCK_STREAM || listen(fd, 1) == 0);
	return fd;
}

static void body(void)
{
	struct view_host host;

	enter_netns();
	DEMAND(cmd_host_tally(&host) == 0);
	DEMAND(host.sockets[0][MINATO_LISTEN] == 0);
	DEMAND(host.ephemeral > 0);
	(void)open_at(SOCK_STREAM, 2000);
	(void)open_at(SOCK_STREAM, 2000);
	(void)open_at(SOCK_STREAM, 60000);
	(void)open_at(SOCK_DGRAM, 2000);
	DEMAND(cmd_host_tally(&host) == 0);
	DEMAND(host.sockets[0][MINATO_LISTEN] == 3);
	DEMAND(host.sockets[1][MINATO_CLOSED] == 1);
	DEMAND(host.ports[0][MINATO_PORT_USER] == 1);
	DEMAND(host.ports[0][MINATO_PORT_DYNAMIC] == 1);
	DEMAND(host.ports[1][MINATO_PORT_USER] == 1);
	DEMAND(host.ports[1][MINATO_PORT_SYSTEM] == 0);
}

static void sockets_and_ports_are_counted(void **state)
{
	int code = exit_code_in_child(body);

	(void)state;
	if (code == NO_NAMESPACE)
		skip();
	assert_int_equal(code, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sockets_and_ports_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
