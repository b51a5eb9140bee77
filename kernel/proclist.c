/* SPDX-License-Identifier: BSD-2-Clause */
/* A kernel's sockets as /proc lists them, for namespaces that the caller may not enter. */
#include "kernel/kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATE_NEW_SYN_RECV 12

enum minato_state kernel_state(unsigned number)
{
	if (number >= MINATO_ESTABLISHED && number <= MINATO_CLOSING)
		return (enum minato_state)number;
	return number == STATE_NEW_SYN_RECV ? MINATO_SYN_RECEIVED : MINATO_CLOSED;
}

/* Addresses are 32-bit words of the machine's own order, in hexadecimal. */
static int parse_address(struct minato_addr *addr, bool *is6, const char *text)
{
	size_t digits = strspn(text, "0123456789ABCDEF");
	uint32_t words[4] = { 0, 0, 0, 0 };
	char one[9];

	if ((digits != 8 && digits != 32) || text[digits] != ':')
		return -EINVAL;
	for (size_t i = 0; i < digits / 8; i++) {
		memcpy(one, text + i * 8, 8);
		one[8] = 0;
		words[i] = (uint32_t)strtoul(one, NULL, 16);
	}
	*is6 = digits == 32;
	if (*is6) {
		memcpy(addr->bytes, words, sizeof(words));
	} else {
		*addr = minato_addr4(0, 0, 0, 0);
		memcpy(addr->bytes + 12, words, sizeof(words[0]));
	}
	return 0;
}

static int parse_end(struct minato_endpoint *end, bool *is6, const char *text)
{
	if (parse_address(&end->addr, is6, text))
		return -EINVAL;
	end->port = (uint16_t)strtoul(strchr(text, ':') + 1, NULL, 16);
	return 0;
}

int kernel_line_read(struct kernel_socket *socket, const char *line, uint8_t proto)
{
	char local[48];
	char remote[48];
	unsigned state, send_queue, recv_queue, uid, inode, timer, retransmits;
	unsigned long ticks;
	bool local_is6;
	int fields = sscanf(line, " %*u: %47s %47s %2x %8x:%8x %2x:%8lx %8x %u %*d %u", local,
			    remote, &state, &send_queue, &recv_queue, &timer, &ticks, &retransmits,
			    &uid, &inode);

	*socket = (struct kernel_socket){ .proto = proto };
	if (fields != 10 || !state)
		return -EINVAL;
	if (parse_end(&socket->local, &local_is6, local) ||
	    parse_end(&socket->remote, &socket->is6, remote) || local_is6 != socket->is6)
		return -EINVAL;
	socket->state = kernel_state(state);
	socket->send_queue = send_queue;
	socket->recv_queue = recv_queue;
	socket->uid = uid;
	socket->inode = inode;
	socket->timer = timer < KERNEL_TIMER_UNKNOWN ? (enum kernel_timer)timer :
						       KERNEL_TIMER_UNKNOWN;
	socket->timer_ms = (uint32_t)(ticks * 1000 / (unsigned long)sysconf(_SC_CLK_TCK));
	socket->retransmits = (uint8_t)retransmits;
	return 0;
}

static bool wanted(const struct kernel_query *query, const struct kernel_socket *socket)
{
	if (query->only4 != query->only6 && query->only6 != socket->is6)
		return false;
	if (query->states && !(query->states & KERNEL_STATE(socket->state)))
		return false;
	return !query->port || query->port == socket->local.port;
}

struct listing {
	const struct kernel_query *query;
	int (*each)(void *user, const struct kernel_socket *socket);
	void *user;
};

static int read_file(const struct listing *listing, const char *name, uint8_t proto)
{
	struct kernel_socket socket;
	char line[512];
	char path[64];
	FILE *file;
	int result = 0;

	if (listing->query->process)
		(void)snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)listing->query->process,
			       name);
	else
		(void)snprintf(path, sizeof(path), "/proc/self/net/%s", name);
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (!result && fgets(line, sizeof(line), file)) {
		if (kernel_line_read(&socket, line, proto) == 0 && wanted(listing->query, &socket))
			result = listing->each(listing->user, &socket);
	}
	(void)fclose(file);
	return result;
}

int kernel_list(const struct kernel_query *query,
		int (*each)(void *user, const struct kernel_socket *socket), void *user)
{
	const struct listing listing = { query, each, user };
	int result = 0;

	if (query->udp || !query->tcp)
		result = read_file(&listing, "udp", MINATO_UDP);
	if (!result && (query->udp || !query->tcp))
		result = read_file(&listing, "udp6", MINATO_UDP);
	if (!result && (query->tcp || !query->udp))
		result = read_file(&listing, "tcp", MINATO_TCP);
	if (!result && (query->tcp || !query->udp))
		result = read_file(&listing, "tcp6", MINATO_TCP);
	return result;
}
