/* SPDX-License-Identifier: BSD-2-Clause */
/* The traffic between the ends, and what of it arrives. The sending end has processor 0, the other
   one processor 1. */
#include "bench.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS 1000000000ull
#define BATCH 32
#define SAMPLES_MAX 200000u
#define SIZE 64
#define SESSIONS_MAX 262144u
#define WINDOW 1024u
#define STUCK_NS (20 * 1000000ull)
#define PORTS 64512u
#define HELD 64504u /* 99.99 % of them, with the one of load_ready */

/* What the ends tell each other and the bench. */
struct board {
	atomic_uint_fast64_t got;  /* packets, bytes or sessions */
	atomic_uint_fast64_t last; /* when the last one came */
	atomic_bool listening;
	uint64_t count, start, end; /* of what was sent; of the session phases */
	double share;
	struct tcp_info info; /* of who sends a stream */
	uint32_t samples;
	uint32_t ns[SAMPLES_MAX];
	atomic_uchar seen[SESSIONS_MAX];
};
static struct board *board;

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS + (uint64_t)ts.tv_nsec;
}

static void nap(uint64_t ns)
{
	const struct timespec ts = { (time_t)(ns / NS), (long)(ns % NS) };

	nanosleep(&ts, NULL);
}

static uint64_t span(void)
{
	return (uint64_t)chosen("BENCH_MS", 600) * 1000000ull;
}

static void clear_board(void)
{
	if (!board)
		board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED)
		_exit(1);
	memset(board, 0, sizeof(*board));
}

static pid_t start(const struct field *field, enum place place, void (*work)(const char *),
		   const char *to)
{
	pid_t child = fork();

	if (child == 0) {
		field_enter(field, place,
			    *to ? (int)chosen("BENCH_SEND", 0) : (int)chosen("BENCH_SINK", 1));
		(void)prctl(PR_SET_NAME, *to ? "bench-send" : "bench-sink");
		work(to);
		_exit(0);
	}
	return child;
}

static void stop(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void wait_listening(void)
{
	for (int i = 0; i < 1000 && !board->listening; i++)
		nap(1000000);
}

static struct sockaddr_in at(const char *addr)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(FIELD_PORT) };

	if (*addr)
		inet_pton(AF_INET, addr, &in.sin_addr);
	return in;
}

static int listen_at(int type)
{
	const struct sockaddr_in here = at("");
	const int on = 1, room = 8 << 20;
	int fd = socket(AF_INET, type, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (type == SOCK_DGRAM)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (bind(fd, (const struct sockaddr *)&here, sizeof(here)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 16) < 0))
		_exit(1);
	board->listening = true;
	return fd;
}

static int connect_to(int type, const char *to)
{
	const struct sockaddr_in there = at(to);
	const struct timeval patience = { 0, 200000 };
	int fd = socket(AF_INET, type, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&there, sizeof(there)) < 0)
		_exit(1);
	return fd;
}

/* ---- a flood ---- */

/* A batch of datagrams can come. */
static void make_room(struct mmsghdr *messages, struct iovec *parts, uint8_t (*bytes)[2048])
{
	for (int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ bytes[i], sizeof(bytes[i]) };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
}

static void sink(const char *to)
{
	static uint8_t bytes[BATCH][2048];
	struct mmsghdr messages[BATCH] = { 0 };
	struct iovec parts[BATCH];
	int fd = listen_at(SOCK_DGRAM);

	(void)to;
	make_room(messages, parts, bytes);
	for (;;) {
		int got = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);

		if (got > 0)
			board->got += (uint64_t)got;
	}
}

static void flood(const char *to)
{
	static uint8_t bytes[SIZE];
	struct iovec part = { bytes, sizeof(bytes) };
	struct mmsghdr messages[BATCH] = { 0 };
	int fd = connect_to(SOCK_DGRAM, to);

	for (int i = 0; i < BATCH; i++)
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &part, .msg_iovlen = 1 };
	for (;;)
		(void)!sendmmsg(fd, messages, BATCH, 0);
}

/* Of what comes between a sixth of the time and the end. */
static double rate_of(const struct field *field, bool inward, void (*give)(const char *),
		      void (*take)(const char *))
{
	pid_t taker, giver;
	uint64_t begin, before, after;

	clear_board();
	taker = start(field, inward ? INSIDE : OUTSIDE, take, "");
	wait_listening();
	giver = start(field, inward ? OUTSIDE : INSIDE, give,
		      inward ? FIELD_PUBLIC : FIELD_OUTSIDE);
	nap(span() / 6);
	before = board->got;
	begin = now();
	nap(span());
	after = board->got;
	begin = now() - begin;
	stop(giver);
	stop(taker);
	return (double)(after - before) * 1e9 / (double)begin;
}

double load_pps(const struct field *field, bool inward)
{
	return rate_of(field, inward, flood, sink);
}

/* ---- a stream ---- */

static void drain(const char *to)
{
	static uint8_t bytes[256 << 10];
	int fd = listen_at(SOCK_STREAM);
	ssize_t got;

	(void)to;
	fd = accept(fd, NULL, NULL);
	while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		board->got += (uint64_t)got;
}

static void pour(const char *to)
{
	static uint8_t bytes[256 << 10];
	int fd = connect_to(SOCK_STREAM, to);

	while (send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0) {
		socklen_t size = sizeof(board->info);

		(void)getsockopt(fd, IPPROTO_TCP, TCP_INFO, &board->info, &size);
	}
}

double load_tcp(const struct field *field, bool inward)
{
	const double rate = rate_of(field, inward, pour, drain) * 8 / 1e9;

	if (getenv("BENCH_TELL"))
		say("%s: %.1f Gbit/s, %u segments again, %u of them for nothing, window %u",
		    inward ? "inward" : "outward", rate, board->info.tcpi_total_retrans,
		    board->info.tcpi_dsack_dups, board->info.tcpi_snd_cwnd);
	return rate;
}

/* ---- there and back ---- */

static void echo(const char *to)
{
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	uint8_t bytes[2048];
	int fd = listen_at(SOCK_DGRAM);

	(void)to;
	for (;;) {
		ssize_t got =
			recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &size);

		if (got >= 0)
			(void)!sendto(fd, bytes, (size_t)got, 0, (struct sockaddr *)&from, size);
	}
}

static void ask(const char *to)
{
	uint8_t bytes[SIZE] = { 0 };
	uint8_t answer[SIZE];
	int fd = connect_to(SOCK_DGRAM, to);
	uint64_t end = now() + span();
	uint64_t before = now();

	while (before < end && board->samples < SAMPLES_MAX) {
		uint64_t after;

		(void)!send(fd, bytes, sizeof(bytes), 0);
		if (recv(fd, answer, sizeof(answer), 0) != SIZE)
			break;
		after = now();
		board->ns[board->samples++] = (uint32_t)(after - before);
		before = after;
	}
}

static int compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

bool load_rtt(const struct field *field, double *p50, double *p99)
{
	pid_t taker, giver;

	clear_board();
	taker = start(field, OUTSIDE, echo, "");
	wait_listening();
	giver = start(field, INSIDE, ask, FIELD_OUTSIDE);
	waitpid(giver, NULL, 0);
	stop(taker);
	if (board->samples < 100)
		return false;
	qsort(board->ns, board->samples, sizeof(board->ns[0]), compare);
	*p50 = board->ns[board->samples / 2] / 1e3;
	*p99 = board->ns[(uint64_t)board->samples * 99 / 100] / 1e3;
	return true;
}

static void ask_once(const char *to)
{
	uint8_t bytes[SIZE] = { 0 };
	int fd = connect_to(SOCK_DGRAM, to);

	for (int i = 0; i < 25 && board->samples == 0; i++) {
		(void)!send(fd, bytes, sizeof(bytes), 0);
		if (recv(fd, bytes, sizeof(bytes), 0) == SIZE)
			board->samples++;
	}
}

bool load_ready(const struct field *field)
{
	pid_t taker, giver;

	clear_board();
	taker = start(field, OUTSIDE, echo, "");
	wait_listening();
	giver = start(field, INSIDE, ask_once, FIELD_OUTSIDE);
	waitpid(giver, NULL, 0);
	stop(taker);
	return board->samples > 0;
}

/* ---- sessions ---- */

struct frame {
	struct virtio_net_hdr vnet;
	uint8_t bytes[14 + 20 + 8 + SIZE];
};

static void put16(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static uint32_t sum(const uint8_t *bytes, uint32_t len, uint32_t total)
{
	for (uint32_t i = 0; i < len; i += 2)
		total += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return total;
}

/* Session n comes from a port of its own: 1,024 of each inside host. As a kernel sends it. */
static void make(struct frame *frame, uint32_t n)
{
	static const uint8_t ether[] = { 2, 0, 0, 0, 1, 1, 2, 0, 0, 0, 1, 2, 8, 0 };
	uint8_t *ip = frame->bytes + 14;
	uint8_t *udp = ip + 20;
	const uint32_t host = n / 1024;

	memset(frame, 0, sizeof(*frame));
	frame->vnet = (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					       .csum_start = 34,
					       .csum_offset = 6 };
	memcpy(frame->bytes, ether, sizeof(ether));
	ip[0] = 0x45;
	put16(ip + 2, 28 + SIZE);
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = 17;
	memcpy(ip + 12,
	       (const uint8_t[]){ 10, 0, (uint8_t)(1 + host / 200), (uint8_t)(host % 200 + 1) }, 4);
	memcpy(ip + 16, (const uint8_t[]){ 198, 51, 100, 9 }, 4);
	put16(ip + 10, ~sum(ip, 20, 0));
	put16(udp, 20000 + n % 1024);
	put16(udp + 2, FIELD_PORT);
	put16(udp + 4, 8 + SIZE);
	put16(udp + 6, sum(ip + 12, 8, 17 + 8 + SIZE));
	memcpy(udp + 8, &n, sizeof(n));
}

static int raw_socket(void)
{
	const struct sockaddr_ll here = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex("i0"),
	};
	const int on = 1;
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (const struct sockaddr *)&here, sizeof(here)) < 0)
		_exit(1);
	return fd;
}

/* Sends those of the sessions whose numbers are listed. */
static void send_sessions(int fd, const uint32_t *numbers, int count)
{
	static struct frame frames[BATCH];
	static struct iovec parts[BATCH];
	struct mmsghdr messages[BATCH] = { 0 };

	for (int i = 0; i < count; i++) {
		make(&frames[i], numbers[i]);
		parts[i] = (struct iovec){ &frames[i],
					   sizeof(frames[i].vnet) + sizeof(frames[i].bytes) };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
	(void)!sendmmsg(fd, messages, (unsigned)count, 0);
}

/* Counts each session once, however often its datagram comes. */
static void note(const char *to)
{
	static uint8_t bytes[BATCH][2048];
	struct mmsghdr messages[BATCH] = { 0 };
	struct iovec parts[BATCH];
	int fd = listen_at(SOCK_DGRAM);

	(void)to;
	make_room(messages, parts, bytes);
	for (;;) {
		int got = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
		uint32_t fresh = 0;

		for (int i = 0; i < got; i++) {
			uint32_t n;

			memcpy(&n, bytes[i], sizeof(n));
			if (messages[i].msg_len == SIZE && n < SESSIONS_MAX && !board->seen[n]) {
				board->seen[n] = 1;
				fresh++;
			}
		}
		board->last = now();
		board->got += fresh;
	}
}

static uint32_t wanted; /* sessions */

/* No more under way than the window; what does not come for a while is given up. */
static void open_sessions(const char *to)
{
	uint32_t numbers[BATCH];
	uint64_t given_up = 0, seen = 0, moved;
	int fd = raw_socket();

	(void)to;
	board->start = moved = now();
	while (board->count < wanted) {
		uint64_t got = board->got;
		int count = 0;

		if (got != seen) {
			seen = got;
			moved = now();
		}
		if (board->count - given_up - got > WINDOW - BATCH) {
			if (now() - moved > STUCK_NS)
				given_up = board->count - got;
			else
				sched_yield();
			continue;
		}
		while (count < BATCH && board->count < wanted)
			numbers[count++] = (uint32_t)board->count++;
		send_sessions(fd, numbers, count);
	}
	nap(STUCK_NS);
}

double load_setup(const struct field *field, uint32_t sessions)
{
	pid_t taker, giver;

	clear_board();
	wanted = sessions;
	taker = start(field, OUTSIDE, note, "");
	wait_listening();
	giver = start(field, INSIDE, open_sessions, FIELD_OUTSIDE);
	waitpid(giver, NULL, 0);
	stop(taker);
	if (board->got < sessions)
		say("of %u sessions %lu came through", sessions, (unsigned long)board->got);
	return (double)board->got * 1e9 / (double)(board->last - board->start);
}

/* Those of the first sessions that have not come, at most so many. */
static int list_missing(uint32_t numbers[WINDOW / 4], uint64_t most)
{
	int count = 0;

	for (uint32_t n = 0; n < PORTS && count < (int)WINDOW / 4 && (uint64_t)count < most; n++)
		if (!board->seen[n])
			numbers[count++] = n;
	return count;
}

/* Until so many have come, or nothing came for a while. */
static void wait_for(uint64_t got)
{
	uint64_t seen = board->got;
	uint64_t moved = now();

	while (board->got < got && now() - moved < STUCK_NS) {
		if (board->got != seen) {
			seen = board->got;
			moved = now();
		}
		sched_yield();
	}
}

/* Sends again what did not come, never more than are wanted yet; then the rest, once. */
static void fill(const char *to)
{
	uint64_t end = now() + 20 * NS;
	uint32_t numbers[WINDOW / 4];
	uint64_t held;
	int fd = raw_socket();

	(void)to;
	while (board->got < HELD && now() < end) {
		uint64_t before = board->got;
		int count = list_missing(numbers, HELD - before);

		for (int i = 0; i < count; i += BATCH)
			send_sessions(fd, numbers + i, count - i < BATCH ? count - i : BATCH);
		wait_for(before + (uint64_t)count);
	}
	held = board->got;
	if (held < HELD || held >= PORTS - 1) {
		board->share = -1;
		return;
	}
	for (uint32_t n = PORTS; n < PORTS + PORTS - 1 - held; n++)
		send_sessions(fd, &n, 1);
	nap(200 * 1000000ull);
	board->share = (double)(board->got - held) / (double)(PORTS - 1 - held);
}

double load_fill(const struct field *field)
{
	pid_t taker, giver;

	clear_board();
	taker = start(field, OUTSIDE, note, "");
	wait_listening();
	giver = start(field, INSIDE, fill, FIELD_OUTSIDE);
	waitpid(giver, NULL, 0);
	stop(taker);
	return board->share;
}
