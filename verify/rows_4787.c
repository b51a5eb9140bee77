/* SPDX-License-Identifier: BSD-2-Clause */
/* RFC 4787, UDP: mappings, ports, timers. */
#include "verify/rows.h"

#include <string.h>

/*
 * A mapping is independent of the destination also where two hosts inside use one port, which a NAT
 * that keeps ports cannot give both.
 */
void row_4787_R1(struct verify_world *w)
{
	struct verify_end a, b, again;

	BEGIN(w);
	a = row_map_udp(w, A(5000), TO_X(53));
	b = row_map_udp(w, B(5000), TO_X(53));
	NEED(w, a.port && b.port, "A or B 5000 > X:53: nothing left");
	again = row_map_udp(w, A(5000), TO_X(54));
	NEED(w, row_same(a, again), "A:5000 was %s to X:53, %s to X:54", row_said(a),
	     row_said(again));
	again = row_map_udp(w, A(5000), TO_Y(53));
	NEED(w, row_same(a, again), "A:5000 was %s to X:53, %s to Y:53", row_said(a),
	     row_said(again));
	again = row_map_udp(w, B(5000), TO_Y(53));
	NEED(w, row_same(b, again), "B:5000 was %s to X:53, %s to Y:53", row_said(b),
	     row_said(again));
	again = row_map_udp(w, B(5000), TO_Y(4000));
	NEED(w, row_same(b, again), "B:5000 was %s to X:53, %s to Y:4000", row_said(b),
	     row_said(again));
	row_met(w, "A:5000 is %s to X:53, X:54, Y:53; B:5000 is %s to X:53, Y:53, Y:4000",
		row_said(a), row_said(b));
}

static void use_pool(struct verify_world *w)
{
	w->setup.pool_count = 3;
	w->setup.pool[0] = VERIFY_NAT_OUTSIDE;
	w->setup.pool[1] = VERIFY_NAT_OUTSIDE + 1;
	w->setup.pool[2] = VERIFY_NAT_OUTSIDE + 2;
}

void row_4787_R2(struct verify_world *w)
{
	uint32_t seen = 0;

	use_pool(w);
	BEGIN(w);
	for (uint32_t n = 0; n < 24; n++) {
		struct verify_end first = row_map_udp(w, row_host(n, 5000), TO_X(53));

		NEED(w, first.port, "10.0.0.%u:5000 > X:53: nothing left", n + 2);
		for (uint16_t i = 1; i < 8; i++) {
			struct verify_end to =
				row_at(i % 2 ? VERIFY_Y : VERIFY_X, (uint16_t)(53 + i));
			struct verify_end more =
				row_map_udp(w, row_host(n, (uint16_t)(5000 + i)), to);

			NEED(w, more.addr == first.addr, "10.0.0.%u was %s, then %s", n + 2,
			     row_said(first), row_said(more));
		}
		seen |= 1u << (first.addr - VERIFY_NAT_OUTSIDE);
	}
	row_met(w, "24 hosts with 8 flows each stayed on one of 3 addresses; %d of them were used",
		__builtin_popcount(seen));
}

/* Towards different destinations, where a NAT that looks at whole tuples would share. */
void row_4787_R3(struct verify_world *w)
{
	BEGIN(w);
	for (uint32_t n = 0; n < 32; n++) {
		struct verify_end ends[32];

		ends[n] = row_map_udp(w, row_host(n, 5000),
				      row_at(VERIFY_X + n, (uint16_t)(4000 + n)));
		NEED(w, ends[n].port, "10.0.0.%u:5000: nothing left", n + 2);
		for (uint32_t i = 0; i < n; i++) {
			struct verify_end before = row_map_udp(
				w, row_host(i, 5000), row_at(VERIFY_X + i, (uint16_t)(4000 + i)));

			NEED(w, !row_same(before, ends[n]),
			     "10.0.0.%u:5000 and 10.0.0.%u:5000 share %s", i + 2, n + 2,
			     row_said(before));
		}
	}
	row_met(w, "32 hosts sent from port 5000 to 32 destinations: 32 different outside ports");
}

void row_4787_R3a(struct verify_world *w)
{
	BEGIN(w);
	for (uint32_t n = 0; n < 16; n++) {
		struct verify_end low = row_map_udp(w, row_host(n, 700), TO_X(53));
		struct verify_end high = row_map_udp(w, row_host(n, 1024), TO_X(53));

		NEED(w, low.port && low.port < 1024, "10.0.0.%u:700 became %s", n + 2,
		     row_said(low));
		NEED(w, high.port >= 1024, "10.0.0.%u:1024 became %s", n + 2, row_said(high));
	}
	row_met(w, "16 hosts: each port 700 became one below 1024, each 1024 one from 1024 on");
}

void row_4787_R4(struct verify_world *w)
{
	w->setup.nat.parity = true;
	BEGIN(w);
	for (uint32_t n = 0; n < 40; n++) {
		uint16_t port = (uint16_t)(5000 + n % 2);
		struct verify_end got = row_map_udp(w, row_host(n, port), TO_X(53));

		NEED(w, got.port && got.port % 2 == port % 2, "10.0.0.%u:%u became %s", n + 2, port,
		     row_said(got));
	}
	row_met(w,
		"parity on: 40 hosts' ports 5000 and 5001 all became even and odd ones (see S3)");
}

/* ---- timers ---- */

/* Sends outward, waits, and asks whether an answer comes in. */
static bool lives_idle(struct verify_world *w, double seconds, struct verify_end to)
{
	struct verify_end out = row_map_udp(w, A(5000), to);
	struct verify_packet back = row_udp(w, to, out);

	return out.port && row_outlives(w, VERIFY_TIMER_UDP, seconds, VERIFY_OUTSIDE, &back);
}

void row_4787_R5(struct verify_world *w)
{
	BEGIN(w);
	NEED(w, lives_idle(w, 120, TO_X(4000)),
	     "A:5000 > X:4000 once; the answer did not arrive after less than 2 idle minutes");
	row_met(w, "A:5000 > X:4000 once; the answer arrived after 120 idle seconds");
}

void row_4787_R5a(struct verify_world *w)
{
	BEGIN(w);
	NEED(w, lives_idle(w, 120, TO_X(53)) && lives_idle(w, 120, TO_X(3478)),
	     "a mapping to port 53 or 3478 was gone after less than 2 idle minutes");
	w->setup.nat.udp_short_s = 20;
	BEGIN(w);
	NEED(w, lives_idle(w, 120, TO_X(3478)),
	     "shorter timer of 20 s on: it holds for X:3478 too, which is no well-known port");
	/* Anew: a mapping lives as long as its longest flow. */
	BEGIN(w);
	NEED(w, !lives_idle(w, 25, TO_Y(53)),
	     "shorter timer of 20 s on: a mapping to Y:53 was there after 25 s");
	row_met(w,
		"off: 120 s to ports 53 and 3478; shorter timer on (20 s): to 53 it was over after "
		"25 s, to 3478 it lived 120 s");
}

void row_4787_R5b(struct verify_world *w)
{
	struct minato_nat wrong;

	w->setup.nat.udp_s = 900;
	BEGIN(w);
	NEED(w, lives_idle(w, 895, TO_X(4000)), "timer set to 900 s: gone after less than 895 s");
	if (!w->nat->real) {
		struct verify_end out = row_map_udp(w, B(5000), TO_X(4000));
		struct verify_packet back = row_udp(w, TO_X(4000), out);

		NEED(w, !row_outlives(w, VERIFY_TIMER_UDP, 930, VERIFY_OUTSIDE, &back),
		     "timer set to 900 s: still there after 930 s");
	}
	if (w->nat->host) {
		wrong = w->setup.nat;
		wrong.udp_s = 119;
		NEED(w, minato_nat_set(w->nat->host(w->nat->user), &wrong) < 0,
		     "a timer of 119 s was taken, less than REQ-5 allows");
	}
	row_met(w, "timer set to 900 s: alive after 895 s%s",
		w->nat->real ? "" : ", gone after 930 s; 119 s is refused");
}

void row_4787_R5c(struct verify_world *w)
{
	BEGIN(w);
	NEED(w, lives_idle(w, 299, TO_X(4000)),
	     "A:5000 > X:4000 once; the answer did not arrive, after less than 5 minutes");
	row_met(w, "A:5000 > X:4000 once; the answer arrived after 299 idle seconds");
}

void row_4787_R6(struct verify_world *w)
{
	struct verify_end out;
	double step;

	BEGIN(w);
	out = row_map_udp(w, A(5000), TO_X(4000));
	NEED(w, out.port, "A:5000 > X:4000: nothing left");
	step = 0.45 * row_span(w, VERIFY_TIMER_UDP, 300);
	for (int i = 0; i < 3; i++) {
		struct verify_end again;

		row_pass(w, step);
		again = row_map_udp(w, A(5000), TO_X(4000));
		NEED(w, row_same(again, out), "refreshed every %g s it was %s, then %s", step,
		     row_said(out), row_said(again));
	}
	row_pass(w, step);
	NEED(w, row_reaches(w, TO_X(4000), out, A(5000)),
	     "refreshed outward every %g s: %g s after the last one X:4000 did not reach it", step,
	     step);
	row_met(w, "refreshed outward every %g s: after %g s X:4000 > %s arrived", step, 4 * step,
		row_said(out));
}

/* Permission, so what counts is that it is one or the other, and stays so. */
void row_4787_R6a(struct verify_world *w)
{
	struct verify_end out;
	bool alive[2] = { true, true };
	int first = w->nat->real ? 1 : 0;

	for (int on = first; on < 2; on++) {
		double step;

		w->setup.nat.inbound_refresh = w->nat->real ? false : on;
		BEGIN(w);
		out = row_map_udp(w, A(5000), TO_X(4000));
		step = 0.45 * row_span(w, VERIFY_TIMER_UDP, 300);
		for (int i = 0; i < 3; i++) {
			row_pass(w, step);
			alive[on] &= row_reaches(w, TO_X(4000), out, A(5000));
		}
	}
	NEED(w, first || !alive[0], "inbound_refresh off: X alone kept it alive for 405 s");
	NEED(w, alive[1], "X's packets did not keep it alive");
	if (first)
		row_met(w, "X's packets alone kept the mapping alive");
	else
		row_met(w, "off: X's packets alone did not keep it for 405 s; on: they did");
}

/* ---- addresses and filters ---- */

/* The outside is 10.0.0.0/24 too: the server there has the address of B. */
void row_4787_R7(struct verify_world *w)
{
	struct verify_packet p = row_udp(w, A(5000), row_at(VERIFY_HOST(7), 53));
	const struct verify_packet *got;

	w->setup.equal_ranges = true;
	w->may_leak = true;
	BEGIN(w);
	got = row_through(w, VERIFY_INSIDE, &p);
	NEED(w, got, "outside is 10.0.0.0/24 too: A > 10.0.0.9:53, who is there, did not leave");
	p = row_udp(w, row_at(VERIFY_HOST(7), 53), got->src);
	got = row_through(w, VERIFY_OUTSIDE, &p);
	NEED(w, got && row_same(got->dst, A(5000)), "outside is 10.0.0.0/24 too: the answer: %s",
	     row_came(got));
	row_met(w, "outside is 10.0.0.0/24 too: A exchanged packets with 10.0.0.9 there");
}

void row_4787_R8(struct verify_world *w)
{
	struct verify_end out;

	BEGIN(w);
	out = row_map_udp(w, A(5000), TO_X(53));
	NEED(w, out.port, "A:5000 > X:53: nothing left");
	NEED(w, row_reaches(w, TO_X(53), out, A(5000)), "X:53, the one asked, did not reach A");
	NEED(w, row_reaches(w, TO_X(99), out, A(5000)) && row_reaches(w, TO_Y(77), out, A(5000)),
	     "A sent to X:53 alone: X:99 or Y:77 did not reach it (not endpoint-independent)");
	if (!w->nat->real) {
		w->setup.nat.udp_filtering = MINATO_FILTER_ADDRESS;
		BEGIN(w);
		out = row_map_udp(w, A(5000), TO_X(53));
		NEED(w,
		     row_reaches(w, TO_X(99), out, A(5000)) &&
			     !row_reaches(w, TO_Y(53), out, A(5000)),
		     "address-dependent: X:99 was kept out, or Y:53 let in");
	}
	row_met(w, "A sent to X:53: X:53, X:99, Y:77 reached it; address-dependent: X:99 did, "
		   "Y:53 not");
}

void row_4787_R8a(struct verify_world *w)
{
	/* Who is let in: X:53, to whom A sent; X:99; Y:53. */
	static const bool let_in[3][3] = {
		[MINATO_FILTER_ENDPOINT] = { true, true, true },
		[MINATO_FILTER_ADDRESS] = { true, true, false },
		[MINATO_FILTER_ADDRESS_PORT] = { true, false, false },
	};

	for (int f = 0; f < 3; f++) {
		struct verify_end out;

		w->setup.nat.udp_filtering = (enum minato_filtering)f;
		BEGIN(w);
		out = row_map_udp(w, A(5000), TO_X(53));
		NEED(w, out.port, "A:5000 > X:53: nothing left");
		NEED(w,
		     row_reaches(w, TO_X(53), out, A(5000)) == let_in[f][0] &&
			     row_reaches(w, TO_X(99), out, A(5000)) == let_in[f][1] &&
			     row_reaches(w, TO_Y(53), out, A(5000)) == let_in[f][2],
		     "filtering %d of 3: X:53, X:99 and Y:53 were not let in as it says", f + 1);
	}
	row_met(w,
		"endpoint-independent lets in X:53, X:99, Y:53; address-dependent the first two; "
		"address-and-port-dependent the first");
}

/* ---- hairpin ---- */

/* A's packet to B's outside end, as B sees it; NULL after the row was judged. */
static const struct verify_packet *hairpin(struct verify_world *w, struct verify_end *a)
{
	struct verify_end b = row_map_udp(w, B(6000), TO_X(53));
	const struct verify_packet *got;
	struct verify_packet p;

	*a = row_map_udp(w, A(5000), TO_X(53));
	p = row_udp(w, A(5000), b);
	row_put(w, VERIFY_INSIDE, &p);
	got = row_look(w, VERIFY_INSIDE);
	if (!got || !row_same(got->dst, B(6000)) || got->proto != VERIFY_UDP)
		row_deviates(w, "A:5000 > %s, which is B:6000: %s", row_said(b), row_came(got));
	else if (got->len != p.len || memcmp(got->data, p.data, p.len))
		row_deviates(w, "A:5000 > %s arrived changed", row_said(b));
	else
		return got;
	return NULL;
}

void row_4787_R9(struct verify_world *w)
{
	const struct verify_packet *got;
	struct verify_packet back;
	struct verify_end a;

	BEGIN(w);
	got = hairpin(w, &a);
	if (!got)
		return;
	back = row_udp(w, B(6000), got->src);
	row_put(w, VERIFY_INSIDE, &back);
	got = row_look(w, VERIFY_INSIDE);
	NEED(w, got && row_same(got->dst, A(5000)), "B's answer to A's outside end: %s",
	     row_came(got));
	row_met(w, "A:5000 > B's outside end arrived at B:6000, and B's answer at A:5000");
}

void row_4787_R9a(struct verify_world *w)
{
	const struct verify_packet *got;
	struct verify_end a;

	BEGIN(w);
	got = hairpin(w, &a);
	if (!got)
		return;
	NEED(w, row_same(got->src, a), "A is %s to X, but %s to B", row_said(a),
	     row_said(got->src));
	row_met(w, "B saw A:5000 as %s, as X does", row_said(a));
}
