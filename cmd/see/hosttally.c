/* SPDX-License-Identifier: BSD-2-Clause */
/* The sockets of the host's kernel, counted: by state, and the ports that they use. */
#include "cmd/see/metrics.h"

#include <errno.h>
#include <stdlib.h>

#include "drive/reserved.h"
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

static uint32_t count_reserved(const struct drive_reserved *reserved, enum drive_origin origin)
{
	uint8_t bits[DRIVE_PORTS_BYTES] = { 0 };
	uint32_t total = 0;

	for (size_t i = 0; i < reserved->count; i++) {
		const struct drive_reservation *one = &reserved->list[i];

		for (uint32_t port = one->first; one->origin == origin && port <= one->last; port++)
			bits[port / 8] |= (uint8_t)(1u << port % 8);
	}
	for (size_t i = 0; i < sizeof(bits); i++)
		total += (uint32_t)__builtin_popcount(bits[i]);
	return total;
}

/* What holds on this host; a guest's own is not among it. */
static void tally_reserved(struct view_host *host)
{
	static const enum drive_origin origins[] = { DRIVE_ORIGIN_USER, DRIVE_ORIGIN_SYSTEM,
						     DRIVE_ORIGIN_KERNEL };
	struct drive_reserved reserved;

	drive_reserved_read(&reserved, NULL, NULL);
	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++)
		host->reserved[host->reserved_count++] =
			(struct view_counter){ drive_origin_word(origins[i]),
					       count_reserved(&reserved, origins[i]) };
	drive_reserved_free(&reserved);
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
	if (result == 0)
		tally_reserved(host);
	return result;
}
