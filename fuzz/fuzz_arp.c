/* SPDX-License-Identifier: BSD-2-Clause */
/* ARP: what was read, written again, is the same bytes. */
#include "expect.h"

#include <string.h>

#include "wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t out[ARP_LEN];
	struct arp a;

	if (size > 65536)
		return 0;
	if (arp_parse(data, (uint32_t)size, &a)) {
		arp_build(&a, out);
		expect(size >= ARP_LEN);
		expect(memcmp(out, data, ARP_LEN) == 0);
	}
	return 0;
}
