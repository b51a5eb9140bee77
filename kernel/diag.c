/* SPDX-License-Identifier: BSD-2-Clause */
/* A kernel's sockets by sock_diag, as they come: nothing is kept. */
#include "kernel/kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_SIZE 32768
#define STATE_BOUND 13 /* TCP_BOUND_INACTIVE */

/* What one dump needs to know while it goes. */
struct reading {
	const struct kernel_query *query;
	const struct kernel_ids *ids;
	int (*each)(void *user, const struct kernel_socket *socket);
	void *user;
	int result; /* of `each` */
	uint8_t proto;
	enum { WHOLE, AUTOBOUND, CHOSEN } part; /* of the sockets */
};

/* What is found beside the message proper. */
struct parts {
	struct kernel_socket *socket;
	struct tcp_info info;
	char congestion[16];
	struct kernel_bbr bbr;
};

/* ---- one socket ---- */

static void read_end(struct minato_endpoint *end, bool is6, const __be32 *addr, __be16 port)
{
	end->port = ntohs(port);
	if (is6) {
		memcpy(end->addr.bytes, addr, 16);
		return;
	}
	end->addr = minato_addr4(0, 0, 0, 0);
	memcpy(end->addr.bytes + 12, addr, 4);
}

static void read_memory(struct kernel_socket *socket, const struct nlattr *attribute)
{
	uint32_t in[SK_MEMINFO_VARS] = { 0 };
	size_t size = mnl_attr_get_payload_len(attribute);

	memcpy(in, mnl_attr_get_payload(attribute), size < sizeof(in) ? size : sizeof(in));
	socket->has_memory = true;
	socket->memory = (struct kernel_memory){
		.receive_used = in[SK_MEMINFO_RMEM_ALLOC],
		.receive_max = in[SK_MEMINFO_RCVBUF],
		.send_used = in[SK_MEMINFO_WMEM_ALLOC],
		.send_max = in[SK_MEMINFO_SNDBUF],
		.forward = in[SK_MEMINFO_FWD_ALLOC],
		.send_queued = in[SK_MEMINFO_WMEM_QUEUED],
		.options = in[SK_MEMINFO_OPTMEM],
		.backlog = in[SK_MEMINFO_BACKLOG],
		.drops = in[SK_MEMINFO_DROPS],
	};
}

static void read_info(struct parts *parts, const struct nlattr *attribute)
{
	size_t size = mnl_attr_get_payload_len(attribute);

	parts->info = (struct tcp_info){ 0 };
	memcpy(&parts->info, mnl_attr_get_payload(attribute),
	       size < sizeof(parts->info) ? size : sizeof(parts->info));
	parts->socket->info = &parts->info;
}

static void read_congestion(struct parts *parts, const struct nlattr *attribute)
{
	size_t size = mnl_attr_get_payload_len(attribute);

	if (size > sizeof(parts->congestion) - 1)
		size = sizeof(parts->congestion) - 1;
	memcpy(parts->congestion, mnl_attr_get_payload(attribute), size);
	parts->congestion[size] = 0;
	parts->socket->congestion = parts->congestion;
}

static void read_bbr(struct parts *parts, const struct nlattr *attribute)
{
	struct tcp_bbr_info in = { 0 };
	size_t size = mnl_attr_get_payload_len(attribute);

	memcpy(&in, mnl_attr_get_payload(attribute), size < sizeof(in) ? size : sizeof(in));
	parts->bbr = (struct kernel_bbr){
		.bytes_per_s = (uint64_t)in.bbr_bw_hi << 32 | in.bbr_bw_lo,
		.min_rtt_us = in.bbr_min_rtt,
		.pacing_gain = in.bbr_pacing_gain,
		.cwnd_gain = in.bbr_cwnd_gain,
	};
	parts->socket->bbr = &parts->bbr;
}

static int take_attribute(const struct nlattr *attribute, void *user)
{
	struct parts *parts = user;
	struct kernel_socket *socket = parts->socket;

	switch (mnl_attr_get_type(attribute)) {
	case INET_DIAG_SKV6ONLY:
		socket->v6only = mnl_attr_get_u8(attribute) != 0;
		break;
	case INET_DIAG_SHUTDOWN:
		socket->has_shut = true;
		socket->shut = mnl_attr_get_u8(attribute) & 3;
		break;
	case INET_DIAG_MARK:
		socket->mark = mnl_attr_get_u32(attribute);
		break;
	case INET_DIAG_CGROUP_ID:
		memcpy(&socket->cgroup, mnl_attr_get_payload(attribute), sizeof(socket->cgroup));
		break;
	case INET_DIAG_SKMEMINFO:
		read_memory(socket, attribute);
		break;
	case INET_DIAG_INFO:
		/* Of protocols other than TCP it is another struct. */
		if (socket->proto == MINATO_TCP)
			read_info(parts, attribute);
		break;
	case INET_DIAG_BBRINFO:
		read_bbr(parts, attribute);
		break;
	case INET_DIAG_CONG:
		read_congestion(parts, attribute);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static void read_socket(struct kernel_socket *socket, const struct inet_diag_msg *from,
			const struct reading *reading)
{
	bool is6 = from->idiag_family == AF_INET6;

	*socket = (struct kernel_socket){
		.proto = reading->proto,
		.is6 = is6,
		.bound = from->idiag_state == STATE_BOUND,
		.chosen = reading->part == CHOSEN,
		.interface = from->id.idiag_if,
		.recv_queue = from->idiag_rqueue,
		.send_queue = from->idiag_wqueue,
		.uid = kernel_uid(reading->ids, from->idiag_uid),
		.inode = from->idiag_inode,
		.cookie = (uint64_t)from->id.idiag_cookie[1] << 32 | from->id.idiag_cookie[0],
		.timer = from->idiag_timer < KERNEL_TIMER_UNKNOWN ?
				 (enum kernel_timer)from->idiag_timer :
				 KERNEL_TIMER_UNKNOWN,
		.timer_ms = from->idiag_expires,
		.retransmits = from->idiag_retrans,
	};
	socket->state = kernel_state(from->idiag_state);
	read_end(&socket->local, is6, from->id.idiag_src, from->id.idiag_sport);
	read_end(&socket->remote, is6, from->id.idiag_dst, from->id.idiag_dport);
}

static int take_socket(const struct nlmsghdr *message, void *user)
{
	const struct inet_diag_msg *from = mnl_nlmsg_get_payload(message);
	struct reading *reading = user;
	struct kernel_socket socket;
	struct parts parts;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*from))
		return MNL_CB_OK;
	read_socket(&socket, from, reading);
	parts.socket = &socket;
	(void)mnl_attr_parse(message, sizeof(*from), take_attribute, &parts);
	reading->result = reading->each(reading->user, &socket);
	return reading->result ? MNL_CB_STOP : MNL_CB_OK;
}

/* ---- asking ---- */

static void put_port(struct nlmsghdr *message, uint16_t port)
{
	/* One comparison: on to the end of the program if equal, beyond it (no match) if not. */
	enum { END = 2 * sizeof(struct inet_diag_bc_op) };
	const struct inet_diag_bc_op only_port[2] = {
		{ .code = INET_DIAG_BC_S_EQ, .yes = END, .no = END + 4 },
		{ .no = port },
	};

	mnl_attr_put(message, INET_DIAG_REQ_BYTECODE, sizeof(only_port), only_port);
}

/*
 * The kernel tells who chose a port only by leaving sockets out: one instruction is true of a port
 * that nobody chose; a jump behind it turns that round.
 */
static void put_part(struct nlmsghdr *message, bool chosen)
{
	enum { SIZE = sizeof(struct inet_diag_bc_op) };
	const struct inet_diag_bc_op program[2] = {
		{ .code = INET_DIAG_BC_AUTO, .yes = SIZE, .no = 2 * SIZE },
		{ .code = INET_DIAG_BC_JMP, .yes = SIZE, .no = 2 * SIZE },
	};

	mnl_attr_put(message, INET_DIAG_REQ_BYTECODE, chosen ? 2 * SIZE : SIZE, program);
}

static uint8_t extensions(const struct kernel_query *query)
{
	unsigned bits = 0;

	if (query->info)
		bits |= 1u << (INET_DIAG_INFO - 1) | 1u << (INET_DIAG_CONG - 1) |
			1u << (INET_DIAG_VEGASINFO - 1);
	if (query->memory)
		bits |= 1u << (INET_DIAG_SKMEMINFO - 1);
	return (uint8_t)bits;
}

static int send_request(int fd, const struct reading *reading, uint8_t family)
{
	const struct kernel_query *query = reading->query;
	char buffer[512];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *request;

	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request = mnl_nlmsg_put_extra_header(message, sizeof(*request));
	request->sdiag_family = family;
	request->sdiag_protocol = reading->proto;
	request->idiag_ext = extensions(query);
	request->idiag_states = query->states ? query->states : KERNEL_STATES_ALL;
	if (query->port)
		put_port(message, query->port);
	else if (reading->part != WHOLE)
		put_part(message, reading->part == CHOSEN);
	return send(fd, message, message->nlmsg_len, 0) < 0 ? -errno : 0;
}

static int dump(int fd, struct reading *reading, uint8_t family)
{
	char buffer[BUFFER_SIZE];
	int more = MNL_CB_OK;
	int result = send_request(fd, reading, family);

	while (result == 0 && more > MNL_CB_STOP) {
		ssize_t got = recv(fd, buffer, sizeof(buffer), 0);

		if (got < 0 && errno != EINTR)
			result = -errno;
		else if (got >= 0)
			more = mnl_cb_run(buffer, (size_t)got, 0, 0, take_socket, reading);
		if (more < 0)
			result = -errno;
	}
	/* A kernel without IPv6, or without the module for UDP, has none of those sockets. */
	if (result == -ENOENT)
		return 0;
	return result ? result : reading->result;
}

/* In two parts where it is to be known who chose the ports. */
static int dump_family(int fd, struct reading *reading, uint8_t family)
{
	bool parts = reading->query->chosen && !reading->query->port;
	int result;

	reading->part = parts ? AUTOBOUND : WHOLE;
	result = dump(fd, reading, family);
	if (result || !parts)
		return result;
	reading->part = CHOSEN;
	return dump(fd, reading, family);
}

static int dump_protocol(int fd, struct reading *reading)
{
	const struct kernel_query *query = reading->query;
	int result = 0;

	if (!query->only6 || query->only4)
		result = dump_family(fd, reading, AF_INET);
	if (result == 0 && (!query->only4 || query->only6))
		result = dump_family(fd, reading, AF_INET6);
	return result;
}

int kernel_sockets(const struct kernel_query *query,
		   int (*each)(void *user, const struct kernel_socket *socket), void *user)
{
	struct reading reading = { .query = query, .each = each, .user = user };
	struct kernel_ids ids;
	int fd = kernel_netlink(query->process, NETLINK_SOCK_DIAG, &ids);
	int result = 0;

	if (fd == -EPERM)
		return kernel_list(query, each, user);
	if (fd < 0)
		return fd;
	reading.ids = &ids;
	reading.proto = MINATO_UDP;
	if (query->udp || !query->tcp)
		result = dump_protocol(fd, &reading);
	reading.proto = MINATO_TCP;
	if (result == 0 && (query->tcp || !query->udp))
		result = dump_protocol(fd, &reading);
	close(fd);
	return result;
}
