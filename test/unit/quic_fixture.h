/* SPDX-License-Identifier: BSD-2-Clause */
/* Initial packets, made from frames and sealed as a client does. */
#ifndef TEST_QUIC_FIXTURE_H
#define TEST_QUIC_FIXTURE_H

#include "bytes.h"
#include "inspect/inspect.h"

#include <nettle/aes.h>
#include <nettle/gcm.h>

struct initial {
	uint32_t version;
	const char *id; /* of the server */
	uint64_t number;
	size_t number_len; /* 1..4 */
	const char *token; /* NULL: none */
	unsigned bits;	   /* of the type, where it is another; 0: an Initial */
};

__attribute__((unused)) static void put_number(struct bytes *b, uint64_t value)
{
	if (value >= 64) {
		put16(b, 0x8000 | (size_t)(value >> 16));
		put16(b, (size_t)(value & 0xffff));
	} else {
		put8(b, (unsigned)value);
	}
}

__attribute__((unused)) static void put_crypto(struct bytes *frames, size_t offset,
					       const uint8_t *data, size_t len)
{
	put8(frames, 6);
	put_number(frames, offset);
	put_number(frames, len);
	put(frames, data + offset, len);
}

static void put_long_header(struct bytes *b, const struct initial *i, size_t sealed_len)
{
	unsigned type = i->version == QUICKEYS_V2 ? 1 : 0;

	put8(b, 0xc0 | (type + i->bits) % 4 << 4 | (unsigned)(i->number_len - 1));
	put16(b, i->version >> 16);
	put16(b, i->version & 0xffff);
	put8(b, (unsigned)strlen(i->id));
	put(b, i->id, strlen(i->id));
	put8(b, 0);
	if (i->bits == 0) {
		put8(b, i->token ? (unsigned)strlen(i->token) : 0);
		put(b, i->token, i->token ? strlen(i->token) : 0);
	}
	put_number(b, i->number_len + sealed_len);
}

/* By other functions than those under test, but for the keys (RFC 9001 5.3, 5.4). */
__attribute__((unused)) static void put_initial_with(struct bytes *b, const struct initial *i,
						     const struct quickeys *keys,
						     const struct bytes *frames)
{
	struct bytes p = { .len = 0 };
	struct gcm_aes128_ctx gcm;
	struct aes128_ctx aes;
	uint8_t nonce[12], mask[16];
	size_t number_at;

	put_long_header(&p, i, frames->len + QUICKEYS_TAG);
	number_at = p.len;
	for (size_t n = i->number_len; n-- > 0;)
		put8(&p, (unsigned)(i->number >> (8 * n) & 0xff));
	memcpy(nonce, keys->iv, 12);
	for (size_t n = 0; n < 8; n++)
		nonce[11 - n] ^= (uint8_t)(i->number >> (8 * n));
	gcm_aes128_set_key(&gcm, keys->key);
	gcm_aes128_set_iv(&gcm, 12, nonce);
	gcm_aes128_update(&gcm, p.len, p.at);
	gcm_aes128_encrypt(&gcm, frames->len, p.at + p.len, frames->at);
	p.len += frames->len;
	gcm_aes128_digest(&gcm, 16, p.at + p.len);
	p.len += 16;
	aes128_set_encrypt_key(&aes, keys->hp);
	aes128_encrypt(&aes, 16, mask, p.at + number_at + 4);
	p.at[0] ^= mask[0] & 15;
	for (size_t n = 0; n < i->number_len; n++)
		p.at[number_at + n] ^= mask[1 + n];
	put(b, p.at, p.len);
}

__attribute__((unused)) static void put_initial(struct bytes *b, const struct initial *i,
						const struct bytes *frames)
{
	struct quickeys keys;

	quickeys_make(&keys, (const uint8_t *)i->id, strlen(i->id), i->version);
	put_initial_with(b, i, &keys, frames);
}

#endif
