/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What became of first contacts, told to the statistic of scans: here packets
 * turn into reports. Nothing of it is on the way of a packet whose flow is
 * known, but for the first bytes of a connection and its end.
 */
#include "stack/stack.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

#define KIND(name) (1u << MINATO_SCAN_##name)

/* --- habits of tools ----------------------------------------------------- */

#define NMAP_WINDOWS_MAX 4096u /* 1024 to that, in steps of 1024 */
#define NMAP_MSS 1460u
#define NMAP_URGENT 0xf7f5u	/* of its SYN that offers ECN */
#define NMAP_ODD_WINDOW_MAX 64u /* of its six SYNs with all options: below */
#define ZMAP_ID 54321u
#define HPING_WINDOW 512u

static bool has_options(const struct packet *p)
{
	return p->transport[12] >> 4 > 5;
}

/* An address as masscan sees it: 32 bits in host order. */
static bool is_masscan(const struct packet *p)
{
	const uint32_t id = get16(p->ip + 4);
	const uint32_t dst = get32(p->dst.bytes + 12);

	return id == ((dst ^ p->dst_port ^ p->tcp.seq.v) & UINT16_MAX);
}

static bool is_nmap(const struct packet *p)
{
	const uint32_t window = p->tcp.window;

	if ((p->tcp.flags & TCP_SYN) && p->tcp.urgent == NMAP_URGENT)
		return true;
	if (window == 0 || window % 1024 != 0 || window > NMAP_WINDOWS_MAX)
		return false;
	if (p->tcp.flags & TCP_SYN)
		return p->tcp.options.mss == NMAP_MSS &&
		       p->transport[12] >> 4 == 6;
	return !has_options(p);
}

static uint8_t tool_of(const struct packet *p)
{
	if (p->type != PACKET_TCP)
		return MINATO_SCAN_TOOL_UNKNOWN;
	if (!p->is6 && (p->tcp.flags & TCP_SYN) && is_masscan(p))
		return MINATO_SCAN_TOOL_MASSCAN;
	if (!p->is6 && get16(p->ip + 4) == ZMAP_ID &&
	    p->tcp.window == UINT16_MAX)
		return MINATO_SCAN_TOOL_ZMAP;
	if (is_nmap(p))
		return MINATO_SCAN_TOOL_NMAP;
	if (p->tcp.window == HPING_WINDOW && !has_options(p))
		return MINATO_SCAN_TOOL_HPING;
	return MINATO_SCAN_TOOL_UNKNOWN;
}

/* --- kinds by their looks ------------------------------------------------ */

/* Kernels offer more than a segment size. */
static bool is_crafted(const struct tcp_options *o)
{
	return !o->has_wscale && !o->has_timestamp && !o->sack_permitted;
}

static uint32_t syn_kind(const struct packet *p)
{
	if (p->tcp.urgent == NMAP_URGENT ||
	    (has_options(p) && p->tcp.window < NMAP_ODD_WINDOW_MAX))
		return KIND(OS);
	return is_crafted(&p->tcp.options) ? KIND(SYN) : KIND(CONNECT);
}

#define MEANT (TCP_FIN | TCP_SYN | TCP_RST | TCP_PSH | TCP_ACK | TCP_URG)

/* Somebody forges our address towards a server, and it answers us: from where
   servers listen, or to where callers call from. */
static bool may_be_reflected(const struct packet *p)
{
	return p->src_port < PORT_ASKING_MIN ||
	       p->dst_port >= MINATO_PORT_USER_FIRST;
}

/* A TCP segment that met nothing. False: it says nothing about its sender, as
   answers do. (To a RST there is never an answer: nobody learns by it.) */
static bool judge_segment(const struct packet *p, struct scan_contact *c)
{
	const uint32_t flags = p->tcp.flags & MEANT;
	const bool accepts = (flags & (TCP_SYN | TCP_ACK)) ==
			     (TCP_SYN | TCP_ACK);

	if ((flags & TCP_RST) || (accepts && may_be_reflected(p)))
		return false;
	c->sign = SCAN_IMPOSSIBLE;
	if (accepts) {
		c->sign = SCAN_STRAY;
		c->kinds = KIND(ACK);
	} else if (flags & TCP_SYN) {
		c->sign = flags & TCP_FIN ? SCAN_IMPOSSIBLE : SCAN_CLOSED;
		c->kinds = flags & (TCP_FIN | TCP_URG) ? KIND(OS) : syn_kind(p);
	} else if (flags & TCP_ACK) {
		c->sign = SCAN_STRAY;
		c->kinds = flags & TCP_FIN ? KIND(MAIMON) : KIND(ACK);
	} else if (has_options(p)) {
		c->kinds = KIND(OS);
	} else if (flags == 0) {
		c->kinds = KIND(NULL);
	} else {
		c->kinds = flags == TCP_FIN ? KIND(FIN) : KIND(XMAS);
	}
	c->stamp = p->tcp.seq.v ^ (uint32_t)p->src_port << 16;
	return true;
}

#define OS_PAYLOAD 300u /* bytes of 'C', to a closed port */

/* As traceroute and its like send: to ports that nobody has, from this one on,
   with hop limits from 1 to 30. */
#define TRACE_PORT 33434u
#define TRACE_PORTS 100u
#define TRACE_HOPS 30u

static bool is_trace(const struct packet *p)
{
	return p->dst_port >= TRACE_PORT &&
	       p->dst_port < TRACE_PORT + TRACE_PORTS &&
	       p->hop_limit <= TRACE_HOPS;
}

static bool judge_datagram(const struct packet *p, struct scan_contact *c)
{
	if (is_trace(p))
		return false;
	c->sign = SCAN_CLOSED;
	c->kinds = KIND(UDP);
	if (p->payload_len == OS_PAYLOAD && p->payload[0] == 'C' &&
	    p->payload[OS_PAYLOAD - 1] == 'C')
		c->kinds = KIND(OS);
	c->stamp = (uint32_t)p->src_port | 1u << 16;
	return true;
}

#define PORT_DNS 53u
#define DNS_HEADER 12u
#define DNS_QR 0x80u /* in its third byte: an answer */

/* As whoever answers a question of DNS writes it; so does who was asked one in
   our name. */
static bool is_dns_answer(const struct packet *p)
{
	return p->payload_len >= DNS_HEADER && (p->payload[2] & DNS_QR) != 0;
}

/* Late, when the port that asked is closed: from where servers are, to where
   one asks from, and of whom we have asked lately. Nothing is no answer. */
static bool may_be_answer(struct minato *m, const struct packet *p,
			  const struct scan_contact *c)
{
	const struct port_key key = { .local = p->dst,
				      .remote = p->src,
				      .local_port = p->dst_port,
				      .remote_port = p->src_port,
				      .scope = c->scope,
				      .proto = p->ip_proto };
	const bool udp = p->type == PACKET_UDP;

	if ((!udp && c->sign != SCAN_STRAY) || p->src_port >= PORT_ASKING_MIN ||
	    p->dst_port < MINATO_PORT_USER_FIRST)
		return false;
	if (udp && p->payload_len == 0)
		return false;
	if (udp && p->src_port == PORT_DNS)
		return is_dns_answer(p);
	return port_recall_asked(host_table(m), &key, m->now);
}

/* A call into the world, of a guest or of a host whose every destination is
   taken: not to us. */
static bool is_away(const struct minato *m, uint8_t scope,
		    const struct minato_addr *target)
{
	if (route_is_ours(m, scope, target))
		return false;
	for (uint32_t i = 0; i < m->link_count; i++) {
		const struct minato_link_config *c = &m->link[i].config;
		if (c->scope == scope && c->role == MINATO_ROLE_HOST &&
		    c->any_destination)
			return true;
	}
	return false;
}

static struct scan_contact contact_of(const struct minato *m,
				      const struct packet *p)
{
	return (struct scan_contact){
		.source = p->src,
		.target = p->dst,
		.scope = m->link[p->link].config.scope,
		.proto = p->ip_proto,
		.tool = tool_of(p),
		.port = p->dst_port,
		.source_port = p->src_port,
		.away = is_away(m, m->link[p->link].config.scope, &p->dst),
	};
}

static bool is_ping(const struct packet *p)
{
	return (p->type == PACKET_ICMP4 && p->icmp_type == ICMP4_ECHO) ||
	       (p->type == PACKET_ICMP6 && p->icmp_type == ICMP6_ECHO);
}

/* A ping that is not answered: who tries one address after the other sweeps
   them. Of what is in the world many hosts are silent. */
static void take_ping(struct minato *m, const struct packet *p)
{
	struct scan_contact c = contact_of(m, p);

	c.sign = SCAN_SILENT;
	c.proto = MINATO_ICMP;
	c.port = 0;
	c.source_port = 0;
	if (!c.away)
		scan_note(host_scan(m), &c, m->now);
}

void evidence_take(struct minato *m, const struct packet *p)
{
	struct scan_contact c;
	bool tells;

	if (is_ping(p))
		take_ping(m, p);
	if (p->type != PACKET_TCP && p->type != PACKET_UDP)
		return;
	c = contact_of(m, p);
	tells = p->type == PACKET_TCP ? judge_segment(p, &c) :
					judge_datagram(p, &c);
	if (tells && !may_be_answer(m, p, &c))
		scan_note(host_scan(m), &c, m->now);
}

#define PROTO_SCTP 132u
#define SCTP_HEADER 12u /* RFC 9260 3: then the type of the first chunk */
#define SCTP_INIT 1u
#define SCTP_COOKIE_ECHO 10u

/* It asks for a port: by the chunk that begins an association, or by one of an
   association that nobody has offered. */
static bool is_sctp_call(const struct packet *p)
{
	return p->ip_proto == PROTO_SCTP && p->payload_len > SCTP_HEADER &&
	       (p->payload[SCTP_HEADER] == SCTP_INIT ||
		p->payload[SCTP_HEADER] == SCTP_COOKIE_ECHO);
}

void evidence_protocol(struct minato *m, const struct packet *p)
{
	struct scan_contact c;

	if (!scan_listens(host_scan(m), m->now))
		return;
	c = contact_of(m, p);
	c.sign = SCAN_CLOSED;
	if (is_sctp_call(p)) {
		c.source_port = get16(p->payload);
		c.port = get16(p->payload + 2);
		c.kinds = KIND(SCTP);
	} else {
		c.proto = 0;
		c.port = p->ip_proto;
		c.kinds = KIND(PROTOCOL);
	}
	scan_note(host_scan(m), &c, m->now);
}

void evidence_piece(struct minato *m, const struct packet *p)
{
	struct scan_contact c;

	/* What follows it has no ports. */
	if (p->fragment_offset != 0 || p->payload_len < 4 ||
	    !scan_listens(host_scan(m), m->now))
		return;
	c = contact_of(m, p);
	c.source_port = get16(p->payload);
	c.port = get16(p->payload + 2);
	c.sign = SCAN_PIECE;
	c.tool = MINATO_SCAN_TOOL_UNKNOWN;
	scan_note(host_scan(m), &c, m->now);
}

/* --- connections that were begun from there ------------------------------ */

struct opening {
	uint8_t len;
	const char *bytes;
};
/* What monitors and balancers ask as well: no more than this. */
static const struct opening bare[] = {
	{ 18, "GET / HTTP/1.0\r\n\r\n" },
	{ 22, "OPTIONS / HTTP/1.0\r\n\r\n" },
};
/* First bytes of those who ask what is there, and nothing else. (Nmap's, which
   others have taken over.) */
static const struct opening questions[] = {
	{ 4, "\r\n\r\n" },
	{ 16, "OPTIONS / RTSP/1" },
	{ 14, "OPTIONS sip:nm" },
	{ 14, "GET /nice%20po" },
	{ 6, "HELP\r\n" },
	{ 9, "\1default\n" },
	{ 8, "\x80\0\0\x28\x72\xfe\x1d\x13" },
	{ 8, "\0\x1e\0\6\1\0\0\1" },
	{ 8, "\0\x0c\0\0\x10\0\0\0" },
	{ 6, "\x16\3\0\0S\1" },
	{ 6, "\x16\3\0\0i\1" },
	{ 8, "\0\0\0\xa4\xffSMB" },
	{ 6, "l\0\x0b\0\0\0" },
	{ 8, "0\x84\0\0\0-\2\1" },
	{ 5, "\0\0\0qj" },
	{ 7, "\3\0\0\x0b\6\xe0\0" },
	{ 7, "JRMI\0\2K" },
};

static bool begins_with(const struct packet *p, const struct opening *o)
{
	return p->payload_len >= o->len &&
	       memcmp(p->payload, o->bytes, o->len) == 0;
}

/* What the first bytes of a connection say. */
static enum scan_sign sign_of_bytes(const struct packet *p)
{
	for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++)
		if (p->payload_len == bare[i].len && begins_with(p, &bare[i]))
			return SCAN_BARE;
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		if (begins_with(p, &questions[i]))
			return SCAN_QUESTION;
	return SCAN_USED;
}

static void note_session(struct minato *m, const struct packet *p,
			 enum scan_sign sign, uint32_t kinds)
{
	struct scan_contact c = contact_of(m, p);

	c.proto = MINATO_TCP;
	c.sign = (uint8_t)sign;
	c.kinds = kinds;
	c.tool = MINATO_SCAN_TOOL_UNKNOWN;
	scan_note(host_scan(m), &c, m->now);
}

void evidence_complete(struct minato *m, const struct socket *s)
{
	struct scan_contact c = { .sign = SCAN_GOOD, .proto = MINATO_TCP };
	struct port_key key;

	slots_key(m, s, &key);
	c.source = key.remote;
	c.target = key.local;
	c.scope = key.scope;
	c.port = key.local_port;
	c.source_port = key.remote_port;
	c.away = is_away(m, c.scope, &c.target);
	scan_note(host_scan(m), &c, m->now);
}

/*
 * RFC 9293 3.10.7.1: who did not send the SYN answers our SYN-ACK with a RST
 * that has no ACK, and so does the kernel below a scanner. Only who has taken
 * the SYN-ACK for an answer to its own acknowledges it.
 */
static enum scan_sign sign_of_reset(const struct packet *p, bool was_open,
				    uint32_t our_next)
{
	if (was_open || ((p->tcp.flags & TCP_ACK) && p->tcp.ack.v == our_next))
		return SCAN_ABORTED;
	return SCAN_HALF;
}

void evidence_half(struct minato *m, const struct packet *p,
		   struct seq our_next)
{
	if (scan_listens(host_scan(m), m->now))
		note_session(m, p, sign_of_reset(p, false, our_next.v), 0);
}

void evidence_first(struct minato *m, const struct packet *p,
		    const struct evidence_before *before,
		    const struct socket *s)
{
	const struct tcp *c = &s->body.tcp;

	if (before->held)
		return;
	if ((p->tcp.flags & TCP_RST) && tcp_state(c) == MINATO_CLOSED)
		note_session(m, p,
			     sign_of_reset(p, before->open, before->our_next),
			     0);
	else if (p->payload_len > 0 && tcp_bytes_in(c) > 0)
		note_session(m, p, sign_of_bytes(p), 0);
	else if ((p->tcp.flags & TCP_FIN) && !tcp_untouched(c))
		note_session(m, p, SCAN_EMPTY, 0);
}

/* --- flows that are handed on -------------------------------------------- */

/* What a flow's first packet looks like, in the bits of NAT_LOOK: its kinds,
   its tool, and whether nothing is to be said of it. */
#define LOOK_TOOL 20u
#define LOOK_MUTE (1u << 24)
_Static_assert(MINATO_SCAN_KIND_COUNT <= LOOK_TOOL &&
		       MINATO_SCAN_TOOL_COUNT <= 16,
	       "bits of a look");

static void evidence_began(struct minato *m, const struct packet *p,
			   uint32_t session)
{
	struct scan_contact c = contact_of(m, p);
	bool tells = true;

	if (p->type == PACKET_TCP)
		tells = judge_segment(p, &c);
	else if (p->type == PACKET_UDP)
		tells = judge_datagram(p, &c) && !may_be_answer(m, p, &c);
	nat_look(host_nat(m), session,
		 c.kinds | (uint32_t)c.tool << LOOK_TOOL |
			 (tells ? 0 : LOOK_MUTE));
}

static struct scan_contact contact_of_caller(const struct nat_caller *from)
{
	struct scan_contact c = {
		.source = from->client.addr,
		.target = from->asked.addr,
		.scope = from->scope,
		.proto = from->proto,
		.tool = (from->look >> LOOK_TOOL) & 15,
		.kinds = from->look & ((1u << LOOK_TOOL) - 1),
		.port = from->asked.port,
		.source_port = from->client.port,
	};

	if (c.proto == MINATO_UDP && c.kinds == 0) {
		c.kinds = KIND(UDP);
	} else if (c.proto == NAT_OTHER) {
		c.proto = 0;
		c.kinds = KIND(PROTOCOL);
	} else if (c.proto == MINATO_ICMP) {
		c.port = 0;
		c.source_port = 0;
	}
	return c;
}

/* What the caller's packet says. */
static bool judge_caller(const struct packet *p, const struct nat_way *way,
			 struct scan_contact *c)
{
	c->tool = tool_of(p);
	c->kinds = 0;
	if (way->news == NAT_NEWS_SPOKE)
		c->sign = (uint8_t)sign_of_bytes(p);
	else if (way->news == NAT_NEWS_EMPTY)
		c->sign = SCAN_EMPTY;
	else if (way->news == NAT_NEWS_ABORTED)
		/* No number is judged on the way: anybody may have sent it. */
		c->sign = p->tcp.flags & TCP_ACK ? SCAN_EMPTY : SCAN_HALF;
	else
		return false;
	return true;
}

void evidence_passed(struct minato *m, const struct packet *p,
		     const struct nat_way *way)
{
	struct nat_caller from;
	struct scan_contact c;

	if (way->news == NAT_NEWS_BEGAN) {
		evidence_began(m, p, way->session);
		return;
	}
	if (!nat_caller(host_nat(m), way->session, &from))
		return;
	c = contact_of_caller(&from);
	if (way->news == NAT_NEWS_REFUSED) {
		c.sign = SCAN_CLOSED;
		if (!(from.look & LOOK_MUTE))
			scan_note(host_scan(m), &c, m->now);
		return;
	}
	scan_opened(host_scan(m), &c);
	if (!judge_caller(p, way, &c))
		return;
	if (way->news == NAT_NEWS_SPOKE) {
		struct scan_contact good = c;
		good.sign = SCAN_GOOD;
		scan_note(host_scan(m), &good, m->now);
	}
	scan_note(host_scan(m), &c, m->now);
}

void evidence_silent(struct minato *m)
{
	struct nat_caller from;

	while (nat_silence(host_nat(m), &from)) {
		struct scan_contact c = contact_of_caller(&from);
		c.sign = SCAN_SILENT;
		if (!(from.look & LOOK_MUTE) &&
		    scan_listens(host_scan(m), m->now))
			scan_note(host_scan(m), &c, m->now);
	}
}

/* --- what owners say ----------------------------------------------------- */

/* What a call's SYN offered shows who made it. */
static uint32_t kind_of_call(struct minato *m, const struct socket *s)
{
	struct tcp_env e = host_env(m);
	struct minato_info info;

	if (s->proto == MINATO_UDP)
		return KIND(UDP);
	tcp_info(&e, &s->body.tcp, &info);
	return info.timestamps || info.sack || info.wscale ? KIND(CONNECT) :
							     KIND(SYN);
}

void evidence_refused(struct minato *m, const struct socket *s,
		      const struct port_key *key)
{
	const struct scan_contact c = {
		.source = key->remote,
		.target = key->local,
		.scope = key->scope,
		.proto = key->proto,
		.port = key->local_port,
		.source_port = key->remote_port,
		.sign = SCAN_CLOSED,
		.kinds = key->proto != MINATO_ICMP ? kind_of_call(m, s) : 0,
		.away = is_away(m, key->scope, &key->local),
	};

	if (key->proto != MINATO_ICMP && scan_listens(host_scan(m), m->now))
		scan_note(host_scan(m), &c, m->now);
}

void minato_outcome(struct minato *m, uint64_t entry, enum minato_proto proto,
		    const struct minato_endpoint *remote,
		    const struct minato_endpoint *target,
		    enum minato_outcome outcome)
{
	const bool open = outcome == MINATO_OUTCOME_OPEN;
	struct scan_contact c = {
		.source = remote->addr,
		.target = target->addr,
		.proto = (uint8_t)proto,
		.port = target->port,
		.source_port = remote->port,
	};
	struct minato_entry e;
	uint32_t number;

	host_count(m, open ? COUNTER_OUTCOME_OPEN : COUNTER_OUTCOME_CLOSED);
	if (!entries_find(m, entry, &number))
		return;
	port_get(host_table(m), number, &e);
	c.scope = e.scope;
	if (proto == MINATO_UDP) {
		/* A datagram has no handshake that would vouch for it. */
		if (open)
			return;
		c.sign = SCAN_CLOSED;
		c.kinds = KIND(UDP);
	} else if (outcome == MINATO_OUTCOME_EMPTY) {
		c.sign = SCAN_EMPTY;
	} else if (outcome == MINATO_OUTCOME_ABORTED) {
		c.sign = SCAN_ABORTED;
	} else {
		c.sign = open ? SCAN_GOOD : SCAN_REFUSED;
	}
	scan_note(host_scan(m), &c, m->now);
}

/* --- the listing --------------------------------------------------------- */

bool minato_scan_row(struct minato *m, uint64_t *cursor,
		     struct minato_scan *out)
{
	return scan_row(host_scan(m), cursor, out);
}

bool minato_scan_find(struct minato *m, uint8_t scope,
		      const struct minato_addr *source, struct minato_scan *out)
{
	return scan_of(host_scan(m), scope, source, out);
}

bool minato_scan_event(struct minato *m, struct minato_scan *out)
{
	return scan_event(host_scan(m), out);
}

#define SECONDS_MAX (UINT32_MAX / 2)

int minato_scan_set(struct minato *m, const struct minato_scan_policy *policy)
{
	if ((uint32_t)policy->answer >= MINATO_SCAN_ANSWER_COUNT ||
	    policy->slower_per_s == 0 || policy->slower_per_s > 1000000 ||
	    policy->block_s == 0 || policy->block_max_s < policy->block_s ||
	    policy->block_max_s > SECONDS_MAX)
		return -EINVAL;
	scan_set(host_scan(m), policy);
	return 0;
}

void minato_scan_get(const struct minato *m, struct minato_scan_policy *out)
{
	scan_get(host_scan(m), out);
}

int minato_scan_forget(struct minato *m, uint64_t number)
{
	return scan_forget(host_scan(m), number) ? 0 : -EBADF;
}
