/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys of Initial packets, by the examples of RFC 9001 A and RFC 9369 A. */
#include "inspect_fixture.h"
#include "quic_fixture.h"

#define ID "\x83\x94\xc8\xf0\x3e\x51\x57\x08"

static size_t from_hex(const char *text, uint8_t *out)
{
	size_t len = 0;

	for (; text[0] && text[1]; text += 2) {
		char two[3] = { text[0], text[1], '\0' };

		out[len++] = (uint8_t)strtoul(two, NULL, 16);
	}
	return len;
}

static void same_as(const uint8_t *bytes, const char *hex)
{
	uint8_t wanted[64];
	size_t len = from_hex(hex, wanted);

	assert_memory_equal(bytes, wanted, len);
}

/* The frame of RFC 9001 A.2: a hello to example.com; with padding to 1162 bytes. */
static void example_frames(struct bytes *frames)
{
	memset(frames, 0, sizeof(*frames));
	from_hex("060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868"
		 "04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578"
		 "616d706c652e636f6dff01000100000a00080006001d00170018001000070005"
		 "04616c706e000500050100000000003300260024001d00209370b2c9caa47fba"
		 "baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400"
		 "0d0010000e0403050306030203080408050806002d00020101001c0002400100"
		 "3900320408ffffffffffffffff05048000ffff07048000ffff08011001048000"
		 "75300901100f088394c8f03e51570806048000ffff",
		 frames->at);
	frames->len = 1162;
}

static void keys_of_version_1(void **state)
{
	struct quickeys keys;

	(void)state;
	quickeys_make(&keys, (const uint8_t *)ID, 8, QUICKEYS_V1);
	same_as(keys.key, "1f369613dd76d5467730efcbe3b1a22d");
	same_as(keys.iv, "fa044b2f42a3fd3b46fb255c");
	same_as(keys.hp, "9f50449e04a0e810283a1e9933adedd2");
}

static void keys_of_version_2(void **state)
{
	struct quickeys keys;

	(void)state;
	quickeys_make(&keys, (const uint8_t *)ID, 8, QUICKEYS_V2);
	same_as(keys.key, "8b1a0bc121284290a29e0971b5cd045d");
	same_as(keys.iv, "91f73e2351d8fa91660e909f");
	same_as(keys.hp, "45b95e15235d6f45a6b19cbcb0294ba9");
}

/* The length of the example takes two bytes, ours always four; so the header is put here. */
static void seal_example(struct bytes *packet, uint32_t version, const char *header)
{
	struct bytes frames;
	struct quickeys keys;
	struct gcm_aes128_ctx gcm;
	struct aes128_ctx aes;
	uint8_t mask[16];

	example_frames(&frames);
	quickeys_make(&keys, (const uint8_t *)ID, 8, version);
	packet->len = from_hex(header, packet->at);
	assert_int_equal(packet->len, 22);
	keys.iv[11] ^= 2;
	gcm_aes128_set_key(&gcm, keys.key);
	gcm_aes128_set_iv(&gcm, 12, keys.iv);
	gcm_aes128_update(&gcm, 22, packet->at);
	gcm_aes128_encrypt(&gcm, 1162, packet->at + 22, frames.at);
	gcm_aes128_digest(&gcm, 16, packet->at + 1184);
	packet->len = 1200;
	aes128_set_encrypt_key(&aes, keys.hp);
	aes128_encrypt(&aes, 16, mask, packet->at + 22);
	packet->at[0] ^= mask[0] & 15;
	for (size_t i = 0; i < 4; i++)
		packet->at[18 + i] ^= mask[1 + i];
}

static void opens(struct bytes *packet, uint32_t version)
{
	struct bytes frames;
	struct quickeys keys;
	uint8_t *payload;

	example_frames(&frames);
	quickeys_make(&keys, (const uint8_t *)ID, 8, version);
	assert_int_equal(quickeys_open(&keys, packet->at, packet->len, 18, &payload), 1162);
	assert_memory_equal(payload, frames.at, 1162);
	assert_int_equal(keys.expected, 3);
}

/* RFC 9001 A.2: the first bytes as they are sent, and the last, which are a sum over all. */
static void the_example_of_version_1(void **state)
{
	struct bytes packet = { .len = 0 };

	(void)state;
	seal_example(&packet, QUICKEYS_V1, "c300000001088394c8f03e5157080000449e00000002");
	same_as(packet.at, "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11");
	same_as(packet.at + 1184, "e221af44860018ab0856972e194cd934");
	opens(&packet, QUICKEYS_V1);
}

/* RFC 9369 A.2 */
static void the_example_of_version_2(void **state)
{
	struct bytes packet = { .len = 0 };

	(void)state;
	seal_example(&packet, QUICKEYS_V2, "d36b3343cf088394c8f03e5157080000449e00000002");
	same_as(packet.at, "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485"
			   "dd04de806071bf03dceebfa162e75d6c");
	opens(&packet, QUICKEYS_V2);
}

static void one_bit_changed_anywhere(void **state)
{
	struct bytes whole = { .len = 0 }, frames = { .len = 0 };
	struct initial initial = { QUICKEYS_V1, "12345678", 0, 2, NULL, 0 };
	uint8_t *payload;
	size_t number_at;

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		put8(&frames, 1);
	put_initial(&whole, &initial, &frames);
	number_at = whole.len - 40 - 16 - 2;
	for (size_t bit = 0; bit <= whole.len * 8; bit++) {
		struct bytes packet = whole;
		struct quickeys keys;
		bool good = bit == whole.len * 8;

		if (!good)
			packet.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		quickeys_make(&keys, (const uint8_t *)"12345678", 8, QUICKEYS_V1);
		assert_int_equal(quickeys_open(&keys, packet.at, packet.len, number_at, &payload),
				 good ? 40 : -1);
	}
}

static void too_short_to_be_one(void **state)
{
	struct quickeys keys;
	uint8_t packet[40] = { 0 };
	uint8_t *payload;

	(void)state;
	quickeys_make(&keys, (const uint8_t *)ID, 8, QUICKEYS_V1);
	for (size_t len = 0; len < 40; len++) {
		uint8_t *copy = calloc(1, len ? len : 1);

		assert_non_null(copy);
		assert_int_equal(quickeys_open(&keys, copy, len, 18, &payload), -1);
		free(copy);
	}
	assert_int_equal(quickeys_open(&keys, packet, 10, 18, &payload), -1);
}

/* Packet numbers are cut: the one meant is the nearest to what is expected (RFC 9000 A.3). */
static void numbers_that_were_cut(void **state)
{
	static const uint64_t numbers[] = { 0, 100, 227, 255, 300, 420, 40000, 70000, 100000 };
	static const size_t lengths[] = { 1, 1, 1, 1, 1, 1, 4, 2, 2 };
	struct quickeys keys, seal;
	struct bytes frames = { .len = 0 };

	(void)state;
	for (unsigned i = 0; i < 30; i++)
		put8(&frames, 1);
	quickeys_make(&keys, (const uint8_t *)"12345678", 8, QUICKEYS_V1);
	seal = keys;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct bytes packet = { .len = 0 };
		struct initial initial = {
			QUICKEYS_V1, "12345678", numbers[i], lengths[i], NULL, 0
		};
		uint8_t *payload;

		put_initial_with(&packet, &initial, &seal, &frames);
		assert_int_equal(quickeys_open(&keys, packet.at, packet.len,
					       packet.len - 46 - lengths[i], &payload),
				 30);
		assert_int_equal(keys.expected, numbers[i] + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_of_version_1),
		cmocka_unit_test(keys_of_version_2),
		cmocka_unit_test(the_example_of_version_1),
		cmocka_unit_test(the_example_of_version_2),
		cmocka_unit_test(one_bit_changed_anywhere),
		cmocka_unit_test(too_short_to_be_one),
		cmocka_unit_test(numbers_that_were_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
