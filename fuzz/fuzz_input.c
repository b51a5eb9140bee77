/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames, verbs and time from the fuzzer's bytes, against one host value with a
 * guest's link (Ethernet, proxy, uplink) and a bare one. Frames are raw bytes,
 * or segments whose numbers lie near what a connection expects, so that they
 * get past the first checks. Rules of the policy come and go, of which a naive
 * evaluator says the same (naive_rules.h). After every step the host value must be sound.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bytes.h"
#include "naive_rules.h"
#include "stack/stack.h"

#define HANDLES 8u
#define START_NS (INT64_C(100) * NS_PER_S)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reader {
	const uint8_t *at;
	size_t left;
};

struct fuzz {
	struct reader in;
	struct minato *m;
	struct minato_time now;
	uint64_t handle[HANDLES];
	uint32_t next_handle;
	struct naive_rules rules;
	struct tcp_segment syn_ack; /* the last one that came out */
};

static uint8_t take(struct reader *r)
{
	if (r->left == 0)
		return 0;
	r->left--;
	return *r->at++;
}

static uint32_t take32(struct reader *r)
{
	uint32_t v = take(r);

	v = v << 8 | take(r);
	v = v << 8 | take(r);
	return v << 8 | take(r);
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

/* --- the host value -------------------------------------------------------------- */

static void *memory;
static size_t memory_size;

static void config(struct minato_config *c)
{
	minato_config_init(c);
	c->seed[0] = 1;
	c->sockets_max = 32;
	c->time_wait_max = 4;
	c->entries_max = 16;
	c->neighbours_max = 4;
	c->routes_max = 8;
	c->chunks_large = 8;
	c->chunks_small = 64;
	c->active_max = 8;
	c->calls_max = 4;
	c->leases_max = 64;
	c->scan_sources_max = 1024;
	c->half_open_max = 2; /* above that cookies */
	c->link_count = 2;
	c->link[0].type = MINATO_LINK_ETHERNET;
	c->link[0].mtu = 1500;
	c->link[0].mac[0] = 2;
	c->link[0].proxy = true;
	c->link[0].any_destination = true;
	c->link[0].offloads = MINATO_OFFLOAD_CSUM | MINATO_OFFLOAD_TSO4 | MINATO_OFFLOAD_TSO6;
	c->link[1].type = MINATO_LINK_IP;
	c->link[1].mtu = 1280;
	c->link[1].scope = 1;
}

static void add_entries(struct fuzz *f)
{
	const struct minato_entry uplink = { .kind = MINATO_KIND_UPLINK,
					     .face = MINATO_FACE_ANY,
					     .last = 65535,
					     .user = 1 };
	struct minato_entry guard = { .kind = MINATO_KIND_GUARD,
				      .verdict = MINATO_REFUSE,
				      .face = MINATO_FACE_ANY,
				      .first = 25,
				      .last = 25 };
	uint64_t out;

	must(minato_entry_add(f->m, &uplink, &out) == 0);
	must(minato_entry_add(f->m, &guard, &out) == 0);
	guard.verdict = MINATO_DROP;
	guard.first = guard.last = 26;
	must(minato_entry_add(f->m, &guard, &out) == 0);
}

static void begin(struct fuzz *f)
{
	struct minato_config c;
	struct minato_addr a;

	config(&c);
	if (!memory) {
		memory_size = minato_size(&c);
		memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		must(memory != MAP_FAILED);
	}
	must(madvise(memory, memory_size, MADV_DONTNEED) == 0);
	f->now.ns = START_NS;
	must(minato_create(memory, memory_size, &c, f->now, &f->m) == 0);
	a = text("10.0.2.2");
	must(minato_address_add(f->m, 0, &a, 24) == 0);
	a = text("fd00::2");
	must(minato_address_add(f->m, 0, &a, 64) == 0);
	must(minato_advertise(f->m, 0, &a, &a) == 0);
	a = text("10.0.0.1");
	must(minato_address_add(f->m, 1, &a, 24) == 0);
	add_entries(f);
}

/* --- soundness ---------------------------------------------------------------------- */

static void check_list(const struct minato *m, const struct list *l, enum socket_list which)
{
	uint32_t count = 0;

	for (uint32_t i = l->head; i != STACK_NONE; i = socket_at(m, i)->link[which].next) {
		must(++count <= l->count);
		must(slots_live(m, i));
	}
	must(count == l->count);
}

static void check_halves(const struct minato *m)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < HALF_STAGES; i++) {
		for (uint32_t at = m->halves.stage[i].head; at != STACK_NONE; count++) {
			const struct half *h = pool_at(&m->halves.pool, at);
			must(slots_live(m, h->listener) && h->tries == i);
			at = h->next;
		}
	}
	must(count == m->halves.pool.used);
}

static void check_host(struct fuzz *f)
{
	const struct minato *m = f->m;
	uint64_t sum = 0;

	check_list(m, &m->events, LIST_EVENT);
	check_list(m, &m->dirty, LIST_OUTPUT);
	check_list(m, &m->held, LIST_CALL);
	check_list(m, &m->half_open, LIST_CALL);
	must(m->held.count + m->half_open.count <= m->calls_max);
	check_halves(m);
	for (uint32_t i = 0; i < DROP_COUNT; i++)
		sum += m->counters[COUNTER_COUNT + i];
	must(sum - m->counters[COUNTER_COUNT + DROP_NEIGHBOUR] == m->counters[COUNTER_RX_FRAMES]);
}

/* Of IPv4 on the first link; all of its header is in the first extent. */
static void note(struct fuzz *f, const struct minato_frame_out *out)
{
	const uint8_t *at = out->extents[0].base, *tcp = at + 34;

	if (out->link != 0 || out->extents[0].len < 54 || at[12] != 8 || at[13] != 0 ||
	    at[23] != IP_PROTO_TCP || tcp[13] != (TCP_SYN | TCP_ACK))
		return;
	f->syn_ack = (struct tcp_segment){ .src_port = get16(tcp),
					   .dst_port = get16(tcp + 2),
					   .seq = { get32(tcp + 4) },
					   .ack = { get32(tcp + 8) },
					   .flags = tcp[13] };
}

static void drain(struct fuzz *f)
{
	struct minato_frame_out out[8];
	uint32_t rounds = 0;
	size_t count;

	do {
		count = minato_output(f->m, f->now, out, 8);
		for (size_t i = 0; i < count; i++) {
			size_t len = 0;
			must(out[i].extent_count > 0);
			for (uint32_t x = 0; x < out[i].extent_count; x++)
				len += out[i].extents[x].len;
			must(len == out[i].len && out[i].link < 2);
			note(f, &out[i]);
			must(out[i].gso_size != 0 || len <= 1514);
		}
		must(++rounds < 10000);
	} while (count == 8);
	must(minato_deadline(f->m).ns > f->now.ns);
}

/* --- frames --------------------------------------------------------------------------- */

static void input(struct fuzz *f, const uint8_t *data, uint32_t len, uint32_t link, bool trusted)
{
	struct minato_frame frame = {
		.data = data, .len = len, .chunk = MINATO_CHUNK_NONE, .link = link,
		.csum_trusted = trusted,
	};
	struct minato_extent where;

	if (take(&f->in) & 1) {
		frame.chunk = minato_lease(f->m, &where);
		if (frame.chunk != MINATO_CHUNK_NONE) {
			memcpy(where.base, data, len);
			frame.data = where.base;
		}
	}
	minato_input(f->m, f->now, &frame, 1);
}

static void raw_frame(struct fuzz *f)
{
	uint8_t data[512];
	const uint32_t link = take(&f->in) & 1;
	uint32_t len = take(&f->in) * 2u;

	for (uint32_t i = 0; i < len; i++)
		data[i] = take(&f->in);
	input(f, data, len, link, (take(&f->in) & 1) != 0);
}

static uint32_t put_ip(uint8_t *out, uint8_t proto, uint32_t payload, bool to_us, bool is6)
{
	struct ip_build ip = {
		.is6 = is6,
		.src = is6 ? text("fd00::100") : text("10.0.2.100"),
		.dst = is6 ? text(to_us ? "fd00::2" : "2001:db8::1") :
			     text(to_us ? "10.0.2.2" : "198.51.100.1"),
		.proto = proto,
		.hop_limit = 64,
		.payload_len = payload,
	};
	const uint8_t us[6] = { 2 }, them[6] = { 2, 9 };

	ethernet_build(out, us, them, is6);
	return 14 + ip_build(&ip, out + 14);
}

/* Numbers near those of a connection that exists. */
static void near_numbers(struct fuzz *f, struct tcp_segment *t)
{
	const uint64_t handle = f->handle[take(&f->in) % HANDLES];
	struct minato_endpoint local, peer;
	struct minato_info info;

	t->src_port = (uint16_t)(1000 + take(&f->in) % 4);
	t->dst_port = (uint16_t)(80 + take(&f->in) % 3);
	if (minato_info(f->m, handle, &info) != 0) {
		/* Completes the call that was answered last, also a cookie. */
		t->seq = f->syn_ack.ack;
		t->ack = seq_add(f->syn_ack.seq, 1);
		if (f->syn_ack.flags & TCP_ACK) {
			t->src_port = f->syn_ack.dst_port;
			t->dst_port = f->syn_ack.src_port;
		}
		return;
	}
	t->seq.v = info.rcv_nxt;
	t->ack.v = info.snd_nxt;
	if (minato_local(f->m, handle, &local) == 0 && minato_peer(f->m, handle, &peer) == 0) {
		t->src_port = peer.port;
		t->dst_port = local.port;
	}
}

static void segment(struct fuzz *f)
{
	uint8_t data[300] = { 0 };
	struct tcp_segment t = { .window = 0xffff };
	const uint8_t how = take(&f->in);
	uint32_t len = take(&f->in) & 0x7f;
	uint32_t header, at;
	uint8_t built[60];

	near_numbers(f, &t);
	t.flags = take(&f->in);
	t.seq.v += take(&f->in) - 128u;
	t.ack.v += take(&f->in) - 128u;
	if (how & 4)
		t.window = take(&f->in);
	if (how & 8)
		t.options = (struct tcp_options){ .mss = (uint16_t)(take(&f->in) * 8 + 1),
						  .sack_permitted = true,
						  .has_wscale = true,
						  .wscale = take(&f->in) & 15 };
	if (how & 16) {
		t.options.has_timestamp = true;
		t.options.tsval = take(&f->in);
	}
	header = tcp_build(&t, built);
	at = put_ip(data, IP_PROTO_TCP, header + len, (how & 1) != 0, (how & 2) != 0);
	memcpy(data + at, built, header);
	input(f, data, at + header + len, 0, true);
}

static void datagram(struct fuzz *f)
{
	uint8_t data[300] = { 0 };
	const uint8_t how = take(&f->in);
	const uint32_t len = take(&f->in) & 0x7f;
	const uint32_t at =
		put_ip(data, IP_PROTO_UDP, 8 + len, (how & 1) != 0, (how & 2) != 0);
	const uint8_t from = take(&f->in);

	udp_build(data + at, from == 0xff ? 0 : (uint16_t)(1000 + from % 4),
		  (uint16_t)(50 + how % 4), 8 + len);
	input(f, data, at + 8 + len, 0, true);
}

/* Pieces of few packets, so that some become whole, and some overlap. */
static void fragment(struct fuzz *f)
{
	uint8_t data[400] = { 0 };
	const uint8_t how = take(&f->in);
	const uint8_t proto = how & 4 ? IP_PROTO_UDP : IP_PROTO_TCP;
	const uint32_t offset = take(&f->in) % 32 * 8u;
	const uint32_t len = take(&f->in) & (how & 8 ? 0xf8 : 0xff);
	const bool more = (how & 16) != 0, is6 = (how & 2) != 0;
	const uint32_t header = is6 ? FRAGMENT_LEN : 0;
	struct sum sum = { 0 };
	uint32_t at = put_ip(data, is6 ? IP_PROTO_FRAGMENT : proto, header + len, (how & 1) != 0,
			     is6);

	if (is6) {
		fragment_build(data + at, proto, offset, more, how / 32u % 2);
	} else {
		data[18] = 0;
		data[19] = how / 32 % 2;
		data[20] = (uint8_t)((more ? 0x20 : 0) | offset / 8 >> 8);
		data[21] = (uint8_t)(offset / 8);
		data[24] = data[25] = 0;
		sum_add(&sum, data + 14, 20);
		sum_put(&sum, data + 24);
	}
	at += header;
	if (offset == 0 && proto == IP_PROTO_UDP)
		udp_build(data + at, 1000, 53, 8u + take(&f->in));
	else if (offset == 0)
		data[at + 12] = 0x50;
	input(f, data, at + len, 0, (how & 64) != 0);
}

/* --- verbs ------------------------------------------------------------------------------ */

static uint64_t any_handle(struct fuzz *f)
{
	return f->handle[take(&f->in) % HANDLES];
}

static void keep(struct fuzz *f, uint64_t handle)
{
	f->handle[f->next_handle++ % HANDLES] = handle;
}

static void open_one(struct fuzz *f)
{
	static const enum minato_proto protos[3] = { MINATO_TCP, MINATO_UDP, MINATO_ICMP };
	uint64_t handle;

	if (minato_socket(f->m, protos[take(&f->in) % 3], take(&f->in) & 1, &handle) == 0)
		keep(f, handle);
}

static struct minato_endpoint any_end(struct fuzz *f)
{
	static const char *const addrs[] = { "10.0.2.2", "10.0.2.100", "fd00::2", "fd00::100",
					     "::", "0.0.0.0", "198.51.100.1", "224.0.0.1" };
	const uint8_t choice = take(&f->in);

	return (struct minato_endpoint){ text(addrs[choice % 8]),
					 (uint16_t)(take(&f->in) % 4 == 0 ? 0 :
									    80 + choice / 8 % 4) };
}

static void move_data(struct fuzz *f, uint64_t h, uint8_t verb)
{
	static uint8_t data[30000];
	struct minato_extent x[8];
	struct minato_datagram to = { .remote = any_end(f) };
	const uint32_t len = take(&f->in) * 100u;
	int count;

	switch (verb % 6) {
	case 0:
		minato_send(f->m, h, data, len, take(&f->in) & 5);
		break;
	case 1:
		minato_recv(f->m, h, data, len, take(&f->in) & 30);
		break;
	case 2:
		count = minato_reserve(f->m, h, len, x, 8);
		if (count <= 0)
			break;
		for (int i = 0; i < count; i++)
			memset(x[i].base, 1, x[i].len);
		minato_commit(f->m, h, take(&f->in) * 100u < len ? len / 2 : len, 0);
		if (f->m->reservation.socket != 0)
			minato_commit(f->m, h, 0, 0);
		break;
	case 3:
		count = minato_borrow(f->m, h, x, 8, &to);
		if (count > 0)
			minato_release(f->m, h, x[0].len);
		break;
	case 4:
		to.dont_fragment = (len & 1) != 0;
		to.gso_size = (uint16_t)(take(&f->in) * 16);
		minato_send_datagram(f->m, h, &to, data, len);
		break;
	default:
		minato_recv_datagram(f->m, h, &to, data, len, 0);
		break;
	}
}

static void change(struct fuzz *f, uint64_t h, uint8_t verb)
{
	struct minato_endpoint end = any_end(f);
	const struct minato_datagram about = { .remote = any_end(f), .local = any_end(f) };
	uint64_t handle;
	struct minato_trouble trouble = { .data = &end, .len = sizeof(end) };
	int64_t value;

	switch (verb % 16) {
	case 0: minato_bind(f->m, h, &end); break;
	case 1: minato_listen(f->m, h, take(&f->in) % 3); break;
	case 2: minato_connect(f->m, h, &end); break;
	case 3:
		if (minato_accept(f->m, h, &handle, &end) == 0)
			keep(f, handle);
		break;
	case 4: minato_shutdown(f->m, h, take(&f->in)); break;
	case 5: minato_close(f->m, h); break;
	case 6: minato_abort(f->m, h); break;
	case 7: minato_answer(f->m, h); break;
	case 8: minato_refuse(f->m, h); break;
	case 9: minato_reject(f->m, h, (enum minato_reason)(take(&f->in) % 7)); break;
	case 10: minato_ignore(f->m, h); break;
	case 11:
		minato_set(f->m, h, (enum minato_option)(take(&f->in) % (MINATO_OPTION_COUNT + 1)),
			   take(&f->in) & 1 ? take(&f->in) : (int32_t)take32(&f->in));
		break;
	case 12:
		minato_get(f->m, h, (enum minato_option)(take(&f->in) % MINATO_OPTION_COUNT),
			   &value);
		break;
	case 13:
		trouble.type = take(&f->in) % 13;
		trouble.mtu = take(&f->in);
		minato_report(f->m, h, trouble.type & 1 ? NULL : &about, &trouble);
		break;
	case 14: minato_error(f->m, h); break;
	default: minato_local(f->m, h, &end); break;
	}
}

static void listen_all(struct fuzz *f)
{
	struct minato_endpoint local = { .port = (uint16_t)(80 + take(&f->in) % 3) };
	uint64_t handle;

	if (minato_socket(f->m, MINATO_TCP, 0, &handle) != 0)
		return;
	if (minato_bind(f->m, handle, &local) == 0 && minato_listen(f->m, handle, 2) == 0)
		keep(f, handle);
	else
		minato_close(f->m, handle);
}

static void look(struct fuzz *f)
{
	struct minato_event event;
	struct minato_row row;
	uint64_t cursor = 0;
	uint32_t rows = 0;

	while (minato_event(f->m, &event))
		if (event.ready & MINATO_CALL)
			keep(f, event.socket);
	while (minato_row(f->m, &cursor, &row))
		must(++rows < 200);
}

static void change_rules(struct fuzz *f, uint8_t op)
{
	struct minato_question q;
	uint8_t bytes[7];

	for (uint32_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = take(&f->in);
	if (op & 4)
		naive_scans(f->m, bytes[1]);
	if (op & 2)
		naive_remove(&f->rules, f->m, bytes[0]);
	else
		naive_add(&f->rules, f->m, bytes);
	for (uint32_t i = 0; i < 4; i++) {
		bytes[i] ^= (uint8_t)(i * 37);
		naive_question(bytes, &q);
		naive_compare(&f->rules, f->m, &q);
	}
	naive_check_scans(f->m);
}

static void step(struct fuzz *f)
{
	const uint8_t op = take(&f->in);

	switch (op % 13) {
	case 0: raw_frame(f); break;
	case 1:
	case 2:
	case 3: segment(f); break;
	case 4: datagram(f); break;
	case 5: open_one(f); break;
	case 6: listen_all(f); break;
	case 7: change(f, any_handle(f), op / 13); break;
	case 8: move_data(f, any_handle(f), op / 13); break;
	case 9:
		f->now.ns += op & 16 ? take(&f->in) * NS_PER_S : take(&f->in) * NS_PER_MS;
		minato_advance(f->m, f->now);
		break;
	case 10: drain(f); break;
	case 11: fragment(f); break;
	default:
		if (op / 13 % 2)
			change_rules(f, op / 26);
		else
			look(f);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { .in = { data, size } };

	begin(&f);
	for (uint32_t steps = 0; f.in.left > 0 && steps < 300; steps++) {
		step(&f);
		check_host(&f);
	}
	drain(&f);
	check_host(&f);
	return 0;
}
