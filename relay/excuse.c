/* SPDX-License-Identifier: BSD-2-Clause */
/* DNS over TCP (RFC 1035 4.2.2) when no nameserver can be had: SERVFAIL to each question. */
#include "relay/relay.h"

#include <errno.h>

#define QUESTION_MAX 4096u
#define PREFIX 2u /* length of the message, before it */

static void end(struct lane *f)
{
	minato_close(f->relay->host, f->socket);
	lane_free(f);
}

void excuse_open(struct lane *f)
{
	f->kind = LANE_EXCUSE;
	f->state = LANE_OPEN;
	if (minato_answer(f->relay->host, f->socket) < 0) {
		end(f);
		return;
	}
	f->guest_readable = true;
	lane_busy(f);
}

/* Answers the first question in the queue. False when there is none that is whole, or the lane is
   no more. */
static bool answer_one(struct lane *f)
{
	uint8_t data[PREFIX + QUESTION_MAX];
	struct minato *host = f->relay->host;
	int64_t got = minato_recv(host, f->socket, data, sizeof(data),
				  MINATO_MSG_PEEK | MINATO_MSG_INLINE);
	struct dnsmsg m;
	size_t len;

	if (got == -EAGAIN || got == 1)
		return false;
	len = got > 1 ? (size_t)data[0] << 8 | data[1] : 0;
	if (got <= 0 || len > QUESTION_MAX) {
		end(f);
		return false;
	}
	if ((size_t)got < PREFIX + len)
		return false;
	minato_recv(host, f->socket, NULL, PREFIX + len, MINATO_MSG_TRUNC | MINATO_MSG_INLINE);
	relay_count(f->relay, RELAY_COUNT_DNS_QUERIES);
	if (!dnsmsg_parse(data + PREFIX, len, &m) || m.response) {
		relay_count(f->relay, RELAY_COUNT_DNS_MALFORMED);
		end(f);
		return false;
	}
	relay_count(f->relay, RELAY_COUNT_DNS_FAILED);
	len = dnsmsg_excuse(data + PREFIX, &m, DNSMSG_SERVFAIL, data + PREFIX);
	data[0] = (uint8_t)(len >> 8);
	data[1] = (uint8_t)len;
	/* A guest that does not read its answers loses the connection: nothing is kept for it. */
	if (minato_send(host, f->socket, data, PREFIX + len, 0) != (int64_t)(PREFIX + len)) {
		pipe_abort(f);
		return false;
	}
	return true;
}

void excuse_work(struct lane *f)
{
	int ready = minato_ready(f->relay->host, f->socket, NULL);
	bool done = ready < 0 || (uint32_t)ready & MINATO_PEER_DONE;

	if (f->guest_reset) {
		end(f);
		return;
	}
	while (answer_one(f))
		;
	/* Half a question and then the end of the stream. */
	if (done && f->kind == LANE_EXCUSE)
		end(f);
}
