/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The test lines of a guest's rules: each a question to a table that holds these rules and nothing
 * else. A name of the DNS stands for an address that nobody has, for which the rules that name it
 * are entered while its test is asked about, as a worker enters what a name was answered with.
 */
#include "conf/trial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "minato/guard.h"

#define ALIGNMENT 64u
#define FEW 64u
#define STEPS_MAX 8u
#define NAMED_MAX 256u

struct trial {
	const struct conf *conf;
	struct conf_zones zones;
	struct minato *m;
	void *memory;
	uint32_t count; /* entries */
	size_t *culprit;
	/* Of a test about a name. */
	const char *host;
	uint64_t named[NAMED_MAX];
	size_t named_count;
};

/* ---- names ---- */

/* Of "this network" (RFC 791 3.2): no rule is about it but one for everybody. */
static struct minato_addr stand_in(void)
{
	return minato_addr4(0, 0, 0, 1);
}

static bool is_named(const char *said, const char *host)
{
	size_t length = strlen(host);
	size_t tail;

	if (strncmp(said, "*.", 2) != 0)
		return !strcasecmp(said, host);
	tail = strlen(said + 1);
	return length > tail && !strcasecmp(host + length - tail, said + 1);
}

static bool stands_for(void *user, const char *word, struct minato_addr *out)
{
	const struct trial *t = user;

	*out = stand_in();
	return t->host && is_named(word, t->host);
}

/* ---- the table ---- */

static int count_entry(void *user, size_t index, struct minato_entry *entry)
{
	struct trial *t = user;

	(void)index;
	(void)entry;
	t->count++;
	return 0;
}

static int add_entry(void *user, size_t index, struct minato_entry *entry)
{
	struct trial *t = user;
	const struct minato_addr addr = stand_in();
	uint64_t handle;
	int result;

	if (t->host && (entry->local_prefix != 128 || !minato_addr_equal(&entry->local, &addr)))
		return 0;
	if (t->host && t->named_count == NAMED_MAX)
		return -ENOSPC;
	entry->user = index;
	*t->culprit = index < t->conf->count ? index : 0;
	result = minato_entry_add(t->m, entry, &handle);
	if (result == 0 && t->host)
		t->named[t->named_count++] = handle;
	/* A prefix that stands in a set twice. */
	return result == -EADDRINUSE ? 0 : result;
}

static int create(struct trial *t)
{
	struct minato_config config;
	uintptr_t aligned;
	size_t size;
	int result = conf_policy(t->conf, &t->zones, count_entry, t);

	if (result < 0)
		return result;
	minato_config_init(&config);
	/* Any seed: what is asked does not hang on luck. */
	config.seed[0] = 1;
	config.seed[1] = 2;
	config.sockets_max = config.time_wait_max = config.active_max = FEW;
	config.calls_max = config.leases_max = config.neighbours_max = FEW;
	config.chunks_large = config.chunks_small = FEW;
	config.reassemblies_max = 4;
	config.entries_max = FEW + NAMED_MAX + t->count;
	config.link_count = 1;
	config.link[0].type = MINATO_LINK_IP;
	config.link[0].mtu = 1500;
	config.link[0].scope = t->zones.inside;
	size = minato_size(&config);
	if (!size)
		return -EINVAL;
	t->memory = calloc(1, size + ALIGNMENT);
	if (!t->memory)
		return -ENOMEM;
	aligned = ((uintptr_t)t->memory + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
	result = minato_create((void *)aligned, size, &config, (struct minato_time){ 1 }, &t->m);
	return result == 0 ? conf_policy(t->conf, &t->zones, add_entry, t) : result;
}

/* ---- a question ---- */

static uint8_t face_of(const struct trial *t, const struct minato_addr *addr)
{
	for (size_t i = 0; i < t->zones.lan_count; i++) {
		if (judge_within(&t->zones.lan[i], addr))
			return t->zones.lan_face;
	}
	return t->zones.wan_face;
}

static struct minato_question question_of(const struct trial *t, const struct conf_test *test)
{
	struct minato_question question = {
		.scope = test->inside ? t->zones.inside : t->zones.outside,
		.face = test->inside ? 0 : face_of(t, &test->source.addr),
		.proto = (uint8_t)test->proto,
		.course = test->inside ? MINATO_COURSE_OUT : MINATO_COURSE_IN,
		.icmp_type = (uint8_t)conf_test_type(test),
		.program = MINATO_PROGRAM_NONE,
		.remote = test->source,
		.local = test->destination,
	};

	if (test->caller[0] && t->zones.fellow)
		question.program = t->zones.fellow(t->zones.fellow_user, test->caller);
	if (test->program[0] && t->zones.program)
		question.program = t->zones.program(t->zones.program_user, test->program);
	if (test->host[0])
		question.local.addr = stand_in();
	/* The guest, or the host, whatever its address. */
	if (test->guest && minato_addr_is4(&question.local.addr))
		question.remote.addr = minato_addr4(0, 0, 0, 0);
	if (test->self && minato_addr_is4(&question.remote.addr))
		question.local.addr = minato_addr4(0, 0, 0, 0);
	return question;
}

static struct conf_fate ask(struct trial *t, const struct conf_test *test)
{
	const struct minato_question question = question_of(t, test);
	struct conf_fate found = { .outcome = CONF_PASSES, .rule = SIZE_MAX };
	struct minato_step steps[STEPS_MAX];
	size_t count = minato_explain(t->m, &question, steps, STEPS_MAX);

	for (size_t i = 0; i < count; i++) {
		if (steps[i].step != MINATO_STEP_RULE || !steps[i].found)
			continue;
		found.rule = (size_t)steps[i].user;
		if (steps[i].verdict != MINATO_PASS)
			found.outcome = steps[i].verdict == MINATO_DROP ? CONF_DROPPED :
									  CONF_CLOSED;
	}
	return found;
}

static int run_test(struct trial *t, size_t index, conf_verdict_fn *each, void *user)
{
	const struct conf_test *test = &t->conf->list[index]->test;
	struct conf_verdict verdict = { .index = index };
	struct conf_fate found;
	int result = 0;

	t->named_count = 0;
	t->host = test->host[0] ? test->host : NULL;
	if (t->host)
		result = conf_policy(t->conf, &t->zones, add_entry, t);
	if (result == 0) {
		found = ask(t, test);
		trial_judge(t->conf, &verdict, test, &found);
	}
	for (size_t i = 0; i < t->named_count; i++)
		(void)minato_entry_remove(t->m, t->named[i]);
	t->host = NULL;
	if (result == 0)
		each(user, &verdict);
	return result;
}

int conf_try_guest(const struct conf *conf, const struct conf_zones *zones, conf_verdict_fn *each,
		   void *user, size_t *culprit)
{
	struct trial t = { .conf = conf, .zones = *zones, .culprit = culprit };
	size_t tests = 0;
	int result = 0;

	*culprit = 0;
	t.zones.named = stands_for;
	t.zones.named_user = &t;
	for (size_t i = 0; i < conf->count; i++)
		tests += conf->list[i]->kind == CONF_KIND_TEST;
	if (tests > 0)
		result = create(&t);
	for (size_t i = 0; i < conf->count && tests > 0 && result == 0; i++) {
		if (conf->list[i]->kind == CONF_KIND_TEST)
			result = run_test(&t, i, each, user);
	}
	free(t.memory);
	return result;
}
