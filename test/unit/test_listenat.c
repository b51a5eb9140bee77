/* SPDX-License-Identifier: BSD-2-Clause */
/* ADDR:PORT, and the socket there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/see/metrics.h"

static void assert_parsed(const char *text, const char *addr, uint16_t port)
{
	struct drive_error error;
	struct minato_endpoint at;
	char got[64];

	if (cmd_listen_parse(&at, text, &error) < 0)
		fail_msg("%s: %s", text, error.text);
	minato_addr_format(&at.addr, got, sizeof(got));
	assert_string_equal(got, addr);
	assert_int_equal(at.port, port);
}

static void places_are_parsed(void **state)
{
	(void)state;
	assert_parsed("127.0.0.1:9100", "127.0.0.1", 9100);
	assert_parsed("[::1]:9100", "::1", 9100);
	assert_parsed(":9100", "127.0.0.1", 9100);
	assert_parsed("1", "127.0.0.1", 1);
	assert_parsed("*:65535", "::", 65535);
	assert_parsed("0.0.0.0:80", "0.0.0.0", 80);
	assert_parsed("[::]:80", "::", 80);
}

static void others_are_refused(void **state)
{
	static const char *const wrong[] = {
		"",	"9100x",      ":",	    ":0",	    ":65536",	  "127.0.0.1",
		"::1",	"::1:9100",   "[::1]",	    "[::1]9100",    "[]:1",	  "[127.0.0.1]:1",
		"a:1",	"127.0.0:1",  "127.0.0.1:", "127.0.0.1:-1", "1.1.1.1: 1", "localhost:9100",
		"**:1", "[[::1]]:11",
	};
	struct drive_error error;
	struct minato_endpoint at;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (cmd_listen_parse(&at, wrong[i], &error) != -EINVAL)
			fail_msg("taken: %s", wrong[i]);
		assert_non_null(strstr(error.text, "[::1]:9100"));
	}
}

static void a_taken_port_is_explained(void **state)
{
	struct minato_endpoint at = { minato_addr4(127, 0, 0, 1), 0 };
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(name);
	int holder = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct drive_error error;
	int fd;

	(void)state;
	assert_int_equal(bind(holder, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(holder, 1), 0);
	assert_int_equal(getsockname(holder, (struct sockaddr *)&name, &size), 0);
	at.port = ntohs(name.sin_port);
	assert_int_equal(cmd_listen_open(&at, &error), -EADDRINUSE);
	assert_non_null(strstr(error.text, "is taken by test_listenat (pid"));
	close(holder);
	fd = cmd_listen_open(&at, &error);
	assert_true(fd >= 0);
	size = sizeof(name);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
	assert_int_equal(ntohs(name.sin_port), at.port);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_are_parsed),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(a_taken_port_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
