/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections of the guest whose other end died with a worker. The guest would learn of it only
 * when it sends something, which an idle connection never does. The keeper, which sees the guest's
 * sockets in /proc, lists them for the next worker; that one challenges each, as RFC 9293 3.5.1 has
 * half-open connections found: the guest's kernel answers, and the answer is reset.
 */
#include "cmd/cmd.h"
#include "kernel/kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
#define ORPHANS_MAX 65536u
/* Fewer than the host value may send resets. */
#define CHALLENGES 64u
#define CHALLENGE_NS (100 * NS_PER_MS)
/* A challenge or its answer may be lost, so all is done twice, with this between. */
#define AGAIN_NS (1000 * NS_PER_MS)

/* As a socket of the guest has them. */
struct orphan {
	struct minato_endpoint local, remote;
};

/* ---- the keeper ---- */

/* States in which the other end has something to answer. */
#define STANDING                                                                                   \
	(KERNEL_STATE(MINATO_ESTABLISHED) | KERNEL_STATE(MINATO_FIN_WAIT_1) |                      \
	 KERNEL_STATE(MINATO_FIN_WAIT_2) | KERNEL_STATE(MINATO_CLOSE_WAIT) |                       \
	 KERNEL_STATE(MINATO_LAST_ACK) | KERNEL_STATE(MINATO_CLOSING))

struct orphans {
	struct orphan *list;
	size_t count;
};

/* Not those that the guest has with itself. */
static int add_orphan(void *user, const struct kernel_socket *socket)
{
	struct orphans *orphans = user;

	if (orphans->count < ORPHANS_MAX && !drive_addr_is_inner(&socket->remote.addr) &&
	    !minato_addr_equal(&socket->local.addr, &socket->remote.addr))
		orphans->list[orphans->count++] = (struct orphan){ socket->local, socket->remote };
	return 0;
}

/* The list as a file without name; its descriptor, or negative errno. */
/* unsealed: memfd_create write lseek */
static int write_list(const struct orphan *orphans, size_t count)
{
	ssize_t size = (ssize_t)(count * sizeof(*orphans));
	int fd = memfd_create("minato-orphans", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (write(fd, orphans, (size_t)size) == size && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	close(fd);
	return -EIO;
}

static int send_list(struct cmd_harbour *harbour, const struct orphans *orphans)
{
	const struct cmd_message message = { .kind = CMD_TELL_ORPHANS };
	int fd = orphans->count ? write_list(orphans->list, orphans->count) : -ENOENT;

	if (fd < 0)
		return 0;
	(void)cmd_channel_send(harbour->hand.channel, &message, &fd, 1);
	close(fd);
	return (int)orphans->count;
}

struct minato_time cmd_orphans_tell(struct cmd_harbour *harbour)
{
	const struct kernel_query query = { .process = cmd_harbour_entrance(harbour),
					    .tcp = true,
					    .states = STANDING };
	struct orphans orphans = { calloc(ORPHANS_MAX, sizeof(*orphans.list)), 0 };
	struct minato_time again = MINATO_NEVER;
	int count = 0;

	if (orphans.list && kernel_list(&query, add_orphan, &orphans) == 0)
		count = send_list(harbour, &orphans);
	free(orphans.list);
	if (count)
		again.ns = drive_loop_now(harbour->loop).ns + AGAIN_NS +
			   count / (int)CHALLENGES * CHALLENGE_NS;
	return again;
}

/* ---- the worker ---- */

void cmd_orphans_take(struct cmd_orphans *orphans, int fd)
{
	if (orphans->fd >= 0)
		close(orphans->fd);
	orphans->fd = fd;
	orphans->next = (struct minato_time){ 0 };
}

/* syscalls: read close */
struct minato_time cmd_orphans_turn(struct cmd_orphans *orphans, struct minato *host, uint8_t scope,
				    struct minato_time now)
{
	struct orphan some[CHALLENGES];
	ssize_t got;

	if (orphans->fd < 0)
		return MINATO_NEVER;
	if (now.ns < orphans->next.ns)
		return orphans->next;
	got = read(orphans->fd, some, sizeof(some));
	for (size_t i = 0; got > 0 && i < (size_t)got / sizeof(some[0]); i++)
		(void)minato_challenge(host, scope, &some[i].remote, &some[i].local);
	orphans->next.ns = now.ns + CHALLENGE_NS;
	if (got == (ssize_t)sizeof(some))
		return orphans->next;
	close(orphans->fd);
	orphans->fd = -1;
	return MINATO_NEVER;
}
