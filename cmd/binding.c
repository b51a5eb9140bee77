/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keeper binds ports for its worker while the guest runs:
 *
 *   worker                                   keeper
 *   CMD_ASK_SPEC, one for each  -------->    parses: text, as from anyone
 *   CMD_ASK_BIND                -------->    binds all or none
 *                     <--------  CMD_TELL_BOUND   what failed, or how many, with the first of them
 *   CMD_ASK_MORE                -------->    the next: never more is on its way than one message
 *   CMD_ASK_KEEP                -------->    from now on the next worker has them too
 *   CMD_ASK_RELEASE, one for each ------>    given up again
 *   CMD_ASK_RELEASED            -------->
 *                     <--------  CMD_TELL_RELEASED   the ports are free
 */
#include "cmd/reserve.h"
#include "cmd/see/who.h"

#include <errno.h>
#include <linux/nsfs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REFUSALS_MAX 100u

static int add_spec(struct relay_publish *list, const struct cmd_message *message)
{
	char text[sizeof(message->text.text)];

	memcpy(text, message->text.text, sizeof(text));
	text[sizeof(text) - 1] = 0;
	if (message->number & CMD_SPEC_REACH)
		return relay_reach_add(list, text, NULL);
	return relay_publish_add(list, text, NULL);
}

int cmd_binding_spec(struct cmd_harbour *harbour, const struct cmd_message *message)
{
	struct relay_publish *pending = &harbour->pending;

	if (message->number & CMD_SPEC_FIRST)
		relay_publish_free(pending);
	harbour->pending_bound = false;
	if (pending->spec_count >= CMD_SPECS_MAX)
		return -E2BIG;
	return add_spec(pending, message);
}

/* ---- the way to see what the guest has open ---- */

int cmd_binding_listeners(struct cmd_harbour *harbour)
{
	struct cmd_message message = { .kind = CMD_TELL_LISTENERS };
	int userns = ioctl(harbour->netns, NS_GET_USERNS);
	int result = drive_listeners_open(userns, harbour->netns, &message.listeners);

	if (userns >= 0)
		close(userns);
	if (result == 0) {
		result =
			cmd_channel_send(harbour->hand.channel, &message, &message.listeners.fd, 1);
		close(message.listeners.fd);
	}
	if (result < 0)
		cmd_say("cannot see which ports the guest opens: %s", strerror(-result));
	return result;
}

/* ---- binding ---- */

static void send_some(struct cmd_harbour *harbour)
{
	const struct relay_publish *pending = &harbour->pending;
	struct cmd_message message = { .kind = CMD_TELL_BOUND };
	int fds[CMD_CHANNEL_FDS_MAX];
	size_t count = 0;

	message.bound.total = (uint32_t)pending->socket_count;
	while (count < CMD_CHANNEL_FDS_MAX && harbour->pending_sent < pending->socket_count) {
		relay_publish_about(pending, harbour->pending_sent, &message.bound.doors[count]);
		fds[count++] = relay_publish_fd(pending, harbour->pending_sent++);
	}
	message.bound.count = (uint32_t)count;
	(void)cmd_channel_send(harbour->hand.channel, &message, fds, count);
}

static void refuse(struct cmd_harbour *harbour, int result)
{
	struct cmd_message message = { .kind = CMD_TELL_BOUND, .number = result };

	message.bound.failure = harbour->pending.failure;
	message.bound.failure.errnum = -result;
	(void)cmd_channel_send(harbour->hand.channel, &message, NULL, 0);
}

/*
 * A port that the guest opened is said here: nobody else waits for the answer. A guest that opens
 * and closes one for ever fills no log with it.
 */
static void say_refused(struct cmd_harbour *harbour)
{
	struct drive_subnet subnet = harbour->plan.subnet;
	struct drive_error error;

	if (harbour->refusals >= REFUSALS_MAX)
		return;
	if (++harbour->refusals == REFUSALS_MAX) {
		cmd_say("ports that the guest opens were refused %u times; more is not said of it",
			REFUSALS_MAX);
		return;
	}
	subnet.has6 = harbour->guest.has6;
	/* No guest is asked: its minato might be asking us at this moment. */
	(void)cmd_publish_explain(&harbour->pending, &harbour->pending.failure, &subnet,
				  true, &error);
	cmd_say("the guest opened port %u, but %s", harbour->pending.specs[0].guest, error.text);
}

/*
 * A worker that the guest has taken over must not open ports of the host as it likes: some client
 * must have come lately who could have ordered that, or the user asked for auto.
 */
static bool may_bind(const struct cmd_harbour *harbour, int flags)
{
	const struct relay_publish *pending = &harbour->pending;
	const struct relay_spec *spec = pending->specs;

	if (flags & CMD_BIND_AUTO)
		return relay_publish_has(&harbour->publish, RELAY_AUTO) &&
		       pending->spec_count == 1 && spec->sort == RELAY_PORTS &&
		       spec->first == spec->last;
	return harbour->admitted.ns &&
	       drive_now().ns - harbour->admitted.ns < CMD_ORDER_MS * INT64_C(1000000);
}

void cmd_binding_bind(struct cmd_harbour *harbour, int flags)
{
	struct relay_publish *pending = &harbour->pending;
	int clash = relay_publish_clash(&harbour->publish, pending);
	int result;

	harbour->pending_sent = 0;
	harbour->pending_bound = false;
	harbour->pending_auto = flags & CMD_BIND_AUTO;
	if (!may_bind(harbour, flags)) {
		refuse(harbour, -EPERM);
		return;
	}
	if (pending->spec_count == 0 || clash >= 0) {
		pending->failure = (struct relay_failure){ .spec = clash >= 0 ? (size_t)clash : 0 };
		refuse(harbour, clash >= 0 ? -EEXIST : -EINVAL);
		return;
	}
	if ((flags & CMD_BIND_AUTO) &&
	    cmd_reserving_refuses(harbour, pending->specs, flags & CMD_BIND_AGAIN)) {
		refuse(harbour, -EADDRNOTAVAIL);
		return;
	}
	result = cmd_ruling_open(harbour, pending, harbour->guest.has6);
	if (result < 0) {
		refuse(harbour, result);
		if ((flags & CMD_BIND_AUTO) && !(flags & CMD_BIND_AGAIN))
			say_refused(harbour);
		return;
	}
	harbour->pending_bound = true;
	cmd_ruling_screen(harbour, pending, false);
	if (relay_publish_has(pending, RELAY_AUTO))
		(void)cmd_binding_listeners(harbour);
	send_some(harbour);
}

void cmd_binding_more(struct cmd_harbour *harbour)
{
	if (harbour->pending_sent < harbour->pending.socket_count)
		send_some(harbour);
}

void cmd_binding_keep(struct cmd_harbour *harbour)
{
	/* Only what was let pass stands: an `auto` kept unbound would open the way to all ports. */
	if (!harbour->pending_bound)
		relay_publish_free(&harbour->pending);
	harbour->pending_bound = false;
	for (size_t i = 0; i < harbour->pending.spec_count; i++)
		harbour->pending.specs[i].automatic = harbour->pending_auto;
	if (relay_publish_join(&harbour->publish, &harbour->pending) < 0)
		relay_publish_free(&harbour->pending);
}

void cmd_binding_release(struct cmd_harbour *harbour, const struct cmd_message *message)
{
	struct relay_publish wanted = { 0 };

	if (add_spec(&wanted, message) == 0)
		(void)relay_publish_drop(&harbour->publish, &wanted.specs[0]);
	relay_publish_free(&wanted);
}

/* For the next worker, to which named ports look as if they had been there before. */
static void note_standing(struct cmd_harbour *harbour)
{
	const struct relay_publish *list = &harbour->publish;
	struct relay_spec *stood = calloc(list->spec_count + 1, sizeof(*stood));
	size_t count = 0;

	for (size_t i = 0; stood && i < list->spec_count; i++) {
		if (list->specs[i].automatic)
			stood[count++] = list->specs[i];
	}
	/* One that died too early to publish anything adds nothing to what is known. */
	if (count == 0) {
		free(stood);
		return;
	}
	free(harbour->stood);
	harbour->stood = stood;
	harbour->stood_count = count;
}

void cmd_binding_forget(struct cmd_harbour *harbour)
{
	struct relay_publish *list = &harbour->publish;
	size_t i = 0;

	note_standing(harbour);
	relay_publish_free(&harbour->pending);
	while (i < list->spec_count) {
		struct relay_spec spec = list->specs[i];

		/* The next worker sees by itself what the guest has open. */
		if (!spec.automatic || !relay_publish_drop(list, &spec))
			i++;
	}
}
