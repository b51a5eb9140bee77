/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in one conf and not in the other; and which statement is meant. */
#include "conf/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- diff ---- */

/* A statement as text, with its index. */
struct text {
	char *text;
	size_t index;
};
struct texts {
	struct text *list;
	size_t count;
};

static void free_texts(struct texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->list[i].text);
	free(texts->list);
}

static int compare_texts(const void *one, const void *two)
{
	const struct text *a = one;
	const struct text *b = two;
	int result = strcmp(a->text, b->text);

	return result ? result : a->index < b->index ? -1 : a->index > b->index;
}

static int make_texts(struct texts *texts, const struct conf *conf)
{
	char text[CONF_TEXT_SIZE];

	texts->count = 0;
	texts->list = calloc(conf->count + 1, sizeof(texts->list[0]));
	if (!texts->list)
		return -ENOMEM;
	for (size_t i = 0; i < conf->count; i++) {
		if (conf->list[i]->kind == CONF_KIND_TEST || conf->list[i]->kind == CONF_KIND_RULE)
			continue;
		conf_print(text, sizeof(text), conf->list[i]);
		texts->list[texts->count] = (struct text){ strdup(text), i };
		if (!texts->list[texts->count].text)
			return -ENOMEM;
		texts->count++;
	}
	qsort(texts->list, texts->count, sizeof(texts->list[0]), compare_texts);
	return 0;
}

static int compare_indices(const void *one, const void *two)
{
	size_t a = *(const size_t *)one;
	size_t b = *(const size_t *)two;

	return a < b ? -1 : a > b;
}

/* Both lists are sorted: what stands in one alone falls out. */
static void merge(struct conf_diff *diff, const struct texts *old, const struct texts *new)
{
	size_t i = 0;
	size_t k = 0;

	while (i < old->count || k < new->count) {
		int order = i == old->count ? 1 :
			    k == new->count ? -1 :
					      strcmp(old->list[i].text, new->list[k].text);

		if (order < 0)
			diff->remove[diff->remove_count++] = old->list[i].index;
		if (order > 0)
			diff->add[diff->add_count++] = new->list[k].index;
		if (order == 0)
			diff->same[new->list[k].index] = old->list[i].index;
		i += order <= 0;
		k += order >= 0;
	}
	qsort(diff->remove, diff->remove_count, sizeof(diff->remove[0]), compare_indices);
	qsort(diff->add, diff->add_count, sizeof(diff->add[0]), compare_indices);
}

int conf_diff_make(struct conf_diff *diff, const struct conf *old, const struct conf *new)
{
	struct texts before = { 0 };
	struct texts after = { 0 };
	int result = make_texts(&before, old);

	*diff = (struct conf_diff){ 0 };
	if (result == 0)
		result = make_texts(&after, new);
	if (result == 0) {
		diff->remove = calloc(old->count + 1, sizeof(diff->remove[0]));
		diff->add = calloc(new->count + 1, sizeof(diff->add[0]));
		diff->same = malloc((new->count + 1) * sizeof(diff->same[0]));
		result = diff->remove && diff->add && diff->same ? 0 : -ENOMEM;
	}
	for (size_t i = 0; result == 0 && i < new->count; i++)
		diff->same[i] = SIZE_MAX;
	if (result == 0)
		merge(diff, &before, &after);
	else
		conf_diff_free(diff);
	free_texts(&before);
	free_texts(&after);
	return result;
}

void conf_diff_free(struct conf_diff *diff)
{
	free(diff->remove);
	free(diff->add);
	free(diff->same);
	*diff = (struct conf_diff){ 0 };
}

/* ---- which one is meant ---- */

/* Without what is not its place: targets, clauses, name. */
static void strip(struct conf_statement *out, const struct conf_statement *s)
{
	memset(out, 0, sizeof(*out));
	out->kind = s->kind;
	if (s->kind == CONF_KIND_FORWARD) {
		const struct conf_forward *f = &s->forward;

		out->forward.protocols = f->protocols;
		memcpy(out->forward.run, f->run, sizeof(f->run));
		out->forward.run_count = f->run_count;
		out->forward.on = f->on;
		memcpy(out->forward.source, f->source, sizeof(f->source));
		out->forward.source_count = f->source_count;
	} else {
		out->dmz.host = s->dmz.host;
		out->dmz.on = s->dmz.on;
		memcpy(out->dmz.source, s->dmz.source, sizeof(s->dmz.source));
		out->dmz.source_count = s->dmz.source_count;
	}
}

/* What it is about, without its clauses. */
static void strip_rule(struct conf_rule *out, const struct conf_rule *rule)
{
	struct conf_item item;
	uint32_t at = 0;

	memset(out, 0, sizeof(*out));
	out->verb = rule->verb;
	out->protocols = rule->protocols;
	out->out = rule->out;
	out->rate_count = rule->rate_count;
	out->rate_span_s = rule->rate_span_s;
	while (conf_item_next(rule, &at, &item)) {
		if (item.sort != CONF_ITEM_PLACE)
			(void)conf_item_add(out, &item);
	}
}

bool conf_rule_same(const struct conf_rule *a, const struct conf_rule *b)
{
	static struct conf_rule one, two;

	strip_rule(&one, a);
	strip_rule(&two, b);
	return !memcmp(&one, &two, offsetof(struct conf_rule, tail) + one.tail_size);
}

/* Where its first port leads to. */
static struct minato_endpoint way_of(const struct conf_forward *f, uint32_t server)
{
	struct minato_endpoint at = f->server[server].at;

	if (at.port == 0)
		at.port = f->run[0].first;
	return at;
}

/* Who names a target means the one that goes there, whatever its clauses. */
static bool leads_there(const struct conf_forward *wanted, const struct conf_forward *f)
{
	if (wanted->server_count == 0 && !wanted->path[0])
		return true; /* none is named */
	if (wanted->to != f->to || strcmp(wanted->path, f->path) ||
	    wanted->many_to_one != f->many_to_one || wanted->server_count != f->server_count)
		return false;
	for (uint32_t i = 0; i < f->server_count; i++) {
		const struct minato_endpoint a = way_of(wanted, i), b = way_of(f, i);

		if (!minato_addr_equal(&a.addr, &b.addr) || a.port != b.port)
			return false;
	}
	return true;
}

static bool same_place(const struct conf_statement *a, const struct conf_statement *b)
{
	struct conf_statement one, two;

	if (a->kind == CONF_KIND_RULE && b->kind == CONF_KIND_RULE)
		return conf_rule_same(&a->rule, &b->rule);
	if (a->kind == CONF_KIND_DRAIN && b->kind == CONF_KIND_DRAIN)
		return a->drain.port == b->drain.port &&
		       minato_addr_equal(&a->drain.host, &b->drain.host);
	if (a->kind != b->kind || (a->kind != CONF_KIND_FORWARD && a->kind != CONF_KIND_DMZ))
		return false;
	strip(&one, a);
	strip(&two, b);
	return conf_same(&one, &two);
}

int conf_find(const struct conf *conf, const char *text, struct conf_report *report)
{
	struct conf_statement wanted;
	int found = -ENOENT;
	int result;

	for (size_t i = 0; i < conf->count; i++) {
		if (conf->list[i]->name[0] && !strcmp(conf->list[i]->name, text))
			return (int)i;
	}
	result = parse_alone(&wanted, text, true, report);
	if (result < 0)
		return result;
	for (size_t i = 0; i < conf->count; i++) {
		if (conf_same(conf->list[i], &wanted))
			return (int)i;
	}
	for (size_t i = 0; i < conf->count; i++) {
		if (same_place(conf->list[i], &wanted) &&
		    (wanted.kind != CONF_KIND_FORWARD ||
		     leads_there(&wanted.forward, &conf->list[i]->forward)))
			found = found == -ENOENT ? (int)i : -ENOTUNIQ;
	}
	return found;
}

/* Whether both have a port in common. */
static bool shares_port(const struct conf_forward *a, const struct conf_forward *b)
{
	if (!(a->protocols & b->protocols))
		return false;
	for (uint32_t i = 0; i < a->run_count; i++) {
		for (uint32_t k = 0; k < b->run_count; k++) {
			if (a->run[i].first <= b->run[k].last && b->run[k].first <= a->run[i].last)
				return true;
		}
	}
	return false;
}

size_t conf_find_near(const struct conf *conf, const char *text, size_t *out, size_t max)
{
	struct conf_report report;
	struct conf_statement wanted;
	size_t count = 0;

	if (parse_alone(&wanted, text, true, &report) < 0)
		return 0;
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];
		bool near = s->kind == wanted.kind &&
			    ((s->kind == CONF_KIND_FORWARD &&
			      shares_port(&s->forward, &wanted.forward)) ||
			     (s->kind == CONF_KIND_DRAIN &&
			      minato_addr_equal(&s->drain.host, &wanted.drain.host)));

		if (near && count < max)
			out[count] = i;
		count += near;
	}
	return count;
}
