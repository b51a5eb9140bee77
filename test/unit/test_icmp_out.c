/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors and RSTs: what they look like, and that strangers cannot have many. */
#include <errno.h>

#include "hosts.h"
#include "stack/stack.h"

/* How many of `count` datagrams to a closed port are answered at once. */
static uint64_t burst(struct pair *p, uint64_t s, int count)
{
	const struct minato_datagram to = { .remote = end("10.0.0.2", 9) };
	const uint64_t before = counter(p->b.m, "icmp_errors_sent");

	for (int i = 0; i < count; i++) {
		minato_send_datagram(p->a.m, s, &to, "x", 1);
		settle(p);
	}
	return counter(p->b.m, "icmp_errors_sent") - before;
}

static void test_errors_are_limited(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t s = open_socket(p.a.m, MINATO_UDP);

	(void)state;
	assert_in_range(burst(&p, s, 300), 80, 101);
	assert_true(counter(p.b.m, "limited_icmp") >= 199);
	/* A thousand a second come back. */
	pass(&p, 10 * MILLI);
	assert_in_range(burst(&p, s, 100), 8, 11);
	pass(&p, SECOND);
	assert_in_range(burst(&p, s, 300), 80, 101);
	pair_end(&p);
}

static void test_limit_is_not_exact(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t s = open_socket(p.a.m, MINATO_UDP);
	uint64_t first, different = 0;

	(void)state;
	pass(&p, SECOND);
	first = burst(&p, s, 150);
	for (int i = 0; i < 5; i++) {
		pass(&p, SECOND);
		different += burst(&p, s, 150) != first;
	}
	assert_true(different > 0);
	pair_end(&p);
}

static void test_resets_are_limited(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const struct minato_endpoint peer = end("10.0.0.2", 9);

	(void)state;
	for (int i = 0; i < 1200; i++) {
		const uint64_t s = open_socket(p.a.m, MINATO_TCP);
		assert_int_equal(minato_connect(p.a.m, s, &peer), -EINPROGRESS);
		settle(&p);
		minato_close(p.a.m, s);
	}
	assert_in_range(counter(p.b.m, "rst_sent"), 870, 1001);
	assert_true(counter(p.b.m, "limited_rst") >= 199);
	pair_end(&p);
}

/* The numbers of every reason, in both families. */
static void test_codes(void **state)
{
	static const struct {
		enum minato_reason reason;
		uint8_t type4, code4, type6, code6;
	} cases[] = {
		{ MINATO_REASON_NETWORK, 3, 0, 1, 0 },
		{ MINATO_REASON_HOST, 3, 1, 1, 3 },
		{ MINATO_REASON_PROTOCOL, 3, 2, 4, 1 },
		{ MINATO_REASON_PORT, 3, 3, 1, 4 },
		{ MINATO_REASON_PROHIBITED, 3, 13, 1, 1 },
	};
	static uint8_t bytes[FRAME_MAX];
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t s = open_socket(p.a.m, MINATO_UDP);
	struct minato_frame_out f;

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		const size_t k = i / 2;
		const struct minato_datagram flow = {
			.remote = end(i % 2 ? "fd00::9" : "10.0.0.9", 5000),
			.local = end(i % 2 ? "2001:db8::1" : "198.51.100.1", 53),
		};
		const uint8_t *icmp = bytes + (i % 2 ? 40 : 20);
		assert_int_equal(minato_report(p.a.m, s, &flow, cases[k].reason, 0), 0);
		assert_int_equal(minato_output(p.a.m, p.now, &f, 1), 1);
		flat(&f, bytes);
		assert_int_equal(icmp[0], i % 2 ? cases[k].type6 : cases[k].type4);
		assert_int_equal(icmp[1], i % 2 ? cases[k].code6 : cases[k].code4);
		/* Inside: from the guest to where it wrote. */
		assert_memory_equal(icmp + (i % 2 ? 8 + 8 : 8 + 12),
				    i % 2 ? flow.remote.addr.bytes : flow.remote.addr.bytes + 12,
				    i % 2 ? 16 : 4);
		/* A closed port speaks for itself, a router for the rest. */
		assert_int_equal(memcmp(bytes + (i % 2 ? 8 : 12),
					i % 2 ? flow.local.addr.bytes : flow.local.addr.bytes + 12,
					i % 2 ? 16 : 4) == 0,
				 cases[k].reason == MINATO_REASON_PORT);
	}
	pair_end(&p);
}

static void test_report_refuses(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t u = open_socket(p.a.m, MINATO_UDP), t = open_socket(p.a.m, MINATO_TCP);
	struct minato_datagram flow = { .remote = end("10.0.0.9", 1), .local = end("10.1.0.1", 2) };

	(void)state;
	assert_int_equal(minato_report(p.a.m, t, &flow, MINATO_REASON_PORT, 0), -EOPNOTSUPP);
	assert_int_equal(minato_report(p.a.m, 7, &flow, MINATO_REASON_PORT, 0), -EBADF);
	assert_int_equal(minato_report(p.a.m, u, &flow, (enum minato_reason)9, 0), -EINVAL);
	flow.local = end("fd00::1", 2);
	assert_int_equal(minato_report(p.a.m, u, &flow, MINATO_REASON_PORT, 0), -EINVAL);
	flow.local = end("0.0.0.0", 2);
	assert_int_equal(minato_report(p.a.m, u, &flow, MINATO_REASON_PORT, 0), -EINVAL);
	pair_end(&p);
}

/* The control queue is bounded; what does not fit is counted. */
static void test_control_is_bounded(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);

	(void)state;
	for (uint32_t i = 0; i < STACK_CONTROL_MAX + 5; i++) {
		const uint32_t index = message_take(p.a.m);
		assert_int_not_equal(index, STACK_NONE);
		message_control(p.a.m, index);
	}
	assert_int_equal(counter(p.a.m, "control_full"), 5);
	messages_clear(p.a.m, &p.a.m->control);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors_are_limited),
		cmocka_unit_test(test_limit_is_not_exact),
		cmocka_unit_test(test_resets_are_limited),
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_report_refuses),
		cmocka_unit_test(test_control_is_bounded),
	};

	return cmocka_run_group_tests_name("icmp_out", tests, NULL, NULL);
}
