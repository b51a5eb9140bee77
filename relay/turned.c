/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Callers beyond what their source may have. Whoever is reset tries again, and somebody who wants
 * all there is does so at once and without end, each time at the price of a connection. So where
 * many are turned away most of them hear of it a second later. They hold a descriptor meanwhile,
 * which they give back when it is wanted, and hardly any memory of the kernel's.
 */
#include "relay/relay.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LATER_NS INT64_C(1000000000)
/* So many in a second hear of it at once. */
#define AT_ONCE 16u

/* syscalls: close */
static void let_go(struct relay *relay)
{
	struct turned *turned = &relay->turned;

	close(turned->waiting[turned->first % TURNED_MAX].fd); /* with linger 0: a reset */
	turned->first++;
	turned->count--;
}

/* syscalls: close setsockopt */
void turned_add(struct relay *relay, int fd)
{
	struct turned *turned = &relay->turned;
	const int64_t now = relay->now.ns;
	const int small = 1;

	if (now - turned->since_ns > LATER_NS) {
		turned->since_ns = now;
		turned->many = 0;
	}
	if (!turned->waiting && turned->many >= AT_ONCE)
		turned->waiting = calloc(TURNED_MAX, sizeof(turned->waiting[0]));
	if (turned->many < AT_ONCE || !turned->waiting) {
		turned->many++;
		close(fd);
		return;
	}
	if (turned->count == TURNED_MAX)
		let_go(relay);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	turned->waiting[(turned->first + turned->count++) % TURNED_MAX] =
		(struct turned_one){ .until_ns = now + LATER_NS, .fd = fd };
}

bool turned_yield(struct relay *relay)
{
	if (relay->turned.count == 0)
		return false;
	let_go(relay);
	return true;
}

struct minato_time turned_turn(struct relay *relay)
{
	struct turned *turned = &relay->turned;

	while (turned->count > 0) {
		const int64_t until = turned->waiting[turned->first % TURNED_MAX].until_ns;

		if (until > relay->now.ns)
			return (struct minato_time){ until };
		let_go(relay);
	}
	return MINATO_NEVER;
}

void turned_free(struct relay *relay)
{
	while (turned_yield(relay))
		;
	free(relay->turned.waiting);
	relay->turned.waiting = NULL;
}
