/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel that hears nothing by an interface. What that is for, no reset beside us, is in
 * test_ethopen; here is whom it concerns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "wire_fixture.h"

static struct drive_error told;

/* Whether a datagram to ourselves by the loopback interface still comes. */
static bool hears_itself(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	bool heard;
	char byte;

	DEMAND(bind(fd, (struct sockaddr *)&at, size) == 0);
	DEMAND(getsockname(fd, (struct sockaddr *)&at, &size) == 0);
	DEMAND(sendto(fd, "x", 1, 0, (struct sockaddr *)&at, size) == 1);
	heard = recv(fd, &byte, 1, 0) == 1;
	close(fd);
	return heard;
}

static void silence_two(void)
{
	int n0, f0;

	lay_wire();
	n0 = drive_silence("n0", &told);
	f0 = drive_silence("f0", &told);
	DEMAND(n0 >= 0 && f0 >= 0);
	DEMAND(hears_itself());
	DEMAND(drive_silence("n0", &told) == -EBUSY && strstr(told.text, "another minato"));
	close(n0);
	n0 = drive_silence("n0", &told);
	DEMAND(n0 >= 0);
}
NETNS_CASE(each_interface_is_silenced_once_and_others_are_not, silence_two)

static void silence_without_a_text(void)
{
	lay_wire();
	DEMAND(drive_silence("n0", NULL) >= 0);
	DEMAND(drive_silence("n0", NULL) == -EBUSY);
}
NETNS_CASE(a_reason_need_not_be_asked_for, silence_without_a_text)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_interface_is_silenced_once_and_others_are_not),
		cmocka_unit_test(a_reason_need_not_be_asked_for),
	};

	remember_self();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
