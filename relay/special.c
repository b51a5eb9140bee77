/* SPDX-License-Identifier: BSD-2-Clause */
/* Which addresses are somebody's in the world, and which mean this network or this host. */
#include "relay/permit.h"

#include <string.h>

struct block {
	uint8_t bytes[16];
	uint8_t len;
};

/*
 * IANA's special-purpose registries by their column "globally reachable": what is not, or has no
 * entry there (6to4's relay, Teredo). Of the prefixes for documentation those that people try
 * things out with are left out: 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 and 2001:db8::/32
 * lead nowhere, unless a network here uses them; then they are on a link.
 */
static const struct block special4[] = {
	{ { 0 }, 8 },		 /* this network, RFC 791 3.2 */
	{ { 10 }, 8 },		 /* private, RFC 1918 */
	{ { 100, 64 }, 10 },	 /* shared, RFC 6598 */
	{ { 127 }, 8 },		 /* loopback, RFC 1122 3.2.1.3 */
	{ { 169, 254 }, 16 },	 /* link-local, RFC 3927; and clouds' metadata */
	{ { 172, 16 }, 12 },	 /* private */
	{ { 192, 0, 0 }, 24 },	 /* protocol assignments, RFC 6890 2.1 */
	{ { 192, 88, 99 }, 24 }, /* 6to4's next relay, RFC 7526 */
	{ { 192, 168 }, 16 },	 /* private */
	{ { 198, 18 }, 15 },	 /* benchmarks, RFC 2544; and proxies' made-up addresses */
	{ { 224 }, 3 },		 /* multicast, reserved, broadcast */
};

static const struct block special6[] = {
	{ { 0 }, 8 }, /* ::, ::1, IPv4 in disguise, RFC 4291 2.5; 64:ff9b:1::/48, RFC 8215 */
	{ { 0x01, 0x00 }, 64 },			  /* discard, RFC 6666 */
	{ { 0x01, 0x00, 0, 0, 0, 0, 0, 1 }, 64 }, /* dummy, RFC 9780 */
	{ { 0x20, 0x01, 0x00 }, 23 },		  /* protocol assignments, RFC 2928; Teredo */
	{ { 0x3f, 0xff }, 20 },			  /* documentation, RFC 9637 */
	{ { 0x5f, 0x00 }, 16 },			  /* segments of routing, RFC 9602 */
	{ { 0xfc }, 7 },			  /* unique local, RFC 4193 */
	{ { 0xfe, 0x80 }, 10 },			  /* link-local */
	{ { 0xfe, 0xc0 }, 10 },			  /* site-local, RFC 3879 */
	{ { 0xff }, 8 },			  /* multicast */
};

/* Parts of them that are reachable. */
static const struct block reachable4[] = {
	{ { 192, 0, 0, 9 }, 32 },  /* PCP's anycast, RFC 7723 */
	{ { 192, 0, 0, 10 }, 32 }, /* TURN's, RFC 8155 */
};

static const struct block reachable6[] = {
	{ { 0x20, 0x01, 0, 1, [15] = 1 }, 128 },  /* PCP's anycast, RFC 7723 */
	{ { 0x20, 0x01, 0, 1, [15] = 2 }, 128 },  /* TURN's, RFC 8155 */
	{ { 0x20, 0x01, 0, 1, [15] = 3 }, 128 },  /* DNS-SD's, RFC 9665 */
	{ { 0x20, 0x01, 0, 3 }, 32 },		  /* AMT, RFC 7450 */
	{ { 0x20, 0x01, 0, 4, 0x01, 0x12 }, 48 }, /* AS112, RFC 7535 */
	{ { 0x20, 0x01, 0x00, 0x20 }, 28 },	  /* ORCHIDv2, RFC 7343 */
	{ { 0x20, 0x01, 0x00, 0x30 }, 28 },	  /* drones' tags, RFC 9374 */
};

static bool is_in(const uint8_t *addr, const struct block *block)
{
	unsigned bytes = block->len / 8u;
	unsigned bits = block->len % 8u;

	if (memcmp(addr, block->bytes, bytes) != 0)
		return false;
	return bits == 0 || (addr[bytes] ^ block->bytes[bytes]) >> (8 - bits) == 0;
}

static bool is_in_any(const uint8_t *addr, const struct block *blocks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (is_in(addr, &blocks[i]))
			return true;
	}
	return false;
}

#define IN(addr, blocks) is_in_any(addr, blocks, sizeof(blocks) / sizeof((blocks)[0]))

static bool is_public4(const uint8_t addr[4])
{
	return !IN(addr, special4) || IN(addr, reachable4);
}

const uint8_t *relay_addr_within(const struct minato_addr *addr)
{
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };

	if (minato_addr_is4(addr) || memcmp(addr->bytes, nat64, sizeof(nat64)) == 0)
		return addr->bytes + 12;
	if (addr->bytes[0] == 0x20 && addr->bytes[1] == 0x02)
		return addr->bytes + 2;
	return NULL;
}

bool relay_addr_is_public(const struct minato_addr *addr)
{
	const uint8_t *within = relay_addr_within(addr);

	if (within)
		return is_public4(within);
	return !IN(addr->bytes, special6) || IN(addr->bytes, reachable6);
}
