/* SPDX-License-Identifier: BSD-2-Clause */
#include "yard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENTS 4
#define TIMES_MAX 65536u
#define PATIENCE_MS 3500

enum peer { MINATO, LINUX, PEERS };
static const char *const suffix[PEERS] = { "", "_linux" };

/* Written by the children. */
struct shared {
	volatile uint64_t sent;
	struct client {
		uint64_t bytes, asked, failed;
		uint32_t count;
		uint32_t us[TIMES_MAX]; /* to connect */
	} client[CLIENTS];
};
struct yard {
	const struct yard_plan *plan;
	int server, client; /* namespaces */
	pid_t pid;	    /* of the server */
	struct shared *shared;
};

static void enter(int space, int core)
{
	cpu_set_t set;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* All of them alike, before what else the machine has to do. */
	(void)setpriority(PRIO_PROCESS, 0, -19);
	if (setns(space, CLONE_NEWNET) < 0)
		_exit(1);
	CPU_ZERO(&set);
	CPU_SET((unsigned)core, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static bool run_in(int space, const char *script)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		enter(space, 0);
		execl("/bin/sh", "sh", "-c", script, (char *)NULL);
		_exit(127);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static int fresh_namespace(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

static void clear(struct yard *yard)
{
	if (yard->pid > 0) {
		kill(yard->pid, SIGTERM);
		waitpid(yard->pid, NULL, 0);
	}
	if (yard->server >= 0)
		close(yard->server);
	if (yard->client >= 0)
		close(yard->client);
}

static bool lay(struct yard *yard, enum peer peer)
{
	const int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	char path[64];

	yard->pid = -1;
	yard->server = fresh_namespace();
	yard->client = fresh_namespace();
	if (home < 0 || setns(home, CLONE_NEWNET) < 0 || yard->server < 0 || yard->client < 0) {
		say("network namespaces cannot be made here; be root");
		return false;
	}
	close(home);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), yard->client);
	setenv("YARD_CLIENT", path, 1);
	setenv("YARD_KERNEL", peer == LINUX ? "1" : "", 1);
	if (!run_in(yard->server, yard->plan->server_wires) ||
	    !run_in(yard->client, yard->plan->client_wires)) {
		say("the wire cannot be laid (ip, of iproute2)");
		return false;
	}
	yard->pid = fork();
	if (yard->pid == 0) {
		enter(yard->server, 1);
		if (peer == LINUX)
			yard_serve_linux(yard->plan);
		yard_serve_minato(yard->plan);
	}
	return yard->pid > 0;
}

/* --- clients ---------------------------------------------------------------------------------- */

static double now_us(void)
{
	return seconds() * 1e6;
}

/* Waits until it is writable, or -1. */
static int dial(const struct yard_plan *plan)
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
	if (error == 0 && poll(&p, 1, PATIENCE_MS) == 1)
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
	while (bytes < plan->response && poll(&p, 1, PATIENCE_MS) == 1) {
		got = recv(fd, data, sizeof(data), 0);
		if (got <= 0)
			break;
		bytes += (uint64_t)got;
	}
	return bytes;
}

static _Noreturn void be_client(const struct yard_plan *plan, struct client *c, double until)
{
	while (seconds() < until) {
		const double begun = now_us();
		const int fd = dial(plan);
		uint64_t bytes = 0;

		if (fd >= 0) {
			if (c->count < TIMES_MAX)
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

static double median(struct shared *s)
{
	static uint32_t all[CLIENTS * TIMES_MAX];
	uint32_t count = 0;

	for (int i = 0; i < CLIENTS; i++) {
		memcpy(all + count, s->client[i].us, s->client[i].count * sizeof(all[0]));
		count += s->client[i].count;
	}
	qsort(all, count, sizeof(all[0]), by_size);
	return count > 0 ? all[count / 2] : PATIENCE_MS * 1000.0;
}

static struct yard_result run(struct yard *yard, int kind, double span)
{
	struct shared *s = yard->shared;
	pid_t attacker, client[CLIENTS];
	struct yard_result r = { 0 };
	double begun;

	memset(s, 0, sizeof(*s));
	attacker = fork();
	if (attacker == 0) {
		enter(yard->client, 0);
		yard->plan->attack(kind, &s->sent);
		_exit(1);
	}
	usleep(kind == 0 ? 300000 : yard->plan->lead_us);
	begun = seconds();
	s->sent = 0;
	for (int i = 0; i < CLIENTS; i++) {
		client[i] = fork();
		if (client[i] == 0) {
			enter(yard->client, 0);
			be_client(yard->plan, &s->client[i], begun + span);
		}
	}
	for (int i = 0; i < CLIENTS; i++) {
		waitpid(client[i], NULL, 0);
		r.bytes += (double)s->client[i].bytes;
		r.asked += (double)s->client[i].asked;
		r.failed += (double)s->client[i].failed;
	}
	r.mpps = (double)s->sent / (seconds() - begun) / 1e6;
	r.connect_us = median(s);
	kill(attacker, SIGKILL);
	waitpid(attacker, NULL, 0);
	return r;
}

static double memory_mb(pid_t pid)
{
	char path[64];
	unsigned long size = 0, resident = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	file = fopen(path, "re");
	if (file && fscanf(file, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	if (file)
		fclose(file);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static bool measure(struct yard *yard, enum peer peer, double span)
{
	const struct yard_plan *plan = yard->plan;
	struct yard_result idle;
	char name[64];

	if (!lay(yard, peer))
		return false;
	run(yard, 0, 0.3); /* neighbours, windows */
	idle = run(yard, 0, span);
	if (idle.bytes <= 0) {
		say("no client was served%s", suffix[peer]);
		return false;
	}
	say("without an attack%s: %.0f MB/s, %.0f us to connect", suffix[peer],
	    idle.bytes / span / 1e6, idle.connect_us);
	for (int kind = 1; kind < plan->kinds; kind++) {
		struct yard_result r;

		if (plan->asked && !plan->asked(kind))
			continue;
		r = run(yard, kind, span);
		plan->tell(suffix[peer], kind, &r, &idle);
	}
	snprintf(name, sizeof(name), "%s_memory_mb%s", plan->name, suffix[peer]);
	figure(name, memory_mb(yard->pid), "MB");
	return true;
}

int yard_measure(const struct yard_plan *plan, double span)
{
	bool well = true;

	if (geteuid() != 0) {
		say("what is between namespaces needs root");
		return -1;
	}
	for (int peer = 0; peer < PEERS; peer++) {
		struct yard yard = { .plan = plan, .server = -1, .client = -1 };

		yard.shared = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		well = yard.shared != MAP_FAILED && measure(&yard, (enum peer)peer, span) && well;
		clear(&yard);
		munmap(yard.shared, sizeof(struct shared));
	}
	return well ? 0 : -1;
}
