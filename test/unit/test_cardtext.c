/* SPDX-License-Identifier: BSD-2-Clause */
/* Cards for people. */
#include <stdio.h>
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
static char *text;

static int setup(void **state)
{
	(void)state;
	return cardsfile_open(&cards, "http 80/tcp web\nfsp 21/udp\n");
}

static int teardown(void **state)
{
	(void)state;
	cmd_cards_close(&cards);
	free(text);
	return 0;
}

enum form { SHOW, LIST, EXPORT };

static const char *print(const char *words, enum form form, size_t width)
{
	struct view_look look = { .width = width, .header = true };
	size_t size;
	FILE *out;

	free(text);
	text = NULL;
	assert_true(cardsfile_find(&cards, words) > 0);
	out = open_memstream(&text, &size);
	assert_non_null(out);
	if (form == SHOW)
		assert_int_equal(cmd_cards_show(out, &cards, &look), 0);
	else if (form == LIST)
		assert_int_equal(cmd_cards_list(out, &cards, &look), 0);
	else
		assert_int_equal(cmd_cards_export(out, &cards), 0);
	fclose(out);
	return text;
}

static void assert_has(const char *part)
{
	if (!strstr(text, part))
		fail_msg("no '%s' in:\n%s", part, text);
}

static void a_card_has_all(void **state)
{
	struct drive_reservation staging = {
		.first = 4000, .last = 4009, .protocols = DRIVE_RESERVED_UDP, .note = "staging"
	};

	(void)state;
	print("80", SHOW, 80);
	assert_has("http  80/tcp,udp,sctp\n");
	assert_has("    for        World Wide Web HTTP\n");
	assert_has("    also       web, www, www-http\n");
	assert_has("    kind       System Port (0-1023), privileged: below 1024, where\n"
		   "               CAP_NET_BIND_SERVICE is needed\n");
	assert_has("    IANA       assigned (list of 20");
	assert_has("    browsers   go there\n");
	assert_has("    ephemeral  no, outside 32768-60999, which this kernel chooses from\n");
	assert_has("    held       by nobody\n");
	assert_has("    risk       tcp: nothing is encrypted");
	print("0/tcp", SHOW, 80);
	assert_has("no name  0/tcp\n");
	assert_has("'choose one'");
	assert_has("reserved (list of");
	print("40000/tcp", SHOW, 80);
	assert_has("safetynetp  40000/tcp\n");
	assert_has("yes, in 32768-60999");
	print("65000/tcp", SHOW, 80);
	assert_has("never assigned: for private use");
	print("22/tcp", SHOW, 80);
	assert_has("refuse to go there");
	cards.reserved = (struct drive_reserved){ &staging, 1 };
	print("4004/tcp", SHOW, 80);
	assert_has("    reserved   4000-4009/udp (user: staging)");
	cards.reserved = (struct drive_reserved){ 0 };
}

static void what_differs_stands_apart(void **state)
{
	(void)state;
	print("21", SHOW, 80);
	assert_has("ftp  21/tcp\n");
	assert_has("\nfsp  21/udp\n");
	assert_has("(of IANA's ftp: ");
}

static void lines_fit_the_terminal(void **state)
{
	(void)state;
	for (const char *line = print("512", SHOW, 60); line; line = strchr(line, '\n')) {
		line += *line == '\n';
		assert_true(strcspn(line, "\n") <= 60);
	}
	for (const char *line = print("secure", LIST, 80); line; line = strchr(line, '\n')) {
		line += *line == '\n';
		assert_true(strcspn(line, "\n") <= 80);
	}
}

static void holders_are_told(void **state)
{
	struct cmd_holder list[20] = { 0 };

	(void)state;
	for (size_t i = 0; i < 20; i++) {
		list[i] = (struct cmd_holder){ .port = 8080, .proto = MINATO_TCP, .count = 1 };
		list[i].process.pid = (int)i + 1;
		list[i].processes = 1;
		snprintf(list[i].process.program, sizeof(list[i].process.program), "evil\033[31m");
	}
	snprintf(list[1].guest, sizeof(list[1].guest), "web");
	cards.holders = (struct cmd_holders){ list, 20, 20, false };
	print("8080/tcp", SHOW, 0);
	assert_has("held       evil?[31m (pid 1, user root) listens on");
	assert_has("guest web: evil?[31m (pid 2, user root) listens on");
	assert_has("and 8 more\n");
	print("8080-8080", LIST, 0);
	assert_has("evil?[31m");
	assert_null(strchr(text, '\033'));
	cards.holders = (struct cmd_holders){ 0 };
}

static void a_list_has_a_line_for_each(void **state)
{
	(void)state;
	print("20-23", LIST, 0);
	assert_has("Port ");
	assert_has("20/tcp,udp,sctp ftp-data -");
	assert_has("21/udp          fsp ");
}

static void an_export_reads_back(void **state)
{
	struct minato_services *services;
	size_t size;
	void *memory;

	(void)state;
	print("", EXPORT, 0);
	assert_has("http             80/tcp\tweb www www-http\t# World Wide Web HTTP\n");
	size = minato_services_size(text, strlen(text));
	memory = malloc(size);
	assert_int_equal(minato_services_create(memory, size, text, strlen(text), &services), 0);
	for (uint32_t port = 0; port <= UINT16_MAX; port++) {
		for (size_t p = 0; p < CMD_PROTOCOLS; p++) {
			uint8_t proto = cmd_protocol(p);
			const char *a = minato_services_name(cards.services, proto, (uint16_t)port);
			const char *b = minato_services_name(services, proto, (uint16_t)port);

			assert_int_equal(!a, !b);
			assert_true(!a || !strcmp(a, b));
		}
	}
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_card_has_all),
		cmocka_unit_test(what_differs_stands_apart),
		cmocka_unit_test(lines_fit_the_terminal),
		cmocka_unit_test(holders_are_told),
		cmocka_unit_test(a_list_has_a_line_for_each),
		cmocka_unit_test(an_export_reads_back),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
