/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Protocols without ports in a gateway of two insides and an outside, against a naive one: a list
 * of flows that is searched from end to end, each rule written once more as plainly as it can be.
 * Random packets of few protocols between few hosts; a dmz host, a rule between the insides and
 * options that come and go. OTHERS_MODEL_STEPS, OTHERS_MODEL_SEED.
 */
#include <stdlib.h>

#include "unit/dice.h"

#include "unit/nat_fixture.h"

#include "minato/guard.h"

#define AH 51
#define DCCP 33
#define FLOWS 2000
#define OUTSIDE 1

struct flow {
	bool live, hairpin, forward, a_inside, b_inside;
	uint8_t number, from, to;
	struct minato_addr a, b, c, d;
	int64_t last;
};

static struct flow flows[FLOWS];
static struct minato_nat options;
static struct minato_addr public_addr, dmz_host;
static int64_t dmz = -1, rule = -1; /* entries */
static uint8_t ruled;		    /* the protocol that the rule refuses */
static struct dice dice;

static int64_t ms(void)
{
	return fixture_now.ns / NS_PER_MS;
}

static bool same(const struct minato_addr *a, const struct minato_addr *b)
{
	return minato_addr_equal(a, b);
}

/* ---- the naive gateway ---- */

static void expire(void)
{
	for (int i = 0; i < FLOWS; i++) {
		const int64_t timeout = flows[i].number == DCCP ? options.tcp_established_s :
								  options.other_s;
		flows[i].live = flows[i].live && ms() - flows[i].last <= timeout * 1000;
	}
}

static int find(uint8_t number, uint8_t scope, const struct minato_addr *src,
		const struct minato_addr *dst, int *side)
{
	for (int i = 0; i < FLOWS; i++) {
		const struct flow *f = &flows[i];
		if (!f->live || f->number != number)
			continue;
		if (f->from == scope && same(&f->a, src) && same(&f->b, dst))
			return *side = 0, i;
		if (f->to == scope && same(&f->d, src) && same(&f->c, dst))
			return *side = 1, i;
	}
	return -1;
}

/* Those that count for an inside host: it began them. */
static uint32_t count_of(uint8_t scope, const struct minato_addr *host)
{
	uint32_t count = 0;

	for (int i = 0; i < FLOWS; i++)
		count += flows[i].live && flows[i].a_inside && flows[i].from == scope &&
			 same(&flows[i].a, host);
	return count;
}

static bool is_full(uint8_t scope, const struct minato_addr *host)
{
	return options.host_sessions != 0 && count_of(scope, host) >= options.host_sessions;
}

static enum nat_verdict make(struct flow *f, enum nat_verdict taken)
{
	int side;

	if (find(f->number, f->to, &f->d, &f->c, &side) >= 0)
		return taken;
	for (int i = 0; i < FLOWS; i++) {
		if (flows[i].live)
			continue;
		flows[i] = *f;
		flows[i].live = true;
		flows[i].last = ms();
		return NAT_PASS;
	}
	fail();
	return NAT_DROP;
}

static uint8_t scope_of(const struct minato_addr *a)
{
	return minato_addr_is4(a) ? (a->bytes[14] == 2 ? 2 : 0) : (a->bytes[1] == 2 ? 2 : 0);
}

static enum nat_verdict model_between(struct flow *f)
{
	if (rule >= 0 && f->number == ruled)
		return NAT_PROHIBITED;
	if (is_full(f->from, &f->a))
		return NAT_HOST; /* a router's hop, without a session */
	f->a_inside = f->b_inside = true;
	return make(f, NAT_HOST);
}

static enum nat_verdict model_outward(struct flow *f)
{
	const bool six = !minato_addr_is4(&f->a);

	f->a_inside = true;
	f->to = OUTSIDE;
	if (!six &&
	    (f->number == AH || (f->number == DCCP && (dmz < 0 || !same(&f->a, &dmz_host)))))
		return NAT_CLOSED;
	if (is_full(f->from, &f->a))
		return NAT_UNREACHABLE;
	if (!six)
		f->c = public_addr;
	return make(f, six ? NAT_DROP : NAT_UNREACHABLE);
}

static enum nat_verdict model_hairpin(struct flow *f)
{
	if (f->number == AH || f->number == DCCP || dmz < 0 || same(&f->a, &dmz_host))
		return NAT_HOST;
	if (!options.hairpin)
		return NAT_DROP;
	if (is_full(f->from, &f->a))
		return NAT_UNREACHABLE;
	f->a_inside = f->b_inside = f->hairpin = f->forward = true;
	f->c = public_addr;
	f->d = dmz_host;
	f->to = scope_of(&dmz_host);
	return make(f, NAT_UNREACHABLE);
}

static enum nat_verdict model_inward(struct flow *f)
{
	const bool six = !minato_addr_is4(&f->a);

	f->b_inside = true;
	if (six) {
		f->to = scope_of(&f->d);
		return options.inbound_opens_ipv6 ? make(f, NAT_DROP) : NAT_CLOSED;
	}
	if (f->number == AH || dmz < 0)
		return NAT_HOST;
	f->forward = true;
	f->d = dmz_host;
	f->to = scope_of(&dmz_host);
	return make(f, NAT_DROP);
}

/* ---- a step ---- */

static struct minato_addr some_host(uint8_t scope, bool six)
{
	char text[32];

	if (scope == OUTSIDE)
		snprintf(text, sizeof(text), six ? "2001:db8:f::%u" : "203.0.113.%u",
			 1 + dice_below(&dice, 3));
	else
		snprintf(text, sizeof(text), six ? "fd0%u::%u" : "10.0.%u.%u", scope,
			 1 + dice_below(&dice, 4));
	return addr(text);
}

static uint8_t some_protocol(void)
{
	static const uint8_t numbers[] = { 47, 47, 50, 132, AH, DCCP };

	return numbers[dice_below(&dice, sizeof(numbers))];
}

/* As a side of a living flow sends. */
static bool some_known(uint8_t *number, uint8_t *scope, struct minato_addr *src,
		       struct minato_addr *dst)
{
	const uint32_t from = dice_below(&dice, FLOWS);

	for (uint32_t k = 0; k < FLOWS; k++) {
		const struct flow *f = &flows[(from + k) % FLOWS];
		const bool side = dice_below(&dice, 2) != 0;
		if (!f->live)
			continue;
		*number = f->number;
		*scope = side ? f->to : f->from;
		*src = side ? f->d : f->a;
		*dst = side ? f->c : f->b;
		return true;
	}
	return false;
}

static bool is_inner(uint8_t scope, const struct minato_addr *dst)
{
	return scope != OUTSIDE &&
	       (minato_addr_is4(dst) ? dst->bytes[12] == 10 : dst->bytes[0] == 0xfd) &&
	       scope_of(dst) != scope;
}

static enum nat_verdict engine(uint8_t number, uint8_t scope, const struct minato_addr *src,
			       const struct minato_addr *dst)
{
	const struct port_key key = nat_other_key(scope, scope, number, dst, src);
	const struct nat_packet p = { .inside = scope != OUTSIDE,
				      .whose = same(dst, &public_addr) ? NAT_OUTSIDE : NAT_OTHERS,
				      .opens = true };
	struct port_probe probe = { .key = &key };

	memset(&way, 0, sizeof(way));
	if (is_inner(scope, dst)) {
		port_seek(t, &probe, 1);
		return nat_between(n, &probe, &p, scope_of(dst), &way);
	}
	return nat_other(n, &key, &p, &way) ? NAT_PASS : nat_other_begin(n, &key, &p, &way);
}

static void leaves(int i, int side)
{
	struct flow *f = &flows[i];

	assert_true(same(&way.src.addr, side == 0 ? &f->c : &f->b));
	assert_true(same(&way.dst.addr, side == 0 ? &f->d : &f->a));
	assert_int_equal(way.scope, side == 0 ? f->to : f->from);
	assert_int_equal(way.hairpin, f->hairpin);
	assert_int_equal(way.src.port, f->number);
	if ((side == 0 ? f->a_inside : f->b_inside) || options.inbound_refresh)
		f->last = ms();
}

static void one_packet(void)
{
	static const uint8_t scopes[] = { 0, 0, 2, OUTSIDE };
	uint8_t scope = scopes[dice_below(&dice, 4)], number = some_protocol();
	const bool six = dice_below(&dice, 5) == 0;
	const uint8_t to = scope == OUTSIDE	     ? (uint8_t)(2 * dice_below(&dice, 2)) :
			   dice_below(&dice, 3) == 0 ? (uint8_t)(2 - scope) :
						       OUTSIDE;
	struct minato_addr src = some_host(scope, six), dst = some_host(to, six);
	enum nat_verdict verdict, expected = NAT_PASS;
	int side, i;

	if (!six && (scope == OUTSIDE || dice_below(&dice, 3) == 0))
		dst = public_addr;
	if (dice_below(&dice, 2) == 0)
		some_known(&number, &scope, &src, &dst);
	i = find(number, scope, &src, &dst, &side);
	if (i < 0) {
		struct flow f = { .number = number,
				  .from = scope,
				  .to = scope_of(&dst),
				  .a = src,
				  .b = dst,
				  .c = src,
				  .d = dst };
		expected = is_inner(scope, &dst)    ? model_between(&f) :
			   scope == OUTSIDE	    ? model_inward(&f) :
			   same(&dst, &public_addr) ? model_hairpin(&f) :
						      model_outward(&f);
		i = find(number, scope, &src, &dst, &side);
	}
	verdict = engine(number, scope, &src, &dst);
	if (verdict != expected)
		print_message("# protocol %u of scope %u: engine %d, model %d\n", number, scope,
			      verdict, expected);
	assert_int_equal(verdict, expected);
	if (verdict == NAT_PASS)
		leaves(i, side);
}

/* ---- what else happens ---- */

static void toggle_dmz(void)
{
	struct minato_entry e = forward_entry(0, 0, 0, "10.0.0.4", 0);

	if (dmz >= 0) {
		nat_forward_remove(n, (uint32_t)dmz);
		port_remove(t, (uint32_t)dmz);
		dmz = -1;
		return;
	}
	e.kind = MINATO_KIND_DMZ;
	dmz_host = some_host(dice_below(&dice, 3) == 0 ? 2 : 0, false);
	e.target = (struct minato_endpoint){ dmz_host, 0 };
	dmz = add_entry(&e);
	assert_true(dmz >= 0);
}

static void toggle_rule(void)
{
	struct minato_entry e = { .kind = MINATO_KIND_GUARD,
				  .verdict = MINATO_REFUSE,
				  .proto = MINATO_PROTO_OTHER,
				  .scope = MINATO_SCOPE_ANY,
				  .face = MINATO_FACE_ANY,
				  .course = (uint8_t)(1 + dice_below(&dice, 2)),
				  .uid = MINATO_UID_NONE,
				  .order = 1 };

	if (rule >= 0) {
		port_remove(t, (uint32_t)rule);
		rule = -1;
		return;
	}
	ruled = some_protocol();
	e.first = e.last = ruled;
	rule = port_add(t, &e, NULL);
	assert_true(rule >= 0);
}

static void end_host(void)
{
	const uint8_t scope = (uint8_t)(2 * dice_below(&dice, 2));
	const struct minato_addr host = some_host(scope, false);
	int ended = 0;

	for (int i = 0; i < FLOWS; i++) {
		struct flow *f = &flows[i];
		if (!f->live ||
		    !((f->a_inside && same(&f->a, &host)) || (f->b_inside && same(&f->d, &host))))
			continue;
		f->live = false;
		ended++;
	}
	assert_int_equal(nat_inside_end(n, &host), ended ? ended : -ENOENT);
}

/* What a worker leaves another takes over, as it is. */
static void adopt_all(void)
{
	static struct minato_session kept[FLOWS];
	uint64_t cursor = 0;
	uint32_t count = 0;

	while (nat_session_next(n, &cursor, &kept[count]))
		count++;
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(nat_session_end(n, kept[i].handle), 0);
	assert_int_equal(n->hosts.used, 0);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(nat_session_adopt(n, &kept[i]), 0);
	/* A millisecond that has begun is left to it. */
	for (int i = 0; i < FLOWS; i++)
		flows[i].last += flows[i].live && flows[i].last < ms();
}

static void change_options(void)
{
	options.hairpin = dice_below(&dice, 4) != 0;
	options.inbound_refresh = dice_below(&dice, 2) != 0;
	options.inbound_opens_ipv6 = dice_below(&dice, 2) != 0;
	options.host_sessions = 3 * dice_below(&dice, 3);
	assert_int_equal(nat_set(n, &options), 0);
}

static void invariants(void)
{
	static const uint8_t scopes[] = { 0, 2 };
	uint32_t live = 0;

	for (int i = 0; i < FLOWS; i++)
		live += flows[i].live;
	assert_int_equal(n->sessions4.used + n->sessions6.used, live);
	assert_int_equal(n->mappings.used, 0);
	for (uint32_t i = 0; i < 16; i++) {
		const uint8_t scope = scopes[i % 2];
		char text[32];
		struct minato_addr host;
		uint32_t index;
		snprintf(text, sizeof(text), i / 2 % 2 ? "fd0%u::%u" : "10.0.%u.%u", scope,
			 1 + i / 4);
		host = addr(text);
		index = host_find(n, scope, &host);
		assert_int_equal(index == NAT_NONE ? 0 : host_record(n, index)->sessions,
				 count_of(scope, &host));
	}
}

static void half_a_million_steps(void **state)
{
	static const int64_t spans[] = { 1, 1000, 60 * 1000, 300 * 1000, 601 * 1000 };
	const char *steps = getenv("OTHERS_MODEL_STEPS"), *seed = getenv("OTHERS_MODEL_SEED");
	const uint32_t count = steps ? (uint32_t)atoi(steps) : 500000;
	const struct minato_addr four = addr("10.0.2.0"), six = addr("fd02::");

	(void)state;
	dice.state = seed ? (uint64_t)atoll(seed) : 1;
	public_addr = addr(PUBLIC);
	assert_int_equal(nat_inside_add(n, 2, &four, 120), 0);
	assert_int_equal(nat_inside_add(n, 2, &six, 16), 0);
	options = *nat_get(n);
	for (uint32_t step = 0; step < count; step++) {
		const uint32_t what = dice_below(&dice, 100);
		if (what < 85) {
			one_packet();
		} else if (what < 93) {
			pass_ms(spans[dice_below(&dice, 5)]);
			expire();
		} else if (what < 95) {
			toggle_rule();
		} else if (what < 97) {
			toggle_dmz();
		} else if (what == 97) {
			end_host();
		} else if (what == 98) {
			change_options();
		} else if (dice_below(&dice, 10) == 0) {
			adopt_all();
		}
		if (step % 64 == 0)
			invariants();
	}
	pass_ms(8000 * 1000);
	expire();
	invariants();
	assert_int_equal(n->sessions4.used + n->sessions6.used + n->hosts.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { CASE(half_a_million_steps) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
