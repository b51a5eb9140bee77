/* SPDX-License-Identifier: BSD-2-Clause */
/* One statement: its verb, what must follow, and clauses in any order. */
#include "conf/reader.h"

#include <errno.h>
#include <string.h>

/* A pool of a /22; minato_pool_add takes one address at a time. */
#define POOL_LENGTH_MIN (96 + 22)
#define CAPACITY_MAX 100000000u

/* ---- clauses ---- */

static int expect_clause(struct reader *r, const struct sentence_clause *clauses, size_t count,
			 uint32_t said)
{
	const char *words[CONF_CANDIDATES_MAX];
	size_t word_count = 0;

	for (size_t i = 0; i < count && word_count < CONF_CANDIDATES_MAX; i++) {
		if (!(said & 1u << i) && !(clauses[i].alone && r->of_file))
			words[word_count++] = clauses[i].word;
	}
	if (word_count == 0)
		return reader_fail(r, reader_here(r), "the statement is complete before this");
	return reader_expected(r, words, word_count);
}

int sentence_clauses(struct reader *r, struct conf_statement *out,
		     const struct sentence_clause *clauses, size_t count)
{
	uint32_t said = 0;

	while (!reader_ended(r)) {
		size_t i = 0;

		while (i < count && !reader_takes(r, clauses[i].word))
			i++;
		if (i == count)
			return expect_clause(r, clauses, count, said);
		if (said & 1u << i)
			return reader_fail(r, reader_last(r), "%s is said twice", clauses[i].word);
		if (!clauses[i].again)
			said |= 1u << i;
		if (clauses[i].read(r, out) < 0)
			return -EINVAL;
	}
	return 0;
}

int sentence_named(struct reader *r, struct conf_statement *out)
{
	uint32_t first = r->next;

	if (value_name(r, out->name) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_NAME, first);
	return 0;
}

int sentence_term(struct reader *r, struct conf_statement *out, struct conf_term *term)
{
	uint32_t first = r->next;
	int result;

	if (term->sort != CONF_TERM_NONE)
		return reader_fail(r, reader_last(r), "until and for are said together");
	result = reader_last(r).length == strlen("for") ? value_for(r, term) : value_until(r, term);
	if (result == 0)
		reader_mark(r, out, CONF_PART_TERM, first);
	return result;
}

static const struct sentence_clause naming[] = { { "named", sentence_named, false, false } };

/* ---- statements of few words ---- */

static int read_route(struct reader *r, struct conf_statement *out)
{
	uint32_t first = r->next;

	if (value_prefix(r, false, &out->route.to) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_SUBJECT, first);
	if (reader_demand(r, "via") < 0 || value_addr(r, &out->route.via) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_TARGET, r->next - 1);
	if (minato_addr_is4(&out->route.to.addr) != minato_addr_is4(&out->route.via))
		return reader_fail(r, reader_last(r), "the prefix is of the other family");
	return 0;
}

static int read_pool_ports(struct reader *r, struct conf_statement *out)
{
	struct conf_run run;
	uint32_t first = r->next;

	if (value_run(r, CONF_TCP | CONF_UDP, &run) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_EXTRA, first);
	out->pool.low = run.first;
	out->pool.high = run.last;
	return 0;
}

static int read_pool_link(struct reader *r, struct conf_statement *out)
{
	uint32_t first = r->next;

	if (value_ifname(r, out->pool.link) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_ON, first);
	return 0;
}

static int read_pool(struct reader *r, struct conf_statement *out)
{
	static const struct sentence_clause clauses[] = {
		{ "ports", read_pool_ports, false, false },
		{ "on", read_pool_link, false, false },
	};
	struct conf_prefix *pool = &out->pool.addresses;
	uint32_t first = r->next;

	if (value_prefix(r, false, pool) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_SUBJECT, first);
	if (!minato_addr_is4(&pool->addr))
		return reader_fail(r, reader_last(r),
				   "a pool is of IPv4 addresses: IPv6 is not translated");
	if (pool->length < POOL_LENGTH_MIN)
		return reader_fail(r, reader_last(r), "a pool has at most 1024 addresses (a /22)");
	return sentence_clauses(r, out, clauses, sizeof(clauses) / sizeof(clauses[0]));
}

static int read_never(struct reader *r, struct conf_statement *out)
{
	uint32_t first;

	if (reader_demand(r, "translate") < 0)
		return -EINVAL;
	first = r->next;
	if (value_prefix(r, false, &out->never) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_SUBJECT, first);
	if (!minato_addr_is4(&out->never.addr))
		return reader_fail(r, reader_last(r), "IPv6 is never translated anyway");
	return 0;
}

static int read_capacity(struct reader *r, struct conf_statement *out)
{
	static const char *const words[] = { "sessions", "mappings", "hosts" };
	uint32_t first = r->next;
	int key;

	if (value_number(r, 1, CAPACITY_MAX, "a capacity", &out->capacity.value) < 0)
		return -EINVAL;
	key = reader_phrase(r, words, CONF_CAPACITY_COUNT);
	if (key < 0)
		return key;
	out->capacity.key = (enum conf_capacity_key)key;
	reader_mark(r, out, CONF_PART_SUBJECT, first);
	return 0;
}

static int read_listen(struct reader *r, struct conf_statement *out)
{
	uint32_t first = r->next;

	if (reader_demand(r, "systemd") < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_SUBJECT, first);
	return 0;
}

static int read_reserve(struct reader *r, struct conf_statement *out)
{
	struct conf_reserve *reserve = &out->reserve;
	uint32_t first;

	reserve->protocols = CONF_TCP | CONF_UDP;
	if (value_sees_protocol(r) && value_protocols(r, &reserve->protocols) < 0)
		return -EINVAL;
	first = r->next;
	if (value_runs(r, reserve->protocols, reserve->run, &reserve->run_count) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_SUBJECT, first);
	return sentence_clauses(r, out, naming, 1);
}

static int read_state(struct reader *r, struct conf_statement *out)
{
	uint32_t first = r->next;

	if (value_path(r, out->state) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_SUBJECT, first);
	return 0;
}

/* Its path is where that of a state file is. */
static int read_include(struct reader *r, struct conf_statement *out)
{
	if (!r->includes)
		return reader_fail(r, reader_last(r),
				   r->of_file ? "this file can include no other" :
						"include stands in a file alone");
	if (value_text(r, out->state, sizeof(out->state), "the path of a file") < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_SUBJECT, r->next - 1);
	return 0;
}

/* ---- verbs ---- */

/* The first words of statements, and who reads on. */
static const struct {
	const char *word;
	enum conf_kind kind;
	int (*read)(struct reader *r, struct conf_statement *out);
} verbs[] = {
	{ "inside", CONF_KIND_LINK, linkline_read },
	{ "outside", CONF_KIND_LINK, linkline_read },
	{ "route", CONF_KIND_ROUTE, read_route },
	{ "pool", CONF_KIND_POOL, read_pool },
	{ "forward", CONF_KIND_FORWARD, forwardline_read },
	{ "dmz", CONF_KIND_DMZ, forwardline_read_dmz },
	{ "drain", CONF_KIND_DRAIN, drainline_read },
	{ "never", CONF_KIND_NEVER, read_never },
	{ "nat", CONF_KIND_NAT, natline_read },
	{ "capacity", CONF_KIND_CAPACITY, read_capacity },
	{ "listen", CONF_KIND_LISTEN, read_listen },
	{ "reserve", CONF_KIND_RESERVE, read_reserve },
	{ "state", CONF_KIND_STATE, read_state },
	{ "test", CONF_KIND_TEST, testline_read },
	{ "allow", CONF_KIND_RULE, ruleline_read },
	{ "block", CONF_KIND_RULE, ruleline_read },
	{ "reject", CONF_KIND_RULE, ruleline_read },
	{ "drop", CONF_KIND_RULE, ruleline_read },
	{ "limit", CONF_KIND_RULE, ruleline_read },
	{ "zone", CONF_KIND_ZONE, setline_read_zone },
	{ "set", CONF_KIND_SET, setline_read },
	{ "scans", CONF_KIND_SCANS, setline_read_scans },
	{ "alert", CONF_KIND_ALERT, setline_read_alert },
	{ "include", CONF_KIND_COUNT, read_include }, /* parse.c reads on there */
};
#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

bool conf_kind_is_guests(enum conf_kind kind)
{
	return kind == CONF_KIND_RULE || kind == CONF_KIND_ZONE || kind == CONF_KIND_SET ||
	       kind == CONF_KIND_SCANS || kind == CONF_KIND_ALERT || kind == CONF_KIND_TEST;
}

/* Words of other languages of rules, and ours. */
static const struct {
	const char *word, *ours;
} foreign[] = {
	{ "deny", "block" },	  { "ban", "block" },	 { "refuse", "reject" },
	{ "accept", "allow" },	  { "permit", "allow" }, { "pass", "allow" },
	{ "ratelimit", "limit" }, { "dnat", "forward" }, { "redirect", "forward" },
	{ "ipset", "set" },
};

static bool is_guests(enum conf_kind kind)
{
	return kind == CONF_KIND_COUNT || conf_kind_is_guests(kind);
}

static int expect_verb(struct reader *r)
{
	const char *words[VERB_COUNT];
	size_t count = 0;

	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		if (reader_sees(r, 0, foreign[i].word))
			return reader_fail(r, reader_here(r), "%s is called %s here",
					   foreign[i].word, foreign[i].ours);
	}
	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (!r->of_guest || is_guests(verbs[i].kind))
			words[count++] = verbs[i].word;
	}
	return reader_expected(r, words, count);
}

int sentence_read(struct reader *r, struct conf_statement *out)
{
	size_t i = 0;

	memset(out, 0, sizeof(*out));
	out->line = r->number;
	while (i < VERB_COUNT && !reader_takes(r, verbs[i].word))
		i++;
	if (i == VERB_COUNT)
		return expect_verb(r);
	out->kind = verbs[i].kind;
	reader_mark(r, out, CONF_PART_VERB, r->next - 1);
	if (verbs[i].read(r, out) < 0)
		return -EINVAL;
	if (!reader_ended(r))
		return reader_fail(r, reader_here(r), "the statement is complete before this word");
	/* What can be read can be printed and read again. */
	if (conf_print(NULL, 0, out) > CONF_LINE_MAX)
		return reader_fail(r, r->word[0],
				   "this statement needs more than %u bytes in print",
				   CONF_LINE_MAX);
	return 0;
}
