/* SPDX-License-Identifier: BSD-2-Clause */
/* Pins as entries of the policy, at the place of what allows their name, while they stand. */
#include "relay/permit.h"

#include <errno.h>
#include <stdlib.h>

#include "minato/guard.h"

#define ORDER_LAST (UINT64_MAX - 1) /* of --allow */

static uint64_t order_of(const struct relay_allow *allow)
{
	return allow->order ? allow->order : ORDER_LAST;
}

/* ---- entries ---- */

/* False: there is no room, whoever makes way. */
static bool enter_run(struct relay *relay, struct pin *pin, const struct relay_allow *allow,
		      const struct relay_run *run)
{
	const struct minato_entry entry = {
		.kind = MINATO_KIND_GUARD,
		.verdict = MINATO_PASS,
		.scope = relay->config.inside,
		.face = relay->config.face,
		.proto = allow->protocols == RELAY_TCP ? MINATO_TCP :
			 allow->protocols == RELAY_UDP ? MINATO_UDP :
							 0,
		.local = pin->addr,
		.local_prefix = 128,
		.first = run->first,
		.last = run->last,
		.uid = MINATO_UID_NONE,
		.order = order_of(allow),
		.log = allow->log,
		.course = MINATO_COURSE_OUT,
		.user = relay_word(WORD_PIN, (pins_word(permit_pins(relay), pin) & UINT16_MAX)),
	};
	uint64_t *more = realloc(pin->entries, (pin->entry_count + 1) * sizeof(*more));
	int result;

	if (!more)
		return false;
	pin->entries = more;
	do {
		result = minato_entry_add(relay->host, &entry, &more[pin->entry_count]);
	} while (result == -ENOSPC && pins_yield(permit_pins(relay), relay->now, pin));
	if (result == 0)
		pin->entry_count++;
	return result == 0;
}

void pinned_enter(struct relay *relay, struct pin *pin)
{
	const struct relay_allows *allows = relay->config.allows;
	bool fits = true;

	if (pin->entry_count > 0)
		return;
	for (size_t i = 0; i < allows->count && fits; i++) {
		const struct relay_allow *allow = &allows->list[i];

		if (!relay_allow_is_name(allow, pin->name))
			continue;
		for (size_t k = 0; k < allow->run_count && fits; k++)
			fits = enter_run(relay, pin, allow, &allow->runs[k]);
	}
	if (!fits)
		relay_count(relay, RELAY_COUNT_UNENTERED);
}

void pinned_leave(void *relay, struct pin *pin)
{
	struct relay *of = relay;

	while (pin->entry_count > 0)
		(void)minato_entry_remove(of->host, pin->entries[--pin->entry_count]);
	free(pin->entries);
	pin->entries = NULL;
}

/* Room for it there was already, unless a name got further rules. */
static void enter_anew(void *relay, struct pin *pin)
{
	pinned_leave(relay, pin);
	pinned_enter(relay, pin);
}

void relay_allows_changed(struct relay *relay)
{
	if (permit_is_closed(relay))
		pins_each(permit_pins(relay), enter_anew, relay);
}

const char *relay_pinned(const struct relay *relay, uint64_t user)
{
	return user == relay_word(WORD_PIN, user & UINT16_MAX) && permit_is_closed(relay) ?
		       pins_name(permit_pins(relay), (uint16_t)user) :
		       NULL;
}

/* As the table has it: of what allows the name there the one that stands before the others. */
static struct relay_allow *first_of(const struct relay *relay, const char *name,
				    enum minato_proto proto, uint16_t port)
{
	const struct relay_allows *allows = relay->config.allows;
	struct relay_allow *first = NULL;

	for (size_t i = 0; i < allows->count; i++) {
		struct relay_allow *allow = &allows->list[i];

		if (relay_allow_is_name(allow, name) && relay_allow_is_port(allow, proto, port) &&
		    (!first || order_of(allow) < order_of(first)))
			first = allow;
	}
	return first;
}

uint64_t relay_pinned_order(const struct relay *relay, uint64_t user, enum minato_proto proto,
			    uint16_t port)
{
	const char *name = relay_pinned(relay, user);
	const struct relay_allow *first = name ? first_of(relay, name, proto, port) : NULL;

	return first ? first->order : 0;
}

void pinned_decided(const struct relay *relay, const struct pin *pin, enum minato_proto proto,
		    uint16_t port)
{
	struct relay_allow *first = pin ? first_of(relay, pin->name, proto, port) : NULL;

	if (first)
		first->hits++;
}

/* ---- the other rules ---- */

struct pinned_rule pinned_rule(const struct relay *relay, enum minato_proto proto,
			       const struct minato_endpoint *to)
{
	const struct drive_subnet *subnet = &relay->config.subnet;
	const struct minato_question question = {
		.scope = relay->config.inside,
		.face = RELAY_FACE_UNPINNED,
		.proto = (uint8_t)proto,
		.course = MINATO_COURSE_OUT,
		.program = MINATO_PROGRAM_UNKNOWN,
		.remote = { minato_addr_is4(&to->addr) ? subnet->guest4 : subnet->guest6, 0 },
		.local = *to,
	};
	struct minato_step steps[8];
	size_t count =
		minato_explain(relay->host, &question, steps, sizeof(steps) / sizeof(*steps));

	for (size_t i = 0; i < count; i++) {
		struct minato_entry entry = { .rate_count = 0 };

		if (steps[i].step != MINATO_STEP_RULE || !steps[i].found || steps[i].asks)
			continue;
		(void)minato_entry_get(relay->host, steps[i].handle, &entry);
		return (struct pinned_rule){
			.order = steps[i].order,
			.passes = steps[i].verdict == MINATO_PASS,
			.drops = steps[i].verdict == MINATO_DROP,
			.limits = entry.rate_count > 0,
			.spent = steps[i].limited,
		};
	}
	return (struct pinned_rule){ .order = UINT64_MAX };
}

bool pinned_before(const struct relay_allow *allow, const struct pinned_rule *rule)
{
	return order_of(allow) < rule->order;
}
