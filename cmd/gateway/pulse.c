/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the process for the traffic still turns. Its death is seen by a descriptor; one that
 * hangs says nothing at all, so it is asked now and then, and replaced as one that died.
 */
#include "cmd/gateway/gateway.h"

#include <signal.h>
#include <sys/pidfd.h>

#define NS_PER_MS INT64_C(1000000)
#define BEAT_MS 3000
/* Unanswered in a row. Turns of ours are counted, since whoever stops all of us stops the clock. */
#define MISSES_MAX 5u

static void replace(struct gateway_keeper *keeper)
{
	cmd_say("the process for the traffic does not answer: it is replaced");
	(void)pidfd_send_signal(keeper->harbour.hand.pidfd, SIGKILL, NULL, 0);
}

struct minato_time gateway_pulse_turn(struct gateway_keeper *keeper, struct minato_time now)
{
	const struct cmd_message beat = { .kind = GATEWAY_TELL_BEAT };
	struct gateway_pulse *pulse = &keeper->pulse;

	if (!keeper->harbour.hand.ready) {
		*pulse = (struct gateway_pulse){ .misses = 0 };
		return MINATO_NEVER;
	}
	if (now.ns < pulse->next.ns)
		return pulse->next;
	pulse->next.ns = now.ns + BEAT_MS * NS_PER_MS;
	if (++pulse->misses > MISSES_MAX) {
		pulse->misses = 0;
		replace(keeper);
	} else {
		/* Where there is no room it is a miss, too. */
		(void)cmd_channel_send(keeper->harbour.hand.channel, &beat, NULL, 0);
	}
	return pulse->next;
}

int gateway_pulse_take(struct gateway_keeper *keeper)
{
	keeper->pulse.misses = 0;
	return 0;
}
