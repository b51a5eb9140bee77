/* SPDX-License-Identifier: BSD-2-Clause */
/* How this host's kernel chooses ports: asked by connect(), over loopback, in a narrow range. */
#include "cmd/see/entropy.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Linux 6.3; older headers lack it. */
#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif

#define RANGE_FILE "/proc/sys/net/ipv4/ip_local_port_range"
#define BACKLOG_FILE "/proc/sys/net/core/somaxconn"
#define BACKLOG 65535
/* Beside the sockets that are held. */
#define DESCRIPTORS_SPARE 64
#define PORTS_LEAST 256
#define SAMPLES 101
/* With all its bounds the child must be over by then. */
#define LIFE_S 60

/* What the child has. */
struct asking {
	struct cmd_kernel *out;
	int listener;
	struct sockaddr_in to;
	uint16_t low, high; /* the range in force */
	int *held;
	uint32_t count;
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int failed(struct asking *a, const char *what)
{
	int code = errno;

	snprintf(a->out->what, sizeof(a->out->what), "%s", what);
	return -code;
}

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

static bool raise_loopback(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_name = "lo" };
	bool done = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0;

	request.ifr_flags |= IFF_UP;
	done = done && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
	if (fd >= 0)
		close(fd);
	return done;
}

/* Into a network namespace of our own, as root or by a user namespace. */
static bool enter_own(void)
{
	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	return raise_loopback();
}

/* In a namespace of our own the range is a setting, elsewhere each socket's. */
static int set_range(struct asking *a, uint16_t low, uint16_t high)
{
	char text[32];

	a->low = low;
	a->high = high;
	if (!a->out->own)
		return 0;
	snprintf(text, sizeof(text), "%u %u", low, high);
	return write_text(RANGE_FILE, text) ? 0 : failed(a, "set ip_local_port_range");
}

/* Elsewhere than the ports that are chosen from: the next free one below them. */
static bool bind_below(struct asking *a)
{
	a->to = (struct sockaddr_in){ .sin_family = AF_INET };
	a->to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (uint16_t port = CMD_KERNEL_LOW - 1; port >= 1024; port--) {
		a->to.sin_port = htons(port);
		if (bind(a->listener, (struct sockaddr *)&a->to, sizeof(a->to)) == 0)
			return true;
	}
	return false;
}

static int listen_there(struct asking *a)
{
	a->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (a->listener < 0 || !bind_below(a) || listen(a->listener, BACKLOG) < 0)
		return failed(a, "listen on loopback");
	return 0;
}

static int make_client(const struct asking *a)
{
	uint32_t range = (uint32_t)a->high << 16 | a->low;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && !a->out->own &&
	    setsockopt(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &range, sizeof(range)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool connect_there(const struct asking *a, int fd)
{
	return connect(fd, (const struct sockaddr *)&a->to, sizeof(a->to)) == 0;
}

/* By RST at once, so that the port is free again. */
static void drop(int fd)
{
	struct linger now = { .l_onoff = 1 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static void accept_all(const struct asking *a)
{
	int fd;

	while ((fd = accept4(a->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		drop(fd);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in local = { 0 };
	socklen_t size = sizeof(local);

	(void)getsockname(fd, (struct sockaddr *)&local, &size);
	return ntohs(local.sin_port);
}

/* ---- which port ---- */

static int record(struct asking *a, size_t picks)
{
	int64_t end = now_ns() + CMD_KERNEL_PICKS_MS * INT64_C(1000000);
	int result = set_range(a, CMD_KERNEL_LOW, CMD_KERNEL_LOW + MEASURE_GAME_PORTS - 1);

	a->out->low = CMD_KERNEL_LOW;
	while (result == 0 && a->out->count < picks && now_ns() < end) {
		int fd = make_client(a);

		if (fd < 0 || !connect_there(a, fd)) {
			result = failed(a, "connect over loopback");
		} else {
			uint16_t port = port_of(fd);

			if (port < a->low || port > a->high)
				result = -ERANGE;
			a->out->symbol[a->out->count++] = (uint16_t)(port - a->low);
		}
		if (fd >= 0)
			drop(fd);
		accept_all(a);
	}
	return result;
}

/* ---- what the choice costs ---- */

/* Binds to a port that the kernel just chose and lost again: it is free. */
static bool bind_to(int fd, uint16_t port)
{
	struct sockaddr_in local = { .sin_family = AF_INET, .sin_port = htons(port) };
	int on = 1;

	local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	       bind(fd, (struct sockaddr *)&local, sizeof(local)) == 0;
}

/* Connects, by the kernel's choice or from `port`, and drops it; the ns, or -1. */
static double time_connect(const struct asking *a, uint16_t *port)
{
	int fd = make_client(a);
	int64_t start = now_ns();
	bool done = fd >= 0 && (*port == 0 || bind_to(fd, *port)) && connect_there(a, fd);
	int64_t end = now_ns();

	if (done)
		*port = port_of(fd);
	if (fd >= 0)
		drop(fd);
	return done ? (double)(end - start) : -1;
}

/* The median difference between a choice and the same port given, at what is held now. */
static int time_choice(struct asking *a, double *choice_ns)
{
	double choice[SAMPLES], given[SAMPLES];

	for (int i = 0; i < SAMPLES; i++) {
		uint16_t port = 0;

		choice[i] = time_connect(a, &port);
		given[i] = choice[i] < 0 ? -1 : time_connect(a, &port);
		if (given[i] < 0)
			return failed(a, "connect from a port of the range");
	}
	a->out->cost.connect_ns = measure_median(given, SAMPLES);
	*choice_ns = measure_median(choice, SAMPLES) - a->out->cost.connect_ns;
	/* Less than the two differ by themselves. */
	if (*choice_ns < 1)
		*choice_ns = 1;
	return 0;
}

static int hold_until(struct asking *a, uint32_t count, int64_t end)
{
	while (a->count < count) {
		int fd;

		if (now_ns() >= end)
			return -ETIMEDOUT;
		fd = make_client(a);
		if (fd < 0 || !connect_there(a, fd)) {
			int result = failed(a, "hold connections over loopback");

			if (fd >= 0)
				close(fd);
			return result;
		}
		a->held[a->count++] = fd;
	}
	return 0;
}

/* As wide as descriptors allow; the other ends wait to be accepted, and need none. */
static uint32_t ports_allowed(const struct asking *a)
{
	struct rlimit limit = { 1024, 1024 };
	uint32_t most = CMD_KERNEL_PORTS_MAX;

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < DESCRIPTORS_SPARE)
		return 0;
	if (limit.rlim_cur < most + DESCRIPTORS_SPARE)
		most = (uint32_t)limit.rlim_cur - DESCRIPTORS_SPARE;
	/* The host's backlog bounds what waits, dead ones included; somaxconn is 4096 since Linux
	   5.4. */
	if (!a->out->own && most > 2000)
		most = 2000;
	return most / 2 * 2;
}

static int time_all(struct asking *a)
{
	struct cmd_kernel_cost *cost = &a->out->cost;
	int64_t end = now_ns() + CMD_KERNEL_COST_MS * INT64_C(1000000);
	int result = 0;

	cost->ports = ports_allowed(a);
	if (cost->ports < PORTS_LEAST) {
		errno = EMFILE;
		return failed(a, "too few descriptors (ulimit -n)");
	}
	result = set_range(a, CMD_KERNEL_LOW, (uint16_t)(CMD_KERNEL_LOW + cost->ports - 1));
	a->held = calloc(cost->ports, sizeof(*a->held));
	if (result == 0 && !a->held)
		result = -ENOMEM;
	for (int level = 0; level < MEASURE_LEVELS && result == 0; level++) {
		result = hold_until(a, (uint32_t)(measure_levels[level] * cost->ports), end);
		if (result == 0)
			result = time_choice(a, &cost->level_ns[level]);
		if (measure_levels[level] < 0.5 || cost->half_ns > 0 || result < 0)
			continue;
		result = hold_until(a, (uint32_t)(0.51 * cost->ports), end);
		if (result == 0)
			result = time_choice(a, &cost->half_ns);
	}
	cost->filled = a->count;
	/* What the time did not allow is left out. */
	return result == -ETIMEDOUT && cost->half_ns > 0 ? 0 : result;
}

static int ask(struct cmd_kernel *out, size_t picks)
{
	struct asking a = { .out = out };
	int result;

	out->own = enter_own();
	if (out->own)
		(void)write_text(BACKLOG_FILE, "65535");
	result = listen_there(&a);
	if (result == 0)
		result = record(&a, picks);
	return result == 0 ? time_all(&a) : result;
}

struct cmd_kernel *cmd_kernel_measure(size_t picks, struct drive_error *error)
{
	struct cmd_kernel *out =
		mmap(NULL, sizeof(*out), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t parent = getpid(), child;
	int status;

	if (out == MAP_FAILED) {
		drive_fail(error, errno, "out of memory");
		return NULL;
	}
	if (picks > CMD_KERNEL_PICKS_MAX)
		picks = CMD_KERNEL_PICKS_MAX;
	out->result = -EINTR;
	child = fork();
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(LIFE_S);
		if (getppid() == parent)
			out->result = ask(out, picks);
		_exit(0);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (child > 0 && out->result == 0)
		return out;
	if (out->result == -ENOPROTOOPT)
		drive_fail(error, ENOPROTOOPT,
			   "the kernel's choice cannot be measured: it needs a network namespace "
			   "of its own (user namespaces, or root), or Linux 6.3");
	else
		drive_fail(error, -out->result, "the kernel's choice cannot be measured: %s: %s",
			   *out->what ? out->what : "no end within a minute",
			   strerror(-out->result));
	cmd_kernel_free(out);
	return NULL;
}

void cmd_kernel_free(struct cmd_kernel *kernel)
{
	if (kernel)
		munmap(kernel, sizeof(*kernel));
}
