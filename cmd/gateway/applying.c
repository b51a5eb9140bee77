/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Statements in the host value. A change is the difference between two lists: what goes, goes
 * first, so that what comes finds its place free. Where one step is refused, the way back is the
 * same function with the lists exchanged.
 */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define POOL_BITS_MAX 12u /* 4,096 addresses in one statement */

/* As minato_address_add and others count prefixes. */
static uint32_t own_length(const struct conf_prefix *prefix)
{
	return minato_addr_is4(&prefix->addr) ? prefix->length - 96u : prefix->length;
}

static int refuse(const struct conf *conf, const struct conf_statement *one, int result,
		  struct drive_error *error)
{
	static char text[CONF_TEXT_SIZE];
	char line[CONF_WHERE_SIZE];
	char where[CONF_WHERE_SIZE + 4] = "";

	(void)cmd_rule_print(text, sizeof(text), one);
	if (one->line)
		(void)snprintf(where, sizeof(where), "%s: ", conf_where(line, conf, one->line));
	if (result == -EADDRINUSE)
		return drive_fail(error, EADDRINUSE,
				  "%s%.300s: a port of it is taken already, by another forward",
				  where, text);
	if (result == -EOPNOTSUPP)
		return drive_fail(error, EOPNOTSUPP,
				  "%s%.300s: a gateway does not do this yet: it is right, and "
				  "understood by minato check alone",
				  where, text);
	if (result == -ENOSPC)
		return drive_fail(error, ENOSPC, "%s%.300s: the table has no room for more", where,
				  text);
	return drive_fail(error, -result, "%s%.300s: %s", where, text, strerror(-result));
}

/* ---- forwards, dmz, never, reserve ---- */

static void drop_held(struct gateway_applied *applied, struct gateway_held *held)
{
	for (size_t i = 0; i < held->count; i++)
		(void)minato_entry_remove(applied->host, held->entries[i]);
	if (held->group)
		(void)minato_group_remove(applied->host, held->group);
	free(held->entries);
	*held = (struct gateway_held){ .entries = NULL };
}

static int make_group(struct gateway_applied *applied, const struct conf_statement *one,
		      struct gateway_held *held)
{
	struct minato_server servers[CONF_SERVERS_MAX];
	uint32_t count = conf_servers(one, servers);

	if (!count)
		return 0;
	return minato_group_set(applied->host, &held->group, servers, count,
				one->kind == CONF_KIND_FORWARD && one->forward.sticky);
}

static bool has_bounds(const struct minato_entry *entry)
{
	return entry->kind == MINATO_KIND_FORWARD || entry->kind == MINATO_KIND_DMZ;
}

static int add_entries(struct gateway_applied *applied, const struct conf *conf,
		       const struct conf_statement *one, struct gateway_held *held)
{
	static struct minato_entry entries[CONF_ENTRIES_MAX];
	uint64_t word = held->id ? GATEWAY_WORD_FORWARD | held->id : 0;
	size_t count = conf_entries(conf, one, word, entries);
	int result = 0;

	held->entries = calloc(count ? count : 1, sizeof(held->entries[0]));
	if (!held->entries)
		return -ENOMEM;
	for (size_t i = 0; i < count && result == 0; i++) {
		if (held->group)
			entries[i].group = held->group;
		if (entries[i].translate && !entries[i].flows_max)
			entries[i].flows_max = applied->flows_max;
		/* What the sentence says of bounds is said of all its ports and sources. */
		if (i > 0 && has_bounds(&entries[i]))
			entries[i].bounds_of = held->entries[0];
		if (word)
			entries[i].user |= (uint64_t)i << GATEWAY_WORD_ENTRY_SHIFT;
		result = minato_entry_add(applied->host, &entries[i], &held->entries[i]);
		held->count += result == 0;
	}
	return result;
}

/* What would stand in the table without anybody to answer for it is refused instead. */
static bool is_served(const struct gateway_applied *applied, const struct conf_statement *one)
{
	if (applied->links->host && one->kind == CONF_KIND_FORWARD)
		return gateway_door_fits(&one->forward);
	if (applied->links->host && one->kind == CONF_KIND_DMZ)
		return false;
	return one->kind != CONF_KIND_FORWARD || !conf_ends_here(&one->forward) ||
	       one->forward.protocols == CONF_TCP;
}

static int hold(struct gateway_applied *applied, const struct conf *conf,
		const struct conf_statement *one, struct gateway_held *held)
{
	int result = is_served(applied, one) ? make_group(applied, one, held) : -EOPNOTSUPP;

	if (one->kind == CONF_KIND_FORWARD && conf_ends_here(&one->forward))
		held->id = ++applied->last_id;
	if (result == 0)
		result = add_entries(applied, conf, one, held);
	if (result < 0)
		drop_held(applied, held);
	return result;
}

/* ---- links and routes ---- */

static int64_t link_of(const struct gateway_applied *applied, const struct conf_link *said)
{
	for (size_t i = 0; i < applied->links->count; i++) {
		if (gateway_link_same(&applied->links->list[i].said, said))
			return (int64_t)i;
	}
	return -ENOENT;
}

/* The link of the list that has the address among its own. */
bool gateway_prefix_has(const struct conf_prefix *prefix, const struct minato_addr *addr)
{
	for (uint32_t bit = 0; bit < prefix->length; bit++) {
		uint8_t mask = (uint8_t)(0x80u >> bit % 8);

		if ((prefix->addr.bytes[bit / 8] ^ addr->bytes[bit / 8]) & mask)
			return false;
	}
	return true;
}

bool gateway_link_has(const struct conf_link *link, const struct minato_addr *addr)
{
	for (uint32_t i = 0; i < link->address_count; i++) {
		if (gateway_prefix_has(&link->address[i], addr))
			return true;
	}
	return false;
}

const struct conf_statement *gateway_forward_of(const struct gateway_applied *applied,
						uint64_t word, struct gateway_held **held)
{
	const uint32_t id = (uint32_t)word;

	if (!id || word >> 56 != GATEWAY_WORD_FORWARD >> 56)
		return NULL;
	for (size_t i = 0; i < applied->rules.conf.count; i++) {
		if (applied->held[i].id != id)
			continue;
		*held = &applied->held[i];
		return applied->rules.conf.list[i];
	}
	return NULL;
}

static int add_route(struct gateway_applied *applied, const struct conf_route *route)
{
	for (size_t i = 0; i < applied->links->count; i++) {
		if (gateway_link_has(&applied->links->list[i].said, &route->via))
			return minato_route_add(applied->host, &route->to.addr,
						own_length(&route->to), &route->via, (uint32_t)i);
	}
	return -ENETUNREACH;
}

static int add_defaults(struct gateway_applied *applied, uint32_t link,
			const struct conf_link *said)
{
	int result = 0;

	for (uint32_t i = 0; i < said->via_count && result == 0; i++) {
		struct minato_addr any = minato_addr4(0, 0, 0, 0);

		if (!minato_addr_is4(&said->via[i]))
			any = (struct minato_addr){ { 0 } };
		result = minato_route_add(applied->host, &any, 0, &said->via[i], link);
		if (result == -EEXIST)
			result = 0;
	}
	return result;
}

static int add_link(struct gateway_applied *applied, const struct conf_link *said)
{
	int64_t link = link_of(applied, said);
	int result = 0;

	if (said->sort == CONF_LINK_HOST)
		return 0;
	if (link < 0)
		return (int)link;
	for (uint32_t i = 0; i < said->address_count && result == 0; i++)
		result = minato_address_add(applied->host, (uint32_t)link, &said->address[i].addr,
					    own_length(&said->address[i]));
	return result == 0 ? add_defaults(applied, (uint32_t)link, said) : result;
}

static void drop_link(struct gateway_applied *applied, const struct conf_link *said)
{
	int64_t link = link_of(applied, said);

	for (uint32_t i = 0; link >= 0 && i < said->address_count; i++)
		(void)minato_address_remove(applied->host, (uint32_t)link, &said->address[i].addr);
}

/* ---- addresses for translations ---- */

struct wanted {
	struct gateway_pooled *list;
	size_t count, room;
};

static int want(struct wanted *wanted, const struct gateway_pooled *one)
{
	if (wanted->count == wanted->room) {
		size_t room = wanted->room ? wanted->room * 2 : 16;
		void *list = realloc(wanted->list, room * sizeof(wanted->list[0]));

		if (!list)
			return -ENOMEM;
		wanted->list = list;
		wanted->room = room;
	}
	wanted->list[wanted->count++] = *one;
	return 0;
}

/* The outside link that a pool names, or the only one. */
static int64_t pool_link(const struct gateway_applied *applied, const char *ifname)
{
	for (size_t i = 0; i < applied->links->count; i++) {
		const struct conf_link *said = &applied->links->list[i].said;

		if (said->outside && (!*ifname || !strcmp(said->ifname, ifname)))
			return (int64_t)i;
	}
	return -ENOENT;
}

static int want_pool(struct gateway_applied *applied, struct wanted *wanted,
		     const struct conf_pool *pool)
{
	uint32_t bits = 128u - pool->addresses.length;
	uint32_t count = bits <= POOL_BITS_MAX ? 1u << bits : 0;
	int64_t link = pool_link(applied, pool->link);
	struct gateway_pooled one = { .addr = pool->addresses.addr };
	int result = 0;

	if (link < 0)
		return (int)link;
	if (!count)
		return -ENOSPC;
	one.link = (uint32_t)link;
	one.low = pool->low;
	one.high = pool->high;
	for (uint32_t i = 0; i < count && result == 0; i++) {
		result = want(wanted, &one);
		for (int at = 15; at >= 12 && ++one.addr.bytes[at] == 0; at--)
			;
	}
	return result;
}

static bool has_pool(const struct gateway_applied *applied, const struct conf *conf, int64_t link)
{
	for (size_t i = 0; i < conf->count; i++) {
		if (conf->list[i]->kind == CONF_KIND_POOL &&
		    pool_link(applied, conf->list[i]->pool.link) == link)
			return true;
	}
	return false;
}

/* Without a pool, what the link itself has serves: its first IPv4 address. */
static int want_own(struct gateway_applied *applied, struct wanted *wanted, const struct conf *conf,
		    const struct conf_link *said)
{
	int64_t link = link_of(applied, said);

	if (!said->outside || said->sort == CONF_LINK_HOST || has_pool(applied, conf, link))
		return 0;
	for (uint32_t i = 0; i < said->address_count; i++) {
		const struct gateway_pooled one = {
			.link = (uint32_t)link,
			.addr = said->address[i].addr,
		};

		if (minato_addr_is4(&one.addr))
			return want(wanted, &one);
	}
	return 0;
}

static bool is_pooled(const struct gateway_pooled *list, size_t count,
		      const struct gateway_pooled *one)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].link == one->link && list[i].low == one->low &&
		    list[i].high == one->high && minato_addr_equal(&list[i].addr, &one->addr))
			return true;
	}
	return false;
}

static int change_pool(struct gateway_applied *applied, struct wanted *wanted)
{
	int result = 0;

	for (size_t i = 0; i < applied->pool_count; i++) {
		const struct gateway_pooled *one = &applied->pool[i];

		if (is_pooled(wanted->list, wanted->count, one))
			continue;
		gateway_part_pool(applied, &one->addr);
		(void)minato_pool_remove(applied->host, one->link, &one->addr);
	}
	for (size_t i = 0; i < wanted->count && result == 0; i++) {
		const struct gateway_pooled *one = &wanted->list[i];

		if (is_pooled(applied->pool, applied->pool_count, one))
			continue;
		result = minato_pool_add(applied->host, one->link, &one->addr, one->low, one->high);
		/* What is not there cannot be taken away again: it is kept off the list. */
		if (result < 0)
			wanted->count = i;
	}
	free(applied->pool);
	applied->pool = wanted->list;
	applied->pool_count = wanted->count;
	*wanted = (struct wanted){ .list = NULL };
	return result;
}

static int apply_pools(struct gateway_applied *applied, const struct conf *conf,
		       struct drive_error *error)
{
	const struct conf_statement *culprit = NULL;
	struct wanted wanted = { .list = NULL };
	int result = 0;

	for (size_t i = 0; i < conf->count && result == 0; i++) {
		culprit = conf->list[i];
		if (culprit->kind == CONF_KIND_POOL)
			result = want_pool(applied, &wanted, &culprit->pool);
		else if (culprit->kind == CONF_KIND_LINK)
			result = want_own(applied, &wanted, conf, &culprit->link);
	}
	if (result < 0) {
		free(wanted.list);
		return refuse(conf, culprit, result, error);
	}
	result = change_pool(applied, &wanted);
	if (result < 0)
		return drive_fail(error, -result, "an address for translations: %s",
				  strerror(-result));
	return 0;
}

static int apply_nat(struct gateway_applied *applied, const struct conf *conf,
		     struct drive_error *error)
{
	struct minato_nat nat;
	int result;

	conf_nat_apply(&nat, conf);
	result = minato_nat_set(applied->host, &nat);
	return result < 0 ?
		       drive_fail(error, -result, "the settings of nat: %s", strerror(-result)) :
		       0;
}

/* ---- the difference ---- */

static int take(struct gateway_applied *applied, const struct conf *conf,
		const struct conf_statement *one, struct gateway_held *held)
{
	switch (one->kind) {
	case CONF_KIND_LINK:
		return add_link(applied, &one->link);
	case CONF_KIND_ROUTE:
		return add_route(applied, &one->route);
	case CONF_KIND_FORWARD:
	case CONF_KIND_DMZ:
	case CONF_KIND_NEVER:
	case CONF_KIND_RESERVE:
		return hold(applied, conf, one, held);
	case CONF_KIND_POOL:
	case CONF_KIND_NAT:
	case CONF_KIND_CAPACITY:
	case CONF_KIND_STATE:
	case CONF_KIND_TEST:
	case CONF_KIND_DRAIN: /* apply_drains */
	case CONF_KIND_ZONE:
	case CONF_KIND_SET:
	case CONF_KIND_RULE: /* all of them together, behind the rest */
	case CONF_KIND_COUNT:
		break;
	case CONF_KIND_SCANS: /* scanrules.c: whole */
	case CONF_KIND_ALERT: /* the keeper's */
		break;
	case CONF_KIND_LISTEN:
		/* Where packets are handed on nobody listens. */
		return applied->links->host ? 0 : -EOPNOTSUPP;
	}
	return 0;
}

/* The list on its way: what of the wanted one stands. */
struct coming {
	struct gateway_rules rules;
	struct conf rest; /* as in gateway_applied */
	struct conf_diff diff;
	struct gateway_held *held; /* of each wanted */
	bool *stands;
};

static void come_free(struct coming *coming)
{
	gateway_rules_free(&coming->rules);
	free(coming->rest.list);
	conf_diff_free(&coming->diff);
	free(coming->held);
	free(coming->stands);
}

/* Of its rules; policing.c sees to those of the policy. */
static int come_begin(struct coming *coming, const struct gateway_applied *applied)
{
	const struct conf *conf = &coming->rules.conf;
	int result = conf_diff_make(&coming->diff, &applied->rules.conf, conf);

	coming->rest.list = calloc(conf->count + 1, sizeof(coming->rest.list[0]));
	coming->rest.files = conf->files;
	coming->held = calloc(conf->count + 1, sizeof(coming->held[0]));
	coming->stands = calloc(conf->count + 1, sizeof(coming->stands[0]));
	if (result == 0 && (!coming->held || !coming->stands || !coming->rest.list))
		result = -ENOMEM;
	for (size_t i = 0; i < conf->count && result == 0; i++, gateway_breathe()) {
		size_t same = coming->diff.same[i];
		bool rule = conf->list[i]->kind == CONF_KIND_RULE;

		if (!rule)
			coming->rest.list[coming->rest.count++] = conf->list[i];
		coming->stands[i] = same != SIZE_MAX || rule ||
				    conf->list[i]->kind == CONF_KIND_TEST;
		if (same != SIZE_MAX)
			coming->held[i] = applied->held[same];
	}
	return result;
}

/* What the wanted list has no more; from behind, as links are. */
static void go(struct gateway_applied *applied, const struct coming *coming)
{
	for (size_t i = coming->diff.remove_count; i-- > 0;) {
		size_t index = coming->diff.remove[i];

		drop_held(applied, &applied->held[index]);
		if (applied->rules.conf.list[index]->kind == CONF_KIND_LINK)
			drop_link(applied, &applied->rules.conf.list[index]->link);
	}
}

/* Forwards last: what they stand on must be there. */
static int come(struct gateway_applied *applied, struct coming *coming, bool links,
		struct drive_error *error)
{
	const struct conf *conf = &coming->rules.conf;
	int result = 0;

	for (size_t i = 0; i < coming->diff.add_count && result == 0; i++) {
		size_t index = coming->diff.add[i];
		const struct conf_statement *one = conf->list[index];

		if ((one->kind == CONF_KIND_LINK) != links)
			continue;
		result = take(applied, &coming->rest, one, &coming->held[index]);
		if (result == -EADDRINUSE &&
		    gateway_held_refuse(applied, &coming->rest, one, error) < 0)
			continue;
		if (result < 0)
			(void)refuse(conf, one, result, error);
		else
			coming->stands[index] = true;
	}
	return result;
}

static void drop_rest(struct conf *rest, const struct conf_statement *one)
{
	size_t kept = 0;

	for (size_t i = 0; i < rest->count; i++) {
		if (rest->list[i] != one)
			rest->list[kept++] = rest->list[i];
	}
	rest->count = kept;
}

/* What stands, in the order of the wanted list, is the list in force; *before: what was. */
static void settle(struct gateway_applied *applied, struct coming *coming,
		   struct gateway_rules *before)
{
	struct conf rest = applied->rest;
	size_t kept = 0;

	for (size_t i = 0; i < coming->rules.conf.count; i++) {
		if (coming->stands[i])
			coming->held[kept++] = coming->held[i];
	}
	for (size_t i = coming->rules.conf.count; i-- > 0;) {
		if (coming->stands[i])
			continue;
		drop_rest(&coming->rest, coming->rules.conf.list[i]);
		gateway_rules_remove(&coming->rules, i);
	}
	applied->rest = coming->rest;
	coming->rest = rest;
	*before = applied->rules;
	applied->rules = coming->rules;
	coming->rules = (struct gateway_rules){ .until_s = NULL };
	free(applied->held);
	applied->held = coming->held;
	coming->held = NULL;
}

/* ---- who drains ---- */

/* Weights as they are to be; who is down stays down. */
static void drain_group(struct gateway_applied *applied, const struct conf_statement *one,
			struct gateway_held *held)
{
	struct minato_server servers[CONF_SERVERS_MAX];
	struct minato_server now[CONF_SERVERS_MAX];
	uint32_t count = conf_servers(one, servers);
	bool same = minato_group_get(applied->host, held->group, now, CONF_SERVERS_MAX) ==
		    (int)count;
	bool changed = false;

	for (uint32_t i = 0; i < count && same; i++) {
		servers[i].down = now[i].down;
		if (conf_drains_has(&applied->drains, one, i))
			servers[i].weight = 0;
		changed |= servers[i].weight != now[i].weight;
	}
	if (changed)
		(void)minato_group_set(applied->host, &held->group, servers, count,
				       one->forward.sticky);
}

/* Flows live on, and whoever drained before may get new ones again. */
static void apply_drains(struct gateway_applied *applied)
{
	const struct conf *conf = &applied->rules.conf;
	bool before = applied->drains.count > 0;

	conf_drains_find(&applied->drains, &applied->rest);
	for (size_t i = 0; i < conf->count && (before || applied->drains.count); i++) {
		const struct conf_statement *one = conf->list[i];
		struct gateway_held *held = &applied->held[i];
		bool drains;

		if (one->kind != CONF_KIND_FORWARD && one->kind != CONF_KIND_DMZ)
			continue;
		if (held->group) {
			drain_group(applied, one, held);
			continue;
		}
		drains = conf_drains_has(&applied->drains, one, 0);
		/* What is refused of a dmz is no forward. */
		for (size_t k = 0; k < held->count; k++)
			(void)minato_entry_drain(applied->host, held->entries[k], drains);
	}
}

/* All but the rules; *before: what was in force. */
static int step(struct gateway_applied *applied, struct coming *coming,
		struct gateway_rules *before, struct drive_error *error)
{
	const struct conf *conf = &coming->rest;
	int result;

	go(applied, coming);
	result = come(applied, coming, true, error);
	if (result == 0)
		result = apply_pools(applied, conf, error);
	if (result == 0)
		result = apply_nat(applied, conf, error);
	if (result == 0)
		result = come(applied, coming, false, error);
	settle(applied, coming, before);
	apply_drains(applied);
	return result;
}

/* Back to what was; taken over. */
static int step_back(struct gateway_applied *applied, struct gateway_rules *before)
{
	struct coming coming = { .rules = *before };
	int result = come_begin(&coming, applied);

	if (result == 0)
		result = step(applied, &coming, before, NULL);
	else
		*before = (struct gateway_rules){ .until_s = NULL };
	come_free(&coming);
	return result;
}

/* ---- telling neighbours ---- */

#define ANNOUNCED_MAX 64u /* of pools; what waits to be sent is bounded */

static bool stands_in(const struct conf *conf, const struct conf_statement *one)
{
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *other = conf->list[i];

		if (other->kind != one->kind)
			continue;
		if (one->kind != CONF_KIND_LINK ?
			    conf_same(one, other) :
			    gateway_link_same(&one->link, &other->link) &&
				    !memcmp(one->link.via, other->link.via, sizeof(one->link.via)))
			return true;
	}
	return false;
}

/* Who has an old MAC for what is new here would go on sending there. */
static void announce(struct gateway_applied *applied, const struct conf *before)
{
	const struct conf *conf = &applied->rest;
	bool pools = false;

	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *one = conf->list[i];
		int64_t link = one->kind == CONF_KIND_LINK ? link_of(applied, &one->link) : -1;

		if ((one->kind != CONF_KIND_LINK && one->kind != CONF_KIND_POOL) ||
		    stands_in(before, one))
			continue;
		pools |= one->kind == CONF_KIND_POOL;
		for (uint32_t k = 0; link >= 0 && k < one->link.address_count; k++)
			(void)minato_announce(applied->host, (uint32_t)link,
					      &one->link.address[k].addr);
	}
	for (size_t i = 0; pools && i < applied->pool_count && i < ANNOUNCED_MAX; i++)
		(void)minato_announce(applied->host, applied->pool[i].link, &applied->pool[i].addr);
}

/* Whether a link or pool that was there is not, as it was. */
static bool addresses_gone(const struct gateway_applied *applied, const struct conf *before)
{
	for (size_t i = 0; i < before->count; i++) {
		const struct conf_statement *one = before->list[i];
		bool stands = false;

		if (one->kind != CONF_KIND_LINK && one->kind != CONF_KIND_POOL)
			continue;
		for (size_t k = 0; k < applied->rest.count && !stands; k++)
			stands = conf_same(one, applied->rest.list[k]);
		if (!stands)
			return true;
	}
	return false;
}

/* ---- all or nothing ---- */

/* All that may take long; nothing has changed yet. */
static int prepare(struct gateway_applied *applied, struct coming *coming,
		   struct gateway_policing *policing, struct drive_error *error)
{
	const struct conf *conf = &coming->rules.conf;
	size_t culprit;
	int result = come_begin(coming, applied);

	if (result < 0)
		return drive_fail(error, -result, "%s", strerror(-result));
	result = gateway_police_begin(policing, applied, &coming->rules, &culprit);
	if (result < 0 && culprit < conf->count)
		return refuse(conf, conf->list[culprit], result, error);
	return result < 0 ? drive_fail(error, -result, "the rules: %s", strerror(-result)) : 0;
}

/* Between its beginning and its end no packet is looked at. */
static int change(struct gateway_applied *applied, struct coming *coming,
		  struct gateway_policing *policing, struct gateway_rules *before,
		  struct drive_error *error)
{
	int result = step(applied, coming, before, error);

	if (result < 0)
		return step_back(applied, before) < 0 ? -ENOTRECOVERABLE : result;
	gateway_police_turn(policing, applied);
	/* What was before is left there. */
	announce(applied, &coming->rest);
	if (addresses_gone(applied, &coming->rest))
		gateway_part_forwards(applied);
	if (error)
		gateway_held_note(applied, &coming->rest, error->text, sizeof(error->text));
	return 0;
}

int gateway_apply(struct gateway_applied *applied, const struct gateway_rules *wanted,
		  struct drive_error *error)
{
	struct coming coming = { .held = NULL };
	struct gateway_policing policing = { .whole = false };
	struct gateway_rules before = { .until_s = NULL };
	int result = gateway_rules_copy(&coming.rules, wanted);

	if (result < 0)
		return drive_fail(error, -result, "%s", strerror(-result));
	result = prepare(applied, &coming, &policing, error);
	if (result == 0) {
		gateway_breath_hold(true);
		result = change(applied, &coming, &policing, &before, error);
		if (applied->settle)
			applied->settle(applied->settle_user);
		gateway_breath_hold(false);
		gateway_police_end(&policing, applied);
	}
	come_free(&coming);
	gateway_rules_free(&before);
	return result;
}

void gateway_applied_free(struct gateway_applied *applied)
{
	for (size_t i = 0; i < applied->rules.conf.count; i++)
		free(applied->held[i].entries);
	free(applied->held);
	free(applied->ruled);
	free(applied->rest.list);
	free(applied->pool);
	gateway_partings_free(&applied->partings);
	gateway_rules_free(&applied->rules);
}

/* ---- what takes another host value ---- */

static bool has_all(const struct conf *conf, const struct conf *those)
{
	for (size_t i = 0; i < those->count; i++) {
		const struct conf_statement *one = those->list[i];
		bool shapes = one->kind == CONF_KIND_LINK || one->kind == CONF_KIND_ROUTE ||
			      one->kind == CONF_KIND_CAPACITY;

		if (shapes && !stands_in(conf, one))
			return false;
	}
	return true;
}

bool gateway_apply_renews(const struct conf *old, const struct conf *new)
{
	return !has_all(old, new) || !has_all(new, old);
}
