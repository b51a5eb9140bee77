/* SPDX-License-Identifier: BSD-2-Clause */
/* Half-open calls to forwards: bounded, and who makes way. */
#include "nat_fixture.h"

#define SERVER "10.0.0.80"
#define BOUND 1024u /* a quarter of 4,096 sessions */

static void open_forward(uint16_t port, uint32_t flows_max)
{
	struct minato_entry e = forward_entry(TCP, port, port, SERVER, port);

	e.flows_max = flows_max;
	assert_true(add_entry(&e) >= 0);
}

/* The n-th of many that send one SYN each. */
static struct minato_endpoint stranger(uint32_t i)
{
	return (struct minato_endpoint){ minato_addr4(20, (uint8_t)(i >> 16), (uint8_t)(i >> 8),
						      (uint8_t)i),
					 (uint16_t)(1024 + i % 60000) };
}

static enum nat_verdict call(struct minato_endpoint who, uint16_t port)
{
	return in(TCP, who, end(PUBLIC, port), NAT_SYN);
}

/* The server, and then the caller, who is there. */
static enum nat_verdict answer(struct minato_endpoint who, uint16_t port)
{
	const enum nat_verdict verdict = out(TCP, end(SERVER, port), who, NAT_SYN | NAT_ACK);

	return verdict == NAT_PASS ? in(TCP, who, end(PUBLIC, port), NAT_ACK) : verdict;
}

static bool is_open(struct minato_endpoint who, uint16_t port)
{
	return in(TCP, who, end(PUBLIC, port), NAT_ACK) == NAT_PASS;
}

/* Two flooded forwards: sessions are left for all others. */
static void a_flood_takes_its_share(void **state)
{
	(void)state;
	open_forward(80, 0);
	open_forward(81, 0);
	for (uint32_t i = 0; i < 50000; i++)
		assert_int_equal(call(stranger(i), (uint16_t)(80 + i % 2)), NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_SESSIONS) - n->ends, BOUND);
	assert_int_equal(counted(NAT_COUNT_OPENING_VICTIM), 50000 - BOUND);
	assert_int_equal(out(TCP, end("10.0.0.7", 999), end("203.0.113.1", 443), NAT_SYN),
			 NAT_PASS);
}

/* That a server answers, or refuses, proves nothing of who called. */
static void the_word_of_a_server_is_no_proof(void **state)
{
	(void)state;
	open_forward(80, 0);
	for (uint32_t i = 0; i < 10000; i++) {
		assert_int_equal(call(stranger(i), 80), NAT_PASS);
		assert_int_equal(out(TCP, end(SERVER, 80), stranger(i),
				     i & 1 ? NAT_RST | NAT_ACK : NAT_SYN | NAT_ACK),
				 NAT_PASS);
	}
	assert_int_equal(counted(NAT_COUNT_SESSIONS) - n->ends, BOUND);
	assert_int_equal(out(TCP, end("10.0.0.7", 999), end("203.0.113.1", 443), NAT_SYN),
			 NAT_PASS);
}

/* Who is answered within the time of so many SYNs is not harmed. */
static void who_is_answered_stays(void **state)
{
	const struct minato_endpoint client = end("203.0.113.7", 4000);

	(void)state;
	open_forward(80, 0);
	for (uint32_t i = 0; i < 5000; i++)
		call(stranger(i), 80);
	assert_int_equal(call(client, 80), NAT_PASS);
	for (uint32_t i = 5000; i < 5000 + BOUND - 1; i++)
		call(stranger(i), 80);
	assert_int_equal(answer(client, 80), NAT_PASS);
	for (uint32_t i = 10000; i < 20000; i++)
		call(stranger(i), 80);
	assert_true(is_open(client, 80));
}

/* The source that has most of them gives way first. */
static void a_single_source_harms_itself(void **state)
{
	const struct minato_endpoint client = end("203.0.113.7", 4000);
	uint32_t i = 0;

	(void)state;
	open_forward(80, 0);
	for (; i < BOUND / 2; i++)
		call(end("198.51.100.66", (uint16_t)(1024 + i)), 80);
	assert_int_equal(call(client, 80), NAT_PASS);
	for (; i < BOUND + BOUND / 2 + 8; i++)
		call(end("198.51.100.66", (uint16_t)(1024 + i)), 80);
	/* It is among the eight oldest since the flood came round, and stays. */
	assert_int_equal(answer(client, 80), NAT_PASS);
	assert_true(is_open(client, 80));
}

/* A bound of a forward is for those who are answered. */
static void a_bound_is_not_filled_by_syns(void **state)
{
	const struct minato_endpoint client = end("203.0.113.7", 4000);

	(void)state;
	open_forward(80, 10);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(call(stranger(i), 80), NAT_PASS);
	assert_int_equal(call(client, 80), NAT_PASS);
	assert_int_equal(answer(client, 80), NAT_PASS);
	for (uint32_t i = 100; i < 200; i++)
		call(stranger(i), 80);
	assert_true(is_open(client, 80));
	/* Ten that are open fill it. */
	for (uint32_t i = 300; i < 309; i++) {
		assert_int_equal(call(stranger(i), 80), NAT_PASS);
		assert_int_equal(answer(stranger(i), 80), NAT_PASS);
	}
	assert_int_not_equal(call(stranger(400), 80), NAT_PASS);
}

/* What is over, or another's by now, is nobody's victim. */
static void the_ended_are_passed_over(void **state)
{
	(void)state;
	open_forward(80, 0);
	for (uint32_t i = 0; i < 3 * BOUND; i++) {
		const struct minato_endpoint who = stranger(i);

		assert_int_equal(call(who, 80), NAT_PASS);
		assert_int_equal(answer(who, 80), NAT_PASS);
		in(TCP, who, end(PUBLIC, 80), NAT_RST);
		pass_ms(250);
	}
	assert_int_equal(counted(NAT_COUNT_OPENING_VICTIM), 0);
	pass_ms(300000);
	pass_ms(1);
	assert_int_equal(counted(NAT_COUNT_SESSIONS), n->ends);
}

/* Datagrams from everywhere to a forward, answered or not, leave others what they have. */
static void a_flood_of_datagrams_takes_no_more(void **state)
{
	const struct minato_endpoint client = end("203.0.113.7", 4000);
	struct minato_entry e = forward_entry(UDP, 53, 53, SERVER, 53);

	(void)state;
	assert_true(add_entry(&e) >= 0);
	/* Who sends again after an answer is there. */
	assert_int_equal(in(UDP, client, end(PUBLIC, 53), 0), NAT_PASS);
	assert_int_equal(out(UDP, end(SERVER, 53), client, 0), NAT_PASS);
	assert_int_equal(in(UDP, client, end(PUBLIC, 53), 0), NAT_PASS);
	for (uint32_t i = 0; i < 20000; i++) {
		assert_int_equal(in(UDP, stranger(i), end(PUBLIC, 53), 0), NAT_PASS);
		if (i & 1)
			assert_int_equal(out(UDP, end(SERVER, 53), stranger(i), 0), NAT_PASS);
	}
	assert_int_equal(counted(NAT_COUNT_SESSIONS) - n->ends, BOUND + 1);
	assert_int_equal(counted(NAT_COUNT_NO_MEMORY), 0);
	assert_int_equal(out(UDP, end("10.0.0.7", 999), end("203.0.113.1", 53), 0), NAT_PASS);
}

/* The same to a mapping whose filter lets all in; it stays, as its own flow does. */
static void strangers_at_a_mapping_take_no_more(void **state)
{
	const struct minato_endpoint host = end("10.0.0.7", 999), far = end("203.0.113.1", 53);

	(void)state;
	assert_int_equal(out(UDP, host, far, 0), NAT_PASS);
	const struct minato_endpoint mapped = way.src;
	for (uint32_t i = 0; i < 20000; i++)
		assert_int_equal(in(UDP, stranger(i), mapped, 0), NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_SESSIONS) - n->ends, BOUND + 1);
	assert_int_equal(in(UDP, far, mapped, 0), NAT_PASS);
}

/* A bound that several entries have together: SYNs to one fill it for none. */
static void bounds_in_all_are_not_filled_by_syns(void **state)
{
	struct minato_entry e = forward_entry(TCP, 80, 80, SERVER, 80);
	struct minato_entry more = forward_entry(TCP, 443, 443, SERVER, 443);
	int64_t first;

	(void)state;
	e.flows_max = 8;
	first = add_entry(&e);
	assert_true(add_bounded(&more, (uint32_t)first) >= 0);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(call(stranger(i), 80), NAT_PASS);
	for (uint32_t i = 100; i < 108; i++) {
		assert_int_equal(call(stranger(i), 443), NAT_PASS);
		assert_int_equal(answer(stranger(i), 443), NAT_PASS);
	}
	assert_int_equal(counted(NAT_COUNT_OPENING_VICTIM), 8);
	assert_int_equal(call(stranger(200), 443), NAT_DROP);
	assert_int_equal(call(stranger(200), 80), NAT_DROP);
}

/* A caller from inside whose only other flow makes way for this one keeps its mapping. */
static void who_makes_way_for_himself(void **state)
{
	const struct minato_endpoint host = end("10.0.0.7", 999);
	struct minato_entry e = forward_entry(TCP, 80, 81, SERVER, 80);

	(void)state;
	e.flows_max = 1;
	assert_true(add_entry(&e) >= 0);
	assert_int_equal(out(TCP, host, end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	assert_int_equal(out(TCP, host, end(PUBLIC, 81), NAT_SYN), NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_OPENING_VICTIM), 1);
	assert_int_equal(counted(NAT_COUNT_MAPPINGS), 1);
	assert_int_equal(n->mappings.used, 1);
	assert_int_equal(out(TCP, end(SERVER, 81), way.src, NAT_SYN | NAT_ACK), NAT_PASS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_flood_takes_its_share),
		CASE(the_word_of_a_server_is_no_proof),
		CASE(who_is_answered_stays),
		CASE(a_single_source_harms_itself),
		CASE(a_bound_is_not_filled_by_syns),
		CASE(the_ended_are_passed_over),
		CASE(a_flood_of_datagrams_takes_no_more),
		CASE(strangers_at_a_mapping_take_no_more),
		CASE(bounds_in_all_are_not_filled_by_syns),
		CASE(who_makes_way_for_himself),
	};

	return cmocka_run_group_tests_name("opening", tests, NULL, NULL);
}
