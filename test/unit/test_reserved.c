/* SPDX-License-Identifier: BSD-2-Clause */
/* Reserved ports: their text, and files of them, right and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drive/reserved.h"

static char path[] = "/tmp/minato-reserved.XXXXXX";
static struct drive_reserved reserved;
static char wrong[1024]; /* all that was said, a line each */

static void note_wrong(void *user, const char *text)
{
	(void)user;
	strncat(wrong, text, sizeof(wrong) - strlen(wrong) - 1);
	strncat(wrong, "\n", sizeof(wrong) - strlen(wrong) - 1);
}

static int setup(void **state)
{
	(void)state;
	reserved = (struct drive_reserved){ 0 };
	wrong[0] = 0;
	memcpy(path + strlen(path) - 6, "XXXXXX", 6);
	close(mkstemp(path));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	drive_reserved_free(&reserved);
	unlink(path);
	return 0;
}

static void read_text(const char *text)
{
	FILE *file = fopen(path, "w");
	struct drive_error error;

	fputs(text, file);
	fclose(file);
	assert_int_equal(drive_reserved_file(&reserved, path, DRIVE_ORIGIN_USER, note_wrong, NULL,
					     &error),
			 0);
}

static void assert_parsed(const char *text, unsigned first, unsigned last, unsigned protocols)
{
	struct drive_reservation got;
	struct drive_error error;

	if (drive_reservation_parse(&got, text, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(got.first, first);
	assert_int_equal(got.last, last);
	assert_int_equal(got.protocols, protocols);
}

static void ranges_are_parsed(void **state)
{
	(void)state;
	assert_parsed("1", 1, 1, DRIVE_RESERVED_BOTH);
	assert_parsed("65535/tcp", 65535, 65535, DRIVE_RESERVED_TCP);
	assert_parsed("8000-8099/udp", 8000, 8099, DRIVE_RESERVED_UDP);
	assert_parsed("8000-8000/both", 8000, 8000, DRIVE_RESERVED_BOTH);
}

static void others_are_refused(void **state)
{
	static const char *const texts[] = {
		"",	 "0",	    "65536",  "-1",  "1-",  "-",	  "1-65536",
		"80/",	 "80/sctp", "80/TCP", "80 ", " 80", "80-90-100",  "8O",
		"90-80", "80x",	    "80,81",  "+80", "0-5", "80/tcp/udp", "99999999999999999999",
	};
	struct drive_reservation got;
	struct drive_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (drive_reservation_parse(&got, texts[i], &error) != -EINVAL)
			fail_msg("taken: %s", texts[i]);
	}
	drive_reservation_parse(&got, "90-80", &error);
	assert_non_null(strstr(error.text, "reversed"));
}

static void text_is_parsed_again(void **state)
{
	static const char *const texts[] = { "80", "80/tcp", "80-90/udp", "1-65535" };
	struct drive_reservation got;
	char text[DRIVE_RESERVATION_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(drive_reservation_parse(&got, texts[i], NULL), 0);
		assert_string_equal(drive_reservation_text(text, &got), texts[i]);
	}
}

static struct drive_reservation range(const char *text)
{
	struct drive_reservation got;

	assert_int_equal(drive_reservation_parse(&got, text, NULL), 0);
	return got;
}

static void ranges_are_compared(void **state)
{
	struct drive_reservation run = range("8000-8099/tcp");
	struct drive_reservation both = range("8000-8099");
	struct drive_reservation one = range("8099/tcp");
	struct drive_reservation beyond = range("8099-8100/tcp");
	struct drive_reservation udp = range("8050/udp");

	(void)state;
	assert_true(drive_reservation_covers(&run, &one));
	assert_true(drive_reservation_covers(&both, &udp));
	assert_false(drive_reservation_covers(&run, &udp));
	assert_false(drive_reservation_covers(&run, &both));
	assert_false(drive_reservation_covers(&run, &beyond));
	assert_true(drive_reservation_meets(&run, &beyond));
	assert_false(drive_reservation_meets(&run, &udp));
	assert_true(drive_reservation_same(&run, &run));
	assert_false(drive_reservation_same(&run, &both));
}

static void a_file_is_read(void **state)
{
	(void)state;
	read_text("# what people write\n"
		  "\n"
		  "8080/tcp since=2026-11-26T10:00:00Z staging web # 2\n"
		  "\t 9000-9099\t\n"
		  "53/udp   a note without time\r\n"
		  "  # indented\n"
		  "7000");
	assert_string_equal(wrong, "");
	assert_int_equal(reserved.count, 4);
	assert_int_equal(reserved.list[0].since_s, 1795687200);
	assert_string_equal(reserved.list[0].note, "staging web # 2");
	assert_int_equal(reserved.list[1].last, 9099);
	assert_int_equal(reserved.list[1].since_s, 0);
	assert_string_equal(reserved.list[1].note, "");
	assert_string_equal(reserved.list[2].note, "a note without time");
	assert_int_equal(reserved.list[3].first, 7000);
	assert_int_equal(reserved.list[3].origin, DRIVE_ORIGIN_USER);
}

static void wrong_lines_are_said_and_passed_over(void **state)
{
	char place[64];

	(void)state;
	read_text("80\nhttp\n81 since=yesterday\n82\n83-82\n");
	assert_int_equal(reserved.count, 2);
	assert_int_equal(reserved.list[1].first, 82);
	for (int line = 2; line <= 5; line++) {
		snprintf(place, sizeof(place), "%s:%d: ", path, line);
		assert_int_equal(strstr(wrong, place) != NULL, line != 4);
	}
	assert_non_null(strstr(wrong, "'http' is no port"));
	assert_non_null(strstr(wrong, "'yesterday' is no time"));
	assert_non_null(strstr(wrong, "reversed"));
}

static void notes_are_cut_and_cannot_steer_a_terminal(void **state)
{
	char text[400];

	(void)state;
	snprintf(text, sizeof(text), "80 \x1b[31m\n81 %0300d\n", 7);
	read_text(text);
	assert_string_equal(reserved.list[0].note, "?[31m");
	assert_int_equal(strlen(reserved.list[1].note), DRIVE_NOTE_SIZE - 1);
}

static void a_port_is_found(void **state)
{
	(void)state;
	read_text("80/tcp\n8000-8010/udp\n");
	assert_ptr_equal(drive_reserved_find(&reserved, 80, MINATO_TCP), &reserved.list[0]);
	assert_null(drive_reserved_find(&reserved, 80, MINATO_UDP));
	assert_non_null(drive_reserved_find(&reserved, 8000, MINATO_UDP));
	assert_non_null(drive_reserved_find(&reserved, 8010, MINATO_UDP));
	assert_null(drive_reserved_find(&reserved, 8011, MINATO_UDP));
	assert_null(drive_reserved_find(&reserved, 7999, MINATO_UDP));
}

static void no_file_is_no_failure(void **state)
{
	struct drive_error error;

	(void)state;
	assert_int_equal(drive_reserved_file(&reserved, "/nowhere/at/all", DRIVE_ORIGIN_USER,
					     note_wrong, NULL, &error),
			 0);
	assert_int_equal(drive_reserved_file(&reserved, "/etc/passwd/x", DRIVE_ORIGIN_USER,
					     note_wrong, NULL, &error),
			 0);
	/* But one that cannot be read is. */
	assert_true(drive_reserved_file(&reserved, "/tmp", DRIVE_ORIGIN_USER, note_wrong, NULL,
					&error) < 0);
	assert_non_null(strstr(error.text, "/tmp"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ranges_are_parsed),
		CASE(others_are_refused),
		CASE(text_is_parsed_again),
		CASE(ranges_are_compared),
		CASE(a_file_is_read),
		CASE(wrong_lines_are_said_and_passed_over),
		CASE(notes_are_cut_and_cannot_steer_a_terminal),
		CASE(a_port_is_found),
		CASE(no_file_is_no_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
