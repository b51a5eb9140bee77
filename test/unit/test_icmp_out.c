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
	assert_in_range(burst(&p, s, 300), 50, 100);
	assert_true(counter(p.b.m, "limited_icmp") >= 200);
	/* Until the next window. */
	assert_int_equal(burst(&p, s, 100), 0);
	pass(&p, SECOND + SECOND / 4);
	assert_in_range(burst(&p, s, 300), 50, 100);
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
		pass(&p, SECOND + SECOND / 4);
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
	assert_in_range(counter(p.b.m, "rst_sent"), 500, 1000);
	assert_true(counter(p.b.m, "limited_rst") >= 200);
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
		{ MINATO_REASON_TIME_EXCEEDED, 11, 0, 3, 0 },
	};
	static uint8_t bytes[FRAME_MAX];
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t s = open_socket(p.a.m, MINATO_UDP);
	struct minato_frame_out f;

	(void)state;
	for (size_t i = 0; i < 12; i++) {
		const size_t k = i / 2;
		const struct minato_trouble trouble = { .reason = cases[k].reason };
		const struct minato_datagram flow = {
			.remote = end(i % 2 ? "fd00::9" : "10.0.0.9", 5000),
			.local = end(i % 2 ? "2001:db8::1" : "198.51.100.1", 53),
		};
		const uint8_t *icmp = bytes + (i % 2 ? 40 : 20);
		assert_int_equal(minato_report(p.a.m, s, &flow, &trouble), 0);
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

	struct minato_trouble trouble = { .reason = MINATO_REASON_PORT };

	(void)state;
	assert_int_equal(minato_report(p.a.m, t, &flow, &trouble), -EOPNOTSUPP);
	assert_int_equal(minato_report(p.a.m, 7, &flow, &trouble), -EBADF);
	assert_int_equal(minato_report(p.a.m, u, NULL, &trouble), -EINVAL);
	trouble.reason = (enum minato_reason)9;
	assert_int_equal(minato_report(p.a.m, u, &flow, &trouble), -EINVAL);
	trouble.reason = MINATO_REASON_PORT;
	trouble.type = 8; /* no error */
	assert_int_equal(minato_report(p.a.m, u, &flow, &trouble), -EINVAL);
	trouble.type = 0;
	trouble.offender = end("fd00::1", 0).addr;
	assert_int_equal(minato_report(p.a.m, u, &flow, &trouble), -EINVAL);
	trouble.offender = end("224.0.0.1", 0).addr;
	assert_int_equal(minato_report(p.a.m, u, &flow, &trouble), -EINVAL);
	trouble.offender = (struct minato_addr){ { 0 } };
	flow.local = end("fd00::1", 2);
	assert_int_equal(minato_report(p.a.m, u, &flow, &trouble), -EINVAL);
	flow.local = end("0.0.0.0", 2);
	assert_int_equal(minato_report(p.a.m, u, &flow, &trouble), -EINVAL);
	pair_end(&p);
}

/* The error of a router far away: its address, type, code, and what it quoted. */
static void quoted(bool is6, uint8_t type, uint8_t code)
{
	static uint8_t bytes[FRAME_MAX];
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t s = open_socket(p.a.m, MINATO_UDP);
	const struct minato_datagram flow = {
		.remote = end(is6 ? "fd00::9" : "10.0.0.9", 5000),
		.local = end(is6 ? "2001:db8::1" : "198.51.100.1", 53),
		.ttl = 1,
		.traffic_class = 0xb9,
		.len = 2000,
	};
	const struct minato_trouble trouble = {
		.type = type,
		.code = code,
		.offender = end(is6 ? "2001:db8::77" : "203.0.113.7", 0).addr,
		.data = "payload",
		.len = 7,
	};
	const size_t header = is6 ? 40 : 20;
	const size_t at = is6 ? 0 : 12;
	const uint8_t *inner = bytes + header + 8;
	struct minato_frame_out f;

	assert_int_equal(minato_report(p.a.m, s, &flow, &trouble), 0);
	assert_int_equal(minato_output(p.a.m, p.now, &f, 1), 1);
	flat(&f, bytes);
	assert_int_equal(f.len, 2 * header + 8 + 8 + 7);
	assert_int_equal(bytes[header], type);
	assert_int_equal(bytes[header + 1], code);
	assert_memory_equal(bytes + (is6 ? 8 : 12), trouble.offender.bytes + at, 16 - at);
	/* The quoted packet is the guest's own. */
	assert_int_equal(inner[is6 ? 7 : 8], 1);
	assert_int_equal(is6 ? (inner[0] << 4 | inner[1] >> 4) & 0xff : inner[1], 0xb9);
	assert_int_equal(inner[is6 ? 4 : 2] << 8 | inner[is6 ? 5 : 3], is6 ? 2008 : 2028);
	assert_int_equal(inner[header] << 8 | inner[header + 1], 5000);
	assert_int_equal(inner[header + 2] << 8 | inner[header + 3], 53);
	assert_int_equal(inner[header + 4] << 8 | inner[header + 5], 2008);
	assert_memory_equal(inner + header + 8, "payload", 7);
	pair_end(&p);
}

static void test_quoted(void **state)
{
	(void)state;
	quoted(false, 11, 0);
	quoted(true, 3, 0);
	quoted(false, 3, 9);
	quoted(true, 1, 6);
}

/* More is known than an error has room for. */
static void test_quote_is_cut(void **state)
{
	static uint8_t bytes[FRAME_MAX], data[3000];
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t s = open_socket(p.a.m, MINATO_ICMP);
	struct minato_datagram flow = { .remote = end("10.0.0.9", 7), .local = end("10.1.0.1", 7) };
	const struct minato_trouble trouble = {
		.reason = MINATO_REASON_TIME_EXCEEDED,
		.data = data,
		.len = sizeof(data),
	};
	struct minato_frame_out f;

	(void)state;
	data[0] = 8; /* an echo's header comes with the quotation */
	data[5] = 7;
	assert_int_equal(minato_report(p.a.m, s, &flow, &trouble), 0);
	assert_int_equal(minato_output(p.a.m, p.now, &f, 1), 1);
	flat(&f, bytes);
	assert_int_equal(f.len, 576);
	assert_int_equal(bytes[28 + 2] << 8 | bytes[28 + 3], 3020);
	assert_int_equal(bytes[48], 8);
	assert_int_equal(bytes[53], 7);
	flow.remote = end("fd00::9", 7);
	flow.local = end("2001:db8::1", 7);
	data[0] = 128;
	assert_int_equal(minato_report(p.a.m, s, &flow, &trouble), 0);
	assert_int_equal(minato_output(p.a.m, p.now, &f, 1), 1);
	flat(&f, bytes);
	assert_int_equal(f.len, 1280);
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
		cmocka_unit_test(test_quoted),
		cmocka_unit_test(test_quote_is_cut),
		cmocka_unit_test(test_control_is_bounded),
	};

	return cmocka_run_group_tests_name("icmp_out", tests, NULL, NULL);
}
