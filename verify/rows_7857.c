/* SPDX-License-Identifier: BSD-2-Clause */
/* RFC 7857, updates; its sections are the numbers. */
#include "verify/rows.h"

#include <string.h>

#include "measure/measure.h"

#define IN VERIFY_INSIDE
#define OUT VERIFY_OUTSIDE
#define ACK VERIFY_ACK

/* ---- TCP ---- */

/* Each state has its own timer, so it can be told by when it is over. */
void row_7857_U2(struct verify_world *w)
{
	struct verify_packet p;
	struct flow f;

	BEGIN(w);
	p = row_tcp(w, A(5000), TO_X(80), ACK);
	NEED(w, !row_through(w, IN, &p), "an ACK without a connection made a mapping: it left");
	p = row_tcp(w, A(5000), TO_X(80), VERIFY_RST);
	NEED(w, !row_through(w, IN, &p), "a RST without a connection made a mapping: it left");
	f = (struct flow){ A(5001), { 0, 0 }, TO_X(80), 1, 2 };
	NEED(w, row_segment(w, &f, IN, VERIFY_SYN, 0), "A's SYN did not leave");
	p = row_segment_of(w, &f, OUT, VERIFY_SYN | ACK, 0);
	NEED(w, !row_outlives(w, VERIFY_TIMER_TCP_OPENING, 250, OUT, &p),
	     "after a SYN alone it was still there after 250 s");
	NEED(w, row_connect_out(w, &f, A(5002), TO_X(80)), "a handshake did not pass");
	p = row_segment_of(w, &f, OUT, ACK | VERIFY_PSH, 9);
	NEED(w, row_outlives(w, VERIFY_TIMER_TCP_OPEN, 7430, OUT, &p),
	     "established: not there after 7,430 s");
	NEED(w, row_connect_out(w, &f, A(5003), TO_X(80)) && row_close_flow(w, &f),
	     "a connection and its end did not pass");
	p = row_segment_of(w, &f, OUT, ACK, 0);
	NEED(w, !row_outlives(w, VERIFY_TIMER_TCP_CLOSING, 250, OUT, &p),
	     "after both FINs it was still there after 250 s");
	row_met(w, "ACK or RST alone make nothing; over 250 s after a SYN alone or both FINs, not "
		   "after "
		   "7,430 s established");
}

void row_7857_U2_1(struct verify_world *w)
{
	struct verify_packet p;
	struct flow f;

	BEGIN(w);
	for (int closing = 0; closing < 2; closing++) {
		f = (struct flow){ .inside = A((uint16_t)(5000 + closing)),
				   .server = TO_X(80),
				   .inside_seq = 1,
				   .server_seq = 2 };
		NEED(w,
		     closing ? row_connect_out(w, &f, f.inside, f.server) &&
				       row_segment(w, &f, IN, VERIFY_FIN | ACK, 0) :
			       row_segment(w, &f, IN, VERIFY_SYN, 0),
		     "a SYN, or a handshake and FIN, did not pass");
		p = row_segment_of(w, &f, OUT, closing ? ACK : VERIFY_SYN | ACK, 0);
		NEED(w,
		     row_outlives(w, closing ? VERIFY_TIMER_TCP_CLOSING : VERIFY_TIMER_TCP_OPENING,
				  238, OUT, &p),
		     "by default %s is over in less than 4 minutes",
		     closing ? "closing" : "opening");
	}
	w->setup.nat.tcp_opening_s = 400;
	w->setup.nat.tcp_closing_s = 700;
	BEGIN(w);
	f = (struct flow){ A(5000), { 0, 0 }, TO_X(80), 1, 2 };
	NEED(w, row_segment(w, &f, IN, VERIFY_SYN, 0), "A's SYN did not leave");
	p = row_segment_of(w, &f, OUT, VERIFY_SYN | ACK, 0);
	NEED(w, !row_outlives(w, VERIFY_TIMER_TCP_OPENING, 410, OUT, &p),
	     "opening set to 400 s: there after 410 s");
	NEED(w,
	     row_connect_out(w, &f, A(5001), TO_X(80)) &&
		     row_segment(w, &f, IN, VERIFY_FIN | ACK, 0),
	     "a handshake and FIN did not pass");
	p = row_segment_of(w, &f, OUT, ACK | VERIFY_PSH, 9);
	NEED(w, row_outlives(w, VERIFY_TIMER_TCP_CLOSING, 690, OUT, &p),
	     "closing set to 700 s: not there after 690 s");
	row_met(w, "by default opening and closing live 238 s; set to 400 s and 700 s, opening was "
		   "over "
		   "after 410 s, closing alive after 690 s");
}

void row_7857_U2_2(struct verify_world *w)
{
	const struct verify_packet *got;
	struct verify_packet p;
	struct flow f;

	BEGIN(w);
	NEED(w, row_connect_out(w, &f, A(5000), TO_X(80)), "a handshake did not pass");
	NEED(w, row_segment(w, &f, OUT, VERIFY_RST, 0), "X's RST did not reach A");
	p = row_segment_of(w, &f, OUT, ACK | VERIFY_PSH, 9);
	NEED(w, row_outlives(w, VERIFY_TIMER_TCP_RESET, 235, OUT, &p),
	     "after X's RST X's next segment did not arrive, in less than 4 minutes");
	NEED(w,
	     row_connect_out(w, &f, A(5001), TO_X(80)) &&
		     row_segment(w, &f, IN, VERIFY_RST | ACK, 0),
	     "A's RST did not reach X");
	row_pass(w, w->nat->real ? 1 : 250);
	p = row_segment_of(w, &f, OUT, ACK | VERIFY_PSH, 9);
	got = w->nat->real ? NULL : row_through(w, OUT, &p);
	NEED(w, !got, "250 s after A's RST X's segment still arrived: %s", row_came(got));
	row_met(w, "RSTs passed both ways; X's segment arrived 235 s after one, not 250 s after "
		   "another");
}

/* ---- sharing and pools ---- */

void row_7857_U3(struct verify_world *w)
{
	struct verify_end a, b;

	row_narrow(w, 1);
	w->setup.nat.overflow = true;
	BEGIN(w);
	a = row_map_udp(w, A(5000), TO_X(53));
	b = row_map_udp(w, B(5000), TO_Y(53));
	NEED(w, a.port && row_same(a, b), "one port, overlap allowed: A is %s to X, B is %s to Y",
	     row_said(a), row_said(b));
	NEED(w, row_reaches(w, TO_X(53), a, A(5000)) && row_reaches(w, TO_Y(53), b, B(5000)),
	     "one port for A towards X and B towards Y: an answer went astray");
	NEED(w, !row_map_udp(w, B(5001), TO_X(53)).port, "towards X it was given a second time");
	row_met(w,
		"one port: %s is A's towards X and B's towards Y, and each answer reached its "
		"own (see "
		"S1)",
		row_said(a));
}

static void two_addresses(struct verify_world *w)
{
	row_narrow(w, 4);
	w->setup.pool_count = 2;
	w->setup.pool[0] = VERIFY_NAT_OUTSIDE;
	w->setup.pool[1] = VERIFY_NAT_OUTSIDE + 1;
}

void row_7857_U4(struct verify_world *w)
{
	uint32_t left[2] = { 0, 0 }, addresses = 0;

	for (uint32_t on = 0; on < 2; on++) {
		two_addresses(w);
		w->setup.nat.other_address = on;
		BEGIN(w);
		addresses = 0;
		for (uint16_t i = 0; i < 8; i++) {
			struct verify_end out = row_map_udp(w, A((uint16_t)(5000 + i)), TO_X(53));

			left[on] += out.port != 0;
			if (out.port)
				addresses |= 1u << (out.addr - VERIFY_NAT_OUTSIDE);
		}
	}
	NEED(w, left[0] == 4, "2 addresses of 4 ports: by default A got %u of 8 mappings", left[0]);
	NEED(w, left[1] == 8 && addresses == 3,
	     "2 addresses of 4 ports, another one allowed: A got %u of 8 mappings", left[1]);
	row_met(w, "2 addresses of 4 ports: A got 4 of 8 mappings, on its paired address; with "
		   "another "
		   "one allowed, 8");
}

/* ---- protocols apart ---- */

void row_7857_U5(struct verify_world *w)
{
	struct verify_end u, t;

	BEGIN(w);
	u = row_map_udp(w, A(5000), TO_X(53));
	NEED(w, u.port, "A:5000 > X:53: nothing left");
	NEED(w, !row_syn_reaches(w, TO_X(53), u, A(5000)), "A's UDP mapping let a SYN in");
	t = row_map_tcp(w, B(5000), TO_X(80));
	NEED(w, t.port && !row_reaches(w, TO_X(80), t, B(5000)),
	     "B's TCP mapping let a datagram in");
	row_met(w, "a SYN to A's UDP mapping %s and a datagram to B's TCP mapping did not come in",
		row_said(u));
}

void row_7857_U6(struct verify_world *w)
{
	struct verify_end u, t;

	w->setup.nat.udp_filtering = w->setup.nat.tcp_filtering = MINATO_FILTER_ADDRESS_PORT;
	BEGIN(w);
	u = row_map_udp(w, A(5000), TO_X(99));
	t = row_map_tcp(w, A(5000), TO_Y(99));
	NEED(w, u.port && t.port, "A's datagram or SYN did not leave");
	NEED(w, !row_syn_reaches(w, TO_X(99), t, A(5000)),
	     "A sent a datagram to X:99, and a SYN of X:99 came in for it");
	NEED(w, !row_reaches(w, TO_Y(99), u, A(5000)),
	     "A sent a SYN to Y:99, and a datagram of Y:99 came in for it");
	NEED(w, row_reaches(w, TO_X(99), u, A(5000)), "X:99's datagram did not come in");
	row_met(w, "A's datagram to X:99 opened nothing for SYNs, its SYN to Y:99 nothing for "
		   "datagrams");
}

/* ---- refresh ---- */

void row_7857_U7(struct verify_world *w)
{
	struct verify_end out;
	double limit, step;

	w->setup.nat.udp_filtering = MINATO_FILTER_ADDRESS_PORT;
	w->setup.nat.inbound_refresh = !w->nat->real;
	BEGIN(w);
	out = row_map_udp(w, A(5000), TO_X(53));
	NEED(w, out.port, "A:5000 > X:53: nothing left");
	limit = row_span(w, VERIFY_TIMER_UDP, 300);
	step = limit / 4;
	for (int i = 0; i < 4; i++) {
		NEED(w, !row_reaches(w, TO_Y(53), out, A(5000)), "Y:53 was let in");
		row_pass(w, step);
	}
	NEED(w, !row_reaches(w, TO_Y(53), out, A(5000)), "Y:53 was let in");
	row_pass(w, 2);
	NEED(w, !row_reaches(w, TO_X(53), out, A(5000)),
	     "Y's packets, rejected every %g s, kept the mapping beyond its %g s", step, limit);
	row_met(w, "Y's packets, rejected every %g s, did not keep the mapping beyond its %g s",
		step, limit);
}

void row_7857_U7_1(struct verify_world *w)
{
	struct verify_packet p, error;
	const struct verify_packet *got;
	struct verify_end out;
	double limit;
	struct flow f;

	BEGIN(w);
	out = row_map_udp(w, A(5000), TO_X(53));
	p = row_udp(w, TO_X(53), out);
	got = row_through(w, OUT, &p);
	NEED(w, got, "X's answer did not arrive");
	verify_error_about(&error, VERIFY_HOST(0), 3, 3, got);
	limit = row_span(w, VERIFY_TIMER_UDP, 300);
	if (limit > 120 && w->nat->real)
		limit = 120;
	row_pass(w, limit * 0.8);
	NEED(w, row_through(w, IN, &error), "A's port unreachable did not leave");
	row_pass(w, limit * 0.2 + 2);
	NEED(w, !row_through(w, OUT, &p),
	     "A's ICMP error after %g s kept the mapping beyond its %g s", limit * 0.8, limit);
	NEED(w,
	     row_connect_out(w, &f, A(5001), TO_X(80)) &&
		     row_segment(w, &f, IN, VERIFY_RST | ACK, 0),
	     "a connection and A's RST did not pass");
	limit = row_span(w, VERIFY_TIMER_TCP_RESET, 240);
	row_pass(w, limit * 0.8);
	(void)row_segment(w, &f, IN, VERIFY_RST | ACK, 0);
	row_pass(w, limit * 0.2 + 2);
	p = row_segment_of(w, &f, OUT, ACK | VERIFY_PSH, 9);
	NEED(w, !row_through(w, OUT, &p), "A's second RST kept its state beyond %g s", limit);
	row_met(w,
		"A's ICMP error did not keep the UDP mapping, nor A's second RST its connection, "
		"beyond their timers");
}

/* ---- ports and identifications ---- */

void row_7857_U8(struct verify_world *w)
{
	uint32_t kept[2] = { 0, 0 };

	for (uint32_t on = 0; on < 2; on++) {
		w->setup.nat.parity = on;
		BEGIN(w);
		for (uint32_t n = 0; n < 40; n++)
			kept[on] += row_map_udp(w, row_host(n, 5001), TO_X(53)).port % 2;
	}
	NEED(w, kept[1] == 40, "parity requested: %u of 40 odd ports stayed odd", kept[1]);
	NEED(w, kept[0] < 40, "parity not requested, and still all 40 odd ports stayed odd");
	row_met(w, "of 40 odd ports %u stayed odd; with parity requested, all", kept[0]);
}

/* Many hosts with one port, so that it cannot be kept. */
void row_7857_U9(struct verify_world *w)
{
	enum { HOSTS = 240, BUCKETS = 8 };
	uint32_t bucket[BUCKETS] = { 0 }, steps = 0, changed = 0;
	uint16_t before = 0;
	double chi = 0;

	BEGIN(w);
	for (uint32_t n = 0; n < HOSTS; n++) {
		struct verify_end out = row_map_udp(w, row_host(n, 5000), TO_X(53));
		int step = (int)out.port - (int)before;

		NEED(w, out.port, "10.0.0.%u:5000: nothing left", n + 2);
		steps += n && step > -4 && step < 4;
		changed += out.port != 5000;
		bucket[out.port / (65536 / BUCKETS)]++;
		before = out.port;
	}
	for (int i = 0; i < BUCKETS; i++) {
		double mean = HOSTS * (i ? 8192 : 8192 - 1024) / 64512.0;

		chi += (bucket[i] - mean) * (bucket[i] - mean) / mean;
	}
	NEED(w, steps < 6, "%u of %d changed ports lie within 3 of the one before", steps, HOSTS);
	NEED(w, measure_chi_square_tail(chi, BUCKETS - 1) > 1e-6,
	     "%u changed ports are not even over the range (chi-square %.0f)", changed, chi);
	row_met(w,
		"%u hosts with port 5000: changed ports are even over 1024-65535 (chi-square "
		"%.1f, 7 "
		"degrees), %u next to the one before",
		HOSTS, chi, steps);
}

void row_7857_U10(struct verify_world *w)
{
	struct verify_packet p;
	const struct verify_packet *got;
	uint32_t twice = 0;
	uint8_t seen[8192] = { 0 };

	BEGIN(w);
	for (uint32_t n = 0; n < 100; n++) {
		p = row_udp(w, row_host(n, 5000), TO_X(53));
		p.id = 0x1234;
		got = row_through(w, IN, &p);
		NEED(w, got, "10.0.0.%u:5000: nothing left", n + 2);
		twice += seen[got->id / 8] >> got->id % 8 & 1;
		seen[got->id / 8] |= (uint8_t)(1u << got->id % 8);
	}
	NEED(w, twice == 0,
	     "100 hosts' datagrams with identification 0x1234 to X, which may be "
	     "fragmented: %u left with one that another had",
	     twice);
	row_met(w, "100 hosts' datagrams with identification 0x1234 left with 100 different ones");
}

void row_7857_U11(struct verify_world *w)
{
	struct verify_packet p;
	struct verify_end out;
	double limit;

	BEGIN(w);
	out = row_map_icmp(w, A(77), VERIFY_X);
	limit = row_span(w, VERIFY_TIMER_ICMP, 60);
	row_pass(w, limit + 2);
	p = row_echo_reply(w, VERIFY_X, out);
	NEED(w, !row_through(w, OUT, &p), "the query mapping was there after its last session");
	out = row_map_icmp(w, A(77), VERIFY_X);
	p = row_echo_reply(w, VERIFY_X, out);
	NEED(w, out.port && row_through(w, OUT, &p), "a new query of A's 77 did not work");
	row_met(w, "the query mapping went with its session after %g s; a new query made a new one",
		limit);
}

/* A has sent nothing to the outside: its mapping is the hairpin's alone. */
void row_7857_U12(struct verify_world *w)
{
	struct verify_packet p, error, quoted;
	const struct verify_packet *got;
	struct verify_end b;

	BEGIN(w);
	b = row_map_udp(w, B(6000), TO_X(53));
	for (int i = 0; i < 3; i++) {
		p = row_udp(w, A(5000), b);
		row_put(w, IN, &p);
		got = row_look(w, IN);
		NEED(w, got && row_same(got->dst, B(6000)), "A > B's outside end: %s",
		     row_came(got));
		p = *got;
		row_pass(w, w->nat->real ? 5 : 250);
		verify_error_about(&error, VERIFY_HOST(1), 3, 3, &p);
		row_put(w, IN, &error);
		got = row_look(w, IN);
		NEED(w,
		     got && got->dst.addr == VERIFY_HOST(0) && !verify_read_quoted(got, &quoted) &&
			     row_same(quoted.src, A(5000)) && row_same(quoted.dst, b),
		     "B's port unreachable about A's hairpinned datagram: %s", row_came(got));
		b = row_map_udp(w, B(6000), TO_X(53));
	}
	row_met(w, "A spoke to B alone, by hairpin: B's errors, each 250 s later, reached A, "
		   "quoting what "
		   "A sent");
}
