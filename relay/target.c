/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the guest may go, and as whom the outside appears to it: pure judgements. */
#include "relay/permit.h"
#include "relay/relay.h"

#include "minato/gateway.h"

#include <errno.h>
#include <string.h>

#define DNS_PORT 53u

static bool same(const struct minato_addr *a, const struct minato_addr *b)
{
	return minato_addr_equal(a, b);
}

static bool in_prefix(const struct minato_addr *a, const struct minato_addr *prefix, unsigned bits)
{
	unsigned bytes = bits / 8;

	if (memcmp(a->bytes, prefix->bytes, bytes) != 0)
		return false;
	if (bits % 8 == 0)
		return true;
	return (a->bytes[bytes] ^ prefix->bytes[bytes]) >> (8 - bits % 8) == 0;
}

static bool is_gateway(const struct drive_subnet *s, const struct minato_addr *a)
{
	return (s->has4 && same(a, &s->gateway4)) || (s->has6 && same(a, &s->gateway6));
}

static bool is_dns(const struct drive_subnet *s, const struct minato_addr *a)
{
	return (s->has4 && same(a, &s->dns4)) || (s->has6 && same(a, &s->dns6));
}

static bool is_guest(const struct drive_subnet *s, const struct minato_addr *a)
{
	return (s->has4 && same(a, &s->guest4)) || (s->has6 && same(a, &s->guest6));
}

static bool is_on_link(const struct drive_subnet *s, const struct minato_addr *a)
{
	if (minato_addr_is4(a))
		return s->has4 && in_prefix(a, &s->network4, 96u + s->prefix4);
	return s->has6 && in_prefix(a, &s->network6, s->prefix6);
}

/* The first or the last address of the guest's IPv4 subnet: its broadcast, old and new. */
static bool is_subnet_broadcast(const struct drive_subnet *s, const struct minato_addr *a)
{
	uint32_t host = 0;
	uint32_t mask = s->prefix4 < 32 ? UINT32_MAX >> s->prefix4 : 0;

	if (!minato_addr_is4(a) || !is_on_link(s, a))
		return false;
	for (unsigned i = 12; i < 16; i++)
		host = host << 8 | a->bytes[i];
	host &= mask;
	return host == 0 || host == mask;
}

typedef bool is_of(const struct drive_subnet *s, const struct minato_addr *a);

/* Of any inside. */
static bool any(const struct relay_config *config, is_of *is, const struct minato_addr *a)
{
	for (size_t i = 0; i < inside_count(config); i++) {
		if (is(inside_subnet(config, i), a))
			return true;
	}
	return false;
}

static bool is_link_local4(const struct minato_addr *a)
{
	return minato_addr_is4(a) && a->bytes[12] == 169 && a->bytes[13] == 254;
}

static bool is_link_local6(const struct minato_addr *a)
{
	return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

/*
 * IPv6 forms that a translator on the host may turn back into the IPv4 address within: NAT64
 * (RFC 6052 2.1) and 6to4 (RFC 3056). The host's inner side stays closed through them too.
 */
static bool leads_inside(const struct minato_addr *a)
{
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
	const uint8_t *v4;
	struct minato_addr inner;

	if (drive_addr_is_inner(a))
		return true;
	if (minato_addr_is4(a))
		return false;
	if (memcmp(a->bytes, nat64, sizeof(nat64)) == 0)
		v4 = a->bytes + 12;
	else if (a->bytes[0] == 0x20 && a->bytes[1] == 0x02)
		v4 = a->bytes + 2;
	else
		return false;
	inner = minato_addr4(v4[0], v4[1], v4[2], v4[3]);
	return drive_addr_is_inner(&inner) || is_link_local4(&inner);
}

static struct minato_addr loopback_of(const struct minato_addr *family)
{
	if (minato_addr_is4(family))
		return minato_addr4(127, 0, 0, 1);
	return (struct minato_addr){ .bytes = { [15] = 1 } };
}

bool relay_allow_is_own(const struct relay_allow *allow, const struct drive_subnet *subnet)
{
	unsigned least = minato_addr_is4(&allow->prefix) ? 96u + subnet->prefix4 : subnet->prefix6;

	return !allow->named && allow->prefix_len >= least && is_on_link(subnet, &allow->prefix);
}

struct relay_forward *target_reach(const struct relay *relay, enum minato_proto proto,
				   const struct minato_endpoint *wanted,
				   struct minato_endpoint *dial)
{
	if (!any(&relay->config, is_gateway, &wanted->addr))
		return NULL;
	return reach_dial(relay, proto, wanted, dial);
}

enum target_verdict target_judge(const struct relay *relay, enum minato_proto proto,
				 const struct minato_endpoint *wanted, struct minato_endpoint *dial)
{
	const struct relay_config *config = &relay->config;

	*dial = *wanted;
	if (wanted->port == 0)
		return TARGET_REFUSE;
	/* Of a gateway both are one address. */
	if (any(config, is_dns, &wanted->addr) && wanted->port == DNS_PORT)
		return TARGET_RESOLVER;
	if (any(config, is_gateway, &wanted->addr)) {
		if (target_reach(relay, proto, wanted, dial))
			return TARGET_DIAL;
		dial->addr = loopback_of(&wanted->addr);
		return config->host_loopback ? TARGET_DIAL : TARGET_REFUSE;
	}
	if (any(config, is_dns, &wanted->addr))
		return TARGET_REFUSE;
	if (leads_inside(&wanted->addr))
		return TARGET_REFUSE;
	if (drive_addr_sort(&wanted->addr) == DRIVE_SORT_MULTICAST)
		return TARGET_MULTICAST;
	if (any(config, is_subnet_broadcast, &wanted->addr) || any(config, is_guest, &wanted->addr))
		return TARGET_REFUSE;
	/* No router hands on what is link-local (RFC 3927 2.7, RFC 4291 2.5.6). */
	if (any(config, is_on_link, &wanted->addr) || is_link_local4(&wanted->addr) ||
	    is_link_local6(&wanted->addr))
		return TARGET_ABSENT;
	return TARGET_DIAL;
}

const char *target_words(const struct relay *relay, const struct minato_endpoint *wanted)
{
	const struct relay_config *config = &relay->config;
	const struct minato_addr *addr = &wanted->addr;
	enum drive_sort sort = drive_addr_sort(addr);

	if (wanted->port == 0)
		return "nothing has port 0";
	if (any(config, is_gateway, addr))
		return "the gateway, where nothing is open to the guest: --reach opens a port";
	if (any(config, is_dns, addr))
		return "the resolver's address, where nothing else is";
	if (any(config, is_guest, addr))
		return "the guest's own address";
	if (sort == DRIVE_SORT_MULTICAST)
		return "groups are not carried";
	if (sort == DRIVE_SORT_BROADCAST || any(config, is_subnet_broadcast, addr))
		return "broadcasts are not carried";
	if (is_link_local4(addr) || is_link_local6(addr))
		return "a link-local address: nothing leads there";
	if (any(config, is_on_link, addr))
		return "nobody has that address on the guest's link";
	return "the host's own side";
}

bool target_seen(const struct relay *relay, const struct minato_endpoint *from,
		 struct minato_endpoint *seen)
{
	const struct drive_subnet *s = &relay->config.subnet;
	bool four = minato_addr_is4(&from->addr);
	struct minato_addr loopback = loopback_of(&from->addr);
	uint16_t port;

	*seen = *from;
	if (drive_addr_sort(&from->addr) != DRIVE_SORT_LOOPBACK)
		return !drive_addr_is_inner(&from->addr) && !is_link_local6(&from->addr) &&
		       !any(&relay->config, is_on_link, &from->addr);
	seen->addr = four ? s->gateway4 : s->gateway6;
	port = same(&from->addr, &loopback) ? reach_seen(relay, from) : 0;
	if (port)
		seen->port = port;
	return (port || relay->config.host_loopback) && (four ? s->has4 : s->has6);
}

uint8_t target_scope(const struct relay *relay, const struct minato_addr *guest)
{
	return relay->config.further_count ? minato_inside_scope(relay->host, guest) :
					     relay->config.inside;
}

/* Of a guest behind a router of an inside's: the first one's. */
const struct minato_addr *target_gateway(const struct relay_config *config,
					 const struct minato_addr *guest)
{
	const struct drive_subnet *s = &config->subnet;

	for (size_t i = 0; i < inside_count(config); i++) {
		if (is_on_link(inside_subnet(config, i), guest))
			s = inside_subnet(config, i);
	}
	return minato_addr_is4(guest) ? &s->gateway4 : &s->gateway6;
}

bool target_caller(const struct relay_config *config, const struct minato_endpoint *caller,
		   const struct minato_addr *guest, struct minato_endpoint *seen)
{
	*seen = *caller;
	/* A link-local address means somebody else on the guest's link, and no packet that bears
	   one may pass a router (RFC 4291 2.5.6). */
	if (!drive_addr_is_inner(&caller->addr) && !any(config, is_guest, &caller->addr) &&
	    !any(config, is_gateway, &caller->addr) && !is_link_local6(&caller->addr))
		return true;
	seen->addr = *target_gateway(config, guest);
	return false;
}

bool target_reason(int errnum, enum minato_reason *reason)
{
	switch (errnum) {
	case ETIMEDOUT:
		return false;
	case ENETUNREACH:
	case ENETDOWN:
	case EADDRNOTAVAIL: /* the host has no address of that family */
	case EAFNOSUPPORT:
		*reason = MINATO_REASON_NETWORK;
		return true;
	case EACCES:
	case EPERM:
		*reason = MINATO_REASON_PROHIBITED;
		return true;
	case ENOPROTOOPT:
		*reason = MINATO_REASON_PROTOCOL;
		return true;
	case ECONNREFUSED:
		*reason = MINATO_REASON_PORT;
		return true;
	default: /* EHOSTUNREACH, EHOSTDOWN, what was out of place or out of resources */
		*reason = MINATO_REASON_HOST;
		return true;
	}
}
