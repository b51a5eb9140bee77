/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf: minato.conf, and every place where its language is spoken.
 *
 *	text --parse--> struct conf --print--> text
 *	                    |
 *	                    +-- judge: what its statements say together
 *	                    +-- diff: what a reload takes away and adds
 *	                    +-- meaning: entries of the port table, struct minato_nat
 *	                    +-- trial: its test lines, asked of a host value in memory
 *
 * A statement is one line of words that can be read aloud. The command line and the control socket
 * speak one statement at a time, by the same parser (conf_statement_read). Nothing here makes a
 * system call: the caller reads the file, knows the time, and says what is wrong
 * (cmd/conffault.c).
 *
 *	inside eth1 10.0.0.1/24
 *	outside eth0 198.51.100.1/24 via 198.51.100.254
 *	forward tcp http to 10.0.0.2                    # the web server
 *	dmz 10.0.0.9
 *	test tcp from 203.0.113.9 to 198.51.100.1:http reaches 10.0.0.2:http
 *
 * The grammar, where WORD is a word as it stands; words are parted by blanks, lists by commas; a #
 * that begins a word begins a comment. Words are the same in either case of letters but for names,
 * paths and interfaces. minato.conf(5) says what each means.
 *
 *	statement  = ( inside | outside ) LINK clause*
 *	           | route PREFIX via ADDR
 *	           | pool PREFIX [ports RUN] [on NAME]
 *	           | forward PROTOS RUNS [on ADDR] [all] to TARGETS clause*
 *	           | dmz ADDR [on ADDR] [except [PROTOS] RUNS, ...] clause*
 *	           | drain ADDR[:PORT] clause*
 *	           | never translate PREFIX
 *	           | nat SETTING
 *	           | capacity NUMBER sessions|mappings|hosts
 *	           | listen systemd
 *	           | reserve [PROTOS] RUNS [named NAME]
 *	           | state PATH
 *	           | test [program NAME] PROTO from WHENCE to WHITHER OUTCOME [by NAME | by line N]
 *	           | ( allow | block | reject | drop ) WHAT clause*
 *	           | limit WHAT to N per UNIT [per source] [then block | then drop] clause*
 *	           | zone NAME PREFIX, ...
 *	           | set NAME ( PREFIX, ... | from PATH )
 *	           | scans answer ANSWER [for SPAN [growing to SPAN]]
 *	           | alert ( syslog | command PATH | file PATH )
 *	           | include PATH
 *	WHAT       = [program NAME] [out] ( [PROTOS] [RUNS] | icmp [TYPES] | everything )
 *
 * with `from WHO, ...` and `to WHO, ...` among the clauses of a rule, where WHO is a prefix, a
 * zone, a set, or behind `out ... to` a name of the DNS. PROTO of a test is tcp, udp, ping or
 * icmp [TYPE]; WHENCE is [inside] ADDR[:PORT] or guest, WHITHER is ADDR:PORT, self:PORT or
 * NAME:PORT, of icmp without the ports.
 *
 * A new verb is a line in the table of sentence.c, a member of the union below, its printer, and a
 * line in the manual.
 */
#ifndef MINATO_CONF_H
#define MINATO_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "minato/gateway.h"
#include "minato/minato.h"

struct minato_nat;
struct minato_server;

/* ---- bounds: each is an error of its own where it is passed ---- */

#define CONF_SIZE_MAX (32u << 20)   /* bytes of a file */
#define CONF_LINE_MAX 2048u	    /* bytes of a line, as written and in print */
#define CONF_FILES_MAX 64u	    /* that a conf is made of */
#define CONF_LINES_MAX 0x1ffffffu   /* of each; what is behind has the number of the last */
#define CONF_STATEMENTS_MAX 262144u /* 100,000 rules, and sets of a million prefixes */
#define CONF_FAULTS_MAX 64u	    /* kept; more are counted */
#define CONF_CANDIDATES_MAX 24u
#define CONF_WHAT_SIZE 256u
#define CONF_LINKS_MAX MINATO_LINKS_MAX
#define CONF_ADDRESSES_MAX 8u /* of a link */
#define CONF_ROUTES_MAX 1024u
#define CONF_RUNS_MAX 16u    /* ports or ranges of a statement */
#define CONF_SOURCES_MAX 8u  /* prefixes behind `from` */
#define CONF_SERVERS_MAX 64u /* MINATO_SERVERS_MAX */
#define CONF_NAME_SIZE 32u   /* with the final zero */
#define CONF_TAIL_MAX 1024u  /* bytes of what a rule lists */
#define CONF_SET_MAX 40u     /* prefixes of one `set` or `zone`; a set may be said again */
#define CONF_DNS_SIZE 254u   /* a name of the DNS, with the final zero */
#define CONF_DRAINS_MAX 256u
#define CONF_IFNAME_SIZE 16u
#define CONF_PATH_SIZE 108u		   /* of sockaddr_un */
#define CONF_TEXT_SIZE (CONF_LINE_MAX + 1) /* room for any statement in print */

/* ---- the parts of statements ---- */

#define CONF_TCP 1u
#define CONF_UDP 2u
#define CONF_ICMP 4u  /* of rules */
#define CONF_OTHER 8u /* of rules, alone: protocols without ports, CONF_ITEM_NUMBERS */

/* An address with the length of a prefix: 0..128, of IPv4 96 and its own. */
struct conf_prefix {
	struct minato_addr addr;
	uint8_t length;
};

struct conf_run {
	uint16_t first, last; /* 1 <= first <= last */
};

/* How long something holds. What was said: instants are the caller's business, who has a clock. */
enum conf_term_sort {
	CONF_TERM_NONE,	 /* for good */
	CONF_TERM_CLOCK, /* until 18:00: the next time that local clocks show it */
	CONF_TERM_DATE,	 /* until 2026-12-01 18:00, local time */
	CONF_TERM_SPAN,	 /* for 2h: since it was said */
};
struct conf_term {
	enum conf_term_sort sort;
	uint16_t year;	      /* DATE */
	uint8_t month, day;   /* 1..12, 1..31 */
	uint8_t hour, minute; /* CLOCK, DATE */
	uint32_t seconds;     /* SPAN: 1 .. 365 days */
};

enum conf_link_sort {
	CONF_LINK_INTERFACE, /* one that is there, by a packet ring */
	CONF_LINK_TAP,	     /* made by us */
	CONF_LINK_HOST,	     /* outside only: the host's own sockets */
};
enum conf_space { /* the network namespace that the link is in */
		  CONF_SPACE_OURS,
		  CONF_SPACE_NAME, /* /run/netns/NAME */
		  CONF_SPACE_PATH,
		  CONF_SPACE_PID,
};
struct conf_link {
	bool outside;
	enum conf_link_sort sort;
	char ifname[CONF_IFNAME_SIZE];			/* "" where HOST */
	struct conf_prefix address[CONF_ADDRESSES_MAX]; /* ours, with what is on the link */
	uint32_t address_count;				/* 0 where HOST */
	struct minato_addr via[2];			/* default gateways, one of a family */
	uint32_t via_count;
	enum conf_space space;
	char space_name[CONF_PATH_SIZE]; /* NAME, PATH */
	uint32_t space_pid;		 /* PID */
	uint32_t mtu;			 /* 0: what the link has; 576 (IPv6: 1280)..65535 */
	/* Of INTERFACE alone. */
	bool take;	/* its kernel shall hear nothing of what arrives there */
	uint8_t mac[6]; /* ours; all zero: the interface's */
	uint32_t vlan;	/* 1..4094; 0: frames without a tag */
};

struct conf_route {
	struct conf_prefix to;
	struct minato_addr via;
};

struct conf_pool {
	struct conf_prefix addresses; /* all of them, the first and the last too */
	uint16_t low, high;	      /* 0, 0: 1024..65535 */
	char link[CONF_IFNAME_SIZE];  /* interface of an outside; "": the only one there is */
};

struct conf_server {
	struct minato_endpoint
		at;	 /* port 0: that which was asked for; else that of the run's first */
	uint16_t weight; /* 1..65535 */
	bool drain;	 /* no new flows */
};

enum conf_target {
	CONF_TO_SERVERS, /* one IPv4 server or several: translated */
	CONF_TO_OPEN,	 /* one IPv6 address: opened as it is; server[0].at.port is 0 */
	CONF_TO_SOCKET,	 /* a UNIX socket of the host */
};
struct conf_forward {
	uint8_t protocols; /* CONF_TCP, CONF_UDP or both */
	struct conf_run run[CONF_RUNS_MAX];
	uint32_t run_count;
	struct minato_addr on; /* any (all zero): every address of an outside */
	enum conf_target to;
	char path[CONF_PATH_SIZE]; /* TO_SOCKET */
	bool many_to_one;
	bool sticky;	  /* a client's every flow to one server */
	uint32_t check_s; /* probe the servers so often; 0: never */
	uint8_t proxy;	  /* version of the PROXY protocol spoken to the server; 0: none */
	struct conf_prefix source[CONF_SOURCES_MAX];
	uint32_t source_count;	   /* 0: anybody */
	uint32_t flows_max;	   /* at once; 0: no bound */
	uint32_t source_flows_max; /* of one source */
	struct conf_term term;
	uint32_t server_count;
	/* A target with a port has but one run, and keeps the offset in it unless many_to_one. */
	struct conf_server server[CONF_SERVERS_MAX]; /* last: a list keeps server_count of them */
};

struct conf_except {
	uint8_t protocols;
	struct conf_run run;
};
struct conf_dmz {
	struct minato_addr host; /* IPv4 */
	struct minato_addr on;
	struct conf_except except[CONF_RUNS_MAX];
	uint32_t except_count;
	struct conf_prefix source[CONF_SOURCES_MAX];
	uint32_t source_count;
	uint32_t flows_max, source_flows_max;
	struct conf_term term;
};

/* A host that gets no new flows by forwards, and with all its ports by a dmz. */
struct conf_drain {
	struct minato_addr host;
	uint16_t port; /* 0: all of it; else what a forward names, or a run begins with */
	struct conf_term term;
};

/* The settings of struct minato_nat: in the words of the language, and what their value is. */
#define CONF_NAT_KEYS(X)                                                                           \
	X(FILTERING, "filtering", FILTER)                                                          \
	X(TCP_FILTERING, "tcp filtering", FILTER)                                                  \
	X(UDP_FILTERING, "udp filtering", FILTER)                                                  \
	X(HAIRPIN, "hairpin", SWITCH)                                                              \
	X(OVERFLOW, "overflow", SWITCH)                                                            \
	X(PARITY, "parity", SWITCH)                                                                \
	X(PORT_CLASS, "port-class", SWITCH)                                                        \
	X(OTHER_ADDRESS, "other-address", SWITCH)                                                  \
	X(INBOUND_REFRESH, "inbound-refresh", SWITCH)                                              \
	X(INBOUND_IPV6, "inbound-ipv6", SWITCH)                                                    \
	X(INBOUND_IPSEC, "inbound-ipsec", SWITCH)                                                  \
	X(UNREACHABLE, "unreachable", SWITCH)                                                      \
	X(ICMP_INSIDE, "icmp-to-inside", SWITCH)                                                   \
	X(ICMP_OUTSIDE, "icmp-to-outside", SWITCH)                                                 \
	X(CARRY, "carry", SWITCH)                                                                  \
	X(UDP_TIMEOUT, "timeout udp", TIMER)                                                       \
	X(UDP_SHORT_TIMEOUT, "timeout udp-short", TIMER)                                           \
	X(ESTABLISHED_TIMEOUT, "timeout tcp-established", TIMER)                                   \
	X(OPENING_TIMEOUT, "timeout tcp-opening", TIMER)                                           \
	X(CLOSING_TIMEOUT, "timeout tcp-closing", TIMER)                                           \
	X(RESET_TIMEOUT, "timeout tcp-reset", TIMER)                                               \
	X(ICMP_TIMEOUT, "timeout icmp", TIMER)                                                     \
	X(OTHER_TIMEOUT, "timeout other", TIMER)                                                   \
	X(SYN_TIMEOUT, "timeout unsolicited-syn", TIMER)                                           \
	X(REST_TIMEOUT, "timeout rest", TIMER)                                                     \
	X(RESTS_MAX, "resting ports", COUNT)                                                       \
	X(HOST_TCP, "tcp ports per host", COUNT)                                                   \
	X(HOST_UDP, "udp ports per host", COUNT)                                                   \
	X(HOST_ICMP, "icmp queries per host", COUNT)                                               \
	X(HOST_SESSIONS, "sessions per host", COUNT)                                               \
	X(HOST_RATE, "new ports per second per host", COUNT)                                       \
	X(HOST_BURST, "new ports at once per host", COUNT)

enum conf_nat_key {
#define X(name, words, value) CONF_NAT_##name,
	CONF_NAT_KEYS(X)
#undef X
		CONF_NAT_KEY_COUNT
};
enum conf_nat_value {
	CONF_NAT_FILTER, /* enum minato_filtering */
	CONF_NAT_SWITCH, /* 0 or 1 */
	CONF_NAT_TIMER,	 /* seconds */
	CONF_NAT_COUNT,	 /* nat at most NUMBER ...; 0: no bound */
};
struct conf_nat {
	enum conf_nat_key key;
	uint32_t value;
};
/* The setting that the words are about, with its value behind them or without. -EINVAL: none. */
int conf_nat_key_read(const char *text);
const char *conf_nat_key_words(enum conf_nat_key key);

enum conf_capacity_key { CONF_SESSIONS, CONF_MAPPINGS, CONF_HOSTS, CONF_CAPACITY_COUNT };
struct conf_capacity {
	enum conf_capacity_key key;
	uint32_t value; /* of struct minato_config; at least 1 */
};

struct conf_reserve {
	uint8_t protocols;
	struct conf_run run[CONF_RUNS_MAX];
	uint32_t run_count;
};

enum conf_outcome {
	CONF_REACHES,	  /* one of `end`, or the socket at `path` */
	CONF_LEAVES_FROM, /* its source outside is one of `end` (port 0: any) */
	CONF_CLOSED,	  /* refused: RST or ICMP */
	CONF_DROPPED,	  /* silence */
	CONF_ANSWERED,	  /* an echo request, by ourselves */
	CONF_PASSES,	  /* said alone: none of CLOSED and DROPPED */
};
#define CONF_GUEST_SIZE 64u /* with the final zero */

struct conf_test {
	enum minato_proto proto; /* or MINATO_PROTO_OTHER */
	uint16_t type;		 /* ICMP: a number, or CONF_TYPE_NAMED + n; OTHER: the protocol's */
	bool inside;		 /* it comes from an inside host */
	/* Of the rules of a guest: */
	bool guest;		      /* it comes from it, whatever its address; `inside` too */
	bool self;		      /* it is for an address of this host that no rule names */
	char caller[CONF_GUEST_SIZE]; /* another guest that calls, from the loopback; or "" */
	char program[CONF_PATH_SIZE]; /* that calls; "": one that no rule names */
	char host[CONF_DNS_SIZE];     /* a name of the DNS that it goes to, or "" */
	struct minato_endpoint source, destination; /* port 0: any; of ICMP always */
	enum conf_outcome outcome;
	struct minato_endpoint end[CONF_ADDRESSES_MAX];
	uint32_t end_count;
	char path[CONF_PATH_SIZE];
	/* Which statement did it: of this name, or in this line; else whichever. */
	char by[CONF_NAME_SIZE];
	uint32_t by_line;
};

/* ---- rules of the policy ---- */

enum conf_rule_verb {
	CONF_ALLOW, /* goes on to what else there is for it: it opens nothing by itself */
	CONF_BLOCK, /* refused: RST or ICMP; `reject` is the same word */
	CONF_DROP,
	CONF_LIMIT, /* allowed so often */
};
enum conf_item_sort {
	CONF_ITEM_PROGRAM, /* word: a path, or the last part of one */
	CONF_ITEM_PORTS,   /* run */
	CONF_ITEM_TYPES,   /* run: types of ICMP; CONF_TYPE_NAMED + n: that with a name */
	CONF_ITEM_NUMBERS, /* run: of one protocol without ports, its number twice */
	CONF_ITEM_FROM,	   /* prefix; the next one: word, a zone or set */
	CONF_ITEM_FROM_WORD,
	CONF_ITEM_TO,	   /* likewise */
	CONF_ITEM_TO_WORD, /* with a point in it: a name of the DNS */
	/* Of a rule that is said live, its place: word "first", "last", or before which one. */
	CONF_ITEM_PLACE,
};
#define CONF_TYPE_NAMED 0x100u /* of a type that has one number in IPv4 and another in IPv6 */

/* One thing that a rule lists. */
struct conf_item {
	enum conf_item_sort sort;
	struct conf_run run;
	struct conf_prefix prefix;
	const char *word; /* in the rule */
};
struct conf_rule {
	uint8_t verb;	   /* enum conf_rule_verb */
	uint8_t protocols; /* 0: everything, whatever its protocol */
	bool out;	   /* about what goes out; else about what comes in */
	bool log;
	/* Of LIMIT: so many new flows in a span, of each source or together. */
	bool each;
	bool silent; /* what is more is dropped, not refused */
	uint32_t rate_count, rate_span_s;
	struct conf_term term;
	uint16_t tail_size;
	uint8_t tail[CONF_TAIL_MAX]; /* last: a list keeps tail_size of it; see conf_item_next */
};
/* Walks what a rule lists; *at begins with 0. */
bool conf_item_next(const struct conf_rule *rule, uint32_t *at, struct conf_item *item);
/* The first of this sort. */
bool conf_item_find(const struct conf_rule *rule, enum conf_item_sort sort, struct conf_item *item);
/* Appends; false: there is no room for it. */
bool conf_item_add(struct conf_rule *rule, const struct conf_item *item);
/* The rule with another place, or without one (NULL), instead of what it had. */
void conf_item_place(struct conf_rule *rule, const char *word);

struct conf_set {
	char name[CONF_NAME_SIZE];
	char path[CONF_PATH_SIZE]; /* its members are in this file; then there are none here */
	/* Made of the line of a file that `path` of another statement names (conf_set_lines). */
	bool of_file;
	uint32_t count;
	struct conf_prefix prefix[CONF_SET_MAX]; /* last: a list keeps `count` of them */
};

enum conf_answer {
	CONF_ANSWER_NOTHING, /* scans are noted, and nothing else */
	CONF_ANSWER_SLOWER,  /* fewer answers to the source, of what is refused */
	CONF_ANSWER_SILENCE, /* none */
	CONF_ANSWER_BLOCK,   /* whose address is certain is shut out */
};
struct conf_scans {
	enum conf_answer answer;
	uint32_t seconds, grown_s; /* 0: as is usual */
};

enum conf_alert_sort { CONF_ALERT_SYSLOG, CONF_ALERT_COMMAND, CONF_ALERT_FILE };
struct conf_alert {
	enum conf_alert_sort sort;
	char path[CONF_PATH_SIZE];
};

/* ---- a statement, and a file of them ---- */

#define CONF_KINDS(X)                                                                              \
	X(LINK, "inside")                                                                          \
	X(ROUTE, "route")                                                                          \
	X(POOL, "pool")                                                                            \
	X(FORWARD, "forward")                                                                      \
	X(DMZ, "dmz")                                                                              \
	X(DRAIN, "drain")                                                                          \
	X(NEVER, "never")                                                                          \
	X(NAT, "nat")                                                                              \
	X(CAPACITY, "capacity")                                                                    \
	X(LISTEN, "listen") /* systemd: descriptors of LISTEN_FDS, named after forwards */         \
	X(RESERVE, "reserve")                                                                      \
	X(STATE, "state")                                                                          \
	X(TEST, "test")                                                                            \
	X(RULE, "allow") /* or block, drop, limit */                                               \
	X(ZONE, "zone")                                                                            \
	X(SET, "set")                                                                              \
	X(SCANS, "scans")                                                                          \
	X(ALERT, "alert")

enum conf_kind {
#define X(name, word) CONF_KIND_##name,
	CONF_KINDS(X)
#undef X
		CONF_KIND_COUNT
};

/* Where a part of a statement stands in its line; length 0: it does not. */
enum conf_part {
	CONF_PART_SUBJECT, /* what it is about: ports, an address, a link */
	CONF_PART_TARGET,
	CONF_PART_ON,
	CONF_PART_SOURCE,
	CONF_PART_NAME,
	CONF_PART_TERM,
	CONF_PART_EXTRA, /* a clause that can be wrong for itself */
	CONF_PART_VERB,	 /* its first word */
	CONF_PART_COUNT
};
struct conf_mark {
	uint16_t column, length; /* bytes, from 0 */
};

/*
 * The number of a line says of which file it is: the first has plain numbers. What is shown is made
 * by conf_where.
 */
#define CONF_LINE_FILE(line) ((line) >> 25 & (CONF_FILES_MAX - 1))
#define CONF_LINE_NUMBER(line) ((line)&CONF_LINES_MAX)
/* Lines from here on are of no file: statements said live, numbered to tell them apart. */
#define CONF_LINE_LIVE 0x80000000u

/* All that is not said is zero, so that equal statements of one kind are equal in every member. */
struct conf_statement {
	enum conf_kind kind;
	uint32_t line; /* 1..; of a statement alone: 1 */
	struct conf_mark mark[CONF_PART_COUNT];
	char name[CONF_NAME_SIZE]; /* `named web`: links, forwards, dmz, reserve; else "" */
	union {
		struct conf_link link;
		struct conf_route route;
		struct conf_pool pool;
		struct conf_forward forward;
		struct conf_dmz dmz;
		struct conf_drain drain;
		struct conf_prefix never;
		struct conf_nat nat;
		struct conf_capacity capacity;
		struct conf_reserve reserve;
		char state[CONF_PATH_SIZE];
		struct conf_test test;
		struct conf_rule rule;
		struct conf_set set; /* ZONE, SET */
		struct conf_scans scans;
		struct conf_alert alert;
	};
};

/*
 * In the order of the file. All zero is an empty one. Each statement is as long as it must be
 * (conf_size), since there may be very many: what is to be a struct of its own is made by
 * conf_copy, not by assignment.
 */
#define CONF_BEHIND_MAX 16u
struct conf {
	struct conf_statement **list;
	size_t count, room;
	struct conf_files *files; /* NULL: one file alone */
	bool closed;		  /* of a guest: what no rule lets out is shut, as by --allow */
	/* Of a guest: published ports that lead to NetBIOS and SMB under other numbers. */
	struct conf_run behind[CONF_BEHIND_MAX];
	uint32_t behind_count;
};
void conf_free(struct conf *conf);

/* ---- source.c: files that a conf is made of ---- */

/* Their paths by the number that lines have; shared by copies of a conf. */
struct conf_files {
	size_t refs, count;
	char *path[CONF_FILES_MAX];
};
/* One more that has it; NULL has nothing. */
struct conf_files *conf_files_hold(struct conf_files *files);
void conf_files_drop(struct conf_files *files);
/* Appends a copy of the path, making them where *files is NULL. 0, -ENOMEM, -ENOSPC. */
int conf_files_add(struct conf_files **files, const char *path);
/* The path of the file that a line is of; NULL: of the first, or it is not known. */
const char *conf_file_of(const struct conf *conf, uint32_t line);
/* "line 4", "line 4 of /etc/minato/web.conf", "live" of what is of no file. */
#define CONF_WHERE_SIZE 320u
const char *conf_where(char out[CONF_WHERE_SIZE], const struct conf *conf, uint32_t line);

/* The texts of a conf: of a file, and of those that it includes, in the order of their numbers. */
struct conf_source {
	char *path, *text; /* to be freed by whoever has the sources */
	size_t size;
	uint32_t from; /* the line that includes it; 0: the first */
};
struct conf_sources {
	struct conf_source list[CONF_FILES_MAX];
	size_t count;
	/*
	 * Appends the files that `include WORD` in the file of this number means, in order. 0, or
	 * -EINVAL with a text of why not. NULL: nothing can be included.
	 */
	int (*find)(void *user, struct conf_sources *sources, size_t of, const char *word,
		    char what[CONF_WHAT_SIZE]);
	void *user;
	bool closed; /* these are of the conf that comes of them */
	struct conf_run behind[CONF_BEHIND_MAX];
	uint32_t behind_count;
};
/* Bytes of a statement that stands in a list. */
size_t conf_size(const struct conf_statement *statement);
/* What a list does not keep is zero. */
void conf_copy(struct conf_statement *out, const struct conf_statement *statement);

/* ---- what is wrong ---- */

enum conf_severity { CONF_ERROR, CONF_WARNING };

struct conf_fault {
	enum conf_severity severity;
	uint32_t line;		    /* 1.. */
	uint32_t column;	    /* of the word that is meant, in bytes from 0 */
	uint32_t length;	    /* of it; 0 at the end of the line */
	uint32_t other;		    /* the line that it cannot stand beside, or 0 */
	char word[CONF_GUEST_SIZE]; /* the one among those that is wrong; "": all */
	char what[CONF_WHAT_SIZE];
	/* Words that may stand there, constants; each ends at a blank or at its end. */
	const char *candidate[CONF_CANDIDATES_MAX];
	uint32_t candidate_count;
	bool service; /* it may have been meant as the name of a service */
};

struct conf_report {
	struct conf_fault fault[CONF_FAULTS_MAX]; /* by line and column */
	size_t count;				  /* kept */
	size_t errors, warnings;		  /* all */
	struct conf_fault spare;		  /* further ones are written here, unread */
};

/* ---- parse.c, sentence.c ...: text to statements ---- */

/*
 * Reads a file's text into `out`, which is overwritten, and judges it as a whole (judge.c). 0 where
 * there are at most warnings; -EINVAL, all that is wrong being reported and `out` empty; -ENOMEM.
 */
int conf_read(struct conf *out, const char *text, size_t size, struct conf_report *report);
/*
 * The same of a file and those that it includes: there is one source at first, and find() adds the
 * others. A report's lines tell of which file they are.
 */
int conf_read_sources(struct conf *out, struct conf_sources *sources, struct conf_report *report);
/* The same of the rules of a guest of that name, which need no links (conf_rules_judge). */
int conf_read_guest(struct conf *out, const char *text, size_t size, const char *guest,
		    struct conf_report *report);
int conf_read_guest_sources(struct conf *out, struct conf_sources *sources, const char *guest,
			    struct conf_report *report);
/*
 * Reads one statement, as the command line and the control socket have it, without looking at
 * others. `report` is overwritten. 0 or -EINVAL.
 */
int conf_statement_read(struct conf_statement *out, const char *text, struct conf_report *report);
/* Appends a copy, its line being `line`. 0, -ENOMEM, -ENOSPC (CONF_STATEMENTS_MAX). */
int conf_add(struct conf *conf, const struct conf_statement *statement);
/*
 * Appends the members of a set that are in a file, one prefix in a line and comments behind # or ;,
 * as sets of the same name and line. 0, -ENOMEM, -ENOSPC, or -EINVAL with the file's line that is
 * wrong in *wrong.
 */
int conf_set_lines(struct conf *conf, const struct conf_statement *named, const char *text,
		   size_t size, uint32_t *wrong);
/* Takes one out; those behind it move up. */
void conf_remove(struct conf *conf, size_t index);

/* ---- judge.c: what statements say together ---- */

/*
 * Adds to the report what contradicts, repeats, can never match, or leads nowhere. conf_read has
 * done so; for who changes a conf statement by statement. 0, or -EINVAL if there is an error in the
 * report.
 */
int conf_judge(const struct conf *conf, struct conf_report *report);
/*
 * The same for rules, zones and sets alone: with `guest` those of `minato run` for a guest of that
 * name, else those of the gateway of the conf; conf_judge has done so.
 */
int conf_rules_judge(const struct conf *conf, const char *guest, struct conf_report *report);
/* Whether such a statement stands in a guest's rules, and not in a gateway's file alone. */
bool conf_kind_is_guests(enum conf_kind kind);
/*
 * Warns of rules about sets that have no address, once the files of sets have been read
 * (conf_set_lines). 0 or -ENOMEM.
 */
int conf_sets_judge(const struct conf *conf, struct conf_report *report);
/*
 * Those of a run, which leads to ports from `to` on, that lead to such (conf_is_shut) under other
 * numbers; how many runs they are, 2 at most.
 */
uint32_t conf_behind(const struct conf_run *run, uint16_t to, struct conf_run out[2]);
/* Whether it is one of NetBIOS or SMB: shut to all but lan where no rule says anything of it. */
bool conf_is_shut(uint16_t port);
/*
 * Reports what is wrong with a part of a statement, beside the line `other` if that is not 0; for
 * those who know more of it, as what time it is. Returns the fault, until the next is reported.
 */
struct conf_fault *judge_say(struct conf_report *report, enum conf_severity severity,
			     const struct conf_statement *s, enum conf_part part, uint32_t other,
			     const char *format, ...) __attribute__((format(printf, 6, 7)));
/* What was reported is about one word of a list of who; lan, wan or self may have been meant. */
void judge_word(struct conf_fault *fault, const char *word);

/* ---- print.c: the canonical form ---- */

/*
 * Writes the statement, without a newline, cut to `size`; CONF_TEXT_SIZE is enough. Returns its
 * whole length. Read again it is the same statement.
 */
size_t conf_print(char *out, size_t size, const struct conf_statement *statement);
/* Whether they say the same, wherever they stand. */
bool conf_same(const struct conf_statement *a, const struct conf_statement *b);
/* Whether both rules say the same of the same flows; clauses apart. */
bool conf_rule_same(const struct conf_rule *a, const struct conf_rule *b);
/* "forward", "inside" or "outside" ... */
const char *conf_verb(const struct conf_statement *statement);

/* ---- diff.c: what a reload changes ---- */

struct conf_diff {
	size_t *remove; /* indices in the old one */
	size_t remove_count;
	size_t *add; /* indices in the new one */
	size_t add_count;
	size_t *same; /* of each in the new one, which it is in the old one; SIZE_MAX: none */
};
/*
 * Statements that stand in both are in neither list. Test lines count for nothing; nor do rules,
 * which are a sequence. 0 or -ENOMEM.
 */
int conf_diff_make(struct conf_diff *diff, const struct conf *old, const struct conf *new);
void conf_diff_free(struct conf_diff *diff);
/*
 * The statement that `text` means: the one of that name, or that says the same; or the forward or
 * dmz at the same place (protocols, ports, on, from), whatever its clauses, and where the text
 * names no target whatever its target. -ENOENT, -ENOTUNIQ (several stand at that place), -EINVAL
 * (it means none; see the report).
 */
int conf_find(const struct conf *conf, const char *text, struct conf_report *report);
/*
 * What could be meant where conf_find found nothing: forwards that share a port with the one that
 * the text says, or drains of its host. Writes at most `max` indices; returns how many there are.
 */
size_t conf_find_near(const struct conf *conf, const char *text, size_t *out, size_t max);

/* ---- meaning.c: what a statement is in a host value ---- */

/* Scopes of a gateway. */
#define CONF_SCOPE_INSIDE 0u /* the first inside; further ones 2, 3 ... in the order of the file */
#define CONF_SCOPE_OUTSIDE 1u

#define CONF_ENTRIES_MAX (CONF_RUNS_MAX * CONF_SOURCES_MAX) /* of a statement */
/*
 * The general entries that a forward, dmz, never or reserve is, with `user` in each; what a dmz
 * leaves out is refused by a guard, and reserved. `until_ns` and, where conf_servers gives some,
 * `group` are left to the caller. Returns how many. A host value takes the whole of a conf that has
 * been judged.
 */
size_t conf_entries(const struct conf *conf, const struct conf_statement *statement, uint64_t user,
		    struct minato_entry out[CONF_ENTRIES_MAX]);
/*
 * Fills `out`, of CONF_SERVERS_MAX, with what minato_group_set takes where the flows of a forward
 * go to several servers, or to one that drains or is checked. Returns how many; 0: they go to the
 * entries' target.
 */
uint32_t conf_servers(const struct conf_statement *statement, struct minato_server *out);
/* Whether its flows end here and go on by a host socket (held calls): UNIX sockets, PROXY. */
bool conf_ends_here(const struct conf_forward *forward);
/* Sets what one nat statement says, and what all of a file do upon minato_nat_init. */
void conf_nat_set(struct minato_nat *nat, const struct conf_nat *setting);
void conf_nat_apply(struct minato_nat *nat, const struct conf *conf);
/* A capacity, or 0 where nothing is said. */
uint32_t conf_capacity(const struct conf *conf, enum conf_capacity_key key);
/*
 * Makes room in a config for the statements: adds to its entries, routes and pool addresses what
 * these need, and sets the capacities that are said. Links are the caller's.
 */
void conf_plan(struct minato_config *config, const struct conf *conf);
/* How many of the general entries are those of rules. */
uint32_t conf_rules_count(const struct conf *conf);

/* ---- rulemeaning.c: what rules are in a host value ---- */

/* Ports of one protocol that lead to another guest. */
struct conf_door {
	struct conf_prefix to;
	uint8_t proto; /* MINATO_TCP or MINATO_UDP */
	uint16_t first, last;
};

/* Other than 0 ends the walk. */
typedef int conf_door_fn(void *user, const struct conf_door *door);

/* Where rules hold. */
struct conf_zones {
	bool guest; /* of minato run; else of the gateway of the conf, which says all the rest */
	const char *name; /* the guest's, which is self */
	/* Its scopes: of its frames, of what arrives at the host's sockets. */
	uint8_t inside, outside;
	/* Faces of what arrives there: from lan, from others. */
	uint8_t lan_face, wan_face;
	/* Where hosts of lan are. */
	const struct conf_prefix *lan;
	size_t lan_count;
	/* The number of a program of guests, 1..65534; NULL: rules about one are left out. */
	uint16_t (*program)(void *user, const char *word);
	void *program_user;
	/* The one address that names of the DNS stand for; NULL (or false for one): for none. */
	bool (*named)(void *user, const char *word, struct minato_addr *out);
	void *named_user;
	/*
	 * The number of another guest, as that of a program for what comes in, 1..65534, or 0; and
	 * a walk over what it has published, which returns what `each` did or 0. NULL: none runs.
	 */
	uint16_t (*fellow)(void *user, const char *word);
	void *fellow_user;
	int (*doors)(void *user, const char *word, conf_door_fn *each, void *each_user);
	void *doors_user;
};
/*
 * One general entry of the rule `index`, which is conf->count for what is shut to all but lan where
 * no rule says otherwise. `order` counts the rules from 1; `user` and `until_ns` are left to the
 * caller. A negative errno ends the walk.
 */
typedef int conf_policy_fn(void *user, size_t index, struct minato_entry *entry);
/*
 * Walks all entries of the rules of a conf that has been judged, in their order. 0, -ENOMEM, or
 * what `each` returned. Of a limit each entry counts for
 * itself, so that one for several prefixes together is one for each.
 */
int conf_policy(const struct conf *conf, const struct conf_zones *zones, conf_policy_fn *each,
		void *user);

/* ---- rulenames.c: other guests ---- */

/*
 * Calls back for each word of rules of the guest of that name (or "self") which names another one,
 * with the index of the statement; other than 0 ends it. 0, -ENOMEM, or what `each` returned.
 */
typedef int conf_guest_fn(void *user, size_t index, const struct conf_item *item);
int conf_guests(const struct conf *conf, const char *guest, conf_guest_fn *each, void *user);

/* ---- drainline.c: hosts that drain ---- */

/* The drain statements of a conf, which must outlive it. */
struct conf_drains {
	const struct conf_drain *list[CONF_DRAINS_MAX];
	size_t count;
};
void conf_drains_find(struct conf_drains *drains, const struct conf *conf);
/*
 * Whether this server of a forward gets no new flows, by its own word or by one of the drains; of a
 * dmz (server 0), its host.
 */
bool conf_drains_has(const struct conf_drains *drains, const struct conf_statement *statement,
		     uint32_t server);
/* Whether a drain is about a server of the forward, or the host of the dmz. */
bool conf_drain_meets(const struct conf_drain *drain, const struct conf_statement *statement);

/* ---- trial.c: test lines ---- */

struct conf_verdict {
	size_t index; /* of the test in the conf */
	bool met;
	char got[512]; /* "reaches 10.0.0.2:80 by line 4" */
};
/* The number of its type of ICMP in its family. */
uint16_t conf_test_type(const struct conf_test *test);
typedef void conf_verdict_fn(void *user, const struct conf_verdict *verdict);
/*
 * Makes a host value of the conf in memory, sends each test's packet in virtual time, a month after
 * the one before, and looks what becomes of it. Calls back for each test in order. Of several
 * servers a test must name each that a client may get. 0, -ENOMEM, or what the host value refused;
 * *culprit is then the statement.
 */
int conf_try(const struct conf *conf, conf_verdict_fn *each, void *user, size_t *culprit);

/*
 * The same of the rules of a guest, where they hold being said: each test is one question to the
 * table, as a flow is. What is published and what --allow says are none of its business.
 */
int conf_try_guest(const struct conf *conf, const struct conf_zones *zones, conf_verdict_fn *each,
		   void *user, size_t *culprit);

/* What a conf makes of the first packet of a flow, with no other flow beside it. */
struct conf_fate {
	enum conf_outcome outcome;
	struct minato_endpoint end;	 /* REACHES: the server; LEAVES_FROM: its source outside */
	const struct conf_statement *by; /* REACHES: the forward or dmz; CLOSED: the dmz
					    that leaves it out; or NULL */
	size_t rule; /* the statement that decided; the conf's count: what is shut anyway;
			SIZE_MAX: none */
	bool host;   /* LEAVES_FROM: by a socket of the host, whose address is not known;
			ANSWERED: by the host's kernel, which no rule of ours is asked by */
};
/*
 * The same for a flow that no test line is about: its protocol, ends and `inside` are asked. 0,
 * -ENOMEM, or what the host value refused.
 */
int conf_try_flow(const struct conf *conf, const struct conf_test *flow, struct conf_fate *out);

/* ---- protocol.c: protocols without ports (MINATO_PROTO_OTHER), by number ---- */

#define CONF_PROTOCOL_SIZE 8u
/* "gre", or its number in `out`. */
const char *conf_protocol_word(char out[CONF_PROTOCOL_SIZE], uint8_t number);
/* Reads either. False: it is none, or of one that has ports or types. */
bool conf_protocol_read(const char *word, uint8_t *number);
#define CONF_PROTOCOL_SAID_SIZE 20u
/* As rules say it: "gre"; "protocol 99", since a number alone is a port there, as l2tp is. */
const char *conf_protocol_said(char out[CONF_PROTOCOL_SAID_SIZE], uint8_t number);
/* Whether rules say it by this word alone. */
bool conf_protocol_is_plain(const char *word);

/* ---- trialpacket.c: packets of tests ---- */

#define CONF_PACKET_MAX 128u
/*
 * Writes the first packet of a flow: a SYN, a datagram of 4 bytes, an ICMP message of the type that
 * the destination's port is, whose identifier is the source's, or of MINATO_PROTO_OTHER bytes of
 * the protocol that the destination's port is. Returns its length.
 */
size_t conf_packet_make(uint8_t out[CONF_PACKET_MAX], enum minato_proto proto,
			const struct minato_endpoint *source,
			const struct minato_endpoint *destination);
enum conf_packet_sort {
	CONF_PACKET_OTHER, /* nothing about a flow */
	CONF_PACKET_FLOW,  /* of TCP or UDP, a message of ICMP, or what has no ports */
	CONF_PACKET_REPLY, /* to an echo request */
	CONF_PACKET_RESET, /* of TCP */
	CONF_PACKET_ERROR, /* unreachable, by ICMP */
};
/* Reads the IP header and what follows; short ones are OTHER. */
enum conf_packet_sort conf_packet_read(const uint8_t *data, size_t length,
				       struct minato_endpoint *source,
				       struct minato_endpoint *destination);

#endif
