/* SPDX-License-Identifier: BSD-2-Clause */
/* The keeper takes in who comes to the control socket, short of descriptors or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cmd.h"

#define FDS_MAX 200

static struct cmd_harbour harbour;
static struct sockaddr_un name;
static socklen_t name_size;
static int worker; /* its end of the channel */
static struct rlimit limit;

static struct minato_time turn(void *user, struct minato_time now)
{
	return cmd_admitting_turn(user, now);
}

static void channel_ready(void *user, uint32_t events)
{
	struct cmd_harbour *h = user;

	if (!(events & EPOLLOUT))
		return;
	drive_loop_modify(h->loop, h->hand.channel_watch, EPOLLIN);
	cmd_admitting_go_on(h);
}

static int fresh(void **state)
{
	int ends[2];

	(void)state;
	memset(&harbour, 0, sizeof(harbour));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(cmd_channel_pair(ends), 0);
	harbour.hand.channel = ends[0];
	harbour.hand.ready = true;
	worker = ends[1];
	/* A name that the kernel chooses. */
	name = (struct sockaddr_un){ .sun_family = AF_UNIX };
	harbour.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(harbour.listener, (struct sockaddr *)&name, sizeof(sa_family_t)), 0);
	name_size = sizeof(name);
	assert_int_equal(getsockname(harbour.listener, (struct sockaddr *)&name, &name_size), 0);
	assert_int_equal(listen(harbour.listener, 128), 0);
	harbour.pid = getpid();
	harbour.netns = -1;
	assert_int_equal(drive_loop_new(&harbour.loop), 0);
	assert_int_equal(drive_loop_hook(harbour.loop, turn, &harbour), 0);
	harbour.hand.channel_watch = drive_loop_add(harbour.loop, harbour.hand.channel, EPOLLIN,
						    channel_ready, &harbour);
	cmd_admitting_begin(&harbour);
	cmd_admitting_start(&harbour);
	return 0;
}

static int clean(void **state)
{
	(void)state;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	cmd_admitting_end(&harbour);
	drive_loop_free(harbour.loop);
	close(harbour.listener);
	close(harbour.hand.channel);
	close(worker);
	return 0;
}

static int come(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&name, name_size), 0);
	return fd;
}

/* Turns for so long; how often. */
static int turn_for(int ms)
{
	const struct minato_time until = { drive_now().ns + ms * INT64_C(1000000) };
	int turns = 0;

	while (drive_now().ns < until.ns) {
		assert_true(drive_loop_turn(harbour.loop, until) >= 0);
		turns++;
	}
	return turns;
}

/* The client that the worker is given; its socket, -1 where none has come. */
static int given(struct cmd_message *message)
{
	int fds[CMD_CHANNEL_FDS_MAX];
	uint32_t kind;
	size_t count;

	if (cmd_channel_peek(worker, &kind) < 0)
		return -1;
	assert_int_equal(cmd_channel_receive(worker, message, fds, &count), 1);
	assert_int_equal(message->kind, CMD_TELL_CLIENT);
	assert_int_equal(count, 1);
	return fds[0];
}

static bool is_given(void)
{
	struct cmd_message message;
	int fd = given(&message);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void worker_gets_who_comes(void **state)
{
	struct cmd_message message;
	int client = come();
	char text[4] = "";
	int fd;

	(void)state;
	assert_int_equal(send(client, "{}\n", 3, 0), 3);
	turn_for(20);
	fd = given(&message);
	assert_true(fd >= 0);
	assert_int_equal(message.client.pid, getpid());
	assert_int_equal(message.client.uid, getuid());
	assert_int_equal(recv(fd, text, sizeof(text), 0), 3);
	close(fd);
	close(client);
}

/* Sends a request, in as many pieces; whether the worker may have ports bound then. */
static bool opens_the_window(const char *request, size_t pieces)
{
	struct cmd_message message;
	size_t size = strlen(request);
	int client = come();
	int fd;

	harbour.admitted.ns = 0;
	for (size_t i = 0; i < pieces; i++) {
		size_t from = size * i / pieces;

		turn_for(5);
		assert_false(is_given());
		assert_true(send(client, request + from, size * (i + 1) / pieces - from, 0) > 0);
	}
	turn_for(20);
	fd = given(&message);
	assert_true(fd >= 0);
	assert_int_equal(message.number,
			 harbour.admitted.ns ? CMD_CLIENT_ORDERS : CMD_CLIENT_ASKS);
	close(fd);
	close(client);
	return harbour.admitted.ns != 0;
}

static void only_an_order_opens_the_window(void **state)
{
	(void)state;
	for (size_t n = 1; n < 4; n++) {
		assert_false(opens_the_window("{\"v\":1,\"request\":\"info\"}\n", n));
		assert_true(opens_the_window("{\"v\":1,\"request\":\"forward-add\"}\n", n));
		assert_true(opens_the_window("{\"v\":1,\"request\":\"reserve-rm\"}\n", n));
		assert_false(opens_the_window("{\"v\":1,\"request\":\"forward-rm\"}\n", n));
		assert_false(opens_the_window("forward-add\n", n));
	}
}

/* An order out of a user namespace of its own, as of a guest; false: none is to be had. */
static bool order_from_inside(void)
{
	static const char order[] = "{\"v\":1,\"request\":\"forward-add\"}\n";
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (unshare(CLONE_NEWUSER) < 0)
			_exit(1);
		(void)send(come(), order, sizeof(order) - 1, 0);
		pause();
	}
	turn_for(100);
	if (waitpid(child, &status, WNOHANG) == child)
		return false;
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return true;
}

static void who_is_inside_of_a_guest_gives_no_order(void **state)
{
	struct cmd_message message;
	int fd;

	(void)state;
	harbour.admitted.ns = 0;
	if (!order_from_inside())
		skip();
	fd = given(&message);
	assert_true(fd >= 0);
	assert_int_equal(message.number, CMD_CLIENT_INSIDE);
	assert_int_equal(harbour.admitted.ns, 0);
	close(fd);
	/* Nor is it heard at all where the guest may not go wherever it likes. */
	harbour.closed = true;
	assert_true(order_from_inside());
	assert_false(is_given());
	harbour.closed = false;
}

/* A process beside us that has this number, which nobody has; -1: none can be made here. */
static pid_t born_as(pid_t number)
{
	for (int tries = 0; tries < 50; tries++) {
		int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
		pid_t child;

		if (fd < 0 || dprintf(fd, "%d", (int)number - 1) < 0) {
			if (fd >= 0)
				close(fd);
			return -1;
		}
		child = fork();
		if (child == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			pause();
			_exit(0);
		}
		close(fd);
		if (child == number)
			return child;
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	return -1;
}

/* Does it in a user namespace of its own and ends; its number, or -1. */
static pid_t once_inside(void (*act)(int fd), int fd)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (unshare(CLONE_NEWUSER) < 0)
			_exit(1);
		act(fd);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status == 0 ? child : -1;
}

static void call_with_order(int fd)
{
	static const char order[] = "{\"v\":1,\"request\":\"forward-add\"}\n";

	(void)connect(fd, (struct sockaddr *)&name, name_size);
	(void)send(fd, order, sizeof(order) - 1, 0);
}

static void be_called(int fd)
{
	(void)listen(fd, 4);
}

static void number_of_one_that_has_ended_says_nothing(void **state)
{
	struct sockaddr_un other = { .sun_family = AF_UNIX };
	socklen_t size = sizeof(other);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct cmd_message message;
	pid_t ended, born;
	int taken;

	(void)state;
	harbour.admitted.ns = 0;
	ended = once_inside(call_with_order, fd);
	born = ended > 0 ? born_as(ended) : -1;
	if (born < 0) {
		close(fd);
		skip();
	}
	turn_for(50);
	taken = given(&message);
	assert_true(taken >= 0);
	assert_int_equal(message.number, CMD_CLIENT_INSIDE);
	assert_int_equal(harbour.admitted.ns, 0);
	close(taken);
	close(fd);
	kill(born, SIGKILL);
	waitpid(born, NULL, 0);
	/* Nor of one that listens. */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&other, sizeof(sa_family_t)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&other, &size), 0);
	ended = once_inside(be_called, fd);
	born = born_as(ended);
	assert_true(born > 0);
	taken = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(taken, (struct sockaddr *)&other, size), 0);
	assert_false(cmd_admitting_is_beside(&harbour, taken));
	kill(born, SIGKILL);
	waitpid(born, NULL, 0);
	close(taken);
	close(fd);
}

static void who_lives_beside_us_is(void **state)
{
	int fd = come();
	int pidfd = drive_runtime_peer_pidfd(fd);

	(void)state;
	assert_true(pidfd >= 0 || pidfd == -ENOPROTOOPT);
	assert_int_equal(cmd_admitting_is_beside(&harbour, fd), pidfd >= 0);
	if (pidfd >= 0)
		close(pidfd);
	close(fd);
}

static void who_says_nothing_waits_for_a_time(void **state)
{
	int clients[CMD_WAITING_MAX + 1];

	(void)state;
	for (size_t i = 0; i < CMD_WAITING_MAX; i++)
		clients[i] = come();
	assert_int_equal(send(clients[0], "{", 1, 0), 1);
	/* A piece of a line is not looked at all the time. */
	assert_in_range(turn_for(200), 1, 30);
	assert_false(is_given());
	/* The first makes way for one more. */
	clients[CMD_WAITING_MAX] = come();
	turn_for(20);
	assert_true(is_given());
	assert_false(is_given());
	for (size_t i = 0; i < CMD_WAITING_MAX; i++)
		harbour.admitting.waiting[i].until = drive_now();
	turn_for(20);
	for (size_t i = 0; i < CMD_WAITING_MAX; i++)
		assert_true(is_given());
	assert_int_equal(harbour.admitted.ns, 0);
	cmd_channel_drop(clients, CMD_WAITING_MAX + 1);
}

static void last_descriptor_is_kept_for_who_comes(void **state)
{
	int client = come();
	int second = come();
	int fds[FDS_MAX];
	size_t count = 0;

	(void)state;
	assert_int_equal(send(client, "{}\n", 3, 0), 3);
	assert_int_equal(send(second, "{}\n", 3, 0), 3);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 64, limit.rlim_max }), 0);
	while (count < FDS_MAX && (fds[count] = dup(client)) >= 0)
		count++;
	assert_int_equal(errno, EMFILE);
	turn_for(20);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(is_given());
	assert_true(is_given());
	assert_false(harbour.admitting.said);
	cmd_channel_drop(fds, count);
	close(client);
	close(second);
}

static void without_any_it_waits_and_does_not_spin(void **state)
{
	int client = come();

	(void)state;
	assert_int_equal(send(client, "{}\n", 3, 0), 3);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 3, limit.rlim_max }), 0);
	assert_in_range(turn_for(350), 1, 12);
	assert_true(harbour.admitting.said);
	assert_false(is_given());
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	turn_for(150);
	assert_true(is_given());
	close(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(worker_gets_who_comes, fresh, clean),
		cmocka_unit_test_setup_teardown(only_an_order_opens_the_window, fresh, clean),
		cmocka_unit_test_setup_teardown(who_is_inside_of_a_guest_gives_no_order, fresh,
						clean),
		cmocka_unit_test_setup_teardown(number_of_one_that_has_ended_says_nothing, fresh,
						clean),
		cmocka_unit_test_setup_teardown(who_lives_beside_us_is, fresh, clean),
		cmocka_unit_test_setup_teardown(who_says_nothing_waits_for_a_time, fresh, clean),
		cmocka_unit_test_setup_teardown(last_descriptor_is_kept_for_who_comes, fresh,
						clean),
		cmocka_unit_test_setup_teardown(without_any_it_waits_and_does_not_spin, fresh,
						clean),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
