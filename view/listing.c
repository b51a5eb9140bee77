/* SPDX-License-Identifier: BSD-2-Clause */
/* From rows of the table to rows of a listing: the guest's side of things, filters, order. */
#include "view/view.h"

#include "view/filter.h"

#include <errno.h>
#include <string.h>

#define PREFIX_HOST 128
#define NS_PER_MS 1000000

const char *view_state_word(uint8_t proto, enum minato_state state)
{
	if (proto != MINATO_TCP)
		return state == MINATO_ESTABLISHED ? "ESTAB" : "UNCONN";
	switch (state) {
	case MINATO_ESTABLISHED:
		return "ESTAB";
	case MINATO_SYN_SENT:
		return "SYN-SENT";
	case MINATO_SYN_RECEIVED:
		return "SYN-RECV";
	case MINATO_FIN_WAIT_1:
		return "FIN-WAIT-1";
	case MINATO_FIN_WAIT_2:
		return "FIN-WAIT-2";
	case MINATO_TIME_WAIT:
		return "TIME-WAIT";
	case MINATO_CLOSED:
		return "UNCONN";
	case MINATO_CLOSE_WAIT:
		return "CLOSE-WAIT";
	case MINATO_LAST_ACK:
		return "LAST-ACK";
	case MINATO_LISTEN:
		return "LISTEN";
	case MINATO_CLOSING:
		return "CLOSING";
	}
	return "?";
}

enum minato_state view_state_mirror(enum minato_state state)
{
	switch (state) {
	case MINATO_SYN_SENT: /* our SYN is on its way to the guest's listener */
		return MINATO_SYN_RECEIVED;
	case MINATO_SYN_RECEIVED: /* the guest called */
		return MINATO_SYN_SENT;
	case MINATO_FIN_WAIT_1:
	case MINATO_FIN_WAIT_2: /* the world is done, the guest is not */
		return MINATO_CLOSE_WAIT;
	case MINATO_CLOSE_WAIT:
	case MINATO_LAST_ACK: /* the guest closed first */
		return MINATO_FIN_WAIT_2;
	case MINATO_ESTABLISHED:
	case MINATO_TIME_WAIT:
	case MINATO_CLOSED:
	case MINATO_LISTEN:
	case MINATO_CLOSING:
		return state;
	}
	return state;
}

static const struct minato_addr zero;

struct view_end view_end_of(const struct minato_endpoint *end)
{
	uint8_t prefix = minato_addr_equal(&end->addr, &zero) ? 0 : PREFIX_HOST;

	return (struct view_end){ end->addr, prefix, end->port, end->port };
}

bool view_end_is_any(const struct view_end *end)
{
	return end->prefix == 0 && minato_addr_equal(&end->addr, &zero);
}

static const char *verdict_word(enum minato_verdict verdict)
{
	switch (verdict) {
	case MINATO_PASS:
		return "PASS";
	case MINATO_REFUSE:
		return "REFUSE";
	case MINATO_DROP:
		return "DROP";
	}
	return "?";
}

/* A general entry: local is what it is for, peer where it leads or whom it is about. */
static void from_entry(struct view_row *out, const struct minato_row *row)
{
	out->listening = true;
	out->local = (struct view_end){ row->local.addr, row->local_prefix, row->first, row->last };
	out->peer = (struct view_end){ row->remote.addr, row->remote_prefix, 0, 0 };
	out->bytes_in = row->bytes_in;
	out->bytes_out = row->bytes_out;
	out->state = verdict_word(row->verdict);
	if (row->kind == MINATO_KIND_FORWARD || row->kind == MINATO_KIND_DMZ)
		out->from = out->peer;
	if (row->kind == MINATO_KIND_DMZ) {
		out->kind = minato_kind_name(row->kind);
		out->state = "LISTEN";
		out->peer = view_end_of(&row->target);
	} else if (row->kind == MINATO_KIND_FORWARD) {
		uint16_t extent = (uint16_t)(row->last - row->first);

		out->kind = "published";
		out->state = row->proto == MINATO_UDP ? "UNCONN" : "LISTEN";
		out->peer = view_end_of(&row->target);
		out->peer.last = row->target.port ? (uint16_t)(row->target.port + extent) : 0;
		/* IPv6 is opened as it is. */
		if (row->local_prefix == PREFIX_HOST && !minato_addr_is4(&row->local.addr) &&
		    !row->target.port)
			out->peer = out->local;
		/* All addresses, but of the target's family. */
		if (view_end_is_any(&out->local) && row->target.port &&
		    !minato_addr_is4(&row->target.addr))
			out->local.prefix = PREFIX_HOST;
	} else {
		out->kind = minato_kind_name(row->kind);
	}
}

/* A place outside that an inside endpoint has: it waits for whoever may answer. */
static void from_mapping(struct view_row *out, const struct minato_row *row)
{
	out->kind = minato_kind_name(row->kind);
	out->listening = true;
	out->state = "UNCONN";
	out->local = view_end_of(&row->target);
	out->outside = row->local;
}

/* Of the two scopes of a gateway's flow, that of the outside. */
#define SCOPE_OUTSIDE 1

/* A flow that is handed on: local is the inside end, whoever began it. */
static void from_session(struct view_row *out, const struct minato_row *row)
{
	bool inward = row->scope == SCOPE_OUTSIDE;

	out->kind = minato_kind_name(row->kind);
	out->state = view_state_word(row->proto, row->state);
	out->local = view_end_of(inward ? &row->target : &row->remote);
	out->peer = view_end_of(inward ? &row->remote : &row->local);
	out->outside = inward ? row->local : row->via;
	if (row->proto != MINATO_PROTO_OTHER)
		return;
	/* Of what has no ports they are its number. */
	out->proto = (uint8_t)row->local.port;
	out->local.first = out->local.last = 0;
	out->peer.first = out->peer.last = 0;
	out->outside.port = 0;
}

static bool has_peer(const struct minato_row *row)
{
	return row->remote.port || !minato_addr_equal(&row->remote.addr, &zero);
}

/* A flow of the guest: the table's remote end is the guest. */
static void from_flow(struct view_row *out, const struct minato_row *row)
{
	out->kind = "flow";
	out->state = view_state_word(row->proto, view_state_mirror(row->state));
	out->local = view_end_of(&row->remote);
	out->peer = view_end_of(&row->local);
	out->recv_queue = row->send_queue;
	out->send_queue = row->recv_queue;
	out->bytes_in = row->bytes_out;
	out->bytes_out = row->bytes_in;
}

/* A socket of minato's own that waits for the guest, such as the DNS server's. */
static void from_service(struct view_row *out, const struct minato_row *row)
{
	out->kind = "service";
	out->listening = true;
	out->state = view_state_word(row->proto, row->state);
	out->local = view_end_of(&row->local);
	out->recv_queue = row->recv_queue;
	out->send_queue = row->send_queue;
	out->bytes_in = row->bytes_in;
	out->bytes_out = row->bytes_out;
}

void view_row_from(struct view_row *out, const struct minato_row *row, const char *guest,
		   struct minato_time now)
{
	*out = (struct view_row){
		.proto = row->proto,
		.hits = row->hits,
		.age_ms = -1,
		.maker = row->owner,
		.handle = row->handle,
	};
	snprintf(out->guest, sizeof(out->guest), "%s", guest);
	if (row->since.ns > 0 && row->since.ns <= now.ns)
		out->age_ms = (now.ns - row->since.ns) / NS_PER_MS;
	if (row->kind == MINATO_KIND_MAPPING)
		from_mapping(out, row);
	else if (row->kind == MINATO_KIND_SESSION)
		from_session(out, row);
	else if (row->kind != MINATO_KIND_SOCKET)
		from_entry(out, row);
	else if (has_peer(row))
		from_flow(out, row);
	else
		from_service(out, row);
}

static bool family_wanted(const struct view_filter *filter, const struct view_row *row)
{
	bool both = view_end_is_any(&row->local);
	bool is4 = minato_addr_is4(&row->local.addr) && !row->is6;

	if (both || filter->only4 == filter->only6)
		return true;
	return filter->only4 ? is4 : !is4;
}

/* Over, or not begun: ss shows them with -a, or where a state word asks for them. */
static bool is_bucket(const struct view_row *row)
{
	return !strcmp(row->state, "TIME-WAIT") || !strcmp(row->state, "SYN-RECV");
}

/* State words take the place of -a and -l. */
static bool state_wanted(const struct view_filter *filter, const struct view_row *row)
{
	if (filter->program && filter->program->stated)
		return (filter->program->states & filter_state_bit(row)) != 0;
	if (filter->all)
		return true;
	if (filter->listening)
		return row->listening &&
		       (filter->rules || filter_state_bit(row) != FILTER_STATE_NONE);
	return !row->listening && !is_bucket(row);
}

bool view_filter_match(const struct view_filter *filter, const struct view_row *row)
{
	bool any_proto = filter->tcp == filter->udp;

	if (!any_proto && row->proto == MINATO_TCP && !filter->tcp)
		return false;
	if (!any_proto && row->proto == MINATO_UDP && !filter->udp)
		return false;
	if (!any_proto && row->proto == MINATO_ICMP)
		return false;
	return state_wanted(filter, row) && family_wanted(filter, row) &&
	       (!filter->program || filter_match(filter->program, row));
}

static int compare_number(unsigned x, unsigned y)
{
	return x < y ? -1 : x > y;
}

static int compare_end(const struct view_end *x, const struct view_end *y)
{
	int order = memcmp(&x->addr, &y->addr, sizeof(x->addr));

	return order ? order : compare_number(x->first, y->first);
}

int view_row_compare(const void *a, const void *b)
{
	const struct view_row *x = a;
	const struct view_row *y = b;
	int order = strcmp(x->guest, y->guest);

	/* What is for both protocols (0) comes last. */
	if (!order)
		order = compare_number((uint8_t)(x->proto - 1), (uint8_t)(y->proto - 1));
	if (!order)
		order = compare_number(!x->listening, !y->listening);
	if (!order)
		order = compare_end(&x->local, &y->local);
	if (!order)
		order = compare_end(&x->peer, &y->peer);
	return order;
}
