/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules that can never match, beside a walk through every flow of a small world: what is said never
 * to match decides no flow, and what one rule before it holds is found.
 */
#include "conf/rules.h"
#include "conf_fixture.h"

#define ROUNDS 3000
#define RULES 8
#define PORTS 6
#define HOSTS 4

struct rule {
	bool block, out;
	unsigned protocols;   /* 1 tcp, 2 udp */
	unsigned first, last; /* ports */
	unsigned from, from_bits, to, to_bits;
};

static uint64_t random_state = 7;

static unsigned pick(unsigned below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 20) % below;
}

/* Hosts 0..3 of a /30: a prefix of 30, 31 or 32 bits holds 4, 2 or 1. */
static void make_side(unsigned *host, unsigned *bits)
{
	*bits = pick(3);
	*host = pick(HOSTS) & ~((1u << (2 - *bits)) - 1);
}

static struct rule make(void)
{
	struct rule r = { .block = pick(2), .out = pick(4) == 0, .protocols = 1 + pick(3) };

	r.first = 1 + pick(PORTS);
	r.last = r.first + pick(PORTS + 1 - r.first);
	make_side(&r.from, &r.from_bits);
	make_side(&r.to, &r.to_bits);
	return r;
}

static bool in(unsigned host, unsigned prefix, unsigned bits)
{
	return host >> (2 - bits) == prefix >> (2 - bits);
}

static bool matches(const struct rule *r, bool out, unsigned proto, unsigned port, unsigned from,
		    unsigned to)
{
	return r->out == out && r->protocols & proto && r->first <= port && port <= r->last &&
	       in(from, r->from, r->from_bits) && in(to, r->to, r->to_bits);
}

static bool holds(const struct rule *a, const struct rule *b)
{
	return a->out == b->out && (a->protocols & b->protocols) == b->protocols &&
	       a->first <= b->first && b->last <= a->last && a->from_bits <= b->from_bits &&
	       in(b->from, a->from, a->from_bits) && a->to_bits <= b->to_bits &&
	       in(b->to, a->to, a->to_bits);
}

/* Marks the rules that decide a flow. */
static void walk(const struct rule *rules, bool decides[RULES])
{
	for (unsigned i = 0; i < 2u * 2 * PORTS * HOSTS * HOSTS; i++) {
		bool out = i % 2;
		unsigned proto = i / 2 % 2 + 1;
		unsigned port = i / 4 % PORTS + 1;
		unsigned from = i / 4 / PORTS % HOSTS;
		unsigned to = i / 4 / PORTS / HOSTS;
		int k = 0;

		while (k < RULES && !matches(&rules[k], out, proto, port, from, to))
			k++;
		if (k < RULES)
			decides[k] = true;
	}
}

static void write(char *text, size_t size, const struct rule *rules)
{
	static const char *const protocols[] = { "", "tcp", "udp", "tcp,udp" };
	size_t used = (size_t)snprintf(text, size, LINKS);

	for (int i = 0; i < RULES; i++) {
		const struct rule *r = &rules[i];

		used += (size_t)snprintf(text + used, size - used,
					 "%s%s %s %u-%u from 192.0.2.%u/%u to 198.51.100.%u/%u\n",
					 r->block ? "block" : "allow", r->out ? " out" : "",
					 protocols[r->protocols], r->first, r->last, r->from,
					 30 + r->from_bits, r->to, 30 + r->to_bits);
	}
}

static void world(void **state)
{
	unsigned found = 0;
	unsigned several = 0;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct rule rules[RULES];
		bool decides[RULES] = { false };
		bool hidden[RULES + LINKS_LINES] = { false };
		struct rules_names names;
		char text[2048];

		for (int i = 0; i < RULES; i++)
			rules[i] = make();
		write(text, sizeof(text), rules);
		assert_int_equal(read_file(text), 0);
		walk(rules, decides);
		assert_int_equal(rules_names_make(&names, &conf, NULL), 0);
		report.count = report.warnings = 0;
		assert_int_equal(shadow_judge(&conf, &names, hidden, &report), 0);
		rules_names_free(&names);
		for (int i = 0; i < RULES; i++) {
			bool held = false;

			for (int k = 0; k < i; k++)
				held |= holds(&rules[k], &rules[i]);
			if (hidden[i + LINKS_LINES] && decides[i])
				fail_msg("line %d decides some flow:\n%s", i + 3, text);
			if (held && !hidden[i + LINKS_LINES])
				fail_msg("line %d is held by one before it:\n%s", i + 3, text);
			found += hidden[i + LINKS_LINES];
			several += hidden[i + LINKS_LINES] && !held;
		}
	}
	/* The world is one in which that happens. */
	assert_true(found > 500);
	assert_true(several > 20);
}

/* ---- words: zones, links, sets, self, and ends in time ---- */

#define WORD_LINES                                                                                 \
	"inside eth1 10.0.0.1/24 named inn\n"                                                      \
	"inside eth2 10.0.1.1/24\n"                                                                \
	"outside eth0 198.51.100.1/24 via 198.51.100.254 named outw\n"                             \
	"set few 192.0.2.0/31, 192.0.2.2\n"                                                        \
	"set few 10.0.0.2\n"                                                                       \
	"set ours 10.0.0.1, 198.51.100.0/31\n"
#define WORD_LINES_COUNT 6
#define LINKS_OF_WORDS 3
#define TIMES 4

/* An address for each way to be held or not by what rules say here. */
static const char *const sources[] = { "192.0.2.0", "192.0.2.1",   "192.0.2.2",
				       "192.0.2.3", "10.0.0.2",	   "10.0.0.9",
				       "9.9.9.9",   "203.0.113.9", "2001:db8::9" };
static const char *const targets[] = { "198.51.100.0", "198.51.100.1", "198.51.100.9", "10.0.0.1",
				       "10.0.0.2",     "10.0.1.1",     "10.0.1.9",     "10.0.2.1",
				       "203.0.113.9",  "2001:db8::9" };
#define SOURCES (sizeof(sources) / sizeof(sources[0]))
#define TARGETS (sizeof(targets) / sizeof(targets[0]))

/* A word, the links that it means, and the prefixes; NULL: any address. */
struct meant {
	const char *word;
	unsigned links;
	const char *prefixes[6];
};
static const struct meant from_words[] = {
	{ "lan", 3, { NULL } },
	{ "wan", 4, { NULL } },
	{ "inn", 1, { NULL } },
	{ "outw", 4, { NULL } },
	{ "few", 7, { "192.0.2.0/31", "192.0.2.2/32", "10.0.0.2/32" } },
	{ "192.0.2.0/30", 7, { "192.0.2.0/30" } },
	{ "192.0.2.0/31", 7, { "192.0.2.0/31" } },
	{ "192.0.2.2/31", 7, { "192.0.2.2/31" } },
	{ "192.0.2.2", 7, { "192.0.2.2/32" } },
	{ "192.0.2.3", 7, { "192.0.2.3/32" } },
	{ "10.0.0.0/24", 7, { "10.0.0.0/24" } },
	{ "10.0.0.2", 7, { "10.0.0.2/32" } },
	{ "0.0.0.0/1", 7, { "0.0.0.0/1" } },
	{ "128.0.0.0/1", 7, { "128.0.0.0/1" } },
	{ "0.0.0.0/0", 7, { "0.0.0.0/0" } },
	{ NULL, 7, { NULL } },
};
static const struct meant to_words[] = {
	{ "self", 7, { "10.0.0.1/32", "10.0.1.1/32", "198.51.100.1/32" } },
	{ "lan", 7, { "10.0.0.0/24", "10.0.1.0/24" } },
	{ "inn", 7, { "10.0.0.0/24" } },
	{ "ours", 7, { "10.0.0.1/32", "198.51.100.0/31" } },
	{ "198.51.100.1", 7, { "198.51.100.1/32" } },
	{ "198.51.100.0", 7, { "198.51.100.0/32" } },
	{ "198.51.100.0/31", 7, { "198.51.100.0/31" } },
	{ "198.51.100.0/24", 7, { "198.51.100.0/24" } },
	{ "10.0.0.1", 7, { "10.0.0.1/32" } },
	{ "10.0.1.1", 7, { "10.0.1.1/32" } },
	{ "10.0.0.0/24", 7, { "10.0.0.0/24" } },
	{ "10.0.1.0/24", 7, { "10.0.1.0/24" } },
	{ "10.0.0.0/23", 7, { "10.0.0.0/23" } },
	{ "0.0.0.0/0", 7, { "0.0.0.0/0" } },
	{ NULL, 7, { NULL } },
};
#define FROM_WORDS (sizeof(from_words) / sizeof(from_words[0]))
#define TO_WORDS (sizeof(to_words) / sizeof(to_words[0]))

struct worded {
	const struct meant *from[2], *to[2];
	unsigned first, last; /* ports */
	unsigned until;	      /* a time; TIMES: for good */
};

static bool is_within(const char *prefix, const char *addr)
{
	const char *slash = strchr(prefix, '/');
	struct conf_prefix one = { .length = (uint8_t)(96 + atoi(slash + 1)) };
	struct minato_addr other;
	char text[32];

	snprintf(text, sizeof(text), "%.*s", (int)(slash - prefix), prefix);
	one.addr = address(text);
	other = address(addr);
	return judge_within(&one, &other);
}

static bool means(const struct meant *m, unsigned link, const char *addr)
{
	bool is_in = !m->prefixes[0];

	for (int i = 0; m->prefixes[i]; i++)
		is_in |= is_within(m->prefixes[i], addr);
	return m->links & 1u << link && is_in;
}

/* Who is meant where, reckoned once. */
static bool from_means[FROM_WORDS][LINKS_OF_WORDS][SOURCES], to_means[TO_WORDS][TARGETS];

static void reckon(void)
{
	for (unsigned i = 0; i < FROM_WORDS * LINKS_OF_WORDS * SOURCES; i++) {
		unsigned word = i % FROM_WORDS;
		unsigned link = i / FROM_WORDS % LINKS_OF_WORDS;
		unsigned source = i / FROM_WORDS / LINKS_OF_WORDS;

		from_means[word][link][source] = means(&from_words[word], link, sources[source]);
	}
	for (unsigned i = 0; i < TO_WORDS * TARGETS; i++)
		to_means[i % TO_WORDS][i / TO_WORDS] =
			means(&to_words[i % TO_WORDS], 0, targets[i / TO_WORDS]);
}

static struct worded make_worded(void)
{
	struct worded r = { .until = pick(2) ? TIMES : pick(TIMES - 1) };

	r.first = 1 + pick(2);
	r.last = r.first + pick(3 - r.first);
	r.from[0] = &from_words[pick(FROM_WORDS)];
	r.to[0] = &to_words[pick(2) ? TO_WORDS - 1 : pick(TO_WORDS)];
	if (r.from[0]->word && pick(3) == 0)
		r.from[1] = &from_words[pick(FROM_WORDS - 1)];
	if (r.to[0]->word && pick(3) == 0)
		r.to[1] = &to_words[pick(TO_WORDS - 1)];
	return r;
}

static bool worded_matches(const struct worded *r, unsigned flow)
{
	unsigned port = 1 + flow % 2;
	unsigned time = flow / 2 % TIMES;
	unsigned link = flow / 2 / TIMES % LINKS_OF_WORDS;
	unsigned source = flow / 2 / TIMES / LINKS_OF_WORDS % SOURCES;
	unsigned target = flow / 2 / TIMES / LINKS_OF_WORDS / SOURCES;
	bool is_from = false;
	bool is_to = false;

	/* The last of each is of the other family. */
	if ((source == SOURCES - 1) != (target == TARGETS - 1))
		return false;
	for (int i = 0; i < 2; i++) {
		is_from |= r->from[i] && from_means[r->from[i] - from_words][link][source];
		is_to |= r->to[i] && to_means[r->to[i] - to_words][target];
	}
	return is_from && is_to && r->first <= port && port <= r->last && time <= r->until;
}

static void walk_worded(const struct worded *rules, bool decides[RULES])
{
	for (unsigned i = 0; i < 2 * TIMES * LINKS_OF_WORDS * SOURCES * TARGETS; i++) {
		int k = 0;

		while (k < RULES && !worded_matches(&rules[k], i))
			k++;
		if (k < RULES)
			decides[k] = true;
	}
}

static size_t write_end(char *text, size_t size, const char *word, const struct meant *const m[2])
{
	if (!m[0]->word)
		return 0;
	return (size_t)snprintf(text, size, " %s %s%s%s", word, m[0]->word, m[1] ? "," : "",
				m[1] ? m[1]->word : "");
}

/* Some say how long, others until when. */
static void write_worded(char *text, size_t size, const struct worded *rules, bool spans)
{
	size_t used = (size_t)snprintf(text, size, WORD_LINES);

	for (int i = 0; i < RULES; i++) {
		const struct worded *r = &rules[i];

		used += (size_t)snprintf(text + used, size - used, "block tcp %u-%u", r->first,
					 r->last);
		used += write_end(text + used, size - used, "from", r->from);
		used += write_end(text + used, size - used, "to", r->to);
		if (r->until < TIMES)
			used += (size_t)snprintf(text + used, size - used,
						 spans ? " for %uh" : " until 203%u-01-01 10:00",
						 r->until + 1);
		used += (size_t)snprintf(text + used, size - used, "\n");
	}
}

/* What is found is all that there is, and nothing else. */
static void words(void **state)
{
	unsigned found = 0;
	unsigned read = 0;

	(void)state;
	reckon();
	for (int round = 0; round < ROUNDS; round++) {
		struct worded rules[RULES];
		bool decides[RULES] = { false };
		bool hidden[RULES + WORD_LINES_COUNT] = { false };
		struct rules_names names;
		char text[2048];

		for (int i = 0; i < RULES; i++)
			rules[i] = make_worded();
		write_worded(text, sizeof(text), rules, round % 2);
		/* Some say a thing twice, or lead from an inside to where none is. */
		if (read_file(text) != 0)
			continue;
		read++;
		walk_worded(rules, decides);
		assert_int_equal(rules_names_make(&names, &conf, NULL), 0);
		report.count = report.warnings = 0;
		assert_int_equal(shadow_judge(&conf, &names, hidden, &report), 0);
		rules_names_free(&names);
		for (int i = 0; i < RULES; i++) {
			if (hidden[i + WORD_LINES_COUNT] && decides[i])
				fail_msg("line %d decides some flow:\n%s", i + 7, text);
			if (!hidden[i + WORD_LINES_COUNT] && !decides[i])
				fail_msg("line %d decides no flow:\n%s", i + 7, text);
			found += hidden[i + WORD_LINES_COUNT];
		}
	}
	assert_true(read > ROUNDS / 8);
	assert_true(found > 200);
}

static void says(const char *lines, uint32_t line, const char *where, const char *what,
		 uint32_t other)
{
	char text[1024];

	snprintf(text, sizeof(text), LINKS "forward tcp 1-100 to 10.0.0.2\n%s", lines);
	one_fault(text, CONF_WARNING, line + 3, where, what);
	assert_int_equal(report.fault[0].other, other + 3);
}

static void told(void **state)
{
	(void)state;
	says("block tcp 22\nblock tcp 22\n", 2, "block tcp 22", "said already", 1);
	says("block tcp 22\nallow tcp 22\n", 2, "allow tcp 22", "the other line says 'block'", 1);
	says("block tcp 20-30\ndrop tcp 22 from lan\n", 2, "drop tcp 22", "decides all of it", 1);
	says("block tcp 1-10\nblock tcp 11-20\ndrop tcp 5-15\n", 3, "drop tcp 5-15",
	     "the last of them the other line", 2);
	says("set bad 192.0.2.0/24\nblock everything from bad\ndrop tcp 1 from 192.0.2.7\n", 3,
	     "drop tcp 1", "decides all of it", 2);
	says("limit tcp 22 to 1 per day\nblock tcp 22 from wan\n", 2, "block tcp 22",
	     "decides all of it", 1);
	/* Whoever it is comes from lan or from wan. */
	says("allow tcp 22 from lan\nallow tcp 22 from wan\nblock tcp 22 from 192.0.2.7\n", 3,
	     "block tcp 22", "the last of them the other line", 2);
	says("allow tcp 22 from lan\nallow tcp 20-30 from wan\nblock tcp 22\n", 3, "block tcp 22",
	     "the last of them the other line", 2);
	no_fault(LINKS "forward tcp 22-23 to 10.0.0.2\nallow tcp 22 from lan\n"
		       "block tcp 23 from wan\nblock tcp 22 from 192.0.2.7\n");
	/* Of what ends some day nothing is said. */
	no_fault(LINKS "forward tcp 22 to 10.0.0.2\nblock tcp 22 until 18:00\ndrop tcp 22\n");
	no_fault(LINKS "block everything from lan\nblock everything from wan\n");
}

/* What several rules hold together, and what other words mean the same. */
static void together(void **state)
{
	static const char *const held =
		"this can never match: lines before it, the last of them the other line";

	(void)state;
	says("allow tcp 22 from 203.0.113.0/25\nallow tcp 22 from 203.0.113.128/25\n"
	     "block tcp 22 from 203.0.113.0/24\n",
	     3, "block tcp 22", held, 2);
	says("set s 203.0.113.0/25, 203.0.113.128/25\nblock tcp 22 from s\n"
	     "allow tcp 22 from 203.0.113.0/24\n",
	     3, "allow tcp 22", "can never match", 2);
	says("block tcp 22 to self\nallow tcp 22 from wan to 198.51.100.1\n", 2, "allow tcp 22",
	     "can never match", 1);
	says("block tcp 22 to 10.0.0.1\nblock tcp 22 to 198.51.100.1\nallow tcp 22 to self\n", 3,
	     "allow tcp 22", held, 2);
	says("block tcp 22 from wan for 2h\nallow tcp 22 from wan for 1h\n", 2, "allow tcp 22",
	     "the other line says 'block'", 1);
	no_fault(LINKS "forward tcp 22 to 10.0.0.2\nblock tcp 22 from wan for 1h\n"
		       "allow tcp 22 from wan for 2h\nblock tcp 22\n");
	no_fault(LINKS "forward tcp 22 to 10.0.0.2\nblock tcp 22 until 2031-01-01 00:00\n"
		       "drop tcp 22 until 2031-01-01 00:01\n");
	says("allow ping\nblock icmp 8\n", 2, "block icmp 8", "can never match", 1);
	says("block icmp 8, 128\nlimit ping to 1 per day\n", 2, "limit ping", "can never match", 1);
	no_fault(LINKS "block icmp 8\nlimit ping to 1 per day\n");
}

/* What is in a file may change, and the names of guests mean who they mean. */
static void not_told(void **state)
{
	(void)state;
	no_fault(LINKS "set s from /etc/s\nset s 203.0.113.1\nblock tcp 22 from 203.0.113.1\n"
		       "drop tcp 22 from s\n");
	no_fault(LINKS "block tcp 22 from 203.0.113.0/25\n"
		       "block tcp 22 from 203.0.113.128/26\ndrop tcp 22 from 203.0.113.0/24\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(world),    cmocka_unit_test(words),	cmocka_unit_test(told),
		cmocka_unit_test(together), cmocka_unit_test(not_told),
	};

	return cmocka_run_group_tests(tests, NULL, end_conf);
}
