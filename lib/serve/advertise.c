/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Router advertisements: prefix, DNS server and MTU of a link, by which a
 * guest configures itself (RFC 4861 6.2, RFC 8106). To all nodes at start and
 * every 200 to 600 seconds; to whoever asks, alone and at once.
 */
#include "serve/serve.h"

#include <errno.h>

#define LIFETIME_S 1800
#define INTERVAL_MIN_S 200u
#define INTERVAL_MAX_S 600u
#define SPACING_NS (3 * NS_PER_S) /* MIN_DELAY_BETWEEN_RAS */

static const struct minato_addr all_nodes = { { 0xff, 2, [15] = 1 } };

int minato_advertise(struct minato *m, uint32_t link,
		     const struct minato_addr *prefix,
		     const struct minato_addr *dns)
{
	struct advertising *ad;

	if (link >= m->link_count ||
	    m->link[link].config.type != MINATO_LINK_ETHERNET ||
	    (prefix != NULL && minato_addr_is4(prefix)) ||
	    (dns != NULL && minato_addr_is4(dns)))
		return -EINVAL;
	ad = &m->link[link].advertising;
	*ad = (struct advertising){
		.on = true,
		.has_prefix = prefix != NULL,
		.has_dns = dns != NULL,
		.next = m->now,
		.last = { m->now.ns - SPACING_NS },
	};
	if (prefix != NULL)
		ad->prefix = *prefix;
	if (dns != NULL)
		ad->dns = *dns;
	return 0;
}

static void send(struct minato *m, uint32_t link, const struct minato_addr *to)
{
	const struct link *l = &m->link[link];
	const struct advertising *ad = &l->advertising;
	const struct ra ra = {
		.hop_limit = STACK_TTL,
		.lifetime_s = LIFETIME_S,
		.mtu = l->config.mtu,
		.mac = l->config.mac,
		.prefix = ad->has_prefix ? &ad->prefix : NULL,
		.dns = ad->has_dns ? &ad->dns : NULL,
	};
	uint8_t bytes[128];
	const uint32_t len = ra_build(&ra, &l->link_local, to, bytes);

	discovery_send(m, link, bytes, len, &l->link_local, to);
}

static void send_to_all(struct minato *m, uint32_t link)
{
	struct advertising *ad = &m->link[link].advertising;
	const int64_t seconds =
		INTERVAL_MIN_S +
		random_below(&m->random, INTERVAL_MAX_S - INTERVAL_MIN_S);

	send(m, link, &all_nodes);
	ad->solicited = 0;
	ad->last = m->now;
	ad->next = time_after(m->now, seconds * NS_PER_S);
}

/* When the next one to all nodes goes out. */
static struct minato_time due_at(const struct advertising *ad)
{
	const struct minato_time earliest = time_after(ad->last, SPACING_NS);

	return ad->solicited == 2 ? time_min(ad->next, earliest) : ad->next;
}

void advertise_run(struct minato *m)
{
	for (uint32_t i = 0; i < m->link_count; i++) {
		struct advertising *ad = &m->link[i].advertising;
		if (!ad->on)
			continue;
		if (ad->solicited == 1) {
			send(m, i, &ad->solicitor);
			ad->solicited = 0;
		}
		if (time_reached(m->now, due_at(ad)))
			send_to_all(m, i);
	}
}

struct minato_time advertise_deadline(const struct minato *m)
{
	struct minato_time at = MINATO_NEVER;

	for (uint32_t i = 0; i < m->link_count; i++) {
		const struct advertising *ad = &m->link[i].advertising;
		if (!ad->on)
			continue;
		if (ad->solicited == 1)
			return m->now;
		at = time_min(at, due_at(ad));
	}
	return at.ns < m->now.ns ? m->now : at;
}
