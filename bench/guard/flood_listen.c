/* SPDX-License-Identifier: BSD-2-Clause */
/* Two servers of the same kind: one of the library over a packet socket, one of the kernel's. */
#include "flood.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drive/drive.h"
#include "minato/minato.h"

#define FRAMES 256u

static char response[FLOOD_RESPONSE];

struct server {
	struct drive_loop *loop;
	struct minato *host;
	struct drive_link *link;
	uint64_t listener;
};

static void insist(int result, const char *what, const struct drive_error *error)
{
	if (result >= 0)
		return;
	say("%s: %s", what, error && error->text[0] ? error->text : strerror(-result));
	_exit(1);
}

static void accept_all(struct server *s)
{
	uint64_t socket;

	while (minato_accept(s->host, s->listener, &socket, NULL) == 0)
		;
}

/* A question is one segment, its answer fits the send buffer. */
static void answer(struct server *s, uint64_t socket)
{
	char question[64];
	const int64_t got = minato_recv(s->host, socket, question, sizeof(question), 0);

	if (got == -EAGAIN)
		return;
	if (got > 0)
		minato_send(s->host, socket, response, sizeof(response), 0);
	minato_close(s->host, socket);
}

static void serve(struct server *s)
{
	struct minato_event e;

	while (minato_event(s->host, &e)) {
		if (e.socket == s->listener)
			accept_all(s);
		else if (e.ready & MINATO_READABLE)
			answer(s, e.socket);
		else if (e.ready & (MINATO_HANGUP | MINATO_ERROR))
			minato_close(s->host, e.socket);
	}
}

static void ready(void *user, uint32_t events)
{
	struct server *s = user;

	(void)events;
	drive_link_read(s->link, s->host, drive_loop_now(s->loop));
}

static struct minato_time turn(void *user, struct minato_time now)
{
	static struct minato_frame_out frames[FRAMES];
	struct server *s = user;
	size_t count;

	minato_advance(s->host, now);
	serve(s);
	do {
		count = minato_output(s->host, now, frames, FRAMES);
		if (count > 0)
			drive_link_send(s->link, frames, count);
	} while (count == FRAMES);
	return minato_deadline(s->host);
}

static void make_host(struct server *s, const struct drive_link_ends *ends)
{
	const struct minato_addr us = minato_addr4(10, 9, 0, 1), none = minato_addr4(0, 0, 0, 0);
	const struct minato_addr via = minato_addr4(10, 9, 0, 2);
	const struct minato_endpoint local = { us, FLOOD_PORT };
	struct minato_config config;
	void *memory;
	size_t size;

	minato_config_init(&config);
	insist(drive_seed(config.seed, sizeof(config.seed)), "seed", NULL);
	config.link_count = 1;
	config.link[0] = (struct minato_link_config){ .type = MINATO_LINK_ETHERNET,
						      .mtu = ends->mtu,
						      .offloads = ends->offloads };
	memcpy(config.link[0].mac, ends->mac, 6);
	size = minato_size(&config);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	insist(size == 0 || memory == MAP_FAILED ? -ENOMEM : 0, "memory", NULL);
	insist(minato_create(memory, size, &config, drive_now(), &s->host), "host value", NULL);
	insist(minato_address_add(s->host, 0, &us, 24), "address", NULL);
	insist(minato_route_add(s->host, &none, 0, &via, 0), "route", NULL);
	insist(minato_socket(s->host, MINATO_TCP, 0, &s->listener), "socket", NULL);
	insist(minato_bind(s->host, s->listener, &local), "bind", NULL);
	insist(minato_listen(s->host, s->listener, FLOOD_BACKLOG), "listen", NULL);
}

/* What was counted, for who wonders about a figure. */
static void tell(void *user, const struct signalfd_siginfo *signal)
{
	struct server *s = user;
	struct drive_link_stats link;

	(void)signal;
	for (uint32_t i = 0; i < minato_counter_count(); i++)
		if (getenv("BENCH_TELL") && minato_counter(s->host, i))
			say("%s %lu", minato_counter_name(i),
			    (unsigned long)minato_counter(s->host, i));
	drive_link_stats(s->link, &link);
	if (getenv("BENCH_TELL"))
		say("in %lu (the kernel dropped %lu, shed %lu), out %lu (full %lu)",
		    (unsigned long)link.frames_in, (unsigned long)link.in_dropped,
		    (unsigned long)link.in_shed, (unsigned long)link.frames_out,
		    (unsigned long)link.out_full);
	_exit(0);
}

_Noreturn void flood_serve_minato(void)
{
	const struct drive_link_plan plan = { .ifname = "s0", .take = true };
	struct drive_link_ends ends;
	struct server s = { 0 };
	struct drive_error error = { "" };
	sigset_t term;

	insist(drive_loop_new(&s.loop), "loop", NULL);
	insist(drive_link_make(&ends, &plan, &error), "s0", &error);
	insist(drive_link_open(&s.link, &ends, 0), "s0", NULL);
	make_host(&s, &ends);
	insist((int)(drive_loop_add(s.loop, drive_link_fd(s.link), EPOLLIN, ready, &s) >> 62),
	       "watch", NULL);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	insist(drive_loop_signals(s.loop, &term, tell, &s), "signals", NULL);
	insist(drive_loop_hook(s.loop, turn, &s), "hook", NULL);
	insist(drive_loop_run(s.loop), "loop", NULL);
	_exit(0);
}

/* --- the kernel's ---------------------------------------------------------------------------- */

static int kernel_listener(void)
{
	const struct sockaddr_in at = { .sin_family = AF_INET,
					.sin_port = htons(FLOOD_PORT),
					.sin_addr = { htonl(INADDR_ANY) } };
	const int one = 1;
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(fd, FLOOD_BACKLOG) < 0)
		insist(-errno, "listener of the kernel", NULL);
	return fd;
}

static void kernel_answer(int fd)
{
	char question[64];

	if (read(fd, question, sizeof(question)) > 0) {
		const ssize_t sent = write(fd, response, sizeof(response));

		(void)sent;
	}
	close(fd);
}

_Noreturn void flood_serve_linux(void)
{
	struct epoll_event e = { .events = EPOLLIN }, all[64];
	const int listener = kernel_listener(), epoll = epoll_create1(EPOLL_CLOEXEC);

	e.data.fd = listener;
	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
	for (;;) {
		const int count = epoll_wait(epoll, all, 64, -1);

		for (int i = 0; i < count; i++) {
			int fd = all[i].data.fd;

			if (fd != listener) {
				kernel_answer(fd);
				continue;
			}
			while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
				e.data.fd = fd;
				(void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
			}
		}
	}
}
