/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of a grader and its responders, as bytes. */
#include "verify/verify.h"

#include <string.h>

#define MAGIC "MNAT\1"
#define FULL 1u
#define OTHER 2u

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

void verify_message_write(const struct verify_message *m, uint8_t *bytes)
{
	memset(bytes, 0, VERIFY_MESSAGE);
	memcpy(bytes, MAGIC, 5);
	bytes[5] = (uint8_t)m->kind;
	bytes[6] = (uint8_t)((m->full ? FULL : 0) | (m->other ? OTHER : 0));
	put16(bytes + 8, m->port);
	memcpy(bytes + 16, m->nonce, sizeof(m->nonce));
	memcpy(bytes + 32, &m->cookie, sizeof(m->cookie));
	put16(bytes + 40, m->seen.addr >> 16);
	put16(bytes + 42, m->seen.addr);
	put16(bytes + 44, m->seen.port);
}

bool verify_message_read(const uint8_t *bytes, size_t len, struct verify_message *out)
{
	if (len < VERIFY_MESSAGE || memcmp(bytes, MAGIC, 5) != 0)
		return false;
	if (bytes[5] != VERIFY_GREET && bytes[5] != VERIFY_SEND && bytes[5] != VERIFY_SEEN &&
	    bytes[5] != VERIFY_SENT)
		return false;
	*out = (struct verify_message){
		.kind = (enum verify_kind)bytes[5],
		.full = bytes[6] & FULL,
		.other = bytes[6] & OTHER,
		.port = (uint16_t)get16(bytes + 8),
		.seen = { get16(bytes + 40) << 16 | get16(bytes + 42),
			  (uint16_t)get16(bytes + 44) },
	};
	memcpy(out->nonce, bytes + 16, sizeof(out->nonce));
	memcpy(&out->cookie, bytes + 32, sizeof(out->cookie));
	return true;
}

static uint64_t turn(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = turn(v[1], 13) ^ v[0];
	v[0] = turn(v[0], 32);
	v[2] += v[3];
	v[3] = turn(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = turn(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = turn(v[1], 17) ^ v[2];
	v[2] = turn(v[2], 32);
}

uint64_t verify_keyed(const uint64_t key[2], const uint8_t *bytes, size_t len)
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
			  key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 };

	for (size_t at = 0; at <= len; at += 8) {
		uint64_t word = at + 8 > len ? (uint64_t)len << 56 : 0;

		for (size_t i = 0; i < 8 && at + i < len; i++)
			word |= (uint64_t)bytes[at + i] << 8 * i;
		v[3] ^= word;
		sip_round(v);
		sip_round(v);
		v[0] ^= word;
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
