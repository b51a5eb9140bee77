/* SPDX-License-Identifier: BSD-2-Clause */
/* Which ports are meant: by number, range, name, beginning, words of the description. */
#include "cmd/see/services.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

/* ---- understanding ---- */

/* "80", "20-25"; -EINVAL where it is neither, another errno with a text. */
static int parse_numbers(struct cmd_wanted *wanted, const char *text, struct drive_error *error)
{
	const char *next = text;
	int first = drive_port_read(&next);
	int last = first;

	wanted->sought = *next ? CMD_SOUGHT_RANGE : CMD_SOUGHT_PORT;
	if (first >= 0 && *next == '-') {
		next++;
		last = drive_port_read(&next);
	}
	/* A word may begin with digits: "914c-g". */
	if (last == -ERANGE && !text[strspn(text, "0123456789-")])
		return drive_fail(error, ERANGE, "%s: ports end at %u", text, UINT16_MAX);
	if (last < 0 || *next)
		return -EINVAL;
	wanted->first = (uint16_t)first;
	wanted->last = (uint16_t)last;
	if (first > last)
		return drive_fail(error, ERANGE, "%s runs backwards: write %u-%u", text,
				  wanted->last, wanted->first);
	return 0;
}

/* The set that "tcp" or "tcp,udp" names; 0 where a word of it is none. */
static uint32_t read_protocols(const char *text)
{
	uint32_t set = 0;

	for (;;) {
		size_t length = strcspn(text, ",");
		uint32_t bit = 0;

		for (size_t p = 0; p < CMD_PROTOCOLS; p++) {
			const char *word = cmd_protocol_word(cmd_protocol(p));

			if (length == strlen(word) && !strncasecmp(text, word, length))
				bit = 1u << p;
		}
		set |= bit;
		if (!bit || !text[length])
			return bit ? set : 0;
		text += length + 1;
	}
}

/* Cuts "/tcp" off the end, and "/tcp,udp", as lists have it. */
static void cut_protocol(struct cmd_wanted *wanted)
{
	char *slash = strrchr(wanted->text, '/');

	wanted->protocols = slash ? read_protocols(slash + 1) : 0;
	if (wanted->protocols)
		*slash = 0;
}

static bool is_name(const struct cmd_cards *cards, const char *text)
{
	for (size_t p = 0; p < CMD_PROTOCOLS; p++) {
		if (minato_services_port(cards->services, cmd_protocol(p), text) >= 0)
			return true;
	}
	return false;
}

int cmd_finding_parse(struct cmd_wanted *wanted, const struct cmd_operands *operands,
		      const struct cmd_cards *cards, struct drive_error *error)
{
	size_t used = 0;
	int result;

	*wanted = (struct cmd_wanted){ .sought = CMD_SOUGHT_ALL, .last = UINT16_MAX };
	for (int i = 0; i < operands->count && used < sizeof(wanted->text); i++)
		used += (size_t)snprintf(wanted->text + used, sizeof(wanted->text) - used, "%s%s",
					 i ? " " : "", operands->words[i]);
	if (used >= sizeof(wanted->text))
		return drive_fail(error, EINVAL, "these are too many words");
	if (!*wanted->text)
		return operands->count ? drive_fail(error, EINVAL, "an empty word says nothing") :
					 0;
	cut_protocol(wanted);
	result = parse_numbers(wanted, wanted->text, error);
	if (result != -EINVAL)
		return result;
	wanted->sought = is_name(cards, wanted->text) ? CMD_SOUGHT_NAME : CMD_SOUGHT_WORDS;
	return 0;
}

/* ---- marking ---- */

/* The better reason stays. */
static void mark(struct cmd_cards *cards, size_t p, uint16_t port, enum cmd_hit hit)
{
	uint8_t *place = &cards->hits[p][port];

	if (*place == CMD_HIT_NOT || *place > hit)
		*place = (uint8_t)hit;
}

/* One name of a port, from either list. */
struct candidate {
	const char *name;
	uint16_t port;
	uint32_t protocols;
	uint32_t row; /* in the registry; UINT32_MAX: of the file */
};

static bool has_words(const struct candidate *candidate, const char *words)
{
	char text[MINATO_SERVICE_TEXT_SIZE + 64];
	char word[64];
	size_t used = (size_t)snprintf(text, 64, "%.60s ", candidate->name);

	if (candidate->row != UINT32_MAX)
		minato_service_text(candidate->row, text + used, sizeof(text) - used);
	while (*words) {
		size_t length = strcspn(words, " ");

		snprintf(word, sizeof(word), "%.*s", (int)length, words);
		if (*word && !strcasestr(text, word))
			return false;
		words += length;
		words += *words == ' ';
	}
	return true;
}

/* A beginning may be written with a star: "http*" where "http" is a name by itself. */
static enum cmd_hit judge(const struct cmd_wanted *wanted, const struct candidate *candidate)
{
	size_t length = strlen(wanted->text);
	bool star = length && wanted->text[length - 1] == '*';

	switch (wanted->sought) {
	case CMD_SOUGHT_ALL:
		return *candidate->name ? CMD_HIT_EXACT : CMD_HIT_NOT;
	case CMD_SOUGHT_PORT:
	case CMD_SOUGHT_RANGE:
		return candidate->port >= wanted->first && candidate->port <= wanted->last ?
			       CMD_HIT_EXACT :
			       CMD_HIT_NOT;
	case CMD_SOUGHT_NAME:
		return strcasecmp(candidate->name, wanted->text) ? CMD_HIT_NOT : CMD_HIT_EXACT;
	case CMD_SOUGHT_WORDS:
		if (*candidate->name && !strncasecmp(candidate->name, wanted->text, length - star))
			return CMD_HIT_BEGINS;
		return !star && has_words(candidate, wanted->text) ? CMD_HIT_WORDS : CMD_HIT_NOT;
	}
	return CMD_HIT_NOT;
}

static void consider(struct cmd_cards *cards, const struct cmd_wanted *wanted,
		     const struct candidate *candidate)
{
	enum cmd_hit hit = judge(wanted, candidate);

	for (size_t p = 0; hit && p < CMD_PROTOCOLS; p++) {
		if (candidate->protocols >> p & 1)
			mark(cards, p, candidate->port, hit);
	}
}

static void consider_file(struct cmd_cards *cards, const struct cmd_wanted *wanted)
{
	for (uint32_t i = 0; i < minato_services_count(cards->services); i++) {
		struct minato_services_row row = minato_services_at(cards->services, i);
		struct candidate candidate = { row.name, row.port, 0, UINT32_MAX };

		for (size_t p = 0; p < CMD_PROTOCOLS; p++) {
			if (cmd_protocol(p) == row.proto)
				candidate.protocols = 1u << p;
		}
		consider(cards, wanted, &candidate);
	}
}

static void consider_registry(struct cmd_cards *cards, const struct cmd_wanted *wanted)
{
	for (uint32_t i = minato_service_first(wanted->first); i < minato_service_count(); i++) {
		struct minato_service row = minato_service_at(i);
		struct candidate candidate = { row.name, row.port, row.protocols, i };

		if (row.port > wanted->last)
			break;
		consider(cards, wanted, &candidate);
	}
}

static void consider_holders(struct cmd_cards *cards)
{
	for (size_t i = 0; i < cards->holders.count; i++) {
		const struct cmd_holder *holder = &cards->holders.list[i];

		mark(cards, holder->proto == MINATO_TCP ? 0 : 1, holder->port, CMD_HIT_EXACT);
	}
}

size_t cmd_finding_mark(struct cmd_cards *cards, const struct cmd_wanted *wanted)
{
	uint32_t protocols = wanted->protocols ? wanted->protocols : UINT32_MAX;
	size_t count = 0;

	memset(cards->hits, 0, CMD_PROTOCOLS * sizeof(*cards->hits));
	consider_file(cards, wanted);
	consider_registry(cards, wanted);
	if (wanted->sought == CMD_SOUGHT_RANGE)
		consider_holders(cards);
	/* A number is told about whether or not it is in a list. */
	for (size_t p = 0; wanted->sought == CMD_SOUGHT_PORT && p < CMD_PROTOCOLS; p++) {
		if (p < 2 || wanted->protocols >> p & 1)
			mark(cards, p, wanted->first, CMD_HIT_EXACT);
	}
	for (size_t p = 0; p < CMD_PROTOCOLS; p++) {
		for (size_t port = 0; port <= UINT16_MAX; port++)
			count += (protocols >> p & 1) && cards->hits[p][port];
	}
	return count;
}

/* ---- a slip of the finger ---- */

const char *cmd_finding_guess(const struct cmd_cards *cards, const char *word)
{
	char lower[64];
	struct cmd_guess guess = { .word = lower };

	snprintf(lower, sizeof(lower), "%s", word);
	for (char *c = lower; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	for (uint32_t i = 0; i < minato_services_count(cards->services); i++)
		cmd_guess_try(&guess, minato_services_at(cards->services, i).name);
	for (uint32_t i = 0; i < minato_service_count(); i++)
		cmd_guess_try(&guess, minato_service_at(i).name);
	return guess.best;
}
