/* SPDX-License-Identifier: BSD-2-Clause */
/* The chain of IPv6 extension headers (RFC 8200 4). */
#include "base/bytes.h"
#include "wire/wire.h"

#define ROUTING 43
#define DESTINATION 60

#define OPTION_PAD1 0
#define ACTION_MASK 0xc0u

#define HEADERS_MAX 8

/*
 * Options of a hop-by-hop or destination header. An unknown one is skipped
 * where its two highest bits say so, else the packet is refused (4.2). The
 * jumbo payload (0xc2) is one of these: lengths here have 16 bits.
 */
static bool options_pass(const uint8_t *at, const uint8_t *end)
{
	while (at < end) {
		if (*at == OPTION_PAD1) {
			at++;
			continue;
		}
		if (end - at < 2 || at[1] > end - at - 2)
			return false;
		if (*at & ACTION_MASK)
			return false;
		at += 2 + at[1];
	}
	return true;
}

/* Reads one header that tells its length and steps over it. */
static bool step_over(struct chain *c)
{
	const uint8_t *header = c->at;
	uint32_t len;

	c->truncated = true;
	if (c->len < 8)
		return false;
	len = (header[1] + 1u) * 8;
	if (len > c->len)
		return false;
	c->truncated = false;
	if (c->proto == ROUTING) {
		/* RFC 8200 4.4: done with its route, it is ignored. */
		if (header[3] != 0)
			return false;
	} else if (!options_pass(header + 2, header + len)) {
		return false;
	}
	c->proto = header[0];
	c->at += len;
	c->len -= len;
	return true;
}

/* A fragment of one is no fragment (RFC 6946). */
static bool read_fragment(struct chain *c)
{
	const uint8_t *header = c->at;
	uint32_t place;

	c->truncated = c->len < FRAGMENT_LEN;
	if (c->truncated)
		return false;
	place = get16(header + 2);
	c->fragment_offset = place & 0xfff8;
	c->more_fragments = (place & 1) != 0;
	c->fragment_id = get32(header + 4);
	c->fragment = c->fragment_offset != 0 || c->more_fragments;
	c->atomic = !c->fragment;
	c->proto = header[0];
	c->at += FRAGMENT_LEN;
	c->len -= FRAGMENT_LEN;
	return true;
}

static bool is_extension(uint8_t proto)
{
	return proto == IP_PROTO_HOP_BY_HOP || proto == ROUTING ||
	       proto == IP_PROTO_FRAGMENT || proto == DESTINATION;
}

enum drop chain_walk(struct chain *c)
{
	for (uint32_t count = 0; is_extension(c->proto); count++) {
		bool passed;
		if (count == HEADERS_MAX)
			return DROP_IP_EXTENSION;
		if (c->proto == IP_PROTO_HOP_BY_HOP && count > 0)
			return DROP_IP_EXTENSION;
		passed = c->proto == IP_PROTO_FRAGMENT ? read_fragment(c) :
							 step_over(c);
		if (!passed)
			return DROP_IP_EXTENSION;
		if (c->fragment)
			return DROP_NONE;
	}
	return DROP_NONE;
}
