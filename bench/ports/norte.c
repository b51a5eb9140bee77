/* SPDX-License-Identifier: BSD-2-Clause */
/* Where DPDK is missing: its figures are left out. */
#include "ports.h"

struct rte_peer *rte_peer_open(uint32_t entries)
{
	(void)entries;
	say("built without DPDK (Debian: libdpdk-dev): no figures of rte_hash");
	return NULL;
}

int rte_peer_add(struct rte_peer *p, const struct flow *flow)
{
	(void)p;
	(void)flow;
	return -1;
}

uint32_t rte_peer_find(struct rte_peer *p, const struct flow *flows)
{
	(void)p;
	(void)flows;
	return 0;
}

void rte_peer_close(struct rte_peer *p)
{
	(void)p;
}
