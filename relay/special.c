/* SPDX-License-Identifier: BSD-2-Clause */
/* Which addresses are somebody's in the world, and which mean this network or this host. */
#include "relay/permit.h"

#include <string.h>

struct block {
	uint8_t bytes[16];
	uint8_t len;
};

/* IANA's special-purpose registries, what is not globally reachable; documentation left out. */
static const struct block special4[] = {
	{ { 0 }, 8 },	       /* this network, RFC 791 3.2 */
	{ { 10 }, 8 },	       /* private, RFC 1918 */
	{ { 100, 64 }, 10 },   /* shared, RFC 6598 */
	{ { 127 }, 8 },	       /* loopback, RFC 1122 3.2.1.3 */
	{ { 169, 254 }, 16 },  /* link-local, RFC 3927; and clouds' metadata */
	{ { 172, 16 }, 12 },   /* private */
	{ { 192, 0, 0 }, 24 }, /* protocol assignments, RFC 6890 2.1 */
	{ { 192, 168 }, 16 },  /* private */
	{ { 198, 18 }, 15 },   /* benchmarks, RFC 2544; and proxies' made-up addresses */
	{ { 224 }, 3 },	       /* multicast, reserved, broadcast */
};

static const struct block special6[] = {
	{ { 0 }, 8 },				  /* ::, ::1, IPv4 in disguise, RFC 4291 2.5 */
	{ { 0x01, 0x00 }, 64 },			  /* discard, RFC 6666 */
	{ { 0x20, 0x01, 0x00, 0x00 }, 32 },	  /* Teredo, RFC 4380: IPv4 within */
	{ { 0x20, 0x01, 0x00, 0x02, 0, 0 }, 48 }, /* benchmarks, RFC 5180 */
	{ { 0xfc }, 7 },			  /* unique local, RFC 4193 */
	{ { 0xfe, 0x80 }, 10 },			  /* link-local */
	{ { 0xfe, 0xc0 }, 10 },			  /* site-local, RFC 3879 */
	{ { 0xff }, 8 },			  /* multicast */
};

static bool is_in(const uint8_t *addr, const struct block *block)
{
	unsigned bytes = block->len / 8u;
	unsigned bits = block->len % 8u;

	if (memcmp(addr, block->bytes, bytes) != 0)
		return false;
	return bits == 0 || (addr[bytes] ^ block->bytes[bytes]) >> (8 - bits) == 0;
}

static bool is_public4(const uint8_t addr[4])
{
	for (size_t i = 0; i < sizeof(special4) / sizeof(special4[0]); i++) {
		if (is_in(addr, &special4[i]))
			return false;
	}
	return true;
}

bool relay_addr_is_public(const struct minato_addr *addr)
{
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };

	if (minato_addr_is4(addr))
		return is_public4(addr->bytes + 12);
	/* NAT64 (RFC 6052 2.1) and 6to4 (RFC 3056) become the IPv4 address within. */
	if (memcmp(addr->bytes, nat64, sizeof(nat64)) == 0)
		return is_public4(addr->bytes + 12);
	if (addr->bytes[0] == 0x20 && addr->bytes[1] == 0x02)
		return is_public4(addr->bytes + 2);
	for (size_t i = 0; i < sizeof(special6) / sizeof(special6[0]); i++) {
		if (is_in(addr->bytes, &special6[i]))
			return false;
	}
	return true;
}
