/* SPDX-License-Identifier: BSD-2-Clause */
/* Which ports of the host are fit to be published. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "drive/drive.h"

static uint8_t bits[DRIVE_PORTS_BYTES];

static bool fit(unsigned port)
{
	return bits[port / 8] >> port % 8 & 1;
}

static int fresh(void **state)
{
	(void)state;
	memset(bits, 0xff, sizeof(bits));
	return 0;
}

static void one_and_a_run(void **state)
{
	(void)state;
	drive_ports_leave(bits, "8080,9000-9010\n");
	assert_true(fit(8079));
	assert_false(fit(8080));
	assert_true(fit(8081));
	assert_true(fit(8999));
	assert_false(fit(9000));
	assert_false(fit(9010));
	assert_true(fit(9011));
}

static void nothing(void **state)
{
	(void)state;
	drive_ports_leave(bits, "\n");
	drive_ports_leave(bits, "");
	for (unsigned port = 0; port < 65536; port++)
		assert_true(fit(port));
}

static void beyond_the_last(void **state)
{
	(void)state;
	drive_ports_leave(bits, "65535-99999999999999999999");
	assert_true(fit(65534));
	assert_false(fit(65535));
}

static void a_number_is_read(void **state)
{
	static const struct {
		const char *text;
		int port;
		size_t length;
	} cases[] = {
		{ "80", 80, 2 },
		{ "0-5", 0, 1 },
		{ "65535/tcp", 65535, 5 },
		{ "65536", -ERANGE, 5 },
		{ "4294967376", -ERANGE, 10 },
		{ "", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "99999999999999999999x", -ERANGE, 20 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *at = cases[i].text;

		assert_int_equal(drive_port_read(&at), cases[i].port);
		assert_int_equal(at - cases[i].text, cases[i].length);
	}
}

/* As this system is set. */
static void this_system(void **state)
{
	unsigned first = 0;
	unsigned last = 0;
	uint16_t chosen[2];
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "r");

	(void)state;
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%u %u", &first, &last), 2);
	fclose(file);
	drive_ports_chosen(&chosen[0], &chosen[1]);
	assert_int_equal(chosen[0], first);
	assert_int_equal(chosen[1], last);
	drive_ports_fit(bits, MINATO_TCP);
	assert_false(fit(0));
	assert_false(fit(first));
	assert_false(fit(last));
	if (drive_port_lowest() > 1)
		assert_false(fit((unsigned)drive_port_lowest() - 1));
}

/* What the user has reserved is left alone, for the protocol that it is reserved for. */
static void reserved_ports_are_not_fit(void **state)
{
	char folder[] = "/tmp/minato-ports.XXXXXX";
	char path[64];
	FILE *file;

	(void)state;
	/* Of root it would be the system's file. */
	if (getuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/minato", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/minato/reserved", folder);
	file = fopen(path, "w");
	fputs("20000-20001/tcp\n20003/udp\n", file);
	fclose(file);
	setenv("XDG_CONFIG_HOME", folder, 1);
	drive_ports_fit(bits, MINATO_TCP);
	assert_false(fit(20000) || fit(20001));
	assert_true(fit(20002) && fit(20003));
	drive_ports_fit(bits, MINATO_UDP);
	assert_true(fit(20000) && fit(20001));
	assert_false(fit(20003));
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	rmdir(folder);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
}

#define CASE(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(one_and_a_run),	CASE(nothing),	   CASE(beyond_the_last),
		CASE(a_number_is_read), CASE(this_system), CASE(reserved_ports_are_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
