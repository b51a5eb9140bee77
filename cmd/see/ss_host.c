/* SPDX-License-Identifier: BSD-2-Clause */
/* From a kernel's sockets to rows. */
#include "cmd/see/ss.h"

#include <linux/tcp.h>
#include <net/if.h>
#include <string.h>

#define RTO_NONE_US 3000000u /* the kernel's first guess, before anything is measured */

static const char *timer_word(enum kernel_timer timer)
{
	switch (timer) {
	case KERNEL_TIMER_OFF:
		return NULL;
	case KERNEL_TIMER_ON:
		return "on";
	case KERNEL_TIMER_KEEPALIVE:
		return "keepalive";
	case KERNEL_TIMER_TIMEWAIT:
		return "timewait";
	case KERNEL_TIMER_PERSIST:
		return "persist";
	case KERNEL_TIMER_UNKNOWN:
		return "unknown";
	}
	return "unknown";
}

static void copy_memory(struct view_memory *out, const struct kernel_memory *from)
{
	*out = (struct view_memory){
		.receive_used = from->receive_used,
		.receive_max = from->receive_max,
		.send_used = from->send_used,
		.send_max = from->send_max,
		.forward = from->forward,
		.send_queued = from->send_queued,
		.options = from->options,
		.backlog = from->backlog,
		.drops = from->drops,
	};
}

/* ---- TCP ---- */

static void copy_negotiated(struct view_tcp *tcp, const struct tcp_info *info)
{
	tcp->timestamps = info->tcpi_options & TCPI_OPT_TIMESTAMPS;
	tcp->sack = info->tcpi_options & TCPI_OPT_SACK;
	tcp->ecn = info->tcpi_options & TCPI_OPT_ECN;
	tcp->ecn_seen = info->tcpi_options & TCPI_OPT_ECN_SEEN;
	tcp->fastopen = info->tcpi_options & TCPI_OPT_SYN_DATA;
	tcp->wscale = info->tcpi_options & TCPI_OPT_WSCALE;
	tcp->snd_wscale = info->tcpi_snd_wscale;
	tcp->rcv_wscale = info->tcpi_rcv_wscale;
	tcp->app_limited = info->tcpi_delivery_rate_app_limited;
	tcp->backoff = info->tcpi_backoff;
}

static void copy_path(struct view_tcp *tcp, const struct tcp_info *info)
{
	tcp->rto_us = info->tcpi_rto == RTO_NONE_US ? 0 : info->tcpi_rto;
	tcp->rtt_us = info->tcpi_rtt;
	tcp->rttvar_us = info->tcpi_rttvar;
	tcp->ato_us = info->tcpi_ato;
	tcp->min_rtt_us = info->tcpi_min_rtt;
	tcp->rcv_rtt_us = info->tcpi_rcv_rtt;
	tcp->snd_mss = info->tcpi_snd_mss;
	tcp->rcv_mss = info->tcpi_rcv_mss;
	tcp->advmss = info->tcpi_advmss;
	tcp->pmtu = info->tcpi_pmtu;
	tcp->snd_cwnd = info->tcpi_snd_cwnd;
	tcp->snd_ssthresh = info->tcpi_snd_ssthresh;
	tcp->pacing_rate = info->tcpi_pacing_rate;
	tcp->pacing_rate_max = info->tcpi_max_pacing_rate;
	tcp->delivery_rate = info->tcpi_delivery_rate;
}

static void copy_carried(struct view_tcp *tcp, const struct tcp_info *info)
{
	tcp->bytes_sent = info->tcpi_bytes_sent;
	tcp->bytes_retrans = info->tcpi_bytes_retrans;
	tcp->bytes_acked = info->tcpi_bytes_acked;
	tcp->bytes_received = info->tcpi_bytes_received;
	tcp->segs_out = info->tcpi_segs_out;
	tcp->segs_in = info->tcpi_segs_in;
	tcp->data_segs_out = info->tcpi_data_segs_out;
	tcp->data_segs_in = info->tcpi_data_segs_in;
	tcp->last_sent_ms = info->tcpi_last_data_sent;
	tcp->last_received_ms = info->tcpi_last_data_recv;
	tcp->last_ack_ms = info->tcpi_last_ack_recv;
	tcp->delivered = info->tcpi_delivered;
	tcp->delivered_ce = info->tcpi_delivered_ce;
	tcp->busy_us = info->tcpi_busy_time;
	tcp->rwnd_limited_us = info->tcpi_rwnd_limited;
	tcp->sndbuf_limited_us = info->tcpi_sndbuf_limited;
}

static void copy_queues(struct view_tcp *tcp, const struct tcp_info *info)
{
	tcp->unacked = info->tcpi_unacked;
	tcp->retrans = info->tcpi_retrans;
	tcp->total_retrans = info->tcpi_total_retrans;
	tcp->lost = info->tcpi_lost;
	tcp->sacked = info->tcpi_state == MINATO_LISTEN ? 0 : info->tcpi_sacked;
	tcp->dsack_dups = info->tcpi_dsack_dups;
	tcp->reordering = info->tcpi_reordering;
	tcp->reord_seen = info->tcpi_reord_seen;
	tcp->rcv_space = info->tcpi_rcv_space;
	tcp->rcv_ssthresh = info->tcpi_rcv_ssthresh;
	tcp->notsent_bytes = info->tcpi_notsent_bytes;
	tcp->rcv_ooopack = info->tcpi_rcv_ooopack;
	tcp->snd_wnd = info->tcpi_snd_wnd;
}

static void copy_tcp(struct view_tcp *tcp, const struct kernel_socket *socket)
{
	*tcp = (struct view_tcp){ 0 };
	copy_negotiated(tcp, socket->info);
	copy_path(tcp, socket->info);
	copy_carried(tcp, socket->info);
	copy_queues(tcp, socket->info);
	if (socket->congestion)
		snprintf(tcp->congestion, sizeof(tcp->congestion), "%s", socket->congestion);
	if (socket->bbr) {
		tcp->has_bbr = true;
		tcp->bbr_bytes_per_s = socket->bbr->bytes_per_s;
		tcp->bbr_min_rtt_us = socket->bbr->min_rtt_us;
		tcp->bbr_pacing_gain = socket->bbr->pacing_gain;
		tcp->bbr_cwnd_gain = socket->bbr->cwnd_gain;
	}
}

/* ---- a row ---- */

static void set_owners(const struct cmd_ss *ss, struct view_row *row, struct view_owner *owners)
{
	const struct kernel_owner *owner = NULL;
	size_t count = 0;

	while (count < CMD_OWNERS_MAX &&
	       (owner = kernel_owners_next(ss->owners, row->inode, owner)) != NULL) {
		struct view_owner *out = &owners[count++];

		out->pid = owner->process->pid;
		out->fd = owner->fd;
		snprintf(out->program, sizeof(out->program), "%s", owner->process->program);
	}
	row->owners = owners;
	row->owner_count = count;
}

void cmd_ss_describe(const struct cmd_ss *ss, struct view_row *row, struct cmd_details *details,
		     const struct kernel_socket *socket)
{
	row->uid = socket->uid;
	row->inode = socket->inode;
	row->cookie = socket->cookie;
	row->is6 = socket->is6;
	row->v6only = socket->v6only;
	row->interface = socket->interface;
	row->mark = socket->mark;
	row->cgroup = socket->cgroup;
	row->has_shut = socket->has_shut;
	row->shut = socket->shut;
	row->timer = timer_word(socket->timer);
	row->timer_ms = socket->timer_ms;
	row->retransmits = socket->retransmits;
	if (ss->owners)
		set_owners(ss, row, details->owners);
	if (ss->groups)
		row->cgroup_path = kernel_groups_path(ss->groups, socket->cgroup);
	if (socket->has_memory) {
		copy_memory(&details->memory, &socket->memory);
		row->memory = &details->memory;
	}
	if (socket->info) {
		copy_tcp(&details->tcp, socket);
		row->tcp = &details->tcp;
	}
}

/* :: without IPv4 is an address of its own, and no wildcard for both. */
static struct view_end end_of(const struct minato_endpoint *end, bool v6only)
{
	struct view_end out = view_end_of(end);

	if (v6only)
		out.prefix = 128;
	return out;
}

void cmd_ss_make(struct view_row *row, const struct kernel_socket *socket)
{
	*row = (struct view_row){
		.proto = socket->proto,
		.kind = "host",
		.state = socket->bound ? "BOUND" : view_state_word(socket->proto, socket->state),
		.listening = socket->state == MINATO_LISTEN || socket->state == MINATO_CLOSED,
		.recv_queue = socket->recv_queue,
		.send_queue = socket->send_queue,
		.local = end_of(&socket->local, socket->v6only),
		.peer = end_of(&socket->remote, socket->v6only),
		.age_ms = -1,
	};
}

int cmd_ss_row(struct cmd_ss *ss, const struct view_row *row)
{
	return view_filter_match(&ss->filter, row) ? ss->take(ss, row) : 0;
}

struct kernel_query cmd_ss_query(const struct cmd_ss *ss, pid_t process)
{
	const struct ss_options *chosen = ss->chosen;

	return (struct kernel_query){
		.process = process,
		.tcp = chosen->tcp,
		.udp = chosen->udp,
		.info = chosen->info,
		.memory = chosen->memory,
	};
}

/* ---- the host ---- */

static int take_socket(void *user, const struct kernel_socket *socket)
{
	static struct cmd_details details;
	struct cmd_ss *ss = user;
	struct view_row row;

	cmd_ss_make(&row, socket);
	cmd_ss_describe(ss, &row, &details, socket);
	row.autobound = !socket->chosen && row.local.first >= ss->knobs.first &&
			row.local.first <= ss->knobs.last;
	if (row.interface && if_indextoname(row.interface, details.interface))
		row.interface_name = details.interface;
	return cmd_ss_row(ss, &row);
}

/* TCP first, where ss has UDP first. */
static int list_as_netstat(struct cmd_ss *ss, struct kernel_query query)
{
	bool tcp = query.tcp || !query.udp;
	bool udp = query.udp || !query.tcp;
	int result = 0;

	query.tcp = true;
	query.udp = false;
	if (tcp)
		result = kernel_sockets(&query, take_socket, ss);
	query.tcp = false;
	query.udp = true;
	if (udp && result == 0)
		result = kernel_sockets(&query, take_socket, ss);
	return result;
}

int cmd_ss_host(struct cmd_ss *ss)
{
	struct kernel_query query = cmd_ss_query(ss, 0);
	bool stated = ss->filter.program && ss->filter.program->stated;

	query.only4 = ss->chosen->only4;
	query.only6 = ss->chosen->only6;
	query.states = filter_states(&ss->filter);
	query.chosen = ss->chosen->json || filter_asks(ss->filter.program, FILTER_AUTOBOUND);
	/* As ss: TCP that is bound and not more is shown where a state word asks for it. */
	if (!stated)
		query.states &= ~KERNEL_STATE_BOUND;
	return ss->chosen->netstat ? list_as_netstat(ss, query) :
				     kernel_sockets(&query, take_socket, ss);
}
