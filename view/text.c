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

/* The columns of a listing of sockets. */
enum column {
	NETID,
	STATE,
	RECV,
	SEND,
	LOCAL,
	LOCAL_PORT,
	PEER,
	PEER_PORT,
	KIND,
	GUEST,
	PROCESS,
	BELOW,
	COLUMN_COUNT
};

static const struct view_column socket_columns[COLUMN_COUNT] = {
	[NETID] = { .title = "Netid" },
	[STATE] = { .title = "State", .colour = state_colour },
	[RECV] = { .title = "Recv-Q" },
	[SEND] = { .title = "Send-Q" },
	[LOCAL] = { .title = "Local Address:", .right = true, .glued = true },
	[LOCAL_PORT] = { .title = "Port" },
	[PEER] = { .title = "Peer Address:", .right = true, .glued = true },
	[PEER_PORT] = { .title = "Port" },
	[KIND] = { .title = "Kind" },
	[GUEST] = { .title = "Guest" },
	[PROCESS] = { .title = "Process" },
	[BELOW] = { .title = "", .below = true },
};

static const struct view_column guest_columns[] = {
	{ .title = "NAME" }, { .title = "PID" },   { .title = "UPTIME" },  { .title = "ADDRESS" },
	{ .title = "WALL" }, { .title = "PORTS" }, { .title = "COMMAND" },
};

#define GUEST_COLUMNS (sizeof(guest_columns) / sizeof(guest_columns[0]))

/* ---- sockets ---- */

/* As many rows are drawn at once, in columns that fit them. */
#define ROWS_HELD 1024

struct view_stream {
	FILE *out;
	const struct view_look *look;
	struct view_table table;
	struct view_column columns[COLUMN_COUNT];
	size_t held;
};

static bool hidden(const struct view_look *look, enum column column)
{
	if (column == NETID)
		return look->one_protocol;
	if (column == STATE)
		return look->one_state;
	return look->host_only && (column == KIND || column == GUEST);
}

static struct view_stream *open_rows(FILE *out, const struct view_look *look)
{
	struct view_stream *stream = calloc(1, sizeof(*stream));
	size_t count = 0;

	if (!stream)
		return NULL;
	stream->out = out;
	stream->look = look;
	for (enum column i = 0; i < COLUMN_COUNT; i++) {
		if (!hidden(look, i))
			stream->columns[count++] = socket_columns[i];
	}
	view_table_begin(&stream->table, stream->columns, count);
	return stream;
}

/* ss has the interface behind the address, and an IPv6 socket's IPv4 addresses in IPv6's form. */
static void address_cell(struct view_table *table, const struct view_end *end,
			 const struct view_row *row, const struct view_look *look)
{
	const char *name = NULL;
	const char *interface = end == &row->local ? row->interface_name : NULL;
	char word[VIEW_WORD_SIZE];
	char address[VIEW_WORD_SIZE * 4];

	if (look->host && !minato_addr_is_any(&end->addr))
		name = look->host(look->host_user, &end->addr);
	if (!name)
		name = view_address_word(word, sizeof(word), end);
	snprintf(address, sizeof(address),
		 row->is6 && minato_addr_is4(&end->addr) && name == word ? "[::ffff:%s]%s%s:" :
									   "%s%s%s:",
		 name, interface ? "%" : "", interface ? interface : "");
	view_table_cell(table, address);
}

static void end_cells(struct view_table *table, const struct view_end *end,
		      const struct view_row *row, const struct view_look *look)
{
	char word[VIEW_WORD_SIZE];

	address_cell(table, end, row, look);
	view_table_cell(table, view_port_word(word, sizeof(word), end, row->proto, look->services));
}

static void number_cell(struct view_table *table, uint64_t number)
{
	char text[24];
	size_t at = sizeof(text) - 1;

	text[at] = 0;
	do
		text[--at] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	view_table_cell(table, text + at);
}

/* Appends a word and a space before it, unless it is empty. */
static void add(char *out, size_t size, const char *word)
{
	size_t used = strlen(out);

	if (*word)
		snprintf(out + used, size - used, "%s%s", used ? " " : "", word);
}

/* What -e adds to a row of a guest. */
static const char *guest_words(char *out, size_t size, const struct view_row *row)
{
	struct view_end outside = view_end_of(&row->outside);
	char word[VIEW_WORD_SIZE];
	int used;

	used = snprintf(out, size,
			"age:%s bytes_in:%" PRIu64 " bytes_out:%" PRIu64 " hits:%" PRIu64,
			view_age_word(word, sizeof(word), row->age_ms), row->bytes_in,
			row->bytes_out, row->hits);
	if (row->outside.port)
		used += snprintf(out + used, size - (size_t)used, " outside:%s:%u",
				 view_address_word(word, sizeof(word), &outside),
				 row->outside.port);
	if (row->wall)
		used += snprintf(out + used, size - (size_t)used, " wall:%s", row->wall);
	if (!row->inode && row->maker.pid && row->listening)
		snprintf(out + used, size - (size_t)used, " owner:%s,pid=%u,uid=%d",
			 row->maker.program, row->maker.pid, (int)row->maker.uid);
	return out;
}

/* What else there is to a forward. */
static const char *forward_words(char *out, size_t size, const struct view_row *row)
{
	char word[VIEW_WORD_SIZE];

	out[0] = 0;
	if (row->from.prefix)
		(void)snprintf(out, size, "from:%s",
			       view_address_word(word, sizeof(word), &row->from));
	if (row->path) {
		add(out, size, "to:unix:");
		(void)snprintf(out + strlen(out), size - strlen(out), "%s", row->path);
	}
	if (row->proxy)
		add(out, size, row->proxy == 1 ? "proxy:v1" : "proxy:v2");
	if (row->serves)
		add(out, size, row->serves);
	return out;
}

/* Process and what -o and -e add share the last column, which is folded first. */
static void last_cell(struct view_table *table, const struct view_row *row,
		      const struct view_look *look)
{
	char text[VIEW_DETAILS_SIZE * 2] = "";
	char more[512];

	if (look->processes)
		view_owners_word(text, VIEW_DETAILS_SIZE, row);
	add(text, sizeof(text), forward_words(more, sizeof(more), row));
	if (look->timers)
		add(text, sizeof(text), view_timer_word(more, sizeof(more), row));
	if (look->extended && *row->guest)
		add(text, sizeof(text), guest_words(more, sizeof(more), row));
	if (look->extended)
		add(text, sizeof(text), view_ids_word(more, sizeof(more), row));
	view_table_cell(table, text);
}

static void below_cell(struct view_table *table, const struct view_row *row,
		       const struct view_look *look)
{
	char text[VIEW_DETAILS_SIZE * 2] = "";
	char more[VIEW_DETAILS_SIZE];

	if (look->memory && row->memory)
		add(text, sizeof(text), view_memory_word(more, sizeof(more), row->memory));
	if (look->tcp && row->tcp)
		add(text, sizeof(text), view_tcp_word(more, sizeof(more), row->tcp, look));
	if (look->tcp && row->own_tcp) {
		add(text, sizeof(text), "minato:(");
		view_tcp_word(more, sizeof(more), row->own_tcp, look);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s)", more);
	}
	view_table_cell(table, text);
}

static int flush(struct view_stream *stream)
{
	stream->held = 0;
	return view_table_print(stream->out, &stream->table, stream->look, true);
}

static int put_row(struct view_stream *stream, const struct view_row *row)
{
	const struct view_look *look = stream->look;
	struct view_table *table = &stream->table;

	if (!hidden(look, NETID))
		view_table_cell(table, view_proto_word(row->proto));
	if (!hidden(look, STATE))
		view_table_cell(table, row->state);
	number_cell(table, row->recv_queue);
	number_cell(table, row->send_queue);
	end_cells(table, &row->local, row, look);
	end_cells(table, &row->peer, row, look);
	if (!hidden(look, KIND)) {
		view_table_cell(table, row->kind);
		view_table_cell(table, *row->guest ? row->guest : "-");
	}
	last_cell(table, row, look);
	below_cell(table, row, look);
	return ++stream->held < ROWS_HELD ? 0 : flush(stream);
}

static int close_rows(struct view_stream *stream)
{
	int result = flush(stream);

	view_table_free(&stream->table);
	free(stream);
	return result;
}

/* ---- guests ---- */

static void guest_cells(struct view_table *table, const struct view_guest *guest)
{
	size_t ports_size = 1 + guest->port_count * ((size_t)3 * VIEW_WORD_SIZE);
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
	view_table_cell(table, guest->wall_in && guest->wall_out ? "in,out" :
			       guest->wall_in			 ? "in" :
			       guest->wall_out			 ? "out" :
								   "-");
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

const struct view view_text = { "text", open_rows, put_row, close_rows, print_guests };
