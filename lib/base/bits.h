/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of 64 as bits. */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <stdint.h>

/*
 * How many are set. By hand: without an instruction of its own the builtin
 * calls into the compiler's library.
 */
static inline uint32_t bits_count(uint64_t v)
{
	v -= v >> 1 & UINT64_C(0x5555555555555555);
	v = (v & UINT64_C(0x3333333333333333)) +
	    (v >> 2 & UINT64_C(0x3333333333333333));
	v = (v + (v >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (uint32_t)(v * UINT64_C(0x0101010101010101) >> 56);
}

#endif
