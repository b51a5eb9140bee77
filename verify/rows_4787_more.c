/* SPDX-License-Identifier: BSD-2-Clause */
/* RFC 4787, UDP: gateways, steadiness, ICMP, fragments. */
#include "verify/rows.h"

#include <string.h>

#define SIP "REGISTER sip:10.0.0.2 SIP/2.0\r\nContact: <sip:a@10.0.0.2:5000>\r\n\r\n"
#define RTSP "SETUP rtsp://x RTSP/1.0\r\nTransport: RTP/AVP;client_port=5000-5001\r\n\r\n"
#define TFTP "\0\1file\0octet\0"

/* Payloads with addresses and ports in them, to the ports of protocols that helpers know. */
static const struct {
	uint16_t port;
	const char *name;
	const void *bytes;
	uint16_t len;
} payloads[] = {
	{ 5060, "SIP", SIP, sizeof(SIP) - 1 },	       { 69, "TFTP", TFTP, sizeof(TFTP) - 1 },
	{ 554, "RTSP", RTSP, sizeof(RTSP) - 1 },       { 1719, "H.323", "\x0a\0\0\x02\x13\x88", 6 },
	{ 137, "NetBIOS", "\x0a\0\0\x02\x13\x88", 6 },
};
#define PAYLOADS (sizeof(payloads) / sizeof(payloads[0]))

/* NULL, or the name of the payload that was changed. */
static const char *changed(struct verify_world *w)
{
	for (size_t i = 0; i < PAYLOADS; i++) {
		struct verify_packet p = row_udp(w, A(5000), TO_X(payloads[i].port));
		const struct verify_packet *got;

		p.len = payloads[i].len;
		memcpy(p.data, payloads[i].bytes, p.len);
		got = row_through(w, VERIFY_INSIDE, &p);
		if (!got || got->len != p.len || memcmp(got->data, p.data, p.len))
			return payloads[i].name;
	}
	return NULL;
}

void row_4787_R10(struct verify_world *w)
{
	const char *name;

	BEGIN(w);
	name = changed(w);
	NEED(w, !name, "the payload of %s was changed on its way out", name);
	row_met(w,
		"SIP, TFTP, RTSP, H.323 and NetBIOS payloads with A's address in them left as they "
		"were: no gateway is active");
}

/* A TFTP server answers from another port, which a helper would open and the filter does not. */
void row_4787_R10a(struct verify_world *w)
{
	struct verify_end out;
	const char *name;

	w->setup.nat.udp_filtering = MINATO_FILTER_ADDRESS_PORT;
	BEGIN(w);
	name = changed(w);
	NEED(w, !name, "the payload of %s was changed on its way out", name);
	out = row_map_udp(w, A(5000), TO_X(69));
	NEED(w, !row_reaches(w, TO_X(4001), out, A(5000)),
	     "a TFTP request opened the filter for another port: a helper nobody switched on");
	row_met(w, "no helper is there to be switched: 5 payloads left unchanged; a TFTP request "
		   "opened nothing besides X:69");
}

/* The same questions first and last, with much in between. */
void row_4787_R11(struct verify_world *w)
{
	struct verify_end first[8];
	bool open[8];

	BEGIN(w);
	for (uint32_t n = 0; n < 8; n++) {
		first[n] = row_map_udp(w, row_host(n, 5000), TO_X(53));
		open[n] = row_reaches(w, row_at(VERIFY_ROUTER, 7), first[n], row_host(n, 5000));
	}
	w->quick = true;
	for (uint32_t n = 0; n < 200; n++) {
		for (uint16_t i = 0; i < 5; i++)
			row_map_udp(w, row_host(n, (uint16_t)(5000 + i)),
				    TO_Y((uint16_t)(1000 + i)));
	}
	w->quick = false;
	for (int round = 0; round < 2; round++) {
		for (uint32_t n = 0; n < 8; n++) {
			struct verify_end now = row_map_udp(w, row_host(n, 5000), TO_Y(99));

			NEED(w, row_same(now, first[n]),
			     "under load 10.0.0.%u:5000, once %s, was %s to another destination",
			     n + 2, row_said(first[n]), row_said(now));
			NEED(w,
			     row_reaches(w, row_at(VERIFY_ROUTER, 7), now, row_host(n, 5000)) ==
				     open[n],
			     "10.0.0.%u:5000 could be reached by anybody, then not", n + 2);
		}
		row_pass(w, w->nat->real ? 1 : 60);
	}
	row_met(w, "8 hosts with one port kept mapping and filtering while 200 hosts made 1,000 "
		   "mappings, and later");
}

/* ---- ICMP ---- */

/* The packet that X saw of A:5000 > X:53, to be quoted by errors. */
static bool seen_outside(struct verify_world *w, struct verify_packet *sent,
			 struct verify_packet *seen)
{
	const struct verify_packet *got;

	*sent = row_udp(w, A(5000), TO_X(53));
	got = row_through(w, VERIFY_INSIDE, sent);
	if (got)
		*seen = *got;
	else
		row_deviates(w, "A:5000 > X:53: nothing left");
	return got;
}

void row_4787_R12(struct verify_world *w)
{
	static const uint8_t kinds[][2] = { { 3, 0 }, { 3, 1 },	 { 3, 2 },  { 3, 3 },
					    { 3, 4 }, { 3, 10 }, { 3, 13 }, { 4, 0 },
					    { 5, 1 }, { 11, 0 }, { 11, 1 }, { 12, 0 } };
	struct verify_packet sent, seen, error, reply;
	const struct verify_packet *got;
	struct verify_end again;

	BEGIN(w);
	if (!seen_outside(w, &sent, &seen))
		return;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		verify_error_about(&error, VERIFY_X, kinds[i][0], kinds[i][1], &seen);
		row_put(w, VERIFY_OUTSIDE, &error);
	}
	/* And one from inside, about an answer. */
	reply = row_udp(w, TO_X(53), seen.src);
	got = row_through(w, VERIFY_OUTSIDE, &reply);
	NEED(w, got && row_same(got->dst, A(5000)),
	     "12 ICMP errors about it came from X; its answer then: %s", row_came(got));
	reply = *got;
	verify_error_about(&error, VERIFY_HOST(0), 3, 3, &reply);
	row_put(w, VERIFY_INSIDE, &error);
	NEED(w, row_reaches(w, TO_X(53), seen.src, A(5000)),
	     "A answered with port unreachable; X:53 then did not reach it any more");
	again = row_map_udp(w, A(5000), TO_X(54));
	NEED(w, row_same(again, seen.src), "after ICMP errors A:5000 was %s, once %s",
	     row_said(again), row_said(seen.src));
	row_met(w, "12 kinds of ICMP error from X and one from A: A:5000 is still %s, both ways",
		row_said(again));
}

void row_4787_R12a(struct verify_world *w)
{
	struct verify_packet sent, seen, error;
	const struct verify_packet *got;

	w->setup.nat.udp_filtering = MINATO_FILTER_ADDRESS_PORT;
	BEGIN(w);
	if (!seen_outside(w, &sent, &seen))
		return;
	verify_error_about(&error, VERIFY_ROUTER, 11, 0, &seen);
	got = row_through(w, VERIFY_OUTSIDE, &error);
	NEED(w, got && got->type == 11 && got->dst.addr == VERIFY_HOST(0),
	     "time exceeded from a router that nobody sent to: %s", row_came(got));
	NEED(w, got->src.addr == VERIFY_ROUTER, "the router's error came from %s",
	     row_said(got->src));
	row_met(w, "time exceeded from 192.0.2.77, to which nobody sent, reached A as its own");
}

void row_4787_R12b(struct verify_world *w)
{
	struct verify_packet sent, seen, error, quoted;
	const struct verify_packet *got;

	BEGIN(w);
	if (!seen_outside(w, &sent, &seen))
		return;
	for (uint8_t code = 0; code < 16; code++) {
		verify_error_about(&error, VERIFY_X, 3, code, &seen);
		error.word = code == 4 ? 1400 : 0;
		got = row_through(w, VERIFY_OUTSIDE, &error);
		NEED(w, got && got->type == 3 && got->code == code && got->word == error.word,
		     "destination unreachable, code %u: %s", code, row_came(got));
		NEED(w,
		     !verify_read_quoted(got, &quoted) && row_same(quoted.src, sent.src) &&
			     row_same(quoted.dst, sent.dst),
		     "unreachable code %u arrived, but quotes another packet: %s", code,
		     row_came(got));
	}
	row_met(w,
		"destination unreachable with codes 0 to 15 about A:5000 > X:53 reached A, quoting "
		"what A had sent");
}

/* ---- too big ---- */

static bool too_big(struct verify_world *w, enum verify_side from, struct verify_packet *p)
{
	const struct verify_packet *got;
	struct verify_packet quoted;

	row_put(w, from, p);
	got = row_look(w, from == VERIFY_INSIDE ? VERIFY_OUTSIDE : VERIFY_INSIDE);
	if (got) {
		row_deviates(w, "1,400 bytes with DF into 1,280: they left: %s", row_came(got));
		return false;
	}
	got = row_look(w, from);
	if (!got || got->type != 3 || got->code != 4 || (got->word & 0xffff) != 1280) {
		row_deviates(w, "1,400 bytes with DF into 1,280: %s", row_came(got));
		return false;
	}
	if (verify_read_quoted(got, &quoted) || !row_same(quoted.src, p->src) ||
	    !row_same(quoted.dst, p->dst)) {
		row_deviates(w, "fragmentation needed quotes another packet: %s", row_came(got));
		return false;
	}
	return true;
}

void row_4787_R13(struct verify_world *w)
{
	struct verify_packet p = row_udp(w, A(5000), TO_X(53));
	struct verify_end out;

	w->setup.mtu[VERIFY_OUTSIDE] = 1280;
	BEGIN(w);
	p.df = true;
	row_fill(&p, 1372, 3);
	if (!too_big(w, VERIFY_INSIDE, &p))
		return;
	w->setup.mtu[VERIFY_OUTSIDE] = 0;
	w->setup.mtu[VERIFY_INSIDE] = 1280;
	BEGIN(w);
	out = row_map_udp(w, A(5000), TO_X(53));
	p = row_udp(w, TO_X(53), out);
	p.df = true;
	row_fill(&p, 1372, 3);
	if (!too_big(w, VERIFY_OUTSIDE, &p))
		return;
	row_met(w, "1,400 bytes with DF into a link of 1,280, outward and inward: fragmentation "
		   "needed, MTU 1280, quoting the packet as its sender sent it");
}

/*
 * Puts together what left on a side; its length, or 0. `ordered`: in the order in which it left, or
 * it does not count.
 */
static size_t joined(struct verify_world *w, enum verify_side side, uint8_t *bytes, bool ordered,
		     uint32_t *pieces)
{
	const struct verify_packet *got;
	size_t sum = 0, end = SIZE_MAX;
	uint16_t id = 0;

	*pieces = 0;
	while (sum != end && (got = row_look(w, side)) != NULL) {
		size_t start = got->offset - (got->offset ? 8u : 0);

		if ((*pieces && got->id != id) || (ordered && start != sum) ||
		    start + got->len > VERIFY_DATA_MAX)
			return 0;
		memcpy(bytes + start, got->data, got->len);
		id = got->id;
		sum += got->len;
		end = got->mf ? end : start + got->len;
		++*pieces;
	}
	return sum == end ? sum : 0;
}

void row_4787_R13a(struct verify_world *w)
{
	struct verify_packet p = row_udp(w, A(5000), TO_X(53));
	static uint8_t bytes[VERIFY_DATA_MAX];
	uint32_t pieces;
	size_t len;

	w->setup.mtu[VERIFY_OUTSIDE] = 1280;
	BEGIN(w);
	row_fill(&p, 1472, 3);
	row_put(w, VERIFY_INSIDE, &p);
	len = joined(w, VERIFY_OUTSIDE, bytes, true, &pieces);
	NEED(w, pieces >= 2, "1,500 bytes without DF into 1,280 were not cut: %u pieces", pieces);
	NEED(w, len == p.len && !memcmp(bytes, p.data, len),
	     "1,500 bytes without DF into 1,280: %u pieces, in another order or changed", pieces);
	row_met(w,
		"1,500 bytes without DF into 1,280: %u fragments, in order, with one "
		"identification",
		pieces);
}

/* ---- fragments ---- */

/* Cuts a datagram into pieces of `size` bytes of IP payload; `whole` is at most 3 of them. */
static uint32_t cut(struct verify_packet out[3], const struct verify_packet *whole, uint16_t size)
{
	static uint8_t bytes[VERIFY_BYTES_MAX];
	size_t len = verify_build(whole, bytes) - 20;
	uint32_t count = 0;

	for (size_t at_byte = 0; at_byte < len; at_byte += size) {
		struct verify_packet *p = &out[count++];
		size_t part = len - at_byte < size ? len - at_byte : size;

		*p = *whole;
		p->offset = (uint16_t)at_byte;
		p->mf = at_byte + part < len;
		/* Raw bytes: what builds headers looks at the protocol only where offset is 0. */
		p->len = (uint16_t)part;
		memcpy(p->data, bytes + 20 + at_byte, part);
		if (at_byte == 0) {
			p->len = (uint16_t)(part - 8);
			memcpy(p->data, bytes + 28, p->len);
			p->keep_sum = (uint16_t)(bytes[26] << 8 | bytes[27]);
			p->keep_len = (uint16_t)(bytes[24] << 8 | bytes[25]);
		}
	}
	return count;
}

/* Pieces in this order arrive; does the other side get the whole? */
static bool pieces_pass(struct verify_world *w, enum verify_side from,
			const struct verify_packet *whole, const uint32_t order[3])
{
	enum verify_side to = from == VERIFY_INSIDE ? VERIFY_OUTSIDE : VERIFY_INSIDE;
	static uint8_t bytes[VERIFY_DATA_MAX];
	static struct verify_packet pieces[3];
	uint32_t count = cut(pieces, whole, 800), seen;
	size_t len;

	for (uint32_t i = 0; i < count; i++)
		(i ? row_put_more : row_put)(w, from, &pieces[order[i]]);
	len = joined(w, to, bytes, false, &seen);
	return len == whole->len && !memcmp(bytes, whole->data, len);
}

void row_4787_R14(struct verify_world *w)
{
	static const uint32_t orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					       { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	static struct verify_packet p;
	struct verify_end out;

	BEGIN(w);
	out = row_map_udp(w, A(5000), TO_X(53));
	for (int i = 0; i < 6; i++) {
		p = row_udp(w, A(5000), TO_X(53));
		row_fill(&p, 2000, (uint8_t)i);
		NEED(w, pieces_pass(w, VERIFY_INSIDE, &p, orders[i]),
		     "outward, 3 fragments in the order %u %u %u: the whole did not leave",
		     orders[i][0], orders[i][1], orders[i][2]);
		p = row_udp(w, TO_X(53), out);
		row_fill(&p, 2000, (uint8_t)i);
		NEED(w, pieces_pass(w, VERIFY_OUTSIDE, &p, orders[i]),
		     "inward, 3 fragments in the order %u %u %u: the whole did not arrive",
		     orders[i][0], orders[i][1], orders[i][2]);
	}
	row_met(w, "2,008 bytes in 3 fragments, in all 6 orders, outward and inward: the whole "
		   "arrived");
}

void row_4787_R14a(struct verify_world *w)
{
	static const uint32_t order[3] = { 2, 1, 0 };
	static struct verify_packet p, pieces[3];
	struct verify_end out;

	BEGIN(w);
	out = row_map_udp(w, A(5000), TO_X(53));
	w->quick = true;
	for (uint32_t i = 0; i < 4000; i++) {
		p = row_udp(w, TO_Y(53), out);
		row_fill(&p, 2000, 9);
		cut(pieces, &p, 800);
		row_put(w, VERIFY_OUTSIDE, &pieces[i % 3]);
	}
	w->quick = false;
	NEED(w, row_reaches(w, TO_X(53), out, A(5000)),
	     "after 4,000 lone fragments from Y, X:53's datagram did not arrive");
	p = row_udp(w, TO_X(53), out);
	row_fill(&p, 2000, 5);
	NEED(w, pieces_pass(w, VERIFY_OUTSIDE, &p, order),
	     "after 4,000 lone fragments from Y, a fragmented datagram of X did not arrive");
	NEED(w, row_same(row_map_udp(w, A(5000), TO_Y(99)), out),
	     "after 4,000 lone fragments from Y, A's mapping had changed");
	row_met(w, "4,000 lone fragments from Y: X's datagrams, whole and in 3 fragments, still "
		   "arrived");
}
