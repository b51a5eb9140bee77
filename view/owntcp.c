/* SPDX-License-Identifier: BSD-2-Clause */
/* What minato's own stack knows of a connection, in the terms of a listing. */
#include "view/view.h"

static void copy_negotiated(struct view_tcp *tcp, const struct minato_info *info)
{
	*tcp = (struct view_tcp){
		.timestamps = info->timestamps,
		.sack = info->sack,
		.ecn = info->ecn,
		.wscale = info->wscale,
		.app_limited = info->app_limited,
		.snd_wscale = info->snd_wscale,
		.rcv_wscale = info->rcv_wscale,
		.backoff = info->backoff,
		.congestion = "cubic",
	};
}

static void copy_path(struct view_tcp *tcp, const struct minato_info *info)
{
	tcp->rto_us = info->rto_us;
	tcp->rtt_us = info->rtt_us;
	tcp->rttvar_us = info->rttvar_us;
	tcp->ato_us = info->ato_us;
	tcp->min_rtt_us = info->min_rtt_us;
	tcp->rcv_rtt_us = info->rcv_rtt_us;
	tcp->snd_mss = info->snd_mss;
	tcp->rcv_mss = info->rcv_mss;
	tcp->advmss = info->advmss;
	tcp->pmtu = info->pmtu;
	tcp->snd_cwnd = info->snd_cwnd;
	tcp->snd_ssthresh = info->snd_ssthresh;
	tcp->snd_wnd = info->snd_wnd;
	tcp->rcv_space = info->rcv_space;
	tcp->rcv_ssthresh = info->rcv_ssthresh;
	tcp->delivery_rate = info->delivery_rate;
}

static void copy_carried(struct view_tcp *tcp, const struct minato_info *info)
{
	tcp->bytes_sent = info->bytes_sent;
	tcp->bytes_acked = info->bytes_acked;
	tcp->bytes_received = info->bytes_received;
	tcp->bytes_retrans = info->bytes_retrans;
	tcp->segs_out = info->segs_out;
	tcp->segs_in = info->segs_in;
	tcp->data_segs_out = info->data_segs_out;
	tcp->data_segs_in = info->data_segs_in;
	tcp->delivered = info->delivered;
	tcp->delivered_ce = info->delivered_ce;
	tcp->last_sent_ms = info->last_data_sent_ms;
	tcp->last_received_ms = info->last_data_recv_ms;
	tcp->last_ack_ms = info->last_ack_recv_ms;
	tcp->notsent_bytes = info->notsent_bytes;
}

void view_tcp_from(struct view_tcp *tcp, const struct minato_info *info)
{
	copy_negotiated(tcp, info);
	copy_path(tcp, info);
	copy_carried(tcp, info);
	tcp->unacked = info->unacked;
	tcp->sacked = info->sacked;
	tcp->lost = info->lost;
	tcp->retrans = info->retrans;
	tcp->total_retrans = info->total_retrans;
	tcp->reordering = info->reordering;
	tcp->dsack_dups = info->dsack_dups;
	tcp->reord_seen = info->reord_seen;
	tcp->rcv_ooopack = info->rcv_ooopack;
}
