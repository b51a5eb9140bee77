/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * minato ss beside iproute2's ss, over 15,000 sockets of a network namespace of our own: time, as
 * the median of rounds in which both take turns, and memory.
 */
#include "ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure/measure.h"

#define SOCKETS 15000
#define ROUNDS 15
#define CHILDREN_MAX 32

struct run {
	double ms[ROUNDS];
	long rss_kb; /* the most of any round */
};

/* ---- the sockets ---- */

/* Pairs over loopback, two sockets each; how many were made. */
static int make_pairs(int pairs)
{
	struct sockaddr_in name = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(name);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(listener, (struct sockaddr *)&name, length) < 0 || listen(listener, 16) < 0 ||
	    getsockname(listener, (struct sockaddr *)&name, &length) < 0)
		return 0;
	for (int i = 0; i < pairs; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0 || connect(fd, (struct sockaddr *)&name, length) < 0 ||
		    accept(listener, NULL, NULL) < 0)
			return i;
	}
	return pairs;
}

/* A child that holds so many pairs until it is ended; 0, or negative when it could not. */
static int hold(int pairs, pid_t *child)
{
	int ends[2];
	int made = 0;

	if (pipe(ends) < 0)
		return -1;
	*child = fork();
	if (*child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		made = make_pairs(pairs);
		(void)!write(ends[1], &made, sizeof(made));
		pause();
		_exit(0);
	}
	close(ends[1]);
	if (*child < 0 || read(ends[0], &made, sizeof(made)) != sizeof(made))
		made = -1;
	close(ends[0]);
	return made == pairs ? 0 : -1;
}

static int hold_all(pid_t *children, size_t *count)
{
	struct rlimit limit;
	int left = SOCKETS / 2;
	int each;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -1;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	each = limit.rlim_cur > 20000 ? 7500 : (int)(limit.rlim_cur - 32) / 2;
	for (*count = 0; left > 0 && *count < CHILDREN_MAX; left -= each) {
		if (hold(left < each ? left : each, &children[*count]) < 0)
			return -1;
		(*count)++;
	}
	return left > 0 ? -1 : 0;
}

/* ---- the programs ---- */

/* minato NULL: iproute2's. The exit code. */
static int run_once(const char *minato, struct run *run, int round)
{
	struct rusage usage;
	double begun = now_ns();
	int status;
	pid_t child = fork();

	if (child == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		(void)dup2(null, STDOUT_FILENO);
		(void)dup2(null, STDERR_FILENO);
		if (minato)
			(void)execl(minato, minato, "ss", "-n", (char *)NULL);
		else
			(void)execlp("ss", "ss", "-n", (char *)NULL);
		_exit(127);
	}
	if (child < 0 || wait4(child, &status, 0, &usage) != child || !WIFEXITED(status))
		return -1;
	run->ms[round] = (now_ns() - begun) / 1e6;
	if (usage.ru_maxrss > run->rss_kb)
		run->rss_kb = usage.ru_maxrss;
	return WEXITSTATUS(status);
}

/* The program that was built with us, or $MINATO. */
static const char *minato_path(char *path, size_t size)
{
	const char *named = getenv("MINATO");
	ssize_t length = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	path[length > 0 ? length : 0] = 0;
	for (int i = 0; i < 3 && (slash = strrchr(path, '/')) != NULL; i++)
		*slash = 0;
	if (strlen(path) + sizeof("/minato") <= size)
		strcat(path, "/minato");
	return named ? named : path;
}

static int measure(void)
{
	static struct run theirs, ours;
	char path[PATH_MAX];
	const char *minato = minato_path(path, sizeof(path));

	/* No guests but the host alone. */
	(void)setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
	for (int i = 0; i < ROUNDS; i++) {
		if (run_once(NULL, &theirs, i) != 0) {
			say("ss: skipped: no ss of iproute2 here");
			return 0;
		}
		if (run_once(minato, &ours, i) != 0) {
			say("ss: %s ss -n failed", minato);
			return -1;
		}
	}
	figure("ss_15000_ms", measure_median(ours.ms, ROUNDS), "ms");
	figure("ss_15000_iproute2_ms", measure_median(theirs.ms, ROUNDS), "ms");
	figure("ss_15000_vs_ss", measure_median(ours.ms, ROUNDS) / measure_median(theirs.ms, ROUNDS),
	       "times_as_long");
	figure("ss_15000_rss_kb", (double)ours.rss_kb, "kB");
	figure("ss_15000_iproute2_rss_kb", (double)theirs.rss_kb, "kB");
	return 0;
}

static int measure_inside(void)
{
	pid_t children[CHILDREN_MAX];
	size_t count = 0;
	int result;

	if ((unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) ||
	    !raise_loopback()) {
		say("ss: skipped: no network namespace to be had (%s)", strerror(errno));
		return 0;
	}
	result = hold_all(children, &count);
	if (result < 0)
		say("ss: cannot make %d sockets (%s)", SOCKETS, strerror(errno));
	else
		result = measure();
	while (count > 0)
		(void)kill(children[--count], SIGKILL);
	return result;
}

/* In a child, because the other groups stay in the namespace that they are in. */
int bench_ss(void)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(measure_inside() < 0 ? 1 : 0);
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}
