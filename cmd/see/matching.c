/* SPDX-License-Identifier: BSD-2-Clause */
/* The sockets of a guest's own kernel, and which of them is at this end of a row. */
#include "cmd/see/ss.h"

#include <errno.h>
#include <linux/tcp.h>
#include <stdlib.h>

/* What a socket borrows, kept with the list. */
struct borrowed {
	struct tcp_info info;
	struct kernel_bbr bbr;
	char congestion[16];
};

static int keep_info(struct kernel_socket *socket)
{
	struct borrowed *kept = calloc(1, sizeof(*kept));

	if (!kept) {
		socket->info = NULL;
		return -ENOMEM;
	}
	kept->info = *socket->info;
	socket->info = &kept->info;
	if (socket->bbr) {
		kept->bbr = *socket->bbr;
		socket->bbr = &kept->bbr;
	}
	if (socket->congestion) {
		(void)snprintf(kept->congestion, sizeof(kept->congestion), "%s",
			       socket->congestion);
		socket->congestion = kept->congestion;
	}
	return 0;
}

static int append(void *user, const struct kernel_socket *socket)
{
	struct cmd_sockets *sockets = user;

	if (sockets->count == sockets->room) {
		size_t room = sockets->room ? sockets->room * 2 : 256;
		struct kernel_socket *list = realloc(sockets->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		sockets->list = list;
		sockets->room = room;
	}
	sockets->list[sockets->count] = *socket;
	sockets->count++;
	if (!socket->info)
		return 0;
	return keep_info(&sockets->list[sockets->count - 1]);
}

/* The order of the list, as far as ports decide it. */
static int compare_ports(const struct kernel_socket *socket, const struct kernel_socket *key)
{
	int order = (socket->proto > key->proto) - (socket->proto < key->proto);

	if (!order)
		order = (socket->local.port > key->local.port) -
			(socket->local.port < key->local.port);
	if (!order)
		order = (socket->remote.port < key->remote.port) -
			(socket->remote.port > key->remote.port);
	return order;
}

/* By protocol and port; those bound to one address before wildcards, connected ones first. */
static int compare(const void *a, const void *b)
{
	const struct kernel_socket *x = a;
	const struct kernel_socket *y = b;
	int order = compare_ports(x, y);

	if (!order)
		order = minato_addr_is_any(&x->local.addr) - minato_addr_is_any(&y->local.addr);
	return order;
}

int cmd_sockets_read(struct cmd_sockets *sockets, const struct kernel_query *query)
{
	int result;

	*sockets = (struct cmd_sockets){ 0 };
	result = kernel_sockets(query, append, sockets);
	if (result < 0)
		cmd_sockets_free(sockets);
	else if (sockets->count)
		qsort(sockets->list, sockets->count, sizeof(*sockets->list), compare);
	return result;
}

void cmd_sockets_free(struct cmd_sockets *sockets)
{
	/* The information is the first member of what is kept. */
	for (size_t i = 0; i < sockets->count; i++)
		free((void *)(uintptr_t)sockets->list[i].info);
	free(sockets->list);
	*sockets = (struct cmd_sockets){ 0 };
}

static bool same_end(const struct minato_endpoint *end, const struct view_end *view)
{
	return end->port == view->first && minato_addr_equal(&end->addr, &view->addr);
}

/* A wildcard holds for its own family; :: for both. */
static bool covers(const struct minato_addr *bound, const struct minato_addr *addr)
{
	if (minato_addr_equal(bound, addr))
		return true;
	if (!minato_addr_is_any(bound))
		return false;
	return !minato_addr_is4(bound) || minato_addr_is4(addr);
}

static bool fits(const struct kernel_socket *socket, const struct view_row *row)
{
	if (!covers(&socket->local.addr, &row->local.addr))
		return false;
	/* A UDP socket that is not connected takes part in all flows of its port. */
	if (!socket->remote.port)
		return row->listening || row->proto == MINATO_UDP;
	return same_end(&socket->remote, &row->peer);
}

/* The first socket with these very ports that fits. */
static const struct kernel_socket *find_by_ports(const struct cmd_sockets *sockets,
						 const struct view_row *row, uint16_t remote)
{
	const struct kernel_socket key = { .proto = row->proto,
					   .local.port = row->local.first,
					   .remote.port = remote };
	size_t low = 0;
	size_t high = sockets->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_ports(&sockets->list[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < sockets->count && !compare_ports(&sockets->list[low], &key); low++) {
		if (fits(&sockets->list[low], row))
			return &sockets->list[low];
	}
	return NULL;
}

const struct kernel_socket *cmd_sockets_find(const struct cmd_sockets *sockets,
					     const struct view_row *row)
{
	const struct kernel_socket *found = NULL;

	if (row->peer.first)
		found = find_by_ports(sockets, row, row->peer.first);
	return found ? found : find_by_ports(sockets, row, 0);
}
