/* SPDX-License-Identifier: BSD-2-Clause */
/* Chunks and queues: references, room, cursors; then against plain bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/payload.h"
#include "catch.h"
#include "dice.h"

#define LARGE 8
#define SMALL 24

static char *memory; /* struct payload, then what it wants */
static struct payload *p;
static struct queue q;

static size_t memory_size(void)
{
	return 512 + payload_bytes(LARGE, SMALL);
}

static int build(void **state)
{
	(void)state;
	assert_true(sizeof(struct payload) <= 512);
	memory = aligned_alloc(64, memory_size());
	memset(memory, 0, memory_size());
	p = (struct payload *)memory;
	payload_init(p, memory + 512, LARGE, SMALL);
	queue_init(&q);
	return 0;
}

/* Whatever a test did, in the end nothing may be lost. */
static int tear_down(void **state)
{
	(void)state;
	queue_clear(p, &q);
	assert_int_equal(p->large.used, 0);
	assert_int_equal(p->small.used, 0);
	assert_int_equal(p->extents.used, 0);
	free(memory);
	return 0;
}

/* As above, for tests that break a promise on purpose. */
static int tear_down_broken(void **state)
{
	(void)state;
	unpoison(memory, memory_size());
	free(memory);
	return 0;
}

/* --- chunks -------------------------------------------------------------- */

static void size_decides_the_kind(void **state)
{
	uint32_t small = chunk_take(p, MINATO_CHUNK_SMALL);
	uint32_t large = chunk_take(p, MINATO_CHUNK_SMALL + 1);
	(void)state;
	assert_int_equal(chunk_size(small), MINATO_CHUNK_SMALL);
	assert_int_equal(chunk_size(large), MINATO_CHUNK_LARGE);
	assert_true(small & CHUNK_SMALL_BIT);
	assert_int_equal(large, 0);
	chunk_drop(p, small);
	chunk_drop(p, large);
}

static void chunks_run_out_by_size(void **state)
{
	uint32_t taken[LARGE];
	(void)state;
	for (int i = 0; i < LARGE; i++)
		taken[i] = chunk_take(p, MINATO_CHUNK_LARGE);
	assert_int_equal(chunk_take(p, MINATO_CHUNK_LARGE), MINATO_CHUNK_NONE);
	uint32_t small = chunk_take(p, 1);
	assert_true(small != MINATO_CHUNK_NONE);
	chunk_drop(p, small);
	for (int i = 0; i < LARGE; i++)
		chunk_drop(p, taken[i]);
}

static void the_last_reference_frees(void **state)
{
	uint32_t chunk = chunk_take(p, 100);
	(void)state;
	chunk_hold(p, chunk);
	assert_true(chunk_shared(p, chunk));
	chunk_drop(p, chunk);
	assert_false(chunk_shared(p, chunk));
	assert_int_equal(p->small.used, 1);
	chunk_drop(p, chunk);
	assert_int_equal(p->small.used, 0);
}

static void chunks_do_not_overlap(void **state)
{
	uint32_t all[LARGE + SMALL];
	(void)state;
	for (int i = 0; i < LARGE + SMALL; i++) {
		all[i] = chunk_take(p, i < LARGE ? MINATO_CHUNK_LARGE : 1);
		memset(chunk_at(p, all[i]), i + 1, chunk_size(all[i]));
	}
	for (int i = 0; i < LARGE + SMALL; i++) {
		const uint8_t *bytes = chunk_at(p, all[i]);
		for (uint32_t b = 0; b < chunk_size(all[i]); b++)
			assert_int_equal(bytes[b], i + 1);
		chunk_drop(p, all[i]);
	}
}

static void dropping_a_free_chunk_is_caught(void **state)
{
	uint32_t chunk = chunk_take(p, 1);
	(void)state;
	chunk_drop(p, chunk);
	assert_check_fails(chunk_drop(p, chunk));
}

static void holding_a_free_chunk_is_caught(void **state)
{
	uint32_t chunk = chunk_take(p, 1);
	(void)state;
	chunk_drop(p, chunk);
	assert_check_fails(chunk_hold(p, chunk));
}

static void too_many_references_are_caught(void **state)
{
	uint32_t chunk = chunk_take(p, 1);
	(void)state;
	for (int i = 1; i < UINT16_MAX; i++)
		chunk_hold(p, chunk);
	assert_check_fails(chunk_hold(p, chunk));
}

/* --- queues -------------------------------------------------------------- */

static uint32_t append(const char *text)
{
	return queue_append_copy(p, &q, text, (uint32_t)strlen(text));
}

static void assert_queue(const char *text)
{
	char out[256] = { 0 };
	uint32_t len = (uint32_t)strlen(text);
	assert_int_equal(q.bytes, len);
	queue_copy(p, &q, 0, out, len);
	assert_string_equal(out, text);
}

static void a_stretch_is_shared_not_copied(void **state)
{
	uint32_t chunk = chunk_take(p, MINATO_CHUNK_LARGE);
	struct minato_extent out[2];
	(void)state;
	memcpy(chunk_at(p, chunk) + 54, "payload", 7);
	assert_true(queue_append(p, &q, chunk, 54, 7));
	assert_int_equal(queue_view(p, &q, NULL, 0, 7, out, 2, NULL), 1);
	assert_ptr_equal(out[0].base, chunk_at(p, chunk) + 54);
	assert_int_equal(out[0].len, 7);
}

static void a_queue_keeps_its_chunk(void **state)
{
	uint32_t chunk = chunk_take(p, 10);
	(void)state;
	queue_append(p, &q, chunk, 0, 10);
	assert_int_equal(p->small.used, 1);
	queue_consume(p, &q, 9);
	assert_int_equal(p->small.used, 1);
	queue_consume(p, &q, 1);
	assert_int_equal(p->small.used, 0);
}

static void adjoining_stretches_are_one(void **state)
{
	uint32_t chunk = chunk_take(p, 100);
	(void)state;
	chunk_hold(p, chunk);
	assert_true(queue_append(p, &q, chunk, 0, 40));
	assert_true(queue_append(p, &q, chunk, 40, 60));
	assert_int_equal(q.count, 1);
	assert_int_equal(q.bytes, 100);
	assert_false(chunk_shared(p, chunk));
}

static void distant_stretches_stay_two(void **state)
{
	uint32_t chunk = chunk_take(p, 100);
	(void)state;
	chunk_hold(p, chunk);
	queue_append(p, &q, chunk, 0, 40);
	queue_append(p, &q, chunk, 41, 59);
	assert_int_equal(q.count, 2);
	assert_int_equal(q.bytes, 99);
	assert_true(chunk_shared(p, chunk));
}

static void small_copies_fill_one_chunk(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(append("abc"), 3);
	assert_int_equal(p->small.used, 1);
	assert_int_equal(q.count, 1);
	assert_queue("abcabcabcabcabcabcabcabcabcabc");
}

static void a_copy_of_a_small_chunk_takes_one(void **state)
{
	static char bytes[MINATO_CHUNK_SMALL];
	(void)state;
	queue_append_copy(p, &q, bytes, sizeof(bytes));
	assert_int_equal(p->small.used, 1);
	assert_int_equal(p->large.used, 0);
}

static void a_large_copy_takes_a_large_chunk(void **state)
{
	static char bytes[60000];
	(void)state;
	assert_int_equal(queue_append_copy(p, &q, bytes, 60000), 60000);
	assert_int_equal(p->large.used, 1);
	assert_int_equal(p->small.used, 0);
}

static void a_shared_tail_is_not_written(void **state)
{
	uint32_t chunk;
	(void)state;
	append("abc");
	chunk = ((struct extent *)pool_at(&p->extents, q.tail))->chunk;
	chunk_hold(p, chunk);
	append("def");
	assert_int_equal(q.count, 2);
	assert_queue("abcdef");
	chunk_drop(p, chunk);
}

static void a_copy_takes_the_other_size_when_short(void **state)
{
	static char bytes[5000];
	uint32_t taken[LARGE];
	(void)state;
	for (int i = 0; i < LARGE; i++)
		taken[i] = chunk_take(p, MINATO_CHUNK_LARGE);
	assert_int_equal(queue_append_copy(p, &q, bytes, 5000), 5000);
	assert_int_equal(p->small.used, 3);
	for (int i = 0; i < LARGE; i++)
		chunk_drop(p, taken[i]);
}

static void a_copy_ends_where_memory_does(void **state)
{
	static char bytes[LARGE * 65536 + SMALL * 2048 + 1000];
	const uint32_t room = sizeof(bytes) - 1000;
	(void)state;
	assert_int_equal(queue_append_copy(p, &q, bytes, sizeof(bytes)), room);
	assert_int_equal(q.bytes, room);
	assert_int_equal(append("x"), 0);
}

static void without_an_extent_the_reference_is_dropped(void **state)
{
	uint32_t chunk = chunk_take(p, 2000);
	uint32_t appended = 0;
	(void)state;
	for (;; appended++) { /* every second byte: nothing adjoins */
		chunk_hold(p, chunk);
		if (!queue_append(p, &q, chunk, appended * 2, 1))
			break;
	}
	assert_int_equal(appended, 4 * LARGE + 2 * SMALL + 64);
	assert_int_equal(q.bytes, appended);
	queue_clear(p, &q);
	assert_false(chunk_shared(p, chunk));
	chunk_drop(p, chunk);
}

static void a_copy_without_an_extent_ends(void **state)
{
	uint32_t chunk = chunk_take(p, 2000);
	struct queue other;
	(void)state;
	queue_init(&other);
	for (uint32_t i = 0; i < 4 * LARGE + 2 * SMALL + 64; i++) {
		chunk_hold(p, chunk);
		assert_true(queue_append(p, &other, chunk, i * 2, 1));
	}
	assert_int_equal(append("abc"), 0);
	assert_int_equal(q.bytes, 0);
	assert_int_equal(p->small.used, 1);
	queue_clear(p, &other);
	chunk_drop(p, chunk);
}

static void bytes_are_copied_from_anywhere(void **state)
{
	char out[8];
	(void)state;
	for (int i = 0; i < 4; i++) {
		uint32_t chunk = chunk_take(p, 3);
		memcpy(chunk_at(p, chunk), &"abcdefghijkl"[3 * i], 3);
		queue_append(p, &q, chunk, 0, 3);
	}
	queue_copy(p, &q, 7, out, 5);
	assert_memory_equal(out, "hijkl", 5);
	queue_copy(p, &q, 6, out, 3);
	assert_memory_equal(out, "ghi", 3);
	queue_copy(p, &q, 12, out, 0);
	queue_copy(p, &q, 2, out, 8);
	assert_memory_equal(out, "cdefghij", 8);
}

static void copying_what_is_not_there_is_caught(void **state)
{
	char out[8];
	(void)state;
	append("abc");
	assert_check_fails(queue_copy(p, &q, 0, out, 4));
	assert_check_fails(queue_copy(p, &q, 4, out, 0));
	assert_check_fails(queue_copy(p, &q, 1, out, 3));
	assert_check_fails(queue_truncate(p, &q, 4));
	assert_check_fails(
		queue_view(p, &q, NULL, 4, 0, NULL, 0, NULL));
}

static void truncate_keeps_the_front(void **state)
{
	(void)state;
	append("abc");
	for (int i = 0; i < 3; i++) {
		uint32_t chunk = chunk_take(p, 3);
		memcpy(chunk_at(p, chunk), "xyz", 3);
		queue_append(p, &q, chunk, 0, 3);
	}
	queue_truncate(p, &q, 12);
	assert_queue("abcxyzxyzxyz");
	queue_truncate(p, &q, 9);
	assert_queue("abcxyzxyz");
	assert_int_equal(p->small.used, 3);
	queue_truncate(p, &q, 4);
	assert_queue("abcx");
	append("!");
	assert_queue("abcx!");
	queue_truncate(p, &q, 0);
	assert_int_equal(q.count, 0);
	assert_int_equal(p->small.used, 0);
}

static void join_moves_without_copying(void **state)
{
	struct queue from;
	(void)state;
	queue_init(&from);
	append("abc");
	queue_append_copy(p, &from, "def", 3);
	queue_join(p, &q, &from);
	assert_queue("abcdef");
	assert_int_equal(q.count, 2);
	assert_int_equal(from.bytes, 0);
	assert_int_equal(from.head, POOL_NONE);
	queue_join(p, &q, &from);
	assert_queue("abcdef");
	queue_join(p, &from, &q);
	assert_int_equal(q.bytes, 0);
	assert_int_equal(from.bytes, 6);
	queue_join(p, &q, &from);
}

static void view_of_nothing_is_nothing(void **state)
{
	uint32_t covered = 7;
	(void)state;
	assert_int_equal(queue_view(p, &q, NULL, 0, 10, NULL, 0, &covered), 0);
	assert_int_equal(covered, 0);
	append("abc");
	assert_int_equal(queue_view(p, &q, NULL, 3, 10, NULL, 9, &covered), 0);
	assert_int_equal(covered, 0);
}

static void view_says_how_far_it_got(void **state)
{
	struct minato_extent out[4];
	uint32_t covered;
	(void)state;
	for (int i = 0; i < 4; i++)
		queue_append(p, &q, chunk_take(p, 5), 0, 5);
	assert_int_equal(queue_view(p, &q, NULL, 3, 100, out, 2, &covered), 2);
	assert_int_equal(covered, 7);
	assert_int_equal(queue_view(p, &q, NULL, 3, 100, out, 4, &covered), 4);
	assert_int_equal(covered, 17);
	assert_int_equal(out[0].len, 2);
	assert_int_equal(out[3].len, 5);
}

static void a_cursor_survives_what_lies_before_it(void **state)
{
	struct queue_cursor c = { 0 };
	struct minato_extent out[1];
	(void)state;
	for (int i = 0; i < 4; i++)
		queue_append(p, &q, chunk_take(p, 5), 0, 5);
	queue_view(p, &q, &c, 12, 1, out, 1, NULL);
	assert_int_equal(c.position, 10);
	queue_consume(p, &q, 10);
	queue_cursor_consumed(&c, 10);
	assert_true(c.valid);
	assert_int_equal(c.position, 0);
	queue_consume(p, &q, 1);
	queue_cursor_consumed(&c, 1);
	assert_false(c.valid);
	queue_view(p, &q, &c, 4, 1, out, 1, NULL);
	assert_int_equal(c.position, 4);
}

static void a_cursor_goes_back_when_asked(void **state)
{
	struct queue_cursor c = { 0 };
	struct minato_extent out[1];
	void *first;
	(void)state;
	for (int i = 0; i < 4; i++)
		queue_append(p, &q, chunk_take(p, 5), 0, 5);
	queue_view(p, &q, &c, 0, 1, out, 1, NULL);
	first = out[0].base;
	queue_view(p, &q, &c, 19, 1, out, 1, NULL);
	queue_view(p, &q, &c, 0, 1, out, 1, NULL);
	assert_ptr_equal(out[0].base, first);
}

static void consuming_too_much_is_caught(void **state)
{
	(void)state;
	append("abc");
	assert_check_fails(queue_consume(p, &q, 4));
}

static void a_stretch_outside_its_chunk_is_caught(void **state)
{
	uint32_t chunk = chunk_take(p, 1);
	(void)state;
	assert_check_fails(queue_append(p, &q, chunk, 2000, 49));
	assert_check_fails(queue_append(p, &q, chunk, 0, 0));
}

static void a_copy_elsewhere_works(void **state)
{
	char *copy = aligned_alloc(64, memory_size());
	struct payload *other = (struct payload *)copy;
	struct queue twin;
	char out[6];
	(void)state;
	append("abcdef");
	copy_plain(copy, memory, memory_size());
	twin = q;
	queue_truncate(p, &q, 0);
	queue_copy(other, &twin, 0, out, 6);
	assert_memory_equal(out, "abcdef", 6);
	queue_append_copy(other, &twin, "ghi", 3);
	assert_int_equal(twin.bytes, 9);
	assert_int_equal(other->small.used, 1);
	assert_int_equal(p->small.used, 0);
	queue_clear(other, &twin);
	assert_int_equal(other->extents.used, 0);
	free(copy);
}

/* --- against plain bytes ------------------------------------------------- */

#define MODEL_MAX 300000

struct model {
	struct dice dice;
	uint8_t *bytes;
	uint32_t len;
	struct queue_cursor cursor;
};

static void model_append_stretch(struct model *m)
{
	uint32_t size = dice_below(&m->dice, 2) ? 2000 : 60000;
	uint32_t chunk = chunk_take(p, size);
	uint32_t len = 1 + dice_below(&m->dice, size);

	if (chunk == MINATO_CHUNK_NONE || m->len + len > MODEL_MAX) {
		if (chunk != MINATO_CHUNK_NONE)
			chunk_drop(p, chunk);
		return;
	}
	uint32_t offset = dice_below(&m->dice, chunk_size(chunk) - len + 1);
	dice_fill(&m->dice, m->bytes + m->len, len);
	memcpy(chunk_at(p, chunk) + offset, m->bytes + m->len, len);
	if (queue_append(p, &q, chunk, offset, len))
		m->len += len;
}

static void model_append_copy(struct model *m)
{
	uint32_t len = dice_below(&m->dice, dice_below(&m->dice, 2) ? 50 : 9999);

	if (m->len + len > MODEL_MAX)
		return;
	dice_fill(&m->dice, m->bytes + m->len, len);
	m->len += queue_append_copy(p, &q, m->bytes + m->len, len);
}

static void model_consume(struct model *m)
{
	uint32_t len = dice_below(&m->dice, m->len + 1);

	if (dice_below(&m->dice, 4) != 0)
		len /= 50;
	queue_consume(p, &q, len);
	queue_cursor_consumed(&m->cursor, len);
	memmove(m->bytes, m->bytes + len, m->len - len);
	m->len -= len;
}

static void model_truncate(struct model *m)
{
	m->len -= dice_below(&m->dice, m->len / 20 + 1);
	queue_truncate(p, &q, m->len);
	m->cursor = (struct queue_cursor){ 0 };
}

/* A view with the kept cursor must show the very bytes of the model. */
static void model_view(struct model *m)
{
	struct minato_extent out[5];
	uint32_t covered;
	uint32_t offset = dice_below(&m->dice, m->len + 1);
	uint32_t len = dice_below(&m->dice, 70000);
	uint32_t max = dice_below(&m->dice, 6);
	uint32_t count = queue_view(p, &q, &m->cursor, offset, len, out, max,
				    &covered);
	uint32_t seen = 0;

	assert_true(count <= max);
	for (uint32_t i = 0; i < count; i++) {
		assert_memory_equal(out[i].base, m->bytes + offset + seen,
				    out[i].len);
		seen += (uint32_t)out[i].len;
	}
	assert_int_equal(seen, covered);
	if (count < max) {
		uint32_t there = m->len - offset;
		assert_int_equal(covered, len < there ? len : there);
	}
}

static void model_step(struct model *m)
{
	static uint8_t out[MODEL_MAX];

	switch (dice_below(&m->dice, 8)) {
	case 0:
		model_append_stretch(m);
		break;
	case 1:
	case 2:
		model_append_copy(m);
		break;
	case 3:
		model_consume(m);
		break;
	case 4:
		model_truncate(m);
		break;
	default:
		model_view(m);
	}
	assert_int_equal(q.bytes, m->len);
	if (dice_below(&m->dice, 20) == 0) {
		queue_copy(p, &q, 0, out, m->len);
		assert_memory_equal(out, m->bytes, m->len);
	}
}

static void agrees_with_plain_bytes(void **state)
{
	struct model m = { .dice = { 7 }, .bytes = malloc(MODEL_MAX) };
	(void)state;
	for (int i = 0; i < 5000; i++)
		model_step(&m);
	free(m.bytes);
}

#define T(name) cmocka_unit_test_setup_teardown(name, build, tear_down)
#define B(name) cmocka_unit_test_setup_teardown(name, build, tear_down_broken)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(size_decides_the_kind),
		T(chunks_run_out_by_size),
		T(the_last_reference_frees),
		T(chunks_do_not_overlap),
		T(a_stretch_is_shared_not_copied),
		T(a_queue_keeps_its_chunk),
		T(adjoining_stretches_are_one),
		T(distant_stretches_stay_two),
		T(small_copies_fill_one_chunk),
		T(a_copy_of_a_small_chunk_takes_one),
		T(a_large_copy_takes_a_large_chunk),
		T(a_shared_tail_is_not_written),
		T(a_copy_takes_the_other_size_when_short),
		T(a_copy_ends_where_memory_does),
		T(without_an_extent_the_reference_is_dropped),
		T(a_copy_without_an_extent_ends),
		T(bytes_are_copied_from_anywhere),
		T(truncate_keeps_the_front),
		T(join_moves_without_copying),
		T(view_of_nothing_is_nothing),
		T(view_says_how_far_it_got),
		T(a_cursor_survives_what_lies_before_it),
		T(a_cursor_goes_back_when_asked),
		T(a_copy_elsewhere_works),
		T(agrees_with_plain_bytes),
		B(dropping_a_free_chunk_is_caught),
		B(holding_a_free_chunk_is_caught),
		B(too_many_references_are_caught),
		B(consuming_too_much_is_caught),
		B(copying_what_is_not_there_is_caught),
		B(a_stretch_outside_its_chunk_is_caught),
	};
	return cmocka_run_group_tests_name("payload", tests, NULL, NULL);
}
