/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters by number and by name; behind ours, one for each drop reason. */
#include "stack/stack.h"

static const char *const names[COUNTER_COUNT] = {
#define X(name, text) [COUNTER_##name] = text,
	STACK_COUNTERS(X)
#undef X
};

uint32_t minato_counter_count(void)
{
	return COUNTER_COUNT + DROP_COUNT;
}

const char *minato_counter_name(uint32_t index)
{
	if (index < COUNTER_COUNT)
		return names[index];
	if (index < COUNTER_COUNT + DROP_COUNT)
		return drop_name((enum drop)(index - COUNTER_COUNT));
	return NULL;
}

uint64_t minato_counter(const struct minato *m, uint32_t index)
{
	return index < COUNTER_COUNT + DROP_COUNT ? m->counters[index] : 0;
}
