/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gateway against a naive one: lists that are searched from end to end, each rule written
 * once more as plainly as it can be. Random packets from both sides, to few addresses and ports so
 * that they meet; every verdict and every rewriting is compared. Where the engine chooses (a port),
 * the model says what it may have chosen. NAT_MODEL_STEPS, NAT_MODEL_SEED.
 */
#include <stddef.h>
#include <stdlib.h>

#include "unit/dice.h"

#include "unit/nat_fixture.h"

#define LOW 5000u
#define HIGH 5015u
#define MODEL_SESSIONS 3000
#define MODEL_MAPPINGS 400
#define MAYBE INT64_C(-1) /* it rests, or does not any more */

struct model_mapping {
	bool live, same;
	uint8_t proto;
	struct minato_endpoint in, out;
};
struct model_session {
	bool shut; /* a hairpin that the other's filter keeps out yet */
	bool live, holder, hairpin, forward, overflow, a_inside, b_inside;
	uint8_t proto, from, to, state; /* state: enum minato_nat_state */
	bool syn[2], fin[2];
	bool answered; /* by who began it */
	bool heard;    /* of datagrams: from the other side */
	struct minato_endpoint a, b, c, d;
	int owner, target; /* mappings, or -1 */
	uint32_t bounds;   /* under which it counts; 0: none */
	int64_t last;
};
struct model_forward {
	bool live;
	int64_t entry; /* of the port table */
	uint8_t proto;
	uint16_t first, last, target_port;
	struct minato_endpoint target;
	uint32_t flows_max;
	uint32_t bounds; /* several have these together: one number */
};

static struct model_mapping mappings[MODEL_MAPPINGS];
static struct model_session sessions[MODEL_SESSIONS];
static struct model_forward forwards[4];
static struct model_forward dmz;
static int64_t sockets[HIGH + 1];  /* entry + 1 of a UDP socket on the public port */
static int64_t rests[3][HIGH + 1]; /* until, ms */
static struct minato_nat options;
static struct dice dice;
static const char *why; /* which rule spoke last */
static uint32_t last_bounds;

static int64_t ms(void)
{
	return fixture_now.ns / NS_PER_MS;
}

static int slot(uint8_t proto)
{
	return proto == TCP ? 0 : proto == UDP ? 1 : 2;
}

/* --- time -------------------------------------------------------------------------------- */

static bool both_fins(const struct model_session *s)
{
	return s->fin[0] && s->fin[1];
}

static int64_t timeout(const struct model_session *s)
{
	if (s->proto == UDP)
		return options.udp_s * 1000;
	if (s->proto == ICMP)
		return options.icmp_s * 1000;
	if (s->state == MINATO_NAT_OPENING)
		return options.tcp_opening_s * 1000;
	if (s->state == MINATO_NAT_RESET)
		return options.tcp_reset_s * 1000;
	return both_fins(s) ? options.tcp_closing_s * 1000 : options.tcp_established_s * 1000;
}

/* A mapping lives while the inside keeps a session of it, or somebody uses it from elsewhere. */
static bool kept(int m)
{
	for (int i = 0; i < MODEL_SESSIONS; i++) {
		const struct model_session *s = &sessions[i];
		if (s->live && ((s->owner == m && (s->holder || s->overflow)) || s->target == m))
			return true;
	}
	return false;
}

static bool clean[MODEL_MAPPINGS]; /* nothing of it ended by silence */

static void end_session(int i)
{
	struct model_session *s = &sessions[i];

	if (s->owner >= 0 && !(s->proto == TCP && (both_fins(s) || s->state == MINATO_NAT_RESET)))
		clean[s->owner] = false;
	s->live = false;
}

static void settle(void)
{
	for (int m = 0; m < MODEL_MAPPINGS; m++) {
		struct model_mapping *map = &mappings[m];
		const enum minato_filtering filter = map->proto == TCP ? options.tcp_filtering :
									 options.udp_filtering;
		if (!map->live || kept(m))
			continue;
		for (int i = 0; i < MODEL_SESSIONS; i++)
			if (sessions[i].live && sessions[i].owner == m)
				end_session(i);
		map->live = false;
		if (map->same || (map->proto == TCP && clean[m]) ||
		    (map->proto != ICMP && filter == MINATO_FILTER_ADDRESS_PORT))
			continue;
		rests[slot(map->proto)][map->out.port] = ms() + options.rest_s * 1000;
	}
}

static void expire(void)
{
	for (int i = 0; i < MODEL_SESSIONS; i++)
		if (sessions[i].live && ms() - sessions[i].last > timeout(&sessions[i]))
			end_session(i);
	settle();
}

/* --- finding ------------------------------------------------------------------------------ */

static int find_session(uint8_t proto, uint8_t scope, struct minato_endpoint src,
			struct minato_endpoint dst, int *side)
{
	for (int i = 0; i < MODEL_SESSIONS; i++) {
		const struct model_session *s = &sessions[i];
		if (!s->live || s->proto != proto)
			continue;
		if (s->from == scope && same_end(s->a, src) && same_end(s->b, dst))
			return *side = 0, i;
		if (s->to == scope && same_end(s->d, src) && same_end(s->c, dst))
			return *side = 1, i;
	}
	return -1;
}

static int find_inside(uint8_t proto, struct minato_endpoint in)
{
	for (int m = 0; m < MODEL_MAPPINGS; m++)
		if (mappings[m].live && mappings[m].proto == proto && same_end(mappings[m].in, in))
			return m;
	return -1;
}

static int find_outside(uint8_t proto, struct minato_endpoint at)
{
	for (int m = 0; m < MODEL_MAPPINGS; m++)
		if (mappings[m].live && mappings[m].proto == proto && same_end(mappings[m].out, at))
			return m;
	return -1;
}

static bool taken(const struct model_session *s)
{
	int side;

	return find_session(s->proto, s->from, s->a, s->b, &side) >= 0 ||
	       find_session(s->proto, s->to, s->d, s->c, &side) >= 0;
}

static bool is_public(struct minato_endpoint e)
{
	return same_end(end(PUBLIC, e.port), e);
}

static int forward_at(uint8_t proto, uint16_t port)
{
	for (int i = 0; i < 4; i++)
		if (forwards[i].live && forwards[i].proto == proto && port >= forwards[i].first &&
		    port <= forwards[i].last)
			return i;
	return -1;
}

static bool is_over(const struct model_session *s)
{
	return s->proto == TCP && (both_fins(s) || s->state == MINATO_NAT_RESET);
}

/* What is over counts no more, though it is still there. */
static uint32_t flows_of(uint32_t bounds)
{
	uint32_t count = 0;

	for (int i = 0; i < MODEL_SESSIONS; i++)
		count += sessions[i].live && sessions[i].forward && sessions[i].bounds == bounds &&
			 !is_over(&sessions[i]);
	return count;
}

/* Nothing but rest keeps it from a mapping. A forwarded flow at our address uses its port too,
   also when its forward is gone. */
static bool vacant(uint8_t proto, uint16_t port)
{
	if (find_outside(proto, end(PUBLIC, port)) >= 0 || forward_at(proto, port) >= 0 ||
	    (proto == UDP && sockets[port] != 0))
		return false;
	for (int i = 0; i < MODEL_SESSIONS; i++) {
		const struct model_session *s = &sessions[i];
		if (s->live && s->forward && !s->hairpin && s->proto == proto && is_public(s->b) &&
		    s->b.port == port)
			return false;
	}
	return true;
}

static int count_vacant(uint8_t proto, bool rested)
{
	int count = 0;

	for (uint16_t port = LOW; port <= HIGH; port++)
		count += vacant(proto, port) && (!rested || (rests[slot(proto)][port] != MAYBE &&
							     rests[slot(proto)][port] < ms()));
	return count;
}

/* Under pressure the oldest rests ended, up to this one; of two of one instant nobody knows. */
static void rests_ended(uint8_t proto, int64_t until)
{
	for (uint16_t port = LOW; port <= HIGH; port++) {
		int64_t *rest = &rests[slot(proto)][port];
		if (*rest < until)
			*rest = 0;
		else if (*rest == until)
			*rest = MAYBE;
	}
}

/* --- making ------------------------------------------------------------------------------- */

static int new_mapping(uint8_t proto, struct minato_endpoint in, struct minato_endpoint out_end,
		       bool same)
{
	for (int m = 0; m < MODEL_MAPPINGS; m++) {
		if (mappings[m].live)
			continue;
		mappings[m] = (struct model_mapping){ true, same, proto, in, out_end };
		clean[m] = true;
		if (!same)
			rests[slot(proto)][out_end.port] = 0;
		return m;
	}
	fail();
	return -1;
}

static int keep_session(const struct model_session *s)
{
	for (int i = 0; i < MODEL_SESSIONS; i++) {
		if (sessions[i].live)
			continue;
		sessions[i] = *s;
		sessions[i].live = true;
		sessions[i].last = ms();
		return i;
	}
	fail();
	return -1;
}

static void segment(struct model_session *s, int side, uint8_t flags)
{
	const bool over = s->state == MINATO_NAT_RESET || both_fins(s);
	const bool was_both = both_fins(s);

	if (side == 0 && (flags & (NAT_SYN | NAT_RST | NAT_ACK)) == NAT_ACK)
		s->answered = true;
	if (flags & NAT_RST) {
		int64_t due = s->last + timeout(s);
		if (s->state == MINATO_NAT_RESET)
			return;
		s->state = MINATO_NAT_RESET;
		if (due > ms() + options.tcp_reset_s * 1000)
			due = ms() + options.tcp_reset_s * 1000;
		s->last = due - options.tcp_reset_s * 1000;
		return;
	}
	if (over && (flags & (NAT_SYN | NAT_ACK)) == NAT_SYN) {
		memset(s->syn, 0, sizeof(s->syn));
		memset(s->fin, 0, sizeof(s->fin));
		s->answered = false;
		s->syn[side] = true;
		s->state = MINATO_NAT_OPENING;
		s->last = ms();
		return;
	}
	if (s->state == MINATO_NAT_RESET) {
		s->state = s->fin[0] || s->fin[1] ? MINATO_NAT_CLOSING : MINATO_NAT_OPEN;
		s->last = ms();
	}
	if (flags & NAT_SYN) {
		s->syn[side] = true;
		if (s->state == MINATO_NAT_OPENING && s->syn[0] && s->syn[1]) {
			s->state = MINATO_NAT_OPEN;
			s->last = ms();
		}
		return;
	}
	if (flags & NAT_FIN) {
		s->fin[side] = true;
		s->state = MINATO_NAT_CLOSING;
		if (both_fins(s) && !was_both)
			s->last = ms();
	}
}

static const char *text(struct minato_endpoint e)
{
	static char texts[8][64];
	static int at;
	char *out = texts[at++ % 8];
	char a[46];

	minato_addr_format(&e.addr, a, sizeof(a));
	snprintf(out, 64, "[%s]:%u", a, e.port);
	return out;
}

static void show(const struct model_session *s, int side)
{
	print_message("# %s, protocol %u, side %d: %s -> %s and %s -> %s; "
		      "it left as %s -> %s\n",
		      why, s->proto, side, text(s->a), text(s->b), text(s->c), text(s->d),
		      text(way.src), text(way.dst));
}

static void passes(int i, int side, uint8_t flags)
{
	struct model_session *s = &sessions[i];
	const bool outward = side == 0 ? s->a_inside : s->b_inside;

	/* Datagrams: an answer, and that who began has sent again after it. */
	if (s->proto != TCP && side == 0)
		s->answered |= s->heard;
	else if (s->proto != TCP)
		s->heard = true;
	if (s->proto == TCP)
		segment(s, side, flags);
	if (outward && !s->overflow)
		s->holder = true;
	if ((outward || options.inbound_refresh) && !both_fins(s) && s->state != MINATO_NAT_RESET)
		s->last = ms();
	if (!same_end(way.src, side == 0 ? s->c : s->b) ||
	    !same_end(way.dst, side == 0 ? s->d : s->a))
		show(s, side);
	assert_true(same_end(way.src, side == 0 ? s->c : s->b));
	assert_true(same_end(way.dst, side == 0 ? s->d : s->a));
	assert_int_equal(way.scope, side == 0 ? s->to : s->from);
	assert_int_equal(way.hairpin, s->hairpin);
}

static enum nat_verdict begins(struct model_session *s, uint8_t flags)
{
	why = "made";
	passes(keep_session(s), 0, flags);
	return NAT_PASS;
}

/* --- outward ------------------------------------------------------------------------------ */

static void identifiers(struct model_session *s)
{
	if (s->proto == ICMP)
		s->d.port = s->c.port;
}

/* Whose port might be shared towards this destination; the engine took `c`, or none may be. */
static enum nat_verdict overflows(struct model_session *s, enum nat_verdict verdict, uint8_t flags)
{
	int side;

	why = "overflow";
	s->holder = false;
	s->overflow = true;
	if (verdict == NAT_PASS && options.overflow) {
		s->c = way.src;
		identifiers(s);
		s->owner = find_outside(s->proto, s->c);
		assert_true(s->owner >= 0);
		assert_false(taken(s));
		return begins(s, flags);
	}
	for (uint16_t port = LOW; options.overflow && port <= HIGH; port++) {
		s->c = end(PUBLIC, port);
		identifiers(s);
		if (find_outside(s->proto, s->c) >= 0)
			assert_true(find_session(s->proto, 1, s->d, s->c, &side) >= 0);
	}
	return NAT_UNREACHABLE;
}

/* A mapping, made as the engine chose it; -1: none can be. */
static int get_mapping(uint8_t proto, struct minato_endpoint in, bool same,
		       struct minato_endpoint chosen, enum nat_verdict verdict)
{
	int m = find_inside(proto, in);

	if (m >= 0)
		return m;
	if (same)
		return new_mapping(proto, in, in, true);
	if (count_vacant(proto, false) == 0) {
		rests_ended(proto, INT64_MAX);
		return -1;
	}
	if (verdict != NAT_PASS) {
		/* Made, and gone again; who knows which rest ended for it. */
		for (uint16_t port = LOW; count_vacant(proto, true) == 0 && port <= HIGH; port++)
			if (rests[slot(proto)][port] >= ms())
				rests[slot(proto)][port] = MAYBE;
		return -2;
	}
	why = "a port of its own";
	assert_true(is_public(chosen));
	assert_in_range(chosen.port, LOW, HIGH);
	assert_true(vacant(proto, chosen.port));
	if (count_vacant(proto, true) > 0)
		assert_true(rests[slot(proto)][chosen.port] < ms());
	else if (rests[slot(proto)][chosen.port] >= ms())
		rests_ended(proto, rests[slot(proto)][chosen.port]);
	return new_mapping(proto, in, chosen, false);
}

/* From inside, of no flow: its sender hears of that. */
static enum nat_verdict of_nothing(uint8_t proto, uint8_t flags)
{
	return proto == TCP && (flags & NAT_ACK) && !(flags & NAT_RST) ? NAT_RESET : NAT_DROP;
}

static enum nat_verdict model_outward(uint8_t proto, struct minato_endpoint src,
				      struct minato_endpoint dst, uint8_t flags, bool opens,
				      enum nat_verdict verdict)
{
	struct model_session s = { .proto = proto,
				   .to = 1,
				   .a_inside = true,
				   .holder = true,
				   .a = src,
				   .b = dst,
				   .d = dst,
				   .target = -1 };
	const bool six = !minato_addr_is4(&src.addr);
	int m;

	why = "outward";
	if (!opens)
		return of_nothing(proto, flags);
	m = get_mapping(proto, src, six, way.src, verdict);
	if (m == -1)
		return overflows(&s, verdict, flags);
	assert_true(m >= 0);
	s.owner = m;
	s.c = mappings[m].out;
	identifiers(&s);
	if (taken(&s))
		return six ? NAT_DROP : overflows(&s, verdict, flags);
	return begins(&s, flags);
}

/* --- inward ------------------------------------------------------------------------------- */

static enum nat_verdict unsolicited(uint8_t proto, bool opens, bool filtered)
{
	if (proto == TCP && opens)
		return NAT_WAIT_SYN;
	return filtered ? NAT_DROP : NAT_CLOSED;
}

/* Whom the mapping sent to: peers are remembered by flows begun under that filter. */
static bool admits(int m, struct minato_endpoint from)
{
	const enum minato_filtering filter = mappings[m].proto == TCP ? options.tcp_filtering :
									options.udp_filtering;

	if (filter != MINATO_FILTER_ADDRESS)
		return filter == MINATO_FILTER_ENDPOINT;
	for (int i = 0; i < MODEL_SESSIONS; i++) {
		const struct model_session *s = &sessions[i];
		if (s->live && s->owner == m && s->a_inside && !s->overflow && !s->b_inside &&
		    minato_addr_equal(&s->d.addr, &from.addr))
			return true;
		if (s->live && s->owner == m && s->a_inside && s->hairpin &&
		    minato_addr_equal(&s->b.addr, &from.addr))
			return true;
	}
	return false;
}

/* The same client's flow by another forward to that server, if it is over. */
static void yields(const struct model_session *s)
{
	int side;
	const int k = find_session(s->proto, s->to, s->d, s->c, &side);

	if (k >= 0 && side == 1 && s->owner < 0 && sessions[k].forward && !sessions[k].hairpin &&
	    is_over(&sessions[k]))
		end_session(k);
}

/* At a forward's bound a call gives way whose caller has not answered; the engine chose which. */
static int gave_way(uint32_t bounds)
{
	for (int i = 0; i < MODEL_SESSIONS; i++) {
		const struct model_session *s = &sessions[i];
		const struct port_key key = { .local = s->b.addr,
					      .remote = s->a.addr,
					      .local_port = s->b.port,
					      .remote_port = s->a.port,
					      .scope = s->from,
					      .face = MINATO_FACE_ANY,
					      .proto = s->proto };
		struct port_tuple_ref ref;

		if (!s->live || !s->forward || s->bounds != bounds ||
		    port_tuple_find(t, &key, &ref, NULL))
			continue;
		assert_false(s->answered);
		return i;
	}
	return -1;
}

static enum nat_verdict to_forward(struct model_session *s, int i, uint8_t flags)
{
	const struct model_forward *f = i == 4 ? &dmz : &forwards[i];

	while (f->flows_max != 0 && flows_of(f->bounds) >= f->flows_max) {
		const int victim = gave_way(f->bounds);

		if (victim < 0)
			return NAT_DROP;
		end_session(victim);
	}
	s->forward = true;
	s->bounds = f->bounds;
	s->b_inside = true;
	s->d = f->target;
	s->d.port = f->target.port == 0 ? s->b.port :
					  (uint16_t)(f->target.port + (s->b.port - f->first));
	yields(s);
	if (taken(s)) {
		if (s->owner >= 0)
			return NAT_DROP;
		s->c.port = way.src.port; /* another one, as the engine chose it */
		assert_int_equal(s->c.port < 1024, s->a.port < 1024);
		assert_false(taken(s));
	}
	return begins(s, flags);
}

static int entry_for(uint8_t proto, uint16_t port)
{
	const int forward = forward_at(proto, port);

	return forward >= 0 ? forward : dmz.live && proto != ICMP ? 4 : -1;
}

static enum nat_verdict model_inward(uint8_t proto, struct minato_endpoint src,
				     struct minato_endpoint dst, uint8_t flags, bool opens)
{
	struct model_session s = {
		.proto = proto, .from = 1, .a = src, .b = dst, .c = src, .owner = -1, .target = -1
	};
	const int m = find_outside(proto, dst);
	const bool ours = is_public(dst);
	int entry;

	why = "inward";
	if (m >= 0) {
		if (!opens)
			return NAT_DROP;
		if (!admits(m, src))
			return unsolicited(proto, opens, true);
		if (proto == ICMP)
			return NAT_HOST;
		s.owner = m;
		s.b_inside = true;
		s.d = mappings[m].in;
		return taken(&s) ? NAT_DROP : begins(&s, flags);
	}
	if (ours && proto == UDP && dst.port <= HIGH && sockets[dst.port] != 0)
		return NAT_HOST;
	entry = ours ? entry_for(proto, dst.port) : -1;
	if (entry >= 0)
		return opens ? to_forward(&s, entry, flags) : NAT_DROP;
	if (!ours && !opens)
		return NAT_DROP;
	if (ours && proto == ICMP)
		return NAT_HOST;
	return unsolicited(proto, opens, false);
}

/* The place outside that the engine gave who has none yet, though nothing passed. */
static bool chosen_for(uint8_t proto, struct minato_endpoint in, struct minato_endpoint *out)
{
	struct minato_mapping one;
	uint64_t cursor = 0;

	while (nat_mapping_next(n, &cursor, &one)) {
		if (one.proto == proto && same_end(one.inside, in)) {
			*out = one.outside;
			return true;
		}
	}
	return false;
}

/* It is kept, so that the other one's packets find that this one sent. */
static enum nat_verdict keep_out(struct model_session *s)
{
	if (taken(s))
		return NAT_DROP;
	s->shut = true;
	(void)keep_session(s);
	return NAT_DROP;
}

static bool lets_in(struct model_session *s, int side, bool opens)
{
	if (!s->shut)
		return true;
	if (!opens || (side == 0 && !admits(s->target, s->c)))
		return false;
	s->shut = false;
	return true;
}

static enum nat_verdict model_hairpin(uint8_t proto, struct minato_endpoint src,
				      struct minato_endpoint dst, uint8_t flags, bool opens,
				      enum nat_verdict verdict)
{
	struct model_session s = { .proto = proto,
				   .a_inside = true,
				   .holder = true,
				   .hairpin = true,
				   .a = src,
				   .b = dst,
				   .target = -1 };
	const int target = proto == ICMP ? -1 : find_outside(proto, dst);
	const bool socket = proto == UDP && dst.port <= HIGH && sockets[dst.port] != 0;
	const int entry = proto == ICMP || socket ? -1 : entry_for(proto, dst.port);
	struct minato_endpoint chosen;
	int m;

	why = "hairpin";
	if (target < 0 && entry < 0)
		return NAT_HOST;
	if (!opens)
		return of_nothing(proto, flags);
	if (target >= 0 && find_inside(proto, src) < 0 && verdict == NAT_DROP &&
	    chosen_for(proto, src, &chosen))
		m = get_mapping(proto, src, false, chosen, NAT_PASS);
	else
		m = get_mapping(proto, src, false, way.src, verdict);
	if (m == -1)
		return NAT_UNREACHABLE;
	if (m == -2) { /* it had none, was to have one, and did not pass: why? */
		if (target >= 0)
			/* From a port that nobody knows: that flow is another's yet. */
			return !admits(target, end(PUBLIC, LOW)) ? NAT_DROP : verdict;
		return verdict == NAT_DROP ? NAT_DROP : NAT_HOST;
	}
	s.owner = m;
	s.c = mappings[m].out;
	if (target < 0)
		return to_forward(&s, entry, flags);
	s.b_inside = true;
	s.target = target;
	s.d = mappings[target].in;
	if (!admits(target, s.c))
		return keep_out(&s);
	return taken(&s) ? NAT_DROP : begins(&s, flags);
}

/* --- a step ------------------------------------------------------------------------------- */

static struct minato_endpoint some_inside(bool six)
{
	char text[32];

	snprintf(text, sizeof(text), six ? "2001:db8::%u" : "10.0.0.%u", 1 + dice_below(&dice, 4));
	return end(text, (uint16_t)(2000 + dice_below(&dice, 6)));
}

static struct minato_endpoint some_outside(bool six)
{
	char text[32];

	snprintf(text, sizeof(text), six ? "2001:db8:f::%u" : "203.0.113.%u",
		 1 + dice_below(&dice, 4));
	return end(text, (uint16_t)(80 + dice_below(&dice, 3)));
}

static uint8_t some_flags(void)
{
	static const uint8_t flags[] = { NAT_SYN, NAT_SYN, NAT_SYN,	      NAT_SYN | NAT_ACK,
					 NAT_ACK, NAT_ACK, NAT_FIN | NAT_ACK, NAT_RST };

	return flags[dice_below(&dice, sizeof(flags))];
}

/* Ends of a living session, as one of its sides sends. */
static bool some_known(uint8_t *proto, bool *inside, struct minato_endpoint *src,
		       struct minato_endpoint *dst)
{
	const uint32_t from = dice_below(&dice, MODEL_SESSIONS);

	for (uint32_t k = 0; k < MODEL_SESSIONS; k++) {
		const struct model_session *s = &sessions[(from + k) % MODEL_SESSIONS];
		const bool side = dice_below(&dice, 2) != 0;
		if (!s->live)
			continue;
		*proto = s->proto;
		*src = side ? s->d : s->a;
		*dst = side ? s->c : s->b;
		*inside = (side ? s->to : s->from) == 0;
		return true;
	}
	return false;
}

static void one_packet(void)
{
	static const uint8_t protos[] = { UDP, UDP, TCP, TCP, ICMP };
	uint8_t proto = protos[dice_below(&dice, 5)];
	const bool six = dice_below(&dice, 8) == 0;
	bool inside = dice_below(&dice, 2) != 0;
	struct minato_endpoint src, dst;
	enum nat_verdict verdict, expected;
	uint8_t flags;
	bool opens;
	int side, i;

	src = inside ? some_inside(six) : some_outside(six);
	if (inside)
		dst = some_outside(six);
	else
		dst = some_inside(six);
	if (!six && (!inside || dice_below(&dice, 4) == 0))
		dst = end(PUBLIC, (uint16_t)(LOW + dice_below(&dice, HIGH - LOW + 1)));
	if (proto == ICMP)
		src.port = dst.port;
	if (dice_below(&dice, 2) == 0)
		some_known(&proto, &inside, &src, &dst);
	flags = proto == TCP ? some_flags() : 0;
	opens = proto != TCP || (flags & (NAT_SYN | NAT_ACK)) == NAT_SYN;
	verdict = packet(inside, proto, src, dst, flags);
	why = "known";
	i = find_session(proto, inside ? 0 : 1, src, dst, &side);
	if (i >= 0) {
		expected = lets_in(&sessions[i], side, opens) ? NAT_PASS : NAT_DROP;
		if (verdict == NAT_PASS)
			passes(i, side, flags);
	} else if (!inside) {
		expected = model_inward(proto, src, dst, flags, opens);
	} else if (is_public(dst)) {
		expected = model_hairpin(proto, src, dst, flags, opens, verdict);
	} else {
		expected = model_outward(proto, src, dst, flags, opens, verdict);
	}
	if (verdict != expected)
		print_message("# %s: engine %d, model %d\n", why, verdict, expected);
	assert_int_equal(verdict, expected);
	settle();
}

/* --- what else happens ---------------------------------------------------------------------- */

static void toggle_forward(void)
{
	const uint32_t i = dice_below(&dice, 4);
	const struct model_forward *lender = &forwards[(i + 1) % 4];
	struct model_forward *f = &forwards[i];
	struct minato_entry e;

	if (f->live) {
		nat_forward_remove(n, (uint32_t)f->entry);
		port_remove(t, (uint32_t)f->entry);
		f->live = false;
		return;
	}
	*f = (struct model_forward){ .proto = dice_below(&dice, 2) ? TCP : UDP,
				     .first = (uint16_t)(LOW + dice_below(&dice, 16)),
				     .target = some_inside(false),
				     .flows_max = dice_below(&dice, 2) * 3 };
	f->last = (uint16_t)(f->first + dice_below(&dice, HIGH - f->first + 1));
	if (dice_below(&dice, 2) == 0)
		f->target.port = 0;
	for (uint16_t port = f->first; port <= f->last; port++)
		if (forward_at(f->proto, port) >= 0 || (f->proto == UDP && sockets[port] != 0))
			return; /* who goes before whom is the port table's model */
	e = forward_entry(f->proto, f->first, f->last, "10.0.0.1", f->target.port);
	e.target = f->target;
	e.flows_max = f->flows_max;
	e.local = addr(PUBLIC);
	e.local_prefix = 128;
	for (uint16_t port = f->first; port <= f->last; port++) {
		if (find_outside(f->proto, end(PUBLIC, port)) < 0)
			continue;
		assert_true(nat_forward_taken(n, &e) != POOL_NONE);
		/* A range stands all the same; one port alone is asked about. */
		if (f->first == f->last)
			return;
		break;
	}
	f->bounds = ++last_bounds;
	if (lender->live && dice_below(&dice, 2)) {
		f->bounds = lender->bounds;
		f->flows_max = lender->flows_max;
		f->entry = add_bounded(&e, (uint32_t)lender->entry);
	} else {
		f->entry = add_entry(&e);
	}
	assert_true(f->entry >= 0);
	f->live = true;
}

static void toggle_dmz(void)
{
	struct minato_entry e = forward_entry(0, 0, 0, "10.0.0.4", 0);

	if (dmz.live) {
		nat_forward_remove(n, (uint32_t)dmz.entry);
		port_remove(t, (uint32_t)dmz.entry);
		dmz.live = false;
		return;
	}
	e.kind = MINATO_KIND_DMZ;
	dmz = (struct model_forward){
		.live = true,
		.entry = add_entry(&e),
		.last = 65535,
		.target = end("10.0.0.4", 0),
		.bounds = ++last_bounds,
	};
	assert_true(dmz.entry >= 0);
}

static void toggle_socket(void)
{
	const uint16_t port = (uint16_t)(LOW + dice_below(&dice, HIGH - LOW + 1));
	const struct port_claim claim = {
		.scope = 1, .proto = UDP, .local = addr(PUBLIC), .port = port
	};
	int64_t entry;

	if (sockets[port] != 0) {
		port_remove(t, (uint32_t)(sockets[port] - 1));
		sockets[port] = 0;
		return;
	}
	if (forward_at(UDP, port) >= 0)
		return;
	entry = port_bind(t, &claim, NULL);
	assert_int_equal(entry >= 0, vacant(UDP, port));
	if (entry < 0)
		return;
	assert_int_equal(port_accepting(t, (uint32_t)entry, true), 0);
	sockets[port] = entry + 1;
}

/* Under one filter at a time: address-dependent ones know only flows that began under them. */
static void end_some(void)
{
	struct minato_session s;
	uint64_t cursor = dice_below(&dice, 64);
	int side, i;

	if (!nat_session_next(n, &cursor, &s))
		return;
	i = find_session(s.proto, s.from, s.source, s.destination, &side);
	assert_true(i >= 0 && side == 0);
	assert_int_equal(nat_session_end(n, s.handle), 0);
	end_session(i);
	settle();
}

static void advance(void)
{
	static const int64_t steps[] = { 1, 100, 1000, 1000, 10 * 1000, 59 * 1000, 121 * 1000 };

	pass_ms(dice_below(&dice, 300) == 0 ? 4000 * 1000 : steps[dice_below(&dice, 7)]);
	expire();
}

/* --- invariants ----------------------------------------------------------------------------- */

static void invariants(void)
{
	static const uint8_t protos[] = { TCP, UDP, ICMP };
	uint32_t live = 0, maps = 0;

	for (int i = 0; i < MODEL_SESSIONS; i++)
		live += sessions[i].live;
	for (int m = 0; m < MODEL_MAPPINGS; m++)
		maps += mappings[m].live;
	assert_int_equal(n->sessions4.used + n->sessions6.used, live);
	assert_int_equal(n->mappings.used, maps);
	for (uint32_t p = 0; p < 3; p++) {
		const struct nat_ports *ports = outside_ports(n, 0, protos[p]);
		uint32_t resting = 0;
		for (uint16_t at = ports->rest_head; at != 0; at = ports->rest_next[at])
			resting++;
		for (uint16_t port = LOW; port <= HIGH; port++)
			/* No port is lost: what is not free somebody has, or it rests. */
			if (find_outside(protos[p], end(PUBLIC, port)) >= 0)
				assert_false(bitmap_free(&ports->free, port));
		maps = 0;
		for (int m = 0; m < MODEL_MAPPINGS; m++)
			maps += mappings[m].live && !mappings[m].same &&
				mappings[m].proto == protos[p];
		assert_int_equal(ports->free.total + maps + resting + ports->shut_count, 65536);
	}
}

static void a_million_steps(void **state)
{
	const char *steps = getenv("NAT_MODEL_STEPS"), *seed = getenv("NAT_MODEL_SEED");
	const uint32_t count = steps ? (uint32_t)atoi(steps) : 1000000;
	const struct minato_addr public = addr(PUBLIC);

	(void)state;
	dice.state = seed ? (uint64_t)atoll(seed) : 1;
	assert_int_equal(nat_pool_remove(n, 1, &public), 0);
	assert_int_equal(nat_pool_add(n, 1, &public, LOW, HIGH), 0);
	options = *nat_get(n);
	options.unsolicited_syn_s = 6;
	for (uint32_t step = 0; step < count; step++) {
		const uint32_t what = dice_below(&dice, 100);
		/* A life of its own for each filter. */
		if (step % (count / 6 + 1) == 0) {
			pass_ms(8000 * 1000);
			expire();
			options.udp_filtering = step / (count / 6 + 1) % 3;
			options.tcp_filtering = (step / (count / 6 + 1) + 1) % 3;
			options.overflow = step / (count / 6 + 1) % 4 != 3;
			options.inbound_refresh = step / (count / 6 + 1) % 2 != 0;
			assert_int_equal(nat_set(n, &options), 0);
		}
		if (what < 85)
			one_packet();
		else if (what < 95)
			advance();
		else if (what == 95)
			toggle_forward();
		else if (what == 96)
			toggle_socket();
		else if (what == 97 && dice_below(&dice, 10) == 0)
			toggle_dmz();
		else if (what == 98)
			end_some();
		if (step % 64 == 0)
			invariants();
	}
	pass_ms(8000 * 1000);
	expire();
	invariants();
	assert_int_equal(n->sessions4.used + n->sessions6.used, 0);
}

/* --- one host that takes all ------------------------------------------------------------------ */

#define GREEDY 66u
#define WIDTH 250u /* ports of each of two addresses */

static struct minato_endpoint of_host(uint32_t host, uint16_t port)
{
	return (struct minato_endpoint){ minato_addr4(10, 0, 0, (uint8_t)host), port };
}

/* Whether a mapping of the greedy one stands where the asker might have had its port: plain, with
   few flows, and one of the newest, which are always looked at. */
static bool would_help(uint8_t proto, struct minato_endpoint asker)
{
	const struct minato_endpoint greedy = of_host(GREEDY, 0);
	const uint32_t mine = host_find(n, 0, &asker.addr), most = host_find(n, 0, &greedy.addr);
	const struct nat_host *own = mine == NAT_NONE ? NULL : host_record(n, mine);
	const struct nat_host *h;
	const uint32_t has = own ? own->count[slot(proto)] : 0;
	uint32_t at;

	if (most == NAT_NONE || most == mine)
		return false;
	h = host_record(n, most);
	if (h->count[slot(proto)] <= 2 * (has + 1) + 64)
		return false;
	at = h->mappings[port_slot(proto)];
	for (int i = 0; i < 16 && at != NAT_NONE; i++, at = mapping_at(n, at)->next) {
		const struct nat_mapping *m = mapping_at(n, at);

		assert_int_equal(m->proto, proto);
		if (m->refs == 0 && m->count <= 8 &&
		    (!own || own->pool == 0 || m->pool + 1u == own->pool))
			return true;
	}
	return false;
}

/* Whoever is ended for a packet gave it its port: none ends for nothing, and where one would
   help, none is refused. */
static uint32_t refused;

static void one_first_packet(void)
{
	static const uint8_t protos[] = { TCP, UDP, ICMP };
	const bool greedy = dice_below(&dice, 4) != 0;
	const uint8_t proto = protos[dice_below(&dice, 3)];
	const struct minato_endpoint src =
		of_host(greedy ? GREEDY : 1 + dice_below(&dice, 8),
			(uint16_t)(2000 + dice_below(&dice, greedy ? 400 : 12)));
	const struct minato_endpoint dst = { minato_addr4(20, 0, 0, (uint8_t)dice_below(&dice, 4)),
					     proto == ICMP ? src.port : 53 };
	const uint64_t victims = counted(NAT_COUNT_HOST_VICTIM), ends = n->ends;
	const uint64_t made = counted(NAT_COUNT_SESSIONS);
	const bool had = mapping_of_inside(n, 0, proto, &src, false) != NAT_NONE;
	const enum nat_verdict verdict = out(proto, src, dst, NAT_SYN);
	const bool has = mapping_of_inside(n, 0, proto, &src, false) != NAT_NONE;

	/* Of a flow that began in overflow, when nothing would have helped. */
	const bool known = verdict == NAT_PASS && counted(NAT_COUNT_SESSIONS) == made;

	refused += !has && !known;
	assert_int_equal(n->ends - ends, counted(NAT_COUNT_HOST_VICTIM) - victims);
	if (n->ends != ends) {
		assert_false(had);
		assert_true(has);
		assert_int_equal(verdict, NAT_PASS);
	}
	if (!has && !known)
		assert_false(would_help(proto, src));
}

static void nobody_gives_way_in_vain(void **state)
{
	const char *steps = getenv("NAT_MODEL_STEPS"), *seed = getenv("NAT_MODEL_SEED");
	const uint32_t count = (steps ? (uint32_t)atoi(steps) : 1000000) / 10;
	const struct minato_addr public = addr(PUBLIC), second = addr("198.51.100.2");
	struct minato_nat set = *nat_get(n);

	(void)state;
	dice.state = seed ? (uint64_t)atoll(seed) : 1;
	assert_int_equal(nat_pool_remove(n, 1, &public), 0);
	assert_int_equal(nat_pool_add(n, 1, &public, LOW, LOW + WIDTH - 1), 0);
	assert_int_equal(nat_pool_add(n, 1, &second, LOW, LOW + WIDTH - 1), 0);
	for (uint32_t step = 0; step < count; step++) {
		if (step % 4000 == 0) {
			set.overflow = dice_below(&dice, 2) != 0;
			assert_int_equal(nat_set(n, &set), 0);
		}
		if (step % 20000 == 0)
			pass_ms(8000 * 1000);
		if (dice_below(&dice, 50) == 0)
			pass_ms(dice_below(&dice, 3000));
		one_first_packet();
	}
	assert_true(counted(NAT_COUNT_HOST_VICTIM) > count / 1000);
	assert_true(refused > count / 100); /* the greedy one */
}

/* --- where there are few of everything ------------------------------------------------------ */

static int few_setup(void **state)
{
	const struct nat_limits limits = { .sessions_max = 300,
					   .mappings_max = 200,
					   .hosts_max = 6,
					   .pools_max = 8,
					   .forwards_max = 64,
					   .inside_scope = 0,
					   .outside_scope = 1 };
	const struct minato_addr public = addr(PUBLIC);

	(void)state;
	fixture_open(&limits);
	return nat_pool_add(n, 1, &public, LOW, LOW + WIDTH - 1);
}

/* Whoever is ended let this flow begin, whatever was short and whatever bounds its host has; which
   pays for it once. */
static void one_of_few(void)
{
	const bool greedy = dice_below(&dice, 4) != 0, six = dice_below(&dice, 4) == 0;
	const uint32_t host = greedy ? GREEDY : 1 + dice_below(&dice, 8);
	const uint16_t port = (uint16_t)(2000 + dice_below(&dice, greedy ? 300 : 12));
	struct minato_endpoint src = of_host(host, port);
	struct minato_endpoint dst = { minato_addr4(20, 0, 0, (uint8_t)dice_below(&dice, 4)), 53 };
	const uint64_t victims = counted(NAT_COUNT_HOST_VICTIM), ends = n->ends;
	const uint64_t made = counted(NAT_COUNT_SESSIONS), maps = counted(NAT_COUNT_MAPPINGS);
	enum nat_verdict verdict;

	if (six) {
		dst.addr = addr("2001:db8:f::1");
		src.addr = addr("2001:db8::1");
		src.addr.bytes[15] = (uint8_t)host;
	}
	verdict = out(UDP, src, dst, 0);
	assert_int_equal(n->ends - ends, counted(NAT_COUNT_HOST_VICTIM) - victims);
	assert_true(counted(NAT_COUNT_MAPPINGS) - maps <= 1);
	refused += verdict != NAT_PASS;
	if (n->ends == ends)
		return;
	assert_int_equal(verdict, NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_SESSIONS), made + 1);
}

static void nor_where_there_are_few(void **state)
{
	const char *steps = getenv("NAT_MODEL_STEPS"), *seed = getenv("NAT_MODEL_SEED");
	const uint32_t count = (steps ? (uint32_t)atoi(steps) : 1000000) / 10;
	struct minato_nat set = *nat_get(n);

	(void)state;
	refused = 0;
	dice.state = seed ? (uint64_t)atoll(seed) : 1;
	for (uint32_t step = 0; step < count; step++) {
		if (step % 4000 == 0) {
			set.overflow = dice_below(&dice, 2) != 0;
			set.host_rate = dice_below(&dice, 2) * 20;
			set.host_burst = 10;
			set.host_sessions = dice_below(&dice, 2) * 150;
			assert_int_equal(nat_set(n, &set), 0);
		}
		if (step % 20000 == 0)
			pass_ms(8000 * 1000);
		if (dice_below(&dice, 50) == 0)
			pass_ms(dice_below(&dice, 3000));
		one_of_few();
	}
	assert_true(counted(NAT_COUNT_HOST_VICTIM) > count / 1000);
	assert_true(refused > count / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_million_steps),
		CASE(nobody_gives_way_in_vain),
		cmocka_unit_test_setup_teardown(nor_where_there_are_few, few_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
