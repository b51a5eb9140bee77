/* SPDX-License-Identifier: BSD-2-Clause */
/* What changes from one listing to the next, and how it is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "view/watch.h"

static struct view_row row_of(uint16_t port, const char *state)
{
	struct minato_endpoint end = { minato_addr4(10, 0, 0, 1), port };
	struct minato_endpoint peer = { minato_addr4(10, 0, 0, 2), 80 };
	struct view_row row = { .proto = MINATO_TCP, .kind = "host", .state = state, .age_ms = -1 };

	row.local = view_end_of(&end);
	row.peer = view_end_of(&peer);
	return row;
}

/* A turn in which these ports are connected; 0 ends them. */
static void turn(struct watch *watch, const uint16_t *ports, const char *state)
{
	watch_begin(watch);
	for (; *ports; ports++) {
		struct view_row row = row_of(*ports, state);

		watch_row(watch, &row);
	}
	assert_int_equal(watch_end(watch), 0);
}

#define PORTS(...) ((const uint16_t[]){ __VA_ARGS__, 0 })

typedef void put_fn(FILE *out, const struct watch *watch);

static char *put(put_fn *fn, const struct watch *watch)
{
	static char text[4096];
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_non_null(out);
	text[0] = 0;
	fn(out, watch);
	fclose(out);
	return text;
}

static void put_all(FILE *out, const struct watch *watch)
{
	watch_draw(out, watch, 0, SIZE_MAX);
}

/* "+1 -2 ~3": marks and ports of lines as they are shown; the ports have one digit. */
static void assert_marks(char *text, const char *wanted)
{
	char marks[256] = "";
	char *rest;

	for (char *line = strtok_r(text, "\r\n", &rest); line;
	     line = strtok_r(NULL, "\r\n", &rest)) {
		char *end = strstr(line, "10.0.0.1:");
		size_t used = strlen(marks);

		assert_non_null(end);
		snprintf(marks + used, sizeof(marks) - used, "%s%c%c", used ? " " : "", line[0],
			 end[9]);
	}
	assert_string_equal(marks, wanted);
}

static struct watch begun(const struct view_look *look)
{
	struct watch watch;

	watch_init(&watch, look);
	return watch;
}

static const struct view_look plain = { .header = true };

static void the_first_turn_is_all_as_it_was(void **state)
{
	struct watch watch = begun(&plain);

	(void)state;
	turn(&watch, PORTS(3, 1, 2), "ESTAB");
	assert_marks(put(put_all, &watch), " 1  2  3");
	assert_marks(put(watch_tell, &watch), " 1  2  3");
	assert_non_null(strstr(put(watch_draw_heading, &watch), "  Netid State"));
	watch_free(&watch);
}

static void what_comes_is_new_for_some_turns(void **state)
{
	struct watch watch = begun(&plain);

	(void)state;
	turn(&watch, PORTS(2), "ESTAB");
	turn(&watch, PORTS(1, 2), "ESTAB");
	assert_int_equal(watch.came, 1);
	for (int i = 0; i < WATCH_TURNS; i++) {
		assert_marks(put(put_all, &watch), "+1  2");
		assert_marks(put(watch_tell, &watch), i ? "" : "+1");
		turn(&watch, PORTS(1, 2), "ESTAB");
		assert_int_equal(watch.came, 0);
	}
	assert_marks(put(put_all, &watch), " 1  2");
	watch_free(&watch);
}

static void what_goes_is_shown_for_some_turns(void **state)
{
	struct watch watch = begun(&plain);

	(void)state;
	turn(&watch, PORTS(1, 2), "ESTAB");
	turn(&watch, PORTS(2), "ESTAB");
	assert_int_equal(watch.went, 1);
	for (int i = 0; i < WATCH_TURNS; i++) {
		assert_marks(put(put_all, &watch), "-1  2");
		assert_marks(put(watch_tell, &watch), i ? "" : "-1");
		turn(&watch, PORTS(2), "ESTAB");
		assert_int_equal(watch.went, 0);
	}
	assert_marks(put(put_all, &watch), " 2");
	/* Back again before it has vanished, it is new. */
	turn(&watch, PORTS(1, 2), "ESTAB");
	turn(&watch, PORTS(2), "ESTAB");
	turn(&watch, PORTS(1, 2), "ESTAB");
	assert_marks(put(put_all, &watch), "+1  2");
	watch_free(&watch);
}

static void what_changes_is_marked_once(void **state)
{
	struct watch watch = begun(&plain);

	(void)state;
	turn(&watch, PORTS(1, 2), "ESTAB");
	/* Wider columns alone are no change. */
	turn(&watch, PORTS(1, 2, 30000), "ESTAB");
	assert_int_equal(watch.differ, 0);
	turn(&watch, PORTS(1, 2, 30000), "CLOSE-WAIT");
	assert_int_equal(watch.differ, 3);
	assert_marks(put(watch_tell, &watch), "~1 ~2 ~3");
	turn(&watch, PORTS(1, 2, 30000), "CLOSE-WAIT");
	assert_marks(put(put_all, &watch), " 1  2 +3");
	watch_free(&watch);
}

static void rows_that_look_the_same_are_counted(void **state)
{
	struct watch watch = begun(&plain);

	(void)state;
	turn(&watch, PORTS(1, 1, 1), "ESTAB");
	turn(&watch, PORTS(1), "ESTAB");
	assert_int_equal(watch.went, 2);
	turn(&watch, PORTS(1, 1), "ESTAB");
	assert_int_equal(watch.came, 1);
	watch_free(&watch);
}

static void lines_are_cut_and_chosen(void **state)
{
	struct view_look look = { .header = true, .width = 20 };
	struct watch watch = begun(&look);
	char *text;

	(void)state;
	turn(&watch, PORTS(1, 2, 3, 4), "ESTAB");
	text = put(put_all, &watch);
	assert_int_equal(strcspn(text, "\033"), 20);
	assert_memory_equal(text + 20, "\033[K\r\n", 5);
	watch.look.width = 0;
	text = put(put_all, &watch);
	memset(text, 0, 4096);
	{
		FILE *out = fmemopen(text, 4096, "w");

		watch_draw(out, &watch, 1, 2);
		fclose(out);
	}
	assert_marks(text, " 2  3");
	watch_free(&watch);
}

static void colours_say_what_marks_say(void **state)
{
	struct view_look look = { .header = true, .colour = true };
	struct watch watch = begun(&look);
	const char *text;

	(void)state;
	turn(&watch, PORTS(1, 2), "ESTAB");
	turn(&watch, PORTS(2, 3), "LAST-ACK");
	text = put(put_all, &watch);
	assert_non_null(strstr(text, "\033[31m- tcp"));
	assert_non_null(strstr(text, "\033[32m+ tcp"));
	assert_non_null(strstr(text, "~ tcp\033[1m   LAST-ACK\033[0m"));
	watch_free(&watch);
}

static void a_turn_can_be_given_up(void **state)
{
	struct watch watch = begun(&plain);
	struct view_row row = row_of(1, "ESTAB");

	(void)state;
	turn(&watch, PORTS(1), "ESTAB");
	watch_begin(&watch);
	watch_row(&watch, &row);
	watch_begin(&watch);
	watch_row(&watch, &row);
	assert_int_equal(watch_end(&watch), 0);
	assert_marks(put(put_all, &watch), " 1");
	watch_begin(&watch);
	watch_row(&watch, &row);
	watch_free(&watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_turn_is_all_as_it_was),
		cmocka_unit_test(what_comes_is_new_for_some_turns),
		cmocka_unit_test(what_goes_is_shown_for_some_turns),
		cmocka_unit_test(what_changes_is_marked_once),
		cmocka_unit_test(rows_that_look_the_same_are_counted),
		cmocka_unit_test(lines_are_cut_and_chosen),
		cmocka_unit_test(colours_say_what_marks_say),
		cmocka_unit_test(a_turn_can_be_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
