/* SPDX-License-Identifier: BSD-2-Clause */
/* A lane's datagrams in either direction: at most its share, then it is another lane's turn. */
#include "relay/relay.h"

#include <errno.h>

#define EXTENTS_MAX 48u
#define ERRORS_MAX 4u /* of a host socket in one turn: each came by ICMP, its queue has the rest */

void turn_out(struct lane *f, uint32_t share, turn_carry_fn *carry)
{
	struct minato_extent extents[EXTENTS_MAX];
	struct minato_datagram about;

	for (uint32_t i = 0; f->guest_readable; i++) {
		int count;

		if (i == share) {
			lane_busy(f);
			return;
		}
		count = minato_borrow(f->relay->host, f->socket, extents, EXTENTS_MAX, &about);
		if (count == -EAGAIN) {
			f->guest_readable = false;
		} else if (count >= 0) {
			carry(f, &about, extents, (size_t)count);
			minato_release(f->relay->host, f->socket, about.len);
		} else if (i > 0) {
			return; /* a pending error twice: look again at the next event */
		}
	}
}

void turn_in(struct lane *f, uint32_t share, turn_give_fn *give)
{
	struct gram grams[GRAM_BATCH];
	uint32_t errors = 0;
	uint32_t taken = 0;

	while (f->host_readable) {
		int count;

		if (taken >= share) {
			lane_busy(f);
			return;
		}
		count = gram_recv(f->relay, f->fd, grams);
		if (count < 0) {
			/* Anything but EAGAIN is an ICMP error, read from its queue. */
			f->host_readable = count != -EAGAIN && errors++ < ERRORS_MAX;
			continue;
		}
		for (int i = 0; i < count; i++)
			give(f, &grams[i]);
		f->host_readable = count == (int)GRAM_BATCH;
		taken += (uint32_t)count;
	}
}
