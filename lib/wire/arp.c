/* SPDX-License-Identifier: BSD-2-Clause */
/* ARP for IPv4 over Ethernet (RFC 826). */
#include <string.h>

#include "base/bytes.h"
#include "wire/wire.h"

#define HARDWARE_ETHERNET 1
#define OPERATION_REQUEST 1
#define OPERATION_REPLY 2

bool arp_parse(const uint8_t *data, uint32_t len, struct arp *a)
{
	uint16_t operation;

	if (len < ARP_LEN)
		return false;
	if (get16(data) != HARDWARE_ETHERNET ||
	    get16(data + 2) != ETHERTYPE_IPV4 || data[4] != 6 || data[5] != 4)
		return false;
	operation = get16(data + 6);
	if (operation != OPERATION_REQUEST && operation != OPERATION_REPLY)
		return false;
	a->request = operation == OPERATION_REQUEST;
	memcpy(a->sender_mac, data + 8, 6);
	memcpy(a->sender, data + 14, 4);
	memcpy(a->target_mac, data + 18, 6);
	memcpy(a->target, data + 24, 4);
	/* Nobody's address is a group: such a sender is not believed. */
	return (a->sender_mac[0] & 1) == 0;
}

void arp_build(const struct arp *a, uint8_t out[ARP_LEN])
{
	put16(out, HARDWARE_ETHERNET);
	put16(out + 2, ETHERTYPE_IPV4);
	out[4] = 6;
	out[5] = 4;
	put16(out + 6, a->request ? OPERATION_REQUEST : OPERATION_REPLY);
	memcpy(out + 8, a->sender_mac, 6);
	memcpy(out + 14, a->sender, 4);
	memcpy(out + 18, a->target_mac, 6);
	memcpy(out + 24, a->target, 4);
}
