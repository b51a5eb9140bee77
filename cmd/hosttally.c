/* SPDX-License-Identifier: BSD-2-Clause */
/* The sockets of the host's kernel, counted: by state, and the ports that they use. */
#include "cmd/metrics.h"

#include <errno.h>
#include <stdlib.h>

#include "kernel/kernel.h"

struct tally {
	struct view_host *host;
	uint8_t used[VIEW_PROTOCOLS][KERNEL_PORTS_BYTES];
};

static int count(void *user, const struct kernel_socket *socket)
{
	struct tally *tally = user;
	size_t proto = socket->proto == MINATO_TCP ? 0 : 1;
	uint16_t port = socket->local.port;
	uint8_t *used = &tally->used[proto][port / 8];

	if ((size_t)socket->state < VIEW_STATES)
		tally->host->sockets[proto][socket->state]++;
	if (port && !(*used >> port % 8 & 1))
		tally->host->ports[proto][minato_port_kind(port)]++;
	*used |= (uint8_t)(1u << port % 8);
	return 0;
}

int cmd_host_tally(struct view_host *host)
{
	const struct kernel_query query = { .process = 0 };
	struct tally *tally = calloc(1, sizeof(*tally));
	struct kernel_knobs knobs;
	int result = tally ? 0 : -ENOMEM;

	*host = (struct view_host){ 0 };
	if (tally) {
		tally->host = host;
		result = kernel_sockets(&query, count, tally);
	}
	free(tally);
	if (result == 0 && kernel_knobs_read(&knobs, 0) == 0)
		host->ephemeral = (uint32_t)(knobs.last - knobs.first) + 1;
	return result;
}
