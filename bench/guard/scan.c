/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the statistic of scans costs, through minato_input and minato_output in memory: SYNs as fast
 * as they are taken, each from another source to another closed port, so that each is a report.
 * The same packets by two host values, one of which does not watch, by turns; of the thread's own
 * time, less what making the packets takes. Virtual time goes on by 100 ns a packet, which is about
 * what one takes: all the core does is to refuse them.
 *
 *	scan_cost	of the way of such a packet without it, percent; the best of 150 turns each
 *	scan_cost_few	likewise, by 1,000 sources, each of which fails at many ports
 *	scan_found	ports until a scanner among the flood was recognised, one port in a millisecond
 */
#include "bench.h"

#include "bench/bytes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "minato/scan.h"

#define BATCH 32u
#define FRAME 54u
#define TURNS 150
#define PACKETS (1u << 16) /* of a turn */
#define PACKET_NS 100

struct world {
	struct minato *m;
	size_t size;
	struct minato_time now;
	uint64_t state; /* of the sources */
};

/* A segment with `flags`; its transport checksum is not looked at. */
static void make(uint8_t *f, uint32_t src, uint16_t src_port, uint16_t dst_port, uint8_t flags)
{
	uint32_t sum = 0;

	memset(f, 0, FRAME);
	memcpy(f, "\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\0", 14);
	memcpy(f + 14, "\x45\0\0\x28\0\0\0\0\x40\6\0\0", 12);
	put32(f + 26, src);
	put32(f + 30, 0xc0000201);
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)f[14 + i] << 8 | f[15 + i];
	sum = (sum & 0xffff) + (sum >> 16);
	put16(f + 24, ~(sum + (sum >> 16)));
	put16(f + 34, src_port);
	put16(f + 36, dst_port);
	f[46] = 0x50;
	f[47] = flags;
	put16(f + 48, 64240);
}

static bool begin(struct world *w, bool watch)
{
	const struct minato_addr us = minato_addr4(192, 0, 2, 1);
	const struct minato_addr router = minato_addr4(192, 0, 2, 254);
	const struct minato_addr none = minato_addr4(0, 0, 0, 0);
	const uint8_t mac[6] = { 2, 0, 0, 0, 0, 2 };
	struct minato_scan_policy policy;
	struct minato_config c;

	*w = (struct world){ .now = { 1000000000 } };
	minato_config_init(&c);
	c.seed[0] = 3;
	c.scan_sources_max = 1u << 20;
	c.link_count = 1;
	c.link[0] = (struct minato_link_config){ .type = MINATO_LINK_ETHERNET,
						 .mtu = 1500,
						 .mac = { 2, 0, 0, 0, 0, 1 } };
	w->size = minato_size(&c);
	w->m = mmap(NULL, w->size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (w->m == MAP_FAILED || minato_create(w->m, w->size, &c, w->now, &w->m) != 0) {
		say("no host value of %zu bytes", w->size);
		return false;
	}
	minato_address_add(w->m, 0, &us, 24);
	minato_route_add(w->m, &none, 0, &router, 0);
	minato_neighbour_add(w->m, 0, &router, mac);
	minato_scan_get(w->m, &policy);
	policy.watch = watch;
	return minato_scan_set(w->m, &policy) == 0;
}

static uint64_t roll(uint64_t *state)
{
	uint64_t r = *state += UINT64_C(0x9e3779b97f4a7c15);

	r = (r ^ r >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	return r ^ r >> 31;
}

/* One batch; without a host value the packets are only made. `sources`: 2^n of them. */
static void turn(struct world *w, bool only_make, uint32_t sources, uint8_t flags)
{
	static uint8_t bytes[BATCH][64];
	struct minato_frame frames[BATCH];
	struct minato_frame_out out[2 * BATCH];

	for (uint32_t i = 0; i < BATCH; i++) {
		const uint64_t r = roll(&w->state);

		frames[i] = (struct minato_frame){ .data = bytes[i], .len = FRAME,
						   .chunk = MINATO_CHUNK_NONE,
						   .csum_trusted = true };
		make(bytes[i], 0x14000000 + ((uint32_t)r & (sources - 1)),
		     (uint16_t)(32768 + (r >> 32) % 28000), (uint16_t)(1 + (r >> 48) % 65535),
		     flags);
	}
	w->now.ns += BATCH * PACKET_NS;
	if (only_make)
		return;
	minato_input(w->m, w->now, frames, BATCH);
	minato_output(w->m, w->now, out, 2 * BATCH);
}

static double take(struct world *w, bool only_make, uint32_t sources, uint8_t flags)
{
	const double start = cpu_seconds();

	for (uint32_t i = 0; i < PACKETS; i += BATCH)
		turn(w, only_make, sources, flags);
	return cpu_seconds() - start;
}

static double lesser(double a, double b)
{
	return a < b ? a : b;
}

static int cost(const char *name, uint32_t sources, uint8_t flags)
{
	struct world with, without, none = { .state = 0 };
	double made = 1e9, base = 1e9, all = 1e9;

	if (!begin(&with, true) || !begin(&without, false))
		return -1;
	for (int i = 0; i < TURNS; i++) {
		made = lesser(made, take(&none, true, sources, flags));
		base = lesser(base, take(&without, false, sources, flags));
		all = lesser(all, take(&with, false, sources, flags));
	}
	say("%s: %.1f ns of %.1f", name, (all - base) / PACKETS * 1e9,
	    (base - made) / PACKETS * 1e9);
	figure(name, 100 * (all - base) / (base - made), "%");
	munmap(with.m, with.size);
	munmap(without.m, without.size);
	return 0;
}

/* --- who is found in a flood ------------------------------------------------ */

static bool is_found(struct world *w, const struct minato_addr *source)
{
	struct minato_scan scan;
	uint64_t cursor = 0;

	while (minato_scan_row(w->m, &cursor, &scan))
		if (scan.recognised && minato_addr_equal(&scan.source, source))
			return true;
	return false;
}

static int find(void)
{
	const struct minato_addr source = minato_addr4(203, 0, 113, 7);
	struct world w;
	uint32_t ports = 0;
	uint8_t bytes[64];

	if (!begin(&w, true))
		return -1;
	/* First all places are taken. */
	for (uint32_t i = 0; i < 1u << 20; i++)
		turn(&w, false, 1u << 28, 2);
	while (!is_found(&w, &source) && ports < 65000) {
		struct minato_frame frame = { .data = bytes, .len = FRAME,
					      .chunk = MINATO_CHUNK_NONE, .csum_trusted = true };

		make(bytes, 0xcb007107, 50000, (uint16_t)(1 + ports++), 2);
		minato_input(w.m, w.now, &frame, 1);
		for (uint32_t i = 0; i < 1000000 / PACKET_NS; i += BATCH)
			turn(&w, false, 1u << 28, 2);
	}
	figure("scan_found", ports, "ports");
	munmap(w.m, w.size);
	return 0;
}

int bench_scans(void)
{
	if (cost("scan_cost", 1u << 28, 2) < 0 || cost("scan_cost_few", 1u << 10, 2) < 0)
		return -1;
	return find();
}
