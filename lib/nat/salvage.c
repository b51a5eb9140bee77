/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows carried over from a host value that died: read from its memory, which
 * is believed in nothing, and taken into a new one, which checks them again.
 */
#include "nat/nat.h"

#include <errno.h>
#include <string.h>

int nat_session_adopt(struct nat *n, const struct minato_session *s)
{
	(void)n;
	(void)s;
	return -EOPNOTSUPP;
}

bool nat_session_salvage(const void *memory, size_t size,
			 const struct nat_limits *limits, uint64_t *cursor,
			 struct minato_session *out)
{
	(void)memory;
	(void)size;
	(void)limits;
	(void)cursor;
	(void)out;
	return false;
}
