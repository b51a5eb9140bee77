/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's addresses and networks, as they are now: the public ones, to which no name leads, and
 * what lan is to the rules. Told to each worker.
 */
#include "cmd/cmd.h"

#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define ADDRESSES_MAX 1024u
/* A worker that has no room for it hears of it so much later. */
#define AGAIN_NS (INT64_C(50) * 1000000)

static bool is_kept_from_names(const struct cmd_harbour *harbour)
{
	return harbour->closed && !harbour->allows.private;
}

static int tell_near(struct cmd_harbour *harbour)
{
	struct drive_hostaddr own[ADDRESSES_MAX];
	struct cmd_message message = { .kind = CMD_TELL_NEAR };
	size_t found;
	int count;

	if (!is_kept_from_names(harbour))
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

static int tell_own(struct cmd_harbour *harbour)
{
	const struct cmd_ruling *ruling = &harbour->ruling;
	struct cmd_message message = { .kind = CMD_TELL_OWN };

	message.near.count = (uint32_t)ruling->own_count;
	memcpy(message.near.list, ruling->own, ruling->own_count * sizeof(ruling->own[0]));
	return cmd_channel_send(harbour->hand.channel, &message, NULL, 0);
}

static int tell_lan(struct cmd_harbour *harbour)
{
	const struct cmd_ruling *ruling = &harbour->ruling;
	struct cmd_message message = { .kind = CMD_TELL_LAN, .number = relay_screen_works() };

	_Static_assert(CMD_LAN_MAX <= RELAY_NEAR_MAX, "it fits into a message");
	message.near.count = (uint32_t)ruling->lan_count;
	memcpy(message.near.list, ruling->lan, ruling->lan_count * sizeof(ruling->lan[0]));
	return cmd_channel_send(harbour->hand.channel, &message, NULL, 0);
}

int cmd_hostlinks_tell(struct cmd_harbour *harbour)
{
	int result;

	if (harbour->trade || harbour->hand.channel < 0)
		return 0;
	result = tell_near(harbour);
	if (result >= 0)
		result = tell_own(harbour);
	return result < 0 ? result : tell_lan(harbour);
}

static void tell(struct cmd_harbour *harbour)
{
	struct cmd_hostlinks *links = &harbour->hostlinks;

	links->untold = cmd_hostlinks_tell(harbour) < 0;
	links->again.ns = drive_now().ns + AGAIN_NS;
}

static void look_around(struct cmd_harbour *harbour)
{
	const struct relay_devices before = harbour->ruling.devices;
	char text[CMD_ANEW_TEXT];

	/* The sockets of published ports are ours too: their filters know lan by its prefixes. */
	if (cmd_ruling_look_around(&harbour->ruling))
		cmd_ruling_screen(harbour, &harbour->publish, true);
	if (cmd_ruling_outgrown(harbour, text, sizeof(text)))
		cmd_say("%s", text);
	cmd_ruling_devices(harbour, &before);
	tell(harbour);
}

static void have_changed(void *user, uint32_t events)
{
	struct cmd_harbour *harbour = user;
	int changed = drive_hostaddr_drain(harbour->hostlinks.fd);

	(void)events;
	if (changed > 0)
		look_around(harbour);
	if (changed < 0)
		drive_loop_remove(harbour->loop, harbour->hostlinks.watch);
}

struct minato_time cmd_hostlinks_turn(struct cmd_harbour *harbour, struct minato_time now)
{
	struct cmd_hostlinks *links = &harbour->hostlinks;

	if (links->untold && now.ns >= links->again.ns)
		tell(harbour);
	return links->untold ? links->again : MINATO_NEVER;
}

int cmd_hostlinks_watch(struct cmd_harbour *harbour)
{
	struct cmd_hostlinks *links = &harbour->hostlinks;

	links->fd = drive_hostaddr_watch();
	if (links->fd < 0)
		return links->fd;
	links->watch = drive_loop_add(harbour->loop, links->fd, EPOLLIN, have_changed, harbour);
	/* What has changed since the guest was planned. */
	look_around(harbour);
	return links->watch < 0 ? (int)links->watch : 0;
}

void cmd_hostlinks_close(struct cmd_harbour *harbour)
{
	if (harbour->hostlinks.fd > 0)
		close(harbour->hostlinks.fd);
	harbour->hostlinks.fd = 0;
}
