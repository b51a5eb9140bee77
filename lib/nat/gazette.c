/* SPDX-License-Identifier: BSD-2-Clause */
/* What the management hears: a ring, and the same again is told once. */
#include "nat/nat.h"

#define TOLD_ONCE_NS NS_PER_S

static struct minato_nat_news *news_at(const struct nat *n, uint64_t place)
{
	return (struct minato_nat_news *)((char *)(uintptr_t)n + n->news) +
	       place % NAT_NEWS_MAX;
}

static bool same_end(const struct minato_endpoint *a,
		     const struct minato_endpoint *b)
{
	return a->port == b->port && minato_addr_equal(&a->addr, &b->addr);
}

/* A trouble is told of a host, not of each of its ports. */
static bool repeats(const struct minato_nat_news *last,
		    const struct minato_nat_news *next)
{
	return next->kind >= MINATO_NEWS_NO_PORT && last->kind == next->kind &&
	       last->proto == next->proto &&
	       minato_addr_equal(&last->inside.addr, &next->inside.addr) &&
	       same_end(&last->outside, &next->outside) &&
	       next->at.ns - last->at.ns < TOLD_ONCE_NS;
}

void nat_tell(struct nat *n, enum minato_nat_news_kind kind, uint8_t proto,
	      const struct minato_endpoint *inside,
	      const struct minato_endpoint *outside)
{
	struct minato_nat_news next = { .kind = kind,
					.proto = proto,
					.at = n->now };

	if (inside != NULL)
		next.inside = *inside;
	if (outside != NULL)
		next.outside = *outside;
	if (n->news_head > n->news_tail &&
	    repeats(news_at(n, n->news_head - 1), &next)) {
		news_at(n, n->news_head - 1)->repeated++;
		return;
	}
	if (n->news_head - n->news_tail == NAT_NEWS_MAX) {
		n->news_tail++;
		nat_count(n, NAT_COUNT_NEWS_LOST);
	}
	*news_at(n, n->news_head++) = next;
}

bool nat_news(struct nat *n, struct minato_nat_news *out)
{
	if (n->news_tail == n->news_head)
		return false;
	*out = *news_at(n, n->news_tail++);
	return true;
}
