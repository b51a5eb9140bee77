/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets of the host for forwards: bound or passed in the keeper, served by the worker's relay. */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/see/who.h"
#include "relay/relay.h"

bool gateway_door_fits(const struct conf_forward *forward)
{
	return forward->to != CONF_TO_OPEN &&
	       (!conf_ends_here(forward) || forward->protocols == CONF_TCP);
}

static bool is_door(const struct conf_statement *one)
{
	return one->kind == CONF_KIND_FORWARD && gateway_door_fits(&one->forward);
}

/* Some ports of a run; where their callers go the entries of the statement say. */
static struct relay_spec piece_of(const struct conf_forward *forward, const struct conf_run *run)
{
	/* A UNIX socket has none: a list keeps no more servers than there are. */
	uint16_t port = forward->server_count ? forward->server[0].at.port : 0;

	return (struct relay_spec){
		.sort = RELAY_PORTS,
		.addr = minato_addr_is_any(&forward->on) ? minato_addr4(0, 0, 0, 0) : forward->on,
		.guest_given = true,
		.bare = true,
		.protocols = forward->protocols,
		.first = run->first,
		.last = run->last,
		.guest = port ? port : run->first,
	};
}

static int append_piece(struct relay_publish *list, const struct relay_spec *piece)
{
	struct relay_spec *specs =
		realloc(list->specs, (list->spec_count + 1) * sizeof(list->specs[0]));

	if (!specs)
		return -ENOMEM;
	list->specs = specs;
	specs[list->spec_count++] = *piece;
	return 0;
}

/*
 * Whether both are served by the same sockets. Where their callers go the entries say: so servers
 * can change while nobody is turned away, and several forwards stand at a port for several sources.
 */
static bool same_places(const struct conf_statement *a, const struct conf_statement *b)
{
	const struct conf_forward *f = &a->forward;
	const struct conf_forward *g = &b->forward;

	if (!is_door(a) || !is_door(b) || f->protocols != g->protocols ||
	    f->run_count != g->run_count || !minato_addr_equal(&f->on, &g->on))
		return false;
	for (uint32_t i = 0; i < f->run_count; i++) {
		if (f->run[i].first != g->run[i].first || f->run[i].last != g->run[i].last)
			return false;
	}
	return true;
}

/* ---- whose a port is ---- */

/*
 * A port of an address has one socket, however many forwards stand there: it is of the door that
 * opened it, and other doors are but of the ports that were nobody's. One for all addresses serves
 * each of them.
 */
static bool covers(const struct relay_spec *piece, const struct minato_addr *addr)
{
	return minato_addr_is_any(&piece->addr) || minato_addr_equal(&piece->addr, addr);
}

/*
 * The protocols in which doors that stay have the port at the address; `*change`, a later port, is
 * lowered to the next one at which that may be different.
 */
static uint8_t held_at(const struct gateway_doors *doors, const struct minato_addr *addr,
		       uint32_t port, uint32_t *change)
{
	uint8_t protocols = 0;

	for (size_t i = 0; i < doors->count; i++) {
		const struct gateway_door *door = &doors->list[i];

		for (size_t k = 0; k < door->list.spec_count && !door->leaves; k++) {
			const struct relay_spec *piece = &door->list.specs[k];
			uint32_t next = piece->first > port ? piece->first : piece->last + 1u;

			if (!covers(piece, addr) || piece->last < port)
				continue;
			if (piece->first <= port)
				protocols |= piece->protocols;
			if (next < *change)
				*change = next;
		}
	}
	return protocols;
}

/* Appends what of the forward's ports no door that stays has. */
static int make_pieces(const struct gateway_doors *doors, const struct conf_forward *forward,
		       struct relay_publish *list)
{
	int result = 0;

	for (uint32_t i = 0; i < forward->run_count; i++) {
		const struct conf_run *run = &forward->run[i];
		uint32_t change;

		for (uint32_t port = run->first; port <= run->last && result == 0; port = change) {
			struct conf_run part = { .first = (uint16_t)port };
			struct relay_spec piece = piece_of(forward, &part);

			change = run->last + 1u;
			piece.protocols &= (uint8_t)~held_at(doors, &piece.addr, port, &change);
			piece.last = (uint16_t)(change - 1);
			if (piece.protocols)
				result = append_piece(list, &piece);
		}
	}
	return result;
}

bool gateway_doors_have(const struct gateway_doors *doors, const struct conf_statement *one)
{
	struct relay_publish list = { .specs = NULL };
	bool all = is_door(one) && make_pieces(doors, &one->forward, &list) == 0 &&
		   list.spec_count == 0;

	relay_publish_free(&list);
	return all;
}

static struct gateway_door *append(struct gateway_doors *doors)
{
	struct gateway_door *list =
		realloc(doors->list, (doors->count + 1) * sizeof(doors->list[0]));

	if (!list)
		return NULL;
	doors->list = list;
	list[doors->count] = (struct gateway_door){ .fresh = true };
	return &list[doors->count++];
}

static void drop(struct gateway_doors *doors, size_t index)
{
	relay_publish_free(&doors->list[index].list);
	memmove(&doors->list[index], &doors->list[index + 1],
		(doors->count - index - 1) * sizeof(doors->list[0]));
	doors->count--;
}

/* ---- descriptors that were passed ---- */

/* What the descriptor is bound to. False: to nothing that a forward can use. */
/* unsealed: getsockname getsockopt */
static bool describe(int fd, struct relay_door *out)
{
	struct sockaddr_storage name = { 0 };
	struct minato_endpoint end = { .port = 0 };
	socklen_t length = sizeof(name);
	socklen_t size = sizeof(int);
	int type = 0;
	int v6only = 0;

	if (getsockname(fd, (struct sockaddr *)&name, &length) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
	    !drive_endpoint_from(&end, (struct sockaddr *)&name) || !end.port ||
	    (type != SOCK_STREAM && type != SOCK_DGRAM))
		return false;
	if (name.ss_family == AF_INET6)
		(void)getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &size);
	*out = (struct relay_door){
		.port = end.port,
		.protocol = type == SOCK_STREAM ? MINATO_TCP : MINATO_UDP,
		.dual = name.ss_family == AF_INET6 && !v6only,
		.four = name.ss_family == AF_INET,
	};
	return out->four || out->dual;
}

/* As the relay has its own. */
/* unsealed: fcntl setsockopt */
static void prepare(int fd, const struct relay_door *door)
{
	const int on = 1;

	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	if (door->protocol != MINATO_UDP)
		return;
	(void)setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	if (door->dual)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
}

static int spec_of(const struct relay_publish *list, const struct relay_door *door)
{
	uint8_t bit = door->protocol == MINATO_TCP ? RELAY_TCP : RELAY_UDP;

	for (size_t i = 0; i < list->spec_count; i++) {
		if (list->specs[i].protocols & bit && door->port >= list->specs[i].first &&
		    door->port <= list->specs[i].last)
			return (int)i;
	}
	return -ENOENT;
}

static bool was_passed(const struct gateway_doors *doors, const char *name)
{
	for (size_t i = 0; *name && i < doors->passed_count; i++) {
		if (!strcmp(doors->passed[i].name, name))
			return true;
	}
	return false;
}

/* How many sockets a forward is. */
static size_t ports_of(const struct relay_publish *list)
{
	size_t count = 0;

	for (size_t i = 0; i < list->spec_count; i++) {
		size_t protocols = (list->specs[i].protocols & RELAY_TCP ? 1u : 0u) +
				   (list->specs[i].protocols & RELAY_UDP ? 1u : 0u);

		count += protocols * (size_t)(list->specs[i].last - list->specs[i].first + 1);
	}
	return count;
}

/* Takes copies, so that they are there for the next one too. */
/* unsealed: fcntl close */
static int take_passed(const struct gateway_doors *doors, struct gateway_door *door,
		       struct drive_error *error)
{
	for (size_t i = 0; i < doors->passed_count; i++) {
		const struct gateway_passed *passed = &doors->passed[i];
		struct relay_door about;
		int spec;
		int fd;

		if (strcmp(passed->name, door->one.name))
			continue;
		spec = describe(passed->fd, &about) ? spec_of(&door->list, &about) : -ENOENT;
		if (spec < 0)
			return drive_fail(error, ENOENT,
					  "a descriptor named %s was passed that is no socket of a "
					  "port of that forward",
					  passed->name);
		about.spec = (uint32_t)spec;
		fd = fcntl(passed->fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0 || relay_publish_adopt(&door->list, &about, fd) < 0) {
			if (fd >= 0)
				close(fd);
			return drive_fail(error, ENOMEM, "a descriptor that was passed: %s",
					  strerror(errno));
		}
		prepare(fd, &about);
	}
	if (door->list.socket_count != ports_of(&door->list))
		return drive_fail(error, ENOENT,
				  "%zu descriptors named %s were passed, but the forward is %zu "
				  "ports: pass all of them or none",
				  door->list.socket_count, door->one.name, ports_of(&door->list));
	return 0;
}

/* ---- the keeper ---- */

static bool wants(const struct gateway_rules *rules, const struct conf_statement *one)
{
	for (size_t i = 0; i < rules->conf.count; i++) {
		if (same_places(rules->conf.list[i], one))
			return true;
	}
	return false;
}

/* The socket of a piece that serves the port, if it has one. They lie in the order of the ports. */
static bool socket_of(const struct relay_publish *list, const struct relay_spec *piece,
		      uint8_t protocol, uint16_t port, size_t *out, struct relay_door *about)
{
	size_t count = piece->socket_count;
	size_t likely = count * (size_t)(port - piece->first) /
			(size_t)(piece->last - piece->first + 1);

	for (size_t i = 0; i < count; i++) {
		*out = piece->socket_first + (likely + i) % count;
		relay_publish_about(list, *out, about);
		if (about->port == port && about->protocol == protocol)
			return true;
	}
	return false;
}

/* Of a door that goes with this change: a copy of its socket, so that no caller is turned away. */
/* unsealed: fcntl */
static int lend(void *user, const struct relay_spec *wanted, uint16_t port,
		struct relay_door *about)
{
	const struct gateway_doors *doors = user;
	const uint8_t protocol = about->protocol;

	for (size_t i = 0; i < doors->count; i++) {
		const struct relay_publish *list = &doors->list[i].list;

		for (size_t k = 0; k < list->spec_count && doors->list[i].leaves; k++) {
			const struct relay_spec *piece = &list->specs[k];
			size_t at;

			if (piece->first <= port && port <= piece->last &&
			    covers(piece, &wanted->addr) &&
			    socket_of(list, piece, protocol, port, &at, about))
				return fcntl(relay_publish_fd(list, at), F_DUPFD_CLOEXEC, 0);
		}
	}
	return -1;
}

/* Why it could not be opened: who has the port, be it another door of ours. */
static int explain(const struct gateway_doors *doors, const struct relay_publish *list,
		   struct drive_error *error)
{
	const struct drive_subnet families = { .has4 = true };
	const struct relay_failure *failure = &list->failure;
	const uint8_t bit = failure->protocol == MINATO_TCP ? RELAY_TCP : RELAY_UDP;
	char words[CONF_LINE_MAX + 1], what[96];

	for (size_t i = 0; failure->errnum == EADDRINUSE && i < doors->count; i++) {
		const struct gateway_door *door = &doors->list[i];

		for (size_t k = 0; k < door->list.spec_count; k++) {
			const struct relay_spec *piece = &door->list.specs[k];

			if (!(piece->protocols & bit) || failure->port < piece->first ||
			    failure->port > piece->last)
				continue;
			(void)conf_print(words, sizeof(words), &door->one);
			return drive_fail(error, EADDRINUSE,
					  "%s: this gateway has it open at a single address, for "
					  "'%s': take that back first, and say it again after",
					  relay_publish_what(list, failure, what, sizeof(what)),
					  words);
		}
	}
	/* No guest is asked: it might be asking us at this moment. */
	return cmd_publish_explain(list, failure, &families, true, error);
}

/* What no other door has of the forward's ports. */
static int open_door(struct gateway_doors *doors, const struct conf_statement *one,
		     struct drive_error *error)
{
	struct relay_publish list = { .lend = lend, .lend_user = doors };
	struct gateway_door *door;
	int result = make_pieces(doors, &one->forward, &list);

	if (result == 0 && list.spec_count == 0)
		return 0;
	door = result == 0 ? append(doors) : NULL;
	if (!door) {
		relay_publish_free(&list);
		return drive_fail(error, ENOMEM, "out of memory");
	}
	conf_copy(&door->one, one);
	door->list = list;
	if (was_passed(doors, one->name)) {
		result = take_passed(doors, door, error);
	} else {
		result = relay_publish_open(&door->list, true, false, NULL);
		if (result < 0) {
			list = door->list;
			door->list = (struct relay_publish){ .specs = NULL };
			result = explain(doors, &list, error);
			relay_publish_free(&list);
		}
	}
	if (result < 0)
		drop(doors, doors->count - 1);
	return result;
}

/* What was passed is bound already, and what is for all addresses serves each of them. */
static unsigned turn_of(const struct gateway_doors *doors, const struct conf_statement *one)
{
	if (was_passed(doors, one->name))
		return 0;
	return minato_addr_is_any(&one->forward.on) ? 1 : 2;
}

int gateway_doors_open(struct gateway_doors *doors, const struct gateway_rules *rules,
		       struct drive_error *error)
{
	size_t before = doors->count;
	int result = 0;

	for (size_t i = 0; i < doors->count; i++)
		doors->list[i].leaves = !wants(rules, &doors->list[i].one);
	for (unsigned turn = 0; turn < 3; turn++) {
		for (size_t i = 0; i < rules->conf.count && result == 0; i++) {
			const struct conf_statement *one = rules->conf.list[i];

			if (is_door(one) && turn_of(doors, one) == turn)
				result = open_door(doors, one, error);
		}
	}
	while (result < 0 && doors->count > before)
		drop(doors, doors->count - 1);
	for (size_t i = 0; i < doors->count; i++)
		doors->list[i].leaves = false;
	return result;
}

static int send_door(const struct gateway_door *door, size_t statement, int channel)
{
	struct cmd_message message = { .kind = GATEWAY_TELL_DOOR, .number = (int)statement };
	int result = 0;

	for (size_t i = 0; i < door->list.socket_count && result == 0; i++) {
		const int fd = relay_publish_fd(&door->list, i);

		relay_publish_about(&door->list, i, &message.bound.doors[0]);
		result = cmd_channel_send(channel, &message, &fd, 1);
	}
	return result;
}

int gateway_doors_send(struct gateway_doors *doors, const struct gateway_rules *rules, int channel)
{
	int result = 0;

	for (size_t i = 0; i < doors->count && result == 0; i++) {
		struct gateway_door *door = &doors->list[i];
		size_t at = 0;

		while (at < rules->conf.count && !same_places(rules->conf.list[at], &door->one))
			at++;
		if (!door->fresh || at == rules->conf.count)
			continue;
		result = send_door(door, at, channel);
		door->fresh = false;
	}
	return result;
}

/*
 * Whether others have all of its ports: it was opened for a change that did not come to stand, by
 * which another one was to go.
 */
static bool is_needless(struct gateway_doors *doors, size_t index)
{
	bool needless;

	doors->list[index].leaves = true;
	needless = true;
	for (size_t k = 0; k < doors->list[index].list.spec_count && needless; k++) {
		const struct relay_spec *piece = &doors->list[index].list.specs[k];
		uint32_t change = piece->last + 1u;

		for (uint32_t port = piece->first; port <= piece->last && needless; port = change) {
			change = piece->last + 1u;
			needless = !(piece->protocols &
				     ~held_at(doors, &piece->addr, port, &change));
		}
	}
	doors->list[index].leaves = false;
	return needless;
}

void gateway_doors_prune(struct gateway_doors *doors, const struct gateway_rules *rules)
{
	for (size_t i = doors->count; i-- > 0;) {
		doors->list[i].fresh = false;
		if (!wants(rules, &doors->list[i].one))
			drop(doors, i);
	}
	for (size_t i = doors->count; i-- > 0;) {
		if (is_needless(doors, i))
			drop(doors, i);
	}
}

void gateway_doors_close(struct gateway_doors *doors)
{
	while (doors->count > 0)
		drop(doors, doors->count - 1);
	free(doors->list);
	doors->list = NULL;
	for (size_t i = 0; i < doors->passed_count; i++)
		close(doors->passed[i].fd);
	doors->passed_count = 0;
}

size_t gateway_doors_fds(const struct gateway_doors *doors, int *out)
{
	size_t count = 0;

	for (size_t i = 0; i < doors->count; i++) {
		for (size_t k = 0; k < doors->list[i].list.socket_count; k++) {
			if (out)
				out[count] = relay_publish_fd(&doors->list[i].list, k);
			count++;
		}
	}
	return count;
}

/* ---- the worker ---- */

/* The doors that came since the last rules have no statement yet, but its number. */
static struct gateway_door *coming(struct gateway_doors *doors, uint32_t statement)
{
	struct gateway_door *door;

	for (size_t i = 0; i < doors->count; i++) {
		if (doors->list[i].fresh && doors->list[i].one.line == statement)
			return &doors->list[i];
	}
	door = append(doors);
	if (door)
		door->one.line = statement;
	return door;
}

/* syscalls: close */
void gateway_doors_take(struct gateway_doors *doors, const struct cmd_message *message, int fd)
{
	const struct relay_door *about = &message->bound.doors[0];
	struct gateway_door *door =
		fd < 0 || message->number < 0 || about->spec >= GATEWAY_PIECES_MAX ?
			NULL :
			coming(doors, (uint32_t)message->number);
	int result = door ? 0 : -EINVAL;

	/* Which ports a piece is, its sockets say. */
	while (result == 0 && door->list.spec_count <= about->spec)
		result = append_piece(&door->list, &(struct relay_spec){ .first = 0 });
	if (result == 0)
		result = relay_publish_adopt(&door->list, about, fd);
	if (result < 0 && fd >= 0)
		close(fd);
}

/* A piece by its sockets. */
static int name_piece(const struct relay_publish *list, const struct conf_forward *forward,
		      struct relay_spec *piece)
{
	struct conf_run run = { .first = UINT16_MAX };
	struct relay_spec said;

	if (piece->socket_count == 0)
		return -EPROTO;
	said = piece_of(forward, &run);
	said.protocols = 0;
	said.first = UINT16_MAX;
	for (size_t i = 0; i < piece->socket_count; i++) {
		struct relay_door about;

		relay_publish_about(list, piece->socket_first + i, &about);
		said.protocols |= about.protocol == MINATO_TCP ? RELAY_TCP : RELAY_UDP;
		if (about.port < said.first)
			said.first = about.port;
		if (about.port > said.last)
			said.last = about.port;
	}
	said.socket_first = piece->socket_first;
	said.socket_count = piece->socket_count;
	*piece = said;
	return 0;
}

/* The statement of sockets that came: what they are for. */
static int name_door(struct gateway_door *door, const struct gateway_rules *rules)
{
	size_t index = door->one.line;
	int result = 0;

	if (index >= rules->conf.count || !is_door(rules->conf.list[index]))
		return -EPROTO;
	conf_copy(&door->one, rules->conf.list[index]);
	for (size_t i = 0; i < door->list.spec_count && result == 0; i++)
		result = name_piece(&door->list, &door->one.forward, &door->list.specs[i]);
	return result;
}

static void stop_door(struct gateway_doors *doors, size_t index, struct relay *relay)
{
	const struct relay_publish *list = &doors->list[index].list;

	for (size_t i = 0; i < list->spec_count && !doors->list[index].fresh; i++) {
		int64_t id = relay_forward_find(relay, &list->specs[i]);

		if (id >= 0)
			(void)relay_forward_remove(relay, (uint32_t)id);
	}
	drop(doors, index);
}

void gateway_doors_withdraw(struct gateway_doors *doors)
{
	for (size_t i = doors->count; i-- > 0;) {
		if (doors->list[i].fresh)
			drop(doors, i);
	}
}

void gateway_doors_inherit(struct gateway_doors *doors, const struct gateway_doors *keeper)
{
	*doors = *keeper;
	for (size_t i = 0; i < doors->count; i++)
		doors->list[i].fresh = true;
}

int gateway_doors_start(struct gateway_doors *doors, const struct gateway_rules *rules,
			struct relay *relay, struct drive_error *error)
{
	int result = 0;

	/* What goes, goes first: its ports may be what comes. */
	for (size_t i = doors->count; i-- > 0;) {
		struct gateway_door *door = &doors->list[i];

		if (door->one.kind == CONF_KIND_FORWARD && !wants(rules, &door->one))
			stop_door(doors, i, relay);
	}
	for (size_t i = doors->count; i-- > 0;) {
		struct gateway_door *door = &doors->list[i];

		if (!door->fresh)
			continue;
		if (result == 0 && door->one.kind != CONF_KIND_FORWARD)
			result = name_door(door, rules);
		if (result == 0)
			result = relay_publish_start(relay, &door->list, error);
		door->fresh = result < 0;
		if (result < 0)
			stop_door(doors, i, relay);
	}
	return result;
}
