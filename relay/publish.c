/* SPDX-License-Identifier: BSD-2-Clause */
/* The host sockets of published ports: bound before anything starts, or said who holds them. */
#include "relay/relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Descriptors that `all` leaves for connections. */
#define KEPT 1024u

/* One port to bind: what the error is about too. */
struct order {
	const struct relay_spec *spec;
	uint16_t port;
	uint8_t protocol; /* MINATO_TCP or MINATO_UDP */
	struct minato_addr addr;
	bool dual;
	bool has4, has6; /* the guest's families */
	const char *device; /* NULL: by whatever */
	/* Of `all`: a bit for each port that is to be had, of TCP and of UDP. */
	uint8_t (*fit)[DRIVE_PORTS_BYTES];
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

static int fail_low(const struct order *o, struct drive_error *error)
{
	char program[256];
	char port[96];
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);

	program[len > 0 ? len : 0] = '\0';
	return drive_fail(
		error, EACCES,
		"%s is for root: this user may bind ports from %d up. Choose one of those, "
		"or allow this one for everybody:\n"
		"  sudo sysctl net.ipv4.ip_unprivileged_port_start=%u\n"
		"or for this program:\n"
		"  sudo setcap cap_net_bind_service=ep %s",
		port_text(o, port, sizeof(port)), drive_port_lowest(), o->port,
		len > 0 ? program : "minato");
}

static int fail_bind(const struct order *o, int errnum, struct drive_error *error)
{
	char port[96];
	const char *why = strerror(errnum);

	if (errnum == EACCES && o->port < drive_port_lowest())
		return fail_low(o, error);
	if (errnum == EADDRINUSE)
		why = "it is taken by another program";
	else if (errnum == EADDRNOTAVAIL)
		why = "this host does not have that address";
	else if (errnum == EMFILE || errnum == ENFILE)
		why = "too many ports for this user's limit of open files (ulimit -n)";
	else if (errnum == EAFNOSUPPORT)
		why = "this host has no IPv6";
	return drive_fail(error, errnum, "cannot bind %s: %s", port_text(o, port, sizeof(port)),
			  why);
}

static int fail_many(const struct relay_spec *spec, const struct relay_failure *failure,
		     struct drive_error *error)
{
	char text[RELAY_SPEC_TEXT];

	return drive_fail(
		error, EMFILE,
		"-p %s needs %u open files (one for each port and protocol, and %u for "
		"connections), but a program of this user may have no more than %u. Leave "
		"ports out (all,~FIRST-LAST), publish a run of them instead, or raise the limit "
		"and log in again:\n"
		"  echo '%s - nofile %u' | sudo tee /etc/security/limits.d/minato.conf",
		relay_spec_text(spec, text, sizeof(text)), failure->needed, KEPT, failure->allowed,
		getuid() ? "*" : "root", failure->needed);
}

/* Whether the guest has no address of the family that the spec's address is of. */
static bool lacks_family(const struct relay_spec *spec, bool has4, bool has6)
{
	return !spec->every && !(minato_addr_is4(&spec->addr) ? has4 : has6);
}

/* What the failure is about, as it was tried. */
static struct order order_of(const struct relay_publish *list, const struct relay_failure *failure,
			     bool has4, bool has6)
{
	const struct relay_spec *spec = &list->specs[failure->spec];
	struct order o = {
		.spec = spec,
		.port = failure->port,
		.protocol = failure->protocol,
		.addr = spec->addr,
		.has4 = has4,
		.has6 = has6,
	};

	if (spec->every) {
		o.dual = has4 && has6;
		o.addr = has6 ? (struct minato_addr){ { 0 } } : minato_addr4(0, 0, 0, 0);
	}
	return o;
}

size_t relay_publish_places(const struct relay_publish *list, const struct relay_failure *failure,
			    bool has4, bool has6, struct drive_place places[2])
{
	const struct order o = order_of(list, failure, has4, has6);

	return places_of(&o, places);
}

const char *relay_publish_what(const struct relay_publish *list,
			       const struct relay_failure *failure, char *text, size_t size)
{
	const struct order o = order_of(list, failure, true, true);

	return port_text(&o, text, size);
}

int relay_publish_explain(const struct relay_publish *list, const struct relay_failure *failure,
			  bool has4, bool has6, struct drive_error *error)
{
	const struct relay_spec *spec = &list->specs[failure->spec];
	const struct order o = order_of(list, failure, has4, has6);

	if (failure->needed)
		return fail_many(spec, failure, error);
	if (!failure->port)
		return drive_fail(error, failure->errnum, "cannot publish: %s",
				  strerror(failure->errnum));
	if (lacks_family(spec, has4, has6))
		return drive_fail(
			error, EAFNOSUPPORT,
			"host port %u is to be published on an IPv%c address, but the guest "
			"has no IPv%c",
			spec->first, has4 ? '6' : '4', has4 ? '6' : '4');
	return fail_bind(&o, failure->errnum, error);
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
	if ((o->device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, o->device,
				     (socklen_t)strlen(o->device)) < 0) ||
	    bind(fd, (struct sockaddr *)&name, len) < 0) {
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
		.four = name.ss_family == AF_INET,
		.at_device = o->device != NULL,
		.port = o->port,
	};
	return 0;
}

struct minato_addr publish_addr(const struct relay_published *door)
{
	const struct relay_spec *spec = &door->forward->spec;

	if (!spec->every)
		return spec->addr;
	return door->four ? minato_addr4(0, 0, 0, 0) : (struct minato_addr){ { 0 } };
}

/* syscalls: close */
void publish_close(struct relay_published *door)
{
	if (door->fd >= 0)
		close(door->fd);
	door->fd = -1;
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

static bool make_room(struct relay_publish *list)
{
	size_t room = list->socket_room ? 2 * list->socket_room : 16;
	struct relay_published *sockets;

	if (list->socket_count < list->socket_room)
		return true;
	sockets = realloc(list->sockets, room * sizeof(list->sockets[0]));
	if (!sockets)
		return false;
	list->sockets = sockets;
	list->socket_room = room;
	return true;
}

/* Whether there is one already. */
static bool borrow(const struct relay_publish *list, const struct order *o,
		   struct relay_published *door)
{
	struct relay_door about = { .protocol = o->protocol };
	int fd = list->lend ? list->lend(list->lend_user, o->spec, o->port, &about) : -1;

	*door = (struct relay_published){
		.fd = fd,
		.protocol = about.protocol,
		.dual = about.dual,
		.four = about.four,
		.port = o->port,
	};
	return fd >= 0;
}

static int open_one(struct relay_publish *list, struct order *o)
{
	struct relay_published *door;
	int result = 0;

	if (!make_room(list))
		return -ENOMEM;
	door = &list->sockets[list->socket_count];
	o->addr = o->spec->addr;
	o->dual = false;
	if (!borrow(list, o, door))
		result = o->spec->every ? bind_every(o, door) : bind_order(o, door);
	if (result == 0)
		list->socket_count++;
	return result;
}

/*
 * At each device of lan, or at none: a device that is gone, or a kernel that does not let us, is no
 * reason not to open the port, which the rules shut to others all the same.
 */
static int open_near(struct relay_publish *list, struct order *o)
{
	size_t before = list->socket_count;
	int result = 0;

	for (size_t i = 0; i < list->devices->count && result == 0; i++) {
		o->device = list->devices->name[i];
		result = open_one(list, o);
	}
	o->device = NULL;
	while (result < 0 && list->socket_count > before)
		publish_close(&list->sockets[--list->socket_count]);
	return result;
}

/* Where the port is to be open. */
static int open_where(struct relay_publish *list, struct order *o)
{
	if (o->spec->every && list->devices && list->devices->count && list->near_only &&
	    list->near_only(list->near_user, o->protocol, o->port,
			    zone_is_shut(o->spec, o->port)) &&
	    open_near(list, o) == 0)
		return 0;
	return open_one(list, o);
}

static bool is_fit(const struct order *o)
{
	return !o->fit || o->fit[o->protocol == MINATO_TCP ? 0 : 1][o->port / 8] >> o->port % 8 & 1;
}

/* What another holds, or nobody may bind, is not "free": `all` goes on without it. */
static bool passes_over(const struct order *o, int result)
{
	return o->spec->sort == RELAY_ALL && (result == -EADDRINUSE || result == -EACCES);
}

static int open_port(struct relay_publish *list, struct order *o)
{
	static const uint8_t protocols[2] = { MINATO_TCP, MINATO_UDP };
	static const uint8_t bits[2] = { RELAY_TCP, RELAY_UDP };
	int result = 0;

	for (size_t i = 0; i < 2 && result == 0; i++) {
		if (!(o->spec->protocols & bits[i]))
			continue;
		o->protocol = protocols[i];
		if (!is_fit(o))
			continue;
		result = open_where(list, o);
		if (passes_over(o, result))
			result = 0;
	}
	return result;
}

/* ---- how many descriptors there may be ---- */

static int raise_limit(struct rlimit *before)
{
	struct rlimit all;

	if (getrlimit(RLIMIT_NOFILE, before) < 0)
		return -errno;
	all = *before;
	all.rlim_cur = all.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &all) < 0 ? -errno : 0;
}

/* The ports of `all` of one protocol. Returns how many. */
static uint32_t choose_ports(const struct relay_spec *spec, uint8_t protocol,
			     uint8_t fit[DRIVE_PORTS_BYTES])
{
	uint32_t count = 0;

	drive_ports_fit(fit, protocol);
	for (uint32_t port = 1; port <= UINT16_MAX; port++) {
		if (relay_spec_excepts(spec, (uint16_t)port))
			fit[port / 8] &= (uint8_t) ~(1u << port % 8);
		count += fit[port / 8] >> port % 8 & 1;
	}
	return count;
}

/* Refuses before anything is bound where there will not be descriptors enough. */
static int check_limit(struct relay_publish *list, uint32_t sockets)
{
	uint32_t needed = sockets + KEPT + (uint32_t)list->socket_count;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max >= needed)
		return 0;
	list->failure.needed = needed;
	list->failure.allowed = (uint32_t)limit.rlim_max;
	return -EMFILE;
}

/* ---- specs ---- */

static int open_all(struct relay_publish *list, struct order *o)
{
	uint8_t fit[2][DRIVE_PORTS_BYTES];
	uint32_t count = 0;
	int result;

	if (o->spec->protocols & RELAY_TCP)
		count += choose_ports(o->spec, MINATO_TCP, fit[0]);
	if (o->spec->protocols & RELAY_UDP)
		count += choose_ports(o->spec, MINATO_UDP, fit[1]);
	result = check_limit(list, count);
	o->fit = fit;
	for (uint32_t port = 1; port <= UINT16_MAX && result == 0; port++) {
		o->port = (uint16_t)port;
		result = open_port(list, o);
	}
	o->fit = NULL;
	return result;
}

static int open_spec(struct relay_publish *list, struct order *o)
{
	int result = 0;

	o->port = o->spec->first;
	if (lacks_family(o->spec, o->has4, o->has6))
		return -EAFNOSUPPORT;
	if (o->spec->sort == RELAY_ALL)
		return open_all(list, o);
	for (uint32_t port = o->spec->first; port <= o->spec->last && result == 0; port++) {
		o->port = (uint16_t)port;
		result = open_port(list, o);
	}
	return result;
}

static void close_sockets(struct relay_publish *list)
{
	for (size_t i = 0; i < list->socket_count; i++)
		publish_close(&list->sockets[i]);
	free(list->sockets);
	list->sockets = NULL;
	list->socket_count = 0;
	list->socket_room = 0;
	for (size_t i = 0; i < list->spec_count; i++)
		list->specs[i].socket_count = 0;
}

/* The specs of one sort. */
static int open_sort(struct relay_publish *list, enum relay_sort sort, bool has4, bool has6)
{
	struct order o = { .has4 = has4, .has6 = has6 };
	int result = 0;

	for (size_t i = 0; i < list->spec_count && result == 0; i++) {
		struct relay_spec *spec = &list->specs[i];

		if (spec->sort != sort)
			continue;
		o.spec = spec;
		spec->socket_first = list->socket_count;
		result = open_spec(list, &o);
		spec->socket_count = list->socket_count - spec->socket_first;
		list->failure.spec = i;
		list->failure.port = o.port;
		list->failure.protocol = o.protocol;
		list->failure.errnum = -result;
	}
	return result;
}

/* unsealed: socket setsockopt bind close prlimit64 readlink getuid */
int relay_publish_open(struct relay_publish *list, bool has4, bool has6, struct drive_error *error)
{
	struct rlimit before;
	bool raised = raise_limit(&before) == 0;
	int result;

	list->failure = (struct relay_failure){ 0 };
	result = open_sort(list, RELAY_PORTS, has4, has6);
	if (result == 0)
		result = open_sort(list, RELAY_ALL, has4, has6);
	if (raised)
		setrlimit(RLIMIT_NOFILE, &before);
	if (result == 0)
		return 0;
	close_sockets(list);
	return error ? relay_publish_explain(list, &list->failure, has4, has6, error) : result;
}

int relay_publish_fd(const struct relay_publish *list, size_t i)
{
	return list->sockets[i].fd;
}

void relay_publish_free(struct relay_publish *list)
{
	close_sockets(list);
	free(list->specs);
	memset(list, 0, sizeof(*list));
}
