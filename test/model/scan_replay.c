/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scan_replay FILE.pcap FACTOR [AFTER]: what was captured in front of a target, as it would come to
 * a host value in its place, AFTER seconds old, with FACTOR times as long between two packets. Says
 * how the sender of the first is named, and after how much:
 *
 *	recognised 10.9.0.1 packets 5 of 8 seconds 1202 kinds syn tool nmap
 *	none 10.9.0.1 packets 3 of 3 seconds 600
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "minato/minato.h"
#include "minato/scan.h"

#define SECOND INT64_C(1000000000)
#define FRAME_MAX 65550u

struct capture {
	FILE *file;
	int64_t unit; /* ns, of the fraction in its times */
	uint8_t bytes[FRAME_MAX];
	uint32_t len;
	int64_t at;
};

static int fail(const char *what)
{
	fprintf(stderr, "scan_replay: %s\n", what);
	return 2;
}

static bool open_capture(struct capture *c, const char *path)
{
	uint32_t head[6];

	c->file = fopen(path, "rb");
	if (!c->file || fread(head, sizeof(head), 1, c->file) != 1)
		return false;
	c->unit = head[0] == 0xa1b23c4d ? 1 : 1000;
	return (head[0] == 0xa1b23c4d || head[0] == 0xa1b2c3d4) && head[5] == 1;
}

static bool next_frame(struct capture *c)
{
	uint32_t head[4];

	if (fread(head, sizeof(head), 1, c->file) != 1 || head[2] > FRAME_MAX)
		return false;
	c->at = head[0] * SECOND + head[1] * c->unit;
	c->len = head[2];
	return fread(c->bytes, c->len, 1, c->file) == 1;
}

/* In the place of whom the first frame is for. */
static struct minato *make_host(const struct capture *c, struct minato_time now)
{
	const uint8_t *to = c->bytes + 30;
	const uint8_t *from = c->bytes + 26;
	const struct minato_addr us = minato_addr4(to[0], to[1], to[2], to[3]);
	const struct minato_addr them = minato_addr4(from[0], from[1], from[2], from[3]);
	struct minato_config config;
	struct minato *m;
	size_t size;
	void *memory;

	minato_config_init(&config);
	config.seed[0] = 7;
	config.link_count = 1;
	config.link[0] = (struct minato_link_config){ .type = MINATO_LINK_ETHERNET, .mtu = 1500 };
	memcpy(config.link[0].mac, c->bytes, 6);
	size = minato_size(&config);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED || minato_create(memory, size, &config, now, &m) < 0 ||
	    minato_address_add(m, 0, &us, 24) < 0 ||
	    minato_neighbour_add(m, 0, &them, c->bytes + 6) < 0)
		return NULL;
	return m;
}

static bool is_named(struct minato *m, struct minato_scan *out)
{
	uint64_t cursor = 0;

	while (minato_scan_row(m, &cursor, out))
		if (out->recognised)
			return true;
	return false;
}

static void take(struct minato *m, struct capture *c, struct minato_time now)
{
	struct minato_frame_out out[16];
	struct minato_frame frame = { .data = c->bytes,
				      .len = c->len,
				      .chunk = MINATO_CHUNK_NONE,
				      /* A kernel leaves them to the link. */
				      .csum_trusted = true };

	minato_input(m, now, &frame, 1);
	while (minato_output(m, now, out, 16) > 0)
		;
}

static void say_kinds(const struct minato_scan *scan)
{
	printf(" kinds ");
	for (unsigned kind = 0, said = 0; kind < 32; kind++) {
		if (scan->kinds & 1u << kind)
			printf("%s%s", said++ ? "," : "",
			       minato_scan_kind_name((enum minato_scan_kind)kind));
	}
	printf(" tool %s\n", minato_scan_tool_name(scan->tool));
}

int main(int argc, char **argv)
{
	static struct capture c;
	int64_t factor = argc >= 3 ? atoll(argv[2]) : 0;
	int64_t start = SECOND + (argc == 4 ? atoll(argv[3]) : 0) * SECOND;
	uint32_t packets = 0, named = 0;
	struct minato_time now = { SECOND };
	struct minato_scan scan = { .kinds = 0 };
	int64_t first, named_s = 0;
	struct minato *m;

	if (factor < 1 || !open_capture(&c, argv[1]))
		return fail("FILE.pcap FACTOR [AFTER]");
	if (!next_frame(&c) || c.len < 34)
		return fail("nothing was captured");
	first = c.at;
	m = make_host(&c, now);
	if (!m)
		return fail("no host value");
	do {
		now.ns = start + (c.at - first) * factor;
		take(m, &c, now);
		packets++;
		if (!named && is_named(m, &scan)) {
			named = packets;
			named_s = (now.ns - start) / SECOND;
		}
	} while (next_frame(&c));
	printf("%s %u.%u.%u.%u packets %u of %u seconds %lld", named ? "recognised" : "none",
	       c.bytes[26], c.bytes[27], c.bytes[28], c.bytes[29], named ? named : packets, packets,
	       (long long)(named ? named_s : (now.ns - start) / SECOND));
	if (is_named(m, &scan))
		say_kinds(&scan);
	else
		printf("\n");
	return 0;
}
