/* SPDX-License-Identifier: BSD-2-Clause */
/* The world around a NAT under test: what goes in, what comes out, and what must always hold. */
#include "verify/rows.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* As long as a real NAT is waited for, in one piece. */
#define REAL_WAIT_S 33.0
/* A span that a row cannot do without is longer than this: it is not run. */
#define REAL_PASS_S 45.0

static void judge(struct verify_world *w, bool is_met, const char *format, va_list args)
{
	if (w->judged)
		return;
	w->judged = true;
	w->outcome.met = is_met;
	vsnprintf(w->outcome.why, sizeof(w->outcome.why), format, args);
}

void row_met(struct verify_world *w, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	judge(w, true, format, args);
	va_end(args);
}

void row_deviates(struct verify_world *w, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	judge(w, false, format, args);
	va_end(args);
}

bool row_begin(struct verify_world *w)
{
	struct drive_error error = { "" };
	int result = w->nat->start(w->nat->user, &w->setup, &error);

	if (w->begun && w->dump)
		fprintf(w->dump, "  -- begins anew\n");
	w->begun = true;
	w->now_s = 0;
	w->seen_count = 0;
	memset(w->next, 0, sizeof(w->next));
	if (result < 0)
		row_deviates(w, "%s", *error.text ? error.text : strerror(-result));
	return result == 0;
}

/* ---- what must hold of every packet that leaves ---- */

static bool is_inner(uint32_t addr)
{
	return addr >> 24 == 10;
}

static bool leaks(const struct verify_packet *p)
{
	struct verify_packet quoted;

	if (is_inner(p->src.addr) || is_inner(p->dst.addr))
		return true;
	return verify_is_error(p) && !verify_read_quoted(p, &quoted) &&
	       (is_inner(quoted.src.addr) || is_inner(quoted.dst.addr));
}

static void check(struct verify_world *w, enum verify_side side, const struct verify_packet *p,
		  const char *wrong)
{
	char text[VERIFY_TEXT_SIZE];

	if (!wrong && side == VERIFY_OUTSIDE && !w->may_leak && leaks(p))
		wrong = "an address of the inside is seen outside";
	if (wrong && !*w->fault)
		snprintf(w->fault, sizeof(w->fault), "%s: %s", wrong, verify_text(text, p));
}

static void dump(struct verify_world *w, const char *arrow, enum verify_side side,
		 const struct verify_packet *p)
{
	char text[VERIFY_TEXT_SIZE];

	if (w->dump)
		fprintf(w->dump, "  %10.3f  %-7s %s %s\n", w->now_s,
			side == VERIFY_INSIDE ? "inside" : "outside", arrow, verify_text(text, p));
}

/* ---- in and out ---- */

static void take_all(struct verify_world *w)
{
	uint8_t bytes[VERIFY_BYTES_MAX];
	enum verify_side side;
	size_t len;

	while ((len = w->nat->take(w->nat->user, &side, bytes, w->quick)) > 0) {
		struct seen *seen = &w->seen[w->seen_count < SEEN_MAX ? w->seen_count : SEEN_MAX];
		const char *wrong = verify_read(bytes, len, &seen->packet);

		seen->side = side;
		dump(w, "<-", side, &seen->packet);
		check(w, side, &seen->packet, wrong);
		w->seen_count += w->seen_count < SEEN_MAX;
	}
}

void row_put_more(struct verify_world *w, enum verify_side side, const struct verify_packet *p)
{
	uint8_t bytes[VERIFY_BYTES_MAX];
	size_t len = verify_build(p, bytes);

	dump(w, "->", side, p);
	w->nat->put(w->nat->user, side, bytes, len);
	take_all(w);
}

static void forget(struct verify_world *w)
{
	w->seen_count = 0;
	memset(w->next, 0, sizeof(w->next));
}

void row_put(struct verify_world *w, enum verify_side side, const struct verify_packet *p)
{
	forget(w);
	row_put_more(w, side, p);
}

const struct verify_packet *row_look(struct verify_world *w, enum verify_side side)
{
	for (size_t i = w->next[side]; i < w->seen_count; i++) {
		if (w->seen[i].side == side) {
			w->next[side] = i + 1;
			return &w->seen[i].packet;
		}
	}
	w->next[side] = w->seen_count;
	return NULL;
}

const struct verify_packet *row_through(struct verify_world *w, enum verify_side side,
					const struct verify_packet *p)
{
	row_put(w, side, p);
	return row_look(w, side == VERIFY_INSIDE ? VERIFY_OUTSIDE : VERIFY_INSIDE);
}

/* ---- time ---- */

void row_pass(struct verify_world *w, double seconds)
{
	forget(w);
	if (w->nat->real && seconds > REAL_PASS_S) {
		row_deviates(w, "not run: %g s of real time would pass", seconds);
		return;
	}
	w->nat->pass(w->nat->user, seconds);
	w->now_s += seconds;
	if (w->dump)
		fprintf(w->dump, "  %10.3f  %g s pass\n", w->now_s, seconds);
	take_all(w);
}

bool row_outlives(struct verify_world *w, enum verify_timer timer, double seconds,
		  enum verify_side side, const struct verify_packet *p)
{
	char name[80] = "";
	double limit;

	if (!w->nat->real || seconds <= REAL_WAIT_S) {
		row_pass(w, seconds);
		return row_through(w, side, p) != NULL;
	}
	limit = w->nat->timer(w->nat->user, timer, name, sizeof(name));
	if (limit < seconds && limit + 2 <= REAL_WAIT_S) {
		row_pass(w, limit + 2);
		snprintf(w->read, sizeof(w->read), "%s = %g s, waited for", name, limit);
		return row_through(w, side, p) != NULL;
	}
	snprintf(w->read, sizeof(w->read), "%s = %g s, read, not waited for", name, limit);
	return limit >= seconds;
}

double row_span(struct verify_world *w, enum verify_timer timer, double seconds)
{
	char name[80];

	return w->nat->real ? w->nat->timer(w->nat->user, timer, name, sizeof(name)) : seconds;
}

/* ---- a row ---- */

static void conclude(struct verify_world *w)
{
	struct verify_outcome *out = &w->outcome;
	size_t used = strlen(out->why);

	if (!w->judged)
		row_deviates(w, "the row came to no end");
	if (*w->fault) {
		out->met = false;
		snprintf(out->why, sizeof(out->why), "%s", w->fault);
	} else if (*w->read) {
		snprintf(out->why + used, sizeof(out->why) - used, " (%s)", w->read);
	}
}

void verify_run(const struct verify_row *row, struct verify_nat *nat, FILE *file,
		struct verify_outcome *out)
{
	struct verify_world *w = calloc(1, sizeof(*w));

	*out = (struct verify_outcome){ false, "out of memory" };
	if (w)
		w->seen = calloc(SEEN_MAX + 1, sizeof(*w->seen));
	if (w && w->seen) {
		w->nat = nat;
		w->dump = file;
		minato_nat_init(&w->setup.nat);
		row->run(w);
		conclude(w);
		nat->stop(nat->user);
		*out = w->outcome;
	}
	if (w)
		free(w->seen);
	free(w);
}

void verify_conclude(const bool *ran, struct verify_outcome *out)
{
	const struct verify_row *list = verify_find("6888-R1");
	struct verify_outcome *whole = &out[list - verify_rows];
	const char *first = NULL;
	size_t count = 0;

	for (size_t i = 0; i < verify_row_count && &verify_rows[i] != list; i++) {
		if (!ran[i] || out[i].met || verify_rows[i].level != VERIFY_MUST)
			continue;
		first = first ? first : verify_rows[i].id;
		count++;
	}
	if (!count || !whole->met)
		return;
	whole->met = false;
	snprintf(whole->why, sizeof(whole->why),
		 "of what the lists of UDP, TCP and ICMP want, %zu deviate%s: %s%s", count,
		 count == 1 ? "s" : "", first, count == 1 ? "" : " is the first");
}
