/* SPDX-License-Identifier: BSD-2-Clause */
/* Who holds the socket of a flow, asked of this host about sockets of this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kernel_seeker seeker;
static struct kernel_program found[4];

static int begin(void **state)
{
	(void)state;
	return kernel_seeker_open(&seeker, 0, false);
}

static int end(void **state)
{
	(void)state;
	kernel_seeker_close(&seeker);
	return 0;
}

static struct minato_endpoint end_of(int fd, bool peer)
{
	struct sockaddr_storage at = { 0 };
	socklen_t len = sizeof(at);
	struct minato_endpoint out;
	int result = peer ? getpeername(fd, (struct sockaddr *)&at, &len) :
			    getsockname(fd, (struct sockaddr *)&at, &len);

	assert_int_equal(result, 0);
	assert_true(drive_endpoint_from(&out, (struct sockaddr *)&at));
	return out;
}

/* A connection over loopback; `four` by a socket of that family, else a mapped one. */
static int connected(int type, bool four, int *other)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	struct sockaddr_in6 at6 = { .sin6_family = AF_INET6 };
	socklen_t len = sizeof(at);
	int fd = socket(four ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0);

	*other = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(*other, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(*other, (struct sockaddr *)&at, &len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(*other, 1), 0);
	at6.sin6_port = at.sin_port;
	assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.1", &at6.sin6_addr), 1);
	assert_int_equal(four ? connect(fd, (struct sockaddr *)&at, sizeof(at)) :
				connect(fd, (struct sockaddr *)&at6, sizeof(at6)),
			 0);
	return fd;
}

static int seek(int fd, enum minato_proto proto)
{
	struct kernel_flow flow = { proto, end_of(fd, false), end_of(fd, true) };

	memset(found, 0, sizeof(found));
	return kernel_program_seek(&seeker, &flow, true, found, 4);
}

static void this_program(int fd, enum minato_proto proto)
{
	char self[512] = "";

	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	assert_int_equal(seek(fd, proto), 1);
	assert_int_equal(found[0].pid, getpid());
	assert_int_equal(found[0].uid, getuid());
	assert_string_equal(found[0].path, self);
	assert_string_equal(found[0].command, "test_program");
	assert_false(found[0].deleted);
	assert_true(kernel_program_is(&found[0], self));
	assert_true(kernel_program_is(&found[0], "/proc/self/exe"));
	assert_false(kernel_program_is(&found[0], "/bin/sh"));
	assert_false(kernel_program_is(&found[0], "/nowhere"));
}

static void a_connection(void **state)
{
	int other;
	int fd = connected(SOCK_STREAM, true, &other);

	(void)state;
	this_program(fd, MINATO_TCP);
	close(fd);
	close(other);
}

static void a_connection_by_a_socket_of_ipv6(void **state)
{
	int other;
	int fd = connected(SOCK_STREAM, false, &other);

	(void)state;
	this_program(fd, MINATO_TCP);
	close(fd);
	close(other);
}

static void datagrams(void **state)
{
	int other;
	int fd = connected(SOCK_DGRAM, true, &other);
	struct kernel_flow flow = { MINATO_UDP, end_of(other, false), { .port = 9 } };

	(void)state;
	this_program(fd, MINATO_UDP);
	/* One that is not connected sends to anybody. */
	flow.remote.addr = minato_addr4(192, 0, 2, 1);
	assert_int_equal(kernel_program_seek(&seeker, &flow, true, found, 4), 1);
	assert_int_equal(found[0].pid, getpid());
	close(fd);
	close(other);
}

static void every_holder_counts(void **state)
{
	int other;
	int fd = connected(SOCK_STREAM, true, &other);
	int stop[2];
	pid_t child;
	char one;

	(void)state;
	assert_int_equal(pipe(stop), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(stop[1]);
		_exit((int)read(stop[0], &one, 1));
	}
	assert_int_equal(seek(fd, MINATO_TCP), 2);
	assert_int_equal(found[0].pid + found[1].pid, getpid() + child);
	/* Only those there is room for are told. */
	memset(found, 0, sizeof(found));
	close(stop[1]);
	close(stop[0]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(seek(fd, MINATO_TCP), 1);
	close(fd);
	close(other);
}

static void one_holder_will_do(void **state)
{
	int other;
	int fd = connected(SOCK_STREAM, true, &other);
	struct kernel_flow flow = { MINATO_TCP, end_of(fd, false), end_of(fd, true) };
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		pause();
		_exit(0);
	}
	assert_int_equal(kernel_program_seek(&seeker, &flow, false, found, 4), 1);
	assert_true(found[0].pid == child || found[0].pid == getpid());
	assert_int_equal(seeker.recent[0], found[0].pid);
	/* Found lately; it has ended since. */
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	seeker.recent[0] = child;
	seeker.recent[1] = 1;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(kernel_program_seek(&seeker, &flow, false, found, 4), 1);
		assert_int_equal(found[0].pid, getpid());
		assert_int_equal(found[0].uid, getuid());
		assert_int_equal(seeker.recent[0], getpid());
		assert_int_equal(seeker.recent[1], child);
		assert_int_equal(seeker.recent[2], 1);
	}
	close(fd);
	assert_int_equal(kernel_program_seek(&seeker, &flow, false, found, 4), -ENOENT);
	close(other);
}

static void no_such_socket(void **state)
{
	struct kernel_flow flow = { MINATO_TCP,
				    { minato_addr4(127, 0, 0, 1), 1 },
				    { minato_addr4(127, 0, 0, 1), 2 } };
	int other;
	int fd = connected(SOCK_STREAM, true, &other);

	(void)state;
	assert_int_equal(kernel_program_seek(&seeker, &flow, true, found, 4), -ENOENT);
	/* The listener is not the flow's socket. */
	flow.local = end_of(other, false);
	assert_int_equal(kernel_program_seek(&seeker, &flow, true, found, 4), -ENOENT);
	close(fd);
	close(other);
}

/* Copies this program, runs the copy with a connection, and takes its name away. */
static void an_executable_without_a_name(void **state)
{
	char name[] = "/tmp/minato-program-XXXXXX";
	int copy = mkstemp(name);
	char text[256];
	int stop[2], other, fd;
	pid_t child;

	(void)state;
	assert_true(copy >= 0);
	close(copy);
	(void)snprintf(text, sizeof(text), "cp /bin/sleep %s && chmod 755 %s", name, name);
	assert_int_equal(system(text), 0);
	assert_int_equal(pipe(stop), 0);
	fd = connected(SOCK_STREAM, true, &other);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)dup2(fd, 0);
		execl(name, name, "1000", (char *)NULL);
		_exit(127);
	}
	/* Until it is that program: at once, or a little later. */
	for (int i = 0; i < 2000; i++) {
		struct kernel_flow flow = { MINATO_TCP, end_of(fd, false), end_of(fd, true) };

		if (kernel_program_seek(&seeker, &flow, true, found, 4) == 2 &&
		    (kernel_program_is(&found[0], name) || kernel_program_is(&found[1], name)))
			break;
		usleep(5000);
	}
	assert_true(kernel_program_is(&found[0], name) || kernel_program_is(&found[1], name));
	/* When the file was changed is of the file. */
	{
		const int runs = kernel_program_is(&found[0], name) ? 0 : 1;
		const struct kernel_program before = found[runs];
		struct stat file;

		assert_int_equal(stat(name, &file), 0);
		assert_true(before.changed_ns ==
			    file.st_ctim.tv_sec * INT64_C(1000000000) + file.st_ctim.tv_nsec);
		usleep(20000);
		assert_int_equal(chmod(name, 0700), 0);
		assert_int_equal(seek(fd, MINATO_TCP), 2);
		assert_int_equal(found[runs].inode, before.inode);
		assert_true(found[runs].changed_ns > before.changed_ns);
	}
	unlink(name);
	assert_int_equal(seek(fd, MINATO_TCP), 2);
	assert_true(found[0].deleted || found[1].deleted);
	assert_string_equal(found[0].deleted ? found[0].path : found[1].path, name);
	/* Another that comes by that name is another. */
	(void)snprintf(text, sizeof(text), "cp /bin/sleep %s", name);
	assert_int_equal(system(text), 0);
	assert_false(kernel_program_is(&found[0], name) || kernel_program_is(&found[1], name));
	unlink(name);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(fd);
	close(other);
}

/* A copy of /bin/sleep in a folder so deep, each part of it so long, holds the connection. */
static void look_into_depth(int depth, size_t length)
{
	char folder[] = "/tmp/minato-deep-XXXXXX";
	char command[64], part[256] = "";
	int other, fd = connected(SOCK_STREAM, true, &other);
	struct kernel_flow flow = { MINATO_TCP, end_of(fd, false), end_of(fd, true) };
	pid_t child;

	assert_non_null(mkdtemp(folder));
	memset(part, 'd', length);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		bool there = chdir(folder) == 0;

		for (int i = 0; i < depth; i++)
			there = there && mkdir(part, 0700) == 0 && chdir(part) == 0;
		if (there && system("cp /bin/sleep curl") == 0 && dup2(fd, 0) == 0)
			execl("./curl", "curl", "1000", (char *)NULL);
		_exit(127);
	}
	close(fd);
	for (int i = 0; i < 2000; i++) {
		if (kernel_program_seek(&seeker, &flow, true, found, 4) == 1 &&
		    strcmp(found[0].command, "curl") == 0)
			break;
		usleep(5000);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
	close(other);
	assert_string_equal(found[0].command, "curl");
}

/* What has no room is seen to be a part of it, and what cannot be read is no path. */
static void paths_that_are_too_long(void **state)
{
	char name[KERNEL_PROGRAM_PATH];

	(void)state;
	/* "/tmp/minato-deep-XXXXXX/" and "/curl" beside the part: one byte less than there is. */
	look_into_depth(1, KERNEL_PROGRAM_PATH - 1 - 24 - 5);
	assert_int_equal(strlen(found[0].path), KERNEL_PROGRAM_PATH - 1);
	assert_string_equal(found[0].path + KERNEL_PROGRAM_PATH - 1 - 5, "/curl");
	assert_int_not_equal(found[0].inode, 0);
	look_into_depth(2, 200);
	assert_int_equal(strlen(found[0].path), KERNEL_PROGRAM_PATH - 1);
	assert_string_equal(found[0].path + KERNEL_PROGRAM_PATH - 1 - 5, "dd...");
	assert_int_equal(found[0].inode, 0);
	assert_string_equal(kernel_program_name(name, sizeof(name), &found[0]), found[0].path);
	look_into_depth(18, 250);
	assert_string_equal(found[0].path, "");
	assert_int_equal(found[0].inode, 0);
	assert_string_equal(kernel_program_name(name, sizeof(name), &found[0]), "[curl]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_connection, begin, end),
		cmocka_unit_test_setup_teardown(a_connection_by_a_socket_of_ipv6, begin, end),
		cmocka_unit_test_setup_teardown(datagrams, begin, end),
		cmocka_unit_test_setup_teardown(every_holder_counts, begin, end),
		cmocka_unit_test_setup_teardown(one_holder_will_do, begin, end),
		cmocka_unit_test_setup_teardown(no_such_socket, begin, end),
		cmocka_unit_test_setup_teardown(an_executable_without_a_name, begin, end),
		cmocka_unit_test_setup_teardown(paths_that_are_too_long, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
