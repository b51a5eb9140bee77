/* SPDX-License-Identifier: BSD-2-Clause */
/* What has changed between two listings, and how that is shown. */
#include "view/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GREEN "\033[32m"
#define RED "\033[31m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"
/* The rest of the line on a terminal, then the next one. */
#define NEXT_LINE "\033[K\r\n"

void watch_init(struct watch *watch, const struct view_look *look)
{
	*watch = (struct watch){ .look = *look };
}

static void free_lines(struct watch_line *lines, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(lines[i].text);
		free(lines[i].before);
	}
	free(lines);
}

/* Ends a turn without using it. */
static void drop_turn(struct watch *watch)
{
	if (watch->stream)
		view_text.close(watch->stream);
	if (watch->paper)
		fclose(watch->paper);
	free(watch->drawn);
	free_lines(watch->next, watch->next_count);
	watch->stream = NULL;
	watch->paper = NULL;
	watch->drawn = NULL;
	watch->next = NULL;
	watch->next_count = watch->next_room = 0;
}

void watch_free(struct watch *watch)
{
	drop_turn(watch);
	free_lines(watch->lines, watch->count);
	free(watch->heading);
	*watch = (struct watch){ 0 };
}

/* ---- a turn ---- */

/* How the lines are drawn before they are cut and coloured. */
static struct view_look bare(const struct watch *watch)
{
	struct view_look look = watch->look;

	look.width = 0;
	look.colour = false;
	look.header = true;
	look.oneline = true;
	return look;
}

void watch_begin(struct watch *watch)
{
	drop_turn(watch);
	watch->failed = false;
	watch->drawn_look = bare(watch);
	watch->paper = open_memstream(&watch->drawn, &watch->drawn_size);
	if (watch->paper)
		watch->stream = view_text.open(watch->paper, &watch->drawn_look);
	watch->failed = !watch->stream;
}

void watch_row(struct watch *watch, const struct view_row *row)
{
	struct watch_line *line;

	if (!watch->failed && watch->next_count == watch->next_room) {
		size_t room = watch->next_room ? watch->next_room * 2 : 256;
		struct watch_line *lines = realloc(watch->next, room * sizeof(*lines));

		watch->failed = !lines;
		if (lines) {
			watch->next = lines;
			watch->next_room = room;
		}
	}
	if (watch->failed || view_text.row(watch->stream, row)) {
		watch->failed = true;
		return;
	}
	line = &watch->next[watch->next_count++];
	*line = (struct watch_line){ .key = { .proto = row->proto, .listening = row->listening } };
	line->key.local = row->local;
	line->key.peer = row->peer;
	memcpy(line->key.guest, row->guest, sizeof(row->guest));
}

/* The next line of what was drawn, as a copy without its blanks at the end. */
static char *take_line(const char **at)
{
	size_t length = strcspn(*at, "\n");
	char *line = strndup(*at, length);

	*at += length + ((*at)[length] == '\n');
	return line;
}

static bool take_lines(struct watch *watch)
{
	const char *at = watch->drawn;

	free(watch->heading);
	watch->heading = take_line(&at);
	watch->failed |= !watch->heading;
	for (size_t i = 0; i < watch->next_count; i++) {
		watch->next[i].text = take_line(&at);
		watch->failed |= !watch->next[i].text;
	}
	return !watch->failed;
}

static int compare(const void *a, const void *b)
{
	const struct watch_line *x = a;
	const struct watch_line *y = b;

	return view_row_compare(&x->key, &y->key);
}

/* The same words, whatever blanks stand between them. */
static bool same_words(const char *a, const char *b)
{
	do {
		a += strspn(a, " ");
		b += strspn(b, " ");
		while (*a && *a != ' ' && *a == *b) {
			a++;
			b++;
		}
		if ((*a && *a != ' ') || (*b && *b != ' '))
			return false;
	} while (*a && *b);
	return !a[strspn(a, " ")] && !b[strspn(b, " ")];
}

static void is_new(struct watch *watch, struct watch_line *line)
{
	/* What the first turn finds was there before. */
	if (!watch->turn)
		return;
	line->mark = WATCH_NEW;
	line->turns = WATCH_TURNS;
	watch->came++;
}

/* `last` is the same row one turn ago. */
static void is_still_there(struct watch *watch, struct watch_line *line, struct watch_line *last)
{
	if (last->mark == WATCH_GONE) {
		is_new(watch, line);
		return;
	}
	if (!same_words(line->text, last->text)) {
		line->mark = WATCH_CHANGED;
		line->before = last->text;
		last->text = NULL;
		watch->differ++;
	}
	line->turns = last->turns ? last->turns - 1 : 0;
}

/* Whether it is still to be shown. */
static bool is_gone(struct watch *watch, struct watch_line *line)
{
	if (line->mark != WATCH_GONE) {
		line->mark = WATCH_GONE;
		line->turns = WATCH_TURNS;
		watch->went++;
		return true;
	}
	return --line->turns > 0;
}

/* Both lists are in order; rows that look the same are paired as they come. */
static void merge(struct watch *watch, struct watch_line *merged)
{
	size_t old = 0;
	size_t new = 0;
	size_t count = 0;

	while (old < watch->count || new < watch->next_count) {
		struct watch_line *last = old < watch->count ? &watch->lines[old] : NULL;
		struct watch_line *line = new < watch->next_count ? &watch->next[new] : NULL;
		int order = !last ? 1 : !line ? -1 : compare(last, line);

		if (order < 0) {
			if (is_gone(watch, last)) {
				merged[count++] = *last;
				last->text = last->before = NULL;
			}
			old++;
			continue;
		}
		if (order > 0) {
			is_new(watch, line);
		} else {
			is_still_there(watch, line, last);
			old++;
		}
		merged[count++] = *line;
		line->text = line->before = NULL;
		new ++;
	}
	free_lines(watch->lines, watch->count);
	watch->lines = merged;
	watch->count = count;
}

int watch_end(struct watch *watch)
{
	struct watch_line *merged;

	if (watch->stream && view_text.close(watch->stream))
		watch->failed = true;
	watch->stream = NULL;
	if (watch->paper && fclose(watch->paper))
		watch->failed = true;
	watch->paper = NULL;
	merged = calloc(watch->count + watch->next_count + 1, sizeof(*merged));
	if (!merged || watch->failed || !take_lines(watch)) {
		free(merged);
		drop_turn(watch);
		return -ENOMEM;
	}
	if (watch->next_count)
		qsort(watch->next, watch->next_count, sizeof(*watch->next), compare);
	watch->came = watch->went = watch->differ = 0;
	merge(watch, merged);
	watch->turn++;
	drop_turn(watch);
	return 0;
}

/* ---- showing ---- */

static char sign_of(enum watch_mark mark)
{
	switch (mark) {
	case WATCH_SAME:
		return ' ';
	case WATCH_NEW:
		return '+';
	case WATCH_CHANGED:
		return '~';
	case WATCH_GONE:
		return '-';
	}
	return '?';
}

/* What is new stays so for some turns. */
static enum watch_mark shown_mark(const struct watch_line *line)
{
	return line->mark != WATCH_GONE && line->turns ? WATCH_NEW : line->mark;
}

/* The word that stands in the same place of the last line; past its end, an empty one. */
static const char *word_before(const char **before, size_t *length)
{
	const char *word = *before + strspn(*before, " ");

	*length = strcspn(word, " ");
	*before = word + *length;
	return word;
}

/* Word by word, those in bold that were another before. */
static void put_changed(FILE *out, const char *text, size_t length, const char *before)
{
	size_t at = 0;

	while (at < length) {
		size_t blanks = strspn(text + at, " ");
		size_t word = strcspn(text + at + blanks, " ");
		size_t old_length;
		const char *old = word_before(&before, &old_length);
		bool same = old_length == word && !strncmp(old, text + at + blanks, word);
		size_t shown = blanks + word < length - at ? blanks + word : length - at;

		fprintf(out, "%s%.*s%s", same ? "" : BOLD, (int)shown, text + at,
			same ? "" : PLAIN);
		at += shown;
	}
}

static size_t cut(const struct watch *watch, const char *text, size_t taken)
{
	size_t width = watch->look.width;

	if (!width)
		return strlen(text);
	return view_bytes_of(text, width > taken ? width - taken : 0);
}

static void draw_line(FILE *out, const struct watch *watch, const struct watch_line *line)
{
	size_t length = cut(watch, line->text, 2);
	enum watch_mark mark = shown_mark(line);
	const char *colour = mark == WATCH_NEW ? GREEN : mark == WATCH_GONE ? RED : "";

	if (!watch->look.colour)
		colour = "";
	fprintf(out, "%s%c ", colour, sign_of(mark));
	if (mark == WATCH_CHANGED && watch->look.colour)
		put_changed(out, line->text, length, line->before);
	else
		fprintf(out, "%.*s", (int)length, line->text);
	fprintf(out, "%s" NEXT_LINE, *colour ? PLAIN : "");
}

void watch_draw_heading(FILE *out, const struct watch *watch)
{
	const char *text = watch->heading ? watch->heading : "";

	fprintf(out, "  %.*s" NEXT_LINE, (int)cut(watch, text, 2), text);
}

void watch_draw(FILE *out, const struct watch *watch, size_t first, size_t room)
{
	for (size_t i = first; i < watch->count && i - first < room; i++)
		draw_line(out, watch, &watch->lines[i]);
}

void watch_tell(FILE *out, const struct watch *watch)
{
	for (size_t i = 0; i < watch->count; i++) {
		const struct watch_line *line = &watch->lines[i];
		bool old = line->mark == WATCH_GONE && line->turns < WATCH_TURNS;

		if (watch->turn == 1 || (line->mark != WATCH_SAME && !old))
			fprintf(out, "%c %s\n", sign_of(line->mark), line->text);
	}
}
