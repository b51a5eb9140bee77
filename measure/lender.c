/* SPDX-License-Identifier: BSD-2-Clause */
/* minato's chooser as a source: a host value whose ports are taken and given back. */
#include "measure/measure.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* One destination may hold all ports. */
#define LEASES_MAX 65536
/* Time goes on a little with each pick. */
#define PICK_NS 1000

struct measure_lender {
	struct minato_config config;
	struct measure_dice dice; /* a seed for each start */
	struct minato_wish wish;
	struct minato *minato;
	void *memory;
	size_t size;
	struct minato_time now;
};

int measure_lender_make(struct measure_lender **out, enum minato_chooser chooser, uint64_t seed)
{
	struct measure_lender *lender = calloc(1, sizeof(*lender));

	if (!lender)
		return -ENOMEM;
	minato_config_init(&lender->config);
	lender->config.leases_max = LEASES_MAX;
	lender->config.chooser = chooser;
	lender->dice.state = seed;
	*out = lender;
	return 0;
}

static void forget(struct measure_lender *lender)
{
	if (lender->memory)
		munmap(lender->memory, lender->size);
	lender->memory = NULL;
	lender->minato = NULL;
}

void measure_lender_free(struct measure_lender *lender)
{
	if (lender)
		forget(lender);
	free(lender);
}

static int open_lender(void *user, uint16_t low, uint16_t high)
{
	struct measure_lender *lender = user;

	forget(lender);
	lender->config.seed[0] = measure_roll(&lender->dice);
	lender->config.seed[1] = measure_roll(&lender->dice);
	lender->size = minato_size(&lender->config);
	lender->memory = mmap(NULL, lender->size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (lender->memory == MAP_FAILED) {
		lender->memory = NULL;
		return -ENOMEM;
	}
	lender->wish = (struct minato_wish){
		.proto = MINATO_TCP,
		.local = minato_addr4(192, 0, 2, 1),
		.low = low,
		.high = high,
	};
	lender->now.ns = 0;
	return minato_create(lender->memory, lender->size, &lender->config, lender->now,
			     &lender->minato);
}

/* Destinations are the addresses for measurements, RFC 2544 C.2.2. */
static int take(void *user, uint32_t destination, uint64_t *lease, uint16_t *port)
{
	struct measure_lender *lender = user;
	uint8_t high = (uint8_t)(18 + (destination >> 16 & 1));

	lender->wish.remote.addr =
		minato_addr4(198, high, (uint8_t)(destination >> 8), (uint8_t)destination);
	lender->wish.remote.port = 443;
	lender->now.ns += PICK_NS;
	minato_advance(lender->minato, lender->now);
	return minato_port_take(lender->minato, &lender->wish, lease, port);
}

static void give(void *user, uint64_t lease)
{
	struct measure_lender *lender = user;

	(void)minato_port_give(lender->minato, lease, true);
}

struct measure_source measure_lender_source(struct measure_lender *lender)
{
	return (struct measure_source){ lender, open_lender, take, give };
}
