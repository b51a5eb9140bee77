/* SPDX-License-Identifier: BSD-2-Clause */
/* Which ports of what rules are about are decided already, and prefixes that are made of others. */
#include <stdlib.h>
#include <string.h>

#include "conf/shadow.h"

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

/* ---- covers ---- */

static uint64_t hash_of_key(const struct shadow_key *key)
{
	uint64_t words[sizeof(*key) / sizeof(uint64_t)];
	uint64_t hash = 0;

	memcpy(words, key, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		hash = mix(hash, words[i]);
	return hash;
}

/* Where it is, or has its place; there is room. */
static struct shadow_cover *seek_key(const struct shadow_covers *covers,
				     const struct shadow_key *key)
{
	size_t at = hash_of_key(key) & (covers->room - 1);

	while (covers->list[at].used && memcmp(&covers->list[at].key, key, sizeof(*key)) != 0)
		at = (at + 1) & (covers->room - 1);
	return &covers->list[at];
}

static bool grow(struct shadow_covers *covers)
{
	struct shadow_covers bigger = { .count = covers->count,
					.room = covers->room ? covers->room * 2 : 64 };

	bigger.list = calloc(bigger.room, sizeof(*bigger.list));
	if (!bigger.list)
		return false;
	for (size_t i = 0; i < covers->room; i++) {
		if (covers->list[i].used)
			*seek_key(&bigger, &covers->list[i].key) = covers->list[i];
	}
	free(covers->list);
	*covers = bigger;
	return true;
}

static struct shadow_cover *enter(struct shadow_covers *covers, const struct shadow_key *key)
{
	struct shadow_cover *cover;

	if ((covers->count + 1) * 2 > covers->room && !grow(covers))
		return NULL;
	cover = seek_key(covers, key);
	if (!cover->used) {
		*cover = (struct shadow_cover){ .key = *key, .used = true };
		covers->count++;
	}
	return cover;
}

const struct shadow_cover *shadow_cover_find(const struct shadow_covers *covers,
					     const struct shadow_key *key)
{
	const struct shadow_cover *cover = covers->room ? seek_key(covers, key) : NULL;

	return cover && cover->used ? cover : NULL;
}

/* The first piece that ends at the port or behind it. */
static uint32_t seek_port(const struct shadow_cover *cover, uint32_t port)
{
	uint32_t low = 0;
	uint32_t high = cover->count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (cover->piece[middle].last < port)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct shadow_piece *shadow_cover_at(const struct shadow_cover *cover, uint32_t port)
{
	uint32_t at = seek_port(cover, port);

	return at < cover->count && cover->piece[at].first <= port ? &cover->piece[at] : NULL;
}

static bool insert(struct shadow_cover *cover, uint32_t at, const struct shadow_piece *piece)
{
	if (cover->count == cover->room) {
		uint32_t room = cover->room ? cover->room * 2 : 2;
		struct shadow_piece *list = realloc(cover->piece, room * sizeof(*list));

		if (!list)
			return false;
		cover->piece = list;
		cover->room = room;
	}
	memmove(&cover->piece[at + 1], &cover->piece[at],
		(cover->count - at) * sizeof(cover->piece[0]));
	cover->piece[at] = *piece;
	cover->count++;
	return true;
}

static bool fill_run(struct shadow_cover *cover, const struct conf_run *run, uint32_t rule)
{
	uint32_t port = run->first;

	while (port <= run->last) {
		uint32_t at = seek_port(cover, port);
		bool behind = at == cover->count || cover->piece[at].first > run->last;
		uint32_t end = behind ? run->last : cover->piece[at].first - 1u;
		struct shadow_piece piece = { (uint16_t)port, (uint16_t)end, rule };

		if (!behind && cover->piece[at].first <= port)
			end = cover->piece[at].last;
		else if (!insert(cover, at, &piece))
			return false;
		port = end + 1;
	}
	return true;
}

bool shadow_cover_fill(struct shadow_covers *covers, const struct shadow_key *key,
		       const struct conf_run *run, size_t run_count, uint32_t rule)
{
	struct shadow_cover *cover = enter(covers, key);
	bool filled = cover;

	for (size_t i = 0; i < run_count && filled; i++)
		filled = fill_run(cover, &run[i], rule);
	return filled;
}

void shadow_cover_free(struct shadow_covers *covers)
{
	for (size_t i = 0; i < covers->room; i++)
		free(covers->list[i].piece);
	free(covers->list);
}

/* ---- tiles ---- */

static struct shadow_tile *seek_tile(const struct shadow_tiles *tiles, const uint64_t value[2],
				     uint8_t length)
{
	size_t at = mix(mix(mix(0, value[0]), value[1]), length) & (tiles->room - 1);

	while (tiles->list[at].used &&
	       (tiles->list[at].length != length || tiles->list[at].value[0] != value[0] ||
		tiles->list[at].value[1] != value[1]))
		at = (at + 1) & (tiles->room - 1);
	return &tiles->list[at];
}

static bool grow_tiles(struct shadow_tiles *tiles)
{
	struct shadow_tiles bigger = { .count = tiles->count,
				       .room = tiles->room ? tiles->room * 2 : 64 };

	bigger.list = calloc(bigger.room, sizeof(*bigger.list));
	if (!bigger.list)
		return false;
	for (size_t i = 0; i < tiles->room; i++) {
		const struct shadow_tile *one = &tiles->list[i];

		if (one->used)
			*seek_tile(&bigger, one->value, one->length) = *one;
	}
	free(tiles->list);
	*tiles = bigger;
	return true;
}

/* NULL: out of memory. */
static struct shadow_tile *enter_tile(struct shadow_tiles *tiles, const struct conf_prefix *prefix,
				      bool *is_new)
{
	struct shadow_tile *tile;
	uint64_t value[2];

	if ((tiles->count + 1) * 2 > tiles->room && !grow_tiles(tiles))
		return NULL;
	memcpy(value, prefix->addr.bytes, sizeof(value));
	tile = seek_tile(tiles, value, prefix->length);
	*is_new = !tile->used;
	if (*is_new) {
		*tile = (struct shadow_tile){
			.value = { value[0], value[1] },
			.length = prefix->length,
			.used = true,
		};
		tiles->count++;
	}
	return tile;
}

static const struct shadow_tile *find_tile(const struct shadow_tiles *tiles,
					   const struct conf_prefix *prefix)
{
	const struct shadow_tile *tile;
	uint64_t value[2];

	if (!tiles->room)
		return NULL;
	memcpy(value, prefix->addr.bytes, sizeof(value));
	tile = seek_tile(tiles, value, prefix->length);
	return tile->used ? tile : NULL;
}

bool shadow_tile_add(struct shadow_tiles *tiles, const struct conf_prefix *prefix)
{
	struct conf_prefix at = *prefix;
	bool is_new;
	struct shadow_tile *tile = enter_tile(tiles, &at, &is_new);

	/* What was here has told those above it. */
	while (tile && is_new && at.length > 0) {
		uint8_t *byte = &at.addr.bytes[(at.length - 1) / 8];
		const uint8_t bit = (uint8_t)(0x80u >> (at.length - 1) % 8);

		*byte ^= bit;
		if (!find_tile(tiles, &at))
			return true;
		*byte &= (uint8_t)~bit;
		at.length--;
		tile = enter_tile(tiles, &at, &is_new);
		if (tile)
			tile->whole = true;
	}
	return tile;
}

bool shadow_tile_is_whole(const struct shadow_tiles *tiles, const struct conf_prefix *prefix)
{
	const struct shadow_tile *tile = find_tile(tiles, prefix);

	return tile && tile->whole;
}
