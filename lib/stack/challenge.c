/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks about connections that stand on the other side only. */
#include "stack/stack.h"

#include <errno.h>

int minato_challenge(struct minato *m, uint8_t scope,
		     const struct minato_endpoint *local,
		     const struct minato_endpoint *remote)
{
	const struct port_key key = {
		.local = local->addr,
		.remote = remote->addr,
		.local_port = local->port,
		.remote_port = remote->port,
		.scope = scope,
		.face = MINATO_FACE_ANY,
		.proto = MINATO_TCP,
	};
	/* In a synchronized state a SYN is answered by an ACK whatever its
	   numbers are (RFC 9293 3.10.7.4, fourth), where an ACK alone may be
	   dropped as an old one. With ACK, no listener takes it for a call.
	   The timestamp, since a peer that has agreed to them may drop what
	   has none (RFC 7323 3.2). */
	const struct tcp_segment segment = {
		.seq = { (uint32_t)random_next(&m->random) },
		.ack = { (uint32_t)random_next(&m->random) },
		.flags = TCP_SYN | TCP_ACK,
		.options = {
			.has_timestamp = true,
			.tsval = (uint32_t)random_next(&m->random),
			.tsecr = (uint32_t)random_next(&m->random),
		},
	};
	struct port_fate fate;

	if (scope >= PORT_SCOPES || local->port == 0 || remote->port == 0 ||
	    minato_addr_is_any(&local->addr) ||
	    minato_addr_is_any(&remote->addr) ||
	    minato_addr_is4(&local->addr) != minato_addr_is4(&remote->addr))
		return -EINVAL;
	port_lookup(host_table(m), &key, m->now, false, &fate);
	if (fate.exact)
		return -EEXIST;
	if (m->control.count >= STACK_CONTROL_MAX)
		return -EAGAIN;
	icmp_out_segment(m, &key, &segment);
	return 0;
}
