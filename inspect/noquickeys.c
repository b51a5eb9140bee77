/* SPDX-License-Identifier: BSD-2-Clause */
/* A program built without nettle: Initial packets stay closed. */
#include "inspect/inspect.h"

#include <string.h>

bool inspect_quic_able(void)
{
	return false;
}

void quickeys_make(struct quickeys *keys, const uint8_t *id, size_t id_len, uint32_t version)
{
	(void)id;
	(void)id_len;
	(void)version;
	memset(keys, 0, sizeof(*keys));
}

long quickeys_open(struct quickeys *keys, uint8_t *packet, size_t len, size_t number_at,
		   uint8_t **payload)
{
	(void)keys;
	(void)packet;
	(void)len;
	(void)number_at;
	(void)payload;
	return -1;
}
