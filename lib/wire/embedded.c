/* SPDX-License-Identifier: BSD-2-Clause */
/* The packet inside an ICMP error: whose it was, read with due suspicion. */
#include <string.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "wire/wire.h"

#define TRANSPORT_MIN 8 /* bytes that RFC 792 promises */

/* The ends of an echo are its identifier; errors about errors are none. */
static bool read_echo(const uint8_t *icmp, struct packet *inner)
{
	const bool echo = inner->is6 ? icmp[0] == ICMP6_ECHO ||
					       icmp[0] == ICMP6_ECHO_REPLY :
				       icmp[0] == ICMP4_ECHO ||
					       icmp[0] == ICMP4_ECHO_REPLY;

	inner->type = inner->is6 ? PACKET_ICMP6 : PACKET_ICMP4;
	inner->icmp_type = icmp[0];
	inner->icmp_code = icmp[1];
	inner->src_port = get16(icmp + 4);
	inner->dst_port = inner->src_port;
	return echo;
}

static bool read_transport(const uint8_t *at, uint32_t len,
			   struct packet *inner)
{
	if (len < TRANSPORT_MIN)
		return false;
	inner->transport = at;
	inner->payload = at;
	inner->payload_len = len;
	if (inner->ip_proto == (inner->is6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP))
		return read_echo(at, inner);
	if (inner->ip_proto != IP_PROTO_UDP && inner->ip_proto != IP_PROTO_TCP)
		return false;
	inner->src_port = get16(at);
	inner->dst_port = get16(at + 2);
	if (inner->ip_proto == IP_PROTO_UDP) {
		inner->type = PACKET_UDP;
		return true;
	}
	inner->type = PACKET_TCP;
	inner->tcp.src_port = inner->src_port;
	inner->tcp.dst_port = inner->dst_port;
	inner->tcp.seq = (struct seq){ get32(at + 4) };
	return true;
}

static bool read_ipv4(const uint8_t *ip, uint32_t len, struct packet *inner)
{
	uint32_t header_len;

	if (len < IPV4_LEN || ip[0] >> 4 != 4)
		return false;
	header_len = (ip[0] & 15) * 4u;
	if (header_len < IPV4_LEN || header_len > len)
		return false;
	/* A later fragment has no ports to know it by. */
	if (get16(ip + 6) & 0x1fff)
		return false;
	inner->ip_len = get16(ip + 2);
	inner->traffic_class = ip[1];
	inner->hop_limit = ip[8];
	inner->ip_proto = ip[9];
	inner->src = addr_from4(ip + 12);
	inner->dst = addr_from4(ip + 16);
	return read_transport(ip + header_len, len - header_len, inner);
}

static bool read_ipv6(const uint8_t *ip, uint32_t len, struct packet *inner)
{
	struct chain chain;

	if (len < IPV6_LEN || ip[0] >> 4 != 6)
		return false;
	inner->ip_len = IPV6_LEN + get16(ip + 4);
	inner->traffic_class = (uint8_t)(get16(ip) >> 4);
	inner->hop_limit = ip[7];
	memcpy(inner->src.bytes, ip + 8, 16);
	memcpy(inner->dst.bytes, ip + 24, 16);
	if (minato_addr_is4(&inner->src) || minato_addr_is4(&inner->dst))
		return false;
	chain = (struct chain){ .at = ip + IPV6_LEN,
				.len = len - IPV6_LEN,
				.proto = ip[6] };
	if (chain_walk(&chain) != DROP_NONE)
		return false;
	if (chain.fragment && chain.fragment_offset != 0)
		return false;
	inner->ip_proto = chain.proto;
	return read_transport(chain.at, chain.len, inner);
}

bool packet_parse_embedded(const struct packet *icmp, struct packet *inner)
{
	*inner = (struct packet){
		.type = PACKET_OTHER,
		.link = icmp->link,
		.is6 = icmp->is6,
		.ip = icmp->payload,
	};
	return icmp->is6 ?
		       read_ipv6(icmp->payload, icmp->payload_len, inner) :
		       read_ipv4(icmp->payload, icmp->payload_len, inner);
}
