/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * minato gateway: keeper and worker of a gateway, and the commands that change one that runs.
 *
 *   minato gateway: keeper ------------------------------ state file (SQLite)
 *     |  minato.conf, read and checked                    (statefile.c)
 *     |  links as opened, memory of the host value, the control socket's listener
 *     |
 *   worker: in a sandbox
 *        links <-> host value (in that memory) <-> links, or the relay's host sockets
 *
 * The keeper is cmd/harbour's, with a trade of its own; so is the worker's sandbox, and the control
 * socket. What is in force is a list of statements (rules.c), of which the keeper has the only
 * master copy: those of the file, and those said while it ran. Each change is one transaction,
 * whoever asks (a command, SIGHUP, a term that is over):
 *
 *   command ---request---> worker ---ORDER---> keeper: reads, checks, makes the new list
 *                          worker <--RULES---- keeper
 *      the difference in the host value,
 *      all of it or nothing --------APPLIED--> keeper: writes the state file
 *                          worker <--DONE----- keeper; if that failed, RULES as they were before
 *   command <--reply------ worker
 *
 * So what a command was told is done stands in force and on disk; what it was told has failed
 * changed nothing. Flows live on through all of it: they are records of their own.
 *
 * The memory is a file without a name, held by the keeper (and by systemd's store where there is
 * one). A worker that dies leaves it behind; the next one makes a host value in fresh memory and
 * takes the sessions over that it finds in the old one, each checked (takeover.c).
 */
#ifndef CMD_GATEWAY_GATEWAY_H
#define CMD_GATEWAY_GATEWAY_H

#include <limits.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cmd/cmd.h"
#include "conf/conf.h"
#include "minato/gateway.h"

struct drive_carry;

/* ---- messages of the channel, beside those of cmd.h ---- */

enum gateway_message {
	/* The keeper tells. */
	GATEWAY_TELL_RULES = 200, /* beside it the list, as gateway_rules_write writes it */
	GATEWAY_TELL_PIECE,	  /* `text`: a piece of the text of the next DONE */
	GATEWAY_TELL_DONE,	  /* number: 0, or negative errno of the order */
	GATEWAY_TELL_DIALLED,	  /* number: 0 with the descriptor, or negative errno */
	GATEWAY_TELL_DOOR, /* a socket of statement `number` of the next RULES; `bound.doors[0]` */
	GATEWAY_TELL_BEAT, /* to be answered by a beat */
	/* The worker asks. */
	GATEWAY_ASK_PIECE = 300, /* `text`: a piece of the next ORDER */
	GATEWAY_ASK_ORDER,	 /* a request in JSON, which a client has sent */
	GATEWAY_ASK_APPLIED,	 /* number: 0, or negative errno with `text` */
	GATEWAY_ASK_DIAL,	 /* `text`: the path of a UNIX socket; answered in turn */
	GATEWAY_ASK_BEAT,
};

#define GATEWAY_ORDER_MAX 16384u /* bytes of an order's text, or of an answer's */

/* A text that comes in pieces, or goes. */
struct gateway_parcel {
	size_t used;
	char text[GATEWAY_ORDER_MAX];
};
/* Sends the text in pieces of this kind; 0 or negative errno. */
int gateway_parcel_send(int channel, uint32_t kind, const char *text);
/* Appends a piece that came. -E2BIG. */
int gateway_parcel_take(struct gateway_parcel *parcel, const struct cmd_message *message);
/* Appends a line to a note, whole; where there is no room its end says how many are missing. */
void gateway_note_line(char *note, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Says each line of a note by itself, so that all begin alike. */
void gateway_note_say(const char *note);

/* ---- rules.c: lists of statements with the instants at which they end ---- */

struct gateway_rules {
	struct conf conf;  /* `line` of a statement: in the file; 0: said while the gateway ran */
	int64_t *until_s;  /* of each, seconds since 1970; 0: for good */
	bool *fleeting;	   /* of each: it is not written down, and ends with the gateway */
	uint64_t *term;	   /* of each, what the file says of its end, as a number; 0: nothing */
	size_t until_room; /* of those arrays */
	bool dmz_off;	   /* of what was said: no dmz, whatever the file has */
};
#define GATEWAY_DMZ_OFF "dmz off" /* that as a text */

void gateway_rules_free(struct gateway_rules *rules);
/* Appends a copy; its term is until_s alone from now on. 0, -ENOMEM, -ENOSPC. */
int gateway_rules_add(struct gateway_rules *rules, const struct conf_statement *statement,
		      int64_t until_s);
void gateway_rules_remove(struct gateway_rules *rules, size_t index);
/*
 * conf_judge and conf_sets_judge. In the report a line of CONF_LINE_LIVE or more is of the live
 * statement of the index that is left.
 */
int gateway_rules_judge(const struct conf *conf, struct conf_report *report);
/*
 * Whether the new one stands for the old one: the same, another dmz of the same addresses, the same
 * setting of nat.
 */
bool gateway_rules_replaces(const struct conf_statement *old, const struct conf_statement *new);
/* Those between move up or down by one. */
void gateway_rules_move(struct gateway_rules *rules, size_t from, size_t to);
/* 0 or -ENOMEM. */
int gateway_rules_copy(struct gateway_rules *out, const struct gateway_rules *rules);
/*
 * When what is said at `since_s` ends; 0: never. By the local time of this process, so not for a
 * worker. -EINVAL for an instant that local time does not have.
 */
int64_t gateway_term_end(const struct conf_term *term, int64_t since_s);
/* The term of a forward or dmz, or NULL. */
struct conf_term *gateway_term_of(struct conf_statement *statement);
/*
 * What is in force: the file's statements, and what was said while the gateway ran, which goes
 * before a dmz or nat setting of the file. A live rule stands where it says: `last`, behind those
 * of the file, `before` the one of that name or tag (gateway_rule_tag), else before them all, in
 * the order of what was said. What is over at now_s is left out. 0, -ENOMEM, or -EINVAL with a
 * report that speaks of the merged list, which is to be freed then too.
 */
int gateway_rules_merge(struct gateway_rules *out, const struct gateway_rules *file,
			const struct gateway_rules *said, int64_t now_s,
			struct conf_report *report);
/* A name for a rule of the file that has none, made of what it says. Returns `out`. */
#define GATEWAY_RULE_TAG_SIZE 18u
const char *gateway_rule_tag(char out[GATEWAY_RULE_TAG_SIZE], const struct conf_statement *rule);
/*
 * What stands in both files, with the same words about its end, ends when it did, or is over: a
 * line that was not changed says nothing anew. Each that is over is noted, behind what is there.
 * 0 or -ENOMEM.
 */
int gateway_terms_keep(struct gateway_rules *file, const struct gateway_rules *old, int64_t now_s,
		       char *note, size_t size);
/* The next instant at which one of them ends, or 0. */
int64_t gateway_rules_next(const struct gateway_rules *rules, int64_t now_s);
/*
 * Writes all statements in the form of a line each, "UNTIL LINE text", to the descriptor; reads
 * them from it. 0 or negative errno.
 */
int gateway_rules_write(const struct gateway_rules *rules, int fd);
int gateway_rules_load(struct gateway_rules *out, int fd);

/* ---- statefile.c, or nostatefile.c: what outlives the gateway ---- */

struct gateway_state;

struct gateway_change {
	bool remove;
	const char *text; /* canonical, without its term; borrowed */
	int64_t until_s;
};

bool gateway_state_built(void);
/*
 * Opens the file, or makes it with mode 0600. One that is broken, or that no gateway made, is moved
 * aside and replaced, which the warning says. One that cannot be written to, as on a full disk, is
 * read, which it says too; writing fails until it can be. 0, or negative errno with a text: -EBUSY
 * (another gateway has it), -EACCES, -EOPNOTSUPP (built without) ...
 */
int gateway_state_open(struct gateway_state **out, const char *path, struct drive_error *warning,
		       struct drive_error *error);
/* Notes that the gateway was stopped, as gateway_state_stopped tells the next one. */
void gateway_state_close(struct gateway_state *state);
/* Whether the last gateway of this file was stopped; true of a new one. */
bool gateway_state_stopped(const struct gateway_state *state);
/* Calls back in the order in which they were written, until that returns a negative errno. */
int gateway_state_each(struct gateway_state *state,
		       int (*each)(void *user, const char *text, int64_t until_s), void *user,
		       struct drive_error *error);
/* One transaction: all on disk, or nothing and negative errno with a text (-ENOSPC: full). */
int gateway_state_write(struct gateway_state *state, const struct gateway_change *changes,
			size_t count, struct drive_error *error);

/* ---- openlinks.c: the links, as the keeper opens them ---- */

struct gateway_link {
	struct conf_link said;
	int fd;			     /* of a tap */
	bool vnet;		     /* of a tap: frames carry the virtio header */
	struct drive_link_ends ends; /* of an interface */
	int claim;		     /* by which another gateway finds it taken, or -1 */
	uint64_t space; /* the number of its network namespace; 0: not known */
	uint32_t mtu;
	uint8_t mac[6]; /* ours there */
};

/* In the order of the statements: the number of a link here is its number in the host value. */
struct gateway_links {
	struct gateway_link list[CONF_LINKS_MAX];
	size_t count;
	bool host; /* besides, the host's own sockets are the outside */
};

/*
 * Opens all links of the conf. Those that `old` has open too it shares (the descriptor is a copy),
 * be they on another side or of another MTU now.
 * What arrives by an interface may be carried by the table (NULL: nothing is).
 * 0, or negative errno with a text; then nothing is open.
 */
int gateway_links_open(struct gateway_links *links, const struct conf *conf,
		       const struct gateway_links *old, const struct drive_carry *carry,
		       struct drive_error *error);
void gateway_links_close(struct gateway_links *links);
/*
 * The last step of a change: taps that `old` has open too get the MTU that is said of them now. 0,
 * or negative errno with a text; then all are as they were.
 */
int gateway_links_change(struct gateway_links *links, const struct gateway_links *old,
			 struct drive_error *error);
/* How much the interfaces take now: that may have changed since they were opened. */
void gateway_links_look(struct gateway_links *links);
/*
 * claims.c: says to other gateways that the interfaces are this one's. 0, or -EBUSY with a text
 * that names whose one is; then the links are to be closed.
 */
int gateway_links_claim(struct gateway_links *links, const char *gateway,
			struct drive_error *error);
/* "tap mt0", "eth0 in namespace lan". Writes into `text` and returns it. */
const char *gateway_link_word(const struct conf_link *link, char *text, size_t size);
/* Whether both are the same link in all but its addresses. */
bool gateway_link_same(const struct conf_link *a, const struct conf_link *b);

/* ---- scanrules.c: what statements say about scans ---- */

/*
 * What scans get; without a statement, as is usual. `away`: what insides try outside counts, as a
 * guest's own calls do. 0 or negative errno.
 */
int gateway_scans_apply(struct minato *host, const struct conf *conf, bool away);
/* Who is told, and nobody else. 0, or negative errno with a text: then only those before it. */
int gateway_alerts_apply(struct cmd_alerting *alerting, const struct conf *conf,
			 struct drive_error *error);
/* Reports each that could not be told, and makes nothing. */
void gateway_alerts_judge(const struct conf *conf, struct conf_report *report);
/* Whether all of them could be told. */
int gateway_alerts_check(const struct conf *conf, struct drive_error *error);

/* ---- hostmemory.c: the memory that the host value lies in ----
 *
 *	page 0: struct gateway_head     page 1 ...: the host value
 *
 * A file in memory without a name, of a size that is sealed. The head says what made it, so that a
 * keeper that gets it from systemd's store can tell whether it understands what lies there.
 */

#define GATEWAY_HEAD_SIZE 4096u
/* Where it begins when mapped is a multiple of this, so that it may lie in large pages. */
#define GATEWAY_PIECE ((size_t)2 << 20)

struct gateway_head {
	char magic[16];
	char version[16];
	uint64_t size; /* of the host value */
	uint32_t config_size;
	uint32_t complete; /* 1 when the rest of it stands */
	struct minato_config config;
};

/* The config of the host value, seed and offloads apart: what its size depends on. */
void gateway_config(struct minato_config *config, const struct conf *conf,
		    const struct gateway_links *links);
/* Makes the file for a value of this config. Returns the descriptor, or negative errno. */
int gateway_memory_new(const struct minato_config *config);
/* Maps all of it, head included. 0 or negative errno. */
int gateway_memory_map(int fd, bool write, struct gateway_head **head, size_t *size);
/*
 * Whether the head is one that this program understands, with a file as long as it says. False is
 * no error: the memory is then good for nothing.
 */
bool gateway_memory_fits(int fd);

/* ---- readymemory.c: pages made beforehand ---- */

/*
 * Makes the pages in which the first sessions will lie, in large ones where the kernel has them,
 * unless that is more than a sixteenth of what the host can spare; until this instant at most.
 * Returns how many bytes are ready, or negative errno. What is not made now comes when it is
 * touched.
 */
int64_t gateway_memory_ready(int fd, struct minato_time until);

/* ---- applying.c: statements in the host value ---- */

/* What a statement has in the host value. */
struct gateway_held {
	uint32_t id; /* of a forward that ends here, in its entries' word; 0: none */
	uint64_t *entries;
	size_t count;
	uint64_t group;	 /* of servers; 0: none */
	int dial_errnum; /* of a forward that ends here: of the last call onward; 0: it stood */
};

/* What is built in, behind all rules, as a sentence. */
#define GATEWAY_SHUT_TEXT "block tcp,udp 137-139, 445 from wan"

/* An entry of a rule of the policy. */
struct gateway_ruled {
	struct minato_entry entry;
	uint64_t handle;
	size_t statement; /* index; the count of all: what is shut to all but lan */
	uint32_t mark;	  /* of its name: rules that say the same are told apart by it */
};

/* An address for translations. */
struct gateway_pooled {
	uint32_t link;
	struct minato_addr addr;
	uint16_t low, high;
};

/* ---- partings.c: connections that ended with their outside address ---- */

struct gateway_parting {
	uint8_t scope; /* of the inside */
	struct minato_endpoint far, near;
};
struct gateway_partings {
	struct gateway_parting *list;
	size_t count, room, next;
	uint32_t rounds;
	uint64_t ended; /* flows, of which nothing was said yet */
	struct minato_time due;
};

struct gateway_applied {
	struct minato *host;
	const struct gateway_links *links;
	struct gateway_rules rules;
	struct conf rest;	     /* of the rules all but those of the policy; borrowed */
	struct gateway_held *held;   /* of each statement */
	struct gateway_ruled *ruled; /* in their order */
	size_t ruled_count;
	struct gateway_pooled *pool;
	size_t pool_count;
	uint32_t last_id;
	struct conf_drains drains; /* of `rules` */
	/*
	 * Of a forward or dmz that says no bound of its own: strangers do not get all sessions
	 * there are, and inside hosts go out while they try.
	 */
	uint32_t flows_max;
	struct gateway_partings partings;
	/* Or NULL: after a change, before a packet sees it (which servers are down). */
	void (*settle)(void *user);
	void *settle_user;
};

/* The session ends, or has: its inside ends are to be told (if there is memory for it). */
void gateway_part(struct gateway_partings *partings, const struct minato_session *session);
/* All that end with this address for translations, before it is taken away. */
void gateway_part_pool(struct gateway_applied *applied, const struct minato_addr *gone);
/* Ends all that came in by an address that is none of ours any more. */
void gateway_part_forwards(struct gateway_applied *applied);
/* Tells some; when it wants to again. */
struct minato_time gateway_partings_turn(struct gateway_partings *partings, struct minato *host,
					 struct minato_time now);
void gateway_partings_free(struct gateway_partings *partings);

/*
 * Brings the host value from what it has to `wanted`: all of it, or negative errno with a text that
 * names the statement; then the host value is as it was. -ENOTRECOVERABLE: it is neither. With 0
 * the text says what of it comes later (gateway_held_note), or nothing.
 */
int gateway_apply(struct gateway_applied *applied, const struct gateway_rules *wanted,
		  struct drive_error *error);
/*
 * Whether the step from one to the other takes another host value: other links or routes, or other
 * capacities. Addresses of a link are changed in the one there is.
 */
bool gateway_apply_renews(const struct conf *old, const struct conf *new);
void gateway_applied_free(struct gateway_applied *applied);

/* ---- heldports.c: ports of forwards that mappings of inside hosts have ---- */

/*
 * Writes a line for each forward in force that `before` has not, of which mappings have ports: how
 * many, and whose. Cut to the size; empty: there is none.
 */
void gateway_held_note(const struct gateway_applied *applied, const struct conf *before, char *out,
		       size_t size);
/* Why it could not be added: -EADDRINUSE with a text, or 0: no mapping is in its way. */
int gateway_held_refuse(const struct gateway_applied *applied, const struct conf *conf,
			const struct conf_statement *one, struct drive_error *error);

/* ---- placing.c: where a rule stands that is said while the gateway runs ---- */

/*
 * Adds the rule to what was said, at the place that it names: `before` a live one, or one of the
 * file, by name or line; `first`, `last`; else behind the live ones. 0, -ENOMEM, -ENOSPC, or
 * -ENOENT with a text.
 */
int gateway_place(struct gateway_rules *said, const struct gateway_rules *file,
		  struct conf_statement *one, int64_t until_s, char *fault, size_t size);
/*
 * The file is another one now: what stood before a rule that it has no more keeps its place behind
 * the rule that went before that one. Says so in `note`, a line for each, cut to the size. 0 or
 * -ENOMEM.
 */
int gateway_places_keep(struct gateway_rules *said, const struct gateway_rules *old,
			const struct gateway_rules *file, char *note, size_t size);
/*
 * Where a live rule stands among those of the file: before which of them, SIZE_MAX: behind all.
 * Where it is before one that is not there (*gone) nobody knows: before all if it refuses, else
 * behind all, so that nothing is open by that.
 */
size_t gateway_place_in(const struct gateway_rules *file, const struct conf_statement *one,
			bool *gone);

/* ---- policing.c: the rules of the policy in the host value ---- */

#define GATEWAY_WORD_RULE (UINT64_C(0xe2) << 56)
/* Entries in their order; those of one rule have one. */
struct gateway_sequence {
	struct gateway_ruled *list;
	size_t count, room;
};
/* A change of them on its way. */
struct gateway_policing {
	struct gateway_sequence old; /* `list` borrowed, until the turn */
	struct gateway_sequence new;
	size_t *alike; /* of each new one: gateway_alike */
	bool whole;    /* all of it stands in the next policy, whatever has changed */
	bool turned;
};
/*
 * What the list wants is made ready, of which no packet meets anything; it breathes. 0, or negative
 * errno with the index of the statement; then nothing has changed.
 */
int gateway_police_begin(struct gateway_policing *policing, struct gateway_applied *applied,
			 const struct gateway_rules *wanted, size_t *culprit);
/* It is in force, in one step. */
void gateway_police_turn(struct gateway_policing *policing, struct gateway_applied *applied);
/* What has become of no use is taken away: of the old ones, or with no turn of the new. */
void gateway_police_end(struct gateway_policing *policing, struct gateway_applied *applied);
/*
 * alike.c: for each entry of `new` which one of `old` is alike in all but its order, SIZE_MAX if
 * none; and whether it may keep that order too. A rule is alike as a whole. 0 or -ENOMEM.
 */
int gateway_alike(const struct gateway_sequence *old, const struct gateway_sequence *new,
		  size_t *alike, bool *stays);
/* A cmd_rule_place_fn; user: struct gateway_applied. */
void gateway_rule_place(void *user, const struct minato_rule_event *event,
			struct cmd_rule_place *out);
/* The statement of a rule's entry; the count of all: what is shut to all but lan. -ENOENT. */
int64_t gateway_rule_of(const struct gateway_applied *applied, uint64_t handle);

/* The number of a forward that ends here is a word of this tag, beside which of its entries. */
#define GATEWAY_WORD_FORWARD (UINT64_C(0xe1) << 56)
#define GATEWAY_WORD_ENTRY_SHIFT 32u
#define GATEWAY_WORD_ENTRY(word) ((size_t)((word) >> GATEWAY_WORD_ENTRY_SHIFT & 0xffffff))
/* The forward of the word, and what it has there; NULL: it stands no more. */
const struct conf_statement *gateway_forward_of(const struct gateway_applied *applied,
						uint64_t word, struct gateway_held **held);
bool gateway_prefix_has(const struct conf_prefix *prefix, const struct minato_addr *addr);
/* Whether the address is on the link: in one of its own prefixes. */
bool gateway_link_has(const struct conf_link *link, const struct minato_addr *addr);

/* ---- health.c: servers that are probed by a connection now and then ---- */

struct gateway_probe;

struct gateway_health {
	struct gateway_applied *applied;
	struct gateway_probe *list;
};
/* What is in force has changed: probes what it says, and forgets the rest. 0 or -ENOMEM. */
int gateway_health_sync(struct gateway_health *health, struct minato_time now);
/* An event of a probe's socket. False: it is none's. */
bool gateway_health_event(struct gateway_health *health, const struct minato_event *event);
/* Begins what is due, ends what is overdue; when it is next. */
struct minato_time gateway_health_turn(struct gateway_health *health, struct minato_time now);
/* Whether this server of the forward answered no more when it was asked last. */
bool gateway_health_down(const struct gateway_health *health, const struct conf_forward *forward,
			 uint32_t server);
/* For how long it has been down, in ns; negative: it is not. */
int64_t gateway_health_since(const struct gateway_health *health,
			     const struct conf_forward *forward, uint32_t server);
void gateway_health_free(struct gateway_health *health);

/* ---- ends.c, endpipe.c: forwards that end here ----
 *
 *	client --- outside link --- socket of ours = end = another socket of ours --- inside link
 *			     (a held call until the	  or a UNIX socket of the host
 *			      other side stands)
 *
 * Where the host's sockets are the outside, the relay goes on with those whose server is inside. Of
 * a forward to a UNIX socket it gives us the caller's descriptor:
 *
 *	client --- socket of the host = end = UNIX socket of the host
 */

#define GATEWAY_ENDS_MAX 16384u /* at once; the client of one more is refused */

struct gateway_ends;

struct gateway_end {
	struct gateway_ends *all;
	struct gateway_end *busy_next;
	struct gateway_end *dial_next; /* in the order in which the keeper was asked */
	uint32_t index, generation;
	uint64_t forward; /* the word */
	uint32_t place;	  /* among its connections; 0: none */
	struct minato_addr client;
	struct minato_endpoint at; /* the server */
	uint64_t call;		   /* our socket towards the client; 0: gone, or it is: */
	struct relay_caller caller; /* of the host's; fd -1: it is not */
	int64_t caller_watch;
	bool caller_readable, caller_spoke;
	uint64_t server;	   /* our socket towards the server; 0: it is a UNIX socket */
	int fd;			   /* of that, or -1 */
	int64_t watch;
	uint8_t header[RELAY_PROXY_MAX];
	size_t header_size, header_sent;
	bool dialling; /* the other side does not stand yet */
	bool asked;    /* the keeper's answer is to come */
	bool busy;
	bool dead;		 /* freed when the keeper has answered */
	bool readable, writable; /* fd, by edges */
	bool up_done, down_done; /* FIN went on to the server, to the client */
};

struct gateway_ends {
	struct minato *host;
	struct drive_loop *loop;
	int channel;
	struct gateway_applied *applied;
	struct gateway_end **slots; /* GATEWAY_ENDS_MAX, made by the first one */
	struct gateway_end *busy, *dial_first, *dial_last;
	uint32_t count, slots_used, generation;
	uint64_t opened, refused;
	struct minato_time said; /* when a failure was said last */
};
/* An event of the host value. False: it is none of theirs. */
bool gateway_ends_event(struct gateway_ends *ends, const struct minato_event *event);
/* A relay_config's `take`; `ends`: these. */
bool gateway_ends_take(void *ends, const struct relay_caller *caller);
/* The keeper has connected to a UNIX socket (fd taken over), or could not. */
void gateway_ends_dialled(struct gateway_ends *ends, int result, int fd);
/* Goes on with what had more to move than its share; when it wants to again. */
struct minato_time gateway_ends_turn(struct gateway_ends *ends, struct minato_time now);
/* How many there are at this server; port 0: at any port. */
uint64_t gateway_ends_count(const struct gateway_ends *ends, const struct minato_endpoint *at);
/* Ends all by reset. */
void gateway_ends_free(struct gateway_ends *ends);
/* Moves bytes both ways, as far as a share goes. False: it is over, and freed by the caller. */
bool gateway_end_pipe(struct gateway_end *end);

/* ---- carrying.c: flows that the kernel carries for us ---- */

struct gateway_carried;

struct gateway_carrying {
	struct minato *host;
	const struct gateway_links *links;
	struct drive_carry *table; /* NULL: the kernel carries nothing */
	struct gateway_carried *list;
	uint32_t *living, *heads;
	uint32_t count; /* directions of flows, now */
	uint64_t begun, frames;
	uint64_t hurried; /* where something may have been overtaken */
	uint64_t bytes;	  /* of those that ended */
	struct minato_time next;
};
/* Nothing is carried at first. 0 or -ENOMEM. */
int gateway_carrying_begin(struct gateway_carrying *carrying, struct minato *host,
			   const struct gateway_links *links, struct drive_carry *table);
void gateway_carrying_free(struct gateway_carrying *carrying);
/*
 * Follows the host value, all of whose frames have been sent; when it wants to again. What ended
 * there has ended when it returns.
 */
struct minato_time gateway_carrying_turn(struct gateway_carrying *carrying, struct minato_time now);
/* What leaves by that link comes by us again at first: it is not as it was. */
void gateway_carrying_renew(struct gateway_carrying *carrying, uint32_t link,
			    struct minato_time now);
/* Bytes that were carried, ever. */
uint64_t gateway_carrying_bytes(const struct gateway_carrying *carrying);
/* Whether one direction of the session is carried at least. */
bool gateway_carrying_has(const struct gateway_carrying *carrying, uint64_t session);

/* ---- descriptors that a service manager passed (notify.c) ---- */

#define GATEWAY_PASSED_MAX 64
#define GATEWAY_MEMORY_NAME "minato-memory" /* in systemd's store */

struct gateway_passed {
	int fd;
	char name[64];
};

/* ---- doors.c: sockets of the host for forwards, where the host's sockets are the outside ----
 *
 * The keeper binds them before a change is tried, and keeps a copy, so that they outlive a worker;
 * what no statement in force wants is closed when the change is over, however that ends.
 */

/* A forward's ports, but for those that other doors have: there one socket serves several. */
struct gateway_door {
	struct conf_statement one; /* or another forward at the same places */
	struct relay_publish list;
	bool fresh;  /* no worker has it yet */
	bool leaves; /* in gateway_doors_open: what comes does not want it */
};
/* Runs of ports that a door is, at most. */
#define GATEWAY_PIECES_MAX 65536u
struct gateway_doors {
	struct gateway_door *list;
	size_t count;
	struct gateway_passed passed[GATEWAY_PASSED_MAX]; /* by a service manager */
	size_t passed_count;
};
/* Whether a forward can be served where the host's sockets are the outside. */
bool gateway_door_fits(const struct conf_forward *forward);
/*
 * Opens what the rules want and is not open; of a forward whose name is that of descriptors which
 * were passed, takes those. 0, or negative errno with a text; then nothing new is open.
 */
int gateway_doors_open(struct gateway_doors *doors, const struct gateway_rules *rules,
		       struct drive_error *error);
/* Sends those that no worker has, for the rules that follow. 0 or negative errno. */
int gateway_doors_send(struct gateway_doors *doors, const struct gateway_rules *rules, int channel);
/* The end of a change: closes what these rules do not want, and the worker has the others. */
void gateway_doors_prune(struct gateway_doors *doors, const struct gateway_rules *rules);
void gateway_doors_close(struct gateway_doors *doors);
/* How many descriptors it has, and writes them where `out` is not NULL. */
size_t gateway_doors_fds(const struct gateway_doors *doors, int *out);

/* In a new worker: what its keeper has open. */
void gateway_doors_inherit(struct gateway_doors *doors, const struct gateway_doors *keeper);
/* Takes a socket that came. It is closed where that makes no sense. */
void gateway_doors_take(struct gateway_doors *doors, const struct cmd_message *message, int fd);
/* Those that came are for a change that does not come to stand. */
void gateway_doors_withdraw(struct gateway_doors *doors);
/*
 * Those that came belong to these rules: lets callers in by them, and closes what the rules do not
 * want. 0, or negative errno with a text.
 */
int gateway_doors_start(struct gateway_doors *doors, const struct gateway_rules *rules,
			struct relay *relay, struct drive_error *error);
/* Whether callers come in by this statement's sockets. */
bool gateway_doors_have(const struct gateway_doors *doors, const struct conf_statement *one);

/* ---- keeperdial.c: connections that a worker cannot make ---- */

struct gateway_keeper;
/* Connects to the path if a forward that stands says so. Negative errno: no worker of ours asks. */
int gateway_keeper_dial(struct gateway_keeper *keeper, const struct cmd_message *message);

/* ---- notify.c: the service manager ---- */

/* Takes the descriptors of LISTEN_FDS, if they are meant for us; how many. */
size_t gateway_passed_take(struct gateway_passed *list, size_t room);

struct gateway_notify {
	int fd; /* -1: nobody wants to hear */
	struct sockaddr_un to;
	socklen_t to_size;
	int64_t watchdog_ns; /* how often we say that we live; 0: never */
	struct minato_time next;
};
void gateway_notify_begin(struct gateway_notify *notify);
void gateway_notify_end(struct gateway_notify *notify);
/* 0, or negative errno: -ENOTCONN where nobody wants to hear. */
int gateway_notify(const struct gateway_notify *notify, const char *text);
/* With a descriptor for its store. */
int gateway_notify_with(const struct gateway_notify *notify, const char *text, int fd);
/* Feeds the watchdog when that is due; returns when it is next. */
struct minato_time gateway_notify_turn(struct gateway_notify *notify, struct minato_time now);

/* ---- gatefault.c: what is wrong with statements, in words ---- */

#define GATEWAY_FAULT_SIZE 768u
/* The sentence that a fault of gateway_rules_judge is about. */
void gateway_fault_sentence(const struct conf *conf, const struct conf_fault *fault,
			    char out[GATEWAY_FAULT_SIZE]);
/* What one of gateway_rules_judge says, with the sentences that it is about. */
void gateway_fault_words(const struct conf *conf, const struct conf_fault *fault,
			 char out[GATEWAY_FAULT_SIZE]);
/*
 * Makes a report about a merged list one that gateway_fault_text can say: who else is meant stands
 * in its words, and with `of_file` a fault of two of which one is in the file is about that one.
 */
void gateway_fault_settle(struct conf_report *report, const struct conf *conf, bool of_file);
/*
 * Writes what the report says, with line, column and a caret in the text that it is about. Cut to
 * the size.
 */
void gateway_fault_text(const struct conf_report *report, const char *path, const char *text,
			char *out, size_t size);
/* The same of files, the first of which is called by its path. */
void gateway_fault_sources(const struct conf_report *report, const struct conf_sources *sources,
			   char *out, size_t size);
/* The same by line alone: the report speaks of canonical statements of the conf (NULL: unknown). */
void gateway_fault_lines(const struct conf_report *report, const struct conf *conf, char *out,
			 size_t size);

/* ---- gatekeeper.c: the keeper ---- */

/* A change on its way: what will be, if all goes well. */
struct gateway_pending {
	bool busy;
	bool asked;    /* by a command, through the worker: it is answered */
	bool undoing;  /* the state file could not be written: the worker goes back */
	bool reloaded; /* `file` is a new one */
	bool fleeting; /* it may be lost when the gateway ends */
	bool ends;     /* of its own accord: what is over */
	bool renews;
	struct gateway_rules file, said, standing;
	struct minato_time until; /* answered by then, or the worker is stuck */
	struct drive_error error; /* of what is being undone */
	int errnum;
	char note[3072]; /* what is worth a warning about what is new */
};

/* ---- changes.c: what is pending beside what stands ---- */

/* Writes what is to stand when the gateway runs again. 0 or negative errno. */
int gateway_changes_write(struct gateway_keeper *keeper, struct drive_error *error);
/* Says in the log what comes and what goes; before it is done. */
void gateway_changes_say(const struct gateway_keeper *keeper);

/* ---- pulse.c: a worker that hangs ---- */

struct gateway_pulse {
	struct minato_time next;
	uint32_t misses;
};
/* Asks whether it is there, and kills one that has not been for some seconds; when it is next. */
struct minato_time gateway_pulse_turn(struct gateway_keeper *keeper, struct minato_time now);
/* It is. */
int gateway_pulse_take(struct gateway_keeper *keeper);

struct gateway_keeper {
	struct cmd_harbour harbour; /* first: the trade's functions get this */
	const char *path;	    /* of the configuration */
	bool foreground_quiet;
	struct gateway_rules file, said, standing;
	struct gateway_state *state; /* NULL: what is said is lost with us */
	char state_path[PATH_MAX];
	struct drive_error state_error; /* why there is none */
	struct gateway_links links;
	struct drive_carry *carry; /* NULL: the kernel carries nothing */
	int memory, old_memory;	   /* -1: none */
	uint32_t entries_room;	   /* general entries that the host value takes */
	bool salvaging;		   /* the worker that starts has the old memory */
	struct gateway_doors doors;
	struct gateway_notify notify;
	struct gateway_parcel parcel;
	struct gateway_pending pending;
	struct gateway_pulse pulse;
	bool reload_wanted;
	int64_t next_end_s; /* when the next statement ends, seconds since 1970; 0: never */
};
/*
 * gatefault.c: that nothing said live stands as the text, and what it has a part of, live or in the
 * file.
 */
void gateway_fault_missing(const struct gateway_keeper *keeper, const char *text, char *out,
			   size_t size);

/* Opens all that the gateway needs; 0 or negative errno with a text (-EINVAL: said already). */
int gateway_keeper_open(struct gateway_keeper *keeper, struct drive_error *error);
/* Serves to the end; the exit code. */
int gateway_keeper_run(struct gateway_keeper *keeper);
void gateway_keeper_close(struct gateway_keeper *keeper);
/*
 * Reads the file and judges it. 0, or negative errno with `out`, of `size`, saying what is wrong;
 * with 0 it says the warnings, if any.
 */
int gateway_file_read(struct gateway_rules *rules, const char *path, char *out, size_t size);
/*
 * What is wrong with a merged list. With `path` a new file is what was to come in, and what is
 * wrong is shown there.
 */
void gateway_file_fault(struct conf_report *report, const struct conf *merged, const char *path,
			char *out, size_t size);

/* ---- transaction.c: the keeper's side of a change ---- */

/* A worker has sent an order; negative errno: no worker of ours does. */
int gateway_order_take(struct gateway_keeper *keeper);
/* It has carried out the list that it was given. */
int gateway_order_applied(struct gateway_keeper *keeper, const struct cmd_message *message);
/* SIGHUP. */
void gateway_reload(struct gateway_keeper *keeper);
/* The worker is gone: nothing is pending any more. */
void gateway_order_forget(struct gateway_keeper *keeper);
/* What is due: statements whose time is over, a worker that does not answer. */
struct minato_time gateway_order_turn(struct gateway_keeper *keeper, struct minato_time now);
/*
 * A host value of another shape is needed. Ahead comes what takes time, while the worker still
 * works: memory for the next one. Then, with what that returned, a new worker takes the place of
 * the old one, with the links as they are now.
 */
int gateway_renew_ahead(struct gateway_keeper *keeper, struct drive_error *error);
int gateway_renew(struct gateway_keeper *keeper, int result, struct drive_error *error);

/* ---- breath.c: work in slices ---- */

/* From now on long work calls back now and then: what waits gets its turn. */
void gateway_breath_begin(void (*call)(void *user), void *user);
void gateway_breath_end(void);
/* What is under way must be met by nobody while this holds. */
void gateway_breath_hold(bool held);
/* To be called often by what may take long, where nothing is half done. */
void gateway_breathe(void);

/* ---- gateworker.c: the worker ---- */

/* A link of a worker: what carries its frames. */
struct gateway_port {
	struct gateway_worker *worker;
	struct drive_tap *tap;	/* either this */
	struct drive_link *eth; /* or this */
	int64_t watch;		/* 0: the link is gone */
	int64_t news_watch;
	uint32_t link;
	bool starved, blocked;
	bool down;		 /* as it was said last */
	bool lies;		 /* down, as it is */
	struct minato_time said; /* when */
};

/* What a general entry has seen. */
struct gateway_use {
	uint64_t handle, hits;
};

/* Whose entry it is. */
struct gateway_place {
	uint64_t entry;
	size_t statement;
};

struct gateway_worker {
	struct cmd_worker base;	       /* first; its tap is NULL */
	struct gateway_keeper *keeper; /* our copy, as it was at the fork */
	struct gateway_applied applied;
	struct gateway_health health;
	struct gateway_ends ends;
	struct gateway_carrying carrying;
	struct gateway_doors doors; /* `one.line` is the statement's number, until it is started */
	struct gateway_port *ports; /* one for each link */
	size_t port_count;
	int64_t channel_watch;
	struct gateway_parcel answer;
	struct gateway_use *uses; /* by handle, as the last listing began */
	size_t use_count;
	struct gateway_place *places; /* of forwards, by entry, likewise */
	size_t place_count;
	uint64_t client; /* who gave the order under way */
	bool busy;
	bool changing; /* a list is being brought into force */
	uint64_t salvaged, lost; /* sessions of the predecessor's */
	uint64_t out_lost;	 /* frames for a link that had no room */
};

/* The trade's work. */
void gateway_worker_main(struct cmd_harbour *harbour, const struct drive_sandbox *sandbox,
			 int channel, int saying);

/* ---- takeover.c: sessions of a predecessor ---- */

/*
 * Takes over what lies in the memory of a worker that is no more. Counts what was taken and what
 * was not, which is noted as partings. False where the memory makes no sense.
 */
bool gateway_salvage(struct gateway_applied *applied, const struct gateway_head *head, size_t size,
		     uint64_t *taken, uint64_t *left);

/* ---- gatereplies.c: what a worker says to clients of the control socket ---- */

struct cmd_answers gateway_answers_of(struct gateway_worker *worker);
/* The keeper's answer to the order under way. */
void gateway_reply_done(struct gateway_worker *worker, int result);

/* ---- gaterows.c: rows of the table, as a gateway tells them ---- */

json_t *gateway_row(void *user, uint64_t *cursor);
json_t *gateway_row_tcp(void *user, uint64_t *cursor);
/* Its forwards, as ports of a guest are told; the first of very many. */
json_t *gateway_published(struct gateway_worker *worker);
/* The servers of a forward, and how each serves. */
json_t *gateway_servers(const struct gateway_worker *worker, const struct conf_statement *one);

/* ---- gateclient.c: the other side of the control socket ---- */

/* Whether a gateway of that name runs. */
bool gateway_is(const char *name);
/* The gateway that is meant: `word`, or with NULL the only one. CMD_OK, or the exit code, said. */
int gateway_choose(char name[DRIVE_NAME_SIZE], const char *word);
/*
 * Takes the gateway's name off the operands, if the first is one, or chooses the only gateway.
 * CMD_OK, or the exit code, said.
 */
int gateway_take_name(char name[DRIVE_NAME_SIZE], struct cmd_operands *operands);
/* Sends the request (reference taken over); its reply, or NULL with a text. */
json_t *gateway_ask(const char *name, json_t *request, struct drive_error *error);
/* Says what an order's reply says (reference taken over; NULL: the error); the exit code. */
int gateway_report(const char *name, json_t *reply, const struct drive_error *error);
/* Appends all of a listing to the array. 0 or negative errno with a text. */
int gateway_list(const char *name, const char *listing, json_t *rows, struct drive_error *error);
/*
 * The words, behind their verb, as an item of "add", new. CMD_OK, or the exit code after it has
 * said what is wrong, with its place.
 */
int gateway_statement_make(const char *verb, char *const *words, int count, json_t **item);
/*
 * Calls back for each forward of a running gateway that takes the port at one of its outside
 * addresses, with the sentence; `line` 0: it was made live.
 */
typedef void gateway_forward_fn(void *user, const char *gateway, const char *text, unsigned line);
void gateway_forwards_on(uint16_t port, uint8_t proto, gateway_forward_fn *each, void *user);
/* The text of a statement in a listing; borrowed. "?" for one that cannot be shown. */
const char *gateway_text_of(const json_t *row);
/* Where a statement of a listing is from: "line 4", "line 4 of web.conf", "live", "built in". */
const char *gateway_from_word(char *out, size_t size, const json_t *row);
/* "2026-11-26 18:00:00", local time; empty for 0. Returns `out`. */
const char *gateway_until_word(char *out, size_t size, int64_t until_s);

/* ---- forwardlive.c: minato forward, of a gateway ---- */

struct gateway_forwarding {
	bool json, no_header;
	bool fleeting; /* changed even where it cannot be written down */
};

/* Whether the operands of minato forward mean a gateway. */
bool gateway_forward_is(const struct cmd_operands *operands);
/* The exit code. */
int gateway_forward(enum cmd_verb verb, struct cmd_operands *operands,
		    const struct gateway_forwarding *chosen);

/* ---- rulelive.c: minato rule, of a gateway ---- */

struct gateway_ruling {
	bool guest; /* the rules are a guest's */
	bool json, no_header;
	bool fleeting; /* changed even where it cannot be written down */
};
/* The exit code. */
int gateway_rule(enum cmd_verb verb, const char *name, const struct cmd_operands *operands,
		 const struct gateway_ruling *chosen);

/* ---- reasoning.c ---- */

/* The reply to {"request":"why","proto":P,"from":END,"to":END}: the steps of the look-up. */
json_t *gateway_reasons(struct gateway_worker *worker, const json_t *message);
/* cmd_step_by of one of these, which may be NULL. */
void gateway_step_by(json_t *item, const struct gateway_rules *rules,
		     const struct conf_statement *one);

/* ---- prospects.c ---- */

/* "10.0.0.2 port 80"; without the port where it is 0. */
const char *gateway_end_words(const struct minato_endpoint *at, char out[80]);

/*
 * Appends the steps behind the look-up, of a flow that it lets begin: servers that take no calls,
 * a bound that is reached, who goes on with it; `statement` is its forward or dmz, if it has one.
 * Where it does not begin, or is led elsewhere, `fate` says so too.
 */
void gateway_prospect(struct gateway_worker *worker, const struct minato_question *question,
		      size_t statement, json_t *steps, json_t *fate);

/* ---- gateway.c, dmz.c, cmd/guard/rule.c, why.c: commands ---- */

extern const struct cmd_command cmd_rule;
extern const struct cmd_command cmd_why;
extern const struct cmd_command cmd_why_not;

extern const struct cmd_command cmd_dmz;
extern const struct cmd_command cmd_gateway;

#endif
