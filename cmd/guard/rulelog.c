/* SPDX-License-Identifier: BSD-2-Clause */
/* What rules with `log` decided, said by a worker: so many lines in a second, and how many more. */
#include "cmd/cmd.h"
#include "conf/conf.h"
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

size_t cmd_rule_print(char *out, size_t size, const struct conf_statement *one)
{
	static struct conf_statement bare;
	struct conf_item item;

	if (one->kind != CONF_KIND_RULE || !conf_item_find(&one->rule, CONF_ITEM_PLACE, &item) ||
	    item.word[0] != '=')
		return conf_print(out, size, one);
	conf_copy(&bare, one);
	conf_item_place(&bare.rule, NULL);
	return conf_print(out, size, &bare);
}

/* "by line 9 on eth0: block ssh log named closed", as far as it is known. */
static void tail_of(char *out, size_t size, const struct cmd_rule_place *place)
{
	char text[CONF_TEXT_SIZE];
	char where[sizeof(place->link) + 300] = "";
	size_t used = 0;

	out[0] = 0;
	if (place->link[0])
		used = (size_t)snprintf(where, sizeof(where), " on %s", place->link);
	if (place->file)
		snprintf(where + used, sizeof(where) - used, " of %.255s", place->file);
	if (!place->rule)
		return;
	(void)cmd_rule_print(text, sizeof(text), place->rule);
	if (place->rule->line)
		snprintf(out, size, " by line %u%s: %s", CONF_LINE_NUMBER(place->rule->line), where,
			 text);
	else
		snprintf(out, size, " by a rule added live%s: %s", where, text);
}

static void say(const struct minato_rule_event *event, const struct cmd_rule_place *place)
{
	const struct minato_question *question = &event->question;
	const char *proto = question->proto == MINATO_TCP ? "tcp" : "udp";
	char word[CONF_PROTOCOL_SIZE];
	char from[64];
	char to[64];
	static char tail[CONF_TEXT_SIZE + 128];

	tail_of(tail, sizeof(tail), place);
	minato_addr_format(&question->remote.addr, from, sizeof(from));
	minato_addr_format(&question->local.addr, to, sizeof(to));
	if (question->proto == MINATO_PROTO_OTHER)
		cmd_say("rule: %s from %s to %s: %s%s",
			conf_protocol_word(word, (uint8_t)question->local.port), from, to,
			outcome_of(event), tail);
	else if (question->proto == MINATO_ICMP)
		cmd_say("rule: icmp type %u from %s to %s: %s%s", question->icmp_type, from, to,
			outcome_of(event), tail);
	else
		cmd_say("rule: %s from %s port %u to %s port %u: %s%s", proto, from,
			question->remote.port, to, question->local.port, outcome_of(event), tail);
}

void cmd_rule_log_say(struct cmd_rule_log *log, const struct minato_rule_event *event,
		      const struct cmd_rule_place *place)
{
	if (log->said < LINES_PER_S) {
		log->said++;
		say(event, place);
	} else {
		log->left_out++;
	}
}

void cmd_rule_log_turn(struct cmd_rule_log *log, struct minato *host, struct minato_time now,
		       cmd_rule_place_fn *find, void *user)
{
	struct minato_rule_event event;

	if (now.ns - log->since.ns >= NS_PER_S) {
		if (log->left_out)
			cmd_say("rule: and %u more", log->left_out);
		*log = (struct cmd_rule_log){ .since = now };
	}
	while (minato_rule_event(host, &event)) {
		struct cmd_rule_place place = { .rule = NULL };

		find(user, &event, &place);
		if (!place.unsaid)
			cmd_rule_log_say(log, &event, &place);
	}
}
