/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of the reasons for which frames are not delivered. */
#include "base/check.h"
#include "wire/wire.h"

const char *drop_name(enum drop reason)
{
	static const char *const names[DROP_COUNT] = {
#define X(name, text) [DROP_##name] = text,
		WIRE_DROPS(X)
#undef X
	};

	check((uint32_t)reason < DROP_COUNT);
	return names[reason];
}
