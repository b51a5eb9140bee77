/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows against NATs with defects: minato's, with what leaves it or the time that passes spoilt. A
 * row that its defect does not turn to "deviates" proves nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "verify/verify.h"

struct spoilt {
	struct verify_nat nat, *whole;
	/* Changes a packet that leaves; false: it is lost. NULL: nothing is spoilt. */
	bool (*spoil)(enum verify_side side, struct verify_packet *p);
	double pace; /* of time */
};

static struct spoilt spoilt;

static size_t take(void *user, enum verify_side *side, uint8_t bytes[VERIFY_BYTES_MAX], bool quick)
{
	size_t len;

	while ((len = spoilt.whole->take(user, side, bytes, quick)) > 0) {
		struct verify_packet p;

		if (!spoilt.spoil || verify_read(bytes, len, &p))
			return len;
		if (spoilt.spoil(*side, &p))
			return verify_build(&p, bytes);
	}
	return 0;
}

static void pass(void *user, double seconds)
{
	spoilt.whole->pass(user, seconds * spoilt.pace);
}

static int set_up(void **state)
{
	(void)state;
	spoilt.whole = verify_own_make(7);
	assert_non_null(spoilt.whole);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	verify_own_free(spoilt.whole);
	return 0;
}

static struct verify_outcome
run(const char *id, bool (*spoil)(enum verify_side side, struct verify_packet *p), double pace)
{
	struct verify_outcome outcome;

	spoilt.nat = *spoilt.whole;
	spoilt.nat.take = take;
	spoilt.nat.pass = pass;
	spoilt.spoil = spoil;
	spoilt.pace = pace;
	verify_run(verify_find(id), &spoilt.nat, NULL, &outcome);
	return outcome;
}

/* Met as it is, and not with the defect; the reason, to be looked at. */
static const char *turns(const char *id,
			 bool (*spoil)(enum verify_side side, struct verify_packet *p), double pace)
{
	static struct verify_outcome outcome;

	outcome = run(id, NULL, 1);
	if (!outcome.met)
		fail_msg("%s deviates without a defect: %s", id, outcome.why);
	outcome = run(id, spoil, pace);
	if (outcome.met)
		fail_msg("%s is met in spite of the defect: %s", id, outcome.why);
	return outcome.why;
}

/* ---- defects ---- */

static bool wrong_sum(enum verify_side side, struct verify_packet *p)
{
	(void)side;
	p->wrong_sum = true;
	return true;
}

static bool wrong_ip_sum(enum verify_side side, struct verify_packet *p)
{
	(void)side;
	p->wrong_ip_sum = true;
	return true;
}

static bool leak(enum verify_side side, struct verify_packet *p)
{
	if (side == VERIFY_OUTSIDE && p->dst.port == 54)
		p->src.addr = VERIFY_HOST(0);
	return true;
}

static bool by_destination(enum verify_side side, struct verify_packet *p)
{
	if (side == VERIFY_OUTSIDE)
		p->src.port ^= (uint16_t)(p->dst.addr & 2);
	return true;
}

static bool one_port(enum verify_side side, struct verify_packet *p)
{
	if (side == VERIFY_OUTSIDE)
		p->src.port = 5000;
	return true;
}

static bool strict(enum verify_side side, struct verify_packet *p)
{
	return side == VERIFY_OUTSIDE || p->src.addr != VERIFY_Y;
}

static bool inner_hairpin(enum verify_side side, struct verify_packet *p)
{
	if (side == VERIFY_INSIDE && p->src.addr == VERIFY_NAT_OUTSIDE)
		p->src = (struct verify_end){ VERIFY_HOST(0), 5000 };
	return true;
}

static bool helper(enum verify_side side, struct verify_packet *p)
{
	if (side == VERIFY_OUTSIDE && p->len > 6)
		p->data[p->len - 1] ^= 1;
	return true;
}

static bool no_errors(enum verify_side side, struct verify_packet *p)
{
	(void)side;
	return !verify_is_error(p);
}

static bool other_code(enum verify_side side, struct verify_packet *p)
{
	(void)side;
	p->code ^= verify_is_error(p) ? 1 : 0;
	return true;
}

/* Quotes the packet as the sender of the error had it. */
static bool raw_quote(enum verify_side side, struct verify_packet *p)
{
	if (side == VERIFY_INSIDE && verify_is_error(p))
		p->data[21] ^= 1;
	return true;
}

static bool one_id(enum verify_side side, struct verify_packet *p)
{
	(void)side;
	p->id = 9;
	return true;
}

static bool no_options(enum verify_side side, struct verify_packet *p)
{
	(void)side;
	p->tcp_option_len = 0;
	return true;
}

static bool no_resets(enum verify_side side, struct verify_packet *p)
{
	(void)side;
	return p->proto != VERIFY_TCP || !(p->flags & VERIFY_RST);
}

static bool cut_off(enum verify_side side, struct verify_packet *p)
{
	(void)side;
	return p->offset == 0;
}

/* ---- cases ---- */

static void what_always_holds(void **state)
{
	(void)state;
	assert_non_null(strstr(turns("4787-R1", wrong_sum, 1), "UDP checksum is wrong"));
	assert_non_null(strstr(turns("5382-R1", wrong_sum, 1), "TCP checksum is wrong"));
	assert_non_null(strstr(turns("5508-R1", wrong_sum, 1), "ICMP checksum is wrong"));
	assert_non_null(strstr(turns("4787-R8", wrong_ip_sum, 1), "IP checksum is wrong"));
	assert_non_null(strstr(turns("4787-R1", leak, 1), "inside is seen outside"));
}

static void mappings_and_ports(void **state)
{
	(void)state;
	turns("4787-R1", by_destination, 1);
	turns("5382-R1", by_destination, 1);
	turns("5508-R1a", by_destination, 1);
	turns("4787-R3", one_port, 1);
	turns("5382-R7", one_port, 1);
	turns("6888-R13", one_port, 1);
	turns("6888-R15", one_port, 1);
	turns("7857-U9", one_port, 1);
	turns("4787-R3a", one_port, 1);
	turns("S1", one_port, 1);
}

static void filters_and_hairpins(void **state)
{
	(void)state;
	turns("4787-R8", strict, 1);
	turns("4787-R8a", strict, 1);
	turns("5382-R3", strict, 1);
	turns("4787-R9a", inner_hairpin, 1);
	turns("5382-R8", inner_hairpin, 1);
}

static void errors(void **state)
{
	(void)state;
	turns("4787-R12b", no_errors, 1);
	turns("4787-R13", no_errors, 1);
	turns("5382-R4cont", no_errors, 1);
	turns("5508-R7", no_errors, 1);
	turns("5508-R8", no_errors, 1);
	turns("7857-U12", no_errors, 1);
	turns("5508-R4abc", other_code, 1);
	turns("5508-R5abc", other_code, 1);
	turns("5508-R4abc", raw_quote, 1);
	turns("5382-R9", raw_quote, 1);
}

static void contents(void **state)
{
	(void)state;
	turns("4787-R10", helper, 1);
	turns("5382-R6", helper, 1);
	turns("5382-R2", no_options, 1);
	turns("7857-U2.2", no_resets, 1);
	turns("7857-U10", one_id, 1);
	turns("4787-R13a", cut_off, 1);
}

/* Time that runs faster for the NAT is a timer that is too short, and the other way round. */
static void timers(void **state)
{
	(void)state;
	turns("4787-R5c", NULL, 1.2);
	turns("4787-R6", NULL, 2.5);
	turns("5382-R5", NULL, 1.1);
	turns("5508-R2", NULL, 1.2);
	turns("7857-U2.1", NULL, 1.1);
	turns("4787-R6a", NULL, 0.5);
	turns("5508-R6", NULL, 0.7);
	turns("7857-U2", NULL, 0.7);
	turns("7857-U7", NULL, 0.7);
	turns("7857-U7.1", NULL, 0.7);
	turns("7857-U11", NULL, 0.7);
	turns("6888-R8", NULL, 1.5);
}

/* A row of all of the lists goes by the others. */
static void one_row_says_of_all(void **state)
{
	bool ran[200] = { false };
	static struct verify_outcome out[200];
	size_t whole = (size_t)(verify_find("6888-R1") - verify_rows);
	size_t must = (size_t)(verify_find("4787-R9") - verify_rows);
	size_t may = (size_t)(verify_find("4787-R6a") - verify_rows);

	(void)state;
	assert_true(verify_row_count < 200);
	out[whole].met = true;
	ran[may] = true;
	verify_conclude(ran, out);
	assert_true(out[whole].met);
	ran[must] = true;
	verify_conclude(ran, out);
	assert_false(out[whole].met);
	assert_non_null(strstr(out[whole].why, "4787-R9"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_always_holds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(mappings_and_ports, set_up, tear_down),
		cmocka_unit_test_setup_teardown(filters_and_hairpins, set_up, tear_down),
		cmocka_unit_test_setup_teardown(errors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(contents, set_up, tear_down),
		cmocka_unit_test_setup_teardown(timers, set_up, tear_down),
		cmocka_unit_test(one_row_says_of_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
