/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of published ports between two processes: one binds and keeps them, the other serves. */
#include "relay/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void relay_publish_about(const struct relay_publish *list, size_t i, struct relay_door *out)
{
	const struct relay_published *socket = &list->sockets[i];
	size_t spec = 0;

	while (spec + 1 < list->spec_count &&
	       (i < list->specs[spec].socket_first ||
		i - list->specs[spec].socket_first >= list->specs[spec].socket_count))
		spec++;
	*out = (struct relay_door){
		.spec = (uint32_t)spec,
		.port = socket->port,
		.protocol = socket->protocol,
		.dual = socket->dual,
		.four = socket->four,
		.screened = socket->screened,
		.at_device = socket->at_device,
	};
}

static bool make_room(struct relay_publish *list, size_t more)
{
	size_t needed = list->socket_count + more;
	size_t room = list->socket_room ? list->socket_room : 16;
	struct relay_published *sockets;

	if (needed <= list->socket_room)
		return true;
	while (room < needed)
		room *= 2;
	sockets = realloc(list->sockets, room * sizeof(sockets[0]));
	if (!sockets)
		return false;
	list->sockets = sockets;
	list->socket_room = room;
	return true;
}

int relay_publish_adopt(struct relay_publish *list, const struct relay_door *door, int fd)
{
	struct relay_spec *spec;

	if (door->spec >= list->spec_count)
		return -EINVAL;
	if (!make_room(list, 1))
		return -ENOMEM;
	spec = &list->specs[door->spec];
	if (spec->socket_count == 0)
		spec->socket_first = list->socket_count;
	spec->socket_count++;
	list->sockets[list->socket_count++] = (struct relay_published){
		.fd = fd,
		.port = door->port,
		.protocol = door->protocol,
		.dual = door->dual,
		.four = door->four,
		.screened = door->screened,
		.at_device = door->at_device,
	};
	return 0;
}

int relay_publish_join(struct relay_publish *list, struct relay_publish *more)
{
	size_t specs = list->spec_count + more->spec_count;
	struct relay_spec *all = realloc(list->specs, (specs ? specs : 1) * sizeof(all[0]));

	if (!all)
		return -ENOMEM;
	list->specs = all;
	if (!make_room(list, more->socket_count))
		return -ENOMEM;
	for (size_t i = 0; i < more->spec_count; i++) {
		all[list->spec_count] = more->specs[i];
		all[list->spec_count++].socket_first += list->socket_count;
	}
	for (size_t i = 0; i < more->socket_count; i++)
		list->sockets[list->socket_count++] = more->sockets[i];
	more->socket_count = 0;
	relay_publish_free(more);
	return 0;
}

bool relay_publish_drop(struct relay_publish *list, const struct relay_spec *wanted)
{
	size_t i = 0;
	size_t first;
	size_t count;

	while (i < list->spec_count && !relay_spec_names(wanted, &list->specs[i]))
		i++;
	if (i == list->spec_count)
		return false;
	first = list->specs[i].socket_first;
	count = list->specs[i].socket_count;
	for (size_t k = first; k < first + count; k++)
		publish_close(&list->sockets[k]);
	for (size_t k = first; k + count < list->socket_count; k++)
		list->sockets[k] = list->sockets[k + count];
	list->socket_count -= count;
	list->spec_count--;
	for (size_t k = i; k < list->spec_count; k++)
		list->specs[k] = list->specs[k + 1];
	for (size_t k = 0; k < list->spec_count; k++) {
		if (count && list->specs[k].socket_first > first)
			list->specs[k].socket_first -= count;
	}
	return true;
}

bool relay_publish_has(const struct relay_publish *list, enum relay_sort sort)
{
	for (size_t i = 0; i < list->spec_count; i++) {
		if (list->specs[i].sort == sort)
			return true;
	}
	return false;
}

int relay_publish_clash(const struct relay_publish *list, const struct relay_publish *more)
{
	for (size_t i = 0; i < more->spec_count; i++) {
		for (size_t k = 0; k < list->spec_count; k++) {
			if (relay_spec_meets(&list->specs[k], &more->specs[i]))
				return (int)i;
		}
	}
	return -ENOENT;
}
