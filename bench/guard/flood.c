/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Floods through minato_input and minato_output in memory: what one core takes. Ethernet frames in
 * batches of 32, each from another source, copied into a small chunk as a driver reads it; every
 * frame that comes out is looked at.
 *
 *	flood_memory_syn_mpps	SYNs to a listener that nobody completes
 *	flood_memory_closed_mpps	SYNs to a port that is closed
 *	cookies_per_s		cookies made, and cookies_opened_per_s looked at
 *
 * The best of three seconds each, of the thread's own time on its core.
 */
#include "bench/bytes.h"
#include "flood.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "minato/minato.h"
#include "tcp/tcp.h"

#define BATCH 32u
#define FRAME 66u
#define IP_AT 14u
#define TCP_AT 34u

struct bench {
	struct minato *m;
	size_t size;
	struct minato_time now;
	uint64_t state; /* of the sources */
};

/* A SYN as many systems send it: MSS 1460, SACK, a scale of 7. */
static void make_syn(uint8_t *f, uint32_t src, uint16_t src_port, uint16_t dst_port, uint32_t seq)
{
	static const uint8_t options[12] = { 2, 4, 5, 180, 1, 1, 4, 2, 1, 3, 3, 7 };
	uint8_t *ip = f + IP_AT, *tcp = f + TCP_AT;

	memset(f, 0, FRAME);
	memcpy(f, "\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\0", IP_AT);
	ip[0] = 0x45;
	put16(ip + 2, FRAME - IP_AT);
	ip[8] = 64;
	ip[9] = 6;
	put32(ip + 12, src);
	put32(ip + 16, 0xc0000201);
	put16(ip + 10, sum(ip, 20, 0) ^ 0xffff);
	put16(tcp, src_port);
	put16(tcp + 2, dst_port);
	put32(tcp + 4, seq);
	tcp[12] = 0x80;
	tcp[13] = 0x02;
	put16(tcp + 14, 64240);
	memcpy(tcp + 20, options, sizeof(options));
	put16(tcp + 16, sum(ip + 12, FRAME - IP_AT - 12, 6 + FRAME - TCP_AT) ^ 0xffff);
}

static bool begin(struct bench *b)
{
	const struct minato_addr us = minato_addr4(192, 0, 2, 1);
	const struct minato_addr router = minato_addr4(192, 0, 2, 254);
	const struct minato_addr none = minato_addr4(0, 0, 0, 0);
	const uint8_t mac[6] = { 2, 0, 0, 0, 0, 2 };
	const struct minato_endpoint local = { us, 80 };
	struct minato_config c;
	uint64_t socket;

	minato_config_init(&c);
	c.seed[0] = 1;
	c.seed[1] = 2;
	c.link_count = 1;
	c.link[0] = (struct minato_link_config){ .type = MINATO_LINK_ETHERNET,
						 .mtu = 1500,
						 .mac = { 2, 0, 0, 0, 0, 1 } };
	b->size = minato_size(&c);
	b->m = mmap(NULL, b->size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (b->m == MAP_FAILED || minato_create(b->m, b->size, &c, b->now, &b->m) != 0) {
		say("no host value of %zu bytes", b->size);
		return false;
	}
	minato_address_add(b->m, 0, &us, 24);
	minato_route_add(b->m, &none, 0, &router, 0);
	minato_neighbour_add(b->m, 0, &router, mac);
	return minato_socket(b->m, MINATO_TCP, 0, &socket) == 0 &&
	       minato_bind(b->m, socket, &local) == 0 && minato_listen(b->m, socket, 128) == 0;
}

/* One batch of SYNs from everywhere; how many frames came out. */
static uint32_t turn(struct bench *b, uint16_t port, volatile uint8_t *seen)
{
	struct minato_frame frames[BATCH];
	struct minato_frame_out out[2 * BATCH];
	struct minato_extent where;
	uint32_t count;

	for (uint32_t i = 0; i < BATCH; i++) {
		uint64_t r = b->state += UINT64_C(0x9e3779b97f4a7c15);

		r = (r ^ r >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		r ^= r >> 31;
		frames[i] = (struct minato_frame){ .len = FRAME,
						   .chunk = minato_lease_small(b->m, &where) };
		make_syn(where.base, 0x14000000 + ((uint32_t)r & 0x0fffffff),
			 (uint16_t)(1024 + (r >> 32) % 60000), port, (uint32_t)(r >> 24));
		frames[i].data = where.base;
	}
	minato_input(b->m, b->now, frames, BATCH);
	count = (uint32_t)minato_output(b->m, b->now, out, 2 * BATCH);
	for (uint32_t i = 0; i < count; i++)
		*seen = *(const uint8_t *)out[i].extents[0].base;
	return count;
}

static double measure(struct bench *b, uint16_t port)
{
	const double start = cpu_seconds();
	volatile uint8_t seen = 0;
	uint64_t packets = 0;
	double took;

	do {
		for (int i = 0; i < 256; i++) {
			turn(b, port, &seen);
			packets += BATCH;
			b->now.ns += 10000;
		}
		took = cpu_seconds() - start;
	} while (took < 1);
	return (double)packets / took / 1e6;
}

/* Cookies alone: made, or looked at (one of two is good). */
static double count_cookies(bool opened)
{
	static struct tcp_shared shared; /* of which only the secrets are used */
	struct tcp_env e = { .shared = &shared, .now = { 1000000000000 } };
	struct tcp_setup setup = { .mtu = 1500 };
	uint64_t count = 0, good = 0;
	const double start = cpu_seconds();
	struct tcp_half made = { .irs = { 1 }, .mss = 1460, .wscale = 7, .sack = true };
	uint32_t stamp;

	do {
		for (uint32_t i = 0; i < 100000; i++, count++) {
			struct tcp_half h = made;
			struct tcp_segment ack;

			setup.tuple_hash = opened ? 1 : count;
			if (!opened || i == 0) {
				tcp_cookie_make(&e, &setup, &h, &stamp);
				good += h.iss.v;
			}
			if (!opened)
				continue;
			if (i == 0)
				made.iss = h.iss;
			ack = (struct tcp_segment){ .seq = seq_add(made.irs, 1),
						    .ack = seq_add(made.iss, 1 + (i & 1)) };
			good += tcp_cookie_open(&e, &setup, &ack, &h);
		}
	} while (cpu_seconds() - start < 1);
	if (good == 0)
		say("not one cookie was good");
	return (double)count / (cpu_seconds() - start);
}

int bench_floods(void)
{
	static const struct {
		uint16_t port;
		const char *name;
	} kinds[] = { { 80, "flood_memory_syn_mpps" }, { 81, "flood_memory_closed_mpps" } };

	if (!flood_asked("memory"))
		return flood_net();
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		struct bench b = { .now = { 1000000000 } };
		double best = 0;

		if (!begin(&b))
			return -1;
		for (int round = 0; round < 3; round++) {
			const double mpps = measure(&b, kinds[k].port);

			best = mpps > best ? mpps : best;
		}
		figure(kinds[k].name, best, "Mpps");
		munmap(b.m, b.size);
	}
	figure("cookies_per_s", count_cookies(false), "cookies/s");
	figure("cookies_opened_per_s", count_cookies(true), "cookies/s");
	return flood_net();
}
