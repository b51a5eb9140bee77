/* SPDX-License-Identifier: BSD-2-Clause */
/* What nobody has claimed: the answer of a closed port. */
#include "stack/stack.h"

enum drop closed_refuse(struct minato *m, const struct arrival *a)
{
	const struct packet *p = &a->packet;

	deliver_learn(m, p);
	evidence_packet(m, p);
	if (p->type == PACKET_TCP)
		icmp_out_reset(m, p);
	else if (p->type == PACKET_UDP)
		icmp_out_error(m, p, MINATO_REASON_PORT, 0, &p->dst);
	return DROP_CLOSED;
}
