/* SPDX-License-Identifier: BSD-2-Clause */
/* Test lines that speak of what there is not: a guest has no forwards, a gateway no programs. */
#include "conf/rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_of_inside(const struct conf *conf, const struct minato_addr *addr)
{
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];

		if (s->kind == CONF_KIND_LINK && !s->link.outside && judge_on_link(&s->link, addr))
			return true;
	}
	return false;
}

static bool has_host_outside(const struct conf *conf)
{
	for (size_t i = 0; i < conf->count; i++) {
		if (conf->list[i]->kind == CONF_KIND_LINK &&
		    conf->list[i]->link.sort == CONF_LINK_HOST)
			return true;
	}
	return false;
}

/* As an inside host, but from outside: such are dropped, and no statement is asked. Over the
   host's sockets they are closed as well. */
static bool forgets_inside(const struct conf *conf, const struct conf_test *test)
{
	const bool wants_none = test->outcome == CONF_DROPPED ||
				(test->outcome == CONF_CLOSED && has_host_outside(conf));

	return !test->inside && (!wants_none || test->by[0] || test->by_line) &&
	       is_of_inside(conf, &test->source.addr);
}

/* At the word that says from whom. */
static void say_caller(struct conf_report *report, const struct conf_statement *s, bool guest)
{
	struct conf_fault *fault =
		judge_say(report, CONF_ERROR, s, CONF_PART_SUBJECT, 0,
			  guest ? "a packet is from one address or from another guest, and %s is "
				  "neither" :
				  "a packet is from one address: %s is none",
			  s->test.caller);

	(void)snprintf(fault->word, sizeof(fault->word), "%s", s->test.caller);
}

static void judge_gateways(const struct conf *conf, const struct conf_statement *s,
			   struct conf_report *report)
{
	const struct conf_test *test = &s->test;

	if (test->caller[0])
		say_caller(report, s, false);
	else if (test->guest || test->program[0])
		judge_say(report, CONF_ERROR, s, CONF_PART_SUBJECT, 0,
			  "guests and their programs are tested in the rules of a guest (minato "
			  "check --guest); what inside hosts begin is 'from inside ADDRESS'");
	else if (test->self)
		judge_say(report, CONF_ERROR, s, CONF_PART_SUBJECT, 0,
			  "a gateway has addresses of its own: say one of them");
	else if (forgets_inside(conf, test))
		judge_say(report, CONF_WARNING, s, CONF_PART_SUBJECT, 0,
			  "this comes from outside, with the address of an inside host: what that "
			  "sends is 'from inside ADDRESS'");
}

/* Whether it is a zone, a set, or what the rules belong to. */
static bool is_other(const struct rules_names *names, const char *word)
{
	const struct conf_statement *link = NULL;

	return rules_word(names, word, &link) != RULES_GUEST;
}

static void judge_guests(const struct conf_statement *s, const struct rules_names *names,
			 struct conf_report *report)
{
	const struct conf_test *test = &s->test;

	if (test->caller[0] && is_other(names, test->caller))
		say_caller(report, s, true);
	else if (test->program[0] && !test->inside)
		judge_say(report, CONF_ERROR, s, CONF_PART_SUBJECT, 0,
			  "a program is known of what goes out alone: from guest");
	else if ((uint8_t)test->proto == MINATO_PROTO_OTHER)
		judge_say(report, CONF_ERROR, s, CONF_PART_SUBJECT, 0,
			  "of a guest tcp, udp and pings are carried, and nothing else");
	else if (test->proto == MINATO_ICMP && !test->inside)
		judge_say(report, CONF_ERROR, s, CONF_PART_SUBJECT, 0,
			  "pings that come in are answered by the host's kernel, which asks no "
			  "rule of a guest");
	else if (test->outcome == CONF_REACHES || test->outcome == CONF_LEAVES_FROM ||
		 test->outcome == CONF_ANSWERED)
		judge_say(report, CONF_ERROR, s, CONF_PART_TARGET, 0,
			  "the rules of a guest let a flow pass or not: 'passes', 'is closed' or "
			  "'is dropped'");
}

void testjudge_judge(const struct conf *conf, const struct rules_names *guest,
		     struct conf_report *report)
{
	for (size_t i = 0; i < conf->count; i++) {
		if (conf->list[i]->kind != CONF_KIND_TEST)
			continue;
		if (guest)
			judge_guests(conf->list[i], guest, report);
		else
			judge_gateways(conf, conf->list[i], report);
	}
}

/* ---- by line, by name ---- */

static bool decides(const struct conf_statement *s)
{
	return s->kind == CONF_KIND_RULE || s->kind == CONF_KIND_FORWARD ||
	       s->kind == CONF_KIND_DMZ;
}

static int compare_lines(const void *one, const void *two)
{
	const struct conf_statement *const *a = one;
	const struct conf_statement *const *b = two;

	return ((*a)->line > (*b)->line) - ((*a)->line < (*b)->line);
}

static int compare_names(const void *one, const void *two)
{
	const struct conf_statement *const *a = one;
	const struct conf_statement *const *b = two;

	return strcmp((*a)->name, (*b)->name);
}

static int find_line(const void *key, const void *element)
{
	const uint32_t *line = key;
	const struct conf_statement *const *s = element;

	return (*line > (*s)->line) - (*line < (*s)->line);
}

static int find_name(const void *key, const void *element)
{
	const struct conf_statement *const *s = element;

	return strcmp(key, (*s)->name);
}

/* Those that can decide, and how many they are. */
struct deciders {
	const struct conf_statement **list;
	size_t count;
};

static void judge_lines(const struct conf *conf, const struct deciders *d,
			struct conf_report *report)
{
	qsort(d->list, d->count, sizeof(d->list[0]), compare_lines);
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];

		if (s->kind == CONF_KIND_TEST && s->test.by_line &&
		    !bsearch(&s->test.by_line, d->list, d->count, sizeof(d->list[0]), find_line))
			judge_say(report, CONF_ERROR, s, CONF_PART_EXTRA, 0,
				  "in line %u stands no rule, forward or dmz",
				  CONF_LINE_NUMBER(s->test.by_line));
	}
}

static void judge_credited(const struct conf *conf, const struct deciders *d,
			   struct conf_report *report)
{
	qsort(d->list, d->count, sizeof(d->list[0]), compare_names);
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];

		if (s->kind == CONF_KIND_TEST && s->test.by[0] &&
		    !bsearch(s->test.by, d->list, d->count, sizeof(d->list[0]), find_name))
			judge_say(report, CONF_ERROR, s, CONF_PART_EXTRA, 0,
				  "no rule, forward or dmz is called %s", s->test.by);
	}
}

int testjudge_credits(const struct conf *conf, struct conf_report *report)
{
	struct deciders d = { calloc(conf->count + 1, sizeof(d.list[0])), 0 };

	if (!d.list)
		return -ENOMEM;
	for (size_t i = 0; i < conf->count; i++) {
		if (decides(conf->list[i]))
			d.list[d.count++] = conf->list[i];
	}
	judge_lines(conf, &d, report);
	judge_credited(conf, &d, report);
	free(d.list);
	return report->errors ? -EINVAL : 0;
}
