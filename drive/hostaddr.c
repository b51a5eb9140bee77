/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses: their sort, their forms in the kernel, and those of the host. */
#include "drive/drive.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

static bool is_mapped(const struct minato_addr *addr)
{
	return memcmp(addr->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

static enum drive_sort sort_v4(const uint8_t bytes[4])
{
	static const uint8_t ones[4] = { 255, 255, 255, 255 };

	if (bytes[0] == 0) /* RFC 1122 3.2.1.3 (a), (b): this host */
		return DRIVE_SORT_ANY;
	if (bytes[0] == 127) /* RFC 1122 3.2.1.3 (g) */
		return DRIVE_SORT_LOOPBACK;
	if ((bytes[0] & 0xf0) == 0xe0) /* RFC 1112 4 */
		return DRIVE_SORT_MULTICAST;
	if (memcmp(bytes, ones, 4) == 0) /* RFC 1122 3.2.1.3 (c) */
		return DRIVE_SORT_BROADCAST;
	return DRIVE_SORT_UNICAST;
}

enum drive_sort drive_addr_sort(const struct minato_addr *addr)
{
	static const uint8_t zero[16];

	if (is_mapped(addr))
		return sort_v4(addr->bytes + 12);
	if (memcmp(addr->bytes, zero, 12) != 0)
		return addr->bytes[0] == 0xff ? DRIVE_SORT_MULTICAST : DRIVE_SORT_UNICAST;
	/* RFC 4291 2.5.3: ::1. The rest of ::/96 is IPv4-compatible, 2.5.5.1. */
	if (memcmp(addr->bytes + 12, "\0\0\0\1", 4) == 0)
		return DRIVE_SORT_LOOPBACK;
	return sort_v4(addr->bytes + 12);
}

bool drive_addr_is_inner(const struct minato_addr *addr)
{
	switch (drive_addr_sort(addr)) {
	case DRIVE_SORT_ANY:
	case DRIVE_SORT_LOOPBACK:
	case DRIVE_SORT_BROADCAST:
		return true;
	case DRIVE_SORT_UNICAST:
	case DRIVE_SORT_MULTICAST:
		return false;
	}
	return true;
}

bool drive_endpoint_from(struct minato_endpoint *end, const struct sockaddr *from)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (from->sa_family == AF_INET) {
		memcpy(&in, from, sizeof(in));
		memcpy(end->addr.bytes, mapped_prefix, 12);
		memcpy(end->addr.bytes + 12, &in.sin_addr, 4);
		end->port = ntohs(in.sin_port);
		return true;
	}
	if (from->sa_family == AF_INET6) {
		memcpy(&in6, from, sizeof(in6));
		memcpy(end->addr.bytes, &in6.sin6_addr, 16);
		end->port = ntohs(in6.sin6_port);
		return true;
	}
	return false;
}

socklen_t drive_endpoint_to(struct sockaddr_storage *to, const struct minato_endpoint *end)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(end->port) };

	if (!is_mapped(&end->addr))
		return drive_endpoint_to6(to, end);
	memcpy(&in.sin_addr, end->addr.bytes + 12, 4);
	memset(to, 0, sizeof(*to));
	memcpy(to, &in, sizeof(in));
	return sizeof(in);
}

socklen_t drive_endpoint_to6(struct sockaddr_storage *to, const struct minato_endpoint *end)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(end->port) };

	memcpy(&in6.sin6_addr, end->addr.bytes, 16);
	memset(to, 0, sizeof(*to));
	memcpy(to, &in6, sizeof(in6));
	return sizeof(in6);
}

/* The length of a netmask's run of ones. */
static uint8_t mask_length(const struct sockaddr *mask)
{
	const uint8_t *bytes = NULL;
	struct sockaddr_in6 in6;
	struct sockaddr_in in;
	size_t size = 0;
	uint8_t length = 0;

	if (mask && mask->sa_family == AF_INET) {
		memcpy(&in, mask, sizeof(in));
		bytes = (const uint8_t *)&in.sin_addr;
		size = 4;
	} else if (mask && mask->sa_family == AF_INET6) {
		memcpy(&in6, mask, sizeof(in6));
		bytes = (const uint8_t *)&in6.sin6_addr;
		size = 16;
	}
	while (length < size * 8 && (bytes[length / 8] & (0x80 >> length % 8)))
		length++;
	return length;
}

int drive_hostaddr_read(struct drive_hostaddr *list, size_t room)
{
	struct ifaddrs *all;
	int count = 0;

	if (getifaddrs(&all) < 0)
		return -errno;
	for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
		struct minato_endpoint end;

		if (!one->ifa_addr || !drive_endpoint_from(&end, one->ifa_addr))
			continue;
		if ((size_t)count < room)
			list[count] = (struct drive_hostaddr){
				.addr = end.addr,
				.prefix = mask_length(one->ifa_netmask),
				.loopback = one->ifa_flags & IFF_LOOPBACK,
				.interface = if_nametoindex(one->ifa_name),
			};
		count++;
	}
	freeifaddrs(all);
	return count;
}

int drive_hostaddr_watch(void)
{
	struct sockaddr_nl local = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
			     RTMGRP_IPV6_ROUTE,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&local, sizeof(local)) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

int drive_hostaddr_drain(int fd)
{
	char buffer[8192];
	int changed = 0;

	for (;;) {
		ssize_t got = recv(fd, buffer, sizeof(buffer), 0);

		if (got < 0 && errno == EAGAIN)
			return changed;
		/* ENOBUFS: more happened than the kernel could keep for us. */
		if (got < 0 && errno != EINTR && errno != ENOBUFS)
			return -errno;
		if (got >= 0 || errno == ENOBUFS)
			changed = 1;
	}
}
