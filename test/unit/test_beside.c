/* SPDX-License-Identifier: BSD-2-Clause */
/* What leads past a network namespace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drive/drive.h"

static int errno_of(long result)
{
	return result < 0 ? errno : 0;
}

/* In a child: what is not so, by its number. */
static int look(void)
{
	char parameters[120] = { 0 };

	if (unshare(CLONE_NEWUSER) < 0)
		return 100;
	if (drive_beside_shut() < 0)
		return 1;
	if (errno_of(socket(AF_VSOCK, SOCK_STREAM, 0)) != EAFNOSUPPORT)
		return 2;
	if (errno_of(syscall(SYS_io_uring_setup, 8, parameters)) != ENOSYS)
		return 3;
	if (socket(AF_INET, SOCK_STREAM, 0) < 0 || socket(AF_INET6, SOCK_DGRAM, 0) < 0 ||
	    socket(AF_UNIX, SOCK_STREAM, 0) < 0)
		return 4;
	/* What comes of it has it too. */
	if (fork() == 0)
		_exit(errno_of(socket(AF_VSOCK, SOCK_DGRAM, 0)) == EAFNOSUPPORT ? 0 : 5);
	return 0;
}

static void no_socket_leads_past_it(void **state)
{
	int status = -1;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		int wrong = look(), of_child = 0;

		(void)wait(&of_child);
		_exit(wrong ? wrong : WEXITSTATUS(of_child));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 100)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_socket_leads_past_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
