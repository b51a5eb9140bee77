/* SPDX-License-Identifier: BSD-2-Clause */
/* For the files that find rules which can never match. */
#ifndef MINATO_CONF_SHADOW_H
#define MINATO_CONF_SHADOW_H

#include "conf/rules.h"

/* ---- shadowcover.c: what rules have decided ---- */

struct shadow_piece {
	uint16_t first, last;
	uint32_t rule; /* index of the statement */
};

/* What rules are about that differ in ports alone. */
struct shadow_key {
	uint64_t from[2], to[2]; /* a prefix, or the hash or number of a word */
	uint64_t program;
	uint8_t from_length, to_length, out, protocol;
	uint32_t term; /* its number; 0: for good */
};

struct shadow_cover {
	struct shadow_key key;
	struct shadow_piece *piece; /* by port, apart from each other */
	uint32_t count, room;
	bool used;
};
struct shadow_covers {
	struct shadow_cover *list; /* open addressing */
	size_t count, room;
};
/* Fills what is not covered yet: who came first decides. False: out of memory. */
bool shadow_cover_fill(struct shadow_covers *covers, const struct shadow_key *key,
		       const struct conf_run *run, size_t run_count, uint32_t rule);
/* NULL: no rule is about that. */
const struct shadow_cover *shadow_cover_find(const struct shadow_covers *covers,
					     const struct shadow_key *key);
/* What decides the port, or NULL. */
const struct shadow_piece *shadow_cover_at(const struct shadow_cover *cover, uint32_t port);
void shadow_cover_free(struct shadow_covers *covers);

/*
 * Prefixes that rules name, and those whose halves are both here: where a prefix is not made of
 * longer ones, some address of it is in none of these, and only what holds all of it can decide it.
 */
struct shadow_tile {
	uint64_t value[2];
	uint8_t length;
	bool used, whole; /* whole: made of longer ones */
};
struct shadow_tiles {
	struct shadow_tile *list; /* open addressing */
	size_t count, room;
};
/* False: out of memory. */
bool shadow_tile_add(struct shadow_tiles *tiles, const struct conf_prefix *prefix);
bool shadow_tile_is_whole(const struct shadow_tiles *tiles, const struct conf_prefix *prefix);

/* ---- shadowspot.c: what stands behind from and to ---- */

/* Of a word that means nothing but itself. */
uint64_t shadow_hash_word(const char *word);

enum shadow_end { SHADOW_FROM, SHADOW_TO };

/* Words that mean places; behind them the links, by their number. */
enum shadow_place {
	SHADOW_LAN,
	SHADOW_WAN,
	SHADOW_SELF,
	SHADOW_LINK,
	SHADOW_PLACES = SHADOW_LINK + CONF_LINKS_MAX,
};
#define SHADOW_NOWHERE 255u /* in the place of one: none is said */
#define SHADOW_WORD 255u    /* in the place of a length */

struct shadow_side {
	uint64_t value[2]; /* of a prefix; of a word its hash, or its number */
	uint8_t length;	   /* 0: anybody; SHADOW_WORD */
	uint8_t sort;	   /* of a word: enum rules_sort */
	const char *word;
};
/* Who is of the side and of the place. What comes from a zone has any address. */
struct shadow_spot {
	struct shadow_side side;
	uint8_t place; /* enum shadow_place: lan, wan, behind `from` a link */
};

/* Of each end: what rules have said. */
struct shadow_said {
	bool length[129], place[SHADOW_PLACES];
	struct shadow_tiles tiles;
};

#define SHADOW_OWN_MAX 128u /* addresses of ours that are looked at, or none */
struct shadow_ground {
	const struct rules_names *names;
	struct conf_prefix own[SHADOW_OWN_MAX];
	uint32_t own_count;
	bool own_known; /* all of them */
	struct shadow_said said[2];
};
void shadow_ground_make(struct shadow_ground *g, const struct conf *conf,
			const struct rules_names *names);
void shadow_ground_free(struct shadow_ground *g);

void shadow_spot_of(const struct shadow_ground *g, struct shadow_spot *spot, enum shadow_end end,
		    const struct conf_item *item);
/* What it is entered as. */
struct shadow_side shadow_spot_side(const struct shadow_spot *spot);
struct conf_prefix shadow_side_prefix(const struct shadow_side *side);
void shadow_side_set(struct shadow_side *side, const struct conf_prefix *prefix);
/* Notes that a rule says it. False: out of memory. */
bool shadow_spot_note(struct shadow_ground *g, const struct shadow_spot *spot, enum shadow_end end);

#define SHADOW_WIDER_MAX 160u
/* What holds it, itself included, of what has been said. Returns how many. */
uint32_t shadow_spot_wider(const struct shadow_ground *g, const struct shadow_spot *spot,
			   enum shadow_end end, struct shadow_side out[SHADOW_WIDER_MAX]);

/* Parts that are all of it together. */
struct shadow_parts {
	struct shadow_spot spot;
	enum shadow_end end;
	enum {
		SHADOW_PARTS_LINKS,
		SHADOW_PARTS_NETWORKS,
		SHADOW_PARTS_OWN,
		SHADOW_PARTS_MEMBERS,
		SHADOW_PARTS_HALVES,
		SHADOW_PARTS_ZONES,
	} sort;
	const struct conf_set *set;
	size_t at;
	uint32_t link, i;
};
/* False: there are none that would tell more than the whole. */
bool shadow_parts_begin(const struct shadow_ground *g, const struct shadow_spot *spot,
			enum shadow_end end, struct shadow_parts *parts);
bool shadow_parts_next(const struct shadow_ground *g, struct shadow_parts *parts,
		       struct shadow_spot *out);

#endif
