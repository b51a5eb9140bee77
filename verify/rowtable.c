/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of rows. */
#include "verify/rows.h"

#include <strings.h>

const struct verify_row verify_rows[] = {
#define X(rfc, name, id, level, expected, asks)                                                    \
	{ id, asks, VERIFY_##level, expected, row_##rfc##_##name },
	VERIFY_ROWS(X) VERIFY_SETTLED(X)
#undef X
};
const size_t verify_row_count = sizeof(verify_rows) / sizeof(verify_rows[0]);

const struct verify_row *verify_find(const char *id)
{
	for (size_t i = 0; i < verify_row_count; i++) {
		if (!strcasecmp(verify_rows[i].id, id))
			return &verify_rows[i];
	}
	return NULL;
}

const char *verify_level_word(enum verify_level level)
{
	switch (level) {
	case VERIFY_MUST:
		return "must";
	case VERIFY_SHOULD:
		return "should";
	case VERIFY_MAY:
		return "may";
	}
	return "?";
}
