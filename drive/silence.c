/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel that hears nothing by an interface: a chain of nftables that drops all that arrives.
 *
 * The chain hooks in behind the place where packet sockets get their copy, and before the kernel
 * looks at VLAN, bridge, ARP or IP. The table has an owner (Linux 5.12), which is the netlink
 * socket that made it: the kernel removes it when that is closed, so nothing is left behind by a
 * process that was killed.
 */
#include "drive/drive.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* In the kernel since Linux 5.12, in its headers later. */
#define TABLE_OWNED 2u /* NFT_TABLE_F_OWNER */
#define FIRST (-512)   /* priority: before other chains of this hook */
#define BATCH_SIZE 2048u

/* A batch of messages; each is acknowledged, the first that fails tells why none counts. */
struct batch {
	union {
		struct nlmsghdr align;
		uint8_t bytes[BATCH_SIZE];
	} buffer;
	size_t used;
	uint32_t seq;
};

static struct nlmsghdr *begin(struct batch *batch, int type, int flags, uint16_t subsystem)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(batch->buffer.bytes + batch->used);
	struct nfgenmsg *family = mnl_nlmsg_put_extra_header(message, sizeof(*family));

	message->nlmsg_type = (uint16_t)type;
	message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	message->nlmsg_seq = ++batch->seq;
	family->nfgen_family = subsystem ? AF_UNSPEC : NFPROTO_NETDEV;
	family->version = NFNETLINK_V0;
	family->res_id = htons(subsystem);
	return message;
}

static void end(struct batch *batch, const struct nlmsghdr *message)
{
	batch->used += NLMSG_ALIGN(message->nlmsg_len);
}

static void put_number(struct nlmsghdr *message, uint16_t type, uint32_t value)
{
	mnl_attr_put_u32(message, type, htonl(value));
}

static void add_table(struct batch *batch, const char *table)
{
	struct nlmsghdr *message = begin(batch, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE,
					 NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, 0);

	mnl_attr_put_strz(message, NFTA_TABLE_NAME, table);
	put_number(message, NFTA_TABLE_FLAGS, TABLE_OWNED);
	end(batch, message);
}

/* "type filter hook ingress device IFNAME priority -512; policy drop" */
static void add_chain(struct batch *batch, const char *table, const char *ifname)
{
	struct nlmsghdr *message = begin(batch, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN,
					 NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, 0);
	struct nlattr *hook;

	mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(message, NFTA_CHAIN_NAME, "silence");
	hook = mnl_nlmsg_get_payload_tail(message);
	mnl_attr_put(message, NLA_F_NESTED | NFTA_CHAIN_HOOK, 0, NULL);
	put_number(message, NFTA_HOOK_HOOKNUM, NF_NETDEV_INGRESS);
	put_number(message, NFTA_HOOK_PRIORITY, (uint32_t)FIRST);
	mnl_attr_put_strz(message, NFTA_HOOK_DEV, ifname);
	hook->nla_len = (uint16_t)((char *)mnl_nlmsg_get_payload_tail(message) - (char *)hook);
	mnl_attr_put_strz(message, NFTA_CHAIN_TYPE, "filter");
	put_number(message, NFTA_CHAIN_POLICY, NF_DROP);
	end(batch, message);
}

/* The kernel answers each message of the batch at once; the first refusal, or 0. */
static int hear(int fd)
{
	union {
		struct nlmsghdr align;
		uint8_t bytes[8192];
	} buffer;
	int result = 0;

	for (;;) {
		ssize_t got = recv(fd, buffer.bytes, sizeof(buffer.bytes), MSG_DONTWAIT);
		const struct nlmsghdr *message = &buffer.align;
		int len = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return result;
		for (; mnl_nlmsg_ok(message, len); message = mnl_nlmsg_next(message, &len)) {
			const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);

			if (message->nlmsg_type != NLMSG_ERROR || result != 0)
				continue;
			result = answer->error;
			/* Who lacks the right is told so of the batch; of the table, who has not
			 * made it. */
			if (result == -EPERM && answer->msg.nlmsg_type != NFNL_MSG_BATCH_BEGIN)
				result = -EBUSY;
		}
	}
}

static int explain(int result, const char *ifname, struct drive_error *error)
{
	if (result == -EPERM)
		return drive_fail(error, EPERM,
				  "cannot keep the kernel silent on %s: that needs CAP_NET_ADMIN "
				  "over its network namespace (be root, or the user who made the "
				  "namespace)",
				  ifname);
	if (result == -EEXIST || result == -EBUSY)
		return drive_fail(error, EBUSY,
				  "%s is taken by another minato; nft list table netdev minato-%s "
				  "shows its process",
				  ifname, ifname);
	if (result == -EOPNOTSUPP || result == -EPROTONOSUPPORT || result == -EINVAL ||
	    result == -ENOENT)
		return drive_fail(
			error, EOPNOTSUPP,
			"cannot keep the kernel silent on %s: this kernel has no nftables "
			"for arriving frames (nf_tables with netdev, Linux 5.12 or "
			"later): give the link a MAC address of its own, or take the "
			"address off the interface",
			ifname);
	return drive_fail(error, -result, "cannot keep the kernel silent on %s: %s", ifname,
			  strerror(-result));
}

/* unsealed: socket sendto recvfrom close */
int drive_silence(const char *ifname, struct drive_error *error)
{
	struct batch batch = { .used = 0 };
	char table[IFNAMSIZ + sizeof("minato-")];
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	int result;

	if (fd < 0)
		return explain(-errno, ifname, error);
	(void)snprintf(table, sizeof(table), "minato-%s", ifname);
	end(&batch, begin(&batch, NFNL_MSG_BATCH_BEGIN, 0, NFNL_SUBSYS_NFTABLES));
	add_table(&batch, table);
	add_chain(&batch, table, ifname);
	end(&batch, begin(&batch, NFNL_MSG_BATCH_END, 0, NFNL_SUBSYS_NFTABLES));
	result = send(fd, batch.buffer.bytes, batch.used, 0) < 0 ? -errno : hear(fd);
	if (result == 0)
		return fd;
	close(fd);
	return explain(result, ifname, error);
}
