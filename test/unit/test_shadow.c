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
	says("allow tcp 22 from lan\nallow tcp 20-30 from wan\nblock tcp 22\n", 3,
	     "block tcp 22", "the last of them the other line", 2);
	no_fault(LINKS "forward tcp 22-23 to 10.0.0.2\nallow tcp 22 from lan\n"
		       "block tcp 23 from wan\nblock tcp 22 from 192.0.2.7\n");
	/* Of what ends some day nothing is said. */
	no_fault(LINKS "forward tcp 22 to 10.0.0.2\nblock tcp 22 until 18:00\ndrop tcp 22\n");
	no_fault(LINKS "block everything from lan\nblock everything from wan\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(world), cmocka_unit_test(told) };

	return cmocka_run_group_tests(tests, NULL, end_conf);
}
