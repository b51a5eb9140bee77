/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * minato: a host's ports, whole, as a library without input or output.
 *
 * A *host value* is one TCP/IP host with its port table. It lives in memory
 * that the caller gives, does no system call, reads no clock, draws no random
 * number (a seed is given), starts no thread and has no global: frames and
 * time go in; frames, events and one deadline come out. Any number of host
 * values can live in one process and be driven in virtual time.
 *
 *      caller                       host value
 *      ------                       ----------
 *      minato_lease, fill    ->     payload chunk
 *      minato_input(frames)  ->     parse, look up, deliver
 *      minato_event          <-     which sockets became ready
 *      minato_send, _recv .. ->     the verbs of sockets
 *      minato_output         <-     frames to transmit, in order
 *      minato_deadline       <-     when to call minato_advance
 *
 * Conventions, true of everything here:
 *  - A function that can fail returns 0 or a count on success and a negative
 *    errno number on failure. Nothing blocks; what would block is -EAGAIN.
 *  - Handles are 64 bits, index and generation: a stale handle is -EBADF,
 *    never a crash. 0 is no handle.
 *  - Ports are in host order, addresses in network order, lengths in bytes,
 *    times in nanoseconds on the caller's monotonic clock.
 *  - A pointer handed out stays valid until the next call on the same host
 *    value, unless the declaration says otherwise.
 *  - One host value is used by one thread at a time.
 */
#ifndef MINATO_MINATO_H
#define MINATO_MINATO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MINATO_VERSION "0.1.0"

struct minato; /* one host value */

/* An instant or a span on the caller's monotonic clock, 0 or more. */
struct minato_time {
	int64_t ns;
};
#define MINATO_NEVER ((struct minato_time){ INT64_MAX })

/*
 * An address of either family in one form: IPv6, or IPv4 as ::ffff:a.b.c.d.
 * All zero is the IPv6 wildcard, which for a dual-stack bind means both
 * families; ::ffff:0.0.0.0 is the IPv4 wildcard. (An IPv6 packet that carries
 * a mapped address on the wire is refused, never confused with IPv4.)
 */
struct minato_addr {
	uint8_t bytes[16];
};

struct minato_endpoint {
	struct minato_addr addr;
	uint16_t port; /* host order; 0 = any / choose one */
};

struct minato_addr minato_addr4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
bool minato_addr_is4(const struct minato_addr *a);
/* True for :: and ::ffff:0.0.0.0. */
bool minato_addr_is_any(const struct minato_addr *a);
bool minato_addr_equal(const struct minato_addr *a,
		       const struct minato_addr *b);
/* Parses "10.0.2.2", "fd00::1". Returns 0 or -EINVAL. */
int minato_addr_parse(const char *text, struct minato_addr *out);
/* Writes the canonical form (RFC 5952). `size` >= 46. Returns its length. */
size_t minato_addr_format(const struct minato_addr *a, char *out, size_t size);

enum minato_proto {
	MINATO_ICMP = 1, /* echo by identifier; ICMPv6 on IPv6 addresses */
	MINATO_TCP = 6,
	MINATO_UDP = 17,
};
/* In place of one: what has no ports, such as GRE and ESP, which its number
   tells apart. Of sessions (gateway.h) and of rules (guard.h). */
#define MINATO_PROTO_OTHER 127u

/*
 * How IANA assigns a number (RFC 6335 6): by IETF review, to who asks, never.
 * 0 is a System Port, reserved: in a bind it is a wish, "choose one", and on
 * the wire it is not. Of what arrives, TCP with port 0 and UDP to port 0 are
 * dropped and counted; UDP *from* port 0 is delivered (RFC 768: "if not used,
 * a value of zero is inserted") and cannot be answered. Nothing is sent from
 * or to port 0.
 */
#define MINATO_PORT_KINDS(X)                                                   \
	X(SYSTEM, "system") /* 0..1023 */                                      \
	X(USER, "user") /* 1024..49151 */                                      \
	X(DYNAMIC, "dynamic") /* 49152..65535 */

enum minato_port_kind {
#define X(name, text) MINATO_PORT_##name,
	MINATO_PORT_KINDS(X)
#undef X
	MINATO_PORT_KIND_COUNT
};
#define MINATO_PORT_USER_FIRST 1024u
#define MINATO_PORT_DYNAMIC_FIRST 49152u
enum minato_port_kind minato_port_kind(uint16_t port);
/* "system", "user", "dynamic". */
const char *minato_port_kind_name(enum minato_port_kind kind);

/* ------------------------------------------------------------------------
 * Making a host value
 */

#define MINATO_LINKS_MAX 8

enum minato_link_type {
	MINATO_LINK_ETHERNET, /* frames with an Ethernet II header; ARP, ND */
	MINATO_LINK_IP,	      /* bare IP packets, as on a tun device */
};

/* Offloads that the other side of a link accepts in frames we put out. */
#define MINATO_OFFLOAD_CSUM 0x01u /* partial TCP/UDP checksum */
#define MINATO_OFFLOAD_TSO4 0x02u /* TCP super-segments (need CSUM) */
#define MINATO_OFFLOAD_TSO6 0x04u
#define MINATO_OFFLOAD_USO4 0x08u /* UDP runs in one frame (need CSUM) */
#define MINATO_OFFLOAD_USO6 0x10u

/*
 * Where a link leads, of a host value that hands packets on (gateway.h). A
 * HOST link is an end: what is not for us is dropped.
 */
enum minato_role {
	MINATO_ROLE_HOST,
	MINATO_ROLE_INSIDE,  /* the hosts that share our addresses */
	MINATO_ROLE_OUTSIDE, /* all of these have one scope, no inside's */
};

struct minato_link_config {
	enum minato_link_type type;
	uint32_t mtu;	   /* IP bytes per packet, 576 (IPv6: 1280)..65535 */
	uint32_t offloads; /* MINATO_OFFLOAD_*; 0 = plain, software splitter */
	uint8_t mac[6];	   /* ours, on ETHERNET */
	uint8_t scope;	   /* the address space behind this link, 0..15 */
	/*
	 * Answer ARP and neighbour solicitations for every on-link address
	 * that is not a known neighbour: we speak for the world. Link-local
	 * ones are among them where any_destination is said too.
	 */
	bool proxy;
	/*
	 * Take IP packets whatever their destination (a guest's uplink), but
	 * groups, broadcasts and loopback. A link-local one goes no further
	 * (RFC 3927 2.7, RFC 4291 2.5.6): its call is there to be rejected.
	 */
	bool any_destination;
	enum minato_role role; /* INSIDE and OUTSIDE need sessions_max */
};

/*
 * How a local port is chosen where nobody names one. All but the first are
 * those of RFC 6056 3.3, in its order; where one of them would give up though
 * a port is free, a uniform choice among the free ones follows.
 */
#define MINATO_CHOOSERS(X)                                                     \
	X(PERMUTATION, "permutation", "a keyed permutation per destination")   \
	X(RANDOM_WALK, "random-walk", "RFC 6056 algorithm 1")                  \
	X(RANDOM, "random", "RFC 6056 algorithm 2")                            \
	X(HASH, "hash", "RFC 6056 algorithm 3")                                \
	X(DOUBLE_HASH, "double-hash", "RFC 6056 algorithm 4")                  \
	X(INCREMENTS, "increments", "RFC 6056 algorithm 5")

enum minato_chooser {
#define X(name, text, help) MINATO_CHOOSER_##name,
	MINATO_CHOOSERS(X)
#undef X
	MINATO_CHOOSER_COUNT
};
/* The chooser of that name (as listed above), or -EINVAL. */
int minato_chooser_by_name(const char *name);
const char *minato_chooser_name(enum minato_chooser chooser);

/*
 * Capacities reserve address space only; memory is touched as it fills. 0
 * takes the default of minato_config_init.
 */
struct minato_config {
	uint64_t seed[2]; /* 128 secret bits: ISNs, hashes, ports, cookies */
	uint32_t sockets_max;	  /* TCP connections and all other sockets */
	uint32_t time_wait_max;	  /* and as many freed ports at rest */
	uint32_t entries_max;	  /* general entries of the port table */
	uint32_t neighbours_max;
	uint32_t routes_max;
	uint32_t chunks_large;	  /* of MINATO_CHUNK_LARGE bytes */
	uint32_t chunks_small;	  /* of MINATO_CHUNK_SMALL bytes */
	uint32_t active_max;	  /* connections with data in flight at once */
	uint32_t calls_max;	  /* held and answered calls at once */
	/*
	 * Half-open calls of listeners that are kept, 48 bytes and a tuple
	 * each; above them SYNs are answered by cookies, and nothing is kept
	 * (RFC 4987). 0: as many as calls.
	 */
	uint32_t half_open_max;
	/*
	 * Connections that one source (an IPv4 address, the /64 of an IPv6
	 * one) may have begun and hold at once; its further SYNs are dropped
	 * (counted). 0: no bound. Without one too the source that holds most
	 * gives way to others when room is short: see minato_listen.
	 */
	uint32_t source_connections_max;
	/*
	 * KB (1,024 bytes) that may be queued, in connections begun by others,
	 * for peers that do not take it: their window stays closed or below
	 * 536 bytes, or they have not acknowledged three repetitions. RFC 9293
	 * 3.8.6.1 lets a window be closed for ever; RFC 6429 3 lets a host that
	 * wants its resources end such a connection. Above the bound,
	 * connections of the source with most of it are reset: -ECONNABORTED.
	 * 0: no bound as long as there is memory for others. Where there is
	 * not (three quarters of it are in use, or a write was cut short), what
	 * is above an eighth of it makes way, whatever the bound. A source of
	 * which one was reset so gets no new connection for five seconds.
	 */
	uint32_t pinned_kb_max;
	/*
	 * Packets being put together from fragments at once; each holds a
	 * large chunk for at most 60 s, so there are at most a quarter as many
	 * as these. When all are used, the oldest one of the source that has
	 * most of them gives way.
	 */
	uint32_t reassemblies_max;
	uint32_t owners_max; /* different owners on record, 65535 at most */
	uint32_t leases_max;	  /* ports lent by minato_port_take at once */
	/* Sources with a place in the statistic of scans (scan.h), 16 bytes
	   each; rounded up to 2^n. 65,536; at most 2^24. */
	uint32_t scan_sources_max;
	/*
	 * Of a gateway (gateway.h); sessions_max 0: nothing is handed on. A
	 * session takes 64 bytes and two tuples (IPv6: 128), a mapping the same
	 * again. Altogether they may ask for PORT_TUPLES_MAX (2^26) tuples.
	 */
	uint32_t sessions_max;
	uint32_t mappings_max;	     /* 0: as many as sessions */
	uint32_t inside_hosts_max;   /* with a mapping or session; 65,536 */
	uint32_t pool_addresses_max; /* 64; at most 4,096 */
	/*
	 * For so many sessions over IPv4, each with a mapping of its own, the
	 * port table has room from the start and need not grow by steps; see
	 * minato_sessions_ranges. At most sessions_max. 0: for some 65,536.
	 */
	uint32_t sessions_first;
	enum minato_chooser chooser;
	uint32_t link_count;
	struct minato_link_config link[MINATO_LINKS_MAX];
};

#define MINATO_CHUNK_LARGE 65536u
#define MINATO_CHUNK_SMALL 2048u

/* Fills in the defaults (65,536 sockets, 64 MB of payload, no link). */
void minato_config_init(struct minato_config *config);

/* Bytes of memory one host value of this config wants, or 0 if it is wrong. */
size_t minato_size(const struct minato_config *config);

/* Bytes of a host value's memory, from its first; minato_sessions_ranges. */
struct minato_range {
	size_t at, bytes;
};
#define MINATO_RANGES_MAX 16u

/*
 * Makes a host value in `memory`: `size` >= minato_size(config) bytes, aligned
 * to 64, all zero (fresh anonymous pages, so that capacity stays untouched).
 * Borrows the memory until the caller stops using the value; there is nothing
 * else to release. No pointer is stored inside: a byte copy is a checkpoint.
 * Fails with -EINVAL (wrong config or alignment, a negative instant), -ENOMEM
 * (size too small).
 */
int minato_create(void *memory, size_t size, const struct minato_config *config,
		  struct minato_time now, struct minato **out);

/*
 * Address of ours on a link, with its on-link prefix. -EEXIST, -ENOSPC,
 * -EINVAL (prefix length above 32/128, multicast, link unknown).
 */
int minato_address_add(struct minato *m, uint32_t link,
		       const struct minato_addr *addr, uint32_t prefix_len);
int minato_address_remove(struct minato *m, uint32_t link,
			  const struct minato_addr *addr);
/*
 * The link takes packets of so many bytes from now on: 576..65535, or -EINVAL.
 * What is handed on follows at once, and connections of ours that leave by it
 * send smaller segments; larger ones only those that begin later.
 */
int minato_link_mtu(struct minato *m, uint32_t link, uint32_t mtu);
/*
 * Tells all on an Ethernet link that an address of ours there, or one of a
 * translation (gateway.h), is at our MAC: for a link that came up, or whose
 * MAC is another than before (RFC 5227 2.3, RFC 4861 7.2.6). Once; who wants
 * to be sure repeats it. 0; -EINVAL: no such link, not Ethernet, not ours.
 */
int minato_announce(struct minato *m, uint32_t link,
		    const struct minato_addr *addr);
/* Route of the host value itself. `gateway` NULL = on-link. */
int minato_route_add(struct minato *m, const struct minato_addr *prefix,
		     uint32_t prefix_len, const struct minato_addr *gateway,
		     uint32_t link);
/*
 * A neighbour known beforehand. `mac` NULL: the address belongs to somebody
 * else on the link (not answered for by `proxy`), its MAC is resolved.
 */
int minato_neighbour_add(struct minato *m, uint32_t link,
			 const struct minato_addr *addr, const uint8_t *mac);
/*
 * Sends router advertisements on the link (solicited, and once at start):
 * prefix and DNS server may be NULL. Lifetimes 1800 s (RFC 4861 6.2).
 */
int minato_advertise(struct minato *m, uint32_t link,
		     const struct minato_addr *prefix,
		     const struct minato_addr *dns);

/* ------------------------------------------------------------------------
 * Frames and time
 */

/* Layout of POSIX struct iovec, so that a driver can pass it on. */
struct minato_extent {
	void *base;
	size_t len;
};

#define MINATO_CHUNK_NONE UINT32_MAX

/*
 * Leases a large chunk for the driver to fill with one frame. Writes where it
 * is. Returns the chunk, or MINATO_CHUNK_NONE when none is free (counted;
 * drop or wait). The lease ends by minato_input or minato_unlease.
 */
uint32_t minato_lease(struct minato *m, struct minato_extent *where);
/*
 * A small chunk, for a frame without super-segments: room for 1,984 bytes, and
 * before them for the header of another link. A gateway reads such frames best
 * here: large chunks all begin at the same places of a cache.
 */
uint32_t minato_lease_small(struct minato *m, struct minato_extent *where);
void minato_unlease(struct minato *m, uint32_t chunk);

enum minato_gso {
	MINATO_GSO_NONE,
	MINATO_GSO_TCP4,
	MINATO_GSO_TCP6,
	MINATO_GSO_UDP, /* USO, either family */
};

/*
 * A frame that arrives. `chunk`: a leased chunk that holds all of `data`,
 * taken over by minato_input (even where the frame is dropped); or
 * MINATO_CHUNK_NONE: `data` is the caller's and what is kept is copied.
 */
struct minato_frame {
	const uint8_t *data;
	uint32_t len;
	uint32_t chunk;
	uint32_t link;
	uint16_t gso_size;     /* payload per packet of a super-segment, or 0 */
	enum minato_gso gso;
	bool csum_trusted; /* the transport checksum is valid: not verified */
	/*
	 * It is not filled in yet: its field holds the folded sum of the pseudo
	 * header alone (as csum_start says of a frame that leaves). Nor is it
	 * verified then; a packet that is handed on keeps it so where the link
	 * has MINATO_OFFLOAD_CSUM, and is completed where not.
	 */
	bool csum_partial;
};

/*
 * Takes `count` frames in order and delivers them; runs the timers due at
 * `now`. Never transmits: what is owed waits for minato_output. Returns
 * nothing: each frame that is not delivered counts under a drop reason.
 */
void minato_input(struct minato *m, struct minato_time now,
		  const struct minato_frame *frames, size_t count);

/*
 * A frame to transmit. extents[0] holds the headers (always at least the link,
 * IP and transport headers, contiguous; of a fragment behind the first there is
 * no transport header), the others the payload where it lies.
 * Valid until the next call on this host value.
 */
struct minato_frame_out {
	const struct minato_extent *extents;
	uint32_t extent_count;
	uint32_t len; /* sum of the extents */
	uint32_t link;
	uint16_t gso_size;    /* as in minato_frame; 0 on a plain link */
	enum minato_gso gso;
	uint16_t header_len;  /* bytes before the payload */
	uint16_t csum_start;  /* 0 = checksums are complete */
	uint16_t csum_offset; /* from csum_start */
};

/*
 * Builds up to `count` frames that are due, in emission order. Returns how
 * many; fewer than `count` means that nothing more is due now. One call gives
 * at most 256; with a larger `count` minato_deadline tells whether more waits.
 */
size_t minato_output(struct minato *m, struct minato_time now,
		     struct minato_frame_out *frames, size_t count);

/* Sets the host's time and runs the timers due. Time never goes back: an
   instant before the last one, a negative one too, is taken for that one. */
void minato_advance(struct minato *m, struct minato_time now);

/* When to call minato_advance and minato_output next; MINATO_NEVER if not. */
struct minato_time minato_deadline(const struct minato *m);

/* ------------------------------------------------------------------------
 * Who asks, and who holds what
 */

#define MINATO_PROGRAM_SIZE 32 /* with the final 0; longer names are cut */
#define MINATO_GUEST_SIZE 64
#define MINATO_UID_NONE UINT32_MAX

/*
 * A program that holds ports. What is not known is zero, MINATO_UID_NONE, or
 * empty. The library knows of no programs: it keeps and shows what it is told.
 */
struct minato_owner {
	uint32_t uid;
	uint32_t pid;
	int64_t started_s; /* seconds since 1970: tells a pid's next user */
	char program[MINATO_PROGRAM_SIZE];
	char guest[MINATO_GUEST_SIZE]; /* container or guest that it is in */
};

/*
 * From now on calls are on behalf of this owner (copied): sockets and entries
 * that are made belong to it. NULL, as in the beginning: of the embedding
 * program itself. Who connects to a listener, and whose packets a forward or
 * uplink takes, gets that one's owner, whoever acts meanwhile.
 * Equal owners are one record. When owners_max different ones are on record a
 * further one acts all the same, but what it makes is shown as nobody's
 * (counted): -ENOSPC, else 0.
 */
int minato_act_as(struct minato *m, const struct minato_owner *owner);
/*
 * The owner of a socket, lease or general entry, and another one for it (NULL:
 * nobody known), as when a program hands a socket on. -EBADF; -ENOSPC as
 * above, then nothing changes.
 */
int minato_owner_get(struct minato *m, uint64_t handle,
		     struct minato_owner *out);
int minato_owner_set(struct minato *m, uint64_t handle,
		     const struct minato_owner *owner);
/* The owner of `from` for `to`. -EBADF. */
int minato_owner_copy(struct minato *m, uint64_t to, uint64_t from);

/*
 * Who may bind what; minato_bind refuses others with -EACCES (counted). Asked
 * in this order:
 *  1 the embedding program, and the uid below, may bind any port;
 *  2 the entries of kind RIGHT that cover the port: verdict PASS lets the uid
 *    bind there, REFUSE does not. One that names the uid goes before one for
 *    all, then the most specific address, then the most specific port;
 *  3 ports below `privileged_below` nobody else may bind, all others anybody.
 * It is about ports of this host, asked for by number: not about a port that
 * the host chooses, ICMP identifiers, or addresses of others (with
 * MINATO_OPT_TRANSPARENT). What is bound already stays.
 */
struct minato_policy {
	uint32_t privileged_below; /* 0: none .. 65536: all; 1024 at first */
	uint32_t uid;		   /* of the host's owner; 0 at first */
};
int minato_policy_set(struct minato *m, const struct minato_policy *policy);
void minato_policy_get(const struct minato *m, struct minato_policy *out);

/* ------------------------------------------------------------------------
 * Sockets. They act at the host's time: the latest given to input, output or
 * advance. What they cause to be sent is put out by minato_output.
 */

/*
 * Makes a socket in `scope`. TCP, UDP or ICMP (echo). -EPROTONOSUPPORT,
 * -ENFILE when sockets_max are in use.
 */
int minato_socket(struct minato *m, enum minato_proto proto, uint8_t scope,
		  uint64_t *out);

/*
 * Binds to an address (wildcard, ours, or any with MINATO_OPT_TRANSPARENT) and
 * port. Port 0 is a wish: one is chosen when the destination is known (connect,
 * send), or for minato_local, listen or receive. -EADDRINUSE, -EADDRNOTAVAIL,
 * -EACCES, -EINVAL (bound already).
 */
int minato_bind(struct minato *m, uint64_t socket,
		const struct minato_endpoint *local);
/*
 * Backlog 1..65535 connections completed and not yet accepted. Calls that are
 * half-open are not among them: what is kept of these is bounded for the host
 * value (half_open_max), and above that bound they complete by SYN cookies,
 * with MSS and scale rounded down to what those can carry. Such a connection
 * waits in TIME-WAIT whoever closes first, since a late copy of the segment
 * that completed it would open it again; one that is reset does not, and may be
 * opened so while its cookie is good (two minutes).
 * When the backlog is full, one of a source that has more waiting is reset for
 * one that has less; when 15 of 16 sockets of the host value are in use, each
 * new connection resets one that was silent longest, of the source (an IPv4
 * address, an IPv6 /64) with most connections, if that has more than the new
 * one's and than eight: its owner sees MINATO_ERROR, -ECONNABORTED. So does one
 * with data in flight when others want that (active_max). -EADDRINUSE (another
 * listens, or no port is left), -EINVAL (connected), -EOPNOTSUPP (not TCP).
 */
int minato_listen(struct minato *m, uint64_t socket, uint32_t backlog);
/* Next completed connection. -EAGAIN, -EINVAL (not listening). */
int minato_accept(struct minato *m, uint64_t socket, uint64_t *out,
		  struct minato_endpoint *peer);
/*
 * TCP: starts to connect, -EINPROGRESS; the outcome is an event and
 * minato_error. UDP: sets the peer, 0. -EISCONN, -EALREADY, -ENETUNREACH,
 * -EADDRNOTAVAIL (no port is free), -EACCES/-EINVAL (multicast, broadcast).
 * A second connect after a failure is allowed as on Linux.
 */
int minato_connect(struct minato *m, uint64_t socket,
		   const struct minato_endpoint *peer);

#define MINATO_MSG_MORE 0x1u	/* more follows: do not send a short segment */
#define MINATO_MSG_PEEK 0x2u	/* leave it in the queue */
#define MINATO_MSG_OOB 0x4u	/* urgent data (RFC 6093: use is discouraged) */
#define MINATO_MSG_TRUNC 0x8u	/* TCP recv: discard instead of copying */
#define MINATO_MSG_INLINE 0x10u /* TCP recv: all bytes, as minato_borrow does */

/*
 * TCP: queues as much as there is room for; returns that count, -EAGAIN when
 * none fits, -EPIPE after shutdown or a reset was reported, -ENOTCONN, or the
 * pending error. UDP: one whole datagram to the connected peer.
 */
int64_t minato_send(struct minato *m, uint64_t socket, const void *data,
		    size_t len, uint32_t flags);
/*
 * TCP: copies what is there in order; 0 at the end of the stream (FIN), or for
 * `len` 0; -EAGAIN; -ECONNRESET and others once, as pending error. It stops
 * before the urgent byte, and leaves it out unless MINATO_OPT_OOBINLINE; with
 * MINATO_MSG_INLINE that byte is as any other. UDP: one datagram, the rest of
 * which is discarded.
 */
int64_t minato_recv(struct minato *m, uint64_t socket, void *data, size_t len,
		    uint32_t flags);

/* What goes with a datagram. */
struct minato_datagram {
	struct minato_endpoint remote; /* sender; on sending: destination */
	struct minato_endpoint local;  /* destination; on sending: source.
					  port 0 = the socket's own */
	uint8_t ttl;		       /* hop limit; on sending 0 = default */
	uint8_t traffic_class;	       /* DSCP and ECN */
	uint16_t gso_size; /* run of equal datagrams in one; 0 = a single one */
	bool dont_fragment; /* on sending: -EMSGSIZE if its path is narrower;
			       on receiving: how it came (all of IPv6 that was
			       not in fragments) */
	uint32_t len;	   /* payload bytes, on receiving */
};
/*
 * Datagrams with both ends given. A source address that is not ours needs
 * MINATO_OPT_TRANSPARENT. ICMP: `data` begins with the 8 bytes of an echo
 * request (with that option also of a reply), whose identifier (the local
 * port) and checksum are filled in. With gso_size, `data` is a run of
 * datagrams of that size (the last may be shorter). What is longer than its
 * path takes leaves in fragments. -EMSGSIZE (above 65,507 bytes, IPv6 65,527),
 * -EAGAIN, -EDESTADDRREQ.
 */
int64_t minato_send_datagram(struct minato *m, uint64_t socket,
			     const struct minato_datagram *to,
			     const void *data, size_t len);
/* -EAGAIN when none waits. A run stays one: see gso_size. */
int64_t minato_recv_datagram(struct minato *m, uint64_t socket,
			     struct minato_datagram *from, void *data,
			     size_t len, uint32_t flags);

/*
 * Bytes that an IP packet of this socket to `to` may have: the link's MTU, or
 * less where an ICMP error within ten minutes said so. -EBADF, -ENETUNREACH.
 */
int minato_path_mtu(struct minato *m, uint64_t socket,
		    const struct minato_addr *to);

/*
 * Zero copy, reading: describes up to `max` extents at the head of the receive
 * queue without consuming (UDP: of the first datagram, and `from` if not
 * NULL). The urgent byte is among them, in its place: to look at the same
 * bytes by minato_recv takes MINATO_MSG_INLINE. Returns the count of extents,
 * 0 at end of stream, -EAGAIN, or the pending error. They stay valid until
 * minato_release on this socket or its close, whatever else is called.
 * minato_release consumes `len` bytes (UDP: the datagram) and opens the window.
 */
int minato_borrow(struct minato *m, uint64_t socket,
		  struct minato_extent *extents, size_t max,
		  struct minato_datagram *from);
int minato_release(struct minato *m, uint64_t socket, size_t len);

/*
 * Zero copy, writing (TCP): up to `max` extents of room, together at most
 * `len` bytes and what the send buffer takes. Fill them in order, then commit
 * what was filled (0 gives them back). A reservation is open until committed,
 * and there is one at a time in a host value. For UDP: one extent for one
 * datagram or run; commit with minato_commit_datagram. A commit that memory
 * does not allow is -EAGAIN: nothing of it was taken.
 */
int minato_reserve(struct minato *m, uint64_t socket, size_t len,
		   struct minato_extent *extents, size_t max);
int minato_commit(struct minato *m, uint64_t socket, size_t len,
		  uint32_t flags);
int minato_commit_datagram(struct minato *m, uint64_t socket, size_t len,
			   const struct minato_datagram *to);

#define MINATO_SHUT_RD 1u
#define MINATO_SHUT_WR 2u
/* -ENOTCONN, -EINVAL. SHUT_WR sends FIN after what is queued. */
int minato_shutdown(struct minato *m, uint64_t socket, uint32_t how);
/*
 * Ends the handle; the stack finishes the connection by itself (FIN, or RST
 * where unread data is thrown away, RFC 2525 2.17; see MINATO_OPT_LINGER).
 */
int minato_close(struct minato *m, uint64_t socket);
/* Ends the handle with RST (RFC 9293 3.10.5). */
int minato_abort(struct minato *m, uint64_t socket);

/* Our end; a port that was to be chosen is. -EADDRINUSE (none is left). */
int minato_local(struct minato *m, uint64_t socket,
		 struct minato_endpoint *out);
/* -ENOTCONN. */
int minato_peer(struct minato *m, uint64_t socket, struct minato_endpoint *out);
/* The pending error as a positive errno number, and clears it; 0 = none. */
int minato_error(struct minato *m, uint64_t socket);

/* A word of the owner, returned with events. */
int minato_set_user(struct minato *m, uint64_t socket, uint64_t user);
int minato_get_user(struct minato *m, uint64_t socket, uint64_t *user);

/*
 * Options. Values are int64_t; booleans 0 or 1. Unknown or unfit: -ENOPROTOOPT;
 * out of range: -EINVAL. Names, ranges and defaults as in Linux where it has
 * the option.
 */
#define MINATO_OPTIONS(X)                                                      \
	X(REUSEADDR, "reuse-address")                                          \
	X(REUSEPORT, "reuse-port")                                             \
	X(EXCLUSIVE, "exclusive")	   /* shared with nobody */            \
	X(V6ONLY, "v6-only")                                                   \
	X(TRANSPARENT, "transparent")	   /* any local address */             \
	X(KEEPALIVE, "keepalive")                                              \
	X(KEEPIDLE, "keep-idle")	   /* seconds, default 7200 */         \
	X(KEEPINTVL, "keep-interval")	   /* seconds, default 75 */           \
	X(KEEPCNT, "keep-count")	   /* default 9 */                     \
	X(LINGER, "linger")		   /* seconds; -1 off; 0 = RST */      \
	X(LINGER2, "linger2")		   /* seconds in FIN-WAIT-2, 60 */     \
	X(NODELAY, "no-delay")                                                 \
	X(CORK, "cork")                                                        \
	X(QUICKACK, "quick-ack")                                               \
	X(MAXSEG, "max-segment")	   /* 88..32767, before connect */     \
	X(SYNCNT, "syn-count")		   /* retries, default 6 + 1 */        \
	X(USER_TIMEOUT, "user-timeout")	   /* milliseconds, 0 = by retries */  \
	X(RETRIES2, "retries2")		   /* data retries, default 15 */      \
	X(WINDOW_CLAMP, "window-clamp")                                        \
	X(DEFER_ACCEPT, "defer-accept")                                        \
	X(RCVBUF, "receive-buffer")	   /* bytes; 0 = grows by itself */    \
	X(SNDBUF, "send-buffer")                                               \
	X(RCVLOWAT, "receive-low-water")                                       \
	X(NOTSENT_LOWAT, "not-sent-low-water")                                 \
	X(OOBINLINE, "oob-inline")                                             \
	X(TIMESTAMPS, "timestamps")	   /* offer them, default 1 */         \
	X(SACK, "sack")			   /* offer it, default 1 */           \
	X(WINDOW_SCALE, "window-scale")	   /* shift to offer 0..14, -1 none */ \
	X(CONGESTION, "congestion")	   /* enum minato_congestion */        \
	X(TTL, "ttl")                                                          \
	X(TRAFFIC_CLASS, "traffic-class")  /* DSCP and ECN bits, 0..255 */     \
	X(ECN, "ecn")			   /* enum minato_ecn, default 2 */    \
	X(HOLD, "hold")			   /* listener: SYNs become calls */   \
	X(TYPE, "type")			   /* read only: minato_proto */       \
	X(ACCEPTCONN, "accepting")	   /* read only */                     \
	X(ERROR, "error")		   /* read only: minato_error */      \
	X(PEER_CLASS, "peer-class")	   /* read only: DSCP from the peer */

enum minato_option {
#define X(name, text) MINATO_OPT_##name,
	MINATO_OPTIONS(X)
#undef X
	MINATO_OPTION_COUNT
};
enum minato_congestion { MINATO_CUBIC, MINATO_NEWRENO };
/*
 * Explicit congestion notification (RFC 3168), for connections that begin from
 * now on; those of a listener take over its setting. Where it is agreed,
 * routers may mark new data instead of dropping it, and the sender slows down
 * by 0.85 (NewReno: 0.8; RFC 8511). minato_info tells what was agreed.
 */
enum minato_ecn {
	MINATO_ECN_NEVER,
	MINATO_ECN_ASK,	   /* with the first SYN of a connect; and accept */
	MINATO_ECN_ACCEPT, /* when the other end asks */
};

/* The option of that name (as listed above), or -ENOPROTOOPT. */
int minato_option_by_name(const char *name);
const char *minato_option_name(enum minato_option option);
int minato_set(struct minato *m, uint64_t socket, enum minato_option option,
	       int64_t value);
int minato_get(struct minato *m, uint64_t socket, enum minato_option option,
	       int64_t *value);

/* Readiness. */
#define MINATO_READABLE 0x001u /* data, end of stream, or a connection */
#define MINATO_WRITABLE 0x002u /* room for a third of the send buffer */
#define MINATO_URGENT 0x004u
#define MINATO_ERROR 0x008u    /* a pending error */
#define MINATO_HANGUP 0x010u   /* both directions are over */
#define MINATO_PEER_DONE 0x020u /* the peer sent FIN */
#define MINATO_CALL 0x040u     /* a held call waits for an answer */
#define MINATO_CONNECTED 0x080u /* the handshake is complete */
#define MINATO_DRAINED 0x100u  /* all that was sent is acknowledged */
#define MINATO_CLASS 0x200u    /* MINATO_OPT_PEER_CLASS changed, not yet read */

/*
 * The current mask; and in *arrivals (may be NULL) a counter that grows each
 * time something new arrived (data, FIN, a connection, room, an error), so
 * that an edge-triggered poller can be built. -EBADF.
 */
int minato_ready(struct minato *m, uint64_t socket, uint32_t *arrivals);

struct minato_counts {
	uint32_t readable;  /* bytes in order (listener: connections waiting) */
	uint32_t unsent;    /* queued, never sent */
	uint32_t unacked;   /* queued and not acknowledged, unsent included */
	uint32_t room;	    /* what send would take now */
};
int minato_counts(struct minato *m, uint64_t socket, struct minato_counts *out);

enum minato_state { /* TCP, values of Linux's tcpi_state */
	MINATO_ESTABLISHED = 1,
	MINATO_SYN_SENT,
	MINATO_SYN_RECEIVED,
	MINATO_FIN_WAIT_1,
	MINATO_FIN_WAIT_2,
	MINATO_TIME_WAIT,
	MINATO_CLOSED,
	MINATO_CLOSE_WAIT,
	MINATO_LAST_ACK,
	MINATO_LISTEN,
	MINATO_CLOSING,
};
const char *minato_state_name(enum minato_state state);

/* A snapshot from which Linux's struct tcp_info can be filled. */
struct minato_info {
	enum minato_state state;
	uint8_t ca_state; /* 0 open, 1 disorder, 2 cwr, 3 recovery, 4 loss */
	uint8_t retransmits, probes, backoff;
	uint8_t snd_wscale, rcv_wscale;
	bool timestamps, sack, wscale, ecn, app_limited;
	uint32_t rto_us, ato_us, rtt_us, rttvar_us, min_rtt_us, rcv_rtt_us;
	uint32_t snd_mss, rcv_mss, advmss, pmtu;
	uint32_t unacked, sacked, lost, retrans; /* segments */
	uint32_t total_retrans, reordering;
	uint32_t snd_cwnd, snd_ssthresh;	 /* segments */
	uint32_t snd_wnd, rcv_wnd, rcv_ssthresh, rcv_space;
	uint32_t notsent_bytes;
	uint64_t bytes_sent, bytes_acked, bytes_received, bytes_retrans;
	uint32_t segs_out, segs_in, data_segs_out, data_segs_in;
	uint32_t delivered, delivered_ce, dsack_dups, reord_seen, rcv_ooopack;
	uint32_t last_data_sent_ms, last_data_recv_ms, last_ack_recv_ms;
	uint64_t delivery_rate; /* bytes per second */
	/* Raw numbers, for tests and for carrying a connection elsewhere. */
	uint32_t snd_una, snd_nxt, rcv_nxt, iss, irs;
};
int minato_info(struct minato *m, uint64_t socket, struct minato_info *out);

/*
 * Held calls. A new flow that meets a listener with MINATO_OPT_HOLD or an
 * entry of kind uplink or forward is held: nothing is answered yet. It appears
 * as an event with MINATO_CALL, its handle is a socket whose local and peer
 * addresses can be read, and the owner says what happens:
 *  answer  TCP: SYN-ACK; the socket goes on as any. UDP: the datagrams (the
 *	    first included) become readable.
 *  refuse  TCP: RST. UDP: ICMP port unreachable.
 *  reject  ICMP unreachable with this reason.
 *  ignore  nothing is said and the call is forgotten.
 * The last three end the handle. Held calls are bounded by calls_max and, for
 * one that nobody answers, by 190 s; when they are full the oldest held one is
 * ignored (counted). A repeated SYN of a held call is absorbed.
 */
enum minato_reason {
	MINATO_REASON_NETWORK,	/* no route: code 0 */
	MINATO_REASON_HOST,	/* code 1, IPv6 address unreachable */
	MINATO_REASON_PROTOCOL,
	MINATO_REASON_PORT,
	MINATO_REASON_PROHIBITED, /* administratively */
	MINATO_REASON_TIME_EXCEEDED, /* the hop limit ran out on the way */
};
int minato_answer(struct minato *m, uint64_t call);
int minato_refuse(struct minato *m, uint64_t call);
int minato_reject(struct minato *m, uint64_t call, enum minato_reason reason);
int minato_ignore(struct minato *m, uint64_t call);

/*
 * The packet that a held call began with: both ends (remote: the caller), hop
 * limit, traffic class. -EBADF, -EINVAL (no held call).
 */
int minato_call_packet(struct minato *m, uint64_t call,
		       struct minato_datagram *out);

/* What became of a packet that its owner carried on. */
struct minato_trouble {
	enum minato_reason reason;
	/*
	 * Not 0: instead of the reason the very type and code of ICMP (or
	 * ICMPv6, after the flow's family): unreachable, time exceeded,
	 * parameter problem.
	 */
	uint8_t type, code;
	uint32_t mtu; /* not 0: the packet was too big for a link of this;
			 raised to 68, IPv6 1280 */
	/* Who says so. Zero: we do (of a closed port: the destination). */
	struct minato_addr offender;
	/*
	 * What is known of the packet's payload, to be quoted as far as it
	 * fits (ICMP: from its header on, as the guest sent it). May be NULL.
	 */
	const void *data;
	size_t len;
};
/*
 * Hands an ICMP error about a packet that the socket's owner carried on for
 * the guest back to its sender: `flow` is the packet as the guest sent it
 * (remote = the guest, local = the destination it wrote to; ttl = the hop
 * limit that the quoted header shows, 0 = default; len = its payload, 0 = as
 * much as is quoted). NULL: about the packet of a held call, which stays held.
 * Rate-limited like all ICMP. -EINVAL, -EBADF, -EOPNOTSUPP (TCP, not held).
 */
int minato_report(struct minato *m, uint64_t socket,
		  const struct minato_datagram *flow,
		  const struct minato_trouble *trouble);

/* ------------------------------------------------------------------------
 * Events
 */

struct minato_event {
	uint64_t socket;
	uint64_t user;	/* the owner's word (a new call: the entry's) */
	uint32_t ready; /* as minato_ready, now */
};
/*
 * The next socket on which something happened since its last event. Each
 * stands at most once in the queue. Returns false when there is none.
 */
bool minato_event(struct minato *m, struct minato_event *out);

/* ------------------------------------------------------------------------
 * The port table
 */

/*
 * What stands behind a port. Precedence of a look-up, for a packet or an
 * arrival:
 *  1 the exact tuple (an established flow, carrying its verdict), then the
 *    flow that leaves our side open (a datagram association);
 *  2 guard, for new flows only;
 *  3 among the general entries the most specific local address, then the most
 *    specific port (single, range, any), then the most specific remote;
 *  4 uplink on the inside, dmz on the outside, as the scope's default, and
 *    guards that are `behind`, among each other as in 3;
 *  5 closed.
 * A mapping stands between 2 and 3, and never on a port that 3 knows at the
 * same address.
 */
#define MINATO_KINDS(X)                                                        \
	X(CLOSED, "closed", "nothing: refused, and counted as evidence")       \
	X(SOCKET, "socket", "a program of ours")                               \
	X(FORWARD, "forward", "a published port")                              \
	X(UPLINK, "uplink", "what is beyond us: dial out")                     \
	X(GUARD, "guard", "a verdict for new flows")                           \
	X(RESERVED, "reserved", "kept free by the administrator")              \
	X(RIGHT, "right", "who may bind there")                                \
	X(LEASE, "lease", "a port lent by minato_port_take")                   \
	X(DMZ, "dmz", "the host that gets what nobody else claimed")           \
	X(MAPPING, "mapping", "an inside endpoint's place outside")            \
	X(SESSION, "session", "a flow that is handed on")                      \
	X(ROUTE, "route", "destinations that are not translated")

enum minato_kind {
#define X(name, text, help) MINATO_KIND_##name,
	MINATO_KINDS(X)
#undef X
	MINATO_KIND_COUNT
};
const char *minato_kind_name(enum minato_kind kind);

enum minato_verdict {
	MINATO_PASS,
	MINATO_REFUSE, /* RST or ICMP unreachable */
	MINATO_DROP,   /* silence */
};

#define MINATO_SCOPE_ANY 0xffu
#define MINATO_FACE_ANY 0xffu

/* A general entry. Zero means "any" for addresses and ports. */
struct minato_entry {
	enum minato_kind kind;	     /* any but CLOSED, SOCKET, LEASE, MAPPING
					and SESSION */
	enum minato_verdict verdict; /* of a GUARD or RIGHT */
	uint8_t scope, face;	     /* face: link number or a number of the
					caller's for arrivals without frames */
	uint8_t proto;		     /* MINATO_TCP, MINATO_UDP; 0 = both; with
					MINATO_ICMP the ports of a rule of the
					policy are types, with _PROTO_OTHER
					numbers of protocols */
	struct minato_addr local;    /* destination, with prefix length */
	uint8_t local_prefix;	     /* 0..128 (IPv4: 96 + length) */
	struct minato_addr remote;   /* source */
	uint8_t remote_prefix;
	uint16_t first, last;	     /* local ports; 0..65535 = any */
	struct minato_endpoint target; /* FORWARD: where to; a range keeps its
					  offset from `first` */
	uint32_t uid;		     /* RIGHT: whose; MINATO_UID_NONE: all */
	uint64_t user;		     /* the owner's word */
	uint64_t until_ns;	     /* expires then; 0 = never */
	/*
	 * Of a gateway. A DMZ is the default of its scope: it takes any port,
	 * of `local` or any address. A ROUTE is of an inside's scope; `local`
	 * is the destination (RFC 6888 REQ-6); no port, no remote.
	 */
	bool translate;	  /* FORWARD, DMZ (must): packets are rewritten and
			     handed on; else a FORWARD becomes a held call */
	bool many_to_one; /* FORWARD: all ports go to target.port */
	uint64_t group;	  /* servers of minato_group_set instead of `target`;
			     0: none */
	uint32_t flows_max; /* flows at once; 0: no bound */
	uint32_t source_flows_max; /* of one remote address, IPv6: of a /64 */
	/* FORWARD, DMZ: another one that stands, of which both bounds are, not
	   those here: the flows of both count together, and go on to when that
	   one is gone. 0: none. */
	uint64_t bounds_of;
	/*
	 * Of a GUARD that is a rule of the policy (guard.h has the types and
	 * what they mean); zero in all other entries. With `order` 0 the most
	 * specific guard decides, before any rule is looked at; of the rules
	 * it is the one of the lowest order that matches.
	 */
	uint64_t order;	     /* below UINT64_MAX */
	uint8_t course;	     /* MINATO_COURSE_* */
	uint16_t program;    /* 0: any; else the owner's number of a program */
	uint32_t rate_count; /* PASS: new flows ... 0: no bound */
	uint32_t rate_span_s; /* ... in so many seconds, 1 or more */
	bool rate_each; /* of each source (IPv6: /64), not of all together */
	enum minato_verdict rate_verdict; /* of what is more: not PASS */
	/* Each flow that it decides is an event; with `order` 0 too, if it
	   refuses. */
	bool log;
	bool next; /* it is a rule of the next policy alone (guard.h) */
	/* Of a GUARD without `order` that does not pass, nor log: it is asked
	   with step 4, for new flows that nothing else takes. */
	bool behind;
};
/*
 * Adds a general entry. Of RESERVED ports none is ever chosen by us; a packet
 * passes over them, and who asks for one by number may have it. -EADDRINUSE
 * when an entry of the same key stands there (*out then is that entry's
 * handle), or, for a FORWARD of one port, when a mapping has it (*out then is
 * the mapping's); -ENOSPC, -EINVAL, -EOPNOTSUPP (`translate` without
 * sessions_max), -EBADF (no such group; `bounds_of` is no FORWARD or DMZ). Of a
 * range each port that a mapping has is the mapping's until that ends, and no
 * new one's. With `translate` a target of zero opens IPv6 as it is.
 */
int minato_entry_add(struct minato *m, const struct minato_entry *entry,
		     uint64_t *out);
int minato_entry_remove(struct minato *m, uint64_t entry);
int minato_entry_get(struct minato *m, uint64_t entry,
		     struct minato_entry *out);

/*
 * Lends a port of ours to somebody whose packets do not pass here (a NAT, a
 * relay), by the same choice and in the same table as for a socket: while it
 * is lent, nobody else gets it. Towards one destination it is a tuple, so that
 * the port stays free for others; for any destination it is an entry.
 */
struct minato_wish {
	uint8_t scope;
	enum minato_proto proto;
	/* One address, or, for any destination, also a wildcard. */
	struct minato_addr local;
	/* Port 0 (ICMP: no address): for any destination. */
	struct minato_endpoint remote;
	uint16_t low, high; /* the ports to choose from; 0, 0: 1024..65535 */
};
/*
 * -EADDRNOTAVAIL when not one port is free, -ENFILE when leases_max are lent,
 * -ENOSPC when the table is full, -EINVAL. A TIME-WAIT that would yield to a
 * connection of ours (RFC 6191) keeps its port from a lease, whose user's
 * timestamps are of another clock.
 */
int minato_port_take(struct minato *m, const struct minato_wish *wish,
		     uint64_t *lease, uint16_t *port);
/*
 * Gives it back. `proven_closed`: its last flow is known to be over at both
 * ends, or its successor is known to be told apart (RFC 6191); otherwise it
 * rests for 120 s (RFC 6888 REQ-8) before it is chosen again, unless nothing
 * else is free. -EBADF.
 */
int minato_port_give(struct minato *m, uint64_t lease, bool proven_closed);
/* How many ports rest now, towards one destination or any; looks at each. */
uint32_t minato_ports_resting(const struct minato *m);

/* What a look-up found. Never nothing: kind CLOSED is an answer. */
struct minato_fate {
	enum minato_kind kind;
	enum minato_verdict verdict;
	uint64_t handle; /* of the socket or entry; 0 for closed */
	uint64_t user;
	struct minato_endpoint target; /* FORWARD: translated */
	uint64_t rule; /* the rule of the policy that decided, or 0 */
	bool asks; /* the program decides, which is not known (guard.h) */
};
/*
 * Asks the other end of a TCP connection that is not known here whether it has
 * one: a SYN with ACK from `local` to `remote`, with any numbers. Who has one
 * answers (RFC 9293 3.10.7.4), meets no connection here, and is reset with the
 * number that it takes (3.5.1). For an owner whose host value is new where
 * the other side's connections are old. 0; -EEXIST if it is known here;
 * -EAGAIN when the queue of such packets is full; -EINVAL for ends that are
 * none. What becomes of it is nobody's business: it may be lost.
 */
int minato_challenge(struct minato *m, uint8_t scope,
		     const struct minato_endpoint *local,
		     const struct minato_endpoint *remote);

/*
 * Arrival without a frame: a connection accepted by, or a datagram received
 * on, a socket of the embedding program. Goes through the same table as a
 * packet, creates nothing, counts as one. minato_outcome reports what became
 * of it (statistics of scans, scan.h).
 */
void minato_arrive(struct minato *m, uint8_t scope, uint8_t face,
		   enum minato_proto proto,
		   const struct minato_endpoint *remote,
		   const struct minato_endpoint *local,
		   struct minato_fate *out);
enum minato_outcome {
	MINATO_OUTCOME_OPEN,
	MINATO_OUTCOME_CLOSED, /* refused by who is behind the port */
	MINATO_OUTCOME_EMPTY,  /* OPEN, and ended without a byte of remote's */
	MINATO_OUTCOME_ABORTED, /* ... by its reset, maybe before it was OPEN */
};
/* `target`: of the fate, where it went or would have gone. */
void minato_outcome(struct minato *m, uint64_t entry, enum minato_proto proto,
		    const struct minato_endpoint *remote,
		    const struct minato_endpoint *target,
		    enum minato_outcome outcome);

/* One row of a listing: an entry, a socket, a connection. */
struct minato_row {
	uint64_t handle;
	enum minato_kind kind;
	enum minato_verdict verdict;
	uint8_t scope, face, proto;
	bool ranged;		/* a general entry with first..last */
	enum minato_state state; /* TCP; UDP: ESTABLISHED or CLOSED (unconn) */
	/*
	 * MAPPING: local is outside, target inside. SESSION: remote began it
	 * and sends to local; target is who gets that, and sees it come from
	 * `via`.
	 */
	struct minato_endpoint local, remote, target, via;
	uint8_t local_prefix, remote_prefix;
	uint16_t first, last;
	uint32_t uid;		/* RIGHT: whom it is about */
	uint32_t recv_queue, send_queue; /* as ss shows them */
	uint64_t hits;		/* flows that began, or were to begin, here */
	uint64_t bytes_in, bytes_out;
	uint64_t user;
	struct minato_time since;
	struct minato_owner owner; /* of TIME-WAIT: whose connection it was */
};
/*
 * Walks the table. *cursor starts at 0. Returns true and fills `out` for each
 * row, false after the last. Sockets that come and go between calls may be
 * missed or seen, none twice.
 */
bool minato_row(struct minato *m, uint64_t *cursor, struct minato_row *out);

/* ------------------------------------------------------------------------
 * Counters: frames and bytes per direction, and one per drop reason.
 */
uint32_t minato_counter_count(void);
/* "rx_frames", "drop_tcp_checksum", ...; NULL beyond the last. */
const char *minato_counter_name(uint32_t index);
uint64_t minato_counter(const struct minato *m, uint32_t index);

/*
 * Called when the library finds a broken promise of its own. The program may
 * define it; the default (a weak symbol) traps. Must not return.
 */
void minato_panic(const char *file, int line, const char *what);

#ifdef __cplusplus
}
#endif
#endif
