/* SPDX-License-Identifier: BSD-2-Clause */
/* Sequence numbers modulo 2^32 (RFC 9293 3.4); compared only through here. */
#ifndef BASE_SEQ_H
#define BASE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

struct seq {
	uint32_t v;
};

static inline struct seq seq_add(struct seq s, uint32_t n)
{
	return (struct seq){ s.v + n };
}

/* Bytes from b to a; meaningful when a is at or after b, within 2^31. */
static inline uint32_t seq_sub(struct seq a, struct seq b)
{
	return a.v - b.v;
}

static inline bool seq_eq(struct seq a, struct seq b) { return a.v == b.v; }
static inline bool seq_lt(struct seq a, struct seq b)
{
	return (int32_t)(a.v - b.v) < 0;
}
static inline bool seq_le(struct seq a, struct seq b)
{
	return (int32_t)(a.v - b.v) <= 0;
}
static inline struct seq seq_max(struct seq a, struct seq b)
{
	return seq_lt(a, b) ? b : a;
}
static inline struct seq seq_min(struct seq a, struct seq b)
{
	return seq_lt(a, b) ? a : b;
}

#endif
