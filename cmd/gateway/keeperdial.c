/* SPDX-License-Identifier: BSD-2-Clause */
/* The keeper connects to UNIX sockets of the host: a worker's root is empty. */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Whether a forward that stands, or is about to, leads to that socket. */
static bool leads_to(const struct gateway_rules *rules, const char *path)
{
	for (size_t i = 0; i < rules->conf.count; i++) {
		const struct conf_statement *one = rules->conf.list[i];

		if (one->kind == CONF_KIND_FORWARD && one->forward.to == CONF_TO_SOCKET &&
		    !strcmp(one->forward.path, path))
			return true;
	}
	return false;
}

/* Never waits: a socket whose backlog is full is as good as none. */
static int dial(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int result;

	if (fd < 0)
		return -errno;
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	result = -errno;
	close(fd);
	return result;
}

int gateway_keeper_dial(struct gateway_keeper *keeper, const struct cmd_message *message)
{
	struct cmd_message answer = { .kind = GATEWAY_TELL_DIALLED };
	char path[CONF_PATH_SIZE];
	int result;
	int fd;

	(void)snprintf(path, sizeof(path), "%.*s", (int)sizeof(path) - 1, message->text.text);
	/* A forward may have been taken away since the worker asked. */
	fd = leads_to(&keeper->standing, path) || leads_to(&keeper->pending.standing, path) ?
		     dial(path) :
		     -ENOENT;
	answer.number = fd < 0 ? fd : 0;
	result = cmd_channel_send(keeper->harbour.hand.channel, &answer, &fd, fd >= 0);
	if (fd >= 0)
		close(fd);
	return result;
}
