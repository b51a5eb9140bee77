/* SPDX-License-Identifier: BSD-2-Clause */
/* The naive port table: the rules as sentences, no structure at all. */
#include <stdlib.h>
#include <string.h>

#include "model/naive.h"

static bool mapped(const struct minato_addr *a)
{
	static const uint8_t head[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	return memcmp(a->bytes, head, 12) == 0;
}

static bool equal(const struct minato_addr *a, const struct minato_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool wildcard(const struct minato_addr *a)
{
	struct minato_addr zero = { { 0 } };

	if (mapped(a))
		zero.bytes[10] = zero.bytes[11] = 0xff;
	return equal(a, &zero);
}

bool naive_in_prefix(const struct minato_addr *a, const struct minato_addr *prefix,
		     unsigned prefix_len)
{
	for (unsigned bit = 0; bit < prefix_len; bit++) {
		unsigned shift = 7 - bit % 8;
		if ((a->bytes[bit / 8] >> shift & 1) != (prefix->bytes[bit / 8] >> shift & 1))
			return false;
	}
	return true;
}

static bool has_proto(const struct minato_entry *e, uint8_t proto)
{
	if (e->proto == 0)
		return proto == MINATO_TCP || proto == MINATO_UDP;
	return e->proto == proto;
}

static bool protos_meet(const struct minato_entry *a, const struct minato_entry *b)
{
	return (has_proto(a, MINATO_TCP) && has_proto(b, MINATO_TCP)) ||
	       (has_proto(a, MINATO_UDP) && has_proto(b, MINATO_UDP)) ||
	       (has_proto(a, MINATO_ICMP) && has_proto(b, MINATO_ICMP));
}

/* --- look-up ----------------------------------------------------------------- */

static bool meets(const struct naive_entry *n, const struct port_key *key, int64_t now_ns)
{
	const struct minato_entry *e = &n->e;

	if (!n->live || !has_proto(e, key->proto))
		return false;
	if (e->scope != MINATO_SCOPE_ANY && e->scope != key->scope)
		return false;
	if (e->face != MINATO_FACE_ANY && e->face != key->face)
		return false;
	if (key->local_port < e->first || key->local_port > e->last)
		return false;
	if (!naive_in_prefix(&key->local, &e->local, e->local_prefix) ||
	    !naive_in_prefix(&key->remote, &e->remote, e->remote_prefix))
		return false;
	if (e->until_ns != 0 && (int64_t)e->until_ns <= now_ns)
		return false;
	if (e->kind == MINATO_KIND_RESERVED || e->kind == MINATO_KIND_LEASE ||
	    e->kind == MINATO_KIND_RIGHT)
		return false;
	if (e->kind != MINATO_KIND_SOCKET)
		return true;
	return n->accepting && !(n->claim.v6_only && mapped(&key->local));
}

static bool scope_default(const struct minato_entry *e)
{
	struct minato_addr any4 = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff } };

	if (e->kind == MINATO_KIND_DMZ || e->behind)
		return true;
	return e->kind == MINATO_KIND_UPLINK && e->first == 0 && e->last == 65535 &&
	       (e->local_prefix == 0 || (e->local_prefix == 96 && equal(&e->local, &any4)));
}

/* > 0: a goes first. Everything but the age. */
static int precedence(const struct naive_entry *a, const struct naive_entry *b)
{
	const struct minato_entry *x = &a->e;
	const struct minato_entry *y = &b->e;
	int difference = scope_default(y) - scope_default(x);

	if (difference == 0)
		difference = x->local_prefix - y->local_prefix;
	if (difference == 0)
		difference = a->claim.v6_only - b->claim.v6_only;
	if (difference == 0)
		difference = (y->last - y->first) - (x->last - x->first);
	if (difference == 0)
		difference = x->remote_prefix - y->remote_prefix;
	if (difference == 0)
		difference = (x->face != MINATO_FACE_ANY) - (y->face != MINATO_FACE_ANY);
	if (difference == 0)
		difference = (x->scope != MINATO_SCOPE_ANY) - (y->scope != MINATO_SCOPE_ANY);
	return difference;
}

static struct naive_entry *best(struct naive *n, const struct port_key *key, int64_t now_ns,
				bool guards)
{
	struct naive_entry *found = NULL;

	for (int i = 0; i < NAIVE_ENTRIES; i++) {
		struct naive_entry *e = &n->entry[i];
		int difference;
		bool wall = e->e.kind == MINATO_KIND_GUARD && !e->e.behind;
		if (wall != guards || !meets(e, key, now_ns))
			continue;
		difference = found == NULL ? 1 : precedence(e, found);
		if (difference > 0 || (difference == 0 && e->order < found->order))
			found = e;
	}
	return found;
}

static bool one_group(const struct naive_entry *a, const struct naive_entry *b)
{
	return b->live && b->accepting && b->e.kind == MINATO_KIND_SOCKET && a->claim.reuse_port &&
	       b->claim.reuse_port && a->claim.uid == b->claim.uid &&
	       a->claim.scope == b->claim.scope && a->claim.proto == b->claim.proto &&
	       a->claim.port == b->claim.port && a->claim.v6_only == b->claim.v6_only &&
	       equal(&a->claim.local, &b->claim.local);
}

static void found_entry(struct naive *n, struct naive_entry *e, uint16_t port,
			struct naive_fate *out)
{
	out->kind = e->e.kind;
	out->verdict = e->e.kind == MINATO_KIND_GUARD ? e->e.verdict : MINATO_PASS;
	if (e->e.kind == MINATO_KIND_FORWARD) {
		out->target = e->e.target;
		out->target.port = e->e.target.port == 0 ?
					   port :
					   (uint16_t)(e->e.target.port + port - e->e.first);
	}
	out->group[out->group_count++] = e;
	for (int i = 0; i < NAIVE_ENTRIES; i++) {
		if (&n->entry[i] != e && e->e.kind == MINATO_KIND_SOCKET &&
		    one_group(e, &n->entry[i]))
			out->group[out->group_count++] = &n->entry[i];
	}
}

void naive_lookup(struct naive *n, const struct port_key *key, int64_t now_ns, bool new_flow,
		  struct naive_fate *out)
{
	struct port_key open = *key;
	struct naive_entry *e = NULL;

	memset(out, 0, sizeof(*out));
	out->tuple = naive_find_tuple(n, key);
	if (out->tuple != NULL && out->tuple->rested != 0)
		out->tuple = NULL;
	if (out->tuple == NULL) {
		memset(&open.local, 0, sizeof(open.local));
		open.local_port = 0;
		out->tuple = naive_find_tuple(n, &open);
	}
	if (out->tuple != NULL)
		return;
	if (new_flow)
		e = best(n, key, now_ns, true);
	if (e != NULL && e->e.verdict == MINATO_PASS) {
		e->hits++;
		e = NULL;
	}
	if (e == NULL)
		e = best(n, key, now_ns, false);
	out->kind = MINATO_KIND_CLOSED;
	out->verdict = MINATO_REFUSE;
	if (e != NULL && (new_flow || !e->e.behind))
		found_entry(n, e, key->local_port, out);
}

bool naive_is_association(const struct port_key *key)
{
	return key->local_port == 0 && wildcard(&key->local);
}

struct naive_tuple *naive_find_tuple(struct naive *n, const struct port_key *key)
{
	bool association = naive_is_association(key);

	for (int i = 0; i < NAIVE_TUPLES; i++) {
		struct naive_tuple *u = &n->tuple[i];
		if (!u->live || u->association != association || u->key.scope != key->scope ||
		    u->key.proto != key->proto || u->key.remote_port != key->remote_port ||
		    !equal(&u->key.remote, &key->remote))
			continue;
		if (association ||
		    (u->key.local_port == key->local_port && equal(&u->key.local, &key->local)))
			return u;
	}
	return NULL;
}

/* --- conflicts ----------------------------------------------------------------- */

/* Whether an address is one that a socket bound to `local` would receive on. */
static bool receives(const struct minato_addr *local, bool v6_only, const struct minato_addr *a)
{
	if (!wildcard(local))
		return equal(local, a);
	if (mapped(local))
		return mapped(a);
	return !v6_only || !mapped(a);
}

/* Whether two sockets could receive on one address: tried with an address of
   each family and both of their own. */
static bool addresses_meet(const struct minato_addr *a, bool a_v6_only, const struct minato_addr *b,
			   bool b_v6_only)
{
	struct minato_addr sample[4] = { *a,
					 *b,
					 { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 9, 9, 9,
					     9 } },
					 { { 0x20, 1, 0xd, 0xb8, 9 } } };

	for (int i = 0; i < 4; i++) {
		if (!wildcard(&sample[i]) && receives(a, a_v6_only, &sample[i]) &&
		    receives(b, b_v6_only, &sample[i]))
			return true;
	}
	return false;
}

static bool claims_meet(const struct naive_entry *there, const struct port_claim *claim)
{
	return there->live &&
	       (there->e.kind == MINATO_KIND_SOCKET || there->e.kind == MINATO_KIND_LEASE) &&
	       there->claim.scope == claim->scope && there->claim.proto == claim->proto &&
	       there->claim.port == claim->port &&
	       addresses_meet(&there->claim.local, there->claim.v6_only, &claim->local,
			      claim->v6_only);
}

bool naive_claim_bars(const struct naive_entry *there, const struct port_claim *claim)
{
	if (!claims_meet(there, claim))
		return false;
	if (there->claim.exclusive || claim->exclusive)
		return true;
	if (there->claim.reuse_port && claim->reuse_port && there->claim.uid == claim->uid)
		return false;
	if (there->claim.proto == MINATO_TCP && there->accepting)
		return true;
	return !(there->claim.reuse_addr && claim->reuse_addr);
}

static bool entry_bars_claim(const struct naive_entry *there, const struct port_claim *claim)
{
	struct minato_entry as_entry = {
		.scope = claim->scope,
		.face = MINATO_FACE_ANY,
		.proto = claim->proto,
		.local = claim->local,
		.local_prefix = !wildcard(&claim->local) ? 128 :
				mapped(&claim->local)	 ? 96 :
							   0,
		.first = claim->port,
		.last = claim->port,
	};

	return there->live &&
	       (there->e.kind == MINATO_KIND_FORWARD || there->e.kind == MINATO_KIND_UPLINK) &&
	       naive_same_key(&there->e, false, &as_entry,
			      claim->v6_only && as_entry.local_prefix == 0);
}

static bool tuple_bars_claim(const struct naive_tuple *u, const struct port_claim *claim)
{
	return u->live && u->rested == 0 && !u->association && !u->ref.quiet &&
	       u->key.scope == claim->scope &&
	       u->key.proto == claim->proto && u->key.local_port == claim->port &&
	       receives(&claim->local, claim->v6_only, &u->key.local) &&
	       (!claim->reuse_addr || u->ref.exclusive);
}

bool naive_bind_allowed(const struct naive *n, const struct port_claim *claim)
{
	bool claimed = false;

	for (int i = 0; i < NAIVE_ENTRIES; i++) {
		if (naive_claim_bars(&n->entry[i], claim) || entry_bars_claim(&n->entry[i], claim))
			return false;
		claimed |= claims_meet(&n->entry[i], claim);
	}
	for (int i = 0; i < NAIVE_TUPLES && !claimed; i++) {
		if (tuple_bars_claim(&n->tuple[i], claim))
			return false;
	}
	return true;
}

bool naive_listen_allowed(const struct naive *n, const struct naive_entry *self)
{
	if (self->claim.proto != MINATO_TCP)
		return true;
	for (int i = 0; i < NAIVE_ENTRIES; i++) {
		if (&n->entry[i] != self && n->entry[i].accepting &&
		    naive_claim_bars(&n->entry[i], &self->claim))
			return false;
	}
	return true;
}

static bool normal_prefix(struct minato_addr *a, unsigned prefix_len)
{
	struct minato_addr masked = { { 0 } };

	for (unsigned bit = 0; bit < prefix_len && bit < 128; bit++)
		masked.bytes[bit / 8] |= (uint8_t)(a->bytes[bit / 8] & 0x80 >> bit % 8);
	if (prefix_len > 128 || (prefix_len == 0 && !equal(a, &masked)))
		return false;
	*a = masked;
	return true;
}

bool naive_normal(const struct minato_entry *in, struct minato_entry *out)
{
	*out = *in;
	if (in->kind != MINATO_KIND_FORWARD && in->kind != MINATO_KIND_UPLINK &&
	    in->kind != MINATO_KIND_GUARD && in->kind != MINATO_KIND_RESERVED &&
	    in->kind != MINATO_KIND_RIGHT && in->kind != MINATO_KIND_DMZ)
		return false;
	if (in->kind == MINATO_KIND_DMZ &&
	    (!in->translate || in->first != 0 || (in->last != 0 && in->last != 65535)))
		return false;
	if (in->behind && (in->kind != MINATO_KIND_GUARD || in->verdict == MINATO_PASS))
		return false;
	/* A right has no other end, no face, and says yes or no to a socket of ports. */
	if (in->kind == MINATO_KIND_RIGHT &&
	    (in->verdict == MINATO_DROP || in->face != MINATO_FACE_ANY || in->remote_prefix != 0 ||
	     in->proto == MINATO_ICMP))
		return false;
	if (in->scope > 15 && in->scope != MINATO_SCOPE_ANY)
		return false;
	if (in->first > in->last)
		return false;
	if (in->first == 0 && in->last == 0)
		out->last = 65535;
	if (in->kind == MINATO_KIND_FORWARD && in->target.port != 0 &&
	    in->target.port + (out->last - out->first) > 65535)
		return false;
	return normal_prefix(&out->local, in->local_prefix) &&
	       normal_prefix(&out->remote, in->remote_prefix);
}

bool naive_same_key(const struct minato_entry *a, bool a_v6_only, const struct minato_entry *b,
		    bool b_v6_only)
{
	return scope_default(a) == scope_default(b) && a->scope == b->scope && a->face == b->face &&
	       a->first == b->first && a->last == b->last && a->local_prefix == b->local_prefix &&
	       a->remote_prefix == b->remote_prefix && equal(&a->local, &b->local) &&
	       equal(&a->remote, &b->remote) && a_v6_only == b_v6_only && protos_meet(a, b);
}

/* --- rights ------------------------------------------------------------------- */

static bool concerns(const struct naive_entry *n, const struct port_claim *claim, int64_t now_ns)
{
	const struct minato_entry *e = &n->e;

	return n->live && e->kind == MINATO_KIND_RIGHT && has_proto(e, claim->proto) &&
	       (e->scope == claim->scope || e->scope == MINATO_SCOPE_ANY) &&
	       claim->port >= e->first && claim->port <= e->last &&
	       (e->uid == claim->uid || e->uid == MINATO_UID_NONE) &&
	       (e->until_ns == 0 || (int64_t)e->until_ns > now_ns);
}

/* A permission is for all that the claim would receive on, a refusal for some of it. */
static bool reaches(const struct minato_entry *e, const struct port_claim *claim)
{
	const struct minato_addr any4 = minato_addr4(0, 0, 0, 0);
	const bool allows = e->verdict == MINATO_PASS;

	if (!wildcard(&claim->local))
		return naive_in_prefix(&claim->local, &e->local, e->local_prefix);
	if (mapped(&claim->local))
		return naive_in_prefix(&any4, &e->local, e->local_prefix < 96 ? e->local_prefix :
									       96) &&
		       (!allows || e->local_prefix <= 96);
	if (allows || e->local_prefix == 0)
		return e->local_prefix == 0;
	/* All of IPv6, which is all there is but for what is IPv4 alone. */
	return !claim->v6_only || !mapped(&e->local) || e->local_prefix < 96;
}

bool naive_right(const struct naive *n, const struct port_claim *claim, int64_t now_ns,
		 bool otherwise)
{
	const struct naive_entry *best = NULL;

	for (int i = 0; i < NAIVE_ENTRIES; i++) {
		const struct naive_entry *e = &n->entry[i];
		int difference = 1;

		if (!concerns(e, claim, now_ns) || !reaches(&e->e, claim))
			continue;
		if (best != NULL) {
			difference = (best->e.uid == MINATO_UID_NONE) -
				     (e->e.uid == MINATO_UID_NONE);
			if (difference == 0)
				difference = precedence(e, best);
		}
		if (difference > 0 || (difference == 0 && e->order < best->order))
			best = e;
	}
	return best == NULL ? otherwise : best->e.verdict == MINATO_PASS;
}

/* --- choosing --------------------------------------------------------------------- */

uint32_t naive_uses(const struct naive *n, uint8_t scope, uint8_t proto, uint16_t port)
{
	uint32_t uses = 0;

	for (int i = 0; i < NAIVE_ENTRIES; i++) {
		const struct minato_entry *e = &n->entry[i].e;
		uses += n->entry[i].live && has_proto(e, proto) && e->scope == scope &&
			e->first == port && e->last == port &&
			(e->kind == MINATO_KIND_SOCKET || e->kind == MINATO_KIND_LEASE ||
			 e->kind == MINATO_KIND_FORWARD);
	}
	for (int i = 0; i < NAIVE_TUPLES; i++) {
		const struct naive_tuple *u = &n->tuple[i];
		uses += u->live && !u->association && !u->ref.quiet && u->key.scope == scope &&
			u->key.proto == proto && u->key.local_port == port;
	}
	return uses;
}

/* Whether a claim, lease, forward or reservation covers the port, for this scope
   and protocol. */
static bool holds(const struct naive_entry *n, const struct port_choice *c, uint16_t port)
{
	const struct minato_entry *e = &n->e;

	return n->live && has_proto(e, c->proto) &&
	       (e->scope == c->scope || e->scope == MINATO_SCOPE_ANY) && port >= e->first &&
	       port <= e->last &&
	       (e->kind == MINATO_KIND_SOCKET || e->kind == MINATO_KIND_LEASE ||
		e->kind == MINATO_KIND_FORWARD || e->kind == MINATO_KIND_RESERVED);
}

bool naive_unused(const struct naive *n, const struct port_choice *c, uint16_t port)
{
	if (naive_uses(n, c->scope, c->proto, port) > 0)
		return false;
	for (int i = 0; i < NAIVE_ENTRIES; i++) {
		if (holds(&n->entry[i], c, port))
			return false;
	}
	return true;
}

/* Whether an entry covers some address that `local` stands for. */
static bool covers(const struct naive_entry *n, const struct minato_addr *local)
{
	const struct minato_entry *e = &n->e;

	if (e->kind == MINATO_KIND_SOCKET || e->kind == MINATO_KIND_LEASE)
		return addresses_meet(&n->claim.local, n->claim.v6_only, local, false);
	if (!wildcard(local))
		return naive_in_prefix(local, &e->local, e->local_prefix);
	return !mapped(local) || e->local_prefix == 0 ||
	       (e->local_prefix >= 96 ? mapped(&e->local) :
					naive_in_prefix(local, &e->local, e->local_prefix));
}

bool naive_for_one(const struct port_choice *c)
{
	return c->remote != NULL && !c->alone && !wildcard(&c->local);
}

static bool held(const struct naive *n, const struct port_choice *c, uint16_t port)
{
	for (int i = 0; i < NAIVE_ENTRIES; i++) {
		if (holds(&n->entry[i], c, port))
			return true;
	}
	return false;
}

static bool rests_there(const struct port_choice *c, const struct naive_tuple *u)
{
	const uint16_t port = u->key.local_port;

	return !u->association && equal(&u->key.local, &c->local) &&
	       equal(&u->key.remote, &c->remote->addr) &&
	       u->key.remote_port == (c->proto == MINATO_ICMP ? port : c->remote->port);
}

bool naive_open(const struct naive *n, const struct port_choice *c, uint16_t port)
{
	return !held(n, c, port) && naive_sharable(n, c, port);
}

bool naive_sharable(const struct naive *n, const struct port_choice *c, uint16_t port)
{
	for (int i = 0; i < NAIVE_ENTRIES; i++) {
		if (holds(&n->entry[i], c, port) && covers(&n->entry[i], &c->local))
			return false;
	}
	for (int i = 0; i < NAIVE_TUPLES; i++) {
		const struct naive_tuple *u = &n->tuple[i];
		uint16_t remote_port = 0;
		if (!u->live || u->association || u->ref.quiet || u->key.scope != c->scope ||
		    u->key.proto != c->proto || u->key.local_port != port ||
		    !receives(&c->local, false, &u->key.local))
			continue;
		if (!naive_for_one(c))
			return false;
		remote_port = c->proto == MINATO_ICMP ? port : c->remote->port;
		if (equal(&u->key.remote, &c->remote->addr) && u->key.remote_port == remote_port &&
		    (!u->ref.yields || c->other_clock))
			return false;
	}
	return true;
}

/* The oldest rest that a choice without any other port may end; `open`: first
   those on ports that nobody holds, where it is for one destination. */
static struct naive_tuple *oldest_rest(struct naive *n, const struct port_choice *c, bool open)
{
	struct naive_tuple *oldest = NULL;

	for (int i = 0; i < NAIVE_TUPLES; i++) {
		struct naive_tuple *u = &n->tuple[i];
		if (!u->live || u->rested == 0 || u->key.scope != c->scope ||
		    u->key.proto != c->proto || u->key.local_port < c->low ||
		    u->key.local_port > c->high)
			continue;
		if (naive_for_one(c) &&
		    (!rests_there(c, u) || (open && held(n, c, u->key.local_port))))
			continue;
		if (oldest == NULL || u->rested < oldest->rested)
			oldest = u;
	}
	return oldest;
}

uint16_t naive_end_rests(struct naive *n, const struct port_choice *c)
{
	struct naive_tuple *u;

	while ((u = oldest_rest(n, c, true)) != NULL) {
		u->live = false;
		if (naive_for_one(c) || naive_unused(n, c, u->key.local_port))
			return u->key.local_port;
	}
	while ((u = oldest_rest(n, c, false)) != NULL)
		u->live = false;
	return 0;
}
