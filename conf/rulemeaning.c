/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What rules are in a host value: for each, one entry for each pair of what its from and to stand
 * for, each protocol and each run of ports. Entries of a rule follow each other in their order, and
 * rules in theirs; behind them stand those of the ports that are shut to all but lan.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/rules.h"
#include "minato/gateway.h"
#include "minato/guard.h"

#define PREFIX4 96u
#define PORT_MAX 65535u

/* One end of an entry: a prefix, which may be anybody's, and by what way it came. */
struct side {
	struct conf_prefix prefix;
	uint8_t scope, face;
	uint16_t guest;		/* whose number it is that comes; 0: anybody's */
	struct conf_door ports; /* of a guest that is gone to; proto 0: all */
};
struct sides {
	struct side *list;
	size_t count, room;
};

struct meaning {
	const struct conf *conf;
	const struct conf_zones *zones;
	struct rules_names names;
	struct conf_prefix *lan; /* where hosts of lan are, for what goes there */
	size_t lan_count;
	struct sides from, to;
	const struct conf_door *ports; /* of the pair at hand; NULL: all */
	uint64_t order;
	conf_policy_fn *each;
	void *user;
};

/* ---- sides ---- */

static int add_side(struct sides *sides, const struct side *side)
{
	if (sides->count == sides->room) {
		size_t room = sides->room ? sides->room * 2 : 16;
		struct side *list = realloc(sides->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		sides->list = list;
		sides->room = room;
	}
	sides->list[sides->count++] = *side;
	return 0;
}

static struct side anybody(void)
{
	return (struct side){ .scope = MINATO_SCOPE_ANY, .face = MINATO_FACE_ANY };
}

static int add_prefix(struct sides *sides, const struct conf_prefix *prefix)
{
	struct side side = anybody();

	side.prefix = *prefix;
	return add_side(sides, &side);
}

static int add_prefixes(struct sides *sides, const struct conf_prefix *list, size_t count)
{
	int result = 0;

	for (size_t i = 0; i < count && result == 0; i++)
		result = add_prefix(sides, &list[i]);
	return result;
}

/* ---- what is not in a list of prefixes ---- */

static bool holds(const struct conf_prefix *wide, const struct conf_prefix *narrow)
{
	return wide->length <= narrow->length && judge_within(wide, &narrow->addr);
}

/* Halves the prefix until each part is in the list as a whole, or not at all. */
static int add_rest(struct sides *sides, const struct conf_prefix *prefix,
		    const struct conf_prefix *list, size_t count)
{
	bool meets = false;
	struct conf_prefix half = *prefix;
	int result;

	for (size_t i = 0; i < count; i++) {
		if (holds(&list[i], prefix))
			return 0;
		meets |= holds(prefix, &list[i]);
	}
	if (!meets)
		return add_prefix(sides, prefix);
	half.length++;
	result = add_rest(sides, &half, list, count);
	half.addr.bytes[prefix->length / 8] |= (uint8_t)(0x80u >> prefix->length % 8);
	return result == 0 ? add_rest(sides, &half, list, count) : result;
}

/* All but lan. */
static int add_wan(const struct meaning *m, struct sides *sides)
{
	const struct conf_prefix all = { { { 0 } }, 0 };

	return add_rest(sides, &all, m->lan, m->lan_count);
}

/* ---- links of a gateway ---- */

static struct conf_prefix network_of(const struct conf_prefix *own)
{
	struct conf_prefix network = *own;

	for (unsigned bit = network.length; bit < 128; bit++)
		network.addr.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	return network;
}

static bool is_link(const struct conf_statement *s, bool outside)
{
	return s->kind == CONF_KIND_LINK && s->link.sort != CONF_LINK_HOST &&
	       s->link.outside == outside;
}

static int make_lan(struct meaning *m)
{
	size_t room = m->zones->lan_count + 1;

	for (size_t i = 0; i < m->conf->count; i++)
		room += m->conf->list[i]->kind == CONF_KIND_LINK ? CONF_ADDRESSES_MAX : 0;
	m->lan = calloc(room, sizeof(m->lan[0]));
	if (!m->lan)
		return -ENOMEM;
	for (size_t i = 0; i < m->zones->lan_count; i++)
		m->lan[m->lan_count++] = m->zones->lan[i];
	for (size_t i = 0; i < m->conf->count; i++) {
		const struct conf_statement *s = m->conf->list[i];

		for (uint32_t k = 0; is_link(s, false) && k < s->link.address_count; k++)
			m->lan[m->lan_count++] = network_of(&s->link.address[k]);
	}
	return 0;
}

/* What came in by the insides: a scope for each. */
static int from_insides(const struct meaning *m, struct sides *sides)
{
	struct side side = anybody();
	int result = 0;

	side.scope = CONF_SCOPE_INSIDE;
	for (size_t i = 0; i < m->conf->count && result == 0; i++) {
		if (!is_link(m->conf->list[i], false))
			continue;
		result = add_side(sides, &side);
		side.scope = side.scope == CONF_SCOPE_INSIDE ? CONF_SCOPE_OUTSIDE + 1 :
							       (uint8_t)(side.scope + 1);
	}
	return result;
}

/* The number of a link is its place among the links. */
static int from_link(const struct meaning *m, struct sides *sides,
		     const struct conf_statement *link)
{
	struct side side = anybody();

	side.face = 0;
	if (link->link.sort == CONF_LINK_HOST) {
		side = anybody();
		side.scope = CONF_SCOPE_OUTSIDE;
		return add_side(sides, &side);
	}
	for (size_t i = 0; i < m->conf->count && m->conf->list[i] != link; i++)
		side.face = (uint8_t)(side.face + (is_link(m->conf->list[i], false) ||
						   is_link(m->conf->list[i], true)));
	return add_side(sides, &side);
}

static int to_link(struct sides *sides, const struct conf_link *link)
{
	int result = 0;

	for (uint32_t i = 0; i < link->address_count && result == 0; i++) {
		struct conf_prefix network = network_of(&link->address[i]);

		result = add_prefix(sides, &network);
	}
	return result;
}

/* Our own addresses: those of the links, and of pools. */
static int to_self(const struct meaning *m, struct sides *sides)
{
	const struct side all = anybody();
	int result = 0;

	if (m->zones->guest)
		return add_side(sides, &all);
	for (size_t i = 0; i < m->conf->count && result == 0; i++) {
		const struct conf_statement *s = m->conf->list[i];

		if (s->kind == CONF_KIND_POOL)
			result = add_prefix(sides, &s->pool.addresses);
		for (uint32_t k = 0;
		     s->kind == CONF_KIND_LINK && k < s->link.address_count && result == 0; k++) {
			const struct conf_prefix own = { s->link.address[k].addr, 128 };

			result = add_prefix(sides, &own);
		}
	}
	return result;
}

/* ---- words ---- */

static int add_set(const struct meaning *m, struct sides *sides, const char *word)
{
	const struct conf_set *set;
	size_t at = 0;
	int result = 0;

	while (result == 0 && (set = rules_set_next(&m->names, word, &at)) != NULL)
		result = add_prefixes(sides, set->prefix, set->count);
	return result;
}

/* Whoever looks names up enters what they stand for, or says it here. */
static int add_named(const struct meaning *m, struct sides *sides, const char *word)
{
	struct conf_prefix one = { .length = 128 };

	if (!m->zones->named || !m->zones->named(m->zones->named_user, word, &one.addr))
		return 0;
	return add_prefix(sides, &one);
}

static int from_guest(const struct meaning *m, struct sides *sides, const char *word)
{
	struct side side = anybody();

	side.scope = m->zones->outside;
	side.guest = m->zones->fellow ? m->zones->fellow(m->zones->fellow_user, word) : 0;
	return side.guest ? add_side(sides, &side) : 0;
}

static int add_door(void *user, const struct conf_door *door)
{
	struct side side = anybody();

	side.ports = *door;
	side.prefix = door->to;
	return add_side(user, &side);
}

static int to_guest(const struct meaning *m, struct sides *sides, const char *word)
{
	return m->zones->doors ? m->zones->doors(m->zones->doors_user, word, add_door, sides) : 0;
}

static int from_zone(const struct meaning *m, struct sides *sides, bool lan)
{
	struct side side = anybody();

	if (!m->zones->guest && lan)
		return from_insides(m, sides);
	side.scope = m->zones->guest ? m->zones->outside : CONF_SCOPE_OUTSIDE;
	if (m->zones->guest)
		side.face = lan ? m->zones->lan_face : m->zones->wan_face;
	return add_side(sides, &side);
}

static int add_word(const struct meaning *m, struct sides *sides, const char *word, bool from)
{
	const struct conf_statement *link = NULL;
	enum rules_sort sort = rules_word(&m->names, word, &link);

	switch (sort) {
	case RULES_LAN:
	case RULES_WAN:
		if (from)
			return from_zone(m, sides, sort == RULES_LAN);
		return sort == RULES_LAN ? add_prefixes(sides, m->lan, m->lan_count) :
					   add_wan(m, sides);
	case RULES_SELF:
		return to_self(m, sides);
	case RULES_LINK:
		return from ? from_link(m, sides, link) : to_link(sides, &link->link);
	case RULES_SET:
		return add_set(m, sides, word);
	case RULES_DNS:
		return add_named(m, sides, word);
	case RULES_GUEST:
		return from ? from_guest(m, sides, word) : to_guest(m, sides, word);
	case RULES_UNKNOWN:
		break;
	}
	return 0;
}

static int make_sides(struct meaning *m, const struct conf_rule *rule)
{
	const struct side all = anybody();
	struct conf_item item;
	bool from_said = false;
	bool to_said = false;
	uint32_t at = 0;
	int result = 0;

	m->from.count = m->to.count = 0;
	while (result == 0 && conf_item_next(rule, &at, &item)) {
		bool from = item.sort == CONF_ITEM_FROM || item.sort == CONF_ITEM_FROM_WORD;
		bool to = item.sort == CONF_ITEM_TO || item.sort == CONF_ITEM_TO_WORD;

		from_said |= from;
		to_said |= to;
		if (from || to)
			result = item.word ?
					 add_word(m, from ? &m->from : &m->to, item.word, from) :
					 add_prefix(from ? &m->from : &m->to, &item.prefix);
	}
	if (result == 0 && !from_said)
		result = add_side(&m->from, &all);
	if (result == 0 && !to_said)
		result = add_side(&m->to, &all);
	return result;
}

/* ---- entries ---- */

static bool is_any(const struct conf_prefix *prefix)
{
	return prefix->length == 0;
}

static bool is4(const struct conf_prefix *prefix)
{
	return prefix->length >= PREFIX4 && minato_addr_is4(&prefix->addr);
}

static struct minato_entry entry_of(const struct meaning *m, const struct conf_rule *rule)
{
	static const enum minato_verdict verdicts[] = {
		[CONF_ALLOW] = MINATO_PASS,
		[CONF_BLOCK] = MINATO_REFUSE,
		[CONF_DROP] = MINATO_DROP,
		[CONF_LIMIT] = MINATO_PASS,
	};

	return (struct minato_entry){
		.kind = MINATO_KIND_GUARD,
		.verdict = verdicts[rule->verb],
		.uid = MINATO_UID_NONE,
		.order = m->order,
		.course = rule->out ? MINATO_COURSE_OUT : MINATO_COURSE_IN,
		.rate_count = rule->rate_count,
		.rate_span_s = rule->rate_span_s,
		.rate_each = rule->each,
		.rate_verdict = !rule->rate_count ? MINATO_PASS :
				rule->silent	  ? MINATO_DROP :
						    MINATO_REFUSE,
		.log = rule->log,
	};
}

static int give(struct meaning *m, size_t index, struct minato_entry *entry, uint8_t proto,
		uint32_t first, uint32_t last)
{
	if (m->ports) {
		if (proto && proto != m->ports->proto)
			return 0;
		proto = m->ports->proto;
		first = first > m->ports->first ? first : m->ports->first;
		last = last < m->ports->last ? last : m->ports->last;
		if (first > last)
			return 0;
	}
	entry->proto = proto;
	entry->first = (uint16_t)first;
	entry->last = (uint16_t)last;
	return m->each(m->user, index, entry);
}

/* A type with a name, in each family that the ends can be of. */
static int give_type(struct meaning *m, size_t index, const struct minato_entry *entry,
		     uint32_t named)
{
	const struct conf_prefix local = { entry->local, entry->local_prefix };
	const struct conf_prefix remote = { entry->remote, entry->remote_prefix };
	struct minato_entry one = *entry;
	int four, six;
	int result = 0;

	(void)ruleline_type(named, &four, &six);
	if (four >= 0 && (is_any(&local) || is4(&local)) && (is_any(&remote) || is4(&remote))) {
		if (is_any(&local)) {
			one.local = minato_addr4(0, 0, 0, 0);
			one.local_prefix = PREFIX4;
		}
		result = give(m, index, &one, MINATO_ICMP, (uint32_t)four, (uint32_t)four);
	}
	one = *entry;
	if (result == 0 && six >= 0 && !is4(&local) && !is4(&remote))
		result = give(m, index, &one, MINATO_ICMP, (uint32_t)six, (uint32_t)six);
	return result;
}

/* Of a guest none is carried. */
static int give_other(struct meaning *m, size_t index, struct minato_entry *entry, uint32_t first,
		      uint32_t last)
{
	return m->zones->guest ? 0 : give(m, index, entry, MINATO_PROTO_OTHER, first, last);
}

static int give_runs(struct meaning *m, size_t index, const struct conf_rule *rule,
		     struct minato_entry *entry)
{
	uint8_t both = rule->protocols & (CONF_TCP | CONF_UDP);
	uint8_t proto = both == CONF_TCP ? MINATO_TCP : both == CONF_UDP ? MINATO_UDP : 0;
	struct conf_item item;
	uint32_t at = 0;
	bool listed = false;
	int result = 0;

	while (result == 0 && conf_item_next(rule, &at, &item)) {
		if (item.sort == CONF_ITEM_PORTS)
			result = give(m, index, entry, proto, item.run.first, item.run.last);
		else if (item.sort == CONF_ITEM_TYPES)
			result = item.run.first >= CONF_TYPE_NAMED ?
					 give_type(m, index, entry, item.run.first) :
					 give(m, index, entry, MINATO_ICMP, item.run.first,
					      item.run.last);
		else if (item.sort == CONF_ITEM_NUMBERS)
			result = give_other(m, index, entry, item.run.first, item.run.last);
		listed |= item.sort == CONF_ITEM_PORTS || item.sort == CONF_ITEM_TYPES ||
			  item.sort == CONF_ITEM_NUMBERS;
	}
	if (result < 0 || listed)
		return result;
	if (both || !rule->protocols)
		result = give(m, index, entry, proto, 0, PORT_MAX);
	if (result == 0 && (!rule->protocols || rule->protocols & CONF_ICMP))
		result = give(m, index, entry, MINATO_ICMP, 0, PORT_MAX);
	if (result == 0 && !rule->protocols)
		result = give_other(m, index, entry, 0, PORT_MAX);
	return result;
}

/* A way in of a guest is by the host's sockets, a way out by its own frames. */
static uint8_t scope_of(const struct meaning *m, const struct conf_rule *rule,
			const struct side *from)
{
	if (from->scope != MINATO_SCOPE_ANY || !m->zones->guest)
		return from->scope;
	return rule->out ? m->zones->inside : m->zones->outside;
}

static int give_pair(struct meaning *m, size_t index, const struct conf_rule *rule,
		     const struct side *from, const struct side *to)
{
	struct minato_entry entry = entry_of(m, rule);
	struct conf_item item;

	if (!is_any(&from->prefix) && !is_any(&to->prefix) &&
	    is4(&from->prefix) != is4(&to->prefix))
		return 0;
	entry.scope = scope_of(m, rule, from);
	entry.face = from->face;
	entry.remote = from->prefix.addr;
	entry.remote_prefix = from->prefix.length;
	entry.local = to->prefix.addr;
	entry.local_prefix = to->prefix.length;
	if (conf_item_find(rule, CONF_ITEM_PROGRAM, &item)) {
		if (!m->zones->program)
			return 0;
		entry.program = m->zones->program(m->zones->program_user, item.word);
	}
	if (from->guest)
		entry.program = from->guest;
	m->ports = to->ports.proto ? &to->ports : NULL;
	return give_runs(m, index, rule, &entry);
}

static int give_rule(struct meaning *m, size_t index, const struct conf_rule *rule)
{
	int result = make_sides(m, rule);

	for (size_t i = 0; i < m->from.count && result == 0; i++) {
		for (size_t k = 0; k < m->to.count && result == 0; k++)
			result = give_pair(m, index, rule, &m->from.list[i], &m->to.list[k]);
	}
	m->order++;
	return result;
}

/* The ports of a forward that lead to the i-th of those that are shut, from others than lan. */
static int give_behind(struct meaning *m, const struct conf_forward *f, uint32_t run, uint32_t i)
{
	struct conf_rule rule = { .verb = CONF_BLOCK, .protocols = f->protocols };
	struct conf_item item = { .sort = CONF_ITEM_FROM_WORD, .word = "wan" };
	struct conf_run led;
	uint32_t k = 0;

	while (k < f->server_count &&
	       !rules_behind(&f->run[run], f->server[k].at.port, f->many_to_one, i, &led))
		k++;
	if (k == f->server_count)
		return 0;
	(void)conf_item_add(&rule, &item);
	item = (struct conf_item){ .sort = CONF_ITEM_PORTS, .run = led };
	(void)conf_item_add(&rule, &item);
	if (!minato_addr_is_any(&f->on)) {
		item = (struct conf_item){ .sort = CONF_ITEM_TO, .prefix = { f->on, 128 } };
		(void)conf_item_add(&rule, &item);
	}
	return give_rule(m, m->conf->count, &rule);
}

/* Where those are published or forwarded under other numbers. */
static int give_all_behind(struct meaning *m)
{
	int result = 0;

	for (size_t i = 0; i < m->conf->count && result == 0; i++) {
		const struct conf_statement *s = m->conf->list[i];

		if (s->kind != CONF_KIND_FORWARD)
			continue;
		for (uint32_t k = 0; result == 0 && k < s->forward.run_count * RULES_SHUT_COUNT;
		     k++)
			result = give_behind(m, &s->forward, k / RULES_SHUT_COUNT,
					     k % RULES_SHUT_COUNT);
	}
	return result;
}

/* NetBIOS and SMB from others than lan. */
static int give_shut(struct meaning *m)
{
	struct conf_rule rule = { .verb = CONF_BLOCK, .protocols = CONF_TCP | CONF_UDP };
	struct conf_item item = { .sort = CONF_ITEM_FROM_WORD, .word = "wan" };

	(void)conf_item_add(&rule, &item);
	for (uint32_t i = 0; i < RULES_SHUT_COUNT; i++) {
		item = (struct conf_item){ .sort = CONF_ITEM_PORTS, .run = rules_shut[i] };
		(void)conf_item_add(&rule, &item);
	}
	return give_rule(m, m->conf->count, &rule);
}

int conf_policy(const struct conf *conf, const struct conf_zones *zones, conf_policy_fn *each,
		void *user)
{
	struct meaning m = { .conf = conf, .zones = zones, .each = each, .user = user, .order = 1 };
	int result = rules_names_make(&m.names, conf, zones->guest ? zones->name : NULL);

	if (result == 0)
		result = make_lan(&m);
	for (size_t i = 0; i < conf->count && result == 0; i++) {
		if (conf->list[i]->kind == CONF_KIND_RULE)
			result = give_rule(&m, i, &conf->list[i]->rule);
	}
	if (result == 0)
		result = give_shut(&m);
	if (result == 0)
		result = give_all_behind(&m);
	free(m.from.list);
	free(m.to.list);
	free(m.lan);
	rules_names_free(&m.names);
	return result;
}
