/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements in their canonical form, which reads back to the same. */
#include "conf/writing.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void writing_put(struct writing *w, const char *format, ...)
{
	size_t room = w->used < w->size ? w->size - w->used : 0;
	va_list values;
	int length;

	va_start(values, format);
	length = vsnprintf(room ? w->text + w->used : NULL, room, format, values);
	va_end(values);
	if (length > 0)
		w->used += (size_t)length;
}

/* ---- parts ---- */

static void put_addr(struct writing *w, const struct minato_addr *addr)
{
	char text[64];

	minato_addr_format(addr, text, sizeof(text));
	writing_put(w, "%s", text);
}

void writing_prefix(struct writing *w, const struct conf_prefix *prefix)
{
	put_addr(w, &prefix->addr);
	writing_put(w, "/%d",
		    minato_addr_is4(&prefix->addr) ? prefix->length - 96 : prefix->length);
}

static void put_end(struct writing *w, const struct minato_endpoint *end)
{
	bool brackets = end->port && !minato_addr_is4(&end->addr);

	writing_put(w, brackets ? "[" : "");
	put_addr(w, &end->addr);
	writing_put(w, brackets ? "]" : "");
	if (end->port)
		writing_put(w, ":%u", end->port);
}

void writing_run(struct writing *w, uint32_t first, uint32_t last)
{
	writing_put(w, "%u", first);
	if (last != first)
		writing_put(w, "-%u", last);
}

static void put_runs(struct writing *w, const struct conf_run *run, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		writing_put(w, i ? ", " : " ");
		writing_run(w, run[i].first, run[i].last);
	}
}

static const char *protocols_word(uint8_t protocols)
{
	return protocols == CONF_TCP ? "tcp" : protocols == CONF_UDP ? "udp" : "tcp,udp";
}

void writing_span(struct writing *w, uint32_t seconds)
{
	static const struct {
		uint32_t seconds;
		char letter;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (seconds >= units[i].seconds)
			writing_put(w, "%u%c", seconds / units[i].seconds, units[i].letter);
		seconds %= units[i].seconds;
	}
}

static void put_sources(struct writing *w, const struct conf_prefix *source, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		writing_put(w, i ? ", " : " from ");
		writing_prefix(w, &source[i]);
	}
}

static void put_bounds(struct writing *w, uint32_t flows, uint32_t source_flows)
{
	if (flows)
		writing_put(w, " at most %u connections", flows);
	if (source_flows)
		writing_put(w, " at most %u per source", source_flows);
}

void writing_term(struct writing *w, const struct conf_term *term)
{
	switch (term->sort) {
	case CONF_TERM_NONE:
		break;
	case CONF_TERM_CLOCK:
		writing_put(w, " until %02u:%02u", term->hour, term->minute);
		break;
	case CONF_TERM_DATE:
		writing_put(w, " until %04u-%02u-%02u %02u:%02u", term->year, term->month,
			    term->day, term->hour, term->minute);
		break;
	case CONF_TERM_SPAN:
		writing_put(w, " for ");
		writing_span(w, term->seconds);
		break;
	}
}

static void put_named(struct writing *w, const struct conf_statement *s)
{
	if (s->name[0])
		writing_put(w, " named %s", s->name);
}

/* ---- statements ---- */

static void put_link(struct writing *w, const struct conf_statement *s)
{
	static const uint8_t no_mac[6] = { 0 };
	const struct conf_link *link = &s->link;

	writing_put(w, "%s", link->outside ? "outside" : "inside");
	if (link->sort == CONF_LINK_HOST)
		writing_put(w, " host");
	else
		writing_put(w, link->sort == CONF_LINK_TAP ? " tap %s" : " %s", link->ifname);
	for (uint32_t i = 0; i < link->address_count; i++) {
		writing_put(w, i ? ", " : " ");
		writing_prefix(w, &link->address[i]);
	}
	for (uint32_t i = 0; i < link->via_count; i++) {
		writing_put(w, i ? ", " : " via ");
		put_addr(w, &link->via[i]);
	}
	if (link->space == CONF_SPACE_PID)
		writing_put(w, " in namespace pid %u", link->space_pid);
	else if (link->space != CONF_SPACE_OURS)
		writing_put(w, " in namespace %s", link->space_name);
	if (link->mtu)
		writing_put(w, " mtu %u", link->mtu);
	if (link->take)
		writing_put(w, " take");
	if (memcmp(link->mac, no_mac, sizeof(no_mac)) != 0)
		writing_put(w, " mac %02x:%02x:%02x:%02x:%02x:%02x", link->mac[0], link->mac[1],
			    link->mac[2], link->mac[3], link->mac[4], link->mac[5]);
	if (link->vlan)
		writing_put(w, " vlan %u", link->vlan);
	put_named(w, s);
}

static void put_pool(struct writing *w, const struct conf_pool *pool)
{
	writing_put(w, "pool ");
	writing_prefix(w, &pool->addresses);
	if (pool->low) {
		writing_put(w, " ports ");
		writing_run(w, pool->low, pool->high);
	}
	if (pool->link[0])
		writing_put(w, " on %s", pool->link);
}

/* The ports that the server's port stands for are said in full. */
static void put_server(struct writing *w, const struct conf_forward *f,
		       const struct conf_server *server)
{
	uint32_t span = (uint32_t)(f->run[0].last - f->run[0].first);

	put_end(w, &server->at);
	if (server->at.port && !f->many_to_one && span)
		writing_put(w, "-%u", server->at.port + span);
	if (server->weight > 1)
		writing_put(w, " weight %u", server->weight);
	if (server->drain)
		writing_put(w, " drain");
}

static void put_forward(struct writing *w, const struct conf_statement *s)
{
	const struct conf_forward *f = &s->forward;

	writing_put(w, "forward %s", protocols_word(f->protocols));
	put_runs(w, f->run, f->run_count);
	if (!minato_addr_is_any(&f->on)) {
		writing_put(w, " on ");
		put_addr(w, &f->on);
	}
	writing_put(w, f->many_to_one ? " all to " : " to ");
	if (f->to == CONF_TO_SOCKET)
		writing_put(w, "unix:%s", f->path);
	for (uint32_t i = 0; i < f->server_count; i++) {
		writing_put(w, i ? ", " : "");
		put_server(w, f, &f->server[i]);
	}
	writing_put(w, f->sticky ? " sticky" : "");
	if (f->check_s) {
		writing_put(w, " check every ");
		writing_span(w, f->check_s);
	}
	if (f->proxy)
		writing_put(w, " proxy v%u", f->proxy);
	put_sources(w, f->source, f->source_count);
	put_bounds(w, f->flows_max, f->source_flows_max);
	writing_term(w, &f->term);
	put_named(w, s);
}

static void put_dmz(struct writing *w, const struct conf_statement *s)
{
	const struct conf_dmz *dmz = &s->dmz;

	writing_put(w, "dmz ");
	put_addr(w, &dmz->host);
	if (!minato_addr_is_any(&dmz->on)) {
		writing_put(w, " on ");
		put_addr(w, &dmz->on);
	}
	for (uint32_t i = 0; i < dmz->except_count; i++) {
		writing_put(w, "%s%s ", i ? ", " : " except ",
			    protocols_word(dmz->except[i].protocols));
		writing_run(w, dmz->except[i].run.first, dmz->except[i].run.last);
	}
	put_sources(w, dmz->source, dmz->source_count);
	put_bounds(w, dmz->flows_max, dmz->source_flows_max);
	writing_term(w, &dmz->term);
	put_named(w, s);
}

static void put_drain(struct writing *w, const struct conf_drain *drain)
{
	const struct minato_endpoint end = { drain->host, drain->port };

	writing_put(w, "drain ");
	put_end(w, &end);
	writing_term(w, &drain->term);
}

static void put_nat(struct writing *w, const struct conf_nat *nat)
{
	const char *words = natline_words(nat->key);

	switch (natline_value(nat->key)) {
	case CONF_NAT_FILTER:
		writing_put(w, "nat %s %s", words, natline_filters[nat->value]);
		break;
	case CONF_NAT_SWITCH:
		writing_put(w, "nat %s %s", words, nat->value ? "on" : "off");
		break;
	case CONF_NAT_TIMER:
		writing_put(w, "nat %s %s", words, nat->value ? "" : "off");
		writing_span(w, nat->value);
		break;
	case CONF_NAT_COUNT:
		writing_put(w, "nat at most ");
		writing_put(w, nat->value ? "%u" : "unlimited", nat->value);
		writing_put(w, " %s", words);
		break;
	}
}

static void put_capacity(struct writing *w, const struct conf_capacity *capacity)
{
	static const char *const words[CONF_CAPACITY_COUNT] = { "sessions", "mappings", "hosts" };

	writing_put(w, "capacity %u %s", capacity->value, words[capacity->key]);
}

static void put_test_ends(struct writing *w, const struct conf_test *test)
{
	writing_put(w, " from %s",
		    test->guest     ? "guest" :
		    test->caller[0] ? test->caller :
		    test->inside    ? "inside " :
				      "");
	if (!test->guest && !test->caller[0])
		put_end(w, &test->source);
	writing_put(w, " to %s", test->self ? "self" : test->host);
	if (!test->self && !test->host[0])
		put_end(w, &test->destination);
	else if (test->destination.port)
		writing_put(w, ":%u", test->destination.port);
}

static void put_test(struct writing *w, const struct conf_test *test)
{
	static const char *const outcomes[] = { "reaches",    "leaves from", "is closed",
						"is dropped", "is answered", "passes" };
	char number[CONF_PROTOCOL_SIZE];
	int four, six;

	writing_put(w, "test %s%s%s%s", test->program[0] ? "program " : "", test->program,
		    test->program[0] ? " " : "",
		    test->proto == MINATO_TCP  ? "tcp" :
		    test->proto == MINATO_UDP  ? "udp" :
		    test->proto == MINATO_ICMP ? "icmp " :
						 conf_protocol_word(number, (uint8_t)test->type));
	if (test->proto == MINATO_ICMP && test->type >= CONF_TYPE_NAMED)
		writing_put(w, "%s", ruleline_type(test->type, &four, &six));
	else if (test->proto == MINATO_ICMP)
		writing_put(w, "%u", test->type);
	put_test_ends(w, test);
	writing_put(w, " %s", outcomes[test->outcome]);
	if (test->path[0])
		writing_put(w, " unix:%s", test->path);
	for (uint32_t i = 0; i < test->end_count; i++) {
		writing_put(w, i ? " or " : " ");
		put_end(w, &test->end[i]);
	}
	if (test->by[0])
		writing_put(w, " by %s", test->by);
	if (test->by_line)
		writing_put(w, " by line %u", CONF_LINE_NUMBER(test->by_line));
}

static void put_statement(struct writing *w, const struct conf_statement *s)
{
	switch (s->kind) {
	case CONF_KIND_LINK:
		put_link(w, s);
		break;
	case CONF_KIND_ROUTE:
		writing_put(w, "route ");
		writing_prefix(w, &s->route.to);
		writing_put(w, " via ");
		put_addr(w, &s->route.via);
		break;
	case CONF_KIND_POOL:
		put_pool(w, &s->pool);
		break;
	case CONF_KIND_FORWARD:
		put_forward(w, s);
		break;
	case CONF_KIND_DMZ:
		put_dmz(w, s);
		break;
	case CONF_KIND_DRAIN:
		put_drain(w, &s->drain);
		break;
	case CONF_KIND_NEVER:
		writing_put(w, "never translate ");
		writing_prefix(w, &s->never);
		break;
	case CONF_KIND_NAT:
		put_nat(w, &s->nat);
		break;
	case CONF_KIND_CAPACITY:
		put_capacity(w, &s->capacity);
		break;
	case CONF_KIND_LISTEN:
		writing_put(w, "listen systemd");
		break;
	case CONF_KIND_RESERVE:
		writing_put(w, "reserve %s", protocols_word(s->reserve.protocols));
		put_runs(w, s->reserve.run, s->reserve.run_count);
		put_named(w, s);
		break;
	case CONF_KIND_STATE:
		writing_put(w, "state %s", s->state);
		break;
	case CONF_KIND_TEST:
		put_test(w, &s->test);
		break;
	case CONF_KIND_RULE:
		ruleprint_rule(w, &s->rule);
		put_named(w, s);
		break;
	case CONF_KIND_ZONE:
	case CONF_KIND_SET:
		ruleprint_set(w, conf_verb(s), &s->set);
		break;
	case CONF_KIND_SCANS:
		ruleprint_scans(w, &s->scans);
		break;
	case CONF_KIND_ALERT:
		ruleprint_alert(w, &s->alert);
		break;
	case CONF_KIND_COUNT:
		break;
	}
}

size_t conf_print(char *out, size_t size, const struct conf_statement *statement)
{
	struct writing w = { out, size, 0 };

	if (size > 0)
		out[0] = 0;
	put_statement(&w, statement);
	return w.used;
}

bool conf_same(const struct conf_statement *a, const struct conf_statement *b)
{
	char text[2][CONF_TEXT_SIZE];

	if (a->kind != b->kind)
		return false;
	conf_print(text[0], sizeof(text[0]), a);
	conf_print(text[1], sizeof(text[1]), b);
	return strcmp(text[0], text[1]) == 0;
}

const char *conf_verb(const struct conf_statement *statement)
{
	static const char *const words[CONF_KIND_COUNT] = {
#define X(name, word) word,
		CONF_KINDS(X)
#undef X
	};

	if (statement->kind == CONF_KIND_LINK && statement->link.outside)
		return "outside";
	if (statement->kind == CONF_KIND_RULE)
		return ruleprint_verb(&statement->rule);
	return words[statement->kind];
}
