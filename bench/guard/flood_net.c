/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients that ask a server over a wire while somebody floods it. The flood and the clients share
 * processor 0, the server has 1. What clients get is held against what they get while the flooder
 * makes the same frames and sends none, so that both leave them as much of the processor.
 *
 *	flood_KIND_goodput	bytes that clients got, of those without a flood
 *	flood_KIND_connect	median of the time to connect, in the same way
 *	flood_KIND_sent_mpps	what was sent
 *	flood_memory_mb		what the server holds afterwards
 *
 * Each with _linux: the kernel's listener with its SYN cookies, in turn.
 */
#include "flood.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
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
static const char *const kinds[FLOODS] = { "none", "syn", "ack", "rst", "udp", "icmp", "fragment" };

/* Written by the children. */
struct shared {
	volatile uint64_t sent;
	struct client {
		uint64_t bytes, failed;
		uint32_t count;
		uint32_t us[TIMES_MAX]; /* to connect */
	} client[CLIENTS];
};
struct yard {
	int server, client; /* namespaces */
	pid_t pid;	    /* of the server */
	struct shared *shared;
};
struct result {
	double bytes, connect_us, mpps, failed;
};

static const char server_wires[] =
	"set -e; PATH=$PATH:/usr/sbin:/sbin;"
	"ip link add s0 address 02:00:00:00:09:01 type veth peer name c0 address 02:00:00:00:09:02 "
	"netns $FLOOD_CLIENT; ip link set lo up; ip link set s0 up;"
	"sysctl -qw net.ipv4.tcp_syncookies=1 || true;"
	"if [ \"$FLOOD_KERNEL\" ]; then ip addr add 10.9.0.1/24 dev s0;"
	"ip route add default via 10.9.0.2; fi";
static const char client_wires[] = "set -e; PATH=$PATH:/usr/sbin:/sbin; ip link set lo up;"
				   "ip link set c0 up; ip addr add 10.9.0.2/24 dev c0;"
				   "ip neigh add 10.9.0.1 lladdr 02:00:00:00:09:01 dev c0";

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
	setenv("FLOOD_CLIENT", path, 1);
	setenv("FLOOD_KERNEL", peer == LINUX ? "1" : "", 1);
	if (!run_in(yard->server, server_wires) || !run_in(yard->client, client_wires)) {
		say("the wire cannot be laid (ip, of iproute2)");
		return false;
	}
	yard->pid = fork();
	if (yard->pid == 0) {
		enter(yard->server, 1);
		if (peer == LINUX)
			flood_serve_linux();
		flood_serve_minato();
	}
	return yard->pid > 0;
}

/* --- clients ---------------------------------------------------------------------------------- */

static double now_us(void)
{
	return seconds() * 1e6;
}

/* Waits until it is writable, or -1. */
static int dial(void)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons(FLOOD_PORT),
					.sin_addr = { htonl(0x0a090001) } };
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
static uint64_t ask(int fd)
{
	static char data[65536];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t bytes = 0;
	ssize_t got;

	if (send(fd, "question", 8, MSG_NOSIGNAL) != 8)
		return 0;
	while (bytes < FLOOD_RESPONSE && poll(&p, 1, PATIENCE_MS) == 1) {
		got = recv(fd, data, sizeof(data), 0);
		if (got <= 0)
			break;
		bytes += (uint64_t)got;
	}
	return bytes;
}

static _Noreturn void be_client(struct client *c, double until)
{
	while (seconds() < until) {
		const double begun = now_us();
		const int fd = dial();
		uint64_t bytes = 0;

		if (fd >= 0) {
			if (c->count < TIMES_MAX)
				c->us[c->count++] = (uint32_t)(now_us() - begun);
			bytes = ask(fd);
			close(fd);
		}
		c->bytes += bytes;
		c->failed += bytes != FLOOD_RESPONSE;
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

static struct result run(struct yard *yard, enum flood kind, double span)
{
	struct shared *s = yard->shared;
	pid_t flooder, client[CLIENTS];
	struct result r = { 0 };
	double begun;

	memset(s, 0, sizeof(*s));
	flooder = fork();
	if (flooder == 0) {
		enter(yard->client, 0);
		flood_send(kind, &s->sent);
	}
	usleep(300000);
	begun = seconds();
	s->sent = 0;
	for (int i = 0; i < CLIENTS; i++) {
		client[i] = fork();
		if (client[i] == 0) {
			enter(yard->client, 0);
			be_client(&s->client[i], begun + span);
		}
	}
	for (int i = 0; i < CLIENTS; i++) {
		waitpid(client[i], NULL, 0);
		r.bytes += (double)s->client[i].bytes;
		r.failed += (double)s->client[i].failed;
	}
	r.mpps = (double)s->sent / (seconds() - begun) / 1e6;
	r.connect_us = median(s);
	kill(flooder, SIGKILL);
	waitpid(flooder, NULL, 0);
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

static void tell(enum peer peer, enum flood kind, const struct result *r, const struct result *idle)
{
	char name[64];

	snprintf(name, sizeof(name), "flood_%s_goodput%s", kinds[kind], suffix[peer]);
	figure(name, idle->bytes > 0 ? r->bytes / idle->bytes : 0, "ratio");
	snprintf(name, sizeof(name), "flood_%s_connect%s", kinds[kind], suffix[peer]);
	figure(name, idle->connect_us > 0 ? r->connect_us / idle->connect_us : 0, "ratio");
	snprintf(name, sizeof(name), "flood_%s_sent_mpps%s", kinds[kind], suffix[peer]);
	figure(name, r->mpps, "Mpps");
	if (r->failed > 0)
		say("flood %s%s: %.0f requests failed", kinds[kind], suffix[peer], r->failed);
}

static bool measure(struct yard *yard, enum peer peer, double span)
{
	struct result idle;
	char name[64];

	if (!lay(yard, peer))
		return false;
	run(yard, FLOOD_NONE, 0.3); /* neighbours, windows */
	idle = run(yard, FLOOD_NONE, span);
	if (idle.bytes <= 0) {
		say("no client was served%s", suffix[peer]);
		return false;
	}
	say("without a flood%s: %.0f MB/s, %.0f us to connect", suffix[peer],
	    idle.bytes / span / 1e6, idle.connect_us);
	for (int kind = FLOOD_SYN; kind < FLOODS; kind++) {
		struct result r;

		if (!flood_asked(kinds[kind]))
			continue;
		r = run(yard, (enum flood)kind, span);
		tell(peer, (enum flood)kind, &r, &idle);
	}
	snprintf(name, sizeof(name), "flood_memory_mb%s", suffix[peer]);
	figure(name, memory_mb(yard->pid), "MB");
	return true;
}

bool flood_asked(const char *part)
{
	const char *all = getenv("BENCH_FLOODS");

	return !all || strstr(all, part) != NULL;
}

int flood_net(void)
{
	const double span = (double)chosen("BENCH_SECONDS", 2);
	bool well = true;

	if (geteuid() != 0) {
		say("floods between namespaces need root");
		return -1;
	}
	for (int peer = 0; peer < PEERS; peer++) {
		struct yard yard = { .server = -1, .client = -1 };

		yard.shared = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		well = yard.shared != MAP_FAILED && measure(&yard, (enum peer)peer, span) && well;
		clear(&yard);
		munmap(yard.shared, sizeof(struct shared));
	}
	return well ? 0 : -1;
}
