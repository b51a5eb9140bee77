/* SPDX-License-Identifier: BSD-2-Clause */
/* Pairs of sockets of the kernel, over a loopback of their own. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "model/pairs.h"

#define OTHER_UID 4711
#define SERVICE 9 /* where the first one connects to */
#define FIRST_PORT 100
#define LAST_PORT 60000

static uint16_t port = FIRST_PORT;
static int services[2];
static int kept = -1; /* the other end of the first's connection */

/* ---- the world ---- */

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

static bool loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up;

	request.ifr_flags = IFF_UP | IFF_RUNNING;
	up = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
	close(fd);
	return up;
}

struct ends {
	struct sockaddr_storage name;
	socklen_t size;
};

static struct ends end_of(const char *text, uint16_t number)
{
	struct ends e = { .size = 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&e.name;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&e.name;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(number);
		e.size = sizeof(*v4);
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(number);
		e.size = sizeof(*v6);
	}
	return e;
}

static void set(int fd, int level, int name, int value)
{
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static int serve(const char *text)
{
	struct ends e = end_of(text, SERVICE);
	int fd = socket(e.name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&e.name, e.size) < 0 || listen(fd, 4096) < 0)
		return -1;
	return fd;
}

bool linux_world(void)
{
	if (unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	/* Not from where the trials are. */
	if (!loopback_up() ||
	    !write_file("/proc/sys/net/ipv4/ip_local_port_range", "60001 65535") ||
	    !write_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0"))
		return false;
	services[0] = serve("127.0.0.1");
	services[1] = serve("::1");
	return services[0] >= 0 && services[1] >= 0;
}

/* ---- one socket ---- */

static const char *const texts[PLACES] = {
	[A4] = "127.0.0.1", [ANY4] = "0.0.0.0",	  [A6] = "::1",
	[ANY6] = "::",	    [ONLY6] = "::",	  [B4] = "127.0.0.2",
	[B6] = "fd00::2",   [MAPPED4] = "::ffff:127.0.0.1",
};

static bool speaks4(enum place place)
{
	return place == A4 || place == ANY4;
}

static int open_socket(enum minato_proto proto, enum place place, int options)
{
	struct ends e = end_of(texts[place], 0);
	int type = proto == MINATO_TCP ? SOCK_STREAM : SOCK_DGRAM;
	int fd = socket(e.name.ss_family, type | SOCK_CLOEXEC, 0);

	set(fd, SOL_SOCKET, SO_REUSEADDR, (options & REUSEADDR) != 0);
	set(fd, SOL_SOCKET, SO_REUSEPORT, (options & REUSEPORT) != 0);
	if (e.name.ss_family == AF_INET6) {
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, place == ONLY6);
		set(fd, IPPROTO_IPV6, IPV6_FREEBIND, place == B6);
	}
	return fd;
}

static int bind_to(int fd, enum place place)
{
	struct ends e = end_of(texts[place], port);

	return bind(fd, (struct sockaddr *)&e.name, e.size);
}

static void close_hard(int fd)
{
	const struct linger off = { 1, 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
	close(fd);
}

/* ---- the first ---- */

static int connect_to(int fd, bool four, uint16_t number)
{
	struct ends e = end_of(four ? "127.0.0.1" : "::1", number);

	return connect(fd, (struct sockaddr *)&e.name, e.size);
}

static bool accept_one(int *first, enum place place, bool to_end)
{
	int client = socket(speaks4(place) ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int child;
	char byte;

	if (listen(*first, 1) < 0 || connect_to(client, speaks4(place), port) < 0)
		return false;
	child = accept4(*first, NULL, NULL, SOCK_CLOEXEC);
	close(*first);
	*first = child;
	if (!to_end) {
		kept = client;
		return child >= 0;
	}
	close(child);
	*first = -1;
	if (recv(client, &byte, 1, 0) != 0)
		return false;
	close(client);
	return true;
}

/* Leaves the first standing, and in *first what is to be closed; -1: nothing. */
static bool stand(int *first, const struct pair_of_sockets *pair)
{
	*first = open_socket(pair->proto, pair->first, pair->first_options);
	if (*first < 0 || bind_to(*first, pair->first) < 0)
		return false;
	switch (pair->standing) {
	case BOUND:
		return true;
	case CONNECTED:
		if (connect_to(*first, speaks4(pair->first), SERVICE) < 0)
			return false;
		if (pair->proto == MINATO_TCP)
			kept = accept4(services[speaks4(pair->first) ? 0 : 1], NULL, NULL,
				       SOCK_CLOEXEC);
		return true;
	case LISTENING:
		return listen(*first, 1) == 0;
	case ACCEPTED:
		return accept_one(first, pair->first, false);
	case TIME_WAIT:
		return accept_one(first, pair->first, true);
	case STANDINGS:
		break;
	}
	return false;
}

/* ---- the second ---- */

static enum outcome try_second(const struct pair_of_sockets *pair)
{
	enum outcome outcome = NEITHER_FAILS;
	int fd;

	if (pair->other_user) {
		setfsuid(OTHER_UID);
		if (setfsuid(OTHER_UID) != OTHER_UID)
			return UNTRIED;
	}
	fd = open_socket(pair->second_proto, pair->second, pair->second_options);
	setfsuid(geteuid());
	if (bind_to(fd, pair->second) < 0)
		outcome = errno == EADDRINUSE ? BIND_FAILS : BROKEN;
	else if (pair->second_proto == MINATO_TCP && listen(fd, 1) < 0)
		outcome = errno == EADDRINUSE ? LISTEN_FAILS : BROKEN;
	close(fd);
	return outcome;
}

enum outcome linux_try(const struct pair_of_sockets *pair)
{
	enum outcome outcome = BROKEN;
	int first = -1;

	if (port < LAST_PORT && stand(&first, pair))
		outcome = try_second(pair);
	if (first >= 0)
		close_hard(first);
	if (kept >= 0)
		close_hard(kept);
	kept = -1;
	port++;
	return outcome;
}
