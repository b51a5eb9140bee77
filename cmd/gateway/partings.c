/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections that ended with the outside address that they went by. Their inside ends wait for
 * segments that cannot come any more, for hours where they have nothing to send. Each is asked,
 * by a segment in the name of the far end; what it answers is of no flow that is known, so that it
 * is reset with its own numbers (lib/nat/begin.c, of_nothing).
 */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <stdlib.h>

#define PARTINGS_MAX 65536u /* who is not asked is reset by the next segment that it sends */
#define AT_ONCE 256u
#define PAUSE_NS (INT64_C(10) * 1000000)
/* One that was lost, or whose host had to be looked for first. */
#define ROUNDS 2u
#define AGAIN_NS INT64_C(1000000000)

static void note(struct gateway_partings *partings, uint8_t scope,
		 const struct minato_endpoint *far, const struct minato_endpoint *near)
{
	if (scope == CONF_SCOPE_OUTSIDE || partings->count == PARTINGS_MAX)
		return;
	if (partings->count == partings->room) {
		size_t room = partings->room ? partings->room * 2 : 64;
		void *list = realloc(partings->list, room * sizeof(partings->list[0]));

		if (!list)
			return;
		partings->list = list;
		partings->room = room;
	}
	partings->list[partings->count++] = (struct gateway_parting){ scope, *far, *near };
}

void gateway_part(struct gateway_partings *partings, const struct minato_session *session)
{
	partings->due.ns = 0;
	partings->ended++;
	if (session->proto != MINATO_TCP ||
	    (session->state != MINATO_NAT_OPEN && session->state != MINATO_NAT_CLOSING))
		return;
	note(partings, session->from, &session->destination, &session->source);
	note(partings, session->to, &session->back_destination, &session->back_source);
}

void gateway_part_pool(struct gateway_applied *applied, const struct minato_addr *gone)
{
	struct minato_session session;
	uint64_t cursor = 0;

	while (minato_session_next(applied->host, &cursor, &session)) {
		/* As it appears outside: by a mapping of that address. */
		if (session.from != CONF_SCOPE_OUTSIDE &&
		    minato_addr_equal(&session.back_destination.addr, gone))
			gateway_part(&applied->partings, &session);
	}
}

static bool is_ours(const struct gateway_applied *applied, const struct minato_addr *addr)
{
	const struct conf *conf = &applied->rules.conf;

	for (size_t i = 0; i < applied->pool_count; i++) {
		if (minato_addr_equal(&applied->pool[i].addr, addr))
			return true;
	}
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *one = conf->list[i];

		for (uint32_t k = 0; one->kind == CONF_KIND_LINK && k < one->link.address_count;
		     k++) {
			if (minato_addr_equal(&one->link.address[k].addr, addr))
				return true;
		}
	}
	return false;
}

void gateway_part_forwards(struct gateway_applied *applied)
{
	struct minato_addr ours = { { 0 } }; /* that was asked about last: mostly they have one */
	struct minato_session session;
	uint64_t cursor = 0;

	while (minato_session_next(applied->host, &cursor, &session)) {
		const struct minato_addr *by = &session.destination.addr;

		/* One that opens an address of an inside host's own goes by none of ours. */
		if (!session.forward || !minato_addr_is4(by) || minato_addr_equal(by, &ours))
			continue;
		if (is_ours(applied, by)) {
			ours = *by;
			continue;
		}
		gateway_part(&applied->partings, &session);
		(void)minato_session_end(applied->host, session.handle);
	}
}

struct minato_time gateway_partings_turn(struct gateway_partings *partings, struct minato *host,
					 struct minato_time now)
{
	if (partings->ended) {
		cmd_say("an outside address is gone: %llu flows by it have ended, and their inside "
			"hosts are told",
			(unsigned long long)partings->ended);
		partings->ended = 0;
	}
	if (!partings->count)
		return MINATO_NEVER;
	for (uint32_t i = 0; now.ns >= partings->due.ns && i < AT_ONCE; i++) {
		const struct gateway_parting *one = &partings->list[partings->next];

		if (minato_challenge(host, one->scope, &one->far, &one->near) == -EAGAIN)
			break;
		if (++partings->next < partings->count)
			continue;
		partings->next = 0;
		if (++partings->rounds == ROUNDS) {
			gateway_partings_free(partings);
			return MINATO_NEVER;
		}
		partings->due.ns = now.ns + AGAIN_NS;
	}
	if (now.ns >= partings->due.ns)
		partings->due.ns = now.ns + PAUSE_NS;
	return partings->due;
}

void gateway_partings_free(struct gateway_partings *partings)
{
	free(partings->list);
	*partings = (struct gateway_partings){ .list = NULL };
}
