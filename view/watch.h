/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A listing that is taken again and again: what is new, gone and changed since the last time.
 *
 * Rows are drawn by view_text, line by line, and compared as words: a line is the same row when
 * view_row_compare says so. What is new or gone is kept so for some turns, that eyes can follow.
 */
#ifndef MINATO_WATCH_H
#define MINATO_WATCH_H

#include "view/view.h"

/* For so many turns what is gone is still shown, and what is new is marked. */
#define WATCH_TURNS 3

enum watch_mark {
	WATCH_SAME,
	WATCH_NEW,
	WATCH_CHANGED,
	WATCH_GONE,
};

struct watch_line {
	struct view_row key;  /* with nothing borrowed in it */
	char *text, *before;  /* as drawn now and, if CHANGED, the last time */
	enum watch_mark mark; /* what happened to it in the last turn; GONE stays */
	unsigned turns;	      /* so many more it is shown as new or gone */
};

struct watch {
	struct view_look look;
	char *heading;		  /* the line over the others, or empty */
	struct watch_line *lines; /* in the order of view_row_compare */
	size_t count;
	size_t came, went, differ; /* in the last turn */
	uint64_t turn;		   /* how many there were */
	/* A turn that is under way. */
	struct watch_line *next;
	size_t next_count, next_room;
	struct view_look drawn_look;
	struct view_stream *stream;
	FILE *paper;
	char *drawn;
	size_t drawn_size;
	bool failed; /* memory ran out */
};

/* `look` is copied. Its width and colour are those of watch_draw; its header is not heeded. */
void watch_init(struct watch *watch, const struct view_look *look);
void watch_free(struct watch *watch);
/* A turn: begin, each row once, end. End returns 0 or -ENOMEM; then the last turn stands. */
void watch_begin(struct watch *watch);
void watch_row(struct watch *watch, const struct view_row *row);
int watch_end(struct watch *watch);

/*
 * Draws at most `room` lines from the one at `first` on, each cut to the width (0: not) with a mark
 * before it: "+", "-", "~" for changed, or a space. In colour new ones are green, gone ones red,
 * and words that have changed bold. Nothing stands behind a line but "\r\n" after what clears the
 * rest of it on a terminal.
 */
void watch_draw(FILE *out, const struct watch *watch, size_t first, size_t room);
/* The heading, cut and ended the same way. */
void watch_draw_heading(FILE *out, const struct watch *watch);
/* Of the last turn what is new, gone and changed, one line each; in the first turn everything. */
void watch_tell(FILE *out, const struct watch *watch);

#endif
