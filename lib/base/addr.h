/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses: classification and prefixes. One form for both families. */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include "minato/minato.h"

struct minato_addr addr_from4(const uint8_t bytes[4]);
/* The four bytes of an IPv4 address. Borrows. */
static inline const uint8_t *addr_v4(const struct minato_addr *a)
{
	return a->bytes + 12;
}
/* `prefix_len` of 128; an IPv4 prefix is 96 + its length. */
bool addr_in_prefix(const struct minato_addr *a,
		    const struct minato_addr *prefix, uint32_t prefix_len);
/* Clears what is behind the first `prefix_len` bits. */
void addr_mask(struct minato_addr *a, uint32_t prefix_len);
bool addr_is_multicast(const struct minato_addr *a);
bool addr_is_broadcast4(const struct minato_addr *a); /* 255.255.255.255 */
bool addr_is_loopback(const struct minato_addr *a); /* 127/8, ::1 */
bool addr_is_link_local(const struct minato_addr *a); /* 169.254/16, fe80/10 */

#endif
