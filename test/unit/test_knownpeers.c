/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is known, by what was sent to whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "drive/intake.h"

#define TCP 6
#define UDP 17
#define ICMP 1
#define SYN 0x02
#define RST 0x04
#define ACK 0x10
#define ETHERNET 14

static const uint64_t seed[2] = { 0x1234567890abcdef, 42 };
static struct drive_known known;
static struct drive_call the_call;

static int reset(void **state)
{
	(void)state;
	drive_known_reset(&known, seed, false);
	return 0;
}

struct sample {
	uint8_t bytes[256];
	uint32_t len;
};

/* From the address to the same one: so it serves for both ways. `who` is in the address. */
static struct sample make(bool six, uint8_t protocol, uint32_t who, uint8_t flags, uint32_t payload)
{
	const uint32_t transport = protocol == TCP ? 20 : 8;
	const uint32_t header = six ? 40 : 20;
	struct sample s = { .len = ETHERNET + header + transport + payload };
	uint8_t *ip = s.bytes + ETHERNET;
	const uint8_t addr[4] = { 10, (uint8_t)(who >> 16), (uint8_t)(who >> 8), (uint8_t)who };

	s.bytes[12] = six ? 0x86 : 0x08;
	s.bytes[13] = six ? 0xdd : 0;
	ip[0] = six ? 0x60 : 0x45;
	ip[six ? 6 : 9] = protocol;
	ip[six ? 5 : 3] = (uint8_t)(transport + payload + (six ? 0 : 20));
	memcpy(ip + (six ? 20 : 12), addr, 4);
	memcpy(ip + (six ? 36 : 16), addr, 4);
	if (protocol == TCP) {
		ip[header + 12] = 0x50;
		ip[header + 13] = flags;
	}
	return s;
}

static void leaves(const struct sample *s, uint32_t now_s)
{
	drive_known_leaves(&known, s->bytes, s->len, s->len, now_s);
}

static bool comes(const struct sample *s)
{
	const uint32_t crowd = drive_known_crowd(&known, s->bytes, s->len, 0, &the_call);

	return crowd == DRIVE_CROWD_LINK || crowd >= DRIVE_CROWD_KNOWN;
}

static void whoever_gets_payload_is_known(void **state)
{
	(void)state;
	for (int six = 0; six < 2; six++) {
		const struct sample data = make(six, TCP, 7, ACK, 5);
		const struct sample opens = make(six, TCP, 7, SYN, 0);
		const struct sample other = make(six, TCP, 8, SYN, 0);

		assert_false(comes(&opens));
		leaves(&data, 100);
		assert_true(comes(&opens));
		assert_false(comes(&other));
	}
}

/* What may go to a forged address makes nobody known. */
static void an_answer_to_a_forged_address_makes_nobody_known(void **state)
{
	static const uint8_t flags[] = { SYN | ACK, ACK, 0x04, 0x14 };
	const struct sample opens = make(false, TCP, 7, SYN, 0);
	const struct sample echo = make(false, ICMP, 7, 0, 50);
	struct sample padded, cookie = make(false, TCP, 7, SYN | ACK, 10);

	(void)state;
	for (size_t i = 0; i < sizeof(flags); i++) {
		const struct sample s = make(false, TCP, 7, flags[i], 0);

		leaves(&s, 100);
		assert_false(comes(&opens));
	}
	leaves(&echo, 100);
	leaves(&cookie, 100);
	padded = make(false, TCP, 7, ACK, 0); /* to the least length of a frame */
	padded.len = 60;
	leaves(&padded, 100);
	assert_false(comes(&opens));
}

/* Who was asked may answer, and not call. */
static void a_call_makes_known_for_its_answer(void **state)
{
	const struct sample call = make(false, TCP, 7, SYN, 0);
	const struct sample answer = make(false, TCP, 7, SYN | ACK, 0);
	const struct sample other = make(false, TCP, 8, SYN | ACK, 0);

	(void)state;
	assert_false(comes(&answer));
	leaves(&call, 100);
	assert_true(comes(&answer));
	assert_false(comes(&call));
	assert_false(comes(&other));
}

static void a_datagram_makes_known_for_all_but_a_call(void **state)
{
	const struct sample datagram = make(false, UDP, 7, 0, 30);
	const struct sample opens = make(false, TCP, 7, SYN, 0);
	const struct sample echo = make(false, ICMP, 7, 0, 0);

	(void)state;
	assert_false(comes(&datagram));
	leaves(&datagram, 100);
	assert_true(comes(&datagram));
	assert_true(comes(&echo));
	assert_false(comes(&opens));
}

static void a_crowd_does_not_take_the_place_of_who_is_active(void **state)
{
	const struct sample data = make(false, TCP, 0xfffffe, ACK, 5);
	struct sample late = make(false, TCP, 0x200000, ACK, 5);
	uint32_t in = 0;

	(void)state;
	leaves(&data, 100);
	for (uint32_t who = 0; who < 100000; who++) {
		const struct sample s = make(false, TCP, who, ACK, 5);

		leaves(&s, 100 + who / 2000);
	}
	assert_true(comes(&data));
	for (uint32_t who = 0; who < 100000; who++) {
		const struct sample s = make(false, TCP, who, ACK, 5);

		in += comes(&s);
	}
	assert_in_range(in, DRIVE_KNOWN_PLACES - 100, DRIVE_KNOWN_PLACES + 10);
	/* A minute later the places are anybody's. */
	leaves(&late, 150);
	assert_false(comes(&late));
	leaves(&late, 300);
	assert_true(comes(&late));
}

static void what_a_link_lives_by_goes_first(void **state)
{
	struct sample arp = { .bytes = { [12] = 0x08, [13] = 0x06 }, .len = 42 };
	struct sample solicitation = make(true, 58, 7, 0, 24);
	struct sample echo = make(true, 58, 7, 0, 24);

	(void)state;
	solicitation.bytes[ETHERNET + 40] = 135;
	echo.bytes[ETHERNET + 40] = 128;
	assert_true(comes(&arp));
	assert_true(comes(&solicitation));
	assert_false(comes(&echo));
}

static uint32_t crowd(bool six, uint8_t protocol, uint32_t who, uint8_t flags, uint32_t payload)
{
	const struct sample s = make(six, protocol, who, flags, payload);

	return drive_known_crowd(&known, s.bytes, s.len, 0, &the_call);
}

static void strangers_are_told_apart_by_what_they_send(void **state)
{
	struct sample piece = make(false, UDP, 7, 0, 24);

	(void)state;
	piece.bytes[ETHERNET + 6] = 0x20;
	for (int six = 0; six < 2; six++) {
		assert_int_equal(crowd(six, TCP, 7, SYN, 0), DRIVE_CROWD_SYN);
		assert_int_equal(crowd(six, TCP, 7, SYN | ACK, 0), DRIVE_CROWD_ACK);
		assert_int_equal(crowd(six, TCP, 7, ACK, 0), DRIVE_CROWD_ACK);
		assert_int_equal(crowd(six, TCP, 7, ACK, 1), DRIVE_CROWD_SEGMENTS);
		assert_int_equal(crowd(six, TCP, 7, RST, 0), DRIVE_CROWD_RST);
		assert_int_equal(crowd(six, UDP, 7, 0, 9), DRIVE_CROWD_UDP);
		assert_int_equal(crowd(six, six ? 58 : ICMP, 7, 0, 9), DRIVE_CROWD_ICMP);
		assert_int_equal(crowd(six, 47, 7, 0, 9), DRIVE_CROWD_OTHERS);
	}
	assert_int_equal(drive_known_crowd(&known, piece.bytes, piece.len, 0, &the_call),
			 DRIVE_CROWD_PIECES);
}

/* Where all are known: each is a crowd, of what it says in conversations and of all else. */
static void of_the_trusted_each_is_a_crowd(void **state)
{
	uint32_t same = 0;

	(void)state;
	drive_known_reset(&known, seed, true);
	for (uint32_t who = 0; who < 256; who++) {
		const uint32_t own = crowd(false, TCP, who, ACK, 5);

		assert_in_range(own, DRIVE_CROWD_KNOWN, DRIVE_CROWDS - 1);
		assert_int_equal(crowd(false, TCP, who, ACK, 0), own);
		assert_int_not_equal(crowd(false, TCP, who, SYN, 0), own);
		assert_int_not_equal(crowd(false, UDP, who, 0, 5), own);
		/* What answers a call never waits. */
		assert_int_equal(crowd(false, TCP, who, SYN | ACK, 0), DRIVE_CROWD_LINK);
		same += own == crowd(false, TCP, who + 1000, ACK, 5);
	}
	assert_in_range(same, 0, 10);
}

/* What is the same when it comes again, and in no other call. */
static void a_call_is_told_by_its_addresses_ports_and_number(void **state)
{
	(void)state;
	for (int six = 0; six < 2; six++) {
		struct sample s = make(six, TCP, 7, SYN, 0);
		const uint32_t ip = ETHERNET, tcp = ETHERNET + (six ? 40 : 20);
		const uint32_t same[] = { ip + (six ? 7 : 8), tcp + 14, tcp + 16 };
		const uint32_t others[] = { ip + (six ? 20 : 12), ip + (six ? 36 : 16), tcp + 1,
					    tcp + 3, tcp + 4 };
		uint64_t first;

		assert_int_equal(drive_known_crowd(&known, s.bytes, s.len, 0, &the_call),
				 DRIVE_CROWD_SYN);
		first = the_call.hash;
		for (size_t i = 0; i < 3; i++) {
			s.bytes[same[i]] ^= 1;
			drive_known_crowd(&known, s.bytes, s.len, 0, &the_call);
			assert_true(the_call.hash == first);
			s.bytes[same[i]] ^= 1;
		}
		for (size_t i = 0; i < 5; i++) {
			s.bytes[others[i]] ^= 1;
			drive_known_crowd(&known, s.bytes, s.len, 0, &the_call);
			assert_false(the_call.hash == first);
			s.bytes[others[i]] ^= 1;
		}
	}
}

static bool is_near(struct sample *s)
{
	drive_known_crowd(&known, s->bytes, s->len, 0, &the_call);
	return the_call.near;
}

/* A neighbour of whoever got payload is near, for a day or two; of who was sent a SYN is not. */
static void networks_are_remembered_for_a_day_or_two(void **state)
{
	const uint32_t day = 86400;

	(void)state;
	for (int six = 0; six < 2; six++) {
		const uint32_t ip = ETHERNET, bits = six ? 32 : 16;
		const uint32_t source = ip + (six ? 8 : 12), to = ip + (six ? 24 : 16);
		struct sample data = make(six, TCP, 0x10203, ACK, 5);
		struct sample call = make(six, TCP, 0x10203, SYN, 0);

		drive_known_reset(&known, seed, false);
		/* In its last byte but one of the network, and in the first behind that. */
		data.bytes[to + bits / 8 - 1] = call.bytes[source + bits / 8 - 1] = 9;
		call.bytes[source + bits / 8] ^= 0x80;
		assert_false(is_near(&call));
		leaves(&call, day);
		assert_false(is_near(&call));
		leaves(&data, day);
		assert_true(is_near(&call));
		call.bytes[source + bits / 8 - 1] ^= 1;
		assert_false(is_near(&call));
		call.bytes[source + bits / 8 - 1] ^= 1;
		/* On the next day somebody else is there: it is near yet, and on the one after it
		   is not. */
		data.bytes[to] ^= 1;
		leaves(&data, 2 * day);
		assert_true(is_near(&call));
		data.bytes[to] ^= 2;
		leaves(&data, 3 * day + 1);
		assert_false(is_near(&call));
		call.bytes[source] ^= 1;
		assert_true(is_near(&call));
		/* Whoever stays is remembered by what he gets, also after a long silence. */
		data.bytes[to] ^= 2;
		leaves(&data, 9 * day);
		assert_true(is_near(&call));
		call.bytes[source] ^= 2;
		assert_false(is_near(&call));
	}
}

/* Also whoever never falls silent. */
static void who_gets_something_each_minute_is_remembered(void **state)
{
	const uint32_t day = 86400;
	struct sample data = make(false, TCP, 0x10203, ACK, 5);
	struct sample other = make(false, TCP, 0x20203, ACK, 5);
	struct sample call = make(false, TCP, 0x10204, SYN, 0);

	(void)state;
	for (uint32_t now_s = day - 1; now_s < 5 * day; now_s += 59) {
		leaves(&data, now_s);
		other.bytes[ETHERNET + 18] = (uint8_t)now_s;
		leaves(&other, now_s);
		assert_true(is_near(&call));
	}
}

/* One in eight of what comes from known networks is few, more is not. */
static void a_network_of_many_is_told_from_those_of_few(void **state)
{
	uint32_t few = 0, many = 0;

	(void)state;
	for (uint32_t i = 0; i < 10000; i++) {
		if (i % 10 == 0)
			few += drive_known_few(&known, 7);
		else if (i % 5 == 1)
			(void)drive_known_few(&known, 1040 + i % 100);
		else if (drive_known_few(&known, 8) && i > 300)
			many++;
	}
	assert_true(few == 1000 && many == 0);
	/* Later it is another that has most. */
	for (uint32_t i = 0; i < 2000; i++)
		(void)drive_known_few(&known, 9);
	assert_true(drive_known_few(&known, 8));
	assert_false(drive_known_few(&known, 9));
}

/* Two known sources that have one number have two with another salt. */
static void by_another_salt_others_share_a_number(void **state)
{
	uint32_t pairs = 0;

	(void)state;
	drive_known_reset(&known, seed, true);
	for (uint32_t who = 1; who < 4096; who++) {
		const struct sample a = make(false, UDP, 0, 0, 5), b = make(false, UDP, who, 0, 5);
		uint32_t salt = 0;

		if (drive_known_crowd(&known, a.bytes, a.len, salt, &the_call) !=
		    drive_known_crowd(&known, b.bytes, b.len, salt, &the_call))
			continue;
		pairs++;
		while (drive_known_crowd(&known, a.bytes, a.len, salt, &the_call) ==
		       drive_known_crowd(&known, b.bytes, b.len, salt, &the_call))
			salt++;
		assert_in_range(salt, 1, 4);
	}
	assert_in_range(pairs, 4, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(whoever_gets_payload_is_known, reset),
		cmocka_unit_test_setup(an_answer_to_a_forged_address_makes_nobody_known, reset),
		cmocka_unit_test_setup(a_call_makes_known_for_its_answer, reset),
		cmocka_unit_test_setup(a_datagram_makes_known_for_all_but_a_call, reset),
		cmocka_unit_test_setup(a_crowd_does_not_take_the_place_of_who_is_active, reset),
		cmocka_unit_test_setup(what_a_link_lives_by_goes_first, reset),
		cmocka_unit_test_setup(strangers_are_told_apart_by_what_they_send, reset),
		cmocka_unit_test_setup(of_the_trusted_each_is_a_crowd, reset),
		cmocka_unit_test_setup(a_call_is_told_by_its_addresses_ports_and_number, reset),
		cmocka_unit_test_setup(networks_are_remembered_for_a_day_or_two, reset),
		cmocka_unit_test_setup(who_gets_something_each_minute_is_remembered, reset),
		cmocka_unit_test_setup(a_network_of_many_is_told_from_those_of_few, reset),
		cmocka_unit_test_setup(by_another_salt_others_share_a_number, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
