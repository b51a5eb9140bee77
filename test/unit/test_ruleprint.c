/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules made up at random: the canonical form reads back to the same, and is its own. */
#include "conf_fixture.h"

#define RULES 20000

static uint64_t random_state = 42;

static unsigned pick(unsigned below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 20) % below;
}

#define PICK(list) list[pick(sizeof(list) / sizeof((list)[0]))]

/* Distinct members, so that none is said twice. */
static void add_list(char *text, const char *before, const char *const *members, unsigned count)
{
	unsigned from = pick(count);
	unsigned many = 1 + pick(3);

	strcat(text, before);
	for (unsigned i = 0; i < many; i++) {
		strcat(text, i ? ", " : " ");
		strcat(text, members[(from + i) % count]);
	}
}

static void add_what(char *text)
{
	static const char *const protocols[] = { "tcp", "udp", "tcp,udp", "udp , tcp" };
	static const char *const ports[] = { "22", "http", "6000-6063", "https", "123", "1-5" };
	static const char *const types[] = { "echo-request", "3", "timestamp",
					     "neighbour-solicitation" };
	static const char *const others[] = { " everything", " ping", " icmp", " all",
					      " tcp,udp,icmp" };

	switch (pick(4)) {
	case 0:
		strcat(text, PICK(others));
		break;
	case 1:
		add_list(text, " icmp", types, 4);
		break;
	case 2:
		add_list(text, "", ports, 6);
		break;
	default:
		strcat(text, " ");
		strcat(text, PICK(protocols));
		add_list(text, "", ports, 6);
		break;
	}
}

static void add_clauses(char *text, bool limit, bool out)
{
	static const char *const who[] = { "lan",    "192.0.2.0/24", "10.1.2.3",
					   "office", "WAN",	     "203.0.113.0/25" };
	static const char *const names[] = { "api.example.com", "*.Example.org", "wan",
					     "10.0.0.0/8" };
	static const char *const rates[] = { " to 1 per second", " to 10 per minute per source",
					     " to 7 per day then drop",
					     " then reject to 3 per hour" };
	static const char *const terms[] = { " until 18:00", " for 90m",
					     " until 2031-02-03 04:05" };
	unsigned order = pick(2);

	if (limit && order)
		strcat(text, PICK(rates));
	if (pick(2))
		add_list(text, " from", who, 6);
	if (pick(3) == 0)
		add_list(text, " to", out ? names : who, out ? 4 : 6);
	if (limit && !order)
		strcat(text, PICK(rates));
	if (pick(4) == 0)
		strcat(text, PICK(terms));
	strcat(text, pick(4) ? "" : " log");
	strcat(text, pick(4) ? "" : " named a-Name.1");
}

static void random_rules(void **state)
{
	static const char *const verbs[] = { "allow", "block", "reject", "drop", "Limit" };
	char form[CONF_TEXT_SIZE];

	(void)state;
	for (int i = 0; i < RULES; i++) {
		char text[1024] = "";
		unsigned verb = pick(5);
		bool out = pick(2);
		struct conf_statement s;

		strcat(text, verbs[verb]);
		if (out)
			strcat(text, pick(3) ? " out" : " program /usr/bin/curl out");
		add_what(text);
		add_clauses(text, verb == 4, out);
		s = said(text);
		assert_true(conf_print(form, sizeof(form), &s) < sizeof(form));
		canonical(text, form);
		same_form(form);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(random_rules) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
