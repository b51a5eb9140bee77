/* SPDX-License-Identifier: BSD-2-Clause */
/* All about a port, gathered. */
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
	return cardsfile_open(&cards, "webmin 10000/tcp\nwhois 43/tcp nicname\nhttp 80/tcp www\n");
}

static int teardown(void **state)
{
	(void)state;
	cmd_cards_close(&cards);
	return 0;
}

static void a_number_is_told_of_for_both(void **state)
{
	(void)state;
	assert_int_equal(cardsfile_find(&cards, "80"), 3);
	assert_int_equal(cards.count, 3);
	assert_int_equal(cards.list[0].proto, MINATO_TCP);
	assert_int_equal(cards.list[1].proto, MINATO_UDP);
	assert_int_equal(cards.list[2].proto, MINATO_SERVICE_PROTO_SCTP);
	assert_int_equal(cards.list[0].name_count, 3);
	assert_string_equal(cards.list[0].names[0], "http");
	assert_string_equal(cards.list[0].names[1], "www");
	assert_string_equal(cards.list[0].text, "World Wide Web HTTP");
	assert_int_equal(cards.list[0].state, MINATO_SERVICE_ASSIGNED);
}

static void a_description_is_of_its_service(void **state)
{
	(void)state;
	cardsfile_find(&cards, "10000/tcp");
	assert_string_equal(cards.list[0].names[0], "webmin");
	assert_string_equal(cards.list[0].text,
			    "(of IANA's ndmp: Network Data Management Protocol)");
	/* The file has IANA's name too: the same service. */
	cardsfile_find(&cards, "43/tcp");
	assert_string_equal(cards.list[0].names[0], "whois");
	assert_string_equal(cards.list[0].text, "Who Is");
}

static void kernels_have_rules(void **state)
{
	(void)state;
	assert_true(cmd_card_privileged(&cards, 1023));
	assert_false(cmd_card_privileged(&cards, 1024));
	assert_false(cmd_card_ephemeral(&cards, 32767));
	assert_true(cmd_card_ephemeral(&cards, 32768));
	assert_true(cmd_card_ephemeral(&cards, 60999));
	assert_false(cmd_card_ephemeral(&cards, 61000));
}

static void holders_stand_at_their_card(void **state)
{
	struct cmd_holder list[] = {
		{ .port = 80, .proto = MINATO_TCP, .uid = 1 },
		{ .port = 80, .proto = MINATO_TCP, .uid = 2 },
		{ .port = 80, .proto = MINATO_UDP, .uid = 3 },
		{ .port = 81, .proto = MINATO_TCP, .uid = 4 },
	};

	(void)state;
	cards.holders = (struct cmd_holders){ list, 4, 4, false };
	cardsfile_find(&cards, "80");
	assert_int_equal(cards.list[0].holder_count, 2);
	assert_int_equal(cards.list[0].holders[1].uid, 2);
	assert_int_equal(cards.list[1].holder_count, 1);
	assert_int_equal(cards.list[1].holders[0].uid, 3);
	assert_int_equal(cards.list[2].holder_count, 0);
	cards.holders = (struct cmd_holders){ 0 };
}

static void protocols_have_words(void **state)
{
	(void)state;
	assert_int_equal(cmd_protocol(0), MINATO_TCP);
	assert_string_equal(cmd_protocol_word(MINATO_UDP), "udp");
	assert_string_equal(cmd_protocol_word(MINATO_SERVICE_PROTO_DCCP), "dccp");
	assert_string_equal(cmd_protocol_word(0), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_told_of_for_both),
		cmocka_unit_test(a_description_is_of_its_service),
		cmocka_unit_test(kernels_have_rules),
		cmocka_unit_test(holders_stand_at_their_card),
		cmocka_unit_test(protocols_have_words),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
