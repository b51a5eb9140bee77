/* SPDX-License-Identifier: BSD-2-Clause */
/* An outside made of host sockets: the rootless uplink, the published ports and the resolver. */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drive/drive.h"
#include "minato/minato.h"

/*
 *   guest program   tap    host value           relay                 the host's kernel
 *        connect  -----> uplink entry -- call --> socket, connect --->  a far server
 *                        (held)       <- answer --- it answered
 *                        (held)       <- refuse --- ECONNREFUSED
 *        listen   <----- transparent  <- connect -- minato_arrive <---  a caller of a published port
 *                        socket                     (forward entry)
 *
 * The relay is one owner of sockets of a host value, and knows it through minato.h alone. It keeps
 * no table of ports: what a packet or a caller meets is looked up in the host value's table, and
 * each handle carries the relay's word. Conventions are drive.h's (0, count or negative errno;
 * `struct drive_error` for what a user can mend; ports in host order).
 *
 * How a program uses it, in this order:
 *
 *   relay_publish_add      each -p                          (nothing touched yet)
 *   relay_publish_open     bind all host ports              (or say who holds them)
 *   drive_guest_make ...   namespaces, tap                  (takes no descriptor along)
 *   minato_create, minato_address_add (gateway, DNS), minato_route_add
 *   relay_create           entries, DNS sockets
 *   relay_publish_start    callers are accepted from now on
 *   drive_loop_hook(loop, relay_pump, relay)                before the hook that writes the tap
 *   drive_guest_go, drive_loop_run
 */

/* ---- spec.c: the text of -p ---- */

/* Which protocols a publication is for: bits. */
#define RELAY_TCP 1u
#define RELAY_UDP 2u

/* One published port, or a run of as many. */
struct relay_spec {
	struct minato_addr addr; /* of the host; meaningless if every */
	bool every;		 /* all addresses, both families */
	uint8_t protocols;	 /* RELAY_TCP | RELAY_UDP */
	uint16_t first, last;	 /* host ports, 1-65535, first <= last */
	uint16_t guest;		 /* guest port of `first`; the run keeps its offset */
};

struct relay_published; /* one bound host socket */

/* All that is to be published. All zero is an empty list. */
struct relay_publish {
	struct relay_spec *specs;
	size_t spec_count;
	struct relay_published *sockets; /* since relay_publish_open */
	size_t socket_count;
};

/*
 * Parses one argument of -p and appends to the list:
 *
 *   [ADDR:]HOST[:GUEST][,[ADDR:]HOST[:GUEST]...][/tcp|/udp|/both]
 *
 * HOST and GUEST are a port or a run FIRST-LAST; ADDR is IPv4, or IPv6 in brackets, and holds for
 * the items after it in the same argument too, so that a list cannot open more than it says.
 * Without ADDR: every address of both families; without GUEST: the same port; without a suffix:
 * TCP. On failure nothing is appended and the text names the fault, then repeats the argument with
 * a caret under it (three lines). -EINVAL; -EEXIST for a port published already; -ENOMEM.
 */
int relay_publish_add(struct relay_publish *list, const char *text, struct drive_error *error);

/* ---- publish.c: the host sockets of published ports ---- */

/*
 * Binds every port of the list for the families the guest has, without accepting yet: callers are
 * refused until relay_publish_start, and no other program can take the port meanwhile. All or
 * nothing. -EADDRINUSE with who holds it and the next free port; -EACCES for a port below
 * net.ipv4.ip_unprivileged_port_start with the remedy; -EADDRNOTAVAIL, -EAFNOSUPPORT, -EMFILE.
 */
int relay_publish_open(struct relay_publish *list, bool has4, bool has6, struct drive_error *error);
/* Closes what is open and empties the list. Safe at any time; those started live on in the relay.
 */
void relay_publish_free(struct relay_publish *list);

/* ---- relay.c ---- */

struct relay;

struct relay_config {
	struct minato *host;	    /* borrowed for the relay's life */
	struct drive_loop *loop;    /* borrowed likewise */
	struct drive_subnet subnet; /* the guest's families and addresses */
	uint8_t inside;		    /* scope of the guest's link */
	uint8_t outside;	    /* scope of what arrives at host sockets; not `inside` */
	bool host_loopback;	    /* the gateway's address leads to the host's loopback */
	const char *resolv_path;    /* NULL: /etc/resolv.conf; borrowed */
	uint32_t flows_max;	    /* connections and associations at once; 0: 65,536 */
	/*
	 * Events of sockets that are not the relay's, for whoever shares the host value. May be
	 * NULL. Words below 2^56 and 0 are free for others; the relay's own have the top byte
	 * RELAY_WORD.
	 */
	void (*other)(void *user, const struct minato_event *event);
	void *other_user;
};

#define RELAY_WORD 0xa5u

/*
 * Makes a relay and adds its entries to the table, in the scope `inside`: the uplink for TCP and
 * UDP of each family; guards that refuse the host's loopback, "this host", broadcast and the
 * gateway (which stays open with host_loopback); the DNS sockets on the DNS address, which must be
 * an address of the host value by now. Raises RLIMIT_NOFILE of this process to the hard limit: call
 * it after drive_guest_make, so that the guest keeps the caller's. -ENOMEM, and what minato.h's
 * functions say.
 */
int relay_create(struct relay **out, const struct relay_config *config, struct drive_error *error);
/*
 * Ends all flows with a reset to the far side (never a FIN that would make a cut transfer look
 * whole), closes all descriptors, removes the entries.
 */
void relay_free(struct relay *relay);
/*
 * Accepts callers of the published ports: adds a forward entry for each, takes the sockets over
 * from the list (which keeps its specs) and watches them. -EADDRINUSE if another entry stands
 * there, or listen's error.
 */
int relay_publish_start(struct relay *relay, struct relay_publish *list, struct drive_error *error);

/*
 * A drive_hook_fn: sets the host value's time, drains its events, moves bytes both ways and runs
 * the relay's timers. Returns when it wants to be called again at the latest. Add it as a hook
 * *before* the one that calls drive_tap_write and returns minato_deadline.
 */
struct minato_time relay_pump(void *relay, struct minato_time now);

/* What the relay knows about a socket or entry of a listing, beside its struct minato_row. */
enum relay_what {
	RELAY_WHAT_NOTHING,   /* not the relay's */
	RELAY_WHAT_UPLINK,    /* the entry that dials out */
	RELAY_WHAT_GUARD,     /* a guard of the relay */
	RELAY_WHAT_PUBLISHED, /* the entry of a published port */
	RELAY_WHAT_RESOLVER,  /* a DNS socket */
	RELAY_WHAT_OUT,	      /* a flow of the guest to the outside */
	RELAY_WHAT_IN,	      /* a flow of a caller to the guest */
};

struct relay_about {
	enum relay_what what;
	/* The rest is for OUT and IN. */
	struct minato_endpoint near; /* the host socket's own end: the outside port; port 0: none */
	struct minato_endpoint far;  /* its peer (UDP OUT: the latest destination) */
	uint64_t bytes_in, bytes_out; /* from and to the outside */
	struct minato_time since, last;
};

/* About the owner's word of a row or event. False (and NOTHING) if it is not the relay's. */
bool relay_about(const struct relay *relay, uint64_t user, struct relay_about *out);

#define RELAY_COUNTERS(X)                                                                          \
	X(TCP_OUT, "relay_tcp_out")			/* calls of the guest that were dialled */ \
	X(TCP_OUT_REFUSED, "relay_tcp_out_refused")	/* the far side refused */                 \
	X(TCP_OUT_FAILED, "relay_tcp_out_failed")	/* unreachable, timed out */               \
	X(TCP_IN, "relay_tcp_in")			/* callers of published ports */           \
	X(TCP_IN_REFUSED, "relay_tcp_in_refused")	/* the guest's port was closed */          \
	X(UDP_OUT, "relay_udp_out")			/* guest endpoints that sent */            \
	X(UDP_IN, "relay_udp_in")			/* clients of published ports */           \
	X(UDP_EXPIRED, "relay_udp_expired")		/* idle for five minutes */                \
	X(UDP_EVICTED, "relay_udp_evicted")		/* gave way when something ran out */      \
	X(UDP_LOST, "relay_udp_lost")			/* datagrams no socket had room for */     \
	X(UDP_ERRORS, "relay_udp_errors")		/* ICMP errors handed to the guest */      \
	X(REFUSED_INNER, "relay_refused_inner")		/* to the host's inner side */             \
	X(REFUSED_MULTICAST, "relay_refused_multicast") /* to a group: not carried */              \
	X(NO_DESCRIPTOR, "relay_no_descriptor")		/* calls turned away for want of one */    \
	X(NO_FLOW, "relay_no_flow")			/* calls turned away at flows_max */       \
	X(DNS_QUERIES, "relay_dns_queries")                                                        \
	X(DNS_ANSWERS, "relay_dns_answers")                                                        \
	X(DNS_FAILED, "relay_dns_failed")    /* answered SERVFAIL by the relay itself */           \
	X(DNS_EVICTED, "relay_dns_evicted")  /* oldest question given up for a new one */          \
	X(DNS_MALFORMED, "relay_dns_malformed")                                                    \
	X(DNS_STRANGE, "relay_dns_strange")  /* answers to no question of ours */

enum relay_counter {
#define X(name, text) RELAY_COUNT_##name,
	RELAY_COUNTERS(X)
#undef X
	RELAY_COUNTER_COUNT
};
/* NULL beyond the last. */
const char *relay_counter_name(unsigned counter);
uint64_t relay_counter(const struct relay *relay, unsigned counter);

#endif
