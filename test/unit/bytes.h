/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes that are put one behind another. */
#ifndef TEST_BYTES_H
#define TEST_BYTES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
	uint8_t at[40000];
	size_t len;
};

__attribute__((unused)) static void put(struct bytes *b, const void *data, size_t len)
{
	if (b->len + len > sizeof(b->at))
		abort();
	if (len)
		memcpy(b->at + b->len, data, len);
	b->len += len;
}

__attribute__((unused)) static void put8(struct bytes *b, unsigned value)
{
	uint8_t one = (uint8_t)value;

	put(b, &one, 1);
}

__attribute__((unused)) static void put16(struct bytes *b, size_t value)
{
	put8(b, (unsigned)(value >> 8 & 0xff));
	put8(b, (unsigned)(value & 0xff));
}

#endif
