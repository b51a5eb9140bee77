/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LD_PRELOADed into a program: its clocks run QUICKCLOCK times as fast, and what it waits for takes
 * as much less. What the program does is its own: nmap -T0 waits five minutes between two probes,
 * and believes that it did.
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS INT64_C(1000000000)

static int64_t factor = 1;
static int64_t began[2]; /* real, monotonic */

static int64_t real_ns(clockid_t clock)
{
	struct timespec t = { 0 };

	syscall(SYS_clock_gettime, clock, &t);
	return t.tv_sec * NS + t.tv_nsec;
}

__attribute__((constructor)) static void begin(void)
{
	const char *said = getenv("QUICKCLOCK");

	factor = said ? atoll(said) : 1;
	if (factor < 1)
		factor = 1;
	began[0] = real_ns(CLOCK_REALTIME);
	began[1] = real_ns(CLOCK_MONOTONIC);
}

static int64_t quick_ns(clockid_t clock)
{
	int64_t from = began[clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE];

	return from + (real_ns(clock) - from) * factor;
}

static struct timespec less(int64_t ns)
{
	int64_t real = ns > 0 ? (ns + factor - 1) / factor : ns;

	return (struct timespec){ real / NS, real % NS };
}

/* ---- clocks ---- */

int clock_gettime(clockid_t clock, struct timespec *t)
{
	int64_t ns;

	if (clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID)
		return (int)syscall(SYS_clock_gettime, clock, t);
	ns = quick_ns(clock);
	*t = (struct timespec){ ns / NS, ns % NS };
	return 0;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
	int64_t ns = quick_ns(CLOCK_REALTIME);

	(void)zone;
	*t = (struct timeval){ ns / NS, ns % NS / 1000 };
	return 0;
}

time_t time(time_t *t)
{
	time_t now = quick_ns(CLOCK_REALTIME) / NS;

	if (t)
		*t = now;
	return now;
}

/* ---- waiting ---- */

int nanosleep(const struct timespec *wanted, struct timespec *left)
{
	struct timespec t = less(wanted->tv_sec * NS + wanted->tv_nsec);

	(void)left;
	return (int)syscall(SYS_nanosleep, &t, NULL);
}

int usleep(useconds_t us)
{
	struct timespec t = less((int64_t)us * 1000);

	return (int)syscall(SYS_nanosleep, &t, NULL);
}

unsigned sleep(unsigned s)
{
	struct timespec t = less(s * NS);

	syscall(SYS_nanosleep, &t, NULL);
	return 0;
}

int select(int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict odd,
	   struct timeval *restrict timeout)
{
	struct timespec t;

	if (timeout)
		t = less(timeout->tv_sec * NS + timeout->tv_usec * 1000);
	return (int)syscall(SYS_pselect6, count, in, out, odd, timeout ? &t : NULL, NULL);
}

int poll(struct pollfd *list, nfds_t count, int ms)
{
	struct timespec t = less((int64_t)ms * 1000000);

	return (int)syscall(SYS_ppoll, list, count, ms >= 0 ? &t : NULL, NULL, 0);
}

int epoll_wait(int epoll, struct epoll_event *events, int max, int ms)
{
	struct timespec t = less((int64_t)ms * 1000000);

	return (int)syscall(SYS_epoll_pwait2, epoll, events, max, ms >= 0 ? &t : NULL, NULL, 0);
}

int epoll_pwait(int epoll, struct epoll_event *events, int max, int ms, const sigset_t *mask)
{
	(void)mask;
	return epoll_wait(epoll, events, max, ms);
}

/* ---- when the kernel says that a packet came ---- */

struct capture_header {
	struct timeval at;
	uint32_t caught, len;
};

static void stretch(struct capture_header *header)
{
	int64_t ns = header->at.tv_sec * NS + header->at.tv_usec * 1000;

	ns = began[0] + (ns - began[0]) * factor;
	header->at = (struct timeval){ ns / NS, ns % NS / 1000 };
}

int pcap_next_ex(void *, struct capture_header **, const unsigned char **);
int pcap_next_ex(void *pcap, struct capture_header **header, const unsigned char **data)
{
	int (*next)(void *, struct capture_header **, const unsigned char **);
	int result;

	*(void **)&next = dlsym(RTLD_NEXT, "pcap_next_ex");
	result = next(pcap, header, data);
	if (result == 1)
		stretch(*header);
	return result;
}

const unsigned char *pcap_next(void *, struct capture_header *);
const unsigned char *pcap_next(void *pcap, struct capture_header *header)
{
	const unsigned char *(*next)(void *, struct capture_header *);
	const unsigned char *data;

	*(void **)&next = dlsym(RTLD_NEXT, "pcap_next");
	data = next(pcap, header);
	if (data)
		stretch(header);
	return data;
}
