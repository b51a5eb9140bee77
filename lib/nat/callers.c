/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Callers of forwards, for who watches them: who they are, what their first
 * packet looked like, and that nobody has answered it.
 */
#include "nat/nat.h"

static bool is_watched(const struct nat *n, uint32_t session)
{
	return session != NAT_NONE && session_live(n, session) &&
	       (session_at(n, session)->flags & NAT_IS_FORWARD) != 0;
}

static uint32_t word_of(const struct nat_session *s)
{
	return s->owner == NAT_NONE && !(s->flags & NAT_HAS_NUMBER) ? s->prev :
								      0;
}

static void tell(const struct nat_session *s, struct nat_caller *out)
{
	session_end_of(s, NAT_A, &out->client);
	session_end_of(s, NAT_B, &out->asked);
	out->scope = s->scopes >> 4;
	out->proto = s->proto;
	out->look = word_of(s) & NAT_LOOK;
}

bool nat_caller(const struct nat *n, uint32_t session, struct nat_caller *out)
{
	if (!is_watched(n, session))
		return false;
	tell(session_at(n, session), out);
	return true;
}

void nat_look(struct nat *n, uint32_t session, uint32_t look)
{
	struct nat_session *s = session_at(n, session);
	uint32_t *word = is_watched(n, session) ? session_expects(s) : NULL;

	if (word != NULL && !(s->flags & NAT_HAS_NUMBER))
		*word = (*word & ~NAT_LOOK) | (look & NAT_LOOK);
}

/* Neither answered nor refused. */
static bool is_silent(const struct nat_session *s)
{
	return (s->flags & (NAT_IS_FORWARD | NAT_HAS_SPOKEN)) ==
		       NAT_IS_FORWARD &&
	       (s->tcp & NAT_TCP_SYN_B) == 0;
}

bool nat_refuse(struct nat *n, const struct nat_way *way)
{
	if (way->side != 1 || !is_watched(n, way->session) ||
	    !is_silent(session_at(n, way->session)))
		return false;
	session_at(n, way->session)->flags |= NAT_HAS_SPOKEN;
	return true;
}

/* Where there is no room another one makes some, so that nobody who lets many
   end at once chooses which are told of. */
static void note_silence(struct nat *n, const struct nat_session *s)
{
	struct nat_silences *all = &n->silences;
	uint32_t at = all->count;

	if (at == NAT_SILENCES_MAX) {
		all->lost++;
		at = random_below(&n->random, NAT_SILENCES_MAX + all->lost);
		if (at >= NAT_SILENCES_MAX)
			return;
	} else {
		all->count++;
	}
	tell(s, &all->ring[at]);
}

bool nat_silence(struct nat *n, struct nat_caller *out)
{
	if (n->silences.count == 0)
		return false;
	n->silences.lost = 0;
	*out = n->silences.ring[--n->silences.count];
	return true;
}

void session_lapse(struct nat *n, uint32_t session)
{
	const struct nat_session *s = session_at(n, session);

	if (is_silent(s) && word_of(s) / NAT_DATAGRAM < NAT_DATAGRAMS_MAX)
		note_silence(n, s);
	session_end(n, session);
}
