/* SPDX-License-Identifier: BSD-2-Clause */
/* What sockets bind, and Linux's rules of which binds go together. A port that
   is lent is one more claim, which shares with nobody. */
#include "port/port.h"

#include <errno.h>

#include "base/check.h"

/* Both wish to share by REUSEPORT, and may. */
static bool one_group(const struct port_entry *a, const struct port_entry *b)
{
	return a->reuse_port && b->reuse_port && a->uid == b->uid;
}

static bool both_reuse(const struct port_entry *a, const struct port_entry *b)
{
	return a->reuse_addr && b->reuse_addr;
}

/* Whether a claim that stands there bars a new one. */
static bool bars(const struct port_entry *there, const struct port_entry *e)
{
	const bool listens = there->proto == MINATO_TCP && there->accepting;

	if (!entry_overlap(there, e) || there->rests)
		return false;
	if (there->exclusive || e->exclusive)
		return true;
	return !one_group(there, e) && (listens || !both_reuse(there, e));
}

static uint32_t first_in_word(const struct port_table *t,
			      const struct port_entry *e)
{
	uint32_t space = port_space_index(e->scope, port_slot(e->proto));

	return *port_word(t, space, PORT_GENERAL, e->first);
}

/* What a walk over the entries on the port of a new claim finds. */
struct survey {
	uint32_t barring; /* the first entry in the way, or POOL_NONE */
	bool claimed;	  /* a claim stands over the same addresses */
};

static void survey_port(const struct port_table *t, const struct port_entry *e,
			struct survey *s)
{
	const uint32_t slot = port_slot(e->proto);
	uint32_t word = first_in_word(t, e);

	*s = (struct survey){ .barring = POOL_NONE };
	while (word != 0) {
		const struct port_entry *there = entry_at(t, word - 1);
		const bool claim = there->kind == MINATO_KIND_SOCKET ||
				   there->kind == MINATO_KIND_LEASE;
		const bool barred = claim ? bars(there, e) :
					    entry_same_key(there, e);
		if (barred && s->barring == POOL_NONE)
			s->barring = word - 1;
		s->claimed |= claim && !there->rests && entry_overlap(there, e);
		word = there->next[entry_link(there, slot)];
	}
}

void claim_entry(struct port_entry *e, const struct port_claim *claim)
{
	check(claim->port != 0 && claim->scope < PORT_SCOPES);
	*e = (struct port_entry){
		.kind = claim->lent ? MINATO_KIND_LEASE : MINATO_KIND_SOCKET,
		.scope = claim->scope,
		.face = MINATO_FACE_ANY,
		.proto = claim->proto,
		.first = claim->port,
		.last = claim->port,
		.owner = claim->owner,
		.uid = claim->uid,
		.user = claim->user,
		.reuse_addr = claim->reuse_addr,
		.reuse_port = claim->reuse_port,
		.exclusive = claim->exclusive,
		.chosen = claim->chosen,
	};
	entry_set_local(e, &claim->local, claim->v6_only);
}

int64_t port_bind(struct port_table *t, const struct port_claim *claim,
		  uint32_t *holder)
{
	struct port_entry e;
	struct survey s;
	uint32_t placed;

	claim_entry(&e, claim);
	survey_port(t, &e, &s);
	if (holder != NULL)
		*holder = s.barring;
	if (s.barring != POOL_NONE)
		return -EADDRINUSE;
	if (!s.claimed && crowd_meets(t, &e, e.first, e.reuse_addr))
		return -EADDRINUSE;
	if (crowd_mapped(t, &e, e.first))
		return -EADDRINUSE;
	placed = entry_place(t, &e);
	return placed == POOL_NONE ? -ENOSPC : (int64_t)placed;
}

static struct port_entry *claim_at(const struct port_table *t, uint32_t entry)
{
	check(port_entry_live(t, entry));
	check(entry_at(t, entry)->kind == MINATO_KIND_SOCKET);
	return entry_at(t, entry);
}

/* Another TCP listener over the same addresses, outside the group. */
static bool other_listens(const struct port_table *t, uint32_t entry)
{
	const struct port_entry *e = entry_at(t, entry);
	uint32_t word = first_in_word(t, e);

	while (word != 0) {
		const struct port_entry *there = entry_at(t, word - 1);
		if (word - 1 != entry && there->kind == MINATO_KIND_SOCKET &&
		    there->accepting && bars(there, e))
			return true;
		word = there->next[entry_link(there, 0)];
	}
	return false;
}

int port_accepting(struct port_table *t, uint32_t entry, bool accepting)
{
	struct port_entry *e = claim_at(t, entry);

	if (accepting && e->proto == MINATO_TCP && other_listens(t, entry))
		return -EADDRINUSE;
	e->accepting = accepting;
	return 0;
}

void port_claim_reuse(struct port_table *t, uint32_t entry, bool reuse_addr,
		      bool reuse_port)
{
	struct port_entry *e = claim_at(t, entry);

	e->reuse_addr = reuse_addr;
	e->reuse_port = reuse_port;
}
