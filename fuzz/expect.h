/* SPDX-License-Identifier: BSD-2-Clause */
/* What a fuzzer holds to be true of every input. */
#ifndef FUZZ_EXPECT_H
#define FUZZ_EXPECT_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define expect(condition)                                                      \
	do {                                                                   \
		if (!(condition))                                              \
			abort();                                               \
	} while (0)

#endif
