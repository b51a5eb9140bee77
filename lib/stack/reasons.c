/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a new flow meets what it meets: the steps of its look-up. */
#include "stack/stack.h"

#include <errno.h>

#include "minato/guard.h"

const char *minato_step_name(enum minato_step_kind step)
{
	static const char *const names[MINATO_STEP_COUNT] = {
#define X(name, text, help) [MINATO_STEP_##name] = text,
		MINATO_STEPS(X)
#undef X
	};

	return (uint32_t)step < MINATO_STEP_COUNT ? names[step] : NULL;
}

/* An established flow is its own answer: whose it is. */
static void of_flow(const struct minato *m, const struct port_finding *f,
		    struct minato_step *out)
{
	const struct port_fate fate = { .exact = true, .tuple = f->tuple };
	struct minato_fate is = { 0 };

	entries_flow(m, &fate, &is);
	out->kind = is.kind;
	out->handle = is.handle;
	out->user = is.user;
}

static void of_entry(struct minato *m, const struct port_finding *f,
		     struct minato_step *out)
{
	struct port_claim claim;
	struct minato_entry e;

	out->handle = entries_known_by(m, f->entry);
	if (port_entry_claim(host_table(m), f->entry, &claim)) {
		out->kind = claim.lent ? MINATO_KIND_LEASE : MINATO_KIND_SOCKET;
		out->user = claim.lent ? 0 : socket_at(m, claim.owner)->user;
		return;
	}
	port_get(host_table(m), f->entry, &e);
	out->kind = e.kind;
	out->user = e.user;
	out->order = e.order;
}

static struct minato_step step_of(struct minato *m,
				  const struct port_finding *f)
{
	struct minato_step out = {
		.step = (enum minato_step_kind)f->step,
		.found = f->found,
		.verdict = f->verdict,
		.limited = f->limited,
		.asks = f->asks,
		.kind = MINATO_KIND_CLOSED,
	};

	if (!f->found)
		return out;
	if (f->step == MINATO_STEP_FLOW)
		of_flow(m, f, &out);
	else
		of_entry(m, f, &out);
	return out;
}

/* Between rules and entries, of what comes from outside. */
static bool find_mapping(const struct minato *m,
			 const struct minato_question *question,
			 struct minato_step *out)
{
	uint32_t mapping;

	if (host_nat(m) == NULL || question->proto == MINATO_ICMP ||
	    question->proto == MINATO_PROTO_OTHER ||
	    (question->course != MINATO_COURSE_IN &&
	     question->course != MINATO_COURSE_NONE))
		return false;
	mapping = mapping_of_outside(host_nat(m), question->proto,
				     &question->local);
	*out = (struct minato_step){ .step = MINATO_STEP_MAPPING,
				     .found = mapping != NAT_NONE,
				     .kind = MINATO_KIND_CLOSED };
	if (!out->found)
		return true;
	out->kind = MINATO_KIND_MAPPING;
	out->handle = nat_mapping_handle(host_nat(m), mapping);
	return true;
}

/* What has no ports has steps of its own, which arrivals do not take. */
static bool may_ask(const struct minato_question *question)
{
	const uint16_t number = question->local.port;

	if (question->proto != MINATO_PROTO_OTHER)
		return entries_question(question);
	return question->scope < PORT_SCOPES && number != 0 &&
	       number <= UINT8_MAX && question->remote.port == number;
}

size_t minato_explain(struct minato *m, const struct minato_question *question,
		      struct minato_step *steps, size_t max)
{
	struct port_finding findings[PORT_FINDINGS];
	struct minato_step mapping;
	struct port_key key;
	size_t found, count = 0;

	if (!may_ask(question))
		return 0;
	key = entries_key(question);
	found = port_explain(host_table(m), &key, m->now, findings);
	for (size_t i = 0; i < found && count < max; i++) {
		if (findings[i].step == MINATO_STEP_ENTRY &&
		    find_mapping(m, question, &mapping)) {
			steps[count++] = mapping;
			if (mapping.found || count == max)
				return count;
		}
		steps[count++] = step_of(m, &findings[i]);
	}
	return count;
}

/* --- where it comes from --- */

/* What has a key is asked for all that an inside may send; of messages and of
   protocols without ports a host's inside lets some come to itself. */
static bool is_keyed(const struct minato_question *q, bool six)
{
	return q->proto == MINATO_TCP || q->proto == MINATO_UDP ||
	       (q->proto == MINATO_ICMP &&
		(six ? q->icmp_type == ICMP6_ECHO ||
			       q->icmp_type == ICMP6_ECHO_REPLY :
		       q->icmp_type == ICMP4_ECHO ||
			       q->icmp_type == ICMP4_ECHO_REPLY));
}

/* From outside a flow that is known is not asked for its source again. */
static bool is_known(struct minato *m, const struct minato_question *question)
{
	struct port_finding findings[PORT_FINDINGS];
	const struct port_key key = entries_key(question);
	size_t found;

	found = port_explain(host_table(m), &key, m->now, findings);
	for (size_t i = 0; i < found; i++)
		if (findings[i].step == MINATO_STEP_FLOW && findings[i].found)
			return true;
	return false;
}

/* The order is that of pass_arrive, and of pass_inner_arrive behind it. */
static enum minato_origin origin_of(struct minato *m, const struct packet *p,
				    const struct minato_question *question,
				    uint32_t *link)
{
	const bool keyed = is_keyed(question, p->is6);
	const bool host = m->link[p->link].config.role == MINATO_ROLE_HOST;
	const enum minato_origin origin = pass_origin(m, p, link);
	uint8_t scope;

	if (origin == MINATO_ORIGIN_ELSEWHERE && host && !keyed &&
	    !pass_between(m, p, &scope))
		return MINATO_ORIGIN_GOOD;
	if (origin != MINATO_ORIGIN_GOOD || pass_is_inside(m, p->link))
		return origin;
	if (pass_check_to(p, route_is_broadcast(m, p->link, &p->dst)) !=
	    DROP_NONE)
		return MINATO_ORIGIN_GOOD;
	if (!keyed && (question->proto != MINATO_PROTO_OTHER ||
		       !pass_other_goes_on(p)))
		return MINATO_ORIGIN_GOOD;
	return pass_is_insides(m, p, link) ? MINATO_ORIGIN_INSIDES :
					     MINATO_ORIGIN_GOOD;
}

enum minato_origin minato_origin(struct minato *m,
				 const struct minato_question *question,
				 uint32_t *link)
{
	struct packet packet = {
		.src = question->remote.addr,
		.dst = question->local.addr,
		.link = question->face,
		.to_us_mac = true,
	};

	*link = MINATO_FACE_ANY;
	if (host_nat(m) == NULL || !may_ask(question) ||
	    packet.link >= m->link_count)
		return MINATO_ORIGIN_GOOD;
	packet.is6 = !minato_addr_is4(&packet.src);
	if (question->proto == MINATO_PROTO_OTHER)
		packet.ip_proto = (uint8_t)question->local.port;
	if (!pass_is_inside(m, packet.link) && is_known(m, question))
		return MINATO_ORIGIN_GOOD;
	return origin_of(m, &packet, question, link);
}

const char *minato_origin_counter(enum minato_origin origin)
{
	const enum drop drop = pass_origin_drop(origin);

	return drop == DROP_NONE ? NULL : drop_name(drop);
}

/* What stands behind the port, as it is met from there. */
static uint32_t entry_of(struct minato *m, const struct port_key *key)
{
	struct port_finding findings[PORT_FINDINGS];
	const size_t found = port_explain(host_table(m), key, m->now, findings);
	struct port_claim claim;

	for (size_t i = 0; i < found; i++)
		if (findings[i].step == MINATO_STEP_ENTRY &&
		    findings[i].found &&
		    !port_entry_claim(host_table(m), findings[i].entry, &claim))
			return findings[i].entry;
	return POOL_NONE;
}

int minato_foresee(struct minato *m, const struct minato_question *question,
		   struct minato_prospect *out)
{
	enum nat_course course = NAT_INWARD;
	enum nat_whose whose;
	struct packet packet = { .dst = question->local.addr };
	struct port_key key, met;
	uint8_t scope;

	*out = (struct minato_prospect){ .hindrance = MINATO_HINDERED_NOT };
	if (host_nat(m) == NULL)
		return -EOPNOTSUPP;
	if (!may_ask(question))
		return -EINVAL;
	packet.link = question->face;
	packet.is6 = !minato_addr_is4(&packet.dst);
	key = entries_key(question);
	key.course = MINATO_COURSE_NONE;
	if (packet.link < m->link_count &&
	    m->link[packet.link].config.role == MINATO_ROLE_INSIDE) {
		whose = pass_whose(m, packet.link, &packet.dst);
		if (pass_between(m, &packet, &scope) || whose == NAT_OURS)
			return 0;
		course = whose == NAT_OTHERS ? NAT_OUTWARD : NAT_HAIRPIN;
	}
	if (packet.link < m->link_count &&
	    m->link[packet.link].config.role == MINATO_ROLE_HOST &&
	    pass_is_inside(m, packet.link)) {
		if (pass_whose(m, packet.link, &packet.dst) != NAT_OTHERS ||
		    pass_between(m, &packet, &scope))
			return 0;
		course = NAT_AWAY;
	}
	met = key;
	if (course == NAT_HAIRPIN) {
		met.scope = host_nat(m)->limits.outside_scope;
		met.face = MINATO_FACE_ANY;
	}
	nat_foresee(host_nat(m), course, &key, entry_of(m, &met), out);
	return 0;
}
