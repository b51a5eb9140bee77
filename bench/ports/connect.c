/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel's own choice of a port costs: connect() of a socket without
 * a port, less connect() of one bound to a port of its caller's choice, both
 * over loopback to the same listener, while one destination holds five eighths
 * of a narrowed range. In a network namespace of its own, as any user may make
 * one; the range is narrowed there alone, and as far as the descriptors of one
 * process reach.
 */
#include "ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure/measure.h"

#define LISTENER 900u
#define EXPLICIT 2000u /* ports outside the range, from here on */
#define SAMPLES 64u

static bool write_file(const char *path, const char *text)
{
	const int fd = open(path, O_WRONLY | O_CLOEXEC);
	const bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool enter_namespace(void)
{
	char range[32];

	snprintf(range, sizeof(range), "%u %u", CONNECT_LOW, CONNECT_HIGH);
	return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 &&
	       write_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0") &&
	       write_file("/proc/sys/net/ipv4/ip_local_port_range", range) && raise_loopback();
}

static bool raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return false;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > CONNECT_HELD + 200;
}

static struct sockaddr_in loopback(unsigned port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static int listen_there(void)
{
	const struct sockaddr_in at = loopback(LISTENER);
	const int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (s < 0 || bind(s, (const struct sockaddr *)&at, sizeof(at)) != 0 || listen(s, 64) != 0)
		return -1;
	return s;
}

/*
 * Connects, from `port` if it is not 0, and has the other end accepted and
 * closed: ours then holds the port with one descriptor. Writes what connect()
 * took. Returns the socket or -1.
 */
static int connect_once(int listener, unsigned port, double *ns)
{
	const struct sockaddr_in from = loopback(port), to = loopback(LISTENER);
	const int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	double start;
	int other;

	if (s < 0 || (port != 0 && bind(s, (const struct sockaddr *)&from, sizeof(from)) != 0))
		return -1;
	start = now_ns();
	if (connect(s, (const struct sockaddr *)&to, sizeof(to)) != 0)
		return -1;
	*ns = now_ns() - start;
	other = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (other < 0)
		return -1;
	close(other);
	return s;
}

/* Frees the port at once, by a RST. */
static void drop(int s)
{
	const struct linger at_once = { .l_onoff = 1 };

	setsockopt(s, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(s);
}

/* In the child. -1: it did not work, errno says why. */
static double measure(void)
{
	double chosen[SAMPLES], given[SAMPLES], ns;
	int listener;

	if (!raise_limit()) {
		errno = EMFILE;
		return -1;
	}
	if (!enter_namespace())
		return -1;
	listener = listen_there();
	if (listener < 0)
		return -1;
	for (unsigned i = 0; i < CONNECT_HELD; i++) {
		if (connect_once(listener, 0, &ns) < 0)
			return -1;
	}
	for (unsigned i = 0; i < SAMPLES; i++) {
		const int a = connect_once(listener, 0, &chosen[i]);
		const int b = connect_once(listener, EXPLICIT + i, &given[i]);
		if (a < 0 || b < 0)
			return -1;
		drop(a);
		drop(b);
	}
	say("connect(): %.0f ns with the kernel's choice, %.0f ns with a port given",
	    measure_median(chosen, SAMPLES), measure_median(given, SAMPLES));
	return measure_median(chosen, SAMPLES) - measure_median(given, SAMPLES);
}

double connect_choice_ns(void)
{
	double result = -1;
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	child = fork();
	if (child == 0) {
		result = measure();
		if (result < 0)
			say("connect() cannot be measured: %s", strerror(errno));
		_exit(write(ends[1], &result, sizeof(result)) == sizeof(result) ? 0 : 1);
	}
	close(ends[1]);
	if (child < 0 || read(ends[0], &result, sizeof(result)) != sizeof(result))
		result = -1;
	close(ends[0]);
	if (child > 0)
		waitpid(child, NULL, 0);
	return result;
}
