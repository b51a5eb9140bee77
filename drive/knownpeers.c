/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses with which there is a conversation: a small set, four places to a hash. */
#include "drive/intake.h"

#include <string.h>

#define WAYS 4u
#define KEPT_S 60
#define DAY_S 86400u
/* Calls from known networks: what each had halves each AMONG of them, so that all have up to twice
   as many. */
#define EACH 256u
#define AMONG 256u
#define FEW (2 * AMONG / 8)
#define ETHERNET 14u
#define HEADER4 20u
#define HEADER6 40u
#define TCP_HEADER 20u

#define TCP 6u
#define UDP 17u
#define ICMP 1u
#define ICMP6 58u
#define FRAGMENT6 44u
#define SYN 0x02
#define RST 0x04
#define ACK 0x10
#define ND_FIRST 133u /* RFC 4861 4 */
#define ND_LAST 137u

enum sort { PROVEN, ASKED };

/* Of the packet in a frame what matters here. */
struct look {
	const uint8_t *source, *destination; /* 4 bytes, or 16 */
	const uint8_t *transport;
	uint32_t left; /* bytes from there to what is there */
	uint32_t rest; /* to the end of the packet */
	uint8_t protocol;
	bool six, piece;
};

void drive_known_reset(struct drive_known *known, const uint64_t seed[2], bool all)
{
	memset(known, 0, sizeof(*known));
	known->all = all;
	known->seed[0] = seed[0];
	known->seed[1] = seed[1];
}

static uint32_t load16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static bool look4(struct look *l, const uint8_t *ip, uint32_t head, uint32_t len)
{
	uint32_t header, total;

	if (head < HEADER4)
		return false;
	header = (ip[0] & 15u) * 4;
	total = load16(ip + 2);
	/* A super-segment has no length that would fit. */
	if (total < header || total > len)
		total = len;
	if (header < HEADER4 || header > head || header > total)
		return false;
	*l = (struct look){
		.source = ip + 12,
		.destination = ip + 16,
		.transport = ip + header,
		.left = head - header,
		.rest = total - header,
		.protocol = ip[9],
		.piece = (load16(ip + 6) & 0x3fff) != 0,
	};
	return true;
}

static bool look6(struct look *l, const uint8_t *ip, uint32_t head, uint32_t len)
{
	if (head < HEADER6)
		return false;
	*l = (struct look){
		.source = ip + 8,
		.destination = ip + 24,
		.transport = ip + HEADER6,
		.left = head - HEADER6,
		.rest = len - HEADER6,
		.protocol = ip[6],
		.six = true,
		.piece = ip[6] == FRAGMENT6,
	};
	if (load16(ip + 4) > 0 && load16(ip + 4) < l->rest)
		l->rest = load16(ip + 4);
	return true;
}

/* False: no IP that could be read. */
static bool look(struct look *l, const uint8_t *frame, uint32_t head, uint32_t len)
{
	if (head <= ETHERNET || len < head)
		return false;
	switch (load16(frame + 12)) {
	case 0x0800:
		return look4(l, frame + ETHERNET, head - ETHERNET, len - ETHERNET);
	case 0x86dd:
		return look6(l, frame + ETHERNET, head - ETHERNET, len - ETHERNET);
	default:
		return false;
	}
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	a = (a ^ b) * UINT64_C(0x9e3779b97f4a7c15);
	a ^= a >> 32;
	a *= UINT64_C(0xd6e8feb86659fd93);
	return a ^ a >> 32;
}

static uint64_t hash(const struct drive_known *known, const uint8_t *addr, bool six)
{
	uint64_t words[2] = { 0, 0 };

	memcpy(words, addr, six ? 16 : 4);
	return mix(mix(known->seed[0], words[0]) + known->seed[1], words[1]);
}

/* ---- networks ---- */

/* Those of IPv4 have a number each, those of IPv6 share them. */
static uint32_t network_of(const struct drive_known *known, const uint8_t *addr, bool six)
{
	uint32_t word;

	if (!six)
		return load16(addr);
	memcpy(&word, addr, sizeof(word));
	return DRIVE_KNOWN_NETWORKS / 2 +
	       (uint32_t)mix(known->seed[1], word) % (DRIVE_KNOWN_NETWORKS / 2);
}

static bool is_near(const struct drive_known *known, uint32_t network)
{
	return (known->networks[0][network / 64] | known->networks[1][network / 64]) >>
		       network % 64 &
	       1;
}

static void learn_network(struct drive_known *known, uint32_t network, uint32_t now_s)
{
	const uint32_t day = now_s / DAY_S;

	/* What was learnt on neither of the last two is forgotten. */
	if (day != known->day) {
		if (day != known->day + 1)
			memset(known->networks[known->day % 2], 0, sizeof(known->networks[0]));
		memset(known->networks[day % 2], 0, sizeof(known->networks[0]));
		known->day = day;
	}
	known->networks[day % 2][network / 64] |= UINT64_C(1) << network % 64;
}

bool drive_known_few(struct drive_known *known, uint32_t network)
{
	if (++known->near == AMONG) {
		known->near = 0;
		for (uint32_t i = 0; i < EACH; i++)
			known->near_each[i] /= 2;
	}
	return ++known->near_each[network % EACH] <= FEW;
}

/* ---- addresses ---- */

static uint32_t tag_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1; /* 0: nobody */
}

/* False: it was learnt on this day already, and was not silent for long. */
static bool learn(struct drive_known *known, enum sort sort, uint64_t hash, uint32_t now_s)
{
	struct drive_known_place *set =
		&known->places[sort][hash & (DRIVE_KNOWN_PLACES - 1) & ~(WAYS - 1)];
	struct drive_known_place *old = NULL;

	for (uint32_t i = 0; i < WAYS; i++) {
		if (set[i].tag == tag_of(hash)) {
			const uint32_t last_s = set[i].last_s;

			set[i].last_s = now_s;
			return now_s - last_s > KEPT_S || now_s / DAY_S != last_s / DAY_S;
		}
		if (!old && (set[i].tag == 0 || (int32_t)(now_s - set[i].last_s) > KEPT_S))
			old = &set[i];
	}
	if (old)
		*old = (struct drive_known_place){ tag_of(hash), now_s };
	return true;
}

static bool knows(const struct drive_known *known, enum sort sort, uint64_t hash)
{
	const struct drive_known_place *set =
		&known->places[sort][hash & (DRIVE_KNOWN_PLACES - 1) & ~(WAYS - 1)];
	bool found = false;

	for (uint32_t i = 0; i < WAYS; i++)
		found |= set[i].tag == tag_of(hash);
	return found;
}

static bool is_opening(const struct look *l)
{
	return l->protocol == TCP &&
	       (l->left < TCP_HEADER || (l->transport[13] & (SYN | ACK)) == SYN);
}

/* A TCP segment with its header: whether there is more. */
static bool carries(const struct look *l)
{
	return l->rest > (l->transport[12] >> 4) * 4u;
}

/* A SYN with an acknowledgement, one alone, a RST may go to a forged address; payload does not. */
void drive_known_leaves(struct drive_known *known, const uint8_t *frame, uint32_t head,
			uint32_t len, uint32_t now_s)
{
	struct look l;
	bool has_payload;

	if (!look(&l, frame, head, len) || (l.protocol != UDP && l.protocol != TCP) ||
	    (l.protocol == TCP && l.left < TCP_HEADER))
		return;
	has_payload = l.protocol == TCP && !(l.transport[13] & SYN) && carries(&l);
	if (has_payload && learn(known, PROVEN, hash(known, l.destination, l.six), now_s))
		learn_network(known, network_of(known, l.destination, l.six), now_s);
	else if (!has_payload && (l.protocol == UDP || is_opening(&l)))
		(void)learn(known, ASKED, hash(known, l.destination, l.six), now_s);
}

/* Of those who are not known: by what they send. */
static uint32_t crowd_of(const struct look *l)
{
	if (l->piece)
		return DRIVE_CROWD_PIECES;
	switch (l->protocol) {
	case TCP:
		if (is_opening(l))
			return DRIVE_CROWD_SYN;
		if (l->transport[13] & RST)
			return DRIVE_CROWD_RST;
		return carries(l) ? DRIVE_CROWD_SEGMENTS : DRIVE_CROWD_ACK;
	case UDP:
		return DRIVE_CROWD_UDP;
	case ICMP:
	case ICMP6:
		return DRIVE_CROWD_ICMP;
	default:
		return DRIVE_CROWD_OTHERS;
	}
}

/* To a call: as many come as we let through, and one that is to nothing costs little. */
static bool is_answer(const struct look *l)
{
	return l->protocol == TCP && !l->piece && l->left >= TCP_HEADER &&
	       (l->transport[13] & (SYN | ACK)) == (SYN | ACK);
}

/*
 * Of a known source what it says of a conversation is apart from what it says of others: a server
 * that answers a flood does not hide its own clients.
 */
static uint32_t known_crowd_of(const struct look *l, uint64_t h, uint32_t salt)
{
	uint32_t sort = l->piece ? DRIVE_CROWD_PIECES : l->protocol;

	if (!l->piece && l->protocol == TCP && l->left >= TCP_HEADER)
		sort = l->transport[13] & (SYN | RST) ? DRIVE_CROWD_SYN : DRIVE_CROWD_SEGMENTS;
	return (uint32_t)(mix(h, salt) + sort * 37u) % DRIVE_CROWD_SOURCES;
}

/* Its ports and number, beside the addresses. */
static uint64_t call_of(const struct drive_known *known, const struct look *l, uint64_t h)
{
	uint64_t words[3] = { 0, 0, 0 };

	memcpy(words, l->transport, l->left < 8 ? l->left : 8);
	memcpy(words + 1, l->destination, l->six ? 16 : 4);
	return mix(mix(h + words[0], known->seed[1]) + words[1], words[2] ^ known->seed[0]);
}

uint32_t drive_known_crowd(const struct drive_known *known, const uint8_t *frame, uint32_t len,
			   uint32_t salt, struct drive_call *call)
{
	struct look l;
	uint32_t crowd;
	uint64_t h;

	if (!look(&l, frame, len, len))
		return DRIVE_CROWD_LINK;
	if (l.six && l.protocol == ICMP6 && l.left > 0 && l.transport[0] >= ND_FIRST &&
	    l.transport[0] <= ND_LAST)
		return DRIVE_CROWD_LINK;
	if (known->all && is_answer(&l))
		return DRIVE_CROWD_LINK;
	h = hash(known, l.source, l.six);
	if (known->all || knows(known, PROVEN, h) || (!is_opening(&l) && knows(known, ASKED, h)))
		return DRIVE_CROWD_KNOWN + known_crowd_of(&l, h, salt);
	crowd = crowd_of(&l);
	if (crowd == DRIVE_CROWD_SYN) {
		call->hash = call_of(known, &l, h);
		call->network = network_of(known, l.source, l.six);
		call->near = is_near(known, call->network);
	}
	return crowd;
}

uint32_t drive_known_crowd_proven(const struct drive_known *known, const uint8_t *frame,
				  uint32_t len, uint32_t salt)
{
	struct look l;

	if (!look(&l, frame, len, len))
		return DRIVE_CROWD_LINK;
	return DRIVE_CROWD_KNOWN + known_crowd_of(&l, hash(known, l.source, l.six), salt);
}

bool drive_known_is_call(const uint8_t *frame, uint32_t len)
{
	struct look l;

	return look(&l, frame, len, len) && !l.piece && is_opening(&l);
}
