/* SPDX-License-Identifier: BSD-2-Clause */
/* What rules of the policy say together, and beside what a gateway forwards. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/rules.h"
#include "conf/shutlist.h"

/* As many pairs of rules are compared, and no more. */
#define PAIRS_MAX 4000000u
#define PORT_MAX 65535u

const struct conf_run rules_shut[RULES_SHUT_COUNT] = { { 137, 139 }, { 445, 445 } };

struct judging {
	const struct conf *conf;
	const struct rules_names *names;
	struct conf_report *report;
	bool guest, has_rules, has_links;
	/* Indices: of rules that refuse, of what leads in (forwards, dmz). */
	size_t *refusing, *ways;
	size_t refusing_count, way_count;
	bool *hidden; /* of each statement: it can never match */
	uint32_t pairs;
};

/* ---- words ---- */

/* "lan, wan, self, kids": what could have been meant. */
static void list_names(const struct judging *j, char *out, size_t size)
{
	size_t used = (size_t)snprintf(out, size, "lan, wan, self");

	for (size_t i = 0; i < j->names->count && used < size; i++) {
		const char *name = j->names->list[i].name;

		/* Links are often called as the zones are that there are anyway. */
		if (!strcmp(name, "lan") || !strcmp(name, "wan") || !strcmp(name, "self") ||
		    (i > 0 && !strcmp(name, j->names->list[i - 1].name)))
			continue;
		used += (size_t)snprintf(out + used, size - used, ", %s", name);
	}
}

static bool means_all(const char *word)
{
	static const char *const words[] = { "any", "all", "everyone", "everybody", "everywhere" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(word, words[i]))
			return true;
	}
	return false;
}

static void say_unknown(const struct judging *j, const struct conf_statement *s,
			enum conf_part part, const char *word)
{
	struct conf_fault *fault;
	char known[128];

	list_names(j, known, sizeof(known));
	fault = judge_say(j->report, CONF_ERROR, s, part, 0,
			  "no zone, set or link is called %s; there are %.120s%s", word, known,
			  means_all(word) ? "; for everybody say anyone, or nothing" : "");
	judge_word(fault, word);
	if (means_all(word))
		fault->candidate_count = 0;
}

/* From one inside of a gateway to another is in for the other. */
static bool of_inside(const struct judging *j, const char *word, const struct conf_statement *link)
{
	return !j->guest && (link ? !link->link.outside : strcmp(word, "lan") == 0);
}

static void judge_who(const struct judging *j, const struct conf_statement *s,
		      const struct conf_item *item)
{
	bool from = item->sort == CONF_ITEM_FROM_WORD;
	enum conf_part part = from ? CONF_PART_SOURCE : CONF_PART_TARGET;
	const struct conf_statement *link = NULL;

	switch (rules_word(j->names, item->word, &link)) {
	case RULES_UNKNOWN:
		say_unknown(j, s, part, item->word);
		return;
	case RULES_DNS:
		if (!j->guest)
			judge_say(j->report, CONF_ERROR, s, part, 0,
				  "names need a resolver of ours, which guests have (minato run); "
				  "a gateway knows addresses");
		return;
	case RULES_SELF:
		if (s->rule.out)
			judge_say(j->report, CONF_ERROR, s, part, 0,
				  "what goes out goes to others: self is for what comes in");
		return;
	case RULES_LAN:
	case RULES_WAN:
	case RULES_LINK:
	case RULES_GUEST:
		if (s->rule.out && from && j->guest)
			judge_say(j->report, CONF_ERROR, s, part, 0,
				  "what goes out of a guest comes from it alone");
		if (!s->rule.out && !from && !of_inside(j, item->word, link))
			judge_say(
				j->report, CONF_ERROR, s, part, 0,
				"what comes in is for an address of ours, self or one of them, or "
				"for another inside");
		return;
	case RULES_SET:
		return;
	}
}

static void judge_words(const struct judging *j, const struct conf_statement *s)
{
	struct conf_item item;
	uint32_t at = 0;

	/* What is said live is of no line. */
	if (s->line && s->line < CONF_LINE_LIVE && !j->guest &&
	    conf_item_find(&s->rule, CONF_ITEM_PLACE, &item))
		judge_say(j->report, CONF_ERROR, s, CONF_PART_ON, 0,
			  "the lines of a file have their order: this is for 'minato rule add'");
	while (conf_item_next(&s->rule, &at, &item)) {
		if (item.sort == CONF_ITEM_PROGRAM && !j->guest)
			judge_say(j->report, CONF_ERROR, s, CONF_PART_SUBJECT, 0,
				  "programs are known of guests alone (minato run)");
		else if (item.sort == CONF_ITEM_FROM_WORD || item.sort == CONF_ITEM_TO_WORD)
			judge_who(j, s, &item);
	}
}

/* A zone or link has its name alone; only a set may be said again. */
static void judge_names(const struct judging *j)
{
	for (size_t i = 1; i < j->names->count; i++) {
		const struct rules_name *a = &j->names->list[i - 1];
		const struct rules_name *b = &j->names->list[i];
		bool sets = a->s->kind == CONF_KIND_SET && b->s->kind == CONF_KIND_SET;

		if (!sets && !strcmp(a->name, b->name))
			judge_say(j->report, CONF_ERROR, b->s,
				  b->s->kind == CONF_KIND_LINK ? CONF_PART_NAME : CONF_PART_SUBJECT,
				  a->s->line,
				  "this name is another zone's, set's or link's already");
	}
}

/* ---- rules that meet ---- */

/* Whether the two can be about one address, as far as their words tell. */
static bool items_meet(const struct conf_item *a, const struct conf_item *b)
{
	if (!a->word && !b->word)
		return judge_overlap(&a->prefix, &b->prefix);
	if (!a->word || !b->word)
		return true;
	return !((!strcmp(a->word, "lan") && !strcmp(b->word, "wan")) ||
		 (!strcmp(a->word, "wan") && !strcmp(b->word, "lan")));
}

static bool is_of(const struct conf_item *item, enum conf_item_sort sort)
{
	return item->sort == sort ||
	       (sort == CONF_ITEM_FROM && item->sort == CONF_ITEM_FROM_WORD) ||
	       (sort == CONF_ITEM_TO && item->sort == CONF_ITEM_TO_WORD) ||
	       (sort == CONF_ITEM_PORTS &&
		(item->sort == CONF_ITEM_TYPES || item->sort == CONF_ITEM_NUMBERS));
}

/* Of a type in a family its first number and its last one; false: the family has no such type. */
static bool type_in(const struct conf_run *run, bool six, struct conf_run *out)
{
	int number[2];

	*out = *run;
	if (run->first < CONF_TYPE_NAMED)
		return true;
	(void)ruleline_type(run->first, &number[0], &number[1]);
	out->first = out->last = (uint16_t)number[six];
	return number[six] >= 0;
}

/* A name means a number in each family, a number itself in both. */
static bool types_meet(const struct conf_run *a, const struct conf_run *b)
{
	struct conf_run x, y;

	for (int six = 0; six < 2; six++) {
		if (type_in(a, six, &x) && type_in(b, six, &y) && x.first <= y.last &&
		    y.first <= x.last)
			return true;
	}
	return false;
}

static bool pair_meets(const struct conf_item *a, const struct conf_item *b,
		       enum conf_item_sort sort)
{
	if (a->sort == CONF_ITEM_TYPES && b->sort == CONF_ITEM_TYPES)
		return types_meet(&a->run, &b->run);
	if (sort == CONF_ITEM_PORTS)
		return a->sort == b->sort && a->run.first <= b->run.last &&
		       b->run.first <= a->run.last;
	if (sort == CONF_ITEM_PROGRAM)
		return !strcmp(a->word, b->word);
	return items_meet(a, b);
}

/* Whether what the two list of this sort meets; who lists nothing means all. */
static bool lists_meet(const struct conf_rule *a, const struct conf_rule *b,
		       enum conf_item_sort sort)
{
	struct conf_item x, y;
	uint32_t i = 0;
	bool has_a = false;
	bool has_b = false;

	while (conf_item_next(a, &i, &x)) {
		uint32_t k = 0;

		if (!is_of(&x, sort))
			continue;
		has_a = true;
		has_b = false;
		while (conf_item_next(b, &k, &y)) {
			if (!is_of(&y, sort))
				continue;
			has_b = true;
			if (pair_meets(&x, &y, sort))
				return true;
		}
	}
	return !has_a || !has_b;
}

static bool rules_meet(const struct conf_rule *a, const struct conf_rule *b)
{
	return a->out == b->out &&
	       (!a->protocols || !b->protocols || a->protocols & b->protocols) &&
	       lists_meet(a, b, CONF_ITEM_PORTS) && lists_meet(a, b, CONF_ITEM_FROM) &&
	       lists_meet(a, b, CONF_ITEM_TO) && lists_meet(a, b, CONF_ITEM_PROGRAM);
}

/* ---- ports that are shut anyway ---- */

static bool is_shut(const struct conf_rule *rule)
{
	return rules_about(rule, CONF_TCP | CONF_UDP, &rules_shut[0]) ||
	       rules_about(rule, CONF_TCP | CONF_UDP, &rules_shut[1]);
}

bool conf_is_shut(uint16_t port)
{
	for (uint32_t i = 0; i < RULES_SHUT_COUNT; i++) {
		if (port >= rules_shut[i].first && port <= rules_shut[i].last)
			return true;
	}
	return false;
}

bool rules_behind(const struct conf_run *run, uint16_t to, bool many, uint32_t i,
		  struct conf_run *out)
{
	const struct conf_run *shut = &rules_shut[i];
	uint32_t last = many ? to : to + (uint32_t)(run->last - run->first);

	if (to == 0 || (to == run->first && (!many || run->first == run->last)) ||
	    to > shut->last || last < shut->first)
		return false;
	*out = *run;
	if (many)
		return true;
	if (to < shut->first)
		out->first = (uint16_t)(run->first + (shut->first - to));
	if (last > shut->last)
		out->last = (uint16_t)(run->last - (last - shut->last));
	return true;
}

uint32_t conf_behind(const struct conf_run *run, uint16_t to, struct conf_run out[2])
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < RULES_SHUT_COUNT; i++)
		count += rules_behind(run, to, false, i, &out[count]);
	return count;
}

static void judge_shut(const struct judging *j, const struct conf_statement *s)
{
	const char *thing = shutlist_protocols(s->forward.protocols);
	struct shutlist lists[2] = { { .count = 0 }, { .count = 0 } };
	struct rules_way way;
	char what[CONF_WHAT_SIZE];

	for (uint32_t i = 0; rules_way(s, i, &way); i++)
		shutlist_add(&lists[0], &lists[1], j->conf, j->names, &way);
	for (uint32_t i = 0; i < 2; i++) {
		if (!lists[i].count)
			continue;
		shutlist_say(what, sizeof(what), &lists[i], thing, "the rule",
			     s->forward.protocols);
		judge_say(j->report, CONF_WARNING, s, CONF_PART_SUBJECT, 0, "%s", what);
	}
}

/* By the first that a rule opens without naming it; once for each rule would be much to read. */
static void judge_opened(struct judging *j)
{
	for (size_t i = 0; i < j->way_count && ++j->pairs < PAIRS_MAX; i++) {
		const struct conf_statement *s = j->conf->list[j->ways[i]];
		const struct conf_statement *by = NULL;
		struct shutlist list = { .count = 0 };
		char ports[SHUTLIST_TEXT];
		struct rules_way way;

		for (uint32_t k = 0; rules_way(s, k, &way) && !by; k++)
			by = shutlist_opened(&list, j->conf, j->names, &way);
		if (!by)
			continue;
		judge_say(j->report, CONF_WARNING, by, CONF_PART_SUBJECT, s->line,
			  "this opens port%s %s (NetBIOS, SMB) of the other line to others than "
			  "lan, too; 'block %s %s from wan' before it keeps %s shut",
			  list.count == 1 ? "" : "s", shutlist_text(ports, &list, false),
			  shutlist_protocols(s->kind == CONF_KIND_DMZ ? CONF_TCP | CONF_UDP :
									s->forward.protocols),
			  ports, list.count == 1 ? "it" : "them");
		return;
	}
}

/* ---- rules that change nothing ---- */

/* A forward that leads where the rule is about, or NULL; too many are taken for none. */
static const struct conf_statement *leads_there(struct judging *j, const struct conf_rule *rule)
{
	for (size_t i = 0; i < j->way_count && ++j->pairs < PAIRS_MAX; i++) {
		const struct conf_statement *s = j->conf->list[j->ways[i]];

		for (uint32_t k = 0; s->kind == CONF_KIND_FORWARD && k < s->forward.run_count;
		     k++) {
			if (rules_about(rule, s->forward.protocols, &s->forward.run[k]))
				return s;
		}
		if (s->kind == CONF_KIND_DMZ && rule->protocols != CONF_ICMP)
			return s;
	}
	return NULL;
}

/* Of ports that this forward leads there under other numbers. */
static bool leads_behind(const struct conf_statement *s, const struct conf_rule *rule)
{
	struct rules_way way;
	struct conf_run led;

	for (uint32_t i = 0; rules_way(s, i, &way); i++) {
		for (uint32_t k = 0; k < RULES_SHUT_COUNT; k++) {
			if (rules_behind(&way.run, way.to, way.many, k, &led) &&
			    rules_about(rule, way.protocols, &led))
				return true;
		}
	}
	return false;
}

static bool is_behind(const struct conf *conf, const struct conf_rule *rule)
{
	for (uint32_t i = 0; i < conf->behind_count; i++) {
		if (rules_about(rule, CONF_TCP | CONF_UDP, &conf->behind[i]))
			return true;
	}
	for (size_t i = 0; i < conf->count; i++) {
		if (leads_behind(conf->list[i], rule))
			return true;
	}
	return false;
}

static bool is_refused_later(struct judging *j, size_t index)
{
	const struct conf_rule *rule = &j->conf->list[index]->rule;

	/* What refuses much stands at the end. */
	for (size_t i = j->refusing_count; i-- > 0 && j->refusing[i] > index;) {
		if (++j->pairs > PAIRS_MAX ||
		    rules_meet(rule, &j->conf->list[j->refusing[i]]->rule))
			return true;
	}
	if (rule->out)
		return j->conf->closed;
	return (is_shut(rule) || is_behind(j->conf, rule)) && !shutlist_of_lan(j->names, rule);
}

static void judge_allow(struct judging *j, size_t index)
{
	const struct conf_statement *s = j->conf->list[index];
	const struct conf_statement *way;

	if (is_refused_later(j, index))
		return;
	if (s->rule.out) {
		judge_say(j->report, CONF_WARNING, s, CONF_PART_SUBJECT, 0,
			  "this changes nothing: all may go out, and no rule behind this one "
			  "refuses any of it, as 'block out everything' would");
		return;
	}
	way = j->guest ? NULL : leads_there(j, &s->rule);
	if (way)
		judge_say(j->report, CONF_WARNING, s, CONF_PART_SUBJECT, way->line,
			  "this changes nothing: the other line lets everybody in, and no rule "
			  "behind this one refuses anybody");
	else
		judge_say(j->report, CONF_WARNING, s, CONF_PART_SUBJECT, 0,
			  j->guest ? "this changes nothing: what is published lets everybody in, "
				     "and no rule behind this one refuses anybody" :
				     "this changes nothing: a rule opens nothing by itself, as a "
				     "forward does, and none behind it refuses anybody");
}

static void judge_limit(struct judging *j, const struct conf_statement *s)
{
	if (!s->rule.out && !j->guest && s->rule.protocols && s->rule.protocols != CONF_ICMP &&
	    !leads_there(j, &s->rule))
		judge_say(j->report, CONF_WARNING, s, CONF_PART_SUBJECT, 0,
			  "this changes nothing: no forward or dmz leads there, so it is closed");
}

/* Whether the prefix has IPv4 hosts of an inside, is not its address, and not everywhere. */
static bool is_inside4(const struct judging *j, const struct conf_prefix *prefix)
{
	if (!minato_addr_is4(&prefix->addr) || prefix->length <= 96)
		return false;
	for (size_t i = 0; i < j->names->link_count; i++) {
		const struct conf_link *link = &j->names->link[i]->link;

		for (uint32_t k = 0; !link->outside && k < link->address_count; k++) {
			if (judge_overlap(prefix, &link->address[k]) &&
			    !minato_addr_equal(&prefix->addr, &link->address[k].addr))
				return true;
		}
	}
	return false;
}

/* Whether it names an inside, or hosts there. */
static bool is_from_inside(const struct judging *j, const struct conf_statement *s)
{
	struct conf_item item;
	uint32_t at = 0;

	while (conf_item_next(&s->rule, &at, &item)) {
		const struct conf_statement *link = NULL;

		if (item.sort == CONF_ITEM_FROM && is_inside4(j, &item.prefix))
			return true;
		if (item.sort != CONF_ITEM_FROM_WORD)
			continue;
		(void)rules_word(j->names, item.word, &link);
		if (of_inside(j, item.word, link))
			return true;
	}
	return false;
}

/* Packets are judged as they arrive, before they are translated. */
static void judge_inside(const struct judging *j, const struct conf_statement *s)
{
	struct conf_item item;
	uint32_t at = 0;

	while (!s->rule.out && conf_item_next(&s->rule, &at, &item)) {
		if (item.sort != CONF_ITEM_TO || !is_inside4(j, &item.prefix) ||
		    is_from_inside(j, s))
			continue;
		judge_say(j->report, CONF_WARNING, s, CONF_PART_TARGET, 0,
			  "what comes from outside is for an address of the gateway, whatever "
			  "host it is forwarded to: say that address, or none");
		return;
	}
}

/* Whether a rule names a host: what shuts all else then shuts pings too. */
static bool names_hosts(const struct conf *conf)
{
	for (size_t i = 0; i < conf->count; i++) {
		struct conf_item item;
		uint32_t at = 0;

		while (conf->list[i]->kind == CONF_KIND_RULE &&
		       conf_item_next(&conf->list[i]->rule, &at, &item))
			if (item.sort == CONF_ITEM_TO_WORD && strchr(item.word, '.'))
				return true;
	}
	return false;
}

/* ---- all ---- */

static void judge_each(struct judging *j)
{
	bool named = j->guest && names_hosts(j->conf);
	size_t errors;

	for (size_t i = 0; i < j->conf->count; i++) {
		const struct conf_statement *s = j->conf->list[i];

		if (s->kind == CONF_KIND_FORWARD)
			judge_shut(j, s);
		if (s->kind != CONF_KIND_RULE)
			continue;
		errors = j->report->errors;
		judge_words(j, s);
		judge_inside(j, s);
		/* What is wrong says nothing yet. */
		if (j->report->errors != errors)
			continue;
		if (j->guest && !s->rule.out && s->rule.protocols == CONF_ICMP)
			judge_say(j->report, CONF_WARNING, s, CONF_PART_SUBJECT, 0,
				  "this can never match: messages of ICMP that come in are for the "
				  "host's kernel, which asks no rule of a guest");
		else if (j->guest && s->rule.protocols == CONF_OTHER)
			judge_say(
				j->report, CONF_WARNING, s, CONF_PART_SUBJECT, 0,
				"this can never match: of a guest tcp, udp and pings are carried, "
				"and nothing else");
		else if (named && !j->hidden[i] && s->rule.out && s->rule.protocols == CONF_ICMP &&
			 (s->rule.verb == CONF_ALLOW || s->rule.verb == CONF_LIMIT))
			judge_say(j->report, CONF_WARNING, s, CONF_PART_SUBJECT, 0,
				  "this lets nothing out: where rules name hosts, pings are "
				  "refused");
		else if (s->rule.verb == CONF_ALLOW && !j->hidden[i])
			judge_allow(j, i);
		if (s->rule.verb == CONF_LIMIT && !j->hidden[i])
			judge_limit(j, s);
	}
}

static int collect(struct judging *j)
{
	j->refusing = calloc(j->conf->count + 1, sizeof(j->refusing[0]));
	j->ways = calloc(j->conf->count + 1, sizeof(j->ways[0]));
	j->hidden = calloc(j->conf->count + 1, sizeof(j->hidden[0]));
	if (!j->refusing || !j->ways || !j->hidden)
		return -ENOMEM;
	for (size_t i = 0; i < j->conf->count; i++) {
		const struct conf_statement *s = j->conf->list[i];

		j->has_rules |= s->kind == CONF_KIND_RULE;
		j->has_links |= s->kind == CONF_KIND_LINK;
		if (s->kind == CONF_KIND_RULE && s->rule.verb != CONF_ALLOW)
			j->refusing[j->refusing_count++] = i;
		if (s->kind == CONF_KIND_FORWARD || s->kind == CONF_KIND_DMZ)
			j->ways[j->way_count++] = i;
	}
	return 0;
}

int conf_rules_judge(const struct conf *conf, const char *guest, struct conf_report *report)
{
	struct rules_names names;
	struct judging j = { .conf = conf, .names = &names, .report = report, .guest = guest };
	int result = rules_names_make(&names, conf, guest);

	if (result < 0)
		return result;
	result = collect(&j);
	if (result == 0) {
		judge_names(&j);
		result = j.has_rules ? shadow_judge(conf, &names, j.hidden, report) : 0;
		judge_each(&j);
		if (!guest)
			judge_opened(&j);
		testjudge_judge(conf, guest ? &names : NULL, report);
	}
	if (result == 0 && !guest)
		hairpins_judge(conf, &names, j.ways, j.way_count, report);
	if (result == 0 && !guest && j.has_rules && j.has_links)
		result = ruleends_judge(conf, &names, report);
	free(j.refusing);
	free(j.ways);
	free(j.hidden);
	rules_names_free(&names);
	return result < 0 ? result : report->errors ? -EINVAL : 0;
}

/* ---- sets that are empty ---- */

static bool is_empty(const struct rules_names *names, const char *word)
{
	const struct conf_statement *link = NULL;
	const struct conf_set *set;
	size_t at = 0;

	if (rules_word(names, word, &link) != RULES_SET)
		return false;
	while ((set = rules_set_next(names, word, &at)) != NULL) {
		if (set->count)
			return false;
	}
	return true;
}

static void judge_sets(const struct rules_names *names, const struct conf_statement *s,
		       struct conf_report *report)
{
	bool lets = rules_lets(&s->rule);
	struct conf_item item;
	uint32_t at = 0;

	while (conf_item_next(&s->rule, &at, &item)) {
		bool from = item.sort == CONF_ITEM_FROM_WORD;

		if ((!from && item.sort != CONF_ITEM_TO_WORD) || !is_empty(names, item.word))
			continue;
		judge_say(report, CONF_WARNING, s, from ? CONF_PART_SOURCE : CONF_PART_TARGET, 0,
			  "the set %s is empty: %s by this name", item.word,
			  lets ? "nobody is meant" : "nobody is refused");
	}
}

int conf_sets_judge(const struct conf *conf, struct conf_report *report)
{
	struct rules_names names;
	int result = rules_names_make(&names, conf, NULL);

	if (result < 0)
		return result;
	for (size_t i = 0; i < conf->count; i++) {
		if (conf->list[i]->kind == CONF_KIND_RULE)
			judge_sets(&names, conf->list[i], report);
	}
	rules_names_free(&names);
	return 0;
}
