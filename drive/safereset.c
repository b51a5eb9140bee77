/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that are kept until whoever made them proves that he is where he says. */
#include "drive/intake.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "drive/drive.h"

#define PLACES (UINT32_C(1) << 15)
#define KEPT_MIN_NS INT64_C(200000000)
#define KEPT_NS INT64_C(3000000000) /* as long as somebody tries who has no answer */
#define DRAWN 1024u		    /* random numbers at once */

#define ETHERNET 14u
#define HEADER4 20u
#define HEADER6 40u
#define TCP_HEADER 20u
#define TCP_HEADER_MAX 60u
#define CALL_MAX (ETHERNET + HEADER6 + TCP_HEADER_MAX)
#define HOPS 64u

#define TCP 6u
#define FIN 0x01u
#define SYN 0x02u
#define RST 0x04u
#define ACK 0x10u

struct call {
	int64_t asked_ns;
	uint32_t number; /* 0: there is none */
	uint16_t len, vlan;
	struct virtio_net_hdr header;
	uint8_t frame[CALL_MAX];
};

struct drive_safereset {
	int64_t asked_ns; /* the last of them */
	uint32_t next;	  /* counted on and on */
	uint32_t left;	  /* of the random numbers */
	uint32_t random[DRAWN];
	struct call calls[PLACES];
};

int drive_safereset_new(struct drive_safereset **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void drive_safereset_free(struct drive_safereset *s)
{
	free(s);
}

/* ---- headers ---- */

static uint32_t load16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t load32(const uint8_t *at)
{
	return load16(at) << 16 | load16(at + 2);
}

static void store16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void store32(uint8_t *at, uint32_t value)
{
	store16(at, value >> 16);
	store16(at + 2, value);
}

/* A TCP segment without payload and IP options: where its parts are in the frame. */
struct segment {
	const uint8_t *addresses, *tcp; /* the source's, then the destination's */
	uint32_t address_size, end;	/* of one; of the frame, but for what it is padded with */
};

static bool find_segment(const uint8_t *frame, uint32_t len, struct segment *out)
{
	const uint8_t *ip = frame + ETHERNET;
	uint32_t header, payload;

	if (len < ETHERNET + HEADER4 + TCP_HEADER)
		return false;
	if (load16(frame + 12) == 0x0800 && ip[0] == 0x45 && ip[9] == TCP &&
	    (load16(ip + 6) & 0x3fff) == 0 && load16(ip + 2) >= HEADER4) {
		header = HEADER4;
		payload = load16(ip + 2) - HEADER4;
	} else if (load16(frame + 12) == 0x86dd && ip[0] >> 4 == 6 && ip[6] == TCP) {
		header = HEADER6;
		payload = load16(ip + 4);
	} else {
		return false;
	}
	*out = (struct segment){
		.addresses = header == HEADER6 ? ip + 8 : ip + 12,
		.address_size = header == HEADER6 ? 16 : 4,
		.tcp = ip + header,
		.end = ETHERNET + header + payload,
	};
	return payload >= TCP_HEADER && out->end <= len && (out->tcp[12] >> 4) * 4u == payload;
}

static uint32_t add(const uint8_t *at, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i += 2)
		sum += load16(at + i);
	return sum;
}

static uint32_t folded(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* ---- asking ---- */

/* syscalls: getrandom */
static bool draw(struct drive_safereset *s, uint32_t *out)
{
	if (s->left == 0 && drive_seed(s->random, sizeof(s->random)) == 0)
		s->left = DRAWN;
	if (s->left == 0)
		return false;
	*out = s->random[--s->left];
	return true;
}

/* Back the way it came, with nothing but its header. */
static uint32_t write_reply(const uint8_t *frame, const struct segment *call, uint32_t number,
			    uint32_t seq, uint8_t *reply)
{
	const uint32_t size = call->address_size, header = size == 16 ? HEADER6 : HEADER4;
	uint8_t *ip = reply + ETHERNET, *tcp = ip + header;
	uint8_t *addresses = ip + (call->addresses - (frame + ETHERNET));

	memset(reply, 0, ETHERNET + header + TCP_HEADER);
	memcpy(reply, frame + 6, 6);
	memcpy(reply + 6, frame, 6);
	memcpy(reply + 12, frame + 12, 2);
	memcpy(addresses, call->addresses + size, size);
	memcpy(addresses + size, call->addresses, size);
	if (header == HEADER6) {
		ip[0] = 0x60;
		store16(ip + 4, TCP_HEADER);
		ip[6] = TCP;
		ip[7] = HOPS;
	} else {
		ip[0] = 0x45;
		store16(ip + 2, HEADER4 + TCP_HEADER);
		ip[6] = 0x40; /* it is in one piece: it needs no identification (RFC 6864 4.1) */
		ip[8] = HOPS;
		ip[9] = TCP;
		store16(ip + 10, folded(add(ip, HEADER4, 0)));
	}
	memcpy(tcp, call->tcp + 2, 2);
	memcpy(tcp + 2, call->tcp, 2);
	store32(tcp + 4, seq);
	store32(tcp + 8, number);
	tcp[12] = TCP_HEADER / 4 << 4;
	tcp[13] = ACK;
	store16(tcp + 16, folded(add(tcp, TCP_HEADER, add(addresses, 2 * size, TCP + TCP_HEADER))));
	return ETHERNET + header + TCP_HEADER;
}

/* What is written next: all of it was written long ago. */
static void fetch(const struct call *call)
{
	__builtin_prefetch(call, 1);
	__builtin_prefetch((const uint8_t *)call + 64, 1);
	__builtin_prefetch((const uint8_t *)call + sizeof(*call) - 1, 1);
}

uint32_t drive_safereset_ask(struct drive_safereset *s, const struct drive_taken *taken,
			     struct minato_time now, uint8_t reply[DRIVE_ASKING_MAX])
{
	const uint32_t place = s->next % PLACES;
	struct call *call = &s->calls[place];
	struct segment segment;
	uint32_t number, seq;

	if (!find_segment(taken->bytes, taken->len, &segment) || segment.end > CALL_MAX ||
	    (segment.tcp[13] & (FIN | SYN | RST | ACK)) != SYN || !draw(s, &seq) ||
	    !draw(s, &number))
		return 0;
	number = (number & ~(PLACES - 1)) | place;
	/* The one number that answers it, and the one that is none. */
	if (number == load32(segment.tcp + 4) + 1 || number == 0)
		number ^= UINT32_C(1) << 31;
	s->next++;
	fetch(&s->calls[s->next % PLACES]);
	s->asked_ns = now.ns;
	call->asked_ns = now.ns;
	call->number = number;
	call->len = (uint16_t)segment.end;
	call->vlan = taken->vlan;
	memcpy(&call->header, taken->header, sizeof(call->header));
	memcpy(call->frame, taken->bytes, segment.end);
	return write_reply(taken->bytes, &segment, number, seq, reply);
}

/* ---- answers ---- */

/* They are used one after the other: those that come later are free sooner than the later ones. */
bool drive_safereset_has_room(const struct drive_safereset *s, bool near, struct minato_time now)
{
	const struct call *call = &s->calls[(s->next + (near ? 0 : PLACES / 4)) % PLACES];

	return call->number == 0 || now.ns - call->asked_ns >= KEPT_MIN_NS;
}

bool drive_safereset_waits(const struct drive_safereset *s, struct minato_time now)
{
	return s->next > 0 && now.ns - s->asked_ns <= KEPT_NS;
}

bool drive_safereset_proves(struct drive_safereset *s, const struct drive_taken *reset,
			    struct minato_time now, struct drive_taken *out)
{
	struct segment answer, asked;
	struct call *call;
	uint32_t number;

	if (reset->where != DRIVE_TAKEN_HERE || !find_segment(reset->bytes, reset->len, &answer) ||
	    (answer.tcp[13] & (SYN | RST)) != RST)
		return false;
	number = load32(answer.tcp + 4);
	call = &s->calls[number % PLACES];
	if (number == 0 || call->number != number || now.ns - call->asked_ns > KEPT_NS ||
	    call->vlan != reset->vlan || !find_segment(call->frame, call->len, &asked) ||
	    asked.address_size != answer.address_size ||
	    memcmp(asked.addresses, answer.addresses, (size_t)2 * asked.address_size) != 0 ||
	    memcmp(asked.tcp, answer.tcp, 4) != 0)
		return false;
	*out = (struct drive_taken){
		.header = &call->header,
		.bytes = call->frame,
		.len = call->len,
		.vlan = call->vlan,
		.where = DRIVE_TAKEN_HERE,
	};
	return true;
}

void drive_safereset_took(const struct drive_taken *taken)
{
	struct call *call = (struct call *)(void *)(taken->bytes - offsetof(struct call, frame));

	call->number = 0;
}
