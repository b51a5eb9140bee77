/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a service manager gives and wants to hear: sd_listen_fds(3), sd_notify(3) and its store of
 * descriptors. The protocols are environment variables and one datagram each.
 */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define US_MAX UINT64_C(3155760000000000)

/* ---- descriptors that were passed ---- */

static bool read_number(const char *name, uint64_t *out)
{
	const char *text = getenv(name);
	char *end;

	if (!text || !*text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return !errno && !*end;
}

/* The i-th of the names between colons; "unknown" where there is none, as sd_listen_fds has it. */
static void name_of(const char *names, size_t i, char *out, size_t size)
{
	while (names && i > 0) {
		names = strchr(names, ':');
		names = names ? names + 1 : NULL;
		i--;
	}
	if (names)
		(void)snprintf(out, size, "%.*s", (int)strcspn(names, ":"), names);
	else
		(void)snprintf(out, size, "unknown");
}

size_t gateway_passed_take(struct gateway_passed *list, size_t room)
{
	uint64_t pid;
	uint64_t count;
	size_t taken = 0;

	if (!read_number("LISTEN_PID", &pid) || pid != (uint64_t)getpid() ||
	    !read_number("LISTEN_FDS", &count) || count > INT_MAX - FIRST_FD)
		count = 0;
	/* What there is no room for is not left to what we start, either. */
	if (count > room)
		(void)close_range((unsigned)(FIRST_FD + room), (unsigned)(FIRST_FD + count - 1),
				  CLOSE_RANGE_CLOEXEC);
	for (size_t i = 0; i < count && i < room; i++) {
		int fd = FIRST_FD + (int)i;

		/* A number that is no descriptor is nobody's fault but the caller's. */
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
			continue;
		list[taken].fd = fd;
		name_of(getenv("LISTEN_FDNAMES"), i, list[taken].name, sizeof(list[taken].name));
		taken++;
	}
	/* What we start is not meant. */
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	return taken;
}

/* ---- what is told ---- */

void gateway_notify_begin(struct gateway_notify *notify)
{
	const char *path = getenv("NOTIFY_SOCKET");
	uint64_t pid;
	uint64_t us;

	*notify = (struct gateway_notify){ .fd = -1 };
	if (path && (*path == '/' || *path == '@') && path[1] &&
	    strlen(path) < sizeof(notify->to.sun_path)) {
		notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		notify->to.sun_family = AF_UNIX;
		memcpy(notify->to.sun_path, path, strlen(path));
		notify->to_size =
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
		/* An abstract name. */
		if (*path == '@')
			notify->to.sun_path[0] = 0;
		else
			notify->to_size++;
	}
	/* A hundred years are as good as never. */
	if (notify->fd >= 0 && read_number("WATCHDOG_USEC", &us) && us > 0 && us < US_MAX &&
	    (!read_number("WATCHDOG_PID", &pid) || pid == (uint64_t)getpid()))
		notify->watchdog_ns = (int64_t)(us * 1000 / 2);
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

void gateway_notify_end(struct gateway_notify *notify)
{
	if (notify->fd >= 0)
		close(notify->fd);
	notify->fd = -1;
}

union ancillary {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

int gateway_notify_with(const struct gateway_notify *notify, const char *text, int fd)
{
	struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };
	union ancillary ancillary = { { 0 } };
	struct msghdr out = {
		.msg_name = (void *)(uintptr_t)&notify->to,
		.msg_namelen = notify->to_size,
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};

	if (notify->fd < 0)
		return -ENOTCONN;
	if (fd >= 0) {
		struct cmsghdr *header;

		out.msg_control = ancillary.bytes;
		out.msg_controllen = sizeof(ancillary.bytes);
		header = CMSG_FIRSTHDR(&out);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(int));
	}
	return sendmsg(notify->fd, &out, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int gateway_notify(const struct gateway_notify *notify, const char *text)
{
	return gateway_notify_with(notify, text, -1);
}

struct minato_time gateway_notify_turn(struct gateway_notify *notify, struct minato_time now)
{
	if (!notify->watchdog_ns)
		return MINATO_NEVER;
	if (now.ns >= notify->next.ns) {
		(void)gateway_notify(notify, "WATCHDOG=1");
		notify->next.ns = now.ns + notify->watchdog_ns;
	}
	return notify->next;
}
