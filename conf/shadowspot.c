/* SPDX-License-Identifier: BSD-2-Clause */
/* Whom what stands behind from and to means, beside others: what holds it, what it is made of. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/shadow.h"

#define ALL4 96u /* the length of a prefix of all IPv4 addresses */

/* ---- sides ---- */

uint64_t shadow_hash_word(const char *word)
{
	uint64_t hash = 1;

	for (; *word; word++) {
		hash = (hash ^ (uint8_t)*word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return hash;
}

static struct shadow_side word_side(const char *word, enum rules_sort sort)
{
	return (struct shadow_side){
		.value = { shadow_hash_word(word), 1 },
		.length = SHADOW_WORD,
		.sort = (uint8_t)sort,
		.word = word,
	};
}

static struct shadow_side place_side(uint32_t place)
{
	return (struct shadow_side){ .value = { place, 2 }, .length = SHADOW_WORD };
}

void shadow_side_set(struct shadow_side *side, const struct conf_prefix *prefix)
{
	*side = (struct shadow_side){ .length = prefix->length };
	memcpy(side->value, prefix->addr.bytes, sizeof(side->value));
}

struct conf_prefix shadow_side_prefix(const struct shadow_side *side)
{
	struct conf_prefix prefix = { .length = side->length };

	memcpy(prefix.addr.bytes, side->value, sizeof(side->value));
	return prefix;
}

static bool is_place(const struct shadow_side *side, uint32_t place)
{
	return side->length == SHADOW_WORD && side->value[0] == place && side->value[1] == 2;
}

/* ---- what is ours ---- */

static void add_own(struct shadow_ground *g, const struct conf_prefix *prefix)
{
	if (g->own_count == SHADOW_OWN_MAX)
		g->own_known = false;
	else
		g->own[g->own_count++] = *prefix;
}

void shadow_ground_make(struct shadow_ground *g, const struct conf *conf,
			const struct rules_names *names)
{
	g->names = names;
	g->own_known = !names->guest;
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];

		if (s->kind == CONF_KIND_POOL)
			add_own(g, &s->pool.addresses);
		if (s->kind != CONF_KIND_LINK)
			continue;
		/* Of the host's own sockets nobody knows the addresses. */
		g->own_known &= s->link.sort != CONF_LINK_HOST;
		for (uint32_t k = 0; k < s->link.address_count; k++) {
			const struct conf_prefix own = { s->link.address[k].addr, 128 };

			add_own(g, &own);
		}
	}
}

void shadow_ground_free(struct shadow_ground *g)
{
	free(g->said[SHADOW_FROM].tiles.list);
	free(g->said[SHADOW_TO].tiles.list);
}

static const struct conf_link *link_of(const struct shadow_ground *g, uint32_t i)
{
	return &g->names->link[i]->link;
}

/* The nth network of an inside or outside; false: it has no more. */
static bool network_of(const struct shadow_ground *g, uint32_t link, uint32_t i,
		       struct conf_prefix *out)
{
	if (i >= link_of(g, link)->address_count)
		return false;
	*out = link_of(g, link)->address[i];
	for (unsigned bit = out->length; bit < 128; bit++)
		out->addr.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	return true;
}

static bool holds(const struct conf_prefix *wide, const struct conf_prefix *narrow)
{
	return wide->length <= narrow->length && judge_within(wide, &narrow->addr);
}

/* Whether all (or with `some` part) of the prefix is on such a link, or on an inside. */
static bool is_on(const struct shadow_ground *g, uint32_t place, const struct conf_prefix *prefix,
		  bool some)
{
	struct conf_prefix net;

	for (uint32_t i = 0; i < g->names->link_count; i++) {
		if (place == SHADOW_LAN ? link_of(g, i)->outside : place != SHADOW_LINK + i)
			continue;
		for (uint32_t k = 0; network_of(g, i, k, &net); k++) {
			if (some ? judge_overlap(&net, prefix) : holds(&net, prefix))
				return true;
		}
	}
	return false;
}

/* Whether what goes to the prefix goes to the place. */
static bool is_of_place(const struct shadow_ground *g, uint32_t place,
			const struct conf_prefix *prefix)
{
	if (place == SHADOW_WAN)
		return !is_on(g, SHADOW_LAN, prefix, true);
	if (place != SHADOW_SELF)
		return is_on(g, place, prefix, false);
	for (uint32_t i = 0; i < g->own_count; i++) {
		if (holds(&g->own[i], prefix))
			return true;
	}
	return false;
}

/* ---- a spot ---- */

void shadow_spot_of(const struct shadow_ground *g, struct shadow_spot *spot, enum shadow_end end,
		    const struct conf_item *item)
{
	const struct conf_statement *link = NULL;
	enum rules_sort sort;
	uint32_t i = 0;

	*spot = (struct shadow_spot){ .place = SHADOW_NOWHERE };
	if (!item->word) {
		shadow_side_set(&spot->side, &item->prefix);
		return;
	}
	sort = rules_word(g->names, item->word, &link);
	while (i < g->names->link_count && g->names->link[i] != link)
		i++;
	if (sort == RULES_LAN || sort == RULES_WAN)
		spot->place = sort == RULES_LAN ? SHADOW_LAN : SHADOW_WAN;
	else if (sort == RULES_LINK && i < g->names->link_count && end == SHADOW_FROM)
		spot->place = (uint8_t)(SHADOW_LINK + i);
	else if (sort == RULES_LINK && i < g->names->link_count)
		spot->side = place_side(SHADOW_LINK + i);
	else if (sort == RULES_SELF && !g->names->guest)
		spot->side = place_side(SHADOW_SELF);
	else if (sort != RULES_SELF)
		spot->side = word_side(item->word, sort);
}

struct shadow_side shadow_spot_side(const struct shadow_spot *spot)
{
	return spot->place == SHADOW_NOWHERE ? spot->side : place_side(spot->place);
}

/* What goes to a place goes to prefixes. */
static bool note_networks(struct shadow_ground *g, uint32_t place)
{
	struct shadow_tiles *tiles = &g->said[SHADOW_TO].tiles;
	struct conf_prefix net;
	bool noted = true;

	for (uint32_t i = 0; place == SHADOW_SELF && i < g->own_count && noted; i++)
		noted = shadow_tile_add(tiles, &g->own[i]);
	for (uint32_t i = 0; i < g->names->link_count; i++) {
		if (place == SHADOW_LAN ? link_of(g, i)->outside : place != SHADOW_LINK + i)
			continue;
		for (uint32_t k = 0; noted && network_of(g, i, k, &net); k++)
			noted = shadow_tile_add(tiles, &net);
	}
	return noted;
}

bool shadow_spot_note(struct shadow_ground *g, const struct shadow_spot *spot, enum shadow_end end)
{
	struct shadow_said *said = &g->said[end];
	const struct shadow_side side = shadow_spot_side(spot);

	if (side.length <= 128) {
		const struct conf_prefix prefix = shadow_side_prefix(&side);

		said->length[side.length] = true;
		return shadow_tile_add(&said->tiles, &prefix);
	}
	if (side.value[1] != 2 || said->place[side.value[0]])
		return true;
	said->place[side.value[0]] = true;
	return end == SHADOW_FROM || note_networks(g, (uint32_t)side.value[0]);
}

/* ---- what is wider ---- */

/* The stars that a name lies below: *.debian.org and *.org of deb.debian.org. */
static uint32_t wider_names(const struct shadow_side *side, struct shadow_side *out, uint32_t count)
{
	const char *dot = strchr(side->word + (side->word[0] == '*' ? 2 : 0), '.');
	char star[256];

	for (; dot; dot = strchr(dot + 1, '.')) {
		(void)snprintf(star, sizeof(star), "*%s", dot);
		out[count] = word_side(star, RULES_DNS);
		out[count++].word = side->word;
	}
	return count;
}

static uint32_t wider_prefixes(const struct shadow_said *said, const struct shadow_side *side,
			       struct shadow_side *out, uint32_t count)
{
	struct conf_prefix prefix = shadow_side_prefix(side);

	for (int length = side->length; length > 0; length--) {
		prefix.length = (uint8_t)length;
		if (length < side->length)
			prefix.addr.bytes[length / 8] &= (uint8_t) ~(0x80u >> length % 8);
		if (said->length[length])
			shadow_side_set(&out[count++], &prefix);
	}
	return count;
}

/* What goes to a prefix goes to the places that it is in. */
static uint32_t wider_places(const struct shadow_ground *g, const struct shadow_side *side,
			     struct shadow_side *out, uint32_t count)
{
	const struct conf_prefix prefix = shadow_side_prefix(side);

	for (uint32_t place = 0; place < SHADOW_PLACES; place++) {
		if (g->said[SHADOW_TO].place[place] && is_of_place(g, place, &prefix))
			out[count++] = place_side(place);
	}
	return count;
}

uint32_t shadow_spot_wider(const struct shadow_ground *g, const struct shadow_spot *spot,
			   enum shadow_end end, struct shadow_side out[SHADOW_WIDER_MAX])
{
	const struct shadow_side *side = &spot->side;
	uint32_t count = 0;

	out[count++] = (struct shadow_side){ .length = 0 };
	if (spot->place != SHADOW_NOWHERE)
		out[count++] = place_side(spot->place);
	if (spot->place != SHADOW_NOWHERE && spot->place >= SHADOW_LINK)
		out[count++] = place_side(
			link_of(g, spot->place - SHADOW_LINK)->outside ? SHADOW_WAN : SHADOW_LAN);
	if (side->length == SHADOW_WORD) {
		out[count++] = *side;
		return side->sort == RULES_DNS && side->word ? wider_names(side, out, count) :
							       count;
	}
	count = wider_prefixes(&g->said[end], side, out, count);
	return end == SHADOW_TO && !g->names->guest ? wider_places(g, side, out, count) : count;
}

/* ---- parts ---- */

static uint32_t links_of(const struct shadow_ground *g, uint32_t place)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < g->names->link_count; i++)
		count += place == SHADOW_NOWHERE || link_of(g, i)->outside == (place == SHADOW_WAN);
	return count;
}

/* Whether all members of a set stand in the conf: what is in a file may change. */
static bool is_listed(const struct shadow_ground *g, const char *word)
{
	const struct conf_set *set;
	size_t at = 0;
	bool any = false;

	while ((set = rules_set_next(g->names, word, &at)) != NULL) {
		if (set->path[0] || set->of_file)
			return false;
		any |= set->count > 0;
	}
	return any;
}

static bool is_said(const struct shadow_said *said, const struct shadow_ground *g, uint32_t link)
{
	return said->place[SHADOW_LINK + link] ||
	       said->place[link_of(g, link)->outside ? SHADOW_WAN : SHADOW_LAN];
}

/* Whether rules have said something of each place that somebody could be in. */
static bool zones_are_said(const struct shadow_ground *g, enum shadow_end end)
{
	const struct shadow_said *said = &g->said[end];

	if (g->names->guest || end == SHADOW_TO)
		return said->place[SHADOW_LAN] && said->place[SHADOW_WAN];
	for (uint32_t i = 0; i < g->names->link_count; i++) {
		if (!is_said(said, g, i))
			return false;
	}
	return g->names->link_count > 0;
}

/* A name of the DNS, or another guest that is gone to, is where it is. */
static bool has_zones(const struct shadow_side *side, enum shadow_end end)
{
	return side->length != SHADOW_WORD || side->sort == RULES_SET ||
	       (side->sort == RULES_GUEST && end == SHADOW_FROM);
}

/* Of one family at least. */
static bool is_all(const struct shadow_side *side)
{
	const struct conf_prefix prefix = shadow_side_prefix(side);

	return side->length == 0 || (side->length == ALL4 && minato_addr_is4(&prefix.addr));
}

bool shadow_parts_begin(const struct shadow_ground *g, const struct shadow_spot *spot,
			enum shadow_end end, struct shadow_parts *parts)
{
	const struct shadow_side *side = &spot->side;
	const bool zoned = spot->place == SHADOW_LAN || spot->place == SHADOW_WAN;

	*parts = (struct shadow_parts){ .spot = *spot, .end = end };
	if (side->length <= 128) {
		const struct conf_prefix prefix = shadow_side_prefix(side);

		parts->sort = SHADOW_PARTS_HALVES;
		if (shadow_tile_is_whole(&g->said[end].tiles, &prefix))
			return true;
	}
	if (side->length == SHADOW_WORD && side->sort == RULES_SET && side->word) {
		parts->sort = SHADOW_PARTS_MEMBERS;
		if (is_listed(g, side->word))
			return true;
	}
	if (is_place(side, SHADOW_SELF)) {
		parts->sort = SHADOW_PARTS_OWN;
		return g->own_known && g->own_count > 0;
	}
	parts->sort = SHADOW_PARTS_NETWORKS;
	if (side->length == SHADOW_WORD && side->value[1] == 2)
		return link_of(g, (uint32_t)side->value[0] - SHADOW_LINK)->address_count > 0;
	if (end == SHADOW_TO && !g->names->guest && spot->place == SHADOW_LAN && is_all(side))
		return links_of(g, SHADOW_LAN) > 0;
	parts->sort = SHADOW_PARTS_LINKS;
	if (end == SHADOW_FROM && !g->names->guest && zoned)
		return links_of(g, spot->place) > 0;
	parts->sort = g->names->guest || end == SHADOW_TO ? SHADOW_PARTS_ZONES : SHADOW_PARTS_LINKS;
	return spot->place == SHADOW_NOWHERE && has_zones(side, end) && zones_are_said(g, end);
}

static bool next_link(const struct shadow_ground *g, struct shadow_parts *parts,
		      struct shadow_spot *out)
{
	const uint8_t place = parts->spot.place;

	for (; parts->link < g->names->link_count; parts->link++) {
		if (place != SHADOW_NOWHERE &&
		    link_of(g, parts->link)->outside != (place == SHADOW_WAN))
			continue;
		out->place = (uint8_t)(SHADOW_LINK + parts->link++);
		return true;
	}
	return false;
}

static bool next_network(const struct shadow_ground *g, struct shadow_parts *parts,
			 struct shadow_spot *out)
{
	const bool lan = parts->spot.place == SHADOW_LAN;
	const uint32_t one = (uint32_t)parts->spot.side.value[0] - SHADOW_LINK;
	struct conf_prefix net;

	for (; parts->link < g->names->link_count; parts->link++, parts->i = 0) {
		if (lan ? link_of(g, parts->link)->outside : parts->link != one)
			continue;
		if (!network_of(g, parts->link, parts->i, &net))
			continue;
		parts->i++;
		shadow_side_set(&out->side, &net);
		out->place = SHADOW_NOWHERE;
		return true;
	}
	return false;
}

static bool next_member(const struct shadow_ground *g, struct shadow_parts *parts,
			struct shadow_spot *out)
{
	while (!parts->set || parts->i == parts->set->count) {
		parts->set = rules_set_next(g->names, parts->spot.side.word, &parts->at);
		parts->i = 0;
		if (!parts->set)
			return false;
	}
	shadow_side_set(&out->side, &parts->set->prefix[parts->i++]);
	return true;
}

static bool next_half(struct shadow_parts *parts, struct shadow_spot *out)
{
	struct conf_prefix half = shadow_side_prefix(&parts->spot.side);

	if (parts->i == 2)
		return false;
	if (parts->i++)
		half.addr.bytes[half.length / 8] |= (uint8_t)(0x80u >> half.length % 8);
	half.length++;
	shadow_side_set(&out->side, &half);
	return true;
}

bool shadow_parts_next(const struct shadow_ground *g, struct shadow_parts *parts,
		       struct shadow_spot *out)
{
	*out = parts->spot;
	switch (parts->sort) {
	case SHADOW_PARTS_LINKS:
		return next_link(g, parts, out);
	case SHADOW_PARTS_NETWORKS:
		return next_network(g, parts, out);
	case SHADOW_PARTS_OWN:
		if (parts->i == g->own_count)
			return false;
		shadow_side_set(&out->side, &g->own[parts->i++]);
		return true;
	case SHADOW_PARTS_MEMBERS:
		return next_member(g, parts, out);
	case SHADOW_PARTS_HALVES:
		return next_half(parts, out);
	case SHADOW_PARTS_ZONES:
		out->place = parts->i ? SHADOW_WAN : SHADOW_LAN;
		return parts->i++ < 2;
	}
	return false;
}
