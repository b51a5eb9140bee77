/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small frames that leave by a packet socket, many by one system call: a ring of slots in memory
 * that the kernel reads too (TPACKET_V2). For frames that do not become runs it costs half of
 * sendmmsg, most of which is the taking apart of each message.
 *
 *	   first               next
 *	-----|---- waiting ------|------ free, or with the interface yet
 */
#include "drive/drive.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define SLOT 2048u
#define BLOCK 65536u
#define SIZE ((size_t)DRIVE_RING_SLOTS * SLOT)
/* Where a frame begins in its slot. */
#define DATA                                                                                       \
	(((sizeof(struct tpacket2_hdr) + TPACKET_ALIGNMENT - 1) / TPACKET_ALIGNMENT) *             \
	 TPACKET_ALIGNMENT)
#define VNET sizeof(struct virtio_net_hdr)

_Static_assert(DATA + VNET + DRIVE_RING_BYTES <= SLOT, "a frame fits its slot");

static struct tpacket2_hdr *slot_at(const struct drive_ring *ring, uint32_t i)
{
	return (struct tpacket2_hdr *)(void *)(ring->map + (size_t)(i % DRIVE_RING_SLOTS) * SLOT);
}

static uint32_t status_of(const struct drive_ring *ring, uint32_t i)
{
	return __atomic_load_n(&slot_at(ring, i)->tp_status, __ATOMIC_ACQUIRE);
}

static void set_status(const struct drive_ring *ring, uint32_t i, uint32_t status)
{
	__atomic_store_n(&slot_at(ring, i)->tp_status, status, __ATOMIC_RELEASE);
}

/* A predecessor that was killed may have left its ring, which nobody maps any more. */
/* unsealed: setsockopt mmap */
int drive_ring_open(struct drive_ring *ring, int fd)
{
	const struct tpacket_req none = { 0 };
	const struct tpacket_req want = {
		.tp_block_size = BLOCK,
		.tp_block_nr = SIZE / BLOCK,
		.tp_frame_size = SLOT,
		.tp_frame_nr = DRIVE_RING_SLOTS,
	};
	const int version = TPACKET_V2;
	const int lose = 1; /* what is malformed is passed over, not waited for */
	void *map;

	*ring = (struct drive_ring){ .fd = fd };
	(void)setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &none, sizeof(none));
	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_LOSS, &lose, sizeof(lose)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &want, sizeof(want)) < 0)
		return -errno;
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	ring->map = map;
	return 0;
}

/* unsealed: munmap */
void drive_ring_close(struct drive_ring *ring)
{
	if (ring->map)
		(void)munmap(ring->map, SIZE);
	ring->map = NULL;
}

bool drive_ring_free(const struct drive_ring *ring)
{
	return ring->map && ring->next - ring->first < DRIVE_RING_SLOTS &&
	       status_of(ring, ring->next) == TP_STATUS_AVAILABLE;
}

void drive_ring_put(struct drive_ring *ring, const struct iovec *parts, uint32_t count,
		    uint32_t frames)
{
	struct virtio_net_hdr header;
	size_t len = 0;
	uint8_t *at;

	at = (uint8_t *)slot_at(ring, ring->next) + DATA;
	for (uint32_t i = 0; i < count; i++) {
		memcpy(at, parts[i].iov_base, parts[i].iov_len);
		at += parts[i].iov_len;
		len += parts[i].iov_len;
	}
	/* The kernel copies so much of it, and would only refer to the rest. */
	at -= len;
	memcpy(&header, at, VNET);
	header.hdr_len = (uint16_t)(len - VNET);
	memcpy(at, &header, VNET);
	slot_at(ring, ring->next)->tp_len = (uint32_t)len;
	set_status(ring, ring->next, TP_STATUS_SEND_REQUEST);
	ring->frames[ring->next % DRIVE_RING_SLOTS] = (uint8_t)frames;
	ring->next++;
}

/*
 * The kernel stops where it cannot go on (no room, no interface): what was not begun is taken back,
 * and its slots, at which the kernel will look next, are filled anew.
 */
static uint32_t take_back(struct drive_ring *ring)
{
	uint32_t end = ring->next;
	uint32_t lost = 0;

	for (uint32_t i = ring->first; i != end; i++) {
		uint32_t status = status_of(ring, i);

		if (status != TP_STATUS_SEND_REQUEST && status != TP_STATUS_WRONG_FORMAT)
			continue;
		set_status(ring, i, TP_STATUS_AVAILABLE);
		if (lost == 0)
			ring->next = i;
		lost += ring->frames[i % DRIVE_RING_SLOTS];
	}
	return lost;
}

/* syscalls: sendto */
int drive_ring_send(struct drive_ring *ring, uint32_t *lost)
{
	int error = 0;

	*lost = 0;
	if (ring->first == ring->next)
		return 0;
	while (send(ring->fd, NULL, 0, MSG_DONTWAIT) < 0) {
		if (errno == EINTR)
			continue;
		error = errno;
		break;
	}
	if (error != 0 || status_of(ring, ring->next - 1) == TP_STATUS_SEND_REQUEST)
		*lost = take_back(ring);
	ring->first = ring->next;
	return *lost > 0 ? (error ? -error : -ENOBUFS) : 0;
}
