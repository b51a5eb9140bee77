/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules of the policy where packets come in: which way a flow goes, what is
 * answered to one that may not begin, and what is remembered of those that may.
 *
 * All datagrams of one guest's socket are one association, whoever they are
 * for, but a verdict is about one destination. Which destinations an
 * association may speak to is remembered in a table of 2,048 hashes of both; a
 * new one takes the place of another, which is asked about again then.
 */
#include "stack/stack.h"

#include "minato/guard.h"

void verdicts_course(const struct minato *m, uint32_t link,
		     struct port_key *key)
{
	const struct minato_link_config *c = &m->link[link].config;

	key->course = MINATO_COURSE_IN;
	if (c->role == MINATO_ROLE_INSIDE)
		key->course = MINATO_COURSE_OUT;
	if (c->role != MINATO_ROLE_HOST || !c->any_destination)
		return;
	key->course = MINATO_COURSE_OUT;
	key->program = MINATO_PROGRAM_UNKNOWN;
}

/* The link of its scope that calls come by. */
void verdicts_key(const struct minato *m, const struct socket *s,
		  struct port_key *key)
{
	for (uint32_t i = 0; i < m->link_count; i++) {
		if (m->link[i].config.scope != s->scope)
			continue;
		key->face = (uint8_t)i;
		verdicts_course(m, i, key);
	}
	key->icmp_type = minato_addr_is4(&key->remote) ? ICMP4_ECHO :
							 ICMP6_ECHO;
}

/* --- answers ------------------------------------------------------------- */

/*
 * What is for us is refused as a closed port is. What is not, by who stands in
 * the way: administratively prohibited (RFC 1812 5.2.7.1, RFC 4443 3.1), but
 * TCP by RST, which ends it at once.
 */
enum drop verdicts_answer(struct minato *m, const struct arrival *a,
			  enum minato_verdict verdict)
{
	const struct packet *p = &a->packet;
	/* What of a gateway's comes here is for us. */
	const bool beyond = a->key.course == MINATO_COURSE_OUT &&
			    m->link[p->link].config.role == MINATO_ROLE_HOST;

	if (verdict != MINATO_REFUSE) {
		evidence_packet(m, p);
		return DROP_GUARD;
	}
	if (p->type == PACKET_TCP || (p->type == PACKET_UDP && !beyond)) {
		closed_refuse(m, a);
	} else {
		deliver_learn(m, p);
		icmp_out_error(m, p, MINATO_REASON_PROHIBITED, 0, &p->dst);
	}
	return DROP_GUARD;
}

/*
 * It comes in to us. On a link whose every destination is taken it is a guest's
 * that goes out as well, and both have to let it pass.
 */
enum drop verdicts_ping(struct minato *m, const struct arrival *a)
{
	struct port_key key = a->key;
	struct rule_verdict v = { .verdict = MINATO_PASS };

	key.program = MINATO_PROGRAM_NONE; /* we answer it: it is no call */
	if (m->link[a->packet.link].config.role == MINATO_ROLE_HOST &&
	    key.course == MINATO_COURSE_OUT)
		port_rules_ask(host_table(m), &key, m->now, false, &v);
	key.course = MINATO_COURSE_IN;
	if (v.verdict == MINATO_PASS)
		port_rules_ask(host_table(m), &key, m->now, false, &v);
	return v.verdict == MINATO_PASS ? DROP_NONE :
					  verdicts_answer(m, a, v.verdict);
}

/* --- associations -------------------------------------------------------- */

static uint64_t *place_of(struct minato *m, uint32_t index,
			  const struct port_key *key, uint64_t *hash)
{
	const struct rule_words local = ruleset_words(&key->local);
	const uint64_t word[5] = { local.high, local.low,
				   slots_handle(m, index), key->local_port,
				   key->proto };

	*hash = hash_five(&m->verdict_secret, word) | 1;
	return &m->verdict[*hash >> 8 & (STACK_VERDICTS - 1)];
}

void verdicts_remember(struct minato *m, uint32_t index,
		       const struct port_key *key)
{
	uint64_t hash;
	uint64_t *place = place_of(m, index, key, &hash);

	*place = hash;
}

/* For whom the held call is: judged with it, when it is known who calls. */
static bool is_of_call(struct minato *m, const struct socket *s,
		       const struct port_key *key)
{
	struct icmp_about about;

	if ((s->flags & SOCKET_HELD) == 0)
		return false;
	calls_about(m, s, &about);
	return minato_addr_equal(&about.key.local, &key->local) &&
	       about.key.local_port == key->local_port;
}

enum drop verdicts_datagram(struct minato *m, uint32_t index,
			    const struct arrival *a)
{
	const struct socket *s = socket_at(m, index);
	struct port_key key = a->key;
	struct rule_verdict v;
	uint64_t hash;
	const uint64_t *place = place_of(m, index, &key, &hash);

	if (*place == hash)
		return DROP_NONE;
	key.program = s->body.datagrams.program;
	port_rules_ask(host_table(m), &key, m->now, false, &v);
	if (v.asks)
		return is_of_call(m, s, &key) ? DROP_NONE : DROP_GUARD;
	if (v.verdict != MINATO_PASS)
		return verdicts_answer(m, a, v.verdict);
	verdicts_remember(m, index, &key);
	return DROP_NONE;
}
