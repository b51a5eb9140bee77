/* SPDX-License-Identifier: BSD-2-Clause */
/* Entries of kind RIGHT: which of them decides for a claim. */
#include "unit/port_fixture.h"

static const struct minato_time now = { 1000 };

static struct minato_entry right(uint32_t uid, bool may, uint16_t first, uint16_t last)
{
	struct minato_entry e = entry_of(MINATO_KIND_RIGHT, first, last);

	e.verdict = may ? MINATO_PASS : MINATO_REFUSE;
	e.uid = uid;
	return e;
}

static bool may(uint32_t uid, const char *local, uint16_t port, bool otherwise)
{
	struct port_claim claim = claim_of(TCP, local, port);

	claim.uid = uid;
	return port_right(t, &claim, now, otherwise);
}

static void none_leaves_it_as_it_is(void **state)
{
	(void)state;
	assert_true(may(1000, "::", 80, true));
	assert_false(may(1000, "::", 80, false));
	added(right(1001, true, 80, 80));
	assert_false(may(1000, "::", 80, false));
	assert_false(may(1001, "::", 81, false));
	assert_true(may(1001, "::", 80, false));
}

static void who_is_named_goes_first(void **state)
{
	(void)state;
	added(right(MINATO_UID_NONE, false, 8080, 8080));
	added(right(1000, true, 8000, 8999));
	assert_true(may(1000, "::", 8080, true));
	assert_false(may(1001, "::", 8080, true));
	added(right(1000, false, 8080, 8080));
	assert_false(may(1000, "::", 8080, true));
	assert_true(may(1000, "::", 8081, false));
}

static void the_narrower_range_goes_first(void **state)
{
	(void)state;
	added(right(MINATO_UID_NONE, false, 0, 65535));
	added(right(MINATO_UID_NONE, true, 5000, 5999));
	assert_true(may(7, "10.0.0.1", 5000, false));
	assert_true(may(7, "10.0.0.1", 5999, false));
	assert_false(may(7, "10.0.0.1", 6000, true));
	assert_false(may(7, "10.0.0.1", 4999, true));
}

/* A permission for one address is none for all; a denial for one is one for all. */
static void addresses_are_heeded(void **state)
{
	(void)state;
	added(at_local(right(1000, true, 80, 80), "10.0.0.1", 128));
	assert_true(may(1000, "10.0.0.1", 80, false));
	assert_false(may(1000, "10.0.0.2", 80, false));
	assert_false(may(1000, "0.0.0.0", 80, false));
	assert_false(may(1000, "::", 80, false));
	added(at_local(right(1000, false, 90, 90), "10.0.0.1", 128));
	assert_false(may(1000, "10.0.0.1", 90, true));
	assert_false(may(1000, "::", 90, true));
	assert_true(may(1000, "10.0.0.2", 90, true));
	assert_true(may(1000, "fd00::1", 90, true));
}

static void the_more_specific_address_goes_first(void **state)
{
	(void)state;
	added(at_local(right(1000, false, 80, 80), "10.0.0.0", 96 + 24));
	added(at_local(right(1000, true, 0, 65535), "10.0.0.7", 128));
	assert_true(may(1000, "10.0.0.7", 80, false));
	assert_false(may(1000, "10.0.0.8", 80, true));
}

static void scopes_and_protocols_are_heeded(void **state)
{
	struct minato_entry e = right(1000, true, 80, 80);
	struct port_claim claim = claim_of(UDP, "::", 80);

	(void)state;
	e.scope = MINATO_SCOPE_ANY;
	added(e);
	assert_true(may(1000, "::", 80, false));
	assert_false(port_right(t, &claim, now, false));
	e.proto = 0;
	e.scope = 3;
	added(e);
	assert_false(port_right(t, &claim, now, false));
	claim.scope = 3;
	assert_true(port_right(t, &claim, now, false));
}

static void they_end_with_their_time(void **state)
{
	struct minato_entry e = right(1000, true, 80, 80);

	(void)state;
	e.until_ns = 1000;
	added(e);
	assert_false(may(1000, "::", 80, false));
	e.first = e.last = 81;
	e.until_ns = 1001;
	port_remove(t, added(right(1000, true, 82, 82)));
	added(e);
	assert_true(may(1000, "::", 81, false));
	assert_false(may(1000, "::", 82, false));
}

/* They are no claims: what binds, arrives or is chosen does not see them. */
static void nothing_else_meets_them(void **state)
{
	const struct port_key key = key_of(TCP, "10.0.0.1", 80, "10.9.9.9", 5);
	const struct port_choice one = { .proto = TCP, .local = addr("10.0.0.1"),
					 .low = 80, .high = 80 };
	struct port_fate fate;

	(void)state;
	added(right(1000, false, 80, 80));
	port_lookup(t, &key, now, true, &fate);
	assert_int_equal(fate.kind, MINATO_KIND_CLOSED);
	assert_int_equal(port_choose(t, &one), 80);
	assert_true(bind_claim(claim_of(TCP, "10.0.0.1", 80)) >= 0);
}

static void one_of_a_key_and_uid(void **state)
{
	struct minato_entry e = right(1000, true, 80, 80), back;
	const uint32_t first = added(e);
	uint32_t holder;

	(void)state;
	added(right(1001, true, 80, 80));
	added(right(MINATO_UID_NONE, true, 80, 80));
	e.verdict = MINATO_REFUSE;
	assert_int_equal(port_add(t, &e, &holder), -EADDRINUSE);
	assert_int_equal(holder, first);
	port_get(t, first, &back);
	assert_int_equal(back.uid, 1000);
}

static void wrong_ones_are_refused(void **state)
{
	struct minato_entry e;

	(void)state;
	e = right(1, true, 80, 80);
	e.verdict = MINATO_DROP;
	assert_int_equal(port_add(t, &e, NULL), -EINVAL);
	e = right(1, true, 80, 80);
	e.face = 1;
	assert_int_equal(port_add(t, &e, NULL), -EINVAL);
	e = right(1, true, 80, 80);
	e.proto = ICMP;
	assert_int_equal(port_add(t, &e, NULL), -EINVAL);
	e = right(1, true, 80, 80);
	e.remote = addr("10.0.0.1");
	e.remote_prefix = 128;
	assert_int_equal(port_add(t, &e, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(none_leaves_it_as_it_is),
		CASE(who_is_named_goes_first),
		CASE(the_narrower_range_goes_first),
		CASE(addresses_are_heeded),
		CASE(the_more_specific_address_goes_first),
		CASE(scopes_and_protocols_are_heeded),
		CASE(they_end_with_their_time),
		CASE(nothing_else_meets_them),
		CASE(one_of_a_key_and_uid),
		CASE(wrong_ones_are_refused),
	};

	return cmocka_run_group_tests_name("right", tests, NULL, NULL);
}
