/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's subnet: one the host does not use, or the one the user gave. */
#include "drive/drive.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define GATEWAY 2
#define DNS 3
#define GUEST 100
/* A route shorter than this says "the rest of the world", whole or in pieces. */
#define ROUTE_LENGTH_MIN 8

#define THIRD_FIRST 2 /* 10.0.2.0/24 is what people know from slirp */
#define BASES 4
#define PLACES 256

/* The first two bytes of the candidates: private addresses, then those for benchmarks. */
static const uint8_t bases[BASES][2] = { { 10, 0 }, { 172, 30 }, { 192, 168 }, { 198, 18 } };
static const uint8_t base6[8] = { 0xfd }; /* fd00:0:0:N::/64 */

struct taken {
	bool four[BASES][PLACES]; /* by the third byte */
	bool six[PLACES];	  /* by the eighth byte */
	bool world;		  /* a route to the rest of the world was seen */
};

static struct minato_addr plus(const struct minato_addr *network, uint8_t number)
{
	struct minato_addr addr = *network;

	addr.bytes[15] = (uint8_t)(addr.bytes[15] + number);
	return addr;
}

static void set4(struct drive_subnet *subnet, const struct minato_addr *network, uint8_t prefix)
{
	subnet->has4 = true;
	subnet->prefix4 = prefix;
	subnet->network4 = *network;
	subnet->gateway4 = plus(network, GATEWAY);
	subnet->dns4 = plus(network, DNS);
	subnet->guest4 = plus(network, GUEST);
}

static void set6(struct drive_subnet *subnet, const struct minato_addr *network)
{
	subnet->has6 = true;
	subnet->prefix6 = 64;
	subnet->network6 = *network;
	subnet->gateway6 = plus(network, GATEWAY);
	subnet->dns6 = plus(network, DNS);
	subnet->guest6 = plus(network, GUEST);
}

/* Whether the first `length` bits are the same. */
static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned length)
{
	unsigned whole = length / 8;
	unsigned rest = length % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

/* Marks the candidates among the 256 values of the byte after `base` that the prefix touches. */
static void mark(bool *places, const uint8_t *base, unsigned base_size, const uint8_t *addr,
		 unsigned length)
{
	unsigned base_bits = base_size * 8;
	unsigned bits = length < base_bits + 8 ? length : base_bits + 8;
	uint8_t candidate[9];

	if (!same_bits(base, addr, bits < base_bits ? bits : base_bits))
		return;
	memcpy(candidate, base, base_size);
	for (unsigned i = 0; i < PLACES; i++) {
		candidate[base_size] = (uint8_t)i;
		if (same_bits(candidate, addr, bits))
			places[i] = true;
	}
}

static void take4(void *user, const struct drive_prefix *prefix)
{
	struct taken *taken = user;

	if (prefix->length < ROUTE_LENGTH_MIN) {
		taken->world = true;
		return;
	}
	for (int i = 0; i < BASES; i++)
		mark(taken->four[i], bases[i], 2, prefix->addr.bytes + 12, prefix->length);
}

static void take6(void *user, const struct drive_prefix *prefix)
{
	struct taken *taken = user;

	if (prefix->length < ROUTE_LENGTH_MIN) {
		taken->world = true;
		return;
	}
	mark(taken->six, base6, 7, prefix->addr.bytes, prefix->length);
}

static void choose4(struct drive_subnet *subnet, const struct taken *taken)
{
	struct minato_addr first = minato_addr4(10, 0, THIRD_FIRST, 0);

	for (int i = 0; i < BASES; i++) {
		for (unsigned third = THIRD_FIRST; third < PLACES; third++) {
			struct minato_addr network =
				minato_addr4(bases[i][0], bases[i][1], (uint8_t)third, 0);

			if (taken->four[i][third])
				continue;
			set4(subnet, &network, 24);
			return;
		}
	}
	set4(subnet, &first, 24);
	subnet->overlaps4 = true;
}

static void choose6(struct drive_subnet *subnet, const struct taken *taken)
{
	struct minato_addr network = { { 0 } };
	unsigned eighth = 0;

	while (eighth < PLACES && taken->six[eighth])
		eighth++;
	subnet->overlaps6 = eighth == PLACES;
	memcpy(network.bytes, base6, sizeof(base6));
	network.bytes[7] = (uint8_t)eighth;
	set6(subnet, &network);
}

void drive_subnet_choose(struct drive_subnet *subnet, bool want4, bool want6)
{
	struct taken taken = { 0 };
	struct drive_rtnl *rtnl;

	if (drive_rtnl_open(&rtnl) == 0) {
		if (want4)
			(void)drive_rtnl_prefixes(rtnl, AF_INET, take4, &taken);
		if (want6)
			(void)drive_rtnl_prefixes(rtnl, AF_INET6, take6, &taken);
		drive_rtnl_close(rtnl);
	}
	subnet->routed = taken.world;
	if (want4)
		choose4(subnet, &taken);
	if (want6)
		choose6(subnet, &taken);
}

/*
 * Prefixes of which no part may be the guest's: a relay refuses what lies in them, and a subnet
 * that holds one or lies in one would be refused with it.
 */
static bool meets_reserved(const struct minato_addr *network, unsigned length)
{
	static const struct {
		uint8_t first, length;
	} reserved[] = { { 0, 8 }, { 127, 8 }, { 224, 3 } };
	const uint8_t first = network->bytes[12];

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		unsigned common = length < reserved[i].length ? length : reserved[i].length;

		if (((first ^ reserved[i].first) & (0xff00 >> common) & 0xff) == 0)
			return true;
	}
	return false;
}

/* Clears the bits after the prefix; `length` counts in the 128 of the mapped form. */
static void clear_host_bits(struct minato_addr *addr, unsigned length)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = length > i * 8 ? length - i * 8 : 0;

		if (keep < 8)
			addr->bytes[i] &= (uint8_t)(0xff00 >> keep);
	}
}

int drive_subnet_parse(struct drive_subnet *subnet, const char *text, struct drive_error *error)
{
	const char *slash = strchr(text, '/');
	struct minato_addr network;
	char addr[64];
	unsigned length;
	bool is4;

	if (!slash || (size_t)(slash - text) >= sizeof(addr) || strlen(slash) < 2 ||
	    strlen(slash) > 4 || strspn(slash + 1, "0123456789") != strlen(slash + 1))
		return drive_fail(error, EINVAL, "\"%s\" is not a subnet like 10.0.2.0/24", text);
	length = (unsigned)strtoul(slash + 1, NULL, 10);
	memcpy(addr, text, (size_t)(slash - text));
	addr[slash - text] = '\0';
	if (minato_addr_parse(addr, &network) < 0)
		return drive_fail(error, EINVAL, "\"%s\" is not an address", addr);
	is4 = minato_addr_is4(&network);
	if (is4 ? length < 1 || length > 25 : length != 64)
		return drive_fail(error, EINVAL,
				  "the guest's subnet must be an IPv4 prefix of 1 to "
				  "25 bits or an IPv6 prefix of 64 bits, not /%u",
				  length);
	clear_host_bits(&network, is4 ? 96 + length : length);
	if (drive_addr_sort(&network) != DRIVE_SORT_UNICAST ||
	    (is4 && meets_reserved(&network, length)))
		return drive_fail(error, EINVAL,
				  "%s is not a subnet a guest can have: it meets loopback, "
				  "multicast, 0.0.0.0/8 or 240.0.0.0/4",
				  text);
	if (is4)
		set4(subnet, &network, (uint8_t)length);
	else
		set6(subnet, &network);
	return 0;
}
