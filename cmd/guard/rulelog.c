/* SPDX-License-Identifier: BSD-2-Clause */
/* What rules with `log` decided, said by a worker: so many lines in a second, and how many more. */
#include "cmd/cmd.h"
#include "minato/guard.h"

#define NS_PER_S INT64_C(1000000000)
#define LINES_PER_S 20u

static const char *outcome_of(const struct minato_rule_event *event)
{
	if (event->verdict == MINATO_PASS)
		return "allowed";
	if (event->verdict == MINATO_DROP)
		return event->limited ? "dropped, beyond the limit" : "dropped";
	return event->limited ? "refused, beyond the limit" : "refused";
}

static void say(const struct minato_rule_event *event)
{
	const struct minato_question *question = &event->question;
	const char *proto = question->proto == MINATO_TCP ? "tcp" : "udp";
	char from[64];
	char to[64];

	minato_addr_format(&question->remote.addr, from, sizeof(from));
	minato_addr_format(&question->local.addr, to, sizeof(to));
	if (question->proto == MINATO_ICMP)
		cmd_say("rule: icmp type %u from %s to %s: %s", question->icmp_type, from, to,
			outcome_of(event));
	else
		cmd_say("rule: %s from %s port %u to %s port %u: %s", proto, from,
			question->remote.port, to, question->local.port, outcome_of(event));
}

void cmd_rule_log_turn(struct cmd_rule_log *log, struct minato *host, struct minato_time now)
{
	struct minato_rule_event event;

	if (now.ns - log->since.ns >= NS_PER_S) {
		if (log->left_out)
			cmd_say("rule: and %u more", log->left_out);
		*log = (struct cmd_rule_log){ .since = now };
	}
	while (minato_rule_event(host, &event)) {
		if (log->said < LINES_PER_S) {
			log->said++;
			say(&event);
		} else {
			log->left_out++;
		}
	}
}
