/* SPDX-License-Identifier: BSD-2-Clause */
/* Forwards whose flows end with their owner: bounds, servers, and who gives a place back. */
#include "nat_fixture.h"

static struct minato_endpoint target;

static struct minato_entry held_entry(uint16_t first, uint16_t last, const char *to, uint16_t port)
{
	struct minato_entry e = forward_entry(TCP, first, last, to, port);

	e.translate = false;
	return e;
}

static int64_t join(int64_t entry, const char *client, uint16_t port, uint16_t asked)
{
	const struct minato_endpoint from = end(client, port);
	const struct minato_endpoint to = end(PUBLIC, asked);

	return nat_forward_join(n, (uint32_t)entry, &from, &to, &target);
}

static bool leave(int64_t place, const char *client)
{
	const struct minato_addr from = addr(client);

	return nat_forward_leave(n, (uint32_t)place, &from);
}

static void packets_pass_it_by(void **state)
{
	struct minato_entry e = held_entry(80, 80, "10.0.0.2", 8080);
	const int64_t entry = add_entry(&e);

	(void)state;
	assert_true(entry >= 0);
	assert_int_equal(forwards_of(n, (uint32_t)entry), NAT_NONE);
	assert_int_equal(in(TCP, end("192.0.2.9", 1000), end(PUBLIC, 80), NAT_SYN), NAT_HOST);
	nat_forward_get(n, (uint32_t)entry, &e);
	assert_false(e.translate);
}

static void a_run_keeps_its_offset_or_not(void **state)
{
	struct minato_entry e = held_entry(80, 89, "10.0.0.2", 8080);
	int64_t entry = add_entry(&e);

	(void)state;
	assert_true(join(entry, "192.0.2.9", 1, 83) > 0);
	assert_true(same_end(target, end("10.0.0.2", 8083)));
	e = held_entry(90, 99, "10.0.0.2", 8080);
	e.many_to_one = true;
	entry = add_entry(&e);
	assert_true(join(entry, "192.0.2.9", 1, 93) > 0);
	assert_true(same_end(target, end("10.0.0.2", 8080)));
	/* One that only its owner knows. */
	e = held_entry(100, 100, "10.0.0.2", 0);
	e.target = (struct minato_endpoint){ .port = 0 };
	entry = add_entry(&e);
	assert_true(join(entry, "192.0.2.9", 1, 100) > 0);
	assert_int_equal(target.port, 0);
}

static void bounds_hold(void **state)
{
	struct minato_entry e = held_entry(80, 80, "10.0.0.2", 80);
	int64_t entry;
	int64_t place[3];

	(void)state;
	e.flows_max = 3;
	e.source_flows_max = 2;
	entry = add_entry(&e);
	place[0] = join(entry, "192.0.2.9", 1, 80);
	place[1] = join(entry, "192.0.2.9", 2, 80);
	assert_true(place[0] > 0 && place[1] > 0);
	assert_int_equal(join(entry, "192.0.2.9", 3, 80), -EBUSY);
	assert_int_equal(counted(NAT_COUNT_SOURCE_FLOWS), 1);
	place[2] = join(entry, "192.0.2.8", 1, 80);
	assert_true(place[2] > 0);
	assert_int_equal(join(entry, "192.0.2.7", 1, 80), -EBUSY);
	assert_int_equal(counted(NAT_COUNT_FORWARD_FLOWS), 1);
	assert_true(leave(place[0], "192.0.2.9"));
	assert_true(join(entry, "192.0.2.9", 4, 80) > 0);
	assert_true(leave(place[1], "192.0.2.9"));
	assert_true(leave(place[1], "192.0.2.9"));
	assert_true(leave(place[2], "192.0.2.8"));
	assert_false(leave(place[2], "192.0.2.8"));
	assert_int_equal(n->sources, 0);
}

static void bounds_hold_for_several(void **state)
{
	struct minato_entry e = held_entry(80, 80, "10.0.0.2", 80);
	struct minato_entry two = held_entry(443, 443, "10.0.0.2", 443);
	struct minato_entry route = { .kind = MINATO_KIND_ROUTE, .face = MINATO_FACE_ANY };
	int64_t entry[2], place[3], other;

	(void)state;
	e.flows_max = 3;
	e.source_flows_max = 2;
	entry[0] = add_entry(&e);
	entry[1] = add_bounded(&two, (uint32_t)entry[0]);
	assert_true(entry[1] >= 0);
	place[0] = join(entry[0], "192.0.2.9", 1, 80);
	place[1] = join(entry[1], "192.0.2.9", 2, 443);
	assert_true(place[0] > 0 && place[1] > 0 && place[0] != place[1]);
	assert_int_equal(join(entry[1], "192.0.2.9", 3, 443), -EBUSY);
	assert_int_equal(join(entry[0], "192.0.2.9", 3, 80), -EBUSY);
	place[2] = join(entry[1], "192.0.2.8", 1, 443);
	assert_true(place[2] > 0);
	assert_int_equal(join(entry[0], "192.0.2.7", 1, 80), -EBUSY);
	/* The one whose bounds they are may go; its record stays with them. */
	remove_entry(entry[0]);
	assert_true(leave(place[0], "192.0.2.9"));
	assert_true(forwards_at(n, (uint32_t)place[0] - 1)->live);
	place[0] = join(entry[1], "192.0.2.9", 4, 443);
	assert_true(place[0] > 0);
	assert_int_equal(join(entry[1], "192.0.2.9", 5, 443), -EBUSY);
	remove_entry(entry[1]);
	assert_true(leave(place[0], "192.0.2.9"));
	assert_true(leave(place[1], "192.0.2.9"));
	assert_int_equal(n->forwards.used, 2);
	assert_true(leave(place[2], "192.0.2.8"));
	assert_int_equal(n->forwards.used, 0);
	assert_int_equal(n->sources, 0);
	/* What has no bounds lends none. */
	other = add_entry(&route);
	assert_true(other >= 0);
	assert_int_equal(add_bounded(&two, (uint32_t)other), -EBADF);
}

static void its_flows_outlive_it(void **state)
{
	struct minato_entry e = held_entry(80, 80, "10.0.0.2", 80);
	const int64_t entry = add_entry(&e);
	const int64_t place = join(entry, "192.0.2.9", 1, 80);

	(void)state;
	nat_forward_remove(n, (uint32_t)entry);
	port_remove(t, (uint32_t)entry);
	assert_true(forwards_at(n, (uint32_t)place - 1)->live);
	assert_true(leave(place, "192.0.2.9"));
	assert_false(forwards_at(n, (uint32_t)place - 1)->live);
	assert_false(leave(place, "192.0.2.9"));
	assert_false(leave(0, "192.0.2.9"));
	assert_false(leave(60000, "192.0.2.9"));
}

static void servers_take_turns(void **state)
{
	struct minato_server servers[] = { { .at = end("10.0.0.2", 80), .weight = 1 },
					   { .at = end("10.0.0.3", 81), .weight = 1 } };
	struct minato_entry e = held_entry(80, 80, "10.0.0.2", 0);
	uint32_t gets[2] = { 0, 0 };
	int64_t entry;

	(void)state;
	e.target = (struct minato_endpoint){ .port = 0 };
	assert_int_equal(nat_group_set(n, &e.group, servers, 2, false), 0);
	entry = add_entry(&e);
	for (uint16_t port = 1000; port < 1040; port++) {
		assert_true(join(entry, "192.0.2.9", port, 80) > 0);
		gets[target.addr.bytes[15] - 2]++;
		assert_int_equal(target.port, 78 + target.addr.bytes[15]);
	}
	assert_true(gets[0] > 0 && gets[1] > 0);
	servers[0].down = true;
	servers[1].weight = 0;
	assert_int_equal(nat_group_set(n, &e.group, servers, 2, false), 0);
	assert_int_equal(join(entry, "192.0.2.9", 1, 80), -EHOSTUNREACH);
	servers[0].down = false;
	assert_int_equal(nat_group_set(n, &e.group, servers, 2, false), 0);
	assert_true(join(entry, "192.0.2.9", 1, 80) > 0);
	assert_true(nat_forward_drain(n, (uint32_t)entry, true));
	assert_int_equal(join(entry, "192.0.2.9", 2, 80), -EHOSTUNREACH);
}

static int64_t goes_out(uint8_t proto, const char *from, uint16_t port)
{
	const struct minato_endpoint inside = end(from, port);

	return nat_inside_join(n, 0, proto, &inside);
}

static bool is_over(uint8_t proto, const char *from)
{
	const struct minato_addr inside = addr(from);

	return nat_inside_leave(n, 0, proto, &inside);
}

/* Flows of an inside host that somebody else carries outward count as its own would. */
static void bounds_of_an_inside_host(void **state)
{
	struct minato_nat nat = *nat_get(n);

	(void)state;
	nat.host_tcp = 2;
	nat.host_sessions = 3;
	assert_int_equal(nat_set(n, &nat), 0);
	assert_int_equal(goes_out(TCP, "10.0.0.7", 1), 0);
	assert_int_equal(goes_out(TCP, "10.0.0.7", 2), 0);
	assert_int_equal(goes_out(TCP, "10.0.0.7", 3), -EBUSY);
	assert_int_equal(counted(NAT_COUNT_HOST_MAPPINGS), 1);
	assert_int_equal(goes_out(TCP, "10.0.0.8", 1), 0);
	assert_int_equal(goes_out(UDP, "10.0.0.7", 1), 0);
	assert_int_equal(goes_out(UDP, "10.0.0.7", 2), -EBUSY);
	assert_int_equal(counted(NAT_COUNT_HOST_SESSIONS), 1);
	assert_true(is_over(UDP, "10.0.0.7"));
	assert_false(is_over(UDP, "10.0.0.7"));
	assert_int_equal(goes_out(ICMP, "10.0.0.7", 2), 0);
	assert_true(is_over(ICMP, "10.0.0.7"));
	assert_true(is_over(TCP, "10.0.0.7"));
	assert_true(is_over(TCP, "10.0.0.7"));
	assert_false(is_over(TCP, "10.0.0.7"));
	assert_true(is_over(TCP, "10.0.0.8"));
	/* Nothing is left of either. */
	assert_int_equal(n->hosts.used, 0);
	/* A rate is spent by what begins. */
	nat.host_tcp = nat.host_sessions = 0;
	nat.host_rate = 1;
	assert_int_equal(nat_set(n, &nat), 0);
	assert_int_equal(goes_out(TCP, "10.0.0.7", 1), 0);
	assert_int_equal(goes_out(TCP, "10.0.0.7", 2), -EBUSY);
	assert_int_equal(counted(NAT_COUNT_HOST_RATE), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(packets_pass_it_by),
		CASE(a_run_keeps_its_offset_or_not),
		CASE(bounds_hold),
		CASE(bounds_hold_for_several),
		CASE(its_flows_outlive_it),
		CASE(servers_take_turns),
		CASE(bounds_of_an_inside_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
