/* SPDX-License-Identifier: BSD-2-Clause */
/* What is near the host though its addresses are public: the host itself, and its links. */
#include "relay/permit.h"

#include <string.h>

/*
 * A network as long as that is nobody's neighbourhood: a tunnel that leads everywhere says so. Its
 * own address counts all the same.
 */
#define LENGTH_MIN_4 (96u + 8u)
#define LENGTH_MIN_6 32u

static bool holds(const struct relay_prefix *prefix, const struct minato_addr *addr)
{
	unsigned bytes = prefix->length / 8;
	unsigned bits = prefix->length % 8;

	if (memcmp(addr->bytes, prefix->addr.bytes, bytes) != 0)
		return false;
	return bits == 0 || (addr->bytes[bytes] ^ prefix->addr.bytes[bytes]) >> (8 - bits) == 0;
}

bool near_holds(const struct relay_prefix *list, size_t count, const struct minato_addr *addr)
{
	const uint8_t *v4 = relay_addr_within(addr);
	struct minato_addr within = *addr;

	if (v4)
		within = minato_addr4(v4[0], v4[1], v4[2], v4[3]);
	for (size_t i = 0; i < count; i++) {
		if (holds(&list[i], addr) || holds(&list[i], &within))
			return true;
	}
	return false;
}

static struct relay_prefix network_of(const struct drive_hostaddr *own)
{
	bool four = minato_addr_is4(&own->addr);
	unsigned length = own->prefix + (four ? 96u : 0u);
	struct relay_prefix prefix = { .addr = own->addr };

	if (length < (four ? LENGTH_MIN_4 : LENGTH_MIN_6))
		length = 128;
	prefix.length = (uint8_t)length;
	for (unsigned bit = length; bit < 128; bit++)
		prefix.addr.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	return prefix;
}

size_t relay_near_of(const struct drive_hostaddr *own, size_t own_count, struct relay_prefix *list,
		     size_t room)
{
	size_t count = 0;

	for (size_t i = 0; i < own_count; i++) {
		struct relay_prefix prefix = network_of(&own[i]);
		size_t listed = count < room ? count : room;

		/* The others are no answer's anyway. */
		if (!relay_addr_is_public(&own[i].addr) || near_holds(list, listed, &own[i].addr))
			continue;
		if (count < room)
			list[count] = prefix;
		count++;
	}
	return count;
}
