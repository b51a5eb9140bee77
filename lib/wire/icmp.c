/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP errors: may one be sent, and what it looks like (RFC 792, 4443). */
#include <string.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "wire/wire.h"

/* The longest errors, without their IP header. */
#define ERROR4_MAX (576 - IPV4_LEN)
#define ERROR6_MAX (1280 - IPV6_LEN)

#define ICMP4_TYPE_MAX 18 /* address mask reply, the last of RFC 950 */
#define ICMP6_REDIRECT 137

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

uint32_t icmp_build_error(const struct packet *about, uint8_t type,
			  uint8_t code, uint32_t word,
			  const struct minato_addr *src, uint8_t *out)
{
	const uint32_t max = about->is6 ? ERROR6_MAX : ERROR4_MAX;
	const uint32_t len = smaller(ICMP_LEN + about->ip_len, max);
	struct sum sum = { 0 };

	out[0] = type;
	out[1] = code;
	put16(out + 2, 0);
	put32(out + 4, word);
	memcpy(out + ICMP_LEN, about->ip, len - ICMP_LEN);
	if (about->is6) /* RFC 4443 2.3 */
		sum_pseudo(&sum, src, &about->src, IP_PROTO_ICMP6, len);
	sum_add(&sum, out, len);
	sum_put(&sum, out + 2);
	return len;
}

/* Errors and redirects, and whatever might be one. */
static bool is_error4(uint8_t type)
{
	static const uint32_t questions = 1u << 0 | 1u << 8 | 1u << 9 |
					  1u << 10 | 1u << 13 | 1u << 14 |
					  1u << 15 | 1u << 16 | 1u << 17 |
					  1u << 18;

	return type > ICMP4_TYPE_MAX || (questions >> type & 1) == 0;
}

static bool is_error6(uint8_t type)
{
	return type < ICMP6_ECHO || type == ICMP6_REDIRECT;
}

/* Is the packet, or the whole that a first fragment begins, an ICMP error? */
static bool is_error(const struct packet *about)
{
	const uint8_t icmp = about->is6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP;

	if (about->ip_proto != icmp)
		return false;
	return about->is6 ? is_error6(about->transport[0]) :
			    is_error4(about->transport[0]);
}

/* RFC 1122 3.2.2: zero, loopback, broadcast, multicast and class E. */
static bool is_one_host(const struct minato_addr *src)
{
	if (minato_addr_is_any(src) || addr_is_multicast(src) ||
	    addr_is_loopback(src))
		return false;
	return !minato_addr_is4(src) || addr_v4(src)[0] < 240;
}

/* From one host to one host. */
static bool may_hear(const struct packet *about)
{
	return about->to_us_mac && !addr_is_multicast(&about->dst) &&
	       !addr_is_broadcast4(&about->dst) && is_one_host(&about->src);
}

bool icmp_may_answer(const struct packet *about)
{
	if (about->type == PACKET_ARP || about->ip == NULL)
		return false;
	if (about->type == PACKET_FRAGMENT && about->fragment_offset != 0)
		/* Only RFC 1122 forbids it; but what ICMP it is, is unknown. */
		return about->is6 && about->ip_proto != IP_PROTO_ICMP6 &&
		       may_hear(about);
	return may_hear(about) && !is_error(about);
}
