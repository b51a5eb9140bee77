/* SPDX-License-Identifier: BSD-2-Clause */
/* The lists of sockets: order, removal at every place. */
#include "hosts.h"
#include "stack/stack.h"

static void expect(const struct minato *m, const struct list *l, const uint32_t *want,
		   uint32_t count)
{
	uint32_t at = l->head;

	assert_int_equal(l->count, count);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(at, want[i]);
		at = socket_at(m, at)->link[LIST_EVENT].next;
	}
	assert_int_equal(at, STACK_NONE);
	assert_int_equal(l->tail, count > 0 ? want[count - 1] : STACK_NONE);
}

static void test_order_and_removal(void **state)
{
	const struct minato_config c = small_config(MINATO_LINK_IP, 1);
	struct host h = host_new(&c, (struct minato_time){ SECOND });
	uint32_t s[4];
	struct list l;

	(void)state;
	list_init(&l);
	expect(h.m, &l, s, 0);
	for (int i = 0; i < 4; i++) {
		s[i] = slots_take(h.m, MINATO_UDP, 0);
		list_append(h.m, &l, LIST_EVENT, s[i]);
	}
	expect(h.m, &l, s, 4);
	list_remove(h.m, &l, LIST_EVENT, s[1]);
	expect(h.m, &l, (uint32_t[]){ s[0], s[2], s[3] }, 3);
	list_remove(h.m, &l, LIST_EVENT, s[0]);
	expect(h.m, &l, (uint32_t[]){ s[2], s[3] }, 2);
	list_remove(h.m, &l, LIST_EVENT, s[3]);
	expect(h.m, &l, (uint32_t[]){ s[2] }, 1);
	list_append(h.m, &l, LIST_EVENT, s[0]);
	expect(h.m, &l, (uint32_t[]){ s[2], s[0] }, 2);
	list_remove(h.m, &l, LIST_EVENT, s[2]);
	list_remove(h.m, &l, LIST_EVENT, s[0]);
	expect(h.m, &l, s, 0);
	host_end(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_order_and_removal) };

	return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
