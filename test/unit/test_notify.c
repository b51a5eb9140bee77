/* SPDX-License-Identifier: BSD-2-Clause */
/* The service manager's protocols, with this test in the manager's place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/gateway/gateway.h"

static int manager;

/* A name of no file: the kernel chooses it. */
static void begin(struct gateway_notify *notify)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	socklen_t size = sizeof(name);
	char text[128];

	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(manager, (struct sockaddr *)&name, sizeof(sa_family_t)), 0);
	assert_int_equal(getsockname(manager, (struct sockaddr *)&name, &size), 0);
	snprintf(text, sizeof(text), "@%.*s", (int)(size - sizeof(sa_family_t) - 1),
		 name.sun_path + 1);
	assert_int_equal(setenv("NOTIFY_SOCKET", text, 1), 0);
	gateway_notify_begin(notify);
}

static const char *hear(int *fd)
{
	static char text[256];
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr in = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control) };
	ssize_t got = recvmsg(manager, &in, MSG_DONTWAIT);
	struct cmsghdr *header;

	text[got > 0 ? got : 0] = 0;
	header = got > 0 ? CMSG_FIRSTHDR(&in) : NULL;
	if (fd)
		*fd = -1;
	if (fd && header)
		memcpy(fd, CMSG_DATA(header), sizeof(*fd));
	return text;
}

static void nobody_listens(void **state)
{
	struct gateway_notify notify;

	(void)state;
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	gateway_notify_begin(&notify);
	assert_int_equal(gateway_notify(&notify, "READY=1"), -ENOTCONN);
	assert_int_equal(gateway_notify_turn(&notify, (struct minato_time){ 5 }).ns,
			 MINATO_NEVER.ns);
	gateway_notify_end(&notify);
}

static void a_word_is_heard(void **state)
{
	struct gateway_notify notify;

	(void)state;
	begin(&notify);
	assert_int_equal(gateway_notify(&notify, "READY=1"), 0);
	assert_string_equal(hear(NULL), "READY=1");
	assert_null(getenv("NOTIFY_SOCKET"));
	gateway_notify_end(&notify);
	close(manager);
}

static void a_descriptor_is_kept(void **state)
{
	struct gateway_notify notify;
	struct stat sent;
	struct stat got;
	int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int fd;

	(void)state;
	begin(&notify);
	assert_int_equal(gateway_notify_with(&notify, "FDSTORE=1\nFDNAME=x", file), 0);
	assert_string_equal(hear(&fd), "FDSTORE=1\nFDNAME=x");
	assert_int_equal(fstat(file, &sent), 0);
	assert_int_equal(fstat(fd, &got), 0);
	assert_int_equal(sent.st_ino, got.st_ino);
	close(fd);
	close(file);
	gateway_notify_end(&notify);
	close(manager);
}

/* Twice as often as the manager wants it. */
static void the_watchdog_is_fed(void **state)
{
	struct gateway_notify notify;
	struct minato_time next;

	(void)state;
	assert_int_equal(setenv("WATCHDOG_USEC", "3000000", 1), 0);
	begin(&notify);
	next = gateway_notify_turn(&notify, (struct minato_time){ 1000 });
	assert_string_equal(hear(NULL), "WATCHDOG=1");
	assert_int_equal(next.ns, 1000 + 1500000000);
	next = gateway_notify_turn(&notify, (struct minato_time){ next.ns - 1 });
	assert_string_equal(hear(NULL), "");
	(void)gateway_notify_turn(&notify, next);
	assert_string_equal(hear(NULL), "WATCHDOG=1");
	gateway_notify_end(&notify);
	close(manager);
}

/* So seldom that no clock gets there. */
static void a_watchdog_that_never_looks(void **state)
{
	struct gateway_notify notify;

	(void)state;
	assert_int_equal(setenv("WATCHDOG_USEC", "18446744073709551615", 1), 0);
	begin(&notify);
	assert_int_equal(notify.watchdog_ns, 0);
	assert_int_equal(gateway_notify_turn(&notify, (struct minato_time){ 1000 }).ns,
			 MINATO_NEVER.ns);
	gateway_notify_end(&notify);
	close(manager);
}

static void another_process_is_watched(void **state)
{
	struct gateway_notify notify;

	(void)state;
	assert_int_equal(setenv("WATCHDOG_USEC", "3000000", 1), 0);
	assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0);
	begin(&notify);
	(void)gateway_notify_turn(&notify, (struct minato_time){ 1000 });
	assert_string_equal(hear(NULL), "");
	gateway_notify_end(&notify);
	close(manager);
}

/* In a child, whose third descriptor and environment are as systemd would leave them. */
static int take_two(const char *pid, const char *names)
{
	struct gateway_passed passed[4];
	char own[16];

	snprintf(own, sizeof(own), "%d", (int)getpid());
	if (dup2(open("/dev/null", O_RDONLY), 3) != 3 || dup2(3, 4) != 4)
		return 1;
	(void)setenv("LISTEN_PID", pid ? pid : own, 1);
	(void)setenv("LISTEN_FDS", "2", 1);
	if (names)
		(void)setenv("LISTEN_FDNAMES", names, 1);
	if (gateway_passed_take(passed, 4) != (pid ? 0 : 2))
		return 2;
	if (getenv("LISTEN_FDS") || getenv("LISTEN_PID"))
		return 3;
	if (pid)
		return 0;
	if (passed[0].fd != 3 || passed[1].fd != 4 || !(fcntl(4, F_GETFD) & FD_CLOEXEC))
		return 4;
	if (names)
		return strcmp(passed[0].name, "web") || strcmp(passed[1].name, "memory") ? 5 : 0;
	return strcmp(passed[1].name, "unknown") ? 6 : 0;
}

static int in_child(const char *pid, const char *names)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(take_two(pid, names));
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void descriptors_are_taken(void **state)
{
	(void)state;
	assert_int_equal(in_child(NULL, "web:memory"), 0);
	assert_int_equal(in_child(NULL, NULL), 0);
}

static void those_of_another_are_not(void **state)
{
	(void)state;
	assert_int_equal(in_child("1", "web:memory"), 0);
}

static int take_too_many(void)
{
	struct gateway_passed passed[2];
	char own[16];

	snprintf(own, sizeof(own), "%d", (int)getpid());
	if (dup2(open("/dev/null", O_RDONLY), 3) != 3)
		return 1;
	for (int fd = 4; fd <= 7; fd++)
		if (dup2(3, fd) != fd)
			return 1;
	(void)setenv("LISTEN_PID", own, 1);
	(void)setenv("LISTEN_FDS", "4", 1);
	if (gateway_passed_take(passed, 2) != 2)
		return 2;
	if (!(fcntl(5, F_GETFD) & FD_CLOEXEC) || !(fcntl(6, F_GETFD) & FD_CLOEXEC))
		return 3;
	return fcntl(7, F_GETFD) & FD_CLOEXEC ? 4 : 0;
}

/* Nor does what we start get those that we have no room for. */
static void more_than_there_is_room_for(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0)
		_exit(take_too_many());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(a_word_is_heard),
		cmocka_unit_test(a_descriptor_is_kept),
		cmocka_unit_test(the_watchdog_is_fed),
		cmocka_unit_test(a_watchdog_that_never_looks),
		cmocka_unit_test(another_process_is_watched),
		cmocka_unit_test(descriptors_are_taken),
		cmocka_unit_test(those_of_another_are_not),
		cmocka_unit_test(more_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
