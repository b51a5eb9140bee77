/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports lent: what is taken is nobody else's, and given back it is free. */
#include <errno.h>

#include "hosts.h"

static struct minato_wish towards(const char *to, uint16_t port)
{
	return (struct minato_wish){
		.proto = MINATO_UDP,
		.local = addr("10.0.0.1"),
		.remote = end(to, port),
	};
}

static struct minato_wish within(struct minato_wish w, uint16_t low, uint16_t high)
{
	w.low = low;
	w.high = high;
	return w;
}

static struct minato_wish for_any(const char *local)
{
	return (struct minato_wish){ .proto = MINATO_UDP, .local = addr(local) };
}

static uint16_t take(struct minato *m, struct minato_wish w, uint64_t *lease)
{
	uint64_t unused;
	uint16_t port = 0;

	assert_int_equal(minato_port_take(m, &w, lease != NULL ? lease : &unused, &port), 0);
	return port;
}

static int refused(struct minato *m, struct minato_wish w)
{
	uint64_t lease;
	uint16_t port;

	return minato_port_take(m, &w, &lease, &port);
}

static uint64_t bound(struct minato *m, uint16_t port, int expected)
{
	const struct minato_endpoint local = end("10.0.0.1", port);
	uint64_t s;

	assert_int_equal(minato_socket(m, MINATO_UDP, 0, &s), 0);
	assert_int_equal(minato_bind(m, s, &local), expected);
	return s;
}

static void choosers_have_names(void **state)
{
	(void)state;
	for (int i = 0; i < MINATO_CHOOSER_COUNT; i++) {
		const char *name = minato_chooser_name((enum minato_chooser)i);
		assert_int_equal(minato_chooser_by_name(name), i);
	}
	assert_string_equal(minato_chooser_name(MINATO_CHOOSER_PERMUTATION), "permutation");
	assert_int_equal(minato_chooser_by_name("hashes"), -EINVAL);
	assert_int_equal(minato_chooser_by_name(""), -EINVAL);
	assert_null(minato_chooser_name(MINATO_CHOOSER_COUNT));
}

static void one_port_is_lent_once_towards_a_destination(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	struct minato_wish w = within(towards("10.0.0.2", 53), 5000, 5001);
	uint16_t a, b;

	(void)state;
	a = take(p.a.m, w, NULL);
	b = take(p.a.m, w, NULL);
	assert_int_equal(a + b, 10001);
	assert_int_equal(counter(p.a.m, "ports_exhausted"), 0);
	assert_int_equal(refused(p.a.m, w), -EADDRNOTAVAIL);
	assert_int_equal(counter(p.a.m, "ports_exhausted"), 1);
	/* ... and shared towards another. */
	w.remote.port = 54;
	a = take(p.a.m, w, NULL);
	assert_true(a == 5000 || a == 5001);
	pair_end(&p);
}

static void for_any_destination_it_is_nobody_elses(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	uint64_t lease;

	(void)state;
	assert_int_equal(take(p.a.m, within(for_any("0.0.0.0"), 5000, 5000), &lease), 5000);
	assert_int_equal(refused(p.a.m, within(towards("10.0.0.2", 53), 5000, 5000)),
			 -EADDRNOTAVAIL);
	assert_int_equal(refused(p.a.m, within(for_any("10.0.0.1"), 5000, 5000)), -EADDRNOTAVAIL);
	bound(p.a.m, 5000, -EADDRINUSE);
	assert_int_equal(minato_port_give(p.a.m, lease, true), 0);
	bound(p.a.m, 5000, 0);
	pair_end(&p);
}

static void given_back_it_is_free(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const struct minato_wish w = within(towards("10.0.0.2", 53), 5000, 5000);
	uint64_t lease;

	(void)state;
	assert_int_equal(take(p.a.m, w, &lease), 5000);
	assert_int_equal(minato_port_give(p.a.m, lease, true), 0);
	assert_int_equal(minato_port_give(p.a.m, lease, true), -EBADF);
	assert_int_equal(minato_port_give(p.a.m, 0, true), -EBADF);
	assert_int_equal(minato_port_give(p.a.m, 999, true), -EBADF);
	assert_int_equal(take(p.a.m, w, &lease), 5000);
	pair_end(&p);
}

static void what_nothing_proves_closed_rests(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const struct minato_wish w = within(towards("10.0.0.2", 53), 5000, 5001);
	struct minato_time now = p.now;
	uint64_t lease;
	uint16_t port;

	(void)state;
	port = take(p.a.m, w, &lease);
	assert_int_equal(minato_ports_resting(p.a.m), 0);
	assert_int_equal(minato_port_give(p.a.m, lease, false), 0);
	assert_int_equal(minato_ports_resting(p.a.m), 1);
	for (int i = 0; i < 10; i++) {
		assert_int_not_equal(take(p.a.m, w, &lease), port);
		assert_int_equal(minato_port_give(p.a.m, lease, true), 0);
	}
	now.ns += 119 * SECOND;
	minato_advance(p.a.m, now);
	assert_int_not_equal(take(p.a.m, w, &lease), port);
	now.ns += SECOND;
	minato_advance(p.a.m, now);
	assert_int_equal(take(p.a.m, w, &lease), port);
	/* It never says that none is left while one rests. */
	assert_int_equal(minato_port_give(p.a.m, lease, false), 0);
	assert_int_equal(take(p.a.m, w, &lease), port);
	assert_int_equal(refused(p.a.m, w), -EADDRNOTAVAIL);
	pair_end(&p);
}

/* Neither is ever taken for the other. */
static void a_lease_is_no_socket(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	uint64_t lease, s[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		s[i] = open_socket(p.a.m, MINATO_UDP);
		take(p.a.m, towards("10.0.0.2", 53), &lease);
		assert_int_equal(minato_close(p.a.m, lease), -EBADF);
		assert_int_equal(minato_port_give(p.a.m, s[i], true), -EBADF);
	}
	assert_int_equal(minato_port_give(p.a.m, lease, true), 0);
	pair_end(&p);
}

/* Who wants a port towards one destination takes it from one that rests for
   any, too. */
static void no_rest_keeps_the_last_port(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	struct minato_wish w = within(for_any("10.0.0.1"), 5000, 5000);
	uint64_t lease;

	(void)state;
	take(p.a.m, w, &lease);
	assert_int_equal(minato_port_give(p.a.m, lease, false), 0);
	take(p.a.m, within(towards("10.0.0.2", 53), 5000, 5000), &lease);
	assert_int_equal(refused(p.a.m, w), -EADDRNOTAVAIL);
	assert_int_equal(minato_port_give(p.a.m, lease, false), 0);
	take(p.a.m, w, NULL);
	pair_end(&p);
}

static void leases_are_bounded(void **state)
{
	struct minato_config c = small_config(MINATO_LINK_IP, 1);
	struct host h;
	uint64_t lease;

	(void)state;
	c.leases_max = 3;
	h = host_new(&c, (struct minato_time){ 0 });
	for (int i = 0; i < 3; i++)
		take(h.m, towards("10.0.0.2", 53), &lease);
	assert_int_equal(refused(h.m, towards("10.0.0.2", 53)), -ENFILE);
	assert_int_equal(minato_port_give(h.m, lease, true), 0);
	take(h.m, towards("10.0.0.2", 53), NULL);
	host_end(&h);
}

static void wishes_that_mean_nothing_are_refused(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	struct minato_wish w = towards("10.0.0.2", 53);

	(void)state;
	w.scope = 16;
	assert_int_equal(refused(p.a.m, w), -EINVAL);
	w = towards("10.0.0.2", 53);
	w.proto = (enum minato_proto)41;
	assert_int_equal(refused(p.a.m, w), -EINVAL);
	assert_int_equal(refused(p.a.m, within(towards("10.0.0.2", 53), 9, 8)), -EINVAL);
	assert_int_equal(refused(p.a.m, towards("fd00::2", 53)), -EINVAL);
	w = towards("10.0.0.2", 53);
	w.local = addr("0.0.0.0");
	assert_int_equal(refused(p.a.m, w), -EINVAL);
	pair_end(&p);
}

static void identifiers_are_lent_too(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	struct minato_wish w = within(towards("10.0.0.2", 0), 5000, 5000);

	(void)state;
	w.proto = MINATO_ICMP;
	assert_int_equal(take(p.a.m, w, NULL), 5000);
	assert_int_equal(refused(p.a.m, w), -EADDRNOTAVAIL);
	w.remote.addr = addr("10.0.0.3");
	assert_int_equal(take(p.a.m, w, NULL), 5000);
	pair_end(&p);
}

static void leases_are_rows(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	struct minato_row row;
	uint64_t lease, cursor = 0;
	uint32_t found = 0;

	(void)state;
	take(p.a.m, within(towards("10.0.0.2", 53), 5000, 5000), &lease);
	take(p.a.m, within(for_any("::"), 5001, 5001), NULL);
	while (minato_row(p.a.m, &cursor, &row)) {
		if (row.kind != MINATO_KIND_LEASE)
			continue;
		found++;
		if (row.handle != lease)
			continue;
		assert_int_equal(row.local.port, 5000);
		assert_int_equal(row.remote.port, 53);
		found += 10;
	}
	assert_int_equal(found, 12);
	pair_end(&p);
}

/* Nothing here answers in its name, be it a tuple or an entry. */
static void packets_for_a_lease_are_not_ours(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const struct minato_endpoint to = end("10.0.0.1", 5000), from = end("10.0.0.2", 53);
	struct minato_fate fate;
	uint64_t lease;

	(void)state;
	take(p.a.m, within(towards("10.0.0.2", 53), 5000, 5000), &lease);
	minato_arrive(p.a.m, 0, 0, MINATO_UDP, &from, &to, &fate);
	assert_int_equal(fate.kind, MINATO_KIND_LEASE);
	assert_int_equal(fate.handle, lease);
	assert_int_equal(minato_port_give(p.a.m, lease, true), 0);
	take(p.a.m, within(for_any("0.0.0.0"), 5000, 5000), &lease);
	minato_arrive(p.a.m, 0, 0, MINATO_UDP, &from, &to, &fate);
	assert_int_equal(fate.kind, MINATO_KIND_CLOSED);
	pair_end(&p);
}

static void reserved_ports_are_not_chosen_but_may_be_bound(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const struct minato_entry reserved = {
		.kind = MINATO_KIND_RESERVED,
		.face = MINATO_FACE_ANY,
		.first = 5000,
		.last = 5009,
	};
	uint64_t entry;

	(void)state;
	assert_int_equal(minato_entry_add(p.a.m, &reserved, &entry), 0);
	assert_int_equal(minato_entry_add(p.a.m, &reserved, NULL), -EADDRINUSE);
	for (int i = 0; i < 20; i++) {
		uint64_t lease;
		assert_int_equal(take(p.a.m, within(for_any("::"), 5000, 5010), &lease), 5010);
		assert_int_equal(minato_port_give(p.a.m, lease, true), 0);
	}
	assert_int_equal(refused(p.a.m, within(towards("10.0.0.2", 53), 5000, 5009)),
			 -EADDRNOTAVAIL);
	bound(p.a.m, 5003, 0);
	assert_int_equal(minato_entry_remove(p.a.m, entry), 0);
	take(p.a.m, within(towards("10.0.0.2", 53), 5000, 5009), NULL);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choosers_have_names),
		cmocka_unit_test(one_port_is_lent_once_towards_a_destination),
		cmocka_unit_test(for_any_destination_it_is_nobody_elses),
		cmocka_unit_test(given_back_it_is_free),
		cmocka_unit_test(what_nothing_proves_closed_rests),
		cmocka_unit_test(no_rest_keeps_the_last_port),
		cmocka_unit_test(a_lease_is_no_socket),
		cmocka_unit_test(leases_are_bounded),
		cmocka_unit_test(wishes_that_mean_nothing_are_refused),
		cmocka_unit_test(identifiers_are_lent_too),
		cmocka_unit_test(leases_are_rows),
		cmocka_unit_test(packets_for_a_lease_are_not_ours),
		cmocka_unit_test(reserved_ports_are_not_chosen_but_may_be_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
