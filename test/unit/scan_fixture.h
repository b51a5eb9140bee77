/* SPDX-License-Identifier: BSD-2-Clause */
/* A statistic of scans in fresh memory, and short words for contacts. */
#ifndef TEST_UNIT_SCAN_FIXTURE_H
#define TEST_UNIT_SCAN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "port/scan.h"
#include "unit/dice.h"

#define SECOND NS_PER_S
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)

static struct dice dice = { 0x7363616e };
static uint64_t scan_seed = 0x6b6579;

static inline uint32_t roll(uint32_t below)
{
	return dice_below(&dice, below);
}

static struct scan *s;
static struct minato_time now;
static size_t fixture_size;

static inline void scan_open(uint32_t sources)
{
	const struct hash_key key = { { 0x7363616e, scan_seed } };

	fixture_size = scan_bytes(sources);
	s = mmap(NULL, fixture_size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true((void *)s != MAP_FAILED);
	scan_init(s, sources, &key);
	now = (struct minato_time){ SECOND };
}

static inline int scan_setup(void **state)
{
	(void)state;
	scan_open(65536);
	return 0;
}

static inline int scan_teardown(void **state)
{
	(void)state;
	munmap(s, fixture_size);
	return 0;
}

static inline struct minato_addr host_number(uint32_t number)
{
	return minato_addr4((uint8_t)(number >> 24), (uint8_t)(number >> 16),
			    (uint8_t)(number >> 8), (uint8_t)number);
}

static inline struct minato_addr addr(const char *text)
{
	struct minato_addr a;

	assert_int_equal(minato_addr_parse(text, &a), 0);
	return a;
}

static inline struct scan_contact contact(const struct minato_addr *source, enum scan_sign sign,
					  uint16_t port)
{
	return (struct scan_contact){
		.source = *source,
		.target = minato_addr4(192, 0, 2, 1),
		.scope = 1,
		.proto = MINATO_TCP,
		.sign = (uint8_t)sign,
		.port = port,
		.source_port = 40000,
	};
}

static inline void note(const struct minato_addr *source, enum scan_sign sign, uint16_t port)
{
	const struct scan_contact c = contact(source, sign, port);

	/* As who reports does. */
	if (sign > SCAN_PIECE || scan_listens(s, now))
		scan_note(s, &c, now);
}

static inline void wait_ns(int64_t ns)
{
	now.ns += ns;
}

/* Its row; of IPv6 that of its /64. */
static inline bool row_of(const struct minato_addr *source, struct minato_scan *out)
{
	const struct scan_case *k = scancase_find(s, scan_key(s, 1, 0, source));
	uint64_t cursor;

	if (k == NULL)
		return false;
	cursor = (uint64_t)(k - scan_case_at(s, 0));
	return scan_row(s, &cursor, out);
}

/* By a case of its own, or of a prefix that it is in. */
static inline bool is_recognised(const struct minato_addr *source)
{
	const uint32_t levels = minato_addr_is4(source) ? 1 : SCAN_LEVELS;

	for (uint32_t level = 0; level < levels; level++) {
		const struct scan_case *k = scancase_find(s, scan_key(s, 1, level, source));
		if (k != NULL && k->recognised)
			return true;
	}
	return false;
}

static inline uint32_t count_recognised(void)
{
	struct minato_scan row;
	uint64_t cursor = 0;
	uint32_t count = 0;

	while (scan_row(s, &cursor, &row))
		count += row.recognised;
	return count;
}

#endif
