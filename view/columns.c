/* SPDX-License-Identifier: BSD-2-Clause */
/* A table for the terminal: collects cells, then prints columns as wide as what is in them. */
#include "view/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 16

void view_table_begin(struct view_table *table, const struct view_column *columns, size_t count)
{
	*table = (struct view_table){ .columns = columns, .column_count = count };
}

/* Control characters, also those of UTF-8's C1 range (C2 80 to C2 9F), never reach a terminal. */
static void disarm(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at; at++) {
		if (*at < ' ' || *at == 0x7f)
			*at = '?';
		if (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
			at[0] = at[1] = '?';
	}
}

static bool grow(struct view_table *table)
{
	size_t room = table->cell_room ? table->cell_room * 2 : 256;
	char **cells = realloc(table->cells, room * sizeof(*cells));

	if (!cells)
		return false;
	table->cells = cells;
	table->cell_room = room;
	return true;
}

void view_table_cell(struct view_table *table, const char *text)
{
	char *copy = table->failed ? NULL : strdup(text);

	if (!copy || (table->cell_count == table->cell_room && !grow(table))) {
		free(copy);
		table->failed = true;
		return;
	}
	disarm(copy);
	table->cells[table->cell_count++] = copy;
}

/* Columns on the screen: bytes of UTF-8 that begin a character. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

/* How many bytes the first `width` characters take. */
static size_t bytes_of(const char *text, size_t width)
{
	size_t bytes = 0;

	while (text[bytes]) {
		if (((unsigned char)text[bytes] & 0xc0) != 0x80 && width-- == 0)
			break;
		bytes++;
	}
	return bytes;
}

struct layout {
	size_t width[COLUMNS_MAX];
	bool folded; /* the last column is on a line of its own */
	size_t last; /* width left for the last column when it is cut; 0: not cut */
};

static void measure(struct layout *layout, const struct view_table *table, bool header)
{
	*layout = (struct layout){ 0 };
	for (size_t i = 0; header && i < table->column_count; i++)
		layout->width[i] = width_of(table->columns[i].title);
	for (size_t i = 0; i < table->cell_count; i++) {
		size_t column = i % table->column_count;
		size_t width = width_of(table->cells[i]);

		if (width > layout->width[column])
			layout->width[column] = width;
	}
}

static void fit(struct layout *layout, const struct view_table *table, size_t width, bool fold)
{
	size_t last = table->column_count - 1;
	size_t before = 0;

	for (size_t i = 0; i < last; i++)
		before += layout->width[i] + !table->columns[i].glued;
	if (!width || before + layout->width[last] <= width)
		return;
	if (fold)
		layout->folded = true;
	else if (before < width)
		layout->last = width - before;
}

static void put_cell(FILE *out, const struct view_column *column, const char *text, size_t pad,
		     bool colour)
{
	const char *sgr = colour && column->colour ? column->colour(text) : NULL;

	if (column->right)
		fprintf(out, "%*s", (int)pad, "");
	if (sgr)
		fprintf(out, "\033[%sm%s\033[0m", sgr, text);
	else
		fputs(text, out);
}

static void put_last(FILE *out, const struct layout *layout, const char *text, size_t owed)
{
	if (!*text)
		return;
	if (layout->folded)
		fprintf(out, "\n\t%s", text);
	else if (layout->last)
		fprintf(out, "%*s%.*s", (int)owed, "", (int)bytes_of(text, layout->last), text);
	else
		fprintf(out, "%*s%s", (int)owed, "", text);
}

/* Spaces are owed until something follows them, so that no line ends in one. */
static void put_row(FILE *out, const struct view_table *table, const struct layout *layout,
		    const char *const *cells, bool colour)
{
	size_t last = table->column_count - 1;
	size_t owed = 0;

	for (size_t i = 0; i < last; i++) {
		const struct view_column *column = &table->columns[i];
		size_t pad = layout->width[i] - width_of(cells[i]);

		if (*cells[i]) {
			fprintf(out, "%*s", (int)owed, "");
			put_cell(out, column, cells[i], pad, colour);
			owed = column->right ? 0 : pad;
		} else {
			owed += pad;
		}
		owed += !column->glued;
	}
	put_last(out, layout, cells[last], owed);
	putc('\n', out);
}

static void put_header(FILE *out, const struct view_table *table, const struct layout *layout)
{
	const char *titles[COLUMNS_MAX];
	size_t shown = table->column_count - layout->folded;

	for (size_t i = 0; i < table->column_count; i++)
		titles[i] = i < shown ? table->columns[i].title : "";
	put_row(out, table, layout, titles, false);
}

int view_table_print(FILE *out, const struct view_table *table, const struct view_look *look,
		     bool fold)
{
	size_t rows = table->cell_count / table->column_count;
	struct layout layout;

	measure(&layout, table, look->header);
	if (!look->oneline)
		fit(&layout, table, look->width, fold);
	if (look->header)
		put_header(out, table, &layout);
	for (size_t i = 0; i < rows; i++) {
		char **cells = &table->cells[i * table->column_count];

		put_row(out, table, &layout, (const char *const *)cells, look->colour);
	}
	if (table->failed)
		return -ENOMEM;
	return ferror(out) ? -EIO : 0;
}

void view_table_free(struct view_table *table)
{
	for (size_t i = 0; i < table->cell_count; i++)
		free(table->cells[i]);
	free(table->cells);
	*table = (struct view_table){ 0 };
}
