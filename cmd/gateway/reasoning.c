/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a flow passes or not: what a gateway's worker answers to {"request":"why"}. */
#include "cmd/gateway/gateway.h"
#include "cmd/guard/scans.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
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

static bool is_of_pool(const struct gateway_applied *applied, const struct minato_addr *addr)
{
	const struct conf *conf = &applied->rules.conf;

	for (size_t i = 0; i < conf->count; i++) {
		if (conf->list[i]->kind == CONF_KIND_POOL &&
		    gateway_prefix_has(&conf->list[i]->pool.addresses, addr))
			return true;
	}
	return false;
}

/* An address of ours by which those outside know us. */
static bool is_outsides(const struct gateway_applied *applied, const struct minato_addr *addr)
{
	for (size_t i = 0; i < applied->links->count; i++) {
		const struct conf_link *said = &applied->links->list[i].said;

		if (said->outside && has_address(said, addr))
			return true;
	}
	return is_of_pool(applied, addr);
}

/* For an address of ours: rules of what comes in are asked, whoever sends (begin_hairpin). */
static bool is_ours(const struct gateway_applied *applied, const struct minato_addr *destination)
{
	for (size_t i = 0; i < applied->links->count; i++) {
		if (has_address(&applied->links->list[i].said, destination))
			return true;
	}
	return is_of_pool(applied, destination);
}

static bool is_inside(const struct gateway_applied *applied, size_t link)
{
	return link != NO_LINK && !applied->links->list[link].said.outside;
}

/* Comes from an inside and is for another, or a router there leads to it (pass_leads_between). */
static bool is_between(const struct gateway_applied *applied, size_t from,
		       const struct minato_addr *destination)
{
	const struct gateway_links *links = applied->links;
	const bool four = minato_addr_is4(destination);
	int most = four ? 96 : 0; /* a default is none of an inside */
	size_t best = NO_LINK;

	if (!is_inside(applied, from) || is_ours(applied, destination))
		return false;
	for (size_t i = 0; i < links->count; i++) {
		const int bits = links->list[i].said.outside ?
					 -1 :
					 bits_of(applied, &links->list[i].said, destination);

		if (bits > most) {
			most = bits;
			best = i;
		}
	}
	return best != NO_LINK &&
	       (best != from || !four || !gateway_link_has(&links->list[from].said, destination));
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
	bool supposed;	  /* that a rule which stands first lets it out */
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
	if (question->proto == MINATO_PROTO_OTHER)
		fate.end.port = 0;
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
	question->course =
		outside || (!applied->links->host && is_ours(applied, &question->local.addr)) ?
			MINATO_COURSE_IN :
			MINATO_COURSE_OUT;
}

/*
 * Between insides it goes out of one and comes in to the other (begin_between); so does a ping for
 * ourselves where outside are the host's sockets (verdicts_ping).
 */
static bool goes_twice(const struct gateway_applied *applied,
		       const struct minato_question *question, size_t link)
{
	return is_between(applied, link, &question->local.addr) ||
	       (is_inside(applied, link) && applied->links->host &&
		question->proto == MINATO_ICMP &&
		has_address(&applied->links->list[link].said, &question->local.addr));
}

static bool is_by_rule(const struct found *found)
{
	const json_t *last = json_array_get(found->list, json_array_size(found->list) - 1);
	const char *step = json_string_value(json_object_get(last, "step"));

	return step && !strcmp(step, minato_step_name(MINATO_STEP_RULE));
}

static bool add_courses(struct gateway_worker *worker, struct minato_question *question,
			size_t link, struct found *found)
{
	const struct gateway_applied *applied = &worker->applied;
	const struct minato_addr *to = &question->local.addr;

	/* With IPv4 nothing stands at an address that is not ours (pass_flow, pass_other). */
	if (link != NO_LINK && !is_inside(applied, link) && minato_addr_is4(to) &&
	    !is_ours(applied, to)) {
		if (question->proto != MINATO_PROTO_OTHER)
			(void)add_steps(worker, question, TOLD_TO_RULES, found);
		return true;
	}
	if (goes_twice(applied, question, link)) {
		question->course = MINATO_COURSE_OUT;
		if (add_steps(worker, question, TOLD_ALL, found) &&
		    !(found->supposed && is_by_rule(found)))
			return true;
		question->course = MINATO_COURSE_IN;
	}
	if (is_inside(applied, link) && is_outsides(applied, to) &&
	    question->proto != MINATO_ICMP && minato_addr_is4(to))
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

/* A step of no look-up, which stops it: in silence, or not. */
static void add_stop(struct found *found, json_t *fate, const char *step, bool silent,
		     const char *says)
{
	json_array_append_new(found->list, json_pack("{s:s,s:b,s:s,s:b,s:s}", "step", step, "found",
						     1, "verdict", silent ? "dropped" : "refused",
						     "stops", 1, "says", says));
	json_object_clear(fate);
	json_object_set_new(fate, "outcome", json_string(silent ? "dropped" : "closed"));
}

/* Of messages pings alone meet rules and are answered, unless they go between insides. */
static bool add_type(struct gateway_worker *worker, const struct minato_question *question,
		     size_t link, struct found *found, json_t *fate)
{
	const bool four = minato_addr_is4(&question->local.addr);

	if (question->proto != MINATO_ICMP ||
	    question->icmp_type == (four ? ICMP_ECHO : ICMP6_ECHO_REQUEST) ||
	    is_between(&worker->applied, link, &question->local.addr))
		return false;
	if (!four && question->icmp_type >= ND_ROUTER_SOLICIT &&
	    question->icmp_type <= ND_NEIGHBOR_ADVERT)
		add_stop(found, fate, "type", true,
			 "neighbour discovery is of its link alone, and meets no rule");
	else
		add_stop(found, fate, "type", true,
			 "a message that is no ping is neither answered nor handed on, and meets "
			 "no rule (drop_icmp_type)");
	return true;
}

/* Where outside are the host's sockets: what none of them is made for, whatever rules say. */
static bool add_relay(struct gateway_worker *worker, const struct minato_question *question,
		      size_t link, struct found *found, json_t *fate)
{
	const struct gateway_applied *applied = &worker->applied;
	struct minato_endpoint to = { question->local.addr, 1 };
	struct minato_endpoint dial;
	enum target_verdict verdict;

	if (!worker->base.relay || !is_inside(applied, link) ||
	    question->proto == MINATO_PROTO_OTHER || is_between(applied, link, &to.addr) ||
	    goes_twice(applied, question, link))
		return false;
	if (question->proto != MINATO_ICMP)
		to.port = question->local.port;
	verdict = target_judge(worker->base.relay, question->proto, &to, &dial);
	if (verdict == TARGET_DIAL || verdict == TARGET_RESOLVER)
		return false;
	add_stop(found, fate, "relay", false,
		 is_ours(applied, &to.addr) ?
			 "what the gateway is called on another inside answers nothing" :
		 verdict == TARGET_ABSENT    ? "nobody has that address on an inside link" :
		 verdict == TARGET_MULTICAST ? "groups are not carried" :
					       "the host's own side");
	return true;
}

/*
 * What stops it is what it comes to: a trial knows nothing of a limit that is used up. And whether
 * its sender is told, the trial saw.
 */
static void settle(json_t *steps, json_t *fate)
{
	static const char *const members[] = { "line", "text", "until", "file", "built_in" };
	json_t *last = json_array_get(steps, json_array_size(steps) - 1);
	const char *verdict = json_string_value(json_object_get(last, "verdict"));
	const char *outcome = json_string_value(json_object_get(fate, "outcome"));
	const bool dropped = verdict && !strcmp(verdict, "dropped");

	if (!verdict || !outcome || !json_is_true(json_object_get(last, "found")) ||
	    (!dropped && strcmp(verdict, "refused") != 0))
		return;
	if (!strcmp(outcome, "dropped"))
		json_object_set_new(last, "verdict", json_string("dropped"));
	if (strcmp(outcome, "reaches") != 0 && strcmp(outcome, "leaves") != 0 &&
	    strcmp(outcome, "answered") != 0)
		return;
	json_object_clear(fate);
	json_object_set_new(fate, "outcome", json_string(dropped ? "dropped" : "closed"));
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		json_t *member = json_object_get(last, members[i]);

		if (member)
			json_object_set(fate, members[i], member);
	}
}

/*
 * The steps, up to the one that decides. Returns whether nothing stopped it there, and it goes on.
 */
static bool add_all(struct gateway_worker *worker, struct minato_question *question, size_t link,
		    struct found *found, json_t *fate)
{
	/* A message from beyond comes to the host's kernel, which asks nothing. */
	if (link == NO_LINK && question->proto == MINATO_ICMP)
		return false;
	if (add_origin(worker, question, found, fate) ||
	    add_type(worker, question, link, found, fate) ||
	    add_block(worker, question, found, fate) ||
	    add_courses(worker, question, link, found) ||
	    add_relay(worker, question, link, found, fate))
		return false;
	gateway_prospect(worker, question, found->statement, found->list, fate);
	return !json_is_true(json_object_get(
		json_array_get(found->list, json_array_size(found->list) - 1), "stops"));
}

/*
 * An inside host's call to an address of the host's own, at whose sockets ours listen there: it
 * comes in by them, from that address (relay/caller.c).
 */
static bool comes_back(const struct gateway_worker *worker, const struct minato_question *question,
		       size_t link, bool own)
{
	return own && is_inside(&worker->applied, link) && worker->base.relay &&
	       (question->proto == MINATO_TCP || question->proto == MINATO_UDP) &&
	       !is_between(&worker->applied, link, &question->local.addr) &&
	       relay_door_screened(worker->base.relay, question->proto, &question->local) >= 0;
}

/* Then `question` is that call, and `fate` what becomes of it. */
static void come_back(struct gateway_worker *worker, struct minato_question *question,
		      struct found *found, json_t **fate)
{
	json_t *again;
	char at[80], text[160];

	found->statement = SIZE_MAX;
	question->remote = (struct minato_endpoint){ question->local.addr, 0 };
	place_question(&worker->applied, question, NO_LINK, true);
	again = becomes(&worker->applied, question, true);
	if (!again)
		return;
	json_decref(*fate);
	*fate = again;
	(void)snprintf(text, sizeof(text),
		       "an address of this host's own: the call comes back in, from %s",
		       gateway_end_words(&question->remote, at));
	json_array_append_new(found->list, json_pack("{s:s,s:b,s:s,s:s}", "step", "host", "found",
						     1, "kind", "uplink", "says", text));
	(void)add_all(worker, question, NO_LINK, found, *fate);
}

/* Where nothing stands, and no forward could: they lead from addresses of an outside. */
static const char *inside_says(const struct gateway_applied *applied,
			       const struct minato_question *question, const json_t *fate)
{
	const char *outcome = json_string_value(json_object_get(fate, "outcome"));
	const struct minato_addr *to = &question->local.addr;

	if (!outcome || strcmp(outcome, "closed") != 0 || json_object_get(fate, "text") ||
	    applied->links->host ||
	    (question->proto != MINATO_TCP && question->proto != MINATO_UDP) ||
	    !is_ours(applied, to) || (minato_addr_is4(to) && is_outsides(applied, to)))
		return NULL;
	return "an address of the gateway's own, from which no forward leads an inside host on";
}

/* Whom the question is about, and the link that is said. NULL, or what is wrong with it. */
static const char *read_question(const struct gateway_applied *applied, const json_t *message,
				 struct minato_question *question, size_t *link)
{
	const struct gateway_links *links = applied->links;
	const json_int_t proto = json_integer_value(json_object_get(message, "proto"));
	const json_int_t type = json_integer_value(json_object_get(message, "type"));
	const char *by = json_string_value(json_object_get(message, "link"));

	*question = (struct minato_question){ .program = MINATO_PROGRAM_NONE };
	if (links->count == 0 ||
	    (proto != MINATO_TCP && proto != MINATO_UDP && proto != MINATO_ICMP &&
	     proto != MINATO_PROTO_OTHER) ||
	    type < 0 || type > 255 ||
	    view_message_end_read(&question->remote, json_object_get(message, "from")) < 0 ||
	    view_message_end_read(&question->local, json_object_get(message, "to")) < 0 ||
	    minato_addr_is4(&question->remote.addr) != minato_addr_is4(&question->local.addr))
		return "this cannot be asked";
	question->proto = (uint8_t)proto;
	question->icmp_type = (uint8_t)type;
	*link = by ? link_called(applied, by) :
		     link_of(applied, &question->remote.addr, &question->local.addr);
	return by && *link == links->count ? "no link of the gateway has that name" : NULL;
}

json_t *gateway_reasons(struct gateway_worker *worker, const json_t *message)
{
	const struct gateway_applied *applied = &worker->applied;
	struct minato_question question;
	struct found found = { .statement = SIZE_MAX };
	size_t link = NO_LINK;
	const char *says = read_question(applied, message, &question, &link);
	const bool own = json_is_true(json_object_get(message, "own"));
	json_t *reply;
	json_t *fate;
	bool outside, back;

	if (says)
		return json_pack("{s:s}", "error", says);
	outside = !is_inside(applied, link);
	place_question(applied, &question, link, outside);
	fate = becomes(applied, &question, outside);
	if (!fate)
		return json_pack("{s:s}", "error", "there is no memory to try it in");
	correct_address(worker, &question, fate);
	found.list = json_array();
	found.supposed = json_is_true(json_object_get(message, "suppose"));
	if (question.proto == MINATO_PROTO_OTHER)
		question.local.port = question.remote.port = question.icmp_type;
	back = add_all(worker, &question, link, &found, fate) &&
	       comes_back(worker, &question, link, own);
	if (back)
		come_back(worker, &question, &found, &fate);
	settle(found.list, fate);
	if (link == NO_LINK || back)
		says = host_says(worker, &question, fate);
	else if (!outside)
		says = inside_says(applied, &question, fate);
	reply = json_pack("{s:s,s:b,s:o,s:o}", "link",
			  link == NO_LINK ? "host" : applied->links->list[link].said.ifname,
			  "outside", (int)outside, "steps", found.list, "becomes", fate);
	if (says)
		json_object_set_new(reply, "note", json_string(says));
	return reply;
}
