/* SPDX-License-Identifier: BSD-2-Clause */
/* An interface that exists becomes a link of ours, in whichever network namespace it is. */
#include "drive/carry.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define BUFFER (8 << 20) /* of the socket, each way: what comes while we are not running */
#define ADDRESSES_MAX 1024u
#define VLAN_MAX 4094u

/* What a child in the namespace finds out. */
struct found {
	struct drive_error error;
	struct drive_link_ends ends;
};

struct errand {
	struct drive_inside inside; /* first: what the work is given */
	const struct drive_link_plan *plan;
	struct found found;
};

static const char *place(const struct drive_link_plan *plan)
{
	return plan->netns ? plan->netns : "this network namespace";
}

/* The kernel leaves alone what is for such a one. */
static bool has_own_mac(const struct drive_link_plan *plan)
{
	return plan->mac || plan->second_mac;
}

/* ---- what is asked for ---- */

static bool is_name(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length < IFNAMSIZ && !strchr(name, '/') && !strchr(name, ' ') &&
	       strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int judge_plan(const struct drive_link_plan *plan, struct drive_error *error)
{
	static const uint8_t none[6] = { 0 };

	if (!is_name(plan->ifname))
		return drive_fail(error, EINVAL,
				  "'%s' is no name of an interface (1 to %d "
				  "letters, no '/' and no space)",
				  plan->ifname, IFNAMSIZ - 1);
	if (plan->vlan > VLAN_MAX)
		return drive_fail(error, EINVAL, "%s: a VLAN has a number from 1 to %u",
				  plan->ifname, VLAN_MAX);
	if (plan->mac && (plan->mac[0] & 1 || memcmp(plan->mac, none, sizeof(none)) == 0))
		return drive_fail(error, EINVAL,
				  "%s: that MAC address is not one of a station: the first byte "
				  "must be even (02:... is free for own use), and not all be zero",
				  plan->ifname);
	return 0;
}

/* ---- in the namespace: what the kernel there would do beside us ---- */

/* RFC 4291 2.5.1: what a host value makes of its MAC, and mostly the kernel, too. */
static struct minato_addr link_local(const uint8_t mac[6])
{
	return (struct minato_addr){ { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2],
				       0xff, 0xfe, mac[3], mac[4], mac[5] } };
}

static int refuse_address(const struct drive_link_plan *plan, const struct drive_hostaddr *one,
			  struct drive_error *error)
{
	char name[IF_NAMESIZE] = "?";
	char text[46];

	(void)minato_addr_format(&one->addr, text, sizeof(text));
	(void)if_indextoname(one->interface, name);
	return drive_fail(error, EADDRINUSE,
			  "the kernel has %s on %s: it would answer beside us, and reset our "
			  "connections. Take it away (ip addr del %s/%u dev %s), or say take, and "
			  "the kernel no longer hears what arrives at %s",
			  text, name, text, one->prefix, name, plan->ifname);
}

static int judge_addresses(const struct drive_link_plan *plan, const struct drive_link_ends *ends,
			   struct drive_error *error)
{
	struct drive_hostaddr *all = calloc(ADDRESSES_MAX, sizeof(*all));
	struct minato_addr local = link_local(ends->mac);
	bool six = false; /* the link speaks IPv6 */
	int count = all ? drive_hostaddr_read(all, ADDRESSES_MAX) : -ENOMEM;
	int result = count < 0 ? drive_fail(error, -count, "reading the addresses of %s: %s",
					    place(plan), strerror(-count)) :
				 0;

	for (size_t j = 0; j < plan->ours_count; j++)
		six |= !minato_addr_is4(&plan->ours[j]);
	for (int i = 0; result == 0 && i < count && i < (int)ADDRESSES_MAX; i++) {
		bool same = six && all[i].interface == ends->index &&
			    minato_addr_equal(&all[i].addr, &local);

		for (size_t j = 0; j < plan->ours_count; j++)
			same |= minato_addr_equal(&all[i].addr, &plan->ours[j]);
		if (same)
			result = refuse_address(plan, &all[i], error);
	}
	free(all);
	return result;
}

static bool forwards(const char *family, const char *ifname)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/forwarding", family, ifname);
	return drive_proc_number(path, 0) != 0;
}

static int judge_forwarding(const struct drive_link_plan *plan, struct drive_error *error)
{
	static const char *const families[] = { "ipv4", "ipv6" };

	for (size_t i = 0; i < 2; i++)
		if (forwards(families[i], plan->ifname))
			return drive_fail(
				error, EBUSY,
				"the kernel forwards what arrives at %s: each packet would be "
				"handed on twice. Have it not (sysctl net.%s.conf.%s."
				"forwarding=0), "
				"give the link a MAC address of its own, or say take",
				plan->ifname, families[i], plan->ifname);
	return 0;
}

/* ---- in the namespace: the sockets ---- */

static int refuse_socket(const struct drive_link_plan *plan, int errnum, struct drive_error *error)
{
	if (errnum == EPERM || errnum == EACCES)
		return drive_fail(
			error, EPERM,
			"%s: a packet socket needs CAP_NET_RAW over %s: be root, or the "
			"user who made that namespace (unshare -Urn), or let root give the "
			"right to the program: setcap cap_net_raw,cap_net_admin+ep MINATO",
			plan->ifname, place(plan));
	if (errnum == EAFNOSUPPORT)
		return drive_fail(error, errnum,
				  "%s: this kernel has no packet sockets; root loads "
				  "them with: modprobe af_packet",
				  plan->ifname);
	return drive_fail(error, errnum, "%s: a packet socket: %s", plan->ifname, strerror(errnum));
}

/* unsealed: ioctl */
static int ask(int fd, unsigned long request, struct ifreq *interface,
	       const struct drive_link_plan *plan)
{
	memset(interface, 0, sizeof(*interface));
	(void)snprintf(interface->ifr_name, sizeof(interface->ifr_name), "%s", plan->ifname);
	return ioctl(fd, request, interface) < 0 ? -errno : 0;
}

/* unsealed: stat */
static uint64_t own_space(void)
{
	struct stat about;

	return stat("/proc/self/ns/net", &about) == 0 ? about.st_ino : 0;
}

/* What the interface is like. */
static int describe(int fd, const struct drive_link_plan *plan, struct drive_link_ends *ends,
		    struct drive_error *error)
{
	struct ifreq interface;
	int result = ask(fd, SIOCGIFINDEX, &interface, plan);

	if (result == -ENODEV)
		return drive_fail(error, ENODEV, "there is no interface %s in %s", plan->ifname,
				  place(plan));
	ends->index = (unsigned)interface.ifr_ifindex;
	if (result == 0)
		result = ask(fd, SIOCGIFMTU, &interface, plan);
	ends->mtu = (uint32_t)interface.ifr_mtu;
	if (result == 0)
		result = ask(fd, SIOCGIFFLAGS, &interface, plan);
	ends->up = (interface.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
	if (result == 0)
		result = ask(fd, SIOCGIFHWADDR, &interface, plan);
	if (result < 0)
		return drive_fail(error, -result, "%s: %s", plan->ifname, strerror(-result));
	if (interface.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return drive_fail(error, EINVAL,
				  "%s carries no Ethernet frames: a link of ours "
				  "needs an interface that does",
				  plan->ifname);
	memcpy(ends->mac, plan->mac ? (const void *)plan->mac : interface.ifr_hwaddr.sa_data, 6);
	/* Locally administered, and another than the interface's where that is so too. */
	if (has_own_mac(plan) && !plan->mac)
		ends->mac[0] = (uint8_t)((ends->mac[0] | 2) ^ 4);
	(void)snprintf(ends->ifname, sizeof(ends->ifname), "%s", plan->ifname);
	ends->vlan = plan->vlan;
	ends->space = own_space();
	return 0;
}

/* unsealed: uname */
static uint32_t offloads(void)
{
	uint32_t all = MINATO_OFFLOAD_CSUM | MINATO_OFFLOAD_TSO4 | MINATO_OFFLOAD_TSO6;
	struct utsname kernel;
	char *minor;

	/* Runs of datagrams are known since Linux 6.2. */
	if (uname(&kernel) < 0)
		return all;
	if (strtol(kernel.release, &minor, 10) * 1000 + strtol(minor + (*minor == '.'), NULL, 10) >=
	    6002)
		all |= MINATO_OFFLOAD_USO4 | MINATO_OFFLOAD_USO6;
	return all;
}

/* More than the system's bound where we may, else as much as it allows. */
/* unsealed: setsockopt getsockopt */
static void widen(int fd, struct drive_link_ends *ends)
{
	const int size = BUFFER;
	int room = 0;
	socklen_t length = sizeof(room);

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, &length) == 0)
		ends->room = (uint32_t)room;
}

/*
 * The interface lets through what is for a MAC of our own (it becomes promiscuous where it cannot
 * do so for one more), and all groups: neighbours are sought by them (RFC 4291 2.7.1).
 */
static int join(int fd, const struct drive_link_plan *plan, const struct drive_link_ends *ends)
{
	struct packet_mreq wish = { .mr_ifindex = (int)ends->index, .mr_type = PACKET_MR_ALLMULTI };

	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &wish, sizeof(wish)) < 0)
		return -errno;
	if (!has_own_mac(plan))
		return 0;
	wish.mr_type = PACKET_MR_UNICAST;
	wish.mr_alen = 6;
	memcpy(wish.mr_address, ends->mac, 6);
	return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &wish, sizeof(wish)) < 0 ? -errno :
											    0;
}

/*
 * Frames come from the moment of binding: by then all is set. PACKET_QDISC_BYPASS is not: between
 * namespaces it gains nothing that can be measured, and it would pass by the interface's queue and
 * whatever its administrator shapes there.
 */
static int prepare(int fd, const struct drive_link_plan *plan, struct drive_link_ends *ends)
{
	static const int options[] = { PACKET_VNET_HDR, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING };
	const struct sockaddr_ll here = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)ends->index,
	};
	const int on = 1;
	int result;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (setsockopt(fd, SOL_PACKET, options[i], &on, sizeof(on)) < 0)
			return -errno;
	widen(fd, ends);
	result = join(fd, plan, ends);
	if (result == 0 && bind(fd, (const struct sockaddr *)&here, sizeof(here)) < 0)
		result = -errno;
	return result;
}

/* unsealed: socket bind close */
static int open_packet(struct drive_inside *inside)
{
	struct errand *errand = (struct errand *)inside;
	const struct drive_link_plan *plan = errand->plan;
	struct drive_link_ends *ends = &errand->found.ends;
	struct drive_error *error = &errand->found.error;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int result = fd < 0 ? refuse_socket(plan, errno, error) : describe(fd, plan, ends, error);

	if (result == 0 && !plan->take && !has_own_mac(plan))
		result = judge_forwarding(plan, error);
	if (result == 0 && !plan->take)
		result = judge_addresses(plan, ends, error);
	if (result == 0) {
		result = prepare(fd, plan, ends);
		if (result < 0)
			(void)refuse_socket(plan, -result, error);
	}
	ends->offloads = offloads();
	if (result < 0 && fd >= 0)
		close(fd);
	inside->fd = result < 0 ? -1 : fd;
	return result;
}

/* Bound to no protocol: nothing comes by it. */
static int open_sender(struct drive_inside *inside)
{
	struct errand *errand = (struct errand *)inside;
	const struct sockaddr_ll here = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)errand->found.ends.index,
	};
	const int on = 1;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct drive_link_ends ignored;
	int result;

	if (fd >= 0 && setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) == 0 &&
	    bind(fd, (const struct sockaddr *)&here, sizeof(here)) == 0) {
		widen(fd, &ignored);
		inside->fd = fd;
		return 0;
	}
	result = refuse_socket(errand->plan, errno, &errand->found.error);
	if (fd >= 0)
		close(fd);
	return result;
}

static int open_watch(struct drive_inside *inside)
{
	struct errand *errand = (struct errand *)inside;
	const struct sockaddr_nl all = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&all, sizeof(all)) == 0) {
		inside->fd = fd;
		return 0;
	}
	(void)drive_fail(&errand->found.error, errno, "hearing of changes of %s: %s",
			 errand->plan->ifname, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -EIO;
}

static int open_filter(struct drive_inside *inside)
{
	struct errand *errand = (struct errand *)inside;

	inside->fd = drive_silence(errand->plan->ifname, &errand->found.error);
	return inside->fd < 0 ? inside->fd : 0;
}

/* Everything goes on without it. */
static int open_carrier(struct drive_inside *inside)
{
	struct errand *errand = (struct errand *)inside;
	const struct drive_link_ends *ends = &errand->found.ends;

	inside->fd = drive_carry_join(errand->plan->carry, ends->packet, ends->index, ends->mac);
	return inside->fd < 0 ? inside->fd : 0;
}

/* ---- outside of it ---- */

/* Runs an errand in the namespace; its descriptor, or negative errno with a text. */
static int run(struct errand *errand, const struct drive_target *target,
	       int (*work)(struct drive_inside *), struct drive_error *error)
{
	int result;

	errand->found.error.text[0] = '\0';
	errand->inside = (struct drive_inside){
		.work = work, .answer = &errand->found, .size = sizeof(errand->found), .fd = -1
	};
	result = target ? drive_inside(target->owner, target->netns, &errand->inside) :
			  work(&errand->inside);
	if (result == 0)
		return errand->inside.fd;
	if (errand->found.error.text[0])
		return drive_fail(error, -result, "%s", errand->found.error.text);
	return drive_fail(error, -result, "entering %s: %s", place(errand->plan),
			  strerror(-result));
}

static int make(struct drive_link_ends *ends, const struct drive_link_plan *plan,
		const struct drive_target *target, struct drive_error *error)
{
	struct errand errand = { .plan = plan };
	int packet = run(&errand, target, open_packet, error);
	int sender = packet < 0 ? packet : run(&errand, target, open_sender, error);
	int watch = sender < 0 ? sender : run(&errand, target, open_watch, error);
	bool silences = plan->take && !plan->silent;
	int filter = watch < 0 || !silences ? -1 : run(&errand, target, open_filter, error);
	int carrier = -ENOENT;

	errand.found.ends.packet = packet;
	if (watch >= 0 && plan->carry && !plan->vlan)
		carrier = run(&errand, target, open_carrier, NULL);
	*ends = errand.found.ends;
	ends->packet = packet;
	ends->sender = sender;
	ends->watch = watch;
	ends->filter = filter;
	ends->carrier = carrier;
	if (watch >= 0 && (filter >= 0 || !silences))
		return 0;
	drive_link_ends_close(ends);
	return watch < 0 ? watch : filter;
}

/* A word without a slash that is no number: what `ip netns` calls a namespace. */
static void name_path(const char *word, char path[DRIVE_PATH_SIZE])
{
	bool plain = !strchr(word, '/') && word[strspn(word, "0123456789")] != '\0';

	(void)snprintf(path, DRIVE_PATH_SIZE, "%s%s", plain ? "/run/netns/" : "", word);
}

int drive_link_make(struct drive_link_ends *ends, const struct drive_link_plan *plan,
		    struct drive_error *error)
{
	struct drive_target target;
	char path[DRIVE_PATH_SIZE];
	int result = judge_plan(plan, error);

	*ends = DRIVE_LINK_ENDS_NONE;
	if (result < 0)
		return result;
	if (!plan->netns)
		return make(ends, plan, NULL, error);
	name_path(plan->netns, path);
	result = drive_target_open(&target, path, error);
	if (result < 0)
		return result;
	result = make(ends, plan, &target, error);
	drive_target_close(&target);
	return result;
}

/* unsealed: ioctl */
uint32_t drive_link_mtu(const struct drive_link_ends *ends)
{
	struct ifreq interface = { .ifr_ifindex = (int)ends->index };

	/* The socket is of that namespace, wherever we are. By the index: names change. */
	if (ends->packet < 0 || ioctl(ends->packet, SIOCGIFNAME, &interface) < 0 ||
	    ioctl(ends->packet, SIOCGIFMTU, &interface) < 0 || interface.ifr_mtu < 0)
		return 0;
	return (uint32_t)interface.ifr_mtu;
}

void drive_link_ends_close(struct drive_link_ends *ends)
{
	int *const all[] = { &ends->packet, &ends->sender, &ends->watch, &ends->filter,
			     &ends->carrier };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (*all[i] >= 0)
			close(*all[i]);
		*all[i] = -1;
	}
}
