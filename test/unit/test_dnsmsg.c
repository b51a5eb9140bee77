/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading questions, telling answers from strangers, and the forwarder's own replies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "relay/relay.h"

/* example.com A IN, recursion desired. */
static const uint8_t query[] = {
	0x12, 0x34, 0x01, 0x10, 0,   1,	  0,   0,   0, 0,   0,	 0,	 /* header, CD set */
	7,    'e',  'x',  'a',	'm', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0, /* name */
	0,    1,    0,	  1,
};
#define QUERY_LEN sizeof(query)

static void parsed(const uint8_t *data, size_t len, struct dnsmsg *m)
{
	memset(m, 0xff, sizeof(*m));
	assert_true(dnsmsg_parse(data, len, m));
}

static void reads_a_query(void **state)
{
	struct dnsmsg m;

	(void)state;
	parsed(query, QUERY_LEN, &m);
	assert_int_equal(m.id, 0x1234);
	assert_false(m.response);
	assert_int_equal(m.opcode, 0);
	assert_int_equal(m.questions, 1);
	assert_int_equal(m.question_end, QUERY_LEN);
}

static void reads_a_response(void **state)
{
	uint8_t data[QUERY_LEN];
	struct dnsmsg m;

	(void)state;
	memcpy(data, query, sizeof(data));
	data[2] = 0x83;
	data[3] = 0x83;
	parsed(data, sizeof(data), &m);
	assert_true(m.response);
	assert_true(m.truncated);
	assert_int_equal(m.rcode, 3);
}

static void too_short_for_a_header(void **state)
{
	struct dnsmsg m;

	(void)state;
	for (size_t len = 0; len < DNSMSG_HEADER; len++)
		assert_false(dnsmsg_parse(query, len, &m));
}

static void every_cut_is_seen(void **state)
{
	struct dnsmsg m;

	(void)state;
	for (size_t len = DNSMSG_HEADER; len < QUERY_LEN; len++) {
		parsed(query, len, &m);
		assert_int_equal(m.question_end, 0);
	}
}

static void root_is_a_name(void **state)
{
	const uint8_t root[] = { 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1 };
	struct dnsmsg m;

	(void)state;
	parsed(root, sizeof(root), &m);
	assert_int_equal(m.question_end, sizeof(root));
}

static void pointers_are_no_questions(void **state)
{
	uint8_t data[QUERY_LEN];
	struct dnsmsg m;

	(void)state;
	memcpy(data, query, sizeof(data));
	data[12] = 0xc0;
	parsed(data, sizeof(data), &m);
	assert_int_equal(m.question_end, 0);
	data[12] = 64;
	parsed(data, sizeof(data), &m);
	assert_int_equal(m.question_end, 0);
}

/* A name of `len` bytes on the wire, in labels of at most 63. */
static size_t long_name(uint8_t *data, size_t len)
{
	size_t at = 12;

	memset(data, 0, 600);
	data[5] = 1;
	while (len > 1) {
		size_t label = len - 2 < 63 ? len - 2 : 63;

		data[at] = (uint8_t)label;
		memset(data + at + 1, 'a', label);
		at += label + 1;
		len -= label + 1;
	}
	return at + 1 + 4;
}

static void longest_name(void **state)
{
	uint8_t data[600];
	struct dnsmsg m;
	size_t len = long_name(data, 255);

	(void)state;
	parsed(data, len, &m);
	assert_int_equal(m.question_end, len);
	assert_int_equal(len, 12 + 255 + 4);
}

static void name_too_long(void **state)
{
	uint8_t data[600];
	struct dnsmsg m;

	(void)state;
	parsed(data, long_name(data, 256), &m);
	assert_int_equal(m.question_end, 0);
	parsed(data, long_name(data, 300), &m);
	assert_int_equal(m.question_end, 0);
}

static void case_does_not_matter(void **state)
{
	uint8_t data[QUERY_LEN];
	struct dnsmsg a;
	struct dnsmsg b;

	(void)state;
	memcpy(data, query, sizeof(data));
	data[13] = 'E';
	data[23] = 'M';
	parsed(query, QUERY_LEN, &a);
	parsed(data, sizeof(data), &b);
	assert_true(dnsmsg_same_question(query, data, &a, &b));
}

static void other_byte_is_another_question(void **state)
{
	struct dnsmsg a;
	struct dnsmsg b;

	(void)state;
	parsed(query, QUERY_LEN, &a);
	for (size_t i = 13; i < QUERY_LEN; i++) {
		uint8_t data[QUERY_LEN];

		memcpy(data, query, sizeof(data));
		data[i] ^= 1;
		parsed(data, sizeof(data), &b);
		assert_false(dnsmsg_same_question(query, data, &a, &b));
	}
}

static void unreadable_is_no_question(void **state)
{
	struct dnsmsg a;
	struct dnsmsg b;

	(void)state;
	parsed(query, QUERY_LEN, &a);
	parsed(query, QUERY_LEN - 1, &b);
	assert_false(dnsmsg_same_question(query, query, &a, &b));
	assert_false(dnsmsg_same_question(query, query, &b, &b));
}

static void id_is_set(void **state)
{
	uint8_t data[QUERY_LEN];
	struct dnsmsg m;

	(void)state;
	memcpy(data, query, sizeof(data));
	dnsmsg_set_id(data, 0xbeef);
	parsed(data, sizeof(data), &m);
	assert_int_equal(m.id, 0xbeef);
	assert_memory_equal(data + 2, query + 2, QUERY_LEN - 2);
}

static void excuse_keeps_the_question(void **state)
{
	uint8_t data[64];
	uint8_t out[64];
	struct dnsmsg m;
	size_t len;

	(void)state;
	memcpy(data, query, QUERY_LEN);
	memset(data + QUERY_LEN, 0x5a, 20); /* an additional record */
	data[11] = 1;
	parsed(data, QUERY_LEN + 20, &m);
	len = dnsmsg_excuse(data, &m, DNSMSG_SERVFAIL, out);
	assert_int_equal(len, QUERY_LEN);
	assert_memory_equal(out + 12, query + 12, QUERY_LEN - 12);
	parsed(out, len, &m);
	assert_int_equal(m.id, 0x1234);
	assert_true(m.response);
	assert_int_equal(m.rcode, DNSMSG_SERVFAIL);
	assert_int_equal(m.questions, 1);
	assert_int_equal(out[2] & 1, 1);       /* RD as asked */
	assert_int_equal(out[3] & 0x10, 0x10); /* CD as asked */
	assert_int_equal(out[11], 0);	       /* no additional record any more */
}

static void excuse_without_question(void **state)
{
	uint8_t out[64];
	struct dnsmsg m;

	(void)state;
	parsed(query, QUERY_LEN - 3, &m);
	assert_int_equal(dnsmsg_excuse(query, &m, DNSMSG_FORMERR, out), DNSMSG_HEADER);
	parsed(out, DNSMSG_HEADER, &m);
	assert_int_equal(m.questions, 0);
	assert_int_equal(m.rcode, DNSMSG_FORMERR);
}

static void excuse_in_place(void **state)
{
	uint8_t data[QUERY_LEN];
	struct dnsmsg m;

	(void)state;
	memcpy(data, query, sizeof(data));
	parsed(data, sizeof(data), &m);
	assert_int_equal(dnsmsg_excuse(data, &m, DNSMSG_SERVFAIL, data), QUERY_LEN);
	assert_memory_equal(data + 12, query + 12, QUERY_LEN - 12);
	assert_int_equal(data[2] & 0x80, 0x80);
}

static void truncated_says_so(void **state)
{
	uint8_t data[QUERY_LEN + 100];
	struct dnsmsg m;
	size_t len;

	(void)state;
	memset(data, 0, sizeof(data));
	memcpy(data, query, QUERY_LEN);
	data[2] |= 0x80;
	data[7] = 5;
	parsed(data, sizeof(data), &m);
	len = dnsmsg_truncate(data, &m);
	assert_int_equal(len, QUERY_LEN);
	parsed(data, len, &m);
	assert_true(m.truncated);
	assert_true(m.response);
	assert_int_equal(m.questions, 1);
	assert_int_equal(data[7], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_query),
		cmocka_unit_test(reads_a_response),
		cmocka_unit_test(too_short_for_a_header),
		cmocka_unit_test(every_cut_is_seen),
		cmocka_unit_test(root_is_a_name),
		cmocka_unit_test(pointers_are_no_questions),
		cmocka_unit_test(longest_name),
		cmocka_unit_test(name_too_long),
		cmocka_unit_test(case_does_not_matter),
		cmocka_unit_test(other_byte_is_another_question),
		cmocka_unit_test(unreadable_is_no_question),
		cmocka_unit_test(id_is_set),
		cmocka_unit_test(excuse_keeps_the_question),
		cmocka_unit_test(excuse_without_question),
		cmocka_unit_test(excuse_in_place),
		cmocka_unit_test(truncated_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
