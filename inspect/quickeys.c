/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys of Initial packets, which everybody can make who sees them (RFC 9001 5.2, 5.3, 5.4). */
#include "inspect/inspect.h"

#include <string.h>

#include <nettle/aes.h>
#include <nettle/gcm.h>
#include <nettle/hkdf.h>
#include <nettle/hmac.h>

/* nettle computes and does nothing else: no system call, no lock, no memory of its own. */

#define SECRET_SIZE SHA256_DIGEST_SIZE
#define SAMPLE_SIZE 16u
#define NUMBER_MAX 4u /* bytes of a packet number */

struct names {
	uint8_t salt[20];
	const char *key, *iv, *hp;
};

/* RFC 9001 5.2, and RFC 9369 3.3.1, 3.3.2. */
static const struct names names_v1 = {
	{ 0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
	  0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a },
	"quic key",
	"quic iv",
	"quic hp",
};
static const struct names names_v2 = {
	{ 0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
	  0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9 },
	"quicv2 key",
	"quicv2 iv",
	"quicv2 hp",
};

bool inspect_quic_able(void)
{
	return true;
}

/* HKDF-Expand-Label without a context (RFC 8446 7.1). */
static void expand(const uint8_t *secret, const char *label, uint8_t *out, size_t out_len)
{
	struct hmac_sha256_ctx mac;
	uint8_t info[2 + 1 + 32 + 1];
	size_t label_len = strlen(label);

	info[0] = 0;
	info[1] = (uint8_t)out_len;
	info[2] = (uint8_t)(6 + label_len);
	memcpy(info + 3, "tls13 ", 6);
	memcpy(info + 9, label, label_len);
	info[9 + label_len] = 0;
	hmac_sha256_set_key(&mac, SECRET_SIZE, secret);
	hkdf_expand(&mac, (nettle_hash_update_func *)hmac_sha256_update,
		    (nettle_hash_digest_func *)hmac_sha256_digest, SHA256_DIGEST_SIZE,
		    10 + label_len, info, out_len, out);
}

void quickeys_make(struct quickeys *keys, const uint8_t *id, size_t id_len, uint32_t version)
{
	const struct names *names = version == QUICKEYS_V2 ? &names_v2 : &names_v1;
	struct hmac_sha256_ctx mac;
	uint8_t initial[SECRET_SIZE], client[SECRET_SIZE];

	memset(keys, 0, sizeof(*keys));
	hmac_sha256_set_key(&mac, sizeof(names->salt), names->salt);
	hkdf_extract(&mac, (nettle_hash_update_func *)hmac_sha256_update,
		     (nettle_hash_digest_func *)hmac_sha256_digest, SHA256_DIGEST_SIZE, id_len, id,
		     initial);
	expand(initial, "client in", client, sizeof(client));
	expand(client, names->key, keys->key, sizeof(keys->key));
	expand(client, names->iv, keys->iv, sizeof(keys->iv));
	expand(client, names->hp, keys->hp, sizeof(keys->hp));
}

/* Takes the protection off the header (RFC 9001 5.4); returns the packet number's length. */
static size_t uncover(const struct quickeys *keys, uint8_t *packet, size_t number_at)
{
	struct aes128_ctx aes;
	uint8_t mask[AES_BLOCK_SIZE];
	size_t number_len;

	aes128_set_encrypt_key(&aes, keys->hp);
	aes128_encrypt(&aes, sizeof(mask), mask, packet + number_at + NUMBER_MAX);
	packet[0] ^= mask[0] & 0x0f;
	number_len = (packet[0] & 3u) + 1u;
	for (size_t i = 0; i < number_len; i++)
		packet[number_at + i] ^= mask[1 + i];
	return number_len;
}

/* RFC 9000 A.3: the number nearest to the one expected that ends so. */
static uint64_t whole_number(uint64_t expected, const uint8_t *at, size_t len)
{
	uint64_t span = UINT64_C(1) << (8 * len);
	uint64_t cut = 0;
	uint64_t number;

	for (size_t i = 0; i < len; i++)
		cut = cut << 8 | at[i];
	number = (expected & ~(span - 1)) | cut;
	if (number + span / 2 <= expected && number < (UINT64_C(1) << 62) - span)
		return number + span;
	if (number > expected + span / 2 && number >= span)
		return number - span;
	return number;
}

long quickeys_open(struct quickeys *keys, uint8_t *packet, size_t len, size_t number_at,
		   uint8_t **payload)
{
	struct gcm_aes128_ctx gcm;
	uint8_t nonce[GCM_IV_SIZE], tag[QUICKEYS_TAG];
	size_t number_len, head_len, sealed_len;
	uint64_t number;

	if (len < number_at || len - number_at < NUMBER_MAX + SAMPLE_SIZE)
		return -1;
	number_len = uncover(keys, packet, number_at);
	head_len = number_at + number_len;
	sealed_len = len - head_len - QUICKEYS_TAG;
	number = whole_number(keys->expected, packet + number_at, number_len);
	memcpy(nonce, keys->iv, sizeof(nonce));
	for (size_t i = 0; i < 8; i++)
		nonce[4 + i] ^= (uint8_t)(number >> (56 - 8 * i));
	gcm_aes128_set_key(&gcm, keys->key);
	gcm_aes128_set_iv(&gcm, sizeof(nonce), nonce);
	gcm_aes128_update(&gcm, head_len, packet);
	gcm_aes128_decrypt(&gcm, sealed_len, packet + head_len, packet + head_len);
	gcm_aes128_digest(&gcm, sizeof(tag), tag);
	if (memcmp(tag, packet + head_len + sealed_len, sizeof(tag)) != 0)
		return -1;
	if (number >= keys->expected)
		keys->expected = number + 1;
	*payload = packet + head_len;
	return (long)sealed_len;
}
