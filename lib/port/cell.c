/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cells: what is known of one place where general entries stand, found by a
 * keyed hash of what it is about, however many others there are.
 *
 * The hash grows by one bucket at a time (linear hashing), so that nobody waits
 * for all to move; chains hold one cell on average.
 */
#include "port/port.h"

#include <string.h>

#include "base/check.h"

#define BUCKETS_AT_FIRST 64u

_Static_assert(sizeof(struct cell_what) == 32 &&
		       sizeof(struct cell_key) == 6 * sizeof(uint64_t),
	       "a key is six words, without holes");
_Static_assert(sizeof(struct port_cell) == 64, "a cell is a line");

uint32_t cell_count_max(uint32_t entries_max)
{
	return entries_max * PORT_CELLS_OF_ENTRY;
}

size_t cell_bucket_count(uint32_t entries_max)
{
	size_t count = BUCKETS_AT_FIRST;

	while (count < cell_count_max(entries_max))
		count *= 2;
	return count;
}

void cell_init(struct port_table *t)
{
	t->cell_buckets = BUCKETS_AT_FIRST;
	t->cell_base = BUCKETS_AT_FIRST;
}

static uint64_t hash_of(const struct port_table *t, const struct cell_key *key)
{
	uint64_t word[6];

	memcpy(word, key, sizeof(word));
	return hash_six(&t->secret, word) & t->hash_mask;
}

static uint32_t *bucket_of(const struct port_table *t, uint64_t hash)
{
	uint32_t *buckets = port_part(t, t->cell_buckets_at);
	const uint32_t number = (uint32_t)hash & (2 * t->cell_base - 1);

	return &buckets[number < t->cell_buckets ? number :
						   number - t->cell_base];
}

static struct port_cell *cell_at(const struct port_table *t, uint32_t index)
{
	return pool_at(&t->cells, index);
}

static bool has_remote(const struct cell_what *what)
{
	return what->kind == CELL_GROUP;
}

static bool is_of(const struct port_cell *cell, const struct cell_key *key)
{
	return memcmp(&cell->what, &key->what, sizeof(cell->what)) == 0 &&
	       (!has_remote(&cell->what) ||
		minato_addr_equal(&cell->group.remote, &key->remote));
}

static uint64_t hash_of_cell(const struct port_table *t,
			     const struct port_cell *cell)
{
	struct cell_key key = { .what = cell->what };

	if (has_remote(&key.what))
		key.remote = cell->group.remote;
	return hash_of(t, &key);
}

/* Divides the next bucket in turn between itself and a new one. */
static void grow(struct port_table *t)
{
	uint32_t *buckets = port_part(t, t->cell_buckets_at);
	uint32_t word = buckets[t->cell_buckets - t->cell_base];

	buckets[t->cell_buckets - t->cell_base] = 0;
	buckets[t->cell_buckets] = 0;
	if (++t->cell_buckets == 2 * t->cell_base)
		t->cell_base *= 2;
	while (word != 0) {
		struct port_cell *cell = cell_at(t, word - 1);
		uint32_t *bucket = bucket_of(t, hash_of_cell(t, cell));
		const uint32_t next = cell->next;
		cell->next = *bucket;
		*bucket = word;
		word = next;
	}
}

struct port_cell *cell_find(struct port_table *t, const struct cell_key *key)
{
	uint32_t word = *bucket_of(t, hash_of(t, key));

	t->steps++;
	while (word != 0) {
		struct port_cell *cell = cell_at(t, word - 1);
		t->steps++;
		if (is_of(cell, key))
			return cell;
		word = cell->next;
	}
	return NULL;
}

struct port_cell *cell_get(struct port_table *t, const struct cell_key *key)
{
	struct port_cell *cell = cell_find(t, key);
	uint32_t index, *bucket;

	if (cell != NULL)
		return cell;
	index = pool_take(&t->cells);
	check(index != POOL_NONE); /* there are enough for all entries */
	if (t->cells.used > t->cell_buckets)
		grow(t);
	bucket = bucket_of(t, hash_of(t, key));
	cell = cell_at(t, index);
	*cell = (struct port_cell){ .next = *bucket, .what = key->what };
	if (has_remote(&key->what)) {
		cell->group.remote = key->remote;
		cell->group.root[0] = POOL_NONE;
		cell->group.root[1] = POOL_NONE;
	}
	*bucket = index + 1;
	return cell;
}

void cell_release(struct port_table *t, struct port_cell *cell)
{
	uint32_t *place;

	check(cell->count > 0);
	if (--cell->count > 0)
		return;
	place = bucket_of(t, hash_of_cell(t, cell));
	while (cell_at(t, *place - 1) != cell) {
		place = &cell_at(t, *place - 1)->next;
		t->steps++;
	}
	const uint32_t index = *place - 1;
	*place = cell->next;
	pool_give(&t->cells, index);
}

uint32_t cell_number(const struct port_table *t, const struct port_cell *cell)
{
	return (uint32_t)(cell - cell_at(t, 0));
}
