/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames between an interface and a host value: a veth pair in a namespace of our own, whose one
 * end is the link, and whose other end is a packet socket or the kernel itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "drive/drive.h"
#include "minato/gateway.h"
#include "wire_fixture.h"

#define LINK 3
#define CHUNKS 80
#define HEADER sizeof(struct virtio_net_hdr)
#define ETHERNET 14
#define HEADS (ETHERNET + 20 + 8)

/* A host value that only looks on: it stands in for the library's. */
struct minato {
	uint8_t chunks[CHUNKS][MINATO_CHUNK_LARGE];
	bool leased[CHUNKS];
	uint32_t chunk_count; /* how many there are to lease */
	uint32_t count;	      /* frames seen */
	struct minato_frame last;
	uint32_t lens[64]; /* of the first frames */
	uint32_t known_at; /* the number of the first frame with 99 bytes in it */
	uint8_t head[64];  /* of the last frame */
	bool shut;	   /* no call would be let in */
};

/* The kernel gives no ring to receive by. */
static bool no_ring;

int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	if (no_ring && level == SOL_PACKET && name == PACKET_RX_RING) {
		errno = ENOMEM;
		return -1;
	}
	return (int)syscall(SYS_setsockopt, fd, level, name, value, size);
}

uint32_t minato_lease(struct minato *m, struct minato_extent *where)
{
	for (uint32_t i = 0; i < m->chunk_count; i++) {
		if (m->leased[i])
			continue;
		m->leased[i] = true;
		*where = (struct minato_extent){ m->chunks[i], MINATO_CHUNK_LARGE };
		return i;
	}
	return MINATO_CHUNK_NONE;
}

void minato_unlease(struct minato *m, uint32_t chunk)
{
	if (!m->leased[chunk])
		abort();
	m->leased[chunk] = false;
}

void minato_input(struct minato *m, struct minato_time now, const struct minato_frame *frames,
		  size_t count)
{
	(void)now;
	for (size_t i = 0; i < count; i++) {
		m->last = frames[i];
		if (m->count < sizeof(m->lens) / sizeof(m->lens[0]))
			m->lens[m->count] = frames[i].len;
		m->count++;
		if (!m->known_at && frames[i].len == HEADS + 99)
			m->known_at = m->count;
		memcpy(m->head, frames[i].data,
		       frames[i].len < sizeof(m->head) ? frames[i].len : sizeof(m->head));
		if (frames[i].chunk == MINATO_CHUNK_NONE)
			continue;
		if (frames[i].data != m->chunks[frames[i].chunk])
			abort();
		minato_unlease(m, frames[i].chunk);
	}
}

bool minato_would_call(struct minato *m, const struct minato_frame *frame)
{
	return !m->shut && frame->link == LINK;
}

static struct minato host;
static struct drive_error told;
static struct drive_link_ends ends;
static struct drive_link *wire;
static int far; /* a packet socket at the other end */

static const struct minato_addr near_addr = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 9, 0,
						1 } };

static int try(struct drive_link_plan plan)
{
	plan.ifname = plan.ifname ? plan.ifname : "n0";
	told.text[0] = '\0';
	return drive_link_make(&ends, &plan, &told);
}

static void open_wire(struct drive_link_plan plan)
{
	const struct sockaddr_ll there = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex("f0"),
	};
	const int on = 1;
	int result = try(plan);

	if (result < 0)
		fprintf(stderr, "# %s\n", told.text);
	DEMAND(result == 0);
	host.chunk_count = CHUNKS;
	DEMAND(drive_link_open(&wire, &ends, LINK) == 0);
	far = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
	DEMAND(setsockopt(far, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) == 0);
	DEMAND(setsockopt(far, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) == 0);
	DEMAND(setsockopt(far, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) == 0);
	DEMAND(bind(far, (const struct sockaddr *)&there, sizeof(there)) == 0);
}

static void wait_for(int fd)
{
	struct pollfd wanted = { fd, POLLIN, 0 };

	DEMAND(poll(&wanted, 1, 2000) == 1);
}

static int read_all(void)
{
	int all = 0;
	int got;

	wait_for(drive_link_fd(wire));
	do {
		got = drive_link_read(wire, &host, drive_now());
		all += got;
	} while (got > 0);
	return all;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t sum(const uint8_t *at, uint32_t len, uint32_t start)
{
	for (uint32_t i = 0; i < len; i += 2)
		start += (uint32_t)at[i] << 8 | at[i + 1];
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

/* As the link layer tells it: sysfs is of the namespace that it was mounted in. */
static void mac_of(const char *ifname, uint8_t mac[6])
{
	struct ifreq request = { .ifr_flags = 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
	DEMAND(ioctl(fd, SIOCGIFHWADDR, &request) == 0);
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	close(fd);
}

/* A datagram 10.9.0.1:7 -> 10.9.0.2:9, or the other way back; its checksum is not filled in. */
static uint32_t datagram(uint8_t *frame, bool outward, uint32_t payload, uint8_t letter)
{
	uint8_t *ip = frame + ETHERNET;
	uint8_t *udp = ip + 20;

	memset(frame, 0, HEADS);
	mac_of(outward ? "f0" : "n0", frame);
	mac_of(outward ? "n0" : "f0", frame + 6);
	put16(frame + 12, ETH_P_IP);
	ip[0] = 0x45;
	put16(ip + 2, 28 + payload);
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	memcpy(ip + 12, (const uint8_t[]){ 10, 9, 0, outward ? 1 : 2 }, 4);
	memcpy(ip + 16, (const uint8_t[]){ 10, 9, 0, outward ? 2 : 1 }, 4);
	put16(ip + 10, ~sum(ip, 20, 0));
	put16(udp, outward ? 7 : 9);
	put16(udp + 2, outward ? 9 : 7);
	put16(udp + 4, 8 + payload);
	put16(udp + 6, sum(ip + 12, 8, IPPROTO_UDP + 8 + payload));
	memset(frame + HEADS, letter, payload);
	return HEADS + payload;
}

static void send_far(const struct virtio_net_hdr *header, const uint8_t *frame, uint32_t len)
{
	struct iovec parts[] = { { (void *)(uintptr_t)header, HEADER },
				 { (void *)(uintptr_t)frame, len } };

	DEMAND(writev(far, parts, 2) == (ssize_t)(HEADER + len));
}

static const struct virtio_net_hdr partial = {
	.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
	.csum_start = ETHERNET + 20,
	.csum_offset = 6,
};

/* ---- in ---- */

static void take_a_frame(bool ring)
{
	struct drive_link_stats stats;
	uint8_t frame[256];
	uint32_t len;

	lay_wire();
	no_ring = !ring;
	open_wire((struct drive_link_plan){ 0 });
	len = datagram(frame, false, 100, 'a');
	send_far(&partial, frame, len);
	DEMAND(read_all() == 1);
	DEMAND(host.count == 1 && host.last.len == len && host.last.link == LINK);
	DEMAND(memcmp(host.head, frame, sizeof(host.head)) == 0);
	DEMAND(host.last.csum_partial && host.last.gso == MINATO_GSO_NONE);
	DEMAND((host.last.chunk == MINATO_CHUNK_NONE) == ring);
	for (int i = 0; i < CHUNKS; i++)
		DEMAND(!host.leased[i]);
	drive_link_stats(wire, &stats);
	DEMAND(stats.frames_in == 1 && stats.bytes_in == len && stats.in_dropped == 0);
	drive_link_free(wire);
}

static void take_from_the_ring(void)
{
	take_a_frame(true);
}
NETNS_CASE(a_small_frame_comes_where_the_kernel_put_it, take_from_the_ring)

static void take_without_ring(void)
{
	take_a_frame(false);
}
NETNS_CASE(without_a_ring_a_frame_comes_in_a_leased_chunk, take_without_ring)

/* A run of five; it is too long for a slot. */
static uint32_t send_run(void)
{
	struct virtio_net_hdr run = partial;
	uint8_t frame[HEADS + 5000];
	uint32_t len = datagram(frame, false, 5000, 'a');

	run.gso_type = 5; /* VIRTIO_NET_HDR_GSO_UDP_L4 */
	run.gso_size = 1000;
	run.hdr_len = HEADS;
	send_far(&run, frame, len);
	return len;
}

/* Where the one before, which was killed, had a ring too. */
static void take_behind_another(void)
{
	struct drive_link *before;
	uint8_t frame[256];
	uint32_t len;

	lay_wire();
	open_wire((struct drive_link_plan){ 0 });
	before = wire;
	ends.packet = dup(ends.packet);
	ends.sender = dup(ends.sender);
	ends.watch = dup(ends.watch);
	drive_link_free(before);
	DEMAND(drive_link_open(&wire, &ends, LINK) == 0);
	len = datagram(frame, false, 100, 'a');
	send_far(&partial, frame, len);
	DEMAND(read_all() == 1);
	DEMAND(host.count == 1 && host.last.len == len);
	DEMAND(memcmp(host.head, frame, sizeof(host.head)) == 0);
	DEMAND(host.last.chunk == MINATO_CHUNK_NONE);
	drive_link_free(wire);
}
NETNS_CASE(a_ring_that_was_left_there_is_no_obstacle, take_behind_another)

static void take_runs(bool ring)
{
	uint32_t len;

	lay_wire();
	no_ring = !ring;
	open_wire((struct drive_link_plan){ 0 });
	len = send_run();
	DEMAND(read_all() == 1);
	DEMAND(host.last.len == len && host.last.gso == MINATO_GSO_UDP);
	DEMAND(host.last.gso_size == 1000 && host.last.csum_partial);
	DEMAND(host.last.chunk != MINATO_CHUNK_NONE);
}

static void take_a_run(void)
{
	take_runs(true);
}
NETNS_CASE(a_super_segment_comes_whole, take_a_run)

static void take_a_run_without_ring(void)
{
	take_runs(false);
}
NETNS_CASE(without_a_ring_a_super_segment_comes_whole, take_a_run_without_ring)

/* Small ones and large ones come by two ways, and stay in order. */
static void take_both_kinds(void)
{
	uint8_t frame[256];
	uint32_t len, long_len;

	lay_wire();
	open_wire((struct drive_link_plan){ 0 });
	for (uint32_t i = 0; i < 8; i++) {
		len = datagram(frame, false, 100 + i, 'a');
		send_far(&partial, frame, len);
		long_len = send_run();
	}
	DEMAND(read_all() == 16);
	DEMAND(host.count == 16);
	for (uint32_t i = 0; i < 8; i++) {
		DEMAND(host.lens[2 * i] == HEADS + 100 + i);
		DEMAND(host.lens[2 * i + 1] == long_len);
	}
}
NETNS_CASE(small_and_large_frames_stay_in_order, take_both_kinds)

static void take_runs_without_chunks(void)
{
	struct drive_link_stats stats;

	lay_wire();
	open_wire((struct drive_link_plan){ 0 });
	host.chunk_count = 0;
	DEMAND(send_run() == send_run());
	DEMAND(read_all() == 2);
	DEMAND(host.count == 2 && host.last.chunk == MINATO_CHUNK_NONE);
	drive_link_stats(wire, &stats);
	DEMAND(stats.in_no_chunk == 2 && stats.frames_in == 2);
}
NETNS_CASE(without_a_chunk_a_super_segment_comes, take_runs_without_chunks)

static void take_without_chunks(void)
{
	struct drive_link_stats stats;
	uint8_t frame[256];
	uint32_t len;

	lay_wire();
	no_ring = true;
	open_wire((struct drive_link_plan){ 0 });
	host.chunk_count = 0;
	len = datagram(frame, false, 100, 'a');
	send_far(&partial, frame, len);
	send_far(&partial, frame, len);
	DEMAND(read_all() == 2);
	DEMAND(host.count == 2 && host.last.chunk == MINATO_CHUNK_NONE && host.last.len == len);
	drive_link_stats(wire, &stats);
	DEMAND(stats.in_no_chunk == 2);
}
NETNS_CASE(without_a_chunk_one_frame_at_a_time_comes, take_without_chunks)

static void take_many(void)
{
	uint8_t frame[256];
	uint32_t len;

	lay_wire();
	open_wire((struct drive_link_plan){ 0 });
	len = datagram(frame, false, 20, 'a');
	for (int i = 0; i < 200; i++)
		send_far(&partial, frame, len);
	DEMAND(read_all() == 200);
	DEMAND(host.count == 200);
}
NETNS_CASE(a_burst_comes_whole, take_many)

/* ---- in a flood ---- */

#define FLOOD 1000u /* fewer than may wait */

/* From so many others, of whom the host value never heard. */
static void flood(uint32_t count)
{
	uint8_t frame[256];
	uint32_t len = datagram(frame, false, 20, 'f');
	uint8_t *ip = frame + ETHERNET;

	for (uint32_t i = 0; i < count; i++) {
		put16(ip + 10, 0);
		memcpy(ip + 12, (const uint8_t[]){ 10, 77, (uint8_t)(i >> 8), (uint8_t)i }, 4);
		put16(ip + 10, ~sum(ip, 20, 0));
		send_far(&partial, frame, len);
	}
}

static bool is_readable(void)
{
	struct pollfd wanted = { drive_link_fd(wire), POLLIN, 0 };

	return poll(&wanted, 1, 0) == 1;
}

/* A datagram of ours, or a segment of a connection, with payload. */
static void send_to(const uint8_t addr[4], uint8_t protocol)
{
	uint8_t frame[256];
	struct minato_extent whole = { frame, datagram(frame, true, 50, 's') };
	const struct minato_frame_out out = {
		.extents = &whole,
		.extent_count = 1,
		.header_len = HEADS,
		.len = (uint32_t)whole.len,
		.link = LINK,
		.csum_start = ETHERNET + 20,
		.csum_offset = protocol == IPPROTO_TCP ? 16 : 6,
	};
	uint8_t *ip = frame + ETHERNET;

	ip[9] = protocol;
	memcpy(ip + 16, addr, 4);
	put16(ip + 10, 0);
	put16(ip + 10, ~sum(ip, 20, 0));
	if (protocol == IPPROTO_TCP)
		put16(ip + 20 + 12, 0x5010);
	drive_link_send(wire, &out, 1);
}

/* Whoever got a datagram from us is known. */
static void speak_to(const uint8_t addr[4])
{
	send_to(addr, IPPROTO_UDP);
}

static void speak(void)
{
	speak_to((const uint8_t[]){ 10, 9, 0, 2 });
}

static void serve_the_known_first(void)
{
	const struct minato_time now = drive_now();
	struct drive_link_stats stats;
	uint8_t frame[256];
	uint32_t len, turns = 0;

	lay_wire();
	open_wire((struct drive_link_plan){ 0 });
	speak();
	flood(FLOOD / 2);
	len = datagram(frame, false, 99, 'k');
	send_far(&partial, frame, len);
	flood(FLOOD / 2);
	do {
		DEMAND(is_readable());
		DEMAND(drive_link_read(wire, &host, now) > 0);
		turns++;
	} while (!host.known_at);
	/* Five hundred others came before it. */
	DEMAND(turns <= 3 && host.known_at < 200);
	while (host.count < FLOOD + 1) {
		DEMAND(is_readable());
		DEMAND(drive_link_read(wire, &host, now) > 0);
	}
	DEMAND(drive_link_read(wire, &host, now) == 0);
	DEMAND(!is_readable());
	drive_link_stats(wire, &stats);
	DEMAND(stats.in_shed == 0 && stats.in_dropped == 0 && stats.frames_in == FLOOD + 1);
}
NETNS_CASE(in_a_flood_who_is_known_goes_first, serve_the_known_first)

/* Many clients behind one address, who are most of what comes, do not wait behind strangers. */
static void serve_one_who_is_most(void)
{
	struct minato_time now = drive_now();
	uint8_t few[256], last[256];
	uint32_t few_len, last_len;

	lay_wire();
	open_wire((struct drive_link_plan){ 0 });
	few_len = datagram(few, false, 20, 'k');
	last_len = datagram(last, false, 99, 'k');
	speak();
	flood(FLOOD / 2);
	for (int round = 0; round < 60; round++) {
		flood(8);
		for (int i = 0; i < 30; i++)
			send_far(&partial, few, few_len);
		send_far(&partial, last, last_len);
		host.known_at = 0;
		DEMAND(drive_link_read(wire, &host, now) > 0);
		now.ns += 10000;
		/* At first the strangers fill the batches. */
		DEMAND(host.known_at > 0 || round < 20);
	}
	DEMAND(is_readable()); /* they still wait */
}
NETNS_CASE(a_known_source_that_is_most_of_all_goes_first, serve_one_who_is_most)

#define BARE 12u	  /* of payload, as a datagram: none as a segment */
#define ALIKE 0x5002u	  /* SYN, without options */
#define OTHERWISE 0x6002u /* with one */

/* A call of a stranger's, by its second byte of the source's network and number. */
static void send_call(uint8_t network, uint32_t number, uint32_t payload, uint32_t look)
{
	uint8_t frame[256];
	const uint32_t len = datagram(frame, false, payload, 0);
	uint8_t *ip = frame + ETHERNET, *tcp = ip + 20;

	ip[9] = IPPROTO_TCP;
	put16(ip + 10, 0);
	memcpy(ip + 12, (const uint8_t[]){ 10, network, (uint8_t)(number >> 8), (uint8_t)number },
	       4);
	put16(ip + 10, ~sum(ip, 20, 0));
	put16(tcp + 4, 0);
	put16(tcp + 6, 0);
	put16(tcp + 12, look);
	memcpy(tcp + 20, (const uint8_t[]){ 2, 4, 5, 180 }, look == OTHERWISE ? 4 : 0);
	send_far(&partial, frame, len);
}

/* Of a flood of calls, with one in its middle that has 99 bytes. */
static void flood_with_calls(uint8_t network)
{
	host.count = host.known_at = 0;
	for (uint32_t i = 0; i < FLOOD; i++) {
		send_call(network, i, 20, ALIKE);
		if (i == FLOOD / 2)
			send_call(9, 9, 99, ALIKE);
	}
}

static void serve_who_calls_again(void)
{
	struct minato_time now = drive_now();

	lay_wire();
	open_wire((struct drive_link_plan){ 0 });
	flood_with_calls(70);
	while (host.count < FLOOD + 1)
		DEMAND(drive_link_read(wire, &host, now) > 0);
	DEMAND(host.known_at > 300);
	/* A second later the flood's calls are others, and it is the same (RFC 6298 2.1). */
	now.ns += INT64_C(1000000000);
	flood_with_calls(71);
	for (int turns = 0; turns < 20 && !host.known_at; turns++) {
		(void)drive_link_read(wire, &host, now);
		now.ns += 10000;
	}
	DEMAND(host.known_at > 0 && host.known_at < 200);
}
NETNS_CASE(who_calls_again_goes_before_a_flood_of_calls, serve_who_calls_again)

/* In place of the C library's: how often the processor was taken from us for another. */
static long taken;

int getrusage(__rusage_who_t who, struct rusage *out)
{
	(void)who;
	*out = (struct rusage){ .ru_nivcsw = taken };
	return 0;
}

/* The same of the clock: where it is said what asking takes, nothing else takes time. */
static int64_t ask_ns;

int clock_gettime(clockid_t clock, struct timespec *out)
{
	struct drive_link_stats stats;
	int64_t ns;

	if (!ask_ns)
		return (int)syscall(SYS_clock_gettime, clock, out);
	drive_link_stats(wire, &stats);
	ns = (int64_t)stats.in_asked * ask_ns;
	*out = (struct timespec){ ns / 1000000000, ns % 1000000000 };
	return 0;
}

#define CALLS 300u
#define ANSWERS 32u /* of a flood's calls, in a batch */
static struct minato_time clock_now;
static int64_t batch_ns = 10000; /* what one takes */

/* Where a step begins in which no call is one that came before (again.c). */
static void start_clock(void)
{
	const int64_t step_ns = 750000000;

	clock_now.ns = (drive_now().ns / step_ns + 1) * step_ns;
}

/* One who is known, and a flood of calls in which each is from another source than any before;
   how many of these are handed on. Behind them one with 99 bytes, of that look. */
static uint32_t flood_anew(uint32_t look)
{
	static uint32_t number;
	uint8_t frame[256];

	speak();
	send_far(&partial, frame, datagram(frame, false, 20, 'k'));
	host.count = host.known_at = 0;
	for (uint32_t i = 0; i < CALLS; i++, number++)
		send_call((uint8_t)(80 + (number >> 16)), number & 0xffff, BARE, ALIKE);
	if (look)
		send_call(9, 9, 99, look);
	while (is_readable()) {
		(void)drive_link_read(wire, &host, clock_now);
		clock_now.ns += batch_ns;
	}
	clock_now.ns += 1000000;
	return host.count - 1 - (host.known_at != 0);
}

/* Who else wants the processor is not to wait for answers that lead nowhere: some are given. */
static void give_up_first_calls(void)
{
	struct drive_link_stats stats;
	uint32_t on = 0;

	lay_wire();
	open_wire((struct drive_link_plan){ 0 });
	start_clock();
	for (int i = 0; i < 4; i++)
		DEMAND(flood_anew(0) == CALLS);
	taken = 100;
	batch_ns = 200000;
	for (int i = 0; i < 40; i++) {
		on += flood_anew(ALIKE);
		DEMAND(host.known_at == 0);
	}
	/* A tenth of 50 ms is 25 batches of as many as are answered at once, which take 0.2 ms. */
	DEMAND(on >= 10 * ANSWERS && on < 30 * ANSWERS);
	drive_link_stats(wire, &stats);
	DEMAND(stats.in_shed == 40 * (CALLS + 1) - on);
	DEMAND(stats.in_asked == 0);
	/* A second later it is told from the others by its coming again. */
	clock_now.ns += INT64_C(1000000000);
	DEMAND(flood_anew(0) == CALLS);
	taken += 100;
	DEMAND(flood_anew(ALIKE) <= ANSWERS && host.known_at > 0);
}
NETNS_CASE(where_the_processor_is_wanted_first_calls_are_given_up, give_up_first_calls)

/* A round of a known one's frames, with so many calls, the last of 99 bytes; taken at once. */
static uint32_t round_with_calls(uint32_t known, uint32_t calls)
{
	static uint32_t number;
	uint8_t frame[256];
	const uint32_t len = datagram(frame, false, 20, 'k');

	flood(6);
	for (uint32_t i = 0; i < known; i++)
		send_far(&partial, frame, len);
	for (uint32_t i = 0; i < calls; i++, number++)
		send_call((uint8_t)(90 + (number >> 16)), number & 0xffff, i + 1 < calls ? 20 : 99,
			  ALIKE);
	host.count = host.known_at = 0;
	(void)drive_link_read(wire, &host, clock_now);
	clock_now.ns += 10000;
	return host.count;
}

/* Who connects and connects makes others wait who do the same, but not each who does it once. */
static void serve_some_calls_at_once(void)
{
	uint32_t first = 0, last = 0;

	lay_wire();
	open_wire((struct drive_link_plan){ 0 });
	start_clock();
	taken = 100;
	speak();
	/* Some calls wait behind others. */
	flood(FLOOD);
	for (uint32_t i = 0; i < 40; i++)
		send_call(80, i, 20, ALIKE);
	for (int round = 0; round < 40; round++)
		(void)round_with_calls(30, 0);
	for (int round = 0; round < 40; round++) {
		(void)round_with_calls(30, 1);
		DEMAND(host.known_at > 0);
	}
	/* Of many at once only so long as there is time for it. */
	for (int round = 0; round < 400; round++) {
		(void)round_with_calls(36, 4);
		first += round < 10 && host.known_at > 0;
		last += round >= 300 && host.known_at > 0;
	}
	DEMAND(first == 10 && last > 20 && last < 90);
}
NETNS_CASE(newcomers_are_served_among_many_who_connect, serve_some_calls_at_once)

/* And who is not of the flood by his look does not have to call again. */
static void serve_who_looks_otherwise(void)
{
	struct drive_link_stats stats;

	lay_wire();
	open_wire((struct drive_link_plan){ 0 });
	start_clock();
	for (int i = 0; i < 4; i++)
		DEMAND(flood_anew(0) == CALLS);
	taken = 100;
	DEMAND(flood_anew(OTHERWISE) == ANSWERS && host.known_at > 0);
	drive_link_stats(wire, &stats);
	DEMAND(stats.in_shed == CALLS - ANSWERS);
}
NETNS_CASE(who_looks_otherwise_than_a_flood_of_calls_is_served_at_once, serve_who_looks_otherwise)

/* One that is wanted, with 99 bytes, behind so many others of one source: whether it is served
   before most of these. */
static bool serve_behind(const uint8_t *other, uint32_t other_len, const uint8_t *wanted,
			 uint32_t len)
{
	struct minato_time now = drive_now();
	uint32_t turns = 0;
	bool soon;

	host.count = host.known_at = 0;
	for (uint32_t i = 0; i < FLOOD; i++)
		send_far(&partial, other, other_len);
	send_far(&partial, wanted, len);
	do {
		DEMAND(is_readable());
		(void)drive_link_read(wire, &host, now);
		now.ns += 10000;
	} while (turns++ < 100 && !host.known_at);
	/* The flood has what it is let have at once, and what is left in batches. */
	soon = turns <= 12 && host.known_at > 0 && host.known_at < 500;
	for (; is_readable(); now.ns += 10000)
		(void)drive_link_read(wire, &host, now);
	DEMAND(host.count == FLOOD + 1);
	return soon;
}

static void from(uint8_t *frame, uint8_t last)
{
	uint8_t *ip = frame + ETHERNET;

	ip[15] = last;
	put16(ip + 10, 0);
	put16(ip + 10, ~sum(ip, 20, 0));
}

static void open_as(bool trusted, bool forwards)
{
	lay_wire();
	open_wire((struct drive_link_plan){ 0 });
	drive_link_free(wire);
	DEMAND(try((struct drive_link_plan){ 0 }) == 0);
	ends.trusted = trusted;
	ends.forwards = forwards;
	DEMAND(drive_link_open(&wire, &ends, LINK) == 0);
}

static void open_inside(void)
{
	open_as(true, false);
}

/* The next frame at the other end that is longer than a datagram's headers, or 0. */
static uint32_t hear(uint8_t *frame, uint32_t size)
{
	uint8_t bytes[2048];
	ssize_t got;

	do {
		got = recv(far, bytes, sizeof(bytes), MSG_DONTWAIT);
		/* Not what the kernel says of itself. */
	} while (got > 0 && bytes[HEADER + ETHERNET + 9] != IPPROTO_TCP);
	if (got <= (ssize_t)HEADER || got > (ssize_t)(HEADER + size))
		return 0;
	memcpy(frame, bytes + HEADER, (size_t)got - HEADER);
	return (uint32_t)got - (uint32_t)HEADER;
}

/* Back to who asks, with the number that he asked by. */
static void make_reset(const uint8_t *asking, uint8_t *frame)
{
	memcpy(frame, asking, 54);
	memcpy(frame, asking + 6, 6);
	memcpy(frame + 6, asking, 6);
	memcpy(frame + 26, asking + 30, 4);
	memcpy(frame + 30, asking + 26, 4);
	memcpy(frame + 34, asking + 36, 2);
	memcpy(frame + 36, asking + 34, 2);
	memcpy(frame + 38, asking + 42, 4);
	memset(frame + 42, 0, 4);
	frame[47] = 0x04;
}

static void read_far(const uint8_t *frame, uint32_t len)
{
	send_far(&(struct virtio_net_hdr){ 0 }, frame, len);
	host.count = 0;
	wait_for(drive_link_fd(wire));
	(void)drive_link_read(wire, &host, clock_now);
	clock_now.ns += batch_ns;
}

/* What is called has few places: who calls is let prove that he is there, and is handed on then. */
static void ask_who_calls(void)
{
	uint8_t asking[128], reset[128], call[128];
	struct drive_link_stats stats;

	open_as(false, true);
	start_clock();
	/* What came before it was noticed. */
	DEMAND(flood_anew(0) == CALLS);
	for (int i = 0; i < 4; i++)
		DEMAND(flood_anew(0) < 10);
	drive_link_stats(wire, &stats);
	DEMAND(stats.in_asked >= ANSWERS && stats.in_answered == 0);
	DEMAND(stats.in_asked + stats.in_shed > 4 * (CALLS - 10));
	DEMAND(hear(asking, sizeof(asking)) == 54);
	DEMAND(asking[47] == 0x10 && asking[ETHERNET] == 0x45);
	make_reset(asking, reset);
	/* With another number it is a reset as any. */
	memcpy(call, reset, sizeof(call));
	call[38] ^= 1;
	read_far(call, 54);
	DEMAND(host.count == 1 && host.head[47] == 0x04);
	read_far(reset, 54);
	DEMAND(host.count == 1 && host.head[47] == 0x02 && host.last.len == 54);
	DEMAND(memcmp(host.head + 26, asking + 30, 4) == 0);
	drive_link_stats(wire, &stats);
	DEMAND(stats.in_answered == 1);
	/* And no more than once. */
	read_far(reset, 54);
	DEMAND(host.count == 1 && host.head[47] == 0x04);
	/* Also who was sent a datagram meanwhile, and is known by that, in the flood. */
	DEMAND(hear(asking, sizeof(asking)) == 54);
	speak_to(asking + 30);
	make_reset(asking, reset);
	(void)flood_anew(0);
	for (uint32_t i = 0; i < CALLS; i++)
		send_call(119, i, BARE, ALIKE);
	read_far(reset, 54);
	while (is_readable())
		(void)drive_link_read(wire, &host, clock_now);
	drive_link_stats(wire, &stats);
	DEMAND(stats.in_answered == 2);
	/* Who looks otherwise, or calls again, need not. */
	DEMAND(flood_anew(OTHERWISE) < 10 && host.known_at > 0);
	DEMAND(flood_anew(ALIKE) < 10 && host.known_at == 0);
	clock_now.ns += INT64_C(1000000000);
	while (flood_anew(0) == CALLS)
		;
	DEMAND(flood_anew(ALIKE) < 10 && host.known_at > 0);
}
NETNS_CASE(at_a_gateway_who_calls_in_a_flood_is_asked_for_a_proof, ask_who_calls)

/* Who floods from addresses of his own answers too: what is called has places for a thousand. */
static void hand_on_a_thousand_who_answer(void)
{
	struct drive_link_stats stats;
	uint8_t asking[128], reset[128];

	open_as(false, true);
	start_clock();
	for (int round = 0; round < 60; round++) {
		(void)flood_anew(0);
		while (hear(asking, sizeof(asking)) == 54) {
			make_reset(asking, reset);
			read_far(reset, 54);
			DEMAND(host.count == 0 || host.head[47] == 0x02);
		}
	}
	drive_link_stats(wire, &stats);
	DEMAND(stats.in_asked > 1500);
	DEMAND(stats.in_answered >= 1024 && stats.in_answered < 1200);
	clock_now.ns += INT64_C(2000000000);
	(void)flood_anew(0);
	(void)flood_anew(0);
	DEMAND(hear(asking, sizeof(asking)) == 54);
	make_reset(asking, reset);
	read_far(reset, 54);
	DEMAND(host.count == 1 && host.head[47] == 0x02);
}
NETNS_CASE(of_those_who_answer_a_thousand_in_a_second_are_handed_on, hand_on_a_thousand_who_answer)

/* Of a port that is shut nobody learns by it. */
static void ask_nobody(void)
{
	struct drive_link_stats stats;
	uint8_t asking[128];
	uint32_t on = 0;

	open_as(false, true);
	host.shut = true;
	start_clock();
	for (int i = 0; i < 100; i++)
		on += flood_anew(0);
	/* Some are served as they always are: a thousand, and what came before it was noticed. */
	DEMAND(on >= 1024 + CALLS && on < 1024 + CALLS + 200);
	drive_link_stats(wire, &stats);
	DEMAND(stats.in_asked == 0 && stats.in_shed == 100 * CALLS - on);
	DEMAND(hear(asking, sizeof(asking)) == 0);
}
NETNS_CASE(whose_call_would_not_be_let_in_is_asked_nothing, ask_nobody)

/* Nobody is served first but calls that are asked: with those who wait they are one batch. */
static void ask_beside_another_flood(void)
{
	struct drive_link_stats stats;
	uint32_t number = 0;

	open_as(false, true);
	start_clock();
	for (int round = 0; round < 40; round++) {
		/* Most are calls; of the others some always wait. */
		for (uint32_t i = 0; i < 300; i++, number++)
			send_call((uint8_t)(120 + (number >> 16)), number & 0xffff, BARE, ALIKE);
		flood(100);
		for (int i = 0; i < 4 && is_readable(); i++) {
			(void)drive_link_read(wire, &host, clock_now);
			clock_now.ns += 1000000;
		}
	}
	while (is_readable()) {
		(void)drive_link_read(wire, &host, clock_now);
		clock_now.ns += 1000000;
	}
	drive_link_stats(wire, &stats);
	DEMAND(stats.in_asked > 100 && stats.in_dropped == 0);
	DEMAND(host.count + stats.in_asked + stats.in_shed == UINT64_C(40) * 400);
}
NETNS_CASE(calls_that_are_asked_and_those_who_wait_are_one_batch, ask_beside_another_flood)

/* Where others want the processor, so many are asked as there is time for, and few as long as
   nobody proves himself. */
static void ask_as_time_allows(void)
{
	struct drive_link_stats before, after;
	uint8_t asking[128], reset[128];

	open_as(false, true);
	start_clock();
	(void)flood_anew(0);
	taken = 100;
	ask_ns = 4000;
	batch_ns = 1;
	for (int i = 0; i < 40; i++)
		(void)flood_anew(0);
	drive_link_stats(wire, &before);
	for (int i = 0; i < 100; i++)
		(void)flood_anew(0);
	drive_link_stats(wire, &after);
	DEMAND(after.in_asked > before.in_asked);
	after.in_answered = after.in_asked - before.in_asked;
	while (hear(asking, sizeof(asking)) == 54)
		make_reset(asking, reset);
	read_far(reset, 54);
	DEMAND(host.count == 1 && host.head[47] == 0x02);
	drive_link_stats(wire, &before);
	for (int i = 0; i < 100; i++)
		(void)flood_anew(0);
	drive_link_stats(wire, &before);
	DEMAND(before.in_asked - after.in_asked > 2 * after.in_answered);
}
NETNS_CASE(more_are_asked_while_some_answer, ask_as_time_allows)

static void converse_with(uint8_t network)
{
	send_to((const uint8_t[]){ 10, network, 0, 2 }, IPPROTO_TCP);
}

#define NEAR 9u	   /* a network, 10.9.0.0/16 */
#define NEAR_TOO 8u /* another */

/*
 * In rounds of a millisecond, of which 31 us are for asking: a call from NEAR_TOO, then calls from
 * everywhere, and as many from NEAR if that is wanted; how many of each were asked.
 */
struct asked {
	uint32_t near, near_too, others;
};

static struct asked ask_for_rounds(uint32_t rounds, bool with_near)
{
	static uint32_t number;
	struct asked asked = { 0 };
	uint8_t asking[128];

	for (uint32_t round = 0; round < rounds; round++) {
		taken += 10;
		send_call(NEAR_TOO, number & 0xffff, BARE, ALIKE);
		for (uint32_t i = 0; i < CALLS; i++, number++) {
			send_call((uint8_t)(130 + (number >> 16)), number & 0xffff, BARE, ALIKE);
			if (with_near)
				send_call(NEAR, number & 0xffff, BARE, ALIKE);
		}
		while (is_readable())
			(void)drive_link_read(wire, &host, clock_now);
		clock_now.ns += 1000000;
		while (hear(asking, sizeof(asking)) == 54)
			++*(asking[31] == NEAR	   ? &asked.near :
			    asking[31] == NEAR_TOO ? &asked.near_too :
						     &asked.others);
	}
	return asked;
}

/* Where there is no time for all, who is from a network in which somebody is goes before others. */
static void ask_neighbours_first(void)
{
	struct asked asked;

	open_as(false, true);
	start_clock();
	(void)flood_anew(0);
	ask_ns = 2000;
	batch_ns = 1;
	(void)ask_for_rounds(10, false);
	/* Nobody was there yet. */
	asked = ask_for_rounds(50, false);
	DEMAND(asked.near_too > 10 && asked.near_too < 40 && asked.others > 500);
	converse_with(NEAR_TOO);
	asked = ask_for_rounds(50, false);
	DEMAND(asked.near_too == 50 && asked.others > 500 && asked.others < 1000);
	/* A flood from such a network leaves the others something, and another such network all. */
	converse_with(NEAR);
	asked = ask_for_rounds(100, true);
	DEMAND(asked.near_too == 100);
	DEMAND(asked.near > 2 * asked.others && asked.others > 100);
	DEMAND(asked.near + asked.others < 2000);
}
NETNS_CASE(who_is_from_a_known_network_is_asked_first, ask_neighbours_first)

/* So many calls, no more at once than are taken at once, in a second; how many are handed on. */
static uint32_t call_for_a_second(uint8_t network)
{
	start_clock();
	host.count = 0;
	for (uint32_t i = 0; i < 8000; i++) {
		send_call((uint8_t)(network + (i >> 16)), i & 0xffff, BARE, ALIKE);
		if (i % 40 < 39)
			continue;
		while (is_readable()) {
			(void)drive_link_read(wire, &host, clock_now);
			clock_now.ns += 10000;
		}
		clock_now.ns += 5000000;
	}
	return host.count;
}

/* Also where it could hand on all. */
static void hand_on_no_more_although_it_could(void)
{
	uint32_t on;

	open_as(false, true);
	on = call_for_a_second(110);
	DEMAND(on > 50 && on < 300);
}
NETNS_CASE(a_gateway_that_keeps_up_hands_on_no_more, hand_on_no_more_although_it_could)

static void answer_all(void)
{
	open_as(false, false);
	DEMAND(call_for_a_second(112) == 8000);
}
NETNS_CASE(who_answers_by_himself_gets_all, answer_all)

/* Behind a gateway everybody is known, and one of them floods. One in 256 of the others has the
   same number as he (DRIVE_CROWD_SOURCES), but not with each of three who flood. */
static void serve_beside_one_that_is_trusted(void)
{
	uint8_t other[256], wanted[256];
	uint32_t len, other_len, soon = 0;

	open_inside();
	len = datagram(wanted, false, 99, 'w');
	other_len = datagram(other, false, 20, 'f');
	for (uint8_t i = 0; i < 3; i++) {
		from(other, (uint8_t)(66 + i));
		soon += serve_behind(other, other_len, wanted, len);
	}
	DEMAND(soon >= 2);
}
NETNS_CASE(one_of_many_that_floods_harms_itself, serve_beside_one_that_is_trusted)

/* One who begins a thousand flows at once waits for himself: none of them is given up. */
static void keep_a_standing_queue(void)
{
	struct minato_time now = drive_now();
	struct drive_link_stats stats;
	uint8_t frame[256];
	uint32_t len;

	open_inside();
	len = datagram(frame, false, 20, 'f');
	for (uint32_t i = 0; i < FLOOD; i++)
		send_far(&partial, frame, len);
	while (is_readable()) {
		DEMAND(drive_link_read(wire, &host, now) > 0);
		now.ns += 15000000;
	}
	drive_link_stats(wire, &stats);
	DEMAND(stats.in_shed == 0 && stats.in_dropped == 0 && host.count == FLOOD);
}
NETNS_CASE(of_a_queue_inside_none_are_given_up, keep_a_standing_queue)

/* A stranger who wants something else than the flood does. */
static void serve_what_is_rare(void)
{
	uint8_t other[256], wanted[256];
	uint32_t len, other_len;

	lay_wire();
	open_wire((struct drive_link_plan){ 0 });
	len = datagram(wanted, false, 99, 'w');
	other_len = datagram(other, false, 20, 'f');
	wanted[ETHERNET + 9] = IPPROTO_ICMP;
	from(wanted, 9);
	DEMAND(serve_behind(other, other_len, wanted, len));
}
NETNS_CASE(a_stranger_is_not_behind_a_flood_of_another_sort, serve_what_is_rare)

/* Those that wait keep their order, and what comes after them is behind them. */
static void keep_the_order(void)
{
	const struct minato_time now = drive_now();
	uint8_t frame[512];

	lay_wire();
	open_wire((struct drive_link_plan){ 0 });
	for (uint32_t i = 0; i < 300; i++)
		send_far(&partial, frame, datagram(frame, false, i, 'o'));
	while (is_readable())
		DEMAND(drive_link_read(wire, &host, now) > 0);
	DEMAND(host.count == 300);
	for (uint32_t i = 0; i < sizeof(host.lens) / sizeof(host.lens[0]); i++)
		DEMAND(host.lens[i] == HEADS + i);
}
NETNS_CASE(one_source_keeps_its_order, keep_the_order)

static void shed_a_standing_queue(void)
{
	struct minato_time now = drive_now();
	struct drive_link_stats stats;

	lay_wire();
	open_wire((struct drive_link_plan){ 0 });
	flood(FLOOD);
	DEMAND(drive_link_read(wire, &host, now) > 0);
	now.ns += 100000000;
	DEMAND(drive_link_read(wire, &host, now) > 0);
	drive_link_stats(wire, &stats);
	DEMAND(stats.in_shed > 0);
	/* Not for ever: they have their turn, and each is served or counted. */
	while (is_readable())
		DEMAND(drive_link_read(wire, &host, now) > 0);
	drive_link_stats(wire, &stats);
	DEMAND(stats.in_dropped == 0 && stats.in_shed < FLOOD);
	DEMAND(host.count + stats.in_shed == FLOOD);
	/* And the ring goes on behind its end. */
	for (uint32_t round = 0; round < 10; round++) {
		uint32_t before = host.count;

		flood(FLOOD);
		while (is_readable())
			DEMAND(drive_link_read(wire, &host, now) > 0);
		DEMAND(host.count == before + FLOOD);
	}
}
NETNS_CASE(of_a_queue_that_stands_the_oldest_are_given_up, shed_a_standing_queue)

/* ---- in, of VLANs ---- */

static void take_vlans(void)
{
	struct drive_link_stats stats;
	uint8_t frame[256];
	uint8_t tagged[256];
	const struct virtio_net_hdr plain = { 0 };
	uint32_t len;

	lay_wire();
	open_wire((struct drive_link_plan){ .vlan = 5 });
	len = datagram(frame, false, 20, 'a');
	memcpy(tagged, frame, 12);
	memcpy(tagged + 16, frame + 12, len - 12);
	memcpy(tagged + 12, (const uint8_t[]){ 0x81, 0, 0xa0, 6 }, 4);
	send_far(&plain, tagged, len + 4);
	send_far(&plain, frame, len);
	DEMAND(read_all() == 2 && host.count == 0);
	drive_link_stats(wire, &stats);
	DEMAND(stats.in_vlan == 2);
	tagged[15] = 5; /* of any priority */
	send_far(&plain, tagged, len + 4);
	DEMAND(read_all() == 1 && host.count == 1);
	DEMAND(host.last.len == len && memcmp(host.head, frame, len) == 0);
}
NETNS_CASE(a_link_takes_frames_of_its_vlan_alone, take_vlans)

static void overlook_what_others_send(void)
{
	struct sockaddr_ll here = { .sll_family = AF_PACKET };
	uint8_t frame[256];
	uint32_t len;
	int other;

	lay_wire();
	here.sll_ifindex = (int)if_nametoindex("n0");
	open_wire((struct drive_link_plan){ 0 });
	other = socket(AF_PACKET, SOCK_RAW, 0);
	len = datagram(frame, true, 20, 'a');
	DEMAND(bind(other, (const struct sockaddr *)&here, sizeof(here)) == 0);
	DEMAND(send(other, frame, len, 0) == (ssize_t)len);
	wait_for(far); /* it went out */
	DEMAND(drive_link_read(wire, &host, drive_now()) == 0);
}
NETNS_CASE(what_leaves_the_interface_is_not_taken, overlook_what_others_send)

/* ---- out ---- */

struct load {
	uint8_t bytes[70][HEADS + 1500];
	struct minato_extent extents[70][2];
	struct minato_frame_out frames[70];
};
static struct load load;

/* Headers and payload apart, as the library gives what it has no copy of. */
static void put(uint32_t i, uint32_t payload, uint8_t letter)
{
	uint32_t len = datagram(load.bytes[i], true, payload, letter);

	load.extents[i][0] = (struct minato_extent){ load.bytes[i], HEADS };
	load.extents[i][1] = (struct minato_extent){ load.bytes[i] + HEADS, payload };
	load.frames[i] = (struct minato_frame_out){
		.extents = load.extents[i],
		.extent_count = 2,
		.len = len,
		.link = LINK,
		.header_len = HEADS,
		.csum_start = ETHERNET + 20,
		.csum_offset = 6,
	};
}

/* The kernel as receiver: it verifies every checksum, and cuts runs at its socket. */
static int kernel_socket(void)
{
	const struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(9) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	shell("ip addr add 10.9.0.2/24 dev f0");
	DEMAND(bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0);
	return fd;
}

static void expect_datagram(int fd, uint32_t payload, uint8_t letter)
{
	uint8_t bytes[2000];

	wait_for(fd);
	DEMAND(recv(fd, bytes, sizeof(bytes), 0) == (ssize_t)payload);
	for (uint32_t i = 0; i < payload; i++)
		DEMAND(bytes[i] == letter);
}

static void send_runs(void)
{
	struct drive_link_stats stats;
	int fd;

	lay_wire();
	open_wire((struct drive_link_plan){ 0 });
	fd = kernel_socket();
	for (uint32_t i = 0; i < 5; i++)
		put(i, 64, (uint8_t)('a' + i));
	put(5, 33, 'x'); /* less: ends the run */
	put(6, 64, 'y');
	load.frames[7] = load.frames[6];
	load.frames[7].link = LINK + 1; /* not for this link */
	put(8, 1400, 'z');
	drive_link_send(wire, load.frames, 9);
	for (uint32_t i = 0; i < 5; i++)
		expect_datagram(fd, 64, (uint8_t)('a' + i));
	expect_datagram(fd, 33, 'x');
	expect_datagram(fd, 64, 'y');
	expect_datagram(fd, 1400, 'z');
	DEMAND(recv(fd, &stats, 1, 0) < 0);
	drive_link_stats(wire, &stats);
	DEMAND(stats.frames_out == 8 && stats.sends == 3);
	DEMAND(stats.bytes_out == 8 * HEADS + 6 * 64 + 33 + 1400);
}
NETNS_CASE(equal_datagrams_leave_together_and_arrive_as_they_were, send_runs)

static void send_many(void)
{
	struct drive_link_stats stats;
	int fd;

	lay_wire();
	open_wire((struct drive_link_plan){ 0 });
	fd = kernel_socket();
	for (uint32_t i = 0; i < 70; i++)
		put(i, 60, (uint8_t)('0' + i));
	drive_link_send(wire, load.frames, 70);
	for (uint32_t i = 0; i < 70; i++)
		expect_datagram(fd, 60, (uint8_t)('0' + i));
	drive_link_stats(wire, &stats);
	DEMAND(stats.frames_out == 70 && stats.sends == 2);
}
NETNS_CASE(a_run_has_its_bound, send_many)

static void send_singly(void)
{
	struct drive_link_stats stats;
	int fd;

	lay_wire();
	open_wire((struct drive_link_plan){ 0 });
	fd = kernel_socket();
	/* Growing ones cannot be together; nor can one whose checksum somebody else filled in. */
	for (uint32_t i = 0; i < 66; i++)
		put(i, 10 + i, (uint8_t)('0' + i));
	drive_link_send(wire, load.frames, 66);
	for (uint32_t i = 0; i < 66; i++)
		expect_datagram(fd, 10 + i, (uint8_t)('0' + i));
	drive_link_stats(wire, &stats);
	DEMAND(stats.frames_out == 66 && stats.sends == 66);
}
NETNS_CASE(more_than_one_batch_leaves_in_order, send_singly)

static void send_tagged(void)
{
	struct {
		struct virtio_net_hdr header;
		uint8_t bytes[2000];
	} got;
	union {
		char bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
		size_t align;
	} control;
	struct iovec parts[] = { { &got, sizeof(got) } };
	struct msghdr message = { .msg_iov = parts,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	struct tpacket_auxdata aux;

	lay_wire();
	open_wire((struct drive_link_plan){ .vlan = 77 });
	put(0, 40, 'a');
	put(1, 40, 'b');
	drive_link_send(wire, load.frames, 2);
	wait_for(far);
	DEMAND(recvmsg(far, &message, 0) == (ssize_t)(HEADER + HEADS + 80));
	DEMAND(CMSG_FIRSTHDR(&message));
	memcpy(&aux, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(aux));
	DEMAND(aux.tp_status & TP_STATUS_VLAN_VALID && aux.tp_vlan_tci == 77);
	DEMAND(got.header.gso_size == 40 && got.header.csum_start == ETHERNET + 20);
	DEMAND(got.bytes[HEADS + 39] == 'a' && got.bytes[HEADS + 40] == 'b');
	put(0, 40, 'c');
	drive_link_send(wire, load.frames, 1);
	message.msg_controllen = sizeof(control.bytes);
	wait_for(far);
	DEMAND(recvmsg(far, &message, 0) == (ssize_t)(HEADER + HEADS + 40));
	memcpy(&aux, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(aux));
	DEMAND(aux.tp_vlan_tci == 77 && got.bytes[HEADS] == 'c' && got.bytes[12] == 0x08);
}
NETNS_CASE(what_leaves_a_link_with_a_vlan_is_tagged, send_tagged)

static void converse(void)
{
	uint8_t frame[256];
	uint32_t len;

	lay_wire();
	open_wire((struct drive_link_plan){ 0 });
	DEMAND(!drive_link_converses(wire));
	len = datagram(frame, false, 20, 'a');
	send_far(&partial, frame, len);
	(void)read_all();
	DEMAND(!drive_link_converses(wire)); /* nothing went the other way yet */
	put(0, 20, 'b');
	drive_link_send(wire, load.frames, 1);
	DEMAND(drive_link_converses(wire));
	drive_link_send(wire, load.frames, 1);
	DEMAND(!drive_link_converses(wire)); /* the same way again */
	for (uint32_t i = 0; i < 4; i++)
		put(i, 1400, 'c');
	drive_link_send(wire, load.frames, 4);
	DEMAND(!drive_link_converses(wire));
	send_far(&partial, frame, len);
	(void)read_all();
	DEMAND(!drive_link_converses(wire)); /* much was acknowledged */
	drive_link_send(wire, load.frames, 1);
	DEMAND(drive_link_converses(wire));
}
NETNS_CASE(a_small_exchange_is_seen, converse)

/* ---- the interface changes ---- */

static bool news(struct drive_link_state *state, size_t *count)
{
	static struct minato_addr kernel[8];

	return drive_link_news(wire, state, kernel, 8, count) &&
	       (*count == 0 || minato_addr_is4(&kernel[0]));
}

static void flap(void)
{
	struct drive_link_state state;
	struct drive_link_stats stats;
	uint8_t frame[256];
	uint32_t len;
	size_t count;

	lay_wire();
	open_wire((struct drive_link_plan){ 0 });
	(void)news(&state, &count);
	DEMAND(state.up && state.mtu == 1500 && !state.gone);
	shell("ip link set n0 down");
	DEMAND(news(&state, &count) && !state.up && !state.gone);
	DEMAND(drive_link_read(wire, &host, drive_now()) == 0);
	put(0, 20, 'b');
	drive_link_send(wire, load.frames, 1);
	drive_link_stats(wire, &stats);
	DEMAND(stats.out_down == 1 && stats.frames_out == 0);
	shell("ip link set n0 up mtu 1400");
	/* That it runs is told a little after that it is up. */
	do {
		wait_for(drive_link_watch(wire));
		(void)news(&state, &count);
	} while (!state.up);
	DEMAND(state.mtu == 1400);
	DEMAND(!news(&state, &count));
	len = datagram(frame, false, 20, 'a');
	send_far(&partial, frame, len);
	DEMAND(read_all() == 1 && host.last.len == len);
	drive_link_send(wire, load.frames, 1);
	drive_link_stats(wire, &stats);
	DEMAND(stats.frames_out == 1);
	shell("ip link del n0");
	DEMAND(news(&state, &count) && state.gone && !state.up);
	drive_link_send(wire, load.frames, 1);
	drive_link_stats(wire, &stats);
	DEMAND(stats.out_down == 2);
	DEMAND(drive_link_read(wire, &host, drive_now()) == 0);
}
NETNS_CASE(a_link_that_flaps_goes_on_and_one_that_is_gone_is_told, flap)

static void hear_addresses(void)
{
	struct drive_link_state state;
	struct minato_addr kernel[8];
	size_t count;

	lay_wire();
	open_wire((struct drive_link_plan){ .ours = &near_addr, .ours_count = 1 });
	shell("ip addr add 10.9.0.1/24 dev n0; ip addr add fd09::5/64 dev f0 2>/dev/null; true");
	(void)drive_link_news(wire, &state, kernel, 8, &count);
	DEMAND(count >= 1 && minato_addr_equal(&kernel[0], &near_addr));
	(void)drive_link_news(wire, &state, kernel, 8, &count);
	DEMAND(count == 0);
}
NETNS_CASE(an_address_that_the_kernel_gets_is_told, hear_addresses)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_frame_comes_where_the_kernel_put_it),
		cmocka_unit_test(without_a_ring_a_frame_comes_in_a_leased_chunk),
		cmocka_unit_test(a_ring_that_was_left_there_is_no_obstacle),
		cmocka_unit_test(a_super_segment_comes_whole),
		cmocka_unit_test(without_a_ring_a_super_segment_comes_whole),
		cmocka_unit_test(small_and_large_frames_stay_in_order),
		cmocka_unit_test(without_a_chunk_a_super_segment_comes),
		cmocka_unit_test(without_a_chunk_one_frame_at_a_time_comes),
		cmocka_unit_test(a_burst_comes_whole),
		cmocka_unit_test(in_a_flood_who_is_known_goes_first),
		cmocka_unit_test(a_known_source_that_is_most_of_all_goes_first),
		cmocka_unit_test(who_calls_again_goes_before_a_flood_of_calls),
		cmocka_unit_test(where_the_processor_is_wanted_first_calls_are_given_up),
		cmocka_unit_test(newcomers_are_served_among_many_who_connect),
		cmocka_unit_test(who_looks_otherwise_than_a_flood_of_calls_is_served_at_once),
		cmocka_unit_test(one_of_many_that_floods_harms_itself),
		cmocka_unit_test(at_a_gateway_who_calls_in_a_flood_is_asked_for_a_proof),
		cmocka_unit_test(of_those_who_answer_a_thousand_in_a_second_are_handed_on),
		cmocka_unit_test(whose_call_would_not_be_let_in_is_asked_nothing),
		cmocka_unit_test(calls_that_are_asked_and_those_who_wait_are_one_batch),
		cmocka_unit_test(more_are_asked_while_some_answer),
		cmocka_unit_test(who_is_from_a_known_network_is_asked_first),
		cmocka_unit_test(a_gateway_that_keeps_up_hands_on_no_more),
		cmocka_unit_test(who_answers_by_himself_gets_all),
		cmocka_unit_test(of_a_queue_inside_none_are_given_up),
		cmocka_unit_test(a_stranger_is_not_behind_a_flood_of_another_sort),
		cmocka_unit_test(one_source_keeps_its_order),
		cmocka_unit_test(of_a_queue_that_stands_the_oldest_are_given_up),
		cmocka_unit_test(a_link_takes_frames_of_its_vlan_alone),
		cmocka_unit_test(what_leaves_the_interface_is_not_taken),
		cmocka_unit_test(equal_datagrams_leave_together_and_arrive_as_they_were),
		cmocka_unit_test(a_run_has_its_bound),
		cmocka_unit_test(more_than_one_batch_leaves_in_order),
		cmocka_unit_test(what_leaves_a_link_with_a_vlan_is_tagged),
		cmocka_unit_test(a_small_exchange_is_seen),
		cmocka_unit_test(a_link_that_flaps_goes_on_and_one_that_is_gone_is_told),
		cmocka_unit_test(an_address_that_the_kernel_gets_is_told),
	};

	remember_self();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
