/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether the host kernel's own NAT takes a port away: asked of nft, as who administers it. */
#include "cmd/see/who.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* As administrators have it; PATH of a user need not name the places of what is for root. */
static void find_nft(char *out, size_t size)
{
	const char *path = getenv("PATH");
	char places[1024];
	char *rest;

	snprintf(places, sizeof(places), "%s:/usr/sbin:/sbin", path ? path : "");
	for (char *at = strtok_r(places, ":", &rest); at; at = strtok_r(NULL, ":", &rest)) {
		snprintf(out, size, "%s/nft", at);
		if (*at == '/' && access(out, X_OK) == 0)
			return;
	}
}

json_t *cmd_nat_read(void)
{
	static char words[][8] = { "nft", "-j", "list", "ruleset" };
	char *const argv[] = { words[0], words[1], words[2], words[3], NULL };
	posix_spawn_file_actions_t actions;
	json_t *rules = NULL;
	char program[1100];
	int ends[2];
	pid_t pid;
	int failed;

	if (geteuid() != 0 || pipe2(ends, O_CLOEXEC) < 0)
		return NULL;
	find_nft(program, sizeof(program));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	failed = posix_spawn(&pid, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (!failed) {
		rules = json_loadfd(ends[0], 0, NULL);
		(void)waitpid(pid, NULL, 0);
	}
	close(ends[0]);
	return rules;
}

/* What is asked, and of what. */
struct question {
	const json_t *all; /* the list of tables, chains, sets and rules */
	const json_t *rule;
	uint8_t proto;
	uint16_t port;
};

/* What a rule says of the packets that it is about. */
struct sense {
	bool diverts;
	bool ports;  /* it names ports of their destination */
	bool more;   /* it asks for something that is not known here */
	bool others; /* ours are not among them */
};

static const char *word(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "?";
}

/* ---- ports ---- */

static bool within(const json_t *range, uint16_t port)
{
	return port >= json_integer_value(json_array_get(range, 0)) &&
	       port <= json_integer_value(json_array_get(range, 1));
}

/* A number, a range, or one of these with what it leads to, or with a comment. */
static bool is_port(const json_t *one, uint16_t port)
{
	const json_t *range;

	if (json_is_array(one))
		one = json_array_get(one, 0);
	if (json_object_get(one, "elem"))
		one = json_object_get(json_object_get(one, "elem"), "val");
	range = json_object_get(one, "range");
	return range ? within(range, port) :
		       json_is_integer(one) && json_integer_value(one) == port;
}

/* The elements of a set or map that is said in the rule, or has a name ("@web") in its table. */
static const json_t *elements(const struct question *q, const json_t *value)
{
	const char *name = json_string_value(value);

	if (!name || *name != '@')
		return json_object_get(value, "set");
	for (size_t i = 0; i < json_array_size(q->all); i++) {
		const json_t *entry = json_array_get(q->all, i);
		const json_t *set = json_object_get(entry, "set");

		set = set ? set : json_object_get(entry, "map");
		if (set && !strcmp(word(set, "name"), name + 1) &&
		    !strcmp(word(set, "table"), word(q->rule, "table")) &&
		    !strcmp(word(set, "family"), word(q->rule, "family")))
			return json_object_get(set, "elem");
	}
	return NULL;
}

static bool names_port(const struct question *q, const json_t *value)
{
	const json_t *list = elements(q, value);

	for (size_t i = 0; i < json_array_size(list); i++) {
		if (is_port(json_array_get(list, i), q->port))
			return true;
	}
	return is_port(value, q->port);
}

/* ---- expressions ---- */

static bool is_dport(const json_t *payload)
{
	return !strcmp(word(payload, "field"), "dport");
}

/* "tcp dport", "udp dport", or "th dport", which is of both. */
static void take_ports(const struct question *q, const json_t *payload, bool named,
		       struct sense *sense)
{
	const char *protocol = word(payload, "protocol");
	bool ours = !strcmp(protocol, "th") || !strcmp(protocol, view_proto_word(q->proto));

	sense->ports = true;
	sense->others |= !ours || !named;
}

static bool is_one_protocol(const json_t *value, uint8_t proto)
{
	const char *name = json_string_value(value);

	return name ? !strcmp(name, view_proto_word(proto)) : json_integer_value(value) == proto;
}

/* The number or the name of a protocol, or a set of these. */
static bool is_protocol(const struct question *q, const json_t *value)
{
	const json_t *list = elements(q, value);
	bool found = false;

	for (size_t i = 0; i < json_array_size(list); i++)
		found |= is_one_protocol(json_array_get(list, i), q->proto);
	return found || is_one_protocol(value, q->proto);
}

static void take_match(const struct question *q, const json_t *match, struct sense *sense)
{
	const json_t *left = json_object_get(match, "left");
	const json_t *right = json_object_get(match, "right");
	const json_t *payload = json_object_get(left, "payload");
	const char *key = word(json_object_get(left, "meta"), "key");
	const char *field = word(payload, "field");
	bool unequal = !strcmp(word(match, "op"), "!=");

	if (payload && is_dport(payload))
		take_ports(q, payload, names_port(q, right) != unequal, sense);
	else if (!strcmp(key, "l4proto") || !strcmp(field, "protocol") || !strcmp(field, "nexthdr"))
		sense->others |= is_protocol(q, right) == unequal;
	else if (strncmp(key, "iif", 3) != 0 && !json_object_get(left, "fib"))
		sense->more = true;
}

/* Where to; a map may lead elsewhere for some ports alone. */
static void take_target(const struct question *q, const json_t *target, const char *name,
			struct sense *sense)
{
	const json_t *map = json_object_get(json_object_get(target, name), "map");
	const json_t *payload = json_object_get(json_object_get(map, "key"), "payload");

	sense->diverts = true;
	if (payload && is_dport(payload))
		take_ports(q, payload, names_port(q, json_object_get(map, "data")), sense);
	else if (map)
		sense->more = true;
}

/* iptables's own are "xt", of which nft tells no more than the name. */
static void take_expression(const struct question *q, const json_t *expression, struct sense *sense)
{
	const json_t *match = json_object_get(expression, "match");
	const json_t *target = json_object_get(expression, "dnat");
	const json_t *xt = json_object_get(expression, "xt");

	target = target ? target : json_object_get(expression, "redirect");
	if (match)
		take_match(q, match, sense);
	if (target) {
		take_target(q, target, "addr", sense);
		take_target(q, target, "port", sense);
	}
	if (xt && (!strcmp(word(xt, "name"), "DNAT") || !strcmp(word(xt, "name"), "REDIRECT")))
		sense->diverts = true;
	else if (xt)
		sense->more = true;
}

/* What this host sends itself is not what arrives. */
static bool is_of_output(const struct question *q)
{
	for (size_t i = 0; i < json_array_size(q->all); i++) {
		const json_t *chain = json_object_get(json_array_get(q->all, i), "chain");

		if (chain && !strcmp(word(chain, "name"), word(q->rule, "chain")) &&
		    !strcmp(word(chain, "table"), word(q->rule, "table")) &&
		    !strcmp(word(chain, "family"), word(q->rule, "family")))
			return !strcmp(word(chain, "hook"), "output");
	}
	return false;
}

/* Without ports it takes every one, unless it asks for something else that need not be so. */
static bool takes_away(const struct question *q)
{
	const json_t *list = json_object_get(q->rule, "expr");
	struct sense sense = { 0 };

	for (size_t i = 0; i < json_array_size(list); i++)
		take_expression(q, json_array_get(list, i), &sense);
	return sense.diverts && !sense.others && (sense.ports || !sense.more) && !is_of_output(q);
}

bool cmd_nat_rule(const json_t *rules, char *out, size_t size, uint8_t proto, uint16_t port)
{
	struct question q = { json_object_get(rules, "nftables"), NULL, proto, port };

	for (size_t i = 0; i < json_array_size(q.all); i++) {
		q.rule = json_object_get(json_array_get(q.all, i), "rule");
		if (!q.rule || !takes_away(&q))
			continue;
		snprintf(out, size, "table %s %s, chain %s", word(q.rule, "family"),
			 word(q.rule, "table"), word(q.rule, "chain"));
		return true;
	}
	return false;
}
