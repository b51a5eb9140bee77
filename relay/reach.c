/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports of the gateway's address that lead to the host's loopback. The rest of that address is
 * guarded; a guard goes before all other entries, so it is cut into what lies between the reaches.
 */
#include "relay/relay.h"

#include <errno.h>
#include <stdlib.h>

static bool carries(const struct relay_spec *spec, enum minato_proto proto)
{
	return spec->protocols & (proto == MINATO_TCP ? RELAY_TCP : RELAY_UDP);
}

static uint16_t last_port(const struct relay_spec *spec)
{
	return (uint16_t)(spec->guest + (spec->last - spec->first));
}

static int add_guard(struct relay *relay, const struct minato_entry *like, uint32_t first,
		     uint32_t last)
{
	struct minato_entry entry = *like;
	uint64_t *guards;
	int result;

	if (first > last)
		return 0;
	guards = realloc(relay->gateway_guards,
			 (relay->gateway_guard_count + 1) * sizeof(guards[0]));
	if (!guards)
		return -ENOMEM;
	relay->gateway_guards = guards;
	entry.first = (uint16_t)first;
	entry.last = (uint16_t)last;
	result = minato_entry_add(relay->host, &entry, &guards[relay->gateway_guard_count]);
	if (result == 0)
		relay->gateway_guard_count++;
	return result;
}

/* The reach of this protocol with the lowest port from `from` on. */
static const struct relay_spec *next_reach(const struct relay *relay, enum minato_proto proto,
					   uint32_t from)
{
	const struct relay_spec *best = NULL;

	for (const struct relay_forward *f = relay->forwards; f; f = f->next) {
		const struct relay_spec *spec = &f->spec;

		if (f->gone || spec->sort != RELAY_REACH || !carries(spec, proto) ||
		    spec->guest < from || (best && best->guest <= spec->guest))
			continue;
		best = spec;
	}
	return best;
}

/* Between the reaches of a protocol; they do not overlap. */
static int guard_gaps(struct relay *relay, enum minato_proto proto, struct minato_entry *like)
{
	const struct relay_spec *spec;
	uint32_t from = 1; /* 0 alone would mean any port; that one is refused at the call */
	int result = 0;

	like->proto = (uint8_t)proto;
	while (result == 0 && (spec = next_reach(relay, proto, from)) != NULL) {
		result = add_guard(relay, like, from, spec->guest - 1u);
		from = last_port(spec) + 1u;
	}
	return result < 0 ? result : add_guard(relay, like, from, UINT16_MAX);
}

static int guard_address(struct relay *relay, const struct minato_addr *gateway)
{
	struct minato_entry like = {
		.kind = MINATO_KIND_GUARD,
		.verdict = MINATO_REFUSE,
		.scope = relay->config.inside,
		.face = MINATO_FACE_ANY,
		.local = *gateway,
		.local_prefix = 128,
		.user = relay_word(WORD_GUARD, 0),
	};
	int result;

	/* One for both where nothing cuts it. */
	if (!next_reach(relay, MINATO_TCP, 0) && !next_reach(relay, MINATO_UDP, 0))
		return add_guard(relay, &like, 0, UINT16_MAX);
	result = guard_gaps(relay, MINATO_TCP, &like);
	return result < 0 ? result : guard_gaps(relay, MINATO_UDP, &like);
}

int reach_guard(struct relay *relay)
{
	const struct drive_subnet *s = &relay->config.subnet;
	int result = 0;

	while (relay->gateway_guard_count > 0)
		minato_entry_remove(relay->host,
				    relay->gateway_guards[--relay->gateway_guard_count]);
	/* Of what is told it has to be known which program it is: it comes as a call. */
	if (relay->config.host_loopback || relay->config.attempt)
		return 0;
	/* One that is the resolver's too is guarded as that (guard_dns). */
	if (s->has4 && !minato_addr_equal(&s->gateway4, &s->dns4))
		result = guard_address(relay, &s->gateway4);
	if (result == 0 && s->has6 && !minato_addr_equal(&s->gateway6, &s->dns6))
		result = guard_address(relay, &s->gateway6);
	return result;
}

static int add_entry(struct relay *relay, struct relay_forward *forward,
		     const struct minato_addr *gateway, struct minato_addr loopback)
{
	const struct relay_spec *spec = &forward->spec;
	struct minato_entry entry = {
		.kind = MINATO_KIND_FORWARD,
		.scope = relay->config.inside,
		.face = MINATO_FACE_ANY,
		.local = *gateway,
		.local_prefix = 128,
		.first = spec->guest,
		.last = last_port(spec),
		.target = { loopback, spec->first },
		.user = relay_word(WORD_REACH, forward->id),
	};
	int result;

	if (spec->protocols == RELAY_TCP)
		entry.proto = MINATO_TCP;
	else if (spec->protocols == RELAY_UDP)
		entry.proto = MINATO_UDP;
	result = minato_entry_add(relay->host, &entry, &forward->entries[forward->entry_count]);
	if (result == 0)
		forward->entry_count++;
	return result;
}

int reach_add(struct relay *relay, struct relay_forward *forward)
{
	const struct drive_subnet *s = &relay->config.subnet;
	int result = 0;

	if (s->has4)
		result = add_entry(relay, forward, &s->gateway4, minato_addr4(127, 0, 0, 1));
	if (result == 0 && s->has6)
		result = add_entry(relay, forward, &s->gateway6,
				   (struct minato_addr){ .bytes = { [15] = 1 } });
	return result < 0 ? result : reach_guard(relay);
}

struct relay_forward *reach_dial(const struct relay *relay, enum minato_proto proto,
				 const struct minato_endpoint *wanted, struct minato_endpoint *dial)
{
	bool four = minato_addr_is4(&wanted->addr);

	for (struct relay_forward *f = relay->forwards; f; f = f->next) {
		const struct relay_spec *spec = &f->spec;

		if (f->gone || spec->sort != RELAY_REACH || !carries(spec, proto) ||
		    wanted->port < spec->guest || wanted->port > last_port(spec))
			continue;
		dial->addr = four ? minato_addr4(127, 0, 0, 1) :
				    (struct minato_addr){ .bytes = { [15] = 1 } };
		dial->port = (uint16_t)(spec->first + (wanted->port - spec->guest));
		return f;
	}
	return NULL;
}

uint16_t reach_seen(const struct relay *relay, const struct minato_endpoint *from)
{
	for (const struct relay_forward *f = relay->forwards; f; f = f->next) {
		const struct relay_spec *spec = &f->spec;

		if (!f->gone && spec->sort == RELAY_REACH && carries(spec, MINATO_UDP) &&
		    from->port >= spec->first && from->port <= spec->last)
			return (uint16_t)(spec->guest + (from->port - spec->first));
	}
	return 0;
}
