/* SPDX-License-Identifier: BSD-2-Clause */
/* Cards for people: each by itself, a line for each, and as a services file. */
#include "cmd/see/services.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define INDENT 4
#define LABEL 11
#define WIDTH_USUAL 80
/* Holders are told one by one up to here. */
#define HOLDERS_SHOWN 12
#define EXPORT_NAME 16

/* ---- cards of one port that say the same ---- */

static bool alike(const struct cmd_card *a, const struct cmd_card *b)
{
	if (a->port != b->port || a->state != b->state || !a->name_count != !b->name_count)
		return false;
	return a->name_count ? !strcmp(a->names[0], b->names[0]) : !strcmp(a->text, b->text);
}

/* Where the cards that are like this one end. */
static size_t end_of_group(const struct cmd_cards *cards, size_t first)
{
	size_t end = first + 1;

	while (end < cards->count && alike(&cards->list[first], &cards->list[end]))
		end++;
	return end;
}

/* "80/tcp,udp" */
static const char *port_word(char *out, size_t size, const struct cmd_cards *cards, size_t first,
			     size_t end)
{
	size_t used = (size_t)snprintf(out, size, "%u", cards->list[first].port);

	for (size_t i = first; i < end && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%c%s", i == first ? '/' : ',',
					 cmd_protocol_word(cards->list[i].proto));
	return out;
}

/* Whether a card of the group before this one has the name. */
static bool is_said(const struct cmd_cards *cards, size_t first, size_t card, const char *name)
{
	for (size_t i = first; i < card; i++) {
		for (size_t k = 0; k < cards->list[i].name_count; k++) {
			if (!strcasecmp(cards->list[i].names[k], name))
				return true;
		}
	}
	return false;
}

/* All names but the preferred one: "www, www-http"; empty where there is no other. */
static const char *alias_words(char *out, size_t size, const struct cmd_cards *cards, size_t first,
			       size_t end)
{
	size_t used = 0;

	out[0] = 0;
	for (size_t i = first; i < end; i++) {
		for (size_t k = 1; k < cards->list[i].name_count && used < size; k++) {
			const char *name = cards->list[i].names[k];

			if (!is_said(cards, first, i, name))
				used += (size_t)snprintf(out + used, size - used, "%s%s",
							 used ? ", " : "", name);
		}
	}
	return out;
}

/* ---- each by itself ---- */

struct drawing {
	FILE *out;
	const struct cmd_cards *cards;
	const struct view_look *look;
	size_t width;
};

/* A label, and words beside it, folded. */
static void line(const struct drawing *drawing, const char *label, const char *text)
{
	size_t column = INDENT + LABEL;

	fprintf(drawing->out, "%*s%-*s", INDENT, "", LABEL, label);
	while (*text) {
		size_t length = strcspn(text, " ");

		if (column + length > drawing->width && column > INDENT + LABEL) {
			fprintf(drawing->out, "\n%*s", INDENT + LABEL, "");
			column = INDENT + LABEL;
		}
		fprintf(drawing->out, "%s%.*s", column > INDENT + LABEL ? " " : "", (int)length,
			text);
		column += length + 1;
		text += length;
		text += *text == ' ';
	}
	putc('\n', drawing->out);
}

static void draw_kind(const struct drawing *drawing, uint16_t port)
{
	static const char *const kinds[] = {
		[MINATO_PORT_SYSTEM] = "System Port (0-1023)",
		[MINATO_PORT_USER] = "User Port (1024-49151)",
		[MINATO_PORT_DYNAMIC] = "Dynamic Port (49152-65535)",
	};
	uint32_t below = drawing->cards->knobs.privileged_below;
	char text[128];

	if (!port)
		snprintf(text, sizeof(text), "no port: in a bind it means 'choose one'");
	else if (cmd_card_privileged(drawing->cards, port))
		snprintf(text, sizeof(text),
			 "%s, privileged: below %u, where CAP_NET_BIND_SERVICE is needed",
			 kinds[minato_port_kind(port)], below);
	else
		snprintf(text, sizeof(text), "%s, anybody may bind it here",
			 kinds[minato_port_kind(port)]);
	line(drawing, "kind", text);
}

static void draw_state(const struct drawing *drawing, const struct cmd_card *card)
{
	const char *state = "unassigned";
	char text[128];

	if (card->state == MINATO_SERVICE_ASSIGNED)
		state = "assigned";
	else if (card->state == MINATO_SERVICE_RESERVED)
		state = "reserved";
	else if (minato_port_kind(card->port) == MINATO_PORT_DYNAMIC)
		state = "never assigned: for private use";
	snprintf(text, sizeof(text), "%s (list of %s)%s", state, minato_service_date(),
		 card->name_count && card->state != MINATO_SERVICE_ASSIGNED ?
			 "; the name is this host's" :
			 "");
	line(drawing, "IANA", text);
}

static void draw_rules(const struct drawing *drawing, uint16_t port)
{
	const struct drive_reservation *reserved = cmd_card_reserved(drawing->cards, port);
	const struct kernel_knobs *knobs = &drawing->cards->knobs;
	char range[DRIVE_RESERVATION_TEXT];
	char text[192];

	line(drawing, "browsers", cmd_known_refused(port) ? "refuse to go there" : "go there");
	snprintf(text, sizeof(text), "%s %u-%u, which this kernel chooses from",
		 cmd_card_ephemeral(drawing->cards, port) ? "yes, in" : "no, outside", knobs->first,
		 knobs->last);
	line(drawing, "ephemeral", text);
	if (!reserved)
		return;
	snprintf(text, sizeof(text), "%s (%s%s%s)", drive_reservation_text(range, reserved),
		 drive_origin_word(reserved->origin), *reserved->note ? ": " : "", reserved->note);
	line(drawing, "reserved", text);
}

static void draw_holders(const struct drawing *drawing, size_t first, size_t end)
{
	const char *label = "held";
	size_t shown = 0;
	char text[512];

	for (size_t i = first; i < end; i++) {
		const struct cmd_card *card = &drawing->cards->list[i];

		for (size_t k = 0; k < card->holder_count; k++) {
			if (shown++ >= HOLDERS_SHOWN)
				continue;
			line(drawing, label,
			     cmd_holder_text(text, sizeof(text), &card->holders[k]));
			label = "";
		}
	}
	if (shown > HOLDERS_SHOWN) {
		snprintf(text, sizeof(text), "and %zu more", shown - HOLDERS_SHOWN);
		line(drawing, label, text);
	}
	if (!shown)
		line(drawing, label, "by nobody");
}

/* Protocols share a risk more often than not. */
static void draw_risk(const struct drawing *drawing, size_t first, size_t end)
{
	const char *last = NULL;

	for (size_t i = first; i < end; i++) {
		const struct cmd_card *card = &drawing->cards->list[i];
		const char *risk = cmd_known_risk(card->proto, card->port);
		char text[256];

		if (!risk || risk == last)
			continue;
		snprintf(text, sizeof(text), "%s: %s", cmd_protocol_word(card->proto), risk);
		line(drawing, "risk", end - first > 1 ? text : risk);
		last = risk;
	}
}

static void draw(const struct drawing *drawing, size_t first, size_t end)
{
	const struct cmd_card *card = &drawing->cards->list[first];
	const char *name = card->name_count ? card->names[0] : "no name";
	char text[256];

	fprintf(drawing->out, drawing->look->colour ? "\033[1m%s\033[0m  %s\n" : "%s  %s\n", name,
		port_word(text, sizeof(text), drawing->cards, first, end));
	if (*card->text)
		line(drawing, "for", card->text);
	if (*alias_words(text, sizeof(text), drawing->cards, first, end))
		line(drawing, "also", text);
	draw_kind(drawing, card->port);
	draw_state(drawing, card);
	draw_rules(drawing, card->port);
	draw_holders(drawing, first, end);
	draw_risk(drawing, first, end);
}

int cmd_cards_show(FILE *out, const struct cmd_cards *cards, const struct view_look *look)
{
	struct drawing drawing = { out, cards, look, look->width ? look->width : WIDTH_USUAL };

	for (size_t i = 0; i < cards->count;) {
		size_t end = end_of_group(cards, i);

		if (i)
			putc('\n', out);
		draw(&drawing, i, end);
		i = end;
	}
	return ferror(out) ? -EIO : 0;
}

/* ---- a line for each ---- */

/* Whoever listens, in one word. */
static const char *holder_word(const struct cmd_cards *cards, size_t first, size_t end)
{
	const struct cmd_holder *best = NULL;

	for (size_t i = first; i < end; i++) {
		for (size_t k = 0; k < cards->list[i].holder_count; k++) {
			const struct cmd_holder *holder = &cards->list[i].holders[k];

			if (!best || holder->hold < best->hold)
				best = holder;
		}
	}
	if (!best)
		return "-";
	if (best->hold == CMD_HOLD_LISTENER && best->process.pid)
		return best->process.program;
	return best->hold == CMD_HOLD_LISTENER ? "listener" : cmd_hold_word(best->hold);
}

int cmd_cards_list(FILE *out, const struct cmd_cards *cards, const struct view_look *look)
{
	static const struct view_column columns[] = {
		{ .title = "Port" },
		{ .title = "Name" },
		{ .title = "Held by" },
		{ .title = "For" },
	};
	struct view_table table;
	char text[256];
	int result;

	view_table_begin(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < cards->count;) {
		const struct cmd_card *card = &cards->list[i];
		size_t end = end_of_group(cards, i);

		view_table_cell(&table, port_word(text, sizeof(text), cards, i, end));
		view_table_cell(&table, card->name_count ? card->names[0] : "-");
		view_table_cell(&table, holder_word(cards, i, end));
		view_table_cell(&table, card->text);
		i = end;
	}
	result = view_table_print(out, &table, look, false);
	view_table_free(&table);
	return result;
}

/* ---- as a services file ---- */

int cmd_cards_export(FILE *out, const struct cmd_cards *cards)
{
	fprintf(out,
		"# Names of ports (services(5)), from the IANA list of %s and this host's\n"
		"# services file before it; written by minato %s.\n\n",
		minato_service_date(), MINATO_VERSION);
	for (size_t i = 0; i < cards->count; i++) {
		const struct cmd_card *card = &cards->list[i];
		char port[16];

		if (!card->name_count)
			continue;
		snprintf(port, sizeof(port), "%u/%s", card->port, cmd_protocol_word(card->proto));
		fprintf(out, "%-*s %s", EXPORT_NAME, card->names[0], port);
		for (size_t k = 1; k < card->name_count; k++)
			fprintf(out, "%c%s", k > 1 ? ' ' : '\t', card->names[k]);
		if (*card->text)
			fprintf(out, "\t# %s", card->text);
		putc('\n', out);
	}
	return ferror(out) ? -EIO : 0;
}
