/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keeper takes in who comes to the control socket, looks who it is, and hands him over to its
 * worker.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/kernel.h"

#define NS_PER_MS INT64_C(1000000)
/* Accepted in one turn, so that a flood of clients does not hold up signals. */
#define ACCEPTS_PER_TURN 8
/* How long who comes is left in the backlog when nobody can be taken in. */
#define DEAF_MS 100

/* ---- begin and end ---- */

/* Ports that are published may take every other descriptor: who removes them must get in. */
static void hold_spare(struct cmd_harbour *harbour)
{
	if (harbour->admitting.spare < 0)
		harbour->admitting.spare = fcntl(harbour->listener, F_DUPFD_CLOEXEC, 3);
}

void cmd_admitting_begin(struct cmd_harbour *harbour)
{
	harbour->admitting = (struct cmd_admitting){ .spare = -1, .again = MINATO_NEVER };
	hold_spare(harbour);
}

static void drop_spare(struct cmd_harbour *harbour)
{
	if (harbour->admitting.spare >= 0)
		close(harbour->admitting.spare);
	harbour->admitting.spare = -1;
}

void cmd_admitting_end(struct cmd_harbour *harbour)
{
	cmd_admitting_stop(harbour);
	drop_spare(harbour);
}

/* ---- one client ---- */

/* What the worker has not yet read leaves room for more. */
static bool has_room(const struct cmd_hand *hand)
{
	struct pollfd room = { .fd = hand->channel, .events = POLLOUT };

	return poll(&room, 1, 0) > 0 && room.revents & POLLOUT;
}

/* Who asks, as far as /proc tells; by now the process may be another one's. */
static void describe(struct minato_owner *client, pid_t pid)
{
	struct kernel_process process;

	*client = (struct minato_owner){ .uid = MINATO_UID_NONE, .pid = (uint32_t)pid };
	if (pid <= 0 || kernel_process_read(&process, pid) < 0)
		return;
	client->uid = process.uid;
	client->started_s = process.started_s;
	(void)snprintf(client->program, sizeof(client->program), "%s", process.program);
}

static void hand_over(struct cmd_harbour *harbour, int fd)
{
	struct cmd_message message = { .kind = CMD_TELL_CLIENT };
	pid_t peer;

	/* Here, where ids have a meaning: the worker sees none. */
	if (drive_runtime_peer(fd, &peer) < 0)
		return;
	harbour->admitted = drive_now();
	describe(&message.client, peer);
	(void)cmd_channel_send(harbour->hand.channel, &message, &fd, 1);
}

/* ---- the listener ---- */

static int take_in(struct cmd_harbour *harbour)
{
	const int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
	int fd = accept4(harbour->listener, NULL, NULL, flags);

	if (fd >= 0 || errno != EMFILE)
		return fd < 0 ? -errno : fd;
	drop_spare(harbour);
	fd = accept4(harbour->listener, NULL, NULL, flags);
	return fd < 0 ? -errno : fd;
}

/* The listener stays readable: to look at it all the time would not help. */
static void turn_deaf(struct cmd_harbour *harbour, int result)
{
	struct cmd_admitting *admitting = &harbour->admitting;

	drive_loop_modify(harbour->loop, admitting->watch, 0);
	admitting->again.ns = drive_loop_now(harbour->loop).ns + DEAF_MS * NS_PER_MS;
	if (!admitting->said)
		cmd_say("commands that ask this guest must wait: %s; more is not said of it",
			strerror(-result));
	admitting->said = true;
}

static void listener_ready(void *user, uint32_t events)
{
	struct cmd_harbour *harbour = user;
	struct cmd_hand *hand = &harbour->hand;

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd;

		if (!has_room(hand)) {
			/* Clients wait in the backlog until it has read. */
			drive_loop_modify(harbour->loop, harbour->admitting.watch, 0);
			drive_loop_modify(harbour->loop, hand->channel_watch, EPOLLIN | EPOLLOUT);
			return;
		}
		fd = take_in(harbour);
		if (fd >= 0) {
			hand_over(harbour, fd);
			close(fd);
		}
		hold_spare(harbour);
		if (fd == -EAGAIN)
			return;
		if (fd < 0 && fd != -EINTR && fd != -ECONNABORTED) {
			turn_deaf(harbour, fd);
			return;
		}
	}
}

void cmd_admitting_start(struct cmd_harbour *harbour)
{
	harbour->admitting.watch =
		drive_loop_add(harbour->loop, harbour->listener, EPOLLIN, listener_ready, harbour);
}

void cmd_admitting_stop(struct cmd_harbour *harbour)
{
	if (harbour->admitting.watch > 0)
		drive_loop_remove(harbour->loop, harbour->admitting.watch);
	harbour->admitting.watch = 0;
	harbour->admitting.again = MINATO_NEVER;
}

void cmd_admitting_go_on(struct cmd_harbour *harbour)
{
	drive_loop_modify(harbour->loop, harbour->admitting.watch, EPOLLIN);
}

struct minato_time cmd_admitting_turn(struct cmd_harbour *harbour, struct minato_time now)
{
	if (now.ns < harbour->admitting.again.ns)
		return harbour->admitting.again;
	harbour->admitting.again = MINATO_NEVER;
	cmd_admitting_go_on(harbour);
	return MINATO_NEVER;
}
