/* SPDX-License-Identifier: BSD-2-Clause */
/* Outbound by name: what --allow lets out, and all that sees to it. */
#ifndef RELAY_PERMIT_H
#define RELAY_PERMIT_H

#include "inspect/inspect.h"
#include "relay/relay.h"

/*
 *   guest asks for a name -> dns.c: is it allowed?  no: NXDOMAIN at once, nobody else is asked
 *                                                   yes: asked anew in our own words
 *   the answer            -> dnsanswer.c: chain of CNAMEs and addresses, nothing else
 *                         -> pin.c: each address that may be, for this name, for its TTL
 *                         -> pinned.c: an entry of the policy, at the place of what allows the name
 *   guest connects        -> the port table: which rule is the first that matches, pins among them?
 *                         -> permit.c: to an allowed prefix? to a pinned address and allowed port?
 *   first bytes           -> check.c: TLS and HTTP must name what pinned the address
 *
 * Whatever is refused is refused at once, and told to relay_config's `attempt`, as is each flow at
 * its beginning and its end.
 *
 * Rules of the policy and --allow are one sequence, of which the first that matches decides: the
 * rules in their order, then each --allow, then "block out everything". The table keeps it: a pin
 * is an entry of kind GUARD that passes, with the order of the rule that allows its name, from the
 * answer to its end. So a flow's verdict is the one look-up of its first frame, whichever rules
 * stand before or behind, and an explanation of the look-up (minato_explain) meets the pin. Three
 * things are left to here, since the table has no word for them: the end of the sequence, which
 * asks the user or tells him what would let it out; whether what is said names what pinned the
 * address; and that this name, too, is allowed before the first rule that refuses the address (two
 * names may lead to one, with a rule between them).
 */

/* ---- caret.c ---- */

/*
 * Writes what is wrong, then the argument (or the part around the fault) with a caret under `len`
 * columns from `column` on: three lines. Returns -errnum.
 */
int relay_caret(struct drive_error *error, int errnum, const char *text, size_t column, size_t len,
		const char *what);

/* ---- allow.c: the text of --allow ---- */

#define RELAY_NAME_MAX 253u /* letters of a name, without a final dot (RFC 1035 2.3.4) */
#define RELAY_ALLOW_RUNS 16u
#define RELAY_ALLOW_TEXT 512u /* room for the text of any */

/* Where the guest may go: a name, what lies below one, or a prefix. */
struct relay_allow {
	bool named;
	bool below;	   /* all names with one label or more before `name`, not the name itself */
	bool raw;	   /* what is said there is not looked at */
	uint8_t protocols; /* RELAY_TCP | RELAY_UDP */
	uint8_t prefix_len; /* not named: 0-128 (IPv4: 96 + length) */
	uint8_t run_count;
	bool gone;	/* it was taken out: about nothing */
	bool log;	/* each flow that it decides is a rule event of the table */
	uint64_t order; /* its place among the rules of the policy; 0: behind all of them */
	uint64_t hits;	/* flows that went out by its name */
	struct minato_addr prefix;
	struct relay_run runs[RELAY_ALLOW_RUNS];
	char name[RELAY_NAME_MAX + 1]; /* in small letters */
};

/* All zero: nothing is allowed. */
struct relay_allows {
	struct relay_allow *list;
	size_t count;
	size_t last;  /* that was added latest */
	size_t room;  /* further ones do not move the list until there are so many */
	bool private; /* names may lead to private addresses too */
};

/*
 * Parses one argument of --allow and appends it:
 *
 *   HOST[:PORTS][/tcp|/udp|/both][/raw]
 *   HOST is a name, *.NAME, IPv4[/LENGTH] or [IPv6][/LENGTH]
 *   PORTS is all, or ports, runs FIRST-LAST and names of services, with commas between
 *
 * Without PORTS: 80 and 443. On failure nothing is appended and the text has three lines as those
 * of relay_publish_add. -EINVAL, -ENOMEM.
 */
int relay_allow_add(struct relay_allows *allows, const char *text, struct drive_error *error);
/*
 * Makes room for so many more. Of a list with room none is added beyond it: -ENOSPC; those that are
 * gone leave no room, since flows may bear them still, but for the same once more. 0 or -ENOMEM.
 */
int relay_allow_reserve(struct relay_allows *allows, size_t more);
/* Takes out all with this order, which is not 0. */
void relay_allow_drop(struct relay_allows *allows, uint64_t order);
void relay_allow_free(struct relay_allows *allows);
/* Text that parses to the same; cut if there is no room. Returns the text. */
const char *relay_allow_text(const struct relay_allow *allow, char *text, size_t size);
/* Whether it is about this name, which has small letters and no final dot. */
bool relay_allow_is_name(const struct relay_allow *allow, const char *name);
/* Whether it is about something below this name. */
bool relay_allow_is_below(const struct relay_allow *allow, const char *name);
bool relay_allow_is_addr(const struct relay_allow *allow, const struct minato_addr *addr);
/* Whether it is about addresses of the guest's own network alone, where nobody else is. */
bool relay_allow_is_own(const struct relay_allow *allow, const struct drive_subnet *subnet);
bool relay_allow_is_port(const struct relay_allow *allow, enum minato_proto proto, uint16_t port);
/*
 * Whether an answer of the DNS may lead to this address without --allow-private: what is reachable
 * from everywhere, and not through a translator into what is not (IANA's special-purpose
 * registries, RFC 6890). The prefixes of documentation count as such, but for 3fff::/20.
 */
bool relay_addr_is_public(const struct minato_addr *addr);
/*
 * The four bytes of the IPv4 address that it is, or may become on its way: NAT64 (RFC 6052 2.1),
 * 6to4 (RFC 3056). NULL: none.
 */
const uint8_t *relay_addr_within(const struct minato_addr *addr);

/* ---- near.c: relay_near_of, and ---- */

/* Whether one of the prefixes holds the address, or the one within it. */
bool near_holds(const struct relay_prefix *list, size_t count, const struct minato_addr *addr);

/* ---- dnswalk.c: names and records of a DNS message (RFC 1035 4.1) ---- */

#define DNSMSG_TYPE_A 1u
#define DNSMSG_TYPE_CNAME 5u
#define DNSMSG_TYPE_AAAA 28u
#define DNSMSG_TYPE_OPT 41u
#define DNSMSG_CLASS_IN 1u

/* A name as text: small letters, dots between labels, "" for the root. */
struct dnsname {
	char text[RELAY_NAME_MAX + 1];
	bool strange; /* has bytes other than letters, digits, '-', '_': text has '?' there */
};

struct dnsrecord {
	struct dnsname owner;
	uint16_t type, class;
	uint32_t ttl;
	size_t data, data_len; /* where the data is in the message */
};

/*
 * Reads a name at *at, which moves behind it; pointers (4.1.4) lead backwards only. False: there is
 * none within `len` bytes.
 */
bool dnswalk_name(const uint8_t *data, size_t len, size_t *at, struct dnsname *out);
/* The same for a record. */
bool dnswalk_record(const uint8_t *data, size_t len, size_t *at, struct dnsrecord *out);

/* ---- dnsask.c: a question of the guest, and the same in our words ---- */

struct dnsask {
	enum minato_proto proto; /* by which it came, and from which end of the guest */
	struct minato_endpoint guest;
	struct dnsname name;
	uint16_t type, class;
	bool edns;	     /* an OPT record came along (RFC 6891) */
	uint8_t version;     /* of it; we know 0 */
	uint16_t answer_max; /* bytes of a datagram that it takes: 512 at least */
};

/* Of a query whose question is readable (m->question_end). */
bool dnsask_read(const uint8_t *data, size_t len, const struct dnsmsg *m, struct dnsask *out);
/*
 * Writes the question as we ask it: header, the name in small letters, type and class, and an OPT
 * record without options, of a size of our own, where one came. Nothing else of the guest's message
 * goes on. `out` has DNSASK_MAX bytes; returns the length.
 */
#define DNSASK_MAX 300u
size_t dnsask_write(const struct dnsask *ask, const uint8_t *query, uint8_t *out);
/*
 * An answer without records to the guest's own question, with the reason as an extended error
 * (RFC 8914) where it knows of those. `out` has DNSASK_MAX bytes.
 */
size_t dnsask_refuse(const struct dnsask *ask, const uint8_t *query, const struct dnsmsg *m,
		     uint8_t rcode, uint16_t why, uint8_t *out);

#define DNSMSG_BADVERS 16u /* RFC 6891 9: an rcode whose upper bits are in the OPT record */
#define DNSMSG_WHY_NONE UINT16_MAX
#define DNSMSG_WHY_FORGED 4u	/* RFC 8914 4.5: the answer is not as it was */
#define DNSMSG_WHY_FILTERED 17u /* 4.18 */

/* ---- dnsanswer.c: what an answer says, and as much of it as goes on ---- */

#define DNSANSWER_CHAIN 16u /* names of a chain: RFC 1034 3.6.2 wants it short */
#define DNSANSWER_ADDRS 64u
#define DNSANSWER_RECORDS 512u /* looked at */
#define DNSANSWER_TTL_MAX 86400u
#define DNSANSWER_MAX 8192u /* bytes of one that we write */

struct dnsanswer {
	struct dnsname chain[DNSANSWER_CHAIN]; /* the name asked for, then what it leads to */
	uint32_t chain_ttl[DNSANSWER_CHAIN];   /* of the CNAME that leads on from there */
	size_t chain_count;
	struct minato_addr addrs[DNSANSWER_ADDRS]; /* of the last of them */
	uint32_t ttl[DNSANSWER_ADDRS];
	size_t addr_count;
	size_t passed_over; /* records that are neither */
};

/*
 * Reads the answer section for a question of type A or AAAA. False: it cannot be read to its end,
 * or its chain is a circle or too long.
 */
bool dnsanswer_read(const uint8_t *data, size_t len, const struct dnsmsg *m,
		    const struct dnsask *ask, struct dnsanswer *out);
/*
 * Writes header, the guest's own question and these records. `out` has DNSANSWER_MAX bytes; returns
 * the length.
 */
size_t dnsanswer_write(const struct dnsanswer *answer, const struct dnsask *ask,
		       const uint8_t *query, const struct dnsmsg *m, uint8_t rcode, uint8_t *out);

/* ---- pin.c: addresses that answers of ours have led to ---- */

#define PINS_MAX 4096u
#define PINS_OF_ADDR 64u /* names of one address; the one asked for longest ago gives way */
#define PIN_MIN_S 60u	 /* a pin lives so long at least */
#define PIN_GRACE_S 30u	 /* and so much longer than its answer, which has a way to go */

/* One name that led to one address. */
struct pin {
	struct minato_addr addr;
	int64_t until_ns;  /* 0: free */
	uint64_t *entries; /* handles of the table, of pinned.c */
	uint32_t entry_count;
	uint32_t flows; /* that go on keep it */
	uint32_t generation;
	uint16_t next;	       /* index + 1 in the chain of its address */
	uint16_t older, newer; /* index + 1, by the last answer */
	char name[RELAY_NAME_MAX + 1];
};

struct pins;
struct pins *pins_new(void);
void pins_free(struct pins *pins);
/*
 * A name leads there until then: a new pin, or one that lives longer. When all are used, the one
 * answered longest ago without a flow gives way, or else the oldest.
 */
struct pin *pins_add(struct pins *pins, const struct minato_addr *addr, const char *name,
		     struct minato_time now, int64_t until_ns);
/* The next pin of this address that lives, the latest answered first; NULL: the first, no more. */
struct pin *pins_next(const struct pins *pins, const struct minato_addr *addr,
		      struct minato_time now, const struct pin *after);
/* Ends those with an end for whose address it is true, whatever flows they have. */
void pins_drop(struct pins *pins, bool (*is_out)(void *user, const struct minato_addr *addr),
	       void *user);
/* Each pin, from the oldest on; `visit` lets them be. */
void pins_each(struct pins *pins, void (*visit)(void *user, struct pin *pin), void *user);
typedef void pins_gone_fn(void *user, struct pin *pin);
/* Is told of each pin that ends, while it is there still; not by pins_free. */
void pins_watch(struct pins *pins, pins_gone_fn *gone, void *user);
/* One makes way, as for pins_add; false: none but `keep` is left to. */
bool pins_yield(struct pins *pins, struct minato_time now, const struct pin *keep);
/* A flow goes on that came by it; it goes on no more. */
void pins_hold(struct pins *pins, struct pin *pin);
void pins_release(struct pins *pins, struct pin *pin);
/* Ends those that do not live any more. Returns when one may be next. */
struct minato_time pins_sweep(struct pins *pins, struct minato_time now);
/* A word for a pin that may be gone when it is used, not 0; NULL: it is gone. */
uint64_t pins_word(const struct pins *pins, const struct pin *pin);
struct pin *pins_at(const struct pins *pins, uint64_t word);
/* The name of the pin at a place (the low 16 bits of its word); NULL: none is there. */
const char *pins_name(const struct pins *pins, uint16_t place);

/* ---- pinned.c: pins in the port table ---- */

#define PINNED_ENTRIES_MAX 8192u /* an owner adds so many to minato_config's entries_max */

/* The first rule of the policy, pins left out, that matches a flow of the guest. */
struct pinned_rule {
	uint64_t order; /* UINT64_MAX: none does */
	bool passes;
	bool drops;
	bool limits;
	bool spent; /* a limit, of which the next flow would be one too many */
};

/*
 * The pin's entries: one for each allow of its name and run of ports. Where the table is full
 * others make way; where that does not help either, it has fewer.
 */
void pinned_enter(struct relay *relay, struct pin *pin);
/* Takes them out; `relay` is one. */
void pinned_leave(void *relay, struct pin *pin);
/* Where a program decides, that rule is passed over: the table has asked it already. */
struct pinned_rule pinned_rule(const struct relay *relay, enum minato_proto proto,
			       const struct minato_endpoint *to);
/* A flow goes out by this pin, or by none (NULL): counted for what allows its name. */
void pinned_decided(const struct relay *relay, const struct pin *pin, enum minato_proto proto,
		    uint16_t port);
/* Whether the allow stands before the first rule that matches. */
bool pinned_before(const struct relay_allow *allow, const struct pinned_rule *rule);

/* ---- permit.c: what may go out, and what is told of it ---- */

/*
 * The name leads there for good, as if an answer had said so, if any --allow is of it: for what the
 * user has named himself. Nothing where nothing is closed.
 */
void relay_pin(struct relay *relay, const char *name, const struct minato_addr *addr);

struct permit;
/* Of what is in relay_config. 0, or -ENOMEM. */
int permit_new(struct relay *relay, struct permit **out);
void permit_free(struct permit *permit);
/* What is due; returns when something is next. */
struct minato_time permit_turn(struct relay *relay);
/* Whether the guest may go only where it was let. */
bool permit_is_closed(const struct relay *relay);

struct pins *permit_pins(const struct relay *relay);
struct waitings *permit_waitings(const struct relay *relay);
/*
 * Whether the call waits until it is known which program it is of; it comes again then. `refused`:
 * it will be.
 */
bool permit_identify(struct relay *relay, uint64_t call, enum minato_proto proto,
		     const struct minato_endpoint *to, bool refused);
/* It is this one (NULL: nobody knows), and comes again now; 0: it has come. */
void permit_identified(struct relay *relay, uint64_t call, enum minato_proto proto,
		       const struct relay_program *program);
/* It is this one (NULL: nothing is learnt), by whoever has found out without being asked here. */
void permit_know(struct relay *relay, enum minato_proto proto, const struct minato_endpoint *guest,
		 const struct relay_program *program);
#define PERMIT_PROGRAMS 64u /* of ends of the guest that are remembered, the latest */
/* The program of this end of the guest, as far as it is remembered; NULL: not known. */
const struct relay_program *permit_program(const struct relay *relay, enum minato_proto proto,
					   const struct minato_endpoint *guest);
/* Room for TICKET_PEEK bytes, good until the next call. */
uint8_t *permit_room(const struct relay *relay);
struct hellos *permit_hellos(const struct relay *relay);
/* The next number of a flow. */
uint64_t permit_number(struct relay *relay);
/* Tells it to whoever wants to know. */
void permit_tell(struct relay *relay, const struct relay_attempt *attempt);
/* The name that led there last, of those that may be asked for; NULL: none. */
const char *permit_name_of(const struct relay *relay, const struct minato_addr *addr);

struct ticket;

/* What becomes of a question of the guest. */
enum permit_asked {
	PERMIT_DENY,   /* `out` is the answer; permit_denied tells it */
	PERMIT_ASK,    /* ask on, in the words of dnsask_write */
	PERMIT_ANSWER, /* `out` is the answer already */
};
enum permit_asked permit_question(struct relay *relay, const struct dnsask *ask,
				  const uint8_t *query, const struct dnsmsg *m, uint8_t *out,
				  size_t *out_len);
/* The name is not for the guest; `program`: who asked, NULL: not known. */
void permit_denied(struct relay *relay, const struct dnsask *ask,
		   const struct relay_program *program);
/*
 * Pins what the answer says, and writes as much of it as goes on to the guest. `out` has
 * DNSANSWER_MAX bytes; returns the length.
 */
size_t permit_answer(struct relay *relay, const struct dnsask *ask, const uint8_t *query,
		     const struct dnsmsg *asked, const uint8_t *data, size_t len, uint8_t *out);

/* By what a flow goes out. */
struct permit_way {
	const struct relay_allow *allow; /* NULL: nothing is closed, or a rule lets it out */
	const struct pin *pin;		 /* the latest; NULL: a prefix */
	bool looked_at;			 /* what is said has to name it */
	bool barred;			 /* a rule refuses it: nobody is asked */
	bool silent;			 /* and it is told nothing */
	const char *reason;		 /* why it does not go out, in words */
};
extern const char permit_no_echoes[]; /* a reason */
/* Whether a flow of the guest may go there. */
bool permit_judge(const struct relay *relay, enum minato_proto proto,
		  const struct minato_endpoint *to, struct permit_way *way);
/*
 * Asks about a flow that is not let out, of this end of the guest: a held call, or datagrams that
 * wait, whose word stands in the place of a call. True: it waits for relay_decide. `way` is what
 * permit_judge said of it.
 */
bool permit_ask(struct relay *relay, uint64_t call, enum minato_proto proto,
		const struct minato_endpoint *guest, const struct minato_endpoint *to,
		const struct permit_way *way);
/* Whether an answer of ours said that this name leads there, allowed or not. */
bool permit_led(const struct relay *relay, const struct minato_addr *addr, const char *name);
/* Asks about a connection that names what it was not let out for. True: relay_decide follows. */
bool permit_ask_said(struct relay *relay, uint64_t lane, const struct ticket *t, const char *said,
		     const char *reason);
/* Whether datagrams may be asked about. */
bool permit_asks_datagrams(const struct relay *relay, const struct permit_way *way);
#define PERMIT_GRANTS_MAX 1024u
/* It may go out by the user's word about this name, or address (NULL); false: no more fit. */
bool permit_grant(struct relay *relay, enum minato_proto proto, const struct minato_endpoint *to,
		  const char *name, struct permit_way *way);
/* The pin of this very name that lets flows go there; NULL: none. */
struct pin *permit_named(const struct relay *relay, enum minato_proto proto,
			 const struct minato_endpoint *to, const char *name);
/*
 * A flow that was refused, with the name that it bore, or NULL. Tells it, unless nobody wants to
 * know.
 */
void permit_refused(struct relay *relay, enum minato_proto proto,
		    const struct minato_endpoint *guest, const struct minato_endpoint *to,
		    const char *name, const char *reason);

/*
 * What the guest hears of an address that nobody has. A kernel tells no program of a datagram that
 * the host cannot be reached; where all else is refused, this is too, so that it knows at once.
 */
enum minato_reason permit_absent(const struct relay *relay, enum minato_proto proto);
/* A held call to where nothing leads, whatever is allowed: tells it, and ends it. */
void permit_turn_away(struct relay *relay, uint64_t call, enum minato_proto proto,
		      const struct minato_endpoint *wanted, enum target_verdict verdict);

/* ---- hellos.c: connections of QUIC that have sent a hello on lately ---- */

struct hellos;
struct hellos *hellos_new(void);
void hellos_free(struct hellos *hellos);
/*
 * A hello of this connection is to go on, or to go on again (gone_on, which it sets). False: it may
 * not, since another one of its id has gone on, or since there were too many lately.
 */
bool hellos_take(struct hellos *hellos, struct inspect_quic *quic, struct minato_time now);

/* ---- ticket.c: what a flow that was let out is known by, and what it says first ---- */

#define TICKET_PEEK 65536u /* bytes that are looked at together: a run; INSPECT_WINDOW at least */
#define TICKETS_OF_ENDPOINT 32u /* destinations of one; the one unused for longest gives way */

/* Of a TCP flow to the outside, or of one destination of a guest's UDP endpoint. */
struct ticket {
	struct ticket *next; /* of the same endpoint */
	uint64_t flow;	     /* a number that no other has */
	enum minato_proto proto;
	struct minato_endpoint guest, to;
	const struct relay_allow *allow; /* NULL: nothing is closed */
	uint64_t pin;			 /* word; 0: none */
	bool looked_at;			 /* what is said has to name what it goes to */
	size_t cleared;			 /* bytes at the head of the queue that may pass */
	struct inspect_stream stream;
	struct inspect_quic *quic; /* a hello that is not whole yet, or may come again; or NULL */
	struct ticket_kept *kept;  /* datagrams with parts of a hello, the first first */
	size_t kept_bytes;
	bool kept_goes; /* the hello is whole: what is kept goes on with this datagram */
	bool named;	/* QUIC: it has named what it goes to */
	bool asking;	/* the user, about `said`; of `cleared` bytes if yes */
	bool granted;	/* he has said yes to `said` */
	char said[RELAY_NAME_MAX + 1];
	uint64_t bytes_in, bytes_out; /* UDP; of TCP the lane knows */
	int64_t since_ns, used_ns;
	struct relay_program program;  /* pid 0: not known */
	char name[RELAY_NAME_MAX + 1]; /* by which it goes, or "" */
};

/* The lane's ticket, for a way that permit_judge found, and tells it. -ENOMEM. */
int ticket_take(struct lane *f, const struct permit_way *way);
/* The lane ends, and all its tickets: tells it. */
void ticket_give(struct lane *f);
/*
 * How many bytes at the head of the guest's stream may pass now; 0: wait for more; INT64_MAX: all
 * that ever comes. There must be some. Negative errno: it has said what it may not, and that was
 * told; the lane is to be reset.
 */
int64_t ticket_room(struct lane *f);
/*
 * relay_decide, for the word of a lane whose first bytes name what did not lead there; false: it is
 * none.
 */
bool ticket_decide(struct relay *relay, uint64_t word, const char *reason);
/* So many have passed. */
void ticket_passed(struct lane *f, size_t len);
/* The far side has sent so many bytes, which lie in these extents. */
void ticket_heard(struct lane *f, const struct minato_extent *extents, size_t count, size_t len);
enum ticket_fate {
	TICKET_GOES,
	TICKET_REFUSED, /* and that was told */
	TICKET_WAITS,	/* it is kept, for the rest of a hello or, in waiting.c, the user's word */
	TICKET_LOST,	/* it can be nothing that is wanted, but no wrong either */
};
/* Whether a datagram or run of the endpoint may go out (about->local is where to). */
enum ticket_fate ticket_datagram(struct lane *f, const struct minato_datagram *about,
				 const struct minato_extent *extents, size_t count);
/* The same to where the user has opened this host: it goes, and is told as any flow. */
enum ticket_fate ticket_opened(struct lane *f, const struct minato_datagram *about);
/*
 * A datagram, or run of them, that was kept. After TICKET_GOES what is kept of that place goes
 * before, one after another as this hands it over, to be freed; NULL: that is all.
 */
struct ticket_kept {
	struct ticket_kept *next;
	struct minato_datagram about;
	uint8_t bytes[];
};
#define TICKET_KEPT_MAX 32768u /* bytes of one place */
struct ticket_kept *ticket_kept(struct lane *f, const struct minato_endpoint *to);
/* What it writes to this place goes out by that way from now on. False: memory ran out. */
bool ticket_grant(struct lane *f, const struct minato_endpoint *to, const struct permit_way *way);
/* Whether one from there may come in, of so many bytes. */
bool ticket_comes(struct lane *f, const struct minato_endpoint *from, size_t len);

/* ---- waiting.c: datagrams to a place that the user is asked about ---- */

#define WAITINGS_MAX 32u

struct waitings;
int waitings_new(struct waitings **out);
void waitings_free(struct waitings *waitings);
/* They wait there, and the user is asked if he is not already. False: nobody is asked. */
bool waiting_take(struct lane *f, const struct minato_datagram *about,
		  const struct minato_extent *extents, size_t count, const struct permit_way *way);
/* relay_decide, for the word of such; false: it is none. */
bool waiting_decide(struct relay *relay, uint64_t word, const char *name, const char *reason,
		    const struct relay_program *program);

/* ---- dnsstream.c: DNS over TCP that is answered here, question by question ---- */

/* A held call to the resolver. */
void dnsstream_call(struct relay *relay, uint64_t call);
void dnsstream_work(struct lane *f);
/* The answer to one of its questions; the lane may be gone by now. */
void dnsstream_reply(struct relay *relay, uint64_t lane, const uint8_t *data, size_t len);

#endif
