/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A call of any bytes and a reset of any: no byte behind their end is looked at, what is asked is
 * sound, and nobody proves himself but by the number that he was asked by.
 */
#include "expect.h"

#include <linux/virtio_net.h>
#include <string.h>

#include "drive/intake.h"

static struct drive_safereset *calls;
static struct virtio_net_hdr header;

/* Of just that size, so that the sanitizer sees a byte beyond it. */
static struct drive_taken copy(const uint8_t *data, size_t size)
{
	uint8_t *bytes = malloc(size + (size == 0));

	expect(bytes);
	memcpy(bytes, data, size);
	return (struct drive_taken){ .header = &header, .bytes = bytes, .len = (uint32_t)size };
}

/* What answers it: with its number, from and to where it goes. */
static uint32_t make_reset(const uint8_t *asking, uint32_t len, uint8_t *out)
{
	const uint32_t size = len == DRIVE_ASKING_MAX ? 16 : 4, at = size == 16 ? 22 : 26;
	const uint32_t tcp = len - 20;

	memcpy(out, asking, len);
	memcpy(out + at, asking + at + size, size);
	memcpy(out + at + size, asking + at, size);
	memcpy(out + tcp, asking + tcp + 2, 2);
	memcpy(out + tcp + 2, asking + tcp, 2);
	memcpy(out + tcp + 4, asking + tcp + 8, 4);
	out[tcp + 13] = 0x04;
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct minato_time now = { 1000000000 };
	const size_t first = size > 0 ? data[0] % size : 0;
	uint8_t asking[DRIVE_ASKING_MAX], answer[DRIVE_ASKING_MAX];
	struct drive_taken call, other, reset, out;
	uint32_t len;

	if (size < 2 || size > 2000)
		return 0;
	if (!calls)
		expect(drive_safereset_new(&calls) == 0);
	call = copy(data + 1, first);
	other = copy(data + 1 + first, size - 1 - first);
	len = drive_safereset_ask(calls, &call, now, asking);
	/* One in 2^18 would be right. */
	(void)drive_safereset_proves(calls, &other, now, &out);
	if (len > 0) {
		expect(len == 54 || len == DRIVE_ASKING_MAX);
		expect(memcmp(asking, call.bytes + 6, 6) == 0);
		expect(asking[len - 20 + 13] == 0x10);
		reset = copy(answer, make_reset(asking, len, answer));
		expect(drive_safereset_proves(calls, &reset, now, &out));
		expect(out.len <= call.len && memcmp(out.bytes, call.bytes, out.len) == 0);
		drive_safereset_took(&out);
		expect(!drive_safereset_proves(calls, &reset, now, &out));
		free(reset.bytes);
	}
	free(call.bytes);
	free(other.bytes);
	return 0;
}
