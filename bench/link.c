/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link - a long wire between two network namespaces: a tap in each, and between them delay, random
 * loss and a bounded queue. For kernels without netem, and to have the same wire for every peer.
 *
 *   link NETNS-PATH IFNAME NETNS-PATH IFNAME [-d ONE_WAY_MS] [-l LOSS_PCT] [-q FRAMES] [-s SEED]
 *
 * Frames are at most MTU-sized (the taps offer no segmentation), so that a loss is that of one
 * segment. Whether the n-th frame of the m-th TCP connection in one direction is lost is decided by
 * the seed, n and m alone: two stacks that are compared meet the same losses. (With losses drawn as
 * frames come, what decides is where slow start happens to meet the first.) Prints "ready" when both
 * taps are there (addresses are the caller's business), and on TERM what it carried, lost and had no
 * room for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define NS 1000000000ull
#define FRAME_MAX 2048
#define FLOWS_MAX 4096u

struct frame {
	uint64_t due;
	uint32_t len;
	uint8_t bytes[FRAME_MAX];
};

/* One way of the wire: a ring of frames, all delayed by as much. */
struct way {
	int from, to;
	struct frame *ring;
	uint64_t head, tail; /* taken, put */
	struct flow {
		uint32_t key; /* of addresses and ports */
		uint32_t count;
	} flow[FLOWS_MAX];
	uint32_t flows; /* in order of their first frame; flow 0: all that is not TCP */
	uint64_t carried, lost, full;
};

static uint64_t delay_ns = 50 * 1000000ull, seed = 1;
static double loss_pct;
static unsigned queue_max = 20000;
static volatile sig_atomic_t ended;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void end(int signo)
{
	(void)signo;
	ended = 1;
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS + (uint64_t)ts.tv_nsec;
}

/* FNV-1a */
static uint32_t key_of(const uint8_t *bytes, size_t len, uint32_t key)
{
	for (size_t i = 0; i < len; i++)
		key = (key ^ bytes[i]) * 16777619u;
	return key;
}

/* A key of the frame's TCP connection; 0 where it is of none (no IPv6 extension headers here). */
static uint32_t tcp_key(const uint8_t *f, size_t len)
{
	size_t head = 14 + (size_t)(f[14] & 15) * 4;
	uint32_t key;

	if (len >= head + 20 && f[12] == 0x08 && f[13] == 0 && f[23] == 6) {
		key = key_of(f + 26, 8, 2166136261u);
		return key_of(f + head, 4, key) | 1;
	}
	if (len >= 74 && f[12] == 0x86 && f[13] == 0xdd && f[20] == 6)
		return key_of(f + 22, 36, 2166136261u) | 1;
	return 0;
}

/* The flow's ordinal; flow 0 also has what is too much for the table. */
static uint32_t flow_of(struct way *w, uint32_t key)
{
	uint32_t i;

	for (i = w->flows; i > 0; i--)
		if (w->flow[i].key == key)
			return i;
	if (key == 0 || w->flows + 1 == FLOWS_MAX)
		return 0;
	w->flow[++w->flows].key = key;
	return w->flows;
}

/* splitmix64's finish of (seed, connection, frame): below the bound in `loss_pct` of all cases. */
static int lose(struct way *w, const uint8_t *bytes, size_t len)
{
	uint32_t flow = flow_of(w, tcp_key(bytes, len));
	uint64_t x = seed << 48 ^ (uint64_t)flow << 32 ^ w->flow[flow].count++;

	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	x ^= x >> 31;
	return (double)(x >> 11) / (double)(1ull << 53) * 100 < loss_pct;
}

static int tap_in(const char *netns, const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int ns = open(netns, O_RDONLY | O_CLOEXEC);
	int fd;

	if (ns < 0 || setns(ns, CLONE_NEWNET) < 0)
		die(netns);
	close(ns);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		die("/dev/net/tun");
	strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		die(name);
	return fd;
}

static void take(struct way *w)
{
	for (;;) {
		struct frame *f = &w->ring[w->tail % queue_max];
		uint8_t spill[FRAME_MAX];
		int full = w->tail - w->head == queue_max;
		ssize_t got = read(w->from, full ? spill : f->bytes, FRAME_MAX);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got < 0)
			die("tap");
		if (full) {
			w->full++;
		} else if (lose(w, f->bytes, (size_t)got)) {
			w->lost++;
		} else {
			f->len = (uint32_t)got;
			f->due = now() + delay_ns;
			w->tail++;
		}
	}
}

static void give(struct way *w)
{
	while (w->head < w->tail && w->ring[w->head % queue_max].due <= now()) {
		struct frame *f = &w->ring[w->head++ % queue_max];

		/* Refused where the other end is down, as on any wire. */
		if (write(w->to, f->bytes, f->len) == (ssize_t)f->len)
			w->carried++;
	}
}

static void wait_next(struct way way[2])
{
	struct pollfd p[2] = { { way[0].from, POLLIN, 0 }, { way[1].from, POLLIN, 0 } };
	uint64_t due = UINT64_MAX, t = now();
	struct timespec ts;

	for (int i = 0; i < 2; i++) {
		const struct way *w = &way[i];

		if (w->head < w->tail && w->ring[w->head % queue_max].due < due)
			due = w->ring[w->head % queue_max].due;
	}
	t = due == UINT64_MAX ? NS : due > t ? due - t : 0;
	ts = (struct timespec){ (time_t)(t / NS), (long)(t % NS) };
	ppoll(p, 2, &ts, NULL);
}

int main(int argc, char **argv)
{
	static struct way way[2];
	int o;

	while ((o = getopt(argc, argv, "d:l:q:s:")) != -1) {
		switch (o) {
		case 'd': delay_ns = (uint64_t)(atof(optarg) * 1e6); break;
		case 'l': loss_pct = atof(optarg); break;
		case 'q': queue_max = (unsigned)atoi(optarg); break;
		case 's': seed = strtoull(optarg, NULL, 0); break;
		default: return 2;
		}
	}
	if (argc - optind != 4 || queue_max == 0)
		return fprintf(stderr, "usage: link NETNS IF NETNS IF [-d MS] [-l PCT] [-q FRAMES] [-s SEED]\n"),
		       2;
	way[0].from = way[1].to = tap_in(argv[optind], argv[optind + 1]);
	way[1].from = way[0].to = tap_in(argv[optind + 2], argv[optind + 3]);
	for (int i = 0; i < 2; i++) {
		way[i].ring = calloc(queue_max, sizeof(*way[i].ring));
		if (!way[i].ring)
			die("calloc");
	}
	signal(SIGTERM, end);
	signal(SIGINT, end);
	printf("ready\n");
	fflush(stdout);
	while (!ended) {
		wait_next(way);
		for (int i = 0; i < 2; i++) {
			take(&way[i]);
			give(&way[i]);
		}
	}
	for (int i = 0; i < 2; i++)
		printf("way=%d carried=%llu lost=%llu full=%llu\n", i, (unsigned long long)way[i].carried,
		       (unsigned long long)way[i].lost, (unsigned long long)way[i].full);
	return 0;
}
