/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Internet checksum (RFC 1071).
 *
 * Words are added in the machine's own byte order: the sum then has its bytes
 * in memory order, whatever the machine. 64-bit words go through four chains
 * of additions, so that the carry of one does not wait for another.
 */
#include <string.h>

#include "base/bytes.h"
#include "wire/wire.h"

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* One's complement addition: the carry comes in again at the bottom. */
static inline uint64_t add(uint64_t a, uint64_t b)
{
	a += b;
	return a + (a < b);
}

static inline uint16_t fold(uint64_t v)
{
	v = (v & UINT32_MAX) + (v >> 32);
	v = (v & UINT32_MAX) + (v >> 32);
	v = (v & UINT16_MAX) + (v >> 16);
	v = (v & UINT16_MAX) + (v >> 16);
	return (uint16_t)v;
}

/* The last 0..7 bytes: their sum, the odd one with a zero behind it. */
static uint64_t sum_rest(const uint8_t *p, size_t len)
{
	uint64_t v = 0;
	uint32_t four;
	uint16_t two;

	if (len & 4) {
		memcpy(&four, p, sizeof(four));
		v += four;
		p += 4;
	}
	if (len & 2) {
		memcpy(&two, p, sizeof(two));
		v += two;
		p += 2;
	}
	if (len & 1) {
		two = 0;
		memcpy(&two, p, 1);
		v += two;
	}
	return v;
}

static uint64_t sum_words(const uint8_t *p, size_t len)
{
	uint64_t a = 0, b = 0, c = 0, d = 0;

	for (; len >= 64; p += 64, len -= 64) {
		a = add(a, load64(p));
		b = add(b, load64(p + 8));
		c = add(c, load64(p + 16));
		d = add(d, load64(p + 24));
		a = add(a, load64(p + 32));
		b = add(b, load64(p + 40));
		c = add(c, load64(p + 48));
		d = add(d, load64(p + 56));
	}
	for (; len >= 8; p += 8, len -= 8)
		a = add(a, load64(p));
	if (len > 0)
		b = add(b, sum_rest(p, len));
	return add(add(a, b), add(c, d));
}

/* Adds the sum of `len` bytes to a sum that stands at any byte. */
static inline void add_part(struct sum *s, uint64_t sum, size_t len)
{
	uint32_t part = fold(sum);

	if (s->odd) /* RFC 1071 2 (B): the bytes of the sum change places */
		part = (part << 8 | part >> 8) & UINT16_MAX;
	s->total += part;
	s->odd ^= len & 1;
}

void sum_add(struct sum *s, const void *data, size_t len)
{
	if (len > 0)
		add_part(s, sum_words(data, len), len);
}

uint16_t sum_fold(const struct sum *s)
{
	return fold(s->total);
}

void sum_put(const struct sum *s, uint8_t *out)
{
	const uint16_t inverted = (uint16_t)~sum_fold(s);

	memcpy(out, &inverted, sizeof(inverted));
}

void sum_pseudo(struct sum *s, const struct minato_addr *src,
		const struct minato_addr *dst, uint8_t proto, uint32_t len)
{
	uint8_t rest[8] = { [7] = proto };
	uint64_t v;

	put32(rest, len);
	/*
	 * IPv4 addresses too are summed with all 16 bytes: what stands before
	 * their four is 0xffff, which adds nothing in one's complement.
	 */
	v = add(load64(src->bytes), load64(src->bytes + 8));
	v = add(v, load64(dst->bytes));
	v = add(v, load64(dst->bytes + 8));
	add_part(s, add(v, load64(rest)), 40);
}
