/* SPDX-License-Identifier: BSD-2-Clause */
/* Who holds a socket: the walk over /proc, with processes of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel/kernel.h"

static uint32_t inode_of(int fd)
{
	struct stat status;

	assert_int_equal(fstat(fd, &status), 0);
	return (uint32_t)status.st_ino;
}

static size_t count_of(const struct kernel_owners *owners, uint32_t inode)
{
	const struct kernel_owner *owner = NULL;
	size_t count = 0;

	while ((owner = kernel_owners_next(owners, inode, owner)) != NULL)
		count++;
	return count;
}

static void we_hold_our_own_socket(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct kernel_owner *owner;
	struct kernel_owners *owners;

	(void)state;
	assert_int_equal(kernel_owners_read(&owners), 0);
	owner = kernel_owners_next(owners, inode_of(fd), NULL);
	assert_non_null(owner);
	assert_int_equal(owner->inode, inode_of(fd));
	assert_int_equal(owner->fd, fd);
	assert_int_equal(owner->process->pid, getpid());
	assert_int_equal(owner->process->uid, geteuid());
	assert_string_equal(owner->process->program, program_invocation_short_name);
	/* The process began before now, and not long ago. */
	assert_in_range(owner->process->started_s, time(NULL) - 200, time(NULL) + 1);
	assert_null(kernel_owners_next(owners, inode_of(fd), owner));
	kernel_owners_free(owners);
	close(fd);
}

static void a_socket_has_every_process_and_descriptor(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int other = dup(fd);
	const struct kernel_owner *owner = NULL;
	struct kernel_owners *owners;
	uint32_t inode = inode_of(fd);
	pid_t child = fork();
	bool child_seen = false;

	(void)state;
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	assert_int_equal(kernel_owners_read(&owners), 0);
	assert_int_equal(count_of(owners, inode), 4);
	while ((owner = kernel_owners_next(owners, inode, owner)) != NULL)
		child_seen |= owner->process->pid == child;
	assert_true(child_seen);
	kernel_owners_free(owners);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(other);
	close(fd);
}

static void what_nobody_holds_has_no_owner(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint32_t inode = inode_of(fd);
	struct kernel_owners *owners;

	(void)state;
	close(fd);
	assert_int_equal(kernel_owners_read(&owners), 0);
	assert_int_equal(count_of(owners, inode), 0);
	assert_int_equal(count_of(owners, 0), 0);
	assert_int_equal(count_of(NULL, inode), 0);
	kernel_owners_free(owners);
}

/* More sockets than a block of memory or a bucket has room for. */
static void thousands_are_told_apart(void **state)
{
	enum { MANY = 900 };
	static int fds[MANY];
	struct kernel_owners *owners;
	int made = 0;

	(void)state;
	while (made < MANY && (fds[made] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) >= 0)
		made++;
	assert_int_equal(kernel_owners_read(&owners), 0);
	for (int i = 0; i < made; i++) {
		const struct kernel_owner *owner =
			kernel_owners_next(owners, inode_of(fds[i]), NULL);

		assert_non_null(owner);
		assert_int_equal(owner->fd, fds[i]);
	}
	kernel_owners_free(owners);
	for (int i = 0; i < made; i++)
		close(fds[i]);
}

static void one_process_is_described(void **state)
{
	struct kernel_process process;

	(void)state;
	assert_int_equal(kernel_process_read(&process, getpid()), 0);
	assert_int_equal(process.pid, getpid());
	assert_int_equal(process.uid, geteuid());
	assert_string_equal(process.program, program_invocation_short_name);
	assert_in_range(process.started_s, time(NULL) - 200, time(NULL) + 1);
	assert_int_equal(kernel_process_read(&process, 0x7fffffff), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(we_hold_our_own_socket),
		cmocka_unit_test(one_process_is_described),
		cmocka_unit_test(a_socket_has_every_process_and_descriptor),
		cmocka_unit_test(what_nobody_holds_has_no_owner),
		cmocka_unit_test(thousands_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
