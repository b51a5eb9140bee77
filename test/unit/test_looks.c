/* SPDX-License-Identifier: BSD-2-Clause */
/* Which calls look otherwise than a flood does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "drive/intake.h"

#define ETHERNET 14u
#define NEWCOMER UINT64_C(0x4e4557434f4d4552)

static struct drive_looks looks;
static uint64_t drawn;

static int reset(void **state)
{
	(void)state;
	drive_looks_reset(&looks, 0x1234567890abcdef);
	drawn = 0;
	return 0;
}

static uint64_t draw_of(uint64_t i)
{
	uint64_t r = i * UINT64_C(0x9e3779b97f4a7c15);

	r = (r ^ r >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	r = (r ^ r >> 27) * UINT64_C(0x94d049bb133111eb);
	return r ^ r >> 31;
}

static uint64_t draw(void)
{
	return draw_of(++drawn);
}

static bool comes_as(uint64_t shape, uint64_t values)
{
	const struct drive_look look = { draw_of(~shape), draw_of(~(shape + values * 0x10001)) };

	return drive_looks_note(&looks, look);
}

static bool comes(uint64_t number)
{
	return comes_as(number, 0);
}

/* ---- what is rare ---- */

struct outcome {
	uint32_t of_flood, newcomers; /* that are rare */
};

/* So many calls, each of one of so many looks (0: of a new one), a newcomer in each `every`. */
static struct outcome flood(uint32_t count, uint32_t others, uint32_t every)
{
	struct outcome o = { 0 };

	for (uint32_t i = 1; i <= count; i++) {
		const uint64_t number = draw();

		if (every > 0 && i % every == 0)
			o.newcomers += comes(NEWCOMER);
		else
			o.of_flood += comes(others > 0 ? number % others : number);
	}
	return o;
}

static void among_calls_of_one_look_another_is_rare(void **state)
{
	struct outcome o;

	(void)state;
	(void)flood(1000, 1, 0);
	o = flood(100000, 1, 400);
	assert_int_equal(o.of_flood, 0);
	assert_int_equal(o.newcomers, 100000 / 400);
}

static void among_calls_of_some_looks_another_is_rare(void **state)
{
	static const uint32_t counts[] = { 2, 10, 40 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct outcome o;

		reset(NULL);
		(void)flood(10000, counts[i], 0);
		o = flood(100000, counts[i], 400);
		assert_in_range(o.of_flood, 0, 50);
		assert_in_range(o.newcomers, 245, 250);
	}
}

/* Newcomers too: one cannot be told from them. */
static void where_looks_are_many_none_is_rare(void **state)
{
	static const uint32_t counts[] = { 0, 100, 1000, 100000 };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct outcome o;

		reset(NULL);
		o = flood(100000, counts[i], 400);
		assert_int_equal(o.of_flood, 0);
		assert_int_equal(o.newcomers, 0);
	}
}

/* The flood has the look of newcomers too, in one of so many calls. */
static void a_look_that_a_flood_has_is_rare_only_while_few_have_it(void **state)
{
	struct outcome o;

	(void)state;
	(void)flood(10000, 1, 200);
	o = flood(100000, 1, 200);
	assert_in_range(o.newcomers, 490, 500);
	(void)flood(10000, 1, 64);
	o = flood(100000, 1, 64);
	assert_in_range(o.newcomers, 0, 30);
}

static void rare_looks_are_rare_only_while_they_are_few_altogether(void **state)
{
	static const struct {
		uint32_t each, least, most;
	} rows[] = { { 100, 990, 1000 }, { 40, 0, 10 }, { 20, 0, 0 } };

	(void)state;
	for (size_t row = 0; row < 3; row++) {
		const uint32_t each = rows[row].each;
		uint32_t rare = 0;

		reset(NULL);
		for (uint32_t i = 0; i < 110000; i++)
			rare += comes(i % each == 0 ? draw() : 0) && i >= 10000;
		assert_in_range(rare, rows[row].least, rows[row].most);
	}
}

/* As window and hop limit of many tools. */
static void where_values_vary_another_shape_is_rare(void **state)
{
	uint32_t of_flood = 0, newcomers = 0, alike = 0;

	(void)state;
	for (uint32_t i = 0; i < 110000; i++) {
		const bool counts = i >= 10000;

		if (i % 400 == 0)
			newcomers += comes_as(NEWCOMER, 1) && counts;
		else if (i % 400 == 200)
			alike += comes_as(0, 1) && counts;
		else
			of_flood += comes_as(0, draw()) && counts;
	}
	assert_int_equal(of_flood, 0);
	assert_int_equal(alike, 0);
	assert_int_equal(newcomers, 100000 / 400);
}

static void where_shapes_are_one_other_values_are_rare(void **state)
{
	uint32_t of_flood = 0, newcomers = 0;

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		if (i >= 10000 && i % 400 == 0)
			newcomers += comes_as(0, 1);
		else
			of_flood += comes_as(0, 2);
	}
	assert_int_equal(of_flood, 0);
	assert_int_equal(newcomers, 90000 / 400);
}

/* One that changes its look now and then, and one that varies it in a share of its calls. */
static void whatever_a_flood_does_few_of_its_calls_are_rare(void **state)
{
	(void)state;
	for (uint32_t each = 1; each <= 16384; each *= 2) {
		uint32_t rare = 0;

		reset(NULL);
		for (uint32_t i = 0; i < 100000; i++)
			rare += comes(i / each);
		assert_in_range(rare, 0, 100000 / 64);
	}
	for (uint32_t share = 1; share <= 64; share++) {
		uint32_t rare = 0;

		reset(NULL);
		for (uint32_t i = 0; i < 100000; i++) {
			const uint64_t number = draw();

			rare += comes(number % 256 < share ? number : 0);
		}
		assert_in_range(rare, 0, 100000 / 64);
	}
	/* Shapes in a share of its calls, and values in another. */
	for (uint32_t share = 1; share <= 16; share++) {
		uint32_t rare = 0;

		reset(NULL);
		for (uint32_t i = 0; i < 100000; i++) {
			const uint64_t number = draw(), which = number % 256;

			rare += comes_as(which < share ? number : 0,
					 which >= 128 && which < 128 + share ? number : 0);
		}
		assert_in_range(rare, 0, 2 * 100000 / 64);
	}
}

/* A flood of another look begins where one was: this one's is rare again. */
static void a_look_that_no_flood_has_any_more_is_forgotten(void **state)
{
	uint32_t last = 0;

	(void)state;
	(void)flood(10000, 1, 0);
	for (uint32_t i = 1; i <= 20000; i++) {
		if (i % 400 != 0)
			(void)comes(1);
		else if (!comes(0))
			last = i;
	}
	assert_in_range(last, 1, 9000);
}

static void by_few_calls_nothing_is_judged(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 254; i++)
		assert_false(comes(0));
	assert_false(comes(NEWCOMER));
	assert_true(comes(NEWCOMER));
	/* As many as a flood of looks of which all are new; that is noticed in the same ones. */
	reset(NULL);
	for (uint32_t i = 0; i < 1000; i++)
		assert_false(comes(draw()));
}

/* ---- what a look is ---- */

static const uint8_t options[] = { 2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7 };

struct sample {
	uint8_t bytes[256];
	uint32_t len, ip, tcp;
};

static struct sample make(bool six)
{
	struct sample s = { .ip = ETHERNET, .tcp = ETHERNET + (six ? 40 : 20) };
	uint8_t *ip = s.bytes + s.ip, *tcp = s.bytes + s.tcp;

	s.len = s.tcp + 20 + sizeof(options);
	s.bytes[12] = six ? 0x86 : 0x08;
	s.bytes[13] = six ? 0xdd : 0;
	ip[0] = six ? 0x60 : 0x45;
	ip[six ? 6 : 9] = 6;
	ip[six ? 7 : 8] = 64;
	ip[six ? 5 : 3] = (uint8_t)(s.len - (six ? s.tcp : s.ip));
	if (!six)
		memcpy(ip + 4, (const uint8_t[]){ 0x12, 0x34, 0x40, 0 }, 4);
	tcp[12] = 0xa0;
	tcp[13] = 2;
	tcp[14] = 0xfa;
	tcp[15] = 0xf0;
	memcpy(tcp + 20, options, sizeof(options));
	return s;
}

/* Of just that size, so that the sanitizer sees a byte beyond it. */
static struct drive_look look_at(const struct sample *s, uint32_t len)
{
	uint8_t *bytes = malloc(len > 0 ? len : 1);
	struct drive_look look;

	assert_non_null(bytes);
	memcpy(bytes, s->bytes, len);
	look = drive_looks_of(&looks, bytes, len);
	free(bytes);
	return look;
}

enum change { NOTHING, VALUES, SHAPE }; /* the whole look changes with the shape */

static enum change change_by(const struct sample *s, uint32_t at, uint8_t by)
{
	const struct drive_look before = look_at(s, s->len);
	struct drive_look after;
	struct sample other = *s;

	other.bytes[at] ^= by;
	after = look_at(&other, s->len);
	if (after.shape == before.shape)
		return after.whole == before.whole ? NOTHING : VALUES;
	assert_false(after.whole == before.whole);
	return SHAPE;
}

static bool changes(const struct sample *s, uint32_t at, uint8_t by)
{
	return change_by(s, at, by) != NOTHING;
}

static void a_look_is_of_the_system_and_not_of_the_call(void **state)
{
	(void)state;
	for (int six = 0; six < 2; six++) {
		const struct sample s = make(six);
		const uint32_t o = s.tcp + 20;
		/* Length and flags, lengths of options and kinds, the place of one. */
		const uint32_t shape[] = { s.tcp + 12, s.tcp + 13, o + 4, o + 6, o + 16 };
		/* Hop limit, window, size, scale. */
		const uint32_t values[] = { s.ip + (six ? 7 : 8), s.tcp + 14, s.tcp + 15, o + 2,
					    o + 3,		  o + 19 };
		/* Addresses, ports, numbers, sum, times. */
		const uint32_t others[] = { s.ip + (six ? 8 : 12), s.tcp - 1, s.tcp,  s.tcp + 3,
					    s.tcp + 7,		   s.tcp + 9, s.tcp + 16, o + 8,
					    o + 15,		   0,	      11 };

		for (size_t i = 0; i < sizeof(shape) / sizeof(shape[0]); i++)
			assert_int_equal(change_by(&s, shape[i], 1), SHAPE);
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
			assert_int_equal(change_by(&s, values[i], 1), VALUES);
		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			assert_int_equal(change_by(&s, others[i], 1), NOTHING);
		for (uint8_t bit = 1; bit; bit = (uint8_t)(bit << 1))
			assert_int_equal(change_by(&s, s.tcp + 13, bit), SHAPE); /* ECE, CWR */
	}
}

static void of_ipv4_the_fragment_bits_and_a_number_of_zero_count(void **state)
{
	struct sample s = make(false);

	(void)state;
	assert_int_equal(change_by(&s, s.ip + 6, 0x40), SHAPE);
	assert_int_equal(change_by(&s, s.ip + 5, 1), NOTHING);
	s.bytes[s.ip + 5] = 0;
	assert_int_equal(change_by(&s, s.ip + 4, 0x12), VALUES);
	/* With options of IP: the segment is behind them. */
	s = make(false);
	memmove(s.bytes + s.tcp + 4, s.bytes + s.tcp, 40);
	memset(s.bytes + s.tcp, 1, 4);
	s.bytes[s.ip] = 0x46;
	s.len += 4;
	assert_true(changes(&s, s.tcp + 4 + 39, 1));
	assert_false(changes(&s, s.tcp + 4 + 7, 1));
}

static void of_options_of_no_known_kind_the_lengths_count(void **state)
{
	struct sample s = make(false), other;
	const uint32_t o = s.tcp + 20;

	(void)state;
	memset(s.bytes + o, 0, 20);
	memcpy(s.bytes + o, (const uint8_t[]){ 30, 3, 9, 31, 4, 9, 9 }, 7);
	other = s;
	memcpy(other.bytes + o, (const uint8_t[]){ 30, 4, 9, 9, 31, 3, 9 }, 7);
	assert_false(look_at(&s, s.len).shape == look_at(&other, s.len).shape);
	assert_int_equal(change_by(&s, o + 2, 1), NOTHING);
}

/* What is behind the end of the options or of one of no length is of no system. */
static void what_follows_the_end_of_the_options_does_not_count(void **state)
{
	struct sample s = make(false);
	const uint32_t o = s.tcp + 20;

	(void)state;
	s.bytes[o + 16] = 0;
	assert_false(changes(&s, o + 17, 1));
	s = make(false);
	s.bytes[o + 5] = 1;
	assert_false(changes(&s, o + 19, 1));
	s = make(false);
	s.bytes[o + 5] = 60;
	assert_false(changes(&s, o + 19, 1));
	/* As payload. */
	s = make(false);
	s.bytes[s.tcp + 12] = 0x90;
	assert_false(changes(&s, o + 19, 1));
	/* Of so many that no system sends them the first count. */
	memset(s.bytes + o, 1, 40);
	s.bytes[s.tcp + 12] = 0xf0;
	s.len = o + 40;
	assert_true(changes(&s, o + 15, 8));
	assert_false(changes(&s, o + 16, 8));
}

/* The sanitizer is the judge. */
static void no_byte_behind_the_end_is_looked_at(void **state)
{
	(void)state;
	for (int six = 0; six < 2; six++) {
		const struct sample s = make(six);

		for (uint32_t len = 0; len <= s.len; len++)
			(void)look_at(&s, len);
		for (uint32_t i = 0; i < 20000; i++) {
			struct sample odd = s;

			for (uint32_t changed = 0; changed < 3; changed++)
				odd.bytes[ETHERNET + draw() % (s.len - ETHERNET)] = (uint8_t)draw();
			odd.bytes[s.tcp + 12] |= i % 2 ? 0xf0 : 0;
			(void)look_at(&odd, s.len - (uint32_t)(draw() % 20));
		}
	}
}

static void by_another_seed_looks_are_other_numbers(void **state)
{
	const struct sample s = make(false);
	const struct drive_look look = look_at(&s, s.len);

	(void)state;
	assert_true(look_at(&s, s.len).whole == look.whole);
	drive_looks_reset(&looks, 1);
	assert_false(look_at(&s, s.len).whole == look.whole);
	assert_false(look_at(&s, s.len).shape == look.shape);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup(name, reset)
		CASE(among_calls_of_one_look_another_is_rare),
		CASE(among_calls_of_some_looks_another_is_rare),
		CASE(where_looks_are_many_none_is_rare),
		CASE(a_look_that_a_flood_has_is_rare_only_while_few_have_it),
		CASE(rare_looks_are_rare_only_while_they_are_few_altogether),
		CASE(where_values_vary_another_shape_is_rare),
		CASE(where_shapes_are_one_other_values_are_rare),
		CASE(whatever_a_flood_does_few_of_its_calls_are_rare),
		CASE(a_look_that_no_flood_has_any_more_is_forgotten),
		CASE(by_few_calls_nothing_is_judged),
		CASE(a_look_is_of_the_system_and_not_of_the_call),
		CASE(of_ipv4_the_fragment_bits_and_a_number_of_zero_count),
		CASE(of_options_of_no_known_kind_the_lengths_count),
		CASE(what_follows_the_end_of_the_options_does_not_count),
		CASE(no_byte_behind_the_end_is_looked_at),
		CASE(by_another_seed_looks_are_other_numbers),
#undef CASE
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
