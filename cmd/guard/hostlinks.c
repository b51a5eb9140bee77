/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's public addresses and networks, to which no name leads, told to each worker. */
#include "cmd/cmd.h"

#include <sys/epoll.h>
#include <unistd.h>

#define ADDRESSES_MAX 1024u

static bool is_wanted(const struct cmd_harbour *harbour)
{
	return harbour->closed && !harbour->allows.private;
}

int cmd_hostlinks_tell(struct cmd_harbour *harbour)
{
	struct drive_hostaddr own[ADDRESSES_MAX];
	struct cmd_message message = { .kind = CMD_TELL_NEAR };
	size_t found;
	int count;

	if (!is_wanted(harbour) || harbour->hand.channel < 0)
		return 0;
	count = drive_hostaddr_read(own, ADDRESSES_MAX);
	if (count < 0)
		return count;
	found = (size_t)count < ADDRESSES_MAX ? (size_t)count : ADDRESSES_MAX;
	found = relay_near_of(own, found, message.near.list, RELAY_NEAR_MAX);
	if (!harbour->hostlinks.full && (found > RELAY_NEAR_MAX || count > (int)ADDRESSES_MAX))
		cmd_say("this host has more networks than are kept away from names: some of its "
			"own addresses may be led to");
	harbour->hostlinks.full |= found > RELAY_NEAR_MAX || count > (int)ADDRESSES_MAX;
	message.near.count = (uint32_t)(found < RELAY_NEAR_MAX ? found : RELAY_NEAR_MAX);
	return cmd_channel_send(harbour->hand.channel, &message, NULL, 0);
}

static void have_changed(void *user, uint32_t events)
{
	struct cmd_harbour *harbour = user;
	int changed = drive_hostaddr_drain(harbour->hostlinks.fd);

	(void)events;
	/* A worker that has no room for it hears of it when it asks next. */
	if (changed > 0)
		harbour->hostlinks.untold = cmd_hostlinks_tell(harbour) < 0;
	if (changed < 0)
		drive_loop_remove(harbour->loop, harbour->hostlinks.watch);
}

void cmd_hostlinks_again(struct cmd_harbour *harbour)
{
	if (harbour->hostlinks.untold)
		harbour->hostlinks.untold = cmd_hostlinks_tell(harbour) < 0;
}

int cmd_hostlinks_watch(struct cmd_harbour *harbour)
{
	struct cmd_hostlinks *links = &harbour->hostlinks;

	if (!is_wanted(harbour))
		return 0;
	links->fd = drive_hostaddr_watch();
	if (links->fd < 0)
		return links->fd;
	links->watch = drive_loop_add(harbour->loop, links->fd, EPOLLIN, have_changed, harbour);
	return links->watch < 0 ? (int)links->watch : 0;
}

void cmd_hostlinks_close(struct cmd_harbour *harbour)
{
	if (harbour->hostlinks.fd > 0)
		close(harbour->hostlinks.fd);
	harbour->hostlinks.fd = 0;
}
