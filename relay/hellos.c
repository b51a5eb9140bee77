/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which connections of QUIC have sent a hello on lately. A server puts the parts of one together by
 * the connection's id, from whichever port they come, and does not get, or does not take, each part
 * that went on (hop limit, size, number). So of one id one hello goes on: of two that name what
 * they may the guest could have a third put together that does not.
 */
#include "relay/permit.h"

#include <stdlib.h>

#define BUCKETS 2048u
#define OF_BUCKET 4u
#define STAYS_NS (INT64_C(120) * 1000000000) /* longer than servers wait for the rest of one */

struct seen {
	uint64_t word; /* of the id; 0: free */
	int64_t until_ns;
};

struct hellos {
	struct seen list[BUCKETS][OF_BUCKET];
};

struct hellos *hellos_new(void)
{
	return calloc(1, sizeof(struct hellos));
}

void hellos_free(struct hellos *hellos)
{
	free(hellos);
}

/* FNV-1a. Two ids of one word cost a connection, and let nothing out. */
static uint64_t word_of(const struct inspect_quic *quic)
{
	uint64_t word = UINT64_C(0xcbf29ce484222325) ^ quic->id_len;

	for (size_t i = 0; i < quic->id_len; i++)
		word = (word ^ quic->id[i]) * UINT64_C(0x100000001b3);
	return word | 1;
}

bool hellos_take(struct hellos *hellos, struct inspect_quic *quic, struct minato_time now)
{
	uint64_t word = word_of(quic);
	struct seen *bucket = hellos->list[(word >> 8) % BUCKETS];
	struct seen *place = NULL;

	for (size_t i = 0; i < OF_BUCKET; i++) {
		bool lives = bucket[i].word && bucket[i].until_ns > now.ns;

		if (lives && bucket[i].word == word && !quic->gone_on)
			return false;
		if (!place && !lives)
			place = &bucket[i];
		if (bucket[i].word == word) {
			place = &bucket[i];
			break;
		}
	}
	if (!place)
		return false;
	*place = (struct seen){ word, now.ns + STAYS_NS };
	quic->gone_on = true;
	return true;
}
