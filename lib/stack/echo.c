/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers pings to our own addresses (RFC 1122 3.2.2.6, RFC 4443 4.2). */
#include "stack/stack.h"

#include <string.h>

#define HEADER 8u /* type, code, checksum, identifier, sequence number */

/* Type and checksum of the reply; the rest of the header stays. */
static void turn_header(const struct packet *p, uint8_t header[HEADER])
{
	struct sum sum = { 0 };
	uint16_t folded;

	memcpy(header, p->transport, HEADER);
	header[0] = p->is6 ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY;
	header[2] = 0;
	header[3] = 0;
	if (p->is6)
		sum_pseudo(&sum, &p->dst, &p->src, IP_PROTO_ICMP6,
			   HEADER + p->payload_len);
	sum_add(&sum, header, HEADER);
	sum_add(&sum, p->payload, p->payload_len);
	folded = (uint16_t)~sum_fold(&sum);
	memcpy(header + 2, &folded, sizeof(folded));
}

enum drop echo_reply(struct minato *m, const struct arrival *a)
{
	const struct packet *p = &a->packet;
	const uint32_t index = message_take(m);
	uint8_t header[HEADER];
	struct message *msg;

	if (index == STACK_NONE)
		return DROP_MEMORY;
	deliver_learn(m, p);
	turn_header(p, header);
	msg = message_at(m, index);
	msg->kind = MESSAGE_RAW;
	msg->proto = p->is6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP;
	msg->scope = m->link[p->link].config.scope;
	msg->link = (uint8_t)p->link;
	msg->traffic_class = p->traffic_class;
	msg->local.addr = p->dst;
	msg->remote.addr = p->src;
	if (!message_fill(m, msg, header, HEADER, MINATO_CHUNK_NONE) ||
	    !message_fill(m, msg, p->payload, p->payload_len,
			  a->frame->chunk)) {
		message_give(m, index);
		return DROP_MEMORY;
	}
	host_count(m, COUNTER_ECHO_REPLIES);
	message_control(m, index);
	return DROP_NONE;
}
