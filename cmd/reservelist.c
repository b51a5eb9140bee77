/* SPDX-License-Identifier: BSD-2-Clause */
/* minato reserve list: what is reserved, by whom. */
#include "cmd/reserve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct row {
	struct drive_reservation what;
	char guest[DRIVE_NAME_SIZE]; /* that alone has it; or empty */
};

struct rows {
	struct row *list;
	size_t count;
};

/* ---- gathering ---- */

static void add_row(struct rows *rows, const struct drive_reservation *what, const char *guest)
{
	struct row *list = realloc(rows->list, (rows->count + 1) * sizeof(*list));

	if (!list)
		return;
	rows->list = list;
	list[rows->count].what = *what;
	snprintf(list[rows->count].guest, sizeof(list->guest), "%s",
		 what->origin == DRIVE_ORIGIN_GUEST ? guest : "");
	rows->count++;
}

/* What a guest has; or only what no other list has. */
static int add_guest(struct rows *rows, const char *name, bool all, struct drive_error *error)
{
	struct drive_reserved its = { 0 };
	int result = cmd_reserved_ask(&its, name, error);

	for (size_t i = 0; i < its.count; i++) {
		if (all || its.list[i].origin == DRIVE_ORIGIN_GUEST)
			add_row(rows, &its.list[i], name);
	}
	drive_reserved_free(&its);
	return result;
}

/* One that has ended meanwhile is left out, one that does not answer said. */
static void add_here(struct rows *rows)
{
	struct drive_reserved here;
	struct drive_error error;
	struct cmd_names names;

	drive_reserved_read(&here, cmd_reserved_wrong, NULL);
	for (size_t i = 0; i < here.count; i++)
		add_row(rows, &here.list[i], "");
	drive_reserved_free(&here);
	if (cmd_names_read(&names, &error) < 0) {
		cmd_say("%s", error.text);
		return;
	}
	for (size_t i = 0; i < names.count; i++) {
		int result = add_guest(rows, names.list[i], false, &error);

		if (result < 0 && result != -ENOENT)
			cmd_say("%s: %s", names.list[i], error.text);
	}
	cmd_names_free(&names);
}

static int compare(const void *a, const void *b)
{
	const struct drive_reservation *x = &((const struct row *)a)->what;
	const struct drive_reservation *y = &((const struct row *)b)->what;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	if (x->last != y->last)
		return x->last < y->last ? -1 : 1;
	return (int)x->protocols - (int)y->protocols;
}

/* ---- printing ---- */

static json_t *protocols_of(const struct drive_reservation *one)
{
	json_t *list = json_array();

	if (one->protocols & DRIVE_RESERVED_TCP)
		json_array_append_new(list, json_string("tcp"));
	if (one->protocols & DRIVE_RESERVED_UDP)
		json_array_append_new(list, json_string("udp"));
	return list;
}

/* null for what is empty. */
static json_t *text_of(const char *text)
{
	return *text ? view_json_string(text) : json_null();
}

static int print_json(const struct rows *rows)
{
	json_t *list = json_array();
	json_t *document;
	int result;

	for (size_t i = 0; i < rows->count; i++) {
		const struct drive_reservation *one = &rows->list[i].what;

		json_array_append_new(
			list, json_pack("{s:i,s:i,s:o,s:s,s:o,s:o,s:o}", "first", one->first,
					"last", one->last, "protocols", protocols_of(one), "origin",
					drive_origin_word(one->origin), "guest",
					text_of(rows->list[i].guest), "since",
					one->since_s ? json_integer(one->since_s) : json_null(),
					"note", text_of(one->note)));
	}
	document = json_pack("{s:i,s:o}", "v", VIEW_JSON_VERSION, "reserved", list);
	result = json_dumpf(document, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(document);
	return result;
}

static const char *since_text(char *out, size_t size, int64_t since_s)
{
	time_t since = (time_t)since_s;
	struct tm when;

	if (!since || !localtime_r(&since, &when) || !strftime(out, size, "%Y-%m-%d %H:%M", &when))
		snprintf(out, size, "-");
	return out;
}

static void print_row(struct view_table *table, const struct row *row)
{
	static const char *const protocols[] = { "", "tcp", "udp", "tcp,udp" };
	struct drive_reservation range = row->what;
	char ports[DRIVE_RESERVATION_TEXT];
	char origin[DRIVE_NAME_SIZE + 16];
	char since[32];

	range.protocols = DRIVE_RESERVED_BOTH;
	snprintf(origin, sizeof(origin), "%s%s%s", drive_origin_word(row->what.origin),
		 *row->guest ? " " : "", row->guest);
	view_table_cell(table, drive_reservation_text(ports, &range));
	view_table_cell(table, protocols[row->what.protocols & DRIVE_RESERVED_BOTH]);
	view_table_cell(table, origin);
	view_table_cell(table, since_text(since, sizeof(since), row->what.since_s));
	view_table_cell(table, row->what.note);
}

static int print_table(const struct rows *rows, bool header)
{
	static const struct view_column columns[] = {
		{ .title = "PORTS" }, { .title = "PROTO" }, { .title = "ORIGIN" },
		{ .title = "SINCE" }, { .title = "NOTE" },
	};
	struct view_look look = cmd_look(stdout);
	struct view_table table;
	int result;

	look.header = header;
	view_table_begin(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < rows->count; i++)
		print_row(&table, &rows->list[i]);
	result = view_table_print(stdout, &table, &look, false);
	view_table_free(&table);
	return result;
}

int cmd_reserve_list(const char *guest, bool json, bool header)
{
	struct rows rows = { 0 };
	struct drive_error error;
	char hint[256];
	int result = guest ? add_guest(&rows, guest, true, &error) : 0;

	if (result < 0) {
		cmd_say("%s%s", error.text,
			result == -ENOENT ? cmd_names_hint(hint, sizeof(hint), guest) : "");
		free(rows.list);
		return result == -ENOENT ? CMD_REFUSED : CMD_FAILED;
	}
	if (!guest)
		add_here(&rows);
	if (rows.count)
		qsort(rows.list, rows.count, sizeof(rows.list[0]), compare);
	result = json ? print_json(&rows) : print_table(&rows, header);
	free(rows.list);
	if (result == 0 && fflush(stdout) == 0)
		return CMD_OK;
	cmd_say("cannot write the list");
	return CMD_FAILED;
}
