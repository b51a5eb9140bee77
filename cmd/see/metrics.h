/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metrics: what a guest measures, on its way to whoever collects it.
 *
 *   worker ---- control socket ----> exporter ---- HTTP ----> collector
 *   census.c                         gather.c, httpd.c
 *
 * The worker serves no HTTP: it is asked as by any other command. The exporter is a process of its
 * own: a child of the keeper (exporter.c), or the command `minato metrics` (metrics.c).
 */
#ifndef MINATO_CMD_METRICS_H
#define MINATO_CMD_METRICS_H

#include "cmd/cmd.h"

/* ---- census.c: a worker counts its table ---- */

/* A walk through the table, some rows at a time, so that traffic goes on in between. */
struct cmd_census {
	uint64_t cursor;
	uint64_t tcp_states[VIEW_STATES];
	uint64_t udp_flows, icmp_flows, other_flows;
	uint64_t mappings[VIEW_MAPPED]; /* of a gateway */
	uint8_t used[VIEW_PROTOCOLS][DRIVE_PORTS_BYTES]; /* a bit for each port of the guest */
};

/* Counts the row. */
void cmd_census_add(struct cmd_census *census, const struct minato_row *row);
/* How many different ports of a kind are used, of TCP (0) or UDP (1). */
uint32_t cmd_census_ports(const struct cmd_census *census, size_t proto,
			  enum minato_port_kind kind);
/* struct cmd_answers's: `user` is the worker. */
bool cmd_census_go_on(void *user, struct cmd_census *census);
json_t *cmd_census_reply(void *user, const struct cmd_census *census);

/* ---- hosttally.c: the sockets of the host's kernel, counted ---- */

/* 0, or negative errno when the kernel does not list them. */
int cmd_host_tally(struct view_host *host);

/* ---- gather.c: the measures of running guests and of the host ---- */

/* What one guest said. `reply` owns the texts. */
struct cmd_measured {
	json_t *reply;
	struct view_counter *counters;
	struct view_rule *rules;
};

struct cmd_gathered {
	struct cmd_names names;
	struct cmd_measured *measured; /* of each name */
	struct view_measures *guests;  /* likewise */
	struct view_host host;
};

/* Fills in the measures from a reply, which must stay as long as they; 0 or -EPROTO, -ENOMEM. */
int cmd_measures_read(struct view_measures *measures, struct cmd_measured *measured, json_t *reply);
void cmd_measured_free(struct cmd_measured *measured);

/*
 * The metrics as text, to be freed: of the guest of that name, or with NULL of all running guests
 * of this user and of the host. A guest that does not answer within two seconds is told as down.
 * 0 or negative errno with a text.
 */
int cmd_metrics_text(const char *guest, bool classic, char **text, size_t *size,
		     struct drive_error *error);

/* ---- listenat.c: ADDR:PORT, and the socket there ---- */

/* "127.0.0.1:9100", "[::1]:9100", ":9100" and "9100" (of the loopback). 0, -EINVAL with a text. */
int cmd_listen_parse(struct minato_endpoint *at, const char *text, struct drive_error *error);
/*
 * Binds and listens; the descriptor, or negative errno with a text that says who holds the port,
 * which one is free, or how a low port may be had.
 */
int cmd_listen_open(const struct minato_endpoint *at, struct drive_error *error);

/* ---- httpd.c: HTTP by libmicrohttpd; nohttpd.c in its place where it was not to be had ---- */

struct cmd_httpd;

/* What is served at /metrics. */
struct cmd_page {
	/* The body, to be freed, or NULL: it cannot be had now. */
	char *(*make)(void *user, bool classic, size_t *size);
	void *user;
};

/* "libmicrohttpd 0.9.75", or why there is none. Loads it. */
const char *cmd_httpd_version(char *out, size_t size);
/*
 * Serves from the loop at a socket that listens (borrowed). 0 or negative errno with a text
 * (-ENOSYS: this minato or this host has no libmicrohttpd).
 */
int cmd_httpd_open(struct cmd_httpd **httpd, struct drive_loop *loop, int listener,
		   const struct cmd_page *page, struct drive_error *error);
/* Ends it and all its connections; the loop is not turned again afterwards. */
void cmd_httpd_close(struct cmd_httpd *httpd);
/* Whether a collector that says `accept` wants the older text; NULL: it says nothing. */
bool cmd_accept_classic(const char *accept);

/* ---- exporter.c: the process that serves ---- */

/*
 * Makes the process that serves a guest's metrics: 0 when it does, or negative errno with a text.
 * It dies with its maker.
 */
int cmd_exporter_start(struct cmd_exporter *exporter, const char *guest, struct drive_error *error);
/*
 * What --metrics asks for: the socket at `exporter->at` and the process behind it. CMD_GO_ON, or
 * what the program ends with, having said why.
 */
int cmd_exporter_take(struct cmd_exporter *exporter, const char *guest);
/* Watches it from the keeper's loop, and makes another when it dies. 0 or negative errno. */
int cmd_exporter_watch(struct cmd_exporter *exporter, struct drive_loop *loop);
/* Ends it. */
void cmd_exporter_end(struct cmd_exporter *exporter);
/* Serves in this process until the loop is stopped; negative errno with a text. */
int cmd_exporter_serve(struct drive_loop *loop, int listener, const char *guest,
		       struct drive_error *error);

extern const struct cmd_command cmd_metrics;

#endif
