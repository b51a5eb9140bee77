/* SPDX-License-Identifier: BSD-2-Clause */
/* A ring of slots into which the kernel writes what arrives (TPACKET_V2); who is served first. */
#include "drive/intake.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "drive/drive.h"

#define SLOT 2048u
#define SLOTS 4096u /* what comes in some milliseconds in which we do not run */
#define BLOCK 65536u
#define SIZE ((size_t)SLOTS * SLOT)
#define RESERVE 6 /* so that what is behind an Ethernet header is aligned */

#define LOOKS 512u /* at new frames, for one batch */
#define QUEUED 8u  /* large frames in it: more only evict from the cache what was just read */
/* Of those who wait, in each batch: few, as others wait for its end; more where there are none. */
#define OTHERS_MIN 8u
#define OTHERS_MAX 32u
/* Who waits: so many at most, and fewer where the queue has not been empty for a while. */
#define WAITING_MAX (SLOTS / 2)
#define SPAN_MAX (SLOTS - SLOTS / 4) /* beyond it those who wait would block the ring */
#define STANDING_MAX 512u
#define STANDING_NS INT64_C(50000000)

_Static_assert((SLOTS & (SLOTS - 1)) == 0, "slots are counted on and on");

struct drive_intake {
	int fd;
	uint8_t *map;
	uint32_t tail, seen; /* slots, counted on and on */
	uint32_t waiting;    /* between them */
	int64_t since_ns;    /* that some wait */
	uint64_t shed;
	uint32_t held; /* the slots that drive_intake_done gives back */
	uint32_t holds[DRIVE_INTAKE_BATCH + 1];
	bool waits[SLOTS]; /* not yet taken */
	bool kept;	   /* the last one seen was taken, but not given back yet */
	struct drive_known known;
};

static struct tpacket2_hdr *slot_at(const struct drive_intake *intake, uint32_t i)
{
	return (struct tpacket2_hdr *)(void *)(intake->map + (size_t)(i % SLOTS) * SLOT);
}

static bool is_new(const struct drive_intake *intake, uint32_t i)
{
	return __atomic_load_n(&slot_at(intake, i)->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER;
}

static void give_back(const struct drive_intake *intake, uint32_t i)
{
	__atomic_store_n(&slot_at(intake, i)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

/* ---- making ---- */

/* A predecessor that was killed may have left its ring, which nobody maps any more. */
/* unsealed: setsockopt */
void drive_intake_without(int fd)
{
	const struct tpacket_req none = { 0 };

	(void)setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &none, sizeof(none));
}

/* unsealed: mmap */
static int make_ring(struct drive_intake *intake)
{
	const struct tpacket_req want = {
		.tp_block_size = BLOCK,
		.tp_block_nr = SIZE / BLOCK,
		.tp_frame_size = SLOT,
		.tp_frame_nr = SLOTS,
	};
	const int version = TPACKET_V2, reserve = RESERVE, copy = 1;
	void *map;

	drive_intake_without(intake->fd);
	if (setsockopt(intake->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    setsockopt(intake->fd, SOL_PACKET, PACKET_RESERVE, &reserve, sizeof(reserve)) < 0 ||
	    setsockopt(intake->fd, SOL_PACKET, PACKET_COPY_THRESH, &copy, sizeof(copy)) < 0 ||
	    setsockopt(intake->fd, SOL_PACKET, PACKET_RX_RING, &want, sizeof(want)) < 0)
		return -errno;
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, intake->fd, 0);
	if (map == MAP_FAILED) {
		int result = -errno;

		drive_intake_without(intake->fd);
		return result;
	}
	intake->map = map;
	return 0;
}

int drive_intake_open(struct drive_intake **out, int fd)
{
	struct drive_intake *intake = calloc(1, sizeof(*intake));
	uint64_t seed[2];
	int result = intake ? drive_seed(seed, sizeof(seed)) : -ENOMEM;

	if (result == 0) {
		intake->fd = fd;
		drive_known_reset(&intake->known, seed);
		result = make_ring(intake);
	}
	if (result < 0) {
		free(intake);
		return result;
	}
	*out = intake;
	return 0;
}

/* unsealed: munmap */
void drive_intake_close(struct drive_intake *intake)
{
	if (!intake)
		return;
	(void)munmap(intake->map, SIZE);
	free(intake);
}

/* ---- taking ---- */

static void describe(const struct drive_intake *intake, uint32_t i, struct drive_taken *out)
{
	const struct tpacket2_hdr *slot = slot_at(intake, i);
	uint8_t *bytes = (uint8_t *)slot_at(intake, i) + slot->tp_mac;

	*out = (struct drive_taken){
		.header = bytes - sizeof(struct virtio_net_hdr),
		.bytes = bytes,
		.len = slot->tp_snaplen,
		.where = DRIVE_TAKEN_HERE,
	};
	if (slot->tp_status & TP_STATUS_VLAN_VALID)
		out->vlan = slot->tp_vlan_tci & 0xfff;
	if (slot->tp_status & TP_STATUS_COPY)
		out->where = DRIVE_TAKEN_QUEUED;
	else if (slot->tp_snaplen < slot->tp_len)
		out->where = DRIVE_TAKEN_CUT;
}

static void hold(struct drive_intake *intake, uint32_t i)
{
	intake->waits[i % SLOTS] = false;
	intake->holds[intake->held++] = i;
}

/* The tail goes past what nobody waits for any more. */
static void advance(struct drive_intake *intake)
{
	while (intake->tail != intake->seen && !intake->waits[intake->tail % SLOTS])
		intake->tail++;
}

static void put_off(struct drive_intake *intake, struct minato_time now)
{
	if (intake->waiting++ == 0)
		intake->since_ns = now.ns;
	intake->waits[intake->seen % SLOTS] = true;
}

/* Long frames are of conversations; and they stand in the queue in the order of their slots. */
static bool goes_first(const struct drive_intake *intake, const struct drive_taken *taken)
{
	return taken->where != DRIVE_TAKEN_HERE ||
	       drive_known_comes(&intake->known, taken->bytes, taken->len);
}

static uint32_t take_new(struct drive_intake *intake, struct minato_time now,
			 struct drive_taken *out, uint32_t room, bool all)
{
	uint32_t count = 0, queued = 0;

	for (uint32_t looks = 0; looks < LOOKS && count < room && queued < QUEUED; looks++) {
		if (intake->seen - intake->tail == SLOTS || !is_new(intake, intake->seen))
			break;
		describe(intake, intake->seen, &out[count]);
		if (all || goes_first(intake, &out[count])) {
			queued += out[count++].where == DRIVE_TAKEN_QUEUED;
			hold(intake, intake->seen);
		} else {
			put_off(intake, now);
		}
		intake->seen++;
	}
	return count;
}

static uint32_t take_waiting(struct drive_intake *intake, struct drive_taken *out, uint32_t room)
{
	uint32_t count = 0;

	for (; intake->waiting > 0 && count < room; count++, intake->waiting--) {
		advance(intake);
		describe(intake, intake->tail, &out[count]);
		hold(intake, intake->tail);
	}
	advance(intake);
	return count;
}

static bool are_too_many(const struct drive_intake *intake, struct minato_time now)
{
	bool stands = now.ns - intake->since_ns > STANDING_NS;

	return intake->waiting > (stands ? STANDING_MAX : WAITING_MAX) ||
	       (intake->waiting > 0 && intake->seen - intake->tail > SPAN_MAX);
}

/* The oldest go: who sent them has the least hope of an answer yet. */
static void shed(struct drive_intake *intake, struct minato_time now)
{
	for (; are_too_many(intake, now); intake->waiting--, intake->shed++) {
		advance(intake);
		intake->waits[intake->tail % SLOTS] = false;
		give_back(intake, intake->tail);
	}
	advance(intake);
}

uint32_t drive_intake_take(struct drive_intake *intake, struct minato_time now,
			   struct drive_taken out[DRIVE_INTAKE_BATCH])
{
	bool calm = intake->waiting == 0 && !is_new(intake, intake->seen + DRIVE_INTAKE_BATCH);
	uint32_t room = DRIVE_INTAKE_BATCH - (calm ? 0 : OTHERS_MIN);
	uint32_t count;

	if (intake->kept) {
		intake->kept = false;
		intake->holds[intake->held++] = intake->seen - 1;
	}
	count = take_new(intake, now, out, room, calm);
	count += take_waiting(intake, out + count, count == 0 ? OTHERS_MAX : OTHERS_MIN);
	shed(intake, now);
	return count;
}

/*
 * The socket is readable while the slot before the kernel's head is not the kernel's: so that one
 * stays with us for as long as others wait.
 */
void drive_intake_done(struct drive_intake *intake)
{
	for (uint32_t i = 0; i < intake->held; i++) {
		if (intake->waiting > 0 && intake->holds[i] == intake->seen - 1)
			intake->kept = true;
		else
			give_back(intake, intake->holds[i]);
	}
	intake->held = 0;
}

void drive_intake_leaves(struct drive_intake *intake, const struct minato_frame_out *frame,
			 struct minato_time now)
{
	drive_known_leaves(&intake->known, frame->extents[0].base, (uint32_t)frame->extents[0].len,
			   frame->len, (uint32_t)(now.ns / 1000000000));
}

uint64_t drive_intake_shed(const struct drive_intake *intake)
{
	return intake->shed;
}
