/* SPDX-License-Identifier: BSD-2-Clause */
/* ARP messages, read and written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dice.h"
#include "wire/wire.h"

static const uint8_t question[28] = {
	0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 10, 0, 2, 100,
	0, 0, 0, 0, 0, 0, 10, 0, 2, 2,
};
static struct arp a;

static bool spoiled(size_t at, uint8_t value)
{
	uint8_t bytes[28];
	memcpy(bytes, question, 28);
	bytes[at] = value;
	return arp_parse(bytes, 28, &a);
}

static void a_question_is_read(void **state)
{
	(void)state;
	assert_true(arp_parse(question, 28, &a));
	assert_true(a.request);
	assert_memory_equal(a.sender_mac, "\2\0\0\0\0\2", 6);
	assert_memory_equal(a.sender, "\x0a\0\2\x64", 4);
	assert_memory_equal(a.target_mac, "\0\0\0\0\0\0", 6);
	assert_memory_equal(a.target, "\x0a\0\2\2", 4);
}

static void an_answer_is_read(void **state)
{
	(void)state;
	assert_true(spoiled(7, 2));
	assert_false(a.request);
}

static void padding_behind_it_is_ignored(void **state)
{
	uint8_t bytes[46] = { 0 };
	(void)state;
	memcpy(bytes, question, 28);
	assert_true(arp_parse(bytes, 46, &a));
}

static void short_messages_are_refused(void **state)
{
	(void)state;
	for (uint32_t len = 0; len < 28; len++) {
		uint8_t *exact = malloc(len + 1);
		memcpy(exact, question, len);
		assert_false(arp_parse(exact, len, &a));
		free(exact);
	}
}

static void other_hardware_is_refused(void **state)
{
	(void)state;
	assert_false(spoiled(0, 1));
	assert_false(spoiled(1, 6));
	assert_false(spoiled(4, 8));
}

static void other_protocols_are_refused(void **state)
{
	(void)state;
	assert_false(spoiled(2, 0x86));
	assert_false(spoiled(3, 6));
	assert_false(spoiled(5, 16));
}

static void other_operations_are_refused(void **state)
{
	(void)state;
	for (int operation = 0; operation < 256; operation++)
		assert_int_equal(spoiled(7, (uint8_t)operation),
				 operation == 1 || operation == 2);
	assert_false(spoiled(6, 1));
}

static void a_group_is_no_sender(void **state)
{
	(void)state;
	assert_false(spoiled(8, 3));
	assert_false(spoiled(8, 0xff));
}

static void what_is_written_is_read(void **state)
{
	struct dice dice = { 11 };
	uint8_t bytes[28];
	(void)state;
	for (int round = 0; round < 1000; round++) {
		struct arp made = { .request = round % 2 };
		dice_fill(&dice, made.sender_mac, 6);
		dice_fill(&dice, made.sender, 4);
		dice_fill(&dice, made.target_mac, 6);
		dice_fill(&dice, made.target, 4);
		made.sender_mac[0] &= 0xfe;
		arp_build(&made, bytes);
		assert_true(arp_parse(bytes, 28, &a));
		assert_int_equal(a.request, made.request);
		assert_memory_equal(a.sender_mac, made.sender_mac, 6);
		assert_memory_equal(a.sender, made.sender, 4);
		assert_memory_equal(a.target_mac, made.target_mac, 6);
		assert_memory_equal(a.target, made.target, 4);
	}
}

static void a_question_is_written(void **state)
{
	uint8_t bytes[28];
	(void)state;
	arp_parse(question, 28, &a);
	arp_build(&a, bytes);
	assert_memory_equal(bytes, question, 28);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_is_read),
		cmocka_unit_test(an_answer_is_read),
		cmocka_unit_test(padding_behind_it_is_ignored),
		cmocka_unit_test(short_messages_are_refused),
		cmocka_unit_test(other_hardware_is_refused),
		cmocka_unit_test(other_protocols_are_refused),
		cmocka_unit_test(other_operations_are_refused),
		cmocka_unit_test(a_group_is_no_sender),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_question_is_written),
	};
	return cmocka_run_group_tests_name("arp", tests, NULL, NULL);
}
