/* SPDX-License-Identifier: BSD-2-Clause */
/* Slots: taken, given back whatever they stand in, generations. */
#include "hosts.h"
#include "stack/stack.h"

static void test_generations(void **state)
{
	const struct minato_config c = small_config(MINATO_LINK_IP, 1);
	struct host h = host_new(&c, (struct minato_time){ SECOND });
	const uint32_t a = slots_take(h.m, MINATO_TCP, 3);
	const uint64_t handle = slots_handle(h.m, a);
	uint32_t index;

	(void)state;
	assert_true(slots_live(h.m, a));
	/* Nobody's yet. */
	assert_null(slots_find(h.m, handle, &index));
	socket_at(h.m, a)->flags |= SOCKET_OWNED;
	assert_ptr_equal(slots_find(h.m, handle, &index), socket_at(h.m, a));
	assert_int_equal(index, a);
	assert_int_equal(socket_at(h.m, a)->scope, 3);
	slots_give(h.m, a);
	assert_false(slots_live(h.m, a));
	assert_null(slots_find(h.m, handle, &index));
	assert_int_equal(slots_take(h.m, MINATO_UDP, 0), a);
	assert_true(slots_handle(h.m, a) != handle);
	assert_false(slots_live(h.m, c.sockets_max));
	host_end(&h);
}

static void test_leaves_all_lists(void **state)
{
	const struct minato_config c = small_config(MINATO_LINK_IP, 1);
	struct host h = host_new(&c, (struct minato_time){ SECOND });
	uint32_t index[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		index[i] = slots_take(h.m, MINATO_TCP, 0);
		socket_at(h.m, index[i])->flags |= SOCKET_OWNED | SOCKET_CALL;
		list_append(h.m, &h.m->half_open, LIST_CALL, index[i]);
		output_mark(h.m, index[i]);
		output_mark(h.m, index[i]);
		events_raise(h.m, index[i]);
		events_raise(h.m, index[i]);
		wheel_arm(&h.m->wheel, index[i], (struct minato_time){ 5 * SECOND });
	}
	assert_int_equal(h.m->dirty.count, 3);
	assert_int_equal(h.m->events.count, 3);
	slots_give(h.m, index[1]);
	assert_int_equal(h.m->dirty.count, 2);
	assert_int_equal(h.m->dirty.head, index[0]);
	assert_int_equal(h.m->dirty.tail, index[2]);
	slots_give(h.m, index[0]);
	slots_give(h.m, index[2]);
	assert_int_equal(h.m->dirty.count + h.m->events.count + h.m->half_open.count, 0);
	assert_int_equal(h.m->wheel.armed, 0);
	host_end(&h);
}

static void test_full(void **state)
{
	struct minato_config c = small_config(MINATO_LINK_IP, 1);
	struct host h;

	(void)state;
	c.sockets_max = 3;
	h = host_new(&c, (struct minato_time){ SECOND });
	for (int i = 0; i < 3; i++)
		assert_int_not_equal(slots_take(h.m, MINATO_UDP, 0), STACK_NONE);
	assert_int_equal(slots_take(h.m, MINATO_UDP, 0), STACK_NONE);
	host_end(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generations),
		cmocka_unit_test(test_leaves_all_lists),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}
