/* SPDX-License-Identifier: BSD-2-Clause */
/* What a kernel knows of a socket besides its ends, as members of JSON. */
#include "view/view.h"

#include <errno.h>
#include <string.h>

/* A member of a struct that is told as it is. */
struct member {
	const char *name;
	enum { BOOL, BYTE, WORD, LONG } type;
	size_t offset;
};

#define MEMORY(type, name)                                                                         \
	{                                                                                          \
#name, type, offsetof(struct view_memory, name)                                    \
	}
#define TCP(type, name)                                                                            \
	{                                                                                          \
#name, type, offsetof(struct view_tcp, name)                                       \
	}

static const struct member memory_members[] = {
	MEMORY(WORD, receive_used), MEMORY(WORD, receive_max), MEMORY(WORD, send_used),
	MEMORY(WORD, send_max),	    MEMORY(WORD, forward),     MEMORY(WORD, send_queued),
	MEMORY(WORD, options),	    MEMORY(WORD, backlog),     MEMORY(WORD, drops),
};

static const struct member tcp_members[] = {
	TCP(BOOL, timestamps),
	TCP(BOOL, sack),
	TCP(BOOL, ecn),
	TCP(BOOL, ecn_seen),
	TCP(BOOL, fastopen),
	TCP(BOOL, wscale),
	TCP(BOOL, app_limited),
	TCP(BYTE, snd_wscale),
	TCP(BYTE, rcv_wscale),
	TCP(BYTE, backoff),
	TCP(WORD, rto_us),
	TCP(WORD, rtt_us),
	TCP(WORD, rttvar_us),
	TCP(WORD, ato_us),
	TCP(WORD, min_rtt_us),
	TCP(WORD, rcv_rtt_us),
	TCP(WORD, snd_mss),
	TCP(WORD, rcv_mss),
	TCP(WORD, advmss),
	TCP(WORD, pmtu),
	TCP(WORD, snd_cwnd),
	TCP(WORD, snd_ssthresh),
	TCP(LONG, bytes_sent),
	TCP(LONG, bytes_retrans),
	TCP(LONG, bytes_acked),
	TCP(LONG, bytes_received),
	TCP(WORD, segs_out),
	TCP(WORD, segs_in),
	TCP(WORD, data_segs_out),
	TCP(WORD, data_segs_in),
	TCP(WORD, last_sent_ms),
	TCP(WORD, last_received_ms),
	TCP(WORD, last_ack_ms),
	TCP(LONG, pacing_rate),
	TCP(LONG, pacing_rate_max),
	TCP(LONG, delivery_rate),
	TCP(WORD, delivered),
	TCP(WORD, delivered_ce),
	TCP(LONG, busy_us),
	TCP(LONG, rwnd_limited_us),
	TCP(LONG, sndbuf_limited_us),
	TCP(WORD, unacked),
	TCP(WORD, retrans),
	TCP(WORD, total_retrans),
	TCP(WORD, lost),
	TCP(WORD, sacked),
	TCP(WORD, dsack_dups),
	TCP(WORD, reordering),
	TCP(WORD, reord_seen),
	TCP(WORD, rcv_space),
	TCP(WORD, rcv_ssthresh),
	TCP(WORD, notsent_bytes),
	TCP(WORD, rcv_ooopack),
	TCP(WORD, snd_wnd),
};

/* Beyond what JSON's integers hold, the most they hold: rates without a limit are so. */
static json_int_t integer_of(uint64_t value)
{
	return value > INT64_MAX ? INT64_MAX : (json_int_t)value;
}

static json_t *value_of(const struct member *member, const void *object)
{
	const void *at = (const char *)object + member->offset;

	switch (member->type) {
	case BOOL:
		return json_boolean(*(const bool *)at);
	case BYTE:
		return json_integer(*(const uint8_t *)at);
	case WORD:
		return json_integer(*(const uint32_t *)at);
	case LONG:
		return json_integer(integer_of(*(const uint64_t *)at));
	}
	return NULL;
}

static json_t *object_of(const struct member *members, size_t count, const void *from)
{
	json_t *object = json_object();

	for (size_t i = 0; i < count; i++)
		json_object_set_new(object, members[i].name, value_of(&members[i], from));
	return object;
}

json_t *view_json_tcp(const struct view_tcp *tcp)
{
	json_t *object = object_of(tcp_members, sizeof(tcp_members) / sizeof(tcp_members[0]), tcp);

	json_object_set_new(object, "congestion",
			    *tcp->congestion ? json_string(tcp->congestion) : json_null());
	if (tcp->has_bbr)
		json_object_set_new(object, "bbr",
				    json_pack("{s:I,s:I,s:I,s:I}", "bytes_per_s",
					      integer_of(tcp->bbr_bytes_per_s), "min_rtt_us",
					      (json_int_t)tcp->bbr_min_rtt_us, "pacing_gain",
					      (json_int_t)tcp->bbr_pacing_gain, "cwnd_gain",
					      (json_int_t)tcp->bbr_cwnd_gain));
	return object;
}

static void set_value(const struct member *member, void *object, uint64_t value)
{
	void *at = (char *)object + member->offset;

	switch (member->type) {
	case BOOL:
		*(bool *)at = value != 0;
		break;
	case BYTE:
		*(uint8_t *)at = (uint8_t)value;
		break;
	case WORD:
		*(uint32_t *)at = (uint32_t)value;
		break;
	case LONG:
		*(uint64_t *)at = value;
		break;
	}
}

int view_json_tcp_read(struct view_tcp *tcp, const json_t *object)
{
	const char *congestion = json_string_value(json_object_get(object, "congestion"));

	*tcp = (struct view_tcp){ 0 };
	if (!json_is_object(object))
		return -EINVAL;
	if (congestion)
		snprintf(tcp->congestion, sizeof(tcp->congestion), "%s", congestion);
	for (size_t i = 0; i < sizeof(tcp_members) / sizeof(tcp_members[0]); i++) {
		const json_t *value = json_object_get(object, tcp_members[i].name);

		if (json_is_true(value))
			set_value(&tcp_members[i], tcp, 1);
		else if (json_integer_value(value) > 0)
			set_value(&tcp_members[i], tcp, (uint64_t)json_integer_value(value));
	}
	return 0;
}

static void add_timer(json_t *object, const struct view_row *row)
{
	if (row->timer)
		json_object_set_new(object, "timer",
				    json_pack("{s:s,s:I,s:i}", "name", row->timer, "ms",
					      (json_int_t)row->timer_ms, "retransmits",
					      row->retransmits));
}

static void add_closed(json_t *object, const struct view_row *row)
{
	if (row->has_shut)
		json_object_set_new(object, "closed",
				    json_pack("{s:b,s:b}", "reading", row->shut & 1, "writing",
					      (row->shut >> 1) & 1));
}

void view_json_socket(json_t *object, const struct view_row *row)
{
	bool six = row->is6 || !minato_addr_is4(&row->local.addr);

	json_object_set_new(object, "family", json_string(six ? "inet6" : "inet"));
	if (six && row->listening)
		json_object_set_new(object, "v6only", json_boolean(row->v6only));
	/* Of a guest's port it is not known. */
	if (!*row->guest)
		json_object_set_new(object, "autobound", json_boolean(row->autobound));
	if (row->cookie)
		json_object_set_new(object, "cookie", json_integer(integer_of(row->cookie)));
	if (row->interface)
		json_object_set_new(object, "interface", json_integer(row->interface));
	if (row->interface_name)
		json_object_set_new(object, "interface_name",
				    view_json_string(row->interface_name));
	if (row->mark)
		json_object_set_new(object, "mark", json_integer(row->mark));
	if (row->cgroup)
		json_object_set_new(object, "cgroup", json_integer(integer_of(row->cgroup)));
	if (row->cgroup_path)
		json_object_set_new(object, "cgroup_path", view_json_string(row->cgroup_path));
	add_timer(object, row);
	add_closed(object, row);
	if (row->memory)
		json_object_set_new(object, "memory",
				    object_of(memory_members,
					      sizeof(memory_members) / sizeof(memory_members[0]),
					      row->memory));
	if (row->tcp)
		json_object_set_new(object, "tcp", view_json_tcp(row->tcp));
}
