/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions and scans of a predecessor that died, from the memory that it left. The library
 * believes nothing of it: neither that it makes sense where it is read, nor that a flow may exist
 * as it says.
 */
#include "cmd/gateway/gateway.h"

#include <string.h>

#include "minato/scan.h"

bool gateway_salvage(struct gateway_applied *applied, const struct gateway_head *head, size_t size,
		     uint64_t *taken, uint64_t *left)
{
	const uint8_t *memory = (const uint8_t *)head + GATEWAY_HEAD_SIZE;
	/* The dead one wrote it: what is looked at twice is a copy. */
	struct gateway_head copy = *head;
	struct minato_session session;
	uint64_t cursor = 0;

	*taken = *left = 0;
	if (copy.config_size != sizeof(copy.config) || copy.size != size ||
	    minato_size(&copy.config) != size)
		return false;
	while (minato_session_salvage(memory, size, &copy.config, &cursor, &session)) {
		if (minato_session_adopt(applied->host, &session) == 0) {
			++*taken;
			continue;
		}
		++*left;
		gateway_part(&applied->partings, &session);
	}
	applied->partings.ended = 0; /* who took over says how many were lost */
	gateway_part_forwards(applied);
	(void)minato_scan_inherit(applied->host, memory, size, &copy.config);
	return true;
}
