/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The questions of --ask. A flow that nothing lets out is held, of UDP the datagrams to that place;
 * its program is looked for; then an answer given before decides, or the user does (without --ask,
 * but with --audit: nobody, no):
 *
 *   relay: held flow -> witness: who is it? -> a remembered answer --- yes: it is dialled
 *                                           -> a question, open for 30 s
 *                                                minato ask: once, always, no
 *                                                nobody, or who was shown it has gone: no
 *
 * What no answer covers, what cannot be held, and what came to be unknown: no. No is once, always.
 * So is the guest's end; each attempt is told, also of who waits no more.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_US 1000

static const char refused_by_user[] = "you said no";
static const char refused_by_silence[] = "nobody answered";
static const char refused_by_number[] = "too many questions are open";
static const char refused_by_end[] = "its program had gone before it was answered";
static const char refused_by_guest[] = "the guest ended before it was answered";

/* ---- questions ---- */

static struct cmd_question *find(struct cmd_asked *asked, uint64_t number)
{
	for (size_t i = 0; i < CMD_QUESTIONS_MAX; i++) {
		if (asked->questions[i].number == number)
			return &asked->questions[i];
	}
	return NULL;
}

/* The relay has it no more: its guest took it back. */
static void tell_gone(struct cmd_worker *worker, const struct cmd_question *one, size_t i,
		      const char *reason, const struct relay_program *program)
{
	const struct relay_attempt attempt = {
		.sort = RELAY_ATTEMPT_REFUSED,
		.proto = one->scope.proto,
		.guest = one->ends[i].guest,
		.to = one->ends[i].to,
		.name = one->scope.named ? one->scope.name : NULL,
		.reason = reason ? reason : refused_by_end,
		.program = program,
	};

	cmd_attempts_take(&worker->attempts, &attempt);
}

static void decide_one(struct cmd_worker *worker, struct cmd_question *one, size_t i,
		       const char *reason)
{
	const struct kernel_program *first = &one->holding.list[0];
	struct relay_program program = {
		.holders = (uint32_t)one->holding.count,
		.pid = (uint32_t)one->pids[i],
	};
	const struct relay_program *known = one->holding.count > 0 ? &program : NULL;

	(void)kernel_program_name(program.path, sizeof(program.path), first);
	one->holding.list[0].pid = one->pids[i];
	worker->asked.deciding = &one->holding;
	if (!relay_decide(worker->relay, one->flows[i], one->scope.named ? one->scope.name : NULL,
			  reason, known))
		tell_gone(worker, one, i, reason, known);
	worker->asked.deciding = NULL;
}

static void decide(struct cmd_worker *worker, struct cmd_question *question, const char *reason)
{
	struct cmd_question one = *question;

	*question = (struct cmd_question){ .number = 0 };
	for (size_t i = 0; i < one.flow_count; i++)
		decide_one(worker, &one, i, reason);
}

static bool same_scope(const struct cmd_scope_of *a, const struct cmd_scope_of *b)
{
	return a->known && b->known && a->proto == b->proto && a->device == b->device &&
	       a->inode == b->inode && a->changed_ns == b->changed_ns && a->named == b->named &&
	       a->to.port == b->to.port && a->stray == b->stray &&
	       (!a->named || strcmp(a->name, b->name) == 0) &&
	       ((a->named && !a->stray) || minato_addr_equal(&a->to.addr, &b->to.addr));
}

static bool is_answered(const struct cmd_asked *asked, const struct cmd_scope_of *scope)
{
	for (size_t i = 0; i < asked->answer_count; i++) {
		if (same_scope(&asked->answers[i], scope))
			return true;
	}
	return false;
}

/* Another open one about the same. */
static struct cmd_question *find_like(struct cmd_asked *asked, const struct cmd_question *question)
{
	for (size_t i = 0; i < CMD_QUESTIONS_MAX; i++) {
		struct cmd_question *other = &asked->questions[i];

		if (other != question && other->number && other->open &&
		    same_scope(&other->scope, &question->scope))
			return other;
	}
	return NULL;
}

/* Its flow waits for the other's answer; false: that has no room. */
static bool join(struct cmd_question *other, struct cmd_question *question)
{
	if (other->flow_count == CMD_QUESTION_FLOWS)
		return false;
	other->pids[other->flow_count] = question->pids[0];
	other->ends[other->flow_count] = question->ends[0];
	other->flows[other->flow_count++] = question->flows[0];
	*question = (struct cmd_question){ .number = 0 };
	return true;
}

/* ---- how the user hears of one ---- */

/* A name that a program chose may hold anything, and goes to a terminal. */
static void put_plain(char *out, size_t size, const char *text)
{
	size_t len = 0;

	for (; *text && len + 1 < size; text++)
		out[len++] = *text < ' ' || *text > '~' ? '?' : *text;
	out[len] = 0;
}

static void put_program(char *out, size_t size, const struct cmd_holding *holding)
{
	const struct kernel_program *first = &holding->list[0];
	char name[KERNEL_PROGRAM_PATH];
	char plain[KERNEL_PROGRAM_PATH];

	if (holding->count <= 0) {
		(void)snprintf(out, size, "a program that cannot be told");
		return;
	}
	put_plain(plain, sizeof(plain), kernel_program_name(name, sizeof(name), first));
	if (holding->count == 1)
		(void)snprintf(out, size, "%s%s (pid %d)", plain,
			       first->deleted ? ", deleted," : "", (int)first->pid);
	else
		(void)snprintf(out, size, "%s (pid %d, and %d more hold its socket)", plain,
			       (int)first->pid, (int)holding->count - 1);
}

static void put_place(char *out, size_t size, const struct cmd_question *question)
{
	char addr[64];
	bool four = minato_addr_is4(&question->to.addr);

	minato_addr_format(&question->to.addr, addr, sizeof(addr));
	if (question->scope.named)
		(void)snprintf(out, size, "%s:%u (%s%s)", question->scope.name, question->to.port,
			       addr, question->scope.stray ? ", where that name did not lead" : "");
	else
		(void)snprintf(out, size, four ? "%s:%u" : "[%s]:%u", addr, question->to.port);
}

static bool has_asker(const struct cmd_asked *asked, struct minato_time now)
{
	return asked->looked.ns && now.ns - asked->looked.ns < CMD_ASKER_MS * NS_PER_MS;
}

/* One line, not one for each: the command may be writing on the same terminal. */
static void tell(struct cmd_worker *worker, const struct cmd_question *question,
		 struct minato_time now)
{
	struct cmd_asked *asked = &worker->asked;
	char program[320], place[384];

	if (has_asker(asked, now) || asked->told)
		return;
	asked->told = true;
	put_program(program, sizeof(program), &question->holding);
	put_place(place, sizeof(place), question);
	cmd_say("%s wants %s%s: 'minato ask %s' in another terminal answers, within 30 s", program,
		place, question->scope.proto == MINATO_UDP ? " udp" : "", worker->harbour->name);
}

/* ---- from flow to question ---- */

static void know_program(struct cmd_question *question, const struct cmd_holding *holding)
{
	question->holding = *holding;
	question->pids[0] = holding->list[0].pid;
	question->scope.known = holding->same;
	question->scope.device = holding->list[0].device;
	question->scope.inode = holding->list[0].inode;
	question->scope.changed_ns = holding->list[0].changed_ns;
}

static void program_told(void *user, uint64_t number, const struct cmd_holding *holding)
{
	struct cmd_worker *worker = user;
	struct cmd_question *question = find(&worker->asked, number);
	struct minato_time now = drive_loop_now(worker->loop);
	struct cmd_question *other;

	if (!question)
		return;
	know_program(question, holding);
	if (question->reason) {
		decide(worker, question, question->reason);
		return;
	}
	if (is_answered(&worker->asked, &question->scope)) {
		decide(worker, question, NULL);
		return;
	}
	if (worker->ending) {
		decide(worker, question, refused_by_guest);
		return;
	}
	other = find_like(&worker->asked, question);
	if (other) {
		if (!join(other, question))
			decide(worker, question, refused_by_number);
		return;
	}
	question->open = true;
	question->until.ns = now.ns + CMD_QUESTION_MS * NS_PER_MS;
	question->looked = now;
	tell(worker, question, now);
}

bool cmd_asked_take(void *user, const struct relay_asking *asking)
{
	struct cmd_worker *worker = user;
	struct cmd_question *question = find(&worker->asked, 0);
	struct cmd_whose wanted = {
		.flow = { asking->proto, asking->guest, asking->to },
		.all = worker->harbour->ask,
	};

	if (!question || worker->ending)
		return false;
	*question = (struct cmd_question){
		.number = ++worker->asked.last,
		.until = MINATO_NEVER,
		.to = asking->to,
		.flow_count = 1,
		.flows = { asking->call },
		.ends = { { asking->guest, asking->to } },
		.scope = { .proto = asking->proto,
			   .named = asking->name,
			   .stray = asking->stray,
			   .to = asking->to },
	};
	if (asking->name)
		(void)snprintf(question->scope.name, sizeof(question->scope.name), "%s",
			       asking->name);
	/* Without --ask it waits for as long as it takes to note in the audit whose it is. */
	if (!worker->harbour->ask)
		question->reason = asking->reason;
	cmd_witness_ask(worker, &wanted, program_told, worker, question->number);
	return true;
}

static void rule_told(void *user, uint64_t call, const struct cmd_holding *holding)
{
	struct cmd_worker *worker = user;

	relay_program(worker->relay, call, holding->program);
}

void cmd_asked_program(void *user, const struct relay_asking *asking)
{
	struct cmd_worker *worker = user;
	const struct cmd_whose whose = { { asking->proto, asking->guest, asking->to }, true };

	cmd_witness_ask(worker, &whose, rule_told, worker, asking->call);
}

/* ---- who waits no more ---- */

static void look_next(struct cmd_worker *worker, struct cmd_question *question);

/* Who has closed its socket, or has ended, wants no answer, and keeps nobody else waiting. */
static void withdraw(struct cmd_worker *worker, struct cmd_question *question)
{
	struct cmd_question one = *question;
	size_t at = question->look_at;
	size_t last = --question->flow_count;

	question->flows[at] = question->flows[last];
	question->pids[at] = question->pids[last];
	question->ends[at] = question->ends[last];
	if (question->holding.count > 0)
		question->holding.list[0].pid = question->pids[0];
	if (last == 0)
		*question = (struct cmd_question){ .number = 0 };
	decide_one(worker, &one, at, refused_by_end);
}

static void still_there(void *user, uint64_t number, const struct cmd_holding *holding)
{
	struct cmd_worker *worker = user;
	struct cmd_question *question = find(&worker->asked, number);

	if (!question || !question->looking)
		return;
	question->looking = false;
	if (holding->count != -ENOENT) {
		question->look_at++;
		return;
	}
	withdraw(worker, question);
	if (question->number == number)
		look_next(worker, question);
}

static void look_next(struct cmd_worker *worker, struct cmd_question *question)
{
	const struct cmd_ends *ends;
	struct cmd_whose wanted = { .all = false };

	if (question->look_at >= question->flow_count)
		question->look_at = 0;
	ends = &question->ends[question->look_at];
	wanted.flow = (struct kernel_flow){ question->scope.proto, ends->guest, ends->to };
	question->looking = true;
	question->looked = drive_loop_now(worker->loop);
	cmd_witness_ask(worker, &wanted, still_there, worker, question->number);
}

/* When something is next. */
static int64_t wait_on(struct cmd_worker *worker, struct cmd_question *question,
		       struct minato_time now, int64_t next_ns)
{
	const int64_t rest_ns = CMD_GONE_MS * NS_PER_MS;
	/* A socket that was never found may be there all the same (bound to a device). */
	const bool looks = question->holding.count > 0;
	int64_t until_ns = question->until.ns;

	if (looks && !question->looking && now.ns - question->looked.ns >= rest_ns)
		look_next(worker, question);
	if (looks && question->number && !question->looking &&
	    question->looked.ns + rest_ns < until_ns)
		until_ns = question->looked.ns + rest_ns;
	return until_ns < next_ns ? until_ns : next_ns;
}

struct minato_time cmd_asked_turn(struct cmd_worker *worker, struct minato_time now)
{
	struct cmd_asked *asked = &worker->asked;
	struct minato_time next = MINATO_NEVER;
	bool asker = has_asker(asked, now);

	if (!asker)
		asked->looked.ns = 0;
	for (size_t i = 0; i < CMD_QUESTIONS_MAX; i++) {
		struct cmd_question *question = &asked->questions[i];

		if (!question->number || !question->open)
			continue;
		/* Who has seen it and gone has not said yes. */
		if (now.ns >= question->until.ns || (question->shown && !asker))
			decide(worker, question, refused_by_silence);
		else
			next.ns = wait_on(worker, question, now, next.ns);
	}
	if (asker && next.ns > asked->looked.ns + CMD_ASKER_MS * NS_PER_MS)
		next.ns = asked->looked.ns + CMD_ASKER_MS * NS_PER_MS;
	return next;
}

void cmd_asked_end(struct cmd_worker *worker)
{
	worker->ending = true;
	cmd_witness_end(worker);
	for (size_t i = 0; i < CMD_QUESTIONS_MAX; i++) {
		struct cmd_question *question = &worker->asked.questions[i];

		if (question->number)
			decide(worker, question,
			       question->reason ? question->reason : refused_by_guest);
	}
}

/* ---- the control socket ---- */

static const char *name_listing(const char *request)
{
	if (strcmp(request, "statements") == 0)
		return "statements";
	return strcmp(request, "questions") == 0 ? "questions" : NULL;
}

static json_t *next_row(void *user, const char *listing, uint64_t *cursor)
{
	struct cmd_worker *worker = user;
	struct cmd_asked *asked = &worker->asked;
	struct minato_time now = drive_loop_now(worker->loop);
	struct cmd_question *next = NULL;
	char program[320], place[384];
	bool always;

	if (listing[0] == 's')
		return cmd_ruled_row(worker, cursor);
	asked->looked = now;
	for (size_t i = 0; i < CMD_QUESTIONS_MAX; i++) {
		struct cmd_question *one = &asked->questions[i];

		if (one->number > *cursor && one->open && (!next || one->number < next->number))
			next = one;
	}
	if (!next)
		return NULL;
	*cursor = next->number;
	next->shown = true;
	always = next->scope.known && asked->answer_count < CMD_ANSWERS_MAX;
	put_program(program, sizeof(program), &next->holding);
	put_place(place, sizeof(place), next);
	return json_pack("{s:I,s:i,s:s,s:s,s:i,s:b,s:I}", "number", (json_int_t)next->number,
			 "proto", (int)next->scope.proto, "program", program, "place", place,
			 "flows", (int)next->flow_count, "always", always, "left_ms",
			 (json_int_t)((next->until.ns - now.ns) / NS_PER_MS));
}

static int reply_of(const char *text)
{
	static const char *const replies[] = { "no", "once", "always" };

	for (int i = 0; text && i < 3; i++) {
		if (strcmp(text, replies[i]) == 0)
			return i;
	}
	return -EINVAL;
}

/* False: there is no room, or nobody knows whose it was. */
static bool remember(struct cmd_worker *worker, const struct cmd_question *question)
{
	struct cmd_asked *asked = &worker->asked;
	const struct cmd_message message = { .kind = CMD_ASK_REMEMBER, .answer = question->scope };

	if (!question->scope.known || asked->answer_count == CMD_ANSWERS_MAX)
		return false;
	asked->answers[asked->answer_count++] = question->scope;
	/* Where it cannot be told it holds as long as this worker lives. */
	(void)cmd_channel_send(worker->channel, &message, NULL, 0);
	return true;
}

static void note_answered(struct cmd_asked *asked, uint64_t number)
{
	asked->answered[asked->answered_next] = number;
	asked->answered_next = (asked->answered_next + 1) % CMD_ANSWERED_MAX;
}

static bool was_answered(const struct cmd_asked *asked, uint64_t number)
{
	for (size_t i = 0; i < CMD_ANSWERED_MAX; i++) {
		if (asked->answered[i] == number)
			return true;
	}
	return false;
}

void cmd_asked_keep(struct cmd_harbour *harbour, const struct cmd_scope_of *answer)
{
	if (!cmd_channel_is_bool(&answer->known) || !cmd_channel_is_bool(&answer->named) ||
	    !cmd_channel_is_bool(&answer->stray))
		return;
	if (!harbour->ask || !answer->known || harbour->answer_count == CMD_ANSWERS_MAX ||
	    (answer->proto != MINATO_TCP && answer->proto != MINATO_UDP) ||
	    memchr(answer->name, 0, sizeof(answer->name)) == NULL)
		return;
	if (!harbour->answers)
		harbour->answers = calloc(CMD_ANSWERS_MAX, sizeof(*harbour->answers));
	if (harbour->answers)
		harbour->answers[harbour->answer_count++] = *answer;
}

void cmd_asked_begin(struct cmd_worker *worker)
{
	const struct cmd_harbour *harbour = worker->harbour;

	/*
	 * Who answers what the last worker asked, and is heard by this one, answers nothing: its
	 * numbers are greater than any of before, of which none took as little as a microsecond.
	 */
	worker->asked.last = (uint64_t)(drive_now().ns / NS_PER_US);
	worker->asked.answer_count = harbour->answer_count;
	if (harbour->answer_count)
		memcpy(worker->asked.answers, harbour->answers,
		       harbour->answer_count * sizeof(*harbour->answers));
}

static json_t *take_answer(struct cmd_worker *worker, uint64_t number, int reply)
{
	struct cmd_asked *asked = &worker->asked;
	struct cmd_question *question = find(asked, number);
	bool once;

	if (!question || !question->open)
		return json_pack("{s:b,s:b}", "late", 1, "answered", was_answered(asked, number));
	once = reply == CMD_REPLY_ALWAYS && !remember(worker, question);
	note_answered(asked, number);
	decide(worker, question, reply == CMD_REPLY_NO ? refused_by_user : NULL);
	return json_pack("{s:b}", "once", once);
}

static json_t *take_request(void *user, const char *request, const json_t *message)
{
	struct cmd_worker *worker = user;
	json_int_t number = json_integer_value(json_object_get(message, "number"));
	int reply = reply_of(json_string_value(json_object_get(message, "reply")));

	if (strcmp(request, "why") == 0)
		return cmd_guest_reasons(worker, message);
	if (number <= 0)
		return NULL;
	if (strcmp(request, "ended") == 0)
		return json_pack("{s:b}", "answered",
				 was_answered(&worker->asked, (uint64_t)number));
	if (strcmp(request, "answer") == 0 && reply >= 0)
		return take_answer(worker, (uint64_t)number, reply);
	return NULL;
}

const struct cmd_further *cmd_asked_further(void)
{
	static const struct cmd_further further = {
		.order = cmd_ruled_order,
		.listing = name_listing,
		.item = next_row,
		.ask = take_request,
	};

	return &further;
}
