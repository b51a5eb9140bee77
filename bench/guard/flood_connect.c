/* SPDX-License-Identifier: BSD-2-Clause */
/* Connections, each from another address, as many as one core can open; reset when they are. */
#include "flood.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define UNDER_WAY 512u
#define PATIENCE_S 1.0

struct call {
	int fd; /* 0: none */
	double begun;
};

static void hang_up(struct call *call)
{
	const struct linger none = { 1, 0 };

	(void)setsockopt(call->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(call->fd);
	call->fd = 0;
}

static void dial(int epoll, const struct flood_aim *aim, struct call *call, uint32_t index)
{
	static uint32_t last;
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons(FLOOD_PORT),
					.sin_addr = { htonl(aim->destination) } };
	const struct sockaddr_in from = {
		.sin_family = AF_INET,
		.sin_addr = { htonl(aim->strangers | (last++ & 0xfffff)) },
	};
	struct epoll_event e = { .events = EPOLLOUT, .data.u32 = index };
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	*call = (struct call){ fd, seconds() };
	if (bind(fd, (const struct sockaddr *)&from, sizeof(from)) < 0 ||
	    (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS) ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		hang_up(call);
}

_Noreturn void flood_connect(const struct flood_aim *aim, volatile uint64_t *sent)
{
	static struct call calls[UNDER_WAY];
	const struct rlimit many = { 2 * UNDER_WAY, 2 * UNDER_WAY };
	const int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[UNDER_WAY];

	if (setrlimit(RLIMIT_NOFILE, &many) < 0 || epoll < 0)
		_exit(1);
	for (;;) {
		const double now = seconds();
		int count;

		for (uint32_t i = 0; i < UNDER_WAY; i++) {
			if (calls[i].fd && now - calls[i].begun > PATIENCE_S)
				hang_up(&calls[i]);
			if (!calls[i].fd)
				dial(epoll, aim, &calls[i], i);
		}
		count = epoll_wait(epoll, events, UNDER_WAY, 1);
		for (int i = 0; i < count; i++) {
			*sent += !(events[i].events & EPOLLERR);
			hang_up(&calls[events[i].data.u32]);
		}
	}
}
