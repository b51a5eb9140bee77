/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages: datagrams waiting for a reader, packets waiting to go out. */
#include "stack/stack.h"

#include <string.h>

#define SUM_EXTENTS 16u /* described at once */

void messages_init(struct messages *q)
{
	*q = (struct messages){ STACK_NONE, STACK_NONE, 0, 0 };
}

void messages_append(struct minato *m, struct messages *q, uint32_t index)
{
	struct message *msg = message_at(m, index);

	msg->next = STACK_NONE;
	if (q->tail == STACK_NONE)
		q->head = index;
	else
		message_at(m, q->tail)->next = index;
	q->tail = index;
	q->count++;
	q->charge += msg->charge;
}

uint32_t messages_pop(struct minato *m, struct messages *q)
{
	const uint32_t index = q->head;
	struct message *msg;

	if (index == STACK_NONE)
		return STACK_NONE;
	msg = message_at(m, index);
	q->head = msg->next;
	if (q->head == STACK_NONE)
		q->tail = STACK_NONE;
	q->count--;
	q->charge -= msg->charge;
	return index;
}

void messages_clear(struct minato *m, struct messages *q)
{
	for (uint32_t i = messages_pop(m, q); i != STACK_NONE;
	     i = messages_pop(m, q))
		message_give(m, i);
	check(q->count == 0 && q->charge == 0);
}

uint32_t message_take(struct minato *m)
{
	const uint32_t index = pool_take(&m->messages);
	struct message *msg;

	if (index == POOL_NONE)
		return STACK_NONE;
	msg = message_at(m, index);
	memset(msg, 0, offsetof(struct message, brief));
	msg->link = STACK_LINK_ANY;
	queue_init(&msg->data);
	return index;
}

uint32_t message_take_datagram(struct minato *m)
{
	const struct pool *p = &m->messages;

	if (p->capacity - p->used <= STACK_CONTROL_MAX)
		return STACK_NONE;
	return message_take(m);
}

void message_give(struct minato *m, uint32_t index)
{
	queue_clear(&m->payload, &message_at(m, index)->data);
	pool_give(&m->messages, index);
}

/* A copy in small chunks: few bytes must not hold a large one. */
static bool fill_copy(struct minato *m, struct message *msg,
		      const uint8_t *data, uint32_t len)
{
	struct queue copy;

	queue_init(&copy);
	while (len > 0) {
		uint32_t part = len < MINATO_CHUNK_SMALL ? len :
							   MINATO_CHUNK_SMALL;
		uint32_t done =
			queue_append_copy(&m->payload, &copy, data, part);
		if (done < part) {
			queue_clear(&m->payload, &copy);
			return false;
		}
		data += done;
		len -= done;
	}
	queue_join(&m->payload, &msg->data, &copy);
	return true;
}

bool message_fill(struct minato *m, struct message *msg, const void *data,
		  uint32_t len, uint32_t chunk)
{
	const uint8_t *base;

	if (len == 0)
		return true;
	if (chunk == MINATO_CHUNK_NONE || len < STACK_REFERENCE_MIN) {
		if (!fill_copy(m, msg, data, len))
			return false;
	} else {
		base = chunk_at(&m->payload, chunk);
		chunk_hold(&m->payload, chunk);
		if (!queue_append(&m->payload, &msg->data, chunk,
				  (uint32_t)((const uint8_t *)data - base),
				  len))
			return false;
	}
	msg->charge = message_charge(m, msg);
	return true;
}

bool message_say(struct minato *m, struct message *msg, const void *data,
		 uint32_t len)
{
	if (len > sizeof(msg->brief))
		return message_fill(m, msg, data, len, MINATO_CHUNK_NONE);
	memcpy(msg->brief, data, len);
	msg->brief_len = len;
	return true;
}

uint32_t message_charge(const struct minato *m, const struct message *msg)
{
	uint32_t charge = 0;

	for (uint32_t i = msg->data.head; i != POOL_NONE;) {
		const struct extent *x = pool_at(&m->payload.extents, i);
		charge += chunk_size(x->chunk);
		i = x->next;
	}
	return charge;
}

void message_sum(const struct minato *m, const struct queue *q, uint32_t offset,
		 uint32_t len, struct sum *sum)
{
	struct queue_cursor cursor = { 0 };
	struct minato_extent x[SUM_EXTENTS];

	while (len > 0) {
		uint32_t covered = 0;
		const uint32_t count = queue_view(&m->payload, q, &cursor,
						  offset, len, x, SUM_EXTENTS,
						  &covered);
		for (uint32_t i = 0; i < count; i++)
			sum_add(sum, x[i].base, x[i].len);
		offset += covered;
		len -= covered;
	}
}

void message_control(struct minato *m, uint32_t index)
{
	if (m->control.count >= STACK_CONTROL_MAX) {
		host_count(m, COUNTER_CONTROL_FULL);
		message_give(m, index);
		return;
	}
	messages_append(m, &m->control, index);
}
