/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a gateway cannot do whose outside is the host's own sockets: nothing is translated there,
 * and what comes in has been accepted by a socket of the host. And what it alone can.
 */
#include "conf/reader.h"
#include "conf/rules.h"

#define OVER "where the outside is the host's sockets "

/* Why it cannot be; NULL: it can. */
static const char *of_forward(const struct conf_forward *f)
{
	if (f->to != CONF_TO_OPEN)
		return NULL;
	return "callers come to the host's addresses: no inside host's own is opened; name its "
	       "IPv4 address, or let the outside be an interface";
}

static bool has_two_of_a_family(const struct conf_link *link)
{
	uint32_t four = 0;

	for (uint32_t i = 0; i < link->address_count; i++)
		four += minato_addr_is4(&link->address[i].addr);
	return four > 1 || link->address_count - four > 1;
}

/* Without translation: bounds of inside hosts, and what is about flows between insides. */
static bool matters(const struct conf_nat *nat, size_t insides)
{
#define X(name, words, value) CONF_NAT_##value,
	static const enum conf_nat_value sorts[CONF_NAT_KEY_COUNT] = { CONF_NAT_KEYS(X) };
#undef X
	if (sorts[nat->key] == CONF_NAT_COUNT)
		return nat->key != CONF_NAT_RESTS_MAX;
	return insides > 1 && (nat->key == CONF_NAT_CARRY || sorts[nat->key] == CONF_NAT_TIMER);
}

static void judge_one(const struct conf_statement *s, const struct conf_statement *host,
		      size_t insides, struct conf_report *report)
{
	enum conf_part part = CONF_PART_SUBJECT;
	const char *why = NULL;

	if (s->kind == CONF_KIND_FORWARD) {
		part = CONF_PART_TARGET;
		why = of_forward(&s->forward);
	} else if (s->kind == CONF_KIND_LINK && insides > 1 && !s->link.outside &&
		   has_two_of_a_family(&s->link)) {
		why = "each of several insides has one address of IPv4 and one of IPv6";
	} else if (s->kind == CONF_KIND_DMZ) {
		why = "ports that nothing is bound to are the host's own: there is no dmz; name "
		      "them, as in 'forward tcp,udp 8000-8999 to ADDRESS'";
	}
	if (why)
		judge_say(report, CONF_ERROR, s, part, host->line, OVER "%s", why);
	else if ((s->kind == CONF_KIND_NAT && !matters(&s->nat, insides)) ||
		 s->kind == CONF_KIND_NEVER)
		judge_say(report, CONF_WARNING, s, CONF_PART_SUBJECT, host->line,
			  "this changes nothing: " OVER "nothing is translated");
}

void hostjudge_judge(const struct conf *conf, struct conf_report *report)
{
	const struct conf_statement *host = NULL;
	size_t insides = 0;

	for (size_t i = conf->count; i-- > 0;) {
		const struct conf_statement *s = conf->list[i];

		if (s->kind == CONF_KIND_LINK && s->link.sort == CONF_LINK_HOST)
			host = s;
		insides += s->kind == CONF_KIND_LINK && !s->link.outside;
	}
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];

		if (host)
			judge_one(s, host, insides, report);
		else if (s->kind == CONF_KIND_LISTEN)
			judge_say(report, CONF_ERROR, s, CONF_PART_SUBJECT, 0,
				  "sockets that systemd passes serve 'outside host' alone: between "
				  "links packets are handed on, and nobody listens");
	}
}
