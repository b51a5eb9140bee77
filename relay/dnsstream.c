/* SPDX-License-Identifier: BSD-2-Clause */
/* DNS over TCP (RFC 7766) where questions are weighed: each of a stream for itself. */
#include "relay/permit.h"

#include <errno.h>

#define QUESTION_MAX 4096u
#define PREFIX 2u      /* length of the message, before it */
#define UNDER_WAY 100u /* questions of one stream; more wait in it */

static void end(struct lane *f)
{
	minato_close(f->relay->host, f->socket);
	lane_free(f);
}

void dnsstream_call(struct relay *relay, uint64_t call)
{
	struct lane *f = lane_new(relay, LANE_STREAM);

	if (!f) {
		minato_reject(relay->host, call, MINATO_REASON_HOST);
		return;
	}
	f->socket = call;
	f->state = LANE_OPEN;
	minato_local(relay->host, call, &f->far);
	minato_peer(relay->host, call, &f->guest);
	minato_set_user(relay->host, call, lane_word(f));
	if (minato_answer(relay->host, call) < 0) {
		end(f);
		return;
	}
	minato_set(relay->host, call, MINATO_OPT_NODELAY, 1);
	f->guest_readable = true;
	lane_busy(f);
}

/* Takes the first question of the queue. False: none is whole, or the lane is no more. */
static bool take_one(struct lane *f)
{
	uint8_t data[PREFIX + QUESTION_MAX];
	struct minato *host = f->relay->host;
	int64_t got = minato_recv(host, f->socket, data, sizeof(data),
				  MINATO_MSG_PEEK | MINATO_MSG_INLINE);
	size_t len;

	if (got == -EAGAIN || got == 1)
		return false;
	len = got > 1 ? (size_t)data[0] << 8 | data[1] : 0;
	if (got <= 0 || len > QUESTION_MAX || len < DNSMSG_HEADER) {
		/* The end, if nothing is under way. */
		if (got != 0 || f->asked == 0)
			end(f);
		return false;
	}
	if ((size_t)got < PREFIX + len)
		return false;
	minato_recv(host, f->socket, NULL, PREFIX + len, MINATO_MSG_TRUNC | MINATO_MSG_INLINE);
	f->asked++;
	dns_ask_for(f->relay->dns, f, data + PREFIX, len);
	return f->kind == LANE_STREAM;
}

void dnsstream_work(struct lane *f)
{
	int ready = minato_ready(f->relay->host, f->socket, NULL);
	bool done = ready < 0 || (uint32_t)ready & MINATO_PEER_DONE;

	if (f->guest_reset) {
		end(f);
		return;
	}
	while (f->asked < UNDER_WAY && take_one(f))
		;
	/* Half a question and then the end of the stream. */
	if (f->kind == LANE_STREAM && done && f->asked == 0)
		end(f);
}

void dnsstream_reply(struct relay *relay, uint64_t lane, const uint8_t *data, size_t len)
{
	struct lane *f = lane_of(relay, lane);
	uint8_t prefix[PREFIX] = { (uint8_t)(len >> 8), (uint8_t)len };
	struct minato_counts counts;

	if (!f || f->kind != LANE_STREAM)
		return;
	f->asked--;
	/* A guest that does not read its answers loses the connection: nothing is kept for it. */
	if (len &&
	    (minato_counts(relay->host, f->socket, &counts) < 0 || counts.room < PREFIX + len ||
	     minato_send(relay->host, f->socket, prefix, PREFIX, MINATO_MSG_MORE) !=
		     (int64_t)PREFIX ||
	     minato_send(relay->host, f->socket, data, len, 0) != (int64_t)len)) {
		pipe_abort(f);
		return;
	}
	lane_busy(f);
}
