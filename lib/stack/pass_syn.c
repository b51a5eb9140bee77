/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SYNs from outside that nobody asked for (RFC 5382 REQ-4, RFC 6092 REC-34).
 * Behind them may be a simultaneous open whose other half is on its way: so
 * nothing is said for some seconds, and nothing at all where the other half
 * came; else the sender hears that the port is unreachable. The beginnings of
 * the last some thousand are kept in a ring; where it is full the oldest is
 * forgotten, as if policy forbade an answer (REQ-4 a).
 */
#include "stack/stack.h"

#include <string.h>

static struct held_syn *at(struct passing *g, uint64_t position)
{
	return &g->syn[position % PASS_SYNS];
}

static uint32_t *place_of(struct passing *g, const struct port_key *key)
{
	uint64_t word[5];

	memcpy(word, key->local.bytes, 16);
	memcpy(word + 2, key->remote.bytes, 16);
	word[4] = (uint64_t)key->local_port << 16 | key->remote_port;
	return &g->syn_of[hash_five(&g->secret, word) % PASS_SYNS];
}

static bool is_of(const struct held_syn *s, const struct port_key *key)
{
	return s->len != 0 && s->local_port == key->local_port &&
	       s->remote_port == key->remote_port &&
	       minato_addr_equal(&s->local, &key->local) &&
	       minato_addr_equal(&s->remote, &key->remote);
}

enum drop pass_syn_hold(struct minato *m, const struct arrival *a)
{
	const struct packet *p = &a->packet;
	struct passing *g = host_passing(m);
	const int64_t hold_ns =
		(int64_t)nat_get(host_nat(m))->unsolicited_syn_s * NS_PER_S;
	uint32_t *place = place_of(g, &a->key);
	struct held_syn *s = &g->syn[*place];

	/* Sent again meanwhile: the first one's time counts. */
	if (is_of(s, &a->key))
		return DROP_NAT;
	if (g->syn_tail - g->syn_head == PASS_SYNS) {
		host_count(m, COUNTER_SYN_VICTIM);
		at(g, g->syn_head++)->len = 0;
	}
	*place = (uint32_t)(g->syn_tail % PASS_SYNS);
	s = at(g, g->syn_tail++);
	*s = (struct held_syn){
		.until_ns = time_after(m->now, hold_ns).ns,
		.local = a->key.local,
		.remote = a->key.remote,
		.local_port = a->key.local_port,
		.remote_port = a->key.remote_port,
		.link = (uint8_t)p->link,
		.len = (uint8_t)(p->ip_len < PASS_QUOTE ? p->ip_len :
							  PASS_QUOTE),
	};
	memcpy(s->quote, p->ip, s->len);
	host_count(m, COUNTER_SYN_HELD);
	return DROP_NAT;
}

static void answer(struct minato *m, const struct held_syn *s)
{
	const bool is6 = !minato_addr_is4(&s->remote);
	const struct packet about = {
		.type = PACKET_TCP,
		.link = s->link,
		.to_us_mac = true,
		.is6 = is6,
		.ip_proto = IP_PROTO_TCP,
		.ip = s->quote,
		.ip_len = s->len,
		.transport = s->quote,
		.src = s->remote,
		.dst = s->local,
	};

	host_count(m, COUNTER_SYN_ANSWERED);
	/* IPv6: it was for who is behind us, in whose name nobody speaks. */
	if (is6)
		pass_refuse(m, &about, MINATO_REASON_PROHIBITED, 0);
	else
		icmp_out_error(m, &about, MINATO_REASON_PORT, 0, &s->local);
}

static void end(struct minato *m, struct held_syn *s)
{
	const struct port_key key = {
		.local = s->local,
		.remote = s->remote,
		.local_port = s->local_port,
		.remote_port = s->remote_port,
		.scope = m->link[s->link].config.scope,
		.face = s->link,
		.proto = MINATO_TCP,
	};

	if (nat_syn_met(host_nat(m), &key))
		host_count(m, COUNTER_SYN_MET);
	else
		answer(m, s);
	s->len = 0;
}

void pass_syn_expire(struct minato *m)
{
	struct passing *g = host_passing(m);

	if (g == NULL)
		return;
	for (; g->syn_head != g->syn_tail; g->syn_head++) {
		struct held_syn *s = at(g, g->syn_head);
		if (m->now.ns < s->until_ns)
			return;
		end(m, s);
	}
}

struct minato_time pass_syn_deadline(const struct minato *m)
{
	struct passing *g = host_passing(m);

	if (g == NULL || g->syn_head == g->syn_tail)
		return MINATO_NEVER;
	return (struct minato_time){ at(g, g->syn_head)->until_ns };
}
