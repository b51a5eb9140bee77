/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table for the terminal: collects cells, then prints columns as wide as what is in them. The
 * text of all cells is one piece of memory, which is used again after each print.
 */
#include "view/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void view_table_begin(struct view_table *table, const struct view_column *columns, size_t count)
{
	*table = (struct view_table){ .columns = columns, .column_count = count };
}

/* Control characters, also those of UTF-8's C1 range (C2 80 to C2 9F), never reach a terminal. */
void view_disarm(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at; at++) {
		if (*at < ' ' || *at == 0x7f)
			*at = '?';
		if (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
			at[0] = at[1] = '?';
	}
}

/* Makes room for one more of `size` bytes each; doubles, so that few copies are made. */
static bool grow(void **memory, size_t *room, size_t needed, size_t size)
{
	size_t wanted = *room ? *room : 256;
	void *more;

	if (needed <= *room)
		return true;
	while (wanted < needed)
		wanted *= 2;
	more = realloc(*memory, wanted * size);
	if (!more)
		return false;
	*memory = more;
	*room = wanted;
	return true;
}

void view_table_cell(struct view_table *table, const char *text)
{
	size_t size = strlen(text) + 1;

	if (table->failed ||
	    !grow((void **)&table->text, &table->text_room, table->text_used + size, 1) ||
	    !grow((void **)&table->cells, &table->cell_room, table->cell_count + 1,
		  sizeof(*table->cells))) {
		table->failed = true;
		return;
	}
	memcpy(table->text + table->text_used, text, size);
	view_disarm(table->text + table->text_used);
	table->cells[table->cell_count++] = (uint32_t)table->text_used;
	table->text_used += size;
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
size_t view_bytes_of(const char *text, size_t width)
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
	const size_t *width;
	size_t last;  /* the last column that is beside the others */
	bool folded;  /* that one is on a line of its own */
	size_t cut;   /* width left for it; 0: it is not cut */
	bool oneline; /* what is below the row follows it instead */
};

/* Widths only grow: what was printed before has set them. */
static void measure(struct view_table *table, bool header)
{
	for (size_t i = 0; header && i < table->column_count; i++) {
		size_t width = width_of(table->columns[i].title);

		if (width > table->width[i])
			table->width[i] = width;
	}
	for (size_t i = 0; i < table->cell_count; i++) {
		size_t column = i % table->column_count;
		size_t width = width_of(table->text + table->cells[i]);

		if (width > table->width[column])
			table->width[column] = width;
	}
}

static struct layout fit(const struct view_table *table, const struct view_look *look, bool fold)
{
	struct layout layout = { .width = table->width, .oneline = look->oneline };
	size_t before = 0;

	layout.last = table->column_count - 1;
	while (layout.last > 0 && table->columns[layout.last].below)
		layout.last--;
	for (size_t i = 0; i < layout.last; i++)
		before += layout.width[i] + !table->columns[i].glued;
	if (look->oneline || !look->width || before + layout.width[layout.last] <= look->width)
		return layout;
	if (fold)
		layout.folded = true;
	else if (before < look->width)
		layout.cut = look->width - before;
	return layout;
}

static void put_spaces(FILE *out, size_t count)
{
	for (; count; count--)
		putc_unlocked(' ', out);
}

static void put_cell(FILE *out, const struct view_column *column, const char *text, size_t pad,
		     bool colour)
{
	const char *sgr = colour && column->colour ? column->colour(text) : NULL;

	if (column->right)
		put_spaces(out, pad);
	if (sgr)
		fprintf(out, "\033[%sm", sgr);
	fputs_unlocked(text, out);
	if (sgr)
		fputs_unlocked("\033[0m", out);
}

static void put_last(FILE *out, const struct layout *layout, const char *text, size_t owed)
{
	if (!*text)
		return;
	if (layout->folded) {
		fputs_unlocked("\n\t", out);
		owed = 0;
	}
	put_spaces(out, owed);
	if (layout->cut)
		fwrite_unlocked(text, 1, view_bytes_of(text, layout->cut), out);
	else
		fputs_unlocked(text, out);
}

/* Spaces are owed until something follows them, so that no line ends in one. */
static void put_row(FILE *out, const struct view_table *table, const struct layout *layout,
		    const char *const *cells, bool colour)
{
	size_t owed = 0;

	for (size_t i = 0; i < layout->last; i++) {
		const struct view_column *column = &table->columns[i];
		size_t pad = layout->width[i] - width_of(cells[i]);

		if (*cells[i]) {
			put_spaces(out, owed);
			put_cell(out, column, cells[i], pad, colour);
			owed = column->right ? 0 : pad;
		} else {
			owed += pad;
		}
		owed += !column->glued;
	}
	put_last(out, layout, cells[layout->last], owed);
	for (size_t i = layout->last + 1; i < table->column_count; i++) {
		if (*cells[i]) {
			fputs_unlocked(layout->oneline ? " " : "\n\t", out);
			fputs_unlocked(cells[i], out);
		}
	}
	putc_unlocked('\n', out);
}

static void put_header(FILE *out, const struct view_table *table, const struct layout *layout)
{
	const char *titles[VIEW_COLUMNS_MAX];
	size_t shown = layout->last + !layout->folded;

	for (size_t i = 0; i < table->column_count; i++)
		titles[i] = i < shown ? table->columns[i].title : "";
	put_row(out, table, layout, titles, false);
}

int view_table_print(FILE *out, struct view_table *table, const struct view_look *look, bool fold)
{
	const char *cells[VIEW_COLUMNS_MAX];
	bool header = look->header && !table->begun;
	struct layout layout;

	measure(table, header);
	layout = fit(table, look, fold);
	if (header)
		put_header(out, table, &layout);
	for (size_t i = 0; i + table->column_count <= table->cell_count; i += table->column_count) {
		for (size_t k = 0; k < table->column_count; k++)
			cells[k] = table->text + table->cells[i + k];
		put_row(out, table, &layout, cells, look->colour);
	}
	table->begun = true;
	table->text_used = table->cell_count = 0;
	if (table->failed)
		return -ENOMEM;
	return ferror(out) ? -EIO : 0;
}

void view_table_free(struct view_table *table)
{
	free(table->text);
	free(table->cells);
	*table = (struct view_table){ 0 };
}
