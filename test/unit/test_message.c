/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages: queues in order, what they cost, and memory that runs out. */
#include "hosts.h"
#include "stack/stack.h"

static void test_queue(void **state)
{
	const struct minato_config c = small_config(MINATO_LINK_IP, 1);
	struct host h = host_new(&c, (struct minato_time){ SECOND });
	struct messages q;
	uint32_t index[5];

	(void)state;
	messages_init(&q);
	assert_int_equal(messages_pop(h.m, &q), STACK_NONE);
	for (int i = 0; i < 5; i++) {
		index[i] = message_take(h.m);
		assert_true(message_fill(h.m, message_at(h.m, index[i]), "abc", 3,
					 MINATO_CHUNK_NONE));
		messages_append(h.m, &q, index[i]);
	}
	assert_int_equal(q.count, 5);
	assert_int_equal(q.charge, 5 * MINATO_CHUNK_SMALL);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(messages_pop(h.m, &q), index[i]);
		message_give(h.m, index[i]);
	}
	messages_clear(h.m, &q);
	assert_int_equal(h.m->messages.used, 0);
	assert_int_equal(h.m->payload.small.used, 0);
	host_end(&h);
}

static void test_by_reference(void **state)
{
	const struct minato_config c = small_config(MINATO_LINK_IP, 1);
	struct host h = host_new(&c, (struct minato_time){ SECOND });
	struct minato_extent where;
	const uint32_t chunk = minato_lease(h.m, &where);
	const uint32_t large = message_take(h.m), small = message_take(h.m);

	(void)state;
	memset(where.base, 'r', 60000);
	assert_true(message_fill(h.m, message_at(h.m, large), (char *)where.base + 100,
				 STACK_REFERENCE_MIN, chunk));
	assert_true(message_fill(h.m, message_at(h.m, small), where.base,
				 STACK_REFERENCE_MIN - 1, chunk));
	minato_unlease(h.m, chunk);
	assert_int_equal(h.m->payload.large.used, 1);
	assert_int_equal(message_at(h.m, large)->charge, MINATO_CHUNK_LARGE);
	assert_int_equal(message_at(h.m, small)->charge, 8 * MINATO_CHUNK_SMALL);
	message_give(h.m, large);
	message_give(h.m, small);
	assert_int_equal(h.m->payload.large.used, 0);
	assert_int_equal(h.m->payload.small.used, 0);
	host_end(&h);
}

static void test_out_of_memory(void **state)
{
	struct minato_config c = small_config(MINATO_LINK_IP, 1);
	static char data[30000];
	struct host h;
	uint32_t index;

	(void)state;
	c.chunks_small = 8;
	c.chunks_large = 1;
	h = host_new(&c, (struct minato_time){ SECOND });
	while (chunk_take(&h.m->payload, MINATO_CHUNK_LARGE) != MINATO_CHUNK_NONE)
		;
	index = message_take(h.m);
	/* All or nothing. */
	assert_false(message_fill(h.m, message_at(h.m, index), data, sizeof(data),
				  MINATO_CHUNK_NONE));
	assert_int_equal(message_at(h.m, index)->data.bytes, 0);
	assert_int_equal(h.m->payload.small.used, 0);
	assert_true(message_fill(h.m, message_at(h.m, index), data, 16384, MINATO_CHUNK_NONE));
	message_give(h.m, index);
	while (message_take(h.m) != STACK_NONE)
		;
	host_end(&h);
}

/* We can speak when there is no chunk left for it. */
static void test_brief(void **state)
{
	const struct minato_config c = small_config(MINATO_LINK_ETHERNET, 1);
	struct host h = host_new(&c, (struct minato_time){ SECOND });
	const uint8_t mac[6] = { 2, 9 };
	const struct minato_addr ours = addr("10.0.0.1"), other = addr("10.0.0.9");
	struct minato_frame_out f;

	(void)state;
	assert_int_equal(minato_address_add(h.m, 0, &ours, 24), 0);
	while (chunk_take(&h.m->payload, MINATO_CHUNK_SMALL) != MINATO_CHUNK_NONE)
		;
	while (chunk_take(&h.m->payload, MINATO_CHUNK_LARGE) != MINATO_CHUNK_NONE)
		;
	while (message_take_datagram(h.m) != STACK_NONE)
		;
	discovery_ask(h.m, 0, &other, mac);
	assert_int_equal(minato_output(h.m, h.m->now, &f, 1), 1);
	assert_int_equal(f.len, 42);
	assert_int_equal(counter(h.m, "out_memory"), 0);
	host_end(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queue),
		cmocka_unit_test(test_by_reference),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_brief),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
