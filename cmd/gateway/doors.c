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

/* What is to be bound; where callers go from there the entries of the statement say. */
static int make_specs(const struct conf_forward *forward, struct relay_publish *list)
{
	*list = (struct relay_publish){ .specs = NULL };
	list->specs = calloc(forward->run_count, sizeof(list->specs[0]));
	if (!list->specs)
		return -ENOMEM;
	list->spec_count = forward->run_count;
	for (uint32_t i = 0; i < forward->run_count; i++) {
		const struct conf_run *run = &forward->run[i];
		/* A UNIX socket has none: a list keeps no more servers than there are. */
		uint16_t port = forward->server_count ? forward->server[0].at.port : 0;

		list->specs[i] = (struct relay_spec){
			.sort = RELAY_PORTS,
			.addr = minato_addr_is_any(&forward->on) ? minato_addr4(0, 0, 0, 0) :
								   forward->on,
			.guest_given = true,
			.bare = true,
			.protocols = forward->protocols,
			.first = run->first,
			.last = run->last,
			.guest = port ? port : run->first,
		};
	}
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

static struct gateway_door *find(const struct gateway_doors *doors,
				 const struct conf_statement *one)
{
	for (size_t i = 0; i < doors->count; i++) {
		if (same_places(&doors->list[i].one, one))
			return &doors->list[i];
	}
	return NULL;
}

bool gateway_doors_have(const struct gateway_doors *doors, const struct conf_statement *one)
{
	return find(doors, one) != NULL;
}

static struct gateway_door *append(struct gateway_doors *doors, const struct conf_statement *one)
{
	struct gateway_door *list =
		realloc(doors->list, (doors->count + 1) * sizeof(doors->list[0]));
	struct gateway_door *door;

	if (!list)
		return NULL;
	doors->list = list;
	door = &list[doors->count];
	*door = (struct gateway_door){ .fresh = true };
	conf_copy(&door->one, one);
	if (make_specs(&one->forward, &door->list) < 0)
		return NULL;
	doors->count++;
	return door;
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

static int open_door(struct gateway_doors *doors, const struct conf_statement *one,
		     struct drive_error *error)
{
	struct gateway_door *door = append(doors, one);
	int result;

	if (!door)
		return drive_fail(error, ENOMEM, "out of memory");
	if (was_passed(doors, one->name))
		result = take_passed(doors, door, error);
	else
		result = relay_publish_open(&door->list, true, false, error);
	if (result < 0)
		drop(doors, doors->count - 1);
	return result;
}

int gateway_doors_open(struct gateway_doors *doors, const struct gateway_rules *rules,
		       struct drive_error *error)
{
	size_t before = doors->count;
	int result = 0;

	for (size_t i = 0; i < rules->conf.count && result == 0; i++) {
		const struct conf_statement *one = rules->conf.list[i];

		if (is_door(one) && !find(doors, one))
			result = open_door(doors, one, error);
	}
	while (result < 0 && doors->count > before)
		drop(doors, doors->count - 1);
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

	for (size_t i = 0; i < rules->conf.count && result == 0; i++) {
		struct gateway_door *door = find(doors, rules->conf.list[i]);

		if (!door || !door->fresh)
			continue;
		result = send_door(door, i, channel);
		door->fresh = false;
	}
	return result;
}

static bool wants(const struct gateway_rules *rules, const struct conf_statement *one)
{
	for (size_t i = 0; i < rules->conf.count; i++) {
		if (same_places(rules->conf.list[i], one))
			return true;
	}
	return false;
}

void gateway_doors_prune(struct gateway_doors *doors, const struct gateway_rules *rules)
{
	for (size_t i = doors->count; i-- > 0;) {
		doors->list[i].fresh = false;
		if (!wants(rules, &doors->list[i].one))
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
	struct gateway_door *list;

	for (size_t i = 0; i < doors->count; i++) {
		if (doors->list[i].fresh && doors->list[i].one.line == statement)
			return &doors->list[i];
	}
	list = realloc(doors->list, (doors->count + 1) * sizeof(doors->list[0]));
	if (!list)
		return NULL;
	doors->list = list;
	list[doors->count] = (struct gateway_door){ .one.line = statement, .fresh = true };
	return &list[doors->count++];
}

/* syscalls: close */
void gateway_doors_take(struct gateway_doors *doors, const struct cmd_message *message, int fd)
{
	const struct relay_door *about = &message->bound.doors[0];
	struct gateway_door *door = fd < 0 || message->number < 0 || about->spec >= CONF_RUNS_MAX ?
					    NULL :
					    coming(doors, (uint32_t)message->number);

	/* So many specs there may be; which, the statement says. */
	if (door && !door->list.specs) {
		door->list.specs = calloc(CONF_RUNS_MAX, sizeof(door->list.specs[0]));
		door->list.spec_count = door->list.specs ? CONF_RUNS_MAX : 0;
	}
	if ((!door || relay_publish_adopt(&door->list, about, fd) < 0) && fd >= 0)
		close(fd);
}

/* The statement of sockets that came: what they are for. */
static int name_door(struct gateway_door *door, const struct gateway_rules *rules)
{
	struct relay_publish said;
	size_t index = door->one.line;
	int result;

	if (index >= rules->conf.count || !is_door(rules->conf.list[index]))
		return -EPROTO;
	conf_copy(&door->one, rules->conf.list[index]);
	result = make_specs(&door->one.forward, &said);
	if (result < 0)
		return result;
	for (size_t i = 0; i < said.spec_count; i++) {
		said.specs[i].socket_first = door->list.specs[i].socket_first;
		said.specs[i].socket_count = door->list.specs[i].socket_count;
	}
	free(door->list.specs);
	door->list.specs = said.specs;
	door->list.spec_count = said.spec_count;
	return 0;
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
