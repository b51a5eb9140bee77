/* SPDX-License-Identifier: BSD-2-Clause */
/* The way of a packet whose session is known, and of ICMP errors about one. */
#include "nat/nat.h"

#include <string.h>

/* --- known flows --------------------------------------------------------- */

void nat_way_of(const struct nat *n, uint32_t session, uint32_t side,
		struct nat_way *out)
{
	const struct nat_session *s = session_at(n, session);

	session_end_of(s, side == 0 ? NAT_C : NAT_B, &out->src);
	session_end_of(s, side == 0 ? NAT_D : NAT_A, &out->dst);
	out->scope = side == 0 ? s->scopes & 15 : s->scopes >> 4;
	out->between = nat_is_between(s->flags);
	out->same = (s->flags & NAT_IS_SIX) != 0 || out->between;
	out->hairpin = (s->flags & NAT_IS_HAIRPIN) != 0;
	out->icmp_code = 0;
	out->side = (uint8_t)side;
	out->offer = false;
	out->session = session;
}

/* The bytes of a server that a caller may have had before it says its first. */
#define GREETING_MAX 65536u

/* The server's number, until the caller has named it. */
static void number(struct nat_session *s, uint32_t side,
		   const struct nat_packet *p)
{
	uint32_t *expects = session_expects(s);

	if (expects == NULL || (s->tcp & NAT_TCP_ACK_A))
		return;
	if (side == 1 && (p->tcp_flags & NAT_SYN)) {
		*expects = p->seq + 1;
		s->flags |= NAT_HAS_NUMBER;
	} else if (side == 0 && (s->flags & NAT_HAS_NUMBER) &&
		   (p->tcp_flags & (NAT_SYN | NAT_RST | NAT_ACK)) == NAT_ACK &&
		   p->ack == *expects) {
		s->tcp |= NAT_TCP_ACK_A;
	}
}

/* Whether it is the caller who says so: it has named the server's number, and
   this is of that connection too. Anybody can have written another's address
   over what else comes. */
static bool is_callers(struct nat_session *s, const struct nat_packet *p)
{
	return (s->flags & NAT_HAS_NUMBER) && (s->tcp & NAT_TCP_ACK_A) &&
	       (p->tcp_flags & NAT_ACK) &&
	       p->ack - *session_expects(s) < GREETING_MAX;
}

/* Before the state is moved: what a caller of a forward does for the first
   time. What may be another's is passed over, not taken for the first. */
static uint8_t hear(struct nat_session *s, uint32_t side,
		    const struct nat_packet *p)
{
	if (s->flags & NAT_HAS_SPOKEN)
		return NAT_NEWS_NONE;
	if (side == 1) {
		if (!(p->tcp_flags & NAT_RST) || (s->tcp & NAT_TCP_SYN_B))
			return NAT_NEWS_NONE;
		s->flags |= NAT_HAS_SPOKEN;
		return NAT_NEWS_REFUSED;
	}
	if (!(s->tcp & NAT_TCP_SYN_B) ||
	    !(p->payload || (p->tcp_flags & (NAT_RST | NAT_FIN))) ||
	    (!(p->tcp_flags & NAT_RST) && !is_callers(s, p)))
		return NAT_NEWS_NONE;
	s->flags |= NAT_HAS_SPOKEN;
	if (p->tcp_flags & NAT_RST)
		return NAT_NEWS_ABORTED;
	return p->payload ? NAT_NEWS_SPOKE : NAT_NEWS_EMPTY;
}

/* Of datagrams the same is asked as of a call (opening.c): an answer, and that
   who began has sent again after it. */
static uint8_t hear_datagram(struct nat_session *s, uint32_t side)
{
	const bool forward = (s->flags & NAT_IS_FORWARD) != 0;
	uint32_t *look;

	if ((s->tcp & NAT_TCP_SYN_B) != 0) {
		if (side == 0)
			s->tcp |= NAT_TCP_ACK_A;
		return NAT_NEWS_NONE;
	}
	if (side == 1) {
		s->tcp |= NAT_TCP_SYN_B;
		return forward ? NAT_NEWS_ANSWERED : NAT_NEWS_NONE;
	}
	look = forward ? session_expects(s) : NULL;
	if (look != NULL && *look / NAT_DATAGRAM < NAT_DATAGRAMS_MAX)
		*look += NAT_DATAGRAM;
	return NAT_NEWS_NONE;
}

/* RFC 4787 REQ-6: outward always, inward where it is wished; and what is over
   ends when it ends (RFC 6146 3.5.2.2). */
static uint8_t note(struct nat *n, uint32_t session, uint32_t side,
		    const struct nat_packet *p)
{
	uint8_t news = NAT_NEWS_NONE;
	struct nat_session *s = session_at(n, session);
	const bool outward =
		(s->flags & (side == 0 ? NAT_A_INSIDE : NAT_B_INSIDE)) != 0;

	if (s->proto == MINATO_TCP && (s->flags & NAT_IS_FORWARD)) {
		number(s, side, p);
		news = hear(s, side, p);
	}
	if (s->proto != MINATO_TCP)
		news = hear_datagram(s, side);
	else if (tcpstate_segment(n, s, side, p->tcp_flags))
		expiry_arm(n, session);
	if (s->flags & NAT_IS_FORWARD)
		forwards_follow(n, s);
	if (outward)
		session_hold(n, s);
	if ((outward || n->options.inbound_refresh) && !tcpstate_over(s))
		s->last = n->now_ms;
	nat_count(n, p->inside ? NAT_COUNT_PASSED_OUT : NAT_COUNT_PASSED_IN);
	return news;
}

static enum nat_verdict pass(struct nat *n, uint32_t session, uint32_t side,
			     const struct nat_packet *p, struct nat_way *out)
{
	out->news = note(n, session, side, p);
	nat_way_of(n, session, side, out);
	out->offer = session_at(n, session)->proto == MINATO_TCP &&
		     offers_segment(n, session, p->tcp_flags);
	return NAT_PASS;
}

/* --- packets ------------------------------------------------------------- */

static enum nat_verdict begin(struct nat *n, const struct port_probe *probe,
			      const struct nat_packet *p, struct nat_way *out)
{
	uint32_t session = NAT_NONE;
	enum nat_verdict verdict = NAT_HOST;

	if (!p->inside)
		verdict = begin_inward(n, probe, p, &session);
	else if (p->whose == NAT_OTHERS)
		verdict = begin_outward(n, probe, p, &session);
	else if (p->whose == NAT_OUTSIDE)
		verdict = begin_hairpin(n, probe, p, &session);
	if (verdict == NAT_PASS) {
		pass(n, session, 0, p, out);
		if (session_at(n, session)->flags & NAT_IS_FORWARD)
			out->news = NAT_NEWS_BEGAN;
		return NAT_PASS;
	}
	if (verdict == NAT_UNREACHABLE)
		out->icmp_code = n->refused_code;
	return verdict;
}

/* Of a session that is there, and not over. */
static enum nat_verdict go_on(struct nat *n, const struct port_probe *probe,
			      const struct nat_packet *p, uint32_t session,
			      uint32_t side, struct nat_way *out)
{
	enum nat_verdict verdict = NAT_PASS;

	if ((session_at(n, session)->flags & NAT_IS_SHUT) != 0)
		verdict = begin_shut(n, probe, p, session, side);
	if (verdict == NAT_PASS)
		return pass(n, session, side, p, out);
	return verdict;
}

enum nat_verdict nat_packet(struct nat *n, const struct port_probe *probe,
			    const struct nat_packet *p, struct nat_way *out)
{
	struct port_tuple_ref ref;
	uint32_t session;

	if (!port_tuple_sought(nat_table(n), probe, &ref, NULL))
		return begin(n, probe, p, out);
	if (ref.class != NAT_CLASS_SESSION)
		/* A socket's, or one that no packet is meant to meet. */
		return nat_class(ref.class) ? NAT_DROP : NAT_HOST;
	session = ref.owner >> 1;
	if (!session_over(n, session_at(n, session)))
		return go_on(n, probe, p, session, ref.owner & 1, out);
	/* Its time has come; the wheel has not been there yet. */
	nat_count(n, NAT_COUNT_EXPIRED);
	session_lapse(n, session);
	return begin(n, probe, p, out);
}

enum nat_verdict nat_between(struct nat *n, const struct port_probe *probe,
			     const struct nat_packet *p, uint8_t to,
			     struct nat_way *out)
{
	enum nat_verdict verdict;
	struct port_tuple_ref ref;
	uint32_t session = NAT_NONE;

	if (port_tuple_sought(nat_table(n), probe, &ref, NULL) &&
	    ref.class == NAT_CLASS_SESSION) {
		session = ref.owner >> 1;
		if (!session_over(n, session_at(n, session)))
			return pass(n, session, ref.owner & 1, p, out);
		nat_count(n, NAT_COUNT_EXPIRED);
		session_lapse(n, session);
	}
	verdict = begin_between(n, probe, p, to, &session);
	return verdict == NAT_PASS ? pass(n, session, 0, p, out) : verdict;
}

bool nat_known(struct nat *n, const struct port_probe *probe,
	       const struct nat_packet *p, struct nat_way *out)
{
	struct port_tuple_ref ref;
	uint32_t session;

	if (!port_tuple_sought(nat_table(n), probe, &ref, NULL) ||
	    ref.class != NAT_CLASS_SESSION)
		return false;
	session = ref.owner >> 1;
	if (session_over(n, session_at(n, session)))
		return false;
	pass(n, session, ref.owner & 1, p, out);
	return true;
}

bool nat_other(struct nat *n, const struct port_key *key,
	       const struct nat_packet *p, struct nat_way *out)
{
	struct port_tuple_ref ref;

	if (!port_tuple_find(nat_table(n), key, &ref, NULL) ||
	    ref.class != NAT_CLASS_SESSION)
		return false;
	if (session_over(n, session_at(n, ref.owner >> 1))) {
		nat_count(n, NAT_COUNT_EXPIRED);
		session_lapse(n, ref.owner >> 1);
		return false;
	}
	pass(n, ref.owner >> 1, ref.owner & 1, p, out);
	return true;
}

bool nat_syn_met(const struct nat *n, const struct port_key *key)
{
	struct port_tuple_ref ref;

	return port_tuple_find(nat_table(n), key, &ref, NULL) &&
	       ref.class == NAT_CLASS_SESSION;
}

/* --- ICMP errors --------------------------------------------------------- */

/* The flow is over, or was never seen, but the mapping tells who is meant. */
static bool way_of_mapping(const struct nat *n, const struct port_key *inner,
			   struct nat_way *out)
{
	const struct minato_endpoint local = { inner->local,
					       inner->local_port };
	const uint32_t mapping =
		inner->proto == NAT_OTHER ?
			NAT_NONE :
			mapping_of_outside(n, inner->proto, &local);

	if (mapping == NAT_NONE)
		return false;
	*out = (struct nat_way){
		.src = { inner->remote, inner->remote_port },
		.dst = mapping_inside(mapping_at(n, mapping)),
		.scope = mapping_at(n, mapping)->scope,
		.same = (mapping_at(n, mapping)->flags & NAT_MAPPING_SAME) != 0,
		.session = NAT_NONE,
	};
	/* Of a query the identifier stands in both ends. */
	if (inner->proto == MINATO_ICMP)
		out->src.port = out->dst.port;
	return true;
}

enum nat_verdict nat_error(struct nat *n, const struct port_key *inner,
			   bool inside, struct nat_way *out)
{
	struct port_tuple_ref ref;
	uint32_t session;

	if (port_tuple_find(nat_table(n), inner, &ref, NULL) && !ref.rests) {
		session = ref.owner >> 1;
		if (ref.class != NAT_CLASS_SESSION)
			return nat_class(ref.class) ? NAT_DROP : NAT_HOST;
		if (!session_over(n, session_at(n, session))) {
			nat_way_of(n, session, ref.owner & 1, out);
			nat_count(n, NAT_COUNT_PASSED_ERRORS);
			return NAT_PASS;
		}
	}
	if (!inside && way_of_mapping(n, inner, out)) {
		nat_count(n, NAT_COUNT_PASSED_ERRORS);
		return NAT_PASS;
	}
	nat_count(n, NAT_COUNT_NO_MAPPING);
	return NAT_HOST;
}
