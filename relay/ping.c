/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest pings: one ping socket of the host for each echo identifier of the guest. */
#include "relay/permit.h"
#include "relay/relay.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 *   guest: echo, identifier 7 ---> lane ---> ping socket: echo, an identifier that the kernel chose
 *   guest: reply, identifier 7 <--- lane <--- ping socket: replies to that identifier alone
 *
 * The kernel lets a group open ping sockets that stands in net.ipv4.ping_group_range, for both
 * families, and needs no privilege for it. Where it does not, the guest hears what is true, that it
 * is prohibited, and the user hears once what to do. A reply is never made up.
 */
#define SHARE 64u	 /* echoes of a lane in a direction per turn */
#define ECHOES_MAX 1024u /* identifiers at once; the one unused for longest gives way */
#define HEADER 8u
#define BUFFER (1 << 20)

/* syscalls: socket setsockopt */
static int open_socket(int family)
{
	const int on = 1;
	const int buffer = BUFFER;
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	if (family == AF_INET) {
		setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
		setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on));
		setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
	} else {
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof(on));
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on));
	}
	return fd;
}

/* syscalls: close */
bool relay_can_ping(void)
{
	int fd = open_socket(AF_INET);

	if (fd == -EAFNOSUPPORT)
		fd = open_socket(AF_INET6);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

bool ping_evict(struct relay *relay)
{
	if (!relay->echoes.oldest)
		return false;
	relay_count(relay, RELAY_COUNT_ECHO_EVICTED);
	gram_end(relay->echoes.oldest);
	return true;
}

/* ---- what cannot be sent ---- */

static bool is_forbidden(int errnum)
{
	return errnum == EACCES || errnum == EPERM;
}

static void tell_user(struct relay *relay)
{
	if (relay->told_ping || !relay->config.notice)
		return;
	relay->told_ping = true;
	relay->config.notice(relay->config.notice_user, RELAY_PING_REMEDY);
}

/* ---- outwards ---- */

static enum target_verdict judge(const struct relay *relay, const struct minato_addr *wanted,
				 struct minato_endpoint *to)
{
	/* Any port that leads to nothing particular: an identifier is none. */
	const struct minato_endpoint end = { .addr = *wanted, .port = 1 };

	return target_judge(relay, MINATO_ICMP, &end, to);
}

static bool is_echo(const struct lane *f, const struct minato_extent *first)
{
	const uint8_t wanted = minato_addr_is4(&f->guest.addr) ? ICMP_ECHO : ICMP6_ECHO_REQUEST;

	return first->len >= HEADER && *(const uint8_t *)first->base == wanted;
}

static void dial(struct lane *f, const struct minato_endpoint *to,
		 const struct minato_datagram *about, struct minato_extent *extents, size_t count)
{
	const struct gram_way way = {
		.fd = f->fd,
		.to = { .addr = to->addr },
		.ttl = gram_ttl(about->ttl),
		.traffic_class = about->traffic_class,
		.dont_fragment = about->dont_fragment,
		.discover = &f->discover,
	};
	/* struct minato_extent has the layout of struct iovec: minato.h promises it. */
	struct iovec *iov = (struct iovec *)(void *)extents;
	int result;

	gram_discover(&way);
	result = gram_send(&way, iov, count, 0);

	f->far = about->local;
	f->bytes_out += about->len;
	if (result < 0)
		gram_unsent(f, &way, about, &extents[0], -result);
}

/* An association takes all that bears its identifier, whoever it is for. */
static void carry(struct lane *f, const struct minato_datagram *about,
		  struct minato_extent *extents, size_t count)
{
	struct minato_endpoint to;

	if (count == 0 || !is_echo(f, &extents[0])) {
		relay_count(f->relay, RELAY_COUNT_ECHO_LOST);
		return;
	}
	switch (judge(f->relay, &about->local.addr, &to)) {
	case TARGET_DIAL:
		dial(f, &to, about, extents, count);
		break;
	case TARGET_RESOLVER:
	case TARGET_REFUSE:
		relay_count(f->relay, RELAY_COUNT_REFUSED_INNER);
		gram_fail(f, about, &extents[0], EACCES);
		break;
	case TARGET_ABSENT:
		gram_fail(f, about, &extents[0], EHOSTUNREACH);
		break;
	case TARGET_MULTICAST:
		relay_count(f->relay, RELAY_COUNT_REFUSED_MULTICAST);
		break;
	}
}

/* ---- inwards ---- */

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The guest's identifier in a quoted echo, and the checksum it had with that (RFC 1624). */
static void restore(const struct lane *f, uint8_t *icmp)
{
	uint32_t sum = (uint16_t)~get16(icmp + 2);

	sum += (uint16_t)~get16(icmp + 4);
	sum += f->guest.port;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(icmp + 2, ~sum);
	put16(icmp + 4, f->guest.port);
}

static void take_faults(struct lane *f)
{
	struct gram_fault fault;

	while (gram_next_fault(f->fd, &fault)) {
		struct minato_endpoint seen;

		if (!target_seen(f->relay, &fault.to, &seen))
			continue;
		if (fault.len >= HEADER)
			restore(f, fault.data);
		else
			fault.len = 0;
		seen.port = f->guest.port;
		gram_report(f, &seen, &fault);
	}
	f->host_error = false;
}

static void give(struct lane *f, const struct gram *gram)
{
	struct minato_datagram reply = {
		.remote = f->guest,
		.ttl = gram_ttl(gram->ttl),
		.traffic_class = gram->traffic_class,
	};

	if (!target_seen(f->relay, &gram->from, &reply.local))
		return;
	reply.local.port = f->guest.port;
	f->bytes_in += gram->len;
	surge_answered(f->relay, &reply.local.addr);
	if (minato_send_datagram(f->relay->host, f->socket, &reply, gram->data, gram->len) < 0)
		relay_count(f->relay, RELAY_COUNT_ECHO_LOST);
}

void ping_work(struct lane *f)
{
	lane_unlist(f);
	if (f->host_error)
		take_faults(f);
	turn_out(f, SHARE, carry);
	turn_in(f, SHARE, give);
	f->guest_reset = false; /* a pending error of a datagram socket, and no end */
	lane_touch(f, &f->relay->echoes);
}

/* ---- a new identifier ---- */

static int make_socket(struct relay *relay, bool four)
{
	int fd;

	if (relay->echoes.count >= ECHOES_MAX)
		ping_evict(relay);
	do {
		fd = open_socket(four ? AF_INET : AF_INET6);
	} while ((fd == -EMFILE || fd == -ENFILE) &&
		 (turned_yield(relay) || endpoint_evict(relay)));
	if (fd == -EMFILE || fd == -ENFILE)
		relay_count(relay, RELAY_COUNT_NO_DESCRIPTOR);
	return fd;
}

static void begin(struct relay *relay, uint64_t call, int fd)
{
	struct lane *f = lane_new(relay, LANE_ECHO);

	if (!f) {
		close(fd);
		minato_reject(relay->host, call, MINATO_REASON_HOST);
		return;
	}
	f->socket = call;
	f->fd = fd;
	f->discover = GRAM_DISCOVER_DEFAULT;
	f->state = LANE_OPEN;
	minato_peer(relay->host, call, &f->guest);
	if (!lane_admit(f, call)) {
		lane_free(f);
		return;
	}
	minato_set_user(relay->host, call, lane_word(f));
	if (lane_watch(f, false) < 0 || minato_answer(relay->host, call) < 0) {
		gram_end(f);
		return;
	}
	minato_set(relay->host, call, MINATO_OPT_TRANSPARENT, 1);
	relay_count(relay, RELAY_COUNT_ECHO_OUT);
	f->guest_readable = true;
	ping_work(f);
}

static void dial_call_out(struct relay *relay, uint64_t call, bool four)
{
	enum minato_reason reason = MINATO_REASON_HOST;
	int fd = make_socket(relay, four);

	if (fd >= 0) {
		begin(relay, call, fd);
		return;
	}
	if (is_forbidden(-fd)) {
		relay_count(relay, RELAY_COUNT_ECHO_FORBIDDEN);
		tell_user(relay);
	}
	target_reason(-fd, &reason);
	minato_reject(relay->host, call, reason);
}

static void tell_refused(struct relay *relay, const struct minato_datagram *first)
{
	const struct minato_endpoint to = { .addr = first->local.addr, .port = 1 };

	permit_refused(relay, MINATO_ICMP, &first->remote, &first->local, NULL,
		       target_words(relay, &to));
}

void ping_call(struct relay *relay, uint64_t call)
{
	struct minato_datagram first;
	struct minato_endpoint to;

	if (minato_call_packet(relay->host, call, &first) < 0)
		return;
	if (permit_is_closed(relay)) {
		relay_count(relay, RELAY_COUNT_DENIED);
		permit_refused(relay, MINATO_ICMP, &first.remote, &first.local,
			       permit_name_of(relay, &first.local.addr), permit_no_echoes);
		if (relay->config.silent)
			minato_ignore(relay->host, call);
		else
			minato_reject(relay->host, call, MINATO_REASON_PROHIBITED);
		return;
	}
	switch (judge(relay, &first.local.addr, &to)) {
	case TARGET_DIAL:
		if (!surge_admits(relay, &first.local.addr)) {
			minato_ignore(relay->host, call);
			break;
		}
		dial_call_out(relay, call, minato_addr_is4(&to.addr));
		break;
	case TARGET_RESOLVER:
	case TARGET_REFUSE:
		tell_refused(relay, &first);
		relay_count(relay, RELAY_COUNT_REFUSED_INNER);
		minato_reject(relay->host, call, MINATO_REASON_PROHIBITED);
		break;
	case TARGET_ABSENT:
		tell_refused(relay, &first);
		minato_reject(relay->host, call, MINATO_REASON_HOST);
		break;
	case TARGET_MULTICAST:
		relay_count(relay, RELAY_COUNT_REFUSED_MULTICAST);
		minato_ignore(relay->host, call);
		break;
	}
}
