/* SPDX-License-Identifier: BSD-2-Clause */
/* What sockets bind, and Linux's rules of which binds go together. A port that
   is lent is one more claim, which shares with nobody. */
#include "port/port.h"

#include <errno.h>

#include "base/check.h"

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

static uint32_t space_of(const struct port_entry *e)
{
	return port_space_index(e->scope, port_slot(e->proto));
}

/* Whether a claim that stands there bars a new one. */
static bool bars(const struct port_entry *there, const struct port_entry *e)
{
	const bool listens = there->proto == MINATO_TCP && there->accepting;
	const bool one_group = there->reuse_port && e->reuse_port &&
			       there->uid == e->uid;

	if ((there->kind != MINATO_KIND_SOCKET &&
	     there->kind != MINATO_KIND_LEASE) ||
	    there->scope != e->scope || there->proto != e->proto ||
	    there->first != e->first || there->rests ||
	    !entry_overlap(there, e))
		return false;
	if (there->exclusive || e->exclusive)
		return true;
	return !one_group && (listens || !there->reuse_addr || !e->reuse_addr);
}

/* For who wants to name it; that some claim bars is known. Linear. */
static uint32_t find_barring(const struct port_table *t,
			     const struct port_entry *e)
{
	uint32_t entry = port_entry_next(t, 0);

	while (entry != POOL_NONE && !bars(entry_at(t, entry), e))
		entry = port_entry_next(t, entry + 1);
	check(entry != POOL_NONE);
	return entry;
}

int64_t port_bind(struct port_table *t, const struct port_claim *claim,
		  uint32_t *holder)
{
	struct place_survey s;
	struct port_entry e;
	uint32_t placed, same;

	claim_entry(&e, claim);
	s = place_survey(t, space_of(&e), &e);
	same = match_same(t, space_of(&e), &e);
	if (holder != NULL)
		*holder = s.barred ? find_barring(t, &e) : same;
	if (s.barred || same != POOL_NONE)
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

/* It begins or ceases to answer. */
static void change_answering(struct port_table *t, uint32_t entry,
			     bool accepting)
{
	struct port_entry *e = entry_at(t, entry);

	if (accepting == e->accepting)
		return;
	e->accepting = accepting;
	if (accepting)
		match_enter(t, space_of(e), entry, 0);
	else
		match_leave(t, space_of(e), entry, 0);
	if (e->reuse_port && accepting)
		crew_enter(t, entry);
	else if (e->reuse_port)
		crew_leave(t, entry);
}

int port_accepting(struct port_table *t, uint32_t entry, bool accepting)
{
	struct port_entry *e = claim_at(t, entry);
	const uint32_t space = space_of(e);
	bool refused = false;

	/* What it meets are the others. */
	place_leave(t, space, entry);
	if (accepting && e->proto == MINATO_TCP)
		refused = place_survey(t, space, e).listened;
	if (!refused)
		change_answering(t, entry, accepting);
	place_enter(t, space, entry);
	return refused ? -EADDRINUSE : 0;
}

void port_claim_reuse(struct port_table *t, uint32_t entry, bool reuse_addr,
		      bool reuse_port)
{
	struct port_entry *e = claim_at(t, entry);

	place_leave(t, space_of(e), entry);
	if (e->accepting && e->reuse_port && !reuse_port)
		crew_leave(t, entry);
	if (e->accepting && !e->reuse_port && reuse_port)
		crew_enter(t, entry);
	e->reuse_addr = reuse_addr;
	e->reuse_port = reuse_port;
	place_enter(t, space_of(e), entry);
}

void claim_rest(struct port_table *t, uint32_t entry)
{
	struct port_entry *e = entry_at(t, entry);

	place_leave(t, space_of(e), entry);
	change_answering(t, entry, false);
	e->rests = true;
	place_enter(t, space_of(e), entry);
}
