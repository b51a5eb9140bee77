/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a flow of a guest passes or not: what its worker answers to {"request":"why"}. Inward the
 * host's kernel comes first, and is asked by nobody: what is known of it is said. Outward the
 * relay comes last, which knows --allow and what of this host is closed.
 */
#include "cmd/cmd.h"
#include "cmd/conf.h"
#include "cmd/gateway/gateway.h"
#include "cmd/guard/scans.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "minato/guard.h"
#include "relay/permit.h"

#define STEPS_MAX 8u

struct reasoning {
	struct cmd_worker *worker;
	struct minato_question question;
	json_t *steps;
	bool stopped;
	bool ruled;    /* a rule decides */
	bool supposed; /* that a rule which stands first lets it pass */
	bool walled;   /* who calls comes by a device at which the port is not bound */
};

/* ---- steps ---- */

/* A step that is none of the table's; `says` may be NULL, where a statement comes to it. */
static void add_said(struct reasoning *r, const char *step, bool passes, const char *says)
{
	json_array_append_new(r->steps, json_pack("{s:s,s:b,s:s,s:s*,s:b}", "step", step, "found",
						  1, "verdict", passes ? "passes" : "refused",
						  "says", says, "stops", !passes));
	r->stopped |= !passes;
}

static json_t *last_of(const struct reasoning *r)
{
	return json_array_get(r->steps, json_array_size(r->steps) - 1);
}

/* By the end of the sequence, and the rule that is it, if one is. */
static void add_shut(struct reasoning *r, const char *says)
{
	const struct cmd_ruling *ruling = &r->worker->harbour->ruling;
	const struct conf_statement *closing = cmd_ruling_closing(ruling);

	add_said(r, "allow", false, says);
	if (!closing)
		return;
	cmd_step_by(last_of(r), &ruling->conf, closing, 0);
	if (closing->rule.verb == CONF_DROP)
		json_object_set_new(last_of(r), "verdict", json_string("dropped"));
}

static void add_asked(struct reasoning *r, const char *step, const char *says)
{
	add_said(r, step, false, says);
	json_object_set_new(last_of(r), "verdict", json_string("asked"));
}

static void set_rule(json_t *item, const struct cmd_ruling *ruling,
		     const struct conf_statement *rule)
{
	for (size_t i = 0; i < ruling->conf.count; i++) {
		if (ruling->conf.list[i] == rule)
			cmd_step_by(item, &ruling->conf, rule, ruling->places[i].until_s);
	}
}

static void set_statement(json_t *item, const struct cmd_ruling *ruling, uint32_t id)
{
	if (id == 0)
		cmd_step_by(item, NULL, NULL, 0);
	for (size_t i = 0; i < ruling->conf.count; i++) {
		if (cmd_ruled_is_rule(ruling, i) && ruling->places[i].id == id)
			set_rule(item, ruling, ruling->conf.list[i]);
	}
}

/* A pin is an entry for a name; other entries of the relay's are said by what they are. */
static void set_relay(json_t *item, const struct cmd_worker *worker, const struct minato_step *step)
{
	const struct cmd_ruling *ruling = &worker->harbour->ruling;
	const struct relay *relay = worker->relay;
	const char *name = relay_pinned(relay, step->user);
	struct relay_about about;
	char text[320];

	if (name) {
		const struct conf_statement *rule = cmd_ruled_at(ruling, step->order);

		(void)snprintf(text, sizeof(text), "the name %s%s led there", name,
			       rule ? "" : ", which --allow lets out,");
		json_object_set_new(item, "says", json_string(text));
		if (rule)
			set_rule(item, ruling, rule);
	} else if (relay_about(relay, step->user, &about) && about.what == RELAY_WHAT_GUARD) {
		json_object_set_new(item, "says",
				    json_string("built in: this host's inner side, its gateway and "
						"broadcasts are closed to the guest"));
	}
}

static bool is_rule(const struct minato_step *step)
{
	return step->user >> 32 == CMD_WORD_RULE >> 32;
}

static json_t *item_of(const struct reasoning *r, const struct minato_step *step)
{
	bool judges = cmd_step_judges(step);
	json_t *item = cmd_step(step);

	if (step->found && judges && step->user == CMD_WORD_RESOLVER)
		json_object_set_new(item, "says",
				    json_string("built in: the resolver, which 'block out "
						"everything' leaves to what is allowed before it"));
	else if (step->found && judges && is_rule(step))
		set_statement(item, &r->worker->harbour->ruling, (uint32_t)step->user);
	else if (step->found)
		set_relay(item, r->worker, step);
	return item;
}

static void add_step(struct reasoning *r, const struct minato_step *step)
{
	r->ruled |= step->found && step->step == MINATO_STEP_RULE;
	r->stopped |= cmd_step_judges(step) && step->found && !(is_rule(step) && r->supposed) &&
		      step->verdict != MINATO_PASS;
	json_array_append_new(r->steps, item_of(r, step));
}

/* What is known of an end before the table is asked: it stops nothing. */
static void add_known(struct reasoning *r, const char *step, const char *says)
{
	json_array_append_new(r->steps,
			      json_pack("{s:s,s:b,s:s}", "step", step, "found", 1, "says", says));
}

/* Who is shut out as a scanner is so before any rule is asked. */
static bool is_shut_out(struct reasoning *r)
{
	json_t *step = cmd_scanning_step(r->worker->host, &r->question);

	if (step)
		json_array_append_new(r->steps, step);
	r->stopped |= step != NULL;
	return step != NULL;
}

/* ---- programs ---- */

/* What rules say where they name programs: each of them, and then all others. */
struct hearing {
	struct minato_step list[CMD_PROGRAMS_MAX + 1];
	const char *word[CMD_PROGRAMS_MAX + 1]; /* NULL: the others */
	size_t count;
	bool split; /* not all of them come to the same */
};

static struct minato_step rule_for(const struct reasoning *r, uint16_t program)
{
	const struct minato_step none = {
		.step = MINATO_STEP_RULE,
		.verdict = MINATO_PASS,
		.kind = MINATO_KIND_CLOSED,
	};
	struct minato_question question = r->question;
	struct minato_step steps[STEPS_MAX];
	size_t count, i;

	question.program = program;
	count = minato_explain(r->worker->host, &question, steps, STEPS_MAX);
	for (i = 0; i < count && steps[i].step != MINATO_STEP_RULE; i++)
		;
	return i < count ? steps[i] : none;
}

/* Of those for which another rule decides; of two words that are one program the first. */
static void hear_programs(const struct reasoning *r, struct hearing *out)
{
	const struct cmd_programs *programs = &r->worker->harbour->programs;
	const struct minato_step others = rule_for(r, MINATO_PROGRAM_NONE);

	*out = (struct hearing){ .count = 0 };
	for (size_t i = 0; i < programs->count; i++) {
		const struct cmd_program_word *one = &programs->list[i];
		const struct minato_step step = rule_for(r, one->number);
		size_t k = 0;

		while (k < i && programs->list[k].number != one->number)
			k++;
		if (k < i || !step.found || (others.found && step.handle == others.handle))
			continue;
		out->split |= step.verdict != others.verdict;
		out->list[out->count] = step;
		out->word[out->count++] = one->word;
	}
	out->list[out->count++] = others;
}

static const char *comes_to(const struct minato_step *step)
{
	return step->verdict == MINATO_PASS ? "passes" :
	       step->verdict == MINATO_DROP ? "is dropped" :
					      "is refused";
}

static void add_split(struct reasoning *r, const struct hearing *heard)
{
	char text[512] = "";
	size_t used = 0;

	for (size_t i = 0; i < heard->count && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %s", i ? ", " : "",
					 heard->word[i] ? heard->word[i] : "any other",
					 comes_to(&heard->list[i]));
	add_said(r, "program", r->supposed, text);
	if (!r->supposed)
		json_object_set_new(last_of(r), "verdict", json_string("asks for the program"));
}

/* Which program it is nobody knows beforehand, so that all are told of. */
static void add_programs(struct reasoning *r)
{
	struct hearing heard;
	char text[CMD_PROGRAM_WORD + 64];

	hear_programs(r, &heard);
	for (size_t i = 0; i < heard.count; i++) {
		struct minato_step step = heard.list[i];
		bool found = step.found;

		step.found = true;
		(void)snprintf(text, sizeof(text), "%s%s%s", found ? "" : "no rule is about ",
			       heard.word[i] ? "of program " :
			       found	     ? "of " :
					       "",
			       heard.word[i] ? heard.word[i] : "any other program");
		if (found)
			add_step(r, &step);
		else
			json_array_append_new(r->steps, cmd_step(&step));
		json_object_set_new(last_of(r), "says", json_string(text));
	}
	/* What one is refused the others may have. */
	if (heard.split) {
		r->stopped = false;
		add_split(r, &heard);
	}
}

/* Returns the kind of what decides. */
static enum minato_kind add_steps(struct reasoning *r)
{
	struct minato_step steps[STEPS_MAX];
	size_t count = minato_explain(r->worker->host, &r->question, steps, STEPS_MAX);

	for (size_t i = 0; i < count && !r->stopped; i++) {
		if (steps[i].asks)
			add_programs(r);
		else
			add_step(r, &steps[i]);
	}
	return count ? steps[count - 1].kind : MINATO_KIND_CLOSED;
}

/* ---- out ---- */

static bool is_ours(const struct drive_subnet *subnet, const struct minato_addr *addr)
{
	return (subnet->has4 && (minato_addr_equal(addr, &subnet->gateway4) ||
				 minato_addr_equal(addr, &subnet->dns4))) ||
	       (subnet->has6 && (minato_addr_equal(addr, &subnet->gateway6) ||
				 minato_addr_equal(addr, &subnet->dns6)));
}

/* What becomes of a message that no rule stops (ping.c). */
static void message_out(struct reasoning *r)
{
	const struct cmd_harbour *harbour = r->worker->harbour;
	struct minato_endpoint to = { r->question.local.addr, 1 };
	struct minato_endpoint dial;
	bool four = minato_addr_is4(&to.addr);
	enum target_verdict target = target_judge(r->worker->relay, MINATO_ICMP, &to, &dial);

	if (r->question.icmp_type != (four ? ICMP_ECHO : ICMP6_ECHO_REQUEST))
		add_said(r, "relay", false, "of ICMP pings alone are carried");
	else if (is_ours(&harbour->plan.subnet, &to.addr))
		add_said(r, "relay", true, "the gateway of minato, which answers");
	else if (harbour->closed)
		add_shut(r, "pings are not allowed where --allow or --ask is said");
	else if (target != TARGET_DIAL)
		add_said(r, "relay", false, target_words(r->worker->relay, &to));
}

static void know_target(struct reasoning *r)
{
	const char *guest = cmd_fellowship_at(r->worker, r->question.proto, &r->question.local);
	char text[DRIVE_NAME_SIZE + 64];

	if (!guest)
		return;
	(void)snprintf(text, sizeof(text), "guest %s has published that port", guest);
	add_known(r, "guest", text);
}

static json_t *outward(struct reasoning *r)
{
	struct relay *relay = r->worker->relay;
	struct permit_way way;
	struct minato_endpoint dial;
	enum minato_proto proto = r->question.proto;
	enum target_verdict target;
	char text[RELAY_ALLOW_TEXT + 64] = "--allow ";

	know_target(r);
	if (is_shut_out(r))
		return NULL;
	(void)add_steps(r);
	if (r->stopped)
		return NULL;
	if (proto == MINATO_ICMP) {
		message_out(r);
		return NULL;
	}
	target = target_judge(relay, proto, &r->question.local, &dial);
	if (target != TARGET_DIAL) {
		add_said(r, "relay", target == TARGET_RESOLVER,
			 target == TARGET_RESOLVER ? "the resolver of minato, which answers" :
						     target_words(relay, &r->question.local));
		return NULL;
	}
	/* What a rule lets out needs no --allow. */
	if (!r->worker->harbour->closed || r->supposed)
		return NULL;
	if (!permit_judge(relay, proto, &r->question.local, &way)) {
		if (r->worker->harbour->ask && !way.barred)
			add_asked(r, "allow",
				  "nothing lets it out, so the user is asked, unless he has "
				  "answered 'always' for that program");
		else if (way.barred)
			add_said(r, "allow", false, way.reason);
		else
			add_shut(r, way.reason);
	} else if (way.allow) {
		/* A rule was a step of the table. */
		relay_allow_text(way.allow, text + 8, sizeof(text) - 8);
		if (!way.allow->order)
			add_said(r, "allow", true, text);
		if (way.looked_at)
			return json_string("what it says first must name that host (TLS, HTTP, "
					   "QUIC), or it is reset");
	}
	return NULL;
}

/* A name, of which the table knows nothing before it is asked for. */
static void named(struct reasoning *r, const char *name, uint16_t port)
{
	const struct cmd_harbour *harbour = r->worker->harbour;
	const struct relay_allow *first = NULL;
	const struct conf_statement *rule;
	char text[RELAY_ALLOW_TEXT + 64] = "--allow ";

	if (!harbour->closed) {
		add_said(r, "name", true, "any name may be asked for; ask about its address");
		return;
	}
	for (size_t i = 0; i < harbour->allows.count; i++) {
		const struct relay_allow *one = &harbour->allows.list[i];

		/* Those of --allow, which have no place, stand behind all that have one. */
		if (relay_allow_is_name(one, name) &&
		    relay_allow_is_port(one, r->question.proto, port) &&
		    (!first || one->order - 1 < first->order - 1))
			first = one;
	}
	rule = first && first->order ? cmd_ruled_at(&harbour->ruling, first->order) : NULL;
	if (first) {
		relay_allow_text(first, text + 8, sizeof(text) - 8);
		add_said(r, "name", true, rule ? NULL : text);
		if (rule)
			set_rule(last_of(r), &harbour->ruling, rule);
		return;
	}
	if (r->supposed) {
		add_said(r, "name", !r->worker->harbour->programs.count,
			 r->worker->harbour->programs.count ?
				 "rules about names and rules about programs do not go together" :
				 "a rule");
		return;
	}
	if (r->worker->harbour->ask)
		add_asked(r, "name",
			  "no --allow is about it, so the user is asked, unless he has answered "
			  "'always' for that program");
	else
		add_said(r, "name", false, "no --allow is about that name and port");
}

/* ---- in ---- */

static const char *wall_words(int screened, bool refused, enum minato_proto proto)
{
	if (!refused)
		return NULL;
	if (screened == RELAY_SCREENED)
		return "the host's kernel drops it, and answers nothing";
	if (proto == MINATO_UDP)
		return "minato drops it, and answers nothing";
	if (screened == RELAY_SCREEN_DEVICES)
		return "by a device that is not of lan the port is closed; by one that is, the "
		       "host's kernel accepts the call, then it is reset";
	return "the host's kernel accepts the call before a rule is asked; then it is reset";
}

static json_t *message_in(struct reasoning *r)
{
	add_said(r, "kernel", false, "no message of ICMP comes in to a guest");
	return json_string("the host's kernel answers pings at its addresses, and asks no rule of "
			   "a guest");
}

/*
 * Which guest it is that calls: the one that is asked about, or the one whose socket has these ends
 * now.
 */
static void know_caller(struct reasoning *r, const char *caller)
{
	const struct cmd_fellows *fellows = &r->worker->harbour->ruling.fellows;
	char text[DRIVE_NAME_SIZE + 96];

	if (!caller && r->question.remote.port)
		r->question.program = cmd_fellowship_caller(
			r->worker, r->question.proto, &r->question.remote, &r->question.local);
	else if (caller)
		r->question.program = cmd_fellows_number(fellows, caller);
	/* The ends that are asked about need not be anybody's. */
	if (r->question.program == RELAY_CALLER_GONE)
		r->question.program = MINATO_PROGRAM_NONE;
	if (r->question.program && !caller && !fellows->list[r->question.program - 1].page)
		(void)snprintf(text, sizeof(text), "perhaps guest %s, of which nothing is known",
			       fellows->list[r->question.program - 1].name);
	else if (r->question.program)
		(void)snprintf(text, sizeof(text), "guest %s",
			       fellows->list[r->question.program - 1].name);
	else if (caller)
		(void)snprintf(text, sizeof(text), "guest %.63s, whom no rule names", caller);
	else if (!fellows->count ||
		 !cmd_fellowship_is_own(&r->worker->harbour->ruling, &r->question.remote.addr))
		return;
	else
		(void)snprintf(
			text, sizeof(text),
			r->question.remote.port ?
				"this host, and no guest that rules name" :
				"this host; with its port, or as the guest's name, it may be one "
				"that rules name");
	add_known(r, "caller", text);
}

/* Of one that the rules let pass. */
static json_t *at_other_devices(struct reasoning *r, int screened)
{
	const struct cmd_harbour *harbour = r->worker->harbour;
	struct relay *relay = r->worker->relay;
	const struct relay_spec *spec =
		relay_door_outgrown(relay, r->question.proto, &r->question.local);
	char anew[CMD_ANEW_TEXT], text[CMD_ANEW_TEXT + 128];

	/* Who is not of lan comes by a device that is not, too. */
	r->walled = r->question.face != RELAY_FACE_LAN &&
		    (spec || screened == RELAY_SCREEN_DEVICES);
	if (r->walled && !spec)
		spec = screen_spec(relay, r->question.proto, &r->question.local);
	if (spec) {
		(void)snprintf(text, sizeof(text), "by any other device it is closed: %s",
			       cmd_ruling_anew(anew, harbour->name, spec));
		return json_string(text);
	}
	if (screened == RELAY_SCREEN_DEVICES)
		return json_string("if he comes by one of those, and a program of the guest "
				   "listens there; by any other the port is closed until 'minato "
				   "forward rm' and 'forward add' bind it anew");
	return json_string("if a program of the guest listens there; this host's own packet "
			   "filter comes first, and is not seen by minato");
}

/* NetBIOS or SMB under another number, of which no rule says anything (zone_shuts). */
static bool is_shut(struct reasoning *r)
{
	uint16_t behind =
		relay_door_behind(r->worker->relay, r->question.proto, &r->question.local);
	char text[160];

	if (!behind || r->stopped || r->ruled || r->supposed || r->question.face == RELAY_FACE_LAN)
		return false;
	(void)snprintf(text, sizeof(text),
		       "built in: it leads to port %u of the guest (NetBIOS, SMB), for lan alone "
		       "unless a rule allows the host's port",
		       behind);
	add_said(r, "shut", false, text);
	return true;
}

static json_t *inward(struct reasoning *r, const char *caller)
{
	int screened = relay_door_screened(r->worker->relay, r->question.proto, &r->question.local);
	enum minato_kind kind;
	const char *wall;

	if (screened < 0) {
		json_array_append_new(r->steps, json_pack("{s:s,s:b,s:s,s:s}", "step", "kernel",
							  "found", 0, "kind", "closed", "says",
							  "no port of this guest is bound there"));
		r->stopped = true;
		return json_string("whatever answers there is not this guest");
	}
	add_said(r, "kernel", true,
		 screened == RELAY_SCREEN_DEVICES ?
			 "the port is bound at this host for the guest, at the devices that were "
			 "of lan when it was published" :
			 "the port is bound at this host for the guest");
	know_caller(r, caller);
	if (is_shut_out(r))
		return json_string(wall_words(RELAY_SCREEN_LATE, true, r->question.proto));
	/* Whom rules about guests may be about, the kernel lets come. */
	if (screened == RELAY_SCREENED && r->worker->harbour->ruling.fellows.count &&
	    cmd_fellowship_is_own(&r->worker->harbour->ruling, &r->question.remote.addr))
		screened = RELAY_SCREEN_LATE;
	kind = add_steps(r);
	if (kind == MINATO_KIND_FORWARD && is_shut(r))
		return json_string(wall_words(screened, true, r->question.proto));
	if ((kind == MINATO_KIND_FORWARD || r->supposed) && !r->stopped)
		return at_other_devices(r, screened);
	wall = wall_words(screened, r->stopped, r->question.proto);
	return wall ? json_string(wall) : NULL;
}

/* ---- the question ---- */

static bool is_guests(const struct drive_subnet *subnet, const struct minato_addr *addr)
{
	return (subnet->has4 && minato_addr_equal(addr, &subnet->guest4)) ||
	       (subnet->has6 && minato_addr_equal(addr, &subnet->guest6));
}

json_t *cmd_guest_reasons(struct cmd_worker *worker, const json_t *message)
{
	const struct cmd_harbour *harbour = worker->harbour;
	const char *name = json_string_value(json_object_get(message, "name"));
	const char *caller = json_string_value(json_object_get(message, "caller"));
	json_int_t proto = json_integer_value(json_object_get(message, "proto"));
	json_int_t type = json_integer_value(json_object_get(message, "type"));
	struct reasoning r = { .worker = worker, .question = { .face = 0 } };
	json_t *note = NULL;
	json_t *reply;
	bool out;

	if ((proto != MINATO_TCP && proto != MINATO_UDP && proto != MINATO_ICMP) || type < 0 ||
	    type > 255 ||
	    view_message_end_read(&r.question.remote, json_object_get(message, "from")) < 0 ||
	    view_message_end_read(&r.question.local, json_object_get(message, "to")) < 0 ||
	    minato_addr_is4(&r.question.remote.addr) != minato_addr_is4(&r.question.local.addr))
		return json_pack("{s:s}", "error", "this cannot be asked");
	r.steps = json_array();
	r.supposed = json_is_true(json_object_get(message, "suppose"));
	out = is_guests(&harbour->plan.subnet, &r.question.remote.addr);
	r.question.proto = (uint8_t)proto;
	r.question.icmp_type = (uint8_t)type;
	r.question.program = out ? MINATO_PROGRAM_UNKNOWN : MINATO_PROGRAM_NONE;
	r.question.course = out ? MINATO_COURSE_OUT : MINATO_COURSE_IN;
	r.question.scope = out ? CMD_SCOPE_INSIDE : CMD_SCOPE_OUTSIDE;
	r.question.face = out ? 0 : relay_face(worker->relay, &r.question.remote.addr);
	if (out && name)
		named(&r, name, r.question.local.port);
	else
		note = out		    ? outward(&r) :
		       proto == MINATO_ICMP ? message_in(&r) :
					      inward(&r, caller);
	reply = json_pack("{s:s,s:b,s:b,s:o}", "guest", harbour->name, "outside", !out, "stopped",
			  (int)r.stopped, "steps", r.steps);
	if (note)
		json_object_set_new(reply, "note", note);
	if (r.walled)
		json_object_set_new(reply, "walled", json_true());
	if (r.supposed)
		json_object_set_new(reply, "supposed", json_true());
	return reply;
}
