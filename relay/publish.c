/* SPDX-License-Identifier: BSD-2-Clause */
/* The host sockets of published ports: bound before anything starts, or said who holds them. */
#include "relay/relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096

/* One port to bind: what the error is about too. */
struct order {
	const struct relay_spec *spec;
	uint16_t port;
	uint8_t protocol; /* MINATO_TCP or MINATO_UDP */
	struct minato_addr addr;
	bool dual;
	bool has4, has6; /* the guest's families */
	struct drive_error *error;
};

static const char *protocol_name(const struct order *o)
{
	return o->protocol == MINATO_TCP ? "tcp" : "udp";
}

/* "port 80/tcp" or "port 80/tcp of 127.0.0.1". */
static const char *port_text(const struct order *o, char *text, size_t size)
{
	char addr[64];
	int len = snprintf(text, size, "host port %u/%s", o->port, protocol_name(o));

	if (o->spec->every || len < 0)
		return text;
	minato_addr_format(&o->addr, addr, sizeof(addr));
	snprintf(text + len, size - (size_t)len, " of %s", addr);
	return text;
}

/* ---- why it cannot be bound ---- */

/* The places the order covers. Returns how many, 1 or 2. */
static size_t places_of(const struct order *o, struct drive_place places[2])
{
	int ip = o->protocol == MINATO_TCP ? IPPROTO_TCP : IPPROTO_UDP;

	places[0] = (struct drive_place){ .addr = o->addr, .protocol = (uint8_t)ip };
	places[0].v6only = !o->dual;
	if (!o->dual)
		return 1;
	places[0].v6only = true;
	places[1] = places[0];
	places[1].addr = minato_addr4(0, 0, 0, 0);
	return 2;
}

static int fail_taken(const struct order *o)
{
	struct drive_place places[2];
	size_t count = places_of(o, places);
	struct drive_holder holder;
	char port[96];
	char who[128] = "another program";
	char next[64] = "";
	int found;

	for (size_t i = 0; i < count; i++) {
		if (drive_port_holder(&places[i], o->port, &holder) == 0) {
			drive_holder_text(&holder, who, sizeof(who));
			break;
		}
	}
	found = drive_port_next(places, count, o->port);
	if (found > 0)
		snprintf(next, sizeof(next), "; the next free one is %d", found);
	return drive_fail(o->error, EADDRINUSE, "%s is taken by %s%s",
			  port_text(o, port, sizeof(port)), who, next);
}

static int fail_low(const struct order *o)
{
	char program[256];
	char port[96];
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);

	program[len > 0 ? len : 0] = '\0';
	return drive_fail(
		o->error, EACCES,
		"%s is for root: this user may bind ports from %d up. Choose one of those, "
		"or allow this one for everybody:\n"
		"  sudo sysctl net.ipv4.ip_unprivileged_port_start=%u\n"
		"or for this program:\n"
		"  sudo setcap cap_net_bind_service=ep %s",
		port_text(o, port, sizeof(port)), drive_port_lowest(), o->port,
		len > 0 ? program : "minato");
}

static int fail_bind(const struct order *o, int errnum)
{
	char port[96];
	const char *why = strerror(errnum);

	if (errnum == EADDRINUSE)
		return fail_taken(o);
	if (errnum == EACCES && o->port < drive_port_lowest())
		return fail_low(o);
	if (errnum == EADDRNOTAVAIL)
		why = "this host does not have that address";
	else if (errnum == EMFILE || errnum == ENFILE)
		why = "too many ports for this user's limit of open files (ulimit -n)";
	else if (errnum == EAFNOSUPPORT)
		why = "this host has no IPv6";
	return drive_fail(o->error, errnum, "cannot bind %s: %s", port_text(o, port, sizeof(port)),
			  why);
}

/* ---- binding ---- */

static int tcp_socket(int family, bool dual)
{
	const int on = 1;
	const int v6only = !dual;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
	/* A port in TIME-WAIT is no obstacle to coming back ... */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return fd;
}

static int udp_socket(int family, bool dual)
{
	const int on = 1;
	int fd = gram_socket(family, dual);

	if (fd < 0)
		return fd;
	/* The answer must leave from the address that the client wrote to. */
	if (family == AF_INET || dual)
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	return fd;
}

static int bind_order(const struct order *o, struct relay_published *door)
{
	const int off = 0;
	struct minato_endpoint end = { .addr = o->addr, .port = o->port };
	struct sockaddr_storage name = { 0 };
	socklen_t len = drive_endpoint_to(&name, &end);
	int fd = o->protocol == MINATO_TCP ? tcp_socket(name.ss_family, o->dual) :
					     udp_socket(name.ss_family, o->dual);

	if (fd < 0)
		return fd;
	if (bind(fd, (struct sockaddr *)&name, len) < 0) {
		int errnum = errno;

		close(fd);
		return -errnum;
	}
	/* ... but while we do not listen yet, nobody may use that door to take the port. */
	if (o->protocol == MINATO_TCP)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof(off));
	*door = (struct relay_published){
		.fd = fd,
		.protocol = o->protocol,
		.dual = o->dual,
		.port = o->port,
		.addr = o->addr,
	};
	return 0;
}

/* All addresses: both families by one socket, or those that guest and host have. */
static int bind_every(struct order *o, struct relay_published *door)
{
	int result = -EAFNOSUPPORT;

	o->addr = (struct minato_addr){ .bytes = { 0 } };
	o->dual = o->has4 && o->has6;
	if (o->has6)
		result = bind_order(o, door);
	if (result != -EAFNOSUPPORT || !o->has4)
		return result;
	o->addr = minato_addr4(0, 0, 0, 0);
	o->dual = false;
	return bind_order(o, door);
}

static int open_one(struct relay_publish *list, struct order *o)
{
	struct relay_published *doors =
		realloc(list->sockets, (list->socket_count + 1) * sizeof(list->sockets[0]));
	int result;

	if (!doors)
		return drive_fail(o->error, ENOMEM, "out of memory");
	list->sockets = doors;
	o->addr = o->spec->addr;
	o->dual = false;
	result = o->spec->every ? bind_every(o, &doors[list->socket_count]) :
				  bind_order(o, &doors[list->socket_count]);
	if (result < 0)
		return fail_bind(o, -result);
	list->socket_count++;
	return 0;
}

static int open_spec(struct relay_publish *list, const struct relay_spec *spec, struct order o)
{
	int result = 0;

	o.spec = spec;
	if (!spec->every && !(minato_addr_is4(&spec->addr) ? o.has4 : o.has6))
		return drive_fail(
			o.error, EAFNOSUPPORT,
			"host port %u is to be published on an IPv%c address, but the guest "
			"has no IPv%c",
			spec->first, minato_addr_is4(&spec->addr) ? '4' : '6',
			minato_addr_is4(&spec->addr) ? '4' : '6');
	for (uint32_t port = spec->first; port <= spec->last && result == 0; port++) {
		o.port = (uint16_t)port;
		o.protocol = MINATO_TCP;
		if (spec->protocols & RELAY_TCP)
			result = open_one(list, &o);
		o.protocol = MINATO_UDP;
		if (result == 0 && spec->protocols & RELAY_UDP)
			result = open_one(list, &o);
	}
	return result;
}

static void close_sockets(struct relay_publish *list)
{
	for (size_t i = 0; i < list->socket_count; i++)
		close(list->sockets[i].fd);
	free(list->sockets);
	list->sockets = NULL;
	list->socket_count = 0;
}

int relay_publish_open(struct relay_publish *list, bool has4, bool has6, struct drive_error *error)
{
	struct order o = { .has4 = has4, .has6 = has6, .error = error };

	for (size_t i = 0; i < list->spec_count; i++) {
		int result = open_spec(list, &list->specs[i], o);

		if (result < 0) {
			close_sockets(list);
			return result;
		}
	}
	return 0;
}

void relay_publish_free(struct relay_publish *list)
{
	close_sockets(list);
	free(list->specs);
	memset(list, 0, sizeof(*list));
}

/* ---- accepting ---- */

/* The forward entry of one family. */
static int add_entry(struct relay *relay, const struct relay_spec *spec, size_t number, bool four)
{
	const struct drive_subnet *s = &relay->config.subnet;
	struct minato_entry entry = {
		.kind = MINATO_KIND_FORWARD,
		.scope = relay->config.outside,
		.face = MINATO_FACE_ANY,
		.first = spec->first,
		.last = spec->last,
		.target = { four ? s->guest4 : s->guest6, spec->guest },
		.user = relay_word(WORD_PUBLISHED, number),
	};

	if (spec->protocols == RELAY_TCP)
		entry.proto = MINATO_TCP;
	else if (spec->protocols == RELAY_UDP)
		entry.proto = MINATO_UDP;
	if (spec->every || minato_addr_is_any(&spec->addr)) {
		entry.local = four ? minato_addr4(0, 0, 0, 0) : (struct minato_addr){ { 0 } };
		entry.local_prefix = four ? 96 : 0;
	} else {
		entry.local = spec->addr;
		entry.local_prefix = 128;
	}
	return relay_entry_add(relay, &entry);
}

static int add_entries(struct relay *relay, const struct relay_spec *spec, size_t number)
{
	const struct drive_subnet *s = &relay->config.subnet;
	bool four = spec->every || minato_addr_is4(&spec->addr);
	bool six = spec->every || !minato_addr_is4(&spec->addr);
	int result = 0;

	if (four && s->has4)
		result = add_entry(relay, spec, number, true);
	if (result == 0 && six && s->has6)
		result = add_entry(relay, spec, number, false);
	return result;
}

/* Noted only: the work is done after the host value has been told the time. */
static void ready(void *user, uint32_t events)
{
	struct relay_published *door = user;

	(void)events;
	door->readable = true;
	if (door->busy)
		return;
	door->busy = true;
	door->busy_next = door->relay->busy_doors;
	door->relay->busy_doors = door;
}

static int start_one(struct relay *relay, struct relay_published *door)
{
	const int on = 1;
	int64_t watch;

	door->relay = relay;
	if (door->protocol == MINATO_TCP) {
		/* For what lingers from before, which listen looks at again; and for the children,
		   so that the port can be bound again while they linger. */
		setsockopt(door->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		dial_options(door->fd); /* what is accepted inherits them */
		if (listen(door->fd, BACKLOG) < 0)
			return -errno;
	}
	watch = drive_loop_add(relay->config.loop, door->fd, EPOLLIN, ready, door);
	if (watch < 0)
		return (int)watch;
	door->watch = watch;
	return 0;
}

int relay_publish_start(struct relay *relay, struct relay_publish *list, struct drive_error *error)
{
	int result = relay->doors ? -EBUSY : 0;

	if (result == 0) {
		/* Taken over at once, so that whatever fails is closed with the relay. */
		relay->doors = list->sockets;
		relay->door_count = list->socket_count;
		list->sockets = NULL;
		list->socket_count = 0;
	}
	for (size_t i = 0; result == 0 && i < list->spec_count; i++)
		result = add_entries(relay, &list->specs[i], i);
	for (size_t i = 0; result == 0 && i < relay->door_count; i++)
		result = start_one(relay, &relay->doors[i]);
	if (result < 0)
		return drive_fail(error, -result, "cannot open the published ports: %s",
				  strerror(-result));
	return 0;
}
