/* SPDX-License-Identifier: BSD-2-Clause */
/* What is known of a socket besides its ends, in ss's words: timer, ids, memory, TCP's state. */
#include "view/view.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define US_PER_MS 1000.0
#define REORDERING_USUAL 3
#define SSTHRESH_NONE 0xffff

/* Text that grows within its room. */
struct words {
	char *out;
	size_t size, used;
};

static void say(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct words *words, const char *format, ...)
{
	size_t room = words->size - words->used;
	va_list values;
	int length;

	va_start(values, format);
	length = vsnprintf(words->out + words->used, room, format, values);
	va_end(values);
	if (length > 0)
		words->used += (size_t)length < room ? (size_t)length : room - 1;
}

static void say_count(struct words *words, const char *name, uint64_t count)
{
	if (count)
		say(words, " %s:%" PRIu64, name, count);
}

/* ---- timer ---- */

/* As ss has it: "450ms", "1.234ms", "12sec", "1min3sec", "119min". */
static void say_span(struct words *words, uint32_t ms)
{
	unsigned minutes = ms / 60000;
	unsigned seconds = ms / 1000 % 60;
	unsigned rest = minutes ? 0 : ms % 1000;

	if (minutes)
		say(words, "%umin", minutes);
	if (minutes > 9)
		seconds = 0;
	if (seconds > 9)
		rest = 0;
	if (seconds)
		say(words, "%u%s", seconds, rest ? "." : "sec");
	if (rest)
		say(words, "%03ums", rest);
}

const char *view_timer_word(char *out, size_t size, const struct view_row *row)
{
	struct words words = { out, size, 0 };

	out[0] = 0;
	if (!row->timer)
		return out;
	say(&words, "timer:(%s,", row->timer);
	say_span(&words, row->timer_ms);
	say(&words, ",%u)", row->retransmits);
	return out;
}

/* ---- ids ---- */

const char *view_ids_word(char *out, size_t size, const struct view_row *row)
{
	struct words words = { out, size, 0 };

	out[0] = 0;
	if (!row->inode && !row->cookie)
		return out;
	if (row->uid)
		say(&words, " uid:%u", row->uid);
	say(&words, " ino:%u", row->inode);
	if (row->cookie)
		say(&words, " sk:%" PRIx64, row->cookie);
	if (row->mark)
		say(&words, " fwmark:0x%x", row->mark);
	if (row->cgroup && row->cgroup_path)
		say(&words, " cgroup:%s", row->cgroup_path);
	else if (row->cgroup)
		say(&words, " cgroup:unreachable:%" PRIx64, row->cgroup);
	if (row->is6 && !row->peer.first)
		say(&words, " v6only:%d", row->v6only);
	if (row->cookie && row->has_shut)
		say(&words, " %c-%c", row->shut & 1 ? '-' : '<', row->shut & 2 ? '-' : '>');
	memmove(out, out + 1, words.used);
	return out;
}

/* ---- memory ---- */

const char *view_memory_word(char *out, size_t size, const struct view_memory *memory)
{
	snprintf(out, size, "skmem:(r%u,rb%u,t%u,tb%u,f%u,w%u,o%u,bl%u,d%u)", memory->receive_used,
		 memory->receive_max, memory->send_used, memory->send_max, memory->forward,
		 memory->send_queued, memory->options, memory->backlog, memory->drops);
	return out;
}

/* ---- TCP ---- */

static void say_rate(struct words *words, const char *name, double bits, bool numeric)
{
	if (numeric)
		say(words, "%s%.0fbps", name, bits);
	else if (bits > 1000000)
		say(words, "%s%.1fMbps", name, bits / 1000000);
	else if (bits > 1000)
		say(words, "%s%.1fKbps", name, bits / 1000);
	else
		say(words, "%s%gbps", name, bits);
}

static void say_negotiated(struct words *words, const struct view_tcp *tcp)
{
	if (tcp->timestamps)
		say(words, " ts");
	if (tcp->sack)
		say(words, " sack");
	if (tcp->ecn)
		say(words, " ecn");
	if (tcp->ecn_seen)
		say(words, " ecnseen");
	if (tcp->fastopen)
		say(words, " fastopen");
}

static void say_control(struct words *words, const struct view_tcp *tcp)
{
	if (tcp->congestion[0])
		say(words, " %s", tcp->congestion);
	if (tcp->wscale)
		say(words, " wscale:%u,%u", tcp->snd_wscale, tcp->rcv_wscale);
}

static void say_times_and_sizes(struct words *words, const struct view_tcp *tcp)
{
	if (tcp->rto_us)
		say(words, " rto:%g", tcp->rto_us / US_PER_MS);
	say_count(words, "backoff", tcp->backoff);
	if (tcp->rtt_us)
		say(words, " rtt:%g/%g", tcp->rtt_us / US_PER_MS, tcp->rttvar_us / US_PER_MS);
	if (tcp->ato_us)
		say(words, " ato:%g", tcp->ato_us / US_PER_MS);
	say_count(words, "mss", tcp->snd_mss);
	say_count(words, "pmtu", tcp->pmtu);
	say_count(words, "rcvmss", tcp->rcv_mss);
	say_count(words, "advmss", tcp->advmss);
	say_count(words, "cwnd", tcp->snd_cwnd);
	if (tcp->snd_ssthresh < SSTHRESH_NONE)
		say_count(words, "ssthresh", tcp->snd_ssthresh);
}

static void say_carried(struct words *words, const struct view_tcp *tcp)
{
	say_count(words, "bytes_sent", tcp->bytes_sent);
	say_count(words, "bytes_retrans", tcp->bytes_retrans);
	say_count(words, "bytes_acked", tcp->bytes_acked);
	say_count(words, "bytes_received", tcp->bytes_received);
	say_count(words, "segs_out", tcp->segs_out);
	say_count(words, "segs_in", tcp->segs_in);
	say_count(words, "data_segs_out", tcp->data_segs_out);
	say_count(words, "data_segs_in", tcp->data_segs_in);
}

static void say_bbr(struct words *words, const struct view_tcp *tcp, bool numeric)
{
	if (!tcp->has_bbr)
		return;
	say_rate(words, " bbr:(bw:", (double)tcp->bbr_bytes_per_s * 8, numeric);
	say(words, ",mrtt:%g", tcp->bbr_min_rtt_us / US_PER_MS);
	if (tcp->bbr_pacing_gain)
		say(words, ",pacing_gain:%g", tcp->bbr_pacing_gain / 256.0);
	if (tcp->bbr_cwnd_gain)
		say(words, ",cwnd_gain:%g", tcp->bbr_cwnd_gain / 256.0);
	say(words, ")");
}

static void say_rates(struct words *words, const struct view_tcp *tcp, bool numeric)
{
	if (tcp->rtt_us && tcp->snd_mss && tcp->snd_cwnd)
		say_rate(words, " send ",
			 (double)tcp->snd_cwnd * tcp->snd_mss * 8000000.0 / tcp->rtt_us, numeric);
	say_count(words, "lastsnd", tcp->last_sent_ms);
	say_count(words, "lastrcv", tcp->last_received_ms);
	say_count(words, "lastack", tcp->last_ack_ms);
	/* All bits set is the kernel's word for no limit. */
	if (tcp->pacing_rate && tcp->pacing_rate != UINT64_MAX) {
		say_rate(words, " pacing_rate ", (double)tcp->pacing_rate * 8, numeric);
		if (tcp->pacing_rate_max && tcp->pacing_rate_max != UINT64_MAX)
			say_rate(words, "/", (double)tcp->pacing_rate_max * 8, numeric);
	}
	if (tcp->delivery_rate)
		say_rate(words, " delivery_rate ", (double)tcp->delivery_rate * 8, numeric);
	say_count(words, "delivered", tcp->delivered);
	say_count(words, "delivered_ce", tcp->delivered_ce);
	if (tcp->app_limited)
		say(words, " app_limited");
}

static void say_limited(struct words *words, const char *name, uint64_t us, uint64_t busy_us)
{
	if (us)
		say(words, " %s:%" PRIu64 "ms(%.1f%%)", name, us / 1000,
		    100.0 * (double)us / (double)busy_us);
}

static void say_busy(struct words *words, const struct view_tcp *tcp)
{
	if (!tcp->busy_us)
		return;
	say(words, " busy:%" PRIu64 "ms", tcp->busy_us / 1000);
	say_limited(words, "rwnd_limited", tcp->rwnd_limited_us, tcp->busy_us);
	say_limited(words, "sndbuf_limited", tcp->sndbuf_limited_us, tcp->busy_us);
}

static void say_losses(struct words *words, const struct view_tcp *tcp)
{
	say_count(words, "unacked", tcp->unacked);
	if (tcp->retrans || tcp->total_retrans)
		say(words, " retrans:%u/%u", tcp->retrans, tcp->total_retrans);
	say_count(words, "lost", tcp->lost);
	say_count(words, "sacked", tcp->sacked);
	say_count(words, "dsack_dups", tcp->dsack_dups);
	if (tcp->reordering && tcp->reordering != REORDERING_USUAL)
		say(words, " reordering:%u", tcp->reordering);
	say_count(words, "reord_seen", tcp->reord_seen);
}

static void say_receiving(struct words *words, const struct view_tcp *tcp)
{
	if (tcp->rcv_rtt_us)
		say(words, " rcv_rtt:%g", tcp->rcv_rtt_us / US_PER_MS);
	say_count(words, "rcv_space", tcp->rcv_space);
	say_count(words, "rcv_ssthresh", tcp->rcv_ssthresh);
	say_count(words, "notsent", tcp->notsent_bytes);
	if (tcp->min_rtt_us && tcp->min_rtt_us != UINT32_MAX)
		say(words, " minrtt:%g", tcp->min_rtt_us / US_PER_MS);
	say_count(words, "rcv_ooopack", tcp->rcv_ooopack);
	say_count(words, "snd_wnd", tcp->snd_wnd);
}

const char *view_tcp_word(char *out, size_t size, const struct view_tcp *tcp,
			  const struct view_look *look)
{
	struct words words = { out, size, 0 };

	out[0] = 0;
	if (look->timers || look->extended)
		say_negotiated(&words, tcp);
	say_control(&words, tcp);
	say_times_and_sizes(&words, tcp);
	say_carried(&words, tcp);
	say_bbr(&words, tcp, look->numeric);
	say_rates(&words, tcp, look->numeric);
	say_busy(&words, tcp);
	say_losses(&words, tcp);
	say_receiving(&words, tcp);
	memmove(out, out + (words.used > 0), words.used + !words.used);
	return out;
}
