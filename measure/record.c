/* SPDX-License-Identifier: BSD-2-Clause */
/* Series of a source. */
#include "measure/measure.h"

#include <errno.h>

int measure_record(const struct measure_source *source, uint16_t low, uint16_t high,
		   uint16_t *symbol, size_t count)
{
	int result = source->open(source->user, low, high);

	for (size_t i = 0; i < count && result == 0; i++) {
		uint64_t lease;
		uint16_t port;

		result = source->take(source->user, 0, &lease, &port);
		if (result < 0)
			break;
		source->give(source->user, lease);
		if (port < low || port > high)
			result = -ERANGE;
		symbol[i] = (uint16_t)(port - low);
	}
	return result;
}
