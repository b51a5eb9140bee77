/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that calls everywhere at once: its worker, which may set nothing at the tap, says what is
 * to come through, and the keeper has the kernel drop the rest in the guest's own time. So the
 * guest's own transfers go on, and others are not held up.
 */
#include "cmd/cmd.h"

#include <string.h>

bool cmd_sieving_ask(void *user, const struct relay_surge *surge)
{
	struct cmd_worker *worker = user;
	struct cmd_message message = { .kind = CMD_ASK_SIEVE, .surge = *surge };

	return cmd_channel_send(worker->channel, &message, NULL, 0) == 0;
}

/* What the gateway itself answers is nobody's flood. */
static void add_own(struct drive_sieve *sieve, const struct drive_subnet *subnet)
{
	const struct minato_addr *const own[] = { &subnet->gateway4, &subnet->dns4,
						  &subnet->gateway6, &subnet->dns6 };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (!minato_addr_is_any(own[i]))
			sieve->known[sieve->count++] = *own[i];
	}
}

/* Believes nothing. */
void cmd_sieving_take(struct cmd_harbour *harbour, const struct relay_surge *surge)
{
	struct drive_sieve sieve = { .chance = surge->chance, .strays = surge->strays };
	uint32_t count = surge->known_count < RELAY_KNOWN_MAX ? surge->known_count :
								RELAY_KNOWN_MAX;

	_Static_assert(RELAY_KNOWN_MAX + 4 <= DRIVE_SIEVE_KNOWN, "all have a place");
	if (!surge->on) {
		cmd_sieving_end(harbour);
		return;
	}
	memcpy(sieve.known, surge->known, count * sizeof(sieve.known[0]));
	sieve.count = count;
	add_own(&sieve, &harbour->plan.subnet);
	harbour->sieved |= drive_sieve_set(harbour->guest.tap, &sieve) == 0;
}

void cmd_sieving_end(struct cmd_harbour *harbour)
{
	if (harbour->sieved)
		drive_sieve_clear(harbour->guest.tap);
	harbour->sieved = false;
}
