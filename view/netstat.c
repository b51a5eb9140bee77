/* SPDX-License-Identifier: BSD-2-Clause */
/* The view of those who know netstat: its columns, words and widths; of rows that are sockets. */
#include "view/filter.h"
#include "view/view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* An end takes this many characters with its colon; 4 are kept for the address's beginning. */
#define END_WIDTH 23
#define ADDRESS_LEAST 4
#define HOST_SIZE 1100

static const char *state_word(const struct view_row *row)
{
	static const struct {
		const char *ours, *netstats;
	} words[] = {
		{ "ESTAB", "ESTABLISHED" },	{ "SYN-SENT", "SYN_SENT" },
		{ "SYN-RECV", "SYN_RECV" },	{ "FIN-WAIT-1", "FIN_WAIT1" },
		{ "FIN-WAIT-2", "FIN_WAIT2" },	{ "TIME-WAIT", "TIME_WAIT" },
		{ "CLOSE-WAIT", "CLOSE_WAIT" }, { "LAST-ACK", "LAST_ACK" },
	};

	if (!strcmp(row->state, "UNCONN"))
		return row->proto == MINATO_TCP ? "CLOSE" : "";
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(words[i].ours, row->state))
			return words[i].netstats;
	}
	return row->state;
}

static bool is_six(const struct view_row *row)
{
	return row->is6 || !minato_addr_is4(&row->local.addr);
}

/* Without brackets; a wildcard is that of the row's own family. */
static void address_word(char *out, size_t size, const struct minato_addr *addr,
			 const struct view_row *row, const struct view_look *look)
{
	const char *name = NULL;

	if (minato_addr_is_any(addr))
		name = is_six(row) ? "::" : "0.0.0.0";
	else if (look->host)
		name = look->host(look->host_user, addr);
	if (name)
		snprintf(out, size, "%s", name);
	else
		minato_addr_format(addr, out, size);
}

/* Where both do not fit, the address is cut, so that the port can be read. */
static void end_word(char *out, size_t size, const struct view_end *end, const struct view_row *row,
		     const struct view_look *look)
{
	char address[HOST_SIZE];
	char port[VIEW_WORD_SIZE];
	size_t room = END_WIDTH - 1;
	size_t port_length;

	address_word(address, sizeof(address), &end->addr, row, look);
	view_port_word(port, sizeof(port), end, row->proto, look->services);
	port_length = strlen(port);
	if (!look->wide && strlen(address) + port_length > room) {
		if (port_length > room - ADDRESS_LEAST)
			port_length = room - ADDRESS_LEAST;
		address[room - port_length] = 0;
	}
	snprintf(out, size, "%s:%.*s", address, (int)port_length, port);
	view_disarm(out);
}

static const struct view_owner *first_owner(const struct view_row *row)
{
	const struct view_owner *first = NULL;

	for (size_t i = 0; i < row->owner_count; i++) {
		if (!first || row->owners[i].pid < first->pid)
			first = &row->owners[i];
	}
	return first;
}

static void put_user(FILE *out, const struct view_row *row, const struct view_look *look)
{
	const char *name = look->user ? look->user(look->user_user, row->uid) : NULL;

	if (name)
		fprintf(out, " %-10s ", name);
	else
		fprintf(out, " %-10" PRIu32 " ", row->uid);
	fprintf(out, "%-10" PRIu32, row->inode);
}

static void put_program(FILE *out, const struct view_row *row)
{
	const struct view_owner *owner = first_owner(row);
	char text[64] = "-";

	if (owner)
		snprintf(text, sizeof(text), "%d/%s", owner->pid, owner->program);
	/* netstat keeps 19 characters of it. */
	text[19] = 0;
	view_disarm(text);
	fprintf(out, " %-20s", text);
}

/* Seconds until it is due, then how often data and how often a probe was sent again. */
static void put_timer(FILE *out, const struct view_row *row)
{
	bool probes = row->timer &&
		      (!strcmp(row->timer, "keepalive") || !strcmp(row->timer, "persist"));
	const char *name = !row->timer			  ? "off" :
			   !strcmp(row->timer, "persist") ? "probe" :
							    row->timer;
	unsigned data = probes ? 0 : row->retransmits;

	fprintf(out, " %s (%" PRIu32 ".%02" PRIu32 "/%u/%u)", name, row->timer_ms / 1000,
		row->timer_ms % 1000 / 10, data, row->retransmits - data);
}

static void put_row(FILE *out, const struct view_row *row, const struct view_look *look)
{
	/* How many connections may wait is nothing that netstat knows. */
	uint64_t send_queue = strcmp(row->state, "LISTEN") ? row->send_queue : 0;
	char local[HOST_SIZE + VIEW_WORD_SIZE];
	char peer[HOST_SIZE + VIEW_WORD_SIZE];
	char proto[8];

	snprintf(proto, sizeof(proto), "%s%s", view_proto_word(row->proto), is_six(row) ? "6" : "");
	end_word(local, sizeof(local), &row->local, row, look);
	end_word(peer, sizeof(peer), &row->peer, row, look);
	fprintf(out, "%-4s  %6" PRIu64 " %6" PRIu64 " %-*s %-*s %-11s", proto, row->recv_queue,
		send_queue, END_WIDTH, local, END_WIDTH, peer, state_word(row));
	if (look->extended)
		put_user(out, row, look);
	if (look->processes)
		put_program(out, row);
	if (look->timers)
		put_timer(out, row);
	/* netstat knows one host; a row of ours stays as it has it. */
	if (*row->guest)
		fprintf(out, " %s", row->guest);
	putc('\n', out);
}

static void put_header(FILE *out, const struct view_look *look)
{
	fprintf(out, "Active Internet connections (%s)\n", look->title ? look->title : "");
	fputs("Proto Recv-Q Send-Q Local Address           Foreign Address         State      ",
	      out);
	if (look->extended)
		fputs(" User       Inode     ", out);
	if (look->processes)
		fputs(" PID/Program name    ", out);
	if (look->timers)
		fputs(" Timer", out);
	if (!look->host_only)
		fputs(" Guest", out);
	putc('\n', out);
}

struct view_stream {
	FILE *out;
	const struct view_look *look;
};

static struct view_stream *open_rows(FILE *out, const struct view_look *look)
{
	struct view_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	*stream = (struct view_stream){ out, look };
	if (look->header)
		put_header(out, look);
	return stream;
}

static int add_row(struct view_stream *stream, const struct view_row *row)
{
	if (filter_state_bit(row) != FILTER_STATE_NONE)
		put_row(stream->out, row, stream->look);
	return ferror(stream->out) ? -EIO : 0;
}

static int close_rows(struct view_stream *stream)
{
	int result = ferror(stream->out) ? -EIO : 0;

	free(stream);
	return result;
}

const struct view view_netstat = { "netstat", open_rows, add_row, close_rows, NULL };
