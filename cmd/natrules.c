/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether the host kernel's own NAT takes a port away: asked of nft, as who administers it. */
#include "cmd/who.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* All rules as JSON, or NULL where nft is not there, or not for the caller. */
static json_t *read_ruleset(void)
{
	static char words[][8] = { "nft", "-j", "list", "ruleset" };
	char *const argv[] = { words[0], words[1], words[2], words[3], NULL };
	posix_spawn_file_actions_t actions;
	json_t *rules = NULL;
	int ends[2];
	pid_t pid;
	int failed;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	failed = posix_spawn(&pid, "/usr/sbin/nft", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (!failed) {
		rules = json_loadfd(ends[0], 0, NULL);
		(void)waitpid(pid, NULL, 0);
	}
	close(ends[0]);
	return rules;
}

static bool within(const json_t *range, uint16_t port)
{
	return port >= json_integer_value(json_array_get(range, 0)) &&
	       port <= json_integer_value(json_array_get(range, 1));
}

/* A number, a range, or a set of both. */
static bool names_port(const json_t *right, uint16_t port)
{
	const json_t *set = json_object_get(right, "set");
	const json_t *range = json_object_get(right, "range");

	for (size_t i = 0; i < json_array_size(set); i++) {
		const json_t *one = json_array_get(set, i);

		if (json_integer_value(one) == port || within(json_object_get(one, "range"), port))
			return true;
	}
	return (json_is_integer(right) && json_integer_value(right) == port) ||
	       (range && within(range, port));
}

/* Whether the expression is "tcp dport 80", or one that meets the port. */
static bool matches(const json_t *expression, uint8_t proto, uint16_t port)
{
	const json_t *match = json_object_get(expression, "match");
	const json_t *payload = json_object_get(json_object_get(match, "left"), "payload");
	const char *protocol = json_string_value(json_object_get(payload, "protocol"));
	const char *field = json_string_value(json_object_get(payload, "field"));
	const char *op = json_string_value(json_object_get(match, "op"));

	if (!protocol || !field || !op || strcmp(field, "dport") != 0 || strcmp(op, "!=") == 0)
		return false;
	if (strcmp(protocol, "th") != 0 && strcmp(protocol, view_proto_word(proto)) != 0)
		return false;
	return names_port(json_object_get(match, "right"), port);
}

/* Whether the expression sends the packet elsewhere; iptables's own are "xt". */
static bool diverts(const json_t *expression)
{
	const char *target =
		json_string_value(json_object_get(json_object_get(expression, "xt"), "name"));

	return json_object_get(expression, "dnat") || json_object_get(expression, "redirect") ||
	       (target && (!strcmp(target, "DNAT") || !strcmp(target, "REDIRECT")));
}

static bool takes_away(const json_t *rule, uint8_t proto, uint16_t port)
{
	const json_t *list = json_object_get(rule, "expr");
	bool matched = false;
	bool diverted = false;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *expression = json_array_get(list, i);

		matched |= matches(expression, proto, port);
		diverted |= diverts(expression);
	}
	return matched && diverted;
}

static const char *word(const json_t *rule, const char *name)
{
	const char *text = json_string_value(json_object_get(rule, name));

	return text ? text : "?";
}

bool cmd_nat_rule(char *out, size_t size, uint8_t proto, uint16_t port)
{
	json_t *all = geteuid() == 0 ? read_ruleset() : NULL;
	const json_t *list = json_object_get(all, "nftables");
	bool found = false;

	for (size_t i = 0; i < json_array_size(list) && !found; i++) {
		const json_t *rule = json_object_get(json_array_get(list, i), "rule");

		found = rule && takes_away(rule, proto, port);
		if (found)
			snprintf(out, size, "table %s %s, chain %s", word(rule, "family"),
				 word(rule, "table"), word(rule, "chain"));
	}
	json_decref(all);
	return found;
}
