/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who holds a port: the sockets of this host's kernel and of each running guest's, alike ones
 * together, with the programs that have them open.
 */
#include "cmd/see/holders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MS_PER_S 1000

struct search {
	struct cmd_holders *holders;
	const struct cmd_holders_query *query;
	const char *guest; /* whose kernel is read; empty: this host's */
};

const char *cmd_hold_word(enum cmd_hold hold)
{
	static const char *const words[] = {
#define X(name, word) [CMD_HOLD_##name] = word,
		CMD_HOLDS(X)
#undef X
	};

	return words[hold];
}

/* ---- sockets ---- */

static enum cmd_hold hold_of(const struct kernel_socket *socket)
{
	if (socket->remote.port)
		return socket->state == MINATO_TIME_WAIT ? CMD_HOLD_TIME_WAIT : CMD_HOLD_CONNECTION;
	if (socket->proto == MINATO_TCP && socket->state != MINATO_LISTEN)
		return CMD_HOLD_BOUND;
	return CMD_HOLD_LISTENER;
}

static struct cmd_holder *append(struct cmd_holders *holders)
{
	if (holders->count == holders->room) {
		size_t room = holders->room ? holders->room * 2 : 64;
		struct cmd_holder *list = realloc(holders->list, room * sizeof(*list));

		if (!list) {
			holders->failed = true;
			return NULL;
		}
		holders->list = list;
		holders->room = room;
	}
	return &holders->list[holders->count++];
}

static bool same(const struct cmd_holder *a, const struct cmd_holder *b)
{
	if (a->port != b->port || a->proto != b->proto || a->hold != b->hold ||
	    strcmp(a->guest, b->guest) != 0)
		return false;
	return minato_addr_equal(&a->local.addr, &b->local.addr) && a->v6only == b->v6only;
}

/* The one that `holder` belongs to: of a port with many connections nearly always the last. */
static struct cmd_holder *find_same(struct cmd_holders *holders, const struct cmd_holder *holder)
{
	if (holders->count && same(&holders->list[holders->count - 1], holder))
		return &holders->list[holders->count - 1];
	return NULL;
}

static int take(void *user, const struct kernel_socket *socket)
{
	const struct search *search = user;
	const struct cmd_holders_query *query = search->query;
	struct cmd_holder *place;
	struct cmd_holder holder = {
		.port = socket->local.port,
		.proto = socket->proto,
		.hold = hold_of(socket),
		.local = socket->local,
		.peer = socket->remote,
		.v6only = socket->v6only,
		.interface = socket->interface,
		.count = 1,
		.uid = socket->uid,
		.inode = socket->inode,
	};

	if (holder.port < query->first || holder.port > query->last || !holder.port)
		return 0;
	if (query->waiting && holder.hold != CMD_HOLD_LISTENER && holder.hold != CMD_HOLD_BOUND)
		return 0;
	if (holder.hold == CMD_HOLD_TIME_WAIT)
		holder.timer_ms = socket->timer_ms;
	snprintf(holder.guest, sizeof(holder.guest), "%s", search->guest);
	/* Who waits may be several programs at one port (SO_REUSEPORT): each is looked up. */
	place = holder.hold >= CMD_HOLD_CONNECTION ? find_same(search->holders, &holder) : NULL;
	if (place) {
		place->count++;
		return 0;
	}
	place = append(search->holders);
	if (!place)
		return -ENOMEM;
	*place = holder;
	return 0;
}

static int read_kernel(struct search *search, pid_t process)
{
	const struct cmd_holders_query *wanted = search->query;
	struct kernel_query query = {
		.process = process,
		.tcp = wanted->tcp,
		.udp = wanted->udp,
		.port = wanted->first == wanted->last ? wanted->first : 0,
	};

	return kernel_sockets(&query, take, search);
}

/* ---- guests ---- */

static bool covers(const struct view_port *published, const struct cmd_holder *holder)
{
	if (published->proto != holder->proto)
		return false;
	/* 0..65535 and 0..0 are all ports. */
	if (!published->host.first && (!published->host.last || published->host.last == UINT16_MAX))
		return true;
	return holder->port >= published->host.first && holder->port <= published->host.last;
}

/*
 * Host sockets of this guest's minato are its published ports, and connections to them. Their
 * owners are known by now.
 */
static void mark_published(struct cmd_holders *holders, const struct view_guest *guest)
{
	for (size_t i = 0; i < holders->count; i++) {
		struct cmd_holder *holder = &holders->list[i];
		pid_t pid = holder->process.pid;

		if (*holder->guest || !pid || (pid != guest->pid && pid != guest->worker))
			continue;
		for (size_t k = 0; k < guest->port_count; k++) {
			const struct view_port *port = &guest->ports[k];

			if (holder->hold == CMD_HOLD_BOUND || !covers(port, holder))
				continue;
			snprintf(holder->published, sizeof(holder->published), "%s", guest->name);
			holder->guest_port =
				(uint16_t)(port->guest.first + (holder->port - port->host.first));
			snprintf(holder->spec, sizeof(holder->spec), "%s", port->spec);
		}
	}
}

/* Calls `visit` for each guest that answers. */
static int each_guest(void (*visit)(struct search *search, const struct view_guest *guest),
		      struct search *search, struct drive_error *error)
{
	struct cmd_names names;
	struct cmd_guest guest;
	int result = cmd_names_read(&names, error);

	if (result < 0)
		return result;
	for (size_t i = 0; i < names.count; i++) {
		if (cmd_guest_ask(&guest, names.list[i], NULL) < 0)
			continue;
		visit(search, &guest.view);
		cmd_guest_free(&guest);
	}
	cmd_names_free(&names);
	return 0;
}

static void read_guest(struct search *search, const struct view_guest *guest)
{
	if (search->query->guest && strcmp(search->query->guest, guest->name) != 0)
		return;
	search->guest = guest->name;
	read_kernel(search, guest->init);
}

static void mark_guest(struct search *search, const struct view_guest *guest)
{
	mark_published(search->holders, guest);
}

/* ---- the list ---- */

static int compare(const void *a, const void *b)
{
	const struct cmd_holder *x = a;
	const struct cmd_holder *y = b;
	int order = (x->port > y->port) - (x->port < y->port);

	if (!order)
		order = (x->proto > y->proto) - (x->proto < y->proto);
	if (!order)
		order = strcmp(x->guest, y->guest);
	if (!order)
		order = (x->hold > y->hold) - (x->hold < y->hold);
	if (!order)
		order = memcmp(&x->local.addr, &y->local.addr, sizeof(x->local.addr));
	if (!order)
		order = x->v6only - y->v6only;
	/* Of those that are alike, the one that is told of. */
	return order ? order : (x->inode < y->inode) - (x->inode > y->inode);
}

static void add_process(struct cmd_holder *holder, pid_t pid)
{
	uint32_t known = holder->processes < CMD_HOLDER_PIDS ? holder->processes : CMD_HOLDER_PIDS;

	for (uint32_t i = 0; i < known; i++) {
		if (holder->pids[i] == pid)
			return;
	}
	if (known < CMD_HOLDER_PIDS)
		holder->pids[known] = pid;
	holder->processes++;
}

static void add_processes(struct cmd_holder *holder, const struct cmd_holder *other)
{
	const struct kernel_process *process = &other->process;

	for (uint32_t i = 0; i < other->processes && i < CMD_HOLDER_PIDS; i++)
		add_process(holder, other->pids[i]);
	if (process->pid &&
	    (!holder->process.pid || process->started_s < holder->process.started_s))
		holder->process = *process;
}

/* Puts alike ones together, in a sorted list. */
static void join(struct cmd_holders *holders)
{
	size_t kept = 0;

	for (size_t i = 0; i < holders->count; i++) {
		struct cmd_holder *last = kept ? &holders->list[kept - 1] : NULL;
		const struct cmd_holder *next = &holders->list[i];

		if (last && same(last, next)) {
			last->count += next->count;
			add_processes(last, next);
			if (next->timer_ms > last->timer_ms)
				last->timer_ms = next->timer_ms;
		} else {
			holders->list[kept++] = *next;
		}
	}
	holders->count = kept;
}

static void find_process(struct cmd_holder *holder, const struct kernel_owners *owners)
{
	const struct kernel_owner *owner = NULL;

	while ((owner = kernel_owners_next(owners, holder->inode, owner)) != NULL) {
		const struct kernel_process *process = owner->process;

		add_process(holder, process->pid);
		if (!holder->process.pid || process->started_s <= holder->process.started_s)
			holder->process = *process;
	}
}

static void find_processes(struct cmd_holders *holders)
{
	struct kernel_owners *owners;

	if (!holders->count || kernel_owners_read(&owners) < 0)
		return;
	for (size_t i = 0; i < holders->count; i++)
		find_process(&holders->list[i], owners);
	kernel_owners_free(owners);
}

int cmd_holders_find(struct cmd_holders *holders, const struct cmd_holders_query *query,
		     struct drive_error *error)
{
	struct search search = { holders, query, "" };
	int result = 0;

	*holders = (struct cmd_holders){ 0 };
	if (query->host)
		result = read_kernel(&search, 0);
	if (result < 0)
		drive_fail(error, -result, "cannot read the sockets of this host: %s",
			   strerror(-result));
	else if (query->guests)
		result = each_guest(read_guest, &search, error);
	if (result >= 0 && holders->failed)
		result = drive_fail(error, ENOMEM, "out of memory");
	if (result < 0) {
		cmd_holders_free(holders);
		return result;
	}
	if (holders->count)
		qsort(holders->list, holders->count, sizeof(*holders->list), compare);
	find_processes(holders);
	join(holders);
	if (query->host && !query->alone && holders->count)
		each_guest(mark_guest, &search, NULL);
	return 0;
}

void cmd_holders_free(struct cmd_holders *holders)
{
	free(holders->list);
	*holders = (struct cmd_holders){ 0 };
}

size_t cmd_holders_first(const struct cmd_holders *holders, uint16_t port, uint8_t proto)
{
	size_t low = 0;
	size_t high = holders->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct cmd_holder *holder = &holders->list[middle];

		if (holder->port < port || (holder->port == port && holder->proto < proto))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* ---- which one is in the way ---- */

/* Whether a wildcard address takes the other address's port too. */
static bool takes_in(const struct minato_addr *wild, bool v6only, const struct minato_addr *other)
{
	if (!minato_addr_is_any(wild))
		return false;
	if (minato_addr_is4(wild))
		return minato_addr_is4(other);
	return !v6only || !minato_addr_is4(other);
}

static bool collides(const struct cmd_holder *holder, const struct drive_place *place)
{
	const struct minato_addr *addr = &holder->local.addr;

	return minato_addr_equal(&place->addr, addr) ||
	       takes_in(&place->addr, place->v6only, addr) ||
	       takes_in(addr, holder->v6only, &place->addr);
}

const struct cmd_holder *cmd_holders_obstacle(const struct cmd_holders *holders,
					      const struct drive_place *places, size_t count,
					      uint16_t port)
{
	const struct cmd_holder *best = NULL;

	for (size_t i = 0; i < holders->count * count; i++) {
		const struct cmd_holder *one = &holders->list[i / count];
		const struct drive_place *place = &places[i % count];

		if (*one->guest || one->port != port || one->proto != place->protocol)
			continue;
		if (collides(one, place) && (!best || one->hold < best->hold))
			best = one;
	}
	return best;
}
