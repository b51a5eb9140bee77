/* SPDX-License-Identifier: BSD-2-Clause */
/* Equal datagrams of one flow become one frame, which stays one as far as the kernel can. */
#include "drive/drive.h"

#include <string.h>

#define ETHERNET 14u
#define IP4 20u
#define IP6 40u
#define UDP 8u
#define FRAME_MAX 65000u /* of the whole, well below what an IP length can say */
#define DONT_FRAGMENT 0x40u

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static const uint8_t *head_of(const struct minato_frame_out *frame)
{
	return frame->extents[0].base;
}

static bool is4(const uint8_t *head)
{
	return head[12] == 0x08;
}

/* A whole UDP datagram without options, whose checksum the kernel is to fill in. */
static bool is_plain(const struct minato_frame_out *frame)
{
	const uint8_t *head = head_of(frame);

	if (frame->gso != MINATO_GSO_NONE || frame->csum_start == 0 ||
	    frame->extents[0].len < frame->header_len || frame->len <= frame->header_len)
		return false;
	if (frame->header_len == ETHERNET + IP4 + UDP)
		return head[12] == 0x08 && head[13] == 0x00 && head[ETHERNET] == 0x45 &&
		       head[ETHERNET + 9] == MINATO_UDP &&
		       (get16(head + ETHERNET + 6) & 0x3fff) == 0 &&
		       frame->csum_start == ETHERNET + IP4;
	return frame->header_len == ETHERNET + IP6 + UDP && head[12] == 0x86 && head[13] == 0xdd &&
	       head[ETHERNET + 6] == MINATO_UDP && frame->csum_start == ETHERNET + IP6;
}

bool drive_run_begin(struct drive_run *run, const struct minato_frame_out *frame)
{
	*run = (struct drive_run){ .count = 0 };
	if (!is_plain(frame))
		return false;
	*run = (struct drive_run){
		.first = frame,
		.count = 1,
		.each = frame->len - frame->header_len,
		.len = frame->len,
	};
	return true;
}

/* RFC 6864 4.1: in an atomic datagram the identification has no meaning. */
static bool may_renumber(const uint8_t *first, const uint8_t *next, uint32_t count)
{
	if (first[ETHERNET + 6] & next[ETHERNET + 6] & DONT_FRAGMENT)
		return true;
	return get16(next + ETHERNET + 4) == (uint16_t)(get16(first + ETHERNET + 4) + count);
}

/*
 * IPv4: all but total length, identification and header checksum, and of UDP the ports; IPv6: all
 * but the payload length.
 */
static bool is_same_flow(const uint8_t *a, const uint8_t *b)
{
	if (is4(a))
		return memcmp(a, b, ETHERNET + 2) == 0 &&
		       memcmp(a + ETHERNET + 6, b + ETHERNET + 6, 4) == 0 &&
		       memcmp(a + ETHERNET + 12, b + ETHERNET + 12, 12) == 0;
	return memcmp(a, b, ETHERNET + 4) == 0 &&
	       memcmp(a + ETHERNET + 6, b + ETHERNET + 6, 2 + 32 + 4) == 0;
}

bool drive_run_take(struct drive_run *run, const struct minato_frame_out *frame)
{
	uint32_t payload;

	if (run->full || run->count >= DRIVE_RUN_MAX || frame->link != run->first->link ||
	    frame->header_len != run->first->header_len || !is_plain(frame))
		return false;
	payload = frame->len - frame->header_len;
	if (payload > run->each || run->len + payload > FRAME_MAX ||
	    !is_same_flow(head_of(run->first), head_of(frame)))
		return false;
	if (is4(head_of(frame)) && !may_renumber(head_of(run->first), head_of(frame), run->count))
		return false;
	run->count++;
	run->len += payload;
	run->full = payload < run->each; /* only the last one may have less */
	return true;
}

/* The folded sum; bytes of an even number. */
static uint32_t sum(const uint8_t *at, uint32_t len, uint32_t start)
{
	uint32_t total = start;

	for (uint32_t i = 0; i < len; i += 2)
		total += get16(at + i);
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return total;
}

void drive_run_header(const struct drive_run *run, uint8_t header[DRIVE_RUN_HEADER])
{
	uint32_t size = run->first->header_len;
	uint32_t datagram = run->len - size + UDP;
	uint8_t *udp = header + size - UDP;
	uint8_t *ip = header + ETHERNET;

	memcpy(header, head_of(run->first), size);
	put16(udp + 4, datagram);
	/* RFC 768, RFC 8200 8.1: the pseudo header, which is all that the kernel wants of it. */
	if (is4(header)) {
		put16(ip + 2, datagram + IP4);
		put16(ip + 10, 0);
		put16(ip + 10, ~sum(ip, IP4, 0));
		put16(udp + 6, sum(ip + 12, 8, MINATO_UDP + datagram));
	} else {
		put16(ip + 4, datagram);
		put16(udp + 6, sum(ip + 8, 32, MINATO_UDP + datagram));
	}
}
