/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of the host value's offers comes into the table of the kernel, how long it stays there, and
 * what is told of it; the table is one of the test's, which has no kernel.
 */
#include "gateway_fixture.h"

#include <errno.h>

#include "cmd/gateway/gateway.h"
#include "drive/carry.h"
#include "nat/nat.h"

#define SERVER "203.0.113.5"
#define PUBLIC "198.51.100.1"

/* ---- a table in the place of the kernel's ---- */

struct drive_carry {
	struct {
		bool live, begun, hurried;
		struct drive_carried what;
		struct minato_time put;
		struct drive_carry_count count;
		unsigned follows;
	} slot[DRIVE_CARRY_SLOTS];
	unsigned room, used, puts, refusals, cleared;
};

static struct drive_carry fake;

void drive_carry_clear(struct drive_carry *carry)
{
	carry->cleared++;
	for (uint32_t i = 0; i < DRIVE_CARRY_SLOTS; i++)
		carry->slot[i].live = false;
	carry->used = 0;
}

int drive_carry_put(struct drive_carry *carry, const struct drive_carried *what,
		    struct minato_time now)
{
	int place = 0;

	if (carry->used == carry->room) {
		carry->refusals++;
		return -ENOSPC;
	}
	while (carry->slot[place].live)
		place++;
	memset(&carry->slot[place], 0, sizeof(carry->slot[place]));
	carry->slot[place].live = true;
	carry->slot[place].what = *what;
	carry->slot[place].put = now;
	carry->slot[place].count.last = now;
	carry->puts++;
	carry->used++;
	return place;
}

void drive_carry_follow(struct drive_carry *carry, int place, uint32_t next)
{
	assert_true(carry->slot[place].live);
	carry->slot[place].follows++;
	carry->slot[place].what.next = next;
}

void drive_carry_hurry(struct drive_carry *carry, int place)
{
	assert_true(carry->slot[place].live);
	carry->slot[place].hurried = true;
}

bool drive_carry_begun(const struct drive_carry *carry, int place)
{
	assert_true(carry->slot[place].live);
	return carry->slot[place].begun;
}

struct drive_carry_count drive_carry_look(const struct drive_carry *carry, int place)
{
	assert_true(carry->slot[place].live);
	return carry->slot[place].count;
}

struct drive_carry_count drive_carry_take(struct drive_carry *carry, int place,
					  struct minato_time now)
{
	(void)now;
	assert_true(carry->slot[place].live);
	carry->slot[place].live = false;
	carry->used--;
	return carry->slot[place].count;
}

/* ---- a gateway ---- */

static struct gate g;
static struct forge f;
static struct gateway_links links;
static struct gateway_carrying c;
static uint32_t sequence;

static void links_like(const struct gate *gate)
{
	links = (struct gateway_links){ .count = 3 };
	for (uint32_t i = 0; i < 3; i++) {
		struct gateway_link *link = &links.list[i];

		link->ends.carrier = 3;
		link->ends.space = 1;
		link->ends.index = 10 + i;
		link->mtu = 1500 - 100 * i;
		memcpy(link->mac, gate->m->link[i].config.mac, 6);
	}
}

static int begin_with_room(unsigned room)
{
	gate_new(&g, MINATO_LINK_ETHERNET);
	links_like(&g);
	sequence = 1000;
	memset(&fake, 0, sizeof(fake));
	fake.room = room;
	return gateway_carrying_begin(&c, g.m, &links, &fake);
}

static int begin(void **state)
{
	(void)state;
	return begin_with_room(DRIVE_CARRY_SLOTS);
}

static int end_all(void **state)
{
	(void)state;
	gateway_carrying_free(&c);
	gate_end(&g);
	return 0;
}

static void pass_time(int64_t ms)
{
	g.now.ns += ms * MILLI;
	minato_advance(g.m, g.now);
}

static struct minato_time turn(void)
{
	return gateway_carrying_turn(&c, g.now);
}

static void segment(uint32_t link, const char *src, uint16_t port, const char *dst, uint16_t to,
		    uint8_t flags)
{
	gate_clear(&g);
	forge_tcp(&f, strchr(src, ':') != NULL, NULL, 0, 10);
	forge_put16(f.header, port);
	forge_put16(f.header + 2, to);
	forge_put32(f.header + 4, sequence);
	f.header[13] = flags;
	gate_ends(&f, src, dst);
	gate_send(&g, link, &f, NULL);
	gate_drain(&g, 32);
}

/* Its public port. */
static uint16_t open_flow(uint16_t port)
{
	uint16_t public;

	segment(0, "10.0.0.2", port, SERVER, 80, TCP_SYN);
	assert_int_equal(g.count, 1);
	public = g.caught[0].packet.src_port;
	segment(1, SERVER, 80, PUBLIC, public, TCP_SYN | TCP_ACK);
	assert_int_equal(g.count, 1);
	return public;
}

static void outward(uint16_t port, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		segment(0, "10.0.0.2", port, SERVER, 80, TCP_ACK);
}

static void inward(uint16_t public, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		segment(1, SERVER, 80, PUBLIC, public, TCP_ACK);
}

/* A flow of which both directions are carried: places `at` and `at` + 1. */
static uint16_t carried_flow(uint16_t port)
{
	uint16_t public = open_flow(port);

	outward(port, NAT_OFFER_EVERY);
	turn();
	inward(public, NAT_OFFER_EVERY);
	turn();
	return public;
}

/* The kernel has carried so many frames, the last one now. */
static void carries(int place, uint64_t frames, uint64_t bytes)
{
	fake.slot[place].begun = true;
	fake.slot[place].count.frames += frames;
	fake.slot[place].count.bytes += bytes;
	fake.slot[place].count.last = g.now;
}

static uint64_t counted(const char *name)
{
	for (uint32_t i = 0; i < minato_counter_count(); i++) {
		if (strcmp(minato_counter_name(i), name) == 0)
			return minato_counter(g.m, i);
	}
	fail_msg("no counter %s", name);
	return 0;
}

static uint64_t session_at_place(uint32_t nth)
{
	struct minato_session row;
	uint64_t cursor = 0;

	do
		assert_true(minato_session_next(g.m, &cursor, &row));
	while (nth-- > 0);
	return row.handle;
}

/* ---- what begins ---- */

static void an_offer_is_put_with_all_it_takes(void **state)
{
	uint16_t public;
	const struct drive_carried *what = &fake.slot[0].what;

	(void)state;
	assert_int_equal(fake.cleared, 1);
	assert_int_equal(turn().ns, MINATO_NEVER.ns);
	public = open_flow(4000);
	sequence = 5000;
	outward(4000, NAT_OFFER_EVERY);
	assert_true(turn().ns <= g.now.ns + SECOND);
	assert_int_equal(fake.puts, 1);
	assert_int_equal(c.count, 1);
	assert_int_equal(c.begun, 1);
	assert_int_equal(what->from, 10);
	assert_int_equal(what->to, 11);
	assert_addr(&what->source.addr, "10.0.0.2");
	assert_int_equal(what->source.port, 4000);
	assert_addr(&what->destination.addr, SERVER);
	assert_int_equal(what->destination.port, 80);
	assert_addr(&what->new_source.addr, PUBLIC);
	assert_int_equal(what->new_source.port, public);
	assert_addr(&what->new_destination.addr, SERVER);
	assert_memory_equal(what->mac_source, "\x02\0\0\0\x02\x01", 6);
	assert_memory_equal(what->mac_destination, "\x02\0\0\0\x02\x02", 6);
	assert_int_equal(what->mtu, 1400);
	assert_int_equal(what->next, 5010);
	assert_int_equal(fake.slot[0].put.ns, g.now.ns);
	inward(public, NAT_OFFER_EVERY);
	turn();
	assert_int_equal(c.count, 2);
	assert_int_equal(fake.slot[1].what.from, 11);
	assert_int_equal(fake.slot[1].what.to, 10);
	assert_int_equal(fake.slot[1].what.mtu, 1500);
	assert_addr(&fake.slot[1].what.new_destination.addr, "10.0.0.2");
}

static void links_that_cannot(void **state)
{
	(void)state;
	links.list[1].ends.carrier = -1;
	carried_flow(4000);
	links.list[1].ends.carrier = 3;
	links.list[0].ends.carrier = -1;
	carried_flow(4001);
	links.list[0].ends.carrier = 3;
	links.list[0].ends.space = 2; /* another network namespace */
	carried_flow(4002);
	links.list[0].ends.space = 1;
	links.list[0].ends.index = links.list[1].ends.index;
	carried_flow(4003);
	assert_int_equal(fake.puts, 0);
	assert_int_equal(c.count, 0);
	links.list[0].ends.index = 10;
	/* It is offered anew, now and then. */
	outward(4000, NAT_OFFER_EVERY);
	turn();
	assert_int_equal(c.count, 1);
}

static void without_room_it_comes_by_us(void **state)
{
	uint16_t public;

	(void)state;
	fake.room = 1;
	public = carried_flow(4000);
	assert_int_equal(c.count, 1);
	assert_int_equal(c.begun, 1);
	assert_true(fake.refusals > 0);
	fake.room = 2;
	inward(public, NAT_OFFER_EVERY);
	turn();
	assert_int_equal(c.count, 2);
}

static void without_a_table_nothing_is_asked(void **state)
{
	struct minato_carry what;

	(void)state;
	gateway_carrying_free(&c);
	assert_int_equal(gateway_carrying_begin(&c, g.m, &links, NULL), 0);
	open_flow(4000);
	outward(4000, NAT_OFFER_EVERY);
	assert_int_equal(turn().ns, MINATO_NEVER.ns);
	assert_false(gateway_carrying_has(&c, session_at_place(0)));
	assert_int_equal(gateway_carrying_bytes(&c), 0);
	gateway_carrying_renew(&c, 1, g.now);
	assert_true(minato_carry_next(g.m, &what));
	assert_int_equal(fake.cleared, 1); /* of the first */
}

/* ---- until the kernel takes over ---- */

static void it_follows_what_comes_by_us(void **state)
{
	(void)state;
	open_flow(4000);
	sequence = 5000;
	outward(4000, NAT_OFFER_EVERY);
	turn();
	sequence = 5010;
	outward(4000, 1);
	turn();
	assert_int_equal(fake.slot[0].what.next, 5020);
	/* What is sent again is not how far it was. */
	sequence = 5000;
	outward(4000, 1);
	turn();
	assert_int_equal(fake.slot[0].what.next, 5020);
	assert_int_equal(fake.slot[0].follows, 1);
	fake.slot[0].begun = true;
	sequence = 5100;
	outward(4000, 1);
	turn();
	assert_int_equal(fake.slot[0].what.next, 5020);
	assert_int_equal(fake.puts, 1);
	assert_false(fake.slot[0].hurried);
}

static void numbers_wrap(void **state)
{
	(void)state;
	open_flow(4000);
	sequence = UINT32_MAX - 4;
	outward(4000, NAT_OFFER_EVERY);
	turn();
	assert_int_equal(fake.slot[0].what.next, 5);
	sequence = 5;
	outward(4000, 1);
	turn();
	assert_int_equal(fake.slot[0].what.next, 15);
	sequence = UINT32_MAX - 4;
	outward(4000, 1);
	turn();
	assert_int_equal(fake.slot[0].what.next, 15);
}

/* Where the end of what comes is never reached, it begins all the same. */
static void it_does_not_wait_for_ever(void **state)
{
	(void)state;
	open_flow(4000);
	outward(4000, NAT_OFFER_EVERY);
	turn();
	pass_time(49);
	sequence += 10;
	outward(4000, 1);
	turn();
	assert_false(fake.slot[0].hurried);
	pass_time(1);
	sequence += 10;
	outward(4000, 1);
	turn();
	assert_true(fake.slot[0].hurried);
	assert_int_equal(c.hurried, 1);
}

/* ---- while it is carried ---- */

static void what_passed_is_told_each_second(void **state)
{
	uint64_t before;

	(void)state;
	carried_flow(4000);
	assert_int_equal(turn().ns, g.now.ns + SECOND);
	carries(0, 100, 150000);
	carries(1, 50, 3000);
	before = counted("nat_passed_out");
	pass_time(999);
	turn();
	assert_int_equal(c.frames, 0);
	pass_time(1);
	assert_int_equal(turn().ns, g.now.ns + SECOND);
	assert_int_equal(c.frames, 150);
	assert_int_equal(counted("nat_passed_out"), before + 100);
	carries(0, 7, 700);
	pass_time(1000);
	turn();
	assert_int_equal(c.frames, 157);
	assert_int_equal(gateway_carrying_bytes(&c), 153700);
}

/* A flow that lasts only in the kernel lives as long as it lasts there. */
static void what_is_carried_keeps_its_session(void **state)
{
	(void)state;
	carried_flow(4000);
	for (int i = 0; i < 10; i++) {
		pass_time(3600 * 1000);
		carries(0, 1, 100);
		turn();
		assert_int_equal(c.count, 2);
	}
	assert_true(gateway_carrying_has(&c, session_at_place(0)));
	/* And no longer. */
	pass_time(3 * 3600 * 1000);
	assert_int_equal(turn().ns, MINATO_NEVER.ns);
	assert_int_equal(c.count, 0);
	assert_int_equal(fake.used, 0);
}

/* ---- what ends it ---- */

static void a_fin_ends_both_directions(void **state)
{
	uint64_t session;

	(void)state;
	carried_flow(4000);
	carried_flow(4001);
	session = session_at_place(0);
	carries(0, 10, 1000);
	carries(1, 20, 2000);
	carries(2, 40, 4000);
	assert_true(gateway_carrying_has(&c, session));
	segment(0, "10.0.0.2", 4000, SERVER, 80, TCP_FIN | TCP_ACK);
	turn();
	assert_false(gateway_carrying_has(&c, session));
	assert_true(gateway_carrying_has(&c, session_at_place(1)));
	assert_int_equal(c.count, 2);
	assert_false(fake.slot[0].live || fake.slot[1].live);
	/* What passed at last counts. */
	assert_int_equal(c.frames, 30);
	assert_int_equal(c.bytes, 3000);
	assert_int_equal(gateway_carrying_bytes(&c), 7000);
	pass_time(1000);
	turn();
	assert_int_equal(c.frames, 70);
}

static void another_way_ends_what_goes_by_it(void **state)
{
	const struct minato_addr router = addr("198.51.100.254");

	(void)state;
	carried_flow(4000);
	assert_int_equal(minato_neighbour_add(g.m, 1, &router, (const uint8_t *)"\x02\1\2\3\4\5"),
			 0);
	turn();
	assert_int_equal(c.count, 0);
	assert_int_equal(fake.used, 0);
	outward(4000, NAT_OFFER_EVERY);
	turn();
	assert_int_equal(c.count, 1);
	assert_memory_equal(fake.slot[0].what.mac_destination, "\x02\1\2\3\4\5", 6);
}

static void a_link_that_is_not_as_it_was(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 5; i++)
		carried_flow((uint16_t)(4000 + i));
	assert_int_equal(c.count, 10);
	gateway_carrying_renew(&c, 2, g.now); /* nothing leaves there */
	assert_int_equal(c.count, 10);
	gateway_carrying_renew(&c, 1, g.now);
	assert_int_equal(c.count, 0);
	assert_int_equal(fake.used, 0);
	outward(4002, NAT_OFFER_EVERY);
	turn();
	assert_int_equal(c.count, 1);
}

/* More than there are heads, so that flows stand behind others; ended in an order of dice. */
static void many(void **state)
{
	enum { FLOWS = 1500 };
	static uint16_t port[FLOWS];
	static uint64_t session[FLOWS];
	uint32_t dice = 1;

	(void)state;
	for (uint32_t i = 0; i < FLOWS; i++) {
		port[i] = (uint16_t)(10000 + i);
		open_flow(port[i]);
		outward(port[i], NAT_OFFER_EVERY);
		turn();
		assert_int_equal(c.count, i + 1);
		carries((int)i, i, 100);
	}
	for (uint32_t i = 0; i < FLOWS; i++)
		session[i] = session_at_place(i);
	for (uint32_t left = FLOWS; left > FLOWS / 3; left--) {
		uint32_t i;
		uint64_t gone;
		uint16_t its_port;

		dice = dice * 1103515245 + 12345;
		i = dice / 65536 % left;
		its_port = port[i];
		segment(0, "10.0.0.2", its_port, SERVER, 80, TCP_RST);
		turn();
		assert_int_equal(c.count, left - 1);
		gone = 0;
		for (uint32_t k = 0; k < left && !gone; k++) {
			if (!gateway_carrying_has(&c, session[k])) {
				gone = session[k];
				session[k] = session[left - 1];
			}
		}
		assert_int_not_equal(gone, 0);
		port[i] = port[left - 1];
	}
	/* All that are left are told of, once each. */
	pass_time(1000);
	turn();
	assert_int_equal(c.count, FLOWS / 3);
	assert_int_equal(fake.used, FLOWS / 3);
	assert_int_equal(c.frames, FLOWS * (FLOWS - 1) / 2);
	assert_int_equal(gateway_carrying_bytes(&c), FLOWS * 100);
	for (uint32_t k = 0; k < FLOWS / 3; k++)
		assert_true(gateway_carrying_has(&c, session[k]));
}

#define CARRIED(test) cmocka_unit_test_setup_teardown(test, begin, end_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CARRIED(an_offer_is_put_with_all_it_takes),
		CARRIED(links_that_cannot),
		CARRIED(without_room_it_comes_by_us),
		CARRIED(without_a_table_nothing_is_asked),
		CARRIED(it_follows_what_comes_by_us),
		CARRIED(numbers_wrap),
		CARRIED(it_does_not_wait_for_ever),
		CARRIED(what_passed_is_told_each_second),
		CARRIED(what_is_carried_keeps_its_session),
		CARRIED(a_fin_ends_both_directions),
		CARRIED(another_way_ends_what_goes_by_it),
		CARRIED(a_link_that_is_not_as_it_was),
		CARRIED(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
