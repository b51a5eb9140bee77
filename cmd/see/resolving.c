/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of hosts within a bounded time. The resolver of libc may wait for a dead server for half a
 * minute per name, and nothing can interrupt it; so children ask, several at once, and are ended
 * when the time is up. What they have found until then is kept, and so is that nothing was found.
 */
#include "cmd/see/ss.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN_MAX 8
#define NAMES_MS 2000
/* So long a listing may wait for servers that do not answer; then nobody asks for a while. */
#define PATIENCE_MS 4000
#define PAUSE_MS 60000
#define ADDRESSES_MS 5000
#define NS_PER_MS 1000000

/* What a child says: short enough that a pipe takes each whole. */
struct answer {
	uint32_t index;
	char name[256];
};

struct host {
	struct minato_addr addr;
	bool asked;
	char *name; /* NULL: none, or not known yet */
};

struct cmd_resolver {
	struct host *list;
	size_t count, room;
	size_t sorted;		  /* of the list, that many are in order, each once */
	int64_t waited_ms;	  /* for nothing */
	struct minato_time pause; /* until then nobody asks */
};

struct cmd_resolver *cmd_resolver_open(void)
{
	return calloc(1, sizeof(struct cmd_resolver));
}

void cmd_resolver_close(struct cmd_resolver *resolver)
{
	for (size_t i = 0; resolver && i < resolver->count; i++)
		free(resolver->list[i].name);
	if (resolver)
		free(resolver->list);
	free(resolver);
}

/* Among equal ones, that which was asked first. */
static int compare(const void *a, const void *b)
{
	const struct host *x = a;
	const struct host *y = b;
	int order = memcmp(&x->addr, &y->addr, sizeof(x->addr));

	return order ? order : y->asked - x->asked;
}

static const struct host *find(const struct cmd_resolver *resolver, const struct minato_addr *addr)
{
	size_t low = 0;
	size_t high = resolver->sorted;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = memcmp(addr, &resolver->list[middle].addr, sizeof(*addr));

		if (!order)
			return &resolver->list[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static void add(struct cmd_resolver *resolver, const struct view_end *end)
{
	bool single = end->prefix == 128 && !minato_addr_is_any(&end->addr);

	if (!single || find(resolver, &end->addr))
		return;
	if (resolver->count == resolver->room) {
		size_t room = resolver->room ? resolver->room * 2 : 64;
		struct host *list = realloc(resolver->list, room * sizeof(*list));

		if (!list)
			return;
		resolver->list = list;
		resolver->room = room;
	}
	resolver->list[resolver->count++] = (struct host){ .addr = end->addr };
}

static void sort(struct cmd_resolver *resolver)
{
	size_t kept = 0;

	if (resolver->count)
		qsort(resolver->list, resolver->count, sizeof(*resolver->list), compare);
	for (size_t i = 0; i < resolver->count; i++) {
		if (kept &&
		    minato_addr_equal(&resolver->list[kept - 1].addr, &resolver->list[i].addr))
			continue;
		resolver->list[kept++] = resolver->list[i];
	}
	resolver->count = kept;
	resolver->sorted = kept;
}

static bool ask(const struct minato_addr *addr, char *name, size_t size)
{
	struct minato_endpoint end = { *addr, 0 };
	struct sockaddr_storage address;
	socklen_t length = drive_endpoint_to(&address, &end);

	return !getnameinfo((struct sockaddr *)&address, length, name, (socklen_t)size, NULL, 0,
			    NI_NAMEREQD);
}

/* A child: every `step`th of those that nobody has asked for. */
static void ask_share(const struct cmd_resolver *resolver, size_t first, size_t step, int fd)
{
	size_t seen = 0;

	for (size_t i = 0; i < resolver->count; i++) {
		struct answer answer = { .index = (uint32_t)i };

		if (resolver->list[i].asked || seen++ % step != first)
			continue;
		if (ask(&resolver->list[i].addr, answer.name, sizeof(answer.name)) &&
		    write(fd, &answer, sizeof(answer)) != sizeof(answer))
			return;
	}
}

/* Reads until the time is up or all writers have gone; false when there is no more. */
static bool read_before(int fd, void *out, size_t size, struct minato_time deadline)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	int64_t left_ms = (deadline.ns - drive_now().ns) / NS_PER_MS;
	int ready;

	do
		ready = poll(&wait, 1, left_ms > 0 ? (int)left_ms : 0);
	while (ready < 0 && errno == EINTR);
	return ready == 1 && read(fd, out, size) == (ssize_t)size;
}

static void take_answers(struct cmd_resolver *resolver, int fd, struct minato_time deadline)
{
	struct answer answer;

	while (read_before(fd, &answer, sizeof(answer), deadline)) {
		if (answer.index >= resolver->count || resolver->list[answer.index].name)
			continue;
		answer.name[sizeof(answer.name) - 1] = 0;
		resolver->list[answer.index].name = strdup(answer.name);
	}
}

static struct minato_time after_ms(int64_t ms)
{
	return (struct minato_time){ drive_now().ns + ms * NS_PER_MS };
}

static pid_t start_child(const int ends[2])
{
	pid_t child = fork();

	if (!child) {
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		signal(SIGPIPE, SIG_DFL);
		close(ends[0]);
	}
	return child;
}

static void end_child(pid_t child)
{
	if (child <= 0)
		return;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* Counts the time that has passed without all being answered. */
static void lose_patience(struct cmd_resolver *resolver, struct minato_time begun,
			  struct minato_time deadline)
{
	struct minato_time now = drive_now();

	if (now.ns < deadline.ns)
		return;
	resolver->waited_ms += (now.ns - begun.ns) / NS_PER_MS;
	if (resolver->waited_ms >= PATIENCE_MS) {
		resolver->waited_ms = 0;
		resolver->pause = after_ms(PAUSE_MS);
	}
}

static void ask_all(struct cmd_resolver *resolver, size_t unasked)
{
	size_t count = unasked < CHILDREN_MAX ? unasked : CHILDREN_MAX;
	struct minato_time begun = drive_now();
	struct minato_time deadline = after_ms(NAMES_MS);
	pid_t children[CHILDREN_MAX];
	int ends[2];

	if (pipe(ends) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		children[i] = start_child(ends);
		if (!children[i]) {
			ask_share(resolver, i, count, ends[1]);
			_exit(0);
		}
	}
	close(ends[1]);
	take_answers(resolver, ends[0], deadline);
	close(ends[0]);
	for (size_t i = 0; i < count; i++)
		end_child(children[i]);
	lose_patience(resolver, begun, deadline);
}

void cmd_resolver_learn(struct cmd_resolver *resolver, const struct view_row *rows, size_t count)
{
	size_t unasked = 0;

	for (size_t i = 0; i < count; i++) {
		add(resolver, &rows[i].local);
		add(resolver, &rows[i].peer);
	}
	sort(resolver);
	for (size_t i = 0; i < resolver->count; i++)
		unasked += !resolver->list[i].asked;
	if (drive_now().ns < resolver->pause.ns)
		return;
	if (unasked)
		ask_all(resolver, unasked);
	for (size_t i = 0; i < resolver->count; i++)
		resolver->list[i].asked = true;
}

const char *cmd_resolver_name(void *user, const struct minato_addr *addr)
{
	const struct host *host = find(user, addr);

	return host ? host->name : NULL;
}

/* ---- the other way round ---- */

static void send_addresses(const char *name, uint8_t family, int fd)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	struct minato_endpoint end;

	hints.ai_family = family == 4 ? AF_INET : family == 6 ? AF_INET6 : AF_UNSPEC;
	if (getaddrinfo(name, NULL, &hints, &list))
		return;
	for (const struct addrinfo *at = list; at; at = at->ai_next) {
		if (drive_endpoint_from(&end, at->ai_addr) &&
		    write(fd, &end.addr, sizeof(end.addr)) != sizeof(end.addr))
			break;
	}
	freeaddrinfo(list);
}

int cmd_resolve_name(const char *name, uint8_t family, struct minato_addr *addrs, int size)
{
	struct minato_time deadline = after_ms(ADDRESSES_MS);
	int count = 0;
	int ends[2];
	pid_t child;

	if (pipe(ends) < 0)
		return -errno;
	child = start_child(ends);
	if (!child) {
		send_addresses(name, family, ends[1]);
		_exit(0);
	}
	close(ends[1]);
	while (count < size && read_before(ends[0], &addrs[count], sizeof(*addrs), deadline))
		count++;
	close(ends[0]);
	end_child(child);
	if (count)
		return count;
	return drive_now().ns < deadline.ns ? -ENOENT : -ETIMEDOUT;
}
