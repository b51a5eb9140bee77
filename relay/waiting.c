/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams to a place that the user is asked about. One endpoint speaks to many places, so it is
 * not held, as a TCP call is: the first datagrams to this one wait here, what is more is lost, as
 * datagrams may be, and the others go on.
 */
#include "relay/permit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DATAGRAMS_MAX 8u
#define BYTES_MAX 16384u

struct waiting {
	uint64_t word; /* 0: free */
	uint64_t lane;
	struct minato_endpoint guest, to;
	size_t count, used;
	struct minato_datagram about[DATAGRAMS_MAX];
	uint8_t bytes[BYTES_MAX];
};

struct waitings {
	uint64_t last;
	struct waiting *list[WAITINGS_MAX];
};

int waitings_new(struct waitings **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void waitings_free(struct waitings *waitings)
{
	for (size_t i = 0; waitings && i < WAITINGS_MAX; i++)
		free(waitings->list[i]);
	free(waitings);
}

static bool same_end(const struct minato_endpoint *a, const struct minato_endpoint *b)
{
	return a->port == b->port && minato_addr_equal(&a->addr, &b->addr);
}

static struct waiting *find(struct waitings *waitings, uint64_t lane,
			    const struct minato_endpoint *to)
{
	for (size_t i = 0; i < WAITINGS_MAX; i++) {
		struct waiting *one = waitings->list[i];

		if (one && one->word && one->lane == lane && same_end(&one->to, to))
			return one;
	}
	return NULL;
}

/* A free one, whose word is new; NULL: too many wait. */
static struct waiting *begin(struct waitings *waitings, const struct lane *f,
			     const struct minato_endpoint *to)
{
	for (size_t i = 0; i < WAITINGS_MAX; i++) {
		struct waiting *one = waitings->list[i];

		if (!one)
			one = waitings->list[i] = calloc(1, sizeof(*one));
		if (!one || one->word)
			continue;
		one->word = relay_word(WORD_WAITING, ++waitings->last & UINT32_MAX);
		one->lane = lane_word(f);
		one->guest = f->guest;
		one->to = *to;
		one->count = one->used = 0;
		return one;
	}
	return NULL;
}

/* As much of it as there is room for, in whole datagrams. An empty one counts as any other. */
static void keep(struct waiting *one, const struct minato_datagram *about,
		 const struct minato_extent *extents, size_t count)
{
	size_t room = BYTES_MAX - one->used;
	size_t len = about->len;
	struct minato_datagram *kept = &one->about[one->count];

	if (len > room && about->gso_size)
		len = room - room % about->gso_size;
	if (one->count == DATAGRAMS_MAX || len > room || (len == 0 && about->len > 0))
		return;
	*kept = *about;
	kept->len = (uint32_t)len;
	one->count++;
	for (size_t i = 0; i < count && len > 0; i++) {
		size_t here = extents[i].len < len ? extents[i].len : len;

		memcpy(one->bytes + one->used, extents[i].base, here);
		one->used += here;
		len -= here;
	}
}

bool waiting_take(struct lane *f, const struct minato_datagram *about,
		  const struct minato_extent *extents, size_t count, const struct permit_way *way)
{
	struct relay *relay = f->relay;
	struct waitings *waitings = permit_waitings(relay);
	struct waiting *one = find(waitings, lane_word(f), &about->local);

	if (one) {
		keep(one, about, extents, count);
		return true;
	}
	one = permit_asks_datagrams(relay, way) ? begin(waitings, f, &about->local) : NULL;
	if (!one)
		return false;
	keep(one, about, extents, count);
	if (permit_ask(relay, one->word, MINATO_UDP, &f->guest, &about->local, way))
		return true;
	one->word = 0;
	return false;
}

/* They come as if anew. */
static void replay(struct lane *f, const struct waiting *all)
{
	size_t used = 0;

	for (size_t i = 0; i < all->count; i++) {
		struct minato_extent extent = { (void *)(uintptr_t)(all->bytes + used),
						all->about[i].len };

		endpoint_carry(f, &all->about[i], &extent, 1);
		used += all->about[i].len;
	}
	gram_flush(f->relay);
}

/* `f` NULL: its endpoint has gone. */
static void refuse(struct relay *relay, struct lane *f, const struct waiting *all,
		   const char *reason)
{
	struct minato_extent extent = { (void *)(uintptr_t)all->bytes,
					all->count ? all->about[0].len : 0 };

	relay_count(relay, RELAY_COUNT_DENIED);
	permit_refused(relay, MINATO_UDP, &all->guest, &all->to,
		       permit_name_of(relay, &all->to.addr), reason);
	if (f && all->count)
		gram_fail(f, &all->about[0], &extent, EACCES);
}

/* The one of this word. */
static struct waiting *find_word(struct waitings *waitings, uint64_t word)
{
	for (size_t i = 0; i < WAITINGS_MAX; i++) {
		if (waitings->list[i] && waitings->list[i]->word == word)
			return waitings->list[i];
	}
	return NULL;
}

bool waiting_decide(struct relay *relay, uint64_t word, const char *name, const char *reason,
		    const struct relay_program *program)
{
	struct waitings *waitings = relay->permit ? permit_waitings(relay) : NULL;
	struct waiting *one = waitings && word ? find_word(waitings, word) : NULL;
	struct permit_way way = { .reason = reason };
	struct lane *f;

	if (!one)
		return false;
	/* Nothing more is kept here meanwhile. */
	one->word = 0;
	f = lane_of(relay, one->lane);
	permit_know(relay, MINATO_UDP, &one->guest, program);
	if (!f) {
		refuse(relay, NULL, one, reason ? reason : "its socket had gone by then");
		return true;
	}
	if (!reason && permit_grant(relay, MINATO_UDP, &one->to, name, &way) &&
	    ticket_grant(f, &one->to, &way))
		replay(f, one);
	else
		refuse(relay, f, one, way.reason);
	return true;
}
