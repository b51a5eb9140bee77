/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Newcomers: one every few milliseconds, each from an address that was not seen before. They come
 * whatever became of the others, so that those that wait long count as much as those that do not.
 */
#include "yard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EACH_S 0.004
#define UNDER_WAY 1024u

struct newcomer {
	int fd; /* 0: none */
	bool open;
	double begun;
	uint64_t bytes;
};

static struct newcomer all[UNDER_WAY];

static void note(struct yard_comers *c, double took_s)
{
	if (c->count < YARD_TIMES_MAX)
		c->us[c->count++] = (uint32_t)(took_s * 1e6);
}

static void leave(const struct yard_plan *plan, struct yard_comers *c, struct newcomer *n)
{
	const struct linger none = { 1, 0 };

	if (!n->open)
		note(c, YARD_PATIENCE_MS / 1e3);
	c->bytes += n->bytes;
	c->failed += n->bytes != plan->response;
	if (n->bytes != plan->response)
		(void)setsockopt(n->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(n->fd);
	*n = (struct newcomer){ 0 };
}

/* False: there is no place for another, who is then not counted. */
static bool come(const struct yard_plan *plan, int epoll, uint32_t address)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons(plan->port),
					.sin_addr = { htonl(plan->address) } };
	const struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr = { htonl(address) } };
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET };
	const double begun = seconds();
	uint32_t i = 0;
	int fd;

	while (i < UNDER_WAY && all[i].fd)
		i++;
	fd = i < UNDER_WAY ? socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
	if (fd < 0)
		return false;
	e.data.u32 = i;
	if (bind(fd, (const struct sockaddr *)&from, sizeof(from)) < 0 ||
	    (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS) ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0) {
		close(fd);
		return false;
	}
	all[i] = (struct newcomer){ .fd = fd, .begun = begun };
	return true;
}

static void go_on(const struct yard_plan *plan, struct yard_comers *c, struct newcomer *n,
		  uint32_t events)
{
	static char data[65536];
	ssize_t got = -1;

	if (!n->open && (events & EPOLLOUT) && !(events & (EPOLLERR | EPOLLHUP))) {
		n->open = true;
		note(c, seconds() - n->begun);
		(void)!send(n->fd, plan->question, strlen(plan->question), MSG_NOSIGNAL);
	}
	while (n->open && n->bytes < plan->response &&
	       (got = recv(n->fd, data, sizeof(data), 0)) > 0)
		n->bytes += (uint64_t)got;
	if (n->bytes == plan->response || got == 0 || (events & (EPOLLERR | EPOLLHUP)))
		leave(plan, c, n);
}

/* The n-th of them: in the lower half of each /16 of a /12. */
static uint32_t address_of(const struct yard_plan *plan, uint32_t n)
{
	return plan->strangers + ((n & 0x78000) << 1 | (n & 0x7fff));
}

/* How many are still under way. */
static uint32_t lose_patience(const struct yard_plan *plan, struct yard_comers *c)
{
	const double now = seconds();
	uint32_t left = 0;

	for (uint32_t i = 0; i < UNDER_WAY; i++) {
		if (all[i].fd && now - all[i].begun > YARD_PATIENCE_MS / 1e3)
			leave(plan, c, &all[i]);
		left += all[i].fd > 0;
	}
	return left;
}

_Noreturn void yard_newcomers(const struct yard_plan *plan, struct yard_comers *c, double until)
{
	static uint32_t seen; /* of a run before nobody knows */
	const int epoll = epoll_create1(EPOLL_CLOEXEC);
	const uint32_t first = (uint32_t)(uint64_t)(seconds() * 1000);
	struct epoll_event events[64];
	double next = seconds();

	while (seconds() < until || lose_patience(plan, c) > 0) {
		for (; next < until && next <= seconds(); next += EACH_S)
			c->asked += come(plan, epoll, address_of(plan, first + seen++));
		const int count = epoll_wait(epoll, events, 64, 1);

		for (int i = 0; i < count; i++)
			if (all[events[i].data.u32].fd)
				go_on(plan, c, &all[events[i].data.u32], events[i].events);
	}
	_exit(0);
}
