/* SPDX-License-Identifier: BSD-2-Clause */
/* The file that says what is meant to listen. */
#include "cmd/see/audit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 4 /* one more than a line may have */
#define LINE_MAX_SHOWN 72
#define NAME_MAX_SIZE 64

/* A line being read. */
struct reading {
	const struct minato_services *services;
	const char *line; /* without its end */
	size_t length;
	uint32_t number;
	struct drive_error *error;
};

struct word {
	const char *at;
	size_t length;
};

/* Says what is wrong, then the line, and under it a caret. */
static int fault(const struct reading *r, const struct word *word, const char *what)
{
	char shown[LINE_MAX_SHOWN + 1];
	size_t column = (size_t)(word->at - r->line);
	size_t length = r->length < LINE_MAX_SHOWN ? r->length : LINE_MAX_SHOWN;

	for (size_t i = 0; i < length; i++)
		shown[i] = r->line[i] >= ' ' && r->line[i] <= '~' ? r->line[i] : '?';
	shown[length] = '\0';
	return drive_fail(r->error, EINVAL, "line %u: %s\n  %s\n  %*s", r->number, what, shown,
			  (int)(column < LINE_MAX_SHOWN ? column : LINE_MAX_SHOWN) + 1, "^");
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static size_t split(const struct reading *r, struct word *words)
{
	size_t count = 0;
	size_t i = 0;

	while (i < r->length && count < WORDS_MAX) {
		while (i < r->length && is_space(r->line[i]))
			i++;
		if (i == r->length || r->line[i] == '#')
			break;
		words[count].at = r->line + i;
		while (i < r->length && !is_space(r->line[i]) && r->line[i] != '#')
			i++;
		words[count].length = (size_t)(r->line + i - words[count].at);
		count++;
	}
	return count;
}

static bool equals(const struct word *word, const char *text)
{
	return word->length == strlen(text) && memcmp(word->at, text, word->length) == 0;
}

/* A number from 1 to 65535, or -EINVAL. */
static int read_number(const struct word *word)
{
	int port = 0;

	for (size_t i = 0; i < word->length; i++) {
		if (word->at[i] < '0' || word->at[i] > '9' || port > UINT16_MAX)
			return -EINVAL;
		port = port * 10 + (word->at[i] - '0');
	}
	return port >= 1 && port <= UINT16_MAX ? port : -EINVAL;
}

/* A number, or the name of a service of that protocol. */
static int read_port(const struct reading *r, const struct word *word, uint8_t proto)
{
	char name[NAME_MAX_SIZE];
	int port = read_number(word);

	if (port > 0 || !word->length || word->length >= sizeof(name))
		return port;
	memcpy(name, word->at, word->length);
	name[word->length] = '\0';
	return memchr(name, '\0', word->length) ?
		       -EINVAL :
		       minato_services_port(r->services, proto, name);
}

/* PORT or PORT-PORT; names have hyphens, so only numbers make a range. */
static int read_ports(const struct reading *r, struct word ports, struct cmd_expected *out)
{
	const char *dash = memchr(ports.at, '-', ports.length);
	struct word low = ports;
	struct word high = { 0 };
	int first = -EINVAL;
	int last = -EINVAL;

	if (dash) {
		low.length = (size_t)(dash - ports.at);
		high = (struct word){ dash + 1, ports.length - low.length - 1 };
		first = read_number(&low);
		last = read_number(&high);
	}
	if (first < 0 || last < 0)
		first = last = read_port(r, &ports, out->proto);
	if (first < 0)
		return fault(r, &ports, "this is no port and no service of that protocol");
	if (first > last)
		return fault(r, &ports, "the range is reversed");
	out->first = (uint16_t)first;
	out->last = (uint16_t)last;
	return 0;
}

static int read_what(const struct reading *r, const struct word *word, struct cmd_expected *out)
{
	const char *slash = memchr(word->at, '/', word->length);
	struct word ports = *word;
	struct word proto = { 0 };

	if (!slash)
		return fault(r, word, "a port with its protocol is wanted, such as 22/tcp");
	ports.length = (size_t)(slash - word->at);
	proto = (struct word){ slash + 1, word->length - ports.length - 1 };
	if (equals(&proto, "tcp"))
		out->proto = MINATO_TCP;
	else if (equals(&proto, "udp"))
		out->proto = MINATO_UDP;
	else
		return fault(r, &proto, "the protocol is tcp or udp");
	return read_ports(r, ports, out);
}

/* A scope is known by its word; anything else is a program. */
static int read_rest(const struct reading *r, const struct word *word, struct cmd_expected *out)
{
	char text[sizeof(out->program)];
	int scope;

	if (word->length >= sizeof(text))
		return fault(r, word, "the name of a program has less than 64 letters");
	memcpy(text, word->at, word->length);
	text[word->length] = '\0';
	scope = cmd_scope_read(text);
	if (scope >= 0)
		out->scope = (enum cmd_scope)scope;
	else if (*out->program)
		return fault(r, word, "a line names one program, and loopback, lan or everyone");
	else
		memcpy(out->program, text, sizeof(text));
	return 0;
}

static int append(struct cmd_expectation *all, const struct cmd_expected *one,
		  struct drive_error *error)
{
	if (all->count == all->room) {
		size_t room = all->room ? all->room * 2 : 32;
		struct cmd_expected *list = realloc(all->list, room * sizeof(*list));

		if (!list)
			return drive_fail(error, ENOMEM, "out of memory");
		all->list = list;
		all->room = room;
	}
	all->list[all->count++] = *one;
	return 0;
}

static int read_line(struct cmd_expectation *all, const struct reading *r)
{
	struct cmd_expected one = { .scope = CMD_SCOPE_EVERYONE, .line = r->number };
	struct word words[WORDS_MAX];
	size_t count = split(r, words);
	int result;

	if (count == 0)
		return 0;
	if (count == WORDS_MAX)
		return fault(r, &words[WORDS_MAX - 1], "one word too many");
	result = read_what(r, &words[0], &one);
	for (size_t i = 1; i < count && result == 0; i++)
		result = read_rest(r, &words[i], &one);
	return result < 0 ? result : append(all, &one, r->error);
}

int cmd_expectation_read(struct cmd_expectation *all, const char *text, size_t size,
			 const struct minato_services *services, struct drive_error *error)
{
	struct reading r = { .services = services, .line = text, .error = error };
	const char *end = text + size;
	int result = 0;

	*all = (struct cmd_expectation){ 0 };
	while (r.line < end && result == 0) {
		const char *newline = memchr(r.line, '\n', (size_t)(end - r.line));

		r.length = (size_t)((newline ? newline : end) - r.line);
		r.number++;
		result = read_line(all, &r);
		r.line += r.length + 1;
	}
	return result;
}

void cmd_expectation_free(struct cmd_expectation *all)
{
	free(all->list);
	*all = (struct cmd_expectation){ 0 };
}

bool cmd_expectation_meets(struct cmd_expectation *all, const struct cmd_holder *holder,
			   const char *who, enum cmd_scope scope)
{
	bool met = false;

	for (size_t i = 0; i < all->count; i++) {
		struct cmd_expected *one = &all->list[i];

		if (one->proto != holder->proto || holder->port < one->first ||
		    holder->port > one->last || scope > one->scope)
			continue;
		if (*one->program && *who && strcmp(one->program, who) != 0)
			continue;
		one->met = true;
		met = true;
	}
	return met;
}
