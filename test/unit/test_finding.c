/* SPDX-License-Identifier: BSD-2-Clause */
/* Which ports are meant by numbers, names and words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/see/services.h"

#include "cardsfile.h"

static struct cmd_cards cards;

static int setup(void **state)
{
	(void)state;
	return cardsfile_open(&cards, "my-service 4711/tcp\nmine 4712/udp my-alias\n");
}

static int teardown(void **state)
{
	(void)state;
	cmd_cards_close(&cards);
	return 0;
}

static int parse(struct cmd_wanted *wanted, const char *word, struct drive_error *error)
{
	char copy[512];
	char *list[2] = { copy, NULL };
	struct cmd_operands operands = { 1, list };

	snprintf(copy, sizeof(copy), "%s", word);
	return cmd_finding_parse(wanted, &operands, &cards, error);
}

static void assert_sought(const char *word, enum cmd_sought sought, uint16_t first, uint16_t last,
			  uint32_t protocols)
{
	struct drive_error error;
	struct cmd_wanted wanted;

	assert_int_equal(parse(&wanted, word, &error), 0);
	assert_int_equal(wanted.sought, sought);
	assert_int_equal(wanted.first, first);
	assert_int_equal(wanted.last, last);
	assert_int_equal(wanted.protocols, protocols);
}

static void what_is_understood(void **state)
{
	(void)state;
	assert_sought("80", CMD_SOUGHT_PORT, 80, 80, 0);
	assert_sought("0", CMD_SOUGHT_PORT, 0, 0, 0);
	assert_sought("65535/udp", CMD_SOUGHT_PORT, 65535, 65535, MINATO_SERVICE_UDP);
	assert_sought("20-25", CMD_SOUGHT_RANGE, 20, 25, 0);
	assert_sought("20-25/TCP", CMD_SOUGHT_RANGE, 20, 25, MINATO_SERVICE_TCP);
	assert_sought("80/tcp,udp", CMD_SOUGHT_PORT, 80, 80,
		      MINATO_SERVICE_TCP | MINATO_SERVICE_UDP);
	assert_sought("80/tcp,", CMD_SOUGHT_WORDS, 0, 65535, 0);
	assert_sought("80/tcp,x", CMD_SOUGHT_WORDS, 0, 65535, 0);
	assert_sought("http", CMD_SOUGHT_NAME, 0, 65535, 0);
	assert_sought("HTTP/tcp", CMD_SOUGHT_NAME, 0, 65535, MINATO_SERVICE_TCP);
	assert_sought("my-alias", CMD_SOUGHT_NAME, 0, 65535, 0);
	assert_sought("EtherNet/IP-1", CMD_SOUGHT_NAME, 0, 65535, 0);
	assert_sought("914c-g", CMD_SOUGHT_NAME, 0, 65535, 0);
	assert_sought("htt", CMD_SOUGHT_WORDS, 0, 65535, 0);
	assert_sought("http*", CMD_SOUGHT_WORDS, 0, 65535, 0);
	assert_sought("remote desktop", CMD_SOUGHT_WORDS, 0, 65535, 0);
	assert_sought("99999x", CMD_SOUGHT_WORDS, 0, 65535, 0);
}

static void what_is_not(void **state)
{
	struct drive_error error;
	struct cmd_wanted wanted;
	char endless[400];

	(void)state;
	assert_true(parse(&wanted, "65536", &error) < 0);
	assert_string_equal(error.text, "65536: ports end at 65535");
	assert_true(parse(&wanted, "99999999999999999999", &error) < 0);
	assert_true(parse(&wanted, "1-70000", &error) < 0);
	assert_true(parse(&wanted, "25-20", &error) < 0);
	assert_string_equal(error.text, "25-20 runs backwards: write 20-25");
	assert_int_equal(parse(&wanted, "", &error), -EINVAL);
	memset(endless, 'a', sizeof(endless));
	endless[sizeof(endless) - 1] = 0;
	assert_int_equal(parse(&wanted, endless, &error), -EINVAL);
}

static size_t find(const char *words)
{
	return cardsfile_find(&cards, words);
}

static void names_prefixes_words(void **state)
{
	(void)state;
	assert_int_equal(find("ntp"), 2);
	assert_int_equal(cards.list[0].port, 123);
	assert_int_equal(find("my-"), 2);
	assert_int_equal(cards.list[0].port, 4711);
	assert_int_equal(cards.list[1].port, 4712);
	assert_int_equal(find("my-service/udp"), 0);
	/* What begins so comes before what is described so. */
	assert_true(find("tftp") == 2);
	assert_true(find("tftp*") > 2);
	assert_true(find("world wide web") >= 2);
	assert_int_equal(cards.list[0].port, 80);
	assert_int_equal(find("wide world qqq"), 0);
	assert_true(find("https*") < find("http*"));
	assert_int_equal(find("qqq*"), 0);
}

static void better_hits_first(void **state)
{
	bool described = false;

	(void)state;
	assert_true(find("telnet ") > 2 || find("teln") > 2);
	find("teln");
	assert_string_equal(cards.list[0].names[0], "telnet");
	for (size_t i = 0; i < cards.count; i++) {
		bool begins = !strncmp(cards.list[i].names[0], "teln", 4);

		assert_false(begins && described);
		described = described || !begins;
	}
}

static void ranges_have_names_notes_holders(void **state)
{
	struct cmd_holder holder = { .port = 4809, .proto = MINATO_UDP };
	size_t before = find("4805-4812");

	(void)state;
	assert_int_equal(minato_service_state(MINATO_UDP, 4809), MINATO_SERVICE_UNASSIGNED);
	cards.holders = (struct cmd_holders){ &holder, 1, 1, false };
	assert_int_equal(find("4805-4812"), before + 1);
	cards.holders = (struct cmd_holders){ 0 };
	/* 24 has a note, but no name. */
	assert_int_equal(find("24-24/tcp"), 1);
}

static void all_that_have_a_name(void **state)
{
	(void)state;
	/* The 11,621 pairs that IANA has named, and one that only the file has. */
	assert_int_equal(find(""), 11622);
}

static void slips_of_the_finger(void **state)
{
	(void)state;
	assert_string_equal(cmd_finding_guess(&cards, "htpp"), "http");
	assert_string_equal(cmd_finding_guess(&cards, "TELNTE"), "telnet");
	assert_string_equal(cmd_finding_guess(&cards, "my-sevrice"), "my-service");
	assert_null(cmd_finding_guess(&cards, "xqzwvkj"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_understood),
		cmocka_unit_test(what_is_not),
		cmocka_unit_test(names_prefixes_words),
		cmocka_unit_test(better_hits_first),
		cmocka_unit_test(ranges_have_names_notes_holders),
		cmocka_unit_test(all_that_have_a_name),
		cmocka_unit_test(slips_of_the_finger),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
