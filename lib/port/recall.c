/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whom we have asked lately: what of a flow is left when it and its rest are
 * over. An answer may still come, and is told by this from who tries our ports
 * with the source port of a server (nmap -g 53).
 *
 *   datagrams  the flow: answers follow a question within seconds. Of a socket
 *              for any remote its port, which asked whoever it liked
 *   TCP        the server's end alone: a connection that we have forgotten may
 *              lie idle for hours before it says something, and one server may
 *              have had many of them
 *
 * Each is a filter of two keyed bits in two generations, of which the older one
 * is forgotten when the younger one is as old as a span: what was noted is
 * known for one span to two. When more was noted than a generation can tell
 * apart, and for some minutes from the beginning, since what was before is not
 * known, everything may be an answer.
 */
#include <string.h>

#include "base/time.h"
#include "port/port.h"

#define BITS_MIN (UINT64_C(1) << 14)
#define BITS_MAX (UINT64_C(1) << 23)
#define SPAN_FLOWS_NS (INT64_C(300) * NS_PER_S)
#define SPAN_PEERS_NS (INT64_C(12) * 3600 * NS_PER_S)
/* As long as Linux sends again what nobody acknowledges (tcp_retries2). */
#define START_PEERS_NS (INT64_C(924) * NS_PER_S)
#define START_FLOWS_NS (INT64_C(120) * NS_PER_S)

enum { FLOWS, PEERS };

static uint64_t bits_for(const struct port_limits *limits)
{
	uint64_t bits = BITS_MIN;

	while (bits < limits->tuples_max / 2 && bits < BITS_MAX)
		bits *= 2;
	return bits;
}

size_t recall_bytes(const struct port_limits *limits)
{
	return 2 * PORT_RECALL_KINDS * (size_t)(bits_for(limits) / 8);
}

static uint8_t *generation(const struct port_table *t, uint32_t kind,
			   uint32_t which)
{
	const size_t bytes = (size_t)(t->recall.bits / 8);

	return (uint8_t *)port_part(t, t->recall.cells_at) +
	       (2 * kind + which) * bytes;
}

void recall_init(struct port_table *t, size_t cells_at)
{
	t->recall = (struct port_recall){ .bits = bits_for(&t->limits),
					  .cells_at = cells_at };
}

void port_recall_begin(struct port_table *t, struct minato_time now)
{
	t->recall.began_ns = now.ns;
	for (uint32_t kind = 0; kind < PORT_RECALL_KINDS; kind++)
		t->recall.kind[kind].turned_ns = now.ns;
}

/* Forgets what is too old. */
static struct recall_kind *turned(struct port_table *t, uint32_t kind,
				  struct minato_time now)
{
	static const int64_t spans[] = {
		[FLOWS] = SPAN_FLOWS_NS, [PEERS] = SPAN_PEERS_NS
	};
	struct recall_kind *k = &t->recall.kind[kind];
	int64_t past = (now.ns - k->turned_ns) / spans[kind];

	if (past <= 0)
		return k;
	k->turned_ns += past * spans[kind];
	for (; past > 0; past = past > 2 ? 1 : past - 1) {
		k->young ^= 1;
		k->noted[k->young] = 0;
		memset(generation(t, kind, k->young), 0,
		       (size_t)(t->recall.bits / 8));
	}
	return k;
}

static uint64_t hash_of(const struct port_table *t, const struct port_key *key)
{
	uint64_t word[5];

	memcpy(word, key->local.bytes, 16);
	memcpy(word + 2, key->remote.bytes, 16);
	word[4] = (uint64_t)key->scope << 40 | (uint64_t)key->proto << 32 |
		  (uint64_t)key->local_port << 16 | key->remote_port;
	return hash_five(&t->secret, word);
}

static struct port_key peer_of(const struct port_key *key)
{
	return (struct port_key){ .remote = key->remote,
				  .remote_port = key->remote_port,
				  .scope = key->scope,
				  .proto = key->proto };
}

/* Its port, whoever was asked from it. */
static struct port_key port_of(uint16_t local_port)
{
	return (struct port_key){ .local_port = local_port,
				  .proto = MINATO_UDP };
}

static void put(struct port_table *t, uint32_t kind, const struct port_key *key,
		struct minato_time now)
{
	const uint64_t hash = hash_of(t, key), mask = t->recall.bits - 1;
	struct recall_kind *k = turned(t, kind, now);
	uint8_t *cells = generation(t, kind, k->young);
	const uint64_t first = hash & mask, second = hash >> 32 & mask;

	cells[first / 8] |= (uint8_t)(1u << first % 8);
	cells[second / 8] |= (uint8_t)(1u << second % 8);
	if (k->noted[k->young] < UINT32_MAX)
		k->noted[k->young]++;
}

void port_recall_note(struct port_table *t, const struct port_key *key,
		      struct minato_time now)
{
	const struct port_key peer = peer_of(key);

	if (key->remote_port >= PORT_ASKING_MIN)
		return;
	if (key->proto == MINATO_UDP)
		put(t, FLOWS, key, now);
	else if (key->proto == MINATO_TCP)
		put(t, PEERS, &peer, now);
}

void port_recall_note_port(struct port_table *t, uint16_t local_port,
			   struct minato_time now)
{
	const struct port_key port = port_of(local_port);

	put(t, FLOWS, &port, now);
}

static bool has(const struct port_table *t, uint32_t kind,
		const struct port_key *key)
{
	const uint64_t hash = hash_of(t, key), mask = t->recall.bits - 1;
	const uint64_t first = hash & mask, second = hash >> 32 & mask;

	for (uint32_t which = 0; which < 2; which++) {
		const uint8_t *cells = generation(t, kind, which);
		if ((cells[first / 8] >> first % 8 & 1) != 0 &&
		    (cells[second / 8] >> second % 8 & 1) != 0)
			return true;
	}
	return false;
}

/* What it says then is worth nothing. */
static bool is_full(const struct port_table *t, const struct recall_kind *k)
{
	return k->noted[0] > t->recall.bits / 4 ||
	       k->noted[1] > t->recall.bits / 4;
}

bool port_recall_asked(struct port_table *t, const struct port_key *key,
		       struct minato_time now)
{
	const uint32_t kind = key->proto == MINATO_UDP ? FLOWS : PEERS;
	const struct recall_kind *k = turned(t, kind, now);
	const struct port_key peer = peer_of(key);
	const struct port_key port = port_of(key->local_port);

	if (now.ns - t->recall.began_ns <
		    (kind == FLOWS ? START_FLOWS_NS : START_PEERS_NS) ||
	    is_full(t, k))
		return true;
	return kind == PEERS ? has(t, PEERS, &peer) :
			       has(t, FLOWS, key) || has(t, FLOWS, &port);
}
