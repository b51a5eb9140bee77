/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams between host sockets and the host value, equal ones that follow one another as runs. */
#include "relay/relay.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * One run is collected in each direction. A run costs one system call outwards (UDP_SEGMENT) and
 * one frame inwards (USO), where single datagrams cost one each; small ones are copied together for
 * that, large ones and runs that came as such pass as they lie.
 */
#define WHOLE_MIN 8192u /* from here on a datagram is not worth collecting */
#define EXTENTS_MAX 64u
#define BUFFER (4 << 20) /* asked of the kernel; it gives what rmem_max allows */
#define CONTROL_SIZE 128u

struct run {
	struct lane *lane; /* NULL: empty */
	struct gram_way way;
	struct minato_datagram about;
	uint16_t size; /* of each, but for a shorter last one */
	uint32_t count;
	size_t len;
	bool closed; /* a shorter one ended it */
	uint8_t data[GRAM_SIZE_MAX];
};

struct gram_room {
	struct run out, in;
	struct mmsghdr messages[GRAM_BATCH];
	struct iovec extents[GRAM_BATCH];
	struct sockaddr_storage names[GRAM_BATCH];
	_Alignas(struct cmsghdr) uint8_t control[GRAM_BATCH][CONTROL_SIZE];
	uint8_t data[GRAM_BATCH][GRAM_SIZE_MAX + 1];
};

static void prepare(struct gram_room *room, uint32_t i)
{
	struct msghdr *msg = &room->messages[i].msg_hdr;

	msg->msg_name = &room->names[i];
	msg->msg_namelen = sizeof(room->names[i]);
	msg->msg_iov = &room->extents[i];
	msg->msg_iovlen = 1;
	msg->msg_control = room->control[i];
	msg->msg_controllen = CONTROL_SIZE;
}

/* syscalls: mmap munmap */
int gram_room_new(struct gram_room **out)
{
	/* A mapping, so that only what is used is ever touched. */
	struct gram_room *room = mmap(NULL, sizeof(*room), PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (room == MAP_FAILED)
		return -ENOMEM;
	for (uint32_t i = 0; i < GRAM_BATCH; i++) {
		room->extents[i] = (struct iovec){ room->data[i], GRAM_SIZE_MAX };
		prepare(room, i);
	}
	*out = room;
	return 0;
}

void gram_room_free(struct gram_room *room)
{
	if (room)
		munmap(room, sizeof(*room));
}

/* syscalls: socket setsockopt */
int gram_socket(int family, bool dual)
{
	const int on = 1;
	const int v6only = !dual;
	const int buffer = BUFFER;
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	/* Comforts: a kernel without one of them serves all the same. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on));
	if (family == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on));
	}
	if (family == AF_INET || dual) {
		setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
		setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
	}
	return fd;
}

/* ---- sending ---- */

static void put_control(struct msghdr *msg, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *c =
		(struct cmsghdr *)(void *)((char *)msg->msg_control + msg->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	msg->msg_controllen += CMSG_SPACE(len);
}

static void put_source(struct msghdr *msg, const struct gram_way *way, int family)
{
	struct in_pktinfo four = { .ipi_ifindex = 0 };
	struct in6_pktinfo six = { .ipi6_ifindex = way->scope_id };

	if (minato_addr_is_any(&way->from))
		return;
	if (family == AF_INET) {
		memcpy(&four.ipi_spec_dst, way->from.bytes + 12, 4);
		put_control(msg, IPPROTO_IP, IP_PKTINFO, &four, sizeof(four));
		return;
	}
	memcpy(&six.ipi6_addr, way->from.bytes, 16);
	put_control(msg, IPPROTO_IPV6, IPV6_PKTINFO, &six, sizeof(six));
}

static void put_number(struct msghdr *msg, int level, int type, int value)
{
	put_control(msg, level, type, &value, sizeof(value));
}

/* A mapped destination is IPv4 for the kernel too, whatever the socket's family. */
static void put_header(struct msghdr *msg, const struct gram_way *way)
{
	bool four = minato_addr_is4(&way->to.addr);
	int level = four ? IPPROTO_IP : IPPROTO_IPV6;

	if (way->ttl)
		put_number(msg, level, four ? IP_TTL : IPV6_HOPLIMIT, way->ttl);
	if (way->traffic_class)
		put_number(msg, level, four ? IP_TOS : IPV6_TCLASS, way->traffic_class);
}

void gram_discover(const struct gram_way *way)
{
	uint8_t wanted = way->dont_fragment ? GRAM_DISCOVER_WHOLE : GRAM_DISCOVER_CUT;
	int four = way->dont_fragment ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;
	int six = way->dont_fragment ? IPV6_PMTUDISC_DO : IPV6_PMTUDISC_DONT;

	if (*way->discover == wanted)
		return;
	*way->discover = wanted;
	if (minato_addr_is4(&way->to.addr) || way->dual)
		setsockopt(way->fd, IPPROTO_IP, IP_MTU_DISCOVER, &four, sizeof(four));
	if (!minato_addr_is4(&way->to.addr) || way->dual)
		setsockopt(way->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &six, sizeof(six));
}

/* syscalls: sendmsg */
int gram_send(const struct gram_way *way, struct iovec *iov, size_t count, uint16_t gso_size)
{
	_Alignas(struct cmsghdr) uint8_t control[CONTROL_SIZE] = { 0 };
	struct sockaddr_storage to = { 0 };
	struct msghdr msg = {
		.msg_name = &to,
		.msg_iov = iov,
		.msg_iovlen = count,
		.msg_control = control,
	};

	msg.msg_namelen = way->dual ? drive_endpoint_to6(&to, &way->to) :
				      drive_endpoint_to(&to, &way->to);
	if (to.ss_family == AF_INET6 && way->scope_id)
		((struct sockaddr_in6 *)&to)->sin6_scope_id = way->scope_id;
	put_source(&msg, way, to.ss_family);
	put_header(&msg, way);
	if (gso_size)
		put_control(&msg, SOL_UDP, UDP_SEGMENT, &gso_size, sizeof(gso_size));
	/* The first failure may be an ICMP error about an earlier datagram: those are read from the
	   error queue. Only the second is about this one. */
	for (int tries = 0; tries < 2; tries++) {
		if (sendmsg(way->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno == EAGAIN || errno == EINVAL || errno == EIO)
			break;
	}
	return -errno;
}

/* The part of the extents from `offset`, `len` bytes long. Returns how many pieces it has. */
static size_t cut(const struct minato_extent *extents, size_t count, size_t offset, size_t len,
		  struct iovec *out)
{
	size_t pieces = 0;

	for (size_t i = 0; i < count && len > 0; i++) {
		size_t here = extents[i].len;

		if (offset >= here) {
			offset -= here;
			continue;
		}
		here -= offset;
		if (here > len)
			here = len;
		out[pieces].iov_base = (char *)extents[i].base + offset;
		out[pieces++].iov_len = here;
		len -= here;
		offset = 0;
	}
	return pieces;
}

static size_t sum(const struct minato_extent *extents, size_t count)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++)
		len += extents[i].len;
	return len;
}

/* In steps of as many segments as one call takes, or one by one where runs do not work. */
static int send_all(struct lane *f, const struct gram_way *way, const struct minato_extent *extents,
		    size_t count, uint16_t gso_size)
{
	struct iovec iov[EXTENTS_MAX];
	size_t len = sum(extents, count);
	size_t step = len;
	size_t offset = 0;
	int result = 0;

	gram_discover(way);
	if (gso_size && gso_size < len) {
		size_t segments = GRAM_RUN_MAX / gso_size;

		if (segments > GRAM_SEGMENTS_MAX)
			segments = GRAM_SEGMENTS_MAX;
		step = f->no_segment || segments < 2 ? gso_size : segments * gso_size;
	}
	do {
		size_t now = len - offset < step ? len - offset : step;
		size_t pieces = cut(extents, count, offset, now, iov);
		bool run = gso_size && now > gso_size;
		int sent = gram_send(way, iov, pieces, run ? gso_size : 0);

		/* No checksum offload on the way (EIO), or segments above its MTU (EINVAL,
		   EMSGSIZE). */
		if (run && (sent == -EIO || sent == -EINVAL || sent == -EMSGSIZE)) {
			f->no_segment = f->no_segment || sent == -EIO;
			step = gso_size;
			continue;
		}
		if (sent < 0)
			result = sent;
		offset += now;
	} while (offset < len);
	return result;
}

uint8_t gram_ttl(uint8_t ttl)
{
	return ttl > 1 ? (uint8_t)(ttl - 1) : 1;
}

/*
 * Whether the host takes this for the broadcast address of a network of its own, which no error may
 * be sent about (RFC 1122 3.2.2). Costs system calls: for what was refused already.
 */
/* syscalls: socket setsockopt connect close */
static bool is_broadcast(const struct minato_endpoint *to)
{
	const int on = 1;
	struct sockaddr_storage name = { 0 };
	socklen_t len = drive_endpoint_to(&name, to);
	bool is = false;
	int fd;

	if (!minato_addr_is4(&to->addr))
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	/* With that option alone the kernel lets it pass. */
	if (setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) == 0)
		is = connect(fd, (struct sockaddr *)&name, len) == 0;
	close(fd);
	return is;
}

/*
 * What the host's kernel knows of the path, 0 if nothing. The error queue would tell, but not of
 * which datagram.
 */
/* syscalls: socket connect getsockopt close */
static uint32_t path_mtu(const struct gram_way *way)
{
	struct sockaddr_storage to = { 0 };
	socklen_t to_len = drive_endpoint_to(&to, &way->to);
	bool four = to.ss_family == AF_INET;
	int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int mtu = 0;
	socklen_t len = sizeof(mtu);

	if (fd < 0)
		return 0;
	if (!four)
		((struct sockaddr_in6 *)&to)->sin6_scope_id = way->scope_id;
	if (connect(fd, (struct sockaddr *)&to, to_len) < 0 ||
	    getsockopt(fd, four ? IPPROTO_IP : IPPROTO_IPV6, four ? IP_MTU : IPV6_MTU, &mtu,
		       &len) < 0)
		mtu = 0;
	close(fd);
	return mtu > 0 ? (uint32_t)mtu : 0;
}

static void tell(struct lane *f, const struct minato_datagram *about,
		 const struct minato_extent *first, struct minato_trouble *trouble)
{
	struct minato_datagram flow = *about;

	flow.remote = f->guest;
	if (flow.gso_size && flow.gso_size < flow.len)
		flow.len = flow.gso_size;
	if (first) {
		trouble->data = first->base;
		trouble->len = first->len < flow.len ? first->len : flow.len;
	}
	relay_count(f->relay, f->kind == LANE_ECHO ? RELAY_COUNT_ECHO_ERRORS :
						     RELAY_COUNT_UDP_ERRORS);
	minato_report(f->relay->host, f->socket, &flow, trouble);
}

void gram_fail(struct lane *f, const struct minato_datagram *about,
	       const struct minato_extent *first, int errnum)
{
	struct minato_trouble trouble = { 0 };

	if (target_reason(errnum, &trouble.reason))
		tell(f, about, first, &trouble);
}

void gram_unsent(struct lane *f, const struct gram_way *way, const struct minato_datagram *about,
		 const struct minato_extent *first, int errnum)
{
	/* Too big: a router on the guest's own link would say the same. */
	struct minato_trouble trouble = { .mtu = errnum == EMSGSIZE ? path_mtu(way) : 0 };

	if (errnum == EAGAIN || errnum == ENOBUFS || errnum == ENOMEM)
		relay_count(f->relay, f->kind == LANE_ECHO ? RELAY_COUNT_ECHO_LOST :
							     RELAY_COUNT_UDP_LOST);
	else if (errnum == EACCES && is_broadcast(&way->to))
		relay_count(f->relay, RELAY_COUNT_REFUSED_BROADCAST);
	else if (errnum != EMSGSIZE)
		gram_fail(f, about, first, errnum);
	else if (trouble.mtu)
		tell(f, about, first, &trouble);
}

static void send_out(struct lane *f, const struct gram_way *way,
		     const struct minato_datagram *about, const struct minato_extent *extents,
		     size_t count)
{
	int result = send_all(f, way, extents, count, about->gso_size);

	f->bytes_out += sum(extents, count);
	if (result < 0)
		gram_unsent(f, way, about, count ? extents : NULL, -result);
}

static void flush_out(struct run *run)
{
	struct minato_extent all = { run->data, run->len };
	struct lane *f = run->lane;

	run->lane = NULL;
	if (!f)
		return;
	run->about.gso_size = run->count > 1 ? run->size : 0;
	send_out(f, &run->way, &run->about, &all, 1);
}

static void flush_in(struct run *run)
{
	struct lane *f = run->lane;
	int64_t result;

	run->lane = NULL;
	if (!f)
		return;
	run->about.gso_size = run->count > 1 ? run->size : 0;
	result = minato_send_datagram(f->relay->host, f->socket, &run->about, run->data, run->len);
	if (result < 0)
		relay_count(f->relay, RELAY_COUNT_UDP_LOST);
}

/* Whether a datagram of this length may follow in the run. */
static bool fits(const struct run *run, const struct lane *f, size_t len)
{
	return run->lane == f && !run->closed && len > 0 && len <= run->size &&
	       run->count < GRAM_SEGMENTS_MAX && run->len + len <= GRAM_RUN_MAX;
}

static void begin(struct run *run, struct lane *f, const struct minato_datagram *about, size_t len)
{
	run->lane = f;
	run->about = *about;
	run->size = (uint16_t)len;
	run->count = 0;
	run->len = 0;
	run->closed = len == 0;
}

static void append(struct run *run, const void *data, size_t len)
{
	if (len > 0)
		memcpy(run->data + run->len, data, len);
	run->len += len;
}

static void count_one(struct run *run, size_t len)
{
	run->count++;
	run->closed = run->closed || len < run->size;
}

static bool same_end(const struct minato_endpoint *a, const struct minato_endpoint *b)
{
	return a->port == b->port && minato_addr_equal(&a->addr, &b->addr);
}

static bool same_way(const struct gram_way *a, const struct gram_way *b)
{
	return a->fd == b->fd && a->ttl == b->ttl && a->traffic_class == b->traffic_class &&
	       a->dont_fragment == b->dont_fragment &&
	       same_end(&a->to, &b->to) && minato_addr_equal(&a->from, &b->from);
}

void gram_put(struct lane *f, const struct gram_way *way, const struct minato_datagram *about,
	      const struct minato_extent *extents, size_t count)
{
	struct run *run = &f->relay->room->out;
	size_t len = sum(extents, count);

	if (about->gso_size || len >= WHOLE_MIN) {
		flush_out(run);
		send_out(f, way, about, extents, count);
		return;
	}
	if (!fits(run, f, len) || !same_way(&run->way, way)) {
		flush_out(run);
		begin(run, f, about, len);
		run->way = *way;
	}
	for (size_t i = 0; i < count; i++)
		append(run, extents[i].base, extents[i].len);
	count_one(run, len);
}

void gram_give(struct lane *f, const struct minato_endpoint *from, const struct gram *gram)
{
	struct minato_datagram about = {
		.remote = f->guest,
		.local = *from,
		.traffic_class = gram->traffic_class,
		.gso_size = gram->gso_size,
	};
	struct run *run = &f->relay->room->in;

	f->bytes_in += gram->len;
	if (gram->gso_size || gram->len >= WHOLE_MIN) {
		flush_in(run);
		if (minato_send_datagram(f->relay->host, f->socket, &about, gram->data, gram->len) <
		    0)
			relay_count(f->relay, RELAY_COUNT_UDP_LOST);
		return;
	}
	if (!fits(run, f, gram->len) || !same_end(&run->about.local, from) ||
	    run->about.traffic_class != gram->traffic_class) {
		flush_in(run);
		begin(run, f, &about, gram->len);
	}
	append(run, gram->data, gram->len);
	count_one(run, gram->len);
}

void gram_flush(struct relay *relay)
{
	flush_out(&relay->room->out);
	flush_in(&relay->room->in);
}

/* ---- receiving ---- */

/* Of the IP header that it came with. */
static void read_header(struct cmsghdr *c, struct gram *gram)
{
	bool four = c->cmsg_level == IPPROTO_IP;
	int number;

	if (four && c->cmsg_type == IP_TOS) {
		memcpy(&gram->traffic_class, CMSG_DATA(c), 1);
		return;
	}
	if (c->cmsg_level != (four ? IPPROTO_IP : IPPROTO_IPV6) ||
	    c->cmsg_len < CMSG_LEN(sizeof(number)))
		return;
	memcpy(&number, CMSG_DATA(c), sizeof(number));
	if (c->cmsg_type == (four ? IP_TTL : IPV6_HOPLIMIT))
		gram->ttl = (uint8_t)number;
	else if (!four && c->cmsg_type == IPV6_TCLASS)
		gram->traffic_class = (uint8_t)number;
}

/* What came along: the address it was written to, the interface, the size in a run. */
static void read_control(struct msghdr *msg, struct gram *gram)
{
	struct in_pktinfo four;
	struct in6_pktinfo six;
	int size;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&size, CMSG_DATA(c), sizeof(size));
			if (size > 0 && (size_t)size < gram->len)
				gram->gso_size = (uint16_t)size;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&four, CMSG_DATA(c), sizeof(four));
			gram->to = minato_addr4(0, 0, 0, 0);
			memcpy(gram->to.bytes + 12, &four.ipi_addr, 4);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&six, CMSG_DATA(c), sizeof(six));
			memcpy(gram->to.bytes, &six.ipi6_addr, 16);
			if (IN6_IS_ADDR_LINKLOCAL(&six.ipi6_addr))
				gram->scope_id = six.ipi6_ifindex;
		} else {
			read_header(c, gram);
		}
	}
}

/* syscalls: recvmmsg */
int gram_recv(struct relay *relay, int fd, struct gram *grams)
{
	struct gram_room *room = relay->room;
	int count;

	count = recvmmsg(fd, room->messages, GRAM_BATCH, MSG_DONTWAIT, NULL);
	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		struct msghdr *msg = &room->messages[i].msg_hdr;

		memset(&grams[i], 0, sizeof(grams[i]));
		grams[i].data = room->data[i];
		grams[i].len = room->messages[i].msg_len;
		drive_endpoint_from(&grams[i].from, (struct sockaddr *)msg->msg_name);
		read_control(msg, &grams[i]);
		prepare(room, (uint32_t)i);
	}
	return count;
}

/* ---- errors of the network ---- */

/* What the kernel tells of one: `c` is its control message. */
static void read_fault(struct cmsghdr *c, struct gram_fault *out)
{
	struct minato_endpoint offender;
	struct sock_extended_err e;

	memcpy(&e, CMSG_DATA(c), sizeof(e));
	/* What the kernel found by itself was the result of the send already. */
	if (e.ee_origin == SO_EE_ORIGIN_LOCAL)
		return;
	out->errnum = (int)e.ee_errno;
	out->mtu = e.ee_errno == EMSGSIZE ? e.ee_info : 0;
	if (e.ee_origin != SO_EE_ORIGIN_ICMP && e.ee_origin != SO_EE_ORIGIN_ICMP6)
		return;
	out->type = e.ee_type;
	out->code = e.ee_code;
	if (c->cmsg_len >= CMSG_LEN(sizeof(e) + sizeof(struct sockaddr_in)) &&
	    drive_endpoint_from(&offender, (struct sockaddr *)(void *)(CMSG_DATA(c) + sizeof(e))))
		out->offender = offender.addr;
}

/* syscalls: recvmsg */
bool gram_next_fault(int fd, struct gram_fault *out)
{
	_Alignas(struct cmsghdr) uint8_t control[512];
	struct sockaddr_storage name = { 0 };
	struct iovec iov = { out->data, sizeof(out->data) };
	struct msghdr msg = {
		.msg_name = &name,
		.msg_namelen = sizeof(name),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT);

	if (len < 0)
		return false;
	memset(out, 0, offsetof(struct gram_fault, data));
	out->len = (size_t)len;
	drive_endpoint_from(&out->to, (struct sockaddr *)&name);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
		    (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
			read_fault(c, out);
	}
	return true;
}

static bool is_time_exceeded(const struct gram_fault *fault)
{
	return fault->type ==
	       (minato_addr_is4(&fault->to.addr) ? ICMP_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED);
}

bool gram_trouble(const struct relay *relay, const struct gram_fault *fault,
		  struct minato_trouble *out)
{
	struct minato_endpoint offender = { .addr = fault->offender };
	struct minato_endpoint seen;

	*out = (struct minato_trouble){ .mtu = fault->mtu, .data = fault->data, .len = fault->len };
	if (!fault->errnum || !target_reason(fault->errnum, &out->reason))
		return false;
	if (!fault->type)
		return true;
	out->type = fault->type;
	out->code = fault->code;
	/* One whose address means somebody else to the guest speaks through the gateway. */
	if (!minato_addr_is_any(&offender.addr) && target_seen(relay, &offender, &seen))
		out->offender = seen.addr;
	return true;
}

void gram_report(struct lane *f, const struct minato_endpoint *to, const struct gram_fault *fault)
{
	struct minato_datagram flow = {
		.remote = f->guest,
		.local = *to,
		.ttl = is_time_exceeded(fault),
	};
	struct minato_trouble trouble;

	if (!gram_trouble(f->relay, fault, &trouble))
		return;
	relay_count(f->relay, f->kind == LANE_ECHO ? RELAY_COUNT_ECHO_ERRORS :
						     RELAY_COUNT_UDP_ERRORS);
	minato_report(f->relay->host, f->socket, &flow, &trouble);
}
