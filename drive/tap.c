/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames between a tap descriptor and a host value.
 *
 * One system call moves one frame of up to 64 KB: the virtio header in front of it says how the
 * kernel on the other side cuts it (GSO) and which checksum it has still to fill in. Reading goes
 * straight into a leased chunk, writing straight from the extents that the host value describes.
 */
#include "drive/drive.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

/* In the kernel since Linux 6.2, in its headers later. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define BATCH_IN 64
#define BATCH_IN_LARGE 8 /* more only evicts from the cache what was just read */
#define LARGE 16384
#define BATCH_OUT 16
#define EXTENTS_MAX 256
#define CONVERSES_FRAMES 8 /* a step of a small exchange */
#define CONVERSES_BYTES 4096
#define HEADER_MAX sizeof(struct virtio_net_hdr_mrg_rxbuf)
#define HEADER_DEFAULT sizeof(struct virtio_net_hdr)

/* What the tap had no room for: frames one after the other, each behind its length. */
struct kept {
	uint8_t *bytes;
	size_t room;
	size_t used;
	size_t done; /* written already */
};

struct drive_tap {
	int fd;
	uint32_t link;
	size_t header; /* 0 on a plain tap */
	struct drive_offers offers;
	struct drive_tap_stats stats;
	struct drive_tap_stats heard;  /* at the last drive_tap_converses */
	bool last_in, last_out;	       /* which ways the last frames before that went */
	struct drive_capture *capture; /* or NULL */
	struct kept kept;
	struct minato_frame batch[BATCH_IN];
	uint8_t scratch[MINATO_CHUNK_LARGE]; /* where no chunk can be had */
};

/* unsealed: ioctl */
static void negotiate(struct drive_tap *tap)
{
	static const struct {
		unsigned ask;
		uint32_t taken;
	} steps[] = {
		{ TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6,
		  MINATO_OFFLOAD_CSUM | MINATO_OFFLOAD_TSO4 | MINATO_OFFLOAD_TSO6 |
			  MINATO_OFFLOAD_USO4 | MINATO_OFFLOAD_USO6 },
		{ TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
		  MINATO_OFFLOAD_CSUM | MINATO_OFFLOAD_TSO4 | MINATO_OFFLOAD_TSO6 },
		{ TUN_F_CSUM | TUN_F_TSO4, MINATO_OFFLOAD_CSUM | MINATO_OFFLOAD_TSO4 },
		{ TUN_F_CSUM, MINATO_OFFLOAD_CSUM },
	};
	int size;

	/* TUNSETOFFLOAD bounds what the guest sends. We may send it checksums and TSO in any case,
	 * USO only where the kernel knows it at all. */
	tap->offers.vnet = true;
	tap->offers.given = MINATO_OFFLOAD_CSUM | MINATO_OFFLOAD_TSO4 | MINATO_OFFLOAD_TSO6;
	tap->header = HEADER_DEFAULT;
	if (ioctl(tap->fd, TUNGETVNETHDRSZ, &size) == 0 && size > 0 && size <= (int)HEADER_MAX)
		tap->header = (size_t)size;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (ioctl(tap->fd, TUNSETOFFLOAD, (unsigned long)steps[i].ask) < 0)
			continue;
		tap->offers.taken = steps[i].taken;
		break;
	}
	tap->offers.given |= tap->offers.taken & (MINATO_OFFLOAD_USO4 | MINATO_OFFLOAD_USO6);
}

int drive_tap_open(struct drive_tap **out, int fd, bool vnet, uint32_t link)
{
	struct drive_tap *tap = calloc(1, sizeof(*tap));

	if (!tap) {
		close(fd);
		return -ENOMEM;
	}
	tap->fd = fd;
	tap->link = link;
	if (vnet)
		negotiate(tap);
	*out = tap;
	return 0;
}

/* syscalls: close */
void drive_tap_free(struct drive_tap *tap)
{
	if (!tap)
		return;
	close(tap->fd);
	free(tap->kept.bytes);
	free(tap);
}

void drive_tap_offers(const struct drive_tap *tap, struct drive_offers *offers)
{
	*offers = tap->offers;
}

void drive_tap_stats(const struct drive_tap *tap, struct drive_tap_stats *stats)
{
	*stats = tap->stats;
}

bool drive_tap_converses(struct drive_tap *tap)
{
	uint64_t in = tap->stats.frames_in - tap->heard.frames_in;
	uint64_t out = tap->stats.frames_out - tap->heard.frames_out;
	uint64_t bytes = tap->stats.bytes_in - tap->heard.bytes_in + tap->stats.bytes_out -
			 tap->heard.bytes_out;
	bool answers = (in && tap->last_out) || (out && tap->last_in) || (in && out);

	if (!in && !out)
		return false;
	tap->heard = tap->stats;
	tap->last_in = in > 0;
	tap->last_out = out > 0;
	return answers && in + out <= CONVERSES_FRAMES && bytes <= CONVERSES_BYTES;
}

int drive_tap_fd(const struct drive_tap *tap)
{
	return tap->fd;
}

void drive_tap_capture(struct drive_tap *tap, struct drive_capture *capture)
{
	tap->capture = capture;
}

static void capture_in(const struct drive_tap *tap, const struct virtio_net_hdr *header,
		       const struct minato_frame *frame)
{
	const struct minato_extent extent = { (void *)(uintptr_t)frame->data, frame->len };
	struct drive_captured captured = {
		.extents = &extent,
		.extent_count = 1,
		.len = frame->len,
		.from_guest = true,
	};

	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		captured.csum_start = header->csum_start;
		captured.csum_offset = header->csum_offset;
	}
	drive_capture_frame(tap->capture, &captured);
}

static void capture_out(const struct drive_tap *tap, const struct minato_frame_out *frame)
{
	if (frame->link == tap->link && frame->len <= sizeof(tap->scratch))
		drive_capture_frame(tap->capture, &(struct drive_captured){
							  .extents = frame->extents,
							  .extent_count = frame->extent_count,
							  .len = frame->len,
							  .csum_start = frame->csum_start,
							  .csum_offset = frame->csum_offset,
						  });
}

/*
 * Reads one frame to `where`. Returns its length without the header, 0 for one that is none (it is
 * passed over), or negative errno.
 */
/* syscalls: read readv */
static ssize_t read_frame(struct drive_tap *tap, const struct minato_extent *where,
			  struct minato_frame *frame)
{
	union {
		struct virtio_net_hdr fields;
		uint8_t bytes[HEADER_MAX];
	} header = { .bytes = { 0 } };
	struct iovec iov[2] = { { header.bytes, tap->header }, { where->base, where->len } };
	ssize_t got;

	do
		got = tap->header ? readv(tap->fd, iov, 2) : read(tap->fd, where->base, where->len);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	if ((size_t)got <= tap->header) {
		tap->stats.in_short++;
		return 0;
	}
	*frame = (struct minato_frame){
		.data = where->base,
		.len = (uint32_t)((size_t)got - tap->header),
		.chunk = MINATO_CHUNK_NONE,
		.link = tap->link,
	};
	tap->stats.frames_in++;
	tap->stats.bytes_in += frame->len;
	if (tap->capture)
		capture_in(tap, &header.fields, frame);
	if (!drive_vnet_take(&header.fields, frame, where->base)) {
		tap->stats.in_malformed++;
		return 0;
	}
	return (ssize_t)frame->len;
}

/*
 * All chunks are taken. What waits may be just the acknowledgements that free them: one frame at a
 * time is handed over from our own memory, of which the host value keeps nothing.
 */
static ssize_t read_starved(struct drive_tap *tap, struct minato *host, struct minato_time now)
{
	struct minato_extent where = { tap->scratch, sizeof(tap->scratch) };
	struct minato_frame frame;
	ssize_t got = read_frame(tap, &where, &frame);

	if (got <= 0)
		return got;
	tap->stats.in_no_chunk++;
	minato_input(host, now, &frame, 1);
	return got;
}

int drive_tap_read(struct drive_tap *tap, struct minato *host, struct minato_time now)
{
	struct minato_extent where;
	int large = 0;
	int count = 0;
	ssize_t got = -ENOBUFS; /* until a chunk was leased */

	while (count < BATCH_IN && large < BATCH_IN_LARGE) {
		uint32_t chunk = minato_lease(host, &where);

		if (chunk == MINATO_CHUNK_NONE)
			break;
		got = read_frame(tap, &where, &tap->batch[count]);
		if (got <= 0) {
			minato_unlease(host, chunk);
			break;
		}
		large += got > LARGE;
		tap->batch[count++].chunk = chunk;
	}
	if (count > 0) {
		minato_input(host, now, tap->batch, (size_t)count);
		return count;
	}
	if (got == -ENOBUFS)
		got = read_starved(tap, host, now);
	if (got < 0 && got != -EAGAIN)
		return (int)got;
	return got > 0;
}

/* Bytes in front of a frame and how many: the virtio header that describes it. */
static size_t describe(const struct drive_tap *tap, const struct minato_frame_out *frame,
		       uint8_t bytes[HEADER_MAX])
{
	struct virtio_net_hdr header;

	drive_vnet_give(frame, &header);
	memset(bytes, 0, HEADER_MAX);
	memcpy(bytes, &header, sizeof(header));
	return tap->header;
}

/* Lays the frame's bytes one after the other. */
static void gather(uint8_t *to, const struct minato_frame_out *frame)
{
	for (uint32_t i = 0; i < frame->extent_count; i++) {
		memcpy(to, frame->extents[i].base, frame->extents[i].len);
		to += frame->extents[i].len;
	}
}

/*
 * One writev of a whole frame. 1 when the tap has no room. A frame that the kernel does not want
 * is lost, as on any link: malformed, link down (EIO), no memory. Only a tap that is gone is an
 * error.
 */
/* syscalls: writev */
static int write_iov(struct drive_tap *tap, const struct iovec *iov, int count, size_t len)
{
	ssize_t wrote;

	do
		wrote = writev(tap->fd, iov, count);
	while (wrote < 0 && errno == EINTR);
	if (wrote < 0 && errno == EAGAIN) {
		tap->stats.out_blocked++;
		return 1;
	}
	if (wrote < 0 && (errno == EBADFD || errno == EBADF))
		return -errno;
	if (wrote < 0) {
		tap->stats.out_refused++;
		return 0;
	}
	tap->stats.frames_out++;
	tap->stats.bytes_out += len;
	return 0;
}

static int write_frame(struct drive_tap *tap, const struct minato_frame_out *frame)
{
	uint8_t header[HEADER_MAX];
	struct iovec iov[EXTENTS_MAX + 1];
	uint32_t count = frame->extent_count;

	if (frame->link != tap->link || frame->len > sizeof(tap->scratch)) {
		tap->stats.out_refused++;
		return 0;
	}
	iov[0] = (struct iovec){ header, describe(tap, frame, header) };
	if (count > EXTENTS_MAX) {
		gather(tap->scratch, frame);
		iov[1] = (struct iovec){ tap->scratch, frame->len };
		count = 1;
	} else {
		for (uint32_t i = 0; i < count; i++)
			iov[i + 1] =
				(struct iovec){ frame->extents[i].base, frame->extents[i].len };
	}
	return write_iov(tap, iov, (int)count + 1, frame->len);
}

/* Copies a frame behind what is kept already. */
static void keep(struct drive_tap *tap, const struct minato_frame_out *frame)
{
	struct kept *kept = &tap->kept;
	uint32_t size = (uint32_t)tap->header + frame->len;
	uint8_t header[HEADER_MAX];
	size_t need = kept->used + sizeof(size) + size;

	if (frame->link != tap->link || frame->len > sizeof(tap->scratch)) {
		tap->stats.out_refused++;
		return;
	}
	if (need > kept->room) {
		uint8_t *bytes = realloc(kept->bytes, need * 2);

		if (!bytes) {
			tap->stats.out_refused++;
			return;
		}
		kept->bytes = bytes;
		kept->room = need * 2;
	}
	(void)describe(tap, frame, header);
	memcpy(kept->bytes + kept->used, &size, sizeof(size));
	memcpy(kept->bytes + kept->used + sizeof(size), header, tap->header);
	gather(kept->bytes + kept->used + sizeof(size) + tap->header, frame);
	kept->used = need;
}

int drive_tap_send(struct drive_tap *tap, const struct minato_frame_out *frames, size_t count)
{
	size_t i = 0;
	int result = tap->kept.used > tap->kept.done ? 1 : 0;

	while (result == 0 && i < count) {
		result = write_frame(tap, &frames[i]);
		i += result == 0;
	}
	if (result == 1)
		for (size_t j = i; j < count; j++)
			keep(tap, &frames[j]);
	/* What is kept will be written in this order too. */
	for (size_t j = 0; tap->capture && result >= 0 && j < count; j++)
		capture_out(tap, &frames[j]);
	return result;
}

int drive_tap_flush(struct drive_tap *tap)
{
	struct kept *kept = &tap->kept;

	while (kept->done < kept->used) {
		struct iovec iov;
		uint32_t size;
		int result;

		memcpy(&size, kept->bytes + kept->done, sizeof(size));
		iov = (struct iovec){ kept->bytes + kept->done + sizeof(size), size };
		result = write_iov(tap, &iov, 1, size - tap->header);
		if (result != 0)
			return result;
		kept->done += sizeof(size) + size;
	}
	kept->used = 0;
	kept->done = 0;
	return 0;
}

int drive_tap_write(struct drive_tap *tap, struct minato *host, struct minato_time now)
{
	struct minato_frame_out frames[BATCH_OUT];
	int result = drive_tap_flush(tap);
	size_t count = BATCH_OUT;

	while (result == 0 && count == BATCH_OUT) {
		count = minato_output(host, now, frames, BATCH_OUT);
		result = drive_tap_send(tap, frames, count);
	}
	return result;
}
