/* SPDX-License-Identifier: BSD-2-Clause */
/* allow, block, reject, drop, limit: the rules of the policy, first match first. */
#include "conf/reader.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#define RATE_MAX 1000000000u
#define TYPE_MAX 255u /* of ICMP */
#define LABEL_MAX 63u /* bytes of a part of a DNS name (RFC 1035 2.3.4) */

/* Types whose number is another one in each family, or -1 (RFC 792, 4443, 4861). */
static const struct {
	const char *word;
	int16_t four, six;
} types[] = {
	{ "echo-request", 8, 128 },
	{ "router-solicitation", 10, 133 },
	{ "timestamp", 13, -1 },
	{ "information-request", 15, -1 },
	{ "address-mask", 17, -1 },
	{ "multicast-query", -1, 130 },
	{ "neighbour-solicitation", -1, 135 },
	{ "node-information", -1, 139 },
};
#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

static const struct {
	const char *word;
	uint32_t seconds;
} units[] = { { "second", 1 }, { "minute", 60 }, { "hour", 3600 }, { "day", 86400 } };
#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

const char *ruleline_type(uint32_t named, int *four, int *six)
{
	uint32_t index = named - CONF_TYPE_NAMED;

	*four = types[index].four;
	*six = types[index].six;
	return types[index].word;
}

const char *ruleline_unit(uint32_t seconds)
{
	size_t i = 0;

	while (i + 1 < UNIT_COUNT && units[i].seconds != seconds)
		i++;
	return units[i].word;
}

static int add_item(struct reader *r, struct conf_rule *rule, const struct conf_item *item)
{
	if (conf_item_add(rule, item))
		return 0;
	return reader_fail(r, reader_last(r),
			   "one rule has no room for so much: put addresses into a set");
}

/* ---- protocols, ports and types ---- */

static const char *const protocol_words[] = { "tcp", "udp", "icmp" };

static bool sees_protocol(const struct reader *r)
{
	return reader_sees(r, 0, "tcp") || reader_sees(r, 0, "udp") || reader_sees(r, 0, "icmp");
}

/* A protocol without ports, by its name, or by its number behind a word for it. */
static bool sees_number(const struct reader *r)
{
	char word[READER_WORD_SIZE];

	return reader_sees(r, 0, "protocol") ||
	       conf_protocol_is_plain(reader_copy(r, reader_here(r), word));
}

static int read_protocols(struct reader *r, uint8_t *out)
{
	do {
		uint8_t one = 0;

		for (size_t i = 0; i < 3 && !one; i++)
			one = (uint8_t)(reader_takes(r, protocol_words[i]) << i);
		if (!one && sees_number(r))
			return reader_fail(r, reader_here(r),
					   "this has no ports: say it in a rule of its own");
		if (!one)
			return reader_expected(r, protocol_words, 3);
		if (*out & one)
			return reader_fail(r, reader_last(r), "this protocol is named twice");
		*out |= one;
	} while (reader_takes(r, ","));
	return 0;
}

int ruleline_read_type(struct reader *r, struct conf_run *run)
{
	struct reader_word word = reader_here(r);
	const char *names[TYPE_COUNT];
	uint32_t number;
	int which;

	if (word.length > 0 && isdigit((unsigned char)r->line[word.at])) {
		if (value_number(r, 0, TYPE_MAX, "a type of ICMP", &number) < 0)
			return -EINVAL;
		run->first = run->last = (uint16_t)number;
		return 0;
	}
	for (size_t i = 0; i < TYPE_COUNT; i++)
		names[i] = types[i].word;
	which = reader_phrase(r, names, TYPE_COUNT);
	if (which < 0)
		return which;
	run->first = run->last = (uint16_t)(CONF_TYPE_NAMED + (uint32_t)which);
	return 0;
}

/* Whether the clauses begin here, so that nothing more is said of what goes where. */
static bool sees_clause(const struct reader *r)
{
	static const char *const words[] = { "from", "to", "log", "until", "for", "named", "then" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (reader_sees(r, 0, words[i]))
			return true;
	}
	return reader_ended(r);
}

static bool meets(const struct conf_rule *rule, const struct conf_item *item)
{
	struct conf_item other;
	uint32_t at = 0;

	while (conf_item_next(rule, &at, &other)) {
		if (other.sort == item->sort && item->run.first <= other.run.last &&
		    other.run.first <= item->run.last)
			return true;
	}
	return false;
}

static int add_run(struct reader *r, struct conf_rule *rule, enum conf_item_sort sort,
		   const struct conf_run *run)
{
	const struct conf_item item = { .sort = sort, .run = *run };

	if (meets(rule, &item))
		return reader_fail(r, reader_last(r), "this is named twice here");
	return add_item(r, rule, &item);
}

static int read_types(struct reader *r, struct conf_rule *rule)
{
	struct conf_run run;

	do {
		if (ruleline_read_type(r, &run) < 0 || add_run(r, rule, CONF_ITEM_TYPES, &run) < 0)
			return -EINVAL;
	} while (reader_takes(r, ","));
	return 0;
}

/* Without a protocol a service means those that it is of, a number both. */
static int read_ports(struct reader *r, struct conf_rule *rule)
{
	struct conf_run run;

	bool said = rule->protocols;
	uint8_t one;

	do {
		value_service_protocols(r, &one);
		if (!rule->protocols)
			rule->protocols = one;
		if (!said && one != rule->protocols)
			return reader_fail(
				r, reader_here(r),
				"this is not of the same protocols as what stands before "
				"it: say tcp or udp, or make two rules of it");
		if (value_run(r, rule->protocols, &run) < 0 ||
		    add_run(r, rule, CONF_ITEM_PORTS, &run) < 0)
			return -EINVAL;
	} while (reader_takes(r, ","));
	return 0;
}

static int read_number(struct reader *r, struct conf_run *run)
{
	char word[READER_WORD_SIZE];
	uint8_t number;

	(void)reader_takes(r, "protocol");
	if (sees_protocol(r))
		return reader_fail(r, reader_here(r),
				   "this has ports, or types: say it in a rule of its own");
	if (!conf_protocol_read(reader_copy(r, reader_here(r), word), &number))
		return reader_fail(r, reader_here(r),
				   "a protocol without ports is said by its name, or as "
				   "protocol 47");
	run->first = run->last = number;
	return reader_takes(r, word) ? 0 : -EINVAL;
}

static int read_numbers(struct reader *r, struct conf_rule *rule)
{
	struct conf_run run;

	rule->protocols = CONF_OTHER;
	do {
		if (read_number(r, &run) < 0 || add_run(r, rule, CONF_ITEM_NUMBERS, &run) < 0)
			return -EINVAL;
	} while (reader_takes(r, ","));
	return sees_clause(r) ? 0 :
				reader_fail(r, reader_here(r),
					    "what is before this has no ports: leave it out");
}

static const char *const what_words[] = { "program", "out",  "tcp",	   "udp",
					  "icmp",    "ping", "everything", "from" };
#define WHAT_COUNT (sizeof(what_words) / sizeof(what_words[0]))

static bool takes_everything(struct reader *r)
{
	return reader_takes(r, "everything") || reader_takes(r, "anything") ||
	       reader_takes(r, "all");
}

/* Behind a protocol. */
static bool sees_all(const struct reader *r)
{
	return reader_sees(r, 0, "all") || reader_sees(r, 0, "any") ||
	       reader_sees(r, 0, "everything") || reader_sees(r, 0, "*");
}

/* An address, or a family, where ports are said. */
static bool looks_like_address(const struct reader *r)
{
	struct reader_word word = reader_here(r);
	const char *text = r->line + word.at;

	return (memchr(text, ':', word.length) &&
		memchr(text, ':', word.length) != memrchr(text, ':', word.length)) ||
	       (isdigit((unsigned char)text[0]) && memchr(text, '.', word.length)) ||
	       reader_sees(r, 0, "ipv4") || reader_sees(r, 0, "ipv6");
}

/* What is no port, and is often said for one. */
static int fail_port(struct reader *r, const struct conf_rule *rule)
{
	char copy[READER_WORD_SIZE];

	if (reader_sees(r, 0, "port") || reader_sees(r, 0, "ports"))
		return reader_fail(r, reader_here(r),
				   "a port is just said, as in %s: leave this "
				   "word out",
				   rule->protocols ? "tcp 23" : "ssh, or tcp 23");
	if (reader_sees(r, 0, "ipv4") || reader_sees(r, 0, "ipv6"))
		return reader_fail(r, reader_here(r),
				   "rules hold for IPv4 and IPv6; for one of them say from %s",
				   reader_sees(r, 0, "ipv4") ? "0.0.0.0/0" : "::/0");
	return reader_fail(r, reader_here(r), "an address stands behind from or to: from %.60s",
			   reader_copy(r, reader_here(r), copy));
}

/* What stands before the clauses; the first word is the verb. */
static int read_what(struct reader *r, struct conf_rule *rule)
{
	static const struct conf_run ping = { RULELINE_PING, RULELINE_PING };
	bool said;

	if (takes_everything(r))
		return reader_sees(r, 0, "out") ?
			       reader_fail(r, reader_here(r),
					   "out stands before what goes out: out "
					   "everything") :
			       0;
	if (sees_clause(r))
		return r->next == 1 && !reader_sees(r, 0, "from") && !reader_sees(r, 0, "to") ?
			       reader_expected(r, what_words, WHAT_COUNT) :
			       0;
	if (reader_takes(r, "ping")) {
		rule->protocols = CONF_ICMP;
		return add_run(r, rule, CONF_ITEM_TYPES, &ping);
	}
	if (sees_number(r))
		return read_numbers(r, rule);
	if (sees_protocol(r) && read_protocols(r, &rule->protocols) < 0)
		return -EINVAL;
	if (sees_clause(r))
		return 0;
	if (rule->protocols && sees_all(r))
		return reader_fail(r, reader_here(r),
				   "a protocol alone means all of it: leave this word out");
	if (rule->protocols == CONF_ICMP)
		return read_types(r, rule);
	if (rule->protocols & CONF_ICMP)
		return reader_fail(r, reader_here(r),
				   "icmp has no ports: say it in a rule of its own");
	if (looks_like_address(r) || reader_sees(r, 0, "port") || reader_sees(r, 0, "ports"))
		return fail_port(r, rule);
	said = rule->protocols;
	if (read_ports(r, rule) == 0)
		return 0;
	/* It may have been meant as another word. */
	reader_suggest(r, what_words, said ? 0 : WHAT_COUNT);
	return -EINVAL;
}

/* ---- who ---- */

static bool is_prefix(const struct reader *r)
{
	struct reader_word word = reader_here(r);
	const char *text = r->line + word.at;

	if (word.length == 0)
		return true;
	return memchr(text, ':', word.length) || memchr(text, '/', word.length) ||
	       (isdigit((unsigned char)text[0]) && memchr(text, '.', word.length) &&
		strspn(text, "0123456789.") >= word.length);
}

/* RFC 1123 2.1, and "*." before it for all that is under a name. */
bool ruleline_is_dns(char *name, bool star)
{
	size_t length = strlen(name);
	size_t label = 0;

	/* The root's (RFC 1034 3.1): the same name, but of one part alone it makes another word. */
	if (length && name[length - 1] == '.' && strchr(name, '.') != name + length - 1)
		name[length - 1] = 0;
	if (star && !strncmp(name, "*.", 2))
		name += 2;
	for (char *at = name; *at; at++) {
		if (*at == '.' && (label == 0 || at[-1] == '-'))
			return false;
		if (*at != '.' && !isalnum((unsigned char)*at) &&
		    ((*at != '-' && *at != '_') || (*at == '-' && label == 0)))
			return false;
		label = *at == '.' ? 0 : label + 1;
		if (label > LABEL_MAX)
			return false;
	}
	return label > 0;
}

static int read_dns(struct reader *r, struct conf_rule *rule, enum conf_item_sort sort)
{
	char name[CONF_DNS_SIZE];
	const struct conf_item item = { .sort = sort, .word = name };

	if (value_text(r, name, sizeof(name), "a name of the DNS") < 0)
		return -EINVAL;
	if (!ruleline_is_dns(name, true))
		return reader_fail(r, reader_last(r),
				   "this is no address, zone, set or name, as 192.0.2.0/24, lan or "
				   "api.example.com");
	if (strspn(name, "0123456789.-") == strlen(name))
		return reader_fail(r, reader_last(r),
				   "a range of addresses is said by prefixes, as 10.0.0.0/29, with "
				   "commas between them");
	if (sort != CONF_ITEM_TO_WORD || !rule->out)
		return reader_fail(r, reader_last(r),
				   "names of the DNS stand behind 'out ... to' alone: who comes in "
				   "is known by address");
	for (char *at = name; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	return add_item(r, rule, &item);
}

static bool is_among(const struct conf_rule *rule, const struct conf_item *item)
{
	struct conf_item other;
	uint32_t at = 0;

	while (conf_item_next(rule, &at, &other)) {
		if (other.sort != item->sort)
			continue;
		if (item->word ? !strcmp(item->word, other.word) :
				 judge_within(&other.prefix, &item->prefix.addr) &&
					 other.prefix.length <= item->prefix.length)
			return true;
	}
	return false;
}

static int read_one(struct reader *r, struct conf_rule *rule, bool to)
{
	struct conf_item item = { .sort = to ? CONF_ITEM_TO : CONF_ITEM_FROM };
	struct reader_word word = reader_here(r);
	char name[CONF_NAME_SIZE];

	if (word.length && (r->line[word.at] == '!' || reader_sees(r, 0, "not")))
		return reader_fail(r, word,
				   "there is no not: the first rule that matches decides, so allow "
				   "in a line before this one whom it is not about");
	if (is_prefix(r)) {
		if (value_prefix(r, false, &item.prefix) < 0)
			return -EINVAL;
	} else {
		item.sort = to ? CONF_ITEM_TO_WORD : CONF_ITEM_FROM_WORD;
		if (memchr(r->line + word.at, '.', word.length))
			return read_dns(r, rule, item.sort);
		if (value_name(r, name) < 0)
			return -EINVAL;
		for (char *at = name; setline_is_zone(name) && *at; at++)
			*at = (char)tolower((unsigned char)*at);
		item.word = name;
		if (!strcasecmp(name, "self") && !to)
			return reader_fail(r, reader_last(r),
					   "what comes from ourselves is not asked about: self "
					   "stands behind to");
	}
	if (is_among(rule, &item))
		return reader_fail(r, reader_last(r), "this is said before in the same rule");
	return add_item(r, rule, &item);
}

static int read_who(struct reader *r, struct conf_statement *out, bool to)
{
	uint32_t first = r->next;

	/* Nothing is left out. */
	if (reader_takes(r, "anyone") || reader_takes(r, "anywhere"))
		return 0;
	do {
		if (read_one(r, &out->rule, to) < 0)
			return -EINVAL;
	} while (reader_takes(r, ","));
	reader_mark(r, out, to ? CONF_PART_TARGET : CONF_PART_SOURCE, first);
	return 0;
}

/* ---- clauses ---- */

static int read_from(struct reader *r, struct conf_statement *out)
{
	return read_who(r, out, false);
}

/* 10 per minute per source. */
static int read_rate(struct reader *r, struct conf_statement *out)
{
	struct conf_rule *rule = &out->rule;
	const char *words[UNIT_COUNT];
	uint32_t first = r->next;
	int which;

	if (rule->rate_count)
		return reader_fail(r, reader_here(r), "the limit is said twice");
	if (value_number(r, 1, RATE_MAX, "a limit", &rule->rate_count) < 0 ||
	    reader_demand(r, "per") < 0)
		return -EINVAL;
	for (size_t i = 0; i < UNIT_COUNT; i++)
		words[i] = units[i].word;
	which = reader_phrase(r, words, UNIT_COUNT);
	if (which < 0)
		return which;
	rule->rate_span_s = units[which].seconds;
	if (reader_takes(r, "per")) {
		if (reader_demand(r, "source") < 0)
			return -EINVAL;
		rule->each = true;
	}
	reader_mark(r, out, CONF_PART_EXTRA, first);
	return 0;
}

/* "10/minute". */
static bool is_ratio(const struct reader *r)
{
	struct reader_word word = reader_here(r);
	size_t digits = strspn(r->line + word.at, "0123456789");

	return digits && digits + 1 < word.length && r->line[word.at + digits] == '/' &&
	       isalpha((unsigned char)r->line[word.at + digits + 1]);
}

static int read_to(struct reader *r, struct conf_statement *out)
{
	struct conf_item item;

	if (out->rule.verb == CONF_LIMIT && reader_sees(r, 1, "per"))
		return read_rate(r, out);
	if (out->rule.verb == CONF_LIMIT && is_ratio(r))
		return reader_fail(r, reader_here(r),
				   "a limit is said in words, as 10 per minute, or 10 per minute "
				   "per source");
	if (out->mark[CONF_PART_TARGET].length)
		return reader_fail(r, reader_last(r), "to is said twice");
	if (read_who(r, out, true) < 0)
		return -EINVAL;
	/* What a limit is to is a number; what anybody else says there is a place. */
	if (out->rule.verb == CONF_LIMIT && conf_item_find(&out->rule, CONF_ITEM_TO_WORD, &item) &&
	    strspn(item.word, "0123456789") == strlen(item.word))
		return reader_fail(r, reader_last(r),
				   "the time is missing behind this number, as in %s per minute",
				   item.word);
	return 0;
}

static int read_then(struct reader *r, struct conf_statement *out)
{
	static const char *const verbs[] = { "block", "drop", "reject" };
	struct reader_word where = reader_last(r);
	int which = reader_phrase(r, verbs, 3);

	if (which < 0)
		return which;
	if (out->rule.verb != CONF_LIMIT)
		return reader_fail(r, where, "then is for limit: what is done with what is more");
	out->rule.silent = which == 1;
	return 0;
}

static int read_log(struct reader *r, struct conf_statement *out)
{
	(void)r;
	out->rule.log = true;
	return 0;
}

static int read_term(struct reader *r, struct conf_statement *out)
{
	return sentence_term(r, out, &out->rule.term);
}

/* Where a rule stands that is said while others hold: first, last, before NAME or LINE. */
static int read_place(struct reader *r, struct conf_statement *out)
{
	struct reader_word said = reader_last(r);
	char word[READER_WORD_SIZE];
	struct conf_item item = { .sort = CONF_ITEM_PLACE, .word = word };
	struct conf_item other;

	if (conf_item_find(&out->rule, CONF_ITEM_PLACE, &other))
		return reader_fail(r, said, "the place of the rule is said twice");
	reader_copy(r, said, word);
	for (char *at = word; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	if (!strcmp(word, "before") &&
	    value_text(r, word, CONF_NAME_SIZE, "the name or line of a rule") < 0)
		return -EINVAL;
	out->mark[CONF_PART_ON] = (struct conf_mark){ said.at, said.length };
	return add_item(r, &out->rule, &item);
}

static const struct sentence_clause clauses[] = {
	{ "from", read_from, false, false },	   { "to", read_to, true, false },
	{ "then", read_then, false, false },	   { "log", read_log, false, false },
	{ "until", read_term, false, false },	   { "for", read_term, false, false },
	{ "named", sentence_named, false, false }, { "before", read_place, false, true },
	{ "first", read_place, false, true },	   { "last", read_place, false, true },
};

/* ---- the rule ---- */

static int read_program(struct reader *r, struct conf_statement *out)
{
	char word[CONF_PATH_SIZE];
	const struct conf_item item = { .sort = CONF_ITEM_PROGRAM, .word = word };

	if (value_program(r, word) < 0)
		return -EINVAL;
	return add_item(r, &out->rule, &item);
}

/* Both families are not in one packet. */
static int check_families(struct reader *r, const struct conf_statement *s)
{
	bool four[2] = { false, false };
	bool six[2] = { false, false };
	struct conf_item item;
	uint32_t at = 0;

	while (conf_item_next(&s->rule, &at, &item)) {
		bool to = item.sort == CONF_ITEM_TO || item.sort == CONF_ITEM_TO_WORD;

		if (item.sort == CONF_ITEM_FROM || item.sort == CONF_ITEM_TO) {
			four[to] |= minato_addr_is4(&item.prefix.addr);
			six[to] |= !minato_addr_is4(&item.prefix.addr);
		} else if (item.sort == CONF_ITEM_FROM_WORD || item.sort == CONF_ITEM_TO_WORD) {
			four[to] = six[to] = true;
		}
	}
	if ((four[0] && !six[0] && six[1] && !four[1]) ||
	    (six[0] && !four[0] && four[1] && !six[1]))
		return reader_fail(r, reader_last(r),
				   "this can never match: from and to are of two families");
	return 0;
}

/* In the order in which it is printed, whatever was said first. */
static void arrange(struct conf_rule *rule)
{
	static const enum conf_item_sort order[][2] = {
		{ CONF_ITEM_PROGRAM, CONF_ITEM_PROGRAM }, { CONF_ITEM_PORTS, CONF_ITEM_TYPES },
		{ CONF_ITEM_FROM, CONF_ITEM_FROM_WORD },  { CONF_ITEM_TO, CONF_ITEM_TO_WORD },
		{ CONF_ITEM_NUMBERS, CONF_ITEM_PLACE },
	};
	struct conf_rule from = *rule;
	struct conf_item item;

	memset(rule->tail, 0, rule->tail_size);
	rule->tail_size = 0;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		uint32_t at = 0;

		while (conf_item_next(&from, &at, &item)) {
			if (item.sort == order[i][0] || item.sort == order[i][1])
				(void)conf_item_add(rule, &item);
		}
	}
}

static int check_whole(struct reader *r, const struct conf_statement *s)
{
	struct conf_item item;

	if (s->rule.verb == CONF_LIMIT && !s->rule.rate_count)
		return reader_fail(r, reader_here(r),
				   "the limit is missing: to NUMBER per second, minute, hour or "
				   "day, as in to 10 per minute per source");
	if (!s->rule.out && conf_item_find(&s->rule, CONF_ITEM_PROGRAM, &item))
		return reader_fail(r, r->word[2],
				   "a program is known of what goes out alone: say out behind it");
	return check_families(r, s);
}

int ruleline_read(struct reader *r, struct conf_statement *out)
{
	static const char *const verbs[] = { "allow", "block", "drop", "limit", "reject" };
	struct conf_rule *rule = &out->rule;
	size_t verb = 0;

	while (!(strlen(verbs[verb]) == reader_last(r).length &&
		 !strncasecmp(r->line + reader_last(r).at, verbs[verb], reader_last(r).length)))
		verb++;
	rule->verb = (uint8_t)(verb == 4 ? CONF_BLOCK : verb);
	if (reader_takes(r, "program") && read_program(r, out) < 0)
		return -EINVAL;
	rule->out = reader_takes(r, "out");
	if (rule->out && reader_sees(r, 0, "program"))
		return reader_fail(r, reader_here(r),
				   "the program stands before out: program NAME out");
	if (read_what(r, rule) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_SUBJECT, 0);
	if (sentence_clauses(r, out, clauses, sizeof(clauses) / sizeof(clauses[0])) < 0)
		return -EINVAL;
	arrange(rule);
	return check_whole(r, out);
}
