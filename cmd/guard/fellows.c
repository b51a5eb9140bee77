/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Other guests of this user that rules name: the keeper's side. Each guest has a roll
 * (relay/roll.c) of its own sockets and of what it has published. The keeper of a guest that names
 * another asks for it at the control socket, gives it to its worker, and keeps the connection: its
 * end is the end of the other guest. A socket there may be made by any process of this user, also
 * by one in a guest: whoever listens there has to be beside us.
 *
 *   keeper of db   ------- "roll" ------->  keeper of web
 *        | FELLOW  <-- the roll's memory --
 *   worker of db
 */
#include "cmd/conf.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/kernel.h"

#define NS_PER_MS INT64_C(1000000)
/*
 * A control socket whose file is there and that does not listen yet is tried again, at first soon.
 * It is never given up: a process in a guest may be in the way for a time.
 */
#define AGAIN_MS 10
#define TRIES_MAX 200
#define LATER_MS 1000
/* How long a start waits for those that run already to answer. */
#define SETTLE_MS 300

static const char request[] = "{\"v\":1,\"request\":\"" CMD_ROLL_REQUEST "\"}\n";

/*
 * A guest's keeper says who it is: a process in that guest could have moved its socket to another
 * one's name.
 */
#define REPLY_SIZE (DRIVE_NAME_SIZE + 64)
static size_t reply(char text[REPLY_SIZE], const char *guest)
{
	return (size_t)snprintf(text, REPLY_SIZE, "{\"v\":1,\"done\":true,\"guest\":\"%s\"}\n",
				guest);
}

/* ---- names ---- */

/*
 * A new place, as long as there is one; then the one that has been free for longest: what still
 * goes by its number is over by then. NULL: none is free.
 */
static struct cmd_fellow *free_place(struct cmd_fellows *fellows)
{
	struct cmd_fellow *found = NULL;

	if (fellows->count < CMD_FELLOWS_MAX)
		return &fellows->list[fellows->count++];
	for (size_t i = 0; i < fellows->count; i++) {
		struct cmd_fellow *one = &fellows->list[i];

		if (!one->name[0] && (!found || one->freed < found->freed))
			found = one;
	}
	return found;
}

int cmd_fellows_add(struct cmd_fellows *fellows, const char *name)
{
	struct cmd_fellow *fellow;

	if (cmd_fellows_number(fellows, name))
		return 0;
	if (strlen(name) >= DRIVE_NAME_SIZE)
		return -EINVAL;
	fellow = free_place(fellows);
	if (!fellow)
		return -ENOSPC;
	*fellow = (struct cmd_fellow){ .link = -1, .roll = -1 };
	(void)snprintf(fellow->name, sizeof(fellow->name), "%s", name);
	return 0;
}

uint16_t cmd_fellows_number(const struct cmd_fellows *fellows, const char *name)
{
	for (size_t i = 0; i < fellows->count; i++) {
		if (!strcmp(fellows->list[i].name, name))
			return (uint16_t)(i + 1);
	}
	return 0;
}

struct finding {
	struct cmd_ruling *ruling;
	const struct conf_statement *one; /* of which it failed */
	enum conf_part part;
};

static int add_word(void *user, size_t index, const struct conf_item *item)
{
	struct finding *finding = user;
	int result = cmd_fellows_add(&finding->ruling->fellows, item->word);

	if (result < 0) {
		finding->one = finding->ruling->conf.list[index];
		finding->part = item->sort == CONF_ITEM_FROM_WORD ? CONF_PART_SOURCE :
								    CONF_PART_TARGET;
	}
	return result;
}

int cmd_fellows_find(struct cmd_ruling *ruling, const char *guest,
		     const struct conf_statement **one, enum conf_part *part,
		     struct drive_error *error)
{
	struct finding finding = { .ruling = ruling };
	int result = conf_guests(&ruling->conf, guest, add_word, &finding);

	if (result == 0)
		return 0;
	*one = finding.one;
	*part = finding.part;
	return drive_fail(error, -result,
			  result == -ENOSPC ? "rules name more than %u other guests" :
			  result == -EINVAL ? "a guest's name is too long" :
					      "out of memory",
			  CMD_FELLOWS_MAX);
}

/* ---- names beside the guests that run ---- */

struct judging {
	const struct conf *conf;
	struct conf_report *report;
};

static int judge_name(void *user, size_t index, const struct conf_item *item)
{
	const struct judging *j = user;
	const struct conf_statement *s = j->conf->list[index];
	bool from = item->sort == CONF_ITEM_FROM_WORD;
	enum conf_part part = from ? CONF_PART_SOURCE : CONF_PART_TARGET;
	struct conf_fault *fault;

	if (cmd_fellows_runs(item->word))
		return 0;
	fault = judge_say(
		j->report, CONF_WARNING, s, part, 0,
		"no guest called %.63s runs now, and no zone or set is called so: %s until such a "
		"guest starts",
		item->word,
		s->rule.verb == CONF_ALLOW || s->rule.verb == CONF_LIMIT ? "nobody is meant" :
		from ? "programs of yours on this host, which could be it, are refused" :
		       "nobody is refused");
	judge_word(fault, item->word);
	return 0;
}

void cmd_fellows_judge(const struct conf *conf, const char *guest, struct conf_report *report)
{
	struct judging j = { conf, report };

	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];

		if ((s->kind == CONF_KIND_SET || s->kind == CONF_KIND_ZONE) &&
		    strcmp(s->set.name, guest) != 0 && cmd_fellows_runs(s->set.name))
			judge_say(
				report, CONF_ERROR, s, CONF_PART_SUBJECT, 0,
				"a guest that runs is called %s too, and rules could mean either: "
				"call this otherwise",
				s->set.name);
	}
	(void)conf_guests(conf, guest, judge_name, &j);
}

bool cmd_fellows_runs(const char *name)
{
	int fd = drive_runtime_name_ok(name) ? drive_runtime_try(name) : -ENOENT;

	if (fd >= 0)
		close(fd);
	return fd >= 0 || fd == -EAGAIN;
}

/* ---- what a worker is told ---- */

/* 0 or negative errno. */
static int tell(struct cmd_harbour *harbour, size_t index)
{
	struct cmd_fellow *fellow = &harbour->ruling.fellows.list[index];
	struct cmd_message message = { .kind = CMD_TELL_FELLOW, .number = (int)index + 1 };
	int result;

	if (harbour->hand.channel < 0)
		return 0;
	(void)snprintf(message.fellow.name, sizeof(message.fellow.name), "%s", fellow->name);
	result = cmd_channel_send(harbour->hand.channel, &message, &fellow->roll,
				  fellow->roll >= 0 ? 1 : 0);
	fellow->untold = result < 0;
	return result;
}

void cmd_fellows_tell(struct cmd_harbour *harbour)
{
	for (size_t i = 0; i < harbour->ruling.fellows.count; i++)
		(void)tell(harbour, i);
}

/* ---- a link to another guest's keeper ---- */

static void try_again(struct cmd_fellow *fellow, int result)
{
	bool soon = result != -ENOENT && fellow->tries < TRIES_MAX;

	fellow->tries += soon;
	fellow->again.ns = drive_now().ns + (soon ? AGAIN_MS : LATER_MS) * NS_PER_MS;
}

static void let_go(struct cmd_harbour *harbour, struct cmd_fellow *fellow)
{
	if (fellow->watch > 0)
		drive_loop_remove(harbour->loop, fellow->watch);
	if (fellow->link >= 0)
		close(fellow->link);
	if (fellow->roll >= 0)
		close(fellow->roll);
	fellow->link = fellow->roll = -1;
	fellow->watch = 0;
}

/* Another one of this name may be there already. */
static void part(struct cmd_harbour *harbour, struct cmd_fellow *fellow)
{
	bool had = fellow->roll >= 0;

	let_go(harbour, fellow);
	if (had)
		fellow->tries = 0;
	try_again(fellow, -ECONNREFUSED);
	if (had)
		(void)tell(harbour, (size_t)(fellow - harbour->ruling.fellows.list));
}

/* The descriptor that the guest of this name gives; anything else is -EPIPE. */
static int receive(int link, const char *guest)
{
	/* Room for one: the kernel closes what else came. */
	_Alignas(struct cmsghdr) uint8_t control[CMSG_LEN(sizeof(int))];
	char text[REPLY_SIZE + 1], wanted[REPLY_SIZE];
	struct iovec iov = { text, sizeof(text) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got = recvmsg(link, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c;
	int fd = -1;

	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -EPIPE;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len >= CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	/* Whoever has no roll to give is no guest. */
	if (fd >= 0 && (size_t)got == reply(wanted, guest) && !memcmp(text, wanted, (size_t)got))
		return fd;
	if (fd >= 0)
		close(fd);
	return -EPIPE;
}

static void link_ready(void *user, uint32_t events)
{
	struct cmd_fellow *fellow = user;
	struct cmd_harbour *harbour = fellow->harbour;
	int fd = receive(fellow->link, fellow->name);

	(void)events;
	if (fd == -EAGAIN)
		return;
	if (fd < 0 || fellow->roll >= 0 || !relay_roll_is(fd)) {
		if (fd >= 0)
			close(fd);
		part(harbour, fellow);
		return;
	}
	fellow->roll = fd;
	(void)tell(harbour, (size_t)(fellow - harbour->ruling.fellows.list));
}

/* Is it there? */
static void call(struct cmd_harbour *harbour, struct cmd_fellow *fellow)
{
	int fd;

	if (fellow->link >= 0 || !fellow->name[0])
		return;
	fellow->again = MINATO_NEVER;
	fd = drive_runtime_try(fellow->name);
	if (fd < 0) {
		try_again(fellow, fd);
		return;
	}
	if (!cmd_admitting_is_beside(harbour, fd) ||
	    send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) !=
		    (ssize_t)sizeof(request) - 1) {
		close(fd);
		try_again(fellow, -ECONNREFUSED);
		return;
	}
	fellow->harbour = harbour;
	fellow->link = fd;
	fellow->watch = drive_loop_add(harbour->loop, fd, EPOLLIN, link_ready, fellow);
	if (fellow->watch < 0)
		part(harbour, fellow);
}

/* ---- who comes ---- */

static struct cmd_fellow *fellow_of_file(struct cmd_fellows *fellows, const char *file)
{
	static const char suffix[] = ".sock";
	size_t size = strlen(file);

	for (size_t i = 0; i < fellows->count; i++) {
		size_t name = strlen(fellows->list[i].name);

		if (name && size == name + sizeof(suffix) - 1 && !strcmp(file + name, suffix) &&
		    !strncmp(file, fellows->list[i].name, name))
			return &fellows->list[i];
	}
	return NULL;
}

static void call_all(struct cmd_harbour *harbour)
{
	for (size_t i = 0; i < harbour->ruling.fellows.count; i++) {
		harbour->ruling.fellows.list[i].tries = 0;
		call(harbour, &harbour->ruling.fellows.list[i]);
	}
}

static void files_changed(void *user, uint32_t events)
{
	_Alignas(struct inotify_event) char buffer[4096];
	struct cmd_harbour *harbour = user;
	ssize_t got;

	(void)events;
	while ((got = read(harbour->ruling.fellows.files, buffer, sizeof(buffer))) > 0) {
		for (ssize_t at = 0; at < got;) {
			const struct inotify_event *event = (const void *)(buffer + at);
			struct cmd_fellow *fellow =
				event->len ? fellow_of_file(&harbour->ruling.fellows, event->name) :
					     NULL;

			if (event->mask & IN_Q_OVERFLOW)
				call_all(harbour);
			if (fellow) {
				fellow->tries = 0;
				call(harbour, fellow);
			}
			at += (ssize_t)(sizeof(*event) + event->len);
		}
	}
}

void cmd_fellows_meet(struct cmd_harbour *harbour)
{
	struct cmd_fellows *fellows = &harbour->ruling.fellows;

	if (fellows->count && fellows->files <= 0) {
		fellows->files = drive_runtime_watch();
		if (fellows->files > 0)
			fellows->files_watch = drive_loop_add(harbour->loop, fellows->files,
							      EPOLLIN, files_changed, harbour);
		if (fellows->files <= 0 || fellows->files_watch < 0)
			cmd_say("guests that start later than this one cannot be noticed: rules "
				"that name one hold for those that run now");
	}
	for (size_t i = 0; i < fellows->count; i++) {
		struct cmd_fellow *fellow = &fellows->list[i];

		if (fellow->met || !fellow->name[0])
			continue;
		fellow->met = true;
		(void)tell(harbour, i);
		call(harbour, fellow);
	}
}

struct naming {
	const struct cmd_fellows *fellows;
	bool named[CMD_FELLOWS_MAX];
};

static int mark_word(void *user, size_t index, const struct conf_item *item)
{
	struct naming *naming = user;
	uint16_t number = cmd_fellows_number(naming->fellows, item->word);

	(void)index;
	if (number)
		naming->named[number - 1] = true;
	return 0;
}

void cmd_fellows_forget(struct cmd_harbour *harbour)
{
	struct cmd_fellows *fellows = &harbour->ruling.fellows;
	struct naming naming = { .fellows = fellows };

	if (conf_guests(&harbour->ruling.conf, harbour->name, mark_word, &naming) < 0)
		return;
	for (size_t i = 0; i < fellows->count; i++) {
		struct cmd_fellow *fellow = &fellows->list[i];

		if (naming.named[i] || !fellow->name[0])
			continue;
		/* Nobody is told of its end: no rule is about it. */
		let_go(harbour, fellow);
		*fellow = (struct cmd_fellow){
			.link = -1,
			.roll = -1,
			.freed = ++fellows->freed,
		};
		(void)tell(harbour, i);
	}
}

static bool is_awaited(const struct cmd_fellows *fellows)
{
	for (size_t i = 0; i < fellows->count; i++) {
		if (fellows->list[i].link >= 0 && fellows->list[i].roll < 0)
			return true;
	}
	return false;
}

/* Before its command runs: who names this guest is served, and who is named has answered. */
void cmd_fellows_settle(struct cmd_harbour *harbour)
{
	struct minato_time now = drive_now();
	const int64_t until_ns = now.ns + SETTLE_MS * NS_PER_MS;
	int result = drive_loop_turn(harbour->loop, now);

	while (result >= 0 && is_awaited(&harbour->ruling.fellows) && now.ns < until_ns) {
		result = drive_loop_turn(harbour->loop,
					 (struct minato_time){ now.ns + AGAIN_MS * NS_PER_MS });
		now = drive_now();
	}
}

struct minato_time cmd_fellows_turn(struct cmd_harbour *harbour, struct minato_time now)
{
	struct cmd_fellows *fellows = &harbour->ruling.fellows;
	struct minato_time next = MINATO_NEVER;

	for (size_t i = 0; i < fellows->count; i++) {
		struct cmd_fellow *fellow = &fellows->list[i];

		if (fellow->again.ns && now.ns >= fellow->again.ns)
			call(harbour, fellow);
		if (fellow->untold && tell(harbour, i) < 0)
			next.ns = now.ns + AGAIN_MS * NS_PER_MS;
		if (fellow->again.ns && fellow->again.ns < next.ns)
			next = fellow->again;
	}
	return next;
}

/* ---- whoever asks for ours ---- */

static void leave(struct cmd_fellows *fellows, struct cmd_asker *asker)
{
	drive_loop_remove(asker->loop, asker->watch);
	close(asker->fd);
	asker->fd = 0;
	fellows->asker_count--;
}

/* Nothing more is to be said: it has gone. */
static void asker_ready(void *user, uint32_t events)
{
	struct cmd_asker *asker = user;

	(void)events;
	leave(asker->fellows, asker);
}

/* False: it is the caller's still. */
bool cmd_fellows_serve(struct cmd_harbour *harbour, int fd)
{
	struct cmd_fellows *fellows = &harbour->ruling.fellows;
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))] = { 0 };
	char text[REPLY_SIZE];
	struct iovec iov = { text, reply(text, harbour->name) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	struct cmd_asker *asker = NULL;
	char line[sizeof(request)];

	for (size_t i = 0; i < CMD_ASKERS_MAX && !asker; i++) {
		if (!fellows->askers[i].fd)
			asker = &fellows->askers[i];
	}
	if (!asker || fellows->own_fd <= 0)
		return false;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fellows->own_fd, sizeof(int));
	(void)recv(fd, line, sizeof(line), MSG_DONTWAIT);
	if (sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return false;
	*asker = (struct cmd_asker){ .fd = fd, .loop = harbour->loop, .fellows = fellows };
	asker->watch = drive_loop_add(harbour->loop, fd, EPOLLIN | EPOLLRDHUP, asker_ready, asker);
	fellows->asker_count++;
	if (asker->watch >= 0)
		return true;
	asker->fd = 0;
	fellows->asker_count--;
	return false;
}

/* ---- begin and end ---- */

void cmd_fellows_begin(struct cmd_harbour *harbour)
{
	struct cmd_fellows *fellows = &harbour->ruling.fellows;

	/* Without them others do not know this guest by its name, and it knows nobody. */
	if (relay_roll_new(&fellows->own_fd, &fellows->own) < 0)
		fellows->own_fd = 0;
	fellows->diag = kernel_cookie_open();
}

void cmd_fellows_end(struct cmd_harbour *harbour)
{
	struct cmd_fellows *fellows = &harbour->ruling.fellows;

	for (size_t i = 0; i < fellows->count; i++) {
		if (fellows->list[i].link >= 0)
			close(fellows->list[i].link);
		if (fellows->list[i].roll >= 0)
			close(fellows->list[i].roll);
	}
	for (size_t i = 0; i < CMD_ASKERS_MAX; i++) {
		if (fellows->askers[i].fd)
			close(fellows->askers[i].fd);
	}
	if (fellows->files > 0)
		close(fellows->files);
	if (fellows->own_fd > 0)
		close(fellows->own_fd);
	if (fellows->diag > 0)
		close(fellows->diag);
	relay_roll_close(fellows->own);
	*fellows = (struct cmd_fellows){ .count = 0 };
}
