/* SPDX-License-Identifier: BSD-2-Clause */
/* The look-up of a new flow step by step, without a trace of it: no hit is
   counted, nothing is taken from a rate. */
#include "port/port.h"

#include "minato/guard.h"

static struct port_finding of_entry(enum minato_step_kind step, uint32_t entry)
{
	return (struct port_finding){ .step = (uint8_t)step,
				      .found = entry != POOL_NONE,
				      .verdict = MINATO_PASS,
				      .entry = entry };
}

static struct port_finding of_flow(const struct port_table *t,
				   const struct port_key *key)
{
	struct port_finding f = of_entry(MINATO_STEP_FLOW, POOL_NONE);
	struct port_key open = *key;

	f.found = port_tuple_find(t, key, &f.tuple, NULL) && !f.tuple.rests;
	if (f.found || key->proto == MINATO_PROTO_OTHER)
		return f; /* no socket sends such datagrams */
	open.local = (struct minato_addr){ { 0 } };
	open.local_port = 0;
	f.found = port_tuple_find(t, &open, &f.tuple, NULL);
	return f;
}

static struct port_finding of_guards(struct port_table *t,
				     const struct port_key *key,
				     struct minato_time now)
{
	struct port_finding f = of_entry(MINATO_STEP_GUARD,
					 match_best(t, PORT_GUARDS, key, now));

	if (f.found)
		f.verdict = (enum minato_verdict)entry_at(t, f.entry)->verdict;
	return f;
}

static struct port_finding of_rules(struct port_table *t,
				    const struct port_key *key,
				    struct minato_time now)
{
	struct port_finding f;
	struct rule_verdict v;

	port_rules_ask(t, key, now, true, &v);
	f = of_entry(MINATO_STEP_RULE, port_rule_entry(t, v.rule));
	f.verdict = v.verdict;
	f.asks = v.asks;
	f.limited = v.limited;
	return f;
}

bool port_would_begin(struct port_table *t, const struct port_key *key,
		      struct minato_time now, uint32_t *entry, bool *behind)
{
	*entry = POOL_NONE;
	*behind = false;
	if (of_guards(t, key, now).verdict != MINATO_PASS ||
	    of_rules(t, key, now).verdict != MINATO_PASS)
		return false;
	*entry = match_best(t, PORT_GENERAL, key, now);
	*behind = *entry != POOL_NONE && entry_at(t, *entry)->behind &&
		  entry_at(t, *entry)->verdict != MINATO_PASS;
	return true;
}

size_t port_explain(struct port_table *t, const struct port_key *key,
		    struct minato_time now,
		    struct port_finding out[PORT_FINDINGS])
{
	const bool other = key->proto == MINATO_PROTO_OTHER;
	const struct port_key all = other ? port_key_of_all(key) : *key;
	size_t count = 0;

	out[count++] = of_flow(t, key);
	if (out[0].found)
		return count;
	out[count] = of_guards(t, &all, now);
	if (out[count++].verdict != MINATO_PASS)
		return count;
	out[count] = of_rules(t, key, now);
	if (out[count++].verdict != MINATO_PASS)
		return count;
	out[count] = of_entry(MINATO_STEP_ENTRY,
			      match_best(t, PORT_GENERAL, &all, now));
	if (out[count].found && entry_at(t, out[count].entry)->behind)
		out[count].verdict =
			(enum minato_verdict)entry_at(t, out[count].entry)
				->verdict;
	return count + 1;
}
