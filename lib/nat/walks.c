/* SPDX-License-Identifier: BSD-2-Clause */
/* What others see of mappings and sessions, and how they end or take over. */
#include "nat/nat.h"

#include <errno.h>

/* Below 2^53, so that JSON's readers hold them; generations have 16 bits. */
#define HANDLE_SESSION (UINT64_C(1) << 52)
#define HANDLE_MAPPING (UINT64_C(1) << 51)

uint64_t nat_session_handle(const struct nat *n, uint32_t session)
{
	return HANDLE_SESSION |
	       (uint64_t)session_at(n, session)->generation << 32 |
	       (session + 1);
}

uint64_t nat_mapping_handle(const struct nat *n, uint32_t mapping)
{
	return HANDLE_MAPPING |
	       (uint64_t)mapping_at(n, mapping)->generation << 32 |
	       (mapping + 1);
}

static bool mapping_live(const struct nat *n, uint32_t mapping)
{
	return mapping < n->mappings.fresh &&
	       (mapping_at(n, mapping)->generation & 1) != 0;
}

/* --- walks --------------------------------------------------------------- */

static struct minato_time begun(uint32_t since)
{
	return (struct minato_time){ (int64_t)since << NAT_SINCE_SHIFT };
}

/* When it will be over if nothing comes any more. */
static struct minato_time end_of(const struct nat *n,
				 const struct nat_session *s)
{
	const uint32_t idle = n->now_ms - s->last;
	const int64_t left = (int64_t)session_timeout(n, s) + 1 - idle;
	const int64_t now = n->now.ns / NS_PER_MS;

	return (struct minato_time){ (now + left) * NS_PER_MS };
}

static void describe(const struct nat *n, uint32_t session,
		     struct minato_session *out)
{
	const struct nat_session *s = session_at(n, session);
	struct nat_flow f;

	session_flow(s, &f);
	*out = (struct minato_session){
		.handle = nat_session_handle(n, session),
		.proto = f.proto,
		.state = f.proto == MINATO_TCP ? s->tcp & NAT_TCP_STATE :
						 MINATO_NAT_OPEN,
		.half_open = session_half_open(s),
		.from = f.from,
		.to = f.to,
		.hairpin = (f.flags & NAT_IS_HAIRPIN) != 0,
		.forward = (f.flags & NAT_IS_FORWARD) != 0,
		.overflow = (f.flags & NAT_IS_OVERFLOW) != 0,
		.source = f.a,
		.destination = f.b,
		.back_source = f.d,
		.back_destination = f.c,
		.since = begun(s->since),
		.until = end_of(n, s),
	};
	if (out->forward && forwards_at(n, f.other)->entry != NAT_NONE)
		out->entry = (uint64_t)forwards_at(n, f.other)->entry + 1;
}

bool nat_session_next(const struct nat *n, uint64_t *cursor,
		      struct minato_session *out)
{
	const uint32_t session = session_walk(n, (uint32_t)*cursor);

	if (session == NAT_NONE)
		return false;
	describe(n, session, out);
	*cursor = (uint64_t)session + 1;
	return true;
}

static void describe_mapping(const struct nat *n, uint32_t mapping,
			     struct minato_mapping *out)
{
	const struct nat_mapping *m = mapping_at(n, mapping);
	struct minato_time until = { 0 };

	for (uint32_t i = m->sessions; i != NAT_NONE;
	     i = session_at(n, i)->next) {
		const struct minato_time at = end_of(n, session_at(n, i));
		until = at.ns > until.ns ? at : until;
	}
	*out = (struct minato_mapping){
		.handle = nat_mapping_handle(n, mapping),
		.proto = m->proto,
		.scope = m->scope,
		.inside = mapping_inside(m),
		.outside = mapping_outside(m),
		.sessions = m->count,
		.since = begun(m->since),
		.until = until,
	};
}

bool nat_mapping_next(const struct nat *n, uint64_t *cursor,
		      struct minato_mapping *out)
{
	for (; *cursor < n->mappings.fresh; ++*cursor) {
		if (!mapping_live(n, (uint32_t)*cursor))
			continue;
		describe_mapping(n, (uint32_t)*cursor, out);
		++*cursor;
		return true;
	}
	return false;
}

int nat_mapping_find(const struct nat *n, uint8_t proto,
		     const struct minato_endpoint *outside,
		     struct minato_mapping *out)
{
	uint32_t mapping;

	if (proto != MINATO_TCP && proto != MINATO_UDP && proto != MINATO_ICMP)
		return -EINVAL;
	mapping = mapping_of_outside(n, proto, outside);
	if (mapping == NAT_NONE)
		return -ENOENT;
	describe_mapping(n, mapping, out);
	return 0;
}

/* --- ends ---------------------------------------------------------------- */

bool nat_session_is(const struct nat *n, uint64_t handle)
{
	const uint32_t session = (uint32_t)handle - 1;

	return (handle & HANDLE_SESSION) != 0 && session_live(n, session) &&
	       nat_session_handle(n, session) == handle;
}

int nat_session_end(struct nat *n, uint64_t handle)
{
	const uint32_t session = (uint32_t)handle - 1;

	if (!nat_session_is(n, handle))
		return -EBADF;
	session_end(n, session);
	return 0;
}

int nat_mapping_end(struct nat *n, uint64_t handle)
{
	const uint32_t mapping = (uint32_t)handle - 1;

	if ((handle & HANDLE_MAPPING) == 0 || !mapping_live(n, mapping) ||
	    nat_mapping_handle(n, mapping) != handle)
		return -EBADF;
	mapping_end(n, mapping);
	return 0;
}

/* Flows of forwards to it, and between insides, have no mapping: they are
   searched for. */
static uint32_t end_forwarded(struct nat *n, const struct minato_addr *inside)
{
	uint32_t ended = 0;

	for (uint32_t i = session_walk(n, 0); i != NAT_NONE;
	     i = session_walk(n, i + 1)) {
		struct nat_flow f;
		session_flow(session_at(n, i), &f);
		if (!((f.flags & NAT_B_INSIDE) != 0 &&
		      minato_addr_equal(&f.d.addr, inside)) &&
		    !((nat_is_between(f.flags) ||
		       nat_is_hosts(f.proto, f.flags) ||
		       nat_is_turned(f.proto, f.flags)) &&
		      minato_addr_equal(&f.a.addr, inside)))
			continue;
		session_end(n, i);
		ended++;
	}
	return ended;
}

int nat_inside_end(struct nat *n, const struct minato_addr *inside)
{
	uint32_t ended = 0;

	for (uint8_t scope = 0; scope < PORT_SCOPES; scope++) {
		const uint32_t host = host_find(n, scope, inside);
		uint32_t mapping;
		if (host == NAT_NONE)
			continue;
		while (host_record(n, host)->live &&
		       (mapping = host_mapping(host_record(n, host))) !=
			       NAT_NONE)
			ended += mapping_end(n, mapping);
	}
	ended += end_forwarded(n, inside);
	if (ended == 0)
		return -ENOENT;
	return (int)(ended < INT32_MAX ? ended : INT32_MAX);
}
