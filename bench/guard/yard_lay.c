/* SPDX-License-Identifier: BSD-2-Clause */
/* The namespaces of a yard, the wires between them, and who serves there. */
#include "yard.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const names[YARD_PLACES] = {
	"YARD_SERVER",
	"YARD_CLIENT",
	"YARD_MIDDLE",
	"YARD_ATTACKER",
};

#define BEGIN "set -e; PATH=$PATH:/usr/sbin:/sbin; "
/* Cookies are the kernel's default; a machine may have it otherwise. */
#define ALL                                                                                        \
	"for p in \"$YARD_SERVER\" \"$YARD_CLIENT\" \"$YARD_MIDDLE\" \"$YARD_ATTACKER\"; do"       \
	" [ -z \"$p\" ] || nsenter --net=\"$p\" sh -c 'ip link set lo up;"                         \
	" sysctl -qw net.ipv4.tcp_syncookies=1 || true'; done\n"
/*
 * What comes for the client is received on its own processor, as by a host of its own: else what an
 * attacker's kernel does with answers would be done in the time of whoever answers.
 */
#define WORDS                                                                                      \
	"at() { eval \"p=\\$YARD_$1\"; shift; nsenter --net=\"$p\" \"$@\"; }\n"                    \
	"apart() { [ $1 != CLIENT ] || at $1 unshare -m sh -c 'mount -t sysfs none /sys && "       \
	"echo 1 >/sys/class/net/'$2'/queues/rx-0/rps_cpus'; }\n"                                   \
	"wire() { eval \"p=\\$YARD_$3\"; at $1 ip link add $2 type veth peer name $4 "             \
	"${5:+address $5} netns \"$p\"; at $1 ip link set $2 up; at $3 ip link set $4 up; "        \
	"apart $1 $2; }\n"

/* Around what runs in the middle: a directory for it, and its words where it failed. */
#define RUN                                                                                        \
	"umask 077; d=$(mktemp -d); child=; export d; export XDG_RUNTIME_DIR=$d;"                  \
	"trap '[ -z \"$BENCH_TELL\" ] || \"$BENCH_MINATO\" nat counters >&2;"                      \
	"kill $child 2>/dev/null; wait $child; rm -rf $d' EXIT; trap exit TERM; ("
#define RUN_END ") >$d/log 2>&1 & child=$!; wait $child || { cat $d/log >&2; exit 1; }"

void yard_enter(const struct yard *yard, enum yard_place place, int core)
{
	cpu_set_t set;

	/* All of them alike, before what else the machine has to do. */
	(void)setpriority(PRIO_PROCESS, 0, -19);
	if (setns(yard->space[place], CLONE_NEWNET) < 0)
		_exit(1);
	CPU_ZERO(&set);
	CPU_SET((unsigned)core, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static bool lay_wires(const struct yard *yard)
{
	char script[4096];
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		(void)snprintf(script, sizeof(script), "%s%s%s%s", BEGIN, WORDS, ALL,
			       yard->plan->wires);
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

static bool make_places(struct yard *yard)
{
	const int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	bool made = home >= 0;
	char path[64];

	for (int i = 0; i < YARD_PLACES && made; i++) {
		unsetenv(names[i]);
		if (!(yard->plan->places & 1u << i))
			continue;
		yard->space[i] = fresh_namespace();
		made = yard->space[i] >= 0;
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), yard->space[i]);
		setenv(names[i], path, 1);
	}
	if (home >= 0 && (setns(home, CLONE_NEWNET) < 0 || close(home) < 0))
		made = false;
	if (!made)
		say("network namespaces cannot be made here; be root");
	return made;
}

/* SIGTERM, so that a shell can clean up behind itself. */
static void die_with_parent(void)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static pid_t run_middle(const struct yard *yard)
{
	pid_t child = fork();
	char script[4096];

	if (child != 0)
		return child;
	die_with_parent();
	yard_enter(yard, YARD_MIDDLE, 1);
	name_minato();
	(void)snprintf(script, sizeof(script), "%s%s%s%s", BEGIN, RUN, yard->plan->runs, RUN_END);
	execl("/bin/sh", "sh", "-c", script, (char *)NULL);
	_exit(127);
}

static pid_t run_server(const struct yard *yard)
{
	pid_t child = fork();

	if (child != 0)
		return child;
	die_with_parent();
	yard_enter(yard, YARD_SERVER, 1);
	if (yard->peer == YARD_LINUX || yard->plan->places & 1u << YARD_MIDDLE)
		yard_serve_linux(yard->plan);
	yard_serve_minato(yard->plan);
}

/* Whether a client comes through, within some seconds. */
static bool is_ready(const struct yard *yard)
{
	const double until = seconds() + 10;
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		yard_enter(yard, YARD_CLIENT, 0);
		while (seconds() < until) {
			if (yard_dial(yard->plan) >= 0)
				_exit(0);
			usleep(50000);
		}
		_exit(1);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

bool yard_lay(struct yard *yard, const struct yard_plan *plan, enum yard_peer peer)
{
	*yard = (struct yard){ .plan = plan, .peer = peer, .server = -1, .middle = -1 };
	for (int i = 0; i < YARD_PLACES; i++)
		yard->space[i] = -1;
	if (!make_places(yard))
		return false;
	setenv("YARD_KERNEL", peer == YARD_LINUX ? "1" : "", 1);
	if (!lay_wires(yard)) {
		say("%s: the wires cannot be laid (ip, of iproute2; nft)", plan->name);
		return false;
	}
	yard->server = run_server(yard);
	if (plan->runs && peer == YARD_MINATO)
		yard->middle = run_middle(yard);
	if (yard->server < 0 || !is_ready(yard)) {
		say("%s%s: nobody comes through", plan->name, peer == YARD_LINUX ? "_linux" : "");
		return false;
	}
	return true;
}

static void end(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

void yard_clear(struct yard *yard)
{
	end(yard->middle);
	end(yard->server);
	for (int i = 0; i < YARD_PLACES; i++)
		if (yard->space[i] >= 0)
			close(yard->space[i]);
}

static double own_memory_mb(pid_t pid)
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

static double each_below(pid_t pid, double (*what)(pid_t))
{
	double all = what(pid);
	char path[64];
	FILE *file;
	int child;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	file = fopen(path, "re");
	while (file && fscanf(file, "%d", &child) == 1)
		all += each_below(child, what);
	if (file)
		fclose(file);
	return all;
}

double yard_memory_mb(pid_t pid)
{
	return each_below(pid, own_memory_mb);
}

/* Its session's share of the processor, where that is for sessions. */
static double put_first(pid_t pid)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/autogroup", (int)pid);
	file = fopen(path, "we");
	if (!file)
		return 0;
	fputs("-20", file);
	fclose(file);
	return 1;
}

void yard_put_first(pid_t pid)
{
	if (!getenv("BENCH_BUSY"))
		each_below(pid, put_first);
}
