/* SPDX-License-Identifier: BSD-2-Clause */
/* Links, addresses and routes of one network namespace, by rtnetlink. */
#include "drive/drive.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_SIZE 32768

struct drive_rtnl {
	struct mnl_socket *socket;
	uint32_t seq;
	uint32_t port;
	char buffer[BUFFER_SIZE];
};

int drive_rtnl_open(struct drive_rtnl **out)
{
	struct drive_rtnl *rtnl = calloc(1, sizeof(*rtnl));
	int error;

	if (!rtnl)
		return -ENOMEM;
	rtnl->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!rtnl->socket || mnl_socket_bind(rtnl->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		error = errno;
		drive_rtnl_close(rtnl);
		return -error;
	}
	rtnl->port = mnl_socket_get_portid(rtnl->socket);
	*out = rtnl;
	return 0;
}

void drive_rtnl_close(struct drive_rtnl *rtnl)
{
	if (rtnl && rtnl->socket)
		(void)mnl_socket_close(rtnl->socket);
	free(rtnl);
}

static struct nlmsghdr *start(struct drive_rtnl *rtnl, int type, int flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(rtnl->buffer);

	message->nlmsg_type = (uint16_t)type;
	message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	message->nlmsg_seq = ++rtnl->seq;
	return message;
}

/* Sends the message and hands the answers to the callback until the kernel acknowledges. */
static int ask(struct drive_rtnl *rtnl, const struct nlmsghdr *message, mnl_cb_t each, void *user)
{
	uint32_t seq = rtnl->seq;
	int more = MNL_CB_OK;

	if (mnl_socket_sendto(rtnl->socket, message, message->nlmsg_len) < 0)
		return -errno;
	while (more > MNL_CB_STOP) {
		ssize_t got = mnl_socket_recvfrom(rtnl->socket, rtnl->buffer, BUFFER_SIZE);

		if (got < 0)
			return -errno;
		more = mnl_cb_run(rtnl->buffer, (size_t)got, seq, rtnl->port, each, user);
	}
	return more < 0 ? -errno : 0;
}

static int take_index(const struct nlmsghdr *message, void *user)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	int *index = user;

	*index = link->ifi_index;
	return MNL_CB_OK;
}

int drive_rtnl_index(struct drive_rtnl *rtnl, const char *name)
{
	struct nlmsghdr *message = start(rtnl, RTM_GETLINK, NLM_F_ACK);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(message, sizeof(*link));
	int index = -ENODEV;
	int result;

	link->ifi_family = AF_UNSPEC;
	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	result = ask(rtnl, message, take_index, &index);
	return result < 0 ? result : index;
}

/*
 * Frames that wait in a tap for its reader. At the kernel's 1,000 a burst of 2,000 connects loses
 * SYNs inside the guest, and each costs a second.
 */
#define TAP_QUEUE 10000

static struct nlmsghdr *describe_link(struct drive_rtnl *rtnl, int index, uint32_t mtu,
				      const uint8_t *mac)
{
	struct nlmsghdr *message = start(rtnl, RTM_NEWLINK, NLM_F_ACK);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(message, sizeof(*link));

	link->ifi_family = AF_UNSPEC;
	link->ifi_index = index;
	if (mtu)
		mnl_attr_put_u32(message, IFLA_MTU, mtu);
	if (mac) {
		mnl_attr_put(message, IFLA_ADDRESS, 6, mac);
		mnl_attr_put_u32(message, IFLA_TXQLEN, TAP_QUEUE);
	}
	return message;
}

int drive_rtnl_link_set(struct drive_rtnl *rtnl, int index, uint32_t mtu, const uint8_t *mac)
{
	return ask(rtnl, describe_link(rtnl, index, mtu, mac), NULL, NULL);
}

int drive_rtnl_link_up(struct drive_rtnl *rtnl, int index, uint32_t mtu, const uint8_t *mac)
{
	struct nlmsghdr *message = describe_link(rtnl, index, mtu, mac);
	struct ifinfomsg *link = mnl_nlmsg_get_payload(message);

	link->ifi_flags = IFF_UP;
	link->ifi_change = IFF_UP;
	return ask(rtnl, message, NULL, NULL);
}

/* Family, bytes and size of an address as netlink wants it. */
static int family_of(const struct minato_addr *addr, const uint8_t **bytes, size_t *size)
{
	bool is4 = minato_addr_is4(addr);

	*bytes = addr->bytes + (is4 ? 12 : 0);
	*size = is4 ? 4 : 16;
	return is4 ? AF_INET : AF_INET6;
}

int drive_rtnl_addr_add(struct drive_rtnl *rtnl, int index, const struct minato_addr *addr,
			uint8_t prefix)
{
	struct nlmsghdr *message = start(rtnl, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE);
	struct ifaddrmsg *ifaddr = mnl_nlmsg_put_extra_header(message, sizeof(*ifaddr));
	const uint8_t *bytes;
	size_t size;

	ifaddr->ifa_family = (uint8_t)family_of(addr, &bytes, &size);
	ifaddr->ifa_prefixlen = prefix;
	ifaddr->ifa_index = (uint32_t)index;
	ifaddr->ifa_scope = RT_SCOPE_UNIVERSE;
	if (ifaddr->ifa_family == AF_INET6)
		ifaddr->ifa_flags = IFA_F_NODAD;
	mnl_attr_put(message, IFA_LOCAL, size, bytes);
	mnl_attr_put(message, IFA_ADDRESS, size, bytes);
	return ask(rtnl, message, NULL, NULL);
}

int drive_rtnl_default_add(struct drive_rtnl *rtnl, int index, const struct minato_addr *gateway)
{
	struct nlmsghdr *message = start(rtnl, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(message, sizeof(*route));
	const uint8_t *bytes;
	size_t size;

	route->rtm_family = (uint8_t)family_of(gateway, &bytes, &size);
	route->rtm_table = RT_TABLE_MAIN;
	route->rtm_protocol = RTPROT_STATIC;
	route->rtm_scope = RT_SCOPE_UNIVERSE;
	route->rtm_type = RTN_UNICAST;
	mnl_attr_put(message, RTA_GATEWAY, size, bytes);
	mnl_attr_put_u32(message, RTA_OIF, (uint32_t)index);
	return ask(rtnl, message, NULL, NULL);
}

struct walk {
	void (*each)(void *user, const struct drive_prefix *prefix);
	void *user;
	uint16_t wanted; /* the attribute that holds the address */
	const struct nlattr *found;
	size_t size; /* of an address of this family */
};

static int take_attribute(const struct nlattr *attribute, void *user)
{
	struct walk *walk = user;

	if (mnl_attr_get_type(attribute) == walk->wanted &&
	    mnl_attr_get_payload_len(attribute) == walk->size)
		walk->found = attribute;
	return MNL_CB_OK;
}

static void hand_over(const struct walk *walk, uint8_t length)
{
	struct drive_prefix prefix = { .length = length };

	if (walk->size == 4)
		prefix.addr = minato_addr4(0, 0, 0, 0);
	/* A default route has no destination attribute. */
	if (walk->found)
		memcpy(prefix.addr.bytes + 16 - walk->size, mnl_attr_get_payload(walk->found),
		       walk->size);
	walk->each(walk->user, &prefix);
}

static int take_route(const struct nlmsghdr *message, void *user)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);
	struct walk *walk = user;

	if (route->rtm_type != RTN_UNICAST && route->rtm_type != RTN_LOCAL)
		return MNL_CB_OK;
	walk->found = NULL;
	(void)mnl_attr_parse(message, sizeof(*route), take_attribute, walk);
	hand_over(walk, route->rtm_dst_len);
	return MNL_CB_OK;
}

static int take_address(const struct nlmsghdr *message, void *user)
{
	const struct ifaddrmsg *ifaddr = mnl_nlmsg_get_payload(message);
	struct walk *walk = user;

	walk->found = NULL;
	(void)mnl_attr_parse(message, sizeof(*ifaddr), take_attribute, walk);
	hand_over(walk, ifaddr->ifa_prefixlen);
	return MNL_CB_OK;
}

int drive_rtnl_prefixes(struct drive_rtnl *rtnl, int family,
			void (*each)(void *user, const struct drive_prefix *), void *user)
{
	struct walk walk = { .each = each, .user = user, .size = family == AF_INET ? 4 : 16 };
	struct nlmsghdr *message = start(rtnl, RTM_GETADDR, NLM_F_DUMP);
	struct ifaddrmsg *ifaddr = mnl_nlmsg_put_extra_header(message, sizeof(*ifaddr));
	struct rtmsg *route;
	int result;

	ifaddr->ifa_family = (uint8_t)family;
	walk.wanted = IFA_ADDRESS;
	result = ask(rtnl, message, take_address, &walk);
	if (result < 0)
		return result;
	message = start(rtnl, RTM_GETROUTE, NLM_F_DUMP);
	route = mnl_nlmsg_put_extra_header(message, sizeof(*route));
	route->rtm_family = (uint8_t)family;
	walk.wanted = RTA_DST;
	return ask(rtnl, message, take_route, &walk);
}
