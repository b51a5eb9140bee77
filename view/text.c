/* SPDX-License-Identifier: BSD-2-Clause */
/* The view for people: the columns of ss, and of ps. */
#include "view/view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define GREEN "32"
#define YELLOW "33"
#define RED "31"
#define BLUE "34"
#define DIM "2"

static const char *state_colour(const char *state)
{
	if (!strcmp(state, "ESTAB"))
		return GREEN;
	if (!strcmp(state, "LISTEN") || !strcmp(state, "UNCONN"))
		return BLUE;
	if (!strcmp(state, "REFUSE") || !strcmp(state, "DROP"))
		return RED;
	if (!strcmp(state, "TIME-WAIT") || !strcmp(state, "PASS"))
		return DIM;
	return YELLOW;
}

static const struct view_column socket_columns[] = {
	{ .title = "Netid" },
	{ .title = "State", .colour = state_colour },
	{ .title = "Recv-Q" },
	{ .title = "Send-Q" },
	{ .title = "Local Address:", .right = true, .glued = true },
	{ .title = "Port" },
	{ .title = "Peer Address:", .right = true, .glued = true },
	{ .title = "Port" },
	{ .title = "Kind" },
	{ .title = "Guest" },
	{ .title = "Process" },
};

#define SOCKET_COLUMNS (sizeof(socket_columns) / sizeof(socket_columns[0]))

static const struct view_column guest_columns[] = {
	{ .title = "NAME" },	{ .title = "PID" },   { .title = "UPTIME" },
	{ .title = "ADDRESS" }, { .title = "PORTS" }, { .title = "COMMAND" },
};

#define GUEST_COLUMNS (sizeof(guest_columns) / sizeof(guest_columns[0]))

static void end_cells(struct view_table *table, const struct view_end *end, uint8_t proto,
		      const struct view_look *look)
{
	const char *name = NULL;
	char word[VIEW_WORD_SIZE];
	char address[VIEW_WORD_SIZE * 3];

	if (look->host && !minato_addr_is_any(&end->addr))
		name = look->host(look->host_user, &end->addr);
	if (!name)
		name = view_address_word(word, sizeof(word), end);
	snprintf(address, sizeof(address), "%s:", name);
	view_table_cell(table, address);
	view_table_cell(table, view_port_word(word, sizeof(word), end, proto, look->services));
}

static void number_cell(struct view_table *table, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	view_table_cell(table, text);
}

/* What -e adds: " word:value" each. */
static void extended_words(char *out, size_t size, const struct view_row *row)
{
	struct view_end outside = view_end_of(&row->outside);
	char word[VIEW_WORD_SIZE];
	int used;

	used = snprintf(out, size,
			" age:%s bytes_in:%" PRIu64 " bytes_out:%" PRIu64 " hits:%" PRIu64,
			view_age_word(word, sizeof(word), row->age_ms), row->bytes_in,
			row->bytes_out, row->hits);
	if (row->outside.port)
		used += snprintf(out + used, size - (size_t)used, " outside:%s:%u",
				 view_address_word(word, sizeof(word), &outside),
				 row->outside.port);
	if (row->inode)
		snprintf(out + used, size - (size_t)used, " uid:%u ino:%u", row->uid, row->inode);
	else if (row->maker.pid && row->listening)
		snprintf(out + used, size - (size_t)used, " owner:%s,pid=%u,uid=%d",
			 row->maker.program, row->maker.pid, (int)row->maker.uid);
}

/* Process and what -e adds share the last column, which is folded first. */
static void last_cell(struct view_table *table, const struct view_row *row,
		      const struct view_look *look)
{
	char text[800] = "";
	char more[384] = "";
	size_t length;

	if (look->processes)
		view_owners_word(text, sizeof(text) - sizeof(more), row);
	if (look->extended)
		extended_words(more, sizeof(more), row);
	length = strlen(text);
	memcpy(text + length, more, strlen(more) + 1);
	view_table_cell(table, text[0] == ' ' ? text + 1 : text);
}

static int print_rows(FILE *out, const struct view_row *rows, size_t count,
		      const struct view_look *look)
{
	struct view_table table;
	int result;

	view_table_begin(&table, socket_columns, SOCKET_COLUMNS);
	for (size_t i = 0; i < count; i++) {
		const struct view_row *row = &rows[i];

		view_table_cell(&table, view_proto_word(row->proto));
		view_table_cell(&table, row->state);
		number_cell(&table, row->recv_queue);
		number_cell(&table, row->send_queue);
		end_cells(&table, &row->local, row->proto, look);
		end_cells(&table, &row->peer, row->proto, look);
		view_table_cell(&table, row->kind);
		view_table_cell(&table, row->guest);
		last_cell(&table, row, look);
	}
	result = view_table_print(out, &table, look, true);
	view_table_free(&table);
	return result;
}

static void guest_cells(struct view_table *table, const struct view_guest *guest)
{
	size_t ports_size = 1 + guest->port_count * ((size_t)2 * VIEW_WORD_SIZE);
	char *ports = malloc(ports_size);
	char word[VIEW_WORD_SIZE];

	view_table_cell(table, guest->name);
	number_cell(table, (uint64_t)guest->pid);
	view_table_cell(table, view_age_word(word, sizeof(word), guest->up_ms));
	word[0] = 0;
	if (guest->has4)
		minato_addr_format(&guest->addr4, word, sizeof(word));
	else if (guest->has6)
		minato_addr_format(&guest->addr6, word, sizeof(word));
	view_table_cell(table, word);
	if (ports && guest->port_count)
		view_ports_word(ports, ports_size, guest->ports, guest->port_count);
	view_table_cell(table, ports && guest->port_count ? ports : "-");
	view_table_cell(table, guest->command);
	free(ports);
}

static int print_guests(FILE *out, const struct view_guest *guests, size_t count,
			const struct view_look *look)
{
	struct view_table table;
	int result;

	view_table_begin(&table, guest_columns, GUEST_COLUMNS);
	for (size_t i = 0; i < count; i++)
		guest_cells(&table, &guests[i]);
	result = view_table_print(out, &table, look, false);
	view_table_free(&table);
	return result;
}

const struct view view_text = { "text", print_rows, print_guests };
