/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fragments against a naive model: for each packet an array of bytes with an owner for each. Every
 * input is a list of fragments of a few packets, with time between them; after each the reason for
 * which it was dropped, and what was delivered, must be the model's.
 */
#include "expect.h"

#include <string.h>
#include <sys/mman.h>

#include "stack/stack.h"

#define KEYS 8u /* four identifications, two families */
#define BYTES 65536u
#define FRAGMENTS 256u

struct piece {
	uint32_t at, len;
	bool more;
};

/* One packet as the model has it. */
struct model {
	bool active, spoilt;
	int64_t until_ns;
	uint32_t total, have; /* total 0: not yet known */
	uint32_t count;
	struct piece piece[FRAGMENTS];
	uint8_t value[BYTES];
	bool owned[BYTES];
};

struct input {
	const uint8_t *at;
	size_t left;
};

static struct model models[KEYS];
static void *memory;
static size_t memory_size;
static struct minato *m;
static struct minato_time now;
static uint64_t receiver;

static uint8_t take(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

static void begin(void)
{
	struct minato_config c;
	struct minato_addr a = minato_addr4(10, 0, 0, 1);
	const struct minato_endpoint any = { .port = 53 };

	minato_config_init(&c);
	c.sockets_max = 4;
	/* No more than is used: every input clears all of it, and what guards it. */
	c.time_wait_max = 4;
	c.entries_max = 16;
	c.neighbours_max = 4;
	c.routes_max = 4;
	c.chunks_large = 64;
	c.chunks_small = 256;
	c.active_max = 4;
	c.calls_max = 4;
	c.owners_max = 4;
	c.leases_max = 4;
	c.scan_sources_max = 1024;
	c.inside_hosts_max = 4;
	c.pool_addresses_max = 1;
	c.reassemblies_max = KEYS;
	c.link_count = 1;
	c.link[0].type = MINATO_LINK_IP;
	c.link[0].mtu = 1500;
	if (!memory) {
		memory_size = minato_size(&c);
		memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		expect(memory != MAP_FAILED);
	}
	expect(madvise(memory, memory_size, MADV_DONTNEED) == 0);
	now.ns = 100 * NS_PER_S;
	expect(minato_create(memory, memory_size, &c, now, &m) == 0);
	expect(minato_address_add(m, 0, &a, 24) == 0);
	expect(minato_addr_parse("fd00::1", &a) == 0);
	expect(minato_address_add(m, 0, &a, 64) == 0);
	expect(minato_socket(m, MINATO_UDP, 0, &receiver) == 0);
	expect(minato_bind(m, receiver, &any) == 0);
	for (uint32_t i = 0; i < KEYS; i++)
		models[i].active = false;
}

/* --- the model ---------------------------------------------------------------------- */

static void model_expire(void)
{
	for (uint32_t i = 0; i < KEYS; i++)
		if (models[i].active && models[i].until_ns <= now.ns)
			models[i].active = false;
}

static enum drop spoil(struct model *k)
{
	k->spoilt = true;
	return DROP_FRAGMENT_OVERLAP;
}

static bool is_again(const struct model *k, const struct piece *p, const uint8_t *bytes)
{
	for (uint32_t i = 0; i < k->count; i++) {
		const struct piece *q = &k->piece[i];
		if (q->at == p->at && q->len == p->len && q->more == p->more)
			return memcmp(k->value + p->at, bytes, p->len) == 0;
	}
	return false;
}

static bool is_odd(const struct model *k, const struct piece *p)
{
	const uint32_t end = p->at + p->len;

	if (k->total != 0 && (p->more ? end >= k->total : end != k->total))
		return true;
	for (uint32_t i = 0; i < k->count && !p->more; i++)
		if (k->piece[i].at + k->piece[i].len > end)
			return true;
	return memchr(k->owned + p->at, true, p->len) != NULL;
}

/* What is due with a whole: RFC 768 for a checksum of 0, which IPv6 does not know. */
static enum drop judge_whole(const struct model *k, bool is6)
{
	const uint32_t len = (uint32_t)k->value[4] << 8 | k->value[5];

	if (len < 8 || len > k->total)
		return DROP_UDP_HEADER;
	return is6 ? DROP_UDP_CHECKSUM : DROP_NONE;
}

static enum drop model_arrive(struct model *k, bool is6, const struct piece *p,
			      const uint8_t *bytes)
{
	if (p->len == 0 || (p->more && p->len % 8 != 0))
		return DROP_IP_FRAGMENT;
	if (p->at + p->len > 65535u - (is6 ? 0 : 20))
		return DROP_FRAGMENT_RANGE;
	if (!k->active) {
		memset(k->owned, 0, sizeof(k->owned));
		k->active = true;
		k->spoilt = false;
		k->total = k->have = k->count = 0;
		k->until_ns = now.ns + 60 * NS_PER_S;
	}
	if (k->spoilt)
		return DROP_FRAGMENT_OVERLAP;
	if (is_again(k, p, bytes))
		return DROP_FRAGMENT_DUPLICATE;
	if (is_odd(k, p))
		return spoil(k);
	expect(k->count < FRAGMENTS);
	k->piece[k->count++] = *p;
	memcpy(k->value + p->at, bytes, p->len);
	memset(k->owned + p->at, true, p->len);
	k->have += p->len;
	if (!p->more)
		k->total = p->at + p->len;
	if (k->total == 0 || k->have < k->total)
		return DROP_NONE;
	k->active = false;
	return judge_whole(k, is6);
}

/* --- the host value ----------------------------------------------------------------- */

static void send_piece(uint32_t id, bool is6, const struct piece *p, const uint8_t *bytes)
{
	static uint8_t packet[BYTES + 100];
	struct ip_build ip = {
		.is6 = is6,
		.proto = is6 ? IP_PROTO_FRAGMENT : IP_PROTO_UDP,
		.hop_limit = 64,
		.id = (uint16_t)id,
		.fragment_offset = p->at,
		.more_fragments = p->more,
		.payload_len = p->len + (is6 ? FRAGMENT_LEN : 0),
	};
	struct minato_frame frame = { .data = packet, .chunk = MINATO_CHUNK_NONE };
	uint32_t at;

	minato_addr_parse(is6 ? "fd00::9" : "10.0.0.9", &ip.src);
	minato_addr_parse(is6 ? "fd00::1" : "10.0.0.1", &ip.dst);
	at = ip_build(&ip, packet);
	if (is6) {
		fragment_build(packet + at, IP_PROTO_UDP, p->at, p->more, id);
		at += FRAGMENT_LEN;
	}
	memcpy(packet + at, bytes, p->len);
	frame.len = at + p->len;
	minato_input(m, now, &frame, 1);
}

static void check_delivery(const struct model *k, bool delivered)
{
	static uint8_t got[BYTES];
	const int64_t len = minato_recv(m, receiver, got, sizeof(got), 0);

	if (!delivered) {
		expect(len < 0);
		return;
	}
	expect(len == ((int64_t)k->value[4] << 8 | k->value[5]) - 8);
	expect(memcmp(got, k->value + 8, (size_t)len) == 0);
}

static void check_host(void)
{
	uint32_t active = 0, chunks = 0;

	for (uint32_t i = 0; i < KEYS; i++) {
		active += models[i].active;
		chunks += models[i].active && !models[i].spoilt;
	}
	expect(m->regrouping.pool.used == active);
	expect(m->payload.large.used == chunks);
}

/* --- one fragment of the input -------------------------------------------------------- */

static void choose(struct input *in, struct piece *p)
{
	const uint8_t how = take(in);

	p->more = (how & 1) != 0;
	p->at = how & 2 ? (uint32_t)take(in) << 8 | take(in) : take(in) % 16u * 8u;
	p->at &= 0xfff8;
	p->len = how & 4 ? (uint32_t)take(in) << 8 | take(in) : take(in) % 64u;
	if (how & 8)
		p->len &= ~7u;
	/* A fragment it is: another follows the first. No longer than a packet with its
	   headers, and no header cut off. */
	p->more = p->more || p->at == 0;
	if (p->len > 65000)
		p->len = 65000;
	if (p->at == 0 && p->len > 0 && p->len < 8)
		p->len = 8;
}

/* Another byte at every place, in two ways: each place of a packet tells whence it came. */
static const uint8_t *pattern(uint32_t way)
{
	static uint8_t patterns[2][BYTES + BYTES];

	if (patterns[1][0] == 0) {
		for (uint32_t i = 0; i < sizeof(patterns[0]); i++) {
			patterns[0][i] = (uint8_t)(i * 31 / 8);
			patterns[1][i] = (uint8_t)(1 + i * 31 / 8);
		}
	}
	return patterns[way];
}

static void one(struct input *in)
{
	static uint8_t bytes[BYTES];
	const uint8_t which = take(in);
	const bool is6 = (which & 4) != 0;
	struct model *k = &models[which % KEYS];
	struct piece p;
	uint64_t before[DROP_COUNT];
	enum drop want;
	bool whole;

	if (which & 128) {
		now.ns += (int64_t)take(in) * NS_PER_S / 4;
		minato_advance(m, now);
		model_expire();
	}
	choose(in, &p);
	memcpy(bytes, pattern(which / 8 % 2) + p.at, p.len);
	/* The UDP header, of a datagram whose length the input says. */
	if (p.at == 0 && p.len >= 8) {
		const uint32_t said = which & 16 ? 8u + take(in) : (uint32_t)take(in) * 257;
		udp_build(bytes, 9, 53, said < 8 ? 8 : said);
	}
	memcpy(before, m->counters + COUNTER_COUNT, sizeof(before));
	want = model_arrive(k, is6, &p, bytes);
	whole = want != DROP_FRAGMENT_OVERLAP && want != DROP_FRAGMENT_DUPLICATE &&
		want != DROP_IP_FRAGMENT && want != DROP_FRAGMENT_RANGE && !k->active;
	send_piece(which % 4, is6, &p, bytes);
	for (uint32_t i = 0; i < DROP_COUNT; i++)
		expect(m->counters[COUNTER_COUNT + i] == before[i] + (i == (uint32_t)want));
	check_delivery(k, whole && want == DROP_NONE);
	check_host();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct minato_frame_out out[16];

	begin();
	for (uint32_t i = 0; in.left > 0 && i < FRAGMENTS; i++) {
		one(&in);
		while (minato_output(m, now, out, 16) == 16)
			;
	}
	return 0;
}
