/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * minato/gateway: one address shared by many hosts.
 *
 * A host value with links of the roles INSIDE and OUTSIDE hands packets on
 * between them. IPv4 is translated (NAPT), IPv6 is routed with a stateful
 * guard in front (RFC 6092); both are entries and tuples of the one port
 * table, so no translation takes a port that a socket has, and none gets one
 * that a translation has.
 *
 *	inside (scope 0)                      outside (scope 1)
 *	10.0.0.7:5000  ->  session  ->  198.51.100.1:23456 -> 203.0.113.9:53
 *			      |
 *			   mapping 10.0.0.7:5000 = 198.51.100.1:23456
 *
 *  - A mapping joins one inside endpoint to one outside endpoint, for all
 *    destinations (RFC 4787 REQ-1). It is made by the first packet outward,
 *    together with its port: choice and insertion are one step.
 *  - A session is one flow of a mapping, or of a forward: one record, found
 *    from either side.
 *  - A forward (minato_entry, kind FORWARD with `translate`) opens a port from
 *    outside; its sessions keep the client's address. A dmz gets what nobody
 *    else claims.
 *
 * An inside host reaches the outside addresses too, forwards and mappings of
 * other inside hosts included (hairpin, RFC 4787 REQ-9).
 *
 * Where somebody else is the outside, as sockets of the embedding program, the
 * links of the insides are HOST's that take any destination: packets are handed
 * on between them alike, and all others become held calls.
 */
#ifndef MINATO_GATEWAY_H
#define MINATO_GATEWAY_H

#include "minato/minato.h"

#ifdef __cplusplus
extern "C" {
#endif

enum minato_filtering { /* who may send to a mapping (RFC 4787 5) */
	MINATO_FILTER_ENDPOINT,	    /* anybody */
	MINATO_FILTER_ADDRESS,	    /* hosts that were sent to */
	MINATO_FILTER_ADDRESS_PORT, /* endpoints that were sent to */
};

/* Of the whole gateway. minato_nat_init gives what the RFCs recommend. */
struct minato_nat {
	enum minato_filtering tcp_filtering, udp_filtering; /* ENDPOINT */
	bool hairpin;	/* true */
	/*
	 * When not one port of an address is free for a new mapping, a port
	 * serves another inside endpoint towards destinations that its owner
	 * does not use (RFC 7857 3); for such flows nothing can come unasked.
	 */
	bool overflow;	/* true */
	bool parity;	/* false: keep odd and even (RFC 4787 REQ-4; 7857 8) */
	bool port_class; /* true: 0-1023 to 0-1023, others above (REQ-3a) */
	/* One inside host stays on one pool address (REQ-2); when that one is
	   full: false: dropped, true: another address (RFC 7857 4). */
	bool other_address; /* false */
	bool inbound_refresh; /* false: REQ-6a */
	bool inbound_opens_ipv6; /* false: RFC 6092, closed unless opened */
	bool inbound_ipsec; /* false (deviates, closed means closed): ESP, AH,
			       HIP and IKE reach IPv6 hosts unasked, as RFC 6092
			       3.2.4 has it */
	bool mark_unreachable; /* true: ICMP where no port or memory is left:
				  code 1 (RFC 6888 REQ-11), or 13 at a
				  host's bound (RFC 5508 REQ-8), else silence */
	bool icmp_to_inside, icmp_to_outside; /* true: errors of our own may be
				  sent there (RFC 5508 REQ-9) */
	bool carry; /* true: minato_carry_next tells of flows */
	/* Seconds. */
	uint32_t udp_s;		     /* 300; at least 120 (REQ-5) */
	uint32_t udp_short_s;	     /* 0 = off; well-known ports (REQ-5a) */
	uint32_t tcp_established_s;  /* 7,440 (RFC 5382 REQ-5) */
	uint32_t tcp_opening_s;	     /* 240 (RFC 7857 2.1) */
	uint32_t tcp_closing_s;	     /* 240 */
	uint32_t tcp_reset_s;	     /* 240 (RFC 7857 2.2) */
	uint32_t icmp_s;	     /* 60 (RFC 5508 REQ-2) */
	uint32_t other_s;	     /* 600: protocols without ports; at least
					120 (RFC 6092 3.2.2) */
	uint32_t unsolicited_syn_s;  /* 6 (RFC 5382 REQ-4) */
	uint32_t rest_s;	     /* 120 (RFC 6888 REQ-8) */
	uint32_t rests_max;	     /* freed ports at rest, at once */
	/* Per inside host; 0 = no bound. */
	uint32_t host_tcp, host_udp, host_icmp; /* mappings: 0 */
	uint32_t host_sessions;		       /* 0 */
	uint32_t host_rate;  /* new mappings per second: 0 */
	uint32_t host_burst; /* at once beyond the rate: 0 = the rate */
};
void minato_nat_init(struct minato_nat *nat);
/* -EINVAL (a timer below its RFC's least value, or above 30 days; nothing
   changes), -EOPNOTSUPP (no sessions_max). Timers are those of living flows
   too, at once: what has been idle for longer ends, a part of it with each call
   that is told the time. Filters by address know whom flows
   sent to that were begun under them. */
int minato_nat_set(struct minato *m, const struct minato_nat *nat);
int minato_nat_get(const struct minato *m, struct minato_nat *out);

/*
 * An outside address for translations (it need not be one of
 * minato_address_add; we answer ARP for it on the link), and the ports it may
 * use; 0, 0: 1024..65535, with `port_class` also 1..1023 for inside ports
 * below 1024. -EEXIST, -ENOSPC, -EINVAL.
 */
int minato_pool_add(struct minato *m, uint32_t link,
		    const struct minato_addr *addr, uint16_t low,
		    uint16_t high);
/* Ends its mappings and sessions. Returns how many, or -ENOENT. */
int minato_pool_remove(struct minato *m, uint32_t link,
		       const struct minato_addr *addr);

/* The scope of the inside link behind which the address is, by the longest
   prefix or route; of the first inside where none says so. */
uint8_t minato_inside_scope(const struct minato *m,
			    const struct minato_addr *addr);
/*
 * Where somebody else is the outside, and carries flows of inside hosts there:
 * one begins, with a port of its own, and is over, so that the bounds of
 * struct minato_nat per inside host hold for it too. -EBUSY: a bound is
 * reached. -ENOSPC: inside_hosts_max. -EBADF: none was joined. Without
 * sessions_max nothing counts, and nothing is refused.
 */
int minato_inside_join(struct minato *m, uint8_t scope, enum minato_proto proto,
		       const struct minato_endpoint *inside);
int minato_inside_leave(struct minato *m, uint8_t scope,
			enum minato_proto proto,
			const struct minato_addr *inside);

/* Servers behind one forward, chosen by a keyed hash of the client (its
   address alone where `sticky`) in proportion to their weights; a server that
   comes or goes moves only its share. */
struct minato_server {
	/* Port 0: the port that was asked for. Else it is that of the
	   forward's first, and the others keep their distance to it, unless
	   they are many to one. */
	struct minato_endpoint at;
	uint32_t weight; /* 0..65535; 0: no new flows (draining) */
	bool down;	 /* no new flows (health) */
};
#define MINATO_SERVERS_MAX 64u
/* Makes it, or changes it where *group is its handle; flows live on.
   -ENOSPC, -EINVAL, -EBADF. */
int minato_group_set(struct minato *m, uint64_t *group,
		     const struct minato_server *servers, uint32_t count,
		     bool sticky);
int minato_group_get(struct minato *m, uint64_t group,
		     struct minato_server *servers, uint32_t max);
int minato_group_remove(struct minato *m, uint64_t group); /* -EBUSY: used */

/* A forward or a dmz that drains: no new flow goes by it until that is taken
   back; those that it has live on. -EBADF, -EINVAL. */
int minato_entry_drain(struct minato *m, uint64_t entry, bool drain);

/*
 * Flows of a FORWARD without `translate` end with its owner, who goes on with
 * them: he asks where to, and says when they are over, so that such a forward
 * has servers and bounds too. The table has let it begin by then.
 *  minato_forward_join	writes where this client's flow goes, and its place
 *			among those of the forward, which counts from now on.
 *			-EBUSY: a bound is reached. -EHOSTUNREACH: it drains,
 *			or no server takes flows. -EBADF, -EINVAL (it is no
 *			such forward). Without sessions_max the target stays
 *			as it is, and the place is 0: nothing counts.
 *  minato_forward_leave	it is over, be the entry there or not. -EBADF.
 *  minato_forward_targets writes where flows to that port go, or went before
 *			servers drained or failed: this client's first, or that
 *			of the target given. Returns how many, or as join.
 */
struct minato_led {
	struct minato_endpoint client, asked; /* who called, and where */
	struct minato_endpoint target;
	uint32_t place;
};
int minato_forward_join(struct minato *m, uint64_t entry,
			struct minato_led *led);
int minato_forward_leave(struct minato *m, uint32_t place,
			 const struct minato_addr *client);
int minato_forward_targets(struct minato *m, uint64_t entry,
			   const struct minato_led *led,
			   struct minato_endpoint out[MINATO_SERVERS_MAX]);

/* What keeps a flow from beginning now that rules and entries let begin. */
enum minato_hindrance {
	MINATO_HINDERED_NOT,
	MINATO_HINDERED_DRAINS,	       /* minato_entry_drain */
	MINATO_HINDERED_NO_SERVER,     /* all of the group are down or drain */
	MINATO_HINDERED_FORWARD_FLOWS, /* flows_max of the entry */
	MINATO_HINDERED_SOURCE_FLOWS,  /* source_flows_max */
	MINATO_HINDERED_HOST_PORTS,    /* of an inside host: host_tcp, ... */
	MINATO_HINDERED_HOST_SESSIONS,
	MINATO_HINDERED_HOST_RATE,
	MINATO_HINDERED_NO_POOL,  /* there is no outside address */
	MINATO_HINDERED_FILTERED, /* of a mapping, which did not send there */
	MINATO_HINDERED_NO_HAIRPIN,
	MINATO_HINDERED_TAKEN, /* another inside host has the protocol there */
};
struct minato_prospect {
	uint8_t hindrance;	       /* enum minato_hindrance */
	uint32_t bound;		       /* that is reached, or 0 */
	struct minato_endpoint target; /* of a forward: where this caller's flow
					  goes, or would; port 0 and all zero:
					  it has none */
};
/*
 * Whether a frame, that was not given to minato_input, holds a TCP call (a SYN
 * alone) from outside that would be handed on now: by the table, rules, bounds
 * and servers. Nothing is made, counted or taken from a rate. For an owner that
 * asks callers in a flood for a proof before he lets them in (RFC 4987 3.6): of
 * a port that is shut nobody shall learn by that. The frame's chunk stays his.
 */
bool minato_would_call(struct minato *m, const struct minato_frame *frame);

struct minato_question; /* minato/guard.h */
/*
 * What minato_explain does not know: bounds, servers, filters. The question is
 * that of the packet's own link, as its face; one that is no link's: it comes
 * from outside, without a frame. Nothing is made and nothing
 * counted. -EOPNOTSUPP (no sessions_max), -EINVAL.
 */
int minato_foresee(struct minato *m, const struct minato_question *question,
		   struct minato_prospect *out);

/* Whether a packet of that source may come by that link. */
enum minato_origin {
	MINATO_ORIGIN_GOOD,
	MINATO_ORIGIN_NOBODYS,	 /* unspecified, loopback, a group */
	MINATO_ORIGIN_OURS,	 /* an address of ours on that side */
	MINATO_ORIGIN_BROADCAST, /* of a subnet on that link, or of all */
	MINATO_ORIGIN_ELSEWHERE, /* of an inside: it is not behind that link */
	MINATO_ORIGIN_INSIDES,	 /* from outside: it is an inside's */
};
/*
 * What is asked of a packet before rules are, as the packets are asked; any but
 * GOOD is dropped. The question's face is the link that it comes by. ELSEWHERE
 * and INSIDES: *link is the link that leads to it, or MINATO_FACE_ANY where
 * none does. Nothing is made and nothing counted.
 */
enum minato_origin minato_origin(struct minato *m,
				 const struct minato_question *question,
				 uint32_t *link);
/* What counts such packets; NULL for GOOD. */
const char *minato_origin_counter(enum minato_origin origin);

/* One flow, as it is handed on. */
struct minato_session {
	uint64_t handle;     /* of sessions and mappings: below 2^53 */
	uint8_t proto;	     /* MINATO_PROTO_OTHER: its number is all ports */
	uint8_t state;	     /* enum minato_nat_state */
	uint8_t from, to;    /* scopes: of who began it, of the other */
	/* OPEN: the beginner has not answered the other's SYN; not TCP: nobody
	   has answered yet. */
	bool half_open;
	bool hairpin, forward, overflow;
	/* As the beginner sends: from source to destination; and as the other
	   one sends back. IPv6: the reverse of it. */
	struct minato_endpoint source, destination;
	struct minato_endpoint back_source, back_destination;
	struct minato_time since, until;
	uint64_t entry; /* handle of the forward or dmz, or 0 */
};
enum minato_nat_state { /* RFC 7857 2 */
	MINATO_NAT_OPENING,
	MINATO_NAT_OPEN,
	MINATO_NAT_CLOSING, /* one FIN or both */
	MINATO_NAT_RESET,   /* a RST was seen */
};
struct minato_mapping {
	uint64_t handle;
	uint8_t proto;
	uint8_t scope; /* of the inside */
	struct minato_endpoint inside, outside;
	uint32_t sessions;
	struct minato_time since, until;
};
/* Walks, *cursor 0 at first; as minato_row. */
bool minato_session_next(struct minato *m, uint64_t *cursor,
			 struct minato_session *out);
bool minato_mapping_next(struct minato *m, uint64_t *cursor,
			 struct minato_mapping *out);
/* Who has, or had at last, this outside endpoint? -ENOENT. */
int minato_mapping_find(struct minato *m, enum minato_proto proto,
			const struct minato_endpoint *outside,
			struct minato_mapping *out);
/* Ends one flow, mapping (with its flows), or all of an inside host. */
int minato_session_end(struct minato *m, uint64_t handle);
int minato_mapping_end(struct minato *m, uint64_t handle);
int minato_inside_end(struct minato *m, const struct minato_addr *inside);

/*
 * Where the first sessions of this config will lie (sessions_first of them),
 * for who makes the pages of that memory before they come: a page that is
 * touched for the first time costs a new session many times what it takes
 * otherwise. Room for MINATO_RANGES_MAX. Returns how many; 0: a wrong config,
 * or one without sessions_first.
 */
uint32_t minato_sessions_ranges(const struct minato_config *config,
				struct minato_range *out);

/*
 * Carries a flow over from another host value (a predecessor that died).
 * Everything is checked as if a stranger had said it: addresses of links and
 * pools, ports, states, times not in the future beyond the timers; a port
 * that somebody has meanwhile. -EINVAL, -EADDRINUSE, -ENOSPC.
 */
int minato_session_adopt(struct minato *m, const struct minato_session *s);
/*
 * Reads the sessions that lie in the memory of a host value that nobody runs
 * any more, or that was cut off anywhere: believes nothing (bounds of every
 * index, cycles), writes nothing. False at the end or where it makes no sense.
 */
bool minato_session_salvage(const void *memory, size_t size,
			    const struct minato_config *config,
			    uint64_t *cursor, struct minato_session *out);

/*
 * Flows that somebody else may carry, as hardware or a kernel could: open TCP
 * connections that have shown that they last. What decides stays here: whoever
 * carries one direction of a flow takes over plain segments alone; those with
 * SYN, FIN or RST, with a hop limit below 2, longer than the link they leave by
 * allows, and fragments come here as ever. The hop limit goes down by one.
 *
 * Nobody need carry what is offered, or say so. A flow whose segments come here
 * is offered again now and then; one that is followed, with each of them. So
 * who begins to carry need not overtake what is on its way through here: once
 * all that minato_output gave has been sent, a segment that begins at `next`
 * has nothing before it.
 */
enum minato_carry_kind {
	MINATO_CARRY_OFFER, /* one direction, with all that is below */
	MINATO_CARRY_END,   /* `session` is not to be carried any more */
	MINATO_CARRY_LOOK,  /* a way may have changed: minato_carry_seen for
			       each, now */
};
struct minato_carry {
	enum minato_carry_kind kind;
	uint8_t side; /* 0: from who began it; 1: back */
	uint8_t proto;
	uint8_t mac[6];	   /* of the next hop */
	uint32_t from, to; /* links, both Ethernet */
	uint32_t next;	   /* sequence number behind what passed here */
	uint64_t session;  /* handle */
	struct minato_endpoint source, destination; /* as they come */
	struct minato_endpoint new_source, new_destination;
};
/* The next one; false: none. To be asked after each call that may change
   something: ends are told at once. */
bool minato_carry_next(struct minato *m, struct minato_carry *out);
/* Both directions of an offered flow are to be followed from now on. */
void minato_carry_follow(struct minato *m, const struct minato_carry *what);
/*
 * Of a direction that is carried, at least once in a second: `frames` more were
 * carried, the last one then. They count and refresh as if they had passed
 * here. False: it is not to be carried any more, or not so.
 */
bool minato_carry_seen(struct minato *m, const struct minato_carry *what,
		       struct minato_time last, uint64_t frames);

/* What the management hears (RFC 6888 REQ-11c); no destinations (REQ-12). */
enum minato_nat_news_kind {
	MINATO_NEWS_MAPPED,	 /* a mapping was made */
	MINATO_NEWS_UNMAPPED,	 /* and ended */
	MINATO_NEWS_NO_PORT,	 /* none was left for `inside` */
	MINATO_NEWS_HOST_BOUND,	 /* `inside` reached a bound of its own */
	MINATO_NEWS_NO_MEMORY,	 /* mappings_max or sessions_max */
};
struct minato_nat_news {
	enum minato_nat_news_kind kind;
	uint8_t proto;
	struct minato_endpoint inside, outside;
	struct minato_time at;
	uint32_t repeated; /* the same again, within a second: told once */
};
/* The next one; false: none. A ring of 1,024: the oldest gives way, counted. */
bool minato_nat_news(struct minato *m, struct minato_nat_news *out);

#ifdef __cplusplus
}
#endif
#endif
