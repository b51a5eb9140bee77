/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a flow passes or not: what a gateway's worker answers to {"request":"why"}. */
#include "cmd/gateway/gateway.h"
#include "cmd/guard/scans.h"

#include <string.h>

#include "minato/guard.h"

#define STEPS_MAX 8u

#define NO_LINK SIZE_MAX

static bool has_address(const struct conf_link *said, const struct minato_addr *addr)
{
	for (uint32_t i = 0; i < said->address_count; i++) {
		if (minato_addr_equal(&said->address[i].addr, addr))
			return true;
	}
	return false;
}

/* How many bits of the longest network on the link, or routed by it, say that it is from there. */
static int bits_of(const struct gateway_applied *applied, const struct conf_link *said,
		   const struct minato_addr *source)
{
	const struct conf *conf = &applied->rules.conf;
	int bits = -1;

	for (uint32_t i = 0; i < said->address_count; i++) {
		if (gateway_prefix_has(&said->address[i], source) &&
		    (int)said->address[i].length > bits)
			bits = (int)said->address[i].length;
	}
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *one = conf->list[i];

		if (one->kind == CONF_KIND_ROUTE && gateway_link_has(said, &one->route.via) &&
		    gateway_prefix_has(&one->route.to, source) &&
		    (int)one->route.to.length > bits)
			bits = (int)one->route.to.length;
	}
	return bits;
}

/*
 * The link by which a packet of that source comes: whose network it is, or leads to it; else the
 * outside that has the address it is for, else the first one. NO_LINK: by the host's sockets.
 */
static size_t link_of(const struct gateway_applied *applied, const struct minato_addr *source,
		      const struct minato_addr *destination)
{
	const struct gateway_links *links = applied->links;
	size_t outside = NO_LINK, longest = NO_LINK;
	int most = -1;

	for (size_t i = 0; i < links->count; i++) {
		const int bits = bits_of(applied, &links->list[i].said, source);

		if (bits > most) {
			most = bits;
			longest = i;
		}
	}
	if (longest != NO_LINK)
		return longest;
	for (size_t i = 0; i < links->count; i++) {
		const struct conf_link *said = &links->list[i].said;

		if (said->outside && (outside == NO_LINK || has_address(said, destination)))
			outside = i;
	}
	return outside;
}

/* The link that is called so; the count: none is. */
static size_t link_called(const struct gateway_applied *applied, const char *word)
{
	const struct gateway_links *links = applied->links;
	size_t i = 0;

	while (i < links->count && strcmp(links->list[i].said.ifname, word) != 0)
		i++;
	return i;
}

/* Comes from an inside and is for another. */
static bool is_between(const struct gateway_applied *applied, size_t from,
		       const struct minato_addr *destination)
{
	const struct gateway_links *links = applied->links;

	for (size_t i = 0; i < links->count; i++) {
		const struct conf_link *said = &links->list[i].said;

		if (i != from && !said->outside && gateway_link_has(said, destination))
			return !links->list[from].said.outside;
	}
	return false;
}

/* For an address of ours: rules of what comes in are asked, whoever sends (begin_hairpin). */
static bool is_ours(const struct gateway_applied *applied, const struct minato_addr *destination)
{
	for (size_t i = 0; i < applied->links->count; i++) {
		if (has_address(&applied->links->list[i].said, destination))
			return true;
	}
	return false;
}

/* The statement that an entry is of: its index, the count for what is built in, or -1. */
static int64_t statement_of(const struct gateway_applied *applied, uint64_t handle)
{
	for (size_t i = 0; i < applied->ruled_count && handle; i++) {
		if (applied->ruled[i].handle == handle)
			return (int64_t)applied->ruled[i].statement;
	}
	for (size_t i = 0; i < applied->rules.conf.count && handle; i++) {
		for (size_t k = 0; k < applied->held[i].count; k++) {
			if (applied->held[i].entries[k] == handle)
				return (int64_t)i;
		}
	}
	return -1;
}

static const struct conf_statement *statement_at(const struct conf *conf, size_t at)
{
	return at < conf->count ? conf->list[at] : NULL;
}

void gateway_step_by(json_t *item, const struct gateway_rules *rules,
		     const struct conf_statement *one)
{
	int64_t until_s = 0;

	for (size_t i = 0; i < rules->conf.count && one; i++) {
		if (rules->conf.list[i] == one)
			until_s = rules->until_s[i];
	}
	cmd_step_by(item, &rules->conf, one, until_s);
}

/* To which of the ports that are shut to all but lan a forward leads that one; 0: to none. */
static uint16_t shut_behind(const struct conf_forward *f, uint16_t port)
{
	for (uint32_t i = 0; i < f->server_count * f->run_count; i++) {
		const struct conf_run *run = &f->run[i % f->run_count];
		uint32_t to = f->server[i / f->run_count].at.port;

		if (!to || port < run->first || port > run->last)
			continue;
		to += f->many_to_one ? 0u : (uint32_t)port - run->first;
		if (to != port && to <= UINT16_MAX && conf_is_shut((uint16_t)to))
			return (uint16_t)to;
	}
	return 0;
}

/* What is built in names the ports behind it, not the one that was called. */
static void set_behind(json_t *item, const struct conf *conf,
		       const struct minato_question *question)
{
	const uint8_t protocol = question->proto == MINATO_TCP ? CONF_TCP : CONF_UDP;
	char text[80];

	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];
		uint16_t behind = 0;

		if (s->kind == CONF_KIND_FORWARD && s->forward.protocols & protocol)
			behind = shut_behind(&s->forward, question->local.port);
		if (!behind)
			continue;
		(void)snprintf(text, sizeof(text), "port %u leads to port %u (NetBIOS, SMB)",
			       question->local.port, behind);
		json_object_set_new(item, "says", json_string(text));
		return;
	}
}

static json_t *step_item(const struct gateway_applied *applied, const struct minato_step *step,
			 const struct minato_question *question, size_t *statement)
{
	int64_t at = step->found ? statement_of(applied, step->handle) : -1;
	json_t *item = cmd_step(step);

	if (at >= 0)
		gateway_step_by(item, &applied->rules,
				statement_at(&applied->rules.conf, (size_t)at));
	if (at >= 0 && (size_t)at == applied->rules.conf.count && step->step == MINATO_STEP_RULE)
		set_behind(item, &applied->rules.conf, question);
	if (at >= 0 && step->step == MINATO_STEP_ENTRY)
		*statement = (size_t)at;
	return item;
}

/* The steps of a flow as they are found. */
struct found {
	json_t *list;
	size_t statement; /* what stands behind the port; SIZE_MAX: nothing of ours */
};

enum told { TOLD_ALL, TOLD_TO_RULES, TOLD_BEHIND_RULES };

static bool is_told(const struct minato_step *step, enum told told)
{
	if (told == TOLD_TO_RULES)
		return step->step <= MINATO_STEP_RULE;
	return told == TOLD_ALL || step->step > MINATO_STEP_RULE || step->found;
}

/* Returns whether that is the end: a flow is there, or a rule or wall stops it. */
static bool add_steps(struct gateway_worker *worker, const struct minato_question *question,
		      enum told told, struct found *found)
{
	struct minato_step steps[STEPS_MAX];
	size_t count = minato_explain(worker->base.host, question, steps, STEPS_MAX);
	bool ends = false;

	for (size_t i = 0; i < count; i++) {
		if (!is_told(&steps[i], told))
			continue;
		ends |= steps[i].found &&
			(steps[i].step == MINATO_STEP_FLOW ||
			 (cmd_step_judges(&steps[i]) && steps[i].verdict != MINATO_PASS));
		json_array_append_new(found->list,
				      step_item(&worker->applied, &steps[i], question,
						&found->statement));
	}
	return ends;
}

/* Rules see it as it is; what stands behind the port is looked for as from outside. */
static bool add_hairpin(struct gateway_worker *worker, const struct minato_question *question,
			struct found *found)
{
	struct minato_question met = *question;

	if (add_steps(worker, question, TOLD_TO_RULES, found))
		return true;
	met.scope = CONF_SCOPE_OUTSIDE;
	met.face = MINATO_FACE_ANY;
	met.course = MINATO_COURSE_NONE;
	return add_steps(worker, &met, TOLD_BEHIND_RULES, found);
}

/* One that allows decides too, and behind it there may be nothing. */
static bool refuses(const struct conf *conf, size_t rule)
{
	return rule == conf->count ||
	       (rule < conf->count && conf->list[rule]->kind == CONF_KIND_RULE &&
		(conf->list[rule]->rule.verb == CONF_BLOCK ||
		 conf->list[rule]->rule.verb == CONF_DROP));
}

/*
 * What it comes to: the steps know rules and entries, but not whether the destination is ours, can
 * be reached from there, or is behind us. So a packet is tried, as those of test lines are.
 */
static json_t *becomes(const struct gateway_applied *applied,
		       const struct minato_question *question, bool outside)
{
	static const char *const words[] = {
		[CONF_REACHES] = "reaches", [CONF_LEAVES_FROM] = "leaves", [CONF_CLOSED] = "closed",
		[CONF_DROPPED] = "dropped", [CONF_ANSWERED] = "answered",  [CONF_PASSES] = "passes",
	};
	const struct conf *conf = &applied->rules.conf;
	const struct conf_test flow = {
		.proto = (enum minato_proto)question->proto,
		.type = question->icmp_type,
		.inside = !outside,
		.source = question->remote,
		.destination = question->local,
	};
	struct conf_fate fate;
	static const struct minato_endpoint none;
	json_t *item;

	if (conf_try_flow(conf, &flow, &fate) < 0)
		return NULL;
	item = json_pack("{s:s}", "outcome",
			 fate.host && fate.outcome == CONF_ANSWERED ? "unknown" :
								      words[fate.outcome]);
	if (fate.by && fate.by->kind == CONF_KIND_FORWARD && fate.by->forward.to == CONF_TO_SOCKET)
		json_object_set_new(item, "path", json_string(fate.by->forward.path));
	else if (fate.outcome == CONF_REACHES && memcmp(&fate.end, &none, sizeof(none)) != 0)
		json_object_set_new(item, "end", view_message_end(&fate.end));
	/* The port would be another one. */
	fate.end.port = 0;
	if (fate.outcome == CONF_LEAVES_FROM && !fate.host)
		json_object_set_new(item, "end", view_message_end(&fate.end));
	if ((fate.outcome == CONF_CLOSED || fate.outcome == CONF_DROPPED) &&
	    refuses(conf, fate.rule))
		gateway_step_by(item, &applied->rules, statement_at(conf, fate.rule));
	else if (fate.outcome == CONF_CLOSED && fate.by)
		gateway_step_by(item, &applied->rules, fate.by);
	return item;
}

/* Whether inside hosts share more than one address, of one outside. */
static bool has_choice(const struct conf *conf)
{
	uint32_t outsides = 0, pools = 0, own = 0;

	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *one = conf->list[i];

		if (one->kind == CONF_KIND_POOL)
			pools += one->pool.addresses.length < 128 ? 2 : 1;
		if (one->kind != CONF_KIND_LINK || !one->link.outside)
			continue;
		outsides++;
		for (uint32_t k = 0; k < one->link.address_count; k++)
			own += minato_addr_is4(&one->link.address[k].addr);
	}
	return outsides == 1 && (pools ? pools : own) > 1;
}

/*
 * Which of several addresses an inside host has is drawn by a key, which the trial's host value has
 * of its own: the mappings of the living one say it. Of a host without any it is not known yet.
 */
static void correct_address(const struct gateway_worker *worker,
			    const struct minato_question *question, json_t *fate)
{
	const char *outcome = json_string_value(json_object_get(fate, "outcome"));
	struct minato_endpoint end;
	struct minato_mapping mapping;
	uint64_t cursor = 0;

	if (!outcome || strcmp(outcome, "leaves") != 0 ||
	    view_message_end_read(&end, json_object_get(fate, "end")) < 0 ||
	    !minato_addr_is4(&end.addr) || minato_addr_equal(&end.addr, &question->remote.addr) ||
	    !has_choice(&worker->applied.rules.conf))
		return;
	while (minato_mapping_next(worker->base.host, &cursor, &mapping)) {
		if (mapping.scope != question->scope ||
		    !minato_addr_equal(&mapping.inside.addr, &question->remote.addr) ||
		    minato_addr_equal(&mapping.outside.addr, &mapping.inside.addr))
			continue;
		end.addr = mapping.outside.addr;
		json_object_set_new(fate, "end", view_message_end(&end));
		return;
	}
	json_object_del(fate, "end");
}

/* By which link and in which course it is asked. */
static void place_question(const struct gateway_applied *applied, struct minato_question *question,
			   size_t link, bool outside)
{
	question->face = link == NO_LINK ? MINATO_FACE_ANY : (uint8_t)link;
	question->scope = outside ? CONF_SCOPE_OUTSIDE :
				    minato_inside_scope(applied->host, &question->remote.addr);
	question->course = outside || is_ours(applied, &question->local.addr) ? MINATO_COURSE_IN :
										MINATO_COURSE_OUT;
}

/*
 * Between insides it goes out of one and comes in to the other (begin_between); so does a ping for
 * ourselves where outside are the host's sockets (verdicts_ping).
 */
static bool add_courses(struct gateway_worker *worker, struct minato_question *question,
			size_t link, struct found *found)
{
	const struct gateway_applied *applied = &worker->applied;
	bool ours = is_ours(applied, &question->local.addr);
	bool inside = link != NO_LINK && !applied->links->list[link].said.outside;
	bool twice = inside && (is_between(applied, link, &question->local.addr) ||
				(ours && applied->links->host && question->proto == MINATO_ICMP));

	if (twice) {
		question->course = MINATO_COURSE_OUT;
		if (add_steps(worker, question, TOLD_ALL, found))
			return true;
		question->course = MINATO_COURSE_IN;
	}
	if (inside && ours && question->proto != MINATO_ICMP &&
	    minato_addr_is4(&question->local.addr))
		return add_hairpin(worker, question, found);
	return add_steps(worker, question, TOLD_ALL, found);
}

/*
 * Where outside are the host's sockets, of a call to one of them that is refused: who answers it
 * first. NULL: nobody does before us.
 */
static const char *host_says(const struct gateway_worker *worker,
			     const struct minato_question *question, const json_t *fate)
{
	const char *outcome = json_string_value(json_object_get(fate, "outcome"));
	bool refused = outcome && (!strcmp(outcome, "closed") || !strcmp(outcome, "dropped"));

	if (!refused || !worker->base.relay ||
	    (question->proto != MINATO_TCP && question->proto != MINATO_UDP) ||
	    relay_door_screened(worker->base.relay, question->proto, &question->local) < 0)
		return NULL;
	return question->proto == MINATO_TCP ?
		       "the host's kernel accepts the call before a rule is asked; then it is "
		       "reset" :
		       "minato drops it, and answers nothing";
}

/* Who is shut out as a scanner is so before any rule is asked. */
static bool add_block(struct gateway_worker *worker, const struct minato_question *question,
		      struct found *found, json_t *fate)
{
	json_t *step = cmd_scanning_step(worker->base.host, question);

	if (!step)
		return false;
	json_array_append_new(found->list, step);
	json_object_clear(fate);
	json_object_set_new(fate, "outcome", json_string("dropped"));
	return true;
}

static const char *ifname_of(const struct gateway_applied *applied, uint32_t link)
{
	return link < applied->links->count ? applied->links->list[link].said.ifname : NULL;
}

/* Why nothing of that source comes by that link. */
static void say_origin(char *out, size_t size, const struct gateway_applied *applied,
		       const struct minato_question *question, enum minato_origin origin,
		       uint32_t leads)
{
	const char *by = ifname_of(applied, question->face);
	const char *other = ifname_of(applied, leads);
	const char *counter = minato_origin_counter(origin);
	char source[64];

	minato_addr_format(&question->remote.addr, source, sizeof(source));
	switch (origin) {
	case MINATO_ORIGIN_GOOD:
		break;
	case MINATO_ORIGIN_NOBODYS:
		(void)snprintf(out, size, "martian source by %s: %s is no host's address (%s)", by,
			       source, counter);
		break;
	case MINATO_ORIGIN_OURS:
		(void)snprintf(out, size, "martian source by %s: %s is the gateway's own (%s)", by,
			       source, counter);
		break;
	case MINATO_ORIGIN_BROADCAST:
		(void)snprintf(out, size, "martian source by %s: %s is a broadcast there (%s)", by,
			       source, counter);
		break;
	case MINATO_ORIGIN_ELSEWHERE:
		(void)snprintf(out, size, "spoofed source by %s: %s is not behind it%s%s (%s)", by,
			       source, other ? ", but behind " : "", other ? other : "", counter);
		break;
	case MINATO_ORIGIN_INSIDES:
		(void)snprintf(out, size,
			       "spoofed source by %s: %s is of the inside %s, and does not come "
			       "from outside (%s)",
			       by, source, other ? other : "?", counter);
		break;
	}
}

/* Before any rule, and before any block. */
static bool add_origin(struct gateway_worker *worker, const struct minato_question *question,
		       struct found *found, json_t *fate)
{
	uint32_t leads;
	const enum minato_origin origin =
		minato_origin(worker->base.host, question, &leads);
	char text[256];

	if (origin == MINATO_ORIGIN_GOOD)
		return false;
	say_origin(text, sizeof(text), &worker->applied, question, origin, leads);
	json_array_append_new(found->list, json_pack("{s:s,s:b,s:s,s:b,s:s,s:s}", "step", "source",
						     "found", 1, "verdict", "dropped", "stops", 1,
						     "says", text, "counter",
						     minato_origin_counter(origin)));
	json_object_clear(fate);
	json_object_set_new(fate, "outcome", json_string("dropped"));
	return true;
}

/* The steps, up to the one that decides. */
static void add_all(struct gateway_worker *worker, struct minato_question *question, size_t link,
		    struct found *found, json_t *fate)
{
	/* A message from beyond comes to the host's kernel, which asks nothing. */
	if (link == NO_LINK && question->proto == MINATO_ICMP)
		return;
	if (!add_origin(worker, question, found, fate) &&
	    !add_block(worker, question, found, fate) &&
	    !add_courses(worker, question, link, found))
		gateway_prospect(worker, question, found->statement, found->list, fate);
}

json_t *gateway_reasons(struct gateway_worker *worker, const json_t *message)
{
	const struct gateway_applied *applied = &worker->applied;
	const struct gateway_links *links = applied->links;
	struct minato_question question = { .program = MINATO_PROGRAM_NONE };
	json_int_t proto = json_integer_value(json_object_get(message, "proto"));
	json_int_t type = json_integer_value(json_object_get(message, "type"));
	const char *by = json_string_value(json_object_get(message, "link"));
	struct found found = { .statement = SIZE_MAX };
	const char *says = NULL;
	json_t *reply;
	json_t *fate;
	size_t link;
	bool outside;

	if (links->count == 0 ||
	    (proto != MINATO_TCP && proto != MINATO_UDP && proto != MINATO_ICMP &&
	     proto != MINATO_PROTO_OTHER) ||
	    type < 0 || type > 255 ||
	    view_message_end_read(&question.remote, json_object_get(message, "from")) < 0 ||
	    view_message_end_read(&question.local, json_object_get(message, "to")) < 0 ||
	    minato_addr_is4(&question.remote.addr) != minato_addr_is4(&question.local.addr))
		return json_pack("{s:s}", "error", "this cannot be asked");
	question.proto = (uint8_t)proto;
	question.icmp_type = (uint8_t)type;
	link = by ? link_called(applied, by) :
		    link_of(applied, &question.remote.addr, &question.local.addr);
	if (by && link == links->count)
		return json_pack("{s:s}", "error", "no link of the gateway has that name");
	outside = link == NO_LINK || links->list[link].said.outside;
	place_question(applied, &question, link, outside);
	fate = becomes(applied, &question, outside);
	if (!fate)
		return json_pack("{s:s}", "error", "there is no memory to try it in");
	correct_address(worker, &question, fate);
	found.list = json_array();
	if (question.proto == MINATO_PROTO_OTHER)
		question.local.port = question.remote.port = question.icmp_type;
	add_all(worker, &question, link, &found, fate);
	if (link == NO_LINK)
		says = host_says(worker, &question, fate);
	reply = json_pack("{s:s,s:b,s:o,s:o}", "link",
			  link == NO_LINK ? "host" : links->list[link].said.ifname, "outside",
			  (int)outside, "steps", found.list, "becomes", fate);
	if (says)
		json_object_set_new(reply, "note", json_string(says));
	return reply;
}
