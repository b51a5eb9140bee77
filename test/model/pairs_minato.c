/* SPDX-License-Identifier: BSD-2-Clause */
/* Pairs of sockets of a host value; another one is the far end of their connections. */
#include <errno.h>

#include "model/pairs.h"
#include "unit/hosts.h"

#define SERVICE 9
#define FIRST_PORT 100

static struct pair world;
static uint16_t port = FIRST_PORT;
static uint64_t service;
/* The first and what belongs to it, to be closed after the trial. */
static uint64_t first, far;

static const char *const texts[PLACES] = {
	[A4] = "10.0.0.1", [ANY4] = "0.0.0.0", [A6] = "fd00::1",  [ANY6] = "::",
	[ONLY6] = "::",	   [B4] = "10.0.0.3",  [B6] = "fd00::3", [MAPPED4] = "::ffff:10.0.0.1",
};

static bool speaks4(enum place place)
{
	return place == A4 || place == ANY4;
}

void minato_world(void)
{
	const struct minato_policy anybody = { 0 };
	const struct minato_addr b4 = addr(texts[B4]), b6 = addr(texts[B6]);

	world = pair_new(MINATO_LINK_IP);
	assert_int_equal(minato_policy_set(world.a.m, &anybody), 0);
	assert_int_equal(minato_address_add(world.a.m, 0, &b4, 24), 0);
	assert_int_equal(minato_address_add(world.a.m, 0, &b6, 64), 0);
	service = open_listener(world.b.m, "::", SERVICE, 8);
}

void minato_world_end(void)
{
	pair_end(&world);
}

static uint64_t open_one(enum minato_proto proto, enum place place, int options)
{
	const uint64_t s = open_socket(world.a.m, proto);

	if (options == EXCLUSIVE)
		options |= REUSEADDR | REUSEPORT;
	assert_int_equal(
		minato_set(world.a.m, s, MINATO_OPT_REUSEADDR, (options & REUSEADDR) != 0), 0);
	assert_int_equal(
		minato_set(world.a.m, s, MINATO_OPT_REUSEPORT, (options & REUSEPORT) != 0), 0);
	assert_int_equal(
		minato_set(world.a.m, s, MINATO_OPT_EXCLUSIVE, (options & EXCLUSIVE) != 0), 0);
	assert_int_equal(minato_set(world.a.m, s, MINATO_OPT_V6ONLY, place == ONLY6), 0);
	return s;
}

static int bind_to(uint64_t s, enum place place)
{
	const struct minato_endpoint local = end(texts[place], port);

	return minato_bind(world.a.m, s, &local);
}

static void connect_out(const struct pair_of_sockets *pair)
{
	const struct minato_endpoint peer =
		end(speaks4(pair->first) ? "10.0.0.2" : "fd00::2", SERVICE);

	if (pair->proto == MINATO_UDP) {
		assert_int_equal(minato_connect(world.a.m, first, &peer), 0);
		return;
	}
	assert_int_equal(minato_connect(world.a.m, first, &peer), -EINPROGRESS);
	settle(&world);
	assert_int_equal(minato_accept(world.b.m, service, &far, NULL), 0);
}

static void accept_one(enum place place, bool to_end)
{
	const struct minato_endpoint to = end(texts[speaks4(place) ? A4 : A6], port);
	uint64_t child;

	assert_int_equal(minato_listen(world.a.m, first, 1), 0);
	far = open_socket(world.b.m, MINATO_TCP);
	assert_int_equal(minato_connect(world.b.m, far, &to), -EINPROGRESS);
	settle(&world);
	assert_int_equal(minato_accept(world.a.m, first, &child, NULL), 0);
	assert_int_equal(minato_close(world.a.m, first), 0);
	first = child;
	if (!to_end)
		return;
	assert_int_equal(minato_close(world.a.m, first), 0);
	settle(&world);
	assert_int_equal(minato_close(world.b.m, far), 0);
	settle(&world);
	first = far = 0;
}

static void stand(const struct pair_of_sockets *pair)
{
	first = open_one(pair->proto, pair->first, pair->first_options);
	assert_int_equal(bind_to(first, pair->first), 0);
	switch (pair->standing) {
	case BOUND:
		break;
	case CONNECTED:
		connect_out(pair);
		break;
	case LISTENING:
		assert_int_equal(minato_listen(world.a.m, first, 1), 0);
		break;
	case ACCEPTED:
		accept_one(pair->first, false);
		break;
	case TIME_WAIT:
		accept_one(pair->first, true);
		break;
	case STANDINGS:
		fail();
	}
}

static enum outcome try_second(const struct pair_of_sockets *pair)
{
	const uint64_t s = open_one(pair->second_proto, pair->second, pair->second_options);
	int result = bind_to(s, pair->second);
	enum outcome outcome = NEITHER_FAILS;

	if (result < 0)
		outcome = result == -EADDRINUSE ? BIND_FAILS : BROKEN;
	else if (pair->second_proto == MINATO_TCP &&
		 (result = minato_listen(world.a.m, s, 1)) < 0)
		outcome = result == -EADDRINUSE ? LISTEN_FAILS : BROKEN;
	assert_int_equal(minato_close(world.a.m, s), 0);
	return outcome;
}

static void act(uint32_t uid)
{
	const struct minato_owner owner = { .uid = uid };

	assert_int_equal(minato_act_as(world.a.m, &owner), 0);
}

enum outcome minato_try(const struct pair_of_sockets *pair)
{
	enum outcome outcome;

	first = far = 0;
	act(1000);
	stand(pair);
	act(pair->other_user ? 1001 : 1000);
	outcome = try_second(pair);
	if (first != 0)
		minato_abort(world.a.m, first);
	if (far != 0)
		minato_abort(world.b.m, far);
	settle(&world);
	port++;
	return outcome;
}
