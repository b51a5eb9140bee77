/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keeper takes in who comes to the control socket, looks who it is and what he wants, and hands
 * him over to its worker. It looks without taking: the worker reads the request too. Only after an
 * order may a worker have ports bound, so one that was taken over may not because of `minato ps`.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
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
	for (int i = 0; i < 2; i++) {
		if (harbour->admitting.spare[i] < 0)
			harbour->admitting.spare[i] = fcntl(harbour->listener, F_DUPFD_CLOEXEC, 3);
	}
}

void cmd_admitting_begin(struct cmd_harbour *harbour)
{
	harbour->admitting = (struct cmd_admitting){ .spare = { -1, -1 }, .again = MINATO_NEVER };
	hold_spare(harbour);
}

static void drop_spare(struct cmd_harbour *harbour, int which)
{
	if (harbour->admitting.spare[which] >= 0)
		close(harbour->admitting.spare[which]);
	harbour->admitting.spare[which] = -1;
}

void cmd_admitting_end(struct cmd_harbour *harbour)
{
	cmd_admitting_stop(harbour);
	for (size_t i = 0; i < CMD_WAITING_MAX; i++) {
		if (harbour->admitting.waiting[i].fd)
			close(harbour->admitting.waiting[i].fd);
	}
	drop_spare(harbour, 0);
	drop_spare(harbour, 1);
}

/* ---- one client ---- */

/* What the worker has not yet read leaves room for more. */
static bool has_room(const struct cmd_hand *hand)
{
	struct pollfd room = { .fd = hand->channel, .events = POLLOUT };

	return poll(&room, 1, 0) > 0 && room.revents & POLLOUT;
}

enum request { UNFINISHED, GONE, QUESTION, ORDER, ROLL };

/* What the client's first line asks for. One that is too long, or no JSON, the worker refuses. */
static enum request look_at(int fd)
{
	static char line[CMD_LINE_MAX];
	ssize_t got = recv(fd, line, sizeof(line), MSG_PEEK | MSG_DONTWAIT);
	enum request request = QUESTION;
	const char *newline;
	const char *name;
	json_t *object;

	if (got <= 0)
		return got < 0 && (errno == EAGAIN || errno == EINTR) ? UNFINISHED : GONE;
	newline = memchr(line, '\n', (size_t)got);
	if (!newline)
		return got == (ssize_t)sizeof(line) ? QUESTION : UNFINISHED;
	object = json_loadb(line, (size_t)(newline - line), JSON_REJECT_DUPLICATES, NULL);
	name = json_string_value(json_object_get(object, "request"));
	if (name && cmd_control_is_order(name))
		request = ORDER;
	else if (name && !strcmp(name, CMD_ROLL_REQUEST))
		request = ROLL;
	json_decref(object);
	return request;
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

static uint64_t namespace_of(pid_t process, const char *which)
{
	char path[64];
	struct stat info;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)process, which);
	return stat(path, &info) < 0 ? 0 : info.st_ino;
}

/*
 * Whether it comes, or may come, from inside of a guest, this one or another: it could open ways
 * for itself that the guest does not have, and answer what the user is asked. A guest that is made
 * here has a user namespace of its own; one that was attached to may not.
 */
static bool is_inside(const struct cmd_harbour *harbour, pid_t peer)
{
	uint64_t user = namespace_of(peer, "user");
	struct stat inside;

	if (peer > 0 && peer == harbour->exporter.pid)
		return false;
	return !user || user != namespace_of(harbour->pid, "user") ||
	       (harbour->netns >= 0 && fstat(harbour->netns, &inside) == 0 &&
		namespace_of(peer, "net") == inside.st_ino);
}

/*
 * Its number is the process's own until that has ended and was waited for, and then may be given to
 * one that is elsewhere: a guest may see to that. Who lives after a look was looked at.
 */
static struct cmd_standing look_where(const struct cmd_harbour *harbour, int pidfd, pid_t peer)
{
	const uint64_t net = namespace_of(peer, "net");
	struct cmd_standing standing = { .inside = is_inside(harbour, peer) };

	/* A kernel without them says nothing better than the number. */
	if (pidfd == -ENOPROTOOPT)
		return standing;
	standing.beside = !standing.inside && net && net == namespace_of(harbour->pid, "net");
	if (pidfd < 0 || (pidfd_send_signal(pidfd, 0, NULL, 0) < 0 && errno != EPERM))
		standing = (struct cmd_standing){ .inside = true };
	return standing;
}

bool cmd_admitting_is_beside(const struct cmd_harbour *harbour, int fd)
{
	struct cmd_standing standing;
	int pidfd;
	pid_t peer;

	if (drive_runtime_peer(fd, &peer) < 0)
		return false;
	pidfd = drive_runtime_peer_pidfd(fd);
	standing = look_where(harbour, pidfd, peer);
	if (pidfd >= 0)
		close(pidfd);
	return standing.beside;
}

/* Of one that has just come. */
static struct cmd_standing stand(struct cmd_harbour *harbour, int fd)
{
	struct cmd_standing standing = { .inside = true };
	int pidfd;
	pid_t peer;

	if (drive_runtime_peer(fd, &peer) < 0)
		return standing;
	pidfd = drive_runtime_peer_pidfd(fd);
	if (pidfd == -EMFILE) {
		drop_spare(harbour, 1);
		pidfd = drive_runtime_peer_pidfd(fd);
	}
	standing = look_where(harbour, pidfd, peer);
	if (pidfd >= 0)
		close(pidfd);
	return standing;
}

void cmd_admitting_lapse(struct cmd_harbour *harbour)
{
	if (drive_now().ns - harbour->admitted.ns >= CMD_ORDER_MS * NS_PER_MS)
		harbour->orders_due = 0;
}

/* True: the descriptor is kept here. */
static bool hand_over(struct cmd_harbour *harbour, int fd, enum request request,
		      const struct cmd_standing *standing)
{
	struct cmd_message message = { .kind = CMD_TELL_CLIENT };
	pid_t peer;

	/* Here, where ids have a meaning: the worker sees none. */
	if (drive_runtime_peer(fd, &peer) < 0)
		return false;
	/* Another keeper; a gateway's worker says that it does not know what is meant. */
	if (request == ROLL && !harbour->trade)
		return standing->beside && cmd_fellows_serve(harbour, fd);
	if (standing->inside && harbour->closed)
		return false;
	message.number = standing->inside ? CMD_CLIENT_INSIDE :
			 request == ORDER ? CMD_CLIENT_ORDERS :
					    CMD_CLIENT_ASKS;
	if (message.number == CMD_CLIENT_ORDERS) {
		if (!harbour->orders_held)
			cmd_admitting_lapse(harbour);
		harbour->admitted = drive_now();
		harbour->orders_due++;
	}
	describe(&message.client, peer);
	(void)cmd_channel_send(harbour->hand.channel, &message, &fd, 1);
	return false;
}

/* ---- those whose request is not whole ---- */

static void part(struct cmd_waiting *waiting, enum request request)
{
	struct cmd_harbour *harbour = waiting->harbour;

	drive_loop_remove(harbour->loop, waiting->watch);
	if (request == GONE || !hand_over(harbour, waiting->fd, request, &waiting->standing))
		close(waiting->fd);
	waiting->fd = 0;
	hold_spare(harbour);
}

/* It goes on waiting for the rest of its request, or for the worker to have room. */
static void look_again(struct cmd_waiting *waiting, struct minato_time now)
{
	const struct cmd_hand *hand = &waiting->harbour->hand;
	enum request request = look_at(waiting->fd);

	if (request == UNFINISHED && now.ns < waiting->until.ns)
		return;
	if (request == GONE || (hand->ready && has_room(hand)))
		part(waiting, request);
	else
		waiting->until.ns = now.ns + DEAF_MS * NS_PER_MS;
}

static void waiting_ready(void *user, uint32_t events)
{
	struct cmd_waiting *waiting = user;

	(void)events;
	look_again(waiting, drive_loop_now(waiting->harbour->loop));
}

/* Who has waited longest makes way. */
static struct cmd_waiting *place(struct cmd_harbour *harbour)
{
	struct cmd_waiting *first = &harbour->admitting.waiting[0];

	for (size_t i = 0; i < CMD_WAITING_MAX; i++) {
		struct cmd_waiting *one = &harbour->admitting.waiting[i];

		if (!one->fd)
			return one;
		if (one->until.ns < first->until.ns)
			first = one;
	}
	part(first, QUESTION);
	return first;
}

/* Takes the descriptor over. */
static void let_wait(struct cmd_harbour *harbour, int fd, const struct cmd_standing *standing)
{
	struct cmd_waiting *waiting = place(harbour);

	*waiting = (struct cmd_waiting){ .fd = fd, .harbour = harbour, .standing = *standing };
	waiting->until.ns = drive_now().ns + CMD_IDLE_MS * NS_PER_MS;
	/* At each piece that comes, not all the time while one is there. */
	waiting->watch =
		drive_loop_add(harbour->loop, fd, EPOLLIN | EPOLLET, waiting_ready, waiting);
	if (waiting->watch < 0)
		part(waiting, GONE);
}

/* ---- the listener ---- */

static int take_in(struct cmd_harbour *harbour)
{
	const int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
	int fd = accept4(harbour->listener, NULL, NULL, flags);

	if (fd >= 0 || errno != EMFILE)
		return fd < 0 ? -errno : fd;
	drop_spare(harbour, 0);
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

/* Takes the descriptor over. */
static void receive(struct cmd_harbour *harbour, int fd)
{
	const struct cmd_standing standing = stand(harbour, fd);
	enum request request = look_at(fd);

	if (request == UNFINISHED) {
		let_wait(harbour, fd, &standing);
		return;
	}
	if (request == GONE || !hand_over(harbour, fd, request, &standing))
		close(fd);
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
		if (fd >= 0)
			receive(harbour, fd);
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

/* Those that are due; when the next is. */
static struct minato_time turn_waiting(struct cmd_harbour *harbour, struct minato_time now)
{
	struct minato_time next = MINATO_NEVER;

	for (size_t i = 0; i < CMD_WAITING_MAX; i++) {
		struct cmd_waiting *one = &harbour->admitting.waiting[i];

		if (one->fd && now.ns >= one->until.ns)
			look_again(one, now);
		if (one->fd && one->until.ns < next.ns)
			next = one->until;
	}
	return next;
}

struct minato_time cmd_admitting_turn(struct cmd_harbour *harbour, struct minato_time now)
{
	struct cmd_admitting *admitting = &harbour->admitting;
	struct minato_time next = turn_waiting(harbour, now);

	if (now.ns >= admitting->again.ns) {
		admitting->again = MINATO_NEVER;
		cmd_admitting_go_on(harbour);
	}
	return next.ns < admitting->again.ns ? next : admitting->again;
}
