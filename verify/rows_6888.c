/* SPDX-License-Identifier: BSD-2-Clause */
/* RFC 6888, carrier-grade NAT: pools, bounds, exceptions, rest. */
#include "verify/rows.h"

#include <stdlib.h>
#include <string.h>

#define IN VERIFY_INSIDE
#define OUT VERIFY_OUTSIDE

/* Few ports, none shared. */
void row_narrow(struct verify_world *w, uint16_t ports)
{
	w->setup.low = 20000;
	w->setup.high = (uint16_t)(20000 + ports - 1);
	w->setup.nat.overflow = false;
}

/*
 * What a NAT forwards it must treat as the protocol's list says; so one that does not forward DCCP
 * has nothing to obey there. SCTP and UDP-Lite have no list (RFC 6888 3, REQ-1 names four).
 */
void row_6888_R1(struct verify_world *w)
{
	struct verify_packet p;
	const struct verify_packet *got;
	struct verify_end out;

	BEGIN(w);
	p = row_udp(w, A(5000), TO_X(53));
	p.proto = VERIFY_DCCP;
	row_fill(&p, 24, 1);
	got = row_through(w, IN, &p);
	NEED(w, !got, "DCCP is forwarded, without obeying its list: %s", row_came(got));
	p = row_udp(w, TO_X(53), row_at(VERIFY_NAT_OUTSIDE, 5000));
	p.proto = VERIFY_DCCP;
	got = row_through(w, OUT, &p);
	NEED(w, !got, "DCCP came in: %s", row_came(got));
	out = row_map_udp(w, A(5000), TO_X(53));
	NEED(w, row_reaches(w, TO_Y(99), out, A(5000)), "UDP: not endpoint-independent");
	out = row_map_tcp(w, A(5000), TO_X(80));
	NEED(w, row_syn_reaches(w, TO_Y(99), out, A(5000)), "TCP: not endpoint-independent");
	NEED(w, row_map_icmp(w, A(7), VERIFY_X).port == row_map_icmp(w, A(7), VERIFY_Y).port,
	     "ICMP: another identifier for each destination");
	row_met(w, "UDP, TCP and ICMP: the rows above; DCCP (optional) is not forwarded either "
		   "way, so its list asks nothing");
}

static void use_pool(struct verify_world *w)
{
	w->setup.pool_count = 4;
	w->setup.pool[0] = VERIFY_NAT_OUTSIDE;
	w->setup.pool[1] = VERIFY_NAT_OUTSIDE + 76;
	w->setup.pool[2] = 0xcb0071c8; /* 203.0.113.200 */
	w->setup.pool[3] = 0xc0000205; /* 192.0.2.5 */
}

void row_6888_R2(struct verify_world *w)
{
	use_pool(w);
	BEGIN(w);
	for (uint32_t n = 0; n < 32; n++) {
		struct verify_end u = row_map_udp(w, row_host(n, 5000), TO_X(53));
		struct verify_end t = row_map_tcp(w, row_host(n, 5001), TO_Y(80));
		struct verify_end i = row_map_icmp(w, row_host(n, 77), VERIFY_X);

		NEED(w, u.port && t.port && i.port, "10.0.0.%u: UDP, TCP or ICMP did not leave",
		     n + 2);
		NEED(w, u.addr == t.addr && u.addr == i.addr,
		     "10.0.0.%u: UDP from %s, TCP from %s, ICMP from %s", n + 2, row_said(u),
		     row_said(t), row_said(i));
	}
	row_met(w, "pool of 4: each of 32 hosts had one address for UDP, TCP and ICMP");
}

void row_6888_R3(struct verify_world *w)
{
	uint32_t used[4] = { 0 };

	use_pool(w);
	BEGIN(w);
	for (uint32_t n = 0; n < 64; n++) {
		struct verify_end out = row_map_udp(w, row_host(n, 5000), TO_X(53));
		uint32_t i = 0;

		while (i < 4 && w->setup.pool[i] != out.addr)
			i++;
		NEED(w, i < 4, "10.0.0.%u left from %s, which is not in the pool", n + 2,
		     row_said(out));
		used[i]++;
		NEED(w, row_reaches(w, TO_X(53), out, row_host(n, 5000)),
		     "%s: the answer did not arrive", row_said(out));
	}
	NEED(w, used[0] && used[1] && used[2] && used[3],
	     "of 4 addresses some served nobody: %u, %u, %u, %u hosts", used[0], used[1], used[2],
	     used[3]);
	row_met(w,
		"198.51.100.1, 198.51.100.77, 203.0.113.200, 192.0.2.5: serve %u, %u, %u and %u "
		"of 64 "
		"hosts, both ways",
		used[0], used[1], used[2], used[3]);
}

/* ---- bounds ---- */

/* How many of `count` flows from successive ports of a host left. */
static uint32_t flows_of(struct verify_world *w, uint32_t n, uint8_t proto, uint32_t count)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct verify_end inside = row_host(n, (uint16_t)(5000 + i));
		struct verify_end out = proto == VERIFY_UDP ? row_map_udp(w, inside, TO_X(53)) :
					proto == VERIFY_TCP ? row_map_tcp(w, inside, TO_X(80)) :
							      row_map_icmp(w, inside, VERIFY_X);

		left += out.port != 0;
	}
	return left;
}

void row_6888_R4(struct verify_world *w)
{
	uint32_t mine, others;

	w->setup.nat.host_udp = 10;
	BEGIN(w);
	mine = flows_of(w, 0, VERIFY_UDP, 20);
	others = flows_of(w, 1, VERIFY_UDP, 10);
	NEED(w, mine == 10, "bound of 10 ports: A got %u of 20", mine);
	NEED(w, others == 10, "after A reached its bound, B got %u of 10", others);
	NEED(w, row_map_udp(w, A(5000), TO_Y(99)).port,
	     "A's first mapping cannot be used to another destination");
	row_met(w, "bound of 10 ports: A got 10 of 20 mappings, and kept them; B got its 10");
}

void row_6888_R4abc(struct verify_world *w)
{
	uint32_t u, t, i, later;

	w->setup.nat.host_udp = 7;
	w->setup.nat.host_tcp = 5;
	w->setup.nat.host_icmp = 3;
	BEGIN(w);
	u = flows_of(w, 0, VERIFY_UDP, 12);
	t = flows_of(w, 0, VERIFY_TCP, 12);
	i = flows_of(w, 0, VERIFY_ICMP, 12);
	NEED(w, u == 7 && t == 5 && i == 3,
	     "bounds of 7, 5 and 3 for UDP, TCP, ICMP: A got %u, %u, %u of 12", u, t, i);
	w->setup.nat.host_udp = w->setup.nat.host_tcp = w->setup.nat.host_icmp = 0;
	w->setup.nat.host_rate = 10;
	w->setup.nat.host_burst = 10;
	BEGIN(w);
	u = flows_of(w, 0, VERIFY_UDP, 30);
	t = flows_of(w, 1, VERIFY_UDP, 10);
	row_pass(w, 1.05);
	later = 0;
	for (uint16_t k = 0; k < 30; k++)
		later += row_map_udp(w, A((uint16_t)(7000 + k)), TO_X(53)).port != 0;
	NEED(w, u >= 10 && u <= (w->nat->real ? 20 : 12) && t == 10,
	     "10 new mappings per second: A got %u of 30 at once, B %u of 10", u, t);
	NEED(w, later >= 9 && later <= (w->nat->real ? 20 : 12),
	     "a second later A got %u of 30 more", later);
	row_met(w,
		"UDP, TCP, ICMP bounds of 7, 5, 3 held, each its own; at 10 a second A got %u of "
		"30 "
		"at once, %u a second later",
		u, later);
}

void row_6888_R5(struct verify_world *w)
{
	uint32_t left = 0;

	w->setup.nat.host_sessions = 20;
	BEGIN(w);
	for (uint16_t i = 0; i < 100; i++)
		left += row_map_udp(w, A(5000), row_at(VERIFY_X, (uint16_t)(1000 + i))).port != 0;
	NEED(w, left == 20, "bound of 20 sessions: one mapping of A got %u to 100 destinations",
	     left);
	NEED(w, row_map_udp(w, B(5000), TO_X(53)).port, "B, who has none yet, was refused as well");
	NEED(w, row_map_udp(w, A(5000), TO_X(1000)).port, "A's first flow does not work any more");
	w->setup.nat.host_sessions = 0;
	w->setup.sessions_max = 64;
	BEGIN(w);
	left = 0;
	for (uint16_t i = 0; i < 200; i++)
		left += row_map_udp(w, A(5000), row_at(VERIFY_X, (uint16_t)(1000 + i))).port != 0;
	NEED(w, left <= 64, "memory for 64 sessions: %u were made", left);
	NEED(w, row_map_udp(w, A(5000), TO_X(1000)).port, "full: the first session works no more");
	row_met(w,
		"20 sessions for each host: A's mapping got 20 to 100 destinations; memory for "
		"64: %u "
		"of 200, the old ones kept (growth: 6888-R4abc)",
		left);
}

void row_6888_R6(struct verify_world *w)
{
	struct verify_packet p = row_udp(w, A(5000), row_at(0xc0000250, 53)); /* 192.0.2.80 */
	const struct verify_packet *got;
	struct verify_end out;

	w->setup.untranslated = 0xc0000250;
	w->may_leak = true;
	BEGIN(w);
	got = row_through(w, IN, &p);
	NEED(w, got && row_same(got->src, A(5000)) && row_same(got->dst, p.dst),
	     "A > 192.0.2.80, not to be translated: %s", row_came(got));
	p = row_udp(w, row_at(0xc0000250, 53), A(5000));
	got = row_through(w, OUT, &p);
	NEED(w, got && row_same(got->dst, A(5000)), "192.0.2.80's answer to A: %s", row_came(got));
	w->may_leak = false;
	out = row_map_udp(w, A(5000), TO_X(53));
	NEED(w, out.addr == VERIFY_NAT_OUTSIDE, "A > X:53 left from %s", row_said(out));
	row_met(w,
		"A:5000 > 192.0.2.80 left as it was, the answer arrived; A:5000 > X:53 left as %s",
		row_said(out));
}

void row_6888_R7(struct verify_world *w)
{
	struct verify_end u, t;

	BEGIN(w);
	u = row_map_udp(w, A(5000), TO_X(53));
	t = row_map_tcp(w, A(5000), TO_X(80));
	NEED(w, u.port && row_reaches(w, row_at(VERIFY_ROUTER, 9), u, A(5000)),
	     "by default a datagram of somebody new does not reach A's mapping");
	NEED(w, t.port && row_syn_reaches(w, row_at(VERIFY_ROUTER, 9), t, A(5000)),
	     "by default a SYN of somebody new does not reach A's mapping");
	row_met(w, "by default somebody new reached A's UDP and TCP mappings");
}

/* ---- rest ---- */

/* Four mappings of A, over by their timer; then four of B with as many ports free: how many of B's
   are ports that A had? */
static uint32_t reused(struct verify_world *w, double after)
{
	struct verify_end had[4];
	uint32_t count = 0;

	for (uint16_t i = 0; i < 4; i++)
		had[i] = row_map_udp(w, A((uint16_t)(5000 + i)), TO_X(53));
	row_pass(w, row_span(w, VERIFY_TIMER_UDP, 300) + (w->nat->real ? 2 : after));
	for (uint16_t i = 0; i < 4; i++) {
		struct verify_end got = row_map_udp(w, B((uint16_t)(6000 + i)), TO_X(53));

		for (int k = 0; k < 4; k++)
			count += row_same(got, had[k]);
	}
	return count;
}

void row_6888_R8(struct verify_world *w)
{
	uint32_t early = 0, late = 0;

	for (int i = 0; i < 8; i++) {
		row_narrow(w, 8);
		BEGIN(w);
		early += reused(w, 100);
		if (w->nat->real)
			break;
		BEGIN(w);
		late += reused(w, 125);
	}
	NEED(w, early == 0,
	     "8 ports, 4 of them freed less than 120 s ago: %u of %u new mappings got one of those",
	     early, w->nat->real ? 4 : 32);
	NEED(w, late > 0 || w->nat->real,
	     "8 ports, 4 of them freed 125 s ago: none of 32 new mappings got one of "
	     "those");
	row_met(w,
		"8 ports, 4 freed: within 100 s none of 32 new mappings got one of them, after "
		"125 s "
		"%u did",
		late);
}

void row_6888_R8abc(struct verify_world *w)
{
	struct verify_end again;
	struct flow f;

	row_narrow(w, 1);
	BEGIN(w);
	NEED(w, row_connect_out(w, &f, A(5000), TO_X(80)) && row_close_flow(w, &f),
	     "a connection and its end did not pass");
	if (w->nat->real) {
		row_met(w, "a freed port comes again without any rest, and so after "
			   "nf_conntrack_tcp_timeout_time_wait (read, not waited for)");
		return;
	}
	row_pass(w, 245);
	again = row_map_tcp(w, B(5000), TO_X(80));
	NEED(w, again.port, "one port, its connection seen closed, 245 s later: B got none");
	row_met(w,
		"one port: A's connection was seen closed; 245 s later (its closing timer, no "
		"rest of "
		"120 s) B got %s",
		row_said(again));
}

void row_6888_R8end(struct verify_world *w)
{
	uint32_t early = 0, none = 0;

	for (int i = 0; i < 8; i++) {
		row_narrow(w, 8);
		w->setup.nat.rest_s = 40;
		BEGIN(w);
		early += reused(w, 50);
		w->setup.nat.rest_s = 0;
		BEGIN(w);
		none += reused(w, 5);
	}
	NEED(w, early > 0, "rest of 40 s: 50 s later none of 32 new mappings got a freed port");
	NEED(w, none > 0, "rest of 0 s: 5 s later none of 32 new mappings got a freed port");
	w->setup.nat.rest_s = 120;
	w->setup.nat.rests_max = 1;
	early = 0;
	for (int i = 0; i < 8; i++) {
		BEGIN(w);
		early += reused(w, 50);
	}
	NEED(w, early > 0,
	     "one port may rest: 50 s later none of 32 mappings got one of the other "
	     "3");
	row_met(w, "rest of 40 s: freed ports came again after 50 s; of 0 s: after 5 s; one may "
		   "rest: the "
		   "others came again after 50 s");
}
