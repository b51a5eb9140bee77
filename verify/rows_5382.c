/* SPDX-License-Identifier: BSD-2-Clause */
/* RFC 5382, TCP. */
#include "verify/rows.h"

#include <string.h>

#define IN VERIFY_INSIDE
#define OUT VERIFY_OUTSIDE
#define ACK VERIFY_ACK

void row_5382_R1(struct verify_world *w)
{
	struct verify_end a, b, again;

	BEGIN(w);
	a = row_map_tcp(w, A(5000), TO_X(80));
	b = row_map_tcp(w, B(5000), TO_X(80));
	NEED(w, a.port && b.port, "SYN of A or B from 5000 to X:80: nothing left");
	again = row_map_tcp(w, A(5000), TO_Y(80));
	NEED(w, row_same(a, again), "A:5000 was %s to X:80, %s to Y:80", row_said(a),
	     row_said(again));
	again = row_map_tcp(w, B(5000), TO_Y(80));
	NEED(w, row_same(b, again), "B:5000 was %s to X:80, %s to Y:80", row_said(b),
	     row_said(again));
	again = row_map_tcp(w, B(5000), TO_X(81));
	NEED(w, row_same(b, again), "B:5000 was %s to X:80, %s to X:81", row_said(b),
	     row_said(again));
	row_met(w, "SYNs: A:5000 is %s to X:80 and Y:80; B:5000 is %s to X:80, Y:80, X:81",
		row_said(a), row_said(b));
}

/* Segments that are valid, though a NAT might not think of them; NULL, or what did not pass. */
static const char *odd_segments(struct verify_world *w, struct flow *f)
{
	static const uint8_t options[] = { 1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 7, 253, 4, 1, 2 };
	const struct verify_packet *got;
	struct verify_packet p;

	p = row_segment_of(w, f, IN, ACK, 0);
	p.seq -= 1; /* RFC 9293 3.8.4 */
	got = row_through(w, IN, &p);
	if (!got || got->seq != p.seq)
		return "a keep-alive (one before the next number)";
	p = row_segment_of(w, f, IN, ACK | VERIFY_PSH, 20);
	memcpy(p.tcp_option, options, sizeof(options));
	p.tcp_option_len = sizeof(options);
	got = row_through(w, IN, &p);
	if (!got || got->tcp_option_len != sizeof(options) ||
	    memcmp(got->tcp_option, options, sizeof(options)))
		return "timestamps and an experimental option, unchanged";
	if (!row_segment(w, f, OUT, ACK, 0))
		return "a pure ACK";
	p = row_segment_of(w, f, IN, ACK | VERIFY_URG, 4);
	p.urgent = 2;
	got = row_through(w, IN, &p);
	if (!got || got->urgent != 2 || got->flags != p.flags)
		return "an urgent pointer";
	got = row_through(w, IN, &p);
	if (!got || got->seq != p.seq)
		return "the same once more";
	p = row_segment_of(w, f, OUT, ACK, 10);
	p.window = 0;
	got = row_through(w, OUT, &p);
	return got && got->window == 0 ? NULL : "a zero window";
}

/* The server speaks first to a published port, and closes first. */
static const char *begun_outside(struct verify_world *w)
{
	struct flow f = {
		.inside = A(80),
		.outside = row_at(VERIFY_NAT_OUTSIDE, 8080),
		.server = TO_X(4000),
		.inside_seq = 5000,
		.server_seq = 0xffffffff - 10,
	};

	if (!row_segment(w, &f, OUT, VERIFY_SYN, 0) ||
	    !row_segment(w, &f, IN, VERIFY_SYN | ACK, 0) || !row_segment(w, &f, OUT, ACK, 0))
		return "a handshake begun outside";
	/* Over the end of the sequence numbers. */
	if (!row_segment(w, &f, OUT, ACK | VERIFY_PSH, 100) || !row_segment(w, &f, IN, ACK, 0))
		return "data over the end of the sequence numbers";
	if (!row_segment(w, &f, OUT, VERIFY_FIN | ACK, 0) || !row_segment(w, &f, IN, ACK, 0) ||
	    !row_segment(w, &f, IN, ACK | VERIFY_PSH, 500) || !row_segment(w, &f, OUT, ACK, 0) ||
	    !row_segment(w, &f, IN, VERIFY_FIN | ACK, 0) || !row_segment(w, &f, OUT, ACK, 0))
		return "a half-close, data after it, and the other close";
	return NULL;
}

void row_5382_R2(struct verify_world *w)
{
	const char *what;
	struct flow f;

	w->setup.forward[0] = (struct verify_forward){ VERIFY_TCP, 8080, A(80) };
	w->setup.forward_count = 1;
	BEGIN(w);
	NEED(w, row_connect_out(w, &f, A(5000), TO_X(80)), "a handshake begun inside did not pass");
	what = odd_segments(w, &f);
	NEED(w, !what, "did not pass: %s", what);
	NEED(w, row_close_flow(w, &f), "FINs of both sides did not pass");
	/* Both close at once (RFC 9293 3.6). */
	NEED(w, row_connect_out(w, &f, A(5001), TO_X(80)), "a second handshake did not pass");
	NEED(w, row_segment(w, &f, IN, VERIFY_FIN | ACK, 0), "a FIN did not pass");
	f.inside_seq--;
	NEED(w, row_segment(w, &f, OUT, VERIFY_FIN | ACK, 0), "a FIN that crossed it did not pass");
	f.inside_seq++;
	NEED(w, row_segment(w, &f, IN, ACK, 0) && row_segment(w, &f, OUT, ACK, 0),
	     "the ACKs of both FINs did not pass");
	what = begun_outside(w);
	NEED(w, !what, "did not pass: %s", what);
	row_met(w, "begun on either side: handshake, keep-alive, options, urgent, repetition, zero "
		   "window, wrap of numbers, half-close, closes at once: all passed unchanged");
}

void row_5382_R2a(struct verify_world *w)
{
	struct flow f = {
		.inside = A(5000), .server = TO_X(4000), .inside_seq = 1000, .server_seq = 900000
	};

	BEGIN(w);
	NEED(w, row_segment(w, &f, IN, VERIFY_SYN, 0), "A's SYN did not leave");
	NEED(w, row_segment(w, &f, OUT, VERIFY_SYN, 0), "X's SYN, crossing A's, did not arrive");
	f.inside_seq--;
	NEED(w, row_segment(w, &f, IN, VERIFY_SYN | ACK, 0), "A's SYN-ACK did not leave");
	f.server_seq--;
	NEED(w, row_segment(w, &f, OUT, VERIFY_SYN | ACK, 0), "X's SYN-ACK did not arrive");
	NEED(w, row_segment(w, &f, IN, ACK | VERIFY_PSH, 50) && row_segment(w, &f, OUT, ACK, 40),
	     "data after a simultaneous open did not pass");
	row_met(w, "SYNs of A and X crossed, both SYN-ACKs passed, and data both ways");
}

void row_5382_R3(struct verify_world *w)
{
	struct verify_end out;

	BEGIN(w);
	out = row_map_tcp(w, A(5000), TO_X(80));
	NEED(w, out.port, "A's SYN to X:80: nothing left");
	NEED(w, row_syn_reaches(w, TO_Y(4000), out, A(5000)),
	     "A sent to X:80 alone: a SYN of Y:4000 did not reach it (not endpoint-independent)");
	if (!w->nat->real) {
		w->setup.nat.tcp_filtering = MINATO_FILTER_ADDRESS;
		BEGIN(w);
		out = row_map_tcp(w, A(5000), TO_X(80));
		NEED(w,
		     row_syn_reaches(w, TO_X(81), out, A(5000)) &&
			     !row_syn_reaches(w, TO_Y(80), out, A(5000)),
		     "address-dependent: X:81 was kept out, or Y:80 let in");
	}
	row_met(w, "A sent to X:80: a SYN of Y:4000 reached it; address-dependent: X:81 did, "
		   "Y:80 not");
}

/* Are SYN and datagram of somebody new let in? */
static bool lets_in(struct verify_world *w, bool tcp_is_let, bool udp_is_let)
{
	struct verify_end t = row_map_tcp(w, A(5000), TO_X(80));
	struct verify_end u = row_map_udp(w, A(5000), TO_X(80));

	return t.port && u.port && row_syn_reaches(w, TO_Y(7), t, A(5000)) == tcp_is_let &&
	       row_reaches(w, TO_Y(7), u, A(5000)) == udp_is_let;
}

void row_5382_R3ab(struct verify_world *w)
{
	w->setup.nat.tcp_filtering = MINATO_FILTER_ADDRESS_PORT;
	BEGIN(w);
	NEED(w, lets_in(w, false, true), "TCP strict, UDP open: not so for SYN and datagram of Y");
	w->setup.nat.tcp_filtering = MINATO_FILTER_ENDPOINT;
	w->setup.nat.udp_filtering = MINATO_FILTER_ADDRESS_PORT;
	BEGIN(w);
	NEED(w, lets_in(w, true, false), "TCP open, UDP strict: not so for SYN and datagram of Y");
	row_met(w, "TCP strict and UDP open: Y's datagram came in, its SYN not; set the other way "
		   "round, the other way round");
}

/* ---- unsolicited SYNs ---- */

/* X's SYN to an outside port where nobody waits for it. */
static struct verify_packet unsolicited(struct verify_world *w, struct verify_end *out)
{
	*out = row_map_tcp(w, A(5000), TO_Y(80));
	return row_tcp(w, TO_X(80), *out, VERIFY_SYN);
}

void row_5382_R4(struct verify_world *w)
{
	const struct verify_packet *got;
	struct verify_packet syn;
	struct verify_end out;

	w->setup.nat.tcp_filtering = MINATO_FILTER_ADDRESS_PORT;
	BEGIN(w);
	syn = unsolicited(w, &out);
	row_put(w, OUT, &syn);
	got = row_look(w, OUT);
	NEED(w, !got && !row_look(w, IN), "X's SYN to %s was answered at once: %s", row_said(out),
	     row_came(got));
	row_pass(w, 5.9);
	got = row_look(w, OUT);
	NEED(w, !got, "X's SYN to %s was answered within 5.9 s: %s", row_said(out), row_came(got));
	/* And to a port that no mapping has. */
	syn = row_tcp(w, TO_X(80), row_at(out.addr, out.port ^ 0x100), VERIFY_SYN);
	row_put(w, OUT, &syn);
	got = row_look(w, OUT);
	NEED(w, !got, "X's SYN to a port that nobody has was answered at once: %s", row_came(got));
	row_met(w, "X's SYN to %s and to a free port: nothing came back for 5.9 s", row_said(out));
}

void row_5382_R4cont(struct verify_world *w)
{
	const struct verify_packet *got;
	struct verify_packet syn, quoted;
	struct verify_end out, again;

	w->setup.nat.tcp_filtering = MINATO_FILTER_ADDRESS_PORT;
	BEGIN(w);
	syn = unsolicited(w, &out);
	row_put(w, OUT, &syn);
	row_pass(w, 3);
	again = row_map_tcp(w, A(5000), TO_X(80));
	NEED(w, row_same(again, out), "A:5000 was %s to Y, %s to X", row_said(out),
	     row_said(again));
	row_pass(w, 10);
	got = row_look(w, OUT);
	NEED(w, !got, "A's own SYN to X:80 came after 3 s; still X's was answered: %s",
	     row_came(got));
	BEGIN(w);
	syn = unsolicited(w, &out);
	row_put(w, OUT, &syn);
	NEED(w, !row_look(w, OUT), "X's SYN was answered at once");
	row_pass(w, 7);
	got = row_look(w, OUT);
	NEED(w, got && got->proto == VERIFY_ICMP && got->type == 3 && got->code == 3,
	     "7 s after X's SYN, which nobody met: %s", row_came(got));
	NEED(w,
	     !verify_read_quoted(got, &quoted) && row_same(quoted.src, syn.src) &&
		     row_same(quoted.dst, syn.dst),
	     "the error quotes another packet than X's SYN: %s", row_came(got));
	row_met(w,
		"met by A's SYN after 3 s: X's SYN was forgotten; not met: port unreachable to X "
		"after 6 s, quoting it");
}

void row_5382_R4a(struct verify_world *w)
{
	const struct verify_packet *got;
	struct verify_packet syn;
	struct verify_end out;

	w->setup.nat.tcp_filtering = MINATO_FILTER_ADDRESS_PORT;
	w->setup.nat.icmp_to_outside = false;
	BEGIN(w);
	syn = unsolicited(w, &out);
	row_put(w, OUT, &syn);
	got = row_look(w, OUT);
	NEED(w, !got, "answers forbidden; X's SYN was answered at once: %s", row_came(got));
	row_pass(w, 20);
	got = row_look(w, OUT);
	NEED(w, !got, "answers forbidden; within 20 s of X's SYN: %s", row_came(got));
	row_met(w, "answers to the outside forbidden: X's SYN was dropped, silent for 20 s");
}

/* ---- timers ---- */

void row_5382_R5(struct verify_world *w)
{
	struct verify_packet p;
	struct flow f;

	BEGIN(w);
	f = (struct flow){ A(5001), { 0, 0 }, TO_X(80), 1, 2 };
	NEED(w, row_segment(w, &f, IN, VERIFY_SYN, 0), "A's SYN did not leave");
	p = row_segment_of(w, &f, OUT, VERIFY_SYN | ACK, 0);
	NEED(w, row_outlives(w, VERIFY_TIMER_TCP_OPENING, 239, OUT, &p),
	     "half-open: X's SYN-ACK after 239 s did not arrive");
	NEED(w, row_connect_out(w, &f, A(5000), TO_X(80)), "a handshake did not pass");
	p = row_segment_of(w, &f, OUT, ACK | VERIFY_PSH, 10);
	NEED(w, row_outlives(w, VERIFY_TIMER_TCP_OPEN, 7440, OUT, &p),
	     "established: X's data after 2 h 4 min did not arrive");
	NEED(w,
	     row_connect_out(w, &f, A(5002), TO_X(80)) &&
		     row_segment(w, &f, IN, VERIFY_FIN | ACK, 0),
	     "a handshake or FIN did not pass");
	p = row_segment_of(w, &f, OUT, ACK | VERIFY_PSH, 10);
	NEED(w, row_outlives(w, VERIFY_TIMER_TCP_CLOSING, 239, OUT, &p),
	     "half-closed: X's data after 239 s did not arrive");
	row_met(w,
		"after a SYN alone 239 s, established 7,440 s, after a FIN 239 s: X's next segment "
		"arrived");
}

void row_5382_R5a(struct verify_world *w)
{
	struct verify_packet p;
	struct flow f;

	w->setup.nat.tcp_established_s = 10000;
	w->setup.nat.tcp_opening_s = 300;
	BEGIN(w);
	NEED(w, row_connect_out(w, &f, A(5000), TO_X(80)), "a handshake did not pass");
	p = row_segment_of(w, &f, OUT, ACK | VERIFY_PSH, 10);
	NEED(w, row_outlives(w, VERIFY_TIMER_TCP_OPEN, 9990, OUT, &p),
	     "established timer set to 10,000 s: over after less than 9,990 s");
	f = (struct flow){ A(5001), { 0, 0 }, TO_X(80), 1, 2 };
	NEED(w, row_segment(w, &f, IN, VERIFY_SYN, 0), "A's SYN did not leave");
	p = row_segment_of(w, &f, OUT, VERIFY_SYN | ACK, 0);
	NEED(w, row_outlives(w, VERIFY_TIMER_TCP_OPENING, 295, OUT, &p),
	     "opening timer set to 300 s: over after less than 295 s");
	if (w->nat->host) {
		struct minato_nat wrong = w->setup.nat;

		wrong.tcp_established_s = 7000;
		NEED(w, minato_nat_set(w->nat->host(w->nat->user), &wrong) < 0,
		     "an established timer of 7,000 s was taken, less than REQ-5 allows");
	}
	row_met(w, "set to 10,000 s and 300 s: alive after 9,990 s and 295 s%s",
		w->nat->real ? "" : "; less than REQ-5 has is refused");
}

/* ---- the rest ---- */

void row_5382_R6(struct verify_world *w)
{
	static const char *const texts[] = { "PORT 10,0,0,2,19,137\r\n",
					     "EPRT |1|10.0.0.2|5001|\r\n",
					     "INVITE sip:10.0.0.2 SIP/2.0\r\n" };
	static const uint16_t ports[] = { 21, 21, 5060 };

	BEGIN(w);
	for (uint16_t i = 0; i < 3; i++) {
		const struct verify_packet *got;
		struct verify_packet p;
		struct flow f;

		NEED(w, row_connect_out(w, &f, A((uint16_t)(5000 + i)), TO_X(ports[i])),
		     "a handshake to port %u did not pass", ports[i]);
		p = row_segment_of(w, &f, IN, ACK | VERIFY_PSH, (uint16_t)strlen(texts[i]));
		memcpy(p.data, texts[i], p.len);
		got = row_through(w, IN, &p);
		NEED(w, got && got->len == p.len && !memcmp(got->data, p.data, p.len),
		     "\"%.16s..\" to port %u left changed or not at all", texts[i], ports[i]);
	}
	row_met(w, "PORT and EPRT of FTP and a SIP request, with A's address in them, left as they "
		   "were: "
		   "no helper is active");
}

void row_5382_R7(struct verify_world *w)
{
	struct verify_end ends[32];

	BEGIN(w);
	for (uint32_t n = 0; n < 32; n++) {
		ends[n] = row_map_tcp(w, row_host(n, 5000),
				      row_at(VERIFY_X + n, (uint16_t)(4000 + n)));
		NEED(w, ends[n].port, "10.0.0.%u:5000: its SYN did not leave", n + 2);
		for (uint32_t i = 0; i < n; i++)
			NEED(w, !row_same(ends[i], ends[n]),
			     "10.0.0.%u:5000 and 10.0.0.%u:5000 share "
			     "%s",
			     i + 2, n + 2, row_said(ends[i]));
	}
	row_met(w, "32 hosts' SYNs from port 5000 to 32 destinations: 32 different outside ports");
}

void row_5382_R8(struct verify_world *w)
{
	const struct verify_packet *got;
	struct verify_packet p;
	struct verify_end a, b;

	BEGIN(w);
	a = row_map_tcp(w, A(5000), TO_X(80));
	b = row_map_tcp(w, B(6000), TO_X(80));
	p = row_tcp(w, A(5000), b, VERIFY_SYN);
	row_put(w, IN, &p);
	got = row_look(w, IN);
	NEED(w, got && got->proto == VERIFY_TCP && row_same(got->dst, B(6000)),
	     "A's SYN to B's outside end %s: %s", row_said(b), row_came(got));
	NEED(w, row_same(got->src, a), "A is %s to X, but %s to B", row_said(a),
	     row_said(got->src));
	p = row_tcp(w, B(6000), got->src, VERIFY_SYN | ACK);
	p.ack = 1001;
	row_put(w, IN, &p);
	got = row_look(w, IN);
	NEED(w,
	     got && row_same(got->dst, A(5000)) && row_same(got->src, b) &&
		     got->flags == (VERIFY_SYN | ACK),
	     "B's SYN-ACK: %s", row_came(got));
	row_met(w, "A's SYN to %s arrived at B:6000 as from %s, B's SYN-ACK at A as from %s",
		row_said(b), row_said(a), row_said(b));
}

void row_5382_R9(struct verify_world *w)
{
	struct verify_packet sent, seen, error, quoted;
	const struct verify_packet *got;

	BEGIN(w);
	sent = row_tcp(w, A(5000), TO_X(80), VERIFY_SYN);
	got = row_through(w, IN, &sent);
	NEED(w, got, "A's SYN did not leave");
	seen = *got;
	for (uint8_t code = 0; code < 16; code++) {
		verify_error_about(&error, VERIFY_ROUTER, 3, code, &seen);
		error.word = code == 4 ? 1400 : 0;
		got = row_through(w, OUT, &error);
		NEED(w,
		     got && got->type == 3 && got->code == code && got->dst.addr == VERIFY_HOST(0),
		     "destination unreachable, code %u, about A's SYN: %s", code, row_came(got));
		NEED(w,
		     !verify_read_quoted(got, &quoted) && row_same(quoted.src, sent.src) &&
			     row_same(quoted.dst, sent.dst) && quoted.seq == sent.seq,
		     "unreachable code %u quotes another segment: %s", code, row_came(got));
	}
	row_met(w, "destination unreachable, codes 0 to 15, about A's SYN reached A, quoting the "
		   "segment "
		   "that A had sent");
}

void row_5382_R10(struct verify_world *w)
{
	static const uint8_t kinds[][2] = { { 3, 0 }, { 3, 1 },	 { 3, 2 },  { 3, 3 },
					    { 3, 4 }, { 3, 13 }, { 11, 0 }, { 12, 0 } };
	struct verify_packet p, seen, error;
	const struct verify_packet *got;
	struct flow f;

	BEGIN(w);
	NEED(w, row_connect_out(w, &f, A(5000), TO_X(80)), "a handshake did not pass");
	p = row_segment_of(w, &f, IN, ACK | VERIFY_PSH, 30);
	got = row_through(w, IN, &p);
	NEED(w, got, "data did not leave");
	seen = *got;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		verify_error_about(&error, VERIFY_X, kinds[i][0], kinds[i][1], &seen);
		row_put(w, OUT, &error);
	}
	NEED(w, row_segment(w, &f, OUT, ACK | VERIFY_PSH, 40) && row_segment(w, &f, IN, ACK, 20),
	     "after 8 kinds of ICMP error data did not pass any more");
	p = row_segment_of(w, &f, OUT, ACK | VERIFY_PSH, 10);
	NEED(w, row_outlives(w, VERIFY_TIMER_TCP_OPEN, 7400, OUT, &p),
	     "after ICMP errors the established connection did not live 2 h 4 min");
	row_met(w, "8 kinds of ICMP error about an established connection: data still passed both "
		   "ways, "
		   "and after 7,400 idle seconds");
}
