/* SPDX-License-Identifier: BSD-2-Clause */
/* The TCP header and its options, read and written (RFC 9293 3.1, 3.2). */
#include <string.h>

#include "base/bytes.h"
#include "wire/wire.h"

#define HEADER_LEN 20

#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_MSS 2
#define OPTION_WSCALE 3
#define OPTION_SACK_PERMITTED 4
#define OPTION_SACK 5
#define OPTION_TIMESTAMP 8

#define WSCALE_MAX 14

/* NOP NOP and the head of a timestamp: all options of most segments. */
#define TIMESTAMP_ALONE 0x0101080au

static inline void parse_timestamp(const uint8_t *value, struct tcp_options *o)
{
	o->has_timestamp = true;
	o->tsval = get32(value);
	o->tsecr = get32(value + 4);
}

static void parse_sack(const uint8_t *value, uint32_t len,
		       struct tcp_options *o)
{
	const uint32_t count = len / 8;

	if (len % 8 != 0 || count == 0 || count > TCP_SACK_MAX)
		return;
	for (uint32_t i = 0; i < count; i++, value += 8) {
		o->sack[i].start = (struct seq){ get32(value) };
		o->sack[i].end = (struct seq){ get32(value + 4) };
	}
	o->sack_count = (uint8_t)count;
}

/* One option with a length. What is unknown is skipped (MUST-6), and so is a
   known kind with another length than it has. */
static void parse_option(uint8_t kind, const uint8_t *value, uint32_t len,
			 struct tcp_options *o)
{
	if (kind == OPTION_MSS && len == 2) {
		o->mss = get16(value);
	} else if (kind == OPTION_WSCALE && len == 1) {
		o->has_wscale = true;
		/* RFC 7323 2.3: a larger shift is taken as 14. */
		o->wscale = *value > WSCALE_MAX ? WSCALE_MAX : *value;
	} else if (kind == OPTION_SACK_PERMITTED && len == 0) {
		o->sack_permitted = true;
	} else if (kind == OPTION_SACK) {
		parse_sack(value, len, o);
	} else if (kind == OPTION_TIMESTAMP && len == 8) {
		parse_timestamp(value, o);
	}
}

/* Options in any order at any byte boundary (RFC 9293 MUST-5, MUST-64). */
static void parse_options(const uint8_t *at, const uint8_t *end,
			  struct tcp_options *o)
{
	while (at < end && *at != OPTION_END) {
		if (*at == OPTION_NOP) {
			at++;
			continue;
		}
		/* MUST-7: a length that cannot be ends the options only. */
		if (end - at < 2 || at[1] < 2 || at[1] > end - at)
			return;
		parse_option(at[0], at + 2, at[1] - 2u, o);
		at += at[1];
	}
}

static void clear_options(struct tcp_options *o)
{
	o->mss = 0;
	o->wscale = 0;
	o->sack_count = 0;
	o->has_wscale = false;
	o->sack_permitted = false;
	o->has_timestamp = false;
	o->tsval = 0;
	o->tsecr = 0;
}

static inline enum drop parse_segment(const uint8_t *data, uint32_t len,
				      struct tcp_segment *s,
				      uint32_t *header_len)
{
	uint32_t header;

	if (len < HEADER_LEN)
		return DROP_TCP_HEADER;
	header = (data[12] >> 4) * 4u;
	if (header < HEADER_LEN || header > len)
		return DROP_TCP_HEADER;
	*header_len = header;
	s->src_port = get16(data);
	s->dst_port = get16(data + 2);
	s->seq = (struct seq){ get32(data + 4) };
	s->ack = (struct seq){ get32(data + 8) };
	s->flags = data[13];
	s->window = get16(data + 14);
	s->urgent = get16(data + 18);
	if (s->src_port == 0 || s->dst_port == 0)
		return DROP_TCP_PORT_ZERO;

	clear_options(&s->options);
	data += HEADER_LEN;
	if (header == HEADER_LEN + 12 && get32(data) == TIMESTAMP_ALONE)
		parse_timestamp(data + 4, &s->options);
	else if (header > HEADER_LEN)
		parse_options(data, data - HEADER_LEN + header, &s->options);
	return DROP_NONE;
}

enum drop tcp_parse(const uint8_t *data, uint32_t len, struct tcp_segment *s,
		    uint32_t *header_len)
{
	return parse_segment(data, len, s, header_len);
}

enum drop tcp_parse_packet(struct packet *p, uint32_t len, bool trusted)
{
	uint32_t header_len;
	enum drop drop = parse_segment(p->transport, len, &p->tcp, &header_len);

	if (drop != DROP_NONE)
		return drop;
	p->type = PACKET_TCP;
	p->src_port = p->tcp.src_port;
	p->dst_port = p->tcp.dst_port;
	p->payload = p->transport + header_len;
	p->payload_len = len - header_len;
	if (!trusted && !packet_checksum_holds(p, len)) /* RFC 9293 MUST-3 */
		return DROP_TCP_CHECKSUM;
	return DROP_NONE;
}

static uint8_t *put_option(uint8_t *out, uint8_t kind, uint32_t value_len)
{
	out[0] = kind;
	out[1] = (uint8_t)(value_len + 2);
	return out + 2;
}

static uint8_t *put_nops(uint8_t *out, int count)
{
	while (count-- > 0)
		*out++ = OPTION_NOP;
	return out;
}

static uint8_t *put_timestamp(uint8_t *out, const struct tcp_options *o)
{
	out = put_option(out, OPTION_TIMESTAMP, 8);
	put32(out, o->tsval);
	put32(out + 4, o->tsecr);
	return out + 8;
}

static uint8_t *put_syn_options(uint8_t *out, const struct tcp_options *o)
{
	if (o->mss != 0) {
		out = put_option(out, OPTION_MSS, 2);
		put16(out, o->mss);
		out += 2;
	}
	/* SACK-permitted takes the place of the timestamp's two NOPs. */
	if (o->has_timestamp && !o->sack_permitted)
		out = put_nops(out, 2);
	else if (o->sack_permitted && !o->has_timestamp)
		out = put_nops(out, 2);
	if (o->sack_permitted)
		out = put_option(out, OPTION_SACK_PERMITTED, 0);
	if (o->has_timestamp)
		out = put_timestamp(out, o);
	if (o->has_wscale) {
		out = put_nops(out, 1);
		out = put_option(out, OPTION_WSCALE, 1);
		*out++ = o->wscale;
	}
	return out;
}

static uint8_t *put_sack(uint8_t *out, const struct tcp_options *o)
{
	/* RFC 2018 3: as many as there is room for beside a timestamp. */
	const uint32_t room = o->has_timestamp ? TCP_SACK_MAX - 1 :
						 TCP_SACK_MAX;
	const uint32_t count = o->sack_count < room ? o->sack_count : room;

	out = put_nops(out, 2);
	out = put_option(out, OPTION_SACK, count * 8);
	for (uint32_t i = 0; i < count; i++, out += 8) {
		put32(out, o->sack[i].start.v);
		put32(out + 4, o->sack[i].end.v);
	}
	return out;
}

uint32_t tcp_build_options(const struct tcp_options *o, bool syn,
			   uint8_t out[40])
{
	uint8_t *at = out;

	if (syn)
		return (uint32_t)(put_syn_options(out, o) - out);
	if (o->has_timestamp)
		at = put_timestamp(put_nops(at, 2), o);
	if (o->sack_count > 0)
		at = put_sack(at, o);
	return (uint32_t)(at - out);
}

uint32_t tcp_build(const struct tcp_segment *s, uint8_t out[60])
{
	const bool syn = (s->flags & TCP_SYN) != 0;
	const uint32_t len =
		HEADER_LEN + tcp_build_options(&s->options, syn, out + 20);

	put16(out, s->src_port);
	put16(out + 2, s->dst_port);
	put32(out + 4, s->seq.v);
	put32(out + 8, s->ack.v);
	out[12] = (uint8_t)(len / 4 << 4);
	out[13] = s->flags;
	put16(out + 14, s->window);
	put16(out + 16, 0);
	put16(out + 18, s->urgent);
	return len;
}
