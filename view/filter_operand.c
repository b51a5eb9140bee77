/* SPDX-License-Identifier: BSD-2-Clause */
/* The operands of a filter: addresses, ports, marks, and the names that stand for them. */
#include "view/filter.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX4 96
#define PREFIX6 128
#define DIGITS "0123456789"

static int fail(struct filter_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int fail(struct filter_error *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->what, sizeof(error->what), format, args);
	va_end(args);
	return -EINVAL;
}

/* A whole number, decimal or after 0x hexadecimal; false for anything else and beyond max. */
static bool number_of(const char *word, uint64_t max, uint64_t *value)
{
	bool hex = word[0] == '0' && (word[1] == 'x' || word[1] == 'X');
	const char *digits = hex ? word + 2 : word;
	char *end;

	if (!*digits || digits[strspn(digits, hex ? DIGITS "abcdefABCDEF" : DIGITS)])
		return false;
	errno = 0;
	*value = strtoull(digits, &end, hex ? 16 : 10);
	return !errno && *value <= max;
}

/* ---- ports ---- */

static int port_of(const char *word, uint16_t *port, const struct filter_names *names,
		   struct filter_error *error)
{
	uint64_t number;
	int found = -ENOENT;

	if (number_of(word, UINT16_MAX, &number)) {
		*port = (uint16_t)number;
		return 0;
	}
	if (word[0] && !word[strspn(word, DIGITS)])
		return fail(error, "port %s is beyond the last, 65535", word);
	if (word[0] && word[0] != '-' && !word[strspn(word, DIGITS "-")])
		return fail(error,
			    "'%s' is no port; a range is written sport >= :LOW and sport "
			    "<= :HIGH",
			    word);
	if (word[0] && names->service)
		found = names->service(names->user, word);
	if (found == -ENOTUNIQ)
		return fail(error, "'%s' is not one port with TCP and UDP; write its number", word);
	error->service = word[0] != 0;
	if (found < 0)
		return fail(error, "'%s' is no port: expected a number up to 65535 or a service",
			    word);
	*port = (uint16_t)found;
	return 0;
}

int filter_operand_port(struct filter_node *node, const char *word,
			const struct filter_names *names, struct filter_error *error)
{
	const char *port = strrchr(word, ':');

	if (port && port != word && strncmp(word, "*:", 2) != 0)
		return fail(error, "expected a port alone; src and dst take an address with it");
	port = port ? port + 1 : word;
	if (strcmp(port, "*") != 0)
		return port_of(port, &node->port, names, error);
	if (node->compare != FILTER_EQ)
		return fail(error, "* is every port; only a number can be compared so");
	node->compare = FILTER_GE;
	node->port = 0;
	return 0;
}

/* ---- addresses ---- */

/* The parts of [FAMILY:][HOST[/LENGTH]][:PORT]; NULL where there is none. */
struct parts {
	char word[FILTER_WORD_MAX];
	uint8_t family;
	char *host, *length, *port;
};

static int take_family(struct parts *parts, struct filter_error *error)
{
	static const char *const others[] = { "unix:",	"link:", "netlink:",
					      "vsock:", "tipc:", "packet:" };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (!strncmp(parts->host, others[i], strlen(others[i])))
			return fail(error, "only inet and inet6 sockets are listed here");
	}
	if (!strncmp(parts->host, "inet6:", 6)) {
		parts->family = 6;
		parts->host += 6;
	} else if (!strncmp(parts->host, "inet:", 5)) {
		parts->family = 4;
		parts->host += 5;
	}
	return 0;
}

/* Cuts the text at the last such character; what follows it, or NULL. */
static char *cut(char *text, char mark)
{
	char *at = strrchr(text, mark);

	if (!at)
		return NULL;
	*at = 0;
	return at + 1;
}

static int split_bracketed(struct parts *parts, struct filter_error *error)
{
	char *close = strchr(parts->host, ']');

	if (!close)
		return fail(error, "'[' is not closed by ']'");
	if (close[1] && close[1] != ':' && close[1] != '/')
		return fail(error, "expected ':' and a port after ']'");
	if (close[1]) {
		parts->port = cut(close + 1, ':');
		if (close[1] == '/')
			parts->length = close + 2;
	}
	*close = 0;
	parts->host++;
	if (!parts->length)
		parts->length = cut(parts->host, '/');
	return 0;
}

/* A colon tells a port, but two of them may be an address alone. */
static void split_plain(struct parts *parts)
{
	struct minato_addr addr;
	char *slash = strrchr(parts->host, '/');

	if (slash)
		*slash = 0;
	if (!strchr(parts->host, ':') || minato_addr_parse(parts->host, &addr) < 0) {
		if (slash)
			*slash = '/';
		parts->port = cut(parts->host, ':');
		parts->length = cut(parts->host, '/');
	} else if (slash) {
		parts->length = slash + 1;
	}
}

static int split(struct parts *parts, const char *word, struct filter_error *error)
{
	*parts = (struct parts){ .host = parts->word };
	snprintf(parts->word, sizeof(parts->word), "%s", word);
	if (take_family(parts, error))
		return -EINVAL;
	if (parts->host[0] == '[')
		return split_bracketed(parts, error);
	split_plain(parts);
	return 0;
}

/* "10" or "10.1" before a length: what is left out is 0. */
static bool short_address(const char *text, struct minato_addr *addr)
{
	char whole[FILTER_WORD_MAX + 8];
	size_t dots = 0;

	if (!*text || text[strspn(text, DIGITS ".")])
		return false;
	for (const char *c = text; *c; c++)
		dots += *c == '.';
	if (dots > 3)
		return false;
	snprintf(whole, sizeof(whole), "%s%s", text, &".0.0.0"[dots * 2]);
	return minato_addr_parse(whole, addr) == 0;
}

static int set_length(struct filter_node *node, const char *length, struct filter_error *error)
{
	unsigned before = node->family == 4 ? PREFIX4 : 0;
	uint64_t number = PREFIX6 - before;

	if (length && !number_of(length, PREFIX6 - before, &number))
		return fail(error, "/%s is no length of an IPv%u prefix: expected 0 to %u", length,
			    node->family, PREFIX6 - before);
	node->prefix = (uint8_t)(number + before);
	return 0;
}

static int wrong_family(const struct parts *parts, struct filter_error *error)
{
	return fail(error, "'%s' is not of the family %s", parts->host,
		    parts->family == 4 ? "inet" : "inet6");
}

static int set_named(struct filter_operands *out, const struct parts *parts,
		     const struct filter_names *names, struct filter_error *error)
{
	struct minato_addr addrs[FILTER_HOSTS_MAX];
	struct filter_node model = out->nodes[0];
	int count = -ENOENT;

	if (parts->host[0] && !parts->host[strspn(parts->host, DIGITS)] && !parts->length)
		return fail(error, "'%s' is no address; a port is written :%s", parts->host,
			    parts->host);
	if (!parts->host[strspn(parts->host, DIGITS ".")] || strchr(parts->host, ':'))
		return fail(error, "'%s' is no address", parts->host);
	if (parts->length)
		return fail(error, "only a numeric address takes a length");
	if (names->host)
		count = names->host(names->user, parts->host, parts->family, addrs);
	if (count == -ETIMEDOUT)
		return fail(error, "no name server has said which address '%s' has", parts->host);
	if (count <= 0)
		return fail(error, "'%s' is no address, and no host of that name is known",
			    parts->host);
	for (int i = 0; i < count; i++) {
		out->nodes[i] = model;
		out->nodes[i].addr = addrs[i];
		out->nodes[i].family = minato_addr_is4(&addrs[i]) ? 4 : 6;
		out->nodes[i].prefix = PREFIX6;
		out->nodes[i].strict = parts->family == 4;
	}
	out->count = (size_t)count;
	return 0;
}

static int set_host(struct filter_operands *out, const struct parts *parts,
		    const struct filter_names *names, struct filter_error *error)
{
	struct filter_node *node = &out->nodes[0];
	bool colon = strchr(parts->host, ':') != NULL;

	if (minato_addr_parse(parts->host, &node->addr) &&
	    !(parts->length && short_address(parts->host, &node->addr)))
		return set_named(out, parts, names, error);
	node->family = colon ? 6 : 4;
	if (parts->family && parts->family != node->family)
		return wrong_family(parts, error);
	node->strict = parts->family == 4;
	return set_length(node, parts->length, error);
}

int filter_operand_host(struct filter_operands *out, const char *word,
			const struct filter_names *names, struct filter_error *error)
{
	struct filter_node *node = &out->nodes[0];
	struct parts parts;

	out->count = 1;
	if (strchr(word, '%'))
		return fail(error, "an address has no interface here; dev says which one");
	if (split(&parts, word, error))
		return -EINVAL;
	if (parts.port && *parts.port && strcmp(parts.port, "*") != 0) {
		if (port_of(parts.port, &node->port, names, error))
			return -EINVAL;
		node->ported = true;
	}
	if (parts.host[0] && strcmp(parts.host, "*") != 0)
		return set_host(out, &parts, names, error);
	if (parts.length)
		return fail(error, "a length belongs behind an address");
	node->family = parts.family;
	node->addr = parts.family == 4 ? minato_addr4(0, 0, 0, 0) : (struct minato_addr){ 0 };
	node->prefix = parts.family == 4 ? PREFIX4 : 0;
	node->strict = parts.family == 4;
	return 0;
}

/* ---- the others ---- */

static int read_mark(struct filter_node *node, const char *word, struct filter_error *error)
{
	char mark[FILTER_WORD_MAX];
	const char *mask;
	uint64_t value;

	snprintf(mark, sizeof(mark), "%s", word);
	mask = cut(mark, '/');
	node->mask = UINT32_MAX;
	if (!number_of(mark, UINT32_MAX, &value))
		return fail(error, "'%s' is no mark: expected a number, as 3 or 0x3/0xff", word);
	node->mark = (uint32_t)value;
	if (mask && !number_of(mask, UINT32_MAX, &value))
		return fail(error, "'%s' is no mask: expected a number, as 0xff", mask);
	if (mask)
		node->mask = (uint32_t)value;
	return 0;
}

int filter_operand_other(struct filter_node *node, const char *word,
			 const struct filter_names *names, struct filter_error *error)
{
	uint64_t value;
	int index = -ENOENT;

	if (node->op == FILTER_MARK)
		return read_mark(node, word, error);
	if (node->op == FILTER_GROUP) {
		if (number_of(word, UINT64_MAX, &node->group) ||
		    (names->group && !names->group(names->user, word, &node->group)))
			return 0;
		return fail(error, "no cgroup has the path '%s'", word);
	}
	if (number_of(word, INT32_MAX, &value))
		index = (int)value;
	else if (names->device)
		index = names->device(names->user, word);
	if (index < 0)
		return fail(error, "no interface is called '%s'", word);
	node->interface = (uint32_t)index;
	return 0;
}
