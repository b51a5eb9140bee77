/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two servers of one kind, the library's over a packet socket and the kernel's: each takes all
 * connections that come, answers a question when it is whole, and waits for ever.
 */
#include "yard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drive/drive.h"
#include "minato/minato.h"

#define FRAMES 256u
#define FILES_MAX 4096u /* descriptors of the kernel's server */
#define QUESTION_MAX 64u

static char response[YARD_RESPONSE_MAX];

struct server {
	const struct yard_plan *plan;
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

/* --- the library's ----------------------------------------------------------------------------- */

/* The word of a socket: bytes of the question that came, then of the answer that went. */
static void go_on(struct server *s, uint64_t socket, uint64_t done)
{
	const uint64_t asked = strlen(s->plan->question), all = asked + s->plan->response;
	char question[QUESTION_MAX];
	int64_t n = 1;

	while (done < asked && n > 0) {
		n = minato_recv(s->host, socket, question, asked - done, 0);
		done += n > 0 ? (uint64_t)n : 0;
	}
	while (done >= asked && done < all && n > 0) {
		n = minato_send(s->host, socket, response, all - done, 0);
		done += n > 0 ? (uint64_t)n : 0;
	}
	if ((n <= 0 && n != -EAGAIN) || done == all)
		minato_close(s->host, socket);
	else
		minato_set_user(s->host, socket, done);
}

static void serve(struct server *s)
{
	struct minato_event e;
	uint64_t socket;

	while (minato_event(s->host, &e)) {
		if (e.socket == s->listener)
			while (minato_accept(s->host, s->listener, &socket, NULL) == 0)
				go_on(s, socket, 0);
		else if (e.ready & (MINATO_ERROR | MINATO_HANGUP))
			minato_close(s->host, e.socket);
		else
			go_on(s, e.socket, e.user);
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

static struct minato_addr addr_of(uint32_t address)
{
	return minato_addr4((uint8_t)(address >> 24), (uint8_t)(address >> 16),
			    (uint8_t)(address >> 8), (uint8_t)address);
}

static void make_host(struct server *s, const struct drive_link_ends *ends)
{
	const struct minato_addr us = addr_of(s->plan->address), none = addr_of(0);
	const struct minato_addr via = addr_of(s->plan->via);
	const struct minato_endpoint local = { us, s->plan->port };
	struct minato_config config;
	void *memory;
	size_t size;

	minato_config_init(&config);
	insist(drive_seed(config.seed, sizeof(config.seed)), "seed", NULL);
	if (s->plan->room)
		config.sockets_max = s->plan->room;
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
	if (s->plan->via)
		insist(minato_route_add(s->host, &none, 0, &via, 0), "route", NULL);
	insist(minato_socket(s->host, MINATO_TCP, 0, &s->listener), "socket", NULL);
	insist(minato_bind(s->host, s->listener, &local), "bind", NULL);
	insist(minato_listen(s->host, s->listener, s->plan->backlog), "listen", NULL);
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

_Noreturn void yard_serve_minato(const struct yard_plan *yard)
{
	const struct drive_link_plan plan = { .ifname = yard->ifname, .take = true };
	struct drive_link_ends ends;
	struct server s = { .plan = yard };
	struct drive_error error = { "" };
	sigset_t term;

	insist(drive_loop_new(&s.loop), "loop", NULL);
	insist(drive_link_make(&ends, &plan, &error), yard->ifname, &error);
	insist(drive_link_open(&s.link, &ends, 0), yard->ifname, NULL);
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

static int kernel_listener(const struct yard_plan *yard)
{
	const struct sockaddr_in at = { .sin_family = AF_INET,
					.sin_port = htons(yard->port),
					.sin_addr = { htonl(INADDR_ANY) } };
	const int one = 1;
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(fd, (int)yard->backlog) < 0)
		insist(-errno, "listener of the kernel", NULL);
	return fd;
}

static void kernel_go_on(const struct yard_plan *yard, int fd, uint64_t *done)
{
	const uint64_t asked = strlen(yard->question), all = asked + yard->response;
	char question[QUESTION_MAX];
	ssize_t n = 1;

	while (*done < asked && n > 0) {
		n = recv(fd, question, asked - *done, 0);
		*done += n > 0 ? (uint64_t)n : 0;
	}
	while (*done >= asked && *done < all && n > 0) {
		n = send(fd, response, all - *done, MSG_NOSIGNAL);
		*done += n > 0 ? (uint64_t)n : 0;
	}
	if (n == 0 || (n < 0 && errno != EAGAIN) || *done == all)
		close(fd);
}

_Noreturn void yard_serve_linux(const struct yard_plan *yard)
{
	static uint64_t done[FILES_MAX];
	const rlim_t files = yard->room ? yard->room : FILES_MAX;
	const struct rlimit room = { files, files };
	struct epoll_event e = { .events = EPOLLIN }, all[64];
	const int listener = kernel_listener(yard), epoll = epoll_create1(EPOLL_CLOEXEC);

	insist(setrlimit(RLIMIT_NOFILE, &room) < 0 ? -errno : 0, "open files", NULL);
	e.data.fd = listener;
	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
	for (;;) {
		const int count = epoll_wait(epoll, all, 64, -1);

		for (int i = 0; i < count; i++) {
			int fd = all[i].data.fd;

			if (fd != listener) {
				kernel_go_on(yard, fd, &done[fd]);
				continue;
			}
			while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
				done[fd] = 0;
				e.events = EPOLLIN | EPOLLOUT | EPOLLET;
				e.data.fd = fd;
				(void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
			}
		}
	}
}
