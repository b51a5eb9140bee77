/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which flows the kernel carries for us: what the host value offers is put into the table that the
 * programs at the interfaces read (drive/carry.h), and what passed there is told to the host value
 * each second. It says then, or at once, what is to come by us again.
 *
 * A direction is carried from a segment on before which nothing is on its way through us: else
 * later ones would overtake, and the sender take that for a loss. While it waits for one, each
 * segment that we handed on says which it would be. Where we never get to the end of what comes,
 * the kernel takes over all the same.
 */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <stdlib.h>

#include "drive/carry.h"

#define LOOK_NS INT64_C(1000000000)
#define HURRY_NS INT64_C(50000000)
#define HEADS 1024u
#define NONE UINT32_MAX

/* One direction, in the table's place of the same number. */
struct gateway_carried {
	struct minato_carry what;
	struct minato_time since;
	uint64_t frames; /* that were told */
	uint32_t next;	 /* of the same head */
	uint32_t at;	 /* its number among the living */
};

int gateway_carrying_begin(struct gateway_carrying *carrying, struct minato *host,
			   const struct gateway_links *links, struct drive_carry *table)
{
	*carrying = (struct gateway_carrying){ .host = host, .links = links, .table = table };
	if (!table)
		return 0;
	/* A predecessor's: its flows are ours now, and are offered anew. */
	drive_carry_clear(table);
	carrying->list = calloc(DRIVE_CARRY_SLOTS, sizeof(carrying->list[0]));
	carrying->living = calloc(DRIVE_CARRY_SLOTS, sizeof(carrying->living[0]));
	carrying->heads = calloc(HEADS, sizeof(carrying->heads[0]));
	if (!carrying->list || !carrying->living || !carrying->heads)
		return -ENOMEM;
	for (uint32_t i = 0; i < HEADS; i++)
		carrying->heads[i] = NONE;
	return 0;
}

void gateway_carrying_free(struct gateway_carrying *carrying)
{
	free(carrying->list);
	free(carrying->living);
	free(carrying->heads);
	*carrying = (struct gateway_carrying){ .count = 0 };
}

/* Handles count up. */
static uint32_t *head_of(struct gateway_carrying *carrying, uint64_t session)
{
	return &carrying->heads[(session ^ session >> 32) % HEADS];
}

/* ---- one of them ---- */

static bool may_leave_by(const struct gateway_link *from, const struct gateway_link *to)
{
	return from->ends.carrier >= 0 && to->ends.carrier >= 0 &&
	       from->ends.space == to->ends.space && from->ends.index != to->ends.index;
}

/* Its place, or NONE. */
static uint32_t find(struct gateway_carrying *carrying, const struct minato_carry *what)
{
	uint32_t i = *head_of(carrying, what->session);

	while (i != NONE && (carrying->list[i].what.session != what->session ||
			     carrying->list[i].what.side != what->side))
		i = carrying->list[i].next;
	return i;
}

/* Another segment came by us. What is sent again does not say how far it was before. */
static void follow(struct gateway_carrying *carrying, uint32_t place, uint32_t next,
		   struct minato_time now)
{
	struct gateway_carried *one = &carrying->list[place];

	if (drive_carry_begun(carrying->table, (int)place))
		return;
	if ((int32_t)(next - one->what.next) > 0) {
		one->what.next = next;
		drive_carry_follow(carrying->table, (int)place, next);
	}
	if (now.ns - one->since.ns < HURRY_NS)
		return;
	drive_carry_hurry(carrying->table, (int)place);
	carrying->hurried++;
}

static void begin(struct gateway_carrying *carrying, const struct minato_carry *what,
		  struct minato_time now)
{
	const struct gateway_link *from = &carrying->links->list[what->from];
	const struct gateway_link *to = &carrying->links->list[what->to];
	struct drive_carried one = {
		.from = from->ends.index,
		.to = to->ends.index,
		.source = what->source,
		.destination = what->destination,
		.new_source = what->new_source,
		.new_destination = what->new_destination,
		.mtu = to->mtu,
		.next = what->next,
	};
	uint32_t *head = head_of(carrying, what->session);
	int place;

	if (!may_leave_by(from, to))
		return;
	memcpy(one.mac_source, to->mac, sizeof(one.mac_source));
	memcpy(one.mac_destination, what->mac, sizeof(one.mac_destination));
	place = drive_carry_put(carrying->table, &one, now);
	if (place < 0)
		return;
	carrying->list[place] = (struct gateway_carried){
		.what = *what,
		.since = now,
		.next = *head,
		.at = carrying->count,
	};
	carrying->living[carrying->count++] = (uint32_t)place;
	*head = (uint32_t)place;
	carrying->begun++;
	minato_carry_follow(carrying->host, what);
}

static void take_offer(struct gateway_carrying *carrying, const struct minato_carry *what,
		       struct minato_time now)
{
	uint32_t place = find(carrying, what);

	if (place == NONE)
		begin(carrying, what, now);
	else
		follow(carrying, place, what->next, now);
}

/* Tells the host value of what passed; whether it goes on. */
static bool tell(struct gateway_carrying *carrying, uint32_t place,
		 const struct drive_carry_count *count)
{
	struct gateway_carried *one = &carrying->list[place];
	uint64_t more = count->frames - one->frames;

	one->frames = count->frames;
	carrying->frames += more;
	return minato_carry_seen(carrying->host, &one->what, count->last, more);
}

/* It is out of the table, and of the list of its head. */
static void drop(struct gateway_carrying *carrying, uint32_t place, struct minato_time now)
{
	struct gateway_carried *one = &carrying->list[place];
	struct drive_carry_count count = drive_carry_take(carrying->table, (int)place, now);
	uint32_t last = carrying->living[--carrying->count];

	(void)tell(carrying, place, &count);
	carrying->bytes += count.bytes;
	carrying->living[one->at] = last;
	carrying->list[last].at = one->at;
}

static void end(struct gateway_carrying *carrying, uint64_t session, struct minato_time now)
{
	uint32_t *link = head_of(carrying, session);

	while (*link != NONE) {
		struct gateway_carried *one = &carrying->list[*link];
		uint32_t place = *link;

		if (one->what.session != session) {
			link = &one->next;
			continue;
		}
		*link = one->next;
		drop(carrying, place, now);
	}
}

/* ---- all of them ---- */

static void look(struct gateway_carrying *carrying, struct minato_time now)
{
	/* From the last: whose place one that ends leaves to another, that was looked at. */
	for (uint32_t i = carrying->count; i-- > 0;) {
		uint32_t place = carrying->living[i];
		struct drive_carry_count count = drive_carry_look(carrying->table, (int)place);

		if (!tell(carrying, place, &count))
			end(carrying, carrying->list[place].what.session, now);
		if (i > carrying->count)
			i = carrying->count;
	}
	carrying->next.ns = now.ns + LOOK_NS;
}

struct minato_time gateway_carrying_turn(struct gateway_carrying *carrying, struct minato_time now)
{
	struct minato_carry what;

	if (!carrying->table)
		return MINATO_NEVER;
	if (carrying->count > 0 && now.ns >= carrying->next.ns)
		look(carrying, now);
	while (minato_carry_next(carrying->host, &what)) {
		switch (what.kind) {
		case MINATO_CARRY_OFFER:
			take_offer(carrying, &what, now);
			break;
		case MINATO_CARRY_END:
			end(carrying, what.session, now);
			break;
		case MINATO_CARRY_LOOK:
			look(carrying, now);
			break;
		}
	}
	return carrying->count > 0 ? carrying->next : MINATO_NEVER;
}

void gateway_carrying_renew(struct gateway_carrying *carrying, uint32_t link,
			    struct minato_time now)
{
	for (uint32_t i = carrying->count; i-- > 0;) {
		const struct minato_carry *what = &carrying->list[carrying->living[i]].what;

		if (what->to == link)
			end(carrying, what->session, now);
		if (i > carrying->count)
			i = carrying->count;
	}
}

uint64_t gateway_carrying_bytes(const struct gateway_carrying *carrying)
{
	uint64_t bytes = carrying->bytes;

	for (uint32_t i = 0; i < carrying->count; i++)
		bytes += drive_carry_look(carrying->table, (int)carrying->living[i]).bytes;
	return bytes;
}

bool gateway_carrying_has(const struct gateway_carrying *carrying, uint64_t session)
{
	uint32_t i = NONE;

	if (carrying->table)
		i = carrying->heads[(session ^ session >> 32) % HEADS];
	while (i != NONE && carrying->list[i].what.session != session)
		i = carrying->list[i].next;
	return i != NONE;
}
