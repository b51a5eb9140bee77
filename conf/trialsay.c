/* SPDX-License-Identifier: BSD-2-Clause */
/* What a test wanted and what it got: whether it is met, and the words for it. */
#include "conf/trial.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

uint16_t conf_test_type(const struct conf_test *test)
{
	const struct minato_addr *addr = test->self ? &test->source.addr : &test->destination.addr;
	int four, six;

	if (test->proto != MINATO_ICMP || test->type < CONF_TYPE_NAMED)
		return test->type;
	(void)ruleline_type(test->type, &four, &six);
	return (uint16_t)(minato_addr_is4(addr) ? four : six);
}

static bool is_among(const struct conf_test *test, const struct minato_endpoint *end)
{
	for (uint32_t i = 0; i < test->end_count; i++) {
		if (minato_addr_equal(&test->end[i].addr, &end->addr) &&
		    (!test->end[i].port || test->end[i].port == end->port))
			return true;
	}
	return false;
}

bool trial_server_end(const struct conf_test *test, const struct conf_forward *f, uint32_t index,
		      struct minato_endpoint *out)
{
	*out = f->server[index].at;
	if (!out->port)
		out->port = test->destination.port;
	return !f->server[index].drain;
}

static bool is_list(const struct conf_statement *by)
{
	return by && by->kind == CONF_KIND_FORWARD && by->forward.to == CONF_TO_SERVERS &&
	       by->forward.server_count > 1;
}

static bool is_named(const struct conf_test *test, const struct conf_statement *s)
{
	return s && (test->by_line ? s->line == test->by_line : !strcmp(s->name, test->by));
}

/* Whether it was done by what the test says. */
static bool is_by(const struct conf *conf, const struct conf_test *test,
		  const struct conf_fate *found)
{
	const struct conf_statement *rule = found->rule < conf->count ? conf->list[found->rule] :
									NULL;

	return (!test->by[0] && !test->by_line) || is_named(test, rule) ||
	       is_named(test, found->by);
}

static bool is_met(const struct conf_test *test, const struct conf_fate *found)
{
	struct minato_endpoint end;

	if (found->host && found->outcome == CONF_ANSWERED)
		return false;
	if (test->outcome == CONF_PASSES)
		return found->outcome != CONF_CLOSED && found->outcome != CONF_DROPPED;
	if (found->outcome != test->outcome || found->host)
		return false;
	if (found->outcome != CONF_REACHES && found->outcome != CONF_LEAVES_FROM)
		return true;
	if (found->by && found->by->kind == CONF_KIND_FORWARD &&
	    found->by->forward.to == CONF_TO_SOCKET)
		return !strcmp(found->by->forward.path, test->path);
	if (!is_list(found->by))
		return is_among(test, &found->end);
	for (uint32_t i = 0; i < found->by->forward.server_count; i++) {
		if (trial_server_end(test, &found->by->forward, i, &end) && !is_among(test, &end))
			return false;
	}
	return true;
}

__attribute__((format(printf, 2, 3))) static void append(struct conf_verdict *verdict,
							 const char *format, ...)
{
	size_t used = strlen(verdict->got);
	va_list args;

	va_start(args, format);
	vsnprintf(verdict->got + used, sizeof(verdict->got) - used, format, args);
	va_end(args);
}

static void append_end(struct conf_verdict *verdict, const struct minato_endpoint *end)
{
	char text[64];

	minato_addr_format(&end->addr, text, sizeof(text));
	if (end->port)
		append(verdict, minato_addr_is4(&end->addr) ? "%s:%u" : "[%s]:%u", text, end->port);
	else
		append(verdict, "%s", text);
}

static void say_line(struct conf_verdict *verdict, const struct conf *conf, uint32_t line)
{
	char where[CONF_WHERE_SIZE];

	append(verdict, " by %s", conf_where(where, conf, line));
}

static void say_reached(struct conf_verdict *verdict, const struct conf *conf,
			const struct conf_test *test, const struct conf_fate *found)
{
	const struct conf_forward *f = found->by ? &found->by->forward : NULL;
	struct minato_endpoint end;
	const char *before = "reaches ";

	if (is_list(found->by)) {
		for (uint32_t i = 0; i < f->server_count; i++) {
			if (!trial_server_end(test, f, i, &end))
				continue;
			append(verdict, "%s", before);
			append_end(verdict, &end);
			before = " or ";
		}
	} else if (f && found->by->kind == CONF_KIND_FORWARD && f->to == CONF_TO_SOCKET) {
		append(verdict, "reaches unix:%s", f->path);
	} else {
		append(verdict, "reaches ");
		append_end(verdict, &found->end);
	}
	if (found->by)
		say_line(verdict, conf, found->by->line);
}

static void say_rule(struct conf_verdict *verdict, const struct conf *conf,
		     const struct conf_fate *found)
{
	if (found->rule < conf->count)
		say_line(verdict, conf, conf->list[found->rule]->line);
	else if (found->rule == conf->count)
		append(verdict, " by what is built in: NetBIOS and SMB are for lan alone");
}

/* Of which the file says nothing. */
static bool say_host(struct conf_verdict *verdict, const struct conf_fate *found)
{
	if (!found->host)
		return false;
	append(verdict, found->outcome == CONF_ANSWERED ?
				"meets the host's kernel, of which the file says nothing" :
				"leaves by the host's sockets, of which the file says nothing");
	return true;
}

void trial_judge(const struct conf *conf, struct conf_verdict *verdict,
		 const struct conf_test *test, const struct conf_fate *found)
{
	verdict->met = is_met(test, found) && is_by(conf, test, found);
	if (say_host(verdict, found))
		return;
	switch (found->outcome) {
	case CONF_REACHES:
		say_reached(verdict, conf, test, found);
		break;
	case CONF_LEAVES_FROM:
		append(verdict, "leaves from ");
		append_end(verdict, &found->end);
		break;
	case CONF_CLOSED:
		append(verdict, "is closed");
		if (found->by)
			say_line(verdict, conf, found->by->line);
		else
			say_rule(verdict, conf, found);
		break;
	case CONF_DROPPED:
		append(verdict, "is dropped");
		say_rule(verdict, conf, found);
		break;
	case CONF_ANSWERED:
		append(verdict, "is answered");
		say_rule(verdict, conf, found);
		break;
	case CONF_PASSES:
		append(verdict, "passes");
		if (found->rule == SIZE_MAX)
			append(verdict, ": no rule is about it");
		say_rule(verdict, conf, found);
		break;
	}
}
