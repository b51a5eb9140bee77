/* SPDX-License-Identifier: BSD-2-Clause */
/* REUSEPORT groups: even shares, of which only a leaver's moves, in few steps. */
#include "unit/port_fixture.h"

#define MEMBERS 1024u
#define FLOWS 40000u

static uint32_t member[MEMBERS];
static uint32_t before[FLOWS], now[FLOWS];

static uint32_t join(uint32_t uid)
{
	struct port_claim claim = claim_of(TCP, "10.0.0.1", 80);
	int64_t entry;

	claim.reuse_port = true;
	claim.uid = uid;
	entry = bind_claim(claim);
	assert_true(entry >= 0);
	assert_int_equal(port_accepting(t, (uint32_t)entry, true), 0);
	return (uint32_t)entry;
}

static void fill(uint32_t count)
{
	fixture_close();
	fixture_open(16, MEMBERS + 16, &fixture_key);
	for (uint32_t i = 0; i < count; i++)
		member[i] = join(1000);
}

static uint32_t chosen(uint32_t flow)
{
	struct port_key key = key_of(TCP, "10.0.0.1", 80, "192.0.2.1", (uint16_t)flow);

	key.remote.bytes[13] = (uint8_t)(flow >> 16);
	return look_up(key).entry;
}

static void deal(uint32_t *out)
{
	for (uint32_t i = 0; i < FLOWS; i++)
		out[i] = chosen(i);
}

/* All flows that moved were of `from` (POOL_NONE: any), or went to `to`. */
static uint32_t moved(uint32_t from, uint32_t to)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < FLOWS; i++) {
		if (before[i] == now[i])
			continue;
		assert_true(from == POOL_NONE || before[i] == from);
		assert_true(to == POOL_NONE || now[i] == to);
		count++;
	}
	return count;
}

/* Chi-square of the shares in units of its deviation from what is expected. */
static double unevenness(const uint32_t *dealt, uint32_t members)
{
	static uint32_t count[MEMBERS + 16];
	const double expected = (double)FLOWS / members;
	double chi = 0;

	memset(count, 0, sizeof(count));
	for (uint32_t i = 0; i < FLOWS; i++)
		count[dealt[i]]++;
	for (uint32_t i = 0; i < MEMBERS + 16; i++) {
		if (port_entry_live(t, i))
			chi += (count[i] - expected) * (count[i] - expected) / expected;
		else
			assert_int_equal(count[i], 0);
	}
	return (chi - (members - 1)) / (members - 1);
}

static void shares_are_even_and_only_a_leavers_moves(void **state)
{
	uint32_t members = MEMBERS;

	(void)state;
	srand(11);
	fill(MEMBERS);
	deal(before);
	assert_true(unevenness(before, members) < 0.2);
	for (uint32_t i = 0; i < MEMBERS; i++) {
		const uint32_t other = i + (uint32_t)rand() % (MEMBERS - i);
		const uint32_t swap = member[i];
		member[i] = member[other];
		member[other] = swap;
	}
	while (members > 3) {
		/* Of many a few on the way, of few each. */
		const uint32_t leaving = member[--members];
		if (members % 97 == 0 || members < 8) {
			deal(before);
			port_remove(t, leaving);
			deal(now);
			assert_true(moved(leaving, POOL_NONE) > 0);
			assert_true(unevenness(now, members) < (members < 8 ? 3 : 0.4));
		} else {
			port_remove(t, leaving);
		}
	}
}

static void who_comes_takes_from_all_alike(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 9, 100 };
	uint32_t newcomer;

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		const uint32_t size = sizes[i];
		for (uint32_t left = 0; left <= size / 2; left += size / 2 + 1) {
			fill(size);
			for (uint32_t k = 0; k < left; k++)
				port_accepting(t, member[k], false);
			deal(before);
			newcomer = join(1000);
			deal(now);
			assert_in_range(moved(POOL_NONE, newcomer),
					FLOWS / (size - left + 1) * 8 / 10,
					FLOWS / (size - left + 1) * 12 / 10 + 1);
		}
	}
}

static void coming_back_undoes_leaving(void **state)
{
	(void)state;
	fill(50);
	deal(before);
	for (uint32_t i = 10; i < 40; i++)
		assert_int_equal(port_accepting(t, member[i], false), 0);
	for (uint32_t i = 40; i-- > 10;)
		assert_int_equal(port_accepting(t, member[i], true), 0);
	deal(now);
	assert_int_equal(moved(POOL_NONE, POOL_NONE), 0);
	assert_int_equal(t->slots_given_up, 0);
}

static uint64_t most_steps(void)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < 4000; i++) {
		const uint64_t start = t->steps;
		chosen(i);
		if (t->steps - start > most)
			most = t->steps - start;
	}
	return most;
}

static void steps_grow_with_the_logarithm(void **state)
{
	(void)state;
	fill(MEMBERS);
	assert_true(most_steps() <= 48);
	for (uint32_t i = 0; i < MEMBERS / 2; i++)
		port_remove(t, member[i * 2]);
	assert_true(most_steps() <= 96);
	for (uint32_t i = 1; i < MEMBERS / 2 - 1; i++)
		port_remove(t, member[i * 2 + 1]);
	assert_true(most_steps() <= 256);
}

static const struct crew_slot *slot_number(uint32_t number)
{
	const struct minato_addr local = addr("10.0.0.1");
	struct cell_key key = { .what = { .kind = CELL_CREW, .block = 80, .uid = 1000 } };
	const struct port_cell *crew;

	key.what.local = local;
	key.what.tier = TIER_OF_PREFIX(128);
	crew = cell_find(t, &key);
	assert_non_null(crew);
	key = (struct cell_key){ .what = { .kind = CELL_SLOT, .uid = cell_number(t, crew) } };
	memcpy(key.what.local.bytes, &number, sizeof(number));
	assert_non_null(cell_find(t, &key));
	return &cell_find(t, &key)->slot;
}

/* Else the way from one given up to a member would grow with their number. */
static void each_member_holds_a_place_below_their_number(void **state)
{
	uint32_t members = 64;

	(void)state;
	srand(12);
	fill(64);
	for (uint32_t i = 0; i < 2000; i++) {
		const uint32_t one = (uint32_t)rand() % 64;
		const bool accepting = entry_at(t, member[one])->accepting;
		if (accepting && members == 1)
			continue;
		members += accepting ? UINT32_MAX : 1;
		assert_int_equal(port_accepting(t, member[one], !accepting), 0);
		for (uint32_t k = 0; k < 64; k++) {
			const struct port_entry *e = entry_at(t, member[k]);
			if (!e->accepting)
				continue;
			assert_int_equal(slot_number(e->since)->entry, member[k] + 1);
			assert_true(slot_number(e->since)->place < members);
			assert_int_equal(slot_number(slot_number(e->since)->place)->holder,
					 e->since);
		}
	}
}

static void users_and_ports_have_groups_of_their_own(void **state)
{
	uint32_t guest;

	(void)state;
	fill(8);
	for (uint32_t i = 0; i < 8; i++)
		port_claim_reuse(t, member[i], true, true);
	deal(before);
	/* Those that leave the group by their options still answer, alone. */
	port_claim_reuse(t, member[3], true, false);
	deal(now);
	assert_true(moved(member[3], POOL_NONE) > 0);
	port_claim_reuse(t, member[3], true, true);
	deal(now);
	assert_int_equal(moved(POOL_NONE, POOL_NONE), 0);
	guest = listen_on(TCP, "10.0.0.2", 80);
	deal(now);
	assert_int_equal(moved(POOL_NONE, POOL_NONE), 0);
	port_remove(t, guest);
}

/* Beyond the bound a group is numbered anew, and works on. */
static void what_was_given_up_is_bounded(void **state)
{
	(void)state;
	fixture_close();
	fixture_open(16, 40, &fixture_key);
	for (uint32_t round = 0; round < 12; round++) {
		uint32_t at[8];
		for (uint32_t i = 0; i < 8; i++) {
			struct port_claim claim = claim_of(TCP, "10.0.0.1", 80);
			claim.reuse_port = true;
			claim.port = (uint16_t)(80 + round);
			at[i] = (uint32_t)bind_claim(claim);
			assert_int_equal(port_accepting(t, at[i], true), 0);
		}
		for (uint32_t i = 0; i < 6; i++)
			port_remove(t, at[(i * 3) % 7]);
		assert_true(t->slots_given_up <= 40);
		for (uint32_t i = 0; i < 200; i++) {
			const uint32_t entry =
				look_up(key_of(TCP, "10.0.0.1", (uint16_t)(80 + round), "192.0.2.1",
					       (uint16_t)i))
					.entry;
			assert_true(port_entry_live(t, entry));
		}
	}
	for (uint32_t i = 0; i < 40; i++) {
		if (port_entry_live(t, i))
			port_remove(t, i);
	}
	assert_int_equal(t->slots_given_up, 0);
	assert_int_equal(t->cells.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(shares_are_even_and_only_a_leavers_moves),
		CASE(who_comes_takes_from_all_alike),
		CASE(coming_back_undoes_leaving),
		CASE(steps_grow_with_the_logarithm),
		CASE(each_member_holds_a_place_below_their_number),
		CASE(users_and_ports_have_groups_of_their_own),
		CASE(what_was_given_up_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
