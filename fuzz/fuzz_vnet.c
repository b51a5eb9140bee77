/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio-net header and the frame behind it, as a hostile neighbour would have them: what is
 * taken is no lie. Then datagrams that become runs, cut again as a kernel cuts them: they are the
 * same.
 */
#include "expect.h"

#include <linux/virtio_net.h>
#include <string.h>

#include "drive/drive.h"

#define FRAMES 16u
#define FRAME_MAX 200u

struct sample {
	uint8_t bytes[FRAME_MAX];
	struct minato_extent extents[2];
};

static void take_header(const uint8_t *data, size_t size)
{
	struct virtio_net_hdr header;
	struct minato_frame frame = { 0 };
	uint8_t *bytes;

	if (size < sizeof(header))
		return;
	memcpy(&header, data, sizeof(header));
	/* Of just that size, so that the sanitizer sees a byte beyond it. */
	frame.len = (uint32_t)(size - sizeof(header));
	bytes = malloc(frame.len + (frame.len == 0));
	expect(bytes);
	memcpy(bytes, data + sizeof(header), frame.len);
	frame.data = bytes;
	if (drive_vnet_take(&header, &frame, bytes)) {
		expect((frame.gso == MINATO_GSO_NONE) == (frame.gso_size == 0));
		expect(frame.gso == MINATO_GSO_NONE || frame.csum_partial);
		expect(!frame.csum_partial ||
		       (uint32_t)header.csum_start + header.csum_offset + 2 <= frame.len);
		expect(!frame.csum_partial || header.csum_start >= 34);
	}
	free(bytes);
}

/* The input says of each datagram: its length, what tells it from others, and where it is cut. */
static uint32_t make(struct sample *s, struct minato_frame_out *frame, const uint8_t *data)
{
	bool is6 = data[0] & 1;
	uint32_t header = is6 ? 62 : 42;
	uint32_t payload = data[1] % (FRAME_MAX - 62);
	uint32_t len = header + payload;

	memset(s->bytes, data[3], sizeof(s->bytes));
	memset(s->bytes, 0, header);
	s->bytes[12] = is6 ? 0x86 : 0x08;
	s->bytes[13] = is6 ? 0xdd : 0x00;
	s->bytes[14] = is6 ? 0x60 : 0x45;
	s->bytes[20] = is6 ? 17 : data[0] & 2 ? 0 : 0x40;
	s->bytes[19] = is6 ? 0 : data[0] & 2 ? data[2] : 0;
	s->bytes[23] = is6 ? 0 : 17;
	s->bytes[header - 5] = data[0] & 4; /* a port */
	if (data[0] & 8)
		s->bytes[data[2] % header] ^= 1;
	s->extents[0] = (struct minato_extent){ s->bytes, data[0] & 16 ? header : len };
	s->extents[1] = (struct minato_extent){ s->bytes + header, len - s->extents[0].len };
	*frame = (struct minato_frame_out){
		.extents = s->extents,
		.extent_count = s->extents[1].len > 0 ? 2 : 1,
		.len = len,
		.header_len = (uint16_t)header,
		.csum_start = data[0] & 32 ? 0 : (uint16_t)(header - 8),
		.csum_offset = 6,
	};
	return 4;
}

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

/* The n-th part of the run has the headers of its datagram, but for what was renumbered. */
static void compare(const struct drive_run *run, const struct minato_frame_out *frame, uint32_t n)
{
	uint8_t header[DRIVE_RUN_HEADER];
	uint8_t *own = frame->extents[0].base;
	uint32_t size = run->first->header_len;
	bool is6 = size == 62;

	drive_run_header(run, header);
	expect(frame->header_len == size);
	expect(get16(header + (is6 ? 18 : 16)) == (is6 ? 0 : 20u) + 8 + run->len - size);
	expect(memcmp(header, own, is6 ? 18 : 16) == 0);
	if (!is6 && !(own[20] & 0x40))
		expect((uint16_t)(get16(header + 18) + n) == get16(own + 18));
	expect(memcmp(header + 20, own + 20, is6 ? 38 : 4) == 0);
	if (!is6)
		expect(memcmp(header + 26, own + 26, 12) == 0);
}

static void take_frames(const uint8_t *data, size_t size)
{
	static struct sample samples[FRAMES];
	struct minato_frame_out frames[FRAMES];
	uint32_t count = 0;

	while (count < FRAMES && size >= 4) {
		uint32_t used = make(&samples[count], &frames[count], data);

		count++;
		data += used;
		size -= used;
	}
	for (uint32_t i = 0; i < count;) {
		struct drive_run run;
		uint32_t from = i;
		uint32_t payload = frames[i].len - frames[i].header_len;
		bool begun = drive_run_begin(&run, &frames[i++]);

		while (begun && i < count && drive_run_take(&run, &frames[i]))
			payload += frames[i].len - frames[i].header_len, i++;
		if (!begun)
			continue;
		expect(run.count == i - from && run.len == run.first->header_len + payload);
		expect(payload > run.each * (run.count - 1) && payload <= run.each * run.count);
		for (uint32_t n = 0; n < run.count; n++) {
			uint32_t each = frames[from + n].len - run.first->header_len;

			expect(each == run.each || (n + 1 == run.count && each < run.each));
			if (run.count > 1)
				compare(&run, &frames[from + n], n);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && data[0] & 1)
		take_header(data + 1, size - 1);
	else if (size > 0)
		take_frames(data + 1, size - 1);
	return 0;
}
