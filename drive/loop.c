/* SPDX-License-Identifier: BSD-2-Clause */
/* The event loop: epoll, hooks with deadlines, signals. */
#include "drive/drive.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define BATCH 128
#define HOOKS_MAX 8
#define SLOTS_MAX (1u << 22)
#define SLOT_NONE UINT32_MAX

/*
 * Falling asleep and being woken cost more than a near answer takes to come. So after a small
 * exchange the loop goes on looking for a moment, on these conditions: the last such waits were as
 * short, there is a second processor on which the answer can be made meanwhile, no more programs
 * want to run than there are processors, and the scheduler has not lately given ours to another for
 * long: who looks is not taken for a sleeper that must be run at once when woken, so where
 * processors are scarce, sleeping is what serves.
 */
#define LINGER_NS 50000
#define GAP_MAX_NS 1000000	 /* what a long wait counts as: a few short ones make up for it */
#define GAP_WEIGHT 8		 /* the newest wait's share of the mean is 1/8 */
#define TAKEN_NS 1000000	 /* more than the two ends of the exchange need of our processor */
#define ABSTAIN_MIN_NS 100000000 /* then nothing of it for so long, and twice as long each time */
#define ABSTAIN_MAX_NS 3200000000
#define COUNT_NS 1000000 /* how often those that want to run are counted, at most */
#define CROWD_FULL 256	 /* of the counts, a share of 256 said that there are too many */
#define CROWD_WEIGHT 4	 /* the newest count's share of that is 1/4 */

#define KINDS_MAX 64u	 /* different callbacks; a program has a dozen */
#define SLOTS_STEP 1024u /* one watch takes 16 bytes: memory grows by four pages */
#define GENERATION_MAX ((1u << 24) - 1)

/*
 * A watch is a slot; its id is the slot's number below the slot's generation. Removal raises the
 * generation, so what epoll still reports for the old watch in this batch no longer matches.
 */
struct watch {
	union {
		void *user;
		uint32_t next_free;
	};
	int fd;
	uint32_t kind : 8;	  /* of the loop's callbacks, + 1; 0: free */
	uint32_t generation : 24; /* never 0: an id is positive */
};

struct hook {
	drive_hook_fn *call;
	void *user;
};

struct patience {
	int processors;	    /* that may run us */
	int crowd_fd;	    /* of /proc/loadavg, or -1 */
	int crowd;	    /* 0 to CROWD_FULL */
	int64_t counted_ns; /* when those that want to run were counted last */
	bool expecting;	    /* for the next wait */
	int64_t gap_ns;	    /* mean length of the waits in which something was expected */
	int64_t abstain_ns; /* length of the last abstention */
	int64_t until_ns;   /* its end */
	int64_t switches; /* involuntary ones, when the last look began; -1: the last wait slept */
	uint64_t looks;
};

struct drive_loop {
	int epoll;
	drive_ready_fn *kinds[KINDS_MAX];
	uint32_t kind_count;
	struct watch *slots;
	uint32_t slot_count; /* allocated */
	uint32_t free_head;
	struct hook hooks[HOOKS_MAX];
	size_t hook_count;
	int signal_fd; /* -1: none */
	drive_signal_fn *arrived;
	void *arrived_user;
	struct patience patience;
	struct minato_time now;
	bool stopped;
	int result;
};

static int64_t id_of(uint32_t slot, uint32_t generation)
{
	return (int64_t)((uint64_t)generation << 32 | slot);
}

static struct watch *watch_of(struct drive_loop *loop, uint64_t id)
{
	uint32_t slot = (uint32_t)id;

	if (slot >= loop->slot_count)
		return NULL;
	if (!loop->slots[slot].kind || loop->slots[slot].generation != id >> 32)
		return NULL;
	return &loop->slots[slot];
}

/* unsealed: sched_getaffinity */
static int count_processors(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

/* unsealed: epoll_create1 */
int drive_loop_new(struct drive_loop **out)
{
	struct drive_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		int error = errno;

		free(loop);
		return -error;
	}
	loop->signal_fd = -1;
	loop->free_head = SLOT_NONE;
	loop->patience.processors = count_processors();
	loop->patience.crowd_fd = -1;
	loop->patience.gap_ns = GAP_MAX_NS;
	loop->patience.switches = -1;
	loop->now = drive_now();
	*out = loop;
	return 0;
}

/* syscalls: close */
void drive_loop_free(struct drive_loop *loop)
{
	if (!loop)
		return;
	if (loop->signal_fd >= 0)
		close(loop->signal_fd);
	if (loop->patience.crowd_fd >= 0)
		close(loop->patience.crowd_fd);
	close(loop->epoll);
	free(loop->slots);
	free(loop);
}

static int grow(struct drive_loop *loop)
{
	uint32_t count = loop->slot_count ? loop->slot_count + SLOTS_STEP : 64;
	struct watch *slots;

	if (count > SLOTS_MAX)
		return -ENOSPC;
	slots = reallocarray(loop->slots, count, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	loop->slots = slots;
	for (uint32_t i = count; i-- > loop->slot_count;) {
		slots[i] =
			(struct watch){ .next_free = loop->free_head, .fd = -1, .generation = 1 };
		loop->free_head = i;
	}
	loop->slot_count = count;
	return 0;
}

/* The callback's number, or 0 when there are too many. */
static uint32_t kind_of(struct drive_loop *loop, drive_ready_fn *ready)
{
	uint32_t kind = 0;

	while (kind < loop->kind_count && loop->kinds[kind] != ready)
		kind++;
	if (kind == KINDS_MAX)
		return 0;
	if (kind == loop->kind_count)
		loop->kinds[loop->kind_count++] = ready;
	return kind + 1;
}

/* syscalls: epoll_ctl */
int64_t drive_loop_add(struct drive_loop *loop, int fd, uint32_t events, drive_ready_fn *ready,
		       void *user)
{
	struct epoll_event event = { .events = events };
	struct watch *watch;
	uint32_t kind = kind_of(loop, ready);
	uint32_t slot;

	if (kind == 0)
		return -ENOSPC;
	if (loop->free_head == SLOT_NONE) {
		int result = grow(loop);

		if (result < 0)
			return result;
	}
	slot = loop->free_head;
	watch = &loop->slots[slot];
	event.data.u64 = (uint64_t)id_of(slot, watch->generation);
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	loop->free_head = watch->next_free;
	watch->kind = kind & 0xff;
	watch->user = user;
	watch->fd = fd;
	return (int64_t)event.data.u64;
}

int drive_loop_modify(struct drive_loop *loop, int64_t id, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u64 = (uint64_t)id };
	struct watch *watch = watch_of(loop, (uint64_t)id);

	if (!watch)
		return -ENOENT;
	return epoll_ctl(loop->epoll, EPOLL_CTL_MOD, watch->fd, &event) < 0 ? -errno : 0;
}

static void forget(struct drive_loop *loop, struct watch *watch)
{
	watch->kind = 0;
	watch->fd = -1;
	watch->generation = watch->generation == GENERATION_MAX ? 1 : watch->generation + 1;
	watch->next_free = loop->free_head;
	loop->free_head = (uint32_t)(watch - loop->slots);
}

void drive_loop_remove(struct drive_loop *loop, int64_t id)
{
	struct watch *watch = watch_of(loop, (uint64_t)id);

	if (!watch)
		return;
	/* Fails only where the owner closed the descriptor before: then epoll forgot it by itself.
	 */
	(void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
	forget(loop, watch);
}

void drive_loop_close(struct drive_loop *loop, int64_t id)
{
	struct watch *watch = watch_of(loop, (uint64_t)id);

	if (!watch)
		return;
	close(watch->fd);
	forget(loop, watch);
}

int drive_loop_hook(struct drive_loop *loop, drive_hook_fn *hook, void *user)
{
	if (loop->hook_count == HOOKS_MAX)
		return -ENOSPC;
	loop->hooks[loop->hook_count++] = (struct hook){ hook, user };
	return 0;
}

/* unsealed: read */
static void read_signals(void *user, uint32_t events)
{
	struct drive_loop *loop = user;
	struct signalfd_siginfo signal;

	(void)events;
	while (read(loop->signal_fd, &signal, sizeof(signal)) == (ssize_t)sizeof(signal))
		loop->arrived(loop->arrived_user, &signal);
}

/* unsealed: signalfd4 rt_sigprocmask */
int drive_loop_signals(struct drive_loop *loop, const sigset_t *set, drive_signal_fn *arrived,
		       void *user)
{
	int64_t id;
	int fd;

	if (loop->signal_fd >= 0)
		return -EBUSY;
	fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	id = drive_loop_add(loop, fd, EPOLLIN, read_signals, loop);
	if (id < 0) {
		close(fd);
		return (int)id;
	}
	loop->signal_fd = fd;
	loop->arrived = arrived;
	loop->arrived_user = user;
	return -pthread_sigmask(SIG_BLOCK, set, NULL);
}

/* Calls every hook; the earliest of their deadlines and `latest`. */
static struct minato_time call_hooks(struct drive_loop *loop, struct minato_time latest)
{
	for (size_t i = 0; i < loop->hook_count && !loop->stopped; i++) {
		struct hook *hook = &loop->hooks[i];
		struct minato_time want = hook->call(hook->user, loop->now);

		if (want.ns < latest.ns)
			latest = want;
	}
	return latest;
}

void drive_loop_expect(struct drive_loop *loop)
{
	loop->patience.expecting = true;
}

void drive_loop_crowd(struct drive_loop *loop, int fd)
{
	loop->patience.crowd_fd = fd;
}

uint64_t drive_loop_looks(const struct drive_loop *loop)
{
	return loop->patience.looks;
}

/*
 * Whether more programs want to run than there are processors, most of the lately taken counts. The
 * text is "0.20 0.18 0.12 RUNNING/TASKS PID".
 */
/* syscalls: pread64 */
static bool is_crowded(struct patience *p, int64_t now)
{
	char text[64] = "";
	int spaces = 0;
	int at = 0;
	int full;

	if (p->crowd_fd < 0 || now - p->counted_ns < COUNT_NS)
		return p->crowd > CROWD_FULL / 2;
	p->counted_ns = now;
	if (pread(p->crowd_fd, text, sizeof(text) - 1, 0) <= 0)
		return false;
	for (; spaces < 3 && text[at]; at++)
		spaces += text[at] == ' ';
	full = atoi(text + at) > p->processors ? CROWD_FULL : 0;
	p->crowd += (full - p->crowd) / CROWD_WEIGHT;
	return p->crowd > CROWD_FULL / 2;
}

/* How often the scheduler has taken the processor from us. */
/* syscalls: getrusage */
static int64_t switches(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nivcsw : 0;
}

/*
 * Whether another program had the processor in the time from `before`. Time that a hypervisor took
 * is no reason: there, sleeping would not have helped.
 */
static bool was_taken(struct patience *p, int64_t before, int64_t now)
{
	if (p->switches < 0 || now - before <= TAKEN_NS || switches() == p->switches)
		return false;
	p->abstain_ns *= 2;
	if (p->abstain_ns < ABSTAIN_MIN_NS || now - p->until_ns > ABSTAIN_MAX_NS)
		p->abstain_ns = ABSTAIN_MIN_NS;
	if (p->abstain_ns > ABSTAIN_MAX_NS)
		p->abstain_ns = ABSTAIN_MAX_NS;
	p->until_ns = now + p->abstain_ns;
	return true;
}

/* Looks without sleeping while that promises something. Returns epoll's count or -1. */
/* syscalls: epoll_wait */
static int look(struct drive_loop *loop, struct epoll_event *events, int64_t begin, int64_t until)
{
	struct patience *p = &loop->patience;
	int64_t last = begin;
	int64_t now = begin;
	int count = 0;

	if (p->gap_ns > LINGER_NS || begin < p->until_ns || is_crowded(p, begin) ||
	    was_taken(p, loop->now.ns, begin)) {
		p->switches = -1;
		return 0;
	}
	if (until > begin + LINGER_NS)
		until = begin + LINGER_NS;
	p->switches = switches();
	while (count == 0 && now < until) {
		count = epoll_wait(loop->epoll, events, BATCH, 0);
		p->looks++;
		now = drive_now().ns;
		if (was_taken(p, last, now))
			break;
		last = now;
	}
	return count;
}

/* Sleeps until something is ready or the deadline has come. Returns epoll's count or -1. */
/* syscalls: epoll_wait epoll_pwait2 */
static int sleep_until(struct drive_loop *loop, struct epoll_event *events,
		       struct minato_time deadline)
{
	struct timespec timeout = { 0, 0 };
	int64_t left;

	if (deadline.ns == MINATO_NEVER.ns)
		return epoll_wait(loop->epoll, events, BATCH, -1);
	/* The batch took time since loop->now: the wait is counted from here. */
	left = deadline.ns - drive_now().ns;
	if (left > 0) {
		timeout.tv_sec = left / 1000000000;
		timeout.tv_nsec = left % 1000000000;
	}
	return epoll_pwait2(loop->epoll, events, BATCH, &timeout, NULL);
}

/* Waits until something is ready or the deadline has come. Returns epoll's count or -errno. */
static int wait_ready(struct drive_loop *loop, struct epoll_event *events,
		      struct minato_time deadline)
{
	struct patience *p = &loop->patience;
	bool expecting = p->expecting && p->processors > 1;
	int64_t begin = expecting ? drive_now().ns : 0;
	int count = expecting ? look(loop, events, begin, deadline.ns) : 0;

	p->expecting = false;
	if (count == 0)
		count = sleep_until(loop, events, deadline);
	if (count < 0)
		count = errno == EINTR ? 0 : -errno;
	loop->now = drive_now();
	if (expecting) {
		int64_t gap = loop->now.ns - begin;

		if (gap > GAP_MAX_NS)
			gap = GAP_MAX_NS;
		p->gap_ns += (gap - p->gap_ns) / GAP_WEIGHT;
	}
	return count;
}

int drive_loop_turn(struct drive_loop *loop, struct minato_time latest)
{
	struct epoll_event events[BATCH];
	int called = 0;
	int count;

	loop->now = drive_now();
	latest = call_hooks(loop, latest);
	if (loop->stopped)
		return 0;
	count = wait_ready(loop, events, latest);
	for (int i = 0; i < count; i++) {
		struct watch *watch = watch_of(loop, events[i].data.u64);

		if (!watch)
			continue;
		called++;
		loop->kinds[watch->kind - 1](watch->user, events[i].events);
	}
	return count < 0 ? count : called;
}

int drive_loop_run(struct drive_loop *loop)
{
	while (!loop->stopped) {
		int called = drive_loop_turn(loop, MINATO_NEVER);

		if (called < 0)
			return called;
	}
	loop->stopped = false;
	return loop->result;
}

void drive_loop_stop(struct drive_loop *loop, int result)
{
	loop->stopped = true;
	loop->result = result;
}

struct minato_time drive_loop_now(const struct drive_loop *loop)
{
	return loop->now;
}
