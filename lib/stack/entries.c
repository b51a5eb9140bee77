/* SPDX-License-Identifier: BSD-2-Clause */
/* General entries of the port table, and arrivals that come without frames. */
#include "stack/stack.h"

#include <errno.h>

#include "minato/guard.h"

#define HANDLE_ENTRY (UINT64_C(1) << 63)
#define GENERATION_MASK 0x7fffffffu

const char *minato_kind_name(enum minato_kind kind)
{
	static const char *const names[MINATO_KIND_COUNT] = {
#define X(name, text, help) [MINATO_KIND_##name] = text,
		MINATO_KINDS(X)
#undef X
	};

	return (uint32_t)kind < MINATO_KIND_COUNT ? names[kind] : NULL;
}

static uint64_t entries_handle_of(uint32_t entry, uint32_t generation)
{
	return HANDLE_ENTRY | (uint64_t)(generation & GENERATION_MASK) << 32 |
	       (entry + 1);
}

uint64_t entries_handle(const struct minato *m, uint32_t entry)
{
	return entries_handle_of(entry,
				 port_entry_generation(host_table(m), entry));
}

bool entries_find(const struct minato *m, uint64_t handle, uint32_t *entry)
{
	const uint32_t number = (uint32_t)handle - 1;
	struct port_claim claim;

	if (!(handle & HANDLE_ENTRY) ||
	    !port_entry_live(host_table(m), number) ||
	    entries_handle(m, number) != handle ||
	    port_entry_claim(host_table(m), number, &claim))
		return false;
	*entry = number;
	return true;
}

uint16_t entries_actor(const struct minato *m, uint32_t entry)
{
	return (uint16_t)port_entry_owner(host_table(m), entry);
}

void entries_own(struct minato *m, uint32_t entry, uint16_t actor)
{
	actors_drop(m, entries_actor(m, entry));
	port_entry_set_owner(host_table(m), entry, actor);
}

/* What the caller knows an entry by: a claim by its socket or lease. */
uint64_t entries_known_by(const struct minato *m, uint32_t entry)
{
	struct port_claim claim;

	if (port_entry_claim(host_table(m), entry, &claim))
		return claim.lent ? leases_handle(m, claim.owner) :
				    slots_handle(m, claim.owner);
	return entries_handle(m, entry);
}

/* What only a gateway can do anything with. */
static bool of_gateway(const struct minato_entry *entry)
{
	return entry->translate || entry->kind == MINATO_KIND_DMZ ||
	       entry->kind == MINATO_KIND_ROUTE;
}

/* A living mapping has its port. In a range each has its own until it ends:
   who is outside meets the mapping, and the range from then on. */
static bool mapping_has(struct minato *m, const struct minato_entry *entry,
			uint64_t *out)
{
	uint32_t mapping;

	if (host_nat(m) == NULL || entry->kind != MINATO_KIND_FORWARD ||
	    entry->first != entry->last || entry->first == 0)
		return false;
	mapping = nat_forward_taken(host_nat(m), entry);
	if (mapping != POOL_NONE && out != NULL)
		*out = nat_mapping_handle(host_nat(m), mapping);
	return mapping != POOL_NONE;
}

/* port_add, and what nat keeps of it: both or none. */
static int64_t add(struct minato *m, const struct minato_entry *entry,
		   uint32_t *holder)
{
	const int64_t added = port_add(host_table(m), entry, holder);
	uint32_t bounds = POOL_NONE;
	int kept = 0;

	if (added < 0 || host_nat(m) == NULL ||
	    (entry->kind != MINATO_KIND_FORWARD && !of_gateway(entry)))
		return added;
	if (entry->bounds_of != 0 &&
	    !entries_find(m, entry->bounds_of, &bounds))
		kept = -EBADF;
	if (kept >= 0)
		kept = nat_forward_add(host_nat(m), (uint32_t)added, bounds,
				       entry);
	if (kept >= 0)
		return added;
	port_remove(host_table(m), (uint32_t)added);
	return kept;
}

int minato_entry_add(struct minato *m, const struct minato_entry *entry,
		     uint64_t *out)
{
	uint32_t holder = POOL_NONE;
	int64_t added;

	if (out != NULL)
		*out = 0;
	if (of_gateway(entry) && host_nat(m) == NULL)
		return -EOPNOTSUPP;
	if (mapping_has(m, entry, out))
		return -EADDRINUSE;
	added = add(m, entry, &holder);
	if (added >= 0) {
		entries_own(m, (uint32_t)added,
			    actors_keep(m, m->actors.current));
		port_entry_set_since(host_table(m), (uint32_t)added,
				     stack_since(m->now));
		if (out != NULL)
			*out = entries_handle(m, (uint32_t)added);
		return 0;
	}
	if (added == -EADDRINUSE && holder != POOL_NONE && out != NULL)
		*out = entries_known_by(m, holder);
	return (int)added;
}

int minato_entry_remove(struct minato *m, uint64_t entry)
{
	uint32_t number;

	if (!entries_find(m, entry, &number))
		return -EBADF;
	entries_own(m, number, 0);
	if (host_nat(m) != NULL)
		nat_forward_remove(host_nat(m), number);
	port_remove(host_table(m), number);
	return 0;
}

int minato_entry_drain(struct minato *m, uint64_t entry, bool drain)
{
	uint32_t number;

	if (!entries_find(m, entry, &number))
		return -EBADF;
	if (host_nat(m) == NULL ||
	    !nat_forward_drain(host_nat(m), number, drain))
		return -EINVAL;
	return 0;
}

/* A forward whose flows end with its owner. 0 or negative errno. */
static int find_held(const struct minato *m, uint64_t entry, uint32_t *number)
{
	struct minato_entry e;

	if (!entries_find(m, entry, number))
		return -EBADF;
	port_get(host_table(m), *number, &e);
	if (e.kind != MINATO_KIND_FORWARD ||
	    (host_nat(m) != NULL &&
	     forwards_of(host_nat(m), *number) != NAT_NONE))
		return -EINVAL;
	return 0;
}

int minato_forward_join(struct minato *m, uint64_t entry,
			struct minato_led *led)
{
	uint32_t number;
	int64_t joined = find_held(m, entry, &number);

	led->place = 0;
	if (joined < 0 || host_nat(m) == NULL)
		return (int)joined;
	joined = nat_forward_join(host_nat(m), number, &led->client,
				  &led->asked, &led->target);
	if (joined < 0)
		return (int)joined;
	led->place = (uint32_t)joined;
	return 0;
}

int minato_forward_targets(struct minato *m, uint64_t entry,
			   const struct minato_led *led,
			   struct minato_endpoint out[MINATO_SERVERS_MAX])
{
	uint32_t number;
	const int found = find_held(m, entry, &number);

	if (found < 0)
		return found;
	out[0] = led->target;
	if (host_nat(m) == NULL)
		return 1;
	return (int)nat_forward_targets(host_nat(m), number, &led->client,
					&led->asked, out);
}

int minato_forward_leave(struct minato *m, uint32_t place,
			 const struct minato_addr *client)
{
	return host_nat(m) != NULL &&
			       nat_forward_leave(host_nat(m), place, client) ?
		       0 :
		       -EBADF;
}

int minato_rule_order(struct minato *m, uint64_t rule, uint64_t order)
{
	uint32_t number;

	if (!entries_find(m, rule, &number))
		return -EBADF;
	return port_order(host_table(m), number, order);
}

int minato_rule_next(struct minato *m, uint64_t rule, uint64_t order)
{
	uint32_t number;

	if (!entries_find(m, rule, &number))
		return -EBADF;
	return port_order_next(host_table(m), number, order);
}

void minato_rules_turn(struct minato *m)
{
	port_rules_turn(host_table(m));
}

int minato_entry_get(struct minato *m, uint64_t entry, struct minato_entry *out)
{
	uint32_t number;

	if (!entries_find(m, entry, &number))
		return -EBADF;
	port_get(host_table(m), number, out);
	if (host_nat(m) != NULL)
		nat_forward_get(host_nat(m), number, out);
	if (out->bounds_of != 0)
		out->bounds_of =
			entries_handle(m, (uint32_t)out->bounds_of - 1);
	return 0;
}

/* Of a tuple: its socket or lease; TIME-WAIT is a socket without handle. */
void entries_flow(const struct minato *m, const struct port_fate *fate,
		  struct minato_fate *out)
{
	out->kind = MINATO_KIND_SOCKET;
	if (fate->tuple.class == TUPLE_LEASE) {
		out->kind = MINATO_KIND_LEASE;
		out->handle = leases_handle(m, fate->tuple.owner);
	}
	if (fate->tuple.class == NAT_CLASS_SESSION) {
		out->kind = MINATO_KIND_SESSION;
		out->handle =
			nat_session_handle(host_nat(m), fate->tuple.owner >> 1);
	}
	if (nat_class(fate->tuple.class) &&
	    fate->tuple.class != NAT_CLASS_SESSION)
		out->kind = MINATO_KIND_CLOSED; /* no packet meets it */
	if (fate->tuple.class != TUPLE_SOCKET)
		return;
	out->handle = slots_handle(m, fate->tuple.owner);
	out->user = socket_at(m, fate->tuple.owner)->user;
}

void minato_arrive(struct minato *m, uint8_t scope, uint8_t face,
		   enum minato_proto proto,
		   const struct minato_endpoint *remote,
		   const struct minato_endpoint *local, struct minato_fate *out)
{
	const struct minato_question question = {
		.scope = scope,
		.face = face,
		.proto = (uint8_t)proto,
		.course = MINATO_COURSE_IN,
		.remote = *remote,
		.local = *local,
	};

	minato_judge(m, &question, out);
}

struct port_key entries_key(const struct minato_question *question)
{
	return (struct port_key){
		.local = question->local.addr,
		.remote = question->remote.addr,
		.local_port = question->local.port,
		.remote_port = question->remote.port,
		.scope = question->scope,
		.face = question->face,
		.proto = question->proto,
		.course = question->course,
		.icmp_type = question->icmp_type,
		.program = question->program,
	};
}

bool entries_question(const struct minato_question *question)
{
	return question->scope < PORT_SCOPES &&
	       (question->proto == MINATO_TCP ||
		question->proto == MINATO_UDP ||
		question->proto == MINATO_ICMP);
}

void minato_judge(struct minato *m, const struct minato_question *question,
		  struct minato_fate *out)
{
	const struct port_key key = entries_key(question);
	const bool begins = question->course != MINATO_COURSE_NONE;
	struct port_fate fate;

	*out = (struct minato_fate){ .kind = MINATO_KIND_CLOSED,
				     .verdict = MINATO_REFUSE };
	host_count(m, COUNTER_ARRIVALS);
	if (!entries_question(question))
		return;
	if (scan_is_blocked(host_scan(m), question->scope,
			    &question->remote.addr, m->now)) {
		host_count(m, COUNTER_SCAN_BLOCKED);
		out->verdict = MINATO_DROP;
		return;
	}
	port_lookup(host_table(m), &key, m->now, begins, &fate);
	if (begins)
		port_hit(host_table(m), fate.entry);
	out->kind = fate.kind;
	out->verdict = fate.verdict;
	out->asks = fate.asks;
	if (fate.rule != POOL_NONE) {
		const uint32_t rule = port_rule_entry(host_table(m), fate.rule);
		out->rule = entries_handle(m, rule);
		if (fate.kind == MINATO_KIND_GUARD) {
			out->handle = entries_known_by(m, rule);
			out->user = port_entry_user(host_table(m), rule);
			return;
		}
	}
	if (fate.exact) {
		entries_flow(m, &fate, out);
		return;
	}
	if (fate.entry == POOL_NONE)
		return;
	out->handle = entries_known_by(m, fate.entry);
	out->user = fate.user;
	if (fate.kind == MINATO_KIND_SOCKET)
		out->user = socket_at(m, fate.owner)->user;
	out->target = fate.target;
}

bool minato_rule_event(struct minato *m, struct minato_rule_event *out)
{
	struct port_table *t = host_table(m);
	struct port_rule_event e;

	m->counters[COUNTER_RULE_EVENTS_LOST] = port_rule_events_lost(t);
	if (!port_rule_event(t, &e))
		return false;
	*out = (struct minato_rule_event){
		.question = {
			.scope = e.key.scope,
			.face = e.key.face,
			.proto = e.key.proto,
			.course = e.key.course,
			.icmp_type = e.key.icmp_type,
			.program = e.key.program,
			.remote = { e.key.remote, e.key.remote_port },
			.local = { e.key.local, e.key.local_port },
		},
		.at = e.now,
		.verdict = e.verdict,
		.limited = e.limited,
		.entry = e.entry == POOL_NONE ?
				 0 :
				 entries_handle_of(e.entry, e.generation),
	};
	if (port_entry_live(t, e.entry) &&
	    port_entry_generation(t, e.entry) == e.generation) {
		struct minato_entry rule;
		port_get(t, e.entry, &rule);
		out->user = rule.user;
	}
	return true;
}
