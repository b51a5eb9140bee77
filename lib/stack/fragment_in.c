/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fragments that arrive (RFC 791 3.2, RFC 815, RFC 8200 4.5): each is copied to
 * its place in a large chunk, and what is complete goes on as one packet.
 *
 *   fragment -> its reassembly, or a new one -> overlap? -> copied -> complete?
 *
 * Which bytes are there is a bit for each eight of them, and which of those
 * begin a fragment another, so that any number of pieces in any order costs the
 * same. An exact duplicate is passed over. Anything else that covers a byte
 * twice, or disagrees about the end, makes the whole spoilt, for IPv4 as for
 * IPv6 (RFC 5722): its chunk is given back, and the reassembly stays until its
 * time is over, to take in silence what of it is still to come.
 *
 * The number of reassemblies is fixed. Where all are used, the oldest one of
 * those of whom most are there gives way: sources are counted in buckets of a
 * keyed hash (an IPv6 source by its /64, which one host can fill), so that one
 * flooder takes the place of himself.
 */
#include "stack/stack.h"

#include <string.h>

#define TIMEOUT_NS (60 * NS_PER_S) /* RFC 1122 3.3.2, RFC 8200 4.5 */
#define UNIT 8u
#define QUOTE_MAX 1280u /* of the packet, for ICMP errors about it */
#define ECN_MASK 3u
#define ECN_NONE 0u
#define ECN_CE 3u

static struct reassembly *reassembly_at(const struct minato *m, uint32_t index)
{
	return pool_at(&m->regrouping.pool, index);
}

static bool get_bit(const uint64_t *bits, uint32_t i)
{
	return (bits[i / 64] >> (i % 64) & 1) != 0;
}

static void set_bit(uint64_t *bits, uint32_t i)
{
	bits[i / 64] |= UINT64_C(1) << (i % 64);
}

/* --- the reassemblies --------------------------------------------------- */

static uint8_t bucket_of(const struct minato *m, const struct packet *p)
{
	const size_t len = p->is6 ? 8 : 16;

	return (uint8_t)(hash_table(&m->fragment_key, p->src.bytes, len) %
			 REGROUP_BUCKETS);
}

static void take_out(struct minato *m, uint32_t index)
{
	struct regrouping *g = &m->regrouping;
	struct reassembly *r = reassembly_at(m, index);

	if (r->prev == STACK_NONE)
		g->oldest = r->next;
	else
		reassembly_at(m, r->prev)->next = r->next;
	if (r->next == STACK_NONE)
		g->newest = r->prev;
	else
		reassembly_at(m, r->next)->prev = r->prev;
	g->of_bucket[r->bucket]--;
	if (r->chunk != MINATO_CHUNK_NONE)
		chunk_drop(&m->payload, r->chunk);
	pool_give(&g->pool, index);
}

static void make_room(struct minato *m)
{
	struct regrouping *g = &m->regrouping;
	uint32_t victim = STACK_NONE;
	uint32_t most = 0;

	if (g->pool.used < g->pool.capacity)
		return;
	for (uint32_t i = g->oldest; i != STACK_NONE;) {
		const struct reassembly *r = reassembly_at(m, i);
		if (g->of_bucket[r->bucket] > most) {
			most = g->of_bucket[r->bucket];
			victim = i;
		}
		i = r->next;
	}
	host_count(m, COUNTER_REASSEMBLY_VICTIM);
	take_out(m, victim);
}

/* RFC 791: source, destination, identification and, in IPv4, protocol. */
static bool belongs(const struct reassembly *r, const struct packet *p,
		    uint8_t scope)
{
	return r->id == p->fragment_id && r->scope == scope &&
	       (p->is6 || r->proto == p->ip_proto) &&
	       minato_addr_equal(&r->src, &p->src) &&
	       minato_addr_equal(&r->dst, &p->dst);
}

static uint32_t find(const struct minato *m, const struct packet *p)
{
	const uint8_t scope = m->link[p->link].config.scope;
	uint32_t index = m->regrouping.newest;

	while (index != STACK_NONE) {
		const struct reassembly *r = reassembly_at(m, index);
		if (belongs(r, p, scope))
			break;
		index = r->prev;
	}
	return index;
}

/* A new one, or STACK_NONE without memory. */
static uint32_t begin(struct minato *m, const struct packet *p)
{
	struct regrouping *g = &m->regrouping;
	struct reassembly *r;
	uint32_t chunk, index;

	make_room(m);
	chunk = chunk_take(&m->payload, MINATO_CHUNK_LARGE);
	if (chunk == MINATO_CHUNK_NONE)
		return STACK_NONE;
	index = pool_take(&g->pool);
	check(index != POOL_NONE);
	r = reassembly_at(m, index);
	*r = (struct reassembly){
		.next = STACK_NONE,
		.prev = g->newest,
		.src = p->src,
		.dst = p->dst,
		.id = p->fragment_id,
		.scope = m->link[p->link].config.scope,
		.link = p->link,
		.proto = p->ip_proto,
		.bucket = bucket_of(m, p),
		.chunk = chunk,
		.until = time_after(m->now, TIMEOUT_NS),
	};
	if (g->newest == STACK_NONE)
		g->oldest = index;
	else
		reassembly_at(m, g->newest)->next = index;
	g->newest = index;
	g->of_bucket[r->bucket]++;
	return index;
}

static void spoil(struct minato *m, struct reassembly *r)
{
	chunk_drop(&m->payload, r->chunk);
	r->chunk = MINATO_CHUNK_NONE;
	r->answerable = false;
	host_count(m, COUNTER_REASSEMBLY_SPOILT);
}

/* --- one fragment ------------------------------------------------------- */

/* The bits of a fragment: [first, last). */
struct span {
	uint32_t first, last;
};

static struct span span_of(const struct packet *p)
{
	return (struct span){
		p->fragment_offset / UNIT,
		(p->fragment_offset + p->payload_len + UNIT - 1) / UNIT,
	};
}

static bool is_free(const struct reassembly *r, struct span s)
{
	for (uint32_t i = s.first; i < s.last; i++)
		if (get_bit(r->present, i))
			return false;
	return true;
}

/* Has the same stretch come before, with the same bytes? */
static bool is_duplicate(const struct minato *m, const struct reassembly *r,
			 const struct packet *p, struct span s)
{
	const uint8_t *bytes = chunk_at(&m->payload, r->chunk);
	const bool ends = s.last == REASSEMBLY_UNITS ||
			  get_bit(r->starts, s.last) ||
			  !get_bit(r->present, s.last);

	if (!ends || !get_bit(r->starts, s.first) ||
	    p->more_fragments !=
		    (r->total != p->fragment_offset + p->payload_len))
		return false;
	for (uint32_t i = s.first; i < s.last; i++)
		if (!get_bit(r->present, i) ||
		    (i > s.first && get_bit(r->starts, i)))
			return false;
	return memcmp(bytes + p->fragment_offset, p->payload, p->payload_len) ==
	       0;
}

/* Where the whole ends all its fragments must agree. */
static bool agrees(const struct reassembly *r, const struct packet *p)
{
	const uint32_t end = p->fragment_offset + p->payload_len;

	if (!p->more_fragments)
		return r->total == 0 ? r->end <= end : r->total == end;
	return r->total == 0 || end < r->total;
}

/*
 * What the first fragment alone tells: protocol and header of the whole (RFC
 * 8200 4.5), and how an error about it would quote it.
 */
static void keep_first(struct reassembly *r, const struct packet *p)
{
	const uint32_t header_len = (uint32_t)(p->payload - p->ip);

	r->proto = p->ip_proto;
	r->hop_limit = p->hop_limit;
	r->traffic_class = p->traffic_class;
	r->answerable = icmp_may_answer(p) && header_len <= sizeof(r->header);
	if (!r->answerable)
		return;
	r->header_len = (uint8_t)header_len;
	r->first_len = p->payload_len;
	memcpy(r->header, p->ip, header_len);
}

static void keep(struct minato *m, struct reassembly *r, const struct packet *p,
		 struct span s)
{
	if (r->largest < p->ip_len)
		r->largest = p->ip_len;
	memcpy(chunk_at(&m->payload, r->chunk) + p->fragment_offset, p->payload,
	       p->payload_len);
	set_bit(r->starts, s.first);
	for (uint32_t i = s.first; i < s.last; i++)
		set_bit(r->present, i);
	r->have += p->payload_len;
	if (r->end < p->fragment_offset + p->payload_len)
		r->end = p->fragment_offset + p->payload_len;
	if (!p->more_fragments)
		r->total = r->end;
	if (p->fragment_offset == 0)
		keep_first(r, p);
	r->ecn_seen |= (uint8_t)(1u << (p->traffic_class & ECN_MASK));
}

/* --- the whole ---------------------------------------------------------- */

/*
 * RFC 3168 5.3: congestion that one fragment met, the whole met. Marks that
 * no sender mixes are refused.
 */
static bool join_ecn(const struct reassembly *r, uint8_t *traffic_class)
{
	const uint32_t not_capable = 1u << ECN_NONE;

	if ((r->ecn_seen & not_capable) && r->ecn_seen != not_capable)
		return false;
	*traffic_class = r->traffic_class;
	if (r->ecn_seen & 1u << ECN_CE)
		*traffic_class |= ECN_CE;
	return true;
}

/* A header as the whole would have had, and the bytes an error quotes. */
static void write_quote(const struct reassembly *r, const uint8_t *data,
			struct packet *p, uint8_t quote[QUOTE_MAX])
{
	const struct ip_build ip = {
		.is6 = p->is6,
		.src = r->src,
		.dst = r->dst,
		.proto = r->proto,
		.hop_limit = p->hop_limit,
		.traffic_class = p->traffic_class,
		.id = (uint16_t)r->id,
		.payload_len = r->total,
	};
	const uint32_t at = ip_build(&ip, quote);
	const uint32_t room = QUOTE_MAX - at;

	memcpy(quote + at, data, r->total < room ? r->total : room);
	p->ip = quote;
	p->ip_len = at + r->total;
}

static enum drop deliver_whole(struct minato *m, const struct reassembly *r,
			       const struct arrival *last)
{
	const struct minato_frame frame = {
		.data = chunk_at(&m->payload, r->chunk),
		.len = r->total,
		.chunk = r->chunk,
		.link = last->packet.link,
	};
	struct arrival whole = { .packet = last->packet,
				 .frame = &frame,
				 .largest = r->largest };
	struct packet *p = &whole.packet;
	struct port_probe probe;
	uint8_t quote[QUOTE_MAX];

	p->hop_limit = r->hop_limit;
	p->ip_proto = r->proto;
	if (!join_ecn(r, &p->traffic_class))
		return DROP_FRAGMENT_ECN;
	write_quote(r, frame.data, p, quote);
	whole.verdict = packet_parse_whole(p, frame.data, r->total);
	if (input_key(m, &whole, &probe))
		port_seek(host_table(m), &probe, 1);
	host_count(m, COUNTER_REASSEMBLED);
	return deliver_packet(m, &whole);
}

static enum drop complete(struct minato *m, uint32_t index,
			  const struct arrival *last)
{
	const struct reassembly *r = reassembly_at(m, index);
	const enum drop drop = deliver_whole(m, r, last);

	take_out(m, index);
	return drop;
}

enum drop fragment_in_arrive(struct minato *m, const struct arrival *a)
{
	const struct packet *p = &a->packet;
	const struct span s = span_of(p);
	uint32_t index = find(m, p);
	struct reassembly *r;

	host_count(m, COUNTER_FRAGMENTS_IN);
	if (index == STACK_NONE)
		index = begin(m, p);
	if (index == STACK_NONE)
		return DROP_MEMORY;
	r = reassembly_at(m, index);
	if (r->chunk == MINATO_CHUNK_NONE)
		return DROP_FRAGMENT_OVERLAP;
	if (agrees(r, p) && !is_free(r, s) && is_duplicate(m, r, p, s))
		return DROP_FRAGMENT_DUPLICATE;
	if (!agrees(r, p) || !is_free(r, s)) {
		spoil(m, r);
		return DROP_FRAGMENT_OVERLAP;
	}
	keep(m, r, p, s);
	return r->total != 0 && r->have == r->total ? complete(m, index, a) :
						      DROP_NONE;
}

void fragment_in_refused(struct minato *m, const struct packet *p,
			 enum drop drop)
{
	const uint8_t *field = p->transport - FRAGMENT_LEN + 2;

	if (!p->is6 || p->payload_len == 0)
		return;
	if (drop == DROP_IP_FRAGMENT)
		icmp_out_parameter(m, p, 0, 4);
	else if (drop == DROP_FRAGMENT_RANGE)
		icmp_out_parameter(m, p, 0, (uint32_t)(field - p->ip));
	else if (drop == DROP_FRAGMENT_TINY)
		icmp_out_parameter(m, p, 3, 0);
}

/* --- time --------------------------------------------------------------- */

void fragment_in_init(struct minato *m, void *memory, uint32_t count)
{
	struct regrouping *g = &m->regrouping;

	pool_init(&g->pool, memory, sizeof(struct reassembly), count);
	g->oldest = STACK_NONE;
	g->newest = STACK_NONE;
}

/* The first fragment once more, as far as an error quotes it. */
static void tell(struct minato *m, const struct reassembly *r)
{
	uint8_t quote[QUOTE_MAX];
	const struct packet about = {
		.type = PACKET_FRAGMENT,
		.link = r->link,
		.to_us_mac = true,
		.is6 = !minato_addr_is4(&r->src),
		.ip = quote,
		.ip_len = r->header_len + r->first_len,
		.src = r->src,
		.dst = r->dst,
	};
	const uint32_t room = QUOTE_MAX - r->header_len;

	memcpy(quote, r->header, r->header_len);
	memcpy(quote + r->header_len, chunk_at(&m->payload, r->chunk),
	       r->first_len < room ? r->first_len : room);
	icmp_out_overdue(m, &about);
}

void fragment_in_expire(struct minato *m)
{
	struct regrouping *g = &m->regrouping;

	while (g->oldest != STACK_NONE) {
		const struct reassembly *r = reassembly_at(m, g->oldest);
		if (!time_reached(m->now, r->until))
			return;
		if (r->chunk != MINATO_CHUNK_NONE)
			host_count(m, COUNTER_REASSEMBLY_TIMEOUT);
		if (r->answerable)
			tell(m, r);
		take_out(m, g->oldest);
	}
}

struct minato_time fragment_in_deadline(const struct minato *m)
{
	const uint32_t oldest = m->regrouping.oldest;

	return oldest == STACK_NONE ? MINATO_NEVER :
				      reassembly_at(m, oldest)->until;
}
