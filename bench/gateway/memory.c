/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-gateway-memory: what a gateway costs without any link, on one core.
 *
 *	translate_mpps_1e5, _1e6  a packet of 64 bytes: parsed, sought, decided and rewritten, in
 *		batches of 32, every second one outward, in an order that no cache can foresee
 *	translate_mpps		the smaller of these
 *	decide_mpps_1e6		of that the look-up and decision alone
 *	setup_mps		new sessions, one datagram each, in batches of 32, ten to a mapping,
 *		a million of them, in a table that has been as full before
 *	setup_mps_growing	the same while table and memory grow for the first time
 *	expire_mps		sessions that end by their timer, mappings with them
 *	.._1e7			the same of ten million
 *	.._huge			in pages of 2 MB, where the kernel gives them to who asks; all other
 *		figures are in pages of 4 KB, as the memory of `minato gateway` is where its file
 *		says nothing of capacity
 *	.._1e7_1		one to a mapping: each makes host or endpoint, port and session
 *	sessions_1e7_rss_gb	resident memory of ten million sessions, ten to a mapping
 *	sessions_1e7_rss_gb_1	the same, one to a mapping
 *	setup_success_9999	of new mappings while 99.99 % of an address's ports are used
 *	choose_ns_9999		what such a choice costs, its mapping made and ended with it
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "nat/nat.h"
#include "wire/wire.h"

#define BATCH 32u
#define FRAME 64u

static struct nat *n;
static struct port_table *t;
static char *memory;
static size_t memory_size;
static bool huge; /* pages are asked for that are */

static void figure(const char *name, double value, const char *unit)
{
	printf("%s %.*f %s\n", name, value < 10 ? 3 : value < 1000 ? 1 : 0, value, unit);
	fflush(stdout);
}

static void require(bool fact, const char *what)
{
	if (fact)
		return;
	fprintf(stderr, "bench-gateway-memory: %s\n", what);
	exit(1);
}

/* Of this process alone: it waits for nothing, and others share the machine. */
static double now_ns(void)
{
	struct timespec at;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
	return (double)at.tv_sec * 1e9 + (double)at.tv_nsec;
}

static double resident_gb(void)
{
	unsigned long total = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	require(f != NULL && fscanf(f, "%lu %lu", &total, &pages) == 2, "no /proc/self/statm");
	fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e9;
}

static uint64_t random_state = 88172645463325252u;
static uint32_t random_32(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32);
}

static void open_gateway(uint32_t sessions, uint32_t pools)
{
	const struct nat_limits limits = { .sessions_max = sessions,
					   .mappings_max = sessions,
					   .hosts_max = 1 << 20,
					   .pools_max = pools,
					   .forwards_max = 16,
					   .outside_scope = 1 };
	const struct port_limits ports = { (uint32_t)nat_tuples(&limits), 1024, 64, 0, 0 };
	const struct hash_key key = { { 1, 2 } };
	const size_t nat_size = nat_bytes(&limits);

	memory_size = nat_size + port_bytes(&ports);
	memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	require(memory != MAP_FAILED, "no address space");
	madvise(memory, memory_size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	t = port_init(memory + nat_size, &ports, &key);
	n = nat_init(memory, &limits, t, &key, (struct minato_time){ NS_PER_S });
	for (uint32_t i = 0; i < pools; i++) {
		const struct minato_addr a = minato_addr4(198, 51, (uint8_t)(i >> 8), (uint8_t)i);
		require(nat_pool_add(n, 1, &a, 0, 0) == 0, "no pool");
	}
}

static void close_gateway(void)
{
	munmap(memory, memory_size);
}

/* --- flows ---------------------------------------------------------------- */

static uint32_t endpoints = 1; /* of the inside */

/* Flow i: each endpoint's first, then each one's second, as many begin side by side. */
static struct port_key outward(uint32_t i)
{
	const uint32_t endpoint = i % endpoints, host = endpoint / 1000;

	return (struct port_key){
		.local = minato_addr4(203, (uint8_t)(i / endpoints), (uint8_t)(i >> 8), 1),
		.remote = minato_addr4(10, (uint8_t)(host >> 16), (uint8_t)(host >> 8),
				       (uint8_t)host),
		.local_port = 53,
		.remote_port = (uint16_t)(2000 + endpoint % 1000),
		.proto = MINATO_UDP,
	};
}

/* Makes flows [from, from + count) as packets of a batch would; false: one was refused. */
static bool begin(uint32_t from, uint32_t count)
{
	const struct nat_packet p = { .inside = true, .whose = NAT_OTHERS, .opens = true };
	struct port_probe probes[BATCH];
	struct port_key keys[BATCH];
	struct nat_way way;
	bool made = true;

	while (count > 0) {
		const uint32_t part = count < BATCH ? count : BATCH;
		for (uint32_t i = 0; i < part; i++) {
			keys[i] = outward(from + i);
			probes[i].key = &keys[i];
		}
		port_seek(t, probes, part);
		nat_seek(n, probes, part);
		for (uint32_t i = 0; i < part; i++)
			made &= nat_packet(n, &probes[i], &p, &way) == NAT_PASS;
		from += part;
		count -= part;
	}
	return made;
}

/* Makes them all, the first tenth unmeasured. */
static double begin_all(uint32_t count)
{
	const uint32_t warm = count / 10;
	double ns;

	require(begin(0, warm), "a flow was refused");
	ns = now_ns();
	require(begin(warm, count - warm), "a flow was refused");
	return (count - warm) / (now_ns() - ns) * 1e3;
}

/* Idle for longer than any timer. */
static double end_all(uint32_t count)
{
	const double ns = now_ns();

	do
		nat_advance(n, (struct minato_time){ n->now.ns + NS_PER_S });
	while (n->sessions4.used > 0);
	return count / (now_ns() - ns) * 1e3;
}

/* A million, or ten of them; `mark` is what the figures' names end with. */
static void measure_memory(bool ten, uint32_t per_mapping, const char *mark)
{
	const uint32_t count = ten ? 10000000 : 1000000;
	const char *size = ten ? "_1e7" : "";
	const double before = resident_gb();
	char name[64];

	/* Hosts are spread over addresses by a hash: some get more than others. */
	open_gateway(count, per_mapping == 1 ? 300 : 40);
	endpoints = count / per_mapping;
	snprintf(name, sizeof(name), "setup_mps_growing%s%s", size, mark);
	figure(name, begin_all(count), "M/s");
	snprintf(name, sizeof(name), "sessions_1e7_rss_gb%s", mark);
	if (ten)
		figure(name, resident_gb() - before, "GB");
	require(n->sessions4.used == count && n->mappings.used == endpoints, "some are not there");
	snprintf(name, sizeof(name), "expire_mps%s%s", size, mark);
	figure(name, end_all(count), "M/s");
	snprintf(name, sizeof(name), "setup_mps%s%s", size, mark);
	figure(name, begin_all(count), "M/s");
	close_gateway();
}

/* --- translating ---------------------------------------------------------- */

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* A datagram of 64 bytes of IP, its checksums right. */
static void write_frame(uint8_t *frame, const struct minato_endpoint *src,
			const struct minato_endpoint *dst)
{
	uint32_t sum = 0;

	memset(frame, 0, FRAME);
	frame[0] = 0x45;
	put16(frame + 2, FRAME);
	frame[8] = 64;
	frame[9] = 17;
	memcpy(frame + 12, src->addr.bytes + 12, 4);
	memcpy(frame + 16, dst->addr.bytes + 12, 4);
	for (uint32_t i = 0; i < 20; i += 2)
		sum += (uint32_t)(frame[i] << 8 | frame[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(frame + 10, ~((sum & 0xffff) + (sum >> 16)));
	put16(frame + 20, src->port);
	put16(frame + 22, dst->port);
	put16(frame + 24, FRAME - 20);
	sum = 17 + FRAME - 20;
	for (uint32_t i = 12; i < FRAME; i += 2)
		sum += (uint32_t)(frame[i] << 8 | frame[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(frame + 26, ~((sum & 0xffff) + (sum >> 16)));
}

struct path {
	uint8_t *frames; /* `count` of them; every second one comes from outside */
	uint32_t count;
};

/* For session i, one of its two directions. */
static void make_frames(struct path *path, uint32_t sessions)
{
	path->count = 1 << 21;
	path->frames = malloc((size_t)path->count * FRAME);
	require(path->frames != NULL, "no memory");
	for (uint32_t i = 0; i < path->count; i++) {
		struct nat_flow f;
		session_flow(session_at(n, random_32() % sessions), &f);
		if (i % 2 == 0)
			write_frame(path->frames + (size_t)i * FRAME, &f.a, &f.b);
		else
			write_frame(path->frames + (size_t)i * FRAME, &f.d, &f.c);
	}
}

struct arrived {
	struct packet packet;
	struct port_key key;
};

static void parse(struct arrived *a, const uint8_t *frame, bool inside)
{
	const struct minato_frame whole = {
		.data = frame, .len = FRAME, .chunk = MINATO_CHUNK_NONE, .csum_trusted = true
	};

	require(packet_parse(&whole, MINATO_LINK_IP, NULL, &a->packet) == DROP_NONE,
		"a packet is wrong");
	a->key = (struct port_key){
		.local = a->packet.dst,
		.remote = a->packet.src,
		.local_port = a->packet.dst_port,
		.remote_port = a->packet.src_port,
		.scope = inside ? 0 : 1,
		.proto = MINATO_UDP,
	};
}

static void rewrite(uint8_t *frame, const struct packet *p, const struct nat_way *way)
{
	const struct rewrite to = { .src = way->src.addr,
				    .dst = way->dst.addr,
				    .src_port = way->src.port,
				    .dst_port = way->dst.port,
				    .hop_limit = (uint8_t)(p->hop_limit - 1) };

	rewrite_packet(frame, p, false, &to);
}

static void batch(uint8_t *frames, bool rewriting)
{
	struct port_probe probes[BATCH];
	struct arrived arrived[BATCH];
	struct nat_way way;

	for (uint32_t i = 0; i < BATCH; i++) {
		parse(&arrived[i], frames + i * FRAME, i % 2 == 0);
		probes[i].key = &arrived[i].key;
	}
	port_seek(t, probes, BATCH);
	nat_seek(n, probes, BATCH);
	for (uint32_t i = 0; i < BATCH; i++) {
		const struct nat_packet p = { .inside = i % 2 == 0, .opens = true };
		require(nat_packet(n, &probes[i], &p, &way) == NAT_PASS, "a packet was lost");
		if (rewriting)
			rewrite(frames + i * FRAME, &arrived[i].packet, &way);
	}
}

/* Best of three: whoever else runs takes time, and gives none. */
static double translate(uint32_t sessions, bool rewriting)
{
	struct path path;
	double best = 0;

	make_frames(&path, sessions);
	for (uint32_t round = 0; round < 3; round++) {
		double ns;
		struct path fresh = path;
		fresh.frames = malloc((size_t)path.count * FRAME);
		require(fresh.frames != NULL, "no memory");
		memcpy(fresh.frames, path.frames, (size_t)path.count * FRAME);
		ns = now_ns();
		for (uint32_t i = 0; i < path.count; i += BATCH)
			batch(fresh.frames + (size_t)i * FRAME, rewriting);
		ns = now_ns() - ns;
		best = path.count / ns * 1e3 > best ? path.count / ns * 1e3 : best;
		free(fresh.frames);
	}
	free(path.frames);
	return best;
}

static void measure_translation(void)
{
	double few, many;

	open_gateway(1000000, 8);
	endpoints = 100000;
	require(begin(0, 100000), "a flow was refused");
	few = translate(100000, true);
	require(begin(100000, 900000), "a flow was refused");
	many = translate(1000000, true);
	figure("translate_mpps_1e5", few, "M/s");
	figure("translate_mpps_1e6", many, "M/s");
	figure("translate_mpps", few < many ? few : many, "M/s");
	figure("decide_mpps_1e6", translate(1000000, false), "M/s");
	close_gateway();
}

/* --- a full address -------------------------------------------------------- */

static void measure_full(void)
{
	const uint32_t all = 64512, used = all - all / 10000, tries = 200000;
	uint32_t made = 0;
	double ns;

	open_gateway(1 << 17, 1);
	endpoints = used + tries;
	require(begin(0, used), "a flow was refused");
	ns = now_ns();
	for (uint32_t i = 0; i < tries; i++) {
		made += begin(used + i, 1);
		nat_mapping_end(n, nat_mapping_handle(n, 0));
		/* The one that ended has made room for the next: slot 0 is the newest. */
	}
	ns = now_ns() - ns;
	figure("setup_success_9999", (double)made / tries, "share");
	figure("choose_ns_9999", ns / tries, "ns");
	close_gateway();
}

/* All, or the groups that are named. */
static bool wanted(int argc, char **argv, const char *name)
{
	bool found = argc < 2;

	for (int i = 1; i < argc; i++)
		found |= strcmp(argv[i], name) == 0;
	return found;
}

int main(int argc, char **argv)
{
	if (wanted(argc, argv, "memory")) {
		measure_memory(false, 10, "");
		measure_memory(true, 10, "");
		huge = true;
		measure_memory(false, 10, "_huge");
		measure_memory(true, 10, "_huge");
		huge = false;
	}
	if (wanted(argc, argv, "mapped"))
		measure_memory(true, 1, "_1");
	if (wanted(argc, argv, "translate"))
		measure_translation();
	if (wanted(argc, argv, "full"))
		measure_full();
	return 0;
}
