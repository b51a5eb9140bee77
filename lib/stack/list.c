/* SPDX-License-Identifier: BSD-2-Clause */
/* Doubly linked lists of sockets; a socket has one link for each use. */
#include "stack/stack.h"

static struct socket_link *link_of(struct minato *m, enum socket_list which,
				   uint32_t index)
{
	return &socket_at(m, index)->link[which];
}

void list_init(struct list *l)
{
	*l = (struct list){ STACK_NONE, STACK_NONE, 0 };
}

void list_append(struct minato *m, struct list *l, enum socket_list which,
		 uint32_t index)
{
	*link_of(m, which, index) = (struct socket_link){ STACK_NONE, l->tail };
	if (l->tail == STACK_NONE)
		l->head = index;
	else
		link_of(m, which, l->tail)->next = index;
	l->tail = index;
	l->count++;
}

void list_remove(struct minato *m, struct list *l, enum socket_list which,
		 uint32_t index)
{
	const struct socket_link link = *link_of(m, which, index);

	check(l->count > 0);
	if (link.prev == STACK_NONE) {
		check(l->head == index);
		l->head = link.next;
	} else {
		link_of(m, which, link.prev)->next = link.next;
	}
	if (link.next == STACK_NONE) {
		check(l->tail == index);
		l->tail = link.prev;
	} else {
		link_of(m, which, link.next)->prev = link.prev;
	}
	l->count--;
}
