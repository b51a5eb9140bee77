/* SPDX-License-Identifier: BSD-2-Clause */
/* The table made visible: rows and guests as text for people and as JSON for programs. */
#ifndef MINATO_VIEW_H
#define MINATO_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "minato/minato.h"
#include "minato/services.h"

/*
 * The version in every JSON document and message, member "v". It grows when a member changes its
 * meaning or goes away; members are added without that.
 */
#define VIEW_JSON_VERSION 1

#define VIEW_NAME_SIZE 64

/* ---- listing.c: what is shown ---- */

/*
 * One side of a row. The prefix counts from the IPv6 form: 128 for a single address of either
 * family, 0 for any; ports 0..0 and 0..65535 are any too.
 */
struct view_end {
	struct minato_addr addr;
	uint8_t prefix;
	uint16_t first, last;
};

/* A single end, or a wildcard where the address is all zero. */
struct view_end view_end_of(const struct minato_endpoint *end);
/* Whether it is any address. */
bool view_end_is_any(const struct view_end *end);

/* A process that holds a socket. */
struct view_owner {
	char program[32];
	int pid, fd;
};

/* Bytes of a kernel's memory for a socket, but for the last. */
struct view_memory {
	uint32_t receive_used, receive_max, send_used, send_max;
	uint32_t forward, send_queued, options, backlog;
	uint32_t drops; /* packets */
};

/* What TCP knows of a connection; 0 where it is not known. Times in the unit that they end in. */
struct view_tcp {
	bool timestamps, sack, ecn, ecn_seen, fastopen, wscale, app_limited;
	uint8_t snd_wscale, rcv_wscale, backoff;
	char congestion[16];
	uint32_t rto_us, rtt_us, rttvar_us, ato_us, min_rtt_us, rcv_rtt_us;
	uint32_t snd_mss, rcv_mss, advmss, pmtu, snd_cwnd, snd_ssthresh;
	uint64_t bytes_sent, bytes_retrans, bytes_acked, bytes_received;
	uint32_t segs_out, segs_in, data_segs_out, data_segs_in;
	uint32_t last_sent_ms, last_received_ms, last_ack_ms;
	uint64_t pacing_rate, pacing_rate_max, delivery_rate; /* bytes per second */
	uint32_t delivered, delivered_ce;
	uint64_t busy_us, rwnd_limited_us, sndbuf_limited_us;
	uint32_t unacked, retrans, total_retrans, lost, sacked, dsack_dups; /* segments */
	uint32_t reordering, reord_seen, rcv_space, rcv_ssthresh, notsent_bytes;
	uint32_t rcv_ooopack, snd_wnd;
	bool has_bbr; /* these are of the congestion control of that name: */
	uint64_t bbr_bytes_per_s;
	uint32_t bbr_min_rtt_us, bbr_pacing_gain, bbr_cwnd_gain; /* gains in 1/256 */
};

/*
 * A line of the listing, seen from the guest: local is the guest's side. A row without a guest is
 * of this host's own kernel. Strings that are not arrays are constants.
 */
struct view_row {
	char guest[VIEW_NAME_SIZE];
	uint8_t proto;	   /* MINATO_TCP, MINATO_UDP, MINATO_ICMP; 0: TCP and UDP */
	const char *kind;  /* flow, service, published, uplink, guard, ...: one word */
	const char *state; /* in ss's words; of an entry its verdict */
	bool listening;	   /* waits for others: shown by -l, not by default */
	uint64_t recv_queue, send_queue;
	struct view_end local, peer;
	struct view_end from; /* of a forward: whom it is for; prefix 0: for all */
	const char *path;   /* of a forward: the UNIX socket that it leads to; borrowed, or NULL */
	uint8_t proxy;	    /* of a forward: version of the PROXY protocol; 0: none */
	const char *serves; /* of a forward: "drains", "down"; NULL: new flows are served */
	struct minato_endpoint outside;	    /* the host's own end of a flow; port 0: none */
	const char *wall; /* who refuses whom the rules refuse at a published port, or NULL */
	uint64_t hits, bytes_in, bytes_out; /* bytes as the guest counts them */
	int64_t age_ms;			    /* -1: unknown */
	const struct view_owner *owners;    /* borrowed */
	size_t owner_count;
	uint32_t uid, inode;	   /* of the guest's socket; inode 0: not known */
	struct minato_owner maker; /* on whose behalf minato has it; pid 0: not known */
	/* What filters ask for; 0 and false where it is not known. */
	bool is6;	    /* an IPv6 socket, even where its addresses are IPv4's */
	bool autobound;	    /* nobody chose its local port */
	uint32_t interface; /* that it is bound to */
	uint32_t mark;
	uint64_t cgroup; /* its number */
	/* More of a kernel's socket. */
	bool v6only;
	bool has_shut;
	uint8_t shut;	   /* 1: closed for reading, 2: for writing */
	uint64_t cookie;   /* 0: not known */
	uint64_t handle;   /* of the guest's table; 0: none */
	const char *timer; /* "keepalive", ...; NULL: none is set */
	uint32_t timer_ms;
	uint8_t retransmits;
	const char *cgroup_path;	  /* borrowed, or NULL */
	const char *interface_name;	  /* borrowed, or NULL */
	const struct view_memory *memory; /* borrowed, or NULL */
	const struct view_tcp *tcp;	  /* borrowed, or NULL */
	const struct view_tcp *own_tcp;	  /* of minato's end of a guest's connection; likewise */
};

/*
 * What the guest sees of a row of its table. A flow's local side in the table is the world for
 * which minato speaks, so sides, queues, directions and states are turned round. `now` is on the
 * clock of row->since.
 */
void view_row_from(struct view_row *out, const struct minato_row *row, const char *guest,
		   struct minato_time now);
/* The word of ss for a state; for UDP only ESTAB and UNCONN. */
const char *view_state_word(uint8_t proto, enum minato_state state);
/* The state of the other end of a connection whose end here is in `state`. */
enum minato_state view_state_mirror(enum minato_state state);

struct filter_program;

/* Which rows are wanted; ss's -t -u -a -l -4 -6. Neither tcp nor udp: both. */
struct view_filter {
	bool tcp, udp, all, listening, only4, only6;
	bool rules; /* with -l also what is no port: guards, the uplink, reservations, rights */
	const struct filter_program *program; /* of the words (filter.h); NULL: none */
};
bool view_filter_match(const struct view_filter *filter, const struct view_row *row);
/* Order of a listing, for qsort: guest, protocol, listening first, addresses, ports. */
int view_row_compare(const void *a, const void *b);

/* A published port. */
struct view_port {
	uint8_t proto;
	struct view_end host, guest;
	char spec[128]; /* as it was asked for; may be empty, or cut where it is endless */
	/* Of a gateway: `guest` is a host behind it, one of several, or a UNIX socket. */
	bool behind;
	uint32_t others;
	char path[108];
};

/* A running guest. */
struct view_guest {
	char name[VIEW_NAME_SIZE];
	int pid, worker, init; /* worker 0: not known */
	uint32_t uid;
	int64_t up_ms;	   /* -1: unknown */
	int64_t started_s; /* seconds since 1970 */
	struct minato_addr addr4, addr6;
	bool has4, has6;
	const struct view_port *ports; /* borrowed */
	size_t port_count;
	const char *command; /* borrowed; words joined by spaces */
	/* Rules refuse some of what comes in, or goes out; all goes out that is not allowed. */
	bool wall_in, wall_out, shut;
	uint32_t rules;
};

/* ---- words.c: values as text. Each writes into `out`, cut to `size`, and returns it. ---- */

#define VIEW_WORD_SIZE 96

const char *view_proto_word(uint8_t proto);
/* "10.0.2.100", "[fd00::64]" (as ss writes it before a port), "10.0.0.0/8", "*". */
const char *view_address_word(char *out, size_t size, const struct view_end *end);
/* "80", "http", "8000-8009", "*". services NULL: numbers. */
const char *view_port_word(char *out, size_t size, const struct view_end *end, uint8_t proto,
			   const struct minato_services *services);
/* "3s", "5m12s", "2h03m", "4d05h", "-" for negative. */
const char *view_age_word(char *out, size_t size, int64_t ms);
/* users:(("curl",pid=12,fd=3)), as ss -p; empty without owners. What waits and is no process's is
   its maker's, without a descriptor. */
const char *view_owners_word(char *out, size_t size, const struct view_row *row);
/* "8080->80/tcp", "127.0.0.1:53->53/udp", "8000-8009->80-89/tcp"; all of them, ", " between. */
const char *view_ports_word(char *out, size_t size, const struct view_port *ports, size_t count);

struct view_look;

/* ---- details.c: what is known of a socket besides its ends, as ss says it; as words.c ---- */

#define VIEW_DETAILS_SIZE 2048

/* "timer:(keepalive,119min,0)"; empty where none is set. */
const char *view_timer_word(char *out, size_t size, const struct view_row *row);
/* "uid:1000 ino:4711 sk:1a cgroup:/ <->"; empty where no kernel's socket is known. */
const char *view_ids_word(char *out, size_t size, const struct view_row *row);
/* "skmem:(r0,rb131072,t0,tb2626560,f0,w0,o0,bl0,d0)". */
const char *view_memory_word(char *out, size_t size, const struct view_memory *memory);
/*
 * "ts sack cubic wscale:7,7 rto:204 rtt:0.03/0.01 ...": rates in full where numeric, and what was
 * negotiated (ts, sack, ecn) with timers or extended, as ss does.
 */
const char *view_tcp_word(char *out, size_t size, const struct view_tcp *tcp,
			  const struct view_look *look);

/* ---- columns.c: a table whose columns are as wide as their content ---- */

#define VIEW_COLUMNS_MAX 16

struct view_column {
	const char *title;
	bool right; /* aligned to the right */
	bool glued; /* the next column follows without a space */
	bool below; /* on a line of its own, after a tab; only the last columns are */
	/* The SGR parameters for a cell ("31"), or NULL. */
	const char *(*colour)(const char *text);
};

struct view_table {
	const struct view_column *columns; /* borrowed */
	size_t column_count;
	char *text; /* all cells, each with its final zero */
	size_t text_used, text_room;
	uint32_t *cells; /* where each begins, row by row */
	size_t cell_count, cell_room;
	size_t width[VIEW_COLUMNS_MAX]; /* of all rows until now */
	bool begun;			/* the header is printed */
	bool failed;			/* memory ran out: cells are missing */
};

/* How to draw. */
struct view_look {
	size_t width; /* of the terminal; 0: none, nothing is cut or folded */
	bool colour;
	bool header;
	bool oneline;				/* never fold or cut a row */
	bool processes;				/* show who holds the sockets */
	bool extended;				/* show ids; of guests bytes, age, hits */
	bool timers, memory, tcp;		/* ss's -o, -m, -i */
	bool numeric;				/* rates in full */
	bool one_state;				/* State says nothing new */
	bool one_protocol, host_only;		/* Netid, or Kind and Guest, say nothing new */
	const struct minato_services *services; /* names of ports; NULL: numbers */
	/* The name of an address, or NULL; the pointer may be NULL. */
	const char *(*host)(void *user, const struct minato_addr *addr);
	void *host_user;
	/* Of netstat: whose the sockets are, and what the heading says of the choice of rows. */
	const char *(*user)(void *user, uint32_t uid); /* a name or NULL; the pointer may be NULL */
	void *user_user;
	const char *title;
	bool wide; /* addresses are not cut */
};

void view_table_begin(struct view_table *table, const struct view_column *columns, size_t count);
/*
 * Adds the next cell, row by row; copied. Bytes that a terminal would obey are replaced by '?',
 * because names come from guests.
 */
void view_table_cell(struct view_table *table, const char *text);
/*
 * Prints the rows that there are, and forgets them: more can follow, in columns that are at least
 * as wide, below the same header. Where a row is wider than the terminal its last column is folded
 * to a line of its own (`fold`) or cut. Returns 0, -ENOMEM when cells are missing, -EIO.
 */
int view_table_print(FILE *out, struct view_table *table, const struct view_look *look, bool fold);
void view_table_free(struct view_table *table);

/* How many bytes the first `width` characters of UTF-8 take. */
size_t view_bytes_of(const char *text, size_t width);
/* Replaces bytes that a terminal would obey by '?'. */
void view_disarm(char *text);

/* ---- text.c, json.c, netstat.c: the views ---- */

struct view_stream;

struct view {
	const char *name;
	/*
	 * A listing that is written as its rows come: memory does not grow with them. `look` is
	 * borrowed until it is closed. NULL when memory ran out.
	 */
	struct view_stream *(*open)(FILE *out, const struct view_look *look);
	/* Each returns 0, -ENOMEM or -EIO. */
	int (*row)(struct view_stream *stream, const struct view_row *row);
	/* Ends the listing; nothing is left of it. */
	int (*close)(struct view_stream *stream);
	/* NULL: it has none. */
	int (*guests)(FILE *out, const struct view_guest *guests, size_t count,
		      const struct view_look *look);
};

extern const struct view view_text;
extern const struct view view_json;
extern const struct view view_netstat;
/* All rows of an array: open, row, close. */
int view_rows(const struct view *view, FILE *out, const struct view_row *rows, size_t count,
	      const struct view_look *look);

/*
 * Names come from guests, and a text may be cut within a letter: bytes that are not UTF-8, which
 * JSON demands, become '?'. NULL when memory ran out.
 */
json_t *view_json_string(const char *text);

/* ---- jsonsocket.c: members of a row that a kernel's socket is known of ---- */

void view_json_socket(json_t *object, const struct view_row *row);
/* TCP's state as an object: a new reference, or NULL when memory ran out. */
json_t *view_json_tcp(const struct view_tcp *tcp);
/* Reads one, as far as it goes; -EINVAL when it is no object. */
int view_json_tcp_read(struct view_tcp *tcp, const json_t *object);

/* ---- owntcp.c: what minato's own stack knows of a connection ---- */

void view_tcp_from(struct view_tcp *tcp, const struct minato_info *info);

/* ---- rowmessage.c: rows in messages between two programs of ours ---- */

/* A new reference, or NULL when memory ran out. */
json_t *view_message_row(const struct minato_row *row);
/* Fills the row from a message; -EINVAL when it is not one. Members unknown here are ignored. */
int view_message_row_read(struct minato_row *row, const json_t *message);
/* {"address": "...", "port": n}. */
json_t *view_message_end(const struct minato_endpoint *end);
int view_message_end_read(struct minato_endpoint *end, const json_t *message);

/* ---- openmetrics.c: metrics as text ---- */

enum view_metric {
	VIEW_GAUGE,
	VIEW_COUNTER, /* its samples end in _total */
	VIEW_INFO,    /* in _info; its value is 1 */
};

/* A family of metrics. All are constants. */
struct view_family {
	enum view_metric type;
	const char *name; /* without "minato_", unit and suffix: "drops" */
	const char *unit; /* "bytes", "seconds"; NULL: it counts things */
	const char *help; /* one line without quotes and backslashes */
};

struct view_label {
	const char *name, *value; /* borrowed */
};

/* A text that is being written. */
struct view_metrics {
	FILE *out;
	bool classic; /* Prometheus's text 0.0.4; otherwise OpenMetrics 1.0 */
	const struct view_family *family;
	bool begun; /* its heading is written */
};

#define VIEW_OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define VIEW_CLASSIC_TYPE "text/plain; version=0.0.4; charset=utf-8"

void view_metrics_begin(struct view_metrics *metrics, FILE *out, bool classic);
/* The samples that follow are of this family, of which there were none yet. Borrows it. */
void view_metrics_family(struct view_metrics *metrics, const struct view_family *family);
/* Label values may be any text: what is not printable ASCII shows as '?'. */
void view_metrics_sample(struct view_metrics *metrics, double value,
			 const struct view_label *labels, size_t count);
/* The end; 0 or -EIO. */
int view_metrics_end(struct view_metrics *metrics);

/* ---- families.c: which metrics there are ---- */

#define VIEW_STATES 12	  /* enum minato_state counts from 1 */
#define VIEW_PROTOCOLS 2  /* TCP, UDP */
#define VIEW_MAPPED 3	  /* TCP, UDP, ICMP */
#define VIEW_RULES_MAX 64 /* forwards of a guest that have metrics of their own */

struct view_counter {
	const char *name; /* as minato_counter_name, relay_counter_name; "tap_out_blocked" */
	uint64_t value;
};

#define VIEW_ORIGINS_MAX 4

struct view_rule {
	const char *rule; /* the forward as text */
	uint64_t bytes_in, bytes_out;
};

/* What one guest measures. Pointers are borrowed. */
struct view_measures {
	const char *guest;
	bool up; /* false: it did not answer, the rest is not known */
	int64_t started_s;
	const struct view_counter *counters;
	size_t counter_count;
	uint64_t tcp_states[VIEW_STATES]; /* as the guest sees them */
	uint64_t udp_flows, icmp_flows, ports_resting;
	uint64_t other_flows; /* of a gateway, of protocols without ports */
	uint32_t ports[VIEW_PROTOCOLS][MINATO_PORT_KIND_COUNT];
	bool maps; /* it is a gateway, with so many mappings */
	uint64_t mappings[VIEW_MAPPED];
	const struct view_rule *rules;
	size_t rule_count;
	uint32_t rules_standing;
};

/* What the host's kernel has. */
struct view_host {
	uint32_t sockets[VIEW_PROTOCOLS][VIEW_STATES]; /* UDP: ESTABLISHED, CLOSED (no peer) */
	uint32_t ports[VIEW_PROTOCOLS][MINATO_PORT_KIND_COUNT];
	uint32_t ephemeral; /* 0: not known */
	/* Ports that are reserved for either protocol, by who reserves them. */
	struct view_counter reserved[VIEW_ORIGINS_MAX];
	size_t reserved_count;
};

struct view_scene {
	const char *version;
	const struct view_measures *guests;
	size_t guest_count;
	const struct view_host *host; /* NULL: not asked for */
};

/* Writes all; families of which nothing is known are absent. 0 or -EIO. */
int view_scene_write(FILE *out, const struct view_scene *scene, bool classic);

#endif
