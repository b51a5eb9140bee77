/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets of tests: the first one of a flow, and what is said about one. */
#include <string.h>

#include "conf/conf.h"

#define IP4_LENGTH 20u
#define IP6_LENGTH 40u
#define TCP_LENGTH 20u
#define UDP_LENGTH 8u
#define PAYLOAD_LENGTH 4u /* of a datagram */
#define ICMP_LENGTH 8u
#define ICMP_PAYLOAD_LENGTH 16u /* as much as any query wants */
#define HOPS 64
#define PROTO_ICMP6 58
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define WINDOW 65535u
#define ICMP_UNREACHABLE 3
#define ICMP6_UNREACHABLE 1
#define ICMP_REPLY 0
#define ICMP6_REPLY 129
#define ICMP6_QUERIES 128 /* below it all are errors (RFC 4443 2.1) */

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* The Internet checksum (RFC 1071), over an even number of bytes. */
static uint32_t sum(uint32_t sum, const uint8_t *data, size_t length)
{
	for (size_t i = 0; i + 1 < length; i += 2)
		sum += get16(data + i);
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void make_ip4(uint8_t *out, size_t length, uint8_t proto,
		     const struct minato_endpoint *source,
		     const struct minato_endpoint *destination)
{
	out[0] = 0x45;
	put16(out + 2, (uint32_t)length);
	out[8] = HOPS;
	out[9] = proto;
	memcpy(out + 12, source->addr.bytes + 12, 4);
	memcpy(out + 16, destination->addr.bytes + 12, 4);
	put16(out + 10, fold(sum(0, out, IP4_LENGTH)));
}

static void make_ip6(uint8_t *out, size_t length, uint8_t proto,
		     const struct minato_endpoint *source,
		     const struct minato_endpoint *destination)
{
	out[0] = 0x60;
	put16(out + 4, (uint32_t)(length - IP6_LENGTH));
	out[6] = proto == MINATO_ICMP ? PROTO_ICMP6 : proto;
	out[7] = HOPS;
	memcpy(out + 8, source->addr.bytes, 16);
	memcpy(out + 24, destination->addr.bytes, 16);
}

static size_t length_of(enum minato_proto proto)
{
	if (proto == MINATO_TCP)
		return TCP_LENGTH;
	return proto == MINATO_UDP ? UDP_LENGTH + PAYLOAD_LENGTH :
				     ICMP_LENGTH + ICMP_PAYLOAD_LENGTH;
}

size_t conf_packet_make(uint8_t out[CONF_PACKET_MAX], enum minato_proto proto,
			const struct minato_endpoint *source,
			const struct minato_endpoint *destination)
{
	bool four = minato_addr_is4(&destination->addr);
	size_t header = four ? IP4_LENGTH : IP6_LENGTH;
	size_t length = header + length_of(proto);
	bool other = (uint8_t)proto == MINATO_PROTO_OTHER;
	uint8_t number = other ? (uint8_t)destination->port : (uint8_t)proto;
	uint8_t *transport = out + header;
	uint32_t pseudo;

	memset(out, 0, CONF_PACKET_MAX);
	if (four)
		make_ip4(out, length, number, source, destination);
	else
		make_ip6(out, length, number, source, destination);
	if (other)
		return length;
	if (proto != MINATO_ICMP) {
		put16(transport, source->port);
		put16(transport + 2, destination->port);
	}
	/* The addresses of the header are those of the pseudo-header. */
	pseudo = sum(0, out + (four ? 12 : 8), four ? 8 : 32) + (uint32_t)out[four ? 9 : 6] +
		 (uint32_t)(length - header);
	if (proto == MINATO_ICMP) {
		transport[0] = (uint8_t)destination->port;
		put16(transport + 4, source->port);
		put16(transport + 6, 1); /* the first of its sequence */
		/* ICMP of IPv4 has no pseudo-header (RFC 792). */
		put16(transport + 2, fold(sum(four ? 0 : pseudo, transport, length - header)));
	} else if (proto == MINATO_TCP) {
		put16(transport + 4, 0x1234); /* any sequence number */
		transport[12] = (TCP_LENGTH / 4) << 4;
		transport[13] = TCP_SYN;
		put16(transport + 14, WINDOW);
		put16(transport + 16, fold(sum(pseudo, transport, length - header)));
	} else {
		put16(transport + 4, (uint32_t)(length - header));
		pseudo = fold(sum(pseudo, transport, length - header));
		/* Zero would say that there is none (RFC 768). */
		put16(transport + 6, pseudo ? pseudo : 0xffff);
	}
	return length;
}

static enum conf_packet_sort icmp_sort(bool four, uint8_t type)
{
	if (type == (four ? ICMP_REPLY : ICMP6_REPLY))
		return CONF_PACKET_REPLY;
	if (type == (four ? ICMP_UNREACHABLE : ICMP6_UNREACHABLE))
		return CONF_PACKET_ERROR;
	/* Source quench, redirect, time exceeded, parameter problem (RFC 792). */
	if (four ? type == 4 || type == 5 || type == 11 || type == 12 : type < ICMP6_QUERIES)
		return CONF_PACKET_OTHER;
	return CONF_PACKET_FLOW;
}

static enum conf_packet_sort read_transport(const uint8_t *data, size_t length, uint8_t proto,
					    struct minato_endpoint *source,
					    struct minato_endpoint *destination)
{
	if (proto == MINATO_ICMP || proto == PROTO_ICMP6)
		return length >= ICMP_LENGTH ? icmp_sort(proto == MINATO_ICMP, data[0]) :
					       CONF_PACKET_OTHER;
	if (proto != MINATO_TCP && proto != MINATO_UDP)
		return CONF_PACKET_FLOW;
	if ((proto != MINATO_TCP || length < TCP_LENGTH) &&
	    (proto != MINATO_UDP || length < UDP_LENGTH))
		return CONF_PACKET_OTHER;
	source->port = get16(data);
	destination->port = get16(data + 2);
	return proto == MINATO_TCP && data[13] & TCP_RST ? CONF_PACKET_RESET : CONF_PACKET_FLOW;
}

enum conf_packet_sort conf_packet_read(const uint8_t *data, size_t length,
				       struct minato_endpoint *source,
				       struct minato_endpoint *destination)
{
	size_t header;

	memset(source, 0, sizeof(*source));
	memset(destination, 0, sizeof(*destination));
	if (length >= IP4_LENGTH && data[0] >> 4 == 4) {
		source->addr = minato_addr4(data[12], data[13], data[14], data[15]);
		destination->addr = minato_addr4(data[16], data[17], data[18], data[19]);
		header = (size_t)(data[0] & 15) * 4;
		return header > length ? CONF_PACKET_OTHER :
					 read_transport(data + header, length - header, data[9],
							source, destination);
	}
	if (length < IP6_LENGTH || data[0] >> 4 != 6)
		return CONF_PACKET_OTHER;
	memcpy(source->addr.bytes, data + 8, 16);
	memcpy(destination->addr.bytes, data + 24, 16);
	return read_transport(data + IP6_LENGTH, length - IP6_LENGTH, data[6], source, destination);
}
