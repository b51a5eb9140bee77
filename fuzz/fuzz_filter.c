/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filters: whatever is read has one form, which means the same, and says of rows what a plain
 * reading of that form says.
 */
#include "expect.h"

#include <errno.h>
#include <string.h>

#include "view/filter.h"

#define FORM_SIZE (80 * FILTER_NODES_MAX) /* a node takes less */

/* ---- a world of few names, so that they are met ---- */

static int a_service(void *user, const char *name)
{
	(void)user;
	return *name == 'h' ? 80 : *name == 's' ? -ENOTUNIQ : -ENOENT;
}

static int a_host(void *user, const char *name, uint8_t family,
		  struct minato_addr addrs[FILTER_HOSTS_MAX])
{
	int count = 0;

	(void)user;
	expect(strlen(name) < FILTER_WORD_MAX);
	if (family != 6)
		addrs[count++] = minato_addr4(10, 0, 0, 1);
	if (family != 4)
		expect(minato_addr_parse("fd00::1", &addrs[count++]) == 0);
	return *name == 'w' ? count : -ENOENT;
}

static int a_device(void *user, const char *name)
{
	(void)user;
	return *name == 'e' ? 7 : -ENODEV;
}

static int a_group(void *user, const char *path, uint64_t *number)
{
	(void)user;
	*number = 4711;
	return *path == '/' ? 0 : -ENOENT;
}

static const struct filter_names names = {
	.service = a_service,
	.host = a_host,
	.device = a_device,
	.group = a_group,
};

static uint32_t dice;

static uint32_t roll(uint32_t sides)
{
	dice = dice * 1103515245u + 12345u;
	return (dice >> 16) % sides;
}

static struct view_end some_end(void)
{
	static const char *const addrs[] = { "10.0.0.1", "10.0.0.2", "127.0.0.1", "0.0.0.0",
					     "::",	 "::1",	     "fd00::1",	  "fe80::1" };
	static const uint16_t ports[] = { 0, 1, 22, 79, 80, 81, 1024, 65535 };
	struct minato_endpoint end = { .port = ports[roll(8)] };
	struct view_end out;

	expect(minato_addr_parse(addrs[roll(8)], &end.addr) == 0);
	out = view_end_of(&end);
	if (!roll(4) && out.last < UINT16_MAX - 3)
		out.last = (uint16_t)(out.first + 3);
	return out;
}

static struct view_row some_row(void)
{
	struct view_row row = { .proto = MINATO_TCP, .state = "ESTAB" };

	row.local = some_end();
	row.peer = some_end();
	row.is6 = roll(2);
	row.autobound = roll(2);
	row.interface = roll(2) * 7;
	row.mark = roll(4);
	row.cgroup = roll(2) * 4711;
	return row;
}

/* ---- the plain reading of a form: words with a blank between them ---- */

struct reading {
	const char *at;
	const struct view_row *row;
};

static bool takes(struct reading *r, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(r->at, word, length) != 0 || (r->at[length] && r->at[length] != ' '))
		return false;
	r->at += length + (r->at[length] == ' ');
	return true;
}

static void word(struct reading *r, char out[FILTER_WORD_MAX])
{
	size_t length = strcspn(r->at, " ");

	expect(length && length < FILTER_WORD_MAX);
	memcpy(out, r->at, length);
	out[length] = 0;
	r->at += length + (r->at[length] == ' ');
}

static bool host(struct reading *r, const struct view_end *end)
{
	char text[FILTER_WORD_MAX];
	char *port;
	char *length;
	struct minato_addr addr;
	bool strict = false;
	bool six;
	unsigned count;

	word(r, text);
	if (!strncmp(text, "inet:", 5)) {
		memmove(text, text + 5, strlen(text + 5) + 1);
		strict = true;
	}
	six = text[0] == '[';
	port = six ? strstr(text, "]:") : strchr(text, ':');
	if (port) {
		unsigned number = (unsigned)atoi(port + 1 + six);

		if (number < end->first || number > end->last)
			return false;
		*port = 0;
	}
	if (!strcmp(text, "*"))
		return true;
	text[strcspn(text, "]")] = 0;
	length = strchr(text, '/');
	count = length ? (unsigned)atoi(length + 1) : six ? 128 : 32;
	if (length)
		*length = 0;
	expect(minato_addr_parse(text + six, &addr) == 0);
	count += six ? 0 : 96;
	if (six ? minato_addr_is4(&end->addr) && !r->row->is6 : !minato_addr_is4(&end->addr))
		return false;
	if (strict && r->row->is6)
		return false;
	for (unsigned i = 0; i < count; i++) {
		if ((addr.bytes[i / 8] ^ end->addr.bytes[i / 8]) & (0x80 >> i % 8))
			return false;
	}
	return true;
}

static bool port(struct reading *r, const struct view_end *end)
{
	char sign[FILTER_WORD_MAX];
	char text[FILTER_WORD_MAX];
	bool some = false;
	bool equal = false;

	word(r, sign);
	word(r, text);
	for (long p = end->first; p <= end->last; p++) {
		long wanted = atol(text + 1);

		equal |= p == wanted;
		some |= (*sign == '>' && p > wanted) || (*sign == '<' && p < wanted) ||
			(sign[1] == '=' && p == wanted);
	}
	return !strcmp(sign, "=") ? equal : !strcmp(sign, "!=") ? !equal : some;
}

static bool predicate(struct reading *r)
{
	char text[FILTER_WORD_MAX];
	unsigned mark, mask;

	if (takes(r, "src"))
		return host(r, &r->row->local);
	if (takes(r, "dst"))
		return host(r, &r->row->peer);
	if (takes(r, "sport"))
		return port(r, &r->row->local);
	if (takes(r, "dport"))
		return port(r, &r->row->peer);
	if (takes(r, "autobound"))
		return r->row->autobound;
	if (takes(r, "dev")) {
		word(r, text);
		return strtoul(text, NULL, 10) == r->row->interface;
	}
	if (takes(r, "cgroup")) {
		word(r, text);
		return strtoull(text, NULL, 10) == r->row->cgroup;
	}
	expect(takes(r, "fwmark"));
	word(r, text);
	expect(sscanf(text, "%x/%x", &mark, &mask) == 2);
	return (r->row->mark & mask) == mark;
}

static bool alternatives(struct reading *r);

static bool factor(struct reading *r)
{
	bool value;

	if (takes(r, "not"))
		return !factor(r);
	if (!takes(r, "("))
		return predicate(r);
	value = alternatives(r);
	expect(takes(r, ")"));
	return value;
}

static bool term(struct reading *r)
{
	bool value = factor(r);

	while (takes(r, "and"))
		value &= factor(r);
	return value;
}

static bool alternatives(struct reading *r)
{
	bool value = term(r);

	while (takes(r, "or"))
		value |= term(r);
	return value;
}

static bool plainly(const char *form, const struct view_row *row)
{
	struct reading r = { form, row };
	char state[FILTER_WORD_MAX];
	bool value;

	while (takes(&r, "state") || takes(&r, "exclude"))
		word(&r, state);
	value = *r.at ? alternatives(&r) : true;
	expect(!*r.at);
	return value;
}

/* ---- */

static uint32_t known(uint32_t states)
{
	return states & ((1u << (MINATO_CLOSING + 1)) - 1 + FILTER_STATE_BOUND);
}

static void check_error(const char *text, const struct filter_error *error)
{
	FILE *nowhere = fopen("/dev/null", "w");

	expect(error->what[0] && error->at + error->length <= strlen(text));
	if (nowhere) {
		filter_point(nowhere, text, error);
		fclose(nowhere);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct filter_program program, again;
	static char form[FORM_SIZE], second[FORM_SIZE];
	struct filter_error error;
	char *text = malloc(size + 1);

	expect(text != NULL);
	memcpy(text, data, size);
	text[size] = 0;
	dice = (uint32_t)size;
	for (size_t i = 0; i < size; i++)
		dice = dice * 31 + data[i];
	if (filter_parse(&program, text, &names, &error)) {
		check_error(text, &error);
		free(text);
		return 0;
	}
	free(text);
	expect(program.count <= FILTER_NODES_MAX);
	expect(filter_print(form, sizeof(form), &program) < sizeof(form));
	for (int i = 0; i < 8; i++) {
		struct view_row row = some_row();

		expect(filter_match(&program, &row) == plainly(form, &row));
	}
	/* A form can be longer than a filter may be, and names nest deeper than what they mean. */
	if (filter_parse(&again, form, &names, &error)) {
		expect(strlen(form) > FILTER_TEXT_MAX || strstr(error.what, "too deeply"));
		return 0;
	}
	expect(again.stated == program.stated && known(again.states) == known(program.states));
	filter_print(second, sizeof(second), &again);
	expect(strcmp(form, second) == 0);
	return 0;
}
