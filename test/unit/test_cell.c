/* SPDX-License-Identifier: BSD-2-Clause */
/* Cells: made, found and given back, while the hash grows under them. */
#include "unit/port_fixture.h"

static struct cell_key key_number(uint32_t number)
{
	struct cell_key key = { .what = { .kind = CELL_GROUP, .uid = number / 4 } };

	key.what.block = (uint16_t)(number % 2);
	key.remote.bytes[15] = (uint8_t)(number / 2 % 2);
	return key;
}

static struct port_cell *made(uint32_t number)
{
	const struct cell_key key = key_number(number);
	struct port_cell *cell = cell_get(t, &key);

	cell->count++;
	return cell;
}

static struct port_cell *found(uint32_t number)
{
	const struct cell_key key = key_number(number);

	return cell_find(t, &key);
}

static void none_is_there_at_first(void **state)
{
	(void)state;
	assert_null(found(1));
	assert_int_equal(t->cells.used, 0);
}

static void a_cell_is_one_until_all_have_left(void **state)
{
	struct port_cell *cell = made(7);

	(void)state;
	assert_ptr_equal(made(7), cell);
	assert_ptr_equal(found(7), cell);
	assert_int_equal(cell->count, 2);
	cell_release(t, cell);
	assert_ptr_equal(found(7), cell);
	cell_release(t, cell);
	assert_null(found(7));
	assert_int_equal(t->cells.used, 0);
}

/* The remote prefix is of the key for groups, and for them alone. */
static void keys_differ_in_each_part(void **state)
{
	struct cell_key key = key_number(0);

	(void)state;
	made(0);
	key.remote.bytes[0] = 1;
	assert_null(cell_find(t, &key));
	key = key_number(0);
	key.what.users = true;
	assert_null(cell_find(t, &key));
	key = key_number(0);
	key.what.level = 1;
	assert_null(cell_find(t, &key));
	key = key_number(0);
	assert_non_null(cell_find(t, &key));
}

static void all_are_found_while_the_hash_grows(void **state)
{
	static struct port_cell *cell[6000];

	(void)state;
	for (uint32_t i = 0; i < 6000; i++) {
		cell[i] = made(i);
		assert_ptr_equal(found(i / 2), cell[i / 2]);
	}
	assert_true(t->cell_buckets >= 6000);
	for (uint32_t i = 0; i < 6000; i += 2)
		cell_release(t, cell[i]);
	for (uint32_t i = 0; i < 6000; i++)
		assert_ptr_equal(found(i), i % 2 == 0 ? NULL : cell[i]);
	for (uint32_t i = 0; i < 6000; i += 2)
		assert_non_null(made(i));
	assert_int_equal(t->cells.used, 6000);
}

static void chains_stay_short(void **state)
{
	uint64_t before;

	(void)state;
	for (uint32_t i = 0; i < 6000; i++)
		made(i);
	before = t->steps;
	for (uint32_t i = 0; i < 6000; i++)
		assert_non_null(found(i));
	/* One for the bucket, and 1.5 on average along a chain. */
	assert_true(t->steps - before < 3 * 6000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(none_is_there_at_first),	CASE(a_cell_is_one_until_all_have_left),
		CASE(keys_differ_in_each_part), CASE(all_are_found_while_the_hash_grows),
		CASE(chains_stay_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
