/* SPDX-License-Identifier: BSD-2-Clause */
/* Cards and holders for programs. */
#include "cmd/see/services.h"

#include <errno.h>

static json_t *string_or_null(const char *text)
{
	return text && *text ? view_json_string(text) : json_null();
}

static json_t *end_or_null(const struct minato_endpoint *end)
{
	return end->port ? view_message_end(end) : json_null();
}

static json_t *process_of(const struct cmd_holder *holder)
{
	const struct kernel_process *process = &holder->process;

	if (!process->pid)
		return json_null();
	return json_pack("{s:o,s:i,s:I,s:I,s:o}", "program", view_json_string(process->program),
			 "pid", (int)process->pid, "uid", (json_int_t)process->uid, "started",
			 (json_int_t)process->started_s, "group", string_or_null(process->group));
}

json_t *cmd_holder_json(const struct cmd_holder *holder)
{
	return json_pack("{s:o,s:s,s:o,s:o,s:I,s:I,s:o,s:I,s:o,s:o}", "guest",
			 string_or_null(holder->guest), "hold", cmd_hold_word(holder->hold),
			 "local", end_or_null(&holder->local), "peer", end_or_null(&holder->peer),
			 "count", (json_int_t)holder->count, "uid", (json_int_t)holder->uid,
			 "process", process_of(holder), "processes", (json_int_t)holder->processes,
			 "published_for", string_or_null(holder->published), "guest_port",
			 *holder->published ? json_integer(holder->guest_port) : json_null());
}

static json_t *aliases_of(const struct cmd_card *card)
{
	json_t *list = json_array();

	for (size_t i = 1; i < card->name_count; i++)
		json_array_append_new(list, view_json_string(card->names[i]));
	return list;
}

static json_t *holders_of(const struct cmd_card *card)
{
	json_t *list = json_array();

	for (size_t i = 0; i < card->holder_count; i++)
		json_array_append_new(list, cmd_holder_json(&card->holders[i]));
	return list;
}

static json_t *object_of(const struct cmd_cards *cards, const struct cmd_card *card)
{
	static const char *const states[] = {
		[MINATO_SERVICE_UNASSIGNED] = "unassigned",
		[MINATO_SERVICE_ASSIGNED] = "assigned",
		[MINATO_SERVICE_RESERVED] = "reserved",
	};

	return json_pack("{s:i,s:s,s:o,s:o,s:o,s:s,s:s,s:b,s:b,s:b,s:b,s:o,s:o}", "port",
			 (int)card->port, "protocol", cmd_protocol_word(card->proto), "name",
			 string_or_null(card->name_count ? card->names[0] : NULL), "aliases",
			 aliases_of(card), "description", string_or_null(card->text), "kind",
			 minato_port_kind_name(minato_port_kind(card->port)), "state",
			 states[card->state], "privileged", cmd_card_privileged(cards, card->port),
			 "browser_refused", cmd_known_refused(card->port), "ephemeral_here",
			 cmd_card_ephemeral(cards, card->port), "reserved_here",
			 cmd_card_reserved(cards, card->port) != NULL, "risk",
			 string_or_null(cmd_known_risk(card->proto, card->port)), "holders",
			 holders_of(card));
}

int cmd_cards_json(FILE *out, const struct cmd_cards *cards)
{
	fprintf(out, "{\"v\":%d,\"registry\":{\"date\":\"%s\",\"version\":\"%s\"},\"services\":[",
		VIEW_JSON_VERSION, minato_service_date(), minato_service_version());
	for (size_t i = 0; i < cards->count; i++) {
		json_t *object = object_of(cards, &cards->list[i]);
		int result;

		if (!object)
			return -ENOMEM;
		fputs(i ? ",\n" : "\n", out);
		result = json_dumpf(object, out, JSON_COMPACT);
		json_decref(object);
		if (result)
			return -EIO;
	}
	fputs("\n]}\n", out);
	return ferror(out) ? -EIO : 0;
}
