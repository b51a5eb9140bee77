/* SPDX-License-Identifier: BSD-2-Clause */
#include "yard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENTS 4

/* Written by the children. */
struct shared {
	volatile uint64_t sent;
	struct yard_comers client[CLIENTS], newcomer;
};

/* --- clients ---------------------------------------------------------------------------------- */

static double now_us(void)
{
	return seconds() * 1e6;
}

/* Waits until it is writable, or -1. */
int yard_dial(const struct yard_plan *plan)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons(plan->port),
					.sin_addr = { htonl(plan->address) } };
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int error = 0;
	socklen_t len = sizeof(error);

	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)
		error = errno;
	if (error == 0 && poll(&p, 1, YARD_PATIENCE_MS) == 1)
		(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	else
		error = ETIMEDOUT;
	if (error == 0)
		return fd;
	close(fd);
	return -1;
}

/* Bytes of the answer. */
static uint64_t ask(const struct yard_plan *plan, int fd)
{
	static char data[65536];
	const size_t len = strlen(plan->question);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t bytes = 0;
	ssize_t got;

	if (send(fd, plan->question, len, MSG_NOSIGNAL) != (ssize_t)len)
		return 0;
	while (bytes < plan->response && poll(&p, 1, YARD_PATIENCE_MS) == 1) {
		got = recv(fd, data, sizeof(data), 0);
		if (got <= 0)
			break;
		bytes += (uint64_t)got;
	}
	return bytes;
}

static _Noreturn void be_client(const struct yard_plan *plan, struct yard_comers *c, double until)
{
	while (seconds() < until) {
		const double begun = now_us();
		const int fd = yard_dial(plan);
		uint64_t bytes = 0;

		if (fd >= 0) {
			if (c->count < YARD_TIMES_MAX)
				c->us[c->count++] = (uint32_t)(now_us() - begun);
			bytes = ask(plan, fd);
			close(fd);
		}
		c->bytes += bytes;
		c->asked++;
		c->failed += bytes != plan->response;
	}
	_exit(0);
}

static int by_size(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double median(const struct yard_comers *of, int kinds)
{
	static uint32_t all[CLIENTS * YARD_TIMES_MAX];
	uint32_t count = 0;

	for (int i = 0; i < kinds; i++) {
		memcpy(all + count, of[i].us, of[i].count * sizeof(all[0]));
		count += of[i].count;
	}
	qsort(all, count, sizeof(all[0]), by_size);
	return count > 0 ? all[count / 2] : YARD_PATIENCE_MS * 1000.0;
}

/* In a child, which ends with us. */
static pid_t start(const struct yard *yard, enum yard_place place)
{
	pid_t child = fork();

	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		yard_enter(yard, place, 0);
	}
	return child;
}

static struct yard_result result_of(const struct shared *s)
{
	struct yard_result r = {
		.connect_us = median(s->client, CLIENTS),
		.newcomers = (double)s->newcomer.asked,
		.refused = (double)s->newcomer.failed,
		.newcomer_us = median(&s->newcomer, 1),
	};

	for (int i = 0; i < CLIENTS; i++) {
		r.bytes += (double)s->client[i].bytes;
		r.asked += (double)s->client[i].asked;
		r.failed += (double)s->client[i].failed;
	}
	return r;
}

struct yard_result yard_run(const struct yard *yard, int kind, double span)
{
	static struct shared *s;
	const struct yard_plan *plan = yard->plan;
	pid_t attacker, newcomer = -1, client[CLIENTS];
	struct yard_result r;
	double begun, mpps;

	if (!s)
		s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return (struct yard_result){ 0 };
	memset(s, 0, sizeof(*s));
	attacker = start(yard, plan->places & 1u << YARD_ATTACKER ? YARD_ATTACKER : YARD_CLIENT);
	if (attacker == 0) {
		plan->attack(kind, &s->sent);
		_exit(1);
	}
	usleep(kind == 0 ? 300000 : plan->lead_us);
	begun = seconds();
	s->sent = 0;
	if (plan->strangers && (newcomer = start(yard, YARD_CLIENT)) == 0)
		yard_newcomers(plan, &s->newcomer, begun + span);
	for (int i = 0; i < CLIENTS; i++) {
		client[i] = start(yard, YARD_CLIENT);
		if (client[i] == 0)
			be_client(plan, &s->client[i], begun + span);
	}
	for (int i = 0; i < CLIENTS; i++)
		waitpid(client[i], NULL, 0);
	mpps = (double)s->sent / (seconds() - begun) / 1e6;
	if (newcomer > 0)
		waitpid(newcomer, NULL, 0);
	kill(attacker, SIGKILL);
	waitpid(attacker, NULL, 0);
	r = result_of(s);
	r.mpps = mpps;
	return r;
}
