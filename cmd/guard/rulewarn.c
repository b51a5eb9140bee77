/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest's rules and published ports are to each other, where it is not what was meant. */
#include "cmd/conf.h"
#include "conf/shutlist.h"

#include <string.h>

/* What a beginner would not expect of a port that is shut. */
static void warn_late(const struct cmd_harbour *harbour)
{
	const struct relay_publish *list = &harbour->publish;
	size_t i = 0;

	while (i < list->socket_count && (list->sockets[i].protocol != MINATO_TCP ||
					  list->sockets[i].screened != RELAY_SCREEN_LATE))
		i++;
	if (i == list->socket_count || harbour->quiet)
		return;
	cmd_say("host port %u: whom the rules refuse there is accepted by this host's kernel "
		"first, then reset%s",
		list->sockets[i].port,
		relay_screen_works() ? " (a rule with log or limit has to see him)" :
				       "; with this right the kernel would not answer him:\n"
				       "  sudo setcap cap_net_admin=ep minato");
}

const char *cmd_ruling_anew(char out[CMD_ANEW_TEXT], const char *guest,
			    const struct relay_spec *spec)
{
	char text[RELAY_SPEC_TEXT];

	relay_spec_text(spec, text, sizeof(text));
	(void)snprintf(out, CMD_ANEW_TEXT,
		       "'minato forward rm %s %.160s', then 'minato forward add %s %.160s', "
		       "bind it anew",
		       guest, text, guest, text);
	return out;
}

bool cmd_ruling_outgrown(struct cmd_harbour *harbour, char *out, size_t size)
{
	const struct relay_spec *spec = relay_publish_outgrown(&harbour->publish);
	char anew[CMD_ANEW_TEXT];

	if (!spec)
		return false;
	(void)snprintf(out, size,
		       "host port %u stays closed by devices that were not of lan when it was "
		       "published, whatever the rules say now: %s",
		       spec->first, cmd_ruling_anew(anew, harbour->name, spec));
	return true;
}

static const char *new_device(const struct relay_devices *now, const struct relay_devices *before)
{
	for (size_t i = 0; i < now->count; i++) {
		size_t k = 0;

		while (k < before->count && strcmp(now->name[i], before->name[k]) != 0)
			k++;
		if (k == before->count)
			return now->name[i];
	}
	/* All are of lan now: then none is named. */
	return before->count && !now->count ? "each device" : NULL;
}

void cmd_ruling_devices(const struct cmd_harbour *harbour, const struct relay_devices *before)
{
	const struct relay_spec *spec = relay_publish_at_devices(&harbour->publish);
	const char *device = new_device(&harbour->ruling.devices, before);
	char anew[CMD_ANEW_TEXT];

	if (spec && device)
		cmd_say("%s is of lan now; host port %u stays closed by those that were not when "
			"it was published: %s",
			device, spec->first, cmd_ruling_anew(anew, harbour->name, spec));
}

/* One of the list among these ports; by `inner`, one that leads to such a port of the guest. */
static const struct relay_spec *published(const struct relay_publish *list, uint8_t protocols,
					  const struct conf_run *run, bool inner)
{
	for (size_t i = 0; i < list->spec_count; i++) {
		const struct relay_spec *spec = &list->specs[i];
		uint32_t first = inner ? spec->guest : spec->first;
		uint32_t last = first + (uint32_t)(spec->last - spec->first);

		if (protocols && !(spec->protocols & protocols))
			continue;
		if (!inner && spec->sort != RELAY_PORTS && spec->sort != RELAY_REACH)
			return spec; /* whatever is free */
		if (spec->sort == RELAY_PORTS && first <= run->last && last >= run->first)
			return spec;
	}
	return NULL;
}

/* Callers come to a port of the host: who wrote the guest's has shut nothing. */
static void warn_of_ports(const struct relay_publish *list, const struct conf *conf,
			  const struct conf_statement *one)
{
	char where[CONF_WHERE_SIZE];
	uint8_t protocols = (uint8_t)((one->rule.protocols & CONF_TCP ? RELAY_TCP : 0) |
				      (one->rule.protocols & CONF_UDP ? RELAY_UDP : 0));
	struct conf_item item;
	uint32_t at = 0;

	while (conf_item_next(&one->rule, &at, &item)) {
		const struct relay_spec *meant;

		if (item.sort != CONF_ITEM_PORTS || published(list, protocols, &item.run, false))
			continue;
		meant = published(list, protocols, &item.run, true);
		if (meant)
			cmd_say("the rule in %s is about port %u of the host, which is not "
				"published: host port %u leads to that of the guest",
				conf_where(where, conf, one->line), item.run.first,
				(unsigned)(meant->first + (item.run.first > meant->guest ?
								   item.run.first - meant->guest :
								   0)));
		else
			cmd_say("the rule in %s is about port %u of the host, which is not "
				"published",
				conf_where(where, conf, one->line), item.run.first);
	}
}

uint32_t cmd_ruling_behind(const struct relay_publish *list, struct conf_run *out)
{
	uint32_t count = 0;

	for (size_t i = 0; i < list->spec_count && count + 2 <= CONF_BEHIND_MAX; i++) {
		const struct relay_spec *spec = &list->specs[i];
		const struct conf_run run = { spec->first, spec->last };

		if (spec->sort == RELAY_PORTS)
			count += conf_behind(&run, spec->guest, &out[count]);
	}
	return count;
}

/* NetBIOS and SMB: what is shut, by its number or another one, and what a rule opens unnamed. */
static void warn_shut(const struct conf *conf, const struct rules_names *names,
		      const struct relay_spec *spec)
{
	const struct rules_way way = {
		.protocols = (uint8_t)((spec->protocols & RELAY_TCP ? CONF_TCP : 0) |
				       (spec->protocols & RELAY_UDP ? CONF_UDP : 0)),
		.run = { spec->first, spec->last },
		.to = spec->guest,
	};
	struct shutlist lists[2] = { { .count = 0 }, { .count = 0 } };
	struct shutlist opened = { .count = 0 };
	const struct conf_statement *by = shutlist_opened(&opened, conf, names, &way);
	char where[CONF_WHERE_SIZE], ports[SHUTLIST_TEXT], what[512];

	shutlist_add(&lists[0], &lists[1], conf, names, &way);
	for (size_t i = 0; i < 2; i++) {
		if (!lists[i].count)
			continue;
		shutlist_say(what, sizeof(what), &lists[i], "host", "--rule", way.protocols);
		cmd_say("%s", what);
	}
	if (by)
		cmd_say("the rule in %s opens host port%s %s (NetBIOS, SMB) to others than lan, "
			"too; 'block %s %s from wan' before it keeps %s shut",
			conf_where(where, conf, by->line), opened.count == 1 ? "" : "s",
			shutlist_text(ports, &opened, false), shutlist_protocols(way.protocols),
			ports, opened.count == 1 ? "it" : "them");
}

void cmd_ruling_warn(const struct cmd_harbour *harbour)
{
	const struct conf *conf = &harbour->ruling.conf;
	const struct relay_publish *list = &harbour->publish;
	struct rules_names names;

	if (rules_names_make(&names, conf, harbour->name) == 0) {
		for (size_t i = 0; i < list->spec_count; i++) {
			if (list->specs[i].sort == RELAY_PORTS)
				warn_shut(conf, &names, &list->specs[i]);
		}
		rules_names_free(&names);
	}
	for (size_t i = 0; i < conf->count; i++) {
		if (conf->list[i]->kind == CONF_KIND_RULE && !conf->list[i]->rule.out)
			warn_of_ports(list, conf, conf->list[i]);
	}
	warn_late(harbour);
}
