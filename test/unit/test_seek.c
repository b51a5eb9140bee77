/* SPDX-License-Identifier: BSD-2-Clause */
/* Exact tuples a batch at a time, and what was sought inserted and erased. */
#include "port_fixture.h"

static void batch_agrees_with_the_find(void **state)
{
	static struct port_key key[600];
	static struct port_probe probe[600];
	struct port_tuple_ref ref;

	(void)state;
	for (uint16_t i = 1; i < 500; i++) {
		insert(key_of(TCP, "10.0.0.1", 80, "10.0.0.2", i), i);
		insert(key_of(TCP, "fd00::1", 80, "fd00::2", i), 1000u + i);
	}
	for (uint16_t i = 0; i < 600; i++) {
		key[i] = i % 2 ? key_of(TCP, "10.0.0.1", 80, "10.0.0.2", i) :
				 key_of(TCP, "fd00::1", 80, "fd00::2", i);
		probe[i].key = &key[i];
	}
	port_seek(t, probe, 600);
	for (uint16_t i = 1; i < 600; i++) {
		assert_int_equal(port_tuple_sought(t, &probe[i], &ref, NULL), i < 500);
		if (i < 500)
			assert_int_equal(ref.owner, i % 2 ? i : 1000u + i);
	}
}

/* What was sought before an insertion is found after it. */
static void early_probe_outlives_growth(void **state)
{
	struct port_key key = key_of(TCP, "10.0.0.1", 80, "10.9.9.9", 7);
	struct port_probe probe = { .key = &key };
	struct port_tuple_ref ref;

	(void)state;
	port_seek(t, &probe, 1);
	insert(key, 1);
	for (uint16_t i = 1; i < 2000; i++)
		insert(key_of(TCP, "10.0.0.1", 80, "10.0.0.2", i), i);
	assert_true(port_tuple_sought(t, &probe, &ref, NULL));
}

/* Between the two halves of a batch a record goes, and another key gets it. */
static void stale_guess_is_seen_through(void **state)
{
	struct port_key a = key_of(TCP, "10.0.0.1", 80, "10.0.0.2", 1);
	struct port_key b = key_of(TCP, "10.0.0.1", 80, "10.0.0.2", 2);
	struct port_probe probe[2] = { { .key = &a }, { .key = &b } };
	struct port_tuple_ref ref;
	uint32_t index;
	int64_t tuple = insert(a, 1);

	(void)state;
	port_seek(t, probe, 2);
	assert_true(port_tuple_sought(t, &probe[0], &ref, &index));
	assert_int_equal(index, tuple);
	assert_false(port_tuple_sought(t, &probe[1], &ref, NULL));

	port_tuple_remove(t, (uint32_t)tuple);
	assert_false(port_tuple_sought(t, &probe[0], &ref, NULL));
	assert_int_equal(insert(b, 2), tuple); /* in the same record */
	assert_false(port_tuple_sought(t, &probe[0], &ref, NULL));
	assert_true(port_tuple_sought(t, &probe[1], &ref, NULL));
	assert_int_equal(ref.owner, 2);

	insert(a, 3); /* in another one */
	assert_true(port_tuple_sought(t, &probe[0], &ref, NULL));
	assert_int_equal(ref.owner, 3);
}

/* Sought before the table grew, by a stranger's insertions; both families. */
static void what_was_sought_is_inserted(void **state)
{
	struct port_key key[] = { key_of(UDP, "10.0.0.1", 80, "10.9.9.9", 7),
				  key_of(UDP, "fd00::1", 80, "fd00::9", 7) };
	struct port_probe probe[] = { { .key = &key[0] }, { .key = &key[1] } };
	struct port_tuple_ref ref = { .owner = 3, .class = 8, .quiet = true };

	(void)state;
	port_seek(t, probe, 2);
	for (uint16_t i = 1; i < 2000; i++)
		insert(key_of(UDP, "10.0.0.1", 80, "10.0.0.2", i), i);
	for (uint32_t i = 0; i < 2; i++) {
		assert_non_null(port_tuple_room(t, &probe[i]));
		assert_int_equal(port_tuple_insert_sought(t, &probe[i], ref), 0);
		assert_int_equal(port_tuple_insert_sought(t, &probe[i], ref), -EEXIST);
		assert_int_equal(port_tuple_insert(t, &key[i], ref), -EEXIST);
		assert_true(port_tuple_find(t, &key[i], &ref, NULL));
		assert_true(ref.quiet && ref.owner == 3);
	}
	assert_true(bucket_sound(t));
}

/* At whatever moment of growth each is inserted that was sought before it, or in
   the midst of it: none is lost, and none comes twice. */
static void homes_move_between_seeking_and_inserting(void **state)
{
	static struct port_key key[4000];
	static struct port_probe probe[4000];
	const struct port_tuple_ref ref = { .owner = 3, .class = 8, .quiet = true };
	struct port_tuple_ref found;

	(void)state;
	for (uint32_t i = 0; i < 4000; i++) {
		key[i] = key_of(UDP, "10.0.0.1", 80, "10.9.9.9", (uint16_t)i);
		probe[i].key = &key[i];
	}
	for (uint32_t at = 0; at < 4000; at += 100) {
		port_seek(t, &probe[at], 100);
		for (uint32_t i = at; i < at + 100; i++) {
			assert_false(port_tuple_sought(t, &probe[i], &found, NULL));
			assert_int_equal(port_tuple_insert_sought(t, &probe[i], ref), 0);
			assert_int_equal(port_tuple_insert_sought(t, &probe[i], ref), -EEXIST);
			assert_true(port_tuple_sought(t, &probe[i], &found, NULL));
		}
		assert_true(bucket_sound(t));
	}
	for (uint32_t i = 0; i < 4000; i++)
		assert_true(port_tuple_find(t, &key[i], &found, NULL));
	assert_int_equal(port_tuple_count(t), 4000);
}

static void what_was_sought_is_erased(void **state)
{
	struct port_key key[] = { key_of(UDP, "10.0.0.1", 80, "10.9.9.9", 7),
				  key_of(UDP, "10.0.0.1", 80, "10.9.9.9", 8) };
	struct port_probe probe[] = { { .key = &key[0] }, { .key = &key[1] } };
	const uint32_t space = port_space_index(0, port_slot(UDP));

	(void)state;
	port_seek(t, probe, 2);
	assert_false(port_tuple_erase_sought(t, &probe[0]));
	insert(key[0], 1); /* this one counts */
	port_tuple_insert(t, &key[1], (struct port_tuple_ref){ .owner = 2, .quiet = true });
	assert_int_equal(port_uses(t, space)[80], 1);
	for (uint32_t i = 0; i < 2; i++) {
		assert_true(port_tuple_erase_sought(t, &probe[i]));
		assert_false(port_tuple_erase_sought(t, &probe[i]));
		assert_int_equal(port_uses(t, space)[80], 0);
	}
	assert_int_equal(port_tuple_count(t), 0);
	assert_true(bucket_sound(t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(batch_agrees_with_the_find),
		CASE(early_probe_outlives_growth),
		CASE(stale_guess_is_seen_through),
		CASE(what_was_sought_is_inserted),
		CASE(homes_move_between_seeking_and_inserting),
		CASE(what_was_sought_is_erased),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
