/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A gateway between two insides and an outside, with frames from all sides:
 * whole ones, in fragments, as runs, answers to what left, errors about it,
 * spoilt ones and raw bytes. Of every frame that leaves:
 *
 *  - it is no longer than its link takes, and its IP header is sound;
 *  - what was sent with a right checksum has one, and its payload is as sent
 *    (each carries its number, and what follows from that);
 *  - outside no address of an inside is to be seen, not even in what an error
 *    quotes;
 * rules of the policy come and go, and
 *  - the table says of a flow what a naive evaluator says (naive_rules.h);
 *  - no session begins that it would not let begin;
 *  - who is shut out as a scanner has shown that he is there;
 * and in the end nothing is held any more.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "minato/gateway.h"
#include "naive_rules.h"
#include "stack/stack.h"

#define START_NS (INT64_C(100) * NS_PER_S)
#define LINKS 3u
#define MAGIC 0x6d696e61u
#define KEPT 8u
#define FRAME_MAX 4096u
#define SESSIONS 32u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	uint8_t bytes[FRAME_MAX]; /* from the IP header on */
	uint32_t len;
};
struct fuzz {
	const uint8_t *at;
	size_t left;
	struct minato *m;
	struct minato_time now;
	struct seen last[LINKS][KEPT]; /* what left by each link */
	uint32_t count[LINKS];
	struct naive_rules rules;
	uint64_t session[SESSIONS]; /* those that there were */
	uint32_t sessions;
	uint32_t number; /* of packets sent */
	uint8_t frame[66000];
};

static struct fuzz f;
static void *memory;
static size_t memory_size;

static uint8_t take(void)
{
	if (f.left == 0)
		return 0;
	f.left--;
	return *f.at++;
}

static void must(bool what)
{
	if (!what)
		abort();
}

static struct minato_addr text(const char *s)
{
	struct minato_addr a;

	must(minato_addr_parse(s, &a) == 0);
	return a;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* --- the gateway -------------------------------------------------------------------- */

static void address(uint32_t link, const char *s, uint32_t prefix)
{
	const struct minato_addr a = text(s);

	must(minato_address_add(f.m, link, &a, prefix) == 0);
}

static void neighbour(uint32_t link, const char *s)
{
	const struct minato_addr a = text(s);
	const uint8_t mac[6] = { 2, 0, 0, 0, (uint8_t)link, 9 };

	must(minato_neighbour_add(f.m, link, &a, mac) == 0);
}

static void config(struct minato_config *c)
{
	minato_config_init(c);
	c->seed[0] = 1;
	c->sockets_max = 32;
	c->time_wait_max = 4;
	c->entries_max = 16;
	c->neighbours_max = 16;
	c->routes_max = 8;
	c->chunks_large = 16;
	c->chunks_small = 64;
	c->active_max = 8;
	c->calls_max = 4;
	c->scan_sources_max = 1024;
	c->leases_max = 16;
	c->sessions_max = SESSIONS;
	c->inside_hosts_max = 8;
	c->link_count = LINKS;
	for (uint32_t i = 0; i < LINKS; i++)
		c->link[i] = (struct minato_link_config){
			.type = i == 2 ? MINATO_LINK_IP : MINATO_LINK_ETHERNET,
			.mtu = i == 0 ? 1500 :
			       i == 1 ? 1400 :
					1280,
			.mac = { 2, 0, 0, 0, (uint8_t)i, 1 },
			.scope = (uint8_t)i,
			.role = i == 1 ? MINATO_ROLE_OUTSIDE : MINATO_ROLE_INSIDE,
			.offloads = i == 0 ? MINATO_OFFLOAD_CSUM | MINATO_OFFLOAD_TSO4 : 0,
		};
}

static void add_entries(void)
{
	struct minato_entry e = { .kind = MINATO_KIND_FORWARD,
				  .translate = true,
				  .face = MINATO_FACE_ANY,
				  .scope = 1,
				  .proto = MINATO_TCP,
				  .first = 80,
				  .last = 80,
				  .target = { text("10.0.0.2"), 8080 } };
	uint64_t out;

	minato_entry_add(f.m, &e, &out);
	e = (struct minato_entry){ .kind = MINATO_KIND_DMZ,
				   .translate = true,
				   .face = MINATO_FACE_ANY,
				   .scope = 1,
				   .target = { text("10.0.2.3"), 0 } };
	minato_entry_add(f.m, &e, &out);
}

static void begin(void)
{
	const struct minato_addr any4 = minato_addr4(0, 0, 0, 0);
	const struct minato_addr any6 = { { 0 } };
	const struct minato_addr by4 = text("198.51.100.254");
	const struct minato_addr by6 = text("2001:db8:1::fe");
	const struct minato_addr pool = text("198.51.100.1");
	struct minato_config c;

	config(&c);
	if (!memory) {
		memory_size = minato_size(&c);
		memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		must(memory != MAP_FAILED);
	}
	must(madvise(memory, memory_size, MADV_DONTNEED) == 0);
	f.now.ns = START_NS;
	must(minato_create(memory, memory_size, &c, f.now, &f.m) == 0);
	address(0, "10.0.0.1", 24);
	address(0, "fd00::1", 64);
	address(1, "198.51.100.1", 24);
	address(1, "2001:db8:1::1", 64);
	address(2, "10.0.2.1", 24);
	address(2, "fd02::1", 64);
	must(minato_route_add(f.m, &any4, 0, &by4, 1) == 0);
	must(minato_route_add(f.m, &any6, 0, &by6, 1) == 0);
	must(minato_pool_add(f.m, 1, &pool, 0, 0) == 0);
	neighbour(0, "10.0.0.2");
	neighbour(0, "fd00::2");
	neighbour(1, "198.51.100.254");
	neighbour(1, "2001:db8:1::fe");
	add_entries();
}

/* --- what leaves ----------------------------------------------------------------------- */

static uint8_t byte_of(uint32_t number, uint32_t i)
{
	return (uint8_t)((number * 2654435761u >> 8) + i * 7);
}

/* Ours by its number: as it was sent, and sound. */
static void check_payload(const struct packet *p)
{
	uint32_t number;

	if (p->type == PACKET_FRAGMENT || p->payload_len < 8 || get32(p->payload) != MAGIC)
		return;
	number = get32(p->payload + 4);
	for (uint32_t i = 8; i < p->payload_len; i++)
		must(p->payload[i] == byte_of(number, i));
}

static bool is_inside4(const uint8_t *a)
{
	return a[0] == 10 && a[1] == 0 && (a[2] == 0 || a[2] == 2);
}

static void check_outside(const struct packet *p)
{
	if (p->is6)
		return;
	must(!is_inside4(p->ip + 12));
	/* Whom the quoted packet was for, an error outward does not say. */
	if (p->type == PACKET_ICMP4 && (p->icmp_type == 3 || p->icmp_type == 11) &&
	    p->payload_len >= 20)
		must(!is_inside4(p->payload + 16) || is_inside4(p->ip + 16));
}

static void keep(uint32_t link, const struct packet *p)
{
	struct seen *s = &f.last[link][f.count[link]++ % KEPT];

	s->len = p->ip_len < FRAME_MAX ? p->ip_len : FRAME_MAX;
	memcpy(s->bytes, p->ip, s->len);
}

static void look_at(const struct minato_frame_out *out)
{
	static uint8_t bytes[66000];
	struct minato_frame in = { .data = bytes,
				   .chunk = MINATO_CHUNK_NONE,
				   .link = out->link,
				   .gso_size = out->gso_size,
				   .csum_partial = out->csum_start != 0 };
	const enum minato_link_type type = f.m->link[out->link].config.type;
	const uint32_t header = type == MINATO_LINK_ETHERNET ? 14 : 0;
	struct packet p;
	enum drop drop;

	for (uint32_t i = 0; i < out->extent_count; i++) {
		memcpy(bytes + in.len, out->extents[i].base, out->extents[i].len);
		in.len += (uint32_t)out->extents[i].len;
	}
	must(in.len == out->len);
	must(out->gso_size != 0 || in.len <= header + f.m->link[out->link].config.mtu);
	drop = packet_parse(&in, type, NULL, &p);
	if (p.type == PACKET_ARP)
		return;
	/* Spoilt transport headers came so. */
	must(drop != DROP_IP_CHECKSUM && drop != DROP_IP_HEADER && drop != DROP_TRUNCATED);
	if (p.ip == NULL)
		return;
	if (out->link == 1 && p.transport != NULL)
		check_outside(&p);
	if (drop == DROP_NONE)
		check_payload(&p);
	else if (p.transport != NULL && p.ip_len >= 48) {
		/* One of ours may not have been damaged. */
		const uint32_t at =
			(uint32_t)(p.transport - p.ip) + (p.ip_proto == IP_PROTO_TCP ? 20 : 8);
		must(drop != DROP_UDP_CHECKSUM || p.ip_len < at + 8 || get32(p.ip + at) != MAGIC);
		must(drop != DROP_TCP_CHECKSUM || p.ip_len < at + 8 || get32(p.ip + at) != MAGIC);
	}
	keep(out->link, &p);
}

static void drain(size_t max)
{
	struct minato_frame_out out[32];
	size_t count;
	uint32_t rounds = 0;

	do {
		count = minato_output(f.m, f.now, out, max);
		for (size_t i = 0; i < count; i++)
			look_at(&out[i]);
		must(++rounds < 10000);
	} while (count > 0);
}

/* --- what comes ---------------------------------------------------------------------------- */

static void input(uint32_t link, uint32_t len, const struct minato_frame *like)
{
	struct minato_frame in = like ? *like : (struct minato_frame){ 0 };
	struct minato_extent where = { NULL, 0 };
	uint8_t *copy = NULL;

	in.link = link;
	in.len = len;
	in.chunk = MINATO_CHUNK_NONE;
	switch (take() % 3) {
	case 0:
		break;
	case 1:
		if (len <= 1984)
			in.chunk = minato_lease_small(f.m, &where);
		break;
	case 2:
		in.chunk = minato_lease(f.m, &where);
		break;
	}
	if (in.chunk == MINATO_CHUNK_NONE) {
		copy = malloc(len + 1);
		must(copy != NULL);
		where.base = copy;
	}
	memcpy(where.base, f.frame, len);
	in.data = where.base;
	minato_input(f.m, f.now, &in, 1);
	free(copy);
}

struct ends {
	struct minato_addr src, dst;
	uint16_t src_port, dst_port;
	uint8_t proto; /* MINATO_* */
};

/* From everybody behind a link to everywhere. */
static struct ends make_ends(uint32_t link)
{
	static const char *const at4[LINKS] = { "10.0.0.2", "203.0.113.5", "10.0.2.3" };
	static const char *const at6[LINKS] = { "fd00::2", "2001:db8:9::9", "fd02::3" };
	static const uint8_t protos[] = { MINATO_UDP, MINATO_TCP, MINATO_ICMP, MINATO_UDP };
	const bool is6 = take() % 4 == 0;
	const uint8_t how = take();
	const uint32_t to = how % LINKS;
	struct ends e = { .src = text(is6 ? at6[link] : at4[link]),
			  .dst = text(is6 ? at6[to] : at4[to]),
			  .proto = protos[how >> 6],
			  .src_port = (uint16_t)(1024 + take() % 8),
			  .dst_port = (uint16_t)(how & 8 ? 80 : 1024 + take() % 8) };

	if (!is6 && (link == 1 || (how & 16)))
		e.dst = text("198.51.100.1");
	e.src.bytes[15] ^= take() % 2;
	return e;
}

/* An answer to a packet that left by this link. */
static bool answer_ends(uint32_t link, struct ends *e)
{
	const struct seen *s = &f.last[link][take() % KEPT];
	const uint8_t *at = s->bytes + 20;

	if (s->len < 28 || s->bytes[0] != 0x45)
		return false;
	e->src = addr_from4(s->bytes + 16);
	e->dst = addr_from4(s->bytes + 12);
	e->proto = s->bytes[9];
	e->src_port = (uint16_t)(at[2] << 8 | at[3]);
	e->dst_port = (uint16_t)(at[0] << 8 | at[1]);
	if (e->proto == MINATO_ICMP) {
		e->src_port = (uint16_t)(at[4] << 8 | at[5]);
		e->dst_port = e->src_port;
	}
	return e->proto == MINATO_ICMP || e->proto == MINATO_TCP || e->proto == MINATO_UDP;
}

static uint32_t write_transport(const struct ends *e, uint8_t *at, bool answers, uint32_t payload)
{
	const bool is6 = !minato_addr_is4(&e->src);
	const struct tcp_segment segment = {
		.src_port = e->src_port,
		.dst_port = e->dst_port,
		.flags = (uint8_t)(take() & 0x17),
		.window = 500,
	};
	uint32_t len = 8;

	if (e->proto == MINATO_TCP) {
		len = tcp_build(&segment, at);
	} else if (e->proto == MINATO_UDP) {
		udp_build(at, e->src_port, e->dst_port, 8 + payload);
	} else {
		memset(at, 0, 8);
		at[0] = is6 ? (answers ? 129 : 128) : (answers ? 0 : 8);
		at[4] = (uint8_t)(e->src_port >> 8);
		at[5] = (uint8_t)e->src_port;
	}
	put32(at + len, MAGIC);
	put32(at + len + 4, f.number);
	for (uint32_t i = 8; i < payload; i++)
		at[len + i] = byte_of(f.number, i);
	f.number++;
	return len + payload;
}

static void fill_checksum(const struct ends *e, uint8_t *at, uint32_t len, bool partial)
{
	const bool is6 = !minato_addr_is4(&e->src);
	const uint8_t proto = e->proto == MINATO_ICMP && is6 ? IP_PROTO_ICMP6 : e->proto;
	const uint32_t field = e->proto == MINATO_TCP ? 16 : e->proto == MINATO_UDP ? 6 : 2;
	struct sum sum = { 0 };
	uint16_t folded;

	at[field] = at[field + 1] = 0;
	if (proto != IP_PROTO_ICMP)
		sum_pseudo(&sum, &e->src, &e->dst, proto, len);
	if (partial) {
		folded = sum_fold(&sum);
		memcpy(at + field, &folded, 2);
		return;
	}
	sum_add(&sum, at, len);
	sum_put(&sum, at + field);
	if (e->proto == MINATO_UDP && at[6] == 0 && at[7] == 0)
		at[6] = at[7] = 0xff;
}

/* Writes the link's header and IP's at f.frame; returns their length. */
static uint32_t write_headers(uint32_t link, const struct ends *e, struct ip_build *ip,
			      uint32_t len)
{
	const uint8_t us[6] = { 2, 0, 0, 0, (uint8_t)link, 1 };
	const uint8_t them[6] = { 2, 0, 0, 0, (uint8_t)link, 9 };
	uint32_t at = 0;

	ip->is6 = !minato_addr_is4(&e->src);
	ip->src = e->src;
	ip->dst = e->dst;
	ip->proto = e->proto == MINATO_ICMP && ip->is6 ? IP_PROTO_ICMP6 : e->proto;
	ip->payload_len = len;
	if (f.m->link[link].config.type == MINATO_LINK_ETHERNET) {
		ethernet_build(f.frame, us, them, ip->is6);
		at = 14;
	}
	return at + ip_build(ip, f.frame + at);
}

static void send_fragments(uint32_t link, const struct ends *e, struct ip_build *ip,
			   const uint8_t *data, uint32_t len)
{
	const uint32_t size = 8u * (1u + take() % 150u);
	const uint32_t count = (len + size - 1) / size;
	const uint32_t start = take();

	if (count > 64 || !minato_addr_is4(&e->src))
		return;
	ip->dont_fragment = false;
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t n = (i + start) % count;
		const uint32_t part = n + 1 < count ? size : len - n * size;
		uint32_t at;
		ip->fragment_offset = n * size;
		ip->more_fragments = n + 1 < count;
		at = write_headers(link, e, ip, part);
		memcpy(f.frame + at, data + n * size, part);
		input(link, at + part, NULL);
	}
}

static void send_packet(uint32_t link, const struct ends *e, bool answers)
{
	static uint8_t data[40000];
	const uint8_t how = take();
	const uint32_t payload = 8 + (how & 1 ? take() : 0) * (how & 2 ? 100u : 6u);
	const bool run = (how & 4) && (how & 8) && e->proto != MINATO_ICMP;
	const bool partial = (how & 4) && e->proto != MINATO_ICMP;
	const bool is6 = !minato_addr_is4(&e->src);
	struct minato_frame like = { .csum_partial = partial };
	struct ip_build ip = { .hop_limit = (uint8_t)(take() % 4 * 20 + 1),
			       .id = take(),
			       .dont_fragment = (how & 16) != 0 };
	const uint32_t len = write_transport(e, data, answers, payload);
	uint32_t at;

	fill_checksum(e, data, len, partial);
	if ((how & 32) && !partial) {
		send_fragments(link, e, &ip, data, len);
		return;
	}
	if (run) {
		like.gso_size = (uint16_t)(1 + take() * 8);
		like.gso = e->proto == MINATO_UDP ? MINATO_GSO_UDP :
			   is6			  ? MINATO_GSO_TCP6 :
						    MINATO_GSO_TCP4;
		/* A run's payload is not one packet's: it tells no number. */
		put32(data + len - payload, 0);
	}
	at = write_headers(link, e, &ip, len);
	memcpy(f.frame + at, data, len);
	input(link, at + len, &like);
}

/* About something that left by this link, from there. */
static void send_error(uint32_t link)
{
	const struct seen *s = &f.last[link][take() % KEPT];
	struct ends e = { .proto = MINATO_ICMP };
	struct ip_build ip = { .hop_limit = 60 };
	uint32_t quoted = 28u + take();
	uint8_t data[600];
	uint32_t at;

	if (s->len < 28 || s->bytes[0] != 0x45)
		return;
	if (quoted > s->len)
		quoted = s->len;
	e.src = take() % 2 ? text(link == 1 ? "203.0.113.99" : "10.0.0.7") :
			     addr_from4(s->bytes + 16);
	e.dst = addr_from4(s->bytes + 12);
	memset(data, 0, 8);
	data[0] = take() % 2 ? 3 : 11;
	data[1] = take() % 16;
	memcpy(data + 8, s->bytes, quoted);
	fill_checksum(&e, data, 8 + quoted, false);
	at = write_headers(link, &e, &ip, 8 + quoted);
	memcpy(f.frame + at, data, 8 + quoted);
	input(link, at + 8 + quoted, NULL);
}

/* What left, back again with one byte changed, or bytes of the fuzzer's. */
static void send_spoilt(uint32_t link)
{
	const struct seen *s = &f.last[take() % LINKS][take() % KEPT];
	const struct minato_frame like = { .gso_size = take() % 2 ? take() : 0,
					   .gso = (enum minato_gso)(take() % 4),
					   .csum_partial = take() % 2,
					   .csum_trusted = take() % 2 };
	const uint32_t at = f.m->link[link].config.type == MINATO_LINK_ETHERNET ? 14 : 0;
	const uint8_t us[6] = { 2, 0, 0, 0, (uint8_t)link, 1 };
	uint32_t len = s->len < 200 ? s->len : 200;

	ethernet_build(f.frame, us, us, take() % 4 == 0);
	memcpy(f.frame + at, s->bytes, len);
	/* It may not pass for one of ours that was sent sound. */
	for (uint32_t i = 20; i + 4 <= len; i++)
		if (get32(f.frame + at + i) == MAGIC)
			f.frame[at + i] = 0;
	for (uint32_t i = take() % 4; i > 0 && len > 0; i--)
		f.frame[at + take() % len] = take();
	if (take() % 4 == 0)
		for (len = 0; len < 60 && f.left > 0; len++)
			f.frame[at + len] = take();
	input(link, at + len, &like);
}

static void change_options(void)
{
	struct minato_nat nat;

	minato_nat_init(&nat);
	nat.tcp_filtering = (enum minato_filtering)(take() % 3);
	nat.udp_filtering = (enum minato_filtering)(take() % 3);
	nat.hairpin = take() % 4 != 0;
	nat.icmp_to_outside = take() % 2;
	minato_nat_set(f.m, &nat);
}

static void change_rules(uint8_t what)
{
	struct minato_question q;
	uint8_t bytes[7];

	for (uint32_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = take();
	if (what & 64)
		naive_remove(&f.rules, f.m, bytes[0]);
	else
		naive_add(&f.rules, f.m, bytes);
	for (uint32_t i = 0; i < 4; i++) {
		bytes[i] ^= (uint8_t)(i * 37);
		naive_question(bytes, &q);
		naive_compare(&f.rules, f.m, &q);
	}
}

/* Whether rules let this begin now. */
static void check_session(const struct minato_session *s)
{
	struct minato_question q = {
		.scope = s->from,
		.face = s->from,
		.proto = s->proto,
		.course = MINATO_COURSE_IN,
		.icmp_type = minato_addr_is4(&s->source.addr) ? 8 : 128,
		.program = MINATO_PROGRAM_NONE,
		.remote = s->source,
		.local = s->destination,
	};

	if (s->from == 1 || s->hairpin || s->to != 1)
		must(naive_passes(&f.rules, &q));
	q.course = MINATO_COURSE_OUT;
	if (s->from != 1 && !s->hairpin)
		must(naive_passes(&f.rules, &q));
}

static void check_sessions(void)
{
	struct minato_session s;
	uint64_t now[SESSIONS];
	uint64_t cursor = 0;
	uint32_t count = 0;

	while (minato_session_next(f.m, &cursor, &s)) {
		bool known = false;

		for (uint32_t i = 0; i < f.sessions; i++)
			known |= f.session[i] == s.handle;
		if (!known)
			check_session(&s);
		must(count < SESSIONS);
		now[count++] = s.handle;
	}
	memcpy(f.session, now, count * sizeof(now[0]));
	f.sessions = count;
}

static void step(void)
{
	const uint8_t what = take();
	const uint32_t link = (what >> 4) % LINKS;
	struct ends e;

	switch (what % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		e = make_ends(link);
		send_packet(link, &e, false);
		break;
	case 5:
	case 6:
	case 7:
		if (answer_ends(link, &e))
			send_packet(link, &e, true);
		break;
	case 8:
	case 9:
		send_error(link);
		break;
	case 10:
		send_spoilt(link);
		break;
	case 11:
		f.now.ns += (int64_t)take() * take() * NS_PER_MS * 20;
		minato_advance(f.m, f.now);
		break;
	case 12:
		change_options();
		break;
	case 13:
		change_rules(what);
		break;
	case 14:
		naive_scans(f.m, take());
		break;
	default:
		drain(1 + take() % 32);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&f, 0, sizeof(f) - sizeof(f.frame));
	f.at = data;
	f.left = size;
	begin();
	for (uint32_t steps = 0; f.left > 0 && steps < 400; steps++) {
		step();
		check_sessions();
	}
	naive_check_scans(f.m);
	drain(32);
	/* Longer than anything waits: for fragments, a MAC, the end of a call. */
	for (uint32_t i = 0; i < 12; i++) {
		f.now.ns += 20 * NS_PER_S;
		minato_advance(f.m, f.now);
		drain(32);
	}
	minato_output(f.m, f.now, NULL, 0);
	must(f.m->payload.large.used == 0 && f.m->payload.small.used == 0);
	must(minato_deadline(f.m).ns > f.now.ns);
	return 0;
}
