/* SPDX-License-Identifier: BSD-2-Clause */
/* All about a port, gathered: names, what IANA says, the kernel's rules, who holds it. */
#include "cmd/see/services.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
	uint8_t number;
	const char *word;
} protocols[CMD_PROTOCOLS] = {
	{ MINATO_TCP, "tcp" },
	{ MINATO_UDP, "udp" },
	{ MINATO_SERVICE_PROTO_SCTP, "sctp" },
	{ MINATO_SERVICE_PROTO_DCCP, "dccp" },
};

uint8_t cmd_protocol(size_t index)
{
	return protocols[index].number;
}

const char *cmd_protocol_word(uint8_t proto)
{
	for (size_t i = 0; i < CMD_PROTOCOLS; i++) {
		if (protocols[i].number == proto)
			return protocols[i].word;
	}
	return "?";
}

int cmd_cards_open(struct cmd_cards *cards, const char *path, struct drive_error *error)
{
	int result;

	*cards = (struct cmd_cards){ 0 };
	cards->services = cmd_naming_open(path, error);
	if (!cards->services)
		return -EIO;
	result = kernel_knobs_read(&cards->knobs, 0);
	if (result < 0)
		return drive_fail(error, -result, "cannot read the kernel's rules for ports: %s",
				  strerror(-result));
	drive_reserved_read(&cards->reserved, NULL, NULL);
	cards->hits = calloc(CMD_PROTOCOLS, sizeof(*cards->hits));
	return cards->hits ? 0 : drive_fail(error, ENOMEM, "out of memory");
}

int cmd_cards_look(struct cmd_cards *cards, uint16_t first, uint16_t last,
		   struct drive_error *error)
{
	struct cmd_holders_query query = {
		.first = first, .last = last, .host = true, .guests = true
	};

	return cmd_holders_find(&cards->holders, &query, error);
}

static uint32_t bit_of(uint8_t proto)
{
	for (size_t i = 0; i < CMD_PROTOCOLS; i++) {
		if (protocols[i].number == proto)
			return 1u << i;
	}
	return 0;
}

/* Whether the host's file gives the port this name too. */
static bool is_in_file(const struct cmd_cards *cards, const struct cmd_card *card, const char *name)
{
	for (uint32_t i = 0; i < minato_services_count(cards->services); i++) {
		struct minato_services_row row = minato_services_at(cards->services, i);

		if (row.port == card->port && row.proto == card->proto &&
		    !strcasecmp(row.name, name))
			return true;
	}
	return false;
}

/* Where the host knows none of IANA's names, what IANA says is about another service. */
static void tell_other(const struct cmd_cards *cards, struct cmd_card *card, const char *name)
{
	char text[sizeof(card->text)];

	if (is_in_file(cards, card, name))
		return;
	snprintf(text, sizeof(text), "%s", card->text);
	snprintf(card->text, sizeof(card->text), "(of IANA's %s: %.400s)", name, text);
}

static void describe(const struct cmd_cards *cards, struct cmd_card *card)
{
	const char *other = NULL;
	uint32_t bit = bit_of(card->proto);

	for (uint32_t i = minato_service_first(card->port); i < minato_service_count(); i++) {
		struct minato_service service = minato_service_at(i);

		if (service.port != card->port)
			break;
		if (!(service.protocols & bit))
			continue;
		if (!*card->text)
			minato_service_text(i, card->text, sizeof(card->text));
		if (!card->name_count || !strcasecmp(service.name, card->names[0]))
			return;
		if (!other)
			other = service.name;
	}
	if (other && *other && *card->text)
		tell_other(cards, card, other);
}

static void fill(const struct cmd_cards *cards, struct cmd_card *card)
{
	const struct cmd_holders *holders = &cards->holders;
	size_t first = cmd_holders_first(holders, card->port, card->proto);

	card->name_count = minato_services_names(cards->services, card->proto, card->port,
						 card->names, CMD_CARD_NAMES_MAX);
	card->state = minato_service_state(card->proto, card->port);
	describe(cards, card);
	card->holders = holders->list ? holders->list + first : NULL;
	while (first < holders->count && holders->list[first].port == card->port &&
	       holders->list[first].proto == card->proto) {
		card->holder_count++;
		first++;
	}
}

static size_t count_hits(const struct cmd_cards *cards)
{
	size_t count = 0;

	for (size_t p = 0; p < CMD_PROTOCOLS; p++) {
		for (size_t port = 0; port <= UINT16_MAX; port++)
			count += cards->hits[p][port] != CMD_HIT_NOT;
	}
	return count;
}

static void append(struct cmd_cards *cards, uint16_t port, enum cmd_hit hit, uint32_t wanted)
{
	for (size_t p = 0; p < CMD_PROTOCOLS; p++) {
		struct cmd_card *card = &cards->list[cards->count];

		if (cards->hits[p][port] != hit || !(wanted >> p & 1))
			continue;
		*card = (struct cmd_card){ .port = port, .proto = cmd_protocol(p) };
		fill(cards, card);
		cards->count++;
	}
}

int cmd_cards_make(struct cmd_cards *cards, uint32_t wanted)
{
	free(cards->list);
	cards->count = 0;
	cards->list = calloc(count_hits(cards) + 1, sizeof(*cards->list));
	if (!cards->list)
		return -ENOMEM;
	for (enum cmd_hit hit = CMD_HIT_EXACT; hit <= CMD_HIT_WORDS; hit++) {
		for (uint32_t port = 0; port <= UINT16_MAX; port++)
			append(cards, (uint16_t)port, hit, wanted);
	}
	return 0;
}

void cmd_cards_close(struct cmd_cards *cards)
{
	drive_reserved_free(&cards->reserved);
	cmd_holders_free(&cards->holders);
	free(cards->services);
	free(cards->hits);
	free(cards->list);
	*cards = (struct cmd_cards){ 0 };
}

bool cmd_card_privileged(const struct cmd_cards *cards, uint16_t port)
{
	return port < cards->knobs.privileged_below;
}

const struct drive_reservation *cmd_card_reserved(const struct cmd_cards *cards, uint16_t port)
{
	const struct drive_reservation *found =
		drive_reserved_find(&cards->reserved, port, MINATO_TCP);

	return found ? found : drive_reserved_find(&cards->reserved, port, MINATO_UDP);
}

bool cmd_card_ephemeral(const struct cmd_cards *cards, uint16_t port)
{
	return port >= cards->knobs.first && port <= cards->knobs.last;
}
