/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest calls out: its held connection waits until the far side has answered a host socket. */
#include "relay/permit.h"
#include "relay/relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define FEW_HOPS 48
#define ECN 3

/* syscalls: setsockopt */
void dial_options(int fd)
{
	const int on = 1;
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	/* If this process dies, the far side must not take a cut transfer for a whole one. */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	/* The sender's own stack has decided already when to send. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	/* A far side that is gone for good does not keep a lane for ever. */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static void fail(struct lane *f, int errnum);

/*
 * IPv6 keeps a router's word about a SYN only for those who want it, IPv4 always. Once connected it
 * is not wanted: it would make an end of what may be a moment's trouble.
 */
static void want_faults(const struct lane *f, int wanted)
{
	if (!f->server && !minato_addr_is4(&f->dial.addr))
		setsockopt(f->fd, IPPROTO_IPV6, IPV6_RECVERR, &wanted, sizeof(wanted));
}

static void connected(struct lane *f)
{
	want_faults(f, false);
	if (!f->server)
		surge_answered(f->relay, &f->far.addr);
	if (minato_answer(f->relay->host, f->socket) < 0) {
		/* The guest has given up meanwhile. */
		minato_close(f->relay->host, f->socket);
		lane_free(f);
		return;
	}
	pipe_open(f);
}

/* syscalls: socket */
static int new_socket(struct relay *relay, int family)
{
	int fd;

	do {
		fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	} while (fd < 0 && (errno == EMFILE || errno == ENFILE) &&
		 (turned_yield(relay) || endpoint_evict(relay) || rank_yield(relay, NULL)));
	if (fd < 0 && (errno == EMFILE || errno == ENFILE))
		relay_count(relay, RELAY_COUNT_NO_DESCRIPTOR);
	return fd < 0 ? -errno : fd;
}

/*
 * 0, or an errno; EINPROGRESS while it is not known. A near peer's answer is there when connect
 * returns, but it was taken in only at its end: asking again tells.
 */
/* syscalls: connect */
static int connect_now(int fd, const struct sockaddr_storage *to, socklen_t len)
{
	for (int i = 0; i < 2; i++) {
		if (connect(fd, (const struct sockaddr *)to, len) == 0)
			return 0;
		if (errno != EINPROGRESS)
			break;
	}
	return errno == EALREADY ? EINPROGRESS : errno;
}

/*
 * What the header of the guest's SYN says: its class, and few hops if it has few, as those of a
 * traceroute. A usual number of hops is left to the host. TCP's ECN bits belong to each connection
 * alone (RFC 3168 6.1).
 */
static void take_header(const struct lane *f, int fd)
{
	bool four = minato_addr_is4(&f->dial.addr);
	int level = four ? IPPROTO_IP : IPPROTO_IPV6;
	struct minato_datagram syn;
	int hops;
	int class;

	if (f->server || minato_call_packet(f->relay->host, f->socket, &syn) < 0)
		return;
	hops = gram_ttl(syn.ttl);
	class = syn.traffic_class & ~ECN;
	if (hops < FEW_HOPS)
		setsockopt(fd, level, four ? IP_TTL : IPV6_UNICAST_HOPS, &hops, sizeof(hops));
	if (class)
		setsockopt(fd, level, four ? IP_TOS : IPV6_TCLASS, &class, sizeof(class));
}

void dial_class(struct lane *f)
{
	bool four = minato_addr_is4(&f->dial.addr);
	int64_t now = 0;
	int class;

	f->guest_class = false;
	if (f->fd < 0 || minato_get(f->relay->host, f->socket, MINATO_OPT_PEER_CLASS, &now) < 0)
		return;
	class = (int)now;
	setsockopt(f->fd, four ? IPPROTO_IP : IPPROTO_IPV6, four ? IP_TOS : IPV6_TCLASS, &class,
		   sizeof(class));
}

static void start(struct lane *f)
{
	struct sockaddr_storage to = { 0 };
	socklen_t len = drive_endpoint_to(&to, &f->dial);
	const int one = 1;
	int fd = new_socket(f->relay, to.ss_family);
	int result;

	if (fd < 0) {
		fail(f, -fd);
		return;
	}
	f->fd = fd;
	f->state = LANE_DIALLING;
	f->host_writable = false;
	f->host_hung_up = false;
	f->host_error = false;
	if (!roll_enter(f->relay, fd)) {
		fail(f, ENOBUFS);
		return;
	}
	dial_options(fd);
	take_header(f, fd);
	want_faults(f, true);
	/* Another nameserver may answer while the guest still waits: 3 s, not two minutes. */
	if (f->server)
		setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &one, sizeof(one));
	if (to.ss_family == AF_INET6 && f->scope_id)
		((struct sockaddr_in6 *)&to)->sin6_scope_id = f->scope_id;
	result = connect_now(fd, &to, len);
	if (result != 0 && result != EINPROGRESS)
		fail(f, result);
	else if (lane_watch(f, result != 0) < 0)
		fail(f, ENOMEM);
	else if (result == 0)
		connected(f);
}

/* DNS over TCP: the next nameserver, or an excuse for want of one. */
static void try_nameserver(struct lane *f)
{
	const struct nameservers *n = &f->relay->nameservers;

	if (f->server >= n->count) {
		excuse_open(f);
		return;
	}
	f->dial = n->list[f->server].end;
	f->scope_id = n->list[f->server].scope_id;
	f->server++;
	start(f);
}

static void tell(struct relay *relay, uint64_t call, int errnum)
{
	enum minato_reason reason;

	if (errnum == ECONNREFUSED || errnum == ECONNRESET) {
		relay_count(relay, RELAY_COUNT_TCP_OUT_REFUSED);
		minato_refuse(relay->host, call);
		return;
	}
	relay_count(relay, RELAY_COUNT_TCP_OUT_FAILED);
	if (target_reason(errnum, &reason))
		minato_reject(relay->host, call, reason);
	else
		minato_ignore(relay->host, call);
}

/* A router's own word about the SYN goes on as it is. False: there is none. */
static bool pass_fault(struct lane *f)
{
	struct minato *host = f->relay->host;
	struct minato_trouble trouble;
	struct gram_fault fault;

	if (f->fd < 0 || !gram_next_fault(f->fd, &fault) || !fault.type || fault.mtu ||
	    !gram_trouble(f->relay, &fault, &trouble))
		return false;
	/* The guest's SYN is quoted, not ours. */
	trouble.data = NULL;
	trouble.len = 0;
	if (minato_report(host, f->socket, NULL, &trouble) < 0)
		return false;
	relay_count(f->relay, RELAY_COUNT_TCP_OUT_FAILED);
	minato_ignore(host, f->socket);
	return true;
}

static void fail(struct lane *f, int errnum)
{
	/* A refusal is an answer. */
	if (!f->server && errnum == ECONNREFUSED)
		surge_answered(f->relay, &f->far.addr);
	if (!f->server && pass_fault(f)) {
		lane_free(f);
		return;
	}
	lane_close(f);
	if (f->server) {
		try_nameserver(f);
		return;
	}
	tell(f->relay, f->socket, errnum);
	lane_free(f);
}

/* `way`: by what it goes out, where that is asked; `dial` NULL: to a nameserver. */
static void begin(struct relay *relay, uint64_t call, const struct minato_endpoint *wanted,
		  const struct minato_endpoint *dial, const struct permit_way *way)
{
	bool resolver = !dial;

	struct lane *f = lane_new(relay, LANE_OUT);
	struct relay_forward *reach;
	struct minato_endpoint same;

	if (!f) {
		minato_reject(relay->host, call, MINATO_REASON_HOST);
		return;
	}
	f->socket = call;
	f->far = *wanted;
	if (dial)
		f->dial = *dial;
	minato_peer(relay->host, call, &f->guest);
	if (!resolver && !lane_admit(f, call)) {
		lane_free(f);
		return;
	}
	minato_set_user(relay->host, call, lane_word(f));
	relay_count(relay, RELAY_COUNT_TCP_OUT);
	reach = target_reach(relay, MINATO_TCP, wanted, &same);
	if (reach)
		forward_join(f, reach);
	if (way && ticket_take(f, way) < 0) {
		minato_reject(relay->host, call, MINATO_REASON_HOST);
		lane_free(f);
		return;
	}
	if (resolver) {
		relay_look(relay);
		try_nameserver(f);
	} else {
		start(f);
	}
}

static void tell_refused(struct relay *relay, uint64_t call, const struct minato_endpoint *wanted,
			 const char *reason)
{
	struct minato_endpoint guest = { .port = 0 };

	if (!relay->permit)
		return;
	minato_peer(relay->host, call, &guest);
	permit_refused(relay, MINATO_TCP, &guest, wanted, permit_name_of(relay, &wanted->addr),
		       reason);
}

/* To the outside, or to a port of the host's that --reach or --host-loopback has opened. */
static void call_out(struct relay *relay, uint64_t call, const struct minato_endpoint *wanted,
		     const struct minato_endpoint *dial)
{
	bool opened = !minato_addr_equal(&wanted->addr, &dial->addr);
	struct minato_endpoint guest = { .port = 0 };
	struct permit_way way = { .reason = NULL };
	bool passes;

	if (!relay->permit) {
		begin(relay, call, wanted, dial, NULL);
		return;
	}
	passes = opened || permit_judge(relay, MINATO_TCP, wanted, &way);
	/* Whoever asks the user, or writes the audit, looks for the program himself. */
	if (!passes && minato_peer(relay->host, call, &guest) == 0 &&
	    permit_ask(relay, call, MINATO_TCP, &guest, wanted, &way))
		return;
	if (permit_identify(relay, call, MINATO_TCP, wanted, !passes))
		return;
	if (!passes) {
		relay_count(relay, RELAY_COUNT_DENIED);
		tell_refused(relay, call, wanted, way.reason);
		if (way.silent)
			minato_ignore(relay->host, call);
		else
			minato_refuse(relay->host, call);
		return;
	}
	begin(relay, call, wanted, dial, &way);
}

bool relay_decide(struct relay *relay, uint64_t call, const char *name, const char *reason,
		  const struct relay_program *program)
{
	struct minato_endpoint wanted = { 0 };
	struct minato_endpoint guest = { 0 };
	struct minato_endpoint dial;
	struct permit_way way = { .reason = reason };
	int ready;

	if (waiting_decide(relay, call, name, reason, program) ||
	    ticket_decide(relay, call, reason))
		return true;
	ready = minato_ready(relay->host, call, NULL);
	/* Given up meanwhile. */
	if (ready < 0 || !((uint32_t)ready & MINATO_CALL) ||
	    minato_local(relay->host, call, &wanted) < 0 ||
	    minato_peer(relay->host, call, &guest) < 0)
		return false;
	permit_know(relay, MINATO_TCP, &guest, program);
	if (!reason && target_judge(relay, MINATO_TCP, &wanted, &dial) == TARGET_DIAL &&
	    permit_grant(relay, MINATO_TCP, &wanted, name, &way)) {
		begin(relay, call, &wanted, &dial, &way);
		return true;
	}
	relay_count(relay, RELAY_COUNT_DENIED);
	tell_refused(relay, call, &wanted, way.reason);
	minato_refuse(relay->host, call);
	return true;
}

void dial_call(struct relay *relay, uint64_t call)
{
	struct minato_endpoint wanted = { 0 };
	struct minato_endpoint dial;
	enum target_verdict verdict;

	if (minato_local(relay->host, call, &wanted) < 0)
		return;
	verdict = target_judge(relay, MINATO_TCP, &wanted, &dial);
	switch (verdict) {
	case TARGET_DIAL:
		if (surge_admits(relay, &wanted.addr))
			call_out(relay, call, &wanted, &dial);
		else
			minato_ignore(relay->host, call);
		break;
	case TARGET_RESOLVER:
		if (permit_is_closed(relay) &&
		    !permit_identify(relay, call, MINATO_TCP, &wanted, true))
			dnsstream_call(relay, call);
		else if (!permit_is_closed(relay))
			begin(relay, call, &wanted, NULL, NULL);
		break;
	case TARGET_REFUSE:
	case TARGET_ABSENT:
	case TARGET_MULTICAST:
		permit_turn_away(relay, call, MINATO_TCP, &wanted, verdict);
		break;
	}
}

/* syscalls: getsockopt */
void dial_work(struct lane *f)
{
	int error = 0;
	int ready = minato_ready(f->relay->host, f->socket, NULL);
	socklen_t len = sizeof(error);

	/* The call was taken back, or waited too long. */
	if (ready < 0 || !((uint32_t)ready & MINATO_CALL)) {
		minato_close(f->relay->host, f->socket);
		lane_free(f);
		return;
	}
	if (!f->host_writable && !f->host_hung_up)
		return;
	if ((f->host_error || f->host_hung_up) &&
	    getsockopt(f->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error)
		fail(f, error);
	else if (f->host_writable)
		connected(f);
}
