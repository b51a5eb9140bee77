/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a gateway follows of a TCP connection (RFC 7857 2, after RFC 6146
 * 3.5.2.2). It judges no number: whatever the ends agree on passes.
 *
 *   OPENING   a SYN, of one side             tcp_opening_s
 *   OPEN      a SYN of each                  tcp_established_s
 *   CLOSING   a FIN of one                   tcp_established_s
 *             a FIN of each                  tcp_closing_s from the second on
 *   RESET     a RST                          tcp_reset_s, no longer than before
 *
 * RESET -> OPEN when anything but a RST comes: the RST was nobody's. A SYN in
 * RESET, or behind both FINs, begins anew: the port is used again.
 */
#include "nat/nat.h"

#define FINS (NAT_TCP_FIN_A | NAT_TCP_FIN_B)
#define SYNS (NAT_TCP_SYN_A | NAT_TCP_SYN_B)

static void set_state(struct nat_session *s, enum minato_nat_state state)
{
	s->tcp = (uint8_t)((s->tcp & ~NAT_TCP_STATE) | state);
}

/* Begins the time of RESET, but ends no later than it would have (RFC 7857
   2.2; its REQ-7.1: a RST refreshes nothing). */
static bool reset(struct nat *n, struct nat_session *s)
{
	const uint32_t before = session_timeout(n, s);
	const uint32_t idle = n->now_ms - s->last;
	const uint32_t left = before - (idle < before ? idle : before);

	if ((s->tcp & NAT_TCP_STATE) == MINATO_NAT_RESET)
		return false;
	set_state(s, MINATO_NAT_RESET);
	s->last = n->now_ms;
	if (left < session_timeout(n, s))
		s->last -= session_timeout(n, s) - left;
	return true;
}

static bool begin(struct nat *n, struct nat_session *s, uint32_t side)
{
	s->tcp = (uint8_t)(side == 0 ? NAT_TCP_SYN_A : NAT_TCP_SYN_B);
	if (s->flags & NAT_HAS_NUMBER)
		*session_expects(s) = 0; /* nor is it a look */
	s->flags &= (uint16_t)~NAT_HAS_NUMBER;
	set_state(s, MINATO_NAT_OPENING);
	s->last = n->now_ms;
	return true;
}

static bool syn(struct nat *n, struct nat_session *s, uint32_t side)
{
	s->tcp |= side == 0 ? NAT_TCP_SYN_A : NAT_TCP_SYN_B;
	if ((s->tcp & NAT_TCP_STATE) == MINATO_NAT_OPENING &&
	    (s->tcp & SYNS) == SYNS) {
		set_state(s, MINATO_NAT_OPEN);
		s->last = n->now_ms;
	}
	return false;
}

static bool fin(struct nat *n, struct nat_session *s, uint32_t side)
{
	const bool both = (s->tcp & FINS) == FINS;

	s->tcp |= side == 0 ? NAT_TCP_FIN_A : NAT_TCP_FIN_B;
	set_state(s, MINATO_NAT_CLOSING);
	if (both || (s->tcp & FINS) != FINS)
		return false;
	s->last = n->now_ms;
	return true;
}

bool tcpstate_over(const struct nat_session *s)
{
	return s->proto == MINATO_TCP &&
	       ((s->tcp & NAT_TCP_STATE) == MINATO_NAT_RESET ||
		(s->tcp & FINS) == FINS);
}

bool tcpstate_segment(struct nat *n, struct nat_session *s, uint32_t side,
		      uint8_t flags)
{
	const bool over = tcpstate_over(s);

	if (side == 0 && (flags & (NAT_SYN | NAT_RST | NAT_ACK)) == NAT_ACK &&
	    !(s->flags & NAT_HAS_NUMBER))
		s->tcp |= NAT_TCP_ACK_A;
	if (flags & NAT_RST)
		return reset(n, s);
	if (over && (flags & (NAT_SYN | NAT_ACK)) == NAT_SYN)
		return begin(n, s, side);
	if ((s->tcp & NAT_TCP_STATE) == MINATO_NAT_RESET) {
		set_state(s, (s->tcp & FINS) != 0 ? MINATO_NAT_CLOSING :
						    MINATO_NAT_OPEN);
		s->last = n->now_ms;
	}
	if (flags & NAT_SYN)
		return syn(n, s, side);
	return (flags & NAT_FIN) != 0 && fin(n, s, side);
}
