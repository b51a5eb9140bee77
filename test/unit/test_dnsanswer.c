/* SPDX-License-Identifier: BSD-2-Clause */
/* What an answer says of addresses: a chain that began with the question, and nothing beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "dns_forge.h"
#include "relay/permit.h"

static struct forged f;
static struct dnsask ask;
static struct dnsmsg m;
static struct dnsanswer answer;

static void begin(const char *name, uint16_t type)
{
	forge_question(&f, name, type);
	assert_true(dnsmsg_parse(f.data, f.len, &m));
	assert_true(dnsask_read(f.data, f.len, &m, &ask));
}

static bool read_it(void)
{
	return dnsanswer_read(f.data, f.len, &m, &ask, &answer);
}

static uint8_t last_byte(size_t i)
{
	return answer.addrs[i].bytes[15];
}

static void addresses_of_the_question(void **state)
{
	(void)state;
	begin("api.example", 1);
	forge_a(&f, "API.example", 300, 1);
	forge_a(&f, "api.example", 90000, 2);
	forge_a(&f, "api.example", 0x80000001, 3);
	assert_true(read_it());
	assert_int_equal(answer.chain_count, 1);
	assert_int_equal(answer.addr_count, 3);
	assert_int_equal(last_byte(0), 1);
	assert_int_equal(answer.ttl[0], 300);
	assert_int_equal(answer.ttl[1], DNSANSWER_TTL_MAX);
	assert_int_equal(answer.ttl[2], 0);
}

static void a_chain_is_followed_in_any_order(void **state)
{
	(void)state;
	begin("api.example", 1);
	forge_a(&f, "edge.cdn.example", 60, 9);
	forge_cname(&f, "cdn.example", 20, "edge.cdn.example");
	forge_cname(&f, "api.example", 10, "cdn.example");
	assert_true(read_it());
	assert_int_equal(answer.chain_count, 3);
	assert_string_equal(answer.chain[2].text, "edge.cdn.example");
	assert_int_equal(answer.chain_ttl[0], 10);
	assert_int_equal(answer.chain_ttl[1], 20);
	assert_int_equal(answer.addr_count, 1);
}

static void what_stands_beside_the_chain_is_not_taken(void **state)
{
	static const uint8_t six[16] = { 0x20, 1, 0x0d, 0xb8 };

	(void)state;
	begin("api.example", 1);
	forge_cname(&f, "api.example", 10, "cdn.example");
	forge_a(&f, "evil.example", 60, 66);		  /* of another name */
	forge_a(&f, "api.example", 60, 67);		  /* beside a CNAME: RFC 1034 3.6.2 */
	forge_record(&f, "cdn.example", 28, 60, six, 16); /* of another type */
	forge_record(&f, "cdn.example", 1, 60, six, 3);	  /* too short */
	forge_record(&f, "cdn.example", 16, 60, "text", 4);
	forge_a(&f, "cdn.example", 60, 1);
	/* Of another class. */
	forge_a(&f, "cdn.example", 60, 68);
	f.data[f.len - 11] = 3;
	assert_true(read_it());
	assert_int_equal(answer.addr_count, 1);
	assert_int_equal(last_byte(0), 1);
	assert_int_equal(answer.passed_over, 6);
}

static void mapped_addresses_are_none(void **state)
{
	static const uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 };
	static const uint8_t six[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 7 };

	(void)state;
	begin("api.example", 28);
	forge_record(&f, "api.example", 28, 60, mapped, 16);
	forge_record(&f, "api.example", 28, 60, six, 16);
	assert_true(read_it());
	assert_int_equal(answer.addr_count, 1);
	assert_int_equal(last_byte(0), 7);
}

static void circles_and_endless_chains_are_no_answer(void **state)
{
	char from[32] = "api.example";

	(void)state;
	begin("api.example", 1);
	forge_cname(&f, "api.example", 10, "b.example");
	forge_cname(&f, "b.example", 10, "api.example");
	assert_false(read_it());
	begin("api.example", 1);
	forge_cname(&f, "api.example", 10, "api.example");
	assert_false(read_it());
	begin("api.example", 1);
	for (int i = 0; i < (int)DNSANSWER_CHAIN; i++) {
		char to[32];

		snprintf(to, sizeof(to), "n%d.example", i);
		forge_cname(&f, from, 10, to);
		strcpy(from, to);
	}
	assert_false(read_it());
}

static void a_cname_to_nowhere_is_no_answer(void **state)
{
	static const uint8_t half[] = { 9, 'a' };
	static const uint8_t more[] = { 1, 'a', 0, 0 };

	(void)state;
	begin("api.example", 1);
	forge_record(&f, "api.example", 5, 10, half, sizeof(half));
	assert_false(read_it());
	begin("api.example", 1);
	forge_record(&f, "api.example", 5, 10, more, sizeof(more));
	assert_false(read_it());
	begin("api.example", 1);
	forge_record(&f, "api.example", 5, 10, "", 1);
	assert_false(read_it());
}

static void a_cut_answer_is_none(void **state)
{
	size_t whole;

	(void)state;
	begin("api.example", 1);
	forge_cname(&f, "api.example", 10, "cdn.example");
	forge_a(&f, "cdn.example", 60, 1);
	whole = f.len;
	assert_true(read_it());
	for (f.len = m.question_end; f.len < whole; f.len++)
		assert_false(read_it());
}

static void other_types_are_not_read(void **state)
{
	(void)state;
	begin("api.example", 16);
	assert_false(read_it());
}

static void what_is_written_reads_back(void **state)
{
	static struct forged back;
	struct dnsanswer again;
	struct dnsmsg m2;

	(void)state;
	begin("Api.Example", 1);
	forge_cname(&f, "api.example", 10, "cdn.other");
	forge_a(&f, "cdn.other", 60, 1);
	forge_a(&f, "cdn.other", 70, 2);
	forge_record(&f, "cdn.other", 46, 60, "signature", 9);
	assert_true(read_it());
	ask.edns = true;
	back.len = dnsanswer_write(&answer, &ask, f.data, &m, 0, back.data);
	assert_true(dnsmsg_parse(back.data, back.len, &m2));
	assert_true(m2.response);
	assert_int_equal(m2.rcode, 0);
	assert_int_equal(m2.question_end, m.question_end);
	assert_memory_equal(back.data + 12, f.data + 12, m.question_end - 12);
	assert_true(dnsanswer_read(back.data, back.len, &m2, &ask, &again));
	assert_int_equal(again.chain_count, 2);
	assert_string_equal(again.chain[1].text, "cdn.other");
	assert_int_equal(again.addr_count, 2);
	assert_int_equal(again.ttl[1], 70);
	assert_int_equal(again.passed_over, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_of_the_question),
		cmocka_unit_test(a_chain_is_followed_in_any_order),
		cmocka_unit_test(what_stands_beside_the_chain_is_not_taken),
		cmocka_unit_test(mapped_addresses_are_none),
		cmocka_unit_test(circles_and_endless_chains_are_no_answer),
		cmocka_unit_test(a_cname_to_nowhere_is_no_answer),
		cmocka_unit_test(a_cut_answer_is_none),
		cmocka_unit_test(other_types_are_not_read),
		cmocka_unit_test(what_is_written_reads_back),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
