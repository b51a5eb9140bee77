/* SPDX-License-Identifier: BSD-2-Clause */
/* Mappings and connections through a NAT under test. */
#include "verify/rows.h"

#include <string.h>

/* Where it left from, if it went where it was sent to. */
static struct verify_end outside_of(const struct verify_packet *sent,
				    const struct verify_packet *got)
{
	if (!got || got->proto != sent->proto || got->dst.addr != sent->dst.addr ||
	    (got->proto != VERIFY_ICMP && got->dst.port != sent->dst.port) ||
	    got->len != sent->len || memcmp(got->data, sent->data, got->len))
		return row_at(0, 0);
	return got->src;
}

struct verify_end row_map_udp(struct verify_world *w, struct verify_end inside,
			      struct verify_end to)
{
	struct verify_packet p = row_udp(w, inside, to);

	return outside_of(&p, row_through(w, VERIFY_INSIDE, &p));
}

struct verify_end row_map_tcp(struct verify_world *w, struct verify_end inside,
			      struct verify_end to)
{
	struct verify_packet p = row_tcp(w, inside, to, VERIFY_SYN);

	return outside_of(&p, row_through(w, VERIFY_INSIDE, &p));
}

struct verify_end row_map_icmp(struct verify_world *w, struct verify_end inside, uint32_t to)
{
	struct verify_packet p = row_echo(w, inside, to);

	return outside_of(&p, row_through(w, VERIFY_INSIDE, &p));
}

static bool arrives(struct verify_world *w, const struct verify_packet *p, struct verify_end inside)
{
	const struct verify_packet *got = row_through(w, VERIFY_OUTSIDE, p);

	return got && got->proto == p->proto && row_same(got->src, p->src) &&
	       row_same(got->dst, inside) && got->len == p->len &&
	       !memcmp(got->data, p->data, p->len);
}

bool row_reaches(struct verify_world *w, struct verify_end from, struct verify_end outside,
		 struct verify_end inside)
{
	struct verify_packet p = row_udp(w, from, outside);

	return arrives(w, &p, inside);
}

bool row_syn_reaches(struct verify_world *w, struct verify_end from, struct verify_end outside,
		     struct verify_end inside)
{
	struct verify_packet p = row_tcp(w, from, outside, VERIFY_SYN);

	return arrives(w, &p, inside);
}

struct verify_packet row_segment_of(struct verify_world *w, struct flow *f, enum verify_side from,
				    uint8_t flags, uint16_t len)
{
	bool ours = from == VERIFY_INSIDE;
	struct verify_packet p = ours ? row_tcp(w, f->inside, f->server, flags) :
					row_tcp(w, f->server, f->outside, flags);
	uint32_t *seq = ours ? &f->inside_seq : &f->server_seq;

	p.seq = *seq;
	if (flags & VERIFY_ACK)
		p.ack = ours ? f->server_seq : f->inside_seq;
	row_fill(&p, len, (uint8_t)*seq);
	*seq += len + (flags & VERIFY_SYN ? 1u : 0) + (flags & VERIFY_FIN ? 1u : 0);
	return p;
}

/* All that a NAT has no reason to change. */
static bool unchanged(const struct verify_packet *a, const struct verify_packet *b)
{
	return a->seq == b->seq && a->ack == b->ack && a->flags == b->flags &&
	       a->window == b->window && a->urgent == b->urgent &&
	       a->tcp_option_len == b->tcp_option_len &&
	       !memcmp(a->tcp_option, b->tcp_option, a->tcp_option_len) && a->len == b->len &&
	       !memcmp(a->data, b->data, a->len);
}

bool row_segment(struct verify_world *w, struct flow *f, enum verify_side from, uint8_t flags,
		 uint16_t len)
{
	struct verify_packet p = row_segment_of(w, f, from, flags, len);
	const struct verify_packet *got = row_through(w, from, &p);
	bool ours = from == VERIFY_INSIDE;

	if (!got || !unchanged(&p, got))
		return false;
	if (ours && !f->outside.port)
		f->outside = got->src;
	return row_same(got->src, ours ? f->outside : f->server) &&
	       row_same(got->dst, ours ? f->server : f->inside);
}

bool row_connect_out(struct verify_world *w, struct flow *f, struct verify_end inside,
		     struct verify_end server)
{
	*f = (struct flow){
		.inside = inside, .server = server, .inside_seq = 1000, .server_seq = 900000
	};
	return row_segment(w, f, VERIFY_INSIDE, VERIFY_SYN, 0) &&
	       row_segment(w, f, VERIFY_OUTSIDE, VERIFY_SYN | VERIFY_ACK, 0) &&
	       row_segment(w, f, VERIFY_INSIDE, VERIFY_ACK, 0);
}

bool row_close_flow(struct verify_world *w, struct flow *f)
{
	return row_segment(w, f, VERIFY_INSIDE, VERIFY_FIN | VERIFY_ACK, 0) &&
	       row_segment(w, f, VERIFY_OUTSIDE, VERIFY_ACK, 0) &&
	       row_segment(w, f, VERIFY_OUTSIDE, VERIFY_FIN | VERIFY_ACK, 0) &&
	       row_segment(w, f, VERIFY_INSIDE, VERIFY_ACK, 0);
}
