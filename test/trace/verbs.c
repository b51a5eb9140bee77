/* SPDX-License-Identifier: BSD-2-Clause */
/* What the host's owner does and asks, as words. */
#include "trace.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct name {
	const char *text;
	int value;
};

static const struct name errors[] = {
	{ "EAGAIN", EAGAIN },
	{ "ECONNRESET", ECONNRESET },
	{ "ECONNREFUSED", ECONNREFUSED },
	{ "ETIMEDOUT", ETIMEDOUT },
	{ "EPIPE", EPIPE },
	{ "ENOTCONN", ENOTCONN },
	{ "EHOSTUNREACH", EHOSTUNREACH },
	{ "ENETUNREACH", ENETUNREACH },
	{ "EINPROGRESS", EINPROGRESS },
	{ "EISCONN", EISCONN },
	{ "EALREADY", EALREADY },
	{ "EINVAL", EINVAL },
	{ "EADDRINUSE", EADDRINUSE },
	{ "EBADF", EBADF },
	{ "EPROTO", EPROTO },
	{ "ENOPROTOOPT", ENOPROTOOPT },
	{ "EMSGSIZE", EMSGSIZE },
	{ "ECONNABORTED", ECONNABORTED },
	{ "ENETDOWN", ENETDOWN },
	{ "EACCES", EACCES },
	{ "EADDRNOTAVAIL", EADDRNOTAVAIL },
	{ "EDESTADDRREQ", EDESTADDRREQ },
	{ "EOPNOTSUPP", EOPNOTSUPP },
	{ "ENOSPC", ENOSPC },
	{ NULL, 0 },
};

static const struct name reasons[] = {
	{ "network", MINATO_REASON_NETWORK },	    { "host", MINATO_REASON_HOST },
	{ "protocol", MINATO_REASON_PROTOCOL },	    { "port", MINATO_REASON_PORT },
	{ "prohibited", MINATO_REASON_PROHIBITED }, { NULL, 0 },
};

static const struct name ready_names[] = {
	{ "readable", MINATO_READABLE }, { "writable", MINATO_WRITABLE },
	{ "urgent", MINATO_URGENT },	 { "error", MINATO_ERROR },
	{ "hangup", MINATO_HANGUP },	 { "peer-done", MINATO_PEER_DONE },
	{ "call", MINATO_CALL },	 { "connected", MINATO_CONNECTED },
	{ "drained", MINATO_DRAINED },	 { NULL, 0 },
};

static int lookup(struct world *w, const struct name *names, const char *text, const char *what)
{
	for (; names->text; names++)
		if (!strcmp(names->text, text))
			return names->value;
	fail(w, "unknown %s '%s'", what, text);
}

const char *error_name(int64_t e)
{
	static char number[32];

	for (const struct name *n = errors; n->text; n++)
		if (n->value == e)
			return n->text;
	snprintf(number, sizeof(number), "errno %lld", (long long)e);
	return number;
}

/* --- verbs ------------------------------------------------------------------ */

/* Undoes next_word, whose word it was. */
static char *again(char *word, const char *rest)
{
	size_t n = strlen(word);

	if (word + n < rest)
		word[n] = ' ';
	return word;
}

/* `... = RESULT`: number, or the name of an error. Without it >= 0. */
static void result(struct world *w, char *at, int64_t got, int64_t usual)
{
	char *eq = next_word(&at);
	int64_t want = usual;

	if (eq) {
		char *text = next_word(&at);
		if (strcmp(eq, "=") || !text)
			fail(w, "expected '= RESULT', not '%s'", eq);
		want = isdigit((unsigned char)*text) ? number(w, text, "result") :
						       -lookup(w, errors, text, "error");
	}
	if (got == want)
		return;
	if (got < 0)
		fail(w, "returned %s", error_name(-got));
	fail(w, "returned %lld", (long long)got);
}

static void verb_listen(struct world *w, char name, char *at)
{
	struct sock *s = find_sock(w, name, true);
	struct minato_endpoint local = { .addr = ours_addr(w) };
	char *v = next_word(&at);

	local.port = (uint16_t)number(w, v, "port");
	uint32_t backlog = 16;
	for (v = next_word(&at); v && *v != '='; v = next_word(&at)) {
		if (!strcmp(v, "backlog"))
			backlog = (uint32_t)number(w, next_word(&at), "backlog");
		else if (!strcmp(v, "at"))
			local.addr = address(w, next_word(&at));
		else
			fail(w, "unknown word '%s'", v);
	}
	if (!s->handle && minato_socket(w->m, MINATO_TCP, 0, &s->handle))
		fail(w, "minato_socket");
	int r = minato_bind(w->m, s->handle, &local);
	if (!r)
		r = minato_listen(w->m, s->handle, backlog);
	result(w, v ? again(v, at) : at, r, 0);
	w->ours = local.port;
}

static void verb_accept(struct world *w, char name, char *at)
{
	struct sock *l = find_sock(w, 'L', false), *s = find_sock(w, name, true);
	struct minato_endpoint peer;

	int r = minato_accept(w->m, l->handle, &s->handle, &peer);
	result(w, at, r, 0);
	s->sent = s->received = 0;
	struct minato_addr want = peer_addr(w);
	if (!r && !minato_addr_equal(&peer.addr, &want))
		fail(w, "accepted from another address");
	if (!r && peer.port != w->peers)
		fail(w, "accepted from port %u", peer.port);
}

static void verb_connect(struct world *w, char name, char *at)
{
	struct sock *s = find_sock(w, name, true);
	struct minato_endpoint peer = { peer_addr(w), w->peers };

	if (*at && *at != '=' && *at != ' ') {
		peer.addr = address(w, next_word(&at));
		peer.port = (uint16_t)number(w, next_word(&at), "port");
	}
	if (!s->handle && minato_socket(w->m, MINATO_TCP, 0, &s->handle))
		fail(w, "minato_socket");
	int64_t type = MINATO_TCP;
	minato_get(w->m, s->handle, MINATO_OPT_TYPE, &type);
	int r = minato_connect(w->m, s->handle, &peer);
	result(w, at, r, type == MINATO_UDP ? 0 : -EINPROGRESS);
	struct minato_endpoint local;
	if (r == -EINPROGRESS && !minato_local(w->m, s->handle, &local))
		w->ours = local.port;
}

static uint32_t send_flags(char **at)
{
	uint32_t flags = 0;

	for (char *word = next_word(at); word; word = next_word(at)) {
		if (!strcmp(word, "more")) {
			flags |= MINATO_MSG_MORE;
		} else if (!strcmp(word, "oob")) {
			flags |= MINATO_MSG_OOB;
		} else if (!strcmp(word, "peek")) {
			flags |= MINATO_MSG_PEEK;
		} else if (!strcmp(word, "trunc")) {
			flags |= MINATO_MSG_TRUNC;
		} else if (!strcmp(word, "inline")) {
			flags |= MINATO_MSG_INLINE;
		} else {
			*at = again(word, *at);
			break;
		}
	}
	return flags;
}

static void verb_send(struct world *w, char name, char *at)
{
	struct sock *s = find_sock(w, name, false);
	int64_t len = number(w, next_word(&at), "len");
	uint32_t flags = send_flags(&at);
	uint8_t *data = malloc((size_t)len + 1);

	if (!data)
		fail(w, "no memory");
	for (int64_t i = 0; i < len; i++)
		data[i] = pattern(s->sent + (uint32_t)i);
	int64_t r = minato_send(w->m, s->handle, data, (size_t)len, flags);
	free(data);
	if (r > 0)
		s->sent += (uint32_t)r;
	result(w, at, r, len);
}

static void verb_recv(struct world *w, char name, char *at)
{
	struct sock *s = find_sock(w, name, false);
	int64_t len = number(w, next_word(&at), "len");
	uint32_t flags = send_flags(&at);
	uint8_t *data = malloc((size_t)len + 1);

	if (!data)
		fail(w, "no memory");
	int64_t r = minato_recv(w->m, s->handle, data, (size_t)len, flags);
	bool differs = false, unseen = flags & (MINATO_MSG_OOB | MINATO_MSG_TRUNC);
	for (int64_t i = 0; i < r && !unseen; i++)
		differs |= data[i] != pattern(s->received + (uint32_t)i);
	free(data);
	if (differs)
		fail(w, "received bytes differ");
	if (r > 0 && !(flags & (MINATO_MSG_PEEK | MINATO_MSG_OOB)))
		s->received += (uint32_t)r;
	result(w, at, r, len);
}

static void verb_shutdown(struct world *w, char name, char *at)
{
	char *how = next_word(&at);
	uint32_t bits = how && !strcmp(how, "rd") ? MINATO_SHUT_RD :
			how && !strcmp(how, "wr") ? MINATO_SHUT_WR :
						    MINATO_SHUT_RD | MINATO_SHUT_WR;

	result(w, at, minato_shutdown(w->m, find_sock(w, name, false)->handle, bits), 0);
}

static void verb_set(struct world *w, char name, char *at)
{
	struct sock *s = find_sock(w, name, true);
	char *option = next_word(&at);
	int64_t value = number(w, next_word(&at), "value");

	if (!s->handle && minato_socket(w->m, MINATO_TCP, 0, &s->handle))
		fail(w, "minato_socket");
	int o = minato_option_by_name(option ? option : "");
	if (o < 0)
		fail(w, "unknown option '%s'", option ? option : "");
	result(w, at, minato_set(w->m, s->handle, (enum minato_option)o, value), 0);
}

static void verb_get(struct world *w, char name, char *at)
{
	char *option = next_word(&at);
	int64_t value = 0;
	int o = minato_option_by_name(option ? option : "");

	if (o < 0)
		fail(w, "unknown option '%s'", option ? option : "");
	int r = minato_get(w->m, find_sock(w, name, false)->handle, (enum minato_option)o, &value);
	result(w, at, r ? r : value, 0);
}

static void verb_state(struct world *w, char name, char *at)
{
	struct minato_info info;
	char *want = next_word(&at);

	int r = minato_info(w->m, find_sock(w, name, false)->handle, &info);
	if (r)
		fail(w, "minato_info: %s", error_name(-r));
	if (!want || strcmp(want, minato_state_name(info.state)))
		fail(w, "state is %s", minato_state_name(info.state));
}

static void compare_ready(struct world *w, int mask, char *at)
{
	for (char *word = next_word(&at); word; word = next_word(&at)) {
		int bit = lookup(w, ready_names, word + 1, "readiness");
		if (*word != '+' && *word != '-')
			fail(w, "readiness wants + or -");
		if (!(mask & bit) != (*word == '-'))
			fail(w, "%s: mask is 0x%x", word, (unsigned)mask);
	}
}

static void verb_ready(struct world *w, char name, char *at)
{
	int mask = minato_ready(w->m, find_sock(w, name, false)->handle, NULL);

	if (mask < 0)
		fail(w, "minato_ready: %s", error_name(-mask));
	compare_ready(w, mask, at);
}

struct field {
	const char *name;
	int64_t value;
};

static void compare_field(struct world *w, const struct field *fields, size_t count, char *at)
{
	char *name = next_word(&at), *op = next_word(&at);
	int64_t want = number(w, next_word(&at), "value");

	for (size_t i = 0; i < count; i++) {
		if (!name || strcmp(name, fields[i].name))
			continue;
		int64_t v = fields[i].value;
		bool ok = !op		    ? false :
			  !strcmp(op, "=")  ? v == want :
			  !strcmp(op, "!=") ? v != want :
			  !strcmp(op, "<")  ? v < want :
			  !strcmp(op, ">")  ? v > want :
			  !strcmp(op, "<=") ? v <= want :
			  !strcmp(op, ">=") ? v >= want :
					      false;
		if (!ok)
			fail(w, "%s is %lld", name, (long long)v);
		return;
	}
	fail(w, "unknown field '%s'", name ? name : "");
}

static void verb_info(struct world *w, char name, char *at)
{
	struct minato_info i;
	int r = minato_info(w->m, find_sock(w, name, false)->handle, &i);

	if (r)
		fail(w, "minato_info: %s", error_name(-r));
	const struct field fields[] = {
#define I(f) { #f, (int64_t)i.f }
		I(ca_state),
		I(retransmits),
		I(probes),
		I(backoff),
		I(snd_wscale),
		I(rcv_wscale),
		I(timestamps),
		I(sack),
		I(wscale),
		I(ecn),
		I(rto_us),
		I(ato_us),
		I(rtt_us),
		I(rttvar_us),
		I(min_rtt_us),
		I(snd_mss),
		I(rcv_mss),
		I(advmss),
		I(pmtu),
		I(unacked),
		I(sacked),
		I(lost),
		I(retrans),
		I(total_retrans),
		I(reordering),
		I(snd_cwnd),
		I(snd_ssthresh),
		I(snd_wnd),
		I(rcv_wnd),
		I(notsent_bytes),
		I(bytes_sent),
		I(bytes_acked),
		I(bytes_received),
		I(bytes_retrans),
		I(segs_out),
		I(segs_in),
		I(data_segs_out),
		I(data_segs_in),
		I(delivered),
		I(dsack_dups),
		I(rcv_ooopack),
		I(app_limited),
		I(reord_seen),
		I(rcv_rtt_us),
		I(rcv_space),
		I(delivered_ce),
		I(last_data_sent_ms),
		I(last_data_recv_ms),
		I(last_ack_recv_ms),
#undef I
	};
	compare_field(w, fields, sizeof(fields) / sizeof(fields[0]), at);
}

static void verb_counts(struct world *w, char name, char *at)
{
	struct minato_counts c;
	int r = minato_counts(w->m, find_sock(w, name, false)->handle, &c);

	if (r)
		fail(w, "minato_counts: %s", error_name(-r));
	const struct field fields[] = { { "readable", c.readable },
					{ "unsent", c.unsent },
					{ "unacked", c.unacked },
					{ "room", c.room } };
	compare_field(w, fields, 4, at);
}

static void verb_counter(struct world *w, char name, char *at)
{
	struct field fields[256];
	size_t n = 0;

	(void)name;
	for (; n < 256 && n < minato_counter_count(); n++)
		fields[n] = (struct field){ minato_counter_name((uint32_t)n),
					    (int64_t)minato_counter(w->m, (uint32_t)n) };
	compare_field(w, fields, n, at);
}

static void verb_error(struct world *w, char name, char *at)
{
	int e = minato_error(w->m, find_sock(w, name, false)->handle);

	result(w, at, e ? -e : 0, 0);
}

static void verb_close(struct world *w, char name, char *at)
{
	struct sock *s = find_sock(w, name, false);

	result(w, at, minato_close(w->m, s->handle), 0);
	s->handle = 0;
}

static void verb_abort(struct world *w, char name, char *at)
{
	struct sock *s = find_sock(w, name, false);

	result(w, at, minato_abort(w->m, s->handle), 0);
	s->handle = 0;
}

/* The next event must be a held call; its handle becomes this socket. */
static void verb_call(struct world *w, char name, char *at)
{
	struct minato_event e;

	(void)at;
	while (minato_event(w->m, &e)) {
		if (!(e.ready & MINATO_CALL))
			continue;
		find_sock(w, name, true)->handle = e.socket;
		return;
	}
	fail(w, "no call");
}

static void verb_answer(struct world *w, char name, char *at)
{
	result(w, at, minato_answer(w->m, find_sock(w, name, false)->handle), 0);
}

static void verb_refuse(struct world *w, char name, char *at)
{
	result(w, at, minato_refuse(w->m, find_sock(w, name, false)->handle), 0);
}

static void verb_ignore(struct world *w, char name, char *at)
{
	result(w, at, minato_ignore(w->m, find_sock(w, name, false)->handle), 0);
}

static void verb_reject(struct world *w, char name, char *at)
{
	char *word = next_word(&at);
	enum minato_reason reason =
		(enum minato_reason)lookup(w, reasons, word ? word : "", "reason");

	result(w, at, minato_reject(w->m, find_sock(w, name, false)->handle, reason), 0);
}

static void verb_bind(struct world *w, char name, char *at)
{
	struct sock *s = find_sock(w, name, true);
	char *text = next_word(&at);
	struct minato_endpoint local = { .addr = ours_addr(w) };

	if (text && strcmp(text, "ours"))
		local.addr = address(w, text);
	local.port = (uint16_t)number(w, next_word(&at), "port");
	if (!s->handle && minato_socket(w->m, MINATO_TCP, 0, &s->handle))
		fail(w, "minato_socket");
	result(w, at, minato_bind(w->m, s->handle, &local), 0);
	if (local.port)
		w->ours = local.port;
}

/* `udp PORT`: a bound datagram socket. */
static void verb_udp(struct world *w, char name, char *at)
{
	struct sock *s = find_sock(w, name, true);
	struct minato_endpoint local = { .addr = ours_addr(w) };

	local.port = (uint16_t)number(w, next_word(&at), "port");
	if (minato_socket(w->m, MINATO_UDP, 0, &s->handle))
		fail(w, "minato_socket");
	result(w, at, minato_bind(w->m, s->handle, &local), 0);
	w->ours = local.port;
}

/* `sendto LEN [ttl N] [tos N] [from ADDR] [to ADDR] [gso N]` */
static void verb_sendto(struct world *w, char name, char *at)
{
	static uint8_t data[MTU_MAX];
	struct minato_datagram d = { .remote = { peer_addr(w), w->peers } };
	int64_t len = number(w, next_word(&at), "len");
	char *word = next_word(&at);

	for (; word && *word != '='; word = next_word(&at)) {
		char *v = next_word(&at);
		if (!strcmp(word, "ttl"))
			d.ttl = (uint8_t)number(w, v, word);
		else if (!strcmp(word, "tos"))
			d.traffic_class = (uint8_t)number(w, v, word);
		else if (!strcmp(word, "gso"))
			d.gso_size = (uint16_t)number(w, v, word);
		else if (!strcmp(word, "from"))
			d.local.addr = address(w, v);
		else if (!strcmp(word, "to"))
			d.remote.addr = address(w, v);
		else
			fail(w, "unknown word '%s'", word);
	}
	if (len < 0 || len > MTU_MAX)
		fail(w, "len");
	for (int64_t i = 0; i < len; i++)
		data[i] = pattern((uint32_t)(d.gso_size ? i % d.gso_size : i));
	int64_t r = minato_send_datagram(w->m, find_sock(w, name, false)->handle, &d, data,
					 (size_t)len);
	result(w, word ? again(word, at) : at, r, len);
}

/* `recvfrom LEN [ttl N] [tos N] [at ADDR] [port N]`: checks those. */
static void verb_recvfrom(struct world *w, char name, char *at)
{
	static uint8_t data[MTU_MAX];
	struct minato_datagram d = { .len = 0 };
	struct minato_addr local = ours_addr(w), remote = peer_addr(w);
	int64_t len = number(w, next_word(&at), "len");
	int64_t r = minato_recv_datagram(w->m, find_sock(w, name, false)->handle, &d, data,
					 sizeof(data), 0);
	char *word = next_word(&at);
	int64_t ttl = -1, tos = -1, port = w->peers;

	for (; word && *word != '='; word = next_word(&at)) {
		char *v = next_word(&at);
		if (!strcmp(word, "ttl"))
			ttl = number(w, v, word);
		else if (!strcmp(word, "tos"))
			tos = number(w, v, word);
		else if (!strcmp(word, "port"))
			port = number(w, v, word);
		else if (!strcmp(word, "at"))
			local = address(w, v);
		else
			fail(w, "unknown word '%s'", word);
	}
	result(w, word ? again(word, at) : at, r, len);
	if (r < 0)
		return;
	if (!minato_addr_equal(&d.local.addr, &local) || d.local.port != w->ours)
		fail(w, "its destination is another (port %u)", d.local.port);
	if (!minato_addr_equal(&d.remote.addr, &remote) || d.remote.port != port)
		fail(w, "its sender is another (port %u)", d.remote.port);
	if ((ttl >= 0 && ttl != d.ttl) || (tos >= 0 && tos != d.traffic_class))
		fail(w, "ttl %u, traffic class %u", d.ttl, d.traffic_class);
	for (int64_t i = 0; i < r; i++)
		if (data[i] != pattern((uint32_t)i))
			fail(w, "received bytes differ");
}

/* `local ADDR` and `peer ADDR`: of the socket. */
static void verb_local(struct world *w, char name, char *at)
{
	struct minato_addr want = address(w, next_word(&at));
	struct minato_endpoint got;

	int r = minato_local(w->m, find_sock(w, name, false)->handle, &got);
	if (r || !minato_addr_equal(&got.addr, &want))
		fail(w, "the local address is another");
}

/* One more address of ours. */
static void verb_address(struct world *w, char name, char *at)
{
	struct minato_addr a = address(w, next_word(&at));

	(void)name;
	result(w, at, minato_address_add(w->m, 0, &a, w->is6 ? 64 : 24), 0);
}

/* The next event of this socket, with that readiness. */
static void verb_event(struct world *w, char name, char *at)
{
	struct minato_event e;
	uint64_t handle = find_sock(w, name, false)->handle;

	while (minato_event(w->m, &e))
		if (e.socket == handle) {
			compare_ready(w, (int)e.ready, at);
			return;
		}
	fail(w, "no event");
}

static void verb_no_event(struct world *w, char name, char *at)
{
	struct minato_event e;
	uint64_t handle = find_sock(w, name, false)->handle;

	(void)at;
	while (minato_event(w->m, &e))
		if (e.socket == handle)
			fail(w, "an event, mask 0x%x", e.ready);
}

/* What a listing says of this flow: `row STATE`, or `row none`. */
static void verb_row(struct world *w, char name, char *at)
{
	struct minato_row row;
	uint64_t cursor = 0;
	char *want = next_word(&at);

	(void)name;
	while (minato_row(w->m, &cursor, &row)) {
		if (row.proto != MINATO_TCP || row.local.port != w->ours ||
		    row.remote.port != w->peers)
			continue;
		if (!want || strcmp(want, minato_state_name(row.state)))
			fail(w, "its row says %s", minato_state_name(row.state));
		return;
	}
	if (!want || strcmp(want, "none"))
		fail(w, "no such row");
}

/* `isn OP N`: how far our latest initial number is above the one before. */
static void verb_isn(struct world *w, char name, char *at)
{
	char line[64];
	struct field above = { "isn", (int64_t)(uint32_t)(w->isn_last - w->isn_before) };

	(void)name;
	snprintf(line, sizeof(line), "isn %s", at);
	compare_field(w, &above, 1, line);
}

/* `drain OP N`: throws away what came out until now; how many that were. */
static void verb_drain(struct world *w, char name, char *at)
{
	char line[64];
	struct field count = { "drain", 0 };

	(void)name;
	for (; w->out_head != w->out_tail; w->out_head++, count.value++) {
		struct sent *s = &w->out[w->out_head % OUT_MAX];
		struct pkt p;
		if (!pkt_parse(s->data, s->len, &p))
			learn(w, &p);
		free(s->data);
	}
	snprintf(line, sizeof(line), "drain %s", at);
	compare_field(w, &count, 1, line);
}

/* Likewise our first timestamp of a connection. */
static void verb_ts_offset(struct world *w, char name, char *at)
{
	char line[64];
	struct field above = { "ts-offset", (int64_t)(uint32_t)(w->ts_last - w->ts_before) };

	(void)name;
	snprintf(line, sizeof(line), "ts-offset %s", at);
	compare_field(w, &above, 1, line);
}

/* The host value anew, with another seed. */
static void verb_reboot(struct world *w, char name, char *at)
{
	(void)name;
	w->config.seed[1] = (uint64_t)number(w, next_word(&at), "seed");
	start(w);
	for (uint32_t i = 0; i < w->flows; i++)
		w->flow[i].iss_known = w->flow[i].ts_known = false;
}

static void verb_flow(struct world *w, char name, char *at)
{
	(void)name;
	w->ours = (uint16_t)number(w, next_word(&at), "our port");
	w->peers = (uint16_t)number(w, next_word(&at), "the peer's port");
	char *word = next_word(&at);
	if (word && !strcmp(word, "isn"))
		w->irs = (uint32_t)number(w, next_word(&at), "isn");
	if (word && !strcmp(word, "new")) { /* the next life of the same tuple */
		struct flow *f = find_flow(w, w->ours, w->peers);
		f->iss_known = f->ts_known = false;
		char *isn = next_word(&at);
		if (isn)
			f->irs = (uint32_t)number(w, isn, "isn");
	}
}

static void verb_tolerance(struct world *w, char name, char *at)
{
	(void)name;
	w->tolerance_us = (uint32_t)number(w, next_word(&at), "microseconds");
}

struct verb {
	const char *name;
	void (*run)(struct world *w, char name, char *at);
	char usual; /* the socket it acts on when none is named */
};

static const struct verb verbs[] = {
	{ "listen", verb_listen, 'L' },
	{ "accept", verb_accept, 'C' },
	{ "connect", verb_connect, 'C' },
	{ "send", verb_send, 'C' },
	{ "recv", verb_recv, 'C' },
	{ "shutdown", verb_shutdown, 'C' },
	{ "close", verb_close, 'C' },
	{ "abort", verb_abort, 'C' },
	{ "set", verb_set, 'C' },
	{ "get", verb_get, 'C' },
	{ "state", verb_state, 'C' },
	{ "ready", verb_ready, 'C' },
	{ "info", verb_info, 'C' },
	{ "counts", verb_counts, 'C' },
	{ "counter", verb_counter, 'C' },
	{ "error", verb_error, 'C' },
	{ "call", verb_call, 'C' },
	{ "answer", verb_answer, 'C' },
	{ "refuse", verb_refuse, 'C' },
	{ "ignore", verb_ignore, 'C' },
	{ "reject", verb_reject, 'C' },
	{ "flow", verb_flow, 'C' },
	{ "tolerance", verb_tolerance, 'C' },
	{ "bind", verb_bind, 'C' },
	{ "udp", verb_udp, 'C' },
	{ "sendto", verb_sendto, 'C' },
	{ "recvfrom", verb_recvfrom, 'C' },
	{ "local", verb_local, 'C' },
	{ "address", verb_address, 'C' },
	{ "event", verb_event, 'C' },
	{ "no-event", verb_no_event, 'C' },
	{ "row", verb_row, 'C' },
	{ "isn", verb_isn, 'C' },
	{ "drain", verb_drain, 'C' },
	{ "ts-offset", verb_ts_offset, 'C' },
	{ "reboot", verb_reboot, 'C' },
};

void act(struct world *w, char *word, char *at)
{
	char name = 0;

	if (isupper((unsigned char)word[0]) && word[1] == '.') {
		name = word[0];
		word += 2;
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (!strcmp(word, verbs[i].name)) {
			verbs[i].run(w, name ? name : verbs[i].usual, at);
			collect(w);
			return;
		}
	}
	fail(w, "unknown verb '%s'", word);
}
