/* SPDX-License-Identifier: BSD-2-Clause */
/* What lan is to a guest: what is private and on a link of the host. */
#include "cmd/cmd.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

static const uint8_t *bytes_of(const struct sockaddr *addr)
{
	if (addr->sa_family == AF_INET)
		return (const uint8_t *)&((const struct sockaddr_in *)(const void *)addr)->sin_addr;
	return ((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr.s6_addr;
}

/* The kernel leaves the family of a mask out, here and there. */
static uint8_t length_of(const struct sockaddr *mask, bool four)
{
	struct sockaddr_storage copy = { .ss_family = four ? AF_INET : AF_INET6 };
	const uint8_t *bytes;
	uint8_t length = four ? 96 : 0;

	if (!mask)
		return 128;
	memcpy((char *)&copy + sizeof(copy.ss_family), (const char *)mask + sizeof(copy.ss_family),
	       (four ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)) -
		       sizeof(copy.ss_family));
	bytes = bytes_of((const struct sockaddr *)&copy);
	for (size_t i = 0; i < (four ? 32u : 128u) && bytes[i / 8] & 0x80u >> i % 8; i++)
		length++;
	return length;
}

static void add_lan(struct cmd_ruling *ruling, const struct minato_addr *addr, uint8_t length)
{
	struct relay_prefix *prefix = &ruling->lan[ruling->lan_count];

	if (ruling->lan_count == CMD_LAN_MAX)
		return;
	*prefix = (struct relay_prefix){ *addr, length };
	for (unsigned bit = length; bit < 128; bit++)
		prefix->addr.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	ruling->lan_count++;
}

static void add_own(struct cmd_ruling *ruling, const struct minato_addr *addr, uint8_t length)
{
	if (ruling->own_count < CMD_LAN_MAX)
		ruling->own[ruling->own_count++] = (struct relay_prefix){ *addr, length };
}

static bool is_private(const struct minato_addr *addr)
{
	static const struct {
		uint8_t first[2], mask[2];
	} four[] = {
		{ { 10, 0 }, { 255, 0 } }, /* RFC 1918 */
		{ { 172, 16 }, { 255, 240 } },
		{ { 192, 168 }, { 255, 255 } },
		{ { 169, 254 }, { 255, 255 } }, /* RFC 3927 */
	};
	const uint8_t *bytes = minato_addr_is4(addr) ? addr->bytes + 12 : addr->bytes;

	if (!minato_addr_is4(addr)) /* RFC 4193, RFC 4291 2.5.6 */
		return (bytes[0] & 0xfe) == 0xfc || (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80);
	for (size_t i = 0; i < sizeof(four) / sizeof(four[0]); i++) {
		if ((bytes[0] & four[i].mask[0]) == four[i].first[0] &&
		    (bytes[1] & four[i].mask[1]) == four[i].first[1])
			return true;
	}
	return false;
}

static bool has_device(const struct relay_devices *devices, const char *name)
{
	for (size_t i = 0; i < devices->count; i++) {
		if (!strncmp(devices->name[i], name, IFNAMSIZ))
			return true;
	}
	return false;
}

static void add_device(struct relay_devices *devices, const char *name)
{
	if (devices->count < RELAY_DEVICES_MAX && !has_device(devices, name))
		(void)snprintf(devices->name[devices->count++], IFNAMSIZ, "%s", name);
}

/* Where each device is one of lan, being bound at all of them shuts out nobody. */
static void find_devices(struct relay_devices *devices, const struct ifaddrs *list)
{
	bool others = false;

	for (const struct ifaddrs *one = list; one; one = one->ifa_next) {
		struct minato_endpoint end;

		if (!one->ifa_addr || !drive_endpoint_from(&end, one->ifa_addr))
			continue;
		/* Each device has a link-local IPv6 address, whatever is beyond it. */
		if (one->ifa_flags & IFF_LOOPBACK ||
		    (is_private(&end.addr) && end.addr.bytes[0] != 0xfe))
			add_device(devices, one->ifa_name);
	}
	for (const struct ifaddrs *one = list; one; one = one->ifa_next) {
		struct minato_endpoint end;

		others |= one->ifa_addr && drive_endpoint_from(&end, one->ifa_addr) &&
			  !has_device(devices, one->ifa_name);
	}
	if (!others || devices->count == RELAY_DEVICES_MAX)
		devices->count = 0;
}

/* Of prefixes: whether they are others than before. */
static bool differ(const struct relay_prefix *a, size_t a_count, const struct relay_prefix *b,
		   size_t b_count)
{
	return a_count != b_count || memcmp(a, b, a_count * sizeof(a[0])) != 0;
}

static void begin(struct cmd_ruling *ruling)
{
	struct minato_addr loopback6 = { { 0 } };
	struct minato_addr loopback4 = minato_addr4(127, 0, 0, 0);

	ruling->lan_count = ruling->own_count = 0;
	ruling->devices.count = 0;
	loopback6.bytes[15] = 1;
	add_lan(ruling, &loopback4, 104);
	add_lan(ruling, &loopback6, 128);
	add_own(ruling, &loopback4, 104);
}

bool cmd_ruling_look_around(struct cmd_ruling *ruling)
{
	struct relay_prefix lan[CMD_LAN_MAX], own[CMD_LAN_MAX];
	size_t lan_count = ruling->lan_count;
	size_t own_count = ruling->own_count;
	struct ifaddrs *list = NULL;

	if (getifaddrs(&list) < 0) {
		/* What was known is better than nothing. */
		if (lan_count)
			return false;
		list = NULL;
	}
	memcpy(lan, ruling->lan, sizeof(lan));
	memcpy(own, ruling->own, sizeof(own));
	begin(ruling);
	for (const struct ifaddrs *one = list; one; one = one->ifa_next) {
		struct minato_endpoint end;

		if (!one->ifa_addr || !drive_endpoint_from(&end, one->ifa_addr))
			continue;
		add_own(ruling, &end.addr, 128);
		if (is_private(&end.addr))
			add_lan(ruling, &end.addr,
				length_of(one->ifa_netmask, minato_addr_is4(&end.addr)));
	}
	find_devices(&ruling->devices, list);
	freeifaddrs(list);
	return differ(lan, lan_count, ruling->lan, ruling->lan_count) ||
	       differ(own, own_count, ruling->own, ruling->own_count);
}
