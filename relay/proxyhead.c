/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The header of the PROXY protocol (versions 1 and 2 of its specification, sections 2.1 and 2.2):
 * what a server hears of its client before the client's first byte.
 */
#include "relay/relay.h"

#include <stdio.h>
#include <string.h>

#define VERSION2_PROXY 0x21u /* version 2, command PROXY */
#define TCP_OVER_IPV4 0x11u
#define TCP_OVER_IPV6 0x21u
#define PREFIX2 16u

static void put16(uint8_t *out, uint16_t value)
{
	out[0] = (uint8_t)(value >> 8);
	out[1] = (uint8_t)value;
}

static size_t header1(const struct minato_endpoint *client, const struct minato_endpoint *asked,
		      uint8_t out[RELAY_PROXY_MAX])
{
	char from[64];
	char to[64];
	int length;

	minato_addr_format(&client->addr, from, sizeof(from));
	minato_addr_format(&asked->addr, to, sizeof(to));
	length = snprintf((char *)out, RELAY_PROXY_MAX, "PROXY %s %s %s %u %u\r\n",
			  minato_addr_is4(&client->addr) ? "TCP4" : "TCP6", from, to, client->port,
			  asked->port);
	return (size_t)length;
}

static size_t header2(const struct minato_endpoint *client, const struct minato_endpoint *asked,
		      uint8_t out[RELAY_PROXY_MAX])
{
	static const uint8_t signature[12] = { '\r', '\n', '\r', '\n', 0,    '\r',
					       '\n', 'Q',  'U',	 'I',  'T', '\n' };
	const bool four = minato_addr_is4(&client->addr);
	const size_t size = four ? 4 : 16;
	uint8_t *at = out + PREFIX2;

	memcpy(out, signature, sizeof(signature));
	out[12] = VERSION2_PROXY;
	out[13] = four ? TCP_OVER_IPV4 : TCP_OVER_IPV6;
	put16(out + 14, (uint16_t)(2 * size + 4));
	memcpy(at, client->addr.bytes + 16 - size, size);
	memcpy(at + size, asked->addr.bytes + 16 - size, size);
	put16(at + 2 * size, client->port);
	put16(at + 2 * size + 2, asked->port);
	return PREFIX2 + 2 * size + 4;
}

size_t relay_proxy_header(uint8_t version, const struct minato_endpoint *client,
			    const struct minato_endpoint *asked, uint8_t out[RELAY_PROXY_MAX])
{
	switch (version) {
	case 1:
		return header1(client, asked, out);
	case 2:
		return header2(client, asked, out);
	default:
		return 0;
	}
}
