/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters by number and by name: ours, one for each drop reason, nat's. */
#include "stack/stack.h"

static const char *const names[COUNTER_COUNT] = {
#define X(name, text) [COUNTER_##name] = text,
	STACK_COUNTERS(X)
#undef X
};

uint32_t minato_counter_count(void)
{
	return COUNTER_COUNT + DROP_COUNT + NAT_COUNTER_COUNT;
}

const char *minato_counter_name(uint32_t index)
{
	if (index < COUNTER_COUNT)
		return names[index];
	if (index < COUNTER_COUNT + DROP_COUNT)
		return drop_name((enum drop)(index - COUNTER_COUNT));
	index -= COUNTER_COUNT + DROP_COUNT;
	if (index < NAT_COUNTER_COUNT)
		return nat_counter_name((enum nat_counter)index);
	return NULL;
}

uint64_t minato_counter(const struct minato *m, uint32_t index)
{
	if (index < COUNTER_COUNT + DROP_COUNT)
		return m->counters[index];
	index -= COUNTER_COUNT + DROP_COUNT;
	if (index < NAT_COUNTER_COUNT && host_nat(m) != NULL)
		return nat_counter(host_nat(m), (enum nat_counter)index);
	return 0;
}
