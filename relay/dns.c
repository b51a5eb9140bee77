/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's resolver: questions over UDP go on to the host's nameservers, answers come back. */
#include "relay/permit.h"
#include "relay/relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define DNS_PORT 53u
#define QUESTIONS_MAX 512u /* unanswered at once; the oldest gives way */
#define QUESTION_MAX 4096u /* bytes of one */
#define ANSWER_MAX 65535u
#define SHARE 128u	      /* questions taken per turn */
#define TIMEOUT_NS 5000000000 /* then the next nameserver */
#define BACKLOG 1024u
#define NONE UINT16_MAX
#define PREFIX 2u /* of a message in a stream: its length (RFC 1035 4.2.2) */

/* Whom an answer is for. */
struct asker {
	struct minato_datagram from;
	uint64_t stream; /* word of the lane whose stream it came by; 0: a datagram */
};

/*
 * Each question has a host socket of its own, connected to one nameserver: the kernel chooses its
 * port at random and lets in only what comes from that server; the id is random too, and the
 * question must come back with the answer (RFC 5452 9.1). One that came by a stream goes on by one,
 * since its answer may be long.
 */
struct question {
	struct dns *dns;
	int fd; /* -1: free */
	int64_t watch;
	bool ready;	/* something has come to its socket */
	uint8_t server; /* how many nameservers were tried */
	uint16_t id;	/* ours, of this try */
	uint16_t guest_id;
	uint16_t older, newer; /* by the time of the last try; free ones by newer */
	uint16_t next_ready;
	int64_t asked_ns;
	struct asker asker;
	bool sent;   /* stream: the question is out */
	uint8_t *in; /* stream: what has come of the answer, its length before it; or NULL */
	size_t in_len;
	size_t len; /* of what the guest sent: see data_of */
};

#define WAITING_MAX 16u

/* An answer that waits until it is known who is to be told of with it. */
struct waiting {
	bool used;
	struct asker asker;
	struct dnsask ask;
	uint8_t answer[DNSASK_MAX];
	size_t len;
};

/* An address of the resolver's. */
struct dns_ear {
	struct minato_addr addr;
	uint64_t udp, tcp; /* in the host value */
};

struct dns {
	struct relay *relay;
	struct waiting waiting[WAITING_MAX];
	struct dns_ear *ears; /* of each inside, of each of its families */
	size_t ear_count;
	bool more; /* a turn ended before the sockets were empty */
	uint16_t free, oldest, newest, first_ready;
	struct question questions[QUESTIONS_MAX];
	uint8_t answer[ANSWER_MAX];
	/* Last, so that a page is touched when a question first needs it. */
	uint8_t data[QUESTIONS_MAX][QUESTION_MAX];
};

/* ---- the sockets on the DNS address ---- */

static int open_one(struct relay *relay, uint8_t scope, enum minato_proto proto,
		    const struct minato_addr *addr, uint64_t *out)
{
	struct minato_endpoint local = { .addr = *addr, .port = DNS_PORT };
	int result = minato_socket(relay->host, proto, scope, out);

	if (result < 0)
		return result;
	minato_set_user(relay->host, *out, relay_word(WORD_DNS, 0));
	/* A TCP question waits until a nameserver has taken the connection, as any call. */
	if (proto == MINATO_TCP)
		result = minato_set(relay->host, *out, MINATO_OPT_HOLD, 1);
	if (result == 0)
		result = minato_bind(relay->host, *out, &local);
	if (result == 0 && proto == MINATO_TCP)
		result = minato_listen(relay->host, *out, BACKLOG);
	return result;
}

static int open_ear(struct dns *dns, size_t inside, const struct minato_addr *addr)
{
	const uint8_t scope = inside_scope(&dns->relay->config, inside);
	struct dns_ear *ear = &dns->ears[dns->ear_count];
	int result;

	if (minato_addr_is_any(addr))
		return 0;
	dns->ear_count++;
	ear->addr = *addr;
	result = open_one(dns->relay, scope, MINATO_UDP, addr, &ear->udp);
	return result < 0 ? result : open_one(dns->relay, scope, MINATO_TCP, addr, &ear->tcp);
}

static int open_all(struct dns *dns)
{
	const struct relay_config *config = &dns->relay->config;
	int result = 0;

	dns->ears = calloc(2 * inside_count(config), sizeof(dns->ears[0]));
	if (!dns->ears)
		return -ENOMEM;
	for (size_t i = 0; i < inside_count(config) && result == 0; i++) {
		const struct drive_subnet *s = inside_subnet(config, i);

		if (s->has4)
			result = open_ear(dns, i, &s->dns4);
		if (s->has6 && result == 0)
			result = open_ear(dns, i, &s->dns6);
	}
	return result;
}

int dns_new(struct relay *relay, struct dns **out)
{
	struct dns *dns = calloc(1, sizeof(*dns));
	int result;

	if (!dns)
		return -ENOMEM;
	dns->relay = relay;
	dns->oldest = NONE;
	dns->newest = NONE;
	dns->first_ready = NONE;
	for (uint16_t i = 0; i < QUESTIONS_MAX; i++) {
		dns->questions[i].dns = dns;
		dns->questions[i].fd = -1;
		dns->questions[i].newer = (uint16_t)(i + 1u < QUESTIONS_MAX ? i + 1u : NONE);
	}
	result = open_all(dns);
	if (result < 0) {
		dns_free(dns);
		return result;
	}
	*out = dns;
	return 0;
}

/* ---- the list by age ---- */

static uint16_t index_of(const struct question *q)
{
	return (uint16_t)(q - q->dns->questions);
}

static uint8_t *data_of(const struct question *q)
{
	return q->dns->data[index_of(q)];
}

static void unlist(struct question *q)
{
	struct dns *dns = q->dns;

	if (q->older != NONE)
		dns->questions[q->older].newer = q->newer;
	else
		dns->oldest = q->newer;
	if (q->newer != NONE)
		dns->questions[q->newer].older = q->older;
	else
		dns->newest = q->older;
}

static void append(struct question *q)
{
	struct dns *dns = q->dns;

	q->older = dns->newest;
	q->newer = NONE;
	if (dns->newest != NONE)
		dns->questions[dns->newest].newer = index_of(q);
	else
		dns->oldest = index_of(q);
	dns->newest = index_of(q);
}

/* syscalls: close */
static void hang_up(struct question *q)
{
	if (q->watch)
		drive_loop_remove(q->dns->relay->config.loop, q->watch);
	if (q->fd >= 0)
		close(q->fd);
	free(q->in);
	q->in = NULL;
	q->in_len = 0;
	q->sent = false;
	q->watch = 0;
	q->fd = -1;
}

static void forget(struct question *q)
{
	hang_up(q);
	unlist(q);
	q->len = 0;
	q->newer = q->dns->free;
	q->dns->free = index_of(q);
}

void dns_free(struct dns *dns)
{
	if (!dns)
		return;
	while (dns->oldest != NONE)
		forget(&dns->questions[dns->oldest]);
	for (size_t i = 0; i < dns->ear_count; i++) {
		minato_close(dns->relay->host, dns->ears[i].udp);
		minato_close(dns->relay->host, dns->ears[i].tcp);
	}
	free(dns->ears);
	free(dns);
}

/* ---- answers to the guest ---- */

/* From the address it asked, in a datagram as large as the link takes: RFC 9715 3.1, never in
   fragments. */
static void reply(struct dns *dns, const struct minato_datagram *from, uint8_t *data, size_t len)
{
	uint64_t socket = 0;
	struct minato_datagram to = {
		.remote = from->remote,
		.local = from->local,
		.dont_fragment = true,
	};
	struct dnsmsg m;

	for (size_t i = 0; i < dns->ear_count; i++) {
		if (minato_addr_equal(&dns->ears[i].addr, &from->local.addr))
			socket = dns->ears[i].udp;
	}
	if (minato_send_datagram(dns->relay->host, socket, &to, data, len) != -EMSGSIZE)
		return;
	if (dnsmsg_parse(data, len, &m))
		minato_send_datagram(dns->relay->host, socket, &to, data,
				     dnsmsg_truncate(data, &m));
}

/* An answer goes the way that its question came. */
static void hand_on(struct dns *dns, const struct asker *asker, uint8_t *data, size_t len)
{
	if (asker->stream)
		dnsstream_reply(dns->relay, asker->stream, data, len);
	else
		reply(dns, &asker->from, data, len);
}

static void excuse(struct dns *dns, const struct asker *asker, const uint8_t *query, size_t len,
		   enum dnsmsg_rcode rcode)
{
	uint8_t out[QUESTION_MAX];
	struct dnsmsg m;

	if (len > sizeof(out) || !dnsmsg_parse(query, len, &m))
		return;
	relay_count(dns->relay,
		    rcode == DNSMSG_SERVFAIL ? RELAY_COUNT_DNS_FAILED : RELAY_COUNT_DNS_MALFORMED);
	hand_on(dns, asker, out, dnsmsg_excuse(query, &m, rcode, out));
}

static void give_up(struct question *q)
{
	excuse(q->dns, &q->asker, data_of(q), q->len, DNSMSG_SERVFAIL);
	forget(q);
}

/* ---- asking ---- */

static void ready(void *user, uint32_t events)
{
	struct question *q = user;

	(void)events;
	if (q->ready)
		return;
	q->ready = true;
	q->next_ready = q->dns->first_ready;
	q->dns->first_ready = index_of(q);
}

/* syscalls: socket */
static int open_host_socket(struct relay *relay, int family, bool stream)
{
	int type = (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int fd;

	do {
		fd = socket(family, type, 0);
	} while (fd < 0 && (errno == EMFILE || errno == ENFILE) &&
		 (turned_yield(relay) || endpoint_evict(relay)));
	return fd < 0 ? -errno : fd;
}

/* Which end of the guest asks. */
static void set_asker(struct dnsask *ask, const struct relay *relay, const struct asker *asker)
{
	const struct lane *stream = asker->stream ? lane_of(relay, asker->stream) : NULL;

	ask->proto = asker->stream ? MINATO_TCP : MINATO_UDP;
	ask->guest = asker->from.remote;
	if (stream)
		ask->guest = stream->guest;
}

/* The question as it goes on, behind PREFIX bytes with its length. Returns the length. */
static size_t words_of(const struct question *q, uint8_t *out)
{
	const uint8_t *data = data_of(q);
	struct dnsask ask;
	struct dnsmsg m;
	size_t len = q->len;

	if (permit_is_closed(q->dns->relay) && dnsmsg_parse(data, q->len, &m) &&
	    dnsask_read(data, q->len, &m, &ask))
		len = dnsask_write(&ask, data, out + PREFIX);
	else
		memcpy(out + PREFIX, data, len);
	dnsmsg_set_id(out + PREFIX, q->id);
	out[0] = (uint8_t)(len >> 8);
	out[1] = (uint8_t)len;
	return len;
}

/* syscalls: sendto */
static int send_question(struct question *q)
{
	uint8_t out[PREFIX + QUESTION_MAX];
	size_t len = words_of(q, out);
	size_t skip = q->asker.stream ? 0 : PREFIX;
	ssize_t sent = send(q->fd, out + skip, PREFIX + len - skip, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0)
		return -errno;
	/* A new connection has room for more than a question. */
	q->sent = (size_t)sent == PREFIX + len - skip;
	return q->sent ? 0 : -EMSGSIZE;
}

/* Sends the question to this server under a new id. */
/* syscalls: connect */
static int ask_server(struct question *q, const struct nameserver *server)
{
	struct relay *relay = q->dns->relay;
	bool stream = q->asker.stream;
	struct sockaddr_storage to = { 0 };
	socklen_t len = drive_endpoint_to(&to, &server->end);
	int64_t watch;

	if (to.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&to)->sin6_scope_id = server->scope_id;
	q->fd = open_host_socket(relay, to.ss_family, stream);
	if (q->fd < 0)
		return q->fd;
	if (connect(q->fd, (struct sockaddr *)&to, len) < 0 && (!stream || errno != EINPROGRESS))
		return -errno;
	watch = drive_loop_add(relay->config.loop, q->fd, stream ? EPOLLIN | EPOLLOUT : EPOLLIN,
			       ready, q);
	if (watch < 0)
		return (int)watch;
	q->watch = watch;
	if (drive_seed(&q->id, sizeof(q->id)) < 0)
		return -ENOSYS;
	return stream ? 0 : send_question(q);
}

/* The next nameserver that can be sent to. When none is left the guest is told. */
static void ask_next(struct question *q)
{
	const struct nameservers *n = &q->dns->relay->nameservers;

	while (q->server < n->count) {
		hang_up(q);
		if (ask_server(q, &n->list[q->server++]) < 0)
			continue;
		q->asked_ns = q->dns->relay->now.ns;
		unlist(q);
		append(q);
		return;
	}
	give_up(q);
}

/* A question that is repeated while it is under way is not asked twice. */
static bool is_repeated(struct dns *dns, const struct asker *asker, const uint8_t *data,
			const struct dnsmsg *m)
{
	const struct minato_endpoint *from = &asker->from.remote;

	if (asker->stream)
		return false;

	for (uint16_t i = dns->newest; i != NONE; i = dns->questions[i].older) {
		struct question *q = &dns->questions[i];
		struct dnsmsg other;

		if (q->guest_id == m->id && !q->asker.stream &&
		    q->asker.from.remote.port == from->port &&
		    minato_addr_equal(&q->asker.from.remote.addr, &from->addr) &&
		    dnsmsg_parse(data_of(q), q->len, &other) &&
		    dnsmsg_same_question(data, data_of(q), m, &other))
			return true;
	}
	return false;
}

static struct question *take(struct dns *dns)
{
	struct question *q;

	if (dns->free == NONE) {
		relay_count(dns->relay, RELAY_COUNT_DNS_EVICTED);
		q = &dns->questions[dns->oldest];
		if (q->asker.stream)
			dnsstream_reply(dns->relay, q->asker.stream, NULL, 0);
		forget(q);
	}
	q = &dns->questions[dns->free];
	dns->free = q->newer;
	q->asked_ns = dns->relay->now.ns;
	append(q);
	return q;
}

/* Nobody's name is told without whose question it was, where that can be known. */
static bool wait_for_program(struct dns *dns, const struct asker *asker, const struct dnsask *ask,
			     const uint8_t *answer, size_t len)
{
	const struct relay_config *config = &dns->relay->config;
	struct waiting *w = dns->waiting;

	if (!config->identify || asker->stream)
		return false;
	while (w < dns->waiting + WAITING_MAX && w->used)
		w++;
	if (w == dns->waiting + WAITING_MAX)
		return false;
	*w = (struct waiting){ .used = true, .asker = *asker, .ask = *ask, .len = len };
	memcpy(w->answer, answer, len);
	if (config->identify(config->identify_user,
			     relay_word(WORD_DNS, 1 + (uint64_t)(w - dns->waiting)), ask->proto,
			     &ask->guest, &asker->from.local))
		return true;
	w->used = false;
	return false;
}

bool dns_identified(struct dns *dns, uint64_t word, const struct relay_program *program)
{
	for (uint32_t i = 0; i < WAITING_MAX; i++) {
		struct waiting *w = &dns->waiting[i];

		if (!w->used || word != relay_word(WORD_DNS, 1 + i))
			continue;
		w->used = false;
		permit_denied(dns->relay, &w->ask, program);
		hand_on(dns, &w->asker, w->answer, w->len);
		return true;
	}
	return false;
}

/* Whether it is to be asked; where not, it is answered. */
static bool weigh(struct dns *dns, const struct asker *asker, const uint8_t *data, size_t len,
		  const struct dnsmsg *m)
{
	uint8_t out[DNSASK_MAX];
	struct dnsask ask;
	size_t out_len = 0;

	if (!permit_is_closed(dns->relay))
		return true;
	if (!dnsask_read(data, len, m, &ask)) {
		excuse(dns, asker, data, len, DNSMSG_FORMERR);
		return false;
	}
	set_asker(&ask, dns->relay, asker);
	switch (permit_question(dns->relay, &ask, data, m, out, &out_len)) {
	case PERMIT_ASK:
		return true;
	case PERMIT_DENY:
		if (wait_for_program(dns, asker, &ask, out, out_len))
			return false;
		permit_denied(dns->relay, &ask, NULL);
		break;
	case PERMIT_ANSWER:
		break;
	}
	hand_on(dns, asker, out, out_len);
	return false;
}

static void ask_in(struct dns *dns, const struct asker *asker, const uint8_t *data, size_t len)
{
	struct question *q;
	struct dnsmsg m;

	relay_count(dns->relay, RELAY_COUNT_DNS_QUERIES);
	if (!dnsmsg_parse(data, len, &m) || m.response || len >= QUESTION_MAX) {
		relay_count(dns->relay, RELAY_COUNT_DNS_MALFORMED);
		if (asker->stream)
			dnsstream_reply(dns->relay, asker->stream, NULL, 0);
		return;
	}
	if (m.questions != 1 || m.question_end == 0) {
		excuse(dns, asker, data, len, DNSMSG_FORMERR);
		return;
	}
	if (!weigh(dns, asker, data, len, &m))
		return;
	relay_look(dns->relay);
	if (dns->relay->nameservers.count == 0) {
		excuse(dns, asker, data, len, DNSMSG_SERVFAIL);
		return;
	}
	if (is_repeated(dns, asker, data, &m))
		return;
	q = take(dns);
	q->server = 0;
	q->guest_id = m.id;
	q->asker = *asker;
	q->len = len;
	memcpy(data_of(q), data, len);
	ask_next(q);
}

void dns_ask(struct dns *dns, const struct minato_datagram *from, const uint8_t *data, size_t len)
{
	const struct asker asker = { .from = *from };

	ask_in(dns, &asker, data, len);
}

void dns_ask_for(struct dns *dns, struct lane *stream, const uint8_t *data, size_t len)
{
	const struct asker asker = { .stream = lane_word(stream) };

	ask_in(dns, &asker, data, len);
}

void dns_work(struct dns *dns, uint64_t socket)
{
	uint8_t data[QUESTION_MAX];
	struct minato_datagram from;

	for (uint32_t i = 0; i < SHARE; i++) {
		int64_t got = minato_recv_datagram(dns->relay->host, socket, &from, data,
						   sizeof(data), 0);

		if (got == -EAGAIN)
			return;
		if (got >= 0)
			dns_ask(dns, &from, data, (size_t)got);
	}
	dns->more = true;
}

/* ---- answers ---- */

/* Whether this is the answer to the question. */
static bool is_answer(const struct question *q, const uint8_t *data, const struct dnsmsg *m)
{
	struct dnsmsg asked;

	if (!m->response || m->id != q->id || !dnsmsg_parse(data_of(q), q->len, &asked))
		return false;
	/* A server that could not read the question returns none. */
	if (m->questions == 0)
		return m->rcode != 0;
	return dnsmsg_same_question(data, data_of(q), m, &asked);
}

/* As much of it as goes on to the guest. */
static void give(struct question *q, const uint8_t *data, size_t len, const struct dnsmsg *m)
{
	uint8_t out[DNSANSWER_MAX];
	const uint8_t *query = data_of(q);
	bool stream = q->asker.stream;
	struct dnsmsg asked;
	struct dnsask ask;
	size_t used = 0;

	if (!dnsmsg_parse(query, q->len, &asked) || !dnsask_read(query, q->len, &asked, &ask))
		return;
	set_asker(&ask, q->dns->relay, &q->asker);
	if (!m->truncated || stream)
		used = permit_answer(q->dns->relay, &ask, query, &asked, data, len, out);
	if (used == 0 || (!stream && used > ask.answer_max)) {
		used = dnsask_refuse(&ask, query, &asked, 0, DNSMSG_WHY_NONE, out);
		if (dnsmsg_parse(out, used, &asked))
			used = dnsmsg_truncate(out, &asked);
	}
	hand_on(q->dns, &q->asker, out, used);
}

/* Something came from its nameserver. False: nothing more to be done with this question now. */
static bool take_answer(struct question *q, uint8_t *data, size_t len)
{
	struct dns *dns = q->dns;
	bool another = q->server < dns->relay->nameservers.count;
	struct dnsmsg m;

	if (!dnsmsg_parse(data, len, &m) || !is_answer(q, data, &m)) {
		relay_count(dns->relay, RELAY_COUNT_DNS_STRANGE);
		return true;
	}
	if (another &&
	    (m.rcode == DNSMSG_SERVFAIL || m.rcode == DNSMSG_NOTIMP || m.rcode == DNSMSG_REFUSED)) {
		ask_next(q);
		return false;
	}
	relay_count(dns->relay, RELAY_COUNT_DNS_ANSWERS);
	if (permit_is_closed(dns->relay)) {
		give(q, data, len, &m);
	} else {
		dnsmsg_set_id(data, q->guest_id);
		hand_on(dns, &q->asker, data, len);
	}
	forget(q);
	return false;
}

/* Reads one datagram. False: nothing more to be done with this question now. */
/* syscalls: recvfrom */
static bool read_answer(struct question *q)
{
	struct dns *dns = q->dns;
	ssize_t got = recv(q->fd, dns->answer, sizeof(dns->answer), MSG_DONTWAIT);

	if (got >= 0)
		return take_answer(q, dns->answer, (size_t)got);
	if (errno == EINTR)
		return true;
	if (errno != EAGAIN) /* nothing listens there, or no way leads there */
		ask_next(q);
	return false;
}

/* The same of a stream: the question goes out, its answer comes in pieces. */
/* syscalls: recvfrom */
static bool read_stream(struct question *q)
{
	size_t wanted;
	ssize_t got;

	if (!q->sent) {
		int result = send_question(q);

		if (result == 0)
			(void)drive_loop_modify(q->dns->relay->config.loop, q->watch, EPOLLIN);
		else if (result != -EAGAIN)
			ask_next(q);
		return false;
	}
	if (!q->in)
		q->in = malloc(PREFIX + ANSWER_MAX);
	if (!q->in) {
		give_up(q);
		return false;
	}
	wanted = q->in_len < PREFIX ? PREFIX : PREFIX + ((size_t)q->in[0] << 8 | q->in[1]);
	got = recv(q->fd, q->in + q->in_len, wanted - q->in_len, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return errno == EINTR;
	if (got <= 0) {
		ask_next(q);
		return false;
	}
	q->in_len += (size_t)got;
	if (q->in_len < PREFIX || q->in_len < PREFIX + ((size_t)q->in[0] << 8 | q->in[1]))
		return true;
	if (take_answer(q, q->in + PREFIX, q->in_len - PREFIX))
		ask_next(q); /* an answer to something else: no server of ours */
	return false;
}

struct minato_time dns_turn(struct dns *dns)
{
	int64_t now = dns->relay->now.ns;
	bool more = dns->more;

	dns->more = false;
	for (size_t i = 0; i < dns->ear_count && more; i++)
		dns_work(dns, dns->ears[i].udp);
	while (dns->first_ready != NONE) {
		struct question *q = &dns->questions[dns->first_ready];

		dns->first_ready = q->next_ready;
		q->ready = false;
		while (q->fd >= 0 && (q->asker.stream ? read_stream(q) : read_answer(q)))
			;
	}
	while (dns->oldest != NONE && dns->questions[dns->oldest].asked_ns + TIMEOUT_NS <= now)
		ask_next(&dns->questions[dns->oldest]);
	if (dns->more)
		return dns->relay->now;
	if (dns->oldest == NONE)
		return MINATO_NEVER;
	return (struct minato_time){ dns->questions[dns->oldest].asked_ns + TIMEOUT_NS };
}
